"""The nearest points, whatever else is there."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ais_berths.nearest import nearest

POINTS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=30)


@given(POINTS, POINTS, st.integers(1, 6), st.integers(1, 5))
def test_between_equals_the_first_are_taken(
    points: list[tuple[int, int]], of: list[tuple[int, int]], most: int, within: int
) -> None:
    """Points on a grid have many equals; a reach that no distance has leaves no doubt at its edge."""
    a, b = (np.array(some, dtype=np.float64).reshape(-1, 2) for some in (points, of))
    metres, index = nearest(a, b, most, within + 0.01)
    for row, place in enumerate(b):
        away = np.hypot(*(a - place).T)
        order = np.lexsort((np.arange(len(a)), away.round(9)))
        order = order[away[order] < within + 0.01][:most]
        assert index[row, : len(order)].tolist() == order.tolist()
        assert np.allclose(metres[row, : len(order)], away[order])
        assert np.isinf(metres[row, len(order) :]).all()


@given(POINTS, st.integers(1, 4))
def test_points_far_away_do_not_decide(points: list[tuple[int, int]], most: int) -> None:
    near = np.array(points, dtype=np.float64).reshape(-1, 2)
    alone = nearest(near, near, most, 9.0)
    beside = nearest(np.concatenate([near, near + 1000.0]), near, most, 9.0)
    for one, other in zip(alone, beside, strict=True):
        assert one.tolist() == other.tolist()
