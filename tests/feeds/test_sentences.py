"""NMEA: times, parts, messages that count and messages that do not."""

from __future__ import annotations

import datetime as dt
import gzip
import sys
from typing import TYPE_CHECKING

import pytest

pytest.importorskip("pyais")

from pyais import encode_dict

from ais_berths import feeds
from ais_berths.errors import DependencyError
from ais_berths.feeds.sentences import read_sentences

from .conftest import read_all

if TYPE_CHECKING:
    from pathlib import Path

NOON = dt.datetime(2013, 11, 12, 12, tzinfo=dt.UTC)
NOON_S = int(NOON.timestamp())


def sentence(kind: int, **fields: object) -> list[str]:
    known = {
        "type": kind,
        "msg_type": kind,
        "mmsi": 219000001,
        "lat": 55.5,
        "lon": 12.5,
        "speed": 1.5,
        "course": 10.5,
    }
    if kind == 27:
        known |= {"speed": 2, "course": 10}
    return encode_dict(known | fields)


def checksum(body: str) -> str:
    code = 0
    for char in body:
        code ^= ord(char)
    return f"{code:02X}"


def numbered(part: str, number: int) -> str:
    fields = part[1:].partition("*")[0].split(",")
    body = ",".join([*fields[:3], str(number), *fields[4:]])
    return f"!{body}*{checksum(body)}"


def decode(*lines: str) -> tuple[list[dict[str, object]], dict[str, int]]:
    [(table, counts)] = read_sentences([line.encode() for line in lines])
    return table.to_pylist(), counts


@pytest.mark.parametrize("kind", [1, 2, 3, 18, 19, 27])
def test_position_reports(kind: int) -> None:
    [row], counts = decode(*sentence(kind))
    assert counts == {}
    assert (row["message_type"], row["mmsi"], row["static_only"]) == (kind, 219000001, False)
    assert (row["lat"], row["lon"]) == (55.5, 12.5)


def test_ship_data() -> None:
    ship = {"shipname": "HANNE", "callsign": "OXAB", "ship_type": 70, "imo": 9535084, "draught": 6.5}
    size = {"to_bow": 100, "to_stern": 20, "to_port": 14, "to_starboard": 4}
    five = sentence(5, **ship, **size)
    assert len(five) == 2
    a = sentence(24, partno=0, shipname="BOAT")
    b = sentence(24, partno=1, ship_type=37, callsign="OX1", **size)
    rows, _ = decode(*five, *a, *b)
    assert [row["static_only"] for row in rows] == [True] * 3
    assert [row["lat"] for row in rows] == [None] * 3
    assert (rows[0]["name"], rows[0]["imo"], rows[0]["type_code"], rows[0]["draught"]) == (
        *("HANNE", 9535084, 70, 6.5),
    )
    assert [rows[0][key] for key in size] == [100, 20, 14, 4]
    assert (rows[1]["name"], rows[1]["call_sign"]) == ("BOAT", None)
    assert (rows[2]["name"], rows[2]["call_sign"], rows[2]["to_bow"]) == (None, "OX1", 100)


def test_craft_of_a_mother_ship_have_no_size() -> None:
    lines = sentence(24, mmsi=982190001, partno=1, ship_type=37, mothership_mmsi=219000001)
    assert decode(*lines)[0][0]["to_bow"] is None


@pytest.mark.parametrize(
    "lines",
    [
        (f"\\s:x,c:{NOON_S}*00\\%s",),
        (f"\\g:1-2-3,c:{NOON_S}000*00\\%s",),
        (f"\\c:{NOON_S}*00\\", "%s"),
        ("$PGHP,1,2013,11,12,12,0,0,0,219,,2190067,1,62*2C", "%s"),
        ("\\si:AISD*3F\\", "$PGHP,1,2013,11,12,12,0,0,0,219,,2190067,1,62*2C", "%s"),
        (f"%s,r003669945,{NOON_S}",),
        (f"{NOON_S} %s",),
        (f"{NOON_S}.0\t%s",),
        ("2013-11-12T12:00:00Z %s",),
        ("2013-11-12 13:00:00+01:00;%s",),
        ("[2013-11-12 12:00:00] %s",),
        ('"2013-11-12 12:00:00","%s"',),
    ],
)
def test_times(lines: tuple[str, ...]) -> None:
    [text] = sentence(1)
    [row], counts = decode(*(line.replace("%s", text) for line in lines))
    assert row["time"] == NOON
    assert counts == {}


