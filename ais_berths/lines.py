"""Ships along one quay line: separate berths, or a quay where they lie anywhere.

Groups of overlapping hulls on one line are looked at together. Where ships keep to places and do not
reach into the next one, the places are berths. Where they lie anywhere, the whole line is one continuous
quay. A few visits beside a busy berth are odd visits to it and make no berth of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ais_berths import geo
from ais_berths.footprints import HOUR_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import BerthsConfig
    from ais_berths.footprints import Footprints
    from ais_berths.geo import Floats

    Members = NDArray[np.intp]

_FEW = 6
_GUESSES = 2
_LOOK_BACK = 6
_CELLS = 2_000_000


@dataclass(frozen=True)
class Settled:
    """The berth of each footprint, whether that is a continuous quay, and odd and rafted visits."""

    label: NDArray[np.int64]
    continuous: NDArray[np.bool_]
    odd: NDArray[np.bool_]
    rafted: NDArray[np.bool_]


def settle_lines(
    prints: Footprints, labels: NDArray[np.int64], rafted: NDArray[np.bool_], config: BerthsConfig
) -> Settled:
    """Decide for every quay line between berths and a continuous quay.

    Parameters
    ----------
    prints
        The footprints.
    labels
        Group of each footprint by overlap, from 0.
    rafted
        Footprints outside another ship; they follow the ship that they lie at and decide nothing.
    config
        The section ``berths`` of the settings.
    """
    label = np.full(len(labels), -1, dtype=np.int64)
    odd = np.zeros(len(labels), dtype=bool)
    continuous = np.zeros(len(labels), dtype=bool)
    groups = _members_of(np.where(rafted, -1, labels))
    line = _lines(prints, groups, config)
    following = 0
    for number in range(int(line.max()) + 1 if len(line) else 0):
        places = [groups[i] for i in np.flatnonzero(line == number)]
        whole, parts = _settle(prints, places, config)
        for core, beside in parts:
            label[core] = label[beside] = following
            odd[beside] = True
            following += 1
        if whole:
            continuous[np.concatenate(places)] = True
    _join_continuous(prints, label, odd, continuous, config)
    label, odd = _absorb(prints, label, odd, continuous, config)
    rafted = _follow_hosts(prints, label, continuous, labels, rafted)
    return Settled(np.unique(label, return_inverse=True)[1].astype(np.int64), continuous, odd, rafted)


def _settle(
    prints: Footprints, places: list[Members], config: BerthsConfig
) -> tuple[bool, list[tuple[Members, Members]]]:
    """One line: whether it is continuous, and its places, each with its odd visits.

    A line has berths if all but a few visits keep out of the other places.
    """
    every = np.concatenate(places)
    attempts = [places] if all(_is_one_berth(prints, place, config) for place in places) else []
    few = max(1.0, config.odd_share * len(every))
    for attempt in [*attempts, _pieces(prints, every, config)]:
        compact = sum(len(place) for place in attempt if _is_one_berth(prints, place, config))
        if compact < config.discrete_share * len(every):
            continue
        odd = _misfits(prints, every, attempt, few, config)
        if len(odd) <= few:
            return False, _without(prints, every, attempt, odd)
    # A busy stretch too short for two of its ships is a berth with much play.
    whole = len(every) < _FEW or _room(prints, every) >= config.continuous_room
    return whole, [(every, np.zeros(0, dtype=np.intp))]


def _room(prints: Footprints, members: Members) -> float:
    """How many ships of the median length would lie one behind the other where the members lay."""
    along, half = _along(prints, members, members), prints.length[members] / 2.0
    used = np.quantile(along + half, 0.95) - np.quantile(along - half, 0.05)
    return float(used / np.median(prints.length[members]))


def _is_one_berth(prints: Footprints, members: Members, config: BerthsConfig) -> bool:
    """The middles keep together, and hardly ever two ships lay there at once."""
    along, length = _along(prints, members, members), prints.length[members]
    spread = float(np.quantile(along, 0.9) - np.quantile(along, 0.1))
    slack = config.berth_spread * float(np.median(length)) + 10.0
    if len(members) > 2 and spread > slack + float(np.median(prints.error[members])):
        return False
    # Ships outside others that were not noticed as such also lie there at once.
    return _conflicts(prints, members) <= 1 + config.conflict_share * len(members)


def _conflicts(prints: Footprints, members: Members) -> int:
    """How many visits began while another ship of the group stayed on, on the same line, for over an hour.

    Ships side by side away from the quay are rafted: they share the berth.
    """
    order = members[np.argsort(prints.start[members], kind="stable")]
    across = _across(prints, order, geo.circular_median_deg(prints.heading[order], period=180.0))
    start, end, width, mmsi = (v[order] for v in (prints.start, prints.end, prints.width, prints.mmsi))
    found = np.zeros(len(order), dtype=bool)
    for back in range(1, min(len(order), _LOOK_BACK + 1)):
        earlier, later = slice(None, -back), slice(back, None)
        together = np.minimum(end[earlier], end[later]) - start[later] > HOUR_US
        beside = np.abs(across[later] - across[earlier]) >= 0.25 * (width[earlier] + width[later])
        found[later] |= together & ~beside & (mmsi[earlier] != mmsi[later])
    return int(found.sum())


def _misfits(
    prints: Footprints, every: Members, places: list[Members], few: float, config: BerthsConfig
) -> Members:
    """The fewest visits (greedily) without which no ship reaches into a place that is not its own.

    The search ends as soon as they are more than a few.
    """
    if len(places) < 2:
        return every[:0]
    place = np.empty(len(every), dtype=np.int64)
    order = np.argsort(every)
    for number, members in enumerate(places):
        place[order[np.searchsorted(every, members, sorter=order)]] = number
    along, length, error = _along(prints, every, every), prints.length[every], prints.error[every]
    size = np.bincount(place)[place]

    def reaches(visits: Members, others: Members) -> NDArray[np.bool_]:
        a, b = visits[:, None], others[None, :]
        shared = (length[a] + length[b]) / 2.0 - np.abs(along[a] - along[b])
        least = config.reach_share * np.minimum(length[a], length[b]) + np.hypot(error[a], error[b])
        result: NDArray[np.bool_] = (shared > least) & (place[a] != place[b])
        return result

    in_line = np.argsort(along, kind="stable")
    farthest = length.max()
    left = np.searchsorted(along[in_line], along - farthest)
    right = np.searchsorted(along[in_line], along + farthest, side="right")
    count = np.zeros(len(every), dtype=np.int64)
    for block in np.array_split(in_line, len(every) ** 2 // _CELLS + 1):
        others = in_line[left[block].min() : right[block].max()]
        count[block] = reaches(block, others).sum(axis=1)
    odd: list[int] = []
    while count.any() and len(odd) <= few:
        # Between equals, the visit to the smaller place goes.
        most = np.flatnonzero(count == count.max())
        worst = int(most[np.lexsort((-along[most], -size[most]))[-1]])
        others = in_line[left[worst] : right[worst]]
        count[others] -= reaches(np.array([worst]), others)[0]
        count[[worst, *odd]] = 0
        odd.append(worst)
    return every[np.array(odd, dtype=np.intp)]


def _pieces(prints: Footprints, members: Members, config: BerthsConfig) -> list[Members]:
    """Cut a group along the quay where the middles of its ships are rare."""
    along = _along(prints, members, members)
    width = max(
        6.0,
        config.bandwidth * float(np.median(prints.length[members])),
        0.7 * float(np.median(prints.error[members])),
    )
    grid = np.arange(along.min() - 3 * width, along.max() + 3 * width, width / 4.0)
    density = np.zeros(len(grid))
    for part in np.array_split(along, len(along) * len(grid) // _CELLS + 1):
        density += np.exp(-0.5 * ((grid[:, None] - part[None, :]) / width) ** 2).sum(axis=1)
    peaks = np.flatnonzero((density[1:-1] >= density[:-2]) & (density[1:-1] > density[2:])) + 1
    cuts: list[float] = []
    left = int(peaks[0])
    for right in peaks[1:].tolist():
        valley = left + int(np.argmin(density[left : right + 1]))
        if density[valley] < config.valley * min(density[left], density[right]):
            cuts.append(float(grid[valley]))
            left = right
        elif density[right] > density[left]:
            left = right
    side = np.searchsorted(cuts, along)
    return [members[side == number] for number in np.unique(side)]


def _without(
    prints: Footprints, every: Members, places: list[Members], odd: Members
) -> list[tuple[Members, Members]]:
    """Places without their odd visits, and each odd visit with the place that it lay across most."""
    cores = [place[~np.isin(place, odd)] for place in places]
    cores = [core for core in cores if len(core)]
    beside: list[list[int]] = [[] for _ in cores]
    middle = _along(prints, odd, every)
    cores_at = np.array([float(np.median(_along(prints, core, every))) for core in cores])
    reach = np.array([float(np.median(prints.length[core])) / 2.0 for core in cores])
    for visit, at in zip(odd.tolist(), middle.tolist(), strict=True):
        beside[int(np.argmin(np.abs(cores_at - at) - reach))].append(visit)
    return [(core, np.array(visits, dtype=np.intp)) for core, visits in zip(cores, beside, strict=True)]


def _join_continuous(
    prints: Footprints,
    label: NDArray[np.int64],
    odd: NDArray[np.bool_],
    continuous: NDArray[np.bool_],
    config: BerthsConfig,
) -> None:
    """Pieces of one continuous quay that no ship happened to lie across become one (in place).

    An unused stretch parts a continuous quay only where one more of its ships would fit in.
    """
    groups = _members_of(np.where(odd, -1, label))
    if not any(continuous[members[0]] for members in groups):
        return
    line = _lines(prints, groups, config, gap_m=config.continuous_gap_m)
    for number in np.unique(line).tolist():
        parts = [groups[i] for i in np.flatnonzero(line == number)]
        quay = max((part for part in parts if continuous[part[0]]), key=len, default=None)
        if quay is None or (len(quay) >= _FEW and _room(prints, quay) < config.continuous_room + 0.5):
            continue
        number_of_quay = int(label[quay[0]])
        rest = [part for part in parts if part is not quay]
        while True:
            near = [part for part in rest if _continues(prints, quay, part, continuous, config)]
            if not near:
                break
            rest = [part for part in rest if not any(part is other for other in near)]
            for part in near:
                label[label == label[part[0]]] = number_of_quay
            quay = np.concatenate([quay, *near])
        continuous[label == number_of_quay] = True


def _continues(
    prints: Footprints,
    quay: Members,
    part: Members,
    continuous: NDArray[np.bool_],
    config: BerthsConfig,
) -> bool:
    """Whether a part of the same line goes on with a continuous quay: close by, and used alike."""
    both = np.concatenate([quay, part])
    along = _along(prints, both, both)
    ends = np.stack([along - prints.length[both] / 2.0, along + prints.length[both] / 2.0])
    quay_ends, part_ends = ends[:, : len(quay)], ends[:, len(quay) :]
    gap = max(part_ends[0].min() - quay_ends[1].max(), quay_ends[0].min() - part_ends[1].max())
    if gap > config.continuous_gap_ships * float(np.median(prints.length[quay])):
        return False
    guests = np.unique(prints.mmsi[part])
    shared = float(np.isin(guests, prints.mmsi[quay]).mean())
    return bool(continuous[part[0]]) or len(part) < _FEW or shared >= config.continuous_fleet


def _absorb(
    prints: Footprints,
    label: NDArray[np.int64],
    odd: NDArray[np.bool_],
    continuous: NDArray[np.bool_],
    config: BerthsConfig,
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Small groups whose hulls lie across a busy berth or a continuous quay are odd visits to it."""
    label, odd = label.copy(), odd.copy()
    groups = _members_of(np.where(odd, -1, label))
    if len(groups) < 2:
        return label, odd
    shapes = _outlines(prints, groups)
    size = np.array([len(members) for members in groups])
    whole = np.array([bool(continuous[members[0]]) for members in groups])
    doubtful = np.array(
        [float(np.median(prints.error[members] / prints.length[members])) > 0.1 for members in groups]
    )
    i, j = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    small = size[i] <= np.maximum(config.odd_share * size[j], np.where(whole[j], 1, 0))
    # Where the antenna of a ship is anyone's guess, it lay at the berth that is better known.
    guess = doubtful[i] & (size[i] <= _GUESSES) & ((size[i] < size[j]) | ~doubtful[j])
    small = (i != j) & (small | (guess & (size[i] <= size[j])))
    i, j = i[small], j[small]
    share = shapely.area(shapely.intersection(shapes[i], shapes[j])) / np.minimum(
        shapely.area(shapes[i]), shapely.area(shapes[j])
    )
    takes = share >= np.where(doubtful[i], config.doubtful_share, 0.3)
    for a, b in sorted(zip(i[takes].tolist(), j[takes].tolist(), strict=True), key=lambda ab: size[ab[1]]):
        host = label[groups[b][0]]
        guests = np.flatnonzero(label == label[groups[a][0]])
        label[guests] = host
        odd[guests] = True
        continuous[guests] = whole[b]
    return label, odd


