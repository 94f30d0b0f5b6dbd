"""Writing the ids of places onto stops, and dropping places that were not asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd

from ais_berths import geo, h3cells, schema
from ais_berths.pings import quality_table
from ais_berths.ports import nearest_port

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from numpy.typing import NDArray


def name_stops(
    stops: pd.DataFrame,
    berths: gpd.GeoDataFrame,
    members: pd.DataFrame,
    anchorages: gpd.GeoDataFrame,
    anchored: pd.DataFrame,
    ports: pd.DataFrame,
) -> pd.DataFrame:
    """Give each stop the ids of its places, its port, and whether the ship was rafted.

    Parameters
    ----------
    berths, members
        Berths with their ``number`` and ids, and the stops at each.
    anchorages, anchored
        What `ais_berths.anchorages.find_anchorages` found.
    ports
        The whole port list: a stop at no place gets the nearest port.
    """
    row = pd.Index(stops["stop_id"])
    at_berth, at_anchorage = (row.get_indexer(found["stop_id"]) for found in (members, anchored))
    berth, anchorage = (np.full(len(stops), -1) for _ in range(2))
    berth[at_berth] = pd.Index(berths["number"]).get_indexer(members["number"])
    anchorage[at_anchorage] = pd.Index(anchorages["anchorage_id"]).get_indexer(anchored["anchorage_id"])
    rafted = np.zeros(len(stops), dtype=bool)
    rafted[at_berth] = members["rafted"].to_numpy(dtype=bool)

    def of_places(places: gpd.GeoDataFrame, name: str, number: NDArray[np.intp]) -> NDArray[np.object_]:
        # All stops of a place share one text, which saves memory.
        return np.array([*places[name], None], dtype=object)[number]

    port = np.where(
        berth >= 0, of_places(berths, "port_id", berth), of_places(anchorages, "port_id", anchorage)
    )
    nearest, _ = nearest_port(stops["lat"].to_numpy(), stops["lon"].to_numpy(), ports)
    return stops.assign(
        berth_id=of_places(berths, "berth_id", berth),
        quay_id=of_places(berths, "quay_id", berth),
        anchorage_id=of_places(anchorages, "anchorage_id", anchorage),
        port_id=np.where(pd.isna(port), nearest, port),
        rafted=rafted,
    )


def in_order(frame: gpd.GeoDataFrame, place: str) -> gpd.GeoDataFrame:
    """Rows sorted by id, with the columns and types of the table; names come from the register later."""
    named = frame.assign(name=None).sort_values(f"{place}_id", ignore_index=True)
    columns = [name for name in schema.TABLES[f"{place}s"].names if name in named.columns]
    # Columns without rows in one of the portions may be of any type.
    typed = schema.conform(pd.DataFrame(named[columns]), f"{place}s")[columns]
    return gpd.GeoDataFrame(typed, geometry=named.geometry.to_numpy(), crs=frame.crs)


def are_kept(frame: gpd.GeoDataFrame, core: Core, only: Collection[str]) -> NDArray[np.bool_]:
    """Places of a chosen port whose middle is not in the margin."""
    middle = frame.geometry.representative_point()
    inside = ~core.leaves_out(middle.y.to_numpy(), middle.x.to_numpy())
    chosen = frame["port_id"].isin(list(only)).to_numpy() if only else np.ones(len(frame), dtype=bool)
    result: NDArray[np.bool_] = inside & chosen
    return result


def without_dropped_places(
    stops: pd.DataFrame, kept: Sequence[pd.Series], margin: NDArray[np.bool_]
) -> pd.DataFrame:
    """Remove ids of places that are not kept; stops in the margin without any then lose their port.

    Parameters
    ----------
    kept
        Ids of the berths, quays and anchorages that are kept.
    margin
        Which stops lie in the margin; see `Core`.
    """
    left = {}
    for ids in kept:
        name = str(ids.name)
        gone = ~stops[name].isin(ids).to_numpy()
        left[name] = stops[name].astype(object).mask(gone, None)
    unplaced = left["berth_id"].isna() & left["anchorage_id"].isna()
    nowhere = margin & unplaced.to_numpy()
    return stops.assign(**left, port_id=stops["port_id"].astype(object).mask(nowhere, None))


class Core:
    """Tells which positions lie in the margin of the H3 cells that were read.

    Parameters
    ----------
    cells
        The table ``cells``; where it is empty, nothing is margin.
    """

    def __init__(self, cells: pd.DataFrame) -> None:
        cell, margin = cells["cell"].to_numpy(), cells["in_margin"].to_numpy()
        if (cell[:-1] > cell[1:]).any():
            order = np.argsort(cell)
            cell, margin = cell[order], margin[order]
        self._cell, self._margin = cell, margin
        self._resolution = int(h3cells.cell_resolutions(cell[:1])[0]) if len(cell) else 0

    def leaves_out(self, lat: NDArray[np.float64], lon: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Whether a position lies in a margin cell, or outside all cells."""
        if not len(self._cell):
            return np.zeros(len(lat), dtype=bool)
        own = h3cells.cells_at(lat, geo.turn_deg(0.0, lon), self._resolution)
        at = np.minimum(np.searchsorted(self._cell, own), len(self._cell) - 1)
        result: NDArray[np.bool_] = (self._cell[at] != own) | self._margin[at]
        return result


def count_stops(
    stops: pd.DataFrame, only: Collection[str] = (), rejected: NDArray[np.bool_] | None = None
) -> pd.DataFrame:
    """Count the stops by what became of them, as a table ``quality``; each stop has one reason.

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
