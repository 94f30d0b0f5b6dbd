"""The run record ``run.json``: what was done, and how to do it again."""

from __future__ import annotations

import json
import platform
import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
from pydantic import ValidationError

from ais_berths import __version__, schema
from ais_berths.errors import InputError
from ais_berths.pipeline.job import Job, Store, write_text
from ais_berths.pipeline.manifest import hash_inputs
from ais_berths.pipeline.rounds import find_missing_days, read_feed

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ais_berths.pipeline.layout import Record


def write_record(
    store: Store,
    job: Job,
    chunks: list[Record],
    summary: Mapping[str, Any],
    register: Mapping[str, Any],
) -> None:
    """Write the run record of an output folder.

    Parameters
    ----------
    store
        The folder.
    job
        What was asked for.
    chunks
        Records of what was read.
    summary
        ``counts``, ``quality`` and ``seconds`` of the run.
    register
        What is to be said about the register, empty where there is none.
    """
    inputs: dict[str, dict[str, Any]] = {}
    for chunk in chunks:
        entry = inputs.setdefault(chunk["input"], {"fingerprint": chunk["fingerprint"], "rows": 0})
        entry["rows"] += chunk["rows"]
    for path, digest in hash_inputs(store, missing=job.config.run.hash_inputs).items():
        if path in inputs:
            inputs[path]["sha256"] = digest
    run = {
        "program": "ais-berths",
        "version": __version__,
        "schema_version": schema.SCHEMA_VERSION,
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "packages": {"pandas": pd.__version__, "pyarrow": pa.__version__},
        "command": command_of(job, sorted(inputs)),
        "job": json.loads(job.model_dump_json()),
        "job_fingerprint": job.fingerprint(),
        "feed": read_feed(store).name,
        "inputs": [{"path": path, **entry} for path, entry in sorted(inputs.items())],
        **register,
        "missing_days": find_missing_days(store, job, chunks),
        "counts": summary["counts"],
        "quality": summary["quality"].to_dict("records"),
        "seconds": {name: round(value, 3) for name, value in summary["seconds"].items()},
    }
    write_text(store.out / "run.json", json.dumps(run, indent=1, ensure_ascii=False))


def read_job(path: str | Path) -> tuple[Job, str]:
    """Read from a run record what was asked for, and the command that does it again.

    Parameters
    ----------
    path
        An output folder or its ``run.json``.

    Raises
    ------
    InputError
        There is no record, or it is that of another version.
    """
    file = Path(path) / "run.json" if Path(path).is_dir() else Path(path)
    try:
        run = json.loads(file.read_text(encoding="utf-8"))
        return Job.model_validate(run["job"]), str(run["command"])
    except (OSError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise InputError(
            f"{file} is not a run record that version {__version__} can read; use the version that wrote it"
        ) from error


def command_of(job: Job, inputs: Iterable[str]) -> str:
    """Command line that does a job on these inputs, with the settings in ``settings.toml``.

    Examples
    --------
    >>> command_of(Job(ports=("46855",), feed="dma"), ["my day.csv"])
    "ais-berths detect 'my day.csv' --port 46855 --feed dma --pings --config settings.toml --out again"
    """
    words = ["ais-berths", "detect", *inputs]
    for port in job.ports:
        words += ["--port", port]
    if job.ports_file is not None:
        words += ["--ports", job.ports_file]
    if job.bbox is not None:
        words.append(f"--bbox={','.join(map(str, job.bbox))}")
    elif job.ports_file is None and not job.ports:
        words.append("--all-ports")
    if job.register_file is not None:
        words += ["--register", job.register_file]
    words += ["--feed", job.feed]
    for name, when in (("--start", job.start), ("--end", job.end)):
        if when is not None:
            words += [name, when.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")]
    words.append("--pings" if job.keep_pings else "--no-pings")
    return shlex.join([*words, "--config", "settings.toml", "--out", "again"])
