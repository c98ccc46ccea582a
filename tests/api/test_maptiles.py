"""Vector tiles over HTTP beyond the plain one: layers together, chosen content, both grids, what
describes them, and caches that never show yesterday's city."""

from __future__ import annotations

import math
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from time import sleep
from typing import Any

import httpx
import mapbox_vector_tile
import numpy as np
import pytest
from small_city import SECOND, browse, building, deliver, fill

from gis.api import maptiles
from gis.api.answers import pack
from gis.api.app import create_app
from gis.api.tilecache import ENTRY_BYTES, TileCache
from gis.api.tilemeta import matrix_set_document
from gis.api.tileversions import Newest
from gis.coords.matrixsets import CGCS2000, MATRIX_SETS, WEB_MERCATOR, MatrixSet
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store, undo, version_at
from gis.store.ledger import list_deliveries
from gis.store.vectortiles import TileQuery

LON, LAT, Z = 114.003, 32.983, 15


def place(grid: MatrixSet = WEB_MERCATOR, z: int = Z, lon: float = LON, lat: float = LAT) -> str:
    return f"{grid.id}/{z}/{grid.row_of(z, lat)}/{grid.column_of(z, lon)}"


def decoded(client: httpx.Client, path: str, **params: str) -> dict[str, list[dict[str, Any]]]:
    answer = client.get(path, params=params or None)  # {} would drop those of the path
    assert answer.status_code in (200, 204), answer.text
    found = mapbox_vector_tile.decode(answer.content, default_options={"y_coord_down": True})
    return {name: layer["features"] for name, layer in found.items()}


def test_several_layers_in_one_tile_are_the_layers_tiles(client: httpx.Client) -> None:
    both = decoded(client, f"/tiles/{place()}", collections="buildings,roads")
    for name in ("buildings", "roads"):
        assert decoded(client, f"/collections/{name}/tiles/{place()}")[name] == both[name] != []
    everything = decoded(client, f"/tiles/{place()}")
    assert {"buildings", "roads", "iot_things", "alerts", "planning_permits"} <= set(everything)
    past = decoded(client, f"/tiles/{place()}", collections="buildings", datetime="2023-07-01")
    assert {f["id"] for f in past["buildings"]} != {f["id"] for f in both["buildings"]}


def test_only_what_was_asked_for(client: httpx.Client) -> None:
    path = f"/collections/buildings/tiles/{place()}"
    shown = decoded(client, path, properties="use,storeys", filter="storeys > 20")["buildings"]
    assert shown
    assert all(set(f["properties"]) <= {"use", "storeys"} for f in shown)
    assert all(f["properties"]["storeys"] > 20 for f in shown)
    assert len(shown) < len(decoded(client, path)["buildings"])
    as_json = '{"op": ">", "args": [{"property": "storeys"}, 20]}'
    again = {"filter": as_json, "filter-lang": "cql2-json", "properties": "use,storeys"}
    assert decoded(client, path, **again)["buildings"] == shown
    several = decoded(client, f"/tiles/{place()}", collections="buildings,roads", properties="name")
    names = {n for features in several.values() for f in features for n in f["properties"]}
    assert names == {"name"}


def test_labels_are_a_layer_of_points(client: httpx.Client) -> None:
    found = decoded(client, f"/collections/buildings/tiles/{place()}", labels="true")
    shapes = {f["id"]: f for f in found["buildings"]}
    assert found["buildings.labels"]
    for label in found["buildings.labels"]:
        assert label["geometry"]["type"] == "Point"
        x, y = label["geometry"]["coordinates"]
        ring = np.array(shapes[label["id"]]["geometry"]["coordinates"][0])
        assert (ring.min(0) <= (x, y)).all()
        assert (ring.max(0) >= (x, y)).all()


@pytest.mark.parametrize("grid", MATRIX_SETS.values(), ids=MATRIX_SETS)
def test_a_grid_is_published_as_it_is_served(client: httpx.Client, grid: MatrixSet) -> None:
    """Where a building's corner lies by the published definition and its tile alone."""
    item = client.get("/collections/buildings/items", params={"building_id": "B00012"}).json()
    [feature] = item["features"]
    corner = np.array(feature["geometry"]["coordinates"][0]).min(0)
    definition = client.get(f"/tileMatrixSets/{grid.id}").json()
    assert definition["crs"].endswith(f"/{grid.epsg}")
    matrix = next(m for m in definition["tileMatrices"] if m["id"] == "17")
    # a point of origin is in the order of the axes; 4490 has latitude first
    first, second = matrix["pointOfOrigin"]
    left, top = (second, first) if definition["orderedAxes"][0] == "Lat" else (first, second)
    x, y = corner
    if grid.unit == "metre":
        x = math.radians(x) * 6378137
        y = math.asinh(math.tan(math.radians(y))) * 6378137
    side = matrix["cellSize"] * matrix["tileWidth"]
    col, row = (x - left) / side, (top - y) / side
    path = f"/collections/buildings/tiles/{grid.id}/17/{int(row)}/{int(col)}"
    shape = next(f for f in decoded(client, path)["buildings"] if f["id"] == feature["id"])
    ring = np.array(shape["geometry"]["coordinates"][0])
    assert (ring[:, 0].min(), ring[:, 1].max()) == pytest.approx(
        ((col % 1) * 4096, (row % 1) * 4096), abs=1
    )


