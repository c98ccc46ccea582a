"""What nobody should send, in every parameter of every address: refused or answered, never an
error of ours, and never markup in a page."""

from __future__ import annotations

from html.parser import HTMLParser
from typing import Any

import httpx
import pytest
from asking import of_layers, parameters

pytestmark = pytest.mark.xdist_group("conformance")
MARKUP = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
EVIL = {
    "sql": "1' OR '1'='1'; DROP TABLE gis.buildings; --",
    "union": "0) UNION SELECT version()--",
    "sleep": "1;SELECT pg_sleep(9)",
    "placeholder": "%(key)s {} %s $1",
    "markup": MARKUP,
    "long": "9" * 20_000,
    "null": "\x00",
    "path": "../../../../etc/passwd",
    "unicode": "\ud7ff\u202e\ufeff",
    "number": "1e999",
}
SECRETS = ("Traceback", "SELECT ", "psycopg", "site-packages", "root:")
# One layer stands for all: they share their routes.
LAYER = "buildings"
# of items: what can't be just any text
TYPED = (
    *("bbox", "bbox-crs", "crs", "datetime", "limit", "offset", "sortby", "filter", "filter-lang"),
    *("filter-crs", "resulttype", "skipGeometry", "gridcode", "f", "after"),
)


class Markup(HTMLParser):
    """The elements of a page that could do something."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Scripts, pictures, frames, and attributes that run."""
        if tag in ("script", "img", "iframe", "object", "embed", "svg"):
            self.found.append(tag)
        self.found += [name for name, _ in attrs if name.startswith("on")]


def addresses(api: Any) -> list[str]:
    return [p for p, known in api["paths"].items() if "get" in known and of_layers(p, LAYER)]


def example(parameter: Any) -> str:
    found = parameter.get("example", parameter["schema"].get("default"))
    if found is None and "enum" in parameter["schema"]:
        found = LAYER if LAYER in parameter["schema"]["enum"] else parameter["schema"]["enum"][0]
    return "1" if found is None else str(found)


def told_of(text: str, kind: str) -> list[str]:
    """The words of our insides in an answer, but for those that were sent."""
    return [word for word in SECRETS if word in text and word not in EVIL[kind]]


@pytest.mark.parametrize("kind", EVIL)
def test_every_parameter(client: httpx.Client, api: Any, kind: str) -> None:
    asked = 0
    for path in addresses(api):
        known = parameters(api, path)
        given = {n: example(p) for n, p in known.items() if p["in"] == "path"}
        needed = {
            n: example(p) for n, p in known.items() if p["in"] == "query" and p.get("required")
        }
        for name, parameter in known.items():
            if parameter["in"] != "query":
                continue
            params = needed | {name: EVIL[kind]}
            for form in ({}, {"f": "html"} if "f" in known and name != "f" else {}):
                answer = client.get(path.format(**given), params=params | form)
                asked += 1
                assert answer.status_code < 500, (path, name, answer.text[:300])
                if kind in ("long", "null") and name in TYPED and path.endswith("/items"):
                    assert answer.status_code == 400, (path, name)
                told = answer.headers.get("content-type", "")
                if told.startswith("text/html"):
                    page = Markup()
                    page.feed(answer.text)
                    assert page.found == [], (path, name)
                if answer.status_code >= 400:
                    assert not told_of(answer.text, kind)
    assert asked > 50


@pytest.mark.parametrize("kind", [k for k in EVIL if k != "null"])
def test_every_part_of_an_address(client: httpx.Client, api: Any, kind: str) -> None:
    for path in addresses(api):
        known = parameters(api, path)
        places = [n for n, p in known.items() if p["in"] == "path"]
        for name in places:
            given = {n: example(known[n]) for n in places} | {
                name: httpx.URL("", params={"a": EVIL[kind]}).query.decode()[2:].replace("+", "%20")
            }
            answer = client.get(path.format(**given))
            assert answer.status_code in (400, 404, 414), (path, name, answer.status_code)
            assert not told_of(answer.text, kind)


def test_the_data_are_still_there(client: httpx.Client) -> None:
    assert client.get(f"/collections/{LAYER}/items").json()["numberMatched"] >= 60
