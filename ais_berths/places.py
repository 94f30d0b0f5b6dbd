"""From stops to every place: kinds of stop, hulls, berths, quays and anchorages, tied together by ids.

This is what the pipeline runs once the stops of all vessels are known. They may come in portions, places that
have nothing to do with each other, of which one is in memory at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd

from ais_berths import geo, schema
from ais_berths.anchorages import anchored_lon, find_anchorages
from ais_berths.berths import Beyond, Drawn, buoy_lon, draw_berths, period_h, rate_drawn
from ais_berths.hulls import build_in_portions
from ais_berths.mooring import classify_stops, count_lonely
from ais_berths.naming import Core, are_kept, count_stops, in_order, name_stops, without_dropped_places
from ais_berths.pings import add_quality
from ais_berths.quays import add_links, group_berths, links, name_quays, roads_of, used_places
from ais_berths.uses import serving_ships
from ais_berths.vessels import vessels_of

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, MutableSequence, Sequence

    from ais_berths.config import BerthsConfig, Config, QuaysConfig


@dataclass(frozen=True)
class Places:
    """The tables that describe where ships stayed."""

    stops: pd.DataFrame
    hulls: pd.DataFrame
    berths: gpd.GeoDataFrame
    quays: gpd.GeoDataFrame
    anchorages: gpd.GeoDataFrame
    quality: pd.DataFrame


def find_places(
    stops: pd.DataFrame,
    vessels: pd.DataFrame,
    ports: pd.DataFrame,
    cells: pd.DataFrame,
    config: Config,
    only: Collection[str] = (),
) -> Places:
    """Classify the stops and find berths, quays and anchorages.

    Parameters
    ----------
    stops, vessels
        The tables ``stops`` and ``vessels`` of all vessels together.
    ports
        The whole port list.
    cells
        The table ``cells`` that the pings were filtered with; says what lies in the margin.
    config
        All settings.
    only
        Ids of the chosen ports; empty for every port.

    Returns
    -------
    Places of the chosen ports, and all stops. Stops in the margin have no port and no place, stops at
    the places of other ports keep their port and have no place; both are counted in ``quality``.
    """
    schema.check_frame(cells, "cells", ["cell", "in_margin"], key="cell")
    # Columns without rows may be of any type.
    portions = [_by_id(stops) if len(stops) else schema.empty("stops")]
    found = find_in_portions(portions, vessels, ports, Core(cells), config, only)
    return Places(
        stops=portions[0],
        hulls=found.hulls[0],
        berths=found.berths,
        quays=found.quays,
        anchorages=found.anchorages,
        quality=found.quality,
    )


class Room:
    """Where tables of portions are put meanwhile: in memory."""

    def shelf(self) -> MutableSequence[Any]:
        """Make an empty list."""
        return []

    def by_ship(self, tables: Iterable[pd.DataFrame]) -> Iterable[pd.DataFrame]:
        """Lay rows out anew, all of a ship together."""
        return [pd.concat(list(tables), ignore_index=True)]


@dataclass(frozen=True)
class Found:
    """What `find_in_portions` found: ``hulls`` in portions, everything else of all of them together."""

    hulls: Sequence[pd.DataFrame]
    berths: gpd.GeoDataFrame
    quays: gpd.GeoDataFrame
    anchorages: gpd.GeoDataFrame
    quality: pd.DataFrame


def find_in_portions(
    portions: MutableSequence[pd.DataFrame],
    vessels: pd.DataFrame,
    ports: pd.DataFrame,
    core: Core,
    config: Config,
    only: Collection[str] = (),
    room: Room | None = None,
) -> Found:
    """Find berths, quays and anchorages of stops that come in portions; see `find_places`.

    One portion is in memory at a time. What is known of ships, berths and ports is that of all of them, so
    the result does not depend on how many portions there are.

    Parameters
    ----------
    portions
        The table ``stops`` of some places each, in the order of the ids, cut as `ais_berths.regions` says.
        They are replaced by the stops with their places.
    core
        The cells that the pings were filtered with, but for their margin.
    room
        Where tables are put meanwhile.
    """
    schema.check_frame(ports, "ports", ["port_id", "lat", "lon"])
    room = room or Room()
    lonely = None
    if len(portions) > 1:
        counts = [
            count_lonely(stops, vessels_of(vessels, stops["mmsi"]), config.mooring) for stops in portions
        ]
        lonely = np.sum(counts, axis=0)
    for number, stops in enumerate(portions):
        ships = vessels_of(vessels, stops["mmsi"])
        portions[number] = classify_stops(stops, ships, config.mooring, lonely)
    hulls = room.shelf()
    hulls.extend(build_in_portions(portions, vessels, config.hulls, room.shelf))
    sites = room.shelf()
    by_ship = room.by_ship(_draw(portions, hulls, vessels, ports, config, sites))
    berths = _rate(portions, hulls, vessels, config.berths, sites, by_ship)
    quays, berths = _name(portions, berths, ports, config.quays, sites, by_ship)
    anchorages = _together([site.anchorages for site in sites])
    frames = (berths, quays, anchorages)
    kept = [frame[are_kept(frame, core, only)].reset_index(drop=True) for frame in frames]
    quality = []
    for number, (stops, site) in enumerate(zip(portions, sites, strict=True)):
        own = berths[berths["number"].isin(site.members["number"].unique())]
        named = name_stops(stops, own, site.members, site.anchorages, site.anchored, ports)
        named = schema.conform(without_dropped_places(named, kept, core), "stops")
        quality.append(count_stops(named, only))
        portions[number] = named
    berths, quays, anchorages = kept
    return Found(
        hulls=hulls,
        berths=in_order(berths.drop(columns="number"), "berth"),
        quays=in_order(quays, "quay"),
        anchorages=in_order(anchorages, "anchorage"),
        quality=add_quality(quality),
    )


class _Site(NamedTuple):
    """What was found in a portion: berths, as long as they are not rated, and who lay at them or at anchor.

    ``roads`` are the ships at anchor with the ``number`` of the place where they are, below 0.
    """

    outlines: pd.DataFrame
    members: pd.DataFrame
    roads: pd.DataFrame
    anchorages: gpd.GeoDataFrame
    anchored: pd.DataFrame

    def visits(self, stops: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
        """Stops at berths and at anchor, with the ``number`` of the place and some columns."""
        rows = pd.concat([self.members, self.roads.assign(rafted=False)], ignore_index=True)
        rows = rows.astype({"number": np.int64, "rafted": bool})
        return rows.merge(stops[["stop_id", *columns]], on="stop_id", how="left")


def _draw(
    portions: Sequence[pd.DataFrame],
    hulls: Sequence[pd.DataFrame],
    vessels: pd.DataFrame,
    ports: pd.DataFrame,
    config: Config,
    sites: MutableSequence[_Site],
) -> Iterator[pd.DataFrame]:
    """Draw berths and anchorages, which are put into `sites`; give the visits of each portion."""
    lon = zip(*((anchored_lon(stops), buoy_lon(stops)) for stops in portions), strict=True)
    roadsteads, buoys = map(_plane, lon)
    planes = (_plane([hull["lon"] for hull in hulls]), buoys)
    n_berths = n_roads = 0
    for stops, hull in zip(portions, hulls, strict=True):
        ships = vessels_of(vessels, stops["mmsi"])
        outlines, members = draw_berths(stops, hull, ships, config.berths, planes)
        anchorages, anchored = find_anchorages(stops, ships, ports, config.anchorages, roadsteads)
        lies = stops.loc[stops["kind"] == "anchored", ["stop_id", "lat", "lon"]]
        road = roads_of(lies, config.quays)
        site = _Site(
            outlines.assign(number=outlines["number"] + n_berths),
            members.assign(number=members["number"] + n_berths),
            lies[["stop_id"]].assign(number=-1 - n_roads - road),
            anchorages,
            anchored,
        )
        n_berths, n_roads = n_berths + len(outlines), n_roads + int(road.max(initial=-1)) + 1
        sites.append(site)
        yield site.visits(stops, ["mmsi", "start_time", "end_time"])


def _plane(lons: Iterable[pd.Series]) -> geo.Plane:
    """Plane around all longitudes: the first and the last one of each degree decide."""
    outer = [np.zeros(0)]
    for lon in lons:
        values = np.mod(lon.dropna().to_numpy(dtype=np.float64), 360.0)
        degree = np.floor(values).astype(np.int64)
        order = np.lexsort((values, degree))
        values, new = values[order], np.diff(degree[order], prepend=-1) != 0
        outer += [values[new], values[np.append(new, True)[1:]] if len(values) else values]
    return geo.Plane.around(np.concatenate(outer))


def _rate(
    portions: Sequence[pd.DataFrame],
    hulls: Sequence[pd.DataFrame],
    vessels: pd.DataFrame,
    config: BerthsConfig,
    sites: MutableSequence[_Site],
    by_ship: Iterable[pd.DataFrame],
) -> gpd.GeoDataFrame:
    """Say what is known of all berths; `sites` keep those with visits enough."""
    serving = np.concatenate([serving_ships(rows[rows["number"] >= 0]) for rows in by_ship])
    times = [(stops["start_time"].min(), stops["end_time"].max()) for stops in portions]
    begin, end = map(pd.Series, zip(*times, strict=True))
    beyond = Beyond(period_h(begin.min(), end.max()), serving)
    found = []
    for number, (stops, hull) in enumerate(zip(portions, hulls, strict=True)):
        site = sites[number]
        ships = vessels_of(vessels, stops["mmsi"])
        drawn = Drawn(site.outlines, site.members)
        berths, members = rate_drawn(drawn, stops, hull, ships, config, beyond)
        found.append(berths)
        sites[number] = site._replace(outlines=site.outlines[:0], members=members)
    return _together(found)


def _together(frames: list[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """One table of several; columns without rows may be of any type."""
    filled = [frame for frame in frames if len(frame)] or frames[:1]
    return gpd.GeoDataFrame(pd.concat(filled, ignore_index=True))


def _name(
    portions: Sequence[pd.DataFrame],
    berths: gpd.GeoDataFrame,
    ports: pd.DataFrame,
    config: QuaysConfig,
    sites: Sequence[_Site],
    by_ship: Iterable[pd.DataFrame],
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Join the berths to quays; quays and berths with ids and ports."""
    quay = group_berths(berths, config)
    n_quays = int(quay.max(initial=-1)) + 1
    quay_of = np.full(int(berths["number"].max()) + 1 if len(berths) else 0, -1)
    quay_of[berths["number"]] = quay

    def at_places(visits: pd.DataFrame) -> pd.DataFrame:
        number = visits["number"].to_numpy()
        place = np.where(number < 0, n_quays - 1 - number, -1)
        lies = np.flatnonzero((number >= 0) & (number < len(quay_of)))
        place[lies] = quay_of[number[lies]]
        return visits.assign(quay=place)[place >= 0]

    ways = add_links(links(at_places(visits)) for visits in by_ship)
    used = [
        used_places(at_places(site.visits(stops, ["mmsi", "lat", "lon"])))
        for stops, site in zip(portions, sites, strict=True)
    ]
    return name_quays(berths, quay, pd.concat(used).sort_index(), ways, ports, config)


def _by_id(stops: pd.DataFrame) -> pd.DataFrame:
    """Stops in the order of their ids; those of all ports are not sorted twice, which takes a copy."""
    ids = stops["stop_id"].to_numpy(dtype=object)
    if (ids[:-1] <= ids[1:]).all():
        return stops.reset_index(drop=True)
    return stops.sort_values("stop_id", ignore_index=True)
