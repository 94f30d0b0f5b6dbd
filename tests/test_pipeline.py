"""The pipeline: results do not depend on how the work is cut, and every row is accounted for."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import schema
from ais_berths.config import Config, parse_config
from ais_berths.errors import ConfigError, InputError, OutputError
from ais_berths.export import LAYERS
from ais_berths.pipeline import (
    Job,
    Wiring,
    detect,
    filter_pings,
    find_all_places,
    find_all_stops,
    gather,
    layout,
    rounds,
)
from ais_berths.pipeline.job import Store
from ais_berths.pipeline.layout import chunks_of, read_records
from ais_berths.pipeline.recipe import load_recipe
from ais_berths.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ais_berths.pipeline import Summary

BYTE_FOR_BYTE = (
    *("stops.parquet", "vessels.parquet", "hulls.parquet", "cells.parquet", "berth_cells.parquet"),
    *("berths.parquet", "quays.parquet", "anchorages.parquet", "quality.csv"),
    *("berths.geojson", "quays.geojson", "anchorages.geojson"),
    *("berth_calls.parquet", "port_calls.parquet", "hours.parquet", "indicators.parquet", "indicators.csv"),
)
DIRT = [
    "367000001,not a time,45.001,-30.001,0.0,0.0,511,X,IMO1,C,70,0,9999,9,1,70,A",
    "367000001,2024-03-01T05:00:00,north,-30.001,0.0,0.0,511,X,,C,70,0,99,9,1,70,A",
    "123456789,2024-03-01T05:00:00,45.001,-30.001,0.0,0.0,511,X,,C,70,0,99,9,1,70,A",
    "992000001,2024-03-01T05:00:00,45.001,-30.001,0.0,0.0,511,BUOY,,C,0,0,,,,,A",
    "367000002,2024-03-01T05:00:00,45.001,-30.001,fast,0.0,511,Y,nine,C,boat,0,long,9,1,70,A",
    "367000002,2024-03-01T06:00:00,12.5,99.9,3.0,0.0,511,Y,nine,C,boat,0,long,9,1,70,A",
    "too,few,columns",
]


@dataclass(frozen=True)
class Feed:
    """A small feed on disk."""

    files: tuple[Path, ...]
    ports: Path


@pytest.fixture(scope="module")
def feed(tmp_path_factory: pytest.TempPathFactory) -> Feed:
    """Four days of a small port as daily CSV files of NOAA, with rows that cannot be read."""
    folder = tmp_path_factory.mktemp("feed") / "port"
    scene = ("general", "container", "marina", "near", "far", "buoy")
    simulate(folder, rng=11, days=4, feed="noaa", scene=scene, at=(45.0, -30.0), report_s=600.0)
    files = tuple(sorted((folder / "feed").glob("*.csv")))
    for number, file in enumerate(files):
        with file.open("a", encoding="utf-8") as text:
            text.writelines(f"{line}\n" for line in DIRT[number:])
    assert len(files) == 4
    return Feed(files, folder / "ports.csv")


def a_job(feed: Feed, **run: int) -> Job:
    return Job(ports_file=str(feed.ports), config=parse_config({"run": run}) if run else Config())


@pytest.fixture(scope="module")
def usual(feed: Feed, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Result of an ordinary run, to compare with."""
    out = tmp_path_factory.mktemp("usual") / "out"
    summary = detect(feed.files, out, a_job(feed))
    assert summary.counts["berths"] > 5
    assert summary.counts["anchorages"] > 0
    return out


def all_pings(out: Path) -> pd.DataFrame:
    tables = [pq.read_table(path) for path in sorted((out / "pings").glob("*.parquet"))]
    pings = schema.to_pandas(pa.concat_tables(tables)).astype({"stop_id": object})
    return pings.sort_values(["mmsi", "track", "time"], kind="stable", ignore_index=True)


