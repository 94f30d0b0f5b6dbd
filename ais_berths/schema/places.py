"""Where ships stay: stops, footprints, berths, quays, anchorages, and the register that keeps their ids."""

from __future__ import annotations

import pyarrow as pa

from ais_berths.schema.fields import FLAG, FLOAT, INT, TEXT, TIME, table

STOPS = table(
    ("stop_id", TEXT, "", "MMSI and start time; the same stop has the same id in every run"),
    ("mmsi", INT, "", "Maritime Mobile Service Identity"),
    ("port_id", TEXT, "", "port of the quay or anchorage, else of the nearest cell; null in the margin"),
    ("start_time", TIME, "UTC", "first ping of the stop"),
    ("end_time", TIME, "UTC", "last ping of the stop"),
    ("before_time", TIME, "UTC", "last ping before the stop: the ship may have stopped from then on"),
    ("after_time", TIME, "UTC", "first ping after the stop: the ship may have stayed until then"),
    ("arrival_time", TIME, "UTC", "when the ship came to rest, estimated between before_time and start_time"),
    ("departure_time", TIME, "UTC", "when the ship left, estimated between end_time and after_time"),
    ("dwell_h", FLOAT, "h", "end_time minus start_time"),
    ("n_pings", INT, "", "pings in the stop"),
    ("n_fine", INT, "", "pings in the stop that are not rounded (not message 27)"),
    ("n_times", INT, "", "spells of ten minutes with pings"),
    ("max_gap_h", FLOAT, "h", "longest time between two pings of the stop"),
    ("lat", FLOAT, "deg", "median latitude of the antenna"),
    ("lon", FLOAT, "deg", "median longitude of the antenna"),
    ("drift_radius_m", FLOAT, "m", "90th percentile of the distance from the median position"),
    ("drift_median_m", FLOAT, "m", "median distance from the median position"),
    ("drift_rms_m", FLOAT, "m", "root mean square distance from the mean position"),
    ("speed_mean_kn", FLOAT, "kn", "mean speed over ground, null where none was sent"),
    ("heading_deg", FLOAT, "deg", "circular median of the true heading, null where none was sent"),
    ("heading_spread_deg", FLOAT, "deg", "circular standard deviation of the true heading"),
    ("turn_median_deg", FLOAT, "deg", "median turn of the true heading from its median"),
    ("n_headings", INT, "", "pings of the stop with a heading"),
    ("swing_m", FLOAT, "m", "distance to the pivot that best explains position by heading, null if unknown"),
    (
        "swing_share",
        FLOAT,
        "",
        "share of the scatter of positions that this swing explains, null if unknown",
    ),
    ("pivot_lat", FLOAT, "deg", "latitude of that pivot, null if unknown"),
    ("pivot_lon", FLOAT, "deg", "longitude of that pivot, null if unknown"),
    ("nav_status", pa.int8(), "", "most frequent navigational status, 15 where none was sent"),
    ("moored_share", FLOAT, "", "share of pings with status 5 (moored)"),
    ("anchored_share", FLOAT, "", "share of pings with status 1 (at anchor)"),
    ("kind", TEXT, "", "moored, anchored, buoy or adrift"),
    ("kind_reason", TEXT, "", "the evidence for the kind, in words"),
    ("kind_confidence", FLOAT, "", "0.5 (a guess) to 1"),
    ("open_start", FLAG, "", "the arrival was not seen"),
    ("open_end", FLAG, "", "the departure was not seen"),
    ("berth_id", TEXT, "", "berth, or null"),
    ("quay_id", TEXT, "", "quay, or null"),
    ("anchorage_id", TEXT, "", "anchorage, or null"),
    ("call_id", TEXT, "", "berth call, or null"),
    ("port_call_id", TEXT, "", "port call, or null"),
    ("rafted", FLAG, "", "lies outside another ship at the same berth"),
)

HULLS = table(
    ("stop_id", TEXT, "", "stop"),
    ("mmsi", INT, "", "Maritime Mobile Service Identity"),
    ("lat", FLOAT, "deg", "latitude of the middle of the hull"),
    ("lon", FLOAT, "deg", "longitude of the middle of the hull"),
    ("heading_deg", FLOAT, "deg", "direction of the bow; 0-180 where bow and stern cannot be told apart"),
    ("length_m", FLOAT, "m", "length of the footprint"),
    ("width_m", FLOAT, "m", "width of the footprint"),
    ("hull_basis", TEXT, "", "antenna, learned, prior, type or point: what the footprint rests on"),
    ("hull_error_m", FLOAT, "m", "expected error of the middle of the hull (one standard deviation)"),
)

