"""What is counted: calls, figures of ports, cells, and the rows that were dropped."""

from __future__ import annotations

import pyarrow as pa

from ais_berths.schema.fields import FLAG, FLOAT, INT, TEXT, TIME, table

BERTH_CALLS = table(
    ("call_id", TEXT, "", "id of the berth call: B and the id of its first stop"),
    ("port_call_id", TEXT, "", "port call that the berth call belongs to"),
    ("mmsi", INT, "", "Maritime Mobile Service Identity"),
    ("berth_id", TEXT, "", "berth"),
    ("port_id", TEXT, "", "port of the berth"),
    ("arrival_time", TIME, "UTC", "arrival, estimated between the two pings around it"),
    (
        "arrival_earliest",
        TIME,
        "UTC",
        "earliest possible arrival: last ping before the stay; null where there is none",
    ),
    ("arrival_latest", TIME, "UTC", "latest possible arrival: first ping of the stay plus calls.creep_s"),
    ("departure_time", TIME, "UTC", "departure, estimated between the two pings around it"),
    (
        "departure_earliest",
        TIME,
        "UTC",
        "earliest possible departure: last ping of the stay less calls.creep_s",
    ),
    (
        "departure_latest",
        TIME,
        "UTC",
        "latest possible departure: first ping after the stay; null where there is none",
    ),
    ("time_at_berth_h", FLOAT, "h", "departure_time minus arrival_time"),
    (
        "waiting_h",
        FLOAT,
        "h",
        "time at anchor before the first berth of the port call, a lower bound; 0 at later berths",
    ),
    ("from_m", FLOAT, "m", "where the ship lay on a continuous quay: from this metre of its line; else null"),
    ("to_m", FLOAT, "m", "to this metre of the line; else null"),
    ("n_stops", INT, "", "stops in the call"),
    ("n_pings", INT, "", "pings in these stops"),
    ("rafted", FLAG, "", "the ship lay outside another ship"),
    ("evidence", pa.int8(), "", "1, plus 1 for each of arrival, stay and departure that was seen"),
    ("open_start", FLAG, "", "no ping before the stay: the ship may have been there long before"),
    ("open_end", FLAG, "", "no ping after the stay: the ship may still be there"),
)

PORT_CALLS = table(
    ("port_call_id", TEXT, "", "id of the port call: P and the id of its first stop"),
    ("mmsi", INT, "", "Maritime Mobile Service Identity"),
    ("port_id", TEXT, "", "port"),
    ("arrival_time", TIME, "UTC", "arrival at the first stop, at anchor or at a berth"),
    (
        "arrival_earliest",
        TIME,
        "UTC",
        "earliest possible arrival: last ping before that stop; null where there is none",
    ),
    ("arrival_latest", TIME, "UTC", "latest possible arrival: first ping of that stop plus calls.creep_s"),
    ("departure_time", TIME, "UTC", "departure from the last stop"),
    (
        "departure_earliest",
        TIME,
        "UTC",
        "earliest possible departure: last ping of that stop less calls.creep_s",
    ),
    (
        "departure_latest",
        TIME,
        "UTC",
        "latest possible departure: first ping after that stop; null where there is none",
    ),
    ("n_berths", INT, "", "number of different berths of its berth calls"),
    ("n_stops", INT, "", "stops in the call, also those at anchor"),
    ("waiting_h", FLOAT, "h", "time at anchor before the first berth, a lower bound; null without a berth"),
    ("time_in_port_h", FLOAT, "h", "departure_time minus arrival_time"),
    ("anchorage_only", FLAG, "", "the ship anchored and came to no berth"),
    ("evidence", pa.int8(), "", "1, plus 1 for each of arrival, stay and departure that was seen"),
    ("open_start", FLAG, "", "no ping before the first stop"),
    ("open_end", FLAG, "", "no ping after the last stop"),
)

DETOURS = table(
    ("stop_id", TEXT, "", "stop after which the ship sailed"),
    ("detour_m", FLOAT, "m", "how far from the direct way the ship was seen before its next stop"),
)

INDICATORS = table(
    ("port_id", TEXT, "", "port"),
    ("period_start", TEXT, "", "first day of the period in the chosen time zone, ISO 8601"),
    ("period", TEXT, "", "day, week (from Monday) or month"),
    ("type_group", TEXT, "", "vessel group, or all: all chosen groups together"),
    ("indicator", TEXT, "", "name of the figure"),
    ("part", TEXT, "", "for a profile: hour of the day (00-23) or weekday (1-7, 1 = Monday); else empty"),
    ("value", FLOAT, "", "the figure; null where suppressed"),
    ("unit", TEXT, "", "unit of the figure, empty for a count or a share"),
    ("n_vessels", INT, "", "different vessels behind the figure; null where suppressed"),
    (
        "coverage",
        INT,
        "h",
        "hours of the period in which any report from the port arrived; null where not known",
    ),
    (
        "suppressed",
        FLAG,
        "",
        "withheld, because it rests on too few vessels or would reveal a figure that does",
    ),
)

HOURS = table(
    ("port_id", TEXT, "", "port"),
    ("hour", TIME, "UTC", "beginning of the hour"),
    ("n_pings", INT, "", "clean pings near the port"),
)

HEXAGONS = table(
    ("cluster", pa.int32(), "", "cluster of cells, numbered from the one with the most cells"),
    ("n_cells", INT, "", "cells of the area at the parent resolution, including those that fill gaps"),
    ("n_pieces", INT, "", "pieces that the fillers joined"),
    ("n_fine_cells", INT, "", "cells that were clustered"),
    ("count", INT, "", "stationary pings in them"),
)

HEXAGON_CELLS = table(
    ("cell", INT, "", "H3 cell at the fine resolution as a signed 64-bit integer"),
    ("count", INT, "", "stationary pings in the cell"),
    ("cluster", pa.int32(), "", "cluster of the cell, -1 for noise"),
    ("parent", INT, "", "parent of the cell at the resolution of the area"),
)

CELL_COUNTS = table(
    ("cell", INT, "", "H3 cell as a signed 64-bit integer"),
    ("count", INT, "", "stationary pings in the cell"),
)

QUALITY = table(
    ("stage", TEXT, "", "step that counted: read, filter, clean, places"),
    ("reason", TEXT, "", "what was found"),
    ("action", TEXT, "", "kept, dropped, cleared (value set to null) or flagged"),
    ("rows", INT, "", "number of rows"),
)
