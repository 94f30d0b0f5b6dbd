"""What a feed looks like, as data: the model behind the TOML mappings.

A mapping for a table with the columns ``ship;stamp;y;x;speed`` needs no more than this::

    name = "harbour"

    [columns]
    mmsi = "ship"
    time = "stamp"
    lat = "y"
    lon = "x"
    sog = "speed"

    [time]
    format = "%d.%m.%Y %H:%M:%S"
    zone = "Europe/Berlin"

    [units]
    speed = "km/h"

    [csv]
    separator = ";"
    decimal = ","

Several spellings of a column are a list: ``lat = ["LAT", "latitude"]``. A spelling that fits exactly is
preferred; otherwise case, blanks and punctuation do not count.
"""

from __future__ import annotations

import difflib
import re
import tomllib
import zoneinfo
from functools import cache, lru_cache
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pandas as pd
from pydantic import BeforeValidator, Field, ValidationError, field_validator

from ais_berths.config import Section
from ais_berths.errors import Complaints, ConfigError, InputError, MissingColumnsError
from ais_berths.redact import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

SHIPPED = ("ungp", "noaa", "dma", "nmea")
"""Names of the feeds that come with the package."""

REQUIRED = ("mmsi", "time", "lat", "lon")
"""Fields without which a table is no AIS feed."""


def _as_tuple(value: Any) -> Any:
    names = (value,) if isinstance(value, str) else value
    return tuple(name for name in names if name != "") if isinstance(names, (list, tuple)) else names


Spellings = Annotated[tuple[str, ...], BeforeValidator(_as_tuple)]


def _spellings(description: str) -> Any:
    return Field(default=(), description=description)


class Columns(Section):
    """Names of the source columns; where several are accepted, the best one first."""

    mmsi: Spellings = _spellings("Maritime Mobile Service Identity")
    time: Spellings = _spellings("time of the position")
    lat: Spellings = _spellings("latitude")
    lon: Spellings = _spellings("longitude")
    sog: Spellings = _spellings("speed over ground")
    cog: Spellings = _spellings("course over ground")
    heading: Spellings = _spellings("true heading")
    nav_status: Spellings = _spellings("navigational status, in words or as a code 0-15")
    message_type: Spellings = _spellings("AIS message number; 27 marks rounded positions")
    transceiver: Spellings = _spellings("kind of station, such as ship or base station; see words.not_vessel")
    imo: Spellings = _spellings("IMO number, with or without the letters IMO")
    name: Spellings = _spellings("ship name")
    call_sign: Spellings = _spellings("call sign")
    type_code: Spellings = _spellings("ship type, as an AIS code or in words")
    type_words: Spellings = _spellings("ship type in words, used where type_code is empty")
    length: Spellings = _spellings("length over all")
    beam: Spellings = _spellings("beam")
    to_bow: Spellings = _spellings("antenna to bow (A)")
    to_stern: Spellings = _spellings("antenna to stern (B)")
    to_port: Spellings = _spellings("antenna to port side (C)")
    to_starboard: Spellings = _spellings("antenna to starboard side (D)")
    draught: Spellings = _spellings("draught")
    cell: Spellings = _spellings(
        "H3 cell of the position; write {resolution} where the column name has the H3 resolution"
    )
    static_only: Spellings = _spellings("true in rows that contain ship data and no position")


class TimeFormat(Section):
    """How times are written; not needed for columns that already are timestamps."""

    format: str = Field(
        "iso", description="iso, epoch, or a strptime pattern such as %d/%m/%Y %H:%M:%S", min_length=2
    )
    unit: Literal["s", "ms", "us", "ns"] = Field("s", description="unit of epoch times")
    zone: str = Field("UTC", description="time zone of times without an offset, such as Europe/Copenhagen")

    @field_validator("zone")
    @classmethod
    def _is_zone(cls, zone: str) -> str:
        try:
            zoneinfo.ZoneInfo(zone)
        except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(f"{zone!r} is not a time zone name") from error
        return zone

    @field_validator("format")
    @classmethod
    def _is_format(cls, text: str) -> str:
        if text not in {"iso", "epoch"} and "%" not in text:
            raise ValueError("expected iso, epoch or a pattern with % signs")
        if "%" in text:
            try:
                pd.to_datetime([""], format=text, errors="coerce")
            except re.error as error:
                raise ValueError(f"the pattern cannot be used ({error})") from error
        return text


