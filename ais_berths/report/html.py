"""The report as one HTML file that works from disk: no server, no network, nothing loaded from outside.

All text goes through jinja2's escaping, all data into JSON blocks that are never run. A Content Security
Policy in the file allows exactly two scripts, by their hashes: the one that Bokeh ships in its Python
package, and ``static/report.js``. No event handler, no ``eval`` and no other script can run, and nothing can
be sent or fetched. Styles must be allowed inline (``'unsafe-inline'``, for styles only): Bokeh makes style
elements while it draws, whose text is not known before. Without any network a style can change looks only.
"""

from __future__ import annotations

import base64
import hashlib
import json
from importlib import resources
from typing import TYPE_CHECKING, Any

import jinja2
from bokeh.embed import json_item
from bokeh.resources import Resources
from markupsafe import Markup

from ais_berths.report import charts, gantt, style
from ais_berths.report.chartmap import map_chart
from ais_berths.report.words import (
    KINDS,
    STAGES,
    TYPE_GROUPS,
    USES,
    plain_change,
    plain_count,
    plain_number,
    plain_reason,
    plain_span,
    plain_time,
)

if TYPE_CHECKING:
    from bokeh.plotting import figure

_PACKAGE = "ais_berths.report"


def render_html(summary: dict[str, Any]) -> str:
    """Return the page.

    Parameters
    ----------
    summary
        From `summary.summarise`; every number on the page is in it.
    """
    figures = {
        f"port{at}-{name}": chart
        for at, port in enumerate(summary["ports"])
        for name, chart in _charts(port, summary["period"]).items()
    }
    bokeh = _bokeh_script()
    own = _static("report.js")
    return (
        _environment()
        .get_template("report.html.jinja")
        .render(
            summary=summary,
            policy=_policy(bokeh, own),
            css=Markup(_static("report.css")),  # noqa: S704 - files of this package and of Bokeh
            bokeh=Markup(bokeh),  # noqa: S704
            script=Markup(own),  # noqa: S704
            figures={name: json_item(chart, theme=style.THEME) for name, chart in figures.items()},
            indicators=[_indicator_table(port["indicators"]) for port in summary["ports"]],
            clicks={f"port{at}": _clicks(port) for at, port in enumerate(summary["ports"])},
            looks=style.TYPE_LOOKS,
            stop_looks=style.STOP_LOOKS,
            water=style.WATER,
        )
    )


# helpers ------------------------------------------------------------------------------------------


def _charts(port: dict[str, Any], period: dict[str, Any]) -> dict[str, figure]:
    waited = "arrivals" if port["basis"] == "calls" else "stays"
    drawn = {"map": map_chart(port)}
    for name, what in (("time_at_berth", "stays"), ("waiting", waited)):
        if port[name]["all"]["n"] != 0:
            drawn[name] = charts.durations_chart(port[name], what)
    if port["ships"] is not None:
        drawn["arrivals"] = charts.arrivals_chart(port["arrivals"], port["heard"])
        drawn["ships"] = charts.ships_chart(port["ships"], port["heard"])
    rows = port["berths"][: port["chart_rows"]]
    if rows:
        visits = port["visits"]
        if visits is None:
            drawn["occupancy"] = gantt.occupancy_chart(rows)
        else:
            cut = len(visits) < port["visits_total"]
            start = visits[0]["arrival"] if cut else period["start"]
            drawn["occupancy"] = gantt.gantt_chart(rows, visits, start, period["end"])
    return drawn


def _clicks(port: dict[str, Any]) -> dict[str, Any]:
    """What the page shows when a berth is clicked."""
    visits: dict[str, list[Any]] = {}
    for visit in port["visits"] or []:
        visits.setdefault(visit["berth_id"], []).append(
            [
                [
                    visit["name"] or str(visit["mmsi"]),
                    TYPE_GROUPS.get(visit["type_group"], visit["type_group"]),
                ],
                list(plain_span(visit)),
                [plain_number(visit["hours"], 1)],
            ]
        )
    return {
        row["berth_id"]: {
            "title": row["name"] or row["berth_id"],
            "facts": [
                ["Main type", TYPE_GROUPS.get(row["type_main"], row["type_main"])],
                ["Kind", row["berth_kind"]],
                ["Length", plain_number(row["length_m"], 0, "m")],
                ["Visits", plain_number(row["visits"])],
                ["Ships", plain_number(row["vessels"])],
                ["Occupied", f"{plain_number(row['occupancy'], 0, '%')} of the period"],
                ["Hours occupied", plain_number(row["occupied_h"], 0 if port["visits"] is None else 1)],
                ["Median stay", plain_number(row["time_p50_h"], 1, "h")],
                ["Confidence", plain_number(row["confidence"], 2)],
            ],
            "visits": visits.get(row["berth_id"]),
        }
        for row in port["berths"]
    }


def _indicator_table(indicators: dict[str, Any] | None) -> dict[str, Any] | None:
    """Indicators of all vessel groups together: a row a figure, a column a period."""
    if indicators is None or not indicators["rows"]:
        return None
    rows = [row for row in indicators["rows"] if row["type_group"] == "all"]
    starts = sorted({row["period_start"] for row in rows})
    table: dict[str, dict[str, Any]] = {}
    for row in rows:
        entry = table.setdefault(
            row["indicator"],
            {
                "name": row["indicator"],
                "meaning": indicators["meanings"][row["indicator"]],
                "unit": row["unit"],
                "cells": dict.fromkeys(starts),
            },
        )
        entry["cells"][row["period_start"]] = row
    coverage = {row["period_start"]: row["coverage"] for row in rows}
    return {
        "period": indicators["period"],
        "groups": indicators["groups"],
        "starts": starts,
        "coverage": [coverage[start] for start in starts],
        "rows": list(table.values()),
    }


def _bokeh_script() -> str:
    # The other scripts of the list only set the level of Bokeh's log.
    script: str = Resources(mode="inline", components=["bokeh"], minified=True).js_raw[0]
    return script


def _static(name: str) -> str:
    return resources.files(_PACKAGE).joinpath("static", name).read_text(encoding="utf-8")


def _policy(*scripts: str) -> str:
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    allowed = " ".join(f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests)
    return (
        f"default-src 'none'; script-src {allowed}; style-src 'unsafe-inline'; img-src data:; "
        "font-src data:; connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader(_PACKAGE, "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.policies["json.dumps_kwargs"] = {
        "ensure_ascii": False,
        "allow_nan": False,
        "separators": (",", ":"),
    }
    environment.policies["json.dumps_function"] = json.dumps
    environment.filters |= {
        "number": plain_number,
        "counted": plain_count,
        "change": plain_change,
        "time": plain_time,
        "reason": plain_reason,
    }
    environment.globals |= {"TYPES": TYPE_GROUPS, "USES": USES, "KINDS": KINDS, "STAGES": STAGES}
    return environment
