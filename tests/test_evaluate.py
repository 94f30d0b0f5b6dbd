"""Scores of small scenes that can be worked out by hand."""

from __future__ import annotations

import importlib
import json
import math
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from ais_berths.errors import DependencyError, EmptyInputError, MissingColumnsError
from ais_berths.evaluate import (
    ScoreCard,
    Truth,
    evaluate,
    first_half,
    match_berths,
    plot_score,
    score_berths,
    score_calls,
    score_points,
    score_stops,
    split_half,
)
from ais_berths.geo import Plane
from ais_berths.pairs import one_to_one

if TYPE_CHECKING:
    from pathlib import Path

PLACES = [(4.0, 52.0), (18.9, 70.0), (-68.3, -55.0), (180.0, -17.8), (-179.9999, 66.0)]
Box = tuple[float, float, float, float]
DAY = datetime(2022, 3, 1, tzinfo=UTC)


def scene(
    boxes: list[Box], at: tuple[float, float] = (4.0, 52.0), turn_deg: float = 0.0, **columns: Any
) -> Any:
    """Boxes given in metres (west, south, east, north), turned and laid anywhere on the globe."""
    plane = Plane(at[0])
    x, y = plane.forward(*at)
    theta = math.radians(turn_deg)
    turn = np.array([[math.cos(theta), math.sin(theta)], [-math.sin(theta), math.cos(theta)]])
    shapes = shapely.transform(
        np.array([shapely.box(*box) for box in boxes], dtype=object),
        lambda xy: xy @ turn * plane.scale(at[1]) + [x, y],
    )
    names = [f"b{k}" for k in range(len(boxes))]
    return gpd.GeoDataFrame(
        {"berth_id": names, **columns}, geometry=list(plane.to_degrees(shapes)), crs="EPSG:4326"
    )


# Two berths of 200 m by 40 m on a quay, a third 1 km away.
TRUE: list[Box] = [(0, 0, 200, 40), (220, 0, 420, 40), (1000, 0, 1200, 40)]


@pytest.mark.parametrize("at", PLACES)
@pytest.mark.parametrize("turn_deg", [0.0, 37.0])
def test_scores_by_hand(at: tuple[float, float], turn_deg: float) -> None:
    """The first berth is shifted by 20 m along and 4 m across, the third is missed, one is invented."""
    truth = scene(TRUE, at, turn_deg, berth_kind=["discrete", "discrete", "continuous"])
    found = scene([(20, 4, 220, 44), (220, 0, 420, 40), (5000, 0, 5200, 40)], at, turn_deg)
    scores = score_berths(found, truth)
    shifted = 180 * 36 / (2 * 200 * 40 - 180 * 36)
    assert scores.at_iou_50.n_matched == 2
    assert scores.at_iou_50.precision == pytest.approx(2 / 3)
    assert scores.at_iou_50.recall == pytest.approx(2 / 3)
    assert scores.at_iou_50.f1 == pytest.approx(2 / 3)
    assert scores.mean_best_iou == pytest.approx((shifted + 1 + 0) / 3, rel=1e-3)
    # Medians of the pairs (20, 4) and (0, 0).
    assert scores.centre_along_m == pytest.approx(10, rel=2e-3)
    assert scores.centre_across_m == pytest.approx(2, rel=2e-3)
    assert scores.centre_error_m == pytest.approx(math.hypot(20, 4) / 2, rel=2e-3)
    assert scores.length_error_m == pytest.approx(0, abs=0.05)
    assert (scores.n_split, scores.n_merged) == (0, 0)
    assert scores.false_by_place == {"elsewhere": 1}
    assert scores.recall_by_kind == {"continuous": 0.0, "discrete": 1.0}


def test_thresholds_differ() -> None:
    """A berth of half the true length has IoU 0.5, one of 40 % only counts at 0.3."""
    found = scene([(0, 0, 101, 40), (220, 0, 300, 40)])
    scores = score_berths(found, scene(TRUE))
    assert scores.at_iou_30.n_matched == 2
    assert scores.at_iou_50.n_matched == 1
    assert scores.length_error_m == pytest.approx((99 + 120) / 2, rel=1e-3)


