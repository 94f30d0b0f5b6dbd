"""Bad input and bad settings: one plain message, an exit code, no traceback, and nothing half-written."""

from __future__ import annotations

import gzip
import itertools
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from feedfiles import GOOD, PORTS, ROWS

from ais_berths.cli import main
from ais_berths.feeds import load_feed

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder to work in, with a good file, a port list and no result."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.csv").write_text(GOOD, encoding="utf-8")
    (tmp_path / "ports.csv").write_text(PORTS, encoding="utf-8")
    return tmp_path


def content(folder: Path) -> dict[str, bytes | None]:
    """Everything in a folder."""
    return {
        str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def refused(*args: str, code: int = 1) -> str:
    """Run a command that must fail; returns its message."""
    result = CliRunner().invoke(main, ["-q", *args])
    assert result.exit_code == code, result.output
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr
    message = result.stderr if code == 1 else result.stderr[result.stderr.index("Error: ") :]
    assert message.startswith("Error: ")
    return message.removeprefix("Error: ").rstrip("\n")


def refused_and_clean(folder: Path, *args: str, code: int = 1) -> str:
    before = content(folder)
    message = refused(*args, code=code)
    assert content(folder) == before
    return message


def detect_refused(folder: Path, *args: str, code: int = 1) -> str:
    return refused_and_clean(folder, "detect", *args, "--out", "out", code=code)


# files --------------------------------------------------------------------------------------------


def broken_parquet(folder: Path) -> bytes:
    pq.write_table(pacsv.read_csv(folder / "good.csv"), folder / "good.parquet")
    whole = (folder / "good.parquet").read_bytes()
    (folder / "good.parquet").unlink()
    return whole


def zipped(folder: Path) -> bytes:
    path = folder / "whole.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.write(folder / "good.csv", "good.csv")
    whole = path.read_bytes()
    path.unlink()
    return whole


def half(make: Callable[[Path], bytes]) -> Callable[[Path], bytes]:
    def cut(folder: Path) -> bytes:
        whole = make(folder)
        return whole[: len(whole) // 2]

    return cut


@pytest.mark.parametrize(
    ("name", "make", "said"),
    [
        ("empty.csv", lambda _: b"", "is empty; get a fresh copy"),
        ("empty.parquet", lambda _: b"", "is empty; get a fresh copy"),
        ("cut.parquet", half(broken_parquet), "is damaged or cut short"),
        ("cut.zip", half(zipped), "is damaged or cut short"),
        ("cut.csv.gz", lambda _: gzip.compress(GOOD.encode())[:400], "is damaged or cut short"),
        ("noise.csv", lambda _: bytes(range(256)) * 20, "is neither Parquet, CSV nor NMEA text"),
    ],
)
def test_file_that_cannot_be_read(here: Path, name: str, make: Callable[[Path], bytes], said: str) -> None:
    (here / name).write_bytes(make(here))
    message = detect_refused(here, name, "--ports", "ports.csv")
    assert name in message
    assert said in message
    assert "\n" not in message
    # Neither does it spoil what a good file beside it would give.
    assert said in detect_refused(here, "good.csv", name, "--ports", "ports.csv")


def test_missing_file(here: Path) -> None:
    message = detect_refused(here, "missing.csv", "--ports", "ports.csv")
    assert message == "missing.csv does not exist; check the path"


def test_pattern_that_fits_nothing(here: Path) -> None:
    message = detect_refused(here, "no*.csv", "--ports", "ports.csv")
    assert message == "no file fits no*.csv; check the pattern"


def test_folder_without_data(here: Path) -> None:
    (here / "nothing").mkdir()
    assert "holds no Parquet, CSV or NMEA file" in detect_refused(here, "nothing", "--ports", "ports.csv")


def test_damage_noticed_only_while_reading_leaves_nothing(here: Path) -> None:
    lines = "".join(
        f"367000{n % 900:03d},2024-03-01T00:00:00,{n % 80},{n % 170},{n % 19}\n" for n in range(90_000)
    )
    whole = gzip.compress((GOOD + lines).encode(), mtime=0)
    (here / "late.csv.gz").write_bytes(whole[:-2000])
    message = detect_refused(here, "late.csv.gz", "--ports", "ports.csv")
    assert "late.csv.gz is damaged or cut short" in message


def test_damage_does_not_undo_what_was_read_before(here: Path) -> None:
    result = CliRunner().invoke(main, ["detect", "good.csv", "--ports", "ports.csv", "--out", "out"])
    assert result.exit_code == 0, result.output
    (here / "cut.csv.gz").write_bytes(gzip.compress(GOOD.encode())[:400])
    detect_refused(here, "cut.csv.gz", "--ports", "ports.csv")


def test_csv_that_no_feed_fits_shows_a_mapping_that_works_when_edited(here: Path) -> None:
    rows = ROWS.replace("2024-03-01T", "01.03.2024 ")
    (here / "own.csv").write_text("oid,stamp,y,x,speed\n" + rows, encoding="utf-8")
    message = detect_refused(here, "own.csv", "--ports", "ports.csv")
    assert "own.csv looks like no known feed (ungp, noaa, dma, nmea)" in message
    assert "it has the columns oid, stamp, y, x, speed" in message
    mapping = message.partition("\n\n")[2]
    edited = mapping.replace('time = ""', 'time = "stamp"').replace('"iso"', '"%d.%m.%Y %H:%M:%S"')
    (here / "own.toml").write_text(edited, encoding="utf-8")
    assert load_feed(here / "own.toml").columns.mmsi == ("oid",)
    options = ["--ports", "ports.csv", "--feed", "own.toml", "--out", "out", "--json"]
    result = CliRunner().invoke(main, ["-q", "detect", "own.csv", *options])
    assert result.exit_code == 0, result.output
    assert '"pings": 288' in result.stdout


def test_files_of_different_feeds(here: Path) -> None:
    (here / "other.csv").write_text("ship,stamp,y,x\n1,2,3,4\n", encoding="utf-8")
    message = detect_refused(here, "good.csv", "other.csv", "--ports", "ports.csv")
    assert "other.csv has no column for mmsi" in message


def test_unknown_feed(here: Path) -> None:
    message = detect_refused(here, "good.csv", "--ports", "ports.csv", "--feed", "naoo")
    assert message.startswith("'naoo' is neither a feed (ungp, noaa, dma, nmea) nor a .toml file")


def test_url_of_an_unknown_kind(here: Path) -> None:
    message = detect_refused(here, "gopher://host/ais", "--ports", "ports.csv")
    assert "gopher://host/ais cannot be opened" in message


# areas and settings -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no area was chosen; give --port NAME, --ports FILE, --bbox W,S,E,N or --all-ports"),
        (["--port", "Roterdam"], "there is no port 'Roterdam'; near: 31140 Rotterdam (NLRTM, NL)"),
        (["--port", "Georgetown"], "'Georgetown' fits 5 ports; give the number or UN/LOCODE of one: "),
        (["--port", "Nowhere", "--ports", "ports.csv"], "there is no port 'Nowhere'"),
        (["--ports", "missing.csv"], "the port list missing.csv is not a file"),
        (["--bbox", "1,2,3"], "--bbox is '1,2,3', expected four numbers: west,south,east,north"),
        (["--bbox=1,50,3,40"], "is not west, south, east, north in degrees"),
        (["--bbox=1,nan,3,40"], "bbox.1 is nan: input should be a finite number"),
        (["--bbox=-170,-60,170,60"], "cells"),
        (["--ports", "ports.csv", "--start", "2024-03-02", "--end", "2024-03-01"], "is not before the end"),
        (["--ports", "ports.csv", "--config", "missing.toml"], "missing.toml cannot be read"),
        (["--ports", "ports.csv", "--scheduler", "nonsense://x"], "no dask scheduler answers"),
    ],
)
def test_choice_that_cannot_be_followed(here: Path, options: list[str], said: str) -> None:
    message = detect_refused(here, "good.csv", *options)
    assert said in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("[cells]\nradius_mn = 5", "cells.radius_mn is not a setting; did you mean cells.radius_nm?"),
        ("[cels]\nradius_nm = 5", "cels is not a setting; did you mean cells?"),
        ("[cells]\nradius_nm = -5", "cells.radius_nm is -5: input should be greater than 0"),
        ("[cells\n", "is not a TOML file"),
    ],
)
def test_settings(here: Path, settings: str, said: str) -> None:
    (here / "my.toml").write_text(settings, encoding="utf-8")
    message = detect_refused(here, "good.csv", "--ports", "ports.csv", "--config", "my.toml")
    assert "my.toml" in message
    assert said in message
    assert said in refused_and_clean(here, "config", "check", "my.toml")


