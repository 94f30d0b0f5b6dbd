"""Detours: how far from the direct way ships were seen between two stops."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import geo, schema
from ais_berths.tracks import Tracks

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Points = tuple[NDArray[np.float64], NDArray[np.float64]]


def measure_detours(pings: pd.DataFrame, stops: pd.DataFrame) -> pd.DataFrame:
    """How far out of the way each ship was seen between one stop and its next.

    The way from stop to stop over a ping is longer than the straight line; half of the difference is how far
    out of the way the ping is. That is 0 on the line, and the distance from a berth that the ship leaves and
    comes back to.

    Parameters
    ----------
    pings
        Clean pings with ``stop_id``; all those of a vessel in one call.
    stops
        The table ``stops``.

    Returns
    -------
    The table ``detours``, one row for each stop with pings between it and the next stop.
    """
    schema.check_columns(pings.columns, "pings", ["stop_id"])
    schema.check_frame(pings, "pings", ["mmsi", "time", "lat", "lon"])
    schema.check_frame(stops, "stops", ["stop_id", "lat", "lon"], key="stop_id")
    track, order = Tracks.of(pings.filter(["mmsi", "track", "time", "lat", "lon", "coarse"]))
    index = pd.Index(stops["stop_id"])
    named = pings["stop_id"].astype("category").cat
    stop = np.append(index.get_indexer(named.categories), -1)[named.codes.to_numpy()[order]]
    stopped = np.flatnonzero(stop >= 0)
    before, after = stopped[:-1], stopped[1:]
    on_the_way = (after - before > 1) & (track.vessel[before] == track.vessel[after])
    before, after = before[on_the_way], after[on_the_way]
    between = after - before - 1
    way = np.repeat(np.arange(len(between)), between)
    at = np.arange(len(way)) + (before + 1 - np.cumsum(between) + between)[way]
    a, b = stop[before[way]], stop[after[way]]
    lat, lon = stops["lat"].to_numpy(dtype=np.float64), stops["lon"].to_numpy(dtype=np.float64)
    excess = excess_m((track.lat[at], track.lon[at]), (lat[a], lon[a]), (lat[b], lon[b]))
    farthest = pd.Series(excess).groupby(a).max()
    detours = pd.DataFrame({"stop_id": index[farthest.index], "detour_m": farthest.to_numpy()})
    return schema.conform(detours.sort_values("stop_id", ignore_index=True), "detours")


def excess_m(point: Points, a: Points, b: Points) -> NDArray[np.float64]:
    """Half of what the way from a to b over a point is longer than the straight one."""
    total = geo.haversine_m(*a, *point) + geo.haversine_m(*point, *b)
    excess: NDArray[np.float64] = np.maximum(total - geo.haversine_m(*a, *b), 0.0) / 2.0
    return excess
