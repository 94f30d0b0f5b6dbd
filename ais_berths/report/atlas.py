"""The map of one port as plain numbers: places, stops, and a grid of where vessels were."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import shapely

from ais_berths import geo
from ais_berths.report.places import centres
from ais_berths.report.words import KINDS, iso_time, safe_text
from ais_berths.tables import whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import geopandas as gpd
    import pandas as pd
    from numpy.typing import NDArray

    from ais_berths.report.measures import Profile
    from ais_berths.report.settings import ReportSettings
    from ais_berths.report.tables import PortTables, Tables
    from ais_berths.report.visits import Period

# Shades of the grid of vessels (`style.WATER`), and decimals of degrees: a tenth of a metre.
_LEVELS, _DECIMALS = 9, 6


def port_atlas(
    tables: Tables,
    own: PortTables,
    shown: Sequence[str],
    anchored: Sequence[str],
    period: Period,
    profile: Profile,
    settings: ReportSettings,
) -> dict[str, Any]:
    """Collect what the map of a port shows.

    Parameters
    ----------
    tables
        Results of a run.
    own
        What happened in the port.
    shown
        Berths that the report counts, the busiest first; they decide the first view of the map.
    anchored
        Anchorages that the report lists.
    period
        Stops that overlap it are drawn.
    profile
        In the public profile only the berths of `shown`, the anchorages of `anchored`, and no stops.
    settings
        Limits of stops and berths; those beyond are counted in ``n_stops`` and ``n_berths``.

    Returns
    -------
    Longitudes and latitudes in degrees. Longitudes run on beyond 180 degrees where the port lies on both
    sides of the antimeridian, so that its parts stay together.
    """
    berths = tables.berths[tables.berths["port_id"] == own.port_id]
    quays = tables.quays[tables.quays["port_id"] == own.port_id]
    anchorages = tables.anchorages[tables.anchorages["port_id"] == own.port_id]
    stops = own.stops
    stops = stops[(stops["start_time"] < period.end) & (stops["end_time"] >= period.start)]
    rank = {name: at for at, name in enumerate(shown)}
    berths = berths.assign(rank=berths["berth_id"].map(rank).fillna(len(rank)))
    berths = berths.sort_values(["rank", "n_stops"], ascending=[True, False], kind="stable")
    if profile.public:
        berths = berths[berths["berth_id"].isin(rank)]
        quays = quays[quays["quay_id"].isin(berths["quay_id"])]
        anchorages = anchorages[anchorages["anchorage_id"].isin(anchored)]
        stops = stops.iloc[:0]
    middle = _middle(tables, own.port_id, berths, stops)
    centre = middle[0]
    drawn = berths.head(settings.max_berths)
    points = _thin(stops.sort_values(["start_time", "mmsi"], kind="stable"), settings.max_stops)
    result = {
        "n_berths": len(berths),
        "n_stops": len(stops),
        "berths": [
            {"berth_id": safe_text(name), "use": safe_text(use), "counted": name in rank, "rings": rings}
            for name, use, rings in zip(
                drawn["berth_id"], drawn["use"], _rings(drawn.geometry.to_numpy(), centre), strict=True
            )
        ],
        "quays": [
            {"quay_id": safe_text(name), "lines": _paths(shapely.from_wkt(wkt), centre)}
            for name, wkt in zip(quays["quay_id"], quays["line_wkt"], strict=True)
            if isinstance(wkt, str)
        ],
        "anchorages": [
            {"anchorage_id": safe_text(name), "rings": rings}
            for name, rings in zip(
                anchorages["anchorage_id"], _rings(anchorages.geometry.to_numpy(), centre), strict=True
            )
        ],
        "stops": _stop_rows(points.assign(lon=_unroll(points["lon"], centre)), tables.vessels),
    }
    return {**result, "view": _view(result, middle)}


def vessel_grids(
    pings: Sequence[Path],
    views: Sequence[Sequence[float]],
    period: Period,
    columns: int,
    profile: Profile,
) -> list[dict[str, Any] | None]:
    """Count different vessels in the squares of a grid over each map: what the water looks like.

    Parameters
    ----------
    pings
        Files of clean pings; a vessel lies in one of them.
    views
        West, south, east, north of each map, in degrees.
    period
        Pings in it count.
    columns
        Columns of a grid.
    profile
        In the public profile squares with too few vessels are empty.

    Returns
    -------
    For each view ``west south east north least most rows``; `rows` are texts of digits from north to south:
    0 for no vessel, 1 to 9 for numbers of vessels on a logarithmic scale that ends at `most`. None where
    there are no pings.
    """
    if not pings:
        return [None] * len(views)
    grids = [_Grid(view, columns) for view in views]
    needed = ["mmsi", "time", "lat", "lon"]
    for path in pings:
        seen: list[list[NDArray[np.int64]]] = [[] for _ in grids]
        with whole(path), pq.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=500_000, columns=needed):
                inside = pc.and_(
                    pc.greater_equal(batch["time"], period.start.to_pydatetime()),
                    pc.less(batch["time"], period.end.to_pydatetime()),
                )
                rows = batch.filter(inside)
                lat, lon = rows["lat"].to_numpy(), rows["lon"].to_numpy()
                mmsi = rows["mmsi"].to_numpy()
                for grid, found in zip(grids, seen, strict=True):
                    found.append(grid.pairs(lat, lon, mmsi))
        for grid, found in zip(grids, seen, strict=True):
            grid.add(found)
    return [grid.to_dict(profile.min_vessels if profile.public else 1) for grid in grids]


# helpers ------------------------------------------------------------------------------------------


def _stop_rows(stops: pd.DataFrame, vessels: pd.DataFrame) -> list[dict[str, Any]]:
    names = vessels.drop_duplicates("mmsi").set_index("mmsi")["name"]
    return [
        {
            "kind": safe_text(stop["kind"]),
            "lon": round(float(stop["lon"]), _DECIMALS),
            "lat": round(float(stop["lat"]), _DECIMALS),
            "mmsi": int(stop["mmsi"]),
            "name": safe_text(names.get(stop["mmsi"])),
            "start": iso_time(stop["start_time"]),
            "hours": round(float(stop["dwell_h"]), 2),
        }
        for stop in stops.to_dict("records")
        if stop["kind"] in KINDS
    ]


class _Grid:
    """Number of different vessels by square."""

    def __init__(self, view: Sequence[float], columns: int) -> None:
        self.view = [float(value) for value in view]
        west, south, east, north = self.view
        self.columns = columns
        self.size = (east - west) / columns
        stretch = max(0.05, float(np.cos(np.radians((south + north) / 2))))
        self.height = self.size * stretch
        self.rows = int(np.clip(np.ceil((north - south) / self.height), 1, 4 * columns))
        self.counts = np.zeros(self.columns * self.rows, dtype=np.int64)

    def pairs(self, lat: NDArray[Any], lon: NDArray[Any], mmsi: NDArray[Any]) -> NDArray[np.int64]:
        """Different pairs of vessel and square, each as one number."""
        west, _, _, north = self.view
        column = np.floor(np.mod(lon - west, 360.0) / self.size)
        row = np.floor((north - lat) / self.height)
        inside = (column >= 0) & (column < self.columns) & (row >= 0) & (row < self.rows)
        square = (row[inside] * self.columns + column[inside]).astype(np.int64)
        return np.unique(mmsi[inside].astype(np.int64) * len(self.counts) + square)

    def add(self, found: Sequence[NDArray[np.int64]]) -> None:
        """Add the vessels of one file."""
        pairs = np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)
        self.counts += np.bincount(pairs % len(self.counts), minlength=len(self.counts))

    def to_dict(self, least: int) -> dict[str, Any] | None:
        counts = np.where(self.counts >= least, self.counts, 0)
        most = int(counts.max(initial=0))
        if most == 0:
            return None
        scale = np.log1p(counts) / np.log1p(most)
        levels = np.where(counts > 0, np.clip(np.ceil(scale * _LEVELS), 1, _LEVELS), 0).astype(np.uint8)
        west, _, _, north = self.view
        text = (levels + ord("0")).reshape(self.rows, self.columns)
        return {
            "west": west,
            "south": north - self.rows * self.height,
            "east": west + self.columns * self.size,
            "north": north,
            "least": least,
            "most": most,
            "rows": [bytes(row).decode("ascii") for row in text],
        }


def _middle(
    tables: Tables, port_id: str, berths: gpd.GeoDataFrame, stops: pd.DataFrame
) -> tuple[float, float]:
    """Longitude that all others are written near to, and a latitude: where a map of nothing lies."""
    if len(berths):
        lon, lat = centres(berths.geometry.to_numpy()[:1])[:, 0]
        return float(lon), float(lat)
    points = stops if len(stops) else tables.ports[tables.ports["port_id"] == port_id]
    if points.empty:
        return 0.0, 0.0
    return float(points["lon"].iloc[0]), float(points["lat"].iloc[0])


def _unroll(lon: Any, centre: float) -> NDArray[np.float64]:
    turned: NDArray[np.float64] = centre + geo.turn_deg(centre, lon)
    return turned


def _coordinates(line: Any, centre: float) -> list[list[float]]:
    xy = shapely.get_coordinates(line)
    lon = np.round(_unroll(xy[:, 0], centre), _DECIMALS)
    return [list(pair) for pair in zip(lon.tolist(), np.round(xy[:, 1], _DECIMALS).tolist(), strict=True)]


def _paths(shape: Any, centre: float) -> list[list[list[float]]]:
    return [_coordinates(part, centre) for part in shapely.get_parts(shape)]


def _rings(shapes: Any, centre: float) -> list[list[list[list[float]]]]:
    """For each shape its outer rings; holes do not matter at this scale."""
    return [
        [_coordinates(shapely.get_exterior_ring(part), centre) for part in shapely.get_parts(shape)]
        for shape in shapes
    ]


def _thin(stops: pd.DataFrame, limit: int) -> pd.DataFrame:
    if len(stops) <= limit:
        return stops
    return stops.iloc[np.linspace(0, len(stops) - 1, limit).astype(np.int64)] if limit else stops.iloc[:0]


def _view(atlas: dict[str, Any], middle: tuple[float, float]) -> dict[str, list[float]]:
    """Boxes of the first view (the counted berths, else all that is drawn), the whole map and the grid."""
    whole = [
        point
        for part in ("berths", "anchorages")
        for row in atlas[part]
        for ring in row["rings"]
        for point in ring
    ]
    whole += [[stop["lon"], stop["lat"]] for stop in atlas["stops"]]
    first = [point for row in atlas["berths"] if row["counted"] for ring in row["rings"] for point in ring]
    boxes = {"whole": _box(whole, middle), "first": _box(first or whole, middle)}
    # As far as readers will move the map; a grid over everything would be coarse.
    west, south, east, north = boxes["first"]
    stretch = max(0.05, float(np.cos(np.radians((south + north) / 2))))
    side = max((east - west) * stretch, north - south)
    grid = [west - side / stretch, south - side, east + side / stretch, north + side]
    return {**boxes, "grid": [round(edge, _DECIMALS) for edge in grid]}


def _box(points: list[list[float]], middle: tuple[float, float]) -> list[float]:
    if not points:
        lon, lat = middle
        points = [[lon - 0.05, lat], [lon + 0.05, lat]]
    xy = np.asarray(points)
    low, high = xy.min(axis=0), xy.max(axis=0)
    pad = np.maximum((high - low) * 0.06, 0.004)
    west, south = np.round(low - pad, _DECIMALS).tolist()
    east, north = np.round(high + pad, _DECIMALS).tolist()
    return [west, south, east, north]
