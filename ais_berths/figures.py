"""From facts to figures: counted for each port, vessel group and period, then protected.

A fact is a call, or the part of a stay that falls on one day, with its vessel. Every cell also counts its
different vessels.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ais_berths import schema
from ais_berths.disclosure import can_be_solved, hide_zeros, protect
from ais_berths.grids import PROFILES

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from numpy.typing import NDArray

    from ais_berths.grids import Grid
    from ais_berths.periods import Calendar, Ints

STATISTICS = ("mean", "p25", "p50", "p75")
"""Statistics of durations."""

# Facts and pairs in memory at once; the facts of a month are always counted together.
_FACTS_AT_ONCE = 250_000
_PAIRS_AT_ONCE = 250_000
_QUANTILES = {"p25": 0.25, "p50": 0.5, "p75": 0.75}


class Pieces(NamedTuple):
    """Facts: row of the call, day, local hour and value of each."""

    call: Ints
    day: Ints
    hour: Ints
    value: NDArray[np.float64]


@dataclass(frozen=True)
class Facts:
    """Calls, and a function that gives their facts for some days: years need not be in memory at once.

    Parameters
    ----------
    calls
        ``port_id type_group mmsi``. Unless some have the group `ALL`, each counts for its own group and for
        all together.
    of_days
        Gives the facts from one day (number) up to another, in the order of the calls.
    number
        About how many facts there are.
    """

    calls: pd.DataFrame
    of_days: Callable[[int, int], Pieces]
    number: int


@dataclass(frozen=True)
class Family:
    """Figures that rest on the same facts.

    `figures` says how each is made of them. `rate` is, for each port, what a sum is divided by besides the
    hours: berths, metres, or 1. Ports in `unknown` have none of these figures.
    """

    facts: Facts
    figures: dict[str, str]
    rate: pd.Series | None = None
    unknown: Collection[str] = ()


def make_figures(
    families: Iterable[Family],
    names: Collection[str],
    calendar: Calendar,
    grid_of: Callable[[tuple[str, ...]], Grid],
    min_vessels: int,
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Count and protect the figures of some ports.

    Families with the same cells are protected together, which is quicker, unless they have very many vessels.

    Parameters
    ----------
    names
        The ports.
    grid_of
        Gives the cells of each port, by the parts of months that a family is counted by.
    min_vessels
        The least number of different vessels of a figure that is shown.

    Returns
    -------
    Name and rows of each figure: ``port`` (number), ``row`` of the grid with all parts of months, ``value``,
    ``n_vessels`` and ``suppressed``.
    """
    waiting: dict[tuple[str, ...], list[_Counted]] = {}
    for family in families:
        profiles = tuple(kind for kind in PROFILES if kind in family.figures.values())
        together = waiting.setdefault(profiles, [])
        together.append(_Counted(family, *count_cells(family, names, grid_of(profiles), calendar)))
        if sum(len(counted.pairs) for counted in together) > _PAIRS_AT_ONCE:
            yield from _protected(waiting.pop(profiles), names, grid_of(profiles), min_vessels)
    for profiles, together in waiting.items():
        yield from _protected(together, names, grid_of(profiles), min_vessels)


class _Counted(NamedTuple):
    """A family with its cells and their vessels."""

    family: Family
    cells: pd.DataFrame
    pairs: pd.DataFrame


def _protected(
    together: list[_Counted], names: Collection[str], grid: Grid, min_vessels: int
) -> Iterator[tuple[str, pd.DataFrame]]:
    """Figures of families that share a grid: their cells stand one after the other, like those of ports."""
    cells = pd.concat([counted.cells[["n_vessels"]] for counted in together], ignore_index=True)
    first = np.arange(len(together)) * len(names) * len(grid.cells)
    pairs = [
        counted.pairs.assign(cell=counted.pairs["cell"] + begin)
        for counted, begin in zip(together, first, strict=True)
    ]
    hidden = suppress(cells, grid, pd.concat(pairs, ignore_index=True), min_vessels)
    for (family, own, _), secret in zip(together, hidden.reshape(len(together), -1), strict=True):
        scale = None
        if family.rate is not None:
            of_port = family.rate.reindex(list(names)).to_numpy(dtype=np.float64)
            scale = np.outer(of_port, grid.cells["observed_h"]).ravel()
        unknown = np.isin(np.array(names, dtype=object), list(family.unknown))
        for figure, kind in family.figures.items():
            table = make_figure(kind, own, grid, secret, scale)
            port, row = np.divmod(table.pop("cell").to_numpy(), len(grid.cells))
            yield figure, table.assign(port=port, row=grid.rows[row])[~unknown[port]]


