"""Ships with sizes, antenna positions and habits drawn from what real ships send.

The quantiles were measured on 1,346 ships with a usable static report (of 1,360; A = C = 0 and impossible
shapes left out), decoded from public AIS test files: Denmark 2010 and 2013, Australia, exactEarth 2012 and
2021. They say what ships *send*; the simulated ships take them for true.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

SHARES = (0, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1)
"""Shares of the ships at which `BOW_PERCENT` gives the antenna position."""

# fmt: off
BOW_PERCENT: dict[str, dict[int, tuple[int, ...]]] = {
    "cargo": {
        60: (8, 9, 13, 19, 20, 21, 24, 29, 40, 51, 71, 79, 83, 83, 92),  # n = 22
        150: (0, 14, 20, 44, 71, 75, 78, 80, 82, 84, 86, 88, 91, 92, 96),  # n = 141
        250: (4, 13, 52, 77, 81, 82, 84, 85, 85, 86, 87, 88, 89, 91, 97),  # n = 313
        999: (4, 31, 73, 74, 75, 76, 77, 84, 85, 86, 86, 87, 88, 90, 93),  # n = 129
    },
    "tanker": {
        100: (9, 32, 62, 69, 72, 74, 75, 78, 79, 80, 82, 84, 85, 86, 87),  # n = 34
        200: (8, 76, 78, 79, 79, 81, 81, 81, 82, 82, 83, 84, 86, 87, 92),  # n = 85
        999: (6, 68, 79, 81, 82, 83, 83, 84, 84, 85, 85, 86, 87, 87, 88),  # n = 66
    },
    "passenger": {
        60: (10, 17, 20, 26, 29, 32, 33, 43, 47, 50, 50, 50, 63, 80, 83),  # n = 39
        150: (9, 14, 16, 16, 18, 21, 21, 22, 25, 27, 43, 47, 51, 60, 90),  # n = 18
        999: (7, 9, 11, 11, 11, 11, 12, 13, 15, 16, 20, 23, 23, 24, 24),  # n = 12
    },
    "tug": {
        999: (7, 15, 17, 20, 22, 25, 27, 31, 33, 36, 40, 46, 51, 60, 100),  # n = 157
    },
    "fishing": {
        30: (13, 23, 28, 31, 33, 45, 50, 52, 67, 71, 75, 80, 85, 88, 100),  # n = 36
        999: (16, 21, 24, 26, 28, 30, 31, 34, 49, 52, 61, 68, 70, 73, 81),  # n = 31
    },
    "leisure": {
        25: (26, 29, 38, 39, 43, 49, 50, 52, 62, 70, 83, 87, 94, 100, 100),  # n = 32
        999: (22, 26, 37, 40, 41, 41, 43, 50, 50, 63, 68, 79, 83, 90, 100),  # n = 30
    },
    "service": {
        999: (4, 16, 22, 28, 35, 36, 42, 50, 50, 64, 67, 73, 78, 81, 86),  # n = 34
    },
}
"""Antenna to bow in percent of the length, A / (A + B), by vessel group and length up to (m)."""

SIZE_SHARES = (0, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 1)
LENGTH_M = {
    "cargo": (16, 72, 89, 143, 190, 230, 290, 292, 363),  # n = 605
    "tanker": (42, 65, 80, 119, 180, 243, 277, 332, 340),  # n = 185
    "passenger": (12, 17, 20, 30, 49, 114, 199, 257, 294),  # n = 69
    "tug": (10, 16, 19, 24, 30, 40, 64, 75, 201),  # n = 157
    "fishing": (10, 12, 15, 19, 26, 56, 71, 80, 103),  # n = 67
    "leisure": (7, 10, 11, 16, 25, 42, 50, 58, 105),  # n = 62
    "service": (7, 10, 11, 14, 16, 22, 34, 45, 282),  # n = 34
}
SLENDERNESS: dict[str, dict[int, tuple[float, ...]]] = {
    "cargo": {
        100: (2.67, 3.60, 4.00, 4.74, 6.03, 6.82, 7.39, 7.79, 10.12),  # n = 84
        200: (2.97, 5.45, 5.80, 5.94, 6.25, 6.58, 7.18, 7.41, 10.00),  # n = 261
        999: (5.02, 5.74, 6.03, 6.31, 6.68, 7.16, 8.12, 8.25, 9.19),  # n = 260
    },
    "tanker": {
        100: (2.71, 4.15, 4.38, 5.38, 6.16, 6.50, 6.72, 7.00, 9.29),  # n = 34
        200: (4.55, 5.49, 5.63, 5.72, 6.05, 6.55, 6.89, 7.05, 8.83),  # n = 85
        999: (5.45, 5.51, 5.54, 5.66, 5.74, 6.02, 6.55, 7.12, 7.25),  # n = 66
    },
    "passenger": {
        60: (1.88, 2.23, 2.50, 3.00, 3.75, 4.58, 5.43, 5.56, 9.00),  # n = 39
        150: (3.81, 4.26, 4.66, 5.32, 5.82, 6.07, 6.36, 6.84, 7.62),  # n = 18
        999: (5.57, 5.69, 5.78, 6.51, 7.81, 8.20, 8.62, 8.77, 8.91),  # n = 12
    },
    "tug": {999: (2.00, 2.27, 2.38, 2.67, 3.00, 3.68, 4.53, 4.81, 9.57)},  # n = 157
    "fishing": {
        30: (2.50, 2.59, 2.92, 3.09, 3.62, 4.00, 4.90, 5.00, 5.50),  # n = 36
        999: (3.82, 4.15, 4.17, 4.88, 5.43, 6.24, 6.67, 6.94, 9.67),  # n = 31
    },
    "leisure": {
        25: (2.00, 2.24, 2.52, 3.00, 3.33, 3.88, 4.15, 4.32, 6.00),  # n = 32
        999: (2.36, 2.78, 3.22, 4.00, 4.70, 5.42, 6.15, 6.27, 8.00),  # n = 30
    },
    "service": {999: (2.38, 2.50, 2.58, 3.00, 3.30, 3.65, 4.60, 5.55, 8.00)},  # n = 34
}
"""Length over width, by vessel group and length up to (m)."""
PORT_SHARE = (0.0, 0.22, 0.29, 0.40, 0.50, 0.60, 0.71, 0.76, 1.0)  # C / (C + D), all groups, n = 1,346
# fmt: on


@dataclass(frozen=True)
class Trade:
    """What ships of one trade have in common."""

    group: str
    type_codes: tuple[int, ...]
    cruise_kn: float
    class_b: float = 0.0


TRADES = {
    "container": Trade("cargo", (70, 70, 70, 71, 72, 79), 14.0),
    "general": Trade("cargo", (70, 70, 70, 79), 11.0),
    "bulk": Trade("cargo", (70, 70, 79), 12.0),
    "tanker": Trade("tanker", (80, 80, 80, 81, 82, 83, 84, 89), 12.0),
    "bunker": Trade("tanker", (80, 89), 7.0),
    "cruise": Trade("passenger", (60, 60, 69), 15.0),
    "ferry": Trade("passenger", (60, 60, 69), 16.0),
    "tug": Trade("tug", (52, 52, 31), 9.0),
    "pilot": Trade("service", (50,), 16.0, class_b=0.1),
    "fishing": Trade("fishing", (30,), 8.0, class_b=0.4),
    "yacht": Trade("leisure", (36, 37), 5.0, class_b=0.9),
    "towing": Trade("tug", (31, 32, 52), 5.0),
}

_COUNTRIES = (219, 229, 232, 236, 247, 256, 308, 311, 354, 372, 413, 431, 477, 503, 538, 563, 565, 636)
_SYLLABLES = (
    *("AL", "BRA", "CO", "DEL", "EM", "FJORD", "GA", "HAN", "IS", "JU", "KAI", "LO", "MA", "NOR"),
    *("OR", "PA", "QUE", "RI", "SAN", "TE", "UL", "VI", "WIND", "XI", "YA", "ZE", "STAR", "SEA"),
)


def draw_ships(
    rng: np.random.Generator, trade: str, count: int, shortest_m: float, longest_m: float
) -> pd.DataFrame:
    """Draw ships of one trade whose length lies between two bounds.

    Parameters
    ----------
    rng
        Source of chance.
    trade
        A key of `TRADES`.
    count
        How many ships.
    shortest_m, longest_m
        Bounds of the length; within them ships follow `LENGTH_M` of their group.

    Returns
    -------
    One row per ship: trade, group, type_code, class_b, cruise_kn, length_m, width_m, to_bow_m, to_port_m.

    Examples
    --------
    >>> ships = draw_ships(np.random.default_rng(1), "tanker", 3, 100, 200)
    >>> ships["length_m"].between(100, 200).all() and ships["to_bow_m"].le(ships["length_m"]).all()
    np.True_
    """
    kind = TRADES[trade]
    lengths = np.asarray(LENGTH_M[kind.group], dtype=np.float64)
    low, high = np.interp([shortest_m, longest_m], lengths, SIZE_SHARES)
    length = np.clip(
        np.interp(rng.uniform(low, high, count), SIZE_SHARES, lengths) + rng.uniform(-2, 2, count),
        shortest_m,
        longest_m,
    )
    slender = _by_length(rng, SLENDERNESS[kind.group], SIZE_SHARES, length)
    width = np.clip(length / slender, 2.5, 62.0)
    return pd.DataFrame(
        {
            "trade": trade,
            "type_group": kind.group,
            "type_code": rng.choice(kind.type_codes, count),
            "class_b": rng.random(count) < kind.class_b,
            "cruise_kn": kind.cruise_kn * rng.uniform(0.85, 1.2, count),
            "length_m": length,
            "width_m": width,
            "to_bow_m": length * _by_length(rng, BOW_PERCENT[kind.group], SHARES, length) / 100,
            "to_port_m": width * np.interp(rng.random(count), SIZE_SHARES, PORT_SHARE),
        }
    )


def name_ships(rng: np.random.Generator, ships: pd.DataFrame, n_shared: int) -> pd.DataFrame:
    """Give ships their identity, their sent dimensions with the usual mistakes, and their habits.

    Parameters
    ----------
    ships
        Rows of `draw_ships` with a `port` column.
    n_shared
        Pairs of ships that send the same MMSI.

    Returns
    -------
    The rows with mmsi, imo, name, call_sign, draught_m, the sent dimensions dim_a dim_b dim_c dim_d, and the
    habits: no_heading, fixed_status (-1 for ships that set it), forgets (sends moored
    when under way), gyro_deg, noise (factor), silent_home.
    """
    n = len(ships)
    serial = rng.permutation(900_000)[:n] + 50_000
    mmsi = rng.choice(_COUNTRIES, n).astype(np.int64) * 1_000_000 + serial
    merchant = (~ships["class_b"]) & (ships["length_m"] > 40)
    no_heading = np.where(ships["class_b"], rng.random(n) < 0.85, rng.random(n) < 0.10)
    habit = rng.random(n)
    out = ships.assign(
        mmsi=mmsi,
        imo=np.where(merchant & (rng.random(n) < 0.93), _imo_numbers(rng, n), 0),
        name=_names(rng, n),
        call_sign=[f"{'ABCDEHLOPSVX3579'[i % 16]}{i % 9 + 1}{'KLMNPRST'[i % 8]}{i:05d}"[:7] for i in serial],
        draught_m=np.round(np.clip(ships["width_m"] * rng.uniform(0.25, 0.42, n), 0.8, 22.0), 1),
        no_heading=no_heading,
        fixed_status=np.select([ships["class_b"], habit < 0.09, habit < 0.12], [15, 0, 5], -1),
        forgets=rng.random(n) < 0.08,
        gyro_deg=rng.normal(0.0, 1.2, n),
        noise=np.clip(rng.lognormal(0.0, 0.35, n), 0.4, 3.0),
        silent_home=ships["class_b"] & (rng.random(n) < 0.4),
    )
    share = _shared_pairs(rng, out, n_shared)
    out.loc[share[:, 1], "mmsi"] = out.loc[share[:, 0], "mmsi"].to_numpy()
    return _send_dimensions(rng, out)


def _by_length(
    rng: np.random.Generator,
    bands: Mapping[int, Sequence[float]],
    shares: Sequence[float],
    length: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Draw from the quantiles of the band in which each length lies."""
    values = np.empty_like(length)
    band = np.searchsorted(list(bands), length)
    for i, quantiles in enumerate(bands.values()):
        chosen = band == i
        values[chosen] = np.interp(rng.random(int(chosen.sum())), shares, quantiles)
    return values


