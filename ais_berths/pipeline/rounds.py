"""The rounds over raw rows and over vessels: planning their tasks, running them, and checking the result."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from ais_berths import __version__, geo, h3cells
from ais_berths.atomic import atomic_path
from ais_berths.errors import AisBerthsError, EmptyInputError, OutputError
from ais_berths.export import write_parquet
from ais_berths.feeds import Feed, Window, choose_feed, list_inputs, load_feed, missing_days, plan_chunks
from ais_berths.feeds.mapping import list_names
from ais_berths.pings import add_quality
from ais_berths.pipeline.gather import STOP_TABLES, forget_cells, gather_part, make_parts
from ais_berths.pipeline.job import Store, check_out, clear, hash_feed, hash_ports, write_text
from ais_berths.pipeline.layout import bucket_rows, chunks_of, read_records, write_index
from ais_berths.pipeline.manifest import check_read, count_chunks, drop_begun, note_files, unread_files
from ais_berths.pipeline.portions import parts_of
from ais_berths.pipeline.scan import chunk_id, counts_table, forget_plan, make_batches, plan_stamp, scan_batch
from ais_berths.raster import CellFilter
from ais_berths.register import read_register
from ais_berths.tables import read_parts, read_table, whole

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from ais_berths.feeds import Chunk, InputFile
    from ais_berths.pipeline.job import Job
    from ais_berths.pipeline.layout import Record
    from ais_berths.pipeline.tasks import Wiring

# With this many tasks for each slot of the cluster, all slots are busy until the end.
_TASKS_PER_SLOT = 4
_LEAST_ROWS = 50_000
_MANY_MESSAGES = 500_000


@dataclass(frozen=True)
class Work:
    """What a run is going to read.

    Parameters
    ----------
    files, unread
        All that was named, and what of it has not been read before.
    cells
        The table ``cells``; None where the output folder has it already.
    chunks
        Pieces of the files that have not been read.
    """

    job: Job
    files: list[InputFile]
    unread: list[InputFile]
    feed: Feed
    cells: pd.DataFrame | None
    chunks: list[Chunk]


def prepare(inputs: Sequence[str | Path], out: str | Path, job: Job, *, overwrite: bool) -> Work:
    """Check everything that may be a reason to refuse the run; nothing is written yet."""
    port_list = job.port_list()
    if job.register_file is not None:
        read_register(job.register_file)
    hashes = {"ports_hash": hash_ports(port_list), "feed_hash": hash_feed(job.feed)}
    job = check_out(out, job.model_copy(update=hashes), overwrite=overwrite)
    # Only the platform's archive has folders by day, unless the user's own mapping says otherwise.
    files = list_inputs(inputs, _window(job, load_feed("ungp" if job.feed == "auto" else job.feed)))
    store = Store(out)
    unread = files if overwrite else unread_files(store, files)
    # What has been read is not even opened.
    feed = choose_feed(unread, job.feed) if unread else read_feed(store)
    cells = None if not overwrite and _has_cells(store, job) else job.cells(port_list)
    if cells is not None and cells.empty:
        raise EmptyInputError(
            "no H3 cell lies around the chosen ports; choose other ports or a larger radius"
        )
    boxes = _boxes(store, cells)
    chunks = plan_chunks(unread, feed, job.config.run.chunk_rows, job.start, job.end, boxes=boxes)
    return Work(job, files, unread, feed, cells, chunks)


def scan_inputs(store: Store, work: Work, stamp: str, wiring: Wiring) -> None:
    """Read the chunks that have not been read yet; `stamp` is what `write_plan` returned."""
    if begun := drop_begun(store, work.unread):
        wiring.log(
            f"{list_names(begun, 3)}: a run before was broken off while it read this, so it is left out now; "
            "name it again if it is wanted"
        )
    new = note_files(store, work.unread, work.chunks)
    wiring.log(
        f"reading {len(work.files)} file(s) as feed '{work.feed.name}': "
        f"{len(new)} of {count_chunks(store, work.files)} chunks to read"
    )
    missing = missing_days((file.path for file in work.files), _window(work.job, work.feed))
    if missing:
        wiring.log(f"{len(missing)} day(s) have no folder: {', '.join(map(str, missing))}")
    total = sum(chunk.rows for chunk in new)
    share = max(_LEAST_ROWS, total // (_TASKS_PER_SLOT * wiring.slots()))
    batches = make_batches(new, min(work.job.config.run.task_rows, share))
    # Messages are decoded by Python itself; for a few, other processes are not worth their start.
    locked = work.feed.kind == "nmea" and total > _MANY_MESSAGES
    try:
        wiring.run(scan_batch, batches, locked=locked, waiting=True, store=store, stamp=stamp)
    except AisBerthsError:
        if not read_records(store):
            clear(store)
        raise
    forget_plan()
    known = {chunk["id"] for chunk in chunks_of(read_records(store))}
    if not all(chunk_id(chunk) in known for chunk in new):
        raise OutputError(
            f"the workers wrote what they read to a disk that is not seen here; put {store.out} on a disk "
            "that this machine and all workers share"
        )


def find_missing_days(store: Store, job: Job, chunks: list[Record]) -> list[str]:
    """Days of arrival without any input, among days with input."""
    feed = read_feed(store)
    missing = missing_days((chunk["input"] for chunk in chunks), _window(job, feed))
    return [str(day) for day in missing]


def gather_vessels(
    store: Store, job: Job, *, with_stops: bool, wiring: Wiring
) -> tuple[dict[str, int], pd.DataFrame]:
    """Clean all pings and, unless only filtering, find the stops; what is done already is not repeated.

    Returns
    -------
    Numbers of rows, pings and stops, and the table ``quality``.
    """
    records = read_records(store)
    check_read(store, records)
    chunks = chunks_of(records)
    run = job.config.run
    parts = make_parts(bucket_rows(records), run.buckets, run.task_pings)
    mark = _mark(chunks) | {"parts": [part.name for part in parts]}
    counts = _counts_of(store, mark) if with_stops else None
    if counts is None:
        # A killed run must not leave stops behind that look complete.
        store.stops_mark.unlink(missing_ok=True)
        stamps = (job.fingerprint(), write_index(store, records))
        results = wiring.run(gather_part, parts, store=store, stamps=stamps, with_stops=with_stops)
        forget_cells()
        counts = {name: sum(result[name] for result in results) for name in ("pings", "stops")}
        _remove_others(store, {part.name for part in parts})
        if with_stops:
            write_text(store.stops_mark, json.dumps(mark | {"counts": counts}))
    quality = add_quality([counts_table(chunks), read_parts(parts_of(store, "quality"), "quality")])
    return {"rows": sum(chunk["rows"] for chunk in chunks), **counts}, quality


def has_all_stops(store: Store, chunks: list[Record]) -> bool:
    """Tell whether the stops in a folder are those of all pings in it."""
    if not store.stops_mark.exists():
        return False
    return bool(_read_mark(store).get("chunks") == _mark(chunks)["chunks"])


def read_feed(store: Store) -> Feed:
    """Feed that an output folder was read with."""
    with whole(store.feed_file):
        return Feed.model_validate_json(store.feed_file.read_text(encoding="utf-8"))


def _window(job: Job, feed: Feed) -> Window:
    """Days of arrival that may hold positions of the period."""
    margin = feed.partitions
    return Window.around(job.start, job.end, margin.days_before, margin.days_after)


def _mark(chunks: list[Record]) -> dict[str, Any]:
    """Name of what stops are made from."""
    ids = " ".join(chunk["id"] for chunk in chunks)
    return {"chunks": hashlib.sha256(ids.encode()).hexdigest(), "version": __version__}


def _counts_of(store: Store, mark: dict[str, Any]) -> dict[str, int] | None:
    """Numbers of pings and stops, if a run before found them all."""
    if not store.stops_mark.exists():
        return None
    found = _read_mark(store)
    counts: dict[str, int] | None = found.pop("counts", None)
    paths = [store.part(name, what) for name in mark["parts"] for what in (*STOP_TABLES, "quality")]
    return counts if found == mark and all(path.exists() for path in paths) else None


def _read_mark(store: Store) -> dict[str, Any]:
    with whole(store.stops_mark):
        mark: dict[str, Any] = json.loads(store.stops_mark.read_text(encoding="utf-8"))
    return mark


def _remove_others(store: Store, names: set[str]) -> None:
    """Remove what runs with other parts wrote."""
    for path in [*store.parts.glob("*.parquet"), *store.pings.glob("part-*.parquet")]:
        if path.stem.partition("-")[2] not in names:
            path.unlink()


# what the workers find in the folder ---------------------------------------------------------------


def write_plan(store: Store, work: Work) -> str:
    """Write cells and feed for the workers; return a hash of them."""
    if work.cells is not None:
        write_parquet(work.cells, store.table("cells"), "cells")
        with atomic_path(store.filter_file) as path:
            CellFilter(work.cells, work.job.config.cells.resolution).save(path)
        write_text(store.plan_mark, _plan_key(work.job))
    write_text(store.feed_file, work.feed.model_dump_json())
    # Tasks of a run before must not write chunks that this one reads in other batches.
    write_text(store.run_mark, secrets.token_hex(8))
    return plan_stamp(store)


def _plan_key(job: Job) -> str:
    return f"{__version__} {job.fingerprint()}"


def _has_cells(store: Store, job: Job) -> bool:
    """Tell whether a run of this job left its cells in the folder."""
    files = (store.plan_mark, store.filter_file, store.table("cells"))
    return all(file.exists() for file in files) and files[0].read_bytes() == _plan_key(job).encode()


def _boxes(
    store: Store, cells: pd.DataFrame | None, limit: int = 100
) -> list[tuple[float, float, float, float]] | None:
    """Boxes around the cells of each port, to skip row groups; None where they would be too many."""
    path = store.table("cells")
    with whole(path):
        n_cells = pq.read_metadata(path).num_rows if cells is None else len(cells)
    if n_cells > 500_000:
        return None
    if cells is None:
        cells = read_table(path, "cells")
    if cells["port_id"].nunique() > limit:
        return None
    lat, lon = h3cells.cell_centres(cells["cell"].to_numpy())
    boxes = []
    pad = 0.05
    for at in cells.groupby("port_id").indices.values():
        east = geo.turn_deg(lon[at[0]], lon[at])
        stretch = pad / max(0.05, float(np.cos(np.radians(lat[at])).min()))
        west_east = (lon[at[0]] + east.min() - stretch, lon[at[0]] + east.max() + stretch)
        west, far = (float(geo.turn_deg(0.0, value)) for value in west_east)
        boxes.append((west, float(lat[at].min() - pad), far, float(lat[at].max() + pad)))
    return boxes
