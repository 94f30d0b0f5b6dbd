"""Errors that a user may meet: small, built on built-ins, one plain sentence each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ais_berths.redact import redact

if TYPE_CHECKING:
    from collections.abc import Iterable


class AisBerthsError(Exception):
    """Base of every error that this package raises on purpose; secrets in its message are hidden."""

    def __init__(self, *args: object) -> None:
        super().__init__(*(redact(arg) if isinstance(arg, str) else arg for arg in args))


class InputError(AisBerthsError, ValueError):
    """An input file or table cannot be used as it is."""


class MissingColumnsError(InputError):
    """A table lacks columns that the step needs."""


class EmptyInputError(InputError):
    """There is nothing to work on."""


class ConfigError(AisBerthsError, ValueError):
    """A setting is unknown, out of range or of the wrong kind."""


class PortError(AisBerthsError, LookupError):
    """A port is not in the port list, or its name fits several."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class OutputError(AisBerthsError, OSError):
    """A result cannot be written, or the output folder holds something else."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ClusterError(AisBerthsError, RuntimeError):
    """A dask cluster gave up in the middle of a run."""


class DependencyError(AisBerthsError, ImportError):
    """An optional package is needed for what was asked."""


class Complaints:
    """Collects what is wrong so that a user sees all of it at once.

    Examples
    --------
    >>> complaints = Complaints()
    >>> complaints.add("radius_nm is -1, expected above 0")
    >>> complaints.raise_if_any(ConfigError, "The configuration cannot be used")
    Traceback (most recent call last):
    ...
    ais_berths.errors.ConfigError: The configuration cannot be used: radius_nm is -1, expected above 0
    """

    def __init__(self, found: Iterable[str] = ()) -> None:
        self.found = list(found)

    def add(self, complaint: str) -> None:
        """Remember one complaint."""
        self.found.append(complaint)

    def raise_if_any(self, error: type[AisBerthsError], heading: str) -> None:
        """Raise `error` with everything that was collected, or return quietly."""
        if len(self.found) == 1:
            raise error(f"{heading}: {self.found[0]}")
        if self.found:
            raise error(f"{heading}:" + "".join(f"\n  - {text}" for text in self.found))
