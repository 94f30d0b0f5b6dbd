"""The register: places with ids that never change, and their history."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd

from ais_berths import schema

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

LETTERS = {"berth": "B", "quay": "Q", "anchorage": "A"}
"""Sorts of place, and the letter of their ids."""

STATUSES = ("active", "vanished", "merged", "rejected")

_CRS = "EPSG:4326"


@dataclass(frozen=True)
class Register:
    """Places and their history.

    Parameters
    ----------
    places
        The table ``register`` with a polygon in degrees, sorted by ``place_id``. Columns beyond those of the
        table are attributes given by hand; they are kept.
    history
        The table ``register_history``, sorted by time and place.
    """

    places: gpd.GeoDataFrame
    history: pd.DataFrame

    @classmethod
    def of(cls, places: Any, history: pd.DataFrame) -> Register:
        """Bring both tables into their types and their order."""
        shapes = places.geometry.to_numpy()
        plain = pd.DataFrame(places.drop(columns=places.geometry.name))
        extra = [name for name in plain.columns if name not in schema.REGISTER.names]
        table = schema.conform(plain, "register")
        for name in extra:
            table[name] = plain[name].to_numpy()
        for name in ("by_hand", "status"):
            table[name] = table[name].astype(object).where(table[name].notna(), "")
        frame = gpd.GeoDataFrame(table, geometry=shapes, crs=_CRS)
        order = ["time", "place_id", "event", "other_id"]
        return cls(
            frame.sort_values("place_id", ignore_index=True),
            schema.conform(history, "register_history").sort_values(order, ignore_index=True),
        )

    @classmethod
    def empty(cls) -> Register:
        """A register without places."""
        places = gpd.GeoDataFrame(schema.empty("register"), geometry=[], crs=_CRS)
        return cls.of(places, schema.empty("register_history"))

    def of_sort(self, place: str) -> gpd.GeoDataFrame:
        """Places of one kind, without those that were merged into others."""
        rows = self.places
        return rows[(rows["place"] == place) & (rows["status"] != "merged")].reset_index(drop=True)


def set_by_hand(places: pd.DataFrame, column: str) -> NDArray[np.bool_]:
    """Tell for which places a column was set by hand."""
    return np.array([column in text.split(", ") for text in places["by_hand"]], dtype=bool)


def mark_by_hand(text: str, columns: Iterable[str]) -> str:
    """Add columns to a value of ``by_hand``.

    Examples
    --------
    >>> mark_by_hand("name", ["geometry", "name"])
    'geometry, name'
    """
    return ", ".join(sorted({*filter(None, text.split(", ")), *columns}))


def new_ids(prefixes: Iterable[str], place: str, taken: Iterable[str]) -> list[str]:
    """Ids for new places, numbered on from the largest number that was ever used with a prefix.

    Examples
    --------
    >>> new_ids(["NLRTM", "NLRTM"], "berth", ["NLRTM-B001", "NLRTM-B014", "BEANR-B020"])
    ['NLRTM-B015', 'NLRTM-B016']
    """
    last: dict[str, int] = {}
    for known in taken:
        prefix, _, number = known.rpartition(f"-{LETTERS[place]}")
        if number.isdecimal():
            last[prefix] = max(last.get(prefix, 0), int(number))
    ids = []
    for prefix in prefixes:
        last[prefix] = last.get(prefix, 0) + 1
        ids.append(f"{prefix}-{LETTERS[place]}{last[prefix]:03d}")
    return ids
