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

ENCODING: dict[str, Any] = {
    "use_dictionary": ["mmsi", "nav_status", "coarse", "track", "cell", "stop_id", "chunk"],
    "column_encoding": {
        "time": "DELTA_BINARY_PACKED",
        **dict.fromkeys(("lat", "lon", "sog_kn", "cog_deg", "heading_deg"), "BYTE_STREAM_SPLIT"),
    },
}
"""How pings are written: as small as with dictionaries for all columns, in half of the time."""

_CHUNK = pa.field("chunk", pa.int16(), nullable=False)
_ROWS = NEAR.append(_CHUNK)
_STATICS = schema.STATICS.append(_CHUNK)
# Rows of ship data in memory before equal ones are added up.
_MOST_STATICS = 1_000_000
_MIX = np.uint64(0x9E37_79B9_7F4A_7C15)


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
        Called before any file appears; raises where none may.
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
            atomic_path(self.store.scans / f"{self.name}.pings.parquet") as path,
            pq.ParquetWriter(path, _ROWS, write_statistics=False, compression="lz4", **ENCODING) as writer,
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
        write_record(self.store, record)

    def _add_chunk(
        self, number: int, tables: Iterable[tuple[pa.Table, pa.Table]], writer: pq.ParquetWriter
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

    def _flush(self, writer: pq.ParquetWriter) -> None:
        """Write what is in memory sorted by bucket, a row group each."""
        table = pa.concat_tables([_ROWS.empty_table(), *self._rows])
        self._rows.clear()
        bucket = bucket_of(table["mmsi"].to_numpy(), self.buckets)
        # numpy sorts small numbers by counting them.
        table = table.take(pa.array(np.argsort(bucket.astype(np.uint16), kind="stable")))
        sizes = np.bincount(bucket, minlength=self.buckets)
        begin = 0
        for number in np.flatnonzero(sizes).tolist():
            size = int(sizes[number])
            writer.write_table(table.slice(begin, size), row_group_size=size)
            self._groups.setdefault(number, []).append(self._n_groups)
            self._sizes[number] = self._sizes.get(number, 0) + size
            self._n_groups += 1
            begin += size


def bucket_of(mmsi: NDArray[np.int64], buckets: int) -> NDArray[np.int64]:
    """Bucket of each vessel; neighbouring numbers spread over all buckets.

    Examples
    --------
    >>> bucket_of(np.array([244000001, 244000002, 244000001]), 16).tolist()[0::2]
    [9, 9]
    """
    return ((_mixed(mmsi) >> np.uint64(40)) % np.uint64(buckets)).astype(np.int64)


def slice_of(mmsi: NDArray[np.int64], slices: int) -> NDArray[np.int64]:
    """Slice of a bucket that each vessel belongs to, independent of the bucket."""
    # Other bits than those of the bucket.
    return ((_mixed(mmsi) >> np.uint64(16) & np.uint64(0xFF_FFFF)) % np.uint64(slices)).astype(np.int64)


def _mixed(mmsi: NDArray[np.int64]) -> NDArray[np.uint64]:
    mixed: NDArray[np.uint64] = np.asarray(mmsi, dtype=np.int64).astype(np.uint64) * _MIX
    return mixed


def merge_equal(statics: pa.Table) -> pa.Table:
    """Add up equal rows of ship data."""
    keys = [name for name in statics.column_names if name != "n_reports"]
    total = statics.group_by(keys, use_threads=False).aggregate([("n_reports", "sum")])
    total = total.rename_columns([*keys, "n_reports"]).select(statics.column_names)
    return total.sort_by([(name, "ascending") for name in keys]).cast(schema.STATICS)


# records ------------------------------------------------------------------------------------------


def read_records(store: Store) -> list[Record]:
    """Records of all batches that were read, in the order of their names."""
    return [json.loads(path.read_text(encoding="utf-8")) for path in whole_files(store.scans, "*.json")]


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


def read_buckets(
    store: Store,
    buckets: Iterable[int],
    part: int = 0,
    parts: int = 1,
    stamp: str = "",
    columns: Collection[str] = NEAR.names,
) -> Iterator[pa.Table]:
    """Pings of some buckets, or of one of the `parts` slices of them, batch after batch.

    `stamp` is what `write_index` returned.
    """
    index = _index(store.index, stamp)
    groups_of: dict[str, list[int]] = {}
    kept_of: dict[str, list[int] | None] = {}
    for bucket in buckets:
        for name, groups, kept_of[name] in index.get(str(bucket), []):
            groups_of.setdefault(name, []).extend(groups)
    wanted = pa.schema([field for field in _ROWS if field.name in {*columns, "mmsi", "chunk"}])
    for name, groups in groups_of.items():
        path = store.scans / f"{name}.pings.parquet"
        with whole(path), pq.ParquetFile(path) as file:
            table = file.read_row_groups(groups, columns=wanted.names, use_threads=False).cast(wanted)
        if (kept := kept_of[name]) is not None:
            table = table.filter(pc.is_in(table["chunk"], pa.array(kept, pa.int16())))
        if parts > 1:
            table = table.filter(pa.array(slice_of(table["mmsi"].to_numpy(), parts) == part))
        yield table.drop_columns("chunk")


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
