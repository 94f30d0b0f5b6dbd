"""Ship sizes: as sent, as those of ships near by, or from ships that faced each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from facing import AXIS, Row, both_ways, lie

from ais_berths import schema
from ais_berths.shelf import Shelf
from ais_berths.sizes import describe_ships, without_unlikely


def describe(rows: list[Row], group: str = "cargo", **ship: Any) -> pd.DataFrame:
    vessels = pd.DataFrame(
        [{"mmsi": mmsi, "type_group": group} | ship for mmsi in {row["mmsi"] for row in rows}]
    )
    return describe_ships(schema.conform(pd.DataFrame(rows), "stops"), schema.conform(vessels, "vessels"))


def test_sizes_follow_from_ships_that_faced_each_other() -> None:
    found = describe(both_ways(140.0, 0.0))
    assert found["length_m"].to_numpy() == pytest.approx([140.0] * 6, rel=0.12)
    assert found["width_m"].to_numpy() == pytest.approx(found["length_m"].to_numpy() / 6.4)
    assert not found["sized"].any()


def test_ships_that_lay_one_way_only_are_as_usual() -> None:
    rows = [row | {"heading_deg": AXIS} for row in both_ways(140.0, 0.0)]
    assert describe(rows)["length_m"].tolist() == [190.0] * 6


def test_a_ship_that_sends_no_heading_is_as_long_as_those_near_by() -> None:
    silent = lie(9, 40.0) | {"heading_deg": np.nan}
    assert describe([*both_ways(100.0, 0.0), silent])["length_m"].iloc[-1] == pytest.approx(100.0, rel=0.12)
    assert describe([silent])["length_m"].tolist() == [190.0]


def test_a_ship_of_unknown_size_is_as_large_as_others_of_its_group_around() -> None:
    def length_beside_ship_at(metres: float, group: str = "passenger") -> float:
        rows = [lie(1, 0.0), lie(2, metres)]
        vessels = pd.DataFrame(
            {
                "mmsi": [1, 2],
                "type_group": ["passenger", group],
                "loa_m": [np.nan, 140.0],
                "imo": [None, None],
            }
        )
        tables = schema.conform(pd.DataFrame(rows), "stops"), schema.conform(vessels, "vessels")
        return float(describe_ships(*tables)["length_m"].iloc[0])

    assert [length_beside_ship_at(metres) for metres in (100.0, 500.0, 700.0)] == [140.0, 140.0, 50.0]
    assert length_beside_ship_at(500.0, "cargo") == 50.0


def test_seagoing_passenger_ships_are_longer_than_boats() -> None:
    sizes = [describe([lie(1, 0.0)], "passenger", imo=imo)["length_m"].iloc[0] for imo in (None, 9074729)]
    assert sizes == [50.0, 85.0]


def test_sent_sizes_are_kept() -> None:
    found = describe(both_ways(140.0, 0.0), loa_m=200.0)
    assert found["length_m"].tolist() == [200.0] * 6
    assert found["sized"].all()
    assert found["width_m"].to_numpy() == pytest.approx([200.0 / 6.4] * 6)


def sizes_believed(
    group: str,
    loa_m: float,
    hours: float = 1.0,
    n: int = 8,
    bow_m: float | None = None,
    lever_m: Any = np.nan,
    imo: float | None = None,
) -> list[float]:
    """Length of a ship as believed, after some calls a day apart, with or without a lever of her turns."""
    start = pd.Timestamp("2024-03-01", tz="UTC") + pd.to_timedelta(range(n), unit="D")
    moored = pd.DataFrame({"mmsi": 1, "start_time": start, "end_time": start + pd.Timedelta(hours, "h")})
    ship = {"mmsi": 1, "type_group": group, "loa_m": loa_m, "to_bow_m": bow_m, "imo": imo}
    vessels = schema.conform(pd.DataFrame([ship]), "vessels")
    levers = pd.DataFrame({"lever_m": [lever_m], "lever_error_m": 4.0}, index=[1])
    return without_unlikely(vessels, Shelf([moored.iloc[:1], moored.iloc[1:]]), levers)["loa_m"].tolist()


@pytest.mark.parametrize(
    ("size", "believed"),
    [
        pytest.param({"group": "passenger", "loa_m": 246.0}, False, id="a ferry longer than any"),
        pytest.param({"group": "passenger", "loa_m": 210.0}, True, id="a large ferry"),
        pytest.param(
            {"group": "passenger", "loa_m": 246.0, "hours": 10.0}, True, id="a cruise ship for a day"
        ),
        pytest.param({"group": "passenger", "loa_m": 246.0, "n": 3}, True, id="a cruise ship seen seldom"),
        pytest.param({"group": "tanker", "loa_m": 246.0}, True, id="no passenger ship"),
        pytest.param(
            {"group": "tanker", "loa_m": 36.0, "bow_m": 28.0, "lever_m": -46.0}, False, id="too small"
        ),
        pytest.param(
            {"group": "tanker", "loa_m": 36.0, "lever_m": -46.0}, False, id="no room for the antenna"
        ),
        pytest.param({"group": "tanker", "loa_m": 70.0, "bow_m": 55.0, "lever_m": -46.0}, True, id="it fits"),
        pytest.param(
            {"group": "tanker", "loa_m": 70.0, "bow_m": 15.0, "lever_m": -38.0}, True, id="exchanged"
        ),
        pytest.param(
            {"group": "tug", "loa_m": 36.0, "bow_m": 28.0, "lever_m": -46.0}, True, id="a tug with a tow"
        ),
        pytest.param(
            {"group": "passenger", "loa_m": 9.0, "imo": 9074729}, False, id="too small for an IMO number"
        ),
        pytest.param({"group": "passenger", "loa_m": 9.0}, True, id="a water taxi"),
        pytest.param({"group": "leisure", "loa_m": 9.0, "imo": 9074729}, True, id="any boat"),
    ],
)
def test_sizes_that_behaviour_contradicts_are_not_believed(size: dict[str, Any], believed: bool) -> None:
    (length,) = sizes_believed(**size)
    assert np.isfinite(length) == believed
