"""The report: figures from small tables, hostile text, the public profile and the four forms."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths import schema
from ais_berths.cli import main
from ais_berths.errors import ConfigError, InputError, PortError
from ais_berths.pipeline import Job, detect
from ais_berths.report import (
    Period,
    ReportSettings,
    parse_period,
    read_tables,
    report,
    summarise,
)
from ais_berths.report.charts import arrivals_chart, ships_chart
from ais_berths.report.html import render_html
from ais_berths.report.measures import Profile, occupied_hours
from ais_berths.report.series import hours_heard, ships_over_time
from ais_berths.report.text import render_text
from ais_berths.report.tidy import tidy_figures
from ais_berths.report.visits import PortVisits, beyond, outside, port_visits, whole_period

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ais_berths.report import Tables

ROTTERDAM = "31140"
SCRIPT = "</script><script>window.hacked=1</script>"
IMAGE = "<img src=x onerror=window.hacked=1>"
STOPS_OF_ONE = [(200000001, "moored", "B1", "01T06:00", "01T12:00", False, False)]


def at(text: str) -> pd.Timestamp:
    return pd.Timestamp(f"2024-03-{text}", tz="UTC")


def figures(port: dict[str, Any]) -> dict[str, Any]:
    return {row["key"]: row["value"] for row in port["figures"]}


# figures ------------------------------------------------------------------------------------------


def test_key_figures(summary: dict[str, Any]) -> None:
    (port,) = summary["ports"]
    found = figures(port)
    assert summary["period"] == {"start": "2024-03-01T00:00Z", "end": "2024-03-05T00:00Z", "hours": 96.0}
    assert found["vessels"] == 5  # the tug lay at a service berth, which does not count
    assert found["berth_visits"] == 5
    assert found["arrivals"] == 4  # one ship was there when the data began
    assert found["time_at_berth_p50"] == 12.0  # whole stays of 12, 12 and 10 hours
    assert found["waiting_p50"] == 12.0
    assert found["berths_used"] == 2
    # B1: 12 h, 18 h of two ships one after the other that overlap, 10 h; B2: 66 h.
    assert found["occupancy"] == pytest.approx((12 + 18 + 10 + 66) / (2 * 96), abs=1e-4)
    assert found["ships_at_berth"] == pytest.approx((12 + 12 + 12 + 10 + 66) / 96, abs=1e-4)


def test_rows_of_berths_and_uses(summary: dict[str, Any]) -> None:
    (port,) = summary["ports"]
    assert [row["berth_id"] for row in port["berths"]] == ["B2", "B1"]
    assert [row["occupied_h"] for row in port["berths"]] == [66.0, 40.0]
    assert {row["use"]: (row["visits"], row["counted"]) for row in port["by_use"]} == {
        "commercial": (5, True),
        "service": (1, False),
    }
    assert port["anchorages"][0]["stays"] == 3


def test_arrivals_add_up(summary: dict[str, Any]) -> None:
    arrivals = summary["ports"][0]["arrivals"]
    assert arrivals["step"] == "day"
    assert arrivals["start"][0] == "2024-03-01T00:00Z"
    assert arrivals["total"] == [2, 1, 1, 0]
    assert [sum(counts) for counts in zip(*arrivals["cross"].values(), strict=True)] == arrivals["total"]
    assert arrivals["by_group"] == {"cargo": 2, "tanker": 2}


def test_calls_are_used_where_there_are_any(out: Path) -> None:
    tables = read_tables(out)
    calls = pd.DataFrame(
        {
            "call_id": ["C1", "C2"],
            "port_call_id": ["P1", "P2"],
            "mmsi": [200000002, 200000005],
            "berth_id": ["B1", "B2"],
            "port_id": ROTTERDAM,
            "arrival_time": [at("01T17:30"), at("01T05:30")],
            "departure_time": [at("02T06:30"), at("04T00:00")],
            "open_end": [False, True],
        }
    )
    ports = pd.DataFrame(
        {
            "port_call_id": ["P1", "P2", "P3"],
            "mmsi": [200000002, 200000005, 200000006],
            "port_id": ROTTERDAM,
            "arrival_time": [at("01T06:00"), at("01T05:30"), at("02T06:00")],
            "departure_time": [at("02T06:30"), at("04T00:00"), at("02T08:00")],
            "waiting_h": [10.0, 0.0, 0.0],
        }
    )
    own = tables.of_port(ROTTERDAM)._replace(
        berth_calls=schema.conform(calls, "berth_calls"), port_calls=schema.conform(ports, "port_calls")
    )
    (port,) = summarise(replace(tables, of_port=lambda _port_id: own))["ports"]
    found = figures(port)
    assert port["basis"] == "calls"
    assert (found["port_calls"], found["berth_visits"], found["arrivals"]) == (2, 2, 2)
    assert found["waiting_p50"] == 10.0  # of the one that waited
    assert port["waiting"]["all"]["n"] == 1
    assert "calls" in port["notes"][1]


def test_indicators_are_those_of_the_port(sample_out: Path) -> None:
    indicators = read_tables(sample_out).indicators
    assert indicators is not None
    every = pd.read_parquet(sample_out / "indicators.parquet")
    port = every["port_id"].iloc[0]
    assert len(indicators(port)) == (every["port_id"] == port).sum()
    assert indicators("nowhere").empty


def test_indicators_carry_their_meaning(out: Path) -> None:
    tables = read_tables(out)
    names = ["port_calls", "waiting_h_p50"]
    rows = pd.DataFrame({"indicator": names, "value": [7.0, 2.5], "unit": ["", "h"], "period": "month"})
    rows = rows.assign(port_id=ROTTERDAM, period_start="2024-03-01", type_group="all", part="")
    indicators = schema.conform(rows, "indicators")
    changed = {**vars(tables), "indicators": lambda _port_id: indicators}
    summary = summarise(type(tables)(**changed))
    found = summary["ports"][0]["indicators"]["meanings"]
    assert found["port_calls"].startswith("arrivals in the port of vessels that moored there")
    assert found["waiting_h_p50"].startswith("median of: time at anchor before the first berth")
    page = render_html(summary)
    for text in found.values():
        assert f'<td class="meaning">{text}' in page


@pytest.mark.parametrize(("made_with", "shown"), [(1, False), (2, False), (3, True), (5, True)])
def test_public_reports_show_protected_indicators_only(out: Path, made_with: int, shown: bool) -> None:
    tables = read_tables(out)
    row = {"port_id": [ROTTERDAM], "indicator": "port_calls", "period": "month", "part": "", "value": 7.0}
    row |= {"period_start": "2024-03-01", "type_group": "all"}
    run = {**tables.run, "calls": {"indicators": {"min_vessels": made_with}}}
    indicators = schema.conform(pd.DataFrame(row), "indicators")
    changed = {**vars(tables), "indicators": lambda _port_id: indicators, "run": run}
    (port,) = summarise(type(tables)(**changed), public=True)["ports"]
    assert (port["indicators"] is not None) == shown
    assert any("table of indicators is left out" in note for note in port["notes"]) != shown
    (port,) = summarise(type(tables)(**changed))["ports"]
    assert port["indicators"] is not None


def test_the_run_record_says_how_the_calls_were_made(out: Path) -> None:
    tables = read_tables(out)
    calls = {"preset": "adb", "calls": {"max_away_h": 24.0}, "indicators": {"timezone": "Asia/Manila"}}
    job = {**tables.run["job"], "feed": "auto", "config": {"calls": {"max_away_h": 1.0}}}
    days = ["2024-03-02", "2024-03-03"]
    run = {**tables.run, "job": job, "feed": "noaa", "calls": calls, "missing_days": days}
    summary = summarise(type(tables)(**{**vars(tables), "run": run}))
    shown = summary["run"]
    assert (shown["feed"], shown["feed_recognised"], shown["preset"]) == ("noaa", True, "adb")
    assert shown["settings"] == {"calls": calls["calls"], "indicators": calls["indicators"]}
    page = render_html(summary)
    for text in ("noaa, recognised by its columns", "adb", "2 days: 2024-03-02, 2024-03-03"):
        assert f"<dd>{text}</dd>" in page
    assert "Calls are counted by the definition of adb." in " ".join(render_text(summary).split())


def test_periods_side_by_side(out: Path) -> None:
    edges = [at("01T00:00"), at("02T00:00"), at("03T12:00"), at("05T00:00")]
    periods = [Period(*pair) for pair in pairwise(edges)]
    (port,) = summarise(read_tables(out), compare=periods)["ports"]
    rows = {row["key"]: row for row in port["comparison"]}
    for key in ("berth_visits", "arrivals"):
        assert sum(rows[key]["values"]) == figures(port)[key]
    hours = [period.hours for period in periods]
    ships = np.dot(rows["ships_at_berth"]["values"], hours) / sum(hours)
    assert ships == pytest.approx(figures(port)["ships_at_berth"], abs=1e-3)
    assert rows["berth_visits"]["values"] == [3, 2, 0]
    assert rows["berth_visits"]["change"] == -1.0


def test_a_period_in_which_nothing_was_heard_has_no_figures(out: Path) -> None:
    tables = read_tables(out)
    silent, heard = Period(at("01T00:00"), at("02T00:00")), Period(at("02T00:00"), at("05T00:00"))
    hours = pd.DataFrame({"hour": [at("02T05:00"), at("03T05:00")], "n_pings": [3, 1]})
    tables = replace(tables, of_port=lambda port_id: read_tables(out).of_port(port_id)._replace(hours=hours))
    (port,) = summarise(tables, compare=[silent, heard])["ports"]
    rows = {row["key"]: row["values"] for row in port["comparison"]}
    assert rows["hours_heard"] == [0, 2]
    assert rows["berth_visits"] == [None, 2]


@pytest.fixture
def patchy(out: Path) -> Tables:
    """The same port, where a day and some hours are missing in the data."""
    hours = pd.date_range(at("01T00:00"), at("05T00:00"), freq="h", inclusive="left", unit="us")
    missing = (hours.day == 2) | ((hours.day == 3) & (hours.hour >= 18))
    table = pd.DataFrame({"hour": hours, "n_pings": np.where(missing, 0, 5)}).drop(index=[30])
    return replace(
        read_tables(out), of_port=lambda port_id: read_tables(out).of_port(port_id)._replace(hours=table)
    )


def test_days_with_missing_hours_are_marked(patchy: Tables) -> None:
    summary = summarise(patchy)
    (port,) = summary["ports"]
    assert port["heard"]["hours"] == [24, 24, 24, 24]
    assert port["heard"]["heard_h"] == [24, 0, 18, 24]
    assert any("No ship was heard near the port in 30 hours" in note for note in port["notes"])
    lines = [line for line in render_text(summary).splitlines() if line.startswith("  2024-03-0")]
    assert ["ships heard" in line for line in lines] == [False, True, True, False]
    assert "(ships heard in 18 of 24 h)" in lines[2]
    table = tidy_figures(summary)
    assert table.loc[table["figure"] == "hours_heard", "value"].tolist() == [24, 0, 18, 24, 66]
    page = render_html(summary)
    assert page.count("0 of 24") == 2
    assert page.count("66 of 96<") == 1
    assert page.count("66 of 96 clock hours") == 1
    assert "Days with hours in which no ship was heard" in page


def test_hours_heard_are_set_against_clock_hours(patchy: Tables) -> None:
    job = {"start": "2024-03-01T05:20:00Z", "end": "2024-03-02T07:40:00Z"}
    summary = summarise(replace(patchy, run={**patchy.run, "job": job}))
    (port,) = summary["ports"]
    assert (port["coverage_h"], port["clock_h"]) == (19, 27)
    assert sum(port["heard"]["hours"]) == 27
    assert "26 hours; ships were heard in 19 of 27 clock hours" in render_text(summary)
    assert "received in 19 of 27 clock hours" in render_html(summary)


def test_charts_are_grey_where_hours_are_missing(patchy: Tables) -> None:
    (port,) = summarise(patchy)["ports"]
    for chart in (arrivals_chart(port["arrivals"], port["heard"]), ships_chart(port["ships"], port["heard"])):
        (strips,) = [part.data_source.data for part in chart.renderers if part.data_source.name == "unheard"]
        assert [pd.Timestamp(left, unit="ms").day for left in strips["left"]] == [2, 3]
        assert [pd.Timestamp(right, unit="ms").day for right in strips["right"]] == [3, 4]
        assert strips["alpha"][0] > strips["alpha"][1] > 0


def test_whole_days_are_not_marked(patchy: Tables, out: Path) -> None:
    hours = pd.DataFrame({"hour": pd.date_range(at("01T00:00"), at("05T00:00"), freq="h"), "n_pings": 1})
    own = patchy.of_port(ROTTERDAM)._replace(hours=hours)
    for tables in (replace(patchy, of_port=lambda _: own), read_tables(out)):
        summary = summarise(tables)
        assert "ships heard in" not in render_text(summary)
        assert "no ship was heard" not in render_html(summary)


def test_public_reports_do_not_give_single_hours(patchy: Tables) -> None:
    profile = Profile(public=True, min_vessels=3)
    hours = patchy.of_port(ROTTERDAM).hours
    assert hours_heard(hours, Period(at("01T00:00"), at("04T00:00")), profile) is None
    assert hours_heard(hours, Period(at("01T00:00"), at("05T00:00")), profile) is not None


@given(st.integers(0, 5000), st.integers(1, 5000), st.integers(0, 2**32 - 1))
def test_hours_heard_are_part_of_the_hours(begin_min: int, length_h: int, seed: int) -> None:
    start = at("01T00:00") + pd.Timedelta(minutes=begin_min)
    period = Period(start, start + pd.Timedelta(hours=length_h))
    every = pd.date_range(start.floor("h"), period.end, freq="h", inclusive="left")
    heard = np.random.default_rng(seed).random(len(every)) < 0.7
    found = hours_heard(
        pd.DataFrame({"hour": every, "n_pings": heard.astype(int)}),
        period,
        Profile(public=False, min_vessels=3),
    )
    assert found is not None
    assert sum(found["hours"]) == len(every)
    assert sum(found["heard_h"]) == heard.sum()
    assert all(0 <= some <= all_h for some, all_h in zip(found["heard_h"], found["hours"], strict=True))


def test_shares_of_a_period_that_begins_before_the_data_are_of_the_time_with_data(out: Path) -> None:
    tables = read_tables(out)
    (port,) = summarise(tables)["ports"]
    data, far = whole_period(tables), pd.Timedelta("30D")
    periods = [Period(data.start - far, data.end), Period(data.start, data.end + far)]
    (port,) = summarise(tables, compare=periods)["ports"]
    rows = {row["key"]: row["values"] for row in port["comparison"]}
    for key in ("occupancy", "ships_at_berth"):
        assert rows[key] == [figures(port)[key]] * 2


def test_unknown_types_count_everything_and_say_so(out: Path) -> None:
    tables = read_tables(out)
    berths = tables.berths.assign(use="unknown")
    (port,) = summarise(type(tables)(**{**vars(tables), "berths": berths}))["ports"]
    assert figures(port)["berth_visits"] == 6
    assert "No berth of this port is known to be commercial" in port["notes"][0]


def test_limits_are_told(out: Path) -> None:
    settings = ReportSettings(max_stops=4, max_visits=2)
    (port,) = summarise(read_tables(out), settings=settings)["ports"]
    assert len(port["map"]["stops"]) == 4
    assert [row["arrival"] for row in port["visits"]] == ["2024-03-02T00:00Z", "2024-03-03T00:00Z"]
    assert "The map shows 4 of 9 stops." in port["notes"]
    assert "The list and the occupancy chart show the latest 2 of 5 visits." in port["notes"]


@pytest.mark.parametrize("lon", [179.997, 179.999], ids=["between berths", "through a berth"])
def test_maps_hold_together_across_the_antimeridian(
    make: Callable[..., Path], tmp_path: Path, lon: float
) -> None:
    folder = make(tmp_path / "fiji", "fiji", lon)
    summary = summarise(read_tables(folder))
    (port,) = summary["ports"]
    assert "The map lies across the 180th meridian" in render_html(summary)
    west, _, east, _ = port["map"]["view"]["whole"]
    assert east - west < 0.1
    assert west < 180 < east or west < -180 < east
    assert all(179.9 < abs(row["lon"]) <= 180 for row in port["berths"])


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 200), st.integers(0, 60)), min_size=1, max_size=30),
    st.integers(40, 150),
)
def test_hours_are_kept_when_cut(spans: list[tuple[int, int, int]], length: int) -> None:
    start = at("01T00:00")
    visits = pd.DataFrame(
        [
            {
                "berth_id": f"B{berth}",
                "mmsi": number,
                "arrival": start + pd.Timedelta(hours=begin),
                "departure": start + pd.Timedelta(hours=begin + hours),
            }
            for number, (berth, begin, hours) in enumerate(spans)
        ]
    )
    period = Period(start, start + pd.Timedelta(hours=length))
    grid = np.zeros((4, length))
    for berth, begin, hours in spans:
        grid[berth, begin : begin + hours] += 1
    occupied = occupied_hours(visits, period)
    for berth in range(4):
        assert occupied.get(f"B{berth}", 0.0) == pytest.approx((grid[berth] > 0).sum())
    empty = visits.iloc[:0]
    everything = PortVisits(visits, empty, empty, empty, None, "stops")
    series = ships_over_time(everything, period, Profile())
    steps = [pd.Timestamp(text) for text in series["start"]] + [period.end]
    widths = [(b - a) / pd.Timedelta(hours=1) for a, b in pairwise(steps)]
    assert np.dot(series["at_berth"], widths) == pytest.approx(grid.sum(), abs=0.05)


def test_one_is_written_in_the_singular(make: Callable[..., Path], tmp_path: Path) -> None:
    stays = [*STOPS_OF_ONE, (200000001, "moored", "B1", "02T00:00", "02T12:00", False, True)]
    tables = read_tables(make(tmp_path / "out", stops=stays))
    job = tables.run["job"] | {"start": "2024-03-01T10:30:00Z", "end": "2024-03-01T11:30:00Z"}
    tables = replace(tables, run=tables.run | {"job": job, "missing_days": ["2024-03-04"]})
    text, page = (render(summarise(tables)) for render in (render_text, render_html))
    assert "UTC, 1 hour\n" in text
    assert "1 input file;" in text
    assert "Berths\n" in text
    for words in ("1 hour\N{SPACE}", "The one berth that is counted", "1 day: 2024-03-04"):
        assert words in page
    (port,) = summarise(replace(tables, run={}))["ports"]
    (figure,) = (figure for figure in port["figures"] if figure["key"] == "time_at_berth_p50")
    assert figure["note"] == "1 whole stay; 1 more only partly seen"


def test_berths_that_must_not_be_shown_are_in_use(make: Callable[..., Path], tmp_path: Path) -> None:
    folder = make(tmp_path / "out", stops=STOPS_OF_ONE)
    text = report(folder, public=True)
    assert "Berths: none to show" in text
    assert "1 of the berths used is left out" in text
    nobody = make(
        tmp_path / "nobody", stops=[(200000001, "moored", "B3", "01T06:00", "01T12:00", False, False)]
    )
    assert "Berths: none in use" in report(nobody)


# the public profile -------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["text", "html", "json", "csv"])
def test_public_reports_name_no_ship_and_no_berth_of_one_ship(public_out: Path, form: Any) -> None:
    text = report(public_out, form=form, public=True)
    assert "20000000" not in text
    assert "PLAIN JANE" not in text
    assert "/somewhere" not in text
    assert re.search(r"\bB1\b", text)
    assert not re.search(r"\bB[234]\b", text)


def test_public_figures(public_out: Path) -> None:
    (port,) = summarise(read_tables(public_out), public=True)["ports"]
    assert port["visits"] is None
    assert port["map"]["stops"] == []
    assert port["berths_hidden"] == 2
    assert port["berths"][0]["loa_max_m"] is None
    assert port["arrivals"]["cross"] is None
    assert port["arrivals"]["total"] == [3, None, None, None]
    assert figures(port)["arrivals"] == 7


def test_a_public_map_without_places_lies_at_the_port(make: Callable[..., Path], tmp_path: Path) -> None:
    (port,) = summarise(read_tables(make(tmp_path / "out", stops=STOPS_OF_ONE)), public=True)["ports"]
    assert not port["map"]["berths"]
    west, south, east, north = port["map"]["view"]["first"]
    assert west < port["lon"] < east
    assert south < port["lat"] < north


def test_public_comparison_gives_nothing_away(out: Path) -> None:
    tables = read_tables(out)
    # The rest, on the third day, is one ship.
    periods = [parse_period("2024-03-01..2024-03-02"), parse_period("2024-03-02..2024-03-03")]
    (port,) = summarise(tables, compare=periods, public=True)["ports"]
    assert all(row["suppressed"] for row in port["comparison"] if row["key"] == "berth_visits")
    assert port["ships"] is None
    assert port["arrivals"]["total"] == []
    with pytest.raises(ConfigError, match="must not overlap"):
        summarise(tables, compare=[periods[0], periods[0]], public=True)


@pytest.mark.parametrize("days", [(2, 3), (3, 2)])
@pytest.mark.parametrize(("ships", "hidden"), [(4, False), (1, True)])
def test_public_comparison_does_not_give_away_what_came_before(
    make: Callable[..., Path], tmp_path: Path, days: tuple[int, int], ships: int, hidden: bool
) -> None:
    """The whole report shows all days, of which two are compared."""
    stays = [
        (
            200000001 + 10 * day + k,
            "moored",
            "B1",
            f"0{day}T0{2 * k}:00",
            f"0{day}T0{2 * k + 1}:00",
            False,
            False,
        )
        for day, n in ((1, ships), (2, 4), (3, 4))
        for k in range(n)
    ]
    tables = read_tables(make(tmp_path / "out", stops=stays))
    periods = [parse_period(f"2024-03-0{day}..2024-03-0{day + 1}") for day in days]
    (port,) = summarise(tables, compare=periods, public=True)["ports"]
    assert figures(port)["berth_visits"] == 8 + ships
    (row,) = (row for row in port["comparison"] if row["key"] == "berth_visits")
    assert (row["suppressed"], row["values"]) == ((True, [None, None]) if hidden else (False, [4, 4]))


def test_public_reports_give_no_totals_of_what_is_suppressed(public_out: Path) -> None:
    tables = read_tables(public_out)
    more = pd.DataFrame({"stage": ["places"], "reason": ["berth"], "action": ["kept"], "rows": [4]})
    counts = {"rows": 100, "pings": 90, "stops": 12, "vessels": 9, "berth_calls": 9}
    tables = replace(tables, quality=pd.concat([tables.quality, more]), run={**tables.run, "counts": counts})
    public, whole = summarise(tables, public=True), summarise(tables)
    assert public["run"]["counts"] == {"rows": 100, "pings": 90}
    assert {row["stage"] for row in public["quality"]} == {"read"}
    assert whole["run"]["counts"] == counts
    assert {row["stage"] for row in whole["quality"]} == {"read", "places"}


def test_public_reports_tell_groups_once(out: Path, sample_out: Path) -> None:
    """Where indicators tell them, the rest of the report does not: what one hides the other may show."""
    for folder, told in ((sample_out, False), (out, True)):
        (port,) = summarise(read_tables(folder), public=True)["ports"]
        assert (port["indicators"] is None) == told
        for part in (port["arrivals"], port["time_at_berth"], port["waiting"]):
            assert bool(part["by_group"]) == told
        (port,) = summarise(read_tables(folder))["ports"]
        assert port["arrivals"]["by_group"]
        assert port["time_at_berth"]["by_group"]


def test_uses_that_count_are_shown_as_their_sum_is(make: Callable[..., Path], tmp_path: Path) -> None:
    """Only uses that do not count are hidden beside a use of one ship."""
    summary = summarise(read_tables(make(tmp_path / "out")), public=True)
    (port,) = summary["ports"]
    rows = {row["use"]: row for row in port["by_use"]}
    assert rows["commercial"]["visits"] == figures(port)["berth_visits"] == 5
    assert (rows["service"]["visits"], rows["service"]["suppressed"]) == (None, True)
    table = tidy_figures(summary)
    table = table[(table["table"] == "uses") & (table["item"] == "service")].set_index("figure")
    assert table.loc[["visits", "vessels"], "suppressed"].tolist() == [True, True]
    assert table.loc[["visits", "vessels"], "value"].isna().all()


def test_public_reports_do_not_tell_when_few_ships_were_there(
    make: Callable[..., Path], tmp_path: Path
) -> None:
    hours = pd.DataFrame({"hour": pd.date_range(at("01T06:00"), at("01T12:00"), freq="h"), "n_pings": 5})
    periods = [parse_period("2024-03-01..2024-03-02"), parse_period("2024-03-02..2024-03-03")]
    for stops, told in ((STOPS_OF_ONE, False), (None, True)):
        folder = make(tmp_path / f"out{told}", **({} if stops is None else {"stops": stops}))
        tables = read_tables(folder)
        own = tables.of_port(ROTTERDAM)._replace(hours=hours)
        tables = replace(tables, of_port=lambda _, own=own: own)
        (port,) = summarise(tables, public=True)["ports"]
        assert [part is not None for part in (port["coverage_h"], port["heard"])] == [told, told]
        (port,) = summarise(tables, public=True, compare=periods)["ports"]
        assert any(row["key"] == "hours_heard" for row in port["comparison"]) == told


def test_stays_that_last_beyond_the_periods_are_part_of_the_rest(out: Path) -> None:
    tables = read_tables(out)
    visits = port_visits(tables, tables.of_port(ROTTERDAM), ("commercial",))
    periods = [parse_period("2024-03-01..2024-03-02"), parse_period("2024-03-02..2024-03-03")]
    assert outside(visits, periods).berth["mmsi"].tolist() == [200000004]
    assert sorted(beyond(visits, periods).berth["mmsi"]) == [200000004, 200000005]
    assert beyond(visits, [Period(at("01T00:00"), at("05T00:00"))]).berth.empty


def test_a_period_beyond_the_data_changes_no_comparison(out: Path) -> None:
    tables = replace(read_tables(out), heard=(at("01T00:00"), at("04T23:00")))
    periods = [parse_period("2024-02-28..2024-03-02"), parse_period("2024-03-02..2024-03-05")]
    (port,) = summarise(tables, compare=periods)["ports"]
    job = {**tables.run["job"], "start": "2024-02-20T00:00:00Z", "end": "2024-03-20T00:00:00Z"}
    (longer,) = summarise(replace(tables, run={**tables.run, "job": job}), compare=periods)["ports"]
    assert longer["comparison"] == port["comparison"]
    assert figures(longer)["occupancy"] < figures(port)["occupancy"]


@pytest.mark.parametrize(
    ("partly", "note"), [(0, "6 whole stays; 0 more"), (1, ""), (3, "3 whole stays; 3 more")]
)
def test_public_notes_do_not_count_few_ships(
    make: Callable[..., Path], tmp_path: Path, partly: int, note: str
) -> None:
    stays = [
        (200000001 + k, "moored", "B1", f"01T{2 * k + 4:02d}:00", f"01T{2 * k + 5:02d}:00", False, k < partly)
        for k in range(6)
    ]
    tables = read_tables(make(tmp_path / "out", stops=stays))
    for public in (True, False):
        (port,) = summarise(tables, public=public)["ports"]
        (figure,) = (figure for figure in port["figures"] if figure["key"] == "time_at_berth_p50")
        assert not figure["suppressed"]
        assert figure["note"].startswith(note if public else f"{6 - partly} whole stays; {partly} more")
        assert bool(figure["note"]) == bool(note or not public)


# forms --------------------------------------------------------------------------------------------


def test_json_is_the_summary(out: Path, summary: dict[str, Any]) -> None:
    assert json.loads(report(out, ["NLRTM"], "json")) == json.loads(json.dumps(summary))


def test_csv_has_one_figure_a_row_and_no_formula(out: Path) -> None:
    table = pd.read_csv(io.StringIO(report(out, form="csv")), keep_default_na=False)
    visits = table[(table["table"] == "key figures") & (table["figure"] == "berth_visits")]
    assert visits["value"].tolist() == [5.0]
    assert not table.map(lambda value: str(value).startswith(("=", "+", "@"))).any().any()


def test_waits_are_counted_in_what_they_are(out: Path, sample_out: Path) -> None:
    for folder, unit in ((out, "stays"), (sample_out, "arrivals")):
        table = pd.read_csv(io.StringIO(report(folder, form="csv")))
        assert set(table.loc[table["table"] == "waiting by class", "unit"]) == {unit}


def test_terminal_page_has_no_control_characters(out: Path) -> None:
    text = report(out)
    assert not [c for c in text if not c.isprintable() and c != "\n"]
    assert max(map(len, text.splitlines())) <= 130
    assert "Occupancy, mean" in text


def test_every_number_of_the_page_is_from_the_summary(summary: dict[str, Any]) -> None:
    changed = json.loads(json.dumps(summary))
    changed["ports"][0]["figures"][0]["value"] = 987654
    changed["ports"][0]["berths"][0]["visits"] = 876543
    page = render_html(changed)
    assert "987,654" in page
    assert "876,543" in page
    assert "987,654" not in render_html(summary)


def test_page_is_one_file_and_allows_two_scripts_only(out: Path) -> None:
    page = report(out, form="html")
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    scripts = re.findall(r"<script>(.*?)</script>", page, re.DOTALL)
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in scripts]
    rules = dict(rule.strip().split(" ", 1) for rule in policy.replace("&#39;", "'").split(";"))
    assert rules["script-src"].split() == [f"'sha256-{value}'" for value in hashes]
    assert len(scripts) == 2
    assert rules["default-src"] == rules["connect-src"] == "'none'"
    assert "unsafe-eval" not in policy
    rest = re.sub(r"<script>.*?</script>", "", page, flags=re.DOTALL)
    assert not re.search(r"""(src|href)=["']?(https?:)?//""", rest)
    assert len(re.findall(r"<script", rest)) == 2  # the two blocks of data
    assert SCRIPT not in rest
    assert IMAGE not in rest
    assert len(page) < 2_500_000


