"""Presets: settings that exist, what they do to the calls, and their page."""

from __future__ import annotations

import pandas as pd
import pytest

from ais_berths import schema
from ais_berths.calls import make_calls
from ais_berths.config import Config, parse_config
from ais_berths.errors import ConfigError
from ais_berths.presets import PRESETS, apply_preset, preset_table


def stops(*rows: tuple[str, float, float, str, int]) -> pd.DataFrame:
    """Build stops of one ship: day, first and last hour, kind, pings."""
    return schema.conform(
        pd.DataFrame(
            {
                "stop_id": f"1-202403{day}T{int(start):02d}",
                "mmsi": 1,
                "port_id": "P",
                "start_time": pd.Timestamp(f"2024-03-{day}", tz="UTC") + pd.Timedelta(hours=start),
                "end_time": pd.Timestamp(f"2024-03-{day}", tz="UTC") + pd.Timedelta(hours=end),
                "kind": kind,
                "berth_id": "B" if kind == "moored" else None,
                "n_pings": n_pings,
                "lat": 51.9,
                "lon": 4.1,
                "open_start": False,
                "open_end": False,
            }
            for day, start, end, kind, n_pings in rows
        ),
        "stops",
    )


@pytest.mark.parametrize("name", PRESETS)
def test_presets_are_settings_that_exist(name: str) -> None:
    preset = PRESETS[name]
    config = apply_preset(Config(), name)
    for section, wanted in (("calls", preset.calls), ("indicators", preset.indicators)):
        assert {key: getattr(getattr(config, section), key) for key in wanted} == dict(wanted)


def test_other_settings_are_left_as_they_were() -> None:
    mine = parse_config({"calls": {"seen_h": 2.0}, "indicators": {"timezone": "Europe/Dublin"}})
    config = apply_preset(mine, "cso-smbm")
    assert (config.calls.seen_h, config.indicators.timezone) == (2.0, "Europe/Dublin")


def test_an_unknown_preset_is_an_error_that_names_the_known_ones() -> None:
    with pytest.raises(ConfigError, match="expected one of cso-smbm, world-bank-syria, adb"):
        apply_preset(Config(), "imf")


def test_the_same_stops_are_other_calls_by_each_definition() -> None:
    """At anchor, four hours at berth, 20 hours away, a night at berth, and a brief stop of few pings."""
    found = stops(
        ("01", 0, 2, "anchored", 40),
        ("01", 4, 8, "moored", 80),
        ("02", 4, 14, "moored", 200),
        ("05", 0, 3, "moored", 5),
    )
    number = {name: len(make_calls(found, apply_preset(Config(), name).calls).port_calls) for name in PRESETS}
    # Every stationary event of ten pings; visits of five hours with 24 hours between; the same of any length.
    assert number == {"cso-smbm": 3, "world-bank-syria": 1, "adb": 2}
    assert len(make_calls(found, Config().calls).port_calls) == 2


def test_the_page_says_what_is_taken_over_and_what_is_not() -> None:
    page = preset_table()
    for name, preset in PRESETS.items():
        assert f"### `{name}`: {preset.title}" in page
        for text in (preset.source, preset.taken, preset.missing):
            assert text in page
    assert "`min_stay_h` 5.0" in page
