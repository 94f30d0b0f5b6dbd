"""The loops over pings, compiled: speeds and steps, medians of runs, headings and circles.

Plain arrays go in and come out. A run is given by its first and its last ping, and holds all pings between.
Loops that use each other stand in one file, as what is compiled is kept until its own file changes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from ais_berths.compiled import compiled
from ais_berths.geo import METRES_PER_DEG

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats

    Flags = NDArray[np.bool_]
    Ints = NDArray[np.int64]

# Values are ranked as whole numbers of these units: far finer than AIS sends them.
DEG_UNIT, METRE_UNIT, TURN_UNIT = 1e-7, 0.01, 1e-4

# Ships send whole degrees, and sines take longer than all the rest of their loop.
_SIN = np.array([math.sin(math.radians(degree)) for degree in range(361)])
_COS = np.array([math.cos(math.radians(degree)) for degree in range(361)])


# pings ----------------------------------------------------------------------------------------------


@compiled
def slow_pings(first: Flags, sog: Floats, enter_kn: float, leave_kn: float) -> Flags:
    """Hysteresis on speed: True from the first ping of a ship below one limit until one above the other."""
    slow = np.empty(len(sog), np.bool_)
    state = False
    for i in range(len(sog)):
        if sog[i] > leave_kn:
            state = False
        elif sog[i] < enter_kn:
            state = True
        elif first[i]:
            state = False
        slow[i] = state
    return slow


@compiled
def far_steps(
    first: Flags, fine: Flags, lat: Floats, lon: Floats, limit_m: float, rounding_m: float
) -> Flags:
    """Pings further than this from the ping before; each rounded position may be wrong by so much."""
    far = np.zeros(len(lat), np.bool_)
    # No way is longer than its parts along both axes; that leaves few to be measured.
    near_deg = 0.999 * limit_m / METRES_PER_DEG
    for i in range(1, len(lat)):
        if first[i] or abs(lat[i] - lat[i - 1]) + abs(lon[i] - lon[i - 1]) <= near_deg:
            continue
        slack_m = rounding_m * ((not fine[i]) + (not fine[i - 1]))
        far[i] = _apart_m(lat[i - 1], lon[i - 1], lat[i], lon[i]) - slack_m > limit_m
    return far


@compiled
def _apart_m(lat1: float, lon1: float, lat2: float, lon2: float) -> float:
    """Distance on a plane that touches the earth between both positions."""
    north = lat2 - lat1
    east = _east_deg(lon1, lon2) * math.cos(math.radians((lat1 + lat2) / 2))
    return METRES_PER_DEG * math.sqrt(north * north + east * east)


@compiled
def _east_deg(lon1: float, lon2: float) -> float:
    """Turn from one meridian to another, across the antimeridian where that is shorter."""
    step = lon2 - lon1
    east: float = step - 360.0 * np.rint(step / 360.0)
    return east


@compiled
def waits(first: Flags, time: Ints, most_s: float) -> Floats:
    """How long each ship waits at any moment to be heard (s), on average; times are microseconds.

    That is half of its mean gap if all are the same, and more if they differ, as a moment falls into a long
    one more often. Gaps beyond the given one are silences of another kind. A ship with no others: half of it.
    """
    found = np.full(first.sum(), most_s / 2.0)
    ship, total, square = -1, 0.0, 0.0
    for i in range(len(time)):
        if first[i]:
            ship, total, square = ship + 1, 0.0, 0.0
            continue
        gap_s = (time[i] - time[i - 1]) / 1e6
        if 0.0 < gap_s <= most_s:
            total += gap_s
            square += gap_s * gap_s
            found[ship] = square / total / 2.0
    return found


# places of runs -------------------------------------------------------------------------------------


@compiled
def places(
    lat: Floats, lon: Floats, fine: Flags, first: Ints, last: Ints
) -> tuple[Floats, Floats, Floats, Floats, Floats, Floats]:
    """Where the pings of each run lie, and how far from there.

    Returns
    -------
    Median latitude, median of the turns east from the first ping (deg), and of the distances from that place
    (m) the median, the ninth of ten, the largest and the root of the mean square. Rounded positions count for
    the place only where a run has no others.
    """
    n = len(first)
    north, east, middle_m = np.empty(n), np.empty(n), np.empty(n)
    most_m, farthest_m, rms_m = np.empty(n), np.empty(n), np.empty(n)
    values = np.empty(_longest(first, last))
    for run in range(n):
        begin, end, origin = first[run], last[run] + 1, lon[first[run]]
        all_count = True
        for i in range(begin, end):
            if fine[i]:
                all_count = False
                break
        size = 0
        for i in range(begin, end):
            if fine[i] or all_count:
                values[size] = lat[i]
                size += 1
        north[run] = _quantile(values[:size], 0.5, DEG_UNIT)
        size = 0
        for i in range(begin, end):
            if fine[i] or all_count:
                values[size] = _east_deg(origin, lon[i])
                size += 1
        east[run] = _quantile(values[:size], 0.5, DEG_UNIT)
        size, square = end - begin, 0.0
        metre_east = METRES_PER_DEG * math.cos(math.radians(north[run]))
        for i in range(begin, end):
            away_m = _away_m(lat[i] - north[run], _east_deg(origin, lon[i]) - east[run], metre_east)
            values[i - begin] = away_m
            square += away_m * away_m
        farthest_m[run] = values[:size].max()
        rms_m[run] = math.sqrt(square / size)
        middle_m[run] = _quantile(values[:size], 0.5, METRE_UNIT)
        most_m[run] = _quantile(values[:size], 0.9, METRE_UNIT)
    return north, east, middle_m, most_m, farthest_m, rms_m


@compiled
def rests(
    track: tuple[Floats, Floats, Floats, Flags, Ints],
    runs: tuple[Ints, Ints],
    place: tuple[Floats, Floats],
    limit_m: Floats,
    leave_kn: float,
    rounding_m: float,
    approach_us: int,
) -> tuple[Ints, Ints, Floats]:
    """First and last ping of each run that is slow and in its place, and the least speed in the run.

    Where there is none, the first one comes after the last one. The track is latitude, longitude, speed,
    whether the position is fine (a rounded one may be wrong by so much), and time (us). Places are given as
    by `places`. A slow ping elsewhere counts too where no approach takes as long as the gap to the next.
    """
    lat, lon, sog, fine, time = track
    first, last = runs[0].copy(), runs[1].copy()
    north, east = place
    least_kn = np.empty(len(first))
    for run in range(len(first)):
        begin, end, origin = first[run], last[run], lon[first[run]]
        metre_east = METRES_PER_DEG * math.cos(math.radians(north[run]))
        least_kn[run] = sog[begin : end + 1].min()
        for i in range(begin, end + 1):
            away_m = _away_m(lat[i] - north[run], _east_deg(origin, lon[i]) - east[run], metre_east)
            here = away_m - rounding_m * (not fine[i]) <= limit_m[run]
            if sog[i] <= leave_kn and (here or (i < end and time[i + 1] - time[i] > approach_us)):
                break
            first[run] = i + 1
        for i in range(end, first[run], -1):
            away_m = _away_m(lat[i] - north[run], _east_deg(origin, lon[i]) - east[run], metre_east)
            here = away_m - rounding_m * (not fine[i]) <= limit_m[run]
            if sog[i] <= leave_kn and (here or time[i] - time[i - 1] > approach_us):
                break
            last[run] = i - 1
    return first, last, least_kn


@compiled
def excursions(
    track: tuple[Floats, Floats, Floats], after: Ints, before: Ints, lat: Floats, lon: Floats
) -> tuple[Floats, Floats]:
    """Largest distance from (lat, lon), and largest speed, of pings strictly between two others.

    The track is latitude, longitude and speed.
    """
    far_m, fast_kn = np.zeros(len(after)), np.zeros(len(after))
    lats, lons, sog = track
    for k in range(len(after)):
        for i in range(after[k] + 1, before[k]):
            far_m[k] = max(far_m[k], _apart_m(lats[i], lons[i], lat[k], lon[k]))
            fast_kn[k] = max(fast_kn[k], sog[i])
    return far_m, fast_kn


@compiled
def _away_m(north_deg: float, east_deg: float, metre_east: float) -> float:
    north_m, east_m = north_deg * METRES_PER_DEG, east_deg * metre_east
    return math.sqrt(north_m * north_m + east_m * east_m)


@compiled
def _longest(first: Ints, last: Ints) -> int:
    """Pings of the longest run."""
    most = 0
    for run in range(len(first)):
        most = max(most, last[run] - first[run] + 1)
    return most


# shapes of runs -------------------------------------------------------------------------------------


@compiled
def headings(
    heading: Floats, usable: Flags, lat: Floats, lon: Floats, first: Ints, last: Ints
) -> tuple[Ints, Floats]:
    """What the headings of each run say, of its pings that are usable.

    Returns
    -------
    Number of headings, and in rows: mean sine and cosine; mean latitude, and mean longitude (deg);
    median heading and median turn from it (deg); the sums for a circle about a pivot ahead of the ship, in
    metres from the mean position: mean of x sin(h) + y cos(h), and mean of x² + y². All nan without headings.
    """
    n = len(first)
    count, found = np.zeros(n, np.int64), np.full((8, n), np.nan)
    values, ping = np.empty(_longest(first, last)), np.empty(_longest(first, last), np.int64)
    for run in range(n):
        size = 0
        for i in range(first[run], last[run] + 1):
            if usable[i]:
                ping[size] = i
                size += 1
        count[run] = size
        if not size:
            continue
        sines = cosines = lats = easts = 0.0
        for i in ping[:size]:
            sin, cos = _sin_cos(heading[i])
            sines += sin
            cosines += cos
            lats += lat[i]
            easts += _east_deg(lon[ping[0]], lon[i])
        found[0, run], found[1, run] = sines / size, cosines / size
        mean_lat, mean_east = lats / size, easts / size
        found[2, run], found[3, run] = mean_lat, lon[ping[0]] + mean_east
        middle = math.degrees(math.atan2(found[0, run], found[1, run])) % 360.0
        for k in range(size):
            values[k] = _turn_deg(middle, heading[ping[k]])
        median = (middle + _quantile(values[:size], 0.5, TURN_UNIT)) % 360.0
        for k in range(size):
            values[k] = abs(_turn_deg(median, heading[ping[k]]))
        found[4, run], found[5, run] = median, _quantile(values[:size], 0.5, TURN_UNIT)
        metre_east = METRES_PER_DEG * math.cos(math.radians(mean_lat))
        x_sines = y_cosines = squares = 0.0
        for i in ping[:size]:
            sin, cos = _sin_cos(heading[i])
            x = (_east_deg(lon[ping[0]], lon[i]) - mean_east) * metre_east
            y = (lat[i] - mean_lat) * METRES_PER_DEG
            x_sines += x * sin
            y_cosines += y * cos
            squares += x * x + y * y
        found[6, run], found[7, run] = x_sines / size + y_cosines / size, squares / size
    return count, found


@compiled
def _sin_cos(degrees: float) -> tuple[float, float]:
    whole = int(degrees)
    if whole == degrees and 0 <= whole <= 360:
        return _SIN[whole], _COS[whole]
    return math.sin(math.radians(degrees)), math.cos(math.radians(degrees))


@compiled
def _turn_deg(start: float, end: float) -> float:
    """Signed smallest turn; see `ais_berths.geo.turn_deg`."""
    turn = end - start + 180.0
    if not 0.0 <= turn < 360.0:
        turn %= 360.0
    return turn - 180.0


@compiled
def circles(
    lat: Floats, lon: Floats, fine: Flags, runs: tuple[Ints, Ints], place: tuple[Floats, Floats]
) -> Floats:
    """Circle through the exact positions of each run, by least squares of the squares (Kasa 1976).

    Places are latitude and longitude (deg).

    Returns
    -------
    In rows, in metres: middle east and north of the place, radius, root mean square distance from the mean
    position; and the share of that which the circle explains. Not finite where there is no such circle.
    """
    n = len(runs[0])
    found = np.full((5, n), np.nan)
    x, y = np.empty(_longest(*runs)), np.empty(_longest(*runs))
    for run in range(n):
        size, mean_x, mean_y = 0, 0.0, 0.0
        metre_east = METRES_PER_DEG * math.cos(math.radians(place[0][run]))
        for i in range(runs[0][run], runs[1][run] + 1):
            if fine[i]:
                x[size] = _east_deg(place[1][run], lon[i]) * metre_east
                y[size] = (lat[i] - place[0][run]) * METRES_PER_DEG
                mean_x += x[size]
                mean_y += y[size]
                size += 1
        mean_x, mean_y = mean_x / size, mean_y / size
        xx = xy = yy = to_x = to_y = 0.0
        for k in range(size):
            x[k] -= mean_x
            y[k] -= mean_y
            square = x[k] * x[k] + y[k] * y[k]
            xx += x[k] * x[k]
            xy += x[k] * y[k]
            yy += y[k] * y[k]
            to_x += square * x[k]
            to_y += square * y[k]
        xx, xy, yy, to_x, to_y = xx / size, xy / size, yy / size, to_x / size / 2.0, to_y / size / 2.0
        area = xx * yy - xy * xy
        if area == 0.0:
            continue
        east, north = (to_x * yy - to_y * xy) / area, (to_y * xx - to_x * xy) / area
        radius = math.sqrt(east * east + north * north + xx + yy)
        left = 0.0
        for k in range(size):
            away = math.hypot(x[k] - east, y[k] - north) - radius
            left += away * away
        found[0, run], found[1, run], found[2, run] = mean_x + east, mean_y + north, radius
        found[3, run], found[4, run] = math.sqrt(xx + yy), 1.0 - left / size / (xx + yy)
    return found


# ranks ----------------------------------------------------------------------------------------------


@compiled
def _quantile(values: Floats, share: float, unit: float) -> float:
    """Quantile in whole units, linear between values, whose order changes."""
    place = share * (len(values) - 1)
    low = int(place)
    value = np.int64(np.rint(_select(values, low) / unit)) * unit
    if place == low:
        return value
    following = np.int64(np.rint(values[low + 1 :].min() / unit)) * unit
    return value + (place - low) * (following - value)


@compiled
def _select(values: Floats, rank: int) -> float:
    """Put the value of a rank at its place, smaller ones before it and larger ones behind it."""
    low, high, chance = 0, len(values), 1
    while high - low > 1:
        # Cut at the middle one of three taken by chance: no order of the values makes this slow.
        three = values[low], values[low], values[low]
        for _ in range(3):
            chance = (chance * 1103515245 + 12345) & 0x7FFFFFFF
            three = three[1], three[2], values[low + (chance * (high - low) >> 31)]
        cut = max(min(three[0], three[1]), min(max(three[0], three[1]), three[2]))
        # Each value is exchanged, whether it must be or not: processors are slow to guess.
        less = low
        for k in range(low, high):
            value = values[k]
            values[k] = values[less]
            values[less] = value
            less += value < cut
        if rank < less:
            high = less
            continue
        equal = less
        for k in range(less, high):
            value = values[k]
            values[k] = values[equal]
            values[equal] = value
            equal += value <= cut
        if rank < equal:
            break
        low = max(equal, low + 1)  # ends with nan, too
    found: float = values[rank]
    return found
