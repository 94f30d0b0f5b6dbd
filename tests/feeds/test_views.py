"""Tests of `ais_berths.feeds.views`: few texts in many rows."""

from __future__ import annotations

import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths.feeds import views
from ais_berths.feeds.parquet import _reads_views
from ais_berths.feeds.views import as_dictionary

pytestmark = pytest.mark.skipif(not _reads_views(), reason="this version of Arrow cannot convert views")

LONG = ["under way using engine", "under way using engines", "under way sailing, or not", ""]


def _texts(found: pa.DictionaryArray) -> list[str | None]:
    words = found.dictionary.cast(pa.large_binary()).to_pylist()
    return [None if at is None else words[at].decode("utf-8", "replace") for at in found.indices.to_pylist()]


@given(
    texts=st.lists(
        st.one_of(st.none(), st.sampled_from([*LONG, "moored", "a\0", "a"]), st.text(max_size=20))
    ),
    start=st.integers(0, 5),
)
def test_texts_stay_in_their_rows(texts: list[str | None], start: int) -> None:
    texts = [text and text.encode("utf-8", "replace").decode() for text in texts]
    found = as_dictionary(pa.array(texts, pa.string_view()).slice(start))
    assert _texts(found) == texts[start:]


def test_equal_views_are_one_word() -> None:
    column = pl.Series(["moored", LONG[0], None, LONG[0]] * 100).gather([0, 1, 2, 3] * 100)
    array = column.to_arrow(compat_level=pl.CompatLevel.newest())
    found = as_dictionary(array)
    assert len(found.dictionary) <= 3
    assert _texts(found) == column.to_list()


def test_many_different_texts() -> None:
    texts = [f"text number {number:09} of many" for number in range(views._MOST + 1)] * 2
    for column in (texts, texts[1 : views._MOST + 1], [text[11:20] for text in texts]):
        assert _texts(as_dictionary(pa.array(column, pa.string_view()))) == column


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.binary(), pa.string_view()])
def test_columns_without_text(kind: pa.DataType) -> None:
    assert len(as_dictionary(pa.array([], kind))) == 0
    assert _texts(as_dictionary(pa.array([None, None], kind))) == [None, None]


def test_dictionaries_are_left_alone() -> None:
    column = pa.array(["a", "b", "a"]).dictionary_encode()
    assert as_dictionary(column) is column


def test_bytes_that_are_no_text() -> None:
    column = pa.array([b"\xff\xfe and more than twelve", b"\xff", b"a"], pa.binary()).cast(pa.large_binary())
    bad = pa.Array.from_buffers(pa.string_view(), 3, _view_buffers(column.to_pylist()))
    assert _texts(as_dictionary(bad)) == [text.decode("utf-8", "replace") for text in column.to_pylist()]


def _view_buffers(values: list[bytes]) -> list[pa.Buffer | None]:
    rows, data = b"", b""
    for value in values:
        size = len(value).to_bytes(4, "little")
        if len(value) <= 12:
            rows += size + value.ljust(12, b"\0")
            continue
        rows += size + value[:4] + (0).to_bytes(4, "little") + len(data).to_bytes(4, "little")
        data += value
    return [None, pa.py_buffer(rows), pa.py_buffer(data)]
