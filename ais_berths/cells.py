"""H3 cells around ports or in a box, each with its nearest port."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import geopandas as gpd
import h3.api.basic_int as h3
import h3.api.numpy_int as h3_numpy
import numpy as np
import pandas as pd
import shapely

from ais_berths.errors import ConfigError, InputError, PortError
from ais_berths.geo import EARTH_RADIUS_M, METRES_PER_NM, Plane, haversine_m, turn_deg
from ais_berths.h3cells import cell_centres, cell_polygons, cells_at
from ais_berths.ports import nearest_port, port_areas
from ais_berths.raster import CellFilter, distinct
from ais_berths.schema import conform, empty

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator

    from ais_berths.config import CellsConfig
    from ais_berths.geo import Floats
    from ais_berths.h3cells import Cells

__all__ = ["CellFilter", "box_cells", "cells_geometry", "port_cells"]

# Cells that are measured at once, and the most that a run can have; distance between points from which the
# cells near areas are looked for (m); a box is cut into pieces of this many degrees.
_BLOCK = 500_000
_MAX_CELLS = 50_000_000
_SEED_SPACING_M = 5000.0
_PIECE_DEG = 5.0


def port_cells(ports: pd.DataFrame, config: CellsConfig, only: Collection[str] | None = None) -> pd.DataFrame:
    """H3 cells whose middle lies within the radius and the margin of a port.

    Distances are great-circle metres to the nearest point of a port, or to its area.

    Parameters
    ----------
    ports
        Table PORTS: all of them, so that each cell goes to the port it is nearest to.
    config
        Radius, margin and H3 resolution.
    only
        Ids of the chosen ports. Cells are then those around the chosen ports, also where another port is
        nearer, and the margin is what lies beyond the radius of every chosen port.

    Returns
    -------
    Table CELLS, in the order of the cell numbers.

    Raises
    ------
    PortError
        A chosen port is not in the list.
    ConfigError
        The settings make more cells than any computer can hold.

    Examples
    --------
    >>> from ais_berths.config import CellsConfig
    >>> from ais_berths.ports import builtin_ports
    >>> cells = port_cells(builtin_ports(), CellsConfig(radius_nm=2, margin_m=500), only=["31140"])
    >>> len(cells), sorted(cells["port_id"].unique())
    (90, ['31130', '31140'])
    """
    chosen = ports
    if only is not None:
        unknown = sorted(set(only) - set(ports["port_id"]))
        if unknown:
            raise PortError(f"the port list has no port_id {', '.join(unknown)}")
        chosen = ports[ports["port_id"].isin(list(only))]
    radius_m = config.radius_nm * METRES_PER_NM

    def beyond(lat: Floats, lon: Floats, distance_m: Floats) -> Floats:
        return (distance_m if only is None else nearest_port(lat, lon, chosen)[1]) - radius_m

    candidates = _cells_around(chosen, radius_m + config.margin_m, config.resolution)
    return _assigned(candidates, beyond, config.margin_m, ports)


def box_cells(
    bbox: tuple[float, float, float, float], ports: pd.DataFrame, config: CellsConfig
) -> pd.DataFrame:
    """H3 cells whose middle lies in a box of latitude and longitude, and in the margin around it.

    Parameters
    ----------
    bbox
        West, south, east and north (deg); a box with west greater than east crosses the antimeridian.
    ports
        Table PORTS: each cell goes to the nearest, however far.
    config
        Margin and H3 resolution; the radius has no effect.

    Returns
    -------
    Table CELLS, in the order of the cell numbers.

    Raises
    ------
    InputError
        The box is not a box.
    ConfigError
        The box has more cells than any computer can hold.
    """
    west, south, east, north = bbox
    if not (abs(west) <= 180 and abs(east) <= 180 and west != east and -90 <= south < north <= 90):
        raise InputError(
            f"the box {west}, {south}, {east}, {north} is not west, south, east, north in degrees, "
            "with longitudes from -180 to 180, and the south below the north"
        )
    width = (east - west) % 360 or 360.0

    def beyond(lat: Floats, lon: Floats, _: Floats) -> Floats:
        # Nearest point of the box; along a meridian it is at nearly the same latitude this close to it.
        past_east = np.maximum(np.abs(turn_deg(west + width / 2, lon)) - width / 2, 0.0)
        return haversine_m(lat, past_east, np.clip(lat, south, north), 0.0)

    candidates = _cells_in_box((west, south, west + width, north), config.margin_m, config.resolution)
    return _assigned(candidates, beyond, config.margin_m, ports)


def cells_geometry(cells: pd.DataFrame) -> gpd.GeoDataFrame:
    """Outlines of the cells, to be written as GeoParquet or GeoJSON.

    Returns
    -------
    The table with a column `geometry` (EPSG:4326). Outlines that cross the antimeridian are in one piece,
    with longitudes beyond 180; the GeoJSON writer cuts them.
    """
    shapes = cell_polygons(cells["cell"])
    west = shapely.bounds(shapes).reshape(-1, 4)[:, 0] < -180.0
    shapes[west] = shapely.transform(shapes[west], lambda xy: np.add(xy, [360.0, 0.0]))
    return gpd.GeoDataFrame(cells.copy(), geometry=shapes, crs="EPSG:4326")


# candidates ---------------------------------------------------------------------------------------


def _assigned(
    candidates: Cells,
    beyond: Callable[[Floats, Floats, Floats], Floats],
    margin_m: float,
    ports: pd.DataFrame,
) -> pd.DataFrame:
    """Table CELLS of the candidates that lie at most the margin beyond, each with its nearest port."""
    parts = []
    for start in range(0, len(candidates), _BLOCK):
        block = candidates[start : start + _BLOCK]
        lat, lon = cell_centres(block)
        port_id, distance_m = nearest_port(lat, lon, ports)
        past_m = beyond(lat, lon, distance_m)
        keep = past_m <= margin_m
        columns = {"cell": block, "port_id": port_id, "distance_m": distance_m, "in_margin": past_m > 0}
        parts.append(conform(pd.DataFrame({name: column[keep] for name, column in columns.items()}), "cells"))
    return pd.concat(parts, ignore_index=True) if parts else empty("cells")


def _cells_around(ports: pd.DataFrame, limit_m: float, resolution: int) -> Cells:
    """At least the cells whose middle lies within the limit of a port."""
    seeds = cells_at(ports["lat"], ports["lon"], resolution)
    reaches = np.full(len(seeds), limit_m)
    for _, area in port_areas(ports):
        lat, lon = _lattice(area, _SEED_SPACING_M)
        seeds = np.append(seeds, cells_at(lat, lon, resolution))
        reaches = np.append(reaches, np.full(len(lat), limit_m + _SEED_SPACING_M))

    def disks() -> Iterator[Cells]:
        for seed, reach_m in zip(seeds.tolist(), reaches.tolist(), strict=True):
            # Cells are squeezed up to 1.26 times more one way than the other, and rings are hexagons.
            spacing_m = np.sqrt(h3.cell_area(seed, unit="m^2") * 2 / np.sqrt(3))
            rings = int(np.ceil((reach_m + spacing_m) / (0.74 * spacing_m)))
            yield h3_numpy.grid_disk(seed, rings).view(np.int64)

    return _union(disks())


def _cells_in_box(box: tuple[float, float, float, float], margin_m: float, resolution: int) -> Cells:
    """At least the cells whose middle lies in the box and its margin; the east may lie beyond 180."""
    west, south, east, north = box
    up = np.degrees(margin_m / EARTH_RADIUS_M) * 1.01
    south, north = max(south - up, -90.0), min(north + up, 90.0)
    wide = up / max(np.cos(np.radians(max(-south, north))), 1e-3)
    west, east = (west - wide, east + wide) if east - west + 2 * wide < 360 else (-180.0, 180.0)

    share = (np.sin(np.radians(north)) - np.sin(np.radians(south))) / 2 * (east - west) / 360
    if share * h3.get_num_cells(resolution) > _MAX_CELLS:
        raise _too_many()

    def pieces() -> Iterator[Cells]:
        lats = np.linspace(south, north, int(np.ceil((north - south) / _PIECE_DEG)) + 1)
        lons = np.linspace(west, east, int(np.ceil((east - west) / _PIECE_DEG)) + 1)
        lons = np.union1d(lons, [lon for lon in (-180.0, 180.0) if west < lon < east])
        for low, high in itertools.pairwise(lats):
            for left, right in itertools.pairwise(lons):
                turn = 360.0 * np.floor(((left + right) / 2 + 180) / 360)
                ring = [(low, left - turn), (low, right - turn), (high, right - turn), (high, left - turn)]
                yield h3_numpy.h3shape_to_cells(h3.LatLngPoly(ring), resolution).view(np.int64)

    return _union(pieces())


def _lattice(area: shapely.Geometry, spacing_m: float) -> tuple[Floats, Floats]:
    """Points so dense that every point of the area is within the spacing of one."""
    plane = Plane.around(shapely.get_coordinates(area)[:, 0])
    shape = plane.from_degrees(area)
    step = spacing_m * float(plane.scale(np.abs(shapely.get_coordinates(area)[:, 1]).min()))
    west, south, east, north = shapely.bounds(shape)
    x, y = np.meshgrid(np.arange(west, east + step, step), np.arange(south, north + step, step))
    close = shapely.dwithin(shape, shapely.points(x.ravel(), y.ravel()), step)
    lon, lat = plane.inverse(x.ravel()[close], y.ravel()[close])
    return lat, lon


def _too_many() -> ConfigError:
    return ConfigError(
        f"these ports or this box have more than {_MAX_CELLS // 10**6} million cells; "
        "choose fewer ports, a smaller box or a coarser cells.resolution"
    )


def _union(parts: Iterable[Cells]) -> Cells:
    """Sorted cells of all parts, each once."""
    merged, waiting, size = np.empty(0, dtype=np.int64), [], 0
    for part in parts:
        waiting.append(part)
        size += len(part)
        if size > _MAX_CELLS // 4:
            merged, waiting, size = distinct(np.concatenate([merged, *waiting])), [], 0
        if len(merged) > _MAX_CELLS:
            raise _too_many()
    return distinct(np.concatenate([merged, *waiting]))
