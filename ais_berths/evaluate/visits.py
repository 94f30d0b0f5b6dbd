"""Stops and berth calls against true ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths.evaluate.card import CallScores, StopScores
from ais_berths.evaluate.pairs import detect_of_use, detection, median, of_use, ratio, same_time, seconds
from ais_berths.geo import haversine_m
from ais_berths.pairs import one_to_one

if TYPE_CHECKING:
    from collections.abc import Collection

SAME_TIME_IOU = 0.5
"""Share of their common time that two stops or two calls of one vessel must have together."""

MAX_APART_M = 1000.0
"""Stops at the same time further apart than this are not one stop: two ships may share an MMSI."""

KINDS = ("moored", "anchored", "buoy")


def score_stops(stops: pd.DataFrame, truth: pd.DataFrame) -> StopScores:
    """Score stops against true stops of the same vessels.

    Two stops are one when they have the same ``mmsi``, share at least half of the time that either covers,
    and, where both tables have ``lat`` and ``lon``, lie within 1 km. A found stop lasts from its
    ``arrival_time`` to its ``departure_time`` where it has them, the times between two reports at which the
    ship is thought to have come and gone. The kind is judged on matched stops that are truly moored, anchored
    or at a buoy; figures are null where a table has no ``kind``.
    """
    pairs = same_time(_stays(stops), truth, "start_time", "end_time")
    if {"lat", "lon"} <= set(stops.columns) & set(truth.columns):
        here, there = stops.iloc[pairs["found"]], truth.iloc[pairs["true"]]
        apart = haversine_m(
            *(end[name].to_numpy(dtype=float) for end in (here, there) for name in ("lat", "lon"))
        )
        pairs = pairs[~(apart > MAX_APART_M)]
    chosen = pairs[one_to_one(pairs, "iou", SAME_TIME_IOU)]
    table = pd.DataFrame()
    if "kind" in stops.columns and "kind" in truth.columns:
        right = truth["kind"].to_numpy(dtype=object)[chosen["true"]]
        said = stops["kind"].to_numpy(dtype=object)[chosen["found"]]
        known = np.isin(right, KINDS)
        table = pd.crosstab(right[known], pd.Series(said[known]).fillna("none").to_numpy())
    agreed = np.array([table[kind].get(kind, 0) if kind in table else 0 for kind in table.index])
    totals = table.sum(axis=1).to_numpy()
    return StopScores(
        found=detection(len(chosen), len(stops), len(truth)),
        kind_accuracy=ratio(agreed.sum(), totals.sum()),
        kind_balanced_accuracy=float((agreed / totals).mean()) if len(totals) else float("nan"),
        kinds={str(kind): {str(k): int(n) for k, n in row.items() if n} for kind, row in table.iterrows()},
    )


def _stays(stops: pd.DataFrame) -> pd.DataFrame:
    """Stops from arrival to departure where these are known."""
    names = {"start_time": "arrival_time", "end_time": "departure_time"}
    known = {plain: better for plain, better in names.items() if {plain, better} <= set(stops.columns)}
    return stops.assign(**{plain: stops[better].fillna(stops[plain]) for plain, better in known.items()})


def score_calls(
    calls: pd.DataFrame,
    truth: pd.DataFrame,
    berth_pairs: pd.DataFrame | None = None,
    *,
    uses: Collection[str] | None = None,
) -> CallScores:
    """Score berth calls against true berth calls of the same vessels.

    Two calls are one when they have the same ``mmsi`` and share at least half of the time that either covers,
    from ``arrival_time`` to ``departure_time``.

    Parameters
    ----------
    berth_pairs
        Which found berth is which true one, from `match_berths`. A call is at the right berth when its
        ``berth_id`` is paired with that of the true call. Without it the berths are not judged.
    uses
        Score true calls at berths of these uses only (the column ``use`` of both tables). Found calls that
        pair with others are then left out, and so are those without a partner at a berth of another use.
    """
    pairs = same_time(calls, truth, "arrival_time", "departure_time")
    chosen = pairs[one_to_one(pairs, "iou", SAME_TIME_IOU)]
    asked, scored = of_use(truth, uses), of_use(calls, uses)
    found = detect_of_use(chosen, scored, asked)
    chosen = chosen[asked[chosen["true"]]]
    right = None
    if berth_pairs is not None and "berth_id" in calls.columns and "berth_id" in truth.columns:
        partner = dict(zip(berth_pairs["berth_id"], berth_pairs["true_berth_id"], strict=True))
        there = calls["berth_id"].iloc[chosen["found"]].map(partner)
        same = there.to_numpy(dtype=object) == truth["berth_id"].to_numpy(dtype=object)[chosen["true"]]
        right = detection(int(np.sum(same)), found.n_found, found.n_true)
    errors = [
        np.abs(seconds(calls[name])[chosen["found"]] - seconds(truth[name])[chosen["true"]])
        for name in ("arrival_time", "departure_time")
    ]
    return CallScores(
        found=found,
        right_berth=right,
        arrival_error_s=median(errors[0]),
        departure_error_s=median(errors[1]),
    )
