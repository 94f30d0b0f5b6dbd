"""From stops to berth calls and port calls: what a statistical office counts.

A berth call is a ship at one berth once; a port call is all that a ship does in a port between coming and
going. Every call names its first stop in its id, and every stop names its calls, so that each count can
be followed back to pings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import shapely

from ais_berths import geo, schema
from ais_berths.tracks import Tracks

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from ais_berths.config import CallsConfig

_NEEDED = (
    *("stop_id", "mmsi", "port_id", "start_time", "end_time", "before_time", "after_time"),
    *("arrival_time", "departure_time", "lat", "lon", "kind", "berth_id", "open_start", "open_end"),
)
_HOUR_US = 3_600_000_000
_NEVER = np.iinfo(np.int64).min
_ALONGSIDE = ("moored", "buoy")
_Points = tuple["NDArray[np.float64]", "NDArray[np.float64]"]


class Calls(NamedTuple):
    """The tables ``berth_calls`` and ``port_calls``, and all stops with ``call_id`` and ``port_call_id``."""

    berth_calls: pd.DataFrame
    port_calls: pd.DataFrame
    stops: pd.DataFrame


def make_calls(
    stops: pd.DataFrame,
    config: CallsConfig,
    *,
    berths: pd.DataFrame | None = None,
    quays: pd.DataFrame | None = None,
    hulls: pd.DataFrame | None = None,
    detours: pd.DataFrame | None = None,
    only: Collection[str] = (),
) -> Calls:
    """Join the stops of each ship to berth calls and port calls.

    Stops at one berth are one berth call when the ship was away for no longer than ``max_absence_h``, or
    when nothing was heard of her meanwhile. Stops in one port are one port call until she is without a stop
    there for ``max_away_h``, stops in another port, or is seen ``leave_m`` out of the way. A ship that never
    stops makes no call; a ship that only anchors makes a port call marked ``anchorage_only``. A stay at
    anchor belongs to the port of the next berth, so that a roadstead may serve several ports.

    Parameters
    ----------
    stops
        The table ``stops`` with its places; all stops of a vessel together, in any order.
    config
        The section ``calls`` of the settings.
    berths, quays, hulls
        The tables of these names; all three are needed for the metres along continuous quays.
    detours
        The table ``detours`` from `measure_detours`; without it only time says that a ship has left.
    only
        Ids of the ports whose calls are wanted; empty for every port. Stops elsewhere still end a call.

    Raises
    ------
    MissingColumnsError
        `stops` lacks a column.

    Notes
    -----
    The rule of 24 hours is that of the World Bank and the Asian Development Bank. ``evidence`` follows the
    confidence of Global Fishing Watch's port visits (1 to 4), but a stay of which little more than a long
    silence is known counts less than one that was heard.

    Examples
    --------
    >>> from ais_berths.config import CallsConfig
    >>> stops = schema.conform(pd.DataFrame({
    ...     "stop_id": ["7-a", "7-b"], "mmsi": 7, "port_id": "P", "kind": ["anchored", "moored"],
    ...     "start_time": pd.to_datetime(["2024-01-01T00:00Z", "2024-01-01T09:00Z"]),
    ...     "end_time": pd.to_datetime(["2024-01-01T06:00Z", "2024-01-01T20:00Z"]),
    ...     "lat": 51.9, "lon": 4.1, "n_pings": 50, "berth_id": [None, "B1"]}), "stops")
    >>> calls = make_calls(stops, CallsConfig())
    >>> calls.berth_calls[["call_id", "berth_id", "waiting_h", "time_at_berth_h"]].to_dict("records")
    [{'call_id': 'B7-b', 'berth_id': 'B1', 'waiting_h': 6.0, 'time_at_berth_h': 11.0}]
    """
    schema.check_columns(stops.columns, "stops", _NEEDED)
    schema.check_frame(stops, "stops", ["stop_id", "mmsi", "start_time", "end_time"], key="stop_id")
    table = _in_order(schema.conform(stops, "stops"))
    fit = table["kind"].isin(config.kinds) & table["port_id"].notna() & ~(table["n_pings"] < config.min_pings)
    rows = table[fit].reset_index(drop=True)
    rows["out_m"] = _out_of_the_way(table, fit.to_numpy(), detours)
    rows["port_id"], visit = _visits(rows, config)
    rows["port_call_id"] = _name("P", rows, visit)
    port_calls = _port_calls(rows, config)
    if only:
        port_calls = port_calls[port_calls["port_id"].isin(list(only))].reset_index(drop=True)
    rows = rows[rows["port_call_id"].isin(port_calls["port_call_id"])]
    lying = rows[rows["kind"].isin(_ALONGSIDE) & rows["berth_id"].notna()]
    lying = lying.assign(call_id=_name("B", lying, _stays(lying, config)))
    metres = None
    if berths is not None and quays is not None and hulls is not None:
        metres = _quay_metres(lying, berths, quays, hulls)
    berth_calls = _berth_calls(lying, port_calls, metres, config)
    named = stops.assign(
        call_id=_look_up(stops["stop_id"], lying, "call_id"),
        port_call_id=_look_up(stops["stop_id"], rows, "port_call_id"),
    )
    return Calls(berth_calls, port_calls, named)


def measure_detours(pings: pd.DataFrame, stops: pd.DataFrame) -> pd.DataFrame:
    """How far out of the way each ship was seen between one stop and her next.

    Out of the way is half of what the path over a ping is longer than the straight line from stop to stop:
    0 on the line, the distance from a berth that she leaves and comes back to.

    Parameters
    ----------
    pings
        Clean pings with ``stop_id``; all those of a vessel in one call.
    stops
        The table ``stops``.

    Returns
    -------
    The table ``detours``, one row for each stop with pings between it and the next stop.
    """
    schema.check_columns(pings.columns, "pings", ["stop_id"])
    schema.check_frame(pings, "pings", ["mmsi", "time", "lat", "lon"])
    schema.check_frame(stops, "stops", ["stop_id", "lat", "lon"], key="stop_id")
    track, order = Tracks.of(pings.filter(["mmsi", "track", "time", "lat", "lon", "coarse"]))
    index = pd.Index(stops["stop_id"])
    named = pings["stop_id"].astype("category").cat
    stop = np.append(index.get_indexer(named.categories), -1)[named.codes.to_numpy()[order]]
    place = np.arange(len(track))
    before = np.maximum.accumulate(np.where(stop >= 0, place, -1))
    after = np.minimum.accumulate(np.where(stop >= 0, place, len(track))[::-1])[::-1]
    at = np.flatnonzero((stop < 0) & (before >= 0) & (after < len(track)))
    same = (track.vessel[before[at]] == track.vessel[at]) & (track.vessel[after[at]] == track.vessel[at])
    at = at[same]
    a, b = stop[before[at]], stop[after[at]]
    lat, lon = stops["lat"].to_numpy(dtype=np.float64), stops["lon"].to_numpy(dtype=np.float64)
    excess = _excess_m((track.lat[at], track.lon[at]), (lat[a], lon[a]), (lat[b], lon[b]))
    farthest = pd.Series(excess).groupby(a).max()
    detours = pd.DataFrame({"stop_id": index[farthest.index], "detour_m": farthest.to_numpy()})
    return schema.conform(detours.sort_values("stop_id", ignore_index=True), "detours")


def _in_order(stops: pd.DataFrame) -> pd.DataFrame:
    """Sort by ship and time; two ships that share an MMSI are told apart by the end of the stop id."""
    track = stops["stop_id"].str.extract(r"^[^-]*-[^-]*-(\d+)$", expand=False).fillna("0")
    table = stops.assign(
        ship=stops["mmsi"].astype(str) + "-" + track,
        dwell_h=_hours(stops["start_time"], stops["end_time"]),
        arrival_time=stops["arrival_time"].fillna(stops["start_time"]),
        departure_time=stops["departure_time"].fillna(stops["end_time"]),
    )
    return table.sort_values(["mmsi", "ship", "start_time", "end_time", "stop_id"], ignore_index=True)


def _out_of_the_way(
    table: pd.DataFrame, counted: NDArray[np.bool_], detours: pd.DataFrame | None
) -> NDArray[np.float64]:
    """How far out of the way a ship was seen since the counted stop before, for each counted stop."""
    out = np.zeros(len(table))
    if detours is not None:
        seen = detours.set_index("stop_id")["detour_m"].reindex(table["stop_id"])
        out = seen.fillna(0.0).to_numpy(dtype=np.float64, copy=True)
    number = np.cumsum(counted) - 1
    place = np.flatnonzero(counted)
    # A stop that does not count, such as one adrift, is a point of the way like any other.
    at = np.flatnonzero(~counted & (number >= 0) & (number + 1 < len(place)))
    ends = place[number[at]], place[np.minimum(number[at] + 1, len(place) - 1)]
    lat, lon = table["lat"].to_numpy(dtype=np.float64), table["lon"].to_numpy(dtype=np.float64)
    out[at] = np.fmax(out[at], _excess_m((lat[at], lon[at]), *((lat[end], lon[end]) for end in ends)))
    since = np.zeros(len(place) + 1)
    np.maximum.at(since, number[number >= 0] + 1, out[number >= 0])
    return since[:-1]


def _excess_m(point: _Points, a: _Points, b: _Points) -> NDArray[np.float64]:
    """Half of what the way from a to b over a point is longer than the straight one."""
    total = geo.haversine_m(*a, *point) + geo.haversine_m(*point, *b)
    excess: NDArray[np.float64] = np.maximum(total - geo.haversine_m(*a, *b), 0.0) / 2.0
    return excess


def _visits(rows: pd.DataFrame, config: CallsConfig) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Port that each stop is counted for, and the number of the port call."""
    _, gap = _since_last(rows)
    left = (gap > config.max_away_h * _HOUR_US) & ~_remained(rows, config)
    left |= rows["out_m"].to_numpy() > config.leave_m
    stretch = np.cumsum(left)
    own = rows["port_id"].to_numpy(dtype=object)
    lies = rows["kind"].isin(_ALONGSIDE).to_numpy()
    place = pd.Series(np.where(lies, np.arange(len(rows)), np.nan))
    following = place.groupby(stretch).bfill().to_numpy()
    waits = ~lies & np.isfinite(following)
    berth = np.where(waits, following, 0).astype(np.int64)
    port = own.copy()
    if waits.any():
        lat, lon = rows["lat"].to_numpy(dtype=np.float64), rows["lon"].to_numpy(dtype=np.float64)
        waits &= geo.haversine_m(lat, lon, lat[berth], lon[berth]) <= config.anchor_reach_m
        port[waits] = own[berth[waits]]
    return port, np.cumsum(left | ~_same(port))


