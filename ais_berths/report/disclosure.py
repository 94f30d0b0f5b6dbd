"""Disclosure control of the public profile: nothing that rests on too few ships, nor can be worked out.

The rule for a total that is shown with its parts. A part with fewer different vessels than the minimum is
hidden. As the total less the visible parts gives the sum of the hidden ones, there must be at least two
hidden parts, and together they must have the minimum of vessels; else the next smallest part is hidden too.
When any part is hidden the empty ones are hidden with it: else each hidden part would be known to hold
something, and small sums would give all their parts away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable


def hidden_parts(
    parts: pd.Series, vessels: pd.Series, every: Iterable[Hashable], min_vessels: int
) -> set[Hashable]:
    """Find the parts of a total that must not be shown.

    Parameters
    ----------
    parts
        The part that each row belongs to: a berth, a day, a vessel group.
    vessels
        The vessel of each row, in the same order.
    every
        All parts that are shown, those without rows too.
    min_vessels
        The least number of different vessels of a figure.

    Returns
    -------
    The hidden parts.

    Examples
    --------
    Berth C has one vessel; hiding it alone would give it away as the rest of the total:

    >>> parts = pd.Series(list("AAAABBBC"))
    >>> vessels = pd.Series([1, 2, 3, 4, 5, 6, 7, 8])
    >>> sorted(hidden_parts(parts, vessels, "ABC", 3))
    ['B', 'C']
    """
    pairs = pd.DataFrame({"part": parts.to_numpy(), "mmsi": vessels.to_numpy()}).drop_duplicates()
    count = pairs.groupby("part")["mmsi"].size().sort_values(kind="stable")
    hidden: set[Hashable] = set(count.index[count < min_vessels])
    if not hidden:
        return hidden
    for part in count.index[count >= min_vessels]:
        together = pairs.loc[pairs["part"].isin(hidden), "mmsi"].nunique()
        if len(hidden) > 1 and together >= min_vessels:
            break
        hidden.add(part)
    return hidden | (set(every) - set(count.index))


def enough(vessels: pd.Series, min_vessels: int) -> bool:
    """Tell whether a figure that stands alone may be shown.

    Examples
    --------
    >>> enough(pd.Series([1, 1, 2]), 3)
    False
    """
    return int(vessels.nunique()) >= min_vessels
