"""The tables of the data flow: columns, types, units and what they mean.

Each table is a pyarrow schema whose fields carry a unit and a description. The same schemas check the
data between steps, travel inside the Parquet files and become the data dictionary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ais_berths.errors import InputError
from ais_berths.schema.checks import check_columns, check_types, column_types
from ais_berths.schema.counts import (
    BERTH_CALLS,
    CELL_COUNTS,
    DETOURS,
    HEXAGON_CELLS,
    HEXAGONS,
    HOURS,
    INDICATORS,
    PORT_CALLS,
    QUALITY,
)
from ais_berths.schema.fields import TIME
from ais_berths.schema.inputs import CELLS, PINGS, PORTS, STATICS, VESSELS
from ais_berths.schema.places import (
    ANCHORAGES,
    BERTH_CELLS,
    BERTHS,
    HULLS,
    QUAYS,
    REGISTER,
    REGISTER_HISTORY,
    STOPS,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

SCHEMA_VERSION = "4"
"""Version of the table layouts, written into every file."""

__all__ = [
    "ANCHORAGES",
    "BERTHS",
    "BERTH_CALLS",
    "BERTH_CELLS",
    "CELLS",
    "CELL_COUNTS",
    "DETOURS",
    "HEXAGONS",
    "HEXAGON_CELLS",
    "HOURS",
    "HULLS",
    "INDICATORS",
    "ONE_ROW",
    "PINGS",
    "PORTS",
    "PORT_CALLS",
    "QUALITY",
    "QUAYS",
    "REGISTER",
    "REGISTER_HISTORY",
    "SCHEMA_VERSION",
    "STATICS",
    "STOPS",
    "TABLES",
    "TIME",
    "VESSELS",
    "check_columns",
    "check_frame",
    "conform",
    "data_dictionary",
    "empty",
    "from_micros",
    "layout",
    "to_arrow",
    "to_micros",
    "to_pandas",
]

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
    "register": REGISTER,
    "register_history": REGISTER_HISTORY,
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

ONE_ROW = {
    "ports": "a point of a port; a port may have several points",
    "cells": "an H3 cell of the filter around the chosen ports",
    "pings": "a clean position of a ship near a port",
    "statics": "a set of ship data as a ship sent them; a ship may have several",
    "vessels": "a ship that stopped near a port or sent its type and size there",
    "stops": "a ship staying in one place",
    "hulls": "the footprint of a moored stop",
    "berths": "a berth",
    "quays": "a quay",
    "anchorages": "an anchorage",
    "berth_cells": "an H3 cell that belongs to a berth",
    "register": "a known place: berth, quay or anchorage",
    "register_history": "something that happened to a place of the register",
    "berth_calls": "one visit of a ship to a berth",
    "port_calls": "one visit of a ship to a port",
    "detours": "a stop of a ship that sailed on to another stop",
    "indicators": "a figure of a port, a period and a group of ships",
    "hours": "an hour in which reports from a port arrived",
    "hexagons": "an area of connected cells, by the predecessor's method",
    "hexagon_cells": "a cell that the predecessor's method clustered",
    "cell_counts": "a coarse cell with its count, by the predecessor's method",
    "quality": "a count of input rows, by step, reason and what was done",
}
"""What one row of each table is."""


def check_frame(frame: pd.DataFrame, table: str, needed: Iterable[str], key: str | None = None) -> None:
    """Raise when a frame cannot be used as `table` by a step; costs little, as types are looked at only.

    Parameters
    ----------
    frame
        Any frame; columns that the table has must be of its types.
    table
        A name from `TABLES`.
    needed
        Columns that must be there, with a value in every row that can be true.
    key
        Column whose values must differ.

    Raises
    ------
    MissingColumnsError
        A needed column is not there.
    InputError
        Naming every column that is wrong.

    Examples
    --------
    >>> frame = pd.DataFrame({"mmsi": [244000001], "lat": [True], "lon": [np.inf]})
    >>> check_frame(frame, "pings", ["mmsi", "lat", "lon"])
    Traceback (most recent call last):
    ...
    ais_berths.errors.InputError: the table 'pings' cannot be used:
      - lat is bool, expected double
      - lon is missing or impossible in 1 of 1 rows
    """
    check_types(frame, TABLES[table], table, needed, key)


def empty(table: str) -> pd.DataFrame:
    """Return the table with its columns and no rows."""
    return to_pandas(TABLES[table].empty_table())


def layout(table: str) -> pa.Schema:
    """Return the schema of `table` as files carry it: with its name and the version of the layouts."""
    return TABLES[table].with_metadata({"ais_berths_table": table, "ais_berths_schema": SCHEMA_VERSION})


def to_arrow(frame: pd.DataFrame, table: str) -> pa.Table:
    """Cast a frame to the schema of `table`, columns in schema order, others dropped.

    A column of the schema that the frame lacks becomes null.

    Raises
    ------
    InputError
        A column holds something else.
    """
    return pa.Table.from_arrays(_arrays(frame, TABLES[table], table), schema=layout(table))


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Turn an Arrow table into a frame with UTC times in microseconds."""
    # Most tables are small or belong to one of several tasks: threads would cost more than they spare.
    frame: pd.DataFrame = table.to_pandas(coerce_temporal_nanoseconds=False, use_threads=False)
    return frame


