"""The command line: every command on a small simulated port, and the demo's building blocks."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import geopandas as gpd
import pandas as pd
import pytest
from click.testing import CliRunner
from commands import run

from ais_berths import samples
from ais_berths.cli import main
from ais_berths.cli.words import print_summary
from ais_berths.config import Config, load_config
from ais_berths.errors import InputError
from ais_berths.pipeline import Summary
from ais_berths.simulate import simulate

if TYPE_CHECKING:
    from pathlib import Path

COMMANDS = (
    "demo",
    "detect",
    "filter",
    "stops",
    "berths",
    "hexagons",
    "export",
    "evaluate",
    "ports",
    "config",
)


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sim") / "port"
    simulate(folder, rng=4, days=4, scene=("general", "pier", "near"), at=(45.0, -30.0), report_s=600.0)
    return folder


@pytest.fixture(scope="module")
def out(port: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Result of a run, not to be changed."""
    out = tmp_path_factory.mktemp("cli") / "out"
    run("detect", str(port / "feed"), "--ports", str(port / "ports.csv"), "--out", str(out))
    return out


# the job ------------------------------------------------------------------------------------------


def test_stops_of_other_ports_do_not_go_unnoticed(sample_data: Path, tmp_path: Path) -> None:
    """One point for a port whose quays are nearer to another point, as at Houston."""
    (tmp_path / "ports.csv").write_text("name,lat,lon\nFar point,45.05,-30.0\nQuays,45.0,-29.98\n")
    feed = sample_data / "simulated" / "feed"
    options = ["--ports", str(tmp_path / "ports.csv"), "--out", str(tmp_path / "out")]
    said = run("detect", str(feed), *options, "--port", "Far point")
    assert "Most stops here were given to other ports of the list" in said
    assert "Most stops here" not in run("detect", str(feed), *options, "--overwrite")


