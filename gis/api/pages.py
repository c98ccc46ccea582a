"""Our own pages: no script, nothing from elsewhere, every value escaped."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.datastructures import QueryParams
from starlette.requests import Request

from gis import __version__
from gis.api.answers import HTML, answer, base_url
from gis.api.downloads import FORMATS
from gis.api.features import PLACES, document, fetch, fetch_one, neighbours
from gis.api.parameters import ItemsAsked, read_item, read_items
from gis.api.service import service_of
from gis.layers import Field, Layer, Registry


@lru_cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("gis.api"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["pretty"] = lambda value: json.dumps(value, ensure_ascii=False, indent=2)
    return environment


def page(template: str, document: Any, request: Request, **words: Any) -> str:
    """A page of `templates/` about `document`."""
    service = service_of(request)
    given = {
        "document": document,
        "base": base_url(request, service.settings.public_url),
        "path": request.url.path,
        "json_query": urlencode([*_without_format(request), ("f", "json")]),
        "layers": service.registry.layers,
        "city": service.registry.city,
        "version": __version__,
    }
    return _environment().get_template(template).render(given | words)


def get_items(request: Request) -> Any:
    """Items as a table."""
    service = service_of(request)
    layer = service.registry.get(request.path_params["layer"])
    # a form sends what nobody filled in
    filled = [
        (n, v) for n, v in request.query_params.multi_items() if v or n not in ("filter", "q")
    ]
    asked = read_items(layer, QueryParams(filled), service.registry, service.timezone)
    shown = fetch(service, asked)
    found = document(shown)
    rows = [_row(f, layer, service.registry) for f in found["features"]]
    words = {"layer": layer, "rows": rows, "columns": _columns(layer, asked)}
    words["pages"] = {
        rel: urlencode([*_paged(request), ("f", "html"), *place.items()])
        for rel, place in neighbours(asked, shown)
    }
    whole = [(n, v) for n, v in _paged(request) if n != "limit"]
    words["files"] = [(name, urlencode([*whole, ("f", name)])) for name in FORMATS]
    words["asked"] = _form(request)
    return answer(request, page("items.html", found, request, **words).encode(), HTML)


def get_item(request: Request) -> Any:
    """One item as a list of fields, with its geometry as GeoJSON."""
    service = service_of(request)
    layer = service.registry.get(request.path_params["layer"])
    asked = read_item(layer, request.query_params, service.registry, service.timezone)
    feature = json.loads(fetch_one(service, asked, request.path_params["key"]))
    words = {"layer": layer, "row": _row(feature, layer, service.registry)}
    words["columns"] = _columns(layer, asked)
    return answer(request, page("item.html", feature, request, **words).encode(), HTML)


def _form(request: Request) -> dict[str, Any]:
    """What a page's form shows, and what it keeps."""
    given = dict(_paged(request))
    shown = {name: given.pop(name, "") for name in ("filter", "q")}
    return shown | {"kept": [*given.items(), ("f", "html")]}


def _columns(layer: Layer, asked: ItemsAsked) -> list[tuple[str, str]]:
    """(name, title) of what the rows hold."""
    names = asked.query.fields
    titles = {f.name: _title(f) for f in layer.fields}
    titles |= {"valid_from": "有效自 Valid from", "valid_to": "有效至 Valid to"}
    if layer.latest_of:
        titles |= {"latest_value": "最新值 Latest", "latest_time": "时间 Time"}
    return [(n, t) for n, t in titles.items() if names is None or n in names]


def _title(field: Field) -> str:
    unit = f" ({field.unit})" if field.unit else ""
    return f"{field.title.zh} {field.title.en}{unit}"


def _row(feature: Mapping[str, Any], layer: Layer, registry: Registry) -> dict[str, Any]:
    """A feature's values as people read them: codes with their meaning."""
    row: dict[str, Any] = {"id": feature["id"], **feature["properties"]}
    for field in layer.fields:
        codes = registry.codelist(field)
        code = codes.codes.get(str(row.get(field.name))) if codes else None
        if code is not None:
            row[field.name] = f"{code.title.zh} {code.title.en} ({code.code})"
    return row


def _without_format(request: Request) -> list[tuple[str, str]]:
    return [(n, v) for n, v in request.query_params.multi_items() if n != "f"]


def _paged(request: Request) -> list[tuple[str, str]]:
    return [(n, v) for n, v in _without_format(request) if n not in PLACES]
