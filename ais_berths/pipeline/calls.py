"""Calls and indicators of an output folder, made from its stops and places."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from ais_berths import schema
from ais_berths.atomic import check_whole
from ais_berths.calls import ORDER, Calls, make_calls
from ais_berths.config import Config, parse_config
from ais_berths.errors import InputError
from ais_berths.export import open_csv, open_parquet
from ais_berths.indicators import batch_ports, make_indicators
from ais_berths.periods import Heard, span_of_calls
from ais_berths.pipeline.job import load_job, write_text, writing
from ais_berths.pipeline.lock import only_run
from ais_berths.pipeline.portions import PortGroups, parts_of, write_sorted
from ais_berths.pipeline.shelves import DiskRoom, Ships, portions_folder
from ais_berths.pipeline.tasks import Wiring
from ais_berths.presets import apply_preset
from ais_berths.tables import read_part, read_places, read_slices, read_span, read_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ais_berths.config import IndicatorsConfig
    from ais_berths.periods import Span
    from ais_berths.pipeline.job import Job, Store
    from ais_berths.shelf import Shelf

_PLACES = ("berths", "quays", "anchorages")
# What calls are made of, beside stops.
_KIND, _LINE = ["berth_id", "berth_kind"], ["quay_id", "line_wkt"]
# What figures are made of.
_CALL = ["port_id", "mmsi", "arrival_time", "departure_time", "open_start", "open_end"]
_COUNTED = {
    "berth_calls": [*_CALL, "call_id", "berth_id", "time_at_berth_h", "rafted"],
    "port_calls": [*_CALL, "time_in_port_h", "waiting_h", "anchorage_only"],
    "vessels": ["mmsi", "type_group", "loa_m"],
    "berths": ["berth_id", "port_id", "use", "berth_kind", "length_m", "loa_p50_m"],
    "hours": ["port_id", "hour", "n_pings"],
}
_SORTED = {"stops": ["port_id", "stop_id"], **ORDER}
_PORTS_AT_ONCE = 100
# Batches of ports whose figures are on disk together.
_BATCHES_AT_ONCE = 64


def find_all_calls(
    out: str | Path,
    *,
    preset: str | None = None,
    changes: Mapping[str, Any] | None = None,
    wiring: Wiring | None = None,
) -> dict[str, int]:
    """Make calls and indicators again from the stops and places in a folder.

    Parameters
    ----------
    out
        Output folder of ``ais-berths detect`` or ``berths``.
    preset
        Name of a definition in `ais_berths.presets`.
    changes
        Settings of the section ``indicators`` that differ, over those of the preset and of the folder.
    wiring
        Scheduler, progress and log.

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
    berths, quays = (read_places(store.table(name), name) for name in ("berths", "quays"))
    counted: Counter[Any] = Counter()
    for rows in read_slices(store.table("stops"), "stops", ["mmsi"]):
        counted.update(rows["mmsi"].value_counts().to_dict())
    ships = Ships.of(pd.Series(counted, dtype=np.int64), config.run.task_stops)
    with (
        (wiring or Wiring()).connected() as connected,
        only_run(store.out),
        writing(store, "calls"),
        portions_folder(store.state) as folder,
    ):
        room = DiskRoom(folder, ships, connected)
        hulls = room.by_ship(read_slices(store.table("hulls"), "hulls"), "hulls")
        stops = read_slices(store.table("stops"), "stops")
        counts = write_calls(store, job, room, stops, hulls, berths, quays, config)
        counts["indicators"] = write_figures(store, job, room, config)
        _note(store, preset, config, counts)
    return counts


def write_calls(
    store: Store,
    job: Job,
    room: DiskRoom,
    stops: Iterable[pd.DataFrame],
    hulls: Shelf[pd.DataFrame],
    berths: pd.DataFrame,
    quays: pd.DataFrame,
    config: Config | None = None,
) -> dict[str, int]:
    """Write the tables of calls, and the stops with the ids of their calls.

    Stops are laid out by ship, as calls need all of a ship, and then by port, as their tables are sorted.

    Parameters
    ----------
    room
        Where rows are laid out.
    stops
        The table ``stops``, some rows after others.
    hulls
        The table ``hulls``, laid out by ship.
    berths, quays
        The tables of these names.
    config
        Settings, those of the job by default.

    Returns
    -------
    Number of rows of each table of calls.
    """
    config = config or job.config
    by_port: Counter[Any] = Counter()

    def counted() -> Iterator[pd.DataFrame]:
        for rows in stops:
            by_port.update(rows["port_id"].value_counts().to_dict())
            yield rows

    of_ships = room.by_ship(counted(), "stops")
    detours = room.by_ship(_detours(store))
    ports = PortGroups.of(pd.Series(by_port, dtype=np.int64), config.run.task_stops)
    known = {"config": config.calls, "berths": berths[_KIND], "quays": quays[_LINE], "only": job.ports}
    laid = {name: room.lay(len(ports)) for name in _SORTED}
    for calls in of_ships.each(_make_calls, hulls, detours, **known):
        for name, drawers in laid.items():
            rows = getattr(calls, name)
            drawers.put(schema.to_arrow(rows, name), ports.number(rows["port_id"]))
    counts = {
        name: write_sorted(store, name, room.laid(drawers), _SORTED[name]) for name, drawers in laid.items()
    }
    del counts["stops"]
    return counts


