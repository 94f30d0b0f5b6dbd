"""A picture of truth and result."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely

from ais_berths.errors import DependencyError
from ais_berths.evaluate.polygons import SAME_BERTH_IOU
from ais_berths.pairs import flatten, one_to_one, overlaps

if TYPE_CHECKING:
    import geopandas as gpd
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from ais_berths.evaluate import Truth
    from ais_berths.geo import Plane
    from ais_berths.pairs import Shapes


def plot_score(berths: gpd.GeoDataFrame, truth: Truth, title: str = "") -> Figure:
    """Draw truth and result on one map in metres; it reads without colour.

    Parameters
    ----------
    berths
        Found berths.
    truth
        Its berths, points and places are drawn.

    Returns
    -------
    A matplotlib figure; ``figure.savefig(path)`` writes it.

    Raises
    ------
    DependencyError
        matplotlib is not installed.
    """
    try:
        figure: Figure = importlib.import_module("matplotlib.figure").Figure(
            figsize=(10, 10), layout="constrained"
        )
    except ImportError as error:
        raise DependencyError(
            "pictures need matplotlib; install it with: pip install 'ais-berths[plot]'"
        ) from error
    plane, (found, true, points, places) = flatten(berths, truth.berths, truth.points, truth.places)
    chosen = overlaps(found, true)
    chosen = chosen[one_to_one(chosen, "iou", SAME_BERTH_IOU)]
    # Without true polygons there is no right and wrong.
    right = np.isin(np.arange(len(found)), chosen["found"]) | (truth.berths is None)
    hit = np.isin(np.arange(len(true)), chosen["true"])
    middle, scale = _frame_of(plane, true if len(true) else found)
    axes = figure.add_subplot(xlabel="metres east", ylabel="metres north", title=title)
    axes.set_aspect("equal", adjustable="datalim")
    right_label = "found berth" if truth.berths is None else "found berth, right"
    for shapes, label, style in (
        (places, "place without berths", {"edgecolor": "0.75", "hatch": "..", "linestyle": ":"}),
        (true[hit], "true berth, found", {"facecolor": "0.85", "edgecolor": "0.6", "fill": True}),
        (true[~hit], "true berth, missed", {"edgecolor": "#b35900", "hatch": "\\\\\\", "linestyle": "--"}),
        (found[right], right_label, {"edgecolor": "#00429d", "linewidth": 1.5}),
        (found[~right], "found berth, false", {"edgecolor": "#93003a", "hatch": "xxx", "linestyle": "-."}),
    ):
        for ring in shapely.get_exterior_ring(shapely.get_parts(shapes)):
            x, y = ((shapely.get_coordinates(ring) - middle) / scale).T
            options: dict[str, Any] = {"fill": False, "linewidth": 1.0, **style}
            axes.fill(x, y, label=f"{label} ({len(shapes)})", **options)
    if len(points):
        x, y = ((shapely.get_coordinates(points) - middle) / scale).T
        axes.plot(x, y, "k+", label=f"true point ({len(points)})")
    handles, labels = axes.get_legend_handles_labels()
    unique = dict(zip(labels, handles, strict=True))
    axes.legend(unique.values(), unique.keys(), loc="upper right")
    return figure


def _frame_of(plane: Plane, shapes: Shapes) -> tuple[NDArray[np.float64], float]:
    west, south, east, north = shapely.total_bounds(shapes)
    middle = np.nan_to_num([(west + east) / 2, (south + north) / 2])
    return middle, float(plane.scale(plane.inverse(*middle)[1]))
