"""Draw the pictures of the README from the demo's result: ``python cookbook/make_picture.py [DEMO]``.

The port report is photographed in headless Chromium, if there is one.
"""

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import shapely
from matplotlib.figure import Figure

from ais_berths import samples
from ais_berths.report import report, write_report

# West, east, south and north (m): piers, a marina, a quay with four berths, and ships at anchor.
FRAME = (4550, 7450, 350, 2250)
LOOKS = {
    "commercial": {"facecolor": "#9ecae1", "edgecolor": "#08519c"},
    "service": {"facecolor": "#fdd0a2", "edgecolor": "#a63603", "hatch": "////"},
    "leisure": {"facecolor": "#c7e9c0", "edgecolor": "#006d2c", "hatch": "...."},
    "unknown": {"facecolor": "#d9d9d9", "edgecolor": "#525252"},
}


def draw(demo: Path) -> Figure:
    """Draw positions at rest on the left and the berths that they give on the right."""
    berths = gpd.read_parquet(demo / "berths.parquet")
    berths = berths[berths["berth_kind"] != "buoy"]
    metres = berths.estimate_utm_crs()
    berths = berths.to_crs(metres)
    quays = gpd.read_parquet(demo / "quays.parquet").to_crs(metres)
    pings = pd.read_parquet(demo / "pings", columns=["lat", "lon", "stop_id"]).dropna()
    points = gpd.GeoSeries.from_xy(pings["lon"], pings["lat"], crs=4326).to_crs(metres)
    west, south, _, _ = berths.total_bounds
    figure = Figure(figsize=(10, 3.7), layout="constrained")
    left, right = figure.subplots(1, 2, sharex=True, sharey=True)
    left.plot(points.x - west, points.y - south, ".", color="0.35", markersize=2, rasterized=True)
    left.set_title("Positions of ships at rest, as reported", fontsize=10, loc="left")
    quays.translate(-west, -south).boundary.plot(ax=right, color="0.75", linewidth=0.6)
    shown = berths.translate(-west, -south)
    shown = shown[shown.intersects(shapely.box(FRAME[0], FRAME[2], FRAME[1], FRAME[3]))]
    for use, look in LOOKS.items():
        shapes = shown[berths["use"] == use]
        if len(shapes):
            shapes.plot(ax=right, linewidth=0.8, **look)
            right.fill([], [], label=use, **look)
    right.set_title("Berths found", fontsize=10, loc="left")
    right.legend(fontsize=9, frameon=False, loc="lower left")
    for axes in (left, right):
        axes.set_aspect("equal")
        axes.tick_params(labelsize=8)
        axes.set_xlabel("metres east", fontsize=8)
        axes.set_ylabel("")
    left.set_ylabel("metres north", fontsize=8)
    left.set(xlim=FRAME[:2], ylim=FRAME[2:])
    return figure


def photograph(demo: Path, target: Path) -> None:
    """Save the top of the port report as a browser shows it."""
    names = ("chromium", "chromium-browser", "google-chrome")
    browser = next(filter(None, map(shutil.which, names)), None)
    if browser is None:
        sys.exit("no Chromium here: the picture of the report stays as it is")
    with tempfile.TemporaryDirectory() as folder:
        page = write_report(report(demo, form="html"), Path(folder) / "report.html")
        options = ["--headless", "--no-sandbox", "--hide-scrollbars", "--disable-background-networking"]
        options += [f"--user-data-dir={folder}/profile", "--window-size=1200,1200", f"--screenshot={target}"]
        subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True)  # noqa: S603


if __name__ == "__main__":
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path("ais-berths-demo/simulated")
    here = Path(__file__).resolve().parent
    draw(folder).savefig(here / "sample_berths.png", dpi=150)
    print(samples.describe(folder))
    photograph(folder, here / "port_report.png")
