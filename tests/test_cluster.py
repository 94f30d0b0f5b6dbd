"""Any Dask: a real scheduler and two real workers in processes of their own, one of them killed."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cloudpickle
import pytest

from ais_berths.atomic import whole_files
from ais_berths.config import parse_config
from ais_berths.errors import ClusterError, ConfigError, InputError, OutputError
from ais_berths.pipeline import Job, Wiring, detect, patience, tasks
from ais_berths.simulate import simulate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from typing import Any

SAME = (
    *("stops.parquet", "vessels.parquet", "hulls.parquet", "berths.parquet", "quays.parquet"),
    *("anchorages.parquet", "berth_calls.parquet", "port_calls.parquet", "indicators.csv", "quality.csv"),
)


@dataclass
class Cluster:
    """A scheduler and its workers."""

    address: str
    scheduler: subprocess.Popen
    workers: list[subprocess.Popen]
    start_worker: Callable[..., None]

    def lose_workers(self) -> None:
        """Kill them all."""
        for worker in self.workers:
            worker.kill()
            worker.wait()


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive") / "port"
    simulate(folder, rng=5, days=5, scene=("general", "far"), report_s=900.0)
    return folder


@pytest.fixture(scope="module")
def job(archive: Path) -> Job:
    # More tasks than the feed needs, so that a worker can be lost between them.
    small = {"chunk_rows": 1000, "task_rows": 1000, "buckets": 12, "task_pings": 1000, "task_stops": 20}
    config = parse_config({"run": small})
    return Job(feed="ungp", ports_file=str(archive / "ports.csv"), config=config)


@pytest.fixture(scope="module")
def usual(archive: Path, job: Job, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Result of threads."""
    out = tmp_path_factory.mktemp("usual") / "out"
    assert detect([archive / "feed"], out, job).counts["berths"] > 0
    return out


@pytest.fixture
def cluster(tmp_path: Path, root: Path) -> Iterator[Cluster]:
    """`dask scheduler` and two `dask worker` on this machine."""
    file = tmp_path / "scheduler.json"
    environment = {**os.environ, "PYTHONPATH": str(root)}
    options = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": environment}
    dask = [sys.executable, "-m", "dask"]
    address = ["--scheduler-file", str(file), "--no-dashboard"]
    scheduler = [*dask, "scheduler", "--host", "127.0.0.1", "--port", "0", *address]
    worker = [*dask, "worker", "--nthreads", "1", "--no-nanny", *address]
    first = subprocess.Popen(scheduler, **options)
    workers: list[subprocess.Popen] = []

    def start_worker(*more: str) -> None:
        workers.append(subprocess.Popen([*worker, *more], cwd=tmp_path, **options))

    try:
        until = time.monotonic() + 60
        while not file.exists() and time.monotonic() < until:
            time.sleep(0.1)
        for _ in range(2):
            start_worker()
        yield Cluster(json.loads(file.read_text(encoding="utf-8"))["address"], first, workers, start_worker)
    finally:
        for process in (first, *workers):
            process.kill()
            process.wait()


def assert_same(out: Path, usual: Path) -> None:
    assert [name for name in SAME if (out / name).read_bytes() != (usual / name).read_bytes()] == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("files", "number"), [("scan/*.json", 3), ("parts/stops-*.parquet", 3), ("portions/*/*", 9)]
)
def test_a_worker_is_killed_in_the_middle(
    cluster: Cluster, archive: Path, job: Job, usual: Path, tmp_path: Path, files: str, number: int
) -> None:
    """While raw rows are read, while stops are found, and while berths are drawn."""
    out = tmp_path / "out"
    records = out / "state" / "scan"
    at: list[int] = []

    def kill() -> None:
        while len(found := whole_files(out / "state", files)) < number:
            time.sleep(0.005)
        cluster.workers[0].send_signal(signal.SIGKILL)
        at.append(len(found) if not (out / "run.json").exists() else 0)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    told: list[str] = []
    detect([archive / "feed"], out, job, wiring=Wiring(scheduler=cluster.address, log=told.append))
    killer.join()
    total = len(whole_files(records, "*.json"))
    assert cluster.workers[0].wait(5) == -signal.SIGKILL
    assert at[0] >= number, "the worker was killed too late to lose anything"
    assert files != "scan/*.json" or at[0] < total
    assert_same(out, usual)
    assert f"{total} of {total} tasks done" in told