def assert_same(out: Path, usual: Path) -> None:
    different = [name for name in BYTE_FOR_BYTE if (out / name).read_bytes() != (usual / name).read_bytes()]
    assert different == []
    pd.testing.assert_frame_equal(all_pings(out), all_pings(usual))


# cutting the input --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chunk_rows", "task_rows", "buckets", "task_stops"),
    [(1000, 1000, 1, 1), (2000, 4000, 2, 9), (1_000_000, 1_000_000, 7, 40)],
)
def test_chunks_buckets_and_parts_do_not_show(
    feed: Feed, usual: Path, tmp_path: Path, chunk_rows: int, task_rows: int, buckets: int, task_stops: int
) -> None:
    job = a_job(feed, chunk_rows=chunk_rows, task_rows=task_rows, buckets=buckets, task_stops=task_stops)
    detect(feed.files, tmp_path / "out", job)
    tasks = list((tmp_path / "out" / "state" / "scan").glob("*.json"))
    assert (len(tasks) > 4) == (task_rows < 1_000_000)
    assert_same(tmp_path / "out", usual)


@given(st.lists(st.integers(1, 300), min_size=1, max_size=60), st.integers(1, 200))
def test_portions_of_pings_are_of_one_size(sizes: list[int], most: int) -> None:
    """A ship is never cut, nothing is lost, and no portion is begun for a small rest."""
    mmsi = np.repeat(np.arange(len(sizes)), sizes)
    mmsi = mmsi[np.argsort(layout.vessel_key(mmsi), kind="stable")]
    near = pa.table({name: np.zeros(len(mmsi), dtype=int) for name in layout.NEAR.names}).cast(layout.NEAR)
    near = near.set_column(0, layout.NEAR.field("mmsi"), pa.array(mmsi))
    near = near.set_column(2, layout.NEAR.field("lat"), pa.array(np.arange(len(mmsi), dtype=float)))
    tables = [near.slice(0, 3), near.slice(3)]

    def read(columns: Sequence[str] = layout.NEAR.names) -> list[pa.Table]:
        return [table.select(columns) for table in tables]

    with tempfile.TemporaryDirectory() as folder:
        portions = list(gather._portions(read, range(65536), most, Path(folder) / "spill.arrow"))
        assert not list(Path(folder).iterdir())
    assert pa.concat_tables(portions).sort_by("lat").equals(near)
    ships = [set(portion["mmsi"].to_pylist()) for portion in portions]
    assert sum(map(len, ships)) == len(sizes)
    assert sum(portion.num_rows for portion in portions) == sum(sizes)
    assert max(portion.num_rows for portion in portions) <= 1.5 * most + 1 + max(sizes)
    assert len(portions) <= max(1, round(sum(sizes) / most))


@given(
    st.integers(1, 4000), st.integers(0, 3999), st.integers(0, 5), st.integers(1, 40), st.integers(0, 65535)
)
def test_each_key_is_in_one_slice_of_one_bucket(
    buckets: int, first: int, more: int, of: int, key: int
) -> None:
    chosen = range(min(first, buckets - 1), min(first + more, buckets - 1) + 1)
    bucket = int(layout.bucket_of(np.array([key], dtype=np.uint16), buckets)[0])
    owners = [number for number in range(of) if key in layout.keys_of(chosen, buckets, number, of)]
    assert len(owners) == (bucket in chosen)


def test_files_in_any_order_and_a_folder_of_them(feed: Feed, usual: Path, tmp_path: Path) -> None:
    detect(feed.files[::-1], tmp_path / "backwards", a_job(feed))
    assert_same(tmp_path / "backwards", usual)
    detect([feed.files[0].parent], tmp_path / "folder", a_job(feed))
    assert_same(tmp_path / "folder", usual)


