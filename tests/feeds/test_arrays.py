"""Columns of any type of Arrow as one array, as numpy and as text."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ais_berths.feeds import arrays

TEXTS = pa.array(["a", "", None, " "])


def test_text_that_is_not_utf8() -> None:
    array = pa.array([b"K\xd8GE", b"ok"])
    assert arrays.as_text(array).to_pylist() == ["K�GE", "ok"]
    assert arrays.as_text(array.dictionary_encode()).to_pylist() == ["K�GE", "ok"]


@pytest.mark.parametrize(
    "column",
    [
        TEXTS,
        TEXTS.dictionary_encode(),
        TEXTS.cast(pa.large_binary()),
        pa.chunked_array([TEXTS[:1], TEXTS[1:]]),
        pa.array([1.0, np.nan, None, np.nan]),
        pa.array([0, None, None, None]),
    ],
)
def test_what_is_blank_is_not_there(column: pa.Array | pa.ChunkedArray) -> None:
    assert arrays.filled(column).tolist() == [True, False, False, False]


def test_each_row_gets_the_value_of_its_entry() -> None:
    column = pa.array(["b", None, "a", "b"]).dictionary_encode()
    values = np.array([1, 2, -1])
    assert arrays.spread(values, column).tolist() == [1, -1, 2, 1]
    assert arrays.spread(values, column[1:]).tolist() == [-1, 2, 1]
    unsigned = pa.DictionaryArray.from_arrays(pa.array([1, None], pa.uint32()), ["b", "a"])
    assert arrays.spread(values, unsigned).tolist() == [2, -1]


def test_a_value_that_does_not_fit_is_told() -> None:
    assert arrays.try_cast(pa.array(["1", "x"]), pa.int64()) is None
    assert arrays.try_cast(pa.array(["1", "2"]), pa.int64()).equals(pa.array([1, 2]))
