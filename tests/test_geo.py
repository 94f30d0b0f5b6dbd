"""Geometry: distances, directions and the plane, checked against pyproj itself."""

from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import assume, example, given
from hypothesis import strategies as st
from pyproj import Geod

from ais_berths import geo

GEOD = Geod(ellps="WGS84")
LATS = st.floats(-80, 80)
LONS = st.floats(-180, 180)
ANGLES = st.floats(-720, 720)
METRES = st.floats(-3000, 3000)


# distances ----------------------------------------------------------------------------------------


@given(LATS, LONS, ANGLES, st.floats(1, 50_000))
def test_haversine_agrees_with_the_ellipsoid(lat: float, lon: float, azimuth: float, metres: float) -> None:
    lon2, lat2, _ = GEOD.fwd(lon, lat, azimuth, metres)
    assert float(geo.haversine_m(lat, lon, lat2, lon2)) == pytest.approx(metres, rel=0.006)


def test_haversine_at_the_ends() -> None:
    half = np.pi * geo.EARTH_RADIUS_M
    assert geo.haversine_m([0.0, 90.0], [0.0, 0.0], [0.0, -90.0], [180.0, 77.0]) == pytest.approx(
        [half, half]
    )
    assert float(geo.haversine_m(70.0, 180.0, 70.0, -180.0)) == pytest.approx(0.0, abs=1e-6)


@given(LATS, LONS, ANGLES, st.floats(0, 30_000))
def test_chords_are_distances(lat: float, lon: float, azimuth: float, metres: float) -> None:
    lon2, lat2, _ = GEOD.fwd(lon, lat, azimuth, metres)
    points = geo.sphere_xyz_m([lat, lat2], [lon, lon2])
    chord = float(np.linalg.norm(points[0] - points[1]))
    assert chord == pytest.approx(float(geo.haversine_m(lat, lon, lat2, lon2)), abs=0.05)


@given(LATS, LONS, ANGLES, METRES, METRES)
def test_offsets_there_and_back(lat: float, lon: float, heading: float, ahead: float, right: float) -> None:
    new_lat, new_lon = geo.offset_deg(lat, lon, heading, ahead, right)
    assert -180.0 <= float(new_lon) <= 180.0
    got = geo.along_across_m(lat, lon, new_lat, new_lon, heading)
    assert [float(value) for value in got] == pytest.approx([ahead, right], abs=1e-3)
    moved = float(geo.haversine_m(lat, lon, new_lat, new_lon))
    # A local plane at 80 degrees is a little bent.
    assert moved == pytest.approx(np.hypot(ahead, right), rel=0.005, abs=1e-3)


def test_ahead_is_along_the_heading_and_right_is_starboard() -> None:
    lat, lon = geo.offset_deg(50.0, 4.0, 0.0, 100.0, 20.0)
    assert (float(lat) > 50.0, float(lon) > 4.0) == (True, True)
    ahead, right = geo.along_across_m(50.0, 4.0, lat, lon, 180.0)
    assert [float(ahead), float(right)] == pytest.approx([-100.0, -20.0], abs=1e-3)


# directions ---------------------------------------------------------------------------------------


@given(ANGLES, ANGLES, st.sampled_from([180.0, 360.0]))
@example(180.00000000000003, 0.0, 360.0)
def test_turns_are_the_smallest_ones(start: float, end: float, period: float) -> None:
    turn = float(geo.turn_deg(start, end, period))
    assert -period / 2 <= turn < period / 2
    assert abs(float(geo.turn_deg(start + turn, end, period))) == pytest.approx(0.0, abs=1e-9)


@given(st.lists(st.floats(-30, 30), min_size=1, max_size=9), ANGLES, st.sampled_from([180.0, 360.0]))
def test_circular_mean_and_median_turn_with_the_angles(turns: list[float], by: float, period: float) -> None:
    """As long as all lie in one half, both are the plain mean and median, wherever north is."""
    middle = float(np.median(turns))
    assert (
        abs(float(geo.turn_deg(by + middle, geo.circular_median_deg(np.add(turns, by), period), period)))
        < 1e-6
    )
    mean = geo.circular_mean_deg(np.add(turns, by), period)
    assert 0.0 <= mean < period
    assert abs(float(geo.turn_deg(by + np.mean(turns), mean, period))) < 5.0


def test_directions_of_nothing_are_unknown() -> None:
    assert np.isnan(geo.circular_mean_deg([]))
    assert np.isnan(geo.circular_median_deg([]))


def test_a_mean_just_short_of_north_is_north() -> None:
    assert geo.circular_mean_deg([-1e-16]) == 0.0


def test_one_wrong_heading_does_not_turn_the_median() -> None:
    assert geo.circular_median_deg([10, 11, 12, 100], period=180) == pytest.approx(11.5)
    assert geo.circular_median_deg([10, 191, 12], period=180) == pytest.approx(11.0)


# the plane ----------------------------------------------------------------------------------------


