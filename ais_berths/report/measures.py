"""Figures of one port in one period: counts, times, occupancy. Visits in, plain numbers out."""

from __future__ import annotations

from dataclasses import KW_ONLY, dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ais_berths import schema
from ais_berths.disclosure import hidden_parts
from ais_berths.groups import uncovered_from
from ais_berths.report.words import TYPE_GROUPS, plain_count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from ais_berths.report.visits import Period, PortVisits

BIN_EDGES_H = (0.0, 1.0, 2.0, 4.0, 8.0, 12.0, 24.0, 48.0, 96.0, np.inf)
"""Edges of the classes of times (h)."""
OF_STAYS = ("berths_used", "occupancy", "ships_at_berth", "ships_at_anchor")
"""Key figures of all stays, as far as they lie in the period; the others are of what begins in it."""


@dataclass(frozen=True)
class Profile:
    """Whether figures are for the public, and the least number of vessels they then rest on."""

    public: bool = False
    min_vessels: int = 3

    def hidden(self, parts: pd.Series, vessels: pd.Series, every: Iterable[Any] | None = None) -> set[Any]:
        """Return the parts of a total that must not be shown; `every` lists them if some have no rows."""
        if not self.public:
            return set()
        shown = parts.unique() if every is None else every
        return hidden_parts(parts, vessels, shown, self.min_vessels)

    def rounded(self, value: float, digits: int) -> float:
        """Round as far as is shown for the public: more would let sums be worked out from means."""
        return round(float(value), digits if self.public else 4)

    def shows(self, vessels: pd.Series) -> bool:
        """Tell whether a figure may be shown."""
        return not self.public or int(vessels.nunique()) >= self.min_vessels


@dataclass(frozen=True)
class _Figure:
    """A figure and the rows that it rests on; and those that its note counts besides, or gives away."""

    key: str
    label: str
    value: float | None
    unit: str = ""
    digits: int = 0
    _: KW_ONLY
    of: pd.DataFrame
    note: str = ""
    others: pd.DataFrame | None = None

    def row(self, profile: Profile) -> dict[str, Any]:
        """Return the figure as plain values."""
        shown = profile.shows(self.of["mmsi"])
        telling = self.others is not None and len(self.others) and not profile.shows(self.others["mmsi"])
        return {
            "key": self.key,
            "label": self.label,
            "value": self._rounded(profile) if shown else None,
            "unit": self.unit,
            "digits": self.digits,
            "n_vessels": int(self.of["mmsi"].nunique()) if shown else None,
            "suppressed": not shown,
            "note": self.note if shown and not telling else "",
        }

    def _rounded(self, profile: Profile) -> float | int | None:
        if self.value is None:
            return None
        if self.digits == 0 and not self.unit:
            return int(self.value)
        return profile.rounded(self.value, self.digits + (2 if self.unit == "%" else 0))


def key_figures(visits: PortVisits, period: Period, profile: Profile) -> list[dict[str, Any]]:
    """Return the figures that stand on top of a report.

    Ships and visits count in the period in which the visit begins; a visit of which the beginning was not
    seen, where it was first seen. Berths used, occupancy and mean numbers of ships count all stays, as far as
    they lie in the period.

    Parameters
    ----------
    visits
        Visits in the period, see `visits.within`.
    period
        The period.
    profile
        Public or not.

    Returns
    -------
    One dictionary a figure: ``key label value unit digits n_vessels note``; the value is None where there
    is nothing to measure and ``suppressed`` is true where it must not be shown.
    """
    begun = visits.berth[visits.berth["arrival"] >= period.start]
    figures = [
        *_port_call_figures(visits, period),
        *_visit_figures(visits, begun),
        *_occupancy_figures(visits, period),
    ]
    return [figure.row(profile) for figure in figures]


def durations(frame: pd.DataFrame, profile: Profile, *, by_group: bool = True) -> dict[str, Any]:
    """Describe times in hours: classes, and mean and quartiles in all and by vessel group.

    Parameters
    ----------
    frame
        Rows with ``mmsi type_group hours``.
    profile
        Public or not. Maxima are never given, they belong to one ship.
    by_group
        Also by vessel group.
    """
    edges = np.asarray(BIN_EDGES_H)
    place = pd.Series(np.searchsorted(edges, frame["hours"], side="right") - 1, index=frame.index)
    shown = profile.shows(frame["mmsi"])
    hidden_bins = profile.hidden(place, frame["mmsi"], range(len(edges) - 1))
    hidden_groups = profile.hidden(frame["type_group"], frame["mmsi"])
    counts = place.value_counts()
    groups = [group for group in TYPE_GROUPS if by_group and (frame["type_group"] == group).any()]
    return {
        "classes": [_class_name(low, high) for low, high in pairwise(edges)],
        "counts": [
            int(counts.get(at, 0)) if shown and at not in hidden_bins else None
            for at in range(len(edges) - 1)
        ],
        "all": _describe(frame, profile, visible=shown),
        "by_group": {
            group: _describe(
                frame[frame["type_group"] == group], profile, visible=shown and group not in hidden_groups
            )
            for group in groups
        },
    }


def complete(visits: pd.DataFrame) -> pd.DataFrame:
    """Visits whose arrival and departure were seen."""
    return visits[~visits["open_start"] & ~visits["open_end"]]


def median_hours(visits: pd.DataFrame, place: str, profile: Profile) -> pd.Series[float]:
    """Median time of whole stays by the column `place`, without those that must not be shown."""
    done = complete(visits).groupby(place)
    median = done["hours"].median()
    return median[done["mmsi"].nunique() >= profile.min_vessels] if profile.public else median


