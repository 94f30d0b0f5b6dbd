"""Real ports: one day of US waters, without ship sizes, against the chart of Miami and the list of docks.

    python tests/benchmarks/real.py --pictures /tmp/pictures --out -

reads the extracts in ``shared/data`` beside the checkout.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
import tables
from matplotlib.figure import Figure

from ais_berths import geo
from ais_berths.pairs import flatten
from ais_berths.pipeline import Job, detect
from ais_berths.vessels import COMMERCIAL, groups_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Box = tuple[float, float, float, float]

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"

BOXES: dict[str, Box] = {
    "houston_galveston": (-95.35, 29.20, -94.60, 29.85),
    "miami_port_everglades": (-80.25, 25.70, -80.03, 26.15),
    "tampa": (-82.65, 27.55, -82.38, 28.00),
}
"""The three extracts and their boxes: west, south, east, north."""

CHART: Box = (-80.25, 25.725, -80.1248, 25.80)
"""What the two chart cells of PortMiami cover."""

NEAR_WHARF_M, NEAR_DOCK_M, AT_DOCK_M, BERTH_OF_DOCK_M = 60.0, 150.0, 300.0, 150.0

_INPUT = """NOAA MarineCadastre, 2020-01-01: ship types, no sizes, a heading in 42 % of the rows.
p/c/t: passenger ships, cargo ships and tankers.
"""

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


@dataclass(frozen=True)
class Extract:
    """What the whole job made of one file, and what a plain rule calls stays."""

    name: str
    berths: gpd.GeoDataFrame
    quays: gpd.GeoDataFrame
    anchorages: gpd.GeoDataFrame
    stops: pd.DataFrame
    stays: pd.DataFrame
    docks: gpd.GeoDataFrame


def main() -> None:
    """Run the whole job on the three files and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder with the extracts and charts")
    parser.add_argument("--pictures", type=Path, help="folder to draw pictures into")
    parser.add_argument("--out", type=Path, default=tables.HERE / "real.md", help="file, or - for the screen")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        extracts = [detect_extract(given.shared, name, Path(folder)) for name in BOXES]
    wharves = read_wharves(given.shared)
    miami = next(item for item in extracts if item.name.startswith("miami"))
    parts = [
        _INPUT,
        "## PortMiami, against the chart\n",
        chart_table(miami, wharves),
        "## All three, against the docks\n",
        dock_table(extracts),
    ]
    tables.write(given.out, "Real ports", parts)
    if given.pictures:
        given.pictures.mkdir(parents=True, exist_ok=True)
        for item in extracts:
            draw(item, given.shared, given.pictures)


def detect_extract(shared: Path, name: str, folder: Path) -> Extract:
    """The whole job on one file, as the command line runs it."""
    job = Job(bbox=BOXES[name])
    out = detect([shared / "us_2020-01-01" / f"{name}.parquet"], folder / name, job).out
    vessels = pd.read_parquet(out / "vessels.parquet")
    stops = pd.read_parquet(out / "stops.parquet")
    stays = plain_stays(pd.read_parquet(out / "pings"))
    west, south, east, north = BOXES[name]
    return Extract(
        name,
        *(gpd.read_parquet(out / f"{table}.parquet") for table in ("berths", "quays", "anchorages")),
        stops.assign(group=groups_of(vessels, stops["mmsi"])),
        stays.assign(group=groups_of(vessels, stays["mmsi"])),
        read_docks(shared).cx[west:east, south:north].reset_index(drop=True),
    )


def plain_stays(pings: pd.DataFrame) -> pd.DataFrame:
    """Stays by a plain rule: at most 0.5 kn for an hour, no gap over two hours, within 600 m."""
    rows = pings.sort_values(["mmsi", "track", "time"], ignore_index=True)
    slow = rows["sog_kn"] <= 0.5
    new = rows[["mmsi", "track"]].ne(rows[["mmsi", "track"]].shift()).any(axis=1)
    new |= (rows["time"].diff() > pd.Timedelta("2h")) | (slow != slow.shift())
    runs = rows[slow].groupby(new.cumsum()[slow])
    stays = runs.agg(
        mmsi=("mmsi", "first"),
        start_time=("time", "min"),
        end_time=("time", "max"),
        lat=("lat", "median"),
        lon=("lon", "median"),
        south=("lat", "min"),
        north=("lat", "max"),
        west=("lon", "min"),
        east=("lon", "max"),
    )
    corners = [stays[name].to_numpy() for name in ("south", "west", "north", "east")]
    lasting = stays["end_time"] - stays["start_time"] >= pd.Timedelta("1h")
    return stays[lasting & (geo.haversine_m(*corners) <= 600.0)].reset_index(drop=True)


