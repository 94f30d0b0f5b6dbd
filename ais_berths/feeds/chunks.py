"""Cutting the input into chunks: pieces of a file that one task reads in one go.

A Parquet file is cut between row groups, plain delimited text at line ends; compressed text and NMEA
files are read whole, because they cannot be entered in the middle.
"""

from __future__ import annotations

import contextlib
import csv
import datetime as dt
import itertools
import re
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import pyarrow.parquet as pq

from ais_berths.errors import InputError
from ais_berths.feeds.days import Window, as_utc
from ais_berths.feeds.failures import plain_words, show
from ais_berths.feeds.files import (
    InputFile,
    codec_of,
    open_binary,
    open_stream,
    zip_members,
)
from ais_berths.feeds.points import list_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import pyarrow as pa

    from ais_berths.feeds.mapping import Feed

    Box = tuple[float, float, float, float]

_HEAD_BYTES = 1 << 18
_UTF16 = (b"\xff\xfe", b"\xfe\xff")
_SEPARATORS = (",", ";", "\t", "|")
_SENTENCE = re.compile(rb"![A-Z]{2}VD[MO],")
# How much text shrinks when compressed, about; used only to estimate numbers of rows.
_SHRINKING = 5
_BINARY_SHARE = 0.002
_THREADS = 8
_NO = (False, False)
_SEEN = ("lat", "lon", "time", "static_only")


@dataclass(frozen=True)
class Chunk:
    """A piece of an input file; small, and safe to send to another process.

    Parameters
    ----------
    path, fingerprint
        The file, see `InputFile`.
    kind
        What the content is.
    codec, member
        Compression, and the file inside a zip.
    row_groups
        Parquet row groups to read.
    start, stop
        First byte, and the byte after the last, of plain delimited text; both 0 for the whole file.
    header
        Column names of delimited text.
    header_bytes
        Length of the header line, to be skipped where the chunk begins with it.
    separator
        Character between columns of delimited text.
    rows
        Rows to read; exact for Parquet, an estimate for text.
    skipped_rows
        Rows of the file that need not be read, as the statistics of their row groups put them outside
        the boxes or the period. Exact; counted once, on the file's first chunk.
    """

    # Not shown: it may hold a password.
    path: str = field(repr=False)
    fingerprint: str
    kind: Literal["parquet", "csv", "nmea"]
    codec: str = ""
    member: str = ""
    row_groups: tuple[int, ...] = ()
    start: int = 0
    stop: int = 0
    header: tuple[str, ...] = ()
    header_bytes: int = 0
    separator: str = ","
    rows: int = 0
    skipped_rows: int = 0

    @property
    def label(self) -> str:
        """The file, and the member in a zip, for messages."""
        return show(f"{self.path} ({self.member})" if self.member else self.path)


OUTSIDE = "outside_area"
"""Rows that were left out because they lie outside the cells that were asked for."""


class Batch(NamedTuple):
    """Some rows of a chunk under the column names of the source.

    Parameters
    ----------
    table
        The rows.
    counts
        Rows that are not in it, by reason: those lost while reading (see `REASONS`), and `OUTSIDE`.
    """

    table: pa.Table
    counts: dict[str, int]


def plan_chunks(
    files: Sequence[InputFile],
    feed: Feed,
    chunk_rows: int = 1_000_000,
    start: dt.datetime | None = None,
    end: dt.datetime | None = None,
    boxes: Iterable[Box] | None = None,
) -> list[Chunk]:
    """Cut files into chunks of about `chunk_rows` rows.

    Every file is opened once, so that a damaged file or a missing column is noticed before work begins.

    Parameters
    ----------
    files
        As `list_inputs` returns them.
    feed
        What they contain.
    chunk_rows
        Rows of a chunk, about; a row group, a compressed file or an NMEA file is never cut.
    start, end
        Period of the position times wanted (UTC). Files in ``year=/month=/day=`` folders of other days are
        left out, with the margin that the feed sets; row groups whose statistics lie outside are skipped.
    boxes
        ``(west, south, east, north)`` in degrees, west above east across the antimeridian: row groups
        whose statistics lie outside all of them are skipped.

    Returns
    -------
    Chunks in the order of the files.

    Raises
    ------
    InputError
        A file is damaged, or no table or NMEA text.
    MissingColumnsError
        A file lacks MMSI, time or position under the names that the feed knows.
    """
    margin = feed.partitions
    window = Window.around(start, end, margin.days_before, margin.days_after)
    wanted = [file for file in files if window.meets(file.path)]
    plan = partial(
        _plan_file,
        feed=feed,
        chunk_rows=chunk_rows,
        period=(as_utc(start), as_utc(end)),
        boxes=None if boxes is None else list(boxes),
    )
    with ThreadPoolExecutor(min(_THREADS, max(1, len(wanted)))) as pool:
        return [chunk for chunks in pool.map(plan, wanted) for chunk in chunks]


