"""Pictures of the real ports, to look at: berths, quays, anchorages and stops over charted wharves and docks.

    python tests/benchmarks/pictures.py --out FOLDER

draws some harbours of each extract, and every commercial berth closely. Not for publication: the data are not
ours.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import shapely
from matplotlib.figure import Figure
from real import BOXES, SHARED, detect_extract, read_chart

from ais_berths.vessels import COMMERCIAL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from real import Box, Extract

_NEAR_DEG = 0.0045
_VIEWS: dict[str, dict[str, Box]] = {
    "miami_port_everglades": {
        "portmiami": (-80.188, 25.762, -80.135, 25.788),
        "miami_river": (-80.25, 25.766, -80.185, 25.80),
        "port_everglades": (-80.14, 26.055, -80.105, 26.10),
    },
    "houston_galveston": {
        "ship_channel_west": (-95.30, 29.715, -95.19, 29.755),
        "ship_channel_east": (-95.14, 29.725, -95.03, 29.775),
        "bayport_barbours_cut": (-95.03, 29.60, -94.96, 29.70),
        "texas_city": (-94.95, 29.34, -94.87, 29.40),
        "galveston": (-94.84, 29.29, -94.74, 29.35),
    },
    "tampa": {
        "port_tampa_bay": (-82.46, 27.90, -82.415, 27.955),
        "big_bend_port_sutton": (-82.45, 27.78, -82.38, 27.91),
        "st_petersburg": (-82.64, 27.75, -82.60, 27.78),
    },
}


def main() -> None:
    """Run the whole job on the three files and draw."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder with the extracts and charts")
    parser.add_argument("--out", type=Path, required=True, help="folder to draw into")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    for name in BOXES:
        with tempfile.TemporaryDirectory() as folder:
            item = detect_extract(given.shared, name, Path(folder))
        for view, box in (_VIEWS[name] | dict(close_views(item))).items():
            figure = draw(item, box, view, given.shared)
            figure.savefig(given.out / f"{view}.png", dpi=70, bbox_inches="tight")


def close_views(item: Extract) -> Iterator[tuple[str, Box]]:
    """Some 900 m around commercial berths, until every one is in a view."""
    berths = item.berths[item.berths["use"] == "commercial"]
    left = shapely.get_coordinates(shapely.centroid(berths.geometry.to_numpy()))
    while len(left):
        lon, lat = left[np.argmax(left[:, 1])]
        box = (lon - _NEAR_DEG, lat - _NEAR_DEG, lon + _NEAR_DEG, lat + _NEAR_DEG)
        yield f"{item.name}_{lat:.4f}_{lon:.4f}", box
        left = left[(np.abs(left - [lon, lat]) > 0.8 * _NEAR_DEG).any(axis=1)]


def draw(item: Extract, box: Box, title: str, shared: Path) -> Figure:
    """Commercial berths are red, those of leisure blue, of service purple; rings are merchant ships."""
    west, south, east, north = box
    colours = {"commercial": "tab:red", "unknown": "0.4", "leisure": "tab:blue", "service": "tab:purple"}
    kinds = {"moored": ("k", "."), "anchored": ("tab:green", "+"), "adrift": ("tab:orange", "x")}
    figure = Figure(figsize=(12, 12 * (north - south) / (east - west) / np.cos(np.radians(south)) + 1))
    axes = figure.add_subplot(title=title)
    uses = item.berths["use"].map(colours).fillna("tab:brown")
    layers = [
        (item.quays, {"facecolor": "#fff2a8", "edgecolor": "none", "alpha": 0.6}),
        (item.anchorages, {"facecolor": "none", "edgecolor": "tab:green", "linestyle": "--"}),
        (item.berths.assign(colour=uses), {"facecolor": "none", "linewidth": 1.1}),
    ]
    if item.name.startswith("miami"):
        layers.insert(0, (read_chart(shared, "SLCONS"), {"color": "0.3", "linewidth": 0.8}))
        layers.insert(0, (read_chart(shared, "LNDARE"), {"color": "#efe8d0"}))
    for layer, style in layers:
        seen = layer.cx[west:east, south:north]
        if len(seen):
            edges = {"edgecolor": seen["colour"].to_numpy(dtype=object)} if "colour" in seen.columns else {}
            seen.plot(ax=axes, **style, **edges)
    for kind, (colour, marker) in kinds.items():
        some = item.stops[item.stops["kind"] == kind]
        axes.plot(some["lon"], some["lat"], marker, color=colour, markersize=4, linestyle="none")
    some = item.stops[item.stops["group"].isin(COMMERCIAL)]
    axes.plot(some["lon"], some["lat"], "o", color="tab:red", markersize=7, fillstyle="none")
    axes.plot(item.docks.geometry.x, item.docks.geometry.y, "^", color="tab:cyan", markersize=6)
    axes.set(xlim=(west, east), ylim=(south, north), aspect=1 / np.cos(np.radians(south)))
    return figure


if __name__ == "__main__":
    main()