def read_docks(shared: Path) -> gpd.GeoDataFrame:
    """Active docks of the US Army Corps of Engineers, a point each."""
    rows = pd.read_csv(shared / "truth" / "usace_facilities.csv")
    rows = rows[rows["FACILITY_TYPE"] == "Dock"].reset_index(drop=True)
    points = gpd.points_from_xy(rows["LONGITUDE"], rows["LATITUDE"])
    return gpd.GeoDataFrame(rows[["NAV_UNIT_ID", "NAV_UNIT_NAME"]], geometry=points, crs="EPSG:4326")


def read_wharves(shared: Path) -> gpd.GeoDataFrame:
    """Charted wharves, piers and other built shore lines of PortMiami."""
    return _read_chart(shared, "SLCONS")


def chart_table(miami: Extract, wharves: gpd.GeoDataFrame) -> str:
    """How many stops lie at a wharf or a dock, and how many stays of the plain rule were kept."""
    figures = chart_figures(miami, wharves)
    at_wharf = tables.against([figures["at_wharf"]], 0.95)
    kept = tables.against([figures["kept_moored"]], 0.90)
    rows = [
        ["p/c/t stops called moored on the chart", figures["moored"], ""],
        ["of them within 60 m of a charted wharf or 150 m of a dock", f"{figures['at_wharf']:.3f}", at_wharf],
        ["median distance of all moored stops from the wharf (m)", f"{figures['wharf_p50_m']:.0f}", ""],
        ["p/c/t stays of the plain rule on the chart", figures["stays"], ""],
        ["of them kept, as a stop of any kind", f"{figures['kept']:.3f}", ""],
        ["of those at a wharf or dock, kept as a moored stop", f"{figures['kept_moored']:.3f}", kept],
        ["commercial berths on the chart", figures["berths"], ""],
        [
            "of them within 60 m of a charted wharf or 150 m of a dock",
            f"{figures['berths_at_wharf']:.3f}",
            "",
        ],
    ]
    return tables.table(["figure", "value", "goal"], rows)


def chart_figures(miami: Extract, wharves: gpd.GeoDataFrame) -> dict[str, float]:
    """Figures of PortMiami, within the chart."""
    merchant = miami.stops[miami.stops["group"].isin(COMMERCIAL)]
    stops = _within(merchant[merchant["kind"] == "moored"], CHART)
    stays = _within(miami.stays[miami.stays["group"].isin(COMMERCIAL)], CHART)
    built = _points(stops), _points(stays)
    near = [
        (_nearest_m(points, wharves) <= NEAR_WHARF_M) | (_nearest_m(points, miami.docks) <= NEAR_DOCK_M)
        for points in built
    ]
    every = _within(miami.stops[miami.stops["kind"] == "moored"], CHART)
    west, south, east, north = CHART
    berths = miami.berths[miami.berths["use"] == "commercial"].cx[west:east, south:north]
    berths_near = (_nearest_m(berths, wharves) <= NEAR_WHARF_M) | (
        _nearest_m(berths, miami.docks) <= NEAR_DOCK_M
    )
    return {
        "moored": len(stops),
        "at_wharf": float(near[0].mean()),
        "wharf_p50_m": float(np.median(_nearest_m(_points(every), wharves))),
        "stays": len(stays),
        "kept": float(kept_as(stays, merchant).mean()),
        "kept_moored": float(kept_as(stays[near[1]], merchant[merchant["kind"] == "moored"]).mean()),
        "berths": len(berths),
        "berths_at_wharf": float(berths_near.mean()),
    }


def dock_table(extracts: list[Extract]) -> str:
    """Stops near docks, and docks with a berth."""
    header = [
        *("extract", "moored p/c/t stops", "within 300 m of a dock", "p/c/t stays", "kept as a stop"),
        *("docks used", "with a berth within 150 m", "berths", "commercial"),
    ]
    lines = []
    for item in extracts:
        figures = dock_figures(item)
        lines.append(
            [
                *(item.name, figures["moored"], f"{figures['at_dock']:.2f}", figures["stays"]),
                *(f"{figures['kept']:.2f}", figures["docks"], f"{figures['docks_with_berth']:.2f}"),
                *(len(item.berths), int((item.berths["use"] == "commercial").sum())),
            ]
        )
    return tables.table(header, lines)


