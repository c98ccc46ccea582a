"""Vector tiles: of one layer, and of several in one tile, in any of our tile matrix sets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gis.api.answers import CHECK_AGAIN, Packed, answer, pack, packed_answer
from gis.api.config import MVT
from gis.api.filtering import FILTER, read_filter
from gis.api.limits import taken_box
from gis.api.parameters import single, truth
from gis.api.refusals import bad_value, no_grid, no_number, unknown_parameter
from gis.api.service import Service, service_of
from gis.api.tilecache import TileCache, Version
from gis.api.tileversions import Newest
from gis.coords.matrixsets import MATRIX_SETS, MatrixSet
from gis.layers import City, Layer, Registry
from gis.store import Instant, Store, When, parse_datetime
from gis.store.filters import Node
from gis.store.vectortiles import EXACT_FROM, TileQuery, make_tile, touched_since, versions_at
from gis.tiles.mvtlayers import known_fields

CONTENT = ("datetime", "properties", "labels", *FILTER)  # what changes what is in a tile
ONE, SEVERAL = ("f", *CONTENT), ("f", "collections", *CONTENT)


@dataclass(frozen=True, slots=True)
class TilesAsked:
    """What is to be in a tile, wherever it lies. `given`: the same as it was asked, for links and
    as a name; `fields`: None = those of the layer."""

    when: When
    filter: Node | None
    fields: tuple[str, ...] | None
    labels: bool
    given: tuple[tuple[str, str], ...]

    @property
    def name(self) -> bytes:
        """What stands for the content in the cache: time is in the version, fields in the key."""
        told = [pair for pair in self.given if pair[0] not in ("datetime", "properties")]
        return hashlib.blake2b(orjson.dumps(told), digest_size=16).digest()

    @property
    def has_version(self) -> bool:
        """Whether what is in it follows from the deliveries alone. When a past version ended
        may become known later."""
        ended = any(name == "filter" and "valid_to" in text for name, text in self.given)
        return self.when is None or (isinstance(self.when, Instant) and not ended)


def routes() -> list[Route]:
    """The addresses of vector tiles."""
    place = "tiles/{grid}/{z}/{row}/{col}"
    return [
        Route(f"/collections/{{layer}}/{place}", get_tile),
        Route(f"/{place}", get_dataset_tile),
    ]


def get_tile(request: Request) -> Response:
    """`GET /collections/{layer}/tiles/{grid}/{z}/{row}/{col}`: 204 where empty."""
    service = service_of(request)
    layer = service.registry.get(request.path_params["layer"])
    given = single(request.query_params, ONE)
    return _tile(request, service, (layer,), read_content(given, service, (layer,)))


def get_dataset_tile(request: Request) -> Response:
    """`GET /tiles/{grid}/{z}/{row}/{col}?collections=`: several layers in one tile."""
    service = service_of(request)
    given = single(request.query_params, SEVERAL)
    layers = read_collections(given, service.registry)
    return _tile(request, service, layers, read_content(given, service, layers))


def read_collections(given: Mapping[str, str], registry: Registry) -> tuple[Layer, ...]:
    """`collections=a,b`, each once; all where it is not given. Raises LayerError, Refused."""
    text = given.get("collections")
    if text is None:
        return tuple(registry.layers.values())
    names = dict.fromkeys(name.strip() for name in text.split(",") if name.strip())
    if not names:
        raise bad_value(
            "collections", text, "应为图层名，逗号分隔", "it is names of layers with commas"
        )
    return tuple(registry.get(name) for name in names)


def read_content(given: Mapping[str, str], service: Service, layers: Sequence[Layer]) -> TilesAsked:
    """What the parameters ask to be in tiles of `layers`. Raises Refused, LayerError."""
    text = given.get("datetime", "").strip()
    return TilesAsked(
        when=parse_datetime(text, service.timezone) if text else None,
        filter=_filter(given, service.registry.city),
        fields=_fields(given.get("properties"), layers),
        labels=truth("labels", given.get("labels", "")),
        given=tuple((name, given[name]) for name in CONTENT if given.get(name)),
    )


def read_grid(name: str) -> MatrixSet:
    """The tile matrix set of that name. Raises NotThere."""
    found = MATRIX_SETS.get(name)
    if found is None:
        raise no_grid(name, MATRIX_SETS)
    return found


def _filter(given: Mapping[str, str], city: City) -> Node | None:
    return read_filter({name: text for name, text in given.items() if text}, city)


def _fields(text: str | None, layers: Sequence[Layer]) -> tuple[str, ...] | None:
    """`properties=a,b`: each name is one of some layer's."""
    if text is None:
        return None
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if not any(name in known_fields(layer) for layer in layers):
            known = dict.fromkeys(f for layer in layers for f in known_fields(layer))
            raise unknown_parameter(name, ("properties",), known)
    return names


def _tile(
    request: Request, service: Service, layers: tuple[Layer, ...], asked: TilesAsked
) -> Response:
    words = request.path_params
    grid = read_grid(words["grid"])
    if request.query_params.get("f", "mvt") not in ("mvt", "pbf"):
        raise no_grid(words["grid"], MATRIX_SETS)
    z, row, col = (read_index(words[name]) for name in ("z", "row", "col"))
    queries = tuple(
        TileQuery(
            layer=layer, grid=grid, z=z, x=col, y=row, when=asked.when, filter=asked.filter,
            labels=asked.labels, fields=_of(layer, asked.fields),
        )
        for layer in layers
    )  # fmt: skip
    versions = cache(lambda: _versions(request, service.store, layers, asked))
    found = [_packed(request.app.state.tiles, service.store, q, asked, versions) for q in queries]
    for q, packed in zip(queries, found, strict=True):
        if packed.body and z >= EXACT_FROM:  # below, corners are left out: no large-scale map
            taken_box(q.layer, grid.box(z, col, row))
    full = [packed for packed in found if packed.body]
    if not full:
        return Response(status_code=204, headers={"Cache-Control": CHECK_AGAIN})
    if len(full) == 1:
        return packed_answer(request, full[0], MVT)
    return answer(request, b"".join(packed.plain() for packed in full), MVT)


def _versions(
    request: Request, store: Store, layers: Sequence[Layer], asked: TilesAsked
) -> Mapping[str, int]:
    """Layer id -> the delivery whose state is asked for."""
    if asked.when is None:
        newest: Newest = request.app.state.newest
        return newest.versions()
    return versions_at(store, layers, asked.when)


def _packed(
    kept: TileCache,
    store: Store,
    q: TileQuery,
    asked: TilesAsked,
    versions: Callable[[], Mapping[str, int]],
) -> Packed:
    """From the cache where the layer's state is named by its version: neither an interval nor
    readings, which come without a delivery, are."""
    if not asked.has_version or q.layer.latest_of is not None:
        return pack(make_tile(store, q).data)

    def version() -> Version:
        return (versions().get(q.layer.id, 0),)

    def build() -> tuple[bytes, Version]:
        made = make_tile(store, q)
        return made.data, (made.version or 0,)

    def still_good(earlier: Version) -> bool:
        return not touched_since(store, q, earlier[0])

    key = (q.layer.id, q.grid.id, q.z, q.x, q.y, q.fields, asked.name)
    return kept.get_versioned(key, version, build, still_good if q.when is None else None)


def _of(layer: Layer, fields: tuple[str, ...] | None) -> tuple[str, ...] | None:
    """Of several layers each gives those it has."""
    return None if fields is None else tuple(f for f in fields if f in known_fields(layer))


def read_index(text: str) -> int:
    """A whole number of an address. Raises NotThere."""
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise no_number(text)
    return int(text)