def inspect(file: InputFile, feed: Feed | None = None) -> list[Chunk]:
    """Look into a file and return one chunk for the whole of it, or one for each file in a zip.

    `feed` helps with delimited text whose header or separator it sets.

    Raises
    ------
    InputError
        The file is damaged, or neither Parquet nor text.
    """
    head = b"PAR1"
    if not file.path.endswith(".parquet"):
        with plain_words(file.path), open_binary(file.path) as handle:
            head = handle.read(4)
    if head == b"PAR1":
        return [Chunk(file.path, file.fingerprint, "parquet")]
    codec = codec_of(head)
    members = zip_members(file.path) if codec == "zip" else [""]
    size = file.size * (_SHRINKING if codec else 1) // len(members)
    return [_inspect_text(Chunk(file.path, file.fingerprint, "csv", codec, m), size, feed) for m in members]


def _plan_file(
    file: InputFile,
    feed: Feed,
    chunk_rows: int,
    period: tuple[dt.datetime | None, dt.datetime | None],
    boxes: list[Box] | None,
) -> list[Chunk]:
    chunks: list[Chunk] = []
    for whole in inspect(file, feed):
        expected = "nmea" if feed.kind == "nmea" else "a table"
        if (whole.kind == "nmea") != (feed.kind == "nmea"):
            found = "NMEA sentences" if whole.kind == "nmea" else "a table"
            raise InputError(
                f"{whole.label} holds {found}, and the feed '{feed.name}' expects {expected}; "
                "read files of different kinds one kind at a time"
            )
        if whole.kind == "parquet":
            chunks += _plan_parquet(whole, feed, chunk_rows, period, boxes)
        elif whole.kind == "csv":
            feed.require(whole.header, whole.label)
            chunks += _plan_lines(whole, file.size, chunk_rows)
        else:
            chunks.append(whole)
    return chunks


# Parquet ------------------------------------------------------------------------------------------


@contextlib.contextmanager
def open_parquet(
    path: str, read_dictionary: Sequence[str] = (), metadata: pq.FileMetaData | None = None
) -> Iterator[pq.ParquetFile]:
    """Open a Parquet file, local or remote; with `metadata` its footer need not be read again."""
    remote = "://" in path
    with contextlib.ExitStack() as stack:
        # Arrow closes what it opened itself, and nothing else.
        source = stack.enter_context(open_binary(path)) if remote else path
        texts = list(read_dictionary)
        yield stack.enter_context(
            pq.ParquetFile(source, metadata=metadata, read_dictionary=texts, pre_buffer=remote)
        )


def _plan_parquet(
    whole: Chunk,
    feed: Feed,
    chunk_rows: int,
    period: tuple[dt.datetime | None, dt.datetime | None],
    boxes: list[Box] | None,
) -> list[Chunk]:
    with plain_words(whole.path), open_parquet(whole.path) as file:
        names = list_columns(file.schema_arrow)
        meta = file.metadata
    found = feed.require(names, whole.label)
    at = {meta.schema.column(i).path: i for i in range(meta.num_columns)}
    chunks: list[Chunk] = []
    groups: list[int] = []
    rows = skipped = 0
    for group in range(meta.num_row_groups):
        description = meta.row_group(group)
        n = description.num_rows
        fields: list[str] = [name for name in _SEEN if name in found]
        ranges = {name: _range(description, at.get(found[name])) for name in fields}
        if _is_outside(ranges, feed, period, boxes):
            skipped += n
            continue
        if groups and rows + n > chunk_rows:
            chunks.append(replace(whole, row_groups=tuple(groups), rows=rows))
            groups, rows = [], 0
        groups.append(group)
        rows += n
    if groups or (skipped and not chunks):
        chunks.append(replace(whole, row_groups=tuple(groups), rows=rows))
    if skipped:
        chunks[0] = replace(chunks[0], skipped_rows=skipped)
    return chunks


