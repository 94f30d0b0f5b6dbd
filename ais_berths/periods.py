"""Days, weeks and months of a time zone, and the hours in which a port was heard.

All sums go by local days; weeks and months are made of days. A day of 23 or 25 hours is as long as it was.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from ais_berths import schema
from ais_berths.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from numpy.typing import NDArray

    Ints = NDArray[np.int64]
    # First and last moment of the data; the last one does not belong to it.
    Span = tuple[pd.Timestamp, pd.Timestamp]

LEVELS = ("day", "week", "month")
"""Lengths of periods; weeks begin on Monday."""


@dataclass(frozen=True)
class Calendar:
    """The local days of a span of time, and the hours, weeks and months that they make.

    Attributes
    ----------
    first, last
        The span in microseconds since 1970; `last` does not belong to it.
    edges
        Beginnings of the days and the end of the last one (us).
    dates
        The days, ISO 8601.
    starts
        For each of `LEVELS`, the date on which the period of each day begins; a ``stretch`` is the part of a
        week that lies in one month.
    hour_edges, hour_day, hour_of_day
        Beginnings of the hours and the end of the last one (us); the day (number) and the local hour of each.
    """

    first: int
    last: int
    edges: Ints
    dates: NDArray[np.object_]
    starts: dict[str, NDArray[np.object_]]
    hour_edges: Ints
    hour_day: Ints
    hour_of_day: Ints

    @classmethod
    def of(cls, first: pd.Timestamp, last: pd.Timestamp, timezone: str = "UTC") -> Calendar:
        """Cut the time from `first` to `last` at midnights of a time zone.

        Raises
        ------
        ConfigError
            There is no such time zone.

        Examples
        --------
        The night in which Copenhagen's clocks went forward:

        >>> utc = lambda text: pd.Timestamp(text, tz="UTC")
        >>> calendar = Calendar.of(utc("2024-03-30"), utc("2024-04-01"), "Europe/Copenhagen")
        >>> calendar.dates.tolist(), (np.diff(calendar.edges) // schema.HOUR_US).tolist()
        (['2024-03-30', '2024-03-31', '2024-04-01'], [24, 23, 24])
        >>> calendar.starts["month"].tolist()
        ['2024-03-01', '2024-03-01', '2024-04-01']
        """
        try:
            zone = ZoneInfo(timezone)
        except (KeyError, ValueError, OSError) as error:
            raise ConfigError(
                f"the time zone is {timezone!r}, expected a name such as UTC or Europe/Copenhagen"
            ) from error
        final = max(last - pd.Timedelta("1us"), first)
        ends = [when.tz_convert(zone).tz_localize(None).normalize() for when in (first, final)]
        days = pd.date_range(ends[0], ends[1] + pd.Timedelta("1D"), freq="D")
        # By its name: with the zone itself, pandas 2 errs on a day that a country leaves out.
        midnights = days.tz_localize(
            timezone, ambiguous=np.ones(len(days), dtype=bool), nonexistent="shift_forward"
        )
        # Such a day has no hours.
        edges = np.minimum.accumulate(schema.to_micros(pd.Series(midnights))[::-1])[::-1]
        days = days[:-1]
        mondays = days - pd.to_timedelta(days.day_of_week, unit="D")
        firsts = days - pd.to_timedelta(days.day - 1, unit="D")
        beginnings, hour_of_day = _hours(edges, zone)
        return cls(
            first=int(schema.to_micros(pd.Series([first]))[0]),
            last=int(schema.to_micros(pd.Series([last]))[0]),
            edges=edges,
            dates=_iso(days),
            starts={
                "day": _iso(days),
                "week": _iso(mondays),
                "month": _iso(firsts),
                "stretch": _iso(mondays.where(mondays > firsts, firsts)),
            },
            hour_edges=np.append(beginnings, edges[-1:]),
            hour_day=np.searchsorted(edges, beginnings, side="right") - 1,
            hour_of_day=hour_of_day,
        )

    @property
    def weekday(self) -> Ints:
        """Weekday of each day: 1 is Monday, 7 is Sunday."""
        return pd.DatetimeIndex(self.dates).day_of_week.to_numpy(np.int64) + 1

    def day_of(self, times: Ints) -> Ints:
        """Number of the day of each time (us); -1 outside the span."""
        day = np.searchsorted(self.edges, times, side="right") - 1
        return np.where((times >= self.first) & (times < self.last), day, -1)

    def hour_at(self, times: Ints) -> Ints:
        """Local hour of the day of each time (us) within the span."""
        at = np.searchsorted(self.hour_edges, times, side="right") - 1
        return self.hour_of_day[np.clip(at, 0, len(self.hour_of_day) - 1)]

    def observed_h(self, edges: Ints | None = None) -> NDArray[np.float64]:
        """Hours of each day, or between other edges, that lie within the span."""
        at = self.edges if edges is None else edges
        inside = np.clip(at, self.first, self.last)
        return (inside[1:] - inside[:-1]) / schema.HOUR_US


def cut_spans(start: Ints, end: Ints, edges: Ints) -> tuple[Ints, Ints, NDArray[np.float64]]:
    """Cut spans of time (us) at edges.

    Returns
    -------
    Row of the span, number of the slot between two edges, and hours, for each piece within the edges.

    Examples
    --------
    >>> hour = 3_600_000_000
    >>> row, slot, hours = cut_spans(np.array([hour]), np.array([5 * hour]), np.arange(4) * 2 * hour)
    >>> slot.tolist(), hours.tolist()
    ([0, 1, 2], [1.0, 2.0, 1.0])
    """
    begin = np.clip(np.searchsorted(edges, start, side="right") - 1, 0, None)
    stop = np.clip(np.searchsorted(edges, end, side="left"), None, len(edges) - 1)
    count = np.where(end > start, np.maximum(stop - begin, 0), 0)
    row = np.repeat(np.arange(len(start)), count)
    slot = np.arange(len(row)) - np.repeat(np.cumsum(count) - count, count) + begin[row]
    hours = (np.minimum(end[row], edges[slot + 1]) - np.maximum(start[row], edges[slot])) / schema.HOUR_US
    return row, slot, hours


def count_hours(pings: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Count the pings of each port and hour (UTC), so that a gap in reception is not taken for a quiet port.

    Parameters
    ----------
    pings
        Clean pings with ``time`` and ``cell``.
    cells
        The table ``cells`` that they were filtered with; its margin is left out.

    Returns
    -------
    The table ``hours``; those of several parts of the pings are added up by `Heard`.
    """
    core = cells.loc[~cells["in_margin"], ["cell", "port_id"]].sort_values("cell")
    names, port = np.unique(core["port_id"].to_numpy(dtype=object).astype(str), return_inverse=True)
    known = core["cell"].to_numpy()
    if not len(known) or pings.empty:
        return schema.empty("hours")
    cell, hour = pings["cell"].to_numpy(), schema.to_micros(pings["time"]) // schema.HOUR_US
    # The pings of a ship come one after the other, most of them in the cell and hour of the one before.
    heads = np.flatnonzero((np.diff(cell, prepend=cell[:1] - 1) != 0) | (np.diff(hour, prepend=hour[0]) != 0))
    sizes, cell, hour = np.diff(heads, append=len(pings)), cell[heads], hour[heads]
    at = np.minimum(np.searchsorted(known, cell), len(known) - 1)
    inside = known[at] == cell
    base, span = int(hour.min()), int(hour.max() - hour.min()) + 1
    key, group = np.unique((port[at] * span + hour - base)[inside], return_inverse=True)
    count = np.bincount(group, weights=sizes[inside], minlength=len(key)).astype(np.int64)
    table = {
        "port_id": names[key // span],
        "hour": schema.from_micros((key % span + base) * schema.HOUR_US),
        "n_pings": count,
    }
    return schema.conform(pd.DataFrame(table), "hours")


@dataclass(frozen=True)
class Heard:
    """Pings of each port and hour, as in the table ``hours`` but in a tenth of the memory.

    Attributes
    ----------
    ports
        Names of the ports, in their order.
    hours
        The hours in which any port was heard (us), ascending.
    counts
        Pings, a row for each port.
    """

    ports: NDArray[np.object_]
    hours: Ints
    counts: NDArray[np.int32]

    @classmethod
    def of(cls, tables: Callable[[], Iterable[pd.DataFrame]]) -> Heard:
        """Add up several tables ``hours``, which are read twice, one after the other."""
        ports: set[str] = set()
        hours = np.zeros(0, dtype=np.int64)
        for table in tables():
            ports.update(table["port_id"].unique())
            hours = np.union1d(hours, schema.to_micros(table["hour"]))
        names = pd.Index(sorted(ports), dtype=object)
        counts = np.zeros((len(names), len(hours)), dtype=np.int32)
        for table in tables():
            code, found = pd.factorize(table["port_id"])
            port = names.get_indexer(pd.Index(found, dtype=object))[code]
            at = np.searchsorted(hours, schema.to_micros(table["hour"]))
            np.add.at(counts, (port, at), table["n_pings"].to_numpy(dtype=np.int32))
        return cls(names.to_numpy(), hours, counts)

    def span(self) -> Span | None:
        """First and last moment of all hours, the last one not included; None if there are none."""
        if not len(self.hours):
            return None
        first, last = schema.from_micros(self.hours[[0, -1]])
        return first, last + pd.Timedelta("1h")

    def table(self, ports: Collection[str]) -> pd.DataFrame:
        """The table ``hours`` of some ports."""
        named = pd.Index(self.ports, dtype=object).get_indexer(pd.Index(list(ports), dtype=object))
        rows = np.unique(named[named >= 0])
        port, hour = np.nonzero(self.counts[rows])
        table = {
            "port_id": self.ports[rows][port],
            "hour": schema.from_micros(self.hours[hour]),
            "n_pings": self.counts[rows[port], hour],
        }
        return schema.conform(pd.DataFrame(table), "hours")


def span_of_calls(first_arrival: pd.Timestamp, last_departure: pd.Timestamp) -> Span:
    """Return the span of data of which only calls are known: the last departure belongs to it."""
    return first_arrival, last_departure + pd.Timedelta("1s")


def _hours(edges: Ints, zone: ZoneInfo) -> tuple[Ints, Ints]:
    """Beginnings (us) and local hours of the day of all hours between the first and the last edge.

    Clocks may go forward or back by half an hour; the hour in which they do is that much shorter or longer.
    """
    # Local times differ from UTC by whole quarters of an hour.
    quarters = np.union1d(np.arange(edges[0], edges[-1], schema.HOUR_US // 4), edges[:-1])
    quarters = quarters[quarters < edges[-1]]
    local = pd.DatetimeIndex(schema.from_micros(quarters)).tz_convert(zone)
    hour = local.hour.to_numpy(np.int64)
    begins = (local.minute == 0) | (np.diff(hour, prepend=-1) != 0) | np.isin(quarters, edges)
    return quarters[begins], hour[begins]


def _iso(days: pd.DatetimeIndex) -> NDArray[np.object_]:
    texts: NDArray[np.object_] = days.strftime("%Y-%m-%d").to_numpy(dtype=object)
    return texts