@pytest.mark.slow
def test_by_variable_and_by_the_callers_client(
    cluster: Cluster, archive: Path, job: Job, usual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import Client  # noqa: PLC0415 - it costs a second

    told: list[str] = []
    with monkeypatch.context() as patch:
        patch.setenv("DASK_SCHEDULER_ADDRESS", cluster.address)
        detect([archive / "feed"], tmp_path / "variable", job, wiring=Wiring(log=told.append))
    assert any("tasks done" in text for text in told)
    assert_same(tmp_path / "variable", usual)
    told.clear()
    with Client(cluster.address):
        detect([archive / "feed"], tmp_path / "client", job, wiring=Wiring(log=told.append))
    assert any("tasks done" in text for text in told)
    assert_same(tmp_path / "client", usual)
    monkeypatch.setattr(tasks, "__version__", "9.9")
    with pytest.raises(ConfigError, match=r"have ais-berths .*expected 9\.9"):
        detect([archive / "feed"], tmp_path / "old", job, wiring=Wiring(scheduler=cluster.address))
    assert not (tmp_path / "old").exists()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="needs a path that each process sees differently")
@pytest.mark.parametrize(
    ("hidden", "said"),
    [("out", "out is not seen by a worker on .* all workers share"), ("feed", "feed/.* does not exist")],
)
def test_a_worker_that_does_not_see_the_folder(
    cluster: Cluster,
    archive: Path,
    job: Job,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    hidden: str,
    said: str,
) -> None:
    """The workers were started in another folder, and this path leads to the own one of each process."""
    (tmp_path / "here").mkdir()
    (tmp_path / "here" / "feed").symlink_to(archive / "feed")
    monkeypatch.chdir(tmp_path / "here")
    own = Path("/proc/self/cwd")
    feed, out = (own / "feed", tmp_path / "out") if hidden == "feed" else (archive / "feed", own / "out")
    with pytest.raises((InputError, OutputError), match=f"{said}.*a worker of the cluster says"):
        detect([feed], out, job, wiring=Wiring(scheduler=cluster.address))
    assert not out.exists()