def test_all_wrong_settings_are_named_at_once(here: Path) -> None:
    (here / "my.toml").write_text(
        "[cells]\nradius_nm = 0\nresolution = 'fine'\n[nothing]\n", encoding="utf-8"
    )
    message = detect_refused(here, "good.csv", "--ports", "ports.csv", "--config", "my.toml")
    assert message.count("\n  - ") == 3


def test_port_list_without_positions(here: Path) -> None:
    (here / "list.csv").write_text("a,b\n1,2\n", encoding="utf-8")
    message = detect_refused(here, "good.csv", "--ports", "list.csv")
    assert "has no column for name, lat, lon; it has a, b" in message


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["detect", "good.csv", "--ports", "ports.csv"], "Missing option '--out'"),
        (["detect", "--ports", "ports.csv", "--out", "out"], "Missing argument 'INPUTS...'"),
        (["detect", "good.csv", "--prot", "USTPA", "--out", "out"], "No such option"),
        (["detect", "good.csv", "--port", "USTPA", "--out", "out", "--start", "soon"], "'--start'"),
        (["filter", "--ports", "ports.csv", "--out", "out"], "name the INPUTS to read, or give --cells-only"),
        (["evaluate", "out"], "give --truth FILE, --official FILE or --split-half"),
        (["detekt"], "No such command 'detekt'"),
    ],
)
def test_usage(here: Path, args: list[str], said: str) -> None:
    assert said in refused_and_clean(here, *args, code=2)


