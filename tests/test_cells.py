"""Cells around ports and the filter of positions."""

from __future__ import annotations

import pickle

import h3.api.basic_int as h3
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths.cells import CellFilter, box_cells, cells_geometry, port_cells
from ais_berths.config import CellsConfig
from ais_berths.errors import ConfigError, InputError, PortError
from ais_berths.geo import METRES_PER_NM, haversine_m, turn_deg
from ais_berths.h3cells import cell_centres, cells_at
from ais_berths.ports import builtin_ports, nearest_port
from ais_berths.schema import CELLS

# Fiji on both sides of the antimeridian, Chukotka, Longyearbyen, Ushuaia, and a pentagon near Dalian.
PLACES = [(-17.0, 179.97), (-17.1, -179.95), (66.3, -179.1), (78.23, 15.6), (-54.8, -68.3), (39.1, 122.3)]
CONFIG = CellsConfig()


def ports_at(places: list[tuple[float, float]]) -> pd.DataFrame:
    lat, lon = np.array(places, dtype=float).reshape(-1, 2).T
    ids = [f"p{i}" for i in range(len(places))]
    return pd.DataFrame({"port_id": ids, "name": ids, "lat": lat, "lon": lon})


def positions_around(
    places: list[tuple[float, float]], n: int, km: float, seed: int
) -> tuple[np.ndarray, np.ndarray]:
    """Random positions in squares around the places."""
    rng = np.random.default_rng(seed)
    lat, lon = np.array(places)[rng.integers(0, len(places), n)].T
    lat = np.clip(lat + rng.uniform(-km, km, n) / 111.2, -90, 90)
    lon = lon + rng.uniform(-km, km, n) / 111.2 / np.maximum(np.cos(np.radians(lat)), 0.01)
    return lat, turn_deg(0.0, lon)


def assert_exact(tester: CellFilter, cells: np.ndarray, lat: np.ndarray, lon: np.ndarray) -> None:
    own = cells_at(lat, lon, tester.resolution)
    expected = np.isin(own, cells)
    assert (tester.inside(lat, lon) == expected).all()
    assert tester.near(lat, lon)[expected].all()
    assert (tester.has_cells(own) == expected).all()


# cells around ports -------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [6, 8])
@pytest.mark.parametrize("place", PLACES)
def test_every_cell_within_the_radius(place: tuple[float, float], resolution: int) -> None:
    ports = ports_at([place])
    cells = port_cells(ports, CellsConfig(resolution=resolution))
    assert cells.columns.tolist() == CELLS.names
    assert cells["cell"].is_monotonic_increasing
    assert cells["cell"].is_unique
    candidates = np.unique(cells_at(*positions_around([place], 100_000, 30, seed=1), resolution))
    lat, lon = cell_centres(candidates)
    distance_m = haversine_m(lat, lon, *place)
    limit_m = 12 * METRES_PER_NM + 2000
    close = candidates[distance_m <= limit_m]
    assert set(close) <= set(cells["cell"])
    lat, lon = cell_centres(cells["cell"])
    assert cells["distance_m"].to_numpy() == pytest.approx(haversine_m(lat, lon, *place), abs=0.01)
    assert cells["distance_m"].max() <= limit_m
    assert (cells["in_margin"] == (cells["distance_m"] > 12 * METRES_PER_NM)).all()


def test_cells_go_to_the_nearest_of_all_ports() -> None:
    ports = ports_at([(29.7, -95.0), (29.7, -94.9), (10.0, 10.0)])
    every = port_cells(ports, CONFIG)
    chosen = port_cells(ports, CONFIG, only=["p0"])
    assert set(every["port_id"]) == {"p0", "p1", "p2"}
    assert set(chosen["port_id"]) == {"p0", "p1"}
    lat, lon = cell_centres(chosen["cell"])
    from_chosen_m = haversine_m(lat, lon, 29.7, -95.0)
    assert (from_chosen_m <= 12 * METRES_PER_NM + 2000).all()
    assert (chosen["in_margin"] == (from_chosen_m > 12 * METRES_PER_NM)).all()
    assert (chosen["port_id"].to_numpy() == nearest_port(lat, lon, ports)[0]).all()
    both = every.merge(chosen, on="cell", suffixes=("", "_chosen"))
    assert len(both) == len(chosen)
    assert (both["port_id"] == both["port_id_chosen"]).all()


def test_cells_do_not_depend_on_the_order_of_the_ports() -> None:
    ports = ports_at([(29.7, -95.0), (29.7, -95.0), (29.8, -95.0)])
    pd.testing.assert_frame_equal(port_cells(ports, CONFIG), port_cells(ports.iloc[::-1], CONFIG))


def test_chosen_ports() -> None:
    ports = ports_at([(29.7, -95.0)])
    with pytest.raises(PortError, match="no port_id p7"):
        port_cells(ports, CONFIG, only=["p0", "p7"])
    nothing = port_cells(ports, CONFIG, only=[])
    assert nothing.empty
    assert nothing.columns.tolist() == CELLS.names


