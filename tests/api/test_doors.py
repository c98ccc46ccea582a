"""What every answer has in common: caching, packing, errors, pages that load nothing."""

from __future__ import annotations

import re
from typing import Any

import httpx
import psycopg
import pytest
from small_city import XSS, browse

from gis.api.app import create_app
from gis.errors import ConfigError
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store

ITEMS = "/collections/buildings/items"
PAGES = [
    "/", "/collections", "/conformance", "/openapi", "/TileMatrixSets", "/processes",
    "/TileMatrixSets/WebMercatorQuad", "/collections/buildings", "/collections/buildings/schema",
    "/collections/buildings/queryables", "/collections/buildings/tiles",
    "/collections/buildings/tiles/WebMercatorQuad", ITEMS, f"{ITEMS}/4",
    "/collections/iot_things/items",
    f"{ITEMS}?limit=5&offset=5", "/collections/alerts/items", "/nothing", "/collections/nothing",
    f"{ITEMS}/999999", f"{ITEMS}?nothing=1", "/map",
]  # fmt: skip
LOADS = re.compile(r"""(?:src|href|action)\s*=\s*["']([^"']*)|@import|url\(""", re.IGNORECASE)


def test_304_where_the_client_has_it(client: httpx.Client) -> None:
    for path in (ITEMS, f"{ITEMS}/4", "/collections", "/map/config.json", "/map/counts.json"):
        first = client.get(path)
        assert re.fullmatch(r'(W/)?"[^"]+"', first.headers["etag"]), path
        assert "etag" in client.head(path).headers
        again = client.get(path, headers={"If-None-Match": f'"other", {first.headers["etag"]}'})
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    other = client.get(ITEMS, params={"datetime": "2023-07-01"})
    assert other.headers["etag"] != client.get(ITEMS).headers["etag"]


def test_head_is_get_without_a_body(client: httpx.Client) -> None:
    answer = client.head(ITEMS)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/geo+json"


