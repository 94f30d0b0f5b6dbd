"""Other people's methods on the same simulated ports, beside ours.

    python tests/benchmarks/baselines.py --seeds 1-3 --days 7 --out -

The others are in ``others.py``; their settings were tuned on development seeds by ``tuning.py``.
"""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely
import tables
from others import METHODS, Given
from scipy.spatial import cKDTree
from trials import (
    Case,
    Heard,
    cases_of,
    commercial_mmsi,
    hear,
    listen,
    of_ships,
    run_cases,
    without_sizes,
)

from ais_berths import evaluate, geo, schema
from ais_berths.config import Config
from ais_berths.evaluate.pairs import detection
from ais_berths.pairs import one_to_one
from ais_berths.places import Places, find_places
from ais_berths.vessels import merge_statics

if TYPE_CHECKING:
    import geopandas as gpd
    from trials import Truth

OURS = {"antenna": "ours; A-D", "size": "ours; length and width", "none": "ours; nothing"}
NEAR_M, FAR_M = 60.0, 100.0
"""How far a found centre may lie from the true one to be right."""

_USES = ("commercial",)

_INPUT = """Each figure but the time is a mean over the seeds, ± the standard deviation between ports. The
columns of centres are those of the settings that were tuned for centres, all others of those tuned for areas.
"""

_HALVES = """Berths from two disjoint halves of the vessels (`evaluate.split_half`): the mean over the berths
of both halves of the best IoU with one of the other half, and the Bhattacharyya distance of the two sets as
mixtures. It tells how many ships there were and rewards leaving berths out; it is no accuracy.
"""


def main() -> None:
    """Run all methods and write the page."""
    parser = tables.options(__doc__ or "", "160-164", "7,14,30", "comparison.md")
    given = parser.parse_args()
    cases = sorted(cases_of(given.seeds, given.days, ["terrestrial"]), key=lambda case: case.seed)
    rows = pd.DataFrame()
    # It takes long: the page is there after the first port, and gets better with each.
    for first in range(0, len(cases), given.jobs):
        rows = pd.concat([rows, run_cases(compare, cases[first : first + given.jobs], given.jobs)])
        tables.write(given.out, "Comparison with other methods", parts_of(rows), sorted(set(rows["seed"])))


def parts_of(rows: pd.DataFrame) -> list[str]:
    """The page, from the ports that are done."""
    lengths = sorted(rows["days"].unique())
    return [
        f"Simulated ports, terrestrial feed; {rows['seed'].nunique()} seeds.",
        _INPUT,
        *(f"## {days} days\n\n" + method_table(rows[rows["days"] == days]) for days in lengths),
        "## Split-half\n",
        _HALVES,
        half_table(rows[rows["halves_iou"].notna()]),
    ]


def compare(case: Case) -> list[dict[str, Any]]:
    """Every method on one port."""
    heard = hear(listen(case))
    rows = []
    for sizes, name in OURS.items():
        start = perf_counter()
        places = our_places(heard, sizes)
        seconds = perf_counter() - start
        halves = split(heard, sizes)
        scores = {**score_found(places.berths, heard.truth), **halves}
        rows.append({**vars(case), "method": name, "seconds": seconds, **scores})
    given = give(heard)
    for name, method in METHODS.items():
        start = perf_counter()
        found = method.find(given, **method.fixed, **method.areas)
        seconds = perf_counter() - start
        scores = score_found(found, heard.truth)
        if method.centres != method.areas:
            centred = score_found(method.find(given, **method.fixed, **method.centres), heard.truth)
            scores |= {key: centred[key] for key in ("f1_centre", "f1_far", "centre_m")}
        rows.append({**vars(case), "method": name, "seconds": seconds, **scores})
    return rows


def our_places(heard: Heard, sizes: str) -> Places:
    """Our method from the stops to the berths."""
    config = Config()
    vessels = merge_statics(without_sizes(heard.statics, sizes), config.hulls)
    return find_places(heard.stops, vessels, heard.truth.ports, schema.empty("cells"), config)


def split(heard: Heard, sizes: str) -> dict[str, float]:
    """Split-half figures of our commercial berths."""
    first = evaluate.first_half(heard.stops["mmsi"])
    halves = []
    for side in (first, ~first):
        stops = heard.stops[side].reset_index(drop=True)
        berths = our_places(heard._replace(stops=stops), sizes).berths
        halves.append(berths[berths["use"].isin(_USES)].reset_index(drop=True))
    scores = evaluate.split_half(*halves)
    return {"halves_iou": scores.mean_best_iou, "halves_bd": scores.bhattacharyya_distance}


