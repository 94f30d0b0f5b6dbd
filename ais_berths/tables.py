"""Reading the tables of a result folder back: each must be whole, of this layout and with these columns."""

from __future__ import annotations

import json
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zipfile import BadZipFile

import geopandas as gpd
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ais_berths import schema
from ais_berths.errors import AisBerthsError, InputError, OutputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# Files that a run writes beside its tables.
_BESIDE = {
    *("berths.geojson", "quays.geojson", "anchorages.geojson"),
    *("indicators.csv", "quality.csv", "run.json"),
}


def read_table(
    path: Path, table: str, columns: Sequence[str] | None = None, *, ports: tuple[str, str] | None = None
) -> pd.DataFrame:
    """Read a table from Parquet.

    Parameters
    ----------
    path
        The file.
    table
        A name from `schema.TABLES`.
    columns
        The ones that are wanted; all by default.
    ports
        Read from the first to the last of these ports only: few row groups, as tables are sorted by port.

    Raises
    ------
    InputError
        The file is missing or damaged, was written with another layout, or is another table.
    """
    with whole(path):
        with pq.ParquetFile(path) as file:
            check_layout(file.schema_arrow, table, path)
            if ports is None:
                return schema.to_pandas(file.read(columns))
        only = (pc.field("port_id") >= ports[0]) & (pc.field("port_id") <= ports[1])
        return schema.to_pandas(pq.read_table(path, columns=columns, filters=only, partitioning=None))


def read_span(path: Path, table: str, first: str, last: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """Least time of one column and greatest of another, from the statistics of a file; None without rows."""
    with whole(path), pq.ParquetFile(path) as file:
        check_layout(file.schema_arrow, table, path)
        groups = [file.metadata.row_group(number) for number in range(file.num_row_groups)]
        names = [file.schema_arrow.get_field_index(name) for name in (first, last)]
        ends = [[group.column(name).statistics for group in groups] for name in names]
        known = [[end for end in some if end is not None and end.has_min_max] for some in ends]
    if not all(known):
        return None
    return pd.Timestamp(min(end.min for end in known[0])), pd.Timestamp(max(end.max for end in known[1]))


def read_slices(path: Path, table: str, columns: Sequence[str] | None = None) -> Iterator[pd.DataFrame]:
    """Read a table from Parquet, a row group at a time, at least one; see `read_table`."""
    with whole(path), pq.ParquetFile(path) as file:
        check_layout(file.schema_arrow, table, path)
        for number in range(file.num_row_groups):
            yield schema.to_pandas(file.read_row_group(number, columns))
        if not file.num_row_groups:
            yield schema.to_pandas(file.read(columns))


def read_parts(paths: Sequence[Path], table: str) -> pd.DataFrame:
    """Read a table that was written in parts, in the order of the files; see `read_table`."""
    parts = (read_part(path, table) for path in paths)
    return schema.to_pandas(pa.concat_tables([schema.TABLES[table].empty_table(), *parts]))


def read_part(path: Path, table: str, columns: Sequence[str] | None = None) -> pa.Table:
    """Read one of the parts that a table was written in; see `read_table`."""
    with whole(path), pq.ParquetFile(path) as file:
        check_layout(file.schema_arrow, table, path)
        return file.read(columns)


def read_places(path: Path, table: str) -> gpd.GeoDataFrame:
    """Read a table with shapes from GeoParquet; see `read_table`."""
    with whole(path):
        check_layout(pq.read_schema(path), table, path)
        return read_shapes(path)


def read_shapes(path: Path) -> gpd.GeoDataFrame:
    """Read GeoParquet; a folder in its path that is called ``year=2024`` or so is no column."""
    return gpd.read_parquet(path, partitioning=None)


def check_tables(folder: Path, *tables: str) -> None:
    """Raise where a result folder lacks some tables.

    Raises
    ------
    InputError
        Naming the files that are missing.
    """
    missing = [f"{table}.parquet" for table in tables if not (folder / f"{table}.parquet").is_file()]
    if missing:
        raise InputError(
            f"the folder {folder} holds no {', '.join(missing)}; "
            f"run `ais-berths detect ... --out {folder}` first"
        )


def read_record(path: Path) -> dict[str, Any]:
    """Read the record of a run; it is empty where there is none.

    Raises
    ------
    InputError
        The file is damaged.
    """
    if not path.is_file():
        return {}
    try:
        run = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"the run record {path} cannot be read: {error}") from error
    return run if isinstance(run, dict) else {}


def settings_of(run: dict[str, Any]) -> dict[str, Any]:
    """Settings of a run record by section; `ais-berths calls` may have changed two of them since the run."""
    settings: dict[str, Any] = run.get("job", {}).get("config", {})
    calls = run.get("calls", {})
    return settings | {name: calls[name] for name in ("calls", "indicators") if name in calls}


def indicators_minimum(run: dict[str, Any]) -> int:
    """Fewest ships of a figure that the indicators of a run show; 1 where nobody knows.

    Examples
    --------
    >>> indicators_minimum({"job": {"config": {"indicators": {"min_vessels": 3}}}}), indicators_minimum({})
    (3, 1)
    """
    return int(settings_of(run).get("indicators", {}).get("min_vessels", 1))


def check_apart(out: str | Path, path: str | Path) -> None:
    """Raise where a file that somebody wants written is one of the tables of a result folder itself.

    Raises
    ------
    OutputError
        With the advice to choose another name.
    """
    folder, file = Path(out).resolve(), Path(path).resolve()
    inner = file.is_relative_to(folder / "pings") or file.is_relative_to(folder / "state")
    own = _BESIDE | {f"{table}.parquet" for table in schema.TABLES}
    if inner or (file.parent == folder and file.name in own):
        raise OutputError(f"{path} belongs to the results in {out} themselves; choose another name or folder")


@contextmanager
def whole(path: Path) -> Iterator[None]:
    """Tell in plain words, as an InputError, that a file which this package wrote is missing or damaged."""
    try:
        yield
    except AisBerthsError:
        raise
    except (OSError, ValueError, EOFError, BadZipFile, pa.ArrowException) as error:
        raise InputError(
            f"{path} cannot be read: {' '.join(str(error).split())}; run the command that made it again; if "
            "that does not help, run `ais-berths detect --overwrite`"
        ) from error


def check_layout(found: pa.Schema, table: str, source: object) -> None:
    """Raise where a file is not of this version's layout of `table`; further columns do no harm.

    Raises
    ------
    InputError
        Naming both versions, or the columns that differ.

    Examples
    --------
    >>> old = schema.QUALITY.with_metadata({"ais_berths_schema": "0"})
    >>> check_layout(old, "quality", "quality.parquet")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    ais_berths.errors.InputError: quality.parquet has table layout 0, this version has ...
    """
    version = (found.metadata or {}).get(b"ais_berths_schema", schema.SCHEMA_VERSION.encode()).decode()
    if version != schema.SCHEMA_VERSION:
        raise InputError(
            f"{source} has table layout {version}, this version has {schema.SCHEMA_VERSION}; make it anew "
            "with `ais-berths detect --overwrite`, or use the version that made it"
        )
    kinds = dict(zip(found.names, found.types, strict=True))
    wrong = [
        f"{field.name} is {kinds.get(field.name, 'missing')}, expected {field.type}"
        for field in schema.TABLES[table]
        if kinds.get(field.name) != field.type
    ]
    if wrong:
        raise InputError(f"{source} is not a table '{table}' of this version: {'; '.join(wrong[:5])}")
