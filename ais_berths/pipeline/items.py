"""Any item in a file: its arrays and columns in the file, its structure in a small reader that can be sent.

Only numbers, texts and shapes are read from files, never code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

from ais_berths.atomic import atomic_path

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from numpy.typing import NDArray


class Reader(Protocol):
    """Reads what comes next in a file; `found` are earlier parts, which may occur again."""

    def read(self, file: BinaryIO, found: dict[int, Any]) -> Any:
        """Read it."""


@dataclass(frozen=True)
class Item:
    """An item in a file.

    Parameters
    ----------
    path
        The file.
    reader
        Puts the item together again; it holds no arrays.
    """

    path: Path
    reader: Reader

    @classmethod
    def write(cls, item: Any, path: Path) -> Item:
        """Write an item: arrays, frames, lists, tuples, and objects made of these."""
        with atomic_path(path) as part, part.open("wb") as file:
            return cls(path, _Writer(file).write(item))

    def read(self) -> Any:
        """Read the item as it was written."""
        with self.path.open("rb") as file:
            return self.reader.read(file, {})


class _Writer:
    """Writes the arrays of an item; an object that occurs again is written once."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        # What was written is kept alive, as the id of a deleted object may be used again.
        self._written: dict[int, tuple[int, Any]] = {}

    def write(self, item: Any) -> Reader:
        """Write an item if it holds arrays; the reader keeps everything else."""
        if id(item) in self._written:
            return _Again(self._written[id(item)][0])
        reader = self._new(item)
        if isinstance(reader, _Same):
            return reader
        number = len(self._written)
        self._written[id(item)] = number, item
        return _Once(number, reader)

    def _new(self, item: Any) -> Reader:
        if isinstance(item, np.ndarray):
            return self._array(item)
        if isinstance(item, pd.DataFrame):
            return self._frame(item)
        if isinstance(item, pd.Series):
            return _Column(self._frame(item.to_frame()))
        if isinstance(item, (list, tuple)):
            parts = [self.write(part) for part in item]
            # Without an array in any of its parts, the item is kept as it is.
            return (
                _Same(item) if all(isinstance(part, _Same) for part in parts) else _Parts(type(item), parts)
            )
        if type(item).__module__.partition(".")[0] != __name__.partition(".")[0]:
            return _Same(item)
        values = self._new([*vars(item).values()])
        return _Same(item) if isinstance(values, _Same) else _Made(type(item), [*vars(item)], values)

    def _frame(self, frame: pd.DataFrame) -> _Frame:
        """Write the columns of a frame, and its index unless it only counts the rows."""
        index = frame.index
        counts = isinstance(index, pd.RangeIndex)
        shape = (frame.geometry.name, frame.crs) if isinstance(frame, gpd.GeoDataFrame) else None
        return _Frame(
            index if counts else index.name,
            None if counts else self._column(index.to_series()),
            frame.columns,
            [self._column(frame.iloc[:, at]) for at in range(frame.shape[1])],
            shape,
        )

    def _column(self, column: pd.Series) -> Reader:
        """Write a column; it is read as an array of the same type."""
        dtype: Any = column.dtype
        if isinstance(dtype, pd.DatetimeTZDtype):
            return _Times(self._array(column.dt.tz_convert(None).to_numpy()), str(dtype.tz))
        if isinstance(dtype, np.dtype) or dtype.name == "geometry":
            return self._array(column.to_numpy())
        return _Extension(self._arrow(pa.array(column)), dtype)

    def _array(self, array: NDArray[Any]) -> Reader:
        """Write an array of numbers, times, texts or shapes."""
        if array.dtype != object:
            np.save(self._file, array, allow_pickle=False)
            return _Numbers()
        if shapely.is_geometry(array).any():
            return _Shapes(self._arrow(pa.array(shapely.to_wkb(array))))
        return _Texts(self._arrow(pa.array(array, from_pandas=True)))

    def _arrow(self, values: pa.Array | pa.ChunkedArray) -> _Arrow:
        """Write what Arrow keeps better than numpy."""
        sink = pa.BufferOutputStream()
        table = pa.table({"values": values})
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        np.save(self._file, np.frombuffer(sink.getvalue(), dtype=np.uint8), allow_pickle=False)
        return _Arrow()


