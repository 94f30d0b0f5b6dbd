"""From stops to berth calls and port calls: what a statistical office counts.

A berth call is one visit of a ship to a berth; a port call is everything that a ship does in a port between
arrival and departure. The id of a call names its first stop, and every stop names its calls, so that each
count can be traced back to pings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import shapely

from ais_berths import geo, schema
from ais_berths.detours import excess_m

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from ais_berths.config import CallsConfig

_NEEDED = (
    *("stop_id", "mmsi", "port_id", "start_time", "end_time", "before_time", "after_time"),
    *("arrival_time", "departure_time", "lat", "lon", "kind", "berth_id", "open_start", "open_end"),
)
_USED = ("n_pings", "max_gap_h", "quay_id", "rafted")
_ALONGSIDE = ("moored", "buoy")
ORDER = {
    "berth_calls": ["port_id", "berth_id", "arrival_time", "call_id"],
    "port_calls": ["port_id", "arrival_time", "port_call_id"],
}
"""What the calls are sorted by."""


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

    Stops at one berth are one berth call if the ship was away for no longer than ``max_absence_h``, or if it
    was not heard in between. Stops in one port are one port call until the ship has no stop there for longer
    than ``max_away_h``, stops in another port, or is seen ``leave_m`` out of the way. A ship that never stops
    makes no call; a ship that only anchors makes a port call marked ``anchorage_only``. A stay at anchor
    belongs to the port of the next berth, so that one anchorage may serve several ports.

    Parameters
    ----------
    stops
        The table ``stops`` with its places; all stops of a vessel together, in any order.
    config
        The section ``calls`` of the settings.
    berths, quays, hulls
        The tables of these names; all three are needed for the metres along continuous quays.
    detours
        The table ``detours`` from `ais_berths.detours`; without it only time says that a ship has left.
    only
        Ids of the ports whose calls are wanted; empty for every port. Stops elsewhere still end a call.

    Raises
    ------
    MissingColumnsError
        `stops` lacks a column.

    Notes
    -----
    The rule of 24 hours is that of the World Bank and the Asian Development Bank. ``evidence`` follows the
    confidence of Global Fishing Watch's port visits (1 to 4), but a stop that consists mostly of a long gap
    counts less than one that was heard throughout.

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
    table = _in_order(stops)
    fit = table["kind"].isin(config.kinds) & table["port_id"].notna() & ~(table["n_pings"] < config.min_pings)
    rows = table[fit].reset_index(drop=True)
    rows["out_m"] = _out_of_the_way(table, fit.to_numpy(), detours)
    rows["port_id"], visit = _visits(rows, config)
    groups = _Groups.of(visit)
    rows["port_call_id"] = groups.name("P", rows)
    port_calls = _port_calls(rows, groups, config)
    rows["waited_h"] = port_calls["waiting_h"].fillna(0.0).to_numpy()[groups.number]
    wanted = (port_calls["time_in_port_h"] >= config.min_stay_h).to_numpy()
    if only:
        wanted = wanted & port_calls["port_id"].isin(list(only)).to_numpy()
    rows = rows[wanted[groups.number]]
    lying = rows[rows["kind"].isin(_ALONGSIDE) & rows["berth_id"].notna()]
    groups = _Groups.of(_stays(lying, config))
    lying = lying.assign(call_id=groups.name("B", lying))
    metres = None
    if berths is not None and quays is not None and hulls is not None:
        metres = _quay_metres(lying, berths, quays, hulls)
    berth_calls = _berth_calls(lying, groups, metres, config)
    # A stay is counted at one berth, even if its parts lay at several.
    n_berths = berth_calls.groupby("port_call_id")["berth_id"].nunique()
    port_calls = port_calls.assign(n_berths=port_calls["port_call_id"].map(n_berths).fillna(0))
    return Calls(
        sort_calls(berth_calls, "berth_calls"),
        sort_calls(port_calls[wanted], "port_calls"),
        stops.assign(
            call_id=_spread(lying, "call_id", len(stops)),
            port_call_id=_spread(rows, "port_call_id", len(stops)),
        ),
    )


def sort_calls(calls: pd.DataFrame, table: str) -> pd.DataFrame:
    """Bring calls into the columns and the order of the table ``berth_calls`` or ``port_calls``."""
    return schema.conform(calls, table).sort_values(ORDER[table], ignore_index=True)


class _Groups(NamedTuple):
    """Groups of consecutive rows: first and last row of each group, and the group of each row."""

    first: NDArray[np.intp]
    last: NDArray[np.intp]
    number: NDArray[np.intp]

    @classmethod
    def of(cls, values: NDArray[np.int64]) -> _Groups:
        """Group rows with equal values; values are ascending."""
        new = np.ones(len(values), dtype=bool)
        new[1:] = values[1:] != values[:-1]
        first = np.flatnonzero(new)
        return cls(first, np.append(first[1:], len(values))[: len(first)] - 1, np.cumsum(new) - 1)

    def name(self, letter: str, rows: pd.DataFrame) -> pd.Series:
        """Letter and id of the first stop of the group of each row."""
        first = letter + rows["stop_id"].iloc[self.first].astype(str)
        return first.iloc[self.number].set_axis(rows.index)

    def any(self, flags: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whether a flag is set in any row of each group."""
        return np.bincount(self.number, weights=flags, minlength=len(self.first)) > 0

    def longest(self, hours: NDArray[np.float64], ids: pd.Series) -> NDArray[np.intp]:
        """Row with the most hours of each group; between equals, the one whose id comes first."""
        most = np.full(len(self.first), -np.inf)
        np.maximum.at(most, self.number, hours)
        row = np.flatnonzero(hours == most[self.number])
        several = np.bincount(self.number[row], minlength=len(self.first)) > 1
        tied = row[several[self.number[row]]]
        best = np.empty(len(self.first), dtype=np.intp)
        best[self.number[row]] = row
        order = np.argsort(ids.iloc[tied].to_numpy(dtype=object), kind="stable")[::-1]
        best[self.number[tied[order]]] = tied[order]
        return best