@given(LATS, LONS, LONS)
def test_plane_there_and_back(lat: float, lon: float, other: float) -> None:
    plane = geo.Plane.around([lon, other])
    x, y = plane.forward([lon, other], [lat, lat])
    back_lon, back_lat = plane.inverse(x, y)
    assert back_lat.tolist() == pytest.approx([lat, lat], abs=1e-9)
    assert np.abs(geo.turn_deg([lon, other], back_lon)).max() < 1e-9


@given(LATS, LONS, ANGLES, st.floats(10, 2000))
def test_scale_turns_plane_units_into_metres(lat: float, lon: float, azimuth: float, metres: float) -> None:
    lon2, lat2, _ = GEOD.fwd(lon, lat, azimuth, metres)
    plane = geo.Plane.around([lon, lon2])
    x, y = plane.forward([lon, lon2], [lat, lat2])
    in_plane = np.hypot(x[1] - x[0], y[1] - y[0]) / plane.scale((lat + lat2) / 2)
    assert float(in_plane) == pytest.approx(metres, rel=1e-3)


@given(st.lists(LONS, min_size=1, max_size=8))
def test_the_plane_is_cut_away_from_the_data(lons: list[float]) -> None:
    plane = geo.Plane.around(lons)
    widest = np.diff(np.sort(np.append(np.mod(lons, 360.0), np.mod(lons, 360.0) + 360.0))).max()
    assume(widest > 1e-6)
    from_cut = 180.0 - np.abs(geo.turn_deg(plane.lon0_deg, lons))
    assert from_cut.min() == pytest.approx(widest / 2, abs=1e-6)


def test_plane_of_nothing() -> None:
    assert geo.Plane.around([]).lon0_deg == geo.Plane.around([np.nan]).lon0_deg == 0.0


@pytest.mark.parametrize("lon", [179.999, -179.999, -180.0, 0.0])
def test_shapes_across_the_antimeridian_stay_in_one_piece(lon: float) -> None:
    plane = geo.Plane.around([lon])
    x, y = plane.forward([lon], [60.0])
    scale = plane.scale([60.0])
    box = geo.rectangles(x, y, [90.0], 400.0 * scale, 40.0 * scale)
    shape = plane.to_degrees(box)[0]
    west, _, east, _ = shape.bounds
    assert shape.is_valid
    assert -180.0 <= west < 180.0
    area, length = GEOD.geometry_area_perimeter(shapely.geometry.polygon.orient(shape))
    assert (area, length) == pytest.approx((16_000.0, 880.0), rel=2e-3)
    assert (east > 180.0) == (lon != 0.0)


def test_shapes_of_nothing_and_one_shape() -> None:
    plane = geo.Plane(0.0)
    assert len(plane.to_degrees(np.empty(0, dtype=object))) == 0
    assert shapely.is_empty(plane.to_degrees(shapely.Polygon()))


@given(ANGLES, st.floats(1, 400), st.floats(1, 60))
def test_rectangles_have_their_sides_along_the_heading(heading: float, length: float, width: float) -> None:
    box = geo.rectangles([7.0], [-3.0], [heading], [length], [width])[0]
    assert box.area == pytest.approx(length * width)
    assert (box.centroid.x, box.centroid.y) == pytest.approx((7.0, -3.0))
    bow = np.radians(heading)
    ahead = shapely.Point(7.0 + length / 2 * np.sin(bow), -3.0 + length / 2 * np.cos(bow))
    assert box.boundary.distance(ahead) < 1e-6


SIDES = st.floats(0.5, 400)


@given(
    METRES, METRES, ANGLES | st.sampled_from([0.0, 90.0, 180.0]), SIDES, SIDES, SIDES, SIDES, st.booleans()
)
def test_shared_areas_are_those_of_shapely(
    ahead: float, right: float, turn: float, a: float, b: float, c: float, d: float, alike: bool
) -> None:
    c, d = (a, b) if alike else (c, d)
    ahead, right = ahead / 10, right / 10
    first = geo.rectangles([0.0], [0.0], [0.0], [a], [b])[0]
    second = geo.rectangles([right], [ahead], [turn], [c], [d])[0]
    area = geo.shared_area([ahead], [right], [turn], ([a], [b]), ([c], [d]))[0]
    assert area == pytest.approx(first.intersection(second).area, rel=1e-4, abs=0.02)


def test_shared_areas_of_rectangles_with_common_edges() -> None:
    ahead, right = [0.0, 50.0, 100.0, 0.0, 0.0], [0.0, 0.0, 0.0, 10.0, 20.0]
    size = np.full(5, 100.0), np.full(5, 20.0)
    area = geo.shared_area(ahead, right, np.zeros(5), size, size)
    assert area == pytest.approx([2000.0, 1000.0, 0.0, 1000.0, 0.0], abs=1e-3)
    assert geo.shared_area([], [], [], ([], []), ([], [])).shape == (0,)
