"""The table of stops: what the pings of a stop show, in one row."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from ais_berths.config import StopsConfig
from ais_berths.geo import offset_deg
from ais_berths.runs import Runs, Spots
from ais_berths.stops import detect_stops
from ais_berths.stoptable import summarise
from ais_berths.tracks import Tracks

CONFIG = StopsConfig()
START = pd.Timestamp("2024-01-01", tz="UTC").as_unit("us")


def pings(rows, at=(52.0, 4.0)):
    """Rows of (minute, metres east, metres north, speed, heading, status)."""
    frame = pd.DataFrame(rows, columns=["minute", "east", "north", "sog_kn", "heading_deg", "nav_status"])
    lat, lon = offset_deg(*at, 0.0, frame["north"], frame["east"])
    return frame.assign(
        mmsi=1, lat=lat, lon=lon, time=START + pd.to_timedelta(frame["minute"], unit="min")
    ).drop(columns=["minute", "east", "north"])


def stop_of(frame):
    stops, _ = detect_stops(frame, CONFIG)
    assert len(stops) == 1
    return stops.iloc[0]


def lying(minutes, heading=90.0, status=5):
    return [(minute, 0.0, 0.0, 0.0, heading, status) for minute in minutes]


def minutes_after_start(time):
    return (time - START) / pd.Timedelta("1min")


def test_nothing_to_summarise():
    track, _ = Tracks.of(pings(lying(range(3))))
    none = np.empty(0, dtype=np.int64)
    assert summarise(track, Spots.of(track, Runs(none, none)), CONFIG).empty


# arrival and departure ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("gap_min", "km", "knots", "earliest", "latest"),
    [
        (5, 0.3, 3.0, 2, 5),
        (45, 8.0, 10.0, 35, 45),
        (90, 1.5, 5.0, 15, 30),
        (300, 0.5, 3.0, 8, 120),
        (600, 20.0, 12.0, 500, 600),
        (3000, 1.0, 4.0, 2000, 3000),
    ],
    ids=["dense", "under way", "nearby", "reception gap", "far away long ago", "days ago"],
)
def test_arrival_lies_where_the_ship_can_have_come(gap_min, km, knots, earliest, latest):
    came = [(0, -1000.0 * km, 0.0, knots, 90.0, 0)]
    stop = stop_of(pings([*came, *lying(range(gap_min, gap_min + 300, 5))]))
    assert earliest <= minutes_after_start(stop["arrival_time"]) <= latest
    assert minutes_after_start(stop["before_time"]) == 0
    assert minutes_after_start(stop["start_time"]) == gap_min


def test_departure_mirrors_arrival():
    there = [(-m, e, n, s, h, k) for m, e, n, s, h, k in [(60, 8000.0, 0.0, 10.0, 90.0, 0)]]
    came = stop_of(pings([*there, *lying(range(0, 300, 5))]))
    left = stop_of(pings([*lying(range(0, 300, 5)), (355, 8000.0, 0.0, 10.0, 90.0, 0)]))
    rest = (came["start_time"] - came["arrival_time"]).total_seconds()
    assert (left["departure_time"] - left["end_time"]).total_seconds() == pytest.approx(rest, abs=2)
    assert rest > 0


@pytest.mark.parametrize("every", [5, 30])
def test_a_ship_never_heard_before_or_after_was_there_for_three_of_its_mean_waits(every):
    came = pings([(0, -9000.0, 0.0, 10.0, 90.0, 0), *lying(range(every, 601, every))])
    left = pings([*lying(range(0, 600, every)), (600, 9000.0, 0.0, 10.0, 90.0, 0)])
    for frame, near, far in ((came, "end_time", "departure_time"), (left, "arrival_time", "start_time")):
        stop = stop_of(frame)
        assert (stop[far] - stop[near]) / pd.Timedelta("1min") == pytest.approx(1.5 * every, abs=0.5)


def test_where_a_ship_was_heard_in_one_place_only_nothing_is_guessed():
    stop = stop_of(pings(lying(range(0, 300, 30))))
    assert (stop["arrival_time"], stop["departure_time"]) == (stop["start_time"], stop["end_time"])


@pytest.mark.parametrize(("heard_before", "n"), [(True, 1), (False, 0)])
def test_a_single_report_at_the_end_of_the_data_is_a_stop_of_a_ship_that_is_rarely_heard(heard_before, n):
    way = [(m, -250.0 * (120 - m), 0.0, 8.1, 90.0, 0) for m in (0, 30, 60, 90)]
    stops, _ = detect_stops(pings([*way, *lying([120])][0 if heard_before else -1 :]), CONFIG)
    assert len(stops) == n


def test_a_move_between_two_berths_is_shared_out():
    frame = pings([*lying(range(0, 120, 5)), *((m, 3000.0, 0.0, 0.0, 90.0, 5) for m in range(240, 400, 5))])
    stops, _ = detect_stops(frame, CONFIG)
    left, came = stops["departure_time"].iloc[0], stops["arrival_time"].iloc[1]
    assert 115 < minutes_after_start(left) < minutes_after_start(came) < 240
    assert minutes_after_start(left) - 115 == pytest.approx(240 - minutes_after_start(came), abs=2)


def test_a_ship_that_lay_elsewhere_moved_at_some_time_between():
    frame = pings([*lying(range(0, 120, 5)), *((m, 3000.0, 0.0, 0.0, 90.0, 5) for m in range(700, 900, 5))])
    stops, _ = detect_stops(frame, CONFIG)
    left, came = stops["departure_time"].iloc[0], stops["arrival_time"].iloc[1]
    assert minutes_after_start(left) == pytest.approx(350, abs=60)
    assert minutes_after_start(came) == pytest.approx(470, abs=60)


@pytest.mark.parametrize("every", [5, 30])
def test_a_course_tells_whether_a_ship_came_straight(every):
    rows = [(0, -9000.0, 0.0, 10.0, 90.0, 0), *lying(range(240, 600, every))]
    rested = {}
    for course in (90.0, 270.0):
        stop = stop_of(pings(rows).assign(cog_deg=course))
        rested[course] = (stop["start_time"] - stop["arrival_time"]) / pd.Timedelta("1min")
    assert rested[90.0] > 150
    # She had gone, and was not heard when she came back: not for long, by how often she is heard.
    assert rested[270.0] == pytest.approx(every / 2, abs=0.5)


def test_going_is_coming_the_other_way_round():
    rows = [*lying(range(0, 300, 5)), (535, 9000.0, 0.0, 10.0, 90.0, 0)]
    gone, back = (stop_of(pings(rows).assign(cog_deg=course)) for course in (90.0, 270.0))
    assert gone["departure_time"] - back["departure_time"] > pd.Timedelta("2h")


def test_beside_the_berth_the_course_does_not_tell():
    rows = [(0, -150.0, 0.0, 2.0, 90.0, 0), *lying(range(90, 300, 5))]
    stop = stop_of(pings(rows).assign(cog_deg=270.0))
    assert minutes_after_start(stop["arrival_time"]) < 20


# headings -------------------------------------------------------------------------------------------


def test_heading_about_north_and_a_few_wild_ones():
    headings = [359.0, 1.0, 0.0] * 10 + [120.0, np.nan]
    rows = [(5 * i, 0.0, 0.0, 0.0, heading, 5) for i, heading in enumerate(headings)]
    stop = stop_of(pings(rows))
    assert min(stop["heading_deg"], 360 - stop["heading_deg"]) == pytest.approx(0.0, abs=0.6)
    assert stop["turn_median_deg"] == pytest.approx(1.0, abs=0.6)
    assert stop["heading_spread_deg"] > 5
    assert stop["n_headings"] == 31


def test_no_heading_at_all():
    stop = stop_of(pings(lying(range(0, 100, 5), heading=np.nan)))
    assert stop[["heading_deg", "heading_spread_deg", "turn_median_deg", "swing_m", "pivot_lat"]].isna().all()
    assert stop["n_headings"] == 0


def swinging(bows, reach_m=280.0, heading=True, minutes=5):
    turn = np.radians(bows)
    return [
        (
            minutes * i,
            -reach_m * np.sin(a),
            -reach_m * np.cos(a),
            0.2,
            np.degrees(a) % 360 if heading else np.nan,
            1,
        )
        for i, a in enumerate(turn)
    ]


@pytest.mark.parametrize("heading", [True, False], ids=["with headings", "positions only"])
@pytest.mark.parametrize("at", [(52.0, 4.0), (70.0, -179.999), (-55.0, 179.999)])
def test_the_pivot_of_a_swing(heading, at):
    bows = 40.0 + 100.0 * np.sin(np.arange(120) / 19.0)
    stop = stop_of(pings(swinging(bows, heading=heading), at))
    assert stop["swing_m"] == pytest.approx(280.0, rel=0.02)
    assert stop["swing_share"] > 0.98
    assert stop["pivot_lat"] == pytest.approx(at[0], abs=1e-4)
    assert np.cos(np.radians(stop["pivot_lon"] - at[1])) > 1 - 1e-9


def test_a_ship_alongside_has_no_pivot():
    rng = np.random.default_rng(1)
    rows = [(5 * i, *rng.normal(0, 3, 2), 0.0, 90.0 + rng.normal(0, 1), 5) for i in range(100)]
    stop = stop_of(pings(rows))
    assert np.isnan(stop["swing_m"])
    assert np.isnan(stop["pivot_lon"])


# counts ---------------------------------------------------------------------------------------------


def test_bursts_count_once():
    rows = [(60 * k + j / 10, 0.0, 0.0, 0.0, 90.0, 5) for k in range(4) for j in range(5)]
    stop = stop_of(pings(rows))
    assert stop["n_pings"] == 20
    assert stop["n_times"] == 4
    assert stop["max_gap_h"] == pytest.approx(1.0, abs=0.02)


def test_status_shares():
    frame = pings(
        [*lying(range(0, 60, 5)), *lying(range(60, 80, 5), status=1), *lying(range(80, 90, 5), status=0)]
    )
    stop = stop_of(frame)
    assert stop["nav_status"] == 5
    assert stop["moored_share"] == pytest.approx(12 / 18)
    assert stop["anchored_share"] == pytest.approx(4 / 18)


def test_speed_is_the_mean():
    rows = [(5 * i, 0.0, 0.0, 0.1 * (i % 3), 90.0, 5) for i in range(30)]
    assert stop_of(pings(rows))["speed_mean_kn"] == pytest.approx(0.1, abs=1e-6)
