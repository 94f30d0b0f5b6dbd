"""Checks of a file that was edited by hand; complaints are in plain words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import shapely

from ais_berths import geo
from ais_berths.pairs import flatten, overlaps
from ais_berths.register.book import LETTERS
from ais_berths.register.boxes import middles

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    from ais_berths.errors import Complaints
    from ais_berths.register.book import Register

BERTH_KINDS = ("discrete", "continuous", "buoy")

# A place that was moved farther, or a new one that is farther from all others, has wrong coordinates (m);
# share of the smaller of two berths that may overlap; gap between berths of two ports that may be merged (m);
# names listed in a message.
_FAR_M, _ALONE_M, _OVERLAP, _GAP_M, _SHOWN = 20_000.0, 50_000.0, 0.05, 1000.0, 5


def check_crs(edited: gpd.GeoDataFrame, complaints: Complaints) -> gpd.GeoDataFrame:
    """Return edited places in degrees; complain if their coordinates cannot be understood."""
    if edited.crs is None:
        complaints.add("the file names no coordinate reference system, expected WGS 84 (EPSG:4326)")
        return edited.set_crs("EPSG:4326")
    bounds = shapely.bounds(edited.to_crs("EPSG:4326").geometry.to_numpy())
    limits = np.array([360.0, 90.0, 360.0, 90.0])
    wrong = int((np.abs(bounds) > limits).any(axis=1).sum())
    if wrong:
        complaints.add(
            f"{wrong} shapes lie outside the world as longitude and latitude; "
            f"is {edited.crs.to_string()} the system that they were drawn in?"
        )
        return edited.set_crs("EPSG:4326", allow_override=True)
    return edited.to_crs("EPSG:4326")


def check_ids(ids: pd.Series, register: Register, complaints: Complaints) -> None:
    """Complain about ids that are unknown or repeated; places that were drawn have none."""
    given = ids[ids != ""]
    again = sorted(set(given[given.duplicated()]))
    if again:
        complaints.add(f"{_some(again)} {_be(again)} in the file twice; clear the id of the part that is new")
    unknown = sorted(set(given) - set(register.places["place_id"]))
    if unknown:
        complaints.add(
            f"{_some(unknown)} {_be(unknown)} not in the register; leave the id of a new place empty, "
            "it will be given one"
        )


def check_shapes(rows: gpd.GeoDataFrame, labels: list[str], complaints: Complaints) -> NDArray[np.bool_]:
    """Tell which shapes can be used, and complain about the others."""
    shapes = rows.geometry.to_numpy()
    fine = np.ones(len(rows), dtype=bool)
    for number, (label, shape) in enumerate(zip(labels, shapes, strict=True)):
        problem = _problem(shape)
        if problem:
            complaints.add(f"{label} {problem}")
            fine[number] = False
    return fine


def check_distance(label: str, old: Any, new: Any, complaints: Complaints) -> None:
    """Complain if a place was moved so far that the coordinates must be wrong."""
    lon, lat = middles([old, new])
    away = geo.haversine_m(lat[0], lon[0], lat[1], lon[1])
    if away > _FAR_M:
        complaints.add(
            f"{label} was moved by {float(away) / 1000:.0f} km; is the coordinate reference system right?"
        )


def check_alone(label: str, neighbour: Any, new: Any, complaints: Complaints) -> bool:
    """Tell whether a new place is anywhere near the nearest known one; complain if not."""
    lon, lat = middles([neighbour, new])
    away = geo.haversine_m(lat[0], lon[0], lat[1], lon[1])
    if away > _ALONE_M:
        complaints.add(
            f"{label} lies {float(away) / 1000:.0f} km from the nearest place of the register; "
            "is the coordinate reference system right?"
        )
    return bool(away <= _ALONE_M)


def check_choice(
    label: str, column: str, value: str, choices: tuple[str, ...], complaints: Complaints
) -> bool:
    """Tell whether a value is one of the choices; complain if not."""
    if value in choices:
        return True
    complaints.add(f"{label} has the {column} '{value}', expected one of {', '.join(choices)}")
    return False


def check_merges(places: gpd.GeoDataFrame, merged: dict[str, str], complaints: Complaints) -> None:
    """Complain about merges of anything but berths, and into berths that do not stay or are far away."""
    sort = dict(zip(places["place_id"], places["place"], strict=True))
    port = dict(zip(places["place_id"], places["port_id"], strict=True))
    shape = dict(zip(places["place_id"], places.geometry, strict=True))
    status = dict(zip(places["place_id"], places["status"], strict=True))
    for name, target in merged.items():
        if target not in sort:
            complaints.add(f"{name} is to be merged into {target}, which is not in the register")
        elif target == name:
            complaints.add(f"{name} is to be merged into itself")
        elif {sort[name], sort[target]} != {"berth"}:
            complaints.add(f"{name} is to be merged into {target}; only berths are merged, into berths")
        elif target in merged or status[target] in ("merged", "rejected"):
            complaints.add(f"{name} is to be merged into {target}, which is itself merged or rejected")
        elif port[name] != port[target] and (apart := _gap_m(shape[name], shape[target])) > _GAP_M:
            complaints.add(
                f"{name} is to be merged into {target}, which is {apart / 1000:.1f} km away in another port"
            )


def check_overlaps(places: gpd.GeoDataFrame, changed: set[str], complaints: Complaints) -> None:
    """Complain about berths that were drawn or restored and overlap other berths."""
    live = places[(places["place"] == "berth") & places["status"].isin(["active", "vanished"])]
    live = live[~(live.geometry.isna() | live.geometry.is_empty)].reset_index(drop=True)
    if len(live) < 2 or not changed:
        return
    _, (flat,) = flatten(live)
    pairs = overlaps(flat, flat)
    names = live["place_id"].to_numpy(dtype=object)
    share = pairs[["share_of_found", "share_of_true"]].max(axis=1)
    found = pairs[(pairs["found"] < pairs["true"]) & (share > _OVERLAP)]
    for i, j in zip(found["found"].tolist(), found["true"].tolist(), strict=True):
        if names[i] in changed or names[j] in changed:
            part = share[(pairs["found"] == i) & (pairs["true"] == j)].iloc[0]
            complaints.add(
                f"{names[i]} and {names[j]} overlap by {part:.0%} of the smaller; merge them, or redraw one"
            )


def _gap_m(*shapes: Any) -> float:
    """Distance between two outlines, not their middles."""
    plane, (flat,) = flatten(gpd.GeoDataFrame(geometry=list(shapes), crs="EPSG:4326"))
    lat = plane.inverse(*shapely.get_coordinates(shapely.centroid(flat[0]))[0])[1]
    return float(shapely.distance(*flat) / plane.scale(lat))


def place_of(value: Any) -> str:
    """Kind of place in a column of the file; a berth if it is not given."""
    text = "" if value is None or (isinstance(value, float) and np.isnan(value)) else str(value)
    return text if text in LETTERS else "berth"


def _problem(shape: Any) -> str | None:
    if shape is None or shape.is_empty:
        return "has no shape; to drop a place, set its status to rejected"
    if shape.geom_type not in {"Polygon", "MultiPolygon"}:
        return f"is a {shape.geom_type}, expected a polygon"
    if not shape.is_valid:
        return f"has an outline that cannot be an area ({shapely.is_valid_reason(shape)})"
    return None


def _be(names: list[str]) -> str:
    return "are" if len(names) > 1 else "is"


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:_SHOWN])
    return shown if len(names) <= _SHOWN else f"{shown} and {len(names) - _SHOWN} more"