def _follow_hosts(
    prints: Footprints,
    label: NDArray[np.int64],
    continuous: NDArray[np.bool_],
    labels: NDArray[np.int64],
    rafted: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Ships outside others go where the nearest ship of their old group went (in place).

    Returns
    -------
    Which ships are rafted: a group without any host keeps its ships as a berth.
    """
    still = rafted.copy()
    for members in _members_of(labels):
        guests, hosts = members[rafted[members]], members[~rafted[members]]
        if not len(guests):
            continue
        if not len(hosts):
            label[guests] = label.max() + 1
            still[guests] = False
            continue
        _, nearest = cKDTree(np.column_stack([prints.x[hosts], prints.y[hosts]])).query(
            np.column_stack([prints.x[guests], prints.y[guests]])
        )
        label[guests], continuous[guests] = label[hosts[nearest]], continuous[hosts[nearest]]
    return still


def _lines(
    prints: Footprints, groups: list[Members], config: BerthsConfig, gap_m: float | None = None
) -> NDArray[np.int64]:
    """Number the quay lines: groups that point the same way, on one line, and overlap along it.

    With `gap_m`, groups that far apart along the line are joined too.
    """
    n = len(groups)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    boxes = np.array([_box(prints, members) for members in groups])
    x, y, scale, axis, length, width = boxes.T
    grown = length if gap_m is None else length + gap_m
    shapes = geo.rectangles(x, y, axis, grown * scale, (width + 2 * config.line_offset_m) * scale)
    i, j = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    i, j = i[i < j], j[i < j]
    turn = geo.turn_deg(axis[i], axis[j], period=180.0)
    theta = np.radians(axis[i] + turn / 2.0)
    east, north = (x[j] - x[i]) / scale[i], (y[j] - y[i]) / scale[i]
    along = np.abs(east * np.sin(theta) + north * np.cos(theta))
    across = np.abs(east * np.cos(theta) - north * np.sin(theta))
    # Ships of different beams on one quay share a side, or else their middles.
    offset = np.minimum(across, np.abs(across - np.abs(width[i] - width[j]) / 2.0))
    shared = (length[i] + length[j]) / 2.0 - along
    joined = (np.abs(turn) <= config.max_turn_deg) & (offset <= config.line_offset_m)
    joined &= shared > (config.reach_share * np.minimum(length[i], length[j]) if gap_m is None else -gap_m)
    graph = csr_array((np.ones(int(joined.sum())), (i[joined], j[joined])), shape=(n, n))
    line: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return line


def _outlines(prints: Footprints, groups: list[Members]) -> NDArray[np.object_]:
    x, y, scale, axis, length, width = np.array([_box(prints, members) for members in groups]).T
    return geo.rectangles(x, y, axis, length * scale, width * scale)


def _box(prints: Footprints, members: Members) -> tuple[float, float, float, float, float, float]:
    """Robust rectangle of a group: middle (plane units), scale, axis, length and width (m)."""
    axis = geo.circular_median_deg(prints.heading[members], period=180.0)
    scale = float(np.median(prints.scale[members]))
    along, across = _along(prints, members, members), _across(prints, members, axis)
    half_length, half_width = prints.length[members] / 2.0, prints.width[members] / 2.0
    rear, front = np.quantile(along - half_length, 0.1), np.quantile(along + half_length, 0.9)
    left, right = np.quantile(across - half_width, 0.1), np.quantile(across + half_width, 0.9)
    ahead, aside = (rear + front) / 2.0, (left + right) / 2.0
    sin, cos = np.sin(np.radians(axis)), np.cos(np.radians(axis))
    x = float(np.median(prints.x[members])) + (ahead * sin + aside * cos) * scale
    y = float(np.median(prints.y[members])) + (ahead * cos - aside * sin) * scale
    return x, y, scale, axis, float(front - rear), float(right - left)


def _along(prints: Footprints, members: Members, frame: Members) -> Floats:
    """Position of ships along the axis of a group (m), from the median of the group."""
    theta = np.radians(geo.circular_median_deg(prints.heading[frame], period=180.0))
    east = (prints.x[members] - np.median(prints.x[frame])) / prints.scale[members]
    north = (prints.y[members] - np.median(prints.y[frame])) / prints.scale[members]
    result: Floats = east * np.sin(theta) + north * np.cos(theta)
    return result


def _across(prints: Footprints, members: Members, axis: float) -> Floats:
    theta = np.radians(axis)
    east = (prints.x[members] - np.median(prints.x[members])) / prints.scale[members]
    north = (prints.y[members] - np.median(prints.y[members])) / prints.scale[members]
    result: Floats = east * np.cos(theta) - north * np.sin(theta)
    return result


def _members_of(labels: NDArray[np.int64]) -> list[Members]:
    """Members of each label from 0 up, in the order of the labels; -1 belongs to none."""
    order = np.argsort(labels, kind="stable")
    order = order[labels[order] >= 0]
    if not len(order):
        return []
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
