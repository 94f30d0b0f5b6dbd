"""From the antenna to the middle of the hull, learned where nobody sent the offsets.

Length and width alone leave open where on the ship the antenna stands. What is usual for the type is a
start. The data then say more: different ships at one berth lie with their middles in the same place, the
same ship lies bow-in one day and bow-out another, ships moored at the same time do not overlap, and all
hulls along a quay touch the same line.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ais_berths import antennas, geo, schema
from ais_berths.lengths import add_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from ais_berths.config import HullsConfig
    from ais_berths.geo import Floats

_GRID = np.linspace(0.0, 1.0, 41)
_ROUNDS = 6
_BLOCK = 20_000
_STOPS_AT_ONCE = 5_000
_PAIRS_AT_ONCE = 100_000
_KNOWN_ERROR_M = 3.0
# How much a neighbour must speak against before it is heard, by whether the ship sent her offsets herself.
_DOUBT, _DOUBT_SENT = 0.06, 0.3
# Neighbours that it takes to know on which side the quay is.
_ENOUGH = 3


def estimate_offsets(
    stops: pd.DataFrame,
    ships: pd.DataFrame,
    heading_deg: Floats,
    turned: Floats,
    config: HullsConfig,
) -> pd.DataFrame:
    """Distance from the antenna to the middle of the hull for each moored stop.

    Parameters
    ----------
    stops
        Moored stops: ``mmsi lat lon start_time end_time``.
    ships
        Group, length, width and offsets of the ship of each stop, in the same order; see
        `ais_berths.sizes.describe_ships`.
    heading_deg
        Heading or axis of each stop, nan where nothing is known.
    turned
        Probability that bow and stern are exchanged: 0 where the heading was sent, 0.5 for a mere axis.
    config
        The section ``hulls`` of the settings.

    Returns
    -------
    ``ahead_m`` and ``right_m`` to the middle of the hull, ``heading_deg`` with the bow settled,
    ``hull_basis`` (antenna, learned, prior or type) and ``error_m``.
    """
    # The stops of a ship stand together.
    order = np.argsort(pd.factorize(stops["mmsi"])[0], kind="stable")
    stops, ships, heading_deg = stops.iloc[order], ships.iloc[order], heading_deg[order]
    moored = _Moored.of(stops, ships, heading_deg, turned[order])
    pairs = _neighbours(moored, config)
    ahead, error, flipped = _along(moored, pairs, config)
    right = _across(moored, pairs, ahead, flipped)
    heading = np.where(flipped, (heading_deg + 180.0) % 360.0, heading_deg)
    known_before = np.select([moored.known, ships["sized"].to_numpy()], ["antenna", "prior"], "type")
    usual_error = moored.length * np.sqrt(_describe(moored.prior)[2][moored.kind])
    learned = (known_before == "prior") & (error < config.learned_gain * usual_error)
    basis = np.where(learned, "learned", known_before)
    found = pd.DataFrame(
        {
            "ahead_m": ahead,
            "right_m": right,
            "heading_deg": heading,
            "hull_basis": basis,
            "error_m": np.hypot(error, _KNOWN_ERROR_M),
        },
        index=order,
    )
    return found.sort_index()


@dataclass(frozen=True)
class _Moored:
    """Moored stops as arrays, those of a ship together.

    ``ratio`` is A / (A + B), ``side`` the distance from antenna to middle. ``prior`` has one row for each
    ``kind`` of stop: those of one ship of one length.
    """

    xyz: Floats
    lat: Floats
    lon: Floats
    vessel: NDArray[np.int64]
    heading: Floats
    directed: NDArray[np.bool_]
    turned: Floats
    length: Floats
    width: Floats
    known: NDArray[np.bool_]
    ratio: Floats
    side: Floats
    kind: NDArray[np.intp]
    prior: Floats
    start: NDArray[np.int64]
    end: NDArray[np.int64]

    @property
    def axis_only(self) -> NDArray[np.bool_]:
        """Whether bow and stern may be exchanged."""
        return self.turned > 0.0

    @classmethod
    def of(cls, stops: pd.DataFrame, ships: pd.DataFrame, heading: Floats, turned: Floats) -> _Moored:
        bow, stern, port, starboard = (
            ships[name].to_numpy(dtype=np.float64)
            for name in ("to_bow_m", "to_stern_m", "to_port_m", "to_starboard_m")
        )
        length = ships["length_m"].to_numpy(dtype=np.float64)
        known = bow + stern > 0.0
        usual, _ = antennas.usual_ratio(ships["group"].to_numpy(dtype=object), length)
        ratio = np.where(known, bow / np.where(known, bow + stern, 1.0), usual)
        vessel = pd.factorize(stops["mmsi"])[0].astype(np.int64)
        _, first, kind = np.unique(
            np.column_stack([vessel, length]), axis=0, return_index=True, return_inverse=True
        )
        prior = antennas.ratio_density(ships["group"].to_numpy(dtype=object)[first], length[first], _GRID)
        # Sent offsets are wrong now and then, mostly bow and stern exchanged.
        sent = _spike(ratio[first][known[first]])
        prior[known[first]] = 0.9 * sent + 0.04 * sent[:, ::-1] + 0.06 * prior[known[first]]
        return cls(
            xyz=geo.sphere_xyz_m(stops["lat"].to_numpy(), stops["lon"].to_numpy()),
            lat=stops["lat"].to_numpy(dtype=np.float64),
            lon=stops["lon"].to_numpy(dtype=np.float64),
            vessel=vessel,
            heading=np.nan_to_num(heading),
            directed=np.isfinite(heading),
            turned=turned,
            length=length,
            width=ships["width_m"].to_numpy(dtype=np.float64),
            known=known,
            ratio=ratio,
            side=np.where(known & np.isfinite(starboard - port), (starboard - port) / 2.0, 0.0),
            kind=kind.ravel(),
            prior=prior,
            start=schema.to_micros(stops["start_time"]),
            end=schema.to_micros(stops["end_time"]),
        )

    def blocks(self) -> Iterator[slice]:
        """Some ships at a time."""
        first = np.flatnonzero(np.diff(self.vessel, prepend=-1))
        block = first // _STOPS_AT_ONCE
        begin = first[np.flatnonzero(np.diff(block, prepend=-1))]
        end = np.append(begin, len(self.vessel))[1:]
        for one, following in zip(begin.tolist(), end.tolist(), strict=True):
            yield slice(one, following)


class _Pairs(NamedTuple):
    """Neighbours j of each stop i, in the order of i, seen along and across the heading of i."""

    i: NDArray[np.int32]
    j: NDArray[np.int32]
    along: Floats
    across: Floats
    same_way: NDArray[np.int8]
    together: NDArray[np.bool_]
    speaks: NDArray[np.bool_]
    facing: NDArray[np.bool_]

    def of(self, stops: slice) -> _Pairs:
        """Those of some stops."""
        first, end = np.searchsorted(self.i, [stops.start, stops.stop])
        return _Pairs._make(values[first:end] for values in self)


def _neighbours(moored: _Moored, config: HullsConfig) -> _Pairs:
    """Ships that lay on the same line near by; `same_way` is -1 where the other one lay the other way."""
    at = np.flatnonzero(moored.directed)
    k = min(config.neighbours + 1, len(at))
    if k < 2:
        none, nowhere, never = (np.zeros(0, dtype=kind) for kind in (np.int32, np.float64, bool))
        return _Pairs(none, none, nowhere, nowhere, none.astype(np.int8), never, never, never)
    tree = cKDTree(moored.xyz[at])
    parts = np.array_split(at, len(at) * k // _PAIRS_AT_ONCE + 1)
    found = [_in_line(moored, part, at, tree, k) for part in parts]
    return _Pairs._make(np.concatenate(values) for values in zip(*found, strict=True))


def _in_line(moored: _Moored, stops: NDArray[np.intp], at: NDArray[np.intp], tree: cKDTree, k: int) -> _Pairs:
    """Neighbours of some stops, among those in the tree."""
    reach, index = tree.query(moored.xyz[stops], k=np.arange(1, k + 1), distance_upper_bound=600.0)
    found = np.isfinite(reach)
    i = np.repeat(stops, k)[found.ravel()]
    j = at[index[found]]
    i, j = i[i != j], j[i != j]
    turn = geo.turn_deg(moored.heading[i], moored.heading[j])
    axis_turn = geo.turn_deg(moored.heading[i], moored.heading[j], period=180.0)
    along, across = geo.along_across_m(
        moored.lat[i], moored.lon[i], moored.lat[j], moored.lon[j], moored.heading[i]
    )
    in_line = (np.abs(axis_turn) < 15.0) & (np.abs(across) < 0.35 * (moored.width[i] + moored.width[j]) + 5.0)
    near = np.abs(along) < 0.75 * (moored.length[i] + moored.length[j])
    use = in_line & near
    i, j, along, across, turn = i[use], j[use], along[use], across[use], turn[use]
    hour = 3_600_000_000
    overlap = np.minimum(moored.end[i], moored.end[j]) - np.maximum(moored.start[i], moored.start[j])
    same_way = np.abs(turn) < 90.0
    same_ship = moored.vessel[i] == moored.vessel[j]
    together = (overlap > hour) & ~same_ship
    return _Pairs(
        i=i.astype(np.int32),
        j=j.astype(np.int32),
        along=along,
        across=across,
        same_way=np.where(same_way, 1, -1).astype(np.int8),
        together=together,
        # The same ship the same way round only repeats itself.
        speaks=~together & ~(same_ship & same_way),
        facing=same_ship & ~same_way & ~(moored.axis_only[i] | moored.axis_only[j]),
    )


def _along(moored: _Moored, pairs: _Pairs, config: HullsConfig) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Metres from the antenna ahead to the middle of the hull, the error, and which bows to turn.

    Each ship has one antenna, so one probability over the grid of ratios for all its stops. In each round
    the stops ask where the middles of their neighbours lie, and the answer updates the ship.
    """
    ratio, trust, variance = (values[moored.kind] for values in _describe(moored.prior))
    flip = moored.turned
    weight = _visit_weights(moored)
    for _ in range(_ROUNDS if len(pairs.i) else 0):
        shift = (ratio - 0.5) * moored.length * (1.0 - 2.0 * (flip > 0.5))
        trust = trust * np.abs(1.0 - 2.0 * flip)
        found = [
            _ask(moored, part, weight, _evidence(moored, pairs.of(part), part, shift, trust, config))
            for part in moored.blocks()
        ]
        ratio, trust, variance, flip = (np.concatenate(values) for values in zip(*found, strict=True))
    as_sent = moored.known & (np.abs(ratio - moored.ratio) < 0.1)
    ratio = np.where(as_sent, moored.ratio, ratio)
    sd = np.where(as_sent, 0.0, np.sqrt(variance))
    undecided = moored.axis_only & (np.abs(flip - 0.5) < 0.2)
    half = (ratio - 0.5) * moored.length
    ahead_m = np.where(undecided, 0.0, half)
    exchanged = 2.0 * np.abs(half) * np.sqrt(flip * (1.0 - flip))
    error = np.where(undecided, np.abs(half), np.hypot(sd * moored.length, exchanged))
    return ahead_m, error, moored.axis_only & (flip > 0.5) & ~undecided


