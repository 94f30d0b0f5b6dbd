"""Fixtures shared by the tests."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """Folder of the checkout."""
    return ROOT


@pytest.fixture(scope="session")
def sample_data() -> Path:
    """Folder of the shipped sample."""
    return ROOT / "data" / "sample"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of the real extracts that lie beside the checkout and are never shipped."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the real AIS extracts are not beside this checkout")
    return folder