def count_cells(
    family: Family, names: Collection[str], grid: Grid, calendar: Calendar
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Count and sum the facts by port, group and period; return these cells and the vessels of each.

    Parameters
    ----------
    names
        The ports; the cells of one stand after those of another.
    grid
        The cells of each port.

    Returns
    -------
    cells
        ``n_vessels count sum`` of every cell, with or without facts, and the statistics where the family has
        some.
    pairs
        ``cell`` (row number), in ascending order, and ``mmsi``.
    """
    calls = family.facts.calls
    port, group = (
        pd.Index(list(known), dtype=object).get_indexer(pd.Index(calls[name], dtype=object))
        for known, name in ((names, "port_id"), (grid.groups, "type_group"))
    )
    first_cells = [(port * len(grid.groups) + group) * grid.n_slots]
    if not (group == len(grid.groups) - 1).any():
        first_cells.append((port + 1) * len(grid.cells) - grid.n_slots)
    vessels, vessel = np.unique(calls["mmsi"].to_numpy(dtype=np.int64), return_inverse=True)
    statistics = "mean" in family.figures.values()
    least_days = _FACTS_AT_ONCE * len(calendar.dates) // max(1, family.facts.number)
    counted, pairs = [], []
    # Weeks go across the ends of months, everything else lies within them.
    for level, tables in (
        ("month", [table for name, table in grid.slots.items() if name != "week"]),
        ("week", [table for name, table in grid.slots.items() if name == "week"]),
    ):
        for first, last in _blocks(calendar.starts[level], least_days) if tables else ():
            call, day, hour, value = family.facts.of_days(first, last)
            for first_cell, table in product(first_cells, tables):
                cell = first_cell[call] + table[day, hour % table.shape[1]]
                counted.append(_count(cell, value, statistics=statistics))
                pairs.append(np.unique(cell * len(vessels) + vessel[call]))
    cells = pd.concat(counted).reindex(np.arange(len(names) * len(grid.cells)))
    at, seen = np.divmod(np.sort(np.concatenate(pairs)), max(1, len(vessels)))
    cells["n_vessels"] = np.bincount(at, minlength=len(cells)).astype(np.float64)
    cells[["count", "sum"]] = cells[["count", "sum"]].fillna(0)
    return cells, pd.DataFrame({"cell": at, "mmsi": vessels[seen]})


def _count(cell: Ints, value: NDArray[np.float64], *, statistics: bool) -> pd.DataFrame:
    by = pd.Series(value).groupby(cell)
    counted = pd.DataFrame({"count": by.size().astype(np.float64), "sum": by.sum()})
    if statistics:
        counted["mean"] = counted["sum"] / counted["count"]
        for name, share in _QUANTILES.items():
            counted[name] = by.quantile(share)
    return counted


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


def suppress(cells: pd.DataFrame, grid: Grid, pairs: pd.DataFrame, min_vessels: int) -> NDArray[np.bool_]:
    """Choose the cells to withhold: those of too few vessels, and those that protect them.

    See `ais_berths.disclosure`. Long periods come first: weeks and months, with the stretches into which they
    cut each other, as if these were published too; then the days of each stretch; then the hours of each
    month; in the end all sums together. If days are published, weekdays are only sums of days, and are shown
    where the other figures reveal them anyway.
    """
    ports = len(cells) // len(grid.cells)
    links, own = grid.links_of(ports), grid.cells
    published, weekday, stretch = (
        np.tile(flags, ports)
        for flags in (own["published"], own["part"].str[:1] == "w", own["period"] == "stretch")
    )
    by_day = bool((own["published"] & (own["period"] == "day")).any())
    number = cells["n_vessels"].to_numpy()

    def shown(flags: NDArray[np.bool_]) -> pd.DataFrame:
        return pd.DataFrame({"n_vessels": number, "published": flags})

    hidden = np.zeros(len(cells), dtype=bool)
    locked = hidden.copy()
    for stage in ("long", "day", "h"):
        some = links[(links["stage"] == stage).to_numpy()]
        if some.empty:
            continue
        some_shown = shown((published & ~weekday) | (stretch & by_day))
        hidden = protect(some_shown, some, pairs, min_vessels, hidden=hidden, locked=locked)
        locked[some["cell"]] = True
    extra = weekday & by_day
    hidden &= published
    hidden = protect(shown(published & ~extra), links, pairs, min_vessels, hidden=hidden)
    if extra.any():
        given = can_be_solved(cells, links, hidden | extra | ~published)
        hidden |= extra & (number > 0) & ~(given & (number >= min_vessels))
    return hide_zeros(shown(published), links, hidden)


def make_figure(
    kind: str, cells: pd.DataFrame, grid: Grid, hidden: NDArray[np.bool_], scale: NDArray[np.float64] | None
) -> pd.DataFrame:
    """Rows of one figure: ``cell value n_vessels suppressed``.

    Statistics of no facts are left out, unless they are suppressed. `scale` is the divisor of the rate of
    each cell.
    """
    profile = kind[0] if kind in PROFILES else ""
    own = grid.cells["published"] & (grid.cells["part"].str[:1] == profile)
    listed = np.tile(own.to_numpy(dtype=bool), len(cells) // len(grid.cells))
    if kind in STATISTICS:
        listed &= hidden | (cells["count"] > 0).to_numpy()
    column = {"vessels": "n_vessels", "hour": "count", "weekday": "count"}.get(kind, kind)
    if scale is not None and (kind == "rate" or profile != ""):
        listed &= scale > 0
        value = cells["sum"].to_numpy()[listed] / scale[listed]
    else:
        value = cells[column].to_numpy(dtype=np.float64)[listed]
    secret = hidden[listed]
    return pd.DataFrame(
        {
            "cell": np.flatnonzero(listed),
            "value": np.where(secret, np.nan, value),
            "n_vessels": np.where(secret, np.nan, cells["n_vessels"].to_numpy()[listed]),
            "suppressed": secret,
        }
    )


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
