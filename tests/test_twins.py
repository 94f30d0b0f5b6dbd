"""Ships that share an MMSI, and very many pings of one number."""

from __future__ import annotations

import time
import tracemalloc

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths.config import CleanConfig, StopsConfig
from ais_berths.pings import clean_pings
from ais_berths.stops import detect_stops
from ais_berths.twins import share_pieces

CONFIG = CleanConfig()
MMSI = 244000001


def reports(n: int, ships: int, step_s: float = 10.0) -> pd.DataFrame:
    """Reports of ships at berths some kilometres apart, that take turns on one number."""
    number = np.arange(n)
    noise = np.random.default_rng(n).normal(0.0, 2e-5, (2, n))
    stamp = np.datetime64("2020-01-01", "us") + (number * step_s * 1e6).astype("timedelta64[us]")
    return pd.DataFrame(
        {
            "mmsi": MMSI,
            "time": pd.to_datetime(stamp, utc=True),
            "lat": 51.87 + 0.03 * (number % ships) + noise[0],
            "lon": 4.33 + noise[1],
            "sog_kn": np.float32(0.0),
            "heading_deg": np.float32(80.0),
        }
    )


def shares(lat: list[float], seconds: list[float], sog: float = 0.0) -> list[int]:
    """Ship of each of some single pings."""
    n = len(lat)
    times = (np.array(seconds) * 1e6).astype(np.int64)
    columns = (np.array(lat), np.full(n, 4.1), times, np.full(n, sog))
    return share_pieces(columns, np.arange(n), np.ones(n, np.int64), CONFIG).tolist()


@pytest.mark.parametrize("ships", [1, 2, 5])
def test_very_many_pings_of_one_number(ships: int) -> None:
    """Ten million take as long as fifty of this: the loops are compiled, and that over ships is short."""
    detect_stops(clean_pings(reports(1000, 2), CONFIG)[0], StopsConfig())  # compiles the loops
    n = 200_000
    begin = time.process_time()
    clean, quality = clean_pings(reports(n, ships), CONFIG)
    stops, stop_id = detect_stops(clean, StopsConfig())
    # Some ten times what it takes; arrays for each piece took longer.
    assert time.process_time() - begin < 2.0 * ships
    assert quality["rows"].sum() == n - n // ships if ships > 1 else quality.empty
    assert stops["n_pings"].tolist() == [n // ships] * ships
    assert stop_id.notna().all()


def test_memory_of_very_many_pings() -> None:
    n = 200_000
    pings = reports(n, 1)
    tracemalloc.start()
    try:
        detect_stops(clean_pings(pings, CONFIG)[0], StopsConfig())
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak / n < 350


def test_a_piece_that_no_ship_can_sail_to_is_another_ships() -> None:
    assert shares([51.9, 52.0] * 6, [10.0 * k for k in range(12)]) == [0, 1] * 6
    # Hours later a ship may well be there.
    assert set(shares([51.9, 52.0] * 6, [7200.0 * k for k in range(12)])) == {0}


def test_speeds_that_are_not_known_explain_no_way() -> None:
    lat = [51.9 + 0.01 * k for k in range(10)]
    # 1.1 km in a minute are 36 knots: too fast for a ship at rest, not for one of unknown speed.
    assert set(shares(lat, [60.0 * k for k in range(10)], np.nan)) == {0}
    assert set(shares(lat, [60.0 * k for k in range(10)], 0.0)) != {0}


def test_ships_on_both_sides_of_the_antimeridian_are_near() -> None:
    lon = np.array([179.999, -179.999] * 5)
    columns = (np.full(10, 70.0), lon, np.arange(10) * 10_000_000, np.zeros(10))
    assert set(share_pieces(columns, np.arange(10), np.ones(10, np.int64), CONFIG).tolist()) == {0}


@given(
    st.lists(
        st.tuples(st.floats(51.0, 52.0), st.floats(0.0, 1e4), st.integers(1, 9)), min_size=1, max_size=30
    )
)
def test_every_piece_has_a_ship_or_none(pieces: list[tuple[float, float, int]]) -> None:
    """Ships are numbered from 0 without gaps, and one of them has the most pings."""
    size = np.array([n for _, _, n in pieces])
    starts = np.cumsum(size) - size
    lat = np.repeat([lat for lat, _, _ in pieces], size)
    times = np.sort(np.repeat([int(s * 1e6) for _, s, _ in pieces], size))
    columns = (lat, np.full(len(lat), 4.1), times, np.zeros(len(lat)))
    found = share_pieces(columns, starts, size, CONFIG)
    assert len(found) == len(pieces)
    assert set(found) - {-1} <= set(range(len(pieces)))
    assert found.max() >= 0
