"""What others rely on: nothing of it changes unannounced.

After a change that is meant, write the file anew and say it in CHANGELOG.md:

    python tests/test_interface.py
"""

from __future__ import annotations

import difflib
import inspect
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING

import click
from pydantic import BaseModel

import ais_berths
from ais_berths.cli import main
from ais_berths.config import Config
from ais_berths.schema import TABLES

if TYPE_CHECKING:
    from collections.abc import Iterator

FILE = Path(__file__).with_name("interface.txt")


def interface() -> str:
    """Functions and classes, tables, commands and settings, a line each."""
    lines = [*_modules(), *_tables(), *_commands(main, "ais-berths"), *_settings(Config, "settings")]
    return "\n".join(lines) + "\n"


def _modules() -> Iterator[str]:
    for name in sorted(ais_berths.__all__):
        module: ModuleType = getattr(ais_berths, name)
        public = getattr(module, "__all__", None) or [
            key
            for key, value in vars(module).items()
            if not key.startswith("_") and getattr(value, "__module__", None) == module.__name__
        ]
        for key in sorted(public):
            value = getattr(module, key)
            if isinstance(value, FunctionType):
                yield f"{name}.{key}{inspect.signature(value)}"
            elif inspect.isclass(value):
                yield f"{name}.{key}: {', '.join(_members(value))}"
            else:
                yield f"{name}.{key}"


def _members(kind: type) -> list[str]:
    fields = kind.model_fields if issubclass(kind, BaseModel) else getattr(kind, "__annotations__", {})
    own = [
        key for key, value in vars(kind).items() if inspect.isfunction(value) or isinstance(value, property)
    ]
    return sorted({key for key in (*fields, *own) if not key.startswith("_") and key != "model_config"})


def _tables() -> Iterator[str]:
    for table, layout in sorted(TABLES.items()):
        yield from (f"table {table}.{field.name}: {field.type}" for field in layout)


def _commands(command: click.Command, path: str) -> Iterator[str]:
    names = [" ".join([*parameter.opts, *parameter.secondary_opts]) for parameter in command.params]
    yield f"{path}: {', '.join(sorted(names))}"
    if isinstance(command, click.Group):
        for name, more in sorted(command.commands.items()):
            yield from _commands(more, f"{path} {name}")


def _settings(section: type[BaseModel], path: str) -> Iterator[str]:
    for name, field in section.model_fields.items():
        kind = field.annotation
        if inspect.isclass(kind) and issubclass(kind, BaseModel):
            yield from _settings(kind, f"{path}.{name}")
        else:
            yield f"{path}.{name}"


def test_nothing_changed_unannounced() -> None:
    before, now = FILE.read_text(encoding="utf-8").splitlines(), interface().splitlines()
    changes = [line for line in difflib.unified_diff(before, now, lineterm="", n=0) if line[:1] in "+-"][2:]
    assert changes == [], "if this is meant: python tests/test_interface.py, and a line in CHANGELOG.md"


def test_every_kind_of_promise_is_kept() -> None:
    text = FILE.read_text(encoding="utf-8")
    for line in (
        "pipeline.detect(",
        "table stops.stop_id: string",
        "ais-berths detect: ",
        "settings.cells.radius_nm",
    ):
        assert f"\n{line}" in text


if __name__ == "__main__":
    FILE.write_text(interface(), encoding="utf-8")
