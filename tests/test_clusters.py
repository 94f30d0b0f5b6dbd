"""Footprints to berths: ships at quays, piers and in rafts, each a table of a few rows."""

from __future__ import annotations

from typing import Any

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from quayside import PLACES, Row, calls, lie, lie_all, put_down

from ais_berths import geo, schema
from ais_berths.clusters import cluster_hulls
from ais_berths.config import BerthsConfig
from ais_berths.groups import group_touching

CONFIG = BerthsConfig()


def cluster(*rows: Row, place: str = "Rotterdam") -> pd.DataFrame:
    """Groups by stop id."""
    frame = put_down(list(rows), place)
    stops, hulls = schema.conform(frame, "stops"), schema.conform(frame, "hulls")
    groups = cluster_hulls(hulls, stops, CONFIG)
    assert groups["stop_id"].tolist() == frame["stop_id"].tolist()
    return groups.set_index("stop_id")


def berths(groups: pd.DataFrame) -> list[str]:
    """Names of the ships of each berth, such as 'ab'."""
    return sorted("".join(sorted(ships)) for ships in groups.index.groupby(groups["cluster"]).values())


# one berth, two berths ----------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("turn", [0.0, 180.0])
def test_one_ship_twice_is_one_berth(place: str, turn: float) -> None:
    groups = cluster(lie("a", mmsi=7), lie("b", 5.0, day=3.0, mmsi=7, turn_deg=turn), place=place)
    assert berths(groups) == ["ab"]
    assert not groups[["rafted", "odd"]].to_numpy().any()
    assert groups["berth_kind"].tolist() == ["discrete", "discrete"]


@pytest.mark.parametrize("place", PLACES)
def test_two_ships_one_after_the_other_along_the_quay_are_two_berths(place: str) -> None:
    assert berths(cluster(lie("a"), lie("b", 215.0), place=place)) == ["a", "b"]


def test_ships_of_different_length_at_one_berth_are_one_berth() -> None:
    """A bollard in common: all bows at the same mark, and then all in the middle."""
    lengths = {"a": 200.0, "b": 140.0, "c": 170.0, "d": 185.0}
    bows = [lie(k, -length / 2, day=n, length_m=length) for n, (k, length) in enumerate(lengths.items())]
    middles = [lie(k, 0.0, day=n, length_m=length) for n, (k, length) in enumerate(lengths.items())]
    assert berths(cluster(*bows)) == ["abcd"]
    assert berths(cluster(*middles)) == ["abcd"]


def test_ships_at_once_in_places_that_hardly_touch_are_two_berths() -> None:
    """Both berths were used at the same time, again and again, although the hulls overlap a little."""
    left, right = calls("abcd", 0.0), calls("uvwx", 190.0)
    groups = cluster(*left, *right)
    assert berths(groups) == ["abcd", "uvwx"]


def test_both_sides_of_a_finger_pier_are_two_berths() -> None:
    """A pier 15 m wide with ships on both sides: far closer than two ships along one quay."""
    left = calls("abc", 0.0, across_m=-22.5)
    right = calls("xyz", 0.0, across_m=22.5)
    assert berths(cluster(*left, *right)) == ["abc", "xyz"]
    never_at_once = calls("xyz", 0.0, day=20.0, across_m=22.5)
    assert berths(cluster(*left, *never_at_once)) == ["abc", "xyz"]


@pytest.mark.parametrize(("across_m", "n"), [(16.0, 1), (31.0, 2)])
def test_no_two_berths_are_less_than_a_beam_apart(across_m: float, n: int) -> None:
    groups = cluster(lie("a"), lie("b", day=3.0, across_m=across_m))
    assert groups["cluster"].nunique() == n


def test_ships_across_each_other_share_no_berth() -> None:
    """The corner of a basin: hulls that overlap, but at right angles."""
    assert berths(cluster(lie("a"), lie("b", day=2.0, turn_deg=90.0))) == ["a", "b"]


