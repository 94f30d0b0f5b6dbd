"""From pings to stops."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from voyages import KN_M_MIN, START, Voyage

from ais_berths import schema
from ais_berths.config import CleanConfig, HullsConfig, StopsConfig
from ais_berths.errors import MissingColumnsError
from ais_berths.evaluate import score_stops
from ais_berths.geo import offset_deg, turn_deg
from ais_berths.pings import clean_pings
from ais_berths.simulate import simulate_port
from ais_berths.stops import detect_stops
from ais_berths.vessels import COMMERCIAL, merge_statics

CONFIG = StopsConfig()
NEVER_NULL = [
    *("stop_id", "mmsi", "start_time", "end_time", "arrival_time", "departure_time", "dwell_h", "n_pings"),
    *("n_fine", "n_times", "max_gap_h", "lat", "lon", "drift_radius_m", "drift_median_m", "drift_rms_m"),
    *("n_headings", "nav_status", "moored_share", "anchored_share", "open_start", "open_end"),
]


def stops_of(*voyages, config=CONFIG):
    pings = pd.concat([voyage.pings() for voyage in voyages], ignore_index=True)
    stops, ids = detect_stops(pings, config)
    check(pings, stops, ids)
    return stops


def check(pings, stops, ids):
    """What must hold whatever the pings are."""
    assert list(stops.columns) == schema.STOPS.names
    assert stops[NEVER_NULL].notna().all().all()
    assert stops["stop_id"].is_unique
    assert ids.index.equals(pings.index)
    assert set(ids.dropna()) == set(stops["stop_id"])
    assert (stops["end_time"] >= stops["start_time"]).all()
    assert (stops["arrival_time"] <= stops["start_time"]).all()
    assert (stops["departure_time"] >= stops["end_time"]).all()
    assert not (stops["before_time"] > stops["arrival_time"]).any()
    assert not (stops["after_time"] < stops["departure_time"]).any()
    assert (stops["open_start"] == stops["before_time"].isna()).all()
    assert (stops["open_end"] == stops["after_time"].isna()).all()
    counted = ids.value_counts().reindex(stops["stop_id"]).fillna(0)
    assert counted.tolist() == stops["n_pings"].tolist()
    ordered = stops.sort_values(["mmsi", "start_time"])
    follows = ordered["mmsi"].eq(ordered["mmsi"].shift())
    track = ordered["stop_id"].str.count("-") > 1
    assert not (follows & ~track & (ordered["start_time"] <= ordered["end_time"].shift())).any()


# what is a stop -------------------------------------------------------------------------------------


def test_a_call_between_two_passages():
    stop = stops_of(Voyage().sail(9000).lie(600).sail(9000)).iloc[0]
    assert stop["dwell_h"] == pytest.approx(9.9, abs=0.2)
    assert not stop["open_start"]
    assert not stop["open_end"]
    assert stop["lon"] == pytest.approx(4.0 + 9000 / (111_195 * np.cos(np.radians(52))), abs=1e-4)
    assert stop["drift_median_m"] < 5


@pytest.mark.parametrize(
    "voyage",
    [
        Voyage().sail(30_000, 12.0),
        Voyage().sail(4_000, 1.6),
        Voyage().sail(3_000).lie(10).sail(3_000),
        Voyage().sail(3_000).lie(15, every=1.0).sail(3_000),
    ],
    ids=["passage", "slow passage", "ten minutes", "lock"],
)
def test_what_is_no_stop(voyage):
    assert stops_of(voyage).empty


def test_no_pings():
    stops, ids = detect_stops(Voyage().lie(10).pings().iloc[:0], CONFIG)
    assert stops.empty
    assert list(stops.columns) == schema.STOPS.names
    assert ids.empty


@pytest.mark.parametrize("sog", [0.0, 12.0, np.nan])
def test_a_single_ping(sog):
    voyage = Voyage()
    voyage.report(sog)
    assert stops_of(voyage).empty


def test_a_missing_column_is_named():
    with pytest.raises(MissingColumnsError, match="lacks time"):
        detect_stops(Voyage().lie(10).pings().drop(columns="time"), CONFIG)


def test_stays_at_the_edge_of_the_period_are_open():
    stop = stops_of(Voyage().lie(300)).iloc[0]
    assert stop["open_start"]
    assert stop["open_end"]
    assert stop["arrival_time"] == stop["start_time"]
    first, last = stops_of(Voyage().lie(15).sail(20_000).lie(15)).to_dict("records")
    assert first["open_start"]
    assert not first["open_end"]
    assert last["open_end"]
    assert not last["open_start"]


# one stay or two ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("between", "n"),
    [
        (lambda v: v.silence(600), 1),
        (lambda v: v.lie(20, sog=0.8), 1),
        (lambda v: v.lie(5, sog=2.4), 1),
        (lambda v: v.sail(30, 1.2), 1),
        (lambda v: v.sail(150, 1.5), 2),
        (lambda v: v.sail(2_000).sail(2_000, course=270.0), 2),
        (lambda v: v.sail(9_000).sail(9_000, course=270.0), 2),
        (lambda v: v.silence(100 * 60), 2),
        (lambda v: (v.sail(3_000), v.silence(600))[0], 2),
    ],
    ids=[
        *("silence", "rolling", "hasty report", "warping", "shift along the quay"),
        *("trip", "voyage", "four days", "silence and elsewhere"),
    ],
)
def test_one_stay_or_two(between, n):
    voyage = Voyage().sail(3_000).lie(180)
    between(voyage)
    voyage.lie(180).sail(3_000)
    assert len(stops_of(voyage)) == n


@pytest.mark.parametrize("every", [3.0, 45.0])
def test_a_wrong_position_does_not_end_a_stay(every):
    pings = Voyage().sail(3_000).lie(20 * every, every).sail(3_000).pings()
    middle = len(pings) // 2
    pings.loc[middle, "lat"] += 0.01 if every < 10 else 0.03
    stops, ids = detect_stops(pings, CONFIG)
    check(pings, stops, ids)
    assert len(stops) == 1
    assert pd.isna(ids[middle])


@pytest.mark.parametrize("metres", [200.0, 900.0, 30_000.0])
def test_a_ship_in_two_places_in_one_second(metres):
    voyage = Voyage().sail(9_000, 10.0, every=30.0).silence(120)
    voyage.report(0.0)
    voyage.report(0.0, north=metres)
    voyage.silence(120).sail(9_000, 10.0, every=30.0)
    assert len(stops_of(voyage)) == 1
    open_ended = Voyage().lie(60)
    open_ended.report(0.0)
    open_ended.report(0.0, north=metres)
    assert len(stops_of(open_ended)) == 1


def anchored(voyage, hours, every=5.0, reach=250.0, wide=True):
    """Swing about an anchor with the tide, and sheer."""
    turns = np.arange(0, hours * 60, every)
    for minute in turns:
        bow = 90.0 + (80.0 * np.tanh(6 * np.sin(2 * np.pi * minute / 745.0)) if wide else 0.0)
        bow += 8.0 * np.sin(2 * np.pi * minute / 14.0)
        to_anchor = np.radians(bow)
        voyage.report(0.2, bow % 360, -reach * np.sin(to_anchor), -reach * np.cos(to_anchor))
        voyage.minute += every
    return voyage


def test_a_ship_that_swings_with_the_tide_is_in_one_place():
    stop = stops_of(anchored(Voyage().sail(9_000), 30).sail(9_000))
    assert len(stop) == 1
    assert stop["dwell_h"].iloc[0] == pytest.approx(30, abs=0.3)
    assert stop["swing_m"].iloc[0] == pytest.approx(250, rel=0.05)
    assert stop["swing_share"].iloc[0] > 0.95


def test_a_swing_faster_than_a_stop_does_not_end_it():
    voyage = Voyage().sail(5_000)
    for bow, sog in [*((20.0, 0.1),) * 30, (60.0, 1.2), (110.0, 1.4), (160.0, 1.2), *((200.0, 0.1),) * 30]:
        turn = np.radians(bow + 7.0 * np.sin(voyage.minute / 3.0))
        voyage.report(sog, np.degrees(turn), -300 * np.sin(turn), -300 * np.cos(turn))
        voyage.minute += 6
    assert len(stops_of(voyage.sail(5_000))) == 1


def test_a_ship_adrift_makes_one_stop():
    stops = stops_of(Voyage().sail(5_000).sail(4_500, 0.35, every=5.0, course=40.0).sail(5_000))
    assert len(stops) == 1
    assert stops["drift_radius_m"].iloc[0] > 1_500


def test_a_ship_that_drifts_and_then_lies_is_in_two_places():
    stops = stops_of(Voyage().sail(6_000, 0.4, every=5.0).lie(600).sail(5_000))
    assert len(stops) == 2
    assert stops["drift_radius_m"].iloc[0] > 5 * stops["drift_radius_m"].iloc[1]


@pytest.mark.parametrize("unseen_minutes", [4, 12])
def test_a_berth_near_the_anchorage_is_a_place_of_its_own(unseen_minutes):
    voyage = anchored(Voyage().sail(9_000), 20)
    voyage.silence(unseen_minutes)
    voyage.north -= 800.0
    stops = stops_of(voyage.lie(600, heading=115.0).sail(5_000))
    assert stops["dwell_h"].round().tolist() == [20, 10]


def test_poor_positions_do_not_part_a_stay():
    voyage = Voyage().sail(9_000).lie(180, every=1.5)
    for east in (70.0, 170.0):
        voyage.report(0.0, east=east)
        voyage.minute += 1.5
    stops = stops_of(voyage.lie(180, every=1.5).sail(5_000))
    assert len(stops) == 1


def test_the_last_metres_are_not_part_of_the_stay():
    stop = stops_of(Voyage().sail(5_000).sail(300, 0.45, every=1.0).lie(300).sail(5_000)).iloc[0]
    assert stop["start_time"] >= START + pd.Timedelta(minutes=5_000 / (8 * KN_M_MIN) + 15)


def test_two_ships_that_share_a_number():
    one, two = Voyage().lie(300), Voyage(at=(52.4, 4.0)).lie(300)
    pings = pd.concat([one.pings().assign(track=0), two.pings().assign(track=1)], ignore_index=True)
    stops, ids = detect_stops(pings, CONFIG)
    check(pings, stops, ids)
    assert stops["stop_id"].tolist() == ["244000001-20240101T000000", "244000001-20240101T000000-1"]
    assert stops["lat"].round(1).tolist() == [52.0, 52.4]


# poor feeds -----------------------------------------------------------------------------------------


def test_without_speeds_they_are_measured():
    voyage = Voyage().sail(9_000).lie(300).sail(9_000)
    known = stops_of(voyage)
    pings = voyage.pings().drop(columns=["sog_kn", "heading_deg"])
    stops, ids = detect_stops(pings, CONFIG)
    check(pings, stops, ids)
    assert len(stops) == 1
    assert abs(stops["dwell_h"].iloc[0] - known["dwell_h"].iloc[0]) < 0.2
    assert stops["heading_deg"].isna().all()


@pytest.mark.parametrize("metres", [300.0, 700.0, 2_000.0])
def test_without_speeds_a_single_far_position_does_not_end_a_stop(metres):
    voyage = Voyage().sail(9_000).lie(300, every=3.0)
    voyage.report(np.nan, east=metres)
    voyage.minute += 3.0
    pings = voyage.lie(300, every=3.0).sail(9_000).pings().drop(columns="sog_kn")
    stops, ids = detect_stops(pings, CONFIG)
    check(pings, stops, ids)
    assert stops["dwell_h"].round().tolist() == [10]


def test_without_speeds_a_trip_parts_two_stops():
    voyage = Voyage().sail(9_000).lie(300, every=10.0)
    voyage.report(np.nan, east=600.0)
    voyage.minute += 10.0
    pings = voyage.lie(300, every=10.0).sail(9_000).pings().drop(columns="sog_kn")
    assert len(detect_stops(pings, CONFIG)[0]) == 2


def test_without_speeds_leaving_the_area_is_no_stop():
    voyage = Voyage().sail(9_000, 14.0).silence(3 * 1440).sail(9_000, 14.0, course=270.0)
    stops, _ = detect_stops(voyage.pings().drop(columns="sog_kn"), CONFIG)
    assert stops.empty


def test_a_report_every_half_hour():
    voyage = Voyage().sail(20_000, 10.0, every=30.0).lie(150, every=30.0).sail(20_000, 10.0, every=30.0)
    stops = stops_of(voyage)
    assert len(stops) == 1
    arrival = START + pd.Timedelta(minutes=20_000 / (10 * KN_M_MIN))
    assert abs(stops["arrival_time"].iloc[0] - arrival) < pd.Timedelta("15min")


def test_a_stay_heard_once_counts_if_the_ship_had_time_for_it():
    voyage = Voyage().sail(15_000, 10.0, every=12.0).silence(20)
    voyage.report(0.0)
    voyage.silence(40).sail(15_000, 10.0, every=12.0)
    stop = stops_of(voyage).iloc[0]
    assert stop["n_pings"] == 1
    assert stop["dwell_h"] == 0.0
    assert stop["departure_time"] - stop["arrival_time"] >= pd.Timedelta("20min")


def test_rounded_positions_do_not_move_a_stop():
    pings = Voyage().lie(300).pings().assign(coarse=False)
    rounded = pings.iloc[10:14].assign(lat=52.0008, coarse=True)
    pings.iloc[10:14] = rounded
    stops, _ = detect_stops(pings, CONFIG)
    assert stops["lat"].iloc[0] == pytest.approx(52.0, abs=1e-5)
    assert stops["n_fine"].iloc[0] == stops["n_pings"].iloc[0] - 4


def test_stops_that_begin_in_one_second_have_ids_of_their_own():
    """Where times are rounded to the day, a ship is at two berths and on its way at once."""
    days = [-1, *[0] * 30, 1]
    lat = [51.7, *np.linspace(52.0, 52.0001, 10), *np.linspace(52.1, 52.9, 10), *[53.0] * 10, 53.5]
    sog = [12.0, *[0.0] * 10, *[12.0] * 10, *[0.0] * 10, 12.0]
    time = START + pd.to_timedelta(days, unit="D")
    pings = pd.DataFrame({"mmsi": 244000001, "time": time, "lat": lat, "lon": 4.0, "sog_kn": sog})
    stops, ids = detect_stops(pings, CONFIG)
    assert len(stops) == 2
    assert stops["stop_id"].is_unique
    assert (stops["start_time"] == START).all()
    assert ids.value_counts().reindex(stops["stop_id"]).tolist() == stops["n_pings"].tolist()
    mixed, _ = detect_stops(pings.sample(frac=1, random_state=1), CONFIG)
    pd.testing.assert_frame_equal(mixed, stops)


def test_pings_keep_their_index():
    pings = Voyage().sail(3_000).lie(120).pings()
    pings.index = np.arange(len(pings))[::-1] + 7
    _, ids = detect_stops(pings, CONFIG)
    assert ids.index.equals(pings.index)
    assert ids.iloc[0] is pd.NA or pd.isna(ids.iloc[0])
    assert ids.iloc[-1] == "244000001-20240101T001200" or ids.notna().iloc[-1]


# invariances ----------------------------------------------------------------------------------------

legs = st.lists(
    st.one_of(
        st.tuples(st.just("lie"), st.integers(5, 400), st.sampled_from([0.0, 0.3, 0.7])),
        st.tuples(st.just("sail"), st.integers(50, 8_000), st.sampled_from([0.4, 1.5, 6.0, 14.0])),
        st.tuples(st.just("silence"), st.integers(1, 5_000), st.just(0.0)),
    ),
    min_size=1,
    max_size=7,
)


def voyage_of(steps, mmsi=244000001, at=(52.0, 4.0), seed=0):
    voyage = Voyage(mmsi, at, seed)
    for what, amount, speed in steps:
        if what == "lie":
            voyage.lie(amount, sog=speed)
        elif what == "sail":
            voyage.sail(amount, speed, course=37.0 * len(voyage.rows) % 360)
        else:
            voyage.silence(amount)
    if not voyage.rows:
        voyage.report(0.0)
    return voyage


def joined(tables):
    some = [table for table in tables if len(table)]
    return schema.conform(pd.concat(some, ignore_index=True), "stops") if some else schema.empty("stops")


@settings(max_examples=40, deadline=None)
@given(legs, st.randoms(use_true_random=False))
def test_the_order_of_rows_does_not_matter(steps, random):
    pings = voyage_of(steps).pings()
    stops, ids = detect_stops(pings, CONFIG)
    check(pings, stops, ids)
    shuffled = list(range(len(pings)))
    random.shuffle(shuffled)
    again, same = detect_stops(pings.iloc[shuffled], CONFIG)
    pd.testing.assert_frame_equal(stops, again)
    pd.testing.assert_series_equal(ids.astype(str), same.sort_index().astype(str))


@settings(max_examples=30, deadline=None)
@given(legs, legs, legs)
def test_other_ships_and_buckets_do_not_matter(one, two, three):
    ships = [
        voyage_of(steps, mmsi, seed=mmsi).pings()
        for mmsi, steps in ((201000001, one), (244000002, two), (775000003, three))
    ]
    together, _ = detect_stops(pd.concat(ships, ignore_index=True), CONFIG)
    alone = [detect_stops(ship, CONFIG)[0] for ship in ships]
    pd.testing.assert_frame_equal(together, joined(alone))
    pair, _ = detect_stops(pd.concat([ships[2], ships[0]], ignore_index=True), CONFIG)
    pd.testing.assert_frame_equal(pair, joined([alone[0], alone[2]]))


@settings(max_examples=30, deadline=None)
@given(legs, st.sampled_from([(70.0, 25.0), (-55.0, -70.0), (0.0, 0.0), (-17.0, 179.999)]))
def test_the_same_stops_anywhere_on_earth(steps, place):
    here, _ = detect_stops(voyage_of(steps).pings(), CONFIG)
    there, _ = detect_stops(voyage_of(steps, at=place).pings(), CONFIG)
    assert there["stop_id"].tolist() == here["stop_id"].tolist()
    assert there["n_pings"].tolist() == here["n_pings"].tolist()
    for name in ("drift_radius_m", "drift_median_m", "drift_rms_m"):
        assert there[name].to_numpy() == pytest.approx(here[name].to_numpy(), rel=0.01, abs=0.1)
    moved = offset_deg(*place, 0.0, (here["lat"] - 52.0) * 111_195.0)[0]
    assert there["lat"].to_numpy() == pytest.approx(np.asarray(moved), abs=2e-4)
    assert (there["lon"].abs() <= 180.0).all()
    east = turn_deg(4.0, here["lon"]) * np.cos(np.radians(52.0))
    there_east = turn_deg(place[1], there["lon"]) * np.cos(np.radians(place[0]))
    assert there_east.to_numpy() == pytest.approx(east.to_numpy(), abs=2e-4)


# whole ports ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("reception", "f1"), [("terrestrial", 0.97), ("satellite", 0.85)])
def test_stops_of_merchant_ships_in_a_simulated_port(reception, f1):
    pings, statics, truth = simulate_port(days=4, rng=8, reception=reception, report_s=300)
    vessels = merge_statics(statics, HullsConfig()).set_index("mmsi")["type_group"]
    clean, _ = clean_pings(pings, CleanConfig())
    stops, ids = detect_stops(clean, CONFIG)
    check(clean, stops, ids)
    merchant = vessels.index[vessels.isin(COMMERCIAL)]
    found = stops[stops["mmsi"].isin(merchant)]
    found = found.assign(start_time=found["arrival_time"], end_time=found["departure_time"])
    real = truth.stops[truth.stops["mmsi"].isin(merchant) & (truth.stops["n_reports"] >= 2)]
    assert score_stops(found, real).found.f1 >= f1


def test_a_clock_decades_off_does_not_change_the_speeds_of_other_ships():
    n = 6_000
    minutes = np.arange(9) * 20.0
    pings = pd.DataFrame(
        {
            "mmsi": np.repeat(np.arange(1, n + 1), len(minutes)),
            "time": np.tile(START + pd.to_timedelta(minutes, unit="min"), n),
            "lat": np.tile(51.9 + np.array([0.0, *[0.05] * 7, 0.1]), n),
            "lon": 4.0,
        }
    )
    pings["time"] = pings["time"].astype("datetime64[us, UTC]")
    usual, _ = detect_stops(pings, CONFIG)
    pings.loc[0, "time"] = pd.Timestamp("1970-01-01", tz="UTC")
    odd, _ = detect_stops(pings, CONFIG)
    rest = [stops[stops["mmsi"] > 1].reset_index(drop=True) for stops in (usual, odd)]
    assert len(rest[0])
    pd.testing.assert_frame_equal(*rest)


@pytest.mark.real
def test_a_real_day_in_tampa(shared_data):
    table = pq.read_table(shared_data / "us_2020-01-01" / "tampa.parquet").to_pandas()
    pings = pd.DataFrame(
        {
            "mmsi": table["MMSI"],
            "time": pd.to_datetime(table["BaseDateTime"], utc=True),
            "lat": table["LAT"],
            "lon": table["LON"],
            "sog_kn": table["SOG"].where(table["SOG"] < 102.2),
            "heading_deg": table["Heading"].where(table["Heading"] < 360),
        }
    )
    clean, _ = clean_pings(pings, CleanConfig())
    stops, ids = detect_stops(clean, CONFIG)
    check(clean, stops, ids)
    assert 120 <= len(stops) <= 220
    whole_day = stops[stops["dwell_h"] > 23]
    assert len(whole_day) > 20
    assert whole_day["drift_median_m"].median() < 5
