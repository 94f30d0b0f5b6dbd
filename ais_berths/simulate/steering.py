"""How ships turn under way: over some of their lengths, about a point well ahead of midship.

A ship under way turns about a pivot point in the fore part of the hull; the stern swings outward. With
headway it lies a quarter to a third of the length from the bow, as ship handlers are taught. Two ships in
Danish AIS of 2013 that sent their antenna offsets and turned enough had it 0.26 and 0.33 of their length
ahead of midship, give or take 0.2 (``tests/benchmarks/levers.py``). Ships that swing to or from a berth, with
tugs or thrusters, do so about midship.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ais_berths.geo import Floats, turn_deg

if TYPE_CHECKING:
    import pandas as pd

Ints = NDArray[np.int64]
Places = NDArray[np.complex128]

# Metres from midship ahead to the pivot, in ship's lengths: mean, spread, least and most.
_PIVOT = (0.25, 0.07, 0.1, 0.4)
# Seconds that a ship takes from one course to the next, and more for each metre of its length: one of 150 m
# turns through 45 degrees at 16 degrees a minute. That is about the most at which half of the cargo ships and
# tankers turned in three US ports (2020-01-01, at 6 to 20 kn).
_TURN_S, _TURN_S_PER_M = 60.0, 0.7
# Wind and current set ships to one side: degrees, and seconds for one wave of it.
_LEEWAY_DEG, _LEEWAY_S = 1.5, (1800.0, 7200.0)
# Speed and course are those over this many seconds before and after.
_STEP_S = 2.0


@dataclass(frozen=True)
class Helms:
    """How each ship steers: seconds for a turn, metres to the pivot, and leeway (deg, s and phase)."""

    turn_s: Floats
    pivot_m: Floats
    leeway_deg: Floats
    leeway_s: Floats
    phase: Floats

    @classmethod
    def of(cls, ships: pd.DataFrame) -> Helms:
        """Draw them from a source of their own, so that nothing else that happens depends on it."""
        rng = np.random.default_rng([int(ships["mmsi"].iloc[0]), 1])
        n, length = len(ships), ships["length_m"].to_numpy(dtype=np.float64)
        (usual, spread, least, most), (fast, slow) = _PIVOT, _LEEWAY_S
        return cls(
            turn_s=_TURN_S + _TURN_S_PER_M * length,
            pivot_m=length * np.clip(rng.normal(usual, spread, n), least, most),
            leeway_deg=rng.normal(0.0, _LEEWAY_DEG, n),
            leeway_s=np.exp(rng.uniform(np.log(fast), np.log(slow), n)),
            phase=rng.uniform(0.0, 2.0 * np.pi, n),
        )


@dataclass(frozen=True)
class Passages:
    """Legs in the order of vessel and time, and the passages that they are parts of.

    A passage is a chain of legs on which the ship heads where it goes. A leg on which it swings to or from
    a berth is none: it is sailed as planned, turning evenly about midship. ``area`` is the integral of the
    place of the ship over time up to each leg, with which the mean place between any two times is known.
    """

    helms: Helms
    number: Ints
    vessel: Ints
    start: Floats
    whole: Floats
    z0: Places
    ahead: Places
    v0: Floats
    v1: Floats
    h0: Floats
    turn: Floats
    area: Places
    begin: Floats
    end: Floats
    line: Floats
    span: float

    @classmethod
    def of(cls, seg: dict[str, NDArray[Any]], helms: Helms) -> Passages:
        """Put the legs among some segments in order."""
        legs = np.flatnonzero(seg["mode"] == 0)
        legs = legs[np.lexsort((seg["t0"][legs], seg["vessel"][legs]))]
        vessel, t0, t1, z0, way, v0, v1, h0, h1 = (
            seg[name][legs] for name in ("vessel", "t0", "t1", "z0", "way", "v0", "v1", "h0", "h1")
        )
        course = np.degrees(np.arctan2(way.real, way.imag))
        free = np.maximum(np.abs(turn_deg(course, h0)), np.abs(turn_deg(course, h1))) < 0.1
        follows = (vessel[1:] == vessel[:-1]) & (np.abs(t0[1:] - t1[:-1]) < 0.01) & free[1:] & free[:-1]
        first = np.concatenate([np.ones(min(len(legs), 1), dtype=bool), ~follows])
        passage = np.cumsum(first) - 1
        final = np.concatenate([~follows, np.ones(min(len(legs), 1), dtype=bool)])
        whole = np.maximum(t1 - t0, 1e-3)
        ahead = way / np.maximum(np.abs(way), 1e-9)
        own = z0 * whole + ahead * whole**2 * (v0 / 3.0 + v1 / 6.0)
        number = np.full(len(seg["mode"]), -1, dtype=np.int64)
        number[legs] = np.arange(len(legs))
        span = float(t1.max() - t0.min()) + 1.0 if len(legs) else 1.0
        return cls(
            helms=helms,
            number=number,
            vessel=vessel,
            start=t0,
            whole=whole,
            z0=z0,
            ahead=ahead,
            v0=v0,
            v1=v1,
            h0=h0,
            turn=turn_deg(h0, h1),
            area=np.cumsum(own) - own,
            begin=np.where(free, t0[first][passage], np.inf),
            end=t1[final][passage],
            line=t0 + vessel * span,
            span=span,
        )

    def steer(self, row: Ints, time: Floats) -> tuple[Places, Floats]:
        """Middle of the hull and heading (deg) at times on some legs.

        On a passage the pivot goes the mean way of the planned one within the seconds that a turn takes, and
        the bow points where it goes, but for leeway; towards both ends of the passage these seconds and the
        distance of the pivot shrink to nothing.
        """
        leg = self.number[row]
        place, _ = self._planned(leg, time)
        heading = self.h0[leg] + self.turn[leg] * (time - self.start[leg]) / self.whole[leg]
        full = self.helms.turn_s[self.vessel[leg]] / 2.0
        half = np.minimum(np.minimum(time - self.begin[leg], self.end[leg] - time), full)
        at = np.flatnonzero(half > 1.0)
        time, half, ship = time[at], half[at], self.vessel[leg[at]]
        (before, sum_before), (after, sum_after) = (
            self._planned(self._leg(ship, other), other) for other in (time - half, time + half)
        )
        part = half / full[at]
        wave = 2.0 * np.pi * time / self.helms.leeway_s[ship] + self.helms.phase[ship]
        leeway = self.helms.leeway_deg[ship] * (1.0 + np.sin(wave)) * part
        way = after - before
        heading[at] = np.degrees(np.arctan2(way.real, way.imag)) + leeway
        pivot = (sum_after - sum_before) / (2.0 * half)
        place[at] = pivot - bows(heading[at]) * self.helms.pivot_m[ship] * part
        return place, heading

    def move(self, row: Ints, time: Floats, to_antenna: Places) -> Places:
        """How the antenna moves (m/s): with the ship, and about its pivot when it turns."""
        leg = self.number[row]
        earlier = np.maximum(time - _STEP_S, self.start[leg])
        later = np.maximum(np.minimum(time + _STEP_S, self.start[leg] + self.whole[leg]), earlier + 0.1)
        (hull_0, heading_0), (hull_1, heading_1) = (self.steer(row, when) for when in (earlier, later))
        step = hull_1 - hull_0 + to_antenna * (bows(heading_1) - bows(heading_0))
        result: Places = step / (later - earlier)
        return result

    def _leg(self, ship: Ints, time: Floats) -> Ints:
        """Which leg a ship is on at a time."""
        return np.searchsorted(self.line, time + ship * self.span, side="right") - 1

    def _planned(self, leg: Ints, time: Floats) -> tuple[Places, Places]:
        """Place on the planned way at a time on a leg, and the integral of it over time."""
        whole = self.whole[leg]
        tau = np.clip(time - self.start[leg], 0.0, whole)
        v0, more = self.v0[leg], (self.v1[leg] - self.v0[leg]) / whole
        place = self.z0[leg] + self.ahead[leg] * (v0 * tau + more * tau**2 / 2.0)
        area = self.z0[leg] * tau + self.ahead[leg] * (v0 * tau**2 / 2.0 + more * tau**3 / 6.0)
        return place, self.area[leg] + area


def bows(heading_deg: Floats) -> Places:
    """Unit vectors of headings, east and (imaginary) north."""
    result: Places = np.exp(1j * np.radians(90.0 - heading_deg))
    return result
