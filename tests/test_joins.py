"""Runs of pings that are one stay."""

from __future__ import annotations

import pytest
from voyages import Voyage

from ais_berths.config import StopsConfig
from ais_berths.stops import detect_stops


def parts_of(voyage):
    return detect_stops(voyage.pings(), StopsConfig())[0]


@pytest.mark.parametrize(("knots", "n"), [((), 1), ((2.0, 2.0), 2)], ids=["unheard", "on the way"])
def test_what_has_been_joined_reaches_further_where_nothing_was_heard(knots, n):
    ship = Voyage().lie(600, every=30, noise_m=40.0)
    ship.east = 200.0
    ship.silence(150).lie(600, every=30, noise_m=15.0)
    ship.east = 450.0
    for sog in knots:
        ship.report(sog)
        ship.silence(5)
    stops = parts_of(ship.silence(5 if knots else 150).lie(600, every=30, noise_m=15.0))
    assert len(stops) == n


def test_still_in_two_places_is_two_stops_though_nothing_was_heard_between():
    ship = Voyage().lie(120, every=30)
    ship.east += 700.0
    stops = parts_of(ship.lie(120, every=30))
    assert stops["n_pings"].tolist() == [4, 4]


def test_the_first_report_from_a_place_belongs_to_the_next_one_there():
    ship = Voyage().lie(120, every=30)
    ship.east += 600.0
    ship.silence(30).report(0.0)
    assert parts_of(ship.silence(140).lie(120, every=30))["n_pings"].tolist() == [4, 5]


@pytest.mark.parametrize(("sog", "n"), [(0.4, 1), (0.1, 2)], ids=["adrift", "at rest"])
def test_a_ship_adrift_sends_the_speed_that_takes_her_on(sog, n):
    ship = Voyage()
    for _ in range(2):
        ship.lie(80, every=10, sog=sog, noise_m=40.0)
        ship.silence(160).east += 2000.0
    assert len(parts_of(ship)) == n


def test_single_reports_hours_apart_are_no_drift():
    ship = Voyage().lie(10, every=10, sog=0.4)
    ship.silence(220).east += 2000.0
    assert (parts_of(ship.lie(10, every=10, sog=0.4))["n_pings"] < 2).all()
