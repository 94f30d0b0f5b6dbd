"""Ship data of a raw table: name, numbers, type and size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from ais_berths import schema
from ais_berths.feeds import arrays, words
from ais_berths.feeds.fields import codes, cut, not_vessel, numbers, select, ship_numbers, to_arrow

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.feeds.fields import Mask
    from ais_berths.feeds.mapping import Feed

_M = {"m": 1.0, "m/10": 0.1, "ft": 0.3048}
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


def distinct_statics(
    table: pa.Table, feed: Feed, rows: Mask | None = None
) -> tuple[pa.Table, dict[str, int]]:
    """Collect the ship data of the wanted rows, each combination of values once.

    The raw values are compared first and only distinct ones converted, so this costs a fraction of
    `normalise`. All rows of the table are compared, which takes less time than cutting out most of them.

    Parameters
    ----------
    rows
        Mask of the wanted rows; all by default.

    Returns
    -------
    The table ``statics`` of the schema, and the counts of what could not be read. Rows without a readable
    MMSI, of stations that are no ships, or that say nothing about the ship are left out.
    """
    found = feed.resolve(table.column_names)
    sources = {name: found[name] for name in _STATIC_SOURCES if name in found}
    if not sources:
        return schema.STATICS.empty_table(), {}
    table = select(table, {"mmsi": found["mmsi"]} | sources, None)
    first, n_reports = _distinct(table, rows)
    table = cut(table, first)
    mmsi, good = ship_numbers(table, feed, found)
    good &= ~not_vessel(table, feed, found)
    ship, broken = ship_data(table, feed, sources)
    counts = {reason: int(n_reports[mask & good].sum()) for reason, mask in broken.items()}
    columns = ship | {"mmsi": mmsi, "n_reports": n_reports}
    arrays = [to_arrow(columns[field.name], field.type) for field in schema.STATICS]
    result = pa.Table.from_arrays(arrays, schema=schema.STATICS).filter(pa.array(good & _says_much(ship)))
    return result, {reason: n for reason, n in counts.items() if n}


def ship_data(table: pa.Table, feed: Feed, found: dict[str, str]) -> tuple[dict[str, Any], dict[str, Mask]]:
    """Columns of ``statics`` without MMSI and number, and the masks of unreadable values by reason."""
    broken: dict[str, Mask] = {}
    columns: dict[str, Any] = {"name": _name(table, found, "name")}
    columns["call_sign"] = _name(table, found, "call_sign")
    columns["imo"], broken["imo_unreadable"] = codes(
        table, feed, found, "imo", {}, default=0, largest=9_999_999
    )
    columns["type_code"], broken["type_unreadable"] = _type(table, feed, found)
    strange = np.zeros(len(table), dtype=bool)
    for name, source in _SIZES.items():
        size = numbers(table, feed, found, source)
        if source in found:
            strange |= np.isnan(size) & arrays.filled(table.column(found[source]))
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
    text = arrays.as_text(table.column(found[field])).fill_null("")
    return pc.utf8_ltrim_whitespace(pc.utf8_rtrim(text, "@ "))


def _type(table: pa.Table, feed: Feed, found: dict[str, str]) -> tuple[NDArray[np.int64], Mask]:
    lookup = words.type_codes(feed.words.type_code)
    limits = {"default": words.TYPE_UNKNOWN, "largest": 99}
    kinds, strange = codes(table, feed, found, "type_code", lookup, **limits)
    vague = kinds == words.TYPE_UNKNOWN
    if "type_words" in found and found["type_words"] != found.get("type_code") and vague.any():
        more, more_strange = codes(table, feed, found, "type_words", lookup, **limits)
        kinds = np.where(vague, more, kinds)
        strange = np.where(vague, (strange | more_strange) & (more == words.TYPE_UNKNOWN), strange)
    return kinds, strange


def _says_much(ship: dict[str, Any]) -> Mask:
    """Tell which rows hold anything at all about the ship."""
    much: Mask = (ship["imo"] > 0) | (ship["type_code"] > 0)
    for name in ("name", "call_sign"):
        much |= arrays.to_numpy(pc.not_equal(ship[name], ""))
    for name in _SIZES:
        much |= ~np.isnan(ship[name])
    return much


def _distinct(table: pa.Table, rows: Mask | None) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row of each distinct combination of raw values, and how often it comes.

    Rows are compared by a 64-bit hash, which takes half of the time of comparing values.
    """
    hashes = pl.DataFrame(table).hash_rows().to_numpy()
    at = np.arange(len(hashes)) if rows is None else np.flatnonzero(rows)
    codes, distinct = pd.factorize(hashes[at])
    first = np.empty(len(distinct), dtype=np.int64)
    first[codes[::-1]] = at[::-1]
    return first, np.bincount(codes, minlength=len(distinct))
