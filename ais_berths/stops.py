"""From pings to stops: where and how long each vessel stayed in one place.

A stop begins when the speed falls below one limit and ends when it rises above a higher one
(hysteresis), so that a ship that moves a little at its lines does not seem to leave its berth. A gap in
reception ends a stop only if the ship is somewhere else after it. Where no speed was sent, it is measured
from the positions.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import geo, loops, schema
from ais_berths.courses import courses_alongside
from ais_berths.joins import TIGHT_M, join_runs, made_way
from ais_berths.levers import levers_of
from ais_berths.runs import Runs, Spots
from ais_berths.stoptable import at_rest, summarise
from ais_berths.tracks import ROUNDING_M, Tracks, east_deg, plane_m

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import StopsConfig

_NEEDED = ("mmsi", "time", "lat", "lon")

# Pings at either end of a stop of a tied-up ship that are farther away than this (m) belong to its approach
# or departure. Between two pings, an approach takes no longer than this (us).
_TRIM_M, _APPROACH_US = 50.0, 1_800_000_000
# A ship adrift strays farther: what lies within this many median distances belongs to the stop.
_ADRIFT_MEDIANS = 3.0


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
    spike = _spikes(track, config)
    if len(spike):
        track, order = track.take(np.delete(np.arange(len(track)), spike)), np.delete(order, spike)
    track = _with_speeds(track, config)
    slow = _slow(track, config)
    far = _far(track, config)
    stray = _strays(track, slow, far, config)
    if stray.any():
        kept = np.flatnonzero(~stray)
        track, order, slow = track.take(kept), order[kept], slow[kept]
        far = _far(track, config)
    places = Spots.of(track, _runs(track, slow, far, config))
    places = _bound(track, join_runs(track, places, config), config)
    places = Spots.of(track, _settle(track, places, config), known=places)
    runs = places.runs
    stops = summarise(track, places, config)
    if len(stops) and "cog_deg" in pings.columns:
        sent = pings["sog_kn"].notna().to_numpy() if "sog_kn" in pings.columns else np.zeros(len(pings), bool)
        stops = stops.join(courses_alongside(track, runs, sent[order], stops["lat"], stops["lon"]))
    if len(stops):
        stops = stops.join(levers_of(track, runs))
    stops = schema.conform(stops, "stops")
    if stops.empty:
        return stops, pd.Series(pd.NA, index=pings.index, dtype="string")
    codes = np.full(len(pings), -1, dtype=np.int32)
    codes[order] = runs.numbers(len(track))
    ids = pd.Series(pd.Categorical.from_codes(codes, pd.Index(stops["stop_id"])), index=pings.index)
    return stops.sort_values("stop_id", ignore_index=True), ids


# runs of slow pings ---------------------------------------------------------------------------------


def _slow(track: Tracks, config: StopsConfig) -> NDArray[np.bool_]:
    """Hysteresis on speed: True from the first ping below `enter_kn` until one above `leave_kn`."""
    slow = loops.slow_pings(track.first, track.sog, config.enter_kn, config.leave_kn)
    # A single fast report between two slow ones, of a ship that has not moved, is an error of the speed.
    alone = np.zeros(len(track), dtype=bool)
    alone[1:-1] = slow[:-2] & ~slow[1:-1] & slow[2:] & ~track.first[1:-1] & ~track.first[2:]
    at = np.flatnonzero(alone & (track.sog <= config.hasty_kn))
    still = ~made_way(track, at - 1, at, config) & ~made_way(track, at, at + 1, config)
    slow[at[still]] = True
    return slow


def _with_speeds(track: Tracks, config: StopsConfig) -> Tracks:
    """Measure the speeds that were not sent (kn), over at least `speed_window_s`.

    The slower of the speeds before and after the ping counts, unless the ship was clearly moving minutes
    before or after. A gap gives a speed only if it is short or the ship was in the same place after it. Where
    no speed can be measured, it is infinite.
    """
    at = np.flatnonzero(~np.isfinite(track.sog))
    if not at.size:
        return track
    window = int(config.speed_window_s * 1e6)
    # One line of time for all vessels, on which they and their long silences are a window apart, so that a
    # single search finds the neighbours, and no clock years off makes numbers too large.
    steps = np.minimum(np.diff(track.time, prepend=track.time[0]), 2 * window + 1)
    line = np.cumsum(np.where(track.first, 2 * window + 1, steps))
    ahead = np.minimum(np.searchsorted(line, line[at] + window, side="left"), len(track) - 1)
    behind = np.maximum(np.searchsorted(line, line[at] - window, side="right") - 1, 0)
    slower, moving = np.full(len(at), np.inf), np.zeros(len(at))
    for other in (ahead, behind):
        usable = np.flatnonzero((track.vessel[other] == track.vessel[at]) & (other != at))
        i, j = at[usable], other[usable]
        hours = np.maximum(np.abs(track.time[i] - track.time[j]), 1_000_000) / schema.HOUR_US
        metres = track.apart_m(i, j)
        kn = metres / hours / geo.METRES_PER_NM
        told = (hours <= config.max_gap_h) | (metres <= config.same_place_m)
        slower[usable] = np.minimum(slower[usable], np.where(told, kn, np.inf))
        close = (hours <= config.max_trip_h) & (kn > config.hasty_kn)
        moving[usable] = np.maximum(moving[usable], np.where(close, kn, 0.0))
    sog = track.sog.copy()
    sog[at] = np.maximum(slower, moving)
    return replace(track, sog=sog)


def _spikes(track: Tracks, config: StopsConfig) -> NDArray[np.intp]:
    """Single pings without a speed that lie far from a ship that stayed in its place before and after.

    No ship leaves its place and is back so soon. Pings with a speed are judged by their speed.
    """
    at = np.flatnonzero(~np.isfinite(track.sog) & ~track.first & ~track.final)
    metres = np.minimum(track.step_m(at), track.step_m(at + 1))
    seconds = (track.time[at + 1] - track.time[at - 1]) / 1e6
    spike = (metres > config.same_place_m) & (track.apart_m(at - 1, at + 1) <= config.shift_m)
    return at[spike & (2.0 * metres * geo.KN_PER_M_S > config.hasty_kn * seconds)]


def _far(track: Tracks, config: StopsConfig) -> NDArray[np.bool_]:
    """Whether the ping before lies in another place."""
    return track.far_steps(config.same_place_m, ROUNDING_M)


def _strays(
    track: Tracks, slow: NDArray[np.bool_], far: NDArray[np.bool_], config: StopsConfig
) -> NDArray[np.bool_]:
    """Errors of position: single slow pings far from those before and after, which are near each other.

    So are pings in another place than an earlier one of the same second.
    """
    stray = np.zeros(len(track), dtype=bool)
    at = np.flatnonzero(far)
    stray[at] = track.time[at] // 1_000_000 == track.time[at - 1] // 1_000_000
    if len(track) < 3:
        return stray
    away = slow & far
    at = np.flatnonzero(away[1:-1] & away[2:] & slow[:-2]) + 1
    near = track.apart_m(at - 1, at + 1) <= config.shift_m
    brief = track.step_s(at) + track.step_s(at + 1) <= 2.0 * config.max_gap_h * 3600.0
    stray[at[near & brief]] = True
    return stray


def _runs(track: Tracks, slow: NDArray[np.bool_], far: NDArray[np.bool_], config: StopsConfig) -> Runs:
    """Runs of slow pings of a ship without a gap in time or place."""
    begins = track.first | far
    begins[1:] |= np.diff(track.time) > config.max_gap_h * schema.HOUR_US
    return Runs.of(slow, begins)


# runs to stops --------------------------------------------------------------------------------------


def _bound(track: Tracks, places: Spots, config: StopsConfig) -> Spots:
    """Split runs that stray too far from their median, such as that of a ship that drifts and then anchors.

    A ship that settles nowhere is adrift, and that remains one stop.
    """
    runs = places.runs
    straying = np.flatnonzero(places.farthest_m > config.max_radius_m)
    if not straying.size:
        return places
    number = runs.numbers(len(track))
    following = len(runs)
    for run in straying:
        for part in _settled_parts(track, np.arange(runs.first[run], runs.last[run] + 1), config):
            number[part] = following
            following += 1
    return Spots.of(track, Runs.of(number >= 0, np.diff(number, prepend=-1) != 0), known=places)


def _settled_parts(track: Tracks, at: NDArray[np.intp], config: StopsConfig) -> list[NDArray[np.intp]]:
    """Cut consecutive pings at the ends of long stays in one place."""
    pieces = _within(track, at, config.max_radius_m)
    settled = [
        track.time[piece[-1]] - track.time[piece[0]] >= config.settled_h * schema.HOUR_US
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


def _settle(track: Tracks, places: Spots, config: StopsConfig) -> Runs:
    """Trim runs and drop those that are no stops.

    The end of the approach and the beginning of the departure are cut off. A stop has at least one ping that
    is slow enough for its begin, and lasts long enough as seen or as estimated from the pings around it.
    """
    tight = places.middle_m < TIGHT_M
    adrift_m = np.maximum(config.max_radius_m, _ADRIFT_MEDIANS * places.middle_m)
    first, last, least_kn = loops.rests(
        (track.lat, track.lon, track.sog, track.fine, track.time),
        (places.runs.first, places.runs.last),
        (places.lat, places.east),
        np.where(tight, _TRIM_M, adrift_m),
        config.leave_kn,
        ROUNDING_M,
        _APPROACH_US,
    )
    some = (first <= last) & (least_kn < config.enter_kn)
    first, last, least_kn = first[some], last[some], least_kn[some]
    dwell = track.time[last] - track.time[first]
    runs = Runs(first, last)
    arrival, departure = at_rest(track, runs, (places.lat[some], places.lon[some]), config)
    open_stop = (track.first[first] | track.final[last]) & (dwell >= config.min_open_h * schema.HOUR_US)
    short_us = config.min_duration_h * schema.HOUR_US
    calm = least_kn <= config.enter_kn / 2.0
    long = (dwell >= short_us) | (calm & (departure - arrival >= short_us)) | open_stop
    return runs.take(long)
