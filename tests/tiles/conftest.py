"""Fixtures of the tiles' tests: a store with the trial city in it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from tile_trials import buildings, day, deliver, pipes, shafts

from gis.layers import Registry
from gis.layers.model import Layer
from gis.store import Store, When
from gis.tiles import content_glb, node_json, quadtree, tileset_json

ADDRESS = re.compile(r"v(\d+)/(\d+)/(\d+)/(\d+)\.(json|glb)")


@pytest.fixture
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few features a tile, so that a small city is a deep tree with several files."""
    monkeypatch.setattr(quadtree, "A_TILE", 4)
    monkeypatch.setattr(quadtree, "UNSPLIT", 6)


@pytest.fixture
def city(store: Store, registry: Registry) -> Store:
    """600 buildings, of which 40 are gone, 30 are higher and 20 are new from day 3; pipes."""
    first = buildings(600)
    deliver(store, registry.get("buildings"), first)
    later = [b | {"height_m": b["height_m"] + (20 if i < 30 else 0)} for i, b in enumerate(first)]
    new = [b | {"building_id": f"N{i}"} for i, b in enumerate(buildings(20, seed=9))]
    deliver(store, registry.get("buildings"), later[:560] + new, on=day(3))
    deliver(store, registry.get("pipe_segments"), pipes(300))
    deliver(store, registry.get("pipe_points"), shafts(200))
    return store


@pytest.fixture
def fetch(city: Store, registry: Registry) -> Callable[..., Callable[[str], bytes]]:
    """`fetch(layer, when)` gives a function path -> bytes, as the API routes them."""

    def of(layer: Layer, when: When = None) -> Callable[[str], bytes]:
        def get(path: str) -> bytes:
            if path == "tileset.json":
                return tileset_json(city, registry, layer, when)
            found = ADDRESS.fullmatch(path)
            assert found is not None, path
            version, z, x, y = map(int, found.groups()[:4])
            answer = node_json if found[5] == "json" else content_glb
            return answer(city, registry, layer, version, z, x, y)

        return get

    return of
