"""Reading Parquet: only the columns that are needed, and of those only the rows that may lie near ports.

Most rows of the world's archive are ships at sea. Positions are decoded first and looked up in a grid of
tiles of a quarter of a degree; the other columns, text above all, are decoded only for the rows that are
left. That is done by polars, which reads Parquet by rows as well as by columns.
"""

from __future__ import annotations

import re
import zoneinfo
from functools import cache
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
from polars.exceptions import PanicException, PolarsError

from ais_berths.feeds.chunks import OUTSIDE, Batch, open_parquet
from ais_berths.feeds.points import LAT_LON, find_points, unpack_points
from ais_berths.raster import TILE_STRIDE, TILES_PER_DEG

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import pyarrow.parquet as pq

    from ais_berths.feeds.chunks import Chunk
    from ais_berths.feeds.mapping import Feed
    from ais_berths.raster import CellFilter

# Row groups of up to this many batches are read whole, because that is quicker.
_WHOLE_GROUPS = 4


def read_parquet(
    chunk: Chunk,
    feed: Feed,
    schema: pa.Schema,
    metadata: pq.FileMetaData,
    sources: list[str],
    near: CellFilter | None,
    batch_rows: int,
    *,
    threads: bool,
) -> Iterator[Batch]:
    """Read a chunk of Parquet; see `iter_batches` for the parameters.

    `schema` and `metadata` are those of the file, `sources` the columns that are needed. Rows are left out
    only from local files, where reading more than is needed costs decoding and nothing else, and only where
    positions are floats in degrees.
    """
    wanted = None
    if near is not None and "://" not in chunk.path and _is_plain(schema):
        wanted = _near(schema, feed, near)
    if wanted is None:
        yield from _read_groups(chunk, schema, metadata, sources, batch_rows, threads=threads)
        return
    scan = pl.scan_parquet(chunk.path, glob=False, hive_partitioning=False)
    for first, rows in _spans(metadata, chunk.row_groups, _WHOLE_GROUPS * batch_rows):
        try:
            found = scan.slice(first, rows).filter(wanted).select(sources).collect(engine="streaming")
        except (PolarsError, PanicException) as error:
            raise pa.ArrowInvalid(str(error)) from error
        table = _to_arrow(found)
        yield Batch(table, {OUTSIDE: rows - table.num_rows})


def _to_arrow(found: pl.DataFrame) -> pa.Table:
    """Text as polars holds it: it would be copied here, and copied back to find distinct ship data.

    Arrow cannot do the same yet with bytes and with the words of categories.
    """
    others = any(kind.base_type() in (pl.Binary, pl.Categorical, pl.Enum) for kind in found.dtypes)
    newest = _reads_views() and not others
    return found.to_arrow(compat_level=pl.CompatLevel.newest() if newest else pl.CompatLevel.oldest())


@cache
def _reads_views() -> bool:
    """Whether this version of Arrow can convert text as polars holds it."""
    try:
        pa.array([""], pa.string_view()).cast(pa.large_binary())
    except pa.ArrowNotImplementedError:
        return False
    return True


def _read_groups(
    chunk: Chunk,
    schema: pa.Schema,
    metadata: pq.FileMetaData,
    sources: list[str],
    batch_rows: int,
    *,
    threads: bool,
) -> Iterator[Batch]:
    """Read all rows, text as dictionaries."""
    points = find_points(schema)
    stored = [name for name in sources if points is None or name not in LAT_LON]
    texts = [name for name in stored if schema.field(name).type in (pa.string(), pa.large_string())]
    stored += [points] if points and points not in stored else []
    with open_parquet(chunk.path, texts, metadata) as file:
        for group in chunk.row_groups:
            if metadata.row_group(group).num_rows <= _WHOLE_GROUPS * batch_rows:
                table = file.read_row_group(group, columns=stored, use_threads=threads)
                yield Batch(unpack_points(_whole(table), points, sources), {})
                continue
            pieces = file.iter_batches(batch_rows, row_groups=[group], columns=stored, use_threads=threads)
            for piece in pieces:
                yield Batch(unpack_points(_whole(pa.Table.from_batches([piece])), points, sources), {})


