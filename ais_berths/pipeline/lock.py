"""One run at a time in an output folder, and one at a register."""

from __future__ import annotations

import os
import socket
import threading
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from ais_berths.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

try:
    import fcntl
except ImportError:  # not on Windows: there, nothing stops two runs in one folder
    fcntl = None  # type: ignore[assignment]

LOCK = ".ais-berths.lock"
"""Name of the lock file, in the output folder while a run writes there."""

_mine = threading.local()


@contextmanager
def only_run(out: str | Path) -> Iterator[None]:
    """Keep other runs out of an existing folder; inside a block for the same folder, do nothing more.

    The system releases the lock when the process ends, even if it was killed.

    Raises
    ------
    OutputError
        Another run is writing into the folder, or the folder cannot be written.
    """
    folder = Path(out).absolute()
    with _only(folder / LOCK, f"the output folder {folder}"):
        yield


@contextmanager
def only_writer(file: str | Path) -> Iterator[None]:
    """Keep other runs from changing a file between reading and writing it; see `only_run`.

    Raises
    ------
    OutputError
        Another run is at it, or its folder cannot be written.
    """
    path = Path(file).absolute()
    with _only(path.with_name(f".{path.name}.lock"), f"the register {path}"):
        yield


@contextmanager
def _only(path: Path, what: str) -> Iterator[None]:
    held: set[Path] = _mine.__dict__.setdefault("held", set())
    if path in held or fcntl is None:
        yield
        return
    handle = _take(path, what)
    held.add(path)
    try:
        yield
    finally:
        held.discard(path)
        # Before letting go: whoever waits at this very file sees that it is gone, and makes a new one.
        path.unlink(missing_ok=True)
        os.close(handle)


def _take(path: Path, what: str) -> int:
    while True:
        try:
            handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        except OSError as error:
            raise OutputError(f"{what} cannot be written: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            who = os.read(handle, 200).decode("utf-8", "replace")
            os.close(handle)
            raise OutputError(
                f"{what} is in use by another run ({who or 'just begun'}); "
                "wait until it ends, or name another"
            ) from error
        except OSError:
            # A disk that knows no locks.
            return handle
        if _is_still(path, handle):
            os.truncate(handle, 0)
            now = datetime.now(UTC).isoformat(timespec="seconds")
            os.write(handle, f"process {os.getpid()} on {socket.gethostname()} since {now}".encode())
            return handle
        os.close(handle)


def _is_still(path: Path, handle: int) -> bool:
    """Tell whether the file that was locked has not been taken away in the meantime."""
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
