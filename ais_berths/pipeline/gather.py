"""The second task: all pings of one bucket of vessels, cleaned, with their stops."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from ais_berths import schema
from ais_berths.calls import measure_detours
from ais_berths.export import atomic_path, write_parquet
from ais_berths.geo import cells_at
from ais_berths.periods import count_hours
from ais_berths.pings import clean_pings
from ais_berths.stops import detect_stops

if TYPE_CHECKING:
    import pandas as pd

    from ais_berths.pipeline.job import Job, Store


def gather_bucket(
    bucket: int, store: Store, job: Job, records: list[dict[str, Any]], *, with_stops: bool
) -> dict[str, int]:
    """Clean the pings of a bucket and, unless only filtering, find their stops.

    Everything is written whole or not at all; the stops come last, so that a bucket with stops is done.

    Returns
    -------
    Numbers of pings and stops.
    """
    near = _read_bucket(bucket, store, records)
    pings, quality = clean_pings(near, job.config.clean)
    pings = _with_cells(pings, job.config.cells.resolution)
    stops = schema.empty("stops")
    if with_stops:
        stops, ids = detect_stops(pings, job.config.stops)
        pings = pings.assign(stop_id=ids)
    if job.keep_pings:
        _write_pings(pings, store, bucket)
    write_parquet(quality, store.part(bucket, "quality"), "quality")
    if with_stops:
        cells = schema.to_pandas(pq.read_table(store.table("cells")))
        write_parquet(count_hours(pings, cells), store.part(bucket, "hours"), "hours")
        write_parquet(measure_detours(pings, stops), store.part(bucket, "detours"), "detours")
        write_parquet(stops, store.part(bucket, "stops"), "stops")
    return {"pings": len(pings), "stops": len(stops)}


def _read_bucket(bucket: int, store: Store, records: list[dict[str, Any]]) -> pd.DataFrame:
    tables = []
    for record in records:
        group = record["row_groups"].get(str(bucket))
        if group is not None:
            with pq.ParquetFile(store.scans / f"{record['id']}.pings.parquet") as file:
                tables.append(file.read_row_group(group, use_threads=False))
    if not tables:
        return schema.empty("pings")
    return schema.to_pandas(pa.concat_tables(tables))


def _with_cells(pings: pd.DataFrame, resolution: int) -> pd.DataFrame:
    """Find the cells that the feed did not give."""
    cell = pings["cell"].to_numpy(dtype=np.int64)
    at = np.flatnonzero(cell == 0)
    if not at.size:
        return pings
    lat, lon = pings["lat"].to_numpy()[at], pings["lon"].to_numpy()[at]
    cell = cell.copy()
    cell[at] = cells_at(lat, lon, resolution)
    return pings.assign(cell=cell)


def _write_pings(pings: pd.DataFrame, store: Store, bucket: int) -> None:
    table = schema.to_arrow(pings, "pings")
    with atomic_path(store.pings_part(bucket)) as path:
        pq.write_table(table, path, row_group_size=500_000)
