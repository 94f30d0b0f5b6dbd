"""Which way moored ships lie: as they say, or along the line that other evidence tells."""

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

# Ships this long are merchant ships, whatever they send, and may be passenger ships (m).
_MERCHANT_M = 80.0
# Cargo ships and tankers leave bow first: within 45 degrees of their heading 29 of 40, of its opposite 9
# (three US ports, 2020-01-01). Of arrivals no more than half are bow first.
_BOW_FIRST, _ALONG_DEG, _STERN_FIRST = ("cargo", "tanker"), 45.0, 0.25
# Within these metres the nearest merchant ship on the same line lay the same way round for 31 of 39 there.
_NEXT_M, _OTHER_WAY = 150.0, 0.2
_NEIGHBOURS, _NEAR_M, _ALONG_LINE_DEG = 8, 60.0, 20.0


def headings_of(
    moored: pd.DataFrame, group: NDArray[np.object_], length_m: Floats
) -> tuple[Floats, NDArray[np.object_]]:
    """Heading of each stop; where none was sent, the axis of the ships beside it, of courses, or of its line.

    Parameters
    ----------
    moored
        Moored stops: ``lat lon heading_deg heading_spread_deg course_deg n_courses course_agreement``.
    group, length_m
        Vessel group and length of the ship of each stop.

    Returns
    -------
    Degrees, nan where nothing tells; and ``sent``, ``neighbours``, ``courses`` or ``none``. All but headings
    that were sent are axes (0-180): bow and stern may be exchanged.
    """
    sent = moored["heading_deg"].to_numpy(dtype=np.float64)
    basis = np.full(len(sent), "none", dtype=object)
    basis[np.isfinite(sent)] = "sent"
    if np.isfinite(sent).all():
        return sent, basis
    axis, by_course = axes_of(moored, group, length_m)
    told = np.isfinite(axis)
    basis[told] = np.where(by_course[told], "courses", "neighbours")
    return np.where(told, axis, sent), basis


def bows_of(
    moored: pd.DataFrame,
    heading_deg: Floats,
    basis: NDArray[np.object_],
    group: NDArray[np.object_],
    fixed: NDArray[np.bool_],
) -> tuple[Floats, Floats]:
    """Turn axes so that the bow points where it most likely did, and say how likely it did not.

    Parameters
    ----------
    moored
        Moored stops: ``lat lon heading_deg heading_spread_deg leaving_deg``.
    heading_deg, basis
        As `headings_of` returns them.
    group
        Vessel group of the ship of each stop.
    fixed
        Ships that sent where the antenna stands, so that the bow is all that is not known.

    Returns
    -------
    Degrees, and the probability that bow and stern are exchanged: 0 for headings that were sent, 0.5 where
    nothing tells.
    """
    off = np.abs(geo.turn_deg(heading_deg, moored["leaving_deg"].to_numpy(dtype=np.float64)))
    axis = np.isfinite(heading_deg) & (basis != "sent")
    # Ships beside it that send their headings settle the bow better.
    told = (basis == "courses") & np.isin(group, _BOW_FIRST) & (np.minimum(off, 180.0 - off) <= _ALONG_DEG)
    along = _ways_of_neighbours(
        moored, heading_deg, np.flatnonzero(axis & ~told & fixed & np.isin(group, COMMERCIAL))
    )
    heading = np.where((told & (off > 90.0)) | (along < 0.0), heading_deg + 180.0, heading_deg)
    turned = np.select([told, axis], [_STERN_FIRST, 0.5 - (0.5 - _OTHER_WAY) * np.abs(along)], 0.0)
    return heading, turned


def trades_of(group: NDArray[np.object_], length_m: Floats) -> NDArray[np.object_]:
    """Vessel groups, with ships that are too large for anything else taken for merchant ships."""
    return np.where((group == "unknown") & (length_m >= _MERCHANT_M), "passenger", group)


def _ways_of_neighbours(moored: pd.DataFrame, heading: Floats, takers: NDArray[np.intp]) -> Floats:
    """Whether the ships nearest on the same line lie along an axis (1) or the other way round (-1)."""
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
    """Stops whose ship sent its heading and kept it: they tell those beside them."""
    sent = np.isfinite(moored["heading_deg"].to_numpy(dtype=np.float64))
    return np.flatnonzero(sent & (moored["heading_spread_deg"].fillna(0.0).to_numpy() < STEADY_DEG))
