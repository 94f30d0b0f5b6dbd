"""The catalogue of bad input (cookbook/robustness.md): a clear error, or rows counted under a reason."""

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
import pyarrow.compute as pc
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from feedfiles import HEADER, PORTS, ROWS

from ais_berths.cli import main
from ais_berths.feeds import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GOOD = HEADER + ROWS
N = 288
KEPT = {"row_read", "near_port", "static_only"}
MAPPING = """
name = "m"
[columns]
mmsi = "MMSI"
time = "BaseDateTime"
lat = "LAT"
lon = "LON"
sog = "SOG"
[time]
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ports.csv").write_text(PORTS, encoding="utf-8")
    return tmp_path


def run(*args: str, ports: str = "ports.csv") -> tuple[int, str]:
    """Filter, which reads and cleans; returns the exit code, and the JSON or the message."""
    options = ["-q", "filter", *args, "--ports", ports, "--out", "out", "--json"]
    result = CliRunner().invoke(main, options)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.stderr
    return result.exit_code, result.stdout if result.exit_code == 0 else result.stderr


def counted(*args: str, ports: str = "ports.csv") -> dict[str, int]:
    """Rows by reason of a run that must succeed; no row may be missing from them."""
    code, text = run(*args, ports=ports)
    assert code == 0, text
    summary = json.loads(text)
    rows: dict[str, int] = {}
    dropped = 0
    for entry in summary["quality"]:
        rows[entry["reason"]] = rows.get(entry["reason"], 0) + entry["rows"]
        dropped += entry["rows"] if entry["action"] == "dropped" else 0
    assert rows.get("row_read", 0) == summary["counts"]["rows"]
    assert summary["counts"]["rows"] == dropped + rows.get("static_only", 0) + summary["counts"]["pings"]
    return rows | {"pings": summary["counts"]["pings"]}


def refused(*args: str, ports: str = "ports.csv") -> str:
    """Message of a run that must be refused, and leave nothing."""
    code, text = run(*args, ports=ports)
    assert code == 1, text
    assert text.startswith("Error: ")
    assert not os.path.exists("out")  # noqa: PTH110 - the runner may be in any folder
    return text.removeprefix("Error: ").rstrip("\n")


def parquet(table: pa.Table) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    return buffer.getvalue()


def table(text: str = GOOD) -> pa.Table:
    return pacsv.read_csv(io.BytesIO(text.encode()))


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


# files that cannot be read --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("a.csv", lambda: b"", "is empty"),
        ("a.parquet", lambda: flipped(parquet(table()), 10, 900), "is damaged or cut short"),
        ("a.parquet", lambda: flipped(parquet(table()), -600, -100), "is damaged or cut short"),
        ("a.parquet", lambda: parquet(table())[:3000], "is damaged or cut short"),
        ("a.parquet", lambda: b"PAR1", "is damaged or cut short"),
        ("a.parquet", lambda: parquet(pa.table({})), "is no feed that is known"),
        ("a.csv", lambda: HEADER.encode() + noise(), "is neither Parquet, CSV nor NMEA text"),
        ("a.csv", lambda: GOOD.encode("utf-16"), "is neither Parquet, CSV nor NMEA text"),
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
        ("a.csv", ROWS.encode, "is no feed that is known"),
        ("a.csv", lambda: GOOD.replace(":00,", ':00,"\n",').encode(), "gives no row at all"),
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
    assert "is no text with lines" in refused("a.csv.gz")


# broken lines and mixed folders ---------------------------------------------------------------------


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


# types of columns -----------------------------------------------------------------------------------


def replaced(column: str, change: Callable[[pa.ChunkedArray], object]) -> pa.Table:
    rows = table()
    return rows.set_column(rows.column_names.index(column), column, change(rows[column]))


def with_columns(**columns: pa.Array | pa.ChunkedArray) -> pa.Table:
    rows = table()
    for name, column in columns.items():
        rows = rows.append_column(name, column)
    return rows


@pytest.mark.parametrize(
    ("rows", "kept"),
    [
        (lambda: replaced("MMSI", lambda c: c.cast(pa.float64())), N),
        (lambda: replaced("LAT", lambda c: c.cast(pa.decimal128(10, 4))), N),
        (lambda: replaced("SOG", lambda c: pa.array(np.zeros(len(c), np.float16))), N),
        (lambda: replaced("SOG", lambda c: pa.array([[1]] * len(c))), N),
        (lambda: replaced("SOG", lambda c: pa.nulls(len(c))), N),
        (lambda: replaced("BaseDateTime", lambda c: c.cast(pa.timestamp("ns"))), N),
        (lambda: replaced("BaseDateTime", lambda c: pc.assume_timezone(c, "Europe/Berlin")), N),
        (lambda: replaced("BaseDateTime", lambda c: c.cast(pa.date32())), 1),
        (lambda: table().slice(0, 0), 0),
        (lambda: replaced("BaseDateTime", lambda c: c.cast(pa.timestamp("us", "+05:30"))), N),
        (lambda: replaced("BaseDateTime", lambda c: c.cast(pa.timestamp("s", "Mars/Olympus"))), N),
        (lambda: replaced("MMSI", lambda c: c.cast(pa.string()).dictionary_encode()), N),
        (lambda: with_columns(VesselName=pa.array(["A", None] * (N // 2)).dictionary_encode()), N),
        (lambda: replaced("MMSI", lambda c: c.cast(pa.string()).cast(pa.binary())), N),
        (
            lambda: with_columns(x=table()["LAT"], y=table()["LON"]).rename_columns(
                [*table().column_names, "x", "x"]
            ),
            N,
        ),
        (lambda: with_columns(**{"x\0": table()["LAT"], "LAT.x": table()["LAT"], "": table()["LAT"]}), N),
        (lambda: with_columns(more=pa.array([{"LAT": 1.0, "b": [1, 2]}] * N)), N),
    ],
)
def test_types_that_can_be_understood(here: Path, rows: Callable[[], pa.Table], kept: int) -> None:
    (here / "a.parquet").write_bytes(parquet(rows()))
    assert counted("a.parquet")["pings"] == kept


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (lambda: replaced("LAT", lambda c: pa.array([{"v": 1.0}] * len(c))), "position_unreadable"),
        (lambda: replaced("MMSI", lambda c: pa.array([[1]] * len(c))), "mmsi_unreadable"),
        (lambda: replaced("MMSI", lambda c: pa.nulls(len(c))), "mmsi_unreadable"),
        (lambda: replaced("BaseDateTime", lambda c: pa.array([1_709_251_200] * len(c))), "time_unreadable"),
        (lambda: pa.Table.from_arrays([*table().columns, table()["LAT"]], [*table().column_names, "LAT"]),
         "has several columns LAT"),
    ],
)  # fmt: skip
def test_types_that_cannot(here: Path, rows: Callable[[], pa.Table], said: str) -> None:
    (here / "a.parquet").write_bytes(parquet(rows()))
    message = refused("a.parquet")
    assert said in message
    assert "\n" not in message


def test_positions_in_a_column_of_structures(here: Path) -> None:
    place = pa.array([{"LAT": 45.01, "LON": -29.95}] * N)
    (here / "a.parquet").write_bytes(parquet(with_columns(position=place).drop_columns(["LAT", "LON"])))
    assert "has no column for lat (LAT or latitude), lon" in refused("a.parquet")


def test_times_that_no_calendar_holds(here: Path) -> None:
    stamps = table()["BaseDateTime"].cast(pa.timestamp("ms")).cast(pa.int64()).to_numpy().copy()
    stamps[:3] = [2**62, -(2**62), 0]
    rows = replaced("BaseDateTime", lambda _: pa.array(stamps).cast(pa.timestamp("ms")))
    (here / "a.parquet").write_bytes(parquet(rows))
    assert counted("a.parquet", "--start", "2020-01-01")["time_unreadable"] == 3


# times ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stamp", "said"),
    [
        (lambda i: 1_709_251_200 + 300 * i, "time_unreadable"),
        (lambda i: 1_709_251_200_000 + 300_000 * i, "time_unreadable"),
        (lambda i: f"01/03/2024 {i // 12:02d}:{i % 12 * 5:02d}:00", "time_unreadable"),
        (lambda i: (1_709_251_200 + 300 * i) * 10**6, "time_unreadable"),
        (lambda i: 45352 + i / 288, "time_unreadable"),
        (lambda i: f"2024-03-01T{i // 12:02d}:{i % 12 * 5:02d}:00 CET", "time_unreadable"),
        (lambda i: f"2024-03-01 {i // 12 % 12 + 1:02d}:{i % 12 * 5:02d}:00 PM", "time_unreadable"),
    ],
)
def test_times_in_another_form(here: Path, stamp: Callable[[int], object], said: str) -> None:
    """Neither epoch numbers nor day-first dates are guessed: a mapping must say what they are."""
    rows = "".join(f"367000001,{stamp(i)},45.01,-29.95,0\n" for i in range(N))
    (here / "a.csv").write_text(HEADER + rows, encoding="utf-8")
    message = refused("a.csv")
    assert said in message
    assert f"BaseDateTime = '{stamp(0)}'; times are read as iso" in message


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("meant", ["s", "ms", "us", "ns"])
def test_epochs_in_the_wrong_unit(here: Path, unit: str, meant: str) -> None:
    factor = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    rows = "".join(f"367000001,{(1_709_251_200 + 300 * i) * factor},45.01,-29.95,0\n" for i in range(N))
    (here / "a.csv").write_text(HEADER + rows, encoding="utf-8")
    (here / "m.toml").write_text(MAPPING + f'format = "epoch"\nunit = "{meant}"\n', encoding="utf-8")
    if unit == meant:
        assert counted("a.csv", "--feed", "m.toml")["pings"] == N
    else:
        assert "times are read as epoch" in refused("a.csv", "--feed", "m.toml")


def test_times_of_other_zones(here: Path) -> None:
    offsets = ROWS.replace(":00,", ":00+02:00,")
    zulu = ROWS.replace("2024-03-01T", "2024-02-28T").replace(":00,", ":00Z,")
    (here / "a.csv").write_text(HEADER + offsets + zulu, encoding="utf-8")
    # Two hours earlier in UTC: 24 pings are of the day before.
    assert counted("a.csv", "--start", "2024-02-29")["outside_period"] == N
    assert counted("a.csv", "--start", "2024-03-01", "--overwrite")["outside_period"] == N + 24


@pytest.mark.parametrize("form", ["iso", "%Y-%m-%dT%H:%M:%S"])
def test_the_hour_that_clocks_leave_out(here: Path, form: str) -> None:
    (here / "m.toml").write_text(MAPPING + f'format = "{form}"\nzone = "Europe/Berlin"\n', encoding="utf-8")
    (here / "spring.csv").write_text(GOOD.replace("03-01", "03-31"), encoding="utf-8")
    (here / "autumn.csv").write_text(GOOD.replace("03-01", "10-27"), encoding="utf-8")
    rows = counted("spring.csv", "autumn.csv", "--feed", "m.toml")
    assert (rows["time_unreadable"], rows["pings"]) == (12, 2 * N - 12)


YEARS = ("1970-01-01", "1899-12-31", "2105-06-01", "9999-12-31", "0001-01-01", "2024-02-30", "2024-13-01")


# values ---------------------------------------------------------------------------------------------


def row(mmsi: object = 367000002, day: str = "2024-03-01", position: str = "45.01,-29.95") -> str:
    return f"{mmsi},{day}T00:00:00,{position},0\n"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(day=day) for day in YEARS], {"time_unreadable": 7}),
        ([row(position=p) for p in ("91,181", "91,-29", "45,181", "-91,5", "45.01,180.0001")],
         {"position_unreadable": 5}),
        ([row(position=p) for p in ("nan,nan", "NaN,-29.95", "inf,-inf", "1e308,1e400", ",", "N,W")],
         {"position_unreadable": 6}),
        ([row(position=p) for p in ("0,0", "90,-29", "-29.95,45.01", "-90,180")], {"outside_area": 4}),
        ([row(position='"45,01","-29,95"')], {"position_unreadable": 1}),
        ([row(m) for m in (993670001, 970123456, 972123456, 974000001)], {"not_a_ship_mmsi": 4}),
        ([row(m) for m in ("003670001", 3670001, 111232501, 812345678, 982440001)], {"not_a_ship_mmsi": 5}),
        ([row(m) for m in (0, -5, "1e9", 12345678, 999999999)], {"not_a_ship_mmsi": 5}),
        ([row(m) for m in (123456789, 111111111)], {"junk_mmsi": 2}),
        ([row(m) for m in ("", "x", 367000001.5, 2**63, 2**70, "0x1F")], {"mmsi_unreadable": 6}),
    ],
)  # fmt: skip
def test_values_that_cannot_be_true(here: Path, rows: list[str], expected: dict[str, int]) -> None:
    (here / "a.csv").write_text(GOOD + "".join(rows), encoding="utf-8")
    found = counted("a.csv")
    assert {reason: n for reason, n in found.items() if reason not in KEPT | {"pings"}} == expected
    assert found["pings"] == N


def test_every_sentinel_is_cleared(here: Path) -> None:
    names = "COG,Heading,VesselName,IMO,CallSign,VesselType,Status,Length,Width,Draft"
    values = ",102.3,360.0,511.0,@@@@,IMO0000000,@@,0,15,0,0,0\n"
    (here / "a.csv").write_text(
        HEADER[:-1] + f",{names}\n" + ROWS.replace(",0.0\n", values), encoding="utf-8"
    )
    rows = counted("a.csv")
    assert rows["sog_unavailable"] == rows["cog_unavailable"] == rows["heading_unavailable"] == N
    pings = pq.read_table(here / "out" / "pings")
    assert [pings[name].null_count for name in ("sog_kn", "cog_deg", "heading_deg")] == [N, N, N]
    assert set(pings["nav_status"].to_pylist()) == {15}


def test_latitude_and_longitude_swapped(here: Path) -> None:
    (here / "a.csv").write_text(GOOD.replace("LAT,LON", "LON,LAT"), encoding="utf-8")
    assert counted("a.csv")["outside_area"] == N
    result = CliRunner().invoke(main, ["-q", "filter", "a.csv", "--ports", "ports.csv", "--out", "out"])
    assert "latitude and longitude are swapped" in " ".join(result.stdout.split())


def test_decimal_commas(here: Path) -> None:
    (here / "a.csv").write_text(GOOD.replace(",", ";").replace(".", ","), encoding="utf-8")
    assert "position_unreadable), for example LAT = '45,01'" in refused("a.csv")
    (here / "m.toml").write_text(MAPPING + '[csv]\nseparator = ";"\ndecimal = ","\n', encoding="utf-8")
    assert counted("a.csv", "--feed", "m.toml")["pings"] == N


def test_two_ships_on_one_number(here: Path) -> None:
    other = ROWS.replace("45.01,-29.95", "45.06,-29.99").replace(":00,", ":30,")
    (here / "a.csv").write_text(GOOD + other, encoding="utf-8")
    rows = counted("a.csv")
    assert (rows["pings"], rows["shared_mmsi"]) == (2 * N, N)


def test_one_ping_and_none(here: Path) -> None:
    (here / "a.csv").write_text(GOOD[: GOOD.index("\n", 40) + 1], encoding="utf-8")
    (here / "b.csv").write_text(HEADER, encoding="utf-8")
    assert counted("a.csv")["pings"] == 1
    assert counted("b.csv", "--overwrite")["pings"] == 0
    result = CliRunner().invoke(
        main, ["-q", "detect", "a.csv", "b.csv", "--ports", "ports.csv", "--out", "o"]
    )
    assert result.exit_code == 0, result.output


# port lists -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ports", "pings"),
    [
        ("Testport,45.0,-30.0\nTestport,45.0,-30.0\nTESTPORT,45.0,-30.0\n", N),
        ("Testport,45.0,-30.0\nNorth,90,0\nSouth,-90,0\nNearly,89.99,180\n", N),
        ("Testport,45.0,-30.0\nElsewhere,10,10\n", N),
        ("Elsewhere,10,10\n", 0),
    ],
)
def test_port_lists(here: Path, ports: str, pings: int) -> None:
    (here / "p.csv").write_text("name,lat,lon\n" + ports, encoding="utf-8")
    (here / "a.csv").write_text(GOOD, encoding="utf-8")
    assert counted("a.csv", ports="p.csv")["pings"] == pings


def test_a_port_list_with_impossible_positions(here: Path) -> None:
    (here / "p.csv").write_text("name,lat,lon\nA,,\nB,91,0\nC,x,y\n,1,1\n", encoding="utf-8")
    (here / "a.csv").write_text(GOOD, encoding="utf-8")
    message = refused("a.csv", ports="p.csv")
    assert all(f"row {number}" in message for number in (2, 3, 4, 5))


# settings -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pattern", "said"), [("%Q", "bad directive"), ("%Y" * 9, "cannot be used"), ("%Y%", "stray %")]
)
def test_time_patterns_that_mean_nothing(here: Path, pattern: str, said: str) -> None:
    (here / "a.csv").write_text(GOOD, encoding="utf-8")
    (here / "m.toml").write_text(MAPPING + f'format = "{pattern}"\n', encoding="utf-8")
    assert said in refused("a.csv", "--feed", "m.toml")


def test_settings_without_an_end(here: Path) -> None:
    (here / "a.csv").write_text(GOOD, encoding="utf-8")
    assert "/dev/zero has more than 1,000,000 characters" in refused("a.csv", "--config", "/dev/zero")


def test_a_period_of_all_years(here: Path) -> None:
    (here / "a.csv").write_text(GOOD, encoding="utf-8")
    assert counted("a.csv", "--start", "0001-01-01", "--end", "9999-12-31")["pings"] == N


# folders and names ----------------------------------------------------------------------------------


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


def test_results_in_the_input_folder_are_no_input(here: Path) -> None:
    (here / "in").mkdir()
    (here / "in" / "a.csv").write_text(GOOD, encoding="utf-8")
    for _ in range(2):
        options = ["-q", "filter", "in", "--ports", "ports.csv", "--out", "in/out", "--json"]
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
    assert "0 of 1 pieces to do" in again.stderr
    with open(folder + b"/" + name, "wb") as file:  # noqa: PTH123
        file.write(b"x,y\n1,2\n")
    first = run("in", "--overwrite")[1].splitlines()[0]
    assert all(c.isprintable() for c in first)
    assert "is no feed that is known" in first
