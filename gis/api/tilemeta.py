"""What tiles there are: tilesets of a layer and of the whole (OGC 20-057), TileJSON, and the tile
matrix sets they are cut by (OGC 17-083r4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gis.api.answers import HTML, JSON, answer, base_url, json_answer, wants_html
from gis.api.axes import CRS84, EPSG
from gis.api.config import MVT
from gis.api.mapdata import Facts
from gis.api.maptiles import (
    ONE,
    SEVERAL,
    TilesAsked,
    read_collections,
    read_content,
    read_grid,
)
from gis.api.offering import PLAIN, offers
from gis.api.pages import page
from gis.api.parameters import single
from gis.api.providers.features import schema_of
from gis.api.refusals import no_tilejson
from gis.api.service import Service, service_of
from gis.coords.matrixsets import (
    DEEPEST,
    MATRIX_SETS,
    PIXELS,
    WEB_MERCATOR,
    Box,
    MatrixSet,
)
from gis.layers import Layer
from gis.store.latest import FIGURES
from gis.store.vectortiles import whole_from
from gis.tiles.mvtlayers import deepest, known_fields, vector_layers

CATALOGUE = "public, max-age=60"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"
TILEJSON_NAME = "application/vnd.mapbox.tilejson+json"
URIS = {WEB_MERCATOR.id: "http://www.opengis.net/def/tilematrixset/OGC/1.0/WebMercatorQuad"}
TITLES = {
    "WebMercatorQuad": "Web 墨卡托瓦片（Google/高德网格） Web Mercator, as all web maps",
    "CGCS2000Quad": "CGCS2000 经纬度瓦片（天地图 c 网格） CGCS2000 degrees, as Tianditu's set c",
}
TILESET_FORMATS = ("json", "tilejson", "html")
DIMENSION = {"Point": 0, "LineString": 1, "Polygon": 2}


def routes() -> list[Route]:
    """The addresses of what describes tiles."""
    found = []
    for one in ("/collections/{layer}/tiles", "/tiles"):
        found += [
            Route(one, offers(get_tilesets, "json", "html")),
            Route(f"{one}/{{grid}}", offers(get_tileset, *TILESET_FORMATS)),
            Route(f"{one}/{{grid}}/metadata", offers(get_tileset, *TILESET_FORMATS)),
        ]
    for one in ("/tileMatrixSets", "/TileMatrixSets"):  # the second is pygeoapi's spelling
        found += [
            Route(one, offers(get_matrix_sets, "json", "html", known=PLAIN)),
            Route(f"{one}/{{grid}}", offers(get_matrix_set, "json", "html", known=PLAIN)),
        ]
    return found


def get_tilesets(request: Request) -> Response:
    """`GET …/tiles`: the tilesets, one a tile matrix set."""
    service, layers, asked = _asked(request)
    base = _base(request)
    here = f"{base}{request.url.path}"
    document = {
        "links": [
            link("self", JSON, f"{here}?f=json", "JSON"),
            link("alternate", HTML, f"{here}?f=html", "HTML"),
        ],
        "tilesets": [
            _summary(service, base, f"{here}/{grid.id}", grid, layers, asked)
            for grid in MATRIX_SETS.values()
        ],
    }
    return respond(request, document)


def get_tileset(request: Request) -> Response:
    """`GET …/tiles/{grid}`: the tileset, or as TileJSON with `f=tilejson`."""
    grid = read_grid(request.path_params["grid"])
    service, layers, asked = _asked(request)
    base = _base(request)
    here = f"{base}{request.url.path.removesuffix('/metadata')}"
    form = request.query_params.get("f")
    bounds = _bounds(request.app.state.facts, service, layers)
    if form == "tilejson" or TILEJSON_NAME in request.headers.get("accept", ""):
        if grid is not WEB_MERCATOR:
            raise no_tilejson(grid.id)
        return json_answer(request, _tilejson(here, layers, asked, bounds), cache=CATALOGUE)
    found = _summary(service, base, here, grid, layers, asked)
    found |= {
        "layers": [_vector_layer(service, layer, asked) for layer in layers],
        "tileMatrixSetLimits": limits(grid, bounds),
        "boundingBox": {
            "lowerLeft": list(bounds[:2]), "upperRight": list(bounds[2:]), "crs": CRS84,
        },
    }  # fmt: skip
    return respond(request, found)


def get_matrix_sets(request: Request) -> Response:
    """`GET /tileMatrixSets`: the ways our tiles are cut."""
    base = _base(request)
    found = [
        {
            "id": grid.id,
            "title": TITLES[grid.id],
            "uri": uri(base, grid),
            "crs": f"{EPSG}{grid.epsg}",
            "links": [link("self", JSON, definition(base, grid), grid.id)],
        }
        for grid in MATRIX_SETS.values()
    ]
    return respond(request, {"tileMatrixSets": found})


def get_matrix_set(request: Request) -> Response:
    """`GET /tileMatrixSets/{grid}`: its definition."""
    return respond(
        request, matrix_set_document(read_grid(request.path_params["grid"]), _base(request))
    )


def matrix_set_document(grid: MatrixSet, base: str) -> dict[str, Any]:
    """The definition of a tile matrix set in the standard's JSON. Points are in the order of the
    system's axes: latitude first in EPSG:4490."""
    half = WEB_MERCATOR.cell(0) * PIXELS / 2
    metric = grid.unit == "metre"
    first, last = grid.levels
    document: dict[str, Any] = {
        "id": grid.id,
        "title": TITLES[grid.id],
        "uri": uri(base, grid),
        "crs": f"{EPSG}{grid.epsg}",
        "orderedAxes": ["X", "Y"] if metric else ["Lat", "Lon"],
    }
    if metric:
        document["wellKnownScaleSet"] = (
            "http://www.opengis.net/def/wkss/OGC/1.0/GoogleMapsCompatible"
        )
    document["tileMatrices"] = [
        {
            "id": str(z),
            "scaleDenominator": grid.scale(z),
            "cellSize": grid.cell(z),
            "cornerOfOrigin": "topLeft",
            "pointOfOrigin": [-half, half] if metric else [90, -180],
            "tileWidth": PIXELS,
            "tileHeight": PIXELS,
            "matrixWidth": grid.columns(z),
            "matrixHeight": grid.rows(z),
        }
        for z in range(first, last + 1)
    ]
    return document


