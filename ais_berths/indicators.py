"""Port statistics as one tidy table: calls, ships, times, waiting, occupancy, by port, period and group.

Figures of one family rest on the same facts (a call, or the part of a stay that falls on a day), so they
are shown or suppressed together. `ais_berths.definitions` says what each figure means.
"""

from __future__ import annotations

from functools import lru_cache, partial
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import schema
from ais_berths.definitions import NAMES, describe
from ais_berths.evidence import in_portions
from ais_berths.figures import STATISTICS, Facts, Family, Pieces, cover_periods, make_figures
from ais_berths.grids import ALL, PROFILES, Grid
from ais_berths.groups import uncovered_from
from ais_berths.periods import Calendar, Heard, cut_spans, span_of_calls
from ais_berths.vessels import column_of, groups_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from numpy.typing import NDArray

    from ais_berths.config import IndicatorsConfig
    from ais_berths.periods import Span

_IN_ORDER = sorted(NAMES)
# A batch of ports takes at least a tenth of a second. But each figure takes a kilobyte while it is made, and
# the time to protect figures grows faster than the number of ports in a batch.
_CELLS_AT_ONCE, _CELLS_A_CALL = 100_000, 10


def make_indicators(
    berth_calls: pd.DataFrame,
    port_calls: pd.DataFrame,
    vessels: pd.DataFrame,
    berths: pd.DataFrame,
    config: IndicatorsConfig,
    *,
    hours: pd.DataFrame | None = None,
    ports: Collection[str] = (),
    span: Span | None = None,
) -> pd.DataFrame:
    """Count calls and measure times by port, period and vessel group, and suppress what is too small.

    Arrivals are counted in the period in which they fall; stays are cut at the ends of periods. A ship that
    lay in port when the data began has not arrived. Profiles by hour and weekday are given by month.

    Parameters
    ----------
    berth_calls, port_calls, vessels, berths
        The tables of these names.
    config
        The section ``indicators`` of the settings.
    hours
        The table ``hours``: says when each port was heard, and when the data begin and end. Without it
        the data last from the first arrival to the last departure.
    ports
        Ports to list even if nothing happened there.
    span
        When the data begin and end, where the tables are those of some ports only.

    Returns
    -------
    The table ``indicators``: counts of all ports, periods and groups (also where they are 0), statistics
    where there is anything.

    Raises
    ------
    ConfigError
        The time zone is unknown.
    """
    for given, origin in ((berth_calls, "berth_calls"), (port_calls, "port_calls")):
        schema.check_frame(given, origin, ["port_id", "mmsi", "arrival_time", "departure_time"])
    schema.check_columns(port_calls.columns, "port_calls", ["time_in_port_h", "anchorage_only"])
    schema.check_frame(vessels, "vessels", ["mmsi", "type_group"], key="mmsi")
    schema.check_frame(berths, "berths", ["berth_id", "use", "berth_kind"], key="berth_id")
    schema.check_columns(berths.columns, "berths", ["loa_p50_m"])
    if hours is not None:
        schema.check_frame(hours, "hours", ["port_id", "hour", "n_pings"])
    heard = None if hours is None else Heard.of(partial(iter, [hours]))
    span = span or (heard and heard.span()) or _span(port_calls, berth_calls)
    if span is None:
        return schema.empty("indicators")
    calendar = _calendar(span, config.timezone)
    grid_of = partial(_grid, span, config.timezone, config.groups, config.periods)
    every = grid_of(PROFILES)
    places = berths[berths["use"].isin(config.uses) | (len(config.uses) == 0)]
    names = sorted({*ports, *port_calls["port_id"], *berth_calls["port_id"]})
    found = [schema.empty("indicators")]
    for some, (came, lay, own_places) in _batches(names, [port_calls, berth_calls, places], len(every.cells)):
        ships = vessels[vessels["mmsi"].isin(pd.concat([came["mmsi"], lay["mmsi"]]))]
        counted = _counted(came, lay, places, ships, config)
        # Ports without calls of the chosen groups are not listed, unless they were asked for.
        listed = sorted({*counted[0]["port_id"], *counted[1]["port_id"], *(set(some) & set(ports))})
        if not listed:
            continue
        families = _families(listed, calendar, config, *counted, own_places)
        figures = make_figures(families, listed, calendar, grid_of, config.min_vessels)
        table = pd.concat([rows.assign(indicator=_IN_ORDER.index(name)) for name, rows in figures])
        covered = cover_periods(heard.table(listed), calendar, config.periods) if heard else None
        found.append(_in_words(table, listed, every, covered))
    return pd.concat(found[1:] or found, ignore_index=True)


