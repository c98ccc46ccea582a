"""Documents on features and places: what there is, and the files themselves.

A file leaves as what it was recorded as, to be saved and never shown under our own address; that
no client guesses another type is said with every answer (`health.Watch`).
"""

from __future__ import annotations

import re
import time
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route
from starlette.types import Scope

from gis.api.access import Caller, caller, record, sees_rows
from gis.api.answers import base_url, json_answer
from gis.api.parameters import read_when, single
from gis.api.refusals import NotThere, no_feature
from gis.api.service import Service, service_of
from gis.errors import StoreError
from gis.layers import Layer
from gis.store import LayerQuery, item
from gis.store.documents import (
    PLACES,
    Document,
    count_documents,
    document_file,
    documented,
    documents_of,
    show_document,
)

LOOK_S = 2.0  # seconds that are not asked for again which layers have documents
NEVER_LOOKED: tuple[float, frozenset[str]] = (0.0, frozenset())
ID = re.compile(r'\{"type":"Feature","id":(\d+)')
PLACE_CLASS = "internal"  # of what belongs to a place and not to a layer
SAFE = {
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-site",
    "Cache-Control": "private, no-cache",
}


def routes() -> list[Route]:
    """The addresses of this module."""
    return [
        Route("/collections/{layer}/items/{key}/documents", get_documents),
        Route("/documents/{number}", get_file),
    ]


def get_documents(request: Request) -> Response:
    """`GET /collections/{layer}/items/{key}/documents?datetime=`: what belongs to the feature."""
    service = service_of(request)
    when = read_when(request.query_params, service.timezone, ("f", "datetime"))
    layer = service.registry.get(request.path_params["layer"])
    key = _whole(request.path_params["key"])
    if (
        key is None
        or not sees_rows(caller(request), layer)
        or item(service.store, LayerQuery(layer=layer, when=when), key) is None
    ):
        raise no_feature(layer.id, request.path_params["key"][:80])
    base = base_url(request, service.settings.public_url)
    of_places = PLACE_CLASS in caller(request).classes
    found = [
        _told(document, base)
        for document in documents_of(service.store, layer, key, when)
        if document.layer is not None or of_places
    ]
    return json_answer(request, {"documents": found, "count": len(found)})


def with_documents(
    request: Request, service: Service, q: LayerQuery, features: list[str]
) -> list[str]:
    """GeoJSON features, told how many documents belong to each that has some, and where they are.

    A layer without documents costs nothing but a look, every few seconds, at which have some."""
    who = caller(request)
    known = _documented(request, service)
    places = PLACES in known and PLACE_CLASS in who.classes
    if not features or q.version_ids or not (places or q.layer.id in known):
        return features
    if not sees_rows(who, q.layer):
        return features
    keys = [int(found[1]) if (found := ID.match(text)) else -1 for text in features]
    counts = count_documents(service.store, q.layer, keys, q.when, places=places)
    here = f"{base_url(request, service.settings.public_url)}/collections/{q.layer.id}/items"
    at = {"datetime": request.query_params["datetime"]} if q.when is not None else {}
    asked = f"?{urlencode(at, safe=':/')}" if at else ""
    return [
        _told_of(text, counts[key], f"{here}/{key}/documents{asked}") if key in counts else text
        for key, text in zip(keys, features, strict=True)
    ]


def has_documents(scope: Scope, layer: Layer) -> bool:
    """Whether features of the layer may have documents that the caller is to be told of, or
    nobody has looked for a moment."""
    until, known = getattr(scope["app"].state, "documented", NEVER_LOOKED)
    if time.monotonic() >= until:
        return True
    who = caller(scope)
    return layer.id in known or (PLACES in known and PLACE_CLASS in who.classes)


def _told_of(text: str, count: int, href: str) -> str:
    member = orjson.dumps({"count": count, "href": href}).decode()
    return f'{text[:-1]},"documents":{member}}}'


def _documented(request: Request, service: Service) -> frozenset[str]:
    """Which layers have documents, as of some seconds ago at most."""
    state, now = request.app.state, time.monotonic()
    until, found = getattr(state, "documented", NEVER_LOOKED)
    if now >= until:
        found = documented(service.store)
        state.documented = (now + LOOK_S, found)
    return found


def get_file(request: Request) -> Response:
    """`GET /documents/{number}`: the file, to be saved."""
    service = service_of(request)
    single(request.query_params, ())
    text = request.path_params["number"]
    number = _whole(text)
    found = None if number is None else _shown(service, caller(request), number)
    if found is None:
        raise NotThere(
            zh=f"没有文档 {text[:20]}", en=f"there is no document {text[:20]}", document=text[:20]
        )
    path = document_file(service.settings.home / "documents", found)
    disposition = f"attachment; filename*=UTF-8''{quote(found.name, safe='')}"
    headers = {**SAFE, "Content-Disposition": disposition}
    record(request, "document", str(found.id), name=found.name)
    return FileResponse(path, media_type=found.media_type, headers=headers)


def _shown(service: Service, who: Caller, number: int) -> Document | None:
    """The document, where the caller may see it."""
    try:
        found = show_document(service.store, number)
    except StoreError as error:
        if "document" in error.facts:
            return None
        raise
    if found.layer is None:
        return found if PLACE_CLASS in who.classes else None
    layer = service.registry.layers.get(found.layer)
    return found if layer is not None and sees_rows(who, layer) else None


def _told(document: Document, base: str) -> dict[str, Any]:
    """What is said of a document; who added it is for the department."""
    return {
        "id": document.id,
        "name": document.name,
        "title": document.title,
        "type": document.media_type,
        "bytes": document.bytes,
        "sha256": document.digest,
        "added_at": document.added_at,
        "linked_to": "place" if document.layer is None else "feature",
        "place_code": document.place_code,
        "href": f"{base}/documents/{document.id}",
    }


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 19 else None