def test_splits_and_merges() -> None:
    halves = scene([(0, 0, 100, 40), (100, 0, 200, 40)])
    split = score_berths(halves, scene([TRUE[0]]))
    assert (split.n_split, split.n_merged) == (1, 0)
    assert split.at_iou_30.n_matched == 1
    merged = score_berths(scene([TRUE[0]]), halves)
    assert (merged.n_split, merged.n_merged) == (0, 1)


def test_matching_is_one_to_one_and_best_as_a_whole() -> None:
    """Greedy matching would give the first found berth to the first true one and lose the second."""
    true = scene([(0, 0, 100, 40), (100, 0, 200, 40)])
    found = scene([(40, 0, 140, 40), (0, 0, 90, 40)])
    pairs = match_berths(found, true)
    assert sorted(zip(pairs["berth_id"], pairs["true_berth_id"], strict=True)) == [("b1", "b0")]
    pairs = match_berths(found, true, min_iou=0.2)
    assert sorted(zip(pairs["berth_id"], pairs["true_berth_id"], strict=True)) == [("b0", "b1"), ("b1", "b0")]


@given(seed=st.integers(0, 10_000), n=st.integers(1, 6))
def test_pairing_against_trying_everything(seed: int, n: int) -> None:
    """The sum of scores is the largest of all pairings, however the rows are ordered."""
    rng = np.random.default_rng(seed)
    score = rng.uniform(0, 1, (n, n)) * (rng.uniform(0, 1, (n, n)) < 0.6)
    i, j = np.nonzero(score > 0)
    order = rng.permutation(i.size)
    pairs = pd.DataFrame({"found": i[order], "true": j[order], "iou": score[i, j][order]})
    chosen = pairs[one_to_one(pairs, "iou", 0.3)]
    assert chosen["found"].is_unique
    assert chosen["true"].is_unique
    useful = np.where(score >= 0.3, score, 0.0)
    best = max(
        sum(useful[k, column] for k, column in enumerate(columns)) for columns in permutations(range(n))
    )
    assert chosen["iou"].sum() == pytest.approx(best)


def test_false_berths_by_place() -> None:
    places = scene([(2000, 0, 3000, 1000), (2900, 0, 4000, 1000)], place=["anchorage", "marina"])
    found = scene(
        [
            (2100, 100, 2300, 140),
            (2860, 100, 2960, 140),
            (3500, 0, 3700, 40),
            (9000, 0, 9200, 40),
            (0, 0, 20, 40),
        ]
    )
    scores = score_berths(found, scene(TRUE), places)
    assert scores.false_by_place == {"anchorage": 2, "at a berth": 1, "elsewhere": 1, "marina": 1}
    with pytest.raises(MissingColumnsError, match="'places' lacks place"):
        score_berths(found, scene(TRUE), places.drop(columns="place"))


def test_only_some_uses_are_scored() -> None:
    truth = scene(TRUE, use=["commercial", "leisure", "commercial"])
    found = scene(
        [TRUE[0], TRUE[1], (5000, 0, 5200, 40), (6000, 0, 6200, 40)],
        use=["unknown", "commercial", "leisure", "commercial"],
    )
    scores = score_berths(found, truth, uses=["commercial"])
    # Found: the first (true), the fourth (false). The second is a marina, the third is said to be one.
    assert (scores.at_iou_50.n_found, scores.at_iou_50.n_true, scores.at_iou_50.n_matched) == (2, 2, 1)
    assert scores.false_by_place == {"elsewhere": 1}
    assert scores.mean_best_iou == pytest.approx(0.5)


def test_a_continuous_quay_is_one_polygon() -> None:
    quay = scene([(0, 0, 1000, 40)], berth_kind=["continuous"])
    assert score_berths(scene([(0, 0, 950, 40)]), quay).at_iou_50.f1 == 1
    invented = scene([(k * 250, 0, k * 250 + 240, 40) for k in range(4)])
    scores = score_berths(invented, quay)
    assert scores.at_iou_50.f1 == 0
    assert scores.n_split == 1
    assert scores.false_by_place == {"at a berth": 4}


