"""Pings of all vessels as sorted arrays, and the group arithmetic that stop detection needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ais_berths import geo, schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats

    Runs = NDArray[np.int64]

_ORDER = ["mmsi", "track", "time", "coarse", "lat", "lon"]


def complete(pings: pd.DataFrame) -> pd.DataFrame:
    """Add the optional columns that a feed may lack."""
    defaults: dict[str, Any] = {
        "track": 0,
        "sog_kn": np.nan,
        "heading_deg": np.nan,
        "nav_status": 15,
        "coarse": False,
    }
    missing = {name: value for name, value in defaults.items() if name not in pings.columns}
    return pings.assign(**missing) if missing else pings


def sorted_positions(table: pd.DataFrame) -> NDArray[np.intp]:
    """Order of the rows by vessel, track and time; ties are settled by position."""
    keys = [
        schema.to_micros(table[name]) if name == "time" else table[name].to_numpy()
        for name in reversed(_ORDER)
    ]
    return np.lexsort(keys)


class Tracks:
    """Pings as arrays, sorted by vessel and time, with what several steps ask of them."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self.lat = table["lat"].to_numpy(dtype=np.float64)
        self.lon = table["lon"].to_numpy(dtype=np.float64)
        self.sog = table["sog_kn"].to_numpy(dtype=np.float64)
        self.heading = table["heading_deg"].to_numpy(dtype=np.float64)
        self.time = schema.to_micros(table["time"])
        self.fine = ~table["coarse"].to_numpy(dtype=bool)
        mmsi, number = table["mmsi"].to_numpy(), table["track"].to_numpy()
        self.n = len(table)
        first = np.ones(self.n, dtype=bool)
        if self.n:
            first[1:] = (mmsi[1:] != mmsi[:-1]) | (number[1:] != number[:-1])
        self.first = first
        self.vessel = np.cumsum(first) - 1
        self.step_m = np.zeros(self.n)
        self.step_us = np.zeros(self.n, dtype=np.int64)
        if self.n > 1:
            self.step_m[1:] = geo.haversine_m(self.lat[:-1], self.lon[:-1], self.lat[1:], self.lon[1:])
            self.step_us[1:] = np.diff(self.time)
        self.step_m[first] = np.inf
        self.step_us[first] = np.iinfo(np.int64).max // 4

    def from_middle_m(self, run: Runs) -> tuple[Floats, pd.DataFrame]:
        """Distance of each ping from the median position of its run, and those medians by run."""
        inside = run >= 0
        middle = medians(self, run)
        distance = np.full(self.n, np.nan)
        at = run[inside]
        distance[inside] = geo.haversine_m(
            self.lat[inside], self.lon[inside], middle["lat"].to_numpy()[at], middle["lon"].to_numpy()[at]
        )
        return distance, middle


def medians(track: Tracks, run: NDArray[np.int64]) -> pd.DataFrame:
    """Median position of each run; rounded positions count only where there are no others."""
    inside = run >= 0
    n = int(run.max()) + 1 if inside.any() else 0
    fine = np.bincount(run[inside], weights=track.fine[inside], minlength=n)
    use = np.flatnonzero(inside)
    use = use[track.fine[use] | (fine[run[use]] == 0)]
    number = run[use]
    origin = first_of(track.lon[use], number, n)
    frame = pd.DataFrame({"lat": track.lat[use], "east": geo.turn_deg(origin[number], track.lon[use])})
    middle = frame.groupby(number).median().reindex(range(n))
    middle["lon"] = geo.turn_deg(0.0, origin + middle.pop("east").to_numpy())
    return middle


def first_of(values: NDArray[np.float64], number: NDArray[np.int64], n: int) -> NDArray[np.float64]:
    """First value of each group; nan for groups without one."""
    out = np.full(n, np.nan, dtype=np.float64)
    out[number[::-1]] = values[::-1]
    return out


def quantiles(values: NDArray[np.float64], run: NDArray[np.int64], q: float, n: int) -> NDArray[np.float64]:
    """Quantile of each run; nan for runs without values."""
    inside = run >= 0
    by_run = pd.Series(values[inside]).groupby(run[inside]).quantile(q)
    return np.asarray(by_run.reindex(range(n)), dtype=np.float64)


def edges(run: NDArray[np.int64], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First and last position of each run; -1 for runs that have become empty."""
    at = np.flatnonzero(run >= 0)
    first, last = np.full(n, -1), np.full(n, -1)
    first[run[at[::-1]]] = at[::-1]
    last[run[at]] = at
    return first, last


def renumber(run: NDArray[np.int64]) -> NDArray[np.int64]:
    """Number the runs 0, 1, 2 ... in the order of their first ping."""
    inside = run >= 0
    codes, _ = pd.factorize(run[inside])
    out = np.full(len(run), -1)
    out[inside] = codes
    return out
