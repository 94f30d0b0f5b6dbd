"""Other people's methods on the same simulated ports, beside ours.

    python tests/benchmarks/baselines.py --seeds 1-3 --days 7 --out -

All get the same input: what ships of the groups cargo, tanker and passenger sent while they were moored, as
our own steps found it. So none of them has to tell berths from anchorages, marinas or passing ships.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely
import tables
from sklearn.cluster import DBSCAN
from sklearn.exceptions import ConvergenceWarning
from sklearn.mixture import GaussianMixture
from sklearn.utils._testing import ignore_warnings
from trials import Case, Heard, cases_of, commercial_mmsi, find_all, hear, listen, of_ships, run_cases

from ais_berths import evaluate, geo
from ais_berths.geo import Plane
from ais_berths.hexagons import SETTINGS, hexagons

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ais_berths.config import HexagonsConfig

OURS = {
    "antenna": "ours, A-D known",
    "size": "ours, length and width only",
    "none": "ours, nothing known",
}
_SAMPLES_PER_HULL = 20
_CELL_M = 4.7
_COMPONENTS = range(8, 65, 4)


def main() -> None:
    """Run all methods and write the page."""
    parser = tables.options(__doc__ or "", "100-109", "7,14,30", "comparison.md")
    given = parser.parse_args()
    rows = run_cases(compare, cases_of(given.seeds, given.days, ["terrestrial"]), given.jobs)
    parts = [
        (f"Simulated ports, terrestrial feed; mean ± standard deviation over {len(given.seeds)} seeds.\n"),
        *(f"## {days} days\n\n" + method_table(rows[rows["days"] == days]) for days in sorted(given.days)),
    ]
    tables.write(given.out, "Comparison with other methods", parts, given.seeds)


def compare(case: Case) -> list[dict[str, Any]]:
    """Every method on one port."""
    heard = hear(listen(case))
    results = {sizes: find_all(heard, sizes) for sizes in OURS}
    found = {name: results[sizes].places.berths for sizes, name in OURS.items()}
    places = results["antenna"].places
    merchant = commercial_mmsi(heard.truth)
    moored = of_ships(places.stops[places.stops["kind"] == "moored"], merchant)
    hulls = places.hulls[places.hulls["stop_id"].isin(moored["stop_id"])].reset_index(drop=True)
    for name, config in SETTINGS.items():
        found[f"hexagons, {name}"] = hexagon_areas(heard, moored, config)
    found["antenna points, DBSCAN"] = antenna_hulls(moored)
    found["Gaussian mixture, A-D known"] = mixture_ellipses(hulls, case.seed)
    return [{**vars(case), "method": name, **_score(berths, heard, name)} for name, berths in found.items()]


def hexagon_areas(heard: Heard, moored: pd.DataFrame, config: HexagonsConfig) -> gpd.GeoDataFrame:
    """The predecessor's method."""
    pings = heard.pings
    return hexagons(pings[pings["stop_id"].isin(moored["stop_id"])], config).areas


def antenna_hulls(moored: pd.DataFrame, eps_m: float = 50.0, min_samples: int = 3) -> gpd.GeoDataFrame:
    """DBSCAN over the median antenna position of each visit; the convex hull of each cluster.

    After the mooring clusters of Steenari, Lwakatare et al. (VesselAI, first version), who widen the hull by
    0.0002 degrees so that it is an area: some 20 m.
    """
    radians = np.radians(moored[["lat", "lon"]].to_numpy())
    model = DBSCAN(eps=eps_m / geo.EARTH_RADIUS_M, min_samples=min_samples, metric="haversine")
    label = model.fit_predict(radians) if len(moored) else np.empty(0, dtype=np.int64)
    plane = Plane.around(moored["lon"])
    x, y = plane.forward(moored["lon"], moored["lat"])
    scale = Plane.scale(moored["lat"])
    shapes = [
        shapely.multipoints(np.column_stack([x, y])[label == number]).convex_hull.buffer(
            20.0 * float(np.median(scale[label == number]))
        )
        for number in range(label.max(initial=-1) + 1)
    ]
    return _frame(plane, shapes)


