"""How far the middle of the hull lies to the side of the antenna: hulls along a quay touch one line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ais_berths import antennas

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats
    from ais_berths.neighbours import Moored, Neighbours, Pairs

# Gap to ships ahead or astern that lie at the same quay (m); neighbours needed to tell its side; the variance
# of their sides there must be below this share of that on the other side.
_QUAY_M, _ENOUGH, _CLEARLY = 60.0, 3, 0.6
# Errors across the ship (m): of an antenna whose offsets were sent, of a position, and of the line of a quay.
_SENT_M, _POSITION_M, _LINE_M = 1.5, 1.0, 1.5


def sides_of(
    moored: Moored,
    near: Neighbours,
    ahead: Floats,
    flipped: NDArray[np.bool_],
    as_sent: NDArray[np.bool_],
) -> Floats:
    """Metres from the antenna to starboard to the middle of the hull of each stop.

    The sides of the neighbours' hulls are compared to port and to starboard; the quay is where they agree
    better.

    Parameters
    ----------
    moored, near
        The stops and their neighbours.
    ahead
        Metres from the antenna ahead to the middle of the hull.
    flipped, as_sent
        Stops whose bow is at the other end than `moored` says, and those where the antenna is known to
        stand as the ship sent it.
    """
    turn = np.where(flipped, -1.0, 1.0)
    side, signed = np.zeros(len(moored)), ahead * turn
    for stops, pairs in near:
        side[stops] = _to_quay(moored, pairs, stops, signed)
    # If the bow of a ship that sent offsets is open, so is the side, and neighbours do not settle it.
    side = np.where(moored.known, np.where(as_sent, moored.side, 0.0), side)
    result: Floats = side * turn
    return result


def _to_quay(moored: Moored, pairs: Pairs, stops: NDArray[np.intp], signed: Floats) -> Floats:
    """Metres to starboard to the middle of the hull of some stops, from the hulls of their neighbours."""
    reach = 0.5 * (moored.length[pairs.i] + moored.length[pairs.j])
    middle = pairs.along + pairs.same_way * signed[pairs.j] - signed[pairs.i]
    use = np.abs(middle) < reach + _QUAY_M
    row, j = pairs.row[use], pairs.j[use]
    width, n = moored.width[stops], len(stops)
    usual = antennas.ACROSS_SD * width
    sd = np.where(moored.known[j], _SENT_M, antennas.ACROSS_SD * moored.width[j]) + _POSITION_M
    weight = 1.0 / sd**2
    across = pairs.across[use] + pairs.same_way[use] * moored.side[j]
    total = np.bincount(row, weights=weight, minlength=n)
    count = np.bincount(row, minlength=n)

    def line(sign: float) -> tuple[Floats, Floats]:
        edge = across + sign * moored.width[j] / 2.0
        mean = np.bincount(row, weights=weight * edge, minlength=n) / np.maximum(total, 1e-12)
        off = np.minimum(np.abs(edge - mean[row]), 3.0 * sd)
        spread = np.bincount(row, weights=weight * off**2, minlength=n) / np.maximum(total, 1e-12)
        return mean, spread

    right_line, right_spread = line(1.0)
    left_line, left_spread = line(-1.0)
    on_right = right_spread < left_spread
    best = np.where(on_right, right_spread, left_spread)
    other = np.where(on_right, left_spread, right_spread)
    target = np.where(on_right, right_line - width / 2.0, left_line + width / 2.0)
    # Ships of equal beam agree on both sides: then the mean of both lines is taken.
    clear = best < _CLEARLY * other
    target = np.where(clear, target, (right_line + left_line) / 2.0)
    # Few neighbours may agree by chance: the line is never known better than their own sides.
    variance = np.maximum(best / np.maximum(count, 1), 1.0 / np.maximum(total, 1e-12))
    error = np.sqrt(variance) + _LINE_M
    gain = np.where(count >= _ENOUGH, usual**2 / (usual**2 + error**2), 0.0)
    result: Floats = np.clip(gain * target, -width / 2.0, width / 2.0)
    return result
