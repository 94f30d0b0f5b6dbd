"""Running many independent tasks with dask: on threads, or on any cluster."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

import dask
from dask.diagnostics import ProgressBar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


def run_tasks(
    task: Callable[..., Any],
    items: Iterable[Any],
    *shared: Any,
    scheduler: str | None = None,
    progress: bool = False,
    **options: Any,
) -> list[Any]:
    """Call ``task(item, *shared, **options)`` for every item and return the results in order.

    Parameters
    ----------
    scheduler
        Address of a dask scheduler. Without one, a client that the caller has made is used, and else
        the threads of this process.
    progress
        Draw a progress bar on standard error.
    """
    items = list(items)
    if not items:
        return []
    with _client(scheduler) as client:
        if client is not None:
            # As one value: a list given alone would be sent piece by piece.
            [given] = client.scatter([shared], broadcast=True, hash=False)
            call = partial(_call, task, options)
            return list(client.gather(client.map(call, items, shared=given, pure=False)))
        fixed = [dask.delayed(value, traverse=False) for value in shared]
        calls = [dask.delayed(task, pure=False)(item, *fixed, **options) for item in items]
        bar = ProgressBar(out=sys.stderr) if progress else nullcontext()
        with bar:
            return list(dask.compute(*calls, scheduler="threads"))


def _call(task: Callable[..., Any], options: dict[str, Any], item: Any, shared: tuple[Any, ...]) -> Any:
    return task(item, *shared, **options)


@contextmanager
def _client(address: str | None) -> Iterator[Any]:
    """Use the cluster at an address, or the client that already exists, or none."""
    if address is None:
        if "distributed" in sys.modules:
            from distributed import get_client  # noqa: PLC0415 - importing it costs a second

            try:
                yield get_client()
            except ValueError:
                yield None
            return
        yield None
        return
    from distributed import Client  # noqa: PLC0415 - importing it costs a second

    with Client(address, set_as_default=False) as client:
        yield client
