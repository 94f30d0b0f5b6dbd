"""Reading chunks, batch by batch and with only the needed columns, in bounded memory."""

from __future__ import annotations

import itertools
import re
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pacsv

from ais_berths.errors import InputError
from ais_berths.feeds import sentences
from ais_berths.feeds.chunks import Batch, Chunk, open_parquet
from ais_berths.feeds.failures import plain_words
from ais_berths.feeds.files import open_stream
from ais_berths.feeds.parquet import read_parquet
from ais_berths.feeds.points import list_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ais_berths.feeds.mapping import Feed
    from ais_berths.raster import CellFilter

_ALWAYS = {"mmsi", "time", "lat", "lon", "transceiver", "message_type", "static_only", "cell"}
# Blocks of this size stay in the processor's cache while they are parsed.
_BLOCK_BYTES = 8 << 20
_LEAST_BYTES = 1 << 16
_LINE_BYTES = 100
_LONGEST_LINE = 1 << 26
# Decoded messages are Python objects until they are a table.
_MOST_MESSAGES = 50_000


def iter_batches(
    chunk: Chunk,
    feed: Feed,
    columns: Iterable[str] | None = None,
    *,
    resolution: int | None = None,
    near: CellFilter | None = None,
    batch_rows: int = 250_000,
    threads: bool = False,
) -> Iterator[Batch]:
    """Read a chunk.

    Parameters
    ----------
    chunk
        A piece of a file, from `plan_chunks`.
    feed
        What the columns mean.
    columns
        Fields that are needed (names as in `Columns`); all that the source has by default. Position, time
        and MMSI are always read.
    resolution
        Also read the H3 cells of this resolution, where the source has them.
    near
        Cells: rows that surely lie outside them may be left out, and are counted (Parquet files only).
    batch_rows
        Rows in memory at once, roughly. Parquet row groups up to four times as large are read whole, because
        that is quicker.
    threads
        Let pyarrow use all cores for each batch; leave it off where several tasks run side by side.

    Yields
    ------
    Batch
        An Arrow table with the raw columns, and the rows lost or left out by reason. Text comes as text,
        as dictionaries or, from CSV files, as bytes.

    Raises
    ------
    InputError
        The file turns out to be damaged.
    """
    wanted = None if columns is None else set(columns)
    with plain_words(chunk.label):
        if chunk.kind == "parquet":
            if chunk.row_groups:
                with open_parquet(chunk.path) as file:
                    schema, metadata = file.schema_arrow, file.metadata
                sources = _sources(list_columns(schema), chunk, feed, wanted, resolution)
                yield from read_parquet(
                    chunk, feed, schema, metadata, sources, near, batch_rows, threads=threads
                )
        elif chunk.kind == "csv":
            yield from _read_csv(chunk, feed, wanted, resolution, batch_rows, threads=threads)
        else:
            lines = (line for block in _blocks(chunk, batch_rows) for line in block.splitlines())
            yield from itertools.starmap(
                Batch, sentences.read_sentences(lines, min(batch_rows, _MOST_MESSAGES))
            )


def _sources(
    names: Iterable[str], chunk: Chunk, feed: Feed, wanted: set[str] | None, resolution: int | None
) -> list[str]:
    """Source columns of the wanted fields, each once."""
    present = list(names)
    feed.require(present, chunk.label)
    found = feed.resolve(present, resolution)
    if wanted is not None:
        found = {field: source for field, source in found.items() if field in wanted | _ALWAYS}
    return list(dict.fromkeys(found.values()))


# delimited text -----------------------------------------------------------------------------------


def _read_csv(
    chunk: Chunk,
    feed: Feed,
    wanted: set[str] | None,
    resolution: int | None,
    batch_rows: int,
    *,
    threads: bool,
) -> Iterator[Batch]:
    sources = _sources(chunk.header, chunk, feed, wanted, resolution)
    ways = _kinds(sources, feed, feed.resolve(chunk.header))
    parse = partial(_parse, chunk=chunk, decimal=feed.csv.decimal, threads=threads)
    for block in _blocks(chunk, batch_rows):
        while True:
            try:
                batch = parse(block, kinds=ways[0])
                break
            except pa.ArrowInvalid:
                if len(ways) == 1:
                    raise
                ways.pop(0)
        yield batch