class Units(Section):
    """Units of the numbers in the source."""

    position: Literal["deg", "deg 0-360", "min/10000"] = Field(
        "deg", description="unit of latitude and longitude; deg 0-360 where longitudes go from 0 to 360"
    )
    speed: Literal["kn", "kn/10", "m/s", "km/h"] = Field("kn", description="unit of the speed")
    angle: Literal["deg", "deg/10"] = Field("deg", description="unit of the course over ground")
    size: Literal["m", "ft"] = Field("m", description="unit of length, beam and antenna offsets")
    draught: Literal["m", "m/10", "ft"] = Field("m", description="unit of the draught")


class CsvFormat(Section):
    """How delimited text is written."""

    separator: str | None = Field(
        default=None,
        min_length=1,
        max_length=1,
        description="character between columns; found from the header line if not given",
    )
    decimal: Literal[".", ","] = Field(".", description="decimal sign")
    header: tuple[str, ...] = Field(
        (), description="names of all columns, for files without a header line of their own"
    )


class Words(Section):
    """Words and codes in addition to those that the package knows."""

    nav_status: dict[str, int] = Field({}, description="your word or code = AIS navigational status 0-15")
    type_code: dict[str, int] = Field({}, description="your word or code = AIS ship type 0-99")
    not_vessel: tuple[str, ...] = Field(
        (), description="values of the transceiver column that mean no ship: base stations, buoys"
    )


class Rules(Section):
    """Corrections for known peculiarities of a source."""

    ids: Literal["numbers", "text"] = Field(
        "numbers", description="ids of ships: numbers, or text of which numbers are made (a hash)"
    )
    cog_wrap_deg: float = Field(0.0, ge=0, description="added to negative courses (deg); 0 means missing")
    missing: dict[str, tuple[float, ...]] = Field(
        {}, description="field = numbers that mean 'not available' in it, such as sog = [-1]"
    )

    @field_validator("missing")
    @classmethod
    def _are_fields(cls, missing: dict[str, tuple[float, ...]]) -> dict[str, tuple[float, ...]]:
        for name in missing:
            if name not in Columns.model_fields:
                raise ValueError(f"{name} is not one of {', '.join(Columns.model_fields)}")
        return missing


class Partitions(Section):
    """For folders ``year=/month=/day=`` by day of arrival: how far arrival may be from the position time."""

    days_before: int = Field(1, ge=0, description="number of days that are read before a period")
    days_after: int = Field(2, ge=0, description="number of days that are read after a period")


class Feed(Section):
    """A source of AIS reports: its columns, units and habits.

    Examples
    --------
    >>> feed = Feed(name="mine", columns={"mmsi": "ship", "time": "t", "lat": "y", "lon": ["x", "lon"]})
    >>> feed.resolve(["Ship", "t", "y", "lon"])
    {'mmsi': 'Ship', 'time': 't', 'lat': 'y', 'lon': 'lon'}
    """

    name: str = Field(description="short name", min_length=1)
    title: str = Field("", description="what the feed is, in words")
    kind: Literal["table", "nmea"] = Field("table", description="rows and columns, or NMEA sentences")
    signature: Spellings = _spellings("columns by which the feed is recognised; all of them must be there")
    columns: Columns = Field(description="names of the columns")
    time: TimeFormat = Field(default_factory=TimeFormat, description="how times are written")
    units: Units = Field(default_factory=Units, description="units of the numbers")
    csv: CsvFormat = Field(default_factory=CsvFormat, description="how delimited text is written")
    words: Words = Field(default_factory=Words, description="words and codes")
    rules: Rules = Field(default_factory=Rules, description="corrections")
    partitions: Partitions = Field(default_factory=Partitions, description="folders by day of arrival")

    @field_validator("columns")
    @classmethod
    def _has_required(cls, columns: Columns) -> Columns:
        missing = [name for name in REQUIRED if not getattr(columns, name)]
        if missing:
            raise ValueError(f"no column is named for {', '.join(missing)}")
        return columns

    def resolve(self, columns: Iterable[str], resolution: int | None = None) -> dict[str, str]:
        """Find the source column of each field; fields that the source lacks are left out.

        Parameters
        ----------
        columns
            Names of the source columns.
        resolution
            H3 resolution wanted; without it no cell column is looked for.
        """
        return dict(_resolve(self.columns, tuple(columns), resolution))

    def require(self, columns: Iterable[str], source: str) -> dict[str, str]:
        """As `resolve`, but a missing required column is an error that names `source`.

        Raises
        ------
        MissingColumnsError
            Position, time or MMSI is not there.
        InputError
            Several columns of the source have the name of one that is needed.
        """
        present = list(columns)
        found = self.resolve(present)
        missing = [
            f"{name} ({' or '.join(getattr(self.columns, name))})" for name in REQUIRED if name not in found
        ]
        if missing:
            raise MissingColumnsError(
                f"{source} has no column for {', '.join(missing)} as the feed '{self.name}' expects; "
                f"it has {list_names(present) or 'no columns'}; rename them, or describe such files by a "
                "mapping, and read files of each kind by themselves"
            )
        twice = [name for name in found.values() if present.count(name) > 1]
        if twice:
            raise InputError(
                f"{source} has several columns {list_names(twice)}; take out or rename all but one"
            )
        return found