def _asked(request: Request) -> tuple[Service, tuple[Layer, ...], TilesAsked]:
    service = service_of(request)
    name = request.path_params.get("layer")
    one = None if name is None else service.registry.get(name)
    given = single(request.query_params, ("lang", *(SEVERAL if one is None else ONE)))
    layers = (one,) if one else read_collections(given, service.registry)
    return service, layers, read_content(given, service, layers)


def _summary(
    service: Service,
    base: str,
    here: str,
    grid: MatrixSet,
    layers: Sequence[Layer],
    asked: TilesAsked,
) -> dict[str, Any]:
    def asking(form: str) -> str:
        return f"?{_query(here, layers, asked, form)}"

    place = f"{here}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}{asking('mvt')}"
    links = [
        link("self", JSON, here + asking("json"), "JSON"),
        link("alternate", HTML, here + asking("html"), "HTML"),
        link("item", MVT, place, "MVT") | {"templated": True},
        link(f"{REL}tiling-scheme", JSON, definition(base, grid), grid.id),
    ]
    if grid is WEB_MERCATOR:
        links.append(link("describedby", TILEJSON_NAME, here + asking("tilejson"), "TileJSON"))
    return {
        "title": f"{_title(service, layers)} · {grid.id}",
        "dataType": "vector",
        "crs": f"{EPSG}{grid.epsg}",
        "tileMatrixSetId": grid.id,
        "tileMatrixSetURI": uri(base, grid),
        "links": links,
    }