def test_the_clock_runs_on_until_the_next_time_line() -> None:
    [text] = sentence(1)
    rows, _ = decode(text, f"\\c:{NOON_S}*00\\{text}", text, f"\\c:{NOON_S + 9}*00\\{text}", text)
    assert [row["time"] and int(row["time"].timestamp()) - NOON_S for row in rows] == [None, 0, 0, 9, 9]


def test_parts_take_the_time_of_the_first() -> None:
    first, second = sentence(5, shipname="HANNE")
    [row], _ = decode(f"\\c:{NOON_S}*00\\{first}", f"\\c:{NOON_S + 5}*00\\{second}")
    assert row["time"] == NOON


def test_parts_of_two_messages_may_interleave() -> None:
    a, b = (
        [numbered(part, n) for part in sentence(5, mmsi=219000000 + n, shipname=name)]
        for n, name in ((1, "A"), (2, "B"))
    )
    rows, counts = decode(a[0], b[0], *sentence(1), a[1], b[1])
    assert [(row["mmsi"], row["name"]) for row in rows] == [
        (219000001, None),
        (219000001, "A"),
        (219000002, "B"),
    ]
    assert counts == {}


@pytest.mark.parametrize(
    "tags",
    [
        ("s:1", "s:2", "s:1", "s:2"),
        ("s:1", "s:2", "s:2", "s:1"),
        ("g:1-2-7,s:1", "s:1,g:1-2-8", "g:2-2-7", "g:2-2-8"),
    ],
)
def test_parts_that_several_stations_number_alike(tags: tuple[str, ...]) -> None:
    a, b = (
        [numbered(part, 3) for part in sentence(5, mmsi=219000000 + n, shipname=name, to_bow=100 * n)]
        for n, name in ((1, "A"), (2, "B"))
    )
    second = [a[1], b[1]] if tags[2] != "s:2" else [b[1], a[1]]
    lines = [f"\\{tag}*00\\{part}" for tag, part in zip(tags, [a[0], b[0], *second], strict=True)]
    rows, counts = decode(*lines)
    assert {(row["mmsi"], row["name"], row["to_bow"]) for row in rows} == {
        (219000001, "A", 100),
        (219000002, "B", 200),
    }
    assert counts == {}
    # The first part from one station, the second from another: no message, and no mixture of two ships.
    assert decode(lines[0], f"\\s:9*00\\{b[1]}") == ([], {"sentence_incomplete": 2})


def test_what_is_lost_is_counted() -> None:
    first, second = sentence(5, shipname="HANNE")
    [good] = sentence(1)
    [base] = encode_dict({"type": 4, "mmsi": 2190001})
    wrong = good[:-2] + ("00" if good[-2:] != "00" else "01")
    empty = f"!AIVDM,1,1,,A,,0*{checksum('AIVDM,1,1,,A,,0')}"
    rows, counts = decode(first, first, good, second, second, base, wrong, empty, "garbage", "", "# note")
    assert len(rows) == 2
    assert counts == {"sentence_incomplete": 2, "message_other": 1, "sentence_undecodable": 3}


def test_cut_payloads_do_not_raise() -> None:
    [good] = sentence(1)
    payload = good.split(",")[5]
    for size in range(1, len(payload)):
        body = f"AIVDM,1,1,,A,{payload[:size]},0"
        rows, counts = decode(f"!{body}*{checksum(body)}")
        assert len(rows) + sum(counts.values()) == 1


