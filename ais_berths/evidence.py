"""Evidence: stops as arrays, sums over neighbours, and sums that are exact in any order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ais_berths import geo, schema
from ais_berths.vessels import column_of, groups_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from ais_berths.geo import Floats

_PAIRS_AT_ONCE = 100_000
# Values are rounded to one of this many parts of 1, so that sums are exact. Places are rounded to this
# many parts of the distance within which they are compared.
_PARTS = 2.0**32
_GRAINS = 64

Evidence = dict[str, "Floats"]
"""Log-likelihood ratios of all stops, by what they come from."""


class StopFacts:
    """Stops as arrays, with what is known of their ships; columns that are missing are unknown."""

    def __init__(self, stops: pd.DataFrame, vessels: pd.DataFrame) -> None:
        def number(name: str) -> Floats:
            if name not in stops.columns:
                return np.full(len(stops), np.nan)
            column = pd.to_numeric(stops[name])
            # With a value for what is missing, a copy would be made of what can be used as it is.
            if column.dtype == np.float64:
                return column.to_numpy()
            return column.to_numpy(dtype=np.float64, na_value=np.nan)

        def time(name: str, otherwise: str) -> NDArray[np.int64]:
            known = name in stops.columns and stops[name].notna().all()
            return schema.to_micros(stops[name if known else otherwise])

        self.xyz = geo.sphere_xyz_m(stops["lat"].to_numpy(), stops["lon"].to_numpy())
        self.mmsi = stops["mmsi"].to_numpy()
        self.start, self.end = time("start_time", "start_time"), time("end_time", "end_time")
        self.after = schema.to_micros(stops["after_time" if "after_time" in stops.columns else "end_time"])
        arrival, departure = time("arrival_time", "start_time"), time("departure_time", "end_time")
        self.stay_h = (departure - arrival) / schema.HOUR_US
        self.dwell_h, self.radius_m = number("dwell_h"), number("drift_radius_m")
        self.median_m = np.fmin(np.nan_to_num(number("drift_median_m"), nan=np.inf), self.radius_m)
        self.rms_m = np.fmin(np.nan_to_num(number("drift_rms_m"), nan=np.inf), self.radius_m)
        self.turn_deg = np.where(np.nan_to_num(number("n_headings")) >= 3, number("turn_median_deg"), np.nan)
        self.spread_rad = np.radians(number("heading_spread_deg"))
        # A few pings, or a burst of them, say little about how far a ship moves.
        self.trust = np.clip((np.nan_to_num(number("n_times"), nan=5.0) - 1.0) / 4.0, 0.0, 1.0)
        self.fine = np.nan_to_num(number("n_fine"), nan=1.0) > 0
        self.swing_m, self.swing_share = number("swing_m"), number("swing_share")
        self.pivot = geo.sphere_xyz_m(number("pivot_lat"), number("pivot_lon"))
        self.speed_kn = number("speed_mean_kn")
        self.moored, self.anchored = number("moored_share"), number("anchored_share")
        self.length_m, self.bow_m = (
            column_of(vessels, name, stops["mmsi"]).astype(np.float64) for name in ("loa_m", "to_bow_m")
        )
        self.group = groups_of(vessels, stops["mmsi"])


def total(evidence: Evidence) -> Floats:
    """Add up all evidence."""
    result: Floats = np.sum(list(evidence.values()), axis=0)
    return result


def near_pairs(
    xyz: Floats, within_m: float, of: NDArray[np.bool_] | None = None
) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp], Floats]]:
    """Yield pairs of points within a distance, and their distance (m); the first is any, or one `of` some.

    There may be millions at a busy quay, so they come some at a time and in no order. What is added up over
    them must be `whole`.
    """
    if not len(xyz):
        return
    tree = cKDTree(xyz)
    # The tree keeps neighbours together.
    order = tree.indices if of is None else tree.indices[of[tree.indices]]
    n_pairs = tree.query_ball_point(xyz[order], within_m, return_length=True)
    block = in_portions(n_pairs, _PAIRS_AT_ONCE)
    for part in np.split(order, np.flatnonzero(np.diff(block)) + 1):
        pairs = cKDTree(xyz[part]).sparse_distance_matrix(tree, within_m, output_type="ndarray")
        i, j = part[pairs["i"]], pairs["j"]
        other = i != j
        yield i[other], j[other], pairs["v"][other]


def sum_near(
    xyz: Floats, within_m: float, values: Floats, weigh: Callable[[Floats], Floats] = np.ones_like
) -> Floats:
    """Sum the values of the other points within a distance of each point, weighted by their distance (m).

    In a year, ships come to one place thousands of times. So points are rounded to places, 1/64 of the
    distance apart, and places are compared, not points. Several rows of values give several sums.

    Examples
    --------
    >>> xyz = np.array([[0.0, 0.0, 0.0], [0.0, 30.0, 40.0], [0.0, 0.0, 900.0]])
    >>> sum_near(xyz, 100.0, np.array([1.0, 2.0, 4.0]), lambda metres: 1.0 - metres / 100.0).round(1)
    array([1. , 0.5, 0. ])
    """
    places, place = geo.grains(xyz, within_m / _GRAINS)
    rows = whole(np.atleast_2d(values))
    there = np.stack([count(place, len(places), row) for row in rows])
    sums = there.copy()
    for i, j, metres in near_pairs(places, within_m):
        weight = weigh(metres)
        sums += np.stack([count(i, len(places), whole(weight * row[j])) for row in there])
    result: Floats = (sums[:, place] - rows).reshape(values.shape)
    return result


def count_near(xyz: Floats, within_m: float) -> NDArray[np.int64]:
    """How many other points lie within a distance of each."""
    if not len(xyz):
        return np.zeros(0, dtype=np.int64)
    found = cKDTree(xyz).query_ball_point(xyz, within_m, return_length=True)
    return np.asarray(found, dtype=np.int64) - 1


def whole(values: Floats) -> Floats:
    """Round to multiples of 2**-32, so that sums are exact and do not depend on the order."""
    result: Floats = np.round(values * _PARTS) / _PARTS
    return result


def add_rows(out: Floats, at: NDArray[np.intp], rows: Floats) -> None:
    """Add rows to the rows `at` of `out` (in place); `at` is ascending and may repeat."""
    if len(at):
        first = np.flatnonzero(np.diff(at, prepend=-1))
        out[at[first]] += np.add.reduceat(rows, first, axis=0)


def in_portions(sizes: NDArray[np.int64], most: int) -> NDArray[np.int64]:
    """Divide consecutive things into portions of about equal size, without cutting any; number the portions.

    Examples
    --------
    >>> in_portions(np.array([2, 2, 3, 9, 1]), 4).tolist()
    [0, 0, 1, 1, 2]
    """
    portion: NDArray[np.int64] = np.unique((np.cumsum(sizes) - sizes) // most, return_inverse=True)[1]
    return portion.astype(np.int64)


def separate(facts: StopFacts, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether two stops are separate visits: not at once, and one ship was seen to leave in between."""
    first, second = np.where(facts.start[i] <= facts.start[j], (i, j), (j, i))
    left = (facts.mmsi[i] != facts.mmsi[j]) | (facts.after[first] < facts.start[second])
    apart: NDArray[np.bool_] = left & (facts.end[first] < facts.start[second])
    return apart


def count(at: NDArray[np.intp], n: int, weight: Floats | None = None) -> Floats:
    """Sum of the weights at each of `n` places, or number of entries without weights."""
    return np.bincount(at, weights=weight, minlength=n).astype(np.float64)
