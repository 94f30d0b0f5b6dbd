"""H3 cells of berths: the form in which SQL engines and the UN Global Platform join pings with berths."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h3.api.basic_int as h3
import numpy as np
import pandas as pd
import shapely

from ais_berths import schema
from ais_berths.errors import InputError
from ais_berths.geo import Plane, turn_deg
from ais_berths.h3cells import cell_rings

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

# Of one berth; more would take gigabytes.
_MOST_CELLS = 500_000
# Pairs of a berth and a cell, whose hexagon takes a kilobyte.
_PAIRS_AT_ONCE = 20_000
_KM2_PER_DEG2 = 111.2**2


def berth_cells(berths: gpd.GeoDataFrame, resolution: int = 12) -> pd.DataFrame:
    """H3 cells that overlap the berths, each given to one berth only, and to as many berths as possible.

    Parameters
    ----------
    berths
        ``berth_id``, ``port_id`` and polygons in degrees; berths across the antimeridian may be cut or run on
        beyond 180.
    resolution
        H3 resolution.

    Returns
    -------
    The table `BERTH_CELLS`, sorted by berth and cell. A cell under several berths goes to the one that covers
    the largest share of it, at equal shares to the first by ``berth_id``. A berth that gets none in this way
    takes the cell of which it covers most from a berth that has a better one. Where no such cell is left, as
    with many small berths in one cell, it stays without; a finer resolution then helps.

    Raises
    ------
    InputError
        A berth is larger than a berth can be.

    Examples
    --------
    >>> import geopandas as gpd
    >>> pier = gpd.GeoDataFrame(
    ...     {"berth_id": ["suva-1"], "port_id": ["55410"]},
    ...     geometry=[shapely.box(178.4210, -18.1330, 178.4213, -18.1315)],
    ...     crs="EPSG:4326",
    ... )
    >>> len(berth_cells(pier)), len(berth_cells(pier, resolution=9))
    (35, 2)
    """
    schema.check_frame(berths, "berths", ["berth_id", "port_id"])
    berths = berths[~(berths.geometry.isna() | berths.geometry.is_empty)]
    shapes = (berths if berths.crs is None else berths.to_crs("EPSG:4326")).geometry.to_numpy()
    _check_sizes(berths["berth_id"], shapes, resolution)
    plane = Plane.around(shapely.get_coordinates(shapes)[:, 0])
    # A buffer of nothing joins the halves of a berth that was cut at the antimeridian.
    flat = shapely.buffer(plane.from_degrees(shapes), 0.0)
    row, cell = _candidates(flat, plane, resolution)
    share = np.empty(len(cell))
    for first in range(0, len(cell), _PAIRS_AT_ONCE):
        some = slice(first, first + _PAIRS_AT_ONCE)
        unique, place = np.unique(cell[some], return_inverse=True)
        share[some] = _shares(flat[row[some]], _hexagons(unique, plane)[place])
    names = berths["berth_id"].astype("string").to_numpy()
    # The place of a name in the alphabet: a text for each of the cells of the world would take much room.
    rank = np.empty(len(names), dtype=np.int64)
    rank[np.argsort(names, kind="stable")] = np.arange(len(names))
    order = np.lexsort((rank[row], -share, cell))
    order = order[share[order] > 0]
    cell, row = _owners(cell[order], row[order], share[order], rank)
    table = {"hex_id": cell, "hex_resolution": resolution, "polygon_name": names[row], "berth_id": names[row]}
    ports = berths["port_id"].astype("string").to_numpy()
    return schema.conform(pd.DataFrame(table | {"port_id": ports[row]}), "berth_cells")


def _owners(
    cell: NDArray[np.int64], row: NDArray[np.intp], share: NDArray[np.float64], rank: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Give each cell to one berth row; pairs come by cell, the largest share of each cell first."""
    first = np.flatnonzero(np.diff(cell, prepend=-1))
    owned, owner = cell[first], row[first]
    best = np.zeros(len(rank))
    np.maximum.at(best, owner, share[first])
    poor = np.flatnonzero(~np.isin(row, owner))
    for pair in poor[np.lexsort((cell[poor], rank[row[poor]], -share[poor]))]:
        at = np.searchsorted(owned, cell[pair])
        # Nobody gives its best cell away, so nobody else ends with none.
        if best[row[pair]] == 0.0 and share[first[at]] < best[owner[at]]:
            owner[at], best[row[pair]] = row[pair], np.inf
    order = np.lexsort((owned, rank[owner]))
    return owned[order], owner[order]


