"""From pings to stops: where and how long each vessel stayed in one place.

A stop begins when the speed falls below one limit and ends when it rises above a higher one
(hysteresis), so that a ship that rolls at its lines does not leave its berth on paper. A gap in
reception ends a stop only when the ship is somewhere else after it. Where a feed has no speed, it is
measured from the positions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import geo, schema
from ais_berths.stays import arrivals, departures, summarise
from ais_berths.tracks import METRE_UNIT, METRES_PER_DEG, Tracks, east_deg, middles, plane_m, renumber

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import StopsConfig
    from ais_berths.tracks import Middles, Runs

_NEEDED = ("mmsi", "time", "lat", "lon")
_HOUR_US = 3_600_000_000

# A run has a place of its own, known to some metres, from this many pings on.
_SETTLED_PINGS = 5
# Headings differ and places follow them: smallest turn (chord of the unit circle), smallest cosine between
# the step and the turn, and the distances of antenna to anchor that occur (m).
_SWING_TURN, _SWING_COSINE, _SWING_REACH_M = 0.3, 0.85, (20.0, 1200.0)
# Ships whose median distance is smaller lie at lines; what is left of their approach further out than the
# second figure is cut off. Ships at anchor lie anywhere on their circle.
_TIGHT_M, _TRIM_M = 17.0, 50.0
# A ship adrift strays further: all within so many median distances belongs to it.
_ADRIFT_MEDIANS = 3.0
# How many times the scatter of both places two places on one swing circle may lie apart.
_LOOSE_REACH = 3.0


def detect_stops(pings: pd.DataFrame, config: StopsConfig) -> tuple[pd.DataFrame, pd.Series]:
    """Find the stops of every vessel.

    Parameters
    ----------
    pings
        Clean pings (columns of the table ``pings``); only ``mmsi time lat lon`` are required. All pings
        of a vessel must be in the same call; their order does not matter.
    config
        The section ``stops`` of the settings.

    Returns
    -------
    stops
        One row a stop, sorted by ``stop_id``: times, bounds, median position, drift, heading, status.
        ``kind`` and the ids of places are still empty.
    stop_id
        The stop of each ping, null outside stops, on the index of `pings`.

    Raises
    ------
    MissingColumnsError
        When a required column is absent.

    Examples
    --------
    >>> from ais_berths.config import StopsConfig
    >>> times = pd.date_range("2024-01-01", periods=5, freq="30min", tz="UTC").as_unit("us")
    >>> pings = pd.DataFrame({"mmsi": 244000001, "time": times, "lat": 51.9, "lon": 4.1, "sog_kn": 0.0})
    >>> stops, stop_id = detect_stops(pings, StopsConfig())
    >>> stops[["stop_id", "dwell_h", "n_pings"]].to_dict("records")
    [{'stop_id': '244000001-20240101T000000', 'dwell_h': 2.0, 'n_pings': 5}]
    """
    schema.check_frame(pings, "pings", _NEEDED)
    track, order = Tracks.of(pings)
    track = _with_speeds(track, config)
    slow = _slow(track, config)
    stray = _strays(track, slow, config)
    if stray.any():
        track, order, slow = track.take(~stray), order[~stray], slow[~stray]
    run = _merge(track, _runs(track, slow, config), config)
    places = middles(track, run)
    bounded = _bound(track, run, places, config)
    places = places if bounded is run else middles(track, bounded)
    run = _settle(track, places, config)
    stops = schema.conform(summarise(track, run, config), "stops")
    if stops.empty:
        return stops, pd.Series(pd.NA, index=pings.index, dtype="string")
    codes = np.full(len(pings), -1, dtype=np.int32)
    codes[order] = run
    ids = pd.Series(pd.Categorical.from_codes(codes, pd.Index(stops["stop_id"])), index=pings.index)
    return stops.sort_values("stop_id", ignore_index=True), ids


# runs of slow pings ---------------------------------------------------------------------------------


def _slow(track: Tracks, config: StopsConfig) -> NDArray[np.bool_]:
    """Hysteresis on speed: True from the first ping below `enter_kn` until one above `leave_kn`."""
    n = len(track)
    state = np.zeros(n, dtype=np.int8)
    state[track.sog < config.enter_kn] = 1
    state[track.sog > config.leave_kn] = -1
    state[track.first & (state == 0)] = -1
    decided = np.where(state != 0, np.arange(n), 0)
    slow: NDArray[np.bool_] = state[np.maximum.accumulate(decided)] == 1
    # One hasty report between two of a ship that has not moved is an error of the speed.
    alone = np.zeros(n, dtype=bool)
    alone[1:-1] = slow[:-2] & ~slow[1:-1] & slow[2:] & ~track.first[1:-1] & ~track.first[2:]
    at = np.flatnonzero(alone & (track.sog <= config.hasty_kn))
    still = ~_moved(track, at, config) & ~_moved(track, at + 1, config)
    slow[at[still]] = True
    return slow


def _with_speeds(track: Tracks, config: StopsConfig) -> Tracks:
    """Measure the speeds that were not sent (kn), over at least `speed_window_s`.

    The slower of looking back and looking ahead, unless the ship was clearly on the move minutes before or
    after. A silence tells a speed only if it is short or the ship was in the same place after it; where there
    is nothing to see the speed is infinite.
    """
    at = np.flatnonzero(~np.isfinite(track.sog))
    if not at.size:
        return track
    window = int(config.speed_window_s * 1e6)
    # One number line for all vessels, so that a single search finds neighbours of the same vessel.
    line = track.time + track.vessel * (np.ptp(track.time) + 4 * window + 1)
    ahead = np.minimum(np.searchsorted(line, line[at] + window, side="left"), len(track) - 1)
    behind = np.maximum(np.searchsorted(line, line[at] - window, side="right") - 1, 0)
    slower, moving = np.full(len(at), np.inf), np.zeros(len(at))
    for other in (ahead, behind):
        usable = np.flatnonzero((track.vessel[other] == track.vessel[at]) & (other != at))
        i, j = at[usable], other[usable]
        hours = np.maximum(np.abs(track.time[i] - track.time[j]), 1_000_000) / _HOUR_US
        metres = track.apart_m(i, j)
        kn = metres / hours / geo.METRES_PER_NM
        told = (hours <= config.max_gap_h) | (metres <= config.same_place_m)
        slower[usable] = np.minimum(slower[usable], np.where(told, kn, np.inf))
        close = (hours <= config.max_trip_h) & (kn > config.hasty_kn)
        moving[usable] = np.maximum(moving[usable], np.where(close, kn, 0.0))
    sog = track.sog.copy()
    sog[at] = np.maximum(slower, moving)
    return replace(track, sog=sog)


def _moved(track: Tracks, at: NDArray[np.intp], config: StopsConfig) -> NDArray[np.bool_]:
    """Whether the step to a ping is one that a stopped ship does not make."""
    metres, seconds = track.step_m[at], np.maximum(track.step_s[at], 1.0)
    fast: NDArray[np.bool_] = metres * geo.KN_PER_M_S > config.leave_kn * seconds
    return fast & (metres > config.same_place_m)


def _strays(track: Tracks, slow: NDArray[np.bool_], config: StopsConfig) -> NDArray[np.bool_]:
    """Single slow pings far from two others that agree, and second places of a ship in one second.

    These are errors of the position, not trips.
    """
    second = track.time // 1_000_000
    stray = ~track.first & (track.step_m > config.same_place_m)
    stray[1:] &= second[1:] == second[:-1]
    if len(track) < 3:
        return stray
    far = slow & (track.step_m > config.same_place_m) & ~track.first
    at = np.flatnonzero(far[1:-1] & far[2:] & slow[:-2]) + 1
    near = track.apart_m(at - 1, at + 1) <= config.shift_m
    brief = track.step_s[at] + track.step_s[at + 1] <= 2.0 * config.max_gap_h * 3600.0
    stray[at[near & brief]] = True
    return stray


def _runs(track: Tracks, slow: NDArray[np.bool_], config: StopsConfig) -> Runs:
    """Number the runs of slow pings without a gap in time or place; -1 elsewhere."""
    begins = slow.copy()
    begins[1:] &= ~slow[:-1] | track.first[1:] | (track.step_s[1:] > config.max_gap_h * 3600.0)
    begins |= slow & (track.step_m > config.same_place_m)
    return np.where(slow, np.cumsum(begins) - 1, -1)


# runs to stops --------------------------------------------------------------------------------------


def _merge(track: Tracks, run: Runs, config: StopsConfig) -> Runs:
    """Join neighbouring runs of a vessel in one place: noise, a reception gap, a short warp along."""
    places = middles(track, run)
    groups, lat, lon = places.groups, places.lat, places.lon
    n = groups.n
    if n < 2:
        return run
    (spread,) = groups.quantiles(places.distance_m, METRE_UNIT, 0.9)
    first, last = groups.ends
    a, b = np.arange(n - 1), np.arange(1, n)
    apart = plane_m(lat[a], lon[a], lat[b], lon[b])
    settled = np.minimum(groups.count[a], groups.count[b]) >= _SETTLED_PINGS
    reach = np.maximum(
        np.where(settled, config.shift_m, config.same_place_m),
        np.minimum(_LOOSE_REACH * (spread[a] + spread[b]), config.max_radius_m),
    )
    between_h = (track.time[first[b]] - track.time[last[a]]) / _HOUR_US
    trip = first[b] - last[a] > 1
    away, haste = _between(track, last[:-1], first[1:], lat[a], lon[a])
    quiet = ~trip & (between_h <= config.max_same_place_gap_h)
    brief = trip & (between_h <= config.max_trip_h)
    brief |= trip & (between_h <= config.max_gap_h) & (haste <= config.hasty_kn)
    here = (apart <= reach) & (away <= reach)
    swing = (quiet | (between_h <= config.max_swing_h)) & (apart <= 2.0 * config.max_radius_m)
    tight = (groups.count >= _SETTLED_PINGS) & (spread < _TIGHT_M)
    long = tight & (track.time[last] - track.time[first] >= config.max_gap_h * _HOUR_US)
    hop = ~trip & (between_h <= config.max_gap_h) & ~_moved(track, first[b], config) & ~long[a] & ~long[b]
    hop &= track.step_m[first[b]] <= config.max_radius_m
    swing &= (away <= 2.0 * config.max_radius_m) & ~tight[a] & ~tight[b] & _swings(track, places)
    same_vessel = track.vessel[first[b]] == track.vessel[last[a]]
    joins = same_vessel & (((quiet | brief) & here) | hop | swing)
    number = np.concatenate([[0], np.cumsum(~joins)])
    merged = np.where(run >= 0, number[run], -1)
    for i in np.flatnonzero(joins & trip):
        merged[last[i] + 1 : first[i + 1]] = number[i]
    return merged


def _swings(track: Tracks, places: Middles) -> NDArray[np.bool_]:
    """Whether each run and the next are two places on one swing circle.

    A ship at anchor points at her anchor. Where the line between two places is the difference of the two
    headings, there is one point ahead of both.
    """
    some = places.groups.only(np.isfinite(track.heading[places.groups.ping]))
    sin, cos = (part[some.ping] for part in track.ahead)
    way = some.mean(sin) + 1j * some.mean(cos)
    east = east_deg(places.lon[:-1], places.lon[1:]) * np.cos(np.radians(places.lat[:-1]))
    step = (east + 1j * np.diff(places.lat)) * METRES_PER_DEG
    turn = way[:-1] - way[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        pivot_m = np.abs(step) / np.abs(turn)
        cosine = (step * turn.conjugate()).real / (np.abs(step) * np.abs(turn))
    near, far = _SWING_REACH_M
    result: NDArray[np.bool_] = (
        (np.abs(turn) > _SWING_TURN) & (cosine > _SWING_COSINE) & (pivot_m > near) & (pivot_m < far)
    )
    return result


def _between(
    track: Tracks,
    last: NDArray[np.int64],
    first: NDArray[np.int64],
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Largest distance from (lat, lon), and largest speed, of the pings strictly between two runs."""
    count = np.maximum(first - last - 1, 0)
    pair = np.repeat(np.arange(len(last)), count)
    ping = np.arange(len(pair)) - np.repeat(np.cumsum(count) - count - last - 1, count)
    far, fast = np.zeros(len(last)), np.zeros(len(last))
    np.maximum.at(far, pair, plane_m(track.lat[ping], track.lon[ping], lat[pair], lon[pair]))
    np.fmax.at(fast, pair, track.sog[ping])
    return far, fast


