"""Scoring an output folder: reading the truth in any form, and the two halves of the vessels."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from ais_berths import schema
from ais_berths.atomic import check_whole
from ais_berths.errors import InputError, MissingColumnsError
from ais_berths.evaluate import (
    OfficialScores,
    ScoreCard,
    Truth,
    compare_official,
    evaluate,
    first_half,
    plot_score,
    read_official,
    split_half,
)
from ais_berths.geo import Plane
from ais_berths.pipeline.job import Job, Store, load_job
from ais_berths.places import find_places
from ais_berths.portfiles import match_columns, read_texts, to_degrees
from ais_berths.ports import nearest_port
from ais_berths.raster import CellFilter
from ais_berths.tables import read_places, read_record, read_shapes, read_table, settings_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

# Spellings of the columns of a CSV file, in lower case, letters and digits only.
_SPELLINGS = {
    "shape": "wkt geomwkt geometrywkt wktgeom geometry geom thegeom shape polygon",
    "lat": "lat latitude ycoord y",
    "lon": "lon lng long longitude xcoord x",
}
_MAX_ROWS = 10
# A point that stands for a dock lies some way from the ships.
_NEAR_M = 100.0
# The truth of the simulator, as it lies in one folder.
_BERTHS, _PLACES, _STOPS, _CALLS = "berths.geojson", "places.geojson", "stops.parquet", "berth_calls.parquet"


def score_out(
    out: str | Path,
    truth: str | Path | None = None,
    *,
    uses: Collection[str] = (),
    split: bool = False,
    picture: str | Path | None = None,
    official: str | Path | None = None,
    indicator: str = "port_calls",
) -> ScoreCard:
    """Score the berths (and stops) of an output folder.

    Parameters
    ----------
    out
        Output folder of ``ais-berths detect``.
    truth
        True berths: polygons or points in any format that GDAL reads, or a CSV with latitude and
        longitude or with shapes as WKT. Or the folder ``truth`` of the simulator; true stops, berth calls
        and places beside the berths are used too. Berths outside the area of the run are only counted, and
        so are those of other ports than the chosen ones: by their ``port_id`` if they have that of a port in
        the list, else by the nearest port, unless a found berth lies there.
    uses
        Score berths of these uses, and the calls at them, only.
    split
        Also compare the berths that two disjoint halves of the vessels give.
    picture
        Draw truth and result into this file.
    official
        An office's monthly counts, see `ais_berths.evaluate.read_official`.
    indicator
        What they are compared with: ``port_calls`` or ``berth_calls``.

    Raises
    ------
    InputError
        The truth or the counts cannot be read, no true berth lies in the area of the run, or the folder holds
        no indicators by month.
    """
    store, job = load_job(out)
    check_whole(store.out)
    berths = read_places(store.table("berths"), "berths")
    card = ScoreCard()
    if truth is not None:
        known, n_outside = _in_scope(read_truth(truth), store, job, berths, truth)
        stops = read_table(store.table("stops"), "stops")
        made = store.table("berth_calls")
        calls = read_table(made, "berth_calls") if made.exists() else None
        card = evaluate(berths, known, stops, calls, uses=uses or None)
        counted = {
            name: scores.model_copy(update={"n_outside": n_outside[name]})
            for name in n_outside
            if (scores := getattr(card, name)) is not None
        }
        card = card.model_copy(update=counted)
        if picture is not None:
            plot_score(berths, known, title=str(store.out)).savefig(picture, dpi=150)
    if split:
        card = card.model_copy(update={"split_half": _split_half(store, job)})
    if official is not None:
        card = card.model_copy(update={"official": _official(store, job, official, indicator)})
    return card


def read_truth(path: str | Path) -> Truth:
    """Read true berths from a file, with the true stops, berth calls and places that lie beside it.

    A folder stands for the file ``berths.geojson`` in it.
    """
    file = Path(path)
    if file.is_dir():
        file /= _BERTHS
    if not file.exists():
        raise InputError(f"the truth {file} does not exist; give a file of true berths")
    if file.suffix.lower() == ".csv":
        return Truth.of(_read_csv(file))
    if file.suffix == ".parquet" and b"geo" not in (_parquet_metadata(file) or {}):
        raise InputError(
            f"the truth {file} cannot be read as polygons or points: it is a table without shapes; give "
            "GeoParquet, or a CSV with a column of shapes (wkt) or with columns lat and lon"
        )
    try:
        frame = read_shapes(file) if file.suffix == ".parquet" else gpd.read_file(file)
    except (OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise InputError(f"the truth {file} cannot be read as polygons or points: {reason}") from error
    places = file.with_name(_PLACES)
    return replace(
        Truth.of(frame),
        places=gpd.read_file(places) if places.exists() else None,
        stops=_beside(file, _STOPS),
        calls=_beside(file, _CALLS),
    )


def _in_scope(
    truth: Truth, store: Store, job: Job, found: gpd.GeoDataFrame, source: object
) -> tuple[Truth, dict[str, int]]:
    """The truth without berths and points that were not looked for, and how many these are."""
    cells = read_table(store.table("cells"), "cells", ["cell", "in_margin"])
    area = CellFilter(cells[~cells["in_margin"]], job.config.cells.resolution)
    inside, n_outside, lost = {}, {}, set()
    for name in ("berths", "points"):
        frame = getattr(truth, name)
        if frame is None:
            continue
        # A point of the shape, as the centre of what was cut at the antimeridian lies on the other side.
        spots = (frame if frame.crs is None else frame.to_crs(4326)).representative_point()
        there = area.inside(spots.y, spots.x)
        if job.ports:
            there = there & _of_ports(frame, spots, found, job)
        inside[name], n_outside[name] = frame[there], int((~there).sum())
        lost |= set(frame.loc[~there, "berth_id"]) if "berth_id" in frame else set()
    if inside and not any(map(len, inside.values())):
        raise InputError(
            f"none of the true berths in {source} lies in the area of {store.out}; check that both are of "
            "the same ports, and that latitude and longitude are not swapped"
        )
    calls = truth.calls
    if calls is not None and "berth_id" in calls:
        calls = calls[~calls["berth_id"].isin(lost)]
    return replace(truth, **inside, calls=calls), n_outside


def _of_ports(
    frame: gpd.GeoDataFrame, spots: gpd.GeoSeries, found: gpd.GeoDataFrame, job: Job
) -> NDArray[np.bool_]:
    """Which true berths belong to the chosen ports."""
    port_list = job.port_list()
    names = frame["port_id"].astype(str) if "port_id" in frame else pd.Series("", index=frame.index)
    named = names.isin(port_list["port_id"]).to_numpy()
    near, _ = nearest_port(spots.y, spots.x, port_list)
    # The ships may say that a quay belongs to another port than the nearest.
    plane = Plane.around(spots.x)
    places, true = (plane.from_degrees(shapes.to_numpy()) for shapes in (found.geometry, spots))
    seen = np.zeros(len(true), dtype=bool)
    tree = shapely.STRtree(places)
    seen[tree.query(true, predicate="dwithin", distance=_NEAR_M * plane.scale(spots.y.to_numpy()))[0]] = True
    own = pd.Series(near, index=frame.index).isin(job.ports).to_numpy()
    return np.where(named, names.isin(job.ports), own | seen).astype(bool)


def _parquet_metadata(file: Path) -> dict[bytes, bytes] | None:
    try:
        metadata: dict[bytes, bytes] | None = pq.read_schema(file).metadata
    except (OSError, pa.ArrowException) as error:
        raise InputError(f"the truth {file} cannot be read: {' '.join(str(error).split())}") from error
    return metadata


def _beside(file: Path, name: str) -> pd.DataFrame | None:
    table = file.with_name(name)
    return schema.to_pandas(pq.read_table(table, partitioning=None)) if table.exists() else None


def _read_csv(file: Path) -> gpd.GeoDataFrame:
    """Read true berths from a CSV file, with shapes as WKT or with latitude and longitude."""
    table = read_texts(file, "truth")
    found = match_columns(table.columns, _SPELLINGS)
    if "shape" in found:
        texts = [text.strip() or None for text in table[found["shape"]]]
        shapes = shapely.from_wkt(texts, on_invalid="ignore")
        bad = np.array([text is not None for text in texts], dtype=bool) & shapely.is_missing(shapes)
    elif "lat" in found and "lon" in found:
        lat, lon = (to_degrees(table[found[name]], limit) for name, limit in (("lat", 90), ("lon", 180)))
        shapes = shapely.points(lon, lat)
        bad = (lat.isna() | lon.isna()).to_numpy()
    else:
        raise MissingColumnsError(
            f"the truth {file} has neither a column of shapes (wkt) nor columns lat and lon; "
            f"it has {', '.join(table.columns)}"
        )
    if bad.any():
        rows = ", ".join(str(row + 2) for row in np.flatnonzero(bad)[:_MAX_ROWS])
        raise InputError(
            f"the truth {file} cannot be used: no position or shape could be read in row {rows} "
            f"({int(bad.sum())} in all); give decimal degrees, or WKT in degrees"
        )
    return gpd.GeoDataFrame(table, geometry=shapes, crs=4326)


def _official(store: Store, job: Job, file: str | Path, indicator: str) -> OfficialScores:
    path = store.table("indicators")
    table = read_table(path, "indicators") if path.exists() else schema.empty("indicators")
    if not (table["period"] == "month").any():
        raise InputError(
            f"{store.out} holds no indicators by month; "
            f"run `ais-berths calls {store.out} --period month` first"
        )
    port_list = job.port_list()
    counts, n_unknown = read_official(file, port_list, set(table["port_id"]))
    names = port_list.drop_duplicates("port_id").set_index("port_id")["name"]
    zone = settings_of(read_record(store.out / "run.json")).get("indicators", {}).get("timezone", "UTC")
    return compare_official(counts, table, names, indicator=indicator, n_unknown=n_unknown, timezone=zone)


def _split_half(store: Store, job: Job) -> object:
    stops, vessels, cells = (read_table(store.table(name), name) for name in ("stops", "vessels", "cells"))
    port_list = job.port_list()
    half = first_half(stops["mmsi"])
    first, second = (
        find_places(
            stops[mask].reset_index(drop=True), vessels, port_list, cells, job.config, job.ports
        ).berths
        for mask in (half, ~half)
    )
    return split_half(first, second)
