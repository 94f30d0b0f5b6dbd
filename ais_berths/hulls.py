"""From antenna fixes to ship footprints.

The position in an AIS report is that of the antenna, on a cargo ship usually some 80 m from the middle of
the hull. Heading, size and antenna offsets turn it into a rectangle; where one of them is missing, the
best substitute is taken and named in ``hull_basis``, with the error to expect.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ais_berths import geo, schema
from ais_berths.headings import bows_of, headings_of, trades_of
from ais_berths.lengths import learn_lengths
from ais_berths.levers import levers_by
from ais_berths.offsets import Lying, learn_antennas
from ais_berths.sizes import ask_lengths, describe_ships, without_unlikely
from ais_berths.vessels import vessels_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, MutableSequence

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
    (hulls,) = build_in_portions([stops], vessels, config, list)
    return hulls


def build_in_portions(
    portions: Iterable[pd.DataFrame],
    vessels: pd.DataFrame,
    config: HullsConfig,
    shelf: Callable[[], MutableSequence[Any]],
) -> Iterator[pd.DataFrame]:
    """Make the footprints of stops that come in portions; see `build_hulls`.

    What is learned of a ship rests on all of its stops, wherever they are, so every portion is looked at
    several times. The result does not depend on how many there are.

    Parameters
    ----------
    portions
        The table ``stops`` of some places each; no ship is near one of another portion.
    shelf
        Makes an empty list, for what is known of each portion meanwhile.

    Returns
    -------
    The table ``hulls`` of each portion.
    """
    schema.check_frame(vessels, "vessels", ["mmsi", "type_group"], key="mmsi")
    moored = shelf()
    moored.extend(map(_moored, portions))
    levers = _levers(moored)
    vessels = without_unlikely(vessels, moored, levers)
    asked = shelf()
    for number, stops in enumerate(moored):
        ship = levers.reindex(stops["mmsi"])
        told = stops.assign(
            lever_m=ship["lever_m"].to_numpy(), lever_error_m=ship["lever_error_m"].to_numpy()
        )
        moored[number] = told
        asked.append(ask_lengths(told, vessels_of(vessels, told["mmsi"])))
    lengths_m = learn_lengths(asked)
    asked.clear()
    drawn, lying = shelf(), shelf()
    for stops in moored:
        ships = describe_ships(stops, vessels_of(vessels, stops["mmsi"]), lengths_m)
        group = ships["group"].to_numpy(dtype=object)
        group = trades_of(group, ships["length_m"].to_numpy())
        axis, way = headings_of(stops, group, ships["length_m"].to_numpy())
        heading, turned = bows_of(stops, axis, way, group, ships["to_bow_m"].notna().to_numpy())
        lying.append(Lying.of(stops, ships, heading, turned, config))
        drawn.append(
            stops[["stop_id", "mmsi", "lat", "lon"]].assign(
                length_m=ships["length_m"], width_m=ships["width_m"], heading_basis=way
            )
        )
    moored.clear()
    said = learn_antennas(lying, config)
    for number in range(len(lying)):
        yield _footprints(drawn[number], lying[number].offsets(said, config))
    lying.clear()
    drawn.clear()


def _moored(stops: pd.DataFrame) -> pd.DataFrame:
    """What is used of the moored stops."""
    schema.check_frame(stops, "stops", ["stop_id", "mmsi", "lat", "lon", "kind"], key="stop_id")
    # Columns without rows may be of any type.
    stops = stops if len(stops) else schema.empty("stops")
    drawn = (stops["kind"] == "moored") & (stops["lat"].abs() < _POLE_DEG)
    moored = stops.loc[drawn, _USED].reset_index(drop=True)
    moored["heading_deg"] = moored["heading_deg"].where(moored["heading_deg"].between(0.0, 360.0))
    return moored


def _levers(moored: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Lever of each ship and its error, by MMSI."""
    names = ["mmsi", "lever_m", "lever_error_m"]
    told = pd.concat([stops[names].drop_duplicates() for stops in moored], ignore_index=True)
    mmsi, number = np.unique(told["mmsi"].to_numpy(), return_inverse=True)
    _, lever_m, error_m = levers_by(told, number)
    return pd.DataFrame({"lever_m": lever_m, "lever_error_m": error_m}, index=mmsi)


def _footprints(moored: pd.DataFrame, offsets: pd.DataFrame) -> pd.DataFrame:
    """The table ``hulls`` from moored stops with sizes, and where their middles are."""
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
    length, width = moored["length_m"].to_numpy(), moored["width_m"].to_numpy()
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
            "heading_basis": moored["heading_basis"],
            "hull_error_m": np.where(directed, offsets["error_m"], length / 3.0),
        }
    )
    return schema.conform(hulls, "hulls")
