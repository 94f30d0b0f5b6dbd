"""Navigational status and ship type in words, turned into AIS codes.

Codes after ITU-R M.1371-5, tables 48 and 53. Words are compared by their letters and digits only, so that
"Under Way Using Engine" and "under way using engine" are one; the spellings come from the feeds.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from ais_berths.feeds.mapping import loosen

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS_UNKNOWN = 15
TYPE_UNKNOWN = 0

_STATUS_WORDS: dict[int, tuple[str, ...]] = {
    0: ("under way using engine", "underway using engine", "under way", "underway", "under way by engine"),
    1: ("at anchor", "anchored", "anchor"),
    2: ("not under command",),
    3: (
        "restricted manoeuvrability",
        "restricted maneuverability",
        "restricted manoeuverability",
        "restricted manoeuvreability",
        "restricted ability to manoeuvre",
        "restricted ability to maneuver",
    ),
    4: ("constrained by her draught", "constrained by her draft", "constrained by draught"),
    5: ("moored",),
    6: ("aground",),
    7: ("engaged in fishing", "fishing"),
    8: ("under way sailing", "underway sailing", "sailing"),
    9: (
        "reserved for future amendment [HSC]",
        "reserved for future amendment of navigational status for HSC",
        "reserved for high speed craft",
        "reserved for HSC",
    ),
    10: (
        "reserved for future amendment [WIG]",
        "reserved for future amendment of navigational status for WIG",
        "reserved for wing in ground",
        "reserved for WIG",
    ),
    11: ("power driven vessel towing astern", "towing astern"),
    12: (
        "power driven vessel pushing ahead or towing alongside",
        "pushing ahead or towing alongside",
        "power driven vessel pushing ahead",
    ),
    13: ("reserved for future use", "reserved"),
    14: ("ais sart", "ais sart is active", "ais sart active", "ais sart (active)", "sart mob epirb"),
    STATUS_UNKNOWN: ("not defined", "default", "not defined (default)", "unknown value"),
}

_TYPE_WORDS: dict[int, tuple[str, ...]] = {
    20: ("wig", "wing in ground", "wing in ground craft"),
    30: ("fishing", "fishing vessel", "fishing boat", "trawler"),
    31: ("towing", "towing vessel"),
    32: ("towing long/wide", "towing long wide", "towing long", "towing: length exceeds 200m"),
    33: ("dredging", "dredging or underwater ops", "dredging or underwater operations", "dredger"),
    34: ("diving", "diving ops", "diving operations", "diving vessel"),
    35: ("military", "military ops", "military operations", "naval"),
    36: ("sailing", "sailing vessel"),
    37: ("pleasure", "pleasure craft", "yacht", "recreational"),
    40: ("hsc", "high speed craft"),
    50: ("pilot", "pilot vessel", "pilot boat"),
    51: ("sar", "search and rescue", "search and rescue vessel"),
    52: ("tug", "tugboat"),
    53: ("port tender",),
    54: ("anti pollution", "anti pollution equipment", "vessel with anti pollution equipment"),
    55: ("law enforcement", "law enforcement vessel"),
    56: ("spare 1", "local vessel", "spare local vessel"),
    57: ("spare 2",),
    58: ("medical", "medical transport"),
    59: (
        "not party to conflict",
        "noncombatant ship",
        "ships according to rr",
        "ships not party to armed conflict",
    ),
    60: ("passenger", "passenger ship", "passenger vessel", "cruise ship", "ferry", "ro ro passenger ship"),
    70: (
        "cargo",
        "cargo ship",
        "cargo vessel",
        "general cargo",
        "general cargo ship",
        "container",
        "container ship",
        "bulk carrier",
        "bulker",
        "ro ro cargo",
        "vehicles carrier",
        "reefer",
    ),
    80: (
        "tanker",
        "oil tanker",
        "crude oil tanker",
        "chemical tanker",
        "gas tanker",
        "lng tanker",
        "lpg tanker",
        "chemical oil products tanker",
    ),
    90: ("other", "other type"),
    TYPE_UNKNOWN: ("reserved", "reserved for future use", "not available or no ship"),
}

_STATUS_LOOKUP, _TYPE_LOOKUP = (
    {loosen(word): code for code, spellings in words.items() for word in spellings}
    for words in (_STATUS_WORDS, _TYPE_WORDS)
)
_BLANKS = frozenset(
    loosen(word)
    for word in ("", "unknown", "undefined", "not available", "unavailable", "n/a", "none", "null", "nan")
)


def status_codes(extra: Mapping[str, int]) -> dict[str, int]:
    """Return the lookup from loosened word to navigational status, with the feed's own words on top."""
    return _STATUS_LOOKUP | {_key(word): code for word, code in extra.items()}


def type_codes(extra: Mapping[str, int]) -> dict[str, int]:
    """Return the lookup from loosened word to ship type, with the feed's own words on top."""
    return _TYPE_LOOKUP | {_key(word): code for word, code in extra.items()}


def _key(word: str) -> str:
    """Loosen a word; a number keeps its sign."""
    try:
        return str(int(word))
    except ValueError:
        return loosen(word)


def code_of(text: str, lookup: Mapping[str, int], default: int) -> int | None:
    """Read one word or number; the letters IMO before a number do not count.

    Returns
    -------
    The code; `default` where the text says that nothing is known; None where it cannot be understood.

    Examples
    --------
    >>> lookup = status_codes({})
    >>> code_of("Under Way Using Engine", lookup, 15), code_of("5.0", lookup, 15), code_of("?!", lookup, 15)
    (0, 5, 15)
    >>> code_of("at the barber's", lookup, 15) is None, code_of("IMO 9535084", {}, 0)
    (True, 9535084)
    """
    try:
        number = float(text.strip().casefold().removeprefix("imo"))
    except ValueError:
        word = loosen(text)
        return lookup.get(word, default if word in _BLANKS else None)
    if not math.isfinite(number):
        return default
    return lookup.get(str(int(number)), int(number)) if number == int(number) else None
