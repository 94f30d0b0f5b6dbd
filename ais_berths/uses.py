"""What a berth is used for, by the types of the ships that lay there and their hours."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import schema
from ais_berths.vessels import COMMERCIAL

if TYPE_CHECKING:
    from numpy.typing import NDArray

_GROUPS_OF_USE = {
    "commercial": COMMERCIAL,
    "service": ("tug", "service"),
    "fishing": ("fishing",),
    "leisure": ("leisure",),
}
USES = (*_GROUPS_OF_USE, "unknown")
"""What a berth may be used for."""

# A berth is commercial from this share of the hours on; a stay counts as this at least (h).
_COMMERCIAL_SHARE, _LEAST_H = 1 / 3, 0.1
# A ship is on an errand when it is back at its berth within this time (us).
_ERRAND_US = 24 * schema.HOUR_US
# Ferries lie outside one another now and then; a ship that serves others does so in this share of its stops.
_OUTSIDE_SHARE = 0.2


def uses_of_berths(visits: pd.DataFrame, serving: NDArray[np.int64] | None = None) -> pd.Series:
    """Decide what each berth is used for.

    Hours count, not stops: tugs come to a dock more often than the ships that they assist, and stay for
    minutes. Ships that serve others, such as bunker tankers, are service craft whatever type they send.

    Parameters
    ----------
    visits
        One row a stop at a berth: ``stop_id``, ``number`` of the berth, ``mmsi``, vessel ``group``,
        ``start_time``, ``end_time``, ``dwell_h``, ``rafted``.
    serving
        Ships that serve others: result of `serving_ships` for all visits, by default for these.

    Returns
    -------
    ``commercial``, ``service``, ``fishing``, ``leisure`` or ``unknown``, by number of the berth.

    Examples
    --------
    A tanker that goes alongside another ship and comes back to its own berth:

    >>> times = pd.date_range("2024-01-01", periods=3, freq="3h", tz="UTC").as_unit("us")
    >>> visits = pd.DataFrame({
    ...     "stop_id": list("abc"), "number": [0, 1, 0], "mmsi": 1, "group": "tanker", "start_time": times,
    ...     "end_time": times + pd.Timedelta("2h"), "dwell_h": 2.0, "rafted": [False, True, False]})
    >>> uses_of_berths(visits).to_dict()
    {0: 'service', 1: 'service'}
    """
    serves = visits["mmsi"].isin(serving_ships(visits) if serving is None else serving)
    rows = visits.assign(
        group=visits["group"].mask(serves, "service"), hours=visits["dwell_h"].clip(lower=_LEAST_H)
    )
    hours = rows.pivot_table(
        index="number", columns="group", values="hours", aggfunc="sum", fill_value=0.0, observed=True
    )
    shares = hours.div(hours.sum(axis=1), axis=0)
    sums = pd.DataFrame(
        {
            use: shares.reindex(columns=list(groups), fill_value=0.0).sum(axis=1)
            for use, groups in _GROUPS_OF_USE.items()
        }
    )
    known = sums.max(axis=1) > 0
    use = np.where(known, sums.idxmax(axis=1), "unknown")
    use = np.where(sums["commercial"] >= _COMMERCIAL_SHARE, "commercial", use)
    return pd.Series(use.astype(object), index=sums.index)


def serving_ships(visits: pd.DataFrame) -> NDArray[np.int64]:
    """MMSIs of ships that often lay outside others and were back at their berth within a day.

    Parameters
    ----------
    visits
        One row a stop at a berth, all of each ship: ``stop_id``, ``number`` of the berth, ``mmsi``,
        ``start_time``, ``end_time``, ``rafted``.
    """
    rows = visits.sort_values(["mmsi", "start_time", "end_time", "stop_id"])
    rafted = rows["rafted"].to_numpy(dtype=bool)
    mmsi, number = rows["mmsi"].to_numpy(dtype=np.int64), rows["number"].to_numpy()
    start, end = schema.to_micros(rows["start_time"]), schema.to_micros(rows["end_time"])
    at_quay, outside = np.flatnonzero(~rafted), np.cumsum(rafted)
    left, back = at_quay[:-1], at_quay[1:]
    errand = (mmsi[left] == mmsi[back]) & (number[left] == number[back])
    errand &= (outside[back] > outside[left]) & (start[back] - end[left] <= _ERRAND_US)
    often = pd.Series(rafted).groupby(mmsi).mean() >= _OUTSIDE_SHARE
    return np.intersect1d(mmsi[left[errand]], often.index[often].to_numpy(dtype=np.int64))
