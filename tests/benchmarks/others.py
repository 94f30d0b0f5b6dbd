"""Other people's ways to find berths, each with its settings and what may be tuned.

All get the same: what cargo ships, tankers and passenger ships sent while they were moored, as our own steps
found it. So none of them has to tell berths from anchorages, marinas or passing ships.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import shapely
from sklearn.cluster import DBSCAN
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.utils._testing import ignore_warnings

from ais_berths import geo
from ais_berths.config import HexagonsConfig
from ais_berths.geo import Plane
from ais_berths.hexagons import hexagons

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pandas as pd
    from numpy.typing import NDArray

    Settings = Mapping[str, Any]

_SAMPLES_PER_HULL = 20
_COMPONENTS = range(8, 65, 4)


class Given(NamedTuple):
    """What every method gets of one port.

    ``pings`` and ``moored`` are those of merchant ships at berths; ``hulls`` their footprints, by what the
    ships send about their size.
    """

    pings: pd.DataFrame
    moored: pd.DataFrame
    hulls: dict[str, pd.DataFrame]


class Method(NamedTuple):
    """A way to find berths.

    ``published`` and the settings tuned for ``areas`` and ``centres`` are complete but for what is ``fixed``;
    ``tried`` has the values of each setting that were tried in every combination.
    """

    find: Callable[..., gpd.GeoDataFrame]
    fixed: Settings
    published: Settings
    areas: Settings
    centres: Settings
    tried: Mapping[str, tuple[Any, ...]]


def hexagon_areas(given: Given, **settings: Any) -> gpd.GeoDataFrame:
    """The predecessor's method."""
    return hexagons(given.pings, HexagonsConfig(**settings)).areas


def point_hulls(given: Given, eps_m: float, min_samples: int, widen_m: float) -> gpd.GeoDataFrame:
    """DBSCAN over the median antenna position of each visit; the convex hull of each cluster, widened.

    After the mooring clusters of Steenari, Lwakatare et al. (VesselAI, first version): 50 m, 3 visits, and
    0.0002 degrees, some 20 m, wider, so that it is an area.
    """
    label = _dbscan(given.moored, eps_m, min_samples)
    plane, points, scale = _in_plane(given.moored)
    shapes = [
        shapely.multipoints(points[label == number] * scale).convex_hull.buffer(widen_m * scale)
        for number in range(label.max(initial=-1) + 1)
    ]
    return _frame(plane, shapes)


def point_boxes(given: Given, sizes: str, eps_m: float, min_samples: int, reach: float) -> gpd.GeoDataFrame:
    """The same clusters; a box of the usual heading that holds the ships, as far as their sizes are known.

    After the second version of the same authors, who draw the rectangle of the largest ship around the
    antennas. `reach` is the quantile of the distances from the median antenna to bow, stern and sides; theirs
    is 1. With length and width only, the antenna is taken for the middle.
    """
    label = _dbscan(given.moored, eps_m, min_samples)
    plane, points, scale = _in_plane(given.moored)
    known = given.hulls[sizes].set_index("stop_id").reindex(given.moored["stop_id"])
    heading = known["heading_deg"].to_numpy(dtype=np.float64)
    half_length, half_width = (known[name].to_numpy() / 2.0 for name in ("length_m", "width_m"))
    middle = points
    if sizes == "antenna":
        middle = np.column_stack(plane.forward(known["lon"], known["lat"])) / scale
    shapes = []
    for number in range(label.max(initial=-1) + 1):
        at = np.flatnonzero((label == number) & np.isfinite(heading))
        if not at.size:
            continue
        axis = np.radians(geo.circular_median_deg(heading[at], period=180.0))
        centre = np.median(points[at], axis=0)
        ahead = (middle[at] - centre) @ np.array([np.sin(axis), np.cos(axis)])
        right = (middle[at] - centre) @ np.array([np.cos(axis), -np.sin(axis)])
        front, rear = (np.quantile(half_length[at] + side * ahead, reach) for side in (1, -1))
        star, port = (np.quantile(half_width[at] + side * right, reach) for side in (1, -1))
        box = shapely.box(-port, -rear, star, front)
        turned = shapely.transform(
            box, lambda xy, a=axis: xy @ np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
        )
        shapes.append(shapely.transform(turned, lambda xy, c=centre: (xy + c) * scale))
    return _frame(plane, shapes)


def mixture_ellipses(given: Given, sizes: str, cell_m: float, sigmas: float) -> gpd.GeoDataFrame:
    """Gaussian mixture over the hulls; an ellipse of some sigmas for each component.

    A simple stand-in for Hadjipieris et al. 2025 (arXiv 2505.12046), whose code is not public: points drawn
    from the hulls and thinned to one in each cell (of 4.7 m in their better variant); the number of
    components is the one with the best Bayesian information criterion; two sigmas. With length and width
    only, the hulls are those that our own method makes.
    """
    hulls = given.hulls[sizes]
    plane, middle, scale = _in_plane(hulls)
    # Metres from the middle of the port: far from the origin the covariances would be lost in rounding.
    origin = np.median(middle, axis=0)
    points = _points_in(hulls, middle - origin)
    points = (np.unique(np.floor(points / cell_m), axis=0) + 0.5) * cell_m
    best = _best_mixture(points.tobytes())
    rings = [
        (origin + _ellipse(mean, covariance, sigmas)) * scale
        for mean, covariance in zip(best.means_, best.covariances_, strict=True)
    ]
    return _frame(plane, shapely.polygons(rings))


