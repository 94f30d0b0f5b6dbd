"""Moored, anchored, at a buoy or adrift."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths import evidence, mooring, schema
from ais_berths.config import CleanConfig, HullsConfig, MooringConfig, StopsConfig
from ais_berths.errors import MissingColumnsError
from ais_berths.evaluate import score_stops
from ais_berths.geo import offset_deg
from ais_berths.mooring import classify_stops
from ais_berths.pings import clean_pings
from ais_berths.simulate import simulate_port
from ais_berths.stops import detect_stops
from ais_berths.vessels import merge_statics

CONFIG = MooringConfig()
START = pd.Timestamp("2024-01-01", tz="UTC").as_unit("us")
USUAL = {
    "mmsi": 1,
    "east": 0.0,
    "north": 0.0,
    "begin_h": 0.0,
    "dwell_h": 12.0,
    "drift_median_m": 3.0,
    "turn_median_deg": 0.5,
    "n_headings": 100,
    "n_times": 60,
    "n_pings": 100,
    "n_fine": 100,
    "speed_mean_kn": 0.05,
    "moored_share": 0.0,
    "anchored_share": 0.0,
    "swing_m": np.nan,
    "swing_share": np.nan,
}
AT_ANCHOR = {
    "drift_median_m": 60.0,
    "turn_median_deg": 25.0,
    "heading_spread_deg": 40.0,
    "swing_m": 160.0,
    "swing_share": 0.95,
}
AT_BUOY = AT_ANCHOR | {"swing_m": 240.0, "heading_spread_deg": 90.0, "dwell_h": 30.0}
NO_HEADING = {"turn_median_deg": np.nan, "n_headings": 0}


def stop_table(*rows):
    frame = pd.DataFrame([USUAL | row for row in rows])
    start = START + pd.to_timedelta(frame["begin_h"], unit="h")
    lat, lon = offset_deg(52.0, 4.0, 0.0, frame["north"], frame["east"])
    swing = frame["swing_m"].to_numpy()
    side = frame.get("pivot_east", pd.Series(0.0, index=frame.index)).fillna(0.0)
    pivot = offset_deg(lat, lon, 0.0, swing, side)
    extra = {
        "stop_id": [f"s{i:03d}" for i in range(len(frame))],
        "start_time": start,
        "end_time": start + pd.to_timedelta(frame["dwell_h"], unit="h"),
        "lat": lat,
        "lon": lon,
        "pivot_lat": pivot[0],
        "pivot_lon": pivot[1],
    }
    radius = frame.get("drift_radius_m", pd.Series(np.nan, index=frame.index)).fillna(
        2 * frame["drift_median_m"]
    )
    rms = radius / 1.5
    return schema.conform(frame.assign(drift_radius_m=radius, drift_rms_m=rms, **extra), "stops")


def ships(**groups):
    """Vessels by group: mmsi and length."""
    codes = {"cargo": 70, "tanker": 80, "tug": 52, "passenger": 60, "leisure": 37}
    rows = [
        {"mmsi": mmsi, "type_code": codes[group], "loa_m": loa, "beam_m": loa / 6, "n_reports": 1}
        for group, members in groups.items()
        for mmsi, loa in members
    ]
    return merge_statics(pd.DataFrame(rows), HullsConfig())


NOBODY = schema.empty("vessels")


def kinds(stops, vessels=NOBODY):
    return classify_stops(stops, vessels, CONFIG)["kind"].tolist()


# one stop -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "kind"),
    [
        ({}, "moored"),
        ({"nav_status": 0}, "moored"),
        ({"anchored_share": 1.0, "nav_status": 1}, "moored"),
        (NO_HEADING, "moored"),
        ({"drift_median_m": 6.0} | NO_HEADING, "moored"),
        (AT_ANCHOR, "anchored"),
        (AT_ANCHOR | {"moored_share": 1.0, "nav_status": 5}, "anchored"),
        (AT_ANCHOR | NO_HEADING, "anchored"),
        ({"drift_median_m": 18.0, "turn_median_deg": 9.0, "dwell_h": 1.5}, "anchored"),
        ({"drift_median_m": 900.0, "drift_radius_m": 2000.0, "turn_median_deg": 20.0}, "adrift"),
        ({"drift_median_m": 40.0, "turn_median_deg": 60.0, "dwell_h": 0.6, "speed_mean_kn": 0.5}, "adrift"),
    ],
    ids=[
        *("quiet", "quiet, says under way", "quiet, says at anchor", "no heading", "poor receiver"),
        *("swings", "swings, says moored", "swings, no heading", "short stay at anchor"),
        *("drifts away", "hovers"),
    ],
)
def test_a_cargo_ship_alone(row, kind):
    assert kinds(stop_table(row), ships(cargo=[(1, 140.0)])) == [kind]


def test_a_towboat_that_hovers_is_not_at_anchor():
    hovering = {
        "drift_median_m": 30.0,
        "turn_median_deg": 35.0,
        "dwell_h": 2.0,
        "swing_m": 25.0,
        "swing_share": 0.3,
    }
    assert kinds(stop_table(hovering), ships(tug=[(1, 25.0)])) == ["adrift"]
    assert kinds(stop_table(AT_ANCHOR | {"dwell_h": 20.0}), ships(tug=[(1, 25.0)])) == ["anchored"]


def test_a_ship_that_drags_her_anchor_is_not_adrift():
    dragging = AT_ANCHOR | {"drift_median_m": 300.0, "drift_radius_m": 740.0, "swing_m": 380.0}
    assert kinds(stop_table(dragging), ships(cargo=[(1, 180.0)])) == ["anchored"]


def test_nothing_known_but_a_place():
    row = {"n_times": 1, "n_pings": 1, "dwell_h": 0.0, "drift_median_m": 0.0} | NO_HEADING
    result = classify_stops(stop_table(row), NOBODY, CONFIG).iloc[0]
    assert result["kind_confidence"] < 0.7


def test_a_burst_of_reports_is_no_proof_of_lying_still():
    burst = {"n_times": 1, "n_pings": 8, "dwell_h": 0.03, "anchored_share": 1.0}
    long = {"n_times": 40, "n_pings": 80, "dwell_h": 7.0, "anchored_share": 1.0}
    result = classify_stops(stop_table(burst | {"north": 9e4}, long), NOBODY, CONFIG)
    assert result["kind_confidence"].iloc[0] < 0.75 < result["kind_confidence"].iloc[1]


# places ---------------------------------------------------------------------------------------------

QUAY = [{"mmsi": 100 + i, "east": 60.0 * i, "begin_h": 30.0 * i} for i in range(8)]
ROADS = [
    AT_ANCHOR | {"mmsi": 200 + i, "east": 400.0 * (i % 4), "north": 800.0 + 400.0 * (i // 4)}
    for i in range(8)
]
UNSURE = {"mmsi": 300, "dwell_h": 1.0, "n_times": 3, "n_pings": 3, "drift_median_m": 8.0} | NO_HEADING


def test_neighbours_decide_where_the_ship_herself_does_not():
    at_quay = stop_table(*QUAY, *ROADS, UNSURE | {"east": 90.0, "begin_h": 500.0})
    on_roads = stop_table(*QUAY, *ROADS, UNSURE | {"east": 500.0, "north": 1000.0, "begin_h": 500.0})
    assert kinds(at_quay)[-1] == "moored"
    assert kinds(on_roads)[-1] != "moored"


def test_an_anchorage_800_m_from_a_quay_stays_one():
    result = kinds(stop_table(*QUAY, *ROADS))
    assert result == ["moored"] * 8 + ["anchored"] * 8


def test_visits_to_the_very_same_place_speak_for_a_berth():
    shaky = {"drift_median_m": 9.0, "turn_median_deg": 6.0, "dwell_h": 4.0}
    once = stop_table(shaky | {"mmsi": 400})
    often = stop_table(
        *(shaky | {"mmsi": 400 + i, "begin_h": 10.0 * i, "east": 2.0 * (i % 3)} for i in range(6))
    )
    assert classify_stops(often, NOBODY, CONFIG)["kind"].eq("moored").all()
    assert classify_stops(often, NOBODY, CONFIG)["kind_reason"].str.contains("same place").all()
    assert not classify_stops(once, NOBODY, CONFIG)["kind_reason"].str.contains("same place").any()


def test_one_stay_in_two_pieces_is_not_two_visits():
    rows = [{"dwell_h": 4.0}, {"dwell_h": 4.0, "begin_h": 9.0}]
    stops = stop_table(*rows)
    silent = stops.assign(after_time=[stops["start_time"].iloc[1], pd.NaT])
    left = stops.assign(after_time=[stops["end_time"].iloc[0] + pd.Timedelta("5min"), pd.NaT])
    for table, twice in ((silent, False), (left, True)):
        reasons = classify_stops(schema.conform(table, "stops"), NOBODY, CONFIG)["kind_reason"]
        assert reasons.str.contains("same place").all() == twice


def test_a_tug_seen_once_beside_a_ship_does_not_lie_there():
    once = {
        "mmsi": 7,
        "n_times": 1,
        "n_pings": 1,
        "dwell_h": 0.0,
        "drift_median_m": 0.0,
        "begin_h": 5.0,
        "east": 95.0,
    }
    vessels = ships(tug=[(7, 28.0)], cargo=[(100 + i, 140.0) for i in range(8)])
    assert kinds(stop_table(*QUAY, once | NO_HEADING), vessels) == ["moored"] * 8 + ["adrift"]


# buoys ----------------------------------------------------------------------------------------------

TANKERS = ships(tanker=[(1, 250.0), (2, 250.0), (3, 250.0)])


def test_tankers_that_swing_about_one_point():
    rows = [AT_BUOY | {"mmsi": m, "begin_h": 50.0 * m, "east": 3.0 * m} for m in (1, 2, 3)]
    result = classify_stops(stop_table(*rows), TANKERS, CONFIG)
    assert result["kind"].tolist() == ["buoy"] * 3
    assert result["kind_reason"].str.contains("same pivot").all()


def test_tankers_that_swing_about_their_own_anchors():
    rows = [
        AT_BUOY | {"mmsi": m, "begin_h": 50.0 * m, "east": 400.0 * m, "swing_m": 330.0} for m in (1, 2, 3)
    ]
    assert kinds(stop_table(*rows), TANKERS) == ["anchored"] * 3


def test_other_ships_do_not_lie_at_tanker_buoys():
    rows = [AT_BUOY | {"mmsi": m, "begin_h": 50.0 * m} for m in (1, 2, 3)]
    assert "buoy" not in kinds(stop_table(*rows), ships(cargo=[(1, 250.0), (2, 250.0), (3, 250.0)]))


def test_boats_of_which_nothing_is_known_lie_at_no_tanker_buoy():
    rows = [AT_BUOY | {"mmsi": m, "begin_h": 50.0 * m} for m in (1, 2, 3)]
    assert "buoy" not in kinds(stop_table(*rows), schema.empty("vessels"))
    large = TANKERS.assign(type_group="unknown")
    assert kinds(stop_table(*rows), large) == ["buoy"] * 3


def test_a_ship_of_which_nothing_is_known_lies_at_the_buoy_of_tankers():
    rows = [AT_BUOY | {"mmsi": m, "begin_h": 50.0 * m, "east": 3.0 * m} for m in (1, 2, 3)]
    tankers = TANKERS[TANKERS["mmsi"] < 3]
    assert kinds(stop_table(*rows), tankers) == ["buoy"] * 3
    elsewhere = rows[2] | {"east": 300.0}
    assert kinds(stop_table(*rows[:2], elsewhere), tankers) == ["buoy", "buoy", "anchored"]
    boat = rows[2] | {"swing_m": 60.0}
    assert kinds(stop_table(*rows[:2], boat), tankers)[2] == "anchored"


def test_rounded_positions_that_do_not_scatter_make_no_buoy():
    still = AT_BUOY | {"drift_median_m": 0.0, "heading_spread_deg": np.nan, "swing_m": 0.0, "dwell_h": 0.0}
    rows = [still | {"mmsi": m, "begin_h": 50.0 * m} for m in (1, 2, 3)]
    assert "buoy" not in kinds(stop_table(*rows), TANKERS)


def test_one_tanker_on_a_short_hawser_that_says_she_is_moored():
    hawser = AT_BUOY | {"moored_share": 1.0}
    assert kinds(stop_table(hawser), TANKERS) == ["buoy"]
    assert kinds(stop_table(AT_BUOY | {"anchored_share": 1.0}), TANKERS) == ["anchored"]
    assert kinds(stop_table(hawser | {"swing_m": 340.0}), TANKERS) == ["anchored"]


def test_one_large_tanker_on_a_short_hawser_far_from_others():
    assert kinds(stop_table(AT_BUOY), TANKERS) == ["buoy"]
    # The chain of a small tanker is as short as a hawser.
    small = AT_BUOY | {"swing_m": 105.0 + 40.0}
    assert kinds(stop_table(small), ships(tanker=[(1, 130.0)])) == ["anchored"]


def test_the_hawser_of_a_tanker_that_sends_where_her_antenna_is():
    """With the bridge forward, 45 m of hawser are 145 m from the antenna to the buoy."""
    forward = AT_BUOY | {"swing_m": 145.0, "moored_share": 1.0}
    assert kinds(stop_table(forward), TANKERS.assign(to_bow_m=np.nan)) == ["anchored"]
    assert kinds(stop_table(forward), TANKERS.assign(to_bow_m=100.0)) == ["buoy"]
    assert kinds(stop_table(forward), TANKERS.assign(to_bow_m=25.0)) == ["anchored"]


def test_a_tanker_that_hardly_swings_at_a_known_buoy():
    rows = [AT_BUOY | {"mmsi": m, "begin_h": 50.0 * m, "moored_share": 1.0} for m in (1, 2)]
    still = AT_ANCHOR | {"mmsi": 3, "begin_h": 200.0, "swing_m": np.nan, "swing_share": np.nan}
    result = classify_stops(stop_table(*rows, still), TANKERS, CONFIG)
    assert result["kind"].tolist() == ["buoy"] * 3
    assert result["pivot_lat"].iloc[2] in result["pivot_lat"].tolist()[:2]
    assert "known buoy" in result["kind_reason"].iloc[2]
    assert kinds(stop_table(*rows, still | {"north": -400.0}), TANKERS) == ["buoy", "buoy", "anchored"]


def test_one_stay_at_anchor_in_two_pieces_makes_no_buoy():
    rows = [AT_BUOY | {"anchored_share": 1.0}, AT_BUOY | {"anchored_share": 1.0, "begin_h": 40.0}]
    stops = stop_table(*rows)
    stops = schema.conform(stops.assign(after_time=[stops["start_time"].iloc[1], pd.NaT]), "stops")
    assert kinds(stops, TANKERS) == ["anchored"] * 2


# form -----------------------------------------------------------------------------------------------


def test_reasons_and_confidence_are_given():
    result = classify_stops(stop_table({}, AT_ANCHOR | {"north": 5000.0}), NOBODY, CONFIG)
    assert result["kind_reason"].tolist()[0].startswith("drifts 3 m (moored); turns 0 deg (moored)")
    assert "swings about a point 160 m ahead (anchored)" in result["kind_reason"].tolist()[1]
    assert result["kind_confidence"].between(0.5, 1.0).all()


def test_stops_are_not_changed_in_place():
    stops = stop_table({}, AT_ANCHOR)
    before = stops.copy()
    classify_stops(stops, NOBODY, CONFIG)
    pd.testing.assert_frame_equal(stops, before)


def test_the_order_of_stops_does_not_matter():
    stops = stop_table(*QUAY, *ROADS, UNSURE)
    one = classify_stops(stops, NOBODY, CONFIG).set_index("stop_id")
    two = classify_stops(stops.iloc[::-1], NOBODY, CONFIG).set_index("stop_id").loc[one.index]
    assert one["kind"].tolist() == two["kind"].tolist()
    assert one["kind_confidence"].tolist() == two["kind_confidence"].tolist()


def test_how_many_neighbours_are_looked_at_together_does_not_matter(monkeypatch):
    stops = stop_table(*QUAY, *ROADS, UNSURE, *(AT_BUOY | {"begin_h": 40.0 * i, "mmsi": i} for i in range(5)))
    whole = classify_stops(stops, NOBODY, CONFIG)
    for pairs in (1, 7, 50):
        monkeypatch.setattr(evidence, "_PAIRS_AT_ONCE", pairs)
        pd.testing.assert_frame_equal(classify_stops(stops, NOBODY, CONFIG), whole)


@settings(max_examples=30)
@given(st.lists(st.tuples(*[st.integers(-20, 20)] * 3), max_size=30), st.integers(1, 30), st.integers(1, 40))
def test_every_point_is_given_with_every_other_one_near_it(points, within, pairs_at_once):
    xyz = np.array(points, dtype=np.float64).reshape(-1, 3)
    metres = np.linalg.norm(xyz[:, None] - xyz[None, :], axis=-1)
    np.fill_diagonal(metres, np.inf)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(evidence, "_PAIRS_AT_ONCE", pairs_at_once)
        found = list(evidence.near_pairs(xyz, within))
    pairs = sorted((int(i), int(j)) for some in found for i, j in zip(*some[:2], strict=True))
    assert pairs == [tuple(pair) for pair in np.argwhere(metres <= within).tolist()]
    assert evidence.count_near(xyz, within).tolist() == (metres <= within).sum(axis=1).tolist()


@settings(max_examples=30)
@given(st.lists(st.tuples(*[st.integers(-400, 400)] * 3), max_size=40), st.integers(0, 9))
def test_sums_over_places_are_nearly_those_over_points(points, decimals):
    xyz = np.array(points, dtype=np.float64).reshape(-1, 3)
    values = np.sin(np.arange(len(xyz))).round(decimals)
    metres = np.linalg.norm(xyz[:, None] - xyz[None, :], axis=-1)
    weights = np.where(metres <= 600.0, np.exp(-metres / 200.0), 0.0)
    np.fill_diagonal(weights, 0.0)
    found = evidence.sum_near(xyz, 600.0, values, lambda metres: np.exp(-metres / 200.0))
    # A grain is 9 m: each place may be off by half of its diagonal, and some lie just beyond the rim.
    doubt = 0.09 * (weights @ np.abs(values)) + 0.06 * (np.abs(metres - 600.0) < 20.0) @ np.abs(values)
    assert (np.abs(found - weights @ values) <= doubt + 1e-6).all()


def test_a_place_with_many_visits_is_judged_without_looking_at_each(monkeypatch):
    """Ships alongside one after the other, two boats that lie there together, and a ship that is unsure."""
    visits = [{"mmsi": i, "begin_h": 20.0 * i, "east": float(i % 5)} for i in range(80)]
    together = [{"mmsi": 900 + i, "begin_h": 3.0, "dwell_h": 1500.0, "east": 8.0} for i in range(2)]
    stops = stop_table(*visits, *together, *ROADS, UNSURE)
    found = []
    for most in (10**6, 50, 3):
        monkeypatch.setattr(mooring, "_MANY_VISITS", most)
        found.append(classify_stops(stops, NOBODY, CONFIG))
    for other in found[1:]:
        assert other["kind"].tolist() == found[0]["kind"].tolist()
        assert other["kind_confidence"].to_numpy() == pytest.approx(found[0]["kind_confidence"], abs=0.02)


def test_no_stops():
    assert classify_stops(schema.empty("stops"), NOBODY, CONFIG).empty


def test_a_missing_column_is_named():
    with pytest.raises(MissingColumnsError, match="drift_radius_m"):
        classify_stops(stop_table({}).drop(columns="drift_radius_m"), NOBODY, CONFIG)


@pytest.mark.parametrize(("reception", "least"), [("terrestrial", 0.95), ("satellite", 0.9)])
def test_kinds_in_a_simulated_port(reception, least):
    pings, statics, truth = simulate_port(days=10, rng=4, reception=reception, report_s=300)
    clean, _ = clean_pings(pings, CleanConfig())
    stops, _ = detect_stops(clean, StopsConfig())
    found = classify_stops(stops, merge_statics(statics, HullsConfig()), CONFIG)
    assert score_stops(found, truth.stops).kind_balanced_accuracy >= least
