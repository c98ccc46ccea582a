"""OGC API Tiles Part 1 (20-057) and the two-dimensional tile matrix sets (17-083r4)."""

from __future__ import annotations

from typing import Any

import httpx
import mapbox_vector_tile
import pyproj
import pytest
from asking import REL, links, ok, parameters, resolved
from shapely.geometry import shape

pytestmark = pytest.mark.xdist_group("conformance")
MVT = "application/vnd.mapbox-vector-tile"


def tilesets(client: httpx.Client, path: str) -> list[Any]:
    found: list[Any] = ok(client, path)["tilesets"]
    return found


def address_of(client: httpx.Client, tileset: Any, name: str) -> str:
    """The tile of level 14 that the middle of a feature of the collection lies in."""
    [feature] = ok(client, f"/collections/{name}/items", limit=1)["features"]
    at = shape(feature["geometry"]).representative_point()
    [scheme] = links(tileset, f"{REL}tiling-scheme")
    found = ok(client, scheme["href"])
    matrix = next(m for m in found["tileMatrices"] if m["id"] == "14")
    side = matrix["cellSize"] * matrix["tileWidth"]
    if found["orderedAxes"][0] == "X":
        x, y = pyproj.Transformer.from_crs(4326, 3857, always_xy=True).transform(at.x, at.y)
        west, north = matrix["pointOfOrigin"]
    else:
        x, y = at.x, at.y
        north, west = matrix["pointOfOrigin"]
    words = {
        "tileMatrix": 14,
        "tileRow": int((north - y) / side),
        "tileCol": int((x - west) / side),
    }
    return filled_in(tileset, words)


def filled_in(tileset: Any, words: dict[str, int]) -> str:
    [link] = links(tileset, "item")
    href = str(link["href"])
    for name, value in words.items():
        href = href.replace(f"{{{name}}}", str(value))
    return href


def test_the_sets_of_the_dataset(client: httpx.Client) -> None:
    """tiles-1 /req/dataset-tilesets/landingpage, /req/dataset-tilesets/operation,
    /req/tilesets-list/tileset-links, /req/tilesets-list/tileset-path"""
    [link] = links(ok(client, "/"), f"{REL}tilesets-vector")
    found = tilesets(client, link["href"])
    assert len(found) == 2
    for one in found:
        [itself] = links(one, "self")
        assert client.get(itself["href"]).status_code == 200


def test_the_sets_of_each_collection(client: httpx.Client, collections: list[Any]) -> None:
    """tiles-1 /req/geodata-tilesets/desc-links, /req/geodata-tilesets/operation"""
    for collection in collections:
        for link in links(collection, f"{REL}tilesets-vector"):
            assert client.get(link["href"]).status_code == 200, link
        assert tilesets(client, f"/collections/{collection['id']}/tiles")


def test_a_tileset_describes_itself(client: httpx.Client) -> None:
    """tiles-1 /req/tileset/description; tms-2 /req/tilesetmetadata/metadata-core,
    /req/json-tilesetmetadata/json-schema, /req/tilematrixsetlimits/limits,
    /req/json-tilematrixsetlimits/json-schema"""
    for one in tilesets(client, "/tiles"):
        [itself] = links(one, "self")
        tileset = ok(client, itself["href"])
        for name in ("dataType", "crs", "links", "tileMatrixSetURI"):
            assert tileset[name], name
        [item] = links(tileset, "item")
        assert item["templated"] is True
        assert all(f"{{{n}}}" in item["href"] for n in ("tileMatrix", "tileRow", "tileCol"))
        [scheme] = links(tileset, f"{REL}tiling-scheme")
        matrices = {m["id"]: m for m in ok(client, scheme["href"])["tileMatrices"]}
        for limit in tileset["tileMatrixSetLimits"]:
            matrix = matrices[limit["tileMatrix"]]
            assert 0 <= limit["minTileRow"] <= limit["maxTileRow"] < matrix["matrixHeight"]
            assert 0 <= limit["minTileCol"] <= limit["maxTileCol"] < matrix["matrixWidth"]