def load_feed(name_or_path: str | Path) -> Feed:
    """Load a feed that comes with the package, or a mapping of the user's own.

    Parameters
    ----------
    name_or_path
        ``ungp``, ``noaa``, ``dma``, ``nmea``, or the path of a TOML file.

    Raises
    ------
    ConfigError
        The name is unknown, or the file is missing, no TOML, or says something impossible.

    Examples
    --------
    >>> load_feed("dma").time.format
    '%d/%m/%Y %H:%M:%S'
    >>> load_feed("nooa")
    Traceback (most recent call last):
    ...
    ais_berths.errors.ConfigError: 'nooa' is neither a feed (ungp, noaa, dma, nmea) nor a .toml file; \
did you mean noaa?
    """
    text = str(name_or_path)
    if text in SHIPPED:
        return _shipped(text)
    path = Path(name_or_path)
    if path.suffix.lower() != ".toml":
        near = difflib.get_close_matches(text.lower(), SHIPPED, n=1)
        hint = f"did you mean {near[0]}?" if near else "give one of these, auto, or the path of a mapping"
        raise ConfigError(f"'{text}' is neither a feed ({', '.join(SHIPPED)}) nor a .toml file; {hint}")
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ConfigError(f"the feed mapping {path} cannot be read: {reason}") from error
    return parse_feed(content, str(path))


def parse_feed(content: str, source: str = "the feed mapping") -> Feed:
    r"""Check the text of a TOML mapping.

    Raises
    ------
    ConfigError
        Naming every key that is unknown or impossible.

    Examples
    --------
    >>> parse_feed('name = "x"\n[columns]\nmmsi="m"\ntime="t"\nlat="y"\nlon="x"\nspeed="v"')
    Traceback (most recent call last):
    ...
    ais_berths.errors.ConfigError: the feed mapping cannot be used: columns.speed is not a key of a feed
    """
    try:
        return Feed.model_validate(tomllib.loads(content))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{source} is not a TOML file: {error}") from error
    except ValidationError as error:
        complaints = Complaints(_explain(item) for item in error.errors())
        complaints.raise_if_any(ConfigError, f"{source} cannot be used")
        raise


def list_names(names: Iterable[str], most: int = 60) -> str:
    """Names in a row for a message, the first ones only if they are many.

    Examples
    --------
    >>> list_names(["lat", "lon", "sog"], most=2)
    'lat, lon and 1 more'
    """
    shown = [printable(name) for name in names]
    more = len(shown) - most
    return ", ".join(shown[:most]) + (f" and {more} more" if more > 0 else "")


def loosen(text: str) -> str:
    """Reduce a column name to its letters and digits.

    Examples
    --------
    >>> loosen("# Base_Date Time")
    'basedatetime'
    """
    return "".join(c for c in text.casefold() if c.isalnum())


@lru_cache(maxsize=256)
def _resolve(columns: Columns, present: tuple[str, ...], resolution: int | None) -> dict[str, str]:
    loose: dict[str, str] = {}
    for column in present:
        if loosen(column):
            loose.setdefault(loosen(column), column)
    found: dict[str, str] = {}
    for field in Columns.model_fields:
        names = getattr(columns, field)
        if field == "cell":
            names = () if resolution is None else [n.format(resolution=resolution) for n in names]
        hit = next((name for name in names if name in present), None) or next(
            (loose[loosen(name)] for name in names if loosen(name) in loose), None
        )
        if hit is not None:
            found[field] = hit
    return found


@cache
def _shipped(name: str) -> Feed:
    content = resources.files("ais_berths.feeds").joinpath(f"{name}.toml").read_text(encoding="utf-8")
    return parse_feed(content, f"the feed {name}")


def _explain(item: Any) -> str:
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"{where} is not a key of a feed"
    if item["type"] == "missing":
        return f"{where} is missing"
    message = item["msg"].removeprefix("Value error, ")
    return f"{where}: {message[0].lower()}{message[1:]}"
