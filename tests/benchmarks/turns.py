"""Timing ways to do the same in turns, on a simulated archive of the UN Global Platform."""

from __future__ import annotations

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from ais_berths.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

THREADS = 2
PORTS, OCEAN, SEED = 50, 0.9, 7
BARE = ["mmsi", "dt_pos_utc", "latitude", "longitude", "sog", "cog", "heading", "nav_status"]
SHIP = ["imo", "vessel_name", "callsign", "vessel_type", "vessel_type_code", "length", "width", "draught"]
CELL = "H3_int_index_8"

_RUN = """
import contextlib, io, json, resource, sys, time
begin = time.perf_counter()
from ais_berths.cli import main
with contextlib.redirect_stdout(io.StringIO()) as printed:
    main([*sys.argv[1:], "--json"], standalone_mode=False)
summary = json.loads(printed.getvalue())
used = resource.getrusage(resource.RUSAGE_SELF)
try:  # the other number takes in what the process was before it became this one
    lines = open("/proc/self/status").read().splitlines()
    peak_kb = next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
except OSError:
    peak_kb = used.ru_maxrss
print(json.dumps({
    "wall_s": time.perf_counter() - begin,
    "cpu_s": used.ru_utime + used.ru_stime,
    "peak_mb": peak_kb / 1024,
    "counts": summary["counts"],
    "stages": summary["seconds"],
}))
"""


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock and of all processors."""

    wall_s: float
    cpu_s: float

    def over(self, other: Spent) -> tuple[float, float]:
        """How many times as long as another."""
        return self.wall_s / other.wall_s, self.cpu_s / other.cpu_s


def make_feed(folder: Path, days: int) -> Path:
    """Simulate the feed, unless it is there."""
    feed = folder / f"days{days}"
    if not feed.exists():
        simulate(feed, rng=SEED, days=days, ports=PORTS, ocean=OCEAN)
    return feed


def sorted_days(feed: Path) -> list[Path]:
    """Folders of the days of arrival, in the order of time, without the late rows after the end."""
    days = sorted(feed.glob("feed/year=*/month=*/day=*"), key=lambda path: int(path.name.partition("=")[2]))
    return days[: int(feed.name.removeprefix("days"))]


def alternate(rounds: int, **ways: Callable[[], Any]) -> dict[str, Spent]:
    """Let the ways take turns, and return the median of each."""
    spent: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            begin, cpu = time.perf_counter(), _cpu_s()
            way()
            spent[name].append((time.perf_counter() - begin, _cpu_s() - cpu))
    return {name: Spent(*map(statistics.median, zip(*pairs, strict=True))) for name, pairs in spent.items()}


def _cpu_s() -> float:
    own, children = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return own.ru_utime + own.ru_stime + children.ru_utime + children.ru_stime


def in_threads(task: Callable[[Any], Any], items: Sequence[Any], threads: int = THREADS) -> list[Any]:
    """Do a task for all items on some threads."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(task, items))


def bare_read(file: Path | str) -> int:
    """The floor: pyarrow, row group by row group, no dictionaries."""
    with pq.ParquetFile(file) as source:
        groups = range(source.num_row_groups)
        return sum(source.read_row_group(g, columns=BARE, use_threads=False).num_rows for g in groups)


def run_job(inputs: Sequence[Path], *options: str) -> dict[str, Any]:
    """Run ``ais-berths detect`` in a process of its own; seconds, peak memory, counts and stages."""
    with tempfile.TemporaryDirectory() as out:
        result = subprocess.run(
            [sys.executable, "-c", _RUN, "detect", *map(str, inputs), "--out", f"{out}/out", *options],
            capture_output=True,
            text=True,
            check=True,
            env=_with_compiled_modules(),
        )
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def _with_compiled_modules() -> dict[str, str]:
    """Environment in which Python keeps what it compiled, however the libraries were installed."""
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return kept | {"PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "ais-berths-compiled")}


def port_list(folder: Path) -> Path:
    """Ports of the simulated feed."""
    return next(folder.glob("days*/ports.csv"))