HOUR_US = 3_600_000_000
"""Microseconds of an hour, see `to_micros`."""

NO_TIME_US = np.iinfo(np.int64).min
"""A missing time in microseconds, see `to_micros`."""


def to_micros(times: pd.Series) -> NDArray[np.int64]:
    """Times as microseconds since 1970; missing times become `NO_TIME_US`."""
    # A column without rows may be of any type.
    micros: NDArray[np.int64] = pd.DatetimeIndex(times if len(times) else []).as_unit("us").asi8
    return micros


def from_micros(micros: NDArray[np.int64]) -> pd.Series:
    """Microseconds since 1970 as UTC times; `NO_TIME_US` becomes NaT."""
    times = np.asarray(micros, dtype=np.int64).view("datetime64[us]")
    return pd.Series(times, dtype=pd.DatetimeTZDtype("us", "UTC"))


def conform(frame: pd.DataFrame, table: str, without: Collection[str] = ()) -> pd.DataFrame:
    """Return the frame with exactly the columns and types of `table`, or all `without` some."""
    wanted = pa.schema([field for field in TABLES[table] if field.name not in without])
    # Columns of numbers and times that are right already need not be looked at, and they mostly are.
    columns = {name: frame[name].array for name in _ready(frame, wanted)}
    others = pa.schema([field for field in wanted if field.name not in columns])
    if len(others):
        found = to_pandas(pa.Table.from_arrays(_arrays(frame, others, table), schema=others))
        columns |= {name: found[name].array for name in others.names}
    return pd.DataFrame({name: columns[name] for name in wanted.names}, copy=False)


def data_dictionary(names: Iterable[str] | None = None) -> str:
    """Return the data dictionary of the named tables (all by default) as Markdown.

    Examples
    --------
    >>> print(data_dictionary(["quality"]).splitlines()[6])
    | `stage` | string |  | step that counted: read, filter, clean, places |
    """
    parts = []
    for name in names if names is not None else TABLES:
        lines = [f"## {name}", "", f"One row is {ONE_ROW[name]}.", ""]
        lines += ["| column | type | unit | meaning |", "|---|---|---|---|"]
        for field in TABLES[name]:
            unit, text = (field.metadata[key].decode() for key in (b"unit", b"description"))
            kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
            lines.append(f"| `{field.name}` | {kind} | {unit} | {text} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _arrays(frame: pd.DataFrame, schema: pa.Schema, table: str) -> list[pa.Array]:
    """Columns of a frame in the types of a schema; null where the frame lacks one."""
    arrays, ready = [], set(_ready(frame, schema))
    for field in schema:
        if field.name not in frame.columns:
            arrays.append(pa.nulls(len(frame), field.type))
            continue
        try:
            # Where the type is not given, Arrow looks for a package of time zones for each column of times.
            kind = field.type if field.name in ready else None
            array = pa.Array.from_pandas(frame[field.name], type=kind)
            arrays.append(array if array.type == field.type else _cast(array, field.type))
        except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
            reason = " ".join(str(error).split())
            raise InputError(
                f"{field.name} in the table '{table}' cannot be read as {field.type}: {reason}"
            ) from error
    return arrays


def _ready(frame: pd.DataFrame, schema: pa.Schema) -> list[str]:
    """Names of the columns, in the order of the schema, that are what Arrow would give back."""
    dtypes, repeated = column_types(frame)
    given = [field for field in schema if field.name in dtypes and field.name not in repeated]
    return [field.name for field in given if _is_ready(dtypes[field.name], field.type)]


def _is_ready(dtype: Any, kind: pa.DataType) -> bool:
    """Tell whether a column is what Arrow would give back."""
    if pa.types.is_timestamp(kind):
        return bool(dtype == pd.DatetimeTZDtype("us", "UTC"))
    numeric = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    return numeric and bool(dtype == np.dtype(kind.to_pandas_dtype()))


def _cast(array: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_dictionary(kind) and not pa.types.is_dictionary(array.type):
        return array.cast(kind.value_type).dictionary_encode().cast(kind)
    # What is finer than a microsecond is cut off.
    return array.cast(kind, safe=not pa.types.is_timestamp(kind))
