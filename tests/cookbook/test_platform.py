"""The notebook for the UN Global Platform, with its cells for the platform run against a stand-in.

With ``AIS_BERTHS_SPARK_PYTHON``, the Python of an environment with pyspark, real Spark runs them there.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from programs import load_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

HERE = Path(__file__).resolve().parent
CHAPTER = HERE.parents[1] / "cookbook" / "17_un_global_platform.md"
ARCHIVE = HERE.parents[1] / "data" / "sample" / "simulated" / "feed"


@pytest.fixture
def standin() -> Iterator[ModuleType]:
    yield load_program(HERE / "standin.py")
    for name in ("ais", "ais.functions"):
        sys.modules.pop(name, None)


def cells() -> list[Any]:
    """Cells with code that the story needs: no pictures and no exercises."""
    jupytext = pytest.importorskip("jupytext", reason="the cookbook extra is not installed")
    found = [cell for cell in jupytext.read(CHAPTER, fmt="md:myst").cells if cell.cell_type == "code"]
    return [cell for cell in found if "hide-cell" not in cell.metadata.get("tags", [])]


def story() -> list[tuple[str, str]]:
    """Each cell and where it runs: here or on the platform."""
    made = []
    for cell in cells():
        tags = cell.metadata.get("tags", [])
        if "instead-of-the-platform" not in tags:
            made.append(("platform" if "on-the-platform" in tags else "here", cell.source))
    return made


def test_cells_for_the_platform_are_marked_and_not_run_elsewhere() -> None:
    for cell in cells():
        marked = "on-the-platform" in cell.metadata.get("tags", [])
        assert marked == ("get_ais(" in cell.source)
        assert marked == ("skip-execution" in cell.metadata.get("tags", []))


@pytest.mark.parametrize("engine", ["pandas", "spark"])
def test_rows_taken_out_on_the_platform_give_the_berths_of_the_archive(
    engine: str, standin: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    python = os.environ.get("AIS_BERTHS_SPARK_PYTHON")
    if engine == "spark" and not python:
        pytest.skip("AIS_BERTHS_SPARK_PYTHON does not name a Python with pyspark")
    pytest.importorskip("matplotlib").use("agg")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIS_BERTHS_OWN", str(tmp_path / "own"))
    here: dict[str, Any] = {}
    there = standin.namespace(standin.PandasSpark(str(ARCHIVE)))
    first = [where for where, _ in story()].index("platform")
    for place, (where, source) in enumerate(story()):
        if where == "here":
            exec(source, here)
        elif place == first and engine == "spark":
            (tmp_path / "cell.py").write_text(source, encoding="utf-8")
            command = [python, str(HERE / "standin.py"), "cell.py", str(ARCHIVE)]
            subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": ""})
        elif place == first:
            exec(source, there)
    ours, theirs = here["berths"]
    assert len(ours) > 20
    pd.testing.assert_frame_equal(ours, theirs)
    assert sorted(path.name for path in (tmp_path / "own" / "rows").glob("*.parquet"))


def test_the_cells_of_the_berths_are_what_the_platform_takes(
    standin: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last cell for the platform asks for rows at berths: the table has the columns and types for it."""
    last = [source for where, source in story() if where == "platform"][-1]
    polygons = pd.DataFrame({"hex_id": [1], "polygon_name": ["B"], "hex_resolution": [12]})
    monkeypatch.setenv("AIS_BERTHS_OWN", str(tmp_path))
    polygons.to_parquet(tmp_path / "polygons.parquet")
    asked = []

    class Spark(standin.PandasSpark):  # type: ignore[name-defined,misc]
        def rows_in(self, days: Any, hexes: pd.DataFrame, column: str, columns: list[str]) -> Any:
            asked.append((days, hexes.columns.tolist(), column, columns))
            return self

        def groupBy(self, column: str) -> Any:
            assert column == "polygon_name"
            return self

        def agg(self, _how: dict[str, str]) -> Any:
            return self

        def show(self) -> None:
            asked.append("shown")

    names = standin.namespace(Spark("")) | {"own": str(tmp_path), "datetime": datetime}
    names["af"] = sys.modules["ais"].functions
    exec(last, names)
    columns = ["hex_id", "polygon_name", "hex_resolution"]
    assert asked == [(("20240303", "20240308"), columns, "H3_int_index_12", ["mmsi", "dt_pos_utc"]), "shown"]
