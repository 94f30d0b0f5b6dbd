"""Is the confidence of berths what it says: of those given 0.9, are nine in ten true?

    python tests/benchmarks/calibration.py --seeds 31-33 --days 7 --out -
    python tests/benchmarks/calibration.py --fit --seeds 1-10 --days 7,30 --out -

The first checks the formula, the second fits its weights anew.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import tables
from sklearn.linear_model import LogisticRegression
from trials import SIZES, Case, Result, Truth, cases_of, find_all, hear, listen, run_cases

from ais_berths import evaluate
from ais_berths.confidence import WEIGHTS, weigh_evidence

if TYPE_CHECKING:
    from collections.abc import Iterable

_BINS = (0.0, 0.2, 0.4, 0.6, 0.75, 0.85, 0.95, 1.0)
_CRAFT = ("service", "fishing")
_EVIDENCE = [name for name in WEIGHTS if name != "constant"]
_TRUE = """A berth is true when it pairs with a true one at IoU 0.5; one of tugs, pilots or fishing boats at
0.3, as the error of a position is half a boat. Marinas have no true polygons and are left out.
"""


def main() -> None:
    """Rate the berths of all cases and write the page."""
    parser = tables.options(__doc__ or "", "31-40", "7,14,30", "calibration.md")
    parser.add_argument("--fit", action="store_true", help="fit the weights and add them to the page")
    given = parser.parse_args()
    cases = cases_of(given.seeds, given.days, ["terrestrial", "satellite"])
    rows = run_cases(rate, cases, given.jobs)
    parts = [
        _TRUE,
        f"All berths: expected calibration error {calibration_error(rows):.3f}.\n",
        reliability_table(rows),
        "## Commercial berths\n",
        *groups(rows[rows["use"] == "commercial"], ["sizes", "days"]),
        "## By use\n",
        *groups(rows, ["use"]),
        "## Seen once\n",
        *groups(rows[rows["n_stops"] == 1], ["hull_basis"]),
    ]
    if given.fit:
        parts += ["## Weights\n", weight_table(rows)]
    tables.write(given.out, "Calibration of confidence", parts, given.seeds)


def rate(case: Case) -> list[dict[str, Any]]:
    """Every berth of one port with its evidence, and whether it is true."""
    heard = hear(listen(case))
    rows: list[dict[str, Any]] = []
    for sizes in SIZES:
        found = find_all(heard, sizes)
        table = judge(found, heard.truth).assign(**vars(case), sizes=sizes)
        rows += table[table["use"] != "leisure"].to_dict("records")
    return rows


def judge(found: Result, truth: Truth) -> pd.DataFrame:
    """Berths with the evidence that their confidence rests on, and whether they are true."""
    places = found.places
    berths = places.berths.assign(number=np.arange(len(places.berths)))
    stops = places.stops[places.stops["berth_id"].notna()]
    members = stops[["stop_id", "berth_id", "rafted"]].merge(berths[["berth_id", "number"]], on="berth_id")
    evidence = weigh_evidence(berths, members, places.hulls)
    pairs = evaluate.match_berths(berths, truth.berths).set_index("berth_id")["iou"]
    iou = berths["berth_id"].map(pairs).fillna(0.0)
    enough = np.where(berths["use"].isin(_CRAFT), 0.3, 0.5)
    kept = berths[["use", "hull_basis", "n_stops", "confidence"]]
    return pd.concat([kept, evidence.reset_index(drop=True)], axis=1).assign(true=iou >= enough)


def reliability_table(rows: pd.DataFrame) -> str:
    """Confidence by class, and the share of true berths in it."""
    classes = pd.cut(rows["confidence"], _BINS, include_lowest=True)
    lines = [
        [f"{max(of.left, 0):g}-{of.right:g}", len(part), f"{part['confidence'].mean():.3f}", _share(part)]
        for of, part in rows.groupby(classes, observed=True)
    ]
    return tables.table(["confidence", "berths", "mean confidence", "true"], lines)


def groups(rows: pd.DataFrame, names: list[str]) -> Iterable[str]:
    """One line for each group: mean confidence, share of true berths, and the same from 0.85 on."""
    lines = []
    for key, part in rows.groupby(names):
        high = part[part["confidence"] >= 0.85]
        lines.append(
            [
                *(SIZES.get(str(value), value) for value in key),
                *(len(part), f"{part['confidence'].mean():.3f}", _share(part)),
                *(f"{calibration_error(part):.3f}", len(high)),
                *((f"{high['confidence'].mean():.3f}", _share(high)) if len(high) else ("-", "-")),
            ]
        )
    header = [*names, "berths", "mean confidence", "true", "calibration error"]
    yield tables.table([*header, "from 0.85 on", "mean confidence", "true"], lines)


def calibration_error(rows: pd.DataFrame) -> float:
    """Mean distance of confidence and truth over ten classes, weighted by their berths."""
    classes = pd.cut(rows["confidence"], np.linspace(0.0, 1.0, 11), include_lowest=True)
    by_class = rows.groupby(classes, observed=True)
    gaps = (by_class["confidence"].mean() - by_class["true"].mean()).abs()
    return float((gaps * by_class.size()).sum() / len(rows))


def weight_table(rows: pd.DataFrame) -> str:
    """Logistic regression without penalty."""
    model = LogisticRegression(C=1e6, max_iter=5000).fit(rows[_EVIDENCE], rows["true"])
    fitted = dict(zip(["constant", *_EVIDENCE], [model.intercept_[0], *model.coef_[0]], strict=True))
    lines = [[f"`{name}`", f"{weight:.2f}", WEIGHTS[name]] for name, weight in fitted.items()]
    return tables.table(["evidence", "fitted", "in use"], lines)


def _share(rows: pd.DataFrame) -> str:
    return f"{rows['true'].mean():.3f}"


if __name__ == "__main__":
    main()
