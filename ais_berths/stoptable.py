"""The table of stops: one row for each run of pings, with estimated times of arrival and departure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ais_berths import geo, loops, schema
from ais_berths.runs import tallies
from ais_berths.tracks import east_deg, plane_m

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import StopsConfig
    from ais_berths.geo import Floats
    from ais_berths.runs import Runs, Spots
    from ais_berths.tracks import Ints, Tracks


# Mean speed of a ship (kn) from here to where it comes to rest, by its present speed (kn) and distance (km):
# APPROACH_KN * speed**0.5 * distance**0.25. Fitted to approaches and departures of merchant ships in three US
# ports on 2020-01-01 (8,769 reports, 0.03-30 km away; half of the times within 7 minutes).
APPROACH_KN = 1.05
# A ship that is slow far away will speed up again: least speed assumed, in kn and in kn for each km.
_LEAST_KN, _LEAST_KN_PER_KM = 5.0, 1.0
# Within this distance (m) a moving ship of unknown course is assumed to come or go without delay.
_NEAR_M = 2000.0
# Nearer than this (m) ships manoeuvre: their courses do not show where they are bound for.
_TURNS_M = 250.0

# A ship that was never heard before its stop (or after it) was there for this many of its mean waits.
_UNSEEN_WAITS = 3.0

# Headings and spread that a swing circle needs.
_CIRCLE_PINGS, _CIRCLE_SPREAD_DEG = 5, 8.0
# Largest radius of a circle fitted without headings, in root mean square distances of the positions.
_CIRCLE_MOST = 2.5


def summarise(track: Tracks, places: Spots, config: StopsConfig) -> pd.DataFrame:
    """Make one row a stop.

    Parameters
    ----------
    track
        The sorted pings.
    places
        The pings of each stop, and where they lie.
    config
        The section ``stops`` of the settings.

    Returns
    -------
    The columns of the table ``stops`` that follow from the pings, in the order of the runs.
    """
    runs = places.runs
    if not len(runs):
        return schema.empty("stops")
    first, last, lat, lon = runs.first, runs.last, places.lat, places.lon
    has_before, has_after = ~track.first[first], ~track.final[last]
    arrival, departure = at_rest(track, runs, (lat, lon), config)
    exact, times, gap_us, mean_kn, by_status = tallies(
        track.time, track.sog, track.fine, track.status, first, last
    )
    stops = {
        "stop_id": _stop_ids(track.mmsi[first], track.time[first], track.number[first]),
        "mmsi": track.mmsi[first],
        "start_time": schema.from_micros(track.time[first]),
        "end_time": schema.from_micros(track.time[last]),
        "before_time": schema.from_micros(np.where(has_before, track.time[first - 1], schema.NO_TIME_US)),
        "after_time": schema.from_micros(
            np.where(has_after, track.time[np.minimum(last + 1, len(track) - 1)], schema.NO_TIME_US)
        ),
        "arrival_time": schema.from_micros(arrival),
        "departure_time": schema.from_micros(departure),
        "dwell_h": (track.time[last] - track.time[first]) / schema.HOUR_US,
        "n_pings": runs.count,
        "n_fine": exact,
        "n_times": times,
        "max_gap_h": gap_us / schema.HOUR_US,
        "lat": lat,
        "lon": lon,
        "drift_radius_m": places.most_m,
        "drift_median_m": places.middle_m,
        "drift_rms_m": places.rms_m,
        "speed_mean_kn": mean_kn,
        "open_start": ~has_before,
        "open_end": ~has_after,
        "nav_status": by_status.argmax(axis=1),
        "moored_share": by_status[:, 5] / runs.count,
        "anchored_share": by_status[:, 1] / runs.count,
    }
    stops |= _directions(track, runs)
    mute = (stops["n_headings"] < _CIRCLE_PINGS) & (exact >= 2 * _CIRCLE_PINGS)
    for name, values in _circles(track, places, mute).items():
        stops[name] = np.where(np.isnan(values), stops[name], values)
    return pd.DataFrame(stops)


def at_rest(
    track: Tracks, runs: Runs, place: tuple[Floats, Floats], config: StopsConfig
) -> tuple[Ints, Ints]:
    """Estimate when ships came to rest and when they left, in the gaps before and after their stops.

    Parameters
    ----------
    track
        The sorted pings.
    runs
        The pings of each stop.
    place
        Latitude and longitude where the ships lay (deg).
    config
        The section ``stops`` of the settings.

    Returns
    -------
    Arrivals and departures, in microseconds since 1970. Where no ping comes before (or after), the ship is
    taken to have been there for some of its mean waits to be heard, if it was heard at all on the other side.
    """
    before, after = np.maximum(runs.first - 1, 0), np.minimum(runs.last + 1, len(track) - 1)
    waits_s = loops.waits(track.first, track.time, config.max_gap_h * 3600.0)[track.vessel[runs.first]]
    came_s = _rest_of_gap_s(track, (runs.first, before), place, waits_s, config)
    left_s = _rest_of_gap_s(track, (runs.last, after), place, waits_s, config)
    came_us, left_us = (np.rint(seconds * 1e6).astype(np.int64) for seconds in (came_s, left_s))
    unseen_us = np.rint(_UNSEEN_WAITS * waits_s * 1e6).astype(np.int64)
    opens, closes = track.first[runs.first], track.final[runs.last]
    unseen_us[opens & closes] = 0
    return (
        track.time[runs.first] - np.where(opens, unseen_us, came_us),
        track.time[runs.last] + np.where(closes, unseen_us, left_us),
    )


def _rest_of_gap_s(
    track: Tracks,
    ends: tuple[Ints, Ints],
    place: tuple[Floats, Floats],
    waits_s: Floats,
    config: StopsConfig,
) -> Floats:
    """Estimated seconds at rest in the gap between an end of each stop and the nearest ping outside it."""
    at, other = ends
    gap_s = np.abs(track.time[at] - track.time[other]) / 1e6
    metres = plane_m(track.lat[other], track.lon[other], *place)
    km = np.maximum(metres / 1000.0, 0.001)
    speed = np.maximum(track.sog[other], np.minimum(_LEAST_KN_PER_KM * km, _LEAST_KN))
    mean_kn = APPROACH_KN * np.sqrt(speed) * km**0.25
    spare_s = np.maximum(gap_s - metres / mean_kn * geo.KN_PER_M_S, 0.0)
    # What is left of the gap after sailing is spare. A ship that came straight here (or left straight) spent
    # it here; one that was at rest at the other ping too, half of it. One that sailed elsewhere in between
    # was here only about as long as it usually goes unheard.
    sails = track.sog[other] >= config.enter_kn
    ahead = _ahead(track, other, place) * np.where(other < at, 1.0, -1.0)
    straight = sails & np.where(np.isnan(ahead), metres <= _NEAR_M, (ahead > 0.0) | (metres <= _TURNS_M))
    usual_s = np.where(straight | ~sails, config.max_silence_h * 3600.0, waits_s)
    share = np.where(sails, 1.0, 0.5)
    rest_s: Floats = usual_s * -np.expm1(-share * spare_s / usual_s)
    return rest_s


def _ahead(track: Tracks, at: Ints, place: tuple[Floats, Floats]) -> Floats:
    """Cosine of the angle between the course of a ship and the way to a place; nan without a course."""
    lat, lon = place
    north, east = lat - track.lat[at], east_deg(track.lon[at], lon) * np.cos(np.radians(lat))
    cosine: Floats = np.cos(np.radians(track.course[at]) - np.arctan2(east, north))
    return cosine


def _stop_ids(mmsi: Ints, start: Ints, number: Ints) -> pa.Array:
    """MMSI and start time; a second ship on the same MMSI gets its track number as well.

    If times are rounded, several stops of a ship may begin in one second: these are numbered.
    """
    second, at = start // 1_000_000, np.arange(len(start))
    changed = [values[1:] != values[:-1] for values in (mmsi, second, number)]
    alone = np.concatenate([[True], np.logical_or.reduce(changed)])
    again = at - np.maximum.accumulate(np.where(alone, at, 0))
    time = pc.strftime(pa.array(second).cast(pa.timestamp("s")), "%Y%m%dT%H%M%S")
    count = pa.array(again, mask=again == 0).cast(pa.string())
    time = pc.binary_join_element_wise(time, count, ".", null_handling="skip")
    others = pa.array(number, mask=number == 0).cast(pa.string())
    return pc.binary_join_element_wise(
        pa.array(mmsi).cast(pa.string()), time, others, "-", null_handling="skip"
    )


def _directions(track: Tracks, runs: Runs) -> dict[str, NDArray[Any]]:
    """Heading, its spread, and the pivot about which the ship swings."""
    usable = np.isfinite(track.heading) & track.fine
    count, found = loops.headings(track.heading, usable, track.lat, track.lon, runs.first, runs.last)
    sin, cos, lat, lon, heading, turn, pull, square = found
    length = np.hypot(sin, cos)
    varies = np.maximum(1.0 - length**2, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.degrees(np.sqrt(np.maximum(-2.0 * np.log(length), 0.0)))
        # Least squares of x = cx - r sin(h), y = cy - r cos(h): r is the distance to a pivot ahead.
        radius = -pull / varies
        explained = radius**2 * varies / square
    trusted = (count >= _CIRCLE_PINGS) & (spread > _CIRCLE_SPREAD_DEG)
    middle = np.degrees(np.arctan2(sin, cos)) % 360.0
    pivot_lat, pivot_lon = geo.offset_deg(lat, lon, middle, np.where(trusted, radius * length, np.nan))
    return {
        "heading_deg": heading,
        "heading_spread_deg": np.where(count > 0, np.minimum(spread, 180.0), np.nan),
        "turn_median_deg": turn,
        "n_headings": count,
        "swing_m": np.where(trusted, radius, np.nan),
        "swing_share": np.where(trusted, np.clip(explained, 0.0, 1.0), np.nan),
        "pivot_lat": pivot_lat,
        "pivot_lon": pivot_lon,
    }


def _circles(track: Tracks, places: Spots, mute: NDArray[np.bool_]) -> dict[str, Floats]:
    """Pivot and swing of ships without headings, from a circle fitted to their positions; nan for others."""
    lat, lon = places.lat[mute], places.lon[mute]
    ends = (places.runs.first[mute], places.runs.last[mute])
    east, north, radius, rms, share = loops.circles(track.lat, track.lon, track.fine, ends, (lat, lon))
    found = np.isfinite(share) & (radius < _CIRCLE_MOST * rms)
    metre_east = geo.METRES_PER_DEG * np.cos(np.radians(lat))
    values = {
        "swing_m": radius,
        "swing_share": np.clip(share, 0.0, 1.0),
        "pivot_lat": lat + north / geo.METRES_PER_DEG,
        "pivot_lon": geo.turn_deg(0.0, lon + np.where(found, east, 0.0) / metre_east),
    }
    at = np.flatnonzero(mute)[found]
    result = {name: np.full(len(mute), np.nan) for name in values}
    for name, column in result.items():
        column[at] = values[name][found]
    return result
