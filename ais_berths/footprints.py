"""Hulls as arrays in a common plane, compared in pairs and summarised in groups."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ais_berths import geo, schema
from ais_berths.groups import at_once, overlap, touching

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats

_BLOCK = 20_000
# Footprints are nearly the same if length and position along differ by about this share of the length, width
# and position across by about this share of the width, and direction by about this many degrees.
_LIKE_ALONG, _LIKE_ACROSS, _LIKE_DEG = 0.05, 0.1, 3.0


@dataclass(frozen=True)
class Footprints:
    """Hulls as arrays in a common plane.

    ``x`` and ``y`` are in plane units, ``scale`` is plane units per metre; lengths are in metres. Hulls of
    unknown direction (not ``directed``) point north.
    """

    plane: geo.Plane
    x: Floats
    y: Floats
    scale: Floats
    heading: Floats
    directed: NDArray[np.bool_]
    length: Floats
    width: Floats
    error: Floats
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    mmsi: NDArray[np.int64]

    @classmethod
    def of(cls, hulls: pd.DataFrame, stops: pd.DataFrame, plane: geo.Plane | None = None) -> Footprints:
        """Project the hulls and look up the times of their stops."""
        plane = geo.Plane.around(hulls["lon"]) if plane is None else plane
        x, y = plane.forward(hulls["lon"], hulls["lat"])
        times = stops.set_index("stop_id")[["start_time", "end_time"]].reindex(hulls["stop_id"])
        return cls(
            plane=plane,
            x=x,
            y=y,
            scale=geo.Plane.scale(hulls["lat"]),
            heading=hulls["heading_deg"].fillna(0.0).to_numpy(dtype=np.float64),
            directed=hulls["heading_deg"].notna().to_numpy(),
            length=hulls["length_m"].to_numpy(dtype=np.float64),
            width=hulls["width_m"].to_numpy(dtype=np.float64),
            error=hulls["hull_error_m"].fillna(0.0).to_numpy(dtype=np.float64),
            start=schema.to_micros(times["start_time"]),
            end=schema.to_micros(times["end_time"]),
            mmsi=hulls["mmsi"].to_numpy(dtype=np.int64),
        )

    def shapes(self) -> NDArray[np.object_]:
        """Footprints as rectangles in plane units."""
        return geo.rectangles(self.x, self.y, self.heading, self.length * self.scale, self.width * self.scale)

    def alike(self) -> NDArray[np.intp]:
        """For each footprint, the first one that is nearly the same in place, direction and size.

        A ferry lies in one place a thousand times a month: comparing all these visits with each other would
        be a million comparisons without any new information.
        """
        axis = np.round(np.mod(self.heading, 180.0) / _LIKE_DEG) * _LIKE_DEG % 180.0
        length, width, scale = (
            np.exp(np.round(np.log(v) / share) * share)
            for v, share in ((self.length, _LIKE_ALONG), (self.width, _LIKE_ACROSS), (self.scale, 0.01))
        )
        along, across = geo.ahead_right(self.x, self.y, axis)
        like = pd.DataFrame(
            {
                "axis": axis,
                "length": length,
                "width": width,
                "scale": scale,
                "along": np.round(along / (_LIKE_ALONG * length * scale)),
                "across": np.round(across / (_LIKE_ACROSS * width * scale)),
            }
        )
        order = np.lexsort((self.y, self.x, self.mmsi, self.start))
        number = like.iloc[order].groupby(list(like.columns), sort=False, dropna=False).ngroup().to_numpy()
        first = order[np.unique(number, return_index=True)[1]]
        out = np.empty(len(order), dtype=np.intp)
        out[order] = first[number]
        return out

    def touching(self, of: NDArray[np.intp], reach_m: float) -> NDArray[np.intp]:
        """Every two of some footprints that are at most about this far apart, as two rows of numbers."""
        grown = geo.rectangles(
            self.x[of],
            self.y[of],
            self.heading[of],
            (self.length[of] + reach_m) * self.scale[of],
            (self.width[of] + reach_m) * self.scale[of],
        )
        result: NDArray[np.intp] = of[touching(grown)]
        return result

    def together(self, place: NDArray[np.int64]) -> NDArray[np.intp]:
        """Every two footprints of one place that were there at the same time, as two rows of numbers."""
        return at_once(place, self.start, self.end)

    def steps(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> tuple[Floats, Floats]:
        """Metres to the east and north from one middle to another."""
        return (self.x[j] - self.x[i]) / self.scale[i], (self.y[j] - self.y[i]) / self.scale[i]

    def compare(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> Pairs:
        """Compare pairs of footprints: direction, distance and time."""
        turn, along, across = geo.between_axes(*self.steps(i, j), self.heading[i], self.heading[j])
        return Pairs(
            i=i,
            j=j,
            turn=turn,
            along=along,
            across=across,
            together_h=np.maximum(overlap(self.start, self.end, i, j), 0) / schema.HOUR_US,
        )

    def shares(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> Floats:
        """Share of the smaller of two footprints that the other one covers."""
        area = np.zeros(len(i))
        for begin in range(0, len(i), _BLOCK):
            part = slice(begin, begin + _BLOCK)
            a, b = i[part], j[part]
            area[part] = geo.shared_area(
                *geo.ahead_right(*self.steps(a, b), self.heading[a]),
                self.heading[b] - self.heading[a],
                (self.length[a], self.width[a]),
                (self.length[b], self.width[b]),
            )
        result: Floats = area / np.minimum(self.length[i] * self.width[i], self.length[j] * self.width[j])
        return result


@dataclass(frozen=True)
class Pairs:
    """Pairs of footprints: angle (deg), offsets of their middles (m), and hours at the same time."""

    i: NDArray[np.intp]
    j: NDArray[np.intp]
    turn: Floats
    along: Floats
    across: Floats
    together_h: Floats


@dataclass(frozen=True)
class Groups:
    """Footprints in groups, each group seen along its own axis.

    ``member`` and ``number`` say which footprint belongs to which group. ``axis`` (0-180), ``x``, ``y`` and
    ``scale`` are medians of each group, ``along`` and ``across`` the metres of each member from there.
    """

    prints: Footprints
    member: NDArray[np.intp]
    number: NDArray[np.int64]
    axis: Floats
    x: Floats
    y: Floats
    scale: Floats
    along: Floats
    across: Floats

    @classmethod
    def of(cls, prints: Footprints, member: NDArray[np.intp], number: NDArray[np.int64]) -> Groups:
        """Group footprints; every number from 0 up to the largest one has a member."""
        axis = _axes(prints.heading[member], number)
        x, y, scale = (quantiles(v[member], number, 0.5) for v in (prints.x, prints.y, prints.scale))
        east = (prints.x[member] - x[number]) / prints.scale[member]
        north = (prints.y[member] - y[number]) / prints.scale[member]
        along, across = geo.ahead_right(east, north, axis[number])
        return cls(
            prints=prints,
            member=member,
            number=number,
            axis=axis,
            x=x,
            y=y,
            scale=scale,
            along=along,
            across=across,
        )

    def boxes(self, edge: Floats | float, side: float) -> Boxes:
        """Rectangle of each group, its ends and sides at quantiles of those of the members.

        Parameters
        ----------
        edge, side
            Share of the members that reach beyond each end along the axis, and beyond each side.
        """
        half_length, half_width = (v[self.member] / 2.0 for v in (self.prints.length, self.prints.width))
        rear = quantiles(self.along - half_length, self.number, edge)
        front = quantiles(self.along + half_length, self.number, 1.0 - edge)
        left = quantiles(self.across - half_width, self.number, side)
        right = quantiles(self.across + half_width, self.number, 1.0 - side)
        ahead, aside = (rear + front) / 2.0, (left + right) / 2.0
        sin, cos = np.sin(np.radians(self.axis)), np.cos(np.radians(self.axis))
        return Boxes(
            x=self.x + (ahead * sin + aside * cos) * self.scale,
            y=self.y + (ahead * cos - aside * sin) * self.scale,
            scale=self.scale,
            axis=self.axis,
            length=front - rear,
            width=right - left,
        )


@dataclass(frozen=True)
class Boxes:
    """Rectangles in the plane: middle and scale in plane units, axis, length and width in metres."""

    x: Floats
    y: Floats
    scale: Floats
    axis: Floats
    length: Floats
    width: Floats

    def shapes(self, more_length_m: float = 0.0, more_width_m: float = 0.0) -> NDArray[np.object_]:
        """Make the rectangles, longer and wider by some metres."""
        length, width = self.length + more_length_m, self.width + more_width_m
        return geo.rectangles(self.x, self.y, self.axis, length * self.scale, width * self.scale)


def quantiles(values: Floats, number: NDArray[np.int64], share: Floats | float) -> Floats:
    """Quantile of the values of each group, linear between two values.

    Examples
    --------
    >>> quantiles(np.array([1.0, 9.0, 5.0, 7.0]), np.array([0, 1, 0, 1]), 0.25).tolist()
    [2.0, 7.5]
    """
    order = np.lexsort((values, number))
    in_order, n = values[order], np.bincount(number)
    at = (n - 1) * share
    low = np.floor(at).astype(np.int64)
    first = np.cumsum(n) - n
    below, above = in_order[first + low], in_order[first + np.minimum(low + 1, n - 1)]
    result: Floats = below + (above - below) * (at - low)
    return result


def ranks(*keys: NDArray[Any]) -> NDArray[np.intp]:
    """Place of each row in the order of the keys, the last one first.

    Examples
    --------
    >>> ranks(np.array([1, 2, 3]), np.array([5, 5, 4])).tolist()
    [1, 2, 0]
    """
    order = np.lexsort(keys)
    places = np.empty(len(order), dtype=np.intp)
    places[order] = np.arange(len(order))
    return places


def _axes(heading: Floats, number: NDArray[np.int64]) -> Floats:
    """Median axis (0-180) of each group."""
    doubled = np.radians(2.0 * heading)
    mean = np.arctan2(
        np.bincount(number, weights=np.sin(doubled)), np.bincount(number, weights=np.cos(doubled))
    )
    middle = np.degrees(mean) / 2.0
    turn = geo.turn_deg(middle[number], heading, period=180.0)
    result: Floats = (middle + quantiles(turn, number, 0.5)) % 180.0
    return result
