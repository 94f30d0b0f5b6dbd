"""Ship sizes: as sent, as those of ships near by, or from ships that faced each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from ais_berths import geo, schema
from ais_berths.sizes import describe_ships

DAY = pd.Timestamp("2024-03-01", tz="UTC")
LAT, LON, AXIS = 51.9, 4.0, 30.0
Row = dict[str, Any]


def lie(mmsi: int, along_m: float, turn_deg: float = 0.0, day: int | None = None) -> Row:
    """Put the antenna of a moored ship `along_m` from the beginning of a quay, each ship on its own day."""
    lat, lon = geo.offset_deg(LAT, LON, AXIS, along_m, 0.0)
    start = DAY + pd.Timedelta(days=mmsi if day is None else day)
    row = {"stop_id": f"{mmsi}-{along_m}", "mmsi": mmsi, "lat": float(lat), "lon": float(lon)}
    row |= {"heading_deg": (AXIS + turn_deg) % 360.0, "start_time": start}
    return row | {"end_time": start + pd.Timedelta("9h"), "kind": "moored"}


def both_ways(length_m: float, middle_m: float, first: int = 0, n: int = 6) -> list[Row]:
    """Ships of one length at one berth, antennas at 85 % from the bow, bow-in and bow-out by turns."""
    astern = 0.35 * length_m
    return [lie(k, middle_m - astern * (-1) ** k, turn_deg=180.0 * (k % 2)) for k in range(first, first + n)]


def describe(rows: list[Row], group: str = "cargo", **ship: Any) -> pd.DataFrame:
    vessels = pd.DataFrame(
        [{"mmsi": mmsi, "type_group": group} | ship for mmsi in {row["mmsi"] for row in rows}]
    )
    return describe_ships(schema.conform(pd.DataFrame(rows), "stops"), schema.conform(vessels, "vessels"))


@pytest.mark.parametrize("length_m", [90.0, 140.0, 250.0])
def test_lengths_follow_from_ships_that_faced_each_other(length_m: float) -> None:
    found = describe(both_ways(length_m, 0.0))
    assert found["length_m"].to_numpy() == pytest.approx([length_m] * 6, rel=0.12)
    assert found["width_m"].to_numpy() == pytest.approx(found["length_m"].to_numpy() / 6.4)
    assert not found["sized"].any()


def test_ships_that_lay_one_way_only_are_as_usual() -> None:
    rows = [row | {"heading_deg": AXIS} for row in both_ways(140.0, 0.0)]
    assert describe(rows)["length_m"].tolist() == [190.0] * 6


def test_two_berths_end_to_end_are_not_one_of_twice_the_length() -> None:
    found = describe(both_ways(100.0, 0.0) + both_ways(100.0, 120.0, first=6))
    assert found["length_m"].to_numpy() == pytest.approx([100.0] * 12, rel=0.25)


def test_ships_in_line_at_the_same_time_do_not_overlap() -> None:
    """Bow to bow, 100 m between the antennas: at one berth they are 143 m long, in line less than 60."""
    pair = [lie(1, 0.0, day=1), lie(2, 100.0, 180.0, day=1)]
    apart = describe([pair[0], pair[1] | lie(2, 100.0, 180.0, day=9)])["length_m"]
    assert apart.to_numpy() == pytest.approx([143.0] * 2, rel=0.15)
    assert not np.allclose(describe(pair)["length_m"], apart, rtol=0.1)


def test_a_ship_is_as_long_as_the_others_on_its_quay() -> None:
    lone = describe([*both_ways(100.0, 0.0), lie(9, 300.0)])
    assert lone["length_m"].iloc[-1] == pytest.approx(100.0, rel=0.2)
    far = describe([*both_ways(100.0, 0.0), lie(9, 3000.0)])
    assert far["length_m"].iloc[-1] == 190.0


def test_a_ship_that_sends_no_heading_is_as_long_as_those_near_by() -> None:
    silent = lie(9, 40.0) | {"heading_deg": np.nan}
    assert describe([*both_ways(100.0, 0.0), silent])["length_m"].iloc[-1] == pytest.approx(100.0, rel=0.12)
    assert describe([silent])["length_m"].tolist() == [190.0]


def test_seagoing_passenger_ships_are_longer_than_boats() -> None:
    sizes = [describe([lie(1, 0.0)], "passenger", imo=imo)["length_m"].iloc[0] for imo in (None, 9074729)]
    assert sizes == [50.0, 85.0]


def test_sent_sizes_are_kept() -> None:
    found = describe(both_ways(140.0, 0.0), loa_m=200.0)
    assert found["length_m"].tolist() == [200.0] * 6
    assert found["sized"].all()
    assert found["width_m"].to_numpy() == pytest.approx([200.0 / 6.4] * 6)
