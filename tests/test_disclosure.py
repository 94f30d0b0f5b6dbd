"""Disclosure control: what is hidden, that it cannot be worked out, and the public profile of tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog

from ais_berths import schema
from ais_berths.config import IndicatorsConfig
from ais_berths.disclosure import can_be_solved, hide_zeros, protect, publish
from ais_berths.indicators import make_indicators

if TYPE_CHECKING:
    from collections.abc import Iterator

    Fleet = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]
    Sides = tuple[pd.DataFrame, pd.DataFrame]

KEY = ["indicator", "period", "period_start", "type_group", "part"]
COUNTS = ("port_calls", "arrivals_by_hour", "arrivals_by_weekday")
LEVELS = [("day", "week", "month"), ("week", "month"), ("day", "month"), ("day", "week"), ("month",)]
BERTHS = schema.conform(
    pd.DataFrame({"berth_id": ["B"], "port_id": "P", "berth_kind": "discrete", "use": "commercial"}), "berths"
)


def sums(*members: tuple[int, int, bool]) -> pd.DataFrame:
    """Sum, figure, and whether it is the total of that sum."""
    return pd.DataFrame(members, columns=["relation", "cell", "total"]).assign(rule="groups")


def seen(*vessels: set[int]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Figures and their vessels."""
    pairs = pd.DataFrame([(i, v) for i, who in enumerate(vessels) for v in who], columns=["cell", "mmsi"])
    return pd.DataFrame({"n_vessels": [len(who) for who in vessels], "published": True}), pairs


# the rule --------------------------------------------------------------------------------------------


def test_nothing_is_hidden_where_every_figure_rests_on_enough() -> None:
    cells, pairs = seen(set(range(9)), {0, 1, 2}, {3, 4, 5}, {6, 7, 8})
    links = sums((0, 0, True), (0, 1, False), (0, 2, False), (0, 3, False))
    assert not protect(cells, links, pairs, 3).any()


def test_a_second_figure_is_hidden_with_a_single_one() -> None:
    cells, pairs = seen(set(range(9)), {0, 1, 2, 3, 4}, {5, 6, 7}, {8})
    links = sums((0, 0, True), (0, 1, False), (0, 2, False), (0, 3, False))
    assert protect(cells, links, pairs, 3).tolist() == [False, False, True, True]


def test_hidden_figures_of_too_few_ships_together_take_another_with_them() -> None:
    """One ship at one berth and the same ship at another: their sum would still be hers."""
    cells, pairs = seen(set(range(5)), {0, 1, 2, 3}, {4}, {4})
    links = sums((0, 0, True), (0, 1, False), (0, 2, False), (0, 3, False))
    assert protect(cells, links, pairs, 3).tolist() == [False, True, True, True]


def test_a_ring_of_sums_that_has_one_solution_is_broken() -> None:
    """Rows and columns of a square with two hidden in each but one solution for all of them together."""
    cells, pairs = seen(*({3 * i, 3 * i + 1, 3 * i + 2} for i in range(6)), {99})
    links = sums(*((0, i, i == 0) for i in (0, 1, 6)), *((1, i, i == 0) for i in (0, 2, 6)))
    hidden = protect(cells, links, pairs, 3)
    assert hidden[6]
    assert not can_be_solved(cells, links, hidden)[6]


def test_zero_is_hidden_beside_a_hidden_figure_only() -> None:
    cells, pairs = seen(set(range(9)), set(range(8)), {8}, set(), set())
    links = sums((0, 0, True), (0, 1, False), (0, 2, False), (0, 3, False), (1, 4, False))
    hidden = hide_zeros(cells, links, protect(cells, links, pairs, 3))
    assert hidden.tolist() == [False, True, True, True, False]
    assert not protect(cells, links, pairs, 1).any()


def test_what_all_sums_give_away_is_found() -> None:
    """x + y = 5 and x + y + z = 7: z is known, x and y are not."""
    cells, _ = seen(*({i} for i in range(5)))
    links = sums((0, 0, True), (0, 1, False), (0, 2, False))
    links = pd.concat([links, sums((1, 3, True), (1, 1, False), (1, 2, False), (1, 4, False))])
    hidden = np.array([False, True, True, False, True])
    assert can_be_solved(cells, links, hidden).tolist() == [False, False, False, False, True]


