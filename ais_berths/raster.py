"""A fast and exact test of which positions lie in a set of H3 cells."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import h3.api.memview_int as h3_views
import numpy as np
import pandas as pd
from scipy import ndimage

from ais_berths.compiled import compiled
from ais_berths.errors import InputError
from ais_berths.h3cells import cell_resolutions, cell_rings, cells_at, find_cells, parent_cells

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import ArrayLike, NDArray

    from ais_berths.geo import Floats
    from ais_berths.h3cells import Cells

    Mask = NDArray[np.bool_]
    Ints = NDArray[np.int64]

# Poleward of this, H3 is used for every position: meridians converge there, and there are no ports.
_POLAR_DEG = 85
_OUT, _EDGE, _INSIDE = 0, 1, 2
TILES_PER_DEG = 4
"""Tiles along a degree of latitude or longitude."""

TILE_STRIDE = 1 << 11
"""Difference between the numbers of a tile and of the next one north, in `CellFilter.tiles`."""

_TILE_ROWS, _TILE_COLUMNS = 180 * TILES_PER_DEG, 360 * TILES_PER_DEG
_CAP = (90 - _POLAR_DEG) * TILES_PER_DEG  # rows of tiles
_SIDE = 64  # pixels along a tile
_PER_TILE = _SIDE * _SIDE
_PER_DEG = TILES_PER_DEG * _SIDE
_ROWS, _COLUMNS = 180 * _PER_DEG, 360 * _PER_DEG
# Cells and pixels that are looked at together, for the sake of memory.
_BLOCK, _MAX_PLACES = 20_000, 1 << 21
# Larger cells than those of this resolution are no filter.
_COARSEST = 5
# What `CellFilter` finds from its other attributes.
_DERIVED = ("tiles", "_hashed")
# An odd number: products with it differ in their upper bits where cells differ in any.
_SCATTER = 0x1E3779B97F4A7C15
_RESOLUTION = 15 << 52


class CellFilter:
    """Tells which positions lie in a set of H3 cells of one resolution.

    The globe is cut into tiles of a quarter of a degree, and these into 64 x 64 pixels. A pixel is an edge
    pixel if it touches the box around a cell with a neighbour outside the set. Every other pixel lies wholly
    inside or wholly outside, as the border of the set runs through edge pixels only; so one exact test is
    enough for all connected ones. Only positions on edge pixels need H3.

    Parameters
    ----------
    cells
        H3 cells, or a table with the column `cell`.
    resolution
        H3 resolution of all of them.

    Raises
    ------
    InputError
        Some cells have another resolution.

    Examples
    --------
    >>> from ais_berths.h3cells import cells_at
    >>> tester = CellFilter(cells_at([40.68], [-74.03], 8), 8)
    >>> tester.inside([40.68, 40.75, float("nan")], [-74.03, -74.03, 0.0]).tolist()
    [True, False, False]
    """

    def __init__(self, cells: pd.DataFrame | ArrayLike, resolution: int) -> None:
        if not _COARSEST <= resolution <= 15:
            raise InputError(f"the H3 resolution is {resolution}, expected {_COARSEST} to 15")
        values = cells["cell"] if isinstance(cells, pd.DataFrame) else cells
        ordered = distinct(np.asarray(values, dtype=np.int64))
        others = np.setdiff1d(cell_resolutions(ordered), [resolution])
        if others.size:
            raise InputError(f"the cells have H3 resolution {others[0]}, expected {resolution}")
        self.resolution = resolution
        self._slots, self._tiles = _raster(ordered, resolution)
        # Cells are found by their ancestor three resolutions up, and a table of its 512 descendants.
        ancestors = parent_cells(ordered, resolution - 3)
        self._ancestors = distinct(ancestors)
        self._members = np.zeros((len(self._ancestors), 512), dtype=bool)
        self._members[np.searchsorted(self._ancestors, ancestors), self._last_digits(ordered)] = True

    @classmethod
    def load(cls, path: str | Path) -> CellFilter:
        """Read a filter that `save` wrote."""
        found = cls.__new__(cls)
        # Opened here: where the file is damaged, numpy would leave it open.
        with Path(path).open("rb") as file, np.load(file, allow_pickle=False) as arrays:
            vars(found).update({name: arrays[name] for name in arrays.files})
        found.resolution = int(found.resolution)
        return found

    def save(self, path: str | Path) -> None:
        """Write the filter as a file with the suffix ``.npz``, which is quicker to read than to make anew."""
        np.savez(path, **{name: value for name, value in vars(self).items() if name not in _DERIVED})

    def __len__(self) -> int:
        return int(self._members.sum())

    @cached_property
    def tiles(self) -> NDArray[np.int32]:
        """Numbers of the tiles that may hold positions of the set: ``row * TILE_STRIDE + column``.

        Row and column are whole tiles from 90 south and 180 west; 90 north and 180 east have their own.
        """
        row, column = np.nonzero(np.vstack([self._slots, self._slots[-1:]]))
        return (row * TILE_STRIDE + column).astype(np.int32)

    def near(self, lat: ArrayLike, lon: ArrayLike) -> Mask:
        """Mask of the positions that may lie in the set: it misses none, and costs next to nothing.

        Positions that are not finite, beyond the poles or beyond 180 degrees are never near.
        """
        mask: Mask = self._states(lat, lon) != _OUT
        return mask

    def inside(self, lat: ArrayLike, lon: ArrayLike) -> Mask:
        """Mask of the positions that lie in the set: exactly those whose H3 cell belongs to it."""
        states = self._states(lat, lon)
        edge = np.flatnonzero(states == _EDGE)
        mask: Mask = states == _INSIDE
        cells = find_cells(np.asarray(lat)[edge], np.asarray(lon)[edge], self.resolution)
        mask[edge] = self.has_cells(cells)
        return mask

    def has_cells(self, cells: ArrayLike) -> Mask:
        """Mask of the cells that belong to the set; cells of other resolutions never do."""
        values = np.asarray(cells, dtype=np.int64)
        return _among(values, self._ancestors, self._hashed, self._members, self.resolution)

    @cached_property
    def _hashed(self) -> NDArray[np.int32]:
        """Numbers of the ancestors in a table, at most a quarter full, that finds them; see `_scatter`."""
        return _scatter(self._ancestors, 1 << max(4, (4 * len(self._ancestors) - 1).bit_length()))

    def _last_digits(self, cells: Cells) -> Ints:
        return (cells >> (3 * (15 - self.resolution))) & 511

    def _states(self, lat: ArrayLike, lon: ArrayLike) -> NDArray[np.uint8]:
        lats, lons = np.asarray(lat, dtype=np.float64), np.asarray(lon, dtype=np.float64)
        return _look_up(lats, lons, self._slots, self._tiles)


# rows of input -------------------------------------------------------------------------------------


@compiled
def _look_up(
    lat: Floats, lon: Floats, slots: NDArray[np.integer], tiles: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """State of the pixel of each position."""
    states = np.zeros(len(lat), np.uint8)
    for i in range(len(lat)):
        y, x = lat[i] * _PER_DEG + _ROWS / 2, lon[i] * _PER_DEG + _COLUMNS / 2
        # Also false for what is not a number.
        if 0 <= y <= _ROWS and 0 <= x <= _COLUMNS:
            row, column = min(int(y), _ROWS - 1), int(x)
            slot = slots[row >> 6, column >> 6]
            if slot:
                states[i] = tiles[slot, row & 63, column & 63]
    return states


@compiled
def _scatter(ancestors: Cells, size: int) -> NDArray[np.int32]:
    """Table of a power of two in which `_slot` finds the number of each cell; -1 where none stands."""
    slots = np.full(size, -1, np.int32)
    shift = _shift(size)
    for number in range(len(ancestors)):
        slots[_slot(ancestors[number], ancestors, slots, shift)] = number
    return slots


@compiled
def _among(cells: Cells, ancestors: Cells, slots: NDArray[np.int32], members: Mask, resolution: int) -> Mask:
    """Whether each cell is one of those that the ancestors and the table of their descendants hold."""
    mask = np.zeros(len(cells), np.bool_)
    # A cell holds its resolution, its digits, and ones in place of the digits that it does not have.
    digits = 3 * (15 - resolution)
    form, filled = _RESOLUTION | (1 << digits) - 1, resolution << 52 | (1 << digits) - 1
    shift = _shift(len(slots))
    for i in range(len(cells)):
        cell = cells[i]
        if cell & form == filled:
            ancestor = cell & ~_RESOLUTION | (resolution - 3) << 52 | (512 << digits) - 1
            number = slots[_slot(ancestor, ancestors, slots, shift)]
            if number >= 0:
                mask[i] = members[number, (cell >> digits) & 511]
    return mask


@compiled
def _shift(size: int) -> int:
    """Shift that leaves as many upper bits of 64 as number the slots of a table of this size."""
    shift = 64
    while 1 << (64 - shift) < size:
        shift -= 1
    return shift


@compiled
def _slot(cell: int, ancestors: Cells, slots: NDArray[np.int32], shift: int) -> int:
    """Slot of a cell, or the free one where it would stand: the one that its number gives, or soon after."""
    slot = (cell * _SCATTER >> shift) & (len(slots) - 1)
    while slots[slot] >= 0 and ancestors[slots[slot]] != cell:
        slot = (slot + 1) & (len(slots) - 1)
    return slot


# cells --------------------------------------------------------------------------------------------


def distinct(values: Ints) -> Ints:
    """Sorted values, each once; faster than `numpy.unique`, which hashes."""
    ordered = np.sort(values)
    return ordered[np.append(True, ordered[1:] != ordered[:-1])] if ordered.size else ordered


def _contains(ordered: Cells, cells: Cells) -> Mask:
    if not ordered.size:
        return np.zeros(cells.shape, dtype=bool)
    place = np.minimum(np.searchsorted(ordered, cells), ordered.size - 1)
    result: Mask = ordered[place] == cells
    return result


def _surrounded(cells: Cells, resolution: int) -> Mask:
    """Which of the ordered cells have all their neighbours among them."""
    mask = np.zeros(cells.shape, dtype=bool)
    if cells.size and resolution > 0:
        # All neighbours of a cell are children of its parent or of the parent's neighbours.
        parents = parent_cells(cells, resolution - 1)
        first = np.flatnonzero(np.append(True, parents[1:] != parents[:-1]))
        full = parents[first[np.diff(np.append(first, parents.size)) == 7]]
        mask = _contains(full[_surrounded(full, resolution - 1)], parents)
    for rows in _blocks(np.flatnonzero(~mask)):
        # Views of memory, as arrays would take three times as long to make.
        disks = [h3_views.grid_disk(cell, 1) for cell in cells[rows].tolist()]
        starts = np.cumsum([0] + [len(disk) for disk in disks[:-1]])
        known = _contains(cells, np.frombuffer(b"".join(disks), dtype=np.int64))
        mask[rows] = np.logical_and.reduceat(known, starts)
    return mask


def _boxes(cells: Cells) -> tuple[Floats, Floats, Floats, Floats]:
    """South, north, west and east of each cell; west or east may lie beyond 180."""
    lon, lat, sizes = cell_rings(cells)
    starts = np.cumsum(sizes) - sizes
    south, north = np.minimum.reduceat(lat, starts), np.maximum.reduceat(lat, starts)
    west, east = np.minimum.reduceat(lon, starts), np.maximum.reduceat(lon, starts)
    return south, north, west, east


def _blocks(values: Ints, size: int = _BLOCK) -> Iterator[Ints]:
    for start in range(0, len(values), size):
        yield values[start : start + size]


# raster -------------------------------------------------------------------------------------------


def _raster(cells: Cells, resolution: int) -> tuple[NDArray[np.integer], NDArray[np.uint8]]:
    """Number of the tile picture for each tile of the globe, and the pictures: pixels out, edge or inside.

    The first three pictures are all out, all edge and all inside.
    """
    pixels = _edge_pixels(cells[~_surrounded(cells, resolution)])
    mixed = distinct(pixels // _PER_TILE)
    tiles = np.empty((3 + len(mixed), _PER_TILE), dtype=np.uint8)
    tiles[:3], tiles[3:] = [[_OUT], [_EDGE], [_INSIDE]], _OUT
    tiles[3 + np.searchsorted(mixed, pixels // _PER_TILE), pixels % _PER_TILE] = _EDGE
    for start in range(0, len(mixed), 1000):
        part = slice(start, start + 1000)
        _fill(tiles[3:][part], mixed[part], cells, resolution)
    touched = _tiles_touched(cells, resolution)
    is_polar = (touched < _CAP * _TILE_COLUMNS) | (touched >= (_TILE_ROWS - _CAP) * _TILE_COLUMNS)
    whole = touched[~(is_polar | _contains(mixed, touched))]
    whole = whole[_holds(whole * _PER_TILE + (_PER_TILE + _SIDE) // 2, cells, resolution)]
    slots = np.zeros((_TILE_ROWS, _TILE_COLUMNS + 1), dtype=np.uint16 if len(tiles) < 1 << 16 else np.uint32)
    slots[_tile_place(mixed)] = np.arange(3, len(tiles))
    slots[_tile_place(whole)] = _INSIDE
    slots[np.unique(touched[is_polar] // _TILE_COLUMNS)] = _EDGE
    slots[:, -1] = slots[:, 0]  # longitude 180 is the same as -180
    return slots, tiles.reshape(-1, _SIDE, _SIDE)


def _edge_pixels(border: Cells) -> Ints:
    """Pixels within one pixel of the box around a border cell, numbered tile by tile; none near the poles."""
    first, last = _CAP * _SIDE, (_TILE_ROWS - _CAP) * _SIDE - 1
    found = [np.empty(0, dtype=np.int64)]
    for block in _blocks(border):
        south, north, west, east = _boxes(block)
        # One pixel more on each side, as sides are arcs that bulge, and for rounding.
        rows = np.stack([_floor(south + 90, _PER_DEG) - 1, _floor(north + 90, _PER_DEG) + 1])
        columns = np.stack([_floor(west + 180, _PER_DEG) - 1, _floor(east + 180, _PER_DEG) + 1])
        for row, column in _rectangles(rows, columns, first, last):
            tile = (row // _SIDE) * _TILE_COLUMNS + column % _COLUMNS // _SIDE
            found.append(distinct((tile * _SIDE + row % _SIDE) * _SIDE + column % _SIDE))
    return distinct(np.concatenate(found))


def _tiles_touched(cells: Cells, resolution: int) -> Ints:
    """At least the tiles that touch a cell of the set; near the poles only one in each row of tiles."""
    found = [np.empty(0, dtype=np.int64)]
    for block in _blocks(distinct(parent_cells(cells, min(resolution, _COARSEST)))):
        south, north, west, east = _boxes(block)
        # Children reach beyond their parent, by less than half of its size.
        up, out = (north - south) / 2, (east - west) / 2
        rows = np.stack([_floor(south - up + 90, TILES_PER_DEG), _floor(north + up + 90, TILES_PER_DEG)])
        columns = np.stack([_floor(west - out + 180, TILES_PER_DEG), _floor(east + out + 180, TILES_PER_DEG)])
        for row, column in _rectangles(rows, columns, _CAP, _TILE_ROWS - _CAP - 1):
            found.append(distinct(row * _TILE_COLUMNS + column % _TILE_COLUMNS))
        for row, _ in [
            *_rectangles(rows, columns * 0, 0, _CAP - 1),
            *_rectangles(rows, columns * 0, _TILE_ROWS - _CAP, _TILE_ROWS - 1),
        ]:
            found.append(distinct(row * _TILE_COLUMNS))
    return distinct(np.concatenate(found))


def _floor(degrees: Floats, per_deg: int) -> Ints:
    return np.floor(degrees * per_deg).astype(np.int64)


def _rectangles(rows: Ints, columns: Ints, first: int, last: int) -> Iterator[tuple[Ints, Ints]]:
    """Row and column of every place in each rectangle, cut to some rows, in handy portions.

    Rectangles are given by their first and last row and column.
    """
    some = (rows[1] >= first) & (rows[0] <= last)
    top, bottom = rows[:, some].clip(first, last)
    left, right = columns[:, some]
    width = right - left + 1
    size = (bottom - top + 1) * width
    ends = np.cumsum(size)
    cuts = np.searchsorted(ends, np.arange(_MAX_PLACES, size.sum(), _MAX_PLACES))
    for part in np.split(np.arange(len(size)), cuts):
        one = np.repeat(part, size[part])
        place = np.arange(len(one)) - np.repeat(ends[part] - size[part] - (ends - size)[part[:1]], size[part])
        yield top[one] + place // width[one], left[one] + place % width[one]


def _fill(tiles: NDArray[np.uint8], numbers: Ints, cells: Cells, resolution: int) -> None:
    """Tell the inside from the outside: connected pixels without an edge between them are alike."""
    within_tile = np.zeros((3, 3, 3), dtype=bool)
    within_tile[1] = ndimage.generate_binary_structure(2, 1)
    labels, count = ndimage.label(tiles.reshape(-1, _SIDE, _SIDE) == _OUT, structure=within_tile)
    labels = labels.ravel()
    sample = np.zeros(count + 1, dtype=np.int64)
    sample[labels] = np.arange(len(labels))
    pixels = numbers[sample[1:] // _PER_TILE] * _PER_TILE + sample[1:] % _PER_TILE
    inside = np.append(False, _holds(pixels, cells, resolution))
    tiles[inside[labels].reshape(tiles.shape)] = _INSIDE


def _holds(pixels: Ints, cells: Cells, resolution: int) -> Mask:
    """Whether the middle of each pixel lies in the set."""
    tile_row, tile_column = _tile_place(pixels // _PER_TILE)
    row, column = tile_row * _SIDE + pixels // _SIDE % _SIDE, tile_column * _SIDE + pixels % _SIDE
    lat, lon = (row + 0.5) / _PER_DEG - 90.0, (column + 0.5) / _PER_DEG - 180.0
    return _contains(cells, cells_at(lat, lon, resolution))


def _tile_place(tiles: Ints) -> tuple[Ints, Ints]:
    return tiles // _TILE_COLUMNS, tiles % _TILE_COLUMNS
