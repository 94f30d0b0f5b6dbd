"""The command line: reads the wishes of the user, calls the steps, prints what they did.

Heavy modules are imported inside the commands, so that ``ais-berths --help`` answers at once.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ais_berths import __version__
from ais_berths.errors import AisBerthsError, ConfigError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd

    from ais_berths.pipeline import Summary, Wiring
    from ais_berths.pipeline.job import Job

LOG = logging.getLogger("ais_berths")

_TIMES = click.DateTime(["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"])


class _Commands(click.Group):
    """Commands in the order of the data flow; expected errors become one plain sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except AisBerthsError as error:
            raise click.ClickException(str(error)) from error


@click.group(
    cls=_Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.version_option(__version__, prog_name="ais-berths")
@click.option("-q", "--quiet", is_flag=True, help="Print results only, no progress and no log.")
@click.pass_context
def main(ctx: click.Context, quiet: bool) -> None:
    """From raw AIS ship positions to berth polygons and port statistics."""
    ctx.obj = {"quiet": quiet}
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    LOG.handlers = [handler]
    LOG.setLevel(logging.WARNING if quiet else logging.INFO)


def _area_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option(
            "--port", "port", multiple=True, help="Port by LOCODE, port number or name; repeatable."
        ),
        click.option("--ports", "ports_file", type=click.Path(), help="Your own port list: CSV or GeoJSON."),
        click.option("--bbox", help="West,south,east,north in degrees instead of ports."),
        click.option("--all-ports", is_flag=True, help="Every port of the list."),
        click.option("--config", "config_file", type=click.Path(), help="Settings, a TOML file."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def _run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    options = [
        click.option("--out", "out", required=True, type=click.Path(), help="Output folder."),
        click.option(
            "--feed", default="auto", show_default=True, help="auto, ungp, noaa, dma, nmea or a mapping.toml."
        ),
        click.option("--start", type=_TIMES, help="First position time (UTC)."),
        click.option("--end", type=_TIMES, help="Position times before this (UTC)."),
        click.option("--pings/--no-pings", "keep_pings", default=None, help="Write the clean pings or not."),
        click.option("--scheduler", help="Address of a dask scheduler, tcp://..."),
        click.option("--overwrite", is_flag=True, help="Begin again in a folder with other settings."),
        click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@main.command()
@click.option("--out", default="ais-berths-demo", show_default=True, type=click.Path(), help="Output folder.")
@click.pass_context
def demo(ctx: click.Context, out: str) -> None:
    """Run the whole job on the shipped sample."""
    from ais_berths import samples
    from ais_berths.pipeline import Job
    from ais_berths.pipeline import detect as run

    real, made = samples.folder() / "new_york", samples.folder() / "simulated"
    click.echo("1. Real: a week of New York Harbor; positions only, no speed, heading, type or size\n")
    job = Job(bbox=samples.NEW_YORK)
    summary = run([real], Path(out) / "new_york", job, overwrite=True, wiring=_wiring(ctx))
    _print_summary(summary, as_json=False)
    click.echo(samples.describe(summary.out))
    click.echo("\n2. Simulated: twelve days of a port whose berths are known\n")
    job = Job(ports_file=str(made / "ports.csv"))
    summary = run([made / "feed"], Path(out) / "simulated", job, overwrite=True, wiring=_wiring(ctx))
    _print_summary(summary, as_json=False)
    click.echo(samples.describe(summary.out))
    click.echo(samples.score(summary.out, made / "truth"))
    click.echo(f"\nThe berths are in {summary.out / 'berths.geojson'} - open it in QGIS.")


@main.command()
@click.argument("inputs", nargs=-1, required=True)
@_area_options
@_run_options
@click.pass_context
def detect(ctx: click.Context, /, inputs: tuple[str, ...], out: str, **options: Any) -> None:
    """Turn raw AIS into berths, quays, anchorages and stops in OUT.

    INPUTS are files, folders, globs or URLs: Parquet, CSV (plain, .gz, .zip, .zst) or NMEA.
    """
    from ais_berths.pipeline import detect as run

    as_json, overwrite = options.pop("as_json"), options.pop("overwrite")
    wiring = _wiring(ctx, options.pop("scheduler"))
    summary = run(inputs, out, _job(**options), overwrite=overwrite, wiring=wiring)
    _print_summary(summary, as_json=as_json)


@main.command("filter")
@click.argument("inputs", nargs=-1)
@click.option("--cells-only", is_flag=True, help="Write the H3 cells as Parquet and GeoJSON, read no AIS.")
@_area_options
@_run_options
@click.pass_context
def filter_command(
    ctx: click.Context, /, inputs: tuple[str, ...], out: str, cells_only: bool, **options: Any
) -> None:
    """Keep the clean pings near ports (the first stage of detect)."""
    as_json, overwrite = options.pop("as_json"), options.pop("overwrite")
    wiring = _wiring(ctx, options.pop("scheduler"))
    job = _job(**options)
    if cells_only:
        _write_cells(job, Path(out))
        return
    if not inputs:
        raise click.UsageError("name the INPUTS, or give --cells-only")
    from ais_berths.pipeline import filter_pings

    _print_summary(filter_pings(inputs, out, job, overwrite=overwrite, wiring=wiring), as_json=as_json)


@main.command()
@click.argument("out", type=click.Path())
@click.option("--scheduler", help="Address of a dask scheduler, tcp://...")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def stops(ctx: click.Context, out: str, scheduler: str | None, as_json: bool) -> None:
    """Find the stops of the pings in OUT (the second stage of detect)."""
    from ais_berths.pipeline import find_all_stops

    _print_summary(find_all_stops(out, wiring=_wiring(ctx, scheduler)), as_json=as_json)


@main.command()
@click.argument("out", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.pass_context
def berths(ctx: click.Context, out: str, as_json: bool) -> None:
    """Find berths, quays and anchorages from the stops in OUT (the third stage of detect)."""
    from ais_berths.pipeline import find_all_places

    _print_summary(find_all_places(out, wiring=_wiring(ctx)), as_json=as_json)


@main.command()
@click.argument("out", type=click.Path())
@click.option("--preset", help="A producer's definition: cso-smbm, world-bank-syria or adb.")
@click.option("--timezone", help="Time zone of days, weeks and months, such as Europe/Copenhagen.")
@click.option(
    "--period", "periods", multiple=True, type=click.Choice(["day", "week", "month"]), help="Repeatable."
)
@click.option("--group", "groups", multiple=True, help="Vessel group that is counted; repeatable.")
@click.option("--min-vessels", type=click.IntRange(1), help="Suppress figures from fewer vessels; 1: none.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def calls(out: str, preset: str | None, as_json: bool, **options: Any) -> None:
    """Make calls and indicators from the berths in OUT (the last stage of detect)."""
    from ais_berths.pipeline.calls import find_all_calls

    counts = find_all_calls(out, preset=preset, changes={k: v for k, v in options.items() if v})
    if as_json:
        click.echo(json.dumps(counts))
        return
    for name, count in counts.items():
        click.echo(f"{name:<12}{count:>14,}")
    click.echo(f"The figures are in {Path(out) / 'indicators.csv'}")


@main.command()
@click.argument("out", type=click.Path())
@click.option("--settings", default="published", type=click.Choice(["published", "tuned"]), show_default=True)
def hexagons(out: str, settings: str) -> None:
    """Apply the predecessor's method to the pings in OUT, for comparison."""
    from ais_berths.pipeline.hexagons import write_hexagons

    path, n_areas = write_hexagons(out, settings)
    click.echo(f"{n_areas} areas of connected hexagons are in {path}")


@main.command("export")
@click.argument("out", type=click.Path())
@click.argument("file", type=click.Path())
@click.option("--cells", is_flag=True, help="Write the H3 cells of the berths instead.")
@click.option("--bom", is_flag=True, help="CSV with a byte order mark, for spreadsheet programs.")
def export_command(out: str, file: str, cells: bool, bom: bool) -> None:
    """Write the berths of OUT as FILE: .geojson, .gpkg, .parquet or .csv."""
    from ais_berths.export import export

    click.echo(f"wrote {export(out, file, cells=cells, bom=bom)}")


@main.command("report")
@click.argument("out", type=click.Path())
@click.option("--port", "port", multiple=True, help="Port by LOCODE, number or name; repeatable; else all.")
@click.option(
    "--format", "form", default="text", type=click.Choice(["text", "html", "json", "csv"]), show_default=True
)
@click.option("--out", "file", type=click.Path(), help="File to write; html goes to OUT/report.html else.")
@click.option("--public", is_flag=True, help="Without ships' names and numbers, and with few ships hidden.")
@click.option("--compare", multiple=True, help="Period FROM..TO (UTC, without TO); give two or more.")
@click.option("--use", "uses", multiple=True, help="Use of the berths that count, or all; repeatable.")
def report_command(
    out: str,
    port: tuple[str, ...],
    form: Any,
    file: str | None,
    public: bool,
    compare: tuple[str, ...],
    uses: tuple[str, ...],
) -> None:
    """Report on the ports of OUT: a page here, one HTML file that works offline, JSON or CSV."""
    from ais_berths.report import parse_period, parse_uses, report, write_report

    text = report(
        out,
        port,
        form,
        uses=parse_uses(uses),
        compare=[parse_period(period) for period in compare],
        public=public,
    )
    path = file or (str(Path(out) / "report.html") if form == "html" else None)
    if path is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"wrote {write_report(text, path)}")


@main.command()
@click.argument("out", type=click.Path())
@click.option(
    "--truth", type=click.Path(), help="True berths: polygons or points (GeoJSON, GeoPackage, CSV)."
)
@click.option("--use", "uses", multiple=True, help="Score berths of this use only; repeatable.")
@click.option("--split-half", is_flag=True, help="Compare berths from two halves of the vessels.")
@click.option("--picture", type=click.Path(), help="Also draw truth and result (PNG or SVG).")
@click.option("--json", "as_json", is_flag=True, help="Print the score card as JSON.")
def evaluate(
    out: str, truth: str | None, uses: tuple[str, ...], split_half: bool, picture: str | None, as_json: bool
) -> None:
    """Score the polygons in OUT against the truth, or against themselves."""
    from ais_berths.pipeline.score import score_out

    if truth is None and not split_half:
        raise click.UsageError("give --truth FILE, or --split-half")
    card = score_out(out, truth, uses=uses, split=split_half, picture=picture)
    click.echo(card.to_json() if as_json else card.to_text())


@main.command()
@click.argument("search", default="")
@click.option("--ports", "ports_file", type=click.Path(), help="Search your own port list instead.")
@click.option("--limit", default=20, show_default=True, help="Rows at most.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ports(search: str, ports_file: str | None, limit: int, as_json: bool) -> None:
    """Search the port list by name, LOCODE, country or number."""
    from ais_berths import ports as module

    table = module.read_ports(ports_file) if ports_file else module.builtin_ports()
    found = module.search_ports(table, search, limit).drop(columns="area", errors="ignore")
    if as_json:
        click.echo(found.to_json(orient="records", force_ascii=False))
    elif found.empty:
        raise click.ClickException(f"no port fits '{search}'")
    else:
        click.echo(_text_table(found))


@main.command("simulate")
@click.argument("out", type=click.Path())
@click.option("--ports", default=1, show_default=True, help="Ports along a coast.")
@click.option("--days", default=30.0, show_default=True, help="Length of the feed.")
@click.option("--feed", default="ungp", type=click.Choice(["ungp", "noaa", "dma"]), show_default=True)
@click.option(
    "--sizes",
    default="size",
    type=click.Choice(["antenna", "size", "none"]),
    show_default=True,
    help="What ships tell: antenna offsets, length and width, or nothing.",
)
@click.option(
    "--reception", default="terrestrial", type=click.Choice(["terrestrial", "satellite"]), show_default=True
)
@click.option("--spacing-km", default=60.0, show_default=True, help="Distance between neighbouring ports.")
@click.option("--seed", default=0, show_default=True, help="The same seed gives the same bytes.")
def simulate_command(out: str, seed: int, **options: Any) -> None:
    """Write a feed of invented ports whose berths, stops and calls are known, and that truth, into OUT."""
    from ais_berths.simulate import simulate

    truth = simulate(out, rng=seed, **options)
    click.echo(f"wrote {out}: {len(truth.berths)} berths, {len(truth.stops)} stops; the AIS is in {out}/feed")


@main.group()
def config() -> None:
    """Show, check and describe the settings."""


@config.command("show")
@click.argument("file", required=False, type=click.Path())
def config_show(file: str | None) -> None:
    """Print the settings (the defaults, or those of FILE) as TOML."""
    from ais_berths.config import load_config, to_toml

    click.echo(to_toml(load_config(file)), nl=False)


@config.command("check")
@click.argument("file", type=click.Path())
def config_check(file: str) -> None:
    """Check FILE and name every setting that is wrong."""
    from ais_berths.config import load_config

    load_config(file)
    click.echo(f"{file} is fine")


@config.command("schema")
def config_schema() -> None:
    """Print the JSON schema of the settings."""
    from ais_berths.config import Config

    click.echo(json.dumps(Config.model_json_schema(), indent=1))


def _wiring(ctx: click.Context, scheduler: str | None = None) -> Wiring:
    from ais_berths.pipeline import Wiring

    progress = sys.stderr.isatty() and not ctx.obj["quiet"]
    return Wiring(scheduler=scheduler, progress=progress, log=LOG.info)


def _job(*, port: tuple[str, ...], bbox: str | None, config_file: str | None, **options: Any) -> Job:
    """Turn options into a job."""
    from ais_berths.config import load_config
    from ais_berths.pipeline.recipe import parse_recipe

    wishes = {"port": port, "config": load_config(config_file), **options}
    if bbox:
        wishes["bbox"] = _parse_box(bbox)
    return parse_recipe(wishes, "what was asked for").job()


def _parse_box(text: str) -> tuple[float, float, float, float]:
    try:
        west, south, east, north = (float(part) for part in text.split(","))
    except ValueError as error:
        raise ConfigError(f"--bbox is '{text}', expected four numbers: west,south,east,north") from error
    return west, south, east, north


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


def _print_summary(summary: Summary, *, as_json: bool) -> None:
    quality = summary.quality
    if as_json:
        record = {
            "out": str(summary.out),
            "counts": summary.counts,
            "berths_by_port": summary.berths_by_port,
            "quality": quality.to_dict("records"),
            "seconds": {name: round(value, 3) for name, value in summary.seconds.items()},
        }
        click.echo(json.dumps(record, indent=1, ensure_ascii=False))
        return
    for name, count in summary.counts.items():
        click.echo(f"{name:<12}{count:>14,}")
    if len(quality):
        click.echo("\nRows by reason")
        click.echo(_text_table(quality))
    if _only_strange_numbers(quality):
        click.echo(
            "\nAll rows near ports were dropped because their numbers are not those of ships. If the ids of "
            "this data were made anonymous,\nset ship_numbers_only = false under [clean] in a --config file."
        )
    if summary.berths_by_port:
        click.echo("\nBerths by port")
        for name, count in summary.berths_by_port.items():
            click.echo(f"  {count:>6}  {name}")
    spent = ", ".join(f"{name} {seconds:.1f}" for name, seconds in summary.seconds.items())
    click.echo(f"\nSeconds by stage: {spent}")
    click.echo(f"Results are in {summary.out}")


def _only_strange_numbers(quality: pd.DataFrame) -> bool:
    rows = quality.groupby("reason")["rows"].sum()
    return bool(rows.get("not_a_ship_mmsi", 0) > 0 and rows.get("near_port", 0) == 0)


def _text_table(frame: pd.DataFrame) -> str:
    """Aligned columns without control characters: names may come from strangers."""
    cells = [[_plain(value) for value in row] for row in frame.itertuples(index=False)]
    rows = [list(map(str, frame.columns)), *cells]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _plain(value: Any) -> str:
    text = f"{value:,}" if isinstance(value, int) else str(value)
    return "".join(c if c.isprintable() else "?" for c in text)
