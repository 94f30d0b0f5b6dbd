"""Axes of moored ships that sent no heading, from all evidence near by.

Courses on arrival and departure are some degrees off, and a third of them are along no quay at all. But ships
near each other mostly lie in one direction: in three US ports (NOAA, 2020-01-01) merchant ships were parallel
within 5 degrees in 0.92 of 13 pairs that lay 50 to 100 m apart, and in 0.69 of 58 pairs at 100 to 300 m. So
the axis of a ship is estimated from its own courses, those of ships around it, headings sent there, and lines
through antennas. Each of these is a direction that is right with some probability and worthless otherwise.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ais_berths import geo
from ais_berths.evidence import add_rows, whole
from ais_berths.nearest import nearest
from ais_berths.vessels import COMMERCIAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats

# Axes to choose from (deg); the peak is interpolated between the best one and those beside it.
_STEP_DEG = 3.0
_AXES = np.arange(0.0, 180.0, _STEP_DEG)
# An axis is known if it is within these degrees of the best one with this probability.
_ABOUT_DEG, _KNOWN = 15.0, 0.5
# Probability that the course of one arrival or departure is along the berth, beyond chance, and its error
# then (deg). Courses count for merchant ships only: tugs come alongside whatever they serve.
_COURSES = {"cargo": 0.75, "tanker": 0.55, "passenger": 0.35, "tug": 0.25}
_COURSE_DEG = 10.0
# Courses to one place (m), and headings sent there or within half a ship's length, may agree on another line
# than the evidence farther off. If they surely do, by this many degrees or more, the ship lies on their line.
# With courses alone, 12 of 14 such cargo ships and tankers did.
_PLACE_M, _HALF, _SURE, _SAME_LINE_DEG = 25.0, 0.5, 0.75, 30.0
# The same for headings that were sent and steady within this many degrees. Those of merchant ships count by
# this factor for other ships, and the reverse, as these lie across as often as along.
_SENT, _SENT_DEG, _OTHER_KIND, STEADY_DEG = 0.95, 3.0, 0.5, 20.0
# Share of merchant ships on one line with a ship near by, not merely parallel to it; error of that line
# (deg), distance of antennas from it (m), and least distance between two antennas (m).
_IN_LINE, _LINE_DEG, _BESIDE_M, _APART_M = 0.15, 3.0, 8.0, 20.0
# Reach of other evidence in lengths of the ship (clipped to m); log of its decay at the end of the reach.
_REACH_LENGTHS, _REACH_M, _FADING = 2.0, (50.0, 250.0), 1.5
_NEIGHBOURS, _AT_ONCE = 25, 1000
# Visits of a ship to one cell of a grid this fine (m) are put together.
_GRAIN_M = 10.0


def axes_of(
    moored: pd.DataFrame, group: NDArray[np.object_], length_m: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """Most likely axis of the ship of each stop that sent no heading.

    Parameters
    ----------
    moored
        Moored stops: ``mmsi lat lon heading_deg heading_spread_deg course_deg n_courses course_agreement``.
    group, length_m
        Vessel group and length of the ship of each stop.

    Returns
    -------
    Degrees (0-180), nan without enough evidence and for ships that sent a heading; and whether most of the
    evidence is courses.
    """
    unknown = ~np.isfinite(moored["heading_deg"].to_numpy(dtype=np.float64))
    visits = _Visits.of(moored, group, unknown)
    axis, by_course = np.full(len(visits.first), np.nan), np.zeros(len(visits.first), dtype=bool)
    wanted = np.unique(visits.number[unknown])
    length_m = length_m[visits.first]
    directed, merchants = (_Sources.of(visits.xyz, some) for some in (visits.trust > 0.0, visits.merchant))
    for begin in range(0, len(wanted), _AT_ONCE):
        some = wanted[begin : begin + _AT_ONCE]
        axis[some], by_course[some] = visits.likely_axes(some, length_m[some], directed, merchants)
    return axis[visits.number], by_course[visits.number]


class _Visits(NamedTuple):
    """The visits of each ship to each place, put together.

    ``number`` numbers them for each stop, ``first`` is the first stop of each. ``axis`` is their direction,
    from courses (``by_course``) or from headings that were sent; it is right with the probability ``trust``.
    """

    number: NDArray[np.intp]
    first: NDArray[np.intp]
    lat: Floats
    lon: Floats
    xyz: Floats
    axis: Floats
    trust: Floats
    by_course: NDArray[np.bool_]
    merchant: NDArray[np.bool_]

    @classmethod
    def of(cls, moored: pd.DataFrame, group: NDArray[np.object_], unknown: NDArray[np.bool_]) -> _Visits:
        """Put visits together; `unknown` are those of ships that sent no heading."""
        lat, lon = moored["lat"].to_numpy(dtype=np.float64), moored["lon"].to_numpy(dtype=np.float64)
        xyz = geo.sphere_xyz_m(lat, lon)
        _, grain = geo.grains(xyz, _GRAIN_M)
        key = np.column_stack([moored["mmsi"].to_numpy(dtype=np.int64), grain, unknown])
        # Sorted, so that the first stop does not depend on the order of the table.
        order = np.lexsort((lon, lat))
        _, first, of_order = np.unique(key[order], axis=0, return_index=True, return_inverse=True)
        first, number = order[first], np.empty(len(order), dtype=np.intp)
        number[order] = of_order.ravel()
        steady = moored["heading_spread_deg"].fillna(0.0).to_numpy() < STEADY_DEG
        n = np.where(unknown, moored["n_courses"].fillna(0), steady).astype(np.float64)
        size = n * np.where(unknown, moored["course_agreement"].fillna(0.0), 1.0)
        direction = np.where(unknown, moored["course_deg"], moored["heading_deg"]).astype(np.float64)
        sums = size * np.exp(2j * np.radians(np.nan_to_num(direction)))
        real, imaginary, count = (np.bincount(number, whole(v)) for v in (sums.real, sums.imag, n))
        # Courses that differ count as fewer courses that agree.
        agreeing = (real**2 + imaginary**2) / np.maximum(count, 1.0)
        by_course = unknown[first]
        trust = np.where(by_course, pd.Series(group[first]).map(_COURSES).fillna(0.0), _SENT)
        return cls(
            number=number,
            first=first,
            lat=lat[first],
            lon=lon[first],
            xyz=xyz[first],
            axis=np.degrees(np.arctan2(imaginary, real)) / 2.0,
            trust=np.minimum(1.0 - (1.0 - trust) ** agreeing, _SENT),
            by_course=by_course,
            merchant=np.isin(group[first], COMMERCIAL),
        )

    def likely_axes(
        self, of: NDArray[np.intp], length_m: Floats, directed: _Sources, merchants: _Sources
    ) -> tuple[Floats, NDArray[np.bool_]]:
        """Axis of some visits, by ships of these lengths, and whether most of the evidence is courses."""
        reach_m = np.clip(_REACH_LENGTHS * length_m, *_REACH_M)
        here, by_course, otherwise = self._directions(of, length_m, directed.near(self.xyz[of], reach_m))
        merchant = self.merchant[of]
        otherwise[merchant] += self._in_line(
            of[merchant], merchants.near(self.xyz[of[merchant]], reach_m[merchant])
        )
        axis, sure, best = _likeliest(by_course + otherwise)
        own, sure_of_own, best_of_own = _likeliest(here)
        elsewhere = np.abs(geo.turn_deg(axis, own, period=180.0)) > _SAME_LINE_DEG
        elsewhere &= sure_of_own >= _SURE
        row, best = np.arange(len(of)), np.where(elsewhere, best_of_own, best)
        known = np.where(sure >= _KNOWN, axis, np.nan)
        return np.where(elsewhere, own, known), by_course[row, best] >= otherwise[row, best]

    def _directions(self, of: NDArray[np.intp], length_m: Floats, others: _Near) -> tuple[Floats, ...]:
        """Log-odds of each axis from the same place, from all courses, and from all headings."""
        near, metres, counts = others
        course, merchant = self.by_course[near], self.merchant[of][:, None]
        same_kind = np.where(self.merchant[near] == merchant, 1.0, _OTHER_KIND)
        counts = counts * self.trust[near] * np.where(course, merchant, same_kind)
        spread = np.where(course, _COURSE_DEG, _SENT_DEG)
        here = metres <= np.where(course, _PLACE_M, np.maximum(_HALF * length_m[:, None], _PLACE_M))
        courses_here, courses, headings_here, headings = (
            _log_odds(self.axis[near], spread, np.where(way, counts, 0.0))
            for way in (course & here, course & ~here, ~course & here, ~course & ~here)
        )
        return courses_here + headings_here, courses_here + courses, headings_here + headings

    def _in_line(self, of: NDArray[np.intp], others: _Near) -> Floats:
        """Log-odds of each axis from the positions of antennas of merchant ships."""
        near, _, counts = others
        i, north = np.broadcast_to(of[:, None], near.shape), np.zeros(near.shape)
        ahead, right = geo.along_across_m(self.lat[i], self.lon[i], self.lat[near], self.lon[near], north)
        apart = np.hypot(ahead, right)
        spread = np.hypot(_LINE_DEG, np.degrees(_BESIDE_M / np.maximum(apart, _APART_M)))
        in_line = np.where((apart > _APART_M) & (counts > 0.0), _IN_LINE, 0.0)
        return _log_odds(np.degrees(np.arctan2(right, ahead)), spread, in_line)


class _Near(NamedTuple):
    """The sources nearest to each place, their distances, and how much each counts (0 out of reach)."""

    number: NDArray[np.intp]
    metres: Floats
    counts: Floats


class _Sources(NamedTuple):
    """Visits that are evidence for others, as a tree."""

    number: NDArray[np.intp]
    tree: cKDTree

    @classmethod
    def of(cls, xyz: Floats, some: NDArray[np.bool_]) -> _Sources:
        number = np.flatnonzero(some)
        return cls(number, cKDTree(xyz[number]))

    def near(self, xyz: Floats, reach_m: Floats) -> _Near:
        """Find the sources within reach of each place."""
        metres, index = nearest(self.tree, xyz, _NEIGHBOURS, float(reach_m.max(initial=0.0)))
        within = metres <= reach_m[:, None]
        most = int(within.sum(axis=1).max(initial=0))
        metres = np.where(within, metres, np.inf)[:, :most]
        number = self.number[index[:, :most]] if len(self.number) else index[:, :0]
        return _Near(number, metres, np.exp(-_FADING * metres / reach_m[:, None]))


def _likeliest(log_odds: Floats) -> tuple[Floats, Floats, NDArray[np.intp]]:
    """Best axis of each row (deg), the probability that it is about right, and its number in the grid."""
    row, best = np.arange(len(log_odds)), log_odds.argmax(axis=1)
    chance = np.exp(log_odds - log_odds[row, best][:, None])
    off = np.abs(geo.turn_deg(_AXES[best][:, None], _AXES, period=180.0))
    sure = np.where(off <= _ABOUT_DEG, chance, 0.0).sum(axis=1) / chance.sum(axis=1)
    before, top, after = (log_odds[row, (best + step) % len(_AXES)] for step in (-1, 0, 1))
    bend = np.minimum(before - 2.0 * top + after, -1e-9)
    return (_AXES[best] + _STEP_DEG * 0.5 * (before - after) / bend) % 180.0, sure, best


def _log_odds(axis_deg: Floats, spread_deg: Floats, trust: Floats) -> Floats:
    """Log-odds of each axis, for each row, from directions that are right with a probability."""
    out = np.zeros((len(trust), len(_AXES)))
    at = np.nonzero(trust)
    off = 2.0 * np.radians(axis_deg[at][:, None] - _AXES)
    spread = np.radians(spread_deg[at])[:, None]
    # Close to a normal distribution about the axis, in both of its directions.
    bell = np.exp((np.cos(off) - 1.0) / (2.0 * spread) ** 2)
    even = np.sqrt(2.0 / np.pi) * spread
    add_rows(out, at[0], whole(np.log1p(trust[at][:, None] * (bell / even - 1.0))))
    return out
