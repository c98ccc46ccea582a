"""The addresses beside the standard's: named in the OpenAPI document, and as it says."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import httpx
import jsonschema
import pytest
from starlette.routing import Route

from gis.api.app import create_app
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store

# what the document leaves out, on purpose
PAGES = {"/map", "/map/{path:path}", "/coords", "/map/alerts/{key}.html", "/signin"}
NOT_PUBLIC = {
    "/map/alerts.json", "/map/alerts/{key}.json", "/map/alerts/{key}/{chip:path}.png",
    "/map/readings.json", "/map/alerts/stats.json",
}  # fmt: skip
SOLIDS = {
    "/3dtiles/{layer}/tileset.json", "/3dtiles/{layer}/v{version}/{z}/{x}/{y}.json",
    "/3dtiles/{layer}/v{version}/{z}/{x}/{y}.glb",
}  # fmt: skip
WATCH = {"/healthz", "/readyz", "/metrics", "/live"}  # the last never ends
# pygeoapi answers them and names them nowhere
UNNAMED = {
    "/TileMatrixSets", "/TileMatrixSets/{grid}", "/tiles/{grid}/metadata",
    "/collections/{layer}/tiles/{grid}/metadata",
}  # fmt: skip
LEFT_OUT = PAGES | NOT_PUBLIC | SOLIDS | WATCH | UNNAMED
# a path of ours -> the same in the document
SAID_AS = {
    "{style}": "{styleId}", "{key}": "{featureId}", "{record}": "{recordId}", "{process}": "locate",
    "{grid}": "{tileMatrixSetId}", "{z}": "{tileMatrix}", "{row}": "{tileRow}",
    "{col}": "{tileCol}",
}  # fmt: skip
TRIAL = {
    "datetime": "2023-06-01/2024-07-01", "bbox": "114,32,115,33", "limit": "3", "q": "楼",
    "bbox-crs": "http://www.opengis.net/def/crs/EPSG/0/4547", "after": "1", "gridcode": "N50I",
    "filter": "height_m > 3", "filter-lang": "cql2-text", "type": "delivery", "offset": "1",
    "filter-crs": "http://www.opengis.net/def/crs/EPSG/0/4547", "reach_m": "5", "storeys": "3",
    "height_m": "12.4", "base_m": "82.5", "built_year": "1990", "use": "industrial",
    "collections": "buildings,roads", "properties": "name", "labels": "true",
    "structure": "steel", "from": "EPSG:4490", "to": "gcj02", "x": "lon", "y": "lat",
}  # fmt: skip
NEEDS = {"bbox-crs": "bbox", "filter-lang": "filter", "filter-crs": "filter"}


@pytest.fixture(scope="module")
def document(client: httpx.Client) -> dict[str, Any]:
    found: dict[str, Any] = client.get("/openapi").json()
    return found


def test_it_is_an_openapi_document(document: dict[str, Any]) -> None:
    schema = files("pygeoapi").joinpath("resources/schemas/openapi/openapi-3.0.x.json")
    jsonschema.validate(document, json.loads(schema.read_text("utf-8")))
    ids = [o["operationId"] for path in document["paths"].values() for o in path.values()]
    assert len(ids) == len(set(ids))


def test_every_address_is_named_or_left_out_on_purpose(
    document: dict[str, Any], city: Store, registry: Registry, settings: Settings
) -> None:
    app: Any = create_app(city, registry, settings)
    while not hasattr(app, "routes"):
        app = app.app
    paths = {route.path for route in app.routes if isinstance(route, Route)}
    assert paths >= LEFT_OUT
    for path in paths - LEFT_OUT:
        said = path
        for ours, theirs in SAID_AS.items():
            said = said.replace(ours, theirs)
        of_a_layer = said.replace("{layer}", "buildings")
        assert said in document["paths"] or of_a_layer in document["paths"], path


def own(document: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Path with its examples filled in, operation."""
    found = []
    for path, operations in document["paths"].items():
        for operation in operations.values():
            examples = {p["name"]: p["example"] for p in operation["parameters"] if "example" in p}
            if path.startswith(("/map/", "/coords/", "/collections/catalogue", "/collections/{")):
                pass
            elif not examples and path != "/collections/buildings/diff":
                continue
            examples = {**examples, "layer": "buildings"}
            found.append((path.format_map(examples), operation))
    return found


def name_of(parameter: dict[str, Any]) -> str:
    return str(parameter.get("name") or parameter["$ref"].rpartition("/")[2])


def test_what_is_named_is_answered_as_it_says(
    client: httpx.Client, document: dict[str, Any]
) -> None:
    operations = own(document)
    assert len(operations) >= 14
    for path, operation in operations:
        media = operation["responses"]["200"]["content"]
        query = [p for p in operation["parameters"] if p.get("in") != "path"]
        needed = {p["name"]: TRIAL[p["name"]] for p in query if p.get("required")}
        trials: list[dict[str, str]] = [{}]
        for name in map(name_of, query):
            values = next((p["schema"].get("enum") for p in query if name_of(p) == name
                           and "schema" in p), None) or [TRIAL.get(name, "1")]  # fmt: skip
            base = {n: TRIAL[n] for n in [NEEDS.get(name)] if n}
            trials += [base | {name: value} for value in values]
        for trial in trials:
            given = needed | trial
            if path == "/map/counts.json" and "datetime" in given:
                given["datetime"] = "2023-07-01"
            if path.startswith("/tiles/") and "filter" in given:  # not every layer has a height
                given["collections"] = "buildings"
            if "requestBody" in operation:
                asked = {"from": "EPSG:4490"} | given
                body = "lon,lat\n114.0012,32.9805\n" if {"x", "y"} & {*given} else "114.0 33.0"
                answer = client.post(path, params=asked, content=body)
            else:
                answer = client.get(path, params=given)
            if path.startswith("/documents/"):  # there is none here
                assert answer.status_code == 404
                continue
            if "/map/tiles/" in path and answer.status_code == 204:  # nor an image
                assert "204" in operation["responses"]
                continue
            assert answer.status_code == 200, (path, given, answer.text)
            assert answer.headers["content-type"].partition(";")[0] in media, (path, given)


def test_a_parameter_it_does_not_name_is_refused(client: httpx.Client) -> None:
    for path in ("/collections/buildings/diff", "/collections/catalogue/items"):
        assert client.get(path, params={"datetime": "2023-06-01/..", "no": "1"}).status_code == 400


def test_documents_of_sensitive_layers_are_not_offered(document: dict[str, Any]) -> None:
    get = document["paths"]["/collections/{layer}/items/{featureId}/documents"]["get"]
    offered = get["parameters"][0]["schema"]["enum"]
    assert "buildings" in offered
    assert "property_units" not in offered


def test_the_landing_page_names_them(client: httpx.Client) -> None:
    links = client.get("/").json()["links"]
    addresses = {link["href"].removeprefix("http://testserver") for link in links}
    for path in (
        "/collections/catalogue/items", "/collections/{layer}/diff",
        "/places/{place}/timeline.json", "/deliveries/{number}/report.html",
        "/documents/{number}", "/map/config.json",
    ):  # fmt: skip
        assert path in addresses
    page = client.get("/", params={"f": "html"}).text
    assert 'href="http://testserver/collections/catalogue/items"' in page
    assert "/collections/{layer}/diff" in page
    assert 'href="http://testserver/collections/{layer}/diff"' not in page
    assert "/coords/convert.json" in page
    named = client.get("/collections", params={"f": "html"}).text
    assert "/collections/catalogue/items" in named
