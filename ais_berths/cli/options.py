"""Options that several commands share, and the job they ask for."""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Any

import click

from ais_berths.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ais_berths.pipeline import Wiring
    from ais_berths.pipeline.job import Job

LOG = logging.getLogger("ais_berths")

_TIMES = click.DateTime(
    ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S"]
)


def area_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the area (ports or a box) and the settings file."""
    options = [
        click.option(
            "--port", "port", multiple=True, help="Port by UN/LOCODE, port number or name; repeatable."
        ),
        click.option(
            "--ports", "ports_file", type=click.Path(), help="Your own port list, as CSV or GeoJSON."
        ),
        click.option("--bbox", help="A box instead of ports: west,south,east,north in degrees."),
        click.option("--all-ports", is_flag=True, help="All ports of the list."),
        click.option(
            "--config", "config_file", type=click.Path(), help="Settings file in TOML; see `config show`."
        ),
    ]
    for option in reversed(options):
        command = option(command)
    return command


scheduler_option = click.option("--scheduler", help="Address of a Dask scheduler, tcp://...")


def run_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of a run over raw AIS."""
    options = [
        click.option("--out", "out", required=True, type=click.Path(), help="Output folder."),
        click.option(
            "--feed",
            default="auto",
            show_default=True,
            help="Layout of the input: auto, ungp, noaa, dma, nmea or a mapping.toml.",
        ),
        click.option(
            "--start",
            type=_TIMES,
            metavar="TIME",
            help="Use positions from this time on (UTC), e.g. 2024-03-01.",
        ),
        click.option("--end", type=_TIMES, metavar="TIME", help="Use positions before this time (UTC)."),
        click.option(
            "--pings/--no-pings",
            "keep_pings",
            default=None,
            help="Write the clean pings, or not [default: yes, unless --all-ports].",
        ),
        click.option(
            "--register",
            "register_file",
            type=click.Path(),
            help="Register that gives known places their ids, names and shapes.",
        ),
        scheduler_option,
        click.option(
            "--overwrite",
            is_flag=True,
            help="Begin again: replace the results of earlier runs in the output folder.",
        ),
        click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


def make_wiring(ctx: click.Context, scheduler: str | None = None) -> Wiring:
    """Collect scheduler, progress bar and log."""
    from ais_berths.pipeline import Wiring

    progress = sys.stderr.isatty() and not ctx.obj["quiet"]
    return Wiring(scheduler=scheduler, progress=progress, log=LOG.info, processes=True)


def make_job(*, port: tuple[str, ...], bbox: str | None, config_file: str | None, **options: Any) -> Job:
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
