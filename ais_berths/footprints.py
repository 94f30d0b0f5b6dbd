"""Hulls as arrays in a common plane, and how every two of them that touch lie to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely

from ais_berths import geo, schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats

HOUR_US = 3_600_000_000
_BLOCK = 100_000
# Footprints of one kind and place within these shares of their length and width are nearly the same.
_LIKE_ALONG, _LIKE_ACROSS, _LIKE_DEG = 0.05, 0.1, 3.0


@dataclass(frozen=True)
class Footprints:
    """Hulls as arrays in a common plane.

    ``x`` and ``y`` are plane units, ``scale`` plane units per metre; lengths are metres.
    """

    plane: geo.Plane
    x: Floats
    y: Floats
    scale: Floats
    heading: Floats
    length: Floats
    width: Floats
    error: Floats
    start: NDArray[np.int64]
    end: NDArray[np.int64]
    mmsi: NDArray[np.int64]

    @classmethod
    def of(cls, hulls: pd.DataFrame, stops: pd.DataFrame) -> Footprints:
        """Project the hulls and look up the times of their stops."""
        plane = geo.Plane.around(hulls["lon"])
        x, y = plane.forward(hulls["lon"], hulls["lat"])
        times = stops.set_index("stop_id")[["start_time", "end_time"]].reindex(hulls["stop_id"])
        return cls(
            plane=plane,
            x=x,
            y=y,
            scale=geo.Plane.scale(hulls["lat"]),
            heading=hulls["heading_deg"].fillna(0.0).to_numpy(dtype=np.float64),
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
        """For each footprint the first one that is nearly the same in place, direction and size.

        A ferry lies in one place a thousand times a month: comparing all these visits with each other
        tells nothing new and takes a million times as long as one comparison.
        """
        axis = np.round(np.mod(self.heading, 180.0) / _LIKE_DEG) * _LIKE_DEG % 180.0
        length, width, scale = (
            np.exp(np.round(np.log(v) / share) * share)
            for v, share in ((self.length, 0.05), (self.width, 0.1), (self.scale, 0.01))
        )
        theta = np.radians(axis)
        along = (self.x * np.sin(theta) + self.y * np.cos(theta)) / (_LIKE_ALONG * length * scale)
        across = (self.x * np.cos(theta) - self.y * np.sin(theta)) / (_LIKE_ACROSS * width * scale)
        like = pd.DataFrame(
            {"axis": axis, "length": length, "width": width, "scale": scale}
            | {"along": np.round(along), "across": np.round(across)}
        )
        order = np.lexsort((self.y, self.x, self.mmsi, self.start))
        number = like.iloc[order].groupby(list(like.columns), sort=False).ngroup().to_numpy()
        first = order[np.unique(number, return_index=True)[1]]
        out = np.empty(len(order), dtype=np.intp)
        out[order] = first[number]
        return out

    def touching(self, of: NDArray[np.intp], reach_m: float) -> NDArray[np.intp]:
        """Every two of some footprints whose rectangles are this close, as two rows of numbers."""
        grown = geo.rectangles(
            self.x[of],
            self.y[of],
            self.heading[of],
            (self.length[of] + 2 * reach_m) * self.scale[of],
            (self.width[of] + 2 * reach_m) * self.scale[of],
        )
        shapes = self.shapes()[of]
        i, j = shapely.STRtree(shapes).query(grown, predicate="intersects")
        i, j = np.minimum(i, j), np.maximum(i, j)
        both = np.unique(i[i < j] * np.int64(len(of)) + j[i < j])
        result: NDArray[np.intp] = of[np.stack(np.divmod(both, max(len(of), 1)))]
        return result

    def together(self, place: NDArray[np.int64]) -> NDArray[np.intp]:
        """Every two footprints of one place that were there at the same time, as two rows of numbers."""
        order = np.lexsort((self.start, place))
        times = np.unique(np.concatenate([self.start, self.end]))
        first = place[order] * np.int64(len(times))
        arrival = first + np.searchsorted(times, self.start[order])
        until = np.searchsorted(arrival, first + np.searchsorted(times, self.end[order]))
        n = np.maximum(until - np.arange(len(order)) - 1, 0)
        i = np.repeat(np.arange(len(order)), n)
        j = i + 1 + np.arange(len(i)) - np.repeat(np.cumsum(n) - n, n)
        return np.sort(np.stack([order[i], order[j]]), axis=0)

    def compare(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> Pairs:
        """Say how every two footprints lie to each other."""
        turn = geo.turn_deg(self.heading[i], self.heading[j], period=180.0)
        axis = np.radians(self.heading[i] + turn / 2.0)
        east = (self.x[j] - self.x[i]) / self.scale[i]
        north = (self.y[j] - self.y[i]) / self.scale[i]
        together = np.minimum(self.end[i], self.end[j]) - np.maximum(self.start[i], self.start[j])
        return Pairs(
            i=i,
            j=j,
            turn=np.abs(turn),
            along=np.abs(east * np.sin(axis) + north * np.cos(axis)),
            across=np.abs(east * np.cos(axis) - north * np.sin(axis)),
            together_h=np.maximum(together, 0) / HOUR_US,
        )

    def shares(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> Floats:
        """Share of the smaller of two footprints that the other one covers."""
        area = np.zeros(len(i))
        for begin in range(0, len(i), _BLOCK):
            part = slice(begin, begin + _BLOCK)
            a, b = i[part], j[part]
            theta = np.radians(self.heading[a])
            east = (self.x[b] - self.x[a]) / self.scale[a]
            north = (self.y[b] - self.y[a]) / self.scale[a]
            area[part] = geo.shared_area(
                east * np.sin(theta) + north * np.cos(theta),
                east * np.cos(theta) - north * np.sin(theta),
                self.heading[b] - self.heading[a],
                (self.length[a], self.width[a]),
                (self.length[b], self.width[b]),
            )
        result: Floats = area / np.minimum(self.length[i] * self.width[i], self.length[j] * self.width[j])
        return result


@dataclass(frozen=True)
class Pairs:
    """Two footprints each: angle, offsets of their middles (m), hours together."""

    i: NDArray[np.intp]
    j: NDArray[np.intp]
    turn: Floats
    along: Floats
    across: Floats
    together_h: Floats
