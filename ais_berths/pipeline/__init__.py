"""From raw files to the tables of an output folder: the wiring of the steps, with dask.

The raw rows are read once, in independent tasks, and what lies near ports is laid out by vessel. A second
round of tasks takes one bucket of vessels each. What remains is small and runs here.
"""

from __future__ import annotations

import json
import platform
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ais_berths import __version__, geo, schema
from ais_berths.berthcells import berth_cells
from ais_berths.errors import AisBerthsError, EmptyInputError, InputError, OutputError
from ais_berths.export import write_csv, write_geojson, write_geoparquet, write_parquet
from ais_berths.feeds import Window, choose_feed, list_inputs, load_feed, plan_chunks
from ais_berths.pings import add_quality
from ais_berths.pipeline.calls import write_calls
from ais_berths.pipeline.gather import gather_bucket
from ais_berths.pipeline.job import Job, Store, check_out, clear, hash_ports, load_job, open_out, write_text
from ais_berths.pipeline.scan import ScanPlan, chunk_id, counts_table, merge_equal, scan_chunk
from ais_berths.pipeline.tasks import connect, run_tasks
from ais_berths.places import Places, find_places
from ais_berths.raster import CellFilter
from ais_berths.redact import redact_urls
from ais_berths.vessels import merge_statics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    from ais_berths.feeds import Chunk, Feed, InputFile

__all__ = [
    "Job",
    "Summary",
    "Wiring",
    "detect",
    "filter_pings",
    "find_all_places",
    "find_all_stops",
    "hash_ports",
]


@dataclass
class Summary:
    """What a run did, for people and for the run record."""

    out: Path
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    quality: pd.DataFrame = field(default_factory=lambda: schema.empty("quality"))
    berths_by_port: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Wiring:
    """How a run is carried out; no effect on its result."""

    scheduler: str | None = None
    progress: bool = False
    log: Callable[[str], None] = lambda _text: None
    client: Any = None

    @contextmanager
    def connected(self) -> Iterator[Wiring]:
        """Give this wiring with a client, so that a run connects once."""
        with connect(self.scheduler) as client:
            yield replace(self, client=client)


@dataclass(frozen=True)
class _Work:
    """What a run is going to read."""

    job: Job
    files: list[InputFile]
    feed: Feed
    cells: pd.DataFrame
    chunks: list[Chunk]


def detect(
    inputs: Sequence[str | Path],
    out: str | Path,
    job: Job,
    *,
    overwrite: bool = False,
    wiring: Wiring | None = None,
) -> Summary:
    """Turn raw AIS into berths, quays, anchorages and stops in an output folder.

    Parameters
    ----------
    inputs
        Files, folders, globs or URLs.
    out
        Output folder. If it holds results of the same job, only new inputs are read.
    job
        Ports, period, feed and settings.
    overwrite
        Begin again if the folder holds results of another job.
    wiring
        Scheduler, progress and log.

    Raises
    ------
    InputError, ConfigError, PortError, OutputError
        In plain words; nothing half-made remains.
    """
    wiring = wiring or Wiring()
    summary = filter_pings(inputs, out, job, overwrite=overwrite, wiring=wiring, with_stops=True)
    return find_all_places(out, summary=summary, wiring=wiring)


def filter_pings(
    inputs: Sequence[str | Path],
    out: str | Path,
    job: Job,
    *,
    overwrite: bool = False,
    wiring: Wiring | None = None,
    with_stops: bool = False,
) -> Summary:
    """Read raw AIS and keep the clean pings near ports; see `detect` for the parameters."""
    wiring = wiring or Wiring()
    clock = _Clock()
    work = _prepare(inputs, out, job, overwrite=overwrite)
    with wiring.connected() as connected:
        store = open_out(out, work.job, overwrite=overwrite)
        summary = Summary(out=store.out)
        write_parquet(work.cells, store.table("cells"), "cells")
        clock.lap(summary, "prepare")
        _scan(store, work, connected)
        clock.lap(summary, "filter")
        _gather(store, work.job, with_stops=with_stops, wiring=connected, summary=summary)
        clock.lap(summary, "clean and stops" if with_stops else "clean")
    return summary


def find_all_stops(out: str | Path, *, wiring: Wiring | None = None) -> Summary:
    """Find the stops of the pings that `filter_pings` left in a folder."""
    wiring = wiring or Wiring()
    clock = _Clock()
    store, job = load_job(out)
    summary = Summary(out=store.out)
    with wiring.connected() as connected:
        _gather(store, job, with_stops=True, wiring=connected, summary=summary)
    clock.lap(summary, "clean and stops")
    return summary


