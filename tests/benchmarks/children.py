"""Running the command line in a process of its own, and measuring what it needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Measured:
    """What a process needed.

    Parameters
    ----------
    seconds, cpu_s
        Time by the clock, and of all processors together.
    peak_mb
        Most memory at once (resident set, MB of 10^6 bytes).
    summary
        What ``ais-berths ... --json`` printed.
    """

    seconds: float
    cpu_s: float
    peak_mb: float
    summary: dict[str, Any]


def run_cli(*arguments: str | Path) -> Measured:
    """Run ``ais-berths`` with ``--json`` and wait for it.

    Raises
    ------
    RuntimeError
        The command failed; with its last words.
    """
    code = "from ais_berths.cli import main; main()"
    command = [sys.executable, "-c", code, *map(str, arguments), "--json"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=out, stderr=err, env=environment)
        # Of this process alone: the usage of all children would be that of the largest so far.
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        for stream in (out, err):
            stream.seek(0)
        if process.returncode:
            raise RuntimeError(err.read().decode()[-2000:])
        summary = json.loads(out.read())
    # Linux tells kilobytes, macOS bytes.
    scale = 1 if sys.platform == "darwin" else 1024
    return Measured(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * scale / 1e6, summary)
