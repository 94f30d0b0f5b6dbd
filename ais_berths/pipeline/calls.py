"""Calls and indicators of an output folder: read what the steps before left, write the tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ais_berths import schema
from ais_berths.atomic import check_whole, whole_files
from ais_berths.calls import Calls, make_calls, sort_calls
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

    from ais_berths.pipeline.job import Job, Store

_PLACES = ("berths", "quays", "anchorages")
_HOURS_AT_ONCE = 1_000_000


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
    calls = _make_calls(store, job, tables, config)
    hours = _add_hours(store)
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


def _make_calls(store: Store, job: Job, tables: Mapping[str, pd.DataFrame], config: Config) -> Calls:
    """Calls of some ships after those of others."""
    stops, hulls = tables["stops"], tables["hulls"]
    detour = read_parts(store, "detours").set_index("stop_id")["detour_m"].reindex(stops["stop_id"])
    detours = detour.rename_axis("stop_id").reset_index()
    ships, ship, sizes = np.unique(stops["mmsi"].to_numpy(), return_inverse=True, return_counts=True)
    part_of_ship = (np.cumsum(sizes) - sizes) // config.run.task_stops
    of_hull = part_of_ship[np.searchsorted(ships, hulls["mmsi"].to_numpy())]
    named = np.full((2, len(stops)), None, dtype=object)
    berth_calls, port_calls = [schema.empty("berth_calls")], [schema.empty("port_calls")]
    for part in np.unique(part_of_ship):
        rows = np.flatnonzero(part_of_ship[ship] == part)
        some = make_calls(
            stops.iloc[rows],
            config.calls,
            berths=tables["berths"],
            quays=tables["quays"],
            hulls=hulls[of_hull == part],
            detours=detours.iloc[rows].dropna(),
            only=job.ports,
        )
        berth_calls.append(some.berth_calls)
        port_calls.append(some.port_calls)
        named[:, rows] = some.stops["call_id"], some.stops["port_call_id"]
    return Calls(
        sort_calls(pd.concat(berth_calls), "berth_calls"),
        sort_calls(pd.concat(port_calls), "port_calls"),
        stops.assign(call_id=named[0], port_call_id=named[1]),
    )


def _add_hours(store: Store) -> pd.DataFrame:
    """Hours in which ports were heard, of all vessels."""
    tables = [schema.empty("hours")]
    for path in _part_files(store, "hours"):
        tables.append(schema.to_pandas(_read_part(path, "hours")))
        if sum(map(len, tables[1:])) > max(_HOURS_AT_ONCE, len(tables[0])):
            tables = [add_hours(tables)]
    return add_hours(tables)


def in_order(stops: pd.DataFrame) -> pd.DataFrame:
    """Order the stops as they are written: those of a port stand together, as its calls do."""
    return stops.sort_values(["port_id", "stop_id"], ignore_index=True)


def read_parts(store: Store, name: str) -> pd.DataFrame:
    """Read a table that was written by bucket of vessels."""
    tables = [_read_part(path, name) for path in _part_files(store, name)]
    return schema.to_pandas(pa.concat_tables(tables)) if tables else schema.empty(name)


def _part_files(store: Store, name: str) -> list[Path]:
    return whole_files(store.parts, f"{name}-*.parquet")


def _read_part(path: Path, name: str) -> pa.Table:
    with whole(path):
        table = pq.read_table(path)
        check_layout(table.schema, name, path)
    return table


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
