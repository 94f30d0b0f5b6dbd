"""From berths to quays: the line that berths share, the port of each quay, and the ids of quays and berths.

The nearest port point is not always the right port, and the ships at one quay must not be divided between
ports. So the port is decided for the whole quay: by distance, and if two ports are nearly as near, by the
other quays that its ships use. Points in port lists stand where charts print the names, so the quays that a
port already has are used to correct where it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from ais_berths import geo, h3cells
from ais_berths.evidence import whole
from ais_berths.groups import number_groups, touching
from ais_berths.ports import rival_ports

if TYPE_CHECKING:
    from collections.abc import Iterable

    from numpy.typing import NDArray

    from ais_berths.config import QuaysConfig

_VISIT = ["stop_id", "mmsi", "lat", "lon", "start_time", "end_time"]
_ID_RESOLUTION = 12
# A next stop later than this does not link two places; most rounds until the ports agree; undecided ships
# added to each quay, so that one or two ships alone do not decide.
_NEXT_STOP, _ROUNDS, _FEW_SHIPS = "3D", 10, 2.0
# A point in the list counts as much as this many quays when the place of its port is worked out.
_POINT_QUAYS = 2.0
# Positions are rounded to this many parts of the distance that joins them.
_GRAINS = 10
_LINKS_AT_ONCE = 1_000_000


def find_quays(
    berths: gpd.GeoDataFrame,
    members: pd.DataFrame,
    stops: pd.DataFrame,
    ports: pd.DataFrame,
    config: QuaysConfig,
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Join berths to quays, give each quay its port, and name both.

    Parameters
    ----------
    berths, members
        What `ais_berths.berths.find_berths` returned.
    stops
        The table ``stops``.
    ports
        The whole port list, so that the quays of a neighbour are not given to the chosen port.
    config
        The section ``quays`` of the settings.

    Returns
    -------
    quays
        The table ``quays``; the geometry is the water-side area, the berths of the quay and what lies
        between them.
    berths
        `berths` with ``berth_id``, ``quay_id`` and ``port_id``.
    """
    quay = group_berths(berths, config)
    at_quay = members.assign(quay=members["number"].map(dict(zip(berths["number"], quay, strict=True))))
    at_quay = at_quay[["stop_id", "quay"]].merge(stops[_VISIT], on="stop_id", how="left")
    at_anchor = stops.loc[stops["kind"] == "anchored", _VISIT]
    at_anchor = at_anchor.assign(quay=roads_of(at_anchor, config) + int(quay.max(initial=-1)) + 1)
    visits = pd.concat([at_quay, at_anchor], ignore_index=True).astype({"quay": np.int64})
    return name_quays(berths, quay, used_places(visits), links(visits), ports, config)


