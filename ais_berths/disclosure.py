"""Disclosure control: no figure from too few vessels, and none that can be worked out from the others.

A figure that rests on fewer different vessels than the minimum is hidden. Figures add up: vessel groups
to all, days to weeks and months, hours of the day to a month. So others are hidden with it, by this rule:

1. In every sum with hidden members there are at least two of them; where the total is shown, they stand on
   at least the minimum of different vessels together.
2. The hidden figures are then solved for with all sums at once. While one of them has only one solution,
   another figure of one of its sums is hidden too.
3. A zero in a sum with hidden members is hidden as well. Otherwise hidden figures would be known to be 1 or
   more, from which many could be worked out. Other zeros are shown, as no ship is behind them.

Of the figures that could be hidden in addition, a part is preferred to a total, then one that makes no
further hiding necessary, then the one with the fewest vessels. Rules 1 and 2 consider only figures above
zero, so that somebody who guesses every zero still cannot solve for one of them.

Not considered are: how narrowly a hidden figure can be bracketed; whether one ship dominates a figure, or the
median of a few is the time of one of them; figures that count nearly the same ships in another way (hours at
all berths less hours at separate berths, visits less those that were seen whole); other settings; and other
editions of a table.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy.sparse import csr_array
from scipy.sparse.linalg import lsqr
from threadpoolctl import ThreadpoolController

from ais_berths.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

    from numpy.typing import NDArray

    Flags = NDArray[np.bool_]

_PUBLIC = ("ports", "cells", "berths", "quays", "anchorages", "berth_cells", "indicators", "quality")
_EXTREMES = ("loa_max_m", "beam_max_m", "draught_max_m", "first_seen", "last_seen")
_OF_FEW = {
    "berths": (*_EXTREMES, "type_shares"),
    "quays": ("n_berths", "n_stops", "n_vessels", "occupied_m"),
    "anchorages": _EXTREMES,
}


def protect(
    cells: pd.DataFrame,
    links: pd.DataFrame,
    pairs: pd.DataFrame,
    min_vessels: int,
    *,
    hidden: Flags | None = None,
    locked: Flags | None = None,
) -> Flags:
    """Choose the figures that must not be shown.

    Parameters
    ----------
    cells
        One row a figure: ``n_vessels``, 0 for a figure that is zero, and ``published``, False for a figure
        that is not in the table but takes part in sums, such as the days where only months are shown.
    links
        Which figure (row number ``cell``) is in which sum (``relation``), of which kind (``rule``: over
        groups, over the days of a week ...), and whether it is its ``total``.
    pairs
        The different vessels (``mmsi``) of each ``cell``.
    min_vessels
        The least number of different vessels of a figure that is shown.
    hidden
        Figures that are hidden already.
    locked
        Figures that stay as they are.

    Returns
    -------
    True for figures of the table that are hidden, zeros not yet among them: see `hide_zeros`.

    Examples
    --------
    All 12 calls are the sum of cargo, tanker and tug; a single tug hides the tankers as well:

    >>> vessels = {"all": range(12), "cargo": range(8), "tanker": range(8, 11), "tug": range(11, 12)}
    >>> pairs = pd.DataFrame([(i, v) for i, seen in enumerate(vessels.values()) for v in seen])
    >>> cells = pd.DataFrame({"n_vessels": [12, 8, 3, 1], "published": True})
    >>> links = pd.DataFrame(
    ...     {"relation": 0, "rule": "groups", "cell": range(4), "total": [True, False, False, False]})
    >>> protect(cells, links, pairs.set_axis(["cell", "mmsi"], axis=1), min_vessels=3).tolist()
    [False, False, True, True]
    """
    shown = cells["published"].to_numpy(dtype=bool)
    number = cells["n_vessels"].to_numpy(dtype=np.int64)
    few = (number > 0) & (number < min_vessels)
    secret_or_unknown = (few | ~shown) & (number > 0)
    unknown = secret_or_unknown if hidden is None else secret_or_unknown | hidden
    free = shown if locked is None else shown & ~locked
    sums = _Sums(number, free, links[(number > 0)[links["cell"].to_numpy()]], pairs, min_vessels)
    while few.any():
        secret = unknown & (shown | few)
        partners = sums.partners(sums.weak(unknown, secret), unknown)
        if not partners.any():
            partners = sums.breakers(secret, unknown)
        if not partners.any():
            break
        unknown = unknown | partners
    chosen: Flags = unknown & shown
    return chosen


def hide_zeros(cells: pd.DataFrame, links: pd.DataFrame, hidden: Flags) -> Flags:
    """Add the published zeros that stand in a sum with hidden figures (rule 3)."""
    positive = hidden & (cells["n_vessels"] > 0).to_numpy(dtype=bool)
    beside = links["relation"][positive[links["cell"].to_numpy()]]
    zeros = np.zeros(len(cells), dtype=bool)
    zeros[links["cell"][links["relation"].isin(beside)].to_numpy()] = True
    chosen: Flags = hidden | (zeros & ((cells["n_vessels"] == 0) & cells["published"]).to_numpy(dtype=bool))
    return chosen


def can_be_solved(cells: pd.DataFrame, links: pd.DataFrame, hidden: Flags) -> Flags:
    """Which of the hidden figures above zero can be worked out from all sums together."""
    number = cells["n_vessels"].to_numpy(dtype=np.int64)
    positive = links[(number > 0)[links["cell"].to_numpy()]]
    unknown = hidden & (number > 0)
    given: Flags = np.zeros(len(cells), dtype=bool)
    given[unknown] = _Sums(number, unknown, positive, pd.DataFrame(), 0).fixed(unknown)
    return given


def hidden_parts(
    parts: pd.Series, vessels: pd.Series, every: Iterable[Hashable], min_vessels: int
) -> set[Hashable]:
    """Find the parts of one published total that must not be shown: berths, days or vessel groups.

    Parameters
    ----------
    parts
        The part that each row belongs to.
    vessels
        The vessel of each row, in the same order.
    every
        All parts, those without rows too.
    min_vessels
        The least number of different vessels of a figure.

    Examples
    --------
    Berth C has one vessel; hiding it alone would give it away as the rest of the total:

    >>> parts, vessels = pd.Series(list("AAAABBBC")), pd.Series([1, 2, 3, 4, 5, 6, 7, 8])
    >>> sorted(hidden_parts(parts, vessels, "ABC", 3))
    ['B', 'C']
    """
    names = list(dict.fromkeys([*every, *parts.unique()]))
    own = pd.DataFrame({"cell": pd.Index(names).get_indexer(pd.Index(parts)) + 1, "mmsi": vessels.to_numpy()})
    pairs = pd.concat([own.assign(cell=0), own]).drop_duplicates()
    number = np.bincount(pairs["cell"], minlength=len(names) + 1)
    cells = pd.DataFrame({"n_vessels": number, "published": True})
    total = np.arange(len(cells)) == 0
    links = pd.DataFrame({"relation": 0, "rule": "parts", "cell": cells.index, "total": total})
    hidden = hide_zeros(cells, links, protect(cells, links, pairs, min_vessels, locked=total))
    return {name for name, secret in zip(names, hidden[1:], strict=True) if secret}


def publish(tables: Mapping[str, Any], min_vessels: int = 3) -> dict[str, Any]:
    """Tables of the public profile: places and figures, no ships and no calls.

    Berths, quays and anchorages with fewer vessels than the minimum are left out; if the table ``stops`` is
    given, so are berths and anchorages whose numbers would reveal those as the rest of a port. What belongs
    to a single ship (largest size, first and last visit) becomes null, and so do shares of vessel groups and
    the numbers of quays, which are sums of those of berths. The table of quality is without the numbers of
    stops. Indicators stay as they are, as they were protected when they were made. All tables of ships, stops
    or calls are left out.

    Parameters
    ----------
    tables
        Tables by name.
    min_vessels
        The least number of different vessels of a place that is shown.

    Returns
    -------
    The tables that may be published.

    Raises
    ------
    InputError
        The cells of berths are given without the berths.
    """
    if "berth_cells" in tables and "berths" not in tables:
        raise InputError(
            "the table berth_cells was given without the table berths, which says whose cells are withheld; "
            "give both"
        )
    public = {name: frame for name, frame in tables.items() if name in _PUBLIC}
    if "quality" in public:
        # Stops by reason are totals of figures that may be hidden.
        public["quality"] = public["quality"][public["quality"]["stage"] != "places"].reset_index(drop=True)
    for name, key in (("berths", "berth_id"), ("quays", "quay_id"), ("anchorages", "anchorage_id")):
        if name not in public:
            continue
        frame = public[name]
        frame = frame[frame["n_vessels"] >= min_vessels]
        if "stops" in tables and name != "quays":
            secret = _hidden_places(tables["stops"], key, public[name], min_vessels)
            frame = frame[~frame[key].isin(list(secret))]
        none = [column for column in _OF_FEW[name] if column in frame.columns]
        public[name] = frame.reset_index(drop=True).assign(**dict.fromkeys(none))
    if "berth_cells" in public:
        cells = public["berth_cells"]
        public["berth_cells"] = cells[cells["berth_id"].isin(public["berths"]["berth_id"])]
    return public


def _hidden_places(stops: pd.DataFrame, key: str, places: pd.DataFrame, min_vessels: int) -> set[Hashable]:
    """Places of each port that are hidden as parts of all stops at such places, or at those of a use."""
    found: set[Hashable] = set()
    stops = stops.dropna(subset=[key])
    sums = [["port_id"]]
    if "use" in places:
        # Reports give the sum over the berths of some uses.
        stops = stops.assign(use=stops[key].map(places.set_index(key)["use"]))
        sums += [["port_id", "use"]]
    for by in sums:
        for _, rows in stops.groupby(by):
            found |= hidden_parts(rows[key], rows["mmsi"], (), min_vessels)
    return found


class _Sums:
    """All sums as arrays: which figure is in which, as a total or as a part."""

    def __init__(
        self,
        n_vessels: NDArray[np.int64],
        free: Flags,
        links: pd.DataFrame,
        pairs: pd.DataFrame,
        min_vessels: int,
    ) -> None:
        self.n_vessels = n_vessels
        self.free = free
        self.relation = np.unique(links["relation"].to_numpy(), return_inverse=True)[1]
        self.cell = links["cell"].to_numpy()
        self.total = links["total"].to_numpy(dtype=bool)
        self.rule = links["rule"].to_numpy(dtype=object)
        self.n = int(self.relation.max()) + 1 if len(links) else 0
        self.least = min_vessels
        ordered = (
            pairs.sort_values("cell") if len(pairs) else pd.DataFrame({"cell": [], "mmsi": []}, dtype=int)
        )
        self.vessel = np.unique(ordered["mmsi"].to_numpy(), return_inverse=True)[1]
        bounds = np.searchsorted(ordered["cell"].to_numpy(), np.arange(len(n_vessels) + 1))
        self.first, self.seen = bounds[:-1], np.diff(bounds)

    def count(self, which: Flags) -> NDArray[np.int64]:
        """How many links of each sum are marked."""
        return np.bincount(self.relation[which], minlength=self.n)

    def weak(self, hidden: Flags, secret: Flags) -> Flags:
        """Sums that reveal a secret, as their only hidden member or as parts of too few vessels together."""
        at = hidden[self.cell]
        count = self.count(at)
        part = at & ~self.total
        total_shown = self.count(self.total & ~at) > 0
        few = (self.count(part) > 0) & total_shown & ~self._enough(part)
        weak: Flags = ((count == 1) | few) & (self.count(secret[self.cell]) > 0)
        return weak

    def _enough(self, part: Flags) -> Flags:
        """Whether the hidden parts of each sum have enough different vessels together."""
        most = np.zeros(self.n, dtype=np.int64)
        np.maximum.at(most, self.relation[part], self.n_vessels[self.cell[part]])
        unsure = part & (most[self.relation] < self.least)
        relation, cell = self.relation[unsure], self.cell[unsure]
        times = self.seen[cell]
        row = np.repeat(np.arange(len(cell)), times)
        at = np.arange(len(row)) - np.repeat(np.cumsum(times) - times, times) + self.first[cell][row]
        n_vessels = len(self.vessel) + 1
        different = np.unique(relation[row] * n_vessels + self.vessel[at]) // n_vessels
        together = np.bincount(different, minlength=self.n)
        return np.maximum(most, together) >= self.least

    def partners(self, weak: Flags, hidden: Flags) -> Flags:
        """For each weak sum the figure that is best hidden in addition."""
        chosen = np.zeros(len(hidden), dtype=bool)
        if not weak.any():
            return chosen
        ranked = self._ranked(weak[self.relation], hidden)
        ranked = ranked[np.argsort(self.relation[ranked], kind="stable")]
        first = np.unique(self.relation[ranked], return_index=True)[1]
        chosen[self.cell[ranked[first]]] = True
        return chosen

    def _ranked(self, links: Flags, hidden: Flags) -> NDArray[np.intp]:
        """Those of some links whose figure may be hidden, the best one first."""
        alone = self.count(hidden[self.cell]) == 0
        price = np.bincount(self.cell, weights=alone[self.relation], minlength=len(hidden))
        open_ = np.flatnonzero(links & ~hidden[self.cell] & self.free[self.cell])
        cell = self.cell[open_]
        return open_[np.lexsort((cell, self.n_vessels[cell], price[cell], self.total[open_]))]

    def breakers(self, secret: Flags, hidden: Flags) -> Flags:
        """Figures to hide in addition, so that secrets can no longer be worked out from all sums together.

        For each secret that can be, the sums from which it follows are found by least squares. Hiding another
        figure of one of these sums breaks the solution.
        """
        matrix, columns = self._matrix(hidden), np.flatnonzero(hidden)
        chosen = np.zeros(len(hidden), dtype=bool)
        for column in np.flatnonzero(self.fixed(hidden) & secret[hidden]):
            target = np.zeros(len(columns))
            target[column] = 1.0
            share = _solve(matrix.T, target)[self.relation] * np.where(self.total, -1.0, 1.0)
            # Only figures that do not cancel out in the solution break it.
            needed = np.abs(np.bincount(self.cell, weights=share, minlength=len(hidden))) > 1e-6
            own = np.isin(self.relation, self.relation[self.cell == columns[column]])
            ranked = self._ranked(needed[self.cell] & own, hidden)
            if not len(ranked):
                ranked = self._ranked(needed[self.cell], hidden)
            if len(ranked) and not (needed & chosen).any():
                partner = self.cell[ranked[0]]
                chosen[partner] = True
                chosen[self._totals(partner, like=columns[column])] = True
        chosen &= ~hidden & self.free
        return chosen

    def fixed(self, hidden: Flags) -> Flags:
        """Which of the hidden figures can be worked out from all sums.

        A random change of all hidden figures is projected onto those changes that leave every sum as it is. A
        figure that does not move then has only one solution.
        """
        matrix = self._matrix(hidden)
        rng = np.random.default_rng(0)
        fixed: Flags = np.ones(matrix.shape[1], dtype=bool)
        # One in a million undetermined figures may not move by chance, but hardly twice.
        for _ in range(2):
            if fixed.any():
                start = rng.uniform(1.0, 2.0, len(fixed))
                fixed &= np.abs(start - _solve(matrix, matrix @ start)) < 1e-6
        return fixed

    def _matrix(self, hidden: Flags) -> csr_array:
        """All sums of the hidden figures: parts less total."""
        at = hidden[self.cell]
        number = np.cumsum(hidden) - 1
        sign = np.where(self.total[at], -1.0, 1.0)
        size = (self.n, int(hidden.sum()))
        return csr_array((sign, (self.relation[at], number[self.cell[at]])), shape=size)

    def _totals(self, cell: int, like: int) -> NDArray[np.int64]:
        """Totals over a figure, by the kinds of sums of which another figure is the total.

        A week with few vessels is the month less its other weeks: a day of another week does not hide it,
        that week as a whole does.
        """
        kinds = self.rule[(self.cell == like) & self.total]
        over = self.relation[(self.cell == cell) & ~self.total & np.isin(self.rule, kinds)]
        totals: NDArray[np.int64] = self.cell[np.isin(self.relation, over) & self.total]
        return totals


def _solve(matrix: csr_array, right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Least-squares solution of least length."""
    limit = 10 * sum(matrix.shape) + 100
    # Some thousand numbers are added up in less time than threads take to share them.
    with _threads().limit(limits=1):
        solution: NDArray[np.float64] = lsqr(
            matrix, right, atol=1e-14, btol=1e-14, conlim=0.0, iter_lim=limit
        )[0]
    return solution


@cache
def _threads() -> ThreadpoolController:
    """Libraries that share out linear algebra to threads."""
    return ThreadpoolController()