def test_berths_used_once_are_kept() -> None:
    groups = cluster(*calls("abcd", 0.0), lie("z", 700.0))
    assert berths(groups) == ["abcd", "z"]
    assert not groups.loc["z", "odd"]


# rafts --------------------------------------------------------------------------------------------


def test_a_ship_outside_another_is_rafted_and_makes_no_berth() -> None:
    groups = cluster(
        *calls("abcd", 0.0), lie("z", 3.0, day=1.1, across_m=26.0, width_m=20.0, length_m=120.0, hours=5.0)
    )
    assert berths(groups) == ["abcdz"]
    assert groups.index[groups["rafted"]].tolist() == ["z"]


def test_rafts_of_three_lie_at_the_berth_of_the_inner_ship() -> None:
    inner = calls("abcd", 0.0)
    middle = lie("y", 0.0, day=1.1, across_m=27.0, width_m=20.0, length_m=120.0, hours=6.0)
    outer = lie("z", 0.0, day=1.15, across_m=48.0, width_m=18.0, length_m=110.0, hours=4.0)
    groups = cluster(*inner, middle, outer)
    assert berths(groups) == ["abcdyz"]
    assert groups.index[groups["rafted"]].tolist() == ["y", "z"]


def test_the_outer_ship_may_stay_longer() -> None:
    """A ship that is alongside in its own right once makes it the host."""
    outer = lie("z", 0.0, day=0.9, across_m=28.0, width_m=25.0, hours=20.0)
    groups = cluster(*calls("abcd", 0.0), outer)
    assert berths(groups) == ["abcdz"]
    assert groups.index[groups["rafted"]].tolist() == ["z"]


def test_ships_on_both_sides_of_a_pier_are_not_rafted() -> None:
    groups = cluster(*calls("abcdef", 0.0, across_m=-30.0), *calls("uvwxyz", 0.0, across_m=30.0))
    assert berths(groups) == ["abcdef", "uvwxyz"]
    assert not groups["rafted"].any()


# odd visits and continuous quays ------------------------------------------------------------------


def test_a_long_ship_across_two_berths_is_an_odd_visit() -> None:
    left, right = calls("abcdef", 0.0), calls("uvwxyz", 215.0)
    groups = cluster(*left, *right, lie("L", 107.0, day=9.0, length_m=380.0, width_m=50.0))
    assert berths(groups) in (["Labcdef", "uvwxyz"], ["Luvwxyz", "abcdef"])
    assert groups.index[groups["odd"]].tolist() == ["L"]
    assert set(groups["berth_kind"]) == {"discrete"}


@pytest.mark.parametrize("place", PLACES)
def test_ships_anywhere_along_a_quay_are_one_continuous_berth(place: str) -> None:
    along = [0.0, 60.0, 130.0, 185.0, 260.0, 330.0, 390.0, 450.0, 520.0, 600.0, 655.0, 720.0, 790.0, 860.0]
    rows = [lie(chr(97 + n), at, day=n, length_m=150.0) for n, at in enumerate(along)]
    groups = cluster(*rows, place=place)
    assert berths(groups) == ["abcdefghijklmn"]
    assert set(groups["berth_kind"]) == {"continuous"}


def test_neighbouring_berths_in_a_row_are_not_a_continuous_quay() -> None:
    rows = [row for n in range(5) for row in calls("abcde"[n].upper() + "vwxyz"[n], 215.0 * n)]
    rows = [row | {"stop_id": f"{row['stop_id']}"} for row in rows]
    groups = cluster(*rows)
    assert berths(groups) == ["Av", "Bw", "Cx", "Dy", "Ez"]
    assert set(groups["berth_kind"]) == {"discrete"}


@pytest.mark.parametrize(("error_m", "berths_found"), [(3.0, 2), (8.0, 1)])
def test_where_antennas_are_a_guess_ships_of_one_berth_lie_farther_apart(
    error_m: float, berths_found: int
) -> None:
    groups = cluster(
        lie("a", across_m=0.0, hull_error_m=error_m), lie("b", day=3.0, across_m=22.0, hull_error_m=error_m)
    )
    assert groups["cluster"].nunique() == berths_found