@pytest.mark.parametrize("west", [179.6, 15.5, -68.4])
@pytest.mark.parametrize("south", [78.0, -55.0, -0.2])
def test_cells_around_an_area(west: float, south: float) -> None:
    area = shapely.box(west, south, west + 0.8, south + 0.3)
    ports = ports_at([(area.centroid.y, turn_deg(0.0, area.centroid.x))]).assign(area=[area])
    config = CellsConfig(radius_nm=0.3, margin_m=100, resolution=8)
    cells = port_cells(ports, config)
    lat, lon = positions_around([(area.centroid.y, area.centroid.x)], 60_000, 80, seed=2)
    candidates = np.unique(cells_at(lat, lon, 8))
    distance_m = nearest_port(*cell_centres(candidates), ports)[1]
    assert (np.isin(candidates, cells["cell"]) == (distance_m <= 0.3 * METRES_PER_NM + 100)).all()
    assert (distance_m == 0).any()


def test_too_many_cells_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ais_berths.cells._MAX_CELLS", 5000)
    with pytest.raises(ConfigError, match=r"coarser cells\.resolution"):
        port_cells(ports_at(PLACES), CONFIG)
    with pytest.raises(ConfigError, match="a smaller box"):
        box_cells((0, 0, 1, 1), ports_at(PLACES), CONFIG)


# cells in a box -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "bbox",
    [
        (9.8, 53.4, 10.1, 53.6),
        (179.8, -17.2, -179.7, -16.9),
        (15.0, 78.1, 16.5, 78.4),
        (-69.0, -55.0, -68.0, -54.7),
    ],
)
def test_cells_in_a_box(bbox: tuple[float, float, float, float]) -> None:
    west, south, east, north = bbox
    cells = box_cells(bbox, builtin_ports(), CONFIG)
    middle = ((south + north) / 2, west + (east - west) % 360 / 2)
    candidates = np.unique(cells_at(*positions_around([middle], 300_000, 45, seed=3), 8))
    lat, lon = cell_centres(candidates)
    within = (lat >= south) & (lat <= north) & ((lon - west) % 360 <= (east - west) % 360)
    assert set(candidates[within]) == set(cells.loc[~cells["in_margin"], "cell"])
    margin = cells[cells["in_margin"]]
    box = shapely.box(west, south, west + (east - west) % 360, north)
    area = ports_at([(middle[0], turn_deg(0.0, middle[1]))]).assign(area=[box])
    from_box_m = nearest_port(*cell_centres(margin["cell"]), area)[1]
    assert len(margin)
    assert from_box_m.max() == pytest.approx(2000, rel=0.05)


def test_cells_around_a_pole() -> None:
    cells = box_cells((-180, 88, 180, 90), ports_at([(80.0, 0.0)]), CellsConfig(resolution=5, margin_m=0))
    lat, lon = np.meshgrid(np.linspace(87.9, 90, 300), np.linspace(-180, 180, 600))
    candidates = np.unique(cells_at(lat.ravel(), lon.ravel(), 5))
    assert set(candidates[cell_centres(candidates)[0] >= 88]) == set(cells["cell"])
    tester = CellFilter(cells, 5)
    assert_exact(
        tester, cells["cell"].to_numpy(), *positions_around([(89.0, 0.0), (88.0, 90.0)], 5000, 150, 4)
    )


def test_box_must_be_a_box() -> None:
    for bbox in [(0, 10, 1, 5), (0, 0, 200, 5), (5, 0, 5, 1), (0, -91, 1, 1), (float("nan"), 0, 1, 1)]:
        with pytest.raises(InputError, match="is not west, south, east, north"):
            box_cells(bbox, builtin_ports(), CONFIG)


def test_outlines_are_in_one_piece() -> None:
    cells = port_cells(ports_at([(-17.0, 179.97)]), CONFIG)
    outlines = cells_geometry(cells)
    assert outlines.crs.to_epsg() == 4326
    bounds = outlines.bounds
    assert (bounds["maxx"] - bounds["minx"]).max() < 0.02
    assert (bounds["minx"] >= -180).all()
    assert (bounds["maxx"] > 180).any()
    assert outlines["cell"].tolist() == cells["cell"].tolist()
    assert cells_geometry(cells.head(0)).empty


# the filter ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("resolution", [5, 7, 8, 9])
def test_filter_is_exact_around_ports(resolution: int) -> None:
    cells = port_cells(ports_at(PLACES), CellsConfig(resolution=resolution))["cell"].to_numpy()
    tester = CellFilter(cells, resolution)
    assert len(tester) == len(cells)
    assert_exact(tester, cells, *positions_around(PLACES, 30_000, 35, seed=resolution))