@pytest.mark.parametrize("stamp", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"])
def test_times_that_no_calendar_has_in_utc(stamp: str) -> None:
    [row], counts = decode(f"{stamp} {sentence(1)[0]}")
    assert (row["time"], counts) == (None, {})


def test_lines_that_hold_more_or_less_than_one_sentence() -> None:
    [good] = sentence(1)
    rows, counts = decode(good + good)
    assert (len(rows), counts) == (1, {"sentence_undecodable": 1})
    assert decode(good[:20] + good) == ([], {"sentence_undecodable": 2})
    assert decode(f"\\c:{NOON_S}*00{good}") == ([], {"sentence_undecodable": 1})


@pytest.mark.parametrize(("kind", "least"), [(1, 23), (3, 23), (18, 23), (19, 51), (27, 16), (24, 27)])
def test_cut_payloads_are_no_reports(kind: int, least: int) -> None:
    [good] = sentence(kind)
    payload = good.split(",")[5]
    for size in range(1, least):
        body = f"AIVDM,1,1,,A,{payload[:size]},0"
        assert decode(f"!{body}*{checksum(body)}") == ([], {"sentence_undecodable": 1})
    body = f"AIVDM,1,1,,A,{payload[:least]},0"
    [row], counts = decode(f"!{body}*{checksum(body)}")
    assert (row["mmsi"], counts) == (219000001, {})
    assert kind == 24 or (row["lat"], row["lon"], row["cog"]) == (55.5, 12.5, 10 if kind == 27 else 10.5)


def test_batches_hold_so_many_rows() -> None:
    lines = [line.encode() for _ in range(25) for line in sentence(1)]
    assert [table.num_rows for table, _ in read_sentences(lines, 10)] == [10, 10, 5]


def test_the_whole_way(tmp_path: Path) -> None:
    ship = sentence(5, shipname="HANNE@@@", imo=9535084, ship_type=70, to_bow=100, to_stern=20)
    lines = [
        f"\\c:{NOON_S}*00\\{sentence(1, status=5, heading=511)[0]}",
        *ship,
        sentence(27, lat=55.4, lon=12.4, speed=63, status=1)[0],
        sentence(18, lat=91.0, lon=181.0, speed=102.3)[0],
    ]
    path = tmp_path / "log.gz"
    path.write_bytes(gzip.compress("\r\n".join(lines).encode()))
    result = read_all([path])
    table = result.table
    assert table["static_only"].to_pylist() == [False, True, False, False]
    assert result.usable.tolist() == [True, True, True, False]
    assert table["coarse"].to_pylist() == [False, False, True, False]
    assert table["sog_kn"].to_pylist() == [1.5, None, None, None]
    assert table["nav_status"].to_pylist()[0] == 5
    assert table["name"].to_pylist() == ["", "HANNE", "", ""]
    assert result.counts == {
        "position_unreadable": 1,
        "heading_unavailable": 2,
        "sog_unavailable": 1,
    }
    files = feeds.list_inputs([path])
    feed = feeds.choose_feed(files)
    assert feed.name == "nmea"
    [chunk] = feeds.plan_chunks(files, feed)
    [(raw, _)] = feeds.iter_batches(chunk, feed)
    assert feeds.is_static_only(raw, feed).tolist() == [False, True, False, False]
    statics, _ = feeds.distinct_statics(raw, feed)
    assert statics.select(["mmsi", "imo", "name", "type_code", "to_bow_m"]).to_pylist() == [
        {"mmsi": 219000001, "imo": 9535084, "name": "HANNE", "type_code": 70, "to_bow_m": 100.0}
    ]


def test_without_pyais(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyais.messages", None)
    with pytest.raises(DependencyError, match=r'pip install "ais-berths\[nmea\]"'):
        decode(*sentence(1))
