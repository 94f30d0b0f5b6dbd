"""From groups of footprints to berths: a polygon and a description of each.

The polygon is a rectangle along the quay. Its edges are quantiles of the hulls that lay there, so that one
wrong position does not stretch it, and more visits make it more exact, not larger.
"""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ais_berths import geo, schema
from ais_berths.clusters import cluster_hulls
from ais_berths.confidence import rate_berths
from ais_berths.footprints import Footprints, Groups
from ais_berths.groups import group_touching, touching, uncovered_from
from ais_berths.uses import serving_ships, uses_of_berths
from ais_berths.vessels import column_of, groups_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import BerthsConfig
    from ais_berths.footprints import Boxes

# Neighbours in line within this angle (deg) each give up half of an overlap, up to this share of the shorter
# one.
_SAME_LINE_DEG = 15.0
_GIVE_WAY = 0.4
_SEEN = 2
# Antenna of a tanker from its stern, in lengths; usual length of tankers (m); usual and longest hawser (m).
_TANKER_STERN, _TANKER_M = 0.17, 180.0
_HAWSER_M, _HAWSER_MOST_M = 45.0, 110.0
# How far the points about which ships swing at one buoy may lie from it (m).
_BUOY_PLAY_M = 30.0
# No stop is surer to be moored than this.
_SUREST = 1.0 - 1e-9


class Drawn(NamedTuple):
    """Outlines of berths by ``number``, and the stops at each; see `find_berths`."""

    outlines: pd.DataFrame
    members: pd.DataFrame


