"""OGC API Features Part 3 (19-079r2) and CQL2 (21-065r2) over HTTP. What each operator gives is
tried on the standard's own data in tests/store/test_filters.py."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from asking import CRS84, EPSG, REL, every, links, ok, parameters
from shapely.geometry import shape
from shapely.geometry.base import BaseGeometry

pytestmark = pytest.mark.xdist_group("conformance")
SIMPLE = ("string", "number", "integer", "boolean")


def test_queryables(client: httpx.Client, collections: list[Any]) -> None:
    """features-3 /req/queryables/queryables-link, /req/queryables/get-queryables-op,
    /req/queryables/get-queryables-response, /req/features-filter/queryables-link,
    /req/features-filter/get-queryables-op"""
    for collection in collections:
        found = links(collection, f"{REL}queryables")
        [link] = [link for link in found if link["type"] == "application/schema+json"]
        answer = client.get(link["href"])
        assert answer.status_code == 200
        assert answer.headers["content-type"] == "application/schema+json"
        schema = answer.json()
        assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
        assert schema["$id"] == link["href"].partition("?")[0]
        assert schema["type"] == "object"
        assert schema["additionalProperties"] is False
        for name, one in schema["properties"].items():
            spatial = one.get("format", "").startswith("geometry-")
            assert ("type" in one) != spatial, name
            assert "$ref" not in one


def test_the_schema(client: httpx.Client, collections: list[Any]) -> None:
    """common-3 /req/schemas/schema-link, /req/schemas/schema-op, /req/schemas/properties"""
    for collection in collections:
        [link, *_] = links(collection, f"{REL}schema")
        answer = client.get(link["href"])
        assert answer.headers["content-type"] == "application/schema+json"
        named = set(answer.json()["properties"]) - {"geometry"}
        for feature in ok(client, f"/collections/{collection['id']}/items", limit=2)["features"]:
            also = {"valid_from", "valid_to", "latest_value", "latest_time", "documents"}
            assert set(feature["properties"]) - also == named


def test_queryables_are_parameters(client: httpx.Client, api: Any, filled: list[str]) -> None:
    """features-3 /req/queryables-query-parameters/parameters"""
    for name in filled:
        path = f"/collections/{name}/items"
        known = parameters(api, path)
        queryables = ok(client, f"/collections/{name}/queryables")["properties"]
        [feature] = ok(client, path, limit=1)["features"]
        values = {"id": feature["id"], **feature["properties"]}
        for queryable, schema in queryables.items():
            if schema.get("type") not in SIMPLE:
                continue
            assert known[queryable]["schema"] == schema, (name, queryable)
            value = values.get(queryable)
            text = "" if value is None else str(value).lower() if value in (True, False) else value
            found = every(client, path, **{queryable: text, "limit": 1000})
            assert feature["id"] in [f["id"] for f in found], (name, queryable, text)
            for other in found:
                told = {"id": other["id"], **other["properties"]}
                assert told.get(queryable) == value


def test_the_parameters(api: Any, filled: list[str]) -> None:
    """features-3 /req/filter/filter-param, /req/filter/filter-lang-param,
    /req/filter/filter-crs-param, /req/features-filter/filter-param,
    /req/features-filter/filter-lang-param, /req/features-filter/filter-crs-param"""
    for name in filled:
        known = parameters(api, f"/collections/{name}/items")
        assert known["filter"]["schema"]["type"] == "string"
        language = known["filter-lang"]["schema"]
        assert {"cql2-text", "cql2-json"} <= set(language["enum"])
        assert language["default"] == "cql2-text"
        assert (
            known["filter-crs"]["schema"] | {"type": "string", "format": "uri"}
            == (known["filter-crs"]["schema"])
        )


def test_a_filter_parts_the_whole(client: httpx.Client, filled: list[str]) -> None:
    """features-3 /req/filter/response, /req/features-filter/response,
    /req/filter/mixing-expressions, /req/queryables/expression-construction;
    cql2 /req/basic-cql2/cql2-filter, /req/basic-cql2/property,
    /req/basic-cql2/binary-comparison-predicate, /req/basic-cql2/null-predicate,
    /req/cql2-text/basic-cql2, /req/cql2-json/basic-cql2,
    /req/property-property/withdraw-permissions"""
    for name in filled:
        path = f"/collections/{name}/items"
        features = every(client, path, limit=500)
        whole = {f["id"] for f in features}
        middle = sorted(whole)[len(whole) // 2]

        def asked(path: str = path, **params: Any) -> set[int]:
            return {f["id"] for f in every(client, path, limit=500, **params)}

        low = asked(filter=f"id < {middle}")
        assert low == {id_ for id_ in whole if id_ < middle}
        assert asked(filter=f"NOT (id < {middle})") == whole - low
        tree = {"op": "<", "args": [{"property": "id"}, middle]}
        assert asked(filter=json.dumps(tree), **{"filter-lang": "cql2-json"}) == low
        assert asked(filter=f"id < {middle}", id=str(middle)) == set()
        assert asked(filter="id = id") == whole
        assert asked(filter="valid_to IS NULL") == whole
        assert client.get(path, params={"filter": "no_such_name = 1"}).status_code == 400


def test_geometries_and_their_system(client: httpx.Client, filled: list[str]) -> None:
    """features-3 /req/filter/filter-crs-wgs84;
    cql2 /req/basic-spatial-functions/spatial-predicate,
    /req/basic-spatial-functions/spatial-functions,
    /req/basic-spatial-functions-plus/spatial-data-types"""
    for name in filled:
        path = f"/collections/{name}/items"
        [feature] = ok(client, path, limit=1)["features"]
        for uri in (CRS84, f"{EPSG}4490", f"{EPSG}4547"):
            there = ok(client, f"{path}/{feature['id']}", crs=uri)
            west, south, east, north = margin_of(shape(there["geometry"])).bounds
            text = f"S_INTERSECTS(geometry, BBOX({west},{south},{east},{north}))"
            asked = {"filter": text, "limit": 1000}
            found = ok(client, path, **asked, **({} if uri == CRS84 else {"filter-crs": uri}))
            assert feature["id"] in [f["id"] for f in found["features"]], (name, uri)


def margin_of(geometry: BaseGeometry) -> BaseGeometry:
    return geometry.buffer(1e-6 if geometry.bounds[2] < 181 else 0.05)


@pytest.mark.parametrize(
    "params",
    [
        {"filter": "id <"}, {"filter": "id = 1", "filter-lang": "sql"},
        {"filter": "id = 1", "filter-crs": f"{EPSG}2154"},
        {"filter": "{}", "filter-lang": "cql2-json"},
    ],
)  # fmt: skip
def test_wrong_filters(client: httpx.Client, filled: list[str], params: dict[str, str]) -> None:
    """features-3 /req/features-filter/response (part E)"""
    assert client.get(f"/collections/{filled[0]}/items", params=params).status_code == 400


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("id BETWEEN 3 AND 9", "id >= 3 AND id <= 9"),
        ("id IN (3, 5, 7)", "id = 3 OR id = 5 OR id = 7"),
        ("id + 1 = 6", "id = 5"),
        ("id % 2 = 1 AND id < 9", "id IN (1, 3, 5, 7)"),
        ("T_AFTER(valid_from, TIMESTAMP('1900-01-01T00:00:00Z'))", "valid_from IS NOT NULL"),
        ("CASEI('Ab') = CASEI('aB')", "TRUE"),
        ("ACCENTI('Chișinău') = ACCENTI('Chisinau')", "TRUE"),
        ("'abc' LIKE 'a_c'", "TRUE"),
    ],
)
def test_operators(client: httpx.Client, filled: list[str], one: str, other: str) -> None:
    """cql2 /req/advanced-comparison-operators/between-predicate,
    /req/advanced-comparison-operators/in-predicate,
    /req/advanced-comparison-operators/like-predicate, /req/arithmetic/arithmetic,
    /req/temporal-functions/temporal-predicates, /req/case-insensitive-comparison/casei-function,
    /req/accent-insensitive-comparison/accenti-function"""
    for name in filled:
        path = f"/collections/{name}/items"
        a, b = (every(client, path, filter=text, limit=500) for text in (one, other))
        assert [f["id"] for f in a] == [f["id"] for f in b]
