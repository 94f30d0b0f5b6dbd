"""Stops to berth calls and port calls: tables of a few rows, and what must hold for any table."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths import geo, schema
from ais_berths.calls import make_calls
from ais_berths.config import CallsConfig
from ais_berths.detours import measure_detours
from ais_berths.errors import MissingColumnsError

CONFIG = CallsConfig()
CREEP = pd.Timedelta(seconds=CONFIG.creep_s)
DAY = pd.Timestamp("2024-03-01", tz="UTC")
M_PER_DEG = geo.EARTH_RADIUS_M * np.pi / 180.0


def hours(value: float) -> pd.Timestamp:
    return DAY + pd.Timedelta(seconds=round(value * 3600))


def stop(start: float, end: float, **more: Any) -> dict[str, Any]:
    """Build a moored stop at berth B1 in port P, from and to hours of the day, heard every 6 minutes."""
    row = {
        "mmsi": 1,
        "port_id": "P",
        "start_time": hours(start),
        "end_time": hours(end),
        "arrival_time": hours(start - 0.05),
        "departure_time": hours(end + 0.05),
        "before_time": hours(start - 0.1),
        "after_time": hours(end + 0.1),
        "n_pings": 50,
        "max_gap_h": 0.1,
        "lat": 51.9,
        "lon": 4.1,
        "kind": "moored",
        "berth_id": "B1",
        "open_start": False,
        "open_end": False,
        "rafted": False,
    } | more
    return {"stop_id": f"{row['mmsi']}-{row['start_time']:%Y%m%dT%H%M%S}"} | row


def anchored(start: float, end: float, **more: Any) -> dict[str, Any]:
    there = {"kind": "anchored", "berth_id": None, "lat": 51.95}
    return stop(start, end, **(there | {"arrival_time": hours(start), "departure_time": hours(end)} | more))


def table(*rows: dict[str, Any]) -> pd.DataFrame:
    return schema.conform(pd.DataFrame(list(rows)), "stops")


# berth calls -----------------------------------------------------------------------------------------


def test_one_stop_is_one_call() -> None:
    calls = make_calls(table(stop(2.0, 12.0)), CONFIG)
    row = calls.berth_calls.iloc[0]
    assert len(calls.berth_calls) == len(calls.port_calls) == 1
    assert (row["call_id"], row["port_call_id"]) == ("B1-20240301T020000", "P1-20240301T020000")
    assert (row["arrival_earliest"], row["arrival_latest"]) == (hours(1.9), hours(2.0) + CREEP)
    assert (row["departure_earliest"], row["departure_latest"]) == (hours(12.0) - CREEP, hours(12.1))
    assert (row["arrival_time"], row["departure_time"]) == (hours(1.95), hours(12.05))
    assert row["time_at_berth_h"] == pytest.approx(10.1)
    assert row["evidence"] == 4
    assert calls.stops[["call_id", "port_call_id"]].iloc[0].tolist() == [row["call_id"], row["port_call_id"]]


def test_a_short_absence_does_not_end_a_call() -> None:
    assert len(make_calls(table(stop(0, 5), stop(5.5, 9)), CONFIG).berth_calls) == 1
    assert len(make_calls(table(stop(0, 5), stop(5.6, 9)), CONFIG).berth_calls) == 2


def test_berths_of_a_port_call_are_those_of_its_berth_calls() -> None:
    """The parts of one stay may lie at two berths; the call is at one of them."""
    calls = make_calls(table(stop(0, 5), stop(5.2, 6, berth_id="B2")), CONFIG)
    assert calls.berth_calls["berth_id"].tolist() == ["B1"]
    assert calls.port_calls["n_berths"].tolist() == [1]


def test_a_silence_in_one_place_does_not_end_a_call() -> None:
    first, second = stop(0, 5, after_time=hours(30)), stop(30, 40, before_time=hours(5))
    calls = make_calls(table(first, second), CONFIG)
    assert calls.berth_calls["n_stops"].tolist() == [2]
    assert calls.berth_calls["n_pings"].tolist() == [100]
    seen_between = make_calls(table(first | {"after_time": hours(6)}, second), CONFIG)
    assert len(seen_between.berth_calls) == 2
    elsewhere = make_calls(table(first, second | {"lat": 51.902}), CONFIG)
    assert len(elsewhere.berth_calls) == 2
    too_long = make_calls(table(first, second), CallsConfig(max_silence_h=20))
    assert len(too_long.berth_calls) == 2


def test_a_shift_is_two_berth_calls_and_one_port_call() -> None:
    calls = make_calls(table(stop(0, 5), stop(6, 9, berth_id="B2", lat=51.91)), CONFIG)
    assert calls.berth_calls["berth_id"].tolist() == ["B1", "B2"]
    assert calls.port_calls["n_berths"].tolist() == [2]
    assert len(set(calls.berth_calls["port_call_id"])) == 1


def test_pieces_of_a_stay_that_fell_to_two_berths_are_one_call_at_the_longer() -> None:
    calls = make_calls(table(stop(0, 5), stop(5.2, 20, berth_id="B2")), CONFIG)
    assert calls.berth_calls["berth_id"].tolist() == ["B2"]
    assert len(set(calls.stops["call_id"])) == 1


def test_a_stop_elsewhere_parts_two_calls_at_a_berth() -> None:
    rows = table(stop(0, 5), anchored(5.1, 5.2), stop(5.3, 9))
    calls = make_calls(rows, CONFIG)
    assert len(calls.berth_calls) == 2
    assert len(calls.port_calls) == 1


def test_two_ships_on_one_number_keep_their_calls_apart() -> None:
    second = stop(3, 8, berth_id="B2", lat=51.93)
    second["stop_id"] += "-1"
    rows = table(stop(0, 5), second, stop(5.3, 12))
    calls = make_calls(rows, CONFIG)
    assert calls.berth_calls["n_stops"].tolist() == [2, 1]
    assert len(calls.port_calls) == 2


def test_rafted_when_any_stop_was() -> None:
    calls = make_calls(table(stop(0, 5, rafted=True), stop(5.2, 9)), CONFIG)
    assert calls.berth_calls["rafted"].tolist() == [True]


@pytest.mark.parametrize(
    ("more", "evidence"),
    [
        ({}, 4),
        ({"open_start": True, "before_time": pd.NaT}, 3),
        ({"after_time": hours(30)}, 3),
        ({"before_time": hours(-10), "after_time": hours(30)}, 2),
        ({"max_gap_h": 9.0}, 3),
        ({"max_gap_h": 9.0, "before_time": pd.NaT, "after_time": pd.NaT}, 1),
    ],
)
def test_evidence_counts_what_was_seen(more: dict[str, Any], evidence: int) -> None:
    calls = make_calls(table(stop(0, 10, **more)), CONFIG)
    assert calls.berth_calls["evidence"].tolist() == [evidence]
    assert calls.port_calls["evidence"].tolist() == [evidence]


def test_times_are_those_of_the_first_and_the_last_stop() -> None:
    rows = table(
        stop(0, 10, before_time=hours(-5), arrival_time=hours(-3)),
        stop(10.2, 20, after_time=pd.NaT, departure_time=pd.NaT, open_end=True),
    )
    row = make_calls(rows, CONFIG).berth_calls.iloc[0]
    assert (row["arrival_time"], row["departure_time"]) == (hours(-3), hours(20))
    assert (row["arrival_earliest"], row["arrival_latest"]) == (hours(-5), hours(0) + CREEP)
    assert pd.isna(row["departure_latest"])
    assert (row["open_start"], row["open_end"]) == (False, True)


def test_bounds_of_a_short_stay_do_not_cross() -> None:
    row = make_calls(table(stop(0, 0.1)), CONFIG).berth_calls.iloc[0]
    assert row["arrival_latest"] == row["departure_earliest"] == hours(0.05)


# port calls ------------------------------------------------------------------------------------------


def test_waiting_is_the_time_at_anchor_before_the_first_berth() -> None:
    rows = table(anchored(0, 6), anchored(7, 9), stop(10, 20), anchored(21, 25), stop(26, 30, berth_id="B2"))
    calls = make_calls(rows, CONFIG)
    assert calls.berth_calls["waiting_h"].tolist() == [8.0, 0.0]
    port_call = calls.port_calls.iloc[0]
    assert (port_call["waiting_h"], port_call["n_stops"], port_call["n_berths"]) == (8.0, 5, 2)
    assert port_call["time_in_port_h"] == pytest.approx(30.05)
    assert not port_call["anchorage_only"]


def test_a_ship_that_only_anchors_makes_a_marked_port_call() -> None:
    calls = make_calls(table(anchored(0, 6)), CONFIG)
    assert calls.berth_calls.empty
    assert calls.port_calls["anchorage_only"].tolist() == [True]
    assert calls.port_calls["waiting_h"].isna().all()
    assert calls.stops["port_call_id"].notna().all()
    assert calls.stops["call_id"].isna().all()


def test_away_longer_than_a_day_is_a_new_port_call() -> None:
    assert len(make_calls(table(stop(0, 5), stop(29, 40)), CONFIG).port_calls) == 1
    assert len(make_calls(table(stop(0, 5), stop(29.1, 40)), CONFIG).port_calls) == 2
    assert len(make_calls(table(stop(0, 5), stop(9, 40)), CallsConfig(max_away_h=3)).port_calls) == 2


def test_a_stop_in_another_port_ends_a_port_call() -> None:
    rows = table(stop(0, 5), stop(8, 9, port_id="Q", berth_id=None, lat=52.1), stop(12, 14))
    calls = make_calls(rows, CONFIG)
    assert calls.port_calls["port_id"].tolist() == ["P", "P", "Q"]
    chosen = make_calls(rows, CONFIG, only=["P"])
    assert chosen.port_calls["port_id"].tolist() == ["P", "P"]
    assert chosen.stops["port_call_id"].isna().tolist() == [False, True, False]


def test_a_ship_that_was_seen_to_leave_makes_a_new_port_call() -> None:
    rows = table(stop(0, 5), stop(9, 12))
    detours = pd.DataFrame({"stop_id": rows["stop_id"][:1], "detour_m": 10_500.0})
    assert len(make_calls(rows, CONFIG, detours=detours).port_calls) == 2
    assert len(make_calls(rows, CONFIG, detours=detours.assign(detour_m=9_500.0)).port_calls) == 1


def test_a_stop_adrift_far_out_is_a_way_out_of_port_too() -> None:
    """A ship that drifts 40 km off and comes back has left, though she made no other stop."""
    adrift = stop(6, 7, kind="adrift", berth_id=None, lat=51.9 + 40_000 / M_PER_DEG)
    rows = table(stop(0, 5), adrift, stop(9, 12))
    calls = make_calls(rows, CONFIG)
    assert len(calls.port_calls) == 2
    assert calls.stops["port_call_id"].isna().tolist() == [False, True, False]
    near = rows.assign(lat=[51.9, 51.93, 51.9])
    assert len(make_calls(near, CONFIG).port_calls) == 1


def test_a_roadstead_serves_the_port_of_the_next_berth() -> None:
    waiting = anchored(0, 6, port_id="Q", lat=52.0)
    calls = make_calls(table(waiting, stop(9, 12)), CONFIG)
    assert calls.port_calls[["port_id", "waiting_h"]].values.tolist() == [["P", 6.0]]
    far = make_calls(table(waiting | {"lat": 52.6}, stop(9, 12)), CONFIG)
    assert far.port_calls["port_id"].tolist() == ["P", "Q"]
    late = make_calls(table(waiting, stop(31, 40)), CONFIG)
    assert late.port_calls["port_id"].tolist() == ["P", "Q"]


def test_stops_that_do_not_count_make_no_call() -> None:
    rows = table(stop(0, 1, kind="adrift", berth_id=None), stop(3, 4, mmsi=2, port_id=None, berth_id=None))
    calls = make_calls(rows, CONFIG)
    assert calls.port_calls.empty
    assert calls.berth_calls.empty
    few = make_calls(table(stop(0, 5, n_pings=9)), CallsConfig(min_pings=10))
    assert few.port_calls.empty
    brief = make_calls(table(stop(0, 4), stop(0, 6, mmsi=2)), CallsConfig(min_stay_h=5))
    assert brief.port_calls["mmsi"].tolist() == [2]
    assert brief.berth_calls["mmsi"].tolist() == [2]
    assert brief.stops["call_id"].isna().tolist() == [True, False]


def test_no_stops_give_empty_tables_with_all_columns() -> None:
    calls = make_calls(schema.empty("stops"), CONFIG)
    assert calls.berth_calls.columns.tolist() == schema.BERTH_CALLS.names
    assert calls.port_calls.columns.tolist() == schema.PORT_CALLS.names
    assert len(calls.stops) == 0


def test_a_missing_column_is_named() -> None:
    with pytest.raises(MissingColumnsError, match="lacks berth_id"):
        make_calls(table(stop(0, 1)).drop(columns="berth_id"), CONFIG)


# metres along the quay -------------------------------------------------------------------------------


@pytest.mark.parametrize("lat0", [0.0, 51.9, -55.0, 70.0])
def test_metres_along_a_continuous_quay(lat0: float) -> None:
    """A quay of 800 m due east from the antimeridian on; a ship of 100 m with its middle at 250 m."""
    east = M_PER_DEG * np.cos(np.radians(lat0))
    line = shapely.LineString([(179.999, lat0), (179.999 + 800 / east, lat0)])
    quays = pd.DataFrame({"quay_id": ["Q1"], "line_wkt": [shapely.to_wkt(line, rounding_precision=-1)]})
    berths = pd.DataFrame({"berth_id": ["B1", "B2"], "berth_kind": ["continuous", "discrete"]})
    rows = table(stop(0, 9, quay_id="Q1"), stop(0, 9, mmsi=2, quay_id="Q1", berth_id="B2"))
    lon = [float(geo.turn_deg(0.0, 179.999 + at / east)) for at in (250, 600)]
    hulls = schema.conform(
        pd.DataFrame(
            {
                "stop_id": rows["stop_id"],
                "lat": lat0,
                "lon": lon,
                "heading_deg": 270.0,
                "length_m": 100.0,
                "width_m": 20.0,
            }
        ),
        "hulls",
    )
    calls = make_calls(rows, CONFIG, berths=berths, quays=quays, hulls=hulls).berth_calls
    assert calls["from_m"].tolist() == pytest.approx([200.0, np.nan], abs=1.5, nan_ok=True)
    assert calls["to_m"].tolist() == pytest.approx([300.0, np.nan], abs=1.5, nan_ok=True)
    beyond = make_calls(
        rows, CONFIG, berths=berths, quays=quays, hulls=hulls.assign(lon=179.999 - 30 / east)
    ).berth_calls
    assert beyond["from_m"].iloc[0] == pytest.approx(-80.0, abs=1.5)


# detours ---------------------------------------------------------------------------------------------


def test_detours_from_pings() -> None:
    """Out 20 km to the north and back: 20 km; on the line to a berth 10 km east: nothing."""
    north, east = 20_000 / M_PER_DEG, 10_000 / M_PER_DEG
    stops = table(stop(0, 1, lat=0.0, lon=0.0), stop(4, 5, lat=0.0, lon=0.0), stop(8, 9, lat=0.0, lon=east))
    a, b, c = stops["stop_id"]
    pings = pd.DataFrame(
        {
            "mmsi": 1,
            "time": [hours(t) for t in (0, 1, 2, 3, 4, 5, 6, 8, 10)],
            "lat": [0, 0, north, 0, 0, 0, 0, 0, 1],
            "lon": [0, 0, 0, 0, 0, 0, east / 2, east, east],
            "stop_id": [a, a, None, None, b, b, None, c, None],
        }
    )
    detours = measure_detours(pings.sample(frac=1, random_state=1), stops)
    assert detours["stop_id"].tolist() == [a, b]
    assert detours["detour_m"].tolist() == pytest.approx([20_000, 0], abs=1)
    assert measure_detours(pings.assign(stop_id=None), stops).empty
    other = measure_detours(pings.assign(track=[0, 0, 1, 1, 0, 0, 0, 0, 0]), stops)
    assert other["stop_id"].tolist() == [b]


# what holds for any table ----------------------------------------------------------------------------

PLACES = [("B1", 0.0), ("B2", 0.003), ("B3", 0.01), (None, 0.0), (None, 0.05)]


@st.composite
def many_stops(draw: st.DrawFn) -> pd.DataFrame:
    rows = []
    for mmsi in range(1, draw(st.integers(1, 4)) + 1):
        clock = draw(st.floats(0, 30))
        seen = None
        for _ in range(draw(st.integers(1, 8))):
            clock += draw(st.sampled_from([0.2, 0.4, 1.0, 6.0, 23.0, 30.0]))
            length = draw(st.sampled_from([0.5, 3.0, 40.0]))
            berth, offset = draw(st.sampled_from(PLACES))
            kind = draw(st.sampled_from(["moored", "anchored", "adrift", "buoy"]))
            row = stop(
                clock,
                clock + length,
                mmsi=mmsi,
                kind=kind,
                berth_id=berth if kind in ("moored", "buoy") else None,
                port_id=draw(st.sampled_from(["P", "P", "P", "Q", None])),
                lat=51.9 + offset,
                max_gap_h=draw(st.sampled_from([0.1, 0.5])) * length,
            )
            silent = seen is not None and draw(st.booleans())
            if rows and rows[-1]["mmsi"] == mmsi:
                rows[-1]["after_time"] = row["start_time"] if silent else hours(seen + 0.05)
            row["before_time"] = (
                pd.NaT if seen is None else hours(seen) if silent else hours(max(seen + 0.05, clock - 0.1))
            )
            row["open_start"] = seen is None
            rows.append(row)
            clock += length
            seen = clock
    return table(*rows)


@settings(deadline=None, max_examples=40)
@given(many_stops(), st.randoms(use_true_random=False))
def test_calls_of_any_table(stops: pd.DataFrame, random: Any) -> None:
    calls = make_calls(stops, CONFIG)
    check_consistent(calls.berth_calls, calls.port_calls, calls.stops)
    order = list(range(len(stops)))
    random.shuffle(order)
    shuffled = make_calls(stops.iloc[order].reset_index(drop=True), CONFIG)
    pd.testing.assert_frame_equal(shuffled.berth_calls, calls.berth_calls)
    pd.testing.assert_frame_equal(shuffled.port_calls, calls.port_calls)
    back = shuffled.stops.sort_values("stop_id", ignore_index=True)
    pd.testing.assert_frame_equal(back, calls.stops.sort_values("stop_id", ignore_index=True))
    parts = [make_calls(part.reset_index(drop=True), CONFIG) for _, part in stops.groupby("mmsi")]
    for name, key in (("berth_calls", "call_id"), ("port_calls", "port_call_id")):
        joined = pd.concat([getattr(part, name) for part in parts], ignore_index=True)
        pd.testing.assert_frame_equal(
            joined.sort_values(key, ignore_index=True),
            getattr(calls, name).sort_values(key, ignore_index=True),
        )


def check_consistent(berth_calls: pd.DataFrame, port_calls: pd.DataFrame, stops: pd.DataFrame) -> None:
    for frame in (berth_calls, port_calls):
        arrival, departure = frame["arrival_time"], frame["departure_time"]
        assert (frame["arrival_earliest"].fillna(arrival) <= arrival).all()
        assert (arrival <= frame["arrival_latest"]).all()
        assert (frame["arrival_latest"] <= frame["departure_earliest"]).all()
        assert (frame["departure_earliest"] <= departure).all()
        assert (departure <= frame["departure_latest"].fillna(departure)).all()
        assert frame["evidence"].between(1, 4).all()
        ordered = frame.sort_values(["mmsi", "arrival_time"])
        later = ordered.groupby("mmsi")["arrival_time"].shift(-1)
        assert (ordered["departure_time"] <= later.fillna(ordered["departure_time"])).all()
    assert berth_calls["call_id"].is_unique
    assert port_calls["port_call_id"].is_unique
    assert set(berth_calls["port_call_id"]) <= set(port_calls["port_call_id"])
    ports = berth_calls.merge(port_calls, on="port_call_id", suffixes=("", "_port"))
    assert (ports["port_id"] == ports["port_id_port"]).all()
    assert (ports["arrival_time"] >= ports["arrival_time_port"]).all()
    assert (ports["departure_time"] <= ports["departure_time_port"]).all()
    waited = berth_calls.groupby("port_call_id")["waiting_h"].sum()
    whole = port_calls.set_index("port_call_id")["waiting_h"].reindex(waited.index)
    assert waited.tolist() == pytest.approx(whole.tolist())
    # Every count can be followed back.
    assert stops["call_id"].dropna().value_counts().to_dict() == dict(
        zip(berth_calls["call_id"], berth_calls["n_stops"], strict=True)
    )
    assert stops["port_call_id"].dropna().value_counts().to_dict() == dict(
        zip(port_calls["port_call_id"], port_calls["n_stops"], strict=True)
    )
    at_berth = stops["berth_id"].notna() & stops["port_id"].notna()
    assert stops.loc[at_berth, "call_id"].notna().all()


@settings(deadline=None, max_examples=30)
@given(many_stops(), st.floats(0, 40), st.floats(0, 40))
def test_a_longer_absence_never_makes_more_calls(stops: pd.DataFrame, a: float, b: float) -> None:
    short, long = sorted((a, b))
    counts = [
        len(make_calls(stops, CallsConfig(max_away_h=away, max_absence_h=away / 10)).port_calls)
        for away in (short, long)
    ]
    anchored_rows = (stops["kind"] == "anchored").any()
    assert anchored_rows or counts[0] >= counts[1]


def test_geometry_columns_do_not_disturb() -> None:
    berths = gpd.GeoDataFrame(
        {"berth_id": ["B1"], "berth_kind": ["discrete"]}, geometry=[shapely.Point(4.1, 51.9)], crs=4326
    )
    quays = berths.rename(columns={"berth_id": "quay_id"}).assign(line_wkt="LINESTRING (4 51, 4.1 51)")
    calls = make_calls(table(stop(0, 5)), CONFIG, berths=berths, quays=quays, hulls=schema.empty("hulls"))
    assert calls.berth_calls["from_m"].isna().all()
