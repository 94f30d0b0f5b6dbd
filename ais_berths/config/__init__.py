"""Settings: frozen models with a description on every field, read from TOML, unknown keys refused.

The defaults, the TOML example and the reference in the cookbook are all made from these models.
"""

from __future__ import annotations

import difflib
import hashlib
import json
import tomllib
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from ais_berths.config.places import (
    AnchoragesConfig,
    BerthsConfig,
    CallsConfig,
    IndicatorsConfig,
    QuaysConfig,
    RegistryConfig,
)
from ais_berths.config.sections import (
    CellsConfig,
    CleanConfig,
    HexagonsConfig,
    HullsConfig,
    MooringConfig,
    RunConfig,
    Section,
    StopsConfig,
)
from ais_berths.errors import Complaints, ConfigError

__all__ = [
    "AnchoragesConfig",
    "BerthsConfig",
    "CallsConfig",
    "CellsConfig",
    "CleanConfig",
    "Config",
    "HexagonsConfig",
    "HullsConfig",
    "IndicatorsConfig",
    "MooringConfig",
    "QuaysConfig",
    "RegistryConfig",
    "RunConfig",
    "Section",
    "StopsConfig",
    "explain",
    "known_settings",
    "load_config",
    "parse_config",
    "read_toml",
    "reference_table",
    "to_toml",
    "toml_value",
]


# A file that is longer is a mistake, and a device has no end.
_MOST_CHARACTERS = 1_000_000


class Config(Section):
    """All settings, one section for each step."""

    cells: CellsConfig = Field(default_factory=CellsConfig, description="H3 cells around the ports")
    clean: CleanConfig = Field(default_factory=CleanConfig, description="cleaning of pings")
    stops: StopsConfig = Field(default_factory=StopsConfig, description="stop detection")
    mooring: MooringConfig = Field(
        default_factory=MooringConfig, description="moored, anchored, buoy, adrift"
    )
    hulls: HullsConfig = Field(default_factory=HullsConfig, description="ship footprints")
    berths: BerthsConfig = Field(default_factory=BerthsConfig, description="from footprints to berths")
    quays: QuaysConfig = Field(default_factory=QuaysConfig, description="quays and their ports")
    anchorages: AnchoragesConfig = Field(default_factory=AnchoragesConfig, description="anchorages")
    registry: RegistryConfig = Field(default_factory=RegistryConfig, description="ids kept from run to run")
    calls: CallsConfig = Field(default_factory=CallsConfig, description="berth calls and port calls")
    indicators: IndicatorsConfig = Field(default_factory=IndicatorsConfig, description="port statistics")
    hexagons: HexagonsConfig = Field(default_factory=HexagonsConfig, description="the predecessor's method")
    run: RunConfig = Field(default_factory=RunConfig, description="how the work is divided")

    def fingerprint(self) -> str:
        """Short hash of every setting that can change a result."""
        text = self.model_dump_json(exclude={"run"})
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def load_config(path: str | Path | None) -> Config:
    """Read settings from a TOML file; the defaults where `path` is None.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML, or holds unknown or impossible settings; all are named.
    """
    return Config() if path is None else parse_config(read_toml(path), str(path))


def read_toml(path: str | Path, what: str = "configuration") -> dict[str, Any]:
    """Read a TOML file; `what` names it in errors.

    Raises
    ------
    ConfigError
        The file is missing or is not TOML.
    """
    file = Path(path)
    try:
        with file.open(encoding="utf-8") as handle:
            text = handle.read(_MOST_CHARACTERS + 1)
        if len(text) > _MOST_CHARACTERS:
            raise ConfigError(
                f"the {what} {file} has more than {_MOST_CHARACTERS:,} characters, expected a short TOML file"
            )
        return tomllib.loads(text)
    except OSError as error:
        reason = error.strerror or str(error)
        raise ConfigError(f"the {what} {file} cannot be read: {reason}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"the {what} {file} is not a TOML file: {error}") from error


def parse_config(data: dict[str, Any], source: str = "the configuration") -> Config:
    """Check a nested dictionary of settings.

    Examples
    --------
    >>> parse_config({"cells": {"radius_mn": 5}})
    Traceback (most recent call last):
    ...
    ais_berths.errors.ConfigError: the configuration cannot be used: cells.radius_mn is not a setting; \
did you mean cells.radius_nm?
    """
    try:
        return Config.model_validate(data)
    except ValidationError as error:
        if "columns" in data:
            raise ConfigError(f"{source} is the mapping of a feed; give it with --feed") from None
        names = [*known_settings(), *Config.model_fields]
        complaints = Complaints(explain(item, names) for item in error.errors())
        complaints.raise_if_any(ConfigError, f"{source} cannot be used")
        raise


def to_toml(config: Config | None = None) -> str:
    """Write settings as a commented TOML file.

    Examples
    --------
    >>> print(to_toml().splitlines()[0])
    [cells]  # H3 cells around the ports
    """
    config = config or Config()
    lines = []
    for name, section_field in Config.model_fields.items():
        lines.append(f"[{name}]  # {section_field.description}")
        section = getattr(config, name)
        for key, field in type(section).model_fields.items():
            lines.append(f"{key} = {toml_value(getattr(section, key))}  # {field.description}")
        lines.append("")
    return "\n".join(lines)


def reference_table() -> str:
    """Return the settings as a Markdown table: name, default and meaning."""
    lines = ["| setting | default | meaning |", "|---|---|---|"]
    config = Config()
    for name in Config.model_fields:
        section = getattr(config, name)
        lines.extend(
            f"| `{name}.{key}` | `{toml_value(getattr(section, key))}` | {field.description} |"
            for key, field in type(section).model_fields.items()
        )
    return "\n".join(lines) + "\n"


def known_settings() -> list[str]:
    """Every setting as ``section.key``."""
    config = Config()
    return [
        f"{name}.{key}" for name in Config.model_fields for key in type(getattr(config, name)).model_fields
    ]


def explain(item: Any, names: list[str]) -> str:
    """Say in plain words what pydantic found; `names` are the settings that exist."""
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(where, names, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}?" if near else "`ais-berths config show` lists the settings"
        return f"{where} is not a setting; {hint}"
    text = item["msg"].removeprefix("Value error, ")
    return f"{where} is {item['input']!r}: {text[0].lower()}{text[1:]}"


def toml_value(value: Any) -> str:
    """Write one value as TOML.

    Examples
    --------
    >>> print(toml_value(("week", "month")))
    ["week", "month"]
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        # Strings of JSON are strings of TOML, but for one control character.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml_value(item) for item in value) + "]"
    return repr(value)
