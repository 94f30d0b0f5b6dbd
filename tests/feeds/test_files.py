"""Finding files, and saying plainly what is wrong with them."""

from __future__ import annotations

import datetime as dt
import gzip
import io
import shutil
import zipfile
from pathlib import Path
from typing import IO, TYPE_CHECKING

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ais_berths import feeds
from ais_berths.errors import DependencyError, EmptyInputError, InputError, MissingColumnsError
from ais_berths.feeds import chunks
from ais_berths.feeds.files import hash_file, open_binary

from .conftest import as_noaa, as_ungp, read_all

if TYPE_CHECKING:
    import pandas as pd


def names(inputs: list[object], **options: object) -> list[str]:
    return [Path(file.path).name for file in feeds.list_inputs(inputs, **options)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in (
        *("day=10/b.parquet", "day=2/a.parquet", "c.csv", "d.csv.gz", "e.zip", "f.nmea.zst"),
        *(".hidden.csv", "_SUCCESS", "_temporary/x.parquet", ".git/y.csv", "old.csv~", "half.csv.tmp"),
        *("half.parquet.crdownload", "README.txt", "notes.md", "map.geojson.gz", "picture.png"),
    ):
        path = tmp_path / "in" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return tmp_path / "in"


def test_folders_are_read_in_natural_order_without_clutter(folder: Path) -> None:
    assert names([folder]) == ["c.csv", "d.csv.gz", "a.parquet", "b.parquet", "e.zip", "f.nmea.zst"]


def test_globs_and_single_files(folder: Path) -> None:
    assert names([folder / "*.csv"]) == ["c.csv"]
    assert names([f"{folder}/**/*.parquet"]) == ["a.parquet", "b.parquet"]
    assert names([folder / ".hidden.csv", folder / "c.csv", folder]) == [
        *(".hidden.csv", "c.csv", "d.csv.gz", "a.parquet", "b.parquet", "e.zip", "f.nmea.zst")
    ]


def test_a_file_that_is_named_in_two_ways_is_read_once(folder: Path) -> None:
    assert names([folder / "c.csv", f"{folder}/day=2/../c.csv", f"{folder}/day=2/.."]).count("c.csv") == 1


def test_signs_that_are_only_nearly_digits_are_letters(tmp_path: Path) -> None:
    for name in ("10²3.csv", "9.csv", "10.csv"):
        (tmp_path / name).write_bytes(b"x")
    assert names([tmp_path]) == ["9.csv", "10.csv", "10²3.csv"]


def test_the_days_of_a_period_do_not_depend_on_its_time_zone() -> None:
    zone = dt.timezone(dt.timedelta(hours=-12))
    local = dt.datetime(2024, 1, 1, 20, tzinfo=zone)
    assert feeds.Window.around(local, local) == feeds.Window.around(*2 * [local.astimezone(dt.UTC)])


def test_a_name_with_brackets_is_a_name(tmp_path: Path) -> None:
    (tmp_path / "a[1].csv").write_bytes(b"x")
    assert names([tmp_path / "a[1].csv"]) == ["a[1].csv"]


def test_urls(folder: Path) -> None:
    [local] = feeds.list_inputs([f"file://{folder}/c.csv"])
    assert local == feeds.list_inputs([folder / "c.csv"])[0]
    memory = fsspec.filesystem("memory")
    memory.pipe("/ais/year=2020/month=01/day=01/a.csv", b"MMSI\n")
    [remote] = feeds.list_inputs(["memory://ais"])
    assert remote.path == "memory:///ais/year=2020/month=01/day=01/a.csv"


def test_reading_from_a_url(rows: pd.DataFrame, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[IO[bytes]] = []

    def note(path: str) -> IO[bytes]:
        opened.append(io.BytesIO(open_binary(path).read()))
        return opened[-1]

    monkeypatch.setattr(chunks, "open_binary", note)
    pq.write_table(as_ungp(rows), tmp_path / "a.parquet")
    as_noaa(rows).to_csv(tmp_path / "a.csv", index=False)
    memory = fsspec.filesystem("memory")
    for name in ("a.parquet", "a.csv"):
        memory.pipe(f"/remote/{name}", (tmp_path / name).read_bytes())
        result = read_all([f"memory://remote/{name}"], chunk_rows=50)
        assert result.usable.sum() == len(rows)
    assert [file.closed for file in opened] == [True] * len(opened) != []


def test_a_file_that_has_changed_has_no_hash(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("abc", encoding="utf-8")
    before = feeds.list_inputs([path])[0].fingerprint
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hash_file(str(path), before) == known
    path.write_text("abcd", encoding="utf-8")
    assert hash_file(str(path), before) is None
    assert hash_file(str(tmp_path / "gone.csv"), before) is None
    assert hash_file("s3://bucket/a.csv", before) is None


def test_the_fingerprint_follows_the_content(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"one")
    before = feeds.list_inputs([path])[0].fingerprint
    assert feeds.list_inputs([path])[0].fingerprint == before
    path.write_bytes(b"three")
    assert feeds.list_inputs([path])[0].fingerprint != before


def test_missing_and_empty(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.csv does not exist"):
        feeds.list_inputs([tmp_path / "nowhere.csv"])
    with pytest.raises(EmptyInputError, match="no file fits"):
        feeds.list_inputs([tmp_path / "*.parquet"])
    with pytest.raises(EmptyInputError, match="holds no Parquet, CSV or NMEA file"):
        feeds.list_inputs([tmp_path])
    (tmp_path / "out" / "state").mkdir(parents=True)
    (tmp_path / "out" / "state" / "job.json").write_text("{}")
    with pytest.raises(EmptyInputError, match="out holds results of ais-berths, which are no input"):
        feeds.list_inputs([tmp_path / "out"])
    shutil.rmtree(tmp_path / "out")
    for name in ("a.csv.xz", "b.csv.xz", "c.feather", "d.tar"):
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(
        EmptyInputError, match=r"only a\.csv\.xz, b\.csv\.xz, c\.feather and 1 more; name files"
    ):
        feeds.list_inputs([tmp_path])
    with pytest.raises(EmptyInputError, match="no input"):
        feeds.list_inputs([])
    (tmp_path / "empty.csv").write_bytes(b"")
    with pytest.raises(InputError, match=r"empty\.csv is empty"):
        feeds.list_inputs([tmp_path / "empty.csv"])
    packed = tmp_path / "empty.csv.gz"
    packed.write_bytes(gzip.compress(b""))
    with pytest.raises(InputError, match=r"empty\.csv\.gz is empty"):
        read_all([packed])


def test_nothing_in_the_period(tmp_path: Path) -> None:
    place = tmp_path / "year=2020" / "month=1" / "day=1"
    place.mkdir(parents=True)
    (place / "a.csv").write_bytes(b"x")
    window = feeds.Window(dt.date(2021, 1, 1), None)
    with pytest.raises(EmptyInputError, match="for the period"):
        feeds.list_inputs([tmp_path], window)


def test_a_store_without_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr("ais_berths.feeds.files.url_to_fs", refuse)
    with pytest.raises(DependencyError, match=r'pip install "ais-berths\[s3\]"'):
        feeds.list_inputs(["s3://bucket/a.parquet"])


def broken(rows: pd.DataFrame, tmp_path: Path, name: str) -> Path:
    path = tmp_path / name
    text = as_noaa(rows).to_csv(index=False).encode()
    if name == "cut.parquet":
        whole = tmp_path / "whole.parquet"
        pq.write_table(as_ungp(rows), whole)
        path.write_bytes(whole.read_bytes()[:-500])
    elif name == "cut.csv.gz":
        path.write_bytes(gzip.compress(text)[:-2000])
    elif name == "flipped.csv.gz":
        data = bytearray(gzip.compress(text))
        data[-6] ^= 0xFF
        path.write_bytes(data)
    elif name == "junk.csv.gz":
        path.write_bytes(b"\x1f\x8b" + b"junk" * 50)
    elif name == "cut.csv.zst":
        path.write_bytes(pa.compress(text, "zstd", asbytes=True)[:-500])
    elif name == "cut.zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", text)
        path.write_bytes(path.read_bytes()[:-200])
    elif name == "flipped.zip":
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("a.csv", text)
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 0xFF
        path.write_bytes(data)
    return path


@pytest.mark.parametrize(
    "name",
    ["cut.parquet", "cut.csv.gz", "flipped.csv.gz", "junk.csv.gz", "cut.csv.zst", "cut.zip", "flipped.zip"],
)
def test_damaged_files(rows: pd.DataFrame, tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"{name}.* is damaged or cut short .*; get a fresh copy") as caught:
        read_all([broken(rows, tmp_path, name)])
    assert "\n" not in str(caught.value)


def test_files_that_are_no_feed(tmp_path: Path) -> None:
    picture = tmp_path / "picture.csv"
    picture.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" * 100)
    with pytest.raises(InputError, match="neither Parquet, CSV nor NMEA"):
        read_all([picture])
    void = tmp_path / "void.zip"
    with zipfile.ZipFile(void, "w") as archive:
        archive.writestr("folder/", b"")
    with pytest.raises(EmptyInputError, match="holds no data file"):
        read_all([void])


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_zip_with_two_files_of_one_name(tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for text in ("MMSI\n1\n", "MMSI\n2\n"):
            archive.writestr("a.csv", text)
    with pytest.raises(InputError, match="several files of one name"):
        feeds.plan_chunks(feeds.list_inputs([path]), feeds.load_feed("noaa"))


def test_a_zip_with_a_password(tmp_path: Path) -> None:
    path = tmp_path / "locked.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.csv", "MMSI\n1\n")
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="locked with a password"):
        read_all([path])


def test_a_later_file_of_another_kind(rows: pd.DataFrame, tmp_path: Path) -> None:
    as_noaa(rows).to_csv(tmp_path / "a.csv", index=False)
    (tmp_path / "b.csv").write_text("x,y\n1,2\n")
    with pytest.raises(MissingColumnsError, match=r"b\.csv has no column for mmsi .*; it has x, y"):
        read_all([tmp_path])
    (tmp_path / "b.csv").write_text("!AIVDM,1,1,,A,13@:`L001N0ded0O6Fp8wW<00<0t,0*1C\n")
    with pytest.raises(InputError, match="holds NMEA sentences, and the feed 'noaa' expects a table"):
        read_all([tmp_path])
