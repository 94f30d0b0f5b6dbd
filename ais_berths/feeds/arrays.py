"""From raw columns of any type of Arrow to one array, to numpy and to text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Mask = NDArray[np.bool_]

_Kind = TypeVar("_Kind", bound=np.generic)


def single(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    """Return the column as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def to_numpy(array: pa.Array) -> NDArray[Any]:
    """Return an array as numpy, without a copy where it has no nulls."""
    result: NDArray[Any] = array.to_numpy(zero_copy_only=False)
    return result


def as_text(column: pa.Array | pa.ChunkedArray) -> pa.Array:
    r"""Return a column as trimmed text; bytes that are not UTF-8 are replaced.

    Examples
    --------
    >>> as_text(pa.array([b" A ", b"\xff", None])).to_pylist()
    ['A', '\ufffd', None]
    """
    array = single(column)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary.take(array.indices)
    if pa.types.is_string(array.type):
        text = array if _is_utf8(array) else _decoded(array)
    elif is_text(array.type):
        text = try_cast(array, pa.string())
        if text is None:
            text = _decoded(array)
    else:
        text = try_cast(array, pa.string())
        if text is None:
            return pa.nulls(len(array), pa.string())
    return pc.utf8_trim_whitespace(text)


def filled(column: pa.Array | pa.ChunkedArray) -> Mask:
    """Tell which values are there at all: neither null nor NaN nor blank."""
    array = single(column)
    if pa.types.is_dictionary(array.type):
        return spread(np.append(filled(array.dictionary), False), array)
    if is_text(array.type):
        array = blank_to_null(as_text(array))
    elif pa.types.is_floating(array.type):
        present: Mask = ~np.isnan(to_numpy(array))
        return present
    return valid(array)


def is_text(kind: pa.DataType) -> bool:
    """Tell if values of a type are text, or bytes that hold text."""
    return kind in (pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary())


def valid(array: pa.Array) -> Mask:
    """Tell which values are not null."""
    if array.null_count == 0:
        return np.ones(len(array), dtype=bool)
    return to_numpy(array.is_valid())


def zeros_for_nulls(array: pa.Array) -> pa.Array:
    """Return an array with 0 for null."""
    # Arrow would copy the array where there are none.
    return array.fill_null(0) if array.null_count else array


def try_cast(array: pa.Array, kind: pa.DataType) -> pa.Array | None:
    """Return an array as another type, or None if a value does not fit."""
    try:
        return array.cast(kind)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None


def blank_to_null(text: pa.Array) -> pa.Array:
    """Return an array of text with null for empty text."""
    blank = pc.equal(pc.binary_length(text), 0)
    return pc.if_else(blank, pa.scalar(None, text.type), text) if pc.any(blank).as_py() else text


def spread(values: NDArray[_Kind], array: pa.DictionaryArray) -> NDArray[_Kind]:
    """Give each row the value of its dictionary entry; the last value is for nulls."""
    # Polars counts its categories without a sign.
    indices = array.indices
    if indices.null_count or not pa.types.is_int32(indices.type):
        indices = indices.cast(pa.int64()).fill_null(-1)
    result: NDArray[_Kind] = values[to_numpy(indices)]
    return result


def _is_utf8(array: pa.Array) -> bool:
    """Parquet says of bytes that they are UTF-8, and reading does not check it."""
    try:
        array.validate(full=True)
    except pa.ArrowInvalid:
        return False
    return True


def _decoded(array: pa.Array) -> pa.Array:
    values = array.cast(pa.large_binary()).to_pylist()
    return pa.array([None if v is None else v.decode("utf-8", "replace") for v in values], pa.string())