def _bound(track: Tracks, run: Runs, places: Middles, config: StopsConfig) -> Runs:
    """Split runs that stray from their own median: a ship that drifts and then anchors is in two places.

    A ship that settles nowhere on its way is adrift, and that is one stop.
    """
    groups = places.groups
    straying = np.unique(groups.number[places.distance_m > config.max_radius_m])
    if not straying.size:
        return run
    run = run.copy()
    following = groups.n
    for number in straying:
        whole = groups.ping[groups.start[number] : groups.start[number] + groups.count[number]]
        for part in _settled_parts(track, whole, config):
            run[part] = following
            following += 1
    return renumber(run)


def _settled_parts(track: Tracks, at: NDArray[np.intp], config: StopsConfig) -> list[NDArray[np.intp]]:
    """Cut consecutive pings at the ends of long stays in one place."""
    pieces = _within(track, at, config.max_radius_m)
    settled = [
        track.time[piece[-1]] - track.time[piece[0]] >= config.settled_h * _HOUR_US
        and float(np.quantile(_distances_m(track, piece, piece), 0.9)) < config.max_radius_m / 4
        for piece in pieces
    ]
    owner, last = [], -1
    for i, piece in enumerate(pieces):
        near = [
            k
            for k in range(max(i - 1, 0), min(i + 2, len(pieces)))
            if settled[k] and np.median(_distances_m(track, piece, pieces[k])) <= config.max_radius_m
        ]
        last = i if settled[i] else near[0] if near else last if last >= 0 and not settled[last] else i
        owner.append(last)
    return [
        np.concatenate([piece for piece, k in zip(pieces, owner, strict=True) if k == own])
        for own in dict.fromkeys(owner)
    ]


