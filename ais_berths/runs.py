"""Runs of consecutive pings, from which stops are made: where they lie, and what their pings say."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ais_berths import geo, loops
from ais_berths.compiled import compiled

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats
    from ais_berths.loops import Flags
    from ais_berths.tracks import Ints, Tracks

_SLOT_US = 600_000_000


@dataclass(frozen=True)
class Runs:
    """Runs of consecutive pings, in their order; no ping belongs to two.

    Parameters
    ----------
    first, last
        First and last ping of each run.

    Examples
    --------
    >>> runs = Runs(np.array([1, 4]), np.array([2, 4]))
    >>> runs.count.tolist(), runs.numbers(6).tolist()
    ([2, 1], [-1, 0, 0, -1, 1, -1])
    """

    first: Ints
    last: Ints

    @classmethod
    def of(cls, belongs: NDArray[np.bool_], begins: NDArray[np.bool_]) -> Runs:
        """Runs of the pings that belong to one, each of which ends where another begins.

        Examples
        --------
        >>> Runs.of(np.array([True, True, False, True]), np.array([True, False, False, True]))
        Runs(first=array([0, 3]), last=array([1, 3]))
        """
        begins = belongs & begins
        begins[:1] = belongs[:1]
        begins[1:] |= belongs[1:] & ~belongs[:-1]
        ends = belongs.copy()
        ends[:-1] &= ~belongs[1:] | begins[1:]
        return cls(np.flatnonzero(begins), np.flatnonzero(ends))

    def __len__(self) -> int:
        return len(self.first)

    @property
    def count(self) -> Ints:
        """Pings of each run."""
        return self.last - self.first + 1

    def take(self, at: NDArray[Any]) -> Runs:
        """Runs at positions, or where a mask is true."""
        return Runs(self.first[at], self.last[at])

    def numbers(self, n: int) -> Ints:
        """Run of each of `n` pings; -1 for none."""
        return _numbers(n, self.first, self.last)


@dataclass(frozen=True)
class Spots:
    """Where each run lies (median position, deg), and how far its pings lie from there (m).

    Parameters
    ----------
    runs
        The runs.
    lat, lon
        Median position (deg); rounded positions count only where a run has no others.
    east
        The same longitude, counted from that of the first ping (deg).
    middle_m, most_m, farthest_m, rms_m
        Median, ninth of ten and largest of the distances, and the root of the mean of their squares.
    """

    runs: Runs
    lat: Floats
    lon: Floats
    east: Floats
    middle_m: Floats
    most_m: Floats
    farthest_m: Floats
    rms_m: Floats

    @classmethod
    def of(cls, track: Tracks, runs: Runs, known: Spots | None = None) -> Spots:
        """Find the places of runs; those of runs that are known already are taken from there."""
        if known is None or not len(known.runs):
            return cls._measured(track, runs)
        at = np.minimum(np.searchsorted(known.runs.first, runs.first), len(known.runs) - 1)
        new = (known.runs.first[at] != runs.first) | (known.runs.last[at] != runs.last)
        measured = cls._measured(track, runs.take(new))
        values = {}
        for name in cls.__dataclass_fields__.keys() - {"runs"}:
            values[name] = getattr(known, name)[at]
            values[name][new] = getattr(measured, name)
        return cls(runs, **values)

    @classmethod
    def _measured(cls, track: Tracks, runs: Runs) -> Spots:
        lat, east, *distances = loops.places(track.lat, track.lon, track.fine, runs.first, runs.last)
        lon = geo.turn_deg(0.0, track.lon[runs.first] + east)
        return cls(runs, lat, lon, east, *distances)


@compiled
def tallies(
    time: Ints, sog: Floats, fine: Flags, status: Ints, first: Ints, last: Ints
) -> tuple[Ints, Ints, Ints, Floats, Ints]:
    """Count and summarise the pings of each run.

    Returns
    -------
    Number of exact positions; number of intervals of ten minutes with pings; longest gap (microseconds); mean
    speed (kn, nan where none is known); number of pings by status (a row for each run).
    """
    n = len(first)
    exact, times, gap_us = np.zeros(n, np.int64), np.zeros(n, np.int64), np.zeros(n, np.int64)
    mean_kn, by_status = np.full(n, np.nan), np.zeros((n, 16), np.int64)
    for run in range(n):
        before, slot, knots, known = time[first[run]], np.int64(-1), 0.0, 0
        for i in range(first[run], last[run] + 1):
            gap_us[run] = max(gap_us[run], time[i] - before)
            before = time[i]
            times[run] += before // _SLOT_US != slot
            slot = before // _SLOT_US
            exact[run] += fine[i]
            by_status[run, status[i]] += 1
            if math.isfinite(sog[i]):
                knots += sog[i]
                known += 1
        if known:
            mean_kn[run] = knots / known
    return exact, times, gap_us, mean_kn, by_status


@compiled
def _numbers(n: int, first: Ints, last: Ints) -> Ints:
    """Run of each of `n` pings; -1 for none."""
    number = np.full(n, -1)
    for run in range(len(first)):
        number[first[run] : last[run] + 1] = run
    return number
