"""Berth polygons and what is said about each berth."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Geod
from quayside import DAY, PLACES, Row, calls, lie, lie_all, put_down

from ais_berths import geo, schema
from ais_berths.berths import find_berths
from ais_berths.config import BerthsConfig

if TYPE_CHECKING:
    import geopandas as gpd

CONFIG = BerthsConfig()
GEOD = Geod(ellps="WGS84")
MORE = {"kind": "moored", "n_pings": 9, "hull_basis": "antenna", "type_group": "cargo"}
"""What else is known of a ship at a berth."""


def tables(*rows: Row, place: str = "Rotterdam") -> tuple[pd.DataFrame, ...]:
    frame = put_down([MORE | row for row in rows], place)
    frame["dwell_h"], frame["loa_m"], frame["beam_m"] = frame["hours"], frame["length_m"], frame["width_m"]
    hulls = frame[frame["kind"] == "moored"]
    vessels = schema.conform(frame, "vessels").drop_duplicates("mmsi", ignore_index=True)
    return schema.conform(frame, "stops"), schema.conform(hulls, "hulls"), vessels


def find(*rows: Row, place: str = "Rotterdam", config: BerthsConfig = CONFIG) -> gpd.GeoDataFrame:
    """Berths by the first of their stops."""
    berths, members = find_berths(*tables(*rows, place=place), config)
    first = members.groupby("number")["stop_id"].min()
    return berths.set_index(berths["number"].map(first)).sort_index()


def area_m2(shape: shapely.Geometry) -> float:
    return abs(GEOD.geometry_area_perimeter(shape)[0])


def outline_m(shape: shapely.Polygon) -> list[float]:
    """Lengths of the four sides, the shortest first."""
    lon, lat = shape.exterior.coords.xy
    assert len(lon) == 5
    return sorted(GEOD.line_lengths(lon, lat))


# the polygon --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
def test_one_ship_makes_a_berth_of_its_size_along_the_quay(place: str) -> None:
    lat, lon, axis = PLACES[place]
    berth = find(lie("a", turn_deg=180.0), place=place).iloc[0]
    assert outline_m(berth.geometry) == pytest.approx([30.0, 30.0, 200.0, 200.0], rel=2e-3)
    assert (berth["length_m"], berth["width_m"], berth["heading_deg"]) == pytest.approx((200.0, 30.0, axis))
    middle = berth.geometry.centroid
    assert float(geo.haversine_m(lat, lon, middle.y, middle.x)) < 0.1
    lons, lats = berth.geometry.exterior.coords.xy
    azimuths, _, metres = GEOD.inv(lons[:-1], lats[:-1], lons[1:], lats[1:])
    along = np.array(azimuths)[np.array(metres) > 100.0]
    assert np.abs(geo.turn_deg(axis, along, period=180.0)).max() < 0.1


def test_one_wrong_position_and_one_wrong_size_do_not_stretch_a_polygon() -> None:
    visits = calls("abcdefghijklmnopqrst", 0.0)
    usual = find(*visits).loc["a"]
    wrong = [lie("x", 60.0, 30.0), lie("y", 0.0, 31.0, length_m=400.0), lie("z", 0.0, 32.0, width_m=70.0)]
    for row in wrong:
        berths = find(*visits, row)
        assert berths.index.tolist() == ["a"]
        assert berths["n_stops"].tolist() == [21]
        assert area_m2(berths.geometry["a"]) == pytest.approx(area_m2(usual.geometry), rel=0.06)


def test_more_calls_of_the_same_fleet_do_not_grow_the_area() -> None:
    rng = np.random.default_rng(1)
    play = rng.normal(0.0, [6.0, 1.5], (400, 2))
    visits = [lie(f"s{n:03d}", *at, mmsi=n % 8, day=n) for n, at in enumerate(play[:, :1].tolist())]
    visits = [row | {"across_m": across} for row, across in zip(visits, play[:, 1].tolist(), strict=True)]
    areas = [area_m2(find(*visits[:n]).geometry.iloc[0]) for n in (20, 100, 400)]
    assert max(areas) / min(areas) < 1.08
    assert areas[-1] < 1.35 * 200.0 * 30.0


def test_rafted_ships_and_odd_visits_count_and_do_not_shape_the_berth() -> None:
    alongside = calls("abcdef", 0.0)
    alone = find(*alongside).loc["a"]
    outer = lie("r", 0.0, 1.1, across_m=27.0, width_m=20.0, length_m=120.0, hours=5.0)
    berth = find(*alongside, outer).loc["a"]
    assert (berth["n_stops"], alone["n_stops"]) == (7, 6)
    assert berth.geometry.equals_exact(alone.geometry, 1e-9)
    _, members = find_berths(*tables(*alongside, outer), CONFIG)
    assert members.loc[members["rafted"], "stop_id"].tolist() == ["r"]


def test_a_continuous_quay_is_one_polygon_from_end_to_end() -> None:
    along = [0.0, 60.0, 130.0, 185.0, 260.0, 330.0, 390.0, 450.0, 520.0, 600.0, 655.0, 720.0, 790.0, 860.0]
    berths = find(*(lie(chr(97 + n), at, n, length_m=150.0) for n, at in enumerate(along)))
    assert berths["berth_kind"].tolist() == ["continuous"]
    assert berths["length_m"].iloc[0] == pytest.approx(860.0 + 150.0, rel=0.05)


# what is said about a berth -----------------------------------------------------------------------


def test_visits_ships_sizes_and_times() -> None:
    rows = [
        lie("a", 0.0, 0.0, mmsi=1, hours=10.0),
        lie("b", 0.0, 1.0, mmsi=1, hours=10.0),
        lie("c", 0.0, 2.0, mmsi=2, hours=30.0, length_m=180.0, width_m=28.0, type_group="tanker"),
    ]
    berth = find(*rows, lie("z", 900.0, 9.0, hours=24.0)).loc["a"]
    assert berth[["n_stops", "n_vessels", "use", "type_main"]].tolist() == [3, 2, "commercial", "cargo"]
    assert (berth["first_seen"], berth["last_seen"]) == (DAY, DAY + pd.Timedelta(hours=78))
    assert berth[["loa_max_m", "loa_p50_m", "beam_max_m"]].tolist() == [200.0, 200.0, 30.0]
    assert (berth["dwell_p50_h"], berth["dwell_p90_h"]) == pytest.approx((10.0, 26.0))
    assert json.loads(berth["type_shares"]) == {"cargo": 0.667, "tanker": 0.333}
    # 50 of the 240 hours from the first to the last stop of the whole table.
    assert berth["occupancy"] == pytest.approx(50.0 / 240.0)


def test_a_berth_is_occupied_from_the_estimated_arrival_on() -> None:
    """As in the calls, and not only while the ship was heard at rest; never for more than the period."""
    stops, hulls, vessels = tables(lie("a", hours=10.0), lie("z", 900.0, 4.0, hours=4.0))
    late = stops["end_time"] + pd.Timedelta(hours=40)
    estimated = stops.assign(arrival_time=stops["start_time"], departure_time=late)
    berths, _ = find_berths(estimated, hulls, vessels, CONFIG)
    assert berths["occupancy"].tolist() == pytest.approx([0.5, 0.44])
    later = estimated.assign(departure_time=late + pd.Timedelta(hours=99))
    assert find_berths(later, hulls, vessels, CONFIG)[0]["occupancy"].tolist() == [1.0, 1.0]


def test_an_hour_with_two_ships_is_occupied_once() -> None:
    inner, outer = lie("a", hours=10.0), lie("b", 0.0, 0.1, across_m=27.0, width_m=20.0, hours=10.0)
    assert find(inner, outer)["occupancy"].tolist() == [1.0]


@pytest.mark.parametrize(
    ("groups", "use"),
    [
        (["cargo", "tug", "tug"], "commercial"),
        (["tug", "service", "tug"], "service"),
        (["fishing", "tug", "fishing"], "fishing"),
        (["leisure"], "leisure"),
        (["unknown", "other"], "unknown"),
    ],
)
def test_the_use_of_a_berth_follows_from_its_ships(groups: list[str], use: str) -> None:
    rows = [lie(chr(97 + n), 0.0, n, type_group=group) for n, group in enumerate(groups)]
    assert find(*rows)["use"].tolist() == [use]


def test_tugs_that_come_for_minutes_do_not_make_a_dock_theirs() -> None:
    tanker = lie("a", 0.0, 0.0, type_group="tanker", hours=20.0)
    tugs = [lie(chr(98 + n), 0.0, 1.0 + n, type_group="tug", hours=0.5) for n in range(5)]
    assert find(tanker, *tugs)["use"].tolist() == ["commercial"]
    assert find(tanker | {"hours": 0.5}, *tugs)["use"].tolist() == ["service"]


def test_ships_seen_once_make_no_berth_and_lie_at_one() -> None:
    glimpse = lie("g", 10.0, 9.0, n_pings=1, length_m=390.0)
    assert find(glimpse).empty
    berth = find(*calls("abcd", 0.0), glimpse).loc["a"]
    assert berth["n_stops"] == 5
    assert berth["length_m"] < 220.0


def test_stops_that_may_be_something_else_make_a_berth_only_together() -> None:
    unsure = calls("ab", 0.0, kind_confidence=0.8)
    assert find(unsure[0]).empty
    assert find(*unsure)["n_stops"].tolist() == [2]
    assert find(lie("c", kind_confidence=0.99))["n_stops"].tolist() == [1]
    assert len(find(unsure[0], config=BerthsConfig(min_evidence=0.5))) == 1


def test_berths_with_few_stops_are_dropped_on_demand() -> None:
    rows = [*calls("abc", 0.0), lie("z", 900.0)]
    assert find(*rows).index.tolist() == ["a", "z"]
    assert find(*rows, config=BerthsConfig(min_stops=2)).index.tolist() == ["a"]


@pytest.mark.parametrize("place", PLACES)
def test_a_buoy_is_a_circle_about_the_common_pivot(place: str) -> None:
    lat, lon, _ = PLACES[place]
    stops, hulls, vessels = tables(*(lie(name, kind="buoy") for name in "ab"), place=place)
    stops = stops.assign(swing_m=260.0, pivot_lat=lat, pivot_lon=lon)
    berths, members = find_berths(stops, hulls, vessels, CONFIG)
    assert berths["berth_kind"].tolist() == ["buoy"]
    assert members["stop_id"].tolist() == ["a", "b"]
    assert pd.isna(berths["heading_deg"].iloc[0])
    # The antenna of a tanker of 200 m is 34 m from her stern.
    assert berths["length_m"].iloc[0] == pytest.approx(588.0)
    assert area_m2(berths.geometry.iloc[0]) == pytest.approx(np.pi * 294.0**2, rel=0.02)


@pytest.mark.parametrize(("to_bow_m", "reach_m"), [(190.0, 270.0), (10.0, 245.0)])
def test_an_offset_that_no_hawser_explains_does_not_make_a_buoy_larger(
    to_bow_m: float, reach_m: float
) -> None:
    """The stern is as far from the buoy as the ship and a hawser are long, wherever the antenna stands."""
    stops, hulls, vessels = tables(*(lie(name, kind="buoy") for name in "ab"))
    stops = stops.assign(swing_m=260.0, pivot_lat=stops["lat"], pivot_lon=stops["lon"])
    vessels = vessels.assign(to_bow_m=to_bow_m, to_stern_m=200.0 - to_bow_m)
    berths, _ = find_berths(stops, hulls, vessels, CONFIG)
    assert berths["length_m"].iloc[0] == pytest.approx(2.0 * reach_m)


def test_no_moored_stops_make_an_empty_table_of_the_right_kind() -> None:
    anchored = tables(lie("a", kind="anchored"))
    for stops, hulls, vessels in (
        anchored,
        tuple(schema.empty(name) for name in ("stops", "hulls", "vessels")),
    ):
        berths, members = find_berths(stops, hulls, vessels, CONFIG)
        assert len(berths) == len(members) == 0
        assert str(berths.crs) == "EPSG:4326"
        full = find(lie("a"))
        assert berths.columns.tolist() == full.columns.tolist()
        later = {"berth_id", "port_id", "quay_id", "name"}
        without = [name for name in schema.BERTHS.names if name not in later]
        assert berths.columns.tolist() == ["number", *without, "geometry"]
        assert members.columns.tolist() == ["stop_id", "number", "rafted"]


# berths side by side ------------------------------------------------------------------------------


def overlap_share(berths: gpd.GeoDataFrame) -> float:
    """Largest share of a berth that another one covers."""
    shapes = berths.geometry.to_numpy()
    i, j = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    i, j = i[i < j], j[i < j]
    shared = shapely.area(shapely.intersection(shapes[i], shapes[j]))
    return float((shared / np.minimum(shapely.area(shapes[i]), shapely.area(shapes[j]))).max(initial=0.0))


def test_neighbours_on_a_line_that_reach_into_each_other_both_give_way() -> None:
    berths = find(*calls("abcd", 0.0), *calls("uvwx", 190.0))
    assert overlap_share(berths) < 1e-4
    assert berths["length_m"].tolist() == pytest.approx([199.0, 199.0], abs=6.0)
    assert berths["length_m"].iloc[0] == pytest.approx(berths["length_m"].iloc[1], abs=0.1)


def test_berths_on_both_sides_of_a_pier_keep_their_length() -> None:
    """The hulls of both sides overlap by a metre of wrong beam; along the pier they are staggered."""
    left, right = calls("abcd", 0.0, across_m=-14.5), calls("uvwx", 150.0, across_m=14.5)
    alone = find(*left)["length_m"].iloc[0]
    berths = find(*left, *right)
    assert len(berths) == 2
    assert overlap_share(berths) < 1e-4
    assert berths["length_m"].tolist() == pytest.approx([alone, alone], abs=2.0)


SHIPS = st.lists(
    st.tuples(
        *(st.floats(0, 600), st.floats(-60, 60), st.sampled_from([0.0, 5.0, 90.0, 180.0])),
        *(st.floats(20, 300), st.integers(0, 5), st.sampled_from(["cargo", "tug", "fishing"])),
    ),
    min_size=1,
    max_size=14,
)


@settings(max_examples=30)
@given(SHIPS, st.sampled_from(list(PLACES)), st.randoms(use_true_random=False))
def test_polygons_are_sound_and_apart_for_any_stops(ships: list[Any], place: str, random: Any) -> None:
    rows = lie_all(ships, "type_group")
    berths = find(*rows, place=place)
    assert berths["n_stops"].sum() == len(rows)
    assert berths.geometry.is_valid.all()
    assert (berths.geometry.geom_type == "Polygon").all()
    assert (berths.geometry.map(area_m2) > 1.0).all()
    assert overlap_share(berths) < 1e-4
    again = find(*random.sample(rows, len(rows)), place=place)
    assert again.index.tolist() == berths.index.tolist()
    assert shapely.area(shapely.symmetric_difference(again.geometry, berths.geometry)).max() < 1e-9
    columns = berths.columns.drop("geometry")
    pd.testing.assert_frame_equal(pd.DataFrame(again[columns]), pd.DataFrame(berths[columns]))


@pytest.mark.parametrize("place", PLACES)
def test_the_same_port_elsewhere_has_the_same_berths(place: str) -> None:
    rows = [*calls("abcd", 0.0), *calls("efgh", 190.0), *calls("ij", 600.0, across_m=-25.0, length_m=90.0)]
    rows += [*calls("kl", 600.0, across_m=25.0), lie("z", 95.0, 9.0, length_m=380.0, width_m=50.0)]
    here, there = find(*rows), find(*rows, place=place)
    assert there.index.tolist() == here.index.tolist() == ["a", "e", "i", "k"]
    for name in ("length_m", "width_m", "n_stops", "occupancy", "confidence"):
        assert there[name].tolist() == pytest.approx(here[name].tolist(), rel=0.01)
    assert there.geometry.map(area_m2).tolist() == pytest.approx(
        here.geometry.map(area_m2).tolist(), rel=0.01
    )
