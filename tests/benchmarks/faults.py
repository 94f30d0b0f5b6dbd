"""Runs that are broken off, each followed by one that is not: is anything lost?

A small simulated port of three days. A run is ended by SIGKILL at a random moment, by a full disk, by a limit
on the size of files or on the time of the processor, or one of its workers is killed. Then the same job runs
to its end, and every file that an undisturbed run writes is compared byte by byte, but for the run record,
which holds times of the clock, and what is private in state/. No temporary file and no lock may be left.

    python tests/benchmarks/faults.py --kills 200 --out faults.csv
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import itertools
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ais_berths.config import load_config
from ais_berths.pipeline import Job, detect
from ais_berths.pipeline.job import Store
from ais_berths.pipeline.layout import chunks_of, read_records
from ais_berths.pipeline.rounds import has_all_stops
from ais_berths.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from multiprocessing.context import ForkServerProcess

SAME = "byte-identical"
APART = ("run.json", "state")
DAYS = 3
WORKERS = """
import os, signal, sys, threading, time
from distributed import Client, LocalCluster
from ais_berths.config import load_config
from ais_berths.pipeline import Job, Wiring, detect
if __name__ == "__main__":
    out, ports, config, after_s, *files = sys.argv[1:]
    with LocalCluster(2, threads_per_worker=1, dashboard_address=":0") as cluster, Client(cluster) as client:
        victim = next(iter(client.run(os.getpid).values()))
        threading.Timer(float(after_s), os.kill, (victim, signal.SIGKILL)).start()
        detect(files, out, Job(ports_file=ports, config=load_config(config)), wiring=Wiring(client=client))
"""
PROCESSES = """
import sys
from ais_berths.config import load_config
from ais_berths.pipeline import Job, Wiring, detect, rounds
if __name__ == "__main__":
    mode, out, ports, config, *files = sys.argv[1:]
    # Several tasks in both rounds, and all of them in other processes, which only messages are by themselves.
    rounds._LEAST_ROWS = 1000
    run = Wiring.run
    Wiring.run = lambda *args, locked=False, **options: run(*args, locked=True, **options)
    wiring = Wiring(processes=mode == "processes")
    detect(files, out, Job(ports_file=ports, config=load_config(config)), wiring=wiring)
"""


def main() -> None:
    """Break off runs and write one line for each."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--workers", type=int, default=5, help="killed workers of a cluster")
    parser.add_argument("--processes", type=int, default=30, help="killed runs with processes of their own")
    parser.add_argument(
        "--no-limits", action="store_true", help="without full disks and limits of the system"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("faults.csv"))
    options = parser.parse_args()
    rng = np.random.default_rng(options.seed)
    with tempfile.TemporaryDirectory() as folder, options.out.open("w", newline="", encoding="utf-8") as file:
        bench = Bench(Path(folder))
        writer = csv.writer(file)
        writer.writerow(["fault", "run", "at", "stage or message", "result"])
        lines = itertools.chain(
            bench.tries(options.kills, options.workers, limits=not options.no_limits, rng=rng),
            bench.try_processes(options.processes, rng),
        )
        for line in lines:
            writer.writerow(line)
            file.flush()


