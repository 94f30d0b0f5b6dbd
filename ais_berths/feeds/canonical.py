"""From raw columns to canonical ones: one set of names, types, units and codes for every feed.

Rows are never dropped here: a row of the result stands for a row of the source. What cannot be read is
null, and every defect is counted under one of `REASONS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ais_berths import schema
from ais_berths.feeds import values, words
from ais_berths.feeds.mapping import loosen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.feeds.mapping import Feed

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]
    Rows = NDArray[np.bool_] | NDArray[np.integer[Any]]

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

_KN = {"kn": 1.0, "kn/10": 0.1, "m/s": 3600.0 / 1852.0, "km/h": 1 / 1.852}
_DEG = {"deg": 1.0, "min/10000": 1 / 600_000.0, "deg/10": 0.1}
_M = {"m": 1.0, "m/10": 0.1, "ft": 0.3048}
# 102.2 kn stands for "or more", 102.3 for "not available"; a float32 of 102.2 is a little less.
_SOG_LIMIT_KN = 102.15
_COARSE_SOG_LIMIT_KN = 63.0
_SIZES = {
    "loa_m": "length",
    "beam_m": "beam",
    "to_bow_m": "to_bow",
    "to_stern_m": "to_stern",
    "to_port_m": "to_port",
    "to_starboard_m": "to_starboard",
    "draught_m": "draught",
}
_OFFSETS = ("to_bow_m", "to_stern_m", "to_port_m", "to_starboard_m")
_STATIC_SOURCES = ("imo", "name", "call_sign", "type_code", "type_words", *_SIZES.values(), "transceiver")
_HASH_FACTOR = np.uint64(0x9E37_79B9_7F4A_7C15)


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
    """Bring rows of a raw table into canonical columns.

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
    found = feed.require(table.column_names, "the table")
    found |= feed.resolve(table.column_names, resolution)
    table = _select(table, found, rows)
    columns, usable, counts = _positions(table, feed, found)
    if statics:
        ship, broken = _ship_data(table, feed, found)
        columns |= ship
        counts |= {reason: int((mask & usable).sum()) for reason, mask in broken.items()}
    wanted = pa.schema([REPORT.field(name) for name in REPORT.names if name in columns])
    arrays = [_arrow(columns[field.name], field.type) for field in wanted]
    counts = {reason: n for reason, n in counts.items() if n}
    return Normalised(pa.Table.from_arrays(arrays, schema=wanted), usable, counts)


def read_positions(table: pa.Table, feed: Feed) -> tuple[Floats, Floats]:
    """Read latitude and longitude only, in degrees.

    Returns
    -------
    Two arrays of the length of the table. Both are NaN where the position is missing, unreadable or
    impossible, which takes in the 91 and 181 degrees of "not available".
    """
    found = feed.require(table.column_names, "the table")
    scale = _DEG[feed.units.position]
    lat, lon = (_numbers(table, feed, found, name) for name in ("lat", "lon"))
    if scale != 1.0:
        lat, lon = lat * scale, lon * scale
    good = (np.abs(lat) <= 90.0) & (np.abs(lon) <= 180.0)
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
    return values.to_numpy(values.single(table.column(source)).fill_null(False))


def distinct_statics(
    table: pa.Table, feed: Feed, rows: Rows | None = None
) -> tuple[pa.Table, dict[str, int]]:
    """Collect the ship data of the wanted rows, each combination of values once.

    The raw values are compared first and only distinct ones converted, so this costs a fraction of
    `normalise` with ship data.

    Returns
    -------
    The table ``statics`` of the schema, and the counts of what could not be read. Rows without a readable
    MMSI, of stations that are no ships, or that say nothing about the ship are left out.
    """
    found = feed.resolve(table.column_names)
    sources = {name: found[name] for name in _STATIC_SOURCES if name in found}
    if not sources:
        return schema.STATICS.empty_table(), {}
    table = _select(table, {"mmsi": found["mmsi"]} | sources, rows)
    first, n_reports = _distinct(table)
    table = table.take(pa.array(first))
    mmsi, good = values.whole_numbers(table.column(found["mmsi"]))
    good &= ~_not_vessel(table, feed, found)
    ship, broken = _ship_data(table, feed, sources)
    counts = {reason: int(n_reports[mask & good].sum()) for reason, mask in broken.items()}
    columns = ship | {"mmsi": mmsi, "n_reports": n_reports}
    arrays = [_arrow(columns[field.name], field.type) for field in schema.STATICS]
    result = pa.Table.from_arrays(arrays, schema=schema.STATICS).filter(pa.array(good & _says_much(ship)))
    return result, {reason: n for reason, n in counts.items() if n}


# positions ----------------------------------------------------------------------------------------


