"""What the pings of a stop say: one row a stop, with the times that they let one suppose."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import geo, schema
from ais_berths.tracks import METRE_UNIT, METRES_PER_DEG, Groups, Tracks, east_deg, middles, plane_m

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import StopsConfig
    from ais_berths.geo import Floats
    from ais_berths.tracks import Ints, Runs

_HOUR_US = 3_600_000_000
_TIME_US = _HOUR_US // 6
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


def summarise(track: Tracks, run: Runs, config: StopsConfig) -> pd.DataFrame:
    """Make one row a stop.

    Parameters
    ----------
    track
        The sorted pings.
    run
        Stop of each ping, 0, 1, 2 ... in the order of the pings; -1 for none.
    config
        The section ``stops`` of the settings.

    Returns
    -------
    The columns of the table ``stops`` that follow from the pings, in the order of the runs.
    """
    places = middles(track, run)
    groups, lat, lon = places.groups, places.lat, places.lon
    if groups.n == 0:
        return schema.empty("stops")
    first, last = groups.ends
    has_before, has_after = ~track.first[first], ~track.final[last]
    step_h = np.diff(track.time[groups.ping], prepend=0) / _HOUR_US
    step_h[groups.start] = 0.0
    median, radius = groups.quantiles(places.distance_m, METRE_UNIT, 0.5, 0.9)
    speed = track.sog[groups.ping]
    known = np.isfinite(speed)
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
            "n_pings": groups.count,
            "n_fine": groups.sum(track.fine[groups.ping]).astype(np.int64),
            "n_times": _times(track, groups),
            "max_gap_h": np.maximum.reduceat(step_h, groups.start),
            "lat": lat,
            "lon": lon,
            "drift_radius_m": radius,
            "drift_median_m": median,
            "drift_rms_m": np.sqrt(groups.mean(places.distance_m**2)),
            "speed_mean_kn": groups.only(known).mean(speed[known]),
            "open_start": ~has_before,
            "open_end": ~has_after,
        }
    )
    stops["stop_id"] = _stop_ids(stops, track.number[first])
    stops = stops.join(_directions(track, groups)).join(_statuses(track, groups))
    return _with_circles(stops, track, groups)


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


def _times(track: Tracks, groups: Groups) -> Ints:
    """How many of the pings of each stop are some minutes apart: bursts of reports tell a place only once."""
    slot = track.time[groups.ping] // _TIME_US
    new = np.ones(len(slot), dtype=bool)
    new[1:] = slot[1:] != slot[:-1]
    new[groups.start] = True
    return groups.sum(new).astype(np.int64)


def _stop_ids(stops: pd.DataFrame, number: Ints) -> pd.Series:
    """MMSI and start time; a second ship on the same MMSI gets its track number as well."""
    ids: pd.Series = stops["mmsi"].astype(str) + "-" + stops["start_time"].dt.strftime("%Y%m%dT%H%M%S")
    return ids.where(number == 0, ids + "-" + pd.Series(number, index=ids.index).astype(str))


def _directions(track: Tracks, groups: Groups) -> pd.DataFrame:
    """Heading, its spread, and the pivot about which the ship swings."""
    known = np.isfinite(track.heading[groups.ping]) & track.fine[groups.ping]
    some = groups.only(known)
    heading = track.heading[some.ping]
    sin, cos = (part[some.ping] for part in track.ahead)
    mean_sin, mean_cos = some.mean(sin), some.mean(cos)
    length = np.hypot(mean_sin, mean_cos)
    middle = np.degrees(np.arctan2(mean_sin, mean_cos)) % 360.0
    (turn,) = some.quantiles(geo.turn_deg(middle[some.number], heading), 1e-4, 0.5)
    median = (middle + turn) % 360.0
    (usual,) = some.quantiles(np.abs(geo.turn_deg(median[some.number], heading)), 1e-4, 0.5)
    with np.errstate(divide="ignore"):
        spread = np.degrees(np.sqrt(np.maximum(-2.0 * np.log(length), 0.0)))
    # Least squares of x = cx - r sin(h), y = cy - r cos(h): r is the distance to a pivot ahead.
    lat, lon = track.lat[some.ping], track.lon[some.ping]
    origin = some.first(lon)
    east = east_deg(origin[some.number], lon)
    mean_lat, mean_east = some.mean(lat), some.mean(east)
    metre_east = METRES_PER_DEG * np.cos(np.radians(mean_lat))
    x = (east - mean_east[some.number]) * metre_east[some.number]
    y = (lat - mean_lat[some.number]) * METRES_PER_DEG
    varies = np.maximum(1.0 - length**2, 0.0)
    with np.errstate(invalid="ignore", divide="ignore"):
        radius = -(some.mean(x * sin) + some.mean(y * cos)) / varies
        explained = radius**2 * varies / some.mean(x**2 + y**2)
    trusted = (some.count >= _CIRCLE_PINGS) & (spread > _CIRCLE_SPREAD_DEG)
    pivot_lat, pivot_lon = geo.offset_deg(
        mean_lat, origin + mean_east, middle, np.where(trusted, radius * length, np.nan)
    )
    return pd.DataFrame(
        {
            "heading_deg": median,
            "heading_spread_deg": np.where(some.count > 0, np.minimum(spread, 180.0), np.nan),
            "turn_median_deg": usual,
            "n_headings": some.count,
            "swing_m": np.where(trusted, radius, np.nan),
            "swing_share": np.where(trusted, np.clip(explained, 0.0, 1.0), np.nan),
            "pivot_lat": pivot_lat,
            "pivot_lon": pivot_lon,
        }
    )


def _with_circles(stops: pd.DataFrame, track: Tracks, groups: Groups) -> pd.DataFrame:
    """Add pivot and swing of ships without headings, from a circle through their positions (Kasa 1976)."""
    mute = ((stops["n_headings"] < _CIRCLE_PINGS) & (stops["n_fine"] >= 2 * _CIRCLE_PINGS)).to_numpy()
    if not mute.any():
        return stops
    some = groups.only(mute[groups.number] & track.fine[groups.ping])
    lat, lon = stops["lat"].to_numpy(), stops["lon"].to_numpy()
    metre_east = METRES_PER_DEG * np.cos(np.radians(lat))
    x = east_deg(lon[some.number], track.lon[some.ping]) * metre_east[some.number]
    y = (track.lat[some.ping] - lat[some.number]) * METRES_PER_DEG
    mean_x, mean_y = some.mean(x), some.mean(y)
    x, y = x - mean_x[some.number], y - mean_y[some.number]
    xx, xy, yy = some.mean(x * x), some.mean(x * y), some.mean(y * y)
    square = x * x + y * y
    to_x, to_y = some.mean(square * x) / 2.0, some.mean(square * y) / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        area = xx * yy - xy * xy
        east, north = (to_x * yy - to_y * xy) / area, (to_y * xx - to_x * xy) / area
        radius = np.sqrt(east**2 + north**2 + xx + yy)
        away = np.hypot(x - east[some.number], y - north[some.number]) - radius[some.number]
        explained = 1.0 - some.mean(away**2) / (xx + yy)
    found = np.isfinite(explained) & (radius < _CIRCLE_MOST * np.sqrt(xx + yy))
    values = {
        "swing_m": radius,
        "swing_share": np.clip(explained, 0.0, 1.0),
        "pivot_lat": lat + (mean_y + north) / METRES_PER_DEG,
        "pivot_lon": geo.turn_deg(0.0, lon + (mean_x + east) / metre_east),
    }
    return stops.assign(**{name: np.where(found, value, stops[name]) for name, value in values.items()})


def _statuses(track: Tracks, groups: Groups) -> pd.DataFrame:
    key = groups.number * 16 + track.status[groups.ping]
    counts = np.bincount(key, minlength=groups.n * 16).reshape(groups.n, 16)
    total = counts.sum(axis=1)
    return pd.DataFrame(
        {
            "nav_status": counts.argmax(axis=1),
            "moored_share": counts[:, 5] / total,
            "anchored_share": counts[:, 1] / total,
        }
    )
