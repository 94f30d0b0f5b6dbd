"""Indicators: tables of a few calls, and every figure worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ais_berths import schema
from ais_berths.config import IndicatorsConfig
from ais_berths.definitions import DEFINITIONS
from ais_berths.indicators import make_indicators

OPEN = IndicatorsConfig(min_vessels=1)
GROUPS = {1: "cargo", 2: "cargo", 3: "tanker", 4: "passenger", 5: "tug", 6: "cargo", 7: "cargo"}
VESSELS = schema.conform(
    pd.DataFrame({"mmsi": list(GROUPS), "type_group": list(GROUPS.values()), "loa_m": 100.0}), "vessels"
)
BERTHS = schema.conform(
    pd.DataFrame(
        {
            "berth_id": ["B1", "B2", "Q1", "M1"],
            "port_id": "P",
            "berth_kind": ["discrete", "buoy", "continuous", "discrete"],
            "use": ["commercial", "commercial", "commercial", "leisure"],
            "length_m": [200.0, 500.0, 800.0, 50.0],
            "loa_p50_m": 150.0,
        }
    ),
    "berths",
)


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def port_call(mmsi: int, arrival: str, departure: str, **more: Any) -> dict[str, Any]:
    start, end = utc(arrival), utc(departure)
    return {
        "port_call_id": f"P{mmsi}-{arrival}",
        "mmsi": mmsi,
        "port_id": "P",
        "arrival_time": start,
        "departure_time": end,
        "waiting_h": 0.0,
        "time_in_port_h": (end - start) / pd.Timedelta("1h"),
        "anchorage_only": False,
        "open_start": False,
        "open_end": False,
    } | more


def berth_call(mmsi: int, arrival: str, departure: str, **more: Any) -> dict[str, Any]:
    row = port_call(mmsi, arrival, departure)
    hours = row["time_in_port_h"]
    return (
        row
        | {"call_id": f"B{mmsi}-{arrival}", "berth_id": "B1", "time_at_berth_h": hours, "rafted": False}
        | more
    )


def heard(*times: str) -> pd.DataFrame:
    table = pd.DataFrame({"port_id": "P", "hour": [utc(text) for text in times], "n_pings": 5})
    return schema.conform(table, "hours")


def indicators(
    port_calls: list[dict[str, Any]],
    berth_calls: list[dict[str, Any]] | None = None,
    config: IndicatorsConfig = OPEN,
    **more: Any,
) -> pd.DataFrame:
    return make_indicators(
        schema.conform(pd.DataFrame(berth_calls or []), "berth_calls"),
        schema.conform(pd.DataFrame(port_calls), "port_calls"),
        more.pop("vessels", VESSELS),
        more.pop("berths", BERTHS),
        config,
        **more,
    )


def value(table: pd.DataFrame, indicator: str, **where: str) -> float:
    """Return the one figure of all groups and the month, or of what `where` says."""
    wanted = {"type_group": "all", "period": "month", "part": ""} | where
    rows = table[table["indicator"] == indicator]
    for name, text in wanted.items():
        rows = rows[rows[name] == text]
    assert len(rows) == 1, f"{len(rows)} rows of {indicator} {wanted}"
    return float(rows["value"].iloc[0])


# arrivals --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    """Indicators of four port calls of three ships that count, one of a tug and one to the anchorage."""
    return indicators(
        [
            port_call(1, "2024-03-04 06:00", "2024-03-05 06:00", waiting_h=6.0),
            port_call(1, "2024-03-20 07:30", "2024-03-20 17:30"),
            port_call(2, "2024-03-11 07:00", "2024-03-12 03:00", waiting_h=2.0),
            port_call(3, "2024-03-05 12:00", "2024-03-05 18:00"),
            port_call(5, "2024-03-05 12:00", "2024-03-05 18:00"),
            port_call(4, "2024-03-07 00:00", "2024-03-08 00:00", anchorage_only=True, waiting_h=np.nan),
        ]
    )


def test_port_calls_and_vessels(visits: pd.DataFrame) -> None:
    assert value(visits, "port_calls") == 4
    assert value(visits, "port_calls", type_group="cargo") == 3
    assert value(visits, "port_calls", type_group="passenger") == 0
    assert value(visits, "vessels") == 3
    assert value(visits, "port_calls", period="week", period_start="2024-03-04") == 2
    assert value(visits, "port_calls", period="day", period_start="2024-03-05") == 1
    assert value(visits, "port_calls", period="day", period_start="2024-03-06") == 0
    assert "tug" not in set(visits["type_group"])
    whole = visits[(visits["indicator"] == "port_calls") & (visits["period"] == "month")]
    vessels = {"all": 3, "cargo": 2, "passenger": 0, "tanker": 1}
    assert whole.set_index("type_group")["n_vessels"].to_dict() == vessels


def test_time_in_port(visits: pd.DataFrame) -> None:
    """24, 10, 20 and 6 hours."""
    assert value(visits, "time_in_port_h_mean") == pytest.approx(15.0)
    assert value(visits, "time_in_port_h_p25") == pytest.approx(9.0)
    assert value(visits, "time_in_port_h_p50") == pytest.approx(15.0)
    assert value(visits, "time_in_port_h_p75") == pytest.approx(21.0)
    assert value(visits, "time_in_port_h_mean", type_group="tanker") == pytest.approx(6.0)


def test_waiting(visits: pd.DataFrame) -> None:
    """Six and two hours; the other two went straight to the berth."""
    assert value(visits, "waiting_calls") == 2
    assert value(visits, "waiting_h_mean") == pytest.approx(4.0)
    assert value(visits, "waiting_h_p25") == pytest.approx(3.0)
    assert value(visits, "waiting_h_p50") == pytest.approx(4.0)
    assert value(visits, "waiting_h_p75") == pytest.approx(5.0)


def test_arrivals_by_hour_and_weekday(visits: pd.DataFrame) -> None:
    """At 06:00 and 07:00 on Mondays, 12:00 on a Tuesday, 07:30 on a Wednesday."""
    by_hour = {hour: value(visits, "arrivals_by_hour", part=f"{hour:02d}") for hour in range(24)}
    assert {hour: count for hour, count in by_hour.items() if count} == {6: 1, 7: 2, 12: 1}
    by_day = {day: value(visits, "arrivals_by_weekday", part=str(day)) for day in range(1, 8)}
    assert {day: count for day, count in by_day.items() if count} == {1: 2, 2: 1, 3: 1}


# berths ----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def stays() -> pd.DataFrame:
    """Ten days: B1 taken for 48 h by two ships that overlap, buoy B2 for 24 h, quay Q1 for 72 h."""
    return indicators(
        [port_call(4, "2024-03-01 00:00", "2024-03-11 00:00")],
        [
            berth_call(1, "2024-03-02 00:00", "2024-03-03 12:00"),
            berth_call(2, "2024-03-03 00:00", "2024-03-04 00:00", rafted=True),
            berth_call(3, "2024-03-05 00:00", "2024-03-06 00:00", berth_id="B2"),
            berth_call(6, "2024-03-05 00:00", "2024-03-08 00:00", berth_id="Q1"),
            berth_call(7, "2024-03-05 00:00", "2024-03-08 00:00", berth_id="M1"),
        ],
        IndicatorsConfig(min_vessels=1, periods=("month",)),
    )


def test_berth_calls_and_time_at_berth(stays: pd.DataFrame) -> None:
    """36, 24, 24 and 72 hours; the marina does not count."""
    assert value(stays, "berth_calls") == 4
    assert value(stays, "berth_vessels") == 4
    assert value(stays, "berth_calls", type_group="cargo") == 3
    assert value(stays, "time_at_berth_h_mean") == pytest.approx(39.0)
    assert value(stays, "time_at_berth_h_p25") == pytest.approx(24.0)
    assert value(stays, "time_at_berth_h_p50") == pytest.approx(30.0)
    assert value(stays, "time_at_berth_h_p75") == pytest.approx(45.0)
    assert value(stays, "berth_hours") == pytest.approx(36 + 24 + 24 + 72)


def test_berth_occupancy_counts_time_with_a_vessel_once(stays: pd.DataFrame) -> None:
    assert value(stays, "berth_occupancy") == pytest.approx((48 + 24) / (2 * 240), abs=1e-4)
    assert value(stays, "berth_occupancy", type_group="cargo") == pytest.approx(48 / (2 * 240), abs=1e-4)
    assert value(stays, "berth_occupancy", type_group="tanker") == pytest.approx(24 / (2 * 240), abs=1e-4)


def test_metre_hours_leave_out_buoys_and_rafted_vessels(stays: pd.DataFrame) -> None:
    assert value(stays, "metre_hours") == pytest.approx(100.0 * (36 + 72))
    assert value(stays, "quay_occupancy") == pytest.approx(100 * 108 / ((200 + 800) * 240), abs=1e-4)


def test_a_vessel_without_length_is_as_long_as_is_usual_at_her_berth() -> None:
    calls = [berth_call(1, "2024-03-02", "2024-03-03")]
    table = indicators(
        [port_call(1, "2024-03-01", "2024-03-11")], calls, vessels=VESSELS.assign(loa_m=np.nan)
    )
    assert value(table, "metre_hours") == pytest.approx(150.0 * 24)


def test_a_vessel_that_nothing_is_known_of_is_as_long_as_others_in_the_port() -> None:
    calls = [berth_call(mmsi, f"2024-03-0{mmsi}", f"2024-03-0{mmsi + 1}") for mmsi in (1, 2, 3)]
    span = [port_call(1, "2024-03-01", "2024-03-11")]
    lengths = {"vessels": VESSELS.assign(loa_m=[100.0, 200.0, *[np.nan] * 5])}
    bare = {"berths": BERTHS.assign(loa_p50_m=np.nan)}
    assert value(indicators(span, calls, **lengths, **bare), "metre_hours") == pytest.approx(450.0 * 24)
    table = indicators(span, calls, vessels=VESSELS.assign(loa_m=np.nan), **bare)
    assert not {"metre_hours", "quay_occupancy"} & set(table["indicator"])
    assert value(table, "berth_hours") == 72


def test_uses_of_berths_that_count() -> None:
    span, stay = (
        [port_call(4, "2024-03-01", "2024-03-11")],
        [berth_call(7, "2024-03-05", "2024-03-08", berth_id="M1")],
    )
    assert value(indicators(span, stay), "berth_calls") == 0
    every_use = IndicatorsConfig(min_vessels=1, uses=())
    assert value(indicators(span, stay, every_use), "berth_calls") == 1


# presence --------------------------------------------------------------------------------------------


def test_ships_present_by_hour_of_the_day() -> None:
    """Two days; one vessel all the time, one from 10:30 to noon on the first: a quarter of her at ten."""
    table = indicators(
        [
            port_call(4, "2024-03-01 00:00", "2024-03-03 00:00"),
            port_call(1, "2024-03-01 10:30", "2024-03-01 12:00"),
        ],
        hours=heard("2024-03-01 00:00", "2024-03-02 23:00"),
    )
    by_hour = {f"{hour:02d}": 1.0 for hour in range(24)} | {"10": 1.25, "11": 1.5}
    rows = table[(table["indicator"] == "ships_present_by_hour") & (table["type_group"] == "all")]
    assert rows.set_index("part")["value"].to_dict() == pytest.approx(by_hour)
    assert value(table, "ships_present") == pytest.approx(49.5 / 48)
    assert value(table, "ships_present", period="day", period_start="2024-03-02") == pytest.approx(1.0)


def test_stays_are_cut_at_the_ends_of_periods() -> None:
    table = indicators([port_call(1, "2024-03-30 12:00", "2024-04-02 00:00")])
    assert value(table, "ships_present", period_start="2024-03-01") == pytest.approx(1.0)
    assert value(table, "port_calls", period_start="2024-03-01") == 1
    assert value(table, "port_calls", period_start="2024-04-01") == 0


# time zones ------------------------------------------------------------------------------------------


def test_months_hours_and_weekdays_of_a_time_zone() -> None:
    """Half past eleven in the evening of Sunday 31 March (UTC) is Monday 1 April in Copenhagen."""
    calls = [port_call(1, "2024-03-31 23:30", "2024-04-02"), port_call(2, "2024-03-30 12:00", "2024-04-02")]
    assert value(indicators(calls), "port_calls", period_start="2024-03-01") == 2
    local = indicators(calls, config=IndicatorsConfig(min_vessels=1, timezone="Europe/Copenhagen"))
    assert value(local, "port_calls", period_start="2024-03-01") == 1
    assert value(local, "arrivals_by_hour", period_start="2024-04-01", part="01") == 1
    assert value(local, "arrivals_by_weekday", period_start="2024-04-01", part="1") == 1
    assert value(local, "port_calls", period="week", period_start="2024-04-01") == 1


@pytest.mark.parametrize(("day", "hours"), [("2024-03-31", 23), ("2024-10-27", 25)])
def test_shares_of_a_day_of_23_or_25_hours(day: str, hours: int) -> None:
    """A berth of two that is taken all day is half of them, however long the day was."""
    before, after = (str((utc(day) + pd.Timedelta(days=days)).date()) for days in (-2, 2))
    table = indicators(
        [port_call(1, before, after)],
        [berth_call(1, before, after)],
        IndicatorsConfig(min_vessels=1, timezone="Europe/Copenhagen"),
    )
    where = {"period": "day", "period_start": day}
    assert value(table, "berth_hours", **where) == pytest.approx(hours)
    assert value(table, "berth_occupancy", **where) == pytest.approx(0.5)
    assert value(table, "ships_present", **where) == pytest.approx(1.0)


# coverage, edges and settings ------------------------------------------------------------------------


def test_coverage_stands_beside_each_figure() -> None:
    hours = heard("2024-03-01 00:00", "2024-03-01 05:00", "2024-03-03 23:00")
    table = indicators([port_call(1, "2024-03-01 03:00", "2024-03-02")], hours=hours)
    known = table.set_index(["indicator", "period", "period_start", "type_group", "part"])["coverage"]
    assert known["port_calls", "day", "2024-03-01", "all", ""] == 2
    assert known["port_calls", "day", "2024-03-02", "all", ""] == 0
    assert known["time_in_port_h_p50", "month", "2024-03-01", "cargo", ""] == 3
    assert known["arrivals_by_hour", "month", "2024-03-01", "all", "03"] == 3


def test_a_ship_that_was_there_when_the_data_began_did_not_arrive() -> None:
    early = port_call(1, "2024-03-01 01:00", "2024-03-03 00:00", open_start=True)
    late = port_call(2, "2024-03-02 00:00", "2024-03-03 00:00", open_start=True)
    hours = heard(*(f"2024-03-01 {hour:02d}:00" for hour in range(24)), "2024-03-02 23:00")
    table = indicators([early, late], hours=hours)
    assert value(table, "port_calls") == 1
    assert value(table, "ships_present") == pytest.approx((47 + 24) / 48)
    assert "time_in_port_h_mean" not in set(table["indicator"])


def test_settings_choose_what_counts() -> None:
    calls = [
        port_call(1, "2024-03-01", "2024-03-02", anchorage_only=True),
        port_call(5, "2024-03-03", "2024-03-09"),
        port_call(2, "2024-03-03", "2024-03-04"),
    ]
    assert value(indicators(calls), "port_calls") == 1
    wide = {"min_vessels": 1, "anchorage_only": True, "groups": ("cargo", "tug")}
    assert value(indicators(calls, config=IndicatorsConfig(**wide)), "port_calls") == 3
    short = IndicatorsConfig(min_vessels=1, groups=("cargo", "tug"), max_stay_quantile=0.5)
    assert value(indicators(calls, config=short), "port_calls") == 1
    monthly = indicators(calls, config=IndicatorsConfig(min_vessels=1, periods=("month",)))
    assert set(monthly["period"]) == {"month"}


def test_the_longest_stays_are_those_of_the_port() -> None:
    own = [port_call(mmsi, "2024-03-01", f"2024-03-0{mmsi + 1}") for mmsi in (1, 2, 3)]
    longer = [port_call(mmsi, "2024-03-01", f"2024-03-2{mmsi}", port_id="Q") for mmsi in (1, 2, 3)]
    table = indicators([*own, *longer], config=IndicatorsConfig(min_vessels=1, max_stay_quantile=0.5))
    month = table[(table["period"] == "month") & (table["type_group"] == "all")]
    calls = month[month["indicator"] == "port_calls"].set_index("port_id")["value"]
    assert calls.to_dict() == {"P": 2, "Q": 2}


def test_nothing_gives_an_empty_table_and_a_chosen_port_its_zeros() -> None:
    nothing = [schema.empty("berth_calls"), schema.empty("port_calls"), VESSELS, BERTHS]
    empty = make_indicators(*nothing, IndicatorsConfig())
    assert empty.columns.tolist() == schema.INDICATORS.names
    hours = heard("2024-03-01 00:00", "2024-03-01 05:00")
    table = make_indicators(*nothing, IndicatorsConfig(), hours=hours, ports=["P"])
    for name in ("port_calls", "berth_hours", "ships_present"):
        row = table[(table["indicator"] == name) & (table["period"] == "day")]
        assert row["value"].tolist() == [0.0] * 4
        assert row["coverage"].tolist() == [2] * 4
    assert not table["suppressed"].any()


def test_few_vessels_are_suppressed_and_so_is_what_would_tell_them() -> None:
    """Four cargo ships, one tanker and three passenger ships: hiding the tanker alone would not do."""
    groups = {10 + i: "cargo" for i in range(4)} | {20: "tanker"} | {30 + i: "passenger" for i in range(3)}
    vessels = pd.DataFrame({"mmsi": list(groups), "type_group": list(groups.values())})
    calls = [port_call(mmsi, "2024-03-04 06:00", "2024-03-05 06:00") for mmsi in groups]
    table = indicators(
        calls, config=IndicatorsConfig(periods=("month",)), vessels=schema.conform(vessels, "vessels")
    )
    rows = table[table["indicator"] == "port_calls"].set_index("type_group")
    assert rows["suppressed"].to_dict() == {"all": False, "cargo": False, "passenger": True, "tanker": True}
    assert rows.loc["all", "value"] == 8
    hidden = table[table["suppressed"]]
    assert hidden[["value", "n_vessels"]].isna().all(axis=None)
    assert (table.loc[table["n_vessels"] > 0, "n_vessels"] >= 3).all()


def test_every_figure_is_defined_and_has_its_unit() -> None:
    table = indicators(
        [port_call(1, "2024-03-04 06:00", "2024-03-05 06:00", waiting_h=6.0)],
        [berth_call(1, "2024-03-04 12:00", "2024-03-05 06:00")],
    )
    names = table["indicator"].str.replace(r"_(mean|p\d\d)$", "", regex=True)
    assert set(names) == set(DEFINITIONS)
    assert table.loc[table["indicator"] == "waiting_h_p75", "unit"].unique().tolist() == ["h"]
    assert table["unit"].notna().all()


def test_berth_calls_alone_say_how_long_the_data_are() -> None:
    table = indicators([], [berth_call(1, "2024-03-01 06:00", "2024-03-02 06:00")])
    counted = table[(table["indicator"] == "berth_calls") & (table["period"] == "month")]
    assert counted["value"].max() == 1.0
