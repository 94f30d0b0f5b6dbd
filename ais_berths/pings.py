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

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ais_berths.config import CleanConfig

_NEEDED = ("mmsi", "time", "lat", "lon")
_SHIP_MMSI = (201_000_000, 775_999_999)


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
    spike = _spikes(_Moves.of(table), config)
    counts["spike", "dropped"] = int(spike.sum())
    table = table[~spike].reset_index(drop=True)
    track, stray = _tracks(table, config)
    counts["jump", "dropped"] = int(stray.sum())
    counts["shared_mmsi", "flagged"] = int((track[~stray] > 0).sum())
    table = table.assign(track=track.astype(np.int16))[~stray]
    table = table.sort_values(["mmsi", "track", "time"], kind="stable", ignore_index=True)
    return table, quality_table("clean", counts)


def ship_mmsi(mmsi: NDArray[np.int64], config: CleanConfig) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Which numbers belong to ships, and how many rows do not, by reason.

    Ship stations have nine digits that begin with 2 to 7 (ITU-R M.585-9). Aids to navigation (99),
    base stations (00), aircraft (111), handhelds (8) and craft of a parent ship (98) are no ships in port.
    With ``ship_numbers_only`` off, every number is taken, for data whose ids were made anonymous.

    Examples
    --------
    >>> from ais_berths.config import CleanConfig
    >>> keep, counts = ship_mmsi(np.array([244000001, 992351000, 123456789]), CleanConfig())
    >>> keep.tolist(), counts
    ([True, False, False], {'not_a_ship_mmsi': 1, 'junk_mmsi': 1})
    """
    if not config.ship_numbers_only:
        return np.ones(len(mmsi), dtype=bool), {}
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
    status = table["nav_status"].fillna(15).to_numpy(dtype=np.int64)
    keys = [
        status,
        table["heading_deg"].to_numpy(dtype=np.float64),
        table["cog_deg"].to_numpy(dtype=np.float64),
        table["sog_kn"].to_numpy(dtype=np.float64),
        table["lon"].to_numpy(dtype=np.float64),
        table["lat"].to_numpy(dtype=np.float64),
        table["coarse"].eq(True).to_numpy(dtype=bool),
        schema.to_micros(table["time"]),
        table["mmsi"].to_numpy(dtype=np.int64),
    ]
    ordered = table.iloc[np.lexsort(keys)].reset_index(drop=True)
    return ordered.assign(coarse=ordered["coarse"].eq(True), nav_status=ordered["nav_status"].fillna(15))


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
    time: NDArray[np.int64]
    lat: NDArray[np.float64]
    lon: NDArray[np.float64]
    sog: NDArray[np.float64]

    @classmethod
    def of(cls, table: pd.DataFrame) -> _Moves:
        return cls(
            mmsi=table["mmsi"].to_numpy(dtype=np.int64),
            time=schema.to_micros(table["time"]),
            lat=table["lat"].to_numpy(dtype=np.float64),
            lon=table["lon"].to_numpy(dtype=np.float64),
            sog=table["sog_kn"].to_numpy(dtype=np.float64),
        )


def _spikes(moves: _Moves, config: CleanConfig) -> NDArray[np.bool_]:
    """Single pings far out from two neighbours that agree, reached faster than any of the three reports.

    Where no speed is reported, 10 kn are assumed.
    """
    spike = np.zeros(len(moves.mmsi), dtype=bool)
    if len(spike) < 3:
        return spike
    lat, lon, time = moves.lat, moves.lon, moves.time
    step = geo.haversine_m(lat[:-1], lon[:-1], lat[1:], lon[1:])
    base = geo.haversine_m(lat[:-2], lon[:-2], lat[2:], lon[2:])
    seconds = np.maximum(np.diff(time) / 1e6, 1.0)
    out, back = step[:-1], step[1:]
    slower = np.minimum(out / seconds[:-1], back / seconds[1:]) * geo.KN_PER_M_S
    sog = np.where(np.isfinite(moves.sog), moves.sog, 10.0)
    reported = np.maximum(np.maximum(sog[:-2], sog[1:-1]), sog[2:])
    one_ship = (moves.mmsi[:-2] == moves.mmsi[1:-1]) & (moves.mmsi[1:-1] == moves.mmsi[2:])
    far = (np.minimum(out, back) > config.min_spike_m) & (base < 0.3 * np.minimum(out, back))
    spike[1:-1] = one_ship & far & (slower > 2.0 * reported + 2.0)
    return spike


def _tracks(table: pd.DataFrame, config: CleanConfig) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Follow each ship through its pings; a step that no ship can make begins another track.

    Returns
    -------
    Track number of each ping (0 for the first ship of an MMSI), and which pings fit no ship.
    """
    n = len(table)
    track, stray = np.zeros(n, dtype=np.int64), np.zeros(n, dtype=bool)
    if n < 2:
        return track, stray
    moves = _Moves.of(table)
    mmsi = moves.mmsi
    first = np.concatenate([[True], mmsi[1:] != mmsi[:-1]])
    index = np.arange(n)
    jump = np.concatenate([[False], _impossible(moves, index[:-1], index[1:], config)]) & ~first
    if not jump.any():
        return track, stray
    begins = first | jump
    suspects = np.unique(mmsi[jump])
    ping_ship = _link_pieces(moves, np.flatnonzero(begins), suspects, config)[np.cumsum(begins) - 1]
    for number in suspects.tolist():
        at = np.arange(np.searchsorted(mmsi, number), np.searchsorted(mmsi, number, side="right"))
        ships, inverse, size = np.unique(ping_ship[at], return_inverse=True, return_counts=True)
        real = (size >= config.min_track_pings) | (size == size.max())
        rank = np.full(len(ships), -1)
        rank[real] = np.arange(int(real.sum()))
        track[at] = np.maximum(rank[inverse], 0)
        stray[at] = rank[inverse] < 0
    return track, stray


