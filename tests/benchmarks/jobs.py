"""The whole job: from Parquet at several sizes, from real CSV, and the archive on paper."""

from __future__ import annotations

import math
import statistics
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import tables
from turns import BARE, CELL, SHIP, Spent, alternate, bare_read, in_threads, port_list, run_job

from ais_berths.config import Config
from ais_berths.feeds import list_inputs

if TYPE_CHECKING:
    from collections.abc import Sequence

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "us_2020-01-01"
US_PORTS = ("USHOU", "USTXT", "USGLS", "USTPA", "USMIA", "USPEF")
ARCHIVE_ROWS_A_DAY = 11_000_000
# What dask's scheduler takes for a task, measured with tasks that do nothing.
TASK_S = 0.0033


def whole_jobs(folder: Path, days: Sequence[Path], rounds: int) -> list[str]:
    """The whole job at 1, 3, 10 times the rows and at all of them, against the bare read."""
    lines, stage_lines, done = [], [], []
    first: dict[str, Any] = {}
    options = ("--ports", str(port_list(folder)), "--all-ports", "--pings", "--feed", "ungp")
    run_job(days[:1], *options)  # compiles the modules
    for n in sorted({1, 3, 10, len(days)} & set(range(len(days) + 1))):
        files = [file.path for file in list_inputs(days[:n])]
        runs, bare = [], []
        for _ in range(rounds if n < 10 else 1):
            bare.append(alternate(1, bare=lambda files=files: in_threads(bare_read, files))["bare"])
            runs.append(run_job(days[:n], *options))
        floor = Spent(statistics.median(b.wall_s for b in bare), statistics.median(b.cpu_s for b in bare))
        run = sorted(runs, key=lambda found: found["cpu_s"])[len(runs) // 2]
        rows = run["counts"]["rows"]
        first = first or {**run, "rows": rows}
        done.append((rows, run["cpu_s"], _needed_bytes(files)))
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
    return [
        f"## Whole job\n\n{text}\n{tables.table(head, lines)}",
        f"## By stage\n\n{by_stage}",
        _on_paper(done[0], done[-1]),
    ]


def _needed_bytes(files: Sequence[str]) -> int:
    """Packed bytes of the columns that the job reads."""
    total = 0
    for file in files:
        meta = pq.read_metadata(file)
        for group in range(meta.num_row_groups):
            columns = (meta.row_group(group).column(i) for i in range(meta.num_columns))
            wanted = {*BARE, *SHIP, CELL, "message_type"}
            total += sum(c.total_compressed_size for c in columns if c.path_in_schema in wanted)
    return total


def _on_paper(small: tuple[int, float, int], large: tuple[int, float, int]) -> str:
    """What the archive of the platform would cost, from what one more row costs here."""
    unit_s = (large[1] - small[1]) / (large[0] - small[0])
    fixed_s = small[1] - unit_s * small[0]
    row_bytes = large[2] / large[0]
    task_rows = Config().run.task_rows
    lines = []
    for name, days in (("a day", 1), ("a month", 30), ("a year", 365), ("ten years", 3653)):
        rows = days * ARCHIVE_ROWS_A_DAY
        tasks = math.ceil(rows / task_rows)
        hours = [(rows * unit_s + tasks * TASK_S) / n / 3600 + fixed_s / 3600 for n in (2, 16, 64)]
        sizes = [f"{rows / 1e9:.2f}", f"{rows * row_bytes / 1e9:,.0f}", f"{tasks:,}"]
        lines.append([name, *sizes, *(f"{value:.2f}" for value in hours)])
    head = ("archive", "10⁹ rows", "GB read", "tasks", "hours on 2 processors", "on 16", "on 64")
    text = (
        f"{ARCHIVE_ROWS_A_DAY:,} rows a day. From the smallest and the largest run above: "
        f"{unit_s * 1e9:.0f} ns of a processor and {row_bytes:.1f} bytes read for each further row, "
        f"{fixed_s:.0f} s for each run, however many workers; {TASK_S * 1000:.1f} ms for each task of "
        f"{task_rows:,} rows. Ports as above; the bytes come from a store that is as fast.\n"
    )
    return f"## The whole archive, on paper\n\n{text}\n{tables.table(head, lines)}"


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
    options = ("--feed", "noaa", *(word for port in US_PORTS for word in ("--port", port)))
    runs = [run_job(files, *options) for _ in range(max(1, rounds - 1))]
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
