"""The command line: reads the options, calls the steps, prints what they did.

Heavy modules are imported inside the commands, so that ``ais-berths --help`` answers at once.
"""

from __future__ import annotations

import errno
import gc
import logging
import os
import sys
from typing import Any

import click

from ais_berths import __version__
from ais_berths.cli.helpers import config, ports, simulate_command
from ais_berths.cli.register import register
from ais_berths.cli.results import evaluate, export_command, hexagons, report_command
from ais_berths.cli.stages import berths, calls, demo, detect, filter_command, stops
from ais_berths.errors import AisBerthsError
from ais_berths.redact import printable, redact

LOG = logging.getLogger("ais_berths")

# New objects after which Python looks for unused ones that refer to each other. Modules and tables are many
# objects and leave hardly any such: looking as often as usual takes a twelfth of the time.
_NEW_OBJECTS = 10_000
# Of the ways in which Arrow can hold memory, this one gives back what its threads no longer use: a run takes
# 100 MB less. Arrow for other processors comes without it.
_POOL = "jemalloc"


class Commands(click.Group):
    """Commands in the order of the data flow; expected errors become one plain sentence."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Names in the order in which the commands were added."""
        return list(self.commands)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; an error is printed as a sentence, without its traceback."""
        try:
            return super().invoke(ctx)
        except AisBerthsError as error:
            raise click.ClickException(_tame(str(error))) from error
        except OSError as error:
            if error.errno in (None, errno.EPIPE):
                raise
            what = f"{error.filename}: {error.strerror}" if error.filename else error.strerror
            raise click.ClickException(
                _tame(f"{what}; correct this (make room, or allow access), and run the command again")
            ) from error


class _Formatter(logging.Formatter):
    """Lines of the log, without secrets and without what a terminal would obey."""

    def format(self, record: logging.LogRecord) -> str:
        return _tame(super().format(record))


def _tame(text: str) -> str:
    return printable(redact(text), keep="\n")


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="ais-berths")
@click.option("-q", "--quiet", is_flag=True, help="Print results only, without progress and log.")
@click.pass_context
def main(ctx: click.Context, quiet: bool) -> None:
    """From raw AIS ship positions to berth polygons and port statistics."""
    ctx.obj = {"quiet": quiet}
    gc.set_threshold(_NEW_OBJECTS)
    if sys.platform == "linux" and os.uname().machine == "x86_64":
        # Arrow asks for it when it is imported, and so do the processes that this one starts.
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", _POOL)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    LOG.handlers = [handler]
    LOG.setLevel(logging.WARNING if quiet else logging.INFO)


for _command in (
    *(demo, detect, filter_command, stops, berths, calls),
    *(hexagons, export_command, report_command, evaluate),
    register,
    *(ports, simulate_command, config),
):
    main.add_command(_command)
