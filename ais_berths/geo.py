"""Distances, directions and a metric plane: what every later step needs from geometry.

Latitudes and longitudes are WGS 84 degrees. Nothing here measures in degrees: distances are great-circle
metres, shapes are built in a conformal plane whose scale is divided out again.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import shapely
from numpy.typing import ArrayLike, NDArray
from pyproj import Transformer

Floats = NDArray[np.float64]

EARTH_RADIUS_M = 6_371_008.8
METRES_PER_DEG = EARTH_RADIUS_M * np.pi / 180.0
METRES_PER_NM = 1852.0
KN_PER_M_S = 3600.0 / METRES_PER_NM


def haversine_m(lat1: ArrayLike, lon1: ArrayLike, lat2: ArrayLike, lon2: ArrayLike) -> Floats:
    """Great-circle distance on the mean sphere.

    Parameters
    ----------
    lat1, lon1, lat2, lon2
        Degrees; any shapes that broadcast together.

    Returns
    -------
    Metres, within 0.6 % of the ellipsoid.

    Examples
    --------
    Across the antimeridian in Fiji:

    >>> float(haversine_m(-17.0, 179.99, -17.0, -179.99).round())
    2127.0
    """
    phi1, phi2 = np.radians(lat1), np.radians(lat2)
    dlam = np.radians(np.subtract(lon2, lon1))
    a = np.sin((phi2 - phi1) / 2) ** 2 + np.cos(phi1) * np.cos(phi2) * np.sin(dlam / 2) ** 2
    result: Floats = 2 * EARTH_RADIUS_M * np.arcsin(np.sqrt(np.clip(a, 0.0, 1.0)))
    return result


def sphere_xyz_m(lat: ArrayLike, lon: ArrayLike) -> Floats:
    """Positions as points on a sphere (metres), for neighbour searches that know no antimeridian.

    Chords are shorter than great circles by less than a millimetre up to 30 km.

    Examples
    --------
    >>> points = sphere_xyz_m([0.0, 0.0], [179.9999, -179.9999])
    >>> round(float(np.linalg.norm(points[0] - points[1])), 1)
    22.2
    """
    phi, lam = np.radians(lat), np.radians(lon)
    cos = np.cos(phi)
    xyz: Floats = EARTH_RADIUS_M * np.stack([cos * np.cos(lam), cos * np.sin(lam), np.sin(phi)], axis=-1)
    return xyz


def offset_deg(
    lat: ArrayLike, lon: ArrayLike, heading_deg: ArrayLike, ahead_m: ArrayLike, right_m: ArrayLike = 0.0
) -> tuple[Floats, Floats]:
    """Move positions by up to a few kilometres along and across a heading.

    Returns
    -------
    Latitude and longitude in degrees, longitude in [-180, 180).

    Examples
    --------
    >>> lat, lon = offset_deg(60.0, 179.999, 90.0, 111.0)
    >>> round(float(lat), 4), round(float(lon), 4)
    (60.0, -179.999)
    """
    theta = np.radians(heading_deg)
    east = np.multiply(ahead_m, np.sin(theta)) + np.multiply(right_m, np.cos(theta))
    north = np.multiply(ahead_m, np.cos(theta)) - np.multiply(right_m, np.sin(theta))
    new_lat = np.asarray(lat) + north / METRES_PER_DEG
    new_lon = np.asarray(lon) + east / (METRES_PER_DEG * np.cos(np.radians(lat)))
    return new_lat, turn_deg(0.0, new_lon)


def along_across_m(
    lat: ArrayLike, lon: ArrayLike, other_lat: ArrayLike, other_lon: ArrayLike, heading_deg: ArrayLike
) -> tuple[Floats, Floats]:
    """Distance to other positions ahead along a heading and to the right of it, up to a few kilometres.

    Examples
    --------
    >>> ahead, right = along_across_m(60.0, 179.999, 60.0, -179.999, 90.0)
    >>> round(float(ahead)), round(float(right))
    (111, 0)
    """
    north = np.subtract(other_lat, lat) * METRES_PER_DEG
    east = turn_deg(lon, other_lon) * METRES_PER_DEG * np.cos(np.radians(lat))
    return ahead_right(east, north, heading_deg)


def ahead_right(east: Floats, north: Floats, heading_deg: ArrayLike) -> tuple[Floats, Floats]:
    """Steps to the east and north as steps ahead along a heading and to the right of it.

    Examples
    --------
    >>> ahead, right = ahead_right(np.array([3.0]), np.array([1.0]), 90.0)
    >>> ahead.round(6).tolist(), right.round(6).tolist()
    ([3.0], [-1.0])
    """
    theta = np.radians(heading_deg)
    sin, cos = np.sin(theta), np.cos(theta)
    return east * sin + north * cos, east * cos - north * sin


def between_axes(
    east: Floats, north: Floats, axis_deg: ArrayLike, other_deg: ArrayLike
) -> tuple[Floats, Floats, Floats]:
    """Angle and distances between two boxes, given the step between their middles to the east and north.

    Returns
    -------
    Angle between their axes (0-90 deg), and how far their middles are apart along and across the axis
    half-way between the two, in the unit of the steps.

    Examples
    --------
    >>> turn, along, across = between_axes(np.array([-50.0]), np.array([7.0]), 80.0, 280.0)
    >>> float(turn), along.round(6).tolist(), across.round(6).tolist()
    (20.0, [50.0], [7.0])
    """
    turn = turn_deg(axis_deg, other_deg, period=180.0)
    along, across = ahead_right(east, north, np.asarray(axis_deg) + turn / 2.0)
    return np.abs(turn), np.abs(along), np.abs(across)


def grains(xyz_m: Floats, grain_m: float) -> tuple[Floats, NDArray[np.intp]]:
    """Round points in space to a grid, as thousands of ships may lie in one place.

    Returns
    -------
    The occupied grid points (m), and the number of the grid point of each point.

    Examples
    --------
    >>> places, place = grains(np.array([[0.0, 0.0, 9.0], [0.0, 0.0, 1.0], [0.0, 0.0, 11.0]]), 5.0)
    >>> places.tolist(), place.tolist()
    ([[0.0, 0.0, 0.0], [0.0, 0.0, 10.0]], [1, 0, 1])
    """
    places, place = np.unique(np.round(xyz_m / grain_m).reshape(-1, 3), axis=0, return_inverse=True)
    return places * grain_m, place.ravel()


# directions ---------------------------------------------------------------------------------------


def turn_deg(start: ArrayLike, end: ArrayLike, period: float = 360.0) -> Floats:
    """Signed smallest turn from `start` to `end`, in ``[-period / 2, period / 2)``.

    Use ``period=180`` for axes, where a bow and a stern look the same.

    Examples
    --------
    >>> float(turn_deg(350, 10)), float(turn_deg(10, 185, period=180))
    (20.0, -5.0)
    """
    half = period / 2
    # Twice, as a tiny negative angle is a whole period by rounding.
    result: Floats = (np.subtract(end, start, dtype=np.float64) + half) % period % period - half
    return result


def circular_mean_deg(angles: ArrayLike, period: float = 360.0) -> float:
    """Mean direction; ``nan`` when there is none.

    Examples
    --------
    >>> round(circular_mean_deg([350, 20]), 6), round(circular_mean_deg([10, 190], period=180), 6)
    (5.0, 10.0)
    """
    theta = np.asarray(angles, dtype=np.float64) * (2 * np.pi / period)
    if theta.size == 0:
        return float("nan")
    mean = np.exp(1j * theta).mean()
    # Twice, as a tiny negative angle is a whole period by rounding.
    return float(np.angle(mean) * period / (2 * np.pi) % period % period)


def circular_median_deg(angles: ArrayLike, period: float = 360.0) -> float:
    """Direction about which half the angles lie on either side (a mean, then a median of turns)."""
    values = np.asarray(angles, dtype=np.float64)
    if values.size == 0:
        return float("nan")
    centre = circular_mean_deg(values, period=period)
    return float((centre + np.median(turn_deg(centre, values, period))) % period)


# a metric plane -----------------------------------------------------------------------------------


@cache
def _mercator() -> Transformer:
    return Transformer.from_crs("EPSG:4326", "EPSG:3395", always_xy=True)


@dataclass(frozen=True)
class Plane:
    """A conformal plane (ellipsoidal Mercator) around a central longitude.

    One plane serves ports at any distance: shapes keep their angles and their proportions, and lengths
    are true after division by `scale`. The central longitude is chosen so that no data lie near the cut.

    Parameters
    ----------
    lon0_deg
        Central longitude; the plane is cut at its opposite meridian.

    Examples
    --------
    >>> plane = Plane.around([179.9, -179.9])
    >>> x, y = plane.forward([179.99, -179.99], [70.0, 70.0])
    >>> round(float((x[1] - x[0]) / plane.scale(70.0)))
    764
    """

    lon0_deg: float = 0.0

    @classmethod
    def around(cls, lon: ArrayLike) -> Plane:
        """Cut the plane in the middle of the widest stretch of longitude without data."""
        values = np.unique(np.mod(np.asarray(lon, dtype=np.float64), 360.0))
        values = values[np.isfinite(values)]
        if values.size == 0:
            return cls(0.0)
        gaps = np.diff(np.append(values, values[0] + 360.0))
        widest = int(np.argmax(gaps))
        cut = values[widest] + gaps[widest] / 2
        return cls(float(turn_deg(0.0, cut + 180.0)))

    def forward(self, lon: ArrayLike, lat: ArrayLike) -> tuple[Floats, Floats]:
        """Degrees to plane units (metres at the equator)."""
        east = turn_deg(self.lon0_deg, np.asarray(lon, dtype=np.float64))
        x, y = _mercator().transform(east, np.asarray(lat, dtype=np.float64))
        return np.asarray(x), np.asarray(y)

    def inverse(self, x: ArrayLike, y: ArrayLike) -> tuple[Floats, Floats]:
        """Plane units to longitude and latitude in degrees, longitude in [-180, 180)."""
        lon, lat = _mercator().transform(
            np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64), direction="INVERSE"
        )
        return turn_deg(0.0, np.asarray(lon) + self.lon0_deg), np.asarray(lat)

    @staticmethod
    def scale(lat: ArrayLike) -> Floats:
        """Plane units per true metre at a latitude."""
        sin = np.sin(np.radians(np.asarray(lat, dtype=np.float64)))
        cos = np.cos(np.radians(np.asarray(lat, dtype=np.float64)))
        # 1 / (N cos(lat) / a) with the first eccentricity squared of WGS 84.
        result: Floats = np.sqrt(1 - 0.006_694_379_990_14 * sin**2) / cos
        return result

    def from_degrees(self, shapes: Any) -> Any:
        """Shapely geometries, one or an array, from degrees to plane units.

        Examples
        --------
        >>> plane = Plane(179.0)
        >>> round(plane.from_degrees(shapely.Point(-179.0, 0.0)).x)
        222639
        """
        return shapely.transform(shapes, lambda xy: np.column_stack(self.forward(xy[:, 0], xy[:, 1])))

    def to_degrees(self, shapes: ArrayLike) -> NDArray[np.object_]:
        """Shapely geometries from plane units to degrees.

        A shape that crosses the antimeridian stays in one piece: it starts west of 180 and its longitudes
        run on beyond. The GeoJSON writer cuts it.
        """

        def back(xy: Floats) -> Floats:
            lon, lat = _mercator().transform(xy[:, 0], xy[:, 1], direction="INVERSE")
            return np.column_stack([np.asarray(lon) + self.lon0_deg, lat])

        unwrapped: NDArray[np.object_] = shapely.transform(np.asarray(shapes, dtype=object), back)
        west = shapely.bounds(unwrapped)[..., 0]
        turns = np.where(np.isfinite(west), np.floor((west + 180.0) / 360.0), 0.0)
        if not turns.any():
            return unwrapped
        shifted = [
            shapely.transform(shape, lambda xy, by=by: xy - [360.0 * by, 0.0])
            for shape, by in zip(unwrapped.ravel(), turns.ravel(), strict=True)
        ]
        out = np.empty(unwrapped.shape, dtype=object)
        out.ravel()[:] = shifted
        return out


def rectangles(
    x: ArrayLike, y: ArrayLike, heading_deg: ArrayLike, length: ArrayLike, width: ArrayLike
) -> NDArray[np.object_]:
    """Rectangles about their middles, long side along the heading.

    Parameters
    ----------
    x, y, length, width
        In the units of the plane.
    heading_deg
        Clockwise from north.

    Examples
    --------
    >>> box = rectangles([0.0], [0.0], [90.0], [10.0], [4.0])[0]
    >>> [round(v, 6) for v in box.bounds]
    [-5.0, -2.0, 5.0, 2.0]
    """
    theta = np.radians(np.asarray(heading_deg, dtype=np.float64))
    ahead = np.stack([np.sin(theta), np.cos(theta)], axis=-1) * np.asarray(length)[..., None] / 2
    right = np.stack([np.cos(theta), -np.sin(theta)], axis=-1) * np.asarray(width)[..., None] / 2
    middle = np.stack([np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)], axis=-1)
    ring = np.stack(
        [middle + ahead + right, middle + ahead - right, middle - ahead - right, middle - ahead + right],
        axis=-2,
    )
    result: NDArray[np.object_] = np.atleast_1d(shapely.polygons(ring))
    return result


def shared_area(
    ahead: ArrayLike,
    right: ArrayLike,
    turn: ArrayLike,
    size: tuple[ArrayLike, ArrayLike],
    other: tuple[ArrayLike, ArrayLike],
) -> Floats:
    """Area that each rectangle has in common with another one.

    The outline of the common area consists of the edges of each rectangle inside the other one, and Green's
    theorem gives its area. The result is that of shapely's intersection, several times as fast.

    Parameters
    ----------
    ahead, right, turn
        Middle of the other rectangle in the direction of the first one and to the right of it, and how far
        the other one is turned clockwise (degrees).
    size, other
        Length and width of the first and of the other rectangles, in the same unit.

    Examples
    --------
    >>> float(shared_area([3.0], [1.0], [0.0], ([10.0], [4.0]), ([10.0], [4.0]))[0].round(3))
    21.0
    """
    cos, sin = np.cos(np.radians(turn)), np.sin(np.radians(turn))
    middle = np.stack([np.asarray(ahead, dtype=np.float64), np.asarray(right, dtype=np.float64)], axis=-1)
    there = np.stack([np.stack([cos, sin], axis=-1), np.stack([-sin, cos], axis=-1)], axis=-2)
    half, other_half = (
        np.stack([np.asarray(v, dtype=np.float64) for v in pair], axis=-1) / 2.0 for pair in (size, other)
    )
    signs = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, -1.0], [-1.0, 1.0]])
    own, others = signs * half[:, None, :], signs * other_half[:, None, :]
    moved = others @ there + middle[:, None, :]
    seen = (own - middle[:, None, :]) @ np.swapaxes(there, -1, -2)
    # Edges that coincide count once: those of the first rectangle.
    hair = 1e-9 * (half + other_half).sum(axis=-1, keepdims=True)
    area = _edges_inside(own, seen, other_half + hair) + _edges_inside(moved, moved, half - hair)
    # Where they only touch, the common edge would count from one side alone.
    both = np.minimum(half, moved.max(axis=1)) - np.maximum(-half, moved.min(axis=1))
    return np.clip(area, 0.0, np.maximum(both, 0.0).prod(axis=-1))


def _edges_inside(corners: Floats, seen: Floats, half: Floats) -> Floats:
    """Half the cross products along the edges of rectangles, as far as they lie within others.

    `seen` are the corners as the other rectangle sees them, `half` half its length and width.
    """
    step = np.roll(seen, -1, axis=1) - seen
    step = np.where(np.abs(step) < 1e-12, 1e-12, step)
    one, two = (-half[:, None, :] - seen) / step, (half[:, None, :] - seen) / step
    enter = np.maximum(np.minimum(one, two).max(axis=-1), 0.0)
    leave = np.minimum(np.maximum(one, two).min(axis=-1), 1.0)
    along = np.roll(corners, -1, axis=1) - corners
    cross = corners[..., 1] * along[..., 0] - corners[..., 0] * along[..., 1]
    result: Floats = (np.maximum(leave - enter, 0.0) * cross).sum(axis=1) / 2.0
    return result
