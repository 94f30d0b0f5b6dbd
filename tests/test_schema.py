"""Tables: names and units agree, any frame can be brought to a schema, the data dictionary is complete."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import schema
from ais_berths.errors import InputError, MissingColumnsError

UNITS = {"_" + unit: unit for unit in ("m", "km", "km2", "kn", "deg", "h", "s")}
UNITS |= {"_time": "UTC", "_seen": "UTC"}
FIELDS = [
    pytest.param(table, field, id=f"{table}.{field.name}")
    for table, fields in schema.TABLES.items()
    for field in fields
]
# Required by the contract of the output folder, whatever else the tables hold.
REQUIRED = {
    "pings": "mmsi time lat lon sog_kn cog_deg heading_deg nav_status cell stop_id",
    "vessels": "mmsi imo name type_code type_group loa_m beam_m to_bow_m to_stern_m to_port_m"
    " to_starboard_m dims_basis",
    "stops": "stop_id mmsi port_id start_time end_time dwell_h n_pings max_gap_h lat lon drift_radius_m"
    " heading_deg heading_spread_deg nav_status kind kind_reason open_start open_end berth_id quay_id"
    " anchorage_id call_id rafted",
    "berths": "berth_id port_id quay_id berth_kind use n_stops n_vessels first_seen last_seen heading_deg"
    " length_m width_m loa_max_m loa_p50_m beam_max_m draught_max_m type_main type_shares dwell_p50_h"
    " dwell_p90_h occupancy hull_basis confidence",
    "berth_cells": "hex_id hex_resolution polygon_name berth_id port_id",
    "berth_calls": "call_id port_call_id mmsi berth_id port_id arrival_time departure_time time_at_berth_h"
    " waiting_h from_m to_m n_stops rafted evidence open_start open_end",
    "port_calls": "port_call_id mmsi port_id arrival_time departure_time n_berths waiting_h time_in_port_h"
    " evidence",
    "indicators": "port_id period_start period type_group indicator value unit n_vessels coverage suppressed",
    "quality": "stage reason action rows",
}


def metadata(field: pa.Field, key: str) -> str:
    return field.metadata[key.encode()].decode()


@pytest.mark.parametrize(("table", "field"), FIELDS)
def test_every_field_has_a_meaning_and_the_unit_of_its_name(table: str, field: pa.Field) -> None:
    assert metadata(field, "description")
    suffix = "_" + field.name.rpartition("_")[2]
    if suffix in UNITS:
        assert metadata(field, "unit") == UNITS[suffix]
    if field.type == schema.TIME:
        assert metadata(field, "unit") == "UTC"
    if field.name in {"lat", "lon"} or field.name.endswith(("_lat", "_lon")):
        assert metadata(field, "unit") == "deg"


@pytest.mark.parametrize("table", REQUIRED)
def test_the_contract_of_the_output_folder_is_kept(table: str) -> None:
    assert set(REQUIRED[table].split()) <= set(schema.TABLES[table].names)


@pytest.mark.parametrize("table", schema.TABLES)
def test_times_are_utc_and_cells_and_vessels_are_signed_64_bit(table: str) -> None:
    for field in schema.TABLES[table]:
        if pa.types.is_timestamp(field.type):
            assert field.type == pa.timestamp("us", tz="UTC")
        if field.name in {"cell", "hex_id", "parent", "mmsi", "imo"}:
            assert field.type == pa.int64()


@pytest.mark.parametrize("table", schema.TABLES)
def test_empty_tables_have_all_columns_and_types(table: str) -> None:
    frame = schema.empty(table)
    assert len(frame) == 0
    assert list(frame.columns) == schema.TABLES[table].names
    assert schema.to_arrow(frame, table).schema.equals(schema.TABLES[table])


# conform ------------------------------------------------------------------------------------------


def test_conform_orders_casts_drops_and_fills() -> None:
    frame = pd.DataFrame({"extra": [1], "lat": [50], "port_id": ["P"], "name": ["Port"]})
    ports = schema.conform(frame, "ports")
    assert list(ports.columns) == schema.PORTS.names
    assert ports["lat"].dtype == np.float64
    assert ports.loc[0, "lat"] == 50.0
    assert pd.isna(ports.loc[0, "lon"])
    assert list(frame.columns) == ["extra", "lat", "port_id", "name"]


def test_conform_turns_times_of_any_zone_and_precision_into_utc_microseconds() -> None:
    local = pd.to_datetime(["2024-07-01 12:00:00.123456"]).tz_localize("Europe/Copenhagen")
    for times in (local, local.as_unit("ns")):
        got = schema.conform(pd.DataFrame({"stop_id": ["a"], "start_time": times}), "stops")["start_time"]
        assert str(got.dtype) == "datetime64[us, UTC]"
        assert got[0] == pd.Timestamp("2024-07-01 10:00:00.123456", tz="UTC")


def test_conform_cuts_off_what_is_finer_than_a_microsecond() -> None:
    times = pd.to_datetime([1_700_000_000_123_456_789], utc=True, unit="ns")
    got = schema.conform(pd.DataFrame({"start_time": times}), "stops")["start_time"]
    assert schema.to_micros(got).tolist() == [1_700_000_000_123_456]


def test_times_without_rows_may_be_of_any_type() -> None:
    assert schema.to_micros(pd.Series([], dtype=bool)).tolist() == []


def test_conform_writes_stop_ids_of_pings_as_a_dictionary() -> None:
    pings = schema.conform(pd.DataFrame({"mmsi": [1, 1, 2], "stop_id": ["a", None, "a"]}), "pings")
    assert isinstance(pings["stop_id"].dtype, pd.CategoricalDtype)
    assert pings["stop_id"].astype(object).where(pings["stop_id"].notna(), None).tolist() == ["a", None, "a"]


def test_conform_refuses_what_it_cannot_cast() -> None:
    with pytest.raises(InputError, match="mmsi in the table 'stops' cannot be read as int64"):
        schema.conform(pd.DataFrame({"mmsi": ["no number"]}), "stops")


@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, 2**40),
            st.none() | st.floats(-90, 90),
            st.none() | st.booleans(),
            st.none() | st.text(st.characters(codec="utf-8"), max_size=5),
        ),
        max_size=5,
    )
)
def test_conform_twice_is_conform_once(rows: list[tuple[int, float | None, bool | None, str | None]]) -> None:
    frame = pd.DataFrame(rows, columns=["mmsi", "lat", "rafted", "kind"])
    once = schema.conform(frame, "stops")
    pd.testing.assert_frame_equal(schema.conform(once, "stops"), once)
    assert schema.to_arrow(once, "stops")["kind"].to_pylist() == [row[3] for row in rows]


def test_units_and_version_travel_inside_the_file(tmp_path) -> None:
    file = tmp_path / "stops.parquet"
    pq.write_table(schema.to_arrow(schema.empty("stops"), "stops"), file)
    read = pq.read_schema(file)
    assert read.metadata[b"ais_berths_table"] == b"stops"
    assert read.metadata[b"ais_berths_schema"] == schema.SCHEMA_VERSION.encode()
    assert metadata(read.field("dwell_h"), "unit") == "h"


# times as numbers ---------------------------------------------------------------------------------


@given(st.lists(st.none() | st.integers(-(10**15), 10**16), max_size=5))
def test_microseconds_there_and_back(micros: list[int | None]) -> None:
    missing = np.iinfo(np.int64).min
    values = np.array([missing if value is None else value for value in micros], dtype=np.int64)
    times = schema.from_micros(values)
    assert times.isna().tolist() == [value is None for value in micros]
    assert schema.to_micros(times).tolist() == values.tolist()


def test_microseconds_of_times_in_nanoseconds() -> None:
    times = pd.Series(pd.to_datetime(["1970-01-01 00:00:01"], utc=True).as_unit("ns"))
    assert schema.to_micros(times).tolist() == [1_000_000]


# what is said about the tables --------------------------------------------------------------------


def test_data_dictionary_holds_every_column_of_every_table_once() -> None:
    parts = schema.data_dictionary().split("## ")[1:]
    assert [part.split("\n")[0] for part in parts] == list(schema.TABLES)
    for part in parts:
        name = part.split("\n")[0]
        rows = [line for line in part.splitlines() if line.startswith("| `")]
        assert [row.split("`")[1] for row in rows] == schema.TABLES[name].names
        assert all(row.count("|") == 5 for row in rows)


def test_data_dictionary_says_what_a_row_is() -> None:
    assert list(schema.ONE_ROW) == list(schema.TABLES)
    assert "One row is a clean position of a ship near a port." in schema.data_dictionary(["pings"])


def test_data_dictionary_of_some_tables() -> None:
    text = schema.data_dictionary(["quality"])
    assert text.startswith("## quality\n")
    assert text.count("## ") == 1


def test_missing_columns_are_named_in_the_order_of_need() -> None:
    schema.check_columns(["a", "b"], "stops", [])
    with pytest.raises(MissingColumnsError, match="the table 'stops' lacks lat, lon; it has mmsi"):
        schema.check_columns(["mmsi"], "stops", ["lat", "mmsi", "lon"])
    with pytest.raises(MissingColumnsError, match="it has no columns"):
        schema.check_columns([], "stops", ["lat"])
