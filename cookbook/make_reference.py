"""Reference pages made from the package, so that none can go stale; ``conf.py`` writes them at each build."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from click.testing import CliRunner
from pydantic import BaseModel

from ais_berths import schema
from ais_berths.cli import main as command_line
from ais_berths.config import Config, reference_table
from ais_berths.definitions import definition_table
from ais_berths.feeds import REASONS
from ais_berths.feeds.mapping import Feed
from ais_berths.pipeline.recipe import Recipe
from ais_berths.presets import preset_table

HERE = Path(__file__).resolve().parent
FOLDER = HERE / "reference" / "made"

# The first module of each page of the interface; the order of the others is that of CONTRIBUTING.md.
PARTS = {
    "errors": "Foundations: errors, settings, tables, metres",
    "portfiles": "Ports and cells",
    "feeds": "Feeds and pings",
    "stoptable": "Stops, ships, and how they lie",
    "antennas": "From antenna to hull",
    "footprints": "Berths, quays and anchorages",
    "hexagons": "The predecessor's method",
    "calls": "Calls, figures and disclosure control",
    "evaluate": "How good is it",
    "berthcells": "Cells, exports and the report",
    "pipeline": "Running it all, samples and simulation",
}
# The command line has a page of its own.
LEFT_OUT = {"cli"}
# Reasons of `quality.csv` after reading, whose meaning stands nowhere else.
LATER_REASONS = {
    "row_read": ("kept", "every row that was read"),
    "static_only": ("kept", "ship data without a position"),
    "near_port": ("kept", "position near the chosen ports"),
    "outside_area": ("dropped", "position elsewhere"),
    "outside_area_or_period": ("dropped", "rows that were skipped unread, as all of them lie elsewhere"),
    "outside_period": ("dropped", "time before the start or after the end"),
    "not_a_ship_mmsi": ("dropped", "MMSI of a base station, buoy, aircraft or other station that is no ship"),
    "junk_mmsi": ("dropped", "MMSI that many ships send by mistake, such as 123456789"),
    "duplicate": ("dropped", "the same position of the same ship in the same second"),
    "jump": ("dropped", "position that the ship cannot have reached in the time"),
    "spike": ("dropped", "single position far away from those before and after it"),
    "shared_mmsi": ("flagged", "position of a second ship on the same MMSI; it is kept as another track"),
    "speed_compared": ("kept", "position of a ship under way whose speed can be compared with her way"),
    "speed_above_way": ("flagged", "one of these with a speed a third higher than her way tells"),
    "speed_below_way": ("flagged", "one of these with a speed a third lower than her way tells"),
    "stop_at_berth": ("kept", "stop at a berth"),
    "stop_at_anchorage": ("kept", "stop at an anchorage"),
    "stop_without_place": ("flagged", "stop at no berth and no anchorage; it stays in the table of stops"),
    "stop_at_rejected_place": ("flagged", "stop at a berth that the register rejects"),
    "stop_in_margin": ("dropped", "stop beyond the radius around every chosen port"),
    "stop_of_another_port": ("dropped", "stop at a port that was not chosen"),
}
# What a user imports from a package that is not in its first file.
DEEPER = {"pipeline": ("recipe", "score"), "feeds": ("mapping",)}


def pages() -> dict[str, str]:
    """Text of each page in MyST Markdown, by file name."""
    made = {
        "tables.md": _tables(),
        "settings.md": _settings(),
        "commands.md": _commands(),
        "mapping.md": _mapping(),
        "indicators.md": _indicators(),
        "figures.md": _figures(),
    }
    for number, (title, modules) in enumerate(_parts(), start=1):
        made[f"interface_{number:02}.md"] = _interface(title, modules)
    return made


def write() -> None:
    """Write the pages that changed, and remove those that are gone."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    made = pages()
    for path in FOLDER.glob("*.md"):
        if path.name not in made:
            path.unlink()
    for name, text in made.items():
        path = FOLDER / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def _tables() -> str:
    head = (
        "# Data dictionary\n\nEvery table of the data flow, made from `ais_berths.schema`. The fields of "
        "the Parquet files carry the same units and meanings. Tables with shapes also have a column "
        "`geometry`, in degrees (WGS 84, longitude first)."
    )
    return f"{head}\n\n{schema.data_dictionary()}\n{_reasons()}"


def _reasons() -> str:
    rows = ["| reason | what was done | meaning |", "|---|---|---|"]
    every = {"row_read": LATER_REASONS["row_read"], **REASONS, **LATER_REASONS}
    rows += [f"| `{reason}` | {done} | {text} |" for reason, (done, text) in every.items()]
    head = (
        "## Reasons in quality\n\nWhat the column `reason` of `quality.csv` says, in the order of the data. "
        "Reasons that begin with `stop` count stops, all others count rows of the input."
    )
    return "\n\n".join([head, "\n".join(rows)]) + "\n"


