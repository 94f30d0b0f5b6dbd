"""Ships on the high seas: rows that a port filter has to throw away."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths.simulate.fleet import draw_ships
from ais_berths.simulate.plan import KN

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DEGREE_M = 111_200.0
_EDGE_DEG = 62.0


def draw_ocean(rng: np.random.Generator, count: int) -> pd.DataFrame:
    """Draw ships that sail straight on for the whole time, anywhere between 62 N and 62 S.

    Returns
    -------
    Rows of `draw_ships` with a ``port`` of -1 and lat0, lon0 (deg), course_deg, speed_kn.
    """
    ships = draw_ships(rng, "bulk", count, 60, 360)
    return ships.assign(
        port=-1,
        lat0=np.degrees(np.arcsin(rng.uniform(-0.87, 0.87, count))),
        lon0=rng.uniform(-180, 180, count),
        course_deg=rng.uniform(0, 360, count),
        speed_kn=rng.uniform(8, 17, count),
    )


def hear_ocean(
    rng: np.random.Generator, ships: pd.DataFrame, rows: int, period: tuple[float, float]
) -> pd.DataFrame:
    """Draw reports of ships at sea at random times of a period.

    Parameters
    ----------
    ships
        Rows of `draw_ocean`, named; their index is the number of the ship in the feed.
    rows
        How many reports.
    period
        Start and end (s).

    Returns
    -------
    Columns as of `reports.hear`.
    """
    pick = np.sort(rng.integers(0, len(ships), rows))
    time = np.floor(rng.uniform(*period, rows)).astype(np.int64)
    ship = {name: ships[name].to_numpy()[pick] for name in ("lat0", "lon0", "course_deg", "speed_kn")}
    gone = ship["speed_kn"] * KN * (time % 10_000_000) / _DEGREE_M
    course = np.radians(ship["course_deg"])
    lat, southward = _fold(ship["lat0"] + gone * np.cos(course))
    lon = (ship["lon0"] + gone * np.sin(course) / np.cos(np.radians(45.0)) + 180.0) % 360.0 - 180.0
    heading = np.where(southward, 180.0 - ship["course_deg"], ship["course_deg"]) % 360.0
    mute = ships["no_heading"].to_numpy()[pick]
    return pd.DataFrame(
        {
            "vessel": ships.index.to_numpy()[pick],
            "stop": -1,
            "time_s": time,
            "lat": np.round(lat * 600_000) / 600_000,
            "lon": np.round(lon * 600_000) / 600_000,
            "sog_kn": np.round(ship["speed_kn"] + rng.normal(0, 0.2, rows), 1),
            "cog_deg": np.round((heading + rng.normal(0, 1.0, rows)) % 360.0, 1) % 360.0,
            "heading_deg": np.where(mute, 511.0, np.round(heading) % 360.0),
            "nav_status": np.zeros(rows, dtype=np.int8),
            "coarse": np.zeros(rows, dtype=bool),
            "again": np.zeros(rows, dtype=bool),
        }
    )


def _fold(lat: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Turn back at the edges; also whether the way is reversed there."""
    turn = (lat + _EDGE_DEG) % (4 * _EDGE_DEG)
    back = turn > 2 * _EDGE_DEG
    return np.where(back, 3 * _EDGE_DEG - turn, turn - _EDGE_DEG), back
