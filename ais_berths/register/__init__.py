"""The register: places keep their ids, names and hand edits from run to run."""

from ais_berths.register.assign import apply_register, assign_stops
from ais_berths.register.book import Register
from ais_berths.register.compare import Difference, compare_places
from ais_berths.register.edits import Edit, apply_edits
from ais_berths.register.files import hash_register, read_places, read_register, write_register
from ais_berths.register.update import update_register

__all__ = [
    "Difference",
    "Edit",
    "Register",
    "apply_edits",
    "apply_register",
    "assign_stops",
    "compare_places",
    "hash_register",
    "read_places",
    "read_register",
    "update_register",
    "write_register",
]
