"""The site of the cookbook, built once: every chapter is executed then, and only then."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

COOKBOOK = Path(__file__).resolve().parents[2] / "cookbook"
# What every kernel is told first: a warning is an error, as in the other tests.
STRICT = """\
import warnings
warnings.simplefilter("error")
warnings.filterwarnings("ignore", "Conversion of an array with ndim > 0 to a scalar", DeprecationWarning)
warnings.filterwarnings("ignore", category=PendingDeprecationWarning, module="ipykernel")
"""
# What every Python process of the build is told first: there is no network but this machine.
OFFLINE = """\
import socket

def _only_here(function):
    def guarded(self, address, *rest):
        if isinstance(address, tuple) and address[0] not in {"127.0.0.1", "::1", "localhost", "0.0.0.0", ""}:
            raise OSError(f"no network in this test: {address}")
        return function(self, address, *rest)
    return guarded

socket.socket.connect = _only_here(socket.socket.connect)
socket.socket.connect_ex = _only_here(socket.socket.connect_ex)
"""


@dataclass(frozen=True)
class Site:
    """A build of the site: where it is, what was printed, and how long the processors were busy (s)."""

    folder: Path
    code: int
    output: str
    cpu_s: float


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    for name in ("sphinx", "myst_nb", "pydata_sphinx_theme", "ipykernel"):
        pytest.importorskip(name, reason="the cookbook extra is not installed (pip install -e '.[cookbook]')")
    work = tmp_path_factory.mktemp("site")
    startup = work / "ipython" / "profile_default" / "startup"
    startup.mkdir(parents=True)
    (startup / "00-strict.py").write_text(STRICT)
    (work / "guard").mkdir()
    (work / "guard" / "sitecustomize.py").write_text(OFFLINE)
    paths = [str(work / "guard"), str(COOKBOOK.parent), os.environ.get("PYTHONPATH", "")]
    environment = os.environ | {
        "IPYTHONDIR": str(work / "ipython"),
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
    }
    before = os.times()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "sphinx",
            "-W",
            "--keep-going",
            "-q",
            "-j",
            "2",
            str(COOKBOOK),
            str(work / "html"),
        ],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    after = os.times()
    cpu_s = sum(after[2:4]) - sum(before[2:4])
    return Site(work / "html", done.returncode, done.stdout + done.stderr, cpu_s)
