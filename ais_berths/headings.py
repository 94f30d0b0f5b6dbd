"""Headings of moored ships: as sent, or else along the line that other evidence suggests."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ais_berths import geo
from ais_berths.axes import STEADY_DEG, axes_of
from ais_berths.nearest import nearest
from ais_berths.vessels import COMMERCIAL

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ais_berths.geo import Floats

# Ships of unknown type this long are merchant ships (m), and are treated as passenger ships.
_MERCHANT_M = 80.0
# Cargo ships and tankers leave bow first: of 40, the course of 29 was within 45 degrees of the heading, of 9
# within 45 degrees of its opposite (three US ports, 2020-01-01). Of arrivals, at most half are bow first.
_BOW_FIRST, _ALONG_DEG, _STERN_FIRST = ("cargo", "tanker"), 45.0, 0.25
# For 31 of 39 ships there, the nearest merchant ship within these metres on the same line faced the same way.
_NEXT_M, _OTHER_WAY = 150.0, 0.2
_NEIGHBOURS, _NEAR_M, _ALONG_LINE_DEG = 8, 60.0, 20.0


def headings_of(
    moored: pd.DataFrame, group: NDArray[np.object_], length_m: Floats
) -> tuple[Floats, NDArray[np.object_]]:
    """Heading of each stop; where none was sent, the axis from ships near by or from courses.

    Parameters
    ----------
    moored
        Moored stops: ``lat lon heading_deg heading_spread_deg course_deg n_courses course_agreement``.
    group, length_m
        Vessel group and length of the ship of each stop.

    Returns
    -------
    Degrees, nan where unknown; and the basis: ``sent``, ``neighbours``, ``courses`` or ``none``. Headings
    that were not sent are axes (0-180): bow and stern may be exchanged.
    """
    sent = moored["heading_deg"].to_numpy(dtype=np.float64)
    basis = np.full(len(sent), "none", dtype=object)
    basis[np.isfinite(sent)] = "sent"
    if np.isfinite(sent).all():
        return sent, basis
    axis, by_course = axes_of(moored, group, length_m)
    found = np.isfinite(axis)
    basis[found] = np.where(by_course[found], "courses", "neighbours")
    return np.where(found, axis, sent), basis


def bows_of(
    moored: pd.DataFrame,
    heading_deg: Floats,
    basis: NDArray[np.object_],
    group: NDArray[np.object_],
    fixed: NDArray[np.bool_],
) -> tuple[Floats, Floats]:
    """Turn axes so that the bow is at its likelier end, and give the probability that it is not.

    Parameters
    ----------
    moored
        Moored stops: ``lat lon heading_deg heading_spread_deg leaving_deg``.
    heading_deg, basis
        As `headings_of` returns them.
    group
        Vessel group of the ship of each stop.
    fixed
        Stops of ships that sent their antenna offsets, so that only the bow is unknown.

    Returns
    -------
    Degrees, and the probability that bow and stern are exchanged: 0 for headings that were sent, 0.5 without
    evidence.
    """
    off = np.abs(geo.turn_deg(heading_deg, moored["leaving_deg"].to_numpy(dtype=np.float64)))
    axis = np.isfinite(heading_deg) & (basis != "sent")
    # Where ships near by sent their headings, these decide better than the course on leaving.
    left = (basis == "courses") & np.isin(group, _BOW_FIRST) & (np.minimum(off, 180.0 - off) <= _ALONG_DEG)
    along = _ways_of_neighbours(
        moored, heading_deg, np.flatnonzero(axis & ~left & fixed & np.isin(group, COMMERCIAL))
    )
    heading = np.where((left & (off > 90.0)) | (along < 0.0), heading_deg + 180.0, heading_deg)
    turned = np.select([left, axis], [_STERN_FIRST, 0.5 - (0.5 - _OTHER_WAY) * np.abs(along)], 0.0)
    return heading, turned


def trades_of(group: NDArray[np.object_], length_m: Floats) -> NDArray[np.object_]:
    """Vessel groups, with large ships of unknown type counted as passenger ships."""
    return np.where((group == "unknown") & (length_m >= _MERCHANT_M), "passenger", group)


def _ways_of_neighbours(moored: pd.DataFrame, heading: Floats, takers: NDArray[np.intp]) -> Floats:
    """Whether the nearest ships on the same line face along an axis (1) or the other way (-1)."""
    along = np.zeros(len(moored))
    if not len(takers):
        return along
    sent = moored["heading_deg"].to_numpy(dtype=np.float64)
    givers = _steady(moored)
    if not len(givers):
        return along
    xyz = geo.sphere_xyz_m(moored["lat"].to_numpy(), moored["lon"].to_numpy())
    metres, index = nearest(xyz[givers], xyz[takers], _NEIGHBOURS, _NEXT_M)
    weight = np.exp(-metres / _NEAR_M)
    turn = geo.turn_deg(heading[takers][:, None], sent[givers[index]])
    weight = np.where(np.minimum(np.abs(turn), 180.0 - np.abs(turn)) <= _ALONG_LINE_DEG, weight, 0.0)
    mean = (weight * np.sign(90.0 - np.abs(turn))).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9)
    along[takers] = mean
    return along


def _steady(moored: pd.DataFrame) -> NDArray[np.intp]:
    """Stops whose ship sent a steady heading."""
    sent = np.isfinite(moored["heading_deg"].to_numpy(dtype=np.float64))
    return np.flatnonzero(sent & (moored["heading_spread_deg"].fillna(0.0).to_numpy() < STEADY_DEG))
