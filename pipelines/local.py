"""Berths from files on this machine: ``python pipelines/local.py [RECIPE.toml]``.

The same as ``ais-berths detect``, for those who keep their runs as files. The tasks run on threads.
"""

import sys
from pathlib import Path

from ais_berths.errors import AisBerthsError
from ais_berths.pipeline import Wiring, detect
from ais_berths.pipeline.recipe import load_recipe
from ais_berths.stores import copy_results


def main(path: Path) -> None:
    """Run a recipe."""
    recipe = load_recipe(path)
    summary = detect(recipe.inputs, recipe.out, recipe.job(), wiring=Wiring(log=print))
    print(f"{summary.counts['berths']} berths are in {summary.out}")
    if recipe.copy_to:
        print(f"{len(copy_results(summary.out, recipe.copy_to))} files are in {recipe.copy_to}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".toml"))
    except AisBerthsError as error:
        sys.exit(f"Error: {error}")
