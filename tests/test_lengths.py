"""Lengths of ships that sent none, from the places where they lay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from facing import AXIS, Row, both_ways, lie

from ais_berths import encounters, schema
from ais_berths.lengths import UnsizedPortion, learn_lengths
from ais_berths.shelf import Shelf

if TYPE_CHECKING:
    from numpy.typing import NDArray


def told(rows: list[Row], usual_m: float = 190.0) -> NDArray[np.float64]:
    moored = schema.conform(pd.DataFrame(rows), "stops")
    n = len(rows)
    cargo = np.full(n, "cargo", dtype=object)
    found = learn_lengths(
        Shelf([UnsizedPortion.of(moored, cargo, np.full(n, usual_m), np.ones(n, dtype=bool))])
    )
    return found.reindex(moored["mmsi"].where(moored["heading_deg"].notna())).to_numpy()


@pytest.mark.parametrize("length_m", [90.0, 140.0, 250.0])
def test_lengths_follow_from_ships_that_faced_each_other(length_m: float) -> None:
    assert told(both_ways(length_m, 0.0)) == pytest.approx([length_m] * 6, rel=0.12)


def test_ships_that_lay_one_way_only_tell_nothing() -> None:
    rows = [row | {"heading_deg": AXIS} for row in both_ways(140.0, 0.0)]
    assert np.isnan(told(rows)).all()


def test_a_ship_without_a_heading_is_told_nothing() -> None:
    rows = [*both_ways(100.0, 0.0), lie(9, 40.0) | {"heading_deg": np.nan}]
    assert np.isnan(told(rows)).tolist() == [False] * 6 + [True]


def test_two_berths_end_to_end_are_not_one_of_twice_the_length() -> None:
    found = told(both_ways(100.0, 0.0) + both_ways(100.0, 120.0, first=6))
    assert found == pytest.approx([100.0] * 12, rel=0.25)


def test_ships_that_face_those_of_the_next_berth_only_are_as_short_as_the_ones_they_met() -> None:
    """Taken for ships of one berth, those of both would be 250 m long; but they lay there together."""
    berth = both_ways(100.0, 0.0)
    beside = [lie(k + 20, -120.0 - 35.0, day=k) for k in range(6)]
    assert told(berth + beside) == pytest.approx([100.0] * 12, rel=0.25)


def test_ships_in_line_at_the_same_time_do_not_overlap() -> None:
    """Bow to bow, 100 m between the antennas: at one berth they are 143 m long, in line less than 60."""
    pair = [lie(1, 0.0, day=1), lie(2, 100.0, 180.0, day=1)]
    apart = told([pair[0], lie(2, 100.0, 180.0, day=9)])
    assert apart == pytest.approx([143.0] * 2, rel=0.15)
    assert not (told(pair) > 60.0 / 0.9).any()


def test_a_ship_is_as_long_as_the_others_on_its_quay() -> None:
    berth = both_ways(100.0, 0.0)
    assert told([*berth, lie(9, 300.0)])[-1] == pytest.approx(100.0, rel=0.2)
    assert np.isnan(told([*berth, lie(9, 3000.0)])[-1])


def test_the_inner_side_of_a_jetty_says_nothing_of_the_outer_one() -> None:
    inner = both_ways(70.0, 0.0)
    assert told([*inner, lie(9, 90.0, aside_m=60.0)])[:6] == pytest.approx([70.0] * 6, rel=0.2)
    assert np.isnan(told([*inner, lie(9, 90.0, aside_m=60.0)])[-1])


def test_lengths_do_not_depend_on_the_size_of_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = both_ways(100.0, 0.0) + both_ways(130.0, 150.0, first=6)
    at_once = told(rows)
    monkeypatch.setattr(encounters, "_BLOCK", 5)
    assert told(rows) == pytest.approx(at_once)


def test_ships_that_had_no_room_are_shorter_than_usual() -> None:
    """Same way round at once, 70 m between the antennas: no ship of the usual 190 m, and none faced them."""
    found = told([lie(1, 0.0, day=1), lie(2, 70.0, day=1)])
    assert (found < 110.0).all()
    assert np.isnan(told([lie(1, 0.0, day=1), lie(2, 70.0, day=9)])).all()


@pytest.mark.parametrize(("lever_m", "length_m"), [(-60.0, 100.0), (-110.0, 185.0), (-170.0, 280.0)])
def test_the_antenna_of_a_long_ship_swings_out_farther(lever_m: float, length_m: float) -> None:
    """A ship that lay alone, once."""
    lone = pd.DataFrame([lie(1, 180.0, 0.0)]).assign(lever_m=lever_m, lever_error_m=6.0)
    assert told(lone.to_dict("records")) == pytest.approx([length_m], rel=0.1)
    assert np.isnan(told(lone.assign(lever_m=np.nan).to_dict("records"))).all()


def test_an_antenna_that_does_not_swing_out_tells_no_length() -> None:
    lone = pd.DataFrame([lie(1, 180.0, 0.0)]).assign(lever_m=-5.0, lever_error_m=6.0)
    assert told(lone.to_dict("records")) == pytest.approx([190.0], rel=0.35)
