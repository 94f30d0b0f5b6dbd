"""From antenna fixes to ship footprints.

The position in an AIS report is that of the antenna, on a cargo ship usually some 80 m from the middle of
the hull. Heading, size and antenna offsets turn it into a rectangle; where one of them is missing, the
best substitute is taken and named in ``hull_basis``, with the error to expect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from ais_berths import antennas, geo, schema
from ais_berths.offsets import estimate_offsets
from ais_berths.vessels import column_of, groups_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import HullsConfig

_FACING_M = 330.0
_POINT_SIDE = 0.5


def build_hulls(stops: pd.DataFrame, vessels: pd.DataFrame, config: HullsConfig) -> pd.DataFrame:
    """Make one footprint for each moored stop.

    Parameters
    ----------
    stops
        The table ``stops`` with ``kind``; only ``moored`` rows get a footprint.
    vessels
        The table ``vessels``.
    config
        The section ``hulls`` of the settings.

    Returns
    -------
    The table ``hulls``: the middle, heading, length and width of each footprint. A stop without any
    direction has ``hull_basis`` "point", no heading, and a footprint as long as it is wide.

    Examples
    --------
    >>> from ais_berths.config import HullsConfig
    >>> stops = schema.conform(pd.DataFrame({
    ...     "stop_id": ["a"], "mmsi": [1], "lat": [51.9], "lon": [4.0], "heading_deg": [0.0],
    ...     "n_fine": [9], "kind": ["moored"]}), "stops")
    >>> vessels = schema.conform(pd.DataFrame({
    ...     "mmsi": [1], "type_group": ["cargo"], "loa_m": [200.0], "beam_m": [30.0], "to_bow_m": [170.0],
    ...     "to_stern_m": [30.0], "to_port_m": [15.0], "to_starboard_m": [15.0]}), "vessels")
    >>> hull = build_hulls(stops, vessels, HullsConfig()).iloc[0]
    >>> round(float(geo.haversine_m(51.9, 4.0, hull["lat"], hull["lon"]))), hull["hull_basis"]
    (70, 'antenna')
    """
    moored = stops[stops["kind"] == "moored"].reset_index(drop=True)
    if moored.empty:
        return schema.empty("hulls")
    ships = describe_ships(moored, vessels)
    heading, axis_only = _headings(moored)
    offsets = estimate_offsets(moored, ships, heading, axis_only, config)
    lat, lon = geo.offset_deg(
        moored["lat"],
        moored["lon"],
        offsets["heading_deg"].fillna(0.0),
        offsets["ahead_m"],
        offsets["right_m"],
    )
    directed = np.isfinite(heading)
    length, width = ships["length_m"].to_numpy(), ships["width_m"].to_numpy()
    side = np.maximum(width, _POINT_SIDE * length)
    hulls = pd.DataFrame(
        {
            "stop_id": moored["stop_id"],
            "mmsi": moored["mmsi"],
            "lat": np.where(directed, lat, moored["lat"]),
            "lon": np.where(directed, lon, moored["lon"]),
            "heading_deg": offsets["heading_deg"],
            "length_m": np.where(directed, length, side),
            "width_m": np.where(directed, width, side),
            "hull_basis": np.where(directed, offsets["hull_basis"], "point"),
            "hull_error_m": np.where(directed, offsets["error_m"], length / 3.0),
        }
    )
    return schema.conform(hulls, "hulls")


def describe_ships(moored: pd.DataFrame, vessels: pd.DataFrame) -> pd.DataFrame:
    """Group, length, width and antenna offsets of the ship of each moored stop.

    Missing lengths and widths come from each other by the usual slenderness of the group; a ship that
    sent neither is taken to be as large as the ships moored nearest to it, or as long as the antennas of
    ships lying bow-in and bow-out tell, or else as the median of its group. ``sized`` says whether at
    least one was known.
    """
    group = groups_of(vessels, moored["mmsi"])
    length = column_of(vessels, "loa_m", moored["mmsi"]).astype(np.float64)
    width = column_of(vessels, "beam_m", moored["mmsi"]).astype(np.float64)
    slender = antennas.slenderness(group)
    sized = np.isfinite(length) | np.isfinite(width)
    known = length.copy()
    length = np.where(np.isfinite(length), length, width * slender)
    width = np.where(np.isfinite(width), width, known / slender)
    usual_length, usual_width = antennas.usual_size(group)
    near_length, near_width = _sizes_nearby(moored, group, length, width, sized)
    facing = _lengths_from_facing(moored, group, sized)
    near_length = np.where(np.isfinite(near_length), near_length, facing)
    near_width = np.where(np.isfinite(near_width), near_width, facing / slender)
    length = np.where(sized, length, np.where(np.isfinite(near_length), near_length, usual_length))
    width = np.where(sized, width, np.where(np.isfinite(near_width), near_width, usual_width))
    frame = pd.DataFrame({"group": group, "length_m": length, "width_m": width, "sized": sized})
    for name in ("to_bow_m", "to_stern_m", "to_port_m", "to_starboard_m"):
        frame[name] = column_of(vessels, name, moored["mmsi"]).astype(np.float64)
    return frame


def _sizes_nearby(
    moored: pd.DataFrame,
    group: NDArray[np.object_],
    length: NDArray[np.float64],
    width: NDArray[np.float64],
    sized: NDArray[np.bool_],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Median size of the ships of the same group moored within 150 m, nan where there are none."""
    near_length, near_width = np.full(len(moored), np.nan), np.full(len(moored), np.nan)
    xyz = geo.sphere_xyz_m(moored["lat"].to_numpy(), moored["lon"].to_numpy())
    for name in np.unique(group[~sized]).tolist():
        givers, takers = np.flatnonzero(sized & (group == name)), np.flatnonzero(~sized & (group == name))
        if not len(givers):
            continue
        k = min(9, len(givers))
        metres, index = cKDTree(xyz[givers]).query(xyz[takers], k=k, distance_upper_bound=150.0)
        near = np.isfinite(metres.reshape(-1, k))
        at = givers[np.where(near, index.reshape(-1, k), 0)]
        some = near.any(axis=1)
        for values, out in ((length, near_length), (width, near_width)):
            out[takers[some]] = np.nanmedian(np.where(near, values[at], np.nan)[some], axis=1)
    return near_length, near_width


