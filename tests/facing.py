"""Ships of known length at a quay, bow-in and bow-out, for tests of what their antennas tell."""

from __future__ import annotations

from typing import Any

import pandas as pd

from ais_berths import geo

DAY = pd.Timestamp("2024-03-01", tz="UTC")
LAT, LON, AXIS = 51.9, 4.0, 30.0
Row = dict[str, Any]


def lie(
    mmsi: int, along_m: float, turn_deg: float = 0.0, day: int | None = None, aside_m: float = 0.0
) -> Row:
    """Put the antenna of a moored ship `along_m` from the beginning of a quay, each ship on its own day."""
    lat, lon = geo.offset_deg(LAT, LON, AXIS, along_m, aside_m)
    start = DAY + pd.Timedelta(days=mmsi if day is None else day)
    row = {"stop_id": f"{mmsi}-{along_m}", "mmsi": mmsi, "lat": float(lat), "lon": float(lon)}
    row |= {"heading_deg": (AXIS + turn_deg) % 360.0, "start_time": start}
    return row | {"end_time": start + pd.Timedelta("9h"), "kind": "moored"}


def both_ways(
    length_m: float, middle_m: float, first: int = 0, n: int = 6, aside_m: float = 0.0
) -> list[Row]:
    """Ships of one length at one berth, antennas at 85 % from the bow, bow-in and bow-out by turns."""
    return [
        lie(k, middle_m - 0.35 * length_m * (-1) ** k, turn_deg=180.0 * (k % 2), aside_m=aside_m)
        for k in range(first, first + n)
    ]
