"""Commands that show, export or evaluate the results in an output folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

MIN_VESSELS = click.option(
    "--min-vessels",
    default=3,
    show_default=True,
    type=click.IntRange(2),
    help="With --public: withhold figures from fewer different ships than this.",
)


@click.command()
@click.argument("out", type=click.Path())
@click.option(
    "--settings",
    default="published",
    type=click.Choice(["published", "tuned"]),
    show_default=True,
    help="Settings that repeat the published result, or the best that were found.",
)
def hexagons(out: str, settings: str) -> None:
    """Apply the predecessor's method to the pings in OUT.

    It clusters H3 cells with DBSCAN, and serves for comparison.
    """
    from ais_berths.pipeline.hexagons import write_hexagons

    path, n_areas = write_hexagons(out, settings)
    click.echo(f"{n_areas} areas of connected hexagons are in {path}")


@click.command("export")
@click.argument("out", type=click.Path())
@click.argument("file", type=click.Path())
@click.option("--cells", is_flag=True, help="Write the H3 cells of the berths instead of the berths.")
@click.option(
    "--table",
    default="berths",
    type=click.Choice(
        [
            *("berths", "quays", "anchorages", "stops", "vessels"),
            *("berth_calls", "port_calls", "indicators", "berth_cells"),
        ]
    ),
    show_default=True,
    help="Table to write; tables other than berths are written as .csv.",
)
@click.option(
    "--excel",
    "--bom",
    "bom",
    is_flag=True,
    help="Write CSV with a byte order mark, for Excel and other spreadsheets.",
)
@click.option(
    "--public",
    is_flag=True,
    help="For the public: leave out places with few ships, and values of single ships.",
)
@MIN_VESSELS
@click.option(
    "--pings", is_flag=True, help="When copying all tables to an object store, also copy the clean pings."
)
def export_command(
    out: str,
    file: str,
    cells: bool,
    table: str,
    bom: bool,
    public: bool,
    min_vessels: int,
    pings: bool,
) -> None:
    """Write the berths of OUT, or another table, as FILE.

    The suffix of FILE chooses the format: .geojson, .gpkg, .parquet or .csv. FILE may be a URL, such as
    s3://bucket/berths.geojson. A URL without such a suffix is a folder: every table of OUT is copied there.
    """
    from ais_berths.export import export
    from ais_berths.stores import copy_results, export_to_url, is_file_url

    _check_min_vessels(public=public)
    if cells and table != "berths":
        raise click.UsageError(f"--cells writes the cells of berths, not {table}; leave out one of the two")
    if bom and "://" not in file and not file.lower().endswith(".csv"):
        raise click.UsageError("--excel is for .csv files; leave it out or choose such a name")
    if pings and ("://" not in file or is_file_url(file)):
        raise click.UsageError("--pings copies the pings to a folder of an object store; FILE is none")
    least = min_vessels if public else None
    if "://" not in file:
        click.echo(f"wrote {export(out, file, cells=cells, table=table, bom=bom, min_vessels=least)}")
    elif is_file_url(file):
        done = export_to_url(out, file, cells=cells, table=table, bom=bom, min_vessels=least)
        click.echo(f"wrote {done}")
    elif cells or bom or public or table != "berths":
        raise click.UsageError(
            "FILE is a folder, which gets all tables unchanged; name a file there to use these options"
        )
    else:
        copies = copy_results(out, file, pings=pings)
        click.echo(f"wrote {len(copies)} files to {file}")


@click.command("report")
@click.argument("out", type=click.Path())
@click.option(
    "--port", "port", multiple=True, help="Port by UN/LOCODE, number or name; repeatable [default: all]."
)
@click.option(
    "--format",
    "form",
    default="text",
    type=click.Choice(["text", "html", "json", "csv"]),
    show_default=True,
    help="Form of the report.",
)
@click.option(
    "--out", "file", type=click.Path(), help="File to write [default: the screen; OUT/report.html for html]."
)
@click.option(
    "--public",
    is_flag=True,
    help="For the public: leave out names and numbers of ships, and figures from few ships.",
)
@MIN_VESSELS
@click.option(
    "--compare",
    multiple=True,
    help="Compare periods, each as FROM..TO (UTC; TO is not included); give two or more.",
)
@click.option(
    "--use",
    "uses",
    multiple=True,
    help="Use of the berths that are counted, or all; repeatable [default: commercial].",
)
def report_command(
    out: str,
    port: tuple[str, ...],
    form: Any,
    file: str | None,
    public: bool,
    min_vessels: int,
    compare: tuple[str, ...],
    uses: tuple[str, ...],
) -> None:
    """Write a report on the ports of OUT.

    The report is text, one HTML file that works offline, JSON or CSV.
    """
    from ais_berths.report import ReportSettings, parse_period, parse_uses, report, write_report
    from ais_berths.tables import check_apart

    _check_min_vessels(public=public)
    path = file or (str(Path(out) / "report.html") if form == "html" else None)
    if path is not None:
        check_apart(out, path)
    text = report(
        out,
        port,
        form,
        uses=parse_uses(uses),
        compare=[parse_period(period) for period in compare],
        public=public,
        settings=ReportSettings(min_vessels=min_vessels),
    )
    if path is None:
        click.echo(text, nl=False)
    else:
        click.echo(f"wrote {write_report(text, path)}")


@click.command()
@click.argument("out", type=click.Path())
@click.option(
    "--truth",
    type=click.Path(),
    help="True berths: polygons or points (GeoJSON, GeoPackage, CSV), or the folder truth of a simulation.",
)
@click.option(
    "--use", "uses", multiple=True, help="Score only berths of this use, and calls at them; repeatable."
)
@click.option(
    "--split-half", is_flag=True, help="Find berths from two halves of the vessels, and compare them."
)
@click.option("--picture", type=click.Path(), help="Also draw truth and result into this file (PNG or SVG).")
@click.option(
    "--official",
    type=click.Path(),
    help="Monthly counts of an office (CSV: port, period, type_group, calls).",
)
@click.option(
    "--indicator",
    default="port_calls",
    type=click.Choice(["port_calls", "berth_calls"]),
    show_default=True,
    help="Indicator that the official counts are compared with.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the score card as JSON.")
def evaluate(out: str, truth: str | None, split_half: bool, as_json: bool, **options: Any) -> None:
    """Score the berths and calls in OUT.

    Berths are compared with the truth, and so are stops and calls where a simulation made it. Or the berths
    of one half of the vessels are compared with those of the other half, or calls with official counts.
    """
    from ais_berths.pipeline.score import score_out
    from ais_berths.tables import check_apart

    if truth is None and not split_half and options["official"] is None:
        raise click.UsageError("give --truth FILE, --official FILE or --split-half")
    if truth is None and options["picture"] is not None:
        raise click.UsageError("--picture draws the truth too; give --truth FILE")
    if options["picture"] is not None:
        check_apart(out, options["picture"])
    card = score_out(out, truth, split=split_half, **options)
    click.echo(card.to_json() if as_json else card.to_text())


def _check_min_vessels(*, public: bool) -> None:
    """Refuse a limit without effect: somebody might believe that figures were withheld."""
    source = click.get_current_context().get_parameter_source("min_vessels")
    if source is click.core.ParameterSource.COMMANDLINE and not public:
        raise click.UsageError("--min-vessels withholds figures with --public only; give both")
