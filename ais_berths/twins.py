"""Ships that share an MMSI: which of them sent which pings.

The pings of an MMSI are cut into pieces at steps that no ship can make. In the order of time, each piece is
given to the ship that fits best so far. That is a compiled loop over pieces: where two ships report in turn,
every ping is a piece.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ais_berths import geo
from ais_berths.compiled import compiled
from ais_berths.geo import METRES_PER_DEG

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import CleanConfig
    from ais_berths.geo import Floats
    from ais_berths.tracks import Ints

    Columns = tuple[Floats, Floats, Ints, Floats]
    Limits = tuple[int, float, float, float, float]

# Of two ships that may have sent a ping, the one heard last is preferred: an hour is worth this many metres.
_SILENCE_M_S = 100.0 / 3600.0
_M_S_PER_KN = 1.0 / geo.KN_PER_M_S
# A ship is a row of whole numbers: its last piece, how many pings these are, the last of them, the last ping
# of the piece before (-1 for none), and how many of its pings follow from the ping before.
_PIECE, _SIZE, _TIP, _BEFORE, _SUPPORT = range(5)


def share_pieces(
    pings: Columns, starts: NDArray[np.intp], size: NDArray[np.intp], config: CleanConfig
) -> Ints:
    """Give unbroken pieces of the pings of one MMSI to ships.

    A piece goes to the ship that could have sailed to its start and whose speed agrees best with the way,
    or to a new one. A ship that cannot have sailed there from its last piece, but can from the one before,
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
    limits = (
        config.min_track_pings,
        config.min_jump_m,
        config.max_speed_kn,
        config.spare_speed_kn,
        config.pick_up_kn_min / 60.0,
    )
    owner, support = _share(pings, starts, size, limits)
    real = support >= min(config.min_track_pings - 1, support.max())
    rank = np.where(real, np.cumsum(real) - 1, -1)
    return np.where(owner >= 0, rank[owner], -1)


@compiled
def _share(pings: Columns, starts: Ints, size: Ints, limits: Limits) -> tuple[Ints, Ints]:
    """Ship of each piece, -1 for none, and the support of each ship."""
    owner = np.full(len(starts), -1)
    ships, n = np.empty((4, 5), np.int64), 0
    for piece in range(len(starts)):
        begin, end = starts[piece], starts[piece] + size[piece] - 1
        best, misfit_m, lost = _choose(pings, ships[:n], begin, limits)
        if best < 0:
            if n == len(ships):
                ships = np.concatenate((ships, ships))
            best, n = n, n + 1
            ships[best, _BEFORE], ships[best, _SUPPORT] = -1, size[piece] - 1
        else:
            ships[best, _SUPPORT] += size[piece] - 1 + (misfit_m < limits[1])
            if lost:
                owner[ships[best, _PIECE]] = -1
                ships[best, _SUPPORT] -= ships[best, _SIZE] - 1
            else:
                ships[best, _BEFORE] = ships[best, _TIP]
        ships[best, _PIECE], ships[best, _SIZE], ships[best, _TIP] = piece, size[piece], end
        owner[piece] = best
    return owner, ships[:n, _SUPPORT].copy()


@compiled
def _choose(pings: Columns, ships: Ints, begin: int, limits: Limits) -> tuple[int, float, bool]:
    """Ship that a piece follows best, or -1, how badly (m), and whether its last piece was another ship's."""
    enough, jump_m = limits[0], limits[1]
    best, misfit_m, least_m, lost = -1, math.inf, math.inf, False
    apart_m = np.empty(len(ships))
    # What it takes to believe in a ship of few pings (m).
    weak_m = np.where(ships[:, _SUPPORT] < enough - 1, jump_m, 0.0)
    for ship in range(len(ships)):
        apart_m[ship] = _misfit_m(pings, ships[ship, _TIP], begin, limits)
        if apart_m[ship] + weak_m[ship] < least_m:
            best, misfit_m, least_m = ship, apart_m[ship], apart_m[ship] + weak_m[ship]
    # To give a piece back costs as much as a jump.
    if least_m <= jump_m:
        return best, misfit_m, lost
    for ship in range(len(ships)):
        if apart_m[ship] < math.inf or ships[ship, _BEFORE] < 0 or ships[ship, _SIZE] >= enough:
            continue
        before_m = _misfit_m(pings, ships[ship, _BEFORE], begin, limits)
        if before_m + weak_m[ship] + jump_m < least_m:
            best, misfit_m, least_m, lost = ship, before_m, before_m + weak_m[ship] + jump_m, True
    return best, misfit_m, lost


@compiled
def _misfit_m(pings: Columns, tip: int, begin: int, limits: Limits) -> float:
    """How badly a piece follows a ping (m); inf where no ship can sail between them.

    The way beyond what the speeds explain, and something for each hour of silence. What a ship can sail
    is what `pings` says of steps from ping to ping.
    """
    lat, lon, time, sog = pings
    _, jump_m, most_kn, spare_kn, pick_up_kn_s = limits
    seconds = max(time[begin] / 1e6 - time[tip] / 1e6, 1.0)
    limit_kn, mean_kn = most_kn, math.inf
    if math.isfinite(sog[tip]) and math.isfinite(sog[begin]):
        limit_kn = min(max(sog[tip], sog[begin]) + spare_kn + pick_up_kn_s * seconds, most_kn)
        mean_kn = (sog[tip] + sog[begin]) / 2.0
    reach_m = max(limit_kn * _M_S_PER_KN * seconds, jump_m)
    # Most ships are too far off, and mostly their latitude alone shows it.
    north_m = (lat[begin] - lat[tip]) * METRES_PER_DEG
    if abs(north_m) > reach_m:
        return math.inf
    east = lon[begin] - lon[tip]
    east_m = east - 360.0 * np.rint(east / 360.0)
    east_m *= METRES_PER_DEG * math.cos(math.radians((lat[tip] + lat[begin]) / 2.0))
    metres = math.sqrt(north_m * north_m + east_m * east_m)
    if metres > reach_m:
        return math.inf
    sailed_m = mean_kn * _M_S_PER_KN * seconds if mean_kn < math.inf else 0.0
    misfit_m: float = max(metres - sailed_m, 0.0) + _SILENCE_M_S * seconds
    return misfit_m
