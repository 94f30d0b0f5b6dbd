"""What the pings of a stop say: one row a stop, with the times that they let one suppose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import geo, loops, schema
from ais_berths.runs import tallies
from ais_berths.tracks import plane_m

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import StopsConfig
    from ais_berths.geo import Floats
    from ais_berths.runs import Places, Runs
    from ais_berths.tracks import Ints, Tracks

_HOUR_US = 3_600_000_000
_NEVER = np.iinfo(np.int64).min

# Mean speed of a ship (kn) on the rest of its way to rest, from its speed (kn) and distance (km):
# APPROACH_KN * speed**0.5 * distance**0.25. Fitted to the approaches and departures of merchant ships in
# three US ports on 2020-01-01 (8,769 reports, 0.03-30 km off; half of the times within 7 minutes).
APPROACH_KN = 1.05
# A ship that was slow further out will make way again: least speed, in kn and in kn for each km.
_LEAST_KN, _LEAST_KN_PER_KM = 5.0, 1.0
# Within this distance a ship on the move is taken to come or go without further delay.
_NEAR_M = 2000.0

# Headings and spread that a swing circle needs.
_CIRCLE_PINGS, _CIRCLE_SPREAD_DEG = 5, 8.0
# Without headings, the largest radius of a circle that an arc can tell, in root mean square distances.
_CIRCLE_MOST = 2.5


def summarise(track: Tracks, places: Places, config: StopsConfig) -> pd.DataFrame:
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
    exact, times, gap_us, mean_kn, by_status = tallies(
        track.time, track.sog, track.fine, track.status, first, last
    )
    stops = pd.DataFrame(
        {
            "mmsi": track.mmsi[first],
            "start_time": schema.from_micros(track.time[first]),
            "end_time": schema.from_micros(track.time[last]),
            "before_time": schema.from_micros(np.where(has_before, track.time[first - 1], _NEVER)),
            "after_time": schema.from_micros(
                np.where(has_after, track.time[np.minimum(last + 1, len(track) - 1)], _NEVER)
            ),
            "arrival_time": schema.from_micros(arrivals(track, first, lat, lon, config)),
            "departure_time": schema.from_micros(departures(track, last, lat, lon, config)),
            "dwell_h": (track.time[last] - track.time[first]) / _HOUR_US,
            "n_pings": runs.count,
            "n_fine": exact,
            "n_times": times,
            "max_gap_h": gap_us / _HOUR_US,
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
    )
    stops["stop_id"] = _stop_ids(stops, track.number[first])
    return _with_circles(stops.join(_directions(track, runs)), track, runs)


def arrivals(track: Tracks, first: NDArray[np.intp], lat: Floats, lon: Floats, config: StopsConfig) -> Ints:
    """When ships came to rest, between the last ping before a stop and its first one.

    Parameters
    ----------
    first
        First ping of each stop.
    lat, lon
        Where the ships lay (deg).
    config
        The section ``stops`` of the settings.

    Returns
    -------
    Microseconds since 1970: the time of the first ping where nothing came before it.
    """
    before = np.maximum(first - 1, 0)
    rest_s = _rest_of_gap_s(track, first, before, lat, lon, config)
    shift = np.where(track.first[first], 0.0, rest_s)
    result: Ints = track.time[first] - np.rint(shift * 1e6).astype(np.int64)
    return result


def departures(track: Tracks, last: NDArray[np.intp], lat: Floats, lon: Floats, config: StopsConfig) -> Ints:
    """When ships left, between the last ping of a stop and the one after; see `arrivals`."""
    after = np.minimum(last + 1, len(track) - 1)
    rest_s = _rest_of_gap_s(track, last, after, lat, lon, config)
    shift = np.where(track.final[last], 0.0, rest_s)
    result: Ints = track.time[last] + np.rint(shift * 1e6).astype(np.int64)
    return result


def _rest_of_gap_s(
    track: Tracks,
    at: NDArray[np.intp],
    other: NDArray[np.intp],
    lat: Floats,
    lon: Floats,
    config: StopsConfig,
) -> Floats:
    """Seconds of the gap between a stop and the next ping outside it that the ship spent at rest."""
    gap_s = np.abs(track.time[at] - track.time[other]) / 1e6
    metres = plane_m(track.lat[other], track.lon[other], lat, lon)
    km = np.maximum(metres / 1000.0, 0.001)
    speed = np.maximum(track.sog[other], np.minimum(_LEAST_KN_PER_KM * km, _LEAST_KN))
    mean_kn = APPROACH_KN * np.sqrt(speed) * km**0.25
    spare_s = np.maximum(gap_s - metres / mean_kn * geo.KN_PER_M_S, 0.0)
    # The longer nothing is heard of a ship that was at rest there too or far away, the less likely she lay
    # here all the time; one that was seen coming or going nearby most likely did.
    nearby = (metres <= _NEAR_M) & (track.sog[other] >= config.enter_kn)
    usual_s = np.where(nearby, config.max_silence_h, config.max_gap_h / 2.0) * 3600.0
    rest_s: Floats = usual_s * -np.expm1(-spare_s / usual_s)
    return rest_s


def _stop_ids(stops: pd.DataFrame, number: Ints) -> pd.Series:
    """MMSI and start time; a second ship on the same MMSI gets its track number as well."""
    ids: pd.Series = stops["mmsi"].astype(str) + "-" + stops["start_time"].dt.strftime("%Y%m%dT%H%M%S")
    return ids.where(number == 0, ids + "-" + pd.Series(number, index=ids.index).astype(str))


def _directions(track: Tracks, runs: Runs) -> pd.DataFrame:
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
    return pd.DataFrame(
        {
            "heading_deg": heading,
            "heading_spread_deg": np.where(count > 0, np.minimum(spread, 180.0), np.nan),
            "turn_median_deg": turn,
            "n_headings": count,
            "swing_m": np.where(trusted, radius, np.nan),
            "swing_share": np.where(trusted, np.clip(explained, 0.0, 1.0), np.nan),
            "pivot_lat": pivot_lat,
            "pivot_lon": pivot_lon,
        }
    )


def _with_circles(stops: pd.DataFrame, track: Tracks, runs: Runs) -> pd.DataFrame:
    """Add pivot and swing of ships without headings, from a circle through their positions."""
    mute = ((stops["n_headings"] < _CIRCLE_PINGS) & (stops["n_fine"] >= 2 * _CIRCLE_PINGS)).to_numpy()
    some = np.flatnonzero(mute)
    lat, lon = stops["lat"].to_numpy()[some], stops["lon"].to_numpy()[some]
    ends = (runs.first[some], runs.last[some])
    east, north, radius, rms, share = loops.circles(track.lat, track.lon, track.fine, ends, (lat, lon))
    found = np.isfinite(share) & (radius < _CIRCLE_MOST * rms)
    at, lat, lon, north, east = (values[found] for values in (some, lat, lon, north, east))
    metre_east = geo.METRES_PER_DEG * np.cos(np.radians(lat))
    values = {
        "swing_m": radius[found],
        "swing_share": np.clip(share[found], 0.0, 1.0),
        "pivot_lat": lat + north / geo.METRES_PER_DEG,
        "pivot_lon": geo.turn_deg(0.0, lon + east / metre_east),
    }
    columns = {name: stops[name].to_numpy(copy=True) for name in values}
    for name, found_values in values.items():
        columns[name][at] = found_values
    return stops.assign(**columns)
