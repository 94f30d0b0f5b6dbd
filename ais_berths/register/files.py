"""The register as a file: GeoPackage (the best choice for QGIS), GeoParquet or GeoJSON."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyogrio

from ais_berths import schema
from ais_berths.errors import Complaints, InputError, OutputError
from ais_berths.export import LAYERS, write_csv, write_geojson, write_geopackage, write_geoparquet
from ais_berths.register.book import LETTERS, STATUSES, Register
from ais_berths.tables import read_shapes

if TYPE_CHECKING:
    from collections.abc import Mapping

SUFFIXES = (".gpkg", ".parquet", ".geojson")
"""Formats of a register."""

_HISTORY = "register_history"
_TIMES = ("shape_time", "first_seen", "last_seen")


def read_register(path: str | Path) -> Register:
    """Read a register and its history.

    Raises
    ------
    InputError
        The file is missing or is not a register; everything that is wrong is named.
    """
    file = _with_suffix(path)
    if not file.is_file():
        raise InputError(
            f"the register {file} does not exist; "
            f"make it with `ais-berths register update OUT --register {file}`"
        )
    places = read_places(file)
    complaints = Complaints()
    missing = [name for name in ("place", "port_id", "status") if name not in places.columns]
    if missing:
        complaints.add(f"it lacks {', '.join(missing)}")
    else:
        again = sorted(set(places.loc[places["place_id"].duplicated(), "place_id"].astype(str)))
        if again or places["place_id"].isna().any():
            complaints.add(f"place_id is empty or in the file twice: {', '.join(again) or 'empty'}")
        for name, known in (("place", LETTERS), ("status", STATUSES)):
            odd = sorted(set(places[name].astype(str)) - set(known))
            if odd:
                complaints.add(f"{name} is {', '.join(odd)}, expected one of {', '.join(known)}")
        if (places.geometry.isna() | places.geometry.is_empty).any():
            complaints.add("places have no shape")
    complaints.raise_if_any(InputError, f"{file} cannot be used as a register")
    return Register.of(_typed(places), _read_history(file))


def read_places(path: str | Path) -> gpd.GeoDataFrame:
    """Read places with their ``place_id`` as a GIS program left them, from all layers that have ids.

    Layers of ``ais-berths export`` are read too: there the column is named after the layer.

    Raises
    ------
    InputError
        The file cannot be read, or holds no ids.
    """
    file = Path(path)
    if not file.is_file():
        raise InputError(f"the file {file} does not exist")
    try:
        layers = _read_layers(file)
    except (OSError, ValueError, pyogrio.errors.DataSourceError) as error:
        raise InputError(f"{file} cannot be read as places: {error}") from error
    found = {name: _with_place_id(layer) for name, layer in layers.items()}
    bare = [name for name in LAYERS if name in found and found[name] is None]
    if bare:
        raise InputError(f"the layer {bare[0]} of {file} has no column place_id; edit a copy that has it")
    # A GIS that knows no reference system for a layer has left the numbers as they were.
    named = [
        part if part.crs is not None else part.set_crs("EPSG:4326")
        for part in found.values()
        if part is not None
    ]
    if not named:
        raise InputError(f"{file} holds no shapes with a place_id, expected a register or a copy of one")
    crs = named[0].crs
    parts = [part if part.crs == crs else part.to_crs(crs) for part in named]
    frames = [pd.DataFrame(part).astype(object) for part in parts if len(part)]
    table = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(parts[0])
    return gpd.GeoDataFrame(table, geometry="geometry", crs=crs)


def write_register(register: Register, path: str | Path) -> None:
    """Write a register and its history.

    A GeoPackage holds the layers berths, quays and anchorages and the table ``register_history``. Beside a
    GeoParquet or GeoJSON file the history is a CSV file of the same name.

    Raises
    ------
    OutputError
        The suffix is unknown or the file cannot be written.
    """
    file = _with_suffix(path, OutputError)
    places = register.places
    if _format(file) == ".gpkg":
        layers: dict[str, Any] = {
            f"{place}s": places[places["place"] == place].reset_index(drop=True) for place in LETTERS
        }
        write_geopackage({**layers, _HISTORY: register.history}, file)
        return
    # The history first: after a crash, events that are already in it are not added again.
    write_csv(register.history, _history_file(file))
    if _format(file) == ".parquet":
        write_geoparquet(places, file, "register", keep=_extra(places))
    else:
        write_geojson(places, file, "place_id")


def hash_register(register: Register) -> str:
    """Fingerprint of the places, for the run record; the history does not count."""
    table = pd.DataFrame(register.places.drop(columns="geometry"))
    text = table.reindex(columns=sorted(table.columns)).to_csv(index=False)
    text += "".join(shape.wkb_hex for shape in register.places.geometry)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _with_suffix(path: str | Path, error: type[InputError | OutputError] = InputError) -> Path:
    file = Path(path)
    if _format(file) not in SUFFIXES:
        raise error(f"the register {file} ends in {file.suffix or 'nothing'}, expected {', '.join(SUFFIXES)}")
    return file


def _format(file: Path) -> str:
    """The suffix that names the format, whatever its case."""
    return file.suffix.lower()


def _read_layers(file: Path) -> dict[str, Any]:
    if _format(file) == ".parquet":
        return {file.stem: read_shapes(file)}
    names = pyogrio.list_layers(file)
    return {name: gpd.read_file(file, layer=name) for name, kind in names if kind is not None}


def _with_place_id(layer: Any) -> gpd.GeoDataFrame | None:
    frame = layer if layer.geometry.name == "geometry" else layer.rename_geometry("geometry")
    if "place_id" in frame.columns:
        return frame
    for name, key in LAYERS.items():
        # A berth of an export names its quay too.
        if key in frame.columns and (key != "quay_id" or "berth_id" not in frame.columns):
            return frame.rename(columns={key: "place_id"}).assign(place=name[:-1])
    return None


def _typed(places: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Times, numbers and texts of the table, whatever the format made of them; the rest as it is."""
    typed = places.to_crs("EPSG:4326") if places.crs is not None else places.set_crs("EPSG:4326")
    for field in schema.REGISTER:
        if field.name not in typed.columns:
            continue
        values = typed[field.name]
        if field.name in _TIMES:
            typed[field.name] = pd.to_datetime(values, utc=True, format="ISO8601").dt.as_unit("us")
        elif pa.types.is_string(field.type):
            typed[field.name] = values.astype(object).where(values.notna(), None)
        else:
            typed[field.name] = pd.to_numeric(values)
    dropped = [name for name in ("fid", "id", "bbox", "feature_id") if name in typed.columns]
    return typed.drop(columns=dropped)


def _read_history(file: Path) -> pd.DataFrame:
    if _format(file) == ".gpkg":
        names = {str(name) for name, _ in pyogrio.list_layers(file)}
        table = pyogrio.read_dataframe(file, layer=_HISTORY) if _HISTORY in names else None
    else:
        beside = _history_file(file)
        table = pd.read_csv(beside) if beside.is_file() else None
    if table is None:
        return schema.empty(_HISTORY)
    table["time"] = pd.to_datetime(table["time"], utc=True, format="ISO8601").dt.as_unit("us")
    table["n_stops"] = pd.to_numeric(table["n_stops"]).astype("Int64")
    return schema.conform(table, _HISTORY)


def _history_file(file: Path) -> Path:
    return file.with_name(f"{file.stem}_history.csv")


def _extra(places: Mapping[str, Any]) -> list[str]:
    return [name for name in places if name not in {*schema.REGISTER.names, "geometry"}]
