"""The shipped sample is read as what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ais_berths import feeds

from .conftest import read_all

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(("folder", "name"), [("new_york", "noaa"), ("simulated/feed", "ungp")])
def test_sample(sample_data: Path, folder: str, name: str) -> None:
    assert feeds.choose_feed(feeds.list_inputs([sample_data / folder])).name == name
    result = read_all([sample_data / folder])
    assert len(result.table) > 50_000
    assert result.usable.mean() > 0.99
