"""Shelves: one item for each portion of stops, and tasks that work on one portion at a time.

Here the items are in memory and the tasks run one after the other. The pipeline keeps them on disk and lets
workers run the tasks: a task depends on nothing but its arguments.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, TypeVar

import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")
U = TypeVar("U")


class Shelf(Generic[T]):
    """Items in the order of their portions.

    Examples
    --------
    >>> lengths = Shelf([100.0, 180.0])
    >>> list(lengths.each(max, Shelf([150.0, 150.0])))
    [150.0, 180.0]
    """

    def __init__(self, items: Iterable[T] = ()) -> None:
        self._items = list(items)

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        return (self[at] for at in range(len(self)))

    def __getitem__(self, at: int) -> T:
        return self._items[at]

    def each(self, task: Callable[..., U], *beside: Shelf[Any], **same: Any) -> Shelf[U]:
        """Call ``task(item, *items beside, **same)`` for every portion.

        Parameters
        ----------
        task
            A function of a module, which neither changes its arguments nor remembers anything.
        beside
            Shelves of the same portions.
        same
            Arguments that are the same in every call.

        Returns
        -------
        The results, one for each portion.
        """
        return Shelf(task(*items, **same) for items in zip(self, *beside, strict=True))


class Room:
    """Makes shelves: here in memory."""

    def shelf(self, items: Iterable[T]) -> Shelf[T]:
        """Put items on a shelf."""
        return Shelf(items)

    def by_ship(self, tables: Iterable[pd.DataFrame]) -> Shelf[pd.DataFrame]:
        """Sort the rows of all tables into portions by ship, all rows of a ship together."""
        return Shelf([pd.concat(list(tables), ignore_index=True)])