def test_packed_only_for_those_who_can_unpack(client: httpx.Client) -> None:
    packed = client.get(ITEMS)
    plain = client.get(ITEMS, headers={"Accept-Encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.json()["features"] == plain.json()["features"]


def test_other_departments_maps_may_read(client: httpx.Client) -> None:
    answer = client.get(ITEMS, headers={"Origin": "http://map.example"})
    assert answer.headers["access-control-allow-origin"] == "*"
    asked = {"Origin": "http://map.example", "Access-Control-Request-Method": "GET"}
    assert client.options(ITEMS, headers=asked).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("/collections/nothing/items", 404, "NotFound"),
        ("/collections/nothing", 404, "NotFound"),
        (f"{ITEMS}/999999", 404, "NotFound"),
        (f"{ITEMS}/abc", 404, "NotFound"),
        (f"{ITEMS}/9" + "9" * 30, 404, "NotFound"),
        (f"{ITEMS}/-1", 404, "NotFound"),
        (f"{ITEMS}/999999/history", 404, "NotFound"),
        ("/nothing", 404, "NotFound"),
        (f"{ITEMS}?limit=0", 400, "InvalidParameterValue"),
        (f"{ITEMS}?limit=1&limit=2", 400, "InvalidParameterValue"),
        (f"{ITEMS}?bbox=a", 400, "InvalidParameterValue"),
        (f"{ITEMS}?bbox=nan,0,1,1", 400, "InvalidParameterValue"),
        (f"{ITEMS}?bbox-crs=EPSG:4490", 400, "InvalidParameterValue"),
        (f"{ITEMS}?storeys=99999999999999999999999", 400, "InvalidParameterValue"),
        (f"{ITEMS}?name=%00", 400, "InvalidParameterValue"),
        (f"{ITEMS}?offset=99999999999999999999", 400, "InvalidParameterValue"),
        (f"{ITEMS}?datetime=2024-02-30", 400, "InvalidParameterValue"),
        (f"{ITEMS}?f=kmz", 400, "NoApplicableCode"),
        (f"{ITEMS}?filter=height_m%3E", 400, "InvalidParameterValue"),
        (f"{ITEMS}?filter=heigth_m%3E3", 400, "InvalidParameterValue"),
        (f"{ITEMS}?filter=height_m^1e3%3E3", 400, "InvalidParameterValue"),
        (f"{ITEMS}?filter=storeys%3E3&filter-lang=cql", 400, "InvalidParameterValue"),
        (f"{ITEMS}?filter-lang=cql2-text", 400, "InvalidParameterValue"),
        (f"{ITEMS}?filter=storeys%3E3&filter-crs=EPSG:2154", 400, "InvalidParameterValue"),
        (f"{ITEMS}?q=,", 400, "InvalidParameterValue"),
        (f"{ITEMS}?after=x", 400, "InvalidParameterValue"),
        (f"{ITEMS}?after=WzEsMl0", 400, "InvalidParameterValue"),
        (f"{ITEMS}?after=WzFd&offset=3", 400, "InvalidParameterValue"),
        (f"{ITEMS}?sortby=storeys&after=WyJhIiwxXQ", 400, "InvalidParameterValue"),
        (
            "/collections/buildings/tiles/WebMercatorQuad/3/3/6?f=mvt&filter=x%3D1",
            400,
            "InvalidParameterValue",
        ),
        ("/collections/buildings/tiles/Other", 404, "NotFound"),
        ("/map/search.json?x=1", 400, "InvalidParameterValue"),
        ("/map/readings.json", 400, "InvalidParameterValue"),
        ("/map/alerts/4711.json", 404, "NotFound"),
        ("/map/alerts/4711/before.png", 404, "NotFound"),
        ("/map/../../etc/passwd", 404, "NotFound"),
        ("/map/%2e%2e/%2e%2e/README.md", 404, "NotFound"),
    ],
)
def test_errors_are_ogc_exceptions_in_both_languages(
    client: httpx.Client, path: str, status: int, code: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    body = answer.json()
    if code != "NoApplicableCode":
        assert body["code"] == code
    assert re.search(r"[\u4e00-\u9fff]", body["zh"])
    assert body["en"]
    assert body["zh"] in body["description"]
    for secret in ("Traceback", "SELECT ", "/site-packages", "psycopg", "/root", "/home", "/tmp"):
        assert secret not in answer.text


@pytest.mark.parametrize("method", ["DELETE", "PUT", "PATCH"])
def test_nothing_is_written_over_http(client: httpx.Client, method: str) -> None:
    assert client.request(method, f"{ITEMS}/4").status_code == 405


def test_too_slow_is_503_and_says_so(city: Store, registry: Registry, settings: Settings) -> None:
    with (
        Store.open(city.url, max_size=2, timeout_s=1.5, read_only=True) as hurried,
        psycopg.connect(city.url) as somebody,
    ):
        somebody.execute("LOCK TABLE gis.buildings IN ACCESS EXCLUSIVE MODE")
        answer = browse(create_app(hurried, registry, settings)).get(ITEMS)
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"] == "Busy"
    assert answer.headers["retry-after"]


def test_a_wrong_configuration_is_told_to_the_log_alone(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: Any) -> None:
        raise ConfigError(zh="/srv/somewhere 不存在", en="/srv/somewhere is not there")

    monkeypatch.setattr("gis.api.features.items", fail)
    answer = client.get(ITEMS)
    assert answer.status_code == 500
    assert "/srv/somewhere" not in answer.text
    assert "/srv/somewhere" in caplog.text


def test_an_unforeseen_error_keeps_its_insides(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("SELECT secret FROM /srv/somewhere")

    monkeypatch.setattr("gis.api.features.items", fail)
    answer = client.get(ITEMS)
    assert answer.status_code == 500
    assert answer.json()["code"] == "NoApplicableCode"
    assert "secret" not in answer.text


@pytest.mark.parametrize("path", PAGES)
def test_pages_load_nothing_from_anywhere(client: httpx.Client, path: str) -> None:
    answer = client.get(path, headers={"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"})
    assert answer.headers["content-type"] == "text/html; charset=utf-8", path
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "<script" not in answer.text.lower()
    assert not re.search(r"<(link|img|iframe|object)\b", answer.text, re.IGNORECASE)
    for address in LOADS.findall(answer.text):
        assert address.startswith("http://testserver/"), address


def test_a_departments_text_stays_text(client: httpx.Client) -> None:
    named = client.get(ITEMS, params={"building_id": "B00003"}).json()["features"][0]
    assert named["properties"]["name"] == XSS  # as data it is what it is
    for path in (f"{ITEMS}?f=html&building_id=B00003", f"{ITEMS}/{named['id']}?f=html"):
        text = client.get(path).text
        assert "alert(1)" in text
        assert "<script" not in text
        assert "<img" not in text
    echoed = client.get(f"{ITEMS}?f=html&limit={XSS}").text
    assert "<script" not in echoed
    assert "<img" not in echoed


def test_codes_are_shown_with_their_meaning(client: httpx.Client) -> None:
    text = client.get(ITEMS, params={"f": "html", "building_id": "B00004"}).text
    assert "(industrial)" in text


def test_links_begin_with_the_public_address(city: Store, registry: Registry) -> None:
    settings = Settings(public_url="https://map.example/one/")
    client = browse(create_app(city, registry, settings))
    page = client.get(ITEMS, params={"limit": 2}).json()
    assert all(k["href"].startswith("https://map.example/one/collections/") for k in page["links"])
    catalogue = client.get("/collections").json()["collections"][0]
    assert any(k["href"].startswith("https://map.example/one/") for k in catalogue["links"])
