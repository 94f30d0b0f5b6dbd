"""Groups of things that hang together: shapes that touch, points that are near, ships in a place at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Links = NDArray[np.integer]


def number_groups(i: Links, j: Links, n: int) -> NDArray[np.int64]:
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
    groups: NDArray[np.int64] = connected_components(graph, directed=False)[1].astype(np.int64)
    return groups


def at_once(place: NDArray[np.int64], start: NDArray[np.int64], end: NDArray[np.int64]) -> NDArray[np.intp]:
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
