"""From stops to every place: kinds of stop, hulls, berths, quays and anchorages, tied together by ids.

This is the whole part of the data flow that fits in memory; it is what the pipeline runs once the stops of
all vessels are known.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import geo, schema
from ais_berths.anchorages import find_anchorages
from ais_berths.berths import find_berths
from ais_berths.hulls import build_hulls
from ais_berths.mooring import classify_stops
from ais_berths.pings import quality_table
from ais_berths.ports import nearest_port
from ais_berths.quays import find_quays

if TYPE_CHECKING:
    from collections.abc import Collection

    import geopandas as gpd
    from numpy.typing import NDArray

    from ais_berths.config import Config


@dataclass(frozen=True)
class Places:
    """The tables that describe where ships stayed."""

    stops: pd.DataFrame
    hulls: pd.DataFrame
    berths: gpd.GeoDataFrame
    quays: gpd.GeoDataFrame
    anchorages: gpd.GeoDataFrame
    quality: pd.DataFrame


def find_places(
    stops: pd.DataFrame,
    vessels: pd.DataFrame,
    ports: pd.DataFrame,
    cells: pd.DataFrame,
    config: Config,
    only: Collection[str] = (),
) -> Places:
    """Classify the stops and find berths, quays and anchorages.

    Parameters
    ----------
    stops, vessels
        The tables ``stops`` and ``vessels`` of all vessels together.
    ports
        The whole port list.
    cells
        The table ``cells`` that the pings were filtered with; says what lies in the margin.
    config
        All settings.
    only
        Ids of the chosen ports; empty for every port.

    Returns
    -------
    Places of the chosen ports, and all stops. Stops in the margin have no port and no place, stops at
    the places of other ports keep their port and have no place; both are counted in ``quality``.
    """
    schema.check_frame(ports, "ports", ["port_id", "lat", "lon"])
    schema.check_frame(cells, "cells", ["cell", "in_margin"], key="cell")
    # Columns without rows may be of any type.
    stops = classify_stops(_by_id(stops) if len(stops) else schema.empty("stops"), vessels, config.mooring)
    hulls = build_hulls(stops, vessels, config.hulls)
    berths, members = find_berths(stops, hulls, vessels, config.berths)
    quays, berths = find_quays(berths, members, stops, ports, config.quays)
    anchorages, anchored = find_anchorages(stops, vessels, ports, config.anchorages)

    stops = _named(stops, berths, members, anchorages, anchored)
    nearest, _ = nearest_port(stops["lat"].to_numpy(), stops["lon"].to_numpy(), ports)
    own_port = stops["port_id"].to_numpy(dtype=object)
    stops["port_id"] = np.where(pd.isna(own_port), nearest, own_port)

    kept = [_is_kept(frame, cells, only) for frame in (berths, quays, anchorages)]
    berths, quays, anchorages = (
        frame[keep].reset_index(drop=True)
        for frame, keep in zip((berths, quays, anchorages), kept, strict=True)
    )
    stops = _without_dropped_places(stops, berths, quays, anchorages, cells)
    return Places(
        stops=schema.conform(stops, "stops"),
        hulls=hulls,
        berths=_in_order(berths.drop(columns="number"), "berth"),
        quays=_in_order(quays, "quay"),
        anchorages=_in_order(anchorages, "anchorage"),
        quality=count_stops(stops, only),
    )


def count_stops(
    stops: pd.DataFrame, only: Collection[str] = (), rejected: NDArray[np.bool_] | None = None
) -> pd.DataFrame:
    """Count the stops by what became of them, each under one reason, as a table ``quality``.

    Parameters
    ----------
    stops
        The table ``stops`` with places and ports; a stop in the margin has no port.
    only
        Ids of the chosen ports; empty for every port.
    rejected
        Stops at places that the register rejects.
    """
    at_berth, at_anchorage = (stops[name].notna().to_numpy() for name in ("berth_id", "anchorage_id"))
    left = ~at_berth & ~at_anchorage
    refused = left & (np.zeros(len(stops), dtype=bool) if rejected is None else rejected)
    margin = left & ~refused & stops["port_id"].isna().to_numpy()
    left &= ~refused & ~margin
    foreign = left & ~stops["port_id"].isin(list(only)).to_numpy() if only else np.zeros_like(left)
    counts = {
        ("stop_in_margin", "dropped"): int(margin.sum()),
        ("stop_of_another_port", "dropped"): int(foreign.sum()),
        ("stop_at_rejected_place", "flagged"): int(refused.sum()),
        ("stop_without_place", "flagged"): int((left & ~foreign).sum()),
        ("stop_at_berth", "kept"): int(at_berth.sum()),
        ("stop_at_anchorage", "kept"): int((at_anchorage & ~at_berth).sum()),
    }
    return quality_table("places", counts)


def _by_id(stops: pd.DataFrame) -> pd.DataFrame:
    """Stops in the order of their ids; those of all ports are not sorted twice, which takes a copy."""
    ids = stops["stop_id"].to_numpy(dtype=object)
    if (ids[:-1] <= ids[1:]).all():
        return stops.reset_index(drop=True)
    return stops.sort_values("stop_id", ignore_index=True)


def _named(
    stops: pd.DataFrame,
    berths: gpd.GeoDataFrame,
    members: pd.DataFrame,
    anchorages: gpd.GeoDataFrame,
    anchored: pd.DataFrame,
) -> pd.DataFrame:
    """Stops with the ids of their places and the ports of these, and whether the ship was rafted."""
    row = pd.Index(stops["stop_id"])
    at_berth, at_anchorage = (row.get_indexer(found["stop_id"]) for found in (members, anchored))
    berth, anchorage = (np.full(len(stops), -1) for _ in range(2))
    berth[at_berth] = pd.Index(berths["number"]).get_indexer(members["number"])
    anchorage[at_anchorage] = pd.Index(anchorages["anchorage_id"]).get_indexer(anchored["anchorage_id"])
    rafted = np.zeros(len(stops), dtype=bool)
    rafted[at_berth] = members["rafted"].to_numpy(dtype=bool)

    def of_places(places: gpd.GeoDataFrame, name: str, number: NDArray[np.intp]) -> NDArray[np.object_]:
        # Every stop of a place has the same text, not one of its own.
        return np.array([*places[name], None], dtype=object)[number]

    return stops.assign(
        berth_id=of_places(berths, "berth_id", berth),
        quay_id=of_places(berths, "quay_id", berth),
        anchorage_id=of_places(anchorages, "anchorage_id", anchorage),
        port_id=np.where(
            berth >= 0, of_places(berths, "port_id", berth), of_places(anchorages, "port_id", anchorage)
        ),
        rafted=rafted,
    )


def _in_order(frame: gpd.GeoDataFrame, place: str) -> gpd.GeoDataFrame:
    """Rows by id, columns as in the table; names are given by the register."""
    named = frame.assign(name=None).sort_values(f"{place}_id", ignore_index=True)
    columns = [name for name in schema.TABLES[f"{place}s"].names if name in named.columns]
    return named[[*columns, "geometry"]]


def _is_kept(frame: gpd.GeoDataFrame, cells: pd.DataFrame, only: Collection[str]) -> NDArray[np.bool_]:
    """Places of a chosen port whose middle is not in the margin."""
    middle = frame.geometry.representative_point()
    inside = ~_in_margin(middle.y.to_numpy(), middle.x.to_numpy(), cells)
    chosen = frame["port_id"].isin(list(only)).to_numpy() if only else np.ones(len(frame), dtype=bool)
    result: NDArray[np.bool_] = inside & chosen
    return result


def _without_dropped_places(
    stops: pd.DataFrame,
    berths: gpd.GeoDataFrame,
    quays: gpd.GeoDataFrame,
    anchorages: gpd.GeoDataFrame,
    cells: pd.DataFrame,
) -> pd.DataFrame:
    """Take ids of places that are not reported, and ports of stops in the margin, off the stops."""
    left = {}
    for name, frame in (("berth_id", berths), ("quay_id", quays), ("anchorage_id", anchorages)):
        gone = ~stops[name].isin(frame[name]).to_numpy()
        left[name] = stops[name].astype(object).mask(gone, None)
    placed = left["berth_id"].notna() | left["anchorage_id"].notna()
    margin = _in_margin(stops["lat"].to_numpy(), stops["lon"].to_numpy(), cells) & ~placed.to_numpy()
    return stops.assign(**left, port_id=stops["port_id"].astype(object).mask(margin, None))


def _in_margin(lat: NDArray[np.float64], lon: NDArray[np.float64], cells: pd.DataFrame) -> NDArray[np.bool_]:
    """Whether a position lies in a margin cell, or outside all cells."""
    if cells.empty:
        return np.zeros(len(lat), dtype=bool)
    resolution = int(geo.cell_resolutions(cells["cell"].to_numpy()[:1])[0])
    at = geo.cells_at(lat, geo.turn_deg(0.0, lon), resolution)
    # Cells may be those of the whole world: they are looked up, not sorted.
    core = cells.loc[cells["cell"].isin(np.unique(at)) & ~cells["in_margin"], "cell"]
    result: NDArray[np.bool_] = ~np.isin(at, core.to_numpy())
    return result
