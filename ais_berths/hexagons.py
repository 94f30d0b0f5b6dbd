"""The predecessor's method: count pings by H3 cell, cluster the cells, join the coarser parents to areas.

The steps are those of the berth-polygon cookbook of the AIS theme group, ONS-UNECE Machine Learning Group
2022. Its parameters were never published; both settings named here are ours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import h3.api.basic_int as h3
import numpy as np
import pandas as pd
import shapely
from h3 import H3BaseException
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import minimum_spanning_tree
from sklearn.cluster import DBSCAN
from sklearn.neighbors import BallTree

from ais_berths import schema
from ais_berths.config import HexagonsConfig
from ais_berths.errors import InputError
from ais_berths.geo import EARTH_RADIUS_M, haversine_m, turn_deg
from ais_berths.groups import number_groups
from ais_berths.h3cells import cell_centres, cells_at, parent_cells

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ais_berths.h3cells import Cells

PUBLISHED = HexagonsConfig()
"""Turns the predecessor's 49 published cells into its three published clusters (30, 18 and 1).

Any `eps_m` from about 490 to 1,346 with `min_samples` 1 does.
"""

TUNED = HexagonsConfig(parent_resolution=12, min_count=5, eps_m=60.0, min_samples=500, weighted=True)
"""The method as good as we could make it; ours, not the predecessor's.

