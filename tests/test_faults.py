"""Runs that are broken off, or disturbed: the next one ends with the bytes of an undisturbed run."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec
import numpy as np
import pytest
from click.testing import CliRunner
from fsspec.implementations.memory import MemoryFileSystem

from ais_berths.cli import main
from ais_berths.errors import ClusterError, InputError, OutputError
from ais_berths.pipeline import Job, Wiring, detect
from ais_berths.pipeline.lock import LOCK, only_run, only_writer

if TYPE_CHECKING:
    from collections.abc import Iterator

SAME = "byte-identical"


@pytest.fixture(scope="module")
def faults(root: Path) -> Iterator[Any]:
    """The program that tries many more of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "tests" / "benchmarks"))
        yield importlib.import_module("faults")


@pytest.fixture(scope="module")
def bench(faults: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    return faults.Bench(tmp_path_factory.mktemp("faults"))


def a_job(bench: Any) -> Job:
    config = importlib.import_module("ais_berths.config").load_config(bench.settings)
    return Job(ports_file=str(bench.folder / "sim" / "ports.csv"), config=config)


# broken off -----------------------------------------------------------------------------------------


@pytest.mark.slow
def test_killed_at_random_moments(bench: Any) -> None:
    rng = np.random.default_rng(1)
    for number in range(6):
        line = bench.try_kill(rng, incremental=number % 2 == 1)
        assert line[-1] == SAME, line


def test_no_file_may_grow(bench: Any, faults: Any) -> None:
    """What a full disk does to a write: a sentence, and the next run carries on."""
    line = bench.try_limit("files up to", "4 kB", faults.file_size(4 << 10))
    assert line[3].startswith("Error: out/")
    assert "cannot be written" in line[3]
    assert line[-1] == SAME


def test_killed_before_anything_was_written(bench: Any) -> None:
    out = bench._folder()
    (out / "state").mkdir(parents=True)
    (out / LOCK).touch()
    (out / "state" / ".job.123-abc.part.json").write_bytes(b"{")
    detect(bench.files, out, a_job(bench))
    assert bench.compare(out) == SAME


def test_killed_while_a_folder_was_cleared(bench: Any) -> None:
    """Some records and tables of other settings are gone, the job is still there."""
    out = bench._folder()
    detect(bench.files, out, Job(ports_file=str(bench.folder / "sim" / "ports.csv")))
    next((out / "state" / "scan").glob("*.json")).unlink()
    (out / "berths.parquet").unlink()
    detect(bench.files, out, a_job(bench), overwrite=True)
    assert bench.compare(out) == SAME


def test_tables_that_do_not_belong_together_are_not_read(bench: Any, tmp_path: Path) -> None:
    out = bench._folder()
    detect(bench.files, out, a_job(bench))
    (out / "state" / "writing").write_text("berths", encoding="utf-8")
    for command in (
        *(["report", str(out)], ["export", str(out), str(tmp_path / "b.csv")], ["calls", str(out)]),
        ["evaluate", str(out), "--split-half"],
    ):
        result = CliRunner().invoke(main, ["-q", *command])
        assert result.exit_code == 1, result.output
        assert "did not end" in result.stderr
        assert f"run `ais-berths berths {out}` again" in result.stderr
    assert CliRunner().invoke(main, ["-q", "berths", str(out)]).exit_code == 0
    assert CliRunner().invoke(main, ["-q", "report", str(out)]).exit_code == 0
    assert bench.compare(out) == SAME


# two runs -------------------------------------------------------------------------------------------


def test_one_run_at_a_time(bench: Any) -> None:
    out = bench._folder()
    detect(bench.files[:1], out, a_job(bench))
    refused: list[str] = []

    def try_all() -> None:
        commands = (["stops", str(out)], ["berths", str(out)], ["calls", str(out)], ["hexagons", str(out)])
        refused.extend(CliRunner().invoke(main, ["-q", *command]).stderr for command in commands)
        with pytest.raises(OutputError, match="is in use by another run"):
            detect(bench.files, out, a_job(bench))

    with only_run(out):
        other = threading.Thread(target=try_all)
        other.start()
        other.join()
    assert len(refused) == 4
    assert all(f"is in use by another run (process {os.getpid()} on " in text for text in refused)
    detect(bench.files, out, a_job(bench))
    assert bench.compare(out) == SAME


def test_one_run_at_a_register(bench: Any, tmp_path: Path) -> None:
    out, file = bench._folder(), tmp_path / "berths.gpkg"
    detect(bench.files[:1], out, a_job(bench))
    update = ["-q", "register", "update", str(out), "--register", str(file)]
    assert CliRunner().invoke(main, update).exit_code == 0
    before = file.read_bytes()
    said: list[str] = []

    def try_both() -> None:
        commands = (update, ["register", "apply-edits", str(file), str(file)])
        said.extend(CliRunner().invoke(main, command).stderr for command in commands)

    with only_writer(file):
        other = threading.Thread(target=try_both)
        other.start()
        other.join()
    assert len(said) == 2
    assert all(
        f"the register {file} is in use by another run (process {os.getpid()} on " in text for text in said
    )
    assert file.read_bytes() == before
    assert CliRunner().invoke(main, update).exit_code == 0
    assert [path.name for path in tmp_path.iterdir()] == [file.name]


def test_a_process_that_is_killed_at_its_work() -> None:
    with (
        pytest.raises(
            ClusterError, match="was ended, perhaps because memory ran out; run the same command again"
        ),
        Wiring(processes=True).connected() as wiring,
    ):
        wiring.run(os._exit, [1, 1], locked=True)


def test_no_process_outlives_the_first_one(faults: Any, tmp_path: Path) -> None:
    script = tmp_path / "sleep.py"
    script.write_text(
        "import time\nfrom ais_berths.pipeline import Wiring\n"
        "if __name__ == '__main__':\n"
        "    with Wiring(processes=True).connected() as wiring:\n"
        "        wiring.run(time.sleep, [600, 600], locked=True)\n"
    )
    first = subprocess.Popen([sys.executable, str(script)])
    while len(workers := faults.children(first.pid)) < 2:
        time.sleep(0.05)
    first.kill()
    first.wait()
    deadline = time.monotonic() + 60
    while any(Path(f"/proc/{pid}").exists() for pid in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{pid}").exists() for pid in workers)


def test_the_lock_of_a_killed_run_locks_nobody_out(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys; from ais_berths.pipeline.lock import only_run\n"
        "with only_run(sys.argv[1]): os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == -9
    assert (tmp_path / LOCK).exists()
    with only_run(tmp_path), only_run(tmp_path):
        assert (tmp_path / LOCK).exists()
    assert not (tmp_path / LOCK).exists()


def test_a_folder_that_cannot_be_written(bench: Any) -> None:
    """The process file system takes no files, whoever asks."""
    with pytest.raises(OutputError, match=r"/proc/results cannot be written"):
        detect(bench.files, "/proc/results", a_job(bench))


# stores ---------------------------------------------------------------------------------------------


class _Failing(MemoryFileSystem):
    """Files in memory of which the n-th read fails."""

    protocol = "failing"
    left = 10**9
    error: Exception = OSError()

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + path.removeprefix("failing://").lstrip("/")

    def _open(self, path: str, *args: object, **options: object) -> Any:
        _Failing.left -= 1
        if _Failing.left < 0:
            raise _Failing.error
        return super()._open(path, *args, **options)


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (TimeoutError(), "cannot be reached: no answer in time; run the same command again"),
        (
            ConnectionResetError(104, "Connection reset by peer"),
            "Connection reset by peer; run the same command",
        ),
        (PermissionError(13, "Access denied"), "cannot be opened: Access denied"),
        (FileNotFoundError(2, "gone"), "does not exist"),
    ],
)
def test_a_store_that_fails_now_and_then(bench: Any, error: Exception, said: str) -> None:
    fsspec.register_implementation("failing", _Failing, clobber=True)
    for file in bench.files:
        MemoryFileSystem().pipe(f"/store/{file.name}", file.read_bytes())
    out, messages = bench._folder(), []
    _Failing.error = error
    for reads in range(3, 100, 4):
        _Failing.left = reads
        try:
            detect(["failing://store"], out, a_job(bench))
            break
        except InputError as found:
            messages.append(str(found))
    assert len(messages) > 1
    assert all(said in message for message in messages)
    assert bench.compare(out) == SAME
