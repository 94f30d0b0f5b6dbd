"""From raw AIS ship positions to berth polygons, and from berths to port statistics.

What happens to a ping, module by module:

1. ``feeds`` reads a position report from any source. It is kept if it lies in one of the H3 ``cells`` around
   the ``ports``, which ``raster`` tests.
2. ``pings`` drops repeated and impossible positions; ``twins`` tells apart ships that share an MMSI.
3. ``stops`` finds where a ship stayed: it cuts its ``tracks`` into ``runs`` of slow pings, ``joins`` puts
   together what belongs to one stop, and ``stoptable`` makes a row of it, with arrival and departure.
   ``vessels`` collects what each ship says about itself.
4. ``mooring`` decides whether the ship was moored, at anchor, at a buoy (``buoys``) or adrift.
5. ``hulls`` draws the footprint of each moored ship. What the ship did not send is estimated: the size
   (``sizes``, ``lengths``), the heading (``headings``, ``axes``), the place of the antenna (``offsets``,
   ``sides``).
6. ``berths`` makes berths of footprints: ``clusters`` groups those that overlap, ``lines`` tells rows of
   berths from continuous quays, ``sharing`` separates ships that were there at once, ``uses`` and
   ``confidence`` judge each berth.
7. ``quays`` joins berths to quays and gives each its port; ``anchorages`` does the same for ships at anchor.
   ``places`` runs steps 4 to 7.
8. ``calls`` joins stops to berth calls and port calls; ``indicators`` counts them by port, period and vessel
   group, and ``disclosure`` withholds what would reveal single ships.
9. ``export`` and ``report`` write the results, ``register`` keeps ids and manual edits from run to run.

``pipeline`` runs all of this on files, with dask, and ``cli`` is the command line.
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
