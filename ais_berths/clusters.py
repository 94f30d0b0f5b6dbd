"""From footprints to groups of footprints that used the same berth.

Two visits belong to one berth if their hulls cover each other; scikit-learn's DBSCAN joins them by that
relation. What geometry alone would merge is then divided: hulls that fill a quay without preferring any
position are a continuous quay, not a chain of berths (`lines`); and ships that were there at the same time
did not share a berth, unless one lay outside the other, that is, rafted (`sharing`).
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from sklearn.cluster import DBSCAN
from sklearn.neighbors import sort_graph_by_row_values

from ais_berths import antennas, schema
from ais_berths.footprints import Footprints, ranks
from ais_berths.groups import number_groups
from ais_berths.lines import settle_lines
from ais_berths.sharing import part_sharers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import BerthsConfig
    from ais_berths.footprints import Pairs
    from ais_berths.geo import Floats, Plane


# Ships farther apart (m) are neither rafted nor at one berth.
_REACH_M = 12.0
_PAIRS_AT_ONCE = 1_000_000
# With a larger error than this (m), the place of the antenna is a guess, also across the ship; the widest gap
# between rafted ships then (m).
_GUESS_M, _FAR_RAFT_M = 4.0, 20.0
# A place where such a share of the ships lay rafted is none of its own.
_MOSTLY_RAFTED = 0.7
# Two berths side by side are at least a beam apart, while in one berth different beams, fenders and antennas
# shift the middles of ships: overlap is measured on hulls half as wide again.
_BREADTH = 1.5


def cluster_hulls(
    hulls: pd.DataFrame, stops: pd.DataFrame, config: BerthsConfig, plane: Plane | None = None
) -> pd.DataFrame:
    """Group footprints into berths.

    Parameters
    ----------
    hulls
        The table ``hulls``.
    stops
        The table ``stops``; gives the times of each footprint.
    config
        The section ``berths`` of the settings.
    plane
        The plane in which footprints are compared; by default one around these.

    Returns
    -------
    One row a footprint, in the order of `hulls`: ``stop_id``, ``cluster`` (numbered from 0 in the order
    of the smallest stop id), ``berth_kind`` (discrete or continuous), ``rafted``, and ``odd`` for visits
    that lay at the berth but not in it: they count, and do not shape it.

    Examples
    --------
    Two ships of 200 m one after the other in one place, a third ship 400 m along the quay:

    >>> from ais_berths import schema
    >>> from ais_berths.config import BerthsConfig
    >>> day = pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-01"], utc=True)
    >>> hulls = schema.conform(pd.DataFrame({
    ...     "stop_id": ["a", "b", "c"], "mmsi": [1, 2, 3], "lat": 51.9, "lon": [4.0, 4.0001, 4.006],
    ...     "heading_deg": 90.0, "length_m": 200.0, "width_m": 30.0, "hull_error_m": 3.0}), "hulls")
    >>> stops = pd.DataFrame({"stop_id": ["a", "b", "c"], "start_time": day,
    ...                       "end_time": day + pd.Timedelta("1D")})
    >>> cluster_hulls(hulls, stops, BerthsConfig())["cluster"].tolist()
    [0, 0, 1]
    """
    # Between equals the first one decides, so the order must not depend on that of the rows.
    order = np.argsort(hulls["stop_id"].to_numpy(dtype=object), kind="stable")
    hulls = hulls.iloc[order]
    prints = Footprints.of(hulls, stops, plane)
    like = prints.alike()
    apart = _distances(prints, like, np.arange(len(like)), config) > 1.0 - config.min_overlap
    like = np.where(apart, np.arange(len(like)), like)
    touching = prints.touching(np.unique(like), _REACH_M)
    labels = _by_overlap(prints, like, touching, config)
    labels, rafted = _join_rafts(prints, _side_by_side(prints, like, touching), labels, config)
    settled = part_sharers(prints, settle_lines(prints, labels, rafted, config), config)
    out = pd.DataFrame(
        {
            "stop_id": hulls["stop_id"].to_numpy(),
            "cluster": settled.label,
            "rafted": settled.rafted,
            "odd": settled.odd,
            "berth_kind": np.where(settled.continuous, "continuous", "discrete"),
        }
    )
    first = out.groupby("cluster")["stop_id"].min().sort_values()
    rank = dict(zip(first.index, range(len(first)), strict=True))
    out["cluster"] = out["cluster"].map(rank).astype(np.int64)
    return out.iloc[np.argsort(order)].reset_index(drop=True)


def _by_overlap(
    prints: Footprints, like: NDArray[np.intp], touching: NDArray[np.intp], config: BerthsConfig
) -> NDArray[np.int64]:
    """Cluster hulls by overlap with DBSCAN; nearly equal ones follow the first of them.

    Parameters
    ----------
    like
        The first of those that are nearly the same as each footprint and near it.
    touching
        Every two of these that touch.
    """
    if not len(like):
        return np.zeros(0, dtype=np.int64)
    firsts, first = np.unique(like, return_inverse=True)
    found = []
    for i, j in np.array_split(touching, touching.shape[1] // _PAIRS_AT_ONCE + 1, axis=1):
        distance = _distances(prints, i, j, config)
        near = distance <= 1.0 - config.min_overlap
        found.append((np.searchsorted(firsts, i[near]), np.searchsorted(firsts, j[near]), distance[near]))
    i, j, value = (np.concatenate(values) for values in zip(*found, strict=True))
    # A stored zero would mean "no entry" to some sparse operations.
    value, itself, n = np.maximum(value, 1e-9), np.arange(len(firsts)), len(firsts)
    # With the diagonal stored and the rows sorted, scikit-learn leaves the graph as it is, and is quiet.
    graph = sort_graph_by_row_values(
        csr_array(
            (
                np.concatenate([value, value, np.zeros(n)]),
                (np.concatenate([i, j, itself]), np.concatenate([j, i, itself])),
            ),
            shape=(n, n),
        ),
        warn_when_not_sorted=False,
    )
    model = DBSCAN(eps=1.0 - config.min_overlap, min_samples=1, metric="precomputed")
    # Numbered in the order of the footprints.
    result: NDArray[np.int64] = pd.factorize(model.fit_predict(graph)[first])[0].astype(np.int64)
    return result


def _distances(
    prints: Footprints, i: NDArray[np.intp], j: NDArray[np.intp], config: BerthsConfig
) -> NDArray[np.float64]:
    """Distance of two hulls, from 0 if they cover each other to 1 if they are unrelated.

    It is the share of the smaller hull (both half as wide again) that the other does not cover, or, if that
    is more, the offset of their middles along the quay in lengths of the shorter ship: a long ship that lay
    across two berths covers the ships of both, but its middle is far from theirs.
    """
    pairs = prints.compare(i, j)
    offset = pairs.along / np.minimum(prints.length[i], prints.length[j])
    distance = np.where(pairs.turn <= config.max_turn_deg, np.minimum(offset, 1.0), 1.0)
    near = distance <= 1.0 - config.min_overlap
    guessed = np.where(prints.error > _GUESS_M, 2.0 * antennas.ACROSS_SD, 0.0)
    broad = replace(prints, width=(_BREADTH + guessed) * prints.width)
    distance[near] = np.maximum(1.0 - broad.shares(i[near], j[near]), distance[near])
    return distance


def _side_by_side(prints: Footprints, like: NDArray[np.intp], touching: NDArray[np.intp]) -> Pairs:
    """Pairs of ships that were there at the same time, in one group of touching hulls and near each other."""
    i, j = prints.together(number_groups(touching[0], touching[1], len(prints.x))[like])
    apart = np.hypot(prints.x[j] - prints.x[i], prints.y[j] - prints.y[i]) / prints.scale[i]
    size = prints.length + prints.width
    near = apart <= (size[i] + size[j]) / 2.0 + _REACH_M
    return prints.compare(i[near], j[near])


def _alongside(prints: Footprints, pairs: Pairs, config: BerthsConfig) -> NDArray[np.bool_]:
    """Find pairs of ships that lay side by side, close enough to be rafted, for half of a visit or more."""
    i, j = pairs.i, pairs.j
    hours = _hours(prints)
    beside = (prints.width[i] + prints.width[j]) / 2.0
    shared = (prints.length[i] + prints.length[j]) / 2.0 - pairs.along
    gap = np.minimum(config.raft_gap_m + np.hypot(prints.error[i], prints.error[j]), _REACH_M)
    side = np.where(prints.error > _GUESS_M, antennas.ACROSS_SD * prints.width, 0.0)
    gap = np.minimum(gap + np.hypot(side[i], side[j]), _FAR_RAFT_M)
    result: NDArray[np.bool_] = (
        (pairs.turn <= config.max_turn_deg)
        & (pairs.across >= 0.5 * beside)
        & (pairs.across <= beside + gap)
        & (shared >= 0.5 * np.minimum(prints.length[i], prints.length[j]))
        & (pairs.together_h >= 0.5 * np.minimum(hours[i], hours[j]))
        & (prints.mmsi[i] != prints.mmsi[j])
    )
    return result


def _hours(prints: Footprints) -> Floats:
    return np.maximum((prints.end - prints.start) / schema.HOUR_US, 1e-9)


def _join_rafts(
    prints: Footprints, pairs: Pairs, labels: NDArray[np.int64], config: BerthsConfig
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Give ships that lay outside another ship the berth of that ship."""
    i, j = pairs.i, pairs.j
    raft = _alongside(prints, pairs, config)
    involved = np.zeros(len(labels), dtype=bool)
    involved[i[raft]] = involved[j[raft]] = True
    n = int(labels.max()) + 1 if len(labels) else 0
    size = np.bincount(labels, minlength=n)
    share = np.bincount(labels, weights=involved, minlength=n) / np.maximum(size, 1)
    # The guest is the ship whose place is hardly used by itself; between equals, the shorter visit.
    rank = ranks(prints.start, -prints.mmsi, _hours(prints), size[labels], -share[labels])
    guest, host = np.where(rank[j] < rank[i], (j, i), (i, j))
    rafted = np.zeros(len(labels), dtype=bool)
    moves = raft & (share[labels[guest]] >= _MOSTLY_RAFTED) & (labels[guest] != labels[host])
    rafted[guest[moves]] = True
    # The longest time together decides between several hosts, then the nearest of them.
    order = np.lexsort((rank[host[moves]], -pairs.across[moves], pairs.together_h[moves]))
    inner = np.arange(len(labels))
    inner[guest[moves][order]] = host[moves][order]
    # The outer ships of a raft follow the inner one, which follows the ship at the quay.
    while (inner != inner[inner]).any():
        inner = inner[inner]
    out = labels[inner]
    same = raft & (out[guest] == out[host]) & ~rafted[host]
    rafted[guest[same]] = True
    return out, rafted
