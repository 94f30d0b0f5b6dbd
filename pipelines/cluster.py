"""Berths with a Dask cluster: ``python pipelines/cluster.py [RECIPE.toml]``.

With ``scheduler`` in the recipe, or the variable DASK_SCHEDULER_ADDRESS, an existing cluster is used;
without, worker processes are started on this machine. ``out`` must lie on a disk that this machine and
all workers share, the workers need this package in the same version, and what is read must be within
their reach.

Tried: a scheduler and workers in processes of their own on one machine, one of which was killed, with the
same tables as from threads (tests compare them). Not tried yet: several machines.
"""

import os
import sys
from contextlib import nullcontext
from pathlib import Path

from dask.distributed import LocalCluster

from ais_berths.errors import AisBerthsError
from ais_berths.pipeline import Wiring, detect
from ais_berths.pipeline.recipe import load_recipe
from ais_berths.stores import copy_results


def main(path: Path) -> None:
    """Run a recipe."""
    recipe = load_recipe(path)
    address = recipe.scheduler or os.environ.get("DASK_SCHEDULER_ADDRESS")
    # One thread for each process: parsing text holds Python's lock.
    own = nullcontext() if address else LocalCluster(threads_per_worker=1, dashboard_address=":0")
    with own as cluster:
        wiring = Wiring(scheduler=address or cluster.scheduler_address, log=print)
        summary = detect(recipe.inputs, recipe.out, recipe.job(), wiring=wiring)
    print(f"{summary.counts['berths']} berths are in {summary.out}")
    if recipe.copy_to:
        print(f"{len(copy_results(summary.out, recipe.copy_to))} files are in {recipe.copy_to}")


if __name__ == "__main__":
    try:
        main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).with_suffix(".toml"))
    except AisBerthsError as error:
        sys.exit(f"Error: {error}")
