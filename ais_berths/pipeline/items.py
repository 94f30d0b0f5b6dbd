"""Any item in a file: its arrays and columns in the file, and a small recipe that can be sent.

Only numbers, texts and shapes are read from files, never code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from ais_berths.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from io import BufferedReader
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Item:
    """An item in a file.

    Parameters
    ----------
    path
        The file.
    recipe
        How to put the item together again; it is small, so that the item can be sent to a worker.
    """

    path: Path
    recipe: Any

    @classmethod
    def write(cls, item: Any, path: Path) -> Item:
        """Write an item: arrays, frames, lists, tuples, and objects made of these."""
        with atomic_path(path) as part, part.open("wb") as file:
            return cls(path, _Writer(file).write(item))

    def read(self) -> Any:
        """Read the item as it was written."""
        with self.path.open("rb") as file:
            return _read(self.recipe, file, {})


@dataclass(frozen=True)
class _Stored:
    """The next array in the file: a line with its type and its shape, then its values."""

    @classmethod
    def write(cls, array: NDArray[Any], file: BinaryIO) -> _Stored:
        file.write(" ".join([array.dtype.str, *map(str, array.shape)]).encode() + b"\n")
        file.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data)
        return cls()

    def read(self, file: BufferedReader) -> NDArray[Any]:
        kind, *shape = file.readline().decode().split()
        array = np.empty(tuple(map(int, shape)), dtype=kind)
        if file.readinto(array.reshape(-1).view(np.uint8).data) < array.nbytes:
            raise EOFError("an array in a file of the run ends too early")
        return array


@dataclass(frozen=True)
class _Made:
    """What a function makes of its arguments, some of which are recipes."""

    make: Callable[..., Any]
    given: Sequence[Any]


@dataclass(frozen=True)
class _Shared:
    """What may occur again under its number, and is in the file once."""

    number: int
    recipe: _Stored | _Made


def _read(recipe: Any, file: BufferedReader, shared: dict[int, Any]) -> Any:
    """Follow a recipe; `shared` is what was read before."""
    if isinstance(recipe, _Stored):
        return recipe.read(file)
    if isinstance(recipe, _Made):
        return recipe.make(*(_read(given, file, shared) for given in recipe.given))
    if isinstance(recipe, _Shared):
        if recipe.number not in shared:
            shared[recipe.number] = _read(recipe.recipe, file, shared)
        return shared[recipe.number]
    return recipe


class _Writer:
    """Writes the arrays of an item; an object that occurs again is written once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        # What was written is kept alive, as the id of a deleted object may be used again.
        self._written: dict[int, tuple[Any, Any]] = {}

    def write(self, item: Any) -> Any:
        """Write an item if it holds arrays, and return its recipe."""
        if id(item) not in self._written:
            recipe = self._new(item)
            if isinstance(recipe, (_Stored, _Made)):
                recipe = _Shared(len(self._written), recipe)
            self._written[id(item)] = recipe, item
        return self._written[id(item)][0]

    def _new(self, item: Any) -> Any:
        if isinstance(item, np.ndarray):
            return self._array(item)
        if isinstance(item, pd.DataFrame):
            return self._frame(item)
        if isinstance(item, pd.Series):
            return _Made(_only_column, [self._frame(item.to_frame())])
        if isinstance(item, (list, tuple)):
            return self._parts(item, item, _sequence, type(item))
        if type(item).__module__.partition(".")[0] == __name__.partition(".")[0]:
            return self._parts(item, vars(item).values(), _object, type(item), [*vars(item)])
        return item

    def _parts(self, item: Any, parts: Iterable[Any], make: Callable[..., Any], *known: Any) -> Any:
        """Write the parts of an item; without an array in any of them, it is kept as it is."""
        recipes = [self.write(part) for part in parts]
        if not any(isinstance(recipe, _Shared) for recipe in recipes):
            return item
        return _Made(make, [*known, *recipes])

    def _frame(self, frame: pd.DataFrame) -> _Made:
        """Write the columns of a frame, and its index unless it only counts the rows."""
        index: Any = frame.index
        if not isinstance(index, pd.RangeIndex):
            index = _Made(_index, [index.name, self._column(index.to_series())])
        shape = (frame.geometry.name, frame.crs) if isinstance(frame, gpd.GeoDataFrame) else None
        columns = [self._column(frame.iloc[:, at]) for at in range(frame.shape[1])]
        return _Made(_frame, [frame.columns, shape, index, *columns])

    def _column(self, column: pd.Series) -> _Stored | _Made:
        """Write a column; it is read as an array of the same type."""
        dtype: Any = column.dtype
        if isinstance(dtype, pd.DatetimeTZDtype):
            return _Made(_times, [str(dtype.tz), self._array(column.dt.tz_convert(None).to_numpy())])
        if isinstance(dtype, np.dtype) or dtype.name == "geometry":
            return self._array(column.to_numpy())
        return _Made(_extension, [dtype, self._arrow(pa.array(column))])

    def _array(self, array: NDArray[Any]) -> _Stored | _Made:
        """Write an array of numbers, times, texts or shapes."""
        if array.dtype != object:
            return self._store(array)
        if shapely.is_geometry(array).any():
            return _Made(_shapes, [self._arrow(pa.array(shapely.to_wkb(array)))])
        return _Made(_texts, [self._arrow(pa.array(array, from_pandas=True))])

    def _arrow(self, values: pa.Array | pa.ChunkedArray) -> _Stored:
        """Write what Arrow keeps better than numpy; see `_from_arrow`."""
        sink = pa.BufferOutputStream()
        table = pa.table({"values": values})
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        return self._store(np.frombuffer(sink.getvalue(), dtype=np.uint8))

    def _store(self, array: NDArray[Any]) -> _Stored:
        return _Stored.write(array, self._file)


