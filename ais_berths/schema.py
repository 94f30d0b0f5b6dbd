"""The tables of the data flow: columns, types, units and what they mean.

Each table is a pyarrow schema whose fields carry a unit and a description. The same schemas check the
data between steps, travel inside the Parquet files and become the data dictionary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from ais_berths.errors import MissingColumnsError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

SCHEMA_VERSION = "1"
"""Version of the table layouts, written into every file."""

TIME = pa.timestamp("us", tz="UTC")
_TEXT, _INT, _FLOAT, _FLAG = pa.string(), pa.int64(), pa.float64(), pa.bool_()


def _table(*rows: tuple[str, pa.DataType, str, str]) -> pa.Schema:
    return pa.schema(
        [
            pa.field(name, kind, metadata={"unit": unit, "description": text})
            for name, kind, unit, text in rows
        ]
    )


PORTS = _table(
    ("port_id", _TEXT, "", "World Port Index number, or the number or name in the user's own file"),
    ("name", _TEXT, "", "port name"),
    ("locode", _TEXT, "", "UN/LOCODE without the space, empty where unknown"),
    ("country", _TEXT, "", "ISO 3166 two-letter country code, empty where unknown"),
    ("harbour_size", _TEXT, "", "large, medium, small, very small or empty"),
    ("lat", _FLOAT, "deg", "latitude of the port point (WGS 84)"),
    ("lon", _FLOAT, "deg", "longitude of the port point (WGS 84)"),
    ("other_names", _TEXT, "", "other names, parted by semicolons, empty where none is known"),
)

CELLS = _table(
    ("cell", _INT, "", "H3 cell as a signed 64-bit integer"),
    ("port_id", _TEXT, "", "port whose point or area is nearest to the middle of the cell"),
    ("distance_m", _FLOAT, "m", "distance from the middle of the cell to that port"),
    ("in_margin", _FLAG, "", "the cell lies in the margin: beyond the radius of every chosen port"),
)

PINGS = _table(
    ("mmsi", _INT, "", "Maritime Mobile Service Identity"),
    ("time", TIME, "UTC", "time of the position"),
    ("lat", _FLOAT, "deg", "latitude of the antenna (WGS 84)"),
    ("lon", _FLOAT, "deg", "longitude of the antenna (WGS 84)"),
    ("sog_kn", pa.float32(), "kn", "speed over ground; null where not available"),
    ("cog_deg", pa.float32(), "deg", "course over ground; null where not available"),
    ("heading_deg", pa.float32(), "deg", "true heading; null where not available"),
    ("nav_status", pa.int8(), "", "navigational status code 0-15 (15 = not defined)"),
    ("coarse", _FLAG, "", "position rounded to a tenth of a minute (AIS message 27)"),
    ("track", pa.int16(), "", "0, or 1, 2 ... where several ships share the MMSI"),
    ("cell", _INT, "", "H3 cell of the position at the filter resolution"),
    ("stop_id", pa.dictionary(pa.int32(), pa.string()), "", "stop that the ping belongs to, or null"),
)

STATICS = _table(
    ("mmsi", _INT, "", "Maritime Mobile Service Identity"),
    ("imo", _INT, "", "IMO number, 0 where unknown"),
    ("name", _TEXT, "", "ship name as sent, empty where unknown"),
    ("call_sign", _TEXT, "", "call sign as sent, empty where unknown"),
    ("type_code", pa.int16(), "", "AIS ship type code 0-99, 0 where unknown"),
    ("loa_m", pa.float32(), "m", "length over all as sent, null where unknown"),
    ("beam_m", pa.float32(), "m", "beam as sent, null where unknown"),
    ("to_bow_m", pa.float32(), "m", "antenna to bow (A) as sent, null where unknown"),
    ("to_stern_m", pa.float32(), "m", "antenna to stern (B) as sent, null where unknown"),
    ("to_port_m", pa.float32(), "m", "antenna to port side (C) as sent, null where unknown"),
    ("to_starboard_m", pa.float32(), "m", "antenna to starboard side (D) as sent, null where unknown"),
    ("draught_m", pa.float32(), "m", "draught as sent, null where unknown"),
    ("n_reports", _INT, "", "reports that carried exactly these values"),
)

VESSELS = _table(
    ("mmsi", _INT, "", "Maritime Mobile Service Identity"),
    ("imo", _INT, "", "IMO number, 0 where unknown or with a wrong check digit"),
    ("name", _TEXT, "", "ship name, the most frequent one sent"),
    ("call_sign", _TEXT, "", "call sign, the most frequent one sent"),
    ("type_code", pa.int16(), "", "AIS ship type code 0-99, 0 where unknown"),
    ("type_group", _TEXT, "", "cargo, tanker, passenger, tug, fishing, leisure, service, other, unknown"),
    ("loa_m", _FLOAT, "m", "length over all, null where unknown or impossible"),
    ("beam_m", _FLOAT, "m", "beam, null where unknown or impossible"),
    ("to_bow_m", _FLOAT, "m", "antenna to bow (A), null where unknown"),
    ("to_stern_m", _FLOAT, "m", "antenna to stern (B), null where unknown"),
    ("to_port_m", _FLOAT, "m", "antenna to port side (C), null where unknown"),
    ("to_starboard_m", _FLOAT, "m", "antenna to starboard side (D), null where unknown"),
    ("draught_max_m", _FLOAT, "m", "largest draught sent, null where unknown"),
    ("dims_basis", _TEXT, "", "antenna (A-D known), size (length and width only) or none"),
    ("n_reports", _INT, "", "reports read near ports"),
)

STOPS = _table(
    ("stop_id", _TEXT, "", "MMSI and start time; the same stop has the same id in every run"),
    ("mmsi", _INT, "", "Maritime Mobile Service Identity"),
    ("port_id", _TEXT, "", "port of the quay or anchorage, else of the nearest cell; null in the margin"),
    ("start_time", TIME, "UTC", "first ping of the stop"),
    ("end_time", TIME, "UTC", "last ping of the stop"),
    ("before_time", TIME, "UTC", "last ping before the stop: the ship may have stopped from then on"),
    ("after_time", TIME, "UTC", "first ping after the stop: the ship may have stayed until then"),
    ("arrival_time", TIME, "UTC", "when the ship came to rest, estimated between before_time and start_time"),
    ("departure_time", TIME, "UTC", "when the ship left, estimated between end_time and after_time"),
    ("dwell_h", _FLOAT, "h", "end_time minus start_time"),
    ("n_pings", _INT, "", "pings in the stop"),
    ("n_fine", _INT, "", "pings in the stop that are not rounded (not message 27)"),
    ("n_times", _INT, "", "spells of ten minutes with pings"),
    ("max_gap_h", _FLOAT, "h", "longest time between two pings of the stop"),
    ("lat", _FLOAT, "deg", "median latitude of the antenna"),
    ("lon", _FLOAT, "deg", "median longitude of the antenna"),
    ("drift_radius_m", _FLOAT, "m", "90th percentile of the distance from the median position"),
    ("drift_median_m", _FLOAT, "m", "median distance from the median position"),
    ("drift_rms_m", _FLOAT, "m", "root mean square distance from the mean position"),
    ("speed_mean_kn", _FLOAT, "kn", "mean speed over ground, null where none was sent"),
    ("heading_deg", _FLOAT, "deg", "circular median of the true heading, null where none was sent"),
    ("heading_spread_deg", _FLOAT, "deg", "circular standard deviation of the true heading"),
    ("turn_median_deg", _FLOAT, "deg", "median turn of the true heading from its median"),
    ("n_headings", _INT, "", "pings of the stop with a heading"),
    ("swing_m", _FLOAT, "m", "distance to the pivot that best explains position by heading, null if unknown"),
    (
        "swing_share",
        _FLOAT,
        "",
        "share of the scatter of positions that this swing explains, null if unknown",
    ),
    ("pivot_lat", _FLOAT, "deg", "latitude of that pivot, null if unknown"),
    ("pivot_lon", _FLOAT, "deg", "longitude of that pivot, null if unknown"),
    ("nav_status", pa.int8(), "", "most frequent navigational status, 15 where none was sent"),
    ("moored_share", _FLOAT, "", "share of pings with status 5 (moored)"),
    ("anchored_share", _FLOAT, "", "share of pings with status 1 (at anchor)"),
    ("kind", _TEXT, "", "moored, anchored, buoy or adrift"),
    ("kind_reason", _TEXT, "", "the evidence for the kind, in words"),
    ("kind_confidence", _FLOAT, "", "0.5 (a guess) to 1"),
    ("open_start", _FLAG, "", "the arrival was not seen"),
    ("open_end", _FLAG, "", "the departure was not seen"),
    ("berth_id", _TEXT, "", "berth, or null"),
    ("quay_id", _TEXT, "", "quay, or null"),
    ("anchorage_id", _TEXT, "", "anchorage, or null"),
    ("call_id", _TEXT, "", "berth call, or null"),
    ("rafted", _FLAG, "", "lies outside another ship at the same berth"),
)

HULLS = _table(
    ("stop_id", _TEXT, "", "stop"),
    ("mmsi", _INT, "", "Maritime Mobile Service Identity"),
    ("lat", _FLOAT, "deg", "latitude of the middle of the hull"),
    ("lon", _FLOAT, "deg", "longitude of the middle of the hull"),
    ("heading_deg", _FLOAT, "deg", "direction of the bow; 0-180 where bow and stern cannot be told apart"),
    ("length_m", _FLOAT, "m", "length of the footprint"),
    ("width_m", _FLOAT, "m", "width of the footprint"),
    ("hull_basis", _TEXT, "", "antenna, learned, prior, type or point: what the footprint rests on"),
    ("hull_error_m", _FLOAT, "m", "expected error of the middle of the hull (one standard deviation)"),
)

BERTHS = _table(
    ("berth_id", _TEXT, "", "port and place; kept from run to run by the register"),
    ("port_id", _TEXT, "", "port of the quay"),
    ("quay_id", _TEXT, "", "quay, or null for a buoy"),
    ("berth_kind", _TEXT, "", "discrete, continuous (a whole quay with free positions) or buoy"),
    ("use", _TEXT, "", "commercial, service, fishing, leisure or unknown"),
    ("n_stops", _INT, "", "moored stops"),
    ("n_vessels", _INT, "", "distinct vessels"),
    ("first_seen", TIME, "UTC", "start of the first stop"),
    ("last_seen", TIME, "UTC", "end of the last stop"),
    ("heading_deg", _FLOAT, "deg", "direction of the quay line, 0-180"),
    ("length_m", _FLOAT, "m", "length along the quay"),
    ("width_m", _FLOAT, "m", "width across the quay"),
    ("loa_max_m", _FLOAT, "m", "longest ship"),
    ("loa_p50_m", _FLOAT, "m", "median ship length"),
    ("beam_max_m", _FLOAT, "m", "widest ship"),
    ("draught_max_m", _FLOAT, "m", "deepest ship"),
    ("type_main", _TEXT, "", "vessel group with the most stops"),
    ("type_shares", _TEXT, "", "share of stops by vessel group, as JSON"),
    ("dwell_p50_h", _FLOAT, "h", "median time of a stop"),
    ("dwell_p90_h", _FLOAT, "h", "90th percentile of the time of a stop"),
    ("occupancy", _FLOAT, "", "share of the period with at least one ship alongside"),
    ("hull_basis", _TEXT, "", "what most footprints rest on: antenna, learned, prior, type or point"),
    ("confidence", _FLOAT, "", "probability that the berth is real and its polygon about right"),
)

QUAYS = _table(
    ("quay_id", _TEXT, "", "port and place"),
    ("port_id", _TEXT, "", "port: decided for the whole quay"),
    ("quay_kind", _TEXT, "", "discrete, continuous or mixed"),
    ("n_berths", _INT, "", "berths on the quay"),
    ("n_stops", _INT, "", "moored stops"),
    ("n_vessels", _INT, "", "distinct vessels"),
    ("heading_deg", _FLOAT, "deg", "direction of the quay line, 0-180"),
    ("length_m", _FLOAT, "m", "length of the quay line that ships used"),
    ("occupied_m", _FLOAT, "m", "mean occupied length over the period"),
    ("line_wkt", _TEXT, "", "the quay line, longitude and latitude, as WKT"),
)

ANCHORAGES = _table(
    ("anchorage_id", _TEXT, "", "port and place"),
    ("port_id", _TEXT, "", "nearest port"),
    ("n_stops", _INT, "", "anchored stops"),
    ("n_vessels", _INT, "", "distinct vessels"),
    ("first_seen", TIME, "UTC", "start of the first stop"),
    ("last_seen", TIME, "UTC", "end of the last stop"),
    ("dwell_p50_h", _FLOAT, "h", "median time of a stop"),
    ("dwell_p90_h", _FLOAT, "h", "90th percentile of the time of a stop"),
    ("loa_max_m", _FLOAT, "m", "longest ship"),
    ("area_km2", _FLOAT, "km2", "area of the polygon"),
)

BERTH_CELLS = _table(
    ("hex_id", _INT, "", "H3 cell as a signed 64-bit integer"),
    ("hex_resolution", pa.int32(), "", "H3 resolution"),
    ("polygon_name", _TEXT, "", "the berth id, under the name that the platform's get_ais expects"),
    ("berth_id", _TEXT, "", "berth with the largest share of the cell"),
    ("port_id", _TEXT, "", "port of that berth"),
)

BERTH_CALLS = _table(
    ("call_id", _TEXT, "", "B and the id of the first stop"),
    ("port_call_id", _TEXT, "", "port call that the berth call is part of"),
    ("mmsi", _INT, "", "Maritime Mobile Service Identity"),
    ("berth_id", _TEXT, "", "berth"),
    ("port_id", _TEXT, "", "port of the berth"),
    ("arrival_time", TIME, "UTC", "arrival: the middle between its bounds where they are close"),
    ("arrival_earliest", TIME, "UTC", "last ping before the stay; null where there is none"),
    ("arrival_latest", TIME, "UTC", "first ping of the stay"),
    ("departure_time", TIME, "UTC", "departure: the middle between its bounds where they are close"),
    ("departure_earliest", TIME, "UTC", "last ping of the stay"),
    ("departure_latest", TIME, "UTC", "first ping after the stay; null where there is none"),
    ("time_at_berth_h", _FLOAT, "h", "departure_time minus arrival_time"),
    ("waiting_h", _FLOAT, "h", "time at anchor before the first berth of a port call, a lower bound; else 0"),
    ("from_m", _FLOAT, "m", "where the ship begins along the line of a continuous quay, else null"),
    ("to_m", _FLOAT, "m", "where it ends"),
    ("n_stops", _INT, "", "stops"),
    ("n_pings", _INT, "", "pings in them"),
    ("rafted", _FLAG, "", "lay outside another ship"),
    ("evidence", pa.int8(), "", "1, and 1 more for each that was seen: the arrival, the stay, the departure"),
    ("open_start", _FLAG, "", "no ping before the stay: the ship may have been there long before"),
    ("open_end", _FLAG, "", "no ping after the stay: the ship may still be there"),
)

PORT_CALLS = _table(
    ("port_call_id", _TEXT, "", "P and the id of the first stop"),
    ("mmsi", _INT, "", "Maritime Mobile Service Identity"),
    ("port_id", _TEXT, "", "port"),
    ("arrival_time", TIME, "UTC", "arrival at the first stop, at anchor or at a berth"),
    ("arrival_earliest", TIME, "UTC", "last ping before that stop; null where there is none"),
    ("arrival_latest", TIME, "UTC", "first ping of that stop"),
    ("departure_time", TIME, "UTC", "departure from the last stop"),
    ("departure_earliest", TIME, "UTC", "last ping of that stop"),
    ("departure_latest", TIME, "UTC", "first ping after that stop; null where there is none"),
    ("n_berths", _INT, "", "different berths"),
    ("n_stops", _INT, "", "stops, those at anchor included"),
    ("waiting_h", _FLOAT, "h", "time at anchor before the first berth, a lower bound; null without a berth"),
    ("time_in_port_h", _FLOAT, "h", "departure_time minus arrival_time"),
    ("anchorage_only", _FLAG, "", "the ship anchored and came to no berth"),
    ("evidence", pa.int8(), "", "1, and 1 more for each that was seen: the arrival, the stay, the departure"),
    ("open_start", _FLAG, "", "no ping before the first stop"),
    ("open_end", _FLAG, "", "no ping after the last stop"),
)

DETOURS = _table(
    ("stop_id", _TEXT, "", "stop after which the ship sailed"),
    ("detour_m", _FLOAT, "m", "how far out of the way it was seen before its next stop"),
)

INDICATORS = _table(
    ("port_id", _TEXT, "", "port"),
    ("period_start", _TEXT, "", "first day of the period in the chosen time zone, ISO 8601"),
    ("period", _TEXT, "", "day, week (from Monday) or month"),
    ("type_group", _TEXT, "", "vessel group, or all: those that were chosen together"),
    ("indicator", _TEXT, "", "name of the figure"),
    ("part", _TEXT, "", "hour of the day (00-23) or weekday (1-7, from Monday) of a profile, else empty"),
    ("value", _FLOAT, "", "the figure; null where suppressed"),
    ("unit", _TEXT, "", "unit of the figure, empty for a number"),
    ("n_vessels", _INT, "", "different vessels behind the figure; null where suppressed"),
    ("coverage", _INT, "h", "hours of the period in which the port was heard; null where not known"),
    ("suppressed", _FLAG, "", "withheld: it rests on too few vessels, or would give away one that does"),
)

HOURS = _table(
    ("port_id", _TEXT, "", "port"),
    ("hour", TIME, "UTC", "beginning of the hour"),
    ("n_pings", _INT, "", "clean pings near the port"),
)

HEXAGONS = _table(
    ("cluster", pa.int32(), "", "cluster of cells, numbered from the one with the most cells"),
    ("n_cells", _INT, "", "cells of the area at the parent resolution, fillers included"),
    ("n_pieces", _INT, "", "pieces that the fillers joined"),
    ("n_fine_cells", _INT, "", "cells that were clustered"),
    ("count", _INT, "", "stationary pings in them"),
)

HEXAGON_CELLS = _table(
    ("cell", _INT, "", "H3 cell at the fine resolution as a signed 64-bit integer"),
    ("count", _INT, "", "stationary pings in the cell"),
    ("cluster", pa.int32(), "", "cluster of the cell, -1 for noise"),
    ("parent", _INT, "", "its parent at the resolution of the area"),
)

CELL_COUNTS = _table(
    ("cell", _INT, "", "H3 cell as a signed 64-bit integer"),
    ("count", _INT, "", "stationary pings in the cell"),
)

QUALITY = _table(
    ("stage", _TEXT, "", "step that counted: read, filter, clean, stops, mooring, berths"),
    ("reason", _TEXT, "", "what was found"),
    ("action", _TEXT, "", "kept, dropped, cleared (value set to null) or flagged"),
    ("rows", _INT, "", "rows"),
)

TABLES: dict[str, pa.Schema] = {
    "ports": PORTS,
    "cells": CELLS,
    "pings": PINGS,
    "statics": STATICS,
    "vessels": VESSELS,
    "stops": STOPS,
    "hulls": HULLS,
    "berths": BERTHS,
    "quays": QUAYS,
    "anchorages": ANCHORAGES,
    "berth_cells": BERTH_CELLS,
    "berth_calls": BERTH_CALLS,
    "port_calls": PORT_CALLS,
    "detours": DETOURS,
    "indicators": INDICATORS,
    "hours": HOURS,
    "hexagons": HEXAGONS,
    "hexagon_cells": HEXAGON_CELLS,
    "cell_counts": CELL_COUNTS,
    "quality": QUALITY,
}


def check_columns(columns: Iterable[str], table: str, needed: Iterable[str]) -> None:
    """Raise when `columns` lacks some that a step needs from `table`.

    Raises
    ------
    MissingColumnsError
        Naming the missing columns and the ones found.

    Examples
    --------
    >>> check_columns(["mmsi", "lat"], "pings", ["mmsi", "lat", "lon"])
    Traceback (most recent call last):
    ...
    ais_berths.errors.MissingColumnsError: the table 'pings' lacks lon; it has lat, mmsi
    """
    present = set(columns)
    missing = [name for name in needed if name not in present]
    if missing:
        found = ", ".join(sorted(present)) or "no columns"
        raise MissingColumnsError(f"the table '{table}' lacks {', '.join(missing)}; it has {found}")


def empty(table: str) -> pd.DataFrame:
    """Return the table with its columns and no rows."""
    return to_pandas(TABLES[table].empty_table())


def to_arrow(frame: pd.DataFrame, table: str) -> pa.Table:
    """Cast a frame to the schema of `table`, columns in schema order, others dropped.

    A column of the schema that the frame lacks becomes null.
    """
    schema = TABLES[table]
    arrays = []
    for field in schema:
        if field.name in frame.columns:
            array = pa.Array.from_pandas(frame[field.name])
            arrays.append(array if array.type == field.type else _cast(array, field.type))
        else:
            arrays.append(pa.nulls(len(frame), field.type))
    metadata = {"ais_berths_table": table, "ais_berths_schema": SCHEMA_VERSION}
    return pa.Table.from_arrays(arrays, schema=schema.with_metadata(metadata))


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Turn an Arrow table into a frame with UTC times in microseconds."""
    frame: pd.DataFrame = table.to_pandas(coerce_temporal_nanoseconds=False)
    return frame


