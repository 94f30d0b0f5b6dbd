"""What a task costs on a cluster beside its work: two workers on this machine, and tasks that do nothing.

    python tests/benchmarks/overhead.py FOLDER --port NLRTM

FOLDER holds some AIS; its tasks of both rounds are timed by how long the same job takes in this process.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import numpy as np
from dask.distributed import LocalCluster

from ais_berths.pipeline import Wiring, rounds
from ais_berths.pipeline.recipe import parse_recipe

_TASKS = 300


def main() -> None:
    """Print both figures and their ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", action="append", default=[])
    given = parser.parse_args()
    work_s = time_batches(given.folder, tuple(given.port))
    with LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster:
        wiring = Wiring(scheduler=cluster.scheduler_address)
        with wiring.connected() as connected:
            connected.run(abs, range(100))
            begin = time.perf_counter()
            connected.run(abs, range(_TASKS))
            nothing_s = (time.perf_counter() - begin) / _TASKS
    median_s = float(np.median(work_s))
    print(f"a task that does nothing: {nothing_s * 1e3:.1f} ms")
    print(
        f"{len(work_s)} tasks that read: median {median_s * 1e3:.0f} ms; overhead {nothing_s / median_s:.1%}"
    )


def time_batches(folder: Path, ports: tuple[str, ...]) -> list[float]:
    """Seconds of each task of the first round, one after the other."""
    spent: list[float] = []
    whole = rounds.scan_batch

    def timed(*given: object, **options: object) -> None:
        begin = time.perf_counter()
        whole(*given, **options)
        spent.append(time.perf_counter() - begin)

    rounds.scan_batch = timed
    job = parse_recipe({"port": ports, "all_ports": not ports}, "options").job()
    with tempfile.TemporaryDirectory() as out:
        work = rounds.prepare([folder], out, job, overwrite=False)
        store = rounds.Store(out)
        for path in (store.scans, store.parts):
            path.mkdir(parents=True)
        store.job_file.write_text(work.job.model_dump_json(), encoding="utf-8")
        rounds.scan_inputs(store, work, rounds.write_plan(store, work), OneByOne())
    return spent


class OneByOne(Wiring):
    """Does the tasks in this thread."""

    def slots(self) -> int:
        """One."""
        return 1

    def run(self, task, items, *, locked=False, **options):  # type: ignore[no-untyped-def]
        """Call the task for each item."""
        return [task(item, **options) for item in items]


if __name__ == "__main__":
    main()
