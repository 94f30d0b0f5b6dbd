"""The simulator: true to itself, repeatable, and like real ships where that was measured."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import shapely

from ais_berths import geo, schema
from ais_berths.simulate import Truth, simulate_port


@pytest.fixture(scope="module")
def port() -> tuple[pd.DataFrame, pd.DataFrame, Truth]:
    return simulate_port(days=10, sizes="antenna", rng=7, report_s=300)


def test_tables_are_canonical(port):
    pings, statics, _ = port
    wanted = schema.conform(pings, "pings")[list(pings.columns)]
    pd.testing.assert_frame_equal(pings, wanted)
    pd.testing.assert_frame_equal(statics, schema.conform(statics, "statics"))
    assert pings["lat"].notna().all()
    assert set(pings["mmsi"]) == set(statics["mmsi"])


def test_the_same_seed_gives_the_same_port(port):
    again = simulate_port(days=10, sizes="antenna", rng=7, report_s=300)
    pd.testing.assert_frame_equal(port[0], again[0])
    assert port[2].berths.equals(again[2].berths)


def test_no_two_ships_in_one_discrete_berth_unless_rafted(port):
    calls = port[2].berth_calls.merge(port[2].berths[["berth_id", "berth_kind"]], on="berth_id")
    direct = calls[(calls["berth_kind"] == "discrete") & ~calls["rafted"]].sort_values("arrival_time")
    for _, berth in direct.groupby("berth_id"):
        arrivals, departures = berth["arrival_time"].to_numpy(), berth["departure_time"].to_numpy()
        assert (arrivals[1:] >= departures[:-1]).all()


def test_moored_hulls_never_overlap_much(port):
    stops = port[2].stops
    moored = stops[(stops["kind"] == "moored") & ~stops["across"]].reset_index(drop=True)
    plane = geo.Plane.around(moored["lon"])
    hulls = shapely.transform(
        moored.geometry.to_numpy(), lambda xy: np.column_stack(plane.forward(xy[:, 0], xy[:, 1]))
    )
    a, b = shapely.STRtree(hulls).query(hulls, predicate="intersects")
    start, end = moored["arrival_time"].to_numpy(), moored["departure_time"].to_numpy()
    together = (a < b) & (start[a] < end[b]) & (start[b] < end[a])
    a, b = a[together], b[together]
    common = shapely.area(shapely.intersection(hulls[a], hulls[b]))
    smaller = np.minimum(shapely.area(hulls[a]), shapely.area(hulls[b]))
    assert (common / smaller < 0.2).mean() > 0.97


def test_moored_pings_lie_in_their_hull(port):
    pings, _, truth = port
    alone = ~truth.vessels["mmsi"].duplicated(keep=False)
    stops = truth.stops[truth.stops["kind"] == "moored"].merge(
        truth.vessels.loc[alone, ["vessel"]], on="vessel"
    )
    merged = pings.merge(stops[["mmsi", "start_time", "end_time", "geometry"]], on="mmsi")
    inside = merged[(merged["time"] >= merged["start_time"]) & (merged["time"] < merged["end_time"])]
    shapes = shapely.buffer(inside["geometry"].to_numpy(), 12 / 111_000)
    hit = shapely.contains_xy(shapes, inside["lon"].to_numpy(), inside["lat"].to_numpy())
    assert len(inside) > 10_000
    assert hit.mean() > 0.97
