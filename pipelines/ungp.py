"""Berths from the UN Global Platform's archive: ``python pipelines/ungp.py [RECIPE.toml]``.

The variable AIS_BERTHS_INPUT names the folder of the archive that holds ``year=.../month=.../day=...``.
An ``s3://`` address needs the extra ``s3``; credentials and endpoint come from the platform's own
environment. Only the days of the period are listed and read. At the end, ``berth_cells.csv`` is the
table that the platform's ``get_ais(polygon_hex_df=...)`` takes.

With ``copy_to`` in the recipe, the results are copied to a folder of a store at the end.

Not tried on the platform itself, to which the developers had no access: what is known of it is its
published list of columns and folders. Tried: simulated archives of that layout on a local disk, and in a
bucket of a stand-in for S3 on the same machine.
"""

import os
import sys
from pathlib import Path

from ais_berths.errors import AisBerthsError, ConfigError
from ais_berths.export import export
from ais_berths.pipeline import Wiring, detect
from ais_berths.pipeline.recipe import load_recipe
from ais_berths.stores import copy_results


def main(path: Path) -> None:
    """Run a recipe."""
    recipe = load_recipe(path)
    inputs = recipe.inputs or tuple(filter(None, [os.environ.get("AIS_BERTHS_INPUT")]))
    if not inputs:
        raise ConfigError("the archive is not named; set AIS_BERTHS_INPUT, or give inputs in the recipe")
    wiring = Wiring(scheduler=recipe.scheduler, log=print)
    summary = detect(inputs, recipe.out, recipe.job(), wiring=wiring)
    print(f"{summary.counts['berths']} berths are in {summary.out}")
    print(f"their H3 cells are in {export(summary.out, summary.out / 'berth_cells.csv', cells=True)}")
    if recipe.copy_to:
        print(f"{len(copy_results(summary.out, recipe.copy_to))} files are in {recipe.copy_to}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".toml"))
    except AisBerthsError as error:
        sys.exit(f"Error: {error}")
