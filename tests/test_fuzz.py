"""A little of ``tests/benchmarks/fuzz.py`` with every run of the tests, and what it found."""

from __future__ import annotations

import importlib
import io
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths import feeds, schema
from ais_berths.anchorages import find_anchorages
from ais_berths.berthcells import berth_cells
from ais_berths.config import AnchoragesConfig, Config, HullsConfig, IndicatorsConfig
from ais_berths.errors import AisBerthsError, InputError, MissingColumnsError
from ais_berths.hulls import build_hulls
from ais_berths.indicators import make_indicators
from ais_berths.places import find_places
from ais_berths.quays import port_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

STEPS = (
    *("clean_pings", "detect_stops", "classify_stops", "merge_statics", "build_hulls", "find_places"),
    *("find_anchorages", "make_calls", "measure_detours", "make_indicators", "hexagons", "berth_cells"),
    "exports",
)


@pytest.fixture(scope="module")
def fuzz(root: Path) -> Iterator[Any]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "tests" / "benchmarks"))
        yield importlib.import_module("fuzz")


def test_every_step_is_tried(fuzz: Any) -> None:
    assert set(fuzz.STEPS) == set(STEPS)


@pytest.mark.filterwarnings("ignore")  # of pandas and numpy, about what the tables hold
@pytest.mark.parametrize("step", STEPS)
@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 2**32))
def test_a_step_ends_well_or_in_plain_words(fuzz: Any, step: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert fuzz.trouble_of(lambda: fuzz.STEPS[step](rng)) == ""


def test_a_fault_is_noticed(fuzz: Any) -> None:
    def fail() -> None:
        raise KeyError("lost")

    def refuse() -> None:
        raise AisBerthsError("plain words")

    assert "KeyError" in fuzz.trouble_of(fail)
    assert fuzz.trouble_of(refuse) == ""


def test_every_byte_of_a_file_flipped(tmp_path: Path) -> None:
    """Among others, texts whose code their dictionary lacks, which reading does not notice."""
    table = pa.table(
        {
            "MMSI": pa.array([367000001, 367000002] * 40),
            "BaseDateTime": pa.array(["2024-03-01T00:00:00", "2024-03-01T00:05:00"] * 40),
            "LAT": pa.array([45.0, 45.1] * 40),
            "LON": pa.array([-30.0, -29.9] * 40),
            "VesselName": pa.array(["A", "B"] * 40),
        }
    )
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="none", store_schema=False, write_statistics=False)
    whole = buffer.getvalue()
    refused = 0
    for at in range(4, len(whole), 7):
        path = tmp_path / "a.parquet"
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        try:
            files = feeds.list_inputs([path])
            feed = feeds.load_feed("noaa")
            for chunk in feeds.plan_chunks(files, feed):
                for batch in feeds.iter_batches(chunk, feed):
                    feeds.normalise(batch.table, feed)
        except AisBerthsError:
            refused += 1
    assert refused > 20


def test_a_berth_as_large_as_a_sea_is_refused() -> None:
    """Its cells would take more memory than there is."""
    sea = gpd.GeoDataFrame(
        {"berth_id": ["a", "b"], "port_id": "P"},
        geometry=[shapely.box(4.0, 51.0, 4.001, 51.001), shapely.box(179.9, 70, 180.1, 71)],
        crs="EPSG:4326",
    )
    with pytest.raises(InputError, match="the berth b covers"):
        berth_cells(sea)
    assert len(berth_cells(sea.iloc[:1])) > 10


def moored(**more: Any) -> pd.DataFrame:
    time = pd.Timestamp("2024-03-01", tz="UTC")
    row = {"stop_id": "a", "mmsi": 244000001, "lat": 51.9, "lon": 4.1, "heading_deg": 30.0, "kind": "moored"}
    times = {"start_time": time, "end_time": time + pd.Timedelta("9h"), "n_pings": 9, "n_fine": 9}
    return schema.conform(pd.DataFrame([row | times | more]), "stops")


def test_numbers_that_are_objects_are_refused() -> None:
    stops = moored(kind="anchored")
    stops["dwell_h"] = stops["dwell_h"].astype(object)
    with pytest.raises(InputError, match="dwell_h is object, expected double"):
        find_anchorages(stops, schema.empty("vessels"), schema.empty("ports"), AnchoragesConfig())


def test_empty_columns_may_be_of_any_type() -> None:
    stops = schema.empty("stops").astype(object)
    ports = pd.DataFrame({"port_id": ["P"], "lat": [51.9], "lon": [4.1]})
    anchorages, members = find_anchorages(stops, schema.empty("vessels"), ports, AnchoragesConfig())
    assert anchorages.empty
    assert members.empty


