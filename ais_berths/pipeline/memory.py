"""Memory that is free again: the libraries would keep it, and the next stage needs other pieces."""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa


def give_back() -> None:
    """Give back to the system what this process has let go of."""
    release_tables()
    if sys.platform == "linux":
        # Not every C library has it.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def release_tables() -> None:
    """Give back what Arrow tables have let go of: reading takes several times as much as the rows.

    That takes a third of a millisecond; after `give_back`, all that follows has to get its memory anew.
    """
    pa.default_memory_pool().release_unused()
