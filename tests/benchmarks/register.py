"""The register: does a berth keep its id over four weekly runs?

    python tests/benchmarks/register.py --seeds 1-3 --out -

Each port is run week by week, once with each week as an output of its own and once with an output that
grows. After each run the register is updated and applied. True berths say which berth is which.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd
import tables
from trials import SIZES, Case, Feed, cases_of, find_all, hear, listen, run_cases

from ais_berths import evaluate
from ais_berths.config import Config
from ais_berths.quays import port_prefix
from ais_berths.register import Register, apply_register, update_register

if TYPE_CHECKING:
    import geopandas as gpd

WEEKS = 4
MODES = {"weekly": "each week by itself", "growing": "all weeks so far"}
_SIZES = ("antenna", "size")
_USE = "commercial"
_SAME_IOU = 0.3


def main() -> None:
    """Run all ports and write the page."""
    given = tables.options(__doc__ or "", "200-204", f"{7 * WEEKS}", "register.md").parse_args()
    rows = run_cases(trial, cases_of(given.seeds, given.days, ["terrestrial"]), given.jobs)
    parts = [
        f"Simulated ports, {WEEKS} runs of a week each; berths of {len(given.seeds)} seeds together.\n",
        "## Ids\n",
        id_table(rows),
        "## Polygons of the last run\n",
        shape_table(rows),
    ]
    tables.write(given.out, "Register", parts, given.seeds)


def trial(case: Case) -> list[dict[str, Any]]:
    """All variants of one port."""
    feed = listen(case)
    return [
        {"seed": case.seed, "sizes": sizes, "mode": mode, **follow(feed, sizes, mode)}
        for sizes in _SIZES
        for mode in MODES
    ]


def follow(feed: Feed, sizes: str, mode: str) -> dict[str, float]:
    """Update one register by four runs, and see which ids the true berths had."""
    config = Config()
    start = feed.pings["time"].min().floor("D")
    register, berths, plain = Register.empty(), [], []
    for week in range(WEEKS):
        since = start + pd.Timedelta(days=7 * week) if mode == "weekly" else start
        heard = hear(part(feed, since, start + pd.Timedelta(days=7 * (week + 1))))
        result = find_all(heard, sizes, config)
        register = update_register(register, result.places, port_prefix(feed.truth.ports), config.registry)
        named = apply_register(result.places, register, result.vessels, config.registry)
        berths.append(named.berths)
        plain.append(result.places.berths)
    truth = feed.truth.berths
    events = register.history["event"].value_counts()
    rows = register.places
    return {
        **ids_kept(berths, truth),
        **{f"plain_{name}": value for name, value in ids_kept(plain, truth).items()},
        "f1": f1(berths[-1], feed.truth),
        "plain_f1": f1(plain[-1], feed.truth),
        "rows": int(((rows["place"] == "berth") & (rows["status"] == "active")).sum()),
        **{name: int(events.get(name, 0)) for name in ("new", "moved", "split", "merged", "returned")},
    }


def part(feed: Feed, start: pd.Timestamp, end: pd.Timestamp) -> Feed:
    """The pings of a period; ship data are those of the whole feed."""
    inside = (feed.pings["time"] >= start) & (feed.pings["time"] < end)
    return feed._replace(pings=feed.pings[inside].reset_index(drop=True))


def ids_kept(runs: list[gpd.GeoDataFrame], truth: gpd.GeoDataFrame) -> dict[str, int]:
    """True berths that were found in two runs or more, and those of them with one id in all of these.

    ``mixed``: ids that were given to different true berths.
    """
    true = truth[truth["use"] == _USE]
    pairs = pd.concat([evaluate.match_berths(berths, truth, _SAME_IOU) for berths in runs])
    pairs = pairs[pairs["true_berth_id"].isin(true["berth_id"])]
    by_truth = pairs.groupby("true_berth_id")["berth_id"]
    often = by_truth.size() >= 2
    n_ids, n_true = by_truth.nunique(), pairs.groupby("berth_id")["true_berth_id"].nunique()
    return {
        "berths": int(often.sum()),
        "kept": int((n_ids[often] < 2).sum()),
        "mixed": int((n_true > 1).sum()),
    }


def f1(berths: gpd.GeoDataFrame, truth: Any) -> float:
    """F1 of commercial berths at IoU 0.5."""
    return evaluate.score_berths(berths, truth.berths, truth.places, uses=[_USE]).at_iou_50.f1


def id_table(rows: pd.DataFrame) -> str:
    """Share of true berths that keep their id."""
    header = [
        *("runs over", "ships send", "berths found twice or more", "same id in all runs", "share"),
        *("share without the register", "ids of two berths", "new", "moved", "split", "merged", "returned"),
    ]
    lines = []
    for (mode, sizes), group in rows.groupby(["mode", "sizes"], sort=False):
        total = group.sum(numeric_only=True)
        lines.append(
            [
                *(MODES[mode], SIZES[sizes], int(total["berths"]), int(total["kept"])),
                f"{total['kept'] / total['berths']:.3f}",
                f"{total['plain_kept'] / total['plain_berths']:.3f}",
                int(total["mixed"]),
                *(int(total[name]) for name in ("new", "moved", "split", "merged", "returned")),
            ]
        )
    return tables.table(header, lines)


def shape_table(rows: pd.DataFrame) -> str:
    """What keeping the best shape does for the polygons of the last run."""
    header = ["runs over", "ships send", "F1 at IoU 0.5 of the run", "with the register"]
    lines = [
        [MODES[mode], SIZES[sizes], tables.spread(group["plain_f1"]), tables.spread(group["f1"])]
        for (mode, sizes), group in rows.groupby(["mode", "sizes"], sort=False)
    ]
    return tables.table(header, lines)


if __name__ == "__main__":
    main()
