"""Results in an object store: the tables of an output folder, or one exported file, under a URL.

A run works in a folder on a disk, where files can be renamed, so that everything there is whole. A store has
no renaming, but an object appears whole or not at all: what is finished is copied, the run record last.
"""

from __future__ import annotations

import tempfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from fsspec.core import url_to_fs

from ais_berths.atomic import check_whole, whole_files
from ais_berths.errors import AisBerthsError, InputError, OutputError
from ais_berths.export import SUFFIXES, export
from ais_berths.feeds.failures import plain_words, show

if TYPE_CHECKING:
    from collections.abc import Iterable

RECORD = "run.json"
"""Written last: where it is, everything else is there."""


def copy_results(out: str | Path, url: str, *, pings: bool = False) -> list[str]:
    """Copy the results of a run to a folder of an object store.

    Parameters
    ----------
    out
        Output folder of ``ais-berths detect``.
    url
        Folder in any store that fsspec knows, such as ``s3://bucket/folder``. Files of the same name are
        replaced, others stay.
    pings
        Copy the clean pings too; the private ``state`` is never copied.

    Returns
    -------
    URLs of the copies, the run record last.

    Raises
    ------
    InputError
        The folder holds no finished run.
    OutputError
        The store cannot be reached or refuses.
    """
    folder = Path(out)
    if not (folder / RECORD).is_file():
        raise InputError(f"{folder} holds no finished run; run `ais-berths detect ... --out {folder}` first")
    check_whole(folder)
    found = [path for path in whole_files(folder, "*") if path.is_file()]
    if pings:
        found += whole_files(folder / "pings", "*.parquet")
    found.sort(key=lambda path: path.name == RECORD)
    return _copy(((path, path.relative_to(folder).as_posix()) for path in found), url)


def export_to_url(out: str | Path, url: str, **options: Any) -> str:
    """Write one file as `export` does, with its options, to a URL."""
    name = PurePosixPath(url).name
    with tempfile.TemporaryDirectory() as folder:
        path = export(out, Path(folder) / name, **options)
        return _copy([(path, name)], url.rpartition("/")[0])[0]


def is_file_url(url: str) -> bool:
    """Tell whether a URL names a file that `export` can write, not a folder.

    Examples
    --------
    >>> is_file_url("s3://bucket/berths.geojson"), is_file_url("s3://bucket/results")
    (True, False)
    """
    return PurePosixPath(url).suffix.lower() in SUFFIXES


def _copy(files: Iterable[tuple[Path, str]], url: str) -> list[str]:
    copies = []
    try:
        with plain_words(url):
            system, root = url_to_fs(url)
            for path, name in files:
                system.put_file(str(path), f"{root.rstrip('/')}/{name}")
                copies.append(f"{url.rstrip('/')}/{name}")
    except AisBerthsError as error:
        raise OutputError(f"the results cannot be written to {show(url)}: {error}") from error
    return copies