def _dbscan(moored: pd.DataFrame, eps_m: float, min_samples: int) -> NDArray[np.intp]:
    radians = np.radians(moored[["lat", "lon"]].to_numpy())
    model = DBSCAN(eps=eps_m / geo.EARTH_RADIUS_M, min_samples=min_samples, metric="haversine")
    labels: NDArray[np.intp] = model.fit_predict(radians) if len(moored) else np.empty(0, dtype=np.intp)
    return labels


def _points_in(hulls: pd.DataFrame, middle: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points drawn evenly from each hull, in metres."""
    ahead, aside = np.random.default_rng(0).uniform(-0.5, 0.5, (2, len(hulls), _SAMPLES_PER_HULL))
    ahead = ahead * hulls["length_m"].to_numpy()[:, None]
    aside = aside * hulls["width_m"].to_numpy()[:, None]
    theta = np.radians(hulls["heading_deg"].fillna(0.0).to_numpy())[:, None]
    east = middle[:, [0]] + ahead * np.sin(theta) + aside * np.cos(theta)
    north = middle[:, [1]] + ahead * np.cos(theta) - aside * np.sin(theta)
    return np.column_stack([east.ravel(), north.ravel()])


@lru_cache
def _best_mixture(data: bytes) -> GaussianMixture:
    points = np.frombuffer(data).reshape(-1, 2)
    candidates = [n for n in _COMPONENTS if n < len(points) / 10]
    return min((_fit(points, n) for n in candidates), key=lambda model: model.bic(points))


@ignore_warnings(category=ConvergenceWarning)
def _fit(points: NDArray[np.float64], n: int) -> GaussianMixture:
    return GaussianMixture(n, reg_covar=1.0, max_iter=60, init_params="k-means++", random_state=0).fit(points)


def _ellipse(
    mean: NDArray[np.float64], covariance: NDArray[np.float64], sigmas: float
) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    angle = np.linspace(0.0, 2.0 * np.pi, 65)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    ring: NDArray[np.float64] = mean + sigmas * (vectors @ (np.sqrt(values)[:, None] * circle)).T
    return ring


def _in_plane(table: pd.DataFrame) -> tuple[Plane, NDArray[np.float64], float]:
    """Positions in metres of a plane, and the plane's units in a metre, one figure for the whole port."""
    plane = Plane.around(table["lon"])
    scale = float(np.median(Plane.scale(table["lat"])))
    return plane, np.column_stack(plane.forward(table["lon"], table["lat"])) / scale, scale


def _frame(plane: Plane, shapes: Any) -> gpd.GeoDataFrame:
    degrees = plane.to_degrees(np.asarray(shapes, dtype=object)) if len(shapes) else []
    return gpd.GeoDataFrame(geometry=list(degrees), crs="EPSG:4326")


_EPS_M = (20.0, 30.0, 40.0, 50.0, 75.0, 100.0)
_VISITS = (1, 2, 3)
_STEENARI = {"eps_m": 50.0, "min_samples": 3, "widen_m": 20.0}
_LARGEST = {"eps_m": 20.0, "min_samples": 3, "reach": 1.0}
_HADJIPIERIS = {"cell_m": 4.7, "sigmas": 2.0}
_POINTS = {"eps_m": _EPS_M, "min_samples": _VISITS, "widen_m": (5.0, 10.0, 20.0, 30.0)}
_BOXES = {"eps_m": _EPS_M, "min_samples": _VISITS, "reach": (0.5, 0.75, 0.9, 1.0)}
_MIXTURE = {"cell_m": (4.7, 10.0), "sigmas": (0.75, 1.0, 1.25, 1.5, 1.75, 2.0, 2.25, 2.5)}
_HEXAGONS = {
    "parent_resolution": (11, 12, 13),
    "min_count": (5, 30),
    "eps_m": (20.0, 40.0, 80.0),
    "min_samples": (150, 500, 1500),
}

METHODS = {
    "hexagons, published": Method(hexagon_areas, {}, {}, {}, {}, {}),
    "hexagons, tuned": Method(
        hexagon_areas,
        {"weighted": True},
        {},
        {"parent_resolution": 12, "min_count": 5, "eps_m": 40.0, "min_samples": 500},
        {"parent_resolution": 11, "min_count": 30, "eps_m": 40.0, "min_samples": 500},
        _HEXAGONS,
    ),
    "antenna points, DBSCAN, hull": Method(
        point_hulls,
        {},
        _STEENARI,
        {"eps_m": 100.0, "min_samples": 3, "widen_m": 10.0},
        {"eps_m": 40.0, "min_samples": 2, "widen_m": 5.0},
        _POINTS,
    ),
    "antenna points, DBSCAN, box; A-D": Method(
        point_boxes,
        {"sizes": "antenna"},
        _LARGEST,
        {"eps_m": 40.0, "min_samples": 2, "reach": 0.9},
        {"eps_m": 40.0, "min_samples": 2, "reach": 0.75},
        _BOXES,
    ),
    "antenna points, DBSCAN, box; length and width": Method(
        point_boxes,
        {"sizes": "size"},
        _LARGEST,
        {"eps_m": 30.0, "min_samples": 2, "reach": 0.9},
        {"eps_m": 40.0, "min_samples": 2, "reach": 0.5},
        _BOXES,
    ),
    "Gaussian mixture; A-D": Method(
        mixture_ellipses,
        {"sizes": "antenna"},
        _HADJIPIERIS,
        {"cell_m": 4.7, "sigmas": 1.75},
        {"cell_m": 4.7, "sigmas": 1.75},
        _MIXTURE,
    ),
    "Gaussian mixture; length and width": Method(
        mixture_ellipses, {"sizes": "size"}, _HADJIPIERIS, _HADJIPIERIS, _HADJIPIERIS, _MIXTURE
    ),
}
"""Every method, by the name in the tables; ``tuning.py`` found the settings."""
