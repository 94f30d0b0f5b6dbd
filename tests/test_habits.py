"""Whether ships keep to places on a quay."""

from __future__ import annotations

import numpy as np
import pytest
from test_lines import anywhere, around, line

from ais_berths.habits import Habit, habit_of, keeps_to_places


def all_of(prints):
    return np.arange(len(prints.x))


def test_three_berths_are_places_even_if_two_ships_lay_across():
    prints = line([*around(0, 215, 430, n=4), 107.0, 322.0])
    assert habit_of(prints, all_of(prints)) is Habit.PLACES


def test_ships_anywhere_keep_to_no_place():
    prints = line(anywhere(40, 1200.0))
    assert habit_of(prints, all_of(prints)) is Habit.ANYWHERE


@pytest.mark.parametrize("along", [[0.0, 5.0], [0.0, 90.0], [0.0, 40.0, 300.0]])
def test_a_few_visits_tell_nothing(along):
    prints = line(along)
    assert habit_of(prints, all_of(prints)) is Habit.UNKNOWN


def test_ships_far_from_each_other_tell_nothing():
    prints = line([0.0, 250.0, 500.0])
    assert keeps_to_places(prints, all_of(prints)) == 0.0


def test_positions_known_badly_tell_little():
    known, guessed = (line(around(0, 215), error=error) for error in (3.0, 80.0))
    evidence = [keeps_to_places(prints, all_of(prints)) for prints in (known, guessed)]
    assert evidence[0] > 4.0 * abs(evidence[1])


def test_busy_lines_are_judged_by_a_part_of_their_visits():
    prints = line(np.tile(around(0, 215), 500))
    assert habit_of(prints, all_of(prints)) is Habit.PLACES
