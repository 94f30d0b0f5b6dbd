"""Calls and indicators of an output folder: read what the steps before left, write the tables."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ais_berths import schema
from ais_berths.atomic import check_whole, whole_files
from ais_berths.calls import ORDER, make_calls
from ais_berths.config import Config, parse_config
from ais_berths.errors import InputError
from ais_berths.export import open_csv, open_parquet, write_parquet
from ais_berths.indicators import iter_indicators
from ais_berths.periods import Heard
from ais_berths.pipeline.job import load_job, write_text, writing
from ais_berths.pipeline.lock import only_run
from ais_berths.presets import apply_preset
from ais_berths.tables import read_part, read_parts, read_places, read_table, sorted_frame

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ais_berths.pipeline.job import Job, Store

_PLACES = ("berths", "quays", "anchorages")
# What figures are made of.
_CALL = ["port_id", "mmsi", "arrival_time", "departure_time", "open_start", "open_end"]
_COUNTED = {
    "berth_calls": [*_CALL, "call_id", "berth_id", "time_at_berth_h", "rafted"],
    "port_calls": [*_CALL, "time_in_port_h", "waiting_h", "anchorage_only"],
    "vessels": ["mmsi", "type_group", "loa_m"],
    "berths": ["berth_id", "port_id", "use", "berth_kind", "length_m", "loa_p50_m"],
}
_IDS = ["call_id", "port_call_id"]
_PORTS_AT_ONCE, _STOPS_AT_ONCE = 100, 100_000


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
        counts = write_calls(store, job, tables, config)
        del tables
        counts["indicators"] = write_figures(store, job, config)
        _note(store, preset, config)
    return counts


def write_calls(
    store: Store, job: Job, tables: Mapping[str, pd.DataFrame], config: Config | None = None
) -> dict[str, int]:
    """Write the tables of calls, and the stops with the ids of their calls.

    Parameters
    ----------
    tables
        ``stops hulls berths quays`` by name.
    config
        Settings, those of the job by default.

    Returns
    -------
    Number of rows of each table of calls.
    """
    stops, found = _make_calls(store, job, tables, config or job.config)
    _write_stops(store, stops)
    counts = {}
    for name, parts in found.items():
        calls = sorted_frame(parts, ORDER[name])
        write_parquet(calls, store.table(name), name)
        counts[name] = len(calls)
    return counts


def write_figures(store: Store, job: Job, config: Config | None = None) -> int:
    """Write the tables of hours and indicators, from what else is in the folder; return their number.

    By then nothing else need be in memory.
    """
    heard = Heard.of(
        lambda: (schema.to_pandas(read_part(path, "hours")) for path in parts_of(store, "hours"))
    )
    with open_parquet(store.table("hours"), "hours") as write_hours:
        for ports in np.array_split(heard.ports, len(heard.ports) // _PORTS_AT_ONCE + 1):
            write_hours(heard.table(ports))
    tables = {name: read_table(store.table(name), name, columns) for name, columns in _COUNTED.items()}
    indicators = iter_indicators(
        **tables, config=(config or job.config).indicators, hours=heard, ports=job.ports
    )
    number = 0
    with (
        open_parquet(store.table("indicators"), "indicators") as write_rows,
        open_csv(store.table("indicators", ".csv")) as write_text_rows,
    ):
        for some in chain([schema.empty("indicators")], indicators):
            write_rows(some)
            write_text_rows(some.astype({"n_vessels": "Int64", "coverage": "Int64"}))
            number += len(some)
    return number


def _make_calls(
    store: Store, job: Job, tables: Mapping[str, pd.DataFrame], config: Config
) -> tuple[pd.DataFrame, dict[str, list[pa.Table]]]:
    """Stops with the ids of their calls, and both tables of calls, of some ships after those of others."""
    stops, hulls = tables["stops"], tables["hulls"]
    detours = read_parts(parts_of(store, "detours"), "detours")
    ships, ship, sizes = np.unique(stops["mmsi"].to_numpy(), return_inverse=True, return_counts=True)
    part_of_ship = (np.cumsum(sizes) - sizes) // config.run.task_stops
    part_of_stop = part_of_ship[ship]
    part_of_hull = part_of_ship[np.searchsorted(ships, hulls["mmsi"].to_numpy())]
    at = pd.Index(stops["stop_id"]).get_indexer(detours["stop_id"])
    part_of_detour = np.where(at >= 0, part_of_stop[at], -1)
    found = {name: [schema.TABLES[name].empty_table()] for name in ("berth_calls", "port_calls")}
    ids = [schema.TABLES["stops"].empty_table().select(_IDS)]
    for part in np.unique(part_of_ship):
        calls = make_calls(
            stops[part_of_stop == part],
            config.calls,
            berths=tables["berths"],
            quays=tables["quays"],
            hulls=hulls[part_of_hull == part],
            detours=detours[part_of_detour == part],
            only=job.ports,
        )
        for name, parts in found.items():
            parts.append(schema.to_arrow(getattr(calls, name), name))
        ids.append(schema.to_arrow(calls.stops[_IDS], "stops").select(_IDS))
    in_parts = np.argsort(part_of_stop, kind="stable")
    named = schema.to_pandas(pa.concat_tables(ids).take(pa.array(np.argsort(in_parts))))
    return stops.assign(**{name: named[name].array for name in _IDS}), found


def _write_stops(store: Store, stops: pd.DataFrame) -> None:
    """Write the stops, those of a port together, as its calls are, and some at a time."""
    order = stops[["port_id", "stop_id"]].reset_index(drop=True).sort_values(["port_id", "stop_id"]).index
    with open_parquet(store.table("stops"), "stops") as write:
        for begin in range(0, max(1, len(stops)), _STOPS_AT_ONCE):
            write(stops.iloc[order[begin : begin + _STOPS_AT_ONCE]])


def parts_of(store: Store, name: str) -> list[Path]:
    """Files of a table that was written by bucket of vessels."""
    return whole_files(store.parts, f"{name}-*.parquet")


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
