"""Words of the report: names of groups in a fixed order, and text from strangers made safe."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ais_berths.redact import printable

TYPE_GROUPS = {
    "cargo": "Cargo",
    "tanker": "Tanker",
    "passenger": "Passenger",
    "tug": "Tug",
    "fishing": "Fishing",
    "service": "Service",
    "leisure": "Leisure",
    "other": "Other",
    "unknown": "Unknown",
}
"""Vessel groups in the order in which every table and chart shows them."""

USES = {
    "commercial": "Commercial",
    "service": "Service",
    "fishing": "Fishing",
    "leisure": "Leisure",
    "unknown": "Unknown",
}
"""What berths are used for, in the order of every table."""

KINDS = {"moored": "Moored", "anchored": "At anchor", "buoy": "At a buoy", "adrift": "Adrift"}
"""Kinds of stops, in the order of every table."""

STAGES = {
    "read": "Reading",
    "filter": "Near ports",
    "clean": "Cleaning",
    "places": "Berths",
}
"""Steps of a run that count rows, in the order of the data."""


def safe_text(value: Any, longest: int = 80) -> str:
    r"""Text from a stranger without control characters, direction marks and line breaks, and not too long.

    Examples
    --------
    >>> safe_text("EVER\x1b[31m GIVEN\u202e"), safe_text(None)
    ('EVER?[31m GIVEN?', '')
    """
    if value is None or value is pd.NA or value != value:  # noqa: PLR0124 - not a number
        return ""
    text = printable(str(value).strip())
    return text if len(text) <= longest else text[: longest - 1] + "\u2026"


def iso_time(time: Any) -> str | None:
    """Time as ISO 8601 with Z, to the minute; None for no time.

    Examples
    --------
    >>> iso_time(pd.Timestamp("2020-01-01T02:03:04Z"))
    '2020-01-01T02:03Z'
    """
    return None if pd.isna(time) else f"{pd.Timestamp(time).tz_convert('UTC'):%Y-%m-%dT%H:%MZ}"


def plain_time(text: str | None) -> str:
    """ISO time as people write it.

    Examples
    --------
    >>> plain_time("2020-01-01T02:03Z")
    '2020-01-01 02:03'
    """
    return text.replace("T", " ").rstrip("Z") if text else "\u2013"


def plain_span(visit: dict[str, Any]) -> tuple[str, str]:
    """Arrival and departure as people write them; an end that was not seen says so."""
    return (
        ("before " if visit["open_start"] else "") + plain_time(visit["arrival"]),
        ("after " if visit["open_end"] else "") + plain_time(visit["departure"]),
    )


def plain_number(value: float | None, digits: int = 0, unit: str = "") -> str:
    """Return a number with thousands separators, or a dash where there is none.

    Examples
    --------
    >>> plain_number(12345.6), plain_number(0.256, 1, "%")
    ('12,346', '25.6 %')
    """
    if value is None or value != value:  # noqa: PLR0124 - not a number
        return "\u2013"
    shown = value * 100 if unit == "%" else value
    return f"{shown:,.{digits}f}" + (f" {unit}" if unit else "")


def plain_change(share: float | None) -> str:
    """Return a change in per cent with its sign, or a dash where there is none to tell.

    Examples
    --------
    >>> plain_change(0.297), plain_change(-0.004)
    ('+30 %', '0 %')
    """
    if share is None:
        return "\u2013"
    percent = round(share * 100)
    return f"{percent:+,d} %" if percent else "0 %"


def plain_count(n: int, word: str) -> str:
    """Return a number and what it counts, in the singular for one.

    Examples
    --------
    >>> plain_count(1, "whole stay"), plain_count(1200, "hour")
    ('1 whole stay', '1,200 hours')
    """
    return f"{n:,} {word}{'' if n == 1 else 's'}"


def plain_reason(reason: str) -> str:
    """Reason of the quality table in words.

    Examples
    --------
    >>> plain_reason("imo_unreadable")
    'imo unreadable'
    """
    return safe_text(reason).replace("_", " ")