def test_detect_ends_with_a_summary(port: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    args = ["detect", str(port / "feed"), "--ports", str(port / "ports.csv"), "--out", str(out)]
    text = run(*args)
    rows = int(text.split()[1].replace(",", ""))
    assert rows == json.loads((port / "simulate.json").read_text(encoding="utf-8"))["rows"]
    for part in ("stops  ", "berths  ", "Rows by reason", "Berths by port", "Seconds by stage"):
        assert part in text
    assert text.rstrip().endswith(f"Results are in {out}")


def test_the_log_goes_to_standard_error(port: Path, tmp_path: Path) -> None:
    args = ["filter", str(port / "feed"), "--ports", str(port / "ports.csv"), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(main, args)
    assert result.exit_code == 0, result.output
    assert "chunks to read" in result.stderr
    assert "chunks to read" not in result.stdout


def test_summary_as_json_is_the_quality_table(port: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    args = ["detect", str(port / "feed"), "--ports", str(port / "ports.csv"), "--out", str(out)]
    found = json.loads(run(*args, "--json"))
    assert found["quality"] == pd.read_csv(out / "quality.csv").to_dict("records")
    assert found["counts"]["berths"] == len(gpd.read_file(out / "berths.geojson"))
    assert sum(found["berths_by_port"].values()) == found["counts"]["berths"]
    assert set(found["seconds"]) >= {"filter", "berths"}


def test_stages_print_json(port: Path, tmp_path: Path) -> None:
    out = str(tmp_path / "out")
    run("filter", str(port / "feed"), "--ports", str(port / "ports.csv"), "--out", out)
    stops = json.loads(run("stops", out, "--json"))
    berths = json.loads(run("berths", out, "--json"))
    assert stops["counts"]["stops"] == berths["counts"]["stops"] > 0


def test_no_pings_are_kept_when_not_wanted(port: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    area = ["--ports", str(port / "ports.csv"), "--out", str(out)]
    run("detect", str(port / "feed"), *area, "--no-pings")
    assert not (out / "pings").exists()
    assert len(pd.read_parquet(out / "stops.parquet")) > 0


def test_a_box_instead_of_ports(port: Path, out: Path, tmp_path: Path) -> None:
    args = ["detect", str(port / "feed"), "--bbox=-30.4,44.7,-29.6,45.3", "--out", str(tmp_path / "box")]
    found = json.loads(run(*args, "--json"))
    assert found["counts"]["berths"] == len(gpd.read_file(out / "berths.geojson"))


def test_cells_only(port: Path, tmp_path: Path) -> None:
    out = tmp_path / "cells"
    text = run("filter", "--cells-only", "--ports", str(port / "ports.csv"), "--out", str(out))
    cells = pd.read_parquet(out / "cells.parquet")
    assert text.startswith(f"{len(cells)} cells are in ")
    shapes = gpd.read_file(out / "cells.geojson")
    assert shapes["cell"].tolist() == [str(cell) for cell in cells["cell"]]
    # 12 nautical miles and 2 km around one point, and hexagons of 0.74 km2.
    assert len(cells) * 0.74 == pytest.approx(3.14159 * (12 * 1.852 + 2) ** 2, rel=0.15)


# what follows on a result -------------------------------------------------------------------------


def test_hexagons(out: Path) -> None:
    text = run("hexagons", str(out))
    areas = gpd.read_file(out / "hexagons.geojson")
    assert text == f"{len(areas)} areas of connected hexagons are in {out / 'hexagons.geojson'}\n"
    assert len(areas) > 0


@pytest.mark.parametrize("suffix", [".geojson", ".gpkg", ".parquet", ".csv"])
def test_export(out: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"berths{suffix}"
    assert run("export", str(out), str(path)) == f"wrote {path}\n"
    berths = len(pd.read_parquet(out / "berths.parquet"))
    if suffix == ".csv":
        assert len(pd.read_csv(path)) == berths
    elif suffix == ".parquet":
        assert len(gpd.read_parquet(path)) == berths
    else:
        assert len(gpd.read_file(path, layer="berths")) == berths


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (["cells.csv", "--cells", "--table", "quays"], "--cells writes the cells of berths, not quays"),
        (["berths.geojson", "--excel"], "--excel is for .csv files"),
        (["berths.csv", "--pings"], "--pings copies the pings to a folder of an object store"),
    ],
)
def test_options_of_export_without_effect_are_refused(
    out: Path, tmp_path: Path, options: list[str], reason: str
) -> None:
    result = CliRunner().invoke(main, ["export", str(out), str(tmp_path / options[0]), *options[1:]])
    assert result.exit_code == 2
    assert reason in result.output
    assert not (tmp_path / options[0]).exists()


def test_a_seed_below_zero_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["simulate", str(tmp_path / "port"), "--seed", "-1"])
    assert result.exit_code == 2
    assert "-1 is not in the range x>=0" in result.output


def test_export_cells(out: Path, tmp_path: Path) -> None:
    run("export", str(out), str(tmp_path / "cells.csv"), "--cells")
    cells = pd.read_csv(tmp_path / "cells.csv")
    assert set(cells["hex_id"]) == set(pd.read_parquet(out / "berth_cells.parquet")["hex_id"])


def test_evaluate(port: Path, out: Path, tmp_path: Path) -> None:
    truth = str(port / "truth" / "berths.geojson")
    card = json.loads(run("evaluate", str(out), "--truth", truth, "--json"))
    assert card["berths"]["at_iou_50"]["n_found"] == len(pd.read_parquet(out / "berths.parquet"))
    assert card["stops"]["found"]["recall"] > 0.5
    assert card["calls"]["right_berth"]["n_matched"] > 0
    one_use = json.loads(
        run("evaluate", str(out), "--truth", str(port / "truth"), "--use", "commercial", "--json")
    )
    true = gpd.read_file(truth).set_index("berth_id")["use"]
    calls = pd.read_parquet(port / "truth" / "berth_calls.parquet")
    n_true = int((calls["berth_id"].map(true) == "commercial").sum())
    assert one_use["calls"]["found"]["n_true"] == n_true > 0
    text = run("evaluate", str(out), "--truth", truth, "--use", "commercial", "--split-half")
    assert "at IoU 0.5: precision" in text
    assert "Split-half stability" in text
    run("evaluate", str(out), "--truth", truth, "--picture", str(tmp_path / "score.png"))
    assert (tmp_path / "score.png").read_bytes().startswith(b"\x89PNG")


# helpers ------------------------------------------------------------------------------------------


def test_ports() -> None:
    assert "46855" in run("ports", "Richards Bay")
    found = json.loads(run("ports", "richards bay", "--json"))
    assert [row["locode"] for row in found] == ["ZARCB"]
    # Namibia's code is text, not a missing value.
    walvis: list[dict[str, Any]] = json.loads(run("ports", "NAWVB", "--json"))
    assert walvis[0]["country"] == "NA"
    assert len(run("ports", "port", "--limit", "3").splitlines()) == 4
    assert "0 is not in the range" in CliRunner().invoke(main, ["ports", "xyz", "--limit", "0"]).stderr


def test_the_middle_of_an_area_is_shown_in_few_decimals(tmp_path: Path) -> None:
    area = '{"type":"Polygon","coordinates":[[[-82.6,27.7],[-82.3,27.7],[-82.3,28],[-82.6,28],[-82.6,27.7]]]}'
    feature = f'{{"type":"Feature","properties":{{"name":"T"}},"geometry":{area}}}'
    (tmp_path / "area.geojson").write_text(f'{{"type":"FeatureCollection","features":[{feature}]}}')
    assert run("ports", "--ports", str(tmp_path / "area.geojson")).split()[-2:] == ["27.85", "-82.45"]


def test_ports_of_a_file_of_ones_own(port: Path) -> None:
    assert "XSA00" in run("ports", "--ports", str(port / "ports.csv"))


def test_config(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text(run("config", "show"), encoding="utf-8")
    assert load_config(path) == Config()
    assert run("config", "check", str(path)) == f"all settings in {path} are valid\n"
    assert json.loads(run("config", "schema"))["title"] == "Config"


def test_simulate(tmp_path: Path) -> None:
    args = [
        "simulate",
        str(tmp_path / "port"),
        "--days",
        "1",
        "--feed",
        "dma",
        "--sizes",
        "antenna",
        "--seed",
        "5",
    ]
    text = run(*args)
    truth = gpd.read_file(tmp_path / "port" / "truth" / "berths.geojson")
    assert text.startswith(f"wrote {tmp_path / 'port'}: {len(truth)} berths, ")
    assert len(list((tmp_path / "port" / "feed").glob("aisdk-*.csv"))) >= 1
    again = CliRunner().invoke(main, args)
    assert again.exit_code == 1
    assert "already there and not empty" in again.stderr


def test_every_command_has_help() -> None:
    text = run("--help")
    positions = [text.index(f"\n  {name} ") for name in COMMANDS]
    assert positions == sorted(positions), "commands stand in the order of the data"
    for name in COMMANDS:
        assert "Usage:" in run(name, "--help")


def test_names_from_strangers_cannot_steer_the_terminal(port: Path, tmp_path: Path) -> None:
    (tmp_path / "ports.csv").write_text("name,lat,lon\nEvil\x1b[31mport,45.0,-30.0\n", encoding="utf-8")
    shown = run("ports", "evil", "--ports", str(tmp_path / "ports.csv"))
    assert "\x1b" not in shown
    options = ["--ports", str(tmp_path / "ports.csv"), "--out", str(tmp_path / "out")]
    assert "\x1b" not in run("detect", str(port / "feed"), *options)


# samples ------------------------------------------------------------------------------------------


def test_samples_are_found(root: Path) -> None:
    folder = samples.folder()
    assert (folder / "simulated" / "truth" / "berths.geojson").is_file()
    assert (folder / "README.md").read_text() == (root / "data" / "sample" / "README.md").read_text()


def test_samples_that_are_not_there(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(samples, "_HERE", tmp_path / "ais_berths")
    with pytest.raises(InputError, match="install ais-berths again"):
        samples.folder()
    inside = tmp_path / "ais_berths" / "data" / "sample"
    (inside / "simulated").mkdir(parents=True)
    assert samples.folder() == inside


def test_score_and_description_of_a_result(port: Path, out: Path) -> None:
    lines = samples.score(out, port / "truth").splitlines()
    berths = gpd.read_parquet(out / "berths.parquet")
    assert [line.split()[0] for line in lines[1:]] == ["commercial", "all"]
    assert f"({len(berths)} found, " in lines[2]
    text = samples.describe(out).splitlines()
    assert text[0].startswith(f"{len(berths)} berths, ")
    assert sum(int(line.split()[0]) for line in text[1:]) == len(berths)


@pytest.mark.slow
def test_demo(tmp_path: Path) -> None:
    text = run("demo", "--out", str(tmp_path / "demo"))
    path = tmp_path / "demo" / "simulated" / "berths.geojson"
    assert text.splitlines()[-1] == f"The berths are in {path}; open this file in QGIS."
    assert len(gpd.read_file(path)) > 10
    assert len(gpd.read_file(tmp_path / "demo" / "new_york" / "berths.geojson")) > 10
    # It may be run again.
    assert run("demo", "--out", str(tmp_path / "demo")).splitlines()[-1] == text.splitlines()[-1]


@pytest.mark.parametrize(("unreadable", "said"), [(11, True), (10, False)])
def test_many_rows_without_a_position_are_pointed_out(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, unreadable: int, said: bool
) -> None:
    counts = [
        ("read", "row_read", "kept", 100),
        ("read", "position_unreadable", "dropped", unreadable),
        ("filter", "near_port", "kept", 80),
    ]
    quality = pd.DataFrame(counts, columns=["stage", "reason", "action", "rows"])
    print_summary(Summary(out=tmp_path, quality=quality), as_json=False)
    assert ('position = "deg 0-360"' in capsys.readouterr().out) == said
