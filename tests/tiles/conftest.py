"""Fixtures of the tiles' tests: a store with the trial city in it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import pytest
from postgis import Server
from tile_trials import Fetch, buildings, day, deliver, fetch_from, pipes, shafts

from gis.layers import Registry
from gis.store import Store
from gis.tiles import quadtree
from gis.tiles.plan import PLANS


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Few features a tile, so that a small city is a deep tree with several files."""
    monkeypatch.setattr(quadtree, "A_TILE", 4)
    monkeypatch.setattr(quadtree, "UNSPLIT", 6)
    PLANS.kept.clear()
    yield
    PLANS.kept.clear()  # they are not what others would plan


@pytest.fixture(scope="session")
def city_url(server: Server, registry: Registry) -> Iterator[str]:
    """600 buildings, of which 40 are gone, 30 are higher and 20 are new from day 3; pipes."""
    with server.copy() as url:
        with Store.open(url, timezone="Asia/Shanghai") as store:
            first = buildings(600)
            deliver(store, registry.get("buildings"), first)
            later = [
                b | {"height_m": b["height_m"] + (20 if i < 30 else 0)}
                for i, b in enumerate(first[:560])
            ]
            new = [b | {"building_id": f"N{i}"} for i, b in enumerate(buildings(20, seed=9))]
            deliver(store, registry.get("buildings"), later + new, on=day(3))
            deliver(store, registry.get("pipe_segments"), pipes(300))
            deliver(store, registry.get("pipe_points"), shafts(200))
        yield url


@pytest.fixture(scope="session")
def city(city_url: str) -> Iterator[Store]:
    """The trial city, to be read only: all tests share it."""
    with Store.open(city_url, timezone="Asia/Shanghai", read_only=True) as store:
        yield store


@pytest.fixture
def fetch(city: Store, registry: Registry) -> Callable[..., Fetch]:
    """`fetch(layer, when)` gives a function path -> bytes on the trial city."""
    return partial(fetch_from, city, registry)
