"""From raw AIS ship positions to berth polygons, and from berths to port statistics.

The modules stand in the order of the data: ``ports`` and ``cells`` say where to look, ``feeds`` and
``pings`` read and clean position reports, ``stops`` finds where ships stay, ``mooring`` says how they
stay, ``hulls`` turns antenna fixes into ship footprints, ``berths`` clusters footprints into berths.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from types import ModuleType

__version__ = "0.1.0"

__all__ = [
    "anchorages",
    "berths",
    "cells",
    "config",
    "errors",
    "evaluate",
    "export",
    "feeds",
    "geo",
    "h3cells",
    "hexagons",
    "hulls",
    "mooring",
    "pings",
    "pipeline",
    "ports",
    "quays",
    "report",
    "schema",
    "simulate",
    "stops",
    "vessels",
]


def __getattr__(name: str) -> ModuleType:
    """Import a module of the package on first use, so that ``import ais_berths`` is quick."""
    if name in __all__:
        return importlib.import_module(f"ais_berths.{name}")
    message = f"module 'ais_berths' has no attribute {name!r}"
    raise AttributeError(message)


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])
