"""The score card: every figure with its meaning, as text for people and JSON for machines."""

from __future__ import annotations

import math
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class Scores(BaseModel):
    """Base of all scores: immutable, every field described."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Detection(Scores):
    """What was found, what is true, and what is both."""

    n_found: int = Field(description="found")
    n_true: int = Field(description="true")
    n_matched: int = Field(description="matched one to one")
    precision: float = Field(description="share of the found that is true; null when nothing was found")
    recall: float = Field(description="share of the true that was found; null when there is nothing to find")
    f1: float = Field(description="harmonic mean of precision and recall")


class BerthScores(Scores):
    """Berth polygons against true polygons."""

    at_iou_30: Detection = Field(description="at IoU 0.3")
    at_iou_50: Detection = Field(description="at IoU 0.5")
    mean_best_iou: float = Field(description="best IoU of each true berth with a found one, mean")
    centre_error_m: float = Field(description="distance between the centres, median (m)")
    centre_along_m: float = Field(description="distance between the centres along the quay, median (m)")
    centre_across_m: float = Field(description="distance between the centres across the quay, median (m)")
    length_error_m: float = Field(description="difference in length, median (m)")
    n_split: int = Field(description="true berths that were split: each contains two or more found berths")
    n_merged: int = Field(description="found berths that merge two or more true ones")
    false_by_place: dict[str, int] = Field(description="false berths by place")
    recall_by_kind: dict[str, float] = Field(description="recall at IoU 0.5 by kind of berth")
    n_outside: int = Field(
        0, description="true berths outside the area of the run or at other ports, not scored"
    )


class PointScores(Scores):
    """Berth polygons against true points."""

    near_m: float = Field(description="distance that counts as near (m)")
    n_points: int = Field(description="true points")
    n_berths: int = Field(description="found berths")
    points_with_berth: float = Field(description="share of points with a berth near")
    berths_with_point: float = Field(description="share of berths with a point near")
    distance_p50_m: float = Field(description="distance from a point to the nearest berth, median (m)")
    n_outside: int = Field(
        0, description="true points outside the area of the run or at other ports, not scored"
    )


class StopScores(Scores):
    """Stops against true stops."""

    found: Detection = Field(description="stops")
    kind_accuracy: float = Field(description="share of matched stops with the right kind")
    kind_balanced_accuracy: float = Field(
        description="share with the right kind, averaged over moored, anchored and buoy"
    )
    kinds: dict[str, dict[str, int]] = Field(description="matched stops by true kind and found kind")


class CallScores(Scores):
    """Berth calls against true berth calls."""

    found: Detection = Field(description="calls")
    right_berth: Detection | None = Field(description="calls found, and at the right berth")
    arrival_error_s: float = Field(description="error of the arrival, median (s)")
    departure_error_s: float = Field(description="error of the departure, median (s)")


class SplitHalfScores(Scores):
    """Berths from one half of the vessels against berths from the other half."""

    n_a: int = Field(description="berths from the first half")
    n_b: int = Field(description="berths from the second half")
    mean_best_iou: float = Field(description="best IoU of each berth with one of the other half, mean")
    bhattacharyya_distance: float = Field(description="Bhattacharyya distance; null when nothing overlaps")


class OfficialRow(Scores):
    """One port, month and vessel group."""

    port_id: str = Field(description="port number")
    port: str = Field(description="port")
    period: str = Field(description="month")
    type_group: str = Field(description="group")
    official: int = Field(description="official")
    found: int | None = Field(description="found")
    difference: int | None = Field(description="difference")
    ratio: float | None = Field(description="ratio")
    coverage_h: int | None = Field(description="hours heard")
    period_h: int = Field(description="of hours")
    note: str = Field(description="note")


class OfficialScores(Scores):
    """Monthly calls against the counts of an office."""

    indicator: str = Field(description="compared")
    n_rows: int = Field(description="official counts")
    n_compared: int = Field(description="of them compared")
    n_unknown: int = Field(description="official rows without a number")
    official: int = Field(description="official calls, of those compared, each once")
    found: int = Field(description="found calls")
    ratio: float | None = Field(description="ratio of found calls to official calls")
    correlation: float | None = Field(
        description="correlation over the months; null below three rows, or where nothing varies"
    )
    median_error: float | None = Field(
        description="median absolute difference, as a share of the official count"
    )
    rows: tuple[OfficialRow, ...] = Field(description="by port and month")


class ScoreCard(Scores):
    """All scores that the truth allowed."""

    berths: BerthScores | None = Field(None, description="berths against polygons")
    points: PointScores | None = Field(None, description="berths against points")
    stops: StopScores | None = Field(None, description="stops")
    calls: CallScores | None = Field(None, description="berth calls")
    split_half: SplitHalfScores | None = Field(None, description="split-half stability")
    official: OfficialScores | None = Field(None, description="monthly calls against official counts")

    def to_text(self) -> str:
        """Return the card as lines of text for people."""
        lines: list[str] = []
        for name, field in type(self).model_fields.items():
            if getattr(self, name) is not None:
                lines += [str(field.description).capitalize(), *_lines(getattr(self, name)), ""]
        return "\n".join(lines)

    def to_json(self) -> str:
        """Return the card as JSON; a figure that does not exist is null."""
        return self.model_dump_json(indent=2)


def _lines(scores: BaseModel) -> list[str]:
    lines = []
    for name, field in type(scores).model_fields.items():
        value = getattr(scores, name)
        if isinstance(value, tuple):
            lines += _table(value)
            continue
        if isinstance(value, Detection):
            precision, recall, f1 = map(_number, (value.precision, value.recall, value.f1))
            value = (
                f"precision {precision}, recall {recall}, F1 {f1} "
                f"({value.n_found} found, {value.n_true} true, {value.n_matched} both)"
            )
        elif isinstance(value, dict):
            value = ", ".join(f"{key} {_number(item)}" for key, item in _flat(value).items()) or "none"
        # What a figure is where it does not exist concerns JSON; a line of text shows it as "-".
        label = str(field.description).partition("; null")[0]
        # Sums of counts are whole, as a rule; shares keep their decimals.
        shown = _cell(value) if isinstance(value, float) and value > 1 else _number(value)
        lines.append(f"  {label}: {shown}")
    return lines


def _flat(counts: dict[str, Any]) -> dict[str, Any]:
    """Counts of two names as counts of one, "anchored as moored"."""
    flat: dict[str, Any] = {}
    for name, item in counts.items():
        inner = {f"{name} as {other}": n for other, n in item.items()} if isinstance(item, dict) else {}
        flat |= inner or {name: item}
    return flat


def _table(rows: tuple[BaseModel, ...]) -> list[str]:
    """Aligned columns, texts to the left and numbers to the right, under the descriptions of the fields."""
    if not rows:
        return []
    fields = type(rows[0]).model_fields
    head = [str(field.description) for field in fields.values()]
    cells = [head, *([_cell(value) for _, value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    left = [field.annotation is str for field in fields.values()]
    return [
        "    "
        + "  ".join(
            text.ljust(width) if is_text else text.rjust(width)
            for text, width, is_text in zip(line, widths, left, strict=True)
        ).rstrip()
        for line in cells
    ]


def _cell(value: Any) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return f"{value:,.0f}" if whole else _number(value)


def _number(value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "-"
    if isinstance(value, float):
        return f"{value:.3f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
