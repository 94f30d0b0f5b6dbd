"""Mappings, and telling feeds apart."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from ais_berths import feeds
from ais_berths.errors import AisBerthsError, ConfigError, InputError, MissingColumnsError

from .conftest import as_dma, as_noaa, as_noaa_snake, as_ungp, read_all

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

BARE = 'name = "x"\n[columns]\nmmsi = "m"\ntime = "t"\nlat = "y"\nlon = "x"\n'


@pytest.mark.parametrize("name", feeds.SHIPPED)
def test_shipped_feeds(name: str) -> None:
    feed = feeds.load_feed(name)
    assert feed.name == name
    assert feed.title
    assert pickle.loads(pickle.dumps(feed)) == feed


def test_each_layout_is_recognised(rows: pd.DataFrame) -> None:
    for layout, name in ((as_noaa, "noaa"), (as_noaa_snake, "noaa"), (as_dma, "dma")):
        assert feeds.recognise(layout(rows).columns).name == name
    assert feeds.recognise(as_ungp(rows).column_names).name == "ungp"


def test_a_plain_timestamp_is_not_taken_for_danish() -> None:
    with pytest.raises(InputError):
        feeds.recognise(["timestamp", "mmsi", "latitude", "longitude"])


def test_unknown_columns_give_a_mapping_that_works(tmp_path: Path) -> None:
    columns = ["ts", "ship id", "Lat.", "Long", "Speed", 'odd "name"', "a=b"]
    with pytest.raises(InputError, match=r"it has the columns ts, ship id, Lat\., Long, Speed") as caught:
        feeds.recognise(columns, "table.csv")
    text = str(caught.value).partition("\n\n")[2]
    feed = feeds.parse_feed(text)
    assert feed.resolve(columns) == {
        "mmsi": "ship id",
        "time": "ts",
        "lat": "Lat.",
        "lon": "Long",
        "sog": "Speed",
    }
    path = tmp_path / "a.csv"
    path.write_text("ts,ship id,Lat.,Long\n2020-01-01,1,2,3\n")
    (tmp_path / "mine.toml").write_text(text)
    assert read_all([path], tmp_path / "mine.toml").usable.tolist() == [True]


def test_an_unfinished_mapping_says_what_is_missing() -> None:
    text = feeds.suggest_mapping(["when", "y", "x"])
    assert 'mmsi = ""  # the name of this column was not guessed' in text
    with pytest.raises(ConfigError, match="no column is named for mmsi, time"):
        feeds.parse_feed(text)


def test_a_known_feed_without_position() -> None:
    with pytest.raises(MissingColumnsError, match=r"table\.csv has no column for lat \(LAT or latitude\)"):
        feeds.recognise(["MMSI", "BaseDateTime", "LON"], "table.csv")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("x", "no TOML|not a TOML file"),
        ('name = "x"', "columns is missing"),
        ('name = "x"\n[columns]\nmmsi = "m"', "no column is named for time, lat, lon"),
        (BARE + 'speed = "v"', "columns.speed is not a key"),
        (BARE + '[time]\nformat = "danish"', "expected iso, epoch or a pattern"),
        (BARE + '[time]\nzone = "Mars/Olympus"', "'Mars/Olympus' is not a time zone"),
        (BARE + '[units]\nspeed = "mph"', "units.speed"),
        (BARE + "[rules]\nmissing = { sogg = [1] }", "sogg is not one of"),
        (BARE + '[csv]\nseparator = "::"', "csv.separator"),
        (BARE + "[extra]\na = 1", "extra is not a key"),
    ],
)
def test_impossible_mappings(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=complaint) as caught:
        feeds.load_feed(path)
    assert "mine.toml" in str(caught.value)


def test_all_complaints_come_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        feeds.parse_feed(BARE + '[units]\nspeed = "mph"\nweight = "t"')
    assert "units.speed" in str(caught.value)
    assert "units.weight" in str(caught.value)


@pytest.mark.parametrize("name", ["nooa", "nowhere.toml", "", "UNGP"])
def test_unknown_feeds(name: str) -> None:
    with pytest.raises(ConfigError):
        feeds.load_feed(name)


def test_exact_spelling_wins_over_a_loose_one() -> None:
    feed = feeds.parse_feed(BARE.replace('"y"', '["Lat", "y"]'))
    assert feed.resolve(["m", "t", "y", "lat", "x"])["lat"] == "y"
    assert feed.resolve(["m", "t", "lat", "x"])["lat"] == "lat"
    assert feed.resolve(["m", "t", "LAT", "Lat", "x"])["lat"] == "Lat"


@pytest.mark.parametrize(
    ("mapping", "reason"),
    [
        ({"format": '"epoch"'}, r"time_unreadable\), for example BaseDateTime = .*times are read as epoch"),
        ({"lat": '"VesselName"'}, r"position_unreadable\), for example VesselName"),
        (
            {"mmsi": '"CallSign"'},
            r"mmsi_unreadable\), for example CallSign = .*ids = \"text\" under",
        ),
    ],
)
def test_a_feed_under_which_nothing_makes_sense_is_refused(
    rows: pd.DataFrame, tmp_path: Path, mapping: dict[str, str], reason: str
) -> None:
    path = tmp_path / "a.csv"
    as_noaa(rows).to_csv(path, index=False)
    names = {"mmsi": '"MMSI"', "time": '"BaseDateTime"', "lat": '"LAT"', "lon": '"LON"'} | mapping
    text = 'name = "mine"\n[columns]\n' + "".join(f"{k} = {v}\n" for k, v in names.items() if k != "format")
    toml = tmp_path / "mine.toml"
    form = names.get("format", '"iso"')
    toml.write_text(f"{text}[time]\nformat = {form}\n")
    with pytest.raises(InputError, match=f"none of the first 400 rows .*{reason}"):
        feeds.choose_feed(feeds.list_inputs([path]), toml)


@pytest.mark.parametrize(
    ("column", "write", "advice"),
    [
        ("MMSI", lambda number: f"{number:.5E}", "a spreadsheet has rounded these numbers"),
        ("LON", lambda degrees: degrees + 200, 'position = "deg 0-360"'),
        ("LAT", lambda degrees: f"{degrees}".replace(".", ","), 'decimal = ","'),
        ("BaseDateTime", lambda time: f"{time:%d/%m/%Y %H:%M}", "their format under \\[time\\]"),
    ],
)
def test_a_refused_file_of_a_known_feed_says_what_to_do(
    rows: pd.DataFrame, tmp_path: Path, column: str, write: Callable[[Any], Any], advice: str
) -> None:
    path = tmp_path / "a.csv"
    table = as_noaa(rows)
    values = pd.to_datetime(table[column]) if column == "BaseDateTime" else table[column]
    table.assign(**{column: values.map(write)}).to_csv(path, index=False)
    with pytest.raises(InputError, match=rf"as the feed 'noaa' .*{advice}") as caught:
        feeds.choose_feed(feeds.list_inputs([path]))
    # Where a mapping helps, there is one to begin with, and it can be read.
    _, named, mapping = str(caught.value).partition("my_feed.toml\n\n")
    assert bool(named) == (column != "MMSI")
    assert not named or feeds.parse_feed(mapping).columns.sog == ("SOG",)


def test_a_wrong_separator_is_refused(rows: pd.DataFrame, tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    as_noaa(rows).to_csv(path, index=False)
    toml = tmp_path / "mine.toml"
    toml.write_text(BARE + '[csv]\nseparator = ";"\nheader = ["m", "t", "y", "x"]\n')
    with pytest.raises(InputError, match=r"^no row of .* can be read .*line_malformed"):
        feeds.choose_feed(feeds.list_inputs([path]), toml)


def test_a_few_bad_rows_are_no_bad_file(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text("MMSI,BaseDateTime,LAT,LON\n1,never,2,3\n")
    assert read_all([path]).counts == {"time_unreadable": 1}


def test_errors_are_of_the_package() -> None:
    assert issubclass(ConfigError, AisBerthsError)
