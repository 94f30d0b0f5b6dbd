"""Occupancy of berths as Bokeh figures: visits over time, or shares of time for the public."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bokeh.core.properties import value
from bokeh.models import (
    ColumnDataSource,
    FixedTicker,
    HoverTool,
    LabelSet,
    PlainText,
    Range1d,
    TapTool,
    WheelZoomTool,
)
from bokeh.plotting import figure

from ais_berths.report.charts import BARE, HATCH, millis, time_axis
from ais_berths.report.style import AT_BERTH, FONT, GRID, INK, NOT_ON_PAPER, TYPE_LOOKS
from ais_berths.report.words import TYPE_GROUPS, plain_number, plain_span

if TYPE_CHECKING:
    from collections.abc import Sequence

# Height of a lane, and of the whole chart at most.
_LANE_PX, _GANTT_PX = 17, 2000
_BAR_COLUMNS = (
    *("left", "right", "top", "bottom", "colour", "pattern"),
    *("ship", "group", "berth", "berth_id", "from", "to", "hours"),
)
_LONGEST_LABEL = 22


def gantt_chart(
    berths: Sequence[dict[str, Any]], visits: Sequence[dict[str, Any]], first: str, last: str
) -> figure:
    """Occupancy of berths over time: a row a berth, a bar a visit; ships side by side take lanes of a row.

    Parameters
    ----------
    berths
        Berths to show, from top to bottom.
    visits
        Visits to them.
    first, last
        Beginning and end of the chart.
    """
    start, end = millis([first, last])
    rows = _GanttRows()
    for berth in berths:
        rows.add(berth, [visit for visit in visits if visit["berth_id"] == berth["berth_id"]], start, end)
    chart = _gantt_figure(rows.height, start, end)
    chart.hspan(y=rows.edges, line_color=GRID, line_width=1)
    drawn = chart.quad(
        "left",
        "right",
        "top",
        "bottom",
        source=ColumnDataSource(rows.bars, name="gantt"),
        fill_color="colour",
        line_color="colour",
        line_width=0.6,
        hatch_pattern="pattern",
        nonselection_fill_alpha=1.0,
        nonselection_hatch_alpha=0.85,
        **HATCH,
    )
    chart.scatter(
        "time",
        "y",
        source=ColumnDataSource(rows.open_ends),
        marker="triangle",
        size=7,
        angle="angle",
        fill_color=INK,
        line_color="#ffffff",
        line_width=0.5,
    )
    tips = [
        ("ship", "@ship"),
        ("type", "@group"),
        ("berth", "@berth"),
        ("from (UTC)", "@from"),
        ("to (UTC)", "@to"),
        ("hours", "@hours"),
    ]
    chart.add_tools(HoverTool(renderers=[drawn], tooltips=tips), TapTool(renderers=[drawn]))
    chart.yaxis.ticker = FixedTicker(ticks=list(rows.labels))
    chart.yaxis.major_label_overrides = rows.labels
    return chart


def occupancy_chart(berths: Sequence[dict[str, Any]]) -> figure:
    """Bars of the share of time with a ship alongside: the public form of the occupancy chart."""
    at = [-float(place) for place in range(len(berths))]
    shares = [(row["occupancy"] or 0) * 100 for row in berths]
    chart = figure(
        y_range=Range1d(start=0.5 - len(berths), end=0.5),
        x_range=Range1d(start=0, end=112),
        height=max(110, len(berths) * 24 + 60),
        x_axis_label="share of the period (%)",
        **BARE,
    )
    texts = [plain_number(row["occupancy"], 0, "%") for row in berths]
    source = ColumnDataSource({"at": at, "share": shares, "text": texts})
    chart.hbar("at", right="share", height=0.7, source=source, fill_color=AT_BERTH, line_color=None)
    chart.add_layout(
        LabelSet(
            x="share",
            y="at",
            text="text",
            source=source,
            x_offset=4,
            text_baseline="middle",
            text_font=value(FONT),
            text_font_size="12px",
            text_color=INK,
        )
    )
    chart.yaxis.ticker = FixedTicker(ticks=at)
    chart.yaxis.major_label_overrides = {
        place: PlainText(text=_short(row["name"] or row["berth_id"]))
        for place, row in zip(at, berths, strict=True)
    }
    chart.yaxis.major_tick_line_color = None
    chart.ygrid.visible = False
    return chart


# helpers ------------------------------------------------------------------------------------------


def _gantt_figure(height: int, start: float, end: float) -> figure:
    """An empty occupancy chart with room for `height` lanes."""
    # Room for the marks of open ends.
    pad = 0.012 * (end - start)
    chart = figure(
        height=max(110, int(height * min(_LANE_PX, _GANTT_PX / max(height, 1)) + 80)),
        x_axis_type="datetime",
        x_axis_location="above",
        x_range=Range1d(start=start - pad, end=end + pad, bounds=(start - pad, end + pad)),
        y_range=Range1d(start=-height, end=0, bounds=(-height, 0)),
        **{**BARE, "tools": "xpan,xzoom_in,xzoom_out,reset", "toolbar_location": "above"},
    )
    wheel = WheelZoomTool(dimensions="width", modifiers={"ctrl": True})
    chart.add_tools(wheel)
    chart.toolbar.active_scroll = wheel
    chart.toolbar.stylesheets = [NOT_ON_PAPER]
    time_axis(chart)
    chart.ygrid.visible = False
    chart.yaxis.major_tick_line_color = None
    return chart


class _GanttRows:
    """Rows of the occupancy chart: bars of visits, marks of their open ends, and one label a berth.

    ``height`` counts lanes from the top; ``edges`` are the borders between berths, ``labels`` are by the
    middle of their row.
    """

    def __init__(self) -> None:
        self.height = 0
        self.edges = [0.0]
        self.labels: dict[float, PlainText] = {}
        self.bars: dict[str, list[Any]] = {name: [] for name in _BAR_COLUMNS}
        self.open_ends: dict[str, list[Any]] = {"time": [], "y": [], "angle": []}

    def add(self, berth: dict[str, Any], visits: Sequence[dict[str, Any]], start: float, end: float) -> None:
        """Add the row of a berth; its bars end at the ends of the chart."""
        placed = _lanes(visits)
        n_lanes = max([lane for _, lane in placed], default=0) + 1
        for visit, lane in placed:
            self._add_bar(visit, berth, -(self.height + lane) - 0.5, start, end)
        label = PlainText(text=_short(berth["name"] or berth["berth_id"]))
        self.labels[-(self.height + n_lanes / 2)] = label
        self.height += n_lanes
        self.edges.append(float(-self.height))

    def _add_bar(
        self, visit: dict[str, Any], berth: dict[str, Any], y: float, start: float, end: float
    ) -> None:
        left, right = millis([visit["arrival"], visit["departure"]])
        begin, finish = plain_span(visit)
        look = TYPE_LOOKS[visit["type_group"] if visit["type_group"] in TYPE_LOOKS else "unknown"]
        values = {
            "left": max(left, start),
            "right": min(right, end),
            "top": y + 0.4,
            "bottom": y - 0.4,
            "colour": look.colour,
            "pattern": look.pattern,
            "ship": visit["name"] or str(visit["mmsi"]),
            "group": TYPE_GROUPS.get(visit["type_group"], "Unknown"),
            "berth": berth["name"] or berth["berth_id"],
            "berth_id": berth["berth_id"],
            "from": begin,
            "to": finish,
            "hours": ("at least " if visit["open_start"] or visit["open_end"] else "")
            + plain_number(visit["hours"], 1),
        }
        for name, text in values.items():
            self.bars[name].append(text)
        for is_open, time, angle in (
            (visit["open_start"], values["left"], math.pi / 2),
            (visit["open_end"], values["right"], -math.pi / 2),
        ):
            if is_open:
                self.open_ends["time"].append(time)
                self.open_ends["y"].append(y)
                self.open_ends["angle"].append(angle)


def _lanes(visits: Sequence[dict[str, Any]]) -> list[tuple[dict[str, Any], int]]:
    """Give each visit the first lane that is free when it begins."""
    free: list[str] = []
    placed = []
    for visit in sorted(visits, key=lambda v: (v["arrival"], v["departure"])):
        lane = next((at for at, end in enumerate(free) if end <= visit["arrival"]), len(free))
        free[lane : lane + 1] = [visit["departure"]]
        placed.append((visit, lane))
    return placed


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST_LABEL else name[: _LONGEST_LABEL - 1] + "\u2026"
