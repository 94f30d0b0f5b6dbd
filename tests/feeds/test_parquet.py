"""Rows that may lie near cells are all read, wherever they stand in a file; the others are counted."""

from __future__ import annotations

import json
import struct
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths import feeds
from ais_berths.feeds import points
from ais_berths.feeds.mapping import parse_feed
from ais_berths.h3cells import cells_at
from ais_berths.raster import CellFilter

if TYPE_CHECKING:
    from pathlib import Path

PORTS = ((51.95, 4.05), (-17.0, 179.999), (-18.1, -179.999), (88.0, 30.0))
CELLS = CellFilter(np.concatenate([cells_at([lat], [lon], 8) for lat, lon in PORTS]), 8)


def a_table(lat: list[float | None], lon: list[float | None]) -> pa.Table:
    n = len(lat)
    times = np.arange(n) * 1_000_000 + 1_700_000_000_000_000
    return pa.table(
        {
            "mmsi": pa.array(np.arange(n) + 244_000_000),
            "dt_pos_utc": pa.array(times, pa.timestamp("us", "UTC")),
            "latitude": pa.array(lat, pa.float64()),
            "longitude": pa.array(lon, pa.float64()),
            "vessel_name": [f"SHIP {i}" for i in range(n)],
            "draught": pa.nulls(n, pa.float64()),
        }
    )


@pytest.mark.parametrize(("lat", "lon"), [(91.0, 181.0), (0.0, 0.0), (12.0, 13.0)])
def test_row_groups_of_rows_without_a_place_are_read(tmp_path: Path, lat: float, lon: float) -> None:
    """What stands for a missing position lies in no box, but the ship data beside it counts."""
    mapping = 'name = "a"\n[columns]\nmmsi = "mmsi"\ntime = "dt_pos_utc"\n'
    mapping += 'lat = "latitude"\nlon = "longitude"\n'
    missing = "[rules]\nmissing = {lat = [12.0]}\n"
    path, boxes = tmp_path / "a.parquet", [(4.0, 51.0, 5.0, 52.0)]
    table = a_table([51.95, 10.0, lat], [4.05, 10.0, lon])
    pq.write_table(table.append_column("static", pa.array([False, False, True])), path, row_group_size=1)
    files = feeds.list_inputs([path])
    with_statics = feeds.plan_chunks(files, parse_feed(mapping + 'static_only = "static"\n'), boxes=boxes)
    assert [(chunk.row_groups, chunk.skipped_rows) for chunk in with_statics] == [((0, 2), 1)]
    without = feeds.plan_chunks(files, parse_feed(mapping + missing), boxes=boxes)
    assert without[0].row_groups == ((0,) if lat == 0.0 else (0, 2))


def read(path: Path, feed: feeds.Feed | None = None, chunk_rows: int = 1_000_000, **options: int) -> pa.Table:
    """Read the rows near the cells; what is left out must be counted."""
    feed = feed or feeds.load_feed("ungp")
    chunks = feeds.plan_chunks(feeds.list_inputs([path]), feed, chunk_rows)
    batches = [b for chunk in chunks for b in feeds.iter_batches(chunk, feed, near=CELLS, **options)]
    assert sum(len(b.table) + sum(b.counts.values()) for b in batches) == pq.read_metadata(path).num_rows
    return pa.concat_tables([batch.table for batch in batches])


coordinate = st.one_of(
    st.none(),
    st.floats(),
    st.floats(-180.0, 180.0),
    st.sampled_from([-90.0, 90.0, -180.0, 180.0, 91.0, 181.0]),
    st.builds(lambda middle, off: middle + off, st.sampled_from(sum(PORTS, ())), st.floats(-0.01, 0.01)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(coordinate, coordinate), min_size=1, max_size=30), st.integers(1, 7))
def test_no_row_in_the_cells_is_missed(
    tmp_path_factory: pytest.TempPathFactory, places: list[tuple[float | None, float | None]], size: int
) -> None:
    path = tmp_path_factory.mktemp("parquet") / "part.parquet"
    table = a_table(*map(list, zip(*places, strict=True)))
    pq.write_table(table, path, row_group_size=size)
    found = read(path, chunk_rows=10, batch_rows=3)
    lat, lon = feeds.read_positions(table, feeds.load_feed("ungp"))
    needed = table.filter(pa.array(CELLS.inside(lat, lon) | np.isnan(lat)))
    assert set(needed["mmsi"].to_pylist()) <= set(found["mmsi"].to_pylist())
    assert found["mmsi"].to_pylist() == sorted(found["mmsi"].to_pylist())


def test_rows_at_sea_are_left_out_and_the_others_whole(tmp_path: Path) -> None:
    table = a_table([51.95, 30.0, None, 51.95, 91.0, -50.0], [4.05, -40.0, 4.0, 4.05, 181.0, 100.0])
    pq.write_table(table, tmp_path / "part[0].parquet", row_group_size=2)
    found = read(tmp_path / "part[0].parquet")
    wanted = table.take(pa.array([0, 2, 3, 4])).select(found.column_names)
    assert found.cast(wanted.schema).equals(wanted)


