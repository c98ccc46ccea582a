"""The images as a STAC catalogue (STAC 1.1, STAC API 1.0 core, collections, features, item
search), from the store: nothing is written beforehand."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from urllib.parse import quote, urlencode
from zoneinfo import ZoneInfo

import orjson
import shapely
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gis.api.answers import CHECK_AGAIN, GEOJSON, JSON, answer, base_url, json_answer
from gis.api.bodies import read_body
from gis.api.imagery import COG, FILES, HERE
from gis.api.parameters import single
from gis.api.refusals import NotThere, bad_value, unknown_parameter
from gis.api.service import service_of
from gis.api.shelf import LAYER, Shown, imagery_layer, one_image, shelf_of
from gis.api.stacsearch import Wanted, read_json, read_wanted
from gis.coords.matrixsets import WEB_MERCATOR
from gis.layers import Layer

STAC, API = "1.1.0", "https://api.stacspec.org/v1.0.0"
EXTENSIONS = (
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/file/v2.1.0/schema.json",
    "https://stac-extensions.github.io/web-map-links/v1.2.0/schema.json",
)
CONFORMS = (
    f"{API}/core",
    f"{API}/collections",
    f"{API}/ogcapi-features",
    f"{API}/item-search",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/core",
    "http://www.opengis.net/spec/ogcapi-features-1/1.0/conf/geojson",
)
MOST_BODY = 1_000_000  # bytes
SEARCH = ("ids", "collections", "bbox", "intersects", "datetime", "limit", "token")
ITEMS = ("bbox", "datetime", "limit", "token")


def routes() -> list[Route]:
    """The addresses of this module."""
    one = f"/stac/collections/{LAYER}"
    return [
        Route("/stac", get_catalog),
        Route("/stac/conformance", get_stac_conformance),
        Route("/stac/collections", get_stac_collections),
        Route(one, get_stac_collection),
        Route(f"{one}/items", get_stac_items),
        Route(f"{one}/items/{{image}}", get_stac_item),
        Route("/stac/search", get_stac_search),
        Route("/stac/search", post_stac_search, methods=["POST"]),
    ]


def get_catalog(request: Request) -> Response:
    """`GET /stac`: the catalogue; without the images for who may not see them."""
    single(request.query_params, ("f",))
    base, city = _base(request), service_of(request).registry.city.name
    links = [
        _link("self", JSON, f"{base}/stac"),
        _link("root", JSON, f"{base}/stac"),
        _link("conformance", JSON, f"{base}/stac/conformance"),
        _link("data", JSON, f"{base}/stac/collections"),
        _link("search", GEOJSON, f"{base}/stac/search") | {"method": "GET"},
        _link("search", GEOJSON, f"{base}/stac/search") | {"method": "POST"},
        _link("service-desc", "application/vnd.oai.openapi+json;version=3.0", f"{base}/openapi"),
        _link("service-doc", "text/html", f"{base}/openapi?f=html"),
    ]
    if LAYER in service_of(request).registry.layers:
        links.append(_link("child", JSON, f"{base}/stac/collections/{LAYER}"))
    document = {
        "type": "Catalog",
        "stac_version": STAC,
        "id": "onemap",
        "title": f"{city.zh}影像 Imagery of {city.en}",
        "description": f"{city.zh}一张图的影像 / images of the One Map of {city.en}",
        "conformsTo": CONFORMS,
        "links": links,
    }
    return json_answer(request, document)


def get_stac_conformance(request: Request) -> Response:
    """`GET /stac/conformance`."""
    single(request.query_params, ("f",))
    return json_answer(request, {"conformsTo": CONFORMS})


def get_stac_collections(request: Request) -> Response:
    """`GET /stac/collections`: the one there is, or none."""
    single(request.query_params, ("f",))
    base = _base(request)
    there = LAYER in service_of(request).registry.layers
    document = {
        "collections": [_collection(request)] if there else [],
        "links": [
            _link("self", JSON, f"{base}/stac/collections"),
            _link("root", JSON, f"{base}/stac"),
        ],
    }
    return json_answer(request, document)


def get_stac_collection(request: Request) -> Response:
    """`GET /stac/collections/imagery`."""
    single(request.query_params, ("f",))
    return json_answer(request, _collection(request))


def get_stac_items(request: Request) -> Response:
    """`GET /stac/collections/imagery/items`: bbox, datetime, limit."""
    imagery_layer(request)
    given = single(request.query_params, ("f", *ITEMS))
    wanted = read_wanted(given, service_of(request))
    return _page(request, wanted, given, f"/stac/collections/{LAYER}/items")


def get_stac_item(request: Request) -> Response:
    """`GET /stac/collections/imagery/items/{image}`."""
    single(request.query_params, ("f",))
    found = one_image(request, request.path_params["image"])
    if found.image.taken_on is None:
        raise NotThere(
            zh=f"影像 {found.image.id} 没有日期，不在 STAC 目录中",
            en=f"image {found.image.id} has no date and is not in the STAC catalogue",
            image=found.image.id,
        )
    return answer(request, orjson.dumps(_item(request, found, found.image.taken_on)), GEOJSON)


def get_stac_search(request: Request) -> Response:
    """`GET /stac/search`."""
    given: dict[str, Any] = dict(single(request.query_params, ("f", *SEARCH)))
    for name in ("ids", "collections"):
        if name in given:
            given[name] = [one for one in given[name].split(",") if one]
    if "intersects" in given:
        given["intersects"] = read_json("intersects", given["intersects"])
    return _page(request, read_wanted(given, service_of(request)), given, "/stac/search")


async def post_stac_search(request: Request) -> Response:
    """`POST /stac/search`: the same as JSON."""
    given = read_json("body", (await read_body(request, MOST_BODY)).decode("utf-8", "replace"))
    if not isinstance(given, dict):
        raise bad_value("body", str(given), "应为 JSON 对象", "it is a JSON object")
    for name in given:
        if name not in SEARCH:
            raise unknown_parameter(str(name), SEARCH)

    def answered() -> Response:
        wanted = read_wanted(given, service_of(request))
        return _page(request, wanted, given, "/stac/search", posted=True)

    return await run_in_threadpool(answered)


def _page(
    request: Request, wanted: Wanted, given: Mapping[str, Any], path: str, *, posted: bool = False
) -> Response:
    """A page of items, newest first; none where the caller may not see images."""
    there = LAYER in service_of(request).registry.layers
    matched = [one for one in shelf_of(request)[1] if wanted.takes(one)] if there else []
    shown = matched[wanted.token : wanted.token + wanted.limit]
    base = _base(request)
    links = [_link("root", JSON, f"{base}/stac"), _link("self", GEOJSON, f"{base}{path}")]
    after = wanted.token + wanted.limit
    if after < len(matched):
        links.append(_next(f"{base}{path}", {**given, "token": str(after)}, posted))
    document = {
        "type": "FeatureCollection",
        "features": [
            _item(request, one, one.image.taken_on) for one in shown if one.image.taken_on
        ],
        "numberMatched": len(matched),
        "numberReturned": len(shown),
        "links": links,
    }
    return answer(request, orjson.dumps(document), GEOJSON, cache=CHECK_AGAIN)


def _next(href: str, given: Mapping[str, Any], posted: bool) -> dict[str, Any]:
    if posted:
        return _link("next", GEOJSON, href) | {"method": "POST", "body": dict(given)}
    words = {
        name: ",".join(value)
        if isinstance(value, list)
        else value
        if isinstance(value, str)
        else orjson.dumps(value).decode()
        for name, value in given.items()
    }
    return _link("next", GEOJSON, f"{href}?{urlencode(words, safe=',/:', quote_via=quote)}")


def _collection(request: Request) -> dict[str, Any]:
    layer: Layer = imagery_layer(request)
    _, found = shelf_of(request)
    dated = [one for one in found if one.image.taken_on is not None]
    service, base = service_of(request), _base(request)
    here = f"{base}/stac/collections/{LAYER}"
    boxes = [one.image.outline.bounds for one in dated] or [service.registry.city.bbox]
    sides = list(zip(*boxes, strict=True))
    box = [min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])]
    days = sorted(one.image.taken_on for one in dated if one.image.taken_on is not None)
    interval = (
        [_span(days[0], service.timezone)[0], _span(days[-1], service.timezone)[1]]
        if days
        else [None, None]
    )
    return {
        "type": "Collection",
        "stac_version": STAC,
        "id": LAYER,
        "title": f"{layer.title.zh} {layer.title.en}",
        "description": f"{layer.owner.zh} {layer.owner.en}: {layer.title.zh} {layer.title.en}",
        "license": "other",
        "extent": {"spatial": {"bbox": [box]}, "temporal": {"interval": [interval]}},
        "summaries": {
            "gsd": sorted({one.image.gsd_m for one in dated if one.image.gsd_m is not None}),
            "onemap:kind": sorted({one.image.kind for one in dated}),
        },
        "links": [
            _link("self", JSON, here),
            _link("root", JSON, f"{base}/stac"),
            _link("parent", JSON, f"{base}/stac"),
            _link("items", GEOJSON, f"{here}/items"),
            _link("http://www.opengis.net/def/rel/ogc/1.0/tilesets-map", JSON, f"{base}{HERE}"),
        ],
    }


def _item(request: Request, one: Shown, day: date) -> dict[str, Any]:
    image, base, service = one.image, _base(request), service_of(request)
    start, end = _span(day, service.timezone)
    here = f"{base}/stac/collections/{LAYER}"
    links = [
        _link("self", GEOJSON, f"{here}/items/{quote(image.id, safe='')}"),
        _link("root", JSON, f"{base}/stac"),
        _link("parent", JSON, here),
        _link("collection", JSON, here),
    ]
    if one.picture is not None:
        style = "&style=hillshade" if image.kind == "dsm" else ""
        tiles = f"{base}{HERE}/{WEB_MERCATOR.id}/{{z}}/{{y}}/{{x}}"
        links.append(_link("xyz", "image/webp", f"{tiles}?f=webp&datetime={day}/{day}{style}"))
    properties = {
        "datetime": start,
        "start_datetime": start,
        "end_datetime": end,
        "created": _utc(image.registered),
        "gsd": image.gsd_m,
        "onemap:kind": image.kind,
        "onemap:source_file": image.name,
        "onemap:source_sha256": image.digest,
        "onemap:accuracy_m": image.stated_m,
        "onemap:sensor": image.sensor,
    }
    return {
        "type": "Feature",
        "stac_version": STAC,
        "stac_extensions": EXTENSIONS,
        "id": image.id,
        "collection": LAYER,
        "geometry": orjson.loads(shapely.to_geojson(shapely.set_precision(image.outline, 1e-8))),
        "bbox": list(image.outline.bounds),
        "properties": {name: value for name, value in properties.items() if value is not None},
        "links": links,
        "assets": _assets(one, base),
    }


def _assets(one: Shown, base: str) -> dict[str, Any]:
    if one.picture is None:
        return {}
    file = one.picture.file
    names = [name if name != "undefined" else f"band{i}" for i, name in enumerate(file.colours, 1)]
    band: dict[str, Any] = {"data_type": file.dtype}
    if file.nodata is not None:
        number = float(file.nodata)
        band["nodata"] = number if math.isfinite(number) else file.nodata
    return {
        "data": {
            "href": f"{base}{FILES}/{quote(one.image.id, safe='')}.tif",
            "type": COG,
            "roles": ["data"],
            "title": one.image.name,
            "proj:code": None if file.epsg is None else f"EPSG:{file.epsg}",
            "proj:shape": [file.size[1], file.size[0]],
            "proj:transform": list(file.transform),
            "file:size": file.bytes,
            "bands": [{"name": name, **band} for name in names],
        }
    }


def _span(day: date, timezone: str) -> tuple[str, str]:
    """The first and the last second of a day of the city."""
    start = datetime.combine(day, time(), ZoneInfo(timezone))
    return _utc(start), _utc(start + timedelta(days=1, seconds=-1))


def _utc(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _link(rel: str, media: str, href: str) -> dict[str, Any]:
    return {"rel": rel, "type": media, "href": href}


def _base(request: Request) -> str:
    return base_url(request, service_of(request).settings.public_url)
