"""Ports: the embedded World Port Index, finding a port in a list, and the port nearest to a position.

A port is one or more rows of the table PORTS under one `port_id`: each row is a point, or an area (a polygon
in the optional column `area`) with a point inside it. A port is called by its first row.
"""

from __future__ import annotations

import difflib
import re
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from ais_berths.errors import EmptyInputError, PortError
from ais_berths.geo import EARTH_RADIUS_M, Plane, haversine_m
from ais_berths.portfiles import plain, read_embedded, read_ports

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import ArrayLike, NDArray

    from ais_berths.geo import Floats

__all__ = ["builtin_ports", "find_port", "nearest_port", "port_areas", "read_ports", "search_ports"]

# How a row fits a text, the best first; a country does not find one port.
_NUMBER, _CODE_OR_NAME, _OTHER_NAME, _COUNTRY, _BEGINNING, _PART, _NOTHING = range(7)
_FINDING = (_NUMBER, _CODE_OR_NAME, _OTHER_NAME, _BEGINNING, _PART)
_SIZE_ORDER = {"large": 0, "medium": 1, "small": 2, "very small": 3}

# Ports near a place that may be its port, and points of each of them that are looked at.
_RIVALS, _MOST_POINTS = 8, 16


def builtin_ports() -> pd.DataFrame:
    """Return the embedded World Port Index (NGA Pub. 150): 3,801 ports of the world.

    Returns
    -------
    Table PORTS. Provenance, licence and changes are described in the README beside the data.

    Examples
    --------
    >>> ports = builtin_ports().set_index("port_id")
    >>> ports.loc["31140", ["name", "locode", "country"]].tolist()
    ['Rotterdam', 'NLRTM', 'NL']
    """
    return read_embedded("world_port_index.csv").astype({"lat": "float64", "lon": "float64"})


def find_port(ports: pd.DataFrame, query: str) -> str:
    """Find one port by its number, its UN/LOCODE (with or without the space) or its name.

    Case and accents do not matter. Names are tried in this order: whole name, other name, beginning, part.

    Parameters
    ----------
    ports
        Table PORTS.
    query
        Number, code or name.

    Returns
    -------
    The `port_id`.

    Raises
    ------
    PortError
        No port fits (the nearest names are listed) or several do (the candidates are listed).

    Examples
    --------
    >>> ports = builtin_ports()
    >>> find_port(ports, "nl rtm"), find_port(ports, "ROTTERDAM"), find_port(ports, "31140")
    ('31140', '31140', '31140')
    >>> find_port(ports, "Rotterdm")
    Traceback (most recent call last):
    ...
    ais_berths.errors.PortError: there is no port 'Rotterdm'; near: 31140 Rotterdam (NLRTM, NL)
    """
    if not plain(query):
        raise PortError("no port was named; give a UN/LOCODE, a port number or a name")
    ranks = _ranks(ports, query)
    for rank in _FINDING:
        ids = ports["port_id"][ranks == rank].unique()
        if len(ids) == 1:
            return str(ids[0])
        if len(ids) > 1:
            found = _describe(ports, ids, 12)
            raise PortError(f"{query!r} fits {len(ids)} ports; give the number or UN/LOCODE of one: {found}")
    near = _nearest_names(ports, query, 5)
    hint = f"near: {_describe(ports, near, 5)}" if near else "`ais-berths ports SEARCH` lists the ports"
    raise PortError(f"there is no port {query!r}; {hint}")


def search_ports(ports: pd.DataFrame, text: str, limit: int = 20) -> pd.DataFrame:
    """List the ports that fit a text, the best first: numbers, UN/LOCODEs, names, countries, parts of names.

    Parameters
    ----------
    ports
        Table PORTS.
    text
        Number, code, name or part of a name, or a two-letter country code.
    limit
        Most ports to return.

    Returns
    -------
    One row a port, larger harbours first among equals; the nearest names where nothing fits.

    Examples
    --------
    >>> search_ports(builtin_ports(), "rotter")["name"].tolist()
    ['Rotterdam']
    """
    found = pd.DataFrame({"rank": _ranks(ports, text), "name": ports["name"].to_numpy()})
    found["size"] = _texts(ports, "harbour_size").map(_SIZE_ORDER).fillna(9).to_numpy()
    found = found[found["rank"] < _NOTHING].sort_values(["rank", "size", "name"], kind="stable")
    ids = ports["port_id"].iloc[found.index].unique()[:limit].tolist()
    firsts = ports.drop_duplicates("port_id").set_index("port_id", drop=False)
    return firsts.loc[ids or _nearest_names(ports, text, min(limit, 5))].reset_index(drop=True)


