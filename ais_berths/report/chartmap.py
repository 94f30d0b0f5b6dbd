"""The map of a port as a Bokeh figure: layers that the page can show and hide by name."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from bokeh.models import (
    BasicTickFormatter,
    ColumnDataSource,
    DataRange1d,
    HoverTool,
    LinearColorMapper,
    TapTool,
    WheelZoomTool,
)
from bokeh.models.annotations import ScaleBar
from bokeh.models.annotations.dimensional import ImperialLength
from bokeh.plotting import figure

from ais_berths.geo import EARTH_RADIUS_M
from ais_berths.report.style import FAINT, FONT, INK, NOT_ON_PAPER, STOP_LOOKS, TYPE_LOOKS, WATER
from ais_berths.report.words import KINDS, TYPE_GROUPS, plain_number, plain_time

if TYPE_CHECKING:
    from collections.abc import Iterable

HEIGHT_PX = 560

_WIDEST_DEG = 4.0

_SHAPES: dict[str, Any] = {"hatch_color": "#ffffff", "hatch_alpha": 0.85, "hatch_scale": 5, "hatch_weight": 1}


def map_chart(port: dict[str, Any]) -> figure:
    """Draw the map of a port.

    Parameters
    ----------
    port
        The port as `summary.summarise` describes it. Longitudes and latitudes are drawn as they are,
        stretched so that a kilometre is as long to the north as to the east in the middle of the map.

    Returns
    -------
    A figure whose layers are named ``vessels``, ``anchorages``, ``quays``, ``other``, ``berths`` and
    ``stops-KIND``, and whose source ``berths`` holds the column ``berth_id``.
    """
    atlas = port["map"]
    west, south, east, north = atlas["view"]["first"]
    stretch = max(0.02, math.cos(math.radians((south + north) / 2)))
    x_range, y_range = (DataRange1d(range_padding=0, max_interval=_WIDEST_DEG) for _ in range(2))
    wheel = WheelZoomTool(modifiers={"ctrl": True})
    chart = figure(
        height=HEIGHT_PX,
        sizing_mode="stretch_width",
        x_range=x_range,
        y_range=y_range,
        match_aspect=True,
        aspect_scale=stretch,
        tools="pan,box_zoom,zoom_in,zoom_out,reset",
        toolbar_location="above",
    )
    chart.add_tools(wheel)
    chart.toolbar.stylesheets = [NOT_ON_PAPER]
    chart.toolbar.active_scroll = wheel
    for axis in (*chart.xaxis, *chart.yaxis):
        axis.formatter = BasicTickFormatter(use_scientific=False)
        axis.ticker.desired_num_ticks = 5
    chart.grid.grid_line_alpha = 0.5
    # Only this invisible box decides the first view.
    frame = chart.quad([west], [east], [north], [south], fill_alpha=0, line_alpha=0)
    x_range.renderers = y_range.renderers = [frame]
    _add_vessels(chart, atlas["vessels"])
    _add_anchorages(chart, port)
    _add_quays(chart, atlas["quays"])
    _add_berths(chart, port)
    _add_stops(chart, atlas["stops"])
    _add_scale(chart, stretch)
    return chart


# helpers ------------------------------------------------------------------------------------------


def _add_vessels(chart: figure, grid: dict[str, Any] | None) -> None:
    if grid is None:
        return
    levels = np.array([[int(digit) for digit in row] for row in reversed(grid["rows"])], dtype=np.uint8)
    chart.image(
        [levels],
        x=grid["west"],
        y=grid["south"],
        dw=grid["east"] - grid["west"],
        dh=grid["north"] - grid["south"],
        color_mapper=LinearColorMapper(palette=list(WATER), low=1, high=9, low_color="#ffffff00"),
        level="image",
        name="vessels",
    )


def _add_anchorages(chart: figure, port: dict[str, Any]) -> None:
    figures = {row["anchorage_id"]: row for row in port["anchorages"]}
    rows = port["map"]["anchorages"]
    xs, ys = _polygons(row["rings"] for row in rows)
    found = [figures.get(row["anchorage_id"], {}) for row in rows]
    source = ColumnDataSource(
        {
            "xs": xs,
            "ys": ys,
            "id": [row["anchorage_id"] for row in rows],
            "stays": [plain_number(row.get("stays")) for row in found],
            "vessels": [plain_number(row.get("vessels")) for row in found],
            "median": [plain_number(row.get("time_p50_h"), 1, "h") for row in found],
        }
    )
    drawn = chart.multi_polygons(
        "xs",
        "ys",
        source=source,
        fill_color="#a33f1f",
        fill_alpha=0.05,
        line_color="#a33f1f",
        line_dash="dashed",
        line_width=1.2,
        name="anchorages",
    )
    tips = [("anchorage", "@id"), ("stays", "@stays"), ("ships", "@vessels"), ("median stay", "@median")]
    chart.add_tools(HoverTool(renderers=[drawn], tooltips=tips))


def _add_quays(chart: figure, rows: list[dict[str, Any]]) -> None:
    lines = [line for row in rows for line in row["lines"]]
    xs = [[point[0] for point in line] for line in lines]
    ys = [[point[1] for point in line] for line in lines]
    chart.multi_line(xs, ys, line_color=FAINT, line_width=2.5, line_alpha=0.7, name="quays")


def _add_berths(chart: figure, port: dict[str, Any]) -> None:
    figures = {row["berth_id"]: row for row in port["berths"]}
    drawn = port["map"]["berths"]
    _add_other_berths(chart, [row for row in drawn if row["berth_id"] not in figures])
    counted = [row for row in drawn if row["berth_id"] in figures]
    _add_counted_berths(chart, counted, [figures[row["berth_id"]] for row in counted])


def _add_other_berths(chart: figure, others: list[dict[str, Any]]) -> None:
    """Add berths that the report does not count."""
    xs, ys = _polygons(row["rings"] for row in others)
    other = chart.multi_polygons(
        "xs",
        "ys",
        source=ColumnDataSource(
            {
                "xs": xs,
                "ys": ys,
                "id": [row["berth_id"] for row in others],
                "use": [row["use"] for row in others],
            }
        ),
        fill_color="#ffffff",
        fill_alpha=0.6,
        line_color=FAINT,
        line_dash="dotted",
        name="other",
    )
    tips = [("berth, not counted", "@id"), ("use", "@use")]
    chart.add_tools(HoverTool(renderers=[other], tooltips=tips))


def _add_counted_berths(chart: figure, counted: list[dict[str, Any]], found: list[dict[str, Any]]) -> None:
    """Add the berths that the report counts; `found` are their figures."""
    looks = [TYPE_LOOKS.get(row["type_main"], TYPE_LOOKS["unknown"]) for row in found]
    xs, ys = _polygons(row["rings"] for row in counted)
    source = ColumnDataSource(
        {
            "xs": xs,
            "ys": ys,
            "berth_id": [row["berth_id"] for row in found],
            "label": [row["name"] or row["berth_id"] for row in found],
            "type": [TYPE_GROUPS.get(row["type_main"], "Unknown") for row in found],
            "visits": [plain_number(row["visits"]) for row in found],
            "vessels": [plain_number(row["vessels"]) for row in found],
            "occupancy": [plain_number(row["occupancy"], 0, "%") for row in found],
            "length": [plain_number(row["length_m"], 0, "m") for row in found],
            "colour": [look.colour for look in looks],
            "pattern": [look.pattern for look in looks],
        },
        name="berths",
    )
    drawn = chart.multi_polygons(
        "xs",
        "ys",
        source=source,
        fill_color="colour",
        line_color="colour",
        line_width=2.5,
        hatch_pattern="pattern",
        selection_line_width=5,
        selection_line_color="#b3003c",
        nonselection_fill_alpha=1.0,
        nonselection_line_alpha=1.0,
        nonselection_hatch_alpha=0.85,
        name="berths",
        **_SHAPES,
    )
    tips = [
        ("berth", "@label"),
        ("main type", "@type"),
        ("visits", "@visits"),
        ("ships", "@vessels"),
        ("occupied", "@occupancy"),
        ("length", "@length"),
    ]
    chart.add_tools(HoverTool(renderers=[drawn], tooltips=tips), TapTool(renderers=[drawn]))


def _add_stops(chart: figure, rows: list[dict[str, Any]]) -> None:
    for kind, (marker, colour) in STOP_LOOKS.items():
        found = [row for row in rows if row["kind"] == kind]
        if not found:
            continue
        source = ColumnDataSource(
            {
                "lon": [row["lon"] for row in found],
                "lat": [row["lat"] for row in found],
                "ship": [row["name"] or str(row["mmsi"]) for row in found],
                "start": [plain_time(row["start"]) for row in found],
                "hours": [plain_number(row["hours"], 1) for row in found],
            }
        )
        drawn = chart.scatter(
            "lon",
            "lat",
            source=source,
            marker=marker,
            size=4.5,
            fill_color=colour,
            line_color=colour,
            fill_alpha=0.4,
            line_alpha=0.6,
            name=f"stops-{kind}",
            # Where ships lie in berths, the berths say it better.
            visible=kind != "moored",
        )
        tips = [
            ("stop", KINDS[kind].lower()),
            ("ship", "@ship"),
            ("from (UTC)", "@start"),
            ("hours", "@hours"),
        ]
        chart.add_tools(HoverTool(renderers=[drawn], tooltips=tips))


def _add_scale(chart: figure, stretch: float) -> None:
    """Add a scale bar: lengths along the east-west axis in the middle of the map."""
    degree_m = EARTH_RADIUS_M * math.pi / 180 * stretch
    # Bokeh's browser side lacks the plain class of custom units; this one takes any units too.
    lengths = ImperialLength(
        basis={"m": (1.0, "m"), "km": (1000.0, "km"), "deg": (degree_m, "deg")},
        ticks=[1, 2, 5, 10, 20, 50, 100, 200, 500],
    )
    bar = ScaleBar(
        range=chart.x_range,
        unit="deg",
        dimensional=lengths,
        orientation="horizontal",
        location="bottom_right",
        label_text_font=FONT,
        label_text_font_size="11px",
        bar_line_color=INK,
        background_fill_alpha=0.8,
        border_line_color=None,
    )
    chart.add_layout(bar)


def _polygons(rings: Iterable[list[list[list[float]]]]) -> tuple[list[Any], list[Any]]:
    """Coordinates as Bokeh's multi_polygons take them: shapes of parts of rings."""
    xs, ys = [], []
    for parts in rings:
        xs.append([[[point[0] for point in ring]] for ring in parts])
        ys.append([[[point[1] for point in ring]] for ring in parts])
    return xs, ys
