"""Measuring quality: score cards against truth, and stability between two halves of the vessels.

Shapes are compared in a local metric plane. Every pairing is one to one and maximises the total agreement,
so that no berth is counted twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ais_berths.errors import EmptyInputError
from ais_berths.evaluate.card import (
    BerthScores,
    CallScores,
    Detection,
    OfficialScores,
    PointScores,
    ScoreCard,
    SplitHalfScores,
    StopScores,
)
from ais_berths.evaluate.official import compare_official, read_official
from ais_berths.evaluate.picture import plot_score
from ais_berths.evaluate.polygons import first_half, match_berths, score_berths, score_points, split_half
from ais_berths.evaluate.visits import score_calls, score_stops

if TYPE_CHECKING:
    from collections.abc import Collection

    import geopandas as gpd
    import pandas as pd

__all__ = [
    "BerthScores",
    "CallScores",
    "Detection",
    "OfficialScores",
    "PointScores",
    "ScoreCard",
    "SplitHalfScores",
    "StopScores",
    "Truth",
    "compare_official",
    "evaluate",
    "first_half",
    "match_berths",
    "plot_score",
    "read_official",
    "score_berths",
    "score_calls",
    "score_points",
    "score_stops",
    "split_half",
]


def evaluate(
    berths: gpd.GeoDataFrame,
    truth: Truth,
    stops: pd.DataFrame | None = None,
    calls: pd.DataFrame | None = None,
    *,
    uses: Collection[str] | None = None,
    near_m: float = 150.0,
) -> ScoreCard:
    """Score everything that `truth` knows about.

    Parameters
    ----------
    berths, stops, calls
        Tables of one run: ``BERTHS`` with geometry, ``STOPS``, ``BERTH_CALLS``.
    uses
        Score berths of these uses, and calls at them, only; see `score_berths` and `score_calls`.
    near_m
        Distance (m) within which a berth and a true point belong together.

    Raises
    ------
    EmptyInputError
        `truth` holds nothing that can be compared.
    """
    card: dict[str, Any] = {}
    pairs = None
    if truth.berths is not None:
        card["berths"] = score_berths(berths, truth.berths, truth.places, uses=uses)
        if "berth_id" in truth.berths:
            pairs = match_berths(berths, truth.berths)
    if truth.points is not None:
        card["points"] = score_points(berths, truth.points, near_m)
    if truth.stops is not None and stops is not None:
        card["stops"] = score_stops(stops, truth.stops)
    if truth.calls is not None and calls is not None:
        known = truth.calls if truth.berths is None else _with_use(truth.calls, truth.berths)
        card["calls"] = score_calls(_with_use(calls, berths), known, pairs, uses=uses)
    if not card:
        raise EmptyInputError(
            "there is nothing to compare: the truth holds no berths, points, stops or calls"
        )
    return ScoreCard(**card)


def _with_use(calls: pd.DataFrame, berths: gpd.GeoDataFrame) -> pd.DataFrame:
    """Calls with the use of their berths, where it is known."""
    if "berth_id" not in calls.columns or not {"berth_id", "use"} <= set(berths.columns):
        return calls
    use = berths.drop_duplicates("berth_id").set_index("berth_id")["use"]
    return calls.assign(use=calls["berth_id"].map(use))


@dataclass(frozen=True)
class Truth:
    """What is known to be true; leave out what is not known.

    Parameters
    ----------
    berths
        Polygons, with ``berth_kind``, ``berth_id`` and ``use`` where known. A continuous quay is one
        polygon.
    points
        Points (or lines) that stand for berths or docks.
    places
        Polygons with a column ``place`` or ``kind`` (anchorage, marina, fairway ...), to say where false
        berths lie.
    stops
        ``mmsi start_time end_time``, with ``kind lat lon`` where known.
    calls
        ``mmsi arrival_time departure_time``, with the ``berth_id`` of `berths` where known.
    """

    berths: gpd.GeoDataFrame | None = None
    points: gpd.GeoDataFrame | None = None
    places: gpd.GeoDataFrame | None = None
    stops: pd.DataFrame | None = None
    calls: pd.DataFrame | None = None

    @classmethod
    def of(cls, frame: gpd.GeoDataFrame) -> Truth:
        """Sort the rows of one file into polygons and points; those without a shape are left out."""
        frame = frame[frame.geometry.notna()]
        areas = frame.geometry.geom_type.isin(["Polygon", "MultiPolygon"])
        return cls(
            berths=frame[areas] if areas.any() else None, points=frame[~areas] if (~areas).any() else None
        )
