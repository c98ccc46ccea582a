"""`datetime=` is valid time on every path that gives data: building 7 stood in 2023 and is gone."""

from __future__ import annotations

import io
import json
import math
import zipfile
from typing import Any

import httpx
import pyarrow.parquet as pq
import pytest
import shapely

GONE, THEN, NOW, BEFORE = "B00007", "2023-12-31", "2024-12-31", "2000-01-01"
ZOOM = 17
ITEMS = "/collections/buildings/items"
TABLES = ("csv", "jsonfg", "html", "fgb", "kml", "shp", "gpkg", "parquet")


@pytest.fixture(scope="module")
def gone(client: httpx.Client) -> dict[str, Any]:
    """The building as it was, with its id and a place within it."""
    params = {"building_id": GONE, "datetime": THEN}
    [found] = client.get(ITEMS, params=params).json()["features"]
    at = shapely.from_geojson(json.dumps(found["geometry"])).representative_point()
    return {"id": found["id"], "lon": at.x, "lat": at.y}


def seen(client: httpx.Client, path: str, when: str) -> tuple[int, bytes]:
    answer = client.get(path, params={"datetime": when})
    return answer.status_code, answer.content


def test_items_and_one_item(client: httpx.Client, gone: dict[str, Any]) -> None:
    for when, count, status in ((THEN, 60, 200), (NOW, 60, 404), (BEFORE, 0, 404)):
        page = client.get(ITEMS, params={"datetime": when, "limit": 100}).json()
        assert page["numberMatched"] == count
        numbers = {f["properties"]["building_id"] for f in page["features"]}
        assert (GONE in numbers) == (status == 200)
        assert seen(client, f"{ITEMS}/{gone['id']}", when)[0] == status
        assert seen(client, f"{ITEMS}/{gone['id']}/documents", when)[0] == status


@pytest.mark.parametrize("format_", TABLES)
def test_downloads(format_: str, client: httpx.Client) -> None:
    """Whatever the format, the file of 2023 has the building and that of 2024 has not."""
    found = []
    for when in (THEN, NOW, BEFORE):
        answer = client.get(ITEMS, params={"f": format_, "datetime": when, "limit": "100"})
        assert answer.status_code == 200, answer.text[:300]
        found.append(GONE.encode() in unpacked(answer.content, format_))
    assert found == [True, False, False]


def unpacked(data: bytes, format_: str) -> bytes:
    if format_ == "parquet":
        return str(pq.read_table(io.BytesIO(data)).column("building_id").to_pylist()).encode()
    if format_ == "shp":
        with zipfile.ZipFile(io.BytesIO(data)) as packed:
            return b"".join(packed.read(name) for name in packed.namelist())
    return data


def test_tiles_and_solids(client: httpx.Client, gone: dict[str, Any]) -> None:
    """A tile of both kinds holds the building then, and something else now."""
    turn = math.asinh(math.tan(math.radians(gone["lat"])))
    column = int((gone["lon"] + 180) / 360 * 2**ZOOM)
    row = int((1 - turn / math.pi) / 2 * 2**ZOOM)
    tile = f"/collections/buildings/tiles/WebMercatorQuad/{ZOOM}/{row}/{column}"
    flat = {when: seen(client, tile, when) for when in (THEN, NOW, BEFORE)}
    assert GONE.encode() in flat[THEN][1]
    assert GONE.encode() not in flat[NOW][1]
    assert flat[BEFORE] == (204, b"") or not flat[BEFORE][1]
    roots = {when: seen(client, "/3dtiles/buildings/tileset.json", when)[1] for when in (THEN, NOW)}
    assert roots[THEN] != roots[NOW]


def test_counts_and_what_lies_at_a_place(client: httpx.Client, gone: dict[str, Any]) -> None:
    counts = client.get("/map/counts.json", params={"datetime": BEFORE}).json()["layers"]
    assert counts["buildings"] == 0
    told = {}
    for when in (THEN, NOW):
        inputs = {"x": gone["lon"], "y": gone["lat"], "datetime": when}
        answer = client.post("/processes/locate/execution", json={"inputs": inputs})
        assert answer.status_code == 200, answer.text[:300]
        told[when] = answer.text
    assert GONE in told[THEN]
    assert GONE not in told[NOW]


def test_the_life_of_a_place_is_whole(client: httpx.Client, gone: dict[str, Any]) -> None:
    """History, difference and life are about times themselves: they tell of both."""
    versions = client.get(f"{ITEMS}/{gone['id']}/history").json()["versions"]
    assert versions[0]["valid_to"] is not None
    asked = {"datetime": f"{THEN}/{NOW}"}
    diff = client.get("/collections/buildings/diff", params=asked).json()
    assert diff["counts"] == {"new": 1, "changed": 1, "closed": 1}
    closed = [f for f in diff["features"] if f["properties"]["_change"] == "closed"]
    assert [f["properties"]["building_id"] for f in closed] == [GONE]
    life = client.get(f"/places/{gone['lon']},{gone['lat']}/timeline.json").json()
    assert GONE in json.dumps(life)
