"""Static reports to vessels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths import schema
from ais_berths.config import HullsConfig
from ais_berths.errors import MissingColumnsError
from ais_berths.vessels import TYPE_GROUPS, column_of, groups_of, merge_statics, type_groups

CONFIG = HullsConfig()
ABCD = ["to_bow_m", "to_stern_m", "to_port_m", "to_starboard_m"]


def merged(*rows):
    return merge_statics(pd.DataFrame([{"mmsi": 1, "n_reports": 1} | row for row in rows]), CONFIG)


def dims(a, b, c, d):
    return dict(zip(ABCD, (a, b, c, d), strict=True))


def test_the_value_sent_most_often_wins():
    rows = [
        {"name": "ALPHA", "n_reports": 3},
        {"name": "ALFA", "n_reports": 2},
        {"name": "ALFA", "n_reports": 2},
    ]
    assert merged(*rows)["name"].tolist() == ["ALFA"]


def test_ties_do_not_depend_on_the_order():
    rows = [{"name": "ONE", "type_code": 70}, {"name": "TWO", "type_code": 80}]
    pd.testing.assert_frame_equal(merged(*rows), merged(*rows[::-1]))


@pytest.mark.parametrize(
    ("row", "basis", "length"),
    [
        (dims(90, 20, 8, 10), "antenna", 110.0),
        (dims(0, 110, 0, 18), "size", 110.0),
        (dims(0, 0, 0, 0) | {"loa_m": 110.0, "beam_m": 18.0}, "size", 110.0),
        ({"loa_m": 110.0, "beam_m": 18.0}, "size", 110.0),
        ({"loa_m": 1100.0, "beam_m": 18.0}, "none", np.nan),
        ({"loa_m": 110.0, "beam_m": 90.0}, "none", np.nan),
        ({"loa_m": 110.0, "beam_m": 2.0}, "none", np.nan),
        (dims(500, 500, 8, 10) | {"loa_m": 110.0, "beam_m": 18.0}, "size", 110.0),
        (dims(90, 20, 0, 0), "size", 110.0),
        (dims(90, 20, np.nan, np.nan), "size", 110.0),
        (dims(90, 20, 0, 0) | {"loa_m": 110.0, "beam_m": 0.0}, "size", 110.0),
        ({"loa_m": 110.0, "beam_m": 0.0}, "size", 110.0),
        ({"loa_m": 110.0}, "size", 110.0),
        ({"loa_m": 1100.0}, "none", np.nan),
        ({"beam_m": 18.0}, "size", np.nan),
        ({}, "none", np.nan),
    ],
)
def test_what_is_known_of_the_hull(row, basis, length):
    vessel = merged(row).iloc[0]
    assert vessel["dims_basis"] == basis
    assert vessel["loa_m"] == pytest.approx(length, nan_ok=True)
    assert vessel[ABCD].notna().all() == (basis == "antenna")


def test_antenna_distances_that_contradict_the_size_are_not_used():
    rows = [{"loa_m": 200.0, "beam_m": 30.0, "n_reports": 9}, dims(60, 20, 6, 7)]
    vessel = merged(*rows).iloc[0]
    assert vessel["dims_basis"] == "size"
    assert vessel["loa_m"] == 200.0


def test_length_and_width_together_count_more_than_one_of_them():
    rows = [{"loa_m": 200.0, "n_reports": 9}, {"loa_m": 110.0, "beam_m": 18.0}]
    vessel = merged(*rows).iloc[0]
    assert (vessel["loa_m"], vessel["beam_m"]) == (110.0, 18.0)


def test_a_length_without_a_width_goes_with_the_width_that_is_sent_beside_it():
    vessel = merged(dims(90, 20, 0, 0) | {"loa_m": 60.0, "beam_m": 18.0}).iloc[0]
    assert (vessel["loa_m"], vessel["beam_m"], vessel["dims_basis"]) == (110.0, 18.0, "size")


def test_imo_numbers_with_a_wrong_check_digit_are_dropped():
    assert merged({"imo": 9074729}, {"imo": 9074728, "n_reports": 5})["imo"].tolist() == [9074729]
    assert merged({"imo": 12345})["imo"].tolist() == [0]


@pytest.mark.parametrize(
    ("code", "group"),
    [
        (0, "unknown"),
        (30, "fishing"),
        (31, "tug"),
        (36, "leisure"),
        (50, "service"),
        (52, "tug"),
        (60, "passenger"),
        (79, "cargo"),
        (89, "tanker"),
        (99, "other"),
        (255, "unknown"),
        (-1, "unknown"),
        (1019, "unknown"),
    ],
)
def test_groups_of_type_codes(code, group):
    assert type_groups(np.array([code])).tolist() == [group]
    assert group in TYPE_GROUPS


def test_nothing_in_nothing_out():
    empty = merge_statics(schema.empty("statics"), CONFIG)
    assert empty.empty
    assert list(empty.columns) == schema.VESSELS.names


def test_a_missing_column_is_named():
    with pytest.raises(MissingColumnsError, match="n_reports"):
        merge_statics(pd.DataFrame({"mmsi": [1]}), CONFIG)


def test_looking_up_a_vessel_that_is_not_known():
    vessels = merged({"type_code": 70, "loa_m": 110.0, "beam_m": 18.0})
    asked = pd.Series([2, 1])
    assert groups_of(vessels, asked).tolist() == ["unknown", "cargo"]
    assert column_of(vessels, "loa_m", asked)[1] == 110.0
    assert np.isnan(column_of(vessels, "loa_m", asked)[0])


static_rows = st.lists(
    st.fixed_dictionaries(
        {
            "mmsi": st.integers(1, 3),
            "name": st.sampled_from(["", "A", "B"]),
            "type_code": st.sampled_from([0, 52, 70]),
            "loa_m": st.sampled_from([np.nan, 30.0, 110.0, 900.0]),
            "beam_m": st.sampled_from([np.nan, 9.0, 18.0]),
            "n_reports": st.integers(1, 4),
        }
    ),
    min_size=1,
    max_size=15,
)


@settings(max_examples=40, deadline=None)
@given(static_rows, st.randoms(use_true_random=False))
def test_pieces_in_any_order_and_split_in_two_give_the_same(rows, random):
    statics = pd.DataFrame(rows)
    whole = merge_statics(statics, CONFIG)
    halves = [row | {"n_reports": n} for row in rows for n in (1, row["n_reports"] - 1) if n]
    random.shuffle(halves)
    pd.testing.assert_frame_equal(whole, merge_statics(pd.DataFrame(halves), CONFIG))
    assert whole["mmsi"].tolist() == sorted(statics["mmsi"].unique())
    assert whole["n_reports"].sum() == statics["n_reports"].sum()
