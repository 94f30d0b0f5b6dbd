"""Shelves on disk: one file for each portion, or rows sorted by ship or by port."""

from __future__ import annotations

import secrets
import shutil
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING, Any, TypeVar
from weakref import finalize

import numpy as np
import pyarrow as pa

from ais_berths import schema
from ais_berths.atomic import naming_file
from ais_berths.evidence import in_portions
from ais_berths.pipeline.items import Item
from ais_berths.pipeline.memory import give_back
from ais_berths.shelf import Room, Shelf

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

    import pandas as pd
    from numpy.typing import NDArray

    from ais_berths.pipeline.tasks import Wiring

    Drawers = NDArray[np.int64]

T = TypeVar("T")
U = TypeVar("U")

# Rows that are in memory while they are laid out.
_ROWS_AT_ONCE = 50_000
# With fewer stops, starting processes takes longer than they save.
_MANY_STOPS = 200_000
_PACKED = pa.ipc.IpcWriteOptions(compression="lz4")


class DiskShelf(Shelf[T]):
    """Items in files: each is read when it is needed, and every task reads and writes its own."""

    def __init__(self, room: DiskRoom, items: Iterable[Item]) -> None:
        self._room, self.items = room, list(items)
        # The files go with the shelf.
        finalize(self, _remove, {item.path for item in self.items})

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, at: int) -> T:
        found: T = self.items[at].read()
        return found

    def each(self, task: Callable[..., U], *beside: Shelf[Any], **same: Any) -> Shelf[U]:
        """Let workers call ``task(item, *items beside, **same)`` for every portion."""
        return self._room.work(task, [self, *beside], same)


