"""Shapes in the plane of a port, and from there to degrees."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import shapely

from ais_berths.simulate.reports import to_degrees
from ais_berths.simulate.steering import bows

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ais_berths.simulate.scenes import Scene

CRS = "EPSG:4326"


def boxes(
    z: NDArray[np.complex128],
    heading_deg: NDArray[np.float64],
    length: NDArray[np.float64],
    width: NDArray[np.float64],
) -> NDArray[np.object_]:
    """Hull rectangles in the plane."""
    ahead = bows(heading_deg)
    corners = np.stack(
        [
            z + ahead * (a * length / 2 - 1j * b * width / 2)
            for a, b in ((1.0, 1.0), (1.0, -1.0), (-1.0, -1.0), (-1.0, 1.0))
        ],
        axis=-1,
    )
    return np.atleast_1d(shapely.polygons(xy(corners)))


def quay_box(
    start: complex, along: complex, x: tuple[float, float], y: tuple[float, float]
) -> shapely.Polygon:
    """Rectangle between distances along a quay and out from it."""
    ring = [
        start + along * complex(a, b) for a, b in ((x[0], y[0]), (x[1], y[0]), (x[1], y[1]), (x[0], y[1]))
    ]
    return shapely.Polygon(xy(np.array(ring)))


def disc(middle: complex, radius: float) -> shapely.Polygon:
    """Round place."""
    return shapely.Point(middle.real, middle.imag).buffer(radius)


def xy(z: NDArray[np.complex128]) -> NDArray[np.float64]:
    """Complex places as pairs of coordinates."""
    return np.stack([z.real, z.imag], axis=-1)


def in_degrees(scene: Scene, table: pd.DataFrame) -> gpd.GeoDataFrame:
    """Shapes from the plane to degrees; they run on beyond 180 where they cross the antimeridian."""

    def back(flat: NDArray[np.float64]) -> NDArray[np.float64]:
        lat, lon = to_degrees(flat[:, 0] + 1j * flat[:, 1], scene.lat, scene.lon)
        near = scene.lon + (lon - scene.lon + 180.0) % 360.0 - 180.0
        return np.column_stack([near, lat])

    def turn(shapes: pd.Series) -> NDArray[np.object_]:
        out: NDArray[np.object_] = shapely.normalize(shapely.transform(shapes.to_numpy(dtype=object), back))
        return out

    more = (
        {"slot_wkt": shapely.to_wkt(turn(table["built"]), rounding_precision=7)} if "built" in table else {}
    )
    plain = table.drop(columns=["geometry", "built"], errors="ignore").assign(**more)
    return gpd.GeoDataFrame(plain, geometry=turn(table["geometry"]), crs=CRS)