def _link_pieces(
    moves: _Moves, first: NDArray[np.intp], suspects: NDArray[np.int64], config: CleanConfig
) -> NDArray[np.int64]:
    """Give each unbroken piece to the ship that could have sailed to its start, the nearest one first."""
    last = np.append(first[1:], len(moves.mmsi)) - 1
    ship = np.zeros(len(first), dtype=np.int64)
    ends: list[int] = []
    current = -1
    for piece in np.flatnonzero(np.isin(moves.mmsi[first], suspects)).tolist():
        start = int(first[piece])
        if moves.mmsi[start] != current:
            current, ends = int(moves.mmsi[start]), []
        if ends:
            at = np.array(ends)
            metres = geo.haversine_m(moves.lat[at], moves.lon[at], moves.lat[start], moves.lon[start])
            bad = _impossible(moves, at, start, config)
            choice = int(np.argmin(np.where(bad, np.inf, metres)))
            if not bad[choice]:
                ship[piece] = choice
                ends[choice] = int(last[piece])
                continue
        ship[piece] = len(ends)
        ends.append(int(last[piece]))
    return ship


def _impossible(
    moves: _Moves, start: NDArray[np.intp], end: NDArray[np.intp] | int, config: CleanConfig
) -> NDArray[np.bool_]:
    """Steps from one ping to another that no ship makes.

    The limit is a little above the reported speeds and grows with the time between, in which a ship may
    have picked up speed; ships at rest in two places are told apart that way.
    """
    metres = geo.haversine_m(moves.lat[start], moves.lon[start], moves.lat[end], moves.lon[end])
    seconds = np.maximum(np.abs(moves.time[end] - moves.time[start]) / 1e6, 1.0)
    reported = np.maximum(moves.sog[start], moves.sog[end])
    limit = reported + config.spare_speed_kn + config.pick_up_kn_min * seconds / 60.0
    limit = np.where(np.isfinite(limit), np.minimum(limit, config.max_speed_kn), config.max_speed_kn)
    result: NDArray[np.bool_] = (metres / seconds * geo.KN_PER_M_S > limit) & (metres > config.min_jump_m)
    return result
