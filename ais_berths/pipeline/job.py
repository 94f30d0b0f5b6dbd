"""The job of a run, and the paths of its output folder."""

from __future__ import annotations

import hashlib
import json
import shutil
import socket
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, ValidationError, field_validator

from ais_berths import __version__, ports, schema
from ais_berths.atomic import WRITING, atomic_path, remove_leftovers
from ais_berths.cells import box_cells, port_cells
from ais_berths.config import Config, Section
from ais_berths.errors import ConfigError, InputError, OutputError
from ais_berths.feeds import SHIPPED, load_feed
from ais_berths.pipeline.lock import LOCK, only_run

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd


# The register says how places are called, whatever was read; a port list is known by its content.
_NO_MATTER = {("config", "run"), ("", "register_file"), ("", "ports_file")}
_HASHED = {"ports_hash": "another port list", "feed_hash": "another mapping in the file of the feed"}


class Job(Section):
    """Everything that decides the content of an output folder, but for the input files."""

    feed: str = Field("auto", description="feed name, or path of a mapping")
    ports_file: str | None = Field(None, description="the user's own port list; None is the World Port Index")
    ports: tuple[str, ...] = Field((), description="ids of the chosen ports; empty means every port")
    bbox: tuple[float, float, float, float] | None = Field(
        None, description="west, south, east, north: a box instead of circles around ports"
    )
    start: datetime | None = Field(None, description="first position time (UTC)")
    end: datetime | None = Field(None, description="position times before this (UTC)")
    keep_pings: bool = Field(True, description="write the clean pings")
    register_file: str | None = Field(None, description="register whose ids, names and shapes places get")
    config: Config = Field(default_factory=Config, description="settings of the steps")
    ports_hash: str = Field("", description="fingerprint of the port list")
    feed_hash: str = Field("", description="fingerprint of the user's own mapping")
    schema_version: str = Field(schema.SCHEMA_VERSION, description="version of the table layouts")

    @field_validator("ports")
    @classmethod
    def _in_order(cls, ports: tuple[str, ...]) -> tuple[str, ...]:
        """The same ports in another order are the same job."""
        return tuple(sorted(set(ports)))

    def fingerprint(self) -> str:
        """Short hash of the whole job."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()[:16]

    def port_list(self) -> pd.DataFrame:
        """Return the whole port list that the job works with.

        Raises
        ------
        ConfigError
            It is not the one with which the job began.
        """
        found = ports.read_ports(self.ports_file) if self.ports_file else ports.builtin_ports()
        if self.ports_hash and hash_ports(found) != self.ports_hash:
            raise ConfigError(
                f"the port list {self.ports_file or 'of this version'} is not the one of the run before; "
                "take that one, or begin again with `ais-berths detect --overwrite`"
            )
        return found

    def cells(self, port_list: pd.DataFrame) -> pd.DataFrame:
        """Return the H3 cells around the chosen ports, or in the box."""
        if self.bbox is not None:
            return box_cells(self.bbox, port_list, self.config.cells)
        return port_cells(port_list, self.config.cells, only=self.ports or None)


class Store:
    """Paths in an output folder."""

    def __init__(self, out: str | Path) -> None:
        # Workers of a cluster may have been started in another folder.
        self.out = Path(out).absolute()
        self.state = self.out / "state"
        self.scans = self.state / "scan"
        self.parts = self.state / "parts"
        self.pings = self.out / "pings"
        self.job_file = self.state / "job.json"
        self.feed_file = self.state / "feed.json"
        self.filter_file = self.state / "filter.npz"
        self.manifest = self.state / "inputs.json"
        self.plan_mark = self.state / "plan.txt"
        self.run_mark = self.state / "run.txt"
        self.index = self.state / "index.json"
        self.stops_mark = self.state / "stops.json"
        self.writing_mark = self.out / WRITING

    def part(self, name: str, what: str) -> Path:
        """File of some vessels: their stops, their quality counts and what else there is."""
        return self.parts / f"{what}-{name}.parquet"

    def spill(self, name: str) -> Path:
        """Place of a file with the pings of some vessels while they are more than memory should hold."""
        return self.parts / f"spill-{name}.arrow"

    def pings_part(self, name: str) -> Path:
        """File with the pings of some vessels."""
        return self.pings / f"part-{name}.parquet"

    def table(self, name: str, suffix: str = ".parquet") -> Path:
        """File of a result table."""
        return self.out / f"{name}{suffix}"


def hash_ports(port_list: pd.DataFrame) -> str:
    """Fingerprint of a port list."""
    text = port_list.drop(columns="area", errors="ignore").to_csv(index=False)
    if "area" in port_list.columns:
        text += "".join("" if shape is None else shape.wkb_hex for shape in port_list["area"])
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def hash_feed(feed: str) -> str:
    """Fingerprint of a mapping of the user's own; empty for the feeds that come with the package."""
    if feed == "auto" or feed in SHIPPED:
        return ""
    return hashlib.sha256(load_feed(feed).model_dump_json().encode()).hexdigest()[:16]


