"""Peak memory on inputs of awkward shape, each in a process of its own.

    python tests/benchmarks/memory.py --scale 0.01 --out -

writes one table. With scale 1, the inputs take up to 9 GB on disk while the program runs.
"""

from __future__ import annotations

import argparse
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import tables
from children import run_cli

if TYPE_CHECKING:
    from collections.abc import Callable

PORT, LAT, LON = "NLRTM", 51.87, 4.33
"""Rotterdam; the ships lie in rows through it."""

_DAY_S = 86_400
_SMALL = "[run]\nchunk_rows = 200_000\ntask_pings = 200_000\n"


@dataclass(frozen=True)
class Case:
    """An input and how it is made.

    Parameters
    ----------
    name
        What is awkward about it.
    make
        Writes the input into a folder, given the scale.
    settings
        Settings that differ, as TOML.
    """

    name: str
    make: Callable[[Path, float], None]
    settings: str = ""


def main() -> None:
    """Run all cases, and write the page after each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--scale", type=float, default=1.0, help="size of the inputs")
    parser.add_argument("--cases", type=tables.numbers, default=tables.numbers(f"1-{len(CASES)}"))
    parser.add_argument("--out", type=Path, default=tables.HERE / "memory.md", help="file to write, or -")
    given = parser.parse_args()
    header = ("input", "rows", "MB on disk", "files", "pings near", "seconds", "processor s", "peak MB")
    header += ("again: seconds", "peak MB")
    text = (
        "Resident memory of the whole process at its highest, the program itself included (about 410 MB). "
        "The time is by the clock, on a machine that did other things too. *Again*: the same command on "
        "the same folder, which finds nothing new to read and makes berths, calls and figures anew.\n"
    )
    rows = []
    for number in given.cases:
        rows.append(measure(CASES[number - 1], given.scale))
        tables.write(given.out, "Memory", [text, tables.table(header, rows)])


def measure(case: Case, scale: float) -> list[Any]:
    """Make the input, run the whole job on it, and forget both."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "in").mkdir()
        # In a process of its own: a child begins with the peak of the one that starts it.
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            pool.submit(case.make, folder / "in", scale).result()
        files = list((folder / "in").iterdir())
        size = sum(path.stat().st_size for path in files) / 1e6
        (folder / "settings.toml").write_text(case.settings, encoding="utf-8")
        command = ("detect", folder / "in", "--port", PORT, "--feed", "noaa", "--out", folder / "out")
        done, again = (run_cli(*command, "--config", folder / "settings.toml") for _ in range(2))
    counts = done.summary["counts"]
    numbers = (counts["rows"], size, len(files), counts["pings"], done.seconds, done.cpu_s, done.peak_mb)
    return [case.name, *(f"{number:,.0f}" for number in (*numbers, again.seconds, again.peak_mb))]


# inputs -------------------------------------------------------------------------------------------


def reports(n: int, ships: int, near: float, first: int = 0) -> pa.Table:
    """Reports of ships that lie at a berth for six days and are away for two, or always at sea, by time.

    Parameters
    ----------
    n
        How many.
    ships
        How many ships send them, in turn.
    near
        Share of the ships that are in port.
    first
        Number of the first report: later ones are later.
    """
    number = np.arange(first, first + n)
    rng = np.random.default_rng(first)
    ship = number % ships
    time_s = number * 30 // max(1, ships // 100)
    north, east = ship // 100 * 0.002, ship % 100 * 0.003
    away = (time_s // (2 * _DAY_S) + ship) % 4 == 3
    noise = rng.normal(0.0, 2e-5, (2, n))
    at_sea = away | (ship >= near * ships)
    lon = np.where(at_sea, time_s / 20_000 % 100 - 60, LON + east + noise[1])
    stamp = np.datetime64("2024-01-01T00:00:00", "us") + time_s * np.timedelta64(1_000_000, "us")
    return pa.table(
        {
            "MMSI": 244_000_000 + ship,
            "BaseDateTime": stamp,
            "LAT": np.round(np.where(at_sea, 30 + ship / ships, LAT + north + noise[0]), 5),
            "LON": np.round(lon, 5),
            "SOG": np.where(at_sea, 14.0, np.abs(np.round(noise[0] * 2000, 1))),
            "COG": np.round(rng.uniform(0, 360, n), 1),
            "Heading": np.full(n, 80.0),
            "VesselName": pa.array([f"SHIP {i}" for i in range(ships)]).take(pa.array(ship)),
            "VesselType": np.full(n, 70),
            "Status": np.where(at_sea, 0, 5),
            "Length": 100.0 + ship % 200,
            "Width": 20.0 + ship % 20,
        }
    )


def one_ship(folder: Path, scale: float) -> None:
    """One ship that sends for years."""
    pq.write_table(reports(round(3_000_000 * scale), 1, 1.0), folder / "ship.parquet")


def one_port(folder: Path, scale: float) -> None:
    """Half of all reports are in one port."""
    blocks(folder / "port.parquet", round(20_000_000 * scale), 5000, 0.5, 1_000_000)


def huge_groups(folder: Path, scale: float) -> None:
    """A file of two row groups."""
    rows = round(32_000_000 * scale)
    blocks(folder / "huge.parquet", rows, 5000, 0.1, rows // 2)


def large_file(folder: Path, scale: float) -> None:
    """A file of five gigabytes, as nothing in it is packed."""
    blocks(folder / "large.parquet", round(54_000_000 * scale), 5000, 0.1, 1_000_000, "none")


def large_csv(folder: Path, scale: float) -> None:
    """A text file of more than two gigabytes."""
    total, block = round(26_000_000 * scale), 500_000
    with pa.OSFile(str(folder / "large.csv"), "wb") as sink:
        for first in range(0, total, block):
            table = reports(min(block, total - first), 5000, 0.1, first)
            stamp = pa.array(np.datetime_as_string(table["BaseDateTime"].to_numpy(), unit="s"))
            options = pacsv.WriteOptions(include_header=first == 0, quoting_style="needed")
            pacsv.write_csv(table.set_column(1, "BaseDateTime", stamp), sink, options)


def small_files(folder: Path, scale: float) -> None:
    """Ten thousand files of some hundred reports."""
    for number in range(round(10_000 * scale)):
        pq.write_table(reports(200, 500, 0.3, number * 200), folder / f"{number:05d}.parquet")


def blocks(path: Path, total: int, ships: int, near: float, group: int, packed: str = "zstd") -> None:
    """Write one file with row groups of a size."""
    plain = packed == "none"
    columns = reports(1, ships, near).schema
    with pq.ParquetWriter(path, columns, compression=packed, use_dictionary=not plain) as writer:
        for first in range(0, total, group):
            writer.write_table(reports(min(group, total - first), ships, near, first), row_group_size=group)


CASES = (
    Case("one ship with 3 million reports", one_ship),
    Case("one port with half of all reports", one_port),
    Case("the same, `chunk_rows` and `task_pings` 200,000", one_port, _SMALL),
    Case("one Parquet file with two row groups", huge_groups),
    Case("one large Parquet file, not packed", large_file),
    Case("one large CSV file", large_csv),
    Case("10,000 small files", small_files),
)


if __name__ == "__main__":
    main()
