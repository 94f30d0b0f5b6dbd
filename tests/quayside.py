"""Ships at a quay, as tables of a few rows: shared by the tests of footprints, berths and quays."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pandas as pd

from ais_berths import geo

if TYPE_CHECKING:
    from collections.abc import Iterable

DAY = pd.Timestamp("2024-03-01", tz="UTC")
PLACES = {
    "Rotterdam": (51.9, 4.0, 30.0),
    "Tromso": (69.65, 18.96, 75.0),
    "Ushuaia": (-54.81, -68.3, 140.0),
    "Taveuni": (-16.8, 179.9995, 90.0),
}
"""Latitude and longitude of where a quay begins, and its direction (deg)."""

Row = dict[str, Any]


def lie(name: str, along_m: float = 0.0, day: float = 0.0, **more: Any) -> Row:
    """Put a ship of 200 m at a quay, its middle `along_m` from the beginning, for ten hours of a day."""
    return {
        "stop_id": name,
        "mmsi": sum(name.encode()),
        "along_m": along_m,
        "across_m": 0.0,
        "turn_deg": 0.0,
        "length_m": 200.0,
        "width_m": 30.0,
        "hull_error_m": 3.0,
        "day": day,
        "hours": 10.0,
    } | more


def lie_all(ships: Iterable[Any], *more: str) -> list[Row]:
    """Put drawn ships at the quay: m along and across, degrees turned, length (m), day, `more` columns."""
    return [
        lie(
            chr(97 + n),
            at,
            day,
            across_m=across,
            turn_deg=turn,
            length_m=length,
            width_m=length / 6,
            **dict(zip(more, others, strict=True)),
        )
        for n, (at, across, turn, length, day, *others) in enumerate(ships)
    ]


def calls(names: str, along_m: float, day: float = 0.0, **more: Any) -> list[Row]:
    """One ship after the other in one place, a day apart, a few metres apart."""
    return [lie(name, along_m + 4.0 * (n % 3 - 1), day + n, **more) for n, name in enumerate(names)]


def put_down(rows: list[Row], place: str) -> pd.DataFrame:
    """Positions and headings of rows at the quay of a place, and times where they have a day."""
    frame = pd.DataFrame(rows)
    lat, lon, axis = PLACES[place]
    frame["lat"], frame["lon"] = geo.offset_deg(lat, lon, axis, frame["along_m"], frame["across_m"])
    if "turn_deg" in frame:
        frame["heading_deg"] = (axis + frame["turn_deg"]) % 360.0
    if "hours" in frame:
        frame["start_time"] = DAY + _seconds(frame["day"] * 86_400)
        frame["end_time"] = frame["start_time"] + _seconds(frame["hours"] * 3600)
    return frame


def _seconds(number: pd.Series) -> pd.Series:
    return pd.to_timedelta(number.round().astype(int), unit="s")
