"""Shapes of places: their sizes, how well two of them match, and cutting overlaps."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ais_berths import geo
from ais_berths.footprints import ranks
from ais_berths.pairs import flatten

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ais_berths.pairs import Shapes

# Boxes at a larger angle are not one berth.
_MAX_TURN_DEG = 30.0


class Boxes(NamedTuple):
    """Boxes in the units of a plane, one for each shape."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    heading_deg: NDArray[np.float64]
    length: NDArray[np.float64]
    width: NDArray[np.float64]

    @classmethod
    def of(cls, flat: Shapes, heading_deg: ArrayLike) -> Boxes:
        """Smallest boxes around shapes in a plane.

        The side nearest to `heading_deg` is the length; where that is nan, the longer side.
        """
        corners = shapely.get_coordinates(shapely.oriented_envelope(flat)).reshape(-1, 5, 2)
        sides = np.diff(corners[:, :3], axis=1)
        sizes = np.hypot(sides[..., 0], sides[..., 1])
        axes = np.degrees(np.arctan2(sides[..., 0], sides[..., 1])) % 180.0
        given = np.asarray(heading_deg, dtype=np.float64)
        turns = np.abs(geo.turn_deg(given[:, None], axes, period=180.0))
        along = np.where(np.isfinite(given), turns.argmin(axis=1), sizes.argmax(axis=1))
        row = np.arange(len(sizes))
        middle = (corners[:, 0] + corners[:, 2]) / 2.0
        return cls(middle[:, 0], middle[:, 1], axes[row, along], sizes[row, along], sizes[row, 1 - along])

    def at(self, rows: Any) -> Boxes:
        """Some of the boxes, in a given order."""
        index = np.asarray(rows, dtype=np.intp)
        return Boxes(*(values[index] for values in self))

    def alongside(self, other: Boxes) -> NDArray[np.float64]:
        """How much two boxes are one berth, 0 to 1: extent along their common line, and distance from it."""
        turn, along, across = geo.between_axes(
            other.x - self.x, other.y - self.y, self.heading_deg, other.heading_deg
        )
        shorter, longer = np.minimum(self.length, other.length), np.maximum(self.length, other.length)
        shared = np.clip((shorter + longer) / 2.0 - along, 0.0, shorter)
        extent = 0.5 * (shared / shorter + shared / (shorter + longer - shared))
        # Boxes up to half a width apart across may be one berth; a whole width apart they are two.
        in_line = np.clip(2.0 - 2.0 * across / ((self.width + other.width) / 2.0), 0.0, 1.0)
        result: NDArray[np.float64] = extent * in_line * (turn <= _MAX_TURN_DEG)
        return result


def give_way(shapes: Shapes, rank: ArrayLike) -> Shapes:
    """Cut the overlaps of polygons in degrees: of two, the one of the lower rank gives way.

    A polygon keeps its largest part. What overlaps by less than a square metre is left as it is, and so is
    what would vanish.
    """
    if len(shapes) < 2:
        return shapes
    plane = geo.Plane.around(shapely.get_coordinates(shapes)[:, 0])
    cut, flat = shapes.copy(), plane.from_degrees(shapes)
    place = ranks(-np.asarray(rank, dtype=np.float64))
    i, j = shapely.STRtree(flat).query(flat, predicate="intersects")
    i, j = i[place[i] < place[j]], j[place[i] < place[j]]
    sequence = np.lexsort((place[i], place[j]))
    for stays, yields in zip(i[sequence].tolist(), j[sequence].tolist(), strict=True):
        square_metre = geo.Plane.scale(plane.inverse(*flat[yields].centroid.coords[0])[1]) ** 2
        if shapely.area(shapely.intersection(flat[stays], flat[yields])) < square_metre:
            continue
        parts = shapely.get_parts(shapely.difference(flat[yields], flat[stays]))
        if len(parts) and shapely.area(parts).max() > square_metre:
            largest = parts[int(np.argmax(shapely.area(parts)))]
            cut[yields] = rounded(plane.to_degrees([largest]))[0]
            flat[yields] = plane.from_degrees(cut[yields])
    return cut


def rounded(shapes: Shapes) -> Shapes:
    """Round shapes in degrees to a tenth of a millimetre, as planes of different runs differ by less."""
    result: Shapes = shapely.transform(shapes, lambda xy: np.round(xy, 9))
    return result


def middles(shapes: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of the middles of polygons in degrees.

    Files hold polygons that are cut at the antimeridian, runs hold them in one piece: both have one middle.

    Examples
    --------
    >>> whole = shapely.box(179.5, 10.0, 180.7, 11.0)
    >>> cut = shapely.union(shapely.box(179.5, 10.0, 180.0, 11.0), shapely.box(-180.0, 10.0, -179.3, 11.0))
    >>> middles([whole, cut])[0].round(6).tolist()
    [-179.9, -179.9]
    """
    plane, (flat,) = flatten(gpd.GeoDataFrame(geometry=np.asarray(shapes, dtype=object), crs="EPSG:4326"))
    middle = shapely.centroid(flat)
    return plane.inverse(shapely.get_x(middle), shapely.get_y(middle))


def measure(shapes: Shapes, heading_deg: ArrayLike) -> pd.DataFrame:
    """Direction, length and width of polygons in degrees.

    Parameters
    ----------
    shapes
        Polygons in longitude and latitude.
    heading_deg
        Direction of the length of each; nan for the longer side.

    Returns
    -------
    ``heading_deg`` (0-180), ``length_m``, ``width_m``, rounded so that they do not depend on other rows.

    Examples
    --------
    >>> berth = shapely.box(4.0, 51.9, 4.003, 51.9004)
    >>> measure(np.array([berth]), [np.nan]).round(0).to_dict("records")
    [{'heading_deg': 90.0, 'length_m': 206.0, 'width_m': 45.0}]
    """
    plane = geo.Plane.around(shapely.get_coordinates(shapes)[:, 0])
    boxes = Boxes.of(plane.from_degrees(shapes), heading_deg)
    scale = geo.Plane.scale(plane.inverse(boxes.x, boxes.y)[1])
    return pd.DataFrame(
        {
            "heading_deg": boxes.heading_deg.round(3) % 180.0,
            "length_m": (boxes.length / scale).round(2),
            "width_m": (boxes.width / scale).round(2),
        }
    )
