"""The catalogue of bad input (cookbook/robustness.md): types of columns, and times."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from feedfiles import GOOD, HEADER, MAPPING, ROWS, N, parquet, table
from filtering import counted, refused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


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
    # One sentence, and maybe a mapping to begin with.
    assert "\n" not in message.partition("\n\nname = ")[0]


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
