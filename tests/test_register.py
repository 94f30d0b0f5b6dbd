"""The register: places keep their ids, and what a hand set survives."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from ais_berths import geo, schema
from ais_berths.config import RegistryConfig
from ais_berths.errors import InputError
from ais_berths.places import Places, count_stops
from ais_berths.register import (
    Register,
    apply_edits,
    apply_register,
    compare_places,
    hash_register,
    read_places,
    read_register,
    update_register,
    write_register,
)
from ais_berths.register.book import new_ids
from ais_berths.register.boxes import give_way, measure

if TYPE_CHECKING:
    from pathlib import Path

CONFIG = RegistryConfig()
PREFIX = {"P": "XSA00"}
START = pd.Timestamp("2024-03-01", tz="UTC")
NOON = pd.Timestamp("2024-06-01 12:00", tz="UTC")
SHIPS = pd.DataFrame({"mmsi": range(100, 160), "type_group": "cargo", "loa_m": 180.0})
VESSELS = schema.conform(SHIPS, "vessels")


def berth(
    at_m: float, length_m: float = 200.0, *, across_m: float = 0.0, lon: float = 4.0, lat: float = 52.0
) -> Any:
    """A berth on a quay that runs east: its middle lies `at_m` along it."""
    plane = geo.Plane.around([lon])
    x, y = plane.forward([lon], [lat])
    scale = plane.scale(lat)
    box = geo.rectangles(x + at_m * scale, y + across_m * scale, [90.0], [length_m * scale], [30.0 * scale])
    return plane.to_degrees(box)[0]


def run(shapes: list[Any], visits: list[int], *, day: float = 0.0, kinds: list[str] | None = None) -> Places:
    """What a run of a week found: berths of one quay, their visits in the middle of each."""
    names = [f"XSA00-found{number}" for number in range(len(shapes))]
    begin = START + pd.Timedelta(days=day)
    rows = []
    for name, shape, count in zip(names, shapes, visits, strict=True):
        for visit in range(count):
            start = begin + pd.Timedelta(hours=12 * visit)
            rows.append(
                {
                    "stop_id": f"{100 + visit}-{name}-{day}",
                    "mmsi": 100 + visit,
                    "port_id": "P",
                    "start_time": start,
                    "end_time": start + pd.Timedelta(hours=6),
                    "dwell_h": 6.0,
                    "lon": geo.turn_deg(0.0, shape.centroid.x),
                    "lat": shape.centroid.y,
                    "kind": "moored",
                    "berth_id": name,
                    "quay_id": "XSA00-Qfound",
                }
            )
    stops = schema.conform(pd.DataFrame(rows), "stops")
    table = pd.DataFrame({"berth_id": names, "port_id": "P", "quay_id": "XSA00-Qfound", "use": "commercial"})
    table = table.assign(berth_kind=kinds or "discrete", heading_deg=90.0, confidence=0.9, n_stops=visits)
    table = table.assign(name=None, length_m=1.0, width_m=1.0)
    hull = shapely.convex_hull(shapely.union_all(shapes))
    quay = pd.DataFrame({"quay_id": ["XSA00-Qfound"], "port_id": "P", "quay_kind": "discrete"})
    quay = quay.assign(heading_deg=90.0, n_stops=sum(visits), occupied_m=5.0)
    return Places(
        stops=stops,
        hulls=schema.conform(stops[["stop_id", "mmsi", "lon", "lat"]], "hulls"),
        berths=gpd.GeoDataFrame(table, geometry=shapes, crs="EPSG:4326"),
        quays=gpd.GeoDataFrame(quay, geometry=[hull], crs="EPSG:4326"),
        anchorages=gpd.GeoDataFrame(schema.empty("anchorages"), geometry=[], crs="EPSG:4326"),
        quality=count_stops(stops),
    )


def update(register: Register, places: Places) -> Register:
    return update_register(register, places, PREFIX, CONFIG)


def ids(register: Register, place: str = "berth", status: str = "active") -> list[str]:
    rows = register.places
    return rows.loc[(rows["place"] == place) & (rows["status"] == status), "place_id"].tolist()


def events(register: Register, place: str = "B") -> list[tuple[str, str]]:
    rows = register.history[register.history["place_id"].str.contains(f"-{place}")]
    return list(zip(rows["place_id"], rows["event"], strict=True))


def row(register: Register, place_id: str) -> pd.Series:
    return register.places.set_index("place_id").loc[place_id]


def edited(register: Register, **changes: dict[str, Any]) -> gpd.GeoDataFrame:
    """A copy of the places with some cells changed: ``column={place_id: value}``."""
    frame = register.places.copy()
    for column, values in changes.items():
        for place_id, value in values.items():
            at = frame.index[frame["place_id"] == place_id][0]
            if column == "geometry":
                shapes = frame.geometry.to_numpy().copy()
                shapes[at] = value
                frame = frame.set_geometry(gpd.GeoSeries(shapes, crs=frame.crs))
            else:
                frame[column] = frame[column].astype(object) if column in frame else None
                frame.loc[at, column] = value
    return frame


THREE = [berth(0), berth(220), berth(440)]


@pytest.fixture
def known() -> Register:
    return update(Register.empty(), run(THREE, [4, 4, 4]))


# ids ----------------------------------------------------------------------------------------------


def test_places_get_numbers_from_west_to_east(known: Register) -> None:
    assert ids(known) == ["XSA00-B001", "XSA00-B002", "XSA00-B003"]
    assert ids(known, "quay") == ["XSA00-Q001"]
    middles = [shape.centroid.x for shape in known.of_sort("berth").geometry]
    assert middles == sorted(middles)
    assert events(known) == [(name, "new") for name in ids(known)]


def test_the_same_run_twice_is_that_run_once(known: Register) -> None:
    again = update(known, run(THREE, [4, 4, 4]))
    pd.testing.assert_frame_equal(pd.DataFrame(again.places), pd.DataFrame(known.places))
    pd.testing.assert_frame_equal(again.history, known.history)
    assert hash_register(again) == hash_register(known)


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".geojson"])
def test_the_same_run_twice_by_way_of_a_file(tmp_path: Path, suffix: str) -> None:
    places = run(THREE, [4, 4, 4])
    parts = pd.Timedelta(microseconds=123_456)
    places = replace(places, stops=places.stops.assign(end_time=places.stops["end_time"] + parts))
    once = update(Register.empty(), places)
    write_register(once, tmp_path / f"r{suffix}")
    twice = update(read_register(tmp_path / f"r{suffix}"), places)
    pd.testing.assert_frame_equal(twice.history, once.history)


def test_changes_are_told_where_a_run_of_the_same_data_finds_other_places(known: Register) -> None:
    # Other settings: the last ping, and so the time, is that of the first run.
    places = run([berth(40), berth(260), berth(440), berth(660)], [4, 4, 4, 4])
    after = update(known, places)
    assert set(after.history["time"]) == set(known.history["time"])
    # The third found as before, but it gives way to the second.
    moved = after.history[after.history["event"] == "moved"].set_index("place_id")["detail"]
    assert moved.to_dict() == {
        "XSA00-B001": "middle 40 m away, length 200 m, now 200 m",
        "XSA00-B002": "middle 40 m away, length 200 m, now 200 m",
        "XSA00-B003": "middle 10 m away, length 200 m, now 180 m",
        "XSA00-Q001": "middle 130 m away, length 640 m, now 820 m",
    }
    assert ("XSA00-B004", "new") in events(after)
    assert len(after.history) == len(known.history) + 5
    pd.testing.assert_frame_equal(update(after, places).history, after.history)


def test_ids_are_kept_when_found_shapes_change(known: Register) -> None:
    # A small ship at one end, a shape a little off the quay, and one that is longer than before.
    shapes = [berth(-60, 80), berth(225, 190, across_m=6), berth(450, 230)]
    places = run(shapes, [1, 3, 6], day=7)
    after = update(known, places)
    assert ids(after) == ids(known)
    named = apply_register(places, after, VESSELS, CONFIG)
    assert named.berths["berth_id"].tolist() == ids(known)
    # The shape follows the run that knows more, and only that one.
    assert [row(after, name)["shape_stops"] for name in ids(after)] == [4, 4, 6]
    assert named.berths["length_m"].round().tolist() == [200.0, 200.0, 230.0]


def test_numbers_are_never_used_again(known: Register) -> None:
    rejected, _ = apply_edits(known, edited(known, status={"XSA00-B003": "rejected"}), NOON)
    after = update(rejected, run([*THREE, berth(660)], [4, 4, 4, 4], day=7))
    assert ids(after) == ["XSA00-B001", "XSA00-B002", "XSA00-B004"]
    assert new_ids(["A", "A", "B"], "quay", ["A-Q009", "A-B100", "B-Qx"]) == ["A-Q010", "A-Q011", "B-Q001"]


def test_a_berth_across_the_quay_is_another_one(known: Register) -> None:
    # The other side of a finger pier: the same place along it, 32 m away.
    after = update(known, run([*THREE, berth(0, across_m=32)], [4, 4, 4, 4], day=7))
    assert ids(after) == ["XSA00-B001", "XSA00-B002", "XSA00-B003", "XSA00-B004"]


def test_neighbours_do_not_swap_when_all_shift_along_the_quay(known: Register) -> None:
    after = update(known, run([berth(70), berth(290), berth(510)], [4, 4, 4], day=7))
    assert ids(after) == ids(known)
    assert [event for _, event in events(after)].count("moved") == 3
    assert row(after, "XSA00-B002").geometry.centroid.x > row(known, "XSA00-B002").geometry.centroid.x


@settings(max_examples=6)
@given(order=st.permutations(range(5)), rows=st.randoms(use_true_random=False))
def test_ids_do_not_depend_on_the_order_of_the_rows(order: list[int], rows: Any) -> None:
    shapes = [berth(220 * number) for number in range(5)]
    visits = [3, 1, 4, 1, 5]
    plain = run(shapes, visits)
    stops = plain.stops.iloc[rows.sample(range(len(plain.stops)), len(plain.stops))].reset_index(drop=True)
    mixed = replace(plain, berths=plain.berths.iloc[order].reset_index(drop=True), stops=stops)
    first, second = (update(Register.empty(), places) for places in (plain, mixed))
    pd.testing.assert_frame_equal(pd.DataFrame(first.places), pd.DataFrame(second.places))
    pd.testing.assert_frame_equal(first.history, second.history)


@settings(max_examples=8)
@given(
    st.lists(
        st.tuples(st.integers(0, 6), st.integers(-30, 30), st.integers(60, 260), st.integers(1, 9)),
        min_size=1,
        max_size=6,
        unique_by=lambda item: item[0],
    ),
    st.integers(1, 9),
)
def test_any_update_twice_is_that_update_once(found: list[tuple[int, int, int, int]], visits: int) -> None:
    before = update(Register.empty(), run([berth(220 * slot) for slot in range(4)], [visits] * 4))
    shapes = [berth(220 * slot + shift, length) for slot, shift, length, _ in found]
    places = run(shapes, [count for *_, count in found], day=7)
    once = update(before, places)
    twice = update(once, places)
    assert set(before.places["place_id"]) <= set(once.places["place_id"])
    pd.testing.assert_frame_equal(pd.DataFrame(once.places), pd.DataFrame(twice.places))
    pd.testing.assert_frame_equal(once.history, twice.history)
    assert once.places["place_id"].is_unique


def test_across_the_antimeridian() -> None:
    before = update(Register.empty(), run([berth(0, lon=180.0), berth(220, lon=180.0)], [3, 3]))
    after = update(before, run([berth(15, lon=-180.0), berth(230, lon=-180.0)], [3, 3], day=7))
    assert ids(after) == ids(before) == ["XSA00-B001", "XSA00-B002"]


# splits, merges, what comes and goes --------------------------------------------------------------


def test_much_better_evidence_splits_a_berth_and_merges_berths() -> None:
    before = update(Register.empty(), run([berth(0, 400)], [4]))
    after = update(before, run([berth(-105, 190), berth(105, 190)], [5, 5], day=7))
    assert ids(after) == ["XSA00-B001", "XSA00-B002"]
    assert ("XSA00-B002", "split") in events(after)
    assert row(after, "XSA00-B001")["length_m"] == pytest.approx(190, abs=1)
    merged = update(after, run([berth(0, 400)], [20], day=14))
    assert len(ids(merged)) == len(ids(merged, status="merged")) == 1
    gone = ids(merged, status="merged")[0]
    assert row(merged, gone)["merged_into"] == ids(merged)[0]
    # And when it is found again, it has its old id.
    back = update(merged, run([berth(-105, 190), berth(105, 190)], [30, 30], day=21))
    assert ids(back) == ["XSA00-B001", "XSA00-B002"]
    assert (gone, "returned") in events(back)


@pytest.mark.parametrize("visits", [(6, 5), (5, 6)])
@pytest.mark.parametrize("pieces", [(150, 240), (240, 150), (190, 190)])
def test_berths_that_were_merged_get_their_own_ids_back(
    visits: tuple[int, int], pieces: tuple[int, int]
) -> None:
    two = update(Register.empty(), run([berth(-105, 190), berth(105, 190)], list(visits)))
    merged = update(two, run([berth(0, 400)], [40], day=14))
    assert len(ids(merged, status="merged")) == 1
    west, east = pieces
    shapes = [berth(-200 + west / 2, west), berth(200 - east / 2, east)]
    back = update(merged, run(shapes, [60, 60], day=21))
    assert ids(back) == ids(two)
    for name, x in (("XSA00-B001", -200 + west / 2), ("XSA00-B002", 200 - east / 2)):
        assert row(back, name).geometry.centroid.distance(berth(x).centroid) < 1e-5
        assert row(back, name)["first_seen"] == START
    again = update(back, run(shapes, [60, 60], day=21))
    pd.testing.assert_frame_equal(again.places, back.places)


def test_a_quiet_week_neither_splits_nor_merges() -> None:
    before = update(Register.empty(), run([berth(0, 400)], [8]))
    pieces = run([berth(-105, 190), berth(105, 190)], [2, 2], day=7)
    after = update(before, pieces)
    assert ids(after) == ["XSA00-B001"]
    named = apply_register(pieces, after, VESSELS, CONFIG)
    assert named.berths[["berth_id", "n_stops"]].values.tolist() == [["XSA00-B001", 4]]
    two = update(Register.empty(), run([berth(-105, 190), berth(105, 190)], [8, 8]))
    whole = run([berth(0, 400)], [3], day=7)
    whole = replace(whole, hulls=whole.hulls.assign(lon=[berth(x).centroid.x for x in (-105, 105, 105)]))
    after = update(two, whole)
    assert ids(after) == ids(two)
    named = apply_register(whole, after, VESSELS, CONFIG)
    # Each ship lay at the berth that she lay at.
    assert named.berths[["berth_id", "n_stops"]].values.tolist() == [["XSA00-B001", 1], ["XSA00-B002", 2]]


def test_a_continuous_quay_keeps_its_id_when_few_ships_came() -> None:
    before = update(Register.empty(), run([berth(0, 900)], [30], kinds=["continuous"]))
    pieces = run([berth(-300, 200), berth(200, 300)], [2, 3], day=7)
    after = update(before, pieces)
    assert ids(after) == ["XSA00-B001"]
    assert row(after, "XSA00-B001")["berth_kind"] == "continuous"


def test_what_has_no_visit_for_long_vanishes_and_returns(known: Register) -> None:
    soon = update(known, run(THREE[:2], [4, 4], day=30))
    assert ids(soon) == ids(known)
    late = update(soon, run(THREE[:2], [4, 4], day=120))
    assert ids(late, status="vanished") == ["XSA00-B003"]
    assert ("XSA00-B003", "vanished") in events(late)
    back = update(late, run(THREE, [4, 4, 1], day=130))
    assert ids(back) == ids(known)
    assert ("XSA00-B003", "returned") in events(back)
    assert row(back, "XSA00-B003")["first_seen"] == row(known, "XSA00-B003")["first_seen"]


def test_nothing_vanishes_where_nothing_was_heard(known: Register) -> None:
    far = run([berth(0, lat=10.0)], [3], day=300)
    far.stops["port_id"], far.berths["port_id"], far.quays["port_id"] = "Q", "Q", "Q"
    after = update(known, far)
    assert set(ids(after)) == {*ids(known), "Q-B001"}


def test_berths_of_the_register_do_not_overlap(known: Register) -> None:
    after = update(known, run([berth(0), berth(110, 150)], [4, 9], day=7))
    shapes = after.of_sort("berth").geometry.to_numpy()
    tree = shapely.STRtree(shapes)
    i, j = tree.query(shapes)
    shared = shapely.area(shapely.intersection(shapes[i[i < j]], shapes[j[i < j]]))
    assert shared.max(initial=0.0) < 1e-9 * shapely.area(shapes).min() + 1e-10


def test_give_way_keeps_the_larger_part_and_leaves_what_would_vanish() -> None:
    wide, small = berth(0, 300), berth(20, 100)
    cut = give_way(np.array([wide, small], dtype=object), [0.0, 1.0])
    assert measure(cut, [90.0, 90.0])["length_m"].round().tolist() == [120.0, 100.0]
    kept = give_way(np.array([wide, small], dtype=object), [1.0, 0.0])
    assert kept[1] is small


# a run with a register ----------------------------------------------------------------------------


def test_a_rejected_berth_makes_no_call_and_is_counted(known: Register) -> None:
    register, _ = apply_edits(known, edited(known, status={"XSA00-B002": "rejected"}), NOON)
    places = run(THREE, [4, 3, 4], day=7)
    named = apply_register(places, register, VESSELS, CONFIG)
    assert named.berths["berth_id"].tolist() == ["XSA00-B001", "XSA00-B003"]
    lost = named.stops["berth_id"].isna()
    assert lost.sum() == 3
    assert (named.stops.loc[lost, "port_id"] == "P").all()
    counts = named.quality.set_index("reason")["rows"]
    assert counts.to_dict() == {"stop_at_berth": 8, "stop_at_rejected_place": 3}
    after = update(register, places)
    assert ids(after, status="rejected") == ["XSA00-B002"]
    assert len(ids(after)) == 2


def test_a_place_that_is_not_known_keeps_the_id_of_the_run(known: Register) -> None:
    places = run([*THREE, berth(660)], [4, 4, 4, 1], day=7)
    named = apply_register(places, known, VESSELS, CONFIG)
    assert named.berths["berth_id"].tolist() == [*ids(known), "XSA00-found3"]
    assert set(named.stops["berth_id"]) == set(named.berths["berth_id"])
    assert named.quays["quay_id"].tolist() == ["XSA00-Q001"]
    assert named.quays["n_berths"].tolist() == [4]


def test_an_empty_run_changes_nothing(known: Register) -> None:
    none = run([berth(0)], [1])
    none = replace(none, stops=none.stops.iloc[:0], berths=none.berths.iloc[:0], quays=none.quays.iloc[:0])
    assert update(known, none) is known
    assert apply_register(none, known, VESSELS, CONFIG).berths.empty
    assert apply_register(run(THREE, [1, 1, 1]), Register.empty(), VESSELS, CONFIG).berths.shape[0] == 3


# edits --------------------------------------------------------------------------------------------


def test_edits_survive_later_runs(known: Register) -> None:
    drawn = berth(-20, 240)
    frame = edited(
        known,
        name={"XSA00-B001": "Shell 1"},
        geometry={"XSA00-B001": drawn},
        merged_into={"XSA00-B003": "XSA00-B002"},
        use={"XSA00-B002": "service"},
        operator={"XSA00-B002": "Harbour Co"},
    )
    register, edits = apply_edits(known, frame, NOON)
    assert {(edit.place_id, edit.event) for edit in edits} == {
        ("XSA00-B001", "renamed"),
        ("XSA00-B001", "redrawn"),
        ("XSA00-B002", "changed"),
        ("XSA00-B003", "merged"),
    }
    places = run([berth(5), berth(220), berth(440)], [50, 50, 50], day=7)
    after = update(register, places)
    assert ids(after) == ["XSA00-B001", "XSA00-B002"]
    first, second = row(after, "XSA00-B001"), row(after, "XSA00-B002")
    assert first["name"] == "Shell 1"
    assert first.geometry.equals_exact(drawn, 1e-9)
    assert first["length_m"] == pytest.approx(240, abs=0.5)
    assert second["use"] == "service"
    assert second["operator"] == "Harbour Co"
    assert second["length_m"] == pytest.approx(420, abs=1)
    named = apply_register(places, after, VESSELS, CONFIG)
    told = named.berths[["berth_id", "name", "use", "n_stops"]].astype(object)
    assert told.where(told.notna(), "").values.tolist() == [
        ["XSA00-B001", "Shell 1", "commercial", 50],
        ["XSA00-B002", "", "service", 100],
    ]


def test_a_merge_as_a_gis_does_it(known: Register) -> None:
    """One feature with both shapes, the other one gone."""
    whole = shapely.convex_hull(shapely.union_all(THREE[:2]))
    frame = edited(known, geometry={"XSA00-B001": whole})
    register, edits = apply_edits(known, frame[frame["place_id"] != "XSA00-B002"], NOON)
    assert row(register, "XSA00-B002")["merged_into"] == "XSA00-B001"
    assert [edit.event for edit in edits] == ["redrawn", "merged"]


def test_a_selection_loses_nothing_unless_it_is_said(known: Register) -> None:
    part = known.places[known.places["place_id"] == "XSA00-B001"]
    same, edits = apply_edits(known, part, NOON)
    assert edits == []
    assert hash_register(same) == hash_register(known)
    register, edits = apply_edits(known, part, NOON, reject_missing=True)
    assert {edit.place_id for edit in edits} == {"XSA00-B002", "XSA00-B003", "XSA00-Q001"}
    assert ids(register, status="rejected") == ["XSA00-B002", "XSA00-B003"]


def test_rejected_and_back(known: Register) -> None:
    register, _ = apply_edits(known, edited(known, status={"XSA00-B001": "rejected"}), NOON)
    register, edits = apply_edits(register, edited(register, status={"XSA00-B001": "active"}), NOON)
    assert [edit.event for edit in edits] == ["restored"]
    assert ids(register) == ids(known)


def test_a_merged_berth_is_restored_by_its_status(known: Register) -> None:
    merged, _ = apply_edits(known, edited(known, merged_into={"XSA00-B002": "XSA00-B001"}), NOON)
    cleared = edited(merged, merged_into={"XSA00-B002": None})
    with pytest.raises(
        InputError, match=r"XSA00-B002 is merged into XSA00-B001, .* set its status to active"
    ):
        apply_edits(merged, cleared, NOON)
    # The berth that it is part of still reaches around it.
    active = edited(merged, merged_into={"XSA00-B002": None}, status={"XSA00-B002": "active"})
    with pytest.raises(InputError, match="XSA00-B001 and XSA00-B002 overlap by 100% of the smaller"):
        apply_edits(merged, active, NOON)
    apart = edited(
        merged,
        merged_into={"XSA00-B002": None},
        status={"XSA00-B002": "active"},
        geometry={"XSA00-B001": THREE[0]},
    )
    register, edits = apply_edits(merged, apart, NOON)
    assert {(edit.place_id, edit.event) for edit in edits} == {
        ("XSA00-B001", "redrawn"),
        ("XSA00-B002", "restored"),
    }
    assert ids(register) == ids(known)


def test_a_rejected_berth_is_not_restored_under_another(known: Register) -> None:
    register, _ = apply_edits(known, edited(known, status={"XSA00-B002": "rejected"}), NOON)
    register, _ = apply_edits(register, edited(register, geometry={"XSA00-B001": berth(60, 320)}), NOON)
    with pytest.raises(InputError, match="XSA00-B001 and XSA00-B002 overlap by 50% of the smaller"):
        apply_edits(register, edited(register, status={"XSA00-B002": "active"}), NOON)


def test_a_berth_that_was_drawn(known: Register) -> None:
    drawn = gpd.GeoDataFrame({"place_id": [None], "name": ["Pier 9"]}, geometry=[berth(800)], crs="EPSG:4326")
    register, edits = apply_edits(known, drawn, NOON)
    assert [edit.event for edit in edits] == ["drawn", "renamed"]
    assert row(register, "XSA00-B004")["port_id"] == "P"
    # Ships within it lie there, whatever the run made of them.
    places = run([*THREE, berth(820, 60)], [4, 4, 4, 2], day=7)
    named = apply_register(places, register, VESSELS, CONFIG)
    assert named.berths.set_index("berth_id")["n_stops"]["XSA00-B004"] == 2


def test_a_drawn_berth_that_vanished_returns_when_ships_come(known: Register) -> None:
    drawn = gpd.GeoDataFrame({"place_id": [None]}, geometry=[berth(800)], crs="EPSG:4326")
    register, _ = apply_edits(known, drawn, NOON)

    def visited(day: float) -> Places:
        """Ships within the drawn berth, in no berth of the run."""
        places = run([*THREE, berth(800)], [4, 4, 4, 2], day=day)
        stray = places.stops["berth_id"] == "XSA00-found3"
        stops = places.stops.assign(berth_id=places.stops["berth_id"].mask(stray, None))
        return replace(places, stops=stops, berths=places.berths.iloc[:3])

    register = update(register, visited(7))
    late = update(register, run(THREE, [4, 4, 4], day=130))
    assert ids(late, status="vanished") == ["XSA00-B004"]
    places = visited(140)
    back = update(late, places)
    assert ids(back) == [*ids(known), "XSA00-B004"]
    assert events(back)[-1] == ("XSA00-B004", "returned")
    assert (
        row(back, "XSA00-B004")["last_seen"]
        == places.stops["end_time"][places.stops["berth_id"].isna()].max()
    )
    assert row(back, "XSA00-B004")["by_hand"] == "geometry"
    named = apply_register(places, late, VESSELS, CONFIG)
    assert named.berths.set_index("berth_id")["n_stops"]["XSA00-B004"] == 2


def test_everything_that_is_wrong_is_named_at_once(known: Register) -> None:
    bow_tie = shapely.Polygon([(4, 52), (4.001, 52.001), (4.001, 52), (4, 52.001)])
    frame = edited(
        known,
        geometry={"XSA00-B001": bow_tie, "XSA00-B002": berth(400), "XSA00-Q001": None},
        use={"XSA00-B003": "cargo"},
        status={"XSA00-B001": "closed"},
        merged_into={"XSA00-B003": "XSA00-B009"},
    )
    twice = frame[frame["place_id"] == "XSA00-B003"]
    stranger = twice.assign(place_id="XSA00-B077", use="commercial", merged_into=None)
    with pytest.raises(InputError) as caught:
        apply_edits(known, pd.concat([frame, twice, stranger], ignore_index=True), NOON)
    text = str(caught.value)
    for part in (
        "XSA00-B001 has an outline that cannot be an area (Self-intersection",
        "XSA00-Q001 has no shape; to drop a place, set its status to rejected",
        "XSA00-B001 has the status 'closed', expected one of active, rejected",
        "XSA00-B003 is in the file twice",
        "XSA00-B077 is not in the register",
        "XSA00-B002 and XSA00-B003 overlap by",
    ):
        assert part in text
    with pytest.raises(InputError, match="use 'cargo', expected one of commercial") as caught:
        apply_edits(known, frame, NOON)
    assert "merged into XSA00-B009, which is not in the register" in str(caught.value)


@pytest.mark.parametrize(
    ("merges", "message"),
    [
        ({"XSA00-B001": "XSA00-B001"}, "into itself"),
        ({"XSA00-B001": "XSA00-B002", "XSA00-B002": "XSA00-B003"}, "is itself merged or rejected"),
        ({"XSA00-B001": "XSA00-Q001"}, "only berths are merged"),
    ],
)
def test_merges_that_make_no_sense(known: Register, merges: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        apply_edits(known, edited(known, merged_into=merges), NOON)


def test_berths_of_two_ports_are_merged_only_side_by_side() -> None:
    register = update(Register.empty(), run([berth(0), berth(220), berth(4000)], [4, 4, 4]))
    port = np.where(register.places["place_id"].isin(["XSA00-B002", "XSA00-B003"]), "O", "P")
    register = Register.of(register.places.assign(port_id=port), register.history)
    with pytest.raises(InputError, match=r"XSA00-B001, which is 3\.8 km away in another port"):
        apply_edits(register, edited(register, merged_into={"XSA00-B003": "XSA00-B001"}), NOON)
    merged, _ = apply_edits(register, edited(register, merged_into={"XSA00-B002": "XSA00-B001"}), NOON)
    assert ids(merged, status="merged") == ["XSA00-B002"]


def test_a_berth_far_from_everything_has_wrong_coordinates(known: Register) -> None:
    shapes = [berth(0, lat=51.0), berth(0, lat=51.6)]
    drawn = gpd.GeoDataFrame({"place_id": [None, None]}, geometry=shapes, crs="EPSG:4326")
    with pytest.raises(
        InputError, match=r"the new place in row 1 lies 111 km from the nearest place"
    ) as caught:
        apply_edits(known, drawn, NOON)
    assert "row 2" not in str(caught.value)


def test_coordinate_systems(known: Register) -> None:
    elsewhere = known.places.to_crs("EPSG:3857")
    assert apply_edits(known, elsewhere, NOON)[1] == []
    with pytest.raises(InputError, match="lie outside the world"):
        apply_edits(known, elsewhere.set_crs("EPSG:4326", allow_override=True), NOON)
    with pytest.raises(InputError, match="names no coordinate reference system"):
        apply_edits(known, known.places.set_crs(None, allow_override=True), NOON)
    moved = edited(known, geometry={"XSA00-B001": berth(0, lat=51.0)})
    with pytest.raises(InputError, match=r"XSA00-B001 was moved by 111 km"):
        apply_edits(known, moved, NOON)


# files --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".geojson"])
def test_there_and_back(known: Register, tmp_path: Path, suffix: str) -> None:
    frame = edited(
        known, name={"XSA00-B001": "=1+1"}, operator={"XSA00-B002": "A"}, depth={"XSA00-B002": 12.5}
    )
    register, _ = apply_edits(known, frame, NOON)
    path = tmp_path / f"berths{suffix}"
    write_register(register, path)
    again = read_register(path)
    pd.testing.assert_frame_equal(again.history, register.history)
    plain = [pd.DataFrame(item.places.drop(columns="geometry")) for item in (again, register)]
    pd.testing.assert_frame_equal(
        *(table.astype(object).where(table.notna(), None) for table in plain), check_like=True
    )
    moved = shapely.hausdorff_distance(again.places.geometry.to_numpy(), register.places.geometry.to_numpy())
    assert moved.max() < 1e-6
    # Reading is no edit, and a run after it is no change of ids.
    assert apply_edits(register, read_places(path), NOON)[1] == []
    assert ids(update(again, run(THREE, [4, 4, 4], day=7))) == ids(register)


@pytest.mark.parametrize("suffix", [".gpkg", ".parquet", ".geojson"])
def test_files_cut_at_the_antimeridian_are_the_same_places(tmp_path: Path, suffix: str) -> None:
    shapes = [berth(x, lon=180.0) for x in (-220, 0)]
    known = update(Register.empty(), run(shapes, [3, 3]))
    write_register(known, tmp_path / f"r{suffix}")
    again = read_register(tmp_path / f"r{suffix}")
    assert row(again, "XSA00-B002").geometry.geom_type == "MultiPolygon"
    assert compare_places(known.places, again.places, CONFIG) == ([], 3)
    after = update(again, run(shapes, [3, 3], day=7))
    assert {event for _, event in events(after)} == {"new", "kept"}
    without = again.places[again.places["place_id"] != "XSA00-B002"]
    words = [item.words for item in compare_places(without, known.places, CONFIG)[0]]
    assert words == ["XSA00-B002 is new: 200 m long, at 52.0000N 180.0000W"]
    # A hand moves the berth, or draws it around its neighbour, as one piece.
    for frame in (known, again):
        _, edits = apply_edits(again, edited(frame, geometry={"XSA00-B002": berth(-20, lon=180.0)}), NOON)
        assert [edit.event for edit in edits] == ["redrawn"]
        whole = edited(frame, geometry={"XSA00-B001": berth(-110, 420, lon=180.0)})
        _, edits = apply_edits(again, whole[whole["place_id"] != "XSA00-B002"], NOON)
        assert [edit.event for edit in edits] == ["redrawn", "merged"]
    # A longer berth gives way where its neighbour begins.
    longer = update(again, run([berth(0, lon=180.0), berth(-130, 380, lon=180.0)], [9, 4], day=7))
    assert row(longer, "XSA00-B001")["length_m"] == pytest.approx(220, abs=0.5)


@pytest.mark.parametrize("suffix", [".GPKG", ".PARQUET", ".GEOJSON"])
def test_a_suffix_in_capitals_is_the_same_format(known: Register, tmp_path: Path, suffix: str) -> None:
    small, capital = tmp_path / f"a{suffix.lower()}", tmp_path / f"b{suffix}"
    write_register(known, small)
    write_register(read_register(small), capital)
    assert capital.read_bytes()[:16] == small.read_bytes()[:16]
    again = read_register(capital)
    pd.testing.assert_frame_equal(again.history, known.history)
    assert ids(update(again, run(THREE, [4, 4, 4], day=7))) == ids(known)
    # What was made in small letters is read under the other name too.
    small.rename(tmp_path / f"a{suffix}")
    pd.testing.assert_frame_equal(read_register(tmp_path / f"a{suffix}").history, known.history)


def test_a_copy_as_a_gis_leaves_it(known: Register, tmp_path: Path) -> None:
    """Other order of columns, a column fid, texts for nulls, several parts, lists, an unknown column."""
    frame = known.places.iloc[::-1].reset_index(drop=True)
    frame = frame[[*reversed(frame.columns)]].assign(fid=range(len(frame)), layer="berths", path="/x.gpkg")
    frame["name"], frame["merged_into"] = "", ""
    frame["cargo"] = [["grain", "coal"] if name == "XSA00-B001" else None for name in frame["place_id"]]
    multi = [shapely.MultiPolygon([shape]) for shape in frame.geometry]
    frame = gpd.GeoDataFrame(frame.drop(columns="geometry"), geometry=multi, crs="EPSG:4326")
    frame.to_file(tmp_path / "edit.geojson", driver="GeoJSON")
    register, edits = apply_edits(known, read_places(tmp_path / "edit.geojson"), NOON)
    assert [(edit.place_id, edit.event) for edit in edits] == [("XSA00-B001", "changed")]
    assert row(register, "XSA00-B001")["cargo"] == '["grain", "coal"]'
    write_register(register, tmp_path / "r.gpkg")
    assert row(read_register(tmp_path / "r.gpkg"), "XSA00-B001")["cargo"] == '["grain", "coal"]'


def test_a_layer_that_lost_its_reference_system_or_its_ids(known: Register, tmp_path: Path) -> None:
    write_register(known, tmp_path / "r.gpkg")
    berths = gpd.read_file(tmp_path / "r.gpkg", layer="berths")
    with pytest.warns(UserWarning, match="'crs' was not provided"):
        berths.set_crs(None, allow_override=True).to_file(tmp_path / "r.gpkg", layer="berths")
    assert apply_edits(known, read_places(tmp_path / "r.gpkg"), NOON)[1] == []
    # Without ids its edits would be passed over, as the other layers have theirs.
    berths.drop(columns="place_id").to_file(tmp_path / "r.gpkg", layer="berths")
    with pytest.raises(InputError, match=r"the layer berths of .*r\.gpkg has no column place_id"):
        read_places(tmp_path / "r.gpkg")


def test_what_is_no_register(known: Register, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="make it with `ais-berths register update"):
        read_register(tmp_path / "r.gpkg")
    with pytest.raises(InputError, match=r"ends in \.shp, expected \.gpkg"):
        read_register(tmp_path / "r.shp")
    known.places[["name", "geometry"]].to_file(tmp_path / "a.geojson", driver="GeoJSON")
    with pytest.raises(InputError, match="no shapes with a place_id"):
        read_register(tmp_path / "a.geojson")
    known.places.assign(status="open", place_id="X").to_file(tmp_path / "b.gpkg", driver="GPKG")
    with pytest.raises(InputError, match="in the file twice: X") as caught:
        read_register(tmp_path / "b.gpkg")
    assert "status is open, expected one of active" in str(caught.value)
    (tmp_path / "c.gpkg").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read as places"):
        read_register(tmp_path / "c.gpkg")


# differences --------------------------------------------------------------------------------------


def test_differences_in_words(known: Register) -> None:
    assert compare_places(known.places, known.places, CONFIG) == ([], 4)
    register, _ = apply_edits(
        known,
        edited(
            known,
            name={"XSA00-B001": "Shell 1"},
            status={"XSA00-B003": "rejected"},
            geometry={"XSA00-B002": berth(200, 150)},
        ),
        NOON,
    )
    after = update(register, run([*THREE, berth(700, 100)], [4, 4, 4, 2], day=7))
    found, _ = compare_places(known.places, after.places, CONFIG)
    words = {item.words for item in found if item.after_id != "XSA00-Q001"}
    assert words == {
        "XSA00-B001: name '' before, 'Shell 1' now",
        "XSA00-B002 moved 20 m to the west",
        "XSA00-B002 is shorter: 200 m before, 150 m now",
        "XSA00-B003 is rejected now",
        "XSA00-B004 is new: 100 m long, at 52.0000N 4.0102E",
    }


def test_places_without_common_ids_are_compared_by_where_they_lie(known: Register) -> None:
    other = known.places.assign(place_id=[f"other-{name}" for name in known.places["place_id"]])
    found, same = compare_places(known.places, other, CONFIG)
    assert {item.kind for item in found} == {"other id"}
    assert same == 0
