"""Pings of all vessels as sorted arrays, and the group arithmetic that stop detection needs."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ais_berths import geo, schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from ais_berths.geo import Floats

    Ints = NDArray[np.int64]
    Runs = NDArray[np.int64]

METRES_PER_DEG = geo.EARTH_RADIUS_M * np.pi / 180.0
NOT_DEFINED = 15
"""Navigational status of a ship that sends none (ITU-R M.1371-5, table 45)."""

ROUNDING_M = 131.0
"""Largest error of a position that is rounded to a tenth of a minute (message 27)."""

# Values are ranked as whole numbers of these units: far finer than AIS sends them.
DEG_UNIT = 1e-7
METRE_UNIT = 0.01
_WORD = 32


@dataclass(frozen=True)
class Tracks:
    """Pings as arrays, sorted by vessel and time, with what several steps ask of them.

    Parameters
    ----------
    mmsi, number
        Vessel, and which of the ships that share its number.
    time
        Microseconds since 1970.
    lat, lon, sog, heading
        Position (deg), speed over ground (kn) and true heading (deg); nan where not known.
    status
        Navigational status, 0-15.
    fine
        False where the position is rounded.
    """

    mmsi: Ints
    number: Ints
    time: Ints
    lat: Floats
    lon: Floats
    sog: Floats
    heading: Floats
    status: Ints
    fine: NDArray[np.bool_]

    @classmethod
    def of(cls, pings: pd.DataFrame) -> tuple[Tracks, NDArray[np.intp]]:
        """Sort pings; optional columns may be absent.

        Returns
        -------
        The tracks, and the row of `pings` that each of their elements comes from.
        """

        def column(name: str, kind: Any, missing: Any) -> NDArray[Any]:
            if name not in pings.columns:
                return np.full(len(pings), missing, dtype=kind)
            values = pings[name]
            filled = values.fillna(missing) if values.hasnans else values
            return filled.to_numpy().astype(kind, copy=False)

        tracks = cls(
            mmsi=column("mmsi", np.int64, 0),
            number=column("track", np.int64, 0),
            time=schema.to_micros(pings["time"]),
            lat=column("lat", np.float64, np.nan),
            lon=column("lon", np.float64, np.nan),
            sog=column("sog_kn", np.float64, np.nan),
            heading=column("heading_deg", np.float64, np.nan),
            status=column("nav_status", np.int64, NOT_DEFINED).clip(0, NOT_DEFINED),
            fine=~column("coarse", np.bool_, False),
        )
        order = tracks.order()
        return tracks.take(order), order

    def __len__(self) -> int:
        return len(self.time)

    def order(self) -> NDArray[np.intp]:
        """Order by vessel, track and time; ties are settled by position."""
        return order_rows((self.mmsi, self.number, self.time), (~self.fine, self.lat, self.lon))

    def take(self, at: NDArray[Any]) -> Tracks:
        """Pings at positions, or where a mask is true."""
        if is_whole(at, len(self)):
            return self
        return Tracks(**{name: getattr(self, name)[at] for name in self.__dataclass_fields__})

    @cached_property
    def first(self) -> NDArray[np.bool_]:
        """Whether a ping is the first of its ship."""
        first = np.ones(len(self), dtype=bool)
        first[1:] = (self.mmsi[1:] != self.mmsi[:-1]) | (self.number[1:] != self.number[:-1])
        return first

    @cached_property
    def final(self) -> NDArray[np.bool_]:
        """Whether a ping is the last of its ship."""
        final = np.ones(len(self), dtype=bool)
        final[:-1] = self.first[1:]
        return final

    @cached_property
    def vessel(self) -> Ints:
        """Number of the ship, counted from 0."""
        return np.cumsum(self.first) - 1

    @cached_property
    def step_m(self) -> Floats:
        """Distance from the ping before, less what rounding can make; infinite for the first ping."""
        step = np.full(len(self), np.inf)
        step[1:] = plane_m(self.lat[:-1], self.lon[:-1], self.lat[1:], self.lon[1:])
        if not self.fine.all():
            rounded = 2 - self.fine[1:].astype(np.int64) - self.fine[:-1]
            step[1:] = np.maximum(step[1:] - rounded * ROUNDING_M, 0.0)
        step[self.first] = np.inf
        return step

    @cached_property
    def step_s(self) -> Floats:
        """Time since the ping before; infinite for the first ping of a ship."""
        step = np.full(len(self), np.inf)
        step[1:] = np.diff(self.time) / 1e6
        step[self.first] = np.inf
        return step

    @cached_property
    def ahead(self) -> tuple[Floats, Floats]:
        """Sine and cosine of the heading."""
        heading = np.radians(self.heading)
        return np.sin(heading), np.cos(heading)

    def apart_m(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> Floats:
        """Distance between pings, on a plane: within a thousandth up to some tens of kilometres."""
        return plane_m(self.lat[i], self.lon[i], self.lat[j], self.lon[j])


@dataclass(frozen=True)
class Groups:
    """Pings in groups, in the order of the groups.

    Parameters
    ----------
    ping
        Position of each member among the pings.
    number
        Group of each member, never decreasing.
    n
        Number of groups; some may be empty.
    """

    ping: NDArray[np.intp]
    number: Ints
    n: int

    @cached_property
    def count(self) -> Ints:
        """Members of each group."""
        return np.bincount(self.number, minlength=self.n)

    @cached_property
    def start(self) -> Ints:
        """Position of the first member of each group."""
        return np.cumsum(self.count) - self.count

    @cached_property
    def ends(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """First and last ping of each group; there must be no empty ones."""
        return self.ping[self.start], self.ping[self.start + self.count - 1]

    def only(self, keep: NDArray[np.bool_]) -> Groups:
        """Groups without some of their members."""
        return Groups(self.ping[keep], self.number[keep], self.n)

    def sum(self, values: NDArray[Any]) -> Floats:
        """Sum of each group, added up in the order of the members."""
        total: Floats = np.bincount(self.number, weights=values, minlength=self.n).astype(np.float64)
        return total

    def mean(self, values: NDArray[Any]) -> Floats:
        """Mean of each group; nan for empty ones."""
        return self.sum(values) / np.where(self.count > 0, self.count, np.nan)

    def first(self, values: NDArray[Any]) -> Floats:
        """First value of each group; nan for empty ones."""
        out = np.full(self.n, np.nan)
        some = self.count > 0
        out[some] = values[self.start[some]]
        return out

    def quantiles(self, values: Floats, unit: float, *shares: float) -> list[Floats]:
        """Quantiles of each group, linear between members; nan for empty groups.

        One sort of whole numbers, group above and value below, does the ranking of all groups.

        Examples
        --------
        >>> groups = Groups(np.arange(4), np.array([0, 0, 0, 2]), 3)
        >>> [q.tolist() for q in groups.quantiles(np.array([5.0, 1.0, 2.0, 7.0]), 0.01, 0.5, 1.0)]
        [[2.0, nan, 7.0], [5.0, nan, 7.0]]
        """
        half = 1 << (_WORD - 1)
        whole = np.clip(np.rint(values / unit), -half, half - 1).astype(np.int64)
        key = np.sort((self.number << _WORD) + (whole + half))
        some = self.count > 0
        base = np.flatnonzero(some) << _WORD
        out = []
        for share in shares:
            place = share * (self.count[some] - 1)
            low = np.floor(place).astype(np.int64)
            at = self.start[some] + low
            part = place - low
            value, following = (
                (key[near] - base - half) * unit for near in (at, np.minimum(at + 1, len(key) - 1))
            )
            result = np.full(self.n, np.nan)
            result[some] = value + np.where(part > 0, part * (following - value), 0.0)
            out.append(result)
        return out


@dataclass(frozen=True)
class Middles:
    """Median position of each run (deg), and how far each of its pings lies from it (m)."""

    groups: Groups
    distance_m: Floats
    lat: Floats
    lon: Floats


def middles(track: Tracks, run: Runs) -> Middles:
    """Median position of each run; run -1 is no run, every other number has pings.

    Rounded positions count for the median only where a run has no others.
    """
    at = np.flatnonzero(run >= 0)
    n = int(run[at[-1]]) + 1 if at.size else 0
    groups = Groups(at, run[at], n)
    lat, lon = track.lat[at], track.lon[at]
    origin = groups.first(lon)
    east = east_deg(origin[groups.number], lon)
    fine = track.fine[at]
    some, use = groups, fine
    if not fine.all():
        use = fine | (groups.sum(fine) == 0)[groups.number]
        some = groups.only(use)
    (middle,) = some.quantiles(lat[use], DEG_UNIT, 0.5)
    (right,) = some.quantiles(east[use], DEG_UNIT, 0.5)
    metre_east = METRES_PER_DEG * np.cos(np.radians(middle))
    north_m = (lat - middle[groups.number]) * METRES_PER_DEG
    east_m = (east - right[groups.number]) * metre_east[groups.number]
    lon0 = geo.turn_deg(0.0, origin + right)
    return Middles(groups, np.sqrt(north_m**2 + east_m**2), middle, lon0)


def plane_m(lat1: ArrayLike, lon1: ArrayLike, lat2: ArrayLike, lon2: ArrayLike) -> Floats:
    """Distance on a plane that touches the earth between both positions.

    Examples
    --------
    >>> float(plane_m(70.0, 179.999, 70.0, -179.999).round(1))
    76.1
    """
    north = np.subtract(lat2, lat1)
    east = east_deg(lon1, lon2) * np.cos(np.radians(np.add(lat1, lat2) / 2))
    result: Floats = METRES_PER_DEG * np.sqrt(north**2 + east**2)
    return result


def east_deg(lon1: ArrayLike, lon2: ArrayLike) -> Floats:
    """Turn from one meridian to another, across the antimeridian where that is shorter.

    The same as `geo.turn_deg` but for exact opposites, and several times as fast.
    """
    step = np.subtract(lon2, lon1)
    result: Floats = step - 360.0 * np.rint(step / 360.0)
    return result


def renumber(run: Runs) -> Runs:
    """Number the runs 0, 1, 2 ... in the order of their first ping.

    Examples
    --------
    >>> renumber(np.array([7, 7, -1, 3, 3])).tolist()
    [0, 0, -1, 1, 1]
    """
    at = np.flatnonzero(run >= 0)
    out = np.full(len(run), -1)
    out[at] = np.cumsum(np.diff(run[at], prepend=run[at[:1]]) != 0)
    return out


def is_whole(at: NDArray[Any], n: int) -> bool:
    """Tell whether positions, or a mask, are all of `n` in their order: then nothing need be copied.

    Examples
    --------
    >>> is_whole(np.array([0, 1, 2]), 3), is_whole(np.array([0, 2, 1]), 3), is_whole(np.array([0, 1]), 3)
    (True, False, False)
    """
    if at.dtype == np.bool_:
        return bool(at.all())
    return len(at) == n and bool((at[1:] > at[:-1]).all())


def order_rows(keys: tuple[NDArray[Any], ...], ties: tuple[NDArray[Any], ...]) -> NDArray[np.intp]:
    """Order of rows by several keys, the first one first; equal rows are put in the order of `ties`.

    Rows that are in order already, and they mostly are, cost two comparisons each and no sort.

    Examples
    --------
    >>> order_rows((np.array([2, 1, 2]), np.array([5, 9, 5])), (np.array([0.3, 0.0, 0.1]),)).tolist()
    [1, 2, 0]
    """
    order = np.arange(len(keys[0]))
    later, equal = _compare(keys)
    if not (later | equal).all():
        order = _argsort(keys)
        later, equal = _compare([key[order] for key in keys])
    if equal.any():
        tied = np.flatnonzero(np.append(equal, False) | np.insert(equal, 0, False))
        group = np.cumsum(np.insert(~equal, 0, True))[tied]
        rows = order[tied]
        order[tied] = rows[np.lexsort((rows, *(tie[rows] for tie in ties[::-1]), group))]
    return order


def _argsort(keys: tuple[NDArray[Any], ...]) -> NDArray[np.intp]:
    """Order by several keys; ties may come in any order.

    One sort of whole numbers takes a third of the time of `numpy.lexsort`, where the keys fit into them.
    """
    number, each = pd.factorize(keys[0])
    ranks = np.argsort(np.argsort(each))
    packed, size = ranks[number], len(each)
    for key in keys[1:]:
        low, span = int(key.min()), int(key.max()) - int(key.min()) + 1
        size *= span
        if size >= 1 << 63:
            return np.lexsort(keys[::-1])
        packed = packed * span + (key - low)
    return np.argsort(packed)


def _compare(keys: Iterable[NDArray[Any]]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Whether each row but the first comes after the row before it, and whether it equals it."""
    later, equal = np.zeros((), dtype=bool), np.ones((), dtype=bool)
    for key in keys:
        later = later | (equal & (key[1:] > key[:-1]))
        equal = equal & (key[1:] == key[:-1])
    return later, equal