# whole tables ----------------------------------------------------------------------------------------


@pytest.mark.slow
@settings(max_examples=12)
@given(st.data(), st.sampled_from(LEVELS))
def test_suppressed_figures_cannot_be_worked_out(
    fleets: st.SearchStrategy[Fleet], data: st.DataObject, periods: tuple[Any, ...]
) -> None:
    truth, shown = twice(data.draw(fleets), periods)
    few = truth["n_vessels"].between(1, 2).reindex(shown.index, fill_value=False)
    assert shown.loc[few, "suppressed"].all()
    visible = shown.loc[~shown["suppressed"], "value"]
    assert visible.tolist() == pytest.approx(truth.loc[visible.index, "value"].tolist())
    check_counts(truth, shown[shown.index.get_level_values("indicator").isin(COUNTS)].reset_index())
    check_hours(truth, shown[shown.index.get_level_values("indicator") == "berth_hours"].reset_index())


def check_counts(truth: pd.DataFrame, table: pd.DataFrame) -> None:
    """Bracket every suppressed count, knowing that none is below zero: more than one whole number fits."""
    real = truth.reindex(pd.MultiIndex.from_frame(table[KEY]))["value"].to_numpy()
    matrix, right, hidden = equations(table)
    for column, row in enumerate(hidden):
        if real[row] == 0:
            continue
        target = np.zeros(len(hidden))
        target[column] = 1.0
        low, high = (
            linprog(sign * target, A_eq=matrix, b_eq=right, bounds=(0, None), method="highs")
            for sign in (1, -1)
        )
        known = high.status == 0 and -high.fun - low.fun < 0.5
        assert not known, f"{table.loc[row, KEY].tolist()} is {low.fun}"


def check_hours(truth: pd.DataFrame, table: pd.DataFrame) -> None:
    """Solve for every suppressed figure: no sum of equations leaves it alone."""
    real = truth.reindex(pd.MultiIndex.from_frame(table[KEY]))["value"].to_numpy()
    matrix, _, hidden = equations(table)
    if not hidden:
        return
    _, size, directions = np.linalg.svd(matrix)
    free = directions[np.count_nonzero(size > 1e-9) :]
    determined = np.abs(free).max(axis=0, initial=0.0) < 1e-9
    known = [row for row, sure in zip(hidden, determined, strict=True) if sure and real[row] > 0]
    assert table.loc[known, KEY].to_numpy().tolist() == []


