"""Quays: which berths share one, its port, its line, and the names of places."""

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
from quayside import DAY, PLACES, Row, put_down

from ais_berths import geo, h3cells, quays
from ais_berths.config import QuaysConfig
from ais_berths.quays import add_links, find_quays, place_ids, port_prefix

CONFIG = QuaysConfig()
GEOD = Geod(ellps="WGS84")


def berth(along_m: float, across_m: float = 0.0, **more: Any) -> Row:
    """Put a berth of 200 by 30 m at a quay, its middle at `along_m`, for the ships 1 and 2."""
    row = {"along_m": along_m, "across_m": across_m, "turn_deg": 0.0, "length_m": 200.0, "width_m": 30.0}
    return row | {"berth_kind": "discrete", "occupancy": 0.5, "ships": (1, 2), "day": 0.0} | more


def port(name: str, along_m: float, across_m: float = 0.0, locode: str = "") -> Row:
    return {"port_id": name, "locode": locode, "along_m": along_m, "across_m": across_m}


PORTS = [port("north", 0.0, locode="XXNOR"), port("south", 60_000.0)]


def find(
    rows: list[Row], ports: list[Row] = PORTS, place: str = "Rotterdam", config: QuaysConfig = CONFIG
) -> tuple[gpd.GeoDataFrame, gpd.GeoDataFrame]:
    """Quays and berths; each ship lies at each of its berths for a day, in the order of `day`."""
    frame = put_down(rows, place)
    frame["heading_deg"] %= 180.0
    plane, scale = geo.Plane.around(frame["lon"]), geo.Plane.scale(frame["lat"])
    x, y = plane.forward(frame["lon"], frame["lat"])
    boxes = geo.rectangles(x, y, frame["heading_deg"], frame["length_m"] * scale, frame["width_m"] * scale)
    frame.loc[frame["berth_kind"] == "buoy", "heading_deg"] = np.nan
    frame["number"] = np.arange(len(frame))
    berths = gpd.GeoDataFrame(frame, geometry=plane.to_degrees(boxes), crs="EPSG:4326")
    stops = frame[["number", "lat", "lon", "ships", "day"]].explode("ships", ignore_index=True)
    stops["stop_id"] = stops["number"].astype(str) + "-" + stops["ships"].astype(str)
    stops["mmsi"] = stops["ships"].astype(np.int64)
    stops["start_time"] = DAY + pd.to_timedelta((stops["day"] * 86_400).astype(int), unit="s")
    stops = stops.assign(end_time=stops["start_time"] + pd.Timedelta("9h"), kind="moored")
    members = stops[["stop_id", "number"]].assign(rafted=False)
    return find_quays(berths, members, stops, put_down(ports, place), config)


def quays_of(rows: list[Row], **more: Any) -> list[list[int]]:
    """Numbers of the berths of each quay."""
    _, berths = find(rows, **more)
    return sorted(sorted(numbers.tolist()) for _, numbers in berths.groupby("quay_id")["number"])


# which berths share a quay ------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
def test_berths_in_a_row_are_one_quay(place: str) -> None:
    quays, berths = find([berth(0.0), berth(215.0, turn_deg=180.0), berth(430.0)], place=place)
    quay = quays.iloc[0]
    assert len(quays) == 1
    assert berths["quay_id"].tolist() == [quay["quay_id"]] * 3
    assert quay[["n_berths", "n_stops", "n_vessels", "quay_kind"]].tolist() == [3, 6, 2, "discrete"]
    assert quay["length_m"] == pytest.approx(630.0, rel=0.006)
    assert quay["occupied_m"] == pytest.approx(300.0)
    assert abs(float(geo.turn_deg(PLACES[place][2], quay["heading_deg"], period=180.0))) < 0.5
    assert GEOD.geometry_length(shapely.from_wkt(quay["line_wkt"])) == pytest.approx(630.0, rel=0.006)
    area = abs(GEOD.geometry_area_perimeter(shapely.geometry.polygon.orient(quay.geometry))[0])
    assert area == pytest.approx(630.0 * 30.0, rel=0.01)
    shift = 360.0 * np.round((quay.geometry.bounds[0] - berths.geometry.bounds["minx"].to_numpy()) / 360.0)
    shifted = [
        shapely.transform(b, lambda xy, by=by: xy + np.array([by, 0.0]))
        for b, by in zip(berths.geometry, shift, strict=True)
    ]
    assert shapely.covers(shapely.buffer(quay.geometry, 1e-9), shifted).all()


