"""OGC API Records Part 1 (20-004r1): the catalogue as a searchable catalogue."""

from __future__ import annotations

import re
from typing import Any

import httpx
import pytest
from asking import every, links, ok, parameters, resolved

pytestmark = pytest.mark.xdist_group("conformance")
UTC = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z"


@pytest.fixture(scope="module")
def catalogues(client: httpx.Client) -> list[str]:
    found = ok(client, "/collections")["collections"]
    return [c["id"] for c in found if c.get("itemType") == "record"]


def test_the_catalogue(client: httpx.Client, catalogues: list[str]) -> None:
    """records-1 /req/record-collection/mandatory-properties-collection,
    /req/record-collection/itemType, /req/record-collection/links,
    /req/record-collection/links-records, /req/record-collection/default-mediatype,
    /req/json/collection-response, /req/json/catalog-content, /req/records-api/catalog-response,
    /req/records-api/catalogs-response, /req/searchable-catalog/mandatory-catalog-properties"""
    assert catalogues
    for name in catalogues:
        answer = client.get(f"/collections/{name}")
        assert answer.headers["content-type"] == "application/ogc-catalog+json"
        found = answer.json()
        assert (found["id"], found["type"], found["itemType"]) == (name, "Collection", "record")
        for rel in ("self", "alternate", "items"):
            for link in links(found, rel):
                told = client.get(link["href"])
                assert told.headers["content-type"].startswith(link["type"]), link


def test_conformance(client: httpx.Client) -> None:
    """records-1 /req/searchable-catalog/conformance, /req/json/conformance,
    /req/html/conformance, /req/oas30/conformance"""
    declared = ok(client, "/conformance")["conformsTo"]
    for name in ("searchable-catalog", "json", "html", "oas30"):
        assert f"http://www.opengis.net/spec/ogcapi-records-1/1.0/conf/{name}" in declared


def test_records(client: httpx.Client, catalogues: list[str]) -> None:
    """records-1 /req/record-core/mandatory-properties-record, /req/record-core/links,
    /req/record-core/time-instant, /req/record-core/time-interval, /req/record-core/time-zone,
    /req/records-api/records-op, /req/records-api/record-op, /req/records-api/record-response,
    /req/json/record-response, /req/json/record-content, /req/record-core/default-mediatype,
    /req/searchable-catalog/mandatory-record-properties"""
    for name in catalogues:
        answer = client.get(f"/collections/{name}/items")
        assert answer.headers["content-type"] == "application/geo+json"
        assert links(answer.json(), "profile")
        records = every(client, f"/collections/{name}/items", limit=7)
        assert len({r["id"] for r in records}) == len(records) > 7
        for record in records:
            assert record["id"]
            assert record["type"] == "Feature"
            assert {"geometry", "properties", "links"} <= set(record)
            assert len(links(record, "collection")) == 1
            assert all("rel" in link for link in record["links"])
            time = record["time"] or {}
            assert re.fullmatch(UTC, time.get("timestamp", "2000-01-01T00:00:00Z"))
            for end in time.get("interval", ()):
                assert end == ".." or re.fullmatch(UTC, end), end
        for record in records[:2]:
            alone = ok(client, f"/collections/{name}/items/{record['id']}")
            assert alone["id"] == record["id"]
            for link in (*links(alone, "self"), *links(alone, "alternate")):
                told = client.get(link["href"])
                assert told.headers["content-type"].startswith(link["type"]), link


def test_the_parameters(api: Any, catalogues: list[str]) -> None:
    """records-1 /req/records-api/mandatory-params, /req/record-core-query-parameters/bbox,
    /req/record-core-query-parameters/datetime, /req/record-core-query-parameters/limit,
    /req/record-core-query-parameters/q-definition,
    /req/record-core-query-parameters/type-definition,
    /req/record-core-query-parameters/ids-definition,
    /req/record-core-query-parameters/externalIds-definition, /req/oas30/oas-common"""
    for name in catalogues:
        known = parameters(api, f"/collections/{name}/items")
        assert {"bbox", "datetime", "limit"} <= set(known)
        for one in ("q", "type", "ids", "externalIds"):
            found = resolved(api, known[one])
            assert found["schema"]["type"] == "array"
            assert (found["style"], found["explode"]) == ("form", False)


def test_searching(client: httpx.Client, catalogues: list[str]) -> None:
    """records-1 /req/records-api/query-params, /req/record-core-query-parameters/q-response,
    /req/record-core-query-parameters/type-response, /req/record-core-query-parameters/ids-response,
    /req/record-core-query-parameters/externalIds-response, /req/records-api/features-api"""
    path = f"/collections/{catalogues[0]}/items"
    records = every(client, path, limit=50)

    def ids(**params: str) -> set[str]:
        return {r["id"] for r in every(client, path, limit=50, **params)}

    kinds = {r["properties"]["type"] for r in records}
    for kind in kinds:
        assert ids(type=kind) == {r["id"] for r in records if r["properties"]["type"] == kind}
    assert ids(type=",".join(kinds)) == {r["id"] for r in records}
    two = [records[0]["id"], records[-1]["id"]]
    assert ids(ids=",".join([*two, "nobody"])) == set(two)
    word, other = (r["properties"]["title_en"].split()[0] for r in (records[0], records[-1]))
    assert ids(q=word.upper()) == ids(q=word.lower()) != set()
    assert ids(q=f"{word},{other}") == ids(q=word) | ids(q=other)
    assert ids(q=word, type="delivery") == ids(q=word) & ids(type="delivery")
    for record in records:
        for known in record["properties"].get("externalIds", ())[:1]:
            full = f"{known['scheme']}:{known['value']}"
            assert record["id"] in ids(externalIds=full) <= ids(externalIds=known["value"])
            break
    assert client.get(path, params={"type": "nothing"}).status_code == 400


def test_boxes_and_times(client: httpx.Client, catalogues: list[str]) -> None:
    """records-1 /req/record-core-query-parameters/bbox, /req/record-core-query-parameters/datetime
    (what has no place, or no time, is in every answer)"""
    path = f"/collections/{catalogues[0]}/items"
    records = every(client, path, limit=50)
    far = {r["id"] for r in every(client, path, bbox="-60,-60,-59,-59", limit=50)}
    assert far == {r["id"] for r in records if r["geometry"] is None}
    old = {r["id"] for r in every(client, path, datetime="../1900-01-01", limit=50)}
    assert old == {r["id"] for r in records if r["time"] is None}


def test_pages(client: httpx.Client, catalogues: list[str]) -> None:
    """records-1 /req/html/definition, /req/html/content"""
    for path in (f"/collections/{catalogues[0]}", f"/collections/{catalogues[0]}/items"):
        answer = client.get(path, headers={"Accept": "text/html"})
        assert answer.text.lstrip().lower().startswith("<!doctype html>")
