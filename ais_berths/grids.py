"""The cells of the table of figures: their groups and periods, and which of them add up to which.

All ports have the same cells. They are listed for one port; the numbers of the next port follow on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Collection

    from ais_berths.periods import Calendar, Ints

ALL = "all"
"""Name of the chosen vessel groups together."""

PROFILES = ("hour", "weekday")
"""Parts of a month that arrivals and presence are counted by."""

_KEY = ["type_group", "period", "period_start", "part"]


@dataclass(frozen=True)
class Grid:
    """Cells of one port, vessel group by vessel group; each group has the same ones.

    Attributes
    ----------
    cells
        ``type_group period period_start part``, the hours that the data cover (``observed_h``), and whether
        the cell is ``published`` or only takes part in sums. The part is empty for a whole period, ``h07``
        for an hour of the day, ``w1`` for a weekday.
    groups
        The vessel groups, all together last.
    slots
        Row of each day, or of each day and local hour, among the cells of a group, by kind of cell.
    links
        Which cell is in which sum: see `link_cells`.
    rows
        Row of each cell in the grid with all parts of months.
    """

    cells: pd.DataFrame
    groups: tuple[str, ...]
    slots: dict[str, Ints]
    links: pd.DataFrame
    rows: Ints

    @classmethod
    def of(
        cls,
        groups: Collection[str],
        calendar: Calendar,
        levels: Collection[str],
        profiles: Collection[str] = PROFILES,
    ) -> Grid:
        """List the cells of some vessel groups, with parts of months where months are published.

        Parameters
        ----------
        levels
            Lengths of the periods that are published; days are always counted.
        """
        slots = _list_slots(calendar, levels)
        kept = slots["part"].str[:1].isin({"", *(name[0] for name in profiles)}).to_numpy()
        every = (*groups, ALL)
        rows = np.flatnonzero(np.tile(kept, len(every)))
        slots = slots[kept].reset_index(drop=True)
        cells = pd.DataFrame({"type_group": every}).merge(slots, how="cross")
        cells["published"] = cells["period"].isin(list(levels))
        return cls(cells, every, _slots_of_days(slots, calendar), link_cells(cells, calendar), rows)

    @property
    def n_slots(self) -> int:
        """Cells of one group."""
        return len(self.cells) // len(self.groups)

    def links_of(self, ports: int) -> pd.DataFrame:
        """Links of so many ports."""
        port = np.repeat(np.arange(ports), len(self.links))
        n_relations = int(self.links["relation"].max()) + 1 if len(self.links) else 0
        return pd.DataFrame(
            {
                "relation": np.tile(self.links["relation"].to_numpy(), ports) + port * n_relations,
                "rule": np.tile(self.links["rule"].to_numpy(dtype=object), ports),
                "stage": np.tile(self.links["stage"].to_numpy(dtype=object), ports),
                "cell": np.tile(self.links["cell"].to_numpy(), ports) + port * len(self.cells),
                "total": np.tile(self.links["total"].to_numpy(dtype=bool), ports),
            }
        )


def link_cells(cells: pd.DataFrame, calendar: Calendar) -> pd.DataFrame:
    """Which cells of one port add up to which: groups to all, days to weeks and months, parts to their month.

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


def _list_slots(calendar: Calendar, levels: Collection[str]) -> pd.DataFrame:
    """Every period and part of a month that is published, with the hours that the data cover."""
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
    for name, table in (("hour", hours), ("weekday", days)):
        if "month" in levels:
            part = table.groupby(["month", name])["hours"].sum().reset_index()
            part = part.rename(columns={"month": "period_start"})
            names = name[0] + part.pop(name).astype(str)
            tables.append(part.assign(period="month", part=names))
    return pd.concat(tables, ignore_index=True).rename(columns={"hours": "observed_h"})


def _slots_of_days(slots: pd.DataFrame, calendar: Calendar) -> dict[str, Ints]:
    """Row of each day, or of each day and local hour, among the slots, by kind of cell."""
    tables = {}
    for (level, letter), own in slots.groupby(["period", slots["part"].str[:1]]):
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


def _levels(published: Collection[str]) -> list[str]:
    """Lengths of the periods that are counted: days always, and stretches where weeks cut months."""
    stretch = ["stretch"] if {"week", "month"} <= set(published) else []
    return ["day", *stretch, *(level for level in ("week", "month") if level in published)]
