"""From position reports near ports to clean pings.

Position reports repeat, jump and share numbers. All pings of a vessel are looked at together and in the
order of time, so that the result does not depend on how the input was cut; each row that is dropped is
counted under a reason.
"""

from __future__ import annotations

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
    status = table["nav_status"].fillna(15).to_numpy(dtype=np.int64)
    keys = [
        status,
        table["heading_deg"].to_numpy(dtype=np.float64),
        table["cog_deg"].to_numpy(dtype=np.float64),
        table["sog_kn"].to_numpy(dtype=np.float64),
        table["lon"].to_numpy(dtype=np.float64),
        table["lat"].to_numpy(dtype=np.float64),
        table["coarse"].fillna(False).to_numpy(dtype=bool),  # noqa: FBT003
        schema.to_micros(table["time"]),
        table["mmsi"].to_numpy(dtype=np.int64),
    ]
    ordered = table.iloc[np.lexsort(keys)].reset_index(drop=True)
    return ordered.assign(
        coarse=ordered["coarse"].fillna(False).astype(bool), nav_status=ordered["nav_status"].fillna(15)
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
    mmsi, time = table["mmsi"].to_numpy(), schema.to_micros(table["time"])
    lat, lon = table["lat"].to_numpy(), table["lon"].to_numpy()
    first = np.concatenate([[True], mmsi[1:] != mmsi[:-1]])
    jump = _impossible(lat[:-1], lon[:-1], time[:-1], lat[1:], lon[1:], time[1:], config)
    jump = np.concatenate([[False], jump]) & ~first
    if not jump.any():
        return track, stray
    piece_first = np.flatnonzero(first | jump)
    piece_last = np.append(piece_first[1:], n) - 1
    piece_of = np.cumsum(first | jump) - 1
    suspects = np.unique(mmsi[jump])
    ship_of_piece = _link_pieces(piece_first, piece_last, mmsi, time, lat, lon, suspects, config)
    ping_ship = ship_of_piece[piece_of]
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
    first: NDArray[np.intp],
    last: NDArray[np.intp],
    mmsi: NDArray[np.int64],
    time: NDArray[np.int64],
    lat: NDArray[np.float64],
    lon: NDArray[np.float64],
    suspects: NDArray[np.int64],
    config: CleanConfig,
) -> NDArray[np.int64]:
    """Give each unbroken piece to the ship that could have sailed to its start, the nearest one first."""
    ship = np.zeros(len(first), dtype=np.int64)
    at = np.flatnonzero(np.isin(mmsi[first], suspects))
    ends: list[int] = []
    current = -1
    for piece in at.tolist():
        start = int(first[piece])
        if mmsi[start] != current:
            current, ends = int(mmsi[start]), []
        if ends:
            e = np.array(ends)
            metres = geo.haversine_m(lat[e], lon[e], lat[start], lon[start])
            bad = _impossible(lat[e], lon[e], time[e], lat[start], lon[start], time[start], config)
            choice = int(np.argmin(np.where(bad, np.inf, metres)))
            if not bad[choice]:
                ship[piece] = choice
                ends[choice] = int(last[piece])
                continue
        ship[piece] = len(ends)
        ends.append(int(last[piece]))
    return ship


def _impossible(
    lat1: NDArray[np.float64],
    lon1: NDArray[np.float64],
    time1: NDArray[np.int64],
    lat2: NDArray[np.float64] | np.float64,
    lon2: NDArray[np.float64] | np.float64,
    time2: NDArray[np.int64] | np.int64,
    config: CleanConfig,
) -> NDArray[np.bool_]:
    metres = geo.haversine_m(lat1, lon1, lat2, lon2)
    seconds = np.maximum(np.abs(np.asarray(time2) - time1) / 1e6, 1.0)
    fast = metres / seconds * geo.KN_PER_M_S > config.max_speed_kn
    result: NDArray[np.bool_] = fast & (metres > config.min_jump_m)
    return result
