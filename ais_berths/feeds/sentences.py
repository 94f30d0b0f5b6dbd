"""NMEA sentences into the raw columns of the feed ``nmea``; the decoding is done by pyais."""

from __future__ import annotations

import datetime as dt
import importlib
import re
from collections import Counter
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from ais_berths.errors import DependencyError
from ais_berths.feeds.days import as_utc

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

POSITIONS = frozenset({1, 2, 3, 18, 19, 27})
STATICS = frozenset({5, 24})
"""Messages with ship data only; type 19 carries both."""

# Characters of 6 bits that hold all that is read: up to the heading, or the draught or offsets of ship data.
_LEAST_PAYLOAD = {1: 23, 2: 23, 3: 23, 5: 51, 18: 23, 19: 51, 24: 27, 27: 16}

COLUMNS = pa.schema(
    {
        "message_type": pa.int8(),
        "static_only": pa.bool_(),
        "mmsi": pa.int64(),
        "time": pa.timestamp("us", "UTC"),
        "lat": pa.float64(),
        "lon": pa.float64(),
        "sog": pa.float64(),
        "cog": pa.float64(),
        "heading": pa.float64(),
        "nav_status": pa.int8(),
        "imo": pa.int64(),
        "name": pa.string(),
        "call_sign": pa.string(),
        "type_code": pa.int16(),
        "to_bow": pa.float64(),
        "to_stern": pa.float64(),
        "to_port": pa.float64(),
        "to_starboard": pa.float64(),
        "draught": pa.float64(),
    }
)
"""Raw columns of the feed ``nmea``."""

_FIELDS = {
    "lat": "lat",
    "lon": "lon",
    "sog": "speed",
    "cog": "course",
    "heading": "heading",
    "nav_status": "status",
    "imo": "imo",
    "name": "shipname",
    "call_sign": "callsign",
    "type_code": "ship_type",
    "to_bow": "to_bow",
    "to_stern": "to_stern",
    "to_port": "to_port",
    "to_starboard": "to_starboard",
    "draught": "draught",
}
_TAG_TIME = re.compile(rb"(?:^|,)c:(\d{9,16})")
_TAG_GROUP, _TAG_STATION = re.compile(rb"(?:^|,)g:\d+-\d+-(\d+)"), re.compile(rb"(?:^|,)s:([^,*]+)")
_STAMP = re.compile(rb"^\d{9,10}(?:\.\d+)?$|^\d{12,13}$")
_NEXT = re.compile(rb"![A-Z]{2}VD[MO],")
_LAST_MESSAGE = 28
_MOST_PARTS = 4096


def read_sentences(
    lines: Iterable[bytes], batch_rows: int = 50_000
) -> Iterator[tuple[pa.Table, dict[str, int]]]:
    r"""Decode sentences to rows: one for each position report or message with ship data.

    The time of a message is that of the first of its parts: from its tag block (``\c:...\``), a time before
    the sentence or after its checksum, or else the last ``$PGHP`` line or tag block before it. Rows of
    messages 5 and 24 have `static_only` set and no position; message 19 has both. Parts belong together if
    their tag blocks name one group, or else one station: stations number their messages from 0 to 9 alike.

    Parameters
    ----------
    lines
        Lines of the file, in order.
    batch_rows
        Rows of a batch, at most.

    Yields
    ------
    tuple
        Table with `COLUMNS`, and the sentences that gave no row, by reason.

    Raises
    ------
    DependencyError
        pyais is not installed.
    """
    reader = _Reader()
    rows: list[tuple[Any, ...]] = []
    for line in lines:
        row = reader.feed(line)
        if row is not None:
            rows.append(row)
            if len(rows) >= batch_rows:
                yield _table(rows), reader.take_counts()
                rows = []
    reader.give_up_parts()
    yield _table(rows), reader.take_counts()