def _send_dimensions(rng: np.random.Generator, ships: pd.DataFrame) -> pd.DataFrame:
    """Round to metres, then spoil: all zero 2 % (leisure 13 %), A = C = 0 3 %, wrong 2 %."""
    n = len(ships)
    ahead = ships["to_bow_m"].round().clip(lower=1)
    port = ships["to_port_m"].round().clip(lower=1)
    dims = np.column_stack(
        [
            ahead,
            (ships["length_m"].round() - ahead).clip(lower=0),
            port,
            (ships["width_m"].round() - port).clip(lower=0),
        ]
    )
    chance = rng.random(n)
    zero = chance < np.where(ships["type_group"] == "leisure", 0.13, 0.02)
    unreferenced = ~zero & (chance > 0.97)
    swapped = ~zero & (chance > 0.955) & (chance <= 0.97)
    wrong = ~zero & (chance > 0.945) & (chance <= 0.955)
    dims[swapped] = dims[swapped][:, [1, 0, 3, 2]]
    dims[wrong] = np.round(dims[wrong] * rng.choice([0.1, 0.5, 3.0], (int(wrong.sum()), 1)))
    dims[unreferenced] = np.column_stack(
        [
            np.zeros(int(unreferenced.sum())),
            dims[unreferenced][:, :2].sum(axis=1),
            np.zeros(int(unreferenced.sum())),
            dims[unreferenced][:, 2:].sum(axis=1),
        ]
    )
    dims[zero] = 0
    out = ships.assign(**dict(zip(("dim_a", "dim_b", "dim_c", "dim_d"), dims.T, strict=True)))
    untyped = rng.random(n) < np.where(ships["class_b"], 0.10, 0.03)
    return out.assign(sent_type=np.where(untyped, 0, ships["type_code"]))


