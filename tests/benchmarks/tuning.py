"""Tune the other methods: every combination of the settings that matter.

    python tests/benchmarks/tuning.py --seeds 0-1 --days 7 --out -

once for areas (mean of F1 at IoU 0.3 and 0.5) and once for centres (F1 within 60 m). What it finds stands in
``others.py``.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np
import tables
from baselines import give, score_found
from others import METHODS
from trials import cases_of, hear, listen

if TYPE_CHECKING:
    from collections.abc import Mapping

    from others import Given, Method
    from trials import Truth

AIMS = {"areas": ("f1", "f1_30"), "centres": ("f1_centre",)}
"""What the settings are tuned for, and by which scores."""


def main() -> None:
    """Tune every method and write the page."""
    parser = tables.options(__doc__ or "", "0-3", "14", "tuning.md")
    given = parser.parse_args()
    ports = []
    for case in cases_of(given.seeds, given.days, ["terrestrial"]):
        heard = hear(listen(case))
        ports.append((give(heard), heard.truth))
    lines = []
    for name, method in METHODS.items():
        for aim, (settings, score) in best_settings(method, ports).items() if method.tried else ():
            lines.append([name, aim, f"{score:.3f}", _words(settings), _words(method.published)])
    days = ", ".join(map(str, given.days))
    parts = [
        f"Simulated ports of {days} days, terrestrial feed. Aims: areas, the mean of F1 at IoU 0.3 and 0.5;",
        "centres, F1 of centres within 60 m.\n",
        tables.table(["method", "tuned for", "score", "best settings", "as published"], lines),
        "## Every combination of\n",
        tables.table(
            ["method", "setting", "values"],
            [
                [name, f"`{key}`", ", ".join(map(str, values))]
                for name, method in METHODS.items()
                for key, values in method.tried.items()
            ],
        ),
    ]
    tables.write(given.out, "Tuning of the other methods", parts, given.seeds)


def best_settings(
    method: Method, ports: list[tuple[Given, Truth]]
) -> dict[str, tuple[dict[str, Any], float]]:
    """The best combination for each aim, and its mean score over the ports; between equals the first one."""
    best: dict[str, tuple[dict[str, Any], float]] = {}
    for values in product(*method.tried.values()):
        settings = dict(zip(method.tried, values, strict=True))
        rows = [
            score_found(method.find(given, **{**method.fixed, **settings}), truth) for given, truth in ports
        ]
        for aim, names in AIMS.items():
            score = float(np.mean([row[name] for row in rows for name in names]))
            if aim not in best or score > best[aim][1]:
                best[aim] = settings, score
    return best


def _words(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"`{key}` {value:g}" for key, value in settings.items())


if __name__ == "__main__":
    main()
