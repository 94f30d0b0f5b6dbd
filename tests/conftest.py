"""Fixtures shared by the tests."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pandas as pd
import pytest
from hypothesis import strategies as st

from ais_berths import schema
from ais_berths.pipeline import Job, detect

if TYPE_CHECKING:
    from collections.abc import Callable

# Shared machines are slow at times: a slow example is no fault. The same examples in every run, so that a red
# run speaks of the change; HYPOTHESIS_PROFILE=search looks for new ones.
hypothesis.settings.register_profile("steady", deadline=None, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))

ROOT = Path(__file__).resolve().parents[1]

# Programs, not tests; looking for doctests would import them.
PROGRAMS = (ROOT / "tests" / "benchmarks").glob("*.py")
collect_ignore = [str(path) for path in PROGRAMS if not path.name.startswith("test_")]


@pytest.fixture(scope="session")
def root() -> Path:
    """Folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """Folder of the shipped sample."""
    return ROOT / "data" / "sample"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real extracts that lie beside the checkout and are never shipped."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real AIS extracts are not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def sample_out(sample_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Output folder of the simulated sample; to be read only."""
    out = tmp_path_factory.mktemp("sample") / "out"
    port = sample_data / "simulated"
    detect([port / "feed"], out, Job(ports_file=str(port / "ports.csv")))
    return out


@pytest.fixture(scope="session")
def fleets() -> st.SearchStrategy[tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]]:
    """Random port calls, the same as berth calls at berth B of port P, and their vessels."""
    return _fleets()


@st.composite
def _fleets(draw: st.DrawFn) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    n_ships = draw(st.integers(1, 14))
    names = st.sampled_from(["cargo", "cargo", "tanker", "passenger"])
    groups = draw(st.lists(names, min_size=n_ships, max_size=n_ships))
    last_hour = 24 * draw(st.integers(1, 20))
    call = st.tuples(st.integers(1, n_ships), st.integers(0, last_hour), st.sampled_from([1, 9, 50]))
    drawn = draw(st.lists(call, min_size=1, max_size=40))
    calls = pd.DataFrame(drawn, columns=["mmsi", "start_h", "hours"])
    start = pd.Timestamp("2024-03-25T00:00Z") + pd.to_timedelta(calls["start_h"], unit="h")
    end = start + pd.to_timedelta(calls["hours"], unit="h")
    number = calls.index.astype(str)
    calls = calls.assign(
        port_id="P",
        port_call_id="P" + number,
        call_id="B" + number,
        berth_id="B",
        arrival_time=start,
        departure_time=end,
        waiting_h=0.0,
        time_in_port_h=calls["hours"],
        time_at_berth_h=calls["hours"],
        anchorage_only=False,
        rafted=False,
        open_start=False,
        open_end=False,
    )
    vessels = pd.DataFrame({"mmsi": range(1, n_ships + 1), "type_group": groups})
    return (
        schema.conform(calls, "port_calls"),
        schema.conform(calls, "berth_calls"),
        schema.conform(vessels, "vessels"),
    )


@pytest.fixture(scope="session")
def accounted() -> Callable[[Path], pd.DataFrame]:
    """Check that every row of an output folder is accounted for; returns the counts by reason."""

    def check(out: Path) -> pd.DataFrame:
        quality = pd.read_csv(out / "quality.csv")
        number = quality.set_index(["stage", "reason", "action"])["rows"]
        dropped = quality[quality["action"] == "dropped"].groupby("stage")["rows"].sum()

        def kept(stage: str, reason: str) -> int:
            return int(number.get((stage, reason, "kept"), 0))

        run = json.loads((out / "run.json").read_text(encoding="utf-8"))
        pings = pd.read_parquet(out / "pings", columns=["stop_id"])
        stops = pd.read_parquet(out / "stops.parquet", columns=["n_pings"])
        near = kept("filter", "near_port")
        assert not number.index.duplicated().any()
        assert (quality["rows"] > 0).all()
        assert kept("read", "row_read") == run["counts"]["rows"]
        assert kept("read", "row_read") == (
            dropped.get("read", 0) + kept("read", "static_only") + dropped.get("filter", 0) + near
        )
        assert near == dropped.get("clean", 0) + len(pings)
        assert stops["n_pings"].sum() == pings["stop_id"].notna().sum()
        assert len(stops) == quality.loc[quality["stage"] == "places", "rows"].sum()
        return quality

    return check
