"""From footprints to groups of footprints that used the same berth.

Two visits belong to one berth when their hulls cover each other; scikit-learn's DBSCAN joins them over
that relation. What geometry alone would merge is then parted: ships that lay there at the same time
cannot have shared a berth, unless one lay outside the other (rafting); and hulls that fill a quay without
preferring any position are a continuous quay, not a chain of berths.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from sklearn.cluster import DBSCAN

from ais_berths import geo, schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import BerthsConfig
    from ais_berths.geo import Floats

_HOUR_US = 3_600_000_000


def cluster_hulls(hulls: pd.DataFrame, stops: pd.DataFrame, config: BerthsConfig) -> pd.DataFrame:
    """Group footprints into berths.

    Parameters
    ----------
    hulls
        The table ``hulls``.
    stops
        The table ``stops``; gives the times of each footprint.
    config
        The section ``berths`` of the settings.

    Returns
    -------
    One row a footprint, in the order of `hulls`: ``stop_id``, ``cluster`` (numbered from 0 in the order
    of the smallest stop id), ``berth_kind`` (discrete or continuous), ``rafted``.

    Examples
    --------
    Two ships of 200 m one after the other in one place, a third ship 400 m along the quay:

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
    prints = Footprints.of(hulls, stops)
    pairs = prints.pairs()
    labels = _by_overlap(prints, pairs, config)
    labels, rafted = _join_rafts(prints, pairs, labels, config)
    labels, continuous = _part(prints, labels, rafted, config)
    out = pd.DataFrame({"stop_id": hulls["stop_id"].to_numpy(), "cluster": labels, "rafted": rafted})
    out["berth_kind"] = np.where(np.isin(labels, continuous), "continuous", "discrete")
    first = out.groupby("cluster")["stop_id"].min().sort_values()
    out["cluster"] = out["cluster"].map(dict(zip(first.index, range(len(first)), strict=True)))
    return out


@dataclass(frozen=True)
class Footprints:
    """Hulls as arrays in a common plane.

    ``x`` and ``y`` are plane units, ``scale`` plane units per metre; lengths are metres.
    """

    plane: geo.Plane
    x: Floats
    y: Floats
    scale: Floats
    heading: Floats
    length: Floats
    width: Floats
    error: Floats
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    mmsi: NDArray[np.int64]

    @classmethod
    def of(cls, hulls: pd.DataFrame, stops: pd.DataFrame) -> Footprints:
        """Project the hulls and look up the times of their stops."""
        plane = geo.Plane.around(hulls["lon"])
        x, y = plane.forward(hulls["lon"], hulls["lat"])
        times = stops.set_index("stop_id")[["start_time", "end_time"]].reindex(hulls["stop_id"])
        return cls(
            plane=plane,
            x=x,
            y=y,
            scale=geo.Plane.scale(hulls["lat"]),
            heading=hulls["heading_deg"].fillna(0.0).to_numpy(dtype=np.float64),
            length=hulls["length_m"].to_numpy(dtype=np.float64),
            width=hulls["width_m"].to_numpy(dtype=np.float64),
            error=hulls["hull_error_m"].fillna(0.0).to_numpy(dtype=np.float64),
            start=schema.to_micros(times["start_time"]),
            end=schema.to_micros(times["end_time"]),
            mmsi=hulls["mmsi"].to_numpy(dtype=np.int64),
        )

    def shapes(self) -> NDArray[np.object_]:
        """Footprints as rectangles in plane units."""
        return geo.rectangles(self.x, self.y, self.heading, self.length * self.scale, self.width * self.scale)

    def pairs(self, reach_m: float = 12.0) -> Pairs:
        """Compare every two footprints that touch or nearly touch."""
        shapes = self.shapes()
        grown = geo.rectangles(
            self.x,
            self.y,
            self.heading,
            self.length * self.scale,
            (self.width + 2 * reach_m) * self.scale,
        )
        i, j = shapely.STRtree(shapes).query(grown, predicate="intersects")
        i, j = np.minimum(i, j), np.maximum(i, j)
        i, j = np.unique(np.stack([i, j])[:, i < j], axis=1)
        turn = geo.turn_deg(self.heading[i], self.heading[j], period=180.0)
        axis = np.radians(self.heading[i] + turn / 2.0)
        east = (self.x[j] - self.x[i]) / self.scale[i]
        north = (self.y[j] - self.y[i]) / self.scale[i]
        area = shapely.area(shapely.intersection(shapes[i], shapes[j])) / self.scale[i] ** 2
        smaller = np.minimum(self.length[i] * self.width[i], self.length[j] * self.width[j])
        together = np.minimum(self.end[i], self.end[j]) - np.maximum(self.start[i], self.start[j])
        return Pairs(
            i=i,
            j=j,
            turn=np.abs(turn),
            along=np.abs(east * np.sin(axis) + north * np.cos(axis)),
            across=np.abs(east * np.cos(axis) - north * np.sin(axis)),
            share=area / smaller,
            together_h=np.maximum(together, 0) / _HOUR_US,
        )


