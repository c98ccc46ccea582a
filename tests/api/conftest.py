"""The small city, filled and served once for each module: its tests only read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from small_city import browse, fill

from gis.layers import Registry
from gis.settings import Settings
from gis.store import Store


@pytest.fixture(scope="module")
def city(server: Any, registry: Registry) -> Iterator[Store]:
    """A filled store that a module's tests read. Second date: building 7 gone, 8 higher, 60 new."""
    with server.copy() as url, Store.open(url, max_size=4, timezone="Asia/Shanghai") as store:
        fill(store, registry)
        yield store


@pytest.fixture(scope="module")
def settings() -> Settings:
    """No map page is built here."""
    return Settings(web=Path("nothing-built-here"))


@pytest.fixture(scope="module")
def client(city: Store, registry: Registry, settings: Settings) -> httpx.Client:
    """A browser's view of the served city."""
    from gis.api.app import create_app

    return browse(create_app(city, registry, settings))


@pytest.fixture(scope="module")
def slow_client(city: Store, registry: Registry, settings: Settings) -> httpx.Client:
    """The same city by pygeoapi's own way."""
    from gis.api.app import create_app

    return browse(create_app(city, registry, settings, hot=False))
