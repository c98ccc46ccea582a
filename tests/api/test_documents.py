"""Documents over HTTP: what belongs to a feature, and files that leave to be saved."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
import shapely
from small_city import browse, fill

from gis.api import documents
from gis.api.app import create_app
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store
from gis.store.documents import (
    add_document,
    feature_place,
    shape_place,
    withdraw_document,
)

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


def test_items_tell_of_documents(client: httpx.Client) -> None:
    key = key_of(client, "B00008")
    page = client.get("/collections/buildings/items", params={"limit": 1000}).json()
    told = {f["id"]: f["documents"] for f in page["features"] if "documents" in f}
    assert told.keys() == {key}
    assert told[key]["count"] == 1
    assert client.get(told[key]["href"]).json()["count"] == 1
    one = client.get(f"/collections/buildings/items/{key}").json()
    assert one["documents"] == told[key]
    other = client.get("/collections/roads/items", params={"limit": 5}).json()
    assert not any("documents" in f for f in other["features"])


def test_a_document_on_a_place_counts_where_it_lies(
    city: Store, registry: Registry, home: Path
) -> None:
    """Also as of a date: the place is that of the version of then."""
    client = browse(create_app(city, registry, Settings(web=Path("none"), home=home)))
    key = key_of(client, "B00009")
    shape = client.get(f"/collections/buildings/items/{key}").json()["geometry"]
    inside = shapely.from_geojson(json.dumps(shape)).representative_point()
    sheet = home / "批复.pdf"
    sheet.write_bytes(b"%PDF-1.7 approved")
    kept = add_document(city, home / "documents", sheet, shape_place(inside.wkt))
    try:
        fresh = browse(create_app(city, registry, Settings(web=Path("none"), home=home)))
        page = fresh.get("/collections/buildings/items", params={"building_id": "B00009"}).json()
        assert page["features"][0]["documents"]["count"] == 1
        since = page["features"][0]["properties"]["valid_from"]
        then = {"building_id": "B00009", "datetime": since}
        page = fresh.get("/collections/buildings/items", params=then).json()
        href = page["features"][0]["documents"]["href"]
        assert fresh.get(href).json()["documents"][0]["id"] == kept.id
        before = f"/collections/buildings/items/{key}/documents?datetime=1990-01-01"
        assert fresh.get(before).status_code == 404
    finally:
        withdraw_document(city, kept.id, "李工")


def test_a_page_of_items_asks_once(
    city: Store, client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One query for all the features of a page, none for a layer that has no documents."""
    asked: list[int] = []
    count = documents.count_documents

    def counted(store: Store, layer: Any, keys: Any, *more: Any, **facts: Any) -> dict[int, int]:
        asked.append(len(keys))
        return count(store, layer, keys, *more, **facts)

    monkeypatch.setattr(documents, "count_documents", counted)
    client.get("/collections/roads/items", params={"limit": 10})
    assert asked == []
    found = client.get("/collections/buildings/items", params={"limit": 10}).json()
    assert asked == [len(found["features"])]


def test_a_file_that_was_changed_does_not_leave(
    city: Store, registry: Registry, home: Path, tmp_path: Path
) -> None:
    photo = tmp_path / "改动.jpg"
    photo.write_bytes(JPEG + b"whole")
    place = feature_place(city, registry.layers["buildings"], "B00008")
    kept = add_document(city, home / "documents", photo, place)
    client = browse(create_app(city, registry, Settings(web=Path("none"), home=home)))
    assert client.get(f"/documents/{kept.id}").status_code == 200
    file = home / "documents" / kept.digest[:2] / kept.digest
    file.write_bytes(JPEG + b"other")
    try:
        assert client.get(f"/documents/{kept.id}").status_code == 503
    finally:
        withdraw_document(city, kept.id, "李工")