def batch_ports(n_calls: pd.Series, span: Span, config: IndicatorsConfig) -> list[list[str]]:
    """Share out ports into batches that are worked on together: `make_indicators` may be given one at a time.

    Parameters
    ----------
    n_calls
        Port calls of each port, by port, in the order of these.
    span
        When the data begin and end.
    config
        The section ``indicators`` of the settings.
    """
    n_cells = len(_grid(span, config.timezone, config.groups, config.periods, PROFILES).cells)
    number = _number_batches(n_calls.to_numpy(), n_cells)
    return [n_calls.index[number == batch].tolist() for batch in np.unique(number)]


def _in_words(
    table: pd.DataFrame, names: list[str], grid: Grid, covered: pd.DataFrame | None
) -> pd.DataFrame:
    """The table ``indicators`` in its order, from numbers of ports, rows of the grid and indicators."""
    time = ["period", "period_start"]
    scope = grid.cells.groupby([*time, "type_group"]).ngroup().to_numpy()
    part, parts = pd.factorize(grid.cells["part"].str[1:], sort=True)
    times = pd.MultiIndex.from_frame(grid.cells[time].drop_duplicates())
    heard = np.full((len(names), len(times)), np.nan if covered is None else 0.0)
    if covered is not None:
        at = times.get_indexer(pd.MultiIndex.from_frame(covered[time]))
        heard[pd.Index(names).get_indexer(pd.Index(covered["port_id"])), at] = covered["coverage"]
    port, row, indicator = (table[name].to_numpy() for name in ("port", "row", "indicator"))
    key = (port * len(grid.cells) + scope[row]) * len(_IN_ORDER) + indicator
    table = table.iloc[np.argsort(key * len(parts) + part[row])]
    port, row, indicator = (table[name].to_numpy() for name in ("port", "row", "indicator"))
    units = [describe(name)[0] for name in _IN_ORDER]
    words = grid.cells.iloc[row].assign(part=parts.take(part[row]))
    words = words.assign(
        port_id=pd.Series(names).take(port).to_numpy(),
        indicator=pd.Series(_IN_ORDER).take(indicator).to_numpy(),
        unit=pd.Series(units).take(indicator).to_numpy(),
        value=table["value"].round(6).to_numpy(),
        n_vessels=table["n_vessels"].to_numpy(),
        coverage=heard[port, times.get_indexer(pd.MultiIndex.from_frame(grid.cells[time]))[row]],
        suppressed=table["suppressed"].to_numpy(),
    )
    return schema.conform(words, "indicators")


