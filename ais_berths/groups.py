"""Groups of things that hang together: shapes that touch, points that are near, lines that go on."""

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
