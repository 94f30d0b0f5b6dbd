"""Texts that ships and port lists can send: shown as they are, or not at all, and never obeyed."""

from __future__ import annotations

import ast
import csv
import html
import io
import json
import re
from typing import TYPE_CHECKING

import pyogrio
import pytest
from click.testing import CliRunner

from ais_berths.cli import main

if TYPE_CHECKING:
    from pathlib import Path

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)>"
NAMES = (
    SCRIPT,
    "=HYPERLINK(1)",
    "+1+1",
    "-2+3",
    "@SUM(A1)",
    "\x1b[31mRED\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m",
    "\u202egnp.exe\u2066",
    "A\0B",
    "L" * 5000,
    "'; DROP TABLE berths; --",
    "{{ 7 * 7 }}${7*7}",
    "</script><!--",
)
COLUMNS = (
    "MMSI,BaseDateTime,LAT,LON,SOG,COG,Heading,VesselName,IMO,CallSign,VesselType,Length,Width,Destination"
)
OBEYED = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result full of such names: of ships, and of a port and its id, which is part of every other id."""
    folder = tmp_path_factory.mktemp("hostile")
    lines = [COLUMNS]
    for ship, name in enumerate(NAMES):
        quoted = '"' + name.replace('"', '""') + '"'
        lat = 45.01 + 0.003 * (ship // 3)
        lines += [
            f"{367000001 + ship},2024-03-{1 + ship % 3:02d}T{hour:02d}:{minute:02d}:00,{lat},-29.95,"
            f"0.0,0.0,90.0,{quoted},,{quoted},70,120,20,{quoted}"
            for hour in range(24)
            for minute in range(0, 60, 10)
        ]
    # A zero byte in every line would make the file a binary one.
    (folder / "feed.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    port = f'"=1+1{SCRIPT}","{SCRIPT}\x1b[31m\u202e",45.0,-30.0'
    (folder / "ports.csv").write_text(f"port_id,name,lat,lon\n{port}\n", encoding="utf-8")
    args = [str(folder / "feed.csv"), "--ports", str(folder / "ports.csv"), "--out", str(folder / "out")]
    result = CliRunner().invoke(main, ["detect", *args])
    assert result.exit_code == 0, result.output
    assert not OBEYED.search(result.stdout), result.stdout
    assert not OBEYED.search(result.stderr)
    assert (folder / "out" / "report.html").exists() is False
    return folder / "out"


def shown(*args: str) -> str:
    result = CliRunner().invoke(main, ["-q", *args])
    assert result.exit_code == 0, result.output
    return result.stdout


def test_terminal(out: Path) -> None:
    text = shown("report", str(out))
    assert not OBEYED.search(text)
    assert max(map(len, text.splitlines())) < 250
    assert not OBEYED.search(shown("ports", "script", "--ports", str(out.parent / "ports.csv")))


@pytest.mark.parametrize("public", [[], ["--public"]])
def test_page(out: Path, tmp_path: Path, public: list[str]) -> None:
    shown("report", str(out), "--format", "html", "--out", str(tmp_path / "r.html"), *public)
    page = (tmp_path / "r.html").read_text(encoding="utf-8")
    [policy] = re.findall(r'<meta http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert "default-src 'none'" in html.unescape(policy)
    assert "<script>alert" not in page
    assert "<img src=x" not in page
    assert not OBEYED.search(page)


def test_csv_has_no_formulas(out: Path, tmp_path: Path) -> None:
    shown("export", str(out), str(tmp_path / "b.csv"))
    (tmp_path / "r.csv").write_text(shown("report", str(out), "--format", "csv"), encoding="utf-8")
    for file in (tmp_path / "b.csv", tmp_path / "r.csv", out / "indicators.csv", out / "quality.csv"):
        text = file.read_text(encoding="utf-8")
        cells = [cell for row in csv.reader(io.StringIO(text, newline="")) for cell in row]
        assert len(cells) > 8
        risky = [cell for cell in cells if cell[:1] in "=+@\t\r" and cell]
        assert risky == [], file.name


def test_maps_can_be_read(out: Path, tmp_path: Path) -> None:
    for name in ("b.geojson", "b.gpkg"):
        shown("export", str(out), str(tmp_path / name))
        frame = pyogrio.read_dataframe(tmp_path / name, layer=0)
        assert len(frame) > 0
        assert frame["port_id"].str.startswith("=1+1<script>").all()
    json.loads((out / "berths.geojson").read_text(encoding="utf-8"))
    json.loads((out / "run.json").read_text(encoding="utf-8"))


def test_nothing_is_unpickled_or_evaluated(root: Path) -> None:
    """What travels between processes of a cluster is dask's own; nothing of ours reads code from a file."""
    forbidden = {"eval", "exec", "compile", "__import__", "pickle", "marshal", "shelve", "joblib", "yaml"}
    used = []
    for path in (root / "ais_berths").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = (
                {alias.name.split(".")[0] for alias in node.names} if isinstance(node, ast.Import) else set()
            )
            if isinstance(node, ast.ImportFrom) and node.module:
                names = {node.module.split(".")[0]}
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                names = {node.func.id}
            if isinstance(node, ast.keyword) and node.arg == "allow_pickle":
                assert ast.unparse(node.value) == "False"
            used += [f"{path.name}:{name}" for name in names & forbidden]
    assert used == []
