"""How much each setting matters: one at a time, 30 % down and up.

python tests/benchmarks/sensitivity.py --seeds 1-2 --out -
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import tables
from pydantic import ValidationError
from trials import Case, cases_of, find_all, hear, listen, run_cases, score

from ais_berths.config import Config

if TYPE_CHECKING:
    import pandas as pd

SECTIONS = ("stops", "mooring", "hulls", "berths")
_CHANGES = {"-30 %": 0.7, "+30 %": 1.3}
_FIGURES = ["f1", "stops_f1"]
_NO_EFFECT = ("cell_resolution",)  # of the cells that are written, not of the berths

_MEANING = """The table says how both change, mean over the seeds, when one setting is 30 % smaller or larger;
whole numbers change by one at least. Settings that matter most come first.
"""


class Setting(NamedTuple):
    """One setting and its changed value, None where a change is impossible."""

    section: str
    name: str
    default: Any
    change: str
    value: Any


def main() -> None:
    """Run all changes and write the page."""
    parser = tables.options(__doc__ or "", "1-5", "30", "sensitivity.md")
    given = parser.parse_args()
    rows = run_cases(vary, cases_of(given.seeds, given.days, ["terrestrial"]), given.jobs)
    base = rows[rows["name"] == ""]
    days = ", ".join(map(str, given.days))
    parts = [
        f"Simulated ports of {days} days, length and width only. As set, the F1 of berths at IoU 0.5 is",
        f"{tables.spread(base['f1'])}, that of stops {tables.spread(base['stops_f1'])}.",
        _MEANING,
        change_table(rows),
    ]
    tables.write(given.out, "Sensitivity to settings", parts, given.seeds)


def settings(config: Config) -> list[Setting]:
    """Every numeric setting of the sections, changed down and up."""
    found = []
    for section in SECTIONS:
        model = getattr(config, section)
        for name, default in model:
            if isinstance(default, bool) or not isinstance(default, (int, float)) or name in _NO_EFFECT:
                continue
            for change, factor in _CHANGES.items():
                value: float = default * factor
                if isinstance(default, int):
                    value = min(round(value), default - 1) if factor < 1 else max(round(value), default + 1)
                try:
                    type(model)(**{name: value})
                except ValidationError:
                    found.append(Setting(section, name, default, change, None))
                else:
                    found.append(Setting(section, name, default, change, value))
    return found


def changed(config: Config, setting: Setting) -> Config:
    """The configuration with one setting changed."""
    section = getattr(config, setting.section).model_copy(update={setting.name: setting.value})
    return config.model_copy(update={setting.section: section})


def vary(case: Case) -> list[dict[str, Any]]:
    """One port under every change."""
    config = Config()
    feed = listen(case)
    heard = hear(feed, config)
    rows = [{**_figures(heard, config), "name": ""}]
    for setting in settings(config):
        if setting.value is None:
            continue
        other = changed(config, setting)
        anew = hear(feed, other) if setting.section == "stops" else heard
        rows.append({**_figures(anew, other), **setting._asdict()})
    return [{**vars(case), **row} for row in rows]


def change_table(rows: pd.DataFrame) -> str:
    """One row a setting, by the larger change of F1; settings without any effect are named below."""
    keys = ["seed", "days"]
    base = rows[rows["name"] == ""].set_index(keys)
    lines: list[tuple[float, list[str]]] = []
    without = []
    for (section, name), part in rows[rows["name"] != ""].groupby(["section", "name"], sort=False):
        cells: list[str] = []
        effects = [0.0]
        for change in _CHANGES:
            some = part[part["change"] == change].set_index(keys)
            if some.empty:
                cells += ["impossible", "", ""]
                continue
            mean = (some[_FIGURES] - base.loc[some.index, _FIGURES]).mean()
            effects += mean.abs().tolist()
            cells += [f"{some['value'].iloc[0]:g}", *(f"{mean[key]:+.3f}" for key in _FIGURES)]
        title = f"`{section}.{name}`"
        if max(effects) < 0.0005:
            without.append(title)
        else:
            lines.append((max(effects), [title, f"{part['default'].iloc[0]:g}", *cells]))
    header = ["setting", "default", "-30 %", "berth F1", "stops F1", "+30 %", "berth F1", "stops F1"]
    text = tables.table(header, [line for _, line in sorted(lines, key=lambda line: -line[0])])
    return text + f"\nWithout any effect here: {', '.join(without) or 'none'}.\n"


def _figures(heard: Any, config: Config) -> dict[str, float]:
    figures = score(find_all(heard, "size", config), heard.truth)
    return {name: figures[name] for name in _FIGURES}


if __name__ == "__main__":
    main()
