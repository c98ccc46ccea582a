"""`/styles`: what styles there are (OGC 20-009, draft), and each in the language asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gis.api.answers import HTML, JSON, answer, base_url, json_answer, wants_html
from gis.api.offering import offers
from gis.api.pages import page
from gis.api.parameters import single
from gis.api.refusals import NotThere, bad_value
from gis.api.service import Service, service_of
from gis.api.styles.mapbox import mapbox_style
from gis.api.styles.qml import qml_document
from gis.api.styles.sld import sld_document
from gis.layers import Layer, Registry
from gis.layers.symbols import Symbols, color_field, symbols_of

WHOLE = "onemap"  # the style of all layers together
CATALOGUE = "public, max-age=60"


@dataclass(frozen=True, slots=True)
class Language:
    """A language of styles. `several`: whether one document draws several layers."""

    media: str
    title: str
    specification: str
    version: str
    several: bool


LANGUAGES = {
    "mapbox": Language(
        "application/vnd.mapbox.style+json", "Mapbox GL", "https://maplibre.org/maplibre-style-spec/",
        "8", True,
    ),
    "sld": Language(
        "application/vnd.ogc.sld+xml;version=1.1", "OGC SLD",
        "https://www.ogc.org/standard/sld/", "1.1", True,
    ),
    "qml": Language(
        "application/vnd.qgis.qml+xml", "QGIS QML", "https://docs.qgis.org/3.22/", "3.22", False
    ),
}  # fmt: skip


def routes() -> list[Route]:
    """The addresses of styles."""
    return [
        Route("/styles", offers(get_styles, "json", "html")),
        Route("/styles/{style}", get_style),
        Route("/styles/{style}/metadata", offers(get_metadata, "json", "html")),
        Route("/collections/{layer}/styles", offers(get_styles_of_layer, "json", "html")),
    ]


def drawn_of(layer: Layer, registry: Registry) -> Symbols:
    """How a layer of the registry is drawn."""
    name = color_field(layer)
    return symbols_of(layer, None if name is None else registry.codelist(layer.field(name)))


def get_styles(request: Request) -> Response:
    """`GET /styles`: the style of all layers, and one of each."""
    single(request.query_params, ("f", "lang"))
    return _respond(request, _list(request, [WHOLE, *service_of(request).registry.layers], WHOLE))


def get_styles_of_layer(request: Request) -> Response:
    """`GET /collections/{layer}/styles`: its own."""
    single(request.query_params, ("f", "lang"))
    layer = service_of(request).registry.get(request.path_params["layer"])
    return _respond(request, _list(request, [layer.id], layer.id))


def get_style(request: Request) -> Response:
    """`GET /styles/{style}?f=mapbox|sld|qml`: the style itself."""
    single(request.query_params, ("f", "lang"))
    service, name = service_of(request), request.path_params["style"]
    layers = _layers(service, name)
    if wants_html(request):
        return _respond(request, _metadata(request, name, layers))
    form = _form(request, name)
    drawn = [drawn_of(layer, service.registry) for layer in layers]
    body = WRITERS[form](request, _title(service, name), drawn)
    return answer(request, body, LANGUAGES[form].media, cache=CATALOGUE)


def get_metadata(request: Request) -> Response:
    """`GET /styles/{style}/metadata`: its languages, layers and attributes."""
    single(request.query_params, ("f", "lang"))
    name = request.path_params["style"]
    return _respond(request, _metadata(request, name, _layers(service_of(request), name)))


def _layers(service: Service, name: str) -> list[Layer]:
    """The layers of a style, lowest first. Raises NotThere."""
    layers = service.registry.layers
    if name == WHOLE:
        return sorted(layers.values(), key=lambda layer: layer.order)
    if name not in layers:
        raise NotThere(
            zh=f"没有样式 {name[:80]}。可用样式见 /styles",
            en=f"there is no style {name[:80]!r}. See /styles",
            style=name[:80],
        )
    return [layers[name]]


def _form(request: Request, name: str) -> str:
    form = request.query_params.get("f")
    if form in (None, "json"):
        accepted = request.headers.get("accept", "")
        named = (f for f, one in LANGUAGES.items() if one.media.partition(";")[0] in accepted)
        form = next(named, "mapbox") if form is None else "mapbox"
    if form not in LANGUAGES:
        choice = ", ".join(LANGUAGES)
        raise bad_value("f", str(form), f"可用：{choice}", f"one of {choice}")
    if name == WHOLE and not LANGUAGES[form].several:
        raise bad_value(
            "f", form, "该格式一次只描述一个图层，请用图层自己的样式",
            "it describes one layer: ask the layer's own style",
        )  # fmt: skip
    return form


def _mapbox(request: Request, title: str, drawn: Sequence[Symbols]) -> bytes:
    return orjson.dumps(mapbox_style(title, drawn, _base(request)))


def _sld(_: Request, __: str, drawn: Sequence[Symbols]) -> bytes:
    return sld_document(drawn)


def _qml(_: Request, __: str, drawn: Sequence[Symbols]) -> bytes:
    return qml_document(drawn[0])


WRITERS: dict[str, Callable[[Request, str, Sequence[Symbols]], bytes]] = {
    "mapbox": _mapbox, "sld": _sld, "qml": _qml,
}  # fmt: skip


def _list(request: Request, names: Sequence[str], default: str) -> dict[str, Any]:
    service, base = service_of(request), _base(request)
    here = f"{base}{request.url.path}"
    return {
        "default": default,
        "styles": [
            {
                "id": name,
                "title": _title(service, name),
                "links": [
                    *_sheets(base, name),
                    _link("describedby", JSON, f"{base}/styles/{name}/metadata?f=json", "metadata"),
                ],
            }
            for name in names
        ],
        "links": _itself(here),
    }


def _itself(here: str) -> list[dict[str, Any]]:
    return [
        _link("self", JSON, f"{here}?f=json", "JSON"),
        _link("alternate", HTML, f"{here}?f=html", "HTML"),
    ]


def _metadata(request: Request, name: str, layers: Sequence[Layer]) -> dict[str, Any]:
    service, base = service_of(request), _base(request)
    stylesheets = [
        {
            "title": one.title,
            "version": one.version,
            "specification": one.specification,
            "native": False,
            "link": _link("stylesheet", one.media, f"{base}/styles/{name}?f={form}", one.title),
        }
        for form, one in _languages(name)
    ]
    return {
        "id": name,
        "title": _title(service, name),
        "scope": "style",
        "stylesheets": stylesheets,
        "layers": [_layer(service, base, layer) for layer in layers],
        "links": _itself(f"{base}/styles/{name}/metadata"),
    }


def _layer(service: Service, base: str, layer: Layer) -> dict[str, Any]:
    drawn = drawn_of(layer, service.registry)
    data = f"{base}/collections/{layer.id}/items?f=json"
    used = [name for name in (drawn.field, drawn.label) if name]
    return {
        "id": layer.id,
        "type": drawn.shape,
        "attributes": [{"id": name, "required": False} for name in used],
        "sampleData": _link("data", "application/geo+json", data, layer.title.zh),
    }


def _sheets(base: str, name: str) -> list[dict[str, Any]]:
    return [
        _link("stylesheet", one.media, f"{base}/styles/{name}?f={form}", one.title)
        for form, one in _languages(name)
    ]


def _languages(name: str) -> list[tuple[str, Language]]:
    return [(f, one) for f, one in LANGUAGES.items() if one.several or name != WHOLE]


def _title(service: Service, name: str) -> str:
    if name == WHOLE:
        city = service.registry.city.name
        return f"{city.zh}一张图 One Map of {city.en}"
    title = service.registry.get(name).title
    return f"{title.zh} {title.en}"


def _link(rel: str, media: str, href: str, title: str) -> dict[str, Any]:
    return {"rel": rel, "type": media, "title": title, "href": href}


def _base(request: Request) -> str:
    return base_url(request, service_of(request).settings.public_url)


def _respond(request: Request, document: dict[str, Any]) -> Response:
    if wants_html(request):
        body = page("document.html", document, request).encode()
        return answer(request, body, HTML, cache=CATALOGUE)
    return json_answer(request, document, cache=CATALOGUE)
