"""The catalogue of bad input (cookbook/robustness.md): port lists and settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from feedfiles import GOOD, MAPPING, N
from filtering import counted, refused

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("ports", "pings"),
    [
        ("Testport,45.0,-30.0\nTestport,45.0,-30.0\nTESTPORT,45.0,-30.0\n", N),
        ("Testport,45.0,-30.0\nNorth,90,0\nSouth,-90,0\nNearly,89.99,180\n", N),
        ("Testport,45.0,-30.0\nElsewhere,10,10\n", N),
        ("Elsewhere,10,10\n", 0),
    ],
)
def test_port_lists(here: Path, ports: str, pings: int) -> None:
    (here / "p.csv").write_text("name,lat,lon\n" + ports, encoding="utf-8")
    (here / "a.csv").write_text(GOOD, encoding="utf-8")
    assert counted("a.csv", ports="p.csv")["pings"] == pings


def test_a_port_list_with_impossible_positions(here: Path) -> None:
    (here / "p.csv").write_text("name,lat,lon\nA,,\nB,91,0\nC,x,y\n,1,1\n", encoding="utf-8")
    (here / "a.csv").write_text(GOOD, encoding="utf-8")
    message = refused("a.csv", ports="p.csv")
    assert all(f"row {number}" in message for number in (2, 3, 4, 5))


@pytest.mark.parametrize(
    ("pattern", "said"), [("%Q", "bad directive"), ("%Y" * 9, "cannot be used"), ("%Y%", "stray %")]
)
def test_time_patterns_that_mean_nothing(here: Path, pattern: str, said: str) -> None:
    (here / "a.csv").write_text(GOOD, encoding="utf-8")
    (here / "m.toml").write_text(MAPPING + f'format = "{pattern}"\n', encoding="utf-8")
    assert said in refused("a.csv", "--feed", "m.toml")


def test_settings_without_an_end(here: Path) -> None:
    (here / "a.csv").write_text(GOOD, encoding="utf-8")
    assert "/dev/zero has more than 1,000,000 characters" in refused("a.csv", "--config", "/dev/zero")


def test_a_period_of_all_years(here: Path) -> None:
    (here / "a.csv").write_text(GOOD, encoding="utf-8")
    assert counted("a.csv", "--start", "0001-01-01", "--end", "9999-12-31")["pings"] == N
