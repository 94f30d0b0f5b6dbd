"""Folders by day of arrival: which of them a period needs, what they are called, and which are missing."""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_PARTITION = re.compile(r"(year|month|day)=0*(\d+)", re.IGNORECASE)
_LEVELS = ("year", "month", "day")


FIRST_YEAR, LAST_YEAR = 1990, 2099
"""Positions of other years are errors of the clock."""


def as_utc(when: dt.datetime | None) -> dt.datetime | None:
    """Return a time in UTC; one without a zone is taken to be in UTC already."""
    if when is None:
        return None
    return when.replace(tzinfo=dt.UTC) if when.tzinfo is None else when.astimezone(dt.UTC)


@dataclass(frozen=True)
class Window:
    """Days whose ``year=/month=/day=`` folders are read; no limit where None."""

    first: dt.date | None = None
    last: dt.date | None = None

    @classmethod
    def around(
        cls, start: dt.datetime | None, end: dt.datetime | None, days_before: int = 1, days_after: int = 2
    ) -> Window:
        """Widen a period on position time to the days on which its reports may have arrived.

        Years of which no position is read are no limit.
        """
        start, end = as_utc(start), as_utc(end)
        first = last = None
        if start is not None and start.year >= FIRST_YEAR:
            first = start.date() - dt.timedelta(days=days_before)
        if end is not None and end.year <= LAST_YEAR:
            last = end.date() + dt.timedelta(days=days_after)
        return cls(first, last)

    def meets(self, path: str) -> bool:
        """Tell whether the partition folders in a path leave it inside the window.

        Examples
        --------
        >>> window = Window(dt.date(2022, 2, 27), dt.date(2022, 3, 1))
        >>> [window.meets(f"ais/year=2022/month={m}") for m in (1, 2, 3)]
        [False, True, True]
        >>> window.meets("ais/year=2022/month=02/day=26/a.parquet"), window.meets("ais/other")
        (False, True)
        """
        parts = {name.lower(): int(number) for name, number in _PARTITION.findall(path)}
        if "year" not in parts:
            return True
        named = [parts[level] for level in ("year", "month", "day") if level in parts]
        if "month" not in parts:
            named = named[:1]

        def same_levels(day: dt.date) -> list[int]:
            return [day.year, day.month, day.day][: len(named)]

        after_first = self.first is None or named >= same_levels(self.first)
        return after_first and (self.last is None or named <= same_levels(self.last))

    def days(self) -> list[dt.date]:
        """Every day of a window that is limited on both sides; none of any other.

        Examples
        --------
        >>> len(Window(dt.date(2022, 2, 27), dt.date(2022, 3, 1)).days()), Window().days()
        (3, [])
        """
        if self.first is None or self.last is None:
            return []
        return [self.first + dt.timedelta(days=n) for n in range((self.last - self.first).days + 1)]


def day_folders(root: str, window: Window) -> Iterator[tuple[str, ...]]:
    """Folder of each day of a window, in both ways that its number may be written.

    Examples
    --------
    >>> window = Window(dt.date(2022, 3, 9), dt.date(2022, 3, 9))
    >>> list(day_folders("ais/year=2022", window))
    [('ais/year=2022/month=3/day=9', 'ais/year=2022/month=03/day=09')]
    """
    named = {level.lower() for level, _ in _PARTITION.findall(root)}
    for day in window.days():
        numbers = {"year": day.year, "month": day.month, "day": day.day}
        left = [level for level in _LEVELS if level not in named]
        plain, padded = (
            "/".join([root.rstrip("/"), *(f"{level}={numbers[level]:{width}}" for level in left)])
            for width in ("d", "02d")
        )
        if window.meets(plain):
            yield (plain,) if plain == padded else (plain, padded)


def missing_days(paths: Iterable[str], window: Window | None = None) -> list[dt.date]:
    """Days without a file between others, or within the window, among files that lie in folders by day.

    Examples
    --------
    >>> paths = [f"ais/year=2022/month=3/day={day}/a.parquet" for day in (1, 2, 5)]
    >>> [str(day) for day in missing_days(paths)]
    ['2022-03-03', '2022-03-04']
    """
    found = set()
    for path in paths:
        parts = {level.lower(): int(number) for level, number in _PARTITION.findall(path)}
        if len(parts) == len(_LEVELS):
            # Numbers that are no date name a folder of another kind.
            with contextlib.suppress(ValueError):
                found.add(dt.date(*(parts[level] for level in _LEVELS)))
    if not found:
        return []
    window = window or Window()
    wanted = Window(window.first or min(found), window.last or max(found))
    return [day for day in wanted.days() if day not in found]
