"""The score card: how good the method is on simulated ports that it has not seen.

    python tests/benchmarks/accuracy.py --seeds 1-3 --days 7 --out -

writes one page of tables, each figure beside its goal.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import tables
from trials import KINDS, SIZES, Case, cases_of, find_all, hear, listen, run_cases, score

if TYPE_CHECKING:
    import pandas as pd

RECEPTIONS = {"terrestrial": 180.0, "satellite": 1800.0}
"""Kinds of reception, and the time between two reports of a ship at rest (s)."""

TWO_PORTS = {"ports": 2, "spacing_km": 6.0}

_F1_GOALS = {
    ("terrestrial", "antenna", 30): 0.97,
    ("terrestrial", "antenna", 7): 0.92,
    ("terrestrial", "size", 30): 0.92,
    ("terrestrial", "size", 7): 0.85,
    ("terrestrial", "none", 30): 0.75,
    ("satellite", "size", 30): 0.90,
}
_CENTRE_GOALS_M = {("terrestrial", "antenna"): 3.0, ("terrestrial", "size"): 5.0}
_STOPS_GOALS = {"terrestrial": 0.97, "satellite": 0.92}
_KIND_GOALS = {"terrestrial": 0.95, "satellite": 0.90}


def main() -> None:
    """Run all cases and write the page."""
    parser = tables.options(__doc__ or "", "430-469", "7,14,30", "accuracy.md")
    parser.add_argument("--reception", choices=[*RECEPTIONS, "both"], default="both")
    given = parser.parse_args()
    receptions = list(RECEPTIONS) if given.reception == "both" else [given.reception]
    rows = run_cases(trial, cases_of(given.seeds, given.days, receptions), given.jobs)
    close = run_cases(neighbours, cases_of(given.seeds, given.days, receptions[:1], **TWO_PORTS), given.jobs)
    parts = [
        f"Simulated ports; mean ± standard deviation over {len(given.seeds)} seeds.\n",
        "## Berths\n",
        berth_table(rows),
        "## Stops\n",
        stop_table(rows),
        "## Moored, anchored or at a buoy\n",
        kind_table(rows),
        "## Berth calls\n",
        call_table(rows),
        "## Two ports 6 km apart\n",
        port_table(close),
    ]
    tables.write(given.out, "Score card", parts, given.seeds)


def trial(case: Case) -> list[dict[str, Any]]:
    """All variants of one port."""
    heard = hear(listen(case))
    return [{**vars(case), "sizes": sizes, **score(find_all(heard, sizes), heard.truth)} for sizes in SIZES]


def neighbours(case: Case) -> list[dict[str, Any]]:
    """Two close ports, length and width only."""
    heard = hear(listen(case))
    return [{**vars(case), **score(find_all(heard, "size"), heard.truth)}]


def berth_table(rows: pd.DataFrame) -> str:
    """Commercial berths against the true ones."""
    header = [
        *("reception", "ships send", "days", "berths", "F1 at IoU 0.5", "goal", "precision", "recall"),
        *("F1 at IoU 0.3", "best IoU", "centre (m)", "goal", "along (m)", "across (m)", "split", "merged"),
    ]
    lines = []
    for (reception, sizes, days), part in _cells(rows, ["reception", "sizes", "days"]):
        goal = _F1_GOALS.get((reception, sizes, days))
        near = _CENTRE_GOALS_M.get((reception, sizes))
        lines.append(
            [
                *(reception, SIZES[sizes], days, int(part["berths"].sum())),
                tables.spread(part["f1"]),
                tables.against(part["f1"], goal) if goal else "",
                *(tables.spread(part[name]) for name in ("precision", "recall", "f1_30", "iou")),
                tables.spread(part["centre_m"], 1),
                tables.against(part["centre_m"], near, 1, at_most=True) if near else "",
                *(tables.spread(part[name], 1) for name in ("along_m", "across_m", "split", "merged")),
            ]
        )
    return tables.table(header, lines)


def stop_table(rows: pd.DataFrame) -> str:
    """Stops of merchant ships; they do not depend on ship sizes."""
    header = ["reception", "days", "stops", "stops F1", "goal", "of them heard twice", "F1 of those"]
    lines = []
    for (reception, days), part in _cells(rows[rows["sizes"] == "size"], ["reception", "days"]):
        heard = part["stops_heard"].sum() / part["stops"].sum()
        lines.append(
            [
                *(reception, days, int(part["stops"].sum()), tables.spread(part["stops_f1"])),
                tables.against(part["stops_f1"], _STOPS_GOALS[reception]),
                *(f"{heard:.2f}", tables.spread(part["stops_f1_heard"])),
            ]
        )
    return tables.table(header, lines)


def kind_table(rows: pd.DataFrame) -> str:
    """Kinds of all stops, those of all seeds together: a port has few stops at a buoy."""
    header = ["reception", "ships send", "days", *KINDS, "mean of the three", "goal"]
    lines = []
    for (reception, sizes, days), part in _cells(rows, ["reception", "sizes", "days"]):
        counts = [(int(part[f"{kind}_right"].sum()), int(part[f"{kind}_n"].sum())) for kind in KINDS]
        shares = [right / n if n else float("nan") for right, n in counts]
        mean = float(np.nanmean(shares))
        texts = [f"{share:.3f} of {n}" for share, (_, n) in zip(shares, counts, strict=True)]
        goal = tables.against([mean], _KIND_GOALS[reception]) if sizes == "size" else ""
        lines.append([reception, SIZES[sizes], days, *texts, f"{mean:.3f}", goal])
    return tables.table(header, lines)


def call_table(rows: pd.DataFrame) -> str:
    """Berth calls of merchant ships."""
    header = [
        *("reception", "ships send", "days", "calls F1", "goal", "and at the right berth", "goal"),
        *("arrival error (s)", "departure error (s)", "goal"),
    ]
    lines = []
    for (reception, sizes, days), part in _cells(rows, ["reception", "sizes", "days"]):
        asked = reception == "terrestrial" and sizes == "antenna"
        both = (part["arrival_s"] + part["departure_s"]) / 2
        lines.append(
            [
                *(reception, SIZES[sizes], days, tables.spread(part["calls_f1"])),
                tables.against(part["calls_f1"], 0.97) if asked else "",
                tables.spread(part["calls_right_f1"]),
                tables.against(part["calls_right_f1"], 0.96) if asked else "",
                *(tables.spread(part[name], 0) for name in ("arrival_s", "departure_s")),
                tables.against(both, RECEPTIONS[reception], 0, at_most=True),
            ]
        )
    return tables.table(header, lines)


def port_table(rows: pd.DataFrame) -> str:
    """Berths given to the right one of two ports."""
    lines = [
        [days, tables.spread(part["right_port"]), tables.against(part["right_port"], 0.99)]
        for (days,), part in _cells(rows, ["days"])
    ]
    return tables.table(["days", "berths given to the right port", "goal"], lines)


def _cells(rows: pd.DataFrame, names: list[str]) -> list[tuple[Any, pd.DataFrame]]:
    """Groups in the order of the tables: terrestrial first, most known first, shortest first."""
    rank = {**{name: i for i, name in enumerate(RECEPTIONS)}, **{name: i for i, name in enumerate(SIZES)}}
    groups = list(rows.groupby(names, sort=False))
    return sorted(groups, key=lambda group: [rank.get(key, key) for key in group[0]])


if __name__ == "__main__":
    main()