@dataclass(frozen=True)
class Pairs:
    """Two footprints each: angle, offsets of their middles (m), overlap share, hours together."""

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    turn: Floats
    along: Floats
    across: Floats
    share: Floats
    together_h: Floats


def _by_overlap(prints: Footprints, pairs: Pairs, config: BerthsConfig) -> NDArray[np.int64]:
    """DBSCAN over the overlap of hulls.

    The distance of two hulls is the share of the smaller one that the other leaves uncovered, or the
    offset of their middles along the quay as a share of their mean length if that is more: a long ship
    that lay across two berths covers the ships of both, but its middle is far from theirs.
    """
    mean_length = (prints.length[pairs.i] + prints.length[pairs.j]) / 2.0
    distance = np.maximum(1.0 - pairs.share, pairs.along / mean_length)
    near = (distance <= 1.0 - config.min_overlap) & (pairs.turn <= config.max_turn_deg)
    i, j = pairs.i[near], pairs.j[near]
    # A stored zero would mean "no entry" to some sparse operations.
    value = np.maximum(distance[near], 1e-9)
    n = len(prints.x)
    graph = csr_array(
        (np.concatenate([value, value]), (np.concatenate([i, j]), np.concatenate([j, i]))), shape=(n, n)
    )
    model = DBSCAN(eps=1.0 - config.min_overlap, min_samples=1, metric="precomputed")
    result: NDArray[np.int64] = model.fit_predict(graph).astype(np.int64)
    return result


def _join_rafts(
    prints: Footprints, pairs: Pairs, labels: NDArray[np.int64], config: BerthsConfig
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Give ships that always lie outside another ship to the berth of that ship."""
    i, j = pairs.i, pairs.j
    hours = (prints.end - prints.start) / _HOUR_US
    # The guest is the one that came and left within the stay of the other, or else the smaller one.
    guest_is_j = hours[j] <= hours[i]
    guest, host = np.where(guest_is_j, j, i), np.where(guest_is_j, i, j)
    beside = (prints.width[i] + prints.width[j]) / 2.0
    shared = (prints.length[i] + prints.length[j]) / 2.0 - pairs.along
    raft = (
        (pairs.turn <= config.max_turn_deg)
        & (pairs.across >= 0.5 * beside)
        & (pairs.across <= beside + config.raft_gap_m)
        & (shared >= 0.5 * np.minimum(prints.length[i], prints.length[j]))
        & (pairs.together_h >= 0.8 * hours[guest])
        & (prints.mmsi[i] != prints.mmsi[j])
    )
    is_guest = np.zeros(len(labels), dtype=bool)
    is_guest[guest[raft]] = True
    n = int(labels.max()) + 1 if len(labels) else 0
    share = np.bincount(labels, weights=is_guest, minlength=n) / np.bincount(labels, minlength=n)
    guests_only = share >= 0.7
    out = labels.copy()
    rafted = np.zeros(len(labels), dtype=bool)
    moves = raft & guests_only[labels[guest]] & ~guests_only[labels[host]]
    # The longest time together decides between several hosts.
    order = np.argsort(pairs.together_h[moves], kind="stable")
    out[guest[moves][order]] = labels[host[moves][order]]
    rafted[guest[moves]] = True
    same = raft & (out[guest] == out[host])
    rafted[guest[same]] = True
    return out, rafted


def _part(
    prints: Footprints, labels: NDArray[np.int64], rafted: NDArray[np.bool_], config: BerthsConfig
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Part clusters in which ships lay side by side at the same time, or that are too long.

    Returns
    -------
    New labels, and the labels that are continuous quays.
    """
    out = labels.copy()
    following = int(labels.max()) + 1 if len(labels) else 0
    continuous: list[int] = []
    order = np.argsort(labels, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(labels[order])) + 1):
        alongside = members[~rafted[members]]
        if len(alongside) < 2 or _is_one_berth(prints, alongside, config):
            continue
        pieces = _pieces(prints, alongside, config)
        sound = [piece for piece in pieces if _is_one_berth(prints, piece, config)]
        if sum(map(len, sound)) < config.discrete_share * len(alongside):
            continuous.append(int(labels[members[0]]))
            continue
        for piece in pieces[1:]:
            out[piece] = following
            following += 1
        guests = members[rafted[members]]
        out[guests] = out[_nearest(prints, guests, alongside)]
    return out, np.array(continuous, dtype=np.int64)


