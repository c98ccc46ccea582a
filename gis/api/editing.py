"""Editing over HTTP: OGC API Features Part 4, for layers whose definition says `editable: true`.

Each edit is a delivery of one row (`gis.ingest.editing`). Whoever may not see a layer gets 404,
whoever may not change it 401 or 403, and a layer nobody edits here 405.
"""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import orjson
import shapely
from shapely.geometry.base import BaseGeometry
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gis.api import alertwork
from gis.api.access import Caller, caller, may_write, record, require_write
from gis.api.answers import JSON, answer, base_url
from gis.api.axes import STORAGE_EPSG, Axes, axes_of, flip
from gis.api.bodies import read_body
from gis.api.casefile import ALERTS
from gis.api.failures import exception
from gis.api.parameters import single
from gis.api.preconditions import version_tag, wanted_versions
from gis.api.refusals import Refused, no_feature
from gis.api.service import service_of
from gis.coords import STORAGE, from_epsg
from gis.ingest.editing import (
    Draft,
    Edited,
    Rejected,
    Sender,
    Target,
    amend,
    create,
    remove,
    replace,
)
from gis.layers import Layer, Registry
from gis.store.current import Current

MOST_BYTES = 5_000_000
GEOJSON, MERGE_PATCH = "application/geo+json", "application/merge-patch+json"
# what an answer holds beside the fields, and a client that sends it back need not take out
OF_ANSWERS = ("valid_from", "valid_to", "latest_value", "latest_time")
READ, CREATE, CHANGE = ("GET", "HEAD", "OPTIONS"), ("POST",), ("PUT", "PATCH", "DELETE")
Work = Callable[[Request, bytes], Response]


class NoEditing(Refused):
    """The layer is read only here."""

    http_status = 405


class OtherMedia(Refused):
    """A body of another kind."""

    http_status = 415


def routes(find: Callable[[Request], Awaitable[Response]]) -> list[Route]:
    """The addresses of this module; `find`: what else is asked by POST …/items."""
    items, one = "/collections/{layer}/items", "/collections/{layer}/items/{key}"
    return [
        Route(items, _created_or(find), methods=["POST"]),
        Route(items, get_options, methods=["OPTIONS"]),
        Route(one, _with_body(put_item), methods=["PUT"]),
        Route(one, _with_body(patch_item), methods=["PATCH"]),
        Route(one, _with_body(delete_item), methods=["DELETE"]),
        Route(one, get_options, methods=["OPTIONS"]),
    ]


def post_item(request: Request, body: bytes) -> Response:
    """`POST /collections/{layer}/items` with a GeoJSON Feature: a new feature."""
    layer, who = _editable(request)
    feature, axes = _feature(body), _axes(request)
    done = _done(
        request, layer,
        lambda: create(
            service_of(request).store, _whole_registry(request), layer, _draft(feature, axes),
            _sender(request, who, body),
        ),
    )  # fmt: skip
    return done if isinstance(done, Response) else _told(request, layer, done, 201)


def put_item(request: Request, body: bytes) -> Response:
    """`PUT …/items/{key}` with a GeoJSON Feature: the feature, whole."""
    layer, who = _editable(request)
    target = _target(request, layer)
    _refuse_media(request, (GEOJSON, JSON))
    feature, axes = _feature(body), _axes(request)
    if "id" in feature and str(feature["id"]) != str(target.key):
        raise Refused(
            zh=f"要素的 id {feature['id']} 与地址中的 {target.key} 不符",
            en=f"the feature's id {feature['id']} is not that of the address, {target.key}",
        )
    done = _done(
        request, layer,
        lambda: replace(
            service_of(request).store, _whole_registry(request), target, _draft(feature, axes),
            _sender(request, who, body),
        ),
    )  # fmt: skip
    return done if isinstance(done, Response) else _told(request, layer, done, 200)


def patch_item(request: Request, body: bytes) -> Response:
    """`PATCH …/items/{key}` with a JSON merge patch (RFC 7396) of the GeoJSON Feature."""
    if request.path_params["layer"] == ALERTS:
        return alertwork.patch_alert(request, body)
    layer, who = _editable(request)
    target = _target(request, layer)
    _refuse_media(request, (MERGE_PATCH, GEOJSON, JSON))
    patch, axes = _object(body), _axes(request)
    done = _done(
        request, layer,
        lambda: amend(
            service_of(request).store, _whole_registry(request), target,
            _sender(request, who, body), lambda now: _patched(now, patch, axes),
            keeps_place="geometry" not in patch,
        ),
    )  # fmt: skip
    return done if isinstance(done, Response) else _told(request, layer, done, 200)