def test_the_matrix_sets(client: httpx.Client) -> None:
    """tms-2 /req/tilematrixset/tilematrixset, /req/json-tilematrixset/json-schema"""
    for listed in ok(client, "/tileMatrixSets")["tileMatrixSets"]:
        [link] = links(listed, "self")
        found = ok(client, link["href"])
        assert found["id"] == listed["id"]
        assert found["crs"].startswith("http://www.opengis.net/def/crs/")
        before = None
        for matrix in found["tileMatrices"]:
            assert matrix["cornerOfOrigin"] == "topLeft"
            assert {"id", "scaleDenominator", "cellSize", "pointOfOrigin", "tileWidth",
                    "tileHeight", "matrixWidth", "matrixHeight"} <= set(matrix)  # fmt: skip
            if before is not None:
                assert before["scaleDenominator"] / matrix["scaleDenominator"] == pytest.approx(2)
                assert matrix["matrixWidth"] == 2 * before["matrixWidth"]
            before = matrix
        # 0.28 mm a pixel, as the standard has it
        metres = 1.0 if found["id"] == "WebMercatorQuad" else 6_378_137 * 3.141592653589793 / 180
        cell = before["cellSize"] * metres if before else 0.0
        assert before is not None
        assert before["scaleDenominator"] * 0.00028 == pytest.approx(cell, rel=1e-9)


def test_tiles(client: httpx.Client, filled: list[str]) -> None:
    """tiles-1 /req/core/tc-op, /req/core/tc-success, /req/mvt/content"""
    for name in filled:
        for tileset in tilesets(client, f"/collections/{name}/tiles"):
            answer = client.get(address_of(client, tileset, name))
            assert answer.status_code == 200, (name, answer.text[:200])
            assert answer.headers["content-type"] == MVT
            assert name in mapbox_vector_tile.decode(answer.content)


def test_places_where_no_tile_is(client: httpx.Client, filled: list[str]) -> None:
    """tiles-1 /req/core/tc-error"""
    for tileset in tilesets(client, f"/collections/{filled[0]}/tiles"):
        for changes in ({"tileMatrix": 99}, {"tileRow": 10**6}, {"tileCol": 10**6}):
            words = {"tileMatrix": 8, "tileRow": 0, "tileCol": 0}
            assert client.get(filled_in(tileset, words)).status_code == 204
            assert client.get(filled_in(tileset, words | changes)).status_code in (400, 404)


def test_the_definition(api: Any) -> None:
    """tiles-1 /req/core/tc-tilematrix-definition, /req/core/tc-tilerow-definition,
    /req/core/tc-tilecol-definition, /req/oas30/completeness"""
    for path in api["paths"]:
        if not path.endswith("/{tileCol}"):
            continue
        found = parameters(api, path)
        for name, kind in (
            ("tileMatrix", "string"),
            ("tileRow", "integer"),
            ("tileCol", "integer"),
        ):
            one = resolved(api, found[name])
            assert (one["in"], one["required"], one["schema"]["type"]) == ("path", True, kind), path
    assert "/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}" in api["paths"]


def test_some_collections(client: httpx.Client, filled: list[str]) -> None:
    """tiles-1 /req/collections-selection/query-collections,
    /req/collections-selection/collections-response"""
    here = address_of(client, tilesets(client, "/tiles")[0], filled[0]).partition("?")[0]
    there = list(mapbox_vector_tile.decode(client.get(here).content))
    asked = list(reversed(there))[:3]
    answer = client.get(here, params={"collections": ",".join(asked), "f": "mvt"})
    assert list(mapbox_vector_tile.decode(answer.content)) == asked
    assert client.get(here, params={"collections": "nothing"}).status_code in (400, 404)


def test_tiles_of_a_time(client: httpx.Client, filled: list[str]) -> None:
    """tiles-1 /req/datetime/datetime-axis"""
    tileset = tilesets(client, f"/collections/{filled[0]}/tiles")[0]
    here = address_of(client, tileset, filled[0]).partition("?")[0]
    assert client.get(here, params={"datetime": "1900-01-01"}).status_code == 204
    assert client.get(here, params={"datetime": "../.."}).status_code == 200
    assert client.get(here, params={"datetime": "soon"}).status_code == 400
