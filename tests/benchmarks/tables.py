"""Markdown tables with how they were made."""

from __future__ import annotations

import argparse
import importlib.metadata
import platform
import shlex
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import ais_berths

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

HERE = Path(__file__).resolve().parent
READING = "## Reading\n"
"""Heading of what somebody wrote about the figures; it is kept when they are made again."""

_LIBRARIES = ("numpy", "pandas", "shapely", "scikit-learn", "scipy")


def options(description: str, seeds: str, days: str, out: str) -> argparse.ArgumentParser:
    """Options that all benchmarks share."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--seeds", type=numbers, default=numbers(seeds), help=f"such as {seeds} or 1,4,7")
    parser.add_argument("--days", type=numbers, default=numbers(days), help="lengths of the feed (days)")
    parser.add_argument("--jobs", type=int, default=1, help="processes at once")
    parser.add_argument("--out", type=Path, default=HERE / out, help="file to write, or - for the screen")
    return parser


def numbers(text: str) -> list[int]:
    """Read ``1-3,7`` as [1, 2, 3, 7]."""
    found: list[int] = []
    for part in text.split(","):
        first, _, last = part.partition("-")
        found.extend(range(int(first), int(last or first) + 1))
    return found


def table(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [list(map(str, header)), ["---"] * len(header), *([str(cell) for cell in row] for row in rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def spread(values: Iterable[float], digits: int = 3) -> str:
    """Mean and standard deviation over the seeds."""
    known = np.asarray([value for value in values if np.isfinite(value)], dtype=float)
    if not known.size:
        return "-"
    sd = f" ± {known.std(ddof=1):.{digits}f}" if known.size > 1 else ""
    return f"{known.mean():.{digits}f}{sd}"


def against(values: Iterable[float], goal: float, digits: int = 3, *, at_most: bool = False) -> str:
    """The goal, and by how much the mean misses it."""
    mean = float(np.nanmean(np.asarray(list(values), dtype=float)))
    short = (mean - goal) if at_most else (goal - mean)
    sign = "≤" if at_most else "≥"
    text = f"{sign} {goal:g}"
    return f"{text}, met" if short <= 0 else f"{text}, missed by {short:.{digits}f}"


def write(out: Path, title: str, parts: Iterable[str], seeds: Sequence[int] = ()) -> None:
    """Write a page of tables after date, versions, seeds and command; its reading stays as it was."""
    program = Path(sys.argv[0])
    command = " ".join(["python", f"tests/benchmarks/{program.name}", *map(shlex.quote, sys.argv[1:])])
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in _LIBRARIES)
    made = [
        f"# {title}\n",
        f"- Made: {datetime.now(UTC):%Y-%m-%d}, by `{command}`",
        f"- ais-berths {ais_berths.__version__}{_COMMIT}; Python {platform.python_version()}, {versions}",
    ]
    if seeds:
        made.append(f"- Seeds: {', '.join(map(str, seeds))}")
    text = "\n".join(made) + "\n\n" + "\n".join(parts).rstrip() + "\n"
    if str(out) == "-":
        sys.stdout.write(text)
        return
    before = out.read_text(encoding="utf-8") if out.exists() else ""
    _, heading, reading = before.partition(READING)
    out.write_text(text + ("\n" + heading + reading if heading else ""), encoding="utf-8")


def _commit() -> str:
    try:
        found = subprocess.run(
            ["git", "-C", str(HERE), "rev-parse", "--short", "HEAD"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return f" (commit {found.stdout.strip()})"


_COMMIT = _commit()  # that of the code that runs, whatever happens while it does
