"""Commands for the register: stable ids, what changed, and edits made by hand in a GIS."""

from __future__ import annotations

import json
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from ais_berths.cli.options import make_wiring
from ais_berths.redact import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

_SHOWN = 50


@click.group()
def register() -> None:
    """Keep ids, names and manual edits of berths from run to run."""


@register.command("update")
@click.argument("out", type=click.Path())
@click.option(
    "--register",
    "file",
    required=True,
    type=click.Path(),
    help="The register: .gpkg, .parquet or .geojson; it is made if it does not exist.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what changed as JSON.")
@click.pass_context
def update_command(ctx: click.Context, out: str, file: str, as_json: bool) -> None:
    """Add the run in OUT to the register, and give OUT its ids.

    The places in OUT get the ids, names and shapes of the register, and new places are added to it.
    """
    from ais_berths.pipeline import update_from_run

    summary, news = update_from_run(out, file, wiring=make_wiring(ctx))
    told = news[news["event"] != "kept"]
    counts = {str(event): int(n) for event, n in news["event"].value_counts().sort_index().items()}
    if as_json:
        lines = told.drop(columns="n_stops").astype(object).where(told.notna(), None)
        click.echo(json.dumps({"events": counts, "news": lines.to_dict("records")}, default=str))
        return
    _echo_lines(
        f"{row.place_id}: {row.event}{f' ({row.detail})' if isinstance(row.detail, str) else ''}"
        for row in told.itertuples()
    )
    click.echo(", ".join(f"{n} {event}" for event, n in counts.items()) or "nothing new in this run")
    click.echo(f"The register {file} and the tables in {summary.out} now have the same ids")


@register.command("diff")
@click.argument("before", type=click.Path())
@click.argument("after", type=click.Path())
@click.option("--json", "as_json", is_flag=True, help="Print the differences as JSON.")
def diff_command(before: str, after: str, as_json: bool) -> None:
    """Say what changed between two results.

    BEFORE and AFTER are two registers, or two output folders.
    """
    from ais_berths.config import RegistryConfig
    from ais_berths.pipeline.register import load_places
    from ais_berths.register import compare_places

    found, same = compare_places(load_places(before), load_places(after), RegistryConfig())
    if as_json:
        click.echo(json.dumps({"differences": [item._asdict() for item in found], "unchanged": same}))
        return
    _echo_lines(item.words for item in found)
    click.echo(f"{len(found)} differences, {same} places unchanged")


@register.command("apply-edits")
@click.argument("file", type=click.Path())
@click.argument("edited", type=click.Path())
@click.option("--dry-run", is_flag=True, help="Check, and say what would change, but write nothing.")
@click.option("--reject-missing", is_flag=True, help="Places that were deleted in EDITED are rejected.")
@click.option("--json", "as_json", is_flag=True, help="Print the edits as JSON.")
def edits_command(file: str, edited: str, dry_run: bool, reject_missing: bool, as_json: bool) -> None:
    """Check and apply edits made in a copy of the register.

    EDITED is a copy of the register FILE that was changed, for example in QGIS.

    You may rename places, redraw them, reject them (status), merge them (merged_into, or drawn
    together), and draw new ones (with an empty id). Either all edits are applied or none.
    """
    import pandas as pd

    from ais_berths.pipeline.lock import only_writer
    from ais_berths.register import apply_edits, read_places, read_register, write_register

    now = pd.Timestamp.now(tz="UTC").as_unit("us").floor("s")
    wanted = read_places(edited)
    with nullcontext() if dry_run else only_writer(file):
        changed, edits = apply_edits(read_register(file), wanted, now, reject_missing=reject_missing)
        if edits and not dry_run:
            write_register(changed, file)
    if as_json:
        click.echo(json.dumps({"edits": [edit._asdict() for edit in edits], "applied": not dry_run}))
        return
    _echo_lines(f"{edit.place_id}: {edit.event} ({edit.detail})" for edit in edits)
    if not edits:
        click.echo("nothing was changed")
    else:
        click.echo(f"{len(edits)} edits {'could be applied' if dry_run else f'are in {file}'}")


def _echo_lines(lines: Iterable[str]) -> None:
    every = [printable(line) for line in lines]
    for line in every[:_SHOWN]:
        click.echo(line)
    if len(every) > _SHOWN:
        click.echo(f"... and {len(every) - _SHOWN} more; --json has all of them")
