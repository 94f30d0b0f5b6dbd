"""From stops to places: kinds of stop, hulls, berths, quays and anchorages, linked by ids.

This is what the pipeline runs once the stops of all vessels are known. They may come in portions that do not
affect each other (`regions`), of which one is in memory at a time.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

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
from ais_berths.shelf import Room, Shelf
from ais_berths.turnovers import settle_turnovers, within_data
from ais_berths.uses import serving_ships
from ais_berths.vessels import vessels_at

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from numpy.typing import NDArray

    from ais_berths.config import BerthsConfig, Config, MooringConfig, QuaysConfig

_ESTIMATED = ("arrival_time", "departure_time")


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
    if len(stops):
        schema.check_columns(stops.columns, "stops", _ESTIMATED)
        schema.check_frame(stops, "stops", ["stop_id", "mmsi", "start_time", "end_time"], key="stop_id")
    portions = Shelf([_by_id(stops) if len(stops) else schema.empty("stops")])
    found = find_in_portions(portions, vessels, ports, Core(cells), config, only)
    return Places(
        stops=found.stops[0],
        hulls=found.hulls[0],
        berths=found.berths,
        quays=found.quays,
        anchorages=found.anchorages,
        quality=found.quality,
    )


@dataclass(frozen=True)
class Found:
    """Result of `find_in_portions`: ``stops`` and ``hulls`` in portions, everything else in one table."""

    stops: Shelf[pd.DataFrame]
    hulls: Shelf[pd.DataFrame]
    berths: gpd.GeoDataFrame
    quays: gpd.GeoDataFrame
    anchorages: gpd.GeoDataFrame
    quality: pd.DataFrame


def find_in_portions(
    portions: Shelf[pd.DataFrame],
    vessels: pd.DataFrame,
    ports: pd.DataFrame,
    core: Core,
    config: Config,
    only: Collection[str] = (),
    room: Room | None = None,
) -> Found:
    """Find berths, quays and anchorages of stops that come in portions; see `find_places`.

    Each task works on one portion. What is known of ships, berths and ports is put together from all portions
    in between, so the result does not depend on their number.

    Parameters
    ----------
    portions
        The table ``stops`` of some places each, in the order of the ids, cut as `ais_berths.regions` says.
    core
        The cells that the pings were filtered with.
    room
        Where tables are kept in between, and who does the work.
    """
    schema.check_frame(vessels, "vessels", ["mmsi"], key="mmsi")
    schema.check_frame(ports, "ports", ["port_id", "lat", "lon"])
    room = room or Room()
    begins, ends = map(pd.Series, zip(*portions.each(_span), strict=True))
    period = begins.min(), ends.max()
    ships = portions.each(vessels_at, vessels=vessels)
    lonely = None
    if len(portions) > 1:
        lonely = np.sum(list(portions.each(count_lonely, ships, config=config.mooring)), axis=0)
    stops = portions.each(_classified, ships, period=period, config=config.mooring, lonely=lonely)
    hulls = build_in_portions(stops, vessels, config.hulls)
    sites = _draw(stops, hulls, ships, ports, config, room)
    by_ship = room.by_ship(sites.each(_visits, stops, columns=["mmsi", "start_time", "end_time"]))
    sites = _rate(stops, hulls, ships, config.berths, sites, by_ship, period)
    quays, berths = _name(stops, ports, config.quays, sites, by_ship)
    anchorages = _together(sites.each(attrgetter("anchorages")))
    frames = (berths, quays, anchorages)
    kept = [frame[are_kept(frame, core, only)].reset_index(drop=True) for frame in frames]
    ids = [frame[name] for frame, name in zip(kept, ("berth_id", "quay_id", "anchorage_id"), strict=True)]
    there = room.shelf(berths[berths["number"].isin(numbers)] for numbers in sites.each(_numbers))
    margin = room.shelf(core.leaves_out(*where) for where in stops.each(_where))
    named = stops.each(_with_places, sites, there, margin, ports=ports, kept=ids)
    berths, quays, anchorages = kept
    return Found(
        stops=named,
        hulls=hulls,
        berths=in_order(berths.drop(columns="number"), "berth"),
        quays=in_order(quays, "quay"),
        anchorages=in_order(anchorages, "anchorage"),
        quality=add_quality(list(named.each(count_stops, only=only))),
    )


def _span(stops: pd.DataFrame) -> tuple[pd.Timestamp, pd.Timestamp]:
    return stops["start_time"].min(), stops["end_time"].max()


def _classified(
    stops: pd.DataFrame,
    ships: pd.DataFrame,
    period: tuple[pd.Timestamp, pd.Timestamp],
    config: MooringConfig,
    lonely: NDArray[np.int64] | None,
) -> pd.DataFrame:
    return classify_stops(within_data(stops, *period), ships, config, lonely)


class _Site(NamedTuple):
    """What was found in one portion: berths (at first only outlines), and the stops at them and at anchor.

    ``roads`` are the stops at anchor with the ``number`` of their place, which is below 0.
    """

    berths: pd.DataFrame
    members: pd.DataFrame
    roads: pd.DataFrame
    anchorages: gpd.GeoDataFrame
    anchored: pd.DataFrame


def _draw(
    stops: Shelf[pd.DataFrame],
    hulls: Shelf[pd.DataFrame],
    ships: Shelf[pd.DataFrame],
    ports: pd.DataFrame,
    config: Config,
    room: Room,
) -> Shelf[_Site]:
    """Draw berths and anchorages, and number the places of all portions."""
    outer = zip(*stops.each(_outer_lon, hulls), strict=True)
    planes = [geo.Plane.around(np.concatenate(values)) for values in outer]
    drawn = stops.each(_draw_site, hulls, ships, ports=ports, config=config, planes=planes)
    counts = np.array(list(drawn.each(_count_places)))
    return drawn.each(_numbered, room.shelf(np.cumsum(counts, axis=0) - counts))


def _outer_lon(stops: pd.DataFrame, hulls: pd.DataFrame) -> list[NDArray[np.float64]]:
    """First and last longitude in each degree, of anchored ships, hulls and buoys, to choose their planes."""
    outer = []
    for lon in (anchored_lon(stops), hulls["lon"], buoy_lon(stops)):
        values = np.sort(np.mod(lon.dropna().to_numpy(dtype=np.float64), 360.0))
        degree = np.floor(values)
        first, last = np.diff(degree, prepend=-1.0) != 0, np.diff(degree, append=361.0) != 0
        outer.append(np.concatenate([values[first], values[last]]))
    return outer


def _draw_site(
    stops: pd.DataFrame,
    hulls: pd.DataFrame,
    ships: pd.DataFrame,
    ports: pd.DataFrame,
    config: Config,
    planes: list[geo.Plane],
) -> _Site:
    roadsteads, quays, buoys = planes
    outlines, members = draw_berths(stops, hulls, ships, config.berths, (quays, buoys))
    anchorages, anchored = find_anchorages(stops, ships, ports, config.anchorages, roadsteads)
    lies = stops.loc[stops["kind"] == "anchored", ["stop_id", "lat", "lon"]]
    roads = lies[["stop_id"]].assign(number=-1 - roads_of(lies, config.quays))
    return _Site(outlines, members, roads, anchorages, anchored)


def _count_places(site: _Site) -> tuple[int, int]:
    return len(site.berths), -int(site.roads["number"].min()) if len(site.roads) else 0


def _numbered(site: _Site, before: NDArray[np.int64]) -> _Site:
    """Make numbers unique over all portions; `before` counts the places of the portions before."""
    berths, roads = before.tolist()
    return site._replace(
        berths=site.berths.assign(number=site.berths["number"] + berths),
        members=site.members.assign(number=site.members["number"] + berths),
        roads=site.roads.assign(number=site.roads["number"] - roads),
    )


def _visits(site: _Site, stops: pd.DataFrame, columns: list[str]) -> pd.DataFrame:
    """Stops at berths and at anchor, with the ``number`` of the place and some columns."""
    rows = pd.concat([site.members, site.roads.assign(rafted=False)], ignore_index=True)
    rows = rows.astype({"number": np.int64, "rafted": bool})
    return rows.merge(stops[["stop_id", *columns]], on="stop_id", how="left")


def _rate(
    stops: Shelf[pd.DataFrame],
    hulls: Shelf[pd.DataFrame],
    ships: Shelf[pd.DataFrame],
    config: BerthsConfig,
    sites: Shelf[_Site],
    by_ship: Shelf[pd.DataFrame],
    period: tuple[pd.Timestamp, pd.Timestamp],
) -> Shelf[_Site]:
    """Describe and rate all berths, and keep those with enough visits."""
    serving = np.concatenate(list(by_ship.each(_serving)))
    beyond = Beyond(period_h(*period), serving)
    return sites.each(_rate_site, stops, hulls, ships, config=config, beyond=beyond)


def _serving(visits: pd.DataFrame) -> NDArray[np.int64]:
    return serving_ships(visits[visits["number"] >= 0])


def _rate_site(
    site: _Site,
    stops: pd.DataFrame,
    hulls: pd.DataFrame,
    ships: pd.DataFrame,
    config: BerthsConfig,
    beyond: Beyond,
) -> _Site:
    drawn = Drawn(site.berths, site.members)
    berths, members = rate_drawn(drawn, stops, hulls, ships, config, beyond)
    return site._replace(berths=berths, members=members)


def _name(
    stops: Shelf[pd.DataFrame],
    ports: pd.DataFrame,
    config: QuaysConfig,
    sites: Shelf[_Site],
    by_ship: Shelf[pd.DataFrame],
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Join the berths of all portions to quays, and return quays and berths with ids and ports."""
    berths = _together(sites.each(attrgetter("berths")))
    quay = group_berths(berths, config)
    quay_of = np.full(int(berths["number"].max()) + 1 if len(berths) else 0, -1)
    quay_of[berths["number"]] = quay
    known = {"quay_of": quay_of, "n_quays": int(quay.max(initial=-1)) + 1}
    ways = add_links(by_ship.each(_links, **known))
    used = sites.each(_used, stops, **known)
    return name_quays(berths, quay, pd.concat(list(used)).sort_index(), ways, ports, config)


