"""The OpenAPI document, the conformance list and the queryables: pygeoapi's, made true and
complete in themselves.

pygeoapi promises half of CQL2 and editing for every collection, leaves out valid time, and refers
to schemas on other people's servers, which a department's network can't reach.
"""

from __future__ import annotations

import copy
from typing import Any

from pygeoapi.openapi import get_oas_30

from gis.api.axes import CRS84
from gis.api.downloads import FORMATS
from gis.api.editingpaths import CLASSES as EDITING_CLASSES
from gis.api.editingpaths import add_editing
from gis.api.filtering import LANGUAGES, computed
from gis.api.filtering import MOST_LETTERS as WORDS_LETTERS
from gis.api.jobspaths import CLASSES, execution, job_paths
from gis.api.ownpaths import TILE_PARAMETERS, own_paths
from gis.api.providers.features import schema_of
from gis.api.records import CLASSES as RECORD_CLASSES
from gis.api.service import SERVING, Service
from gis.layers import Layer, Registry
from gis.store.filters import MOST_LETTERS

FILTER_CLASSES = tuple(
    f"http://www.opengis.net/spec/{name}"
    for name in (
        *(f"ogcapi-features-3/1.0/conf/{n}" for n in ("filter", "features-filter")),
        *(
            f"cql2/1.0/conf/{n}"
            for n in (
                *("cql2-text", "cql2-json", "basic-cql2", "advanced-comparison-operators"),
                *("case-insensitive-comparison", "accent-insensitive-comparison"),
                *("basic-spatial-functions", "basic-spatial-functions-plus"),
                *("temporal-functions", "property-property", "arithmetic"),
            )
        ),
        "json-fg-1/0.3/conf/core",
        *(
            f"ogcapi-tiles-1/1.0/conf/{n}"
            for n in ("dataset-tilesets", "collections-selection", "datetime")
        ),
        *(
            f"ogcapi-styles-1/0.0/conf/{n}"
            for n in ("core", "json", "html", "mapbox-styles", "sld-11", "style-info")
        ),
        *(
            f"tms/2.0/conf/{n}"
            for n in (
                *("tilematrixset", "json-tilematrixset", "tilematrixsetlimits"),
                *("json-tilematrixsetlimits", "tilesetmetadata", "json-tilesetmetadata"),
            )
        ),
    )
)
JSON_SCHEMA = "https://json-schema.org/draft/2020-12/schema"
# Conformance classes that pygeoapi declares and we do not offer (yet), or not by its reader.
NOT_OURS = (
    "conf/job-list",  # of a list there are no types, times and durations to choose by
    *("advanced-property-roles", "cql2", "ogcapi-features-4", "ogcapi-records", "coverage"),
    "conf/callback",
)
DATETIME = {
    "name": "datetime",
    "in": "query",
    "required": False,
    "description": "Valid time: an instant gives the state then, an interval every version that "
    "overlaps it, nothing the state now. 有效时间：时刻为当时状态，区间为其间各版本，缺省为现在",
    "schema": {"type": "string"},
    "examples": {
        "day": {"value": "2024-05-20"},
        "instant": {"value": "2024-05-20T08:00:00+08:00"},
        "interval": {"value": "2023-01-01/2024-01-01"},
        "until": {"value": "../2024-01-01"},
    },
}
GRIDCODE = {
    "name": "gridcode",
    "in": "query",
    "required": False,
    "description": "Only what meets this BeiDou grid cell (GB/T 39409). 只要与该北斗网格相交的要素",
    "schema": {"type": "string"},
}
RESULTTYPE = {
    "name": "resulttype",
    "in": "query",
    "required": False,
    "description": "hits: only how many match. 只要数量",
    "schema": {"type": "string", "enum": ["results", "hits"], "default": "results"},
}
IDS = {
    "name": "feature-id",
    "in": "query",
    "required": False,
    "description": "version: id is the number of the version, unique where datetime is an "
    "interval. 要素编号或版本编号作为 id",
    "schema": {"type": "string", "enum": ["key", "version"], "default": "key"},
}
FILTERING: dict[str, dict[str, Any]] = {
    "filter": {
        "name": "filter",
        "in": "query",
        "required": False,
        "description": "Only where this CQL2 is true. 只要满足该 CQL2 条件的要素",
        "schema": {"type": "string", "maxLength": MOST_LETTERS},
        "example": "height_m > 60 AND S_INTERSECTS(geometry, BBOX(114.0,32.9,114.1,33.1))",
    },
    "filter-lang": {
        "name": "filter-lang",
        "in": "query",
        "required": False,
        "schema": {"type": "string", "enum": list(LANGUAGES), "default": "cql2-text"},
    },
    "filter-crs": {
        "name": "filter-crs",
        "in": "query",
        "required": False,
        "description": "System of the geometries in filter. 条件中几何的坐标系",
        "schema": {"type": "string", "format": "uri", "default": CRS84},
    },
}
PAGING: dict[str, dict[str, Any]] = {
    "q": {
        "name": "q",
        "in": "query",
        "required": False,
        "description": "Words with commas: what holds any of them. 逗号分隔的词，含其一即可",
        "schema": {"type": "string", "minLength": 1, "maxLength": WORDS_LETTERS},
    },
    "after": {
        "name": "after",
        "in": "query",
        "required": False,
        "description": "Go on behind a row; taken from a next link. 翻页标记，取自 next 链接",
        "schema": {"type": "string"},
    },
}
POST = {
    "summary": "Items by a filter in CQL2 JSON 按 CQL2 JSON 条件查询",
    "requestBody": {
        "required": True,
        "content": {"application/json": {"schema": {"type": "object"}}},
    },
}
SORTBY = {
    "name": "sortby",
    "in": "query",
    "required": False,
    "description": "Fields with commas; - before a name is descending. 按字段排序，- 为降序",
    "schema": {"type": "string"},
}
FEATURE_ID = {
    "name": "featureId",
    "in": "path",
    "required": True,
    "description": "The feature's number. 要素编号",
    "schema": {"type": "integer"},
}
SECURITY: dict[str, dict[str, str]] = {
    "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
    "bearer": {"type": "http", "scheme": "bearer"},
}
TILESETS = {
    "type": "object",
    "required": ["tilesets"],
    "properties": {
        name: {"type": "array", "items": {"type": "object"}} for name in ("tilesets", "links")
    },
}
EXCEPTION = {
    "type": "object",
    "required": ["code", "description"],
    "properties": {
        name: {"type": "string"} for name in ("type", "code", "description", "zh", "en")
    },
}
LIMIT: dict[str, Any] = {
    "name": "limit",
    "in": "query",
    "required": False,
    "schema": {"type": "integer", "minimum": 1, "maximum": 10_000, "default": 100},
}
FORM_PLAIN: dict[str, Any] = {
    "name": "f",
    "in": "query",
    "required": False,
    "schema": {"type": "string", "enum": ["json", "html"], "default": "json"},
}
# last part of a path -> what pygeoapi would read there; where there is no JSON-LD
NOT_READ = {"queryables": ("properties", "profile"), "openapi": ("ui",)}
PLAIN_PATHS = ("openapi", "conformance", "queryables", "schema", "tiles")
ITEM_PROPERTIES: dict[str, Any] = {
    "name": "properties",
    "in": "query",
    "required": False,
    "description": "Only these fields, with commas. 只要这些字段，逗号分隔",
    "schema": {"type": "string"},
}
# last part of an outside reference -> what stands for it here
PARAMETERS = {
    "featureId": FEATURE_ID,
    "datetime": DATETIME,
    "sortby.yaml": SORTBY,
    **{
        name: {"name": name, "in": "path", "required": True, "schema": {"type": kind}}
        for name, kind in (
            *(("tileMatrixSetId", "string"), ("tileMatrix", "string")),
            *(("tileRow", "integer"), ("tileCol", "integer")),
        )
    },
}
RESPONSES = {
    "LandingPage": ("application/json", "The document"),
    "Collection": ("application/json", "The collection"),
    "Collections": ("application/json", "The collections"),
    "Features": ("application/geo+json", "A page of features"),
    "Feature": ("application/geo+json", "A feature"),
    "ProcessList.yaml": ("application/json", "The processes"),
}