@given(seed=st.integers(0, 1000))
def test_order_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    found = scene([(20, 4, 220, 44), (220, 0, 420, 40), (240, 0, 420, 40), (5000, 0, 5200, 40)])
    truth = scene(TRUE)
    expected = score_berths(found, truth)
    mixed = score_berths(found.iloc[rng.permutation(4)], truth.iloc[rng.permutation(3)])
    assert ScoreCard(berths=mixed).to_text() == ScoreCard(berths=expected).to_text()


def test_nothing_found_and_nothing_true() -> None:
    nothing, truth = scene([]), scene(TRUE)
    missed = score_berths(nothing, truth)
    assert missed.at_iou_50.f1 == 0
    assert missed.at_iou_50.recall == 0
    assert math.isnan(missed.at_iou_50.precision)
    assert missed.mean_best_iou == 0
    assert math.isnan(missed.centre_error_m)
    assert score_berths(truth, nothing).at_iou_50.precision == 0
    assert math.isnan(score_berths(nothing, nothing).at_iou_50.f1)
    card = json.loads(evaluate(nothing, Truth(berths=truth)).to_json())
    assert card["berths"]["centre_error_m"] is None
    assert card["points"] is None


@pytest.mark.parametrize("at", PLACES)
def test_points(at: tuple[float, float]) -> None:
    docks = scene([(99, 139, 101, 141), (310, 0, 312, 2), (3000, 0, 3002, 2)], at)
    docks = docks.set_geometry(shapely.centroid(docks.geometry.to_numpy()), crs="EPSG:4326")
    scores = score_points(scene(TRUE, at), docks, near_m=150)
    assert (scores.n_points, scores.n_berths) == (3, 3)
    assert scores.points_with_berth == pytest.approx(2 / 3)
    assert scores.berths_with_point == pytest.approx(2 / 3)
    # 100 m off the first berth, inside the second, 1,801 m from the third.
    assert scores.distance_p50_m == pytest.approx(100, rel=1e-2)
    assert score_points(scene(TRUE, at), docks, near_m=99).points_with_berth == pytest.approx(1 / 3)


def test_points_without_berths() -> None:
    docks = gpd.GeoDataFrame(geometry=[shapely.Point(4, 52)], crs="EPSG:4326")
    scores = score_points(scene([]), docks)
    assert scores.points_with_berth == 0
    assert math.isnan(scores.berths_with_point)
    assert math.isnan(scores.distance_p50_m)


# split-half ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("at", PLACES)
def test_split_half_by_hand(at: tuple[float, float]) -> None:
    whole = scene(TRUE[:2], at)
    same = split_half(whole, whole)
    assert same.mean_best_iou == pytest.approx(1)
    assert same.bhattacharyya_distance == pytest.approx(0, abs=1e-9)
    # One of two equal berths is shifted by half its length: a quarter of the mass is lost.
    moved = scene([TRUE[0], (320, 0, 520, 40)], at)
    scores = split_half(whole, moved)
    assert scores.bhattacharyya_distance == pytest.approx(-math.log(0.75), rel=1e-3)
    assert scores.mean_best_iou == pytest.approx((1 + 1 / 3) / 2, rel=1e-3)
    # A berth of twice the length has half the density: sqrt(1 / 2).
    assert split_half(
        scene([(0, 0, 100, 40)], at), scene([(0, 0, 200, 40)], at)
    ).bhattacharyya_distance == pytest.approx(-math.log(math.sqrt(0.5)), rel=1e-3)


def test_split_half_weighs_by_stops() -> None:
    a = scene(TRUE[:2], n_stops=[9, 1])
    b = scene([TRUE[0]], n_stops=[5])
    assert split_half(a, b).bhattacharyya_distance == pytest.approx(-math.log(math.sqrt(0.9)), rel=1e-6)
    assert split_half(a, b).bhattacharyya_distance == pytest.approx(split_half(b, a).bhattacharyya_distance)


