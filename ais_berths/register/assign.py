"""Giving the stops and places of a run the ids of the register."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from ais_berths import schema
from ais_berths.anchorages import describe_anchorages
from ais_berths.berths import describe_berths, most_frequent
from ais_berths.geo import Plane
from ais_berths.naming import count_stops
from ais_berths.pairs import flatten
from ais_berths.register.book import LETTERS, Register, set_by_hand
from ais_berths.register.boxes import give_way
from ais_berths.register.matching import link_places
from ais_berths.vessels import column_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from numpy.typing import NDArray

    from ais_berths.config import RegistryConfig
    from ais_berths.places import Places

_KINDS = {"berth": ("moored", "buoy"), "anchorage": ("anchored",)}
_OF_THE_SHAPE = ("berth_kind", "heading_deg", "length_m", "width_m", "confidence")


def apply_register(
    places: Places,
    register: Register,
    vessels: pd.DataFrame,
    config: RegistryConfig,
    only: Collection[str] = (),
) -> Places:
    """Give the places of a run the ids, names and shapes of the register.

    A place that the register does not know keeps the id that the run gave it. Stops at a rejected place keep
    their kind and their port but have no place: they make no berth call, but still count for port calls. They
    are counted in ``quality``. Figures are those of the run, shapes those of the register, so shapes change
    only with ``register update`` and with edits, not with each run.

    Parameters
    ----------
    places
        What `ais_berths.places.find_places` returned.
    register
        The register.
    vessels
        The table ``vessels``.
    config
        The section ``registry`` of the settings.
    only
        Ids of the chosen ports; empty for every port.

    Returns
    -------
    The same tables; berths that are one berth in the register are one row.
    """
    ids = assign_stops(places, register, config)
    stops = places.stops.assign(**{name: ids[name] for name in ("berth_id", "quay_id", "anchorage_id")})
    berths = _berths(places, stops, register, vessels)
    quays = _quays(places, stops, berths, register, ids)
    anchorages = _anchorages(places, stops, register, vessels)
    for frame, name in ((anchorages, "anchorage_id"), (berths, "berth_id")):
        port = stops[name].map(frame.set_index(name)["port_id"])
        stops["port_id"] = stops["port_id"].astype(object).where(port.isna(), port)
    return replace(
        places,
        stops=schema.conform(stops, "stops"),
        berths=berths,
        quays=quays,
        anchorages=anchorages,
        quality=count_stops(stops, only, ids["rejected"].to_numpy()),
    )


def assign_stops(places: Places, register: Register, config: RegistryConfig) -> pd.DataFrame:
    """Find the place of each stop in the register.

    Stops follow the place that the run found for them. If that is several places of the register, each stop
    goes to the nearest of them. Stops within a shape that was drawn by hand belong to it.

    Returns
    -------
    One row a stop, in the order of ``places.stops``: ``berth_id``, ``quay_id``, ``anchorage_id``, and
    ``rejected`` where the place was rejected by hand.
    """
    middle = _middles(places)
    columns: dict[str, Any] = {}
    rejected = np.zeros(len(places.stops), dtype=bool)
    for place in LETTERS:
        known = register.of_sort(place)
        row = _known_rows(places, place, known, middle, config)
        named = row >= 0
        refused = named & (known["status"].to_numpy(dtype=object)[row] == "rejected") if len(known) else named
        ids = places.stops[f"{place}_id"].to_numpy(dtype=object).copy()
        ids[named] = known["place_id"].to_numpy(dtype=object)[row[named]]
        ids[refused | pd.isna(ids)] = None
        columns[f"{place}_id"] = ids
        if place != "quay":
            rejected |= refused
    return pd.DataFrame(columns, index=places.stops.index).assign(rejected=rejected)


def places_of_run(places: Places, place: str) -> gpd.GeoDataFrame:
    """Places of one sort that a run found, in columns of the register, with ``found_id`` and ``n_stops``."""
    frame = {"berth": places.berths, "quay": places.quays, "anchorage": places.anchorages}[place]
    key = f"{place}_id"
    visits = places.stops[places.stops[key].notna()].groupby(key)
    seen = pd.DataFrame(
        {
            "n_stops": visits.size(),
            "first_seen": visits["start_time"].min(),
            "last_seen": visits["end_time"].max(),
        }
    ).reindex(frame[key])
    wanted = ("port_id", "berth_kind", "use", "heading_deg", "confidence")
    columns = {name: frame[name].to_numpy() if name in frame.columns else None for name in wanted}
    table = pd.DataFrame({"found_id": frame[key].to_numpy(dtype=object), "place": place, **columns})
    for name in ("first_seen", "last_seen"):
        table[name] = seen[name].to_numpy() if len(seen) else pd.NaT
    table["n_stops"] = seen["n_stops"].fillna(0).to_numpy(dtype=np.int64)
    table["heading_deg"] = table["heading_deg"].astype(np.float64)
    found = gpd.GeoDataFrame(table, geometry=frame.geometry.to_numpy(), crs="EPSG:4326")
    return found.sort_values("found_id", ignore_index=True)


def _known_rows(
    places: Places,
    place: str,
    known: gpd.GeoDataFrame,
    middle: tuple[NDArray[np.float64], NDArray[np.float64]],
    config: RegistryConfig,
) -> NDArray[np.intp]:
    """Row of the register for each stop, -1 for none."""
    found = places_of_run(places, place)
    row = np.full(len(places.stops), -1, dtype=np.intp)
    if known.empty:
        return row
    links = link_places(found, known, config)
    # Quays and anchorages follow what lies at them: only berths share out their visits.
    several = [links.under] if place == "berth" else []
    targets = pd.concat([links.same, links.inside, *several]).groupby("found")["known"].apply(list)
    at = pd.Index(found["found_id"]).get_indexer(pd.Index(places.stops[f"{place}_id"].astype(object)))
    _, (flat,) = flatten(known)
    plane = Plane.around(shapely.get_coordinates(known.geometry.to_numpy())[:, 0])
    points = shapely.points(*plane.forward(*middle))
    for number, choices in targets.items():
        rows = np.flatnonzero(at == number)
        distance = shapely.distance(points[rows][:, None], flat[sorted(choices)][None, :])
        row[rows] = np.array(sorted(choices))[distance.argmin(axis=1)]
    if place in _KINDS:
        # One that vanished takes its ships too, and so returns.
        stays = known["status"].isin(["active", "vanished"]).to_numpy()
        drawn = np.flatnonzero(set_by_hand(known, "geometry") & stays)
        lies = np.flatnonzero(places.stops["kind"].isin(_KINDS[place]).to_numpy())
        which, shape = shapely.STRtree(flat[drawn]).query(points[lies], predicate="intersects")
        row[lies[which]] = drawn[shape]
    return row


def _middles(places: Places) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Longitude and latitude of the middle of each ship, or else of its antenna."""
    hulls = places.hulls.set_index("stop_id")[["lon", "lat"]].reindex(places.stops["stop_id"])
    lon, lat = (
        hulls[name].fillna(places.stops[name].set_axis(hulls.index)).to_numpy(dtype=np.float64)
        for name in ("lon", "lat")
    )
    return lon, lat


