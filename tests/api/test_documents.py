"""Documents over HTTP: what belongs to a feature, and files that leave to be saved."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from small_city import browse, fill

from gis.api.app import create_app
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store
from gis.store.documents import add_document, feature_place

JPEG = b"\xff\xd8\xff\xe0<script>alert(1)</script>"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


@pytest.fixture(scope="module")
def city(server: Any, registry: Registry, home: Path) -> Iterator[Store]:
    with server.copy() as url, Store.open(url, max_size=3, timezone="Asia/Shanghai") as store:
        fill(store, registry)
        photo = home / "第8号 楼.jpg"
        photo.write_bytes(JPEG)
        place = feature_place(store, registry.layers["buildings"], "B00008")
        add_document(store, home / "documents", photo, place, title="南立面", person="李工")
        yield store


@pytest.fixture(scope="module")
def client(city: Store, registry: Registry, home: Path) -> httpx.Client:
    return browse(create_app(city, registry, Settings(web=Path("none"), home=home)))


def key_of(client: httpx.Client, number: str) -> int:
    found = client.get("/collections/buildings/items", params={"building_id": number}).json()
    return int(found["features"][0]["id"])


def test_what_belongs_to_a_feature(client: httpx.Client) -> None:
    key = key_of(client, "B00008")
    found = client.get(f"/collections/buildings/items/{key}/documents").json()
    (document,) = found["documents"]
    assert found["count"] == 1
    assert (document["title"], document["linked_to"]) == ("南立面", "feature")
    assert "李工" not in str(found)
    other = client.get(f"/collections/buildings/items/{key_of(client, 'B00009')}/documents")
    assert other.json() == {"documents": [], "count": 0}


def test_a_file_leaves_to_be_saved(client: httpx.Client) -> None:
    key = key_of(client, "B00008")
    (document,) = client.get(f"/collections/buildings/items/{key}/documents").json()["documents"]
    answer = client.get(document["href"])
    assert answer.content == JPEG
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-disposition"] == (
        f"attachment; filename*=UTF-8''{quote('第8号 楼.jpg')}"
    )
    assert "sandbox" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    ["/documents/99", "/documents/x", "/documents/-1", "/documents/..%2fpg.lock",
     "/collections/buildings/items/999999/documents", "/collections/buildings/items/x/documents",
     "/collections/nope/items/1/documents"],
)  # fmt: skip
def test_nothing_there(client: httpx.Client, path: str) -> None:
    assert client.get(path).status_code == 404


def test_sensitive_layers_show_none(
    city: Store, registry: Registry, home: Path, client: httpx.Client
) -> None:
    key = key_of(client, "B00008")
    hidden = replace(registry.layers["buildings"], classification="sensitive")
    closed = replace(registry, layers={**registry.layers, "buildings": hidden})
    other = browse(create_app(city, closed, Settings(web=Path("none"), home=home)))
    assert other.get(f"/collections/buildings/items/{key}/documents").status_code == 404
    assert other.get("/documents/1").status_code == 404