def openapi_document(service: Service, base: str) -> dict[str, Any]:
    """The OpenAPI document of a service as seen from `base`."""
    config = copy.deepcopy(service.config)
    config["server"]["url"] = base
    token = SERVING.set(service)
    try:
        document: dict[str, Any] = get_oas_30(config)
    finally:
        SERVING.reset(token)
    # pygeoapi's own jobs have other answers than ours
    paths = {p: o for p, o in document["paths"].items() if not p.startswith("/jobs")}
    document["paths"] = paths
    for path, operations in paths.items():
        _make_true(path, operations)
    paths |= own_paths(service.registry) | job_paths()
    document["components"]["schemas"]["exception"] = EXCEPTION
    document["components"]["schemas"]["tiles"] = TILESETS  # pygeoapi's is of a draft
    document["components"]["securitySchemes"] = SECURITY
    document["security"] = [{}, *({name: []} for name in SECURITY)]  # {}: public layers need none
    document["components"]["parameters"] |= FILTERING | PAGING | {"f-plain": FORM_PLAIN}
    for layer in service.registry.layers.values():
        _add_computed(paths[f"/collections/{layer.id}/items"], layer)
    add_editing(paths, service.registry)
    closed = _closed(document)
    assert isinstance(closed, dict)
    return closed


def conformance(document: dict[str, Any]) -> dict[str, Any]:
    """pygeoapi's list without what this server does not do."""
    kept = [uri for uri in document["conformsTo"] if not any(word in uri for word in NOT_OURS)]
    ours = {*CLASSES, *FILTER_CLASSES, *RECORD_CLASSES, *EDITING_CLASSES}
    return document | {"conformsTo": sorted({*kept, *ours})}


