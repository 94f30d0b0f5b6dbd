"""Where ships keep to places on a quay, and where they lie anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from test_lines import CONFIG, anywhere, around, line

from ais_berths.continuous import keeps_to_places, lie_anywhere

if TYPE_CHECKING:
    from ais_berths.footprints import Footprints


def evidence(prints: Footprints) -> float:
    """What all visits together say."""
    return float(keeps_to_places(prints, np.arange(len(prints.x))).sum())


def stretches(along: Any, **more: Any) -> list[list[int]]:
    """Visits of each stretch without places."""
    prints = line(along, **more)
    return [sorted(part.tolist()) for part in lie_anywhere(prints, np.arange(len(prints.x)), CONFIG)]


def test_three_berths_are_places_even_if_two_ships_lay_across() -> None:
    along = [*around(0, 215, 430, n=4), 107.0, 322.0]
    assert evidence(line(along)) > 2.0
    assert stretches(along) == []


def test_ships_anywhere_keep_to_no_place() -> None:
    along = anywhere(40, 1200.0)
    assert evidence(line(along)) < -4.0
    assert stretches(along) == [list(range(40))]


def test_a_line_may_have_berths_here_and_a_continuous_quay_there() -> None:
    along = [*around(0, 215, n=6), *np.linspace(420, 1500, 13)]
    assert stretches(along) == [list(range(12, 25))]


def test_boats_farther_along_do_not_speak_for_the_ships() -> None:
    """A harbour of tugs at the end of the line keeps to places; it is no measure for what ships do."""
    along = [*np.linspace(0, 800, 9), *around(1000, 1035, 1070, n=30)]
    assert stretches(along, length=[200.0] * 9 + [30.0] * 90) == [list(range(9))]


@pytest.mark.parametrize(
    "along",
    [
        pytest.param([0.0, 5.0], id="two in one place"),
        pytest.param([0.0, 90.0], id="two that overlap"),
        pytest.param([0.0, 150.0, 300.0], id="one across two berths"),
        pytest.param([0.0, 40.0, 300.0], id="no room for more"),
    ],
)
def test_a_few_ships_do_not_make_a_continuous_quay(along: list[float]) -> None:
    assert stretches(along) == []


def test_one_ship_does_not_make_a_continuous_quay_however_often_it_comes() -> None:
    """It sends its antenna at the wrong end, so that it seems to lie between the berths."""
    along, ships = [*around(0, 215, 430, n=2), 60.0, 160.0, 270.0, 380.0], [*range(6), 9, 9, 9, 9]
    assert stretches(along, mmsi=range(10)) != []
    assert stretches(along, mmsi=ships) == []


def test_a_ship_that_came_alone_tells_nothing_about_others() -> None:
    """Such as a ferry that never lies in the same place."""
    assert stretches(np.linspace(0, 800, 12), mmsi=[9] * 12) == []


def test_an_unused_stretch_parts_a_continuous_quay() -> None:
    quays = np.linspace(0, 800, 9), np.linspace(1300, 2100, 9)
    assert stretches(np.concatenate(quays)) == [list(range(9)), list(range(9, 18))]


def test_ships_far_from_each_other_tell_nothing() -> None:
    assert evidence(line([0.0, 250.0, 500.0])) == 0.0


def test_positions_known_badly_tell_little() -> None:
    known, guessed = (evidence(line(around(0, 215), error=error)) for error in (3.0, 80.0))
    assert known > 4.0 * abs(guessed)


def test_what_is_not_known_of_a_ship_does_not_move_it_between_its_own_visits() -> None:
    """Two ferries half a length apart, their antennas anyone's guess, each always in its own place."""
    along, ships = around(0, 45, n=6), [7] * 6 + [8] * 6
    strangers, own = (evidence(line(along, length=90.0, error=40.0, mmsi=mmsi)) for mmsi in (None, ships))
    assert own > 3.0 + strangers
    turned = [0.0, 180.0] * 6
    assert evidence(line(along, length=90.0, error=40.0, mmsi=ships, turn=turned)) < own


def test_busy_lines_are_judged_by_a_part_of_their_visits() -> None:
    few, many = (evidence(line(np.tile(around(0, 215), n))) / n for n in (100, 500))
    assert many == pytest.approx(few, rel=0.1)


@pytest.mark.parametrize("seed", [182, 188, 192, 195])
def test_a_quay_has_the_same_stretches_from_either_end(seed: int) -> None:
    """The ends of long ships lie beyond those of short ones beside them, before and after."""
    rng = np.random.default_rng(seed)
    along = np.sort(rng.uniform(0.0, 2500.0, 24))
    length = rng.choice([60.0, 200.0, 380.0], 24, p=[0.55, 0.3, 0.15])
    found = stretches(along, length=length)
    assert found
    assert sorted(stretches(-along, length=length)) == sorted(found)
