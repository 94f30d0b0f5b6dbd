"""Named definitions of calls: what a producer of statistics is known to do, as far as our tables allow.

No two producers count the same thing, and none publishes all of its definition. Each preset says what is
taken over and what is not, so that a difference in figures can be explained.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ais_berths.config import parse_config
from ais_berths.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ais_berths.config import Config

_EVERY_KIND = ("moored", "buoy", "anchored", "adrift")
_NEVER_LEFT_M = 1e7


@dataclass(frozen=True)
class Preset:
    """Settings that come close to a producer's definition.

    Attributes
    ----------
    title, source
        Whose definition, and where it is described.
    taken
        What of it these settings do.
    missing
        What is known of it and not done here, or not known at all.
    calls, indicators
        Settings that differ from the defaults.
    """

    title: str
    source: str
    taken: str
    missing: str
    calls: Mapping[str, Any] = field(default_factory=dict)
    indicators: Mapping[str, Any] = field(default_factory=dict)


PRESETS: dict[str, Preset] = {
    "cso-smbm": Preset(
        title="CSO Ireland and BPS Indonesia: Stationary Marine Broadcast Method",
        source=(
            "CSO Frontier series 'Port visits using real-time shipping data' (2022) and the code that BPS "
            "Indonesia runs; van der Wielen, McGurk and Barrett, Stat. J. of the IAOS 40 (2), 2024, "
            "doi 10.3233/SJI-230100"
        ),
        taken=(
            "every stationary event in the port is a visit, at a berth, at anchor or adrift; it has at least "
            "10 pings; ships that lay there when the data began do not count as arrived"
        ),
        missing=(
            "there, stationary means below 1 kn within a 3-ring of resolution-10 cells; here, our stops are "
            "used; the limits of 20 pings a ship, and of 2 pings for passenger ships, are not applied; which "
            "ship types are counted is not known"
        ),
        calls={"kinds": _EVERY_KIND, "min_pings": 10, "max_away_h": 0.0, "max_absence_h": 0.0},
        indicators={"anchorage_only": True},
    ),
    "world-bank-syria": Preset(
        title="World Bank, Syria: visits to a port area",
        source="World Bank Data Lab, Syria Economic Monitor: documentation and notebooks on port activity",
        taken=(
            "a visit ends when the ship is away for 24 hours; it lasts at least 5 hours, and no longer than "
            "the 95th percentile; cargo ships and tankers only"
        ),
        missing=(
            "there, presence within a boundary and a buffer of 10 to 22 km counts, stationary or not; here, "
            "a ship without a stop makes no visit; there, visits under 10 hours with a heading change below "
            "45 degrees count as passing by, which is not applied here"
        ),
        calls={"kinds": _EVERY_KIND, "leave_m": _NEVER_LEFT_M, "max_away_h": 24.0, "min_stay_h": 5.0},
        indicators={
            "anchorage_only": True,
            "groups": ("cargo", "tanker"),
            "max_stay_quantile": 0.95,
            "periods": ("month",),
        },
    ),
    "adb": Preset(
        title="Asian Development Bank: arrivals within port limits",
        source="ADB, Asia Regional Integration Center: notes on port congestion indicators from AIS",
        taken="a gap of more than 24 hours begins a new call; waiting at anchorage, service time at berth",
        missing=(
            "there, speed below 5 kn within the port limits counts; here, our stops are used; there, port "
            "limits, berth and anchorage areas are drawn by hand; minimum times are not known"
        ),
        calls={"kinds": _EVERY_KIND, "leave_m": _NEVER_LEFT_M, "max_away_h": 24.0},
        indicators={"anchorage_only": True},
    ),
}


def apply_preset(config: Config, name: str) -> Config:
    """Put the settings of a preset over others.

    Raises
    ------
    ConfigError
        There is no such preset.

    Examples
    --------
    >>> from ais_berths.config import Config
    >>> apply_preset(Config(), "world-bank-syria").calls.min_stay_h
    5.0
    """
    if name not in PRESETS:
        raise ConfigError(f"there is no preset '{name}'; expected one of {', '.join(PRESETS)}")
    preset = PRESETS[name]
    data = config.model_dump()
    data["calls"] |= preset.calls
    data["indicators"] |= preset.indicators
    return parse_config(data, f"the preset {name}")


def preset_table() -> str:
    """Return the presets as Markdown: what each takes over and what it does not.

    Examples
    --------
    >>> print(preset_table().splitlines()[0])
    ### `cso-smbm`: CSO Ireland and BPS Indonesia: Stationary Marine Broadcast Method
    """
    parts = []
    for name, preset in PRESETS.items():
        changed = {**preset.calls, **preset.indicators}
        settings = ", ".join(f"`{key}` {_plain(value)}" for key, value in changed.items())
        parts.append(
            f"### `{name}`: {preset.title}\n\nSource: {preset.source}.\n\nTaken over: {preset.taken}.\n\n"
            f"Not taken over, or not known: {preset.missing}.\n\nSettings: {settings}."
        )
    return "\n\n".join(parts) + "\n"


def _plain(value: Any) -> str:
    return " ".join(value) if isinstance(value, tuple) else str(value)
