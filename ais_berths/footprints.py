"""Hulls as arrays in a common plane, and how every two of them that touch lie to each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import shapely

from ais_berths import geo, schema

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ais_berths.geo import Floats

HOUR_US = 3_600_000_000


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

    def pairs(self, reach_m: float = 12.0) -> Pairs:
        """Compare every two footprints that touch or nearly touch."""
        shapes = self.shapes()
        grown = geo.rectangles(
            self.x,
            self.y,
            self.heading,
            self.length * self.scale,
            (self.width + 2 * reach_m) * self.scale,
        )
        i, j = shapely.STRtree(shapes).query(grown, predicate="intersects")
        i, j = np.minimum(i, j), np.maximum(i, j)
        i, j = np.unique(np.stack([i, j])[:, i < j], axis=1)
        turn = geo.turn_deg(self.heading[i], self.heading[j], period=180.0)
        axis = np.radians(self.heading[i] + turn / 2.0)
        east = (self.x[j] - self.x[i]) / self.scale[i]
        north = (self.y[j] - self.y[i]) / self.scale[i]
        area = shapely.area(shapely.intersection(shapes[i], shapes[j])) / self.scale[i] ** 2
        smaller = np.minimum(self.length[i] * self.width[i], self.length[j] * self.width[j])
        together = np.minimum(self.end[i], self.end[j]) - np.maximum(self.start[i], self.start[j])
        return Pairs(
            i=i,
            j=j,
            turn=np.abs(turn),
            along=np.abs(east * np.sin(axis) + north * np.cos(axis)),
            across=np.abs(east * np.cos(axis) - north * np.sin(axis)),
            share=area / smaller,
            together_h=np.maximum(together, 0) / HOUR_US,
        )


@dataclass(frozen=True)
class Pairs:
    """Two footprints each: angle, offsets of their middles (m), overlap share, hours together."""

    i: NDArray[np.int64]
    j: NDArray[np.int64]
    turn: Floats
    along: Floats
    across: Floats
    share: Floats
    together_h: Floats
