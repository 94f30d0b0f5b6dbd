"""Hulls in a plane, and how two of them lie to each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import quayside
import shapely
from hypothesis import given
from hypothesis import strategies as st
from quayside import DAY, PLACES, Row

from ais_berths import schema
from ais_berths.footprints import Footprints, Groups, quantiles


def lie(name: str, along_m: float = 0.0, across_m: float = 0.0, start_h: float = 0.0, **more: Any) -> Row:
    """Put a ship at the quay from an hour on."""
    return quayside.lie(name, along_m, start_h / 24.0, across_m=across_m, **more)


def prints_of(*rows: Row, place: str = "Rotterdam") -> Footprints:
    frame = quayside.put_down(list(rows), place)
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


def every(prints: Footprints) -> np.ndarray:
    return np.arange(len(prints.x))


# two footprints -----------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
def test_two_ships_are_compared_in_metres(place: str) -> None:
    prints = prints_of(
        lie("a"), lie("b", 50.0, 6.0, turn_deg=180.0, start_h=4.0, length_m=100.0, width_m=20.0), place=place
    )
    pairs = prints.compare(np.array([0]), np.array([1]))
    assert pairs.turn[0] == pytest.approx(0.0, abs=1e-6)
    assert pairs.along[0] == pytest.approx(50.0, rel=0.006)
    assert pairs.across[0] == pytest.approx(6.0, abs=0.4)
    assert pairs.together_h[0] == pytest.approx(6.0)
    # 100 m along the quay and 19 of the 20 m across lie within the longer ship.
    assert prints.shares(pairs.i, pairs.j)[0] == pytest.approx(0.95, abs=0.02)


def test_ships_that_never_met_were_not_together() -> None:
    prints = prints_of(lie("a"), lie("b", start_h=12.0))
    pairs = prints.compare(np.array([0]), np.array([1]))
    assert pairs.together_h.tolist() == [0.0]
    assert prints.shares(pairs.i, pairs.j).tolist() == pytest.approx([1.0])


def test_bow_and_stern_look_the_same() -> None:
    there = prints_of(lie("a"), lie("b", 30.0, 3.0, turn_deg=5.0))
    back = prints_of(lie("a"), lie("b", 30.0, 3.0, turn_deg=185.0))
    one, other = np.array([0]), np.array([1])
    for name in ("turn", "along", "across"):
        expected = getattr(there.compare(one, other), name)
        assert getattr(back.compare(one, other), name) == pytest.approx(expected, abs=1e-6)
    assert back.shares(one, other) == pytest.approx(there.shares(one, other))


@given(st.floats(-200, 200), st.floats(-60, 60), st.floats(-180, 180), st.floats(20, 300))
def test_shares_are_those_of_the_shapes(along: float, across: float, turn: float, length: float) -> None:
    prints = prints_of(lie("a"), lie("b", along, across, turn_deg=turn, length_m=length))
    shapes = prints.shapes()
    area = shapely.area(shapely.intersection(shapes[0], shapes[1])) / prints.scale[0] ** 2
    share = prints.shares(np.array([0]), np.array([1]))[0]
    assert share == pytest.approx(area / (min(length, 200.0) * 30.0), abs=1e-3)
    assert prints.shares(np.array([1]), np.array([0]))[0] == pytest.approx(share, abs=1e-3)


# finding the pairs --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("along_m", "across_m", "n"), [(0, 41, 1), (0, 43, 0), (211, 0, 1), (215, 0, 0), (0, 0, 1)]
)
def test_ships_within_reach_touch(along_m: float, across_m: float, n: int) -> None:
    prints = prints_of(lie("a"), lie("b", along_m, across_m))
    assert prints.touching(every(prints), reach_m=12.0).shape == (2, n)


def test_touching_names_only_the_footprints_asked_for() -> None:
    prints = prints_of(lie("a"), lie("b", 5.0), lie("c", 10.0), lie("d", 900.0))
    assert prints.touching(np.array([0, 2, 3]), 12.0).tolist() == [[0], [2]]
    assert prints.touching(np.array([3]), 12.0).shape == (2, 0)


STAYS = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 9), st.integers(0, 6)), min_size=1, max_size=12)


@given(STAYS)
def test_together_are_those_of_one_place_whose_times_overlap(stays: list[tuple[int, int, int]]) -> None:
    prints = prints_of(*(lie(f"s{n}", start_h=at, hours=hours) for n, (_, at, hours) in enumerate(stays)))
    found = {tuple(pair) for pair in prints.together(np.array([stay[0] for stay in stays])).T.tolist()}

    def meet(a: tuple[int, int, int], b: tuple[int, int, int]) -> bool:
        return a[0] == b[0] and max(a[1], b[1]) < min(a[1] + a[2], b[1] + b[2])

    n = len(stays)
    expected = {(i, j) for i in range(n) for j in range(i + 1, n) if meet(stays[i], stays[j])}
    # Two that share no time but an instant may be named: they were together for no hours.
    hours = {pair: prints.compare(*np.array(pair)[:, None]).together_h[0] for pair in found}
    assert {pair for pair in found if hours[pair] > 0} == expected


def test_footprints_that_are_nearly_the_same_have_one_first() -> None:
    again = [lie(f"s{n:03d}", 1.5 * np.sin(n), 0.5 * np.cos(n), start_h=20.0 * n, mmsi=7) for n in range(200)]
    prints = prints_of(*again, lie("z", 300.0))
    like = prints.alike()
    firsts = np.unique(like)
    assert (like[firsts] == firsts).all()
    assert len(firsts) < 20
    assert like[200] == 200
    assert (prints.shares(like, every(prints)) > 0.7).all()
    assert (prints.compare(like, every(prints)).along < 12.0).all()


@given(st.randoms(use_true_random=False))
def test_the_first_does_not_depend_on_the_order_of_the_rows(random: Any) -> None:
    rows = [lie(f"s{n:02d}", 7.0 * np.sin(n), 4.0 * np.cos(n), start_h=float(n)) for n in range(30)]
    shuffled = random.sample(rows, len(rows))

    def first_of(rows: list[dict[str, Any]]) -> dict[str, str]:
        names = [row["stop_id"] for row in rows]
        return dict(zip(names, [names[n] for n in prints_of(*rows).alike().tolist()], strict=True))

    assert first_of(shuffled) == first_of(rows)


# groups -------------------------------------------------------------------------------------------


@given(
    st.lists(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6), min_size=1, max_size=4),
    st.floats(0, 1),
)
def test_quantiles_are_those_of_numpy(groups: list[list[float]], share: float) -> None:
    values = np.concatenate(groups)
    number = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    mixed = np.argsort(values, kind="stable")
    got = quantiles(values[mixed], number[mixed], share)
    assert got == pytest.approx([np.quantile(group, share) for group in groups], abs=1e-6)


@pytest.mark.parametrize("place", PLACES)
def test_the_box_of_one_ship_is_the_ship(place: str) -> None:
    prints = prints_of(lie("a", turn_deg=180.0), lie("b", 400.0, length_m=90.0, width_m=14.0), place=place)
    boxes = Groups.of(prints, every(prints), every(prints)).boxes(0.1, 0.1)
    assert boxes.length == pytest.approx([200.0, 90.0])
    assert boxes.width == pytest.approx([30.0, 14.0])
    assert boxes.axis == pytest.approx([PLACES[place][2]] * 2)
    shared = shapely.area(shapely.intersection(boxes.shapes(), prints.shapes()))
    assert shared / shapely.area(prints.shapes()) == pytest.approx([1.0, 1.0], abs=1e-6)
    longer = boxes.shapes(more_length_m=100.0, more_width_m=30.0)
    assert shapely.area(longer)[0] / prints.scale[0] ** 2 == pytest.approx(300.0 * 60.0, rel=1e-6)


def test_groups_are_boxed_each_by_itself_in_any_order() -> None:
    rows = [lie(f"a{n}", 2.0 * n, n - 5.0, turn_deg=180.0 * (n % 2)) for n in range(11)]
    rows += [lie(f"b{n}", 500.0 + n, turn_deg=40.0 + n, length_m=100.0) for n in range(5)]
    prints, number = prints_of(*rows), np.repeat([0, 1], [11, 5])
    boxes = Groups.of(prints, every(prints), number).boxes(0.1, 0.1)
    assert boxes.axis == pytest.approx([30.0, 72.0])
    # The middles lie 0 to 20 m along and -5 to 5 m across; a tenth of them is left out at each side.
    assert (boxes.length[0], boxes.width[0]) == pytest.approx((216.0, 38.0), rel=0.006)
    mixed = np.random.default_rng(1).permutation(16)
    again = Groups.of(prints, mixed, number[mixed]).boxes(0.1, 0.1)
    for name in ("x", "y", "axis", "length", "width"):
        assert getattr(again, name) == pytest.approx(getattr(boxes, name))
