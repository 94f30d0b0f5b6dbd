"""The port report: a page in the terminal, one HTML file that works offline, JSON or CSV.

``summary`` turns the tables of an output folder into one plain dictionary. Every form is made from that
dictionary, so that they all say the same.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

from ais_berths.atomic import atomic_path
from ais_berths.errors import ConfigError
from ais_berths.report.settings import ReportSettings
from ais_berths.report.summary import summarise
from ais_berths.report.tables import Tables, read_tables
from ais_berths.report.text import render_text
from ais_berths.report.tidy import render_csv
from ais_berths.report.visits import Period, parse_period, parse_uses

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "FORMATS",
    "Period",
    "ReportSettings",
    "Tables",
    "parse_period",
    "parse_uses",
    "read_tables",
    "report",
    "summarise",
    "write_report",
]

Format = Literal["text", "html", "json", "csv"]

FORMATS: tuple[str, ...] = get_args(Format)
"""Forms of a report."""


def report(
    out: str | Path,
    ports: Sequence[str] = (),
    form: Format = "text",
    *,
    uses: Sequence[str] = ("commercial",),
    compare: Sequence[Period] = (),
    public: bool = False,
    settings: ReportSettings | None = None,
) -> str:
    """Write the report of one or more ports.

    Parameters
    ----------
    out
        Folder that `ais-berths detect` wrote.
    ports
        Ports by number, UN/LOCODE or name; all ports of the folder when none is named.
    form
        ``text`` for a terminal, ``html`` for one page that needs no server and no network, ``json`` for the
        figures and shapes as they are, ``csv`` for the figures as a long table.
    uses
        Uses of the berths that count.
    compare
        Periods to set side by side.
    public
        Without ships' numbers and names, single visits, and figures that rest on too few ships.
    settings
        Limits.

    Returns
    -------
    The report.

    Raises
    ------
    InputError
        The folder lacks results.
    PortError
        A port is unknown or has no results.
    ConfigError
        There is only one period to compare.
    """
    if len(compare) == 1:
        raise ConfigError("one period was given to compare; give two or more, the earlier one first")
    summary = summarise(read_tables(out), ports, uses=uses, compare=compare, public=public, settings=settings)
    if form == "json":
        return json.dumps(summary, indent=1, ensure_ascii=False, allow_nan=False)
    if form == "csv":
        return render_csv(summary)
    if form == "html":
        # Bokeh takes half a second to import, and only this form needs it.
        from ais_berths.report.html import render_html  # noqa: PLC0415

        return render_html(summary)
    return render_text(summary)


def write_report(text: str, path: str | Path) -> Path:
    """Write a report in UTF-8, whole or not at all, and return the path.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    with atomic_path(path) as part:
        part.write_bytes(text.encode("utf-8"))
    return Path(path)