def _positions(
    table: pa.Table, feed: Feed, found: dict[str, str]
) -> tuple[dict[str, Any], Mask, dict[str, int]]:
    mmsi, has_mmsi = values.whole_numbers(table.column(found["mmsi"]))
    stamps, has_time = values.times(table.column(found["time"]), feed.time)
    lat, lon = read_positions(table, feed)
    static_only = is_static_only(table, feed)
    if static_only is None:
        static_only = np.zeros(len(table), dtype=bool)
    no_ship = _not_vessel(table, feed, found)
    counts: dict[str, int] = {}
    usable = np.ones(len(table), dtype=bool)
    for reason, bad in {
        "not_a_vessel": no_ship,
        "mmsi_unreadable": ~has_mmsi,
        "time_unreadable": ~(has_time | static_only),
        "position_unreadable": ~(np.isfinite(lat) | static_only),
    }.items():
        counts[reason] = int((usable & bad).sum())
        usable &= ~bad
    motion = _motion(table, feed, found)
    for reason, missing in motion.pop("missing").items():
        counts[reason] = int((usable & missing & ~static_only).sum())
    columns = {
        "mmsi": np.ma.masked_array(mmsi, ~has_mmsi | no_ship),
        "time": np.ma.masked_array(stamps, ~has_time),
        "lat": lat,
        "lon": lon,
        "static_only": static_only,
    } | motion
    if "cell" in found:
        columns["cell"] = values.whole_numbers(table.column(found["cell"]))[0]
    return columns, usable, counts


def _motion(table: pa.Table, feed: Feed, found: dict[str, str]) -> dict[str, Any]:
    """Speed, course, heading, status and rounding, with the masks of what is missing by reason."""
    missing: dict[str, Mask] = {}
    coarse = np.zeros(len(table), dtype=bool)
    if "message_type" in found:
        coarse = _numbers(table, feed, found, "message_type") == 27
    sog = _numbers(table, feed, found, "sog") * _KN[feed.units.speed]
    limit = np.where(coarse, _COARSE_SOG_LIMIT_KN, _SOG_LIMIT_KN)
    sog = np.where((sog >= 0.0) & (sog < limit), sog, np.nan)
    cog = _numbers(table, feed, found, "cog") * _DEG[feed.units.angle]
    if feed.rules.cog_wrap_deg:
        cog = np.where(cog < 0.0, cog + feed.rules.cog_wrap_deg, cog)
    # Just under 360 would become 360 as a float32; -49.6 + 409.6 must count as the 360 it stands for.
    cog = np.where((cog >= 0.0) & (cog < 359.995), cog, np.nan)
    heading = _numbers(table, feed, found, "heading")
    heading = np.where((heading >= 0.0) & (heading < 359.995), heading, np.nan)
    for name, array in {"sog": sog, "cog": cog, "heading": heading}.items():
        if name in found:
            missing[f"{name}_unavailable"] = np.isnan(array)
    lookup = words.status_codes(feed.words.nav_status)
    status, missing["nav_status_unreadable"] = _codes(
        table, found, "nav_status", lookup, default=words.STATUS_UNKNOWN, largest=15
    )
    return {
        "sog_kn": sog,
        "cog_deg": cog,
        "heading_deg": heading,
        "nav_status": status,
        "coarse": coarse,
        "missing": missing,
    }


def _not_vessel(table: pa.Table, feed: Feed, found: dict[str, str]) -> Mask:
    stations = {loosen(word) for word in feed.words.not_vessel}
    if "transceiver" not in found or not stations:
        return np.zeros(len(table), dtype=bool)
    return values.matches(table.column(found["transceiver"]), lambda text: loosen(text) in stations)


# ship data ----------------------------------------------------------------------------------------


def _ship_data(table: pa.Table, feed: Feed, found: dict[str, str]) -> tuple[dict[str, Any], dict[str, Mask]]:
    """Columns of ``statics`` without MMSI and number, and the masks of unreadable values by reason."""
    broken: dict[str, Mask] = {}
    columns: dict[str, Any] = {"name": _name(table, found, "name")}
    columns["call_sign"] = _name(table, found, "call_sign")
    columns["imo"], broken["imo_unreadable"] = _codes(table, found, "imo", {}, default=0, largest=9_999_999)
    columns["type_code"], broken["type_unreadable"] = _type(table, feed, found)
    strange = np.zeros(len(table), dtype=bool)
    for name, source in _SIZES.items():
        size = _numbers(table, feed, found, source)
        if source in found:
            strange |= np.isnan(size) & values.filled(table.column(found[source]))
        columns[name] = size * _M[feed.units.draught if source == "draught" else feed.units.size]
    broken["size_unreadable"] = strange
    for name in ("loa_m", "beam_m", "draught_m"):
        columns[name] = np.where(columns[name] > 0.0, columns[name], np.nan)
    # A single zero is an antenna at the bow or at a side; four zeros are a form left empty.
    given = sum(np.nan_to_num(columns[name]) for name in _OFFSETS) > 0.0
    for name in _OFFSETS:
        columns[name] = np.where(given & (columns[name] >= 0.0), columns[name], np.nan)
    return columns, broken


