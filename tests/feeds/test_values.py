"""Numbers, times and codes out of columns of any type."""

from __future__ import annotations

import datetime as dt
import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ais_berths.feeds import values, words
from ais_berths.feeds.mapping import TimeFormat

NOON_US = int(dt.datetime(2020, 1, 2, 12, tzinfo=dt.UTC).timestamp()) * 1_000_000

messy = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.integers(-(10**12), 10**12).map(str),
    st.floats(allow_nan=True, allow_infinity=True).map(str),
    st.sampled_from(["", " ", "NA", "null", "-", "+3", " 12.5 ", "1e5", "1e999", ".5", "5.", "0x1f", "1_0"]),
)


def kinds_of(texts: list[str | None]) -> list[pa.Array]:
    plain = pa.array(texts, pa.string())
    kinds = (pa.large_string(), pa.binary())
    return [plain, plain.dictionary_encode(), *(plain.cast(kind) for kind in kinds)]


@given(st.lists(messy, max_size=20))
def test_a_number_is_read_alike_whatever_stands_beside_it(texts: list[str | None]) -> None:
    alone = [values.numbers(pa.array([text], pa.string()))[0] for text in texts]
    for array in kinds_of(texts):
        np.testing.assert_array_equal(values.numbers(array), np.array(alone, dtype=float))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False, width=64), max_size=20))
def test_written_numbers_come_back(numbers: list[float]) -> None:
    texts = [repr(number) for number in numbers]
    assert values.numbers(pa.array([*texts, "x"]))[:-1].tolist() == numbers


@given(st.lists(messy, max_size=20))
def test_a_code_is_read_alike_whatever_stands_beside_it(texts: list[str | None]) -> None:
    lookup = words.type_codes({"1004": 70})

    def read(column: pa.Array) -> list[tuple[int, bool]]:
        codes, strange = values.codes(
            column, lambda text: words.code_of(text, lookup, 0), {1004: 70}, default=0, largest=99
        )
        return list(zip(codes.tolist(), strange.tolist(), strict=True))

    alone = [read(pa.array([text], pa.string()))[0] for text in texts]
    for array in kinds_of(texts):
        assert read(array) == alone


def test_decimal_comma() -> None:
    assert values.numbers(pa.array(["1,5", "-0,25", "x"]), decimal=",")[:2].tolist() == [1.5, -0.25]


def test_numbers_of_other_types() -> None:
    assert values.numbers(pa.array([1, None], pa.int16())).tolist()[0] == 1.0
    assert math.isnan(values.numbers(pa.array([1, None], pa.int16()))[1])
    assert values.numbers(pa.array([[1], [2]])).shape == (2,)
    assert np.isnan(values.numbers(pa.nulls(3))).all()


whole = st.one_of(
    messy,
    st.integers(-(2**64), 2**64).map(str),
    st.sampled_from(["9223372036854775807", "-9223372036854775808", "9223372036854775808", "0007", "0x1F"]),
)


@given(st.lists(whole, max_size=20))
def test_an_id_is_read_alike_whatever_stands_beside_it(texts: list[str | None]) -> None:
    def read(column: pa.Array) -> list[tuple[int, bool]]:
        found, good = values.whole_numbers(column)
        return list(zip(found.tolist(), good.tolist(), strict=True))

    alone = [read(pa.array([text], pa.string()))[0] for text in texts]
    for array in kinds_of(texts):
        assert read(array) == alone


def test_ids_of_many_digits_beside_others() -> None:
    cell = 613229551438266367
    for array in (pa.array([str(cell), "x"]), pa.array([cell, 2**63], pa.uint64())):
        found, good = values.whole_numbers(array)
        assert (found.tolist(), good.tolist()) == ([cell, 0], [True, False])


@pytest.mark.parametrize("texts", [["0x1F"], ["0x1F", "366917000"], ["0X1f", "x"]])
def test_an_id_in_hexadecimal_is_unreadable(texts: list[str]) -> None:
    for array in kinds_of(texts):
        assert not values.whole_numbers(array)[1][0]


def test_rounded_ids_are_unreadable_as_categories_too() -> None:
    array = pa.array(["3.66917E+08", "366917000", None, "3.0"]).dictionary_encode()
    for kind in (array.type, pa.dictionary(pa.int32(), pa.large_string())):
        found, good = values.whole_numbers(array.cast(kind))
        assert found.tolist() == [0, 366917000, 0, 3]
        assert good.tolist() == [False, True, False, True]


def test_whole_numbers_keep_all_digits() -> None:
    cell = 613229551438266367
    for kind in (pa.int64(), pa.uint64(), pa.string()):
        array = pa.array([cell]).cast(kind)
        assert values.whole_numbers(array)[0].tolist() == [cell]


