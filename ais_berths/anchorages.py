"""From anchored stops to anchorages."""

from __future__ import annotations

from typing import TYPE_CHECKING

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from sklearn.cluster import DBSCAN

from ais_berths import geo, schema
from ais_berths.berths import summarise_visits
from ais_berths.ports import nearest_port
from ais_berths.quays import place_ids, port_prefix
from ais_berths.vessels import column_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.config import AnchoragesConfig

_NEEDED = ("stop_id", "mmsi", "kind", "lat", "lon", "start_time", "end_time", "dwell_h", "drift_radius_m")
# Positions are rounded to this many parts of the distance that joins them.
_GRAINS = 14
# Least radius of a swing circle: a ship hardly moves in calm weather (m).
_CALM_M = 100.0


def find_anchorages(
    stops: pd.DataFrame,
    vessels: pd.DataFrame,
    ports: pd.DataFrame,
    config: AnchoragesConfig,
    plane: geo.Plane | None = None,
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    """Find the areas where ships anchor.

    Parameters
    ----------
    stops
        The table ``stops`` with ``kind``; the rows that are ``anchored`` are used.
    vessels
        The table ``vessels``.
    ports
        The whole port list.
    config
        The section ``anchorages`` of the settings.
    plane
        Where circles are drawn; by default around these stops.

    Returns
    -------
    anchorages
        The table ``anchorages``: each polygon is the hull of the swing circles of its stops.
    members
        ``stop_id`` and ``anchorage_id`` of every stop in an anchorage.
    """
    schema.check_frame(stops, "stops", _NEEDED, key="stop_id")
    schema.check_frame(vessels, "vessels", ["mmsi"], key="mmsi")
    schema.check_frame(ports, "ports", ["port_id", "lat", "lon"])
    rows = schema.conform(stops[stops["kind"] == "anchored"], "stops")
    label = _cluster(rows, config)
    rows = rows.assign(label=label)[label >= 0].reset_index(drop=True)
    rows["loa_m"] = column_of(vessels, "loa_m", rows["mmsi"]).astype(np.float64)
    plane = geo.Plane.around(anchored_lon(stops)) if plane is None else plane
    x, y = plane.forward(rows["lon"], rows["lat"])
    scale = geo.Plane.scale(rows["lat"])
    circles = shapely.buffer(shapely.points(x, y), np.maximum(rows["drift_radius_m"], _CALM_M) * scale)
    indices = sorted(rows.groupby("label").indices.items())
    shapes = np.array(
        [shapely.convex_hull(shapely.union_all(circles[at])) for _, at in indices], dtype=object
    )
    table = describe_anchorages(rows, rows["label"])
    scales = pd.Series(scale).groupby(rows["label"].to_numpy()).median().to_numpy()
    table["area_km2"] = shapely.area(shapes) / scales**2 / 1e6
    frame = gpd.GeoDataFrame(table, geometry=plane.to_degrees(shapes), crs="EPSG:4326")
    middle = frame.geometry.representative_point()
    frame["port_id"], _ = nearest_port(middle.y.to_numpy(), middle.x.to_numpy(), ports)
    frame["anchorage_id"] = place_ids(frame["port_id"].map(port_prefix(ports)), middle, "A")
    members = pd.DataFrame(
        {
            "stop_id": rows["stop_id"],
            "anchorage_id": frame["anchorage_id"].reindex(rows["label"]).to_numpy(dtype=object),
        }
    )
    return frame.reset_index(drop=True), members


def anchored_lon(stops: pd.DataFrame) -> pd.Series:
    """Longitudes of ships at anchor."""
    return stops.loc[stops["kind"] == "anchored", "lon"]


def describe_anchorages(rows: pd.DataFrame, label: pd.Series) -> pd.DataFrame:
    """Count and summarise the visits of each anchorage: `rows` are stops with the ``loa_m`` of the ship."""
    return pd.DataFrame(summarise_visits(rows.groupby(label))).sort_index()


def _cluster(rows: pd.DataFrame, config: AnchoragesConfig) -> NDArray[np.int64]:
    if rows.empty:
        return np.zeros(0, dtype=np.int64)
    # Ships within a grain lie in the same place: a busy anchorage holds thousands of stops.
    xyz = geo.sphere_xyz_m(rows["lat"].to_numpy(), rows["lon"].to_numpy())
    places, place = geo.grains(xyz, config.eps_m / _GRAINS)
    model = DBSCAN(eps=config.eps_m, min_samples=config.min_stops)
    found = model.fit_predict(places, sample_weight=np.bincount(place))
    labels: NDArray[np.int64] = found[place].astype(np.int64)
    return labels
