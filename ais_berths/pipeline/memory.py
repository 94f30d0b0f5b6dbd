"""Giving free memory back to the system, which the libraries would keep."""

from __future__ import annotations

import ctypes
import sys

import pyarrow as pa


def give_back() -> None:
    """Give back to the system what this process no longer uses."""
    release_tables()
    if sys.platform == "linux":
        # Not every C library has it.
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def release_tables() -> None:
    """Give back what Arrow tables no longer use: reading takes several times the memory of the rows.

    This takes a third of a millisecond, and is cheaper than `give_back`, after which all memory has to be
    requested again.
    """
    pa.default_memory_pool().release_unused()
