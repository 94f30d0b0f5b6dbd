"""How a vessel stays: moored alongside, at anchor, at a single-point mooring, or adrift.

Judged by behaviour, because the reported status is wrong about three times in ten (Harati-Mokhtari et
al. 2007). Each piece of evidence is a log-likelihood ratio between "moored" and "anchored"; they add up
to a probability, and the words behind it stay on the row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ais_berths import geo, schema
from ais_berths.vessels import column_of, groups_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import MooringConfig

_NEEDED = ("stop_id", "mmsi", "lat", "lon", "drift_radius_m", "heading_spread_deg", "dwell_h")
_CLIP = 4.0

# Median and log-sd of the drift radius (m) and of the heading spread (deg). The radii of ships alongside
# are those of one day of US ports (median extent at a dock 29 m, at anchor 184 m); a ship at anchor needs
# hours to show its circle.
_MOORED_RADIUS_M, _MOORED_RADIUS_LOG = 6.0, 0.75
_ANCHORED_RADIUS_LOG = 0.8
_MOORED_SPREAD_DEG, _MOORED_SPREAD_LOG = 1.5, 1.1
_ANCHORED_SPREAD_LOG = 0.8
_STATUS_WEIGHT = float(np.log(0.7 / 0.3))


def classify_stops(stops: pd.DataFrame, vessels: pd.DataFrame, config: MooringConfig) -> pd.DataFrame:
    """Name the kind of each stop and say why.

    Parameters
    ----------
    stops
        The table ``stops``.
    vessels
        The table ``vessels``; used for ship length and type at single-point moorings.
    config
        The section ``mooring`` of the settings.

    Returns
    -------
    A copy of `stops` with ``kind``, ``kind_reason`` and ``kind_confidence``.

    Examples
    --------
    >>> from ais_berths.config import MooringConfig
    >>> stops = schema.conform(pd.DataFrame({
    ...     "stop_id": ["a", "b"], "mmsi": [1, 2], "lat": [51.9, 52.1], "lon": 4.0, "dwell_h": 20.0,
    ...     "drift_radius_m": [4.0, 160.0], "heading_spread_deg": [1.0, 60.0], "n_headings": 100}), "stops")
    >>> classify_stops(stops, schema.empty("vessels"), MooringConfig())["kind"].tolist()
    ['moored', 'anchored']
    """
    schema.check_columns(stops.columns, "stops", _NEEDED)
    if stops.empty:
        return stops.copy()
    own = _behaviour(stops)
    own_score = own.sum(axis=1).to_numpy()
    places = _neighbours(stops, own_score, config)
    score = own_score + places
    kind = np.where(score > 0, "moored", "anchored").astype(object)
    confidence = 1.0 / (1.0 + np.exp(-np.abs(score)))
    length = column_of(vessels, "loa_m", stops["mmsi"]).astype(np.float64)
    chain = config.adrift_radius_m + 1.5 * np.where(np.isfinite(length), length, 150.0)
    adrift = stops["drift_radius_m"].to_numpy() > chain
    kind[adrift] = "adrift"
    buoy = _at_buoy(stops, vessels, kind, config)
    kind[buoy] = "buoy"
    reason = _reasons(stops, own.assign(places=places), kind)
    return stops.assign(kind=kind, kind_reason=reason, kind_confidence=np.clip(confidence, 0.5, 1.0))


def _behaviour(stops: pd.DataFrame) -> pd.DataFrame:
    """Evidence from the stop alone."""
    dwell = stops["dwell_h"].to_numpy()
    radius = np.maximum(stops["drift_radius_m"].to_numpy(), 1.0)
    spread = np.maximum(stops["heading_spread_deg"].to_numpy(), 0.3)
    # A circle opens with time: from what a steady wind shows in an hour to the full chain in a day.
    anchored_radius = np.minimum(30.0 + 6.0 * dwell, 120.0)
    anchored_spread = np.minimum(8.0 + 2.0 * dwell, 45.0)
    by_radius = _log_ratio(
        radius, _MOORED_RADIUS_M, _MOORED_RADIUS_LOG, anchored_radius, _ANCHORED_RADIUS_LOG
    )
    by_spread = _log_ratio(
        spread, _MOORED_SPREAD_DEG, _MOORED_SPREAD_LOG, anchored_spread, _ANCHORED_SPREAD_LOG
    )
    enough = stops["n_headings"].fillna(0).to_numpy(dtype=np.int64) >= 3
    coarse = stops["n_fine"].fillna(1).to_numpy(dtype=np.int64) == 0
    status = stops["moored_share"].fillna(0).to_numpy() - stops["anchored_share"].fillna(0).to_numpy()
    return pd.DataFrame(
        {
            "radius": np.where(coarse, 0.0, by_radius),
            "heading": np.where(enough & np.isfinite(spread), by_spread, 0.0),
            "status": _STATUS_WEIGHT * status,
        },
        index=stops.index,
    ).fillna(0.0)


def _log_ratio(
    value: NDArray[np.float64],
    moored: float,
    moored_log: float,
    anchored: NDArray[np.float64],
    anchored_log: float,
) -> NDArray[np.float64]:
    """Log-likelihood ratio of two log-normal laws, flat beyond the moored middle on the quiet side."""
    log = np.log(np.maximum(value, moored))
    moored_fit = -0.5 * ((log - np.log(moored)) / moored_log) ** 2 - np.log(moored_log)
    anchored_fit = -0.5 * ((log - np.log(anchored)) / anchored_log) ** 2 - np.log(anchored_log)
    loud = value > anchored
    anchored_fit = np.where(loud, -np.log(anchored_log), anchored_fit)
    result: NDArray[np.float64] = np.clip(moored_fit - anchored_fit, -_CLIP, _CLIP)
    return result


def _neighbours(
    stops: pd.DataFrame, score: NDArray[np.float64], config: MooringConfig
) -> NDArray[np.float64]:
    """Evidence from other stops nearby: quays and anchorages are places."""
    tree = cKDTree(geo.sphere_xyz_m(stops["lat"].to_numpy(), stops["lon"].to_numpy()))
    pairs = tree.query_pairs(config.neighbour_m, output_type="ndarray")
    out = np.zeros(len(stops))
    if not len(pairs):
        return out
    metres = np.linalg.norm(tree.data[pairs[:, 0]] - tree.data[pairs[:, 1]], axis=1)
    weight = np.exp(-metres / (config.neighbour_m / 3.0))
    belief = np.tanh(score / 2.0)
    total, sum_weight = np.zeros(len(stops)), np.zeros(len(stops))
    for a, b in ((0, 1), (1, 0)):
        np.add.at(total, pairs[:, a], weight * belief[pairs[:, b]])
        np.add.at(sum_weight, pairs[:, a], weight)
    np.divide(total, np.maximum(sum_weight, 0.5), out=out)
    return config.neighbour_weight * out


def _at_buoy(
    stops: pd.DataFrame, vessels: pd.DataFrame, kind: NDArray[np.object_], config: MooringConfig
) -> NDArray[np.bool_]:
    """Tankers that swing about one and the same point, on a hawser and not on a chain."""
    length = column_of(vessels, "loa_m", stops["mmsi"]).astype(np.float64)
    group = groups_of(vessels, stops["mmsi"])
    swing = stops["swing_m"].to_numpy(dtype=np.float64)
    reach = swing / np.where(np.isfinite(length), length, 200.0)
    candidate = (
        (kind == "anchored")
        & np.isin(group, ["tanker", "unknown", "other"])
        & (reach > 0.3)
        & (reach < config.buoy_reach)
        & stops["pivot_lat"].notna().to_numpy()
    )
    result = np.zeros(len(stops), dtype=bool)
    at = np.flatnonzero(candidate)
    if len(at) < 2:
        return result
    tree = cKDTree(geo.sphere_xyz_m(stops["pivot_lat"].to_numpy()[at], stops["pivot_lon"].to_numpy()[at]))
    pairs = tree.query_pairs(config.buoy_m, output_type="ndarray")
    result[at[np.unique(pairs)]] = True
    return result


def _reasons(stops: pd.DataFrame, evidence: pd.DataFrame, kind: NDArray[np.object_]) -> NDArray[np.object_]:
    """The evidence in words, the strongest first."""
    radius = stops["drift_radius_m"].round(0).fillna(-1).astype(int).astype(str)
    spread = stops["heading_spread_deg"].round(0)
    texts = {
        "radius": "drift radius " + radius + " m",
        "heading": "heading spread " + spread.fillna(0).astype(int).astype(str) + " deg",
        "status": pd.Series("status", index=stops.index),
        "places": pd.Series("neighbours", index=stops.index),
    }
    sides = np.sign(evidence.to_numpy())
    strength = np.abs(evidence.to_numpy())
    order = np.argsort(-strength, axis=1, kind="stable")
    columns = [texts[name].to_numpy(dtype=object) for name in evidence.columns]
    label = {1.0: " (moored)", -1.0: " (anchored)"}
    reasons = [
        "; ".join(
            columns[j][i] + label[sides[i, j]] for j in order[i] if strength[i, j] >= 0.2 and sides[i, j]
        )
        for i in range(len(stops))
    ]
    extra = {
        "adrift": "strays further than a chain allows",
        "buoy": "swings about the same point as another tanker",
    }
    return np.array(
        [
            "; ".join(part for part in (extra.get(k, ""), text) if part) or "no evidence"
            for k, text in zip(kind, reasons, strict=True)
        ],
        dtype=object,
    )
