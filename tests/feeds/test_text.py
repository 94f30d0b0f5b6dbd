"""Delimited text as it comes: quotes, separators, broken lines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import feeds
from ais_berths.errors import InputError
from ais_berths.feeds import batches
from ais_berths.feeds.chunks import Chunk

from .conftest import canonical, read_all

if TYPE_CHECKING:
    from pathlib import Path

HEADER = "MMSI,BaseDateTime,LAT,LON,SOG,VesselName\n"


def line(number: int, name: str = "A") -> str:
    return f"{219000000 + number},2020-01-01T00:00:{number % 60:02d},55.5,12.5,1.0,{name}\n"


def write(tmp_path: Path, text: str | bytes, name: str = "a.csv") -> Path:
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_stray_quote_costs_no_other_row(tmp_path: Path) -> None:
    text = HEADER + line(0) + line(1, '"B') + line(2, '"C, D"') + line(3, 'E "F"') + line(4)
    found = canonical(read_all([write(tmp_path, text)]))
    assert found["name"].tolist() == ["A", "B", "C, D", 'E "F"', "A"]


@given(
    st.lists(st.text(alphabet='ab",; ', max_size=6).map(lambda name: name.strip()), min_size=1, max_size=12)
)
def test_a_line_is_read_alike_whatever_stands_beside_it(names: list[str]) -> None:
    """Hostile quotes in one line change no other line, wherever the blocks are cut."""
    feed = feeds.load_feed("noaa")
    header = tuple(HEADER.strip().split(","))
    kinds = dict.fromkeys(header, batches.pa.binary())

    def read(text: str) -> tuple[list[dict[str, object]], int]:
        chunk = Chunk("a.csv", "", "csv", header=header)
        batch = batches._parse(text.encode(), kinds, chunk, feed.csv.decimal, threads=False)
        return batch.table.to_pylist(), batch.counts.get("line_malformed", 0)

    lines = [line(i, name) for i, name in enumerate(names)]
    alone = [read(text) for text in lines]
    rows, lost = read("".join(lines))
    assert rows == [row for found, _ in alone for row in found]
    assert lost == sum(n for _, n in alone)
    assert len(rows) + lost == len(names)


def test_lines_with_too_few_or_too_many_columns_are_counted(tmp_path: Path) -> None:
    text = HEADER + line(0) + "219000001,2020\n" + line(2) + "1,2,3,4,5,6,7\n\n" + line(3)
    result = read_all([write(tmp_path, text)])
    assert result.usable.sum() == 3
    assert result.counts["line_malformed"] == 2


def test_unreadable_numbers_are_counted_not_raised(tmp_path: Path) -> None:
    bad = "x,2020-01-01T00:00:00,55.5,12.5,1.0,A\n219000001,never,55.5,12.5,fast,A\n"
    bad += "219000001,2020-01-01T00:00:00,north,12.5,1.0,A\n219000001,2020-01-01T00:00:00,,,,\n"
    result = read_all([write(tmp_path, HEADER + line(0) + bad + line(1))])
    assert result.usable.sum() == 2
    assert result.counts == {
        "mmsi_unreadable": 1,
        "time_unreadable": 1,
        "position_unreadable": 2,
    }


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_other_separators_and_line_ends(tmp_path: Path, separator: str) -> None:
    text = (HEADER + line(0) + line(1)).replace(",", separator).replace("\n", "\r\n")
    found = canonical(read_all([write(tmp_path, b"\xef\xbb\xbf" + text.encode())]))
    assert found["mmsi"].tolist() == [219000000, 219000001]


def test_no_newline_at_the_end(tmp_path: Path) -> None:
    for text in (HEADER + line(0) + line(1), HEADER.replace("\n", "\r\n") + line(0) + line(1)):
        assert read_all([write(tmp_path, text.rstrip("\n"))]).usable.sum() == 2


def test_a_header_and_nothing_else(tmp_path: Path) -> None:
    for text in (HEADER, HEADER.strip()):
        files = feeds.list_inputs([write(tmp_path, text)])
        feed = feeds.choose_feed(files)
        batches = [b for c in feeds.plan_chunks(files, feed) for b in feeds.iter_batches(c, feed)]
        assert sum(len(batch.table) for batch in batches) == 0


def test_names_in_another_encoding(tmp_path: Path) -> None:
    text = HEADER.encode() + line(0, "KØGE").encode("latin-1")
    assert canonical(read_all([write(tmp_path, text)]))["name"].tolist() == ["K�GE"]


def test_a_zero_byte_in_a_name_is_no_binary_file(tmp_path: Path) -> None:
    text = HEADER + "".join(line(i, "A\0B" if i == 3 else "A") for i in range(30))
    assert canonical(read_all([write(tmp_path, text)]))["name"].tolist()[3] == "A\0B"


def test_repeated_and_blank_column_names(tmp_path: Path) -> None:
    text = "MMSI,BaseDateTime,LAT,LON,SOG,x,x,,\n219000001,2020-01-01T00:00:00,55.5,12.5,1.0,7,8,,\n"
    assert canonical(read_all([write(tmp_path, text)]))["sog_kn"].tolist() == [1.0]
    with pytest.raises(InputError, match="has several columns SOG; take out or rename all but one"):
        read_all([write(tmp_path, text.replace("x,x", "x,SOG"))])


def test_a_file_without_line_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_LONGEST_LINE", 1000)
    monkeypatch.setattr(batches, "_LEAST_BYTES", 500)
    path = write(tmp_path, HEADER + line(0) + "x" * 10_000)
    files = feeds.list_inputs([path])
    feed = feeds.load_feed("noaa")
    [chunk] = feeds.plan_chunks(files, feed)
    with pytest.raises(InputError, match="not text with lines"):
        list(feeds.iter_batches(chunk, feed, batch_rows=1))


def test_a_mapping_for_text_without_a_header(tmp_path: Path) -> None:
    mapping = """
        name = "bare"
        [columns]
        mmsi = "ship"
        time = "t"
        lat = "y"
        lon = "x"
        sog = "v"
        [time]
        format = "epoch"
        [csv]
        header = ["ship", "t", "y", "x", "v"]
        separator = ";"
        decimal = ","
    """
    toml = write(tmp_path, mapping, "bare.toml")
    text = "219000001;1577836800;55,5;12,25;0,5\n219000002;1577836801;55,5;-12,25;\n"
    found = canonical(read_all([write(tmp_path, text)], toml))
    assert found[["lat", "lon"]].to_numpy().tolist() == [[55.5, 12.25], [55.5, -12.25]]
    assert found["sog_kn"].iloc[0] == 0.5
    assert found["sog_kn"].isna().iloc[1]


@pytest.mark.parametrize("categories", [False, True])
def test_decimal_commas_in_whole_numbers(tmp_path: Path, categories: bool) -> None:
    """As pandas writes columns of floats for readers in much of Europe."""
    mapping = """
        name = "commas"
        [columns]
        mmsi = "ship"
        time = "t"
        lat = "y"
        lon = "x"
        imo = "imo"
        type_code = "kind"
        nav_status = "status"
        [time]
        format = "epoch"
        [csv]
        separator = ";"
        decimal = ","
    """
    toml = write(tmp_path, mapping, "commas.toml")
    text = (
        "ship;t;y;x;imo;kind;status\n"
        "219000001,0;1577836800,0;55,5;12,25;9074729,0;70,0;5,0\n"
        "219000002,5;1577836801,5;55,5;12,25;9074729,0;70,5;moored\n"
    )
    path = write(tmp_path, text)
    if categories:
        frame = pd.read_csv(path, sep=";", dtype="category")
        path = tmp_path / "commas.parquet"
        frame.to_parquet(path)
    result = read_all([path], toml)
    assert result.counts["mmsi_unreadable"] == 1
    found = canonical(result)
    first = found.iloc[0]
    assert (first["mmsi"], first["imo"], first["type_code"], first["nav_status"]) == (
        219000001,
        9074729,
        70,
        5,
    )
    assert first["time"] == pd.Timestamp("2020-01-01", tz="UTC")
