"""Tiles: vector tiles from the store through a small cache, and 3D Tiles."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

from starlette.requests import Request
from starlette.responses import Response

from gis.api.answers import FOR_EVER, JSON, answer
from gis.api.config import GRID, MVT
from gis.api.parameters import read_tile, read_when
from gis.api.refusals import NotThere, no_grid
from gis.api.service import Service, service_of
from gis.layers import Layer
from gis.store import Instant, When, tile, version_at
from gis.store.filters import Node
from gis.tiles import content_glb, node_json, tileset_json

CACHED_BYTES = 64 * 2**20
GLB, TILESET_CACHE = "model/gltf-binary", "public, max-age=5"
CacheKey = tuple[object, ...]


class TileCache:
    """The tiles last asked for, by layer, version and address; bounded by their size."""

    def __init__(self, limit: int = CACHED_BYTES) -> None:
        self._limit, self._size = limit, 0
        self._tiles: OrderedDict[CacheKey, bytes] = OrderedDict()
        self._lock = Lock()

    def get(self, key: CacheKey, build: Callable[[], bytes]) -> bytes:
        """The tile of that key; `build` makes it where it is not kept."""
        with self._lock:
            found = self._tiles.get(key)
            if found is not None:
                self._tiles.move_to_end(key)
                return found
        made = build()
        with self._lock:
            if key not in self._tiles:
                self._tiles[key] = made
                self._size += len(made)
            while self._size > self._limit:
                _, dropped = self._tiles.popitem(last=False)
                self._size -= len(dropped)
        return made


def get_tile(request: Request) -> Response:
    """`GET /collections/{layer}/tiles/WebMercatorQuad/{z}/{row}/{col}`: 204 where empty."""
    service = service_of(request)
    layer = service.registry.get(request.path_params["layer"])
    city = service.registry.city
    when, condition = read_tile(request.query_params, city, service.timezone)
    format_ = request.query_params.get("f", "mvt")
    grid = request.path_params["grid"]
    if grid != GRID or format_ not in ("mvt", "pbf"):
        raise no_grid()
    z, row, col = (_index(request.path_params[name]) for name in ("z", "row", "col"))
    body = _vector_tile(request.app.state.tiles, service, layer, (z, col, row), when, condition)
    if not body:
        return Response(status_code=204, headers={"Cache-Control": "no-cache"})
    return answer(request, body, MVT)


def get_tileset(request: Request) -> Response:
    """`GET /3dtiles/{layer}/tileset.json`: short-lived, its children's addresses are for ever."""
    service = service_of(request)
    when = read_when(request.query_params, service.timezone, ("datetime",))
    layer = service.registry.get(request.path_params["layer"])
    body = tileset_json(service.store, service.registry, layer, when)
    return answer(request, body, JSON, cache=TILESET_CACHE)


def get_node(request: Request) -> Response:
    """`GET /3dtiles/{layer}/v{version}/{z}/{x}/{y}.json`: a subtree of the tileset."""
    return _for_ever(request, node_json, JSON)


def get_content(request: Request) -> Response:
    """`GET /3dtiles/{layer}/v{version}/{z}/{x}/{y}.glb`: a tile's features as glTF."""
    return _for_ever(request, content_glb, GLB)


def _for_ever(request: Request, make: Callable[..., bytes], media: str) -> Response:
    service, words = service_of(request), request.path_params
    layer = service.registry.get(words["layer"])
    numbers = [_index(words[name]) for name in ("version", "z", "x", "y")]
    cache: TileCache = request.app.state.tiles
    body = cache.get(
        (media, layer.id, *numbers), lambda: make(service.store, service.registry, layer, *numbers)
    )
    return answer(request, body, media, cache=FOR_EVER)


def _vector_tile(
    cache: TileCache,
    service: Service,
    layer: Layer,
    zxy: tuple[int, int, int],
    when: When,
    condition: Node | None,
) -> bytes:
    """From the cache where the layer's state is named by its version: neither an interval nor
    readings, which come without a delivery, are. What one client filters nobody else asks for."""

    def build() -> bytes:
        return tile(service.store, layer, *zxy, when, filter=condition)

    if condition is not None:
        return build()
    if layer.latest_of is not None or not (when is None or isinstance(when, Instant)):
        return build()
    version = version_at(service.store, layer, when)
    return cache.get((layer.id, version, *zxy), build)


def _index(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise NotThere(
            zh=f"瓦片地址中的“{text[:40]}”不是数字",
            en=f"{text[:40]!r} in a tile's address is no number",
        )
    return int(text)
