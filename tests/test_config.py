"""Settings: what is refused and how it is said, TOML there and back, documentation made from the models."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ais_berths.config import (
    CleanConfig,
    Config,
    HexagonsConfig,
    IndicatorsConfig,
    RunConfig,
    known_settings,
    load_config,
    parse_config,
    read_toml,
    reference_table,
    to_toml,
    toml_value,
)
from ais_berths.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

OTHER = {
    "cells": {"radius_nm": 5.5, "resolution": 7},
    "clean": {"junk_mmsi": [1, 2]},
    "calls": {"kinds": ["moored"]},
    "indicators": {"timezone": "Europe/Copenhagen", "periods": ["month"], "anchorage_only": True},
    "hexagons": {"weighted": True},
}


# what is refused ----------------------------------------------------------------------------------


def test_a_mapping_is_not_taken_for_settings() -> None:
    with pytest.raises(ConfigError, match=r"^my\.toml is the mapping of a feed; give it with --feed$"):
        parse_config({"name": "mine", "columns": {"mmsi": "ship"}}, "my.toml")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            {"indicators": {"timezone": "Mars/Olympus"}},
            "indicators.timezone is 'Mars/Olympus': expected a name such as UTC",
        ),
        ({"cells": {"radius_mn": 5}}, "cells.radius_mn is not a setting; did you mean cells.radius_nm?"),
        ({"stops": {"enter_knots": 1}}, "did you mean stops.enter_kn?"),
        ({"berth": {"min_overlap": 0.5}}, "berth is not a setting; did you mean berths?"),
        ({"zzzz": 1}, "zzzz is not a setting; `ais-berths config show` lists the settings"),
        ({"cells": {"radius_nm": -1}}, "cells.radius_nm is -1: input should be greater than 0"),
        ({"cells": {"radius_nm": float("inf")}}, "cells.radius_nm is inf: input should be a finite number"),
        ({"cells": {"radius_nm": "wide"}}, "cells.radius_nm is 'wide': input should be a valid number"),
        (
            {"indicators": {"periods": ["day", "year"]}},
            "indicators.periods.1 is 'year': input should be 'day'",
        ),
        ({"hexagons": {"fine_resolution": 9}}, "fine_resolution is 9, expected at least 10"),
    ],
)
def test_a_wrong_setting_is_named_in_plain_words(data: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(data, "my.toml")
    assert str(caught.value).startswith("my.toml cannot be used: ")
    assert words in str(caught.value)
    assert "pydantic" not in str(caught.value)


def test_all_wrong_settings_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config({"cells": {"radius_mn": 5, "resolution": 99}, "stops": {"enter_kn": 0}})
    lines = str(caught.value).splitlines()
    assert len(lines) == 4
    assert [line.split()[1] for line in lines[1:]] == [
        "cells.resolution",
        "cells.radius_mn",
        "stops.enter_kn",
    ]


def test_sections_cannot_be_changed() -> None:
    config = Config()
    with pytest.raises(ValidationError, match="frozen"):
        config.cells.radius_nm = 3.0  # type: ignore[misc]
    assert config.cells.radius_nm == 12.0


def test_missing_files_and_files_that_are_no_toml(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"the configuration .*none\.toml cannot be read: No such file"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(ConfigError, match=r"the feed .* cannot be read"):
        read_toml(tmp_path, what="feed")
    for number, text in enumerate([b"radius = = 5", b"\xff\xfe"]):
        file = tmp_path / f"{number}.toml"
        file.write_bytes(text)
        with pytest.raises(ConfigError, match="is not a TOML file"):
            load_config(file)


# there and back -----------------------------------------------------------------------------------


@pytest.mark.parametrize("data", [{}, OTHER], ids=["defaults", "others"])
def test_toml_there_and_back(data: dict[str, Any], tmp_path: Path) -> None:
    config = parse_config(data)
    file = tmp_path / "settings.toml"
    file.write_text(to_toml(config), encoding="utf-8")
    assert load_config(file) == config


def test_no_file_means_the_defaults() -> None:
    assert load_config(None) == Config()


@given(radius=st.floats(0.001, 100), mmsi=st.lists(st.integers(0, 2**40)))
def test_toml_there_and_back_for_any_values(radius: float, mmsi: list[int]) -> None:
    config = parse_config({"cells": {"radius_nm": radius}, "clean": {"junk_mmsi": mmsi}})
    assert parse_config(tomllib.loads(to_toml(config))) == config


@given(st.text(st.characters(codec="utf-8")))
def test_any_text_is_written_as_toml(text: str) -> None:
    assert tomllib.loads(f"text = {toml_value(text)}")["text"] == text


def test_the_record_of_a_run_can_be_read_again() -> None:
    config = parse_config(OTHER)
    assert parse_config(json.loads(config.model_dump_json())) == config


def test_fingerprint_tells_results_apart_and_not_the_cutting_of_the_work() -> None:
    usual = Config().fingerprint()
    assert Config(run=RunConfig(buckets=3)).fingerprint() == usual
    assert Config(clean=CleanConfig(min_jump_m=999)).fingerprint() != usual
    assert len(usual) == 16


# documentation ------------------------------------------------------------------------------------


def test_every_setting_is_described_in_its_unit() -> None:
    units = {"_m": "(m)", "_kn": "(kn)", "_deg": "(deg)", "_h": "(h)", "_s": "(s)", "_nm": "(nautical miles)"}
    wrong = []
    for name, section in Config.model_fields.items():
        assert section.description
        for key, field in section.annotation.model_fields.items():  # type: ignore[union-attr]
            unit = next((text for suffix, text in units.items() if key.endswith(suffix)), None)
            text = field.description or ""
            if not text or (unit and not text.endswith(unit)):
                wrong.append(f"{name}.{key}: {text}")
    assert wrong == []


def test_reference_holds_every_setting_once() -> None:
    lines = reference_table().splitlines()[2:]
    assert [line.split("`")[1] for line in lines] == known_settings()
    assert all(line.count("|") == 4 for line in lines)


def test_the_toml_example_holds_every_setting_with_its_meaning() -> None:
    text = to_toml()
    assert all(f"{name.split('.')[1]} = " in text for name in known_settings())
    assert "radius_nm = 12.0  # radius around each port (nautical miles)" in text


def test_json_schema_refuses_unknown_keys_and_describes_all() -> None:
    schema = Config.model_json_schema()
    assert set(schema["properties"]) == set(Config.model_fields)
    for section in schema["$defs"].values():
        assert section["additionalProperties"] is False
        assert all(field["description"] for field in section["properties"].values())


def test_coarse_hexagons_must_be_coarser_than_fine_ones() -> None:
    assert HexagonsConfig(fine_resolution=10, parent_resolution=10).fine_resolution == 10
    with pytest.raises(ValidationError, match="expected at least 11"):
        HexagonsConfig(fine_resolution=10, parent_resolution=11)


def test_what_is_named_twice_counts_once() -> None:
    config = IndicatorsConfig(
        groups=("tanker", "cargo", "tanker"), periods=("day", "day"), uses=("leisure",) * 2
    )
    assert (config.groups, config.periods, config.uses) == (("tanker", "cargo"), ("day",), ("leisure",))
