"""Encounters of ships without a size: at one berth, in line at one time, on one quay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ais_berths import antennas, geo, schema
from ais_berths.compiled import compiled
from ais_berths.groups import overlap
from ais_berths.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from ais_berths.geo import Floats

# Neighbours of each ship: how many at most, how far away, and how nearly parallel.
_NEIGHBOURS, _REACH_M, _SAME_WAY_DEG = 40, 330.0, 15.0
_IN_LINE_M, _ALONGSIDE_M, _CLOSEST_M = 20.0, 8.0, 15.0
# Antennas near midship say nothing about the length.
_LEAST_SPAN = 0.4
# How far a quay reaches (m).
_QUAY_M = 400.0
# Visits of one ship within these metres are one place.
_SAME_PLACE_M = 20.0
_BLOCK = 20_000


@dataclass(frozen=True)
class Unsized:
    """Stops of ships that sent no size, as arrays.

    ``astern`` is how far the antenna usually stands abaft midship, as a share of the length; ``ship`` and
    ``group`` are numbered from 0.
    """

    lat: Floats
    lon: Floats
    xyz: Floats
    heading: Floats
    astern: Floats
    ship: NDArray[np.intp]
    group: NDArray[np.intp]
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    @classmethod
    def of(cls, moored: pd.DataFrame, group: NDArray[np.object_]) -> Unsized:
        """Take moored stops as arrays: ``mmsi lat lon heading_deg start_time end_time``."""
        lat, lon = moored["lat"].to_numpy(dtype=np.float64), moored["lon"].to_numpy(dtype=np.float64)
        return cls(
            lat=lat,
            lon=lon,
            xyz=geo.sphere_xyz_m(lat, lon),
            heading=moored["heading_deg"].to_numpy(dtype=np.float64),
            astern=antennas.usual_ratio(group, np.full(len(moored), 150.0))[0] - 0.5,
            ship=np.unique(moored["mmsi"].to_numpy(), return_inverse=True)[1],
            group=np.unique(group.astype(str), return_inverse=True)[1],
            start=schema.to_micros(moored["start_time"]),
            end=schema.to_micros(moored["end_time"]),
        )

    def first_visits(self) -> NDArray[np.intp]:
        """First of the visits of each ship to one place, the same way round."""
        order = np.lexsort((self.lon, self.lat, self.heading, self.start, self.ship))
        theta = np.radians(self.heading[order])
        way = np.column_stack([np.sin(theta), np.cos(theta)])
        first = _first_of_place(self.ship[order], self.xyz[order], way, _SAME_PLACE_M)
        result: NDArray[np.intp] = np.sort(order[first])
        return result

    def facing(self, at: NDArray[np.intp]) -> Encounters:
        """Pair each stop with those of ships facing the other way on the same line, at other times."""
        theta = np.radians(self.heading[at])
        way = np.column_stack([np.sin(theta), np.cos(theta)])
        # One search for place and opposite heading: the heading is two more coordinates.
        scale = _REACH_M / np.sqrt(2.0 - 2.0 * np.cos(np.radians(_SAME_WAY_DEG)))
        row, other = _nearest(np.hstack([self.xyz[at], scale * way]), np.hstack([self.xyz[at], -scale * way]))
        i, j = at[row], at[other]
        ahead, aside = geo.along_across_m(self.lat[i], self.lon[i], self.lat[j], self.lon[j], self.heading[i])
        span = self.astern[i] + self.astern[j]
        use = (np.abs(aside) < _IN_LINE_M) & ~self._together(i, j)
        use &= (np.abs(span) > _LEAST_SPAN) & (ahead * span > 0) & (np.abs(ahead) > _CLOSEST_M)
        return Encounters(row[use], i[use], j[use], ahead[use], np.full(int(use.sum()), -1.0))

    def together(self) -> Encounters:
        """Pair each stop with those of ships in line at the same time."""
        i, j = _nearest(self.xyz, self.xyz)
        met = self._together(i, j)
        i, j = i[met], j[met]
        ahead, aside = geo.along_across_m(self.lat[i], self.lon[i], self.lat[j], self.lon[j], self.heading[i])
        turn = np.abs(geo.turn_deg(self.heading[i], self.heading[j]))
        in_line = (np.abs(aside) < _ALONGSIDE_M) & (np.minimum(turn, 180.0 - turn) < _SAME_WAY_DEG)
        use = np.flatnonzero(in_line)
        use = use[np.argsort(self.ship[i[use]], kind="stable")]
        way = np.where(turn[use] < 90.0, 1.0, -1.0)
        return Encounters(self.ship[i[use]], i[use], j[use], ahead[use], way)

    def _together(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether two ships were there at the same time."""
        shared = overlap(self.start, self.end, i, j)
        result: NDArray[np.bool_] = (shared > schema.HOUR_US) & (self.ship[i] != self.ship[j])
        return result

    def apart(self, pairs: Encounters, lengths_m: Floats, others_m: Floats | None) -> tuple[Floats, Floats]:
        """How far two middles lie apart (m) for each length of the first ship, and the length of the other.

        `others_m` is the length of every ship; without it the other one is as long as the first.
        """
        other = lengths_m[None, :] if others_m is None else others_m[self.ship[pairs.j], None]
        middle = self.astern[pairs.i, None] * lengths_m[None, :]
        return middle - pairs.ahead[:, None] - (pairs.way * self.astern[pairs.j])[:, None] * other, other

    def on_quays(self, at: NDArray[np.intp], length: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Ships that were at some places, and the ships of known length and the same group on their quays."""
        known = at[np.isfinite(length[self.ship[at]])]
        if not len(known):
            return known, known
        apart = np.column_stack([self.xyz, self.group * 2.0 * _QUAY_M])
        row, other = _nearest(apart[known], apart[at], _QUAY_M)
        i, j = at[row], known[other]
        _, aside = geo.along_across_m(self.lat[i], self.lon[i], self.lat[j], self.lon[j], self.heading[i])
        turn = geo.turn_deg(self.heading[i], self.heading[j], period=180.0)
        in_line = (np.abs(aside) < _IN_LINE_M) & (np.abs(turn) < _SAME_WAY_DEG)
        return self.ship[i[in_line]], self.ship[j[in_line]]


@dataclass(frozen=True)
class Encounters:
    """Pairs of stops, `i` and `j`, ordered by the ``row`` of the table that they contribute to.

    ``ahead`` is the distance from the antenna of `i` to that of `j` along the heading of `i` (m); ``way`` is
    -1 where the ships faced opposite ways, else 1.
    """

    row: NDArray[np.intp]
    i: NDArray[np.intp]
    j: NDArray[np.intp]
    ahead: Floats
    way: Floats

    def blocks(self) -> Iterator[Encounters]:
        """The same pairs, some at a time: a table of all pairs and lengths may be large."""
        for begin in range(0, len(self.row), _BLOCK):
            part = slice(begin, begin + _BLOCK)
            yield Encounters(self.row[part], self.i[part], self.j[part], self.ahead[part], self.way[part])


def _nearest(
    points: Floats, of: Floats, reach_m: float = _REACH_M
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows of the places asked for, ascending, and of the points nearest to each."""
    metres, index = nearest(points, of, _NEIGHBOURS, reach_m)
    found = np.isfinite(metres)
    return np.repeat(np.arange(len(of)), found.sum(axis=1)), index[found]


@compiled
def _first_of_place(ship: NDArray[np.intp], xyz: Floats, way: Floats, reach_m: float) -> NDArray[np.bool_]:
    """Whether a visit is the first of its ship to a place the same way round; those of a ship in order."""
    first = np.zeros(len(ship), dtype=np.bool_)
    kept, known = np.zeros(len(ship), dtype=np.intp), 0
    for i in range(len(ship)):
        if i == 0 or ship[i] != ship[i - 1]:
            known = 0
        first[i] = True
        for k in range(known):
            j = kept[k]
            same_way = way[i, 0] * way[j, 0] + way[i, 1] * way[j, 1] > 0.0
            if same_way and ((xyz[i] - xyz[j]) ** 2).sum() <= reach_m**2:
                first[i] = False
                break
        if first[i]:
            kept[known] = i
            known += 1
    return first