def _in_order(stops: pd.DataFrame) -> pd.DataFrame:
    """Sort by ship and time; two ships that share an MMSI are told apart by the end of the stop id.

    The ``row`` is that of `stops`.
    """
    used = [*_NEEDED, *_USED]
    stops = schema.conform(stops.filter(used), "stops")[used].assign(row=np.arange(len(stops)))
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
    # A stop that does not count, such as one adrift, is a point on the way like any other.
    at = np.flatnonzero(~counted & (number >= 0) & (number + 1 < len(place)))
    ends = place[number[at]], place[np.minimum(number[at] + 1, len(place) - 1)]
    lat, lon = table["lat"].to_numpy(dtype=np.float64), table["lon"].to_numpy(dtype=np.float64)
    out[at] = np.fmax(out[at], excess_m((lat[at], lon[at]), *((lat[end], lon[end]) for end in ends)))
    since = np.zeros(len(place) + 1)
    np.maximum.at(since, number[number >= 0] + 1, out[number >= 0])
    return since[:-1]


def _visits(rows: pd.DataFrame, config: CallsConfig) -> tuple[NDArray[np.object_], NDArray[np.int64]]:
    """Port for which each stop counts, and the number of its port call."""
    _, gap = _since_last(rows)
    left = (gap > config.max_away_h * schema.HOUR_US) & ~_remained(rows, config)
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
    """Number the berth calls among the stops at berths; consecutive index values are consecutive stops."""
    same_ship, gap = _since_last(lying)
    brief = gap <= config.max_absence_h * schema.HOUR_US
    follows = np.diff(lying.index.to_numpy(), prepend=-1) == 1
    joins = brief & (_same(lying["berth_id"]) | _close(lying, config))
    joins |= _remained(lying, config)
    return np.cumsum(~(joins & same_ship & follows & _same(lying["port_call_id"])))


def _remained(rows: pd.DataFrame, config: CallsConfig) -> NDArray[np.bool_]:
    """Whether a ship lies where it lay at the stop before and was not heard in between."""
    same_ship, gap = _since_last(rows)
    start, after = schema.to_micros(rows["start_time"]), schema.to_micros(rows["after_time"])
    silent = same_ship & (gap <= config.max_silence_h * schema.HOUR_US)
    silent[1:] &= after[:-1] >= start[1:]
    return silent & _close(rows, config)


def _close(rows: pd.DataFrame, config: CallsConfig) -> NDArray[np.bool_]:
    lat, lon = rows["lat"].to_numpy(dtype=np.float64), rows["lon"].to_numpy(dtype=np.float64)
    close = np.zeros(len(rows), dtype=bool)
    close[1:] = geo.haversine_m(lat[1:], lon[1:], lat[:-1], lon[:-1]) <= config.same_place_m
    return close


def _since_last(rows: pd.DataFrame) -> tuple[NDArray[np.bool_], NDArray[np.int64]]:
    """Whether the stop before is of the same ship, and the time since its end (us; else the largest one)."""
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


def _port_calls(rows: pd.DataFrame, groups: _Groups, config: CallsConfig) -> pd.DataFrame:
    lies = rows["kind"].isin(_ALONGSIDE).to_numpy()
    lay = np.cumsum(lies)
    waits = (lay == (lay - lies)[groups.first][groups.number]) & (rows["kind"] == "anchored").to_numpy()
    stay_us = schema.to_micros(rows["departure_time"]) - schema.to_micros(rows["arrival_time"])
    waiting_us = np.zeros(len(groups.first), dtype=np.int64)
    np.add.at(waiting_us, groups.number, np.where(waits, stay_us, 0))
    berthed = groups.any(lies)
    calls = _summarise(rows, groups, config)
    return calls.assign(
        port_call_id=rows["port_call_id"].iloc[groups.first].to_numpy(),
        waiting_h=np.where(berthed, waiting_us / schema.HOUR_US, np.nan),
        anchorage_only=~berthed,
        time_in_port_h=_hours(calls["arrival_time"], calls["departure_time"]),
    )


