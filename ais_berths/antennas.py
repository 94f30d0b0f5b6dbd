"""Usual places of the antenna, and usual sizes, of ships that did not send them.

The archive of the UN Global Platform and the US feed carry length and width but no antenna offsets
(A, B, C, D). This module summarises 1,360 real ships: where their antenna stands between bow and stern, by
vessel group and length. Sources: public AIS test files of Denmark (2010, 2013), Australia and exactEarth
(2012, 2021), one row a ship, without ships that sent A = C = 0.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

RATIOS = np.linspace(0.0, 1.0, 41)
"""Antenna ratios A / (A + B) to choose from."""

ACROSS_SD = 0.16
"""Spread of D / (C + D) about one half, all groups (n = 1,341)."""


class _Band(NamedTuple):
    """Antenna ratio A / (A + B) of one group up to a length: usual place, its share, and the other place."""

    group: str
    up_to_m: float
    usual: float
    usual_sd: float
    share: float
    other: float
    other_sd: float


# `share` of the ships have the antenna in the usual place; most of the others have the bridge at the other
# end.
_BANDS = (
    _Band("cargo", 60, 0.80, 0.06, 0.35, 0.35, 0.16),
    _Band("cargo", 100, 0.83, 0.06, 0.80, 0.32, 0.14),
    _Band("cargo", 150, 0.84, 0.05, 0.78, 0.25, 0.15),
    _Band("cargo", 200, 0.85, 0.04, 0.82, 0.32, 0.18),
    _Band("cargo", 999, 0.86, 0.03, 0.80, 0.60, 0.22),
    _Band("tanker", 100, 0.79, 0.06, 0.88, 0.35, 0.18),
    _Band("tanker", 999, 0.83, 0.03, 0.92, 0.45, 0.22),
    _Band("passenger", 60, 0.48, 0.10, 0.65, 0.30, 0.10),
    _Band("passenger", 100, 0.24, 0.07, 0.60, 0.47, 0.06),
    _Band("passenger", 999, 0.16, 0.06, 0.80, 0.35, 0.20),
    _Band("tug", 999, 0.33, 0.10, 0.90, 0.50, 0.15),
    _Band("fishing", 25, 0.75, 0.08, 0.55, 0.38, 0.10),
    _Band("fishing", 999, 0.50, 0.18, 0.90, 0.30, 0.10),
    _Band("leisure", 999, 0.55, 0.20, 0.90, 0.85, 0.10),
    _Band("service", 25, 0.67, 0.10, 0.60, 0.40, 0.10),
    _Band("service", 999, 0.42, 0.10, 0.60, 0.75, 0.15),
    _Band("other", 999, 0.38, 0.16, 0.70, 0.78, 0.10),
    _Band("unknown", 999, 0.80, 0.10, 0.55, 0.38, 0.16),
)

# Share of ships whose antenna stands anywhere (largest likelihood of the 1,360 ships).
_ANYWHERE = 0.05

# Median length and width (m) by group, for ships that sent no size at all. Seagoing passenger ships, those
# with an IMO number, are of 100 GT and more: those longer than 35 m (n = 49).
_USUAL_SIZE = {
    "cargo": (190.0, 30.0),
    "tanker": (180.0, 30.0),
    "passenger": (50.0, 13.0),
    "seagoing passenger": (85.0, 16.0),
    "tug": (30.0, 10.0),
    "fishing": (26.0, 8.0),
    "leisure": (25.0, 6.0),
    "service": (17.0, 5.0),
    "other": (52.0, 12.0),
    "unknown": (60.0, 12.0),
}

# Length over width, median by group, where only one of them is known.
_SLENDERNESS = {
    "cargo": 6.4,
    "tanker": 5.9,
    "passenger": 5.0,
    "tug": 3.0,
    "fishing": 4.2,
    "leisure": 3.9,
    "service": 3.3,
}


def usual_size(
    group: NDArray[np.object_], seagoing: NDArray[np.bool_] | bool = False
) -> tuple[Floats, Floats]:
    """Median length and width of each vessel's group (m), of its seagoing ships for those with an IMO number.

    Examples
    --------
    >>> usual_size(np.array(["tug", "passenger", "passenger"], dtype=object), np.array([True, False, True]))
    (array([30., 50., 85.]), array([10., 13., 16.]))
    """
    names = np.where(seagoing & (group == "passenger"), "seagoing passenger", group)
    sizes = np.array([_USUAL_SIZE.get(name, _USUAL_SIZE["unknown"]) for name in names.tolist()])
    sizes = sizes.reshape(-1, 2)
    return sizes[:, 0], sizes[:, 1]


def slenderness(group: NDArray[np.object_]) -> Floats:
    """Median length over width of each vessel's group."""
    return np.array([_SLENDERNESS.get(name, 4.3) for name in group.tolist()], dtype=np.float64)


def ratio_density(group: NDArray[np.object_], length_m: Floats, grid: Floats) -> Floats:
    """Probability of each antenna ratio A / (A + B) for each ship.

    Parameters
    ----------
    group, length_m
        Vessel group and length of each ship.
    grid
        Ratios, 0 at the bow and 1 at the stern.

    Returns
    -------
    One row a ship, each summing to one over the grid: a mixture of the usual place of the bridge and
    the other one.

    Examples
    --------
    >>> grid = np.linspace(0, 1, 21)
    >>> density = ratio_density(np.array(["tanker"], dtype=object), np.array([180.0]), grid)
    >>> float(grid[density[0].argmax()].round(2))
    0.85
    """
    bands = _bands_of(group, length_m)
    usual = _bell(grid, bands[:, [0]], bands[:, [1]])
    other = _bell(grid, bands[:, [3]], bands[:, [4]])
    anywhere = np.full((1, len(grid)), 1.0 / len(grid))
    mixture = bands[:, [2]] * usual + (1.0 - bands[:, [2]]) * other
    mixture = (1.0 - _ANYWHERE) * mixture + _ANYWHERE * anywhere
    result: Floats = mixture / mixture.sum(axis=1, keepdims=True)
    return result


def usual_ratio(group: NDArray[np.object_], length_m: Floats) -> tuple[Floats, Floats]:
    """Most likely antenna ratio of each ship and its standard deviation, the tail included."""
    bands = _bands_of(group, length_m)
    mean, sd, share, other, other_sd = bands.T
    variance = share * sd**2 + (1.0 - share) * (other_sd**2 + (other - mean) ** 2)
    return mean, np.sqrt(variance)


def _bands_of(group: NDArray[np.object_], length_m: Floats) -> Floats:
    """Usual ratio, its sd, its share, other ratio and its sd of each ship."""
    out = np.empty((len(group), 5))
    found = np.zeros(len(group), dtype=bool)
    known = {band.group for band in _BANDS}
    names = np.array([name if name in known else "unknown" for name in group.tolist()], dtype=object)
    for band in _BANDS:
        fits = (names == band.group) & ~found & (np.nan_to_num(length_m) < band.up_to_m)
        out[fits] = (band.usual, band.usual_sd, band.share, band.other, band.other_sd)
        found |= fits
    return out


def _bell(grid: Floats, mean: Floats, sd: Floats) -> Floats:
    weight = np.exp(-0.5 * ((grid[None, :] - mean) / sd) ** 2)
    result: Floats = weight / weight.sum(axis=1, keepdims=True)
    return result
