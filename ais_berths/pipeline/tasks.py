"""Running many independent tasks with dask: on threads or processes here, or on any cluster."""

from __future__ import annotations

import logging
import multiprocessing
import os
import sys
import threading
from asyncio import CancelledError as TaskCancelledError
from concurrent.futures import CancelledError, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import dask
import dask.threaded
from dask.diagnostics import ProgressBar
from dask.system import CPU_COUNT

from ais_berths import __version__
from ais_berths.errors import AisBerthsError, ClusterError, ConfigError
from ais_berths.pipeline.patience import as_they_end

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

_PATIENCE_S = 60
# What a process takes that looks for places or makes figures, with all settings at their defaults.
_WORKER_BYTES = 2**30


@dataclass(frozen=True)
class Wiring:
    """How a run is carried out; no effect on its result.

    Parameters
    ----------
    scheduler
        Address of a dask scheduler. Without one, the variable DASK_SCHEDULER_ADDRESS counts, then a client
        that the caller has made, and else this machine does the work.
    progress
        Draw a progress bar on standard error.
    tenths
        On a cluster, the log reports each tenth of the tasks.
    log
        Gets a sentence now and then.
    processes
        On this machine, let processes do what holds Python's lock; that needs a script whose main part is
        guarded by ``if __name__ == "__main__"``. Everything else is left to threads.
    client, pool
        Client of a cluster, or what starts processes on this machine; both from `connected`.
    """

    scheduler: str | None = None
    progress: bool = False
    tenths: bool = True
    log: Callable[[str], None] = lambda _text: None
    processes: bool = False
    client: Any = None
    pool: Callable[[], ProcessPoolExecutor] | None = None

    @contextmanager
    def connected(self) -> Iterator[Wiring]:
        """Give this wiring with a client, or else with processes, so that a run begins with them once.

        Raises
        ------
        ConfigError
            Nothing answers at the address, no worker is there, or the workers have another version.
        """
        if self.client is not None or self.pool is not None:
            yield self
            return
        address = self.scheduler or os.environ.get("DASK_SCHEDULER_ADDRESS")
        with _connect(address) as client, ExitStack() as stack:
            if client is not None:
                _check_workers(client)
            # They are started when there is work for them.
            pool = cache(lambda: stack.enter_context(_processes()))
            yield replace(self, client=client, pool=pool)

    def slots(self) -> int:
        """Tasks that run at once."""
        slots: int = CPU_COUNT if self.client is None else sum(self.client.nthreads().values())
        return max(1, slots)

    def run(
        self,
        task: Callable[..., Any],
        items: Iterable[Any],
        *,
        locked: bool = False,
        waiting: bool = False,
        **options: Any,
    ) -> list[Any]:
        """Call ``task(item, **options)`` for every item and return the results in order.

        Parameters
        ----------
        locked
            The task holds Python's lock, so that threads would wait for each other: where there are no
            processes either, the tasks run one after the other.
        waiting
            The task waits now and then, for disks, networks or Python's lock; see `threads_here`.
        """
        items = list(items)
        call = partial(task, **options)
        if not items:
            return []
        if self.client is not None:
            return _run_on_cluster(call, items, self.client, self.log, tenths=self.tenths)
        # As arguments, items would be searched for other tasks, which takes longer than some tasks.
        calls = [dask.delayed(partial(call, item), pure=False, traverse=False)() for item in items]
        with ProgressBar(out=sys.stderr) if self.progress else nullcontext():
            scheduler = self._scheduler(locked and len(items) > 1, waiting)
            return list(dask.compute(*calls, scheduler=scheduler))

    def _scheduler(self, locked: bool, waiting: bool) -> Any:
        """What dask is to use on this machine."""
        if not locked:
            # The name "threads" would do as well, but makes dask import distributed, which costs a second.
            return partial(dask.threaded.get, num_workers=threads_here()) if waiting else dask.threaded.get
        return self.pool() if self.pool and self.processes and CPU_COUNT > 1 else dask.get


def threads_here() -> int:
    """Threads for tasks that wait now and then: one more than processors, unless dask was told a number."""
    return int(dask.config.get("num_workers", None) or CPU_COUNT + 1)