@pytest.mark.parametrize("heading_deg", [0.0, 45.0, 89.0, 91.0, 135.0, 179.0])
def test_the_line_of_a_quay_is_straight_whatever_its_direction(
    heading_deg: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From end to end it is as long as along its berths, and it points where these do."""
    monkeypatch.setitem(PLACES, "there", (51.9, 4.0, heading_deg))
    found, _ = find([berth(0.0), berth(250.0, turn_deg=180.0), berth(500.0)], place="there")
    quay = found.iloc[0]
    points = shapely.get_coordinates(shapely.from_wkt(quay["line_wkt"]))
    assert len(found) == 1
    assert quay["length_m"] == pytest.approx(700.0, rel=0.006)
    assert GEOD.line_length(points[[0, -1], 0], points[[0, -1], 1]) == pytest.approx(700.0, rel=0.006)
    assert abs(float(geo.turn_deg(heading_deg, quay["heading_deg"], period=180.0))) < 0.5


@pytest.mark.parametrize(
    ("other", "together"),
    [
        (berth(340.0), True),
        (berth(365.0), False),
        (berth(215.0, 20.0), True),
        (berth(215.0, 30.0), False),
        (berth(215.0, turn_deg=10.0), True),
        (berth(215.0, turn_deg=14.0), False),
        (berth(215.0, 31.0, width_m=15.0), True),
        (berth(0.0, 60.0), False),
    ],
    ids=["near", "far", "in line", "set back", "bent", "corner", "narrow ships", "other side"],
)
def test_berths_share_a_quay_in_line_and_close_by(other: Row, together: bool) -> None:
    assert (quays_of([berth(0.0), other]) == [[0, 1]]) == together


def test_kinds_of_quay() -> None:
    free, buoy = {"berth_kind": "continuous"}, {"berth_kind": "buoy"}
    quays, berths = find([berth(0.0), berth(215.0, **free), berth(2000.0, **free), berth(9000.0, **buoy)])
    assert sorted(quays["quay_kind"]) == ["continuous", "mixed"]
    assert berths["quay_id"].isna().tolist() == [False, False, False, True]
    assert berths.loc[3, "berth_id"].startswith("XXNOR-")


# ports --------------------------------------------------------------------------------------------


def test_a_quay_has_one_port_although_a_berth_lies_nearer_to_another() -> None:
    ports = [port("a", -400.0), port("b", 900.0)]
    _, berths = find([berth(0.0), berth(215.0), berth(430.0)], ports)
    assert berths["port_id"].tolist() == ["a", "a", "a"]
    _, alone = find([berth(430.0)], ports)
    assert alone["port_id"].tolist() == ["b"]


def test_quays_of_two_ports_six_kilometres_apart() -> None:
    ports = [port("a", 0.0), port("b", 6000.0)]
    rows = [berth(500.0 * n, ships=(n, n + 1), day=0.1 * n) for n in range(13) if n != 6]
    _, berths = find(rows, ports)
    assert berths["port_id"].tolist() == ["a"] * 6 + ["b"] * 6


@pytest.mark.parametrize(("quays_m", "owner"), [(5800.0, "b"), (12_500.0, "a")], ids=["near", "far"])
def test_quays_near_its_point_tell_where_a_port_is(quays_m: float, owner: str) -> None:
    """A quay 800 m nearer to the point of the other port, and nearer to the quays of this one."""
    ports = [port("a", 0.0), port("b", 8000.0)]
    own = [berth(x, y, ships=(1, 2)) for y in (0.0, 600.0) for x in (-300.0, 300.0)]
    other = [berth(quays_m + x, y, ships=(11, 12)) for y in (0.0, 600.0) for x in (-300.0, 300.0)]
    _, berths = find([*own, *other, berth(3600.0, ships=(21, 22))], ports)
    assert berths["port_id"].tolist() == [*"aaaabbbb", owner]


def test_the_traffic_decides_where_two_ports_are_nearly_as_near() -> None:
    """A quay 400 m nearer to the other port, whose ships come from and go to the berths of this one."""
    ports = [port("a", 0.0), port("b", 6000.0)]
    own = [berth(300.0 * n - 1500.0, across_m=300.0 * n, ships=tuple(range(12)), day=n) for n in range(3)]
    other = [
        berth(6000.0 + 300.0 * n, across_m=300.0 * n, ships=tuple(range(50, 62)), day=n) for n in range(3)
    ]
    between = berth(3200.0, ships=tuple(range(12)), day=4.0)
    assert find([*own, *other, between], ports)[1]["port_id"].tolist() == [*"aaabbb", "a"]
    strangers = between | {"ships": (90, 91)}
    assert find([*own, *other, strangers], ports)[1]["port_id"].tolist() == [*"aaabbb", "b"]
    by_distance = QuaysConfig(traffic_weight=0.0)
    assert find([*own, *other, between], ports, config=by_distance)[1]["port_id"].tolist() == [*"aaabbb", "b"]


# names --------------------------------------------------------------------------------------------


def test_names_hold_port_and_place() -> None:
    quays, berths = find([berth(0.0), berth(2000.0, 700.0), berth(59_000.0)])
    assert [name[:6] for name in berths["berth_id"]] == ["XXNOR-", "XXNOR-", "south-"]
    assert berths["berth_id"].str.fullmatch(r"(XXNOR|south)-[0-9a-f]{10}").all()
    assert quays["quay_id"].str.fullmatch(r"(XXNOR|south)-Q[0-9a-f]{10}").all()
    assert berths["berth_id"].is_unique
    again, _ = find([berth(0.0), berth(2000.0, 700.0), berth(59_000.0)])
    assert again["quay_id"].tolist() == quays["quay_id"].tolist()


def test_places_in_one_cell_are_numbered_from_west_to_east() -> None:
    points = gpd.GeoSeries(shapely.points([4.00004, 4.00002, 4.00003, 4.2], 51.9), crs="EPSG:4326")
    ids = place_ids(pd.Series(["P"] * 4), points, "")
    assert len(set(h3cells.cells_at(points.y, points.x, 12).tolist())) == 2
    assert [name[12:] for name in ids] == ["-3", "", "-2", ""]
    assert ids.is_unique
    other_port = place_ids(pd.Series(["P", "Q", "P", "P"]), points, "")
    assert [name[12:] for name in other_port] == ["-2", "", "", ""]


def test_ids_beyond_the_antimeridian_are_those_of_the_same_place() -> None:
    here, there = (gpd.GeoSeries(shapely.points([lon], -16.8), crs="EPSG:4326") for lon in (-179.9, 180.1))
    assert place_ids(pd.Series(["P"]), here, "")[0] == place_ids(pd.Series(["P"]), there, "")[0]


def test_ports_without_a_locode_are_named_by_their_id() -> None:
    ports = pd.DataFrame({"port_id": ["1", "2", "3"], "locode": ["NLRTM", "", None]})
    assert port_prefix(ports) == {"1": "NLRTM", "2": "2", "3": "3"}


# what must hold for any berths --------------------------------------------------------------------


def test_nothing_in_nothing_out() -> None:
    full_quays, full_berths = find([berth(0.0)])
    columns = ["number", "berth_kind", "heading_deg", "length_m", "width_m", "occupancy"]
    berths = gpd.GeoDataFrame(full_berths.iloc[:0][columns], geometry=[], crs="EPSG:4326")
    stops = pd.DataFrame({"stop_id": [], "mmsi": [], "lat": [], "lon": [], "kind": []}).astype(
        {"stop_id": str}
    )
    stops["start_time"] = stops["end_time"] = pd.Series([], dtype="datetime64[us, UTC]")
    members = pd.DataFrame({"stop_id": pd.Series(dtype=str), "number": pd.Series(dtype=np.int64)})
    quays, named = find_quays(berths, members, stops, put_down(PORTS, "Rotterdam"), CONFIG)
    assert len(quays) == len(named) == 0
    assert set(quays.columns) == set(full_quays.columns)
    assert {"berth_id", "quay_id", "port_id"} <= set(named.columns)


BERTHS = st.lists(
    st.tuples(
        st.floats(-3000, 9000), st.floats(-200, 200), st.sampled_from([0.0, 5.0, 90.0]), st.integers(0, 5)
    ),
    min_size=1,
    max_size=10,
    unique_by=lambda spot: round(spot[0]),
)


@settings(max_examples=30)
@given(BERTHS, st.randoms(use_true_random=False))
def test_quays_do_not_depend_on_the_order_of_the_berths(spots: list[Any], random: Any) -> None:
    ports = [port("a", 0.0), port("b", 6000.0)]
    rows = [
        berth(at, across, turn_deg=turn, ships=(ship, ship + 1), day=0.4 * n)
        for n, (at, across, turn, ship) in enumerate(spots)
    ]
    order = random.sample(range(len(rows)), len(rows))
    quays, berths = find(rows, ports)
    again, shuffled = find([rows[n] for n in order], ports)
    assert quays["quay_id"].is_unique
    assert berths["berth_id"].is_unique
    assert set(berths["quay_id"]) == set(quays["quay_id"]) == set(again["quay_id"])
    for name in ("port_id", "quay_id", "berth_id"):
        assert shuffled[name].tolist() == berths[name].iloc[order].tolist()
    assert quays["n_berths"].sum() == len(rows)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(1, 9)), max_size=20),
    st.integers(1, 5),
)
def test_links_of_some_ships_and_of_others_are_added_up(
    rows: list[tuple[int, int, int]], at_once: int
) -> None:
    table = pd.DataFrame(rows, columns=["a", "b", "ships"], dtype=np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(quays, "_LINKS_AT_ONCE", at_once)
        found = add_links(table[at : at + 2] for at in range(0, max(1, len(table)), 2))
    wanted = {(a, b): sum(n for c, d, n in rows if (a, b) == (c, d)) for a, b, _ in rows}
    assert dict(zip(zip(found["a"], found["b"], strict=True), found["ships"], strict=True)) == wanted
