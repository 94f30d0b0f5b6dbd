"""Turnovers: correcting estimated times where one ship follows another at a berth, or where the data end.

Arrival and departure are estimated between reports. With few reports, two ships may seem to have been at a
berth at once for some minutes, or a ship to have been there before the data begin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import schema
from ais_berths.groups import at_once

if TYPE_CHECKING:
    import geopandas as gpd


def within_data(stops: pd.DataFrame, begin: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Let no stop begin before the data do, or end after them.

    Parameters
    ----------
    stops
        Stops with ``arrival_time departure_time``.
    begin, end
        First and last time at which any ship was heard at rest.
    """
    arrival, departure = stops["arrival_time"], stops["departure_time"]
    return stops.assign(
        arrival_time=arrival.mask(arrival < begin, begin), departure_time=departure.mask(departure > end, end)
    )


def settle_turnovers(stops: pd.DataFrame, berths: gpd.GeoDataFrame) -> pd.DataFrame:
    """End the stay of a ship before that of the next one begins, where reports allow it.

    In a discrete berth, the departure of the first ship and the arrival of the next are both set half-way
    between the two estimates, but not to a time at which either was still or already heard there. Rafted
    ships share a berth and keep their times. So does a ship whose whole stay lies within that of another one:
    most likely it lay beside it.

    Parameters
    ----------
    stops
        Stops with their places: ``mmsi start_time end_time arrival_time departure_time berth_id rafted``.
    berths
        ``berth_id`` and ``berth_kind`` of their berths.

    Examples
    --------
    >>> time = pd.to_datetime(["2024-01-01T00:00Z", "2024-01-01T06:00Z", "2024-01-01T12:00Z"])
    >>> stops = schema.conform(pd.DataFrame({
    ...     "stop_id": ["a", "b"], "mmsi": [1, 2], "berth_id": "B", "rafted": False,
    ...     "start_time": time[[0, 1]] + pd.Timedelta("10min"), "end_time": time[[1, 2]],
    ...     "arrival_time": time[[0, 1]], "departure_time": time[[1, 2]] + pd.Timedelta("8min")}), "stops")
    >>> settled = settle_turnovers(stops, pd.DataFrame({"berth_id": ["B"], "berth_kind": "discrete"}))
    >>> str(settled["departure_time"][0].time()), str(settled["arrival_time"][1].time())
    ('06:04:00', '06:04:00')
    """
    discrete = berths.loc[berths["berth_kind"] == "discrete", "berth_id"]
    place = pd.Index(discrete).get_indexer(stops["berth_id"])
    estimated = stops["arrival_time"].notna() & stops["departure_time"].notna()
    at = np.flatnonzero((place >= 0) & estimated & ~stops["rafted"].eq(True))
    names = ("arrival_time", "start_time", "end_time", "departure_time")
    arrival, start, end, departure = (schema.to_micros(stops[name])[at] for name in names)
    mmsi = stops["mmsi"].to_numpy()[at]
    place = place[at].astype(np.int64)
    while True:
        i, j = at_once(place, arrival, departure)
        first, then = np.where(start[i] <= start[j], (i, j), (j, i))
        in_turn = (arrival[first] <= arrival[then]) & (departure[first] <= departure[then])
        clash = in_turn & (mmsi[first] != mmsi[then]) & (end[first] <= start[then])
        clash &= arrival[then] < departure[first]
        first, then = first[clash], then[clash]
        between = np.clip((arrival[then] + departure[first]) // 2, end[first], start[then])
        if not len(between):
            break
        np.minimum.at(departure, first, between)
        np.maximum.at(arrival, then, between)
    out = stops.copy()
    for name, values in (("arrival_time", arrival), ("departure_time", departure)):
        micros = schema.to_micros(stops[name]).copy()
        micros[at] = values
        out[name] = schema.from_micros(micros).array
    return out
