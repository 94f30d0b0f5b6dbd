"""Ships that share an MMSI: which of them sent which pings.

The pings of a number come in pieces without a step that no ship can make. Each piece is given to a ship, in
the order of time, from what is known of all ships so far. That is a loop over pieces: on a number that two
ships share there are as many of them as pings, so the loop works on plain numbers, and what it keeps of each
piece is one number in an array.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ais_berths import geo
from ais_berths.geo import METRES_PER_DEG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ais_berths.config import CleanConfig
    from ais_berths.geo import Floats
    from ais_berths.tracks import Ints

    Columns = tuple[Floats, Floats, Ints, Floats]

# Of two ships that may have sent a ping, the one heard last is preferred: an hour is worth this many metres.
_SILENCE_M_S = 100.0 / 3600.0
_M_S_PER_KN = 1.0 / geo.KN_PER_M_S
# Pings that are plain numbers at a time: these take several times the memory of arrays.
_BLOCK = 1 << 16


def share_pieces(
    pings: Columns, starts: NDArray[np.intp], size: NDArray[np.intp], config: CleanConfig
) -> Ints:
    """Give unbroken pieces of the pings of one MMSI to ships.

    A piece goes to the ship that could have sailed to its start and whose speed agrees best with the way,
    or to a new one. A ship that cannot have sailed there from her last piece, but can from the one before,
    never was in that last piece, if it is short.

    Parameters
    ----------
    pings
        Latitude and longitude (deg), microseconds since 1970 and speed over ground (kn; nan where unknown),
        in the order of time.
    starts, size
        First ping of each piece, and how many there are in it.
    config
        The section ``clean`` of the settings.

    Returns
    -------
    Number of the ship of each piece, of those that enough pings speak for; -1 for none.

    Examples
    --------
    Two ships 11 km apart that report in turn:

    >>> from ais_berths.config import CleanConfig
    >>> lat, time = np.tile([51.9, 52.0], 6), np.arange(12) * 10_000_000
    >>> pings = (lat, np.full(12, 4.1), time, np.zeros(12))
    >>> share_pieces(pings, np.arange(12), np.ones(12, int), CleanConfig(min_track_pings=3)).tolist()
    [0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1]
    """
    fleet = _Fleet(config)
    owner = np.full(len(starts), -1, dtype=np.int64)
    for block in range(0, len(starts), _BLOCK):
        here = slice(block, block + _BLOCK)
        begins, ends = _fixes(pings, starts[here]), _fixes(pings, (starts + size - 1)[here])
        for piece, (begin, end, n) in enumerate(zip(begins, ends, size[here].tolist(), strict=True), block):
            owner[piece], lost = fleet.take(piece, begin, end, n)
            if lost >= 0:
                owner[lost] = -1
    rank = fleet.ranks()
    return np.where(owner >= 0, rank[owner], -1)


class _Fix(NamedTuple):
    """A ping as plain numbers; a speed that is not known is infinite."""

    lat: float
    lon: float
    time_s: float
    sog_kn: float


def _fixes(pings: Columns, at: NDArray[np.intp]) -> Iterator[_Fix]:
    lat, lon, time, sog = (column[at] for column in pings)
    sog = np.where(np.isfinite(sog), sog, np.inf)
    return map(_Fix, lat.tolist(), lon.tolist(), (time / 1e6).tolist(), sog.tolist())


@dataclass(slots=True)
class _Ship:
    """One of the ships that share an MMSI.

    Parameters
    ----------
    piece, size, tip
        Her last piece of pings, how many these are, and the last of them.
    before
        Last ping of the piece before that one.
    support
        How many of her pings follow from the ping before.
    """

    piece: int
    size: int
    tip: _Fix
    before: _Fix | None
    support: int


class _Fleet:
    """The ships found so far."""

    def __init__(self, config: CleanConfig) -> None:
        self.ships: list[_Ship] = []
        self.enough = config.min_track_pings
        self.jump_m = config.min_jump_m
        self.most_kn, self.spare_kn = config.max_speed_kn, config.spare_speed_kn
        self.pick_up_kn_s = config.pick_up_kn_min / 60.0

    def take(self, piece: int, begin: _Fix, end: _Fix, size: int) -> tuple[int, int]:
        """Give a piece to a ship; returns her number, and the piece that she never was in, or -1."""
        best, misfit_m, lost = self._choose(begin)
        if best < 0:
            self.ships.append(_Ship(piece, size, end, None, size - 1))
            return len(self.ships) - 1, -1
        ship = self.ships[best]
        ship.support += size - 1 + (misfit_m < self.jump_m)
        if lost < 0:
            ship.before = ship.tip
        else:
            ship.support -= ship.size - 1
        ship.piece, ship.size, ship.tip = piece, size, end
        return best, lost

    def ranks(self) -> Ints:
        """Number of each ship among those with enough support; -1 for the others."""
        support = np.array([ship.support for ship in self.ships])
        real = support >= min(self.enough - 1, support.max())
        return np.where(real, np.cumsum(real) - 1, -1)

    def _choose(self, begin: _Fix) -> tuple[int, float, int]:
        """Number of the ship that a piece follows best, or -1, how badly (m), and her piece that is lost."""
        best, misfit_m, least_m, lost = -1, math.inf, math.inf, -1
        apart_m = [self._misfit_m(ship.tip, begin) for ship in self.ships]
        for number, (ship, metres) in enumerate(zip(self.ships, apart_m, strict=True)):
            if metres + self._weak_m(ship) < least_m:
                best, misfit_m, least_m = number, metres, metres + self._weak_m(ship)
        # To give a piece back costs as much as a jump.
        if least_m <= self.jump_m:
            return best, misfit_m, lost
        for number, (ship, metres) in enumerate(zip(self.ships, apart_m, strict=True)):
            if metres < math.inf or ship.before is None or ship.size >= self.enough:
                continue
            metres_before = self._misfit_m(ship.before, begin)
            cost_m = metres_before + self._weak_m(ship) + self.jump_m
            if cost_m < least_m:
                best, misfit_m, least_m, lost = number, metres_before, cost_m, ship.piece
        return best, misfit_m, lost

    def _weak_m(self, ship: _Ship) -> float:
        """What it takes to believe in a ship of few pings (m)."""
        return self.jump_m if ship.support < self.enough - 1 else 0.0

    def _misfit_m(self, tip: _Fix, begin: _Fix) -> float:
        """How badly a piece follows a ping (m); inf where no ship can sail between them.

        The way beyond what the speeds explain, and something for each hour of silence. What a ship can sail
        is what `pings` says of steps from ping to ping.
        """
        lat, lon, time_s, sog_kn = tip
        begin_lat, begin_lon, begin_s, begin_kn = begin
        # Called for each ship and piece: comparisons are several times as fast as `max`.
        seconds = begin_s - time_s
        seconds = seconds if seconds > 1.0 else 1.0
        limit_kn = (sog_kn if sog_kn > begin_kn else begin_kn) + self.spare_kn + self.pick_up_kn_s * seconds
        limit_kn = limit_kn if limit_kn < self.most_kn else self.most_kn
        reach_m = limit_kn * _M_S_PER_KN * seconds
        reach_m = reach_m if reach_m > self.jump_m else self.jump_m
        # Most ships are too far off, and most of those are told by their latitude.
        north_m = (begin_lat - lat) * METRES_PER_DEG
        if not -reach_m <= north_m <= reach_m:
            return math.inf
        metres_per_deg = METRES_PER_DEG * math.cos(math.radians((lat + begin_lat) / 2.0))
        east_m = math.remainder(begin_lon - lon, 360.0) * metres_per_deg
        metres = math.sqrt(north_m * north_m + east_m * east_m)
        if metres > reach_m:
            return math.inf
        mean_kn = (sog_kn + begin_kn) / 2.0
        sailed_m = mean_kn * _M_S_PER_KN * seconds if mean_kn < math.inf else 0.0
        return max(metres - sailed_m, 0.0) + _SILENCE_M_S * seconds
