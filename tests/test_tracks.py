"""Sorted pings."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import geo
from ais_berths.tracks import NOT_DEFINED, Tracks, east_deg, order_rows, plane_m

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
    at = np.arange(3)
    assert track.step_m(at)[1] == pytest.approx(111.2, abs=0.1)
    assert track.step_s(at).tolist() == [np.inf, 300.0, np.inf]
    assert np.isinf(track.step_m(at)[[0, 2]]).all()


def test_no_pings_at_all():
    track, order = Tracks.of(pings().iloc[:0].astype({"lat": float, "lon": float}))
    assert len(track) == len(order) == 0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.integers(0, 9)), max_size=40))
def test_order_is_that_of_sorting(rows):
    first, second, tie = (np.array([row[k] for row in rows], dtype=np.int64) for k in range(3))
    order = order_rows((first, second), (tie,))
    assert [rows[i] for i in order] == sorted(rows)


@given(st.floats(-80, 80), st.floats(-180, 180), st.floats(-0.05, 0.05), st.floats(-0.05, 0.05))
def test_plane_agrees_with_the_sphere(lat, lon, north, east):
    there = geo.turn_deg(0.0, lon + east)
    sphere = float(geo.haversine_m(lat, lon, lat + north, there))
    assert float(plane_m(lat, lon, lat + north, there)) == pytest.approx(sphere, rel=2e-3, abs=0.01)


@given(st.floats(-180, 180), st.floats(-179, 179))
def test_turns_agree_with_geo(lon, step):
    assert float(east_deg(lon, lon + step)) == pytest.approx(float(geo.turn_deg(lon, lon + step)), abs=1e-9)
