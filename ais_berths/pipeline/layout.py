"""What the scan leaves behind: pings near ports by bucket of vessels, and a record of each batch.

A batch is the chunks that one task read together. Its rows name their ``chunk``, so that a chunk
whose file has changed can be dropped without reading the others again.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from collections import Counter
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ais_berths import schema
from ais_berths.atomic import atomic_path, whole_files
from ais_berths.errors import OutputError
from ais_berths.pipeline.job import write_text
from ais_berths.tables import read_part, whole

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from pathlib import Path

    from numpy.typing import NDArray

    from ais_berths.pipeline.job import Store

Counts = Counter[tuple[str, str, str]]
Record = dict[str, Any]

NEAR = pa.schema(
    [field.with_nullable(False) for field in schema.PINGS if field.name not in ("track", "stop_id")]
)
"""Columns of a ping before it is cleaned; missing values are nan, which is faster than nulls."""

_CHUNK = pa.field("chunk", pa.int16(), nullable=False)
_ROWS = NEAR.append(_CHUNK)
# Sorted by key, positions of a ship come one after the other, which makes them a quarter smaller. Arrow's own
# files take half the time of Parquet here, where each bucket is a few thousand rows.
_WRITING = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
_STATICS = schema.STATICS.append(_CHUNK)
# Rows of ship data in memory before equal ones are added up.
_MOST_STATICS = 1_000_000
_MIX = np.uint64(0x9E37_79B9_7F4A_7C15)
# Keys of vessels are numbers of 16 bits, which numpy sorts by counting.
_KEYS = 1 << 16


@dataclass
class BatchWriter:
    """Writes the rows of a batch, at most `most_rows` of them in memory.

    Parameters
    ----------
    store
        Output folder.
    name
        Id of the batch.
    buckets
        Parts into which the vessels are divided.
    most_rows
        Rows that are written together; a bucket has a row group for each time.
    check
        Called before the pings and before the record appear; raises where they may not.
    """

    store: Store
    name: str
    buckets: int
    most_rows: int
    check: Callable[[], None]
    _rows: list[pa.Table] = field(default_factory=list)
    _statics: list[pa.Table] = field(default_factory=list)
    _chunks: list[Record] = field(default_factory=list)
    _groups: dict[int, list[int]] = field(default_factory=dict)
    _sizes: dict[int, int] = field(default_factory=dict)
    _n_groups: int = 0

    def write(self, chunks: Iterable[tuple[Record, Iterable[tuple[pa.Table, pa.Table]]]]) -> None:
        """Write all chunks and then the record: a batch without one is read again.

        Parameters
        ----------
        chunks
            For each chunk, its record, which may be filled in while its rows are read, and its pings near
            ports with the ship data, some at a time.
        """
        with (
            atomic_path(self.store.scans / f"{self.name}.pings.arrow") as path,
            pa.OSFile(str(path), "wb") as file,
            pa.ipc.new_file(file, _ROWS, options=_WRITING) as writer,
        ):
            for number, (record, tables) in enumerate(chunks):
                self._add_chunk(number, tables, writer)
                self._chunks.append({"number": number, **record})
            self._flush(writer)
            self.check()
        with atomic_path(self.store.scans / f"{self.name}.statics.parquet") as path:
            pq.write_table(pa.concat_tables([_STATICS.empty_table(), *self._statics]), path)
        groups = {str(bucket): found for bucket, found in sorted(self._groups.items())}
        sizes = {str(bucket): size for bucket, size in sorted(self._sizes.items())}
        record = {"id": self.name, "chunks": self._chunks, "row_groups": groups, "bucket_rows": sizes}
        self.check()
        write_record(self.store, record)

    def _add_chunk(
        self, number: int, tables: Iterable[tuple[pa.Table, pa.Table]], writer: pa.RecordBatchFileWriter
    ) -> None:
        statics: list[pa.Table] = []
        for rows, ships in tables:
            self._rows.append(_numbered(rows, number))
            if ships.num_rows:
                statics.append(ships)
            if sum(table.num_rows for table in self._rows) >= self.most_rows:
                self._flush(writer)
            if sum(table.num_rows for table in statics) >= self.most_rows:
                statics = [merge_equal(pa.concat_tables(statics))]
        if statics:
            self._statics.append(_numbered(merge_equal(pa.concat_tables(statics)), number))

    def _flush(self, writer: pa.RecordBatchFileWriter) -> None:
        """Write what is in memory sorted by the key of the vessel, a record batch for each bucket."""
        table = pa.concat_tables([_ROWS.empty_table(), *self._rows]).combine_chunks()
        self._rows.clear()
        key = vessel_key(table["mmsi"].to_numpy())
        table = table.take(pa.array(np.argsort(key, kind="stable")))
        # Keys ascend with their buckets.
        edges = np.append(0, np.cumsum(np.bincount(bucket_of(key, self.buckets), minlength=self.buckets)))
        for number in np.flatnonzero(np.diff(edges)).tolist():
            begin, size = int(edges[number]), int(edges[number + 1] - edges[number])
            for batch in table.slice(begin, size).combine_chunks().to_batches():
                writer.write_batch(batch)
            self._groups.setdefault(number, []).append(self._n_groups)
            self._sizes[number] = self._sizes.get(number, 0) + size
            self._n_groups += 1


def vessel_key(mmsi: NDArray[np.int64]) -> NDArray[np.uint16]:
    """Key by which vessels are divided; those of neighbouring numbers lie far apart.

    Examples
    --------
    >>> vessel_key(np.array([244000001, 244000002, 244000001])).tolist()
    [57213, 32180, 57213]
    """
    mixed = np.asarray(mmsi, dtype=np.int64).astype(np.uint64) * _MIX
    key: NDArray[np.uint16] = (mixed >> np.uint64(48)).astype(np.uint16)
    return key


def bucket_of(key: NDArray[np.uint16], buckets: int) -> NDArray[np.int64]:
    """Bucket of each vessel, from its key.

    Examples
    --------
    >>> bucket_of(np.array([0, 32767, 32768, 65535], dtype=np.uint16), 2).tolist()
    [0, 0, 1, 1]
    """
    return key.astype(np.int64) * buckets // _KEYS


def keys_of(chosen: range, buckets: int, number: int = 0, of: int = 1) -> range:
    """Keys of some consecutive buckets, or of one of the slices of them.

    Examples
    --------
    >>> keys_of(range(0, 1), 3), keys_of(range(1, 3), 3), keys_of(range(1, 3), 3, number=1, of=2)
    (range(0, 21846), range(21846, 65536), range(43691, 65536))
    """
    first, last = (-(-edge * _KEYS // buckets) for edge in (chosen.start, chosen.stop))
    edges = [first + (last - first) * i // of for i in (number, number + 1)]
    return range(*edges)


def merge_equal(statics: pa.Table) -> pa.Table:
    """Add up equal rows of ship data."""
    keys = [name for name in statics.column_names if name != "n_reports"]
    total = statics.group_by(keys, use_threads=False).aggregate([("n_reports", "sum")])
    total = total.rename_columns([*keys, "n_reports"]).select(statics.column_names)
    return total.sort_by([(name, "ascending") for name in keys]).cast(schema.STATICS)


# records ------------------------------------------------------------------------------------------


def read_records(store: Store) -> list[Record]:
    """Records of all batches that were read, in the order of their names."""
    return [_read_record(path) for path in whole_files(store.scans, "*.json")]


def _read_record(path: Path) -> Record:
    with whole(path):
        record: Record = json.loads(path.read_text(encoding="utf-8"))
    return record


def write_record(store: Store, record: Record) -> None:
    """Write the record of a batch."""
    write_text(store.scans / f"{record['id']}.json", json.dumps(record, indent=1))


def chunks_of(records: Iterable[Record]) -> list[Record]:
    """Records of all chunks that were read, by id."""
    return sorted((chunk for record in records for chunk in record["chunks"]), key=lambda chunk: chunk["id"])


def batch_id(chunk_ids: Collection[str]) -> str:
    """Name of a batch, from the ids of its chunks."""
    return hashlib.sha256(" ".join(chunk_ids).encode()).hexdigest()[:20]


def forget(store: Store, records: Iterable[Record], gone: Collection[str]) -> None:
    """Drop what was read of some chunks, by their ids."""
    for record in records:
        left = [chunk for chunk in record["chunks"] if chunk["id"] not in gone]
        if not left:
            # The record is removed first: it must never name rows that are gone.
            (store.scans / f"{record['id']}.json").unlink()
            for path in store.scans.glob(f"{record['id']}.*"):
                path.unlink()
        elif len(left) < len(record["chunks"]):
            write_record(store, {**record, "chunks": left, "forgotten": True})


# reading ------------------------------------------------------------------------------------------


def bucket_rows(records: Iterable[Record]) -> dict[int, int]:
    """Rows of each bucket, those of forgotten chunks included."""
    total: dict[int, int] = {}
    for record in records:
        for bucket, size in record["bucket_rows"].items():
            total[int(bucket)] = total.get(int(bucket), 0) + size
    return total


def write_index(store: Store, records: list[Record]) -> str:
    """Write where the rows of each bucket lie, for the workers of this run; return a hash of this index."""
    buckets: dict[str, list[Any]] = {}
    for record in records:
        kept = [chunk["number"] for chunk in record["chunks"]] if record.get("forgotten") else None
        for bucket, groups in record["row_groups"].items():
            buckets.setdefault(bucket, []).append([record["id"], groups, kept])
    # No other run has an equal index, so that tasks of a run before can tell that they are late.
    write_text(store.index, json.dumps({"run": secrets.token_hex(8), "buckets": buckets}))
    return _hash_of(store.index)


def check_index(store: Store, stamp: str) -> None:
    """Keep a task from writing where its run was broken off and another has begun.

    Parameters
    ----------
    store
        Output folder.
    stamp
        What `write_index` returned for the run of the task.

    Raises
    ------
    OutputError
        It is not the run that works here now.
    """
    if _hash_of(store.index) != stamp:
        raise late(store)


def late(store: Store) -> OutputError:
    """Error of a task that outlived its run."""
    return OutputError(f"another run has begun in {store.out}; what this one found is not written")


def read_pings(
    store: Store,
    buckets: Iterable[int],
    keys: range,
    stamp: str = "",
    columns: Collection[str] = NEAR.names,
) -> Iterator[pa.Table]:
    """Pings of the vessels with some keys, table after table, the rows of each by key.

    Parameters
    ----------
    buckets
        Where these keys lie.
    stamp
        What `write_index` returned.
    columns
        Columns to be read, at least ``mmsi``.
    """
    index = _index(store.index, stamp)
    groups_of: dict[str, list[int]] = {}
    kept_of: dict[str, list[int] | None] = {}
    for bucket in buckets:
        for name, groups, kept_of[name] in index.get(str(bucket), []):
            groups_of.setdefault(name, []).extend(groups)
    for name, groups in groups_of.items():
        kept = kept_of[name]
        wanted = {*columns} if kept is None else {*columns, "chunk"}
        # Numbers of columns in another order would give another order.
        fields = [number for number, column in enumerate(_ROWS.names) if column in wanted]
        options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=fields)
        path = store.scans / f"{name}.pings.arrow"
        with whole(path), pa.OSFile(str(path)) as source, pa.ipc.open_file(source, options=options) as file:
            tables = [pa.Table.from_batches([file.get_batch(group)]) for group in groups]
        for table in tables:
            begin, end = np.searchsorted(vessel_key(table["mmsi"].to_numpy()), [keys.start, keys.stop])
            found = table.slice(begin, end - begin)
            if kept is not None:
                found = found.filter(pc.is_in(found["chunk"], pa.array(kept, pa.int16()))).drop_columns(
                    "chunk"
                )
            yield found


def read_statics(store: Store, records: Iterable[Record]) -> pa.Table:
    """Ship data of all batches; equal rows are added up before they are too many."""
    tables = [schema.STATICS.empty_table()]
    for record in records:
        table = read_part(store.scans / f"{record['id']}.statics.parquet", "statics")
        if record.get("forgotten"):
            kept = pa.array([chunk["number"] for chunk in record["chunks"]], pa.int16())
            table = table.filter(pc.is_in(table["chunk"], kept))
        tables.append(table.drop_columns("chunk"))
        if sum(table.num_rows for table in tables[1:]) > _MOST_STATICS:
            tables = [merge_equal(pa.concat_tables(tables))]
    return pa.concat_tables(tables)


@lru_cache(maxsize=1)
def _index(path: Path, stamp: str) -> dict[str, list[Any]]:  # noqa: ARG001 - names the content
    buckets: dict[str, list[Any]] = json.loads(path.read_text(encoding="utf-8"))["buckets"]
    return buckets


def _hash_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _numbered(table: pa.Table, number: int) -> pa.Table:
    return table.append_column(_CHUNK, pa.array(np.full(table.num_rows, number, dtype=np.int16)))
