"""How large the ship of each stop is, also where nobody sent a size."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ais_berths import antennas, geo
from ais_berths.lengths import lengths_from_places
from ais_berths.vessels import column_of, groups_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats

_NEARBY_M, _NEIGHBOURS = 150.0, 9
# No ship is longer than this.
_LARGEST_M = 600.0


def describe_ships(moored: pd.DataFrame, vessels: pd.DataFrame) -> pd.DataFrame:
    """Group, length, width and antenna offsets of the ship of each moored stop.

    Missing lengths and widths come from each other by the usual slenderness of the group; a ship that
    sent neither is taken to be as large as the ships moored nearest to it, or as long as its turns and the
    antennas of ships lying bow-in and bow-out tell; one without a heading as large as those near by of
    which this was told; any other as the median of its group. ``sized`` says whether at least one was known.
    """
    group = groups_of(vessels, moored["mmsi"])
    length = _possible(column_of(vessels, "loa_m", moored["mmsi"]))
    width = _possible(column_of(vessels, "beam_m", moored["mmsi"]))
    slender = antennas.slenderness(group)
    sized = np.isfinite(length) | np.isfinite(width)
    known = length.copy()
    length = np.where(np.isfinite(length), length, np.minimum(width * slender, _LARGEST_M))
    width = np.where(np.isfinite(width), width, known / slender)
    seagoing = np.nan_to_num(column_of(vessels, "imo", moored["mmsi"]).astype(np.float64)) > 0
    usual_length, usual_width = antennas.usual_size(group, seagoing)
    told = lengths_from_places(moored, group, usual_length, ~sized)
    guesses = (
        _sizes_nearby(moored, group, length, width),
        (told, told / slender),
        # Ships that send no heading either are as large as those near by whose places told a length.
        _sizes_nearby(moored, group, told, told / slender),
        (usual_length, usual_width),
    )
    for some_length, some_width in guesses:
        length = np.where(np.isfinite(length), length, some_length)
        width = np.where(np.isfinite(width), width, some_width)
    frame = pd.DataFrame(
        {
            "group": group,
            "length_m": length,
            "width_m": width,
            "sized": sized,
        }
    )
    for name in ("to_bow_m", "to_stern_m", "to_port_m", "to_starboard_m"):
        frame[name] = _possible(column_of(vessels, name, moored["mmsi"]), least_m=0.0)
    return frame


def _possible(sizes: NDArray[Any], least_m: float = 0.1) -> NDArray[np.float64]:
    """Sizes without those that no ship has: a table of one's own may hold anything."""
    values = sizes.astype(np.float64)
    return np.where((values >= least_m) & (values <= _LARGEST_M), values, np.nan)


def _sizes_nearby(
    moored: pd.DataFrame, group: NDArray[np.object_], length: Floats, width: Floats
) -> tuple[Floats, Floats]:
    """Median size of the ships of the same group moored near by, nan where none of known size are."""
    near_length, near_width = np.full(len(moored), np.nan), np.full(len(moored), np.nan)
    xyz = geo.sphere_xyz_m(moored["lat"].to_numpy(), moored["lon"].to_numpy())
    known = np.isfinite(length)
    for name in np.unique(group[~known]).tolist():
        givers, takers = np.flatnonzero(known & (group == name)), np.flatnonzero(~known & (group == name))
        if not len(givers):
            continue
        k = min(_NEIGHBOURS, len(givers))
        metres, index = cKDTree(xyz[givers]).query(xyz[takers], k=k, distance_upper_bound=_NEARBY_M)
        near = np.isfinite(metres.reshape(-1, k))
        at = givers[np.where(near, index.reshape(-1, k), 0)]
        some = near.any(axis=1)
        for values, out in ((length, near_length), (width, near_width)):
            out[takers[some]] = np.nanmedian(np.where(near, values[at], np.nan)[some], axis=1)
    return near_length, near_width