class _Reader:
    """Keeps what one line means for the next: the clock, the station, the parts of unfinished messages."""

    def __init__(self) -> None:
        try:
            messages = importlib.import_module("pyais.messages")
            exceptions = importlib.import_module("pyais.exceptions")
        except ImportError as error:
            raise DependencyError('NMEA needs the package pyais: pip install "ais-berths[nmea]"') from error
        self._produce = messages.NMEASentenceFactory.produce
        self._join = messages.NMEAMessage.assemble_from_iterable
        # pyais raises its own errors, and built-in ones for payloads that end too early.
        self._errors = (exceptions.AISBaseException, ValueError, TypeError, KeyError, IndexError)
        self._clock: dt.datetime | None = None
        self._source = b""
        self._parts: dict[tuple[Any, ...], list[tuple[Any, dt.datetime | None]]] = {}
        self._counts: Counter[str] = Counter()

    def take_counts(self) -> dict[str, int]:
        counts, self._counts = dict(+self._counts), Counter()
        return counts

    def give_up_parts(self, keep: int = 0) -> None:
        while len(self._parts) > keep:
            oldest = next(iter(self._parts))
            self._counts["sentence_incomplete"] += len(self._parts.pop(oldest))

    def feed(self, line: bytes) -> tuple[Any, ...] | None:
        line = line.strip()
        if line.startswith(b"\\"):
            tags, closed, line = line[1:].partition(b"\\")
            if not closed:
                self._counts["sentence_undecodable"] += 1
                return None
            stamp = _TAG_TIME.search(tags)
            if stamp:
                self._clock = _epoch(stamp[1])
            source = _TAG_GROUP.search(tags) or _TAG_STATION.search(tags)
            if source:
                self._source = source[1]
        if line.startswith(b"$"):
            self._set_clock(line)
            return None
        before, mark, sentence = line.partition(b"!")
        if not mark:
            self._counts["sentence_undecodable"] += bool(line) and not line.startswith(b"#")
            return None
        # Of what shares a line, one sentence is read at most.
        self._counts["sentence_undecodable"] += len(_NEXT.findall(sentence))
        body, _, rest = sentence.partition(b"*")
        time = _time_of(before, rest[2:]) or self._clock
        try:
            message = self._complete(self._produce(b"!" + body + b"*" + rest[:2]), time)
            return None if message is None else self._row(*message)
        except self._errors:
            self._counts["sentence_undecodable"] += 1
            return None

    def _set_clock(self, line: bytes) -> None:
        if not line.startswith(b"$PGHP"):
            return
        try:
            self._clock = self._produce(line).timestamp.replace(tzinfo=dt.UTC)
        except (*self._errors, AttributeError):
            self._counts["sentence_undecodable"] += 1

    def _complete(self, part: Any, time: dt.datetime | None) -> tuple[Any, dt.datetime | None] | None:
        """Return the whole message and its time, or None while parts are missing."""
        if not part.is_valid:
            raise ValueError("wrong checksum")
        if part.frag_cnt == 1:
            return part, time
        key = (self._source, part.talker_id, part.type, part.seq_id, part.channel, part.frag_cnt)
        if part.frag_num == 1:
            self._counts["sentence_incomplete"] += len(self._parts.pop(key, ()))
            self._parts[key] = []
            self.give_up_parts(keep=_MOST_PARTS)
        pending = self._parts.get(key)
        if pending is None or len(pending) != part.frag_num - 1:
            self._counts["sentence_incomplete"] += 1
            return None
        pending.append((part, time))
        if len(pending) < part.frag_cnt:
            return None
        del self._parts[key]
        return self._join([part for part, _ in pending]), pending[0][1]

    def _row(self, sentence: Any, time: dt.datetime | None) -> tuple[Any, ...] | None:
        kind = sentence.ais_id
        if not 1 <= kind <= _LAST_MESSAGE:
            raise ValueError("no AIS message")
        if kind not in POSITIONS and kind not in STATICS:
            self._counts["message_other"] += 1
            return None
        if len(sentence.payload) < _LEAST_PAYLOAD[kind]:
            # Of a number that is cut, the first bits would be taken for all of it.
            raise ValueError("cut payload")
        message = sentence.decode()
        found = {column: getattr(message, field, None) for column, field in _FIELDS.items()}
        if str(message.mmsi).startswith("98"):
            # Craft of a mother ship send its MMSI in the place of their size.
            found |= dict.fromkeys(("to_bow", "to_stern", "to_port", "to_starboard"))
        return (int(kind), kind in STATICS, int(message.mmsi), time, *found.values())


def _time_of(before: bytes, after: bytes) -> dt.datetime | None:
    """Time written before a sentence, or in the last field after its checksum."""
    last = after.rpartition(b",")[2].strip()
    if _STAMP.match(last):
        return _epoch(last)
    text = before.strip(b' \t,;|"[]')
    if _STAMP.match(text):
        return _epoch(text)
    if len(text) < 19:
        return None
    try:
        return as_utc(dt.datetime.fromisoformat(text.decode("ascii")))
    except (OverflowError, ValueError):
        return None


def _epoch(digits: bytes) -> dt.datetime | None:
    number = float(digits)
    seconds = number / 1000 if number > 1e11 else number
    try:
        return dt.datetime.fromtimestamp(seconds, dt.UTC)
    except (OverflowError, ValueError, OSError):
        return None


def _table(rows: list[tuple[Any, ...]]) -> pa.Table:
    if not rows:
        return COLUMNS.empty_table()
    columns = zip(*rows, strict=True)
    return pa.table(
        [pa.array(column, field.type) for column, field in zip(columns, COLUMNS, strict=True)], COLUMNS
    )