@pytest.mark.parametrize("rows", [1, 2, 5, 11])
def test_a_large_row_group_is_read_in_parts(tmp_path: Path, rows: int) -> None:
    table = a_table([51.95] * 40, [4.05] * 40)
    pq.write_table(table, tmp_path / "part.parquet", row_group_size=40)
    found = read(tmp_path / "part.parquet", batch_rows=rows)
    assert found["mmsi"].to_pylist() == table["mmsi"].to_pylist()


def test_markers_and_rows_without_a_position_are_left_to_be_counted(tmp_path: Path) -> None:
    mapping = (
        'name = "own"\n[columns]\nmmsi = "mmsi"\ntime = "dt_pos_utc"\nlat = "latitude"\nlon = "longitude"\n'
        'static_only = "draught"\n[rules]\nmissing = {lat = [12.0]}\n'
    )
    table = a_table([30.0, 12.0, 31.0, 32.0], [-40.0] * 4)
    only = pa.array([False, False, True, None])
    table = table.set_column(table.column_names.index("draught"), "draught", only)
    pq.write_table(table, tmp_path / "part.parquet")
    found = read(tmp_path / "part.parquet", parse_feed(mapping))
    assert found["latitude"].to_pylist() == [12.0, 31.0, 32.0]


def test_positions_as_text_are_all_read(tmp_path: Path) -> None:
    table = a_table([51.95, 30.0], [4.05, -40.0])
    at = table.column_names.index("latitude")
    table = table.set_column(at, "latitude", table["latitude"].cast(pa.string()))
    pq.write_table(table, tmp_path / "part.parquet")
    assert len(read(tmp_path / "part.parquet")) == 2


def a_table_of_points(points: list[bytes | None], **geo: object) -> pa.Table:
    """Write as NOAA does since 2024: positions are points only."""
    table = a_table([None] * len(points), [None] * len(points)).drop_columns(["latitude", "longitude"])
    table = table.append_column("geometry", pa.array(points, pa.binary()))
    column = {"encoding": "WKB", "geometry_types": ["Point"]} | geo
    meta = {"version": "1.0.0", "primary_column": "geometry", "columns": {"geometry": column}}
    return table.replace_schema_metadata({"geo": json.dumps(meta)})


@pytest.mark.parametrize("batch_rows", [1, 250_000])
def test_points_are_positions(tmp_path: Path, batch_rows: int) -> None:
    places = [struct.pack("<BIdd", 1, 1, lon, lat) for lat, lon in PORTS]
    odd = [None, b"", places[0][:-1], struct.pack(">BIdd", 0, 1, 1.0, 2.0), struct.pack("<BII", 1, 2, 0)]
    pq.write_table(a_table_of_points(places + odd), tmp_path / "part.parquet", row_group_size=8)
    files = feeds.list_inputs([tmp_path])
    feed = feeds.choose_feed(files)
    [chunk] = feeds.plan_chunks(files, feed)
    batches = list(feeds.iter_batches(chunk, feed, near=CELLS, batch_rows=batch_rows))
    table = pa.concat_tables([batch.table for batch in batches])
    found = list(zip(table["latitude"].to_pylist(), table["longitude"].to_pylist(), strict=True))
    assert found == [*PORTS, *[(None, None)] * len(odd)]
    assert table["vessel_name"].to_pylist()[:2] == ["SHIP 0", "SHIP 1"]


@pytest.mark.parametrize(
    ("geo", "found"),
    [
        ({}, True),
        ({"crs": None}, True),
        ({"crs": "EPSG:4269"}, True),
        ({"crs": "EPSG:3857"}, False),
        ({"crs": "nonsense"}, False),
        ({"encoding": "point"}, False),
    ],
)
def test_which_points_are_positions(geo: dict[str, object], found: bool) -> None:
    schema = a_table_of_points([None], **geo).schema
    assert ("latitude" in points.list_columns(schema)) == found
    with_numbers = schema.append(pa.field("LAT", pa.float64()))
    assert points.list_columns(with_numbers) == with_numbers.names


@pytest.mark.parametrize("flags", [[1, 0], ["true", "false"], [True, False]])
def test_ship_data_is_read_whatever_marks_it(tmp_path: Path, flags: list[object]) -> None:
    path = tmp_path / "a.parquet"
    rows = {"ship": [219000001] * 2, "t": ["2020-01-01"] * 2, "y": [0.0] * 2, "x": [0.0] * 2, "s": flags}
    pq.write_table(pa.table(rows), path)
    feed = feeds.parse_feed(
        'name = "a"\n[columns]\nmmsi = "ship"\ntime = "t"\nlat = "y"\nlon = "x"\nstatic_only = "s"'
    )
    chunks = feeds.plan_chunks(feeds.list_inputs([path]), feed)
    tables = [batch.table for chunk in chunks for batch in feeds.iter_batches(chunk, feed, near=CELLS)]
    assert sum(int(feeds.is_static_only(table, feed).sum()) for table in tables) == 1
