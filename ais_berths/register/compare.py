"""What changed between two registers or two runs, in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd

from ais_berths import geo
from ais_berths.register.boxes import measure, middles
from ais_berths.register.matching import link_places

if TYPE_CHECKING:
    import geopandas as gpd

    from ais_berths.config import RegistryConfig

_WINDS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west")


class Difference(NamedTuple):
    """One change: the place in the first and in the second table, and what it is in words."""

    kind: str
    before_id: str | None
    after_id: str | None
    words: str


def compare_places(
    before: gpd.GeoDataFrame, after: gpd.GeoDataFrame, config: RegistryConfig
) -> tuple[list[Difference], int]:
    """Compare the places of two registers or runs.

    Places with one id are one place; of the others, those that lie in the same place are.

    Parameters
    ----------
    before, after
        Places in degrees with ``place_id``, ``place``, ``name``, ``status``, ``merged_into``, ``berth_kind``,
        ``use`` and ``heading_deg``.
    config
        The section ``registry`` of the settings.

    Returns
    -------
    The differences, by place, and how many places are as they were.
    """
    found: list[Difference] = []
    same = 0
    for place in sorted({*before["place"], *after["place"]}):
        a, b = (
            frame[frame["place"] == place].sort_values("place_id", ignore_index=True)
            for frame in (before, after)
        )
        pairs, gone, new = _pair(a, b, config)
        for i, j in pairs:
            changes = _changes(a, b, i, j, config)
            found.extend(changes)
            same += not changes
        found.extend(Difference("gone", a["place_id"][i], None, f"{_title(a, i)} is gone") for i in gone)
        found.extend(_appeared(b, j) for j in new)
    return sorted(found, key=lambda item: (item.after_id or item.before_id or "", item.kind)), same


def _pair(
    a: gpd.GeoDataFrame, b: gpd.GeoDataFrame, config: RegistryConfig
) -> tuple[list[tuple[int, int]], list[int], list[int]]:
    row_of = {name: row for row, name in enumerate(b["place_id"])}
    pairs = [(i, row_of[name]) for i, name in enumerate(a["place_id"]) if name in row_of]
    left, right = _rest(pairs, len(a), len(b))
    if left and right:
        rest = a.iloc[left].reset_index(drop=True), b.iloc[right].reset_index(drop=True)
        links = link_places(rest[1], rest[0], config).same
        pairs += [(left[i], right[j]) for i, j in zip(links["known"], links["found"], strict=True)]
        left, right = _rest(pairs, len(a), len(b))
    return pairs, left, right


def _rest(pairs: list[tuple[int, int]], n_a: int, n_b: int) -> tuple[list[int], list[int]]:
    """Rows of both tables that are in no pair."""
    left, right = (set(range(n)) for n in (n_a, n_b))
    return sorted(left - {i for i, _ in pairs}), sorted(right - {j for _, j in pairs})


def _changes(
    a: gpd.GeoDataFrame, b: gpd.GeoDataFrame, i: int, j: int, config: RegistryConfig
) -> list[Difference]:
    before, after = a["place_id"][i], b["place_id"][j]
    title = _title(b, j)
    found = []

    def say(kind: str, words: str) -> None:
        found.append(Difference(kind, before, after, words))

    if before != after:
        say("other id", f"{title} was {before} before")
    if _text(a, "status", i) != _text(b, "status", j):
        into = _text(b, "merged_into", j)
        status = _text(b, "status", j)
        say(status, f"{title} is part of {into} now" if into else f"{title} is {status} now")
    for name in ("name", "use", "berth_kind"):
        old, new = _text(a, name, i), _text(b, name, j)
        if old != new:
            say("renamed" if name == "name" else "changed", f"{after}: {name} '{old}' before, '{new}' now")
    found.extend(_moved(a, b, i, j, config))
    return found


def _moved(
    a: gpd.GeoDataFrame, b: gpd.GeoDataFrame, i: int, j: int, config: RegistryConfig
) -> list[Difference]:
    shapes = np.array([a.geometry.iloc[i], b.geometry.iloc[j]], dtype=object)
    lon, lat = middles(shapes)
    away = float(geo.haversine_m(lat[0], lon[0], lat[1], lon[1]))
    length = measure(shapes, [a["heading_deg"][i], b["heading_deg"][j]])["length_m"]
    found = []
    if away > config.moved_m:
        ahead, right = geo.along_across_m(lat[0], lon[0], lat[1], lon[1], 0.0)
        wind = _WINDS[int(np.degrees(np.arctan2(right, ahead)) % 360.0 / 45.0 + 0.5) % 8]
        found.append(f"{_title(b, j)} moved {away:.0f} m to the {wind}")
    if abs(length[1] - length[0]) > config.moved_m:
        word = "longer" if length[1] > length[0] else "shorter"
        found.append(f"{_title(b, j)} is {word}: {length[0]:.0f} m before, {length[1]:.0f} m now")
    return [Difference("moved", a["place_id"][i], b["place_id"][j], words) for words in found]


def _appeared(b: gpd.GeoDataFrame, j: int) -> Difference:
    shape = np.array([b.geometry.iloc[j]], dtype=object)
    lon, lat = (float(values[0]) for values in middles(shape))
    size = measure(shape, [b["heading_deg"][j]])["length_m"][0]
    north, east = "N" if lat >= 0 else "S", "E" if lon >= 0 else "W"
    where = f"{abs(lat):.4f}{north} {abs(lon):.4f}{east}"
    return Difference("new", None, b["place_id"][j], f"{_title(b, j)} is new: {size:.0f} m long, at {where}")


def _title(frame: gpd.GeoDataFrame, row: int) -> str:
    name = _text(frame, "name", row)
    return f"{frame['place_id'][row]} ({name})" if name else str(frame["place_id"][row])


def _text(frame: gpd.GeoDataFrame, column: str, row: int) -> str:
    value = frame[column][row] if column in frame.columns else None
    return "" if value is None or pd.isna(value) else str(value)