def _kinds(sources: list[str], feed: Feed, found: dict[str, str]) -> list[dict[str, pa.DataType]]:
    """Types to read columns as, the quickest first: with all as text, a value that is none is lost alone."""
    text = dict.fromkeys(sources, pa.binary())
    places = {found[name]: pa.float64() for name in ("lat", "lon")}
    numbers = {found[name]: pa.float64() for name in ("sog", "cog", "heading") if name in found}
    if feed.rules.ids == "numbers":
        numbers[found["mmsi"]] = pa.int64()
    if feed.time.format == "iso":
        numbers[found["time"]] = pa.timestamp("us")
    numbers = {source: kind for source, kind in numbers.items() if source in text}
    return [text | numbers | places, text | places, text]


def _parse(
    block: bytes, kinds: dict[str, pa.DataType], chunk: Chunk, decimal: str, *, threads: bool
) -> Batch:
    lost: list[str] = []
    if not block.isascii():
        # Broken lines are handed over as text, which other encodings than UTF-8 cannot become.
        block = block.decode("utf-8", "replace").encode()

    def skip(row: Any) -> str:
        lost.append(row.text)
        return "skip"

    def convert(text: bytes) -> pa.Table:
        lost.clear()
        return pacsv.read_csv(
            pa.BufferReader(text),
            read_options=pacsv.ReadOptions(
                column_names=chunk.header, block_size=len(text) + 1, use_threads=threads
            ),
            parse_options=pacsv.ParseOptions(delimiter=chunk.separator, invalid_row_handler=skip),
            convert_options=pacsv.ConvertOptions(
                column_types=kinds, include_columns=list(kinds), decimal_point=decimal
            ),
        )

    table = convert(block)
    if b'"' in block and _has_open_quote(block, len(table) + len(lost), chunk.separator):
        table = convert(_without_open_quotes(block, chunk.separator))
    return Batch(table, {"line_malformed": len(lost)} if lost else {})


def _has_open_quote(block: bytes, records: int, separator: str) -> bool:
    """Tell whether a quote without its twin made a record of several lines, or may do so in the last line."""
    end = len(block)
    while end and block[end - 1] in b"\r\n":
        end -= 1
    last = block[block.rfind(b"\n", 0, end) + 1 : end]
    breaks = np.count_nonzero(np.frombuffer(block, dtype=np.uint8) == ord("\n"))
    lines = breaks + (not block.endswith(b"\n"))
    return records != lines or _well_quoted(separator).fullmatch(last) is None


def _without_open_quotes(block: bytes, separator: str) -> bytes:
    """Take the quotes out of the lines where they do not pair up: a record is a line, always."""
    fits = _well_quoted(separator).fullmatch
    lines = block.replace(b"\r\n", b"\n").split(b"\n")
    return b"\n".join(line if b'"' not in line or fits(line) else line.replace(b'"', b"") for line in lines)


@cache
def _well_quoted(separator: str) -> re.Pattern[bytes]:
    sign = re.escape(separator).encode()
    # A line fits in one way at most, so that hostile text costs no time. Possessive quantifiers would say so
    # more plainly, but Python 3.11.2 matches too much with them.
    field = rb'(?:"[^"]*(?:""[^"]*)*"(?!")[^%(s)s]*|(?!")[^%(s)s]*)' % {b"s": sign}
    return re.compile(field + rb"(?:" + sign + field + rb")*")


def _blocks(chunk: Chunk, batch_rows: int) -> Iterator[bytes]:
    """Whole lines of a chunk of text, a few megabytes at a time, without the header line."""
    size = max(_LEAST_BYTES, min(_BLOCK_BYTES, batch_rows * _LINE_BYTES))
    with open_stream(chunk.path, chunk.codec, chunk.member) as stream:
        if chunk.start:
            stream.seek(chunk.start)
        skip = 0 if chunk.start else chunk.header_bytes
        left = chunk.stop - chunk.start if chunk.stop else None
        tail = b""
        while left is None or left > 0:
            piece = stream.read(size if left is None else min(size, left))
            if not piece:
                break
            left = None if left is None else left - len(piece)
            # The header line is passed over as it comes, and what is large is copied once.
            begin = min(skip, len(piece))
            end = max(begin, piece.rfind(b"\n") + 1)
            skip -= begin
            if end > begin:
                yield b"".join((tail, memoryview(piece)[begin:end]))
                tail = b""
            tail += piece[end:]
            if len(tail) > _LONGEST_LINE:
                raise InputError(f"{chunk.label} is not text with lines; it may be damaged")
        if tail.strip():
            yield tail