# what must hold for any table ---------------------------------------------------------------------


def harbour() -> list[Row]:
    """A quay with three berths, a raft, a long ship, a pier and a continuous quay."""
    rows = [*calls("abcd", 0.0), *calls("efgh", 215.0), *calls("ijk", 430.0)]
    rows += [lie("r", 3.0, day=1.1, across_m=26.0, width_m=20.0, length_m=120.0, hours=5.0)]
    rows += [lie("s", 3.0, day=1.15, across_m=47.0, width_m=20.0, length_m=120.0, hours=3.0)]
    rows += [lie("L", 107.0, day=9.0, length_m=380.0, width_m=50.0)]
    rows += [*calls("op", 1000.0, across_m=-22.0), *calls("qt", 1000.0, across_m=22.0)]
    return rows + [
        lie(name, 2000.0 + 63.0 * n, day=(7 * n) % 11, length_m=150.0) for n, name in enumerate("ABCDEFGHIJK")
    ]


def test_the_harbour_of_these_tests() -> None:
    groups = cluster(*harbour())
    assert len(set(groups["cluster"])) == 6
    assert groups.index[groups["rafted"]].tolist() == ["r", "s"]
    assert groups.index[groups["odd"]].tolist() == ["L"]
    assert set(groups.loc[list("ABCDEFGHIJK"), "berth_kind"]) == {"continuous"}


@settings(deadline=None, max_examples=25)
@given(st.permutations(harbour()))
def test_groups_do_not_depend_on_the_order_of_the_rows(rows: list[Row]) -> None:
    pd.testing.assert_frame_equal(cluster(*rows).sort_index(), cluster(*harbour()).sort_index())


@pytest.mark.parametrize("place", PLACES)
def test_the_same_harbour_elsewhere_gives_the_same_groups(place: str) -> None:
    pd.testing.assert_frame_equal(cluster(*harbour(), place=place), cluster(*harbour()))


SHIPS = st.tuples(
    st.floats(0, 700), st.floats(-60, 60), st.sampled_from([0.0, 2.0, 90.0, 180.0]), st.floats(20, 300),
    st.integers(0, 5), st.floats(0.5, 40),
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(st.lists(SHIPS, min_size=1, max_size=14), st.randoms(use_true_random=False))
def test_any_stops_get_a_berth_in_any_order(ships: list[tuple[float, ...]], random: Any) -> None:
    rows = lie_all(ships, "hours")
    groups = cluster(*rows)
    assert sorted(set(groups["cluster"])) == list(range(groups["cluster"].nunique()))
    # Every berth has a ship that lay in it, not only beside or across it.
    alongside = groups[~(groups["rafted"] | groups["odd"])]
    assert set(alongside["cluster"]) == set(groups["cluster"])
    assert len(groups[["cluster", "berth_kind"]].drop_duplicates()) == groups["cluster"].nunique()
    shuffled = cluster(*random.sample(rows, len(rows)))
    pd.testing.assert_frame_equal(shuffled.sort_index(), groups.sort_index())


def test_nothing_in_nothing_out() -> None:
    groups = cluster_hulls(schema.empty("hulls"), schema.empty("stops"), CONFIG)
    assert len(groups) == 0
    assert groups.columns.tolist() == ["stop_id", "cluster", "rafted", "odd", "berth_kind"]
    assert groups.dtypes[["cluster", "rafted", "odd"]].astype(str).tolist() == ["int64", "bool", "bool"]


def test_touching_shapes_are_grouped_through_others() -> None:
    boxes = geo.rectangles([0.0, 10.0, 20.0, 40.0], [0.0] * 4, [0.0] * 4, [5.0] * 4, [10.0] * 4)
    groups = group_touching(boxes)
    assert groups[0] == groups[1] == groups[2] != groups[3]