def test_the_grid_of_tianditu() -> None:
    """Level 1 is two tiles of 180 degrees; its scale is that of level 0 of WorldCRS84Quad."""
    document = matrix_set_document(CGCS2000, "http://here")
    first = document["tileMatrices"][0]
    assert (first["id"], first["matrixWidth"], first["matrixHeight"]) == ("1", 2, 1)
    assert first["cellSize"] == 0.703125
    assert first["scaleDenominator"] == pytest.approx(279541132.014358, rel=1e-12)
    assert (document["orderedAxes"], first["pointOfOrigin"]) == (["Lat", "Lon"], [90, -180])


def test_tilesets_say_where_their_tiles_are(client: httpx.Client) -> None:
    sets = client.get("/tiles", params={"collections": "buildings,roads"}).json()["tilesets"]
    assert [s["tileMatrixSetId"] for s in sets] == list(MATRIX_SETS)
    for one in sets:
        [self_] = [link["href"] for link in one["links"] if link["rel"] == "self"]
        tileset = client.get(self_).json()
        assert [layer["id"] for layer in tileset["layers"]] == ["buildings", "roads"]
        assert [layer["geometryDimension"] for layer in tileset["layers"]] == [2, 1]
        assert "storeys" in tileset["layers"][0]["propertiesSchema"]["properties"]
        [item] = [link["href"] for link in tileset["links"] if link["rel"] == "item"]
        limits = {limit["tileMatrix"]: limit for limit in tileset["tileMatrixSetLimits"]}["14"]
        shown = set()
        for row in range(limits["minTileRow"], limits["maxTileRow"] + 1):
            for col in range(limits["minTileCol"], limits["maxTileCol"] + 1):
                answer = client.get(item.format(tileMatrix=14, tileRow=row, tileCol=col))
                assert answer.status_code in (200, 204)
                if answer.status_code == 200:
                    found = mapbox_vector_tile.decode(answer.content)
                    shown |= {f["id"] for f in found.get("buildings", {}).get("features", [])}
        assert len(shown) == 60
        [scheme] = [link["href"] for link in one["links"] if link["rel"].endswith("tiling-scheme")]
        assert client.get(scheme).json()["id"] == one["tileMatrixSetId"]


def test_tilejson_keeps_what_was_asked(client: httpx.Client) -> None:
    asked = {"f": "tilejson", "datetime": "2023-07-01", "labels": "true",
             "filter": "use = 'industrial'", "properties": "use"}  # fmt: skip
    found = client.get("/collections/buildings/tiles/WebMercatorQuad", params=asked).json()
    assert found["tilejson"] == "3.0.0"
    assert [layer["id"] for layer in found["vector_layers"]] == ["buildings", "buildings.labels"]
    assert found["vector_layers"][0]["fields"] == {"use": "String"}
    west, south, east, north = found["bounds"]
    assert 113.9 < west < east < 114.1
    assert 32.9 < south < north < 33.1
    z, row, col = place().split("/")[1:]
    there = decoded(client, found["tiles"][0].format(z=z, y=row, x=col))
    assert {f["properties"]["use"] for f in there["buildings"]} == {"industrial"}
    several = client.get("/tiles/WebMercatorQuad?f=tilejson&collections=roads,buildings").json()
    assert [layer["id"] for layer in several["vector_layers"]] == ["roads", "buildings"]
    assert {"roads", "buildings"} == set(
        decoded(client, several["tiles"][0].format(z=z, y=row, x=col))
    )


@pytest.fixture
def workers(store: Store, registry: Registry) -> Iterator[list[httpx.Client]]:
    """Two workers' apps over one database that changes."""
    fill(store, registry)
    settings = Settings()
    with Store.open(store.url, max_size=2, timezone="Asia/Shanghai") as other:
        yield [browse(create_app(one, registry, settings)) for one in (store, other)]


