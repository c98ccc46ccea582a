"""A server to be asked as any client asks it: the small city on a port of this machine, or the one
at CONFORMANCE_URL. The tests know of it what it says of itself, and no more."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from planned_city import fill_plans

from gis.api.app import create_app
from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store


@pytest.fixture(scope="session")
def address(server: Any, registry: Registry) -> Iterator[str]:
    """Where the server is, without a slash at the end."""
    given = os.environ.get("CONFORMANCE_URL")
    if given:
        yield given.rstrip("/")
        return
    with server.copy() as url:
        with Store.open(url, max_size=2, timezone="Asia/Shanghai") as store:
            fill_plans(store, registry)
        own = Store.open(url, max_size=4, timezone="Asia/Shanghai", read_only=True)
        settings = Settings(web=Path("nothing-built-here"))
        app = create_app(own, registry, settings)
        served = uvicorn.Server(uvicorn.Config(app, port=0, log_level="critical", ws="none"))
        thread = threading.Thread(target=served.run)
        thread.start()
        for _ in range(400):
            if served.started:
                break
            time.sleep(0.05)
        try:
            port = served.servers[0].sockets[0].getsockname()[1]
            yield f"http://127.0.0.1:{port}"
        finally:
            served.should_exit = True
            thread.join(20)


@pytest.fixture(scope="session")
def client(address: str) -> Iterator[httpx.Client]:
    """A client that follows nothing by itself."""
    with httpx.Client(base_url=address, timeout=60) as found:
        yield found


@pytest.fixture(scope="session")
def api(client: httpx.Client) -> Any:
    """The OpenAPI document."""
    return client.get("/openapi").json()


@pytest.fixture(scope="session")
def collections(client: httpx.Client) -> list[Any]:
    """The feature collections."""
    found = client.get("/collections").json()["collections"]
    return [c for c in found if c.get("itemType") == "feature"]


@pytest.fixture(scope="session")
def filled(client: httpx.Client, collections: list[Any]) -> list[str]:
    """The ids of those that have features."""

    def first(id_: str) -> Any:
        return client.get(f"/collections/{id_}/items", params={"limit": 1}).json()["features"]

    return [c["id"] for c in collections if first(c["id"])]
