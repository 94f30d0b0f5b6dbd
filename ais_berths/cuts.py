"""Cutting a quay line into places, and finding the visits that fit into none of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ais_berths import geo

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import BerthsConfig
    from ais_berths.footprints import Footprints
    from ais_berths.geo import Floats

    Members = NDArray[np.intp]

# Grid points times ships, or pairs of ships, that are in memory at once.
_CELLS = 2_000_000


def misfits(
    prints: Footprints, every: Members, places: list[Members], most: float, config: BerthsConfig
) -> Members:
    """Find the visits without which no ship reaches into another place than its own.

    They are chosen greedily, the visit with the most conflicts first, so that few are needed. The search ends
    as soon as there are more than `most`.
    """
    if len(places) < 2:
        return every[:0]
    place = np.empty(len(every), dtype=np.int64)
    order = np.argsort(every)
    for number, members in enumerate(places):
        place[order[np.searchsorted(every, members, sorter=order)]] = number
    along, length, error = along_axis(prints, every, every), prints.length[every], prints.error[every]
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
    while count.any() and len(odd) <= most:
        # Between equals, the visit to the smaller place goes.
        tied = np.flatnonzero(count == count.max())
        worst = int(tied[np.lexsort((-along[tied], -size[tied]))[-1]])
        others = in_line[left[worst] : right[worst]]
        count[others] -= reaches(np.array([worst]), others)[0]
        count[[worst, *odd]] = 0
        odd.append(worst)
    return every[np.array(odd, dtype=np.intp)]


def cut_line(prints: Footprints, members: Members, config: BerthsConfig) -> list[Members]:
    """Cut a group along the quay in the valleys of the density of its ships' middles."""
    along = along_axis(prints, members, members)
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


def assign_odd(
    prints: Footprints, every: Members, places: list[Members], odd: Members
) -> list[tuple[Members, Members]]:
    """Return each place without odd visits, and the odd visits that lay across it most."""
    cores = [place[~np.isin(place, odd)] for place in places]
    cores = [core for core in cores if len(core)]
    beside: list[list[int]] = [[] for _ in cores]
    middle = along_axis(prints, odd, every)
    cores_at = np.array([float(np.median(along_axis(prints, core, every))) for core in cores])
    reach = np.array([float(np.median(prints.length[core])) / 2.0 for core in cores])
    for visit, at in zip(odd.tolist(), middle.tolist(), strict=True):
        beside[int(np.argmin(np.abs(cores_at - at) - reach))].append(visit)
    return [(core, np.array(visits, dtype=np.intp)) for core, visits in zip(cores, beside, strict=True)]


def along_axis(prints: Footprints, members: Members, frame: Members) -> Floats:
    """Position of ships along the axis of a group, `frame`, from its median (m)."""
    axis = geo.circular_median_deg(prints.heading[frame], period=180.0)
    east = (prints.x[members] - np.median(prints.x[frame])) / prints.scale[members]
    north = (prints.y[members] - np.median(prints.y[frame])) / prints.scale[members]
    return geo.ahead_right(east, north, axis)[0]


def members_of(labels: NDArray[np.int64]) -> list[Members]:
    """Rows of each label, in the order of the labels; -1 is no label."""
    order = np.argsort(labels, kind="stable")
    order = order[labels[order] >= 0]
    if not len(order):
        return []
    return np.split(order, np.flatnonzero(np.diff(labels[order])) + 1)
