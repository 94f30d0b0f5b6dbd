"""Size of the ship of each stop: as sent, or the best estimate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ais_berths import antennas, geo, schema
from ais_berths.lengths import UnsizedPortion, learn_lengths
from ais_berths.levers import lever_contradicts
from ais_berths.nearest import nearest
from ais_berths.shelf import Shelf
from ais_berths.vessels import COMMERCIAL, column_of, groups_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from ais_berths.geo import Floats

# How near (m), and at most how many, the ships are whose size is given to one that sent none; the second
# distance where nothing else shows its size.
_NEARBY_M, _AROUND_M, _NEIGHBOURS = 150.0, 600.0, 9
# No ferry is longer than this (m). Passenger ships with this many calls, mostly this short (h), are ferries.
_LONGEST_FERRY_M, _OFTEN, _SHORT_H = 240.0, 4, 4.0
# Merchant ships have an IMO number from 100 tons (gross) on, by resolution A.1117(30): none is so short.
_SHORTEST_IMO_M = 12.0
_SENT = ["loa_m", "beam_m", "to_bow_m", "to_stern_m", "to_port_m", "to_starboard_m"]
LARGEST_M = 600.0
"""No ship is longer than this."""


def describe_ships(
    moored: pd.DataFrame, vessels: pd.DataFrame, lengths_m: pd.Series | None = None
) -> pd.DataFrame:
    """Group, length, width and antenna offsets of the ship of each moored stop.

    A missing length or width follows from the other one by the usual slenderness of the group. A ship that
    sent neither gets the first of these that is known: the median size of ships of its group moored near by;
    the length that `learn_lengths` estimates; the median of such estimates near by; the median size of ships
    of its group moored around; the median of its group everywhere. ``sized`` says whether the ship sent a
    length or a width.

    Parameters
    ----------
    moored
        Moored stops: ``mmsi lat lon heading_deg start_time end_time lever_m lever_error_m``.
    vessels
        The table ``vessels``.
    lengths_m
        Result of `ais_berths.lengths.learn_lengths`; by default from these stops alone.
    """
    group, length, width, sized = _sent(moored, vessels)
    slender = antennas.slenderness(group)
    known = length.copy()
    length = np.where(np.isfinite(length), length, np.minimum(width * slender, LARGEST_M))
    width = np.where(np.isfinite(width), width, known / slender)
    usual_length, usual_width = _usual(moored, vessels, group)
    if lengths_m is None:
        lengths_m = learn_lengths(Shelf([unsized_stops(moored, vessels)]))
    # Lengths are estimated for stops with a heading.
    unsized = ~sized & np.isfinite(moored["heading_deg"].to_numpy(dtype=np.float64))
    learned = np.where(unsized, lengths_m.reindex(moored["mmsi"]).to_numpy(dtype=np.float64), np.nan)
    guesses = (
        _sizes_within(_NEARBY_M, moored, group, length, width),
        (learned, learned / slender),
        _sizes_within(_NEARBY_M, moored, group, learned, learned / slender),
        _sizes_within(_AROUND_M, moored, group, length, width),
        (usual_length, usual_width),
    )
    for some_length, some_width in guesses:
        length = np.where(np.isfinite(length), length, some_length)
        width = np.where(np.isfinite(width), width, some_width)
    frame = pd.DataFrame({"group": group, "length_m": length, "width_m": width, "sized": sized})
    for name in ("to_bow_m", "to_stern_m", "to_port_m", "to_starboard_m"):
        frame[name] = _possible(column_of(vessels, name, moored["mmsi"]), least_m=0.0)
    return frame


def without_unlikely(
    vessels: pd.DataFrame, moored: Shelf[pd.DataFrame], levers: pd.DataFrame
) -> pd.DataFrame:
    """Remove sizes that cannot be true: of overlong ferries, too short ships, or contradicted by turns.

    Parameters
    ----------
    vessels
        The table ``vessels``.
    moored
        Moored stops of each portion: ``mmsi start_time end_time``.
    levers
        ``lever_m`` and ``lever_error_m`` of each ship, by MMSI.
    """
    known = vessels.reindex(columns=["loa_m", "to_bow_m", "imo"])
    length, bow, imo = (known[name].to_numpy(dtype=np.float64) for name in known)
    turns = levers.reindex(vessels["mmsi"])
    lever, error = (turns[name].to_numpy(dtype=np.float64) for name in ("lever_m", "lever_error_m"))
    group = vessels["type_group"].to_numpy(dtype=object)
    possible = np.isfinite(_possible(length))
    unlikely = np.zeros(len(vessels), dtype=bool)
    unlikely[possible] = lever_contradicts(*(v[possible] for v in (lever, error, group, length, bow)))
    unlikely |= np.isin(group, COMMERCIAL) & (imo > 0) & (length < _SHORTEST_IMO_M)
    long = vessels["mmsi"][(group == "passenger") & (length > _LONGEST_FERRY_M)]
    out = vessels.copy()
    out.loc[unlikely | vessels["mmsi"].isin(_ferries(long, moored)), _SENT] = np.nan
    return out


def _ferries(mmsi: pd.Series, moored: Shelf[pd.DataFrame]) -> NDArray[np.int64]:
    """Those of some passenger ships that call often and for a short time."""
    calls = pd.concat(list(moored.each(_calls_of, mmsi=mmsi)), ignore_index=True)
    hours = (schema.to_micros(calls["end_time"]) - schema.to_micros(calls["start_time"])) / schema.HOUR_US
    of_ship = pd.Series(hours).groupby(calls["mmsi"].to_numpy(dtype=np.int64)).agg(["size", "median"])
    often = (of_ship["size"] >= _OFTEN) & (of_ship["median"] <= _SHORT_H)
    return of_ship.index[often].to_numpy(dtype=np.int64)


def _calls_of(moored: pd.DataFrame, mmsi: pd.Series) -> pd.DataFrame:
    return moored.loc[moored["mmsi"].isin(mmsi), ["mmsi", "start_time", "end_time"]]


def unsized_stops(moored: pd.DataFrame, vessels: pd.DataFrame) -> UnsizedPortion:
    """Take the stops of ships that sent no size, for `ais_berths.lengths.learn_lengths`."""
    group, _, _, sized = _sent(moored, vessels)
    return UnsizedPortion.of(moored, group, _usual(moored, vessels, group)[0], ~sized)


def _sent(
    moored: pd.DataFrame, vessels: pd.DataFrame
) -> tuple[NDArray[np.object_], Floats, Floats, NDArray[np.bool_]]:
    """Group of the ship of each stop, length and width that it sent, and whether it sent any of them."""
    length, width = (_possible(column_of(vessels, name, moored["mmsi"])) for name in ("loa_m", "beam_m"))
    return groups_of(vessels, moored["mmsi"]), length, width, np.isfinite(length) | np.isfinite(width)


def _usual(moored: pd.DataFrame, vessels: pd.DataFrame, group: NDArray[np.object_]) -> tuple[Floats, Floats]:
    """Length and width that are usual for the ship of each stop."""
    seagoing = np.nan_to_num(column_of(vessels, "imo", moored["mmsi"]).astype(np.float64)) > 0
    return antennas.usual_size(group, seagoing)


def _possible(sizes: NDArray[Any], least_m: float = 0.1) -> NDArray[np.float64]:
    """Sizes without impossible ones: the user's own table may hold anything."""
    values = sizes.astype(np.float64)
    return np.where((values >= least_m) & (values <= LARGEST_M), values, np.nan)


def _sizes_within(
    reach_m: float, moored: pd.DataFrame, group: NDArray[np.object_], length: Floats, width: Floats
) -> tuple[Floats, Floats]:
    """Median size of the nearest ships of the same group moored in reach, nan where none has a known size."""
    near_length, near_width = np.full(len(moored), np.nan), np.full(len(moored), np.nan)
    xyz = geo.sphere_xyz_m(moored["lat"].to_numpy(), moored["lon"].to_numpy())
    known = np.isfinite(length)
    for name in np.unique(group[~known]).tolist():
        givers, takers = np.flatnonzero(known & (group == name)), np.flatnonzero(~known & (group == name))
        if not len(givers):
            continue
        metres, index = nearest(xyz[givers], xyz[takers], _NEIGHBOURS, reach_m)
        near, at = np.isfinite(metres), givers[index]
        some = near.any(axis=1)
        for values, out in ((length, near_length), (width, near_width)):
            out[takers[some]] = np.nanmedian(np.where(near, values[at], np.nan)[some], axis=1)
    return near_length, near_width
