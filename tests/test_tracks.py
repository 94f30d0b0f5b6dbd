"""Sorted pings and group arithmetic."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import geo
from ais_berths.tracks import (
    METRE_UNIT,
    NOT_DEFINED,
    Groups,
    Tracks,
    east_deg,
    middles,
    order_rows,
    plane_m,
    renumber,
)

START = pd.Timestamp("2024-01-01", tz="UTC").as_unit("us")


def pings(*rows, names=("mmsi", "minute", "lat", "lon")):
    frame = pd.DataFrame(list(rows), columns=list(names))
    return frame.assign(time=START + pd.to_timedelta(frame.pop("minute"), unit="min")).astype(
        {"mmsi": "int64"}
    )


def test_pings_are_sorted_by_ship_and_time():
    track, order = Tracks.of(pings((2, 0, 1.0, 1.0), (1, 9, 2.0, 2.0), (1, 3, 3.0, 3.0)))
    assert order.tolist() == [2, 1, 0]
    assert track.mmsi.tolist() == [1, 1, 2]
    assert track.first.tolist() == [True, False, True]
    assert track.final.tolist() == [False, True, True]
    assert track.vessel.tolist() == [0, 0, 1]


def test_ships_that_share_a_number_are_kept_apart():
    frame = pings((1, 0, 1.0, 1.0), (1, 1, 9.0, 9.0), (1, 2, 1.0, 1.0)).assign(track=[0, 1, 0])
    track, order = Tracks.of(frame)
    assert order.tolist() == [0, 2, 1]
    assert track.vessel.tolist() == [0, 0, 1]


def test_what_a_feed_lacks_is_unknown():
    track, _ = Tracks.of(pings((1, 0, 1.0, 1.0)))
    assert np.isnan(track.sog[0])
    assert np.isnan(track.heading[0])
    assert track.status.tolist() == [NOT_DEFINED]
    assert track.fine.tolist() == [True]


def test_steps_do_not_run_from_one_ship_to_the_next():
    track, _ = Tracks.of(pings((1, 0, 50.0, 4.0), (1, 5, 50.001, 4.0), (2, 0, 60.0, 4.0)))
    assert track.step_m[1] == pytest.approx(111.2, abs=0.1)
    assert track.step_s.tolist() == [np.inf, 300.0, np.inf]
    assert np.isinf(track.step_m[[0, 2]]).all()


def test_no_pings_at_all():
    track, order = Tracks.of(pings().iloc[:0].astype({"lat": float, "lon": float}))
    assert len(track) == len(order) == 0
    assert middles(track, np.empty(0, dtype=np.int64)).groups.n == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 9)), max_size=40))
def test_order_is_that_of_sorting(rows):
    first, second, tie = (np.array([row[k] for row in rows], dtype=np.int64) for k in range(3))
    order = order_rows((first, second), (tie,))
    assert [rows[i] for i in order] == sorted(rows)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.floats(-1000, 1000)), min_size=1, max_size=60),
    st.floats(0, 1),
)
def test_quantiles_are_those_of_numpy(members, share):
    members.sort(key=lambda member: member[0])
    number = np.array([member[0] for member in members])
    values = np.round([member[1] for member in members], 2)
    (found,) = Groups(np.arange(len(number)), number, 7).quantiles(values, METRE_UNIT, share)
    for group in range(7):
        mine = values[number == group]
        expected = np.quantile(mine, share) if len(mine) else np.nan
        assert found[group] == pytest.approx(expected, abs=1e-6, nan_ok=True)


def test_groups_without_members_are_not_a_number():
    groups = Groups(np.arange(3), np.array([0, 0, 2]), 4)
    assert groups.count.tolist() == [2, 0, 1, 0]
    assert groups.sum(np.array([1.0, 2.0, 5.0])).tolist() == [3.0, 0.0, 5.0, 0.0]
    for values in (groups.mean(np.array([1.0, 2.0, 5.0])), groups.first(np.array([1.0, 2.0, 5.0]))):
        assert np.isnan(values[[1, 3]]).all()


def test_middle_is_the_median_and_ignores_rounded_positions():
    rows = [(1, i, 50.0 + 1e-5 * i, 4.0) for i in range(3)]
    frame = pings(*rows, (1, 4, 50.01, 4.01)).assign(coarse=[False, False, False, True])
    track, _ = Tracks.of(frame)
    places = middles(track, np.zeros(4, dtype=np.int64))
    assert places.lat[0] == pytest.approx(50.00001, abs=1e-7)
    assert places.lon[0] == pytest.approx(4.0, abs=1e-7)
    assert places.distance_m[3] == pytest.approx(1324, abs=5)


def test_middle_of_rounded_positions_where_there_are_no_others():
    track, _ = Tracks.of(pings((1, 0, 50.0, 4.0), (1, 1, 50.002, 4.0)).assign(coarse=True))
    assert middles(track, np.zeros(2, dtype=np.int64)).lat[0] == pytest.approx(50.001)


def test_middle_across_the_antimeridian():
    track, _ = Tracks.of(pings((1, 0, 0.0, 179.999), (1, 1, 0.0, -179.999), (1, 2, 0.0, -179.998)))
    places = middles(track, np.zeros(3, dtype=np.int64))
    assert places.lon[0] == pytest.approx(-179.999, abs=1e-6)
    assert places.distance_m.max() == pytest.approx(222.4, abs=0.5)


@given(st.floats(-80, 80), st.floats(-180, 180), st.floats(-0.05, 0.05), st.floats(-0.05, 0.05))
def test_plane_agrees_with_the_sphere(lat, lon, north, east):
    there = geo.turn_deg(0.0, lon + east)
    sphere = float(geo.haversine_m(lat, lon, lat + north, there))
    assert float(plane_m(lat, lon, lat + north, there)) == pytest.approx(sphere, rel=2e-3, abs=0.01)


@given(st.floats(-180, 180), st.floats(-179, 179))
def test_turns_agree_with_geo(lon, step):
    assert float(east_deg(lon, lon + step)) == pytest.approx(float(geo.turn_deg(lon, lon + step)), abs=1e-9)


@given(st.lists(st.integers(-1, 5), max_size=30))
def test_renumbering_keeps_the_runs(values):
    run = np.repeat(np.arange(len(values)), 2) * (np.repeat(np.array(values, dtype=int), 2) >= 0)
    run = np.where(np.repeat(np.array(values, dtype=int), 2) >= 0, run, -1)
    new = renumber(run)
    assert ((new < 0) == (run < 0)).all()
    kept = new[new >= 0]
    assert kept.tolist() == sorted(kept.tolist())
    assert sorted(set(kept.tolist())) == list(range(len(set(run[run >= 0].tolist()))))
