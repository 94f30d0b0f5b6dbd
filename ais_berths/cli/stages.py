"""Commands that make results: the whole job, and its stages one at a time."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ais_berths.cli.options import area_options, make_job, make_wiring, run_options, scheduler_option
from ais_berths.cli.words import print_summary
from ais_berths.errors import OutputError

if TYPE_CHECKING:
    from ais_berths.pipeline.job import Job


@click.command()
@click.option("--out", default="ais-berths-demo", show_default=True, type=click.Path(), help="Output folder.")
@click.pass_context
def demo(ctx: click.Context, out: str) -> None:
    """Run the whole job on the two samples that come with the package."""
    from ais_berths import samples
    from ais_berths.pipeline import Job
    from ais_berths.pipeline import detect as run

    real, made = samples.folder() / "new_york", samples.folder() / "simulated"
    click.echo(
        "1. A real port: one week of New York Harbor; positions only, no speed, heading, type or size\n"
    )
    job = Job(bbox=samples.NEW_YORK)
    summary = run([real], Path(out) / "new_york", job, overwrite=True, wiring=make_wiring(ctx))
    print_summary(summary, as_json=False)
    click.echo(samples.describe(summary.out))
    click.echo("\n2. A simulated port: twelve days of a port whose berths are known\n")
    job = Job(ports_file=str(made / "ports.csv"))
    summary = run([made / "feed"], Path(out) / "simulated", job, overwrite=True, wiring=make_wiring(ctx))
    print_summary(summary, as_json=False)
    click.echo(samples.describe(summary.out))
    click.echo(samples.score(summary.out, made / "truth"))
    click.echo(f"\nThe berths are in {summary.out / 'berths.geojson'}; open this file in QGIS.")


@click.command()
@click.argument("inputs", nargs=-1, required=True)
@area_options
@run_options
@click.pass_context
def detect(ctx: click.Context, /, inputs: tuple[str, ...], out: str, **options: Any) -> None:
    """Find berths, stops and calls in raw AIS: the whole job.

    INPUTS are files, folders, patterns (*.csv) or URLs: Parquet, CSV (plain, .gz, .zip, .zst) or NMEA.
    Berths, quays, anchorages, stops, calls, indicators and a run record are written into the folder OUT.
    """
    from ais_berths.pipeline import detect as run

    as_json, overwrite = options.pop("as_json"), options.pop("overwrite")
    wiring = make_wiring(ctx, options.pop("scheduler"))
    summary = run(inputs, out, make_job(**options), overwrite=overwrite, wiring=wiring)
    print_summary(summary, as_json=as_json)


@click.command("filter")
@click.argument("inputs", nargs=-1)
@click.option(
    "--cells-only", is_flag=True, help="Only write the H3 cells, as Parquet and GeoJSON; read no AIS."
)
@area_options
@run_options
@click.pass_context
def filter_command(
    ctx: click.Context, /, inputs: tuple[str, ...], out: str, cells_only: bool, **options: Any
) -> None:
    """Keep the clean pings near ports (first stage of detect)."""
    as_json, overwrite = options.pop("as_json"), options.pop("overwrite")
    wiring = make_wiring(ctx, options.pop("scheduler"))
    job = make_job(**options)
    if cells_only:
        _write_cells(job, Path(out))
        return
    if not inputs:
        raise click.UsageError("name the INPUTS to read, or give --cells-only")
    from ais_berths.pipeline import filter_pings

    print_summary(filter_pings(inputs, out, job, overwrite=overwrite, wiring=wiring), as_json=as_json)


@click.command()
@click.argument("out", type=click.Path())
@scheduler_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def stops(ctx: click.Context, out: str, scheduler: str | None, as_json: bool) -> None:
    """Find the stops of the pings in OUT (second stage)."""
    from ais_berths.pipeline import find_all_stops

    print_summary(find_all_stops(out, wiring=make_wiring(ctx, scheduler)), as_json=as_json)


@click.command()
@click.argument("out", type=click.Path())
@scheduler_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def berths(ctx: click.Context, out: str, scheduler: str | None, as_json: bool) -> None:
    """Find berths, quays and anchorages in OUT (third stage)."""
    from ais_berths.pipeline import find_all_places

    print_summary(find_all_places(out, wiring=make_wiring(ctx, scheduler)), as_json=as_json)


@click.command()
@click.argument("out", type=click.Path())
@click.option(
    "--preset", help="Count by the definition of another producer: cso-smbm, world-bank-syria or adb."
)
@click.option("--timezone", help="Time zone of days, weeks and months, such as Europe/Copenhagen.")
@click.option(
    "--period",
    "periods",
    multiple=True,
    type=click.Choice(["day", "week", "month"]),
    help="Length of the periods; repeatable.",
)
@click.option("--group", "groups", multiple=True, help="Vessel group that is counted; repeatable.")
@click.option(
    "--min-vessels",
    type=click.IntRange(1),
    help="Withhold figures from fewer vessels than this; 1 withholds none.",
)
@scheduler_option
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def calls(
    ctx: click.Context,
    /,
    out: str,
    preset: str | None,
    scheduler: str | None,
    as_json: bool,
    **options: Any,
) -> None:
    """Make calls and indicators in OUT (last stage of detect)."""
    from ais_berths.pipeline.calls import find_all_calls

    changes = {name: value for name, value in options.items() if value}
    counts = find_all_calls(out, preset=preset, changes=changes, wiring=make_wiring(ctx, scheduler))
    if as_json:
        click.echo(json.dumps(counts))
        return
    for name, count in counts.items():
        click.echo(f"{name:<12}{count:>14,}")
    click.echo(f"The figures are in {Path(out) / 'indicators.csv'}")


def _write_cells(job: Job, out: Path) -> None:
    from ais_berths.cells import cells_geometry
    from ais_berths.export import write_geojson, write_parquet

    cells = job.cells(job.port_list())
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"the folder {out} cannot be made: {error.strerror or error}") from error
    write_parquet(cells, out / "cells.parquet", "cells")
    frame = cells_geometry(cells)
    frame["cell"] = frame["cell"].astype(str)
    write_geojson(frame, out / "cells.geojson", "cell")
    click.echo(f"{len(cells)} cells are in {out / 'cells.parquet'} and {out / 'cells.geojson'}")
