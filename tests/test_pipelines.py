"""The jobs in `pipelines/` as they are run: scripts, with the recipes that lie beside them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pytest

from ais_berths.simulate import simulate

if TYPE_CHECKING:
    from pathlib import Path

TABLES = (
    *("stops.parquet", "vessels.parquet", "berths.parquet", "quays.parquet", "anchorages.parquet"),
    *("berth_cells.parquet", "berth_calls.parquet", "port_calls.parquet", "indicators.csv", "quality.csv"),
)


def run(
    script: Path, root: Path, folder: Path, *arguments: str, **variables: str
) -> subprocess.CompletedProcess:
    """Run a script in a folder, with no settings of the machine but those given."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("DASK_", "AIS_"))}
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(root), **variables},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["local", "cluster"])
def test_the_shipped_recipe_gives_the_usual_tables(
    name: str, root: Path, sample_data: Path, sample_out: Path, tmp_path: Path
) -> None:
    shutil.copytree(sample_data / "simulated", tmp_path / "data" / "sample" / "simulated")
    done = run(root / "pipelines" / f"{name}.py", root, tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "ais-berths-demo" / name
    assert [
        table for table in TABLES if (out / table).read_bytes() != (sample_out / table).read_bytes()
    ] == []
    berths = len(pd.read_parquet(out / "berths.parquet", columns=["berth_id"]))
    assert done.stdout.splitlines()[-1] == f"{berths} berths are in {out}"


@pytest.mark.slow
def test_the_week_of_the_demonstration_from_an_archive(root: Path, tmp_path: Path) -> None:
    """The archive of the UN Global Platform as far as it is known: ten days of a port at Richards Bay."""
    options = {"at": (-28.8, 32.05), "start": "2022-02-27", "days": 10, "report_s": 900.0}
    simulate(tmp_path / "port", rng=3, scene=("general", "far"), **options)
    (tmp_path / "store").mkdir()
    recipe = tmp_path / "week.toml"
    shipped = (root / "pipelines" / "ungp.toml").read_text(encoding="utf-8")
    recipe.write_text(f'copy_to = "{(tmp_path / "store").as_uri()}"\n{shipped}', encoding="utf-8")
    script = root / "pipelines" / "ungp.py"
    done = run(script, root, tmp_path, str(recipe), AIS_BERTHS_INPUT=str(tmp_path / "port" / "feed"))
    assert done.returncode == 0, done.stderr
    out = tmp_path / "richards-bay"
    stops = pd.read_parquet(out / "stops.parquet")
    assert stops["start_time"].min() >= pd.Timestamp("2022-03-01", tz="UTC")
    assert stops["end_time"].max() < pd.Timestamp("2022-03-08", tz="UTC")
    cells = pd.read_csv(out / "berth_cells.csv")
    assert cells.columns.tolist() == ["hex_id", "polygon_name", "hex_resolution"]
    assert set(cells["hex_id"]) == set(pd.read_parquet(out / "berth_cells.parquet")["hex_id"])
    assert len(cells) > 0
    copies = {path.name for path in (tmp_path / "store").iterdir()}
    assert {"run.json", "berth_cells.csv", "berths.geojson", "indicators.csv"} <= copies


def test_an_archive_that_is_not_named(root: Path, tmp_path: Path) -> None:
    done = run(root / "pipelines" / "ungp.py", root, tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr == "Error: the archive is not named; set AIS_BERTHS_INPUT, or give inputs in the recipe\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_recipe_that_does_not_exist(root: Path, tmp_path: Path) -> None:
    done = run(root / "pipelines" / "local.py", root, tmp_path, "other.toml")
    assert done.returncode == 1
    assert "other.toml" in done.stderr
    assert done.stderr.startswith("Error: ")
