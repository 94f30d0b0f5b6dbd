"""Overlaps in time, and figures from matched and unmatched rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from ais_berths.evaluate.card import Detection
from ais_berths.schema import check_columns

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray


def same_time(found: pd.DataFrame, truth: pd.DataFrame, start: str, end: str) -> pd.DataFrame:
    """Pairs of rows of one vessel that overlap in time, with the share of their common time."""
    for frame, name in ((found, "found"), (truth, "true")):
        check_columns(frame.columns, name, ["mmsi", start, end])
    mmsi = np.concatenate([found["mmsi"].to_numpy(), truth["mmsi"].to_numpy()])
    lane = np.unique(mmsi, return_inverse=True)[1].astype(float)
    lanes = lane[: len(found)], lane[len(found) :]
    spans = [(seconds(frame[start]), seconds(frame[end])) for frame in (found, truth)]
    # A spatial index finds overlapping intervals too: time along x, one lane for each vessel along y.
    boxes = [
        shapely.box(first - 0.5, row, last + 0.5, row + 0.5)
        for row, (first, last) in zip(lanes, spans, strict=True)
    ]
    i_true, i_found = shapely.STRtree(boxes[0]).query(boxes[1], predicate="intersects")
    firsts, lasts = ((spans[0][k][i_found], spans[1][k][i_true]) for k in (0, 1))
    shared = np.minimum(*lasts) - np.maximum(*firsts)
    common = np.maximum(*lasts) - np.minimum(*firsts)
    # The millionth of a second makes two stops of no length at the same moment one stop.
    iou = (np.maximum(shared, 0.0) + 1e-6) / (common + 1e-6)
    return pd.DataFrame({"found": i_found, "true": i_true, "iou": iou})


def seconds(times: pd.Series[Any]) -> NDArray[np.float64]:
    """Times as seconds, whatever their unit."""
    naive = pd.DatetimeIndex(pd.to_datetime(times, utc=True)).tz_localize(None)
    return naive.to_numpy().astype("datetime64[us]").astype(np.int64) / 1e6


def detection(n_matched: int, n_found: int, n_true: int) -> Detection:
    """Precision, recall and F1 from three counts."""
    return Detection(
        n_found=n_found,
        n_true=n_true,
        n_matched=n_matched,
        precision=ratio(n_matched, n_found),
        recall=ratio(n_matched, n_true),
        f1=ratio(2 * n_matched, n_found + n_true),
    )


def of_use(frame: pd.DataFrame, uses: Collection[str] | None) -> NDArray[np.bool_]:
    """Which rows have one of some uses; all of them where no use is asked for, or none is known."""
    if uses is None or "use" not in frame.columns:
        return np.ones(len(frame), dtype=bool)
    asked: NDArray[np.bool_] = frame["use"].isin(list(uses)).to_numpy(dtype=bool)
    return asked


def detect_of_use(chosen: pd.DataFrame, scored: NDArray[np.bool_], asked: NDArray[np.bool_]) -> Detection:
    """Count pairs whose true row is `asked` for, and found rows without a partner that are `scored`."""
    alone = scored.copy()
    alone[chosen["found"]] = False
    matched = int(asked[chosen["true"]].sum())
    return detection(matched, int(alone.sum()) + matched, int(asked.sum()))


def ratio(part: float, whole: float) -> float:
    """Part over whole; not a number when the whole is nothing."""
    return float(part / whole) if whole else float("nan")


def median(values: NDArray[np.float64]) -> float:
    """Median; not a number when there is nothing."""
    return float(np.median(values)) if values.size else float("nan")
