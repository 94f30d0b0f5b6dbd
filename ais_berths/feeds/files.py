"""Input files: finding them, in folders, globs and object stores, and opening them as streams of bytes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import zipfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

import fsspec
import pyarrow as pa
from fsspec.core import url_to_fs
from fsspec.implementations.local import make_path_posix

from ais_berths.errors import EmptyInputError, InputError
from ais_berths.feeds.days import Window, day_folders
from ais_berths.feeds.failures import plain_words, show
from ais_berths.feeds.mapping import list_names
from ais_berths.redact import redact_urls

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_DATA = {".parquet", ".pq", ".parq", ".csv", ".tsv", ".txt", ".nmea", ".nm4", ".ais", ".log", ".dat"}
_PACKED = {".gz", ".zip", ".zst", ".bz2"}
_TEMPORARY = {".tmp", ".temp", ".part", ".partial", ".crdownload", ".swp", ".crc"}
_PAPERS = ("readme", "licence", "license", "copying", "changelog", "checksum", "sha256")
_KEYLESS = ("s3://", "s3a://", "gs://", "gcs://")
# Text of AIS packs to a tenth, and to a fiftieth where one ship lies still for a year.
_MOST_TIMES = 250
_LARGE_BYTES = 1 << 28
# The list of files in a zip is read again for each of them.
_MOST_MEMBERS = 1000
_QUESTIONS = 16
_CODECS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bz2", b"PK\x03\x04": "zip"}


@dataclass(frozen=True)
class InputFile:
    """A file to read.

    Parameters
    ----------
    path
        Local path or URL.
    size
        Bytes.
    stamp
        Changes when the file changes: entity tag where the store has one, else time of last change.
    """

    # Not shown: it may hold a password.
    path: str = field(repr=False)
    size: int
    stamp: str

    @property
    def label(self) -> str:
        """The file for messages."""
        return show(self.path)

    @property
    def fingerprint(self) -> str:
        """Size and stamp: the same file read twice has the same fingerprint."""
        return f"{self.size}-{self.stamp}"


def list_inputs(inputs: Iterable[str | Path], window: Window | None = None) -> list[InputFile]:
    """Expand files, folders, globs and URLs into files.

    Folders are read with all their subfolders. Hidden and temporary files there are passed over, and so are
    folders with results of ais-berths and what has none of the suffixes of AIS files; a file that is named
    itself is always taken.

    Parameters
    ----------
    inputs
        Paths, globs or any URL that fsspec understands.
    window
        Partition folders outside it are not even listed.

    Returns
    -------
    Files in natural order for each input (``day=2`` before ``day=10``), each once.

    Raises
    ------
    InputError
        A file is missing or empty.
    EmptyInputError
        A folder, a glob or the window leaves nothing to read.
    DependencyError
        The URL needs a package that is not installed.
    """
    window = window or Window()
    files: dict[str, InputFile] = {}
    for given in inputs:
        for file in _expand(str(given), window):
            name = file.path if "://" in file.path else os.path.normpath(file.path)
            files.setdefault(name, file)
    if not files:
        raise EmptyInputError("no input was given; name a file, a folder, a glob or a URL")
    known: set[str] = set()
    for name in map(redact_urls, files):
        if name in known:
            raise InputError(f"{show(name)} comes twice: the URLs differ only in a password or a signature")
        known.add(name)
    return list(files.values())


def has_changed(path: str, fingerprint: str) -> bool:
    """Tell whether a local file no longer has a fingerprint.

    URLs need no check: object stores are asked for the version that was listed, and refuse any other.
    """
    if "://" in path:
        return False
    system, name = _system_of(path)
    with plain_words(path):
        return _input_file(system, name, system.info(name)).fingerprint != fingerprint


def hash_file(path: str, fingerprint: str) -> str | None:
    """SHA-256 of the content of a local file, in hexadecimal.

    Returns
    -------
    None for a URL, and where the file is gone or no longer has the fingerprint.
    """
    if "://" in path or not Path(path).is_file():
        return None
    with plain_words(path), Path(path).open("rb") as handle:
        digest = hashlib.file_digest(handle, "sha256")
    return None if has_changed(path, fingerprint) else digest.hexdigest()


def open_binary(path: str) -> IO[bytes]:
    """Open a local path or URL for reading bytes."""
    with plain_words(path):
        system, name = _system_of(path)
        handle: IO[bytes] = system.open(name, "rb")
    return handle


def _system_of(path: str) -> tuple[Any, str]:
    """File system, and the name there; in names of local files, colons mean nothing."""
    if "://" in path:
        system, name = url_to_fs(path)
        return system, name
    return fsspec.filesystem("file"), make_path_posix(path)


@contextlib.contextmanager
def open_stream(path: str, codec: str = "", member: str = "") -> Iterator[Any]:
    """Open the decompressed content of a file; it has ``read(size)``.

    Parameters
    ----------
    path
        Local path or URL.
    codec
        As `codec_of` tells; empty for plain files.
    member
        File inside a zip.
    """
    with plain_words(path), contextlib.ExitStack() as stack:
        handle = stack.enter_context(open_binary(path))
        if codec == "zip":
            archive = stack.enter_context(zipfile.ZipFile(handle))
            packed = archive.getinfo(member).compress_size
            yield _Inflating(stack.enter_context(archive.open(member)), path, lambda: packed)
        elif codec:
            stream = stack.enter_context(pa.CompressedInputStream(pa.PythonFile(handle), codec))
            yield _Inflating(stream, path, handle.tell)
        else:
            yield handle


class _Inflating:
    """A stream that ends with an error when it inflates to far more than AIS can have been packed from."""

    def __init__(self, stream: Any, path: str, packed: Callable[[], int]) -> None:
        self._stream, self._path, self._packed = stream, path, packed
        self._total = 0

    def read(self, size: int) -> bytes:
        data: bytes = self._stream.read(size)
        self._total += len(data)
        if self._total > _LARGE_BYTES and self._total > _MOST_TIMES * self._packed():
            raise InputError(
                f"{show(self._path)} inflates to more than {_MOST_TIMES} times its size, like no AIS file; "
                "look at it, and if it is right, give the unpacked file"
            )
        return data


def codec_of(head: bytes) -> str:
    """Recognise the compression from the first bytes of a file; empty if there is none."""
    return next((name for magic, name in _CODECS.items() if head.startswith(magic)), "")


def zip_members(path: str) -> list[str]:
    """List the data files in a zip.

    Raises
    ------
    InputError
        The zip is damaged or locked, or holds no file, too many, or several of one name.
    """
    with plain_words(path), open_binary(path) as handle, zipfile.ZipFile(handle) as archive:
        members = [item for item in archive.infolist() if not item.is_dir() and item.file_size]
        members = [item for item in members if not _is_hidden(item.filename)]
        # A notice beside the data is passed over, but a single file may have any name.
        members = [item for item in members if _is_data(PurePosixPath(item.filename).name)] or members
        if any(item.flag_bits & 1 for item in members):
            raise InputError(f"{show(path)} is locked with a password; unpack it and give the files inside")
    if not members:
        raise EmptyInputError(f"{show(path)} holds no data file; check the archive")
    if len(members) > _MOST_MEMBERS:
        raise InputError(
            f"{show(path)} holds {len(members):,} files, and at most {_MOST_MEMBERS:,} are read from a zip; "
            "unpack it and give the folder"
        )
    names = sorted((item.filename for item in members), key=_natural)
    if len(set(names)) < len(names):
        raise InputError(f"{show(path)} holds several files of one name; unpack it and give the files inside")
    return names


def _expand(given: str, window: Window) -> list[InputFile]:
    """Files that one input names: itself, those in a folder, or those that fit a pattern."""
    if given.startswith(_KEYLESS) and redact_urls(given) != given:
        raise InputError(
            f"{show(given)} holds a key, and URLs of this kind cannot; leave it out, and set it in the "
            "environment (AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY)"
        )
    try:
        with plain_words(given):
            system, path = _system_of(given)
    except ValueError as error:
        raise InputError(
            f"{show(given)} cannot be opened: {error}; give a path, or a URL of another kind"
        ) from error
    with plain_words(given):
        signs = "*[" if given.startswith("http") else "*?["
        if any(sign in path for sign in signs) and not system.exists(path):
            found = _fitting(system, path, window)
            complaint = f"no file fits {show(given)}; check the pattern"
        else:
            item = system.info(path)
            if item["type"] != "directory":
                return [_input_file(system, path, item)]
            found = _by_calendar(system, path, window) or list(_walk(system, path, window, root=path))
            complaint = "" if found else _nothing_in(system, path, given, window)
    if not found:
        raise EmptyInputError(complaint)
    found.sort(key=lambda item: _natural(item["name"]))
    return [_input_file(system, item["name"], item) for item in found]


def _fitting(system: Any, pattern: str, window: Window) -> list[dict[str, Any]]:
    """Files that fit a pattern."""
    fixed = len(re.split(r"[*?\[]", pattern)[0])
    root = pattern[:fixed].rpartition("/")[0]
    found = [_followed(system, item, root) for item in system.glob(pattern, detail=True).values()]
    found = [item for item in found if item["type"] == "file"]
    found = [item for item in found if _is_kept(item["name"][fixed:]) and window.meets(item["name"])]
    return _without_results(found, root) if _is_local(system) else found


def _nothing_in(system: Any, folder: str, given: str, window: Window) -> str:
    """Complain of a folder without data files, and name what it holds instead."""
    if system.exists(f"{folder.rstrip('/')}/state/job.json"):
        return f"the folder {show(given)} holds results of ais-berths, which are no input; name the raw AIS"
    complaint = f"the folder {show(given)} holds no Parquet, CSV or NMEA file"
    if window != Window():
        return complaint + " for the period asked for"
    names = sorted(PurePosixPath(name).name for name in system.ls(folder, detail=False))
    return complaint + (
        f", only {list_names(names, 3)}; name files of these kinds, or unpack them" if names else ""
    )


def _by_calendar(system: Any, root: str, window: Window) -> list[dict[str, Any]]:
    """Files in the day folders of a store, without listing what lies above them; none for other folders."""
    if _is_local(system):
        return []

    def list_day(spellings: tuple[str, ...]) -> list[dict[str, Any]]:
        for folder in spellings:
            with contextlib.suppress(FileNotFoundError):
                return list(_walk(system, folder, Window(), root))
        return []

    # A store answers many questions at once as fast as one.
    with ThreadPoolExecutor(_QUESTIONS) as pool:
        return [item for items in pool.map(list_day, day_folders(root, window)) for item in items]


def _is_local(system: Any) -> bool:
    protocols = (system.protocol,) if isinstance(system.protocol, str) else system.protocol
    return "file" in protocols


def _without_results(found: list[dict[str, Any]], root: str) -> list[dict[str, Any]]:
    """Files without those of earlier runs, which a pattern finds where ``**`` stands for any folder."""

    @cache
    def holds(folder: Path) -> bool:
        above = folder.as_posix() != root and folder != folder.parent
        return (folder / "state" / "job.json").exists() or (above and holds(folder.parent))

    return [item for item in found if not holds(Path(item["name"]).parent)]


def _walk(system: Any, folder: str, window: Window, root: str) -> Iterator[dict[str, Any]]:
    entries = system.ls(folder, detail=True)
    states = [item["name"] for item in entries if PurePosixPath(item["name"]).name == "state"]
    if any(system.exists(f"{name}/job.json") for name in states):
        # Results of an earlier run, whose pings are no raw input.
        return
    for listed in entries:
        name = PurePosixPath(listed["name"].replace("\\", "/").rstrip("/")).name
        if listed["name"].rstrip("/") == folder.rstrip("/") or _is_hidden(name):
            continue
        item = _followed(system, listed, root) if window.meets(listed["name"]) else listed
        if item["type"] == "directory":
            # What a link to a folder inside leads to is read under its own name.
            if window.meets(item["name"]) and not listed.get("islink"):
                yield from _walk(system, item["name"], window, root)
        elif _is_data(name) and window.meets(item["name"]):
            yield item


def _followed(system: Any, item: dict[str, Any], root: str) -> dict[str, Any]:
    """What a symbolic link points to; it must lie in the folder that was named.

    Raises
    ------
    InputError
        The link leads elsewhere, or nowhere.
    """
    if not item.get("islink"):
        return item
    path = Path(item["name"])
    # Not `Path.resolve`, which a link to itself ends with an error.
    target = Path(os.path.realpath(path))
    if not target.exists():
        raise InputError(f"{show(str(path))} is a link to a file that does not exist; take the link out")
    if not target.is_relative_to(Path(root or ".").resolve()):
        raise InputError(
            f"{show(str(path))} is a link out of the folder {show(root)}; name {show(str(target))} itself, "
            "or take the link out"
        )
    followed: dict[str, Any] = system.info(item["name"])
    return followed


def _is_hidden(path: str) -> bool:
    parts = PurePosixPath(path).parts
    return any(part.startswith((".", "_", "~")) for part in parts) or path.endswith("~")


def _is_kept(path: str) -> bool:
    """Tell whether what a glob filled in is neither hidden nor temporary."""
    return not _is_hidden(path) and PurePosixPath(path).suffix.lower() not in _TEMPORARY


def _is_data(name: str) -> bool:
    suffixes = [suffix.lower() for suffix in PurePosixPath(name).suffixes]
    if not suffixes or suffixes[-1] in _TEMPORARY or name.lower().startswith(_PAPERS):
        return False
    if suffixes[-1] in _PACKED:
        return suffixes[-1] == ".zip" or len(suffixes) == 1 or suffixes[-2] in _DATA
    return suffixes[-1] in _DATA


def _natural(path: str) -> list[tuple[int, int, str]]:
    pieces = re.split(r"(\d+)", path)
    return [(0, int(piece), "") if piece.isdecimal() else (1, 0, piece) for piece in pieces]


def _input_file(system: Any, path: str, item: dict[str, Any]) -> InputFile:
    url = path if _is_local(system) else system.unstrip_protocol(path)
    if item["type"] not in ("file", "link"):
        raise InputError(f"{show(url)} is neither a file nor a folder; give the path of a file")
    size = int(item.get("size") or 0)
    if size == 0:
        raise InputError(f"{show(url)} is empty; get a fresh copy of the file or take it out")
    keys = ("ETag", "etag", "LastModified", "last_modified", "updated", "mtime", "created")
    stamp = next((item[key] for key in keys if item.get(key)), "")
    return InputFile(url, size, str(stamp).strip('"'))