def _families(
    names: list[str],
    calendar: Calendar,
    config: IndicatorsConfig,
    port_calls: pd.DataFrame,
    berth_calls: pd.DataFrame,
    berths: pd.DataFrame,
) -> Iterator[Family]:
    edge = calendar.first + int(config.edge_h * schema.HOUR_US)
    came, lay = (
        calls[~(calls["open_start"].astype(bool) & (schema.to_micros(calls["arrival_time"]) < edge))]
        for calls in (port_calls, berth_calls)
    )
    whole_call, whole_stay = (
        calls[~calls["open_start"].astype(bool) & ~calls["open_end"].astype(bool)] for calls in (came, lay)
    )
    waited = came[(came["waiting_h"] > 0) & ~came["open_start"].astype(bool)]
    separate = berth_calls[berth_calls["berth_kind"] != "continuous"]
    beside = berth_calls[(berth_calls["berth_kind"] != "buoy") & ~berth_calls["rafted"].astype(bool)]
    length = berths[berths["berth_kind"] != "buoy"].groupby("port_id")["length_m"].sum()
    number = berths[berths["berth_kind"] != "continuous"].groupby("port_id").size()
    yield Family(_events(lay, None, calendar), {"berth_calls": "count", "berth_vessels": "vessels"})
    yield Family(_events(whole_stay, "time_at_berth_h", calendar), _statistics("time_at_berth_h"))
    profiles = {"arrivals_by_hour": "hour", "arrivals_by_weekday": "weekday"}
    yield Family(_events(came, None, calendar), {"port_calls": "count", "vessels": "vessels"} | profiles)
    yield Family(_events(whole_call, "time_in_port_h", calendar), _statistics("time_in_port_h"))
    statistics = {"waiting_calls": "count"} | _statistics("waiting_h")
    yield Family(_events(waited, "waiting_h", calendar), statistics)
    yield Family(_stays(berth_calls, calendar), {"berth_hours": "sum"})
    yield Family(_stays(_alone(separate), calendar), {"berth_occupancy": "rate"}, number)
    yield Family(
        _stays(beside, calendar, "ship_m"),
        {"metre_hours": "sum", "quay_occupancy": "rate"},
        length,
        unknown=beside.loc[beside["ship_m"].isna(), "port_id"].unique(),
    )
    yield Family(
        _stays(port_calls, calendar, by_hour=True),
        {"ships_present": "rate", "ships_present_by_hour": "hour"},
        pd.Series(1.0, index=pd.Index(names, dtype=object)),
    )


# facts -----------------------------------------------------------------------------------------------


