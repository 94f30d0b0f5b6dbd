"""Machine code where nothing can be kept, and in many processes at once."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from ais_berths import loops, runs, twins
from ais_berths.config import Config
from ais_berths.pings import clean_pings
from ais_berths.simulate import simulate_port
from ais_berths.stops import detect_stops

if TYPE_CHECKING:
    from pathlib import Path

LOOP = """
from ais_berths.compiled import compiled

@compiled
def total(n):
    found = 0.0
    for i in range(n):
        found += i / 2
    return found
"""
CALL = "import mine; print(mine.total(5)); found = mine.total.stats"


def call(folder: Path, code: str, **environment: str) -> subprocess.Popen[str]:
    path = os.pathsep.join([str(folder), *sys.path])
    here = {name: value for name, value in os.environ.items() if not name.startswith("NUMBA_")}
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-B", "-c", code],
        env=here | {"PYTHONPATH": path} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_no_folder_can_be_written(tmp_path: Path) -> None:
    """Who runs the tests may be allowed to write everywhere: a file in place of a folder stops anyone."""
    (tmp_path / "mine.py").write_text(LOOP)
    (tmp_path / "__pycache__").write_text("")
    (tmp_path / "home").write_text("")
    home = str(tmp_path / "home")
    code = f"{CALL}; assert found.cache_path is None"
    found = call(tmp_path, code, HOME=home, XDG_CACHE_HOME=home, USERPROFILE=home).communicate()
    assert found == ("5.0\n", "")


def test_many_processes_at_once(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(LOOP)
    cache = str(tmp_path / "cache")
    running = [call(tmp_path, CALL, NUMBA_CACHE_DIR=cache) for _ in range(3)]
    assert [process.communicate() for process in running] == [("5.0\n", "")] * 3
    code = f"{CALL}; assert not found.cache_misses"
    assert call(tmp_path, code, NUMBA_CACHE_DIR=cache).communicate() == ("5.0\n", "")


def test_each_loop_is_compiled_once() -> None:
    """Arrays of other kinds, or such that may not be written to, would be compiled for anew."""
    pings, _, _ = simulate_port(days=1, rng=3, report_s=600)
    for table in (pings, pings.assign(sog_kn=float("nan")), pings.head(0)):
        clean, _ = clean_pings(table, Config().clean)
        detect_stops(clean, Config().stops)
        detect_stops(clean[["mmsi", "time", "lat", "lon"]], Config().stops)
    names = vars(loops) | vars(runs) | vars(twins)
    compiled = [loop for loop in names.values() if hasattr(loop, "nopython_signatures")]
    assert len(compiled) > 10
    assert [loop.__name__ for loop in compiled if len(loop.nopython_signatures) > 1] == []


def test_help_needs_no_machine_code() -> None:
    code = "import sys; from ais_berths.cli import main; main(['--help'], standalone_mode=False); "
    code += "assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
