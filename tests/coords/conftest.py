"""Where the shared reference values are, and reading them."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data"
Rows = list[dict[str, str]]


@pytest.fixture(scope="session")
def vectors() -> Callable[[str], Rows]:
    """Rows of a file of reference values; the test is skipped where the folder is absent."""

    def read(name: str) -> Rows:
        path = SHARED / "coords_vectors" / name
        if not path.exists():
            pytest.skip(f"reference values {path} are not on this machine")
        with path.open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    return read