@pytest.mark.slow
def test_a_scheduler_that_is_lost(
    cluster: Cluster, archive: Path, job: Job, usual: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def kill() -> None:
        while not list((out / "state" / "scan").glob("*.json")):
            time.sleep(0.005)
        cluster.scheduler.kill()

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    told: list[logging.LogRecord] = []
    handler = logging.Handler()
    handler.emit = told.append  # type: ignore[method-assign]
    logging.getLogger("distributed.client").addHandler(handler)
    with pytest.raises(ClusterError, match="was lost; when it is back, run the same command again"):
        detect([archive / "feed"], out, job, wiring=Wiring(scheduler=cluster.address))
    logging.getLogger("distributed.client").removeHandler(handler)
    assert told == []
    detect([archive / "feed"], out, job)
    assert_same(out, usual)


def lose_workers_when_reading(cluster: Cluster, out: Path) -> None:
    def lose() -> None:
        while not list((out / "state" / "scan").glob("*.json")):
            time.sleep(0.005)
        cluster.lose_workers()

    threading.Thread(target=lose, daemon=True).start()


@pytest.mark.slow
def test_all_workers_are_lost_and_another_comes(
    cluster: Cluster, archive: Path, job: Job, usual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_LOOK_S", 0.5)
    told: list[str] = []

    def log(text: str) -> None:
        told.append(text)
        if "has had no worker" in text:
            cluster.start_worker()

    lose_workers_when_reading(cluster, tmp_path / "out")
    detect([archive / "feed"], tmp_path / "out", job, wiring=Wiring(scheduler=cluster.address, log=log))
    assert len(cluster.workers) == 3
    lost = next(n for n, text in enumerate(told) if "the same command carries on later" in text)
    assert "a worker is there again: the run goes on" in told[lost + 1 :]
    assert_same(tmp_path / "out", usual)


@pytest.mark.slow
def test_a_run_inside_a_task(archive: Path, job: Job, usual: Path, tmp_path: Path) -> None:
    """It does not wait for tasks that wait for its own place on the cluster."""
    from distributed import Client  # noqa: PLC0415 - it costs a second

    options = {"n_workers": 1, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with Client(**options) as client:
        client.submit(detect, [archive / "feed"], tmp_path / "out", job).result(timeout=120)
    assert_same(tmp_path / "out", usual)


@pytest.mark.slow
def test_an_asynchronous_client(archive: Path, job: Job, tmp_path: Path) -> None:
    from distributed import Client  # noqa: PLC0415 - it costs a second

    async def run() -> None:
        options = {"n_workers": 1, "processes": False, "dashboard_address": ":0"}
        async with Client(asynchronous=True, **options):
            detect([archive / "feed"], tmp_path / "out", job)

    with pytest.raises(ConfigError, match=r"is asynchronous, .* or give the address of its scheduler"):
        asyncio.run(run())


@pytest.mark.slow
def test_workers_that_come_when_there_is_work(
    archive: Path, job: Job, usual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from distributed import LocalCluster  # noqa: PLC0415 - it costs a second

    monkeypatch.setattr(tasks, "_PATIENCE_S", 20)
    with LocalCluster(0, threads_per_worker=1, processes=False, dashboard_address=":0") as cluster:
        cluster.adapt(minimum=0, maximum=2, interval="100ms")
        detect([archive / "feed"], tmp_path / "out", job, wiring=Wiring(scheduler=cluster.scheduler_address))
    assert_same(tmp_path / "out", usual)


@pytest.mark.slow
def test_all_workers_are_lost_for_good(
    cluster: Cluster, archive: Path, job: Job, usual: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "_LOOK_S", 0.5)
    monkeypatch.setattr(patience, "_GIVE_UP_S", 1.2)
    out = tmp_path / "out"
    lose_workers_when_reading(cluster, out)
    with pytest.raises(
        ClusterError, match=r"has had no worker for .* run the same command again: it carries on$"
    ):
        detect([archive / "feed"], out, job, wiring=Wiring(scheduler=cluster.address))
    detect([archive / "feed"], out, job)
    assert_same(out, usual)


@pytest.mark.parametrize(
    ("statuses", "said"),
    [
        ([], ["the cluster has had no worker for 20 seconds; start some. The run waits"]),
        (
            ["paused", "paused"],
            ["all workers of the cluster have been paused, as their memory is nearly full"],
        ),
        (["paused", "running"], []),
    ],
)
def test_what_is_said_of_workers(statuses: list[str], said: list[str]) -> None:
    class Client:
        def scheduler_info(self, n_workers: int) -> dict[str, Any]:
            assert n_workers == -1
            return {"workers": {str(n): {"status": status} for n, status in enumerate(statuses)}}

    told: list[str] = []
    waiting = patience.Patience(told.append)
    for now in (100.0, 120.0, 140.0, 719.0):
        waiting.look(patience._trouble(Client()), now)
    assert len(told) == len(said)
    assert all(text.startswith(begin) for text, begin in zip(told, said, strict=True))
    waiting.look(patience._trouble(Client()), 721.0)
    assert len(told) == 2 * len(said)
    if said:
        with pytest.raises(ClusterError, match="for 60 minutes"):
            waiting.look(patience._trouble(Client()), 3700.0)


def test_nothing_of_size_travels(
    archive: Path, usual: Path, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What goes through the scheduler are names and types: it does not grow with cells, rows or vessels."""
    sizes: list[int] = []

    def measure(call: Callable[..., Any], items: list[Any], *_: Any, **__: Any) -> list[Any]:
        results = [call(item) for item in items]
        sizes.extend(len(cloudpickle.dumps((call, item))) for item in items)
        sizes.extend(len(cloudpickle.dumps(result)) for result in results)
        return results

    monkeypatch.setattr(tasks, "_run_on_cluster", measure)
    monkeypatch.setattr(tasks, "_check_workers", lambda _client: None)

    class Slots:
        def nthreads(self) -> dict[str, int]:
            return {"a": 1}

    monkeypatch.setattr(tasks, "_own_client", Slots)
    detect([archive / "feed"], tmp_path / "out", job)
    assert len(sizes) > 12
    assert max(sizes) < 10_000
    assert_same(tmp_path / "out", usual)


def test_nobody_answers(archive: Path, job: Job, tmp_path: Path) -> None:
    import dask  # noqa: PLC0415
    import distributed  # noqa: F401, PLC0415 - its settings are there before one of them is changed

    wiring = Wiring(scheduler="tcp://127.0.0.1:9")
    patience = dask.config.set({"distributed.comm.timeouts.connect": "1s"})
    with patience, pytest.raises(ConfigError, match=r"no dask scheduler answers at tcp://127\.0\.0\.1:9"):
        detect([archive / "feed"], tmp_path / "out", job, wiring=wiring)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("address", ["foo", "tcp://127.0.0.1", "http://127.0.0.1:9"])
def test_no_address_of_a_scheduler(archive: Path, job: Job, tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match=rf"no dask scheduler answers at {address} \(.*\); start one"):
        detect([archive / "feed"], tmp_path / "out", job, wiring=Wiring(scheduler=address))
    # What is left of a client would complain now.
    gc.collect()
    assert not (tmp_path / "out").exists()


def test_a_scheme_that_is_not_set_up(
    archive: Path, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise TypeError("TLS expects a context")

    monkeypatch.setattr("distributed.Client", refuse)
    with pytest.raises(ConfigError, match=r"at tls://127\.0\.0\.1:9 \(TLS expects a context\)"):
        detect([archive / "feed"], tmp_path / "out", job, wiring=Wiring(scheduler="tls://127.0.0.1:9"))


@pytest.mark.slow
@pytest.mark.parametrize("lacking", ["scheduler", "workers"])
def test_a_cluster_without_the_package(
    cluster: Cluster, archive: Path, job: Job, tmp_path: Path, lacking: str
) -> None:
    """What could not import this package cannot import what it finds under this name."""
    from distributed import Client  # noqa: PLC0415 - it costs a second

    def hide() -> None:
        import sys  # noqa: PLC0415 - runs elsewhere

        for name in ["ais_berths.pipeline.tasks", "ais_berths"]:
            sys.modules[name] = None  # type: ignore[assignment]

    with Client(cluster.address) as client:
        client.wait_for_workers(2)
        client.run_on_scheduler(hide) if lacking == "scheduler" else client.run(hide)
        with pytest.raises(ConfigError, match=rf"the dask {lacking} cannot use this package .*; install"):
            detect([archive / "feed"], tmp_path / "out", job, wiring=Wiring())
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_a_scheduler_without_workers(
    cluster: Cluster, archive: Path, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.lose_workers()
    time.sleep(1)
    monkeypatch.setattr(tasks, "_PATIENCE_S", 1)
    with pytest.raises(ConfigError, match="has had no worker for 1 seconds"):
        detect([archive / "feed"], tmp_path / "out", job, wiring=Wiring(scheduler=cluster.address))