# output folders -----------------------------------------------------------------------------------


def test_out_is_a_file(here: Path) -> None:
    message = refused_and_clean(here, "detect", "good.csv", "--ports", "ports.csv", "--out", "good.csv")
    assert "good.csv is a file, expected a folder" in message
    for more in ([], ["--overwrite"]):
        inside = ["detect", "good.csv", "--ports", "ports.csv", "--out", "good.csv/out", *more]
        assert "cannot be written" in refused_and_clean(here, *inside)
    cells = ["filter", "--cells-only", "--ports", "ports.csv", "--out", "good.csv"]
    assert "cannot be made" in refused_and_clean(here, *cells)


@pytest.mark.parametrize("more", [[], ["--overwrite"]])
def test_out_holds_other_files(here: Path, more: list[str]) -> None:
    (here / "thesis").mkdir()
    (here / "thesis" / "chapter.txt").write_text("years of work", encoding="utf-8")
    args = ["detect", "good.csv", "--ports", "ports.csv", "--out", "thesis", *more]
    assert "holds other files, not results of ais-berths" in refused_and_clean(here, *args)


def test_out_was_made_with_other_settings(here: Path) -> None:
    args = ["detect", "good.csv", "--ports", "ports.csv", "--out", "out"]
    assert CliRunner().invoke(main, args).exit_code == 0
    (here / "my.toml").write_text("[stops]\nenter_kn = 0.41\n[run]\nbuckets = 3\n", encoding="utf-8")
    message = refused_and_clean(here, *args, "--config", "my.toml")
    assert "made with other settings (config.stops.enter_kn " in message
    assert "run.buckets" not in message
    assert "start " in refused_and_clean(here, *args, "--start", "2024-03-01")
    again = CliRunner().invoke(main, [*args, "--config", "my.toml", "--overwrite"])
    assert again.exit_code == 0, again.output


def test_out_was_made_with_another_port_list_or_mapping(here: Path) -> None:
    """They are known by their content: an edited file is another one, and a moved one is not."""
    mapping = '[columns]\nmmsi = "MMSI"\ntime = "BaseDateTime"\nlat = "LAT"\nlon = "LON"\nsog = "SOG"\n'
    (here / "own.toml").write_text(f'name = "own"\n{mapping}', encoding="utf-8")
    args = ["detect", "good.csv", "--out", "out", "--feed", "own.toml"]
    assert CliRunner().invoke(main, [*args, "--ports", "ports.csv"]).exit_code == 0
    (here / "own.toml").write_text(f'name = "own"\n{mapping}[units]\nspeed = "m/s"\n', encoding="utf-8")
    message = refused_and_clean(here, *args, "--ports", "ports.csv")
    assert "out was made with other settings (another mapping in the file of the feed); use" in message
    (here / "own.toml").write_text(f'name = "own"\n# A remark.\n{mapping}', encoding="utf-8")
    (here / "ports.csv").rename(here / "moved.csv")
    assert CliRunner().invoke(main, [*args, "--ports", "moved.csv"]).exit_code == 0
    (here / "moved.csv").write_text(PORTS.replace("45.0", "45.01"), encoding="utf-8")
    message = refused_and_clean(here, *args, "--ports", "moved.csv")
    assert "out was made with other settings (another port list); use" in message
    assert "moved.csv is not the one of the run before" in refused_and_clean(here, "berths", "out")


