"""Make ``notebooks/*.ipynb``, without outputs, from the chapters: ``python cookbook/make_notebooks.py``."""

import re
from pathlib import Path

import jupytext
import nbformat

HERE = Path(__file__).resolve().parent
NOTEBOOKS = HERE.parent / "notebooks"


def chapters() -> list[Path]:
    """Chapters with code, in their order."""
    return sorted(path for path in HERE.glob("*.md") if "{code-cell}" in path.read_text(encoding="utf-8"))


def notebook(chapter: Path) -> nbformat.NotebookNode:
    """Turn a chapter into a notebook; the same text always gives the same notebook."""
    made = jupytext.read(chapter, fmt="md:myst")
    made.metadata = {"kernelspec": made.metadata["kernelspec"], "language_info": {"name": "python"}}
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number:03}"
        if cell["cell_type"] == "markdown":
            cell["source"] = re.sub(r"\]\(([\w/-]+)\.md(#[\w-]+)?\)", _link, cell["source"])
    return made


def main() -> None:
    """Write all notebooks, and remove those whose chapter is gone."""
    NOTEBOOKS.mkdir(exist_ok=True)
    wanted = {NOTEBOOKS / f"{path.stem}.ipynb": path for path in chapters()}
    for path in set(NOTEBOOKS.glob("*.ipynb")) - set(wanted):
        path.unlink()
    for target, chapter in wanted.items():
        target.write_text(nbformat.writes(notebook(chapter)) + "\n", encoding="utf-8")


def _link(match: re.Match[str]) -> str:
    """Links between chapters lead from notebook to notebook, others to the text in this folder.

    Pages that are made with the site are not there as text: the list of the reference names them.
    """
    name, anchor = match[1], match[2] or ""
    if HERE / f"{name}.md" in chapters():
        return f"]({name}.ipynb{anchor})"
    if name.startswith("reference/made/"):
        return "](../cookbook/reference/index.md)"
    return f"](../cookbook/{name}.md{anchor})"


if __name__ == "__main__":
    main()