def check_out(out: str | Path, job: Job, *, overwrite: bool) -> Job:
    """See whether a job may go into an output folder; nothing is written yet.

    Returns
    -------
    The job. In a folder that holds results of it, vessels go on being divided as they were there.

    Raises
    ------
    OutputError
        The folder holds something else.
    ConfigError
        The folder holds results of another job and `overwrite` is not set.
    """
    if "://" in str(out):
        raise OutputError(
            f"{out} is a URL, expected a folder on this machine or on a mounted disk; "
            f"`ais-berths export FOLDER {out}` copies the results there afterwards"
        )
    store = Store(out)
    if store.out.exists() and not store.out.is_dir():
        raise OutputError(f"{store.out} is a file, expected a folder; choose another --out")
    if store.out.is_symlink() and not store.out.exists():
        raise OutputError(f"{store.out} is a link to a folder that does not exist; make that folder first")
    if store.job_file.exists():
        return job if overwrite else _same_job(store, job)
    if store.out.exists() and not _is_new(store) and not (overwrite and store.state.is_dir()):
        raise OutputError(
            f"the folder {store.out} holds other files, not results of ais-berths; choose an empty --out"
        )
    return job


@contextmanager
def open_out(out: str | Path, job: Job, *, overwrite: bool) -> Iterator[Store]:
    """Make the output folder ready for a job that `check_out` let through, and keep other runs out of it.

    Raises
    ------
    OutputError
        The folder cannot be written, or another run is writing there.
    """
    store = Store(out)
    with _plain_words(store):
        store.out.mkdir(parents=True, exist_ok=True)
    try:
        with only_run(store.out):
            # Another run may have been here since the job was looked at.
            if check_out(out, job, overwrite=overwrite) != job:
                raise OutputError(f"another run has begun {store.out} in the meantime; run the command again")
            with _plain_words(store):
                _make_ready(store, job, overwrite=overwrite)
            yield store
    finally:
        with suppress(OSError):
            store.out.rmdir()


@contextmanager
def writing(store: Store, command: str) -> Iterator[None]:
    """Mark the tables as being rewritten; the mark stays where that is broken off.

    Parameters
    ----------
    store
        The output folder.
    command
        What puts the tables right again.
    """
    write_text(store.writing_mark, command)
    yield
    store.writing_mark.unlink()


def load_job(out: str | Path) -> tuple[Store, Job]:
    """Read the job of an existing output folder.

    Raises
    ------
    InputError
        The folder holds no results, or those of another version.
    """
    store = Store(out)
    if not store.job_file.exists():
        raise InputError(
            f"{store.out} holds no results of ais-berths; run `ais-berths filter` or `detect` first"
        )
    job = stored_job(store)
    _check_version(store, job)
    return store, job


