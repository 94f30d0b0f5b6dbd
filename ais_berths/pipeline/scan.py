"""The first task: from chunks of raw input to the pings near ports, by vessel."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from ais_berths import schema
from ais_berths.errors import InputError
from ais_berths.feeds import (
    OUTSIDE,
    REASONS,
    Batch,
    Feed,
    cut,
    distinct_statics,
    has_changed,
    is_static_only,
    iter_batches,
    read_cells,
    read_positions,
    read_reports,
)
from ais_berths.pings import ship_mmsi
from ais_berths.pipeline.job import Job, Store, stored_job
from ais_berths.pipeline.layout import NEAR, BatchWriter, Counts, Record, batch_id, late
from ais_berths.raster import CellFilter
from ais_berths.redact import redact_urls
from ais_berths.tables import whole

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from ais_berths.config import CleanConfig
    from ais_berths.feeds import Chunk, Reports
    from ais_berths.geo import Floats
    from ais_berths.h3cells import Cells

# Most chunks of a task, as its description goes through the scheduler.
_MOST_CHUNKS = 250
# A chunk is written in this many steps: all its rows may lie near ports, and sorting them doubles the memory.
_FLUSHES = 8
# If a larger share of a batch is near ports, converting all rows is faster than selecting first.
_LARGEST_CUT = 0.7


@dataclass(frozen=True)
class ScanPlan:
    """What every scan task needs besides its chunks."""

    feed: Feed
    cells: CellFilter
    clean: CleanConfig
    start: datetime | None
    end: datetime | None


def scan_batch(chunks: Sequence[Chunk], store: Store, stamp: str) -> None:
    """Read some chunks, keep what lies near ports, and write it with the record of the batch.

    Parameters
    ----------
    chunks
        Chunks of one or more files.
    store
        Output folder, with the job, the feed and the cells in it: nothing of size travels with a task.
    stamp
        Hash of these, so that a process reads them once.

    Raises
    ------
    InputError
        A file is damaged, or changed while it was read.
    """
    job, plan = _load_plan(store.out, stamp)
    name = batch_id([chunk_id(chunk) for chunk in chunks])
    run = job.config.run

    def check() -> None:
        # Workers do not notice at once that their run was broken off.
        if plan_stamp(store) != stamp:
            raise late(store)

    writer = BatchWriter(store, name, run.buckets, run.chunk_rows // _FLUSHES, check)
    writer.write(scan_chunk(chunk, plan) for chunk in chunks)


def plan_stamp(store: Store) -> str:
    """Hash of the job and the feed that a folder is read with, and of the run that reads it."""
    texts = (path.read_bytes() for path in (store.plan_mark, store.feed_file, store.run_mark))
    return hashlib.sha256(b"".join(texts)).hexdigest()


def chunk_id(chunk: Chunk) -> str:
    """Name of a chunk: the same part of the same file has the same name in every run."""
    # A new password or signature does not make it another file.
    content = asdict(chunk) | {"path": redact_urls(chunk.path)}
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:20]


def make_batches(chunks: Iterable[Chunk], most_rows: int) -> list[tuple[Chunk, ...]]:
    """Put consecutive chunks together, up to about `most_rows` rows."""
    batches: list[list[Chunk]] = []
    size = 0
    for chunk in chunks:
        if not batches or size + chunk.rows > most_rows or len(batches[-1]) == _MOST_CHUNKS:
            batches.append([])
            size = 0
        batches[-1].append(chunk)
        size += chunk.rows
    return [tuple(batch) for batch in batches]


def counts_table(chunks: Iterable[Record]) -> pd.DataFrame:
    """Counts of all chunks as the table ``quality``."""
    total: Counts = Counter()
    for chunk in chunks:
        total.update({(stage, reason, action): n for stage, reason, action, n in chunk["counts"]})
    rows = [
        {"stage": stage, "reason": reason, "action": action, "rows": n}
        for (stage, reason, action), n in total.items()
    ]
    return schema.conform(pd.DataFrame(rows, columns=schema.QUALITY.names), "quality")


def forget_plan() -> None:
    """Release the cells, which for all ports take hundreds of megabytes."""
    _load_plan.cache_clear()


@lru_cache(maxsize=1)
def _load_plan(out: Path, stamp: str) -> tuple[Job, ScanPlan]:  # noqa: ARG001 - names the content
    """Once for each process."""
    store = Store(out)
    job = stored_job(store)
    feed = Feed.model_validate_json(store.feed_file.read_text(encoding="utf-8"))
    with whole(store.filter_file):
        cells = CellFilter.load(store.filter_file)
    return job, ScanPlan(feed, cells, job.config.clean, job.start, job.end)


def scan_chunk(chunk: Chunk, plan: ScanPlan) -> tuple[Record, Iterator[tuple[pa.Table, pa.Table]]]:
    """Record of a chunk, complete once its rows near ports have been taken."""
    record: Record = {
        "id": chunk_id(chunk),
        "input": redact_urls(chunk.path),
        "fingerprint": chunk.fingerprint,
    }

    def rows() -> Iterator[tuple[pa.Table, pa.Table]]:
        counts: Counts = Counter()
        # Rows that were never read lie outside the area; with a period, some may lie outside that instead.
        skipped = "outside_area" if plan.start is None and plan.end is None else "outside_area_or_period"
        counts["read", "row_read", "kept"] += chunk.skipped_rows
        counts["filter", skipped, "dropped"] += chunk.skipped_rows
        for batch in iter_batches(chunk, plan.feed, resolution=plan.cells.resolution, near=plan.cells):
            yield _near_rows(batch, plan, counts)
        if has_changed(chunk.path, chunk.fingerprint):
            raise InputError(f"{chunk.label} changed while it was read; run the same command again")
        record["rows"] = counts["read", "row_read", "kept"]
        record["counts"] = [[*key, value] for key, value in sorted(counts.items()) if value]

    return record, rows()


def _near_rows(batch: Batch, plan: ScanPlan, counts: Counts) -> tuple[pa.Table, pa.Table]:
    """Rows of a batch that lie near ports, and the ship data of those rows."""
    table = batch.table
    lat, lon = read_positions(table, plan.feed)
    static_only = is_static_only(table, plan.feed)
    if static_only is None:
        static_only = np.zeros(table.num_rows, dtype=bool)
    no_place = np.isnan(lat) & ~static_only
    cells = read_cells(table, plan.feed, plan.cells.resolution)
    near = _inside(lat, lon, cells, plan) & ~static_only
    counts["read", "row_read", "kept"] += table.num_rows + sum(batch.counts.values())
    counts["read", "position_unreadable", "dropped"] += int(np.count_nonzero(no_place))
    counts["read", "static_only", "kept"] += int(np.count_nonzero(static_only))
    counts["filter", OUTSIDE, "dropped"] += int(np.count_nonzero(~(near | no_place | static_only)))
    for reason, n in batch.counts.items():
        counts["filter" if reason == OUTSIDE else "read", reason, "dropped"] += n
    wanted = near | static_only
    if np.count_nonzero(wanted) < _LARGEST_CUT * len(wanted):
        table, lat, lon = cut(table, wanted), lat[wanted], lon[wanted]
        cells = cells if cells is None else cells[wanted]
        near, wanted = near[wanted], wanted[wanted]
    found = read_reports(table, plan.feed, near, positions=(lat, lon), cells=cells)
    # Which rows outside the period are read at all depends on how the files are cut.
    time = found.columns["time"]
    wanted = wanted & (_in_period(np.ma.getdata(time), plan) | np.ma.getmaskarray(time))
    ships, broken = distinct_statics(table, plan.feed, wanted)
    for reason, n in [*found.counts.items(), *broken.items()]:
        counts["read", reason, REASONS[reason][0]] += n
    is_ship, _ = ship_mmsi(ships["mmsi"].to_numpy(), plan.clean)
    return _ships_in_time(found, plan, counts), ships.filter(pa.array(is_ship))


def _inside(lat: Floats, lon: Floats, cells: Cells | None, plan: ScanPlan) -> NDArray[np.bool_]:
    """Exact test of place: by the cell that the feed gives, where it gives one, else by the position."""
    if cells is None:
        return plan.cells.inside(lat, lon)
    near = plan.cells.near(lat, lon)
    missing = np.flatnonzero(near & (cells == 0))
    near &= plan.cells.has_cells(cells)
    if missing.size:
        near[missing] = plan.cells.inside(lat[missing], lon[missing])
    return near


def _ships_in_time(found: Reports, plan: ScanPlan, counts: Counts) -> pa.Table:
    """Usable rows of ships within the period; cells that the feed does not give are 0 and found later."""
    columns = {name: np.ma.getdata(values) for name, values in found.columns.items()}
    at = np.flatnonzero(found.usable)
    keep, wrong = ship_mmsi(columns["mmsi"][at], plan.clean)
    in_time = _in_period(columns["time"][at], plan)
    counts["filter", "outside_period", "dropped"] += int(np.count_nonzero(keep & ~in_time))
    counts["filter", "near_port", "kept"] += int(np.count_nonzero(keep & in_time))
    for reason, n in wrong.items():
        counts["filter", reason, "dropped"] += n
    at = at[keep & in_time]
    columns.setdefault("cell", np.zeros(len(found.usable), dtype=np.int64))
    return pa.Table.from_arrays(
        [pa.array(columns[field.name][at], field.type) for field in NEAR], schema=NEAR
    )


def _in_period(times: NDArray[np.int64], plan: ScanPlan) -> NDArray[np.bool_]:
    inside = np.ones(len(times), dtype=bool)
    if plan.start is not None:
        inside &= times >= pa.scalar(plan.start, schema.TIME).value
    if plan.end is not None:
        inside &= times < pa.scalar(plan.end, schema.TIME).value
    return inside
