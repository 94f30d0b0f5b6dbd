"""Nothing that is published names a ship: every public output of the sample is searched for every ship."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import geopandas as gpd
import pandas as pd
import pytest
from click.testing import CliRunner

from ais_berths.cli import main

if TYPE_CHECKING:
    from pathlib import Path

REPORTS = ("text", "html", "json", "csv")
EXPORTS = ("berths.geojson", "berths.gpkg", "berths.parquet", "berths.csv")
CELLS = ("cells.geojson", "cells.gpkg", "cells.parquet", "cells.csv")


@pytest.fixture(scope="module")
def identities(sample_out: Path) -> re.Pattern[str]:
    """Every number, name and call sign of a ship, found as a whole word."""
    vessels = pd.read_parquet(sample_out / "vessels.parquet")
    words = {str(number) for column in ("mmsi", "imo") for number in vessels[column] if number > 0}
    words |= {text for column in ("name", "call_sign") for text in vessels[column] if text}
    assert len(words) > 300
    return re.compile(r"\b(" + "|".join(map(re.escape, sorted(words))) + r")\b")


def publish(out: Path, folder: Path, *arguments: str, public: bool = True) -> str:
    """Run a command and return all text of what it wrote or printed."""
    result = CliRunner().invoke(main, [*arguments, *(["--public"] if public else [])])
    assert result.exit_code == 0, result.output
    texts = [result.output.replace(str(folder), "")]
    for file in folder.iterdir():
        if file.suffix == ".gpkg":
            layers = gpd.list_layers(file)["name"]
            texts += [without_shapes(gpd.read_file(file, layer=layer)) for layer in layers]
        elif file.suffix == ".parquet":
            texts.append(without_shapes(pd.read_parquet(file)))
        else:
            texts.append(file.read_text(encoding="utf-8"))
    return "\n".join(texts)


def without_shapes(table: pd.DataFrame) -> str:
    return table.drop(columns="geometry", errors="ignore").to_csv()


@pytest.mark.parametrize("form", REPORTS)
def test_public_reports_name_no_ship(
    sample_out: Path, tmp_path: Path, identities: re.Pattern[str], form: str
) -> None:
    arguments = ["report", str(sample_out), "--format", form, "--out", str(tmp_path / "report")]
    assert identities.search(publish(sample_out, tmp_path, *arguments)) is None


def test_the_search_would_find_ships(sample_out: Path, tmp_path: Path, identities: re.Pattern[str]) -> None:
    arguments = ["report", str(sample_out), "--format", "json", "--out", str(tmp_path / "report")]
    assert len(identities.findall(publish(sample_out, tmp_path, *arguments, public=False))) > 100


@pytest.mark.parametrize("name", [*EXPORTS, *CELLS])
def test_public_exports_name_no_ship_and_no_berth_of_few(
    sample_out: Path, tmp_path: Path, identities: re.Pattern[str], name: str
) -> None:
    berths = pd.read_parquet(sample_out / "berths.parquet", columns=["berth_id", "n_vessels"])
    few = set(berths.loc[berths["n_vessels"] < 3, "berth_id"])
    assert few
    more = ["--cells"] if name in CELLS else []
    text = publish(sample_out, tmp_path, "export", str(sample_out), str(tmp_path / name), *more)
    assert identities.search(text) is None
    assert not re.search(r"\b(mmsi|imo|call_sign|stop_id|call_id)\b", text)
    shown = {berth for berth in berths["berth_id"] if re.search(rf"{re.escape(berth)}(?![\w-])", text)}
    assert shown
    assert not shown & few


def test_public_places_of_a_larger_minimum_are_fewer(sample_out: Path, tmp_path: Path) -> None:
    counts = []
    for least in (2, 3, 8):
        file = tmp_path / f"{least}.parquet"
        publish(sample_out, tmp_path, "export", str(sample_out), str(file), "--min-vessels", str(least))
        table = pd.read_parquet(file)
        assert (table["n_vessels"] >= least).all()
        counts.append(len(table))
    assert counts[0] > counts[1] > counts[2] > 0


def test_a_minimum_without_effect_is_refused(sample_out: Path, tmp_path: Path) -> None:
    """Somebody might believe that figures were withheld."""
    for command in (["report", str(sample_out)], ["export", str(sample_out), str(tmp_path / "all.csv")]):
        result = CliRunner().invoke(main, [*command, "--min-vessels", "5"])
        assert result.exit_code == 2
        assert "with --public only; give both" in result.output
    assert not (tmp_path / "all.csv").exists()


def test_indicators_of_fewer_ships_are_not_exported_for_the_public(sample_out: Path, tmp_path: Path) -> None:
    """What must be withheld besides is known only when indicators are made."""
    arguments = ["export", str(sample_out), str(tmp_path / "i.csv"), "--table", "indicators"]
    assert "indicator" in publish(sample_out, tmp_path, *arguments, "--min-vessels", "3")
    (tmp_path / "i.csv").unlink()
    result = CliRunner().invoke(main, [*arguments, "--public", "--min-vessels", "4"])
    assert result.exit_code == 1
    assert "were made with a minimum of 3 different ships, and 4 are asked for" in result.output
    assert f"run `ais-berths calls {sample_out} --min-vessels 4` first" in result.output
    assert not (tmp_path / "i.csv").exists()


def test_published_figures_name_no_ship(sample_out: Path, identities: re.Pattern[str]) -> None:
    table = pd.read_csv(sample_out / "indicators.csv", dtype=str)
    assert identities.search(table.drop(columns=["value"]).to_csv()) is None
    shown = table[(table["suppressed"] == "false") | (table["suppressed"] == "False")]
    assert len(shown) > 0
    number = pd.to_numeric(shown["n_vessels"])
    assert ((number == 0) | (number >= 3)).all()
