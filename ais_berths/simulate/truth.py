"""What really happened: berths, quays, areas, stops, calls and ships, as tables in degrees."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from ais_berths.simulate.reports import to_degrees
from ais_berths.simulate.shapes import boxes, disc, in_degrees, quay_box, xy

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from ais_berths.simulate.plan import Plan
    from ais_berths.simulate.scenes import Scene
    from ais_berths.simulate.terminals import Slot

_BERTH_COLUMNS = (
    *("berth_id", "port_id", "quay_id", "berth_kind", "use", "trade", "heading_deg", "length_m", "width_m"),
    *("n_stops", "n_vessels", "built", "geometry"),
)


@dataclass(frozen=True)
class Truth:
    """The truth of a simulated feed.

    Parameters
    ----------
    ports
        Port points as a port list has them, a kilometre or two from the quays: port_id, name, locode,
        country, harbour_size, lat, lon.
    berths
        Berths that were used: berth_id, port_id, quay_id, berth_kind (discrete, continuous, buoy), use,
        trade, heading_deg, length_m, width_m, n_stops, n_vessels, slot_wkt (the berth as built) and geometry:
        the oriented box around the hulls that lay there; around the buoy a disc. Ships outside others and
        ships across two berths do not count for the box.
    quays
        Quay lines: quay_id, port_id, n_berths, length_m, geometry.
    anchorages
        anchorage_id, port_id, n_stops, n_vessels, geometry (the ground that ships at anchor swept).
    places
        Where no commercial berth is: place_id, port_id, kind (marina, anchorage, fairway), geometry.
    stops
        One row per stay: stop, vessel, mmsi, port_id, kind (moored, anchored, buoy, adrift), berth_id,
        anchorage_id, place_id, port_call_id, start_time and end_time (within the feed), open_start, open_end,
        arrival_time and departure_time (true), rafted, across (two berths), from_m, to_m, n_reports, lat,
        lon, heading_deg, length_m, width_m, geometry (hull alongside; swept ground otherwise).
    berth_calls, port_calls
        True calls, in the columns of the tables that the package makes: arrival_time and departure_time
        within the feed, whole_arrival_time and whole_departure_time as they were; hours are of the whole.
    vessels
        One row per ship with its true and its sent dimensions.
    """

    ports: pd.DataFrame
    berths: gpd.GeoDataFrame
    quays: gpd.GeoDataFrame
    anchorages: gpd.GeoDataFrame
    places: gpd.GeoDataFrame
    stops: gpd.GeoDataFrame
    berth_calls: pd.DataFrame
    port_calls: pd.DataFrame
    vessels: pd.DataFrame


def port_truth(
    plan: Plan,
    ships: pd.DataFrame,
    first_vessel: int,
    heard: NDArray[np.int64],
    period: tuple[float, float],
    port_point: complex,
) -> Truth:
    """Truth of one port.

    Parameters
    ----------
    plan
        What happened.
    ships
        The named fleet of this port.
    first_vessel
        Number of its first ship in the whole feed.
    heard
        Reports received of each stop of the plan.
    period
        Start and end of the feed (s).
    port_point
        Where the port list puts the port, in the plane.
    """
    stops = _stops(plan, ships, heard, period)
    seen = stops[stops["end_s"] > stops["start_s"]].reset_index(drop=True)
    berths = _berths(plan.scene, seen)
    frame = _stop_frame(plan.scene, seen, first_vessel)
    calls = _berth_calls(frame)
    return Truth(
        ports=_port_row(plan.scene, port_point),
        berths=in_degrees(plan.scene, berths),
        quays=in_degrees(plan.scene, _quays(plan.scene, seen)),
        anchorages=in_degrees(plan.scene, _anchorages(plan.scene, seen)),
        places=in_degrees(plan.scene, _places(plan.scene)),
        stops=in_degrees(plan.scene, frame),
        berth_calls=calls,
        port_calls=_port_calls(frame, calls),
        vessels=ships.assign(vessel=np.arange(len(ships)) + first_vessel, port_id=f"P{plan.scene.port}"),
    )


def join_truth(parts: list[Truth]) -> Truth:
    """Put the truth of several ports together."""
    joined: dict[str, Any] = {
        item.name: pd.concat([getattr(part, item.name) for part in parts], ignore_index=True)
        for item in fields(Truth)
    }
    return Truth(**joined)


# stops -----------------------------------------------------------------------------------------------


def _stops(
    plan: Plan, ships: pd.DataFrame, heard: NDArray[np.int64], period: tuple[float, float]
) -> pd.DataFrame:
    """Stops within the period with their hulls in the plane."""
    stops = plan.stop_table().assign(n_reports=heard)
    silent = ships["silent_home"].to_numpy()[stops["vessel"]] & (stops["kind"] == "moored").to_numpy()
    stops = stops.assign(start_s=stops["t0"].clip(lower=period[0]), end_s=stops["t1"].clip(upper=period[1]))[
        ~silent
    ]
    row = stops["vessel"].to_numpy()
    long, wide = ships["length_m"].to_numpy()[row], ships["width_m"].to_numpy()[row]
    z = stops["z"].to_numpy(dtype=np.complex128)
    way = stops["drag"].to_numpy(dtype=np.complex128)
    heading = stops["heading"].to_numpy(dtype=np.float64)
    hulls = boxes(z, heading, long, wide)
    swinging = stops["kind"].isin(["anchored", "buoy"]).to_numpy()
    adrift = (stops["kind"] == "adrift").to_numpy()
    shapes = hulls.copy()
    ways = shapely.linestrings(np.stack([xy(z), xy(z + way + 0.01)], axis=1))
    reach = stops["chain"].to_numpy(dtype=np.float64) + long
    shapes[swinging] = shapely.buffer(ways[swinging], reach[swinging])
    shapes[adrift] = shapely.buffer(ways[adrift], long[adrift] / 2)
    return stops.assign(length_m=long, width_m=wide, hull=hulls, geometry=shapes, zc=z)


def _stop_frame(scene: Scene, stops: pd.DataFrame, first_vessel: int) -> pd.DataFrame:
    slots = {slot.slot_id: slot for slot in scene.slots}
    marina = [bool(s) and slots[s].use == "leisure" for s in stops["slot"]]
    # Half-way of a ship that is adrift or drags its anchor.
    start, way = (stops[name].to_numpy(dtype=np.complex128) for name in ("zc", "drag"))
    lat, lon = to_degrees(start + np.complex128(0.5) * way, scene.lat, scene.lon)
    port_id = f"P{scene.port}"
    berth = np.where(marina, "", stops["slot"].to_numpy().astype(str))
    number = stops["call"].to_numpy()
    return pd.DataFrame(
        {
            "stop": [f"{port_id}-S{i:05d}" for i in range(len(stops))],
            "vessel": stops["vessel"] + first_vessel,
            "port_id": port_id,
            "kind": stops["kind"],
            "berth_id": berth,
            "anchorage_id": stops["area"],
            "place_id": np.where(
                marina, [s.rpartition("-")[0].rpartition("-")[0] for s in stops["slot"]], ""
            ),
            "port_call_id": [f"{port_id}-C{c:05d}" if c >= 0 else "" for c in number],
            "start_time": times(stops["start_s"].to_numpy()),
            "end_time": times(stops["end_s"].to_numpy()),
            "open_start": (stops["t0"] < stops["start_s"]).to_numpy(),
            "open_end": (stops["t1"] > stops["end_s"]).to_numpy(),
            "arrival_time": times(stops["t0"].to_numpy()),
            "departure_time": times(stops["t1"].to_numpy()),
            "rafted": stops["rafted"].astype(bool),
            "across": stops["across"].astype(bool),
            "from_m": stops["from_m"].astype(float),
            "to_m": stops["from_m"].astype(float) + stops["length_m"],
            "n_reports": stops["n_reports"],
            "lat": lat,
            "lon": lon,
            "heading_deg": stops["heading"].astype(float) % 360,
            "length_m": stops["length_m"],
            "width_m": stops["width_m"],
            "geometry": stops["geometry"],
        }
    )


# places ----------------------------------------------------------------------------------------------


def _berths(scene: Scene, stops: pd.DataFrame) -> pd.DataFrame:
    """Boxes around the hulls that lay in each slot, along its quay."""
    rows = []
    direct = stops[~stops["rafted"].astype(bool) & ~stops["across"].astype(bool)]
    groups = dict(list(direct.groupby("slot")))
    for slot in scene.slots:
        used = groups.get(slot.slot_id)
        if used is None or slot.use == "leisure":
            continue
        shape, built, length, width = _outline(slot, used)
        heading = float(np.degrees(np.arctan2(slot.along.real, slot.along.imag)) % 180)
        rows.append(
            {
                "berth_id": slot.slot_id,
                "port_id": f"P{scene.port}",
                "quay_id": slot.quay_id or None,
                "berth_kind": slot.kind,
                "use": slot.use,
                "trade": slot.trade,
                "heading_deg": heading,
                "length_m": length,
                "width_m": width,
                "n_stops": len(used),
                "n_vessels": used["vessel"].nunique(),
                "built": built,
                "geometry": shape,
            }
        )
    return pd.DataFrame(rows, columns=list(_BERTH_COLUMNS))


def _outline(slot: Slot, used: pd.DataFrame) -> tuple[Any, Any, float, float]:
    """Area that ships used, the area as built, and length and width of the first."""
    if slot.kind == "buoy":
        reach = float((used["chain"] + used["length_m"]).max())
        circle = shapely.Point(slot.start.real, slot.start.imag).buffer(reach)
        return circle, circle, 2 * reach, 2 * reach
    corners = shapely.get_coordinates(used["hull"].to_numpy())
    rel = (corners[:, 0] + 1j * corners[:, 1] - slot.start) / slot.along
    # a mirrored port has its water on the other side of the quay
    side = 1.0 if (slot.out / slot.along).imag > 0 else -1.0
    x0, x1, y0, y1 = rel.real.min(), rel.real.max(), rel.imag.min(), rel.imag.max()
    shape = quay_box(slot.start, slot.along, (x0, x1), (y0, y1))
    built = quay_box(slot.start, slot.along, (0.0, slot.length_m), (0.0, side * 1.1 * (y1 - y0)))
    return shape, built, x1 - x0, y1 - y0


def _quays(scene: Scene, stops: pd.DataFrame) -> pd.DataFrame:
    used = set(stops["slot"])
    lines: dict[str, list[complex]] = {}
    for slot in scene.slots:
        if slot.slot_id in used and slot.kind != "buoy" and slot.use != "leisure":
            lines.setdefault(slot.quay_id, []).extend([slot.start, slot.start + slot.along * slot.length_m])
    shapes = [shapely.LineString(xy(np.array(ends))) for ends in lines.values()]
    return pd.DataFrame(
        {
            "quay_id": list(lines),
            "port_id": f"P{scene.port}",
            "n_berths": [len(ends) // 2 for ends in lines.values()],
            "length_m": [line.length for line in shapes],
            "geometry": shapes,
        }
    )


def _anchorages(scene: Scene, stops: pd.DataFrame) -> pd.DataFrame:
    groups = stops[stops["area"] != ""].groupby("area")
    rows = [
        {
            "anchorage_id": name,
            "port_id": f"P{scene.port}",
            "n_stops": len(part),
            "n_vessels": part["vessel"].nunique(),
            "geometry": shapely.convex_hull(shapely.union_all(part["geometry"].to_numpy())),
        }
        for name, part in groups
    ]
    return pd.DataFrame(rows, columns=["anchorage_id", "port_id", "n_stops", "n_vessels", "geometry"])


def _places(scene: Scene) -> pd.DataFrame:
    port_id = f"P{scene.port}"
    rows = [
        {"place_id": a.area_id, "port_id": port_id, "kind": kind, "geometry": disc(a.middle, a.radius_m)}
        for kind, areas in (("marina", scene.marinas), ("anchorage", scene.anchorages))
        for a in areas
    ]
    way = shapely.LineString(xy(np.array([*scene.fairway, *scene.upstream])))
    rows.append(
        {
            "place_id": f"{port_id}-FAIRWAY",
            "port_id": port_id,
            "kind": "fairway",
            "geometry": way.buffer(60.0),
        }
    )
    return pd.DataFrame(rows)


# calls -----------------------------------------------------------------------------------------------


def _berth_calls(stops: pd.DataFrame) -> pd.DataFrame:
    """Stays at berths; waiting is the time at anchor since the ship came, given to its first berth."""
    calls = stops[stops["berth_id"] != ""]
    waits = stops[stops["kind"] == "anchored"]
    hours = (waits["departure_time"] - waits["arrival_time"]).dt.total_seconds() / 3600
    waited = hours.groupby(waits["port_call_id"]).sum()
    first = (calls["port_call_id"] != "") & ~calls.sort_values("arrival_time")["port_call_id"].duplicated()
    waiting = calls["port_call_id"].map(waited).astype(float).where(first).fillna(0.0)
    stay = (calls["departure_time"] - calls["arrival_time"]).dt.total_seconds() / 3600
    return pd.DataFrame(
        {
            "call_id": calls["stop"],
            "port_call_id": calls["port_call_id"],
            "vessel": calls["vessel"],
            "berth_id": calls["berth_id"],
            "port_id": calls["port_id"],
            "arrival_time": calls["start_time"],
            "departure_time": calls["end_time"],
            "whole_arrival_time": calls["arrival_time"],
            "whole_departure_time": calls["departure_time"],
            "time_at_berth_h": stay,
            "waiting_h": waiting,
            "from_m": calls["from_m"],
            "to_m": calls["to_m"],
            "rafted": calls["rafted"],
            "open_start": calls["open_start"],
            "open_end": calls["open_end"],
            "n_reports": calls["n_reports"],
        }
    ).reset_index(drop=True)


def _port_calls(stops: pd.DataFrame, calls: pd.DataFrame) -> pd.DataFrame:
    """From the first stop of a call to the last departure."""
    mine = stops[stops["port_call_id"] != ""]
    if mine.empty:
        mine = stops.iloc[:0]
    table = mine.groupby("port_call_id").agg(
        vessel=("vessel", "first"),
        port_id=("port_id", "first"),
        arrival_time=("start_time", "min"),
        departure_time=("end_time", "max"),
        whole_arrival_time=("arrival_time", "min"),
        whole_departure_time=("departure_time", "max"),
        open_start=("open_start", "any"),
        open_end=("open_end", "any"),
        n_reports=("n_reports", "sum"),
    )
    berths = calls.groupby("port_call_id")["berth_id"].nunique()
    waits = calls.groupby("port_call_id")["waiting_h"].sum()
    hours = (table["whole_departure_time"] - table["whole_arrival_time"]).dt.total_seconds() / 3600
    return table.assign(
        n_berths=berths.reindex(table.index).fillna(0).astype(int),
        waiting_h=waits.reindex(table.index).fillna(0.0),
        time_in_port_h=hours,
    ).reset_index()


# rows ----------------------------------------------------------------------------------------------


def times(seconds: NDArray[Any]) -> pd.Series:
    """UTC times in microseconds."""
    micro = np.round(np.asarray(seconds, dtype=np.float64)).astype(np.int64) * 1_000_000
    return pd.Series(micro.view("M8[us]")).dt.tz_localize("UTC")


def _port_row(scene: Scene, point: complex) -> pd.DataFrame:
    lat, lon = to_degrees(np.array([point]), scene.lat, scene.lon)
    return pd.DataFrame(
        {
            "port_id": [f"P{scene.port}"],
            "name": [f"Simulated Port {scene.port}"],
            "locode": [f"XS{'ABCDEFGHIJKLMNOPQRSTUVWXYZ'[scene.port // 26 % 26]}{scene.port % 26:02d}"[:5]],
            "country": ["XS"],
            "harbour_size": ["medium"],
            "lat": lat.round(4),
            "lon": lon.round(4),
        }
    )