def _within(track: Tracks, at: NDArray[np.intp], limit_m: float) -> list[NDArray[np.intp]]:
    """Cut consecutive pings into pieces that each stay within a distance of their own median."""
    pieces, todo = [], [at]
    while todo:
        part = todo.pop()
        outside = _distances_m(track, part, part) > limit_m
        if not outside.any():
            pieces.append(part)
            continue
        cuts = np.flatnonzero(np.diff(outside)) + 1
        todo.extend(np.split(part, cuts if len(cuts) else [len(part) // 2])[::-1])
    return pieces


def _distances_m(track: Tracks, at: NDArray[np.intp], place: NDArray[np.intp]) -> NDArray[np.float64]:
    """Distance of pings from the median position of `place`."""
    origin = track.lon[place[0]]
    lon = origin + np.median(east_deg(origin, track.lon[place]))
    return plane_m(track.lat[at], track.lon[at], np.median(track.lat[place]), lon)


def _settle(track: Tracks, places: Middles, config: StopsConfig) -> Runs:
    """Trim and drop: what is left are stops.

    The last metres of the approach and the first of the departure are cut off both ends. A stop has at least
    one ping that is truly slow, and lasts long enough as seen, or as the pings around it let one suppose.
    """
    groups = places.groups
    if not groups.n:
        return np.full(len(track), -1)
    (middle,) = groups.quantiles(places.distance_m, METRE_UNIT, 0.5)
    limit = np.where(middle < _TIGHT_M, _TRIM_M, np.maximum(config.max_radius_m, _ADRIFT_MEDIANS * middle))
    sog = track.sog[groups.ping]
    within = groups.only((sog <= config.leave_kn) & (places.distance_m <= limit[groups.number]))
    some = (within.count > 0) & (groups.only(sog < config.enter_kn).count > 0)
    calm = groups.only(sog <= config.enter_kn / 2.0).count > 0
    first, last = np.zeros(groups.n, dtype=np.intp), np.zeros(groups.n, dtype=np.intp)
    first[some], last[some] = (
        within.ping[within.start[some]],
        within.ping[(within.start + within.count)[some] - 1],
    )
    dwell = track.time[last] - track.time[first]
    arrived = arrivals(track, first, places.lat, places.lon, config)
    stay = departures(track, last, places.lat, places.lon, config) - arrived
    open_stop = (track.first[first] | track.final[last]) & (dwell >= config.min_open_h * _HOUR_US)
    short_us = config.min_duration_h * _HOUR_US
    long = (dwell >= short_us) | (calm & (stay >= short_us)) | open_stop
    kept = (
        (long & some)[groups.number]
        & (groups.ping >= first[groups.number])
        & (groups.ping <= last[groups.number])
    )
    out = np.full(len(track), -1)
    out[groups.ping[kept]] = groups.number[kept]
    return renumber(out)
