"""The second task: all pings of some vessels, cleaned, with their stops."""

from __future__ import annotations

from collections import deque
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ais_berths import schema
from ais_berths.atomic import atomic_path, scratch_path
from ais_berths.detours import measure_detours
from ais_berths.evidence import in_portions
from ais_berths.export import open_parquet
from ais_berths.h3cells import find_cells
from ais_berths.periods import count_hours
from ais_berths.pings import clean_pings
from ais_berths.pipeline.job import Job, Store, stored_job
from ais_berths.pipeline.layout import NEAR, check_index, keys_of, read_pings, vessel_key
from ais_berths.pipeline.memory import give_back, release_tables
from ais_berths.stops import detect_stops
from ais_berths.tables import whole

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from numpy.typing import NDArray


# A task takes at least some hundredths of a second; smaller buckets than this are put together.
_LEAST_PINGS = 200_000
STOP_TABLES = ("stops", "detours", "hours")
"""Tables that a task writes beside the quality where it finds stops."""

# A task cleans what it reads in this many portions at most, and holds some of them in memory.
_PORTIONS, _HELD = 16, 4
# How clean pings are written: as small as with dictionaries for all columns, in half of the time.
_ENCODING: dict[str, Any] = {
    "use_dictionary": ["mmsi", "nav_status", "coarse", "track", "cell", "stop_id"],
    "column_encoding": {
        "time": "DELTA_BINARY_PACKED",
        **dict.fromkeys(("lat", "lon", "sog_kn", "cog_deg", "heading_deg"), "BYTE_STREAM_SPLIT"),
    },
}


@dataclass(frozen=True)
class Part:
    """The vessels of one task: those with some keys, which are some buckets or a slice of a large one."""

    buckets: range
    keys: range
    number: int = 0

    @property
    def name(self) -> str:
        """Name in files."""
        return f"{self.buckets[0]:04d}-{self.number:04d}"


