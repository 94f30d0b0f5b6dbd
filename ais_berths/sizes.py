"""How large the ship of each stop is, also where nobody sent a size.

Two ships of one berth that face each other have their antennas apart by the distance of the antenna from
the middle of each, twice; ships that lie in line at the same time do not overlap. Together with what is usual
for the type and on the same quay this gives a length.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ais_berths import antennas, geo, schema
from ais_berths.vessels import column_of, groups_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats

_NEARBY_M, _NEIGHBOURS = 150.0, 9
_HOUR_US = 3_600_000_000

# Lengths to choose from (m), and how sharply a pair of antennas tells one (share of the length, and m).
_LENGTHS = np.geomspace(20.0, 400.0, 61)
_PAIR_SHARE, _PAIR_M = 0.12, 12.0
# Facing ships that are looked at for each ship, how far they are, and how exactly they face each other.
_FACING, _FACING_M, _FACING_DEG = 40, 330.0, 15.0
_IN_LINE_M, _ALONGSIDE_M, _CLOSEST_M = 20.0, 8.0, 15.0
# A pair of antennas near the middles of their ships tells no length.
_LEAST_SPAN = 0.4
# Votes for every length alike, as antennas stand elsewhere too.
_BACKGROUND = 0.5
# Spread of lengths (log) of one group, and of one quay; how far a quay reaches (m).
_GROUP_SPREAD, _QUAY_SPREAD, _QUAY_M = 0.8, 0.3, 400.0
# No ship is longer than this.
_LARGEST_M = 600.0
# Share of ships that are as long as the others on their quay.
_ALIKE = 0.8
# How much a length counts less for each ship that would then overlap with her neighbour.
_CLASH, _MOST_CLASH = 2.0, 6.0
# Visits of one ship within these metres are one place.
_SAME_PLACE_M = 20.0


def describe_ships(moored: pd.DataFrame, vessels: pd.DataFrame) -> pd.DataFrame:
    """Group, length, width and antenna offsets of the ship of each moored stop.

    Missing lengths and widths come from each other by the usual slenderness of the group; a ship that
    sent neither is taken to be as large as the ships moored nearest to it, or as long as the antennas of
    ships lying bow-in and bow-out tell; one without a heading as large as those near by of which this was
    told; any other as the median of its group. ``sized`` says whether at least one was known.
    """
    group = groups_of(vessels, moored["mmsi"])
    length = _possible(column_of(vessels, "loa_m", moored["mmsi"]))
    width = _possible(column_of(vessels, "beam_m", moored["mmsi"]))
    slender = antennas.slenderness(group)
    sized = np.isfinite(length) | np.isfinite(width)
    known = length.copy()
    length = np.where(np.isfinite(length), length, width * slender)
    width = np.where(np.isfinite(width), width, known / slender)
    seagoing = np.nan_to_num(column_of(vessels, "imo", moored["mmsi"]).astype(np.float64)) > 0
    usual_length, usual_width = antennas.usual_size(group, seagoing)
    told = _lengths_from_places(moored, group, usual_length, sized)
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


def _lengths_from_places(
    moored: pd.DataFrame, group: NDArray[np.object_], usual_m: Floats, sized: NDArray[np.bool_]
) -> Floats:
    """Likely length of each ship that sent no size, nan where its places tell nothing."""
    out = np.full(len(moored), np.nan)
    heading = moored["heading_deg"].to_numpy(dtype=np.float64)
    at = np.flatnonzero(~sized & np.isfinite(heading))
    if len(at) < 2:
        return out
    ships, ship = np.unique(moored["mmsi"].to_numpy()[at], return_inverse=True)
    lat, lon = moored["lat"].to_numpy()[at], moored["lon"].to_numpy()[at]
    xyz, ratio = geo.sphere_xyz_m(lat, lon), antennas.usual_ratio(group[at], np.full(len(at), 150.0))[0]
    kind = np.unique(group[at].astype(str), return_inverse=True)[1]
    start, end = (schema.to_micros(moored[name])[at] for name in ("start_time", "end_time"))
    place = _Places(lat, lon, xyz, heading[at], ratio - 0.5, ship, kind, start, end)
    usual = np.zeros(len(ships))
    usual[ship] = np.log(usual_m[at])
    out[at] = np.exp(_weigh(place, usual))[ship]
    return out


def _weigh(place: _Places, usual: Floats) -> Floats:
    """Length (log) of each ship, from its places and from what is usual for the group and on the quay.

    It is nan for ships about which neither their places nor their quays tell anything.
    """
    first = place.first_visits()
    votes = place.votes(first)
    said = np.zeros((len(usual), len(_LENGTHS)))
    np.add.at(said, place.ship[first], np.log(_BACKGROUND + votes))
    clash = np.zeros_like(said)
    np.add.at(clash, *place.clashes())
    said -= np.minimum(_CLASH * clash, _MOST_CLASH)
    told = np.zeros(len(usual), dtype=bool)
    told[place.ship[first[votes.max(axis=1) > _BACKGROUND]]] = True

    grid = np.log(_LENGTHS)
    apart = (grid[None, :] - usual[:, None]) / _GROUP_SPREAD
    alone = _best(said - 0.5 * apart**2)
    quay = place.medians(first, np.where(told, alone, np.nan))
    near = np.where(np.isfinite(quay)[:, None], (grid[None, :] - quay[:, None]) / _QUAY_SPREAD, apart)
    alike = _ALIKE * np.exp(-0.5 * near**2) / _QUAY_SPREAD
    both = np.log(alike + (1.0 - _ALIKE) * np.exp(-0.5 * apart**2) / _GROUP_SPREAD)
    return np.where(told | np.isfinite(quay), _best(said + both), np.nan)


@dataclass(frozen=True)
class _Places:
    """Stops of ships without a size: where the antenna was, and how far astern of the middle it usually is.

    ``astern`` is a share of the length; ``ship`` and ``group`` are numbers from 0.
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

    def first_visits(self) -> NDArray[np.intp]:
        """First of the visits of each ship to one place, the same way round."""
        key = np.column_stack(
            [self.ship, np.round(self.heading / 90.0) % 4, np.round(self.xyz / _SAME_PLACE_M)]
        )
        result: NDArray[np.intp] = np.sort(np.unique(key, axis=0, return_index=True)[1])
        return result

    def together(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Whether two ships were there at the same time."""
        shared = np.minimum(self.end[i], self.end[j]) - np.maximum(self.start[i], self.start[j])
        result: NDArray[np.bool_] = (shared > _HOUR_US) & (self.ship[i] != self.ship[j])
        return result

    def votes(self, at: NDArray[np.intp]) -> Floats:
        """How many ships facing each stop speak for each length."""
        theta = np.radians(self.heading[at])
        way = np.column_stack([np.sin(theta), np.cos(theta)])
        # Ships the other way round are the nearest ones where the opposite heading is one more place.
        scale = _FACING_M / np.sqrt(2.0 - 2.0 * np.cos(np.radians(_FACING_DEG)))
        tree = cKDTree(np.hstack([self.xyz[at], scale * way]))
        k = min(_FACING, len(at))
        metres, index = tree.query(
            np.hstack([self.xyz[at], -scale * way]), k=k, distance_upper_bound=_FACING_M
        )
        found = np.isfinite(metres.reshape(-1, k))
        row = np.repeat(np.arange(len(at)), k)[found.ravel()]
        i, j = at[row], at[index.reshape(-1, k)[found]]
        ahead, aside = geo.along_across_m(self.lat[i], self.lon[i], self.lat[j], self.lon[j], self.heading[i])
        span = self.astern[i] + self.astern[j]
        use = (np.abs(span) > _LEAST_SPAN) & (ahead * span > 0)
        use &= (np.abs(ahead) > _CLOSEST_M) & (np.abs(aside) < _IN_LINE_M) & ~self.together(i, j)
        length = ahead[use] / span[use]
        sd = np.hypot(_PAIR_SHARE, _PAIR_M / np.abs(ahead[use]))
        off = (np.log(_LENGTHS)[None, :] - np.log(length)[:, None]) / sd[:, None]
        votes = np.zeros((len(at), len(_LENGTHS)))
        np.add.at(votes, row[use], np.exp(-0.5 * off**2))
        return votes

    def clashes(self) -> tuple[NDArray[np.intp], Floats]:
        """Ships with another in line at the same time, and how much of each length would overlap."""
        k = min(_FACING, len(self.ship))
        metres, index = cKDTree(self.xyz).query(self.xyz, k=k, distance_upper_bound=_FACING_M)
        found = np.isfinite(metres.reshape(-1, k))
        i = np.repeat(np.arange(len(self.ship)), k)[found.ravel()]
        j = index.reshape(-1, k)[found]
        together = self.together(i, j)
        i, j = i[together], j[together]
        ahead, aside = geo.along_across_m(self.lat[i], self.lon[i], self.lat[j], self.lon[j], self.heading[i])
        turn = np.abs(geo.turn_deg(self.heading[i], self.heading[j]))
        in_line = (np.abs(aside) < _ALONGSIDE_M) & ((turn < _FACING_DEG) | (turn > 180.0 - _FACING_DEG))
        i, j, ahead, turn = i[in_line], j[in_line], ahead[in_line], turn[in_line]
        shift = np.where(turn < 90.0, self.astern[j], -self.astern[j]) - self.astern[i]
        middles = np.abs(ahead[:, None] + shift[:, None] * _LENGTHS[None, :]) / _LENGTHS[None, :]
        return self.ship[i], np.clip((0.9 - middles) / 0.2, 0.0, 1.0)

    def medians(self, at: NDArray[np.intp], length: Floats) -> Floats:
        """Median of the known lengths (log) of ships of the same group on the quays where each ship was."""
        known = at[np.isfinite(length[self.ship[at]])]
        out = np.full(len(length), np.nan)
        if not len(known):
            return out
        k = min(_FACING, len(known))
        apart = np.column_stack([self.xyz, self.group * 2.0 * _QUAY_M])
        metres, index = cKDTree(apart[known]).query(apart[at], k=k, distance_upper_bound=_QUAY_M)
        found = np.isfinite(metres.reshape(-1, k))
        row = np.repeat(at, k)[found.ravel()]
        other = known[index.reshape(-1, k)[found]]
        own = pd.Series(length[self.ship[other]]).groupby(self.ship[row]).median()
        out[own.index.to_numpy()] = own.to_numpy()
        return out


def _best(score: Floats) -> Floats:
    """Log of the best length of each row: the mean about the highest point."""
    grid, top = np.log(_LENGTHS), score.argmax(axis=1)
    weight = np.exp(score - score.max(axis=1, keepdims=True))
    weight = np.where(np.abs(grid[None, :] - grid[top][:, None]) < _QUAY_SPREAD, weight, 0.0)
    result: Floats = (weight * grid).sum(axis=1) / weight.sum(axis=1)
    return result
