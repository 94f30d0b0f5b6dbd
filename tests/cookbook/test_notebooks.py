"""The text of the cookbook: each chapter is a lesson, and the notebooks are in step with the chapters."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from programs import load_program

from ais_berths.config import known_settings

if TYPE_CHECKING:
    from types import ModuleType

COOKBOOK = Path(__file__).resolve().parents[2] / "cookbook"
NOTEBOOKS = COOKBOOK.parent / "notebooks"
CHAPTERS = sorted(
    path.name for path in COOKBOOK.glob("*.md") if "{code-cell}" in path.read_text(encoding="utf-8")
)
WHY = "the cookbook extra is not installed (pip install -e '.[cookbook]')"


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    pytest.importorskip("jupytext", reason=WHY)
    pytest.importorskip("nbformat", reason=WHY)
    return load_program(COOKBOOK / "make_notebooks.py")


def contents(notebook: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (cell["cell_type"], "".join(cell["source"]), cell.get("metadata", {})) for cell in notebook["cells"]
    ]


def test_there_are_chapters_and_each_has_a_notebook() -> None:
    assert CHAPTERS
    assert sorted(path.stem for path in NOTEBOOKS.glob("*.ipynb")) == [Path(name).stem for name in CHAPTERS]


@pytest.mark.parametrize("name", CHAPTERS)
def test_notebook_is_in_step_and_has_no_outputs(name: str, maker: ModuleType) -> None:
    stored = json.loads((NOTEBOOKS / name).with_suffix(".ipynb").read_text(encoding="utf-8"))
    assert contents(stored) == contents(maker.notebook(COOKBOOK / name)), (
        "a notebook differs from its chapter; run python cookbook/make_notebooks.py"
    )
    for cell in stored["cells"]:
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("name", CHAPTERS)
def test_chapter_has_the_parts_of_a_lesson(name: str) -> None:
    text = (COOKBOOK / name).read_text(encoding="utf-8")
    for part in ("**Question.**", "**Goal:**", "**You need:**", "**Time:**"):
        assert part in text
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings[-3:] == ["Summary", "Exercises", "What next"]
    assert "Show the solution" in text


@pytest.mark.parametrize("name", CHAPTERS)
def test_pictures_have_alternative_texts(name: str) -> None:
    cells = re.findall(r"```\{code-cell\}.*?\n```", (COOKBOOK / name).read_text(encoding="utf-8"), re.DOTALL)
    for cell in cells:
        if "plt.subplots" in cell:
            assert re.search(r"\n    alt: .{30,}", cell), f"no alternative text: {cell[:200]}"


def test_every_setting_is_explained_in_a_chapter() -> None:
    """A setting stands in a chapter that says what happens when it changes; `name_*` stands for several."""
    text = "".join((COOKBOOK / name).read_text(encoding="utf-8") for name in CHAPTERS)
    named = set(re.findall(r"`(?:\w+\.)?(\w+\*?)`", text))
    stems = tuple(name.removesuffix("*") for name in named if name.endswith("_*"))
    keys = {name.partition(".")[2] for name in known_settings()}
    assert sorted(key for key in keys - named if not key.startswith(stems)) == []


def test_links_lead_somewhere() -> None:
    for path in [*COOKBOOK.glob("*.md"), *COOKBOOK.glob("reference/*.md"), *NOTEBOOKS.glob("*.ipynb")]:
        for target in re.findall(r"\]\(([\w./-]+\.(?:md|ipynb))", path.read_text(encoding="utf-8")):
            # Those are made with the site, whose own links are tested too.
            made_later = "made/" in target and path.suffix == ".md"
            assert made_later or (path.parent / target).is_file(), f"{path.name} links to {target}"
