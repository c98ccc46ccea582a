"""3D Tiles, made from the store when they are asked for."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from gis.api.answers import FOR_EVER, JSON, answer, packed_answer
from gis.api.axes import STORAGE_EPSG
from gis.api.limits import counting, taken_shapes
from gis.api.maptiles import read_index
from gis.api.parameters import read_when
from gis.api.service import Service, service_of
from gis.api.tilecache import TileCache
from gis.layers import Layer
from gis.store import LayerQuery, rows
from gis.tiles import content_glb, node_json, tileset_json
from gis.tiles.plan import plan_of

GLB, TILESET_CACHE = "model/gltf-binary", "public, max-age=5"


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
    numbers = [read_index(words[name]) for name in ("version", "z", "x", "y")]
    if make is content_glb and counting(layer):
        _count(service, layer, *numbers)
    cache: TileCache = request.app.state.tiles
    body = cache.get(
        (media, layer.id, *numbers), lambda: make(service.store, service.registry, layer, *numbers)
    )
    return packed_answer(request, body, media, cache=FOR_EVER)


def _count(service: Service, layer: Layer, version: int, z: int, x: int, y: int) -> None:
    """Of a tile, the places of its features count: a tile seen from afar is wide and nearly
    empty. Raises AreaSpent."""
    plan = plan_of(service.store, service.registry, layer, version)
    keys = tuple(plan.node(z, x, y).keys.tolist())
    found = rows(service.store, LayerQuery(layer=layer, when=plan.instant, keys=keys, fields=()))
    taken_shapes(layer, found.geometry, STORAGE_EPSG)
