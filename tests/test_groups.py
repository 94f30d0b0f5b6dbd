"""Groups of things that hang together."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ais_berths.groups import number_groups

LINKS = st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11)), max_size=300)


@given(LINKS)
def test_groups_are_those_that_links_reach(links: list[tuple[int, int]]) -> None:
    reached = [{thing} for thing in range(12)]
    for i, j in links:
        together = reached[i] | reached[j]
        for thing in together:
            reached[thing] = together
    firsts = sorted({min(group) for group in reached})
    i, j = np.array(links, dtype=np.int64).reshape(-1, 2).T
    expected = [firsts.index(min(group)) for group in reached]
    assert number_groups(i, j, 12).tolist() == expected
    assert number_groups(j[::-1], i[::-1], 12).tolist() == expected


def test_a_link_may_come_any_number_of_times() -> None:
    assert number_groups(np.zeros(256, int), np.full(256, 2), 3).tolist() == [0, 1, 0]


def test_nothing_has_no_groups() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert number_groups(none, none, 0).tolist() == []