class Bench:
    """A feed, and what undisturbed runs make of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        scene = ("general", "near")
        simulate(
            folder / "sim", rng=4, days=DAYS, feed="noaa", scene=scene, at=(45.0, -30.0), report_s=1800.0
        )
        self.files = sorted((folder / "sim" / "feed").glob("*.csv"))
        self.settings = folder / "run.toml"
        self.settings.write_text(
            "[run]\nchunk_rows = 2000\ntask_rows = 2000\nbuckets = 3\n[cells]\nradius_nm = 4\n",
            encoding="utf-8",
        )
        self.whole = folder / "whole"
        self.first = folder / "first"
        # A server without threads of its own: a process that has some may not be copied.
        self.processes = get_context("forkserver")
        self.processes.set_forkserver_preload(["ais_berths.pipeline"])
        self._undisturbed(self.files[:1], self.first)
        self.seconds = self._undisturbed(self.files, self.whole)
        self.wanted = contents(self.whole)

    def command(self, files: list[Path], out: Path) -> list[str]:
        """The command line of a run."""
        ports = self.folder / "sim" / "ports.csv"
        options = ["--ports", str(ports), "--config", str(self.settings), "--out", str(out)]
        return [sys.executable, "-m", "ais_berths", "-q", "detect", *map(str, files), *options]

    def tries(
        self, kills: int, workers: int, *, limits: bool, rng: np.random.Generator
    ) -> Iterator[list[str]]:
        """Break off runs in every way."""
        for number in range(kills):
            yield self.try_kill(rng, incremental=number % 2 == 1)
        for number in range(workers):
            yield self.try_worker(rng, number)
        for kilobytes in (1, 4, 16, 64) if limits else ():
            yield self.try_limit("files up to", f"{kilobytes} kB", file_size(kilobytes << 10))
        for seconds in (2, 3, 4) if limits else ():
            yield self.try_limit("processor time", f"{seconds} s", cpu_time(seconds))
        for kilobytes in (64, 256, 512, 1024) if limits else ():
            yield self.try_full_disk(kilobytes)

    def try_kill(self, rng: np.random.Generator, *, incremental: bool) -> list[str]:
        """Kill a run, run it again, and say what came out."""
        out = self._folder(incremental=incremental)
        after_s = float(rng.uniform(0.0, 1.1 * self.seconds))
        process = self._forked(out)
        process.join(after_s)
        process.kill()
        process.join()
        stage = stage_of(out) if process.exitcode == -signal.SIGKILL else "had ended"
        kind = "new days added" if incremental else "new folder"
        again = self._forked(out)
        again.join()
        result = self.compare(out) if again.exitcode == 0 else f"failed with {again.exitcode}"
        return ["SIGKILL", kind, f"{after_s:.2f} s", stage, result]

    def try_limit(self, fault: str, limit: str, set_limit: Callable[[], None]) -> list[str]:
        """Run under a limit of the system."""
        out = self._folder()
        done = subprocess.run(
            self.command(self.files, out), check=False, capture_output=True, text=True, preexec_fn=set_limit
        )
        return [fault, "new folder", limit, _told(done), self.run_again(out)]

    def try_full_disk(self, kilobytes: int) -> list[str]:
        """Run on a small disk in memory, which needs the rights to mount one, and then on a larger one."""
        out = self._folder()
        out.mkdir()
        size = f"size={kilobytes}k"
        mount = ["mount", "-t", "tmpfs", "-o", size, "ais-berths-test", str(out)]
        if subprocess.run(mount, check=False, capture_output=True).returncode:
            return ["full disk", "new folder", f"{kilobytes} kB", "could not be tried", SAME]
        try:
            done = subprocess.run(self.command(self.files, out), check=False, capture_output=True, text=True)
            subprocess.run(["mount", "-o", "remount,size=64m", str(out)], check=True)
            return ["full disk", "new folder", f"{kilobytes} kB", _told(done), self.run_again(out)]
        finally:
            subprocess.run(["umount", str(out)], check=True)

    def try_worker(self, rng: np.random.Generator, number: int) -> list[str]:
        """Kill one of two workers of a cluster; the run itself should end well."""
        out = self._folder(incremental=number % 2 == 1)
        after_s = float(rng.uniform(0.0, self.seconds / 2))
        given = [str(out), str(self.folder / "sim" / "ports.csv"), str(self.settings), f"{after_s:.2f}"]
        script = self.folder / "workers.py"
        script.write_text(WORKERS, encoding="utf-8")
        command = [sys.executable, str(script), *given, *map(str, self.files)]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
        return ["worker killed", "cluster of 2", f"{after_s:.2f} s", _told(done), self.run_again(out)]

    def try_processes(self, tries: int, rng: np.random.Generator) -> Iterator[list[str]]:
        """Kill runs that work in processes of their own, or one of these; and compare with threads."""
        settings = self.folder / "processes.toml"
        settings.write_text(self.settings.read_text("utf-8").replace("[cells]", "task_pings = 1000\n[cells]"))
        script = self.folder / "processes.py"
        script.write_text(PROCESSES, encoding="utf-8")

        def command(mode: str, out: Path) -> list[str]:
            given = (script, mode, out, self.folder / "sim" / "ports.csv", settings, *self.files)
            return [sys.executable, *map(str, given)]

        whole = self.folder / "threads"
        subprocess.run(command("threads", whole), check=True)
        wanted = contents(whole)
        begin = time.perf_counter()
        subprocess.run(command("processes", self._folder()), check=True)
        seconds = time.perf_counter() - begin
        yield [
            "none",
            "processes",
            f"{seconds:.2f} s",
            "ended well",
            self.compare(self.folder / "out", wanted),
        ]
        for number in range(tries):
            out = self._folder()
            process = subprocess.Popen(command("processes", out), stderr=subprocess.PIPE, text=True)
            begin = time.perf_counter()
            while number % 2 and not children(process.pid) and process.poll() is None:
                time.sleep(0.02)
            time.sleep(float(rng.uniform(0.0, seconds / 4 if number % 2 else seconds)))
            workers = children(process.pid) if number % 2 else []
            # Where the work was done in the meantime, the first process is killed.
            victim = int(rng.choice(workers)) if workers else process.pid
            after_s = time.perf_counter() - begin
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
            error = process.communicate()[1]
            stage = _told(subprocess.CompletedProcess([], process.returncode, "", error))
            again = subprocess.run(command("processes", out), check=False, capture_output=True, text=True)
            result = f"failed: {again.stderr}" if again.returncode else self.compare(out, wanted)
            kind = "worker" if workers else "first process"
            yield ["SIGKILL", f"processes, {kind}", f"{after_s:.2f} s", stage, result]

    def _folder(self, *, incremental: bool = False) -> Path:
        """Output folder of the next run: none, or one with the first day in it."""
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        if incremental:
            shutil.copytree(self.first, out)
        return out

    def run_again(self, out: Path) -> str:
        """Run to the end and compare."""
        done = subprocess.run(self.command(self.files, out), check=False, capture_output=True, text=True)
        if done.returncode:
            return f"failed: {done.stderr.strip()}"
        return self.compare(out)

    def compare(self, out: Path, wanted: dict[str, bytes] | None = None) -> str:
        """Say whether a folder holds what an undisturbed run writes, and nothing else."""
        found = contents(out)
        wanted = wanted or self.wanted
        different = sorted(name for name in {*found, *wanted} if found.get(name) != wanted.get(name))
        return f"different: {' '.join(different)}" if different else SAME

    def _undisturbed(self, files: list[Path], out: Path) -> float:
        begin = time.perf_counter()
        process = self._forked(out, files)
        process.join()
        assert process.exitcode == 0
        return time.perf_counter() - begin

    def _forked(self, out: Path, files: list[Path] | None = None) -> ForkServerProcess:
        """Run in a copy of a process that has the libraries already, so that all of its time counts."""
        job = Job(ports_file=str(self.folder / "sim" / "ports.csv"), config=load_config(self.settings))
        process = self.processes.Process(target=detect, args=(files or self.files, out, job))
        process.start()
        return process


def children(pid: int) -> list[int]:
    """Processes that a process has started to work for it."""
    found = subprocess.run(
        ["pgrep", "-P", str(pid), "-f", "spawn_main"], check=False, capture_output=True, text=True
    )
    return [int(line) for line in found.stdout.split()]


def contents(out: Path) -> dict[str, bytes]:
    """Every file that must be the same, hidden ones and leftovers too."""
    names = {str(path.relative_to(out)): path for path in out.rglob("*") if path.is_file()}
    kept = {name: path for name, path in names.items() if Path(name).parts[0] not in APART}
    leftovers = {name: path for name, path in names.items() if Path(name).name.startswith(".")}
    parts = {name: path for name, path in names.items() if name.startswith("state/parts/")}
    return {name: path.read_bytes() for name, path in (kept | leftovers | parts).items()}


def stage_of(out: Path) -> str:
    """How far a run had come when it was broken off."""
    store = Store(out)
    if not store.job_file.exists():
        return "nothing written"
    if store.writing_mark.exists():
        return "writing tables"
    chunks = chunks_of(read_records(store))
    if len({chunk["input"] for chunk in chunks}) < DAYS:
        return "reading"
    if not has_all_stops(store, chunks):
        return "cleaning and stops"
    return "done" if (out / "run.json").exists() and _is_of(out, chunks) else "berths"


def _is_of(out: Path, chunks: list[dict[str, object]]) -> bool:
    """Tell whether the run record is that of all chunks."""
    run = json.loads((out / "run.json").read_text(encoding="utf-8"))
    return len(run["inputs"]) == len({chunk["input"] for chunk in chunks})


def _told(done: subprocess.CompletedProcess[str]) -> str:
    """What a run said at its end."""
    if done.returncode == 0:
        return "ended well"
    lines = [line for line in done.stderr.splitlines() if line.strip()] or [f"signal {-done.returncode}"]
    return re.sub(r"\S*/out", "out", lines[-1])[:200]


def file_size(limit: int) -> Callable[[], None]:
    """No file may grow beyond so many bytes: what a full disk does to a write."""

    def set_limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return set_limit


def cpu_time(seconds: int) -> Callable[[], None]:
    """Seconds of computing, as a batch system allows them; then the process is ended."""

    def set_limit() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (seconds, seconds))

    return set_limit


if __name__ == "__main__":
    main()