@pytest.fixture(scope="module")
def readable(feed: Feed) -> pa.Table:
    """All rows of the feed but the line that is no row, as one table."""
    options = pacsv.ParseOptions(invalid_row_handler=lambda _row: "skip")
    tables = [pacsv.read_csv(file, parse_options=options) for file in feed.files]
    return pa.concat_tables([as_text(table) for table in tables])


def as_text(table: pa.Table) -> pa.Table:
    return table.cast(pa.schema([(name, pa.string()) for name in table.column_names]))


def write_shuffled(table: pa.Table, folder: Path, files: int, rng: np.random.Generator) -> None:
    folder.mkdir()
    table = table.take(pa.array(rng.permutation(len(table))))
    cuts = np.sort(rng.integers(0, len(table), files - 1))
    for number, rows in enumerate(np.split(np.arange(len(table)), cuts)):
        pq.write_table(table.take(pa.array(rows)), folder / f"{number}.parquet", row_group_size=700)


def test_rows_in_any_order_in_any_files(feed: Feed, readable: pa.Table, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    write_shuffled(readable, tmp_path / "one", 1, rng)
    write_shuffled(readable, tmp_path / "many", 6, rng)
    for name in ("one", "many"):
        detect([tmp_path / name], tmp_path / f"out-{name}", a_job(feed, chunk_rows=3000))
    assert_same(tmp_path / "out-many", tmp_path / "out-one")


def test_skipped_row_groups_are_counted_as_what_they_are(
    feed: Feed, readable: pa.Table, tmp_path: Path
) -> None:
    """Rows that statistics rule out are not read, and are still counted as outside."""
    rows = readable.slice(0, 8000)
    far = np.arange(rows.num_rows) >= 4000
    for name, elsewhere in (("LAT", 10.0), ("LON", -30.0)):
        values = pd.to_numeric(rows[name].to_pandas(), errors="coerce").to_numpy()
        at = rows.column_names.index(name)
        rows = rows.set_column(at, name, pa.array(np.where(far, elsewhere, np.nan_to_num(values))))
    results = []
    for size in (1000, 8000):
        path = tmp_path / f"{size}.parquet"
        pq.write_table(rows, path, row_group_size=size)
        results.append(filter_pings([path], tmp_path / f"out-{size}", a_job(feed)).quality)
    [chunk] = chunks_of(read_records(Store(tmp_path / "out-1000")))
    assert chunk["rows"] == 8000
    pd.testing.assert_frame_equal(*results)


def test_row_groups_outside_the_period_do_not_show(feed: Feed, readable: pa.Table, tmp_path: Path) -> None:
    """They are not read where times allow it, so what ships say of themselves there must not count."""
    at = readable.column_names.index("BaseDateTime")
    times = pd.to_datetime(readable["BaseDateTime"].to_pandas(), format="ISO8601", errors="coerce")
    rows = readable.set_column(at, "BaseDateTime", pa.array(times)).filter(pa.array(times.notna()))
    rows = rows.sort_by("BaseDateTime")
    start, end = pd.Timestamp("2024-03-02T06:00Z"), pd.Timestamp("2024-03-03T12:00Z")
    job = a_job(feed).model_copy(update={"start": start.to_pydatetime(), "end": end.to_pydatetime()})
    sizes = (500, rows.num_rows)
    for size in sizes:
        pq.write_table(rows, tmp_path / f"{size}.parquet", row_group_size=size)
        detect([tmp_path / f"{size}.parquet"], tmp_path / f"out-{size}", job)
    few, many = (pd.read_parquet(tmp_path / f"out-{size}" / "vessels.parquet") for size in sizes)
    assert len(few) > 0
    pd.testing.assert_frame_equal(few, many)


def test_day_by_day_is_one_run(feed: Feed, usual: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    read = []
    for file in feed.files:
        summary = detect([file], out, a_job(feed))
        read.append(summary.counts["rows"])
    assert read == sorted(set(read))
    assert_same(out, usual)


def test_days_of_arrival_interleave(feed: Feed, tmp_path: Path) -> None:
    """The platform's folders hold rows of neighbouring days; folder by folder is the same as all at once."""
    simulate(tmp_path / "un", rng=3, days=5, scene=("general", "near"), report_s=900.0)
    job = Job(ports_file=str(tmp_path / "un" / "ports.csv"))
    folders = sorted((tmp_path / "un" / "feed").glob("year=*/month=*/day=*"))
    assert len(folders) > 3
    detect([tmp_path / "un" / "feed"], tmp_path / "once", job)
    for folder in folders[::-1]:
        detect([folder], tmp_path / "daily", job)
    assert_same(tmp_path / "daily", tmp_path / "once")


def test_cells_that_the_feed_gives_and_those_found_are_the_same(tmp_path: Path) -> None:
    """And rows at sea, which are not even decoded, are counted as the others are."""
    simulate(tmp_path / "un", rng=4, days=1, ports=2, scene=("general",), report_s=600.0, ocean=0.5)
    ungp = resources.files("ais_berths.feeds").joinpath("ungp.toml").read_text(encoding="utf-8")
    own = tmp_path / "own.toml"
    own.write_text("".join(line for line in ungp.splitlines(True) if not line.startswith("cell =")))
    results = []
    for name, mapping in (("given", "ungp"), ("found", str(own))):
        job = Job(ports_file=str(tmp_path / "un" / "ports.csv"), feed=mapping)
        quality = filter_pings([tmp_path / "un" / "feed"], tmp_path / name, job, with_stops=True).quality
        results.append((all_pings(tmp_path / name), quality))
    (given, counts), (found, same_counts) = results
    assert (given["cell"] > 0).all()
    pd.testing.assert_frame_equal(given, found)
    pd.testing.assert_frame_equal(counts, same_counts)


def test_the_same_command_twice_reads_nothing(feed: Feed, usual: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    shutil.copytree(usual, out)
    logged: list[str] = []
    before = {path: path.stat().st_mtime_ns for path in (out / "state" / "scan").iterdir()}
    detect(feed.files, out, a_job(feed), wiring=Wiring(log=logged.append))
    assert "0 of 4 chunks to read" in logged[0]
    assert {path: path.stat().st_mtime_ns for path in (out / "state" / "scan").iterdir()} == before
    assert_same(out, usual)
    for part in sorted((usual / "pings").iterdir()):
        assert (out / "pings" / part.name).read_bytes() == part.read_bytes()


def test_a_folder_keeps_its_buckets(feed: Feed, usual: Path, tmp_path: Path) -> None:
    """Other buckets and chunks change no result, so they are no reason to refuse, or to lose rows."""
    out = tmp_path / "out"
    detect(feed.files[:2], out, a_job(feed, buckets=16))
    detect(feed.files, out, a_job(feed, buckets=3, chunk_rows=1000))
    assert_same(out, usual)


def test_smaller_tasks_in_the_same_folder(feed: Feed, usual: Path, tmp_path: Path) -> None:
    """As errors of workers without memory recommend: everything that follows is done in smaller pieces."""
    out = tmp_path / "out"
    filter_pings(feed.files[:2], out, a_job(feed))
    parts, chunks = len(list((out / "pings").iterdir())), len(chunks_of(read_records(Store(out))))
    detect(feed.files, out, a_job(feed, chunk_rows=1000, task_pings=1000, task_stops=20))
    pings = list((out / "pings").iterdir())
    assert len(pings) > parts
    # A row group for each portion.
    assert sum(pq.ParquetFile(path).num_row_groups for path in pings) > 8 * parts
    assert len(chunks_of(read_records(Store(out)))) > 2 * chunks + 3
    assert_same(out, usual)


def test_a_task_that_outlives_its_run_writes_nothing(
    feed: Feed, usual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run was broken off, but a worker does not know that yet and finishes its task."""
    out = tmp_path / "out"
    late: list[Callable[[], object]] = []

    def keep(module: object, name: str) -> None:
        whole = getattr(module, name)

        def task(item: object, **options: Any) -> object:
            late.append(lambda: whole(item, **options))
            return whole(item, **options)

        monkeypatch.setattr(module, name, task)

    keep(rounds, "scan_batch")
    keep(rounds, "gather_part")
    elsewhere = a_job(feed).model_copy(update={"start": datetime(2030, 1, 1, tzinfo=UTC)})
    detect(feed.files, out, elsewhere)
    detect(feed.files[:1], out, a_job(feed), overwrite=True)
    old = [*late]
    detect(feed.files, out, a_job(feed))
    refused = 0
    for task in old:
        with suppress(OutputError):
            task()
            continue
        refused += 1
    assert refused == len(old)
    find_all_places(out)
    assert_same(out, usual)


# stages and kills ---------------------------------------------------------------------------------


def test_stage_by_stage_is_detect(feed: Feed, usual: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    filtered = filter_pings(feed.files, out, a_job(feed))
    assert not (out / "berths.parquet").exists()
    assert all_pings(out)["stop_id"].isna().all()
    with pytest.raises(InputError, match="run `ais-berths stops"):
        find_all_places(out)
    stops = find_all_stops(out)
    assert stops.counts["stops"] > 0
    places = find_all_places(out)
    assert filtered.counts["rows"] == stops.counts["rows"] == places.counts["rows"]
    assert_same(out, usual)


def test_stops_of_older_pings_are_not_taken_for_all(feed: Feed, tmp_path: Path) -> None:
    out = tmp_path / "out"
    detect(feed.files[:1], out, a_job(feed))
    filter_pings(feed.files[:2], out, a_job(feed))
    with pytest.raises(InputError, match="run `ais-berths stops"):
        find_all_places(out)


def test_a_killed_run_is_carried_on(feed: Feed, usual: Path, tmp_path: Path) -> None:
    """Without the record of a chunk, and with temporary files about, the next run puts everything right."""
    out = tmp_path / "out"
    detect(feed.files, out, a_job(feed, chunk_rows=5000, task_rows=5000))
    scans = sorted((out / "state" / "scan").glob("*.json"))
    scans[1].unlink()
    scans[2].with_suffix(".statics.parquet").write_bytes(b"half")
    scans[2].unlink()
    (out / "state" / "stops.json").unlink()
    leftover = out / "state" / "scan" / ".x.1-abc.part.parquet"
    leftover.write_bytes(b"half")
    (out / "berths.geojson").unlink()
    detect(feed.files, out, a_job(feed))
    assert not leftover.exists()
    assert_same(out, usual)


def test_what_a_worker_was_writing_when_it_was_killed_is_not_read(
    feed: Feed, usual: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    left = ["state/scan/.x.1-abc.part.json", "state/parts/.stops-x.1-abc.part.parquet"]

    def kill(_: str) -> None:
        for name in left:
            if (out / name).parent.is_dir():
                (out / name).touch()

    detect(feed.files, out, a_job(feed), wiring=Wiring(log=kill))
    assert_same(out, usual)


def test_a_run_killed_for_real(feed: Feed, usual: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code = (
        "import os, signal, sys; import ais_berths.pipeline as p; from ais_berths.pipeline import rounds\n"
        "whole = rounds.scan_batch\n"
        "def last_gasp(chunks, **options):\n"
        "    whole(chunks, **options)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "rounds.scan_batch = last_gasp\n"
        "p.detect(sys.argv[3:], sys.argv[1], p.Job(ports_file=sys.argv[2]))\n"
    )
    command = [sys.executable, "-c", code, str(out), str(feed.ports), *map(str, feed.files)]
    killed = subprocess.run(command, check=False, capture_output=True)
    assert killed.returncode == -9, killed.stderr.decode()
    assert not (out / "berths.parquet").exists()
    assert list((out / "state" / "scan").glob("*.json"))
    detect(feed.files, out, a_job(feed))
    assert_same(out, usual)


def test_a_changed_file_is_read_again(feed: Feed, tmp_path: Path) -> None:
    copies = [tmp_path / file.name for file in feed.files[:2]]
    for copy, file in zip(copies, feed.files, strict=False):
        shutil.copy(file, copy)
    first = detect(copies, tmp_path / "out", a_job(feed))
    lines = copies[0].read_text(encoding="utf-8").splitlines(keepends=True)
    copies[0].write_text("".join(lines[: len(lines) // 2]), encoding="utf-8")
    second = detect(copies, tmp_path / "out", a_job(feed))
    assert second.counts["rows"] == first.counts["rows"] - (len(lines) - len(lines) // 2)
    detect(copies, tmp_path / "fresh", a_job(feed))
    assert_same(tmp_path / "out", tmp_path / "fresh")


# accounting ---------------------------------------------------------------------------------------


def test_every_row_is_accounted_for(usual: Path, accounted: Callable[[Path], pd.DataFrame]) -> None:
    quality = accounted(usual)
    reasons = set(quality["reason"])
    # The dirt of the fixture is found again, each under its own name.
    assert {"time_unreadable", "position_unreadable", "line_malformed", "junk_mmsi"} <= reasons
    assert {"not_a_ship_mmsi", "size_unreadable", "imo_unreadable", "duplicate"} <= reasons


def test_rows_outside_the_period_are_accounted_for(
    feed: Feed, tmp_path: Path, accounted: Callable[[Path], pd.DataFrame]
) -> None:
    start, end = pd.Timestamp("2024-03-02T06:00Z"), pd.Timestamp("2024-03-03T12:00Z")
    job = a_job(feed).model_copy(update={"start": start.to_pydatetime(), "end": end.to_pydatetime()})
    detect(feed.files, tmp_path / "out", job)
    quality = accounted(tmp_path / "out")
    assert "outside_period" in set(quality["reason"])
    times = all_pings(tmp_path / "out")["time"]
    assert times.min() >= start
    assert times.max() < end


def test_run_record(feed: Feed, usual: Path) -> None:
    run = json.loads((usual / "run.json").read_text(encoding="utf-8"))
    assert {entry["path"] for entry in run["inputs"]} == {str(file) for file in feed.files}
    assert sum(entry["rows"] for entry in run["inputs"]) == run["counts"]["rows"]
    assert run["job"]["config"]["cells"]["resolution"] == 8
    assert (run["job"]["feed"], run["feed"]) == ("auto", "noaa")
    assert pd.read_csv(usual / "quality.csv").to_dict("records") == run["quality"]


def test_hashes_of_inputs_are_recorded_where_wanted(feed: Feed, tmp_path: Path) -> None:
    files = [tmp_path / file.name for file in feed.files[:2]]
    for copy, file in zip(files, feed.files, strict=False):
        copy.write_bytes(file.read_bytes())

    def recorded(*, hash_inputs: bool) -> dict[str, str | None]:
        detect(files, tmp_path / "out", a_job(feed, hash_inputs=hash_inputs))
        run = json.loads((tmp_path / "out" / "run.json").read_text(encoding="utf-8"))
        return {entry["path"]: entry.get("sha256") for entry in run["inputs"]}

    def true() -> dict[str, str | None]:
        return {str(file): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}

    assert set(recorded(hash_inputs=False).values()) == {None}
    first = recorded(hash_inputs=True)
    assert first == true()
    files[0].write_text("".join(files[0].read_text(encoding="utf-8").splitlines(keepends=True)[:-9]), "utf-8")
    again = recorded(hash_inputs=False)
    assert again == {str(files[0]): None, str(files[1]): first[str(files[1])]}
    assert recorded(hash_inputs=True) == true() != first


def test_tables_have_their_columns(usual: Path) -> None:
    for name in ("stops", "vessels", "berth_cells", "berths", "quays", "anchorages"):
        found = pq.read_schema(usual / f"{name}.parquet")
        missing = [field.name for field in schema.TABLES[name] if field.name not in found.names]
        assert missing == [], name
    pings = pq.read_schema(next((usual / "pings").iterdir()))
    assert pings.names == schema.PINGS.names


def test_berths_without_a_cell_are_counted(usual: Path, feed: Feed, tmp_path: Path) -> None:
    job = Job(ports_file=str(feed.ports), config=parse_config({"berths": {"cell_resolution": 9}}))
    summary = detect(feed.files, tmp_path / "out", job)
    with_cell = pd.read_parquet(tmp_path / "out" / "berth_cells.parquet")["berth_id"].nunique()
    assert summary.counts["berths"] - with_cell == summary.counts["berths without a cell"] > 0
    counts = json.loads((usual / "run.json").read_text(encoding="utf-8"))["counts"]
    with_cell = pd.read_parquet(usual / "berth_cells.parquet")["berth_id"].nunique()
    assert counts["berths"] - with_cell == counts.get("berths without a cell", 0) <= 1


def test_rows_point_back(usual: Path) -> None:
    pings = all_pings(usual)
    stops = pd.read_parquet(usual / "stops.parquet")
    berths = pd.read_parquet(usual / "berths.parquet", columns=["berth_id", "quay_id", "n_stops"])
    assert set(pings["stop_id"].dropna()) == set(stops["stop_id"])
    assert set(stops["berth_id"].dropna()) == set(berths["berth_id"])
    counted = stops["berth_id"].value_counts().reindex(berths["berth_id"])
    assert counted.tolist() == berths["n_stops"].tolist()
    vessels = set(pd.read_parquet(usual / "vessels.parquet")["mmsi"])
    assert set(stops["mmsi"]) <= vessels
    # The fixture has numbers that are no ship's, and they send ship data too.
    assert {mmsi // 100_000_000 for mmsi in vessels} <= set(range(2, 8))


def test_a_feed_without_ship_data_still_names_its_vessels(
    feed: Feed, readable: pa.Table, tmp_path: Path
) -> None:
    bare = readable.select(["MMSI", "BaseDateTime", "LAT", "LON"])
    pq.write_table(bare, tmp_path / "bare.parquet")
    summary = detect([tmp_path / "bare.parquet"], tmp_path / "out", a_job(feed))
    vessels = pd.read_parquet(tmp_path / "out" / "vessels.parquet")
    stops = pd.read_parquet(tmp_path / "out" / "stops.parquet")
    assert set(vessels["mmsi"]) == set(stops["mmsi"])
    assert set(vessels["dims_basis"]) == {"none"}
    assert summary.counts["berths"] > 0


def test_ships_that_never_stop(feed: Feed, tmp_path: Path, accounted: Callable[[Path], pd.DataFrame]) -> None:
    """Nothing to find is a result: every table is there and empty."""
    lines = ["MMSI,BaseDateTime,LAT,LON,SOG"]
    lines += [f"367000001,2024-03-01T{hour:02d}:00:00,45.0{hour},-30.0,9.5" for hour in range(6)]
    (tmp_path / "passing.csv").write_text("\n".join(lines), encoding="utf-8")
    summary = detect([tmp_path / "passing.csv"], tmp_path / "out", a_job(feed))
    assert summary.counts["pings"] == 6
    accounted(tmp_path / "out")
    assert [len(pd.read_parquet(tmp_path / "out" / f"{name}.parquet")) for name in LAYERS] == [0, 0, 0]


# clusters and recipes -----------------------------------------------------------------------------


def run_job(
    root: Path, name: str, recipe: str, folder: Path, **variables: str
) -> subprocess.CompletedProcess:
    path = folder / f"{name}.toml"
    path.write_text(recipe, encoding="utf-8")
    command = [sys.executable, str(root / "pipelines" / f"{name}.py"), str(path)]
    environment = {**os.environ, **variables, "PYTHONPATH": str(root)}
    return subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=folder, env=environment, timeout=300
    )


def recipe_of(feed: Feed, out: Path, more: str = "") -> str:
    return (
        f"inputs = {json.dumps([str(file) for file in feed.files])}\n"
        f"out = {json.dumps(str(out))}\nports_file = {json.dumps(str(feed.ports))}\n{more}"
    )


@pytest.mark.slow
def test_worker_processes_give_the_same(root: Path, feed: Feed, usual: Path, tmp_path: Path) -> None:
    run = "[config.run]\nchunk_rows = 5000\ntask_rows = 5000\nbuckets = 5\n"
    recipe = recipe_of(feed, tmp_path / "out", run)
    done = run_job(root, "cluster", recipe, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr
    assert_same(tmp_path / "out", usual)


def test_job_of_the_platform(root: Path, tmp_path: Path) -> None:
    simulate(tmp_path / "un", rng=3, days=4, scene=("general",), report_s=900.0)
    archive = str(tmp_path / "un" / "feed")
    recipe = f'feed = "ungp"\nout = "out"\nports_file = {json.dumps(str(tmp_path / "un" / "ports.csv"))}\n'
    done = run_job(root, "ungp", recipe, tmp_path, AIS_BERTHS_INPUT=archive)
    assert done.returncode == 0, done.stderr
    cells = pd.read_csv(tmp_path / "out" / "berth_cells.csv")
    assert {"hex_id", "hex_resolution", "polygon_name"} <= set(cells.columns)
    assert len(cells) > 0
    done = run_job(root, "ungp", recipe, tmp_path, AIS_BERTHS_INPUT="")
    assert done.returncode == 1
    assert (
        done.stderr == "Error: the archive is not named; set AIS_BERTHS_INPUT, or give inputs in the recipe\n"
    )


def test_shipped_recipes_can_be_read(root: Path) -> None:
    recipes = {path.stem: load_recipe(path) for path in (root / "pipelines").glob("*.toml")}
    assert set(recipes) == {path.stem for path in (root / "pipelines").glob("*.py")}
    assert recipes["ungp"].job().ports == ("46855",)


def test_a_recipe_names_all_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "run.toml"
    path.write_text("inputs = ['a']\nprot = ['USTPA']\nbbox = [1, 2, 3]\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"(?s)bbox.*prot is not a setting; did you mean port\?"):
        load_recipe(path)
    path.write_text("[config.cells]\nradius_nm = -1\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"cells\.radius_nm is -1"):
        load_recipe(path)


def test_out_may_be_a_link_to_a_folder(feed: Feed, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("there")
    with pytest.raises(OutputError, match="link is a link to a folder that does not exist; make that folder"):
        filter_pings(feed.files[:1], link, a_job(feed))
    (tmp_path / "there").mkdir()
    filter_pings(feed.files[:1], link, a_job(feed))
    assert link.is_symlink()
    assert (tmp_path / "there" / "pings").is_dir()


def test_out_may_not_be_a_url(feed: Feed) -> None:
    with pytest.raises(OutputError, match="expected a folder"):
        detect(feed.files, "s3://bucket/out", a_job(feed))


def test_relative_out_is_where_the_run_began(
    feed: Feed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    summary: Summary = filter_pings(feed.files[:1], "here", a_job(feed))
    assert summary.out == tmp_path / "here"


def test_inputs_are_sequences_of_anything_path_like(feed: Feed, tmp_path: Path) -> None:
    names: Sequence[str] = [str(feed.files[0]), str(feed.files[0])]
    twice = filter_pings(names, tmp_path / "out", a_job(feed))
    assert twice.counts["rows"] == len(feed.files[0].read_text(encoding="utf-8").splitlines()) - 1
