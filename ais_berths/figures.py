"""From facts to figures: one cell for each port, vessel group and period, and how cells add up.

A fact is a call, or the part of a stay that falls on a day, with the vessel that it belongs to. Every cell
counts the vessels behind it and knows the sums that it takes part in, which disclosure control needs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ais_berths import schema
from ais_berths.disclosure import can_be_solved, hide_zeros, protect

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator

    from numpy.typing import NDArray

    from ais_berths.periods import Calendar, Ints

ALL = "all"
"""Name of the chosen vessel groups together."""

STATISTICS = ("mean", "p25", "p50", "p75")
"""What is said of a list of hours."""

PROFILES = ("hour", "weekday")
"""Parts of a month that arrivals and presence are counted by."""

_SCOPE = ["port_id", "type_group"]
_KEY = [*_SCOPE, "period", "period_start", "part"]
# Those of a month are counted together even where they are more.
_FACTS_AT_ONCE = 250_000
_QUANTILES = {"p25": 0.25, "p50": 0.5, "p75": 0.75}


class Pieces(NamedTuple):
    """Facts: the row of the call that each belongs to, its day, local hour, and value."""

    call: Ints
    day: Ints
    hour: Ints
    value: NDArray[np.float64]


@dataclass(frozen=True)
class Facts:
    """Calls, and what they count for on some days: those of years need not be in memory at once.

    Parameters
    ----------
    calls
        ``port_id type_group mmsi``.
    of_days
        Gives the facts from one day (number) up to another, in the order of the calls.
    number
        How many facts there are, about.
    """

    calls: pd.DataFrame
    of_days: Callable[[int, int], Pieces]
    number: int


@dataclass(frozen=True)
class Family:
    """Figures that rest on the same facts.

    `figures` says how each is made of them. `rate` is what a sum is divided by, beside the hours: berths,
    metres, or 1, for each port. Ports in `unknown` have none of these figures.
    """

    facts: Facts
    figures: dict[str, str]
    rate: pd.Series | None = None
    unknown: Collection[str] = ()


def count_cells(
    family: Family, grid: pd.DataFrame, calendar: Calendar, levels: Collection[str]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Count and sum the facts by port, group and period; return these cells and the vessels of each.

    Parameters
    ----------
    grid
        Rows of `list_cells`: every cell that there is, with or without facts.
    levels
        Lengths of the periods that are published; days are always counted.

    Returns
    -------
    cells
        The grid with ``n_vessels count sum published``, and the statistics where the family has some.
    pairs
        ``cell`` (row number) and ``mmsi``.
    """
    kinds = profiles_of(family) if "month" in levels else ()
    cells = grid[grid["part"].str[:1].isin({"", *(kind[0] for kind in kinds)})].reset_index(drop=True)
    scopes = pd.MultiIndex.from_frame(cells[_SCOPE].drop_duplicates())
    n_slots = len(cells) // len(scopes)
    slots = _slots(cells[:n_slots], calendar)
    calls = family.facts.calls
    first_cell = scopes.get_indexer(pd.MultiIndex.from_frame(calls[_SCOPE])) * n_slots
    vessels, vessel = np.unique(calls["mmsi"].to_numpy(dtype=np.int64), return_inverse=True)
    statistics = "mean" in family.figures.values()
    least_days = _FACTS_AT_ONCE * len(calendar.dates) // max(1, family.facts.number)
    counted, pairs = [], []
    # Weeks go across the ends of months, everything else lies within them.
    for level, tables in (
        ("month", [table for name, table in slots.items() if name != "week"]),
        ("week", [table for name, table in slots.items() if name == "week"]),
    ):
        for first, last in _blocks(calendar.starts[level], least_days) if tables else ():
            call, day, hour, value = family.facts.of_days(first, last)
            own = first_cell[call]
            cell = np.concatenate([own + table[day, hour % table.shape[1]] for table in tables])
            counted.append(_count(cell, np.tile(value, len(tables)), statistics=statistics))
            pairs.append(np.unique(cell * len(vessels) + np.tile(vessel[call], len(tables))))
    cells = cells.join(pd.concat(counted))
    at, seen = np.divmod(np.concatenate(pairs), max(1, len(vessels)))
    cells["n_vessels"] = np.bincount(at, minlength=len(cells)).astype(np.float64)
    cells[["count", "sum"]] = cells[["count", "sum"]].fillna(0)
    cells["published"] = cells["period"].isin(list(levels))
    return cells, pd.DataFrame({"cell": at, "mmsi": vessels[seen]})


def _count(cell: Ints, value: NDArray[np.float64], *, statistics: bool) -> pd.DataFrame:
    by = pd.DataFrame({"cell": cell, "value": value}).groupby("cell")["value"]
    counted = by.agg(["size", "sum"]).rename(columns={"size": "count"}).astype(np.float64)
    if statistics:
        counted["mean"] = counted["sum"] / counted["count"]
        for name, share in _QUANTILES.items():
            counted[name] = by.quantile(share)
    return counted