def _ask(moored: _Moored, part: slice, weight: Floats, forward: Floats) -> tuple[Floats, ...]:
    """What the evidence of its stops says of each ship.

    Returns
    -------
    For each stop the likely ratio, how sure that is, its variance, and how likely bow and stern are
    exchanged.
    """
    turned, backward = moored.turned[part], forward[:, ::-1]
    # A ship that lies the other way round has its middle on the other side of the antenna.
    p_back = turned[:, None]
    mixed = np.log((1.0 - p_back) * np.exp(forward) + p_back * np.exp(backward))
    vessel = moored.vessel[part] - moored.vessel[part.start]
    ship = np.zeros((int(vessel[-1]) + 1, len(_GRID)))
    add_rows(ship, vessel, weight[part, None] * mixed)
    log = np.log(moored.prior[moored.kind[part]] + 1e-12) + ship[vessel]
    posterior = np.exp(log - log.max(axis=1, keepdims=True))
    posterior /= posterior.sum(axis=1, keepdims=True)
    ahead = (1.0 - turned) * (posterior * np.exp(forward)).sum(axis=1)
    astern = turned * (posterior * np.exp(backward)).sum(axis=1)
    return *_describe(posterior), astern / (ahead + astern)


def _evidence(
    moored: _Moored, pairs: _Pairs, stops: slice, shift: Floats, trust: Floats, config: HullsConfig
) -> Floats:
    """Log-likelihood of each ratio at some stops, given where the neighbours' middles are now thought."""
    own_length = moored.length[stops]
    density, clash = (np.zeros((len(own_length), len(_GRID))) for _ in range(2))
    for begin in range(0, len(pairs.i), _BLOCK):
        part = slice(begin, begin + _BLOCK)
        together, speaks = pairs.together[part], pairs.speaks[part]
        # Middle of j along the heading of i, measured from the antenna of i.
        middle = pairs.along[part] + pairs.same_way[part] * shift[pairs.j[part]]
        # A ship facing itself has the middle half-way between its antennas, whatever is thought of them.
        facing = pairs.facing[part]
        middle[facing] = pairs.along[part][facing] / 2.0
        i, j = pairs.i[part][speaks], pairs.j[part][speaks]
        sigma = config.berth_play_m + 0.04 * np.abs(moored.length[i] - moored.length[j])
        apart = moored.length[i, None] * (_GRID - 0.5)[None, :] - middle[speaks, None]
        bell = np.exp(-0.5 * (apart / sigma[:, None]) ** 2)
        believed = np.where(facing[speaks], 1.0, trust[j])
        add_rows(density, i - stops.start, (believed / (2.5066 * sigma))[:, None] * bell)
        i, j = pairs.i[part][together], pairs.j[part][together]
        apart = np.abs(moored.length[i, None] * (_GRID - 0.5)[None, :] - middle[together, None])
        reach = 0.5 * (moored.length[i] + moored.length[j])
        overlap = np.clip((reach[:, None] - apart - 5.0) / 25.0, 0.0, 1.0)
        add_rows(clash, i - stops.start, trust[j, None] * overlap)
    # A share of a ship, anywhere along its own length, keeps a lone neighbour from being certain.
    doubt = np.where(moored.known[stops], _DOUBT_SENT, _DOUBT) / np.maximum(own_length, 20.0)
    log = np.log(doubt[:, None] + density) - np.minimum(3.0 * clash, 6.0)
    result: Floats = log - log.max(axis=1, keepdims=True)
    return result