def _add_computed(operations: dict[str, Any], layer: Layer) -> None:
    more = [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in _computed(layer).items()
    ]
    for operation in operations.values():
        operation["parameters"] = [*operation.get("parameters", []), *more]


def _computed(layer: Layer) -> dict[str, dict[str, Any]]:
    """Name -> schema of what a filter may name besides the fields."""
    known = {
        "id": {"title": "编号 / Number", "type": "integer", "x-ogc-role": "id"},
        "valid_from": _moment("有效自 / Valid from"),
        "valid_to": _moment("有效至 / Valid to"),
        "latest_value": {"title": "最新值 / Latest value", "type": "number"},
        "latest_time": _moment("最新时间 / Latest time"),
    }
    return {name: known[name] for name in computed(layer)}


def _moment(title: str) -> dict[str, Any]:
    return {"title": title, "type": "string", "format": "date-time"}


def of_draft(document: dict[str, Any]) -> dict[str, Any]:
    """`$schema` and `$id` as Part 3 and Part 5 have them."""
    return {"$schema": JSON_SCHEMA, "$id": str(document["$id"]).partition("?")[0]}


def queryables(document: dict[str, Any], layer: Layer, registry: Registry) -> dict[str, Any]:
    """pygeoapi's list with titles and codes, and what else a filter may name."""
    fields = {field.name: schema_of(field, registry) for field in layer.fields}
    found = _computed(layer)
    named = {"id": found.pop("id"), **fields, **found}
    geometry = {"geometry": document["properties"]["geometry"]}
    return document | {
        **of_draft(document), "properties": geometry | named, "additionalProperties": False,
    }  # fmt: skip


def _make_true(path: str, operations: dict[str, Any]) -> None:
    operations.pop("options", None)
    if path.endswith("/execution"):
        execution(operations["post"])
        return
    operations.pop("post", None)
    get = operations.get("get", {})
    parameters = _offered(path, get.get("parameters", []))
    if path.endswith("/items"):
        parameters += [
            DATETIME,
            GRIDCODE,
            RESULTTYPE,
            IDS,
            *map(_shared, (*FILTERING, *PAGING)),
        ]
        for parameter in parameters:
            if parameter.get("name") == "f":
                parameter["schema"]["enum"] = ["json", "html", "jsonfg", "jsonld", *FORMATS]
    elif path.endswith(("/items/{featureId}", "/{tileCol}")):
        parameters.append(DATETIME)
        if path.endswith("Id}"):
            parameters += [_shared("skipGeometry"), ITEM_PROPERTIES]
        if path.endswith("/{tileCol}"):
            parameters += [*map(_shared, FILTERING), *TILE_PARAMETERS]
    elif path.endswith("/tiles"):
        parameters += [DATETIME, *map(_shared, FILTERING), *TILE_PARAMETERS]
    # what pygeoapi calls vendor-specific is any name at all; unknown names are refused here
    get["parameters"] = [p for p in parameters if not _names(p, "vendorSpecificParameters")]
    if path.endswith("/items"):
        also = [p for p in get["parameters"] if p.get("name") not in ("f", *FILTERING)]
        layer = path.split("/")[2]
        operations["post"] = POST | {
            "operationId": f"filter_{layer}",
            "tags": get.get("tags", []),
            "parameters": [p for p in also if not any(_names(p, n) for n in FILTERING)],
            "responses": get["responses"],
        }


def _offered(path: str, parameters: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without what pygeoapi reads only on other servers, and with the formats there are here."""
    last = path.rpartition("/")[2]
    linked = not path.startswith("/processes") and last not in PLAIN_PATHS
    form = _shared("f" if linked else "f-plain")
    kept = [p for p in parameters if p.get("name") not in NOT_READ.get(last, ())]
    if path == "/processes":
        kept += [_shared("lang"), LIMIT]
    elif path.startswith("/processes/"):
        kept.append(_shared("lang"))
    return [form if _names(p, "f") else p for p in kept]


def _shared(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/parameters/{name}"}


def _names(parameter: dict[str, Any], name: str) -> bool:
    return str(parameter.get("$ref", "")).endswith(f"/{name}")


def _closed(node: Any) -> Any:
    """`node` with every reference to another server replaced by what it means."""
    if isinstance(node, list):
        return [_closed(part) for part in node]
    if not isinstance(node, dict):
        return node
    reference = node.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        return _meaning(reference.rsplit("/", 1)[-1])
    return {name: _closed(part) for name, part in node.items()}


def _meaning(name: str) -> dict[str, Any]:
    if name in PARAMETERS:
        return PARAMETERS[name]
    if name in RESPONSES:
        media, words = RESPONSES[name]
        return {"description": words, "content": {media: {"schema": {"type": "object"}}}}
    name = name.removesuffix(".yaml")
    if name in ("InvalidParameter", "NotFound", "ServerError"):
        schema = {"$ref": "#/components/schemas/exception"}
        return {"description": name, "content": {"application/json": {"schema": schema}}}
    return {"type": "object"}