def dock_figures(item: Extract) -> dict[str, float]:
    """Figures of one extract against the docks; a dock is used when it is the one nearest to a stay."""
    merchant = item.stops[item.stops["group"].isin(COMMERCIAL)]
    moored = merchant[merchant["kind"] == "moored"]
    stays = item.stays[item.stays["group"].isin(COMMERCIAL)].reset_index(drop=True)
    number, metres = _nearest(_points(stays), item.docks)
    used = item.docks.iloc[np.unique(number[metres <= AT_DOCK_M])]
    return {
        "moored": len(moored),
        "at_dock": float((_nearest_m(_points(moored), item.docks) <= AT_DOCK_M).mean()),
        "stays": len(stays),
        "kept": float(kept_as(stays, merchant).mean()),
        "docks": len(used),
        "docks_with_berth": float((_nearest_m(used, item.berths) <= BERTH_OF_DOCK_M).mean()),
    }


def kept_as(stays: pd.DataFrame, stops: pd.DataFrame) -> NDArray[np.bool_]:
    """Stays of which at least half lies in stops of the same ship."""
    rows = stays.reset_index(drop=True).reset_index(names="stay")
    both = rows.merge(stops[["mmsi", "start_time", "end_time"]], on="mmsi", suffixes=("", "_stop"))
    shared = both[["end_time", "end_time_stop"]].min(axis=1) - both[["start_time", "start_time_stop"]].max(
        axis=1
    )
    shared = shared.clip(lower=pd.Timedelta(0)).groupby(both["stay"]).sum()
    whole = rows["end_time"] - rows["start_time"]
    kept: NDArray[np.bool_] = (shared.reindex(rows["stay"]).to_numpy() >= whole.to_numpy() / 2).astype(bool)
    return kept


def draw(item: Extract, shared: Path, folder: Path) -> None:
    """Pictures of berths, quays, anchorages and stops over charted wharves and docks."""
    colours = {"commercial": "tab:red", "unknown": "0.4", "leisure": "tab:blue", "service": "tab:purple"}
    kinds = {"moored": ("k", "."), "anchored": ("tab:green", "+"), "adrift": ("tab:orange", "x")}
    for view, (west, south, east, north) in _VIEWS[item.name].items():
        figure = Figure(figsize=(16, 16 * (north - south) / (east - west) / np.cos(np.radians(south)) + 1))
        axes = figure.add_subplot(title=view)
        if item.name.startswith("miami"):
            for layer, style in (("LNDARE", {"color": "#efe8d0"}), ("SLCONS", {"color": "0.3", "lw": 0.8})):
                _read_chart(shared, layer).plot(ax=axes, **style)
        item.quays.plot(ax=axes, facecolor="#fff2a8", edgecolor="none", alpha=0.6)
        item.anchorages.plot(ax=axes, facecolor="none", edgecolor="tab:green", linestyle="--")
        item.berths.plot(
            ax=axes, facecolor="none", edgecolor=item.berths["use"].map(colours).fillna("tab:brown"), lw=1.1
        )
        for kind, (colour, marker) in kinds.items():
            some = item.stops[item.stops["kind"] == kind]
            axes.plot(some["lon"], some["lat"], marker, color=colour, markersize=4, linestyle="none")
        some = item.stops[item.stops["group"].isin(COMMERCIAL)]
        axes.plot(some["lon"], some["lat"], "o", color="tab:red", markersize=7, fillstyle="none")
        axes.plot(item.docks.geometry.x, item.docks.geometry.y, "^", color="tab:cyan", markersize=6)
        axes.set(xlim=(west, east), ylim=(south, north), aspect=1 / np.cos(np.radians(south)))
        figure.savefig(folder / f"{view}.png", dpi=70, bbox_inches="tight")


def _read_chart(shared: Path, layer: str) -> gpd.GeoDataFrame:
    files = sorted((shared / "truth" / "enc_miami").glob(f"*_{layer}.geojson"))
    return pd.concat([gpd.read_file(file).set_crs(4326, allow_override=True) for file in files])


def _within(table: pd.DataFrame, box: Box) -> pd.DataFrame:
    west, south, east, north = box
    inside = table["lon"].between(west, east) & table["lat"].between(south, north)
    return table[inside].reset_index(drop=True)


def _points(table: pd.DataFrame) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(geometry=gpd.points_from_xy(table["lon"], table["lat"]), crs="EPSG:4326")


def _nearest(of: gpd.GeoDataFrame, among: gpd.GeoDataFrame) -> tuple[NDArray[Any], NDArray[np.float64]]:
    """Which shape is nearest to each, and how far (m)."""
    plane, (here, there) = flatten(of, among)
    (_, number), units = shapely.STRtree(there).query_nearest(here, return_distance=True, all_matches=False)
    _, lat = plane.inverse(*shapely.get_coordinates(shapely.centroid(here)).T)
    return number, units / plane.scale(lat)


def _nearest_m(of: gpd.GeoDataFrame, among: gpd.GeoDataFrame) -> NDArray[np.float64]:
    return _nearest(of, among)[1]


if __name__ == "__main__":
    main()