def _visit_weights(moored: _Moored) -> Floats:
    """Repeated visits of a ship to one place, the same way round, count little more than one."""
    place = pd.DataFrame(
        {
            "vessel": moored.vessel,
            "way": np.round(moored.heading / 90.0),
            "lat": np.round(moored.lat, 3),
            "lon": np.round(moored.lon, 3),
        }
    )
    n = place.groupby(["vessel", "way", "lat", "lon"])["vessel"].transform("size").to_numpy()
    return np.asarray(1.0 / np.sqrt(n) ** 1.5)


def _across(moored: _Moored, pairs: _Pairs, ahead: Floats, flipped: NDArray[np.bool_]) -> Floats:
    """Metres from the antenna to starboard to the middle of the hull: hulls of a quay touch one line.

    For both sides of the ship the lines of its neighbours' hulls are compared; the side on which they
    agree is the quay.
    """
    signed = ahead * np.where(flipped, -1.0, 1.0)
    learned = [_to_quay(moored, part, pairs.of(part), signed) for part in moored.blocks()]
    side = np.where(moored.known, moored.side, np.concatenate([np.zeros(0), *learned]))
    result: Floats = side * np.where(flipped, -1.0, 1.0)
    return result


def _to_quay(moored: _Moored, part: slice, pairs: _Pairs, signed: Floats) -> Floats:
    """Metres to starboard to the middle of the hull of some stops, as their neighbours tell."""
    reach = 0.5 * (moored.length[pairs.i] + moored.length[pairs.j])
    middle = pairs.along + pairs.same_way * signed[pairs.j] - signed[pairs.i]
    use = np.abs(middle) < reach + 60.0
    i, j = pairs.i[use] - part.start, pairs.j[use]
    width, n = moored.width[part], part.stop - part.start
    usual = antennas.ACROSS_SD * width
    sd = np.where(moored.known[j], 1.5, antennas.ACROSS_SD * moored.width[j]) + 1.0
    weight = 1.0 / sd**2
    across = pairs.across[use] + pairs.same_way[use] * moored.side[j]
    total = np.bincount(i, weights=weight, minlength=n)
    count = np.bincount(i, minlength=n)

    def line(sign: float) -> tuple[Floats, Floats]:
        edge = across + sign * moored.width[j] / 2.0
        mean = np.bincount(i, weights=weight * edge, minlength=n) / np.maximum(total, 1e-12)
        off = np.minimum(np.abs(edge - mean[i]), 3.0 * sd)
        spread = np.bincount(i, weights=weight * off**2, minlength=n) / np.maximum(total, 1e-12)
        return mean, spread

    right_line, right_spread = line(1.0)
    left_line, left_spread = line(-1.0)
    on_right = right_spread < left_spread
    best = np.where(on_right, right_spread, left_spread)
    other = np.where(on_right, left_spread, right_spread)
    target = np.where(on_right, right_line - width / 2.0, left_line + width / 2.0)
    # Equal beams fit both sides alike: then the middles agree and the mean of both is taken.
    clear = best < 0.6 * other
    target = np.where(clear, target, (right_line + left_line) / 2.0)
    # Few neighbours may agree by chance: their line is never better known than their own sides are.
    variance = np.maximum(best / np.maximum(count, 1), 1.0 / np.maximum(total, 1e-12))
    error = np.sqrt(variance) + 1.5
    gain = np.where(count >= _ENOUGH, usual**2 / (usual**2 + error**2), 0.0)
    result: Floats = np.clip(gain * target, -width / 2.0, width / 2.0)
    return result


def _spike(ratio: Floats) -> Floats:
    weight = np.exp(-0.5 * ((_GRID[None, :] - ratio[:, None]) / 0.0125) ** 2)
    result: Floats = weight / weight.sum(axis=1, keepdims=True)
    return result


def _describe(density: Floats) -> tuple[Floats, Floats, Floats]:
    """Mean about the highest point of each density, the mass there, and the variance, the tail included."""
    top = density.argmax(axis=1)
    near = np.abs(_GRID[None, :] - _GRID[top][:, None]) <= 0.1
    mass = np.where(near, density, 0.0)
    total = mass.sum(axis=1)
    centre = (mass * _GRID).sum(axis=1) / total
    return centre, total, (density * (_GRID[None, :] - centre[:, None]) ** 2).sum(axis=1)
