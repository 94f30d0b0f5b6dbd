"""Speed and memory on one machine, beside the goals.

    python tests/benchmarks/speed.py --folder /tmp/ais-berths-speed --rivals .venv-rivals/bin/python

simulates an archive of the UN Global Platform in FOLDER (50 ports, a tenth of the rows near them; kept for
the next time), and times the parts of the job and the whole of it against other ways to do the same. What is
compared runs in turns. All ratios are given twice: by the clock, and by processor seconds, which other work
on the same machine disturbs less. The rivals may live in an environment of their own: movingpandas,
trackintel and pyarrow.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
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

import dask.dataframe as dd
import h3.api.basic_int as h3
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import tables

from ais_berths import schema
from ais_berths.cells import port_cells
from ais_berths.config import Config
from ais_berths.feeds import list_inputs, load_feed, plan_chunks
from ais_berths.pings import clean_pings
from ais_berths.pipeline.scan import ScanPlan, scan_chunk
from ais_berths.ports import builtin_ports, find_port, read_ports
from ais_berths.raster import CellFilter
from ais_berths.simulate import simulate
from ais_berths.stops import detect_stops

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

HERE = Path(__file__).resolve().parent
SHARED = HERE.parents[2] / "shared" / "data" / "us_2020-01-01"
THREADS = 2
PORTS, OCEAN, SEED = 50, 0.9, 7
BARE = ["mmsi", "dt_pos_utc", "latitude", "longitude", "sog", "cog", "heading", "nav_status"]
SHIP = ["imo", "vessel_name", "callsign", "vessel_type", "vessel_type_code", "length", "width", "draught"]
CELL = "H3_int_index_8"
US_PORTS = ("USHOU", "USTXT", "USGLS", "USTPA", "USMIA", "USPEF")
LOOP_ROWS = 300_000
RIVAL_PINGS = 40_000

_RUN = """
import json, resource, sys, time
begin = time.perf_counter()
from ais_berths.pipeline import Job, detect
given = json.loads(sys.argv[1])
summary = detect(given["inputs"], given["out"], Job(**given["job"]))
used = resource.getrusage(resource.RUSAGE_SELF)
print(json.dumps({
    "wall_s": time.perf_counter() - begin,
    "cpu_s": used.ru_utime + used.ru_stime,
    "peak_mb": used.ru_maxrss / 1024,
    "counts": summary.counts,
    "stages": summary.seconds,
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


def main() -> None:
    """Measure and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--folder", type=Path, required=True, help="where the simulated feed is kept")
    parser.add_argument("--days", type=int, default=16, help="days of the feed, 7 million rows each")
    parser.add_argument("--rounds", type=int, default=3, help="turns of each comparison")
    parser.add_argument("--rivals", default=sys.executable, help="a Python with movingpandas and trackintel")
    parser.add_argument("--out", type=Path, default=HERE / "speed.md", help="file to write, or -")
    given = parser.parse_args()
    days = sorted_days(make_feed(given.folder, given.days))
    parts = [
        _machine(),
        compare_filters(given.folder, days[:1], given.rounds),
        compare_stops(given.folder, days[:1], given.rivals),
        *whole_jobs(given.folder, days, given.rounds),
        csv_to_berths(given.folder, given.rounds),
        start_up(),
        (HERE / "speed_notes.md").read_text(encoding="utf-8"),
    ]
    tables.write(given.out, "Speed", parts)


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


def in_threads(task: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
    """Do a task for all items on two threads."""
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(task, items))


def bare_read(file: Path | str) -> int:
    """The floor: pyarrow, row group by row group, no dictionaries."""
    with pq.ParquetFile(file) as source:
        groups = range(source.num_row_groups)
        return sum(source.read_row_group(g, columns=BARE, use_threads=False).num_rows for g in groups)


# filter -------------------------------------------------------------------------------------------


def compare_filters(folder: Path, days: Sequence[Path], rounds: int) -> str:
    """Finding the rows near 50 ports in Parquet, against the bare read and other ways."""
    config = Config()
    cells = port_cells(read_ports(next(folder.glob("days*/ports.csv"))), config.cells)
    tester = CellFilter(cells, 8)
    files = [file.path for file in list_inputs(days)]
    feed = load_feed("ungp")
    no_cell = feed.model_copy(update={"columns": feed.columns.model_copy(update={"cell": ()})})
    no_ship = dict.fromkeys(type(feed.columns).model_fields, ())
    kept = ("mmsi", "time", "lat", "lon", "sog", "cog", "heading", "nav_status")
    no_ship |= {name: getattr(feed.columns, name) for name in kept}
    plain = no_cell.model_copy(update={"columns": feed.columns.model_copy(update=no_ship)})
    known = pl.Series(cells["cell"]).implode()

    def ours(mapping: Any) -> Callable[[], Any]:
        plan = ScanPlan(mapping, tester, config.clean, None, None)
        chunks = plan_chunks(list_inputs(days), mapping)
        return lambda: in_threads(
            lambda chunk: [rows.num_rows for rows, _ in scan_chunk(chunk, plan)[1]], chunks
        )

    def polars() -> int:
        scan = pl.scan_parquet(files).filter(pl.col(CELL).is_in(known))
        return scan.select([*BARE, *SHIP, CELL]).collect(engine="streaming").height

    def by_dask() -> int:
        wanted = cells["cell"].to_numpy()
        frame = dd.read_parquet(files, columns=[*BARE, CELL])
        return len(
            frame.map_partitions(lambda part: part[part[CELL].isin(wanted)]).compute(scheduler="threads")
        )

    def loop() -> int:
        some = pq.ParquetFile(files[0]).read_row_group(0, columns=BARE).slice(0, LOOP_ROWS).to_pandas()
        wanted = set(cells["cell"].tolist())
        places = zip(some["latitude"], some["longitude"], strict=True)
        return len(some[[h3.latlng_to_cell(lat, lon, 8) in wanted for lat, lon in places]])

    ways = {
        "bare": lambda: in_threads(bare_read, files),
        "plain": ours(plain),
        "ship": ours(no_cell),
        "cell": ours(feed),
        "polars": polars,
        "dask": by_dask,
    }
    rows = sum(pq.read_metadata(file).num_rows for file in files)
    near = sum(map(sum, ways["plain"]()))
    spent = alternate(rounds, **ways)
    spent["loop"] = _scaled(alternate(1, loop=loop)["loop"], rows / LOOP_ROWS)
    bare = spent["bare"]
    names = {
        "bare": ("bare read of 8 columns, pyarrow", ""),
        "plain": ("**filter, no H3 column: the same 8 columns**", "≤ 1.0"),
        "ship": ("filter, no H3 column, with ship data (16 columns)", ""),
        "cell": (
            "**filter, H3 column given, with ship data (17 columns)**",
            f"≤ {1.2 * spent['polars'].over(bare)[0]:.2f}",
        ),
        "polars": ("polars scan with `is_in` on the H3 column, 17 columns", ""),
        "dask": ("`dd.read_parquet` + `map_partitions`, `isin` on the H3 column, 9 columns", ""),
        "loop": (f"h3-py for every ping, 1 thread, from {LOOP_ROWS:,} rows", ""),
    }
    lines = [_line(names[name], rows, spent[name], bare) for name in names]
    wall, cpu = spent["cell"].over(spent["polars"])
    text = f"{rows:,} rows, {near:,} of them near ports ({len(cells):,} cells); {rounds} turns, medians.\n"
    head = ("what", "goal", "M rows/s", "s", "processor s", "time / bare", "processor time / bare")
    more = (
        f"\nH3 column given: {wall:.2f} of polars by the clock, {cpu:.2f} by processor time (goal ≤ 1.2).\n"
    )
    return f"## Filter\n\n{text}\n{tables.table(head, lines)}{more}"


def _scaled(spent: Spent, factor: float) -> Spent:
    return Spent(spent.wall_s * factor, spent.cpu_s * factor)


def _line(name: tuple[str, str], rows: int, spent: Spent, bare: Spent) -> list[str]:
    wall, cpu = spent.over(bare)
    rate = rows / spent.wall_s / 1e6
    return [*name, f"{rate:.1f}", f"{spent.wall_s:.2f}", f"{spent.cpu_s:.2f}", f"{wall:.2f}", f"{cpu:.2f}"]


# stops --------------------------------------------------------------------------------------------


def compare_stops(folder: Path, days: Sequence[Path], python: str) -> str:
    """Finding stops in the same pings: ours, and each rival in a process of its own."""
    config = Config()
    tester = CellFilter(port_cells(read_ports(next(folder.glob("days*/ports.csv"))), config.cells), 8)
    feed = load_feed("ungp")
    plan = ScanPlan(feed, tester, config.clean, None, None)
    chunks = plan_chunks(list_inputs(days), feed)
    near = [rows for chunk in chunks for rows, _ in scan_chunk(chunk, plan)[1]]
    pings, _ = clean_pings(schema.to_pandas(pa.concat_tables(near)), config.clean)
    count = pings["mmsi"].value_counts(sort=False).sample(frac=1.0, random_state=1).cumsum()
    some = pings[pings["mmsi"].isin(count.index[count <= RIVAL_PINGS])].reset_index(drop=True)
    lines = []
    rates: dict[str, float] = {}
    for name, table in (("ours", some), ("ours, all pings", pings)):
        spent = alternate(5, ours=lambda table=table: detect_stops(table, config.stops))["ours"]
        rates[name] = len(table) / spent.cpu_s
        stops = len(detect_stops(table, config.stops)[0])
        lines.append(
            [name, f"{len(table):,}", f"{stops:,}", f"{spent.cpu_s:.3f}", f"{rates[name]:,.0f}", "", ""]
        )
    goals = {"movingpandas": "≥ 1000", "trackintel": "≥ 50", "pandas": ""}
    with tempfile.TemporaryDirectory() as folder_name:
        path = Path(folder_name) / "pings.parquet"
        some[["mmsi", "time", "lat", "lon", "sog_kn"]].to_parquet(path)
        for name, goal in goals.items():
            command = [python, str(HERE / "rivals.py"), str(path), name]
            result = subprocess.run(command, capture_output=True, text=True, check=False)
            if result.returncode:
                lines.append([name, "not installed", "", "", "", "", goal])
                continue
            found = json.loads(result.stdout.splitlines()[-1])
            rate = len(some) / found["cpu_s"]
            ratio = f"{rates['ours'] / rate:,.0f}, {rates['ours, all pings'] / rate:,.0f}"
            lines.append(
                [name, f"{len(some):,}", found["stops"], f"{found['cpu_s']:.2f}", f"{rate:,.0f}", ratio, goal]
            )
    head = ("what", "pings", "stops", "processor s", "pings/s", "ours / it: same pings, all pings", "goal")
    text = "One thread; rates by processor time. Definitions of a stop differ, so the numbers found do too.\n"
    return f"## Stops\n\n{text}\n{tables.table(head, lines)}"


# whole jobs ---------------------------------------------------------------------------------------


def whole_jobs(folder: Path, days: Sequence[Path], rounds: int) -> list[str]:
    """The whole job at 1, 3, 10 times the rows and at all of them, against the bare read."""
    lines, stage_lines = [], []
    first: dict[str, Any] = {}
    for n in sorted({1, 3, 10, len(days)} & set(range(len(days) + 1))):
        files = [file.path for file in list_inputs(days[:n])]
        runs, bare = [], []
        for _ in range(rounds if n < 10 else 1):
            bare.append(alternate(1, bare=lambda files=files: in_threads(bare_read, files))["bare"])
            runs.append(
                _run(days[:n], {"ports_file": str(next(folder.glob("days*/ports.csv"))), "feed": "ungp"})
            )
        floor = Spent(statistics.median(b.wall_s for b in bare), statistics.median(b.cpu_s for b in bare))
        run = sorted(runs, key=lambda found: found["cpu_s"])[len(runs) // 2]
        rows = run["counts"]["rows"]
        first = first or {**run, "rows": rows}
        lines.append(
            [
                f"{rows:,}",
                f"{run['wall_s']:.1f}",
                f"{run['cpu_s']:.1f}",
                f"{rows / run['wall_s'] / 1e6:.1f}",
                f"{floor.wall_s / run['wall_s']:.2f}",
                f"{floor.cpu_s / run['cpu_s']:.2f}",
                f"{rows / first['rows']:.1f}",
                f"{run['wall_s'] / first['wall_s']:.1f}",
                f"{run['cpu_s'] / first['cpu_s']:.1f}",
                f"{run['peak_mb']:,.0f}",
                f"{run['peak_mb'] / first['peak_mb'] - 1:+.0%}",
            ]
        )
        stage_lines.append([f"{rows:,}", *(f"{run['stages'][name]:.1f}" for name in first["stages"])])
    head = ("rows", "s", "processor s", "M rows/s", "rate / bare read", "the same by processor time")
    head += ("rows, times", "time, times", "processor time, times", "peak MB", "peak against the first")
    text = (
        "`detect` from Parquet to berths and calls, a process of its own, imports and start included.\n"
        "Goals: rate ≥ 0.4 of the bare read; ten times the rows in at most 11 times the time, with a peak at "
        "most 10 % higher; 100 million rows in at most 2 GB.\n"
    )
    by_stage = tables.table(("rows", *(f"{name} (s)" for name in first["stages"])), stage_lines)
    return [f"## Whole job\n\n{text}\n{tables.table(head, lines)}", f"## By stage\n\n{by_stage}"]


def _run(inputs: Sequence[Path], job: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as out:
        given = json.dumps({"inputs": list(map(str, inputs)), "out": f"{out}/out", "job": job})
        result = subprocess.run(
            [sys.executable, "-c", _RUN, given], capture_output=True, text=True, check=True
        )
    found: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return found


def csv_to_berths(folder: Path, rounds: int) -> str:
    """Real CSV to berths, against pandas reading it."""
    if not SHARED.is_dir():
        return "## Real CSV\n\nThe real files are not here.\n"
    files = _real_days(folder / "noaa")
    columns = list(pd.read_csv(files[0], nrows=0).columns)
    bare = alternate(
        rounds,
        plain=lambda: [pd.read_csv(file, usecols=columns) for file in files],
        times=lambda: [pd.read_csv(file, usecols=columns, parse_dates=["BaseDateTime"]) for file in files],
    )
    runs = [_run(files, {"ports": _us_ports(), "feed": "noaa"}) for _ in range(max(1, rounds - 1))]
    run = sorted(runs, key=lambda found: found["cpu_s"])[len(runs) // 2]
    ours = Spent(run["wall_s"], run["cpu_s"])
    lines = [["**ours, to berths and calls**", f"{ours.wall_s:.1f}", f"{ours.cpu_s:.1f}", "", "", ""]]
    for name, goal, spent in (
        ("pandas.read_csv, the same columns", "≤ 3", bare["plain"]),
        ("the same, times parsed", "", bare["times"]),
    ):
        wall, cpu = ours.over(spent)
        lines.append([name, f"{spent.wall_s:.1f}", f"{spent.cpu_s:.1f}", f"{wall:.2f}", f"{cpu:.2f}", goal])
    counts = run["counts"]
    text = (
        f"{counts['rows']:,} rows of three real US ports, {counts['pings']:,} of them near ports, "
        f"{counts['berths']} berths; peak {run['peak_mb']:,.0f} MB.\n"
    )
    head = ("what", "s", "processor s", "ours / it, time", "ours / it, processor time", "goal")
    return f"## Real CSV\n\n{text}\n{tables.table(head, lines)}"


def _real_days(folder: Path) -> list[Path]:
    """The three real files as daily CSV of NOAA, ten days long."""
    table = pa.concat_tables([pq.read_table(path) for path in sorted(SHARED.glob("*.parquet"))])
    at = table.column_names.index("BaseDateTime")
    times = pd.to_datetime(table["BaseDateTime"].to_pandas())
    files = []
    for day in range(10):
        path = folder / f"AIS_2020_01_{day + 1:02d}.csv"
        files.append(path)
        if path.exists():
            continue
        folder.mkdir(parents=True, exist_ok=True)
        text = (times + pd.Timedelta(days=day)).dt.strftime("%Y-%m-%dT%H:%M:%S")
        part = path.with_suffix(".part")
        pacsv.write_csv(table.set_column(at, "BaseDateTime", pa.array(text)), part)
        part.rename(path)
    return files


def _us_ports() -> list[str]:
    table = builtin_ports()
    return [find_port(table, name) for name in US_PORTS]


# the rest -----------------------------------------------------------------------------------------


def start_up() -> str:
    """How long the command line takes to say what it can do."""
    command = [sys.executable, "-c", "from ais_berths.cli import main; main(['--help'])"]
    spent = alternate(7, help=lambda: subprocess.run(command, capture_output=True, check=True))["help"]
    taken = f"{spent.wall_s:.2f} s, {spent.cpu_s:.2f} processor s (goal ≤ 0.3)"
    return f"## Start\n\n`ais-berths --help`: {taken}.\n"


def _machine() -> str:
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.partition(":")[2].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    versions = ", ".join(f"{m.__name__} {m.__version__}" for m in (pa, pl))
    load = os.getloadavg()[0]
    return (
        f"{os.cpu_count()} processors ({model}), {versions}. Load at the start: {load:.1f} tasks"
        f"{', so the clock tells little and processor time is to be read' if load > 0.7 else ''}.\n"
    )


if __name__ == "__main__":
    main()