def make_parts(rows: Mapping[int, int], buckets: int, task_pings: int) -> list[Part]:
    """Put small buckets together and divide large ones, so that tasks have a fitting number of pings.

    Parameters
    ----------
    rows
        Pings of each bucket.
    buckets
        Number of buckets.
    task_pings
        Pings that are cleaned together.

    Examples
    --------
    >>> [part.name for part in make_parts({0: 5, 1: 40}, 2, 1)]
    ['0000-0000', '0001-0000', '0001-0001', '0001-0002']
    >>> [part.buckets for part in make_parts({0: 90_000, 1: 90_000, 2: 90_000}, 4, 100_000)]
    [range(0, 2), range(2, 4)]
    """
    parts: list[Part] = []
    first, size = 0, 0
    for bucket in range(buckets):
        size += rows.get(bucket, 0)
        following = rows.get(bucket + 1, 0)
        if bucket + 1 < buckets and size + following <= min(_LEAST_PINGS, _HELD * task_pings):
            continue
        slices = max(1, -(-size // (_PORTIONS * task_pings)))
        chosen = range(first, bucket + 1)
        parts += [Part(chosen, keys_of(chosen, buckets, number, slices), number) for number in range(slices)]
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
        Hashes of job and index, so that a process reads each of them once.

    Returns
    -------
    Numbers of pings and stops.
    """
    job = _load_job(store.out, stamps[0])
    read = partial(read_pings, store, part.buckets, part.keys, stamps[1])
    portions = _portions(read, part.keys, job.config.run.task_pings, store.spill(part.name))
    counts = {"pings": 0, "stops": 0}
    with _open_tables(store, part, job, with_stops=with_stops) as write:
        for portion in portions:
            rows = schema.to_pandas(portion)
            del portion
            release_tables()
            # With ten million pings of one ship, a gigabyte; what usual portions leave, the next one uses.
            large = len(rows) > 2 * job.config.run.task_pings
            if large:
                give_back()
            pings, quality = clean_pings(rows, job.config.clean)
            del rows
            if large:
                give_back()
            pings = _with_cells(pings, job.config.cells.resolution)
            if with_stops:
                stops, ids = detect_stops(pings, job.config.stops)
                pings = pings.assign(stop_id=ids)
                write["hours"](count_hours(pings, _cells_of(_load_cells(store.out, stamps[0]), pings)))
                write["detours"](measure_detours(pings, stops))
                write["stops"](stops)
                counts["stops"] += len(stops)
            if job.keep_pings:
                write["pings"](pings)
            write["quality"](quality)
            counts["pings"] += len(pings)
        # Workers do not notice at once that their run was broken off.
        check_index(store, stamps[1])
    return counts


@contextmanager
def _open_tables(
    store: Store, part: Part, job: Job, *, with_stops: bool
) -> Iterator[dict[str, Callable[[pd.DataFrame], None]]]:
    """Give functions that write some rows of each table; the file of stops appears last, when all is done."""
    names = [*(STOP_TABLES if with_stops else ()), "quality"]
    with ExitStack() as stack:
        write = {name: stack.enter_context(open_parquet(store.part(part.name, name), name)) for name in names}
        if job.keep_pings:
            path = stack.enter_context(atomic_path(store.pings_part(part.name)))
            writer = stack.enter_context(pq.ParquetWriter(path, schema.layout("pings"), **_ENCODING))
            write["pings"] = lambda rows: writer.write_table(schema.to_arrow(rows, "pings"), 500_000)
        yield write


def _portions(
    read: Callable[..., Iterable[pa.Table]], keys: range, most_rows: int, scratch: Path
) -> Iterator[pa.Table]:
    """Cut pings between vessels, by their keys, into portions of about `most_rows` rows.

    They are read twice, first the MMSI alone, so that they are never in memory twice. If they are too many
    for memory, they go by way of a file beside `scratch`, which is gone in the end.

    Examples
    --------
    >>> from pathlib import Path
    >>> ships = sorted([2, 7, 7, 5], key=lambda mmsi: vessel_key(mmsi))
    >>> tables = [pa.table({"mmsi": ships}), pa.table({"mmsi": [2, 2]})]
    >>> read = lambda columns=None: tables
    >>> [portion["mmsi"].to_pylist() for portion in _portions(read, range(65536), 3, Path("near.arrow"))]
    [[5, 2, 2, 2], [7, 7]]
    """
    sizes = np.zeros(len(keys), dtype=np.int64)
    for table in read(columns=["mmsi"]):
        sizes += np.bincount(_keys(table) - keys.start, minlength=len(keys))
    used = np.flatnonzero(sizes)
    if not len(used):
        return
    # All of one size, about, and none for a small rest: a portion of any size takes its time.
    n_portions = max(1, round(sizes.sum() / most_rows))
    number = in_portions(sizes[used], -(-sizes.sum() // n_portions))
    begins = keys.start + used[1:][np.diff(number) > 0]

    def pieces() -> Iterator[list[pa.Table]]:
        for table in read():
            edges = [0, *np.searchsorted(_keys(table), begins).tolist(), table.num_rows]
            yield [table.slice(begin, end - begin) for begin, end in pairwise(edges)]

    if sizes.sum() > _HELD * most_rows:
        yield from _by_disk(pieces(), len(begins) + 1, _HELD * most_rows // 2, scratch)
        return
    portions = deque(zip(*pieces(), strict=True))
    while portions:
        yield pa.concat_tables(portions.popleft())


def _by_disk(
    pieces: Iterable[list[pa.Table]], n_portions: int, most_rows: int, scratch: Path
) -> Iterator[pa.Table]:
    """Put pieces of portions together that are more than memory should hold."""
    batches: list[list[int]] = [[] for _ in range(n_portions)]
    with scratch_path(scratch) as path:
        with pa.OSFile(str(path), "wb") as file, pa.ipc.new_file(file, NEAR) as writer:
            written = 0
            for waiting in _gathered(pieces, most_rows):
                for found, portion in zip(batches, zip(*waiting, strict=True), strict=True):
                    for batch in pa.concat_tables(portion).combine_chunks().to_batches():
                        writer.write_batch(batch)
                        found.append(written)
                        written += 1
        for numbers in batches:
            yield _read_batches(path, numbers)


def _read_batches(path: Path, numbers: list[int]) -> pa.Table:
    with pa.OSFile(str(path)) as file, pa.ipc.open_file(file) as reader:
        return pa.Table.from_batches([reader.get_batch(number) for number in numbers])


def _gathered(pieces: Iterable[list[pa.Table]], most_rows: int) -> Iterator[list[list[pa.Table]]]:
    """As many lists of pieces at a time as have some rows together."""
    waiting: list[list[pa.Table]] = []
    size = 0
    for some in pieces:
        waiting.append(some)
        size += sum(piece.num_rows for piece in some)
        if size >= most_rows:
            yield waiting
            waiting, size = [], 0
    if waiting:
        yield waiting


def _keys(table: pa.Table) -> NDArray[np.int64]:
    return vessel_key(table["mmsi"].to_numpy()).astype(np.int64)


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


def forget_cells() -> None:
    """Let go of the cells, which for all ports are hundreds of megabytes."""
    _load_cells.cache_clear()


@lru_cache(maxsize=1)
def _load_cells(out: Path, stamp: str) -> pd.DataFrame:  # noqa: ARG001 - names the content
    columns = ["cell", "port_id", "in_margin"]
    path = Store(out).table("cells")
    with whole(path), pq.ParquetFile(path, read_dictionary=["port_id"]) as file:
        table = file.read(columns)
    cells: pd.DataFrame = table.sort_by("cell").to_pandas()
    return cells


def _cells_of(cells: pd.DataFrame, pings: pd.DataFrame) -> pd.DataFrame:
    """Rows of the table ``cells`` with pings in them: for the whole world, all cells are millions."""
    used, known = pd.unique(pings["cell"].to_numpy(dtype=np.int64)), cells["cell"].to_numpy()
    used.sort()
    at = np.searchsorted(known, used)
    at = at[at < len(known)]
    found: pd.DataFrame = cells.iloc[at[known[at] == used[: len(at)]]]
    return found