def _lengths_from_facing(
    moored: pd.DataFrame, group: NDArray[np.object_], sized: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Ship lengths at places that are used bow-in and bow-out, nan elsewhere.

    Two ships of one berth that face each other have their antennas apart by the distance of the antenna
    from the middle of each; no other pair of antennas ahead of a ship is as close. Ships that lay there at
    once had a berth each.
    """
    out = np.full(len(moored), np.nan)
    heading = moored["heading_deg"].to_numpy(dtype=np.float64)
    ratio, _ = antennas.usual_ratio(group, np.full(len(moored), 150.0))
    usable = ~sized & np.isfinite(heading) & (ratio > 0.6)
    at = np.flatnonzero(usable)
    if len(at) < 2:
        return out
    xyz = geo.sphere_xyz_m(moored["lat"].to_numpy()[at], moored["lon"].to_numpy()[at])
    pairs = at[cKDTree(xyz).query_pairs(_FACING_M, output_type="ndarray")]
    i, j = np.concatenate([pairs[:, 0], pairs[:, 1]]), np.concatenate([pairs[:, 1], pairs[:, 0]])
    start, end = schema.to_micros(moored["start_time"]), schema.to_micros(moored["end_time"])
    together = np.minimum(end[i], end[j]) > np.maximum(start[i], start[j])
    facing = (np.abs(geo.turn_deg(heading[i], heading[j])) > 165.0) & ~together
    i, j = i[facing], j[facing]
    lat, lon = moored["lat"].to_numpy(), moored["lon"].to_numpy()
    ahead, aside = geo.along_across_m(lat[i], lon[i], lat[j], lon[j], heading[i])
    near = (ahead > 15.0) & (np.abs(aside) < 20.0)
    frame = pd.DataFrame({"i": i[near], "ahead": ahead[near], "span": (ratio[i] + ratio[j] - 1.0)[near]})
    frame["length"] = frame["ahead"] / frame["span"]
    closest = frame.groupby("i")["length"].transform(lambda length: length.quantile(0.1))
    own = frame[frame["length"] <= 1.5 * closest].groupby("i")["length"].median()
    index = own.index.to_numpy()
    if not len(index):
        return out
    # Ships the same way round at one place agree on one length, and a quay is built for one size of ship.
    lengths = own.to_numpy(dtype=np.float64)
    places = geo.sphere_xyz_m(lat[index], lon[index])
    tree = cKDTree(places)
    usual = np.array([np.median(lengths[near]) for near in tree.query_ball_point(places, 400.0)])
    lengths = np.clip(lengths, 0.6 * usual, 1.6 * usual)
    for k, near in enumerate(tree.query_ball_point(places, 50.0)):
        alike = np.abs(geo.turn_deg(heading[index[k]], heading[index[near]])) < 20.0
        out[index[k]] = float(np.median(lengths[near][alike]))
    missing = np.flatnonzero(~sized & np.isin(group, np.unique(group[index])) & ~np.isfinite(out))
    for k, near in zip(
        missing.tolist(),
        tree.query_ball_point(geo.sphere_xyz_m(lat[missing], lon[missing]), 400.0),
        strict=True,
    ):
        if near:
            out[k] = float(np.median(lengths[near]))
    return out


def _headings(moored: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Heading of each stop; where none was sent, the axis of the ships moored nearest.

    Returns
    -------
    The heading, and whether it is an axis only (bow and stern may be exchanged).
    """
    heading = moored["heading_deg"].to_numpy(dtype=np.float64).copy()
    steady = moored["heading_spread_deg"].fillna(0.0).to_numpy() < 20.0
    unknown = ~np.isfinite(heading)
    givers, takers = np.flatnonzero(~unknown & steady), np.flatnonzero(unknown)
    if not len(givers) or not len(takers):
        return heading, np.zeros(len(heading), dtype=bool)
    xyz = geo.sphere_xyz_m(moored["lat"].to_numpy(), moored["lon"].to_numpy())
    k = min(8, len(givers))
    metres, index = cKDTree(xyz[givers]).query(xyz[takers], k=k, distance_upper_bound=250.0)
    metres, index = metres.reshape(len(takers), k), index.reshape(len(takers), k)
    near = np.isfinite(metres)
    weight = np.where(near, np.exp(-np.where(near, metres, 0.0) / 60.0), 0.0)
    doubled = np.radians(2.0 * heading[givers[np.where(near, index, 0)]])
    east, north = (weight * np.sin(doubled)).sum(axis=1), (weight * np.cos(doubled)).sum(axis=1)
    agreement = np.hypot(east, north) / np.maximum(weight.sum(axis=1), 1e-9)
    axis = np.degrees(np.arctan2(east, north)) / 2.0 % 180.0
    heading[takers] = np.where(near.any(axis=1) & (agreement > 0.7), axis, np.nan)
    return heading, unknown & np.isfinite(heading)
