"""Running many independent tasks with dask: on threads, or on any cluster."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import dask
import dask.threaded
from dask.diagnostics import ProgressBar

from ais_berths.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def run_tasks(
    task: Callable[..., Any],
    items: Iterable[Any],
    *shared: Any,
    client: Any = None,
    progress: bool = False,
    **options: Any,
) -> list[Any]:
    """Call ``task(item, *shared, **options)`` for every item and return the results in order.

    Parameters
    ----------
    client
        Client of a cluster, from `connect`; None for the threads of this process.
    progress
        Draw a progress bar on standard error (threads only).
    """
    items = list(items)
    if not items:
        return []
    if client is not None:
        # As one value: a list given alone would be sent piece by piece.
        [given] = client.scatter([shared], broadcast=True, hash=False)
        call = partial(_call, task, options)
        return list(client.gather(client.map(call, items, shared=given, pure=False)))
    fixed = [dask.delayed(value, traverse=False) for value in shared]
    calls = [dask.delayed(task, pure=False)(item, *fixed, **options) for item in items]
    with ProgressBar(out=sys.stderr) if progress else nullcontext():
        # The name "threads" would do as well, but makes dask import distributed, which costs a second.
        return list(dask.compute(*calls, scheduler=dask.threaded.get))


@contextmanager
def connect(address: str | None) -> Iterator[Any]:
    """Give the client of a cluster, or None where threads are to do the work.

    Parameters
    ----------
    address
        Address of a dask scheduler. Without one, the variable DASK_SCHEDULER_ADDRESS counts, and then a
        client that the caller has made.

    Raises
    ------
    ConfigError
        Nothing answers at that address.
    """
    address = address or os.environ.get("DASK_SCHEDULER_ADDRESS")
    if not address:
        yield _own_client()
        return
    from distributed import Client  # noqa: PLC0415 - importing it costs a second

    try:
        client = Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no dask scheduler answers at {address} ({error}); start one, or leave --scheduler out"
        ) from error
    with client:
        yield client


def _own_client() -> Any:
    if "distributed" not in sys.modules:
        return None
    from distributed import get_client  # noqa: PLC0415 - already imported by the caller

    try:
        return get_client()
    except ValueError:
        return None


def _call(task: Callable[..., Any], options: dict[str, Any], item: Any, shared: tuple[Any, ...]) -> Any:
    return task(item, *shared, **options)
