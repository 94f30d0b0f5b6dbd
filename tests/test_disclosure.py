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
from ais_berths.disclosure import can_be_solved, hidden_parts, hide_zeros, protect, publish
from ais_berths.errors import InputError
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


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 9)), max_size=40), st.integers(2, 4))
def test_hidden_parts_cannot_be_worked_out(rows: list[tuple[int, int]], least: int) -> None:
    table = pd.DataFrame(rows, columns=["part", "mmsi"], dtype="int64")
    hidden = hidden_parts(table["part"], table["mmsi"], range(6), least)
    ships = table.groupby("part")["mmsi"].nunique()
    if table["mmsi"].nunique() < least:
        return  # The total is not shown either, and nothing is.
    visible = [part for part in ships.index if part not in hidden]
    assert all(ships[part] >= least for part in visible)
    secret = [part for part in ships.index if part in hidden]
    if secret:
        assert len(secret) > 1
        assert table["mmsi"][table["part"].isin(secret)].nunique() >= least


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
    """Build port P with five ships at berth B1, two at B2, three at B3; port Q with three ships at B4."""
    at = {"B1": range(1, 6), "B2": (6, 7), "B3": (1, 2, 3), "B4": (1, 2, 8)}
    stops = pd.DataFrame([(berth, mmsi) for berth, ships in at.items() for mmsi in ships])
    stops = stops.set_axis(["berth_id", "mmsi"], axis=1)
    stops["port_id"] = np.where(stops["berth_id"] == "B4", "Q", "P")
    berths = pd.DataFrame({"berth_id": list(at), "n_vessels": [len(ships) for ships in at.values()]})
    return {
        "vessels": schema.empty("vessels"),
        "stops": schema.conform(stops, "stops"),
        "berth_calls": schema.empty("berth_calls"),
        "berths": schema.conform(berths.assign(loa_max_m=300.0, type_shares='{"tug": 1.0}'), "berths"),
        "quays": schema.conform(pd.DataFrame({"quay_id": ["Q1", "Q2"], "n_vessels": [8, 2]}), "quays"),
        "berth_cells": pd.DataFrame({"hex_id": [1, 2, 3, 4], "berth_id": list(at)}),
        "quality": schema.empty("quality"),
    }


def test_the_public_profile_keeps_places_and_figures_only(tables: dict[str, pd.DataFrame]) -> None:
    public = publish(tables)
    assert set(public) == {"berths", "quays", "berth_cells", "quality"}
    assert public["berths"][["loa_max_m", "type_shares", "first_seen"]].isna().all(axis=None)
    assert tables["berths"]["loa_max_m"].notna().all(), "the tables that were given have changed"


def test_a_berth_of_few_ships_goes_and_another_with_it(tables: dict[str, pd.DataFrame]) -> None:
    """B2 is the port less B1 and B3, so the smaller of those goes too; port Q is not touched."""
    public = publish(tables)
    assert public["berths"]["berth_id"].tolist() == ["B1", "B4"]
    assert public["berth_cells"]["hex_id"].tolist() == [1, 4]
    assert public["quays"]["quay_id"].tolist() == ["Q1"]
    assert public["quays"]["n_vessels"].isna().all()
    assert len(publish(tables, min_vessels=1)["berths"]) == 4


def test_berths_are_hidden_within_their_use_too(tables: dict[str, pd.DataFrame]) -> None:
    """Reports give the number of visits to the berths of a use."""
    tables["berths"].loc[tables["berths"]["berth_id"] == "B3", "use"] = "service"
    tables["berths"].loc[tables["berths"]["berth_id"] != "B3", "use"] = "commercial"
    assert publish(tables)["berths"]["berth_id"].tolist() == ["B4"]


def test_stops_by_reason_are_not_published(tables: dict[str, pd.DataFrame]) -> None:
    rows = pd.DataFrame({"stage": ["read", "places"], "reason": "x", "action": "kept", "rows": 4})
    found = publish(tables | {"quality": schema.conform(rows, "quality")})["quality"]
    assert found["stage"].tolist() == ["read"]


def test_cells_are_not_published_without_their_berths(tables: dict[str, pd.DataFrame]) -> None:
    with pytest.raises(InputError, match="berth_cells was given without the table berths"):
        publish({"berth_cells": tables["berth_cells"]})


def test_figures_that_are_not_determined_are_not_taken_for_such_by_chance() -> None:
    """Of half a million pairs of hidden figures with a known sum none is given away."""
    pairs = 500_000
    cell = np.arange(2 * pairs)
    cells = pd.DataFrame({"n_vessels": 5, "published": True}, index=cell)
    links = pd.DataFrame({"relation": cell // 2, "rule": "pairs", "cell": cell, "total": False})
    assert not can_be_solved(cells, links, np.ones(2 * pairs, dtype=bool)).any()
