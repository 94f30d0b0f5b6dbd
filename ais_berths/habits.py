"""Whether ships on a quay keep to places, or lie anywhere along it."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from ais_berths.pieces import along_axis

if TYPE_CHECKING:
    from ais_berths.footprints import Footprints
    from ais_berths.pieces import Members

# How far ships of one place lie apart (in ship lengths, and metres at least), the share of visits that lie
# nowhere in particular, and the distance within which ships are compared (in ship lengths).
_PLAY, _PLAY_M, _STRAY, _AROUND = 0.04, 3.0, 0.3, 0.8
# Visits lie close together by chance: what each must tell before it counts.
_CHANCE = 0.25
# Evidence, of all visits together and of each on average, from which a habit is sure; fewest visits that
# show that there is none.
_SURE, _SURE_EACH = 4.5, 0.35
_SURE_NONE, _SURE_NONE_EACH, _ENOUGH = 1.5, 0.2, 4
# More visits than this on one line are judged by a part of them.
_MOST = 2000


class Habit(Enum):
    """What ships do on a quay."""

    PLACES = "places"
    ANYWHERE = "anywhere"
    UNKNOWN = "unknown"


def habit_of(prints: Footprints, members: Members) -> Habit:
    """Say whether ships on one line keep to places or lie anywhere, if they surely do.

    Parameters
    ----------
    prints
        The footprints.
    members
        Visits on one line.
    """
    members = members[:: len(members) // _MOST + 1]
    evidence, n = keeps_to_places(prints, members), len(members)
    if evidence >= max(_SURE, _SURE_EACH * n):
        return Habit.PLACES
    nowhere = n >= _ENOUGH and evidence <= -max(_SURE_NONE, _SURE_NONE_EACH * n)
    return Habit.ANYWHERE if nowhere else Habit.UNKNOWN


def keeps_to_places(prints: Footprints, members: Members) -> float:
    """Evidence that ships on one line keep to places rather than lie anywhere.

    Each visit is asked how well the others foretell where it lay: a kernel density as narrow as the play of
    a berth, against an even one as wide as a ship is long. Positions known badly foretell little, so that
    the evidence is then weak either way; a ship that lay far from all others tells nothing.

    Returns
    -------
    Log-likelihood ratio: above 0 for places, below 0 for ships that lie anywhere.
    """
    along, error = along_axis(prints, members, members), prints.error[members]
    usual = float(np.median(prints.length[members]))
    apart, reach = np.abs(along[:, None] - along[None, :]), _AROUND * usual
    doubt = np.minimum(error, usual) ** 2
    variance = 2.0 * ((_PLAY * usual) ** 2 + _PLAY_M**2) + doubt[:, None] + doubt[None, :]
    narrow = np.exp(-0.5 * apart**2 / variance) / np.sqrt(2.0 * np.pi * variance)
    even = np.where(apart < reach, 0.5 / reach, 0.0)
    for density in (narrow, even):
        np.fill_diagonal(density, 0.0)
    near = even.any(axis=1)
    ratio = narrow[near].sum(axis=1) / even[near].sum(axis=1)
    return float(np.sum(np.log((1.0 - _STRAY) * ratio + _STRAY) - _CHANCE))
