"""A run that reads and cleans, and what it says of its rows."""

from __future__ import annotations

import json
import os

from click.testing import CliRunner

from ais_berths.cli import main


def run(*args: str, ports: str = "ports.csv") -> tuple[int, str]:
    """Filter, which reads and cleans; returns the exit code, and the JSON or the message."""
    options = ["-q", "filter", *args, "--ports", ports, "--out", "out", "--json"]
    result = CliRunner().invoke(main, options)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "Traceback" not in result.stderr
    return result.exit_code, result.stdout if result.exit_code == 0 else result.stderr


def counted(*args: str, ports: str = "ports.csv") -> dict[str, int]:
    """Rows by reason of a run that must succeed; no row may be missing from them."""
    code, text = run(*args, ports=ports)
    assert code == 0, text
    summary = json.loads(text)
    rows: dict[str, int] = {}
    dropped = 0
    for entry in summary["quality"]:
        rows[entry["reason"]] = rows.get(entry["reason"], 0) + entry["rows"]
        dropped += entry["rows"] if entry["action"] == "dropped" else 0
    assert rows.get("row_read", 0) == summary["counts"]["rows"]
    assert summary["counts"]["rows"] == dropped + rows.get("static_only", 0) + summary["counts"]["pings"]
    return rows | {"pings": summary["counts"]["pings"]}


def refused(*args: str, ports: str = "ports.csv") -> str:
    """Message of a run that must be refused, and leave nothing."""
    code, text = run(*args, ports=ports)
    assert code == 1, text
    assert text.startswith("Error: ")
    assert not os.path.exists("out")  # noqa: PTH110 - the runner may be in any folder
    return text.removeprefix("Error: ").rstrip("\n")