@pytest.mark.parametrize(
    ("column", "form"),
    [
        (["2020-01-02T12:00:00"], TimeFormat()),
        (["2020-01-02 12:00:00"], TimeFormat()),
        (["2020-01-02 12:00"], TimeFormat()),
        (["2020-01-02T12:00:00.000"], TimeFormat()),
        (["2020-01-02 12:00:00.000000000"], TimeFormat()),
        (["2020-01-02T12:00:00Z"], TimeFormat()),
        (["2020-01-02 12:00:00 UTC"], TimeFormat()),
        (["2020-01-02T14:30:00+02:30"], TimeFormat()),
        (["2020-01-02T07:00:00-0500"], TimeFormat(zone="Asia/Tokyo")),
        (["2020-01-02T13:00:00"], TimeFormat(zone="Europe/Copenhagen")),
        (["02/01/2020 12:00:00"], TimeFormat(format="%d/%m/%Y %H:%M:%S")),
        (["2/1/2020 12:0:0"], TimeFormat(format="%d/%m/%Y %H:%M:%S")),
        (["02.01.20 13:00"], TimeFormat(format="%d.%m.%y %H:%M", zone="Europe/Berlin")),
        (["02/01/2020 12:00:00.000"], TimeFormat(format="%d/%m/%Y %H:%M:%S.%f")),
        (["02/01/2020 14:00:00 +0200"], TimeFormat(format="%d/%m/%Y %H:%M:%S %z")),
        ([20200102120000], TimeFormat(format="%Y%m%d%H%M%S")),
        ([20200102120000.0], TimeFormat(format="%Y%m%d%H%M%S")),
        ([NOON_US // 10**6], TimeFormat(format="epoch")),
        ([str(NOON_US // 10**3)], TimeFormat(format="epoch", unit="ms")),
        ([NOON_US], TimeFormat(format="epoch", unit="us")),
        ([NOON_US * 1000], TimeFormat(format="epoch", unit="ns")),
        ([pd.Timestamp(2020, 1, 2, 12)], TimeFormat(format="%d/%m/%Y")),
        ([dt.datetime(2020, 1, 2, 12, tzinfo=dt.UTC)], TimeFormat(zone="Asia/Tokyo")),
        ([pd.Timestamp(2020, 1, 2, 21)], TimeFormat(zone="Asia/Tokyo")),
    ],
)
def test_noon_in_many_ways(column: list[object], form: TimeFormat) -> None:
    array = pa.array(column)
    spoiled = pa.array([*array.to_pylist(), None], array.type)
    for one in (array, spoiled, array.dictionary_encode()):
        stamps, good = values.times(one, form)
        assert (stamps[0], good[0]) == (NOON_US, True)


def test_times_in_floats_beside_what_is_none() -> None:
    """A table that was made with pandas has floats wherever a time is missing."""
    array = pa.array([20200102120000.0, math.nan, 20200102120000.5, None, math.inf])
    stamps, good = values.times(array, TimeFormat(format="%Y%m%d%H%M%S"))
    assert (stamps[0], good.tolist()) == (NOON_US, [True, False, False, False, False])


@pytest.mark.parametrize("kind", [pa.timestamp(unit) for unit in ("s", "ms", "us", "ns")])
def test_timestamps_of_every_unit(kind: pa.DataType) -> None:
    array = pa.array([pd.Timestamp(2020, 1, 2, 12)]).cast(kind)
    assert values.times(array, TimeFormat())[0].tolist() == [NOON_US]


def test_unreadable_times() -> None:
    iso = pa.array(
        ["2020-01-02T12:00:00", "2020-02-30 00:00:00", "soon", "", None, "1970-01-01T00:00:00", "20:00"]
    )
    assert values.times(iso, TimeFormat())[1].tolist() == [True] + [False] * 6
    mixed = pa.array(["2020-01-02T13:00:00+01:00", "2020-01-02T12:00:00", "2020-01-02T12:00:00Z", "no"])
    stamps, good = values.times(mixed, TimeFormat())
    assert good.tolist() == [True, True, True, False]
    assert set(stamps[:3].tolist()) == {NOON_US}
    danish = pa.array(
        [
            "02/01/2020 12:00:00",
            "30/02/2020 12:00:00",
            "02/13/2020 12:00:00",
            "2020-01-02",
            "31/04/2020 1:0:0",
        ]
    )
    assert values.times(danish, TimeFormat(format="%d/%m/%Y %H:%M:%S"))[1].tolist() == [True] + [False] * 4
    epoch = pa.array(["1577966400", "157796640012345", "x", "-1", "nan"])
    assert values.times(epoch, TimeFormat(format="epoch"))[1].tolist() == [True] + [False] * 4
    assert not values.times(pa.array([1577966400]), TimeFormat())[1].any()


@pytest.mark.parametrize("form", [TimeFormat(), TimeFormat(format="%d.%m.%y %H:%M")])
def test_words_for_a_time_are_none(form: TimeFormat) -> None:
    """What is read must not depend on the clock."""
    assert not values.times(pa.array(["now", "today", "NOW", "Today"]), form)[1].any()


@given(st.lists(st.datetimes(pd.Timestamp(1995, 1, 1), pd.Timestamp(2090, 1, 1)), min_size=1, max_size=10))
def test_times_written_in_any_way_come_back(stamps: list[dt.datetime]) -> None:
    wanted = pa.array(stamps, pa.timestamp("us")).cast(pa.int64()).to_pylist()
    iso = pa.array([*(stamp.isoformat() for stamp in stamps), "unreadable"])
    assert values.times(iso, TimeFormat())[0][:-1].tolist() == wanted
    pattern = "%d/%m/%Y %H:%M:%S"
    whole = [stamp.replace(microsecond=0) for stamp in stamps]
    wanted = pa.array(whole, pa.timestamp("us")).cast(pa.int64()).to_pylist()
    text = pa.array([stamp.strftime(pattern) for stamp in whole])
    assert values.times(text, TimeFormat(format=pattern))[0].tolist() == wanted


def test_the_repeated_hour_is_taken_for_its_first_run() -> None:
    stamps, _ = values.times(pa.array(["2020-10-25T02:30:00"]), TimeFormat(zone="Europe/Copenhagen"))
    assert stamps.tolist() == [1603585800_000_000]


def test_lists_match_nothing() -> None:
    nested = pa.array([["base"], None, []])
    assert values.matches(nested, lambda text: True).tolist() == [False] * 3
