"""Cells of crowded positions are those that H3 gives for each."""

from __future__ import annotations

import h3.api.basic_int as h3
import numpy as np
import pytest

from ais_berths.geo import cells_at, turn_deg
from ais_berths.squares import find_cells


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