# what recipes are made with -------------------------------------------------------------------------


def _sequence(kind: Any, *parts: Any) -> Any:
    """A list or a tuple, perhaps with names."""
    return getattr(kind, "_make", kind)(parts)


def _object(kind: type, names: Sequence[str], *values: Any) -> Any:
    """An object of this package."""
    made: Any = object.__new__(kind)
    vars(made).update(zip(names, values, strict=True))
    return made


def _frame(names: pd.Index, shape: tuple[Any, Any] | None, index: pd.Index, *columns: Any) -> pd.DataFrame:
    made: pd.DataFrame = pd.DataFrame(dict(enumerate(columns)), index=index)
    made.columns = names
    return made if shape is None else gpd.GeoDataFrame(made, geometry=shape[0], crs=shape[1])


def _index(name: Any, labels: Any) -> pd.Index[Any]:
    index: pd.Index[Any] = pd.Index(labels, name=name)
    return index


def _only_column(frame: pd.DataFrame) -> pd.Series:
    return frame.iloc[:, 0]


def _times(timezone: str, times: Any) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(times, tz="UTC").tz_convert(timezone)


def _extension(dtype: Any, stored: NDArray[np.uint8]) -> Any:
    """A column of a type of pandas."""
    return dtype.__from_arrow__(_from_arrow(stored))


def _texts(stored: NDArray[np.uint8]) -> NDArray[np.object_]:
    """Texts or bytes, None where there is nothing."""
    values = _from_arrow(stored)
    if pa.types.is_null(values.type):
        return np.full(len(values), None, dtype=object)
    texts: NDArray[np.object_] = values.to_numpy().astype(object)
    return texts


def _shapes(stored: NDArray[np.uint8]) -> NDArray[np.object_]:
    shapes: NDArray[np.object_] = shapely.from_wkb(_texts(stored))
    return shapes


def _from_arrow(stored: NDArray[np.uint8]) -> pa.ChunkedArray:
    return pa.ipc.open_stream(pa.py_buffer(stored)).read_all()["values"]
