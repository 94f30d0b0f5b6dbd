"""H3 cells as signed 64-bit integers: those of positions, their parents, middles and outlines."""

from __future__ import annotations

from itertools import chain, product, repeat
from typing import TYPE_CHECKING

import h3.api.basic_int as h3
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from ais_berths.geo import turn_deg

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from ais_berths.geo import Floats

Cells = NDArray[np.int64]

# Squares in which positions are looked up together: at resolution 8 they are 54 m high, and one in seven lies
# on a border; cells of the next resolution are smaller by the root of 7.
_PER_DEG, _STEP = 2048.0, 7.0**0.5
# Nearer to the poles, and in squares with no more positions than corners, each position is looked up.
_FLAT_DEG, _CORNERS = 85.0, 4
# Corners lie this share of a side outside, as parallels bulge and numbers are rounded.
_SPARE = 0.01


def cells_at(lat: ArrayLike, lon: ArrayLike, resolution: int) -> Cells:
    """H3 cell of each position; 0 where the position is not finite.

    Examples
    --------
    >>> int(cells_at([40.68], [-74.03], 8)[0])
    613229551438266367
    """
    lats, lons = np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)
    good = np.isfinite(lats) & np.isfinite(lons) & (np.abs(lats) <= 90.0)
    out = np.zeros(lats.shape, dtype=np.int64)
    places = lats[good].tolist(), lons[good].tolist()
    out[good] = np.fromiter(map(h3.latlng_to_cell, *places, repeat(resolution)), np.int64, len(places[0]))
    return out


def find_cells(lat: ArrayLike, lon: ArrayLike, resolution: int) -> Cells:
    """H3 cell of each position, exactly as `cells_at` finds it, quickly where positions lie close together.

    H3 takes most of a microsecond for each position, so it is asked once for a small square of the sea, and
    once for positions that are sent again and again, as by ships in port.

    A square whose corners lie in one cell lies in it, as cells are convex. Those of odd resolutions are not
    where they lie across an edge of the icosahedron, so there every distinct position is looked up.

    Examples
    --------
    >>> lat, lon = np.linspace(40.68, 40.6801, 100), np.full(100, -74.03)
    >>> bool((find_cells(lat, lon, 8) == cells_at(lat, lon, 8)).all())
    True
    """
    lats, lons = np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)
    cells = np.zeros(lats.shape, dtype=np.int64)
    if resolution % 2 == 0:
        rows = np.flatnonzero((np.abs(lats) < _FLAT_DEG) & (np.abs(lons) <= 180.0))
        cells[rows] = _by_squares(lats[rows], lons[rows], resolution)
    rest = np.flatnonzero(cells == 0)
    number, first = _groups(pd.factorize(lats[rest])[0] * rest.size + pd.factorize(lons[rest])[0])
    cells[rest] = cells_at(lats[rest[first]], lons[rest[first]], resolution)[number]
    return cells


def parent_cells(cells: ArrayLike, resolution: int) -> Cells:
    """Parents at a coarser resolution, by bits: the resolution in bits 52-55, unused digits set to 7.

    Examples
    --------
    >>> cell = h3.latlng_to_cell(40.68, -74.03, 13)
    >>> int(parent_cells([cell], 10)[0]) == h3.cell_to_parent(cell, 10)
    True
    """
    values = np.asarray(cells, dtype=np.int64)
    unused = np.int64((1 << (3 * (15 - resolution))) - 1)
    return (values & ~np.int64(15 << 52)) | np.int64(resolution << 52) | unused


def cell_resolutions(cells: ArrayLike) -> NDArray[np.int64]:
    """H3 resolution of each cell."""
    return (np.asarray(cells, dtype=np.int64) >> np.int64(52)) & np.int64(15)


def cell_centres(cells: ArrayLike) -> tuple[Floats, Floats]:
    """Latitude and longitude of the middle of each cell."""
    centres = map(h3.cell_to_latlng, np.asarray(cells, dtype=np.int64).tolist())
    lat, lon = np.fromiter(chain.from_iterable(centres), dtype=np.float64).reshape(-1, 2).T
    return lat, lon


def cell_rings(cells: ArrayLike) -> tuple[Floats, Floats, NDArray[np.int64]]:
    """Longitude and latitude of the corners, cell after cell, and how many corners each cell has.

    Cells on the antimeridian have longitudes beyond 180, so that each ring is one piece.
    """
    rings = [h3.cell_to_boundary(cell) for cell in np.asarray(cells, dtype=np.int64).tolist()]
    sizes = np.array([len(ring) for ring in rings], dtype=np.int64)
    corners = chain.from_iterable(chain.from_iterable(rings))
    lat, lon = np.fromiter(corners, dtype=np.float64).reshape(-1, 2).T
    first = np.repeat(lon[np.cumsum(sizes) - sizes], sizes)
    return first + turn_deg(first, lon), lat, sizes


def cell_polygons(cells: ArrayLike) -> NDArray[np.object_]:
    """Outline of each cell in longitude and latitude, see `cell_rings`."""
    lon, lat, sizes = cell_rings(cells)
    rings = shapely.linearrings(lon, lat, indices=np.arange(len(sizes)).repeat(sizes))
    return np.asarray(shapely.polygons(rings), dtype=object)


# crowded positions ---------------------------------------------------------------------------------


def _by_squares(lat: Floats, lon: Floats, resolution: int) -> Cells:
    """Cells of positions in crowded squares that lie in one cell; 0 for the others."""
    per_deg = round(_PER_DEG * _STEP ** (resolution - 8))
    row, column = np.floor(lat * per_deg), np.floor(lon * per_deg)
    number, first = _groups(row.astype(np.int64) * (512 * per_deg) + column.astype(np.int64))
    crowded = np.bincount(number, minlength=len(first)) > _CORNERS
    south, west = row[first[crowded]], column[first[crowded]]
    corners = [
        cells_at((south + up) / per_deg, (west + right) / per_deg, resolution)
        for up, right in product((-_SPARE, 1.0 + _SPARE), repeat=2)
    ]
    alike = np.logical_and.reduce([corner == corners[0] for corner in corners])
    known = np.zeros(len(first), dtype=np.int64)
    known[crowded] = np.where(alike, corners[0], 0)
    return known[number]


def _groups(keys: NDArray[np.int64]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Number the distinct keys; return the number of each row and the first row of each number."""
    # The pings of a ship come one after the other, and most lie where the one before does.
    heads = np.flatnonzero(np.diff(keys, prepend=keys[:1] - 1))
    number, distinct = pd.factorize(keys[heads])
    first = np.empty(len(distinct), dtype=np.intp)
    first[number[::-1]] = heads[::-1]
    return np.repeat(number, np.diff(heads, append=len(keys))), first
