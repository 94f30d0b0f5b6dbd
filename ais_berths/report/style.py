"""Colours, patterns and fonts of the charts: told apart without colour too, by pattern or shape."""

from __future__ import annotations

from dataclasses import dataclass

from bokeh.themes import Theme

INK, FAINT, GRID = "#1c2733", "#5b6875", "#dfe4e9"
FONT = "system-ui, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"


@dataclass(frozen=True)
class Look:
    """How one group is drawn: a colour, and a pattern in Bokeh's words."""

    colour: str
    pattern: str


TYPE_LOOKS = {
    "cargo": Look("#2f6db5", "blank"),
    "tanker": Look("#d9772b", "right_diagonal_line"),
    "passenger": Look("#2a9d78", "cross"),
    "tug": Look("#e3b23c", "dot"),
    "fishing": Look("#6db6dd", "horizontal_line"),
    "service": Look("#8d6cab", "vertical_line"),
    "leisure": Look("#d68fb8", "ring"),
    "other": Look("#5d6670", "left_diagonal_line"),
    "unknown": Look("#9aa5b0", "blank"),
}
"""Vessel groups. The colours keep apart for colour-blind readers; the patterns for those without colour."""

STOP_LOOKS = {
    "moored": ("circle", "#14344f"),
    "anchored": ("triangle", "#a33f1f"),
    "buoy": ("square", "#5f3d8a"),
    "adrift": ("x", "#555555"),
}
"""Kinds of stops: the shape and the colour of the marker."""

WATER = ("#eef4f8", "#e0ebf3", "#d2e2ee", "#c3d9e8", "#b4cfe2", "#a4c5db", "#93bad4", "#82afcc", "#70a3c4")
"""Shades of the grid of vessels, from few to many."""

NOT_ON_PAPER = "@media print { :host { display: none !important; } }"
"""Style of the toolbars."""

AT_BERTH, AT_ANCHOR = "#14344f", "#c4612f"

THEME = Theme(
    json={
        "attrs": {
            "Plot": {
                "background_fill_color": "#ffffff",
                "border_fill_color": "#ffffff",
                "outline_line_color": None,
            },
            "Axis": {
                "axis_label_text_font": FONT,
                "axis_label_text_font_size": "13px",
                "axis_label_text_font_style": "normal",
                "axis_label_text_color": FAINT,
                "major_label_text_font": FONT,
                "major_label_text_font_size": "12px",
                "major_label_text_color": INK,
                "axis_line_color": FAINT,
                "major_tick_line_color": FAINT,
                "minor_tick_line_color": None,
            },
            "Grid": {"grid_line_color": GRID},
            "Toolbar": {"logo": None},
        }
    }
)
"""Bokeh theme of every chart."""