def _links(visits: pd.DataFrame, quay_of: NDArray[np.int64], n_quays: int) -> pd.DataFrame:
    return links(_at_places(visits, quay_of, n_quays))


def _used(site: _Site, stops: pd.DataFrame, quay_of: NDArray[np.int64], n_quays: int) -> pd.DataFrame:
    return used_places(_at_places(_visits(site, stops, ["mmsi", "lat", "lon"]), quay_of, n_quays))


def _at_places(visits: pd.DataFrame, quay_of: NDArray[np.int64], n_quays: int) -> pd.DataFrame:
    """Visits with the number of their quay, or of their place at anchor, which come after all quays."""
    number = visits["number"].to_numpy()
    place = np.where(number < 0, n_quays - 1 - number, -1)
    lies = np.flatnonzero((number >= 0) & (number < len(quay_of)))
    place[lies] = quay_of[number[lies]]
    return visits.assign(quay=place)[place >= 0]


def _numbers(site: _Site) -> NDArray[np.int64]:
    return np.unique(site.members["number"].to_numpy())


def _where(stops: pd.DataFrame) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    return stops["lat"].to_numpy(), stops["lon"].to_numpy()


def _with_places(
    stops: pd.DataFrame,
    site: _Site,
    berths: gpd.GeoDataFrame,
    margin: NDArray[np.bool_],
    ports: pd.DataFrame,
    kept: list[pd.Series],
) -> pd.DataFrame:
    named = name_stops(stops, berths, site.members, site.anchorages, site.anchored, ports)
    named = settle_turnovers(named, berths)
    return schema.conform(without_dropped_places(named, kept, margin), "stops")


def _together(frames: Iterable[gpd.GeoDataFrame]) -> gpd.GeoDataFrame:
    """One table of several; columns without rows may be of any type."""
    every = list(frames)
    filled = [frame for frame in every if len(frame)] or every[:1]
    return gpd.GeoDataFrame(pd.concat(filled, ignore_index=True))


def _by_id(stops: pd.DataFrame) -> pd.DataFrame:
    """Stops sorted by id, without a copy if they are already."""
    ids = stops["stop_id"].to_numpy(dtype=object)
    if (ids[:-1] <= ids[1:]).all():
        return stops.reset_index(drop=True)
    return stops.sort_values("stop_id", ignore_index=True)
