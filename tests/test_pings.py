"""Cleaning: what is dropped, what is kept, and that every row is accounted for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths import schema
from ais_berths.config import CleanConfig
from ais_berths.errors import MissingColumnsError
from ais_berths.pings import add_quality, clean_pings, quality_table, ship_mmsi

# Before version 3, pandas warned of putting empty tables together.
PANDAS_2 = "ignore:The behavior of DataFrame concatenation with empty:FutureWarning"
CONFIG = CleanConfig()
START = pd.Timestamp("2024-01-01", tz="UTC").as_unit("us")
KN_M_MIN = 1852.0 / 60.0
METRE = 1.0 / 111_195.0


def pings(rows, mmsi=244000001):
    """Rows of (minute, metres north, speed) off 52 N 4 E."""
    frame = pd.DataFrame(rows, columns=["minute", "north_m", "sog_kn"])
    return pd.DataFrame(
        {
            "mmsi": mmsi,
            "time": START + pd.to_timedelta(frame["minute"], unit="min"),
            "lat": 52.0 + frame["north_m"] * METRE,
            "lon": 4.0,
            "sog_kn": frame["sog_kn"],
        }
    )


def at_rest(minutes, north_m=0.0):
    return [(minute, north_m, 0.0) for minute in minutes]


def under_way(minutes, knots, north_m=0.0):
    first = minutes[0]
    return [(minute, north_m + knots * KN_M_MIN * (minute - first), knots) for minute in minutes]


def counts(quality):
    """Rows by reason and action; how many speeds could be compared is no defect."""
    rows = {(row.reason, row.action): row.rows for row in quality.itertuples()}
    rows.pop(("speed_compared", "kept"), None)
    return rows


def test_a_ship_that_behaves_loses_nothing():
    frame = pings(
        at_rest(range(0, 60, 5)) + under_way(range(60, 90), 14.0) + at_rest(range(95, 150, 5), 12_650.0)
    )
    clean, quality = clean_pings(frame, CONFIG)
    assert len(clean) == len(frame)
    assert counts(quality) == {}
    assert (clean["track"] == 0).all()


@pytest.mark.parametrize("twin", [0.0, 3.0])
def test_reports_of_one_second_and_place_are_one(twin):
    frame = pings([(0, 0.0, 0.0), (0, twin, 0.0), (5, 0.0, 0.0)])
    clean, quality = clean_pings(frame, CONFIG)
    assert len(clean) == 2
    assert counts(quality) == {("duplicate", "dropped"): 1}


def test_of_a_rounded_and_an_exact_report_the_exact_one_stays():
    frame = pings([(0, 0.0, 0.0), (0, 90.0, 0.0), (5, 0.0, 0.0)]).assign(coarse=[False, True, False])
    clean, _ = clean_pings(frame, CONFIG)
    assert clean["coarse"].tolist() == [False, False]


def test_a_spike_of_a_ship_at_rest():
    frame = pings([*at_rest(range(0, 30, 5)), (30, 250.0, 0.1), *at_rest(range(35, 60, 5))])
    clean, quality = clean_pings(frame, CONFIG)
    assert counts(quality) == {("spike", "dropped"): 1}
    assert clean["lat"].max() < 52.0 + 1e-9


@pytest.mark.parametrize("far_m", [3_000.0, 30_000.0])
@pytest.mark.parametrize("knots", [0.0, 12.0])
def test_a_position_that_no_ship_reaches(far_m, knots):
    rows = under_way(range(40), knots)
    rows[20] = (20, far_m, knots)
    clean, quality = clean_pings(pings(rows), CONFIG)
    assert sum(counts(quality).values()) == 1
    assert (clean["track"] == 0).all()
    assert len(clean) == 39


def test_a_jump_after_a_silence_does_not_make_a_second_ship():
    rows = [*at_rest(range(0, 60, 5)), (180, 5_000.0, 0.0), *at_rest(range(182, 240, 5))]
    clean, quality = clean_pings(pings(rows), CONFIG)
    assert (clean["track"] == 0).all()
    assert len(clean) + counts(quality)["jump", "dropped"] == len(rows)
    assert counts(quality)["jump", "dropped"] <= 2


def test_errors_days_apart_do_not_add_up_to_a_ship():
    rows = at_rest(range(0, 7 * 1440, 10))
    for k in range(6):
        rows[100 + 150 * k] = (rows[100 + 150 * k][0], 8_000.0 + 900.0 * k, 0.0)
    clean, quality = clean_pings(pings(rows), CONFIG)
    assert (clean["track"] == 0).all()
    assert len(clean) >= len(rows) - 12
    assert sum(counts(quality).values()) == len(rows) - len(clean)


def test_two_ships_with_one_number():
    one = pings(at_rest(range(0, 300, 5)))
    two = pings([(m + 2, n, s) for m, n, s in at_rest(range(0, 300, 5), 40_000.0)])
    clean, quality = clean_pings(pd.concat([one, two], ignore_index=True), CONFIG)
    assert counts(quality) == {("shared_mmsi", "flagged"): 60}
    north = clean.groupby("track")["lat"].agg(["min", "max", "size"])
    assert north["size"].tolist() == [60, 60]
    assert (north["max"] - north["min"] < 1e-9).all()


def test_two_moving_ships_with_one_number():
    one = pings(under_way(range(120), 12.0))
    two = pings([(m + 0.5, n, s) for m, n, s in under_way(range(120), 8.0, north_m=90_000.0)])
    clean, _ = clean_pings(pd.concat([one, two], ignore_index=True), CONFIG)
    assert clean.groupby("track").size().tolist() == [120, 120]
    assert clean.groupby("track")["sog_kn"].nunique().tolist() == [1, 1]


def test_a_fast_craft_is_no_spike():
    rows = under_way(range(10), 35.0) + [
        (m, 10_800.0 - (m - 10) * 35 * KN_M_MIN, 35.0) for m in range(10, 20)
    ]
    clean, quality = clean_pings(pings(rows), CONFIG)
    assert len(clean) == 20
    assert counts(quality) == {}


def test_speeds_that_are_not_sent():
    frame = pings(
        at_rest(range(0, 30, 5)) + under_way(range(30, 60), 11.0) + at_rest(range(60, 90, 5), 10_200.0)
    )
    clean, _ = clean_pings(frame.drop(columns="sog_kn"), CONFIG)
    assert len(clean) == len(frame)


def test_no_rows_and_one_row():
    for frame in (pings([]), pings([(0, 0.0, 0.0)])):
        clean, quality = clean_pings(frame, CONFIG)
        assert len(clean) == len(frame)
        assert list(clean.columns) == schema.PINGS.names
        assert counts(quality) == {}


def test_a_missing_column_is_named():
    with pytest.raises(MissingColumnsError, match="lacks lat"):
        clean_pings(pings([(0, 0.0, 0.0)]).drop(columns="lat"), CONFIG)


rows_of_pings = st.lists(
    st.tuples(
        st.sampled_from([244000001, 244000002]),
        st.integers(0, 90),
        st.sampled_from([0.0, 5.0, 400.0, 1_500.0, 60_000.0]),
        st.sampled_from([0.0, 0.4, 12.0, np.nan]),
    ),
    max_size=40,
)


@pytest.mark.filterwarnings(PANDAS_2)
@settings(max_examples=60, deadline=None)
@given(rows_of_pings, st.randoms(use_true_random=False))
def test_every_row_is_kept_or_counted_and_order_does_not_matter(rows, random):
    frame = pd.concat(
        [pings([row[1:] for row in rows if row[0] == mmsi], mmsi) for mmsi in (244000001, 244000002)],
        ignore_index=True,
    )
    clean, quality = clean_pings(frame, CONFIG)
    dropped = quality.loc[quality["action"] == "dropped", "rows"].sum()
    assert len(clean) + dropped == len(frame)
    shuffled = list(range(len(frame)))
    random.shuffle(shuffled)
    again, same = clean_pings(frame.iloc[shuffled], CONFIG)
    pd.testing.assert_frame_equal(clean, again)
    pd.testing.assert_frame_equal(quality, same)


@pytest.mark.filterwarnings(PANDAS_2)
@settings(max_examples=30, deadline=None)
@given(rows_of_pings)
def test_ships_are_cleaned_one_by_one(rows):
    parts = [pings([row[1:] for row in rows if row[0] == mmsi], mmsi) for mmsi in (244000001, 244000002)]
    together, quality = clean_pings(pd.concat(parts, ignore_index=True), CONFIG)
    alone = [clean_pings(part, CONFIG) for part in parts]
    pd.testing.assert_frame_equal(together, pd.concat([clean for clean, _ in alone], ignore_index=True))
    pd.testing.assert_frame_equal(add_quality([quality]), add_quality([table for _, table in alone]))


@pytest.mark.parametrize(
    ("factor", "reasons"),
    [
        (1.0, {}),
        (1.25, {}),
        (1.852, {"speed_above_way": 29}),
        (0.8, {}),
        (0.5144, {"speed_below_way": 29}),
    ],
)
def test_speeds_of_another_unit_do_not_fit_the_ways(factor, reasons):
    frame = pings(under_way(range(30), 14.0)).assign(sog_kn=lambda rows: rows["sog_kn"] * factor)
    clean, quality = clean_pings(frame, CONFIG)
    assert len(clean) == len(frame)
    expected = {"speed_compared": 29} | reasons
    assert dict(zip(quality["reason"], quality["rows"], strict=True)) == expected


@pytest.mark.parametrize(
    "rows",
    [
        at_rest(range(30)),
        under_way(range(0, 120, 4), 14.0),
        under_way(range(30), 2.0),
        [(minute, 400.0 * minute, 10.0 + 5 * (minute % 2)) for minute in range(30)],
        [(minute, 400.0 * minute, np.nan) for minute in range(30)],
    ],
    ids=["at rest", "seldom heard", "slow", "changing", "no speed"],
)
def test_what_tells_nothing_of_the_speed_is_not_compared(rows):
    frame = pings(rows)
    for table in (frame, pings(under_way(range(30), 14.0)).assign(coarse=True)):
        _, quality = clean_pings(table, CONFIG)
        assert quality.empty


def test_numbers_of_ships():
    mmsi = np.array([244000001, 992351000, 2442000, 111244001, 123456789, 970000001])
    keep, why = ship_mmsi(mmsi, CONFIG)
    assert keep.tolist() == [True, False, False, False, False, False]
    assert why == {"not_a_ship_mmsi": 4, "junk_mmsi": 1}


def test_anonymous_ids_are_ships_when_asked_for():
    mmsi = np.array([17, 992351000, 123456789])
    keep, why = ship_mmsi(mmsi, CONFIG.model_copy(update={"ship_numbers_only": False}))
    assert keep.tolist() == [True, True, True]
    assert why == {}


def test_quality_tables_add_up():
    one = quality_table("clean", {("spike", "dropped"): 2, ("jump", "dropped"): 0})
    two = quality_table("clean", {("spike", "dropped"): 5, ("duplicate", "dropped"): 1})
    assert len(one) == 1
    total = add_quality([one, two])
    assert total[["reason", "rows"]].to_dict("records") == [
        {"reason": "duplicate", "rows": 1},
        {"reason": "spike", "rows": 7},
    ]
    assert add_quality([]).empty


@pytest.mark.parametrize("cells", [(0, 613229551438266367), (613229551438266365, 613229551438266367)])
def test_the_cell_of_repeated_rows_does_not_depend_on_their_order(cells: tuple[int, int]) -> None:
    """One file may come with cells and another without, or with those of positions before rounding."""
    times = pd.to_datetime(["2024-01-01"] * 2, utc=True)
    pings = pd.DataFrame({"mmsi": 244000001, "time": times, "lat": 51.9, "lon": 4.1, "cell": cells})
    for some in (pings, pings[::-1]):
        assert clean_pings(some, CleanConfig())[0]["cell"].tolist() == [613229551438266367]
