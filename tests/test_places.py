"""All places at once, and in portions of stops that have nothing to do with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths import geo, schema
from ais_berths.config import Config
from ais_berths.errors import InputError, MissingColumnsError
from ais_berths.naming import Core
from ais_berths.places import Places, find_in_portions, find_places
from ais_berths.ports import builtin_ports
from ais_berths.regions import Cubes, Portions, reach_m
from ais_berths.shelf import Shelf
from ais_berths.tables import read_table

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = Config()
NO_CELLS = schema.empty("cells")


class World(NamedTuple):
    stops: pd.DataFrame
    vessels: pd.DataFrame
    ports: pd.DataFrame
    places: Places


@pytest.fixture(scope="module")
def world(sample_out: Path) -> World:
    """The same ships in three ports, a month in each; half of them send no size, others no offsets."""
    stops, vessels = (read_table(sample_out / f"{name}.parquet", name) for name in ("stops", "vessels"))
    copies = []
    for number, (north_m, east_m) in enumerate([(0.0, 0.0), (40_000.0, 0.0), (0.0, 70_000.0)]):
        copy = stops.assign(stop_id=stops["mmsi"].astype(str) + f"-{number}-" + stops["stop_id"])
        for lat, lon in (("lat", "lon"), ("pivot_lat", "pivot_lon")):
            copy[lat], copy[lon] = geo.offset_deg(stops[lat], stops[lon], 0.0, north_m, east_m)
        for name in copy.select_dtypes("datetimetz"):
            copy[name] += number * pd.Timedelta("30D")
        # At the second port nobody sends a heading.
        copies.append(copy.assign(heading_deg=np.nan) if number == 1 else copy)
    every = pd.concat(copies, ignore_index=True).sort_values("stop_id", ignore_index=True)
    offsets = ["to_bow_m", "to_stern_m", "to_port_m", "to_starboard_m"]
    vessels.loc[vessels["mmsi"] % 3 == 0, offsets] = np.nan
    vessels.loc[vessels["mmsi"] % 2 == 0, [*offsets, "loa_m", "beam_m"]] = np.nan
    ports = builtin_ports()
    return World(every, vessels, ports, find_places(every, vessels, ports, NO_CELLS, CONFIG))


@settings(max_examples=4, deadline=None)
@given(st.sampled_from([1, 30, 200, 10_000]), st.randoms(use_true_random=False))
def test_portions_and_their_order_do_not_show(world: World, most: int, random: object) -> None:
    side_m = reach_m(CONFIG)
    portions = Portions.of(Cubes.of(world.stops, side_m), side_m, most)
    number = portions.number(world.stops)
    assert (len(portions) > 1) == (most < 10_000)
    parts = [world.stops[number == one].reset_index(drop=True) for one in range(len(portions))]
    random.shuffle(parts)  # type: ignore[attr-defined]
    found = find_in_portions(Shelf(parts), world.vessels, world.ports, Core(NO_CELLS), CONFIG)
    for name, tables in (("stops", list(found.stops)), ("hulls", list(found.hulls))):
        every = pd.concat(tables, ignore_index=True).sort_values("stop_id", ignore_index=True)
        pd.testing.assert_frame_equal(every, getattr(world.places, name), check_exact=True)
    for name in ("berths", "quays", "anchorages", "quality"):
        one, other = (pd.DataFrame(getattr(of, name)) for of in (found, world.places))
        pd.testing.assert_frame_equal(one, other, check_exact=True)


def test_what_is_learned_of_a_ship_comes_from_all_ports(world: World) -> None:
    """Where it did not, the test above would say nothing: the first port alone has other hulls."""
    alone = world.stops[world.stops["stop_id"].str.contains("-0-")].reset_index(drop=True)
    hulls = find_places(alone, world.vessels, world.ports, NO_CELLS, CONFIG).hulls.set_index("stop_id")
    same = world.places.hulls.set_index("stop_id").loc[hulls.index]
    assert (hulls["hull_error_m"] != same["hull_error_m"]).mean() > 0.1


def test_no_stay_begins_before_the_data_or_ends_after_them(world: World) -> None:
    early, late = world.stops["start_time"].idxmin(), world.stops["end_time"].idxmax()
    stops = world.stops.copy()
    stops.loc[early, "arrival_time"] -= pd.Timedelta("3h")
    stops.loc[late, "departure_time"] += pd.Timedelta("3h")
    found = find_places(stops, world.vessels, world.ports, NO_CELLS, CONFIG).stops
    assert found["arrival_time"].min() == stops["start_time"].min()
    assert found["departure_time"].max() == stops["end_time"].max()


def test_stops_without_times_are_refused_in_plain_words(world: World) -> None:
    few = world.stops.head(3)
    rest = world.vessels, world.ports, NO_CELLS, CONFIG
    with pytest.raises(MissingColumnsError, match="arrival_time"):
        find_places(few.drop(columns="arrival_time"), *rest)
    with pytest.raises(InputError, match="arrival_time"):
        find_places(few.assign(arrival_time=[b"x"] * 3), *rest)
    unknown = few.assign(arrival_time=few["arrival_time"].mask([True, False, False]))
    assert len(find_places(unknown, *rest).stops) == 3


def test_tables_without_ships_are_refused_in_plain_words(world: World) -> None:
    few, rest = world.stops.head(3), (world.ports, NO_CELLS, CONFIG)
    with pytest.raises(MissingColumnsError, match="mmsi"):
        find_places(few.drop(columns="mmsi"), world.vessels, *rest)
    for stops in (few, few.head(0)):
        with pytest.raises(MissingColumnsError, match="mmsi"):
            find_places(stops, world.vessels.drop(columns="mmsi"), *rest)
