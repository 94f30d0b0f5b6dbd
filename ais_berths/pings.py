"""From position reports near ports to clean pings.

Position reports repeat, jump and share numbers. All pings of a vessel are looked at together and in the
order of time, so that the result does not depend on how the input was cut; each row that is dropped is
counted under a reason.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from ais_berths import geo, schema
from ais_berths.tracks import NOT_DEFINED, order_rows, plane_m

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ais_berths.config import CleanConfig

_NEEDED = ("mmsi", "time", "lat", "lon")
_SHIP_MMSI = (201_000_000, 775_999_999)
# Of two ships that may have sent a ping, the one heard last is preferred: an hour is worth this many metres.
_SILENCE_M_H = 100.0


def clean_pings(pings: pd.DataFrame, config: CleanConfig) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Drop what cannot be true and number the ships that share an MMSI.

    Parameters
    ----------
    pings
        Position reports near ports (columns of the table ``pings``); all those of a vessel in one call.
    config
        The section ``clean`` of the settings.

    Returns
    -------
    pings
        The pings that remain, sorted by vessel, track and time, with ``track``.
    quality
        The table ``quality``: rows dropped or flagged by reason.

    Examples
    --------
    >>> from ais_berths.config import CleanConfig
    >>> times = pd.to_datetime(["2024-01-01 00:00", "2024-01-01 00:00", "2024-01-01 00:10"], utc=True)
    >>> pings = pd.DataFrame({"mmsi": 244000001, "time": times, "lat": 51.9, "lon": 4.1})
    >>> clean, quality = clean_pings(pings, CleanConfig())
    >>> len(clean), quality[["reason", "rows"]].to_dict("records")
    (2, [{'reason': 'duplicate', 'rows': 1}])
    """
    schema.check_columns(pings.columns, "pings", _NEEDED)
    counts: dict[tuple[str, str], int] = {}
    table = _in_order(schema.conform(pings, "pings"))
    same = _repeats(table)
    counts["duplicate", "dropped"] = int(same.sum())
    table = table[~same].reset_index(drop=True)
    track, stray = _tracks(_Moves.of(table), config)
    counts["jump", "dropped"] = int(stray.sum())
    table = table.assign(track=track.astype(np.int16))[~stray]
    keys = (table["mmsi"].to_numpy(dtype=np.int64), track[~stray], schema.to_micros(table["time"]))
    table = table.iloc[order_rows(keys, (np.arange(len(table)),))].reset_index(drop=True)
    spike = _spikes(_Moves.of(table), config)
    counts["spike", "dropped"] = int(spike.sum())
    table = table[~spike].reset_index(drop=True)
    counts["shared_mmsi", "flagged"] = int((table["track"] > 0).sum())
    return table, quality_table("clean", counts)


def ship_mmsi(mmsi: NDArray[np.int64], config: CleanConfig) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Which numbers belong to ships, and how many rows do not, by reason.

    Ship stations have nine digits that begin with 2 to 7 (ITU-R M.585-9). Aids to navigation (99),
    base stations (00), aircraft (111), handhelds (8) and craft of a parent ship (98) are no ships in port.

    Examples
    --------
    >>> from ais_berths.config import CleanConfig
    >>> keep, counts = ship_mmsi(np.array([244000001, 992351000, 123456789]), CleanConfig())
    >>> keep.tolist(), counts
    ([True, False, False], {'not_a_ship_mmsi': 1, 'junk_mmsi': 1})
    """
    junk = np.isin(mmsi, np.array(config.junk_mmsi, dtype=np.int64))
    ship = (mmsi >= _SHIP_MMSI[0]) & (mmsi <= _SHIP_MMSI[1])
    counts = {"not_a_ship_mmsi": int((~ship & ~junk).sum()), "junk_mmsi": int(junk.sum())}
    return ship & ~junk, counts


def quality_table(stage: str, counts: Mapping[tuple[str, str], int]) -> pd.DataFrame:
    """Counts by (reason, action) as rows of the table ``quality``; zeros are left out."""
    rows = [
        {"stage": stage, "reason": reason, "action": action, "rows": count}
        for (reason, action), count in counts.items()
        if count
    ]
    return schema.conform(pd.DataFrame(rows, columns=schema.QUALITY.names), "quality")


def add_quality(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Add up quality tables of parts of the work."""
    if not tables:
        return schema.empty("quality")
    every = pd.concat(tables, ignore_index=True)
    total = every.groupby(["stage", "reason", "action"], sort=True)["rows"].sum().reset_index()
    return schema.conform(total, "quality")