def test_a_delivery_is_seen_at_once_in_every_worker(
    workers: list[httpx.Client], store: Store, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[TileQuery] = []
    made = maptiles.make_tile

    def counting(of: Store, q: TileQuery) -> Any:
        built.append(q)
        return made(of, q)

    monkeypatch.setattr("gis.api.maptiles.make_tile", counting)
    layer = registry.get("buildings")
    near, far = (
        f"/collections/buildings/tiles/{place(z=20, lon=lon, lat=32.98007)}"
        for lon in (114.0001, 114.0091)
    )

    def heights(path: str, **params: str) -> list[list[float]]:
        return [
            sorted(f["properties"]["height_m"] for f in decoded(w, path, **params)["buildings"])
            for w in workers
        ]

    def tags(path: str) -> set[str]:
        return {w.get(path).headers["etag"] for w in workers}

    assert heights(near) == [[3.4], [3.4]]
    before_near, before_far = tags(near), tags(far)
    assert len(before_near) == len(before_far) == 1  # both workers write the same bytes
    state = [building(i) for i in range(61) if i != 7]
    state[0] = building(0, height_m=77.7)
    built.clear()
    deliver(store, layer, state, SECOND.replace(month=9))
    assert heights(near) == [[77.7], [77.7]]
    assert len(built) == 2  # one a worker
    assert tags(near) != before_near
    assert tags(far) == before_far
    assert len(built) == 2  # what the delivery did not touch is not built again
    assert heights(near, datetime="2024-07-01") == [[3.4], [3.4]]
    undo(store, list_deliveries(store, "buildings")[0]["id"])
    assert heights(near) == [[3.4], [3.4]]
    assert tags(near) == before_near


def test_a_delivery_in_the_midst_of_building_is_not_mistaken(
    workers: list[httpx.Client], store: Store, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version is asked, then somebody delivers, then the tile is made: it must not be kept
    as the state of the version that was asked, which a past date still shows."""
    layer = registry.get("buildings")
    path = f"/collections/buildings/tiles/{place(z=20, lon=114.0001, lat=32.98007)}"
    late = [building(i, height_m=50.0) for i in range(61)]
    pending = [lambda: deliver(store, layer, late, SECOND.replace(month=10))]
    made = maptiles.make_tile

    def overtaken(*words: Any) -> Any:
        while pending:
            pending.pop()()
        return made(*words)

    def heights(**params: str) -> list[float]:
        return [
            f["properties"]["height_m"] for f in decoded(workers[0], path, **params)["buildings"]
        ]

    # a tile of that place is kept, so that the version is asked for
    assert workers[0].get(path, params={"datetime": "2022-01-01"}).status_code == 204
    monkeypatch.setattr("gis.api.maptiles.make_tile", overtaken)
    assert heights() == [50.0]
    assert pending == []
    assert heights(datetime="2024-07-01") == [3.4]
    undo(store, version_at(store, layer))
    assert heights() == [3.4]


def test_readings_are_never_yesterdays(workers: list[httpx.Client], store: Store) -> None:
    path = f"/collections/iot_things/tiles/{place(lon=114.005, lat=32.985)}"
    for value in (1.5, 2.5):
        with store.connection() as conn:
            conn.execute(
                "INSERT INTO onemap.observation_latest (datastream, time, value) "
                "VALUES ('T1-level', '2024-06-10Z', %s) "
                "ON CONFLICT (datastream) DO UPDATE SET value = excluded.value",
                [value],
            )
        for worker in workers:
            (thing,) = decoded(worker, path)["iot_things"]
            assert thing["properties"]["latest_value"] == value


def test_the_cache_keeps_to_its_size_and_the_last_asked_for() -> None:
    cache = TileCache(limit=2 * (ENTRY_BYTES + 4))
    made: list[int] = []

    def ask(n: int) -> bytes:
        return cache.get(n, lambda: made.append(n) or b"1234").body  # type: ignore[func-returns-value]

    for n in (1, 2, 1, 3, 1, 2):
        ask(n)
    assert made == [1, 2, 3, 2]


def test_the_cache_knows_states_apart() -> None:
    cache = TileCache()

    def ask(version: int, shown: int, still: bool | None = None) -> bytes:
        good = None if still is None else (lambda _: still)
        return cache.get_versioned(
            "k", lambda: (version,), lambda: (b"%d" % shown, (shown,)), good
        ).body  # fmt: skip

    assert ask(1, 2) == b"2"  # overtaken while it was built: kept as what it shows
    assert ask(1, 1) == b"1"
    assert ask(2, 9) == b"2"
    assert ask(3, 3, still=True) == b"2"  # nothing of it changed
    assert ask(3, 9) == b"2"
    assert ask(4, 4, still=False) == b"4"
    assert pack(b"x").plain() == b"x"


def test_one_question_answers_all_who_waited_for_it() -> None:
    state, asked, first, go_on = [1], [0], Event(), Event()

    def read() -> dict[str, int]:
        asked[0] += 1
        found = {"buildings": state[0]}
        if asked[0] == 1:
            first.set()
            assert go_on.wait(10)
        return found

    newest = Newest(read)
    with ThreadPoolExecutor(9) as pool:
        early = pool.submit(newest.versions)
        assert first.wait(10)
        state[0] = 2  # a delivery after the question, before the others come
        late = [pool.submit(newest.versions) for _ in range(8)]
        while newest._next is None:
            sleep(0.01)
        sleep(0.1)
        go_on.set()
        assert early.result(10) == {"buildings": 1}
        assert [one.result(10) for one in late] == [{"buildings": 2}] * 8
    assert asked[0] < 9


def test_a_question_that_fails_fails_for_all_and_is_asked_again() -> None:
    answers: list[dict[str, int] | Exception] = [OSError("gone"), {"buildings": 3}]

    def read() -> dict[str, int]:
        found = answers.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    newest = Newest(read)
    with pytest.raises(OSError, match="gone"):
        newest.versions()
    assert newest.versions() == {"buildings": 3}
