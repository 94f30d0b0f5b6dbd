"""Arrivals, ships present and hours heard in one port over time: by hour, day, week or month."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ais_berths.report.words import TYPE_GROUPS, iso_time

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.report.measures import Profile
    from ais_berths.report.visits import Period, PortVisits

_HOUR = pd.Timedelta(hours=1)


def arrivals_over_time(
    arrivals: pd.DataFrame, period: Period, profile: Profile, *, by_time: bool = True, by_group: bool = True
) -> dict[str, Any]:
    """Count arrivals by hour, day, week or month, whatever suits the period, and by vessel group.

    In the public profile the two are not crossed: only totals by time, unless `by_time` is False, and totals
    by group, unless `by_group` is False.
    """
    step, starts = steps(period)
    starts = starts if by_time else starts[:0]
    place = pd.Series(np.searchsorted(starts, arrivals["time"], side="right") - 1, index=arrivals.index)
    groups = [group for group in TYPE_GROUPS if (arrivals["type_group"] == group).any()]
    hidden_time = profile.hidden(place, arrivals["mmsi"], range(len(starts)))
    hidden_group = profile.hidden(arrivals["type_group"], arrivals["mmsi"])
    total = place.value_counts().reindex(range(len(starts)), fill_value=0)
    of_group = arrivals["type_group"].value_counts()
    cross = pd.crosstab(place, arrivals["type_group"]).reindex(
        index=range(len(starts)), columns=groups, fill_value=0
    )
    shown = profile.shows(arrivals["mmsi"])
    return {
        "step": step,
        "start": [iso_time(start) for start in starts],
        "total": [int(n) if shown and at not in hidden_time else None for at, n in total.items()],
        "by_group": {
            group: int(of_group[group]) if shown and group not in hidden_group else None
            for group in groups
            if by_group
        },
        "cross": None if profile.public else {group: cross[group].astype(int).tolist() for group in groups},
    }


def ships_over_time(visits: PortVisits, period: Period, profile: Profile) -> dict[str, Any]:
    """Mean number of ships at berth and at anchor in each hour, day, week or month of the period."""
    step, starts = steps(period)
    edges = pd.DatetimeIndex([*starts, period.end])
    edges = edges.where(edges >= period.start, period.start)
    width = np.diff(edges) / _HOUR
    series: dict[str, list[float | None]] = {}
    for name, frame in (("at_berth", visits.berth), ("at_anchor", visits.anchor)):
        hours = np.diff(_hours_before(frame, edges))
        pairs = _vessels_by_step(frame, edges) if profile.public else frame.iloc[:0].assign(step=0)
        hidden = profile.hidden(pairs["step"], pairs["mmsi"], range(len(starts)))
        mean = np.divide(hours, width, out=np.zeros(len(width)), where=width > 0)
        series[name] = [None if at in hidden else profile.rounded(x, 1) for at, x in enumerate(mean)]
    return {"step": step, "start": [iso_time(start) for start in starts], **series}


def hours_heard(hours: pd.DataFrame | None, period: Period, profile: Profile) -> dict[str, Any] | None:
    """Count the hours of each step in which anything was heard near the port: ``heard_h`` of ``hours``.

    None where that is not known. For the public, hours one by one are left out, as in a quiet port they show
    when a single ship was there.
    """
    step, starts = steps(period)
    if hours is None or (profile.public and step == "hour"):
        return None
    every = pd.date_range(period.start.floor("h"), period.end, freq="h", unit="us", inclusive="left")
    heard = every[every.isin(hours.loc[hours["n_pings"] > 0, "hour"])]
    counts = {
        name: np.bincount(starts.searchsorted(times, side="right") - 1, minlength=len(starts)).tolist()
        for name, times in (("hours", every), ("heard_h", heard))
    }
    return {"step": step, "start": [iso_time(start) for start in starts], **counts}


def steps(period: Period) -> tuple[str, pd.DatetimeIndex]:
    """Hours for up to three days, days for three months, weeks for two years, else months; starts in UTC.

    Examples
    --------
    >>> from ais_berths.report.visits import Period
    >>> week = Period(pd.Timestamp("2020-12-01T05:00Z"), pd.Timestamp("2020-12-08T00:00Z"))
    >>> step, starts = steps(week)
    >>> step, len(starts), str(starts[0])
    ('day', 7, '2020-12-01 00:00:00+00:00')
    """
    days = period.hours / 24
    step, rule = next(
        found
        for limit, *found in (
            (3, "hour", "h"),
            (93, "day", "D"),
            (732, "week", "W-MON"),
            (np.inf, "month", "MS"),
        )
        if days <= limit
    )
    first = period.start.floor("h" if step == "hour" else "D")
    if step == "week":
        first -= pd.Timedelta(days=first.weekday())
    if step == "month":
        first = first.replace(day=1)
    starts = pd.date_range(first, period.end, freq=rule, unit="us")
    # The end does not belong to the period.
    return step, starts[starts < period.end] if len(starts) > 1 else starts


# helpers ------------------------------------------------------------------------------------------


def _hours_before(visits: pd.DataFrame, edges: pd.DatetimeIndex) -> NDArray[np.float64]:
    """Ship-hours spent before each edge."""
    total = np.zeros(len(edges))
    origin = edges.asi8[0]
    at = (edges.asi8 - origin).astype(np.float64)
    for column, sign in (("arrival", 1.0), ("departure", -1.0)):
        times = np.sort(pd.DatetimeIndex(visits[column]).as_unit(edges.unit).asi8 - origin).astype(np.float64)
        gone = np.searchsorted(times, at)
        sums = np.concatenate([[0.0], np.cumsum(times)])
        total += sign * (gone * at - sums[gone])
    per_hour = float(_HOUR / pd.Timedelta(1, edges.unit))
    return total / per_hour


def _vessels_by_step(visits: pd.DataFrame, edges: pd.DatetimeIndex) -> pd.DataFrame:
    """Different pairs of ``step`` and ``mmsi``."""
    first = np.searchsorted(edges, visits["arrival"], side="right") - 1
    last = np.searchsorted(edges, visits["departure"], side="left") - 1
    n_steps = len(edges) - 1
    first, last = np.clip(first, 0, n_steps - 1), np.clip(last, 0, n_steps - 1)
    length = np.maximum(last - first + 1, 0)
    row = np.repeat(np.arange(len(visits)), length)
    step = first[row] + np.arange(len(row)) - np.repeat(np.cumsum(length) - length, length)
    return pd.DataFrame({"step": step, "mmsi": visits["mmsi"].to_numpy()[row]}).drop_duplicates()
