"""Names, units and meanings of the figures of the table ``indicators``."""

from __future__ import annotations

from ais_berths.figures import STATISTICS

DEFINITIONS: dict[str, tuple[str, str]] = {
    "berth_calls": ("", "arrivals at berths of the chosen uses"),
    "berth_vessels": ("", "different vessels that arrived at such berths"),
    "time_at_berth_h": (
        "h",
        "time at berth of calls whose both ends were seen, in the period of their arrival",
    ),
    "port_calls": (
        "",
        "arrivals in the port of vessels that moored there, at any berth; anchorage_only adds the others",
    ),
    "vessels": ("", "different vessels that made these port calls"),
    "arrivals_by_hour": ("", "port calls of a month, by local hour of arrival"),
    "arrivals_by_weekday": ("", "port calls of a month, by weekday of arrival"),
    "time_in_port_h": (
        "h",
        "time in port of port calls whose both ends were seen, in the period of their arrival",
    ),
    "waiting_calls": ("", "port calls that began at anchor and continued at a berth"),
    "waiting_h": ("h", "time at anchor before the first berth, of the calls that waited; a lower bound"),
    "berth_hours": ("h", "time that vessels lay at berths within the period"),
    "berth_occupancy": (
        "",
        "share of time with a vessel alongside, mean over the port's discrete berths and buoys",
    ),
    "metre_hours": (
        "m h",
        "length of vessels times their hours at quays, rafted vessels left out; missing without lengths",
    ),
    "quay_occupancy": (
        "",
        "metre hours, divided by the length of the port's berths times the hours of the period",
    ),
    "ships_present": ("", "number of vessels in the port, at anchor or at berths, mean over the period"),
    "ships_present_by_hour": (
        "",
        "number of vessels in the port by local hour of the day, mean over a month",
    ),
}
"""Unit and meaning of each figure; ``_mean``, ``_p25``, ``_p50`` and ``_p75`` are added to the times."""

MEASURED = ("time_at_berth_h", "time_in_port_h", "waiting_h")
"""Figures of which the table gives mean and quartiles."""

NAMES = tuple(
    name
    for base in DEFINITIONS
    for name in ([f"{base}_{statistic}" for statistic in STATISTICS] if base in MEASURED else [base])
)
"""Every figure of the table ``indicators``, in the order in which they are read."""

_STATISTICS = {"mean": "mean", "p25": "lower quartile", "p50": "median", "p75": "upper quartile"}


def describe(indicator: str) -> tuple[str, str]:
    """Unit and meaning of a figure of the table ``indicators``.

    Examples
    --------
    >>> describe("waiting_h_p50")
    ('h', 'median of: time at anchor before the first berth, of the calls that waited; a lower bound')
    """
    if indicator in DEFINITIONS:
        return DEFINITIONS[indicator]
    name, _, statistic = indicator.rpartition("_")
    unit, text = DEFINITIONS[name]
    return unit, f"{_STATISTICS[statistic]} of: {text}"


def definition_table() -> str:
    """Return every figure of the table ``indicators`` with unit and meaning, as Markdown.

    Examples
    --------
    >>> print(definition_table().splitlines()[2])
    | `berth_calls` |  | arrivals at berths of the chosen uses |
    """
    lines = ["| indicator | unit | meaning |", "|---|---|---|"]
    for name, (unit, text) in DEFINITIONS.items():
        names = [f"`{name}`"]
        if name in MEASURED:
            names = [f"`{name}_{statistic}`" for statistic in STATISTICS]
        lines.append(f"| {', '.join(names)} | {unit} | {text} |")
    return "\n".join(lines) + "\n"
