"""Scoring an output folder: reading the truth in any form, and the two halves of the vessels."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq

from ais_berths import schema
from ais_berths.errors import InputError
from ais_berths.evaluate import ScoreCard, Truth, evaluate, first_half, plot_score, split_half
from ais_berths.pipeline.job import load_job
from ais_berths.places import find_places
from ais_berths.ports import read_ports

if TYPE_CHECKING:
    from collections.abc import Collection

_EXTRA_TRUTH = {"stops": "stops.parquet", "places": "places.geojson"}


def score_out(
    out: str | Path,
    truth: str | Path | None = None,
    *,
    uses: Collection[str] = (),
    split: bool = False,
    picture: str | Path | None = None,
) -> ScoreCard:
    """Score the berths (and stops) of an output folder.

    Parameters
    ----------
    out
        Output folder of ``ais-berths detect``.
    truth
        True berths: polygons or points in any format that GDAL reads, or a CSV with latitude and
        longitude. In a folder of the simulator, true stops and places beside it are used too.
    uses
        Score berths of these uses only.
    split
        Also compare the berths that two disjoint halves of the vessels give.
    picture
        Draw truth and result into this file.

    Raises
    ------
    InputError
        The truth cannot be read.
    """
    store, _ = load_job(out)
    berths = gpd.read_parquet(store.table("berths"))
    card = ScoreCard()
    if truth is not None:
        known = read_truth(truth)
        stops = schema.to_pandas(pq.read_table(store.table("stops")))
        card = evaluate(berths, known, stops=stops, uses=uses or None)
        if picture is not None:
            plot_score(berths, known, title=str(store.out)).savefig(picture, dpi=150)
    if split:
        card = card.model_copy(update={"split_half": _split_half(out)})
    return card


def read_truth(path: str | Path) -> Truth:
    """Read true berths from a file, with the true stops and places that lie beside it."""
    file = Path(path)
    if not file.exists():
        raise InputError(f"the truth {file} does not exist; give a file of true berths")
    if file.suffix.lower() == ".csv":
        table = read_ports(file)
        points = gpd.points_from_xy(table["lon"], table["lat"])
        return Truth.of(
            gpd.GeoDataFrame(table.drop(columns="area", errors="ignore"), geometry=points, crs=4326)
        )
    try:
        frame = gpd.read_parquet(file) if file.suffix == ".parquet" else gpd.read_file(file)
    except (OSError, ValueError, RuntimeError) as error:
        raise InputError(f"the truth {file} cannot be read as polygons or points: {error}") from error
    known = Truth.of(frame)
    beside = {name: file.with_name(other) for name, other in _EXTRA_TRUTH.items()}
    stops = pd.read_parquet(beside["stops"]) if beside["stops"].exists() else None
    places = gpd.read_file(beside["places"]) if beside["places"].exists() else None
    return Truth(known.berths, known.points, places, stops, None)


def _split_half(out: str | Path) -> object:
    store, job = load_job(out)
    stops = schema.to_pandas(pq.read_table(store.table("stops")))
    vessels = schema.to_pandas(pq.read_table(store.table("vessels")))
    cells = schema.to_pandas(pq.read_table(store.table("cells")))
    port_list = job.port_list()
    half = first_half(stops["mmsi"])
    first, second = (
        find_places(
            stops[mask].reset_index(drop=True), vessels, port_list, cells, job.config, job.ports
        ).berths
        for mask in (half, ~half)
    )
    return split_half(first, second)
