"""Items and one item: the hot routes, and the documents that pygeoapi's provider hands on."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gis.api.answers import GEOJSON, JSON_FG, LD_JSON, answer, base_url, json_answer
from gis.api.axes import STORAGE_EPSG, flip
from gis.api.documents import with_documents
from gis.api.downloads import FORMATS
from gis.api.limits import taken_texts
from gis.api.parameters import ItemsAsked, mark_text, read_item, read_items
from gis.api.refusals import no_feature
from gis.api.service import Service, service_of
from gis.layers import Layer
from gis.store import ItemsPage, count, history, item, items

START = '{"type":"Feature","id":'
VERSION_ID = re.compile(re.escape(START) + r"(\d+)")
PLACES = ("offset", "after")  # where in the whole a page stands
# format -> media type, of a page of items
MEDIA = {
    "json": GEOJSON, "html": "text/html", "jsonld": LD_JSON, "jsonfg": JSON_FG,
    **{name: format_.media for name, format_ in FORMATS.items()},
}  # fmt: skip


def get_items(request: Request) -> Response:
    """`GET /collections/{layer}/items` as GeoJSON."""
    service = service_of(request)
    layer = service.registry.get(request.path_params["layer"])
    asked = read_items(layer, request.query_params, service.registry, service.timezone)
    page = fetch(service, asked)
    told = with_documents(request, service, asked.query, page.features)
    page = replace(page, features=told)
    links = links_of(request, service, asked, page)
    headers = {"Content-Crs": f"<{asked.axes.uri}>"}
    timeless = _collection(page, links)
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = timeless[:-1] + f',"timeStamp":"{moment}"}}'.encode()
    return answer(request, body, GEOJSON, headers=headers, stamp=timeless)


def get_item(request: Request) -> Response:
    """`GET /collections/{layer}/items/{key}` as GeoJSON."""
    service = service_of(request)
    layer = service.registry.get(request.path_params["layer"])
    asked = read_item(layer, request.query_params, service.registry, service.timezone)
    key = request.path_params["key"]
    text = fetch_one(service, replace(asked, query=replace(asked.query, version_ids=True)), key)
    version, text = versioned(text, key)
    [text] = with_documents(request, service, asked.query, [text])
    links = links_of_one(request, service, layer, key)
    body = f'{text[:-1]},"links":'.encode() + orjson.dumps(links) + b"}"
    headers = {"Content-Crs": f"<{asked.axes.uri}>"}
    return answer(request, body, GEOJSON, headers=headers, version=version)


def versioned(text: str, key: str) -> tuple[int, str]:
    """The number of the version a feature's text names, and the text with the feature's own: of
    one statement, so that the tag is never newer than what it stands for."""
    found = VERSION_ID.match(text)
    assert found is not None  # it is our own text
    return int(found[1]), f"{START}{int(key)}{text[found.end() :]}"


def get_history(request: Request) -> Response:
    """`GET /collections/{layer}/items/{key}/history`: every version, newest first."""
    service = service_of(request)
    layer = service.registry.get(request.path_params["layer"])
    key = request.path_params["key"]
    versions = history(service.store, layer, _number(layer, key))
    if not versions:
        raise no_feature(layer.id, key)
    taken_texts(layer, (orjson.dumps(version).decode() for version in versions), STORAGE_EPSG)
    return json_answer(request, {"versions": versions})


def fetch(service: Service, asked: ItemsAsked) -> ItemsPage:
    """The page of features, in the order of axes asked for."""
    if asked.hits:
        return ItemsPage([], count(service.store, asked.query))
    page = items(service.store, asked.query)
    taken_texts(asked.query.layer, page.features, asked.query.srid)
    if asked.axes.north_first and asked.query.geometry:
        return replace(page, features=[_turned(text) for text in page.features])
    return page


def fetch_one(service: Service, asked: ItemsAsked, key: str) -> str:
    """One feature as GeoJSON text. Raises NotThere."""
    layer = asked.query.layer
    text = item(service.store, asked.query, _number(layer, key))
    if text is None:
        raise no_feature(layer.id, key)
    taken_texts(layer, [text], asked.query.srid)
    return _turned(text) if asked.axes.north_first and asked.query.geometry else text


def document(page: ItemsPage) -> dict[str, Any]:
    """The same page as values: for pygeoapi's formats and for our own pages."""
    found: dict[str, Any] = {
        "type": "FeatureCollection",
        "features": [orjson.loads(text) for text in page.features],
        "numberReturned": page.returned,
    }
    return found if page.matched is None else found | {"numberMatched": page.matched}


