"""Lengths of ships that sent no size, estimated from where they lay and how they turned.

Three observations depend on the length. Where two ships used one berth and faced opposite ways, the distance
between their antennas is the sum of the distances of both antennas from midship. Ships in line at the same
time do not overlap. In a turn, the antenna of a long ship swings out farther. They are combined with the
usual length of the vessel group and with the lengths of other ships at the same quay.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import antennas
from ais_berths.encounters import Encounters, Unsized
from ais_berths.evidence import add_rows, whole
from ais_berths.levers import is_lever_usable, lever_spread_m, levers_by, ratio_likelihood

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats
    from ais_berths.shelf import Shelf

# Lengths to choose from (m).
_LENGTHS = np.geomspace(20.0, 400.0, 61)
_GRID = np.log(_LENGTHS)
# How far the middles of two ships of one berth lie apart (m), and as a share of the length.
_PLAY_M, _PLAY_SHARE = 7.0, 0.04
# Votes that every length gets, as antennas also stand in unusual places; votes beyond which none count.
_BACKGROUND, _ENOUGH = 0.5, 2.0
# Spread of lengths (log) of one group, and of one quay.
_GROUP_SPREAD, _QUAY_SPREAD = 0.8, 0.3
# The same spread of one group where turns tell a length: that of real ships (0.44 for 604 cargo ships, 0.48
# for 185 tankers). It is not used with places alone: their evidence is too weak against it.
_TURNS_SPREAD = 0.45
# Share of ships that are as long as the others on their quay.
_ALIKE = 0.8
# Log-likelihood that a length loses for each overlap with a neighbour, and in all.
_CLASH, _MOST_CLASH = 4.0, 20.0
# If ships of the usual length overlapped more often than this, they are known to be shorter.
_NO_ROOM = 0.5
_ROUNDS = 4


def learn_lengths(portions: Shelf[UnsizedPortion]) -> pd.Series:
    """Estimate the length of each ship that sent none.

    Ships go from port to port, so the evidence on a ship is summed over all portions in each round.

    Parameters
    ----------
    portions
        The stops of these ships, in portions that share no place.

    Returns
    -------
    Metres by MMSI; nan where there is no evidence from turns, places or quays.
    """
    known = portions.each(attrgetter("mmsi", "usual", "turns"))
    mmsi = np.unique(np.concatenate([ships for ships, _, _ in known]))
    usual, turns = np.zeros(len(mmsi)), np.zeros((len(mmsi), len(_GRID)))
    for ships, of_type, of_turns in known:
        ship = np.searchsorted(mmsi, ships)
        usual[ship], turns[ship] = of_type, of_turns
    return pd.Series(np.exp(_weigh(portions, mmsi, usual, turns)), mmsi)


def _weigh(portions: Shelf[UnsizedPortion], mmsi: NDArray[np.int64], usual: Floats, turns: Floats) -> Floats:
    """Length (log) of each ship, from its places, its turns, its group and its quays; nan without evidence.

    In the first round a ship is assumed to be as long as each ship that it is compared with, afterwards those
    are as long as the round before found.
    """
    evident = np.any(turns != 0.0, axis=1)
    spread = np.where(evident, _TURNS_SPREAD, _GROUP_SPREAD)[:, None]
    of_group = (_GRID[None, :] - usual[:, None]) / spread
    length = quay = np.full(len(usual), np.nan)
    for number in range(_ROUNDS):
        others_m = KnownLengths(mmsi, np.exp(length)) if number else None
        voted, clashes = np.zeros(turns.shape), np.zeros(turns.shape)
        for ships, compared, log, clash in portions.each(UnsizedPortion.compare, others_m=others_m):
            ship = np.searchsorted(mmsi, ships)
            voted[ship] += log
            clashes[ship] += clash
            if not number:
                evident[ship] |= compared
        if not number:
            # Ships of the usual length would not all have had room.
            of_usual = np.abs(_GRID[None, :] - usual[:, None]).argmin(axis=1)
            evident |= clashes[np.arange(len(usual)), of_usual] > _NO_ROOM
        score = turns - np.minimum(_CLASH * clashes, _MOST_CLASH) + voted
        quay = _on_quays(
            portions, KnownLengths(mmsi, np.where(evident, _best(score - 0.5 * of_group**2), np.nan))
        )
        of_quay = (_GRID[None, :] - quay[:, None]) / _QUAY_SPREAD
        alike = np.where(np.isfinite(of_quay), of_quay, of_group)
        usual_here = _ALIKE * np.exp(-0.5 * alike**2) / _QUAY_SPREAD
        usual_here += (1.0 - _ALIKE) * np.exp(-0.5 * of_group**2) / spread
        length = _best(score + np.log(usual_here))
    return np.where(evident | np.isfinite(quay), length, np.nan)


def _on_quays(portions: Shelf[UnsizedPortion], known: KnownLengths) -> Floats:
    """Median of the `known` lengths (log) of ships of the same group on the quays where each ship was."""
    of_portions = portions.each(UnsizedPortion.on_quays, known=known)
    ship, value, times = _counted(*(np.concatenate(values) for values in zip(*of_portions, strict=True)))
    out = np.full(len(known.mmsi), np.nan)
    ships, begin = np.unique(ship, return_index=True)
    upto = np.cumsum(times)
    before = (upto - times)[begin]
    n = np.add.reduceat(times, begin) if len(begin) else before
    middle = [np.searchsorted(upto, before + at, side="right") for at in ((n - 1) // 2, n // 2)]
    out[ships] = (value[middle[0]] + value[middle[1]]) / 2.0
    return out


def _counted(
    ship: NDArray[np.intp], value: Floats, times: NDArray[np.int64]
) -> tuple[NDArray[np.intp], Floats, NDArray[np.int64]]:
    """Each value of each ship once, in order, and how many times it is there."""
    order = np.lexsort((value, ship))
    ship, value, times = ship[order], value[order], times[order]
    new = np.flatnonzero((np.diff(ship, prepend=-1) != 0) | (np.diff(value, prepend=np.nan) != 0.0))
    return ship[new], value[new], np.add.reduceat(times, new) if len(new) else times


@dataclass(frozen=True)
class KnownLengths:
    """Lengths of ships, nan where not known; ``mmsi`` is ascending."""

    mmsi: NDArray[np.int64]
    length: Floats

    def of(self, mmsi: NDArray[np.int64]) -> tuple[NDArray[np.intp], Floats]:
        """Numbers and lengths of some ships."""
        ship = np.searchsorted(self.mmsi, mmsi)
        return ship, self.length[ship]


@dataclass(frozen=True)
class UnsizedPortion:
    """The stops of one portion of ships that sent no size, and what is known of these ships.

    ``mmsi`` is ascending; ``usual`` is the usual length (log) of each ship, ``turns`` the log-likelihood of
    each length given its turns. ``first`` is the first visit of each ship to each place, ``facing`` pairs it
    with ships that faced the other way, ``together`` pairs ships in line at the same time.
    """

    mmsi: NDArray[np.int64]
    usual: Floats
    turns: Floats
    stops: Unsized
    first: NDArray[np.intp]
    facing: Encounters
    together: Encounters

    @classmethod
    def of(
        cls, moored: pd.DataFrame, group: NDArray[np.object_], usual_m: Floats, unsized: NDArray[np.bool_]
    ) -> UnsizedPortion:
        """Take the stops with a heading, of ships that sent no size.

        Parameters
        ----------
        moored
            Moored stops: ``mmsi lat lon heading_deg start_time end_time lever_m lever_error_m``.
        group
            Vessel group of the ship of each stop.
        usual_m
            Length that is usual for the ship of each stop.
        unsized
            Stops of ships that sent no size.
        """
        at = np.flatnonzero(unsized & np.isfinite(moored["heading_deg"].to_numpy(dtype=np.float64)))
        table, group = moored.iloc[at], group[at]
        stops = Unsized.of(table, group)
        mmsi, some = np.unique(table["mmsi"].to_numpy(dtype=np.int64), return_index=True)
        first = stops.first_visits()
        return cls(
            mmsi=mmsi,
            usual=np.log(usual_m[at][some]),
            turns=_turns(table, group, stops.ship),
            stops=stops,
            first=first,
            facing=stops.facing(first),
            together=stops.together(),
        )

    def compare(
        self, others_m: KnownLengths | None
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_], Floats, Floats]:
        """Compare the ships with those at the same places, of which `others_m` are the lengths so far.

        Returns
        -------
        The ships, which of them have evidence from other ships, the log-likelihood of each length, and how
        often a ship of each length would have overlapped with others.
        """
        lengths_m = None if others_m is None else others_m.of(self.mmsi)[1]
        votes = _votes(self.stops, self.facing, len(self.first), lengths_m)
        ship = self.stops.ship[self.first]
        log = np.zeros((len(self.mmsi), len(_GRID)))
        np.add.at(log, ship, whole(np.log(_BACKGROUND + np.minimum(votes, _ENOUGH))))
        compared = np.zeros(len(self.mmsi), dtype=bool)
        compared[ship[votes.max(axis=1, initial=0.0) > _BACKGROUND]] = True
        return self.mmsi, compared, log, _clashes(self.stops, self.together, len(self.mmsi), lengths_m)

    def on_quays(self, known: KnownLengths) -> tuple[NDArray[np.intp], Floats, NDArray[np.int64]]:
        """Number of each ship, known lengths (log) on the quays where it was, and how many have each."""
        ship, length = known.of(self.mmsi)
        own, other = self.stops.on_quays(self.first, length)
        return _counted(ship[own], length[other], np.ones(len(own), dtype=np.int64))


def _turns(moored: pd.DataFrame, group: NDArray[np.object_], ship: NDArray[np.intp]) -> Floats:
    """Log-likelihood of each length of each ship, given how far its antenna swings out in turns."""
    first, lever, error = levers_by(moored, ship)
    log = np.zeros((len(first), len(_LENGTHS)))
    at = np.flatnonzero(is_lever_usable(lever, group[first]))
    lever, error, group = lever[at], error[at], group[first[at]]
    for k, length_m in enumerate(_LENGTHS.tolist()):
        length = np.full(len(at), length_m)
        ratio = antennas.ratio_density(group, length, antennas.RATIOS)
        likely = ratio_likelihood(lever, error, group, length, antennas.RATIOS)
        log[at, k] = np.log((ratio * likely).sum(axis=1) / lever_spread_m(error, length))
    return log


def _votes(stops: Unsized, pairs: Encounters, rows: int, others_m: Floats | None) -> Floats:
    """How many ships facing each stop agree with each length: both middles would lie in one place."""
    votes = np.zeros((rows, len(_GRID)))
    for part in pairs.blocks():
        apart, other = stops.apart(part, _LENGTHS, others_m)
        play = np.hypot(_PLAY_M, _PLAY_SHARE * other)
        add_rows(votes, part.row, whole(np.exp(-0.5 * (apart / play) ** 2)))
    return votes


def _clashes(stops: Unsized, pairs: Encounters, rows: int, others_m: Floats | None) -> Floats:
    """How often a ship of each length would have overlapped with one in line at the same time."""
    clashes = np.zeros((rows, len(_GRID)))
    for part in pairs.blocks():
        apart, other = stops.apart(part, _LENGTHS, others_m)
        reach = (_LENGTHS[None, :] + other) / 2.0
        add_rows(clashes, part.row, whole(np.clip((0.9 - np.abs(apart) / reach) / 0.2, 0.0, 1.0)))
    return clashes


def _best(score: Floats) -> Floats:
    """Log of the best length of each row: the mean about the highest point."""
    top = score.argmax(axis=1)
    weight = np.exp(score - score.max(axis=1, keepdims=True))
    weight = np.where(np.abs(_GRID[None, :] - _GRID[top][:, None]) < _QUAY_SPREAD, weight, 0.0)
    result: Floats = (weight * _GRID).sum(axis=1) / weight.sum(axis=1)
    return result