def stored_job(store: Store) -> Job:
    """Job of an output folder, of whatever layout its tables are."""
    try:
        return Job.model_validate_json(store.job_file.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        # It was there when the work began: this is a worker of a cluster.
        raise OutputError(
            f"the output folder {store.out} is not seen by a worker on {socket.gethostname()}; put it on a "
            "disk that this machine and all workers share"
        ) from error
    except (ValidationError, OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"{store.job_file} cannot be read by version {__version__}; run `ais-berths detect --overwrite`"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a small text file whole or not at all."""
    with atomic_path(path) as part:
        # Names of files may hold bytes that are no text; JSON can escape those.
        part.write_text(text, encoding="utf-8", errors="backslashreplace")


def _check_version(store: Store, job: Job) -> None:
    if job.schema_version != schema.SCHEMA_VERSION:
        raise InputError(
            f"{store.out} was written with table layout {job.schema_version}, this version writes "
            f"{schema.SCHEMA_VERSION}; run `ais-berths detect --overwrite`, or use the version that made it"
        )


def _same_job(store: Store, job: Job) -> Job:
    old = stored_job(store)
    _check_version(store, old)
    changed = sorted(_differences(json.loads(old.model_dump_json()), json.loads(job.model_dump_json())))
    if changed:
        raise ConfigError(
            f"{store.out} was made with other settings ({', '.join(changed)}); "
            "use the same settings, another --out, or --overwrite to begin again"
        )
    # What was read lies there in buckets; with another number of them, rows would be lost.
    run = job.config.run.model_copy(update={"buckets": old.config.run.buckets})
    config = job.config.model_copy(update={"run": run})
    return job.model_copy(update={"config": config, "register_file": job.register_file or old.register_file})


def _differences(old: Any, new: Any, where: str = "") -> list[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        names = sorted(set(old) | set(new))
        return [
            text
            for name in names
            if (where, name) not in _NO_MATTER
            for text in _differences(old.get(name), new.get(name), f"{where}.{name}".lstrip("."))
        ]
    if old == new:
        return []
    return [_HASHED.get(where, f"{where} {old!r} before, {new!r} now")]


def clear(store: Store) -> None:
    """Remove what a run writes and nothing else, and the folder if it is empty then.

    What tells that the folder is ours goes last, and the records of what was read first.
    """
    for record in store.scans.glob("*.json"):
        record.unlink(missing_ok=True)
    # A register that lies in the folder is not of this run.
    for name in schema.TABLES.keys() - {"register", "register_history"}:
        for suffix in (".parquet", ".geojson", ".csv"):
            store.table(name, suffix).unlink(missing_ok=True)
    (store.out / "run.json").unlink(missing_ok=True)
    for folder in (store.pings, store.scans, store.parts):
        shutil.rmtree(folder, ignore_errors=True)
    shutil.rmtree(store.state, ignore_errors=True)
    with suppress(OSError):
        store.out.rmdir()


def _is_new(store: Store) -> bool:
    """Tell whether a folder is empty, or no more than begun by a run that was killed."""
    state = {path.name for path in store.state.iterdir()} if store.state.is_dir() else set()
    begun = all(name.startswith(".job.") for name in state)
    return begun and {path.name for path in store.out.iterdir()} <= {LOCK, store.state.name}


def _make_ready(store: Store, job: Job, *, overwrite: bool) -> None:
    if overwrite:
        clear(store)
    # The job comes first: by it the next run knows the folder.
    store.state.mkdir(parents=True, exist_ok=True)
    write_text(store.job_file, job.model_dump_json(indent=1))
    folders = [store.state, store.scans, store.parts, *([store.pings] if job.keep_pings else [])]
    for folder in folders:
        folder.mkdir(exist_ok=True)
        remove_leftovers(folder)
    remove_leftovers(store.out)


@contextmanager
def _plain_words(store: Store) -> Iterator[None]:
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise OutputError(f"the output folder {store.out} cannot be written: {reason}") from error