def delete_item(request: Request, body: bytes) -> Response:
    """`DELETE …/items/{key}`: the feature ends now; its past stays."""
    layer, who = _editable(request)
    target = _target(request, layer)
    sent = body or f"{target.layer.id}/{target.key}".encode()
    by = _sender(request, who, sent)
    done = _done(request, layer, lambda: remove(service_of(request).store, target, by))
    return done if isinstance(done, Response) else _told(request, layer, done, 200)


def get_options(request: Request) -> Response:
    """`OPTIONS …/items`, `…/items/{key}`: what the caller may do there."""
    layer = service_of(request).registry.get(request.path_params["layer"])
    headers = {"Allow": ", ".join(allowed(caller(request), layer, "key" in request.path_params))}
    if "POST" in headers["Allow"]:
        headers["Accept-Post"] = f"{GEOJSON}, {JSON}"
    if "PATCH" in headers["Allow"]:
        headers["Accept-Patch"] = MERGE_PATCH
    return Response(status_code=204, headers=headers)


def allowed(who: Caller, layer: Layer, one: bool) -> tuple[str, ...]:
    """The methods there are for the caller, on one feature or on all of a layer."""
    if layer.id == ALERTS:
        return (*READ, "PATCH") if one and who.officer else (*READ, *(() if one else CREATE))
    edits = layer.editable and may_write(who, layer)
    if one:
        return (*READ, *CHANGE) if edits else READ
    return (*READ, *CREATE)  # a filter is posted as well


# --- the request -------------------------------------------------------------------------------


def _created_or(find: Callable[[Request], Awaitable[Response]]) -> Any:
    """`POST …/items` creates where a Feature is sent, and else finds (a filter in CQL2 JSON)."""

    async def endpoint(request: Request) -> Response:
        if _media(request) != GEOJSON:
            return await find(request)
        body = await read_body(request, MOST_BYTES)
        return await run_in_threadpool(post_item, request, body)

    endpoint.__name__ = "post_items"
    return endpoint


def _with_body(work: Work) -> Any:
    async def endpoint(request: Request) -> Response:
        body = await read_body(request, MOST_BYTES)
        return await run_in_threadpool(work, request, body)

    endpoint.__name__ = work.__name__
    return endpoint


def _editable(request: Request) -> tuple[Layer, Caller]:
    """The layer and who changes it. Raises UnknownLayer, NoEditing, NotKnown, Forbidden."""
    single(request.query_params, ())
    layer = service_of(request).registry.get(request.path_params["layer"])
    if not layer.editable:
        raise NoEditing(
            zh=f"图层 {layer.id} 不能在线编辑（图层定义未设 editable: true）；请用 gis ingest 交付",
            en=f"layer {layer.id} is not edited over HTTP (its definition has no editable: true); "
            f"deliver a file with gis ingest",
            layer=layer.id,
        )
    return layer, require_write(request, layer)


def _target(request: Request, layer: Layer) -> Target:
    key = request.path_params["key"]
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise no_feature(layer.id, key[:80])
    return Target(layer=layer, key=int(key), versions=wanted_versions(request))


def _whole_registry(request: Request) -> Registry:
    """All layers: a check asks what it needs, whoever sends the row."""
    return cast(Registry, request.scope["state"]["access"].registry)


def _sender(request: Request, who: Caller, body: bytes) -> Sender:
    kind, _, name = who.name.partition(":")
    return Sender(
        person=who.name,
        department=name if kind == "key" and name else None,
        source=f"{request.method} {request.url.path}",
        digest=hashlib.sha256(body).hexdigest(),
    )


def _axes(request: Request) -> Axes:
    given = request.headers.get("content-crs")
    text = None if given is None else given.strip().removeprefix("<").removesuffix(">")
    return axes_of("Content-Crs", text, service_of(request).registry.city)