def _settings() -> str:
    rows = reference_table().splitlines()
    head = (
        "# Settings\n\nEvery setting with its default, made from `ais_berths.config`. Write those that you "
        "change into a TOML file, under the name of the section, and give it with `--config`. "
        "`ais-berths config schema` prints the same as a JSON schema."
    )
    parts = [head]
    for name, section in Config.model_fields.items():
        own = [row for row in rows if row.startswith(f"| `{name}.")]
        parts.append("\n".join([f"## {name}", "", _summary(section.annotation), "", *rows[:2], *own]))
    recipes = (
        "## Recipes\n\nThe keys of a job file for `pipelines/`, see [chapter 16](../../16_scaling.md). "
        "The settings above follow under `[config.cells]` and so on."
    )
    return "\n\n".join([*parts, recipes, _fields(Recipe)]) + "\n"


def _commands() -> str:
    parts = ["# Commands\n\nWhat `--help` prints. Every command begins with `ais-berths`."]
    for name, command in command_line.commands.items():
        words = [[name, sub] for sub in getattr(command, "commands", {})] or [[name]]
        for path in words:
            asked = [*path, "--help"]
            shown = CliRunner().invoke(command_line, asked, prog_name="ais-berths", terminal_width=76).output
            parts.append(f"## {' '.join(path)}\n\n```text\n{shown.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def _mapping() -> str:
    head = (
        "# Feed mappings\n\nThe keys of a mapping file, made from `ais_berths.feeds.mapping`; "
        "[chapter 18](../../18_own_data.md) shows one. The keys of the feed itself come first in the file, "
        "then each section under its own name."
    )
    parts = [head, _fields(Feed)]
    for name, field in Feed.model_fields.items():
        if _is_section(field.annotation):
            parts.append(f"## {name}\n\n{_summary(field.annotation)}\n\n{_fields(field.annotation)}")
    return "\n\n".join(parts) + "\n"


def _fields(model: type[BaseModel]) -> str:
    rows = ["| key | default | meaning |", "|---|---|---|"]
    for name, field in model.model_fields.items():
        if not _is_section(field.annotation):
            default = f"`{field.default}`" if field.default and not field.is_required() else ""
            rows.append(f"| `{name}` | {default} | {field.description} |")
    return "\n".join(rows)


def _is_section(annotation: object) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _summary(model: object) -> str:
    return (model.__doc__ or "").strip().partition("\n")[0]


def _indicators() -> str:
    head = (
        "# Indicators and presets\n\nWhat `indicators.csv` counts and measures. `_mean`, `_p25`, `_p50` and "
        "`_p75` are mean, lower quartile, median and upper quartile. Ships of the chosen groups count "
        "(`indicators.groups`); `all` is these together. When a ship has arrived stands in "
        "[Method](../method.md#calls-and-indicators)."
    )
    presets = (
        "## Presets\n\nDefinitions of other producers, as far as they are known and our tables allow. "
        "Use one with `ais-berths calls OUT --preset NAME`."
    )
    return "\n\n".join([head, definition_table(), presets, preset_table()])


def _figures() -> str:
    """All pages that the programs in ``tests/benchmarks`` wrote, one level lower."""
    head = (
        "# Measured figures\n\nThe pages that the programs in `tests/benchmarks` of the source wrote, "
        "unchanged. The `README.md` there says what the columns mean and how the ports are made."
    )
    found = sorted((HERE.parent / "tests" / "benchmarks").glob("*.md"))
    # Notes stand in the pages that were made with them.
    shown = [path for path in found if path.name != "README.md" and not path.stem.endswith("_notes")]
    texts = [path.read_text(encoding="utf-8").strip() for path in shown]
    lower = [re.sub(r"^#", "##", text, flags=re.MULTILINE) for text in texts]
    return "\n\n".join([head, *lower]) + "\n"


def _parts() -> Iterator[tuple[str, list[str]]]:
    """Title and modules of each page of the interface, in the order of the data flow."""
    text = (HERE.parent / "CONTRIBUTING.md").read_text(encoding="utf-8")
    block = re.search(r"```order\n(.*?)```", text, re.DOTALL)
    order = [name for name in block[1].split() if name not in LEFT_OUT] if block else []
    starts = [0, *(order.index(name) for name in list(PARTS)[1:]), len(order)]
    for title, first, end in zip(PARTS.values(), starts[:-1], starts[1:], strict=True):
        yield title, [name for name in order[first:end] if _exists(name)]


def _exists(name: str) -> bool:
    return importlib.util.find_spec(f"ais_berths.{name}") is not None


def _interface(title: str, modules: list[str]) -> str:
    parts = [f"# {title}"]
    for name in modules:
        names = [name, *(f"{name}.{part}" for part in DEEPER.get(name, ()))]
        parts += [f"## ais_berths.{full}\n\n```{{eval-rst}}\n{_directive(full)}\n```" for full in names]
    return "\n\n".join(parts) + "\n"


def _directive(name: str) -> str:
    module = importlib.import_module(f"ais_berths.{name}")
    members = ", ".join(_public(module))
    return f".. automodule:: ais_berths.{name}\n   :members: {members}".rstrip(": ")


def _public(module: ModuleType) -> list[str]:
    """Functions and classes that a module offers and nobody else, in the order of its file."""
    names = getattr(module, "__all__", None) or [name for name in vars(module) if not name.startswith("_")]
    values = [(name, getattr(module, name)) for name in names]
    return [name for name, value in values if callable(value) and _is_from(value, module.__name__)]


def _is_from(value: object, module: str) -> bool:
    home = getattr(value, "__module__", "")
    return home == module or home.startswith(f"{module}.")


if __name__ == "__main__":
    write()