def _shared_pairs(rng: np.random.Generator, ships: pd.DataFrame, n_shared: int) -> NDArray[np.int64]:
    """Pairs of merchant ships, each ship in one pair at most."""
    able = ships.index[(~ships["class_b"]) & ships["type_group"].isin(["cargo", "tanker"])].to_numpy()
    picked = rng.permutation(able)[: 2 * min(n_shared, len(able) // 2)]
    pairs: NDArray[np.int64] = picked.reshape(-1, 2).astype(np.int64)
    return pairs


def _imo_numbers(rng: np.random.Generator, n: int) -> NDArray[np.int64]:
    """Seven digits of which the last checks the others."""
    digits = rng.permutation(900_000)[:n] + 100_000
    weights = np.array([7, 6, 5, 4, 3, 2])
    check = ((digits[:, None] // 10 ** np.arange(5, -1, -1) % 10) * weights).sum(axis=1) % 10
    numbers: NDArray[np.int64] = digits * 10 + check
    return numbers


def _names(rng: np.random.Generator, n: int) -> list[str]:
    parts = rng.choice(_SYLLABLES, (n, 3))
    numbers = rng.integers(1, 99, n)
    return [f"{a}{b}{c} {i}" for (a, b, c), i in zip(parts.tolist(), numbers.tolist(), strict=True)]
