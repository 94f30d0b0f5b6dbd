"""Monthly calls against an office's own counts.

What an office counts is seldom what is counted here: other ships (by tonnage or flag), other ports (areas,
not berths), other visits. A steady ratio and a high correlation say more than a small difference.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ais_berths.errors import Complaints, EmptyInputError, MissingColumnsError, PortError
from ais_berths.evaluate.card import OfficialRow, OfficialScores
from ais_berths.portfiles import match_columns, plain, raise_some, read_texts
from ais_berths.ports import find_port
from ais_berths.vessels import TYPE_GROUPS

if TYPE_CHECKING:
    from collections.abc import Collection, Hashable, Mapping
    from pathlib import Path

    from numpy.typing import NDArray

_SPELLINGS = {
    "port": "port portid portname locode unlocode portcode reportingport harbour harbor rep",
    "period": "period month time timeperiod date periodstart yearmonth",
    "type_group": "typegroup group vesselgroup shiptype vesseltype type",
    "calls": "calls portcalls vesselcalls visits portvisits arrivals count number n value obsvalue",
}
_UNKNOWN = {"", ":", "-", "..", "...", "c", "x", "na", "n/a", "nan", "null"}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_YEAR_FIRST = re.compile(r"(\d{4})\s*[-/.M ]?\s*(\d{1,2})(?:[-/.]0?1(?:[T ].*)?)?")
_MONTH_FIRST = re.compile(r"(\d{1,2})[-/. ](\d{4})")
_NAMED = re.compile(r"([a-z]{3})[a-z]*\.?[-/ ]+(\d{4})|(\d{4})[-/ ]+([a-z]{3})[a-z]*\.?")
_ALL = "all"
# Spaces and apostrophes between thousands.
_SPACES = " \u00a0\u202f'\u2019"


def read_official(path: str | Path, ports: pd.DataFrame, here: set[str]) -> tuple[pd.DataFrame, int]:
    """Read an office's monthly counts.

    Parameters
    ----------
    path
        CSV with columns for the port (UN/LOCODE, port number or name), the month (``2024-03``, ``03/2024``,
        ``2024M03``, ``March 2024`` or its first day) and the number of calls, and one for the vessel group
        where the counts are by group. The usual spellings of the columns are understood.
    ports
        The port list.
    here
        Ids of the ports that there are results of; a name that fits several ports is first looked for
        among these.

    Returns
    -------
    table
        ``port_id period_start type_group official``, one row a port, month and group.
    n_unknown
        Rows without a number (empty, ``:``, ``c``), which are left out.

    Raises
    ------
    MissingColumnsError
        A column is missing.
    InputError
        Values cannot be understood, or a count stands there twice; all of it is named by row (the header is
        row 1).
    EmptyInputError
        There is no count at all.
    """
    raw = read_texts(path, "file of official counts")
    spelled = match_columns(raw.columns, _SPELLINGS)
    missing = [name for name in ("port", "period", "calls") if name not in spelled]
    if missing:
        raise MissingColumnsError(
            f"the file of official counts {path} has no column for {', '.join(missing)}; it has "
            f"{', '.join(raw.columns)}. Name its columns port, period and calls (and type_group)"
        )
    texts = pd.DataFrame({name: raw[column].str.strip() for name, column in spelled.items()})
    texts = texts[(texts != "").any(axis=1)]
    unknown = texts["calls"].str.lower().isin(_UNKNOWN)
    texts = texts[~unknown]
    if texts.empty:
        raise EmptyInputError(f"the file of official counts {path} holds no counts")
    complaints = Complaints()
    groups = texts.get("type_group", pd.Series(_ALL, index=texts.index))
    finder = _PortFinder(ports, here)
    counts = _Counts(texts["calls"].tolist())
    rows = []
    for at, port, period, group, calls in zip(
        texts.index + 2, texts["port"], texts["period"], groups, texts["calls"], strict=True
    ):
        values = [finder.find(port), _month(period), _group(group), counts.read(calls)]
        for value in values:
            if isinstance(value, _Wrong):
                complaints.add(f"row {at}: {value.text}")
        rows.append((at, *values))
    raise_some(complaints, f"the file of official counts {path}")
    table = pd.DataFrame(rows, columns=["row", "port_id", "period_start", "type_group", "official"])
    twice = table.duplicated(["port_id", "period_start", "type_group"])
    for row in table[twice].itertuples():
        complaints.add(f"row {row.row}: port {row.port_id} has two counts of {row.period_start}")
    raise_some(complaints, f"the file of official counts {path}")
    return table.drop(columns="row"), int(unknown.sum())


def compare_official(
    official: pd.DataFrame,
    indicators: pd.DataFrame,
    names: pd.Series,
    *,
    indicator: str = "port_calls",
    n_unknown: int = 0,
    timezone: str = "UTC",
) -> OfficialScores:
    """Set monthly indicators beside official counts.

    Parameters
    ----------
    official
        Counts as `read_official` returns them.
    indicators
        The table ``indicators``.
    names
        Name of each port, by id.
    indicator
        What is compared: ``port_calls`` or ``berth_calls``.
    n_unknown
        Official rows without a number.
    timezone
        Time zone of the months of `indicators`.
    """
    own = indicators[
        (indicators["indicator"] == indicator)
        & (indicators["period"] == "month")
        & (indicators["part"].fillna("") == "")
    ]
    key = ["port_id", "period_start", "type_group"]
    both = official.merge(own[[*key, "value", "coverage", "suppressed"]], on=key, how="left")
    both = both.sort_values(key, ignore_index=True)
    months = set(zip(own["port_id"], own["period_start"], strict=True))
    rows = [_row(row, months, names, timezone) for row in both.to_dict("records")]
    compared = [row for row in rows if row.found is not None]
    there, here = _pairs(compared)
    # Where there is a count of all ships, those of the groups are parts of it.
    whole = {(row.port_id, row.period) for row in compared if row.type_group == _ALL}
    sums = _pairs(
        [row for row in compared if row.type_group == _ALL or (row.port_id, row.period) not in whole]
    ).sum(axis=1)
    errors = np.abs(here - there)[there > 0] / there[there > 0]
    varies = len(compared) >= 3 and np.ptp(there) > 0 and np.ptp(here) > 0
    return OfficialScores(
        indicator=indicator,
        n_rows=len(rows),
        n_compared=len(compared),
        n_unknown=n_unknown,
        official=int(sums[0]),
        found=int(sums[1]),
        ratio=_ratio(sums[1], sums[0]),
        correlation=round(float(np.corrcoef(there, here)[0, 1]), 6) if varies else None,
        median_error=round(float(np.median(errors)), 6) if len(errors) else None,
        rows=tuple(rows),
    )


# helpers ------------------------------------------------------------------------------------------


def _pairs(rows: list[OfficialRow]) -> NDArray[np.int64]:
    """Official and found calls of some rows, one below the other."""
    return np.array([(row.official, row.found) for row in rows], dtype=np.int64).reshape(-1, 2).T


class _Wrong:
    """A value that cannot be understood, and why."""

    def __init__(self, text: str) -> None:
        self.text = text


class _PortFinder:
    """Finds each port once: first among those with results, then in the whole list."""

    def __init__(self, ports: pd.DataFrame, here: set[str]) -> None:
        self.lists = (ports[ports["port_id"].isin(here)], ports)
        self.found: dict[str, str | _Wrong] = {name: name for name in here}

    def find(self, text: str) -> str | _Wrong:
        if text not in self.found:
            self.found[text] = self._look_up(text)
        return self.found[text]

    def _look_up(self, text: str) -> str | _Wrong:
        reason = ""
        for ports in self.lists:
            try:
                return find_port(ports, text)
            except PortError as error:
                reason = str(error)
        return _Wrong(reason)


def _month(text: str) -> str | _Wrong:
    """First day of a month, ISO 8601."""
    lower = text.lower()
    year, month = 0, 0
    if found := _YEAR_FIRST.fullmatch(text.upper()):
        year, month = int(found[1]), int(found[2])
    elif found := _MONTH_FIRST.fullmatch(text):
        year, month = int(found[2]), int(found[1])
    elif (found := _NAMED.fullmatch(lower)) and (found[1] or found[4]) in _MONTHS:
        year, month = int(found[2] or found[3]), _MONTHS.index(found[1] or found[4]) + 1
    if not 1 <= month <= 12:
        return _Wrong(f"the month is {text!r}, expected one such as 2024-03")
    return f"{year:04d}-{month:02d}-01"


def _group(text: str) -> str | _Wrong:
    group = plain(text).rstrip("s")
    if group in {"", _ALL, "total"}:
        return _ALL
    if group in TYPE_GROUPS:
        return group
    return _Wrong(f"the vessel group is {text!r}, expected all, {', '.join(TYPE_GROUPS)}")


class _Counts:
    """Reads whole numbers with or without separators of thousands, which all of a column are alike.

    ``149.000`` may be 149 or 149,000. Other counts of the file tell: beside ``12.0`` or ``1,204.0`` a point
    is a decimal mark, beside ``1.204`` a separator. Where none does, the number is refused.
    """

    def __init__(self, texts: Collection[str]) -> None:
        self.decimal = {mark for mark in ".," if any(_is_decimal(mark, text) for text in texts)}
        self.unclear = {
            mark
            for mark in {".", ","} - self.decimal
            if all(text.count(mark) == 1 and text.endswith(f"{mark}000") for text in texts if mark in text)
        }
        thousands = re.escape("".join({".", ","} - self.decimal) + _SPACES)
        fraction = f"(?:[{''.join(self.decimal)}]0*)?" if self.decimal else ""
        self.number = re.compile(rf"(\d+|\d{{1,3}}([{thousands}])\d{{3}}(?:\2\d{{3}})*){fraction}", re.ASCII)

    def read(self, text: str) -> int | _Wrong:
        found = self.number.fullmatch(text)
        if found is None:
            return _Wrong(f"the number of calls is {text!r}, expected a whole number such as 412")
        if found[2] in self.unclear:
            one, other = text.split(found[2], maxsplit=1)[0], re.sub(r"\D", "", text)
            return _Wrong(f"the number of calls is {text!r}, which may be {one} or {other}; write digits")
        return int(re.sub(r"\D", "", found[1]))


def _is_decimal(mark: str, text: str) -> bool:
    """Whether a mark separates no thousands here: once, after other marks or not before three digits."""
    before, found, after = text.rpartition(mark)
    if not found or mark in before:
        return False
    groups = re.fullmatch(r"\d{1,3}", before) and re.fullmatch(r"\d{3}", after)
    return not groups and not re.search(rf"[.,{_SPACES}]", after)


def _row(
    row: Mapping[Hashable, Any], months: set[tuple[str, str]], names: pd.Series, timezone: str
) -> OfficialRow:
    """One line of the comparison, with the reason where there is nothing to compare."""
    month = pd.Period(row["period_start"], "M")
    begin, end = (which.to_timestamp().tz_localize(timezone) for which in (month, month + 1))
    found = None if pd.isna(row["value"]) else int(row["value"])
    note = ""
    if found is None:
        note = "no results of this port and month"
        if (row["port_id"], row["period_start"]) in months:
            note = "suppressed" if row["suppressed"] is True else "this group is not counted"
    return OfficialRow(
        port_id=row["port_id"],
        port=str(names.get(row["port_id"], "")),
        period=str(month),
        type_group=row["type_group"],
        official=row["official"],
        found=found,
        difference=None if found is None else found - row["official"],
        ratio=None if found is None else _ratio(found, row["official"]),
        coverage_h=None if pd.isna(row["coverage"]) else int(row["coverage"]),
        period_h=round((end - begin) / pd.Timedelta(hours=1)),
        note=note,
    )


def _ratio(found: float, official: float) -> float | None:
    return round(float(found / official), 6) if official > 0 else None
