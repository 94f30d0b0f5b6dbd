"""Results as files that GIS programs, SQL engines, spreadsheets and the UN Global Platform read.

Every file appears whole or not at all. Shapes that cross the antimeridian are cut there, by GDAL, in every
format, so that all longitudes lie within 180 degrees.
"""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pyogrio
import shapely

from ais_berths import schema
from ais_berths.atomic import atomic_path, check_whole
from ais_berths.berthcells import berth_cells, cell_list
from ais_berths.disclosure import publish
from ais_berths.errors import InputError, OutputError
from ais_berths.h3cells import cell_polygons
from ais_berths.plain import plain_columns, without_formulas
from ais_berths.styles import add_styles
from ais_berths.tables import (
    check_apart,
    check_tables,
    indicators_minimum,
    read_places,
    read_record,
    read_table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping


SUFFIXES = (".geojson", ".gpkg", ".parquet", ".csv")
"""Formats that `export` writes."""

LAYERS = {"berths": "berth_id", "quays": "quay_id", "anchorages": "anchorage_id"}
"""Tables with a shape, and the column that names their rows."""

_GROUP_ROWS = 50_000
_EXACT_IN_JAVASCRIPT = 2**53


def export(
    out: str | Path,
    file: str | Path,
    *,
    cells: bool = False,
    table: str = "berths",
    bom: bool = False,
    min_vessels: int | None = None,
) -> Path:
    """Write the berths of a result folder in the format that the file's suffix names.

    Parameters
    ----------
    out
        Folder that `ais-berths detect` wrote.
    file
        ``.geojson``, ``.parquet`` and ``.csv`` hold the berths; ``.gpkg`` has the layers berths, quays,
        anchorages and, unless it is for the public, stops.
    cells
        Write the H3 cells of the berths instead: ``.csv`` and ``.parquet`` as the table that the
        platform's ``get_ais(polygon_hex_df=...)`` takes, ``.geojson`` and ``.gpkg`` as hexagons.
    table
        Write this table of the folder instead, such as ``vessels`` or ``port_calls``; as ``.csv`` only.
    bom
        Begin a CSV file with the byte order mark that spreadsheet programs look for.
    min_vessels
        Write what may be published, based on at least this many different ships; see `disclosure.publish`.

    Returns
    -------
    The file that was written.

    Raises
    ------
    OutputError
        The suffix is unknown, or the file cannot be written or is one of the folder's own.
    InputError
        The folder holds no berths, or indicators of fewer ships than may be published.
    """
    path = Path(file)
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise OutputError(f"{path} ends in {suffix or 'nothing'}, expected one of {', '.join(SUFFIXES)}")
    # Berths as GeoJSON, all of them, are what a run itself writes there.
    if path.name != "berths.geojson" or cells or min_vessels is not None:
        check_apart(out, path)
    if table != "berths":
        _export_table(Path(out), table, path, bom=bom, min_vessels=min_vessels)
        return path
    layers = {name: _read_layer(Path(out), name) for name in (LAYERS if suffix == ".gpkg" else ["berths"])}
    if suffix == ".gpkg" and (Path(out) / "stops.parquet").is_file():
        layers["stops"] = _stop_points(Path(out))
    if min_vessels is not None:
        layers = publish(layers | {"stops": _read_stops(Path(out))}, min_vessels)
    berths = layers["berths"]
    if cells:
        _export_cells(Path(out), berths, path, bom=bom)
    elif suffix == ".geojson":
        write_geojson(berths, path, "berth_id")
    elif suffix == ".parquet":
        write_geoparquet(berths, path, "berths")
    elif suffix == ".csv":
        write_csv(berths, path, bom=bom)
    else:
        write_geopackage(layers, path)
    return path


# one writer for each format -----------------------------------------------------------------------


def write_geojson(frame: gpd.GeoDataFrame, path: str | Path, id_field: str) -> None:
    """Write RFC 7946 GeoJSON.

    Longitude and latitude in WGS 84 with 7 decimals and no ``crs`` member, right-hand rings, boxes, shapes
    cut at the antimeridian; each feature's id is the text of `id_field`, which stays a property too. Not a
    number and infinity become null, times ISO 8601 with Z, lists and dictionaries JSON text, and whole
    numbers that JavaScript would round (H3 cells) text. Other numbers have seven significant figures.

    Raises
    ------
    InputError
        `id_field` is missing, empty or not unique.
    OutputError
        The file cannot be written.
    """
    plain = plain_columns(_in_degrees(frame), times_as_text=True)
    ids = _ids(plain, id_field)
    for name in plain.columns.drop("geometry"):
        values = plain[name]
        if pd.api.types.is_integer_dtype(values) and (values.abs() > _EXACT_IN_JAVASCRIPT).any():
            plain[name] = values.astype("string")
    key = next(name for name in ("id", "feature_id", "feature_id_") if name not in plain.columns)
    text = io.BytesIO()
    _write_layer(
        plain.assign(**{key: ids}),
        text,
        Path(path).stem,
        driver="GeoJSON",
        RFC7946="YES",
        COORDINATE_PRECISION=7,
        # More would pretend to a precision that no figure has.
        SIGNIFICANT_FIGURES=7,
        WRITE_BBOX="YES",
        ID_FIELD=key,
        ID_TYPE="String",
        # Without this a name such as "[1]" would be written as a list.
        AUTODETECT_JSON_STRINGS="NO",
    )
    with atomic_path(path) as part:
        # By way of memory: GDAL reports no error when the disk fills up on the last buffer.
        part.write_bytes(text.getvalue())


def write_geopackage(layers: Mapping[str, Any], path: str | Path) -> None:
    """Write a GeoPackage with one layer for each frame, by name, and the styles that QGIS draws them with.

    A frame without shapes becomes a table.
    """
    with atomic_path(path) as part:
        for number, (name, frame) in enumerate(layers.items()):
            shaped = isinstance(frame, gpd.GeoDataFrame)
            plain = plain_columns(_cut(_in_degrees(frame)) if shaped else frame, times_as_text=False)
            # Old enough for the QGIS of a machine that is seldom renewed.
            how: dict[str, Any] = {"append": True} if number else {"VERSION": "1.2"}
            if shaped:
                _write_layer(plain, part, name, driver="GPKG", **how)
            else:
                pyogrio.write_dataframe(plain, part, layer=name, driver="GPKG", **how)
        add_styles(part, {name: list(frame.columns) for name, frame in layers.items()})


def write_geoparquet(
    frame: gpd.GeoDataFrame, path: str | Path, table: str, *, keep: Collection[str] = ()
) -> None:
    """Write GeoParquet 1.1 with the columns of `table`, a geometry and its covering box.

    Types, units and descriptions of the columns travel along. `table` is a name from `schema.TABLES`; other
    columns are left out, but for those in `keep`.
    """
    shapes = _cut(_in_degrees(frame))
    buffer = io.BytesIO()
    shapes[["geometry"]].to_parquet(buffer, index=False, schema_version="1.1.0", write_covering_bbox=True)
    # Not `read_table`: a thread of its scanner may outlive it, and end Python with an abort.
    with pq.ParquetFile(pa.BufferReader(buffer.getvalue())) as file:
        geometry = file.read(use_threads=False)
    whole = schema.to_arrow(pd.DataFrame(frame.drop(columns=frame.geometry.name)), table)
    metadata = {**(whole.schema.metadata or {}), b"geo": _tidy_geo(geometry.schema.metadata[b"geo"])}
    extra = pa.Table.from_pandas(
        plain_columns(pd.DataFrame(frame[list(keep)]), times_as_text=True), preserve_index=False
    )
    for added in (extra, geometry):
        for field in added.schema:
            whole = whole.append_column(field, added[field.name])
    with atomic_path(path) as part:
        pq.write_table(whole.replace_schema_metadata(metadata), part, compression="zstd")


def write_parquet(frame: pd.DataFrame, path: str | Path, table: str) -> None:
    """Write Parquet with the columns of `table`, a name from `schema.TABLES`."""
    with open_parquet(path, table) as write:
        write(frame)


@contextmanager
def open_parquet(path: str | Path, table: str) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Give a function that writes some rows of `table`, for tables that are made some rows at a time.

    Row groups are small: who wants one port of the whole world, from a table sorted by port, reads a few.
    """
    with (
        atomic_path(path) as part,
        pq.ParquetWriter(part, schema.layout(table), compression="zstd") as writer,
    ):
        yield lambda rows: writer.write_table(schema.to_arrow(rows, table), row_group_size=_GROUP_ROWS)


def write_csv(frame: pd.DataFrame, path: str | Path, *, bom: bool = False) -> None:
    """Write CSV in UTF-8, the geometry last as WKT in longitude and latitude with 7 decimals.

    Text that a spreadsheet would run as a formula (it begins with ``= + - @``, a tab or a line end, or goes
    on so after a semicolon, a tab or a line end) gets an apostrophe in front. `bom` begins the file with a
    byte order mark.
    """
    with open_csv(path, bom=bom) as write:
        write(frame)


@contextmanager
def open_csv(path: str | Path, *, bom: bool = False) -> Iterator[Callable[[pd.DataFrame], None]]:
    """Give a function that writes some rows as `write_csv` does, for tables that are made some at a time."""
    encoding = "utf-8-sig" if bom else "utf-8"
    with atomic_path(path) as part, part.open("w", encoding=encoding, newline="") as file:

        def write(rows: pd.DataFrame) -> None:
            # The line end of RFC 4180: with it, text that holds either half of it is quoted.
            table = _as_csv(_for_csv(rows))
            file.write(table.write_csv(include_header=not file.tell(), line_terminator="\r\n"))

        yield write


# helpers ------------------------------------------------------------------------------------------


def _read_layer(out: Path, table: str) -> gpd.GeoDataFrame:
    check_whole(out)
    check_tables(out, table)
    return read_places(out / f"{table}.parquet", table)


def _read_stops(out: Path) -> pd.DataFrame:
    path = out / "stops.parquet"
    if not path.is_file():
        raise InputError(f"the folder {out} holds no stops.parquet, which says what may be published")
    return read_table(path, "stops", ["port_id", "mmsi", "berth_id", "anchorage_id"])


def _stop_points(out: Path) -> gpd.GeoDataFrame:
    stops = read_table(out / "stops.parquet", "stops")
    return gpd.GeoDataFrame(stops, geometry=gpd.points_from_xy(stops["lon"], stops["lat"]), crs="EPSG:4326")


def _export_table(out: Path, table: str, path: Path, *, bom: bool, min_vessels: int | None) -> None:
    if path.suffix.lower() != ".csv":
        raise OutputError(f"{path} ends in {path.suffix}, expected .csv for the table {table}")
    frame = _read_layer(out, table) if table in LAYERS else read_table(out / f"{table}.parquet", table)
    if min_vessels is not None:
        beside = {"berths": _read_layer(out, "berths")} if table == "berth_cells" else {}
        public = publish({table: frame, "stops": _read_stops(out), **beside}, min_vessels)
        if table not in public:
            raise OutputError(f"the table {table} is about single ships; it cannot be written for the public")
        frame = public[table]
        if table == "indicators":
            _check_indicators(out, min_vessels)
    write_csv(frame, path, bom=bom)


def _check_indicators(out: Path, min_vessels: int) -> None:
    """Indicators are withheld when they are made, as what else must be withheld follows from all of them."""
    made_with = indicators_minimum(read_record(out / "run.json"))
    if made_with < min_vessels:
        raise InputError(
            f"the indicators in {out} were made with a minimum of {made_with} different ships, "
            f"and {min_vessels} are asked for; run `ais-berths calls {out} --min-vessels {min_vessels}` first"
        )


def _export_cells(out: Path, berths: gpd.GeoDataFrame, path: Path, *, bom: bool) -> None:
    stored = out / "berth_cells.parquet"
    cells = read_table(stored, "berth_cells") if stored.is_file() else berth_cells(berths)
    cells = cells[cells["berth_id"].isin(berths["berth_id"])]
    suffix = path.suffix.lower()
    if suffix == ".csv":
        write_csv(cell_list(cells), path, bom=bom)
    elif suffix == ".parquet":
        write_parquet(cells, path, "berth_cells")
    else:
        shapes = gpd.GeoDataFrame(cells, geometry=cell_polygons(cells["hex_id"]), crs="EPSG:4326")
        if suffix == ".geojson":
            write_geojson(shapes, path, "hex_id")
        else:
            write_geopackage({"berth_cells": shapes}, path)


def _write_layer(frame: gpd.GeoDataFrame, path: Path | io.BytesIO, layer: str, **options: Any) -> None:
    kinds = frame.geometry.geom_type.dropna().unique()
    # An empty layer must still say what it would hold; a mixed one is left to the driver.
    kind = {"geometry_type": "Polygon"} if len(kinds) == 0 else {}
    pyogrio.write_dataframe(frame, path, layer=layer, **kind, **options)


def _in_degrees(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    named = frame.rename_geometry("geometry") if frame.geometry.name != "geometry" else frame
    named = named.reset_index(drop=True)
    return named.set_crs("EPSG:4326") if named.crs is None else named.to_crs("EPSG:4326")


def _cut(frame: gpd.GeoDataFrame) -> gpd.GeoDataFrame:
    """Cut the shapes that run beyond 180 degrees, by a trip through GDAL's GeoJSON writer."""
    bounds = shapely.bounds(frame.geometry.to_numpy())
    beyond = (bounds[:, 0] < -180) | (bounds[:, 2] > 180)
    if not beyond.any():
        return frame
    buffer = io.BytesIO()
    pyogrio.write_dataframe(
        frame.loc[beyond, ["geometry"]], buffer, driver="GeoJSON", RFC7946="YES", COORDINATE_PRECISION=12
    )
    shapes = frame.geometry.to_numpy().copy()
    shapes[beyond] = pyogrio.read_dataframe(buffer.getvalue()).geometry.to_numpy()
    return frame.set_geometry(gpd.GeoSeries(shapes, crs=frame.crs, index=frame.index))


def _for_csv(frame: pd.DataFrame) -> pd.DataFrame:
    wkt = None
    if isinstance(frame, gpd.GeoDataFrame):
        shapes = _cut(_in_degrees(frame))
        wkt = shapely.to_wkt(shapes.geometry.to_numpy(), rounding_precision=7)
        frame = pd.DataFrame(frame.drop(columns=frame.geometry.name))
    plain = without_formulas(plain_columns(frame, times_as_text=True))
    return plain if wkt is None else plain.assign(geometry=wkt)


def _as_csv(frame: pd.DataFrame) -> pl.DataFrame:
    """Plain columns for polars, which writes them in a fifth of the time, as pandas would write them."""
    table = pl.DataFrame(pa.Table.from_pandas(frame, preserve_index=False))
    return table.with_columns(
        # Nothing is no text of no letters, which would be quoted.
        pl.col(pl.String).replace("", None),
        *(
            pl.when(pl.col(name)).then(pl.lit("True")).when(~pl.col(name)).then(pl.lit("False")).alias(name)
            for name, kind in table.schema.items()
            if kind == pl.Boolean
        ),
    )


def _ids(frame: gpd.GeoDataFrame, id_field: str) -> pd.Series[str]:
    schema.check_columns(frame.columns, "to be written", [id_field])
    ids = frame[id_field]
    if ids.isna().any() or ids.duplicated().any():
        wrong = ids[ids.isna() | ids.duplicated()].iloc[0]
        raise InputError(f"{id_field} must be different in every row, but {wrong!r} is empty or repeated")
    text: pd.Series[str] = ids.astype("string")
    return text


def _tidy_geo(text: bytes) -> bytes:
    """Drop the box of an empty file: geopandas may write it as not-a-number, which is not JSON."""
    geo = json.loads(text)
    for column in geo["columns"].values():
        if not np.isfinite(column.get("bbox", [np.nan])).all():
            column.pop("bbox", None)
    return json.dumps(geo, allow_nan=False).encode()
