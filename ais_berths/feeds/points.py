"""Positions as GeoParquet points instead of two columns of numbers, as in the daily files of NOAA."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyproj

if TYPE_CHECKING:
    from collections.abc import Iterable

LAT_LON = ("latitude", "longitude")
"""The columns that points are read as."""
_NUMBERS = {"lat", "lon", *LAT_LON}

# Well-known binary of a point in a plane: little-endian, type 1, x, y.
_HEAD, _LENGTH = "\x01\x01\x00\x00\x00", 21
_Y, _X = (13, 21), (5, 13)


def list_columns(schema: pa.Schema) -> list[str]:
    """Names of the columns of a Parquet file, with `LAT_LON` if positions are given only as points.

    Examples
    --------
    >>> list_columns(pa.schema({"mmsi": pa.int64(), "y": pa.float64()}))
    ['mmsi', 'y']
    """
    return [*schema.names, *(LAT_LON if find_points(schema) else ())]


def find_points(schema: pa.Schema) -> str | None:
    """Name the column of points in degrees; None where there is none, or where it is not needed."""
    if not _NUMBERS.isdisjoint(name.casefold() for name in schema.names):
        return None
    try:
        geo = json.loads((schema.metadata or {})[b"geo"])
        name = str(geo["primary_column"])
        column = geo["columns"][name]
        kind = schema.field(name).type
        fits = column["encoding"] == "WKB" and kind in (pa.binary(), pa.large_binary())
        return name if fits and _in_degrees(column) else None
    except (KeyError, TypeError, ValueError, pyproj.exceptions.CRSError):
        return None


def _in_degrees(column: dict[str, Any]) -> bool:
    # Without a system, points are longitude and latitude.
    given = column.get("crs")
    return given is None or pyproj.CRS.from_user_input(given).is_geographic


def unpack_points(table: pa.Table, points: str | None, columns: Iterable[str]) -> pa.Table:
    """Return `columns` of a table, with `LAT_LON` made of its points; what is no point has no position."""
    if points is not None:
        found = table[points]
        plain = pc.and_(pc.equal(pc.binary_length(found), _LENGTH), pc.starts_with(found, pattern=_HEAD))
        found = pc.if_else(plain, found, pa.scalar(None, found.type))
        for name, bounds in zip(LAT_LON, (_Y, _X), strict=True):
            numbers = pc.binary_slice(found, *bounds).cast(pa.binary(8))
            views = [part.view(pa.float64()) for part in numbers.chunks]
            table = table.append_column(name, pa.chunked_array(views, pa.float64()))
    return table.select(list(columns))