def test_the_order_of_ports_is_no_other_setting(here: Path) -> None:
    (here / "ports.csv").write_text(f"{PORTS}Otherport,45.2,-30.0\n", encoding="utf-8")
    args = ["detect", "good.csv", "--ports", "ports.csv", "--out", "out"]
    ids = ["Testport", "Otherport"]
    results = [
        CliRunner().invoke(main, ["-q", *args, "--port", first, "--port", second])
        for first, second in (ids, ids[::-1])
    ]
    assert [result.exit_code for result in results] == [0, 0], results[1].output


def test_out_with_a_spoiled_record(here: Path) -> None:
    args = ["detect", "good.csv", "--ports", "ports.csv", "--out", "out"]
    assert CliRunner().invoke(main, args).exit_code == 0
    (here / "out" / "state" / "job.json").write_text("{", encoding="utf-8")
    assert "cannot be read by version" in refused_and_clean(here, *args)
    assert "cannot be read by version" in refused_and_clean(here, "berths", "out")
    assert CliRunner().invoke(main, [*args, "--overwrite"]).exit_code == 0


@pytest.mark.parametrize(
    "args",
    [
        ["stops", "nowhere"],
        ["berths", "nowhere"],
        ["hexagons", "nowhere"],
        ["export", "nowhere", "berths.geojson"],
        ["evaluate", "nowhere", "--split-half"],
    ],
)
def test_commands_on_a_folder_without_results(here: Path, args: list[str]) -> None:
    message = refused_and_clean(here, *args)
    assert "nowhere holds no" in message
    assert "run `ais-berths" in message


def test_export_to_an_unknown_format(here: Path) -> None:
    args = ["detect", "good.csv", "--ports", "ports.csv", "--out", "out"]
    assert CliRunner().invoke(main, args).exit_code == 0
    assert "expected one of .geojson" in refused_and_clean(here, "export", "out", "berths.shp")
    assert "there is no folder" in refused_and_clean(here, "export", "out", "no/berths.geojson")
    assert "does not exist" in refused_and_clean(here, "evaluate", "out", "--truth", "no.geojson")


def test_nothing_found_in_the_port_list(here: Path) -> None:
    assert refused_and_clean(here, "ports", "qqqqq") == (
        "no port fits 'qqqqq'; try a part of its name, or its UN/LOCODE"
    )


# as a program -------------------------------------------------------------------------------------


def test_a_real_process_says_one_sentence_and_fails(here: Path) -> None:
    command = [sys.executable, "-m", "ais_berths", "detect", "missing.csv", "--port", "USTPA", "--out", "out"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, cwd=here)
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr == "Error: missing.csv does not exist; check the path\n"
    assert not (here / "out").exists()


# results that were damaged afterwards -------------------------------------------------------------


def half_of(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


@pytest.mark.parametrize(
    ("spoil", "patterns"),
    [
        (half_of, ("*.parquet", "state/**/*.parquet", "state/*.npz", "state/*.json")),
        (Path.unlink, ("*/**/*.parquet",)),
    ],
)
def test_results_that_were_damaged(
    here: Path, spoil: Callable[[Path], None], patterns: tuple[str, ...]
) -> None:
    """A disk or a copy may lose anything: a command says so in one sentence, or does without it."""
    args = ["detect", "good.csv", "--ports", "ports.csv", "--out", "out"]
    assert CliRunner().invoke(main, args).exit_code == 0
    shutil.copytree("out", "whole")
    (here / "more.csv").write_text(GOOD.replace("03-01", "03-02"), encoding="utf-8")
    commands = (
        *(["berths", "out"], ["calls", "out"], ["stops", "out"], ["hexagons", "out"]),
        *(["report", "out", "--port", "Testport"], ["evaluate", "out", "--split-half"]),
        *(["register", "update", "out", "--register", "r.gpkg"], [*args[:2], "more.csv", *args[2:]]),
    )
    refusals = 0
    for command, pattern in itertools.product(commands, patterns):
        shutil.rmtree("out")
        shutil.copytree("whole", "out")
        for path in Path("out").glob(pattern):
            spoil(path)
        result = CliRunner().invoke(main, ["-q", *command])
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        assert "Traceback" not in result.stderr
        refusals += result.exit_code == 1
    assert refusals >= len(patterns)
