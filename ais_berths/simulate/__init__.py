"""Simulated AIS feeds of ports whose berths, stops and calls are known.

An instrument, not a showcase: ports, ships, mistakes of crews and errors of receivers are drawn from a seed
and know nothing of the methods that they test.
"""

from __future__ import annotations

from ais_berths.simulate.truth import Truth
from ais_berths.simulate.world import simulate_port

__all__ = ["Truth", "simulate_port"]
