"""Quay lines: berths or a continuous quay, odd visits, and ships outside others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths import geo, schema
from ais_berths.config import BerthsConfig
from ais_berths.footprints import Footprints
from ais_berths.lines import Settled, settle_lines

CONFIG = BerthsConfig()
AXIS_DEG = 60.0


def line(
    along: Any,
    *,
    across: Any = 0.0,
    length: Any = 200.0,
    day: Any = None,
    turn: Any = 0.0,
    error: Any = 3.0,
    mmsi: Any = None,
) -> Footprints:
    """Put ships at a quay, one a day for ten hours, their middles `along` metres from its beginning."""
    n = len(along)
    along, across, length, turn, error = (
        np.broadcast_to(np.asarray(v, dtype=float), n) for v in (along, across, length, turn, error)
    )
    theta = np.radians(AXIS_DEG)
    start = (np.asarray(np.arange(n) if day is None else day, dtype=float) * 24 * schema.HOUR_US).astype(
        np.int64
    )
    return Footprints(
        plane=geo.Plane(0.0),
        x=along * np.sin(theta) + across * np.cos(theta),
        y=along * np.cos(theta) - across * np.sin(theta),
        scale=np.ones(n),
        heading=AXIS_DEG + turn,
        directed=np.ones(n, dtype=bool),
        length=length,
        width=length / 7.0,
        error=error,
        start=start,
        end=start + 10 * schema.HOUR_US,
        mmsi=np.arange(n) if mmsi is None else np.asarray(mmsi),
    )


def settle(prints: Footprints, labels: Any, rafted: Any = (), config: BerthsConfig = CONFIG) -> Settled:
    out = np.zeros(len(prints.x), dtype=bool)
    out[list(rafted)] = True
    return settle_lines(prints, np.asarray(labels, dtype=np.int64), out, config)


def places(settled: Settled) -> list[list[int]]:
    """Rows of each berth."""
    return sorted(np.flatnonzero(settled.label == number).tolist() for number in set(settled.label.tolist()))


def around(*middles: float, n: int = 5) -> np.ndarray:
    """Middles of `n` ships at each berth, a few metres apart."""
    return np.concatenate([middle + np.linspace(-6, 6, n) for middle in middles])


# berths -------------------------------------------------------------------------------------------


def test_places_that_keep_apart_are_berths() -> None:
    settled = settle(line(around(0, 215, 430)), [0] * 5 + [1] * 5 + [2] * 5)
    assert places(settled) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9], [10, 11, 12, 13, 14]]
    assert not settled.continuous.any()
    assert not settled.odd.any()


def test_berths_that_one_ship_has_joined_are_parted() -> None:
    """A ship half-way between two berths overlaps the ships of both: by overlap they are one group."""
    settled = settle(line([*around(0, 215), 107.0]), [0] * 11)
    assert places(settled) in ([[0, 1, 2, 3, 4, 10], [5, 6, 7, 8, 9]], [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9, 10]])
    assert np.flatnonzero(settled.odd).tolist() == [10]


def test_two_berths_used_at_once_are_parted_although_ships_overlap_on_paper() -> None:
    day = np.tile(np.arange(5), 2)
    settled = settle(line(around(0, 190), day=day, error=10.0), [0] * 10)
    assert places(settled) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


def test_a_few_visits_beside_a_busy_berth_are_odd_visits_to_it() -> None:
    settled = settle(line([*around(0, n=20), 110.0]), [0] * 20 + [1])
    assert places(settled) == [list(range(21))]
    assert np.flatnonzero(settled.odd).tolist() == [20]


def test_a_berth_next_to_a_busy_one_that_was_used_once_is_kept() -> None:
    settled = settle(line([*around(0, n=20), 215.0]), [0] * 20 + [1])
    assert places(settled) == [list(range(20)), [20]]
    assert not settled.odd.any()


def test_doubtful_ships_lay_at_the_berth_that_is_better_known() -> None:
    known, doubtful = around(0, n=6), [150.0]
    settled = settle(line([*known, *doubtful], error=[3.0] * 6 + [40.0]), [0] * 6 + [1])
    assert places(settled) == [list(range(7))]
    assert np.flatnonzero(settled.odd).tolist() == [6]


def test_a_doubtful_ship_between_two_berths_does_not_join_them() -> None:
    middles = [*around(0, n=8), *around(230, n=6), 115.0]
    settled = settle(line(middles, error=[3.0] * 14 + [80.0]), [0] * 8 + [1] * 6 + [2])
    assert places(settled) == [[*range(8), 14], [*range(8, 14)]]
    assert settled.odd.tolist() == [False] * 14 + [True]


@pytest.mark.parametrize("error", [3.0, 40.0])
def test_tugs_beside_a_ship_that_came_once_leave_her_the_berth(error: float) -> None:
    length = [200.0, 30.0, 30.0]
    settled = settle(line([0.0, -60.0, 50.0], length=length, error=[error, 3.0, 3.0]), [0, 1, 2])
    assert places(settled) == [[0], [1], [2]]
    assert not settled.odd.any()


def test_lines_across_each_other_do_not_mix() -> None:
    turn = np.repeat([0.0, 90.0], 5)
    settled = settle(line(around(0, 30), turn=turn), [0] * 5 + [1] * 5)
    assert places(settled) == [[0, 1, 2, 3, 4], [5, 6, 7, 8, 9]]


# continuous quays ---------------------------------------------------------------------------------


def anywhere(n: int, metres: float, seed: int = 3) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.0, metres, n)


def test_ships_anywhere_are_one_continuous_quay() -> None:
    settled = settle(line(anywhere(40, 1200.0)), np.zeros(40))
    assert places(settled) == [list(range(40))]
    assert settled.continuous.all()


def test_a_few_ships_close_together_by_chance_are_no_berth() -> None:
    chance = settle(line([0.0, 20.0, 45.0, 65.0, 260.0]), [0, 0, 0, 0, 1])
    assert chance.continuous.all()
    many = settle(line(np.linspace(0.0, 65.0, 12)), [0] * 12)
    assert not many.continuous.any()


def test_parts_of_a_continuous_quay_that_nobody_lay_across_are_joined() -> None:
    along = np.concatenate([anywhere(30, 900.0), 1150.0 + anywhere(30, 900.0, seed=4)])
    settled = settle(line(along), [0] * 30 + [1] * 30)
    assert places(settled) == [list(range(60))]
    far = np.concatenate([along[:30], along[30:] + 900.0])
    assert len(places(settle(line(far), [0] * 30 + [1] * 30))) == 2


def test_ships_across_two_berths_make_no_continuous_quay_of_berths_that_ships_keep_to() -> None:
    """Two of nine calls are many odd visits, but the other seven say what is usual here."""
    along = [*around(0, n=5), 105.0, 109.0, *around(215, n=2)]
    settled = settle(line(along), [0] * 5 + [1] * 2 + [2] * 2)
    assert not settled.continuous.any()
    assert np.flatnonzero(settled.odd).tolist() == [5, 6]
    assert len(places(settled)) == 2


def test_pieces_of_a_line_where_ships_lie_anywhere_are_one_continuous_quay() -> None:
    """Each piece could be a berth, but none of its ships lies where another one did."""
    along = [*np.linspace(0, 100, 6), *np.linspace(310, 410, 6)]
    settled = settle(line(along), [0] * 6 + [1] * 6)
    assert settled.continuous.all()
    assert places(settled) == [list(range(12))]


def test_an_offset_that_is_wrong_leaves_both_berths_of_a_busy_pair() -> None:
    settled = settle(line([*around(0, n=14), *around(160, n=14)]), [0] * 14 + [1] * 14)
    assert places(settled) == [list(range(14)), list(range(14, 28))]
    assert not settled.odd.any()


def test_a_continuous_quay_takes_up_small_groups_on_it() -> None:
    settled = settle(line([*anywhere(40, 1200.0), 600.0], across=[0.0] * 40 + [9.0]), [0] * 40 + [1])
    assert places(settled) == [list(range(41))]
    assert settled.continuous.all()


def test_continuous_quays_do_not_swallow_the_other_side_of_a_pier() -> None:
    along = [*anywhere(40, 1200.0), *around(300.0)]
    settled = settle(line(along, across=[0.0] * 40 + [60.0] * 5), [0] * 40 + [1] * 5)
    assert places(settled) == [list(range(40)), [40, 41, 42, 43, 44]]
    assert np.flatnonzero(~settled.continuous).tolist() == [40, 41, 42, 43, 44]


# ships outside others -----------------------------------------------------------------------------


def test_rafted_ships_go_where_the_nearest_host_goes() -> None:
    """They were put into one group with both berths; each follows the berth that it lies at."""
    prints = line([*around(0, 215), 3.0, 212.0], across=[0.0] * 10 + [25.0, 25.0])
    settled = settle(prints, [0] * 12, rafted=[10, 11])
    assert places(settled) == [[0, 1, 2, 3, 4, 10], [5, 6, 7, 8, 9, 11]]
    assert np.flatnonzero(settled.rafted).tolist() == [10, 11]


def test_rafted_ships_without_a_host_are_a_berth() -> None:
    settled = settle(line([*around(0), 900.0]), [0] * 5 + [1], rafted=[5])
    assert places(settled) == [[0, 1, 2, 3, 4], [5]]
    assert not settled.rafted.any()


# what must hold for any line ----------------------------------------------------------------------


def test_nothing_in_nothing_out() -> None:
    settled = settle(line([]), [])
    assert len(settled.label) == len(settled.odd) == 0


VISITS = st.lists(
    st.tuples(st.floats(0, 900), st.sampled_from([80.0, 150.0, 200.0, 330.0]), st.integers(0, 9)),
    min_size=1,
    max_size=25,
)


@settings(max_examples=60)
@given(VISITS, st.integers(0, 2))
def test_ships_of_different_berths_keep_out_of_each_other(visits: list[Any], n_rafted: int) -> None:
    along, length, day = (np.array(v, dtype=float) for v in zip(*visits, strict=True))
    prints = line(along, length=length, day=day)
    settled = settle(prints, np.zeros(len(along)), rafted=range(min(n_rafted, len(along) - 1)))
    assert sorted(set(settled.label.tolist())) == list(range(int(settled.label.max()) + 1))
    core = ~settled.odd & ~settled.rafted
    assert set(settled.label[core]) == set(settled.label)
    i, j = np.nonzero(settled.label[:, None] != settled.label[None, :])
    i, j = i[core[i] & core[j]], j[core[i] & core[j]]
    shared = (length[i] + length[j]) / 2 - np.abs(along[i] - along[j])
    assert (shared <= CONFIG.reach_share * np.minimum(length[i], length[j]) + np.hypot(3.0, 3.0) + 1e-6).all()


@pytest.mark.parametrize("n", [2000])
def test_busy_lines_are_quick_and_the_same_berths(n: int) -> None:
    """Visits one after the other at three berths: as many comparisons as visits, not as pairs of visits."""
    rng = np.random.default_rng(5)
    berth = rng.integers(0, 3, n)
    settled = settle(line(215.0 * berth + rng.normal(0, 4, n), day=0.5 * np.arange(n)), berth)
    assert (settled.label == berth).all() or len(places(settled)) == 3
    assert not settled.odd.any()


def test_a_few_boats_without_a_direction_are_no_quay() -> None:
    def kinds(n: int, directed: bool) -> set[bool]:
        boats = line(np.linspace(0.0, 60.0, n), length=20.0, day=np.zeros(n))
        boats = replace(boats, directed=np.full(n, directed))
        return set(settle(boats, np.zeros(n)).continuous.tolist())

    assert kinds(5, directed=True) == {True}
    assert kinds(5, directed=False) == {False}
    assert kinds(30, directed=False) == {True}
