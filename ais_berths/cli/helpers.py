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
@click.option(
    "--limit", default=20, type=click.IntRange(1), show_default=True, help="Show at most this many ports."
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def ports(search: str, ports_file: str | None, limit: int, as_json: bool) -> None:
    """Search the port list by name, country, UN/LOCODE or number."""
    from ais_berths import ports as module

    table = module.read_ports(ports_file) if ports_file else module.builtin_ports()
    found = module.search_ports(table, search, limit).drop(columns="area", errors="ignore")
    if as_json:
        click.echo(found.to_json(orient="records", force_ascii=False))
    elif found.empty:
        raise click.ClickException(f"no port fits '{search}'; try a part of its name, or its UN/LOCODE")
    else:
        click.echo(text_table(found))


@click.command("simulate")
@click.argument("out", type=click.Path())
@click.option("--ports", default=1, show_default=True, help="Number of ports along a coast.")
@click.option("--days", default=30.0, show_default=True, help="Length of the feed in days.")
@click.option(
    "--feed",
    default="ungp",
    type=click.Choice(["ungp", "noaa", "dma"]),
    show_default=True,
    help="Layout of the files.",
)
@click.option(
    "--sizes",
    default="size",
    type=click.Choice(["antenna", "size", "none"]),
    show_default=True,
    help="What ships send about their size: antenna offsets, length and width, or nothing.",
)
@click.option(
    "--reception",
    default="terrestrial",
    type=click.Choice(["terrestrial", "satellite"]),
    show_default=True,
    help="Receivers on land (many reports) or satellites (few).",
)
@click.option(
    "--spacing-km", default=60.0, show_default=True, help="Distance between neighbouring ports in km."
)
@click.option(
    "--seed",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    help="Random seed; the same seed gives the same files.",
)
def simulate_command(out: str, seed: int, **options: Any) -> None:
    """Write a simulated feed and its truth into OUT.

    The truth is where the berths are, and which stops and calls there were.
    """
    from ais_berths.simulate import simulate

    truth = simulate(out, rng=seed, **options)
    click.echo(f"wrote {out}: {len(truth.berths)} berths, {len(truth.stops)} stops; the AIS is in {out}/feed")


@click.group()
def config() -> None:
    """Show, check and describe the settings."""


@config.command("show")
@click.argument("file", required=False, type=click.Path())
def config_show(file: str | None) -> None:
    """Print settings as TOML, each with its meaning.

    Without FILE, these are the defaults. FILE may be a settings file, or the output folder of a run.
    """
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
    """Check a settings file, and name every wrong setting."""
    from ais_berths.config import load_config

    load_config(file)
    click.echo(f"all settings in {file} are valid")


@config.command("schema")
def config_schema() -> None:
    """Print the JSON schema of the settings."""
    from ais_berths.config import Config

    click.echo(json.dumps(Config.model_json_schema(), indent=1))
