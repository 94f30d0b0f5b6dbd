"""The command calls: definitions and periods by the command line, over and over in one folder."""

from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from click.testing import CliRunner

from ais_berths.cli import main

if TYPE_CHECKING:
    from pathlib import Path

TABLES = ("stops.parquet", "berth_calls.parquet", "port_calls.parquet", "hours.parquet", "indicators.parquet")


@pytest.fixture
def out(sample_out: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    shutil.copytree(sample_out, folder)
    return folder


def calls(out: Path, *arguments: str, code: int = 0) -> str:
    result = CliRunner().invoke(main, ["-q", "calls", str(out), *arguments])
    assert result.exit_code == code, result.output
    return result.output


def indicators(out: Path) -> pd.DataFrame:
    return pd.read_csv(out / "indicators.csv", dtype={"port_id": str, "part": str})


def record(out: Path) -> dict[str, Any]:
    return json.loads((out / "run.json").read_text(encoding="utf-8"))


def test_the_same_settings_give_the_same_tables(out: Path, sample_out: Path) -> None:
    counts = json.loads(calls(out, "--json"))
    for name in TABLES:
        pd.testing.assert_frame_equal(pd.read_parquet(out / name), pd.read_parquet(sample_out / name))
    assert counts == {
        name: len(pd.read_parquet(out / f"{name}.parquet"))
        for name in ("berth_calls", "port_calls", "indicators")
    }


def test_csv_and_parquet_hold_the_same_figures(sample_out: Path) -> None:
    stored = pd.read_parquet(sample_out / "indicators.parquet")
    table = indicators(sample_out)
    assert table["value"].tolist() == pytest.approx(stored["value"].tolist(), nan_ok=True)
    assert table["suppressed"].tolist() == stored["suppressed"].tolist()
    assert (table["part"].fillna("") == stored["part"]).all()


def test_periods_groups_and_least_number_of_vessels(out: Path) -> None:
    calls(out, "--period", "month", "--period", "week", "--group", "cargo", "--min-vessels", "1")
    table = indicators(out)
    assert set(table["period"]) == {"month", "week"}
    assert set(table["type_group"]) == {"cargo", "all"}
    assert not table["suppressed"].any()
    settings = record(out)["calls"]["indicators"]
    assert (settings["periods"], settings["groups"], settings["min_vessels"]) == (
        ["month", "week"],
        ["cargo"],
        1,
    )


def test_periods_of_a_time_zone(out: Path) -> None:
    """In Auckland, 13 hours ahead, the data begin at one in the afternoon of 1 March."""
    calls(out, "--timezone", "Pacific/Auckland", "--period", "day", "--min-vessels", "1")
    local = indicators(out)
    days = local[(local["indicator"] == "port_calls") & (local["type_group"] == "all")].set_index(
        "period_start"
    )
    assert days["coverage"].iloc[0] == 11
    arrived = pd.read_parquet(out / "port_calls.parquet").query("~anchorage_only and ~open_start")
    vessels = pd.read_parquet(out / "vessels.parquet").set_index("mmsi")["type_group"]
    arrived = arrived[arrived["mmsi"].map(vessels).isin(["cargo", "tanker", "passenger"]).to_numpy()]
    by_day = arrived["arrival_time"].dt.tz_convert("Pacific/Auckland").dt.strftime("%Y-%m-%d").value_counts()
    whole = days.index[1:-1]
    assert days.loc[whole, "value"].tolist() == [by_day.get(day, 0) for day in whole]


def test_presets_count_otherwise_and_are_named_in_the_record(out: Path) -> None:
    number = {}
    for name in ("cso-smbm", "world-bank-syria", "adb"):
        number[name] = json.loads(calls(out, "--preset", name, "--json"))["port_calls"]
        assert record(out)["calls"]["preset"] == name
        assert record(out)["counts"]["port_calls"] == number[name]
    assert number["cso-smbm"] > number["adb"] > number["world-bank-syria"] > 0
    calls(out)
    assert record(out)["calls"]["preset"] is None


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["--timezone", "Mars/Olympus"],
            "indicators.timezone is 'Mars/Olympus': expected a name such as UTC",
        ),
        (["--preset", "imf"], "there is no preset 'imf'; expected one of cso-smbm"),
        (["--group", "boats"], "indicators.groups"),
    ],
)
def test_what_is_wrong_leaves_the_folder_as_it_was(
    out: Path, sample_out: Path, arguments: list[str], said: str
) -> None:
    assert said in calls(out, *arguments, code=1)
    for name in TABLES:
        assert (out / name).read_bytes() == (sample_out / name).read_bytes()
    result = CliRunner().invoke(main, ["report", str(out)])
    assert result.exit_code == 0, result.output


def test_a_folder_without_berths_says_what_to_do(out: Path) -> None:
    (out / "berths.parquet").unlink()
    assert "lacks berths.parquet; run `ais-berths berths" in calls(out, code=1)