def _berths(
    places: Places, stops: pd.DataFrame, register: Register, vessels: pd.DataFrame
) -> gpd.GeoDataFrame:
    rows = stops[stops["berth_id"].notna()]
    number, ids = pd.factorize(rows["berth_id"], sort=True)
    members = pd.DataFrame(
        {"stop_id": rows["stop_id"].to_numpy(), "number": number, "rafted": rows["rafted"].to_numpy()}
    )
    table = describe_berths(members, stops, places.hulls, vessels).assign(berth_id=ids)
    known, found = (
        frame.set_index(name).reindex(ids)
        for frame, name in ((register.of_sort("berth"), "place_id"), (places.berths, "berth_id"))
    )
    listed = known["status"].notna().to_numpy()
    for name in ("port_id", *_OF_THE_SHAPE):
        table[name] = np.where(listed, known[name].to_numpy(), found[name].to_numpy())
    table["name"] = known["name"].to_numpy()
    named = listed & set_by_hand(known.fillna({"by_hand": ""}), "use")
    table["use"] = np.where(named, known["use"].to_numpy(), table["use"].to_numpy())
    table["quay_id"] = most_frequent(rows, "berth_id", "quay_id").reindex(ids).to_numpy(dtype=object)
    shapes = np.where(listed, known.geometry.to_numpy(), found.geometry.to_numpy())
    shapes = give_way(shapes, listed.astype(np.float64))
    wanted = [name for name in schema.BERTHS.names if name in table.columns]
    return gpd.GeoDataFrame(table[wanted], geometry=shapes, crs="EPSG:4326")