def name_quays(
    berths: gpd.GeoDataFrame,
    quay: NDArray[np.int64],
    places: pd.DataFrame,
    ways: pd.DataFrame,
    ports: pd.DataFrame,
    config: QuaysConfig,
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Give each quay its port, and ids to quays and berths; see `find_quays`.

    Parameters
    ----------
    quay
        Number of the quay of each berth, from `group_berths`.
    places
        Result of `used_places` for all quays and, numbered after them, roads.
    ways
        Ships that went from one of these to another, from `links`.
    """
    port_of_quay = _decide_ports(places, int(quay.max(initial=-1)) + 1, ways, ports, config)
    named = berths.assign(
        quay=quay,
        port_id=port_of_quay[quay] if len(berths) else pd.Series(dtype=object),
    )
    prefix = port_prefix(ports)
    middle = berths.geometry.representative_point()
    named["berth_id"] = place_ids(named["port_id"].map(prefix), middle, "")
    quays = _summarise(named, places)
    quays["quay_id"] = place_ids(quays["port_id"].map(prefix), quays.geometry.representative_point(), "Q")
    named["quay_id"] = quays["quay_id"].reindex(quay).to_numpy(dtype=object)
    named.loc[named["berth_kind"] == "buoy", "quay_id"] = None
    real = quays["quay_kind"] != "buoy"
    return quays[real].reset_index(drop=True), named.drop(columns="quay")


def port_prefix(ports: pd.DataFrame) -> dict[str, str]:
    """Short name of each port for ids: its UN/LOCODE, or else its port id."""
    codes = (
        ports["locode"].astype(object).fillna("") if "locode" in ports else pd.Series("", index=ports.index)
    )
    short = codes.where(codes != "", ports["port_id"])
    return dict(zip(ports["port_id"], short, strict=True))


def place_ids(prefix: pd.Series, points: gpd.GeoSeries, letter: str) -> pd.Series:
    """Ids made of port, letter and the H3 cell of the middle of each place.

    Several places in one cell get ``-2``, ``-3`` ... from west to east.
    """
    if points.empty:
        return pd.Series(dtype=object)
    lon, lat = geo.turn_deg(0.0, points.x.to_numpy()), points.y.to_numpy()
    cells = h3cells.cells_at(lat, lon, _ID_RESOLUTION)
    # Base cell and eleven digits: what comes before is the same for all cells, and the twelfth digit, which
    # tells places ten metres apart, is left to the ranks.
    code = pd.Series([f"{cell:015x}"[2:12] for cell in cells.tolist()], index=points.index)
    ids = prefix.astype(str) + "-" + letter + code
    order = pd.DataFrame({"id": ids, "lon": lon, "lat": lat}).sort_values(["id", "lon", "lat"])
    rank = order.groupby("id").cumcount().reindex(ids.index)
    return ids.where(rank == 0, ids + "-" + (rank + 1).astype(str))


def group_berths(berths: gpd.GeoDataFrame, config: QuaysConfig) -> NDArray[np.int64]:
    """Number the quays: berths in one line, close by and pointing the same way."""
    n = len(berths)
    if n == 0:
        return np.zeros(0, dtype=np.int64)
    _, x, y, scale = _middles(berths)
    reach = (berths["length_m"].to_numpy() / 2.0 + config.max_gap_m / 2.0) * scale
    circles = shapely.buffer(shapely.points(x, y), reach)
    i, j = touching(circles)
    heading = berths["heading_deg"].to_numpy(dtype=np.float64)
    east, north = (x[j] - x[i]) / scale[i], (y[j] - y[i]) / scale[i]
    turn, along, across = geo.between_axes(east, north, heading[i], heading[j])
    length, width = berths["length_m"].to_numpy(), berths["width_m"].to_numpy()
    gap = along - (length[i] + length[j]) / 2.0
    # Ships of different beams touch the same line with middles half the difference apart.
    offset = across - np.abs(width[i] - width[j]) / 2.0
    in_line = (turn <= config.max_turn_deg) & (gap <= config.max_gap_m)
    joined = in_line & (offset <= config.max_offset_m)
    return number_groups(i[joined], j[joined], n)


def roads_of(anchored: pd.DataFrame, config: QuaysConfig) -> NDArray[np.int64]:
    """Number the roads: anchored ships near each other, directly or through others, are one place."""
    return _group_points(anchored["lat"].to_numpy(), anchored["lon"].to_numpy(), config.terminal_m)


def links(visits: pd.DataFrame) -> pd.DataFrame:
    """Number of ships whose next stop after one place is another one, in both directions.

    A ship that also goes back counts twice, as it shows more of the two places.

    Parameters
    ----------
    visits
        One row a stop at a quay or in a road, all of each ship: ``stop_id mmsi start_time end_time`` and the
        number of the place, ``quay``.
    """
    rows = visits.sort_values(["mmsi", "start_time", "stop_id"], ignore_index=True)
    after = rows.shift(-1)
    soon = after["start_time"] - rows["end_time"] <= pd.Timedelta(_NEXT_STOP)
    moved = (rows["mmsi"] == after["mmsi"]) & (rows["quay"] != after["quay"]) & soon
    pairs = pd.DataFrame({"a": rows["quay"], "b": after["quay"], "mmsi": rows["mmsi"]}, index=rows.index)[
        moved
    ].drop_duplicates()
    both = pd.concat([pairs, pairs.rename(columns={"a": "b", "b": "a"})])
    return _added([both.assign(ships=1)])


def add_links(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Add up results of `links` for several groups of ships, merging equal rows before they are too many."""
    waiting: list[pd.DataFrame] = []
    for part in parts:
        waiting.append(part[["a", "b", "ships"]])
        if sum(map(len, waiting[1:])) > max(_LINKS_AT_ONCE, len(waiting[0])):
            waiting = [_added(waiting)]
    return _added(waiting)


def _added(parts: list[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat(parts).groupby(["a", "b"])["ships"].sum().reset_index().astype(np.int64)


def _decide_ports(
    centre: pd.DataFrame, n_quays: int, links: pd.DataFrame, ports: pd.DataFrame, config: QuaysConfig
) -> NDArray[np.object_]:
    """Port of each place: the nearest, unless its ships belong to another that is nearly as near.

    The quays come before the other places.
    """
    near = _group_points(centre["lat"].to_numpy(), centre["lon"].to_numpy(), config.terminal_m)
    rivals = rival_ports(centre["lat"].to_numpy(), centre["lon"].to_numpy(), ports, config.rival_m)
    chosen = rivals.drop_duplicates("row").set_index("row")["port_id"].to_numpy(dtype=object)
    # Quays side by side would only repeat each other's mistake: only ships that go elsewhere count.
    apart = near[links["a"].to_numpy()] != near[links["b"].to_numpy()]
    links = links[apart]
    if rivals["row"].is_unique:
        return chosen
    sphere = geo.sphere_xyz_m(centre["lat"].to_numpy(), centre["lon"].to_numpy())
    out_of = links.assign(terminal=near[links["a"].to_numpy()])
    total = out_of.groupby("terminal")["ships"].sum()
    rivals = rivals.assign(terminal=near[rivals["row"].to_numpy()])
    for _ in range(_ROUNDS):
        rivals["extra_m"] = _extra_m(rivals, sphere, chosen[:n_quays], ports, config.rival_m)
        votes = out_of.assign(port_id=chosen[out_of["b"].to_numpy()])
        share = votes.groupby(["terminal", "port_id"])["ships"].sum().rename("votes").reset_index()
        table = rivals.merge(share, how="left", on=["terminal", "port_id"])
        known = table["terminal"].map(total).fillna(0.0)
        table["score"] = (
            config.traffic_weight * table["votes"].fillna(0.0) / (known + _FEW_SHIPS)
            - table["extra_m"] / config.rival_m
        )
        table = table.sort_values(["row", "score", "extra_m", "port_id"], ascending=[True, False, True, True])
        best = table.drop_duplicates("row").set_index("row")["port_id"].to_numpy(dtype=object)
        if (best == chosen).all():
            break
        chosen = best
    return chosen


def _extra_m(
    rivals: pd.DataFrame,
    sphere: geo.Floats,
    port_of_quay: NDArray[np.object_],
    ports: pd.DataFrame,
    within_m: float,
) -> geo.Floats:
    """How much farther each rival is than the nearest one (m).

    A port is at the mean of its point in the list and of its quays around that. Quays farther away do not
    count: otherwise ports along a river would take one quay after the other from each other.
    """
    points = ports[["port_id", "lat", "lon"]].drop_duplicates(ignore_index=True)
    listed = geo.sphere_xyz_m(points["lat"].to_numpy(), points["lon"].to_numpy())
    points = pd.DataFrame({"port_id": points["port_id"], "point": np.arange(len(points))})
    own = pd.DataFrame({"quay": np.arange(len(port_of_quay)), "port_id": port_of_quay}).merge(points)
    own["away_m"] = _apart_m(sphere[own["quay"]], listed[own["point"]])
    own = own[own["away_m"] <= within_m].sort_values(["quay", "away_m", "point"]).drop_duplicates("quay")
    weight = np.bincount(own["point"], minlength=len(listed)) + _POINT_QUAYS
    drawn = whole(sphere[own["quay"]] - listed[own["point"]])
    steps = np.stack([np.bincount(own["point"], part, minlength=len(listed)) for part in drawn.T], axis=1)
    middle = listed + steps / weight[:, None]
    ways = rivals[["row", "port_id"]].reset_index(names="rival").merge(points)
    ways["away_m"] = _apart_m(sphere[ways["row"]], middle[ways["point"]])
    away_m = ways.groupby("rival")["away_m"].min()
    extra_m: geo.Floats = (away_m - away_m.groupby(rivals["row"]).transform("min")).to_numpy()
    return extra_m


def _apart_m(a: geo.Floats, b: geo.Floats) -> geo.Floats:
    return np.asarray(np.linalg.norm(a - b, axis=1))


def _group_points(lat: NDArray[np.float64], lon: NDArray[np.float64], within_m: float) -> NDArray[np.int64]:
    """Number the groups of places that are within a distance of each other, directly or through others."""
    # Thousands of ships lie at anchor within a few grains.
    places, place = geo.grains(geo.sphere_xyz_m(lat, lon), within_m / _GRAINS)
    pairs = cKDTree(places).query_pairs(within_m, output_type="ndarray")
    return number_groups(pairs[:, 0], pairs[:, 1], len(places))[place]


def _summarise(berths: gpd.GeoDataFrame, places: pd.DataFrame) -> gpd.GeoDataFrame:
    """One row a quay, in the order of the quay numbers."""
    by_berth = berths.groupby("quay")
    low, high = by_berth["berth_kind"].min(), by_berth["berth_kind"].max()
    kinds = low.where(low == high, "mixed")
    used = (berths["occupancy"] * berths["length_m"]).groupby(berths["quay"]).sum()
    lines, areas = _lines(berths)
    table = pd.DataFrame(
        {
            "port_id": by_berth["port_id"].first(),
            "quay_kind": kinds,
            "n_berths": by_berth.size(),
            "n_stops": places["n_stops"].reindex(kinds.index),
            "n_vessels": places["n_vessels"].reindex(kinds.index),
            "heading_deg": lines["heading_deg"],
            "length_m": lines["length_m"],
            "occupied_m": used,
            "line_wkt": lines["line_wkt"],
        }
    ).sort_index()
    return gpd.GeoDataFrame(table, geometry=areas, crs="EPSG:4326")


def _lines(berths: gpd.GeoDataFrame) -> tuple[pd.DataFrame, NDArray[np.object_]]:
    """Line through the berths of each quay from end to end, and the area that they cover together."""
    if berths.empty:
        return pd.DataFrame(columns=["heading_deg", "length_m", "line_wkt"]), np.empty(0, dtype=object)
    plane, x, y, scale = _middles(berths)
    theta = np.radians(berths["heading_deg"].fillna(0.0).to_numpy(dtype=np.float64))
    half = berths["length_m"].to_numpy() / 2.0 * scale
    points, ends, areas = [], [], []
    shapes = plane.from_degrees(berths.geometry.to_numpy())
    middles = np.stack([x, y], axis=1)
    steps = np.stack([np.sin(theta), np.cos(theta)], axis=1) * half[:, None]
    for _, at in sorted(berths.groupby("quay").indices.items()):
        main = _direction(theta[at])
        order = at[np.argsort(middles[at] @ main, kind="stable")]
        middle, step = middles[order], steps[order]
        step *= np.where(step @ main < 0, -1.0, 1.0)[:, None]
        points.append(np.concatenate([(middle - step)[:1], middle, (middle + step)[-1:]]))
        ends.append(order[0])
        areas.append(_cover(shapes[order]))
    number = np.repeat(np.arange(len(points)), [len(line) for line in points])
    lines = shapely.linestrings(np.concatenate(points), indices=number)
    ahead = np.array([line[-1] - line[0] for line in points])
    table = pd.DataFrame(
        {
            "heading_deg": np.degrees(np.arctan2(ahead[:, 0], ahead[:, 1])) % 180.0,
            "length_m": shapely.length(lines) / scale[ends],
            "line_wkt": shapely.to_wkt(plane.to_degrees(lines), rounding_precision=6),
        }
    )
    return table, plane.to_degrees(np.array(areas, dtype=object))


def _cover(shapes: NDArray[np.object_]) -> shapely.Geometry:
    """Berths in their order along the quay and the water between neighbours."""
    if len(shapes) == 1:
        return shapes[0]
    pairs = shapely.convex_hull(shapely.geometrycollections(np.stack([shapes[:-1], shapes[1:]], axis=1)))
    return shapely.union_all(pairs)


def _direction(theta: NDArray[np.float64]) -> NDArray[np.float64]:
    """Common direction of axes, as a step of length 1 that never leads south."""
    main = np.angle(np.exp(2j * theta).mean()) / 2.0
    return np.array([np.sin(main), np.cos(main)])


def _middles(
    berths: gpd.GeoDataFrame,
) -> tuple[geo.Plane, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    middle = shapely.point_on_surface(berths.geometry.to_numpy())
    lon, lat = shapely.get_x(middle), shapely.get_y(middle)
    plane = geo.Plane.around(lon)
    x, y = plane.forward(lon, lat)
    return plane, x, y, geo.Plane.scale(lat)


def used_places(visits: pd.DataFrame) -> pd.DataFrame:
    """Median position of the stops of each place, by its number, with the numbers of stops and vessels.

    Parameters
    ----------
    visits
        One row a stop at a quay or in a road, all of each place: ``mmsi lat lon`` and the number of the
        place, ``quay``.
    """
    rows = visits.assign(east=geo.turn_deg(visits.groupby("quay")["lon"].transform("first"), visits["lon"]))
    places = rows.groupby("quay").agg(
        lat=("lat", "median"),
        east=("east", "median"),
        lon=("lon", "first"),
        n_stops=("mmsi", "size"),
        n_vessels=("mmsi", "nunique"),
    )
    places["lon"] = geo.turn_deg(0.0, places["lon"] + places["east"])
    return places.drop(columns="east").sort_index()
