"""Visits of ships to the berths and anchorages of one port: from calls if there are any, else from stops."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths.errors import ConfigError
from ais_berths.report.words import USES

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ais_berths.report.tables import PortTables, Tables


@dataclass(frozen=True)
class Period:
    """A span of time; `end` does not belong to it."""

    start: pd.Timestamp
    end: pd.Timestamp

    @property
    def hours(self) -> float:
        """Length in hours."""
        return float((self.end - self.start) / pd.Timedelta(hours=1))

    def within(self, other: Period) -> Period:
        """The part that lies in another period; all of it if none does."""
        start, end = max(self.start, other.start), min(self.end, other.end)
        return Period(start, end) if start < end else self


@dataclass(frozen=True)
class PortVisits:
    """What happened in one port.

    Attributes
    ----------
    berth
        Visits to berths of the chosen uses: ``berth_id mmsi name type_group arrival departure hours
        open_start open_end rafted from_m to_m``. ``open_start``: the arrival was not seen; the hours are
        then a lower bound.
    anchor
        Stays at anchor with the same times: ``mmsi type_group arrival departure hours open_start open_end``.
    arrivals
        Arrivals that were seen: ``time mmsi type_group``.
    waiting
        Waits: ``mmsi type_group time hours``; those of arrivals that waited at anchor before the first berth
        where there are port calls, else each whole stay at anchor.
    port_calls
        Port calls with a call at such a berth, with the same times; None where the results hold none.
    basis
        ``calls`` or ``stops``.
    """

    berth: pd.DataFrame
    anchor: pd.DataFrame
    arrivals: pd.DataFrame
    waiting: pd.DataFrame
    port_calls: pd.DataFrame | None
    basis: str


def parse_period(text: str) -> Period:
    """Read a period written FROM..TO; dates or times in UTC, TO does not belong to it.

    Raises
    ------
    ConfigError
        The text is not a period.

    Examples
    --------
    >>> parse_period("2024-03-01..2024-03-08").hours
    168.0
    """
    parts = text.split("..")
    try:
        start, end = (pd.Timestamp(part.strip()) for part in parts)
        start, end = (_as_utc(time) for time in (start, end))
    except (ValueError, TypeError) as error:
        raise ConfigError(
            f"the period is {text!r}, expected FROM..TO, for example 2024-03-01..2024-03-08 "
            "(TO is not included)"
        ) from error
    if not start < end:
        raise ConfigError(f"the period {text!r} ends before it begins; give the earlier time first")
    return Period(start, end)


def parse_uses(words: Sequence[str]) -> tuple[str, ...]:
    """Read the uses of berths that count: commercial when none is named, ``all`` for every use.

    Raises
    ------
    ConfigError
        A use is unknown.

    Examples
    --------
    >>> parse_uses([]), parse_uses(["service", "commercial"])
    (('commercial',), ('commercial', 'service'))
    """
    wanted = {word.strip().lower() for word in words} or {"commercial"}
    unknown = sorted(wanted - {*USES, "all"})
    if unknown:
        raise ConfigError(f"the use {unknown[0]!r} is unknown; expected all, {', '.join(USES)}")
    return tuple(use for use in USES if use in wanted or "all" in wanted)


def whole_period(tables: Tables) -> Period:
    """Return the period of a run: as asked for, else from the first to the last stop, in whole minutes."""
    job = tables.run.get("job", {})
    seen = tables.span or (None, None)
    start, end = (
        pd.Timestamp(job[name]) if job.get(name) else moment
        for name, moment in zip(("start", "end"), seen, strict=True)
    )
    if start is None or end is None:
        start = end = pd.Timestamp(0, tz="UTC")
    return Period(start.floor("min"), end.ceil("min"))


def with_data(period: Period, tables: Tables) -> Period:
    """Return the part of a period from the first to the last hour for which a run has data, if it says so."""
    if tables.heard is None:
        return period
    first, last = tables.heard
    return period.within(Period(first, last + pd.Timedelta(hours=1)))


def counted_uses(tables: Tables, port_id: str, wanted: Sequence[str]) -> tuple[str, ...]:
    """Return the uses whose berths are counted: the wanted ones, or all where no berth has a wanted one."""
    there = set(tables.berths.loc[tables.berths["port_id"] == port_id, "use"])
    chosen = tuple(use for use in USES if use in wanted)
    return chosen if there & set(chosen) else tuple(USES)


def port_visits(tables: Tables, own: PortTables, uses: Sequence[str]) -> PortVisits:
    """Return the visits to one port, to its berths of the given uses.

    Parameters
    ----------
    tables
        Results of a run.
    own
        What happened in the port.
    uses
        Values of ``use`` that count.
    """
    berths = tables.berths
    chosen = berths.loc[(berths["port_id"] == own.port_id) & berths["use"].isin(uses), "berth_id"]
    stops = own.stops.assign(
        arrival_time=own.stops["arrival_time"].fillna(own.stops["start_time"]),
        departure_time=own.stops["departure_time"].fillna(own.stops["end_time"]),
    )
    anchor = _timed(stops[stops["kind"] == "anchored"], tables.vessels)
    lying = stops if own.berth_calls is None else own.berth_calls
    berth = _timed(lying[lying["berth_id"].isin(chosen)], tables.vessels)
    if own.port_calls is None or own.berth_calls is None:
        seen = berth[~berth["open_start"]]
        arrivals = seen[["arrival", "mmsi", "type_group"]].rename(columns={"arrival": "time"})
        waiting = anchor[~anchor["open_start"] & ~anchor["open_end"]]
        return PortVisits(berth, anchor, arrivals, _waits(waiting), None, "stops")
    calls = own.port_calls[own.port_calls["port_call_id"].isin(berth["port_call_id"])]
    port = _timed(calls, tables.vessels)
    seen = port[~port["open_start"]]
    arrivals = seen[["arrival", "mmsi", "type_group"]].rename(columns={"arrival": "time"})
    waiting = seen.assign(hours=seen["waiting_h"])[seen["waiting_h"] > 0]
    return PortVisits(berth, anchor, arrivals, _waits(waiting), port, "calls")


def within(visits: PortVisits, period: Period) -> PortVisits:
    """Return what falls into a period: stays that overlap it, arrivals and waits that begin in it.

    The times are not cut.
    """
    arrivals = visits.arrivals[_begins(visits.arrivals["time"], period)]
    calls = visits.port_calls
    return PortVisits(
        berth=visits.berth[_overlaps(visits.berth, period)],
        anchor=visits.anchor[_overlaps(visits.anchor, period)],
        arrivals=arrivals,
        waiting=visits.waiting[_begins(visits.waiting["time"], period)],
        port_calls=None if calls is None else calls[_overlaps(calls, period)],
        basis=visits.basis,
    )


def outside(visits: PortVisits, periods: Sequence[Period]) -> PortVisits:
    """Return what begins in none of the periods."""

    def begins_elsewhere(times: pd.Series) -> pd.Series[bool]:
        inside = np.logical_or.reduce([_begins(times, period) for period in periods])
        return pd.Series(~inside, index=times.index)

    calls = visits.port_calls
    return PortVisits(
        berth=visits.berth[begins_elsewhere(visits.berth["arrival"])],
        anchor=visits.anchor[begins_elsewhere(visits.anchor["arrival"])],
        arrivals=visits.arrivals[begins_elsewhere(visits.arrivals["time"])],
        waiting=visits.waiting[begins_elsewhere(visits.waiting["time"])],
        port_calls=None if calls is None else calls[begins_elsewhere(calls["arrival"])],
        basis=visits.basis,
    )


def beyond(visits: PortVisits, periods: Sequence[Period]) -> PortVisits:
    """Return `outside`, but of stays at berth and at anchor all that lasted beyond the periods."""

    def lasts_elsewhere(stays: pd.DataFrame) -> pd.Series[bool]:
        left = stays["departure"] - stays["arrival"]
        for period in periods:
            start, end = stays["arrival"], stays["departure"]
            start = start.where(start > period.start, period.start)
            end = end.where(end < period.end, period.end)
            left = left - (end - start).where(start < end, pd.Timedelta(0))
        return left > pd.Timedelta(0)

    stays = {name: getattr(visits, name) for name in ("berth", "anchor")}
    kept = {name: table[lasts_elsewhere(table)] for name, table in stays.items()}
    return replace(outside(visits, periods), **kept)


# helpers ------------------------------------------------------------------------------------------

_OPTIONAL = {
    "berth_id": None,
    "anchorage_id": None,
    "port_call_id": None,
    "rafted": False,
    "from_m": np.nan,
    "to_m": np.nan,
    "waiting_h": np.nan,
    "open_start": False,
    "open_end": False,
}


def _timed(rows: pd.DataFrame, vessels: pd.DataFrame) -> pd.DataFrame:
    """Give stops and calls the same columns, and the ship's name and group."""
    ships = vessels[["mmsi", "name", "type_group"]].drop_duplicates("mmsi")
    names = {"arrival_time": "arrival", "departure_time": "departure"}
    frame = rows[["mmsi", *names]].rename(columns=names)
    for name, value in _OPTIONAL.items():
        frame[name] = rows[name] if name in rows.columns else value
    frame = frame.merge(ships, on="mmsi", how="left")
    frame["name"] = frame["name"].fillna("")
    frame["type_group"] = frame["type_group"].fillna("unknown")
    for name in ("open_start", "open_end", "rafted"):
        frame[name] = frame[name].eq(True).astype(bool)
    frame["hours"] = (frame["departure"] - frame["arrival"]).dt.total_seconds() / 3600
    frame = frame.dropna(subset=["arrival", "departure"])
    return frame.sort_values(["arrival", "mmsi"], kind="stable", ignore_index=True)


def _as_utc(time: pd.Timestamp) -> pd.Timestamp:
    return time.tz_localize("UTC") if time.tzinfo is None else time.tz_convert("UTC")


def _waits(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[["mmsi", "type_group", "arrival", "hours"]].rename(columns={"arrival": "time"})


def _overlaps(visits: pd.DataFrame, period: Period) -> pd.Series[bool]:
    return (visits["arrival"] < period.end) & (visits["departure"] >= period.start)


def _begins(times: pd.Series, period: Period) -> pd.Series[bool]:
    return (times >= period.start) & (times < period.end)
