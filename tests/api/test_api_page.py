"""docs/api.md: its addresses answer, and nothing that can be asked is left out."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from gis.api.app import _routes
from gis.api.parameters import ITEMS

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "api.md").read_text("utf-8")
ASKED = re.findall(r'curl -s "http://127\.0\.0\.1:8080([^"]+)"', TEXT)


@pytest.mark.parametrize("path", ASKED)
def test_what_the_page_asks_is_answered(client: httpx.Client, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    assert answer.content


def test_the_page_has_examples() -> None:
    assert len(ASKED) >= 5


def test_every_parameter_is_explained() -> None:
    unsaid = {"f", "lang"}  # said with the formats; a matter of the Accept-Language header
    assert [name for name in ITEMS if f"`{name}" not in TEXT and name not in unsaid] == []


def test_every_kind_of_address_is_on_the_page() -> None:
    unsaid = {"TileMatrixSets", "processes"}  # pygeoapi's own, linked from the catalogue
    first = {route.path.split("/")[1] for route in _routes(hot=True)} - unsaid
    assert [word for word in sorted(first) if f"/{word}" not in TEXT] == []


def test_the_example_of_an_error_is_one(client: httpx.Client) -> None:
    [example] = re.findall(r'"zh": "(参数 limit[^"]+)"', TEXT)
    assert client.get("/collections/buildings/items?limit=0").json()["zh"] == example
