"""The quality report as a page: whole in itself, everything escaped, nothing sensitive."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from small_city import XSS, browse

from gis.api.app import create_app
from gis.ingest import IngestRequest, ingest
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store

AREA = "[[[[113.9,32.9],[114.2,32.9],[114.2,33.1],[113.9,33.1],[113.9,32.9]]]]"
COUNTY = (
    '{"type":"FeatureCollection","features":[{"type":"Feature","properties":'
    '{"区划代码":"411702","名称":"驿城区","级别":"county"},"geometry":'
    f'{{"type":"MultiPolygon","coordinates":{AREA}}}}}]}}'
)
LAMPS = (
    "标识码,部件分类,名称,经度,纬度\n"
    "4117020121000001,0121,灯,114.0,33.0\n"
    f'4117020121000002,9999,"{XSS}",114.01,33.01\n'
    "4117020121000003,8888,灯,114.02,33.02\n"
)


@pytest.fixture(scope="module")
def filled(
    server: Any, registry: Registry, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Store]:
    folder = tmp_path_factory.mktemp("quality")
    (folder / "区划.geojson").write_text(COUNTY, "utf-8")
    (folder / "部件.csv").write_text(LAMPS, "utf-8")
    with server.copy() as url, Store.open(url, max_size=2, timezone="Asia/Shanghai") as store:
        for name, layer in (("区划.geojson", "admin_areas"), ("部件.csv", "components")):
            asked = IngestRequest(path=folder / name, layer=layer, crs="EPSG:4490")
            ingest(store, registry, asked, {})
        yield store


@pytest.fixture(scope="module")
def client(filled: Store, registry: Registry) -> httpx.Client:
    return browse(create_app(filled, registry, Settings(web=Path("nothing-built-here"))))


def test_the_page_stands_alone(client: httpx.Client) -> None:
    answer = client.get("/deliveries/2/report.html")
    assert answer.status_code == 200, answer.text
    page = answer.text
    assert not re.search(r'(src|href)="?http', page)
    assert "<script" not in page
    assert "&lt;/script&gt;" in page
    assert "unknown_code" in page
    assert ">3<" in page
    assert "default-src 'none'" in answer.headers["content-security-policy"]


def test_the_map_shows_the_refused_and_the_county(client: httpx.Client) -> None:
    page = client.get("/deliveries/2/report.html").text
    assert page.count("<circle") == 2
    assert "图上 2 行；图外 0 行；无法定位 0 行" in page
    dots = re.findall(r'<circle cx="([\d.]+)" cy="([\d.]+)"', page)
    (west, south), (east, north) = ((float(x), float(y)) for x, y in dots)
    assert west < east
    assert south > north  # north is up


def test_a_clean_delivery_has_no_map(client: httpx.Client) -> None:
    page = client.get("/deliveries/1/report.html").text
    assert "每一行都已入库" in page
    assert "<svg" not in page


def test_the_same_as_data(client: httpx.Client) -> None:
    found = client.get("/deliveries/2/report.json").json()
    assert found["rows_in"] == 3
    assert found["figures"]["quarantined"] == 2
    assert found["reasons"][0]["examples"][0]["raw"]["名称"] == XSS


def test_of_a_sensitive_layer_only_the_figures(filled: Store, registry: Registry) -> None:
    hidden = replace(registry.layers["components"], classification="sensitive")
    closed = replace(registry, layers={**registry.layers, "components": hidden})
    app = create_app(filled, closed, Settings(web=Path("nothing-built-here")))
    page = browse(app).get("/deliveries/2/report.html").text
    assert "unknown_code" in page
    assert "9999" not in page
    assert "<svg" not in page
    data = browse(app).get("/deliveries/2/report.json").json()
    assert data["reasons"][0]["examples"] == []


@pytest.mark.parametrize("number", ["999", "x", "-1", "1e3", "99999999999999999999"])
def test_no_such_delivery(client: httpx.Client, number: str) -> None:
    assert client.get(f"/deliveries/{number}/report.html").status_code == 404
