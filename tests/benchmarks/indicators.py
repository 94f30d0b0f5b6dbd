"""Port statistics against the truth: calls, their times, and every monthly indicator.

    python tests/benchmarks/indicators.py --seeds 5-6 --days 30 --out -

writes one page of tables. The true figures are made from the true calls by the same definitions, so that what
differs is what was seen, not how it was counted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import tables
from trials import SIZES, Case, cases_of, commercial_mmsi, find_all, hear, listen, of_ships, run_cases

from ais_berths import evaluate, schema
from ais_berths.config import IndicatorsConfig
from ais_berths.definitions import DEFINITIONS
from ais_berths.evaluate.pairs import same_time
from ais_berths.indicators import make_indicators
from ais_berths.pairs import one_to_one

if TYPE_CHECKING:
    from trials import Heard, Result, Truth

RECEPTIONS = ("terrestrial", "satellite")
SENT = ("antenna", "size")
FIGURES = (
    *("berth_calls", "berth_vessels", "port_calls", "vessels", "waiting_calls"),
    *("time_at_berth_h_mean", "time_at_berth_h_p50", "time_in_port_h_mean", "time_in_port_h_p50"),
    *("waiting_h_mean", "waiting_h_p50", "berth_hours", "berth_occupancy", "quay_occupancy", "ships_present"),
)
GROUPS = ("all", "cargo", "tanker", "passenger")

_CONFIG = IndicatorsConfig(min_vessels=1, periods=("month",))
_ENDS = ("arrival", "departure")


def main() -> None:
    """Run all cases and write the page."""
    parser = tables.options(__doc__ or "", "210-214", "30", "indicators.md")
    given = parser.parse_args()
    rows = run_cases(trial, cases_of(given.seeds, given.days, RECEPTIONS), given.jobs)
    parts = [
        f"Simulated ports; mean ± standard deviation over {len(given.seeds)} seeds.\n",
        "## Calls of merchant ships\n",
        call_table(rows),
        "## Bounds of their times\n",
        bound_table(rows),
        "## Indicators of a month\n",
        *(
            f"Reception {reception}, ships send {SIZES[sizes]}:\n\n{figure_table(part)}"
            for (reception, sizes), part in _cells(rows)
        ),
    ]
    tables.write(given.out, "Port statistics", parts, given.seeds)


def trial(case: Case) -> list[dict[str, Any]]:
    """One port, with antenna offsets known and without."""
    heard = hear(listen(case))
    true = true_indicators(heard)
    rows = []
    for sizes in SENT:
        result = find_all(heard, sizes)
        found = indicators(result.calls.berth_calls, result.calls.port_calls, result, heard)
        figures = {
            f"{side} {name} {group}": values.get((name, group), np.nan)
            for side, values in (("true", true), ("found", found))
            for name in FIGURES
            for group in GROUPS
        }
        rows.append({**vars(case), "sizes": sizes, **call_scores(result, heard.truth), **figures})
    return rows


def call_scores(result: Result, truth: Truth) -> dict[str, float]:
    """Calls against true calls, their ends, and how often their bounds hold the truth."""
    merchant = commercial_mmsi(truth)
    pairs = evaluate.match_berths(result.places.berths, truth.berths, 0.3)
    calls, true = of_ships(result.calls.berth_calls, merchant), of_ships(truth.berth_calls, merchant)
    berth = evaluate.score_calls(calls, true, pairs)
    port = evaluate.score_calls(
        of_ships(result.calls.port_calls, merchant), of_ships(truth.port_calls, merchant)
    )
    scores = {
        "calls": len(true),
        "berth_f1": berth.found.f1,
        "right_f1": berth.right_berth.f1 if berth.right_berth is not None else np.nan,
        "port_f1": port.found.f1,
        "arrival_s": berth.arrival_error_s,
        "departure_s": berth.departure_error_s,
    }
    together = same_time(calls, true, "arrival_time", "departure_time")
    chosen = together[one_to_one(together, "iou", 0.5)]
    return scores | end_scores(
        calls.iloc[chosen["found"]].reset_index(drop=True), true.iloc[chosen["true"]].reset_index(drop=True)
    )


def end_scores(calls: pd.DataFrame, true: pd.DataFrame) -> dict[str, float]:
    """Ends that were seen (not open, in the feed or in truth): bounds, bias, and error of the length."""
    scores: dict[str, float] = {}
    errors = []
    for end, flag in zip(_ENDS, ("open_start", "open_end"), strict=True):
        low, high = calls[f"{end}_earliest"], calls[f"{end}_latest"]
        seen = ~calls[flag].astype(bool) & ~true[flag].astype(bool)
        right = true[f"{end}_time"].between(low, high)
        error = (calls[f"{end}_time"] - true[f"{end}_time"]).dt.total_seconds().where(seen)
        scores |= {
            f"{end}_held": float(right[seen].mean()),
            f"{end}_width_s": float((high - low).dt.total_seconds()[seen].median()),
            f"{end}_bias_s": float(error.mean()),
        }
        errors.append(error)
    return scores | {"length_error_s": float((errors[1] - errors[0]).abs().median())}


def true_indicators(heard: Heard) -> dict[tuple[str, str], float]:
    """Indicators of the true calls of the same ships, by the true berths."""
    truth = heard.truth
    # Boats that live in the port have no port calls in the truth; they are there all the time.
    at_home = truth.berth_calls[truth.berth_calls["port_call_id"] == ""].groupby("vessel")
    at_home = at_home.agg(
        {"mmsi": "first", "port_id": "first", "arrival_time": "min", "departure_time": "max"}
    )
    at_home = at_home.assign(open_start=True, open_end=True, anchorage_only=False, time_in_port_h=0.0)
    anchored = ~truth.port_calls["port_call_id"].isin(truth.berth_calls["port_call_id"])
    port_calls = pd.concat([truth.port_calls.assign(anchorage_only=anchored), at_home])
    # Some ships share a number by mistake.
    vessels = truth.vessels.drop_duplicates("mmsi").rename(columns={"length_m": "loa_m"})
    table = make_indicators(
        schema.conform(truth.berth_calls, "berth_calls"),
        schema.conform(port_calls, "port_calls"),
        schema.conform(vessels, "vessels"),
        pd.DataFrame(truth.berths.drop(columns="geometry")).assign(loa_p50_m=np.nan),
        _CONFIG,
        hours=hours_heard(heard),
    )
    return _month(table)


def indicators(
    berth_calls: pd.DataFrame, port_calls: pd.DataFrame, result: Result, heard: Heard
) -> dict[tuple[str, str], float]:
    """Indicators of the calls that were found."""
    berths = pd.DataFrame(result.places.berths.drop(columns="geometry"))
    return _month(
        make_indicators(berth_calls, port_calls, result.vessels, berths, _CONFIG, hours=hours_heard(heard))
    )


def hours_heard(heard: Heard) -> pd.DataFrame:
    """Hours in which the one port was heard."""
    count = heard.pings["time"].dt.floor("h").value_counts()
    table = {
        "port_id": heard.truth.ports["port_id"].iloc[0],
        "hour": count.index,
        "n_pings": count.to_numpy(),
    }
    return schema.conform(pd.DataFrame(table), "hours")


def call_table(rows: pd.DataFrame) -> str:
    """Calls, and the error of their ends."""
    header = [
        *("reception", "ships send", "true berth calls", "berth calls F1", "goal", "and at the right berth"),
        *("goal", "port calls F1", "arrival error (s)", "departure error (s)", "error of time at berth (s)"),
    ]
    lines = []
    for (reception, sizes), part in _cells(rows):
        asked = reception == "terrestrial" and sizes == "antenna"
        lines.append(
            [
                *(reception, SIZES[sizes], int(part["calls"].sum()), tables.spread(part["berth_f1"])),
                tables.against(part["berth_f1"], 0.97) if asked else "",
                tables.spread(part["right_f1"]),
                tables.against(part["right_f1"], 0.96) if asked else "",
                tables.spread(part["port_f1"]),
                *(tables.spread(part[f"{name}_s"], 0) for name in (*_ENDS, "length_error")),
            ]
        )
    return tables.table(header, lines)


def bound_table(rows: pd.DataFrame) -> str:
    """Share of ends that lie between their bounds; of ends that were seen."""
    header = ["reception", "ships send"]
    header += [f"{end}: {what}" for end in _ENDS for what in ("truth within", "width (s)", "mean error (s)")]
    return tables.table(
        header,
        [
            [
                *(reception, SIZES[sizes]),
                *(
                    tables.spread(part[f"{end}_{what}"], digits)
                    for end in _ENDS
                    for what, digits in (("held", 3), ("width_s", 0), ("bias_s", 0))
                ),
            ]
            for (reception, sizes), part in _cells(rows)
        ],
    )


def figure_table(part: pd.DataFrame) -> str:
    """Each indicator of the month: mean over the ports, true and found, and how far they differ."""
    mean = part.select_dtypes("number").mean()
    lines = []
    for name in FIGURES:
        digits = 3 if name.endswith("occupancy") else 1
        unit = DEFINITIONS[name if name in DEFINITIONS else name.rpartition("_")[0]][0]
        sides = [(mean[f"true {name} {group}"], mean[f"found {name} {group}"]) for group in GROUPS]
        lines.append(
            [
                f"`{name}`" + (f" ({unit})" if unit else ""),
                *(f"{value:.{digits}f}" for value in sides[0]),
                *(f"{(found / true - 1) * 100:+.1f}" for true, found in sides),
            ]
        )
    return tables.table(["indicator", "true", "found", *(f"error (%), {group}" for group in GROUPS)], lines)


def _month(table: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Figures of the only month by indicator and group."""
    rows = table[table["part"] == ""]
    return rows.set_index(["indicator", "type_group"])["value"].to_dict()


def _cells(rows: pd.DataFrame) -> list[tuple[Any, pd.DataFrame]]:
    groups = rows.groupby(["reception", "sizes"], sort=False)
    return sorted(groups, key=lambda group: (RECEPTIONS.index(group[0][0]), SENT.index(group[0][1])))


if __name__ == "__main__":
    main()