def test_split_half_without_overlap() -> None:
    scores = split_half(scene([TRUE[0]]), scene([TRUE[1]]))
    assert scores.bhattacharyya_distance == math.inf
    assert scores.mean_best_iou == 0
    assert json.loads(scores.model_dump_json())["bhattacharyya_distance"] is None
    assert math.isnan(split_half(scene([]), scene([])).mean_best_iou)


@given(seed=st.integers(0, 100))
def test_halves_of_the_vessels_do_not_depend_on_the_data(seed: int) -> None:
    mmsi = np.arange(200_000_000, 200_002_000)
    mask = first_half(mmsi, seed)
    assert 0.4 < mask.mean() < 0.6
    np.testing.assert_array_equal(first_half(mmsi[::-7], seed), mask[::-7])
    assert (first_half(mmsi, seed + 1) != mask).any()


# stops and calls ----------------------------------------------------------------------------------


def stays(
    rows: list[tuple[int, float, float]], start: str = "start_time", end: str = "end_time", **columns: Any
) -> Any:
    """Stays given as MMSI, first hour and last hour."""
    first, last = (
        pd.Series([DAY + timedelta(hours=row[k]) for row in rows], dtype="datetime64[us, UTC]")
        for k in (1, 2)
    )
    return pd.DataFrame({"mmsi": [row[0] for row in rows], start: first, end: last, **columns})


def test_stops_by_hand() -> None:
    truth = stays([(1, 0, 10), (1, 20, 30), (2, 0, 10), (3, 0, 10)])
    found = stays([(1, 0, 6), (1, 20, 24), (2, 5, 15), (3, 0, 4), (3, 4, 10), (4, 0, 10)])
    scores = score_stops(found, truth)
    # Shared time: 60 % (yes), 40 % (no), a third (no), 40 % and 60 % (one of them), none.
    assert scores.found.n_matched == 2
    assert scores.found.precision == pytest.approx(2 / 6)
    assert scores.found.recall == pytest.approx(2 / 4)
    assert scores.found.f1 == pytest.approx(4 / 10)
    assert math.isnan(scores.kind_accuracy)
    assert scores.kinds == {}


def test_half_of_the_time_is_enough_and_counts_once() -> None:
    scores = score_stops(stays([(1, 0, 5), (1, 5, 10)]), stays([(1, 0, 10)]))
    assert scores.found.n_matched == 1
    moment = stays([(1, 3, 3)])
    assert score_stops(moment, moment).found.f1 == 1


def test_stops_last_from_arrival_to_departure() -> None:
    heard, truth = stays([(1, 4.0, 6.0)]), stays([(1, 0.0, 10.0)])
    assert score_stops(heard, truth).found.n_matched == 0
    whole, none = stays([(1, 0.5, 9.0)]), pd.to_datetime([None], utc=True)
    thought = heard.assign(arrival_time=whole["start_time"], departure_time=whole["end_time"])
    assert score_stops(thought, truth).found.n_matched == 1
    assert score_stops(thought.assign(arrival_time=none), truth).found.n_matched == 1
    assert score_stops(heard.assign(arrival_time=none, departure_time=none), truth).found.n_matched == 0


def test_stops_far_apart_are_not_one() -> None:
    truth = stays([(1, 0, 10), (2, 0, 10)], lat=[52.0, 52.0], lon=[179.9999, 4.0])
    found = stays([(1, 0, 10), (2, 0, 10)], lat=[52.0, 52.0], lon=[-179.9999, 4.1])
    assert score_stops(found, truth).found.n_matched == 1


def test_kinds_by_hand() -> None:
    rows = [(k, 0.0, 10.0) for k in range(8)]
    truth = stays(rows, kind=["moored"] * 4 + ["anchored"] * 2 + ["buoy", "adrift"])
    found = stays(rows, kind=["moored"] * 3 + ["anchored", "anchored", None, "buoy", "moored"])
    scores = score_stops(found, truth)
    assert scores.kind_accuracy == pytest.approx(5 / 7)
    assert scores.kind_balanced_accuracy == pytest.approx((3 / 4 + 1 / 2 + 1) / 3)
    assert scores.kinds == {
        "anchored": {"anchored": 1, "none": 1},
        "buoy": {"buoy": 1},
        "moored": {"anchored": 1, "moored": 3},
    }


