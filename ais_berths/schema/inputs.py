"""What is read: ports, cells, position reports and ship data."""

from __future__ import annotations

import pyarrow as pa

from ais_berths.schema.fields import FLAG, FLOAT, INT, TEXT, TIME, table

PORTS = table(
    ("port_id", TEXT, "", "World Port Index number, or the number or name in the user's own file"),
    ("name", TEXT, "", "port name"),
    ("locode", TEXT, "", "UN/LOCODE without the space, empty where unknown"),
    ("country", TEXT, "", "ISO 3166 two-letter country code, empty where unknown"),
    ("harbour_size", TEXT, "", "large, medium, small, very small or empty"),
    ("lat", FLOAT, "deg", "latitude of the port point (WGS 84)"),
    ("lon", FLOAT, "deg", "longitude of the port point (WGS 84)"),
    ("other_names", TEXT, "", "other names, separated by semicolons, empty where none is known"),
)

CELLS = table(
    ("cell", INT, "", "H3 cell as a signed 64-bit integer"),
    ("port_id", TEXT, "", "port whose point or area is nearest to the middle of the cell"),
    ("distance_m", FLOAT, "m", "distance from the middle of the cell to that port"),
    ("in_margin", FLAG, "", "the cell is in the margin, beyond the radius of every chosen port"),
)

PINGS = table(
    ("mmsi", INT, "", "Maritime Mobile Service Identity"),
    ("time", TIME, "UTC", "time of the position"),
    ("lat", FLOAT, "deg", "latitude of the antenna (WGS 84)"),
    ("lon", FLOAT, "deg", "longitude of the antenna (WGS 84)"),
    ("sog_kn", pa.float32(), "kn", "speed over ground; null where not available"),
    ("cog_deg", pa.float32(), "deg", "course over ground; null where not available"),
    ("heading_deg", pa.float32(), "deg", "true heading; null where not available"),
    ("nav_status", pa.int8(), "", "navigational status code 0-15 (15 = not defined)"),
    ("coarse", FLAG, "", "position rounded to a tenth of a minute (AIS message 27)"),
    ("track", pa.int16(), "", "0; where several ships share the MMSI, they are numbered 0, 1, 2 ..."),
    ("cell", INT, "", "H3 cell of the position at the filter resolution"),
    (
        "stop_id",
        pa.dictionary(pa.int32(), pa.string()),
        "",
        "stop that the ping belongs to, null while the ship sails",
    ),
)

STATICS = table(
    ("mmsi", INT, "", "Maritime Mobile Service Identity"),
    ("imo", INT, "", "IMO number, 0 where unknown"),
    ("name", TEXT, "", "ship name as sent, empty where unknown"),
    ("call_sign", TEXT, "", "call sign as sent, empty where unknown"),
    ("type_code", pa.int16(), "", "AIS ship type code 0-99, 0 where unknown"),
    ("loa_m", pa.float32(), "m", "length over all as sent, null where unknown"),
    ("beam_m", pa.float32(), "m", "beam as sent, null where unknown"),
    ("to_bow_m", pa.float32(), "m", "antenna to bow (A) as sent, null where unknown"),
    ("to_stern_m", pa.float32(), "m", "antenna to stern (B) as sent, null where unknown"),
    ("to_port_m", pa.float32(), "m", "antenna to port side (C) as sent, null where unknown"),
    ("to_starboard_m", pa.float32(), "m", "antenna to starboard side (D) as sent, null where unknown"),
    ("draught_m", pa.float32(), "m", "draught as sent, null where unknown"),
    ("n_reports", INT, "", "number of reports with exactly these values"),
)

VESSELS = table(
    ("mmsi", INT, "", "Maritime Mobile Service Identity"),
    ("imo", INT, "", "IMO number, 0 where unknown or with a wrong check digit"),
    ("name", TEXT, "", "ship name, the most frequent one sent"),
    ("call_sign", TEXT, "", "call sign, the most frequent one sent"),
    ("type_code", pa.int16(), "", "AIS ship type code 0-99, 0 where unknown"),
    ("type_group", TEXT, "", "cargo, tanker, passenger, tug, fishing, leisure, service, other, unknown"),
    ("loa_m", FLOAT, "m", "length over all, null where unknown or impossible"),
    ("beam_m", FLOAT, "m", "beam, null where unknown or impossible"),
    ("to_bow_m", FLOAT, "m", "antenna to bow (A), null where unknown"),
    ("to_stern_m", FLOAT, "m", "antenna to stern (B), null where unknown"),
    ("to_port_m", FLOAT, "m", "antenna to port side (C), null where unknown"),
    ("to_starboard_m", FLOAT, "m", "antenna to starboard side (D), null where unknown"),
    ("draught_max_m", FLOAT, "m", "largest draught sent, null where unknown"),
    (
        "dims_basis",
        TEXT,
        "",
        "what is known of the size: antenna (A-D), size (only length and width, or one of them) or none",
    ),
    ("n_reports", INT, "", "number of reports read near ports"),
)
