"""What to simulate: the options of `simulate` and `simulate_port`."""

from __future__ import annotations

from datetime import date
from typing import Any, Literal, Self

from pydantic import Field, ValidationError, field_validator, model_validator

from ais_berths.config import Section
from ais_berths.errors import Complaints, ConfigError
from ais_berths.simulate.scenes import KINDS


class SimulateConfig(Section):
    """Options of a simulation."""

    ports: int = Field(1, ge=1, le=500, description="number of ports along a coast")
    days: float = Field(30.0, gt=0, le=3660, description="length of the feed (days)")
    start: date = Field(date(2024, 3, 1), description="first day (UTC)")
    feed: Literal["ungp", "noaa", "dma"] = Field("ungp", description="layout of the files")
    file: Literal["parquet", "csv"] | None = Field(
        None, description="kind of file; None is Parquet for ungp and CSV for noaa and dma"
    )
    sizes: Literal["antenna", "size", "none"] = Field(
        "size", description="ship sizes sent: antenna offsets A-D, length and width, or nothing"
    )
    reception: Literal["terrestrial", "satellite"] = Field(
        "terrestrial", description="satellite: a report every half hour on average, in bursts"
    )
    report_s: float | None = Field(
        None, ge=0, description="least time between two reports of a ship at rest (s); None suits the feed"
    )
    sail_s: float | None = Field(
        None, ge=0, description="the same under way (s); None suits the feed, and is at most report_s"
    )
    scene: Literal["mixed"] | tuple[str, ...] = Field(
        "mixed", description="mixed, or the terminals and anchorages that each port has"
    )
    ships: int | None = Field(
        None, ge=1, description="ships of each port, about; None for as many as its berths ask for"
    )
    at: tuple[float, float] | None = Field(
        None, description="latitude and longitude of the first port (deg); None for anywhere"
    )
    spacing_km: float = Field(
        60.0, ge=3, description="distance between neighbouring ports (km); below 30 the ports are smaller"
    )
    ocean: float = Field(
        0.0, ge=0, le=0.99, description="share of the reports that come from ships on the high seas"
    )
    h3: tuple[int, ...] = Field((8,), description="resolutions of the H3 columns of the ungp layout")
    chunk_rows: int = Field(500_000, ge=1000, description="rows made at once; decides the memory needed")

    @field_validator("scene", mode="before")
    @classmethod
    def _known_kinds(cls, value: Any) -> Any:
        kinds = (value,) if isinstance(value, str) and value != "mixed" else value
        unknown = [kind for kind in kinds if kind not in KINDS] if kinds != "mixed" else []
        if unknown:
            raise ValueError(f"{', '.join(map(str, unknown))} is not one of {', '.join(KINDS)}")
        return kinds

    @field_validator("at")
    @classmethod
    def _on_earth(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not (abs(value[0]) <= 80 and abs(value[1]) <= 180):
            raise ValueError("the latitude lies beyond 80 or the longitude beyond 180 degrees")
        return value

    @model_validator(mode="after")
    def _fits_the_feed(self) -> Self:
        if self.feed == "noaa" and self.sizes == "antenna":
            raise ValueError("the noaa layout has no antenna offsets; choose ungp or dma, or sizes 'size'")
        if self.file is not None and (self.feed, self.file) in (("ungp", "csv"), ("dma", "parquet")):
            raise ValueError(f"the {self.feed} layout is not written as {self.file}")
        return self

    @property
    def form(self) -> str:
        """Kind of file to write."""
        return self.file or ("parquet" if self.feed == "ungp" else "csv")

    def thinning_s(self) -> tuple[float, float]:
        """Least time between reports at rest and under way (s)."""
        # The platform's 11 million rows a day are a report in some minutes for each ship.
        rest, sail = {"ungp": (300.0, 120.0), "noaa": (65.0, 65.0), "dma": (0.0, 0.0)}[self.feed]
        if self.report_s is not None:
            rest, sail = self.report_s, min(self.report_s, 60.0)
        return rest, sail if self.sail_s is None else self.sail_s


def read_settings(config: SimulateConfig | None, options: dict[str, Any]) -> SimulateConfig:
    """Put options over a configuration.

    Raises
    ------
    ConfigError
        An option is unknown or impossible; all are named.

    Examples
    --------
    >>> read_settings(None, {"days": 0})
    Traceback (most recent call last):
    ...
    ais_berths.errors.ConfigError: this cannot be simulated: days is 0: input should be greater than 0
    """
    given = config.model_dump(exclude_unset=True) if config is not None else {}
    try:
        return SimulateConfig.model_validate(given | options)
    except ValidationError as error:
        complaints = Complaints(_explain(item) for item in error.errors())
        complaints.raise_if_any(ConfigError, "this cannot be simulated")
        raise


def _explain(item: Any) -> str:
    name = str(item["loc"][0]) if item["loc"] else ""
    if item["type"] == "extra_forbidden":
        return f"{name} is no option; there are {', '.join(SimulateConfig.model_fields)}"
    text = str(item["msg"]).removeprefix("Value error, ")
    text = text[:1].lower() + text[1:]
    return f"{name} is {item['input']!r}: {text}" if name else text