def _stays(lying: pd.DataFrame, config: CallsConfig) -> NDArray[np.int64]:
    """Number the berth calls among the stops at berths; the index says which stops follow each other."""
    same_ship, gap = _since_last(lying)
    brief = gap <= config.max_absence_h * _HOUR_US
    follows = np.diff(lying.index.to_numpy(), prepend=-1) == 1
    joins = brief & (_same(lying["berth_id"]) | _close(lying, config))
    joins |= _remained(lying, config)
    return np.cumsum(~(joins & same_ship & follows & _same(lying["port_call_id"])))


def _remained(rows: pd.DataFrame, config: CallsConfig) -> NDArray[np.bool_]:
    """Whether a ship lies where she lay at the stop before, and nothing was heard of her meanwhile."""
    same_ship, gap = _since_last(rows)
    start, after = schema.to_micros(rows["start_time"]), schema.to_micros(rows["after_time"])
    silent = same_ship & (gap <= config.max_silence_h * _HOUR_US)
    silent[1:] &= after[:-1] >= start[1:]
    return silent & _close(rows, config)


def _close(rows: pd.DataFrame, config: CallsConfig) -> NDArray[np.bool_]:
    lat, lon = rows["lat"].to_numpy(dtype=np.float64), rows["lon"].to_numpy(dtype=np.float64)
    close = np.zeros(len(rows), dtype=bool)
    close[1:] = geo.haversine_m(lat[1:], lon[1:], lat[:-1], lon[:-1]) <= config.same_place_m
    return close


