"""The lever of a ship: the distance between its antenna and the point about which it turns under way.

A ship with headway turns about a pivot in its fore part. The pivot moves in the direction of the bow, and the
antenna swings out in proportion to its distance from the pivot. So the turns of a ship in port show whether
its bridge stands forward or aft, even if it sent no antenna offsets. Ship handlers are taught that with
headway the pivot lies between a quarter and a third of the length from the bow; S. G. Seo ("Safer and more
efficient ship handling with the pivot point concept", TransNav 10 (4), 2016) derives its place.

In three US ports (NOAA, 2020-01-01, about a report a minute) the antennas of 45 tankers stood 113 m abaft the
pivot (median), and for 12 cargo ships and 22 tankers with enough turns the two halves of their pings differed
by 11 m (median). Tugs came out 99 m abaft: they push barges. ``tests/benchmarks/levers.py`` measures
all of this.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths.compiled import compiled
from ais_berths.geo import KN_PER_M_S, METRES_PER_DEG

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats
    from ais_berths.loops import Flags
    from ais_berths.runs import Runs
    from ais_berths.tracks import Ints, Tracks

# Speeds of ships with headway; slower ones may be swung by tugs about any point.
_SLOW_KN, _FAST_KN = 2.5, 20.0
# One ping in each interval of this length (us) is used; a step between two of them lasts this long (us).
_BIN_US, _SHORT_US, _LONG_US = 40_000_000, 15_000_000, 150_000_000
# Larger turns in one step, or steps more sideways (metres, and share of the way ahead), are errors or tugs.
_TURN_DEG, _ASIDE_M, _ASIDE = 60.0, 20.0, 0.6
# Of steps straight ahead, which only show the leeway, one in this many is used.
_STRAIGHT_DEG, _ONE_IN = 2.0, 8
# Scatter of the way aside: from positions (m), and per metre ahead from wind and current (rad). A constant
# angle between bow and course (gyro error, steady current) is fitted too; its prior spread (rad).
_NOISE_M, _NOISE, _LEEWAY = 3.0, 0.016, 0.05
_LEAST_STEPS, _MOST_ERROR_M = 5, 50.0
# Steps of one ship have errors in common: levers from two halves of the pings of real ships differ by this
# factor more than those of independent steps would.
_STRAYING = 1.6
_ROUNDS = 4

# Pivot ahead of midship, in lengths, and its spread; two ships in Danish AIS of 2013 that sent their offsets
# had it at 0.26 and 0.33, give or take 0.2. About one lever in fifty is wrong by any amount: least likelihood
# of a ratio, as a share of that of the best one.
_PIVOT, _PIVOT_SD, _WRONG = 0.25, 0.1, 0.01
_GROUPS = ("cargo", "tanker")
# A lever this many standard deviations off shows that the size sent is wrong.
_FAR = 3.0
# Passenger ships also use thrusters and go astern: their levers show at most which end is the bow.
_LOOSE, _LOOSE_SD, _LOOSE_WRONG = "passenger", 0.15, 0.02


def levers_of(track: Tracks, runs: Runs) -> pd.DataFrame:
    """Measure for each ship how far its antenna stands ahead of its pivot.

    From one ping to the next the antenna moves aside by its distance from the pivot times the turn (twice the
    sine of half of it), seen along the middle heading. The distance is fitted to all steps of a ship, with
    less weight for those far off.

    Parameters
    ----------
    track
        The sorted pings.
    runs
        The pings of each stop.

    Returns
    -------
    ``lever_m`` (negative where the antenna stands abaft the pivot) and its standard error ``lever_error_m``
    of the ship of each stop, in the order of the stops; nan where it was not seen turning enough.
    """
    steps = _steps(track.first, track.time, track.lat, track.lon, track.sog, track.heading, track.fine)
    lever, error = _fit(*steps)
    ship = track.vessel[runs.first]
    return pd.DataFrame({"lever_m": lever[ship], "lever_error_m": error[ship]})


def ratio_likelihood(
    lever_m: Floats,
    error_m: Floats,
    group: NDArray[np.object_],
    length_m: Floats,
    grid: Floats,
    sent: NDArray[np.bool_] | None = None,
) -> Floats:
    """Likelihood of each antenna ratio A / (A + B) given the lever of each ship, one row a ship.

    Only for cargo ships and tankers: for others, real ships did not confirm the levers. For passenger ships
    that sent their offsets (`sent`), the lever may still show that bow and stern were exchanged.

    Examples
    --------
    >>> lever, error, length = np.array([-110.0]), np.array([9.0]), np.array([183.0])
    >>> aft_or_forward = np.array([0.85, 0.2])
    >>> ratio_likelihood(lever, error, np.array(["tanker"]), length, aft_or_forward).round(2).tolist()
    [[1.0, 0.01]]
    """
    expected = (0.5 - _PIVOT - grid[None, :]) * length_m[:, None]
    loose = np.isfinite(lever_m) & (group == _LOOSE) & (False if sent is None else sent)
    sd = np.where(loose, np.hypot(error_m, _LOOSE_SD * length_m), lever_spread_m(error_m, length_m))
    wrong = np.where(loose, _LOOSE_WRONG, _WRONG)[:, None]
    bell = np.exp(-0.5 * ((lever_m[:, None] - expected) / sd[:, None]) ** 2)
    return np.where((loose | is_lever_usable(lever_m, group))[:, None], (1.0 - wrong) * bell + wrong, 1.0)


def lever_contradicts(
    lever_m: Floats, error_m: Floats, group: NDArray[np.object_], length_m: Floats, to_bow_m: Floats
) -> NDArray[np.bool_]:
    """Whether the length that a ship sent is impossible, as its lever fits no possible place of the antenna.

    The antenna stands as far from the bow as was sent, or as far from the stern if these are exchanged; if
    nothing was sent (nan), anywhere on the ship.

    Examples
    --------
    A tanker of 65 m that sends its size, and a tenth of it:

    >>> sent, bow = np.array([65.0, 6.5]), np.array([50.0, 5.0])
    >>> tanker, lever, error = np.full(2, "tanker", dtype=object), np.full(2, -34.0), np.full(2, 4.0)
    >>> lever_contradicts(lever, error, tanker, sent, bow).tolist()
    [False, True]
    """
    ratio = np.where(
        np.isfinite(to_bow_m), to_bow_m / length_m, np.clip(0.5 - _PIVOT - lever_m / length_m, 0, 1)
    )
    expected = (0.5 - _PIVOT - np.stack([ratio, 1.0 - ratio])) * length_m
    off = np.abs(lever_m - expected).min(axis=0)
    result: NDArray[np.bool_] = is_lever_usable(lever_m, group) & (
        off > _FAR * lever_spread_m(error_m, length_m)
    )
    return result


def is_lever_usable(lever_m: Floats, group: NDArray[np.object_]) -> NDArray[np.bool_]:
    """Whether the lever of each ship is known and reliable: that of a tug may be the lever of its tow."""
    result: NDArray[np.bool_] = np.isfinite(lever_m) & np.isin(group, _GROUPS)
    return result


def lever_spread_m(error_m: Floats, length_m: Floats) -> Floats:
    """Standard deviation of the lever of a ship of this length from that expected for its antenna ratio."""
    return np.hypot(error_m, _PIVOT_SD * length_m)


def levers_by(stops: pd.DataFrame, number: NDArray[np.intp]) -> tuple[NDArray[np.intp], Floats, Floats]:
    """Take the lever of each ship from its stops, by the number of the ship, from 0.

    Returns
    -------
    One stop of each ship, the lever and its error. If two ships share a number, it is that of one of them,
    whatever the order of the rows.
    """
    lever, error = (stops[name].to_numpy(dtype=np.float64) for name in ("lever_m", "lever_error_m"))
    order = np.lexsort((error, lever, number))
    first = order[np.unique(number[order], return_index=True)[1]]
    return first, lever[first], error[first]


@compiled
def _steps(
    first: Flags, time: Ints, lat: Floats, lon: Floats, sog: Floats, heading: Floats, fine: Flags
) -> tuple[Ints, Floats, Floats, Floats]:
    """Find the steps from which the lever is fitted.

    Returns
    -------
    Where the steps of each ship begin, and where the last ones end; of each step twice the sine of half the
    turn, and the metres ahead and aside along the middle heading.
    """
    n_ships = 0
    for begins in first:
        n_ships += begins
    begin = np.zeros(n_ships + 1, dtype=np.int64)
    found = np.empty((3, len(time)))
    n, straight, ship, last = 0, 0, -1, -1
    for j in range(len(time)):
        if first[j]:
            ship += 1
            begin[ship] = n
            last, straight = -1, 0
        if not (sog[j] >= _SLOW_KN and fine[j] and np.isfinite(heading[j])):
            continue
        if last >= 0 and time[j] // _BIN_US == time[last] // _BIN_US:
            continue
        i, last = last, j
        if i < 0 or not _SHORT_US <= time[j] - time[i] <= _LONG_US:
            continue
        turn = (heading[j] - heading[i] + 180.0) % 360.0 - 180.0
        if abs(turn) < _STRAIGHT_DEG:
            straight += 1
            if straight % _ONE_IN != 1:
                continue
        east = (lon[j] - lon[i] + 180.0) % 360.0 - 180.0
        east *= METRES_PER_DEG * math.cos(math.radians((lat[i] + lat[j]) / 2.0))
        north = (lat[j] - lat[i]) * METRES_PER_DEG
        theta = math.radians(heading[i] + turn / 2.0)
        ahead = east * math.sin(theta) + north * math.cos(theta)
        aside = east * math.cos(theta) - north * math.sin(theta)
        knots = ahead / (time[j] - time[i]) * 1e6 * KN_PER_M_S
        if _SLOW_KN <= knots <= _FAST_KN and abs(turn) < _TURN_DEG and abs(aside) < _ASIDE_M + _ASIDE * ahead:
            found[0, n], found[1, n], found[2, n] = 2.0 * math.sin(math.radians(turn) / 2.0), ahead, aside
            n += 1
    begin[n_ships] = n
    return begin, found[0, :n], found[1, :n], found[2, :n]


@compiled
def _fit(begin: Ints, turn: Floats, ahead: Floats, aside: Floats) -> tuple[Floats, Floats]:
    """Robust regression, for each ship, of the way aside on the turn and on the way ahead.

    Returns
    -------
    The lever of each ship and its standard error, nan where there is too little to tell.
    """
    n_ships = len(begin) - 1
    levers, errors = np.full(n_ships, np.nan), np.full(n_ships, np.nan)
    for ship in range(n_ships):
        if begin[ship + 1] - begin[ship] < _LEAST_STEPS:
            continue
        lever, leeway, error = 0.0, 0.0, np.inf
        for turn_round in range(_ROUNDS):
            xx, xy, yy, xz, yz = 1e-9, 0.0, 1.0 / _LEEWAY**2, 0.0, 0.0
            weights, squares = 0.0, 0.0
            for k in range(begin[ship], begin[ship + 1]):
                scatter = math.sqrt(_NOISE_M**2 + (_NOISE * ahead[k]) ** 2)
                x, y, z = turn[k] / scatter, ahead[k] / scatter, aside[k] / scatter
                off = z - lever * x - leeway * y
                weight = 1.0 / (1.0 + (off / 2.0) ** 2) if turn_round > 0 else 1.0
                weights += weight
                squares += weight * off**2
                xx += weight * x * x
                xy += weight * x * y
                yy += weight * y * y
                xz += weight * x * z
                yz += weight * y * z
            free = xx * yy - xy**2
            lever, leeway = (yy * xz - xy * yz) / free, (xx * yz - xy * xz) / free
            error = _STRAYING * math.sqrt(yy / free * max(squares / weights, 1.0))
        if error <= _MOST_ERROR_M:
            levers[ship], errors[ship] = lever, error
    return levers, errors
