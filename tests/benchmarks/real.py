"""Real ports: one day of US waters, without ship sizes, against the chart of Miami and the list of docks.

    python tests/benchmarks/real.py --out -

reads the extracts in ``shared/data`` beside the checkout; ``pictures.py`` draws what it finds.
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

from ais_berths import geo, samples
from ais_berths.pairs import flatten
from ais_berths.pipeline import Job, detect
from ais_berths.pipeline.score import score_out
from ais_berths.vessels import COMMERCIAL, groups_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.evaluate.card import SplitHalfScores

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

_HALVES = """Berths of all uses from two disjoint halves of the vessels (`ais-berths evaluate --split-half`):
the mean over the berths of both halves of the best IoU with one of the other half, and the Bhattacharyya
distance of the two sets as mixtures. In one day few berths are used twice, and that of one ship cannot be in
both halves.
"""


@dataclass(frozen=True)
class Extract:
    """What the whole job made of one file, and what a plain rule calls stays."""

    name: str
    berths: gpd.GeoDataFrame
    quays: gpd.GeoDataFrame
    anchorages: gpd.GeoDataFrame
    stops: pd.DataFrame
    stays: pd.DataFrame
    hulls: pd.DataFrame
    docks: gpd.GeoDataFrame
    halves: SplitHalfScores


def main() -> None:
    """Run the whole job on the three files and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shared", type=Path, default=SHARED, help="folder with the extracts and charts")
    parser.add_argument("--out", type=Path, default=tables.HERE / "real.md", help="file, or - for the screen")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        extracts = [detect_extract(given.shared, name, Path(folder)) for name in BOXES]
        halves = {item.name: item.halves for item in extracts}
        sample = detect(
            [samples.folder() / "new_york"], Path(folder) / "new_york", Job(bbox=samples.NEW_YORK)
        )
        halves["new_york (the shipped sample, a week)"] = halves_of(sample.out)
    wharves, land = read_chart(given.shared), read_chart(given.shared, "LNDARE")
    miami = next(item for item in extracts if item.name.startswith("miami"))
    parts = [
        _INPUT,
        "## PortMiami, against the chart\n",
        chart_table(miami, wharves, land),
        "## All three, against the docks\n",
        dock_table(extracts),
        "## Shapes\n",
        shape_table(extracts),
        "## Split-half\n",
        _HALVES,
        half_table(halves),
    ]
    tables.write(given.out, "Real ports", parts)


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
        pd.read_parquet(out / "hulls.parquet"),
        read_docks(shared).cx[west:east, south:north].reset_index(drop=True),
        halves_of(out),
    )


def halves_of(out: Path) -> SplitHalfScores:
    """Berths of all uses from two disjoint halves of the vessels."""
    halves = score_out(out, split=True).split_half
    assert halves is not None
    return halves


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


def read_chart(shared: Path, layer: str = "SLCONS") -> gpd.GeoDataFrame:
    """One layer of the chart of PortMiami: SLCONS, wharves, piers and other built shores; LNDARE, land."""
    files = sorted((shared / "truth" / "enc_miami").glob(f"*_{layer}.geojson"))
    return pd.concat([gpd.read_file(file).set_crs(4326, allow_override=True) for file in files])


def chart_table(miami: Extract, wharves: gpd.GeoDataFrame, land: gpd.GeoDataFrame) -> str:
    """How many stops lie at a wharf or a dock, and how many stays of the plain rule were kept."""
    figures = chart_figures(miami, wharves, land)
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
        [
            "those with a direction within 60 m of a wharf: along or across it within 15 degrees",
            _counted(figures, "along"),
            "",
        ],
        [
            "commercial berths of which a quarter or more lies on charted land",
            _counted(figures, "on_land"),
            "",
        ],
    ]
    return tables.table(["figure", "value", "goal"], rows)


def chart_figures(miami: Extract, wharves: gpd.GeoDataFrame, land: gpd.GeoDataFrame) -> dict[str, float]:
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
        **dict(zip(("along", "along_n"), along_wharf(berths, wharves), strict=True)),
        "on_land": int((share_on_land(berths, land) >= 0.25).sum()),
        "on_land_n": len(berths),
    }


