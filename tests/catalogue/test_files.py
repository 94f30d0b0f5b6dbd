"""The catalogue of bad input (cookbook/robustness.md): files, folders and their names."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import os
import zipfile
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pytest
from click.testing import CliRunner
from feedfiles import GOOD, HEADER, ROWS, N, parquet, table
from filtering import counted, refused, run

from ais_berths.cli import main
from ais_berths.feeds import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def flipped(data: bytes, first: int, last: int) -> bytes:
    damaged = bytearray(data)
    for at in range(first, last, 7):
        damaged[at] ^= 0xFF
    return bytes(damaged)


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name.replace("__", "."), content)
    return buffer.getvalue()


def noise(size: int = 20_000) -> bytes:
    return np.random.default_rng(0).integers(0, 256, size, dtype=np.uint8).tobytes()


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("a.csv", lambda: b"", "is empty"),
        ("a.parquet", lambda: flipped(parquet(table()), 10, 900), "is damaged or cut short"),
        ("a.parquet", lambda: flipped(parquet(table()), -600, -100), "is damaged or cut short"),
        ("a.parquet", lambda: parquet(table())[:3000], "is damaged or cut short"),
        ("a.parquet", lambda: b"PAR1", "is damaged or cut short"),
        ("a.parquet", lambda: parquet(pa.table({})), "looks like no known feed"),
        ("a.csv", lambda: HEADER.encode() + noise(), "is neither Parquet, CSV nor NMEA text"),
        ("a.csv", lambda: GOOD.encode("utf-16"), "is text in UTF-16; save it as UTF-8"),
        ("a.csv", lambda: GOOD.replace("\n", "\r").encode(), "has carriage returns for line ends"),
        ("a.csv", lambda: b'"' + b"x" * 200_000 + b"\n1\n", "holds no column names"),
        ("a.csv", lambda: ",".join(f"c{i}" for i in range(5000)).encode(), "and 4940 more"),
        ("a.csv.gz", lambda: gzip.compress(GOOD.encode()) + b"junkjunk", "is damaged or cut short"),
        ("a.csv.gz", lambda: gzip.compress(GOOD.encode())[:-20], "is damaged or cut short"),
        ("a.csv.bz2", lambda: bz2.compress(GOOD.encode())[:-20], "is damaged or cut short"),
        ("a.zip", lambda: zipped(b__zip=zipped(c__csv=b"x")), "is neither Parquet, CSV nor NMEA text"),
        ("a.zip", lambda: zipped(a__parquet=parquet(table())), "is neither Parquet, CSV nor NMEA text"),
        ("a.nmea", lambda: b"!AIVDM,1,1,,A,13@:`L0" + noise(), "is neither Parquet, CSV nor NMEA text"),
        ("a.csv", lambda: GOOD.replace("SOG", "LAT").encode(), "has several columns LAT"),
        ("a.csv", ROWS.encode, "looks like no known feed"),
        ("a.csv", lambda: GOOD.replace(":00,", ':00,"\n",').encode(), "can be read as the feed 'noaa'"),
        ("a.parquet", lambda: b"PARE" + parquet(table())[4:-4] + b"PARE", "is damaged or cut short"),
        ("a.parquet", lambda: b"version https://git-lfs.github.com/spec/v1\n", "is damaged or cut short"),
    ],
)
def test_damaged_files(here: Path, name: str, make: Callable[[], bytes], said: str) -> None:
    (here / name).write_bytes(make())
    message = refused(name)
    assert said in message
    assert len(message) < 2000


def test_a_zip_cannot_write_outside(here: Path) -> None:
    (here / "a.zip").write_bytes(zipped(**{"../../evil__csv": GOOD.encode()}))
    assert "holds no data file" in refused("a.zip")


@pytest.mark.parametrize("name", ["a.zip", "a.csv.gz", "a.csv.bz2"])
def test_an_archive_that_inflates_far_beyond_its_size(
    here: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "_LARGE_BYTES", 4 << 20)
    bomb = GOOD.encode() + b"367000001,2024-03-01T00:00:00,45.01,-29.95,0.0\n" * 400_000
    packed = {"a.zip": lambda b: zipped(a__csv=b), "a.csv.gz": gzip.compress, "a.csv.bz2": bz2.compress}
    (here / name).write_bytes(packed[name](bomb))
    assert "inflates to more than 250 times its size" in refused(name)


def test_a_zip_of_very_many_files(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(files, "_MOST_MEMBERS", 3)
    members = {f"{n}__csv": GOOD.replace("03-01", f"03-0{n}").encode() for n in (1, 2, 3, 4)}
    (here / "a.zip").write_bytes(zipped(**members))
    assert "holds 4 files, and at most 3 are read from a zip; unpack it" in refused("a.zip")
    (here / "a.zip").write_bytes(zipped(**dict(list(members.items())[:3])))
    assert counted("a.zip")["pings"] == 3 * N


def test_text_without_line_ends_ends(here: Path) -> None:
    (here / "a.csv.gz").write_bytes(gzip.compress(HEADER.encode() + b"0" * (80 << 20)))
    assert "is not text with lines" in refused("a.csv.gz")


@pytest.mark.parametrize("given", ["in", "in/*", "in/**"])
def test_links_out_of_the_folder(here: Path, given: str) -> None:
    (here / "in").mkdir()
    (here / "in" / "a.csv").write_text(GOOD, encoding="utf-8")
    (here / "b.csv").write_text(GOOD, encoding="utf-8")
    (here / "in" / "b.csv").symlink_to(here / "b.csv")
    message = refused(given)
    assert "b.csv is a link out of the folder" in message
    (here / "in" / "b.csv").unlink()
    (here / "more").mkdir()
    (here / "in" / "more").symlink_to(here / "more")
    assert "more is a link out of the folder" in refused(given)


def test_links_inside_a_folder(here: Path) -> None:
    (here / "in" / "sub").mkdir(parents=True)
    (here / "in" / "a.csv").write_text(GOOD, encoding="utf-8")
    (here / "in" / "sub" / "again").symlink_to(here / "in")
    assert counted("in")["pings"] == N
    (here / "in" / "gone.csv").symlink_to(here / "in" / "missing.csv")
    assert "gone.csv is a link to a file that does not exist" in run("in", "--overwrite")[1]
    (here / "in" / "gone.csv").unlink()
    (here / "in" / "self.csv").symlink_to("self.csv")
    assert "self.csv is a link to a file that does not exist" in run("in", "--overwrite")[1]


@pytest.mark.parametrize("given", ["in", "in/**/*", "i?/**/*.csv"])
def test_results_in_the_input_folder_are_no_input(here: Path, given: str) -> None:
    (here / "in").mkdir()
    (here / "in" / "a.csv").write_text(GOOD, encoding="utf-8")
    for _ in range(2):
        options = ["-q", "detect", given, "--ports", "ports.csv", "--out", "in/out", "--json"]
        result = CliRunner().invoke(main, options)
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["counts"]["rows"] == N


@pytest.mark.parametrize(
    "name", ["a[1]*?.csv", "#x%20::y.csv", "file:x.csv", "http:/x.csv", " a.csv", "-a.csv"]
)
def test_file_names_that_mean_something_elsewhere(here: Path, name: str) -> None:
    file = here / "in" / name
    file.parent.mkdir(parents=True)
    file.write_text(GOOD, encoding="utf-8")
    assert counted("in")["pings"] == N
    assert counted(f"in/{name}", "--overwrite")["pings"] == N


def test_pipes_and_devices(here: Path) -> None:
    os.mkfifo(here / "pipe.csv")
    assert "is neither a file nor a folder" in refused("pipe.csv")
    assert "is neither a file nor a folder" in refused("/dev/zero")


@pytest.mark.parametrize("name", [b"e\x1b[31mvil\n\xe2\x80\xaegnp.csv", b"\xff\xfe.csv"])
def test_file_names_with_control_characters(here: Path, name: bytes) -> None:
    folder = os.fsencode(here) + b"/in"
    os.mkdir(folder)  # noqa: PTH102 - a path of bytes
    with open(folder + b"/" + name, "wb") as file:  # noqa: PTH123
        file.write(GOOD.encode())
    result = CliRunner().invoke(main, ["detect", "in", "--ports", "ports.csv", "--out", "out"])
    assert result.exit_code == 0, result.output
    assert result.stderr.count("\n") == len(result.stderr.splitlines())
    again = CliRunner().invoke(main, ["detect", "in", "--ports", "ports.csv", "--out", "out"])
    assert "0 of 1 chunks to read" in again.stderr
    with open(folder + b"/" + name, "wb") as file:  # noqa: PTH123
        file.write(b"x,y\n1,2\n")
    first = run("in", "--overwrite")[1].splitlines()[0]
    assert all(c.isprintable() for c in first)
    assert "looks like no known feed" in first