def test_errors_are_plain(out: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no stops\.parquet"):
        report(tmp_path)
    with pytest.raises(PortError, match=r"no berth in Hamburg .* berths in Rotterdam"):
        report(out, ["Hamburg"])
    with pytest.raises(ConfigError, match="give two or more"):
        report(out, compare=[parse_period("2024-03-01..2024-03-02")])
    for text in ("2024-03-01", "a..b", "2024-03-02..2024-03-01", ".."):
        with pytest.raises(ConfigError, match="period"):
            parse_period(text)


def test_command_line(out: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke
    printed = run(main, ["report", str(out), "--port", "Rotterdam"])
    assert printed.exit_code == 0, printed.output
    assert printed.output == report(out)
    file = tmp_path / "page.html"
    written = run(main, ["report", str(out), "--format", "html", "--out", str(file), "--public"])
    assert written.output == f"wrote {file}\n"
    assert file.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    wrong = run(main, ["report", str(out), "--use", "boats"])
    assert wrong.exit_code == 1
    assert "the use 'boats' is unknown" in wrong.output


# real data ----------------------------------------------------------------------------------------


@pytest.mark.slow
@pytest.mark.real
def test_real_day_in_every_form(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "tampa"
    job = Job(bbox=(-82.65, 27.55, -82.38, 28.0))
    detect([shared_data / "us_2020-01-01" / "tampa.parquet"], folder, job)
    summary = json.loads(report(folder, form="json"))
    assert summary["period"]["hours"] == pytest.approx(24, abs=0.1)
    port = summary["ports"][0]
    assert port["name"] == "Tampa"
    assert figures(port)["ships_at_berth"] > 1
    assert port["map"]["vessels"]["most"] > 5
    assert "Tampa" in report(folder)
    page = report(folder, form="html")
    assert len(page.encode()) < 5_000_000
    hidden = report(folder, form="html", public=True)
    assert not [row["name"] for row in port["visits"] if row["name"] and row["name"] in hidden]
