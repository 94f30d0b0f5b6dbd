"""Recognising the feed of a file, and suggesting a mapping where none fits."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ais_berths.errors import EmptyInputError, InputError
from ais_berths.feeds.batches import iter_batches
from ais_berths.feeds.canonical import read_reports
from ais_berths.feeds.chunks import inspect, open_parquet, plan_chunks
from ais_berths.feeds.failures import plain_words
from ais_berths.feeds.mapping import REQUIRED, SHIPPED, Columns, Feed, list_names, load_feed, loosen
from ais_berths.feeds.points import list_columns

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    import pyarrow as pa

    from ais_berths.feeds.chunks import Chunk
    from ais_berths.feeds.files import InputFile

_SAMPLE_ROWS = 5000
_ENOUGH_ROWS = 100

_GUESSES: dict[str, tuple[str, ...]] = {
    "mmsi": ("mmsi", "sourcemmsi", "userid", "oid", "vesselid", "shipid", "vessel", "ship", "id"),
    "time": (
        *("timestamp", "datetime", "basedatetime", "time", "timestamputc", "dtposutc", "msgtime"),
        *("positiontime", "receivedat", "epoch", "ts", "t", "date"),
    ),
    "lat": ("lat", "latitude", "latdeg", "ylat", "y"),
    "lon": ("lon", "lng", "long", "longitude", "londeg", "xlon", "x"),
    "sog": ("sog", "speed", "speedoverground", "speedknots", "sogkn", "velocity"),
    "cog": ("cog", "course", "courseoverground", "cogdeg"),
    "heading": ("heading", "trueheading", "hdg", "headingdeg"),
    "nav_status": ("navstatus", "status", "navigationalstatus", "navigationstatus", "navstat"),
    "message_type": ("messagetype", "msgtype", "messageid", "msgid"),
    "imo": ("imo", "imonumber"),
    "name": ("name", "vesselname", "shipname"),
    "call_sign": ("callsign",),
    "type_code": ("vesseltypecode", "shiptype", "vesseltype", "shipandcargotype", "typeofship", "type"),
    "length": ("length", "loa", "lengthm", "shiplength", "lengthoverall"),
    "beam": ("width", "beam", "breadth", "widthm", "shipwidth"),
    "to_bow": ("tobow", "dima", "dimensiona", "a"),
    "to_stern": ("tostern", "dimb", "dimensionb", "b"),
    "to_port": ("toport", "dimc", "dimensionc", "c"),
    "to_starboard": ("tostarboard", "dimd", "dimensiond", "d"),
    "draught": ("draught", "draft"),
}


def choose_feed(files: Sequence[InputFile], name: str | Path = "auto") -> Feed:
    """Return the feed that the user named, or the one that the first file looks like.

    The first rows are read as well: a feed under which no row of them makes sense is refused, so that a
    wrong time format or a wrong column is noticed at once.

    Parameters
    ----------
    files
        As `list_inputs` returns them.
    name
        ``auto``, the name of a feed, or the path of a mapping.

    Raises
    ------
    InputError
        No feed fits, or none of the first rows can be read.
    ConfigError
        The named feed does not exist or cannot be used.
    """
    if not files:
        raise EmptyInputError("no input was given; name a file, a folder, a glob or a URL")
    feed = load_feed(name) if str(name) != "auto" else _feed_of(files[0])
    _check_sample(files[0], feed)
    return feed


def recognise(columns: Iterable[str], source: str = "the table") -> Feed:
    """Find the feed that a table's columns belong to.

    Parameters
    ----------
    columns
        Column names.
    source
        What to call the table in messages.

    Raises
    ------
    MissingColumnsError
        The table looks like a feed that is known, but lacks position, time or MMSI.
    InputError
        No feed fits; the message ends with a mapping to edit.

    Examples
    --------
    >>> recognise(["mmsi", "base_date_time", "longitude", "latitude", "sog"]).name
    'noaa'
    """
    present = list(columns)
    loose = {loosen(column) for column in present}
    tables = [feed for feed in (load_feed(name) for name in SHIPPED) if feed.kind == "table"]
    fits = [feed for feed in tables if all(loosen(column) in loose for column in feed.signature)]
    if not fits:
        raise InputError(
            f"{source} looks like no known feed ({', '.join(SHIPPED)}): it has the columns "
            f"{list_names(present) or 'none'}; save the following as my_feed.toml, complete it, and give it "
            f"with --feed my_feed.toml\n\n{suggest_mapping(present)}"
        )
    best = max(fits, key=lambda feed: len(feed.resolve(present)))
    best.require(present, source)
    return best


def suggest_mapping(columns: Iterable[str]) -> str:
    """Write a mapping for a table, with the obvious columns filled in and the others as comments.

    Examples
    --------
    >>> print(suggest_mapping(["oid", "t", "lat", "lon", "speed", "rid"]))
    name = "my_feed"
    <BLANKLINE>
    [columns]
    mmsi = "oid"
    time = "t"
    lat = "lat"
    lon = "lon"
    sog = "speed"
    # not used: rid
    # also possible: cog, heading, nav_status, message_type, transceiver, imo, name, call_sign, type_code, \
