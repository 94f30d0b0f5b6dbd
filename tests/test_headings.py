"""Which way ships lie that send no heading."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import geo
from ais_berths.config import StopsConfig
from ais_berths.headings import bows_of, headings_of, trades_of
from ais_berths.stops import detect_stops


def moored(rows):
    """Stops from (metres east, heading, course, courses, agreement)."""
    frame = pd.DataFrame(
        rows, columns=["east_m", "heading_deg", "course_deg", "n_courses", "course_agreement"]
    ).astype(float)
    lat, lon = geo.offset_deg(51.9, 4.0, np.full(len(frame), 90.0), frame["east_m"].to_numpy())
    return frame.assign(mmsi=range(1, len(frame) + 1), lat=lat, lon=lon, heading_spread_deg=1.0)


def axes(rows, group, length_m=180.0):
    heading, basis = headings_of(
        moored(rows), np.array([group] * len(rows), dtype=object), np.full(len(rows), length_m)
    )
    return heading.round(3).tolist(), basis.tolist()


NAN = np.nan


def test_a_heading_that_was_sent_stays():
    assert axes([(0, 271.0, 10.0, 2, 1.0)], "cargo") == ([271.0], ["sent"])


def test_one_course_is_enough_for_a_cargo_ship_and_not_for_others():
    heading, basis = axes([(0, NAN, 40.0, 1, 1.0)], "cargo")
    assert heading == pytest.approx([40.0], abs=0.1)
    assert basis == ["courses"]
    for group in ("passenger", "tug", "leisure", "unknown"):
        heading, basis = axes([(0, NAN, 40.0, 1, 1.0)], group)
        assert np.isnan(heading[0])
        assert basis == ["none"]


def test_a_ship_too_large_for_anything_else_is_a_merchant_ship():
    group = np.array(["unknown", "unknown", "tug"], dtype=object)
    assert trades_of(group, np.array([165.0, 30.0, 165.0])).tolist() == ["passenger", "unknown", "tug"]


def test_courses_of_several_visits_to_one_place_are_put_together():
    visits = [(0, NAN, 38.0, 1, 1.0), (6, NAN, 42.0, 1, 1.0), (900, NAN, 120.0, 1, 1.0)]
    heading, basis = axes(visits, "passenger")
    assert heading[:2] == pytest.approx([40.0, 40.0], abs=0.1)
    assert basis == ["courses", "courses", "none"]


def test_courses_that_do_not_agree_tell_nothing():
    assert axes([(0, NAN, 40.0, 2, 0.2), (5, NAN, 100.0, 2, 0.2)], "cargo")[1] == ["none", "none"]
    assert axes([(0, NAN, 10.0, 1, 1.0), (5, NAN, 100.0, 1, 1.0)], "tanker")[1] == ["none", "none"]


def test_neighbours_tell_exactly_what_courses_tell_roughly():
    rows = [(0, NAN, 75.0, 1, 1.0), (200, 90.0, NAN, 0, NAN), (-200, 270.0, NAN, 0, NAN)]
    heading, basis = axes(rows, "cargo")
    assert heading[0] == pytest.approx(90.0, abs=2.0)
    assert basis[0] == "neighbours"


def test_a_ship_that_came_across_the_line_of_her_neighbours_lies_on_another_one():
    rows = [(0, NAN, 5.0, 2, 1.0), (150, 90.0, NAN, 0, NAN)]
    assert axes(rows, "cargo")[0][0] == pytest.approx(5.0, abs=2.0)


def test_headings_that_were_sent_in_the_same_place_are_believed_before_courses_to_it():
    """Two ships came across; ships that lay within half a length, and not those beyond, say how."""
    visits = [(3 * k, NAN, 45.0, 2, 1.0) for k in range(2)]

    def with_others(metres):
        heading, basis = axes([*visits, *[(metres + k, 90.0, NAN, 0, NAN) for k in range(4)]], "cargo")
        return heading[0], basis[0]

    heading, basis = with_others(70)
    assert heading == pytest.approx(90.0, abs=3.0)
    assert basis == "neighbours"
    heading, basis = with_others(130)
    assert heading == pytest.approx(45.0, abs=3.0)
    assert basis == "courses"


def test_rough_courses_along_one_quay_tell_its_line_together():
    """Each is ten degrees off; together, and with the places of the antennas, they are not."""
    rows = [(60 * k, NAN, 90.0 + (10.0 if k % 2 else -10.0), 1, 1.0) for k in range(6)]
    heading, basis = axes(rows, "cargo")
    assert heading == pytest.approx([90.0] * 6, abs=3.0)
    assert set(basis) <= {"courses", "neighbours"}
    assert axes(rows, "leisure")[1] == ["none"] * 6


def test_a_ship_without_any_course_lies_as_those_around_it():
    rows = [(100, NAN, NAN, 0, NAN), (0, NAN, 88.0, 2, 1.0), (200, NAN, 93.0, 2, 0.95)]
    heading, _ = axes(rows, "tanker")
    assert heading[0] == pytest.approx(90.0, abs=3.0)


def test_many_visits_of_one_ship_are_one_witness():
    ferry = [(0, NAN, 40.0, 2, 1.0)] * 1000
    frame = moored([(40, NAN, 120.0, 2, 1.0), *ferry]).assign(mmsi=[1, *[2] * 1000])
    heading, _ = headings_of(frame, np.full(1001, "cargo", dtype=object), np.full(1001, 180.0))
    assert heading[0] == pytest.approx(120.0, abs=2.0)
    assert heading[1:] == pytest.approx(40.0, abs=2.0)


@given(st.permutations(range(8)), st.floats(0.0, 180.0))
def test_axes_depend_on_neither_the_order_of_stops_nor_the_compass(order, turn):
    rng = np.random.default_rng(1)
    course = rng.normal(30.0, 12.0, 8) % 180.0
    stops = pd.DataFrame({"heading_deg": NAN, "course_deg": course, "n_courses": 1, "course_agreement": 1.0})
    along = np.linspace(0.0, 250.0, 8)

    def lines(turned_deg):
        lat, lon = geo.offset_deg(51.9, 4.0, np.full(8, 30.0 + turned_deg), along)
        frame = stops.assign(mmsi=range(8), lat=lat, lon=lon, heading_spread_deg=NAN)
        return frame.assign(course_deg=(course + turned_deg) % 180.0)

    def told(frame):
        return headings_of(frame, np.full(8, "cargo", dtype=object), np.full(8, 150.0))[0]

    plain = told(lines(0.0))
    assert (told(lines(0.0).iloc[list(order)]) == plain[list(order)]).all()
    assert np.abs(geo.turn_deg(told(lines(turn)), plain + turn, period=180.0)).max() < 1.5


def test_neighbours_speak_for_ships_within_two_lengths():
    rows = [(0, NAN, NAN, 0, NAN), (150, 90.0, NAN, 0, NAN)]
    assert axes(rows, "leisure", length_m=15.0)[1] == ["none", "sent"]
    assert axes(rows, "cargo")[1] == ["neighbours", "sent"]


@pytest.mark.parametrize(
    ("leaving_deg", "group", "expected"),
    [
        (50.0, "cargo", (40.0, 0.25)),
        (215.0, "tanker", (220.0, 0.25)),
        (130.0, "cargo", (40.0, 0.5)),
        (NAN, "cargo", (40.0, 0.5)),
        (215.0, "passenger", (40.0, 0.5)),
        (215.0, "tug", (40.0, 0.5)),
    ],
)
def test_merchant_ships_leave_bow_first(leaving_deg, group, expected):
    stops = pd.DataFrame({"leaving_deg": [leaving_deg] * 4})
    heading, turned = bows_of(
        stops,
        np.array([40.0, 40.0, NAN, 40.0]),
        np.array(["courses", "sent", "none", "neighbours"], dtype=object),
        np.array([group] * 4, dtype=object),
        np.zeros(4, dtype=bool),
    )
    assert (heading[0], turned[0]) == expected
    assert (heading[1], turned[1]) == (40.0, 0.0)
    assert np.isnan(heading[2])
    assert turned[2] == 0.0
    assert (heading[3], turned[3]) == (40.0, 0.5)


def bows(rows, *, fixed=True):
    stops = moored(rows).assign(leaving_deg=NAN)
    group = np.array(["cargo"] * len(stops), dtype=object)
    axis, basis = headings_of(stops, group, np.full(len(stops), 180.0))
    return bows_of(stops, axis, basis, group, np.full(len(stops), fixed))


def test_a_ship_lies_the_same_way_round_as_the_next_one_most_likely():
    alone = (0, NAN, NAN, 0, NAN)
    for sent in (80.0, 260.0):
        heading, turned = bows([alone, (90, sent, NAN, 0, NAN)])
        assert heading[0] == pytest.approx(sent, abs=2.0)
        assert turned.tolist() == pytest.approx([0.2, 0.0])
    assert bows([alone, (90, 260.0, NAN, 0, NAN)], fixed=False)[1][0] == 0.5
    both_ways = [alone, (90, 80.0, NAN, 0, NAN), (-90, 260.0, NAN, 0, NAN)]
    assert bows(both_ways)[1][0] == pytest.approx(0.5)
    assert bows([alone, (155, 80.0, NAN, 0, NAN)])[1][0] == 0.5


def call(*, course_in, course_out, out_m=120.0):
    """A ship that comes from the south-west, lies for two hours and leaves."""
    minutes = np.array([0.0, 2.0, 4.0, *range(6, 126, 6), 128.0, 130.0])
    away = np.array([out_m + 400, out_m, 60.0, *([0.0] * 20), 60.0, out_m])
    lat, lon = geo.offset_deg(51.9, 4.0, np.full(len(away), 225.0), away)
    sog = np.where(away > 0, 4.0, 0.0)
    cog = np.where(minutes < 6, course_in, np.where(minutes > 120, course_out, 300.0))
    time = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(minutes, unit="min")
    return pd.DataFrame({"mmsi": 1, "time": time, "lat": lat, "lon": lon, "sog_kn": sog, "cog_deg": cog})


def test_courses_of_coming_and_leaving_are_one_line():
    stop = detect_stops(call(course_in=40.0, course_out=224.0), StopsConfig())[0].iloc[0]
    assert stop["n_courses"] == 2
    assert stop["course_deg"] == pytest.approx(42.0, abs=0.1)
    assert stop["course_agreement"] > 0.99
    assert stop["leaving_deg"] == pytest.approx(224.0, abs=0.1)


def test_courses_across_each_other_disagree():
    stop = detect_stops(call(course_in=40.0, course_out=130.0), StopsConfig())[0].iloc[0]
    assert stop["n_courses"] == 2
    assert stop["course_agreement"] < 0.1


def test_courses_far_off_and_at_rest_do_not_count():
    stop = detect_stops(call(course_in=NAN, course_out=NAN), StopsConfig())[0].iloc[0]
    assert stop["n_courses"] == 0
    assert np.isnan(stop["course_deg"])
    assert np.isnan(stop["leaving_deg"])
    without = detect_stops(call(course_in=40.0, course_out=40.0).drop(columns="cog_deg"), StopsConfig())[0]
    assert without["course_deg"].isna().all()


@pytest.mark.parametrize(("sent", "leaving_deg"), [(False, NAN), (True, 130.0)])
def test_the_course_of_a_ship_that_may_still_be_in_her_place_needs_a_speed(sent, leaving_deg):
    pings = call(course_in=40.0, course_out=40.0, out_m=300.0)
    first_off, last = pings.index[-2:]
    pings.loc[first_off, ["lat", "lon"]] = np.ravel(geo.offset_deg(51.9, 4.0, 225.0, 15.0))
    pings.loc[first_off, ["sog_kn", "cog_deg"]] = 1.5, 130.0
    pings.loc[last, "cog_deg"] = NAN
    stop = detect_stops(pings if sent else pings.drop(columns="sog_kn"), StopsConfig())[0].iloc[0]
    assert stop["leaving_deg"] == pytest.approx(leaving_deg, abs=0.1, nan_ok=True)