def _make_calls(stops: pd.DataFrame, hulls: pd.DataFrame, detours: pd.DataFrame, **known: Any) -> Calls:
    return make_calls(stops, hulls=hulls, detours=detours, **known)


def _detours(store: Store) -> Iterator[pd.DataFrame]:
    """The table ``detours`` with the ship of each row, of some ships after others, and one without rows."""
    yield schema.empty("detours").assign(mmsi=np.zeros(0, dtype=np.int64))
    for stops, path in zip(parts_of(store, "stops"), parts_of(store, "detours"), strict=True):
        ships, rows = read_part(stops, "stops", ["stop_id", "mmsi"]), read_part(path, "detours")
        at = pc.index_in(rows["stop_id"], ships["stop_id"].combine_chunks())
        rows = rows.append_column("mmsi", ships["mmsi"].take(at))
        yield schema.to_pandas(rows.filter(pc.is_valid(at)))


def write_figures(store: Store, job: Job, room: DiskRoom, config: Config | None = None) -> int:
    """Write the tables of hours and indicators, from what else is in the folder; return their number.

    By then nothing else need be in memory.
    """
    config = config or job.config
    heard = Heard.of(
        lambda: (schema.to_pandas(read_part(path, "hours")) for path in parts_of(store, "hours"))
    )
    with open_parquet(store.table("hours"), "hours") as write_hours:
        for ports in np.array_split(heard.ports, len(heard.ports) // _PORTS_AT_ONCE + 1):
            write_hours(heard.table(ports))
    # Without the hours in which ports were heard, the calls show when the data begin and end.
    span = heard.span() or _span_of_calls(store)
    del heard
    batches = [] if span is None else batch_ports(_count_calls(store, job), span, config.indicators)
    known = {"store": store, "config": config.indicators, "ports": job.ports, "span": span}
    number = 0
    with (
        open_parquet(store.table("indicators"), "indicators") as write_rows,
        open_csv(store.table("indicators", ".csv")) as write_text_rows,
    ):
        write_text_rows(schema.empty("indicators"))
        for first in range(0, len(batches), _BATCHES_AT_ONCE):
            shelf = room.shelf(batches[first : first + _BATCHES_AT_ONCE])
            for some in shelf.each(_make_figures, **known):
                write_rows(some)
                write_text_rows(some.astype({"n_vessels": "Int64", "coverage": "Int64"}))
                number += len(some)
    return number


def _span_of_calls(store: Store) -> Span | None:
    span = read_span(store.table("port_calls"), "port_calls", "arrival_time", "departure_time")
    return span and span_of_calls(*span)


def _count_calls(store: Store, job: Job) -> pd.Series:
    """Port calls of each port that has any calls, or was asked for."""
    counts: Counter[Any] = Counter(dict.fromkeys(job.ports, 0))
    for rows in read_slices(store.table("port_calls"), "port_calls", ["port_id"]):
        counts.update(rows["port_id"].value_counts().to_dict())
    for rows in read_slices(store.table("berth_calls"), "berth_calls", ["port_id"]):
        counts.update(dict.fromkeys(rows["port_id"].dropna(), 0))
    return pd.Series(counts, dtype=np.int64).sort_index()


def _make_figures(
    batch: list[str], store: Store, config: IndicatorsConfig, ports: Sequence[str], span: Span
) -> pd.DataFrame:
    """The table ``indicators`` of some ports, from the tables of the folder."""
    vessels, berths = (read_table(store.table(name), name, _COUNTED[name]) for name in ("vessels", "berths"))
    lay, came, hours = (
        read_table(store.table(name), name, _COUNTED[name], ports=(batch[0], batch[-1]))
        for name in ("berth_calls", "port_calls", "hours")
    )
    asked = [port_id for port_id in batch if port_id in ports]
    return make_indicators(lay, came, vessels, berths, config, hours=hours, ports=asked, span=span)


def _note(store: Store, preset: str | None, config: Config, counts: Mapping[str, int]) -> None:
    """Say in the run record how many calls there are now and how they were made, if not as in the run."""
    file = store.out / "run.json"
    record = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    made = {name: counts[name] for name in ("berth_calls", "port_calls")}
    record["counts"] = record.get("counts", {}) | made
    record["calls"] = {
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "preset": preset,
        "calls": config.calls.model_dump(mode="json"),
        "indicators": config.indicators.model_dump(mode="json"),
    }
    write_text(file, json.dumps(record, indent=1, ensure_ascii=False))
