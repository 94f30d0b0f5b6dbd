"""From pings to stops: where and how long each vessel stayed in one place.

A stop begins when the speed falls below one limit and ends when it rises above a higher one
(hysteresis), so that a ship that rolls at its lines does not leave its berth on paper. A gap in
reception ends a stop only when the ship is somewhere else after it. Where a feed has no speed, it is
measured from the positions.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import geo, schema
from ais_berths.tracks import Tracks, complete, edges, first_of, quantiles, renumber, sorted_positions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import StopsConfig

_NEEDED = ("mmsi", "time", "lat", "lon")
_HOUR_US = 3_600_000_000
_NEVER = np.iinfo(np.int64).min


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
    schema.check_columns(pings.columns, "pings", _NEEDED)
    table = complete(pings)
    order = sorted_positions(table)
    track = Tracks(table.iloc[order])
    run = _runs(track, _slow(track, config), config)
    run = _merge(track, run, config)
    run = _bound(track, run, config)
    run = _trim(track, run)
    run = _drop_short(track, run, config)
    stops = _summarise(track, run)
    ids = pd.Series(pd.NA, index=range(len(pings)), dtype="string")
    if len(stops):
        codes = np.full(len(pings), -1, dtype=np.int32)
        codes[order] = run
        ids = pd.Series(pd.Categorical.from_codes(codes, pd.Index(stops["stop_id"])))
    ids.index = pings.index
    return schema.conform(stops, "stops").sort_values("stop_id", ignore_index=True), ids


def _slow(track: Tracks, config: StopsConfig) -> NDArray[np.bool_]:
    """Hysteresis on speed: True from the first ping below `enter_kn` until one above `leave_kn`."""
    speed = np.where(np.isfinite(track.sog), track.sog, np.inf)
    unknown = ~np.isfinite(track.sog)
    if unknown.any():
        speed[unknown] = _speed_from_positions(track, config.speed_window_s)[unknown]
    state = np.zeros(track.n, dtype=np.int8)
    state[speed < config.enter_kn] = 1
    state[speed > config.leave_kn] = -1
    state[track.first & (state == 0)] = -1
    decided = np.where(state != 0, np.arange(track.n), 0)
    result: NDArray[np.bool_] = state[np.maximum.accumulate(decided)] == 1
    return result


def _speed_from_positions(track: Tracks, window_s: float) -> NDArray[np.float64]:
    """Speed over at least `window_s`, the slower of looking back and looking ahead (kn)."""
    window = int(window_s * 1e6)
    # One number line for all vessels, so that a single search finds neighbours of the same vessel.
    span = (track.time.max() - track.time.min() + 4 * window + 1) if track.n else 1
    line = track.time - (track.time.min() if track.n else 0) + track.vessel * span
    speed = np.full(track.n, np.inf)
    index = np.arange(track.n)
    ahead = np.minimum(np.searchsorted(line, line + window, side="left"), track.n - 1)
    behind = np.maximum(np.searchsorted(line, line - window, side="right") - 1, 0)
    for other in (ahead, behind):
        usable = (track.vessel[other] == track.vessel) & (other != index)
        i, j = index[usable], other[usable]
        metres = geo.haversine_m(track.lat[i], track.lon[i], track.lat[j], track.lon[j])
        seconds = np.abs(track.time[i] - track.time[j]) / 1e6
        speed[i] = np.minimum(speed[i], metres / np.maximum(seconds, 1.0) * geo.KN_PER_M_S)
    return speed


def _runs(track: Tracks, slow: NDArray[np.bool_], config: StopsConfig) -> NDArray[np.int64]:
    """Number the unbroken runs of slow pings; -1 elsewhere."""
    seconds = np.maximum(track.step_us / 1e6, 1.0)
    moved = (track.step_m > config.same_place_m) & (track.step_m / seconds * geo.KN_PER_M_S > config.leave_kn)
    gap = track.step_us > config.max_gap_h * _HOUR_US
    begins = slow.copy()
    begins[1:] &= ~slow[:-1] | track.first[1:] | moved[1:] | gap[1:]
    return np.where(slow, np.cumsum(begins) - 1, -1)


def _merge(track: Tracks, run: NDArray[np.int64], config: StopsConfig) -> NDArray[np.int64]:
    """Join neighbouring runs of a vessel in one place: noise, a reception gap, a short warp along."""
    n = int(run.max()) + 1 if track.n else 0
    if n < 2:
        return run
    distance, middle = track.from_middle_m(run)
    spread = quantiles(distance, run, 0.9, n)
    first, last = edges(run, n)
    a, b = np.arange(n - 1), np.arange(1, n)
    lat, lon = middle["lat"].to_numpy(), middle["lon"].to_numpy()
    apart = geo.haversine_m(lat[a], lon[a], lat[b], lon[b])
    reach = np.maximum(config.same_place_m, spread[a] + spread[b])
    between_h = (track.time[first[b]] - track.time[last[a]]) / _HOUR_US
    trip = first[b] - last[a] > 1
    away = _farthest_between(track, last[:-1], first[1:], lat[a], lon[a])
    quiet = ~trip & (between_h <= config.max_same_place_gap_h) & (apart <= reach)
    brief = trip & (between_h <= config.max_trip_h) & (apart <= reach) & (away <= reach)
    swing = (between_h <= config.max_swing_h) & (apart <= 2.0 * config.max_radius_m)
    swing &= _swings(track, run, lat, lon) & (away <= 2.0 * config.max_radius_m)
    same_vessel = track.vessel[first[b]] == track.vessel[last[a]]
    joins = same_vessel & (quiet | brief | swing)
    number = np.concatenate([[0], np.cumsum(~joins)])
    merged = np.where(run >= 0, number[run], -1)
    for i in np.flatnonzero(joins & trip):
        merged[last[i] + 1 : first[i + 1]] = number[i]
    return merged


def _swings(
    track: Tracks, run: NDArray[np.int64], lat: NDArray[np.float64], lon: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Whether each run and the next are two places on one swing circle.

    A ship at anchor points at her anchor. Where the line between two places is the difference of the two
    headings, there is one point ahead of both.
    """
    use = np.flatnonzero((run >= 0) & np.isfinite(track.heading))
    n = len(lat)
    way = np.exp(1j * np.radians(track.heading[use]))
    count = np.maximum(np.bincount(run[use], minlength=n), 1)
    mean = (
        np.bincount(run[use], weights=way.imag, minlength=n)
        + 1j * np.bincount(run[use], weights=way.real, minlength=n)
    ) / count
    metres = geo.EARTH_RADIUS_M * np.pi / 180.0
    east = geo.turn_deg(lon[:-1], lon[1:]) * metres * np.cos(np.radians(lat[:-1]))
    step = east + 1j * (lat[1:] - lat[:-1]) * metres
    turn = mean[:-1] - mean[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        pivot_m = np.abs(step) / np.abs(turn)
        agreement = (step * turn.conjugate()).real / (np.abs(step) * np.abs(turn))
    result: NDArray[np.bool_] = (
        (np.abs(turn) > 0.3) & (agreement > 0.85) & (pivot_m > 20.0) & (pivot_m < 1200.0)
    )
    return result


def _farthest_between(
    track: Tracks,
    last: NDArray[np.int64],
    first: NDArray[np.int64],
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Largest distance from (lat, lon) of the pings strictly between two runs; 0 where there are none."""
    count = np.maximum(first - last - 1, 0)
    pair = np.repeat(np.arange(len(last)), count)
    offset = np.arange(len(pair)) - np.repeat(np.cumsum(count) - count, count)
    ping = last[pair] + 1 + offset
    metres = geo.haversine_m(track.lat[ping], track.lon[ping], lat[pair], lon[pair])
    far = np.zeros(len(last))
    np.maximum.at(far, pair, metres)
    return far


def _bound(track: Tracks, run: NDArray[np.int64], config: StopsConfig) -> NDArray[np.int64]:
    """Split runs that stray from their own median: a ship that creeps is not in one place."""
    run = run.copy()
    distance, _ = track.from_middle_m(run)
    straying = np.unique(run[np.nan_to_num(distance) > config.max_radius_m])
    following = int(run.max()) + 1 if track.n else 0
    first, last = edges(run, following)
    for number in straying:
        whole = np.arange(first[number], last[number] + 1)
        whole = whole[run[whole] == number]
        pieces = _within(track, whole, config.max_radius_m)
        # A ship that stays nowhere on its way is adrift, and that is one stop.
        if any(_radius_m(track, piece) < config.max_radius_m / 4 for piece in pieces if len(piece) > 2):
            for piece in pieces:
                run[piece] = following
                following += 1
    return renumber(run)


def _within(track: Tracks, at: NDArray[np.intp], limit_m: float) -> list[NDArray[np.intp]]:
    """Cut consecutive pings into pieces that each stay within a distance of their own median."""
    pieces, todo = [], [at]
    while todo:
        part = todo.pop()
        outside = _distances_m(track, part) > limit_m
        if not outside.any():
            pieces.append(part)
            continue
        cuts = np.flatnonzero(np.diff(outside)) + 1
        todo.extend(np.split(part, cuts if len(cuts) else [len(part) // 2]))
    return pieces


def _distances_m(track: Tracks, at: NDArray[np.intp]) -> NDArray[np.float64]:
    lon = track.lon[at]
    middle_lon = lon[0] + np.median(geo.turn_deg(lon[0], lon))
    return geo.haversine_m(track.lat[at], lon, np.median(track.lat[at]), middle_lon)


def _radius_m(track: Tracks, at: NDArray[np.intp]) -> float:
    return float(np.quantile(_distances_m(track, at), 0.9))


def _trim(track: Tracks, run: NDArray[np.int64]) -> NDArray[np.int64]:
    """Cut the last metres of the approach and the first of the departure off both ends."""
    n = int(run.max()) + 1 if track.n else 0
    if n == 0:
        return run
    distance, _ = track.from_middle_m(run)
    limit = np.maximum(50.0, 3.0 * quantiles(distance, run, 0.5, n))
    close = np.flatnonzero((run >= 0) & (np.nan_to_num(distance, nan=np.inf) <= limit[run]))
    first, last = np.full(n, track.n), np.full(n, -1)
    np.minimum.at(first, run[close], close)
    np.maximum.at(last, run[close], close)
    index = np.arange(track.n)
    kept = (run >= 0) & (index >= first[run]) & (index <= last[run])
    return np.where(kept, run, -1)


def _drop_short(track: Tracks, run: NDArray[np.int64], config: StopsConfig) -> NDArray[np.int64]:
    n = int(run.max()) + 1 if track.n else 0
    if n == 0:
        return run
    first, last = edges(run, n)
    seen = last >= 0
    long = np.zeros(n, dtype=bool)
    long[seen] = track.time[last[seen]] - track.time[first[seen]] >= config.min_duration_h * _HOUR_US
    return renumber(np.where((run >= 0) & long[run], run, -1))


def _summarise(track: Tracks, run: NDArray[np.int64]) -> pd.DataFrame:
    """One row a run, in the order of the runs."""
    n = int(run.max()) + 1 if track.n else 0
    if n == 0:
        return schema.empty("stops")
    at = np.flatnonzero(run >= 0)
    number = run[at]
    first, last = edges(run, n)
    distance, middle = track.from_middle_m(run)
    mmsi = track.table["mmsi"].to_numpy()[first]
    has_before, has_after = ~track.first[first], np.append(~track.first[1:], False)[last]
    gap = np.zeros(n)
    inner = at[at != first[number]]
    np.maximum.at(gap, run[inner], track.step_us[inner] / _HOUR_US)
    stops = pd.DataFrame(
        {
            "mmsi": mmsi,
            "start_time": schema.from_micros(track.time[first]),
            "end_time": schema.from_micros(track.time[last]),
            "before_time": schema.from_micros(np.where(has_before, track.time[first - 1], _NEVER)),
            "after_time": schema.from_micros(
                np.where(has_after, track.time[np.minimum(last + 1, track.n - 1)], _NEVER)
            ),
            "dwell_h": (track.time[last] - track.time[first]) / _HOUR_US,
            "n_pings": np.bincount(number, minlength=n),
            "n_fine": np.bincount(number, weights=track.fine[at], minlength=n).astype(np.int64),
            "max_gap_h": gap,
            "lat": middle["lat"].to_numpy(),
            "lon": middle["lon"].to_numpy(),
            "drift_radius_m": quantiles(distance, run, 0.9, n),
            "drift_rms_m": np.sqrt(np.bincount(number, weights=distance[at] ** 2, minlength=n))
            / np.sqrt(np.bincount(number, minlength=n)),
            "open_start": ~has_before,
            "open_end": ~has_after,
        }
    )
    stops["stop_id"] = _stop_ids(stops, track.table["track"].to_numpy()[first])
    return stops.join(_directions(track, at, number, n)).join(_statuses(track, at, number, n))


def _stop_ids(stops: pd.DataFrame, number: NDArray[np.int64]) -> pd.Series:
    """MMSI and start time; a second ship on the same MMSI gets its track number as well."""
    ids: pd.Series = stops["mmsi"].astype(str) + "-" + stops["start_time"].dt.strftime("%Y%m%dT%H%M%S")
    return ids.where(number == 0, ids + "-" + pd.Series(number, index=ids.index).astype(str))


def _directions(track: Tracks, at: NDArray[np.intp], number: NDArray[np.int64], n: int) -> pd.DataFrame:
    """Heading, its spread, and the pivot about which the ship swings."""
    heading = track.table["heading_deg"].to_numpy(dtype=np.float64)[at]
    known = np.isfinite(heading) & track.fine[at]
    at, number, heading = at[known], number[known], heading[known]
    count = np.bincount(number, minlength=n).astype(np.float64)
    sin, cos = np.sin(np.radians(heading)), np.cos(np.radians(heading))

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.bincount(number, weights=values, minlength=n) / np.where(count > 0, count, np.nan)

    mean_sin, mean_cos = mean(sin), mean(cos)
    length = np.hypot(mean_sin, mean_cos)
    middle = np.degrees(np.arctan2(mean_sin, mean_cos)) % 360.0
    turns = geo.turn_deg(middle[number], heading)
    median = (middle + pd.Series(turns).groupby(number).median().reindex(range(n)).to_numpy()) % 360.0
    with np.errstate(divide="ignore"):
        spread = np.degrees(np.sqrt(np.maximum(-2.0 * np.log(length), 0.0)))
    # Least squares of x = cx - r sin(h), y = cy - r cos(h): r is the distance to a pivot ahead.
    metre_lat = geo.EARTH_RADIUS_M * np.pi / 180.0
    lat0 = track.lat[at] - mean(track.lat[at])[number]
    east = geo.turn_deg(first_of(track.lon[at], number, n)[number], track.lon[at])
    x = (east - mean(east)[number]) * metre_lat * np.cos(np.radians(track.lat[at]))
    y = lat0 * metre_lat
    varies = mean(sin**2) - mean_sin**2 + mean(cos**2) - mean_cos**2
    with np.errstate(invalid="ignore", divide="ignore"):
        radius = -(mean(x * sin) + mean(y * cos)) / varies
    trusted = (count >= 5) & (spread > 15.0)
    swing = np.where(trusted, radius, np.nan)
    ahead = np.where(trusted, radius * length, np.nan)
    mean_lon = first_of(track.lon[at], number, n) + mean(east)
    pivot_lat, pivot_lon = geo.offset_deg(mean(track.lat[at]), mean_lon, middle, ahead)
    return pd.DataFrame(
        {
            "heading_deg": median,
            "heading_spread_deg": np.where(count > 0, np.minimum(spread, 180.0), np.nan),
            "n_headings": count.astype(np.int64),
            "swing_m": swing,
            "pivot_lat": pivot_lat,
            "pivot_lon": pivot_lon,
        }
    )


def _statuses(track: Tracks, at: NDArray[np.intp], number: NDArray[np.int64], n: int) -> pd.DataFrame:
    status = track.table["nav_status"].fillna(15).to_numpy(dtype=np.int64)[at].clip(0, 15)
    counts = np.bincount(number * 16 + status, minlength=n * 16).reshape(n, 16)
    total = counts.sum(axis=1)
    return pd.DataFrame(
        {
            "nav_status": counts.argmax(axis=1),
            "moored_share": counts[:, 5] / total,
            "anchored_share": counts[:, 1] / total,
        }
    )
