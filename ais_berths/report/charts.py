"""Charts of arrivals, ships present and times as Bokeh figures; nothing is counted here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
from bokeh.core.properties import value
from bokeh.models import (
    BasicTicker,
    ColumnDataSource,
    DatetimeTickFormatter,
    HoverTool,
    LabelSet,
    NoOverlap,
    NumeralTickFormatter,
    Range1d,
)
from bokeh.plotting import figure

from ais_berths.report.style import AT_ANCHOR, AT_BERTH, FAINT, FONT, INK, TYPE_LOOKS
from ais_berths.report.words import TYPE_GROUPS, plain_number, plain_time

if TYPE_CHECKING:
    from collections.abc import Sequence

HEIGHT_PX = 280

HATCH: dict[str, Any] = {
    "hatch_color": "#ffffff",
    "hatch_alpha": 0.85,
    "hatch_scale": 7,
    "hatch_weight": 1.3,
}
BARE: dict[str, Any] = {
    "tools": "",
    "toolbar_location": None,
    "sizing_mode": "stretch_width",
    "output_backend": "svg",
}
# Shade of a step of which nearly all hours were heard, and what is added if none was.
_UNHEARD_ALPHA = (0.1, 0.3)
_STEPS_MS = {"hour": 3_600_000, "day": 86_400_000, "week": 7 * 86_400_000, "month": 30.4 * 86_400_000}


def arrivals_chart(arrivals: dict[str, Any], heard: dict[str, Any] | None) -> figure:
    """Bars of arrivals over time, stacked by vessel group; for the public, totals only.

    Grey behind them where no ship was heard for part of the time, see `series.hours_heard`.
    """
    starts = millis(arrivals["start"])
    width = _STEPS_MS[arrivals["step"]]
    chart = _time_figure("arrivals", starts, width)
    _mark_unheard(chart, starts, width, heard)
    below = [0] * len(starts)
    stacks = arrivals["cross"] or {"all": [count or 0 for count in arrivals["total"]]}
    for group, counts in stacks.items():
        look = TYPE_LOOKS["cargo" if group == "all" else group]
        above = [low + count for low, count in zip(below, counts, strict=True)]
        source = ColumnDataSource(
            {
                "left": [start + 0.04 * width for start in starts],
                "right": [start + 0.96 * width for start in starts],
                "bottom": below,
                "top": above,
                "count": counts,
                "start": [plain_time(start) for start in arrivals["start"]],
                "group": ["All" if group == "all" else TYPE_GROUPS[group]] * len(starts),
            }
        )
        bars = chart.quad(
            "left",
            "right",
            "top",
            "bottom",
            source=source,
            fill_color=look.colour,
            line_color="#ffffff",
            line_width=0.6,
            hatch_pattern=look.pattern,
            **HATCH,
        )
        tips = [("from (UTC)", "@start"), ("ships", "@group"), ("arrivals", "@count")]
        chart.add_tools(HoverTool(renderers=[bars], tooltips=tips))
        below = above
    chart.yaxis.ticker = BasicTicker(min_interval=1)
    _mark_suppressed(chart, starts, width, arrivals["total"])
    chart.y_range.start = 0
    return chart


def ships_chart(ships: dict[str, Any], heard: dict[str, Any] | None) -> figure:
    """Lines of the mean number of ships at berth (solid) and at anchor (dashed); grey as for arrivals."""
    starts = millis(ships["start"])
    width = _STEPS_MS[ships["step"]]
    chart = _time_figure("ships, mean", starts, width)
    _mark_unheard(chart, starts, width, heard)
    middle = [start + width / 2 for start in starts]
    for name, label, colour, dash, marker in (
        ("at_berth", "At berth", AT_BERTH, "solid", "circle"),
        ("at_anchor", "At anchor", AT_ANCHOR, "dashed", "triangle"),
    ):
        values = [float("nan") if value is None else value for value in ships[name]]
        source = ColumnDataSource(
            {
                "time": middle,
                "value": values,
                "start": [plain_time(start) for start in ships["start"]],
                "label": [label] * len(starts),
            }
        )
        chart.line("time", "value", source=source, line_color=colour, line_width=2, line_dash=dash)
        if len(starts) <= 100:
            points = chart.scatter(
                "time", "value", source=source, marker=marker, size=6, fill_color="#ffffff", line_color=colour
            )
            tips = [("from (UTC)", "@start"), ("where", "@label"), ("ships, mean", "@value{0.0}")]
            chart.add_tools(HoverTool(renderers=[points], tooltips=tips))
    chart.y_range.start = 0
    return chart


def durations_chart(times: dict[str, Any], what: str) -> figure:
    """Bars of the number of stays in each class of time, with the numbers written on top."""
    classes = times["classes"]
    counts = [count or 0 for count in times["counts"]]
    texts = ["\u2026" if count is None else plain_number(count) for count in times["counts"]]
    chart = figure(x_range=classes, height=HEIGHT_PX, y_axis_label=what, **BARE)
    source = ColumnDataSource({"name": classes, "count": counts, "text": texts})
    chart.vbar("name", top="count", width=0.86, source=source, fill_color=AT_BERTH, line_color="#ffffff")
    chart.add_layout(
        LabelSet(
            x="name",
            y="count",
            text="text",
            source=source,
            text_align="center",
            text_baseline="bottom",
            text_font=value(FONT),
            text_font_size="12px",
            text_color=INK,
            y_offset=2,
        )
    )
    chart.xgrid.visible = False
    chart.xaxis.major_label_orientation = 0.7
    chart.yaxis.ticker = BasicTicker(min_interval=1)
    chart.y_range = Range1d(start=0, end=max(1, max(counts, default=0)) * 1.15)
    chart.yaxis.formatter = NumeralTickFormatter(format="0,0")
    return chart


# helpers ------------------------------------------------------------------------------------------


def millis(times: Sequence[str]) -> list[float]:
    """Milliseconds since 1970, as Bokeh counts time."""
    stamps = pd.DatetimeIndex(pd.to_datetime(list(times), utc=True)).as_unit("us")
    return [float(micros) / 1000 for micros in stamps.asi8]


def time_axis(chart: figure) -> None:
    """Let the horizontal axis of a chart show time in UTC."""
    chart.xaxis.formatter = DatetimeTickFormatter(
        hours="%H:%M", days="%d %b", months="%b %Y", years="%Y", minutes="%H:%M", hourmin="%H:%M"
    )
    # A narrow screen shows fewer labels.
    chart.xaxis.major_label_policy = NoOverlap(min_distance=8)
    chart.xaxis.axis_label = "UTC"


def _time_figure(label: str, starts: Sequence[float], width: float) -> figure:
    ends = (starts[0], starts[-1] + width) if starts else (0, width)
    chart = figure(
        height=HEIGHT_PX,
        x_axis_type="datetime",
        x_range=Range1d(start=ends[0], end=ends[1]),
        y_axis_label=label,
        **BARE,
    )
    time_axis(chart)
    chart.xgrid.visible = False
    chart.yaxis.formatter = NumeralTickFormatter(format="0,0.[0]")
    return chart


def _mark_suppressed(
    chart: figure, starts: Sequence[float], width: float, totals: Sequence[int | None]
) -> None:
    hidden = [start + width / 2 for start, total in zip(starts, totals, strict=True) if total is None]
    if hidden:
        chart.text(
            hidden, [0] * len(hidden), text=["\u2026"] * len(hidden), text_align="center", text_color=INK
        )


def _mark_unheard(chart: figure, starts: Sequence[float], width: float, heard: dict[str, Any] | None) -> None:
    """Grey for the steps of which hours were not heard: the more hours, the darker."""
    if heard is None:
        return
    ends = [*starts[1:], starts[-1] + width]
    missed = [1 - n / of if of else 0.0 for n, of in zip(heard["heard_h"], heard["hours"], strict=True)]
    strips = [
        (start, end, _UNHEARD_ALPHA[0] + _UNHEARD_ALPHA[1] * share)
        for start, end, share in zip(starts, ends, missed, strict=True)
        if share > 0
    ]
    if strips:
        left, right, alpha = (list(column) for column in zip(*strips, strict=True))
        source = ColumnDataSource({"left": left, "right": right, "alpha": alpha}, name="unheard")
        chart.vstrip(
            "left",
            "right",
            source=source,
            fill_color=FAINT,
            fill_alpha="alpha",
            line_color=None,
            level="underlay",
        )
