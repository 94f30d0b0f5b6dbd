"""Days, weeks and months of time zones, and the hours in which a port was heard."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import schema
from ais_berths.errors import ConfigError
from ais_berths.periods import Calendar, Heard, count_hours, cut_spans

HOUR_US = 3_600_000_000


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


def micros(*texts: str) -> np.ndarray:
    return schema.to_micros(pd.Series([utc(text) for text in texts]))


@pytest.mark.parametrize(
    ("zone", "day", "length"),
    [
        ("UTC", "2024-03-31", 24),
        ("Europe/Copenhagen", "2024-03-31", 23),
        ("Europe/Copenhagen", "2024-10-27", 25),
        ("America/New_York", "2024-11-03", 25),
        ("Asia/Kolkata", "2024-03-31", 24),
        ("Asia/Beirut", "2024-03-31", 23),  # the clock jumps at midnight
        ("America/Havana", "2024-11-03", 25),  # midnight comes twice
    ],
)
def test_days_are_as_long_as_they_were(zone: str, day: str, length: int) -> None:
    calendar = Calendar.of(utc(day) - pd.Timedelta("3D"), utc(day) + pd.Timedelta("3D"), zone)
    hours = np.diff(calendar.edges) / HOUR_US
    assert hours[calendar.dates.tolist().index(day)] == length
    assert (np.delete(hours, calendar.dates.tolist().index(day)) == 24).all()
    assert (np.diff(calendar.hour_edges) == HOUR_US).all()


def test_the_hour_that_comes_twice_and_the_one_that_never_comes() -> None:
    forward = Calendar.of(utc("2024-03-30T23:00"), utc("2024-03-31T22:00"), "Europe/Copenhagen")
    assert forward.hour_of_day.tolist() == [0, 1, *range(3, 24)]
    back = Calendar.of(utc("2024-10-26T22:00"), utc("2024-10-27T23:00"), "Europe/Copenhagen")
    assert back.hour_of_day.tolist() == [0, 1, 2, 2, *range(3, 24)]
    times = micros("2024-10-27T00:30", "2024-10-27T01:30", "2024-10-27T02:30")
    assert back.hour_at(times).tolist() == [2, 2, 3]
    assert back.day_of(times).tolist() == [0, 0, 0]


def test_clocks_that_go_forward_and_back_by_half_an_hour() -> None:
    zone, half = "Australia/Lord_Howe", HOUR_US // 2
    forward = Calendar.of(utc("2024-10-05T13:30"), utc("2024-10-06T13:00"), zone)
    assert forward.hour_of_day.tolist() == list(range(24))
    assert np.diff(forward.hour_edges).tolist() == [HOUR_US] * 2 + [half] + [HOUR_US] * 21
    back = Calendar.of(utc("2024-04-06T13:00"), utc("2024-04-07T13:30"), zone)
    assert back.hour_of_day.tolist() == list(range(24))
    assert np.diff(back.hour_edges).tolist() == [HOUR_US, HOUR_US + half] + [HOUR_US] * 22
    assert back.hour_at(micros("2024-04-06T15:20", "2024-04-06T15:30", "2024-04-07T13:29")).tolist() == [
        1,
        2,
        23,
    ]


def test_a_day_that_a_country_left_out_has_no_hours() -> None:
    """Samoa moved across the date line at the end of 29 December 2011."""
    calendar = Calendar.of(utc("2011-12-28"), utc("2012-01-02"), "Pacific/Apia")
    hours = dict(zip(calendar.dates, np.diff(calendar.edges) / HOUR_US, strict=True))
    assert (hours["2011-12-29"], hours["2011-12-30"], hours["2011-12-31"]) == (24.0, 0.0, 24.0)
    day = calendar.day_of(micros("2011-12-30 09:59", "2011-12-30 10:00"))
    assert calendar.dates[day].tolist() == ["2011-12-29", "2011-12-31"]


def test_weeks_begin_on_monday_as_in_iso_8601() -> None:
    calendar = Calendar.of(utc("2023-12-28"), utc("2024-01-09"))
    expected = ["2023-12-25"] * 4 + ["2024-01-01"] * 7 + ["2024-01-08"]
    assert calendar.starts["week"].tolist() == expected
    assert calendar.weekday.tolist() == [4, 5, 6, 7, 1, 2, 3, 4, 5, 6, 7, 1]
    days = pd.DatetimeIndex(calendar.dates)
    weeks = pd.DatetimeIndex(calendar.starts["week"]).isocalendar()
    assert (days.isocalendar()[["year", "week"]].to_numpy() == weeks[["year", "week"]].to_numpy()).all()


def test_a_stretch_is_what_of_a_week_lies_in_one_month() -> None:
    calendar = Calendar.of(utc("2024-04-28"), utc("2024-05-07"))
    at = dict(zip(calendar.dates, calendar.starts["stretch"], strict=True))
    assert at["2024-04-28"] == "2024-04-22"
    assert at["2024-04-30"] == "2024-04-29"
    assert at["2024-05-01"] == at["2024-05-05"] == "2024-05-01"
    assert at["2024-05-06"] == "2024-05-06"


def test_months_begin_at_local_midnight() -> None:
    calendar = Calendar.of(utc("2024-03-31T12:00"), utc("2024-04-02"), "Europe/Copenhagen")
    day = calendar.day_of(micros("2024-03-31T21:59:59", "2024-03-31T22:00"))
    assert calendar.starts["month"][day].tolist() == ["2024-03-01", "2024-04-01"]


def test_outside_the_span_there_is_no_day_and_nothing_is_observed() -> None:
    calendar = Calendar.of(utc("2024-03-01T06:00"), utc("2024-03-02T18:00"))
    times = micros("2024-03-01T05:59", "2024-03-01T06:00", "2024-03-02T17:59", "2024-03-02T18:00")
    assert calendar.day_of(times).tolist() == [-1, 0, 1, -1]
    assert calendar.observed_h().tolist() == [18.0, 18.0]
    assert calendar.observed_h(calendar.hour_edges).sum() == 36.0


@pytest.mark.parametrize("zone", ["Mars/Olympus", "", "../UTC"])
def test_an_unknown_time_zone_is_named(zone: str) -> None:
    with pytest.raises(ConfigError, match="expected a name such as UTC"):
        Calendar.of(utc("2024-01-01"), utc("2024-01-02"), zone)


@given(
    st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 3000)), min_size=1, max_size=20),
    st.sampled_from(["UTC", "Europe/Copenhagen", "Asia/Kathmandu", "America/St_Johns"]),
)
def test_cut_spans_lose_no_time(spans: list[tuple[int, int]], zone: str) -> None:
    calendar = Calendar.of(utc("2024-03-28"), utc("2024-04-04"), zone)
    start = calendar.first + np.array([a for a, _ in spans]) * 60_000_000
    end = start + np.array([b for _, b in spans]) * 60_000_000
    for edges in (calendar.edges, calendar.hour_edges):
        row, slot, hours = cut_spans(start, end, edges)
        whole = np.bincount(row, weights=hours, minlength=len(spans))
        inside = np.clip(end, edges[0], edges[-1]) - np.clip(start, edges[0], edges[-1])
        assert whole == pytest.approx(inside / HOUR_US)
        assert (hours > 0).all()
        assert (np.diff(slot)[np.diff(row) == 0] == 1).all()


def test_hours_count_reports_of_the_port_only_and_parts_add_up() -> None:
    cells = schema.conform(
        pd.DataFrame({"cell": [10, 20, 30], "port_id": ["P", "Q", "P"], "in_margin": [False, False, True]}),
        "cells",
    )
    times = [utc(f"2024-03-01 {text}") for text in ("00:10", "00:50", "01:00", "02:30", "02:31", "02:32")]
    pings = pd.DataFrame({"time": times, "cell": [10, 10, 10, 20, 30, 99]})
    whole = count_hours(pings, cells)
    assert whole[["port_id", "n_pings"]].values.tolist() == [["P", 2], ["P", 1], ["Q", 1]]
    assert whole["hour"].tolist() == [utc(f"2024-03-01 {hour:02d}:00") for hour in (0, 1, 2)]
    parts = [count_hours(pings.iloc[at], cells) for at in ([0, 3], [1, 2, 5], [])]
    heard = Heard.of(lambda: parts)
    pd.testing.assert_frame_equal(heard.table(heard.ports), whole)
    assert Heard.of(list).table([]).empty


@given(st.lists(st.tuples(st.sampled_from("PQR"), st.integers(0, 9), st.integers(1, 5)), max_size=30))
def test_hours_of_some_ports_are_those_of_all_without_the_others(rows: list[tuple[str, int, int]]) -> None:
    """Added up by the hour from tables of one row each."""
    parts = pd.DataFrame(rows, columns=["port_id", "hour", "n_pings"])
    parts["hour"] = utc("2024-03-01") + pd.to_timedelta(parts["hour"] * 1000, unit="h")
    heard = Heard.of(lambda: [schema.conform(parts[n : n + 1], "hours") for n in range(len(parts))])
    whole = parts.groupby(["port_id", "hour"])["n_pings"].sum().reset_index()
    for ports in (["P", "Q", "R"], ["R"], ["Q", "nowhere"], []):
        expected = schema.conform(whole[whole["port_id"].isin(ports)].reset_index(drop=True), "hours")
        pd.testing.assert_frame_equal(heard.table(ports), expected)
