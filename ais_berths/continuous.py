"""Continuous quays: the stretches of a quay line on which ships keep to no places but lie anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ais_berths import geo
from ais_berths.cuts import along_axis

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import BerthsConfig
    from ais_berths.cuts import Members
    from ais_berths.footprints import Footprints
    from ais_berths.geo import Floats

# How far apart ships of one place lie (in ship lengths, and in m); share of visits that keep to no place;
# ships are not compared if one is this many times longer than the other.
_PLAY, _PLAY_M, _STRAY, _LONGER = 0.04, 3.0, 0.3, 3.0
# Error of each position (m), on top of what is unknown about the ship.
_EACH_M = 3.0
# Ships also lie close together by chance: this share of the largest possible evidence is subtracted.
_CHANCE = 0.5
# Evidence that a continuous quay needs, and that each change between berths and a continuous quay needs.
_SURE, _CHANGE = 1.0, 3.0
# With more visits than this, no single ship decides.
_FEW = 30
# Visits are compared with this many others at most, some at a time.
_MOST, _CELLS = 2000, 2_000_000


def lie_anywhere(prints: Footprints, members: Members, config: BerthsConfig) -> list[Members]:
    """Find the stretches of a line on which ships surely lie anywhere.

    A line may have berths on one part and a continuous quay on another. Of all ways to divide it, the one
    with the most evidence is taken.

    Parameters
    ----------
    prints
        The footprints.
    members
        Visits on one line.
    config
        The section ``berths`` of the settings.

    Returns
    -------
    The visits of each such stretch.
    """
    if prints.directed[members].mean() <= 0.5:
        return []
    along = along_axis(prints, members, members)
    order = np.argsort(along, kind="stable")
    evidence = keeps_to_places(prints, members)[order]
    along, length = along[order], prints.length[members][order]
    # The ends of a long ship may lie beyond those of its neighbours.
    begin = np.minimum.accumulate((along - length / 2.0)[::-1])[::-1]
    unused = begin[1:] - np.maximum.accumulate(along + length / 2.0)[:-1]
    apart = unused > config.continuous_gap_ships * (length[1:] + length[:-1]) / 2.0
    number, anywhere = _divide(evidence, np.concatenate([[True], apart]))
    stretches = [members[order[number == which]] for which in np.unique(number[anywhere])]
    return [
        stretch
        for stretch in stretches
        if room_for(prints, stretch) >= config.continuous_room and _without_one(prints, stretch) <= -_SURE
    ]


def _divide(evidence: Floats, apart: NDArray[np.bool_]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Number the stretches of a line, and say on which of them ships lie anywhere.

    The division with the most evidence is found with the Viterbi algorithm: visit by visit, the best sum so
    far if the visit is at a place, and if it lies anywhere. `apart` says before which visits there is an
    unused stretch.
    """
    places, free = 0.0, -np.inf
    came_free: list[tuple[bool, bool]] = []
    for told, afresh in zip(evidence.tolist(), apart.tolist(), strict=True):
        change = 0.0 if afresh else _CHANGE
        stay = -_SURE if afresh else 0.0
        came_free.append((free - change > places, free + stay >= places - change - _SURE))
        places, free = max(places, free - change), max(free + stay, places - change - _SURE) - told
    anywhere = np.zeros(len(evidence), dtype=bool)
    state = free > places
    for i in range(len(evidence) - 1, -1, -1):
        anywhere[i], state = state, came_free[i][int(state)]
    return np.cumsum(apart | np.diff(anywhere, prepend=False)), anywhere


def _without_one(prints: Footprints, members: Members) -> float:
    """Evidence for places without the ship that contradicts them most.

    A single ship must not decide: it may have lain across two berths, or send a wrong size.
    """
    ship = prints.mmsi[members]
    if len(members) > _FEW:
        return float(keeps_to_places(prints, members).sum())
    others = [members[ship != one] for one in np.unique(ship)]
    # If only one ship came, there is no evidence without it.
    return max(float(keeps_to_places(prints, rest).sum()) if len(rest) else 0.0 for rest in others)


def room_for(prints: Footprints, members: Members) -> float:
    """How many ships of the median length fit, one behind the other, where the members lay."""
    along, half = along_axis(prints, members, members), prints.length[members] / 2.0
    used = np.quantile(along + half, 0.95) - np.quantile(along - half, 0.05)
    return float(used / np.median(prints.length[members]))


def keeps_to_places(prints: Footprints, members: Members) -> Floats:
    """Evidence of each visit that ships on one line keep to places rather than lie anywhere.

    It compares how well two densities predict the position of a visit from the other visits whose hulls
    overlap it along the quay: a kernel density as narrow as the play of a berth, and a uniform density.
    Uncertain positions predict little, so that the evidence is weak either way; a ship far from all others
    gives none. The unknown antenna offset of a ship is the same whenever it lies the same way round, so it
    does not count between visits of one ship.

    Returns
    -------
    Log-likelihood ratio of each visit: above 0 for places, below 0 for ships that lie anywhere.
    """
    along, length = along_axis(prints, members, members), prints.length[members]
    doubt, n = np.minimum(prints.error[members], length) ** 2, len(members)
    turned = np.abs(geo.turn_deg(prints.heading[members[0]], prints.heading[members])) > 90.0
    ship = 2 * prints.mmsi[members] + turned
    others = np.arange(0, n, n // _MOST + 1)
    out = np.zeros(n)
    for block in np.array_split(np.arange(n), n * len(others) // _CELLS + 1):
        i, j = block[:, None], others[None, :]
        usual, apart = (length[i] + length[j]) / 2.0, np.abs(along[i] - along[j])
        unknown = np.where(ship[i] == ship[j], 2.0 * _EACH_M**2, doubt[i] + doubt[j])
        variance = 2.0 * ((_PLAY * usual) ** 2 + _PLAY_M**2) + unknown
        near = (i != j) & (apart < usual)
        near &= np.maximum(length[i], length[j]) < _LONGER * np.minimum(length[i], length[j])
        asked = near.any(axis=1)
        even = np.where(asked, (near * 0.5 / usual).sum(axis=1), 1.0)
        peak = near / np.sqrt(2.0 * np.pi * variance)
        narrow = peak * np.exp(-0.5 * apart**2 / variance)
        told, most = (
            np.log((1.0 - _STRAY) * density.sum(axis=1) / even + _STRAY) for density in (narrow, peak)
        )
        out[block] = np.where(asked, told - _CHANCE * np.maximum(most, 0.0), 0.0)
    return out