def _is_one_berth(prints: Footprints, members: NDArray[np.intp], config: BerthsConfig) -> bool:
    """Nobody lay there beside another, and the middles keep together."""
    along, length = _along(prints, members), prints.length[members]
    spread = float(np.quantile(along, 0.9) - np.quantile(along, 0.1))
    if len(members) > 2 and spread > config.berth_spread * np.median(length) + 10.0:
        return False
    return _conflicts(prints, members) <= 0.05 * len(members)


def _conflicts(prints: Footprints, members: NDArray[np.intp]) -> int:
    """How many visits began while another ship of the group was still there for an hour or more."""
    order = members[np.argsort(prints.start[members], kind="stable")]
    latest = np.maximum.accumulate(prints.end[order])
    overlap_h = (np.minimum(latest[:-1], prints.end[order][1:]) - prints.start[order][1:]) / _HOUR_US
    different = prints.mmsi[order][1:] != prints.mmsi[order][:-1]
    return int(np.count_nonzero((overlap_h > 1.0) & different))


def _pieces(prints: Footprints, members: NDArray[np.intp], config: BerthsConfig) -> list[NDArray[np.intp]]:
    """Cut a group along the quay where the middles of its ships are rare."""
    along = _along(prints, members)
    width = max(6.0, config.bandwidth * float(np.median(prints.length[members])))
    grid = np.arange(along.min() - 3 * width, along.max() + 3 * width, width / 4.0)
    density = np.exp(-0.5 * ((grid[:, None] - along[None, :]) / width) ** 2).sum(axis=1)
    peaks = np.flatnonzero((density[1:-1] >= density[:-2]) & (density[1:-1] > density[2:])) + 1
    cuts: list[float] = []
    left = peaks[0]
    for right in peaks[1:]:
        valley = left + int(np.argmin(density[left : right + 1]))
        if density[valley] < config.valley * min(density[left], density[right]):
            cuts.append(float(grid[valley]))
            left = right
        elif density[right] > density[left]:
            left = right
    side = np.searchsorted(cuts, along)
    return [members[side == number] for number in np.unique(side)]


def _along(prints: Footprints, members: NDArray[np.intp]) -> Floats:
    """Position of the middle of each ship along the common axis (m), from their median."""
    axis = np.radians(geo.circular_median_deg(prints.heading[members], period=180.0))
    east = (prints.x[members] - np.median(prints.x[members])) / prints.scale[members]
    north = (prints.y[members] - np.median(prints.y[members])) / prints.scale[members]
    result: Floats = east * np.sin(axis) + north * np.cos(axis)
    return result


def _nearest(prints: Footprints, guests: NDArray[np.intp], hosts: NDArray[np.intp]) -> NDArray[np.intp]:
    dx = prints.x[guests][:, None] - prints.x[hosts][None, :]
    dy = prints.y[guests][:, None] - prints.y[hosts][None, :]
    result: NDArray[np.intp] = hosts[np.argmin(np.hypot(dx, dy), axis=1)] if len(guests) else guests
    return result


def group_touching(shapes: NDArray[np.object_]) -> NDArray[np.int64]:
    """Number the groups of shapes that touch, directly or through others."""
    i, j = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    n = len(shapes)
    graph = csr_array((np.ones(len(i), dtype=np.int8), (i, j)), shape=(n, n))
    _, labels = connected_components(graph, directed=False)
    result: NDArray[np.int64] = labels.astype(np.int64)
    return result
