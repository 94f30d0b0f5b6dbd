"""Loops over pings."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import geo, loops
from ais_berths.tracks import ROUNDING_M

ONE_RUN = (np.array([0]), np.array([3]))

# Every loop on pings by chance, to the last bit.
_ALL = """
import json
import numpy as np
from ais_berths import loops
from ais_berths.runs import Runs, tallies
chance = np.random.default_rng(5)
n = 300
lat, lon = 50 + chance.normal(0, 1e-3, n), 179.9999 + chance.normal(0, 1e-3, n)
sog, fine, first = chance.exponential(0.6, n), chance.random(n) < 0.8, chance.random(n) < 0.1
time = np.cumsum(chance.integers(1, 900_000_000, n))
status, heading = chance.integers(0, 16, n), np.where(chance.random(n) < 0.5, 90.0, chance.uniform(0, 360, n))
begin = np.arange(0, 300, 30)
runs = (begin, begin + 24)
north, east, *distances = loops.places(lat, lon, fine, *runs)
results = [
    loops.slow_pings(first, sog, 0.5, 1.0), loops.far_steps(first, fine, lat, lon, 150.0, 131.0),
    loops.waits(np.append(True, first[1:]), time, 600.0),
    north, east, *distances, *tallies(time, sog, fine, status, *runs), Runs(*runs).numbers(n),
    *loops.rests(
        (lat, lon, sog, fine, time), runs, (north, east), np.full(10, 90.0), 1.0, 131.0, 600_000_000
    ),
    *loops.excursions((lat, lon, sog), runs[1][:-1], begin[1:], lat[begin[1:]], lon[begin[1:]]),
    *loops.headings(heading, fine, lat, lon, *runs), loops.circles(lat, lon, fine, runs, (north, lon[begin])),
]
print(json.dumps([np.asarray(result).astype(float).ravel().tolist() for result in results]))
"""


def run(code, **environment):
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | environment,
    )
    return json.loads(result.stdout)


def test_machine_code_says_what_python_says():
    assert run(_ALL) == run(_ALL, NUMBA_DISABLE_JIT="1")


# pings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sog", "slow"),
    [
        ([0.2, 0.7, 1.0, 1.1, 0.7, 0.4], "111001"),
        ([0.7, 0.4], "01"),
        ([np.inf, 0.0, np.inf], "010"),
    ],
    ids=["hysteresis", "undecided at first", "unknown"],
)
def test_slow_from_one_limit_to_another(sog, slow):
    first = np.arange(len(sog)) == 0
    found = loops.slow_pings(first, np.array(sog), 0.5, 1.0)
    assert "".join("01"[int(value)] for value in found) == slow


def test_another_ship_begins_undecided():
    assert loops.slow_pings(np.array([True, True]), np.array([0.0, 0.7]), 0.5, 1.0).tolist() == [True, False]


@given(
    st.lists(st.tuples(st.floats(-0.01, 0.01), st.floats(-0.01, 0.01), st.booleans()), max_size=20),
    st.sampled_from([0.0, 70.0, -70.0]),
    st.floats(100, 1000),
)
def test_far_steps_are_those_that_measure_more(places, lat, limit_m):
    lats = lat + np.array([place[0] for place in places])
    lons = geo.turn_deg(0.0, 180.0 + np.array([place[1] for place in places]))
    fine = np.array([place[2] for place in places], dtype=bool)
    first = np.arange(len(places)) == 0
    found = loops.far_steps(first, fine, lats, lons, limit_m, ROUNDING_M)
    for i in range(1, len(places)):
        metres = float(geo.haversine_m(lats[i - 1], lons[i - 1], lats[i], lons[i]))
        metres -= ROUNDING_M * (2 - int(fine[i]) - int(fine[i - 1]))
        if abs(metres - limit_m) > 1.0:
            assert found[i] == (metres > limit_m)
    assert not found[:1].any()


# runs -----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(-300, 300), min_size=1, max_size=200), st.floats(0, 1))
def test_quantiles_are_those_of_numpy(hundredths, share):
    values = np.array(hundredths) / 100.0
    expected = np.quantile(values, share)
    assert loops._quantile(values, share, loops.METRE_UNIT) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("order", ["up", "down", "organ pipe", "equal"])
def test_no_order_makes_a_median_slow(order):
    n = 1_000_000
    values = {
        "up": np.arange(n),
        "down": np.arange(n)[::-1],
        "organ pipe": np.minimum(np.arange(n), np.arange(n)[::-1]),
        "equal": np.zeros(n),
    }[order].astype(np.float64)
    expected = np.median(values)
    assert loops._quantile(values, 0.5, 1e-3) == pytest.approx(expected, abs=1.0)


def rests(lat, sog, fine, place=50.0, minutes=(0, 5, 10, 15)):
    """First and last ping at rest, and least speed, where up to 50 m off is in place."""
    time = np.array(minutes) * 60_000_000
    track = (np.array(lat), np.full(4, 4.0), np.array(sog), np.array(fine), time)
    at = (np.array([place]), np.array([0.0]))
    first, last, least = loops.rests(track, ONE_RUN, at, np.array([50.0]), 1.0, ROUNDING_M, 1_800_000_000)
    return first[0], last[0], least[0]


def test_where_a_ship_came_to_rest():
    lat, sog = [50.01, 50.0, 50.0, 50.0], [0.3, 0.2, 0.1, 2.0]
    assert rests(lat, sog, [True] * 4) == (1, 2, 0.1)
    first, last, _ = rests(lat, sog, [True] * 4, place=60.0)
    assert first > last


def test_a_rounded_position_is_not_trimmed_for_its_error():
    lat, sog = [50.001, 50.0, 50.0, 50.001], [0.1] * 4
    assert rests(lat, sog, [True, True, True, True]) == (1, 2, 0.1)
    assert rests(lat, sog, [False, True, True, False]) == (0, 3, 0.1)


def test_an_approach_takes_minutes():
    lat, fine, minutes = [50.001, 50.0, 50.0, 50.001], [True] * 4, (0, 60, 65, 130)
    assert rests(lat, [0.1] * 4, fine, minutes=minutes)[:2] == (0, 3)
    assert rests(lat, [2.0, 0.1, 0.1, 2.0], fine, minutes=minutes)[:2] == (1, 2)


def test_what_lies_between_two_runs():
    lat, sog = np.array([50.0, 50.001, 50.002, 50.0]), np.array([0.0, 3.0, np.nan, 9.0])
    far, fast = loops.excursions(
        (lat, np.full(4, 4.0), sog), np.array([0, 2]), np.array([3, 3]), np.full(2, 50.0), np.full(2, 4.0)
    )
    assert far.tolist() == pytest.approx([222.4, 0.0], abs=0.1)
    assert fast.tolist() == [3.0, 0.0]


@pytest.mark.parametrize("degrees", [[350.0, 10.0, 0.0, 2.0], [89.5, 90.25, 90.0, 91.0]])
def test_median_of_headings(degrees):
    lat, lon = np.full(4, 50.0), np.full(4, 4.0)
    count, found = loops.headings(np.array(degrees), np.ones(4, dtype=bool), lat, lon, *ONE_RUN)
    middle = geo.circular_mean_deg(degrees)
    expected = (middle + np.median(geo.turn_deg(middle, degrees))) % 360.0
    assert count[0] == 4
    assert found[4, 0] == pytest.approx(expected, abs=1e-3)
    assert found[0, 0] == pytest.approx(np.sin(np.radians(degrees)).mean())


def test_a_run_without_headings():
    count, found = loops.headings(
        np.full(4, np.nan), np.zeros(4, dtype=bool), np.full(4, 50.0), np.full(4, 4.0), *ONE_RUN
    )
    assert count[0] == 0
    assert np.isnan(found).all()


def test_a_circle_through_positions():
    turn = np.radians(np.arange(0, 200, 10.0))
    lat, lon = geo.offset_deg(60.0, 4.0, 0.0, 300.0 * np.cos(turn) - 50.0, 300.0 * np.sin(turn))
    runs = (np.array([0]), np.array([len(turn) - 1]))
    fine = np.ones(len(turn), dtype=bool)
    east, north, radius, _, share = loops.circles(lat, lon, fine, runs, (np.array([60.0]), np.array([4.0])))
    assert (east[0], north[0], radius[0]) == pytest.approx((0.0, -50.0, 300.0), abs=0.5)
    assert share[0] == pytest.approx(1.0, abs=1e-4)


def test_no_circle_through_one_place():
    runs = (np.array([0, 2]), np.array([1, 3]))
    fine = np.array([True, True, False, False])
    found = loops.circles(np.full(4, 50.0), np.full(4, 4.0), fine, runs, (np.full(2, 50.0), np.full(2, 4.0)))
    assert np.isnan(found).all()


# waits ----------------------------------------------------------------------------------------------


def waits(*minutes):
    """Waits (min) of ships that are heard at these minutes; gaps up to two hours count."""
    first = np.concatenate([np.arange(len(times)) == 0 for times in minutes])
    time = np.concatenate(minutes).astype(np.int64) * 60_000_000
    return (loops.waits(first, time, 7200.0) / 60.0).tolist()


def test_the_wait_is_half_the_gap_of_a_regular_ship():
    assert waits([0, 30, 60, 90], [5, 15, 25]) == pytest.approx([15.0, 5.0])


def test_bursts_do_not_shorten_the_wait_much():
    assert waits([0, 1, 2, 60, 61, 62, 120]) == pytest.approx([28.05])


def test_silences_tell_nothing_about_the_wait():
    assert waits([0, 10, 500, 510]) == pytest.approx([5.0])
    assert waits([0], [0, 500]) == pytest.approx([60.0, 60.0])
