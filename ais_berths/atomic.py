"""Files that are written whole or not at all: under a temporary name first, then renamed."""

from __future__ import annotations

import os
import secrets
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pyogrio

from ais_berths.errors import InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator

WRITING = "state/writing"
"""File in a result folder while its tables are being rewritten."""

_PART = ".part"


@contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Give a temporary name beside `path` and rename it when the block ends well.

    When the block fails, nothing is left under either name. The temporary name is hidden and keeps the
    suffix, which some writers look at.

    Raises
    ------
    OutputError
        The folder is missing or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> target = Path(tempfile.mkdtemp()) / "ports.txt"
    >>> with atomic_path(target) as part:
    ...     _ = part.write_text("Suva")
    ...     target.exists()
    False
    >>> target.read_text()
    'Suva'
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise OutputError(f"{target} cannot be written: there is no folder {target.parent}; create it first")
    if target.is_dir():
        raise OutputError(f"{target} cannot be written: it is a folder, expected the name of a file")
    with scratch_path(target) as part:
        yield part
        part.replace(target)


@contextmanager
def scratch_path(target: Path) -> Iterator[Path]:
    """Give a hidden name beside `target` that keeps the suffix, and delete what is there in the end.

    Raises
    ------
    OutputError
        The file cannot be written.
    """
    part = target.with_name(f".{target.stem}.{os.getpid()}-{secrets.token_hex(4)}{_PART}{target.suffix}")
    try:
        with naming_file(target):
            yield part
    finally:
        # SQLite may leave its journal when a GeoPackage fails.
        for leftover in (part, *(Path(f"{part}{end}") for end in ("-journal", "-wal", "-shm"))):
            # Where nothing can be written, nothing can be taken away either.
            with suppress(OSError):
                leftover.unlink(missing_ok=True)


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Say as an OutputError which file cannot be written, and why."""
    try:
        yield
    except OutputError:
        raise
    except (OSError, pyogrio.errors.DataSourceError, pyogrio.errors.FeatureError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, OSError) and error.errno is None:
            # numpy counts what was written, without a word why it was no more.
            reason += " (is the disk full?)"
        raise OutputError(f"{path} cannot be written: {reason}") from error


def whole_files(folder: str | Path, pattern: str) -> list[Path]:
    """Files of a folder by name, without those that are being written or that a killed process left.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> for name in ("b.json", "a.json", ".c.1-0f.part.json"):
    ...     (folder / name).touch()
    >>> [path.name for path in whole_files(folder, "*.json")]
    ['a.json', 'b.json']
    """
    return sorted(path for path in Path(folder).glob(pattern) if not path.name.startswith("."))


def remove_leftovers(folder: str | Path) -> int:
    """Delete the temporary files that a killed run left in `folder`; return how many there were."""
    found = [path for path in Path(folder).glob(f".*{_PART}*") if path.is_file()]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def check_whole(out: str | Path, unless: str = "") -> None:
    """Raise where the tables of a result folder may not belong together.

    Parameters
    ----------
    out
        Result folder.
    unless
        Command that was broken off and is now run again.

    Raises
    ------
    InputError
        A run was broken off while it wrote them, or is just writing them.
    """
    mark = Path(out) / WRITING
    if mark.is_file() and (command := mark.read_text(encoding="utf-8")) != unless:
        raise InputError(
            f"the last run into {out} did not end, so its tables may not belong together; run "
            f"`ais-berths {command} {out}` again"
        )
