"""Ships that follow each other in a berth."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import schema
from ais_berths.calls import make_calls
from ais_berths.config import CallsConfig
from ais_berths.turnovers import settle_turnovers, within_data

BERTHS = pd.DataFrame({"berth_id": ["B", "Q"], "berth_kind": ["discrete", "continuous"]})


def stops(rows):
    """Stops from (ship, arrival, first heard, last heard, departure, berth, rafted), minutes."""
    names = ["mmsi", "arrival_time", "start_time", "end_time", "departure_time", "berth_id", "rafted"]
    frame = pd.DataFrame(rows, columns=names)
    for name in names[1:5]:
        frame[name] = pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(frame[name], unit="min")
    frame = frame.assign(
        stop_id=[f"{row.mmsi}-{number:03d}" for number, row in enumerate(frame.itertuples())],
        before_time=frame["arrival_time"] - pd.Timedelta("2min"),
        after_time=frame["departure_time"] + pd.Timedelta("2min"),
        port_id="P",
        kind="moored",
        lat=51.9,
        lon=4.1,
        n_pings=9,
    )
    return schema.conform(frame, "stops")


def minutes(times):
    return ((times - pd.Timestamp("2024-01-01", tz="UTC")) / pd.Timedelta("1min")).tolist()


@pytest.mark.parametrize(
    ("last_heard", "first_heard", "meeting"), [(80, 130, 100.0), (105, 130, 105.0), (80, 96, 96.0)]
)
def test_a_ship_leaves_before_the_next_one_comes(last_heard, first_heard, meeting):
    table = stops([(1, 0, 5, last_heard, 110, "B", False), (2, 90, first_heard, 300, 300, "B", False)])
    settled = settle_turnovers(table, BERTHS)
    assert minutes(settled["departure_time"]) == [meeting, 300.0]
    assert minutes(settled["arrival_time"]) == [0.0, meeting]


@pytest.mark.parametrize(
    ("ship", "berth", "rafted", "first_heard"),
    [
        (1, "B", False, 120),
        (2, "Q", False, 120),
        (2, "B", True, 120),
        (2, "B", False, 95),
        (2, None, False, 120),
    ],
)
def test_others_keep_their_times(ship, berth, rafted, first_heard):
    table = stops([(1, 0, 5, 100, 110, berth, False), (ship, 90, first_heard, 300, 300, berth, rafted)])
    pd.testing.assert_frame_equal(settle_turnovers(table, BERTHS), table)


def test_a_stay_within_that_of_another_ship_keeps_its_times():
    for came, went in ((90, 110), (0, 0)):
        table = stops([(2, 0, 120, 300, 300, "B", False), (1, came, came, came, went, "B", False)])
        pd.testing.assert_frame_equal(settle_turnovers(table, BERTHS), table)


def test_stays_end_where_the_data_do():
    table = stops([(1, -30, 5, 280, 290, "B", False), (2, 10, 20, 300, 360, "Q", False)])
    table.loc[1, "arrival_time"] = pd.NaT
    begin, end = table["start_time"].min(), table["end_time"].max()
    cut = within_data(table, begin, end)
    assert minutes(cut["arrival_time"].dropna()) == [5.0]
    assert minutes(cut["departure_time"]) == [290.0, 300.0]
    pd.testing.assert_frame_equal(within_data(cut, begin, end), cut)


def test_no_stops_are_no_stops():
    assert settle_turnovers(schema.empty("stops"), BERTHS).empty


@given(st.data())
def test_two_ships_never_overlap_in_a_berth_in_turn_where_reports_allow_it(data):
    """Whatever was estimated: times stay in their bounds, and calls of unrafted ships follow each other."""
    n = data.draw(st.integers(1, 8))
    whole = st.integers(0, 400)
    rows = []
    for k in range(n):
        heard = sorted(data.draw(st.tuples(whole, whole)))
        before, after = data.draw(st.tuples(st.integers(0, 90), st.integers(0, 90)))
        berth, rafted = data.draw(st.sampled_from(["B", "Q"])), data.draw(st.booleans())
        rows.append((k, heard[0] - before, *heard, heard[1] + after, berth, rafted))
    table = stops(rows)
    settled = settle_turnovers(table, BERTHS)
    assert settled["arrival_time"].between(table["arrival_time"], table["start_time"]).all()
    assert settled["departure_time"].between(table["end_time"], table["departure_time"]).all()
    calls = make_calls(settled, CallsConfig(creep_s=0.0)).berth_calls
    calls = calls[(calls["berth_id"] == "B") & ~calls["rafted"]]
    came, went, latest, earliest = (
        schema.to_micros(calls[name])
        for name in ("arrival_time", "departure_time", "arrival_latest", "departure_earliest")
    )
    overlap = (came[None, :] < went[:, None]) & (came[:, None] < went[None, :])
    allowed = earliest[:, None] <= latest[None, :]
    in_turn = (came[:, None] < came[None, :]) & (went[:, None] < went[None, :])
    assert not (overlap & allowed & in_turn).any()
    # Twice changes nothing more, and neither does the order.
    pd.testing.assert_frame_equal(settle_turnovers(settled, BERTHS), settled)
    pd.testing.assert_frame_equal(settle_turnovers(table[::-1], BERTHS)[::-1], settled)
