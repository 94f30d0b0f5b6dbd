"""Rows of the report for the berths, anchorages and visits of one port."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import shapely

from ais_berths import geo
from ais_berths.report.measures import clipped_hours, median_hours, occupied_hours
from ais_berths.report.words import USES, iso_time, safe_text

if TYPE_CHECKING:
    import geopandas as gpd
    from numpy.typing import NDArray

    from ais_berths.report.measures import Profile
    from ais_berths.report.visits import Period

Row = dict[str, Any]


def berth_rows(berths: gpd.GeoDataFrame, visits: pd.DataFrame, period: Period, profile: Profile) -> list[Row]:
    """Describe the berths that were used in the period, the busiest first.

    Parameters
    ----------
    berths
        Berths of the port and of the uses that count.
    visits
        Visits to them in the period.
    period
        The period.
    profile
        In the public profile berths with too few vessels are left out, and what belongs to a single ship
        (greatest length and draught) of the others.
    """
    hidden = profile.hidden(visits["berth_id"], visits["mmsi"])
    by_berth = visits.groupby("berth_id")
    table = pd.DataFrame(
        {
            "visits": by_berth.size(),
            "vessels": by_berth["mmsi"].nunique(),
            "occupied_h": occupied_hours(visits, period),
            "time_p50_h": median_hours(visits, "berth_id", profile),
            "metre_h": _metre_hours(visits, period),
        }
    )
    found = berths.set_index("berth_id").join(table, how="inner")
    found = found[~found.index.isin(hidden)]
    found = found.sort_values(["occupied_h", "visits"], ascending=False, kind="stable")
    lons, lats = np.round(centres(found.geometry.to_numpy()), 6)
    positions = zip(lats.tolist(), geo.turn_deg(0.0, lons).tolist(), strict=True)
    return [
        _berth_row(berth_id, values, position, period, public=profile.public)
        for (berth_id, values), position in zip(found.to_dict("index").items(), positions, strict=True)
    ]


def _berth_row(
    berth_id: Any, values: dict[Any, Any], position: tuple[float, float], period: Period, *, public: bool
) -> Row:
    digits = (0, 2) if public else (2, 4)
    return {
        "berth_id": safe_text(berth_id),
        "name": safe_text(values.get("name")),
        "berth_kind": safe_text(values["berth_kind"]),
        "use": safe_text(values["use"]),
        "type_main": safe_text(values["type_main"]) or "unknown",
        "quay_id": safe_text(values["quay_id"]),
        "lat": position[0],
        "lon": round(position[1], 6),
        "length_m": _rounded(values["length_m"], 1),
        "heading_deg": _rounded(values["heading_deg"], 1),
        "visits": int(values["visits"]),
        "vessels": int(values["vessels"]),
        "occupied_h": _rounded(values["occupied_h"], digits[0]),
        "occupancy": _rounded(values["occupied_h"] / period.hours, digits[1]),
        "metre_occupancy": _rounded(values["metre_h"] / (values["length_m"] * period.hours), digits[1]),
        "time_p50_h": _rounded(values["time_p50_h"], 1 if public else 3),
        "loa_p50_m": _rounded(values["loa_p50_m"], 0),
        "loa_max_m": None if public else _rounded(values["loa_max_m"], 0),
        "draught_max_m": None if public else _rounded(values["draught_max_m"], 1),
        "hull_basis": safe_text(values["hull_basis"]),
        "confidence": _rounded(values["confidence"], 3),
    }


def use_rows(
    berths: gpd.GeoDataFrame, visits: pd.DataFrame, counted: tuple[str, ...], profile: Profile
) -> list[Row]:
    """Count berths and visits by use, over all uses, and say which of them the report counts."""
    use = visits["berth_id"].map(berths.set_index("berth_id")["use"])
    # The sum over the uses that count stands on top of the report, so each kind keeps to itself.
    counts = use.isin(counted)
    hidden = {name for at in (counts, ~counts) for name in profile.hidden(use[at], visits["mmsi"][at])}
    rows = []
    for name in USES:
        n_berths = int(berths["berth_id"][berths["use"] == name].isin(visits["berth_id"]).sum())
        if n_berths:
            at = use == name
            shown = name not in hidden and profile.shows(visits["mmsi"][at])
            rows.append(
                {
                    "use": name,
                    "berths": n_berths,
                    "visits": int(at.sum()) if shown else None,
                    "vessels": int(visits["mmsi"][at].nunique()) if shown else None,
                    "counted": name in counted,
                    "suppressed": not shown,
                }
            )
    return rows


def anchorage_rows(
    anchorages: gpd.GeoDataFrame, stays: pd.DataFrame, period: Period, profile: Profile
) -> list[Row]:
    """Describe the anchorages that were used in the period, the busiest first.

    `stays` are anchored stops with ``anchorage_id mmsi arrival departure hours open_start open_end``.
    """
    hidden = profile.hidden(stays["anchorage_id"], stays["mmsi"])
    by_place = stays.assign(in_period_h=clipped_hours(stays, period)).groupby("anchorage_id")
    table = pd.DataFrame(
        {
            "stays": by_place.size(),
            "vessels": by_place["mmsi"].nunique(),
            "ships": by_place["in_period_h"].sum() / period.hours if period.hours else np.nan,
            "time_p50_h": median_hours(stays, "anchorage_id", profile),
        }
    )
    found = anchorages.set_index("anchorage_id").join(table, how="inner")
    found = found[~found.index.isin(hidden)].sort_values(["stays"], ascending=False, kind="stable")
    return [
        {
            "anchorage_id": safe_text(name),
            "stays": int(values["stays"]),
            "vessels": int(values["vessels"]),
            "ships": _rounded(values["ships"], 2),
            "time_p50_h": _rounded(values["time_p50_h"], 1 if profile.public else 3),
            "area_km2": _rounded(values["area_km2"], 3),
        }
        for name, values in found.to_dict("index").items()
    ]


def visit_rows(visits: pd.DataFrame) -> list[Row]:
    """List visits with the ship's name. Never for the public."""
    return [
        {
            "berth_id": safe_text(visit["berth_id"]),
            "mmsi": int(visit["mmsi"]),
            "name": safe_text(visit["name"]),
            "type_group": safe_text(visit["type_group"]),
            "arrival": iso_time(visit["arrival"]),
            "departure": iso_time(visit["departure"]),
            "hours": _rounded(visit["hours"], 2),
            "open_start": bool(visit["open_start"]),
            "open_end": bool(visit["open_end"]),
            "rafted": bool(visit["rafted"]),
            "from_m": _rounded(visit["from_m"], 0),
            "to_m": _rounded(visit["to_m"], 0),
        }
        for visit in visits.to_dict("records")
    ]