Chosen for berth F1 at IoU 0.3 on simulated ports of 7, 14 and 30 days. Its areas follow antennas, not hulls:
that, and not the choice of numbers, is its limit.
"""

SETTINGS = {"published": PUBLISHED, "tuned": TUNED}
"""The named settings."""

MAX_NEIGHBOURS = 250_000_000
"""Pairs of neighbouring cells that DBSCAN may hold at once (8 bytes each)."""


class Hexagons(NamedTuple):
    """Result of `hexagons`: areas (`HEXAGONS` with geometry), `HEXAGON_CELLS`, and coarse `CELL_COUNTS`."""

    areas: gpd.GeoDataFrame
    cells: pd.DataFrame
    counts: pd.DataFrame


def hexagons(pings: pd.DataFrame, config: HexagonsConfig = PUBLISHED) -> Hexagons:
    """Find berth areas as the predecessor did.

    Parameters
    ----------
    pings
        ``lat lon sog_kn``, and ``stop_id`` where known; see `count_cells`.
    config
        Resolutions, counts and DBSCAN settings; `PUBLISHED` or `TUNED` or your own.

    Returns
    -------
    The connected areas of the clusters, the clustered cells, and the counts at the coarse resolution (those
    the predecessor shows as its first berth areas; all slow pings, before any cell is dropped).
    """
    counts = count_cells(pings, config.fine_resolution, config.max_speed_kn)
    cells = cluster_cells(counts, config)
    coarse = count_parents(counts, config.count_resolution)
    return Hexagons(hexagon_areas(cells), cells, coarse)


def count_cells(pings: pd.DataFrame, resolution: int, max_speed_kn: float) -> pd.DataFrame:
    """Count stationary pings by H3 cell.

    Parameters
    ----------
    pings
        ``lat`` and ``lon`` (deg), ``sog_kn``. A ping without a speed counts when it has a ``stop_id``.
    resolution
        H3 resolution.
    max_speed_kn
        Pings up to this speed are stationary (kn).

    Returns
    -------
    ``cell`` and ``count``, by cell.

    Examples
    --------
    >>> pings = pd.DataFrame(
    ...     {"lat": [40.68, 40.68, 40.69], "lon": [-74.03, -74.03, -74.02], "sog_kn": [0.0, 0.4, 9.0]}
    ... )
    >>> count_cells(pings, 8, 0.5).to_dict("records")
    [{'cell': 613229551438266367, 'count': 2}]
    """
    schema.check_columns(pings.columns, "pings", ["lat", "lon", "sog_kn"])
    schema.check_frame(pings, "pings", [])
    speed = pings["sog_kn"].to_numpy(dtype=np.float64, na_value=np.nan)
    slow = speed <= max_speed_kn
    if "stop_id" in pings.columns:
        slow |= np.isnan(speed) & pings["stop_id"].notna().to_numpy()
    cells = cells_at(pings["lat"].to_numpy()[slow], pings["lon"].to_numpy()[slow], resolution)
    cell, count = np.unique(cells[cells != 0], return_counts=True)
    return pd.DataFrame({"cell": cell, "count": count.astype(np.int64)})


def count_parents(counts: pd.DataFrame, resolution: int) -> pd.DataFrame:
    """Add up counts by parent cell.

    A few per cent of positions lie in a parent's child but not in the parent's outline; counting by parents
    keeps the sums of both resolutions equal.
    """
    parents = counts.assign(cell=parent_cells(counts["cell"], resolution))
    return parents.groupby("cell", sort=True)["count"].sum().reset_index()


def cluster_cells(counts: pd.DataFrame, config: HexagonsConfig) -> pd.DataFrame:
    """Cluster counted cells with DBSCAN over their centres, in metres on the sphere.

    Parameters
    ----------
    counts
        ``cell`` (fine) and ``count``.
    config
        ``min_count``, ``eps_m``, ``min_samples`` and ``parent_resolution``; with ``weighted`` a cell weighs
        as much as its pings.

    Returns
    -------
    ``cell count cluster parent``, by cell, without the cells below ``min_count``. Clusters are numbered by
    their number of cells, largest first; -1 is noise. The order of the rows of `counts` does not matter.

    Raises
    ------
    InputError
        One group of cells has so many neighbours within ``eps_m`` that memory would not suffice.

    Examples
    --------
    >>> ring = h3.grid_disk(h3.latlng_to_cell(-28.79, 32.03, 13), 1)
    >>> far = h3.latlng_to_cell(-28.85, 32.03, 13)
    >>> cells = cluster_cells(pd.DataFrame({"cell": [far, *ring], "count": 2}), PUBLISHED)
    >>> cells["cluster"].value_counts().to_dict()
    {0: 7, 1: 1}
    """
    cells = counts.loc[counts["count"] >= config.min_count, ["cell", "count"]]
    cells = cells.sort_values("cell", ignore_index=True)
    centres = np.radians(np.column_stack(cell_centres(cells["cell"])))
    reach = config.eps_m / EARTH_RADIUS_M
    cluster = np.full(len(cells), -1, dtype=np.int64)
    taken = 0
    for rows in _independent(cells["cell"].to_numpy(), config):
        weights = cells["count"].to_numpy()[rows] if config.weighted else None
        labels = _dbscan(centres[rows], reach, config, weights)
        cluster[rows] = np.where(labels >= 0, labels + taken, -1)
        taken += labels.max() + 1
    cells["cluster"] = _renumber(cluster)
    cells["parent"] = parent_cells(cells["cell"], config.parent_resolution)
    return schema.conform(cells, "hexagon_cells")


def connect_cells(cells: ArrayLike) -> Cells:
    """Add the cells that join disconnected pieces.

    The pieces are linked along a minimum spanning tree of the distances between their nearest cells, and each
    link is filled with an H3 grid path.

    Parameters
    ----------
    cells
        H3 cells of one resolution.

    Returns
    -------
    The cells and the fillers, sorted.

    Examples
    --------
    >>> start = h3.latlng_to_cell(-28.79, 32.03, 10)
    >>> len(connect_cells([start, sorted(h3.grid_ring(start, 4))[0]]))
    5
    """
    parts = np.unique(np.asarray(cells, dtype=np.int64))
    if parts.size == 0:
        return parts
    piece = _pieces(parts)
    fillers = [parts]
    for start, end in _links(parts, piece):
        fillers.append(_path(start, end))
    return np.unique(np.concatenate(fillers))


def hexagon_areas(cells: pd.DataFrame) -> gpd.GeoDataFrame:
    """Unite the connected parents of each cluster.

    Parameters
    ----------
    cells
        Result of `cluster_cells`; noise is left out.

    Returns
    -------
    The table `HEXAGONS` with the outline of each area in degrees. An area across the antimeridian runs on
    beyond 180.
    """
    rows, shapes = [], []
    for cluster, group in cells[cells["cluster"] >= 0].groupby("cluster", sort=True):
        parents = np.unique(group["parent"].to_numpy())
        area = connect_cells(parents)
        rows.append((cluster, len(area), _pieces(parents).max() + 1, len(group), group["count"].sum()))
        shapes.append(_outline(area))
    frame = schema.conform(pd.DataFrame(rows, columns=schema.HEXAGONS.names), "hexagons")
    return gpd.GeoDataFrame(frame, geometry=shapes, crs="EPSG:4326")


# clusters -----------------------------------------------------------------------------------------


def _independent(cells: Cells, config: HexagonsConfig) -> list[NDArray[np.intp]]:
    """Groups of rows that are farther apart than eps, so that DBSCAN can work on each separately."""
    if cells.size == 0:
        return []
    parents, row = np.unique(parent_cells(cells, config.parent_resolution), return_inverse=True)
    edge = h3.average_hexagon_edge_length(config.parent_resolution, unit="m")
    # Two centres within eps have parents whose centres are at most this far apart.
    reach = (config.eps_m + 4 * edge) / EARTH_RADIUS_M
    centres = np.radians(np.column_stack(cell_centres(parents)))
    group = DBSCAN(eps=reach, min_samples=1, metric="haversine", algorithm="ball_tree").fit_predict(centres)
    ordered = np.argsort(group[row], kind="stable")
    return np.split(ordered, np.flatnonzero(np.diff(group[row][ordered])) + 1)


def _dbscan(
    centres: NDArray[np.float64], reach: float, config: HexagonsConfig, weights: NDArray[np.int64] | None
) -> NDArray[np.int64]:
    pairs = int(BallTree(centres, metric="haversine").query_radius(centres, reach, count_only=True).sum())
    if pairs > MAX_NEIGHBOURS:
        lat, lon = np.degrees(centres.mean(axis=0))
        raise InputError(
            f"the {len(centres)} cells around {lat:.2f}, {lon:.2f} have {pairs} neighbours within "
            f"{config.eps_m:g} m, expected at most {MAX_NEIGHBOURS}; raise min_count, or lower eps_m or "
            "fine_resolution"
        )
    model = DBSCAN(eps=reach, min_samples=config.min_samples, metric="haversine", algorithm="ball_tree")
    labels: NDArray[np.int64] = model.fit(centres, sample_weight=weights).labels_
    return labels


def _renumber(cluster: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number clusters by size; equal ones keep their order, which is that of their first cell."""
    names, first, size = np.unique(cluster, return_index=True, return_counts=True)
    order = np.lexsort((first, -size, names < 0))
    number = np.empty(len(names), dtype=np.int64)
    number[order] = np.arange(len(names))
    return np.where(cluster < 0, -1, number[np.searchsorted(names, cluster)])


