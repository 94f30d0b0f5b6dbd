"""From facts to figures: which cells there are, what they add up to, and the hours that were heard."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths import figures, indicators, schema
from ais_berths.config import IndicatorsConfig
from ais_berths.figures import (
    Facts,
    Family,
    Pieces,
    count_cells,
    cover_periods,
    make_figure,
)
from ais_berths.grids import Grid
from ais_berths.indicators import make_indicators
from ais_berths.periods import Calendar

if TYPE_CHECKING:
    Fleet = tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]

LEVELS = ("day", "week", "month")


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="UTC")


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    """Ten days around the end of a month; 1 April is a Monday."""
    return Calendar.of(utc("2024-03-27"), utc("2024-04-06"))


def facts(*rows: tuple[str, int, int, int, float]) -> Facts:
    """Group, vessel, day, hour, value, and the same for all groups together."""
    table = pd.DataFrame(rows, columns=["type_group", "mmsi", "day", "hour", "value"]).assign(port_id="P")
    table = pd.concat([table, table.assign(type_group="all")], ignore_index=True)

    def of_days(first: int, last: int) -> Pieces:
        own = table[(table["day"] >= first) & (table["day"] < last)]
        return Pieces(own.index.to_numpy(), *(own[name].to_numpy() for name in ("day", "hour", "value")))

    return Facts(table, of_days, len(table))


def test_every_cell_is_listed_with_the_hours_that_the_data_cover(calendar: Calendar) -> None:
    cells = Grid.of(["cargo", "tanker"], calendar, LEVELS).cells
    own = cells[cells["type_group"] == "all"]
    hours = own.groupby(["period", own["part"].str[:1]])["observed_h"].agg(["size", "sum"])
    assert hours.loc[("day", "")].tolist() == [10, 240]
    assert hours.loc[("week", "")].tolist() == [2, 240]
    assert hours.loc[("month", "")].tolist() == [2, 240]
    assert hours.loc[("month", "h")].tolist() == [48, 240]
    assert hours.loc[("month", "w")].tolist() == [5 + 5, 240]
    assert len(cells) == 3 * len(own)


def test_a_grid_without_parts_knows_its_cells_in_the_one_with_all(calendar: Calendar) -> None:
    every = Grid.of(["cargo"], calendar, LEVELS)
    for profiles in ((), ("hour",), ("weekday",)):
        some = Grid.of(["cargo"], calendar, LEVELS, profiles)
        pd.testing.assert_frame_equal(some.cells, every.cells.iloc[some.rows].reset_index(drop=True))


def counted(
    family: Family, calendar: Calendar, levels: tuple[str, ...], names: tuple[str, ...] = ("P",)
) -> tuple[pd.DataFrame, pd.DataFrame, Grid]:
    """Cells with their words, pairs, and the grid."""
    grid = Grid.of(["cargo", "tanker"], calendar, levels)
    cells, pairs = count_cells(family, names, grid, calendar)
    words = pd.concat([grid.cells.assign(port_id=name) for name in names], ignore_index=True)
    return cells.join(words), pairs, grid


def test_facts_are_counted_and_summed_by_period(calendar: Calendar) -> None:
    family = Family(
        facts(("cargo", 1, 0, 7, 4.0), ("cargo", 1, 5, 7, 6.0), ("tanker", 2, 5, 9, 2.0)),
        {"calls": "count", "hours_mean": "mean", "by_hour": "hour"},
    )
    cells, pairs, _ = counted(family, calendar, LEVELS, ("O", "P"))
    assert cells[cells["port_id"] == "O"]["count"].eq(0).all()
    by = cells[cells["port_id"] == "P"].set_index(["type_group", "period", "period_start", "part"])
    april = by.loc[("all", "month", "2024-04-01", "")]
    assert april[["n_vessels", "count", "sum", "mean", "p50"]].tolist() == [2, 2, 8, 4, 4]
    assert by.loc[("cargo", "week", "2024-03-25", ""), "count"] == 1
    assert by.loc[("cargo", "month", "2024-04-01", "h07"), "count"] == 1
    assert by.loc[("tanker", "day", "2024-03-27", ""), "count"] == 0
    month = cells.query("port_id == 'P' and period == 'month' and period_start == '2024-04-01'")
    whole = month.query("type_group == 'all' and part == ''").index[0]
    assert sorted(pairs.loc[pairs["cell"] == whole, "mmsi"]) == [1, 2]
    assert pairs["cell"].is_monotonic_increasing


def test_profiles_of_hours_divide_by_the_hours_of_that_name(calendar: Calendar) -> None:
    """Three hours of presence from 7 to 8 within five days of March: 0.6 vessels at that hour."""
    family = Family(
        facts(("cargo", 1, 0, 7, 1.0), ("cargo", 1, 1, 7, 1.0), ("cargo", 2, 1, 7, 1.0)),
        {"present": "hour"},
    )
    cells, _, grid = counted(family, calendar, ("month",))
    scale = grid.cells["observed_h"].to_numpy()
    figure = make_figure("hour", cells, grid, np.zeros(len(cells), dtype=bool), scale)
    words = grid.cells.iloc[figure["cell"]].assign(value=figure["value"].to_numpy())
    march = words[(words["type_group"] == "all") & (words["period_start"] == "2024-03-01")]
    value = march.set_index("part")["value"]
    assert value["h07"] == pytest.approx(0.6)
    assert value.drop("h07").eq(0).all()


@pytest.mark.parametrize("levels", [LEVELS, ("week", "month"), ("day", "week"), ("month",)])
def test_every_sum_adds_up(calendar: Calendar, levels: tuple[Any, ...]) -> None:
    rng = np.random.default_rng(3)
    rows = [(rng.choice(["cargo", "tanker"]), i, *rng.integers(0, 10, 2), 1.0) for i in range(40)]
    family = Family(facts(*rows), {"calls": "count", "by_hour": "hour", "by_weekday": "weekday"})
    cells, _, grid = counted(family, calendar, levels, ("O", "P"))
    links = grid.links_of(2)
    count = cells["count"].to_numpy()[links["cell"]] * np.where(links["total"], -1, 1)
    assert (pd.Series(count).groupby(links["relation"]).sum() == 0).all()
    assert links.groupby("relation")["total"].sum().eq(1).all()
    assert {"groups", "month"} <= set(links["rule"]) or levels == ("day", "week")
    assert cells["port_id"].to_numpy()[links["cell"]].tolist() == ["O"] * len(grid.links) + ["P"] * len(
        grid.links
    )


def test_hours_heard_are_counted_once_by_port_and_period(calendar: Calendar) -> None:
    hours = pd.DataFrame(
        {
            "port_id": ["P", "P", "P", "Q", "P"],
            "hour": [utc(f"2024-{text}:00") for text in ("03-27T00", "03-31T23", "04-01T00", "04-01T00")]
            + [utc("2024-05-01T00:00")],
            "n_pings": 5,
        }
    )
    table = cover_periods(schema.conform(hours, "hours"), calendar, LEVELS)
    heard = table.set_index(["port_id", "period", "period_start"])["coverage"]
    assert heard["P", "month", "2024-03-01"] == 2
    assert heard["P", "month", "2024-04-01"] == 1
    assert heard["P", "week", "2024-03-25"] == 2
    assert heard["P", "day", "2024-03-31"] == 1
    assert heard["Q"].sum() == 3
    assert ("P", "day", "2024-03-28") not in heard.index
    assert cover_periods(None, calendar, LEVELS).empty


# tables of random fleets -----------------------------------------------------------------------------


@settings(max_examples=15)
@given(st.data())
def test_groups_add_up_to_all_and_days_to_longer_periods(
    fleets: st.SearchStrategy[Fleet], data: st.DataObject
) -> None:
    calls, _, vessels = data.draw(fleets)
    config = IndicatorsConfig(min_vessels=1)
    table = make_indicators(schema.empty("berth_calls"), calls, vessels, schema.empty("berths"), config)
    counts = table[table["indicator"].isin(["port_calls", "ships_present", "vessels", "arrivals_by_hour"])]
    keys = ["period", "period_start", "indicator", "part"]
    parts = counts[counts["type_group"] != "all"].groupby(keys)["value"].sum()
    total = counts[counts["type_group"] == "all"].set_index(keys)["value"]
    assert parts.reindex(total.index).tolist() == pytest.approx(total.tolist(), abs=1e-5)
    calls_only = table[table["indicator"] == "port_calls"]
    sums = calls_only.pivot_table(index="type_group", columns="period", values="value", aggfunc="sum")
    assert sums.sub(sums["day"], axis=0).eq(0).all(axis=None)
    assert sums.loc["all", "day"] == len(calls)


@settings(max_examples=10)
@given(st.data(), st.randoms(use_true_random=False))
def test_order_of_rows_and_company_of_ports_do_not_matter(
    fleets: st.SearchStrategy[Fleet], data: st.DataObject, random: Any
) -> None:
    calls, _, vessels = data.draw(fleets)
    order = list(range(len(calls)))
    random.shuffle(order)
    hours = pd.DataFrame({"port_id": "P", "hour": [utc("2024-03-25"), utc("2024-05-01")], "n_pings": 1})
    hours = schema.conform(hours, "hours")

    def make(some: pd.DataFrame) -> pd.DataFrame:
        none, berths = schema.empty("berth_calls"), schema.empty("berths")
        return make_indicators(none, some, vessels, berths, IndicatorsConfig(), hours=hours)

    alone = make(calls)
    pd.testing.assert_frame_equal(alone, make(calls.iloc[order]))
    both = make(pd.concat([calls, calls.assign(port_id="Q")]))
    pd.testing.assert_frame_equal(alone, both[both["port_id"] == "P"].reset_index(drop=True))


@settings(max_examples=5)
@given(st.data())
def test_how_much_is_counted_together_does_not_matter(
    fleets: st.SearchStrategy[Fleet], data: st.DataObject
) -> None:
    calls, _, vessels = data.draw(fleets)
    calls = pd.concat([calls.assign(port_id=port) for port in "PQR"], ignore_index=True)

    def make() -> pd.DataFrame:
        none, berths = schema.empty("berth_calls"), schema.empty("berths")
        return make_indicators(none, calls, vessels, berths, IndicatorsConfig())

    whole = make()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(indicators, "_CELLS_AT_ONCE", 1)
        patch.setattr(figures, "_FACTS_AT_ONCE", 1)
        pd.testing.assert_frame_equal(make(), whole)
