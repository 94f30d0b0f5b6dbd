"""Quay lines: which of them are a row of berths, and which a continuous quay.

Groups of overlapping hulls on one line are judged together. First, the stretches on which ships surely lie
anywhere become continuous quays (`continuous`). Of the rest, a line becomes a row of berths if its ships keep
to places and do not reach into the next one; otherwise the evidence of all its visits decides. A few visits
beside a busy berth are odd visits to that berth and make none of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely
from scipy.spatial import cKDTree

from ais_berths import geo, schema
from ais_berths.continuous import keeps_to_places, lie_anywhere, room_for
from ais_berths.cuts import along_axis, assign_odd, cut_line, members_of, misfits
from ais_berths.footprints import Groups, quantiles
from ais_berths.groups import number_groups, touching

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import BerthsConfig
    from ais_berths.cuts import Members
    from ais_berths.footprints import Footprints

# Visits from which a quay is busy, and from which it is a line even if few headings are known.
_FEW, _MANY = 6, 10
# A few visits to a continuous quay may lie close together by chance: they must spread less to be a berth.
_BY_CHANCE = 0.5
# Groups of this few visits may belong to another one. Groups are not compared beyond this ratio of length.
# Each visit is compared with this many visits before it, to see whether these ships were still there.
_GUESSES, _LONGER, _LOOK_BACK = 2, 5.0, 6
# Position error, in ship lengths, from which it is uncertain where a group lay; share of the smaller group
# that it and its host must have in common.
_DOUBTFUL, _COVERED = 0.1, 0.3


@dataclass(frozen=True)
class Settled:
    """Berth of each footprint, whether it is a continuous quay, and whether the visit is odd or rafted."""

    label: NDArray[np.int64]
    continuous: NDArray[np.bool_]
    odd: NDArray[np.bool_]
    rafted: NDArray[np.bool_]


def settle_lines(
    prints: Footprints, labels: NDArray[np.int64], rafted: NDArray[np.bool_], config: BerthsConfig
) -> Settled:
    """Decide for every quay line whether it is a row of berths or a continuous quay.

    Parameters
    ----------
    prints
        The footprints.
    labels
        Group of each footprint by overlap, from 0.
    rafted
        Footprints of ships that lay outside another one. They get the berth of that ship and have no say.
    config
        The section ``berths`` of the settings.
    """
    label = np.full(len(labels), -1, dtype=np.int64)
    odd = np.zeros(len(labels), dtype=bool)
    continuous = np.zeros(len(labels), dtype=bool)
    next_label = 0
    groups = members_of(np.where(rafted, -1, labels))
    for line in members_of(_lines(prints, groups, config, gap_m=config.continuous_gap_m)):
        for stretch in lie_anywhere(prints, np.concatenate([groups[i] for i in line.tolist()]), config):
            label[stretch], continuous[stretch] = next_label, True
            next_label += 1
    groups = members_of(np.where(rafted | continuous, -1, labels))
    one_berth = _are_one_berth(prints, groups, config)
    for line in members_of(_lines(prints, groups, config)):
        places = [groups[i] for i in line.tolist()]
        is_continuous, parts = _settle_line(prints, places, bool(one_berth[line].all()), config)
        for core, beside in parts:
            label[core] = label[beside] = next_label
            odd[beside] = True
            next_label += 1
        if is_continuous:
            continuous[np.concatenate(places)] = True
    _join_continuous(prints, label, odd, continuous, config)
    label, odd, continuous = _absorb(prints, label, odd, continuous, config)
    rafted = _follow_hosts(prints, label, continuous, labels, rafted)
    return Settled(np.unique(label, return_inverse=True)[1].astype(np.int64), continuous, odd, rafted)


def _settle_line(
    prints: Footprints, places: list[Members], all_are_berths: bool, config: BerthsConfig
) -> tuple[bool, list[tuple[Members, Members]]]:
    """Decide for one line: is it continuous, and which are its places, each with its odd visits.

    It is a row of berths if all but a few visits keep out of the other places.
    """
    every = np.concatenate(places)
    none = every[:0]
    if all_are_berths and len(places) == 1:
        return False, [(every, none)]
    few = max(1.0, config.odd_share * len(every))
    if all_are_berths:
        odd = misfits(prints, every, places, few, config)
        if len(odd) <= few:
            return False, assign_odd(prints, every, places, odd)
    pieces = cut_line(prints, every, config)
    size = np.array([len(piece) for piece in pieces])
    if size[_are_one_berth(prints, pieces, config)].sum() >= config.discrete_share * len(every):
        odd = misfits(prints, every, pieces, few, config)
        if len(odd) <= few:
            return False, assign_odd(prints, every, pieces, odd)
    # A busy stretch with no room for two of its ships is one berth with much play.
    is_continuous = len(every) < _FEW or room_for(prints, every) >= config.continuous_room
    # A few boats of unknown heading do not make a line.
    is_continuous &= len(every) >= _MANY or bool(prints.directed[every].mean() > 0.5)
    if is_continuous and keeps_to_places(prints, every).sum() > 0.0:
        return False, _cut_up(prints, every, config)
    return is_continuous, [(every, none)]


def _cut_up(prints: Footprints, every: Members, config: BerthsConfig) -> list[tuple[Members, Members]]:
    """Cut a line into places; visits across two of them are odd.

    A busy place remains one even if its ships reach into the next one, as when an antenna offset is wrong.
    """
    places = cut_line(prints, every, config)
    across = misfits(prints, every, places, len(every), config)
    busy = [place for place in places if len(place) >= max(_FEW, config.odd_share * len(every))]
    across = across[~np.isin(across, np.concatenate([every[:0], *busy]))]
    return assign_odd(prints, every, places, across)


def _are_one_berth(prints: Footprints, groups: list[Members], config: BerthsConfig) -> NDArray[np.bool_]:
    """Whether each group is one berth: its middles lie close together, and ships hardly ever met there."""
    if not groups:
        return np.zeros(0, dtype=bool)
    laid = _laid(prints, groups)
    n = np.bincount(laid.number)
    spread = quantiles(laid.along, laid.number, 0.9) - quantiles(laid.along, laid.number, 0.1)
    length, error = (quantiles(v[laid.member], laid.number, 0.5) for v in (prints.length, prints.error))
    most = config.berth_spread * np.where(n < _FEW, _BY_CHANCE, 1.0) * length
    together = (n <= 2) | (spread <= most + 10.0 + error)
    # One conflict is allowed, as a rafted ship may not have been recognised.
    result: NDArray[np.bool_] = together & (_conflicts(laid) <= 1 + config.conflict_share * n)
    return result


def _conflicts(laid: Groups) -> NDArray[np.int64]:
    """Count, for each group, visits that began over an hour before another ship in the same place left.

    Ships side by side do not count: one of them is rafted.
    """
    prints = laid.prints
    order = np.lexsort((prints.start[laid.member], laid.number))
    member, number, across = laid.member[order], laid.number[order], laid.across[order]
    start, end, width, mmsi = (v[member] for v in (prints.start, prints.end, prints.width, prints.mmsi))
    found = np.zeros(len(order), dtype=bool)
    for back in range(1, min(len(order), _LOOK_BACK + 1)):
        earlier, later = slice(None, -back), slice(back, None)
        together = np.minimum(end[earlier], end[later]) - start[later] > schema.HOUR_US
        beside = np.abs(across[later] - across[earlier]) >= 0.25 * (width[earlier] + width[later])
        same_group = number[earlier] == number[later]
        found[later] |= together & ~beside & same_group & (mmsi[earlier] != mmsi[later])
    return np.bincount(number, weights=found).astype(np.int64)


def _join_continuous(
    prints: Footprints,
    label: NDArray[np.int64],
    odd: NDArray[np.bool_],
    continuous: NDArray[np.bool_],
    config: BerthsConfig,
) -> None:
    """Join the parts of a continuous quay between which no ship happened to lie (in place).

    An unused stretch divides a continuous quay only if one more of its ships would fit in. If the ships of
    the joined quay keep to places after all, it is cut into berths instead.
    """
    groups = members_of(np.where(odd, -1, label))
    line = _lines(prints, groups, config, gap_m=config.continuous_gap_m)
    for members in members_of(line):
        parts = [groups[i] for i in members.tolist()]
        quay = max((part for part in parts if continuous[part[0]]), key=len, default=None)
        if quay is None:
            continue
        first, rest = quay, [part for part in parts if part is not quay]
        while True:
            near = [part for part in rest if _continues(prints, quay, part, continuous, config)]
            if not near:
                break
            rest = [part for part in rest if not any(part is other for other in near)]
            quay = np.concatenate([quay, *near])
        if keeps_to_places(prints, quay).sum() > 0.0:
            for part in [part for part in parts if continuous[part[0]] and np.isin(part, quay).any()]:
                for core, beside in _cut_up(prints, part, config):
                    label[core] = label[beside] = label.max() + 1
                    odd[beside] = True
                continuous[part] = False
        else:
            whole = np.isin(label, label[quay])
            label[whole], continuous[whole] = label[first[0]], True


def _continues(
    prints: Footprints,
    quay: Members,
    part: Members,
    continuous: NDArray[np.bool_],
    config: BerthsConfig,
) -> bool:
    """Whether a part of the same line belongs to a continuous quay: close by and used in the same way."""
    both = np.concatenate([quay, part])
    along = along_axis(prints, both, both)
    ends = np.stack([along - prints.length[both] / 2.0, along + prints.length[both] / 2.0])
    quay_ends, part_ends = ends[:, : len(quay)], ends[:, len(quay) :]
    gap = max(part_ends[0].min() - quay_ends[1].max(), quay_ends[0].min() - part_ends[1].max())
    if gap > config.continuous_gap_ships * float(np.median(prints.length[quay])):
        return False
    guests = np.unique(prints.mmsi[part])
    shared = float(np.isin(guests, prints.mmsi[quay]).mean())
    if bool(continuous[part[0]]) or len(part) < _FEW or shared >= config.continuous_fleet:
        return True
    return float(keeps_to_places(prints, both).sum()) <= 0.0


def _absorb(
    prints: Footprints,
    label: NDArray[np.int64],
    odd: NDArray[np.bool_],
    continuous: NDArray[np.bool_],
    config: BerthsConfig,
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.bool_]]:
    """Make small groups that lie across a busy berth or a continuous quay odd visits to it."""
    groups = members_of(np.where(odd, -1, label))
    first = np.array([members[0] for members in groups], dtype=np.intp)
    host = _hosts(prints, groups, continuous[first], config)
    before, label, odd, continuous = label, label.copy(), odd.copy(), continuous.copy()
    for a in range(len(groups)):
        b = _host_of(a, host)
        if b != a:
            guests = before == before[first[a]]
            label[guests] = before[first[b]]
            odd[guests] = True
            continuous[guests] = continuous[first[b]]
    return label, odd, continuous


def _hosts(
    prints: Footprints, groups: list[Members], continuous: NDArray[np.bool_], config: BerthsConfig
) -> list[int]:
    """Host of each group: itself, or a larger group across which it lies."""
    host = list(range(len(groups)))
    if len(groups) < 2:
        return host
    laid = _laid(prints, groups)
    boxes = laid.boxes(0.1, 0.1)
    shapes = boxes.shapes()
    size = np.array([len(members) for members in groups])
    doubt = quantiles(prints.error[laid.member] / prints.length[laid.member], laid.number, 0.5)
    doubtful = doubt > _DOUBTFUL
    i, j = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    small = size[i] <= np.maximum(config.odd_share * size[j], np.where(continuous[j], 1, 0))
    # A ship whose antenna position is a mere guess lay at the berth that is better known.
    guess = doubtful[i] & (size[i] <= _GUESSES) & ((size[i] < size[j]) | ~doubtful[j])
    # A ship is never an odd visit to the place of a tug that worked beside it.
    fits = boxes.length[i] <= _LONGER * boxes.length[j]
    small = (i != j) & fits & (small | (guess & (size[i] <= size[j])))
    i, j = i[small], j[small]
    area = shapely.area(shapes)
    share = shapely.area(shapely.intersection(shapes[i], shapes[j])) / np.minimum(area[i], area[j])
    takes = share >= np.where(doubtful[i], config.doubtful_share, _COVERED)
    # The largest host decides; a guest takes along only its own guests.
    in_order = np.lexsort((j[takes], i[takes], size[j[takes]]))
    for a, b in zip(i[takes][in_order].tolist(), j[takes][in_order].tolist(), strict=True):
        if _host_of(b, host) != a:
            host[a] = b
    return host


def _host_of(group: int, host: list[int]) -> int:
    """The last host of a group, as hosts may be guests of others."""
    while host[group] != group:
        group = host[group]
    return group


def _follow_hosts(
    prints: Footprints,
    label: NDArray[np.int64],
    continuous: NDArray[np.bool_],
    labels: NDArray[np.int64],
    rafted: NDArray[np.bool_],
) -> NDArray[np.bool_]:
    """Give rafted ships the berth of the nearest other ship of their old group (in place).

    Returns
    -------
    Which ships are rafted: those of a group that had no other ships become a berth of their own.
    """
    still = rafted.copy()
    for members in members_of(labels):
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
    """Number the quay lines: groups on one line that point the same way and overlap along it.

    With `gap_m`, groups are also joined across gaps up to this wide.
    """
    n = len(groups)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    boxes = _laid(prints, groups).boxes(0.1 if gap_m is None else 0.0, 0.1)
    i, j = touching(boxes.shapes(gap_m or 0.0, 2 * config.line_offset_m))
    east, north = ((at[j] - at[i]) / boxes.scale[i] for at in (boxes.x, boxes.y))
    turn, along, across = geo.between_axes(east, north, boxes.axis[i], boxes.axis[j])
    length, width = boxes.length, boxes.width
    # Ships of different beams on one quay share a side, or else their middles.
    offset = np.minimum(across, np.abs(across - np.abs(width[i] - width[j]) / 2.0))
    shared = (length[i] + length[j]) / 2.0 - along
    joined = (turn <= config.max_turn_deg) & (offset <= config.line_offset_m)
    # Two tugs beside a ship that came once must not make that ship an odd visit.
    size = np.array([len(members) for members in groups])
    longer, shorter = np.where(length[i] > length[j], (i, j), (j, i))
    joined &= (length[longer] <= _LONGER * length[shorter]) | (size[longer] > _GUESSES)
    directed = np.array([prints.directed[members].mean() > 0.5 for members in groups])
    joined &= directed[i] & directed[j]
    joined &= shared > (config.reach_share * np.minimum(length[i], length[j]) if gap_m is None else -gap_m)
    return number_groups(i[joined], j[joined], n)


def _laid(prints: Footprints, groups: list[Members]) -> Groups:
    """All groups, each along its own axis."""
    number = np.repeat(np.arange(len(groups)), [len(members) for members in groups])
    return Groups.of(prints, np.concatenate(groups), number)
