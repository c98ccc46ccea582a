"""The catalogue: every layer a collection, and documents that promise what is there."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest

from gis.layers import Registry


def nodes(document: Any) -> Iterator[dict[str, Any]]:
    if isinstance(document, dict):
        yield document
        for value in document.values():
            yield from nodes(value)
    elif isinstance(document, list):
        for value in document:
            yield from nodes(value)


def name_of(parameter: dict[str, Any]) -> str:
    return str(parameter.get("name") or parameter["$ref"].rpartition("/")[2])


def test_every_layer_is_a_collection(client: httpx.Client, registry: Registry) -> None:
    found = client.get("/collections").json()["collections"]
    assert [c["id"] for c in found] == [*registry.layers, "catalogue"]
    assert found[-1] == client.get("/collections/catalogue").json()
    for collection in found[:-1]:
        layer = registry.layers[collection["id"]]
        assert collection["title"] == layer.title.zh
        assert collection["storageCrs"].endswith("/EPSG/0/4490")
        assert collection["crs"][0].endswith("/CRS84")
        assert collection["extent"]["spatial"]["bbox"] == [list(registry.city.bbox)]


def test_titles_come_in_english_too(client: httpx.Client) -> None:
    found = client.get("/collections/buildings", params={"lang": "en"}).json()
    assert found["title"] == "Buildings"


@pytest.mark.parametrize("layer", ["buildings", "iot_things", "pipe_segments", "alerts"])
def test_items_are_what_the_schema_says(client: httpx.Client, layer: str) -> None:
    schema = client.get(f"/collections/{layer}/schema").json()
    fields = {n: s for n, s in schema["properties"].items() if n != "geometry"}
    for spec in fields.values():
        spec["type"] = [spec["type"], "null"]
        if "enum" in spec:
            spec["enum"].append(None)
    page = client.get(f"/collections/{layer}/items", params={"limit": 50}).json()
    for feature in page["features"]:
        jsonschema.validate(feature["properties"], {"type": "object", "properties": fields})
        assert set(fields) <= set(feature["properties"])
    queryables = client.get(f"/collections/{layer}/queryables").json()["properties"]
    latest = {"latest_value", "latest_time"} if layer == "iot_things" else set()
    assert set(queryables) == {"geometry", "id", *fields, "valid_from", "valid_to"} | latest
    for name in queryables:  # what is named may be asked
        asked = {"filter": f'"{name}" IS NULL', "limit": "1"}
        assert client.get(f"/collections/{layer}/items", params=asked).status_code == 200, name


def test_the_landing_page_leads_everywhere(client: httpx.Client) -> None:
    links = client.get("/").json()["links"]
    rels = {link["rel"].rpartition("/")[2] for link in links}
    assert rels >= {"self", "service-desc", "conformance", "data", "tiling-schemes"}
    for link in links:
        if link["href"].startswith("http://testserver"):
            assert ("{" in link["href"]) == link.get("templated", False)
            if not link.get("templated"):
                assert client.get(link["href"]).status_code == 200, link


def test_conformance_promises_only_what_is_there(client: httpx.Client) -> None:
    classes = client.get("/conformance").json()["conformsTo"]
    for wanted in ("features-1/1.0/conf/core", "features-2/1.0/conf/crs", "tiles-1/1.0/conf/mvt"):
        assert any(uri.endswith(wanted) for uri in classes), wanted
    for wanted in ("features-3/1.0/conf/features-filter", "cql2/1.0/conf/cql2-text"):
        assert any(uri.endswith(wanted) for uri in classes), wanted
    # no arrays, no functions of our own, no mixed collections in every spatial function
    not_offered = ("features-4", "cql2/1.0/conf/array-functions", "cql2/1.0/conf/functions",
                   "cql2/1.0/conf/spatial-functions")  # fmt: skip
    assert not any(uri.endswith(word) for uri in classes for word in not_offered)


def test_openapi_is_complete_in_itself(client: httpx.Client, registry: Registry) -> None:
    answer = client.get("/openapi")
    assert answer.headers["content-type"] == "application/vnd.oai.openapi+json;version=3.0"
    document = answer.json()
    assert document["servers"][0]["url"] == "http://testserver"
    for node in nodes(document):
        reference = node.get("$ref")
        if isinstance(reference, str):
            assert reference.startswith("#/"), reference
            target: Any = document
            for step in reference[2:].split("/"):
                target = target[step]
    for layer in registry.layers:
        operations = document["paths"][f"/collections/{layer}/items"]
        assert set(operations) == {"get", "post"}
        names = {
            p.get("name") or p["$ref"].rpartition("/")[2] for p in operations["get"]["parameters"]
        }
        assert names >= {"bbox", "bbox-crs", "crs", "datetime", "gridcode", "limit", "sortby"}
        assert names >= {"filter", "filter-lang", "filter-crs", "q", "after"}


def test_what_openapi_names_is_answered(client: httpx.Client) -> None:
    parameters = client.get("/openapi").json()["paths"]["/collections/buildings/items"]["get"]
    named = set(map(name_of, parameters["parameters"]))
    trial = {
        "bbox": "114,32,115,33", "bbox-crs": "http://www.opengis.net/def/crs/OGC/1.3/CRS84",
        "crs": "http://www.opengis.net/def/crs/EPSG/0/4490", "datetime": "2024-07-01",
        "f": "json", "lang": "en", "limit": "3", "offset": "0", "sortby": "name",
        "properties": "name", "skipGeometry": "true", "resulttype": "results",
        "gridcode": "N50I", "storeys": "3", "height_m": "12.4", "use": "industrial",
        "built_year": "1990", "filter": "height_m > 3", "filter-lang": "cql2-text",
        "filter-crs": "http://www.opengis.net/def/crs/EPSG/0/4547", "q": "楼", "after": "WzVd",
        "feature-id": "version", "valid_from": "2023-06-01", "valid_to": "2024-05-20",
    }  # fmt: skip
    for name in named:
        given = {name: trial.get(name, "1")}
        if name == "bbox-crs":
            given["bbox"] = trial["bbox"]
        if name.startswith("filter-"):
            given["filter"] = trial["filter"]
        answer = client.get("/collections/buildings/items", params=given)
        assert answer.status_code == 200, (name, answer.text)