def _tilejson(here: str, layers: Sequence[Layer], asked: TilesAsked, bounds: Box) -> dict[str, Any]:
    levels = 0, max(map(deepest, layers))
    west, south, east, north = bounds
    return {
        "tilejson": "3.0.0",
        "name": "、".join(layer.title.zh for layer in layers),
        "description": ", ".join(layer.title.en for layer in layers),
        "tiles": [f"{here}/{{z}}/{{y}}/{{x}}?{_query(here, layers, asked, 'mvt')}"],
        "scheme": "xyz",
        "minzoom": levels[0],
        "maxzoom": levels[1],
        "bounds": list(bounds),
        "center": [(west + east) / 2, (south + north) / 2, min(map(whole_from, layers))],
        "vector_layers": vector_layers(layers, levels, asked.fields, labels=asked.labels),
    }


def _vector_layer(service: Service, layer: Layer, asked: TilesAsked) -> dict[str, Any]:
    names = _names(layer, asked)
    schemas = {f.name: schema_of(f, service.registry) for f in layer.fields if f.name in names}
    schemas |= {name: {"type": "number" if name == "latest_value" else "string"}
                for name in names if name in FIGURES}  # fmt: skip
    return {
        "id": layer.id,
        "title": f"{layer.title.zh} {layer.title.en}",
        "dataType": "vector",
        "geometryDimension": DIMENSION[re.sub("Multi|Z", "", layer.geometry)],
        "crs": CRS84,
        "propertiesSchema": {"type": "object", "properties": schemas},
    }  # fmt: skip


def _names(layer: Layer, asked: TilesAsked) -> list[str]:
    return [n for n in known_fields(layer) if asked.fields is None or n in asked.fields]


def _bounds(facts: Facts, service: Service, layers: Sequence[Layer]) -> Box:
    """The box around all of them; the city's where nothing has been delivered."""
    found = [box for box in (facts.extent(service, layer) for layer in layers) if box]
    if not found:
        west, south, east, north = service.registry.city.bbox
        return west, south, east, north
    sides = list(zip(*found, strict=True))
    return min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])


def limits(grid: MatrixSet, bounds: Box) -> list[dict[str, Any]]:
    """At each level the rows and columns that hold the data."""
    west, south, east, north = bounds
    found = []
    for z in range(grid.levels[0], DEEPEST + 1):
        top, bottom = grid.row_of(z, north), grid.row_of(z, south)
        left, right = grid.column_of(z, west), grid.column_of(z, east)
        found.append(
            {
                "tileMatrix": str(z),
                "minTileRow": top, "maxTileRow": bottom,
                "minTileCol": left, "maxTileCol": right,
            }
        )  # fmt: skip
    return found


def _title(service: Service, layers: Sequence[Layer]) -> str:
    if len(layers) == 1:
        return f"{layers[0].title.zh} {layers[0].title.en}"
    city = service.registry.city.name
    return f"{city.zh}一张图 One Map of {city.en}"


def _query(here: str, layers: Sequence[Layer], asked: TilesAsked, form: str) -> str:
    words = [("f", form), *asked.given]
    if "/collections/" not in here:
        words.append(("collections", ",".join(layer.id for layer in layers)))
    return urlencode(words, safe=",/:", quote_via=quote)


def definition(base: str, grid: MatrixSet) -> str:
    """Address of the definition of a tile matrix set."""
    return f"{base}/tileMatrixSets/{grid.id}?f=json"


def uri(base: str, grid: MatrixSet) -> str:
    """Name of a tile matrix set: the standard's where it has one."""
    return URIS.get(grid.id, f"{base}/tileMatrixSets/{grid.id}")


def link(rel: str, media: str, href: str, title: str) -> dict[str, Any]:
    """A link of an OGC document."""
    return {"rel": rel, "type": media, "title": title, "href": href}


def _base(request: Request) -> str:
    return base_url(request, service_of(request).settings.public_url)


def respond(request: Request, document: dict[str, Any]) -> Response:
    """The document as JSON, or as a page where a browser asks."""
    if wants_html(request):
        body = page("document.html", document, request).encode()
        return answer(request, body, HTML, cache=CATALOGUE)
    return json_answer(request, document, cache=CATALOGUE)