def _whole(table: pa.Table) -> pa.Table:
    """Return the table, unless texts have codes that their dictionary lacks: reading does not notice that."""
    for column in table.itercolumns():
        for part in column.chunks if pa.types.is_dictionary(column.type) else ():
            largest = pc.max(part.indices).as_py()
            if largest is not None and largest >= len(part.dictionary):
                raise pa.ArrowInvalid("a text is not in the dictionary of its column")
    return table


def _is_plain(schema: pa.Schema) -> bool:
    """Tell whether polars can read the file, not Arrow alone.

    It knows no repeated column names, no zero bytes in them, and of time zones only those with a name.

    Examples
    --------
    >>> _is_plain(pa.schema({"t": pa.timestamp("us", "UTC")}))
    True
    >>> _is_plain(pa.schema({"t": pa.timestamp("us", "+05:30")}))
    False
    """
    names = schema.names
    # Lists and structures may hold times too.
    zones = set(re.findall(r"tz=([^\]]+)\]", " ".join(map(str, schema.types)))) - {"UTC"}
    known = not zones or zones <= zoneinfo.available_timezones()
    return known and len(set(names)) == len(names) and not any("\0" in name for name in names)


def _near(schema: pa.Schema, feed: Feed, cells: CellFilter) -> pl.Expr | None:
    """Rows on a tile that may hold some of the cells, and those whose position needs a closer look."""
    if find_points(schema):
        return None
    found = feed.resolve(schema.names)
    kinds = {schema.field(found[name]).type for name in ("lat", "lon")}
    if feed.units.position != "deg" or not kinds <= {pa.float32(), pa.float64()}:
        return None
    if "static_only" in found and schema.field(found["static_only"]).type != pa.bool_():
        return None
    lat, lon = (pl.col(found[name]).cast(pl.Float64) for name in ("lat", "lon"))
    row, column = (
        (degrees * TILES_PER_DEG + half * TILES_PER_DEG).cast(pl.Int32, wrap_numerical=True)
        for degrees, half in ((lat, 90), (lon, 180))
    )
    far = ~(row * TILE_STRIDE + column).is_in(pl.Series(cells.tiles).implode())
    far &= lat.is_between(-90.0, 90.0) & lon.is_between(-180.0, 180.0)
    for name, degrees in (("lat", lat), ("lon", lon)):
        for marker in feed.rules.missing.get(name, ()):
            far &= degrees != marker
    if "static_only" in found:
        far &= ~pl.col(found["static_only"])
    return ~far.fill_null(value=False)


def _spans(metadata: pq.FileMetaData, groups: Sequence[int], most_rows: int) -> list[tuple[int, int]]:
    """First row and number of rows of what is read at once: neighbouring row groups, or parts of a large one.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> sizes = [5, 5, 5, 24]
    >>> some = SimpleNamespace(num_row_groups=4, row_group=lambda i: SimpleNamespace(num_rows=sizes[i]))
    >>> _spans(some, (0, 1, 3), 10)
    [(0, 10), (15, 12), (27, 12)]
    """
    sizes = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    starts = [0, *accumulate(sizes)]
    spans: list[tuple[int, int]] = []
    for group in groups:
        parts = max(1, round(sizes[group] / most_rows))
        cuts = [starts[group] + sizes[group] * part // parts for part in range(parts + 1)]
        if spans and sum(spans[-1]) == cuts[0] and cuts[-1] - spans[-1][0] <= most_rows:
            spans[-1] = (spans[-1][0], cuts[-1] - spans[-1][0])
        else:
            spans += [(a, b - a) for a, b in pairwise(cuts)]
    return spans