def _in_order(table: pd.DataFrame) -> pd.DataFrame:
    """Sort so that equal input in any order gives equal output: ties are settled by every column."""
    ties = ("lat", "lon", "sog_kn", "cog_deg", "heading_deg")
    coarse = table["coarse"].eq(True).to_numpy(dtype=bool)
    status = table["nav_status"].fillna(NOT_DEFINED).to_numpy(dtype=np.int64)
    order = order_rows(
        (table["mmsi"].to_numpy(dtype=np.int64), schema.to_micros(table["time"])),
        (coarse, *(table[name].to_numpy(dtype=np.float64) for name in ties), status),
    )
    ordered = table.iloc[order].reset_index(drop=True)
    return ordered.assign(
        coarse=ordered["coarse"].eq(True).astype(bool),
        nav_status=ordered["nav_status"].fillna(NOT_DEFINED),
    )


def _repeats(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Rows of the same vessel, second and place as the row before.

    Receivers round differently: positions of one second within a few metres are one report.
    """
    mmsi, time = table["mmsi"].to_numpy(), schema.to_micros(table["time"])
    lat, lon = table["lat"].to_numpy(), table["lon"].to_numpy()
    repeat = np.zeros(len(table), dtype=bool)
    if len(table) < 2:
        return repeat
    same = (mmsi[1:] == mmsi[:-1]) & (time[1:] == time[:-1])
    at = np.flatnonzero(same) + 1
    # Compare with the first row of the same second, so that a chain of small steps does not add up.
    first = np.maximum.accumulate(np.where(np.concatenate([[True], ~same]), np.arange(len(table)), 0))[at]
    close = geo.haversine_m(lat[at], lon[at], lat[first], lon[first]) <= 20.0
    coarse = table["coarse"].to_numpy(dtype=bool)
    repeat[at] = close | (coarse[at] & ~coarse[first])
    return repeat


@dataclass(frozen=True)
class _Moves:
    """Pings as arrays."""

    mmsi: NDArray[np.int64]
    track: NDArray[np.int64]
    time: NDArray[np.int64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    sog: NDArray[np.float64]

    @classmethod
    def of(cls, table: pd.DataFrame) -> _Moves:
        return cls(
            mmsi=table["mmsi"].to_numpy(dtype=np.int64),
            track=table["track"].fillna(0).to_numpy(dtype=np.int64),
            time=schema.to_micros(table["time"]),
            lat=table["lat"].to_numpy(dtype=np.float64),
            lon=table["lon"].to_numpy(dtype=np.float64),
            sog=table["sog_kn"].to_numpy(dtype=np.float64),
        )

    def apart_m(self, i: NDArray[np.intp], j: NDArray[np.intp] | int) -> NDArray[np.float64]:
        return plane_m(self.lat[i], self.lon[i], self.lat[j], self.lon[j])

    def apart_s(self, i: NDArray[np.intp], j: NDArray[np.intp] | int) -> NDArray[np.float64]:
        seconds: NDArray[np.float64] = np.maximum(np.abs(self.time[j] - self.time[i]) / 1e6, 1.0)
        return seconds


def _spikes(moves: _Moves, config: CleanConfig) -> NDArray[np.bool_]:
    """Single pings far out from two neighbours that agree, both ways faster than any of the three reports.

    Where no speed is reported, 10 kn are assumed.
    """
    spike = np.zeros(len(moves.mmsi), dtype=bool)
    if len(spike) < 3:
        return spike
    index = np.arange(1, len(spike) - 1)
    step = moves.apart_m(np.arange(len(spike) - 1), np.arange(1, len(spike)))
    index = index[np.minimum(step[:-1], step[1:]) > config.min_spike_m]
    before, after = index - 1, index + 1
    one_ship = (moves.mmsi[before] == moves.mmsi[after]) & (moves.track[before] == moves.track[after])
    out, back = step[before], step[index]
    slower = np.minimum(out / moves.apart_s(before, index), back / moves.apart_s(index, after))
    sog = np.where(np.isfinite(moves.sog), moves.sog, 10.0)
    reported = np.maximum(np.maximum(sog[before], sog[index]), sog[after])
    hasty = slower * geo.KN_PER_M_S > 2.0 * reported + config.spare_spike_kn
    agree = moves.apart_m(before, after) < 0.3 * np.minimum(out, back)
    spike[index] = one_ship & agree & hasty
    return spike


def _tracks(moves: _Moves, config: CleanConfig) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Follow each ship through its pings; a step that no ship can make begins another track.

    Returns
    -------
    Track number of each ping (0 for the first ship of an MMSI), and which pings fit no ship.
    """
    n = len(moves.mmsi)
    track, stray = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
    if n < 2:
        return track, stray
    index = np.arange(1, n)
    index = index[moves.mmsi[1:] == moves.mmsi[:-1]]
    far = index[moves.apart_m(index - 1, index) > config.min_jump_m]
    jump = far[_impossible(moves, far - 1, far, config)]
    cut = np.zeros(n + 1, dtype=bool)
    # Errors hide at both ends of a jump: the pings there are pieces of their own.
    cut[far] = cut[jump - 1] = cut[jump + 1] = True
    for mmsi in np.unique(moves.mmsi[jump]).tolist():
        first, last = np.searchsorted(moves.mmsi, [mmsi, mmsi + 1])
        cut[first] = True
        starts = np.flatnonzero(cut[first:last]) + first
        pieces = _Pieces(moves, starts, np.append(starts[1:], last) - 1, config)
        ship, support = pieces.ships()
        real = support >= np.minimum(config.min_track_pings - 1, support.max())
        rank = np.where(real, np.cumsum(real) - 1, -1)
        own = np.repeat(np.where(ship >= 0, rank[ship], -1), pieces.size)
        track[first:last] = np.maximum(own, 0)
        stray[first:last] = own < 0
    return track, stray


class _Pieces:
    """Unbroken pieces of the pings of one MMSI, to be given to ships.

    Parameters
    ----------
    moves
        All pings.
    starts, ends
        First and last ping of each piece, in the order of time.
    config
        The section ``clean`` of the settings.
    """

    def __init__(
        self, moves: _Moves, starts: NDArray[np.intp], ends: NDArray[np.intp], config: CleanConfig
    ) -> None:
        self.moves, self.starts, self.ends, self.config = moves, starts, ends, config
        self.size = ends - starts + 1

    def ships(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Ship of each piece, -1 for none, and how many steps speak for each ship.

        A piece goes to the ship that could have sailed to its start and whose speed agrees best with the way,
        or to a new one. A ship that cannot have sailed there from her last piece, but can from the one
        before, never was in that last piece, if it is short.
        """
        ship = np.full(len(self.starts), -1)
        owned: list[list[int]] = []
        support: list[int] = []
        for piece in range(len(self.starts)):
            last = [own[-1] for own in owned]
            earlier = [own[-2] if len(own) > 1 and self._is_short(own[-1]) else -1 for own in owned]
            misfit = self._misfit_m(piece, last + earlier)
            misfit[len(owned) :][np.isfinite(misfit[: len(owned)])] = np.inf
            weak = np.array(support, dtype=np.int64) < self.config.min_track_pings - 1
            cost = misfit + np.concatenate([weak, weak + 1]) * self.config.min_jump_m
            best = int(np.argmin(cost)) if owned else 0
            choice = best % len(owned) if owned and np.isfinite(cost[best]) else len(owned)
            if choice == len(owned):
                owned.append([])
                support.append(int(self.size[piece]) - 1)
            else:
                if best >= len(owned):
                    lost = owned[choice].pop()
                    ship[lost] = -1
                    support[choice] -= int(self.size[lost]) - 1
                support[choice] += int(self.size[piece]) - 1 + int(misfit[best] < self.config.min_jump_m)
            owned[choice].append(piece)
            ship[piece] = choice
        return ship, np.array(support)

    def _is_short(self, piece: int) -> bool:
        return bool(self.size[piece] < self.config.min_track_pings)

    def _misfit_m(self, piece: int, pieces: list[int]) -> NDArray[np.float64]:
        """How badly other pieces go before a piece (m); inf where no ship can sail from one to the other.

        The way beyond what the speeds explain, and something for each hour of silence.
        """
        given = np.array(pieces, dtype=np.int64)
        tips, start = self.ends[given], self.starts[piece]
        seconds = self.moves.apart_s(tips, start)
        sog = np.nan_to_num((self.moves.sog[tips] + self.moves.sog[start]) / 2.0, nan=0.0)
        excess_m = np.maximum(self.moves.apart_m(tips, start) - sog / geo.KN_PER_M_S * seconds, 0.0)
        misfit: NDArray[np.float64] = excess_m + _SILENCE_M_H * seconds / 3600.0
        misfit[(given < 0) | _impossible(self.moves, tips, start, self.config)] = np.inf
        return misfit


def _impossible(
    moves: _Moves, start: NDArray[np.intp], end: NDArray[np.intp] | int, config: CleanConfig
) -> NDArray[np.bool_]:
    """Steps from one ping to another that no ship makes.

    The limit is a little above the reported speeds and grows with the time between, in which a ship may
    have picked up speed; ships at rest in two places are told apart that way.
    """
    metres, seconds = moves.apart_m(start, end), moves.apart_s(start, end)
    reported = np.maximum(moves.sog[start], moves.sog[end])
    limit = reported + config.spare_speed_kn + config.pick_up_kn_min * seconds / 60.0
    limit = np.where(np.isfinite(limit), np.minimum(limit, config.max_speed_kn), config.max_speed_kn)
    result: NDArray[np.bool_] = (metres / seconds * geo.KN_PER_M_S > limit) & (metres > config.min_jump_m)
    return result
