"""Machine code from plain loops.

A few loops run over every ping and take a hundredth of the time as machine code. Compiled code is kept on
disk, beside the package or in the user's cache folder, for later processes. If neither can be written, each
process compiles what it uses.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from numba import njit

if TYPE_CHECKING:
    from collections.abc import Callable

    Loop = TypeVar("Loop", bound=Callable[..., Any])

# Two threads may run loops at a time. Sums are added up in the order of the loop: "fast" mathematics, which
# changes that, is off. A division by zero gives an infinite number, as in numpy.
_OPTIONS = {"nogil": True, "error_model": "numpy"}


def compiled(loop: Loop) -> Loop:
    """Compile a function when it is first called.

    Examples
    --------
    >>> import numpy as np
    >>> @compiled
    ... def longest(values):
    ...     most = 0.0
    ...     for value in values:
    ...         most = max(most, value)
    ...     return most
    >>> longest(np.array([1.0, 3.0, 2.0]))
    3.0
    """
    try:
        found: Loop = njit(cache=True, **_OPTIONS)(loop)
    except RuntimeError:
        # No folder for what is compiled.
        found = njit(**_OPTIONS)(loop)
    return found