def twice(fleet: Fleet, periods: tuple[Any, ...]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """All indicators of a fleet, and those that are published."""
    port_calls, berth_calls, vessels = fleet
    tables = [
        make_indicators(
            berth_calls, port_calls, vessels, BERTHS, IndicatorsConfig(periods=periods, min_vessels=least)
        )
        for least in (1, 3)
    ]
    return tables[0].set_index(KEY)[["value", "n_vessels"]], tables[1].set_index(KEY)


def equations(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, list[int]]:
    """Every sum that a reader can think of, for the suppressed rows, built from the dates themselves."""
    date = pd.to_datetime(table["period_start"])
    table = table.assign(
        date=date,
        week=date - pd.to_timedelta(date.dt.day_of_week, unit="D"),
        month=date - pd.to_timedelta(date.dt.day - 1, unit="D"),
        weekday=(date.dt.day_of_week + 1).astype(str),
    )
    pairs = [*sums_of_groups(table)]
    for _, rows in table.groupby("type_group"):
        pairs += [*sums_of_periods(rows[rows["part"] == ""]), *sums_of_parts(rows)]
    hidden = table.index[table["suppressed"]].tolist()
    place = {row: column for column, row in enumerate(hidden)}
    matrix, right = np.zeros((len(pairs), len(hidden))), np.zeros(len(pairs))
    for number, sides in enumerate(pairs):
        for sign, rows in zip((-1.0, 1.0), sides, strict=True):
            for row in rows.index:
                if row in place:
                    matrix[number, place[row]] += sign
                else:
                    right[number] -= sign * table.loc[row, "value"]
    return matrix, right, hidden


def sums_of_groups(table: pd.DataFrame) -> Iterator[Sides]:
    for _, rows in table.groupby(["indicator", "period", "period_start", "part"]):
        whole = rows["type_group"] == "all"
        yield rows[whole], rows[~whole]


def sums_of_periods(rows: pd.DataFrame) -> Iterator[Sides]:
    """Days of weeks and months; without days the weeks of all the time against its months."""
    by = {level: rows[rows["period"] == level] for level in ("day", "week", "month")}
    if len(by["day"]):
        for level in ("week", "month"):
            for begin, total in by[level].groupby("date"):
                yield total, by["day"][by["day"][level] == begin]
    elif len(by["week"]) and len(by["month"]):
        yield by["month"], by["week"]


def sums_of_parts(rows: pd.DataFrame) -> Iterator[Sides]:
    """Hours and weekdays of a month, and the days of each weekday."""
    days = rows[rows["period"] == "day"]
    months = rows[(rows["period"] == "month") & (rows["part"] == "")]
    for name in ("arrivals_by_hour", "arrivals_by_weekday"):
        parts = rows[rows["indicator"] == name]
        if len(parts):
            for begin, total in months.groupby("date"):
                yield total, parts[parts["date"] == begin]
    if len(days):
        for at, bar in rows[rows["indicator"] == "arrivals_by_weekday"].iterrows():
            yield rows.loc[[at]], days[(days["month"] == bar["date"]) & (days["weekday"] == bar["part"])]


# the public profile ----------------------------------------------------------------------------------


@pytest.fixture
def tables() -> dict[str, pd.DataFrame]:
    """Build three ships at berth B1, two at B2, one in another port."""
    came, left = pd.Timestamp("2024-03-04T06:17Z"), pd.Timestamp("2024-03-05T06:10Z")
    stays = pd.DataFrame({"mmsi": [1, 2, 3, 1, 1, 2], "berth_id": ["B1"] * 3 + ["B2"] * 3})
    stays = stays.assign(
        call_id="B" + stays["mmsi"].astype(str) + stays["berth_id"],
        port_call_id="P" + stays["mmsi"].astype(str),
        port_id="P",
        arrival_time=came,
        departure_time=left,
        time_at_berth_h=23.88,
    )
    visits = pd.DataFrame({"mmsi": [1, 2, 3, 4], "port_id": ["P", "P", "P", "Q"]})
    visits = visits.assign(
        port_call_id="P" + visits["mmsi"].astype(str),
        arrival_time=came,
        departure_time=left,
        time_in_port_h=23.88,
    )
    berths = pd.DataFrame({"berth_id": ["B1", "B2", "M1"], "n_vessels": [3, 2, 5], "loa_max_m": 300.0})
    return {
        "vessels": schema.empty("vessels"),
        "stops": schema.empty("stops"),
        "berths": schema.conform(berths, "berths"),
        "berth_calls": schema.conform(stays, "berth_calls"),
        "port_calls": schema.conform(visits, "port_calls"),
        "berth_cells": pd.DataFrame({"hex_id": [1, 2], "berth_id": ["B1", "B2"]}),
        "quality": schema.empty("quality"),
    }


def test_public_tables_hold_no_identity_and_no_berth_of_few_ships(tables: dict[str, pd.DataFrame]) -> None:
    public = publish(tables, min_vessels=3)
    assert set(public) == {"berths", "berth_calls", "port_calls", "berth_cells", "quality"}
    assert public["berths"]["berth_id"].tolist() == ["B1", "M1"]
    assert public["berths"]["loa_max_m"].isna().all()
    assert public["berth_calls"]["berth_id"].tolist() == ["B1"] * 3
    assert public["berth_cells"]["hex_id"].tolist() == [1]
    assert public["port_calls"]["port_id"].tolist() == ["P"] * 3
    for frame in (public["berth_calls"], public["port_calls"]):
        assert not {"mmsi", "imo", "name", "call_sign"} & set(frame.columns)
        assert (frame["arrival_time"] == pd.Timestamp("2024-03-04T06:00Z")).all()


def test_public_ids_of_calls_are_numbers_that_still_fit(tables: dict[str, pd.DataFrame]) -> None:
    public = publish(tables, min_vessels=3)
    assert public["berth_calls"]["call_id"].tolist() == ["1", "2", "3"]
    assert set(public["berth_calls"]["port_call_id"]) == set(public["port_calls"]["port_call_id"])
    assert "mmsi" in tables["berth_calls"].columns, "the tables that were given have changed"
