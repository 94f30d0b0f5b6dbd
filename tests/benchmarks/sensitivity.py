"""How much each setting matters: one at a time, halved and doubled.

python tests/benchmarks/sensitivity.py --seeds 1 --days 7 --out -
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import tables
from pydantic import ValidationError
from trials import Case, Heard, cases_of, commercial_mmsi, find_all, listen, of_ships, rest, run_cases, tidy

from ais_berths import evaluate
from ais_berths.config import Config

if TYPE_CHECKING:
    from collections.abc import Iterable

SECTIONS = {
    "terrestrial": ("stops", "mooring", "hulls", "berths", "calls"),
    "satellite": ("stops", "mooring"),
}
"""What is changed; by satellite only what sees single reports."""

_FACTORS = {"halved": (0.5, 0.75, 0.9), "doubled": (2.0, 1.5, 1.25, 1.1, 1.05)}
_FIGURES = {"f1": "berths", "stops_f1": "stops", "calls_right_f1": "calls"}
_NO_EFFECT = ("cell_resolution",)  # of the cells that are written, not of the berths
_LEAST = 0.0005

_MEANING = """Ports of {days} days, length and width only. Each setting is halved and doubled by itself, or
changed as far in that direction as it can be (the values are in the table); whole numbers change by one at
least. The table says how three figures change, mean over the seeds: F1 of commercial berths at IoU 0.5, F1 of
stops, and F1 of berth calls found and at the right berth. Settings that matter most come first; those that
change no figure by 0.0005 are named below. Sections that do not touch these figures (cells, quays,
anchorages, indicators) and that of cleaning are left out.
"""


class Setting(NamedTuple):
    """One setting and its changed value."""

    section: str
    name: str
    default: Any
    change: str
    value: Any


def main() -> None:
    """Run all changes and write the page."""
    parser = tables.options(__doc__ or "", "0-2", "14", "sensitivity.md")
    given = parser.parse_args()
    cases = sorted(cases_of(given.seeds, given.days, SECTIONS), key=lambda case: case.seed)
    rows = pd.DataFrame()
    # It takes long: the page is there after the first port, and gets better with each.
    for first in range(0, len(cases), given.jobs):
        rows = pd.concat([rows, run_cases(vary, cases[first : first + given.jobs], given.jobs)])
        tables.write(given.out, "Sensitivity to settings", parts_of(rows), sorted(set(rows["seed"])))


def parts_of(rows: pd.DataFrame) -> list[str]:
    """The page, from the ports that are done."""
    parts = [_MEANING.format(days=", ".join(map(str, rows["days"].unique())))]
    for reception, part in rows.groupby("reception", sort=False):
        base = part[part["name"] == ""]
        as_set = ", ".join(f"{title} {tables.spread(base[name])}" for name, title in _FIGURES.items())
        title = f"## {str(reception).capitalize()}, {base['seed'].nunique()} seeds"
        parts += [f"{title}\n\nAs set: {as_set}.\n", change_table(part)]
    return parts


def settings(config: Config, sections: Iterable[str]) -> list[Setting]:
    """Every numeric setting of some sections, changed down and up."""
    found = []
    for section in sections:
        model = getattr(config, section)
        for name, default in model:
            if isinstance(default, bool) or not isinstance(default, (int, float)) or name in _NO_EFFECT:
                continue
            for change, factors in _FACTORS.items():
                values = (_changed(default, factor) for factor in factors)
                value = next((value for value in values if _is_possible(model, name, value)), default)
                if value != default:
                    found.append(Setting(section, name, default, change, value))
    return found


def vary(case: Case) -> list[dict[str, Any]]:
    """One port under every change; what a setting cannot change is kept from before."""
    config = Config()
    tidied = tidy(listen(case), config)
    heard = rest(tidied, config)
    rows = [{**_figures(heard, config), "name": ""}]
    for setting in settings(config, SECTIONS[case.reception]):
        section = getattr(config, setting.section).model_copy(update={setting.name: setting.value})
        other = config.model_copy(update={setting.section: section})
        anew = rest(tidied, other) if setting.section == "stops" else heard
        rows.append({**_figures(anew, other), **setting._asdict()})
    return [{**vars(case), **row} for row in rows]


def change_table(rows: pd.DataFrame) -> str:
    """One row a setting, by the larger change of any figure; settings without any effect are named below."""
    keys, names = ["seed", "days"], list(_FIGURES)
    base = rows[rows["name"] == ""].set_index(keys)
    lines: list[tuple[float, list[str]]] = []
    without = []
    for (section, name), part in rows[rows["name"] != ""].groupby(["section", "name"], sort=False):
        cells: list[str] = []
        effects = [0.0]
        for change in _FACTORS:
            some = part[part["change"] == change].set_index(keys)
            if some.empty:
                cells += ["-"] * (1 + len(names))
                continue
            mean = (some[names] - base.loc[some.index, names]).mean()
            effects += mean.abs().tolist()
            cells += [f"{some['value'].iloc[0]:g}", *(f"{mean[key]:+.3f}" for key in names)]
        title = f"`{section}.{name}`"
        if max(effects) < _LEAST:
            without.append(title)
        else:
            lines.append((max(effects), [title, f"{part['default'].iloc[0]:g}", *cells]))
    header = ["setting", "default"]
    for change in _FACTORS:
        header += [change, *_FIGURES.values()]
    text = tables.table(header, [line for _, line in sorted(lines, key=lambda line: -line[0])])
    return text + f"\nWithout effect here: {', '.join(without) or 'none'}.\n"


def _changed(default: float, factor: float) -> float:
    if not isinstance(default, int):
        return default * factor
    return (
        min(round(default * factor), default - 1) if factor < 1 else max(round(default * factor), default + 1)
    )


def _is_possible(model: Any, name: str, value: float) -> bool:
    try:
        type(model)(**{name: value})
    except ValidationError:
        return False
    return True


def _figures(heard: Heard, config: Config) -> dict[str, float]:
    result, truth = find_all(heard, "size", config), heard.truth
    merchant = commercial_mmsi(truth)
    berths = evaluate.score_berths(result.places.berths, truth.berths, uses=("commercial",))
    stops, calls = (
        [of_ships(table, merchant) for table in tables_of]
        for tables_of in (
            (result.places.stops, truth.stops),
            (result.calls.berth_calls, truth.berth_calls),
        )
    )
    right = evaluate.score_calls(
        *calls, evaluate.match_berths(result.places.berths, truth.berths)
    ).right_berth
    return {
        "f1": berths.at_iou_50.f1,
        "stops_f1": evaluate.score_stops(*stops).found.f1,
        "calls_right_f1": right.f1 if right is not None else np.nan,
    }


if __name__ == "__main__":
    main()
