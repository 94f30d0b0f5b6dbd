"""Checks of a frame where it enters a step: columns, types, and values without which nothing can be done."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ais_berths.errors import Complaints, InputError, MissingColumnsError

if TYPE_CHECKING:
    from collections.abc import Iterable

_LIMITS = {"lat": 90.0, "lon": 360.0}
_KINDS = {"float": "fiu", "integer": "iuf", "flag": "b"}


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
        found = ", ".join(sorted(map(str, present))) or "no columns"
        raise MissingColumnsError(f"the table '{table}' lacks {', '.join(missing)}; it has {found}")


def check_types(
    frame: pd.DataFrame, layout: pa.Schema, table: str, needed: Iterable[str], key: str | None = None
) -> None:
    """Raise when a frame cannot be used as a table of this layout; see `ais_berths.schema.check_frame`."""
    needed = list(needed)
    check_columns(frame.columns, table, needed)
    complaints = Complaints()
    # Columns are taken out of the frame only where their type does not tell enough: that takes longer.
    dtypes, repeated = column_types(frame)
    for field in layout:
        name = field.name
        if name in repeated:
            complaints.add(f"{name} comes several times")
        elif name not in dtypes or not len(frame):
            continue
        elif not (_is_number(dtypes[name], field.type) or _is_of(frame[name], field.type)):
            complaints.add(f"{name} is {dtypes[name]}, expected {field.type}")
        elif name in needed and (wrong := _unusable(frame[name], name)):
            complaints.add(f"{name} is missing or impossible in {wrong:,} of {len(frame):,} rows")
    complaints.raise_if_any(InputError, f"the table '{table}' cannot be used")
    if key is not None and frame[key].duplicated().any():
        raise InputError(f"the table '{table}' has several rows with the same {key}, expected one")


def column_types(frame: pd.DataFrame) -> tuple[dict[str, Any], set[str]]:
    """Types of the columns by name, and the names that come several times."""
    # With lists of Python that takes half as long as with an index of pandas.
    names = frame.columns.tolist()
    dtypes = dict(zip(names, frame.dtypes.to_numpy(), strict=True))
    return dtypes, set() if len(dtypes) == len(names) else {name for name in names if names.count(name) > 1}


def _is_number(dtype: Any, kind: pa.DataType) -> bool:
    """Whether values of this type can be had as this kind of number, flag or time without looking at them."""
    if pa.types.is_timestamp(kind):
        return isinstance(dtype, pd.DatetimeTZDtype)
    return bool(dtype.kind in _KINDS.get(_kind(kind), ""))


def _is_of(column: pd.Series[Any], kind: pa.DataType) -> bool:
    """Whether texts are texts, and flags with nulls among them, which are objects, flags."""
    dtype = column.dtype
    name = _kind(kind)
    if name == "text":
        values = dtype.categories if isinstance(dtype, pd.CategoricalDtype) else column
        inferred = pd.api.types.infer_dtype(values, skipna=True)
        return inferred in {"string", "empty"} or bool(column.isna().all())
    flags = {"boolean", "empty"}
    return name == "flag" and dtype.kind == "O" and pd.api.types.infer_dtype(column, skipna=True) in flags


def _kind(kind: pa.DataType) -> str:
    if pa.types.is_boolean(kind):
        return "flag"
    if pa.types.is_floating(kind):
        return "float"
    return "integer" if pa.types.is_integer(kind) else "time" if pa.types.is_timestamp(kind) else "text"


def _unusable(column: pd.Series[Any], name: str) -> int:
    """Rows without a value, or with one that no place, time or number has."""
    if name in _LIMITS:
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return int((~(np.abs(values) <= _LIMITS[name])).sum())
    if column.dtype.kind == "f":
        values = column.to_numpy(dtype=np.float64, na_value=np.nan)
        return int((~np.isfinite(values)).sum())
    return int(column.isna().sum())