def give(heard: Heard) -> Given:
    """What the other methods get: merchant ships at berths, by our own steps."""
    merchant = commercial_mmsi(heard.truth)
    hulls = {}
    for sizes in ("antenna", "size"):
        places = our_places(heard, sizes)
        moored = of_ships(places.stops[places.stops["kind"] == "moored"], merchant)
        hulls[sizes] = places.hulls[places.hulls["stop_id"].isin(moored["stop_id"])].reset_index(drop=True)
    pings = heard.pings[heard.pings["stop_id"].isin(moored["stop_id"])]
    return Given(pings.reset_index(drop=True), moored, hulls)


def score_found(berths: gpd.GeoDataFrame, truth: Truth) -> dict[str, float]:
    """Commercial berths; the other methods give no use, and saw only merchant ships."""
    named = berths if "berth_id" in berths.columns else berths.assign(berth_id=range(len(berths)))
    scores = evaluate.score_berths(named, truth.berths, truth.places, uses=_USES)
    at_50 = scores.at_iou_50
    near_f1, metres = score_centres(named, truth.berths, NEAR_M)
    far_f1, _ = score_centres(named, truth.berths, FAR_M)
    return {
        "found": at_50.n_found,
        "f1": at_50.f1,
        "precision": at_50.precision,
        "recall": at_50.recall,
        "f1_30": scores.at_iou_30.f1,
        "iou": scores.mean_best_iou,
        "split": scores.n_split,
        "merged": scores.n_merged,
        "f1_centre": near_f1,
        "f1_far": far_f1,
        "centre_m": metres,
    }


def score_centres(berths: gpd.GeoDataFrame, truth: gpd.GeoDataFrame, near_m: float) -> tuple[float, float]:
    """F1 of berths whose centre lies within some metres of a true one, and the median distance of those.

    Paired one to one, nearest first as far as possible. As with areas, true berths of other uses take their
    partners away, and found ones of other uses are left out.
    """
    here, there = (_centres(frame) for frame in (berths, truth))
    asked = truth["use"].isin(_USES).to_numpy()
    scored = berths["use"].isin(_USES).to_numpy() if "use" in berths.columns else np.ones(len(berths), bool)
    if not len(berths):
        return 0.0, float("nan")
    near = cKDTree(here).sparse_distance_matrix(cKDTree(there), near_m, output_type="coo_matrix")
    pairs = pd.DataFrame({"found": near.row, "true": near.col, "nearness": 1.0 - near.data / (2.0 * near_m)})
    pairs = pairs[one_to_one(pairs, "nearness", 0.0)]
    alone = scored.copy()
    alone[pairs["found"]] = False
    right = pairs[asked[pairs["true"]]]
    f1 = detection(len(right), int(alone.sum()) + len(right), int(asked.sum())).f1
    metres = (1.0 - right["nearness"]) * 2.0 * near_m
    return f1, float(metres.median())


def method_table(rows: pd.DataFrame) -> str:
    """One row a method."""
    header = ["method", "berths found", "F1 at IoU 0.5", "F1 at IoU 0.3", "precision", "recall", "best IoU"]
    header += ["split", "merged", f"F1 of centres within {NEAR_M:.0f} m", f"within {FAR_M:.0f} m"]
    header += ["centre (m)", "seconds"]
    lines = []
    for method, part in rows.groupby("method", sort=False):
        lines.append(
            [
                method,
                tables.spread(part["found"], 0),
                *(tables.spread(part[name]) for name in ("f1", "f1_30", "precision", "recall", "iou")),
                *(tables.spread(part[name], 1) for name in ("split", "merged")),
                *(tables.spread(part[name]) for name in ("f1_centre", "f1_far")),
                tables.spread(part["centre_m"], 1),
                f"{part['seconds'].mean():.2f}",
            ]
        )
    return tables.table(header, lines)


def half_table(rows: pd.DataFrame) -> str:
    """Split-half figures of our method."""
    lines = []
    for (method, days), part in rows.groupby(["method", "days"]):
        figures = [tables.spread(part[name]) for name in ("halves_iou", "halves_bd", "iou")]
        lines.append([method, days, *figures])
    header = ["method", "days", "mean IoU of the halves", "Bhattacharyya distance", "best IoU with the truth"]
    return tables.table(header, lines)


def _centres(frame: gpd.GeoDataFrame) -> Any:
    centre = shapely.centroid(frame.geometry.to_numpy())
    return geo.sphere_xyz_m(shapely.get_y(centre), shapely.get_x(centre))


if __name__ == "__main__":
    main()
