"""Which way moored ships lie: as they say, or along the line that other evidence tells."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ais_berths import geo
from ais_berths.evidence import whole
from ais_berths.nearest import nearest

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats

# Neighbours tell the line of a ship within so many of its lengths (m). Real ports, ships of known heading:
# 0.9 of the axes are within 15 degrees from neighbours up to 25 m off; for boats 0.2 to 0.4 from those
# farther than 50 m.
_REACH_LENGTHS, _REACH_M = 2.0, (50.0, 250.0)
_NEIGHBOURS, _NEAR_M, _AGREEMENT, _STEADY_DEG = 8, 60.0, 0.7, 20.0
# Where neighbours and courses differ by more, the ship lies on another line than they: of 14 such cargo ships
# and tankers the courses were right for 12.
_SAME_LINE_DEG = 30.0
# Ships within these metres came to the same place; on a grid this fine.
_PLACE_M, _GRAIN_M = 25.0, 4.0
# Evidence of courses (their number times their agreement squared) from which the line is known: that of one
# arrival for cargo ships and tankers, of two that agree for passenger ships. Tugs come alongside whatever
# they serve, from any side, and of other ships too few are known.
_COURSES = {"cargo": 0.9, "tanker": 0.9, "passenger": 1.8}
# Ships this long are merchant ships, whatever they send, and may be passenger ships (m).
_MERCHANT_M = 80.0
# Cargo ships and tankers leave bow first: within 45 degrees of their heading 29 of 40, of its opposite 9
# (three US ports, 2020-01-01). Of arrivals no more than half are bow first.
_BOW_FIRST, _ALONG_DEG, _STERN_FIRST = ("cargo", "tanker"), 45.0, 0.25
# Within these metres the nearest merchant ship on the same line lay the same way round for 31 of 39 there.
_NEXT_M, _OTHER_WAY = 150.0, 0.2


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
    xyz = geo.sphere_xyz_m(moored["lat"].to_numpy(), moored["lon"].to_numpy())
    reach_m = np.clip(_REACH_LENGTHS * length_m, *_REACH_M)
    axes = _axes_of_neighbours(xyz, sent, _steady(moored), reach_m)
    courses = _axes_of_courses(moored, xyz, group)
    # Neighbours tell the line exactly where it is theirs too; where it is another, courses are right.
    elsewhere = np.abs(geo.turn_deg(axes, courses, period=180.0)) > _SAME_LINE_DEG
    heading = sent.copy()
    for way, axis in (("neighbours", np.where(elsewhere, np.nan, axes)), ("courses", courses)):
        told = ~np.isfinite(heading) & np.isfinite(axis)
        heading[told], basis[told] = axis[told], way
    return heading, basis


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
        moored, heading_deg, np.flatnonzero(axis & ~told & fixed & np.isin(group, tuple(_COURSES)))
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
    index, weight = _nearest(xyz, givers, takers, np.full(len(takers), _NEXT_M))
    turn = geo.turn_deg(heading[takers][:, None], sent[index])
    weight = np.where(np.minimum(np.abs(turn), 180.0 - np.abs(turn)) <= _STEADY_DEG, weight, 0.0)
    mean = (weight * np.sign(90.0 - np.abs(turn))).sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9)
    along[takers] = mean
    return along


def _axes_of_neighbours(xyz: Floats, heading: Floats, givers: NDArray[np.intp], reach_m: Floats) -> Floats:
    """Axis on which the ships moored nearest agree."""
    takers = np.flatnonzero(~np.isfinite(heading))
    axis = np.full(len(heading), np.nan)
    if not len(givers):
        return axis
    index, weight = _nearest(xyz, givers, takers, reach_m[takers])
    total = weight.sum(axis=1)
    mean = (weight * np.exp(2j * np.radians(heading[index]))).sum(axis=1) / np.maximum(total, 1e-9)
    agree = (total > 0.0) & (np.abs(mean) > _AGREEMENT)
    axis[takers] = np.where(agree, np.degrees(np.angle(mean)) / 2.0 % 180.0, np.nan)
    return axis


def _steady(moored: pd.DataFrame) -> NDArray[np.intp]:
    """Stops whose ship sent its heading and kept it: they tell those beside them."""
    sent = np.isfinite(moored["heading_deg"].to_numpy(dtype=np.float64))
    return np.flatnonzero(sent & (moored["heading_spread_deg"].fillna(0.0).to_numpy() < _STEADY_DEG))


def _nearest(
    xyz: Floats, givers: NDArray[np.intp], takers: NDArray[np.intp], reach_m: Floats
) -> tuple[NDArray[np.intp], Floats]:
    """The givers nearest to each taker, and how much each counts: nothing out of reach."""
    metres, index = nearest(xyz[givers], xyz[takers], _NEIGHBOURS, float(reach_m.max()))
    near = metres <= reach_m[:, None]
    weight = np.where(near, np.exp(-np.where(near, metres, 0.0) / _NEAR_M), 0.0)
    return givers[index], weight


def _axes_of_courses(moored: pd.DataFrame, xyz: Floats, group: NDArray[np.object_]) -> Floats:
    """Axis of the courses on which ships came to the place of each stop and left it."""
    least = pd.Series(group).map(_COURSES).fillna(np.inf).to_numpy(dtype=np.float64)
    n = np.where(np.isfinite(least), moored["n_courses"].fillna(0).to_numpy(dtype=np.float64), 0.0)
    size = n * moored["course_agreement"].fillna(0.0).to_numpy(dtype=np.float64)
    axes = size * np.exp(2j * np.radians(moored["course_deg"].fillna(0.0).to_numpy(dtype=np.float64)))
    # Ships come to one place thousands of times.
    grains, grain = geo.grains(xyz, _GRAIN_M)
    pairs = cKDTree(grains).query_pairs(_PLACE_M, output_type="ndarray").reshape(-1, 2)
    i, j = np.concatenate([pairs, pairs[:, ::-1], np.repeat(np.arange(len(grains))[:, None], 2, axis=1)]).T

    def around(values: Floats) -> Floats:
        own = np.bincount(grain, weights=whole(values), minlength=len(grains))
        return np.bincount(i, weights=own[j], minlength=len(grains))[grain].astype(np.float64)

    total, count = around(axes.real) + 1j * around(axes.imag), np.maximum(around(n), 1.0)
    known = (np.abs(total) ** 2 / count >= least) & (np.abs(total) / count > _AGREEMENT)
    return np.where(known, np.degrees(np.angle(total)) / 2.0 % 180.0, np.nan)
