"""Columns that every file format can hold: numbers, truth values and text without spreadsheet formulas."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable

# Full-width signs count in East Asian settings, and a semicolon parts cells where commas are decimal.
_SIGNS = "=+\\-@\uff1d\uff0b\uff0d\uff20"
_FORMULA = re.compile(rf"(^|[;\t\r\n])(?=[\s\"']*[{_SIGNS}])|^(?=[\t\r\n])")


def plain_columns(frame: Any, *, times_as_text: bool) -> Any:
    """Turn every column but shapes into one that all formats can hold.

    Examples
    --------
    >>> plain_columns(pd.DataFrame({"a": [[1, 2]], "b": [np.inf]}), times_as_text=True).to_dict("list")
    {'a': ['[1, 2]'], 'b': [nan]}
    """
    plain = frame.copy()
    for name in plain.columns:
        values = plain[name]
        if isinstance(values, gpd.GeoSeries):
            continue
        if isinstance(values.dtype, pd.DatetimeTZDtype) or values.dtype.kind == "M":
            plain[name] = _iso_times(values) if times_as_text else values
        elif pd.api.types.is_float_dtype(values):
            plain[name] = values.where(np.isfinite(values.to_numpy(dtype=np.float64, na_value=np.nan)))
        elif not (pd.api.types.is_bool_dtype(values) or pd.api.types.is_integer_dtype(values)):
            plain[name] = _as_text(values)
    return plain


def without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Put an apostrophe before text that a spreadsheet would run; `frame` has plain columns.

    Examples
    --------
    >>> without_formulas(pd.DataFrame({"a": ["=1+1", "1+1"]}, dtype="string"))["a"].tolist()
    ["'=1+1", '1+1']
    """
    safe = frame.copy()
    for name in safe.columns:
        if _is_text(safe[name]):
            safe[name] = _each_once(safe[name], lambda text: _FORMULA.sub(r"\1'", text))
    return safe


def _iso_times(values: pd.Series[Any]) -> pd.Series[str]:
    times = pd.DatetimeIndex(pd.to_datetime(values, utc=True)).tz_localize(None).as_unit("us")
    whole = bool((times.dropna().microsecond == 0).all())
    text = np.datetime_as_string(times.to_numpy(), unit="s" if whole else "us").astype(object)
    iso = pd.Series(text + "Z", index=values.index, dtype="string")
    return iso.mask(values.isna())


def _as_text(values: pd.Series[Any]) -> pd.Series[Any]:
    if _is_text(values):
        return _each_once(values, _text)
    objects = [_python(value) for value in values.astype(object)]
    present = [value for value in objects if value is not None]
    if present and all(isinstance(value, bool) for value in present):
        return pd.Series(objects, index=values.index, dtype="boolean")
    texts = [None if value is None else _text(value) for value in objects]
    return pd.Series(texts, index=values.index, dtype="string")


def _python(value: Any) -> Any:
    """Plain Python for numpy and pandas values; None for everything missing."""
    if isinstance(value, dict):
        return {str(key): _python(item) for key, item in value.items()}
    if isinstance(value, (list, tuple, set, np.ndarray)):
        return [_python(item) for item in value]
    if pd.isna(value) or (isinstance(value, float) and not np.isfinite(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    # A zero byte ends a text in C, and half a surrogate pair is not Unicode.
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _each_once(values: pd.Series[Any], change: Callable[[str], str]) -> pd.Series[Any]:
    """Change texts; each distinct one is changed once."""
    code, each = pd.factorize(values)
    texts = [change(text) for text in each]
    if texts == list(each):
        return values
    known = np.array([*texts, None], dtype=object)
    return pd.Series(known[code], index=values.index, dtype="string")


def _is_text(values: pd.Series[Any]) -> bool:
    return isinstance(values.dtype, pd.StringDtype)
