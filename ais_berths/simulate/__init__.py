"""Simulated AIS feeds of ports whose berths, stops and calls are known.

An instrument, not a showcase: ports, ships, mistakes of crews and errors of receivers are drawn from a seed
and know nothing of the methods that they test. `simulate` writes feeds of any size with their truth,
`simulate_port` makes a small one in memory.
"""

from __future__ import annotations

from ais_berths.simulate.files import simulate
from ais_berths.simulate.settings import SimulateConfig
from ais_berths.simulate.truth import Truth
from ais_berths.simulate.world import simulate_port

__all__ = ["SimulateConfig", "Truth", "simulate", "simulate_port"]
