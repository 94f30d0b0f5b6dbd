"""Waiting for the tasks of a cluster, with a word when nobody works on them: dask itself says none."""

from __future__ import annotations

import time
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any

from ais_berths.errors import ClusterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_LOOK_S = 5.0
_REMIND_S = 600.0
# Workers of a busy platform may stand in a queue for a while; but nobody reads the log of a job by night.
_GIVE_UP_S = 3600.0

_GONE = "the cluster has had no worker", "start some"
_PAUSED = (
    "all workers of the cluster have been paused, as their memory is nearly full,",
    "give them more, or set a smaller run.chunk_rows, run.task_pings or run.task_stops",
)


def as_they_end(futures: Sequence[Any], client: Any, log: Callable[[str], None]) -> Iterator[Any]:
    """Give each future when it has ended, well or not.

    Parameters
    ----------
    futures
        Tasks of a cluster.
    client
        The client that sent them there.
    log
        Gets a sentence when no worker has worked for some seconds, and when one is back.

    Raises
    ------
    ClusterError
        No worker came back for an hour.
    """
    ended: SimpleQueue[Any] = SimpleQueue()
    for future in futures:
        future.add_done_callback(ended.put)
    patience = Patience(log)
    for _ in futures:
        while (future := _next(ended)) is None:
            patience.look(_trouble(client))
        patience.look(None)
        yield future


class Patience:
    """What is said while no worker works.

    Parameters
    ----------
    log
        Gets the sentences.

    Examples
    --------
    >>> patience = Patience(print)
    >>> trouble = "the cluster has had no worker", "start some"
    >>> patience.look(trouble, 100.0)
    >>> patience.look(trouble, 105.0)  # doctest: +ELLIPSIS
    the cluster has had no worker for 5 seconds; start some. The run waits, and goes on ...
    >>> patience.look(trouble, 110.0)
    >>> patience.look(None, 115.0)
    a worker is there again: the run goes on
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._since: float | None = None
        self._told: float | None = None

    def look(self, trouble: tuple[str, str] | None, now: float | None = None) -> None:
        """Say what there is to say, given why no worker works, if so."""
        now = time.monotonic() if now is None else now
        if trouble is None:
            if self._told is not None:
                self._log("a worker is there again: the run goes on")
            self._since = self._told = None
            return
        # Not at once: a worker that is started again is away for a moment.
        if self._since is None:
            self._since = now
            return
        what, help_ = trouble
        waited = now - self._since
        if waited >= _GIVE_UP_S:
            raise ClusterError(
                f"{what} for {_GIVE_UP_S / 60:.0f} minutes; {help_}, and run the same command again: "
                "it carries on"
            )
        if self._told is None or now - self._told >= _REMIND_S:
            self._told = now
            self._log(
                f"{what} for {waited:.0f} seconds; {help_}. The run waits, and goes on when one is back; "
                "if you end it (Ctrl-C), the same command carries on later"
            )


def _next(ended: SimpleQueue[Any]) -> Any:
    try:
        return ended.get(timeout=_LOOK_S)
    except Empty:
        return None


def _trouble(client: Any) -> tuple[str, str] | None:
    """Why no worker works, if so."""
    try:
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
    except OSError:
        # The scheduler is lost, which its client notices by itself.
        return None
    if not workers:
        return _GONE
    return _PAUSED if all(worker["status"] == "paused" for worker in workers) else None