def test_no_stops() -> None:
    nothing = stays([], kind=[])
    assert math.isnan(score_stops(nothing, nothing).found.f1)
    assert score_stops(nothing, stays([(1, 0, 10)], kind=["moored"])).found.recall == 0


def test_stops_need_their_columns() -> None:
    with pytest.raises(MissingColumnsError, match="'true' lacks end_time"):
        score_stops(stays([(1, 0, 1)]), stays([(1, 0, 1)]).drop(columns="end_time"))


def test_calls_by_hand() -> None:
    names = {"start": "arrival_time", "end": "departure_time"}
    truth = stays([(1, 0, 10), (2, 0, 10), (3, 0, 10)], berth_id=["t1", "t2", "t3"], **names)
    found = stays([(1, 0.5, 10), (2, 0, 12), (9, 0, 1)], berth_id=["x", "y", None], **names)
    pairs = pd.DataFrame({"berth_id": ["x", "y"], "true_berth_id": ["t1", "t9"]})
    scores = score_calls(found, truth, pairs)
    assert (scores.found.n_matched, scores.found.f1) == (2, pytest.approx(4 / 6))
    assert scores.right_berth is not None
    assert scores.right_berth.n_matched == 1
    assert scores.arrival_error_s == pytest.approx(900)
    assert scores.departure_error_s == pytest.approx(3600)
    assert score_calls(found, truth).right_berth is None


def test_calls_at_berths_of_one_use() -> None:
    names = {"start": "arrival_time", "end": "departure_time"}
    truth = stays([(1, 0, 10), (2, 0, 10), (3, 0, 10)], use=["commercial", "service", "commercial"], **names)
    # The second is known to be a service call, whatever it was taken for; the last two are nobody's.
    found = stays(
        [(1, 0, 10), (2, 0, 10), (8, 0, 10), (9, 0, 10)],
        use=["commercial", "commercial", "commercial", "leisure"],
        **names,
    )
    scores = score_calls(found, truth, uses=["commercial"]).found
    assert (scores.n_found, scores.n_true, scores.n_matched) == (2, 2, 1)
    every = score_calls(found, truth).found
    assert (every.n_found, every.n_true, every.n_matched) == (4, 3, 2)