# areas --------------------------------------------------------------------------------------------


def _pieces(cells: Cells) -> NDArray[np.int64]:
    """Number the connected pieces of sorted cells."""
    around = [h3.grid_disk(cell, 1) for cell in cells.tolist()]
    row = np.repeat(np.arange(len(cells)), [len(disk) for disk in around])
    beside = np.fromiter((cell for disk in around for cell in disk), dtype=np.int64, count=len(row))
    column = np.minimum(np.searchsorted(cells, beside), len(cells) - 1)
    linked = cells[column] == beside
    return number_groups(row[linked], column[linked], len(cells))


def _links(cells: Cells, piece: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Nearest cells of the pieces that a minimum spanning tree joins."""
    n = int(piece.max()) + 1
    centres = np.radians(np.column_stack(cell_centres(cells)))
    distance = np.zeros((n, n))
    nearest = np.zeros((n, n, 2), dtype=np.int64)
    for one in range(n):
        inside = np.flatnonzero(piece == one)
        apart, which = BallTree(centres[inside], metric="haversine").query(centres)
        order = np.lexsort((apart[:, 0], piece))
        first = order[np.searchsorted(piece[order], np.arange(n))]
        distance[one] = apart[first, 0]
        nearest[one] = np.column_stack([cells[inside[which[first, 0]]], cells[first]])
    tree = coo_matrix(minimum_spanning_tree(distance))
    return [tuple(nearest[i, j].tolist()) for i, j in zip(tree.row, tree.col, strict=True)]


def _path(start: int, end: int) -> Cells:
    try:
        return np.array(h3.grid_path_cells(start, end), dtype=np.int64)
    except H3BaseException:
        # H3 has no grid path near its twelve pentagons: walk along the straight line in half edges.
        lat, lon = cell_centres([start, end])
        edge = h3.average_hexagon_edge_length(h3.get_resolution(start), unit="m")
        steps = np.linspace(0, 1, int(2 * haversine_m(lat[0], lon[0], lat[1], lon[1]) / edge) + 2)
        return cells_at(
            lat[0] + steps * (lat[1] - lat[0]),
            turn_deg(0, lon[0] + steps * turn_deg(*lon)),
            h3.get_resolution(start),
        )


def _outline(cells: Cells) -> shapely.Geometry:
    """Outline of connected cells, in one piece also across the antimeridian."""
    shape = h3.cells_to_h3shape(cells.tolist(), tight=True)
    polygons = [shape] if isinstance(shape, h3.LatLngPoly) else list(shape)
    lon0 = polygons[0].outer[0][1]

    def unwrap(ring: tuple[tuple[float, float], ...]) -> NDArray[np.float64]:
        lat, lon = np.array(ring).T
        return np.column_stack([lon0 + turn_deg(lon0, lon), lat])

    parts = [shapely.Polygon(unwrap(part.outer), [unwrap(hole) for hole in part.holes]) for part in polygons]
    outline = parts[0] if len(parts) == 1 else shapely.MultiPolygon(parts)
    return shapely.transform(outline, lambda xy: xy + np.array([[360.0 * (outline.bounds[0] < -180), 0.0]]))