def along_wharf(berths: gpd.GeoDataFrame, wharves: gpd.GeoDataFrame) -> tuple[int, int]:
    """How many berths with a direction, near a wharf, lie along or across it, and of how many.

    Across, because boats lie with bow or stern to some piers. Pieces under 10 m are corners and left out.
    """
    known = berths[(berths["hull_basis"] != "point") & (_nearest_m(berths, wharves) <= NEAR_WHARF_M)]
    plane, (here, lines) = flatten(known, wharves.explode())
    ends = [shapely.get_coordinates(line) for line in lines[shapely.get_type_id(lines) == 1]]
    pieces = np.concatenate([np.stack([ring[:-1], ring[1:]], axis=1) for ring in ends])
    step = pieces[:, 1] - pieces[:, 0]
    scale = float(plane.scale(np.array([CHART[1]]))[0])
    pieces = pieces[np.hypot(*step.T) >= 10.0 * scale]
    step = pieces[:, 1] - pieces[:, 0]
    (_, at), _ = shapely.STRtree(shapely.linestrings(pieces)).query_nearest(
        here, return_distance=True, all_matches=False
    )
    axis = np.degrees(np.arctan2(step[at, 0], step[at, 1]))
    turn = geo.turn_deg(axis, known["heading_deg"].to_numpy(dtype=np.float64), period=90.0)
    return int((np.abs(turn) <= 15.0).sum()), len(known)


def share_on_land(berths: gpd.GeoDataFrame, land: gpd.GeoDataFrame) -> NDArray[np.float64]:
    """Share of the area of each berth that is land on the chart."""
    _, (here, ground) = flatten(berths, land)
    share: NDArray[np.float64] = shapely.area(shapely.intersection(here, shapely.union_all(ground)))
    return share / shapely.area(here)


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


def shape_table(extracts: list[Extract]) -> str:
    """Shapes that cannot be right, and ships without a berth."""
    header = [
        *("extract", "commercial berths", "wider than 60 m or longer than 400 m", "not rectangular"),
        *("moored cargo ships and tankers", "at no berth", "at one under half as long"),
        *("farther than 300 m from any dock", "at once with another in its discrete berth"),
    ]
    return tables.table(header, [[item.name, *shape_figures(item).values()] for item in extracts])


def shape_figures(item: Extract) -> dict[str, int]:
    """Counts of one extract."""
    berths = item.berths[item.berths["use"] == "commercial"]
    _, (shapes,) = flatten(berths)
    filled = shapely.area(shapes) / shapely.area(shapely.oriented_envelope(shapes))
    big = item.stops[item.stops["group"].isin(["cargo", "tanker"]) & (item.stops["kind"] == "moored")]
    big = big.merge(item.hulls[["stop_id", "length_m"]].rename(columns={"length_m": "hull_m"}), on="stop_id")
    big = big.merge(item.berths[["berth_id", "length_m", "berth_kind"]], how="left", on="berth_id")
    inner = big[(big["berth_kind"] == "discrete") & ~big["rafted"]]
    pairs = inner.merge(inner, on="berth_id", suffixes=("", "_b"))
    pairs = pairs[pairs["stop_id"] != pairs["stop_id_b"]]
    shared = pairs[["end_time", "end_time_b"]].min(axis=1) - pairs[["start_time", "start_time_b"]].max(axis=1)
    return {
        "berths": len(berths),
        "large": int(((berths["width_m"] > 60.0) | (berths["length_m"] > 400.0)).sum()),
        "cut": int((filled < 0.97).sum()),
        "ships": len(big),
        "without": int(big["berth_id"].isna().sum()),
        "short": int((big["length_m"] < 0.5 * big["hull_m"]).sum()),
        "far": int((_nearest_m(_points(big), item.docks) > AT_DOCK_M).sum()),
        "at_once": int(pairs.loc[shared > pd.Timedelta("1h"), "stop_id"].nunique()),
    }


def half_table(halves: dict[str, SplitHalfScores]) -> str:
    """Split-half figures."""
    lines = [
        [name, half.n_a, half.n_b, f"{half.mean_best_iou:.3f}", f"{half.bhattacharyya_distance:.2f}"]
        for name, half in halves.items()
    ]
    header = ["extract", "berths of one half", "of the other", "mean IoU", "Bhattacharyya distance"]
    return tables.table(header, lines)


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


def _counted(figures: dict[str, float], name: str) -> str:
    return f"{figures[name]:.0f} of {figures[name + '_n']:.0f}"


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