@given(
    lat=st.floats(-90, 90),
    lon=st.floats(-180, 180),
    resolution=st.integers(5, 10),
    rings=st.integers(0, 9),
    share=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**32 - 1),
)
@settings(max_examples=40, deadline=None)
def test_filter_is_exact_for_any_cells(
    lat: float, lon: float, resolution: int, rings: int, share: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    disk = np.array(h3.grid_disk(h3.latlng_to_cell(lat, lon, resolution), rings))
    cells = disk[rng.random(len(disk)) <= share]
    km = 1.5 * (rings + 1) * h3.average_hexagon_edge_length(resolution)
    assert_exact(CellFilter(cells, resolution), cells, *positions_around([(lat, lon)], 1000, km, seed))


def test_filter_sees_a_single_hole() -> None:
    middle = h3.latlng_to_cell(29.7, -95.0, 8)
    cells = np.setdiff1d(h3.grid_disk(middle, 15), [middle])
    assert_exact(CellFilter(cells, 8), cells, *positions_around([(29.7, -95.0)], 5000, 3, seed=8))


def test_filter_straddles_the_polar_cap() -> None:
    cells = port_cells(ports_at([(85.0, 179.0), (-85.0, 20.0)]), CONFIG)["cell"].to_numpy()
    assert_exact(
        CellFilter(cells, 8), cells, *positions_around([(85.0, 179.0), (-85.0, 20.0)], 20_000, 35, 5)
    )


def test_positions_that_are_none() -> None:
    places = [(-17.0, 179.999), (0.0, 0.0)]
    tester = CellFilter(port_cells(ports_at(places), CONFIG), 8)
    lat = [np.nan, np.inf, -np.inf, -17.0, 91.0, -91.0, -17.0, -17.0, 90.0, -90.0, 0.0, 1.7e308]
    lon = [0.0, 0.0, np.nan, 181.0, 0.0, 0.0, 180.0, -180.0, 0.0, 180.0, 0.0, 0.0]
    expected = [False] * 6 + [True, True, False, False, True, False]
    assert tester.near(lat, lon).tolist() == expected
    assert tester.inside(lat, lon).tolist() == expected
    for test in (tester.near, tester.inside):
        assert test([], []).tolist() == []


def test_only_the_border_needs_h3(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [(29.7, -95.0)]
    tester = CellFilter(port_cells(ports_at(places), CONFIG), 8)
    asked = []

    def count(lat: np.ndarray, lon: np.ndarray, resolution: int) -> np.ndarray:
        asked.append(len(lat))
        return cells_at(lat, lon, resolution)

    monkeypatch.setattr("ais_berths.raster.cells_at", count)
    lat, lon = positions_around(places, 20_000, 24, seed=6)
    inside = tester.inside(lat, lon)
    assert inside.mean() > 0.5
    assert sum(asked) < 0.2 * len(lat)


def test_filter_can_be_sent_to_another_process() -> None:
    cells = port_cells(ports_at(PLACES), CONFIG)
    text = pickle.dumps(CellFilter(cells, 8))
    assert len(text) < 10_000_000
    lat, lon = positions_around(PLACES, 1000, 35, seed=7)
    assert_exact(pickle.loads(text), cells["cell"].to_numpy(), lat, lon)


def test_given_cells_count_only_at_the_same_resolution() -> None:
    cells = port_cells(ports_at([(29.7, -95.0)]), CONFIG)
    tester = CellFilter(cells, 8)
    assert tester.has_cells(cells["cell"]).all()
    assert not tester.has_cells(
        [0, -1, h3.latlng_to_cell(29.7, -95.0, 9), h3.latlng_to_cell(29.7, -95.0, 7)]
    ).any()
    with pytest.raises(InputError, match="resolution 8, expected 9"):
        CellFilter(cells, 9)
    with pytest.raises(InputError, match="expected 5 to 15"):
        CellFilter([], 3)


def test_filter_of_no_cells() -> None:
    tester = CellFilter(np.array([], dtype=np.int64), 8)
    assert len(tester) == 0
    assert not tester.near([0.0, 89.0], [0.0, 0.0]).any()
    assert not tester.has_cells([h3.latlng_to_cell(1.0, 1.0, 8)]).any()


@pytest.mark.real
def test_filter_on_real_positions(shared_data: object) -> None:
    pings = pd.read_parquet(f"{shared_data}/us_2020-01-01/houston_galveston.parquet", columns=["LAT", "LON"])
    lat, lon = (pings[name].to_numpy(dtype=float)[::20] for name in ("LAT", "LON"))
    ports = builtin_ports()
    cells = port_cells(ports, CellsConfig(radius_nm=3), only=ports.loc[ports["locode"] == "USHOU", "port_id"])
    tester = CellFilter(cells, 8)
    assert 0.05 < tester.inside(lat, lon).mean() < 0.95
    assert_exact(tester, cells["cell"].to_numpy(), lat, lon)
