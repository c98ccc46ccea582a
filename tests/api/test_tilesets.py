"""Vector tiles and 3D Tiles over HTTP: the features of items, as of when, and what caches hear."""

from __future__ import annotations

import math

import httpx
import mapbox_vector_tile
import pytest

ITEMS = "/collections/buildings/items"
Z = 15


def tile_of(lon: float, lat: float, z: int = Z) -> tuple[int, int]:
    """Row and column of the Web Mercator tile that holds a point."""
    n = 2**z
    row = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n
    return int(row), int((lon + 180) / 360 * n)


ROW, COL = tile_of(114.003, 32.983)
PATH = f"/collections/buildings/tiles/WebMercatorQuad/{Z}/{ROW}/{COL}"


def ids_of(client: httpx.Client, path: str = PATH, **params: str) -> set[int]:
    answer = client.get(path, params={"f": "mvt", **params})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/vnd.mapbox-vector-tile"
    return {f["id"] for f in mapbox_vector_tile.decode(answer.content)["buildings"]["features"]}


def test_a_tile_holds_the_items(client: httpx.Client) -> None:
    n = 2**Z
    box = (
        COL / n * 360 - 180,
        math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * (ROW + 1) / n)))),
        (COL + 1) / n * 360 - 180,
        math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * ROW / n)))),
    )
    items = client.get(ITEMS, params={"bbox": ",".join(map(str, box)), "limit": 1000}).json()
    inside = {f["id"] for f in items["features"]}
    assert len(inside) > 20
    assert inside <= ids_of(client)


def test_a_tile_of_a_date_holds_that_dates_items(client: httpx.Client) -> None:
    def key(number: str, when: str) -> int:
        found = client.get(ITEMS, params={"building_id": number, "datetime": when}).json()
        return int(found["features"][0]["id"])

    gone = key("B00007", "2023-07-01")
    row, col = tile_of(114.003, 32.983, 12)
    world = f"/collections/buildings/tiles/WebMercatorQuad/12/{row}/{col}"
    assert gone in ids_of(client, datetime="2023-07-01") | ids_of(
        client, world, datetime="2023-07-01"
    )
    assert gone not in ids_of(client) | ids_of(client, world)


def test_an_empty_tile_has_no_content(client: httpx.Client) -> None:
    answer = client.get("/collections/buildings/tiles/WebMercatorQuad/15/1/1")
    assert (answer.status_code, answer.content) == (204, b"")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/collections/buildings/tiles/WebMercatorQuad/15/99999/1", 400),
        ("/collections/buildings/tiles/WebMercatorQuad/99/1/1", 400),
        ("/collections/buildings/tiles/WebMercatorQuad/a/1/1", 404),
        ("/collections/buildings/tiles/WorldCRS84Quad/1/1/1", 404),
        ("/collections/buildings/tiles/CGCS2000Quad/0/0/0", 400),
        ("/collections/buildings/tiles/CGCS2000Quad/1/1/0", 400),
        ("/tiles/WebMercatorQuad/1/1/1?collections=nothing", 404),
        ("/tiles/WebMercatorQuad/1/1/1?collections=,", 400),
        ("/tiles/WebMercatorQuad/1/1/1?f=png", 404),
        ("/tiles/CGCS2000Quad?f=tilejson", 404),
        ("/tiles/WebMercatorQuad?f=xml", 400),
        ("/tileMatrixSets/Nothing", 404),
        (PATH + "?properties=colour", 400),
        (PATH + "?properties=latest_value", 400),
        (PATH + "?labels=maybe", 400),
        (PATH + "?collections=roads", 400),
        ("/collections/nothing/tiles/WebMercatorQuad/1/1/1", 404),
        (PATH + "?f=png", 404),
        (PATH + "?datetime=now", 400),
        (PATH + "?colour=red", 400),
        ("/3dtiles/roads/tileset.json", 400),
        ("/3dtiles/nothing/tileset.json", 404),
        ("/3dtiles/buildings/v99/0/0/0.glb", 400),
        ("/3dtiles/buildings/v1/0/0/x.glb", 404),
    ],
)
def test_what_is_no_tile_is_refused(client: httpx.Client, path: str, status: int) -> None:
    answer = client.get(path)
    assert answer.status_code == status, answer.text
    assert answer.json()["zh"]


def test_the_tilesets_describe_themselves(client: httpx.Client) -> None:
    tilesets = client.get("/collections/buildings/tiles").json()
    assert [t["tileMatrixSetURI"].rpartition("/")[2] for t in tilesets["tilesets"]] == [
        "WebMercatorQuad", "CGCS2000Quad"
    ]  # fmt: skip
    one = client.get("/collections/buildings/tiles/WebMercatorQuad").json()
    [link] = [link["href"] for link in one["links"] if link["rel"] == "item"]
    there = link.format(tileMatrix=Z, tileRow=ROW, tileCol=COL)
    assert client.get(there).status_code == 200
    named = client.get("/collections/buildings/tiles/WebMercatorQuad?f=tilejson").json()
    assert client.get(named["tiles"][0].format(z=Z, y=ROW, x=COL)).status_code == 200
    assert "height_m" in named["vector_layers"][0]["fields"]


def test_a_tile_is_packed_and_checked_again(client: httpx.Client) -> None:
    first = client.get(PATH)
    assert first.headers["content-encoding"] == "gzip"
    again = client.get(PATH, headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert client.get(PATH, headers={"Accept-Encoding": "identity"}).content == first.content


def test_3d_tiles_are_for_ever_below_a_tileset_that_is_not(client: httpx.Client) -> None:
    top = client.get("/3dtiles/buildings/tileset.json")
    assert top.status_code == 200, top.text
    assert "max-age=5" in top.headers["cache-control"]

    def uris(node: dict[str, object]) -> list[str]:
        own = [str(c["uri"]) for c in [node.get("content")] if isinstance(c, dict)]
        children = node.get("children", [])
        assert isinstance(children, list)
        return own + [uri for child in children for uri in uris(child)]

    todo = [("/3dtiles/buildings/", uri) for uri in uris(top.json()["root"])]
    glbs = 0
    while todo:
        base, uri = todo.pop()
        path = str(httpx.URL(f"http://testserver{base}").join(uri).path)
        answer = client.get(path)
        assert answer.status_code == 200, (path, answer.text)
        assert "immutable" in answer.headers["cache-control"]
        if path.endswith(".json"):
            todo += [(path, child) for child in uris(answer.json()["root"])]
        else:
            assert answer.content[:4] == b"glTF"
            assert answer.headers["content-type"] == "model/gltf-binary"
            glbs += 1
    assert glbs > 0
    before = client.get("/3dtiles/buildings/tileset.json", params={"datetime": "2023-07-01"})
    assert before.json() != top.json()
