"""Visits of ships without a size to places, and what they tell about others there."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from facing import Row, lie

from ais_berths import schema
from ais_berths.encounters import Unsized


def places(rows: list[Row]) -> Unsized:
    moored = schema.conform(pd.DataFrame(rows), "stops")
    return Unsized.of(moored, np.full(len(rows), "cargo", dtype=object))


def first(rows: list[Row]) -> list[int]:
    return places(rows).first_visits().tolist()


def visit(day: int, along_m: float, turn_deg: float = 0.0, mmsi: int = 1) -> Row:
    return lie(mmsi, along_m, turn_deg, day=day)


def test_visits_to_one_place_count_once_however_the_rows_are_ordered() -> None:
    rows = [visit(3, 4.0), visit(1, 0.0), visit(2, 60.0), visit(4, 63.0), visit(0, 0.0, mmsi=2)]
    assert first(rows) == [1, 2, 4]
    assert first(rows[::-1]) == [0, 2, 3]


def test_the_first_visit_is_the_earliest() -> None:
    """All within 20 m of the second in time, which is not within 20 m of the first."""
    assert first([visit(3, 18.0), visit(1, 0.0), visit(2, 25.0)]) == [1, 2]


@pytest.mark.parametrize("turn_deg", np.arange(0.0, 360.0, 22.5).tolist())
def test_a_ship_lay_there_the_same_way_round_at_any_heading(turn_deg: float) -> None:
    assert first([visit(1, 0.0, turn_deg - 2.0), visit(2, 0.0, turn_deg + 2.0)]) == [0]
    assert first([visit(1, 0.0, turn_deg), visit(2, 0.0, turn_deg + 180.0)]) == [0, 1]


@pytest.mark.parametrize("along_m", np.arange(0.0, 40.0, 5.0).tolist())
def test_a_place_is_one_wherever_the_quay_begins(along_m: float) -> None:
    assert first([visit(1, along_m), visit(2, along_m + 12.0)]) == [0]
    assert first([visit(1, along_m), visit(2, along_m + 28.0)]) == [0, 1]


def test_ships_there_together_are_not_facing_each_other_in_turn() -> None:
    apart = places([visit(1, 0.0), visit(2, 100.0, 180.0, mmsi=2)])
    met = places([visit(1, 0.0), visit(1, 100.0, 180.0, mmsi=2)])
    both = np.arange(2)
    assert (len(apart.facing(both).i), len(apart.together().i)) == (2, 0)
    assert (len(met.facing(both).i), len(met.together().i)) == (0, 2)
