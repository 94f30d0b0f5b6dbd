"""Runs of pings of a ship in one place: what becomes its stops."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ais_berths import geo, loops

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats
    from ais_berths.tracks import Ints, Tracks


@dataclass(frozen=True)
class Runs:
    """Stretches of consecutive pings, in their order; none belongs to two.

    Parameters
    ----------
    first, last
        First and last ping of each.

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
        return loops.number_runs(n, self.first, self.last)


@dataclass(frozen=True)
class Places:
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
    def of(cls, track: Tracks, runs: Runs) -> Places:
        """Find the places of runs."""
        lat, east, *distances = loops.places(track.lat, track.lon, track.fine, runs.first, runs.last)
        lon = geo.turn_deg(0.0, track.lon[runs.first] + east)
        return cls(runs, lat, lon, east, *distances)
