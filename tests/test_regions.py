"""Portions of stops that have nothing to do with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import geo
from ais_berths.config import Config
from ais_berths.regions import Cubes, Portions, reach_m

if TYPE_CHECKING:
    from numpy.typing import NDArray

SIDE_M = 1500.0
PLACES = st.lists(st.tuples(st.integers(-9, 9), st.integers(-9, 9)), min_size=1, max_size=40)
CENTRES = {"Rotterdam": (51.95, 4.14), "Suva": (-18.13, 179.99), "Hammerfest": (70.67, 23.67)}


def stops_at(kilometres: list[tuple[int, int]], centre: str = "Rotterdam") -> pd.DataFrame:
    lat0, lon0 = CENTRES[centre]
    east, north = np.array(kilometres, dtype=np.float64).T * 1000.0
    lat, lon = geo.offset_deg(lat0, lon0, 0.0, north, east)
    return pd.DataFrame({"lat": lat, "lon": lon, "pivot_lat": np.nan, "pivot_lon": np.nan})


def portions_of(stops: pd.DataFrame, most: int) -> tuple[Portions, NDArray[np.int64]]:
    portions = Portions.of(Cubes.of(stops, SIDE_M), SIDE_M, most)
    return portions, portions.number(stops)


@pytest.mark.parametrize("centre", CENTRES)
@given(kilometres=PLACES, most=st.integers(1, 50))
def test_stops_within_reach_are_in_one_portion(
    centre: str, kilometres: list[tuple[int, int]], most: int
) -> None:
    stops = stops_at(kilometres, centre)
    portions, number = portions_of(stops, most)
    xyz = geo.sphere_xyz_m(stops["lat"].to_numpy(), stops["lon"].to_numpy())
    near = np.linalg.norm(xyz[:, None] - xyz[None, :], axis=-1) <= SIDE_M
    assert (number[:, None] == number[None, :])[near].all()
    assert np.unique(number).tolist() == list(range(len(portions)))


@given(PLACES, st.integers(1, 40))
def test_only_what_hangs_together_makes_a_portion_larger_than_asked(
    kilometres: list[tuple[int, int]], most: int
) -> None:
    stops = stops_at(kilometres)
    _, number = portions_of(stops, most)
    _, alone = portions_of(stops, 1)
    largest = np.bincount(alone).max()
    assert np.bincount(number).max() <= most - 1 + largest
    # Regions are put together, and never cut.
    assert len(np.unique(np.stack([alone, number]), axis=1).T) == len(np.unique(alone))


@given(PLACES, st.integers(1, 40), st.integers(1, 39))
def test_how_the_stops_are_read_does_not_matter(
    kilometres: list[tuple[int, int]], most: int, cut: int
) -> None:
    stops = stops_at(kilometres)
    portions, number = portions_of(stops, most)
    parts = [Cubes.of(part, SIDE_M) for part in (stops[cut:], stops[:cut], stops[:0])]
    again = Portions.of(Cubes.added(parts), SIDE_M, most)
    assert again.number(stops).tolist() == number.tolist()
    assert again.cube.tolist() == portions.cube.tolist()


def test_a_ship_is_where_it_lies_and_where_the_buoy_is() -> None:
    stops = stops_at([(0, 0), (9, 0)])
    assert portions_of(stops, 1)[1].tolist() in ([0, 1], [1, 0])
    stops.loc[0, ["pivot_lat", "pivot_lon"]] = stops.loc[1, ["lat", "lon"]].to_numpy()
    assert portions_of(stops, 1)[1].tolist() == [0, 0]


@pytest.mark.parametrize(
    ("section", "name"),
    [
        *[("mooring", name) for name in ("neighbour_m", "same_berth_m", "buoy_m")],
        *[("anchorages", "eps_m"), ("quays", "terminal_m"), ("berths", "continuous_gap_m")],
    ],
)
def test_the_reach_follows_the_settings(section: str, name: str) -> None:
    assert 1450.0 < reach_m(Config()) < 5000.0
    wide = Config.model_validate({section: {name: 5000.0}})
    assert reach_m(wide) > 5000.0
