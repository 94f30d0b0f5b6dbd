"""From position reports near ports to clean pings.

Position reports repeat, jump, and share MMSIs. All pings of a vessel are cleaned together, in the order of
time, so that the result does not depend on how the input was divided. Each row that is dropped is counted
under a reason.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pyarrow as pa

from ais_berths import geo, schema
from ais_berths.tracks import Tracks, order_rows
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
# A way this long, in so little time, tells the speed, whatever the errors of positions and clocks.
_LEAST_WAY_M, _MOST_S = 100.0, 180.0
# Speeds of one unit taken for another differ by more: those of knots, km/h and m/s by 1.8 and more.
_MISFIT = 4 / 3


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
    every = Tracks.in_rows(table)
    rows = _order(every, table["cell"].to_numpy())
    track = every.take(rows)
    same = _repeats(track)
    counts["duplicate", "dropped"] = int(same.sum())
    rows, track = rows[~same], track.take(~same)
    number, sort = _tracks(track, config)
    counts["jump", "dropped"] = len(number) - len(sort)
    rows, track = rows[sort], replace(track, number=number).take(sort)
    spike = _spikes(track, config)
    counts["spike", "dropped"] = int(spike.sum())
    rows, track = rows[~spike], track.take(~spike)
    counts["shared_mmsi", "flagged"] = int((track.number > 0).sum())
    counts |= _check_speeds(track)
    return _pings(table, rows, track), quality_table("clean", counts)


def ship_mmsi(mmsi: NDArray[np.int64], config: CleanConfig) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Tell which MMSIs belong to ships, and count the others by reason.

    The MMSI of a ship has nine digits and begins with 2 to 7 (ITU-R M.585-9). Aids to navigation (99), base
    stations (00), aircraft (111), handhelds (8) and craft of a parent ship (98) are no ships in port. Without
    ``ship_numbers_only`` every MMSI is accepted, as anonymous ids follow no rule.

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


def _pings(table: pd.DataFrame, rows: NDArray[np.intp], track: Tracks) -> pd.DataFrame:
    """The table ``pings`` of tracks; what they do not hold comes from `rows` of another table."""
    columns = {
        "mmsi": track.mmsi,
        "time": schema.from_micros(track.time),
        "lat": track.lat,
        "lon": track.lon,
        "sog_kn": track.sog.astype(np.float32),
        "cog_deg": track.course.astype(np.float32),
        "heading_deg": track.heading.astype(np.float32),
        "nav_status": track.status.astype(np.int8),
        "coarse": ~track.fine,
        "track": track.number.astype(np.int16),
        "cell": table["cell"].to_numpy()[rows],
    }
    return schema.conform(pd.DataFrame(columns, copy=False), "pings")


def _order(track: Tracks, cell: NDArray[np.int64]) -> NDArray[np.intp]:
    """Order of rows so that equal input in any order gives equal output: every column settles ties.

    Of equal rows, one with a cell comes before one without, 0.
    """
    ties = (~track.fine, track.lat, track.lon, track.sog, track.course, track.heading, track.status, -cell)
    return order_rows((track.mmsi, track.time), ties)


def _repeats(track: Tracks) -> NDArray[np.bool_]:
    """Rows that repeat an earlier row of the same vessel and time.

    Receivers round differently, so positions at one time that are close together are one report. A rounded
    position next to an exact one is dropped in any case.
    """
    repeat = np.zeros(len(track), dtype=bool)
    same = ~track.first[1:] & (track.time[1:] == track.time[:-1])
    at = np.flatnonzero(same) + 1
    # Compare with the first row of the same second, so that a chain of small steps does not add up.
    begins = np.diff(at, prepend=-1) > 1
    first = (at[begins] - 1)[np.cumsum(begins) - 1]
    apart_m = geo.haversine_m(track.lat[at], track.lon[at], track.lat[first], track.lon[first])
    close = apart_m <= _SAME_REPORT_M
    repeat[at] = close | (~track.fine[at] & track.fine[first])
    return repeat


def _spikes(track: Tracks, config: CleanConfig) -> NDArray[np.bool_]:
    """Single pings far from both neighbours in time, which are near each other.

    The way there and back must be faster than any of the three reported speeds; without a report, 10 kn are
    assumed.
    """
    spike = np.zeros(len(track), dtype=bool)
    far = np.flatnonzero(track.far_steps(config.min_spike_m))
    index = far[:-1][np.diff(far) == 1]
    before, after = index - 1, index + 1
    out, back = track.apart_m(before, index), track.apart_m(index, after)
    slower = np.minimum(out / _apart_s(track, before, index), back / _apart_s(track, index, after))
    sog = track.sog[np.stack([before, index, after])]
    reported = np.where(np.isfinite(sog), sog, 10.0).max(axis=0)
    hasty = slower * geo.KN_PER_M_S > 2.0 * reported + config.spare_spike_kn
    agree = track.apart_m(before, after) < 0.3 * np.minimum(out, back)
    spike[index] = agree & hasty
    return spike


def _check_speeds(track: Tracks) -> dict[tuple[str, str], int]:
    """Compare speeds that stay the same with the way to the next ping: nearly all agree if the unit is right.

    On a day at US ports 997 of 1,000 did, and 2 at most with km/h, m/s or tenths of knots taken for knots.
    """
    end = np.flatnonzero(~track.first & (track.sog > 0.5) & track.fine)
    start = end - 1
    seconds, way_m = track.step_s(end), track.apart_m(start, end)
    sog = (track.sog[start] + track.sog[end]) / 2.0
    told_m = sog / geo.KN_PER_M_S * seconds
    steady = (np.abs(track.sog[start] - track.sog[end]) <= 0.1 * sog) & (seconds <= _MOST_S)
    compared = steady & (told_m >= _LEAST_WAY_M) & track.fine[start]
    return {
        ("speed_compared", "kept"): int(compared.sum()),
        ("speed_above_way", "flagged"): int((compared & (told_m > _MISFIT * way_m)).sum()),
        ("speed_below_way", "flagged"): int((compared & (_MISFIT * told_m < way_m)).sum()),
    }


def _tracks(track: Tracks, config: CleanConfig) -> tuple[NDArray[np.int64], NDArray[np.intp]]:
    """Tell apart ships that share an MMSI: a step that no ship can make begins another track.

    Returns
    -------
    Track number of each ping (0 for the first ship of an MMSI), and the order in which the pings of ships
    that share a number come one ship after the other, without those that fit no ship.
    """
    n = len(track)
    number, order = np.zeros(n, dtype=np.int64), np.arange(n)
    far = np.flatnonzero(track.far_steps(config.min_jump_m))
    jump = far[_impossible(track, far - 1, far, config)]
    cut = np.zeros(n + 1, dtype=bool)
    # Errors hide at both ends of a jump: the pings there are pieces of their own.
    cut[far] = cut[jump - 1] = cut[jump + 1] = True
    for mmsi in np.unique(track.mmsi[jump]).tolist():
        first, last = np.searchsorted(track.mmsi, [mmsi, mmsi + 1])
        cut[first] = True
        starts = np.flatnonzero(cut[first:last]) + first
        size = np.diff(starts, append=last)
        own = np.repeat(
            share_pieces((track.lat, track.lon, track.time, track.sog), starts, size, config), size
        )
        number[first:last] = own
        order[first:last] = first + np.argsort(own, kind="stable")
    return number, order[number[order] >= 0]


def _impossible(
    track: Tracks, start: NDArray[np.intp], end: NDArray[np.intp], config: CleanConfig
) -> NDArray[np.bool_]:
    """Steps from one ping to another that no ship can make.

    The limit is a little above the reported speeds and grows with the time between, in which a ship may have
    accelerated. So even two ships at rest are told apart.
    """
    metres, seconds = track.apart_m(start, end), _apart_s(track, start, end)
    reported = np.maximum(track.sog[start], track.sog[end])
    limit = reported + config.spare_speed_kn + config.pick_up_kn_min * seconds / 60.0
    limit = np.where(np.isfinite(limit), np.minimum(limit, config.max_speed_kn), config.max_speed_kn)
    result: NDArray[np.bool_] = (metres / seconds * geo.KN_PER_M_S > limit) & (metres > config.min_jump_m)
    return result


def _apart_s(track: Tracks, i: NDArray[np.intp], j: NDArray[np.intp]) -> NDArray[np.float64]:
    """Seconds between pings, at least one."""
    seconds: NDArray[np.float64] = np.maximum(np.abs(track.time[j] - track.time[i]) / 1e6, 1.0)
    return seconds
