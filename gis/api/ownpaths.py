"""The addresses beside those pygeoapi knows: how the OpenAPI document and the landing page name
them. The work list and readings (`/map/alerts…`, `/map/readings.json`) are left out: their layers
are not public.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from gis.analysis import Order
from gis.api.answers import GEOJSON, JSON
from gis.api.axes import CRS84
from gis.api.config import DEFAULT_ITEMS, MOST_ITEMS, MVT
from gis.api.filtering import FILTER
from gis.api.imagepaths import image_links, image_paths
from gis.coords.matrixsets import MATRIX_SETS
from gis.layers import Layer, Registry

LD_JSON, PAGE, CSV, TEXT, ANY = (
    "application/ld+json", "text/html", "text/csv", "text/plain", "application/octet-stream",
)  # fmt: skip
MAPBOX_STYLE, SLD_STYLE, QML_STYLE = (
    "application/vnd.mapbox.style+json", "application/vnd.ogc.sld+xml",
    "application/vnd.qgis.qml+xml",
)  # fmt: skip
ISO_XML, CATALOG_JSON = "application/xml", "application/ogc-catalog+json"
CATALOG_REL = "http://www.opengis.net/def/rel/ogc/1.0/ogc-catalog"
BOX = "west,south,east,north: what meets the box. 西,南,东,北"
SHARED = (*FILTER, "q", "after")  # as of items
TILE_PARAMETERS: tuple[dict[str, Any], ...] = (
    {
        "name": "properties", "in": "query", "required": False, "schema": {"type": "string"},
        "description": "Only these fields, with commas. 只要这些字段，逗号分隔",
    },
    {
        "name": "labels", "in": "query", "required": False,
        "schema": {"type": "boolean", "default": False},
        "description": "Also a layer NAME.labels: a point inside each feature. 另附注记点图层",
    },
)  # fmt: skip
TILES_REL = "http://www.opengis.net/def/rel/ogc/1.0/"
Parameter = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """One address. `media`: what it answers with, the usual first; `body`: what is posted;
    `shown`: whether the landing page names it, `rel` by which relation; `empty`: whether there
    may be nothing (204)."""

    path: str
    id: str
    zh: str
    en: str
    parameters: tuple[Parameter, ...] = ()
    media: tuple[str, ...] = (JSON,)
    body: tuple[str, ...] = ()
    shown: bool = True
    rel: str = "related"
    empty: bool = False

    @property
    def title(self) -> str:
        return f"{self.zh} {self.en}"


def own_paths(registry: Registry) -> dict[str, Any]:
    """Path -> operations, for the OpenAPI document."""
    found: dict[str, Any] = {}
    of_layers = [(_diff(layer), layer.id) for layer in registry.layers.values()]
    for address, tag in (*((a, "server") for a in _addresses(registry)), *of_layers):
        method = "post" if address.body else "get"
        found[address.path] = {method: _operation(address, tag)}
    return found | image_paths(registry)


def own_links(registry: Registry, base: str) -> list[dict[str, Any]]:
    """Links of the landing page; one with a `{name}` in it is a template."""
    links = []
    for address in (*_addresses(registry), _diff(None)):
        if not address.shown:
            continue
        link = {
            "rel": address.rel,
            "type": address.media[0],
            "title": address.title,
            "href": f"{base}{address.path}",
        }
        links.append(link | ({"templated": True} if "{" in address.path else {}))
    return links + image_links(registry, base)


def _addresses(registry: Registry) -> tuple[Address, ...]:
    public = [layer.id for layer in registry.layers.values() if layer.classification != "sensitive"]
    return (
        *_of_the_catalogue(),
        *_of_tiles(list(registry.layers)),
        *_of_styles(list(registry.layers)),
        *_of_the_past(_layer_of(public), _layer_of(registry.layers)),
        *_of_coordinates(),
        *_of_the_map(),
    )


def _of_the_catalogue() -> tuple[Address, ...]:
    one = "/collections/catalogue"
    return (
        Address(
            path=one, id="getCatalogue", zh="数据目录", en="The catalogue", shown=False,
            parameters=(_format("json", "html"),), media=(CATALOG_JSON, PAGE),
        ),
        Address(
            path=f"{one}/items", id="getRecords", rel=CATALOG_REL,
            zh="数据目录：图层与交付的来源、精度、权属、逾期",
            en="The catalogue: origin, accuracy, owner and due date of layers and deliveries",
            parameters=(
                _format("json", "html", "dcat"),
                _query("q", _list(), "Any of these; blanks: in that order. 任一；空格为依次"),
                _query("type", _list("dataset", "delivery"), "Only these. 只要图层或交付"),
                _query("ids", _list(), "Only these records. 只要这些记录"),
                _query("externalIds", _list(), "sha256:DIGEST of a delivery's file. 交付文件摘要"),
                _query("bbox", _text(), BOX),
                _query("datetime", _text(), "Valid time. 有效时间"),
                _query("limit", _whole(1, 1_000, 50)),
                _query("offset", _whole(0)),
            ),
            media=(GEOJSON, PAGE, LD_JSON),
        ),
        Address(
            path=f"{one}/items/{{recordId}}", id="getRecord", shown=False,
            zh="目录中的一条", en="A record: layer:buildings or delivery:13",
            parameters=(
                _place("recordId", _text(), "layer:buildings"), _format("json", "html", "iso19115"),
            ),
            media=(GEOJSON, PAGE, ISO_XML),
        ),
    )  # fmt: skip


def _of_tiles(layers: list[str]) -> tuple[Address, ...]:
    grid = _place("tileMatrixSetId", _one_of(*MATRIX_SETS), "WebMercatorQuad")
    numbers = (
        _place("tileMatrix", _text(), "12"),
        _place("tileRow", _whole(0), 1650),
        _place("tileCol", _whole(0), 3345),
    )
    content = (
        _query(
            "collections", _text(), f"Layers, with commas: {','.join(layers[:2])}. 图层，逗号分隔"
        ),
        _query("datetime", _text(), "Valid time. 有效时间"),
        *({"$ref": f"#/components/parameters/{name}"} for name in FILTER),
        *TILE_PARAMETERS,
    )
    one = "/collections/{layer}/tiles/{tileMatrixSetId}"
    mvt = _query("f", _one_of("mvt", "pbf", default="mvt"))
    described = _query("f", _one_of("json", "tilejson", "html", default="json"))
    return (
        Address(
            path="/tiles", id="getTilesets", rel=f"{TILES_REL}tilesets-vector",
            zh="全部图层的矢量瓦片", en="Vector tiles of all layers",
            parameters=(_format("json", "html"), *content), media=(JSON, PAGE),
        ),
        Address(
            path="/tiles/{tileMatrixSetId}", id="getTileset", shown=False,
            zh="瓦片集说明", en="A tileset, or its TileJSON",
            parameters=(grid, described, *content), media=(JSON, PAGE),
        ),
        Address(
            path="/tiles/{tileMatrixSetId}/{tileMatrix}/{tileRow}/{tileCol}", id="getTile",
            zh="多图层瓦片", en="Several layers in one tile", shown=False,
            parameters=(grid, *numbers, mvt, *content), media=(MVT,), empty=True,
        ),
        Address(
            path=one, id="getTilesetOfLayer", shown=False,
            zh="图层的瓦片集说明", en="The tileset of a layer, or its TileJSON",
            parameters=(_layer_of(layers), grid, described, *content[1:]), media=(JSON, PAGE),
        ),
        Address(
            path="/tileMatrixSets", id="getMatrixSets", rel=f"{TILES_REL}tiling-schemes",
            zh="瓦片网格", en="Tile matrix sets",
            parameters=(_format("json", "html"),), media=(JSON, PAGE),
        ),
        Address(
            path="/tileMatrixSets/{tileMatrixSetId}", id="getMatrixSet", shown=False,
            zh="瓦片网格定义", en="A tile matrix set",
            parameters=(grid, _format("json", "html")), media=(JSON, PAGE),
        ),
    )  # fmt: skip


def _of_styles(layers: list[str]) -> tuple[Address, ...]:
    style = _place(
        "styleId", _text(), layers[0] if layers else "onemap", "onemap, or a layer. onemap 或图层名"
    )
    return (
        Address(
            path="/styles", id="getStyles", rel=f"{TILES_REL}styles", zh="样式", en="Styles",
            parameters=(_format("json", "html"),), media=(JSON, PAGE),
        ),
        Address(
            path="/styles/{styleId}", id="getStyle", shown=False,
            zh="一个样式", en="A style as Mapbox GL, SLD 1.1 or QML",
            parameters=(style, _query("f", _one_of("mapbox", "sld", "qml", default="mapbox"))),
            media=(MAPBOX_STYLE, SLD_STYLE, QML_STYLE),
        ),
        Address(
            path="/styles/{styleId}/metadata", id="getStyleMetadata", shown=False,
            zh="样式说明", en="Languages, layers and attributes of a style",
            parameters=(style, _format("json", "html")), media=(JSON, PAGE),
        ),
        Address(
            path="/collections/{layer}/styles", id="getStylesOfLayer", shown=False,
            zh="图层的样式", en="The style of a layer",
            parameters=(_layer_of(layers), _format("json", "html")), media=(JSON, PAGE),
        ),
    )  # fmt: skip


def _of_the_past(public: Parameter, any_layer: Parameter) -> tuple[Address, ...]:
    number = _place("number", _whole(1), 1)
    feature = _place("featureId", _whole(0), 5)
    one = "/collections/{layer}/items/{featureId}"
    return (
        Address(
            path="/places/{place}/timeline.json", id="getTimeline",
            zh="一地的始末：规划、许可、施工、竣工、登记",
            en="The life of a place: plan, permit, construction, completion, registration",
            parameters=(
                _place("place", _text(), "113.9893,32.9688",
                       "lon,lat in degrees (CGCS2000), or a BeiDou code. 经度,纬度或网格码"),
                _query("reach_m", {"type": "number", "minimum": 0, "maximum": 100, "default": 1},
                       "Metres about the point. 点周围多少米"),
            ),
        ),
        Address(
            path="/deliveries/{number}/report.html", id="getReportPage", parameters=(number,),
            zh="一次交付的质量报告", en="The quality report of a delivery, to print", media=(PAGE,),
        ),
        Address(
            path="/deliveries/{number}/report.json", id="getReport", parameters=(number,),
            zh="质量报告（数据）", en="The quality report as data",
        ),
        Address(
            path=f"{one}/history", id="getHistory", shown=False, parameters=(any_layer, feature),
            zh="要素的各版本", en="Every version of a feature, newest first",
        ),
        Address(
            path=f"{one}/documents", id="getDocuments",
            parameters=(public, feature, _query("datetime", _text(), "One moment. 一个时刻")),
            zh="要素的文档", en="Documents of a feature",
        ),
        Address(
            path="/documents/{number}", id="getDocument", parameters=(number,), media=(ANY,),
            zh="文档（下载）", en="A document, to be saved",
        ),
    )  # fmt: skip


def _of_coordinates() -> tuple[Address, ...]:
    return (
        Address(
            path="/coords/frames.json", id="getFrames",
            zh="坐标转换可选的坐标系", en="Frames to convert coordinates between",
        ),
        Address(
            path="/coords/convert.json", id="convertCoordinates", shown=False,  # nothing to follow
            zh="坐标转换（POST 文本或 CSV）", en="Coordinates to another frame (POST text or CSV)",
            parameters=(
                _query("from", {**_text(), "default": "detect"},
                       "Frame of the numbers; detect asks the data. 原坐标系，detect 为自动判定"),
                _query("to", {**_text(), "default": "EPSG:4490"}, "Frame wanted. 目标坐标系"),
                _query("order", _one_of(*get_args(Order), default="auto"),
                       "Which number comes first. 先东坐标还是先北坐标"),
                _query("angles", _one_of("auto", "packed", default="auto"),
                       "packed: 113.5930 is 113°59′30″. 度分秒压缩写法"),
                _query("x", _text(), "Column of the eastings or longitudes. 东坐标或经度列"),
                _query("y", _text(), "Column of the northings or latitudes. 北坐标或纬度列"),
            ),
            body=(TEXT, CSV),
        ),
    )  # fmt: skip


def _of_the_map() -> tuple[Address, ...]:
    return (
        Address(
            path="/map/config.json", id="getMapConfig",
            zh="图层、样式、字段与范围", en="Layers with styles, fields and extents",
        ),
        Address(
            path="/map/counts.json", id="getCounts", zh="各图层的要素数",
            en="How many features each layer has, or had",
            parameters=(_query("datetime", _text(), "One moment; now where absent. 一个时刻"),),
        ),
        Address(
            path="/map/search.json", id="search", zh="搜索：名称、编号、网格码、坐标",
            en="Search: names, numbers, grid codes, coordinates",
            parameters=(_query("q", _text()), _query("limit", _whole(1, 100, 20))),
        ),
    )  # fmt: skip


def _diff(layer: Layer | None) -> Address:
    """Of one layer, with its fields; None: of any."""
    fields = () if layer is None else layer.fields
    return Address(
        path=f"/collections/{layer.id if layer else '{layer}'}/diff",
        id=f"diff_{layer.id if layer else 'layer'}",
        zh="两个日期之间新增、变化、消失的要素",
        en="What is new, changed and closed between two dates",
        parameters=(
            _query("datetime", _text(), "Two times: 2023-06-01/2024-06-01 or 2023-06-01/.. 起止",
                   required=True),
            _query("bbox", _text(), BOX),
            _query("bbox-crs", {**_text(), "default": CRS84}, "System of bbox. bbox 的坐标系"),
            _query("limit", _whole(1, MOST_ITEMS, DEFAULT_ITEMS)),
            _query("gridcode", _text(), "Only in this BeiDou grid cell. 只要该北斗网格内"),
            _format("json"),
            *({"$ref": f"#/components/parameters/{name}"} for name in SHARED),
            *(_query(f.name, _text(), f"{f.title.zh} {f.title.en}") for f in fields),
        ),
        media=(GEOJSON,),
    )  # fmt: skip


def _operation(address: Address, tag: str) -> dict[str, Any]:
    refusal = {"schema": {"$ref": "#/components/schemas/exception"}}
    operation: dict[str, Any] = {
        "summary": address.title,
        "operationId": address.id,
        "tags": [tag],
        "parameters": list(address.parameters),
        "responses": {
            "200": {"description": address.title, "content": _content(address.media)},
            "400": {"description": "InvalidParameter", "content": {JSON: refusal}},
            "404": {"description": "NotFound", "content": {JSON: refusal}},
        },
    }
    if address.empty:
        operation["responses"]["204"] = {"description": "Nothing there. 无内容"}
    if address.body:
        operation["requestBody"] = {"required": True, "content": _content(address.body)}
    return operation


def _content(media: Iterable[str]) -> dict[str, Any]:
    return {
        name: {"schema": {"type": "object"} if name.endswith("json") else _text()} for name in media
    }


def _query(
    name: str, schema: Mapping[str, Any], words: str = "", *, required: bool = False
) -> Parameter:
    found = {"name": name, "in": "query", "required": required, "schema": dict(schema)}
    if schema.get("type") == "array":
        found |= {"style": "form", "explode": False}
    return found | ({"description": words} if words else {})


def _place(name: str, schema: Mapping[str, Any], example: object, words: str = "") -> Parameter:
    return _query(name, schema, words, required=True) | {"in": "path", "example": example}


def _layer_of(names: Iterable[str]) -> Parameter:
    found = list(names)
    if not found:  # a caller who may see none
        return _place("layer", _text(), "layer")
    return _place("layer", {"type": "string", "enum": found}, found[0])


def _format(*names: str) -> Parameter:
    return _query("f", _one_of(*names, default="json"))


def _one_of(*names: str, default: str | None = None) -> dict[str, Any]:
    return {"type": "string", "enum": list(names)} | ({"default": default} if default else {})


def _list(*names: str) -> dict[str, Any]:
    return {"type": "array", "items": _one_of(*names) if names else _text()}


def _text() -> dict[str, Any]:
    return {"type": "string"}


def _whole(least: int, most: int | None = None, default: int | None = None) -> dict[str, Any]:
    limits = {"maximum": most, "default": default}
    found = {"type": "integer", "minimum": least}
    return found | {name: value for name, value in limits.items() if value is not None}
