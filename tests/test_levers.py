"""Turns under way tell where the antenna stands."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import geo
from ais_berths.config import StopsConfig
from ais_berths.levers import ratio_likelihood
from ais_berths.stops import detect_stops

RATIOS = np.linspace(0.0, 1.0, 41)


def passage(
    lever_m: float,
    *,
    every_s: int = 10,
    knots: float = 6.0,
    turns: float = 1.0,
    gyro_deg: float = 0.0,
    place: tuple[float, float] = (51.9, 4.0),
    noise: int | None = None,
) -> pd.DataFrame:
    """Pings of a ship that turns now to port, now to starboard, for an hour, and then lies for two hours.

    Her pivot goes where the bow points; the antenna is `lever_m` ahead of it.
    """
    second = np.arange(0, 3600)
    heading = 60.0 + turns * 40.0 * np.sin(2 * np.pi * second / 900.0)
    speed = np.clip((3600 - second) / 600.0, 0.0, 1.0) * knots / geo.KN_PER_M_S
    theta = np.radians(heading)
    east = np.cumsum(speed * np.sin(theta)) + lever_m * np.sin(theta)
    north = np.cumsum(speed * np.cos(theta)) + lever_m * np.cos(theta)
    rest = np.arange(3600, 3600 + 7200, 180)
    at = second[::every_s]
    if noise is not None:
        east, north = (
            way + np.random.default_rng(noise + k).normal(0, 3, 3600) for k, way in enumerate((east, north))
        )
    lat, lon = geo.offset_deg(
        *place,
        0.0,
        np.append(north[at], np.full(len(rest), north[-1])),
        np.append(east[at], np.full(len(rest), east[-1])),
    )
    sent = (np.append(heading[at], np.full(len(rest), heading[-1])) + gyro_deg) % 360.0
    return pd.DataFrame(
        {
            "mmsi": 1,
            "time": pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(np.append(at, rest), unit="s"),
            "lat": lat,
            "lon": lon,
            "sog_kn": np.append(speed[at] * geo.KN_PER_M_S, np.zeros(len(rest))),
            "heading_deg": np.round(sent) % 360.0,
        }
    )


def measured(pings: pd.DataFrame) -> tuple[float, float]:
    """Lever and its error of the only ship."""
    stops, _ = detect_stops(pings, StopsConfig())
    assert len(stops) == 1
    return float(stops["lever_m"].iloc[0]), float(stops["lever_error_m"].iloc[0])


@pytest.mark.parametrize("lever_m", [-120.0, -50.0, 0.0, 20.0])
@pytest.mark.parametrize("every_s", [10, 60])
@pytest.mark.parametrize("place", [(51.9, 4.0), (-54.8, -68.3), (70.0, 179.99)])
def test_the_antenna_swings_out_in_turns(lever_m, every_s, place):
    lever, error = measured(passage(lever_m, every_s=every_s, place=place, noise=1))
    assert lever == pytest.approx(lever_m, abs=4.0 * error)
    assert error < 8.0


def test_a_gyro_that_is_off_does_not_matter():
    lever, error = measured(passage(-100.0, gyro_deg=3.0))
    assert lever == pytest.approx(-100.0, abs=3.0 * error)


@pytest.mark.parametrize(
    "pings",
    [
        passage(-100.0, turns=0.0),
        passage(-100.0, every_s=600),
        passage(-100.0, knots=2.0),
        passage(-100.0).assign(heading_deg=np.nan),
        passage(-100.0).drop(columns="heading_deg"),
        passage(-100.0).assign(coarse=True),
    ],
    ids=["no turns", "rare reports", "no headway", "no headings", "no column", "rounded positions"],
)
def test_what_tells_nothing(pings):
    assert np.isnan(measured(pings)).all()


def test_some_wrong_headings_do_not_matter():
    pings = passage(-100.0)
    pings.loc[pings.index[60:360:120], "heading_deg"] += 25.0
    lever, error = measured(pings)
    assert lever == pytest.approx(-100.0, abs=10.0)
    assert error < 10.0


@given(order=st.permutations(range(90)), other_m=st.floats(-150.0, 50.0))
def test_neither_the_order_of_rows_nor_other_ships_matter(order, other_m):
    one = passage(-80.0, every_s=60)
    expected = measured(one)
    mixed = pd.concat([one, passage(other_m, every_s=60).assign(mmsi=2)]).iloc[[*order, *range(90, 200)]]
    stops, _ = detect_stops(mixed.reset_index(drop=True), StopsConfig())
    first = stops[stops["mmsi"] == 1].iloc[0]
    assert (first["lever_m"], first["lever_error_m"]) == expected


def test_levers_of_other_ships_say_nothing():
    group = np.array(["cargo", "tug", "cargo"], dtype=object)
    lever, error = np.array([-100.0, -100.0, np.nan]), np.array([5.0, 5.0, np.nan])
    likely = ratio_likelihood(lever, error, group, np.full(3, 170.0), RATIOS)
    assert RATIOS[likely[0].argmax()] == pytest.approx(0.85, abs=0.03)
    assert likely[0].min() == pytest.approx(0.01, abs=0.005)
    assert (likely[1:] == 1.0).all()


def test_the_lever_of_a_passenger_ship_tells_whether_bow_and_stern_were_exchanged():
    ferry, lever = np.full(2, "passenger", dtype=object), np.full(2, -6.0)
    sent = np.array([True, False])
    likely = ratio_likelihood(lever, np.ones(2), ferry, np.full(2, 195.0), np.array([0.8, 0.2]), sent)
    assert likely[0, 1] > 20.0 * likely[0, 0]
    assert (likely[1] == 1.0).all()


def test_a_poor_lever_says_less():
    lever, group, length = (
        np.array([-100.0, -100.0]),
        np.array(["cargo"] * 2, dtype=object),
        np.full(2, 170.0),
    )
    sharp, blunt = ratio_likelihood(lever, np.array([5.0, 80.0]), group, length, RATIOS)
    assert sharp[8] < 0.02 < 0.3 < blunt[8]