def _range(group: Any, column: int | None) -> tuple[Any, Any] | None:
    stats = None if column is None else group.column(column).statistics
    if stats is None or not stats.has_min_max or stats.null_count:
        return None
    try:
        return stats.min, stats.max
    except (OverflowError, ValueError):
        # A time beyond the years that Python knows.
        return None


def _is_outside(
    ranges: dict[str, tuple[Any, Any] | None],
    feed: Feed,
    period: tuple[dt.datetime | None, dt.datetime | None],
    boxes: list[Box] | None,
) -> bool:
    lat, lon, time = ranges["lat"], ranges["lon"], ranges["time"]
    start, end = period
    if time and isinstance(time[0], dt.datetime) and (time[0].tzinfo or feed.time.zone == "UTC"):
        first, last = (as_utc(stamp) for stamp in time)
        if (start and last and last < start) or (end and first and first >= end):
            return True
    # Ship data has no place: whatever stands there says nothing.
    if boxes is None or feed.units.position != "deg" or ranges.get("static_only", _NO) != _NO:
        return False
    if not (lat and lon and _are_places(lat, 90.0, feed, "lat") and _are_places(lon, 180.0, feed, "lon")):
        return False
    return not any(_meets(lat, lon, box) for box in boxes)


def _are_places(ends: tuple[Any, Any], limit: float, feed: Feed, name: str) -> bool:
    """Tell whether all between two values are degrees, and none stands for a missing one."""
    low, high = ends
    if not isinstance(low, float) or not isinstance(high, float) or low < -limit or high > limit:
        return False
    return not any(low <= marker <= high for marker in feed.rules.missing.get(name, ()))


def _meets(lat: Any, lon: Any, box: Box) -> bool:
    west, south, east, north = box
    if lat[0] > north or lat[1] < south:
        return False
    if west <= east:
        return bool(lon[0] <= east and lon[1] >= west)
    return bool(lon[0] <= east or lon[1] >= west)


# text ---------------------------------------------------------------------------------------------


def _inspect_text(chunk: Chunk, size: int, feed: Feed | None) -> Chunk:
    with open_stream(chunk.path, chunk.codec, chunk.member) as stream:
        head = _read_head(stream)
    if not head:
        raise InputError(f"{chunk.label} is empty; get a fresh copy of the file or take it out")
    if head.startswith(_UTF16):
        raise InputError(f"{chunk.label} is text in UTF-16; save it as UTF-8")
    # A single zero byte may be part of a ship's name.
    if head.count(0) > len(head) * _BINARY_SHARE:
        raise InputError(f"{chunk.label} is neither Parquet, CSV nor NMEA text; give a file of these kinds")
    rows = max(1, size * (head.count(b"\n") or 1) // len(head))
    if _SENTENCE.search(head):
        return replace(chunk, kind="nmea", rows=rows)
    line = head.partition(b"\n")[0] + b"\n"
    text = line.decode("utf-8-sig", "replace").strip("\r\n")
    separator = (feed.csv.separator if feed else None) or max(_SEPARATORS, key=text.count)
    if feed and feed.csv.header:
        return replace(chunk, header=feed.csv.header, separator=separator, rows=rows)
    if b"\r" in line[:-2]:
        raise InputError(f"{chunk.label} has carriage returns for line ends; save it with ordinary line ends")
    try:
        names = next(csv.reader([text], delimiter=separator), [])
    except csv.Error as error:
        raise InputError(f"the first line of {chunk.label} holds no column names ({error})") from error
    header = tuple(name.strip() for name in names)
    return replace(chunk, header=header, header_bytes=len(line), separator=separator, rows=rows)


def _read_head(stream: Any) -> bytes:
    head = b""
    while len(head) < _HEAD_BYTES:
        more = bytes(stream.read(_HEAD_BYTES - len(head)))
        if not more:
            break
        head += more
    return head


def _plan_lines(whole: Chunk, size: int, chunk_rows: int) -> list[Chunk]:
    if whole.codec or whole.rows <= chunk_rows:
        return [whole]
    step = max(1, size * chunk_rows // whole.rows)
    cuts = [0]
    with plain_words(whole.path), open_binary(whole.path) as handle:
        while cuts[-1] + step < size:
            handle.seek(cuts[-1] + step)
            handle.readline()
            cuts.append(handle.tell())
    cuts = [*(cut for cut in cuts if cut < size), size]
    return [
        replace(whole, start=a, stop=b, rows=max(1, whole.rows * (b - a) // size))
        for a, b in itertools.pairwise(cuts)
    ]
