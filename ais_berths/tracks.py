"""Pings of all vessels as arrays, with distances and times between them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ais_berths import geo, loops, schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import ArrayLike, NDArray

    from ais_berths.geo import Floats

    Ints = NDArray[np.int64]

NOT_DEFINED = 15
"""Navigational status of a ship that sends none (ITU-R M.1371-5, table 48)."""

ROUNDING_M = 131.0
"""Largest error of a position that is rounded to a tenth of a minute, 185 m, on both axes (message 27)."""


@dataclass(frozen=True)
class Tracks:
    """Pings as arrays, as a rule sorted by vessel and time, with distances and times between them.

    Parameters
    ----------
    mmsi, number
        MMSI, and number of the ship among those that share it.
    time
        Microseconds since 1970.
    lat, lon, sog, course, heading
        Position (deg), speed (kn) and course (deg) over ground and true heading (deg); nan where not known.
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
    course: Floats
    heading: Floats
    status: Ints
    fine: NDArray[np.bool_]

    @classmethod
    def of(cls, pings: pd.DataFrame) -> tuple[Tracks, NDArray[np.intp]]:
        """Sort pings; see `in_rows`.

        Returns
        -------
        The tracks, and the row of `pings` that each of their elements comes from.
        """
        tracks = cls.in_rows(pings)
        order = order_rows((tracks.mmsi, tracks.number, tracks.time), (~tracks.fine, tracks.lat, tracks.lon))
        return tracks.take(order), order

    @classmethod
    def in_rows(cls, pings: pd.DataFrame) -> Tracks:
        """Take pings in the order of the rows; all columns but ``time`` may be absent."""

        def column(name: str, kind: Any, missing: Any) -> NDArray[Any]:
            if name not in pings.columns:
                return np.full(len(pings), missing, dtype=kind)
            values = pings[name].to_numpy(dtype=kind, na_value=missing)
            # Loops are compiled for arrays that may be written to, which those of frames may not.
            return np.require(values, kind, ("C", "W"))

        return cls(
            mmsi=column("mmsi", np.int64, 0),
            number=column("track", np.int64, 0),
            time=schema.to_micros(pings["time"]),
            lat=column("lat", np.float64, np.nan),
            lon=column("lon", np.float64, np.nan),
            sog=column("sog_kn", np.float64, np.nan),
            course=column("cog_deg", np.float64, np.nan),
            heading=column("heading_deg", np.float64, np.nan),
            status=column("nav_status", np.int64, NOT_DEFINED).clip(0, NOT_DEFINED),
            fine=~column("coarse", np.bool_, False),
        )

    def __len__(self) -> int:
        return len(self.time)

    def take(self, at: NDArray[Any]) -> Tracks:
        """Pings at row numbers, or where a mask is true."""
        if is_whole(at, len(self)):
            return self
        rows = np.flatnonzero(at) if at.dtype == np.bool_ else at
        return Tracks(**{name: getattr(self, name)[rows] for name in self.__dataclass_fields__})

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

    def step_m(self, at: NDArray[np.intp]) -> Floats:
        """Distance from the ping before, less what rounding may add; infinite for the first of a ship."""
        return np.where(self.first[at], np.inf, self.way_m(np.maximum(at - 1, 0), at))

    def way_m(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> Floats:
        """Distance between pings, less what rounding may add."""
        slack = ROUNDING_M * (2 - self.fine[i].astype(np.int64) - self.fine[j])
        return np.maximum(self.apart_m(i, j) - slack, 0.0)

    def step_s(self, at: NDArray[np.intp]) -> Floats:
        """Time since the ping before; infinite for the first of a ship."""
        step = (self.time[at] - self.time[np.maximum(at - 1, 0)]) / 1e6
        return np.where(self.first[at], np.inf, step)

    def far_steps(self, limit_m: float, rounding_m: float = 0.0) -> NDArray[np.bool_]:
        """Whether a ping is further than this from the one before; rounded ones may be wrong by so much."""
        return loops.far_steps(self.first, self.fine, self.lat, self.lon, limit_m, rounding_m)

    def apart_m(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> Floats:
        """Distance between pings, on a plane: within a thousandth up to some tens of kilometres."""
        return plane_m(self.lat[i], self.lon[i], self.lat[j], self.lon[j])


def plane_m(lat1: ArrayLike, lon1: ArrayLike, lat2: ArrayLike, lon2: ArrayLike) -> Floats:
    """Distance on a plane that touches the earth between both positions.

    Examples
    --------
    >>> float(plane_m(70.0, 179.999, 70.0, -179.999).round(1))
    76.1
    """
    north = np.subtract(lat2, lat1)
    east = east_deg(lon1, lon2) * np.cos(np.radians(np.add(lat1, lat2) / 2))
    result: Floats = geo.METRES_PER_DEG * np.sqrt(north**2 + east**2)
    return result


def east_deg(lon1: ArrayLike, lon2: ArrayLike) -> Floats:
    """Turn from one meridian to another, across the antimeridian where that is shorter.

    The same as `geo.turn_deg` but for exact opposites, and several times as fast.
    """
    step = np.subtract(lon2, lon1)
    result: Floats = step - 360.0 * np.rint(step / 360.0)
    return result


def is_whole(at: NDArray[Any], n: int) -> bool:
    """Tell whether row numbers, or a mask, are all of `n` rows in their order: then nothing need be copied.

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
