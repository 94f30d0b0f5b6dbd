"""Moored stops as arrays, and the neighbours of each stop: ships near it on the same line.

A stop has up to 40 neighbours. Only their numbers are kept; distances and directions take seven times the
memory and are worked out again for some stops at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ais_berths import antennas, geo, schema
from ais_berths.groups import overlap
from ais_berths.nearest import nearest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ais_berths.geo import Floats

# With this many stops, tables of pairs by antenna ratios take some megabytes.
_STOPS_AT_ONCE = 500
_REACH_M = 600.0


@dataclass(frozen=True)
class Moored:
    """Moored stops as arrays.

    Attributes
    ----------
    vessel, kind
        Number of the ship, in the order of the MMSI; number of the ship with this length, as the user's own
        table may give one ship several lengths.
    heading, directed, turned
        Degrees (0 where unknown); whether it is known; probability that bow and stern are exchanged.
    known, ratio, side
        Whether offsets were sent; A / (A + B), the usual one where not; metres from the antenna to starboard
        to the middle, 0 where not.
    start, end
        Microseconds since 1970.
    """

    lat: Floats
    lon: Floats
    vessel: NDArray[np.intp]
    kind: NDArray[np.intp]
    heading: Floats
    directed: NDArray[np.bool_]
    turned: Floats
    length: Floats
    width: Floats
    known: NDArray[np.bool_]
    ratio: Floats
    side: Floats
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    @classmethod
    def of(cls, stops: pd.DataFrame, ships: pd.DataFrame) -> Moored:
        """Take what is needed from stops and their ships; see `ais_berths.offsets.MooredPortion`."""
        bow, stern, port, starboard = (
            ships[name].to_numpy(dtype=np.float64)
            for name in ("to_bow_m", "to_stern_m", "to_port_m", "to_starboard_m")
        )
        length, heading = (ships[name].to_numpy(dtype=np.float64) for name in ("length_m", "heading_deg"))
        known = bow + stern > 0.0
        usual, _ = antennas.usual_ratio(ships["group"].to_numpy(dtype=object), length)
        vessel = np.unique(stops["mmsi"].to_numpy(), return_inverse=True)[1].astype(np.intp)
        kind = pd.DataFrame({"vessel": vessel, "length": length}).groupby(["vessel", "length"]).ngroup()
        return cls(
            lat=stops["lat"].to_numpy(dtype=np.float64),
            lon=stops["lon"].to_numpy(dtype=np.float64),
            vessel=vessel,
            kind=kind.to_numpy().astype(np.intp),
            heading=np.nan_to_num(heading),
            directed=np.isfinite(heading),
            turned=ships["turned"].to_numpy(dtype=np.float64),
            length=length,
            width=ships["width_m"].to_numpy(dtype=np.float64),
            known=known,
            ratio=np.where(known, bow / np.where(known, bow + stern, 1.0), usual),
            side=np.where(known & np.isfinite(starboard - port), (starboard - port) / 2.0, 0.0),
            start=schema.to_micros(stops["start_time"]),
            end=schema.to_micros(stops["end_time"]),
        )

    def __len__(self) -> int:
        return len(self.lat)

    @property
    def axis_only(self) -> NDArray[np.bool_]:
        """Whether bow and stern may be exchanged."""
        return self.turned > 0.0


class Pairs(NamedTuple):
    """Pairs of a stop and a neighbour, seen along and across the heading of the stop.

    ``i`` and ``j`` are the numbers of the stop and of the neighbour, ``row`` is the place of the stop in its
    block; ``along`` and ``across`` are metres from antenna to antenna; ``same_way`` is 1, or -1 if they faced
    opposite ways. ``together``: another ship, there at the same time. ``same_berth``: a stop
    whose middle should coincide. ``facing``: the same ship, facing the other way.
    """

    row: NDArray[np.intp]
    i: NDArray[np.intp]
    j: NDArray[np.intp]
    along: Floats
    across: Floats
    same_way: Floats
    together: NDArray[np.bool_]
    same_berth: NDArray[np.bool_]
    facing: NDArray[np.bool_]


class Neighbours:
    """The neighbours of each stop with a known direction, in blocks of stops near each other.

    Parameters
    ----------
    moored
        The stops.
    most
        Neighbours of a stop, at most: the nearest ones.
    """

    def __init__(self, moored: Moored, most: int) -> None:
        self.moored = moored
        at = np.flatnonzero(moored.directed)
        xyz = geo.sphere_xyz_m(moored.lat[at], moored.lon[at])
        tree = cKDTree(xyz)
        # The tree keeps neighbours together.
        order = tree.indices
        self.stops: NDArray[np.intp] = at[order]
        self._others: list[NDArray[np.int32]] = []
        self._count: list[NDArray[np.intp]] = []
        for stops in self._blocks():
            # The nearest one is the stop itself.
            reach, index = nearest(tree, xyz[order[stops]], most + 1, _REACH_M)
            row, column = np.nonzero(np.isfinite(reach))
            i, j = self.stops[stops][row], at[index[row, column]]
            use = i != j
            use[use] = _in_line(moored, i[use], j[use])
            self._others.append(j[use].astype(np.int32))
            self._count.append(np.bincount(row[use], minlength=len(reach)))

    def __len__(self) -> int:
        return sum(map(len, self._others))

    def __iter__(self) -> Iterator[tuple[NDArray[np.intp], Pairs]]:
        """Numbers of some stops, and their pairs in the order of the stops."""
        for stops, others, count in zip(self._blocks(), self._others, self._count, strict=True):
            row = np.repeat(np.arange(len(count)), count)
            some = self.stops[stops]
            yield some, _look(self.moored, row, some[row], others.astype(np.intp))

    def _blocks(self) -> Iterator[slice]:
        for begin in range(0, len(self.stops), _STOPS_AT_ONCE):
            yield slice(begin, begin + _STOPS_AT_ONCE)


def _in_line(moored: Moored, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether two ships lay on the same line, one behind the other or in the same place."""
    turn = geo.turn_deg(moored.heading[i], moored.heading[j], period=180.0)
    along, across = _apart(moored, i, j)
    beside = np.abs(across) < 0.35 * (moored.width[i] + moored.width[j]) + 5.0
    near = np.abs(along) < 0.75 * (moored.length[i] + moored.length[j])
    result: NDArray[np.bool_] = (np.abs(turn) < 15.0) & beside & near
    return result


def _apart(moored: Moored, i: NDArray[np.intp], j: NDArray[np.intp]) -> tuple[Floats, Floats]:
    return geo.along_across_m(moored.lat[i], moored.lon[i], moored.lat[j], moored.lon[j], moored.heading[i])


def _look(moored: Moored, row: NDArray[np.intp], i: NDArray[np.intp], j: NDArray[np.intp]) -> Pairs:
    """Distances, directions and times of pairs."""
    along, across = _apart(moored, i, j)
    same_way = np.abs(geo.turn_deg(moored.heading[i], moored.heading[j])) < 90.0
    same_ship = moored.vessel[i] == moored.vessel[j]
    together = (overlap(moored.start, moored.end, i, j) > schema.HOUR_US) & ~same_ship
    return Pairs(
        row=row,
        i=i,
        j=j,
        along=along,
        across=across,
        same_way=np.where(same_way, 1.0, -1.0),
        together=together,
        # The same ship the same way round only repeats itself.
        same_berth=~together & ~(same_ship & same_way),
        facing=same_ship & ~same_way & (moored.turned[i] == 0.0) & (moored.turned[j] == 0.0),
    )