BERTHS = table(
    ("berth_id", TEXT, "", "port and place; kept from run to run by the register"),
    ("port_id", TEXT, "", "port of the quay"),
    ("name", TEXT, "", "name given by hand in the register, else null"),
    ("quay_id", TEXT, "", "quay, or null for a buoy"),
    ("berth_kind", TEXT, "", "discrete, continuous (a whole quay with free positions) or buoy"),
    ("use", TEXT, "", "commercial, service, fishing, leisure or unknown"),
    ("n_stops", INT, "", "moored stops"),
    ("n_vessels", INT, "", "distinct vessels"),
    ("first_seen", TIME, "UTC", "start of the first stop"),
    ("last_seen", TIME, "UTC", "end of the last stop"),
    ("heading_deg", FLOAT, "deg", "direction of the quay line, 0-180"),
    ("length_m", FLOAT, "m", "length along the quay"),
    ("width_m", FLOAT, "m", "width across the quay"),
    ("loa_max_m", FLOAT, "m", "longest ship"),
    ("loa_p50_m", FLOAT, "m", "median ship length"),
    ("beam_max_m", FLOAT, "m", "widest ship"),
    ("draught_max_m", FLOAT, "m", "deepest ship"),
    ("type_main", TEXT, "", "vessel group with the most stops"),
    ("type_shares", TEXT, "", "share of stops by vessel group, as JSON"),
    ("dwell_p50_h", FLOAT, "h", "median time of a stop"),
    ("dwell_p90_h", FLOAT, "h", "90th percentile of the time of a stop"),
    ("occupancy", FLOAT, "", "share of the period with at least one ship alongside"),
    ("hull_basis", TEXT, "", "what most footprints rest on: antenna, learned, prior, type or point"),
    ("confidence", FLOAT, "", "probability that the berth is real and its polygon about right"),
)

QUAYS = table(
    ("quay_id", TEXT, "", "port and place; kept from run to run by the register"),
    ("port_id", TEXT, "", "port: decided for the whole quay"),
    ("name", TEXT, "", "name given by hand in the register, else null"),
    ("quay_kind", TEXT, "", "discrete, continuous or mixed"),
    ("n_berths", INT, "", "berths on the quay"),
    ("n_stops", INT, "", "moored stops"),
    ("n_vessels", INT, "", "distinct vessels"),
    ("heading_deg", FLOAT, "deg", "direction of the quay line, 0-180"),
    ("length_m", FLOAT, "m", "length of the quay line that ships used"),
    ("occupied_m", FLOAT, "m", "mean occupied length over the period"),
    ("line_wkt", TEXT, "", "the quay line, longitude and latitude, as WKT"),
)

ANCHORAGES = table(
    ("anchorage_id", TEXT, "", "port and place; kept from run to run by the register"),
    ("port_id", TEXT, "", "nearest port"),
    ("name", TEXT, "", "name given by hand in the register, else null"),
    ("n_stops", INT, "", "anchored stops"),
    ("n_vessels", INT, "", "distinct vessels"),
    ("first_seen", TIME, "UTC", "start of the first stop"),
    ("last_seen", TIME, "UTC", "end of the last stop"),
    ("dwell_p50_h", FLOAT, "h", "median time of a stop"),
    ("dwell_p90_h", FLOAT, "h", "90th percentile of the time of a stop"),
    ("loa_max_m", FLOAT, "m", "longest ship"),
    ("area_km2", FLOAT, "km2", "area of the polygon"),
)

BERTH_CELLS = table(
    ("hex_id", INT, "", "H3 cell as a signed 64-bit integer"),
    ("hex_resolution", pa.int32(), "", "H3 resolution"),
    ("polygon_name", TEXT, "", "the berth id, under the name that the platform's get_ais expects"),
    ("berth_id", TEXT, "", "berth with the largest share of the cell"),
    ("port_id", TEXT, "", "port of that berth"),
)

REGISTER = table(
    (
        "place_id",
        TEXT,
        "",
        "port, B (berth), Q (quay) or A (anchorage) and a number that is never used again",
    ),
    ("place", TEXT, "", "berth, quay or anchorage"),
    ("port_id", TEXT, "", "port"),
    ("name", TEXT, "", "name given by hand, else null"),
    ("status", TEXT, "", "active, vanished (no visit for long), merged or rejected"),
    ("merged_into", TEXT, "", "place that it is part of now, else null"),
    ("by_hand", TEXT, "", "columns that were set by hand and that no run changes, parted by commas"),
    ("berth_kind", TEXT, "", "discrete, continuous or buoy; null for other places"),
    ("use", TEXT, "", "commercial, service, fishing, leisure or unknown; null for other places"),
    ("heading_deg", FLOAT, "deg", "direction of the long side, 0-180"),
    ("length_m", FLOAT, "m", "length"),
    ("width_m", FLOAT, "m", "width"),
    ("confidence", FLOAT, "", "confidence of the run that the shape is from, null for other places"),
    ("shape_stops", INT, "", "visits that the shape rests on"),
    ("shape_time", TIME, "UTC", "last moment of the run that the shape is from"),
    ("first_seen", TIME, "UTC", "start of the first stop of all runs"),
    ("last_seen", TIME, "UTC", "end of the last stop of all runs"),
)

REGISTER_HISTORY = table(
    ("time", TIME, "UTC", "last moment of the run that said so, or time of the edit"),
    ("place_id", TEXT, "", "place"),
    ("event", TEXT, "", "what happened: new, kept, moved, vanished ..., or what was edited"),
    ("other_id", TEXT, "", "place that it was split from or merged into, else null"),
    ("n_stops", INT, "", "visits in the run, null for edits"),
    ("detail", TEXT, "", "the event in words"),
)
