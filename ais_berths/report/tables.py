"""The tables of an output folder, as a report needs them."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from ais_berths import ports, schema
from ais_berths.atomic import check_whole, whole_files
from ais_berths.errors import AisBerthsError
from ais_berths.tables import check_tables, read_places, read_record, read_span, read_table

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd


class PortTables(NamedTuple):
    """Stops, calls and hours of reception of one port. Tables that a run may lack are None."""

    port_id: str
    stops: pd.DataFrame
    berth_calls: pd.DataFrame | None = None
    port_calls: pd.DataFrame | None = None
    hours: pd.DataFrame | None = None


@dataclass(frozen=True)
class Tables:
    """Results of a run.

    Stops, calls and indicators are read port by port, as those of the whole world are millions of rows.
    ``span`` is the time from the first to the last stop, None without stops, and ``heard`` that from the
    first to the last hour with data near a port. ``vessels`` has only names and groups.
    """

    of_port: Callable[[str], PortTables]
    span: tuple[pd.Timestamp, pd.Timestamp] | None
    vessels: pd.DataFrame
    berths: gpd.GeoDataFrame
    quays: gpd.GeoDataFrame
    anchorages: gpd.GeoDataFrame
    ports: pd.DataFrame
    indicators: Callable[[str], pd.DataFrame] | None = None
    quality: pd.DataFrame = field(default_factory=lambda: schema.empty("quality"))
    run: dict[str, Any] = field(default_factory=dict)
    pings: tuple[Path, ...] = ()
    heard: tuple[pd.Timestamp, pd.Timestamp] | None = None


def read_tables(out: str | Path) -> Tables:
    """Read what `ais-berths detect` wrote.

    Parameters
    ----------
    out
        The output folder. Stops, vessels and the three kinds of places must be there; calls, indicators,
        pings, quality and run record are used when they are.

    Raises
    ------
    InputError
        The folder lacks a table or one cannot be read.
    """
    folder = Path(out)
    check_whole(folder)
    check_tables(folder, "stops", "vessels", "berths", "quays", "anchorages")
    run = read_record(folder / "run.json")
    quality = folder / "quality.csv"
    return Tables(
        of_port=lambda port_id: PortTables(
            port_id,
            read_table(folder / "stops.parquet", "stops", ports=(port_id, port_id)),
            *(_of_port(folder, name, port_id) for name in ("berth_calls", "port_calls", "hours")),
        ),
        span=read_span(folder / "stops.parquet", "stops", "start_time", "end_time"),
        vessels=read_table(folder / "vessels.parquet", "vessels", ["mmsi", "name", "type_group"]),
        berths=read_places(folder / "berths.parquet", "berths"),
        quays=read_places(folder / "quays.parquet", "quays"),
        anchorages=read_places(folder / "anchorages.parquet", "anchorages"),
        ports=_port_list(run),
        indicators=_indicators(folder),
        quality=pd.read_csv(quality) if quality.is_file() else schema.empty("quality"),
        run=run,
        pings=tuple(whole_files(folder / "pings", "*.parquet")),
        heard=_heard(folder),
    )


# helpers ------------------------------------------------------------------------------------------


def _of_port(folder: Path, name: str, port_id: str) -> pd.DataFrame | None:
    path = folder / f"{name}.parquet"
    return read_table(path, name, ports=(port_id, port_id)) if path.is_file() else None


def _indicators(folder: Path) -> Callable[[str], pd.DataFrame] | None:
    path = folder / "indicators.parquet"
    if not path.is_file():
        return None
    return lambda port_id: read_table(path, "indicators", ports=(port_id, port_id))


def _heard(folder: Path) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    path = folder / "hours.parquet"
    return read_span(path, "hours", "hour", "hour") if path.is_file() else None


def _port_list(run: dict[str, Any]) -> pd.DataFrame:
    """Port list of the run, which gives names; empty if the user's own file is no longer there."""
    file = run.get("job", {}).get("ports_file")
    if file is None:
        return ports.builtin_ports()
    try:
        return ports.read_ports(file)
    except AisBerthsError:
        return schema.empty("ports")