type_words, length, beam, to_bow, to_stern, to_port, to_starboard, draught, cell
    <BLANKLINE>
    [time]
    format = "iso"  # or "epoch", or a pattern such as "%d/%m/%Y %H:%M:%S"
    unit = "s"  # of epoch times: "s", "ms", "us" or "ns"
    zone = "UTC"  # of times without an offset
    <BLANKLINE>
    [units]
    position = "deg"  # or "deg 0-360", "min/10000"
    speed = "kn"  # or "kn/10", "m/s", "km/h"
    <BLANKLINE>
    """
    present = list(columns)
    loose = {loosen(column): column for column in reversed(present)}
    guessed: dict[str, str] = {}
    for field, spellings in _GUESSES.items():
        column = next((loose[word] for word in spellings if word in loose), None)
        if column is not None and column not in guessed.values():
            guessed[field] = column
    lines = ['name = "my_feed"', "", "[columns]"]
    for field in dict.fromkeys([*REQUIRED, *guessed]):
        column = guessed.get(field, "")
        comment = "" if column else "  # the name of this column was not guessed; it must be given"
        lines.append(f"{field} = {json.dumps(column)}{comment}")
    unused = [column for column in present if column not in guessed.values()]
    if unused:
        lines.append(f"# not used: {list_names(json.dumps(name)[1:-1] for name in unused)}")
    more = [field for field in Columns.model_fields if field not in guessed and field not in REQUIRED]
    lines.append(f"# also possible: {', '.join(field for field in more if field != 'static_only')}")
    lines += ["", "[time]", 'format = "iso"  # or "epoch", or a pattern such as "%d/%m/%Y %H:%M:%S"']
    lines += ['unit = "s"  # of epoch times: "s", "ms", "us" or "ns"']
    lines += ['zone = "UTC"  # of times without an offset']
    lines += ["", "[units]", 'position = "deg"  # or "deg 0-360", "min/10000"']
    lines += ['speed = "kn"  # or "kn/10", "m/s", "km/h"', ""]
    return "\n".join(lines)


def _feed_of(file: InputFile) -> Feed:
    chunk = inspect(file)[0]
    return load_feed("nmea") if chunk.kind == "nmea" else recognise(_columns_of(chunk), file.label)


def _columns_of(chunk: Chunk) -> Sequence[str]:
    if chunk.kind == "csv":
        return chunk.header
    with plain_words(chunk.path), open_parquet(chunk.path) as parquet:
        return list_columns(parquet.schema_arrow)


def _check_sample(file: InputFile, feed: Feed) -> None:
    """Refuse a feed under which none of the first rows can be read."""
    for chunk in plan_chunks([file], feed):
        for table, counts in iter_batches(chunk, feed, columns=(), batch_rows=_SAMPLE_ROWS):
            sample = table.slice(0, _SAMPLE_ROWS)
            if len(sample) == 0 and sum(counts.values()) >= _ENOUGH_ROWS:
                worst = max(counts, key=lambda reason: counts[reason])
                raise InputError(
                    f"no row of {chunk.label} can be read as the feed '{feed.name}' ({worst}: "
                    f"{counts[worst]:,} of the first rows); check the feed and, for text, the separator"
                )
            if len(sample) >= _ENOUGH_ROWS:
                _check_rows(sample, feed, chunk)
            return


def _check_rows(sample: pa.Table, feed: Feed, chunk: Chunk) -> None:
    result = read_reports(sample, feed)
    moving = ~result.columns["static_only"]
    if result.usable.any() or not moving.any():
        return
    reason = max(result.counts, key=lambda name: result.counts[name] * name.endswith("unreadable"))
    fields = {"mmsi_unreadable": ["mmsi"], "time_unreadable": ["time"], "position_unreadable": ["lat", "lon"]}
    if reason not in fields:
        return
    found = feed.resolve(sample.column_names)
    shown = ", ".join(f"{found[name]} = {_plain(sample[found[name]][0])}" for name in fields[reason])
    raise InputError(
        f"none of the first {len(sample):,} rows of {chunk.label} can be used as the feed '{feed.name}' "
        f"({reason}), for example {shown}; {_advice(reason, shown, feed, chunk)}"
    )


def _advice(reason: str, shown: str, feed: Feed, chunk: Chunk) -> str:
    """What to do about values such as those that are shown."""
    if reason == "mmsi_unreadable" and "e+" in shown.lower():
        return "a spreadsheet has rounded these numbers: get the file as it was before it was opened in one"
    change = {
        "mmsi_unreadable": 'where ids are text, write ids = "text" under [rules] of a mapping',
        "time_unreadable": (
            f"times are read as {feed.time.format}: give their format under [time] of a mapping"
        ),
        "position_unreadable": 'for decimal commas, write decimal = "," under [csv] of a mapping',
    }[reason]
    if reason == "position_unreadable" and "," not in shown.replace(", ", ""):
        change = (
            f"positions are read in {feed.units.position}, latitudes from -90 to 90 and longitudes from -180 "
            'to 180: give the unit under [units] of a mapping, as in position = "deg 0-360"'
        )
    if feed.name not in SHIPPED:
        return change
    return (
        f"{change}; to begin with, save the following as my_feed.toml, complete it, and give it with "
        f"--feed my_feed.toml\n\n{suggest_mapping(_columns_of(chunk))}"
    )


def _plain(cell: pa.Scalar) -> str:
    try:
        value = cell.as_py()
    except (OverflowError, ValueError):
        value = cell.value  # times that Python does not know
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return repr(text[:80])