def _media(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _refuse_media(request: Request, known: tuple[str, ...]) -> None:
    media = _media(request)
    if media and media not in known:
        raise OtherMedia(
            zh=f"请求体不能是 {media[:80]}；可用：{'、'.join(known)}",
            en=f"the body can't be {media[:80]}; it is one of {', '.join(known)}",
        )


def _object(body: bytes) -> dict[str, Any]:
    try:
        document = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise Refused(
            zh=f"请求体不是 JSON：{exc.msg}（第 {exc.pos} 个字节）",
            en=f"the body is no JSON: {exc.msg} (at byte {exc.pos})",
        ) from exc
    if not isinstance(document, dict):
        raise _no_feature_sent()
    return document


def _feature(body: bytes) -> dict[str, Any]:
    document = _object(body)
    if document.get("type") != "Feature":
        raise _no_feature_sent()
    return document


def _no_feature_sent() -> Refused:
    return Refused(
        zh='请求体应为一个 GeoJSON 要素（"type": "Feature"，一次一个）；多个请用 gis ingest',
        en='the body is one GeoJSON Feature ("type": "Feature"); deliver several with gis ingest',
    )


def _draft(feature: Mapping[str, Any], axes: Axes) -> Draft:
    properties = feature.get("properties") or {}
    if not isinstance(properties, dict):
        raise Refused(
            zh="properties 应为一组键值", en="properties is an object of names and values"
        )
    return Draft(
        properties={n: v for n, v in properties.items() if n not in OF_ANSWERS},
        geometry=_shape(feature.get("geometry"), axes),
        frame=STORAGE if axes.epsg == STORAGE_EPSG else from_epsg(axes.epsg),
    )


def _shape(geometry: Any, axes: Axes) -> BaseGeometry | None:
    """A GeoJSON geometry, east or longitude first whatever the system's order is."""
    if geometry is None:
        return None
    try:
        if axes.north_first and isinstance(geometry, dict):
            flip(geometry)
        shape: BaseGeometry = shapely.from_geojson(orjson.dumps(geometry))
    except (shapely.errors.GEOSException, TypeError, IndexError, orjson.JSONEncodeError) as exc:
        raise Refused(
            zh="geometry 不是有效的 GeoJSON 几何", en="geometry is no GeoJSON geometry"
        ) from exc
    return shape


def _patched(now: Current, patch: Mapping[str, Any], axes: Axes) -> Draft:
    """What is there, with the patch laid over it."""
    known: dict[str, Any] = {"properties": dict(now.columns)}
    if "geometry" in patch:
        known["geometry"] = {"type": now.geometry.geom_type}
    draft = _draft(merge_patch(known, patch), axes)
    if "geometry" in patch:
        return draft
    return Draft(properties=draft.properties, geometry=now.geometry, frame=STORAGE)


def merge_patch(target: Any, patch: Any) -> Any:
    """RFC 7396: `patch` over `target`; null takes out, objects are merged, all else replaces."""
    if not isinstance(patch, dict):
        return patch
    merged = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            merged.pop(name, None)
        else:
            merged[name] = merge_patch(merged.get(name), value)
    return merged


# --- the answer --------------------------------------------------------------------------------


def _done(request: Request, layer: Layer, work: Callable[[], Edited]) -> Edited | Response:
    """What came of an edit, or the answer that says which checks it did not pass."""
    try:
        done = work()
    except Rejected as error:
        body = exception(error) | {"reasons": list(error.reasons)}
        return answer(request, orjson.dumps(body), JSON, status=error.http_status, cache="no-store")
    record(request, "edit", f"{layer.id}/{done.key}", delivery=done.delivery, change=done.change)
    return done


def _told(request: Request, layer: Layer, done: Edited, status: int) -> Response:
    base = base_url(request, service_of(request).settings.public_url)
    body = {
        "id": done.key,
        "version": done.version,
        "change": done.change,
        "delivery": done.delivery,
        "as_of": done.as_of,
        "warnings": dict(done.warnings),
    }
    headers = {"Cache-Control": "no-store"}
    if status == 201:
        headers["Location"] = f"{base}/collections/{layer.id}/items/{done.key}"
    if done.change != "closed":
        headers["ETag"] = version_tag(done.version)
    return Response(orjson.dumps(body), status_code=status, media_type=JSON, headers=headers)
