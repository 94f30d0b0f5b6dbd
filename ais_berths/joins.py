"""Joining runs of pings to stops: runs in one place, or between which the ship swung or drifted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ais_berths import geo, loops, schema
from ais_berths.runs import Runs, Spots
from ais_berths.tracks import east_deg, plane_m

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import StopsConfig
    from ais_berths.tracks import Tracks


# From this many pings on, the place of a run is known to some metres.
_SETTLED_PINGS = 5
# Swinging at anchor: least turn of the heading (chord of the unit circle), least cosine between the step and
# the turn, and possible distances from antenna to anchor (m).
_SWING_TURN, _SWING_COSINE, _SWING_REACH_M = 0.3, 0.85, (20.0, 1200.0)
# Speeds are rounded: a ship adrift may move this many times as far as they say.
_DRIFT_PLAY = 1.5
# Two places on one swing circle may lie apart by this many times the scatter of both.
_LOOSE_REACH = 3.0

TIGHT_M = 17.0
"""Ships whose positions scatter less than this (m) are tied up; at anchor they lie anywhere on a circle."""


def join_runs(track: Tracks, places: Spots, config: StopsConfig) -> Spots:
    """Join the runs of a vessel in one place across short trips, then runs between which it was not heard.

    Parameters
    ----------
    track
        The sorted pings.
    places
        Runs of slow pings, and where they lie.
    config
        The section ``stops`` of the settings.

    Returns
    -------
    The joined runs, which include the pings between those that were joined, and where they lie.
    """
    places = Spots.of(track, _join(track, places, config, over_trips=True), known=places)
    while True:
        runs = _join(track, places, config, over_trips=False)
        if len(runs) == len(places.runs):
            return places
        places = Spots.of(track, runs, known=places)


def _join(track: Tracks, places: Spots, config: StopsConfig, over_trips: bool) -> Runs:
    """Join neighbouring runs of a vessel that noise, a reception gap or a shift along the quay divided.

    With `over_trips`, short trips may lie between them. Without, no ping may lie between them, and runs are
    also joined if the ship may have swung or drifted from one to the next.
    """
    runs = places.runs
    if len(runs) < 2:
        return runs
    lat, lon, spread = places.lat, places.lon, places.most_m
    first, last = runs.first, runs.last
    a, b = np.arange(len(runs) - 1), np.arange(1, len(runs))
    apart = plane_m(lat[a], lon[a], lat[b], lon[b])
    settled = np.minimum(runs.count[a], runs.count[b]) >= _SETTLED_PINGS
    reach = np.maximum(
        np.where(settled, config.shift_m, config.same_place_m),
        np.minimum(_LOOSE_REACH * (spread[a] + spread[b]), config.max_radius_m),
    )
    same_vessel = track.vessel[first[b]] == track.vessel[last[a]]
    between_h = (track.time[first[b]] - track.time[last[a]]) / schema.HOUR_US
    trip = first[b] - last[a] > 1
    way = (track.lat, track.lon, track.sog)
    away, haste = loops.excursions(way, last[a], np.where(same_vessel, first[b], 0), lat[a], lon[a])
    quiet = ~trip & (between_h <= config.max_same_place_gap_h)
    brief = trip & (between_h <= config.max_trip_h)
    brief |= trip & (between_h <= config.max_gap_h) & (haste <= config.hasty_kn)
    here = (apart <= reach) & (away <= reach)
    tight = _is_tight(places)
    moved = made_way(track, last[a], first[b], config)
    # A ship that lay still in one of both places did not swing to the other.
    here &= ~(moved & (apart > config.same_place_m) & (tight[a] | tight[b]))
    swing = (quiet | (between_h <= config.max_swing_h)) & (apart <= 2.0 * config.max_radius_m)
    swing &= (away <= 2.0 * config.max_radius_m) & ~tight[a] & ~tight[b] & same_vessel
    swing[swing] = _swings(track, places, np.flatnonzero(swing))
    joins = ((quiet | brief) & here) | swing
    if not over_trips:
        joins = ~trip & (joins | (~moved & _floats(track, places, config)))
    joins &= same_vessel
    # What lies between runs that are joined belongs to them too.
    return Runs(first[np.insert(~joins, 0, True)], last[np.append(~joins, True)])


def _is_tight(places: Spots) -> NDArray[np.bool_]:
    """Whether the ship of a run was heard often enough and lay still."""
    tight: NDArray[np.bool_] = (places.runs.count >= _SETTLED_PINGS) & (places.most_m < TIGHT_M)
    return tight


def _floats(track: Tracks, places: Spots, config: StopsConfig) -> NDArray[np.bool_]:
    """Whether a ship may have swung or drifted from each run to the next while it was not heard.

    Not if it lay still in both for as long as a stop lasts, or in one of them for long.
    """
    runs = places.runs
    first, last = runs.first[1:], runs.last[:-1]
    gap_h, step_m = (track.time[first] - track.time[last]) / schema.HOUR_US, track.step_m(first)
    stay_h = (track.time[runs.last] - track.time[runs.first]) / schema.HOUR_US
    still = (places.most_m < TIGHT_M) & (stay_h >= config.min_duration_h)
    long = _is_tight(places) & (stay_h >= config.max_gap_h)
    # A ship adrift sends, and more than once, the speed that takes it from one report to the next.
    drift_m = np.minimum(track.sog[last], track.sog[first]) * gap_h * geo.METRES_PER_NM
    swung = (gap_h <= config.max_gap_h) & (step_m <= config.max_radius_m)
    drifted = (gap_h <= 2.0 * config.max_gap_h) & (step_m <= _DRIFT_PLAY * drift_m)
    drifted &= (runs.count[:-1] > 1) & (runs.count[1:] > 1)
    floats: NDArray[np.bool_] = swung | drifted
    return floats & ~(still[:-1] & still[1:]) & ~long[:-1] & ~long[1:]


def _swings(track: Tracks, places: Spots, at: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether each run and the next one lie on one swing circle.

    A ship at anchor points at its anchor. If the step between two places is parallel to the difference of
    both heading vectors, one point lies ahead of both.
    """
    a, b = _ways(track, places.runs.take(at)), _ways(track, places.runs.take(at + 1))
    lat, lon = places.lat, places.lon
    east = east_deg(lon[at], lon[at + 1]) * np.cos(np.radians(lat[at]))
    step = (east + 1j * (lat[at + 1] - lat[at])) * geo.METRES_PER_DEG
    turn = a - b
    with np.errstate(divide="ignore", invalid="ignore"):
        pivot_m = np.abs(step) / np.abs(turn)
        cosine = (step * turn.conjugate()).real / (np.abs(step) * np.abs(turn))
    near, far = _SWING_REACH_M
    result: NDArray[np.bool_] = (
        (np.abs(turn) > _SWING_TURN) & (cosine > _SWING_COSINE) & (pivot_m > near) & (pivot_m < far)
    )
    return result


def _ways(track: Tracks, runs: Runs) -> NDArray[np.complex128]:
    """Mean heading of each run, as the sine and, imaginary, the cosine; nan where there is none."""
    _, found = loops.headings(
        track.heading, np.isfinite(track.heading), track.lat, track.lon, runs.first, runs.last
    )
    ways: NDArray[np.complex128] = found[0] + 1j * found[1]
    return ways


def made_way(
    track: Tracks, before: NDArray[np.intp], after: NDArray[np.intp], config: StopsConfig
) -> NDArray[np.bool_]:
    """Tell whether a ship moved farther from one ping to a later one than a stopped ship does.

    Parameters
    ----------
    track
        The sorted pings.
    before, after
        Pairs of pings.
    config
        The section ``stops`` of the settings.
    """
    metres = track.way_m(before, after)
    seconds = np.maximum((track.time[after] - track.time[before]) / 1e6, 1.0)
    fast: NDArray[np.bool_] = metres * geo.KN_PER_M_S > config.leave_kn * seconds
    return fast & (metres > config.same_place_m)