def _slots(cells: pd.DataFrame, calendar: Calendar) -> dict[str, Ints]:
    """Row of each day, or of each day and local hour, in the cells of one port and group, by kind of cell."""
    tables = {}
    for (level, letter), own in cells.groupby(["period", cells["part"].str[:1]]):
        start = pd.Series(calendar.starts[str(level)])
        keys = [start.to_frame("start").assign(part="")]
        if letter == "w":
            keys = [start.to_frame("start").assign(part="w" + pd.Series(calendar.weekday).astype(str))]
        if letter == "h":
            keys = [start.to_frame("start").assign(part=f"h{hour:02d}") for hour in range(24)]
        known = pd.MultiIndex.from_frame(own[["period_start", "part"]])
        rows = [own.index.to_numpy()[known.get_indexer(pd.MultiIndex.from_frame(key))] for key in keys]
        tables[f"{level}{letter}"] = np.stack(rows, axis=1)
    return tables


def _blocks(starts: NDArray[np.object_], least_days: int) -> Iterator[tuple[int, int]]:
    """Whole periods of as many days or more: the first day, and the day after the last.

    Examples
    --------
    >>> list(_blocks(np.array(["a", "a", "b", "c", "c", "c"], dtype=object), 3))
    [(0, 3), (3, 6)]
    """
    first = 0
    for end in [*np.flatnonzero(starts[1:] != starts[:-1]) + 1, len(starts)]:
        if end - first >= least_days or end == len(starts):
            yield first, int(end)
            first = int(end)


def suppress(
    cells: pd.DataFrame, links: pd.DataFrame, pairs: pd.DataFrame, min_vessels: int
) -> NDArray[np.bool_]:
    """Cells that are withheld: too few vessels, or needed to hide those; see `ais_berths.disclosure`.

    Judged from the long periods down: weeks and months with the stretches that they cut each other into,
    as if those were published too, then the days of each stretch, then the hours of each month. At the end
    all sums are looked at together. Where days are published, weekdays add nothing but sums of days: they
    are given as far as the other figures give them anyway.
    """
    published = cells["published"].to_numpy(dtype=bool)
    by_day = bool((published & (cells["period"] == "day")).any())
    weekday = (cells["part"].str[:1] == "w").to_numpy(dtype=bool)
    stretch = (cells["period"] == "stretch").to_numpy(dtype=bool)
    hidden = np.zeros(len(cells), dtype=bool)
    locked = hidden.copy()
    for stage in ("long", "day", "h"):
        shown = cells.assign(published=(published & ~weekday) | (stretch & by_day))
        some = links[links["stage"] == stage]
        hidden = protect(shown, some, pairs, min_vessels, hidden=hidden, locked=locked)
        locked[some["cell"]] = True
    extra = weekday & by_day
    hidden &= published
    hidden = protect(cells.assign(published=published & ~extra), links, pairs, min_vessels, hidden=hidden)
    given = can_be_solved(cells, links, hidden | extra | ~published)
    number = cells["n_vessels"].to_numpy()
    hidden |= extra & (number > 0) & ~(given & (number >= min_vessels))
    return hide_zeros(cells, links, hidden)


