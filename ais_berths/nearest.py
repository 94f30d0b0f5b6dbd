"""Nearest points, with a fixed order among equally near ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats


def nearest(
    points: Floats | cKDTree, of: Floats, most: int, within: float = np.inf
) -> tuple[Floats, NDArray[np.intp]]:
    """Find the points nearest to each place; of equally near ones, those that come first.

    A tree alone returns whichever equal it meets first, and that depends on all points in it: ships at other
    ports would change the result.

    Parameters
    ----------
    points
        Coordinates, a row each, or a tree of them.
    of
        The places, a row each.
    most
        How many points are wanted for a place.
    within
        Points farther away are not wanted.

    Returns
    -------
    Distances and numbers of points, `most` for each place; infinite, and 0, where there are no more.

    Examples
    --------
    >>> metres, point = nearest(np.array([[1.0], [-1.0], [5.0]]), np.array([[0.0]]), 3, 2.0)
    >>> metres.tolist(), point.tolist()
    ([[1.0, 1.0, inf]], [[0, 1, 0]])
    """
    tree = points if isinstance(points, cKDTree) else cKDTree(points)
    distance, index = np.full((len(of), most), np.inf), np.zeros((len(of), most), dtype=np.intp)
    rows, asked = np.arange(len(of)), most + 1
    while len(rows) and tree.n:
        there, which = tree.query(of[rows], k=np.arange(1, asked + 1), distance_upper_bound=within)
        found = np.isfinite(there)
        tied = np.flatnonzero(((there[:, 1:] == there[:, :-1]) & found[:, 1:]).any(axis=1))
        order = np.lexsort((which[tied], there[tied]))
        which[tied] = np.take_along_axis(which[tied], order, axis=1)
        distance[rows] = there[:, :most]
        index[rows] = np.where(found, which, 0)[:, :most]
        # Where the next point is as near as the last one taken, all of them are needed to choose.
        rows = rows[found[:, -1] & (there[:, -1] == there[:, most - 1])]
        asked *= 2
    return distance, index