@contextmanager
def _processes() -> Iterator[ProcessPoolExecutor]:
    """Processes on this machine, as many as it has processors and memory for."""
    from distributed.system import MEMORY_LIMIT  # noqa: PLC0415 - importing it costs a second

    number = max(1, min(CPU_COUNT, MEMORY_LIMIT // _WORKER_BYTES))
    context = multiprocessing.get_context("spawn")
    try:
        with ProcessPoolExecutor(number, context, initializer=_end_with_parent) as pool:
            yield pool
    except BrokenProcessPool as error:
        raise ClusterError(
            "a worker process was ended, perhaps because memory ran out; "
            "run the same command again: what was read is kept"
        ) from error


def _end_with_parent() -> None:
    """End this process when the one that started it is gone: it would wait for work for ever."""
    parent = multiprocessing.parent_process()

    def watch() -> None:
        if parent is not None:
            parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _run_on_cluster(
    call: Callable[..., Any], items: list[Any], client: Any, log: Callable[[str], None], *, tenths: bool
) -> list[Any]:
    from distributed import KilledWorker  # noqa: PLC0415 - importing it costs a second

    futures = client.map(call, items, pure=False)
    told = 0
    try:
        for done, future in enumerate(as_they_end(futures, client, log), 1):
            # A task that failed ends the run at once; results are fetched together, which is quicker.
            if future.status != "finished":
                _raise_error(future)
            if tenths and done * 10 // len(items) > told:
                told = done * 10 // len(items)
                log(f"{done} of {len(items)} tasks done")
        return list(client.gather(futures))
    except KilledWorker as error:
        raise ClusterError(
            "a task has ended several workers, which may have too little memory; give them more, or set "
            "a smaller run.chunk_rows, run.task_pings or run.task_stops, and run the same command again"
        ) from error
    except (CancelledError, TaskCancelledError) as error:
        raise ClusterError(
            "the dask scheduler was lost; when it is back, run the same command again: it carries on"
        ) from error
    finally:
        client.cancel(futures)


def _raise_error(future: Any) -> None:
    try:
        future.result()
    except AisBerthsError as error:
        # Paths mean what they mean there.
        raise type(error)(f"{error} (this is what a worker of the cluster says)") from error


@contextmanager
def _connect(address: str | None) -> Iterator[Any]:
    if not address:
        yield _own_client()
        return
    from distributed import Client  # noqa: PLC0415 - importing it costs a second
    from distributed.comm import parse_address, parse_host_port  # noqa: PLC0415
    from distributed.comm.registry import get_backend  # noqa: PLC0415

    try:
        # A client that has begun with an address that is none does not end without a page of its own.
        scheme, place = parse_address(address)
        get_backend(scheme)
        if scheme != "inproc":
            parse_host_port(place)
        client = Client(address, set_as_default=False)
    # TypeError: a scheme, such as tls, for which something is not set.
    except (OSError, ValueError, TypeError) as error:
        raise ConfigError(
            f"no dask scheduler answers at {address} ({error}); start one, or take the address out of "
            "--scheduler or DASK_SCHEDULER_ADDRESS"
        ) from error
    with _without_tracebacks(), client:
        yield client


@contextmanager
def _without_tracebacks() -> Iterator[None]:
    """A lost scheduler becomes a sentence of ours; the client would print a page before it."""
    logger = logging.getLogger("distributed.client")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(level)


def _own_client() -> Any:
    if "distributed" not in sys.modules:
        return None
    from distributed import get_client, get_worker  # noqa: PLC0415 - already imported by the caller

    try:
        # Inside a task of a cluster: waiting for other tasks there, it would keep the place that they need.
        get_worker()
    except ValueError:
        pass
    else:
        return None
    try:
        client = get_client()
    except ValueError:
        return None
    if client.asynchronous:
        raise ConfigError(
            "the dask client that was made before the run is asynchronous, so a run cannot wait for it; "
            "make it without asynchronous=True, or give the address of its scheduler"
        )
    return client


def _check_workers(client: Any) -> None:
    # Some clusters start workers when there is work for them; this work needs no package.
    work = client.submit(abs, 0, pure=False)
    try:
        client.wait_for_workers(1, timeout=_PATIENCE_S)
    except TimeoutError as error:
        raise ConfigError(
            f"the dask scheduler has had no worker for {_PATIENCE_S} seconds; start some"
        ) from error
    finally:
        work.release()
    # The scheduler reads the descriptions of tasks, so it needs the package too.
    _ask("scheduler", client.run_on_scheduler)
    found = set(_ask("workers", client.run).values())
    if found != {__version__}:
        raise ConfigError(
            f"the dask workers have ais-berths {', '.join(sorted(found))}, expected {__version__} as here; "
            "install the same version"
        )


def _ask(who: str, ask: Callable[..., Any]) -> Any:
    """Let scheduler or workers call a function of this package."""
    try:
        return ask(_version)
    except OSError as error:
        raise ClusterError(
            "a dask worker was lost at the start, perhaps as it has too little memory; "
            "run the same command again"
        ) from error
    except Exception as error:  # dask gives what was raised there as it was, or its text only
        raise ConfigError(
            f"the dask {who} cannot use this package ({error}); install ais-berths {__version__} there too"
        ) from error


def _version() -> str:
    return __version__
