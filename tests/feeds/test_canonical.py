"""Sentinels, units, words and counts."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from ais_berths import feeds, schema
from ais_berths.errors import MissingColumnsError

MINE = """
name = "mine"
[columns]
mmsi = "mmsi"
time = "t"
lat = "lat"
lon = "lon"
sog = "sog"
cog = "cog"
heading = "heading"
nav_status = "status"
message_type = "msg"
imo = "imo"
name = "name"
type_code = "type"
type_words = "words"
length = "length"
beam = "beam"
to_bow = "a"
to_stern = "b"
to_port = "c"
to_starboard = "d"
draught = "draught"
"""


def read(extra: str = "", n: int = 0, **columns: list[object]) -> feeds.Normalised:
    n = n or len(next(iter(columns.values())))
    base = {"mmsi": [219000001] * n, "t": ["2020-01-01T00:00:00"] * n, "lat": [55.0] * n, "lon": [12.0] * n}
    return feeds.normalise(pa.table(base | columns), feeds.parse_feed(MINE + extra))


def column(result: feeds.Normalised, name: str) -> list[object]:
    return [round(v, 3) if isinstance(v, float) else v for v in result.table[name].to_pylist()]


def test_the_types_are_those_of_the_schema() -> None:
    result = read(sog=[1.0])
    for table in (schema.PINGS, schema.STATICS):
        for field in table:
            if field.name in result.table.column_names:
                assert result.table.schema.field(field.name).type == field.type


def test_speed() -> None:
    result = read(sog=[0.0, 102.1, 102.2, 102.3, -0.1, None])
    assert column(result, "sog_kn") == [0.0, 102.1, None, None, None, None]
    assert result.counts == {"sog_unavailable": 4}
    assert column(read('[units]\nspeed = "kn/10"', sog=[123, 1023]), "sog_kn") == [12.3, None]
    assert column(read('[units]\nspeed = "m/s"', sog=[10.0, 52.63]), "sog_kn") == [19.438, None]
    assert column(read('[units]\nspeed = "km/h"', sog=[18.52]), "sog_kn") == [10.0]
    assert column(read("[rules]\nmissing = { sog = [0] }", sog=[0, 1]), "sog_kn") == [None, 1.0]


def test_message_27_is_coarse_and_has_a_sentinel_of_its_own() -> None:
    result = read(msg=[1, 27, 27, None], sog=[63.0, 63.0, 62.0, 1.0])
    assert column(result, "coarse") == [False, True, True, False]
    assert column(result, "sog_kn") == [63.0, None, 62.0, 1.0]


def test_course_and_heading() -> None:
    result = read(cog=[0.0, 359.9, 360.0, 409.5, -0.1, None], heading=[0, 359, 360, 511, -1, 12])
    assert column(result, "cog_deg") == [0.0, 359.9, None, None, None, None]
    assert column(result, "heading_deg") == [0.0, 359.0, None, None, None, 12.0]
    assert result.counts == {"cog_unavailable": 4, "heading_unavailable": 3}
    assert column(read('[units]\nangle = "deg/10"', cog=[3599, 3600]), "cog_deg") == [359.9, None]


def test_signed_courses_of_noaa() -> None:
    raw = {"MMSI": [1] * 4, "BaseDateTime": ["2020-01-01"] * 4, "LAT": [0.0] * 4, "LON": [0.0] * 4}
    signed = [-204.8, -49.7, -49.6, 204.7]
    result = feeds.normalise(pa.table(raw | {"COG": signed}), feeds.load_feed("noaa"))
    assert column(result, "cog_deg") == [204.8, 359.9, None, 204.7]


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ("Moored", 5),
        ("MOORED", 5),
        ("At Anchor", 1),
        ("At anchor", 1),
        ("Under Way Using Engine", 0),
        ("Under way using engine", 0),
        ("Underway using engine", 0),
        ("Under Way Sailing", 8),
        ("Engaged In Fishing", 7),
        ("Restricted maneuverability", 3),
        ("Restricted Manoeuvrability", 3),
        ("Constrained by her draught", 4),
        ("Not Under Command", 2),
        ("Aground", 6),
        ("Power-driven vessel towing astern", 11),
        ("Power-driven vessel pushing ahead or towing alongside", 12),
        ("Reserved for future amendment [HSC]", 9),
        ("AIS-SART (active)", 14),
        ("Not Defined", 15),
        ("Unknown value", 15),
        ("5", 5),
        ("5.0", 5),
        ("", 15),
        (None, 15),
    ],
)
def test_status_words(given: str | None, code: int) -> None:
    result = read(status=[given, "At anchor"])
    assert column(result, "nav_status")[0] == code
    assert "nav_status_unreadable" not in result.counts


def test_strange_status() -> None:
    result = read(status=["16", "on holiday", "-1", "2.5"])
    assert column(result, "nav_status") == [15] * 4
    assert result.counts == {"nav_status_unreadable": 4}
    extra = '[words]\nnav_status = { "am Kai" = 5, "42" = 1 }'
    assert column(read(extra, status=["Am Kai", "42"]), "nav_status") == [5, 1]
    assert column(read(extra, status=[42, 3]), "nav_status") == [1, 3]


def test_codes_below_zero_are_no_others() -> None:
    extra = '[words]\nnav_status = { "-1" = 15, "-2" = 5 }'
    for status in (["-1", "1", "-2.0", "2"], [-1, 1, -2, 2], ["-1", "at anchor", "-2", "2"]):
        result = read(extra, status=status)
        assert column(result, "nav_status") == [15, 1, 5, 2]
        assert result.counts == {}


def test_ship_types() -> None:
    result = read(type=["70", "Cargo", "tanker", "nonsense", "", None, "101", "Undefined"])
    assert column(result, "type_code") == [70, 70, 80, 0, 0, 0, 0, 0]
    assert result.counts == {"type_unreadable": 2}
    better = read(type=[0, 70, None, 999], words=["Tug", "Tug", "Passenger", "who knows"])
    assert column(better, "type_code") == [52, 70, 60, 0]
    assert better.counts == {"type_unreadable": 1}


@pytest.mark.parametrize(
    "flags",
    [
        [True, False, None],
        ["true", "false", ""],
        [b"TRUE", b"False", None],
        [1, 0, None],
        ["1", "0", "2"],
        [1.0, 0.0, float("nan")],
    ],
)
def test_flags_of_ship_data_in_many_ways(flags: list[object]) -> None:
    given = {"static": flags, "lat": [None, 55.0, None]}
    feed = feeds.parse_feed(MINE + 'static_only = "static"')
    base = {"mmsi": [219000001] * 3, "t": ["2020-01-01"] * 3, "lon": [12.0] * 3}
    result = feeds.normalise(pa.table(base | given), feed)
    assert column(result, "static_only") == [True, False, False]
    assert (result.usable.tolist(), result.counts["position_unreadable"]) == ([True, True, False], 1)


def test_old_us_types() -> None:
    raw = {"MMSI": [1] * 4, "BaseDateTime": ["2020-01-01"] * 4, "LAT": [0.0] * 4, "LON": [0.0] * 4}
    for types in ([1001, 1024, 1025, 70], ["1001", "1024.0", "1025", "70.0"], [1001.0, 1024.0, 1025.0, 70.0]):
        result = feeds.normalise(pa.table(raw | {"VesselType": types}), feeds.load_feed("noaa"))
        assert column(result, "type_code") == [30, 80, 31, 70]


def test_imo_numbers() -> None:
    given = ["IMO9535084", "9535084", "9535084.0", "IMO 9535084", "IMO0000000", "Unknown", "", None, "IMO"]
    assert column(read(imo=given), "imo") == [9535084] * 4 + [0] * 5
    strange = read(imo=["IMO999999999", "ABC", "12.5", "-5"])
    assert column(strange, "imo") == [0] * 4
    assert strange.counts == {"imo_unreadable": 4}
    assert column(read(imo=[9535084, 0, None]), "imo") == [9535084, 0, 0]


def test_names_stay_as_sent() -> None:
    hostile = ["A@@@ ", " B ", "=cmd()|x", "<script>", "", None, "@", "A@B", "\x00\x1b[31m"]
    assert column(read(name=hostile), "name") == [
        "A",
        "B",
        "=cmd()|x",
        "<script>",
        "",
        "",
        "",
        "A@B",
        "\x00\x1b[31m",
    ]


def test_sizes() -> None:
    result = read(length=["120", "0", "", "long", None], draught=[6.5, 0.0, None, -1.0, 3.0])
    assert column(result, "loa_m") == [120.0, None, None, None, None]
    assert column(result, "draught_m") == [6.5, None, None, None, 3.0]
    assert result.counts == {"size_unreadable": 1}
    feet = read('[units]\nsize = "ft"\ndraught = "m/10"', length=[100], draught=[65])
    assert (column(feet, "loa_m"), column(feet, "draught_m")) == ([30.48], [6.5])


def test_antenna_offsets() -> None:
    result = read(a=[0, 0, 10, None], b=[0, 100, 90, None], c=[0, 5, 0, None], d=[0, 15, 20, None])
    assert column(result, "to_bow_m") == [None, 0.0, 10.0, None]
    assert column(result, "to_stern_m") == [None, 100.0, 90.0, None]
    assert column(result, "to_port_m") == [None, 5.0, 0.0, None]


def test_each_unusable_row_has_one_reason() -> None:
    raw = pa.table(
        {
            "# Timestamp": ["01/02/2020 00:00:00", "x", "x", "x", "01/02/2020 00:00:00"],
            "Type of mobile": ["Base Station", "AtoN", "Class A", "Class B", "Class A"],
            "MMSI": ["2190001", "x", "x", "219000002", "219000003"],
            "Latitude": [91.0, 91.0, 91.0, 55.0, 91.0],
            "Longitude": [181.0, 181.0, 181.0, 12.0, 181.0],
            "SOG": [None] * 5,
        }
    )
    result = feeds.normalise(raw, feeds.load_feed("dma"))
    assert result.counts == {
        "not_a_vessel": 2,
        "mmsi_unreadable": 1,
        "time_unreadable": 1,
        "position_unreadable": 1,
    }
    assert not result.usable.any()
    assert result.table.num_rows == 5
    assert column(result, "mmsi") == [None, None, None, 219000002, 219000003]
    assert feeds.distinct_statics(raw, feeds.load_feed("dma"))[0].num_rows == 0


def test_positions() -> None:
    lat = ["55.5", "91", "x", "", "nan", "-90", "inf"]
    result = read(lat=lat, lon=["12.5", "181", "12", "12", "12", "-180", "0"])
    assert column(result, "lat") == [55.5, None, None, None, None, -90.0, None]
    assert column(result, "lon") == [12.5, None, None, None, None, -180.0, None]
    assert result.counts == {"position_unreadable": 5}
    raw = read('[units]\nposition = "min/10000"', lat=[33_000_000], lon=[-7_200_000])
    assert (column(raw, "lat"), column(raw, "lon")) == ([55.0], [-12.0])
    lon = [0.0, 180.0, 180.5, 360.0, 361.0, -12.5, 181.0]
    around = read('[units]\nposition = "deg 0-360"', lat=[55.0] * 6 + [91.0], lon=lon)
    assert column(around, "lon") == [0.0, 180.0, -179.5, 0.0, None, -12.5, None]


def test_mmsi() -> None:
    result = read(mmsi=["219000001", " 219000002 ", "219000003.0", "21900000x", "", None, "1.5"])
    assert column(result, "mmsi") == [219000001, 219000002, 219000003, None, None, None, None]
    assert result.counts == {"mmsi_unreadable": 4}
    assert column(read(mmsi=[219000001.0, float("nan")]), "mmsi") == [219000001, None]


def test_an_empty_table() -> None:
    raw = pa.table({name: pa.array([], pa.string()) for name in ("mmsi", "t", "lat", "lon", "type", "name")})
    feed = feeds.parse_feed(MINE)
    result = feeds.normalise(raw, feed)
    assert (result.table.num_rows, result.counts) == (0, {})
    assert feeds.distinct_statics(raw, feed)[0].num_rows == 0
    nothing = feeds.normalise(
        pa.table({"mmsi": [1], "t": ["x"], "lat": [0], "lon": [0]}), feed, np.array([False])
    )
    assert nothing.table.num_rows == 0


def test_a_table_without_position() -> None:
    with pytest.raises(MissingColumnsError, match=r"no column for lat \(lat\), lon \(lon\)"):
        feeds.normalise(pa.table({"mmsi": [1], "t": ["x"]}), feeds.parse_feed(MINE))


def test_every_reason_has_an_action() -> None:
    assert {action for action, _ in feeds.REASONS.values()} == {"dropped", "cleared"}