def find_berths(
    stops: pd.DataFrame, hulls: pd.DataFrame, vessels: pd.DataFrame, config: BerthsConfig
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Find the berths that moored ships used.

    Parameters
    ----------
    stops
        The table ``stops`` with ``kind``.
    hulls
        The table ``hulls``, one row for each moored stop.
    vessels
        The table ``vessels``.
    config
        The section ``berths`` of the settings.

    Returns
    -------
    berths
        One row a berth: the columns of the table ``berths`` but for the ids, and ``number``; the geometry
        is in degrees (EPSG:4326).
    members
        One row a stop at a berth: ``stop_id``, ``number`` of the berth, ``rafted``.
    """
    return rate_drawn(draw_berths(stops, hulls, vessels, config), stops, hulls, vessels, config)


def draw_berths(
    stops: pd.DataFrame,
    hulls: pd.DataFrame,
    vessels: pd.DataFrame,
    config: BerthsConfig,
    planes: tuple[geo.Plane, geo.Plane] | None = None,
) -> Drawn:
    """Find the outlines of berths and the stops at each; first half of `find_berths`.

    Parameters
    ----------
    planes
        The planes in which hulls and single-point moorings are compared; by default around these.
    """
    plane, plane_of_buoys = planes or (geo.Plane.around(hulls["lon"]), geo.Plane.around(buoy_lon(stops)))
    groups = cluster_hulls(hulls, stops, config, plane).rename(columns={"cluster": "number"})
    groups = _with_evidence(groups, stops, config)
    prints = Footprints.of(hulls[hulls["stop_id"].isin(groups["stop_id"])], stops, plane)
    kind = groups.groupby("number")["berth_kind"].first().to_numpy(dtype=object)
    boxes = _give_way(_boxes(prints, groups, kind, config))
    outlines = pd.DataFrame(
        {
            "number": np.arange(len(kind)),
            "berth_kind": kind,
            "heading_deg": boxes.axis,
            "length_m": boxes.length,
            "width_m": boxes.width,
            "geometry": plane.to_degrees(_without_overlap(boxes.shapes())),
        }
    )
    buoys, at_buoy = _buoys(stops, vessels, config, len(outlines), plane_of_buoys)
    members = pd.concat([groups[["stop_id", "number", "rafted"]], at_buoy], ignore_index=True)
    return Drawn(pd.concat([outlines, buoys], ignore_index=True), members)


def rate_drawn(
    drawn: Drawn,
    stops: pd.DataFrame,
    hulls: pd.DataFrame,
    vessels: pd.DataFrame,
    config: BerthsConfig,
    beyond: Beyond | None = None,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Describe and rate berths that were drawn; second half of `find_berths`.

    Parameters
    ----------
    beyond
        What is known from all portions, if the stops are those of one.
    """
    berths, members = drawn
    described = describe_berths(members, stops, hulls, vessels, beyond)
    berths = berths.merge(described, on="number", how="inner")
    berths = berths[berths["n_stops"] >= config.min_stops].reset_index(drop=True)
    members = members[members["number"].isin(berths["number"])].reset_index(drop=True)
    berths["confidence"] = rate_berths(berths, members, hulls)
    wanted = [name for name in schema.BERTHS.names if name in berths.columns]
    frame = gpd.GeoDataFrame(berths[["number", *wanted, "geometry"]], geometry="geometry", crs="EPSG:4326")
    return frame, members


def _with_evidence(groups: pd.DataFrame, stops: pd.DataFrame, config: BerthsConfig) -> pd.DataFrame:
    """Drop groups in which no ship may have been moored: the probability of one is below ``min_evidence``.

    Stops with a single ping may belong to a berth, but neither prove nor shape one.
    """
    rows = stops[["stop_id", "n_pings", "kind_confidence"]].set_index("stop_id").reindex(groups["stop_id"])
    seen = (rows["n_pings"].fillna(_SEEN) >= _SEEN).to_numpy()
    groups = groups.assign(odd=groups["odd"].to_numpy() | ~seen)
    doubt = 1.0 - rows["kind_confidence"].fillna(1.0).clip(0.0, _SUREST).to_numpy(dtype=np.float64)
    none_moored = pd.Series(np.where(seen, np.log(doubt), 0.0)).groupby(groups["number"].to_numpy()).sum()
    made = none_moored.index[none_moored <= np.log(1.0 - config.min_evidence)]
    groups = groups[groups["number"].isin(made)]
    return groups.assign(number=pd.factorize(groups["number"], sort=True)[0]).reset_index(drop=True)


class Beyond(NamedTuple):
    """What is known from all portions: hours from the first stop to the last, and ships that serve others."""

    hours: float
    serving: NDArray[np.int64]

    @classmethod
    def of(cls, stops: pd.DataFrame, visits: pd.DataFrame) -> Beyond:
        """Take both from all stops and all visits to berths (see `ais_berths.uses.serving_ships`)."""
        return cls(period_h(stops["start_time"].min(), stops["end_time"].max()), serving_ships(visits))


def period_h(start: pd.Timestamp, end: pd.Timestamp) -> float:
    """Hours from start to end, never 0; 1 without stops."""
    hours = float((end - start) / pd.Timedelta("1h"))
    return max(hours, 1e-6) if math.isfinite(hours) else 1.0


def describe_berths(
    members: pd.DataFrame,
    stops: pd.DataFrame,
    hulls: pd.DataFrame,
    vessels: pd.DataFrame,
    beyond: Beyond | None = None,
) -> pd.DataFrame:
    """Count and summarise the visits of each berth: ships, sizes, types, times, occupancy.

    Occupancy is the share of the period from the first to the last stop of the whole table during which
    at least one ship was alongside, from its estimated arrival to its estimated departure, as in the calls.
    """
    used = ["stop_id", "mmsi", "start_time", "end_time", "arrival_time", "departure_time", "dwell_h"]
    rows = members.merge(schema.conform(stops.filter(used), "stops")[used], on="stop_id", how="left")
    beyond = beyond or Beyond.of(stops, rows)
    rows["group"] = groups_of(vessels, rows["mmsi"])
    for name in ("loa_m", "beam_m", "draught_max_m"):
        rows[name] = column_of(vessels, name, rows["mmsi"]).astype(np.float64)
    basis = hulls.set_index("stop_id")["hull_basis"] if len(hulls) else pd.Series(dtype=object)
    rows["hull_basis"] = basis.reindex(rows["stop_id"]).to_numpy(dtype=object)
    by = rows.groupby("number")
    out = pd.DataFrame(
        {
            **summarise_visits(by),
            "loa_p50_m": by["loa_m"].median(),
            "beam_max_m": by["beam_m"].max(),
            "draught_max_m": by["draught_max_m"].max(),
            "occupancy": (_occupied_h(rows) / beyond.hours).clip(upper=1.0),
            "hull_basis": most_frequent(rows, "number", "hull_basis"),
            "type_main": most_frequent(rows, "number", "group"),
        }
    )
    counts = pd.crosstab(rows["number"], rows["group"])
    shares = counts.div(counts.sum(axis=1), axis=0)
    out["type_shares"] = [
        json.dumps({name: round(value, 3) for name, value in row.items() if value > 0}, sort_keys=True)
        for row in shares.to_dict("records")
    ]
    out["use"] = uses_of_berths(rows, beyond.serving)
    return out.rename_axis("number").reset_index()


def summarise_visits(visits: Any) -> dict[str, pd.Series]:
    """Numbers, times and largest ship of visits grouped by place: columns of berths and of anchorages."""
    return {
        "n_stops": visits.size(),
        "n_vessels": visits["mmsi"].nunique(),
        "first_seen": visits["start_time"].min(),
        "last_seen": visits["end_time"].max(),
        "loa_max_m": visits["loa_m"].max(),
        "dwell_p50_h": visits["dwell_h"].median(),
        "dwell_p90_h": visits["dwell_h"].quantile(0.9),
    }


def most_frequent(rows: pd.DataFrame, key: str, column: str) -> pd.Series:
    """Most frequent value of a column by another one; ties go to the first in the alphabet."""
    counts = rows.dropna(subset=[column]).groupby([key, column]).size().reset_index(name="n")
    counts = counts.sort_values([key, "n", column], ascending=[True, False, True])
    first: pd.Series = counts.drop_duplicates(key).set_index(key)[column]
    return first


def _boxes(
    prints: Footprints, groups: pd.DataFrame, kind: NDArray[np.object_], config: BerthsConfig
) -> Boxes:
    """Rectangle of each group, whose `kind` of berth is given."""
    regular = ~(groups["rafted"] | groups["odd"])
    # Where no visit is regular, all of them shape the berth.
    alongside = (regular | ~regular.groupby(groups["number"]).transform("any")).to_numpy()
    member = np.flatnonzero(alongside)
    edge = np.where(kind == "continuous", config.edge_quantile / 3.0, config.edge_quantile)
    return Groups.of(prints, member, groups["number"].to_numpy()[member]).boxes(edge, config.edge_quantile)


def _give_way(boxes: Boxes) -> Boxes:
    """Shorten neighbours in one line that reach a little into each other, each by half of it."""
    i, j = _touching(boxes.shapes())
    x, y, length = boxes.x.copy(), boxes.y.copy(), boxes.length.copy()
    scale, axis, width = boxes.scale, boxes.axis, boxes.width
    in_line = np.abs(geo.turn_deg(axis[i], axis[j], period=180.0)) < _SAME_LINE_DEG
    for a, b in zip(i[in_line].tolist(), j[in_line].tolist(), strict=True):
        sin, cos = np.sin(np.radians(axis[a])), np.cos(np.radians(axis[a]))
        apart = ((x[b] - x[a]) * sin + (y[b] - y[a]) * cos) / scale[a]
        beside = abs((x[b] - x[a]) * cos - (y[b] - y[a]) * sin) / scale[a]
        if beside > (width[a] + width[b]) / 4.0:
            continue
        shared = (length[a] + length[b]) / 2.0 - abs(apart)
        if not 0.0 < shared < _GIVE_WAY * min(length[a], length[b]):
            continue
        length[a] -= shared / 2.0
        length[b] -= shared / 2.0
        step = np.copysign(shared / 4.0, apart) * scale[a]
        x[a], y[a] = x[a] - sin * step, y[a] - cos * step
        x[b], y[b] = x[b] + sin * step, y[b] + cos * step
    return replace(boxes, x=x, y=y, length=length)


def _without_overlap(shapes: NDArray[np.object_]) -> NDArray[np.object_]:
    """Cut what two shapes share off the larger one."""
    shapes = shapes.copy()
    i, j = _touching(shapes)
    area = shapely.area(shapes)
    overlapping = shapely.area(shapely.intersection(shapes[i], shapes[j])) > 0
    for a, b in zip(i[overlapping].tolist(), j[overlapping].tolist(), strict=True):
        larger, smaller = (a, b) if area[a] >= area[b] else (b, a)
        rest = shapely.difference(shapes[larger], shapes[smaller])
        parts = shapely.get_parts(rest)
        largest = parts[int(np.argmax(shapely.area(parts)))] if len(parts) else rest
        if shapely.area(largest) > 0:
            shapes[larger] = largest
    return shapes


def _touching(shapes: NDArray[np.object_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Every two shapes that touch, in order, as the result depends on which come first."""
    i, j = touching(shapes)
    order = np.lexsort((j, i))
    return i[order], j[order]


def buoy_lon(stops: pd.DataFrame) -> pd.Series:
    """Longitudes of single-point moorings."""
    return stops.loc[stops["kind"] == "buoy", "pivot_lon"]


def _buoys(
    stops: pd.DataFrame, vessels: pd.DataFrame, config: BerthsConfig, first_number: int, plane: geo.Plane
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Single-point moorings: a circle about the common pivot, as wide as the sterns of the ships swing."""
    rows = stops[stops["kind"] == "buoy"].reset_index(drop=True)
    if rows.empty:
        return pd.DataFrame(), pd.DataFrame({"stop_id": [], "number": [], "rafted": []}).astype(
            {"stop_id": str, "number": np.int64, "rafted": bool}
        )
    x, y = plane.forward(rows["pivot_lon"], rows["pivot_lat"])
    scale = geo.Plane.scale(rows["pivot_lat"])
    number = group_touching(shapely.buffer(shapely.points(x, y), _BUOY_PLAY_M * scale)) + first_number
    bow, length = (
        column_of(vessels, name, rows["mmsi"]).astype(np.float64) for name in ("to_bow_m", "loa_m")
    )
    swing = rows["swing_m"].to_numpy()
    # The stern swings at the distance of a hawser and a ship's length from the buoy. The hawser follows from
    # the antenna offset, unless that gives an impossible one.
    hawser = swing - np.where(np.isfinite(bow), bow, (1.0 - _TANKER_STERN) * length)
    hawser = np.where((hawser > 0.0) & (hawser < _HAWSER_MOST_M), hawser, _HAWSER_M)
    reach = np.where(np.isfinite(length), length + hawser, swing + _TANKER_STERN * _TANKER_M)
    visits = pd.DataFrame({"x": x, "y": y, "scale": scale, "reach": reach}).groupby(number)
    frame = visits.median().assign(reach=visits["reach"].quantile(1.0 - config.edge_quantile))
    circles = shapely.buffer(
        shapely.points(frame["x"].to_numpy(), frame["y"].to_numpy()),
        frame["reach"].to_numpy() * frame["scale"].to_numpy(),
    )
    buoys = pd.DataFrame(
        {
            "number": frame.index,
            "berth_kind": "buoy",
            "length_m": 2.0 * frame["reach"].to_numpy(),
            "width_m": 2.0 * frame["reach"].to_numpy(),
            "geometry": plane.to_degrees(circles),
        }
    )
    return buoys, pd.DataFrame({"stop_id": rows["stop_id"], "number": number, "rafted": False})


def _occupied_h(rows: pd.DataFrame) -> pd.Series:
    """Hours with at least one ship alongside, by berth: the union of the stays."""
    stays = pd.DataFrame(
        {
            "number": rows["number"],
            "start": schema.to_micros(rows["arrival_time"].fillna(rows["start_time"])),
            "end": schema.to_micros(rows["departure_time"].fillna(rows["end_time"])),
        }
    )
    number, start, end = stays.sort_values(["number", "start", "end"]).to_numpy().T
    hours = np.maximum(end - uncovered_from(number, start, end), 0) / schema.HOUR_US
    return pd.Series(hours).groupby(number).sum()
