"""Berth polygons against true polygons and points, and against those of the other half of the vessels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from ais_berths.evaluate.card import BerthScores, PointScores, SplitHalfScores
from ais_berths.evaluate.pairs import detect_of_use, median, of_use, ratio
from ais_berths.pairs import flatten, one_to_one, overlaps
from ais_berths.schema import check_columns

if TYPE_CHECKING:
    from collections.abc import Collection

    import geopandas as gpd
    from numpy.typing import ArrayLike, NDArray

    from ais_berths.geo import Plane
    from ais_berths.pairs import Shapes

SAME_BERTH_IOU = 0.3
"""Intersection over union from which a found berth is taken for the true one it is paired with."""


def match_berths(
    berths: gpd.GeoDataFrame, truth: gpd.GeoDataFrame, min_iou: float = SAME_BERTH_IOU
) -> pd.DataFrame:
    """Pair found and true berths one to one, so that the sum of the intersections over unions is largest.

    Returns
    -------
    ``berth_id`` (found), ``true_berth_id``, ``iou``; only pairs of at least `min_iou`.
    """
    _, (found, true) = flatten(berths, truth)
    pairs = overlaps(found, true)
    chosen = pairs[one_to_one(pairs, "iou", min_iou)]
    return pd.DataFrame(
        {
            "berth_id": berths["berth_id"].to_numpy()[chosen["found"]],
            "true_berth_id": truth["berth_id"].to_numpy()[chosen["true"]],
            "iou": chosen["iou"].to_numpy(),
        }
    )


def score_berths(
    berths: gpd.GeoDataFrame,
    truth: gpd.GeoDataFrame,
    places: gpd.GeoDataFrame | None = None,
    *,
    uses: Collection[str] | None = None,
) -> BerthScores:
    """Score berth polygons against true polygons.

    Errors of centre and length are medians over the pairs of at least IoU 0.3, along and across the long
    axis of the true berth. A true berth is split when two or more found berths have half of their area in
    it; a found berth merges when two or more true berths have half of theirs in it. A found berth without a
    partner at IoU 0.3 is false: "at a berth" when it touches a true one, else at the first of `places` that
    holds its centre, else "elsewhere".

    Parameters
    ----------
    uses
        Score true berths of these uses only. Found berths that pair with others are then left out, and so
        are found berths without a partner whose own ``use`` is another.
    """
    plane, (found, true, grounds) = flatten(berths, truth, places)
    pairs = overlaps(found, true)
    asked, scored = of_use(truth, uses), of_use(berths, uses)
    close, closer = (pairs[one_to_one(pairs, "iou", iou)] for iou in (SAME_BERTH_IOU, 0.5))
    kept = close[asked[close["true"]]]
    along, across, longer = _errors_m(plane, found[kept["found"]], true[kept["true"]])
    best = pairs.groupby("true")["iou"].max().reindex(np.flatnonzero(asked), fill_value=0.0)
    inside = pairs[(pairs["share_of_found"] >= 0.5) & asked[pairs["true"]]]
    around = pairs[(pairs["share_of_true"] >= 0.5) & asked[pairs["true"]]]
    false = scored.copy()
    false[close["found"]] = False
    return BerthScores(
        at_iou_30=detect_of_use(close, scored, asked),
        at_iou_50=detect_of_use(closer, scored, asked),
        mean_best_iou=float(best.mean()),
        centre_error_m=median(np.hypot(along, across)),
        centre_along_m=median(along),
        centre_across_m=median(across),
        length_error_m=median(longer),
        n_split=int((inside["true"].value_counts() >= 2).sum()),
        n_merged=int((around["found"].value_counts() >= 2).sum()),
        false_by_place=_false_places(found, np.flatnonzero(false), pairs, grounds, places),
        recall_by_kind=_recall_by_kind(truth, asked, closer),
    )


def score_points(berths: gpd.GeoDataFrame, points: gpd.GeoDataFrame, near_m: float = 150.0) -> PointScores:
    """Score berth polygons against points (or lines) that stand for berths.

    Distances run from the point to the edge of the polygon and are 0 inside it.
    """
    plane, (found, true) = flatten(berths, points)
    to_berth, to_point = _nearest_m(plane, true, found), _nearest_m(plane, found, true)
    return PointScores(
        near_m=near_m,
        n_points=len(true),
        n_berths=len(found),
        points_with_berth=ratio(int((to_berth <= near_m).sum()), len(true)),
        berths_with_point=ratio(int((to_point <= near_m).sum()), len(found)),
        distance_p50_m=median(to_berth[np.isfinite(to_berth)]),
    )


def split_half(berths_a: gpd.GeoDataFrame, berths_b: gpd.GeoDataFrame) -> SplitHalfScores:
    """Compare the berths found from two disjoint halves of the vessels.

    Each set is taken as a mixture: a berth has the weight of its ``n_stops`` (all the same where a set lacks
    the column) and spreads it evenly over its polygon. Where berths of one set do not overlap, the
    Bhattacharyya coefficient of two such mixtures is exactly

        sum over pairs (i, j) of   area(A_i and B_j) * sqrt(v_i / area(A_i) * w_j / area(B_j))

    with the weights v and w of each set adding up to 1. The distance is minus its natural logarithm: 0 for
    equal sets, infinite where nothing overlaps.

    Notes
    -----
    The idea of comparing models of two halves is from Hadjipieris et al. 2025 (arXiv 2505.12046), who compare
    Gaussian mixtures; polygons have hard edges, so the two figures differ. Stability grows with the number of
    visits and rewards leaving berths out: it is no accuracy.
    """
    _, (a, b) = flatten(berths_a, berths_b)
    pairs = overlaps(a, b)
    densities = [
        _weights(frame, len(shapes)) / shapely.area(shapes)
        for frame, shapes in ((berths_a, a), (berths_b, b))
    ]
    density = np.sqrt(densities[0][pairs["found"]] * densities[1][pairs["true"]])
    coefficient = min(float((pairs["shared"] * density).sum()), 1.0)
    best = [pairs.groupby(side)["iou"].max().sum() for side in ("found", "true")]
    return SplitHalfScores(
        n_a=len(a),
        n_b=len(b),
        mean_best_iou=ratio(float(sum(best)), len(a) + len(b)),
        bhattacharyya_distance=abs(float(-np.log(coefficient))) if coefficient > 0 else float("inf"),
    )


def first_half(mmsi: ArrayLike, seed: int = 0) -> NDArray[np.bool_]:
    """Say which rows belong to the first of two disjoint halves of the vessels.

    A vessel falls on the same side in every run with the same `seed`, whatever else is in the data.

    Examples
    --------
    >>> first_half([211000001, 211000002, 211000001, 211000003]).tolist()
    [True, True, True, False]
    """
    key = f"{seed:016d}"
    vessels, place = np.unique(np.asarray(mmsi, dtype=np.int64), return_inverse=True)
    hashed = pd.util.hash_array(vessels.astype(str).astype(object), hash_key=key)
    result: NDArray[np.bool_] = (hashed & np.uint64(1)).astype(bool)[place]
    return result


def _errors_m(plane: Plane, found: Shapes, true: Shapes) -> tuple[NDArray[np.float64], ...]:
    """Errors of the centre along and across the true berth, and of the length, in metres."""
    if len(true) == 0:
        return (np.empty(0),) * 3
    centre = shapely.get_coordinates(shapely.centroid(true))
    scale = plane.scale(plane.inverse(*centre.T)[1])
    step = (shapely.get_coordinates(shapely.centroid(found)) - centre) / scale[:, None]
    sides = [_long_side(shapes) for shapes in (true, found)]
    lengths = [np.hypot(*side.T) for side in sides]
    axis = sides[0] / lengths[0][:, None]
    along = np.abs((step * axis).sum(axis=1))
    across = np.abs(step[:, 0] * axis[:, 1] - step[:, 1] * axis[:, 0])
    return along, across, np.abs(lengths[1] - lengths[0]) / scale


def _long_side(shapes: Shapes) -> NDArray[np.float64]:
    """Long side of the smallest rectangle around each shape, as a vector."""
    corners = shapely.get_coordinates(shapely.oriented_envelope(shapes)).reshape(-1, 5, 2)
    sides = np.diff(corners[:, :3], axis=1)
    longest = np.hypot(sides[..., 0], sides[..., 1]).argmax(axis=1)
    result: NDArray[np.float64] = sides[np.arange(len(sides)), longest]
    return result


def _nearest_m(plane: Plane, of: Shapes, among: Shapes) -> NDArray[np.float64]:
    """Distance from each shape to the nearest of others, infinite where there are none."""
    distance = np.full(len(of), np.inf)
    if len(among) and len(of):
        (row, _), apart = shapely.STRtree(among).query_nearest(of, return_distance=True, all_matches=False)
        _, lat = plane.inverse(*shapely.get_coordinates(shapely.centroid(of[row])).T)
        distance[row] = apart / plane.scale(lat)
    return distance


def _false_places(
    found: Shapes, false: NDArray[np.intp], pairs: pd.DataFrame, grounds: Shapes, places: Any
) -> dict[str, int]:
    names = np.full(len(found), "elsewhere", dtype=object)
    if places is not None:
        column = "kind" if "kind" in places.columns else "place"
        check_columns(places.columns, "places", [column])
        row, ground = shapely.STRtree(grounds).query(shapely.centroid(found), predicate="intersects")
        first = pd.Series(ground).groupby(row).min()
        names[first.index] = places[column].to_numpy(dtype=object)[first]
    names[pairs["found"]] = "at a berth"
    return {str(name): int(n) for name, n in pd.Series(names[false]).value_counts().sort_index().items()}


def _recall_by_kind(truth: Any, asked: NDArray[np.bool_], chosen: pd.DataFrame) -> dict[str, float]:
    if "berth_kind" not in truth.columns:
        return {}
    hit = pd.Series(np.isin(np.arange(len(truth)), chosen["true"]))[asked]
    shares = hit.groupby(truth["berth_kind"].to_numpy()[asked]).mean()
    return {str(kind): float(share) for kind, share in shares.items()}


def _weights(frame: Any, n: int) -> NDArray[np.float64]:
    weights = frame["n_stops"].to_numpy(dtype=float) if "n_stops" in frame.columns else np.ones(n)
    result: NDArray[np.float64] = weights / weights.sum() if n else weights
    return result
