"""The register: places keep their ids, names and hand edits from run to run."""

from ais_berths.register.assign import apply_register, assign_stops
from ais_berths.register.book import Register
from ais_berths.register.update import update_register

__all__ = ["Register", "apply_register", "assign_stops", "update_register"]