def find_all_places(
    out: str | Path, *, summary: Summary | None = None, wiring: Wiring | None = None
) -> Summary:
    """Find berths, quays and anchorages from the stops in a folder, and write every table."""
    wiring = wiring or Wiring()
    clock = _Clock()
    store, job = load_job(out)
    summary = summary or Summary(out=store.out)
    records = _records(store)
    if not store.stops_mark.exists() or json.loads(store.stops_mark.read_text()) != _ids(records):
        raise InputError(
            f"{store.out} does not hold the stops of all pings; run `ais-berths stops {store.out}` first"
        )
    stops = _concat(sorted(store.parts.glob("stops-*.parquet")), "stops")
    stops = stops.sort_values("stop_id", ignore_index=True)
    vessels = merge_statics(_statics(store, records, stops), job.config.hulls)
    port_list = job.port_list()
    cells = schema.to_pandas(pq.read_table(store.table("cells")))
    wiring.log(f"{len(stops)} stops of {stops['mmsi'].nunique()} vessels: looking for berths")
    places = find_places(stops, vessels, port_list, cells, job.config, only=job.ports)
    clock.lap(summary, "berths")
    calls = write_calls(store, job, vars(places) | {"vessels": vessels})
    places = replace(places, stops=calls.stops)
    summary.counts |= {"berth_calls": len(calls.berth_calls), "port_calls": len(calls.port_calls)}
    clock.lap(summary, "calls")
    _write_tables(store, job, places, vessels, records, summary, port_list)
    clock.lap(summary, "write")
    _write_record(store, job, records, summary)
    return summary


def _prepare(inputs: Sequence[str | Path], out: str | Path, job: Job, *, overwrite: bool) -> _Work:
    """Look at everything that may be a reason to refuse; nothing is written yet."""
    port_list = job.port_list()
    job = check_out(out, job.model_copy(update={"ports_hash": hash_ports(port_list)}), overwrite=overwrite)
    # Only the platform's archive has folders by day, unless the user's own mapping says otherwise.
    margin = load_feed("ungp" if job.feed == "auto" else job.feed).partitions
    files = list_inputs(inputs, Window.around(job.start, job.end, margin.days_before, margin.days_after))
    feed = choose_feed(files, job.feed)
    cells = job.cells(port_list)
    if cells.empty:
        raise EmptyInputError(
            "no H3 cell lies around the chosen ports; choose other ports or a larger radius"
        )
    chunks = plan_chunks(files, feed, job.config.run.chunk_rows, job.start, job.end, boxes=_boxes(cells))
    return _Work(job, files, feed, cells, chunks)


def _scan(store: Store, work: _Work, wiring: Wiring) -> None:
    """Read the pieces that have not been read yet."""
    plan = ScanPlan(
        feed=work.feed,
        cells=CellFilter(work.cells, work.job.config.cells.resolution),
        clean=work.job.config.clean,
        start=work.job.start,
        end=work.job.end,
        buckets=work.job.config.run.buckets,
        folder=store.scans,
    )
    new = [chunk for chunk in work.chunks if not store.is_read(chunk_id(chunk))]
    _forget_changed(store, work.files)
    wiring.log(
        f"reading {len(work.files)} file(s) as feed '{work.feed.name}': "
        f"{len(new)} of {len(work.chunks)} pieces to do"
    )
    try:
        _run(scan_chunk, new, plan, wiring=wiring)
    except AisBerthsError:
        if not _records(store):
            clear(store)
        raise
    if not all(store.is_read(chunk_id(chunk)) for chunk in new):
        raise OutputError(
            f"the workers wrote what they read to a disk that is not seen here; put {store.out} on a disk "
            "that this machine and all workers share"
        )


def _gather(store: Store, job: Job, *, with_stops: bool, wiring: Wiring, summary: Summary) -> None:
    records = _records(store)
    # A killed run must not leave stops behind that look complete.
    store.stops_mark.unlink(missing_ok=True)
    results = _run(
        gather_bucket,
        range(job.config.run.buckets),
        store,
        job,
        records,
        wiring=wiring,
        with_stops=with_stops,
    )
    if with_stops:
        write_text(store.stops_mark, json.dumps(_ids(records)))
    parts = [_concat([path], "quality") for path in sorted(store.parts.glob("quality-*.parquet"))]
    summary.quality = add_quality([counts_table(records), *parts])
    summary.counts["rows"] = sum(record["rows"] for record in records)
    summary.counts["pings"] = sum(result["pings"] for result in results)
    summary.counts["stops"] = sum(result["stops"] for result in results)


