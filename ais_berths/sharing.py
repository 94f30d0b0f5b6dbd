"""Two ships at once never share a discrete berth.

A berth in which two ships lay at once is divided, if their positions can be told apart along or across the
quay. If not, one of them is taken to be rafted outside the other.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from ais_berths.footprints import Groups, ranks
from ais_berths.groups import overlap
from ais_berths.schema import HOUR_US

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import BerthsConfig
    from ais_berths.cuts import Members
    from ais_berths.footprints import Footprints, Pairs
    from ais_berths.lines import Settled

# A leaving ship and the next one may seem to overlap by this much, as reports are some minutes apart (us).
TURNOVER_US = HOUR_US // 6
# The middles of two ships in line are at least this share of their mean length apart, even if their positions
# are inexact.
_IN_LINE = 0.6


def part_sharers(prints: Footprints, settled: Settled, config: BerthsConfig) -> Settled:
    """Give ships that lay in one discrete berth at once a berth each, or raft one of them.

    Two stops with one MMSI are not compared, as they may be of one ship.

    Parameters
    ----------
    prints
        The footprints.
    settled
        Their berths.
    config
        The section ``berths`` of the settings.

    Returns
    -------
    The berths, some of them divided, and more rafted ships. Apart from rafted ships, no two ships are in one
    discrete berth at once for longer than ten minutes.
    """
    label = settled.label.copy()
    pairs = _at_once(prints, np.where(settled.continuous | settled.rafted, -1, label))
    in_line, beside = _told_apart(prints, settled.odd, pairs, config)
    of_group = label[pairs.i]
    for number in np.unique(of_group[in_line | beside]).tolist():
        members = np.flatnonzero((label == number) & ~settled.rafted)
        ways = [
            np.searchsorted(members, np.stack([pairs.i[way], pairs.j[way]]))
            for way in (in_line & (of_group == number), beside & (of_group == number))
        ]
        for part in _parts(prints, members, ways, config)[1:]:
            label[part] = label.max() + 1
    rafted = settled.rafted | _outside(prints, label, settled.odd, pairs)
    return replace(settled, label=label, rafted=rafted)


def _at_once(prints: Footprints, label: NDArray[np.int64]) -> Pairs:
    """Pairs of ships of one group that were there at once; -1 is no group."""
    alone = label.max(initial=0) + 1 + np.arange(len(label))
    i, j = prints.together(np.where(label < 0, alone, label))
    share = (overlap(prints.start, prints.end, i, j) > TURNOVER_US) & (prints.mmsi[i] != prints.mmsi[j])
    return prints.compare(i[share], j[share])


def _told_apart(
    prints: Footprints, odd: NDArray[np.bool_], pairs: Pairs, config: BerthsConfig
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Find pairs in line with each other, and pairs side by side but too far apart to be rafted.

    Hulls do not overlap in reality. If they seem to, one is shorter than assumed or lies farther off the
    quay, and the direction that explains more is taken. Odd visits, and tugs that push at a ship from the
    side, have no place of their own.
    """
    i, j = pairs.i, pairs.j
    length, width = (prints.length[i] + prints.length[j]) / 2.0, (prints.width[i] + prints.width[j]) / 2.0
    along, across = pairs.along / length, pairs.across / width
    placed = ~odd[i] & ~odd[j] & (pairs.turn <= config.max_turn_deg)
    in_line = placed & (along > across) & (along > _IN_LINE)
    return in_line, placed & ~in_line & (pairs.across - width > config.raft_gap_m)


def _parts(
    prints: Footprints, members: Members, ways: list[NDArray[np.intp]], config: BerthsConfig
) -> list[Members]:
    """Divide a group where that separates most ships that were there at once, as often as needed.

    `ways` are the pairs (rows of `members`) that can be told apart along the quay and across it. A few pairs
    among many visits do not divide a berth, as each of them may be wrong.
    """
    if len(members) < 2:
        return [members]
    laid = Groups.of(prints, members, np.zeros(len(members), dtype=np.int64))
    most, widest, right = config.conflict_share * len(members), np.inf, None
    for at, pairs in zip((laid.along, laid.across), ways, strict=True):
        steps = np.sort(at)
        low, high = np.sort(np.sort(at[pairs], axis=0), axis=1)
        began, ended = (np.searchsorted(ends, steps[:-1], side="right") for ends in (low, high))
        parted, gap = began - ended, np.diff(steps)
        best = int(np.lexsort((gap, parted))[-1])
        if (parted[best], gap[best]) > (most, widest):
            most, widest, right = parted[best], gap[best], at > steps[best]
    if right is None:
        return [members]
    parts: list[Members] = []
    for side in (~right, right):
        row = np.cumsum(side) - 1
        inside = [row[pairs[:, side[pairs].all(axis=0)]] for pairs in ways]
        parts += _parts(prints, members[side], inside, config)
    return parts


def _outside(
    prints: Footprints, label: NDArray[np.int64], odd: NDArray[np.bool_], pairs: Pairs
) -> NDArray[np.bool_]:
    """Choose ships to raft so that one at a time is left: odd visits first, then short ones."""
    left = label[pairs.i] == label[pairs.j]
    i, j = pairs.i[left], pairs.j[left]
    rank = ranks(prints.start, -prints.mmsi, prints.start - prints.end, odd)
    guest, host = np.where(rank[i] > rank[j], (i, j), (j, i))
    rafted = np.zeros(len(label), dtype=bool)
    in_turn = np.argsort(rank[guest], kind="stable")
    for a, b in zip(guest[in_turn].tolist(), host[in_turn].tolist(), strict=True):
        rafted[a] |= not rafted[b]
    return rafted
