"""Cells are those that H3 gives, also where positions are crowded."""

from __future__ import annotations

import h3.api.basic_int as h3
import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import Geod

from ais_berths.geo import turn_deg
from ais_berths.h3cells import (
    cell_centres,
    cell_polygons,
    cell_resolutions,
    cells_at,
    find_cells,
    parent_cells,
)

GEOD = Geod(ellps="WGS84")


@given(st.floats(-90, 90), st.floats(-180, 180), st.integers(0, 15))
def test_cells_and_their_parents_are_those_of_h3(lat: float, lon: float, coarse: int) -> None:
    fine = cells_at([lat], [lon], 15)
    assert int(fine[0]) == h3.latlng_to_cell(lat, lon, 15)
    assert int(parent_cells(fine, coarse)[0]) == h3.cell_to_parent(int(fine[0]), coarse)
    assert cell_resolutions(parent_cells(fine, coarse)).tolist() == [coarse]
    assert fine.dtype == np.int64
    assert fine[0] > 0


def test_no_cell_where_there_is_no_position() -> None:
    cells = cells_at([np.nan, 91.0, 50.0], [4.0, 4.0, np.inf], 8)
    assert cells.tolist() == [0, 0, 0]


def test_centres_and_outlines_of_cells() -> None:
    cells = cells_at([70.0, -17.0], [179.999, 179.999], 8)
    lat, lon = cell_centres(cells)
    assert cells_at(lat, lon, 8).tolist() == cells.tolist()
    for cell, shape in zip(cells.tolist(), cell_polygons(cells), strict=True):
        assert shape.is_valid
        area, _ = GEOD.geometry_area_perimeter(shapely.geometry.polygon.orient(shape))
        assert area == pytest.approx(h3.cell_area(cell, "m^2"), rel=0.01)
    assert cell_polygons([]).shape == (0,)
    assert cell_centres([])[0].shape == (0,)


@pytest.mark.parametrize("resolution", [6, 7, 8, 12])
@pytest.mark.parametrize("place", ["anywhere", "pentagon", "antimeridian", "pole", "ports"])
def test_cells_of_crowded_positions_are_exact(place: str, resolution: int) -> None:
    rng = np.random.default_rng(resolution)
    side = 1.0 / (2048 * 7.0 ** ((resolution - 8) / 2))
    for _ in range(10):
        middle = {
            "anywhere": (np.degrees(np.arcsin(rng.uniform(-1, 1))), rng.uniform(-180, 180)),
            "pentagon": h3.cell_to_latlng(int(rng.choice(h3.get_pentagons(resolution)))),
            "antimeridian": (rng.uniform(-60, 60), 180.0),
            "pole": (89.9999, rng.uniform(-180, 180)),
            "ports": (51.95, 4.05),
        }[place]
        lat = middle[0] + rng.uniform(-3, 3, 600) * side
        lon = turn_deg(0.0, middle[1] + rng.uniform(-3, 3, 600) * side)
        expected = cells_at(lat, lon, resolution)
        assert find_cells(lat, lon, resolution).tolist() == expected.tolist()


def test_cells_of_no_positions() -> None:
    assert find_cells([], [], 8).tolist() == []
    found = find_cells([np.nan, 51.95, 91.0, *[51.95] * 9], [4.0, np.inf, 4.0, *[4.05] * 9], 8)
    assert found.tolist() == [0, 0, 0, *[cells_at([51.95], [4.05], 8)[0]] * 9]
