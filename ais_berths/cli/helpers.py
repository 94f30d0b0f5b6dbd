"""Commands beside the data flow: port list, simulator, settings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from ais_berths.cli.words import text_table
from ais_berths.redact import printable


@click.command()
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
        click.echo(text_table(found))


@click.command("simulate")
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


@click.group()
def config() -> None:
    """Show, check and describe the settings."""


@config.command("show")
@click.argument("file", required=False, type=click.Path())
def config_show(file: str | None) -> None:
    """Print settings as TOML: the defaults, those of FILE, or those of the run in the folder FILE."""
    from ais_berths.config import load_config, to_toml

    if file is not None and (Path(file).is_dir() or file.endswith(".json")):
        from ais_berths.pipeline.record import read_job

        job, command = read_job(file)
        click.echo(f"# {printable(command)}")
        click.echo(to_toml(job.config), nl=False)
        return
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