def _since_last(rows: pd.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether the stop before is of the same ship, and the time since its end (us), else no end of time."""
    same = _same(rows["ship"])
    gap = np.full(len(rows), np.iinfo(np.int64).max)
    start, end = schema.to_micros(rows["start_time"]), schema.to_micros(rows["end_time"])
    gap[1:][same[1:]] = (start[1:] - end[:-1])[same[1:]]
    return same, gap


def _same(values: pd.Series | NDArray[np.object_]) -> NDArray[np.bool_]:
    """Whether each value equals the one before; False for the first."""
    value = np.asarray(values, dtype=object)
    same = np.zeros(len(value), dtype=bool)
    same[1:] = value[1:] == value[:-1]
    return same


def _name(letter: str, rows: pd.DataFrame, number: NDArray[np.int64]) -> pd.Series:
    """Letter and id of the first stop of each group."""
    first: pd.Series = rows["stop_id"].groupby(number).transform("first")
    return letter + first.astype(str)


def _port_calls(rows: pd.DataFrame, config: CallsConfig) -> pd.DataFrame:
    lies = rows["kind"].isin(_ALONGSIDE)
    visit = rows["port_call_id"]
    waits = ~lies.groupby(visit).cummax() & (rows["kind"] == "anchored")
    calls = _summarise(rows, "port_call_id", config)
    key = calls["port_call_id"]
    berthed = lies.groupby(visit).any().reindex(key).to_numpy(dtype=bool)
    stay_h = pd.Series(_hours(rows["arrival_time"], rows["departure_time"]), index=rows.index)
    waiting = stay_h.where(waits, 0.0).groupby(visit).sum().reindex(key).to_numpy()
    hours = _hours(calls["arrival_time"], calls["departure_time"])
    calls = calls.assign(
        n_berths=rows.groupby(visit)["berth_id"].nunique().reindex(key).to_numpy(),
        waiting_h=np.where(berthed, waiting, np.nan),
        anchorage_only=~berthed,
        time_in_port_h=hours,
    )
    calls = schema.conform(calls[hours >= config.min_stay_h], "port_calls")
    return calls.sort_values(["port_id", "arrival_time", "port_call_id"], ignore_index=True)


def _berth_calls(
    lying: pd.DataFrame, port_calls: pd.DataFrame, metres: pd.DataFrame | None, config: CallsConfig
) -> pd.DataFrame:
    calls = _summarise(lying, "call_id", config)
    # What cannot be added up is that of the longest stop.
    longest = lying.assign(order=-lying["dwell_h"]).sort_values(["call_id", "order", "stop_id"])
    longest = longest.drop_duplicates("call_id").set_index("call_id").reindex(calls["call_id"])
    first = ~calls["port_call_id"].duplicated().to_numpy()
    waited = port_calls.set_index("port_call_id")["waiting_h"].reindex(calls["port_call_id"]).fillna(0.0)
    calls = calls.assign(
        berth_id=longest["berth_id"].to_numpy(dtype=object),
        time_at_berth_h=_hours(calls["arrival_time"], calls["departure_time"]),
        waiting_h=np.where(first, waited.to_numpy(), 0.0),
        rafted=lying["rafted"].eq(True).groupby(lying["call_id"]).any().reindex(calls["call_id"]).to_numpy(),
    )
    if metres is not None:
        along = metres.reindex(longest["stop_id"])
        calls = calls.assign(from_m=along["from_m"].to_numpy(), to_m=along["to_m"].to_numpy())
    calls = schema.conform(calls, "berth_calls")
    return calls.sort_values(["port_id", "berth_id", "arrival_time", "call_id"], ignore_index=True)


def _summarise(rows: pd.DataFrame, key: str, config: CallsConfig) -> pd.DataFrame:
    """One row a call, in the order of the stops: times with their bounds, counts and evidence."""
    first = rows.drop_duplicates(key)
    last = rows.drop_duplicates(key, keep="last").set_index(key).reindex(first[key])
    before, start = schema.to_micros(first["before_time"]), schema.to_micros(first["start_time"])
    end, after = schema.to_micros(last["end_time"]), schema.to_micros(last["after_time"])
    came = (before != _NEVER) & (start - np.maximum(before, 0) <= config.seen_h * _HOUR_US)
    went = (after != _NEVER) & (after - end <= config.seen_h * _HOUR_US)
    heard = rows["max_gap_h"].fillna(0.0) <= np.maximum(config.seen_h, rows["dwell_h"] / 2.0)
    stayed = heard.groupby(rows[key]).any().reindex(first[key]).to_numpy(dtype=bool)
    # The first and the last pings of a stay may be of a ship that still moves, or moves again.
    creep = np.minimum(int(config.creep_s * 1e6), (end - start) // 2)
    arrival = schema.to_micros(first["arrival_time"])
    departure = schema.to_micros(last["departure_time"])
    by = rows.groupby(key)
    return pd.DataFrame(
        {
            key: first[key].to_numpy(),
            "port_call_id": first["port_call_id"].to_numpy(),
            "mmsi": first["mmsi"].to_numpy(),
            "port_id": first["port_id"].to_numpy(dtype=object),
            "arrival_time": schema.from_micros(arrival),
            "arrival_earliest": schema.from_micros(before),
            "arrival_latest": schema.from_micros(start + creep),
            "departure_time": schema.from_micros(departure),
            "departure_earliest": schema.from_micros(end - creep),
            "departure_latest": schema.from_micros(after),
            "n_stops": by.size().reindex(first[key]).to_numpy(),
            "n_pings": by["n_pings"].sum().reindex(first[key]).to_numpy(),
            "evidence": 1 + came.astype(np.int8) + stayed.astype(np.int8) + went.astype(np.int8),
            "open_start": first["open_start"].eq(True).to_numpy(),
            "open_end": last["open_end"].eq(True).to_numpy(),
        }
    )


def _quay_metres(
    lying: pd.DataFrame, berths: pd.DataFrame, quays: pd.DataFrame, hulls: pd.DataFrame
) -> pd.DataFrame:
    """Where each ship at a continuous quay begins and ends along the quay line, by stop."""
    kind = berths.set_index("berth_id")["berth_kind"].reindex(lying["berth_id"])
    stop = lying.loc[kind.eq("continuous").to_numpy(), ["stop_id", "quay_id"]]
    table = stop.merge(hulls, on="stop_id").merge(quays[["quay_id", "line_wkt"]], on="quay_id")
    if table.empty:
        return pd.DataFrame({"from_m": [], "to_m": []}, dtype=np.float64)
    plane = geo.Plane.around(table["lon"])
    lines = plane.from_degrees(shapely.from_wkt(table["line_wkt"].to_numpy(dtype=object)))
    x, y = plane.forward(table["lon"], table["lat"])
    scale = geo.Plane.scale(table["lat"])
    ends = [
        np.stack([shapely.get_x(point), shapely.get_y(point)])
        for point in (shapely.get_point(lines, 0), shapely.get_point(lines, -1))
    ]
    ahead = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
    past = [((np.stack([x, y]) - end) * ahead).sum(axis=0) for end in ends]
    # The line ends at the quantiles of the hulls, and ships lie beyond.
    middle = shapely.line_locate_point(lines, shapely.points(x, y)) + np.minimum(past[0], 0.0)
    middle = (middle + np.maximum(past[1], 0.0)) / scale
    turn = np.radians(table["heading_deg"].to_numpy(dtype=np.float64)) - np.arctan2(*ahead)
    lean = np.where(np.isfinite(turn), turn, 0.0)
    half = (np.abs(table["length_m"] * np.cos(lean)) + np.abs(table["width_m"] * np.sin(lean))) / 2.0
    return pd.DataFrame({"from_m": middle - half, "to_m": middle + half}).set_axis(table["stop_id"])


def _hours(start: pd.Series, end: pd.Series) -> NDArray[np.float64]:
    hours: NDArray[np.float64] = (schema.to_micros(end) - schema.to_micros(start)) / _HOUR_US
    return hours


def _look_up(stop_id: pd.Series, rows: pd.DataFrame, name: str) -> NDArray[np.object_]:
    values: NDArray[np.object_] = rows.set_index("stop_id")[name].reindex(stop_id).to_numpy(dtype=object)
    return values