def _write_tables(
    store: Store,
    job: Job,
    places: Places,
    vessels: pd.DataFrame,
    records: list[dict[str, Any]],
    summary: Summary,
    port_list: pd.DataFrame,
) -> None:
    write_parquet(vessels, store.table("vessels"), "vessels")
    write_parquet(places.stops, store.table("stops"), "stops")
    write_parquet(places.hulls, store.table("hulls"), "hulls")
    for name, frame in (
        ("berths", places.berths),
        ("quays", places.quays),
        ("anchorages", places.anchorages),
    ):
        write_geoparquet(frame, store.table(name), name)
        write_geojson(frame, store.table(name, ".geojson"), f"{name[:-1]}_id")
    cells = berth_cells(places.berths, job.config.berths.cell_resolution)
    write_parquet(cells, store.table("berth_cells"), "berth_cells")
    parts = [_concat([path], "quality") for path in sorted(store.parts.glob("quality-*.parquet"))]
    summary.quality = add_quality([counts_table(records), *parts, places.quality])
    write_csv(summary.quality, store.table("quality", ".csv"))
    names = dict(zip(port_list["port_id"], port_list["name"], strict=False))
    by_port = places.berths["port_id"].value_counts()
    summary.berths_by_port = {f"{names.get(port, port)} ({port})": int(n) for port, n in by_port.items()}
    summary.counts |= {
        "rows": sum(record["rows"] for record in records),
        "vessels": len(vessels),
        "stops": len(places.stops),
        "berths": len(places.berths),
        "quays": len(places.quays),
        "anchorages": len(places.anchorages),
    }


def _write_record(store: Store, job: Job, records: list[dict[str, Any]], summary: Summary) -> None:
    """Write ``run.json``: enough to repeat the run."""
    inputs: dict[str, dict[str, Any]] = {}
    for record in records:
        entry = inputs.setdefault(record["input"], {"fingerprint": record["fingerprint"], "rows": 0})
        entry["rows"] += record["rows"]
    quality = summary.quality.to_dict("records")
    run = {
        "program": "ais-berths",
        "version": __version__,
        "schema_version": schema.SCHEMA_VERSION,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {"pandas": pd.__version__, "pyarrow": pa.__version__},
        "job": json.loads(job.model_dump_json()),
        "job_fingerprint": job.fingerprint(),
        "inputs": [{"path": path, **entry} for path, entry in sorted(inputs.items())],
        "counts": summary.counts,
        "quality": quality,
        "seconds": {name: round(value, 3) for name, value in summary.seconds.items()},
    }
    write_text(store.out / "run.json", json.dumps(run, indent=1, ensure_ascii=False))


def _records(store: Store) -> list[dict[str, Any]]:
    """Records of all chunks that were read, in the order of their names."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(store.scans.glob("*.json"))]


def _ids(records: list[dict[str, Any]]) -> list[str]:
    return [record["id"] for record in records]


def _forget_changed(store: Store, files: Iterable[InputFile]) -> None:
    """Drop what was read from files that have changed since."""
    now = {redact_urls(file.path): file.fingerprint for file in files}
    for record in _records(store):
        if now.get(record["input"], record["fingerprint"]) != record["fingerprint"]:
            for path in store.scans.glob(f"{record['id']}.*"):
                path.unlink()


def _statics(store: Store, records: list[dict[str, Any]], stops: pd.DataFrame) -> pd.DataFrame:
    """Ship data of all chunks, with an empty row for each ship that stopped and sent none."""
    tables = [pq.read_table(store.scans / f"{record['id']}.statics.parquet") for record in records]
    silent = schema.to_arrow(pd.DataFrame({"mmsi": stops["mmsi"].unique(), "n_reports": 0}), "statics")
    return schema.to_pandas(merge_equal(pa.concat_tables([*tables, silent])))


def _concat(paths: Sequence[Path], table: str) -> pd.DataFrame:
    if not paths:
        return schema.empty(table)
    return schema.to_pandas(pa.concat_tables([pq.read_table(path) for path in paths]))


def _boxes(cells: pd.DataFrame, limit: int = 100) -> list[tuple[float, float, float, float]] | None:
    """Boxes around the cells of each port, to skip row groups; None where they would be too many."""
    if cells["port_id"].nunique() > limit or len(cells) > 500_000:
        return None
    lat, lon = geo.cell_centres(cells["cell"].to_numpy())
    boxes = []
    pad = 0.05
    for at in cells.groupby("port_id").indices.values():
        east = geo.turn_deg(lon[at[0]], lon[at])
        stretch = pad / max(0.05, float(np.cos(np.radians(lat[at])).min()))
        west_east = (lon[at[0]] + east.min() - stretch, lon[at[0]] + east.max() + stretch)
        west, far = (float(geo.turn_deg(0.0, value)) for value in west_east)
        boxes.append((west, float(lat[at].min() - pad), far, float(lat[at].max() + pad)))
    return boxes


def _run(
    task: Callable[..., Any], items: Iterable[Any], *shared: Any, wiring: Wiring, **options: Any
) -> list[Any]:
    return run_tasks(task, items, *shared, client=wiring.client, progress=wiring.progress, **options)


class _Clock:
    """Seconds by stage."""

    def __init__(self) -> None:
        self.last = time.perf_counter()

    def lap(self, summary: Summary, stage: str) -> None:
        now = time.perf_counter()
        summary.seconds[stage] = summary.seconds.get(stage, 0.0) + now - self.last
        self.last = now