def clipped_hours(visits: pd.DataFrame, period: Period) -> NDArray[np.float64]:
    """Hours of each visit within the period."""
    start, end = _clip(visits, period)
    return _hours(end - start)


def occupied_hours(visits: pd.DataFrame, period: Period) -> pd.Series[float]:
    """Hours of the period with at least one ship alongside, by ``berth_id``."""
    rows = visits[["berth_id", "arrival", "departure"]].sort_values(["berth_id", "arrival"])
    start, end = _clip(rows, period)
    begins, ends = schema.to_micros(start), schema.to_micros(end)
    alone = ends - uncovered_from(pd.factorize(rows["berth_id"])[0], begins, ends)
    hours = pd.Series(np.maximum(alone, 0) / schema.HOUR_US, index=rows.index)
    return hours.groupby(rows["berth_id"]).sum()


# helpers ------------------------------------------------------------------------------------------


def _port_call_figures(visits: PortVisits, period: Period) -> Iterator[_Figure]:
    if visits.port_calls is not None:
        begun = visits.port_calls[visits.port_calls["arrival"] >= period.start]
        yield _Figure(
            "port_calls",
            "Port calls",
            len(begun),
            of=begun,
            note="ships of all types, with a call at a counted berth",
        )


def _visit_figures(visits: PortVisits, begun: pd.DataFrame) -> Iterator[_Figure]:
    """Numbers and times of visits; `begun` are the visits to berths that began in the period."""
    calls = visits.basis == "calls"
    arrivals, waiting, done = visits.arrivals, visits.waiting, complete(begun)
    yield _Figure("vessels", "Ships at berth", begun["mmsi"].nunique(), of=begun, note="different vessels")
    yield _Figure(
        "berth_visits",
        "Berth calls" if calls else "Berth visits",
        len(begun),
        of=begun,
        note="visits of a ship to a berth" if calls else "stays of a ship at a berth",
    )
    where = "port calls whose beginning was seen" if calls else "at a berth"
    yield _Figure("arrivals", "Arrivals seen", len(arrivals), of=arrivals, note=where)
    yield _Figure(
        "time_at_berth_p50",
        "Time at berth, median",
        _median(done["hours"]),
        "h",
        1,
        of=done,
        note=f"{plain_count(len(done), 'whole stay')}; {len(begun) - len(done):,} more only partly seen",
        others=begun.drop(done.index),
    )
    whole = f"{plain_count(len(waiting), 'whole stay')} at anchor"
    yield _Figure(
        "waiting_p50",
        "Waiting before berth, median" if calls else "Time at anchor, median",
        _median(waiting["hours"]),
        "h",
        1,
        of=waiting,
        note=f"{len(waiting):,} of {len(arrivals):,} arrivals waited at anchor" if calls else whole,
        others=arrivals.drop(waiting.index) if calls else None,
    )


def _occupancy_figures(visits: PortVisits, period: Period) -> Iterator[_Figure]:
    """How much berths and anchorages were used, by all stays as far as they lie in the period."""
    berth, anchor = visits.berth, visits.anchor
    n_used = int(berth["berth_id"].nunique())
    yield _Figure("berths_used", "Berths used", n_used, of=berth, note="with at least one ship")
    yield _Figure(
        "occupancy",
        "Occupancy, mean",
        _share(float(occupied_hours(berth, period).sum()), period.hours * n_used),
        "%",
        of=berth,
        note="share of time with a ship alongside, mean of the berths used",
    )
    for place, stays, note in (
        ("berth", berth, "at the berths used"),
        ("anchor", anchor, "ships of all types, inside and outside of anchorages"),
    ):
        mean = _share(float(clipped_hours(stays, period).sum()), period.hours)
        label = f"Ships at {place} at once, mean"
        yield _Figure(f"ships_at_{place}", label, mean, digits=1, of=stays, note=note)


def _clip(visits: pd.DataFrame, period: Period) -> tuple[pd.Series, pd.Series]:
    start, end = visits["arrival"], visits["departure"]
    return start.where(start > period.start, period.start), end.where(end < period.end, period.end)


def _hours(spans: pd.Series) -> NDArray[np.float64]:
    hours: NDArray[np.float64] = np.maximum(spans.dt.total_seconds().to_numpy(dtype=np.float64) / 3600, 0.0)
    return hours


def _median(values: pd.Series) -> float | None:
    return None if values.empty else float(values.median())


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None


def _describe(frame: pd.DataFrame, profile: Profile, *, visible: bool) -> dict[str, Any]:
    names = ("mean_h", "p25_h", "p50_h", "p75_h")
    if not visible:
        return {"n": None, "n_vessels": None, **dict.fromkeys(names), "suppressed": True}
    hours = frame["hours"]
    values = (hours.mean(), *hours.quantile([0.25, 0.5, 0.75])) if len(hours) else (None,) * 4
    figures = {
        name: None if value is None else profile.rounded(value, 1)
        for name, value in zip(names, values, strict=True)
    }
    return {
        "n": len(frame),
        "n_vessels": int(frame["mmsi"].nunique()),
        **figures,
        "suppressed": False,
    }


def _class_name(low: float, high: float) -> str:
    if low == 0:
        return f"under {high:g} h"
    return f"{low:g} h and more" if np.isinf(high) else f"{low:g}\u2013{high:g} h"
