"""OGC API Features Part 2 (18-058r1), with PROJ as the second opinion on where things lie."""

from __future__ import annotations

from typing import Any

import httpx
import numpy as np
import pyproj
import pytest
import shapely
from asking import CRS84, EPSG, ok, parameters
from shapely.geometry import shape

pytestmark = pytest.mark.xdist_group("conformance")
WRONG = (f"{EPSG}2154", f"{EPSG}999999", "nonsense", "")


def test_the_lists_of_systems(collections: list[Any]) -> None:
    """features-2 /req/crs/crs-uri, /req/crs/fc-md-crs-list, /req/crs/fc-md-storageCrs,
    /req/crs/fc-md-storageCrs-valid-value"""
    for collection in collections:
        systems = collection["crs"]
        assert CRS84 in systems
        assert collection["storageCrs"] in systems
        for uri in systems:
            assert uri.startswith("http://www.opengis.net/def/crs/")


def test_the_parameters(api: Any, filled: list[str]) -> None:
    """features-2 /req/crs/fc-bbox-crs-definition, /req/crs/fc-crs-definition"""
    for name in filled:
        for path in (f"/collections/{name}/items", f"/collections/{name}/items/{{featureId}}"):
            crs = parameters(api, path)["crs"]
            assert (crs["in"], crs.get("required", False)) == ("query", False)
            assert crs["schema"]["type"] == "string"
        box = parameters(api, f"/collections/{name}/items")["bbox-crs"]
        assert (box["in"], box["schema"]["type"]) == ("query", "string")


@pytest.mark.parametrize("wrong", WRONG)
def test_systems_that_are_not_there(client: httpx.Client, filled: list[str], wrong: str) -> None:
    """features-2 /req/crs/fc-crs-valid-value, /req/crs/fc-bbox-crs-valid-value,
    /req/crs/crs-exception, /req/crs/bbox-crs-exception"""
    path = f"/collections/{filled[0]}/items"
    for asked in ({"crs": wrong}, {"bbox": "114,32,115,33", "bbox-crs": wrong}):
        answer = client.get(path, params=asked)
        assert answer.status_code == 400
        assert answer.json()["description"]
    assert client.get(f"{path}/1", params={"crs": wrong}).status_code == 400


def test_answers_in_every_system(client: httpx.Client, collections: list[Any]) -> None:
    """features-2 /req/crs/fc-crs-action, /req/crs/fc-crs-default-value,
    /req/crs/ogc-crs-header, /req/crs/ogc-crs-header-value, /req/crs/geojson"""
    for collection in collections:
        path = f"/collections/{collection['id']}/items"
        plain = client.get(path, params={"limit": 3})
        assert plain.headers["content-crs"] == f"<{CRS84}>"
        for uri in collection["crs"]:
            answer = client.get(path, params={"limit": 3, "crs": uri})
            assert answer.headers["content-crs"] == f"<{uri}>"
            for one, other in zip(plain.json()["features"], answer.json()["features"], strict=True):
                assert_same_place(one["geometry"], other["geometry"], uri)


def assert_same_place(one: Any, other: Any, uri: str) -> None:
    """Within a centimetre or the seventh digit of a degree."""
    if one is None:
        assert other is None
        return
    xy = shapely.get_coordinates(shape(one))
    system = pyproj.CRS.from_user_input(uri)
    # one realisation of WGS 84 is CGCS2000; PROJ moves nothing between them
    moved = pyproj.Transformer.from_crs(4490, system, always_xy=False)
    a, b = (xy[:, 0], xy[:, 1]) if uri == CRS84 else moved.transform(xy[:, 1], xy[:, 0])
    found = shapely.get_coordinates(shape(other))
    small = 2e-7 if system.is_geographic else 0.02
    assert np.abs(found - np.column_stack([a, b])).max() < small, uri


def test_boxes_in_every_system(client: httpx.Client, collections: list[Any]) -> None:
    """features-2 /req/crs/fc-bbox-crs-action, /req/crs/fc-bbox-crs-default-value"""
    for collection in collections:
        path = f"/collections/{collection['id']}/items"
        first = ok(client, path, limit=1)["features"]
        if not first:
            continue
        for uri in collection["crs"]:
            there = ok(client, f"{path}/{first[0]['id']}", crs=uri)
            west, south, east, north = shape(there["geometry"]).bounds
            margin = 1e-6 if east < 181 else 0.05
            box = (west - margin, south - margin, east + margin, north + margin)
            text = ",".join(repr(float(n)) for n in box)
            found = ok(client, path, bbox=text, **{"bbox-crs": uri, "limit": 1000})
            assert first[0]["id"] in [f["id"] for f in found["features"]], (collection["id"], uri)
            far = ",".join(repr(float(n)) for n in (box[0] - 3, box[1] - 3, box[0] - 2, box[1] - 2))
            if first[0]["geometry"]["type"] == "Point" and "OGC" in uri:
                kept = ok(client, path, bbox=far, **{"bbox-crs": uri})
                assert first[0]["id"] not in [f["id"] for f in kept["features"]]
                assert kept == kept | {"numberMatched": ok(client, path, bbox=far)["numberMatched"]}
