"""Anchorages: groups of anchored stops, their polygons and names."""

from __future__ import annotations

from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod

from ais_berths import geo, schema
from ais_berths.anchorages import find_anchorages
from ais_berths.config import AnchoragesConfig

CONFIG = AnchoragesConfig()
GEOD = Geod(ellps="WGS84")
DAY = pd.Timestamp("2024-03-01", tz="UTC")
PLACES = {
    "Rotterdam": (51.9, 4.0),
    "Tromso": (69.65, 18.96),
    "Ushuaia": (-54.81, -68.3),
    "Taveuni": (-16.8, 179.9995),
}
Row = dict[str, Any]


def anchored(name: str, east_m: float = 0.0, north_m: float = 0.0, **more: Any) -> Row:
    """Anchor a ship for ten hours, swinging 150 m about a place."""
    row = {"stop_id": name, "mmsi": sum(name.encode()), "east_m": east_m, "north_m": north_m}
    return row | {"kind": "anchored", "drift_radius_m": 150.0, "hours": 10.0, "loa_m": 200.0} | more


def find(
    *rows: Row, place: str = "Rotterdam", config: AnchoragesConfig = CONFIG
) -> tuple[gpd.GeoDataFrame, pd.DataFrame]:
    frame = pd.DataFrame(list(rows))
    lat, lon = PLACES[place]
    frame["lat"], frame["lon"] = geo.offset_deg(lat, lon, 0.0, frame["north_m"], frame["east_m"])
    frame["start_time"] = DAY
    frame["end_time"] = DAY + pd.to_timedelta(frame["hours"], unit="h")
    frame["dwell_h"] = frame["hours"]
    vessels = schema.conform(frame, "vessels").drop_duplicates("mmsi", ignore_index=True)
    ports = pd.DataFrame({"port_id": ["7"], "locode": ["XXABC"], "lat": [lat], "lon": [lon]})
    return find_anchorages(schema.conform(frame, "stops"), vessels, ports, config)


def groups(members: pd.DataFrame) -> list[str]:
    return sorted("".join(sorted(ships)) for _, ships in members.groupby("anchorage_id")["stop_id"])


def area_km2(shape: shapely.Geometry) -> float:
    return abs(GEOD.geometry_area_perimeter(shapely.geometry.polygon.orient(shape))[0]) / 1e6


@pytest.mark.parametrize("place", PLACES)
def test_ships_close_together_share_an_anchorage(place: str) -> None:
    rows = [anchored(name, 500.0 * n) for n, name in enumerate("abcd")]
    rows += [anchored("x", 9000.0), anchored("y", 9000.0, 600.0, loa_m=300.0, hours=30.0)]
    table, members = find(*rows, anchored("z", 0.0, 20_000.0), place=place)
    table = table.sort_values("n_stops", ascending=False)
    assert groups(members) == ["abcd", "xy"]
    assert table["n_stops"].tolist() == [4, 2]
    assert table["port_id"].tolist() == ["7", "7"]
    assert table["loa_max_m"].tolist() == [200.0, 300.0]
    assert table["dwell_p50_h"].tolist() == [10.0, 20.0]
    assert table.geometry.is_valid.all()
    # Swing circles of 150 m, 1,500 m apart: a stadium.
    assert table["area_km2"].iloc[0] == pytest.approx(1.5 * 0.3 + np.pi * 0.15**2, rel=0.02)
    assert table.geometry.map(area_km2).tolist() == pytest.approx(table["area_km2"].tolist(), rel=0.01)


def test_every_anchored_ship_lies_in_the_polygon_of_its_anchorage() -> None:
    rows = [anchored(f"s{n}", 900.0 * np.sin(n), 900.0 * np.cos(2 * n), mmsi=n % 3) for n in range(12)]
    table, members = find(*rows)
    assert table[["n_stops", "n_vessels"]].to_numpy().tolist() == [[12, 3]]
    lat, lon = geo.offset_deg(
        51.9, 4.0, 0.0, [row["north_m"] for row in rows], [row["east_m"] for row in rows]
    )
    assert shapely.covers(table.geometry.iloc[0], shapely.points(lon, lat)).all()
    assert set(members["anchorage_id"]) == set(table["anchorage_id"])


def test_only_anchored_ships_count() -> None:
    rows = [
        anchored(kind, 10.0 * n, kind=kind) for n, kind in enumerate(["moored", "buoy", "adrift", "anchored"])
    ]
    table, members = find(*rows, anchored("b"))
    assert members["stop_id"].tolist() == ["anchored", "b"]
    assert table["n_stops"].tolist() == [2]


def test_the_settings_say_how_close_and_how_many() -> None:
    rows = [anchored(name, 600.0 * n) for n, name in enumerate("abc")]
    assert groups(find(*rows)[1]) == ["abc"]
    assert groups(find(*rows, config=AnchoragesConfig(eps_m=500.0))[1]) == []
    assert groups(find(*rows, config=AnchoragesConfig(min_stops=4))[1]) == []
    assert groups(find(*rows, config=AnchoragesConfig(eps_m=500.0, min_stops=1))[1]) == ["a", "b", "c"]


def test_names_hold_port_and_place() -> None:
    table, _ = find(anchored("a"), anchored("b", 100.0), anchored("x", 5000.0), anchored("y", 5100.0))
    assert table["anchorage_id"].str.fullmatch(r"XXABC-A[0-9a-f]{10}").all()
    assert table["anchorage_id"].is_unique


def test_a_drift_that_is_not_known_is_a_small_circle() -> None:
    table, _ = find(anchored("a", drift_radius_m=3.0), anchored("b", drift_radius_m=3.0))
    assert table["area_km2"].iloc[0] == pytest.approx(np.pi * 0.1**2, rel=0.02)


def test_nothing_in_nothing_out() -> None:
    full, _ = find(anchored("a"), anchored("b"))
    for rows in ([anchored("a", kind="moored")], [anchored("a")]):
        table, members = find(*rows)
        assert len(table) == len(members) == 0
        assert isinstance(table, gpd.GeoDataFrame)
        assert set(table.columns) == set(full.columns)
        assert members.columns.tolist() == ["stop_id", "anchorage_id"]


SPOTS = st.lists(st.tuples(st.floats(-4000, 4000), st.floats(-4000, 4000)), min_size=1, max_size=15)


@settings(max_examples=30)
@given(SPOTS, st.sampled_from(list(PLACES)), st.randoms(use_true_random=False))
def test_anchorages_do_not_depend_on_the_order_of_the_stops(
    spots: list[Any], place: str, random: Any
) -> None:
    rows = [anchored(chr(97 + n), east, north) for n, (east, north) in enumerate(spots)]
    table, members = find(*rows, place=place)
    again, shuffled = find(*random.sample(rows, len(rows)), place=place)
    in_order = shuffled.sort_values("stop_id", ignore_index=True)
    pd.testing.assert_frame_equal(in_order, members.sort_values("stop_id", ignore_index=True))
    table, again = (frame.sort_values("anchorage_id", ignore_index=True) for frame in (table, again))
    assert again["area_km2"].tolist() == pytest.approx(table["area_km2"].tolist(), rel=1e-9)
    assert table["n_stops"].sum() == len(members)
