"""Fields of a raw table as arrays, whatever the names and types of its columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
import pyarrow as pa

from ais_berths.feeds import values, words
from ais_berths.feeds.mapping import loosen

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.feeds.mapping import Feed

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]
    Rows = NDArray[np.bool_] | NDArray[np.integer[Any]]


def select(table: pa.Table, found: dict[str, str], rows: Rows | None) -> pa.Table:
    """Columns of the fields that were found, in the wanted rows."""
    table = table.select(list(dict.fromkeys(found.values())))
    return table if rows is None else cut(table, rows)


def cut(table: pa.Table, rows: Rows) -> pa.Table:
    """Rows at positions, or where a mask is true."""
    wanted = np.asarray(rows)
    mask = wanted.dtype == bool
    if mask and wanted.all():
        return table
    if pa.string_view() in table.schema.types:
        # Text as polars gives it, without a copy, which Arrow cannot cut yet.
        frame = pl.DataFrame(table)
        return (frame.filter(pl.Series(wanted)) if mask else frame[wanted]).to_arrow()
    return table.filter(pa.array(wanted)) if mask else table.take(pa.array(wanted))


def ship_numbers(table: pa.Table, feed: Feed, found: dict[str, str]) -> tuple[NDArray[np.int64], Mask]:
    """MMSI, or numbers that stand for ids; 0 where unreadable, and the mask of readable ones."""
    column = table.column(found["mmsi"])
    if feed.rules.ids == "text":
        return values.text_ids(column)
    return values.whole_numbers(values.with_points(column, feed.csv.decimal))


def numbers(table: pa.Table, feed: Feed, found: dict[str, str], field: str) -> Floats:
    """Numbers of a field; NaN where they are missing or stand for that."""
    if field not in found:
        return np.full(len(table), np.nan)
    array = values.numbers(table.column(found[field]), feed.csv.decimal)
    for marker in feed.rules.missing.get(field, ()):
        array = np.where(array == marker, np.nan, array)
    return array


def codes(
    table: pa.Table,
    feed: Feed,
    found: dict[str, str],
    field: str,
    lookup: dict[str, int],
    *,
    default: int,
    largest: int,
) -> tuple[NDArray[np.int64], Mask]:
    """Codes of a field, see `values.codes`."""
    if field not in found:
        return np.full(len(table), default), np.zeros(len(table), dtype=bool)
    remap = {int(word): code for word, code in lookup.items() if word.removeprefix("-").isdecimal()}
    return values.codes(
        values.with_points(table.column(found[field]), feed.csv.decimal),
        lambda text: words.code_of(text, lookup, default),
        remap,
        default=default,
        largest=largest,
    )


def to_arrow(column: Any, kind: pa.DataType) -> pa.Array:
    """Column of a type; masked values become null, and NaN too."""
    if isinstance(column, pa.Array):
        return column if column.type == kind else column.cast(kind)
    if isinstance(column, np.ma.MaskedArray):
        plain = pa.array(column.data, mask=column.mask)
        return plain.cast(kind) if plain.type != kind else plain
    if pa.types.is_floating(kind):
        return pa.array(column, type=kind, from_pandas=True)
    return pa.array(column, type=kind)


def not_vessel(table: pa.Table, feed: Feed, found: dict[str, str]) -> Mask:
    """Rows of stations that are no ships."""
    stations = {loosen(word) for word in feed.words.not_vessel}
    if "transceiver" not in found or not stations:
        return np.zeros(len(table), dtype=bool)
    return values.matches(table.column(found["transceiver"]), lambda text: loosen(text) in stations)
