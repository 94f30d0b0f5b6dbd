"""Antenna to middle of the hull: what the other ships at a berth tell about a ship."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from quayside import DAY, PLACES, Row

from ais_berths import geo, neighbours, schema
from ais_berths.config import HullsConfig
from ais_berths.offsets import MooredPortion, find_offsets
from ais_berths.shelf import Shelf

CONFIG = HullsConfig()


def ship(mmsi: int, ratio: float = 0.85, middle_m: float = 0.0, **more: Any) -> Row:
    """Put a cargo ship of 180 m at a quay, its middle at `middle_m`, its antenna at A / (A + B) = `ratio`."""
    return {
        "mmsi": mmsi,
        "ratio": ratio,
        "middle_m": middle_m,
        "turn_deg": 0.0,
        "day": float(mmsi),
        "group": "cargo",
        "length_m": 180.0,
        "width_m": 28.0,
        "known": False,
        "sized": True,
        "turned": 0.0,
        "given_turn_deg": 0.0,
        "said_ratio": ratio,
        "side_m": 0.0,
        "across_m": 0.0,
        "lever_m": np.nan,
        "lever_error_m": np.nan,
    } | more


def fleet(n: int = 9, **more: Any) -> list[Row]:
    """Ships with the bridge aft, one after the other in one place, bow-in and bow-out in turn."""
    return [
        ship(10 + k, 0.84 + 0.01 * (k % 3), 3.0 * np.sin(k), turn_deg=180.0 * (k % 2), **more)
        for k in range(n)
    ]


def offsets(stops: pd.DataFrame, ships: pd.DataFrame, heading_deg: Any, turned: Any) -> pd.DataFrame:
    """Offsets of stops that are looked at together."""
    ships = ships.assign(heading_deg=heading_deg, turned=turned)
    return find_offsets(Shelf([MooredPortion.of(stops, ships, CONFIG)]), CONFIG)[0]


def estimate(*rows: Row, place: str = "Rotterdam") -> pd.DataFrame:
    """Offsets, with how far the middle of each hull is estimated from where it lies."""
    frame = pd.DataFrame(list(rows))
    lat0, lon0, axis = PLACES[place]
    heading = (axis + frame["turn_deg"]) % 360.0
    middle = geo.offset_deg(lat0, lon0, axis, frame["middle_m"], frame["across_m"])
    ahead = (frame["ratio"] - 0.5) * frame["length_m"]
    lat, lon = geo.offset_deg(*middle, heading, -ahead, -frame["side_m"])
    start = DAY + pd.to_timedelta((frame["day"] * 86_400).astype(int), unit="s")
    stops = pd.DataFrame(
        {
            "mmsi": frame["mmsi"],
            "lat": lat,
            "lon": lon,
            "start_time": start,
            "end_time": start + pd.Timedelta("9h"),
            "lever_m": frame["lever_m"],
            "lever_error_m": frame["lever_error_m"],
        }
    )
    ships = frame[["group", "length_m", "width_m", "sized"]].copy()
    said = np.where(frame["known"], frame["said_ratio"] * frame["length_m"], np.nan)
    ships["to_bow_m"], ships["to_stern_m"] = said, frame["length_m"] - said
    side = np.where(frame["known"], frame["side_m"], np.nan)
    ships["to_port_m"], ships["to_starboard_m"] = frame["width_m"] / 2 - side, frame["width_m"] / 2 + side
    turned = frame["turned"].to_numpy()
    given_deg = np.where(turned == 0.5, heading % 180.0, heading + frame["given_turn_deg"])
    out = offsets(stops, ships, given_deg, turned)
    got = geo.offset_deg(lat, lon, out["heading_deg"], out["ahead_m"], out["right_m"])
    out["off_m"] = geo.haversine_m(*got, *middle)
    out["turned_deg"] = np.abs(geo.turn_deg(out["heading_deg"], heading))
    return out.set_index(frame["mmsi"])


# known ships --------------------------------------------------------------------------------------


@pytest.mark.parametrize("place", PLACES)
def test_a_ship_that_sends_its_antenna_is_moved_by_it(place: str) -> None:
    got = estimate(ship(1, 0.3, known=True, side_m=5.0), place=place).loc[1]
    assert got["hull_basis"] == "antenna"
    assert (got["ahead_m"], got["right_m"]) == pytest.approx((-36.0, 5.0))
    assert got["off_m"] < 0.2
    assert got["error_m"] == pytest.approx(3.0)


def test_where_the_bow_is_open_the_antenna_is_in_the_middle_of_the_hull() -> None:
    """Ahead and aside: the side on which it stands is that of the bow."""
    got = estimate(ship(1, 0.3, known=True, side_m=5.0, turned=0.5)).loc[1]
    assert (got["ahead_m"], got["right_m"]) == (0.0, 0.0)


def test_ships_whose_own_bow_is_a_guess_do_not_convict_one_that_sent_it() -> None:
    """Turned the wrong way round they would lie where it lay, had it exchanged bow and stern."""
    others = [ship(10 + k, 0.15, -54.0, known=True, given_turn_deg=180.0, turned=0.2) for k in range(9)]
    assert estimate(*others, ship(1, 0.3, known=True)).loc[1]["off_m"] < 0.2


def test_bow_and_stern_exchanged_are_put_right() -> None:
    """The crew typed A for B; the ships before and after at the berth know better."""
    wrong = ship(1, 0.85, known=True, said_ratio=0.15)
    got = estimate(*fleet(known=True), wrong).loc[1]
    assert got["off_m"] < 15.0
    alone = estimate(wrong).loc[1]
    assert alone["off_m"] == pytest.approx(0.7 * 180.0, rel=0.01)


def test_many_visits_of_one_ship_do_not_convict_another() -> None:
    """Had ship 1 exchanged bow and stern, its middle would be where others lie; its turns say it did not."""
    own = [ship(1, 0.1, known=True, day=100.0 + k, lever_m=27.0, lever_error_m=5.0) for k in range(4)]
    at_next = [ship(10 + k, 0.5, 0.8 * 180.0, known=True, day=1.0 + 2 * k) for k in range(20)]
    assert (estimate(*own, *at_next).loc[1, "off_m"] > 100.0).all()
    ferry = [row | {"mmsi": 2} for row in at_next]
    assert (estimate(*own, *ferry).loc[1, "off_m"] < 0.2).all()


def test_a_forward_bridge_that_is_sent_is_believed() -> None:
    got = estimate(*fleet(known=True), ship(1, 0.15, known=True)).loc[1]
    assert got["ahead_m"] == pytest.approx(-63.0)


# learned ships ------------------------------------------------------------------------------------


def test_without_neighbours_the_usual_place_of_the_type_is_taken() -> None:
    got = estimate(ship(1), ship(2, middle_m=5000.0, group="tanker")).loc[[1, 2]]
    assert got["hull_basis"].tolist() == ["prior", "prior"]
    assert got["ahead_m"].tolist() == pytest.approx([0.35 * 180.0, 0.33 * 180.0], abs=4.0)
    assert (got["error_m"] > 15.0).all()


def test_turns_under_way_tell_a_forward_bridge() -> None:
    """A lone ship at a berth: the antenna swung out little in her turns, so it stands near the pivot."""
    lone = ship(1, 0.2, lever_m=0.0, lever_error_m=10.0)
    got = estimate(lone).loc[1]
    assert got["off_m"] < 0.08 * 180.0
    assert got["hull_basis"] == "learned"
    assert estimate(ship(1, 0.2)).loc[1, "off_m"] > 0.5 * 180.0
    unsized = estimate(lone | {"sized": False}).loc[1]
    assert unsized["off_m"] < 0.08 * 180.0
    assert unsized["hull_basis"] == "type"


def test_turns_under_way_tell_bow_and_stern_exchanged() -> None:
    wrong = ship(1, 0.85, known=True, said_ratio=0.15)
    assert estimate(wrong | {"lever_m": -110.0, "lever_error_m": 8.0}).loc[1, "off_m"] < 0.08 * 180.0
    right = estimate(ship(1, 0.85, known=True, lever_m=-110.0, lever_error_m=8.0)).loc[1]
    assert (right["hull_basis"], right["error_m"]) == ("antenna", pytest.approx(3.0))


@pytest.mark.parametrize("place", PLACES)
def test_a_forward_bridge_among_bridges_aft_is_learned(place: str) -> None:
    got = estimate(*fleet(20), ship(1, 0.2), place=place)
    assert got.loc[1, "hull_basis"] == "learned"
    assert got.loc[1, "off_m"] < 10.0
    assert got["off_m"].max() < 15.0
    assert got.drop(1)["error_m"].max() < got.loc[1, "error_m"] < 30.0


def test_the_same_ship_bow_in_and_bow_out_knows_its_antenna() -> None:
    """Nobody else came: the middle between both antennas is the middle of the hull."""
    rows = [ship(1, 0.3, day=float(n), turn_deg=180.0 * (n % 2)) for n in range(4)]
    got = estimate(*rows)
    assert (got["hull_basis"] == "learned").all()
    assert got["off_m"].max() < 10.0
    same_way = estimate(*(row | {"turn_deg": 0.0} for row in rows))
    assert same_way["off_m"].min() > 60.0


def test_a_ship_has_one_antenna_wherever_it_lies() -> None:
    """What the ship shows at one berth holds at another one, where it is alone."""
    got = estimate(*fleet(), ship(1, 0.2), ship(1, 0.2, middle_m=8000.0, day=77.0))
    assert got.loc[1, "off_m"].max() < 10.0


def test_ships_that_were_there_at_once_lay_beside_each_other_not_in_each_other() -> None:
    """Two berths in a row; with the usual offset the ship with the bridge forward would lie in the other."""
    left = fleet(known=True)
    right = [row | {"mmsi": row["mmsi"] + 100, "middle_m": row["middle_m"] + 190.0} for row in left]
    got = estimate(*left, *right, ship(1, 0.2, 190.0, day=10.2))
    assert got.loc[1, "off_m"] < 10.0


def test_hulls_touch_one_line_although_their_beams_differ() -> None:
    """All lie with the port side at the quay; the antenna of one ship stands 8 m to starboard."""
    beams = [20.0, 26.0, 32.0, 38.0, 44.0]
    rows = [
        ship(10 + k, width_m=beam, known=True, side_m=0.0, across_m=beam / 2) for k, beam in enumerate(beams)
    ]
    got = estimate(*rows, ship(1, width_m=30.0, across_m=15.0, side_m=-8.0)).loc[1]
    assert got["right_m"] == pytest.approx(-8.0, abs=3.0)
    assert got["off_m"] < 10.0


# axes ---------------------------------------------------------------------------------------------


def test_the_bow_of_a_ship_without_heading_is_settled() -> None:
    """Ships with the bridge aft: the antenna is far from the middle of the berth, and so the bow is known."""
    for turn in (0.0, 180.0):
        got = estimate(*fleet(), ship(1, 0.85, turn_deg=turn, turned=0.5)).loc[1]
        assert got["turned_deg"] == pytest.approx(0.0, abs=1e-6)
        assert got["off_m"] < 10.0


def test_a_bow_that_nothing_settles_leaves_the_ship_where_its_antenna_is() -> None:
    got = estimate(ship(1, turned=0.5)).loc[1]
    assert got["ahead_m"] == 0.0
    assert got["error_m"] > 50.0
    assert got["heading_deg"] == pytest.approx(30.0)


@pytest.mark.parametrize("known", [True, False])
def test_bows_that_are_all_open_settle_each_other(known: bool) -> None:
    """Nobody sent a heading: the middles of a berth fall into one place only if each bow is right."""
    rows = fleet(turned=0.5, known=known)
    assert estimate(*rows)["off_m"].max() < 12.0
    # Ships that all lie the same way round may as well all lie the other way.
    alike = [dict(row, turn_deg=0.0) for row in rows]
    assert (estimate(*alike)["ahead_m"] == 0.0).all()


def test_a_bow_that_is_likely_moves_the_ship_and_may_be_overruled() -> None:
    alone = estimate(ship(1, 0.85, turned=0.25, known=True)).loc[1]
    assert alone["off_m"] < 10.0
    assert alone["error_m"] > 30.0
    wrong = estimate(
        *fleet(), ship(1, 0.85, turn_deg=180.0, turned=0.25, known=True, given_turn_deg=180.0)
    ).loc[1]
    assert wrong["turned_deg"] == pytest.approx(0.0, abs=1e-6)
    assert wrong["off_m"] < 10.0


# what must hold for any stops ---------------------------------------------------------------------


def test_nothing_in_nothing_out() -> None:
    stops = schema.empty("stops")
    ships = pd.DataFrame({"group": pd.Series(dtype=object), "sized": pd.Series(dtype=bool)})
    for name in ("length_m", "width_m", "to_bow_m", "to_stern_m", "to_port_m", "to_starboard_m"):
        ships[name] = pd.Series(dtype=float)
    assert len(offsets(stops, ships, np.zeros(0), np.zeros(0, dtype=bool))) == 0


MIXED = [*fleet(4), *fleet(3, known=True, group="tanker"), ship(1, 0.2), ship(2, 0.5, 150.0, turned=0.5)]
MIXED = [row | {"mmsi": n % 7, "day": 0.3 * n} for n, row in enumerate(MIXED)]


@given(st.permutations(range(len(MIXED))))
def test_offsets_do_not_depend_on_the_order_of_the_rows(order: list[int]) -> None:
    columns = ["ahead_m", "right_m", "heading_deg", "error_m"]
    expected = estimate(*MIXED)[columns].to_numpy()[order]
    assert estimate(*(MIXED[k] for k in order))[columns].to_numpy() == pytest.approx(expected, abs=1e-6)


def test_how_many_ships_are_looked_at_together_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = estimate(*MIXED, *MIXED)
    for stops in (1, 3, 7):
        monkeypatch.setattr(neighbours, "_STOPS_AT_ONCE", stops)
        pd.testing.assert_frame_equal(estimate(*MIXED, *MIXED), expected, check_exact=True)


@given(
    st.lists(
        st.tuples(
            st.floats(0.05, 0.95), st.floats(-300, 300), st.booleans(), st.sampled_from([0, 0.25, 0.5])
        ),
        max_size=8,
    )
)
def test_the_middle_is_never_outside_the_ship(ships: list[tuple[float, float, bool, float]]) -> None:
    rows = [
        ship(n, ratio, at, known=known, turned=turned, day=0.2 * n)
        for n, (ratio, at, known, turned) in enumerate(ships)
    ]
    got = estimate(ship(99), *rows)
    assert (got["ahead_m"].abs() <= 90.0).all()
    assert (got["right_m"].abs() <= 14.0 + 1e-9).all()
    assert np.isfinite(got[["ahead_m", "right_m", "error_m", "heading_deg"]].to_numpy()).all()
    assert (got["error_m"] >= 3.0).all()
