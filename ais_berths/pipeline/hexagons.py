"""The predecessor's method on the pings of an output folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa

from ais_berths import schema
from ais_berths.atomic import whole_files
from ais_berths.errors import EmptyInputError
from ais_berths.export import write_geojson, write_geoparquet, write_parquet
from ais_berths.hexagons import SETTINGS, hexagons
from ais_berths.pipeline.job import load_job
from ais_berths.pipeline.lock import only_run
from ais_berths.tables import read_part

if TYPE_CHECKING:
    from pathlib import Path


def write_hexagons(out: str | Path, settings: str = "published") -> tuple[Path, int]:
    """Write the areas, cells and counts of the hexagon method into an output folder.

    Returns
    -------
    The GeoJSON file, and the number of areas.

    Raises
    ------
    EmptyInputError
        The folder holds no pings.
    """
    store, _ = load_job(out)
    files = whole_files(store.pings, "*.parquet")
    if not files:
        raise EmptyInputError(f"{store.out} holds no pings; run `ais-berths filter` with --pings")
    parts = [read_part(path, "pings", ["lat", "lon", "sog_kn"]) for path in files]
    pings = schema.to_pandas(pa.concat_tables(parts))
    result = hexagons(pings, SETTINGS[settings])
    with only_run(store.out):
        write_geoparquet(result.areas, store.table("hexagons"), "hexagons")
        write_geojson(result.areas, store.table("hexagons", ".geojson"), "cluster")
        write_parquet(result.cells, store.table("hexagon_cells"), "hexagon_cells")
    return store.table("hexagons", ".geojson"), len(result.areas)
