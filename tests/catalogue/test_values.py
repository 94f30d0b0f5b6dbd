"""The catalogue of bad input (cookbook/robustness.md): values that cannot be true."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from feedfiles import GOOD, HEADER, MAPPING, ROWS, N
from filtering import counted, refused

from ais_berths.cli import main

if TYPE_CHECKING:
    from pathlib import Path

YEARS = ("1970-01-01", "1899-12-31", "2105-06-01", "9999-12-31", "0001-01-01", "2024-02-30", "2024-13-01")
KEPT = {"row_read", "near_port", "static_only"}


def row(mmsi: object = 367000002, day: str = "2024-03-01", position: str = "45.01,-29.95") -> str:
    return f"{mmsi},{day}T00:00:00,{position},0\n"


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([row(day=day) for day in YEARS], {"time_unreadable": 7}),
        ([row(position=p) for p in ("91,181", "91,-29", "45,181", "-91,5", "45.01,180.0001")],
         {"position_unreadable": 5}),
        ([row(position=p) for p in ("nan,nan", "NaN,-29.95", "inf,-inf", "1e308,1e400", ",", "N,W")],
         {"position_unreadable": 6}),
        ([row(position=p) for p in ("0,0", "90,-29", "-29.95,45.01", "-90,180")], {"outside_area": 4}),
        ([row(position='"45,01","-29,95"')], {"position_unreadable": 1}),
        ([row(m) for m in (993670001, 970123456, 972123456, 974000001)], {"not_a_ship_mmsi": 4}),
        ([row(m) for m in ("003670001", 3670001, 111232501, 812345678, 982440001)], {"not_a_ship_mmsi": 5}),
        ([row(m) for m in (0, -5, "1e9", 12345678, 999999999)], {"not_a_ship_mmsi": 5}),
        ([row(m) for m in (123456789, 111111111)], {"junk_mmsi": 2}),
        ([row(m) for m in ("", "x", 367000001.5, 2**63, 2**70, "0x1F", "3.67E+08")], {"mmsi_unreadable": 7}),
    ],
)  # fmt: skip
def test_values_that_cannot_be_true(here: Path, rows: list[str], expected: dict[str, int]) -> None:
    (here / "a.csv").write_text(GOOD + "".join(rows), encoding="utf-8")
    found = counted("a.csv")
    assert {reason: n for reason, n in found.items() if reason not in KEPT | {"pings"}} == expected
    assert found["pings"] == N


def test_every_sentinel_is_cleared(here: Path) -> None:
    names = "COG,Heading,VesselName,IMO,CallSign,VesselType,Status,Length,Width,Draft"
    values = ",102.3,360.0,511.0,@@@@,IMO0000000,@@,0,15,0,0,0\n"
    (here / "a.csv").write_text(
        HEADER[:-1] + f",{names}\n" + ROWS.replace(",0.0\n", values), encoding="utf-8"
    )
    rows = counted("a.csv")
    assert rows["sog_unavailable"] == rows["cog_unavailable"] == rows["heading_unavailable"] == N
    pings = pq.read_table(here / "out" / "pings")
    assert [pings[name].null_count for name in ("sog_kn", "cog_deg", "heading_deg")] == [N, N, N]
    assert set(pings["nav_status"].to_pylist()) == {15}


def test_latitude_and_longitude_swapped(here: Path) -> None:
    # A row without a position changes nothing in that all others lie elsewhere.
    (here / "a.csv").write_text(GOOD.replace("LAT,LON", "LON,LAT") + row(position=","), encoding="utf-8")
    assert counted("a.csv")["outside_area"] == N
    assert "latitude and longitude are swapped" in said_again()


def test_a_period_without_rows(here: Path) -> None:
    (here / "a.csv").write_text(GOOD, encoding="utf-8")
    period = ("--start", "2031-01-01", "--end", "2031-02-01")
    assert counted("a.csv", *period)["outside_period"] == N
    assert "No row lies near the chosen ports in the chosen period" in said_again(*period)


def test_no_rows_and_rows_without_a_time_are_called_that(here: Path) -> None:
    (here / "a.csv").write_text(HEADER, encoding="utf-8")
    counted("a.csv")
    assert "The input holds no rows." in said_again()
    (here / "a.csv").write_text(HEADER + "367000001,,45.01,-29.95,0.0\n", encoding="utf-8")
    assert counted("a.csv", "--overwrite")["time_unreadable"] == 1
    assert "Most rows have no time that can be read." in said_again("--overwrite")


def test_day_and_month_exchanged_are_suspected(here: Path) -> None:
    """Of 30 days, the first twelve become twelve months; the others cannot be read."""
    rows = "".join(
        f"367000001,{day:02d}/03/2024 {hour:02d}:00,45.01,-29.95,0.0\n"
        for day in range(1, 31)
        for hour in range(24)
    )
    (here / "a.csv").write_text(HEADER + rows, encoding="utf-8")
    (here / "m.toml").write_text(MAPPING + 'format = "%m/%d/%Y %H:%M"\n', encoding="utf-8")
    assert counted("a.csv", "--feed", "m.toml")["time_unreadable"] == 18 * 24
    assert "If day and month are exchanged" in said_again("--feed", "m.toml")
    (here / "m.toml").write_text(MAPPING + 'format = "%d/%m/%Y %H:%M"\n', encoding="utf-8")
    assert "If day and month" not in said_again("--feed", "m.toml", "--overwrite")


def said_again(*options: str) -> str:
    arguments = ["-q", "filter", "a.csv", "--ports", "ports.csv", "--out", "out", *options]
    return " ".join(CliRunner().invoke(main, arguments).stdout.split())


def test_decimal_commas(here: Path) -> None:
    (here / "a.csv").write_text(GOOD.replace(",", ";").replace(".", ","), encoding="utf-8")
    assert "position_unreadable), for example LAT = '45,01'" in refused("a.csv")
    (here / "m.toml").write_text(MAPPING + '[csv]\nseparator = ";"\ndecimal = ","\n', encoding="utf-8")
    assert counted("a.csv", "--feed", "m.toml")["pings"] == N


def test_speeds_in_another_unit(here: Path) -> None:
    """Nothing is lost, but the hint says where to look; with the unit it is gone."""
    moving = "".join(
        f"367000002,2024-03-01T00:{minute:02d}:00,{45 + minute / 300:.6f},-29.95,22.2\n"
        for minute in range(25)
    )
    (here / "a.csv").write_text(GOOD + moving, encoding="utf-8")
    rows = counted("a.csv")
    assert (rows["pings"], rows["speed_compared"], rows["speed_above_way"]) == (N + 25, 24, 24)
    assert "Check speed under [units] of the mapping" in said_again()
    (here / "m.toml").write_text(MAPPING + '[units]\nspeed = "km/h"\n', encoding="utf-8")
    told = said_again("--feed", "m.toml", "--overwrite")
    assert "speed_compared" in told
    assert "speed_above_way" not in told


def test_two_ships_on_one_number(here: Path) -> None:
    other = ROWS.replace("45.01,-29.95", "45.06,-29.99").replace(":00,", ":30,")
    (here / "a.csv").write_text(GOOD + other, encoding="utf-8")
    rows = counted("a.csv")
    assert (rows["pings"], rows["shared_mmsi"]) == (2 * N, N)


def test_anonymous_ids(here: Path) -> None:
    """The hint names a setting, and with it the rows are kept."""
    (here / "a.csv").write_text(HEADER + ROWS.replace("367000001", "17"), encoding="utf-8")
    result = CliRunner().invoke(main, ["-q", "filter", "a.csv", "--ports", "ports.csv", "--out", "hint"])
    assert "ship_numbers_only = false" in result.stdout
    (here / "c.toml").write_text("[clean]\nship_numbers_only = false\n", encoding="utf-8")
    assert counted("a.csv", "--config", "c.toml")["pings"] == N


def test_ids_that_are_text(here: Path) -> None:
    """The message says how they are read; a ship has one number in all files."""
    named = ROWS.replace("367000001", "a3f9")
    (here / "a.csv").write_text(HEADER + named, encoding="utf-8")
    (here / "b.csv").write_text(HEADER + ROWS.replace("367000001", "0042") + named, encoding="utf-8")
    assert 'write ids = "text" under [rules]' in refused("a.csv")
    (here / "m.toml").write_text(MAPPING + '[rules]\nids = "text"\n', encoding="utf-8")
    (here / "c.toml").write_text("[clean]\nship_numbers_only = false\n", encoding="utf-8")
    assert counted("a.csv", "b.csv", "--feed", "m.toml", "--config", "c.toml")["pings"] == 2 * N
    pings = pq.read_table(here / "out" / "pings")
    assert len(set(pings["mmsi"].to_pylist())) == 2
    assert 42 not in pings["mmsi"].to_pylist()


def test_times_rounded_to_the_day(here: Path) -> None:
    """A ship is at two berths and on its way in one second."""
    lying = [45.01 + lat + k * 1e-5 for lat in (0.0, 0.03) for k in range(9)]
    sailing = [45.01 + k * 3e-3 for k in range(1, 10)]
    there = [f"{lat},-29.95,{sog}" for lats, sog in ((lying, 0), (sailing, 8)) for lat in lats]
    far = "44.95,-29.95,12"
    rows = [(1, far), *((2, place) for place in there), (3, far)]
    table = "".join(f"367000001,2024-03-0{day}T00:00:00,{place}\n" for day, place in rows)
    (here / "a.csv").write_text(HEADER + table, encoding="utf-8")
    result = CliRunner().invoke(main, ["-q", "detect", "a.csv", "--ports", "ports.csv", "--out", "out"])
    assert result.exit_code == 0, result.output
    stops = pq.read_table(here / "out" / "stops.parquet").to_pandas()
    assert len(stops) == stops["stop_id"].nunique() == 2


def test_one_ping_and_none(here: Path) -> None:
    (here / "a.csv").write_text(GOOD[: GOOD.index("\n", 40) + 1], encoding="utf-8")
    (here / "b.csv").write_text(HEADER, encoding="utf-8")
    assert counted("a.csv")["pings"] == 1
    assert counted("b.csv", "--overwrite")["pings"] == 0
    result = CliRunner().invoke(
        main, ["-q", "detect", "a.csv", "b.csv", "--ports", "ports.csv", "--out", "o"]
    )
    assert result.exit_code == 0, result.output