@given(seed=st.integers(0, 1000))
def test_stops_do_not_depend_on_order_or_time_unit(seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth = stays([(1, 0, 10), (1, 8, 14), (1, 20, 30), (2, 0, 10)], kind=["moored"] * 4)
    found = stays([(1, 0, 9), (1, 9, 14), (1, 20, 31), (2, 1, 10), (2, 11, 12)], kind=["moored"] * 5)
    mixed = found.iloc[rng.permutation(5)].assign(start_time=lambda t: t["start_time"].dt.as_unit("ns"))
    assert score_stops(mixed, truth.iloc[rng.permutation(4)]) == score_stops(found, truth)


# the card -----------------------------------------------------------------------------------------


def full_truth() -> Truth:
    names = {"start": "arrival_time", "end": "departure_time"}
    return Truth(
        berths=scene(TRUE),
        points=gpd.GeoDataFrame(geometry=[shapely.Point(4.0, 52.0)], crs="EPSG:4326"),
        places=scene([(2000, 0, 3000, 1000)], place=["anchorage"]),
        stops=stays([(1, 0, 10)], kind=["moored"]),
        calls=stays([(1, 0, 10)], berth_id=["b0"], **names),
    )


def test_one_card_for_all() -> None:
    names = {"start": "arrival_time", "end": "departure_time"}
    card = evaluate(
        scene(TRUE),
        full_truth(),
        stays([(1, 0, 10)], kind=["moored"]),
        stays([(1, 0, 10)], berth_id=["b0"], **names),
    )
    assert card.berths is not None
    assert card.stops is not None
    assert card.calls is not None
    assert card.calls.right_berth is not None
    assert card.berths.at_iou_50.f1 == card.stops.found.f1 == card.calls.right_berth.f1 == 1
    assert json.loads(card.to_json())["stops"]["kinds"] == {"moored": {"moored": 1}}
    text = card.to_text()
    assert "at IoU 0.5: precision 1.000, recall 1.000, F1 1.000 (3 found, 3 true, 3 both)" in text
    assert "Berths against points" in text
    assert "matched stops by true kind and found kind: moored as moored 1" in text
    assert "Split-half" not in text


def test_a_figure_that_does_not_exist() -> None:
    never = split_half(scene([]), scene(TRUE))
    card = ScoreCard(split_half=never, stops=score_stops(stays([]), stays([])))
    assert "  Bhattacharyya distance: -\n" in card.to_text()
    assert "stops: precision -, recall -, F1 - (0 found, 0 true, 0 both)" in card.to_text()
    assert json.loads(card.to_json())["split_half"]["bhattacharyya_distance"] is None


def test_truth_of_one_file() -> None:
    shapes = [shapely.Point(4, 52), shapely.box(4, 52, 4.1, 52.1), shapely.LineString([(4, 52), (5, 52)])]
    truth = Truth.of(gpd.GeoDataFrame({"k": [0, 1, 2]}, geometry=shapes, crs="EPSG:4326"))
    assert truth.berths is not None
    assert truth.points is not None
    assert truth.berths["k"].tolist() == [1]
    assert truth.points["k"].tolist() == [0, 2]
    assert Truth.of(gpd.GeoDataFrame(geometry=shapes[:1], crs="EPSG:4326")).berths is None


def test_truth_in_another_projection() -> None:
    truth, found = scene(TRUE), scene([(20, 4, 220, 44), TRUE[1]])
    there = score_berths(found, truth.to_crs("EPSG:32631"))
    assert there.mean_best_iou == pytest.approx(score_berths(found, truth).mean_best_iou, rel=1e-6)


def test_nothing_to_compare() -> None:
    with pytest.raises(EmptyInputError, match="nothing to compare"):
        evaluate(scene(TRUE), Truth(stops=stays([(1, 0, 1)])))


def test_inputs_are_not_changed() -> None:
    found, truth = scene(TRUE), scene(TRUE)
    before = found.copy(deep=True), truth.copy(deep=True)
    evaluate(found, Truth(berths=truth))
    pd.testing.assert_frame_equal(found, before[0])
    pd.testing.assert_frame_equal(truth, before[1])


# the picture --------------------------------------------------------------------------------------


def test_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    found = scene([(20, 4, 220, 44), (220, 0, 420, 40), (2000, 0, 2200, 40)], (180.0, -17.8))
    truth = Truth(
        berths=scene(TRUE, (180.0, -17.8)),
        points=gpd.GeoDataFrame(geometry=[shapely.Point(180.0, -17.8)], crs="EPSG:4326"),
        places=scene([(1900, -100, 3000, 200)], (180.0, -17.8), place=["anchorage"]),
    )
    figure = plot_score(found, truth, title="Fiji")
    figure.savefig(tmp_path / "score.png")
    assert (tmp_path / "score.png").read_bytes().startswith(b"\x89PNG")
    labels = {text.get_text() for text in figure.axes[0].get_legend().get_texts()}
    assert labels == {
        "place without berths (1)",
        "true berth, found (2)",
        "true berth, missed (1)",
        "found berth, right (2)",
        "found berth, false (1)",
        "true point (1)",
    }
    # The quay is some 1,200 m long, and drawn so.
    west, east = figure.axes[0].dataLim.intervalx
    assert east - west == pytest.approx(3000, rel=0.02)


def test_picture_with_points_only() -> None:
    pytest.importorskip("matplotlib")
    points = gpd.GeoDataFrame(geometry=[shapely.Point(4.0, 52.0)], crs="EPSG:4326")
    figure = plot_score(scene(TRUE), Truth(points=points))
    labels = {text.get_text() for text in figure.axes[0].get_legend().get_texts()}
    assert labels == {"found berth (3)", "true point (1)"}


def test_picture_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(DependencyError, match=r"pip install 'ais-berths\[plot\]'"):
        plot_score(scene(TRUE), Truth(berths=scene(TRUE)))
