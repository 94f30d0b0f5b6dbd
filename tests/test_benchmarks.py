"""The programs of ``tests/benchmarks``: each runs on a small port, and what they measure is right."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from ais_berths import evaluate, geo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

LAT, LON = 51.9, 4.0


@pytest.fixture(scope="module")
def program(root: Path) -> Iterator[Callable[[str], Any]]:
    """Import a program by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "tests" / "benchmarks"))
        yield importlib.import_module


@pytest.fixture
def run(program: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Run a program as its command does, and return the page that it writes."""

    def run_program(name: str, *options: str) -> str:
        page = tmp_path / f"{name}.md"
        given = [f"{name}.py", "--seeds", "1", "--days", "2", *options, "--out", str(page)]
        monkeypatch.setattr(sys, "argv", given)
        program(name).main()
        return page.read_text(encoding="utf-8")

    return run_program


def rows_of(page: str) -> dict[str, list[str]]:
    """Cells of the tables of a page, by their first cell; of several rows with one name, the last."""
    lines = [line.strip("|").split("|") for line in page.splitlines() if line.startswith("|")]
    return {line[0].strip(): [cell.strip() for cell in line[1:]] for line in lines}


def boxes(*along_m: float, across_m: float = 0.0, **columns: Any) -> gpd.GeoDataFrame:
    """Berths of 200 by 30 m on one line to the north, at some distances from a place."""
    plane = geo.Plane.around([LON])
    lat, lon = geo.offset_deg(LAT, LON, 0.0, np.array(along_m), across_m)
    x, y = plane.forward(lon, lat)
    scale = plane.scale(np.full(len(along_m), LAT))
    shapes = plane.to_degrees(geo.rectangles(x, y, 0.0, 200.0 * scale, 30.0 * scale))
    table = {"berth_id": [str(n) for n in range(len(along_m))], "use": "commercial"} | columns
    return gpd.GeoDataFrame(table, geometry=list(shapes), crs="EPSG:4326")


# the programs run ---------------------------------------------------------------------------------


def test_comparison(run: Callable[..., str], program: Callable[[str], Any]) -> None:
    rows = rows_of(run("baselines"))
    methods = [*program("baselines").OURS.values(), *program("others").METHODS]
    assert set(methods) <= set(rows)
    for name in methods[1:]:
        if name not in program("baselines").OURS.values():
            assert all(0.0 <= float(cell) <= 1.0 for cell in rows[name][1:5])


def test_score_card(run: Callable[..., str]) -> None:
    page = run("accuracy", "--reception", "terrestrial")
    assert [title for title in page.splitlines() if title.startswith("## ")] == [
        *("## Berths", "## Stops", "## Moored, anchored or at a buoy", "## Berth calls"),
        "## Two ports 6 km apart",
    ]


def test_calibration(run: Callable[..., str]) -> None:
    assert "expected calibration error 0." in run("calibration", "--fit")


def test_sensitivity(
    run: Callable[..., str], program: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        program("sensitivity"), "SECTIONS", dict.fromkeys(("terrestrial", "satellite"), ("hulls",))
    )
    page = run("sensitivity")
    for name in ("max_length_m", "max_width_m", "neighbours", "berth_play_m", "learned_gain"):
        assert page.count(f"hulls.{name}`") == 2  # terrestrial and satellite


def test_tuning(
    run: Callable[..., str], program: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    others = program("others")
    name = "antenna points, DBSCAN, hull"
    one = others.METHODS[name]._replace(tried={"eps_m": (50.0,), "min_samples": (2,), "widen_m": (5.0, 60.0)})
    monkeypatch.setattr(program("tuning"), "METHODS", {name: one})
    page = run("tuning")
    assert page.count(f"| {name} | areas |") == page.count(f"| {name} | centres |") == 1


def test_the_reading_of_a_page_is_kept(program: Callable[[str], Any], tmp_path: Path) -> None:
    tables, page = program("tables"), tmp_path / "page.md"
    tables.write(page, "Title", ["| old |"])
    first = page.read_text(encoding="utf-8")
    page.write_text(first + "\n" + tables.READING + "\nWhat it says.\n", encoding="utf-8")
    for figure in ("new", "newer"):
        tables.write(page, "Title", [f"| {figure} |"])
    assert (
        page.read_text(encoding="utf-8") == first.replace("old", "newer") + "\n## Reading\n\nWhat it says.\n"
    )


# what they measure --------------------------------------------------------------------------------


@pytest.mark.parametrize(("off_m", "f1"), [(50.0, 1.0), (70.0, 0.0)])
def test_centres_are_right_within_some_metres(program: Callable[[str], Any], off_m: float, f1: float) -> None:
    truth = boxes(0.0, 250.0)
    found, metres = program("baselines").score_centres(boxes(off_m, 250.0 + off_m), truth, 60.0)
    assert found == f1
    assert metres == pytest.approx(off_m, abs=0.5) if f1 else np.isnan(metres)


def test_centres_are_paired_one_to_one(program: Callable[[str], Any]) -> None:
    score = program("baselines").score_centres
    truth = boxes(0.0, 250.0)
    assert score(boxes(0.0, 10.0, 250.0), truth, 60.0)[0] == pytest.approx(2 * 2 / 5)
    assert score(boxes(0.0), truth, 60.0)[0] == pytest.approx(2 / 3)
    assert score(boxes(), truth, 60.0)[0] == 0.0
    tugs = boxes(0.0, 250.0, use=["commercial", "service"])
    assert score(boxes(0.0, 250.0), tugs, 60.0)[0] == 1.0


@pytest.mark.parametrize(("sizes", "ahead_m"), [("antenna", 70.0), ("size", 0.0)])
def test_boxes_hold_the_ships(program: Callable[[str], Any], sizes: str, ahead_m: float) -> None:
    """Ships of 200 m with the antenna 70 m behind the middle: only A-D tell where they lie."""
    others = program("others")
    moored = pd.DataFrame({"stop_id": list("abc"), "lat": LAT, "lon": LON})
    lat, lon = geo.offset_deg(LAT, LON, 0.0, 70.0, 0.0)
    hulls = moored.assign(lat=float(lat), lon=float(lon), heading_deg=0.0, length_m=200.0, width_m=30.0)
    given = others.Given(moored, moored, {"antenna": hulls, "size": hulls})
    found = others.point_boxes(given, sizes, eps_m=20.0, min_samples=3, reach=1.0)
    pairs = evaluate.match_berths(found.assign(berth_id="box"), boxes(ahead_m))
    assert pairs["iou"].to_numpy() == pytest.approx([1.0], abs=0.01)


def test_tuning_tries_every_combination(program: Callable[[str], Any]) -> None:
    """Neither setting is right without the other."""
    others, tuning = program("others"), program("tuning")

    def find(given: Any, off_m: float, apart_m: float) -> gpd.GeoDataFrame:
        return boxes(off_m, off_m + apart_m)

    tried = {"off_m": (90.0, 0.0, -90.0), "apart_m": (100.0, 250.0)}
    truth = type("Truth", (), {"berths": boxes(0.0, 250.0), "places": None})
    best = tuning.best_settings(others.Method(find, {}, {}, {}, {}, tried), [(None, truth)])
    assert best == dict.fromkeys(tuning.AIMS, ({"off_m": 0.0, "apart_m": 250.0}, 1.0))


def test_levers_tell_the_pivot_of_simulated_ships(program: Callable[[str], Any]) -> None:
    levers, trials = program("levers"), program("trials")
    feed = trials.tidy(trials.listen(trials.Case(2, 5)), trials.Config())
    vessels = trials.merge_statics(feed.statics, trials.Config().hulls)
    lines = levers.known_table(levers.measure(feed.pings), vessels).splitlines()[2:]
    pivots = [float(line.split("|")[5]) for line in lines]
    assert len(pivots) > 20
    assert np.median(pivots) == pytest.approx(0.25, abs=0.05)
    groups = rows_of(levers.group_table(feed.pings, vessels))
    assert float(groups["cargo"][2]) < -30.0
    assert int(groups["cargo"][0]) >= int(groups["cargo"][5]) > 0
