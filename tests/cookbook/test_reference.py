"""The reference: made from the package, and complete."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from programs import load_program

from ais_berths import schema
from ais_berths.config import known_settings
from ais_berths.definitions import DEFINITIONS
from ais_berths.feeds import OUTSIDE, REASONS

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def reference() -> ModuleType:
    return load_program(ROOT / "cookbook" / "make_reference.py")


@pytest.fixture(scope="module")
def pages(reference: ModuleType) -> dict[str, str]:
    return reference.pages()


def test_every_table_and_column_is_in_the_data_dictionary(pages: dict[str, str]) -> None:
    text = pages["tables.md"]
    for name, table in schema.TABLES.items():
        section = text.partition(f"## {name}\n")[2].partition("\n## ")[0]
        assert re.findall(r"^\| `(\w+)`", section, re.MULTILINE) == table.names


def test_every_reason_has_its_line(pages: dict[str, str]) -> None:
    section = pages["tables.md"].partition("## Reasons in quality")[2]
    told = set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE))
    sources = [path.read_text(encoding="utf-8") for path in (ROOT / "ais_berths").rglob("*.py")]
    used = {reason for text in sources for reason in re.findall(r'"(\w+)", "(?:kept|dropped|flagged)"', text)}
    assert used | set(REASONS) | {"not_a_ship_mmsi", "junk_mmsi", OUTSIDE, "outside_area_or_period"} == told


def test_every_setting_has_its_line(pages: dict[str, str]) -> None:
    assert re.findall(r"^\| `(\w+\.\w+)`", pages["settings.md"], re.MULTILINE) == known_settings()
    assert "| `inputs` |" in pages["settings.md"].partition("## Recipes")[2]


def test_every_indicator_has_its_line(pages: dict[str, str]) -> None:
    lines = re.findall(r"^\| `(\w+)`", pages["indicators.md"], re.MULTILINE)
    assert [name.removesuffix("_mean") for name in lines] == list(DEFINITIONS)


def test_every_command_shows_its_help(pages: dict[str, str], reference: ModuleType) -> None:
    text = pages["commands.md"]
    for name in reference.command_line.commands:
        assert re.search(rf"^Usage: (main|ais-berths) {name}\b", text, re.MULTILINE), name
    assert "Error" not in text


def test_every_module_is_in_the_interface(pages: dict[str, str], reference: ModuleType) -> None:
    shown = {
        name
        for page, text in pages.items()
        if page.startswith("interface_")
        for name in re.findall(r"automodule:: ais_berths\.(\w+)$", text, re.MULTILINE)
    }
    package = ROOT / "ais_berths"
    there = {path.stem for path in package.glob("[a-z]*.py")} | {
        path.parent.name for path in package.glob("[a-z]*/__init__.py")
    }
    assert shown == there - reference.LEFT_OUT


def test_pages_that_are_gone_are_removed(
    reference: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reference, "FOLDER", tmp_path / "made")
    (tmp_path / "made").mkdir()
    (tmp_path / "made" / "old.md").write_text("# gone")
    reference.write()
    assert {path.name for path in (tmp_path / "made").iterdir()} == set(reference.pages())


def test_the_method_page_names_settings_that_exist() -> None:
    text = (ROOT / "cookbook" / "reference" / "method.md").read_text(encoding="utf-8")
    sections = {name.partition(".")[0] for name in known_settings()}
    named = {name for name in re.findall(r"`(\w+\.\w+)`", text) if name.partition(".")[0] in sections}
    assert named
    assert named <= set(known_settings())
