"""The first task: one piece of raw input to the pings near ports, laid out by vessel."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ais_berths import schema
from ais_berths.export import atomic_path
from ais_berths.feeds import (
    OUTSIDE,
    REASONS,
    Batch,
    distinct_statics,
    is_static_only,
    iter_batches,
    normalise,
    read_cells,
    read_positions,
)
from ais_berths.pings import ship_mmsi
from ais_berths.pipeline.job import write_text
from ais_berths.redact import redact_urls

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from pathlib import Path

    from numpy.typing import NDArray

    from ais_berths.config import CleanConfig
    from ais_berths.feeds import Chunk, Feed, Normalised
    from ais_berths.geo import Floats
    from ais_berths.raster import CellFilter

Counts = dict[tuple[str, str, str], int]

_NEAR = pa.schema([field for field in schema.PINGS if field.name not in ("track", "stop_id")])
_MIX = np.uint64(0x9E37_79B9_7F4A_7C15)


@dataclass(frozen=True)
class ScanPlan:
    """What every scan task needs beside its chunk."""

    feed: Feed
    cells: CellFilter
    clean: CleanConfig
    start: datetime | None
    end: datetime | None
    buckets: int
    folder: Path


def scan_chunk(chunk: Chunk, plan: ScanPlan) -> dict[str, Any]:
    """Read a chunk, keep what lies near ports, and write it with one row group for each bucket.

    Returns
    -------
    The record of the chunk, as it was also written: input, rows, counts and row groups by bucket.
    """
    near: list[pa.Table] = []
    statics: list[pa.Table] = []
    counts: Counts = {}
    _add(counts, {("read", "row_read", "kept"): chunk.skipped_rows})
    # Rows that were never read lie outside the area; with a period, some may lie outside that instead.
    skipped = "outside_area" if plan.start is None and plan.end is None else "outside_area_or_period"
    _add(counts, {("filter", skipped, "dropped"): chunk.skipped_rows})
    for batch in iter_batches(chunk, plan.feed, resolution=plan.cells.resolution, near=plan.cells):
        rows, ships = _near_rows(batch, plan, counts)
        if rows.num_rows:
            near.append(rows)
        if ships.num_rows:
            statics.append(ships)
    name = chunk_id(chunk)
    groups = _write_by_bucket(near, plan.folder / f"{name}.pings.parquet", plan.buckets)
    merged = merge_equal(pa.concat_tables(statics) if statics else schema.STATICS.empty_table())
    with atomic_path(plan.folder / f"{name}.statics.parquet") as path:
        pq.write_table(merged, path)
    record = {
        "id": name,
        "input": redact_urls(chunk.path),
        "fingerprint": chunk.fingerprint,
        "rows": counts[("read", "row_read", "kept")],
        "row_groups": groups,
        "counts": [[*key, value] for key, value in sorted(counts.items()) if value],
    }
    # The record comes last: a chunk without one is read again.
    write_text(plan.folder / f"{name}.json", json.dumps(record, indent=1))
    return record


def chunk_id(chunk: Chunk) -> str:
    """Name of a chunk: the same piece of the same file has the same name in every run."""
    # A new password or signature does not make it another file.
    piece = asdict(chunk) | {"path": redact_urls(chunk.path)}
    return hashlib.sha256(json.dumps(piece, sort_keys=True).encode()).hexdigest()[:20]


def bucket_of(mmsi: NDArray[np.int64], buckets: int) -> NDArray[np.int64]:
    """Bucket of each vessel; neighbouring numbers spread over all buckets.

    Examples
    --------
    >>> bucket_of(np.array([244000001, 244000002, 244000001]), 16).tolist()[0::2]
    [9, 9]
    """
    mixed = np.asarray(mmsi, dtype=np.int64).astype(np.uint64) * _MIX
    return ((mixed >> np.uint64(40)) % np.uint64(buckets)).astype(np.int64)


def merge_equal(statics: pa.Table) -> pa.Table:
    """Add up equal rows of ship data."""
    keys = [name for name in statics.column_names if name != "n_reports"]
    total = statics.group_by(keys, use_threads=False).aggregate([("n_reports", "sum")])
    total = total.rename_columns([*keys, "n_reports"]).select(statics.column_names)
    return total.sort_by([(name, "ascending") for name in keys]).cast(schema.STATICS)


def _near_rows(batch: Batch, plan: ScanPlan, counts: Counts) -> tuple[pa.Table, pa.Table]:
    """Rows of a batch that lie near ports, and the ship data of those rows."""
    table = batch.table
    lat, lon = read_positions(table, plan.feed)
    static_only = is_static_only(table, plan.feed)
    if static_only is None:
        static_only = np.zeros(table.num_rows, dtype=bool)
    no_place = np.isnan(lat) & ~static_only
    near = _inside(table, lat, lon, plan) & ~static_only
    outside = int((~(near | no_place | static_only)).sum())
    _add(
        counts,
        {
            ("read", "row_read", "kept"): table.num_rows + sum(batch.counts.values()),
            ("read", "position_unreadable", "dropped"): int(no_place.sum()),
            ("read", "static_only", "kept"): int(static_only.sum()),
            ("filter", OUTSIDE, "dropped"): outside,
        },
    )
    for reason, n in batch.counts.items():
        stage = "filter" if reason == OUTSIDE else "read"
        _add(counts, {(stage, reason, "dropped"): n})
    ships, broken = distinct_statics(table, plan.feed, near | static_only)
    _add(counts, {("read", reason, REASONS[reason][0]): n for reason, n in broken.items()})
    result = normalise(
        table, plan.feed, np.flatnonzero(near), resolution=plan.cells.resolution, statics=False
    )
    _add(counts, {("read", reason, REASONS[reason][0]): n for reason, n in result.counts.items()})
    return _ships_in_time(result, plan, counts), ships


def _inside(table: pa.Table, lat: Floats, lon: Floats, plan: ScanPlan) -> NDArray[np.bool_]:
    """Exact test of place: by the cell that the feed gives, where it gives one, else by the position."""
    given = read_cells(table, plan.feed, plan.cells.resolution)
    if given is None:
        return plan.cells.inside(lat, lon)
    near = plan.cells.near(lat, lon)
    missing = np.flatnonzero(near & (given == 0))
    near &= plan.cells.has_cells(given)
    near[missing] = plan.cells.inside(lat[missing], lon[missing])
    return near


def _ships_in_time(found: Normalised, plan: ScanPlan, counts: Counts) -> pa.Table:
    """Usable rows of ships within the period; cells that the feed does not give are 0 and found later."""
    rows = found.table if found.usable.all() else found.table.filter(pa.array(found.usable))
    keep, wrong = ship_mmsi(rows["mmsi"].to_numpy(), plan.clean)
    in_time = _in_period(rows, plan)
    counted = {
        ("filter", "outside_period", "dropped"): int((keep & ~in_time).sum()),
        ("filter", "near_port", "kept"): int((keep & in_time).sum()),
        **{("filter", reason, "dropped"): n for reason, n in wrong.items()},
    }
    _add(counts, counted)
    if "cell" not in rows.column_names:
        rows = rows.append_column("cell", pa.array(np.zeros(rows.num_rows, dtype=np.int64)))
    rows = rows.select(_NEAR.names)
    keep &= in_time
    return (rows if keep.all() else rows.filter(pa.array(keep))).cast(_NEAR)


def _in_period(rows: pa.Table, plan: ScanPlan) -> NDArray[np.bool_]:
    inside = np.ones(rows.num_rows, dtype=bool)
    times = rows["time"]
    if plan.start is not None:
        inside &= pc.greater_equal(times, pa.scalar(plan.start, schema.TIME)).to_numpy()
    if plan.end is not None:
        inside &= pc.less(times, pa.scalar(plan.end, schema.TIME)).to_numpy()
    return inside


def _write_by_bucket(tables: list[pa.Table], path: Path, buckets: int) -> dict[str, int]:
    """Write rows sorted by bucket, a row group each; return the row group of each bucket."""
    table = pa.concat_tables(tables) if tables else _NEAR.empty_table()
    bucket = bucket_of(table["mmsi"].to_numpy(), buckets)
    table = table.take(pa.array(np.argsort(bucket, kind="stable")))
    sizes = np.bincount(bucket, minlength=buckets)
    groups: dict[str, int] = {}
    with atomic_path(path) as part, pq.ParquetWriter(part, _NEAR) as writer:
        begin = 0
        for number in np.flatnonzero(sizes).tolist():
            groups[str(number)] = len(groups)
            writer.write_table(table.slice(begin, int(sizes[number])), row_group_size=int(sizes[number]))
            begin += int(sizes[number])
    return groups


def _add(counts: Counts, more: Mapping[tuple[str, str, str], int]) -> None:
    for key, value in more.items():
        counts[key] = counts.get(key, 0) + value


def counts_table(records: list[dict[str, Any]]) -> pd.DataFrame:
    """Counts of all chunks as the table ``quality``."""
    total: Counts = {}
    for record in records:
        _add(total, {(stage, reason, action): n for stage, reason, action, n in record["counts"]})
    rows = [
        {"stage": stage, "reason": reason, "action": action, "rows": n}
        for (stage, reason, action), n in total.items()
    ]
    return schema.conform(pd.DataFrame(rows, columns=schema.QUALITY.names), "quality")
