"""The second task: all pings of some vessels, cleaned, with their stops."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ais_berths import schema
from ais_berths.atomic import atomic_path
from ais_berths.calls import measure_detours
from ais_berths.export import write_parquet
from ais_berths.periods import count_hours
from ais_berths.pings import clean_pings
from ais_berths.pipeline.job import Job, Store, stored_job
from ais_berths.pipeline.layout import ENCODING, read_buckets
from ais_berths.squares import find_cells
from ais_berths.stops import detect_stops

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd


# A task costs some hundredths of a second whatever it holds; buckets with fewer pings go together.
_LEAST_PINGS = 200_000


@dataclass(frozen=True)
class Part:
    """The vessels of one task: some buckets, or a slice of a large one."""

    buckets: range
    number: int = 0
    of: int = 1

    @property
    def name(self) -> str:
        """Name in files."""
        return f"{self.buckets[0]:04d}-{self.number:04d}"


def make_parts(rows: Mapping[int, int], buckets: int, most_rows: int) -> list[Part]:
    """Put small buckets together and divide large ones, so that a part has no more pings, about.

    Examples
    --------
    >>> [part.name for part in make_parts({0: 5, 1: 25}, 2, 10)]
    ['0000-0000', '0001-0000', '0001-0001', '0001-0002']
    >>> [part.buckets for part in make_parts({0: 90_000, 1: 90_000, 2: 90_000}, 4, 1_000_000)]
    [range(0, 2), range(2, 4)]
    """
    parts: list[Part] = []
    first, size = 0, 0
    for bucket in range(buckets):
        size += rows.get(bucket, 0)
        following = rows.get(bucket + 1, 0)
        if bucket + 1 < buckets and size + following <= min(_LEAST_PINGS, most_rows):
            continue
        slices = max(1, -(-size // most_rows))
        parts += [Part(range(first, bucket + 1), number, slices) for number in range(slices)]
        first, size = bucket + 1, 0
    return parts


def gather_part(part: Part, store: Store, stamps: tuple[str, str], *, with_stops: bool) -> dict[str, int]:
    """Clean the pings of some vessels and, unless only filtering, find their stops.

    Everything is written whole or not at all.

    Parameters
    ----------
    part
        Which vessels.
    store
        Output folder, with the job and the index of the scanned pings in it.
    stamps
        Tell job and index from others, so that a process reads them once.

    Returns
    -------
    Numbers of pings and stops.
    """
    job = _load_job(store.out, stamps[0])
    near = schema.to_pandas(read_buckets(store, part.buckets, part.number, part.of, stamps[1]))
    # Arrow keeps what it has let go of for a while: with ten million pings of one ship, a gigabyte.
    release = pa.default_memory_pool().release_unused
    release()
    pings, quality = clean_pings(near, job.config.clean)
    del near
    release()
    pings = _with_cells(pings, job.config.cells.resolution)
    stops = schema.empty("stops")
    if with_stops:
        stops, ids = detect_stops(pings, job.config.stops)
        pings = pings.assign(stop_id=ids)
    if job.keep_pings:
        with atomic_path(store.pings_part(part.name)) as path:
            pq.write_table(schema.to_arrow(pings, "pings"), path, row_group_size=500_000, **ENCODING)
    write_parquet(quality, store.part(part.name, "quality"), "quality")
    if with_stops:
        hours = count_hours(pings, _cells_of(store, pings))
        write_parquet(hours, store.part(part.name, "hours"), "hours")
        write_parquet(measure_detours(pings, stops), store.part(part.name, "detours"), "detours")
        write_parquet(stops, store.part(part.name, "stops"), "stops")
    return {"pings": len(pings), "stops": len(stops)}


@lru_cache(maxsize=1)
def _load_job(out: Path, stamp: str) -> Job:  # noqa: ARG001 - names the content
    return stored_job(Store(out))


def _with_cells(pings: pd.DataFrame, resolution: int) -> pd.DataFrame:
    """Find the cells that the feed did not give."""
    cell = pings["cell"].to_numpy(dtype=np.int64)
    at = np.flatnonzero(cell == 0)
    if not at.size:
        return pings
    lat, lon = pings["lat"].to_numpy()[at], pings["lon"].to_numpy()[at]
    cell = cell.copy()
    cell[at] = find_cells(lat, lon, resolution)
    return pings.assign(cell=cell)


def _cells_of(store: Store, pings: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table ``cells`` that some pings lie in: those of the whole world are millions."""
    used = pa.array(pings["cell"].unique())
    columns = ["cell", "port_id", "in_margin"]
    with pq.ParquetFile(store.table("cells"), read_dictionary=["port_id"]) as file:
        groups = (file.read_row_group(i, columns=columns) for i in range(file.num_row_groups))
        found = [group.filter(pc.is_in(group["cell"], used)) for group in groups]
        empty = file.schema_arrow.empty_table().select(columns)
    return schema.to_pandas(pa.concat_tables(found) if found else empty)