def _name(table: pa.Table, found: dict[str, str], field: str) -> pa.Array:
    if field not in found:
        return pa.repeat(pa.scalar("", pa.string()), len(table))
    text = values.as_text(table.column(found[field])).fill_null("")
    return pc.utf8_ltrim_whitespace(pc.utf8_rtrim(text, "@ "))


def _type(table: pa.Table, feed: Feed, found: dict[str, str]) -> tuple[NDArray[np.int64], Mask]:
    lookup = words.type_codes(feed.words.type_code)
    limits = {"default": words.TYPE_UNKNOWN, "largest": 99}
    codes, strange = _codes(table, found, "type_code", lookup, **limits)
    vague = codes == words.TYPE_UNKNOWN
    if "type_words" in found and found["type_words"] != found.get("type_code") and vague.any():
        more, more_strange = _codes(table, found, "type_words", lookup, **limits)
        codes = np.where(vague, more, codes)
        strange = np.where(vague, (strange | more_strange) & (more == words.TYPE_UNKNOWN), strange)
    return codes, strange


def _says_much(ship: dict[str, Any]) -> Mask:
    """Tell which rows hold anything at all about the ship."""
    much: Mask = (ship["imo"] > 0) | (ship["type_code"] > 0)
    for name in ("name", "call_sign"):
        much |= values.to_numpy(pc.not_equal(ship[name], ""))
    for name in _SIZES:
        much |= ~np.isnan(ship[name])
    return much


def _distinct(table: pa.Table) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row of each distinct combination of raw values, and how often it comes.

    Rows are compared by a 64-bit hash of the column codes.
    """
    state = np.zeros(len(table), dtype=np.uint64)
    for column in table.columns:
        state = (state ^ _bits(values.single(column))) * _HASH_FACTOR
        state ^= state >> np.uint64(29)
    codes, distinct = pd.factorize(state)
    first = np.empty(len(distinct), dtype=np.int64)
    first[codes[::-1]] = np.arange(len(codes))[::-1]
    return first, np.bincount(codes, minlength=len(distinct))


def _bits(array: pa.Array) -> NDArray[np.uint64]:
    """Return a number for each value that is the same for the same value."""
    kind = array.type
    if pa.types.is_floating(kind):
        bits = np.asarray(values.to_numpy(array), dtype=np.float64)
    elif pa.types.is_signed_integer(kind):
        # A missing number must not look like a zero.
        bits = values.to_numpy(array.fill_null(np.iinfo(kind.to_pandas_dtype()).min)).astype(np.int64)
    else:
        encoded = array if pa.types.is_dictionary(kind) else array.dictionary_encode()
        bits = values.to_numpy(encoded.indices.fill_null(-1)).astype(np.int64)
    return bits.view(np.uint64)


# helpers ------------------------------------------------------------------------------------------


def _select(table: pa.Table, found: dict[str, str], rows: Rows | None) -> pa.Table:
    table = table.select(list(dict.fromkeys(found.values())))
    if rows is None:
        return table
    wanted = np.asarray(rows)
    if wanted.dtype != bool:
        return table.take(pa.array(wanted))
    return table if wanted.all() else table.filter(pa.array(wanted))


def _numbers(table: pa.Table, feed: Feed, found: dict[str, str], field: str) -> Floats:
    if field not in found:
        return np.full(len(table), np.nan)
    array = values.numbers(table.column(found[field]), feed.csv.decimal)
    for marker in feed.rules.missing.get(field, ()):
        array = np.where(array == marker, np.nan, array)
    return array


def _codes(
    table: pa.Table,
    found: dict[str, str],
    field: str,
    lookup: dict[str, int],
    *,
    default: int,
    largest: int,
) -> tuple[NDArray[np.int64], Mask]:
    """Codes from 0 to `largest`, `default` for all others, and the mask of those that make no sense."""
    if field not in found:
        return np.full(len(table), default), np.zeros(len(table), dtype=bool)
    remap = {int(word): code for word, code in lookup.items() if word.isdecimal()}
    codes, strange = values.codes(
        table.column(found[field]), lambda text: words.code_of(text, lookup, default), remap
    )
    inside = (codes >= 0) & (codes <= largest)
    strange = strange | ~(inside | np.isnan(codes))
    return np.where(inside, codes, default).astype(np.int64), strange


def _arrow(column: Any, kind: pa.DataType) -> pa.Array:
    if isinstance(column, pa.Array):
        return column if column.type == kind else column.cast(kind)
    if isinstance(column, np.ma.MaskedArray):
        plain = pa.array(column.data, mask=column.mask)
        return plain.cast(kind) if plain.type != kind else plain
    if pa.types.is_floating(kind):
        return pa.array(column, type=kind, from_pandas=True)
    return pa.array(column, type=kind)
