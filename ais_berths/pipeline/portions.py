"""Dividing stops into portions by place and by port, so that one portion is in memory at a time."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from ais_berths import schema
from ais_berths.atomic import whole_files
from ais_berths.evidence import in_portions
from ais_berths.export import open_parquet
from ais_berths.regions import Cubes, Portions, reach_m
from ais_berths.tables import read_part

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from ais_berths.config import Config
    from ais_berths.pipeline.job import Store
    from ais_berths.pipeline.shelves import DiskRoom
    from ais_berths.shelf import Shelf

_WHERE = ["mmsi", "lat", "lon", "pivot_lat", "pivot_lon"]
_FILES_AT_ONCE, _ROWS_AT_ONCE = 20, 50_000


@dataclass(frozen=True)
class Survey:
    """Number of stops of each ship that has any, by MMSI, and the portions by place."""

    n_stops: pd.Series
    portions: Portions

    @classmethod
    def of(cls, store: Store, config: Config) -> Survey:
        """Count the stops of a folder, which lie there by vessel."""
        side_m = reach_m(config)
        counted: Counter[Any] = Counter()
        cubes = [Cubes.of(schema.empty("stops"), side_m)]
        for path in parts_of(store, "stops"):
            some = schema.to_pandas(read_part(path, "stops", _WHERE))
            counted.update(some["mmsi"].value_counts().to_dict())
            cubes.append(Cubes.of(some, side_m))
            if len(cubes) > _FILES_AT_ONCE:
                cubes = [Cubes.added(cubes)]
        portions = Portions.of(Cubes.added(cubes), side_m, config.run.task_stops)
        n_stops = pd.Series(counted, dtype=np.int64).sort_index()
        # An index without rows may be of any type.
        return cls(n_stops.set_axis(n_stops.index.astype(np.int64)), portions)

    def lay_out(self, store: Store, room: DiskRoom) -> Shelf[pd.DataFrame]:
        """Put the stops of a folder into portions by place, each in the order of the ids."""
        laid = room.lay(len(self.portions))
        laid.put(schema.TABLES["stops"].empty_table(), np.zeros(0, dtype=np.int64))
        for path in parts_of(store, "stops"):
            stops = read_part(path, "stops").replace_schema_metadata()
            laid.put(stops, self.portions.number(schema.to_pandas(stops.select(["lat", "lon"]))))
        return room.laid(laid).each(_by_id)


def _by_id(stops: pd.DataFrame) -> pd.DataFrame:
    return stops.sort_values("stop_id", ignore_index=True)


@dataclass(frozen=True)
class PortGroups:
    """Ports in groups of about equal numbers of stops, in the order of their ids; no port comes last."""

    port_id: pd.Index[Any]
    group: NDArray[np.int64]

    @classmethod
    def of(cls, n_stops: pd.Series, most_stops: int) -> PortGroups:
        """Group ports by their numbers of stops, `most_stops` in a group; a port is never divided."""
        counts = n_stops.sort_index()
        return cls(counts.index, in_portions(counts.to_numpy(), most_stops))

    def __len__(self) -> int:
        return int(self.group.max(initial=-1)) + 2

    def spans(self) -> list[tuple[str, str]]:
        """First and last port of each group."""
        first = np.flatnonzero(np.diff(self.group, prepend=-1))
        last = np.append(first[1:], len(self.group))[: len(first)] - 1
        return list(zip(self.port_id[first], self.port_id[last], strict=True))

    def number(self, port_id: pd.Series) -> NDArray[np.int64]:
        """Group of each port."""
        return np.append(self.group, len(self) - 1)[self.port_id.get_indexer(pd.Index(port_id))]


def write_sorted(store: Store, name: str, drawers: Shelf[pd.DataFrame], order: list[str]) -> int:
    """Write a table from drawers in their order, sorting each; return the number of rows."""
    number, waiting = 0, []
    with open_parquet(store.table(name), name) as write:
        for drawer, rows in enumerate(drawers, 1):
            number += len(rows)
            waiting.append(rows.sort_values(order, ignore_index=True))
            if drawer == len(drawers) or sum(map(len, waiting)) >= _ROWS_AT_ONCE:
                write(pd.concat(waiting, ignore_index=True))
                waiting = []
    return number


def parts_of(store: Store, name: str) -> list[Path]:
    """Files of a table that was written by bucket of vessels."""
    return whole_files(store.parts, f"{name}-*.parquet")