def _turned(text: str) -> str:
    feature = orjson.loads(text)
    flip(feature["geometry"])
    return orjson.dumps(feature).decode()


def _number(layer: Layer, key: str) -> int:
    if not (key.isascii() and key.isdigit() and len(key) < 19):
        raise no_feature(layer.id, key[:80])
    return int(key)


def _collection(page: ItemsPage, links: list[dict[str, str]]) -> bytes:
    rest: dict[str, Any] = {"numberReturned": page.returned, "links": links}
    if page.matched is not None:
        rest["numberMatched"] = page.matched
    head = '{"type":"FeatureCollection","features":[' + ",".join(page.features) + "],"
    return head.encode() + orjson.dumps(rest)[1:]


def links_of(
    request: Request, service: Service, asked: ItemsAsked, page: ItemsPage, format_: str = "json"
) -> list[dict[str, str]]:
    """The links of a page of items; `next` and `prev` stay in `format_`."""
    layer = asked.query.layer
    here = f"{base_url(request, service.settings.public_url)}/collections/{layer.id}"
    same = _query(request, "f")
    links = [
        _link("self" if name == format_ else "alternate", media, f"{here}/items?{same}f={name}")
        for name, media in MEDIA.items()
    ]
    links.append(_link("collection", "application/json", f"{here}?f=json"))
    for rel, place in neighbours(asked, page):
        rest = f"{_query(request, 'f', 'limit', *PLACES)}f={format_}&limit={asked.query.limit}"
        links.append(_link(rel, MEDIA[format_], f"{here}/items?{rest}&{urlencode(place)}"))
    return links


def links_of_one(
    request: Request, service: Service, layer: Layer, key: str
) -> list[dict[str, str]]:
    """The links of one feature."""
    here = f"{base_url(request, service.settings.public_url)}/collections/{layer.id}"
    same = _query(request, "f")
    return [
        _link("self", GEOJSON, f"{here}/items/{key}?{same}f=json"),
        _link("alternate", "text/html", f"{here}/items/{key}?{same}f=html"),
        _link("alternate", LD_JSON, f"{here}/items/{key}?{same}f=jsonld"),
        _link("collection", "application/json", f"{here}?f=json"),
        _link("version-history", "application/json", f"{here}/items/{key}/history"),
    ]


def neighbours(asked: ItemsAsked, page: ItemsPage) -> list[tuple[str, dict[str, Any]]]:
    """The pages after and before: (`next` or `prev`, the parameter that leads there)."""
    limit, offset = asked.query.limit or 0, asked.query.offset
    found: list[tuple[str, dict[str, Any]]] = []
    if page.after is not None:
        found.append(("next", {"after": mark_text(page.after)}))
    if offset > 0:
        found.append(("prev", {"offset": max(0, offset - limit)}))
    return found


def _query(request: Request, *without: str) -> str:
    """The query string without those parameters, ready for more."""
    kept = [(n, v) for n, v in request.query_params.multi_items() if n not in without]
    return urlencode(kept, safe=",:/") + "&" if kept else ""


def _link(rel: str, media: str, href: str) -> dict[str, str]:
    return {"rel": rel, "type": media, "href": href}
