"""Calls and indicators of an output folder: read what the steps before left, write the tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq

from ais_berths import schema
from ais_berths.atomic import check_whole
from ais_berths.calls import Calls, make_calls
from ais_berths.config import Config, parse_config
from ais_berths.errors import InputError
from ais_berths.export import open_csv, open_parquet, write_parquet
from ais_berths.indicators import iter_indicators
from ais_berths.periods import add_hours
from ais_berths.pipeline.job import load_job, write_text, writing
from ais_berths.pipeline.lock import only_run
from ais_berths.presets import apply_preset
from ais_berths.tables import check_layout, read_places, read_table, whole

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import pandas as pd

    from ais_berths.pipeline.job import Job, Store

_PLACES = ("berths", "quays", "anchorages")


def find_all_calls(
    out: str | Path, *, preset: str | None = None, changes: Mapping[str, Any] | None = None
) -> dict[str, int]:
    """Make calls and indicators anew from the stops and places in a folder.

    Parameters
    ----------
    out
        Output folder of ``ais-berths detect`` or ``berths``.
    preset
        Name of a definition in `ais_berths.presets`.
    changes
        Settings of the section ``indicators`` that differ, over those of the preset and of the folder.

    Returns
    -------
    Number of rows of each table that was written.

    Raises
    ------
    InputError
        The folder holds no stops or no berths.
    ConfigError
        The preset or a setting is unknown.
    """
    store, job = load_job(out)
    check_whole(store.out, unless="calls")
    config = apply_preset(job.config, preset) if preset else job.config
    if changes:
        data = config.model_dump()
        data["indicators"] |= changes
        config = parse_config(data, "these settings")
    missing = [name for name in ("stops", "vessels", "hulls", *_PLACES) if not store.table(name).exists()]
    if missing:
        raise InputError(
            f"{store.out} lacks {', '.join(f'{name}.parquet' for name in missing)}; "
            f"run `ais-berths berths {store.out}` first"
        )
    tables = {name: read_table(store.table(name), name) for name in ("stops", "vessels", "hulls")}
    tables |= {name: read_places(store.table(name), name) for name in _PLACES}
    with only_run(store.out), writing(store, "calls"):
        calls = write_calls(store, job, tables, config)
        write_parquet(in_order(calls.stops), store.table("stops"), "stops")
        with whole(store.table("indicators")):
            indicators = pq.read_metadata(store.table("indicators")).num_rows
        _note(store, preset, config)
    return {
        "berth_calls": len(calls.berth_calls),
        "port_calls": len(calls.port_calls),
        "indicators": indicators,
    }


def write_calls(
    store: Store, job: Job, tables: Mapping[str, pd.DataFrame], config: Config | None = None
) -> Calls:
    """Write the tables of calls and indicators; the stops are returned with the ids of their calls.

    Parameters
    ----------
    tables
        ``stops vessels hulls berths quays`` by name.
    config
        Settings, those of the job by default.
    """
    config = config or job.config
    calls = make_calls(
        tables["stops"],
        config.calls,
        berths=tables["berths"],
        quays=tables["quays"],
        hulls=tables["hulls"],
        detours=read_parts(store, "detours"),
        only=job.ports,
    )
    hours = add_hours([read_parts(store, "hours")])
    write_parquet(calls.berth_calls, store.table("berth_calls"), "berth_calls")
    write_parquet(calls.port_calls, store.table("port_calls"), "port_calls")
    write_parquet(hours, store.table("hours"), "hours")
    indicators = iter_indicators(
        calls.berth_calls,
        calls.port_calls,
        tables["vessels"],
        tables["berths"],
        config.indicators,
        hours=hours,
        ports=job.ports,
    )
    whole = {"n_vessels": "Int64", "coverage": "Int64"}
    with (
        open_parquet(store.table("indicators"), "indicators") as write_rows,
        open_csv(store.table("indicators", ".csv")) as write_text_rows,
    ):
        for some in chain([schema.empty("indicators")], indicators):
            write_rows(some)
            write_text_rows(some.astype(whole))
    return calls


def in_order(stops: pd.DataFrame) -> pd.DataFrame:
    """Order the stops as they are written: those of a port stand together, as its calls do."""
    return stops.sort_values(["port_id", "stop_id"], ignore_index=True)


def read_parts(store: Store, name: str) -> pd.DataFrame:
    """Read a table that was written by bucket of vessels."""
    files = sorted(store.parts.glob(f"{name}-*.parquet"))
    if not files:
        return schema.empty(name)
    tables = []
    for path in files:
        with whole(path):
            tables.append(pq.read_table(path))
            check_layout(tables[-1].schema, name, path)
    return schema.to_pandas(pa.concat_tables(tables))


def _note(store: Store, preset: str | None, config: Config) -> None:
    """Say in the run record how the calls were made, if not by the settings of the run."""
    file = store.out / "run.json"
    record = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    record["calls"] = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "preset": preset,
        "calls": config.calls.model_dump(mode="json"),
        "indicators": config.indicators.model_dump(mode="json"),
    }
    write_text(file, json.dumps(record, indent=1, ensure_ascii=False))
