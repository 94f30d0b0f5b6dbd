"""Items whose arrays and columns lie in a file, while what they make up stays in memory.

What is read are numbers, texts and shapes, never code to run.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import shapely

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

# Reads what was written next, given what was read before and occurs again.
Reader = Callable[[BinaryIO, dict[int, Any]], Any]


def write_item(item: Any, path: Path) -> Reader:
    """Write the arrays of an item.

    Parameters
    ----------
    item
        Arrays, frames, lists, tuples, and objects made of these.
    path
        The file.

    Returns
    -------
    What `read_item` needs to put the item together again; no arrays.
    """
    with path.open("wb") as file:
        return _write(item, file, {})


def read_item(reader: Reader, path: Path) -> Any:
    """Read an item as it was written."""
    with path.open("rb") as file:
        return reader(file, {})


def _write(item: Any, file: BinaryIO, written: dict[int, Any]) -> Reader:
    """Write the arrays of an item, once each object; `written` keeps these alive, as ids are given anew."""
    key = id(item)
    if key in written:
        return lambda _, found: found[key]
    reader = _write_new(item, file, written)
    if reader is None:
        return lambda *_: item
    written[key] = item

    def read(file: BinaryIO, found: dict[int, Any]) -> Any:
        found[key] = reader(file, found)
        return found[key]

    return read


def _write_new(item: Any, file: BinaryIO, written: dict[int, Any]) -> Reader | None:
    """Write the arrays of an object; None if it has none."""
    if isinstance(item, np.ndarray):
        return _write_array(item, file)
    if isinstance(item, pd.DataFrame):
        return _write_frame(item, file)
    kind = type(item)
    if isinstance(item, (list, tuple)):
        parts = [_write(part, file, written) for part in item]
        make = getattr(kind, "_make", kind)
        return lambda file, found: make([read(file, found) for read in parts])
    if kind.__module__.partition(".")[0] != __name__.partition(".")[0]:
        return None
    names = [*vars(item)]
    fields = _write([*vars(item).values()], file, written)

    def read(file: BinaryIO, found: dict[int, Any]) -> Any:
        made = object.__new__(kind)
        vars(made).update(zip(names, fields(file, found), strict=True))
        return made

    return read


def _write_frame(frame: pd.DataFrame, file: BinaryIO) -> Reader:
    """Write the columns of a frame, and its index unless it only counts the rows."""
    columns, index = frame.columns, frame.index
    counts = isinstance(index, pd.RangeIndex)
    rows = None if counts else _write_column(index.to_series(), file)
    name, span = index.name, index if counts else None
    readers = [_write_column(frame.iloc[:, at], file) for at in range(len(columns))]
    shape = (frame.geometry.name, frame.crs) if isinstance(frame, gpd.GeoDataFrame) else None

    def read(file: BinaryIO, found: dict[int, Any]) -> pd.DataFrame:
        index = span if rows is None else pd.Index(rows(file, found), name=name)
        made = pd.DataFrame({at: reader(file, found) for at, reader in enumerate(readers)}, index=index)
        made.columns = columns
        return made if shape is None else gpd.GeoDataFrame(made, geometry=shape[0], crs=shape[1])

    return read


def _write_column(column: pd.Series, file: BinaryIO) -> Reader:
    """Write a column; it is read as an array of the same type."""
    dtype: Any = column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        times = _write_array(column.dt.tz_convert(None).to_numpy(), file)
        return lambda *given: pd.DatetimeIndex(times(*given), tz="UTC").tz_convert(dtype.tz)
    if isinstance(dtype, np.dtype) or dtype.name == "geometry":
        return _write_array(column.to_numpy(), file)
    values = _write_arrow(pa.array(column), file)
    return lambda *given: dtype.__from_arrow__(values(*given))


def _write_array(array: NDArray[Any], file: BinaryIO) -> Reader:
    """Write an array of numbers, times, texts or shapes."""
    if array.dtype != object:
        np.save(file, array, allow_pickle=False)
        return lambda file, _: np.load(file, allow_pickle=False)
    if shapely.is_geometry(array).any():
        wkb = _write_arrow(pa.array(shapely.to_wkb(array)), file)
        return lambda *given: shapely.from_wkb(_objects(wkb(*given)))
    texts = _write_arrow(pa.array(array, from_pandas=True), file)
    return lambda *given: _objects(texts(*given))


def _write_arrow(values: pa.Array | pa.ChunkedArray, file: BinaryIO) -> Reader:
    """Write what Arrow keeps better than numpy."""
    sink = pa.BufferOutputStream()
    table = pa.table({"values": values})
    with pa.ipc.new_stream(sink, table.schema) as stream:
        stream.write_table(table)
    np.save(file, np.frombuffer(sink.getvalue(), dtype=np.uint8), allow_pickle=False)
    return lambda file, _: pa.ipc.open_stream(pa.py_buffer(np.load(file, allow_pickle=False))).read_all()[
        "values"
    ]


def _objects(values: pa.ChunkedArray) -> NDArray[np.object_]:
    """Texts or bytes, None where there is nothing."""
    if pa.types.is_null(values.type):
        return np.full(len(values), None, dtype=object)
    texts: NDArray[np.object_] = values.to_numpy().astype(object)
    return texts
