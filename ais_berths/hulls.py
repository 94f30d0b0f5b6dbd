"""From antenna fixes to ship footprints.

The position in an AIS report is that of the antenna, on a cargo ship usually some 80 m from the middle of
the hull. Heading, size and antenna offsets turn it into a rectangle; where one of them is missing, the
best substitute is taken and named in ``hull_basis``, with the error to expect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import geo, schema
from ais_berths.headings import bows_of, headings_of
from ais_berths.offsets import estimate_offsets
from ais_berths.sizes import describe_ships

if TYPE_CHECKING:
    from ais_berths.config import HullsConfig

_USED = [
    *("stop_id", "mmsi", "lat", "lon", "start_time", "end_time", "heading_deg", "heading_spread_deg"),
    *("course_deg", "n_courses", "course_agreement", "leaving_deg", "lever_m", "lever_error_m"),
]
_POINT_SIDE = 0.5
# Beyond this latitude no map has room for a hull.
_POLE_DEG = 89.9


def build_hulls(stops: pd.DataFrame, vessels: pd.DataFrame, config: HullsConfig) -> pd.DataFrame:
    """Make one footprint for each moored stop.

    Parameters
    ----------
    stops
        The table ``stops`` with ``kind``; only ``moored`` rows get a footprint.
    vessels
        The table ``vessels``.
    config
        The section ``hulls`` of the settings.

    Returns
    -------
    The table ``hulls``: the middle, heading, length and width of each footprint. A stop without any
    direction has ``hull_basis`` "point", no heading, and a footprint as long as it is wide.

    Examples
    --------
    >>> from ais_berths.config import HullsConfig
    >>> stops = schema.conform(pd.DataFrame({
    ...     "stop_id": ["a"], "mmsi": [1], "lat": [51.9], "lon": [4.0], "heading_deg": [0.0],
    ...     "n_fine": [9], "kind": ["moored"]}), "stops")
    >>> vessels = schema.conform(pd.DataFrame({
    ...     "mmsi": [1], "type_group": ["cargo"], "loa_m": [200.0], "beam_m": [30.0], "to_bow_m": [170.0],
    ...     "to_stern_m": [30.0], "to_port_m": [15.0], "to_starboard_m": [15.0]}), "vessels")
    >>> hull = build_hulls(stops, vessels, HullsConfig()).iloc[0]
    >>> round(float(geo.haversine_m(51.9, 4.0, hull["lat"], hull["lon"]))), hull["hull_basis"]
    (70, 'antenna')
    """
    schema.check_frame(stops, "stops", ["stop_id", "mmsi", "lat", "lon", "kind"], key="stop_id")
    schema.check_frame(vessels, "vessels", ["mmsi", "type_group"], key="mmsi")
    # Columns without rows may be of any type.
    if stops.empty:
        return schema.empty("hulls")
    drawn = (stops["kind"] == "moored") & (stops["lat"].abs() < _POLE_DEG)
    moored = stops.loc[drawn, _USED].reset_index(drop=True)
    moored["heading_deg"] = moored["heading_deg"].where(moored["heading_deg"].between(0.0, 360.0))
    if moored.empty:
        return schema.empty("hulls")
    ships = describe_ships(moored, vessels)
    group = ships["group"].to_numpy(dtype=object)
    axis, way = headings_of(moored, group, ships["length_m"].to_numpy())
    heading, turned = bows_of(moored, axis, way, group, ships["to_bow_m"].notna().to_numpy())
    offsets = estimate_offsets(moored, ships, heading, turned, config)
    lat, lon = geo.offset_deg(
        moored["lat"],
        moored["lon"],
        offsets["heading_deg"].fillna(0.0),
        offsets["ahead_m"],
        offsets["right_m"],
    )
    directed = np.isfinite(heading)
    length, width = ships["length_m"].to_numpy(), ships["width_m"].to_numpy()
    side = np.maximum(width, _POINT_SIDE * length)
    hulls = pd.DataFrame(
        {
            "stop_id": moored["stop_id"],
            "mmsi": moored["mmsi"],
            "lat": np.where(directed, lat, moored["lat"]),
            "lon": np.where(directed, lon, moored["lon"]),
            "heading_deg": offsets["heading_deg"],
            "length_m": np.where(directed, length, side),
            "width_m": np.where(directed, width, side),
            "hull_basis": np.where(directed, offsets["hull_basis"], "point"),
            "heading_basis": way,
            "hull_error_m": np.where(directed, offsets["error_m"], length / 3.0),
        }
    )
    return schema.conform(hulls, "hulls")
