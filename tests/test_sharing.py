"""Two ships at once: a berth each, or one of them outside the other."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quayside import PLACES, lie_all, put_down
from test_lines import CONFIG, line

from ais_berths import schema
from ais_berths.clusters import cluster_hulls
from ais_berths.lines import Settled
from ais_berths.sharing import TURNOVER_US, part_sharers

if TYPE_CHECKING:
    from ais_berths.footprints import Footprints


def share(prints: Footprints, **more: Any) -> tuple[list[int], list[int]]:
    """Berth of each of some ships that were taken for those of one, and which of them are rafted."""
    none = np.zeros(len(prints.x), dtype=bool)
    settled = Settled(np.zeros(len(none), dtype=np.int64), none, none, none)
    out = part_sharers(prints, replace(settled, **more), CONFIG)
    return out.label.tolist(), np.flatnonzero(out.rafted).tolist()


def test_ships_in_line_whose_hulls_are_too_long_have_a_berth_each() -> None:
    assert share(line([0.0, 150.0], day=[0, 0])) == ([0, 1], [])


def test_ships_one_after_the_other_share_a_berth() -> None:
    assert share(line([0.0, 150.0], day=[0, 1])) == ([0, 0], [])


def test_a_ship_that_arrives_as_another_leaves_shares_its_berth() -> None:
    prints = line([0.0, 150.0])
    for late, berths in ((TURNOVER_US, [0, 0]), (TURNOVER_US + 1, [0, 1])):
        close = replace(prints, start=np.array([0, prints.end[0] - late]))
        assert share(close)[0] == berths


@pytest.mark.parametrize("across", [0.0, 20.0])
def test_of_ships_that_nobody_can_tell_apart_the_shorter_visit_is_rafted(across: float) -> None:
    prints = line([0.0, 5.0], across=[0.0, across], day=[0, 0])
    prints.end[0] -= prints.end[0] // 3
    assert share(prints) == ([0, 0], [0])


def test_a_regular_visit_stays_where_an_odd_one_is_rafted() -> None:
    prints = line([0.0, 5.0], day=[0, 0])
    prints.end[1] += prints.end[1] // 3
    assert share(prints, odd=np.array([False, True])) == ([0, 0], [1])


def test_ships_too_far_beside_each_other_to_be_rafted_have_a_berth_each() -> None:
    assert share(line([0.0, 5.0], across=[0.0, 60.0], day=[0, 0])) == ([0, 1], [])


def test_those_that_came_at_other_times_go_to_the_nearer_berth() -> None:
    prints = line([0.0, 150.0, 8.0, 145.0, 300.0], day=[0, 0, 1, 2, 0])
    assert share(prints) == ([0, 1, 0, 1, 2], [])


def test_one_pair_of_many_visits_parts_no_berth() -> None:
    prints = line([0.0, 140.0, *[0.0] * 8], day=[0, *range(9)])
    prints.end[1] -= schema.HOUR_US
    assert share(prints) == ([0] * 10, [1])


def test_an_odd_visit_and_a_tug_at_right_angles_have_no_place_of_their_own() -> None:
    assert share(line([0.0, 150.0], day=[0, 0]), odd=np.array([False, True])) == ([0, 0], [1])
    tug = line([0.0, 0.0], across=[0.0, 40.0], length=[200.0, 30.0], turn=[0.0, 90.0], day=[0, 0])
    tug.end[1] -= schema.HOUR_US
    assert share(tug) == ([0, 0], [1])


def test_a_number_that_two_ships_share_does_not_count_as_two() -> None:
    assert share(line([0.0, 150.0], day=[0, 0], mmsi=[7, 7])) == ([0, 0], [])


def test_continuous_quays_and_rafted_ships_stay_as_they_are() -> None:
    prints, both = line([0.0, 150.0], day=[0, 0]), np.ones(2, dtype=bool)
    assert share(prints, continuous=both) == ([0, 0], [])
    assert share(prints, rafted=np.array([False, True])) == ([0, 0], [1])


SHIPS = st.lists(
    st.tuples(
        st.floats(0, 400),
        st.sampled_from([0.0, 4.0, -25.0]),
        st.sampled_from([0.0, 180.0, 8.0, 90.0]),
        st.sampled_from([20.0, 90.0, 200.0]),
        st.sampled_from([0.0, 0.2, 1.0]),
        st.sampled_from([3.0, 40.0]),
    ),
    min_size=2,
    max_size=14,
)


@given(SHIPS, st.sampled_from(list(PLACES)))
def test_no_two_ships_at_once_share_a_discrete_berth_for_any_stops(ships: list[Any], place: str) -> None:
    rows = lie_all(ships, "hull_error_m")
    frame = put_down(rows, place)
    hulls, stops = schema.conform(frame, "hulls"), frame[["stop_id", "start_time", "end_time"]]
    at = cluster_hulls(hulls, stops, CONFIG).merge(stops, on="stop_id")
    assert at.groupby("cluster")["rafted"].min().eq(False).all()
    at = at[(at["berth_kind"] == "discrete") & ~at["rafted"]]
    at = at.sort_values(["cluster", "start_time"])
    since = at["start_time"] - at.groupby("cluster")["end_time"].shift()
    assert (since.dropna() >= -pd.Timedelta(TURNOVER_US, "us")).all()
