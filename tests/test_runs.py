"""Runs of pings, and where they lie."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths.runs import Runs, Spots, tallies
from ais_berths.tracks import Tracks

START = pd.Timestamp("2024-01-01", tz="UTC").as_unit("us")


def track_of(positions, coarse=False):
    """Tracks of one ship that reports each minute."""
    frame = pd.DataFrame(positions, columns=["lat", "lon"], dtype="float64").assign(mmsi=1, coarse=coarse)
    return Tracks.of(frame.assign(time=START + pd.to_timedelta(frame.index, unit="min")))[0]


def whole(n):
    return Runs(np.array([0]), np.array([n - 1]))


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=30))
def test_runs_are_what_belongs_together(pings):
    belongs, begins = (np.array([ping[k] for ping in pings], dtype=bool) for k in range(2))
    runs = Runs.of(belongs, begins)
    expected, number = [], -1
    for i, inside in enumerate(belongs):
        number += inside and (begins[i] or i == 0 or not belongs[i - 1])
        expected.append(number if inside else -1)
    assert runs.numbers(len(pings)).tolist() == expected
    assert len(runs) == number + 1
    assert runs.count.sum() == belongs.sum()


def test_what_runs_are_given_is_not_changed():
    belongs, begins = np.array([True, True]), np.array([True, True])
    assert len(Runs.of(belongs, begins)) == 2
    assert belongs.all()
    assert begins.all()


def test_no_runs():
    none = Runs.of(np.zeros(3, dtype=bool), np.ones(3, dtype=bool))
    assert none.numbers(3).tolist() == [-1, -1, -1]
    assert Spots.of(track_of([(50.0, 4.0)] * 3), none).lat.size == 0


def test_middle_is_the_median_and_ignores_rounded_positions():
    positions = [(50.0 + 1e-5 * i, 4.0) for i in range(3)]
    track = track_of([*positions, (50.01, 4.01)], coarse=[False, False, False, True])
    places = Spots.of(track, whole(4))
    assert places.lat[0] == pytest.approx(50.00001, abs=1e-7)
    assert places.lon[0] == pytest.approx(4.0, abs=1e-7)
    assert places.farthest_m[0] == pytest.approx(1324, abs=5)


def test_middle_of_rounded_positions_where_there_are_no_others():
    track = track_of([(50.0, 4.0), (50.002, 4.0)], coarse=True)
    assert Spots.of(track, whole(2)).lat[0] == pytest.approx(50.001)


def test_middle_across_the_antimeridian():
    places = Spots.of(track_of([(0.0, 179.999), (0.0, -179.999), (0.0, -179.998)]), whole(3))
    assert places.lon[0] == pytest.approx(-179.999, abs=1e-6)
    assert places.farthest_m[0] == pytest.approx(222.4, abs=0.5)


@given(st.lists(st.sampled_from("bcsn"), min_size=1, max_size=25), st.lists(st.booleans(), min_size=25))
def test_places_that_are_known_are_not_other_places(pings, longer):
    """Runs begin, carry on or stay away (n); some of those that are known are one ping shorter."""
    kinds = np.array(pings)
    runs = Runs.of(kinds != "n", kinds == "b")
    track = track_of([(50.0 + 1e-4 * i * i, 4.0 - 1e-5 * i) for i in range(len(pings))])
    other = Runs(runs.first, np.maximum(runs.last - np.array(longer[: len(runs)], dtype=int), runs.first))
    found, expected = Spots.of(track, runs, known=Spots.of(track, other)), Spots.of(track, runs)
    assert found.runs is runs
    for name in ("lat", "lon", "east", "middle_m", "most_m", "farthest_m", "rms_m"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()


def test_distances_from_the_middle():
    north = np.array([0.0, 0.0, 0.0, 3.0, -10.0])
    places = Spots.of(track_of([(m / 111_195.08, 4.0) for m in north]), whole(5))
    assert places.middle_m[0] == 0.0
    assert places.most_m[0] == pytest.approx(7.2, abs=0.02)
    assert places.farthest_m[0] == pytest.approx(10.0, abs=0.02)
    assert places.rms_m[0] == pytest.approx(np.sqrt(109 / 5), abs=0.02)


def test_counts_of_a_run():
    time = np.array([0, 100, 599_999_999, 1_800_000_000])
    exact, times, gap_us, mean_kn, by_status = tallies(
        time,
        np.array([0.1, np.inf, 0.3, np.nan]),
        np.array([True, True, False, True]),
        np.array([5, 5, 1, 15]),
        np.array([0]),
        np.array([3]),
    )
    assert (exact[0], times[0], gap_us[0]) == (3, 2, 1_200_000_001)
    assert mean_kn[0] == pytest.approx(0.2)
    assert by_status[0, [1, 5, 15]].tolist() == [1, 2, 1]
    assert by_status.sum() == 4