def _check_sizes(names: pd.Series[str], shapes: NDArray[np.object_], resolution: int) -> None:
    """Raise where a shape takes more cells than a true one can."""
    lat = shapely.get_y(shapely.centroid(shapes))
    km2 = shapely.area(shapes) * _KM2_PER_DEG2 * np.cos(np.radians(lat))
    if len(km2) and km2.max() > _MOST_CELLS * h3.average_hexagon_area(resolution, unit="km^2"):
        worst = int(km2.argmax())
        raise InputError(
            f"the berth {names.iloc[worst]} covers {km2[worst]:,.0f} km2, far too much; correct its shape"
        )


def cell_list(cells: pd.DataFrame) -> pd.DataFrame:
    """Berth cells with the three columns of the platform's own cell lists.

    Returns
    -------
    ``hex_id`` (int64), ``polygon_name``, ``hex_resolution``, as ``polygon_to_hex_df`` of the UN Global
    Platform's ``ais`` package returns them.
    """
    return cells[["hex_id", "polygon_name", "hex_resolution"]].reset_index(drop=True)


def _hexagons(cells: NDArray[np.int64], plane: Plane) -> NDArray[np.object_]:
    """Outline of each cell in plane units."""
    lon, lat, sizes = cell_rings(cells)
    rings = shapely.linearrings(*plane.forward(lon, lat), indices=np.arange(len(sizes)).repeat(sizes))
    return np.asarray(shapely.polygons(rings), dtype=object)


def _shares(shapes: NDArray[np.object_], hexagons: NDArray[np.object_]) -> NDArray[np.float64]:
    """Share of each hexagon that its berth covers."""
    shapely.prepare(shapes)
    share = np.asarray(shapely.contains_properly(shapes, hexagons), dtype=np.float64)
    cut = np.flatnonzero((share == 0.0) & shapely.intersects(shapes, hexagons))
    share[cut] = shapely.area(shapely.intersection(shapes[cut], hexagons[cut])) / shapely.area(hexagons[cut])
    return share


def _candidates(
    flat: NDArray[np.object_], plane: Plane, resolution: int
) -> tuple[NDArray[np.intp], NDArray[np.int64]]:
    """Pairs of berth row and cell whose middle lies within two edges of the berth."""
    if len(flat) == 0:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.int64)
    reach = 2 * h3.average_hexagon_edge_length(resolution, unit="m")
    _, lat = plane.inverse(*np.nan_to_num(shapely.get_coordinates(shapely.centroid(flat)).T))
    # One outline per berth, filled by cell centres: no experimental part of H3 is needed.
    wide = shapely.buffer(flat, reach * plane.scale(lat), quad_segs=2)
    rows, cells = [], []
    for row, outline in enumerate(plane.to_degrees(shapely.convex_hull(wide))):
        ring = shapely.get_coordinates(outline)
        polygon = h3.LatLngPoly(np.column_stack([ring[:, 1], turn_deg(0.0, ring[:, 0])]).tolist())
        inside = h3.h3shape_to_cells(polygon, resolution)
        rows.append(np.full(len(inside), row, dtype=np.intp))
        cells.append(np.array(inside, dtype=np.int64))
    return np.concatenate(rows), np.concatenate(cells)
