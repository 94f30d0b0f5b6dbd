"""Tables that wait on disk: in a list, or laid out by ship or by port, some rows in memory at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Iterator, MutableSequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ais_berths import schema
from ais_berths.evidence import in_portions
from ais_berths.pipeline.items import Reader, read_item, write_item
from ais_berths.places import Room

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    Drawers = NDArray[np.int64]

# Rows that are in memory while they are laid out.
_ROWS_AT_ONCE = 50_000
_PACKED = pa.ipc.IpcWriteOptions(compression="lz4")


class Shelf(MutableSequence[Any]):
    """A list of items whose arrays are files of a folder: each is read when it is asked for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._items: list[tuple[Path, Reader]] = []
        self._next = count()
        folder.mkdir(parents=True)

    def __len__(self) -> int:
        return len(self._items)

    def __getitem__(self, at: Any) -> Any:
        path, reader = self._items[at]
        return read_item(reader, path)

    def __setitem__(self, at: Any, item: Any) -> None:
        path, _ = self._items[at]
        self._items[at] = path, write_item(item, path)

    def __delitem__(self, at: Any) -> None:
        path, _ = self._items.pop(at)
        path.unlink()

    def insert(self, at: int, item: Any) -> None:
        """Put an item before another one."""
        path = self._folder / str(next(self._next))
        self._items.insert(at, (path, write_item(item, path)))

    def append(self, item: Any) -> None:
        """Put an item at the end."""
        self.insert(len(self), item)

    def clear(self) -> None:
        """Remove all items, unread."""
        while self._items:
            del self[-1]


class Laid(Iterable[pd.DataFrame]):
    """Rows laid out by drawer, in one file; those of a drawer are read together.

    Parameters
    ----------
    path
        The file.
    drawers
        How many there are.
    """

    def __init__(self, path: Path, drawers: int) -> None:
        self._path = path
        self._batches: list[list[int]] = [[] for _ in range(drawers)]
        self._rows: list[tuple[pa.Table, Drawers]] = []
        self._n_rows = self._written = 0
        self._writer: Any = None
        self._reader: Any = None

    def put(self, table: pa.Table, drawer: Drawers) -> None:
        """Put rows into their drawers."""
        self._rows.append((table, drawer))
        self._n_rows += table.num_rows
        if self._n_rows >= _ROWS_AT_ONCE:
            self._flush()

    def __len__(self) -> int:
        return len(self._batches)

    def __iter__(self) -> Iterator[pd.DataFrame]:
        return (schema.to_pandas(self.take(drawer)) for drawer in range(len(self)))

    def take(self, drawer: int) -> pa.Table:
        """Rows of a drawer, in the order in which they were put there; no more can be put then."""
        if self._reader is None:
            if self._rows or self._writer is None:
                self._flush()
            self._writer.close()
            self._reader = pa.ipc.open_file(pa.OSFile(str(self._path)))
        batches = [self._reader.get_batch(number) for number in self._batches[drawer]]
        return pa.Table.from_batches(batches, self._reader.schema)

    def remove(self) -> None:
        """Remove the file, once all has been read."""
        self._path.unlink(missing_ok=True)

    def _flush(self) -> None:
        """Write what is in memory, sorted by drawer."""
        table = pa.concat_tables([rows for rows, _ in self._rows])
        drawer = np.concatenate([drawers for _, drawers in self._rows])
        self._rows.clear()
        self._n_rows = 0
        if self._writer is None:
            self._writer = pa.ipc.new_file(str(self._path), table.schema, options=_PACKED)
        table = table.take(pa.array(np.argsort(drawer, kind="stable")))
        sizes = np.bincount(drawer, minlength=len(self))
        begin = 0
        for number in np.flatnonzero(sizes).tolist():
            for batch in table.slice(begin, sizes[number]).combine_chunks().to_batches():
                self._writer.write_batch(batch)
                self._batches[number].append(self._written)
                self._written += 1
            begin += int(sizes[number])


@dataclass(frozen=True)
class Ships:
    """Ships in groups with some stops each, in the order of the ids of their stops."""

    mmsi: NDArray[np.int64]
    group: NDArray[np.int64]

    @classmethod
    def of(cls, n_stops: pd.Series, most_stops: int) -> Ships:
        """Group ships by the number of stops of each MMSI, `most_stops` in a group; a ship is never cut."""
        mmsi = n_stops.index.to_numpy(dtype=np.int64)
        # An id begins with the number as text, and what follows it sorts before digits.
        order = np.argsort(np.char.add(mmsi.astype(str), "-"), kind="stable")
        by_number = np.argsort(mmsi[order])
        group = in_portions(n_stops.to_numpy()[order], most_stops)
        return cls(mmsi[order][by_number], group[by_number])

    def __len__(self) -> int:
        return int(self.group.max(initial=0)) + 1

    def number(self, mmsi: pd.Series) -> NDArray[np.int64]:
        """Group of each ship."""
        return self.group[np.searchsorted(self.mmsi, mmsi.to_numpy())]


class DiskRoom(Room):
    """Room for tables in a folder.

    Parameters
    ----------
    folder
        An empty folder.
    ships
        All ships that have stops, in groups.
    """

    def __init__(self, folder: Path, ships: Ships) -> None:
        self._folder, self.ships = folder, ships
        self._next = count()

    def shelf(self) -> MutableSequence[Any]:
        """Make an empty list."""
        return Shelf(self._folder / str(next(self._next)))

    def drawers(self, number: int) -> Laid:
        """Make empty drawers."""
        return Laid(self._folder / f"{next(self._next)}.arrow", number)

    def by_ship(self, tables: Iterable[pd.DataFrame], table: str | None = None) -> Laid:
        """Lay rows out anew, all of a ship together.

        Parameters
        ----------
        table
            Name of the table in the schema, if it is one.
        """
        laid = self.drawers(len(self.ships))
        for rows in tables:
            laid.put(_to_arrow(rows, table), self.ships.number(rows["mmsi"]))
        return laid


def _to_arrow(rows: pd.DataFrame, table: str | None) -> pa.Table:
    """Rows of a table of the schema, or columns of stops with others beside them."""
    if table is not None:
        return schema.to_arrow(rows, table)
    stops = schema.TABLES["stops"]
    fields = [
        stops.field(name) if name in stops.names else pa.field(name, pa.from_numpy_dtype(rows[name].dtype))
        for name in rows
    ]
    return pa.Table.from_pandas(rows, pa.schema(fields), preserve_index=False).replace_schema_metadata()


@contextmanager
def portions_folder(state: Path) -> Iterator[Path]:
    """Give an empty folder for tables that wait; what a killed run left there goes."""
    folder = state / "portions"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
