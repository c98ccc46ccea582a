"""The swift way for items gives what the ordinary way gives, byte for byte."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from anyio.from_thread import start_blocking_portal

from gis.api.app import create_app
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store
from gis.store.lines import Lines

STAMP = re.compile(rb'"timeStamp":"[^"]*"')
ITEMS = "/collections/buildings/items"
PAGES = [
    "", "limit=3", "limit=60", "limit=1000", "limit=3&offset=4", "limit=5&offset=1000",
    "limit=4&bbox=114.0,32.98,114.006,33.0", "limit=100&bbox=114.0,32.98,114.006,33.0",
    "limit=3&datetime=2023-07-01", "limit=3&datetime=2023-01-01/..", "limit=3&after=WzEwXQ",
    "limit=3&after=WzU4XQ", "limit=3&properties=height_m,use", "limit=3&skipGeometry=true",
    "limit=3&filter=height_m%20%3E%2030", "limit=3&filter=height_m%20%3E%2089", "limit=3&q=7",
    "limit=3&filter=name%20LIKE%20'%25%E5%8F%B7%25'", "use=industrial&limit=2",
    "limit=3&crs=http://www.opengis.net/def/crs/EPSG/0/4547",
    "limit=3&crs=http://www.opengis.net/def/crs/EPSG/0/3857",
    "limit=3&sortby=-height_m", "limit=3&feature-id=version", "resulttype=hits", "nope=1",
    "limit=x", "filter=%28", "limit=2&limit=3", "after=nonsense", "bbox=1,2,3", "f=xml",
]  # fmt: skip


class OneLoop(httpx.BaseTransport):
    """An app in an event loop of its own, from its start to its end, as a server has it."""

    def __init__(self, app: Any) -> None:
        self._inner, self._app = app.app, httpx.ASGITransport(app=app, raise_app_exceptions=False)
        self._portal = start_blocking_portal()

    def __enter__(self) -> OneLoop:
        self._loop = self._portal.__enter__()
        lifespan = self._inner.router.lifespan_context(self._inner)
        self._running = self._loop.wrap_async_context_manager(lifespan)
        self._running.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._running.__exit__(*error)
        self._portal.__exit__(*error)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        async def ask() -> httpx.Response:
            found = await self._app.handle_async_request(request)
            body = b"".join([part async for part in found.stream])  # type: ignore[union-attr]
            return httpx.Response(found.status_code, headers=found.headers, content=body)

        return self._loop.call(ask)


class Counted(Lines):
    """Lines that say how often they were asked."""

    asked = 0

    async def ask(self, *given: Any, **named: Any) -> Any:
        Counted.asked += 1
        return await super().ask(*given, **named)


@pytest.fixture(scope="module")
def swift(city: Store, registry: Registry, settings: Settings) -> Iterator[httpx.Client]:
    """The app in one event loop from start to end, as a server has it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gis.api.app.Lines", Counted)
        with Store.open(city.url, timezone="Asia/Shanghai") as store:  # it closes its own
            app: Any = create_app(store, registry, settings)
            with OneLoop(app) as transport:
                yield httpx.Client(transport=transport, base_url="http://testserver")


def asked_of(client: httpx.Client, path: str, **headers: str) -> tuple[int, Any, bytes]:
    found = client.get(path, headers={"accept": "*/*", **headers})
    kept = {n: v for n, v in found.headers.items() if n not in ("content-length", "date")}
    return found.status_code, kept, STAMP.sub(b"", found.content)


def same(swift: httpx.Client, client: httpx.Client, path: str, **headers: str) -> bool:
    """Whether both give the same; says which way it went."""
    assert swift.get(ITEMS + "?limit=1").status_code == 200  # which layers have documents is known
    before = Counted.asked
    theirs = asked_of(client, path, **headers)
    ours = asked_of(swift, path, **headers)
    assert ours == theirs
    return Counted.asked > before


@pytest.mark.parametrize("words", PAGES)
def test_pages_are_the_same(swift: httpx.Client, client: httpx.Client, words: str) -> None:
    for name in ("buildings", "roads"):
        same(swift, client, f"/collections/{name}/items?{words}")


ONE = ["", "f=json", "datetime=2023-07-01", "skipGeometry=1", "x=1"]


@pytest.mark.parametrize("words", ONE)
def test_single_features_are_the_same(
    swift: httpx.Client, client: httpx.Client, words: str
) -> None:
    for key in ("1", "8", "60", "999999", "x", "-1", "1" * 30):
        same(swift, client, f"{ITEMS}/{key}?{words}")


def test_it_goes_the_swift_way_where_it_can(swift: httpx.Client, client: httpx.Client) -> None:
    assert same(swift, client, f"{ITEMS}?f=json&limit=10")
    assert same(swift, client, f"{ITEMS}?f=json&limit=3&filter=height_m%20%3E%2030")
    assert same(swift, client, f"{ITEMS}/8?f=json")
    assert not same(swift, client, f"{ITEMS}?f=json&limit=3&sortby=use")
    assert not same(swift, client, f"{ITEMS}?f=jsonfg&limit=3")


def test_packing_and_not_modified(swift: httpx.Client, client: httpx.Client) -> None:
    path = f"{ITEMS}?f=json&limit=50"
    assert same(swift, client, path, **{"accept-encoding": "gzip"})
    tag = swift.get(path).headers["etag"]
    assert tag == client.get(path).headers["etag"]
    assert swift.get(path, headers={"if-none-match": tag}).status_code == 304
    one = swift.get(f"{ITEMS}/8?f=json").headers["etag"]
    assert one == client.get(f"{ITEMS}/8?f=json").headers["etag"]


def test_a_browser_gets_a_page(swift: httpx.Client) -> None:
    for path in (ITEMS, f"{ITEMS}/8", f"{ITEMS}?limit=3&building_id=f=json"):
        found = swift.get(path, headers={"accept": "text/html"})
        assert found.headers["content-type"].startswith("text/html")


def test_links_name_the_one_who_asked(swift: httpx.Client) -> None:
    for host in ("a.example", "b.example", "a.example"):
        links = swift.get(f"{ITEMS}?limit=3", headers={"host": host}).json()["links"]
        assert {link["href"].split("/")[2] for link in links} == {host}


def test_broken_lines_cost_nobody_an_error(swift: httpx.Client, city: Store) -> None:
    with city.reading() as conn:
        conn.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    time.sleep(0.2)  # a backend ends when it comes to it
    for _ in range(20):
        assert swift.get(f"{ITEMS}?f=json&limit=2").status_code == 200
