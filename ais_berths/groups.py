"""Things that belong together: groups of linked things, shapes that touch, stays that overlap in time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ais_berths import schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Links = NDArray[np.integer]
    Ints = NDArray[np.int64]


def number_groups(i: Links, j: Links, n: int) -> Ints:
    """Number the groups of things that are linked, directly or through others.

    Parameters
    ----------
    i, j
        The things at both ends of each link, by number; the order and repetitions do not matter.
    n
        How many things there are; one without a link is a group of its own.

    Returns
    -------
    Number of the group of each, from 0, in the order of the first thing of each group.

    Examples
    --------
    >>> number_groups(np.array([4, 2]), np.array([0, 4]), 5).tolist()
    [0, 1, 0, 2, 0]
    """
    graph = coo_array((np.ones(len(i), dtype=bool), (i, j)), shape=(n, n))
    groups: Ints = connected_components(graph, directed=False)[1].astype(np.int64)
    return groups


def touching(shapes: NDArray[np.object_]) -> NDArray[np.intp]:
    """Every two shapes that touch, as two rows of numbers, in no order."""
    pairs = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    found: NDArray[np.intp] = pairs[:, pairs[0] < pairs[1]]
    return found


def group_touching(shapes: NDArray[np.object_]) -> Ints:
    """Number the groups of shapes that touch, directly or through others."""
    i, j = touching(shapes)
    return number_groups(i, j, len(shapes))


def at_once(place: Ints, start: Ints, end: Ints) -> NDArray[np.intp]:
    """Every two stays in one place that overlap in time, as two rows of numbers.

    Examples
    --------
    >>> at_once(np.array([7, 7, 7, 8]), np.array([0, 5, 3, 4]), np.array([4, 9, 4, 6])).tolist()
    [[0], [2]]
    """
    order = np.lexsort((start, place))
    times = np.unique(np.concatenate([start, end]))
    first = place[order] * np.int64(len(times))
    arrival = first + np.searchsorted(times, start[order])
    until = np.searchsorted(arrival, first + np.searchsorted(times, end[order]))
    n = np.maximum(until - np.arange(len(order)) - 1, 0)
    i = np.repeat(np.arange(len(order)), n)
    j = i + 1 + np.arange(len(i)) - np.repeat(np.cumsum(n) - n, n)
    return np.sort(np.stack([order[i], order[j]]), axis=0)


def overlap(start: Ints, end: Ints, i: Links, j: Links) -> Ints:
    """Time for which two stays overlap; below 0, the time between them."""
    result: Ints = np.minimum(end[i], end[j]) - np.maximum(start[i], start[j])
    return result


def uncovered_from(place: Links, start: Ints, end: Ints) -> Ints:
    """When each stay begins to be the only one: the latest end of earlier stays in its place, or its start.

    The stays of a place are in the order of their starts. From there to their ends they add up to the time
    with at least one of them.

    Examples
    --------
    >>> uncovered_from(np.array([7, 7, 8]), np.array([0, 3, 4]), np.array([5, 9, 6])).tolist()
    [0, 5, 4]
    """
    latest = pd.Series(end).groupby(place).cummax()
    before = latest.groupby(place).shift(fill_value=schema.NO_TIME_US)
    begin: Ints = np.maximum(start, before.to_numpy())
    return begin
