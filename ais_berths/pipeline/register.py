"""Using a register with an output folder: reading, updating and describing it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd

from ais_berths.export import LAYERS
from ais_berths.quays import port_prefix
from ais_berths.register import Register, update_register
from ais_berths.register.files import hash_register, read_register, write_register
from ais_berths.tables import check_tables, read_places

if TYPE_CHECKING:
    from ais_berths.pipeline.job import Job
    from ais_berths.places import Places


def open_register(
    path: Path, job: Job, places: Places, port_list: pd.DataFrame, known: Register | None
) -> Register:
    """Register of a job; brought up to the places of the run where one is `known`."""
    if known is None:
        return read_register(path)
    register = update_register(known, places, port_prefix(port_list), job.config.registry)
    write_register(register, path)
    return register


def describe_register(job: Job, register: Register | None) -> dict[str, Any]:
    """What the run record says about the register."""
    if register is None:
        return {}
    return {
        "register": {
            "path": job.register_file,
            "hash": hash_register(register),
            "places": len(register.places),
        }
    }


def new_lines(before: Register, after: Register) -> pd.DataFrame:
    """Lines of the history that were added."""
    old, every = (_keys(register.history) for register in (before, after))
    return after.history[~every.isin(old)].reset_index(drop=True)


def _keys(history: pd.DataFrame) -> pd.MultiIndex:
    keys = history[["time", "place_id", "event", "other_id"]].astype(object)
    return pd.MultiIndex.from_frame(keys.where(keys.notna(), ""))


def load_places(path: str | Path) -> gpd.GeoDataFrame:
    """Places of a register, or of an output folder, in the columns that are compared.

    Raises
    ------
    InputError
        It is neither.
    """
    source = Path(path)
    if not source.is_dir():
        return read_register(source).places
    check_tables(source, *LAYERS)
    parts = []
    for layer, key in LAYERS.items():
        frame = read_places(source / f"{layer}.parquet", layer)
        place = layer.removesuffix("s")
        table = pd.DataFrame(
            {"place_id": frame[key], "place": place, "status": "active", "merged_into": None}
        )
        for name in ("name", "berth_kind", "use", "heading_deg"):
            table[name] = frame[name].to_numpy() if name in frame.columns else None
        parts.append(table.assign(geometry=frame.geometry.to_numpy()).astype({"heading_deg": float}))
    return gpd.GeoDataFrame(pd.concat(parts, ignore_index=True), geometry="geometry", crs="EPSG:4326")
