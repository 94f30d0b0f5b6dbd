"""Footprints: from what is known of a stop and of a ship, and from what its neighbours tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths import geo, schema
from ais_berths.config import HullsConfig
from ais_berths.hulls import build_hulls

CONFIG = HullsConfig()
DAY = pd.Timestamp("2024-03-01", tz="UTC")
LAT, LON, AXIS = 51.9, 4.0, 30.0
Row = dict[str, Any]


def stop(name: str, mmsi: int, along_m: float = 0.0, turn_deg: float | None = 0.0, **more: Any) -> Row:
    """Build a moored stop with the antenna `along_m` from the beginning of a quay, a day for each letter."""
    lat, lon = geo.offset_deg(LAT, LON, AXIS, along_m, 0.0)
    start = DAY + pd.Timedelta(days=sum(name.encode()))
    heading = None if turn_deg is None else (AXIS + turn_deg) % 360.0
    row = {"stop_id": name, "mmsi": mmsi, "lat": float(lat), "lon": float(lon), "heading_deg": heading}
    row |= {"start_time": start, "end_time": start + pd.Timedelta("9h"), "heading_spread_deg": 1.0}
    return row | {"kind": "moored", "n_fine": 99} | more


def ship(mmsi: int, loa: float | None = 180.0, beam: float | None = 28.0, **more: Any) -> Row:
    return {"mmsi": mmsi, "type_group": "cargo", "loa_m": loa, "beam_m": beam} | more


def known(mmsi: int, ratio: float = 0.85) -> Row:
    sides = {
        "to_bow_m": 180.0 * ratio,
        "to_stern_m": 180.0 * (1 - ratio),
        "to_port_m": 14.0,
        "to_starboard_m": 14.0,
    }
    return ship(mmsi, **sides)


def build(stops: list[Row], ships: list[Row]) -> pd.DataFrame:
    tables = schema.conform(pd.DataFrame(stops), "stops"), schema.conform(pd.DataFrame(ships), "vessels")
    return build_hulls(*tables, CONFIG).set_index("stop_id")


# one ship -----------------------------------------------------------------------------------------


def test_antenna_and_heading_give_the_rectangle() -> None:
    hull = build([stop("a", 1)], [known(1)]).loc["a"]
    assert (hull["length_m"], hull["width_m"], hull["hull_basis"]) == (180.0, 28.0, "antenna")
    ahead, right = geo.along_across_m(LAT, LON, hull["lat"], hull["lon"], AXIS)
    assert (float(ahead), float(right)) == pytest.approx((63.0, 0.0), abs=0.1)


def test_only_moored_stops_have_a_footprint() -> None:
    stops = [stop(kind, 1, kind=kind) for kind in ("moored", "anchored", "buoy", "adrift")]
    assert build(stops, [known(1)]).index.tolist() == ["moored"]


@pytest.mark.parametrize(
    ("loa", "beam", "length", "width", "basis"),
    [
        (180.0, 28.0, 180.0, 28.0, "prior"),
        (180.0, None, 180.0, 180.0 / 6.4, "prior"),
        (None, 28.0, 28.0 * 6.4, 28.0, "prior"),
        (None, None, 190.0, 30.0, "type"),
    ],
)
def test_what_is_missing_of_the_size_follows_from_the_rest(
    loa: float | None, beam: float | None, length: float, width: float, basis: str
) -> None:
    hull = build([stop("a", 1)], [ship(1, loa, beam)]).loc["a"]
    assert (hull["length_m"], hull["width_m"]) == pytest.approx((length, width))
    assert hull["hull_basis"] == basis


def test_a_ship_that_nobody_knows_is_of_unknown_type() -> None:
    hull = build([stop("a", 7)], [known(1)]).loc["a"]
    assert (hull["length_m"], hull["width_m"], hull["hull_basis"]) == (60.0, 12.0, "type")


def test_without_any_direction_a_footprint_is_round_about_the_antenna() -> None:
    hull = build([stop("a", 1, turn_deg=None)], [known(1)]).loc["a"]
    assert hull["hull_basis"] == "point"
    assert pd.isna(hull["heading_deg"])
    assert (hull["length_m"], hull["width_m"]) == (90.0, 90.0)
    assert (hull["lat"], hull["lon"]) == pytest.approx((LAT, LON))
    assert hull["hull_error_m"] == pytest.approx(60.0)


# ships near by ------------------------------------------------------------------------------------


def test_the_axis_comes_from_the_ships_near_by() -> None:
    """And the bow from where the others had their middles: the ship lies with its stern ahead."""
    others = [stop(chr(97 + n), n, -63.0 * (-1) ** n, turn_deg=180.0 * (n % 2)) for n in range(8)]
    stern_ahead = stop("z", 99, 63.0, turn_deg=None)
    hull = build([*others, stern_ahead], [*(known(n) for n in range(8)), ship(99)]).loc["z"]
    assert hull["heading_deg"] == pytest.approx(AXIS + 180.0)
    assert float(geo.haversine_m(LAT, LON, hull["lat"], hull["lon"])) < 10.0


def test_ships_that_lie_every_way_give_no_axis() -> None:
    others = [stop(chr(97 + n), n, turn_deg=45.0 * n) for n in range(4)]
    hulls = build([*others, stop("z", 9, turn_deg=None)], [known(n) for n in range(10)])
    assert hulls.loc["z", "hull_basis"] == "point"


def test_swinging_ships_and_far_ships_give_no_axis() -> None:
    for other in (stop("a", 1, heading_spread_deg=40.0), stop("a", 1, along_m=400.0)):
        hulls = build([other, stop("z", 9, turn_deg=None)], [known(1), known(9)])
        assert hulls.loc["z", "hull_basis"] == "point"


def test_a_ship_without_size_is_as_large_as_its_like_near_by() -> None:
    others = [stop(name, n, 10.0 * n) for n, name in enumerate("abc")]
    ships = [ship(0, 100.0, 15.0), ship(1, 120.0, 18.0), ship(2, 140.0, 21.0), ship(9, None, None)]
    near = build([*others, stop("z", 9, 60.0)], ships).loc["z"]
    assert (near["length_m"], near["width_m"], near["hull_basis"]) == (120.0, 18.0, "type")
    far = build([*others, stop("z", 9, 900.0)], ships).loc["z"]
    assert (far["length_m"], far["width_m"]) == (190.0, 30.0)


# what must hold for any stops ---------------------------------------------------------------------


def test_nothing_in_nothing_out() -> None:
    for stops in (
        schema.empty("stops"),
        schema.conform(pd.DataFrame([stop("a", 1, kind="adrift")]), "stops"),
    ):
        hulls = build_hulls(stops, schema.empty("vessels"), CONFIG)
        pd.testing.assert_frame_equal(hulls, schema.empty("hulls"))


STOPS = st.lists(
    st.tuples(
        st.integers(0, 4), st.floats(-200, 200), st.none() | st.sampled_from([0.0, 3.0, 90.0, 178.0, 183.0])
    ),
    min_size=1,
    max_size=12,
)
SHIPS = [known(0), ship(1), ship(2, None, 20.0), ship(3, None, None)]


@given(STOPS, st.randoms(use_true_random=False))
def test_every_moored_stop_has_one_footprint_whatever_the_order(
    rows: list[tuple[int, float, float | None]], random: Any
) -> None:
    stops = [stop(chr(97 + n), mmsi, at, turn) for n, (mmsi, at, turn) in enumerate(rows)]
    hulls = build(stops, SHIPS)
    assert hulls.index.tolist() == [row["stop_id"] for row in stops]
    point = hulls["hull_basis"] == "point"
    assert (hulls["heading_deg"].isna() == point).all()
    sizes = hulls[["lat", "lon", "length_m", "width_m", "hull_error_m"]].to_numpy()
    assert np.isfinite(sizes).all()
    assert (sizes[:, 2:] > 0).all()
    shuffled = build(random.sample(stops, len(stops)), random.sample(SHIPS, len(SHIPS)))
    pd.testing.assert_frame_equal(shuffled.loc[hulls.index], hulls, rtol=1e-7)
