"""The report as a page for a terminal: plain text, at most about 100 characters wide."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Any

from ais_berths.report.words import (
    STAGES,
    TYPE_GROUPS,
    plain_change,
    plain_count,
    plain_number,
    plain_reason,
    plain_time,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

WIDTH = 100
"""Characters of a line, roughly."""

# Berths and ports listed; bars of arrivals, and characters of the longest one.
_ROWS, _BARS, _BAR = 20, 62, 40


def render_text(summary: dict[str, Any]) -> str:
    """Return the page.

    Parameters
    ----------
    summary
        From `summary.summarise`, whose texts hold no control characters.
    """
    period = summary["period"]
    lines = []
    hours = plain_count(round(period["hours"]), "hour")
    span = f"{plain_time(period['start'])} to {plain_time(period['end'])} UTC, {hours}"
    for port in summary["ports"]:
        title = f"{port['name']} ({port['locode'] or port['port_id']})"
        lines += [
            f"PORT REPORT  {title}",
            span + _heard(port),
            "=" * WIDTH,
            "",
            *_figures(port),
            *_comparison(port, summary["compare"]),
            *_arrivals(port),
            *_durations("Time at berth, whole stays", port["time_at_berth"], "stays"),
            *(
                _durations("Waiting before the berth", port["waiting"], "arrivals")
                if port["basis"] == "calls"
                else _durations("Time at anchor, whole stays", port["waiting"], "stays")
            ),
            *_berths(port),
            *_uses(port),
            *_notes(port["notes"]),
            "",
        ]
    if summary["more_ports"]:
        more = summary["more_ports"]
        names = ", ".join(f"{port['name']} ({port['port_id']})" for port in more[:_ROWS])
        rest = f" and {len(more) - _ROWS:,} more" if len(more) > _ROWS else ""
        lines += [*textwrap.wrap(f"Not shown: {names}{rest}. Name them with --port.", WIDTH), ""]
    lines += [*_quality(summary["quality"]), *_run(summary["run"]), *_notes(list(summary["notes"].values()))]
    return "\n".join(line.rstrip() for line in lines) + "\n"


# helpers ------------------------------------------------------------------------------------------


def _heard(port: dict[str, Any]) -> str:
    if port["coverage_h"] is None:
        return ""
    return f"; ships were heard in {port['coverage_h']:,} of {plain_count(port['clock_h'], 'clock hour')}"


def _figures(port: dict[str, Any]) -> list[str]:
    return [
        f"{figure['label']:<32}{_value(figure):>12}  {figure['note']}".rstrip() for figure in port["figures"]
    ] + [""]


def _value(figure: dict[str, Any]) -> str:
    return (
        "suppressed"
        if figure["suppressed"]
        else plain_number(figure["value"], figure["digits"], figure["unit"])
    )


def _comparison(port: dict[str, Any], periods: list[dict[str, str]]) -> list[str]:
    if not port["comparison"]:
        return []
    head = ["", *(f"from {plain_time(span['start'])}" for span in periods), "change"]
    rows = [
        [
            row["label"],
            *(
                "suppressed" if row["suppressed"] else plain_number(value, row["digits"], row["unit"])
                for value in row["values"]
            ),
            "" if row["change"] is None else plain_change(row["change"]),
        ]
        for row in port["comparison"]
    ]
    spans = "; ".join(f"{plain_time(span['start'])} to {plain_time(span['end'])}" for span in periods)
    return [f"Comparison: {spans} (the end is not included)", *_table(head, rows), ""]


def _arrivals(port: dict[str, Any]) -> list[str]:
    arrivals = port["arrivals"]
    if not arrivals["start"]:
        return []
    counts = arrivals["total"]
    most = max((count for count in counts if count), default=1)
    lines = [f"Arrivals by {arrivals['step']} (UTC)"]
    gaps = _gaps(port["heard"], len(counts))
    for start, count, gap in list(zip(arrivals["start"], counts, gaps, strict=True))[-_BARS:]:
        shown = "\u2026" if count is None else f"{count:,}"
        label = plain_time(start) if arrivals["step"] == "hour" else plain_time(start)[:10]
        bar = "#" * round((count or 0) / most * _BAR)
        lines.append(f"  {label:<17}{shown:>6}  {bar}{'  ' if bar and gap else ''}{gap}")
    if len(counts) > _BARS:
        lines.insert(1, f"  the last {_BARS} of {len(counts)}")
    return [*lines, ""]


def _gaps(heard: dict[str, Any] | None, n: int) -> list[str]:
    """Say for each step whether there were hours in which no ship was heard."""
    if heard is None:
        return [""] * n
    return [
        "" if some == every else f"(ships heard in {some:,} of {every:,} h)"
        for some, every in zip(heard["heard_h"], heard["hours"], strict=True)
    ]


def _durations(title: str, times: dict[str, Any], what: str) -> list[str]:
    if not times["all"]["n"]:
        return []
    rows = [
        [
            "All" if group == "all" else TYPE_GROUPS[group],
            *(
                "\u2026" if row["suppressed"] else plain_number(row[name], digits)
                for name, digits in (("n", 0), ("mean_h", 1), ("p25_h", 1), ("p50_h", 1), ("p75_h", 1))
            ),
        ]
        for group, row in {**times["by_group"], "all": times["all"]}.items()
    ]
    return [
        f"{title} (hours)",
        *_table(["", what, "mean", "lower quartile", "median", "upper quartile"], rows),
        "",
    ]


def _berths(port: dict[str, Any]) -> list[str]:
    berths = port["berths"]
    rows = [
        [
            row["name"] or row["berth_id"],
            TYPE_GROUPS.get(row["type_main"], row["type_main"]),
            plain_number(row["length_m"]),
            plain_number(row["visits"]),
            plain_number(row["vessels"]),
            plain_number(row["occupancy"], 0, "%"),
            plain_number(row["time_p50_h"], 1),
            plain_number(row["confidence"], 2),
        ]
        for row in berths[:_ROWS]
    ]
    # Of the berths in use, some may not be shown to the public.
    title = f"Berths, the {len(rows)} busiest of {len(berths):,}" if len(berths) > 1 else "Berths"
    if not berths:
        title = "Berths: none to show" if port["berths_hidden"] else "Berths: none in use"
    head = ["berth", "main type", "length m", "visits", "ships", "occupied", "median h", "confidence"]
    return [title, *(_table(head, rows, n_left=2) if rows else []), ""]


def _uses(port: dict[str, Any]) -> list[str]:
    rows = [
        [
            row["use"],
            plain_number(row["berths"]),
            "\u2026" if row["suppressed"] else plain_number(row["visits"]),
            "counted" if row["counted"] else "not counted",
        ]
        for row in port["by_use"]
    ]
    return ["Berths by use", *_table(["use", "berths", "visits", ""], rows), ""] if rows else []


def _quality(rows: list[dict[str, Any]]) -> list[str]:
    if not rows:
        return []
    body = [
        [
            STAGES.get(row["stage"], row["stage"]),
            plain_reason(row["reason"]),
            row["action"],
            plain_number(row["rows"]),
        ]
        for row in rows
    ]
    return [
        "What was read, dropped and changed",
        *_table(["step", "what", "done", "rows"], body, n_left=3),
        "",
    ]


def _run(run: dict[str, Any]) -> list[str]:
    if not run["version"]:
        return []
    files = plain_count(run["n_inputs"], "input file")
    source = (
        f"Source: AIS position reports, feed {run['feed']}, {files}; ports: {run['port_list']}. "
        f"Made with ais-berths {run['version']}, {plain_time(run['finished'])} UTC."
    )
    if run["preset"]:
        source += f" Calls are counted by the definition of {run['preset']}."
    return [*textwrap.wrap(source, WIDTH), ""]


def _notes(notes: list[str]) -> list[str]:
    return [
        line
        for note in notes
        for line in textwrap.wrap(note, WIDTH, initial_indent="- ", subsequent_indent="  ")
    ]


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], n_left: int = 1) -> list[str]:
    """Aligned columns, the first `n_left` to the left and the others to the right."""
    every = [list(head), *map(list, rows)]
    widths = [max(len(row[at]) for row in every) for at in range(len(head))]
    return [
        "  "
        + "  ".join(
            cell.ljust(width) if at < n_left else cell.rjust(width)
            for at, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in every
    ]
