"""The command line as a user meets it."""

from __future__ import annotations

from click.testing import CliRunner

from ais_berths.cli import main


def run(*args: str) -> str:
    """Run a command that must succeed; returns what it printed."""
    result = CliRunner().invoke(main, ["-q", *args], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout
