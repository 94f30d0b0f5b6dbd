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
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import dask.dataframe as dd
import h3.api.basic_int as h3
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import tables
from jobs import csv_to_berths, whole_jobs
from turns import (
    BARE,
    CELL,
    SHIP,
    Spent,
    alternate,
    bare_read,
    in_threads,
    make_feed,
    port_list,
    sorted_days,
)

from ais_berths import schema
from ais_berths.cells import port_cells
from ais_berths.config import Config
from ais_berths.feeds import list_inputs, load_feed, plan_chunks
from ais_berths.pings import clean_pings
from ais_berths.pipeline.scan import ScanPlan, scan_chunk
from ais_berths.pipeline.tasks import threads_here
from ais_berths.ports import read_ports
from ais_berths.raster import CellFilter
from ais_berths.stops import detect_stops

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ais_berths.feeds import Feed

HERE = Path(__file__).resolve().parent
LOOP_ROWS = 300_000
RIVAL_PINGS = 40_000


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


# filter -------------------------------------------------------------------------------------------


def compare_filters(folder: Path, days: Sequence[Path], rounds: int) -> str:
    """Finding the rows near 50 ports in Parquet, against the bare read and other ways."""
    config = Config()
    cells = port_cells(read_ports(port_list(folder)), config.cells)
    tester = CellFilter(cells, 8)
    files = [file.path for file in list_inputs(days)]
    feed = load_feed("ungp")
    kept = ("mmsi", "time", "lat", "lon", "sog", "cog", "heading", "nav_status")
    few = {name: getattr(feed.columns, name) for name in kept}
    plain = _mapping(feed, few)
    plain_cell = _mapping(feed, few | {"cell": feed.columns.cell})
    no_cell = _mapping(feed, {**dict(feed.columns), "cell": ()})
    known = pl.Series(cells["cell"]).implode()

    def ours(mapping: Any) -> Callable[[], Any]:
        plan = ScanPlan(mapping, tester, config.clean, None, None)
        chunks = plan_chunks(list_inputs(days), mapping)
        return lambda: in_threads(
            lambda chunk: [rows.num_rows for rows, _ in scan_chunk(chunk, plan)[1]], chunks, threads_here()
        )

    def polars(columns: list[str]) -> int:
        scan = pl.scan_parquet(files).filter(pl.col(CELL).is_in(known))
        return scan.select(columns).collect(engine="streaming").height

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

    ways: dict[str, Callable[[], Any]] = {
        "bare": lambda: in_threads(bare_read, files),
        "plain": ours(plain),
        "cell": ours(plain_cell),
        "polars": lambda: polars([*BARE, CELL]),
        "ship": ours(no_cell),
        "all": ours(feed),
        "polars_all": lambda: polars([*BARE, *SHIP, CELL]),
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
        "ship": ("filter, no H3 column, with ship data: 16 columns", ""),
        "cell": ("**filter, H3 column given: 9 columns**", f"≤ {1.2 * spent['polars'].over(bare)[0]:.2f}"),
        "polars": ("polars scan with `is_in` on the H3 column: 9 columns", ""),
        "all": ("filter, H3 column given, with ship data: 17 columns", ""),
        "polars_all": ("polars scan with `is_in` on the H3 column: 17 columns", ""),
        "dask": ("`dd.read_parquet` + `map_partitions`, `isin` on the H3 column: 9 columns", ""),
        "loop": (f"h3-py for every ping, 1 thread, from {LOOP_ROWS:,} rows", ""),
    }
    lines = [_line(names[name], rows, spent[name], bare) for name in names]
    wall, cpu = spent["cell"].over(spent["polars"])
    more_wall, more_cpu = spent["all"].over(spent["polars_all"])
    text = (
        f"{rows:,} rows, {near:,} of them near ports ({len(cells):,} cells); medians of {rounds} turns. Ours "
        "also brings units and codes into one form, finds distinct ship data and counts every row.\n"
    )
    head = ("what", "goal", "M rows/s", "s", "processor s", "time / bare", "processor time / bare")
    more = (
        f"\nH3 column given: {wall:.2f} of polars by the clock, {cpu:.2f} by processor time (goal ≤ 1.2); "
        f"with ship data {more_wall:.2f} and {more_cpu:.2f}.\n"
    )
    return f"## Filter\n\n{text}\n{tables.table(head, lines)}{more}"


def _mapping(feed: Feed, columns: dict[str, Any]) -> Feed:
    """The feed with some columns only."""
    none = dict.fromkeys(type(feed.columns).model_fields, ())
    return feed.model_copy(update={"columns": feed.columns.model_copy(update=none | columns)})


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
    tester = CellFilter(port_cells(read_ports(port_list(folder)), config.cells), 8)
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
