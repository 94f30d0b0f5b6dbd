"""From raw files to the tables of an output folder: the wiring of the steps, with dask.

The raw rows are read once, in independent tasks, and those near ports are written by vessel. The tasks of a
second round work on some vessels each, later ones on one portion of the stops each. The rest is small and
runs in this process.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from ais_berths import schema
from ais_berths.berthcells import berth_cells
from ais_berths.errors import InputError
from ais_berths.export import write_csv, write_geojson, write_geoparquet, write_parquet
from ais_berths.naming import Core
from ais_berths.pings import add_quality
from ais_berths.pipeline.calls import write_calls, write_figures
from ais_berths.pipeline.job import Job, Store, hash_ports, load_job, open_out, write_text, writing
from ais_berths.pipeline.layout import chunks_of, merge_equal, read_records, read_statics
from ais_berths.pipeline.lock import only_run, only_writer
from ais_berths.pipeline.memory import give_back
from ais_berths.pipeline.portions import Survey, parts_of, write_sorted
from ais_berths.pipeline.record import write_record
from ais_berths.pipeline.register import describe_register, new_lines, open_register
from ais_berths.pipeline.rounds import gather_vessels, has_all_stops, prepare, scan_inputs, write_plan
from ais_berths.pipeline.scan import counts_table
from ais_berths.pipeline.shelves import DiskRoom, Ships, portions_folder
from ais_berths.pipeline.tasks import Wiring
from ais_berths.places import Found, Places, find_in_portions
from ais_berths.register import Register, apply_register, read_register
from ais_berths.tables import read_parts, read_table
from ais_berths.vessels import merge_statics

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ais_berths.pipeline.layout import Record

__all__ = [
    "Job",
    "Summary",
    "Wiring",
    "detect",
    "filter_pings",
    "find_all_places",
    "find_all_stops",
    "hash_ports",
    "update_from_run",
]


@dataclass
class Summary:
    """What a run did, for people and for the run record."""

    out: Path
    seconds: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    quality: pd.DataFrame = field(default_factory=lambda: schema.empty("quality"))
    berths_by_port: dict[str, int] = field(default_factory=dict)


def detect(
    inputs: Sequence[str | Path],
    out: str | Path,
    job: Job,
    *,
    overwrite: bool = False,
    wiring: Wiring | None = None,
) -> Summary:
    """Turn raw AIS into berths, quays, anchorages and stops in an output folder.

    Parameters
    ----------
    inputs
        Files, folders, globs or URLs.
    out
        Output folder. If it holds results of the same job, only new inputs are read.
    job
        Ports, period, feed and settings.
    overwrite
        Begin again if the folder holds results of another job.
    wiring
        Scheduler, progress and log.

    Raises
    ------
    InputError, ConfigError, PortError, OutputError
        In plain words; nothing half-made remains.
    """
    with (wiring or Wiring()).connected() as connected:
        summary = filter_pings(inputs, out, job, overwrite=overwrite, wiring=connected, with_stops=True)
        return find_all_places(out, summary=summary, wiring=connected)


def filter_pings(
    inputs: Sequence[str | Path],
    out: str | Path,
    job: Job,
    *,
    overwrite: bool = False,
    wiring: Wiring | None = None,
    with_stops: bool = False,
) -> Summary:
    """Read raw AIS and keep the clean pings near ports; see `detect` for the parameters."""
    wiring = wiring or Wiring()
    clock = _Clock()
    work = prepare(inputs, out, job, overwrite=overwrite)
    with wiring.connected() as connected, open_out(out, work.job, overwrite=overwrite) as store:
        summary = Summary(out=store.out)
        clock.lap(summary, "prepare")
        stamp = write_plan(store, work)
        # The workers read the cells from the folder: those of all ports are hundreds of megabytes.
        work = replace(work, cells=None)
        scan_inputs(store, work, stamp, connected)
        clock.lap(summary, "filter")
        _gather(store, work.job, with_stops=with_stops, wiring=connected, summary=summary)
        clock.lap(summary, "clean and stops" if with_stops else "clean")
    return summary


def find_all_stops(out: str | Path, *, wiring: Wiring | None = None) -> Summary:
    """Find the stops of the pings that `filter_pings` left in a folder."""
    wiring = wiring or Wiring()
    clock = _Clock()
    store, job = load_job(out)
    summary = Summary(out=store.out)
    with wiring.connected() as connected, only_run(store.out):
        _gather(store, job, with_stops=True, wiring=connected, summary=summary)
    clock.lap(summary, "clean and stops")
    return summary


def find_all_places(
    out: str | Path, *, summary: Summary | None = None, wiring: Wiring | None = None
) -> Summary:
    """Find berths, quays and anchorages from the stops in a folder, and write every table."""
    wiring = wiring or Wiring()
    store, job = load_job(out)
    summary = summary or Summary(out=store.out)
    with wiring.connected() as connected, only_run(store.out):
        _find_places(store, job, summary, connected)
    return summary


def update_from_run(
    out: str | Path, file: str | Path, *, wiring: Wiring | None = None
) -> tuple[Summary, pd.DataFrame]:
    """Bring a register up to the run in a folder, and the folder up to the register.

    Parameters
    ----------
    out
        Output folder of ``ais-berths detect``.
    file
        The register; made if it is not there.
    wiring
        Progress and log.

    Returns
    -------
    What the run did, and the lines that the history of the register gained.

    Raises
    ------
    InputError
        The folder holds no results, or the file is no register.
    OutputError
        Another run writes into the folder, or at the register.
    """
    wiring = wiring or Wiring()
    store, job = load_job(out)
    job = job.model_copy(update={"register_file": str(Path(file).absolute())})
    summary = Summary(out=store.out)
    with wiring.connected() as connected, only_run(store.out), only_writer(file):
        before = read_register(file) if Path(file).exists() else Register.empty()
        _find_places(store, job, summary, connected, known=before)
        write_text(store.job_file, job.model_dump_json(indent=1))
        return summary, new_lines(before, read_register(file))


def _find_places(
    store: Store, job: Job, summary: Summary, wiring: Wiring, *, known: Register | None = None
) -> None:
    clock = _Clock()
    records = read_records(store)
    chunks = chunks_of(records)
    if not has_all_stops(store, chunks):
        raise InputError(
            f"{store.out} does not hold the stops of all pings; run `ais-berths stops {store.out}` first"
        )
    survey = Survey.of(store, job.config)
    vessels = merge_statics(_statics(store, records, survey.n_stops.index), job.config.hulls)
    port_list = job.port_list()
    wiring.log(f"{survey.n_stops.sum()} stops of {len(survey.n_stops)} vessels: looking for berths")
    with portions_folder(store.state) as folder:
        room = DiskRoom(folder, Ships.of(survey.n_stops, job.config.run.task_stops), wiring)
        stops = survey.lay_out(store, room)
        core = Core(read_table(store.table("cells"), "cells", ["cell", "in_margin"]))
        found = find_in_portions(stops, vessels, port_list, core, job.config, job.ports, room)
        # The cells of all ports are hundreds of megabytes.
        del core, stops
        register = None
        if job.register_file is not None:
            found, register = _apply_register(
                Path(job.register_file), found, job, vessels, port_list, known, room
            )
            unknown = ~found.berths["berth_id"].isin(register.places["place_id"])
            summary.counts["berths not in the register"] = int(unknown.sum())
        clock.lap(summary, "berths")
        wiring.log(f"{len(found.berths)} berths at {len(found.quays)} quays: making calls and tables")
        with writing(store, "berths"):
            hulls = room.by_ship(found.hulls, "hulls")
            summary.counts |= write_calls(store, job, room, found.stops, hulls, found.berths, found.quays)
            clock.lap(summary, "calls")
            write_sorted(store, "hulls", hulls, ["stop_id"])
            _write_tables(store, job, found, vessels, chunks, summary, port_list)
            summary.counts["stops"] = int(survey.n_stops.sum())
            del found, vessels
            clock.lap(summary, "write")
            wiring.log("making the figures of ports")
            write_figures(store, job, room)
            clock.lap(summary, "figures")
            write_record(store, job, chunks, vars(summary), describe_register(job, register))


def _apply_register(
    path: Path,
    found: Found,
    job: Job,
    vessels: pd.DataFrame,
    port_list: pd.DataFrame,
    known: Register | None,
    room: DiskRoom,
) -> tuple[Found, Register]:
    """Give what was found the ids of the register; all stops are in memory for that."""
    stops, hulls = (
        pd.concat(list(shelf), ignore_index=True).sort_values("stop_id", ignore_index=True)
        for shelf in (found.stops, found.hulls)
    )
    places = Places(stops, hulls, found.berths, found.quays, found.anchorages, found.quality)
    register = open_register(path, job, places, port_list, known)
    places = apply_register(places, register, vessels, job.config.registry, only=job.ports)
    shelves = room.shelf([places.stops]), found.hulls
    return Found(*shelves, places.berths, places.quays, places.anchorages, places.quality), register


def _gather(store: Store, job: Job, *, with_stops: bool, wiring: Wiring, summary: Summary) -> None:
    counts, summary.quality = gather_vessels(store, job, with_stops=with_stops, wiring=wiring)
    summary.counts |= counts


def _write_tables(
    store: Store,
    job: Job,
    places: Found,
    vessels: pd.DataFrame,
    chunks: list[Record],
    summary: Summary,
    port_list: pd.DataFrame,
) -> None:
    write_parquet(vessels, store.table("vessels"), "vessels")
    for name, frame in (
        ("berths", places.berths),
        ("quays", places.quays),
        ("anchorages", places.anchorages),
    ):
        write_geoparquet(frame, store.table(name), name)
        write_geojson(frame, store.table(name, ".geojson"), f"{name[:-1]}_id")
    cells = berth_cells(places.berths, job.config.berths.cell_resolution)
    write_parquet(cells, store.table("berth_cells"), "berth_cells")
    if without_cell := len(places.berths) - cells["berth_id"].nunique():
        summary.counts["berths without a cell"] = without_cell
    summary.quality = add_quality(
        [counts_table(chunks), read_parts(parts_of(store, "quality"), "quality"), places.quality]
    )
    write_csv(summary.quality, store.table("quality", ".csv"))
    names = dict(zip(port_list["port_id"], port_list["name"], strict=False))
    by_port = places.berths["port_id"].value_counts()
    summary.berths_by_port = {f"{names.get(port, port)} ({port})": int(n) for port, n in by_port.items()}
    summary.counts |= {
        "rows": sum(chunk["rows"] for chunk in chunks),
        "vessels": len(vessels),
        "berths": len(places.berths),
        "quays": len(places.quays),
        "anchorages": len(places.anchorages),
    }


def _statics(store: Store, records: list[Record], mmsi: pd.Index[int]) -> pd.DataFrame:
    """Ship data of all chunks, with an empty row for each ship that stopped and sent none."""
    silent = schema.to_arrow(pd.DataFrame({"mmsi": mmsi, "n_reports": 0}), "statics")
    return schema.to_pandas(merge_equal(pa.concat_tables([read_statics(store, records), silent])))


class _Clock:
    """Measures seconds by stage, and gives free memory back to the system between stages."""

    def __init__(self) -> None:
        self.last = time.perf_counter()

    def lap(self, summary: Summary, stage: str) -> None:
        give_back()
        now = time.perf_counter()
        summary.seconds[stage] = summary.seconds.get(stage, 0.0) + now - self.last
        self.last = now