def _quays(
    places: Places, stops: pd.DataFrame, berths: pd.DataFrame, register: Register, ids: pd.DataFrame
) -> gpd.GeoDataFrame:
    """Quays as the run found them, those that are one quay in the register joined."""
    final = pd.DataFrame({"found": places.stops["quay_id"], "quay_id": ids["quay_id"]}).dropna()
    new_id = final.drop_duplicates("found").set_index("found")["quay_id"]
    # Where no stop has a quay, the map is of nothing and would make numbers of the ids.
    renamed = places.quays["quay_id"].map(new_id).astype(places.quays["quay_id"].dtype)
    rows = places.quays.assign(quay_id=renamed)
    rows = rows[rows["quay_id"].notna()].sort_values(["quay_id", "n_stops"], ascending=[True, False])
    table = rows.drop_duplicates("quay_id").set_index("quay_id")
    at = stops[stops["quay_id"].notna()].groupby("quay_id")
    table["n_stops"] = at.size().reindex(table.index)
    table["n_vessels"] = at["mmsi"].nunique().reindex(table.index)
    table["n_berths"] = berths.groupby("quay_id").size().reindex(table.index, fill_value=0)
    table["occupied_m"] = rows.groupby("quay_id")["occupied_m"].sum().reindex(table.index)
    return _named(table.reset_index(), "quay", register)


def _anchorages(
    places: Places, stops: pd.DataFrame, register: Register, vessels: pd.DataFrame
) -> gpd.GeoDataFrame:
    rows = stops[stops["anchorage_id"].notna()]
    rows = rows.assign(loa_m=column_of(vessels, "loa_m", rows["mmsi"]).astype(np.float64))
    table = describe_anchorages(rows, rows["anchorage_id"])
    found = places.anchorages.set_index("anchorage_id").reindex(table.index)
    frame = found.assign(**{name: table[name] for name in table.columns}).rename_axis("anchorage_id")
    named = _named(frame.reset_index(), "anchorage", register)
    plane, (flat,) = flatten(named)
    middle = shapely.centroid(flat)
    scale = Plane.scale(plane.inverse(shapely.get_x(middle), shapely.get_y(middle))[1])
    return named.assign(area_km2=shapely.area(flat) / scale**2 / 1e6)


def _named(table: Any, place: str, register: Register) -> gpd.GeoDataFrame:
    """Names, ports and shapes of the register, for places that it knows."""
    key = f"{place}_id"
    known = register.of_sort(place).set_index("place_id").reindex(table[key])
    listed = known["status"].notna().to_numpy()
    shapes = np.where(listed, known.geometry.to_numpy(), table.geometry.to_numpy())
    port = np.where(listed, known["port_id"].to_numpy(), table["port_id"].to_numpy())
    named = table.assign(name=known["name"].to_numpy(), port_id=port)
    names = [name for name in schema.TABLES[f"{place}s"].names if name in named.columns]
    frame = gpd.GeoDataFrame(named[names], geometry=shapes, crs="EPSG:4326")
    return frame.sort_values(key, ignore_index=True)
