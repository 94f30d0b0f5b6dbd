"""Items that lie in a file are what they were."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import shapely

from ais_berths.config import Config
from ais_berths.pipeline.items import Item
from ais_berths.runs import Runs

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from numpy.typing import NDArray


class Pair(NamedTuple):
    one: pd.DataFrame
    two: list[NDArray[np.int64]]


@dataclass(frozen=True)
class Foreign:
    """Not of this package: it is kept as it is."""

    array: NDArray[np.int64]


def again(item: Any, folder: Path) -> Any:
    path = folder / "item"
    written = Item.write(item, path)
    written.read()
    return written.read()


@pytest.mark.parametrize(
    "column",
    [
        np.array([1, -2, 2**62]),
        np.array([0.1, np.nan, -np.inf]),
        np.array([1.5, -0.0, 3.0], dtype=np.float32),
        np.array([True, False, True]),
        np.array(["2024-01-01", "NaT", "1969-12-31T23:59:59.999999"], dtype="datetime64[us]"),
        np.array(["a", None, "\U0001f6a2\n"], dtype=object),
        np.array([None, None, None], dtype=object),
        np.array([shapely.box(0, 0, 1, 1 / 3), None, shapely.Point(0.1, 0.2)], dtype=object),
        pd.array(["a", None, "b"], dtype="string"),
        pd.array([1, None, 3], dtype="Int64"),
        pd.array([True, None, False], dtype="boolean"),
        pd.DatetimeIndex(["2024-01-01 00:00:00.000001", None, "2024-06-30 00:00:00.5"], tz="UTC").as_unit(
            "us"
        ),
    ],
)
@pytest.mark.parametrize("rows", [3, 0])
def test_columns_keep_their_values_and_types(column: Any, rows: int, tmp_path: Path) -> None:
    frame = pd.DataFrame({"x": column, 7: column})[:rows].iloc[::-1]
    pd.testing.assert_frame_equal(again(frame, tmp_path), frame, check_exact=True)
    if isinstance(column, np.ndarray):
        given = column[:rows]
        read = again(given, tmp_path)
        assert read.dtype == given.dtype
        pd.testing.assert_series_equal(pd.Series(read), pd.Series(given), check_exact=True)


def test_frames_keep_their_index_and_shapes_their_coordinates(tmp_path: Path) -> None:
    by_name = pd.DataFrame({"x": [1, 2]}, index=pd.Index(["b", "a"], name="name"))
    pd.testing.assert_frame_equal(again(by_name, tmp_path), by_name)
    shapes = gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.box(0.1, 0.2, 1 / 3, 0.4)], crs="EPSG:4326")
    found = again(shapes, tmp_path)
    assert (found.crs, found.geometry.name) == (shapes.crs, "geometry")
    assert found.geometry[0].wkb == shapes.geometry[0].wkb


def test_objects_are_put_together_again(tmp_path: Path) -> None:
    pair = again(Pair(pd.DataFrame({"x": [1.0]}), [np.arange(3), np.arange(0)]), tmp_path)
    assert type(pair) is Pair
    assert (pair.one["x"].tolist(), [array.tolist() for array in pair.two]) == ([1.0], [[0, 1, 2], []])
    array = np.arange(4)
    runs = Runs(array, array)
    found = again((runs, 5, "text"), tmp_path)
    assert (type(found[0]), found[0].last.tolist(), found[1:]) == (Runs, [0, 1, 2, 3], (5, "text"))
    assert found[0].first is found[0].last, "an array that occurs twice is one"
    found[0].first[0] = 9
    assert array[0] == 0
    foreign = Foreign(array)
    assert again(foreign, tmp_path) is foreign


def test_what_travels_does_not_grow_with_the_rows(tmp_path: Path) -> None:
    def size(n: int) -> int:
        frame = pd.DataFrame({"x": np.arange(n), "t": ["text"] * n}, index=pd.Index(np.arange(n), name="n"))
        shapes = gpd.GeoDataFrame(geometry=[shapely.Point(0.0, 0.0)] * n, crs="EPSG:4326")
        item = Item.write((frame, [np.arange(n), frame["x"]], shapes, Runs(np.arange(n), np.arange(n))), path)
        return len(pickle.dumps(item))

    path = tmp_path / "item"
    assert size(10_000) < size(1) + 10 < 5000


def test_a_setting_travels_as_it_is(tmp_path: Path) -> None:
    config = Config()
    found = again((config, "text", ["list"]), tmp_path)
    assert found == (config, "text", ["list"])
    assert found[0] is config


def test_an_array_keeps_its_shape_in_any_layout(tmp_path: Path) -> None:
    square = np.arange(6.0).reshape(2, 3)
    for array in (square, square.T, square[:, ::2], square[:0], np.array(3.5), np.array(["text", "x"])):
        found = again(array, tmp_path)
        assert (found.dtype, found.tolist()) == (array.dtype, array.tolist())


def test_a_file_that_was_cut_is_noticed(tmp_path: Path) -> None:
    item = Item.write(np.arange(9), tmp_path / "item")
    (tmp_path / "item").write_bytes((tmp_path / "item").read_bytes()[:-1])
    with pytest.raises(EOFError, match="ends too early"):
        item.read()


def test_what_is_half_written_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(pa.ArrowInvalid):
        Item.write([np.arange(3), np.array([{1}, object()], dtype=object)], tmp_path / "item")
    assert list(tmp_path.iterdir()) == []
