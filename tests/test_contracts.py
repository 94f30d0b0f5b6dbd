"""What lies between stages and runs: layouts that are checked, and runs that can be done again."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from ais_berths import schema
from ais_berths.cli import main
from ais_berths.errors import InputError
from ais_berths.simulate import simulate
from ais_berths.tables import read_places, read_table

if TYPE_CHECKING:
    from pathlib import Path

APART = {"run.json", "state"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a feed, a port list and the result ``out`` of settings that are not the defaults."""
    folder = tmp_path_factory.mktemp("made")
    simulate(
        folder / "sim", rng=6, days=2, feed="noaa", scene=("general",), at=(45.0, -30.0), report_s=1800.0
    )
    settings = "[cells]\nradius_nm = 4.5\n[stops]\nenter_kn = 0.37\n[run]\nbuckets = 3\n"
    (folder / "my.toml").write_text(settings, encoding="utf-8")
    run(
        folder,
        "--start",
        "2024-03-01T01:30",
        "--config",
        str(folder / "my.toml"),
        "--out",
        str(folder / "out"),
    )
    return folder


def run(folder: Path, *options: str) -> None:
    args = ["detect", str(folder / "sim" / "feed"), "--ports", str(folder / "sim" / "ports.csv"), *options]
    result = CliRunner().invoke(main, ["-q", *args])
    assert result.exit_code == 0, result.output


def contents(out: Path) -> dict[str, bytes]:
    files = {str(path.relative_to(out)): path for path in sorted(out.rglob("*")) if path.is_file()}
    return {name: path.read_bytes() for name, path in files.items() if name.split("/")[0] not in APART}


# repeating a run ------------------------------------------------------------------------------------


@pytest.mark.parametrize("record", ["out", "out/run.json"])
def test_a_run_is_repeated_from_its_record_alone(
    made: Path, record: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = CliRunner().invoke(main, ["config", "show", str(made / record)])
    assert shown.exit_code == 0, shown.output
    monkeypatch.chdir(tmp_path)
    (tmp_path / "settings.toml").write_text(shown.stdout, encoding="utf-8")
    command = shlex.split(shown.stdout.splitlines()[0].removeprefix("# "))
    assert command[0] == "ais-berths"
    result = CliRunner().invoke(main, ["-q", *command[1:]])
    assert result.exit_code == 0, result.output
    assert contents(tmp_path / "again") == contents(made / "out")
    records = [json.loads((out / "run.json").read_text()) for out in (tmp_path / "again", made / "out")]
    assert records[0]["job_fingerprint"] == records[1]["job_fingerprint"]


def test_no_hash_seed_shows(made: Path, tmp_path: Path) -> None:
    """Sets and dictionaries in another order change no byte."""
    command = CliRunner().invoke(main, ["config", "show", str(made / "out")]).stdout
    (tmp_path / "settings.toml").write_text(command, encoding="utf-8")
    args = shlex.split(command.splitlines()[0].removeprefix("# "))[1:]
    for seed in ("1", "4711"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(
            [sys.executable, "-m", "ais_berths", "-q", *args], check=True, cwd=tmp_path, env=environment
        )
        assert contents(tmp_path / "again") == contents(made / "out")
        os.rename(tmp_path / "again", tmp_path / f"again-{seed}")  # noqa: PTH104


def test_a_record_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text('{"job": 1}', encoding="utf-8")
    for path in (tmp_path, tmp_path / "run.json", tmp_path / "missing.json"):
        result = CliRunner().invoke(main, ["config", "show", str(path)])
        assert result.exit_code == 1
        assert "is not a run record that version" in result.stderr


# layouts --------------------------------------------------------------------------------------------


def test_every_table_names_its_layout(made: Path) -> None:
    files = [*(made / "out").glob("*.parquet"), *(made / "out" / "pings").glob("*.parquet")]
    assert len(files) > 10
    for file in files:
        metadata = pq.read_schema(file).metadata
        assert metadata[b"ais_berths_schema"] == schema.SCHEMA_VERSION.encode(), file.name
    assert json.loads((made / "out" / "run.json").read_text())["schema_version"] == schema.SCHEMA_VERSION


def test_tables_are_what_the_schema_says(made: Path) -> None:
    read = {name: made / "out" / f"{name}.parquet" for name in ("stops", "vessels", "hulls", "berth_calls")}
    for name, path in read.items():
        assert read_table(path, name).columns.tolist() == schema.TABLES[name].names
    assert read_places(made / "out" / "berths.parquet", "berths").crs == "EPSG:4326"


def rewrite(path: Path, change: object) -> Path:
    table = pq.read_table(path)
    pq.write_table(change(table), path)
    return path


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            lambda t: t.replace_schema_metadata({"ais_berths_schema": "99"}),
            f"has table layout 99, this version has {schema.SCHEMA_VERSION}",
        ),
        (lambda t: t.drop_columns("mmsi"), "mmsi is missing, expected int64"),
        (lambda t: t.set_column(0, "stop_id", pa.array(range(len(t)))), "stop_id is int64, expected string"),
    ],
)
def test_a_table_of_another_layout(made: Path, tmp_path: Path, change: object, said: str) -> None:
    path = tmp_path / "stops.parquet"
    path.write_bytes((made / "out" / "stops.parquet").read_bytes())
    with pytest.raises(InputError, match=said):
        read_table(rewrite(path, change), "stops")


def test_a_damaged_table(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 nothing")
    for read in (read_table, read_places):
        with pytest.raises(InputError, match="run the command that made it"):
            read(tmp_path / "a.parquet", "berths")
        with pytest.raises(InputError, match="run the command that made it"):
            read(tmp_path / "missing.parquet", "berths")


@pytest.mark.parametrize("version", ["0", "99"])
def test_a_folder_of_another_version_is_refused_by_every_command(
    made: Path, tmp_path: Path, version: str
) -> None:
    out = tmp_path / "out"
    run(made, "--out", str(out))
    job = json.loads((out / "state" / "job.json").read_text(encoding="utf-8"))
    (out / "state" / "job.json").write_text(json.dumps(job | {"schema_version": version}), encoding="utf-8")
    for file in out.glob("*.parquet"):
        table = pq.read_table(file)
        pq.write_table(
            table.replace_schema_metadata(table.schema.metadata | {b"ais_berths_schema": version}), file
        )
    feed = [str(made / "sim" / "feed"), "--ports", str(made / "sim" / "ports.csv"), "--out"]
    for command in (
        *(["stops"], ["berths"], ["calls"], ["hexagons"], ["report"], ["evaluate", "--split-half"]),
        *(["detect", *feed], ["filter", *feed]),
    ):
        result = CliRunner().invoke(main, ["-q", *command, str(out)])
        assert result.exit_code == 1, result.output
        assert f"table layout {version}" in result.stderr
    result = CliRunner().invoke(main, ["-q", "export", str(out), str(tmp_path / "b.geojson")])
    assert f"has table layout {version}, this version has {schema.SCHEMA_VERSION}" in result.stderr
    run(made, "--out", str(out), "--overwrite")


def test_a_frame_of_wrong_types_is_refused_where_it_enters_a_table() -> None:
    frame = pd.DataFrame({"stage": ["read"], "reason": ["x"], "action": ["kept"], "rows": ["many"]})
    with pytest.raises(InputError, match="rows in the table 'quality' cannot be read as int64"):
        schema.conform(frame, "quality")
