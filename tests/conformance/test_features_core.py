"""OGC API Features Part 1 (17-069r4): the abstract tests a client can make."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

import httpx
import pytest
import shapely
from asking import CRS84, every, links, ok, parameters
from shapely.geometry import shape

pytestmark = pytest.mark.xdist_group("conformance")


def test_landing_page(client: httpx.Client) -> None:
    """features-1 /req/core/root-op, /req/core/root-success"""
    page = ok(client, "/")
    for rels in (("service-desc", "service-doc"), ("conformance",), ("data",)):
        found = [link for rel in rels for link in links(page, rel)]
        assert found, rels
        for link in found:
            assert client.get(link["href"]).status_code == 200


def test_api_definition(client: httpx.Client) -> None:
    """features-1 /req/core/api-definition-op, /req/core/api-definition-success,
    /req/oas30/oas-definition-1, /req/oas30/oas-definition-2"""
    [link] = links(ok(client, "/"), "service-desc")
    answer = client.get(link["href"])
    assert answer.headers["content-type"] == link["type"]
    assert answer.json()["openapi"].startswith("3.0.")
    assert answer.json()["info"]["title"]


def test_conformance_page(client: httpx.Client) -> None:
    """features-1 /req/core/conformance-op, /req/core/conformance-success"""
    declared = ok(client, "/conformance")["conformsTo"]
    assert len(declared) == len(set(declared))
    assert "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core" in declared


@pytest.mark.parametrize(
    "path", ["/", "/conformance", "/openapi", "/collections", "/collections/{}",
             "/collections/{}/schema", "/collections/{}/queryables", "/collections/{}/items",
             "/collections/{}/items/1", "/collections/{}/items/1/history", "/tiles",
             "/tileMatrixSets", "/processes", "/styles", "/jobs", "/collections/catalogue",
             "/collections/catalogue/items"],
)  # fmt: skip
def test_what_is_not_in_the_definition(client: httpx.Client, filled: list[str], path: str) -> None:
    """features-1 /req/core/query-param-unknown, /req/core/query-param-invalid, /req/core/http"""
    for query in ("nothing=1", "f=nothing"):
        answer = client.get(f"{path.format(filled[0])}?{query}")
        assert answer.status_code == 400, query
        assert answer.json()["code"] == "InvalidParameterValue"
    assert client.request("PROPFIND", path.format(filled[0])).status_code == 405


def test_collections(client: httpx.Client, collections: list[Any]) -> None:
    """features-1 /req/core/fc-md-op, /req/core/fc-md-success, /req/core/fc-md-links,
    /req/core/fc-md-items, /req/core/fc-md-items-links"""
    page = ok(client, "/collections")
    assert links(page, "self")
    assert links(page, "alternate")
    assert all("type" in link for rel in ("self", "alternate") for link in links(page, rel))
    for collection in collections:
        found = links(collection, "items")
        for link in found:
            assert link["type"]
        answer = client.get(found[0]["href"])
        assert answer.status_code == 200
        media = {link["type"] for link in links(answer.json(), "alternate")}
        assert media | {"application/geo+json"} == {link["type"] for link in found}


def test_each_collection(client: httpx.Client, collections: list[Any]) -> None:
    """features-1 /req/core/sfc-md-op, /req/core/sfc-md-success"""
    for collection in collections:
        alone = ok(client, f"/collections/{collection['id']}")
        for name in ("id", "title", "description", "extent", "itemType", "crs"):
            assert alone.get(name) == collection.get(name), (collection["id"], name)
        for rel in ("items",):
            assert links(alone, rel) == links(collection, rel)


def test_extents(client: httpx.Client, collections: list[Any]) -> None:
    """features-1 /req/core/fc-md-extent-multi"""
    for collection in collections:
        extent = collection["extent"]["spatial"]
        assert extent["crs"] == CRS84
        box = shapely.box(*extent["bbox"][0])
        page = ok(client, f"/collections/{collection['id']}/items", limit=200)
        for feature in page["features"]:
            if feature["geometry"] is not None:
                assert box.covers(shape(feature["geometry"])), (collection["id"], feature["id"])


def test_the_parameters_are_as_the_standard_defines_them(api: Any, filled: list[str]) -> None:
    """features-1 /req/core/fc-limit-definition, /req/core/fc-bbox-definition,
    /req/core/fc-time-definition"""
    for name in filled:
        found = parameters(api, f"/collections/{name}/items")
        limit = found["limit"]["schema"]
        assert (limit["type"], limit["minimum"]) == ("integer", 1)
        assert limit["minimum"] <= limit["default"] <= limit["maximum"]
        box = found["bbox"]["schema"]
        assert (box["type"], box["minItems"], box["maxItems"]) == ("array", 4, 6)
        assert box["items"]["type"] == "number"
        assert found["bbox"].get("explode") is False
        assert found["datetime"]["schema"]["type"] == "string"
        assert all(found[n]["in"] == "query" for n in ("limit", "bbox", "datetime"))
        assert not any(found[n].get("required") for n in ("limit", "bbox", "datetime"))


def test_limit(client: httpx.Client, api: Any, filled: list[str]) -> None:
    """features-1 /req/core/fc-op, /req/core/fc-limit-response-1"""
    for name in filled:
        path = f"/collections/{name}/items"
        most = parameters(api, path)["limit"]["schema"]["maximum"]
        for limit in (1, 3, most + 1):
            page = ok(client, path, limit=limit)
            assert len(page["features"]) <= min(limit, most)
        assert client.get(path, params={"limit": 0}).status_code == 400


def test_box(client: httpx.Client, filled: list[str]) -> None:
    """features-1 /req/core/fc-bbox-response"""
    for name in filled:
        path = f"/collections/{name}/items"
        features = every(client, path, limit=500)
        placed = {f["id"]: shape(f["geometry"]) for f in features if f["geometry"]}
        west, south, east, north = next(iter(placed.values())).bounds
        at = ((west + east) / 2, (south + north) / 2)
        box = (at[0] - 0.0011, at[1] - 0.0009, at[0] + 0.0012, at[1] + 0.0013)
        wanted = {id_ for id_, found in placed.items() if found.intersects(shapely.box(*box))}
        wanted |= {f["id"] for f in features if not f["geometry"]}
        text = ",".join(map(str, box))
        assert {f["id"] for f in every(client, path, bbox=text, limit=500)} == wanted, name
    for wrong in ("1,2,3", "a,b,c,d", "0,95,1,99"):
        assert client.get(path, params={"bbox": wrong}).status_code == 400, wrong


def test_time(client: httpx.Client, filled: list[str]) -> None:
    """features-1 /req/core/fc-time-response"""
    for name in filled:
        path = f"/collections/{name}/items"
        versions = every(client, path, datetime="../..", limit=1000)
        spans = [(f["id"], f["properties"]["valid_from"], f["properties"]["valid_to"])
                 for f in versions]  # fmt: skip
        for _, start, end in spans[:1]:
            for moment in filter(None, (start, end)):
                at = datetime.fromisoformat(moment)
                wanted = {id_ for id_, a, b in spans if holds(at, a, b)}
                found = every(client, path, datetime=moment, limit=1000)
                assert {f["id"] for f in found} == wanted, (name, moment)
        assert every(client, path, datetime="../1800-01-01") == []
    for wrong in ("yesterday", "2024-13-01", "2024-01-02/2024-01-01", "a/b"):
        assert client.get(path, params={"datetime": wrong}).status_code == 400, wrong


def holds(at: datetime, start: str, end: str | None) -> bool:
    ended = end is not None and at >= datetime.fromisoformat(end)
    return datetime.fromisoformat(start) <= at and not ended


def test_a_page(client: httpx.Client, filled: list[str]) -> None:
    """features-1 /req/core/fc-response, /req/core/fc-links, /req/core/fc-rel-type,
    /req/core/fc-timeStamp, /req/core/fc-numberMatched, /req/core/fc-numberReturned,
    /req/core/crs84, /req/geojson/definition, /req/geojson/content"""
    for name in filled:
        answer = client.get(f"/collections/{name}/items", params={"limit": 2})
        assert answer.headers["content-type"] == "application/geo+json"
        page = answer.json()
        assert page["type"] == "FeatureCollection"
        assert len(links(page, "self")) == 1
        assert len(links(page, "alternate")) >= 2
        for rel in ("self", "alternate", "next", "prev"):
            assert all(link["type"] for link in links(page, rel))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", page["timeStamp"])
        assert page["numberReturned"] == len(page["features"])
        everything = every(client, f"/collections/{name}/items", limit=500)
        assert page["numberMatched"] == len(everything) == len({f["id"] for f in everything})
        for feature in page["features"]:
            assert feature["type"] == "Feature"
            west, south, east, north = shape(feature["geometry"]).bounds
            assert -180 <= west <= east <= 180
            assert -90 <= south <= north <= 90


def test_every_other_form_of_a_page(client: httpx.Client, filled: list[str]) -> None:
    """features-1 /req/core/fc-links, /req/html/definition, /req/html/content"""
    page = ok(client, f"/collections/{filled[0]}/items", limit=2)
    for link in [*links(page, "self"), *links(page, "alternate")]:
        answer = client.get(link["href"])
        assert answer.status_code == 200, link
        told = answer.headers["content-type"].partition(";")[0]
        assert told == link["type"].partition(";")[0], link
    html = client.get(f"/collections/{filled[0]}/items?limit=2", headers={"Accept": "text/html"})
    assert html.text.lstrip().lower().startswith("<!doctype html>")
    assert str(page["features"][0]["id"]) in html.text


def test_one_feature(client: httpx.Client, filled: list[str]) -> None:
    """features-1 /req/core/f-op, /req/core/f-success, /req/core/f-links"""
    for name in filled:
        [wanted] = ok(client, f"/collections/{name}/items", limit=1)["features"]
        answer = client.get(f"/collections/{name}/items/{wanted['id']}")
        assert answer.headers["content-type"] == "application/geo+json"
        feature = answer.json()
        assert {n: feature[n] for n in ("id", "type", "geometry", "properties")} == {
            n: wanted[n] for n in ("id", "type", "geometry", "properties")
        }
        for rel in ("self", "alternate", "collection"):
            found = links(feature, rel)
            assert found, rel
            for link in found:
                told = client.get(link["href"])
                assert told.status_code == 200, link
                assert told.headers["content-type"].startswith(link["type"]), link
        assert client.get(f"/collections/{name}/items/987654321").status_code == 404


def test_the_definition_is_complete(client: httpx.Client, api: Any) -> None:
    """features-1 /req/oas30/completeness, /req/oas30/exceptions-codes, /req/oas30/security,
    /req/oas30/oas-impl"""
    for path in ("/", "/conformance", "/collections"):
        assert "200" in api["paths"][path]["get"]["responses"]
        assert client.get(path).status_code == 200
    for collection in ok(client, "/collections")["collections"]:
        here = f"/collections/{collection['id']}"
        assert here in api["paths"]
        assert f"{here}/items" in api["paths"]
        codes = set(api["paths"][f"{here}/items"]["get"]["responses"])
        assert {"200", "400"} <= codes
    schemes = api["components"]["securitySchemes"]
    assert {name for given in api["security"] for name in given} == set(schemes)
