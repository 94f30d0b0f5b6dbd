"""From raw columns to canonical ones: one set of names, types, units and codes for every feed.

Rows are never dropped here: each row of the result is one row of the source. What cannot be read is null, and
every defect is counted under one of `REASONS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from ais_berths import schema
from ais_berths.compiled import compiled
from ais_berths.feeds import arrays, values, words
from ais_berths.feeds.fields import codes, not_vessel, numbers, select, ship_numbers, to_arrow
from ais_berths.feeds.statics import ship_data
from ais_berths.geo import KN_PER_M_S

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.feeds.fields import Floats, Mask, Rows
    from ais_berths.feeds.mapping import Feed
    from ais_berths.h3cells import Cells

_PING_FIELDS = ("mmsi", "time", "lat", "lon", "sog_kn", "cog_deg", "heading_deg", "nav_status", "coarse")
_STATIC_FIELDS = [name for name in schema.STATICS.names if name not in ("mmsi", "n_reports")]

REPORT = pa.schema(
    [schema.PINGS.field(name) for name in _PING_FIELDS]
    + [schema.PINGS.field("cell")]
    + [
        pa.field(
            "static_only",
            pa.bool_(),
            metadata={"unit": "", "description": "ship data without a position (AIS messages 5 and 24)"},
        )
    ]
    + [schema.STATICS.field(name) for name in _STATIC_FIELDS]
)
"""Columns of `normalise`; ``cell`` only where the feed carries H3 cells."""

REASONS: dict[str, tuple[str, str]] = {
    "not_a_vessel": ("dropped", "base station, buoy or other station that is no ship"),
    "mmsi_unreadable": ("dropped", "no MMSI, or not a whole number"),
    "time_unreadable": ("dropped", "no time, not in the format of the feed, or outside 1990-2099"),
    "position_unreadable": ("dropped", "no position (also 91 or 181 degrees), or not a number"),
    "line_malformed": ("dropped", "line of text with too few or too many columns"),
    "sentence_undecodable": ("dropped", "NMEA sentence with a wrong checksum or content"),
    "sentence_incomplete": ("dropped", "part of an NMEA message whose other parts are missing"),
    "message_other": ("dropped", "AIS message that holds neither a ship position nor ship data"),
    "sog_unavailable": ("cleared", "speed missing, negative or 102.2 knots and above"),
    "cog_unavailable": ("cleared", "course missing or outside 0-359.9 degrees"),
    "heading_unavailable": ("cleared", "heading missing (511) or outside 0-359 degrees"),
    "nav_status_unreadable": ("cleared", "navigational status that is no code 0-15 and no known word"),
    "imo_unreadable": ("cleared", "IMO number without a number of at most seven digits"),
    "type_unreadable": ("cleared", "ship type that is no code 0-99 and no known word"),
    "size_unreadable": ("cleared", "length, beam, antenna offset or draught that is not a number"),
}
"""Every defect that reading can find: what was done about it, and what it means."""

_YES = {"true", "t", "yes", "y", "1", "1.0"}
_KN = {"kn": 1.0, "kn/10": 0.1, "m/s": KN_PER_M_S, "km/h": 1 / 1.852}
_DEG = {"deg": 1.0, "deg 0-360": 1.0, "min/10000": 1 / 600_000.0, "deg/10": 0.1}
# 102.2 kn stands for "or more", 102.3 for "not available"; a float32 of 102.2 is a little less.
_SOG_LIMIT_KN = 102.15
_COARSE_SOG_LIMIT_KN = 63.0
# Just under 360 would become 360 as a float32; -49.6 + 409.6 must count as the 360 it stands for.
_ANGLE_LIMIT_DEG = 359.995


@dataclass(frozen=True)
class Reports:
    """The result of `read_reports`.

    Parameters
    ----------
    columns
        Arrays by names of `REPORT`, without ship data: nan where missing, ``mmsi`` and ``time`` (microseconds
        since 1970) masked there; ``cell`` only where the feed carries H3 cells.
    usable, counts
        As in `Normalised`.
    """

    columns: dict[str, Any]
    usable: NDArray[np.bool_]
    counts: dict[str, int]


@dataclass(frozen=True)
class Normalised:
    """The result of `normalise`.

    Parameters
    ----------
    table
        Arrow table with the columns of `REPORT`, one row for each selected row of the source.
    usable
        True where MMSI is there and, unless the row is static only, time and position are too.
    counts
        Rows by reason, see `REASONS`. An unusable row has exactly one ``dropped`` reason; ``cleared``
        reasons are counted among usable rows only.
    """

    table: pa.Table
    usable: NDArray[np.bool_]
    counts: dict[str, int]


def normalise(
    table: pa.Table,
    feed: Feed,
    rows: Rows | None = None,
    *,
    resolution: int | None = None,
    statics: bool = True,
) -> Normalised:
    """Bring rows of a raw table into canonical columns; `read_reports` gives arrays in less time.

    Parameters
    ----------
    table
        Raw columns as `iter_batches` yields them, or any Arrow table that `feed` describes.
    feed
        What the columns mean.
    rows
        Mask or positions of the wanted rows; all by default. Only these are converted.
    resolution
        Add ``cell`` if the feed carries H3 cells at exactly this resolution (0 where missing).
    statics
        Also convert ship data; `distinct_statics` is the cheaper way to them.

    Raises
    ------
    MissingColumnsError
        The table has no MMSI, time, latitude or longitude.

    Examples
    --------
    >>> from ais_berths.feeds import load_feed
    >>> raw = pa.table({"MMSI": [366916840], "BaseDateTime": ["2020-01-01T00:00:05"], "LAT": [29.8],
    ...                 "LON": [-95.1], "SOG": [102.3], "Heading": [511.0], "Status": ["moored"]})
    >>> result = normalise(raw, load_feed("noaa"), statics=False)
    >>> result.table.select(["mmsi", "sog_kn", "nav_status"]).to_pylist()
    [{'mmsi': 366916840, 'sog_kn': None, 'nav_status': 5}]
    >>> result.counts
    {'sog_unavailable': 1, 'heading_unavailable': 1}
    """
    found = feed.require(table.column_names, "the table") | feed.resolve(table.column_names, resolution)
    table = select(table, found, rows)
    reports = read_reports(table, feed, resolution=resolution)
    columns, counts = reports.columns, reports.counts
    if statics:
        ship, broken = ship_data(table, feed, found)
        more = {reason: int((mask & reports.usable).sum()) for reason, mask in broken.items()}
        columns, counts = columns | ship, counts | {reason: n for reason, n in more.items() if n}
    wanted = pa.schema([REPORT.field(name) for name in REPORT.names if name in columns])
    arrays = [to_arrow(columns[field.name], field.type) for field in wanted]
    return Normalised(pa.Table.from_arrays(arrays, schema=wanted), reports.usable, counts)


def read_reports(
    table: pa.Table,
    feed: Feed,
    rows: Mask | None = None,
    *,
    positions: tuple[Floats, Floats] | None = None,
    cells: Cells | None = None,
    resolution: int | None = None,
) -> Reports:
    """Read time, position and motion of all rows of a raw table.

    Parameters
    ----------
    rows
        Rows that count; the others are never usable.
    positions
        What `read_positions` returns, if it was asked already.
    cells
        What `read_cells` returns, if it was asked already.
    resolution
        As for `normalise`, where `cells` is not given.
    """
    found = feed.require(table.column_names, "the table")
    rows = np.ones(len(table), dtype=bool) if rows is None else rows
    lat, lon = read_positions(table, feed) if positions is None else positions
    columns, usable, counts = _reports(table, feed, found, rows, lat, lon)
    if cells is None and resolution is not None:
        cells = read_cells(table, feed, resolution)
    if cells is not None:
        columns["cell"] = cells
    return Reports(columns, usable, {reason: n for reason, n in counts.items() if n})


def read_positions(table: pa.Table, feed: Feed) -> tuple[Floats, Floats]:
    """Read latitude and longitude only, in degrees.

    Returns
    -------
    Two arrays of the length of the table. Both are NaN where the position is missing, unreadable or
    impossible, which takes in the 91 and 181 degrees of "not available".
    """
    found = feed.require(table.column_names, "the table")
    scale = _DEG[feed.units.position]
    lat, lon = (numbers(table, feed, found, name) for name in ("lat", "lon"))
    lat, lon = _scaled(lat, scale), _scaled(lon, scale)
    if feed.units.position == "deg 0-360":
        lon = np.where((lon > 180.0) & (lon <= 360.0), lon - 360.0, lon)
    good = (lat >= -90.0) & (lat <= 90.0) & (lon >= -180.0) & (lon <= 180.0)
    if good.all():
        return lat, lon
    return np.where(good, lat, np.nan), np.where(good, lon, np.nan)


def read_cells(table: pa.Table, feed: Feed, resolution: int) -> NDArray[np.int64] | None:
    """Read the H3 cells that the feed carries at exactly this resolution; None if it has none.

    Missing cells are 0.
    """
    source = feed.resolve(table.column_names, resolution).get("cell")
    return None if source is None else values.whole_numbers(table.column(source))[0]


def is_static_only(table: pa.Table, feed: Feed) -> Mask | None:
    """Tell which rows hold ship data without a position; None if the feed has no such rows.

    They have no place, so a filter by place must let them pass: ``near | is_static_only(...)``.
    """
    source = feed.resolve(table.column_names).get("static_only")
    if source is None:
        return None
    column = arrays.single(table.column(source))
    if pa.types.is_boolean(column.type):
        return arrays.to_numpy(column.fill_null(False))
    return values.matches(column, lambda text: text.casefold() in _YES)


# reports ------------------------------------------------------------------------------------------


def _reports(
    table: pa.Table, feed: Feed, found: dict[str, str], usable: Mask, lat: Floats, lon: Floats
) -> tuple[dict[str, Any], Mask, dict[str, int]]:
    mmsi, has_mmsi = ship_numbers(table, feed, found)
    time = table.column(found["time"])
    if feed.time.format == "epoch":
        time = values.with_points(time, feed.csv.decimal)
    stamps, has_time = values.times(time, feed.time)
    static_only = is_static_only(table, feed)
    if static_only is None:
        static_only = np.zeros(len(table), dtype=bool)
    no_ship = not_vessel(table, feed, found)
    counts: dict[str, int] = {}
    for reason, bad in {
        "not_a_vessel": no_ship,
        "mmsi_unreadable": ~has_mmsi,
        "time_unreadable": ~(has_time | static_only),
        "position_unreadable": ~(np.isfinite(lat) | static_only),
    }.items():
        counts[reason] = int(np.count_nonzero(usable & bad))
        usable = usable & ~bad
    motion = _motion(table, feed, found)
    heard = usable & ~static_only
    for reason, missing in motion.pop("missing").items():
        counts[reason] = int(np.count_nonzero(heard & missing))
    columns = {
        "mmsi": np.ma.masked_array(mmsi, ~has_mmsi | no_ship),
        "time": np.ma.masked_array(stamps, ~has_time),
        "lat": lat,
        "lon": lon,
        "static_only": static_only,
    } | motion
    return columns, usable, counts


def _motion(table: pa.Table, feed: Feed, found: dict[str, str]) -> dict[str, Any]:
    """Speed, course, heading, status and rounding, with the masks of what is missing by reason."""
    missing: dict[str, Mask] = {}
    coarse = np.zeros(len(table), dtype=bool)
    if "message_type" in found:
        coarse = numbers(table, feed, found, "message_type") == 27
    speed = _scaled(numbers(table, feed, found, "sog"), _KN[feed.units.speed])
    if coarse.any():
        speed = np.where(coarse & (speed >= _COARSE_SOG_LIMIT_KN), np.nan, speed)
    course = _scaled(numbers(table, feed, found, "cog"), _DEG[feed.units.angle])
    if feed.rules.cog_wrap_deg:
        course = np.where(course < 0.0, course + feed.rules.cog_wrap_deg, course)
    sog, cog = _within(speed, _SOG_LIMIT_KN), _within(course, _ANGLE_LIMIT_DEG)
    heading = _within(numbers(table, feed, found, "heading"), _ANGLE_LIMIT_DEG)
    for name, array in {"sog": sog, "cog": cog, "heading": heading}.items():
        if name in found:
            missing[f"{name}_unavailable"] = np.isnan(array)
    lookup = words.status_codes(feed.words.nav_status)
    status, missing["nav_status_unreadable"] = codes(
        table, feed, found, "nav_status", lookup, default=words.STATUS_UNKNOWN, largest=15
    )
    return {
        "sog_kn": sog,
        "cog_deg": cog,
        "heading_deg": heading,
        "nav_status": status.astype(np.int8),
        "coarse": coarse,
        "missing": missing,
    }


def _scaled(array: Floats, factor: float) -> Floats:
    return array if factor == 1.0 else array * factor


@compiled
def _within(array: Floats, limit: float) -> NDArray[np.float32]:
    """Numbers from 0 to below a limit, and nan for all others."""
    found = np.empty(len(array), np.float32)
    for i in range(len(array)):
        found[i] = array[i] if 0.0 <= array[i] < limit else np.nan
    return found
