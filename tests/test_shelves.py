"""Tables that wait on disk, and rows that are laid out anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths.pipeline import shelves
from ais_berths.pipeline.portions import PortGroups
from ais_berths.pipeline.shelves import DiskRoom, Shelf, Ships, portions_folder

if TYPE_CHECKING:
    from pathlib import Path

COUNTS = st.dictionaries(st.integers(1, 999_999_999), st.integers(1, 9), min_size=1, max_size=12)


def ships_of(counts: dict[int, int], most: int) -> Ships:
    return Ships.of(pd.Series(counts), most)


def test_a_shelf_is_a_list_whose_items_are_on_disk(tmp_path: Path) -> None:
    shelf = Shelf(tmp_path / "shelf")
    shelf.extend(["a", "b", "c"])
    shelf[1] = pd.DataFrame({"x": [1.5]})
    assert (len(shelf), shelf[0], shelf[-1], shelf[1]["x"].tolist()) == (3, "a", "c", [1.5])
    del shelf[0]
    shelf.insert(0, "z")
    assert (shelf[0], shelf[2]) == ("z", "c")
    shelf.clear()
    assert list(shelf) == list((tmp_path / "shelf").iterdir()) == []
    with pytest.raises(IndexError):
        shelf[0]


@given(counts=COUNTS, most=st.integers(1, 20), at_once=st.integers(1, 30), cut=st.integers(0, 40))
def test_rows_of_a_ship_come_together_and_none_is_lost(
    tmp_path_factory: pytest.TempPathFactory, counts: dict[int, int], most: int, at_once: int, cut: int
) -> None:
    mmsi = np.repeat([*counts], [*counts.values()])
    rows = pd.DataFrame({"stop_id": [f"{ship}-{n}" for n, ship in enumerate(mmsi)], "mmsi": mmsi})
    rows["number"] = np.arange(len(rows))
    rows = rows.sample(frac=1.0, random_state=1)
    room = DiskRoom(tmp_path_factory.mktemp("room"), ships_of(counts, most))
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


def test_what_a_killed_run_left_goes(tmp_path: Path) -> None:
    (tmp_path / "portions" / "1").mkdir(parents=True)
    (tmp_path / "portions" / "1" / "0").touch()
    with portions_folder(tmp_path) as folder:
        assert list(folder.iterdir()) == []
        (folder / "x").touch()
    assert not folder.exists()