def _remove(paths: set[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)


@dataclass(frozen=True)
class Drawer(Item):
    """Some batches of rows in a file; the recipe is their numbers."""

    def read(self) -> pd.DataFrame:
        """Read the rows in the order in which they were put there."""
        with pa.OSFile(str(self.path)) as file, pa.ipc.open_file(file) as reader:
            batches = [reader.get_batch(number) for number in self.recipe]
            return schema.to_pandas(pa.Table.from_batches(batches, reader.schema))


class Laid:
    """Rows sorted into drawers, in one file; those of a drawer are read together.

    Parameters
    ----------
    path
        The file.
    drawers
        Number of drawers.
    """

    def __init__(self, path: Path, drawers: int) -> None:
        self._path = path
        self._batches: list[list[int]] = [[] for _ in range(drawers)]
        self._rows: list[tuple[pa.Table, Drawers]] = []
        self._n_rows = self._written = 0
        self._writer: Any = None

    def put(self, table: pa.Table, drawer: Drawers) -> None:
        """Put rows into their drawers."""
        self._rows.append((table, drawer))
        self._n_rows += table.num_rows
        if self._n_rows >= _ROWS_AT_ONCE:
            self._flush()

    def drawers(self) -> list[Drawer]:
        """Close the file and return all drawers."""
        if self._rows or self._writer is None:
            self._flush()
        with naming_file(self._path):
            self._writer.close()
        return [Drawer(self._path, batches) for batches in self._batches]

    def _flush(self) -> None:
        """Write what is in memory, sorted by drawer."""
        table = pa.concat_tables([rows for rows, _ in self._rows])
        drawer = np.concatenate([drawers for _, drawers in self._rows])
        self._rows.clear()
        self._n_rows = 0
        table = table.take(pa.array(np.argsort(drawer, kind="stable")))
        sizes = np.bincount(drawer, minlength=len(self._batches))
        begin = 0
        with naming_file(self._path):
            if self._writer is None:
                self._writer = pa.ipc.new_file(str(self._path), table.schema, options=_PACKED)
            for number in np.flatnonzero(sizes).tolist():
                for batch in table.slice(begin, sizes[number]).combine_chunks().to_batches():
                    self._writer.write_batch(batch)
                    self._batches[number].append(self._written)
                    self._written += 1
                begin += int(sizes[number])


@dataclass(frozen=True)
class Ships:
    """Ships in groups of about equal numbers of stops, in the order of the ids of their stops."""

    mmsi: NDArray[np.int64]
    group: NDArray[np.int64]
    n_stops: int

    @classmethod
    def of(cls, n_stops: pd.Series, most_stops: int) -> Ships:
        """Group ships by the number of stops of each MMSI, `most_stops` in a group; a ship is never cut."""
        mmsi = n_stops.index.to_numpy(dtype=np.int64)
        # An id begins with the number as text, and what follows it sorts before digits.
        order = np.argsort(np.char.add(mmsi.astype(str), "-"), kind="stable")
        by_number = np.argsort(mmsi[order])
        group = in_portions(n_stops.to_numpy()[order], most_stops)
        return cls(mmsi[order][by_number], group[by_number], int(n_stops.sum()))

    def __len__(self) -> int:
        return int(self.group.max(initial=0)) + 1

    def number(self, mmsi: pd.Series) -> NDArray[np.int64]:
        """Group of each ship."""
        return self.group[np.searchsorted(self.mmsi, mmsi.to_numpy())]


class DiskRoom(Room):
    """Room for tables in a folder that all workers see.

    Parameters
    ----------
    folder
        An empty folder.
    ships
        All ships that have stops, in groups.
    wiring
        Who does the work.
    """

    def __init__(self, folder: Path, ships: Ships, wiring: Wiring) -> None:
        self._folder, self.ships = folder, ships
        processes = wiring.processes and ships.n_stops >= _MANY_STOPS
        # There are many rounds of few tasks: progress of each would only be noise.
        self._wiring = replace(wiring, progress=False, tenths=False, processes=processes)
        self._next = count()

    def shelf(self, items: Iterable[T]) -> Shelf[T]:
        """Put items on a shelf."""
        folder = self._empty()
        return DiskShelf(self, [Item.write(item, folder / str(at)) for at, item in enumerate(items)])

    def lay(self, drawers: int) -> Laid:
        """Begin to sort rows into drawers."""
        return Laid(self._folder / f"{next(self._next)}.arrow", drawers)

    def laid(self, laid: Laid) -> Shelf[pd.DataFrame]:
        """Shelf of the drawers of sorted rows."""
        return DiskShelf(self, laid.drawers())

    def by_ship(self, tables: Iterable[pd.DataFrame], table: str | None = None) -> Shelf[pd.DataFrame]:
        """Sort the rows of all tables into portions by ship, all rows of a ship together.

        Parameters
        ----------
        table
            Name of the table in the schema, if it is one.
        """
        laid = self.lay(len(self.ships))
        for rows in tables:
            laid.put(_to_arrow(rows, table), self.ships.number(rows["mmsi"]))
        return self.laid(laid)

    def work(self, task: Callable[..., U], shelves: Sequence[Shelf[Any]], same: dict[str, Any]) -> Shelf[U]:
        """Call a task for the items of each portion on some shelves; see `ais_berths.shelf.Shelf.each`."""
        folder = self._empty()
        given = Item.write(list(same.values()), folder / "same")
        rows = zip(*(_items(shelf) for shelf in shelves), strict=True)
        jobs = [(folder / str(at), row) for at, row in enumerate(rows)]
        return DiskShelf(
            self, self._wiring.run(_do, jobs, locked=True, call=task, names=list(same), given=given)
        )

    def _empty(self) -> Path:
        folder = self._folder / str(next(self._next))
        folder.mkdir()
        return folder


def _items(shelf: Shelf[Any]) -> list[Item]:
    if not isinstance(shelf, DiskShelf):
        raise TypeError("every shelf must be of the same room")
    return shelf.items


def _do(
    job: tuple[Path, Sequence[Item]], *, call: Callable[..., Any], names: Sequence[str], given: Item
) -> Item:
    """Do one task, perhaps on another machine: files in, a file out."""
    path, given_items = job
    items = [item.read() for item in given_items]
    done = Item.write(call(*items, **dict(zip(names, given.read(), strict=True))), path)
    del items
    give_back()
    return done


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
    """Give an empty folder for shelves; what a killed run left there is removed."""
    folder = state / "portions"
    shutil.rmtree(folder, ignore_errors=True)
    # The workers of a run that was broken off may still be writing into the folder of theirs.
    own = folder / secrets.token_hex(4)
    own.mkdir(parents=True)
    try:
        yield own
    finally:
        shutil.rmtree(folder, ignore_errors=True)
