"""The simulator: true to itself, repeatable, and like real ships where that was measured."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely

from ais_berths import feeds, geo, h3cells, schema
from ais_berths.config import StopsConfig
from ais_berths.errors import ConfigError, OutputError
from ais_berths.simulate import SimulateConfig, Truth, simulate, simulate_port
from ais_berths.simulate.fleet import draw_ships, name_ships
from ais_berths.simulate.scenes import KINDS
from ais_berths.simulate.world import plan_world
from ais_berths.stops import detect_stops


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


@pytest.mark.parametrize("seed", [1, 4])
def test_no_ship_is_in_two_places_at_once(seed):
    world = plan_world(np.random.default_rng(seed), SimulateConfig(days=14))
    for plan in world.plans:
        rows = pd.concat([table[["vessel", "t0", "t1"]] for table in (plan.leg_table(), plan.stop_table())])
        rows = rows.sort_values(["vessel", "t0", "t1"])
        before = rows.groupby("vessel")["t1"].transform(lambda end: end.cummax().shift())
        assert not (before - rows["t0"] > 60.0).any()


def test_ships_adrift_are_where_they_report():
    pings, _, truth = simulate_port(days=20, rng=3, scene=["general"])
    adrift = truth.stops[(truth.stops["kind"] == "adrift") & (truth.stops["n_reports"] > 20)]
    adrift = adrift[~adrift["open_start"] & ~adrift["open_end"]]
    assert len(adrift)
    for stop in adrift.itertuples():
        heard = pings[(pings["mmsi"] == stop.mmsi) & pings["time"].between(stop.start_time, stop.end_time)]
        metres = geo.haversine_m(stop.lat, stop.lon, heard["lat"].median(), heard["lon"].median())
        assert float(metres) < 1000.0


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
    assert (common > 0.2 * smaller).sum() <= 0.01 * len(moored)


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


# what ships are like ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fleet() -> pd.DataFrame:
    rng = np.random.default_rng(3)
    ships = pd.concat(
        [
            draw_ships(rng, "bulk", 4000, 155, 245),
            draw_ships(rng, "tanker", 3000, 110, 195),
            draw_ships(rng, "tug", 3000, 20, 60),
        ],
        ignore_index=True,
    )
    return name_ships(rng, ships.assign(port=0), n_shared=5)


@pytest.mark.parametrize(
    ("group", "band", "quantiles"),
    [
        # Measured: cargo of 150-250 m (n = 313), tanker of 100-200 m (n = 85), tug (n = 157).
        ("cargo", 250, {0.1: 0.52, 0.5: 0.85, 0.9: 0.89}),
        ("tanker", 200, {0.1: 0.78, 0.5: 0.82, 0.9: 0.86}),
        ("tug", 999, {0.1: 0.17, 0.5: 0.33, 0.9: 0.51}),
    ],
)
def test_antennas_sit_where_real_ones_do(fleet, group, band, quantiles):
    ships = fleet[fleet["type_group"] == group]
    share = ships["to_bow_m"] / ships["length_m"]
    for q, value in quantiles.items():
        assert share.quantile(q) == pytest.approx(value, abs=0.03), (group, band, q)


def test_forward_bridges_are_the_minority_among_cargo_ships(fleet):
    ships = fleet[fleet["type_group"] == "cargo"]
    assert 0.06 < (ships["to_bow_m"] / ships["length_m"] < 0.4).mean() < 0.2


def test_sent_dimensions_are_spoiled_as_often_as_real_ones(fleet):
    dims = fleet[["dim_a", "dim_b", "dim_c", "dim_d"]]
    zero = (dims == 0).all(axis=1)
    unreferenced = (dims["dim_a"] == 0) & (dims["dim_c"] == 0) & ~zero
    assert 0.01 < zero.mean() < 0.03
    assert 0.01 < unreferenced.mean() < 0.05
    right = (dims["dim_a"] + dims["dim_b"] - fleet["length_m"]).abs() <= 1
    assert 0.94 < right.mean() < 0.98


def test_five_pairs_share_a_number_and_no_one_else_does(fleet):
    assert fleet["mmsi"].value_counts().value_counts().to_dict() == {1: len(fleet) - 10, 2: 5}


def test_imo_numbers_check(fleet):
    imo = fleet.loc[fleet["imo"] > 0, "imo"].astype(str)
    check = sum(imo.str[i].astype(int) * (7 - i) for i in range(6)) % 10
    assert (check == imo.str[6].astype(int)).all()


# what is sent -------------------------------------------------------------------------------------


def test_status_is_wrong_for_about_a_third_of_the_stays(port):
    pings, _, truth = port
    merchant = truth.vessels.loc[truth.vessels["type_group"].isin(["cargo", "tanker"]), "vessel"]
    stops = truth.stops[(truth.stops["kind"] == "moored") & truth.stops["vessel"].isin(merchant)]
    merged = pings.merge(stops[["mmsi", "stop", "start_time", "end_time"]], on="mmsi")
    inside = merged[(merged["time"] >= merged["start_time"]) & (merged["time"] < merged["end_time"])]
    usual = inside.groupby("stop")["nav_status"].median()
    assert 0.2 < (usual != 5).mean() < 0.4


def test_anchored_ships_swing_about_their_anchor(port):
    pings, _, truth = port
    stops = truth.stops[(truth.stops["kind"] == "anchored") & (truth.stops["n_reports"] > 100)]
    columns = ["mmsi", "start_time", "end_time", "lat", "lon", "geometry"]
    merged = pings.merge(stops[columns], on="mmsi", suffixes=("", "_0"))
    inside = merged[(merged["time"] >= merged["start_time"]) & (merged["time"] < merged["end_time"])]
    swept = shapely.buffer(inside["geometry"].to_numpy(), 15 / 111_000)
    assert shapely.contains_xy(swept, inside["lon"].to_numpy(), inside["lat"].to_numpy()).mean() > 0.97
    away = geo.haversine_m(inside["lat"], inside["lon"], inside["lat_0"], inside["lon_0"])
    assert np.median(away) > 60


def test_ships_turn_about_a_pivot_ahead_of_midship():
    """What the antenna does in turns: levers measured from reports are those of the true antennas."""
    pings, _, truth = simulate_port(days=7, sizes="antenna", rng=11)
    heard = pings[(pings["sog_kn"] > 2.0) | (pings.groupby("mmsi").cumcount() % 5 == 0)].reset_index(
        drop=True
    )
    stops, _ = detect_stops(heard, StopsConfig())
    lever = stops.groupby("mmsi")[["lever_m", "lever_error_m"]].first()
    ships = truth.vessels.set_index("mmsi").join(lever[lever["lever_error_m"] < 10.0], how="inner")
    ships = ships[ships["length_m"] > 100.0]
    middle = ships["length_m"] / 2.0 - ships["to_bow_m"]
    pivot = (middle - ships["lever_m"]) / ships["length_m"]
    assert len(ships) > 15
    assert pivot.median() == pytest.approx(0.25, abs=0.05)
    assert pivot.quantile(0.9) - pivot.quantile(0.1) < 0.4


def test_satellites_hear_a_ship_every_half_hour():
    pings, _, truth = simulate_port(days=6, reception="satellite", rng=2, scene=["bulk", "far"])
    stays = truth.stops[truth.stops["kind"] == "moored"]
    hours = (stays["end_time"] - stays["start_time"]).dt.total_seconds().sum() / 3600
    assert 1.5 < stays["n_reports"].sum() / hours < 2.4
    coarse = pings.loc[pings["coarse"], "lat"] * 600
    assert 0.01 < pings["coarse"].mean() < 0.06
    assert np.allclose(coarse, coarse.round(), atol=1e-6)


@pytest.mark.parametrize(("sizes", "known"), [("antenna", True), ("size", False), ("none", False)])
def test_sizes_are_sent_as_asked(sizes, known):
    _, statics, _ = simulate_port(days=2, sizes=sizes, rng=4, scene=["general", "service"])
    assert statics["to_bow_m"].notna().any() == known
    assert statics["loa_m"].notna().any() == (sizes != "none")


# where --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", [(70.0, 25.0), (-55.0, -68.0), (-17.0, 179.999)])
def test_ports_anywhere_have_true_metres(at):
    pings, _, truth = simulate_port(days=4, at=at, rng=5, scene=["bulk", "jetty"])
    stops = truth.stops[truth.stops["kind"] == "moored"]
    plane = geo.Plane.around(stops["lon"])
    hulls = shapely.transform(
        stops.geometry.to_numpy(), lambda xy: np.column_stack(plane.forward(xy[:, 0], xy[:, 1]))
    )
    area = shapely.area(hulls) / geo.Plane.scale(stops["lat"]) ** 2
    assert np.allclose(area, stops["length_m"] * stops["width_m"], rtol=2e-3)
    assert pings["lon"].between(-180, 180).all()
    if at[1] > 179:
        assert (pings["lon"] > 179).any()
        assert (pings["lon"] < -179).any()


@pytest.mark.parametrize("kind", KINDS)
def test_a_port_of_one_thing_only(kind):
    pings, statics, truth = simulate_port(days=2, rng=3, scene=kind)
    assert len(pings)
    assert len(statics)
    assert len(truth.ports) == 1
    if kind in ("near", "far"):
        assert truth.berths.empty
        assert not (truth.stops["kind"] == "moored").any()


def test_two_ports_six_kilometres_apart_keep_their_quays_apart():
    _, _, truth = simulate_port(days=8, ports=2, spacing_km=6, rng=8)
    middle = truth.berths[truth.berths["berth_kind"] != "buoy"].geometry.apply(lambda g: g.centroid)
    side = truth.berths.loc[middle.index, "port_id"]
    lat, lon = middle.apply(lambda p: p.y), middle.apply(lambda p: p.x)
    centres = {port: (lat[side == port].mean(), lon[side == port].mean()) for port in ("P0", "P1")}
    assert 4500 < geo.haversine_m(*centres["P0"], *centres["P1"]) < 7500
    gap = min(
        geo.haversine_m(lat[a], lon[a], lat[side == "P1"], lon[side == "P1"]).min()
        for a in side[side == "P0"].index
    )
    assert gap > 300


def test_every_kind_of_place_is_there_in_a_mixed_port():
    kinds = set()
    for seed in range(3):
        _, _, truth = simulate_port(days=8, rng=seed)
        assert len(truth.berths) >= 15
        kinds |= set(truth.berths["berth_kind"]) | set(truth.places["kind"]) | set(truth.berths["trade"])
        assert truth.stops["rafted"].any()
    assert {
        "discrete",
        "continuous",
        "buoy",
        "marina",
        "anchorage",
        "fairway",
        "ferry",
        "tug",
        "pilot",
    } <= kinds


def test_a_ferry_lies_always_the_same_way_round():
    _, _, truth = simulate_port(days=6, rng=1, scene=["roro"])
    for _, berth in truth.stops[truth.stops["berth_id"] != ""].groupby("berth_id"):
        assert np.abs(geo.turn_deg(berth["heading_deg"].iloc[0], berth["heading_deg"])).max() < 5
        assert len(berth) > 5


# files --------------------------------------------------------------------------------------------


def _bytes(folder) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}


def test_the_same_seed_gives_the_same_bytes(tmp_path):
    for name in ("a", "b"):
        simulate(tmp_path / name, days=2, rng=11, scene=["general", "far"])
    assert _bytes(tmp_path / "a") == _bytes(tmp_path / "b")
    assert len(_bytes(tmp_path / "a")) > 9


@pytest.mark.parametrize(
    ("feed", "sizes", "more"),
    [
        ("ungp", "antenna", {}),
        ("ungp", "size", {}),
        ("noaa", "size", {}),
        ("dma", "antenna", {}),
        ("noaa", "none", {"file": "parquet"}),
        ("ungp", "size", {"reception": "satellite"}),
    ],
)
def test_feeds_are_read_back(tmp_path, feed, sizes, more):
    truth = simulate(
        tmp_path / "out",
        days=1.5,
        feed=feed,
        sizes=sizes,
        rng=6,
        scene=["general", "near"],
        report_s=300,
        **more,
    )
    inputs = feeds.list_inputs([tmp_path / "out" / "feed"])
    chosen = feeds.choose_feed(inputs)
    assert chosen.name == feed
    tables = [
        feeds.normalise(batch.table, chosen)
        for file in inputs
        for chunk in feeds.plan_chunks([file], chosen)
        for batch in feeds.iter_batches(chunk, chosen)
    ]
    rows = pd.concat([part.table.to_pandas()[part.usable] for part in tables], ignore_index=True)
    assert set(rows["mmsi"]) <= set(truth.vessels["mmsi"])
    assert rows["time"].between("2024-03-01", "2024-03-02 12:00", inclusive="left").all()
    assert rows["to_bow_m"].notna().any() == (sizes == "antenna")
    assert rows["loa_m"].notna().any() == (sizes != "none")
    assert {0, 5} <= set(rows["nav_status"])
    assert rows["heading_deg"].max() < 360
    assert len(rows) > truth.stops["n_reports"].sum() * 0.99


def test_days_of_arrival_interleave(tmp_path):
    simulate(tmp_path / "out", days=3, rng=9, scene=["general"])
    day = pq.read_table(tmp_path / "out" / "feed" / "year=2024" / "month=3" / "day=2")
    time = day["dt_pos_utc"].to_pandas()
    assert (time < pd.Timestamp("2024-03-02", tz="UTC")).mean() > 0.01
    cells = day.to_pandas()[["latitude", "longitude", "H3_int_index_8"]].dropna()
    assert (h3cells.cells_at(cells["latitude"], cells["longitude"], 8) == cells["H3_int_index_8"]).all()


def test_the_size_of_the_pieces_does_not_show_in_the_truth(tmp_path):
    whole = simulate(tmp_path / "a", days=2, rng=3, scene=["bulk", "marina"], ports=2)
    parts = simulate(tmp_path / "b", days=2, rng=3, scene=["bulk", "marina"], ports=2, chunk_rows=1000)
    assert whole.berths.equals(parts.berths)
    rows = [len(pq.read_table(tmp_path / name / "feed")) for name in "ab"]
    assert rows[0] == pytest.approx(rows[1], rel=0.05)


def test_ships_at_sea_fill_the_feed(tmp_path):
    truth = simulate(tmp_path / "out", days=1, rng=2, scene=["general"], ocean=0.8)
    mmsi = pq.read_table(tmp_path / "out" / "feed", columns=["mmsi"])["mmsi"].to_numpy()
    assert np.isin(mmsi, truth.vessels["mmsi"]).mean() == pytest.approx(0.2, abs=0.02)


def test_the_truth_is_written(tmp_path):
    truth = simulate(tmp_path / "out", days=2, rng=1, at=(-17.0, 180.0))
    berths = json.loads((tmp_path / "out" / "truth" / "berths.geojson").read_text())
    assert [f["id"] for f in berths["features"]] == truth.berths["berth_id"].tolist()
    flat = np.abs(
        [
            c
            for f in berths["features"]
            for c in shapely.get_coordinates(shapely.geometry.shape(f["geometry"]))[:, 0]
        ]
    )
    assert flat.max() <= 180
    ports = pd.read_csv(tmp_path / "out" / "ports.csv")
    distance = geo.haversine_m(
        ports["lat"], ports["lon"], truth.stops["lat"].median(), truth.stops["lon"].median()
    )
    assert distance[0] < 9000
    assert len(pd.read_parquet(tmp_path / "out" / "truth" / "stops.parquet")) == len(truth.stops)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scene": ["harbor"]}, "harbor is not one of general"),
        ({"feed": "noaa", "sizes": "antenna"}, "noaa layout has no antenna offsets"),
        ({"dayz": 3}, "dayz is no option"),
        ({"at": (95, 0)}, "beyond 80"),
        ({"days": 0, "ports": 0}, "days is 0"),
    ],
)
def test_impossible_options_are_refused(tmp_path, options, words):
    with pytest.raises(ConfigError, match=words):
        simulate(tmp_path / "out", **options)
    assert not list(tmp_path.iterdir())


def test_a_folder_in_use_is_left_alone(tmp_path):
    (tmp_path / "note.txt").write_text("mine")
    with pytest.raises(OutputError, match="not empty"):
        simulate(tmp_path, days=1)
    assert [p.name for p in tmp_path.iterdir()] == ["note.txt"]


def test_a_failing_run_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr("ais_berths.simulate.files._write_truth", lambda *_: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        simulate(tmp_path / "out", days=1, scene=["general"])
    assert not list(tmp_path.iterdir())


# the shipped sample -------------------------------------------------------------------------------


def test_the_sample_is_as_its_checksums_say(sample_data):
    lines = (sample_data / "SHA256SUMS").read_text().splitlines()
    sums = {name: digest for digest, name in (line.split("  ", 1) for line in lines)}
    files = {p.relative_to(sample_data).as_posix(): p for p in sample_data.rglob("*") if p.is_file()}
    assert set(files) - {"SHA256SUMS", "README.md"} == set(sums)
    for name, digest in sums.items():
        assert hashlib.sha256(files[name].read_bytes()).hexdigest() == digest, name


def test_the_sample_is_small(sample_data):
    sizes = [p.stat().st_size for p in sample_data.rglob("*") if p.is_file()]
    assert max(sizes) < 3_000_000
    assert sum(sizes) < 8_000_000


def test_the_sample_says_how_it_was_made(sample_data):
    record = json.loads((sample_data / "simulated" / "simulate.json").read_text())
    options = {name: value for name, value in record.items() if name in SimulateConfig.model_fields}
    assert SimulateConfig.model_validate(options).days == 12
    feed = pq.read_table(sample_data / "simulated" / "feed", columns=["mmsi"])
    assert len(feed) == record["rows"]
    readme = (sample_data / "README.md").read_text()
    assert f"{record['rows']:,}" in readme
    assert "BSD-2-Clause" in readme


def test_the_real_sample_is_recognised(sample_data):
    files = feeds.list_inputs([sample_data / "new_york"])
    assert feeds.choose_feed(files).name == "noaa"
    assert len(pq.read_table(files[0].path)) == 172_679
