"""From position reports near ports to clean pings.

Position reports repeat, jump and share numbers. All pings of a vessel are looked at together and in the
order of time, so that the result does not depend on how the input was cut; each row that is dropped is
counted under a reason.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa

from ais_berths import geo, loops, schema
from ais_berths.tracks import NOT_DEFINED, is_whole, order_rows, plane_m
from ais_berths.twins import share_pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from ais_berths.config import CleanConfig

_NEEDED = ("mmsi", "time", "lat", "lon")
# Numbers of ships begin with that of a country, 201 to 775 (ITU-R M.585-9).
_SHIP_MMSI = (201_000_000, 775_999_999)
# Positions of one second this close are one report.
_SAME_REPORT_M = 20.0


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
    table = schema.conform(pings, "pings", without=("track", "stop_id"))
    schema.check_frame(table, "pings", _NEEDED)
    # Rows are told by their position in the table, which is cut and put in order once, at the end.
    every = _Moves.of(table)
    rows = _order(table, every)
    moves = every.take(rows)
    same = _repeats(moves)
    counts["duplicate", "dropped"] = int(same.sum())
    rows, moves = rows[~same], moves.take(~same)
    track, sort = _tracks(moves, config)
    counts["jump", "dropped"] = len(track) - len(sort)
    rows, moves = rows[sort], replace(moves, track=track).take(sort)
    spike = _spikes(moves, config)
    counts["spike", "dropped"] = int(spike.sum())
    rows, moves = rows[~spike], moves.take(~spike)
    counts["shared_mmsi", "flagged"] = int((moves.track > 0).sum())
    return _pings(table, rows, moves), quality_table("clean", counts)


def ship_mmsi(mmsi: NDArray[np.int64], config: CleanConfig) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Which numbers belong to ships, and how many rows do not, by reason.

    Ship stations have nine digits that begin with 2 to 7 (ITU-R M.585-9). Aids to navigation (99),
    base stations (00), aircraft (111), handhelds (8) and craft of a parent ship (98) are no ships in port.
    Without ``ship_numbers_only`` every number is taken, as ids that were made anonymous follow no rule.

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
    return schema.to_pandas(pa.Table.from_pylist(rows, schema=schema.QUALITY))


def add_quality(tables: list[pd.DataFrame]) -> pd.DataFrame:
    """Add up quality tables of parts of the work."""
    if not tables:
        return schema.empty("quality")
    every = pd.concat(tables, ignore_index=True)
    total = every.groupby(["stage", "reason", "action"], sort=True)["rows"].sum().reset_index()
    return schema.conform(total, "quality")


def _pings(table: pd.DataFrame, rows: NDArray[np.intp], moves: _Moves) -> pd.DataFrame:
    """Make a table of pings from some rows of another; what is there as arrays need not be cut out again."""
    rest = {name: table[name].to_numpy()[rows] for name in ("sog_kn", "cog_deg", "heading_deg", "cell")}
    status = table["nav_status"].fillna(NOT_DEFINED).to_numpy(dtype=np.int8)[rows]
    known = {"mmsi": moves.mmsi, "lat": moves.lat, "lon": moves.lon, "coarse": moves.coarse}
    known |= {"track": moves.track.astype(np.int16), "nav_status": status}
    time = schema.from_micros(moves.time)
    return schema.conform(pd.DataFrame({"time": time, **known, **rest}, copy=False), "pings")


def _order(table: pd.DataFrame, moves: _Moves) -> NDArray[np.intp]:
    """Order of rows so that equal input in any order gives equal output: every column settles ties."""
    ties = (table[name].to_numpy() for name in ("cog_deg", "heading_deg"))
    status = table["nav_status"].fillna(NOT_DEFINED).to_numpy()
    return order_rows(
        (moves.mmsi, moves.time), (moves.coarse, moves.lat, moves.lon, moves.sog, *ties, status)
    )


def _repeats(moves: _Moves) -> NDArray[np.bool_]:
    """Rows of the same vessel, second and place as the row before.

    Receivers round differently: positions of one second that lie close together are one report.
    """
    mmsi, time, coarse = moves.mmsi, moves.time, moves.coarse
    repeat = np.zeros(len(mmsi), dtype=bool)
    if len(mmsi) < 2:
        return repeat
    same = (mmsi[1:] == mmsi[:-1]) & (time[1:] == time[:-1])
    at = np.flatnonzero(same) + 1
    # Compare with the first row of the same second, so that a chain of small steps does not add up.
    begins = np.diff(at, prepend=-1) > 1
    first = (at[begins] - 1)[np.cumsum(begins) - 1]
    apart_m = geo.haversine_m(moves.lat[at], moves.lon[at], moves.lat[first], moves.lon[first])
    close = apart_m <= _SAME_REPORT_M
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
    coarse: NDArray[np.bool_]

    @classmethod
    def of(cls, table: pd.DataFrame) -> _Moves:
        return cls(
            mmsi=table["mmsi"].to_numpy(dtype=np.int64),
            track=np.zeros(len(table), dtype=np.int64),
            # Loops are compiled for arrays that may be written to, which those of frames may not.
            time=np.array(schema.to_micros(table["time"])),
            lat=np.array(table["lat"], dtype=np.float64),
            lon=np.array(table["lon"], dtype=np.float64),
            sog=table["sog_kn"].to_numpy(dtype=np.float64),
            # Not fillna: flags with nulls are objects, and pandas 2.2 warns of making them flags again.
            coarse=table["coarse"].eq(True).to_numpy(dtype=bool),
        )

    def take(self, rows: NDArray[Any]) -> _Moves:
        """Pings at positions, or where a mask is true."""
        if is_whole(rows, len(self.mmsi)):
            return self
        rows = np.flatnonzero(rows) if rows.dtype == np.bool_ else rows
        return _Moves(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def far_steps(self, limit_m: float) -> NDArray[np.intp]:
        """Pings that lie further than this from the ping of the same ship before."""
        first = np.ones(len(self.mmsi), dtype=bool)
        first[1:] = (self.mmsi[1:] != self.mmsi[:-1]) | (self.track[1:] != self.track[:-1])
        return np.flatnonzero(loops.far_steps(first, ~self.coarse, self.lat, self.lon, limit_m, 0.0))

    def apart_m(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.float64]:
        return plane_m(self.lat[i], self.lon[i], self.lat[j], self.lon[j])

    def apart_s(self, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.float64]:
        seconds: NDArray[np.float64] = np.maximum(np.abs(self.time[j] - self.time[i]) / 1e6, 1.0)
        return seconds


def _spikes(moves: _Moves, config: CleanConfig) -> NDArray[np.bool_]:
    """Single pings far out from two neighbours that agree, both ways faster than any of the three reports.

    Where no speed is reported, 10 kn are assumed.
    """
    spike = np.zeros(len(moves.mmsi), dtype=bool)
    far = moves.far_steps(config.min_spike_m)
    index = far[:-1][np.diff(far) == 1]
    before, after = index - 1, index + 1
    out, back = moves.apart_m(before, index), moves.apart_m(index, after)
    slower = np.minimum(out / moves.apart_s(before, index), back / moves.apart_s(index, after))
    sog = moves.sog[np.stack([before, index, after])]
    reported = np.where(np.isfinite(sog), sog, 10.0).max(axis=0)
    hasty = slower * geo.KN_PER_M_S > 2.0 * reported + config.spare_spike_kn
    agree = moves.apart_m(before, after) < 0.3 * np.minimum(out, back)
    spike[index] = agree & hasty
    return spike


def _tracks(moves: _Moves, config: CleanConfig) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Follow each ship through its pings; a step that no ship can make begins another track.

    Returns
    -------
    Track number of each ping (0 for the first ship of an MMSI), and the order in which the pings of ships
    that share a number come one ship after the other, without those that fit no ship.
    """
    n = len(moves.mmsi)
    track, order = np.zeros(n, dtype=np.int64), np.arange(n)
    far = moves.far_steps(config.min_jump_m)
    jump = far[_impossible(moves, far - 1, far, config)]
    cut = np.zeros(n + 1, dtype=bool)
    # Errors hide at both ends of a jump: the pings there are pieces of their own.
    cut[far] = cut[jump - 1] = cut[jump + 1] = True
    for mmsi in np.unique(moves.mmsi[jump]).tolist():
        first, last = np.searchsorted(moves.mmsi, [mmsi, mmsi + 1])
        cut[first] = True
        starts = np.flatnonzero(cut[first:last]) + first
        size = np.diff(starts, append=last)
        own = np.repeat(
            share_pieces((moves.lat, moves.lon, moves.time, moves.sog), starts, size, config), size
        )
        track[first:last] = own
        order[first:last] = first + np.argsort(own, kind="stable")
    return track, order[track[order] >= 0]


def _impossible(
    moves: _Moves, start: NDArray[np.intp], end: NDArray[np.intp], config: CleanConfig
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