def mixture_ellipses(hulls: pd.DataFrame, seed: int) -> gpd.GeoDataFrame:
    """Gaussian mixture over the hulls; the two-sigma ellipse of each component.

    A simple stand-in for Hadjipieris et al. 2025 (arXiv 2505.12046), whose code is not public: points drawn
    from the hulls and thinned to one in each cell of 4.7 m, as in their better variant; the number of
    components is the one with the best Bayesian information criterion.
    """
    plane = Plane.around(hulls["lon"])
    middle = np.column_stack(plane.forward(hulls["lon"], hulls["lat"]))
    # Metres from the middle of the port: far from the origin the covariances would be lost in rounding.
    origin, scale = np.median(middle, axis=0), float(np.median(Plane.scale(hulls["lat"])))
    points = _points_in(hulls, (middle - origin) / scale, np.random.default_rng(seed))
    points = (np.unique(np.floor(points / _CELL_M), axis=0) + 0.5) * _CELL_M
    candidates = [n for n in _COMPONENTS if n < len(points) / 10]
    best = min((_fit(points, n, seed) for n in candidates), key=lambda model: model.bic(points))
    rings = [
        origin + scale * _ellipse(mean, covariance)
        for mean, covariance in zip(best.means_, best.covariances_, strict=True)
    ]
    return _frame(plane, shapely.polygons(rings))


def method_table(rows: pd.DataFrame) -> str:
    """One row a method."""
    header = ["method", "berths found", "F1 at IoU 0.5", "F1 at IoU 0.3", "precision", "recall"]
    header += ["best IoU", "centre (m)", "split", "merged"]
    lines = []
    for method, part in rows.groupby("method", sort=False):
        lines.append(
            [
                method,
                tables.spread(part["found"], 0),
                *(tables.spread(part[name]) for name in ("f1", "f1_30", "precision", "recall", "iou")),
                *(tables.spread(part[name], 1) for name in ("centre_m", "split", "merged")),
            ]
        )
    return tables.table(header, lines)


def _score(berths: gpd.GeoDataFrame, heard: Heard, name: str) -> dict[str, float]:
    """Commercial berths; the other methods give no use, and saw only merchant ships."""
    named = berths if "berth_id" in berths.columns else berths.assign(berth_id=range(len(berths)))
    scores = evaluate.score_berths(named, heard.truth.berths, heard.truth.places, uses=("commercial",))
    at_50 = scores.at_iou_50
    return {
        "found": at_50.n_found,
        "f1": at_50.f1,
        "precision": at_50.precision,
        "recall": at_50.recall,
        "f1_30": scores.at_iou_30.f1,
        "iou": scores.mean_best_iou,
        "centre_m": scores.centre_error_m,
        "split": scores.n_split,
        "merged": scores.n_merged,
    }


def _points_in(
    hulls: pd.DataFrame, middle: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Points drawn evenly from each hull, in metres."""
    n = len(hulls)
    ahead, aside = rng.uniform(-0.5, 0.5, (2, n, _SAMPLES_PER_HULL))
    ahead = ahead * hulls["length_m"].to_numpy()[:, None]
    aside = aside * hulls["width_m"].to_numpy()[:, None]
    theta = np.radians(hulls["heading_deg"].fillna(0.0).to_numpy())[:, None]
    east = middle[:, [0]] + ahead * np.sin(theta) + aside * np.cos(theta)
    north = middle[:, [1]] + ahead * np.cos(theta) - aside * np.sin(theta)
    return np.column_stack([east.ravel(), north.ravel()])


@ignore_warnings(category=ConvergenceWarning)
def _fit(points: NDArray[np.float64], n: int, seed: int) -> GaussianMixture:
    return GaussianMixture(n, reg_covar=1.0, max_iter=60, init_params="k-means++", random_state=seed).fit(
        points
    )


def _ellipse(mean: NDArray[np.float64], covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh(covariance)
    angle = np.linspace(0.0, 2.0 * np.pi, 65)
    circle = np.stack([np.cos(angle), np.sin(angle)])
    ring: NDArray[np.float64] = mean + 2.0 * (vectors @ (np.sqrt(values)[:, None] * circle)).T
    return ring


def _frame(plane: Plane, shapes: Any) -> gpd.GeoDataFrame:
    degrees = plane.to_degrees(np.asarray(shapes, dtype=object)) if len(shapes) else []
    return gpd.GeoDataFrame(geometry=list(degrees), crs="EPSG:4326")


if __name__ == "__main__":
    main()