def nearest_port(
    lat: ArrayLike, lon: ArrayLike, ports: pd.DataFrame
) -> tuple[NDArray[np.object_], NDArray[np.float64]]:
    """Nearest port of each position: great-circle distance to its nearest point, or to its area.

    The result does not depend on the order of the ports: of equally distant ones the first id counts.

    Parameters
    ----------
    lat, lon
        Degrees.
    ports
        Table PORTS.

    Returns
    -------
    port_id
        None where the position is not finite.
    distance_m
        0 inside an area, nan where the position is not finite.

    Raises
    ------
    EmptyInputError
        There are no ports.

    Examples
    --------
    >>> port_id, distance_m = nearest_port([51.9], [4.5], builtin_ports())
    >>> port_id[0], float(distance_m[0].round(-2))
    ('31140', 1100.0)
    """
    if ports.empty:
        raise EmptyInputError("the port list is empty; there is no nearest port")
    lats, lons = (np.atleast_1d(np.asarray(v, dtype=np.float64)) for v in (lat, lon))
    points = ports.sort_values("port_id", kind="stable").drop_duplicates(["lat", "lon"])
    port_id = np.full(lats.shape, None, dtype=object)
    distance_m = np.full(lats.shape, np.nan)
    good = np.isfinite(lats) & np.isfinite(lons)
    tree = cKDTree(_unit_sphere(points["lat"], points["lon"]))
    chord, row = tree.query(_unit_sphere(lats[good], lons[good]))
    port_id[good] = points["port_id"].to_numpy(dtype=object)[row]
    distance_m[good] = 2 * EARTH_RADIUS_M * np.arcsin(np.clip(chord / 2, 0.0, 1.0))
    for owner, area in port_areas(ports):
        near = np.flatnonzero(_least_distance_m(lats, lons, area) <= distance_m)
        to_area = _distance_to_area_m(lats[near], lons[near], area)
        nearer = (to_area < distance_m[near]) | ((to_area == distance_m[near]) & (owner < port_id[near]))
        port_id[near[nearer]], distance_m[near[nearer]] = owner, to_area[nearer]
    return port_id, distance_m


def rival_ports(lat: ArrayLike, lon: ArrayLike, ports: pd.DataFrame, within_m: float) -> pd.DataFrame:
    """Ports whose points are hardly farther from a position than the nearest port.

    Parameters
    ----------
    lat, lon
        Positions (deg).
    ports
        Table PORTS. Ports with an area take part with their point; a position inside an area has no rival.
    within_m
        How much farther than the nearest port a rival may be (m).

    Returns
    -------
    ``row`` (number of the position), ``port_id`` and ``extra_m`` (0 for the nearest), nearest first.

    Examples
    --------
    >>> ports = pd.DataFrame({"port_id": ["a", "b", "c"], "lat": [0.0, 0.0, 9.0], "lon": [0.0, 0.02, 0.0]})
    >>> rival_ports([0.0], [0.005], ports, 2000.0).round().to_dict("list")
    {'row': [0, 0], 'port_id': ['a', 'b'], 'extra_m': [0.0, 1112.0]}
    """
    lats, lons = np.atleast_1d(np.asarray(lat, dtype=float)), np.atleast_1d(np.asarray(lon, dtype=float))
    nearest, least_m = nearest_port(lats, lons, ports)
    first = pd.DataFrame({"row": np.arange(len(lats)), "port_id": nearest, "extra_m": 0.0})
    # A port of many points must not hide its neighbours.
    points = int(ports["port_id"].value_counts().max())
    k = min(_RIVALS * min(points, _MOST_POINTS), len(ports))
    _, index = cKDTree(_unit_sphere(ports["lat"], ports["lon"])).query(_unit_sphere(lats, lons), k=k)
    index = np.asarray(index).reshape(len(lats), k)
    row = np.repeat(np.arange(len(lats)), k)
    other = ports.iloc[index.ravel()]
    away_m = haversine_m(lats[row], lons[row], other["lat"].to_numpy(), other["lon"].to_numpy())
    rivals = pd.DataFrame(
        {"row": row, "port_id": other["port_id"].to_numpy(dtype=object), "extra_m": away_m - least_m[row]}
    )
    close = (rivals["extra_m"] <= within_m).to_numpy() & (least_m[row] > 0)
    every = pd.concat([first, rivals[close & (rivals["extra_m"] > 0).to_numpy()]])
    every = every.sort_values(["row", "extra_m", "port_id"]).drop_duplicates(["row", "port_id"])
    return every.reset_index(drop=True)


