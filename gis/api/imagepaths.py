"""How the OpenAPI document and the landing page name images: map tiles, files, STAC. Nothing of it
is there for who may not see the layer."""

from __future__ import annotations

from typing import Any

from gis.coords.matrixsets import MATRIX_SETS
from gis.layers import Registry
from gis.tiles.imagery import FORMS, STYLES

IMAGERY = "imagery"
JSON, GEOJSON, PAGE = "application/json", "application/geo+json", "text/html"
MAPS, STAC = f"/collections/{IMAGERY}/map/tiles", f"/stac/collections/{IMAGERY}"
MAPS_REL = "http://www.opengis.net/def/rel/ogc/1.0/tilesets-map"
Parameter = dict[str, Any]


def image_paths(registry: Registry) -> dict[str, Any]:
    """Path -> operations."""
    if IMAGERY not in registry.layers:
        return {}
    return {**_tiles(), **_files(), **_stac()}


def image_links(registry: Registry, base: str) -> list[dict[str, Any]]:
    """Links of the landing page."""
    if IMAGERY not in registry.layers:
        return []
    maps, stac = "影像地图瓦片 Map tiles of images", "STAC 影像目录 The STAC catalogue of images"
    return [
        {"rel": MAPS_REL, "type": JSON, "title": maps, "href": base + MAPS},
        {"rel": "related", "type": JSON, "title": stac, "href": f"{base}/stac"},
    ]


def _tiles() -> dict[str, Any]:
    grid = _place("tileMatrixSetId", {"type": "string", "enum": [*MATRIX_SETS]}, "WebMercatorQuad")
    numbers = (
        _place("tileMatrix", {"type": "string"}, "12"),
        _place("tileRow", {"type": "integer", "minimum": 0}, 1650),
        _place("tileCol", {"type": "integer", "minimum": 0}, 3345),
    )
    content = (
        _text("datetime", "Taken until then, or between. 此前（或期间）拍摄的影像"),
        _choice("style", *STYLES),
    )
    one = f"{MAPS}/{{tileMatrixSetId}}"
    return {
        MAPS: _get("getMapTilesets", "影像地图瓦片 Map tiles of images", (JSON, PAGE),
                   _choice("f", "json", "html"), *content),
        one: _get("getMapTileset", "影像瓦片集说明 A tileset of images, or its TileJSON",
                  (JSON, PAGE), grid, _choice("f", "json", "tilejson", "html"), *content),
        f"{one}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}": _get(
            "getMapTile", "影像瓦片 A map tile of images", ("image/png", "image/webp"),
            grid, *numbers, _choice("f", *FORMS), *content,
        ),
    }  # fmt: skip


def _files() -> dict[str, Any]:
    return {
        f"/collections/{IMAGERY}/files/{{image}}.tif": _get(
            "getImageFile", "影像文件（可分段） The file of an image, also by range",
            ("image/tiff",), _image(),
        ),
        "/map/imagery.json": _get(
            "getImageDays", "有影像的日期 The days there are images of", (JSON,)
        ),
    }  # fmt: skip


def _stac() -> dict[str, Any]:
    words = (
        _text("bbox", "west,south,east,north: what meets the box. 西,南,东,北"),
        _text("datetime", "When taken. 拍摄时间"),
        _number("limit", 1, 1000),
        _number("token", 0, 1_000_000_000),
    )
    more = (
        _list("ids", "Only these images. 只要这些影像"),
        _list("collections", "Only of these. 只要这些集合"),
        _text("intersects", "A GeoJSON geometry, in place of bbox. GeoJSON 图形"),
    )
    post = _get("postStacSearch", "查找影像 Search images, the same as JSON", (GEOJSON,))["get"]
    body = {"required": True, "content": {JSON: {"schema": {"type": "object"}}}}
    plain = {
        "/stac": _get("getStac", "STAC 影像目录 The STAC catalogue of images", (JSON,)),
        "/stac/conformance": _get("getStacConformance", "STAC 符合性 What there is", (JSON,)),
        "/stac/collections": _get("getStacCollections", "STAC 集合 Collections", (JSON,)),
        STAC: _get("getStacCollection", "STAC 影像集合 The collection of images", (JSON,)),
    }
    return plain | {
        f"{STAC}/items": _get("getStacItems", "影像条目 Images as items", (GEOJSON,), *words),
        f"{STAC}/items/{{image}}": _get(
            "getStacItem", "一幅影像 One image as a STAC item", (GEOJSON,), _image()
        ),
        "/stac/search": _get(
            "getStacSearch", "查找影像 Search images", (GEOJSON,), *words, *more
        ) | {"post": post | {"requestBody": body}},
    }  # fmt: skip


def _get(name: str, words: str, media: tuple[str, ...], *parameters: Parameter) -> dict[str, Any]:
    schema = {"schema": {"$ref": "#/components/schemas/exception"}}
    content = {
        one: {"schema": {"type": "object" if one.endswith("json") else "string"}} for one in media
    }
    responses = {
        "200": {"description": words, "content": content},
        "204": {"description": "Nothing there. 无内容"},
        "400": {"description": "InvalidParameter", "content": {JSON: schema}},
        "404": {"description": "NotFound", "content": {JSON: schema}},
    }
    if not media[0].startswith("image/"):
        del responses["204"]
    return {
        "get": {
            "summary": words,
            "operationId": name,
            "tags": [IMAGERY],
            "parameters": list(parameters),
            "responses": responses,
        }
    }


def _image() -> Parameter:
    # no example: which images there are is not known here
    return {"name": "image", "in": "path", "required": True, "schema": {"type": "string"}}


def _place(name: str, schema: dict[str, Any], example: object) -> Parameter:
    return {"name": name, "in": "path", "required": True, "schema": schema, "example": example}


def _query(name: str, schema: dict[str, Any], words: str = "") -> Parameter:
    found: Parameter = {"name": name, "in": "query", "required": False, "schema": schema}
    return found | ({"description": words} if words else {})


def _text(name: str, words: str) -> Parameter:
    return _query(name, {"type": "string"}, words)


def _number(name: str, least: int, most: int) -> Parameter:
    return _query(name, {"type": "integer", "minimum": least, "maximum": most})


def _choice(name: str, *values: str) -> Parameter:
    return _query(name, {"type": "string", "enum": list(values), "default": values[0]})


def _list(name: str, words: str) -> Parameter:
    schema = {"type": "array", "items": {"type": "string"}}
    return _query(name, schema, words) | {"style": "form", "explode": False}