def _counted(
    port_calls: pd.DataFrame,
    berth_calls: pd.DataFrame,
    places: pd.DataFrame,
    vessels: pd.DataFrame,
    config: IndicatorsConfig,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Port calls and calls at some berths that count, with the group and the length of the ship."""
    port_calls = _in_scope(schema.conform(port_calls, "port_calls"), vessels, config)
    longest = port_calls.groupby("port_id")["time_in_port_h"].quantile(config.max_stay_quantile)
    port_calls = port_calls[
        port_calls["time_in_port_h"] <= port_calls["port_id"].map(longest).astype(np.float64)
    ]
    if not config.anchorage_only:
        port_calls = port_calls[~port_calls["anchorage_only"].astype(bool)]
    berth_calls = _in_scope(schema.conform(berth_calls, "berth_calls"), vessels, config).merge(
        pd.DataFrame(places[["berth_id", "berth_kind", "loa_p50_m"]]), on="berth_id"
    )
    for usual in (berth_calls["loa_p50_m"], berth_calls.groupby("port_id")["ship_m"].transform("median")):
        berth_calls["ship_m"] = berth_calls["ship_m"].fillna(usual)
    return port_calls, berth_calls


def _in_scope(calls: pd.DataFrame, vessels: pd.DataFrame, config: IndicatorsConfig) -> pd.DataFrame:
    group = groups_of(vessels, calls["mmsi"])
    length = column_of(vessels, "loa_m", calls["mmsi"]).astype(np.float64)
    table = calls.assign(type_group=group, ship_m=length)
    return table[np.isin(group, list(config.groups))].reset_index(drop=True)


def _events(calls: pd.DataFrame, value: str | None, calendar: Calendar) -> Facts:
    """One fact a call, on the day of its arrival."""
    time = schema.to_micros(calls["arrival_time"])
    day, hour = calendar.day_of(time), calendar.hour_at(time)
    values = np.ones(len(calls)) if value is None else calls[value].to_numpy(dtype=np.float64)

    def of_days(first: int, last: int) -> Pieces:
        at = np.flatnonzero((day >= first) & (day < last))
        return Pieces(at, day[at], hour[at], values[at])

    return Facts(calls[["port_id", "type_group", "mmsi"]], of_days, len(calls))


def _stays(
    calls: pd.DataFrame, calendar: Calendar, weight: str | None = None, *, by_hour: bool = False
) -> Facts:
    """One fact for each day, or each hour of a day, of each stay: the hours, times a weight."""
    calls = calls if weight is None else calls.dropna(subset=[weight])
    start, end = (
        np.clip(schema.to_micros(calls[f"{name}_time"]), calendar.first, calendar.last)
        for name in ("arrival", "departure")
    )
    weights = None if weight is None else calls[weight].to_numpy(dtype=np.float64)
    edges = calendar.hour_edges if by_hour else calendar.edges
    day_of = calendar.hour_day if by_hour else np.arange(len(calendar.dates))
    hour_of = calendar.hour_of_day if by_hour else np.zeros_like(day_of)

    def of_days(first: int, last: int) -> Pieces:
        begin, stop = np.searchsorted(day_of, [first, last])
        row, slot, hours = cut_spans(start, end, edges[begin : stop + 1])
        values = hours if weights is None else hours * weights[row]
        return Pieces(row, day_of[begin + slot], hour_of[begin + slot], values)

    slots = np.maximum(end - start, 0) // np.diff(edges).max() + 2
    return Facts(calls[["port_id", "type_group", "mmsi"]], of_days, int(slots.sum()))


def _alone(calls: pd.DataFrame) -> pd.DataFrame:
    """Stays cut so that no two at one berth overlap: within each group, and within all together."""
    table = pd.concat([calls, calls.assign(type_group=ALL)], ignore_index=True)
    table = table.sort_values(["type_group", "berth_id", "arrival_time", "departure_time", "call_id"])
    berth = table.groupby(["type_group", "berth_id"], sort=False).ngroup().to_numpy()
    start, end = schema.to_micros(table["arrival_time"]), schema.to_micros(table["departure_time"])
    return table.assign(arrival_time=schema.from_micros(uncovered_from(berth, start, end)).to_numpy())


# helpers ------------------------------------------------------------------------------------------


@lru_cache(maxsize=2)
def _calendar(span: Span, timezone: str) -> Calendar:
    return Calendar.of(*span, timezone)


@lru_cache(maxsize=8)
def _grid(
    span: Span, timezone: str, groups: tuple[str, ...], periods: tuple[str, ...], profiles: tuple[str, ...]
) -> Grid:
    """The cells of each port: the same for all batches of a run."""
    return Grid.of(groups, _calendar(span, timezone), periods, profiles)


def _span(*calls: pd.DataFrame) -> Span | None:
    there = [table for table in calls if len(table)]
    if not there:
        return None
    first = min(table["arrival_time"].min() for table in there)
    return span_of_calls(first, max(table["departure_time"].max() for table in there))


def _batches(
    names: list[str], tables: list[pd.DataFrame], n_cells: int
) -> Iterator[tuple[list[str], list[pd.DataFrame]]]:
    """Yield some ports at a time with their rows of each table; the first table is that of port calls.

    No figure is a sum over ports, so ports can be worked on separately; each has `n_cells`.
    """
    of_ports = []
    for table in tables:
        code, found = pd.factorize(table["port_id"])
        number = pd.Index(names, dtype=object).get_indexer(pd.Index(found, dtype=object))
        port = np.append(number, -1)[code]
        order = np.argsort(port, kind="stable")
        bounds = np.searchsorted(port[order], np.arange(len(names) + 1))
        of_ports.append((table, order, bounds))
    number = _number_batches(np.diff(of_ports[0][2]), n_cells)
    for batch in np.unique(number):
        first, end = np.searchsorted(number, [batch, batch + 1])
        own = [table.iloc[order[bounds[first] : bounds[end]]] for table, order, bounds in of_ports]
        yield names[first:end], own


def _number_batches(n_calls: NDArray[np.int64], n_cells: int) -> NDArray[np.int64]:
    """Number of the batch of each port, which has so many port calls and `n_cells`."""
    return in_portions(n_cells + _CELLS_A_CALL * n_calls, _CELLS_AT_ONCE)


def _statistics(name: str) -> dict[str, str]:
    return {f"{name}_{statistic}": statistic for statistic in STATISTICS}
