"""How a vessel stays: moored alongside, at anchor, at a single-point mooring, or adrift.

Judged by behaviour, because the reported status is wrong about three times in ten (Harati-Mokhtari et
al. 2007, doi 10.1017/S0373463307004298). Each piece of evidence is a log-likelihood ratio; they are added up,
and ``kind_reason`` lists them in words. First it is decided whether a ship is moored or free, then whether a
free ship is at anchor, adrift or at a buoy.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.spatial import cKDTree

from ais_berths import schema
from ais_berths.buoys import COMPANY_M, judge_buoys
from ais_berths.evidence import StopFacts, count, count_near, near_pairs, separate, sum_near, total

if TYPE_CHECKING:
    from collections.abc import Iterator

    import pandas as pd
    from numpy.typing import NDArray

    from ais_berths.config import MooringConfig
    from ais_berths.evidence import Evidence
    from ais_berths.geo import Floats

_NEEDED = ("stop_id", "mmsi", "lat", "lon", "start_time", "end_time", "drift_radius_m", "dwell_h")
_PIVOT = ("pivot_lat", "pivot_lon")
_KINDS = np.array(["moored", "buoy", "anchored", "adrift"], dtype=object)
# Largest evidence of one observation (log-odds).
_CLIP = 4.0

# Median distance from the median position (m) and median turn (deg): median and log-sd alongside and at
# anchor. At anchor both grow with the square root of the hours, up to a maximum. From one day in three US
# ports: merchant ships and tugs at docks, and tankers and cargo ships far from any.
_MOORED_M, _MOORED_M_LOG = 2.5, 0.65
_MOORED_DEG, _MOORED_DEG_LOG = 0.7, 0.85
_SWING_M, _SWING_M_MOST, _SWING_M_LOG = 20.0, 60.0, 0.8
_SWING_DEG, _SWING_DEG_MOST, _SWING_DEG_LOG = 7.0, 20.0, 0.8
_STATUS_WEIGHT = float(np.log(0.7 / 0.3))
_PRIOR_MOORED = 0.5
# Tugs are also slow beside ships and quays where they work, so a short look at one is weak evidence.
_TUG_AT_WORK = 3.0
# A stop whose neighbours have less weight than this in all is lonely.
_LONELY = 0.05
# With more visits than this to one place, they are not compared one by one.
_MANY_VISITS = 50
_REASONS_AT_ONCE = 50_000
# Weaker evidence (log-odds) is not mentioned in the reason.
_WORTH_SAYING = 0.2

# Log-odds that ships of a group anchor rather than lie stopped under way, for a stay of two hours: towboats
# hover and push, merchant ships anchor.
_ANCHORS = {"cargo": 1.5, "tanker": 1.5, "tug": -2.0, "service": -1.0, "fishing": -0.5}
# Beyond this length (m), ships at anchor stray farther the longer they are.
_LENGTH_M = 150.0


def classify_stops(
    stops: pd.DataFrame,
    vessels: pd.DataFrame,
    config: MooringConfig,
    lonely: NDArray[np.int64] | None = None,
) -> pd.DataFrame:
    """Decide the kind of each stop, and say why.

    Parameters
    ----------
    stops
        The table ``stops``.
    vessels
        The table ``vessels``; used for ship length and type.
    config
        The section ``mooring`` of the settings.
    lonely
        Result of `count_lonely` for all stops, if these are only those of one portion.

    Returns
    -------
    A copy of `stops` with ``kind``, ``kind_reason`` and ``kind_confidence``. A stop at a buoy that is known
    only from other ships gets their ``pivot_lat`` and ``pivot_lon``.

    Examples
    --------
    >>> import pandas as pd
    >>> from ais_berths.config import MooringConfig
    >>> times = pd.to_datetime(["2024-01-01"] * 2, utc=True)
    >>> stops = schema.conform(pd.DataFrame({
    ...     "stop_id": ["a", "b"], "mmsi": [1, 2], "lat": [51.9, 52.1], "lon": 4.0, "dwell_h": 20.0,
    ...     "start_time": times, "end_time": times + pd.Timedelta("20h"), "n_headings": 100,
    ...     "drift_radius_m": [6.0, 160.0], "drift_median_m": [3.0, 70.0], "turn_median_deg": [1.0, 30.0]}),
    ...     "stops")
    >>> classify_stops(stops, schema.empty("vessels"), MooringConfig())["kind"].tolist()
    ['moored', 'anchored']
    """
    _check(stops, vessels)
    if stops.empty:
        return stops.copy()
    facts = StopFacts(stops, vessels)
    own, near = _without_company(facts, config)
    own |= {"neighbours": near.evidence(near.lonely_and_sure() if lonely is None else lonely, config)}
    moored = total(own) + _PRIOR_MOORED
    held = _holds(facts, own["neighbours"], moored < 0, config)
    anchored = total(held)
    tied, buoy, host = judge_buoys(facts, moored <= 0, config)
    kind = _KINDS[np.select([moored > 0, buoy > 0, anchored > 0], [0, 1, 2], 3)]
    other = np.where(buoy > 0, buoy, np.abs(anchored))
    margin = np.where(moored > 0, moored, np.minimum(-moored, other))
    guest = host >= 0
    return stops.assign(
        **{
            name: np.where(guest, stops[name].to_numpy()[host], stops[name]) for name in _PIVOT if guest.any()
        },
        kind=kind,
        kind_reason=_reasons(facts, kind, own, held, tied),
        kind_confidence=1.0 / (1.0 + np.exp(-np.clip(margin, 0.0, 30.0))),
    )


def count_lonely(stops: pd.DataFrame, vessels: pd.DataFrame, config: MooringConfig) -> NDArray[np.int64]:
    """Count the stops that are surely moored or surely not, and those of them without neighbours.

    The counts of several portions are added up; see `classify_stops` for the parameters.

    Returns
    -------
    Moored without neighbours, moored, free without neighbours, free.
    """
    _check(stops, vessels)
    if stops.empty:
        return np.zeros(4, dtype=np.int64)
    return _without_company(StopFacts(stops, vessels), config)[1].lonely_and_sure()


def _check(stops: pd.DataFrame, vessels: pd.DataFrame) -> None:
    schema.check_frame(stops, "stops", _NEEDED, key="stop_id")
    schema.check_frame(vessels, "vessels", ["mmsi"], key="mmsi")


# moored or free -------------------------------------------------------------------------------------


def _behaviour(facts: StopFacts) -> Evidence:
    """Evidence for lying alongside from the stop alone."""
    hours = np.sqrt(facts.dwell_h)
    free_m = np.minimum(_MOORED_M + _SWING_M * hours, _SWING_M_MOST)
    free_deg = np.minimum(_MOORED_DEG + _SWING_DEG * hours, _SWING_DEG_MOST)
    radius = _log_ratio(facts.median_m, (_MOORED_M, _MOORED_M_LOG), (free_m, _SWING_M_LOG))
    turn = _log_ratio(facts.turn_deg, (_MOORED_DEG, _MOORED_DEG_LOG), (free_deg, _SWING_DEG_LOG))
    return {
        "drift": np.where(facts.fine, facts.trust * radius, 0.0),
        "turn": facts.trust * np.nan_to_num(turn),
        "status": _STATUS_WEIGHT * np.nan_to_num(facts.moored - facts.anchored),
        "ship type": np.where(facts.group == "tug", -_TUG_AT_WORK * (1.0 - facts.trust), 0.0),
    }


def _log_ratio(value: Floats, moored: tuple[float, float], free: tuple[Floats, float]) -> Floats:
    """Log-likelihood ratio of two log-normal distributions, constant beyond both medians."""
    log = np.log(np.clip(value, moored[0], np.maximum(free[0], moored[0])))
    fit = -0.5 * ((log - np.log(moored[0])) / moored[1]) ** 2 - np.log(moored[1])
    free_fit = -0.5 * ((log - np.log(free[0])) / free[1]) ** 2 - np.log(free[1])
    ratio: Floats = np.clip(fit - free_fit, -_CLIP, _CLIP)
    return ratio


def _revisits(facts: StopFacts, config: MooringConfig) -> Floats:
    """Evidence from visits to the very same place at other times, as no two ships anchor in one spot.

    It compares the number of visits within some metres with the number expected from the density around.
    """
    tight = np.flatnonzero(facts.fine & (facts.median_m < config.same_berth_m))
    n = len(facts.xyz)
    out, visits, near = (np.zeros(n) for _ in range(3))
    near[tight] = sum_near(facts.xyz[tight], config.neighbour_m, np.ones(len(tight)))
    visits[tight] = here = count_near(facts.xyz[tight], config.same_berth_m)
    # Among many visits, those at the same time are a small part.
    few = here <= _MANY_VISITS
    visits[tight[few]] = 0
    for a, b, metres in near_pairs(facts.xyz[tight], config.same_berth_m, few):
        i, j = tight[a], tight[b]
        visits += count(i[(metres < config.same_berth_m) & separate(facts, i, j)], n)
    share = (config.same_berth_m / config.neighbour_m) ** 2
    around = np.maximum(near - visits, 0.0) * share
    out[tight] = np.clip(np.log((visits + 0.3) / (around + 0.3)), 0.0, _CLIP)[tight]
    return out


def _without_company(facts: StopFacts, config: MooringConfig) -> tuple[Evidence, _Near]:
    """Evidence for lying alongside from each stop without its neighbours, and what is known of these."""
    own = _behaviour(facts) | {"same place": _revisits(facts, config)}
    alone = total(own) + _PRIOR_MOORED

    def weigh(metres: Floats) -> Floats:
        return np.exp(-metres / (config.neighbour_m / 3.0))

    each = np.stack([np.tanh(alone / 2.0), np.ones(len(alone))])
    return own, _Near(alone, *sum_near(facts.xyz, config.neighbour_m, each, weigh))


class _Near(NamedTuple):
    """Log-odds of each stop by itself, and the sums of beliefs (-1 to 1) and weights of its neighbours."""

    alone: Floats
    beliefs: Floats
    weight: Floats

    def lonely_and_sure(self) -> NDArray[np.int64]:
        """Count the stops that are sure by themselves, see `count_lonely`."""
        sides = (self.alone > 3.0, self.alone < -3.0)
        lonely = self.weight < _LONELY
        return np.array([np.sum(rows) for sure in sides for rows in (lonely & sure, sure)], dtype=np.int64)

    def evidence(self, lonely: NDArray[np.int64], config: MooringConfig) -> Floats:
        """Evidence from the kinds of the stops near by; for lonely stops, from being lonely."""
        # What loneliness means in these data follows from how often sure cases of either kind are lonely.
        often = (lonely[0::2] + 1.0) / (lonely[1::2] + 2.0)
        alone = np.clip(np.log(often[0] / often[1]), -config.neighbour_weight, config.neighbour_weight)
        near = config.neighbour_weight * self.beliefs / np.maximum(self.weight, 0.5)
        result: Floats = np.where(self.weight < _LONELY, alone, near)
        return result


# at anchor or adrift --------------------------------------------------------------------------------


def _holds(facts: StopFacts, neighbours: Floats, free: NDArray[np.bool_], config: MooringConfig) -> Evidence:
    """Evidence for being at anchor rather than adrift, for ships that are not alongside."""
    swing = np.clip(6.0 * (facts.swing_share - 0.4), -2.0, _CLIP)
    swing = np.where((facts.swing_m > 20.0) & (facts.swing_m < config.adrift_radius_m * 2.0), swing, -1.0)
    length = np.fmax(facts.length_m, _LENGTH_M)
    beyond = np.log(np.maximum(facts.radius_m, 1.0) / (config.adrift_radius_m + 1.5 * length))
    held = {
        "ship type": np.array([_ANCHORS.get(group, 0.0) for group in facts.group]),
        "swing": np.where(np.isfinite(facts.swing_share) & np.isfinite(facts.turn_deg), swing, 0.0),
        "stay": np.clip(np.log2(np.maximum(facts.stay_h, 0.1) / 2.0), -1.5, 2.5),
        "strays": -np.clip(10.0 * beyond, 0.0, 8.0),
        "speed": -np.clip(8.0 * (np.nan_to_num(facts.speed_kn) - 0.3), 0.0, 3.0),
        "status": _STATUS_WEIGHT * np.nan_to_num(facts.anchored),
        "neighbours": -np.maximum(neighbours, 0.0),
    }
    held["stay"] = np.where(beyond > 0, np.minimum(held["stay"], 0.0), held["stay"])
    return held | {"company": _company(facts, np.flatnonzero(free & (total(held) > 1.0)))}


def _company(facts: StopFacts, anchored: NDArray[np.intp]) -> Floats:
    """Evidence from other ships within a kilometre that surely lie at anchor."""
    if not anchored.size:
        return np.zeros(len(facts.xyz))
    tree = cKDTree(facts.xyz[anchored])
    count = tree.query_ball_point(facts.xyz, COMPANY_M, return_length=True)
    count[anchored] -= 1
    company: Floats = 0.7 * np.minimum(count, 3)
    return company


def _reasons(
    facts: StopFacts, kind: NDArray[np.object_], own: Evidence, held: Evidence, tied: Evidence
) -> NDArray[np.object_]:
    """The evidence in words, the strongest first."""
    out = np.full(len(kind), "", dtype=object)
    # Millions of stops have a few thousand reasons: each is in memory once.
    reasons: dict[str, str] = {}
    for labels, evidence, rows in (
        (("moored", "free"), own, np.arange(len(kind))),
        (("anchored", "adrift"), held, np.flatnonzero(np.isin(kind, ["anchored", "adrift"]))),
        (("buoy", "anchored"), tied, np.flatnonzero(kind == "buoy")),
    ):
        for some in np.array_split(rows, len(rows) // _REASONS_AT_ONCE + 1):
            for i, words in zip(some.tolist(), _in_words(facts, evidence, some, labels), strict=True):
                reason = "; ".join(filter(None, (out[i], words)))
                out[i] = reasons.setdefault(reason, reason)
    out[out == ""] = "no evidence"
    return out


def _in_words(
    facts: StopFacts, evidence: Evidence, rows: NDArray[np.intp], labels: tuple[str, str]
) -> Iterator[str]:
    """Evidence of some stops in words; `labels` are what it is for and against."""
    measured = {
        "drift": (facts.median_m, "drifts ", " m"),
        "turn": (facts.turn_deg, "turns ", " deg"),
        "stay": (facts.stay_h, "stays ", " h"),
        "strays": (facts.radius_m, "strays ", " m"),
        "swing": (facts.swing_m, "swings about a point ", " m ahead"),
    }

    def name_of(name: str, i: int) -> str:
        if name not in measured:
            return name
        values, before, after = measured[name]
        return f"{before}{values[i]:.0f}{after}" if np.isfinite(values[i]) else before

    names = list(evidence)
    table = np.column_stack([evidence[name][rows] for name in names])
    orders = np.argsort(-np.abs(table), axis=1, kind="stable")
    for i, values, order in zip(rows.tolist(), table, orders, strict=True):
        strong = [j for j in order if abs(values[j]) >= _WORTH_SAYING]
        yield "; ".join(f"{name_of(names[j], i)} ({labels[0 if values[j] > 0 else 1]})" for j in strong)
