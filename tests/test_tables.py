"""Tables of a folder read back: in parts, in slices, one port of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import schema
from ais_berths.errors import InputError
from ais_berths.tables import read_parts, read_slices, read_span, read_table

if TYPE_CHECKING:
    from pathlib import Path

STOPS = schema.conform(
    pd.DataFrame(
        {
            "stop_id": [f"{number:02d}" for number in (3, 1, 4, 15, 9, 2, 6)],
            "mmsi": np.arange(7),
            "start_time": pd.date_range("2024-01-01", periods=7, freq="h", tz="UTC"),
            "lat": [51.0, np.nan, 53.0, 54.0, 55.0, 56.0, 57.0],
            "kind": ["moored", None, "buoy", "adrift", "moored", "moored", "anchored"],
        }
    ),
    "stops",
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("parts")


@given(st.lists(st.integers(0, 7), max_size=4))
def test_how_a_table_was_cut_does_not_matter(folder: Path, cuts: list[int]) -> None:
    bounds = [0, *sorted(cuts), 7]
    paths = [folder / f"{number}.parquet" for number in range(len(bounds) - 1)]
    for path, begin, end in zip(paths, bounds[:-1], bounds[1:], strict=True):
        pq.write_table(schema.to_arrow(STOPS[begin:end], "stops"), path)
    pd.testing.assert_frame_equal(read_parts(paths, "stops"), STOPS)


def test_a_table_without_parts_is_empty() -> None:
    pd.testing.assert_frame_equal(read_parts([], "stops"), schema.empty("stops"))


@given(st.integers(1, 7))
def test_slices_ports_and_the_span_of_a_table(folder: Path, rows: int) -> None:
    """A port is read as the others are, and the span is that of all rows, from the statistics alone."""
    path, stops = folder / "whole.parquet", STOPS.assign(port_id=[*"aabbbc", None])
    stops = schema.conform(stops.assign(end_time=stops["start_time"] + pd.Timedelta("1h")), "stops")
    pq.write_table(schema.to_arrow(stops, "stops"), path, row_group_size=rows)
    slices = list(read_slices(path, "stops"))
    assert max(map(len, slices)) == rows
    pd.testing.assert_frame_equal(pd.concat(slices, ignore_index=True), stops)
    for first, last in ("aa", "bb", "ab", "bc", "xz"):
        wanted = stops[(stops["port_id"] >= first) & (stops["port_id"] <= last)].reset_index(drop=True)
        found = read_table(path, "stops", ports=(first, last))
        pd.testing.assert_frame_equal(found, wanted, check_dtype=len(wanted) > 0)
    ends = stops["start_time"].min(), stops["end_time"].max()
    assert read_span(path, "stops", "start_time", "end_time") == ends


def test_a_table_without_rows_has_one_slice_and_no_span(tmp_path: Path) -> None:
    path = tmp_path / "none.parquet"
    pq.write_table(schema.to_arrow(schema.empty("stops"), "stops"), path)
    assert [len(some) for some in read_slices(path, "stops", ["mmsi"])] == [0]
    assert read_span(path, "stops", "start_time", "end_time") is None


def test_a_part_of_another_table_is_named(tmp_path: Path) -> None:
    pq.write_table(schema.empty("hulls").pipe(schema.to_arrow, "hulls"), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet is not a table 'stops'"):
        read_parts([tmp_path / "a.parquet"], "stops")
