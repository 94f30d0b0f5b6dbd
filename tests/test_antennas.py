"""What is usual of ships: sizes, slenderness, and where the antenna stands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import antennas
from ais_berths.vessels import TYPE_GROUPS

GRID = np.linspace(0.0, 1.0, 41)
ANY_GROUP = st.sampled_from([*TYPE_GROUPS, "submarine"])


def names(*group: str) -> np.ndarray:
    return np.array(group, dtype=object)


@pytest.mark.parametrize("group", TYPE_GROUPS)
def test_every_group_has_a_usual_size_of_a_ship(group: str) -> None:
    length, width = antennas.usual_size(names(group))
    assert 10.0 < length[0] < 400.0
    assert 2.0 < length[0] / width[0] < 10.0
    assert 2.0 < antennas.slenderness(names(group))[0] < 10.0


def test_a_group_that_nobody_knows_is_unknown() -> None:
    for of in (antennas.usual_size, antennas.slenderness):
        assert np.array_equal(of(names("submarine")), of(names("unknown")))
    odd, known = antennas.ratio_density(names("submarine", "unknown"), np.array([80.0, 80.0]), GRID)
    assert np.array_equal(odd, known)


def test_nothing_in_nothing_out() -> None:
    none = np.zeros(0, dtype=object)
    assert [part.shape for part in antennas.usual_size(none)] == [(0,), (0,)]
    assert antennas.ratio_density(none, np.zeros(0), GRID).shape == (0, len(GRID))
    assert [part.shape for part in antennas.usual_ratio(none, np.zeros(0))] == [(0,), (0,)]


@given(st.lists(st.tuples(ANY_GROUP, st.none() | st.floats(1, 450)), min_size=1, max_size=6))
def test_densities_sum_to_one_and_exclude_nothing(ships: list[tuple[str, float | None]]) -> None:
    group = names(*(ship[0] for ship in ships))
    length = np.array([ship[1] for ship in ships], dtype=np.float64)
    density = antennas.ratio_density(group, length, GRID)
    assert density.sum(axis=1) == pytest.approx(np.ones(len(ships)))
    assert (density > 0).all()
    mean, sd = antennas.usual_ratio(group, length)
    assert ((mean > 0) & (mean < 1) & (sd > 0) & (sd < 0.5)).all()


@given(ANY_GROUP, st.floats(1, 450))
def test_the_usual_ratio_is_where_the_density_is_highest(group: str, length: float) -> None:
    density = antennas.ratio_density(names(group), np.array([length]), GRID)[0]
    mean, _ = antennas.usual_ratio(names(group), np.array([length]))
    # The rarer place pulls a little.
    assert abs(GRID[density.argmax()] - mean[0]) <= 0.05


@given(ANY_GROUP, st.floats(1, 450))
def test_each_ship_is_looked_up_by_itself(group: str, length: float) -> None:
    alone = antennas.ratio_density(names(group), np.array([length]), GRID)[0]
    among = antennas.ratio_density(names("tug", group, "tanker"), np.array([30.0, length, 250.0]), GRID)
    assert np.array_equal(among[1], alone)


def test_bridges_stand_aft_on_freighters_and_forward_on_large_passenger_ships() -> None:
    mean, _ = antennas.usual_ratio(names("cargo", "tanker", "passenger"), np.array([200.0, 200.0, 300.0]))
    assert mean.tolist() == pytest.approx([0.86, 0.83, 0.16])


def test_bands_end_below_their_length() -> None:
    mean, _ = antennas.usual_ratio(names("cargo", "cargo"), np.array([99.9, 100.0]))
    assert mean.tolist() == pytest.approx([0.83, 0.84])
