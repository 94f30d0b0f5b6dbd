"""Hulls in a plane, and how two of them lie to each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths import geo, schema
from ais_berths.footprints import Footprints

DAY = pd.Timestamp("2024-03-01", tz="UTC")
PLACES = {
    "Rotterdam": (51.9, 4.0, 30.0),
    "Tromso": (69.65, 18.96, 75.0),
    "Ushuaia": (-54.81, -68.3, 140.0),
    "Taveuni": (-16.8, 179.9995, 90.0),
}


def lie(name: str, along_m: float = 0.0, across_m: float = 0.0, **more: Any) -> dict[str, Any]:
    """Put a ship of 200 m at a quay, its middle `along_m` from the beginning, for ten hours."""
    return {
        "stop_id": name,
        "mmsi": sum(name.encode()),
        "along_m": along_m,
        "across_m": across_m,
        "turn_deg": 0.0,
        "length_m": 200.0,
        "width_m": 30.0,
        "hull_error_m": 3.0,
        "start_h": 0.0,
        "hours": 10.0,
    } | more


def prints_of(*rows: dict[str, Any], place: str = "Rotterdam") -> Footprints:
    frame = pd.DataFrame(list(rows))
    lat, lon, axis = PLACES[place]
    frame["lat"], frame["lon"] = geo.offset_deg(lat, lon, axis, frame["along_m"], frame["across_m"])
    frame["heading_deg"] = (axis + frame["turn_deg"]) % 360.0
    frame["start_time"] = DAY + pd.to_timedelta(frame["start_h"] * 3600, unit="s")
    frame["end_time"] = frame["start_time"] + pd.to_timedelta(frame["hours"] * 3600, unit="s")
    stops = schema.conform(frame, "stops").iloc[::-1]
    return Footprints.of(schema.conform(frame, "hulls"), stops)


def test_times_are_those_of_the_stop_whatever_the_order_of_the_stops() -> None:
    prints = prints_of(lie("a", start_h=1.0), lie("b", start_h=5.0))
    micros = schema.to_micros(pd.Series([DAY + pd.Timedelta("1h"), DAY + pd.Timedelta("5h")]))
    assert prints.start.tolist() == micros.tolist()
    assert ((prints.end - prints.start) == 10 * 3_600_000_000).all()


@pytest.mark.parametrize("place", PLACES)
def test_shapes_have_true_size_everywhere(place: str) -> None:
    prints = prints_of(lie("a"), lie("b", 200.0), place=place)
    shapes = prints.shapes()
    assert shapely.area(shapes) / prints.scale**2 == pytest.approx([6000.0, 6000.0], rel=1e-6)
    apart = np.hypot(np.diff(prints.x), np.diff(prints.y)) / prints.scale[0]
    # The mean sphere and the ellipsoid differ by up to half a percent.
    assert apart == pytest.approx([200.0], rel=0.006)


@pytest.mark.parametrize("place", PLACES)
def test_pairs_say_how_two_ships_lie(place: str) -> None:
    prints = prints_of(
        lie("a"), lie("b", 50.0, 6.0, turn_deg=180.0, start_h=4.0, length_m=100.0, width_m=20.0), place=place
    )
    pairs = prints.pairs()
    assert (pairs.i.tolist(), pairs.j.tolist()) == ([0], [1])
    assert pairs.turn[0] == pytest.approx(0.0, abs=1e-6)
    assert pairs.along[0] == pytest.approx(50.0, rel=0.006)
    assert pairs.across[0] == pytest.approx(6.0, abs=0.4)
    # 100 m along the quay and 19 of the 20 m across lie within the longer ship.
    assert pairs.share[0] == pytest.approx(0.95, abs=0.02)
    assert pairs.together_h[0] == pytest.approx(6.0)


def test_ships_that_never_met_were_not_together() -> None:
    pairs = prints_of(lie("a"), lie("b", start_h=12.0)).pairs()
    assert pairs.together_h.tolist() == [0.0]
    assert pairs.share.tolist() == pytest.approx([1.0])


@pytest.mark.parametrize(("across_m", "n"), [(30.0, 1), (41.0, 1), (43.0, 0)])
def test_ships_side_by_side_are_pairs_within_reach(across_m: float, n: int) -> None:
    pairs = prints_of(lie("a"), lie("b", 0.0, across_m)).pairs(reach_m=12.0)
    assert len(pairs.i) == n
    assert (pairs.share < 1e-6).all()


def test_ships_one_after_the_other_are_no_pair() -> None:
    assert len(prints_of(lie("a"), lie("b", 203.0)).pairs().i) == 0


def test_bow_and_stern_look_the_same() -> None:
    there = prints_of(lie("a"), lie("b", 30.0, 3.0, turn_deg=5.0)).pairs()
    back = prints_of(lie("a"), lie("b", 30.0, 3.0, turn_deg=185.0)).pairs()
    for name in ("turn", "along", "across", "share"):
        assert getattr(back, name) == pytest.approx(getattr(there, name), abs=1e-6)


def test_one_ship_has_no_pairs() -> None:
    pairs = prints_of(lie("a")).pairs()
    assert [len(v) for v in vars(pairs).values()] == [0] * 7


@settings(deadline=None, max_examples=40)
@given(
    st.lists(st.tuples(st.floats(0, 600), st.floats(-40, 40), st.floats(-30, 30)), min_size=2, max_size=7),
    st.randoms(use_true_random=False),
)
def test_pairs_do_not_depend_on_the_order_of_the_rows(spots: list[tuple[float, ...]], random: Any) -> None:
    rows = [lie(f"s{n}", along, across, turn_deg=turn) for n, (along, across, turn) in enumerate(spots)]
    shuffled = random.sample(rows, len(rows))

    def table(rows: list[dict[str, Any]]) -> dict[tuple[str, ...], list[float]]:
        pairs = prints_of(*rows).pairs()
        names = [row["stop_id"] for row in rows]
        found = zip(pairs.i.tolist(), pairs.j.tolist(), strict=True)
        values = np.stack([pairs.turn, pairs.along, pairs.across, pairs.share], axis=1).tolist()
        return {tuple(sorted((names[i], names[j]))): row for (i, j), row in zip(found, values, strict=True)}

    first, second = table(rows), table(shuffled)
    assert set(first) == set(second)
    for key, row in first.items():
        assert second[key] == pytest.approx(row, rel=1e-3, abs=1e-3)
