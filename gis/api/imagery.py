"""Map tiles of images (OGC API Tiles, map tilesets): what was seen on a day, in any of our tile
matrix sets; the files themselves, by range; and which days there are, for the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from gis.api.access import record
from gis.api.answers import CHECK_AGAIN, base_url, json_answer, packed_answer
from gis.api.axes import CRS84, EPSG
from gis.api.limits import taken_box
from gis.api.maptiles import read_grid, read_index
from gis.api.parameters import single
from gis.api.refusals import NotThere, bad_value, no_tilejson
from gis.api.service import service_of
from gis.api.shelf import (
    LAYER,
    Days,
    Shown,
    days_of,
    drawable,
    imagery_layer,
    one_image,
    shelf_of,
)
from gis.api.tilecache import TileCache
from gis.api.tilemeta import (
    CATALOGUE,
    REL,
    TILEJSON_NAME,
    definition,
    limits,
    link,
    respond,
    uri,
)
from gis.coords.matrixsets import MATRIX_SETS, WEB_MERCATOR, Box, MatrixSet
from gis.layers import Layer
from gis.store import parse_datetime
from gis.tiles.imagery import FORMS, STYLES, Form, Style, draw_tile, encoded

HERE = f"/collections/{LAYER}/map/tiles"
FILES = f"/collections/{LAYER}/files"
COG = "image/tiff; application=geotiff; profile=cloud-optimized"
MEDIA: Mapping[Form, str] = {"png": "image/png", "webp": "image/webp"}
KIND_OF: Mapping[Style, str] = {"image": "ortho", "hillshade": "dsm"}
TITLES: Mapping[Style, tuple[str, str]] = {
    "image": ("影像", "Images"),
    "hillshade": ("地表山体阴影", "Shaded surface"),
}
CONTENT = ("datetime", "style")


@dataclass(frozen=True, slots=True)
class MapAsked:
    """What tiles show. given: the same as it was asked, for links."""

    days: Days
    style: Style
    given: tuple[tuple[str, str], ...]


def routes() -> list[Route]:
    """The addresses of this module."""
    return [
        Route(HERE, get_map_tilesets),
        Route(f"{HERE}/{{grid}}", get_map_tileset),
        Route(f"{HERE}/{{grid}}/{{z}}/{{row}}/{{col}}", get_map_tile),
        Route(f"{FILES}/{{image}}.tif", get_image_file),
        Route("/map/imagery.json", get_days),
    ]


def get_map_tile(request: Request) -> Response:
    """`GET …/map/tiles/{grid}/{z}/{row}/{col}?datetime=&style=&f=png|webp`: 204 where nothing is
    seen. What was asked for newer days lies on top."""
    layer = imagery_layer(request)
    given = single(request.query_params, ("f", *CONTENT))
    asked, form = read_map(given, request), _form(given.get("f"))
    words = request.path_params
    grid = read_grid(words["grid"])
    z, row, col = (read_index(words[name]) for name in ("z", "row", "col"))
    if not grid.has(z, col, row):
        raise NotThere(
            zh=f"{grid.id} 没有瓦片 {z}/{row}/{col}",
            en=f"{grid.id} has no tile {z}/{row}/{col}",
            grid=grid.id,
        )
    box = grid.box(z, col, row)

    def build() -> tuple[bytes, tuple[int, ...]]:
        version, found = shelf_of(request)
        pictures = drawable(found, KIND_OF[asked.style], asked.days, box)
        drawn = draw_tile(pictures, grid, z, col, row, asked.style)
        return b"" if drawn is None else encoded(drawn, form), version

    cache: TileCache = request.app.state.tiles
    key = (LAYER, grid.id, z, col, row, asked.style, form, asked.days)
    packed = cache.get_versioned(key, lambda: shelf_of(request)[0], build)
    if not packed.body:
        return Response(status_code=204, headers={"Cache-Control": CHECK_AGAIN})
    taken_box(layer, box)
    return packed_answer(request, packed, MEDIA[form])


def get_map_tilesets(request: Request) -> Response:
    """`GET …/map/tiles`: the map tilesets, one a tile matrix set."""
    layer = imagery_layer(request)
    asked = read_map(single(request.query_params, ("f", "lang", *CONTENT)), request)
    here = _here(request)
    document = {
        "links": [link("self", "application/json", f"{here}?f=json", "JSON")],
        "tilesets": [_summary(request, layer, grid, asked) for grid in MATRIX_SETS.values()],
    }
    return respond(request, document)


def get_map_tileset(request: Request) -> Response:
    """`GET …/map/tiles/{grid}`: the tileset, or as TileJSON with `f=tilejson`."""
    layer, grid = imagery_layer(request), read_grid(request.path_params["grid"])
    given = single(request.query_params, ("f", "lang", *CONTENT))
    form = given.get("f", "json")
    if form not in ("json", "html", "tilejson"):
        raise bad_value("f", form, "可用：json、tilejson、html", "json, tilejson or html")
    asked = read_map(given, request)
    bounds = _bounds(shelf_of(request)[1], asked, service_of(request).registry.city.bbox)
    if form == "tilejson":
        if grid is not WEB_MERCATOR:
            raise no_tilejson(grid.id)
        return json_answer(request, _tilejson(request, asked, bounds), cache=CATALOGUE)
    document = _summary(request, layer, grid, asked) | {
        "tileMatrixSetLimits": limits(grid, bounds),
        "boundingBox": {
            "lowerLeft": list(bounds[:2]), "upperRight": list(bounds[2:]), "crs": CRS84,
        },
    }  # fmt: skip
    return respond(request, document)


def get_image_file(request: Request) -> Response:
    """`GET …/files/{image}.tif`: the kept GeoTIFF, whole or by range."""
    single(request.query_params, ())
    found = one_image(request, request.path_params["image"])
    if found.picture is None:
        raise NotThere(
            zh=f"影像 {found.image.id} 的文件未保存在本机。请用 gis imagery add 重新登记",
            en=f"the file of image {found.image.id} is not kept here. Register it again: "
            "gis imagery add",
            image=found.image.id,
        )
    if "range" not in request.headers:
        record(request, "image", found.image.id)
    name = quote(f"{found.image.id}.tif", safe="")
    return FileResponse(
        found.picture.file.path,
        media_type=COG,
        headers={
            "Cache-Control": CHECK_AGAIN,
            "Content-Disposition": f"attachment; filename*=UTF-8''{name}",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        },
    )


def get_days(request: Request) -> Response:
    """`GET /map/imagery.json`: the days there are images of, newest first; none for who may not
    see them."""
    single(request.query_params, ())
    service = service_of(request)
    found = shelf_of(request)[1] if LAYER in service.registry.layers else ()
    shown = [one for one in found if one.picture is not None and one.image.taken_on is not None]
    days = [
        _of_day(str(day), list(ones))
        for day, ones in groupby(shown, lambda one: one.image.taken_on)
    ]
    return json_answer(request, {"days": days})


def read_map(given: Mapping[str, str], request: Request) -> MapAsked:
    """What the parameters ask to be seen. Raises Refused, LayerError."""
    timezone = service_of(request).timezone
    text = given.get("datetime", "").strip()
    named = given.get("style", "image")
    style = next((one for one in STYLES if one == named), None)
    if style is None:
        raise bad_value("style", named, f"可用：{'、'.join(STYLES)}", f"one of {', '.join(STYLES)}")
    return MapAsked(
        days=days_of(parse_datetime(text, timezone) if text else None, timezone),
        style=style,
        given=tuple((name, given[name]) for name in CONTENT if given.get(name)),
    )


def _form(text: str | None) -> Form:
    found = next((one for one in FORMS if one == (text or "png")), None)
    if found is None:
        raise bad_value("f", str(text), f"可用：{'、'.join(FORMS)}", f"one of {', '.join(FORMS)}")
    return found


def _of_day(day: str, ones: list[Shown]) -> dict[str, Any]:
    sides = list(zip(*(one.image.outline.bounds for one in ones), strict=True))
    return {
        "date": day,
        "kinds": sorted({one.image.kind for one in ones}),
        "images": [one.image.id for one in ones],
        "gsd_m": min(one.image.gsd_m or 0.0 for one in ones),
        "bbox": [min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])],
    }


def _summary(request: Request, layer: Layer, grid: MatrixSet, asked: MapAsked) -> dict[str, Any]:
    base, here = _base(request), f"{_here(request)}/{grid.id}"
    zh, en = TITLES[asked.style]
    links = [
        link("self", "application/json", here + _query(asked, "json"), "JSON"),
        *(
            link("item", media, f"{_places(here)}{_query(asked, form)}", form.upper())
            | {"templated": True}
            for form, media in MEDIA.items()
        ),
        link(f"{REL}tiling-scheme", "application/json", definition(base, grid), grid.id),
    ]
    if grid is WEB_MERCATOR:
        links.append(
            link("describedby", TILEJSON_NAME, here + _query(asked, "tilejson"), "TileJSON")
        )
    return {
        "title": f"{layer.title.zh} {layer.title.en} · {zh} {en} · {grid.id}",
        "dataType": "map",
        "crs": f"{EPSG}{grid.epsg}",
        "tileMatrixSetId": grid.id,
        "tileMatrixSetURI": uri(base, grid),
        "mediaTypes": list(MEDIA.values()),
        "links": links,
    }


def _tilejson(request: Request, asked: MapAsked, bounds: Box) -> dict[str, Any]:
    zh, en = TITLES[asked.style]
    here = f"{_here(request)}/{WEB_MERCATOR.id}"
    return {
        "tilejson": "3.0.0",
        "name": f"{zh} {en}",
        "tiles": [f"{here}/{{z}}/{{y}}/{{x}}{_query(asked, 'webp')}"],
        "scheme": "xyz",
        "minzoom": WEB_MERCATOR.levels[0],
        "maxzoom": WEB_MERCATOR.levels[1],
        "bounds": list(bounds),
    }


def _bounds(found: tuple[Shown, ...], asked: MapAsked, city: Box) -> Box:
    """The box around what tiles show; the city's where there is nothing."""
    shown = [
        one.image.outline.bounds
        for one in found
        if one.picture and one.image.kind == KIND_OF[asked.style] and asked.days.hold(one.image)
    ]
    if not shown:
        return city
    sides = list(zip(*shown, strict=True))
    return min(sides[0]), min(sides[1]), max(sides[2]), max(sides[3])


def _places(here: str) -> str:
    return f"{here}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}"


def _query(asked: MapAsked, form: str) -> str:
    return "?" + urlencode([("f", form), *asked.given], safe=",/:", quote_via=quote)


def _here(request: Request) -> str:
    return f"{_base(request)}{HERE}"


def _base(request: Request) -> str:
    return base_url(request, service_of(request).settings.public_url)