# readers ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Same:
    """What holds no arrays."""

    item: Any

    def read(self, *_: Any) -> Any:
        return self.item


@dataclass(frozen=True)
class _Once:
    """What may occur again."""

    number: int
    reader: Reader

    def read(self, file: BinaryIO, found: dict[int, Any]) -> Any:
        found[self.number] = self.reader.read(file, found)
        return found[self.number]


@dataclass(frozen=True)
class _Again:
    """What was read before."""

    number: int

    def read(self, _: BinaryIO, found: dict[int, Any]) -> Any:
        return found[self.number]


@dataclass(frozen=True)
class _Parts:
    """A list or a tuple."""

    kind: Any
    readers: Sequence[Reader]

    def read(self, file: BinaryIO, found: dict[int, Any]) -> Any:
        return getattr(self.kind, "_make", self.kind)([reader.read(file, found) for reader in self.readers])


@dataclass(frozen=True)
class _Made:
    """An object of this package."""

    kind: Any
    names: list[str]
    values: Reader

    def read(self, file: BinaryIO, found: dict[int, Any]) -> Any:
        made = object.__new__(self.kind)
        vars(made).update(zip(self.names, self.values.read(file, found), strict=True))
        return made


@dataclass(frozen=True)
class _Frame:
    index: Any
    labels: Reader | None
    columns: pd.Index
    readers: Sequence[Reader]
    shape: tuple[Any, Any] | None

    def read(self, file: BinaryIO, found: dict[int, Any]) -> pd.DataFrame:
        index = self.index
        if self.labels is not None:
            index = pd.Index(self.labels.read(file, found), name=self.index)
        columns = {at: reader.read(file, found) for at, reader in enumerate(self.readers)}
        made: pd.DataFrame = pd.DataFrame(columns, index=index)
        made.columns = self.columns
        if self.shape is not None:
            made = gpd.GeoDataFrame(made, geometry=self.shape[0], crs=self.shape[1])
        return made


@dataclass(frozen=True)
class _Column:
    """The only column of a frame."""

    frame: _Frame

    def read(self, file: BinaryIO, found: dict[int, Any]) -> pd.Series:
        return self.frame.read(file, found).iloc[:, 0]


@dataclass(frozen=True)
class _Numbers:
    def read(self, file: BinaryIO, _: dict[int, Any]) -> NDArray[Any]:
        array: NDArray[Any] = np.load(file, allow_pickle=False)
        return array


@dataclass(frozen=True)
class _Arrow:
    def read(self, file: BinaryIO, _: dict[int, Any]) -> pa.ChunkedArray:
        return pa.ipc.open_stream(pa.py_buffer(np.load(file, allow_pickle=False))).read_all()["values"]


@dataclass(frozen=True)
class _Times:
    times: Reader
    timezone: str

    def read(self, file: BinaryIO, found: dict[int, Any]) -> pd.DatetimeIndex:
        return pd.DatetimeIndex(self.times.read(file, found), tz="UTC").tz_convert(self.timezone)


@dataclass(frozen=True)
class _Extension:
    """A column of a type of pandas."""

    values: Reader
    dtype: Any

    def read(self, file: BinaryIO, found: dict[int, Any]) -> Any:
        return self.dtype.__from_arrow__(self.values.read(file, found))


@dataclass(frozen=True)
class _Texts:
    """Texts or bytes, None where there is nothing."""

    values: Reader

    def read(self, file: BinaryIO, found: dict[int, Any]) -> NDArray[np.object_]:
        values: pa.ChunkedArray = self.values.read(file, found)
        if pa.types.is_null(values.type):
            return np.full(len(values), None, dtype=object)
        texts: NDArray[np.object_] = values.to_numpy().astype(object)
        return texts


@dataclass(frozen=True)
class _Shapes:
    values: Reader

    def read(self, file: BinaryIO, found: dict[int, Any]) -> NDArray[np.object_]:
        shapes: NDArray[np.object_] = shapely.from_wkb(_Texts(self.values).read(file, found))
        return shapes
