"""From raw columns of any type to numpy arrays: numbers, times and codes.

No bad value raises an error: what cannot be read becomes missing. A fast conversion of the whole column is
tried first; only if it fails are the values sorted into readable and unreadable.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from ais_berths.feeds.arrays import (
    as_text,
    blank_to_null,
    is_text,
    single,
    spread,
    to_numpy,
    try_cast,
    valid,
    zeros_for_nulls,
)
from ais_berths.feeds.days import FIRST_YEAR, LAST_YEAR
from ais_berths.feeds.views import as_dictionary

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from ais_berths.feeds.mapping import TimeFormat

    Floats = NDArray[np.float64]
    Mask = NDArray[np.bool_]

# Whatever fits can be cast: too large an exponent gives infinity, no error.
_NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
# What can be cast to an integer, but for numbers of 19 digits and more that are too large.
_WHOLE = r"^-?0*[0-9]{1,19}$"
_LARGEST = 2**63 - 1
# Spreadsheets write long numbers as 3.67372E+08: the digits beyond are lost, and several ids become one.
_ROUNDED = r"[eE]\+"
_EPOCH_US = {"s": 1e6, "ms": 1e3, "us": 1.0, "ns": 1e-3}
# AIS began in the nineties: a time outside these years is a wrong unit or a broken clock.
_FIRST_US, _END_US = (pd.Timestamp(year, 1, 1).value // 1000 for year in (FIRST_YEAR, LAST_YEAR + 1))


def numbers(column: pa.Array | pa.ChunkedArray, decimal: str = ".") -> Floats:
    """Read a column as floats; NaN where it is missing, infinite or no number.

    Examples
    --------
    >>> numbers(pa.array(["1.5", " 2 ", "", None, "abc", "inf"])).tolist()
    [1.5, 2.0, nan, nan, nan, nan]
    """
    array = single(column)
    if pa.types.is_dictionary(array.type):
        return _through_dictionary(array, lambda part: numbers(part, decimal))
    if is_text(array.type):
        array = _text_numbers(as_text(array), decimal)
    elif pa.types.is_boolean(array.type) or pa.types.is_decimal(array.type):
        array = array.cast(pa.float64(), safe=False)
    elif not (pa.types.is_floating(array.type) or pa.types.is_integer(array.type)):
        return np.full(len(array), np.nan)
    values = np.asarray(to_numpy(array), dtype=np.float64)
    finite = np.isfinite(values)
    return values if finite.all() else np.where(finite, values, np.nan)


def with_points(column: pa.Array | pa.ChunkedArray, decimal: str) -> pa.Array:
    """Return a column where texts such as 70,0 are 70.0, if a comma is the decimal sign.

    Examples
    --------
    >>> with_points(pa.array(["70,0", "moored", None]), ",").to_pylist()
    ['70.0', 'moored', None]
    """
    array = single(column)
    kind = array.type.value_type if pa.types.is_dictionary(array.type) else array.type
    if decimal == "." or not is_text(kind):
        return array
    return pc.replace_substring_regex(as_text(array), r"^([+-]?[0-9]+),([0-9]+)$", r"\1.\2")


def whole_numbers(column: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.int64], Mask]:
    """Read a column as integers; text that a spreadsheet has rounded is unreadable.

    Returns
    -------
    The values, 0 where unreadable, and the mask of readable ones.

    Examples
    --------
    >>> [part.tolist() for part in whole_numbers(pa.array(["366916840", "3.0", "3.5", "3.66917E+08"]))]
    [[366916840, 3, 0, 0], [True, True, False, False]]
    """
    array = single(column)
    if pa.types.is_dictionary(array.type):
        array = array.dictionary.take(array.indices)
    if is_text(array.type):
        return _text_whole_numbers(blank_to_null(as_text(array)))
    if pa.types.is_uint64(array.type):
        fits = pc.less_equal(array, pa.scalar(_LARGEST, array.type))
        array = pc.if_else(fits, array, pa.scalar(None, array.type))
    if pa.types.is_integer(array.type):
        return _integers(array.cast(pa.int64()))
    return _whole_floats(numbers(array))


def text_ids(column: pa.Array | pa.ChunkedArray) -> tuple[NDArray[np.int64], Mask]:
    """Read ids that are text as numbers of their own, the same in every file.

    Returns
    -------
    The values, 0 where the text is empty, and the mask of the others. The numbers are made of the first 53
    bits of a hash, which floats and JSON keep exactly: two of a million ids share a number in one case of
    18,000.

    Examples
    --------
    >>> number, good = text_ids(pa.array(["a3f9", "", "a3f9 ", "b"]))
    >>> bool(number[0] == number[2] != number[3]), good.tolist()
    (True, [True, False, True, True])
    """
    entries = blank_to_null(as_text(column)).dictionary_encode()
    bits = [blake2b(text.encode(), digest_size=8).digest() for text in entries.dictionary.to_pylist()]
    hashed = np.array([int.from_bytes(part, "big") >> 11 for part in bits] + [0], dtype=np.int64)
    return spread(hashed, entries), valid(entries.indices)


def times(column: pa.Array | pa.ChunkedArray, form: TimeFormat) -> tuple[NDArray[np.int64], Mask]:
    """Read a column of times.

    Offsets in ISO texts and zones of timestamps are honoured; other times are in the zone of `form`.

    Returns
    -------
    Microseconds since 1970 UTC, 0 where unreadable, and the mask of readable ones.
    """
    array = single(column)
    if pa.types.is_dictionary(array.type):
        if len(array.dictionary) > len(array):
            return times(array.dictionary.take(array.indices), form)
        values, good = times(array.dictionary, form)
        return spread(np.append(values, 0), array), spread(np.append(good, False), array)
    if form.format == "epoch" and not pa.types.is_temporal(array.type):
        # Float64 holds microseconds of our century to the microsecond, but not nanoseconds.
        us = numbers(array) * _EPOCH_US[form.unit]
        stamps = np.rint(np.where(np.abs(us) < 2**53, us, np.nan))
        good = np.isfinite(stamps)
        stamps = np.where(good, stamps, 0).astype(np.int64)
    else:
        parsed = _to_utc(_timestamps(array, form), form.zone)
        good = valid(parsed)
        stamps = to_numpy(zeros_for_nulls(parsed.cast(pa.int64())))
    good = good & (stamps >= _FIRST_US) & (stamps < _END_US)
    return (stamps if good.all() else np.where(good, stamps, 0)), good


def codes(
    column: pa.Array | pa.ChunkedArray,
    read: Callable[[str], int | None],
    remap: Mapping[int, int],
    *,
    default: int,
    largest: int,
) -> tuple[NDArray[np.int64], Mask]:
    """Read a column of codes or words.

    Parameters
    ----------
    column
        Numbers or text.
    read
        Turns one text into a code, or None if it cannot be understood. Seldom called twice for a text.
    remap
        Replaces numbers of the source by codes.
    default, largest
        What stands for missing codes, and for those that are not from 0 to `largest`.

    Returns
    -------
    The codes, and a mask of the values that are there but cannot be understood.

    Examples
    --------
    >>> column, known = pa.array(["moored", "5", "?", None, "99"]), {"moored": 5, "5": 5, "99": 99}
    >>> [part.tolist() for part in codes(column, known.get, {}, default=15, largest=15)]
    [[5, 5, 15, 15, 15], [False, False, True, False, True]]
    """
    array = single(column)
    if is_text(array.type):
        array = as_dictionary(array)
    if pa.types.is_dictionary(array.type):
        texts = blank_to_null(as_text(array.dictionary))
        quick = try_cast(texts, pa.float64())
        if quick is not None:
            each, strange = codes(quick, read, remap, default=default, largest=largest)
        else:
            found = [default if text is None else read(text) for text in texts.to_pylist()]
            strange = np.array([code is None or not 0 <= code <= largest for code in found])
            each = np.where(strange, default, np.array(found, dtype=np.float64)).astype(np.int64)
        odd = spread(np.append(strange, False), array) if strange.any() else np.zeros(len(array), dtype=bool)
        return spread(np.append(each, default), array), odd
    numeric = numbers(array)
    broken = np.isfinite(numeric) & (numeric != np.floor(numeric))
    if remap:
        old, new = np.array(sorted(remap.items()), dtype=np.float64).T
        at = np.minimum(np.searchsorted(old, numeric), len(old) - 1)
        numeric = np.where(old[at] == numeric, new[at], numeric)
    inside = (numeric >= 0) & (numeric <= largest) & ~broken
    return np.where(inside, numeric, default).astype(np.int64), ~(inside | np.isnan(numeric))


def matches(column: pa.Array | pa.ChunkedArray, test: Callable[[str], bool]) -> Mask:
    """Tell which texts pass a test, which is run once for each distinct text; lists are no texts."""
    array = single(column)
    if pa.types.is_nested(array.type):
        return np.zeros(len(array), dtype=bool)
    array = as_dictionary(array)
    passed = [text is not None and test(text) for text in as_text(array.dictionary).to_pylist()]
    return spread(np.array([*passed, False]), array)


def _without_rounded(text: pa.Array) -> pa.Array:
    rounded = pc.match_substring_regex(text, _ROUNDED)
    return pc.if_else(rounded, pa.scalar(None, text.type), text)


def _through_dictionary(array: pa.Array, read: Callable[[pa.Array], Floats]) -> Floats:
    if len(array.dictionary) > len(array):
        return read(array.dictionary.take(array.indices))
    return spread(np.append(read(array.dictionary), np.nan), array)


def _integers(array: pa.Array) -> tuple[NDArray[np.int64], Mask]:
    good = valid(array)
    return to_numpy(zeros_for_nulls(array)).astype(np.int64, copy=False), good


def _text_whole_numbers(text: pa.Array) -> tuple[NDArray[np.int64], Mask]:
    """Read text as integers; the other texts of a column have no effect on how one is read."""
    quick = None if _has_letters(text) else try_cast(text, pa.int64())
    if quick is not None:
        return _integers(quick)
    fits = pc.match_substring_regex(text, _WHOLE)
    digits = pc.replace_substring_regex(text, r"^-?0*", "")
    largest = pc.if_else(pc.starts_with(text, "-"), str(_LARGEST + 1), str(_LARGEST))
    fits = pc.and_(fits, pc.or_(pc.less(pc.utf8_length(digits), 19), pc.less_equal(digits, largest)))
    exact, is_exact = _integers(pc.if_else(fits, text, pa.scalar(None, text.type)).cast(pa.int64()))
    near, is_near = _whole_floats(numbers(_without_rounded(text)))
    return np.where(is_exact, exact, near), is_exact | is_near


def _has_letters(text: pa.Array) -> bool:
    """Arrow takes 0x1F for 31, which nobody writes for an id."""
    data = text.buffers()[2]
    return data is not None and bool((np.frombuffer(data, np.uint8) >= ord("A")).any())


def _whole_floats(floats: Floats) -> tuple[NDArray[np.int64], Mask]:
    good = (np.abs(floats) < 2**53) & (floats == np.floor(floats))
    return np.where(good, floats, 0).astype(np.int64), good


def _text_numbers(text: pa.Array, decimal: str) -> pa.Array:
    if decimal != ".":
        text = pc.replace_substring(text, decimal, ".")
    text = blank_to_null(text)
    quick = try_cast(text, pa.float64())
    if quick is not None:
        return quick
    fits = pc.match_substring_regex(text, _NUMBER)
    return pc.if_else(fits, text, pa.scalar(None, text.type)).cast(pa.float64())


def _timestamps(array: pa.Array, form: TimeFormat) -> pa.Array:
    """Parse to timestamps, with a zone where the source gives one."""
    kind = array.type
    if pa.types.is_timestamp(kind):
        return array.cast(pa.timestamp("us", kind.tz), safe=False)
    if pa.types.is_date(kind):
        return array.cast(pa.timestamp("us"), safe=False)
    if form.format != "iso":
        if pa.types.is_floating(kind):
            whole, good = _whole_floats(numbers(array))
            array = pa.array(whole, mask=~good)
        return _by_pattern(blank_to_null(as_text(array)), form.format)
    if not is_text(kind):
        return pa.nulls(len(array), pa.timestamp("us"))
    text = blank_to_null(as_text(array))
    for quick in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
        parsed = try_cast(text, quick)
        if parsed is not None:
            return parsed
    text = pc.replace_substring_regex(text, r" ?(UTC|GMT)$", "Z")
    has_zone = pc.match_substring_regex(text, r"[Tt ].*([Zz]|[+-][0-9]{2}:?[0-9]{0,2})$").fill_null(False)
    zoned = _by_pandas(pc.if_else(has_zone, text, pa.scalar(None, text.type)), "ISO8601")
    naive = _by_pandas(pc.if_else(has_zone, pa.scalar(None, text.type), text), "ISO8601")
    return pc.coalesce(zoned, _to_utc(naive.cast(pa.timestamp("us")), form.zone))


def _by_pattern(text: pa.Array, pattern: str) -> pa.Array:
    if any(sign in pattern for sign in ("%f", "%z", "%Z", "%p", "%b", "%B", "%y", "%j")):
        parsed = _by_pandas(text, pattern)
        return parsed if "%z" in pattern else parsed.cast(pa.timestamp("us"))
    parsed = pc.strptime(text, format=pattern, unit="s", error_is_null=True)
    # Days that do not exist (30 February) roll over into the first days of the next month.
    suspect = pc.and_(pc.less_equal(pc.day(parsed), 3), pc.not_equal(pc.strftime(parsed, pattern), text))
    suspect = suspect.fill_null(False)
    parsed = parsed.cast(pa.timestamp("us"))
    if not pc.any(suspect).as_py():
        return parsed
    checked = _by_pandas(pc.if_else(suspect, text, pa.scalar(None, text.type)), pattern)
    return pc.if_else(suspect, checked.cast(pa.timestamp("us")), parsed)


def _by_pandas(text: pa.Array, pattern: str) -> pa.Array:
    # Without a digit, pandas takes "now" and "today" for the time at which it is asked.
    text = pc.if_else(pc.match_substring_regex(text, "[0-9]"), text, pa.scalar(None, text.type))
    series = pd.Series(text.to_pandas(), dtype=object)
    parsed = pd.to_datetime(series, format=pattern, errors="coerce", utc=True)
    return pa.array(parsed).cast(pa.timestamp("us", "UTC"), safe=False)


def _to_utc(stamps: pa.Array, zone: str) -> pa.Array:
    if stamps.type.tz is None and zone != "UTC":
        # The hour that comes twice in autumn is taken for its first run; that left out in spring never was.
        first, last = (
            pc.assume_timezone(stamps, zone, ambiguous="earliest", nonexistent=side)
            for side in ("earliest", "latest")
        )
        stamps = pc.if_else(pc.equal(first, last), first, pa.scalar(None, first.type))
    return stamps.cast(pa.timestamp("us", "UTC"))