def test_columns_that_a_table_of_ships_may_lack() -> None:
    ships = pd.DataFrame({"mmsi": [244000001], "type_group": ["cargo"]})
    assert build_hulls(moored(), ships, HullsConfig())["hull_basis"].tolist() == ["type"]


def test_sizes_that_no_ship_has_are_unknown() -> None:
    ships = schema.conform(
        pd.DataFrame({"mmsi": [244000001], "type_group": ["cargo"], "loa_m": [1e300], "to_bow_m": [-1.0]}),
        "vessels",
    )
    hull = build_hulls(moored(), ships, HullsConfig()).iloc[0]
    assert (hull["hull_basis"], hull["length_m"]) == ("type", 190.0)


def test_a_heading_that_is_none_and_half_of_the_offsets() -> None:
    ship = {"mmsi": 244000001, "type_group": "cargo", "loa_m": 180.0, "beam_m": 28.0, "to_bow_m": 150.0}
    ships = schema.conform(pd.DataFrame([ship | {"to_stern_m": 30.0}]), "vessels")
    hulls = build_hulls(pd.concat([moored(), moored(stop_id="b", heading_deg=1e300)]), ships, HullsConfig())
    assert np.isfinite(hulls[["lat", "lon", "heading_deg"]]).all(axis=None)


@pytest.mark.parametrize("stern", [np.nan, 0.0])
def test_antenna_offsets_that_tell_no_length(stern: float) -> None:
    ship = {
        "mmsi": [244000001],
        "loa_m": [1.0],
        "to_bow_m": [0.0],
        "to_stern_m": [stern],
        "type_group": ["x"],
    }
    hulls = build_hulls(moored(), schema.conform(pd.DataFrame(ship), "vessels"), HullsConfig())
    assert np.isfinite(hulls[["lat", "lon", "length_m"]]).all(axis=None)


def test_a_ship_wider_than_any_has_no_impossible_length() -> None:
    ship = {"mmsi": [244000001], "beam_m": [360.0], "type_group": ["x"]}
    ships = schema.conform(pd.DataFrame(ship), "vessels")
    hulls = build_hulls(pd.concat([moored(), moored(stop_id="b")]), ships, HullsConfig())
    assert np.isfinite(hulls[["lat", "lon", "length_m"]]).all(axis=None)
    assert hulls["length_m"].max() <= 600.0


def test_no_stops_at_all_may_be_of_any_type() -> None:
    nothing = pd.DataFrame({name: pd.Series(dtype=object) for name in schema.TABLES["stops"].names})
    ports = schema.conform(pd.DataFrame({"port_id": ["1"], "lat": [51.9], "lon": [4.1]}), "ports")
    odd = nothing.astype({"heading_deg": "category"})
    assert build_hulls(odd, schema.empty("vessels"), HullsConfig()).empty
    assert find_places(nothing, schema.empty("vessels"), ports, schema.empty("cells"), Config()).berths.empty


def test_a_ship_at_the_pole_has_no_hull() -> None:
    assert build_hulls(moored(lat=90.0), schema.empty("vessels"), HullsConfig()).empty


def test_calls_without_their_length_are_refused() -> None:
    calls = schema.empty("port_calls").drop(columns="time_in_port_h")
    with pytest.raises(MissingColumnsError, match="'port_calls' lacks time_in_port_h"):
        make_indicators(
            schema.empty("berth_calls"),
            calls,
            schema.empty("vessels"),
            schema.empty("berths"),
            IndicatorsConfig(),
        )


def test_berths_without_a_length_of_ships_are_refused() -> None:
    tables = [schema.empty(name) for name in ("berth_calls", "port_calls", "vessels")]
    with pytest.raises(MissingColumnsError, match="'berths' lacks loa_p50_m"):
        make_indicators(*tables, schema.empty("berths").drop(columns="loa_p50_m"), IndicatorsConfig())


def test_ports_without_a_locode_have_their_number() -> None:
    assert port_prefix(pd.DataFrame({"port_id": ["17"]})) == {"17": "17"}
    nothing = pd.array([None], dtype="Int64")
    assert port_prefix(pd.DataFrame({"port_id": ["17"], "locode": nothing})) == {"17": "17"}


def test_times_that_python_does_not_know_are_named(tmp_path: Path) -> None:
    far = pa.array([2**62] * 400, pa.timestamp("us"))
    table = pa.table(
        {"MMSI": [367000001] * 400, "BaseDateTime": far, "LAT": [45.0] * 400, "LON": [-30.0] * 400}
    )
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match="none of the first 400 rows"):
        feeds.choose_feed(feeds.list_inputs([tmp_path / "a.parquet"]))
