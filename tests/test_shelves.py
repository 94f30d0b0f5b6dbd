"""Tables that wait on disk, and rows that are laid out anew."""

from __future__ import annotations

import os
from pathlib import Path
from threading import Barrier, Semaphore
from typing import TYPE_CHECKING

import dask
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths.errors import OutputError
from ais_berths.pipeline import Wiring, shelves, tasks
from ais_berths.pipeline.portions import PortGroups
from ais_berths.pipeline.shelves import DiskRoom, Laid, Ships, portions_folder
from ais_berths.shelf import Shelf

if TYPE_CHECKING:
    from numpy.typing import NDArray

COUNTS = st.dictionaries(st.integers(1, 999_999_999), st.integers(1, 9), min_size=1, max_size=12)


def ships_of(counts: dict[int, int], most: int) -> Ships:
    return Ships.of(pd.Series(counts), most)


@pytest.fixture
def room(tmp_path: Path) -> DiskRoom:
    return DiskRoom(tmp_path, ships_of({1: 1}, 1), Wiring())


def test_items_of_a_shelf_are_on_disk_as_long_as_it_is_there(room: DiskRoom, tmp_path: Path) -> None:
    shelf = room.shelf(["a", pd.DataFrame({"x": [1.5]})])
    assert (len(shelf), shelf[0], shelf[1]["x"].tolist()) == (2, "a", [1.5])
    with pytest.raises(IndexError):
        shelf[2]
    assert sum(path.is_file() for path in tmp_path.rglob("*")) == 2
    del shelf
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def add(number: int, array: NDArray[np.int64], *, more: dict[str, int]) -> NDArray[np.int64]:
    return array + number + more["x"]


def test_tasks_are_given_what_lies_side_by_side(room: DiskRoom) -> None:
    numbers, arrays = room.shelf([1, 2]), room.shelf([np.arange(2), np.arange(3)])
    found = numbers.each(add, arrays, more={"x": 100})
    assert [array.tolist() for array in found] == [[101, 102], [102, 103, 104]]
    with pytest.raises(ValueError, match="zip"):
        numbers.each(add, room.shelf([np.arange(2)]), more={"x": 1})
    with pytest.raises(TypeError, match="of the same room"):
        numbers.each(add, Shelf([np.arange(2)]), more={"x": 1})


@pytest.mark.slow
def test_processes_do_what_is_much(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "CPU_COUNT", 2)
    with Wiring(processes=True).connected() as wiring:
        for n_stops in (shelves._MANY_STOPS - 1, shelves._MANY_STOPS):
            folder = tmp_path / str(n_stops)
            folder.mkdir()
            room = DiskRoom(folder, ships_of({1: n_stops}, 1), wiring)
            found = [set(room.shelf([()] * 8).each(process_of)) for _ in range(2)]
            here = {os.getpid()}
            if n_stops < shelves._MANY_STOPS:
                assert found == [here, here]
            else:
                assert here.isdisjoint(found[0] | found[1])
                assert len(found[0] | found[1]) <= 2, "they are started once"


@pytest.mark.slow
def test_there_are_no_more_processes_than_memory_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "CPU_COUNT", 2)
    monkeypatch.setattr("distributed.system.MEMORY_LIMIT", 2**30)
    with Wiring(processes=True).connected() as wiring:
        assert len({*wiring.run(process_of, [()] * 6, locked=True)} - {os.getpid()}) == 1


def process_of(_: tuple[()]) -> int:
    return os.getpid()


@pytest.mark.parametrize("told", [None, 1])
def test_one_waits_while_all_processors_are_busy(monkeypatch: pytest.MonkeyPatch, told: int | None) -> None:
    monkeypatch.setattr(tasks, "CPU_COUNT", 2)
    at_once = told or 3
    here = Barrier(at_once, timeout=60)
    busy, most = Semaphore(at_once), []

    def wait(_: int) -> None:
        most.append(busy.acquire(blocking=False))
        here.wait()
        busy.release()

    with dask.config.set(num_workers=told):
        Wiring().run(wait, range(2 * at_once), waiting=True)
    assert all(most), "not more than that"


@given(counts=COUNTS, most=st.integers(1, 20), at_once=st.integers(1, 30), cut=st.integers(0, 40))
def test_rows_of_a_ship_come_together_and_none_is_lost(
    tmp_path_factory: pytest.TempPathFactory, counts: dict[int, int], most: int, at_once: int, cut: int
) -> None:
    mmsi = np.repeat([*counts], [*counts.values()])
    rows = pd.DataFrame({"stop_id": [f"{ship}-{n}" for n, ship in enumerate(mmsi)], "mmsi": mmsi})
    rows["number"] = np.arange(len(rows))
    rows = rows.sample(frac=1.0, random_state=1)
    room = DiskRoom(tmp_path_factory.mktemp("room"), ships_of(counts, most), Wiring())
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shelves, "_ROWS_AT_ONCE", at_once)
        laid = room.by_ship([rows[:cut], rows[cut:]])
        found = list(laid)
    assert [len(some) for some in laid] == [len(some) for some in found], "it is read twice alike"
    every = pd.concat(found, ignore_index=True)
    assert sorted(every["number"]) == list(range(len(rows)))
    drawer = np.repeat(np.arange(len(found)), [len(some) for some in found])
    assert len({*zip(every["mmsi"], drawer, strict=True)}) == len(counts)
    largest = max(counts.values())
    assert max(len(some) for some in found) <= most - 1 + largest
    # Group after group in the order of the ids, as a table of all stops is sorted by them.
    ids = [stop_id for some in found for stop_id in sorted(some["stop_id"])]
    assert ids == sorted(rows["stop_id"])


@given(
    st.dictionaries(st.text("ab1", min_size=1, max_size=3), st.integers(0, 9), max_size=9), st.integers(1, 9)
)
def test_ports_come_in_their_order_and_what_has_none_last(counts: dict[str, int], most: int) -> None:
    groups = PortGroups.of(pd.Series(counts, dtype=np.int64), most)
    names = pd.Series([*sorted(counts), None], dtype=object)
    number = groups.number(names)
    assert (np.diff(number) >= 0).all()
    assert number[-1] == len(groups) - 1
    assert (number[:-1] < number[-1]).all()
    inside = [[name for name in sorted(counts) if first <= name <= last] for first, last in groups.spans()]
    assert inside == [list(names[:-1][number[:-1] == group]) for group in range(len(groups) - 1)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_a_full_disk_is_told_with_the_name_of_the_file() -> None:
    laid = Laid(Path("/dev/full"), 1)
    laid.put(pa.table({"x": np.arange(40_000)}), np.zeros(40_000, dtype=np.int64))
    with pytest.raises(OutputError, match=r"^/dev/full cannot be written: .*No space left"):
        laid.drawers()


def test_what_a_killed_run_left_goes(tmp_path: Path) -> None:
    (tmp_path / "portions" / "1").mkdir(parents=True)
    (tmp_path / "portions" / "1" / "0").touch()
    with portions_folder(tmp_path) as folder:
        assert list(folder.iterdir()) == []
        (folder / "x").touch()
    assert not folder.exists()
