"""No secret layer leaks through any path: every route of the app is asked by every role."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from marked_city import LAT, LON, PLACE_MARK, fill_marked, mark, marked_registry
from small_city import browse
from starlette.routing import Route

from gis.api.app import create_app
from gis.api.config import PROCESSES
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store
from gis.store.access import add_key

ROLES: dict[str, dict[str, Any]] = {
    "anonymous": {"read": ["public"]},
    "reader": {"read": ["public", "internal"], "area_km2": 1e6},
    "registrar": {"layers": ["property_units"], "area_km2": 1e6},
    "blind": {},
    "everything": {"admin": True},
}
CRS = "http://www.opengis.net/def/crs/EPSG/0/4547"
NUMBERS = [str(n) for n in range(1, 40)]
SITE = (
    f"POLYGON(({LON - 0.0005} {LAT - 0.0005},{LON + 0.0005} {LAT - 0.0005},"
    f"{LON + 0.0005} {LAT + 0.0005},{LON - 0.0005} {LAT - 0.0005}))"
)
# what may stand in the address: a route with another name in it fails the test until it is here
WORDS: dict[str, list[str]] = {
    "key": ["1"],
    "grid": ["WebMercatorQuad"],
    "number": NUMBERS,
    "place": [f"{LON},{LAT}"],
    "version": ["2"],
    "z": ["14"], "x": ["13380"], "y": ["9000"], "row": ["6599"], "col": ["13380"],
    "process": [*PROCESSES],
    "chip": ["after"],
    "image": [mark("imagery")],
    "path": ["index.html"],
}  # fmt: skip
# what else may be asked of an address, by its end; the plain address is always asked
QUERIES: dict[str, list[str]] = {
    "/items": [
        *(f"f={f}" for f in ("json", "html", "jsonfg", "jsonld", "csv", "gpkg", "fgb", "shp")),
        *(f"f={f}" for f in ("dxf", "kml", "geojsonseq", "dcat")),
        "resulttype=hits", f"crs={CRS}", "q=MARK", "datetime=2023-07-01",
    ],
    "/items/{key}": ["f=html", "f=jsonld", "datetime=2023-07-01"],
    "/diff": ["datetime=2023-01-01/2025-01-01"],
    "/{col}": ["f=mvt", "collections=property_units,buildings", "labels=true"],
    "/map/search.json": ["q=MARK", "q=MARKofpropertyunitsx"],
    "/map/readings.json": ["datastream=MARKofiotthingsx"],
    "/timeline.json": ["reach_m=50"],
    "/notice.html": [f"site={SITE}&reach_m=50"],
    "/styles/{style}": ["f=mapbox", "f=sld", "f=qml", "f=html"],
    "/jobs/{job}/results": ["f=html"],
    "": ["f=html", "f=json"],
}  # fmt: skip
EXECUTIONS: list[dict[str, Any]] = [
    {"inputs": {"x": LON, "y": LAT, "reach_m": 100}},
    {"inputs": {"site": SITE, "reach_m": 50}},
    {"inputs": {"plan": "land_use_plan", "level": 1}},
    {"inputs": {}},
]
POSTS = {
    "/collections/{layer}/items": [{"op": "isNull", "args": [{"property": "geometry"}]}],
    "/coords/convert.json": [],
    "/processes/{process}/execution": EXECUTIONS,
    "/stac/search": [{}, {"ids": [mark("imagery")]}],
}
# what changes something is asked by tests of its own
ELSEWHERE = {
    ("GET", "/live"): "test_alertwork.py",  # never ends
    ("DELETE", "/jobs/{job}"): "test_jobs_are_their_owners",
    ("POST", "/signin"): "test_gate.py",
    **{
        (method, "/collections/{layer}/items/{key}"): "test_editing.py, test_alertwork.py"
        for method in ("PUT", "PATCH", "DELETE")
    },
    ("POST", "/collections/{layer}/items/{key}/documents"): "test_alertwork.py",
}


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("marked")


@pytest.fixture(scope="module")
def marked(registry: Registry) -> Registry:
    return marked_registry(registry)


@pytest.fixture(scope="module")
def city(server: Any, marked: Registry, home: Path) -> Iterator[Store]:
    with server.copy() as url, Store.open(url, max_size=4, timezone="Asia/Shanghai") as store:
        fill_marked(store, marked, home)
        yield store


@pytest.fixture(scope="module")
def app(city: Store, marked: Registry, home: Path) -> Any:
    ships = Path(__file__).parents[2] / "config"
    config = Path(shutil.copytree(ships, home / "config"))
    (config / "access.yml").write_text(yaml.safe_dump({"roles": ROLES}), "utf-8")
    return create_app(city, marked, Settings(web=Path("none"), home=home, config=config))


@pytest.fixture(scope="module")
def keys(city: Store) -> dict[str, str]:
    return {role: add_key(city, role, [role], "test") for role in ROLES if role != "anonymous"}


@pytest.fixture(scope="module")
def jobs(app: Any, keys: dict[str, str]) -> list[str]:
    """Jobs that one who sees everything has had run, by their numbers."""
    client = browse(app)
    headers = {"X-API-Key": keys["everything"], "Prefer": "respond-async"}
    found = []
    for process, body in zip(("locate", "site-check"), EXECUTIONS, strict=False):
        where = f"/processes/{process}/execution"
        found.append(client.post(where, content=json.dumps(body), headers=headers).json()["jobID"])
    while app.app.state.jobs.step():
        pass
    return found


def routes(app: Any) -> list[Route]:
    inner = app.app
    found = [route for route in inner.routes if isinstance(route, Route)]
    assert len(found) == len(inner.routes) > 30, "something that is not a plain route is mounted"
    return found


def addresses(route: Route, registry: Registry, jobs: list[str]) -> Iterator[str]:
    """Every address of a route that this test asks for."""
    words = {**WORDS, "layer": list(registry.layers), "job": jobs, "style": list(registry.layers)}
    if "/catalogue/" in route.path:
        words["record"] = [
            *(f"layer:{id_}" for id_ in registry.layers), *(f"delivery:{n}" for n in NUMBERS)
        ]  # fmt: skip
    if route.path.startswith("/TileMatrixSets") or "tileMatrixSets" in route.path:
        words["grid"] = WORDS["grid"]
    if "/alerts/" in route.path:
        words["key"] = ["1", "T-0001"]
    found = [route.path]
    for name, value in re.findall(r"{(\w+)(:\w+)?}", route.path):
        assert name in words, f"{route.path}: tell WORDS what {{{name}}} can be"
        found = [a.replace(f"{{{name}{value}}}", word) for a in found for word in words[name]]
    yield from found


def queries(path: str, hidden: bool) -> list[str]:
    ends = [end for end in QUERIES if end and path.endswith(end)]
    more = QUERIES[max(ends, key=len)] if ends else QUERIES[""]
    return ["", *(more if hidden else more[:1])]


def test_no_route_tells_of_a_hidden_layer(
    app: Any, keys: dict[str, str], registry: Registry, jobs: list[str]
) -> None:
    client = browse(app)
    told: set[str] = set()
    for role, given in ROLES.items():
        seen = seen_by(given, registry)
        client.headers["X-API-Key"] = keys.get(role, "")
        if role == "anonymous":
            del client.headers["X-API-Key"]
        for where, answer in answers(client, routes(app), registry, seen, jobs):
            assert answer.status_code < 500, (role, where, answer.text)
            if role == "everything":
                told |= {id_ for id_ in registry.layers if mark(id_).encode() in answer.content}
            check(answer, role, where, registry, seen)
    # what nobody sees would be hidden from nobody: the walk must find every layer's word
    assert told == set(registry.layers)


def seen_by(role: dict[str, Any], registry: Registry) -> set[str]:
    classes = ["public", "internal", "sensitive"] if role.get("admin") else role.get("read", [])
    return {
        layer.id
        for layer in registry.layers.values()
        if layer.classification in [*classes, "public"] or layer.id in role.get("layers", [])
    }


def answers(
    client: httpx.Client, found: list[Route], registry: Registry, seen: set[str], jobs: list[str]
) -> Iterator[tuple[str, httpx.Response]]:
    for route in found:
        methods = route.methods or set()
        if "GET" in methods and ("GET", route.path) not in ELSEWHERE:
            for address in addresses(route, registry, jobs):
                named = set(re.findall(r"/(\w+)", address)) & set(registry.layers)
                thorough = not named <= seen or len(seen) == len(registry.layers)
                for query in queries(route.path, thorough):
                    where = f"{address}?{query}" if query else address
                    yield where, client.get(where)
        for method in methods - {"GET", "HEAD", "OPTIONS"}:
            if (method, route.path) in ELSEWHERE:
                continue
            assert method == "POST", f"{route.path}: this test does not know how to {method}"
            assert route.path in POSTS, f"{route.path}: tell POSTS what may be sent there"
            for body in POSTS[route.path]:
                for address in addresses(route, registry, jobs):
                    yield f"POST {address}", client.post(address, content=json.dumps(body))


def check(
    answer: httpx.Response, role: str, where: str, registry: Registry, seen: set[str]
) -> None:
    body = answer.content
    if PLACE_MARK.encode() in body:
        assert role in ("reader", "everything"), (role, where)
    for id_ in registry.layers.keys() - seen:
        asked = where.split("?")[0].split("/")
        assert id_ not in asked or answer.status_code in (400, 404), (role, where, answer.text)
        if mark(id_) in where:
            body = body.replace(mark(id_).encode(), b"")  # an echo of the question
        words = [mark(id_)]
        if id_ not in asked:  # its own address, a page repeats
            words.append(f"/collections/{id_}")
        for word in words:
            assert word.encode() not in body, (role, where, word)


@pytest.mark.parametrize("role", ["anonymous", "reader"])
@pytest.mark.parametrize("path", ["", "/items", "/items/1", "/items/1/history", "/queryables"])
def test_a_hidden_layer_is_as_unknown_as_an_unknown_one(
    app: Any, keys: dict[str, str], role: str, path: str
) -> None:
    client = browse(app)
    headers = {"X-API-Key": keys[role]} if role in keys else {}
    hidden = client.get(f"/collections/property_units{path}", headers=headers)
    unknown = client.get(f"/collections/property_unitz{path}", headers=headers)
    assert hidden.status_code == unknown.status_code == 404
    assert hidden.text.replace("property_units", "property_unitz") == unknown.text
    told = [
        {k: v for k, v in a.headers.items() if k not in ("etag", "content-length")}
        for a in (hidden, unknown)
    ]
    assert told[0] == told[1]


def test_jobs_are_their_owners(app: Any, keys: dict[str, str], jobs: list[str]) -> None:
    for role in ("anonymous", "reader", "registrar"):
        headers = {"X-API-Key": keys[role]} if role in keys else {}
        for job in jobs:
            for ask in (browse(app).get, browse(app).delete):
                assert ask(f"/jobs/{job}", headers=headers).status_code == 404
    assert browse(app).get("/jobs").json()["jobs"] == []
    done = browse(app).get(f"/jobs/{jobs[0]}", headers={"X-API-Key": keys["everything"]}).json()
    assert done["status"] == "successful"
