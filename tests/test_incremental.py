"""Day after day into the same folder: nothing is read twice, and no seam is seen."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from ais_berths.errors import InputError
from ais_berths.pipeline import Job, Wiring, detect, scan
from ais_berths.pipeline.job import Store
from ais_berths.pipeline.layout import read_records
from ais_berths.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import Any

PLACES = ("hulls.parquet", "berths.parquet", "quays.parquet", "anchorages.parquet", "berth_cells.parquet")
CALLS = ("stops.parquet", "berth_calls.parquet", "port_calls.parquet", "indicators.csv")
COUNTS = ("vessels.parquet", "quality.csv")


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five days of a small port, a CSV file each."""
    folder = tmp_path_factory.mktemp("feed") / "port"
    simulate(folder, rng=21, days=5, feed="noaa", scene=("general", "far"), report_s=900.0)
    return folder


@pytest.fixture(scope="module")
def usual(port: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All days at once."""
    out = tmp_path_factory.mktemp("usual") / "out"
    detect([port / "feed"], out, a_job(port))
    return out


@pytest.fixture
def days(port: Path, tmp_path: Path) -> list[Path]:
    """The files of the days, to be spoiled."""
    shutil.copytree(port / "feed", tmp_path / "in")
    return sorted((tmp_path / "in").iterdir())


def a_job(port: Path) -> Job:
    return Job(ports_file=str(port / "ports.csv"))


def assert_same(out: Path, usual: Path, names: tuple[str, ...] = (*PLACES, *CALLS, *COUNTS)) -> None:
    assert [name for name in names if (out / name).read_bytes() != (usual / name).read_bytes()] == []


def spoil(path: Path) -> None:
    """Make a file unreadable without changing its size and time."""
    stat = path.stat()
    path.write_bytes(b"\0" * stat.st_size)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


def test_old_days_are_not_opened_again(port: Path, usual: Path, days: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    told: list[str] = []
    for number in range(len(days)):
        detect(days[: number + 1], out, a_job(port), wiring=Wiring(log=told.append))
        spoil(days[number])
    assert [text for text in told if "chunks to read" in text] == [
        f"reading {n} file(s) as feed 'noaa': 1 of {n} chunks to read" for n in range(1, len(days) + 1)
    ]
    assert_same(out, usual)


def test_stops_and_calls_go_on_over_midnight(usual: Path) -> None:
    """What the other tests compare with has seams to be joined: one call, and one stop, over midnight."""
    calls = pd.read_parquet(usual / "berth_calls.parquet")
    stops = pd.read_parquet(usual / "stops.parquet")
    assert (calls["arrival_time"].dt.date < calls["departure_time"].dt.date).sum() >= 3
    assert (stops["start_time"].dt.date < stops["end_time"].dt.date).sum() >= 3


def test_a_day_that_comes_late(port: Path, usual: Path, days: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    detect([*days[:2], *days[3:]], out, a_job(port))
    before = pd.read_parquet(out / "stops.parquet")
    detect([days[2]], out, a_job(port))
    assert before["n_pings"].sum() < pd.read_parquet(out / "stops.parquet")["n_pings"].sum()
    assert_same(out, usual)


def test_a_day_that_comes_twice(port: Path, usual: Path, days: list[Path], tmp_path: Path) -> None:
    """Under another name it is another file: its pings are duplicates, and only the counts show it."""
    out = tmp_path / "out"
    detect(days, out, a_job(port))
    again = tmp_path / "again.csv"
    shutil.copy(days[1], again)
    detect([again], out, a_job(port))
    assert_same(out, usual, (*PLACES, *CALLS))
    first, second = (
        pd.read_csv(folder / "quality.csv").set_index("reason")["rows"] for folder in (usual, out)
    )
    assert second["row_read"] == first["row_read"] + len(again.read_text(encoding="utf-8").splitlines()) - 1
    assert second["duplicate"] > first["duplicate"]
    detect([days[1]], out, a_job(port))
    assert pd.read_csv(out / "quality.csv").set_index("reason")["rows"]["row_read"] == second["row_read"]


def test_one_of_many_small_files_changes(port: Path, days: list[Path], tmp_path: Path) -> None:
    """Small files are read together, but when one changes the others are not opened again."""
    out = tmp_path / "out"
    detect(days, out, a_job(port))
    assert len(read_records(Store(out))) < len(days)
    lines = days[2].read_text(encoding="utf-8").splitlines(keepends=True)
    days[2].write_text("".join(lines[: len(lines) // 2]), encoding="utf-8")
    detect(days, tmp_path / "fresh", a_job(port))
    for other in (*days[:2], *days[3:]):
        spoil(other)
    detect(days, out, a_job(port))
    assert_same(out, tmp_path / "fresh")


def test_a_file_that_changes_while_it_is_read(
    port: Path, days: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    whole = scan.iter_batches

    def read_and_append(chunk: Any, *given: Any, **options: Any) -> Iterator[Any]:
        yield from whole(chunk, *given, **options)
        with days[0].open("a", encoding="utf-8") as text:
            text.write("\n")

    with monkeypatch.context() as patch:
        patch.setattr(scan, "iter_batches", read_and_append)
        with pytest.raises(InputError, match=f"{days[0].name} changed while it was read"):
            detect(days[:1], out, a_job(port))
    detect(days[:1], out, a_job(port))
    assert pd.read_csv(out / "quality.csv").set_index("reason")["rows"]["row_read"] > 0


def test_nothing_new_is_no_work(port: Path, days: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    detect(days, out, a_job(port))
    before = {path: path.stat().st_mtime_ns for path in (out / "state" / "parts").iterdir()}
    detect(days, out, a_job(port))
    assert {path: path.stat().st_mtime_ns for path in (out / "state" / "parts").iterdir()} == before
