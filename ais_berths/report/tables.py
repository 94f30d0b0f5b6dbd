"""The tables of an output folder, as a report needs them."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from ais_berths import ports, schema
from ais_berths.atomic import check_whole, whole_files
from ais_berths.errors import AisBerthsError, InputError
from ais_berths.tables import read_places, read_table

if TYPE_CHECKING:
    from collections.abc import Callable

    import geopandas as gpd


@dataclass(frozen=True)
class Tables:
    """Results of a run. Tables that a run may lack are None.

    Indicators are read for a port when they are asked for: those of the whole world are millions.
    """

    stops: pd.DataFrame
    vessels: pd.DataFrame
    berths: gpd.GeoDataFrame
    quays: gpd.GeoDataFrame
    anchorages: gpd.GeoDataFrame
    ports: pd.DataFrame
    berth_calls: pd.DataFrame | None = None
    port_calls: pd.DataFrame | None = None
    hours: pd.DataFrame | None = None
    indicators: Callable[[str], pd.DataFrame] | None = None
    quality: pd.DataFrame = field(default_factory=lambda: schema.empty("quality"))
    run: dict[str, Any] = field(default_factory=dict)
    pings: tuple[Path, ...] = ()


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
    missing = [
        f"{name}.parquet"
        for name in ("stops", "vessels", "berths", "quays", "anchorages")
        if not (folder / f"{name}.parquet").is_file()
    ]
    if missing:
        raise InputError(
            f"the folder {folder} holds no {', '.join(missing)}; "
            f"run `ais-berths detect ... --out {folder}` first"
        )
    run = _read_run(folder / "run.json")
    quality = folder / "quality.csv"
    return Tables(
        stops=read_table(folder / "stops.parquet", "stops"),
        vessels=read_table(folder / "vessels.parquet", "vessels"),
        berths=read_places(folder / "berths.parquet", "berths"),
        quays=read_places(folder / "quays.parquet", "quays"),
        anchorages=read_places(folder / "anchorages.parquet", "anchorages"),
        ports=_port_list(run),
        berth_calls=_read_if_there(folder, "berth_calls"),
        port_calls=_read_if_there(folder, "port_calls"),
        hours=_read_if_there(folder, "hours"),
        indicators=_by_port(folder, "indicators"),
        quality=pd.read_csv(quality) if quality.is_file() else schema.empty("quality"),
        run=run,
        pings=tuple(whole_files(folder / "pings", "*.parquet")),
    )


# helpers ------------------------------------------------------------------------------------------


def _read_if_there(folder: Path, name: str) -> pd.DataFrame | None:
    path = folder / f"{name}.parquet"
    return read_table(path, name) if path.is_file() else None


def _by_port(folder: Path, name: str) -> Callable[[str], pd.DataFrame] | None:
    path = folder / f"{name}.parquet"
    return (lambda port_id: read_table(path, name, port_id=port_id)) if path.is_file() else None


def _read_run(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the run record {path} cannot be read: {error}") from error
    return run if isinstance(run, dict) else {}


def _port_list(run: dict[str, Any]) -> pd.DataFrame:
    """Ports of the run; the embedded list where the user's own file has gone, for the names only."""
    file = run.get("job", {}).get("ports_file")
    if file is None:
        return ports.builtin_ports()
    try:
        return ports.read_ports(file)
    except AisBerthsError:
        return schema.empty("ports")
