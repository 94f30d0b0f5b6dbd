"""The figures of a report as one long table: one figure a row."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ais_berths.export import write_csv

if TYPE_CHECKING:
    from collections.abc import Iterator

COLUMNS = (
    "port_id",
    "port",
    "period_start",
    "period_end",
    "table",
    "item",
    "figure",
    "value",
    "unit",
    "suppressed",
)
"""Columns of the table."""

_UNITS = {
    "_h": "h",
    "_m": "m",
    "_km2": "km2",
    "_deg": "deg",
    "occupancy": "share",
    "confidence": "share",
    "lat": "deg",
    "lon": "deg",
}

_Row = tuple[Any, ...]


def tidy_figures(summary: dict[str, Any]) -> pd.DataFrame:
    """Turn a summary into a table with one figure a row.

    Parameters
    ----------
    summary
        From `summary.summarise`.

    Returns
    -------
    Columns `COLUMNS`. ``table`` says which part of the report the figure is from, ``item`` the berth, time,
    class or vessel group it belongs to. Suppressed figures have no value and say so.
    """
    rows: list[_Row] = []
    whole = (summary["period"]["start"], summary["period"]["end"])
    for port in summary["ports"]:
        head = (port["port_id"], port["name"])
        rows += [(*head, *whole, *row) for row in _port(port)]
        for at, span in enumerate(summary["compare"]):
            rows += [
                (
                    *head,
                    span["start"],
                    span["end"],
                    "comparison",
                    "",
                    row["key"],
                    row["values"][at],
                    _share(row["unit"]),
                    row["suppressed"],
                )
                for row in port["comparison"]
            ]
    rows += [
        (
            "",
            "",
            *whole,
            "quality",
            f"{row['stage']}: {row['reason']}",
            row["action"],
            row["rows"],
            "rows",
            False,
        )
        for row in summary["quality"]
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def render_csv(summary: dict[str, Any]) -> str:
    """Return the figures as CSV; text that a spreadsheet would run as a formula is made harmless."""
    table = tidy_figures(summary)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figures.csv"
        write_csv(table, path)
        return path.read_bytes().decode("utf-8")


# helpers ------------------------------------------------------------------------------------------


def _port(port: dict[str, Any]) -> Iterator[_Row]:
    for figure in port["figures"]:
        yield "key figures", "", figure["key"], figure["value"], _share(figure["unit"]), figure["suppressed"]
    arrivals = port["arrivals"]
    for at, start in enumerate(arrivals["start"]):
        total = arrivals["total"][at]
        yield f"arrivals by {arrivals['step']}", start, "all", total, "arrivals", total is None
        for group, counts in (arrivals["cross"] or {}).items():
            yield f"arrivals by {arrivals['step']}", start, group, counts[at], "arrivals", False
    for group, total in arrivals["by_group"].items():
        yield "arrivals by group", group, "arrivals", total, "arrivals", total is None
    ships = port["ships"]
    for name in ("at_berth", "at_anchor") if ships else ():
        for start, value in zip(ships["start"], ships[name], strict=True):
            yield f"ships by {ships['step']}", start, f"ships_{name}_mean", value, "ships", value is None
    heard = port["heard"]
    for at, start in enumerate(heard["start"] if heard else ()):
        yield f"coverage by {heard['step']}", start, "hours_heard", heard["heard_h"][at], "h", False
        yield f"coverage by {heard['step']}", start, "hours", heard["hours"][at], "h", False
    waits = "arrivals" if port["basis"] == "calls" else "stays"
    for name, unit in (("time_at_berth", "stays"), ("waiting", waits)):
        yield from _durations(name, port[name], unit)
    yield from _things("berths", "berth_id", port["berths"])
    yield from _things("uses", "use", port["by_use"])
    yield from _things("anchorages", "anchorage_id", port["anchorages"])
    yield from _indicators(port["indicators"])
    if port["coverage_h"] is not None:
        yield "coverage", "", "hours_heard", port["coverage_h"], "h", False


def _indicators(indicators: dict[str, Any] | None) -> Iterator[_Row]:
    if indicators is None:
        return
    for row in indicators["rows"]:
        yield (
            f"indicators by {indicators['period']}",
            f"{row['period_start']} {row['type_group']}",
            row["indicator"],
            row["value"],
            row["unit"],
            bool(row["suppressed"]),
        )


def _durations(name: str, times: dict[str, Any], unit: str) -> Iterator[_Row]:
    for label, count in zip(times["classes"], times["counts"], strict=True):
        yield f"{name} by class", label, "count", count, unit, count is None
    for group, figures in {"all": times["all"], **times["by_group"]}.items():
        for figure, value in figures.items():
            if figure != "suppressed":
                yield f"{name} by group", group, figure, value, _unit(figure), figures["suppressed"]


def _things(table: str, key: str, rows: list[dict[str, Any]]) -> Iterator[_Row]:
    for row in rows:
        hidden = ("visits", "vessels") if row.get("suppressed") else ()
        for figure, value in row.items():
            if figure in hidden:
                yield table, row[key], figure, None, _unit(figure), True
            elif isinstance(value, (int, float)) and not isinstance(value, bool):
                yield table, row[key], figure, value, _unit(figure), False


def _unit(figure: str) -> str:
    return next((unit for end, unit in _UNITS.items() if figure.endswith(end)), "")


def _share(unit: str) -> str:
    return "share" if unit == "%" else unit
