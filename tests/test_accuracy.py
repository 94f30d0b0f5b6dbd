"""Accuracy does not get worse: a small simulated port, the shipped sample, and the real ports.

The limits lie a little below what was measured; the figures that are published come from
``tests/benchmarks``, from many ports.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest

from ais_berths.evaluate import score_berths
from ais_berths.pipeline import Job, detect
from ais_berths.pipeline.score import read_truth, score_out

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SEEDS = (1, 2)
DAYS = 14


@pytest.fixture(scope="module")
def benchmark_module(root: Path) -> Iterator[Any]:
    """Import a module of the benchmarks by its name."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(root / "tests" / "benchmarks"))
        yield importlib.import_module


@pytest.fixture(scope="module")
def figures(benchmark_module: Any) -> pd.DataFrame:
    """Means over the seeds, one row for each of what ships send about their size."""
    trials = benchmark_module("trials")
    rows = []
    for seed in SEEDS:
        heard = trials.hear(trials.listen(trials.Case(seed, DAYS)))
        rows += [
            {"sizes": sizes, **trials.score(trials.find_all(heard, sizes), heard.truth)}
            for sizes in trials.SIZES
        ]
    return pd.DataFrame(rows).groupby("sizes").mean()


@pytest.mark.parametrize(
    ("sizes", "f1", "centre_m"), [("antenna", 0.86, 2.0), ("size", 0.85, 5.0), ("none", 0.75, 8.0)]
)
def test_berths(figures: pd.DataFrame, sizes: str, f1: float, centre_m: float) -> None:
    found = figures.loc[sizes]
    assert found["f1"] >= f1
    assert found["centre_m"] <= centre_m
    assert found["right_port"] == 1.0


def test_more_known_is_better(figures: pd.DataFrame) -> None:
    assert figures["iou"].loc[["none", "size", "antenna"]].is_monotonic_increasing


def test_stops_and_calls(figures: pd.DataFrame) -> None:
    found = figures.loc["size"]
    assert found["stops_f1"] >= 0.96
    assert found["calls_f1"] >= 0.96
    assert found["calls_right_f1"] >= 0.9
    # The simulated ships report every three minutes.
    assert found["arrival_s"] <= 180
    assert found["departure_s"] <= 180


@pytest.mark.parametrize(("kind", "share"), [("moored", 0.99), ("anchored", 0.95), ("buoy", 0.7)])
def test_kinds(figures: pd.DataFrame, kind: str, share: float) -> None:
    found = figures.loc["size"]
    assert found[f"{kind}_right"] >= share * found[f"{kind}_n"] > 0


def test_shipped_sample(sample_data: Path, tmp_path: Path) -> None:
    """The golden run of the demo."""
    port = sample_data / "simulated"
    summary = detect([port / "feed"], tmp_path / "out", Job(ports_file=str(port / "ports.csv")))
    truth = port / "truth" / "berths.geojson"
    card = score_out(summary.out, truth, uses=["commercial"])
    assert card.berths is not None
    assert card.stops is not None
    assert summary.counts["rows"] == 146_582
    assert summary.counts["vessels"] == 121
    assert 470 <= summary.counts["stops"] <= 530
    assert 30 <= summary.counts["berths"] <= 42
    assert card.berths.at_iou_50.n_true == 21
    assert card.berths.at_iou_50.f1 >= 0.8
    assert card.stops.found.f1 >= 0.93
    assert card.stops.kind_balanced_accuracy >= 0.85
    berths = gpd.read_parquet(summary.out / "berths.parquet")
    assert (berths["port_id"] == "P0").all()
    assert berths["confidence"].between(0, 1).all()
    sure = score_berths(berths[berths["confidence"] >= 0.85], read_truth(truth).berths, uses=["commercial"])
    assert sure.at_iou_50.n_found >= 5
    assert sure.at_iou_50.precision >= 0.85


@pytest.mark.real
def test_miami_against_its_chart(benchmark_module: Any, shared_data: Path, tmp_path: Path) -> None:
    real = benchmark_module("real")
    miami = real.detect_extract(shared_data, "miami_port_everglades", tmp_path)
    chart = (real.read_chart(shared_data, layer) for layer in ("SLCONS", "LNDARE"))
    found = real.chart_figures(miami, *chart)
    assert found["stays"] == 34
    assert found["at_wharf"] >= 0.95
    assert found["kept_moored"] >= 0.90
    assert found["wharf_p50_m"] <= 10.0
    assert found["berths_at_wharf"] >= 0.95


@pytest.mark.real
def test_docks_got_berths(benchmark_module: Any, shared_data: Path, tmp_path: Path) -> None:
    real = benchmark_module("real")
    found = real.dock_figures(real.detect_extract(shared_data, "tampa", tmp_path))
    assert found["kept"] >= 0.95
    assert found["at_dock"] >= 0.70
    assert found["docks_with_berth"] >= 0.90
