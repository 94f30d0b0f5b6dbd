"""Tables of a folder read back: in parts, some columns at a time, in one order."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import schema
from ais_berths.errors import InputError
from ais_berths.tables import read_parts, sorted_frame

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


@given(st.lists(st.integers(0, 7), max_size=4), st.integers(1, 60))
def test_how_a_table_was_cut_and_how_it_is_read_does_not_matter(
    folder: Path, cuts: list[int], columns: int
) -> None:
    bounds = [0, *sorted(cuts), 7]
    paths = [folder / f"{number}.parquet" for number in range(len(bounds) - 1)]
    for path, begin, end in zip(paths, bounds[:-1], bounds[1:], strict=True):
        pq.write_table(schema.to_arrow(STOPS[begin:end], "stops"), path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ais_berths.tables._COLUMNS", columns)
        pd.testing.assert_frame_equal(read_parts(paths, "stops"), STOPS)
        by_id = STOPS.sort_values("stop_id", ignore_index=True)
        pd.testing.assert_frame_equal(read_parts(paths, "stops", ["stop_id"]), by_id)


def test_a_table_without_parts_is_empty() -> None:
    pd.testing.assert_frame_equal(read_parts([], "stops", ["stop_id"]), schema.empty("stops"))


def test_a_part_of_another_table_is_named(tmp_path: Path) -> None:
    pq.write_table(schema.empty("hulls").pipe(schema.to_arrow, "hulls"), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"a\.parquet is not a table 'stops'"):
        read_parts([tmp_path / "a.parquet"], "stops")


def test_several_columns_decide_the_order() -> None:
    parts = [pa.table({"a": [2, 1], "b": ["x", "y"]}), pa.table({"a": [1], "b": ["x"]})]
    assert sorted_frame(parts, ["a", "b"]).to_numpy().tolist() == [[1, "x"], [1, "y"], [2, "x"]]
    assert parts == [], "the rows are still held elsewhere"
