"""A whole run as one TOML file: what to read, where, with which settings, and where to write."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from ais_berths import ports
from ais_berths.config import Config, Section, explain, parse_config, read_toml
from ais_berths.errors import Complaints, ConfigError
from ais_berths.feeds.days import as_utc
from ais_berths.pipeline.job import Job


class Recipe(Section):
    """What a user asks for. Paths are taken from the folder in which the program was started."""

    inputs: tuple[str, ...] = Field((), description="files, folders, patterns or URLs of raw AIS")
    out: str = Field("", description="output folder")
    feed: str = Field(
        "auto", description="layout of the input: auto, ungp, noaa, dma, nmea or the path of a mapping"
    )
    port: tuple[str, ...] = Field((), description="chosen ports by UN/LOCODE, number or name")
    ports_file: str | None = Field(None, description="your own port list; without it, the World Port Index")
    bbox: tuple[float, float, float, float] | None = Field(
        None, description="west, south, east, north: a box instead of circles around ports"
    )
    all_ports: bool = Field(default=False, description="take all ports of the list")
    start: datetime | None = Field(None, description="use positions from this time on (UTC)")
    end: datetime | None = Field(None, description="use positions before this time (UTC)")
    keep_pings: bool | None = Field(
        None, description="write the clean pings; by default yes, unless all_ports"
    )
    register_file: str | None = Field(
        None, description="register that gives known places their ids, names and shapes"
    )
    copy_to: str | None = Field(
        None, description="folder of an object store to copy the results to, such as s3://bucket/folder"
    )
    scheduler: str | None = Field(None, description="address of a Dask scheduler; without it, this machine")
    config: Config = Field(default_factory=Config, description="settings of the steps")

    def job(self) -> Job:
        """Look up the ports, so that a typing error ends at once, and say what decides the result.

        Raises
        ------
        ConfigError
            No area was chosen, or the period is empty.
        PortError
            A port is unknown or ambiguous.
        """
        if not (self.port or self.ports_file or self.bbox or self.all_ports):
            raise ConfigError(
                "no area was chosen; give --port NAME, --ports FILE, --bbox W,S,E,N or --all-ports"
            )
        start, end = as_utc(self.start), as_utc(self.end)
        if start and end and start >= end:
            raise ConfigError(f"the start {start} is not before the end {end}; give an earlier start")
        table = ports.read_ports(self.ports_file) if self.ports_file else ports.builtin_ports()
        return Job(
            feed=str(Path(self.feed).resolve()) if self.feed.endswith(".toml") else self.feed,
            ports_file=str(Path(self.ports_file).resolve()) if self.ports_file else None,
            ports=tuple(dict.fromkeys(ports.find_port(table, name) for name in self.port)),
            bbox=self.bbox,
            start=start,
            end=end,
            keep_pings=(not self.all_ports) if self.keep_pings is None else self.keep_pings,
            register_file=str(Path(self.register_file).resolve()) if self.register_file else None,
            config=self.config,
        )


def load_recipe(path: str | Path) -> Recipe:
    """Read a recipe from TOML.

    Raises
    ------
    ConfigError
        The file is missing, is not TOML, or asks for something unknown or impossible; all is named.
    """
    data = read_toml(path, "recipe")
    config = parse_config(data.pop("config", {}), f"{path} [config]")
    return parse_recipe({**data, "config": config}, str(path))


def parse_recipe(data: dict[str, Any], source: str) -> Recipe:
    """Check what a user asks for; `source` names it in errors.

    Examples
    --------
    >>> parse_recipe({"prot": ["USTPA"]}, "run.toml")
    Traceback (most recent call last):
    ...
    ais_berths.errors.ConfigError: run.toml cannot be used: prot is not a setting; did you mean port?
    """
    try:
        return Recipe.model_validate(data)
    except ValidationError as error:
        complaints = Complaints(explain(item, list(Recipe.model_fields)) for item in error.errors())
        complaints.raise_if_any(ConfigError, f"{source} cannot be used")
        raise
