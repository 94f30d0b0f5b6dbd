"""A folder for one spoiled input."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from feedfiles import PORTS

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "ports.csv").write_text(PORTS, encoding="utf-8")
    return tmp_path
