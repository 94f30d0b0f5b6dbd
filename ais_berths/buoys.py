"""Tankers at single-point moorings: like ships at anchor they swing, but all of them around one buoy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.spatial import cKDTree

from ais_berths.evidence import count, count_near, near_pairs, separate, total, whole

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import MooringConfig
    from ais_berths.evidence import Evidence, StopFacts
    from ais_berths.geo import Floats

COMPANY_M = 1000.0
"""Ships at anchor within this distance (m) are evidence for each other."""

# Largest evidence of one visit for a common pivot (log-odds).
_PIVOT_CLIP = 5.0

# A tanker at a buoy rather than at anchor: prior log-odds; antenna to bow in ship lengths (median of real
# tankers); least length of tankers that use such moorings; radius within which the density of pivots is
# measured (m).
_PRIOR = -3.5
_TANKER_ANTENNA = 0.81
_BUOY_LENGTH_M = 100.0
_AROUND_M = 300.0
# Log-odds of a buoy by the distance from bow to pivot (m; the second table if the ship sent the distance from
# antenna to bow), and by the number of ships at anchor within a kilometre: hawsers are 30-70 m long, chains
# of big ships mostly over 100 m, and other ships keep away from a buoy. Small ships may have chains as short
# as a hawser, so large ships count more.
_HAWSER = ([-20.0, 20.0, 40.0, 70.0, 110.0], [-0.5, 0.5, 2.0, 1.5, -2.0])
_HAWSER_SENT = ([-10.0, 10.0, 25.0, 65.0, 85.0, 110.0], [-1.0, 0.5, 2.0, 2.0, 0.0, -2.0])
_BUOY_COMPANY = ([0.0, 1.0, 3.0], [1.0, 0.0, -1.5])
_LARGE_M, _LARGE_WEIGHT = 180.0, 1.5
_HAWSER_M, _REACH_ERROR_M = 45.0, 25.0
# Share of the scatter that a swing must explain, and least distance from antenna to buoy (m).
_SWING_SHARE, _BUOY_REACH_M = 0.8, 50.0


def judge_buoys(
    facts: StopFacts, free: NDArray[np.bool_], config: MooringConfig
) -> tuple[Evidence, Floats, NDArray[np.intp]]:
    """Judge for every stop whether the ship lies at a buoy rather than at anchor.

    Parameters
    ----------
    facts
        All stops.
    free
        Stops of ships that do not lie alongside.
    config
        The section ``mooring`` of the settings.

    Returns
    -------
    The evidence; the log-odds of a buoy, minus infinity for ships alongside; and, for a ship whose buoy is
    known only from other ships, one of their stops there (-1 elsewhere).
    """
    tied = _swings_about(facts, config)
    sure = np.flatnonzero(free & (total(tied) + _PRIOR > 0))
    known, host = _known_buoys(facts, sure)
    admitted = (host >= 0) | _swings_about_known(facts, sure, config)
    tied |= {"known buoy": known, "swing": np.where(admitted, 0.0, tied["swing"])}
    odds = np.where(free, total(tied) + _PRIOR, -np.inf)
    return tied, odds, np.where(odds > 0, host, -1)


def _swings_about(facts: StopFacts, config: MooringConfig) -> Evidence:
    """Evidence for a tanker on the hawser of a single-point mooring rather than on its chain."""
    swings = (facts.swing_share > _SWING_SHARE) & (facts.swing_m > _BUOY_REACH_M)
    pivots, company = _pivots(facts, np.flatnonzero(swings), config)
    fits = swings & (facts.swing_m < config.adrift_radius_m)
    # A boat of unknown type and size may swing about anything.
    large = (facts.group != "unknown") | (facts.length_m > _BUOY_LENGTH_M)
    fits &= large & np.isin(facts.group, ["tanker", "unknown", "other"])
    known = facts.length_m > np.maximum(facts.swing_m / 3.0, _BUOY_LENGTH_M)
    usual = np.interp(facts.swing_m - _TANKER_ANTENNA * facts.length_m, *_HAWSER)
    hawser = np.where(np.isfinite(facts.bow_m), np.interp(facts.swing_m - facts.bow_m, *_HAWSER_SENT), usual)
    weight = np.where(facts.length_m >= _LARGE_M, _LARGE_WEIGHT, 1.0)
    return {
        "hawser": np.where(known, weight * hawser, 0.0),
        "status": 2.0 * np.nan_to_num(facts.moored - facts.anchored),
        "same pivot": pivots,
        "company": np.interp(company, *_BUOY_COMPANY),
        "swing": np.where(fits, 0.0, -np.inf),
    }


def _swings_about_known(
    facts: StopFacts, at_buoys: NDArray[np.intp], config: MooringConfig
) -> NDArray[np.bool_]:
    """Ships of unknown type and size that swing about a known buoy, as widely as a tanker does."""
    swings = (facts.swing_share > _SWING_SHARE) & (facts.swing_m < config.adrift_radius_m)
    wide = facts.swing_m > _TANKER_ANTENNA * _BUOY_LENGTH_M + _HAWSER_M
    nameless = (facts.group == "unknown") & np.isnan(facts.length_m)
    found = np.zeros(len(facts.xyz), dtype=bool)
    at = np.flatnonzero(swings & wide & nameless)
    if at.size and at_buoys.size:
        metres, _ = cKDTree(facts.pivot[at_buoys]).query(facts.pivot[at])
        found[at] = metres <= config.buoy_m
    return found


def _pivots(facts: StopFacts, at: NDArray[np.intp], config: MooringConfig) -> tuple[Floats, Floats]:
    """Compare the pivots of swinging ships near each other.

    Returns
    -------
    Evidence from other stops with the same pivot, relative to the density of pivots around it; and the number
    of ships that swing about other pivots within a kilometre.
    """
    n = len(facts.xyz)
    company, density, out = (np.zeros(n) for _ in range(3))
    same, around, near = (
        count_near(facts.pivot[at], metres) for metres in (config.buoy_m, _AROUND_M, COMPANY_M)
    )
    company[at] = near - same
    density[at] = (np.maximum(around - same, 0) + 1.0) / (np.pi * _AROUND_M**2)
    scatter_m = facts.rms_m * np.sqrt(np.maximum(1.0 - facts.swing_share, 0.0))
    # Rounded positions may not scatter at all.
    swing_m, dwell_h = (np.maximum(values, 1e-9) for values in (facts.swing_m, facts.dwell_h))
    arc_rad = np.where(facts.spread_rad > 0, facts.spread_rad, facts.rms_m / swing_m)
    error_m = np.clip(scatter_m / np.maximum(arc_rad, 1e-9) / np.sqrt(dwell_h), 4.0, config.buoy_m)
    for a, b, metres in near_pairs(facts.pivot[at], config.buoy_m):
        i, j = at[a], at[b]
        variance = error_m[i] ** 2 + error_m[j] ** 2
        fit = -np.log(2.0 * np.pi * variance * density[i]) - metres**2 / (2.0 * variance)
        out += count(i, n, whole(np.clip(fit, 0.0, _PIVOT_CLIP)) * separate(facts, i, j))
    return np.minimum(out, 2.0 * _PIVOT_CLIP), company


def _known_buoys(facts: StopFacts, at_buoys: NDArray[np.intp]) -> tuple[Floats, NDArray[np.intp]]:
    """Find tankers that swung too little to have a pivot, but lie at hawser distance from a known buoy.

    Returns
    -------
    The evidence, and a stop at that buoy; -1 where there is none.
    """
    n = len(facts.xyz)
    evidence, stay = np.zeros(n), np.full(n, -1, dtype=np.intp)
    mute = np.flatnonzero(
        np.isnan(facts.swing_m) & (facts.group == "tanker") & (facts.length_m >= _BUOY_LENGTH_M)
    )
    if not mute.size or not at_buoys.size:
        return evidence, stay
    reach_m = _TANKER_ANTENNA * facts.length_m[mute] + _HAWSER_M
    near = cKDTree(facts.xyz[mute]).sparse_distance_matrix(
        cKDTree(facts.pivot[at_buoys]), float(reach_m.max()) + 4.0 * _REACH_ERROR_M, output_type="ndarray"
    )
    fit = _PIVOT_CLIP - ((near["v"] - reach_m[near["i"]]) / _REACH_ERROR_M) ** 2 / 2.0
    order = np.lexsort((near["j"], -fit))
    order = order[np.sort(np.unique(near["i"][order], return_index=True)[1])]
    at, best = mute[near["i"][order]], at_buoys[near["j"][order]]
    evidence[at] = np.maximum(fit[order], 0.0)
    stay[at] = np.where(fit[order] > 0, best, -1)
    return evidence, stay