def to_micros(times: pd.Series) -> NDArray[np.int64]:
    """Times as microseconds since 1970; missing times become the smallest integer."""
    micros: NDArray[np.int64] = pd.DatetimeIndex(times).as_unit("us").asi8
    return micros


def from_micros(micros: NDArray[np.int64]) -> pd.Series:
    """Microseconds since 1970 as UTC times; the smallest integer becomes NaT."""
    naive = pd.Series(np.asarray(micros, dtype=np.int64).view("datetime64[us]"))
    return naive.dt.tz_localize("UTC")


def conform(frame: pd.DataFrame, table: str) -> pd.DataFrame:
    """Return the frame with exactly the columns and types of `table`."""
    return to_pandas(to_arrow(frame, table))


def data_dictionary(names: Iterable[str] | None = None) -> str:
    """Return the data dictionary of the named tables (all by default) as Markdown.

    Examples
    --------
    >>> print(data_dictionary(["quality"]).splitlines()[4])
    | `stage` | string |  | step that counted: read, filter, clean, stops, mooring, berths |
    """
    parts = []
    for name in names if names is not None else TABLES:
        lines = [f"## {name}", "", "| column | type | unit | meaning |", "|---|---|---|---|"]
        for field in TABLES[name]:
            unit, text = (field.metadata[key].decode() for key in (b"unit", b"description"))
            lines.append(f"| `{field.name}` | {field.type} | {unit} | {text} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind) and not pa.types.is_dictionary(array.type):
        return array.cast(kind.value_type).dictionary_encode().cast(kind)
    # What is finer than a microsecond is cut off.
    return array.cast(kind, safe=not pa.types.is_timestamp(kind))
