"""Real feeds; skipped where the extracts are not beside the checkout."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from ais_berths import feeds
from ais_berths.errors import InputError

from .conftest import canonical, read_all

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.real

PIRAEUS = """
name = "piraeus"

[columns]
mmsi = "oid"
time = "t"
lat = "lat"
lon = "lon"
sog = "speed"
cog = "course"
heading = "heading"
nav_status = "status"
type_code = "type"

[time]
format = "epoch"
unit = "ms"
"""


@pytest.mark.parametrize(
    ("name", "n", "ships"),
    [("houston_galveston", 373_735, 623), ("miami_port_everglades", 193_749, 598), ("tampa", 46_054, 116)],
)
def test_us_parquet(shared_data: Path, name: str, n: int, ships: int) -> None:
    result = read_all([shared_data / "us_2020-01-01" / f"{name}.parquet"])
    assert result.table.num_rows == n
    assert result.usable.all()
    frame = canonical(result)
    assert frame["mmsi"].nunique() == ships
    assert frame["time"].between("2020-01-01", "2020-01-01 23:59:59Z").all()
    assert frame["sog_kn"].max() < 102.2
    assert frame["heading_deg"].max() < 360
    assert frame["imo"].between(0, 9_999_999).all()
    assert (frame["imo"] > 1_000_000).mean() > 0.2
    assert frame["type_code"].between(0, 99).all()
    assert (frame["nav_status"] == 15).all()


def test_us_parquet_against_pandas(shared_data: Path) -> None:
    path = shared_data / "us_2020-01-01" / "tampa.parquet"
    raw = pd.read_parquet(path)
    table = read_all([path]).table
    assert table["mmsi"].to_pylist() == raw["MMSI"].tolist()
    times = pd.to_datetime(raw["BaseDateTime"], utc=True)
    assert (table["time"].to_pandas().reset_index(drop=True) == times).all()
    np.testing.assert_array_equal(table["lat"], raw["LAT"])
    np.testing.assert_array_equal(
        table["heading_deg"].to_pandas().isna(), ~raw["Heading"].between(0, 359.5).to_numpy()
    )
    pocomoke = np.flatnonzero(raw["IMO"] == "IMO9535084")
    assert table["imo"][int(pocomoke[0])].as_py() == 9535084


def test_the_same_day_as_text(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "us_2020-01-01" / "tampa.parquet"
    text = tmp_path / "tampa.csv"
    pq.read_table(path).to_pandas().to_csv(text, index=False)
    from_parquet, from_text = read_all([path]), read_all([text], chunk_rows=10_000)
    assert from_parquet.table.combine_chunks().equals(from_text.table.combine_chunks())
    assert from_parquet.counts == from_text.counts


def test_statics_of_the_us_day(shared_data: Path) -> None:
    files = feeds.list_inputs([shared_data / "us_2020-01-01" / "tampa.parquet"])
    feed = feeds.choose_feed(files)
    [chunk] = feeds.plan_chunks(files, feed)
    [(raw, _)] = feeds.iter_batches(chunk, feed)
    statics, _ = feeds.distinct_statics(raw, feed)
    assert statics.num_rows < 200
    assert sum(statics["n_reports"].to_pylist()) == len(raw)


def test_piraeus_through_a_mapping(shared_data: Path, tmp_path: Path) -> None:
    toml = tmp_path / "piraeus.toml"
    toml.write_text(PIRAEUS)
    path = shared_data / "piraeus_2017-05-09.csv"
    result = read_all([path], toml)
    assert len(result.table) == 14_720
    assert result.usable.all()
    raw = pd.read_csv(path)
    found = result.table.to_pandas()
    assert (found["time"] == pd.to_datetime(raw["ts"], utc=True)).all()
    np.testing.assert_allclose(found["sog_kn"], raw["speed"].where(raw["speed"] < 102.2), rtol=1e-6)
    with pytest.raises(InputError, match='mmsi = "oid"\ntime = "ts"'):
        feeds.choose_feed(feeds.list_inputs([path]))


def test_danish_sentences(shared_data: Path) -> None:
    pytest.importorskip("pyais")
    result = read_all([shared_data / "nmea" / "ais-sample.txt.gz"])
    frame = result.table.to_pandas()
    static = frame["static_only"]
    parts = 2 * 69
    lost = ("sentence_undecodable", "sentence_incomplete", "message_other")
    # Every one of the sentences is a row or is counted; messages in two parts are one row.
    assert len(frame) + sum(result.counts.get(reason, 0) for reason in lost) == 26_146 - parts / 2
    assert (~static).sum() == 24_688
    assert static.sum() == 130
    at_sea = frame[result.usable & ~static]
    assert at_sea["time"].between("2013-11-12 12:00Z", "2013-11-12 12:05:01Z").all()
    assert at_sea["lat"].between(53, 60).mean() > 0.99
    assert result.usable.mean() > 0.98
    sized = frame[static & (frame["to_bow_m"] > 0)]
    assert (sized["to_bow_m"] + sized["to_stern_m"]).between(10, 400).mean() > 0.9
