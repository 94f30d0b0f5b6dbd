"""Every count of the sample can be followed back: figures to calls, calls to stops, stops to pings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd
import pytest

from ais_berths.config import IndicatorsConfig
from ais_berths.indicators import make_indicators

if TYPE_CHECKING:
    from pathlib import Path

ALONGSIDE = ["moored", "buoy"]


@pytest.fixture(scope="module")
def tables(sample_out: Path) -> dict[str, pd.DataFrame]:
    names = ("stops", "berth_calls", "port_calls", "berths", "vessels", "indicators", "pings")
    return {
        name: pd.read_parquet(sample_out / (name if name == "pings" else f"{name}.parquet")) for name in names
    }


@pytest.mark.parametrize(("name", "key"), [("berth_calls", "call_id"), ("port_calls", "port_call_id")])
def test_every_call_has_its_stops_and_they_have_its_pings(
    tables: dict[str, pd.DataFrame], name: str, key: str
) -> None:
    calls, stops = tables[name].set_index(key), tables["stops"]
    own = stops[stops[key].notna()]
    assert set(own[key]) == set(calls.index)
    by_call = own.groupby(key)
    assert by_call.size().to_dict() == calls["n_stops"].to_dict()
    assert by_call["mmsi"].nunique().eq(1).all()
    assert by_call["mmsi"].first().to_dict() == calls["mmsi"].to_dict()
    pings = tables["pings"].groupby("stop_id", observed=True).agg(n=("time", "size"), first=("time", "min"))
    assert pings["n"].reindex(own["stop_id"]).tolist() == own["n_pings"].tolist()
    assert pings["first"].reindex(own["stop_id"]).tolist() == own["start_time"].tolist()


def test_no_ping_and_no_stop_is_lost_on_the_way(tables: dict[str, pd.DataFrame]) -> None:
    stops, pings = tables["stops"], tables["pings"]
    assert set(pings["stop_id"].dropna()) == set(stops["stop_id"])
    at_berth = stops["kind"].isin(ALONGSIDE) & stops["berth_id"].notna() & stops["port_id"].notna()
    assert (stops["call_id"].notna() == at_berth).all()
    berth_calls = tables["berth_calls"]
    assert berth_calls["n_stops"].sum() == at_berth.sum()
    assert berth_calls["n_pings"].sum() == stops.loc[at_berth, "n_pings"].sum()
    assert set(berth_calls["port_call_id"]) <= set(tables["port_calls"]["port_call_id"])
    assert set(berth_calls["berth_id"]) <= set(tables["berths"]["berth_id"])


def test_the_first_stop_names_the_call(tables: dict[str, pd.DataFrame]) -> None:
    stops = tables["stops"].sort_values("start_time")
    for name, key, letter in (("berth_calls", "call_id", "B"), ("port_calls", "port_call_id", "P")):
        first = stops.dropna(subset=key).drop_duplicates(key).set_index(key)
        first = first.reindex(tables[name][key])
        assert (letter + first["stop_id"]).tolist() == tables[name][key].tolist()
        assert first["arrival_time"].tolist() == tables[name]["arrival_time"].tolist()


def test_published_counts_are_counts_of_calls(tables: dict[str, pd.DataFrame]) -> None:
    """Monthly calls by group, counted again from the tables by hand."""
    config = IndicatorsConfig(min_vessels=1, periods=("month",))
    calls_of = {name: tables[name] for name in ("berth_calls", "port_calls", "vessels", "berths")}
    table = make_indicators(*calls_of.values(), config).set_index(["indicator", "type_group", "part"])
    use = tables["berths"].set_index("berth_id")["use"]
    group = tables["vessels"].set_index("mmsi")["type_group"]
    edge = tables["port_calls"]["arrival_time"].min() + pd.Timedelta(hours=config.edge_h)
    for name in ("berth_calls", "port_calls"):
        calls = tables[name].assign(group=tables[name]["mmsi"].map(group).to_numpy())
        calls = calls[~(calls["open_start"] & (calls["arrival_time"] < edge))]
        commercial = "berth_id" in calls and calls["berth_id"].map(use) == "commercial"
        counts = commercial if name == "berth_calls" else ~calls["anchorage_only"]
        number = calls[counts].groupby("group").size()
        assert table["value"][name].droplevel("part").drop("all").to_dict() == {
            one: number.get(one, 0) for one in config.groups
        }
