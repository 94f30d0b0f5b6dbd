"""The same rows are read the same from every layout, container and cut."""

from __future__ import annotations

import datetime as dt
import itertools
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ais_berths import feeds, schema

from .conftest import (
    as_dma,
    as_noaa,
    as_noaa_snake,
    as_ungp,
    canonical,
    pack,
    read_all,
    write_ungp_folders,
)

if TYPE_CHECKING:
    from collections.abc import Callable

SHIP = ["imo", "name", "call_sign", "type_code", "loa_m", "beam_m", "draught_m"]


def expected(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.assign(coarse=False).sort_values(["time", "mmsi"], ignore_index=True)


def assert_same(found: pd.DataFrame, rows: pd.DataFrame) -> None:
    wanted = expected(rows)
    assert len(found) == len(wanted)
    for column in ["mmsi", "nav_status", "coarse", "imo", "type_code"]:
        assert found[column].tolist() == wanted[column].tolist(), column
    for column in ["name", "call_sign"]:
        assert found[column].astype(object).tolist() == wanted[column].astype(object).tolist(), column
    assert (found["time"] == wanted["time"]).all()
    for column in ["lat", "lon", "sog_kn", "cog_deg", "heading_deg", "loa_m", "beam_m", "draught_m"]:
        np.testing.assert_allclose(
            found[column].astype(float), wanted[column].astype(float), rtol=1e-6, atol=1e-4, err_msg=column
        )


def write_csv(frame: pd.DataFrame, path: Path) -> Path:
    frame.to_csv(path, index=False)
    return path


@pytest.mark.parametrize("layout", [as_noaa, as_noaa_snake, as_dma])
@pytest.mark.parametrize("packing", ["", "gz", "zip", "zst", "bz2"])
def test_text(
    rows: pd.DataFrame, tmp_path: Path, layout: Callable[[pd.DataFrame], pd.DataFrame], packing: str
) -> None:
    path = write_csv(layout(rows), tmp_path / "rows.csv")
    result = read_all([pack(path, packing) if packing else path])
    assert_same(canonical(result), rows)


@pytest.mark.parametrize("layout", [as_noaa, as_noaa_snake, as_dma])
def test_the_same_columns_in_parquet(
    rows: pd.DataFrame, tmp_path: Path, layout: Callable[[pd.DataFrame], pd.DataFrame]
) -> None:
    path = tmp_path / "rows.parquet"
    layout(rows).to_parquet(path, row_group_size=64)
    assert_same(canonical(read_all([path])), rows)


def test_ungp_folders(rows: pd.DataFrame, tmp_path: Path) -> None:
    result = read_all([write_ungp_folders(rows, tmp_path / "ais")], resolution=8)
    found = canonical(result)
    assert_same(found, rows)
    assert found["cell"].tolist() == (expected(rows)["mmsi"] * 10).tolist()


def test_cells_only_at_exactly_their_resolution(rows: pd.DataFrame) -> None:
    feed = feeds.load_feed("ungp")
    raw = as_ungp(rows)
    assert "cell" not in feeds.normalise(raw, feed, resolution=7).table.column_names
    assert feeds.read_cells(raw, feed, 7) is None
    assert feeds.read_cells(raw, feed, 8).tolist() == (rows["mmsi"] * 10).tolist()


def test_all_columns_as_text_in_parquet(rows: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "text.parquet"
    frame = as_dma(rows).astype(object)
    frame = frame.map(lambda v: None if pd.isna(v) else str(v))
    pq.write_table(pa.Table.from_pandas(frame, preserve_index=False), path)
    assert_same(canonical(read_all([path])), rows)


def test_older_copies_lack_columns(rows: pd.DataFrame, tmp_path: Path) -> None:
    kept = ["MMSI", "BaseDateTime", "LAT", "LON", "SOG"]
    found = canonical(read_all([write_csv(as_noaa(rows)[kept], tmp_path / "old.csv")]))
    assert len(found) == len(rows)
    assert found["heading_deg"].isna().all()
    assert (found["nav_status"] == 15).all()
    assert (found["imo"] == 0).all()


@pytest.mark.parametrize("chunk_rows", [10, 33, 100_000])
@pytest.mark.parametrize("batch_rows", [7, 64, 100_000])
def test_the_cut_does_not_matter(
    rows: pd.DataFrame, tmp_path: Path, chunk_rows: int, batch_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ais_berths.feeds.batches._LEAST_BYTES", 64)
    text = write_csv(as_noaa(rows), tmp_path / "rows.csv")
    parquet = tmp_path / "rows.parquet"
    as_noaa(rows).to_parquet(parquet, row_group_size=64)
    for path in (text, pack(text, "gz"), parquet):
        found = canonical(read_all([path], chunk_rows=chunk_rows, batch_rows=batch_rows))
        assert_same(found, rows)


def test_a_text_file_is_really_cut(rows: pd.DataFrame, tmp_path: Path) -> None:
    files = feeds.list_inputs([write_csv(as_noaa(rows), tmp_path / "rows.csv")])
    chunks = feeds.plan_chunks(files, feeds.load_feed("noaa"), chunk_rows=50)
    assert len(chunks) > 5
    assert chunks[0].start == 0
    assert chunks[-1].stop == files[0].size
    assert all(a.stop == b.start for a, b in itertools.pairwise(chunks))
    assert sum(chunk.rows for chunk in chunks) == pytest.approx(len(rows), rel=0.1)


def test_a_window_reads_neighbouring_days(rows: pd.DataFrame, tmp_path: Path) -> None:
    folder = write_ungp_folders(rows, tmp_path / "ais")
    far = folder / "year=2021" / "month=04" / "day=20"
    far.mkdir(parents=True)
    (far / "broken.parquet").write_bytes(b"never opened")
    start = dt.datetime(2021, 3, 13, tzinfo=dt.UTC)
    end = dt.datetime(2021, 3, 14, tzinfo=dt.UTC)
    files = feeds.list_inputs([folder], feeds.Window.around(start, end, 1, 2))
    assert {Path(file.path).parent.name for file in files} == {"day=13", "day=14"}
    everything = feeds.list_inputs([folder])
    assert len(everything) == len(files) + 1
    chunks = feeds.plan_chunks(everything, feeds.load_feed("ungp"), start=start, end=end)
    assert {chunk.path for chunk in chunks} == {file.path for file in files}


def test_row_groups_outside_are_counted_and_not_read(rows: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "flat.parquet"
    pq.write_table(as_ungp(rows), path, row_group_size=50)
    files = feeds.list_inputs([path])
    feed = feeds.load_feed("ungp")
    box = (11.0, 55.0, 12.0, 55.0)
    [chunk] = feeds.plan_chunks(files, feed, boxes=[box])
    assert chunk.row_groups == (0,)
    assert (chunk.rows, chunk.skipped_rows) == (50, 350)
    [chunk] = feeds.plan_chunks(files, feed, boxes=[(179.0, -1.0, -179.0, 1.0)])
    assert (chunk.row_groups, chunk.skipped_rows) == ((), 400)
    assert list(feeds.iter_batches(chunk, feed)) == []
    early = feeds.plan_chunks(files, feed, chunk_rows=50, boxes=[(11.0, 55.0, 12.0, 55.12)])
    assert [chunk.row_groups for chunk in early] == [(0,), (1,), (2,)]
    assert [chunk.skipped_rows for chunk in early] == [250, 0, 0]
    [chunk] = feeds.plan_chunks(files, feed, end=rows["time"].iloc[50].to_pydatetime())
    assert (chunk.row_groups, chunk.skipped_rows) == ((0,), 350)


def test_distinct_statics_agree_with_the_full_table(rows: pd.DataFrame, tmp_path: Path) -> None:
    for raw, name in ((as_ungp(rows), "ungp"), (pa.Table.from_pandas(as_dma(rows)), "dma")):
        feed = feeds.load_feed(name)
        some = np.arange(len(rows)) % 5 != 0
        statics, _ = feeds.distinct_statics(raw, feed, some)
        assert statics.schema.names == schema.STATICS.names
        full = feeds.normalise(raw, feed, some).table.to_pandas()
        columns = [name for name in statics.column_names if name != "n_reports"]
        counted = full.groupby(columns, dropna=False).size().sort_values().tolist()
        assert sorted(statics["n_reports"].to_pylist()) == counted
        assert statics.num_rows == 3


def test_positions_alone_are_those_of_the_full_table(rows: pd.DataFrame) -> None:
    raw = as_ungp(rows)
    feed = feeds.load_feed("ungp")
    lat, lon = feeds.read_positions(raw, feed)
    table = feeds.normalise(raw, feed).table
    assert lat.tolist() == table["lat"].to_pylist()
    assert lon.tolist() == table["lon"].to_pylist()


def test_rows_by_position_and_by_mask(rows: pd.DataFrame) -> None:
    raw = as_ungp(rows)
    feed = feeds.load_feed("ungp")
    mask = np.arange(len(rows)) % 3 == 1
    by_mask = feeds.normalise(raw, feed, mask)
    by_position = feeds.normalise(raw, feed, np.flatnonzero(mask))
    assert by_mask.table.equals(by_position.table)
    assert by_mask.table["mmsi"].to_pylist() == rows["mmsi"][mask].tolist()


def test_only_needed_columns_are_read(rows: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "flat.parquet"
    pq.write_table(as_ungp(rows), path)
    files = feeds.list_inputs([path])
    feed = feeds.load_feed("ungp")
    [chunk] = feeds.plan_chunks(files, feed)
    table = next(feeds.iter_batches(chunk, feed, columns=["sog"], resolution=8)).table
    assert set(table.column_names) == {"mmsi", "dt_pos_utc", "latitude", "longitude", "sog", "H3_int_index_8"}


def test_dictionaries_of_several_pieces(rows: pd.DataFrame) -> None:
    raw = pa.Table.from_pandas(as_dma(rows), preserve_index=False)
    text = [i for i, kind in enumerate(raw.schema.types) if kind in (pa.string(), pa.large_string())]
    pieces = []
    for start in range(0, len(rows), 150):
        piece = raw.slice(start, 150)
        for i in text:
            piece = piece.set_column(i, raw.column_names[i], piece.column(i).dictionary_encode())
        pieces.append(piece)
    feed = feeds.load_feed("dma")
    whole = pa.concat_tables(pieces)
    assert feeds.normalise(whole, feed).table.equals(feeds.normalise(raw, feed).table)
    assert feeds.distinct_statics(whole, feed)[0].num_rows == 3