def _berth_calls(
    lying: pd.DataFrame, groups: _Groups, metres: pd.DataFrame | None, config: CallsConfig
) -> pd.DataFrame:
    calls = _summarise(lying, groups, config)
    # What cannot be added up is taken from the longest stop.
    longest = lying.iloc[groups.longest(lying["dwell_h"].to_numpy(dtype=np.float64), lying["stop_id"])]
    first = lying.iloc[groups.first]
    port_call = first["port_call_id"]
    calls = calls.assign(
        call_id=first["call_id"].to_numpy(),
        port_call_id=port_call.to_numpy(),
        berth_id=longest["berth_id"].to_numpy(dtype=object),
        time_at_berth_h=_hours(calls["arrival_time"], calls["departure_time"]),
        waiting_h=np.where(port_call.duplicated(), 0.0, first["waited_h"]),
        rafted=groups.any(lying["rafted"].eq(True).to_numpy(dtype=bool)),
    )
    if metres is not None:
        along = metres.reindex(longest["stop_id"])
        calls = calls.assign(from_m=along["from_m"].to_numpy(), to_m=along["to_m"].to_numpy())
    return calls


def _summarise(rows: pd.DataFrame, groups: _Groups, config: CallsConfig) -> pd.DataFrame:
    """One row a call, in the order of the stops: times with their bounds, counts and evidence."""
    first, last = rows.iloc[groups.first], rows.iloc[groups.last]
    before, start = schema.to_micros(first["before_time"]), schema.to_micros(first["start_time"])
    end, after = schema.to_micros(last["end_time"]), schema.to_micros(last["after_time"])
    came = (before != schema.NO_TIME_US) & (start - np.maximum(before, 0) <= config.seen_h * schema.HOUR_US)
    went = (after != schema.NO_TIME_US) & (after - end <= config.seen_h * schema.HOUR_US)
    heard = rows["max_gap_h"].fillna(0.0) <= np.maximum(config.seen_h, rows["dwell_h"] / 2.0)
    stayed = groups.any(heard.to_numpy(dtype=bool))
    # At the first pings of a stay a ship may still be moving, and at the last ones it may move again.
    creep = np.minimum(int(config.creep_s * 1e6), (end - start) // 2)
    n_pings = rows["n_pings"].fillna(0).to_numpy(dtype=np.int64)
    return pd.DataFrame(
        {
            "mmsi": first["mmsi"].to_numpy(),
            "port_id": first["port_id"].to_numpy(dtype=object),
            "arrival_time": first["arrival_time"].array,
            "arrival_earliest": schema.from_micros(before),
            "arrival_latest": schema.from_micros(start + creep),
            "departure_time": last["departure_time"].array,
            "departure_earliest": schema.from_micros(end - creep),
            "departure_latest": schema.from_micros(after),
            "n_stops": groups.last - groups.first + 1,
            "n_pings": np.bincount(groups.number, weights=n_pings, minlength=len(first)).astype(np.int64),
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
    lines = shapely.from_wkt(table["line_wkt"].to_numpy(dtype=object))
    # Longitudes are counted from the begin of each line, so that other quays do not matter.
    begin = shapely.get_x(shapely.get_point(lines, 0))
    points, line = shapely.get_coordinates(lines, return_index=True)
    plane = geo.Plane()
    flat = plane.forward(geo.turn_deg(begin[line], points[:, 0]), points[:, 1])
    lines = shapely.set_coordinates(lines, np.column_stack(flat))
    x, y = plane.forward(geo.turn_deg(begin, table["lon"]), table["lat"])
    scale = geo.Plane.scale(table["lat"])
    ends = [
        np.stack([shapely.get_x(point), shapely.get_y(point)])
        for point in (shapely.get_point(lines, 0), shapely.get_point(lines, -1))
    ]
    ahead = (ends[1] - ends[0]) / np.hypot(*(ends[1] - ends[0]))
    past = [((np.stack([x, y]) - end) * ahead).sum(axis=0) for end in ends]
    # The line ends at quantiles of the hulls, so some ships lie beyond its ends.
    middle = shapely.line_locate_point(lines, shapely.points(x, y)) + np.minimum(past[0], 0.0)
    middle = (middle + np.maximum(past[1], 0.0)) / scale
    turn = np.radians(table["heading_deg"].to_numpy(dtype=np.float64)) - np.arctan2(*ahead)
    lean = np.where(np.isfinite(turn), turn, 0.0)
    half = (np.abs(table["length_m"] * np.cos(lean)) + np.abs(table["width_m"] * np.sin(lean))) / 2.0
    return pd.DataFrame({"from_m": middle - half, "to_m": middle + half}).set_axis(table["stop_id"])


def _hours(start: pd.Series, end: pd.Series) -> NDArray[np.float64]:
    hours: NDArray[np.float64] = (schema.to_micros(end) - schema.to_micros(start)) / schema.HOUR_US
    return hours


def _spread(rows: pd.DataFrame, name: str, n: int) -> NDArray[np.object_]:
    """Put the values of a column back into the rows of the stops that they came from."""
    values = np.full(n, None, dtype=object)
    values[rows["row"].to_numpy()] = rows[name].to_numpy(dtype=object)
    return values
