"""From antenna positions to hulls, the footprints of ships.

The position in an AIS report is that of the antenna, on a cargo ship usually some 80 m from the middle of
the hull. Heading, size and antenna offsets turn it into a rectangle. Where one of them was not sent, it is
estimated; ``hull_basis`` says how, and ``hull_error_m`` how exact the result is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import geo, schema
from ais_berths.headings import bows_of, headings_of, trades_of
from ais_berths.lengths import learn_lengths
from ais_berths.levers import levers_by
from ais_berths.offsets import MooredPortion, find_offsets
from ais_berths.shelf import Shelf
from ais_berths.sizes import describe_ships, unsized_stops, without_unlikely
from ais_berths.vessels import vessels_at

if TYPE_CHECKING:
    from ais_berths.config import HullsConfig

_USED = [
    *("stop_id", "mmsi", "lat", "lon", "start_time", "end_time", "heading_deg", "heading_spread_deg"),
    *("course_deg", "n_courses", "course_agreement", "leaving_deg", "lever_m", "lever_error_m"),
]
# Side of the square of a ship that may lie in any direction, in ship lengths.
_POINT_SIDE = 0.5
# Beyond this latitude no map projection can hold a hull.
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
    (hulls,) = build_in_portions(Shelf([stops]), vessels, config)
    return hulls


def build_in_portions(
    portions: Shelf[pd.DataFrame], vessels: pd.DataFrame, config: HullsConfig
) -> Shelf[pd.DataFrame]:
    """Make the footprints of stops that come in portions; see `build_hulls`.

    What is learned of a ship rests on all of its stops, wherever they are, so every portion is read several
    times. The result does not depend on the number of portions.

    Parameters
    ----------
    portions
        The table ``stops``, in portions that share no place.

    Returns
    -------
    The table ``hulls`` of each portion.
    """
    schema.check_frame(vessels, "vessels", ["mmsi", "type_group"], key="mmsi")
    sent = portions.each(_moored)
    levers = _levers(sent)
    vessels = without_unlikely(vessels, sent, levers)
    moored = sent.each(_with_levers, levers=levers)
    ships = moored.each(vessels_at, vessels=vessels)
    lengths_m = learn_lengths(moored.each(unsized_stops, ships))
    described = moored.each(_describe, ships, lengths_m=lengths_m)
    offsets = find_offsets(moored.each(MooredPortion.of, described, config=config), config)
    return moored.each(_footprints, described, offsets)


def _moored(stops: pd.DataFrame) -> pd.DataFrame:
    """Moored stops, with the columns that are used."""
    schema.check_frame(stops, "stops", ["stop_id", "mmsi", "lat", "lon", "kind"], key="stop_id")
    # Columns without rows may be of any type.
    stops = stops if len(stops) else schema.empty("stops")
    drawn = (stops["kind"] == "moored") & (stops["lat"].abs() < _POLE_DEG)
    moored = stops.loc[drawn, _USED].reset_index(drop=True)
    moored["heading_deg"] = moored["heading_deg"].where(moored["heading_deg"].between(0.0, 360.0))
    return moored


def _levers(moored: Shelf[pd.DataFrame]) -> pd.DataFrame:
    """Lever of each ship and its error, by MMSI."""
    levers = pd.concat(list(moored.each(_distinct_levers)), ignore_index=True)
    mmsi, number = np.unique(levers["mmsi"].to_numpy(), return_inverse=True)
    _, lever_m, error_m = levers_by(levers, number)
    return pd.DataFrame({"lever_m": lever_m, "lever_error_m": error_m}, index=mmsi)


def _distinct_levers(moored: pd.DataFrame) -> pd.DataFrame:
    return moored[["mmsi", "lever_m", "lever_error_m"]].drop_duplicates()


def _with_levers(moored: pd.DataFrame, levers: pd.DataFrame) -> pd.DataFrame:
    ship = levers.reindex(moored["mmsi"])
    return moored.assign(lever_m=ship["lever_m"].to_numpy(), lever_error_m=ship["lever_error_m"].to_numpy())


def _describe(moored: pd.DataFrame, vessels: pd.DataFrame, lengths_m: pd.Series) -> pd.DataFrame:
    """Size, offsets and heading of the ship of each stop."""
    ships = describe_ships(moored, vessels, lengths_m)
    length_m = ships["length_m"].to_numpy()
    group = trades_of(ships["group"].to_numpy(dtype=object), length_m)
    axis, way = headings_of(moored, group, length_m)
    heading, turned = bows_of(moored, axis, way, group, ships["to_bow_m"].notna().to_numpy())
    return ships.assign(heading_deg=heading, turned=turned, heading_basis=way)


def _footprints(moored: pd.DataFrame, ships: pd.DataFrame, offsets: pd.DataFrame) -> pd.DataFrame:
    """The table ``hulls`` from moored stops, their ships, and the offsets to the middles of the hulls."""
    if moored.empty:
        return schema.empty("hulls")
    lat, lon = geo.offset_deg(
        moored["lat"],
        moored["lon"],
        offsets["heading_deg"].fillna(0.0),
        offsets["ahead_m"],
        offsets["right_m"],
    )
    directed = offsets["heading_deg"].notna().to_numpy()
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
            "heading_basis": ships["heading_basis"],
            "hull_error_m": np.where(directed, offsets["error_m"], length / 3.0),
        }
    )
    return schema.conform(hulls, "hulls")
