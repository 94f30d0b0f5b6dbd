"""The catalogue of bad input (cookbook/robustness.md): broken lines and mixed folders."""

from __future__ import annotations

import bz2
import gzip
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from feedfiles import GOOD, HEADER, ROWS, N, table
from filtering import counted, refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_lines_that_are_no_rows(here: Path) -> None:
    bad = [b"too,few", b"one,two,three,four,five,six,seven", b"K\xd8GE,1", b"\xff\xfe,a,b,c,d,e", b""]
    (here / "a.csv").write_bytes(GOOD.encode() + b"\n".join(bad) + b"\n" + GOOD[:-9].encode())
    rows = counted("a.csv")
    # Four lines, the header in the middle, and the last one, which was cut.
    assert rows["line_malformed"] == 5
    assert rows["position_unreadable"] == 1
    assert rows["pings"] == N
    assert rows["duplicate"] == N - 1


@pytest.mark.parametrize(
    ("name", "pack"),
    [("a.csv.gz", gzip.compress), ("a.csv.bz2", bz2.compress), ("a.csv", lambda data: data)],
)
def test_packed_files_one_behind_the_other(here: Path, name: str, pack: Callable[[bytes], bytes]) -> None:
    (here / name).write_bytes(pack(GOOD.encode()) + pack(ROWS.replace("03-01", "03-02").encode()))
    assert counted(name)["pings"] == 2 * N


def test_line_breaks_in_quotes(here: Path) -> None:
    """A record is a line, always: a quote that is never closed would else swallow the file."""
    broken = ROWS.replace("367000001", '"367\n000001"', 3).replace("0.0\n", '"0.0\n', 5)
    (here / "a.csv").write_text(HEADER + broken, encoding="utf-8")
    rows = counted("a.csv")
    assert (rows["line_malformed"], rows["not_a_ship_mmsi"], rows["pings"]) == (3, 3, N - 3)


@pytest.mark.parametrize("text", ["\ufeff" + GOOD, GOOD.replace("\n", "\r\n"), GOOD.replace(",", ";")])
def test_text_as_other_programs_write_it(here: Path, text: str) -> None:
    (here / "a.csv").write_bytes(text.encode())
    assert counted("a.csv")["pings"] == N


def test_a_folder_with_both_generations_of_headers(here: Path) -> None:
    (here / "in").mkdir()
    (here / "in" / "a.csv").write_text(GOOD, encoding="utf-8")
    new = "sog,longitude,latitude,base_date_time,mmsi\n0,-29.95,45.01,2024-03-02 00:00:00,367000001\n"
    (here / "in" / "b.csv").write_text(new, encoding="utf-8")
    assert counted("in")["pings"] == N + 1


def test_a_folder_with_two_feeds(here: Path) -> None:
    (here / "in").mkdir()
    (here / "in" / "a.csv").write_text(GOOD, encoding="utf-8")
    (here / "in" / "b.csv").write_text("# Timestamp,MMSI,Latitude,Longitude\n", encoding="utf-8")
    assert "b.csv has no column for time" in refused("in")


def test_a_folder_with_two_formats_and_types_of_one_feed(here: Path) -> None:
    (here / "in").mkdir()
    (here / "in" / "a.csv").write_text(GOOD, encoding="utf-8")
    for day, kind in ((2, None), (3, pa.string()), (4, pa.large_string())):
        rows = table(GOOD.replace("03-01", f"03-0{day}"))
        if kind is not None:
            rows = rows.cast(pa.schema([(name, kind) for name in rows.column_names]))
        pq.write_table(rows, here / "in" / f"{day}.parquet")
    assert counted("in")["pings"] == 4 * N


def test_the_same_days_twice_and_out_of_order(here: Path) -> None:
    days = [GOOD.replace("03-01", f"03-0{day}") for day in (3, 1, 2, 1)]
    for number, text in enumerate(days):
        (here / f"{number}.csv").write_text(text, encoding="utf-8")
    rows = counted("0.csv", "1.csv", "2.csv", "3.csv")
    assert (rows["pings"], rows["duplicate"]) == (3 * N, N)
