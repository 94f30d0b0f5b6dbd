"""H3 cells of many positions that lie close together, as those of ships in port do.

H3 takes most of a microsecond for each position, so it is asked once for a small square of the sea, and once
for positions that are sent again and again.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths.geo import cells_at

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ais_berths.geo import Cells, Floats

# At resolution 8 squares are 54 m high, and one in seven lies on a border; cells of the next resolution are
# smaller by the root of 7.
_PER_DEG, _STEP = 2048.0, 7.0**0.5
_FLAT_DEG = 85.0
_CORNERS, _SPARE = 4, 0.01


def find_cells(lat: ArrayLike, lon: ArrayLike, resolution: int) -> Cells:
    """H3 cell of each position, exactly as `geo.cells_at` finds it; 0 where the position is not finite.

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


def _by_squares(lat: Floats, lon: Floats, resolution: int) -> Cells:
    """Cells of positions in crowded squares that lie in one cell; 0 for the others."""
    per_deg = round(_PER_DEG * _STEP ** (resolution - 8))
    row, column = np.floor(lat * per_deg), np.floor(lon * per_deg)
    number, first = _groups(row.astype(np.int64) * (512 * per_deg) + column.astype(np.int64))
    crowded = np.bincount(number, minlength=len(first)) > _CORNERS
    south, west = row[first[crowded]], column[first[crowded]]
    # Corners a little outside, as parallels bulge and numbers are rounded.
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
