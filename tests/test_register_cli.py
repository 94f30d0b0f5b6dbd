"""The register from the command line: an edit made in a GIS survives later runs, whole."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from click.testing import CliRunner
from commands import run

from ais_berths.cli import main
from ais_berths.h3cells import cells_at
from ais_berths.simulate import simulate

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sim") / "port"
    simulate(folder, rng=5, days=6, scene=("general", "pier", "near"), at=(45.0, -30.0), report_s=900.0)
    return folder


@pytest.fixture(scope="module")
def begun(port: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Result of the first days, and a register made from it; not to be changed."""
    folder = tmp_path_factory.mktemp("register")
    days = sorted((port / "feed").rglob("*.parquet"))
    area = ["--ports", str(port / "ports.csv"), "--out", str(folder / "out")]
    run("detect", *map(str, days[: len(days) // 2]), *area)
    text = run("register", "update", str(folder / "out"), "--register", str(folder / "berths.gpkg"))
    assert text.splitlines()[-1].endswith("now have the same ids")
    return folder / "out", folder / "berths.gpkg"


def test_a_run_without_any_place(tmp_path: Path) -> None:
    simulate(tmp_path / "roads", rng=5, days=1, scene=("far",), at=(45.0, -30.0), report_s=900.0)
    out, register = str(tmp_path / "out"), str(tmp_path / "berths.gpkg")
    run(
        "detect",
        str(tmp_path / "roads" / "feed"),
        "--ports",
        str(tmp_path / "roads" / "ports.csv"),
        "--out",
        out,
    )
    assert len(pd.read_parquet(tmp_path / "out" / "stops.parquet"))
    assert "nothing new in this run" in run("register", "update", out, "--register", register)


def mergeable(berths: gpd.GeoDataFrame) -> tuple[int, int]:
    """Two berths whose common outline touches no other."""
    for i in range(len(berths)):
        for j in range(i + 1, len(berths)):
            whole = shapely.convex_hull(shapely.union_all(berths.geometry.iloc[[i, j]].to_numpy()))
            if berths.geometry.intersects(whole).sum() == 2:
                return i, j
    raise AssertionError("no two berths can be merged")


@pytest.mark.slow
def test_an_edit_survives_later_runs(port: Path, begun: tuple[Path, Path], tmp_path: Path) -> None:
    out, register = begun
    # As QGIS does it: the GeoPackage is opened, changed and saved under another name.
    berths = gpd.read_file(register, layer="berths")
    i, j = mergeable(berths)
    # The surest of the others is found again when more is known.
    surest = np.argsort(-berths["confidence"].to_numpy(), kind="stable")
    redrawn, rejected = [int(k) for k in surest if k not in (i, j)][:2]
    names = berths["place_id"].tolist()
    shape = berths.geometry.iloc[redrawn]
    smaller = shapely.affinity.scale(shape, 0.8, 0.8)
    shapes = berths.geometry.to_numpy().copy()
    shapes[redrawn] = smaller
    berths = berths.set_geometry(gpd.GeoSeries(shapes, crs=berths.crs))
    for column in ("name", "status", "merged_into"):
        berths[column] = berths[column].astype(object)
    berths.loc[redrawn, "name"] = "Liegeplatz Süd"
    berths.loc[rejected, "status"] = "rejected"
    berths.loc[j, "merged_into"] = names[i]
    berths.to_file(tmp_path / "edited.gpkg", layer="berths", driver="GPKG")

    before = register.read_bytes()
    checked = run("register", "apply-edits", str(register), str(tmp_path / "edited.gpkg"), "--dry-run")
    assert "could be applied" in checked
    assert register.read_bytes() == before
    done: dict[str, Any] = json.loads(
        run("register", "apply-edits", str(register), str(tmp_path / "edited.gpkg"), "--json")
    )
    assert {(edit["place_id"], edit["event"]) for edit in done["edits"]} == {
        (names[redrawn], "renamed"),
        (names[redrawn], "redrawn"),
        (names[rejected], "rejected"),
        (names[j], "merged"),
    }

    # The folder grows; it knows its register, and the register has changed meanwhile.
    area = ["--ports", str(port / "ports.csv"), "--out", str(out)]
    run("detect", str(port / "feed"), *area)
    run("register", "update", str(out), "--register", str(register))
    found = gpd.read_parquet(out / "berths.parquet").set_index("berth_id")
    calls = pd.read_parquet(out / "berth_calls.parquet")
    cells = pd.read_parquet(out / "berth_cells.parquet")
    stops = pd.read_parquet(out / "stops.parquet")
    for table in (found.reset_index(), calls, cells, stops):
        assert not table["berth_id"].isin([names[rejected], names[j]]).any()
    assert set(calls["berth_id"]) == set(found.index)
    assert found.loc[names[redrawn], "name"] == "Liegeplatz Süd"
    assert shapely.hausdorff_distance(found.geometry[names[redrawn]], smaller) < 1e-6
    assert found.loc[names[i], "n_stops"] == (stops["berth_id"] == names[i]).sum()
    quality = pd.read_csv(out / "quality.csv").set_index("reason")["rows"]
    assert quality["stop_at_rejected_place"] > 0
    assert (
        quality[quality.index.str.startswith("stop_")].loc["stop_at_berth"] == stops["berth_id"].notna().sum()
    )
    record = json.loads((out / "run.json").read_text(encoding="utf-8"))
    assert record["register"]["path"] == str(register)
    assert f"--register {register}" in record["command"]
    assert "0 differences" in run("register", "diff", str(register), str(register))


def test_an_edit_that_cannot_be_applied_changes_nothing(begun: tuple[Path, Path], tmp_path: Path) -> None:
    _, register = begun
    berths = gpd.read_file(register, layer="berths")
    wrong = pd.concat([berths, berths.iloc[:1].assign(place_id="XSA00-B999"), berths.iloc[:1]])
    wrong.to_file(tmp_path / "edited.geojson", driver="GeoJSON")
    before = register.read_bytes()
    args = ["register", "apply-edits", str(register), str(tmp_path / "edited.geojson")]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 1
    assert "in the file twice" in result.stderr
    assert "XSA00-B999 is not in the register" in result.stderr
    assert register.read_bytes() == before


def test_a_register_that_is_not_there_is_refused_at_once(port: Path, tmp_path: Path) -> None:
    area = ["--ports", str(port / "ports.csv"), "--out", str(tmp_path / "out")]
    none = ["--register", str(tmp_path / "none.gpkg")]
    result = CliRunner().invoke(main, ["detect", str(port / "feed"), *area, *none])
    assert result.exit_code == 1
    assert "does not exist; make it with" in result.stderr
    assert not (tmp_path / "out").exists()


def test_qgis_finds_its_styles(begun: tuple[Path, Path], tmp_path: Path) -> None:
    out, register = begun
    run("export", str(out), str(tmp_path / "port.gpkg"))
    for path in (register, tmp_path / "port.gpkg"):
        with closing(sqlite3.connect(path)) as base:
            rows = base.execute(
                "select f_table_name, styleQML from layer_styles s join gpkg_geometry_columns g "
                "on table_name = f_table_name and column_name = f_geometry_column where useAsDefault"
            ).fetchall()
            listed = base.execute("select data_type from gpkg_contents where table_name = 'layer_styles'")
            assert listed.fetchall() == [("attributes",)]
        places = {"berths", "quays", "anchorages"}
        assert {name for name, _ in rows} == (places if path == register else {*places, "stops"})
        for name, document in rows:
            root = ET.fromstring(document)
            assert root.tag == "qgis"
            symbols = {symbol.get("name") for symbol in root.iter("symbol")}
            assert {category.get("symbol") for category in root.iter("category")} <= symbols
            columns = set(gpd.read_file(path, layer=name).columns)
            assert {alias.get("field") for alias in root.iter("alias")} <= columns
            renderer = root.find("renderer-v2")
            assert renderer is not None
            assert renderer.get("attr", "geometry") in columns
            # Scales are denominators: QGIS shows no name at all where they are the wrong way round.
            for scales in root.iter("rendering"):
                assert 0 < float(scales.get("scaleMin", 0)) < float(scales.get("scaleMax", 0))


def test_the_join_of_the_documentation_runs(begun: tuple[Path, Path], root: Path) -> None:
    """The SQL in the cookbook finds the pings that lie in the berths."""
    out, _ = begun
    text = (root / "cookbook" / "15_report.md").read_text(encoding="utf-8")
    (query,) = [part.split("```")[0] for part in text.split("```sql\n")[1:]]
    pings = pd.read_parquet(out / "pings", columns=["mmsi", "lat", "lon"])
    pings["H3_int_index_12"] = cells_at(pings["lat"], pings["lon"], 12)
    cells = pd.read_parquet(out / "berth_cells.parquet")
    with closing(sqlite3.connect(":memory:")) as base:
        pings.to_sql("ais", base, index=False)
        cells.to_sql("berth_cells", base, index=False)
        found = pd.read_sql(query, base)
    expected = pings["H3_int_index_12"].isin(cells["hex_id"])
    assert len(found) == expected.sum() > 0
    assert set(found["polygon_name"]) <= set(cells["berth_id"])