def centres(shapes: NDArray[np.object_]) -> NDArray[np.float64]:
    """Longitudes and latitudes of the centres of shapes; longitudes may lie beyond 180 degrees."""
    # A berth on the antimeridian is stored in two parts, on either side of the map of the world.
    xy, shape = shapely.get_coordinates(shapes, return_index=True)
    first = xy[np.searchsorted(shape, shape), 0]
    xy[:, 0] = first + geo.turn_deg(first, xy[:, 0])
    centre: NDArray[np.float64] = shapely.get_coordinates(
        shapely.centroid(shapely.set_coordinates(shapes.copy(), xy))
    )
    return centre.T


# helpers ------------------------------------------------------------------------------------------


def _metre_hours(visits: pd.DataFrame, period: Period) -> pd.Series[float]:
    """Metres of berth times hours, where the calls tell which metres; else not a number."""
    hours = pd.Series(clipped_hours(visits, period), index=visits.index)
    metres = (visits["to_m"] - visits["from_m"]).astype("float64") * hours
    # A ship in a raft takes no metres of the quay.
    return metres[~visits["rafted"]].groupby(visits["berth_id"]).sum(min_count=1)


def _rounded(value: Any, digits: int) -> float | None:
    return None if value is None or pd.isna(value) else round(float(value), digits)