def link_cells(cells: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Which cells add up to which: groups to all, days to weeks and months, parts to their month.

    Returns
    -------
    One row a cell in a sum: ``relation`` (number of the sum), ``rule`` (its kind), ``stage`` (when it is
    judged), ``cell`` and ``total``.
    """
    table = cells[_KEY].assign(cell=cells.index)
    letter = table["part"].str[:1]
    table["stage"] = np.where(letter != "", letter, np.where(table["period"] == "day", "day", "long"))
    whole = {str(level): rows for level, rows in table[letter == ""].groupby("period")}
    sums = [("groups", table[table["type_group"] != ALL], table[table["type_group"] == ALL])]
    starts = pd.DataFrame(calendar.starts)
    chain = [("day", level) for level in ("stretch", "week", "month") if level in whole][:1]
    chain += [("stretch", level) for level in ("week", "month") if "stretch" in whole]
    for small, large in chain:
        begin = starts.drop_duplicates(small).set_index(small)[large].reindex(whole[small]["period_start"])
        parts = whole[small].assign(period=large, period_start=begin.to_numpy(dtype=object))
        sums.append((large, parts, whole[large].assign(stage="day" if small == "day" else "long")))
    if "month" in whole:
        days = whole["day"]
        at = pd.Series(np.arange(len(calendar.dates)), index=calendar.dates)[days["period_start"]].to_numpy()
        weekday = pd.Series(calendar.weekday[at], index=days.index).astype(str)
        days = days.assign(period="month", period_start=calendar.starts["month"][at], stage="w")
        sums.append(("weekday", days.assign(part="w" + weekday), table[letter == "w"]))
        for name in ("h", "w"):
            parts = table[letter == name].assign(part="")
            sums.append((f"{name} of month", parts, whole["month"].assign(stage=name)))
    links = pd.concat(
        [
            rows.assign(rule=rule, total=total, type_group="" if rule == "groups" else rows["type_group"])
            for rule, *sides in sums
            for rows, total in zip(sides, (False, True), strict=True)
        ],
        ignore_index=True,
    )
    links["relation"] = links.groupby(["rule", *_KEY]).ngroup()
    members = links.groupby("relation")["total"]
    complete = members.transform("any") & ~members.transform("all")
    return links.loc[complete, ["relation", "rule", "stage", "cell", "total"]].reset_index(drop=True)


def profiles_of(family: Family) -> tuple[str, ...]:
    """Parts of a month that a family is counted by."""
    return tuple(kind for kind in PROFILES if kind in family.figures.values())


def _levels(published: Collection[str]) -> list[str]:
    """Lengths of the periods that are counted: days always, and stretches where weeks cut months."""
    stretch = ["stretch"] if {"week", "month"} <= set(published) else []
    return ["day", *stretch, *(level for level in ("week", "month") if level in published)]


def make_figure(kind: str, cells: pd.DataFrame, rate: pd.Series | None) -> pd.DataFrame:
    """Rows of one figure; statistics of nothing are left out, unless that is suppressed."""
    profile = kind[0] if kind in PROFILES else ""
    rows = cells[cells["published"] & (cells["part"].str[:1] == profile)]
    if kind in STATISTICS:
        rows = rows[rows["suppressed"] | (rows["count"] > 0)]
    is_rate = kind == "rate" or (profile != "" and rate is not None)
    column = {"vessels": "n_vessels", "hour": "count", "weekday": "count"}.get(kind, kind)
    value = rows["sum" if is_rate else column].astype(np.float64)
    if is_rate:
        scale = rows["port_id"].map(rate if rate is not None else {}).astype(np.float64) * rows["observed_h"]
        rows, value = rows[scale > 0], (value / scale)[scale > 0]
    hidden = rows["suppressed"].to_numpy(dtype=bool)
    return rows[[*_KEY, "suppressed"]].assign(
        value=value.mask(hidden), n_vessels=rows["n_vessels"].mask(hidden), part=rows["part"].str[1:]
    )


def list_cells(
    names: Collection[str], groups: Collection[str], calendar: Calendar, levels: Collection[str]
) -> pd.DataFrame:
    """Every port, group, period and part of a month, with the hours that the data cover.

    The part is empty for the whole period, ``h07`` for an hour of the day, ``w1`` for a weekday.
    """
    days = pd.DataFrame({"hours": calendar.observed_h(), "weekday": calendar.weekday} | calendar.starts)
    hours = pd.DataFrame(
        {
            "hours": calendar.observed_h(calendar.hour_edges),
            "month": calendar.starts["month"][calendar.hour_day],
            "hour": pd.Series(calendar.hour_of_day).astype(str).str.zfill(2),
        }
    )
    used = _levels(levels)
    tables = [days.groupby(level)["hours"].sum().rename_axis("period_start").reset_index() for level in used]
    tables = [table.assign(period=level, part="") for level, table in zip(used, tables, strict=True)]
    for letter, table, name in (("h", hours, "hour"), ("w", days, "weekday")):
        if "month" in levels:
            part = table.groupby(["month", name])["hours"].sum().reset_index()
            part = part.rename(columns={"month": "period_start"})
            tables.append(
                part.assign(period="month", part=letter + part[name].astype(str)).drop(columns=name)
            )
    periods = pd.concat(tables, ignore_index=True).rename(columns={"hours": "observed_h"})
    scope = pd.DataFrame({"port_id": list(names)}).merge(
        pd.DataFrame({"type_group": [*groups, ALL]}), how="cross"
    )
    return scope.merge(periods, how="cross")


def cover_periods(hours: pd.DataFrame | None, calendar: Calendar, levels: Collection[str]) -> pd.DataFrame:
    """Hours in which each port was heard, by period; no rows where that is not known."""
    if hours is None or hours.empty:
        return pd.DataFrame({"port_id": [], "period": [], "period_start": [], "coverage": []}).astype(
            {"port_id": object, "period": object, "period_start": object, "coverage": np.int64}
        )
    day = calendar.day_of(schema.to_micros(hours["hour"]))
    heard = hours[day >= 0]
    tables = [
        heard.assign(period=level, period_start=calendar.starts[level][day[day >= 0]])
        .groupby(["port_id", "period", "period_start"])["hour"]
        .nunique()
        .rename("coverage")
        .reset_index()
        for level in levels
    ]
    return pd.concat(tables, ignore_index=True)
