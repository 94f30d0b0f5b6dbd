"""Dividing the stops of the world into portions that do not affect each other.

Stops affect each other only if they are near: as neighbours, at one quay, in one anchorage. Places farther
apart than the widest of these distances can be worked on one after the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from ais_berths import geo
from ais_berths.buoys import COMPANY_M
from ais_berths.evidence import in_portions
from ais_berths.groups import number_groups
from ais_berths.sizes import LARGEST_M

if TYPE_CHECKING:
    from collections.abc import Iterable

    import pandas as pd
    from numpy.typing import NDArray

    from ais_berths.config import Config

# What rounding to grains adds to a distance, and a number above the radius of the earth (m).
_PLAY_M, _EARTH_M = 100.0, 6_500_000.0
_BITS = 21


def reach_m(config: Config) -> float:
    """Widest distance at which one stop affects another, from antenna to antenna or about a buoy (m)."""
    # Distances that are no settings are shorter than that between ships at anchor.
    return _PLAY_M + max(
        COMPANY_M,
        config.mooring.neighbour_m,
        config.mooring.same_berth_m,
        config.mooring.buoy_m,
        config.anchorages.eps_m,
        config.quays.terminal_m,
        # Two ships on one line, the antenna of each at the far end.
        config.berths.continuous_gap_m + 2.0 * LARGEST_M,
    )


@dataclass(frozen=True)
class Cubes:
    """Cubes of space with stops in them.

    ``cube`` is ascending, ``n_stops`` is the number of stops in each; ``pairs`` are cubes that belong
    together as a stop lies in one and its pivot in the other.
    """

    cube: NDArray[np.int64]
    n_stops: NDArray[np.int64]
    pairs: NDArray[np.int64]

    @classmethod
    def of(cls, stops: pd.DataFrame, side_m: float) -> Cubes:
        """Find the cubes of some stops: ``lat lon pivot_lat pivot_lon``."""
        own = _cubes(stops["lat"].to_numpy(), stops["lon"].to_numpy(), side_m)
        pivot = np.isfinite(stops["pivot_lat"].to_numpy(dtype=np.float64))
        about = stops[pivot]
        other = _cubes(about["pivot_lat"].to_numpy(), about["pivot_lon"].to_numpy(), side_m)
        pairs = np.unique(np.stack([own[pivot], other])[:, own[pivot] != other], axis=1)
        return cls.added([cls(own, np.ones(len(own), dtype=np.int64), pairs)])

    @classmethod
    def added(cls, parts: Iterable[Cubes]) -> Cubes:
        """Add up the cubes of several tables of stops."""
        parts = list(parts)
        every = np.concatenate([part.cube for part in parts])
        pairs = np.unique(np.concatenate([part.pairs for part in parts], axis=1), axis=1)
        cube, at = np.unique(np.concatenate([every, *pairs]), return_inverse=True)
        stops = np.concatenate([part.n_stops for part in parts])
        n_stops = np.bincount(at[: len(every)], weights=stops, minlength=len(cube))
        return cls(cube, n_stops.astype(np.int64), pairs)


@dataclass(frozen=True)
class Portions:
    """Number of the portion of each cube of space."""

    cube: NDArray[np.int64]
    portion: NDArray[np.int64]
    side_m: float

    @classmethod
    def of(cls, cubes: Cubes, side_m: float, most_stops: int) -> Portions:
        """Put cubes that touch into one portion, and fill it up with the next ones.

        Parameters
        ----------
        most_stops
            Stops of a portion. Cubes that touch are never divided, so some portions hold more.
        """
        n = len(cubes.cube)
        corner = np.stack([cubes.cube >> (_BITS * axis) & (2**_BITS - 1) for axis in range(3)], axis=1)
        # Corners of cubes that share a face, an edge or a corner are at most the root of 3 apart.
        touching = (
            cKDTree(corner).query_pairs(1.9, output_type="ndarray") if n else np.zeros((0, 2), dtype=int)
        )
        i, j = np.concatenate([touching.T, np.searchsorted(cubes.cube, cubes.pairs)], axis=1)
        region = number_groups(i, j, n)
        size = np.bincount(region, weights=cubes.n_stops).astype(np.int64)
        return cls(cubes.cube, in_portions(size, most_stops)[region], side_m)

    def __len__(self) -> int:
        return int(self.portion.max(initial=0)) + 1

    def number(self, stops: pd.DataFrame) -> NDArray[np.int64]:
        """Portion of each stop: ``lat lon``."""
        cube = _cubes(stops["lat"].to_numpy(), stops["lon"].to_numpy(), self.side_m)
        return self.portion[np.searchsorted(self.cube, cube)]


def _cubes(lat: NDArray[np.float64], lon: NDArray[np.float64], side_m: float) -> NDArray[np.int64]:
    """Number of the cube of space that each position lies in."""
    x, y, z = np.floor((geo.sphere_xyz_m(lat, lon) + _EARTH_M) / side_m).astype(np.int64).T
    cube: NDArray[np.int64] = x | y << _BITS | z << 2 * _BITS
    return cube