def port_areas(ports: pd.DataFrame) -> Iterator[tuple[str, shapely.Geometry]]:
    """Every area in the port list with the id of its port."""
    if "area" in ports.columns:
        for owner, area in zip(ports["port_id"], ports["area"], strict=True):
            if isinstance(area, shapely.Geometry):
                yield owner, area


# names --------------------------------------------------------------------------------------------


def _ranks(ports: pd.DataFrame, text: str) -> NDArray[np.int64]:
    """How well each row fits."""
    wanted, code = plain(text), re.sub(r"\s", "", text).upper()
    if not wanted:
        return np.full(len(ports), _NOTHING)
    names = ports["name"].map(plain)
    others = _texts(ports, "other_names").map(lambda names: "|".join(["", *map(plain, names.split(";")), ""]))
    tests = {
        _NUMBER: ports["port_id"].str.casefold() == text.strip().casefold(),
        _CODE_OR_NAME: (names == wanted) | (_texts(ports, "locode") == code),
        _OTHER_NAME: others.str.contains(f"|{wanted}|", regex=False),
        _COUNTRY: _texts(ports, "country") == code,
        _BEGINNING: names.str.startswith(wanted) | others.str.contains(f"|{wanted}", regex=False),
        _PART: names.str.contains(wanted, regex=False) | others.str.contains(wanted, regex=False),
    }
    return np.select([test.to_numpy(dtype=bool) for test in tests.values()], list(tests), _NOTHING)


def _nearest_names(ports: pd.DataFrame, text: str, limit: int) -> list[str]:
    """Ids of the ports whose names look most like the text."""
    others = _texts(ports, "other_names").str.split(";").explode()
    names = pd.concat([ports["name"], others]).map(plain)
    near = difflib.get_close_matches(plain(text), names.unique().tolist(), n=limit, cutoff=0.7)
    rows = [row for name in near for row in names.index[names == name]]
    return list(dict.fromkeys(ports.loc[rows, "port_id"]))[:limit]


def _describe(ports: pd.DataFrame, ids: Iterable[str], limit: int) -> str:
    firsts = ports.drop_duplicates("port_id").set_index("port_id")
    about = pd.DataFrame({name: _texts(firsts, name) for name in ("name", "locode", "country")})
    texts = []
    for port_id, name, *codes in about.loc[list(ids)].itertuples(name=None):
        known = ", ".join(code for code in codes if code)
        texts.append(f"{port_id} {name}" + (f" ({known})" if known else ""))
    more = f" and {len(texts) - limit} more" if len(texts) > limit else ""
    return ", ".join(texts[:limit]) + more


def _texts(ports: pd.DataFrame, name: str) -> pd.Series:
    return ports[name] if name in ports else pd.Series("", index=ports.index, dtype="str")


# distances ----------------------------------------------------------------------------------------


def _unit_sphere(lat: ArrayLike, lon: ArrayLike) -> Floats:
    phi, lam = np.radians(np.asarray(lat)), np.radians(np.asarray(lon))
    return np.column_stack([np.cos(phi) * np.cos(lam), np.cos(phi) * np.sin(lam), np.sin(phi)])


def _least_distance_m(lat: Floats, lon: Floats, area: shapely.Geometry) -> Floats:
    """Distance to a circle around the area."""
    x, y = shapely.get_coordinates(area).T
    middle = area.representative_point()
    radius_m = haversine_m(y, x, middle.y, middle.x).max()
    # Sides are straight on the map, not on the globe, and may bulge out of the circle a little.
    result: Floats = haversine_m(lat, lon, middle.y, middle.x) - 1.1 * radius_m - 1000.0
    return result


def _distance_to_area_m(lat: Floats, lon: Floats, area: shapely.Geometry) -> Floats:
    """Distance to the point of the area that is nearest on the map."""
    plane = Plane.around(shapely.get_coordinates(area)[:, 0])
    shape = plane.from_degrees(area)
    shape = shapely.make_valid(shape)
    shapely.prepare(shape)
    x, y = plane.forward(lon, np.clip(lat, -89.9, 89.9))
    ends = shapely.get_point(shapely.shortest_line(shapely.points(x, y), shape), 1)
    end_lon, end_lat = plane.inverse(shapely.get_x(ends), shapely.get_y(ends))
    distance_m = haversine_m(lat, lon, end_lat, end_lon)
    distance_m[shapely.intersects_xy(shape, x, y)] = 0.0
    return distance_m
