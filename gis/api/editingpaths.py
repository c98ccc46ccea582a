"""How the OpenAPI document names editing: what is sent, what comes back, and how it is refused.

Only for layers that are edited here, and for alerts, whose state alone is. `/live` is not in it:
an answer without end is nothing OpenAPI has words for.
"""

from __future__ import annotations

from typing import Any

from gis.api.casefile import ALERTS
from gis.api.providers.features import schema_of
from gis.layers import Layer, Registry

JSON, GEOJSON, MERGE_PATCH = (
    "application/json", "application/geo+json", "application/merge-patch+json",
)  # fmt: skip
CLASSES = tuple(
    f"http://www.opengis.net/spec/ogcapi-features-4/1.0/conf/{name}"
    for name in ("create-replace-delete", "update", "optimistic-locking-etags")
)
REFUSALS = {
    "400": "InvalidParameter",
    "401": "Unauthorized",
    "403": "Forbidden",
    "404": "NotFound",
    "409": "Conflict: the business key is there already. 编号已存在",
    "412": "Somebody else has changed it meanwhile. 已被他人改动",
    "415": "Unsupported media type",
    "422": "The checks of the layer refuse it; `reasons` says why. 检查未通过",
    "428": "If-Match is missing. 缺少 If-Match",
    "503": "Busy",
}
CONTENT_CRS = {
    "name": "Content-Crs",
    "in": "header",
    "required": False,
    "description": "System of the geometry, <URI>; CRS84 where absent. 几何的坐标系",
    "schema": {"type": "string"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "required": True,
    "description": "The ETag that came with the feature. 读取该要素时得到的 ETag",
    "schema": {"type": "string"},
}
FEATURE_ID = {"name": "featureId", "in": "path", "required": True, "schema": {"type": "integer"}}
EDITED = {
    "type": "object",
    "properties": {
        "id": {"type": "integer"},
        "version": {"type": "integer"},
        "delivery": {"type": "integer", "description": "gis deliveries undo takes it back"},
        "change": {"type": "string", "enum": ["new", "changed", "unchanged", "closed"]},
        "as_of": {"type": "string", "format": "date-time"},
        "warnings": {"type": "object", "additionalProperties": {"type": "integer"}},
    },
}


def add_editing(paths: dict[str, Any], registry: Registry) -> None:
    """Put the operations that edit into the document's paths."""
    for layer in registry.layers.values():
        items, one = (f"/collections/{layer.id}/items{rest}" for rest in ("", "/{featureId}"))
        if layer.editable:
            _add_create(paths[items]["post"], layer, registry)
            paths[one] |= _changes(layer, registry)
        elif layer.id == ALERTS:
            paths[one]["patch"] = _operation(
                layer, "work_on", "办理线索 Take an alert on",
                _body({MERGE_PATCH: _step(layer, registry)}), IF_MATCH,
            )  # fmt: skip


def _add_create(post: dict[str, Any], layer: Layer, registry: Registry) -> None:
    """The same address finds by a filter, or creates, by the kind of what is sent."""
    post["summary"] += "; or a new feature (application/geo+json) 或新建要素"
    content = dict(post["requestBody"]["content"])
    content[GEOJSON] = {"schema": _feature(layer, registry)}
    post["requestBody"] = {"required": True, "content": content}
    post["parameters"] = [*post["parameters"], CONTENT_CRS]
    post["responses"] = (
        post["responses"] | {"201": _done("Created. 已新建")} | _refusals("428", "412")
    )


def _changes(layer: Layer, registry: Registry) -> dict[str, Any]:
    feature = _feature(layer, registry)
    part = {"type": "object", "properties": feature["properties"]}
    return {
        "put": _operation(
            layer, "replace", "替换要素 Replace the feature", _body({GEOJSON: feature}),
            IF_MATCH, CONTENT_CRS,
        ),
        "patch": _operation(
            layer, "update", "修改要素 Change some of the feature", _body({MERGE_PATCH: part}),
            IF_MATCH, CONTENT_CRS,
        ),
        "delete": _operation(layer, "end", "删除要素（历史保留）End the feature", None, IF_MATCH),
    }  # fmt: skip


def _operation(
    layer: Layer, name: str, summary: str, body: dict[str, Any] | None, *headers: dict[str, Any]
) -> dict[str, Any]:
    operation = {
        "summary": summary,
        "operationId": f"{name}_{layer.id}",
        "tags": [layer.id],
        "parameters": [FEATURE_ID, *headers],
        "responses": {"200": _done(summary)} | _refusals(),
    }
    return operation if body is None else operation | {"requestBody": body}


def _feature(layer: Layer, registry: Registry) -> dict[str, Any]:
    fields = {field.name: schema_of(field, registry) for field in layer.fields}
    required = [f.name for f in layer.fields if f.required or f.name in layer.key]
    return {
        "type": "object",
        "required": ["type", "properties", "geometry"],
        "properties": {
            "type": {"type": "string", "enum": ["Feature"]},
            "properties": {"type": "object", "properties": fields, "required": required},
            "geometry": {"type": "object"},
        },
    }


def _step(layer: Layer, registry: Registry) -> dict[str, Any]:
    known = {
        "state": schema_of(layer.field("state"), registry),
        "note": {"type": "string"},
        "assignee": {"type": "string"},
        "due_on": {"type": "string", "format": "date"},
    }
    return {
        "type": "object",
        "required": ["properties"],
        "properties": {"properties": {"type": "object", "properties": known}},
    }


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {
        "required": True,
        "content": {media: {"schema": schema} for media, schema in content.items()},
    }


def _done(words: str) -> dict[str, Any]:
    return {"description": words, "content": {JSON: {"schema": EDITED}}}


def _refusals(*without: str) -> dict[str, Any]:
    schema = {"schema": {"$ref": "#/components/schemas/exception"}}
    return {
        status: {"description": words, "content": {JSON: schema}}
        for status, words in REFUSALS.items()
        if status not in without
    }
