"""pygeoapi behind our door: catalogue, schemas, tile metadata, and formats we do not write.

pygeoapi's functions are called, not its app: it reads its configuration from the environment at
import, and its pages load scripts from other people's servers. A page here is pygeoapi's JSON in
a template of ours.
"""

from __future__ import annotations

import copy
from collections.abc import Awaitable, Callable
from typing import Any, cast
from urllib.parse import urlencode

import orjson
import pygeoapi.api as core
from pygeoapi.api import itemtypes, processes
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gis.api import downloads, jsonfg
from gis.api.answers import HTML, JSON, JSON_FG, answer, base_url, wants_html
from gis.api.config import DEFAULT_ITEMS
from gis.api.failures import error_answer
from gis.api.filtering import FILTER
from gis.api.offering import PLAIN, not_a_format, offers
from gis.api.openapi import conformance, of_draft, openapi_document, queryables
from gis.api.ownpaths import own_links
from gis.api.pages import page
from gis.api.parameters import read_item, read_items, whole
from gis.api.records import collection
from gis.api.refusals import Refused, no_process
from gis.api.service import ASKED, SERVING, Service, service_of
from gis.store.filters import short_enough

Function = Callable[..., tuple[dict[str, Any], int, Any]]
CATALOGUE = "public, max-age=60"
ITEM_FORMATS = ("json", "html", "jsonld")
# pygeoapi's messages are English; what they mean, by OGC's code
MEANING = {
    "NotFound": "没有找到所请求的资源",
    "InvalidParameterValue": "参数值无效",
    "NoApplicableCode": "请求无法处理",
}


class _Understood(dict[str, Any]):
    """A request's parameters, where what our door has read is there for links alone: pygeoapi's
    own reader knows half of CQL2, and refuses the rest, an order by `key`, and `valid_from`."""

    HIDDEN = (*FILTER, "q", "sortby", "properties")

    def get(self, name: str, default: Any = None) -> Any:
        """The value pygeoapi is to read for itself."""
        return default if name in self.HIDDEN else super().get(name, default)


# QGIS hands the query of its address on with every request, so that items come as of a date; on
# its way there it asks for these documents, which are the same at any date.
CARRIED = (*PLAIN, "datetime", "feature-id")


class Catalogue:
    """pygeoapi's API object for one service, one copy a base address."""

    def __init__(self, service: Service) -> None:
        token = SERVING.set(service)
        try:
            self._api = core.API(copy.deepcopy(service.config), {})
        finally:
            SERVING.reset(token)
        self._service = service

    def call(self, function: Function, request: Request, *words: Any) -> tuple[int, str, bytes]:
        """Status, media type and body of one of pygeoapi's functions; HTML is asked as JSON."""
        api = copy.copy(self._api)
        api.base_url = base_url(request, self._service.settings.public_url)
        asked = core.APIRequest(request, api.locales)
        if wants_html(request) or not _names_json_ld(request):
            asked._format = "json"  # it takes the name of any format it has ever heard of
        if ASKED.get(None) is not None:
            asked._args = _Understood(asked._args)
        token = SERVING.set(self._service)
        try:
            if not asked.is_valid(("csv",)):
                headers, status, body = api.get_format_exception(asked)
            else:
                headers, status, body = function(api, asked, *words)
        finally:
            SERVING.reset(token)
        text = body.encode() if isinstance(body, str) else bytes(body or b"")
        return int(status), str(headers.get("Content-Type", JSON)), text

    def check_process(self, process: str) -> None:
        """Raises NotThere where there is no process of that name."""
        if process not in self._api.manager.processes:
            raise no_process(process, self._api.manager.processes)

    def execute(self, process: str, inputs: dict[str, Any]) -> Any:
        """What a process answers. Raises NotThere where there is none of that name."""
        self.check_process(process)
        token = SERVING.set(self._service)
        try:
            return self._api.manager.get_processor(process).execute(inputs)[1]
        finally:
            SERVING.reset(token)


def catalogue_of(request: Request) -> Catalogue:
    """The catalogue as the one who asks may see it."""
    return cast(Catalogue, request.scope["state"]["view"].catalogue)


def routes() -> list[Route]:
    """Every address of the standard that is pygeoapi's to answer."""
    one = "/collections/{layer}"
    process = _route(processes.describe_processes, None, "process")
    linked, plain = ("json", "html", "jsonld"), ("json", "html")
    return [
        Route("/", offers(_route(_landing, "landing.html"), *linked, known=CARRIED)),
        Route("/conformance", offers(_route(_conformance), *plain, known=PLAIN)),
        Route("/openapi", offers(get_openapi, *plain, known=CARRIED)),
        Route(
            "/collections", offers(_route(_collections, "collections.html"), *linked, known=PLAIN)
        ),
        Route(one, offers(_route(_collection, "collection.html", "layer"), *linked, known=CARRIED)),
        Route(f"{one}/schema", offers(_route(_schema, None, "layer"), *plain, known=PLAIN)),
        Route(f"{one}/queryables", offers(_route(_queryables, None, "layer"), *plain, known=PLAIN)),
        Route("/processes", offers(_route(_processes), *plain, known=(*PLAIN, "limit"))),
        Route("/processes/{process}", offers(process, *plain, known=PLAIN)),
    ]


def get_items(request: Request) -> Response:
    """Items as a file, or in a format of pygeoapi's (JSON-LD)."""
    if downloads.asked_format(request) is not None:
        return downloads.get_file(request)
    if request.query_params.get("f") == "jsonfg":
        return jsonfg.get_items(request)
    service = service_of(request)
    layer = service.registry.get(request.path_params["layer"])
    asked = read_items(layer, request.query_params, service.registry, service.timezone)
    if asked.hits and request.query_params.get("f", "json") != "json":
        raise Refused(
            zh="resulttype=hits 只有 JSON 格式", en="resulttype=hits is only there as JSON"
        )
    token = ASKED.set(asked)
    try:
        return _respond(request, itemtypes.get_collection_items, layer.id)
    finally:
        ASKED.reset(token)


def get_item(request: Request) -> Response:
    """One item in a format of pygeoapi's."""
    named = request.query_params.get("f", "json")
    if named not in ITEM_FORMATS:
        raise not_a_format(named, ITEM_FORMATS)
    service = service_of(request)
    layer = service.registry.get(request.path_params["layer"])
    asked = read_item(layer, request.query_params, service.registry, service.timezone)
    token = ASKED.set(asked)
    try:
        return _respond(
            request, itemtypes.get_collection_item, layer.id, request.path_params["key"]
        )
    finally:
        ASKED.reset(token)


def by_post(get: Callable[[Request], Response]) -> Callable[[Request], Awaitable[Response]]:
    """`POST …/items`: the body is a filter in CQL2 JSON; all else as by GET."""

    async def endpoint(request: Request) -> Response:
        body = await _body(request)
        pairs = [
            *request.query_params.multi_items(), ("filter", body), ("filter-lang", "cql2-json"),
        ]  # fmt: skip
        scope = dict(request.scope, method="GET", query_string=urlencode(pairs).encode())
        return await run_in_threadpool(get, Request(scope, request.receive))

    endpoint.__name__ = f"{get.__name__}_by_post"
    return endpoint


async def _body(request: Request) -> str:
    """The request's body as text; reading stops where a filter is too long."""
    found = b""
    async for part in request.stream():
        found += part
        short_enough(found.decode("latin-1"))  # one letter a byte
    try:
        return found.decode()
    except UnicodeDecodeError as exc:
        raise Refused(
            zh="请求体应为 UTF-8 的 CQL2 JSON", en="the body is CQL2 JSON in UTF-8"
        ) from exc


def get_openapi(request: Request) -> Response:
    """The OpenAPI document, complete in itself."""
    service = service_of(request)
    document = openapi_document(service, base_url(request, service.settings.public_url))
    if wants_html(request):
        return _page(request, "openapi.html", document)
    media = "application/vnd.oai.openapi+json;version=3.0"
    return answer(request, orjson.dumps(document), media, cache=CATALOGUE)


def _names_json_ld(request: Request) -> bool:
    named = request.query_params.get("f")
    return named == "jsonld" or (named is None and "ld+json" in request.headers.get("accept", ""))


def _landing(api: Any, asked: Any) -> tuple[dict[str, Any], int, Any]:
    headers, status, body = core.landing_page(api, asked)
    if status == 200 and asked.format == "json":
        document = orjson.loads(body)
        # pygeoapi's link to itself, at the address of the configuration, and its own spelling
        document["links"] = [
            link
            for link in document["links"]
            if link["rel"] != "about" and "/TileMatrixSets" not in link["href"]
        ] + own_links(SERVING.get().registry, api.base_url)
        body = orjson.dumps(document)
    return headers, status, body


def _collections(api: Any, asked: Any) -> tuple[dict[str, Any], int, Any]:
    headers, status, body = core.describe_collections(api, asked)
    if status == 200 and asked.format == "json":
        document = orjson.loads(body)
        for found in document["collections"]:
            _with_files(found)
        document["collections"].append(collection(SERVING.get().registry.city, api.base_url))
        body = orjson.dumps(document)
    return headers, status, body


def _collection(api: Any, asked: Any, layer: str) -> tuple[dict[str, Any], int, Any]:
    headers, status, body = core.describe_collections(api, asked, layer)
    if status == 200 and asked.format == "json":
        document = orjson.loads(body)
        _with_files(document)
        body = orjson.dumps(document)
    return headers, status, body


def _with_files(document: dict[str, Any]) -> None:
    """Add to a collection's links its items in the formats that pygeoapi does not write."""
    links = document["links"]
    here = next((link["href"] for link in links if link["rel"] == "items"), None)
    if here is None:
        return
    items = here.partition("?")[0]
    media = {"jsonfg": JSON_FG} | {n: f.media for n, f in downloads.FORMATS.items()}
    told = {link["href"].rpartition("f=")[2] for link in links if link["rel"] == "items"}
    links += [
        {"type": type_, "rel": "items", "title": f"Items: {name}", "href": f"{items}?f={name}"}
        for name, type_ in media.items()
        if name not in told
    ]


def _processes(api: Any, asked: Any) -> tuple[dict[str, Any], int, Any]:
    whole("limit", asked.params.get("limit"), DEFAULT_ITEMS, 1)  # in our words
    headers, status, body = processes.describe_processes(api, asked)
    return headers, status, body


def _schema(api: Any, asked: Any, layer: str) -> tuple[dict[str, Any], int, Any]:
    headers, status, body = core.get_collection_schema(api, asked, layer)
    document = orjson.loads(body)
    return headers, status, orjson.dumps(document | of_draft(document))


def _conformance(api: Any, asked: Any) -> tuple[dict[str, Any], int, Any]:
    headers, status, body = core.conformance(api, asked)
    return headers, status, orjson.dumps(conformance(orjson.loads(body)))


def _queryables(api: Any, asked: Any, layer: str) -> tuple[dict[str, Any], int, Any]:
    headers, status, body = itemtypes.get_collection_queryables(api, asked, layer)
    if status == 200:
        registry = SERVING.get().registry
        body = orjson.dumps(queryables(orjson.loads(body), registry.get(layer), registry))
    return headers, status, body


def _route(
    function: Function, template: str | None = None, *names: str
) -> Callable[[Request], Response]:
    def endpoint(request: Request) -> Response:
        words = [request.path_params[name] for name in names]
        if "layer" in names:  # our own words for what is not there
            service_of(request).registry.get(request.path_params["layer"])
        if "process" in names:
            catalogue_of(request).check_process(request.path_params["process"])
        return _respond(request, function, *words, template=template)

    # what /metrics calls it; pygeoapi's decorated functions have all the same name
    endpoint.__name__ = template.removesuffix(".html") if template else function.__name__
    return endpoint


def _respond(
    request: Request, function: Function, *words: str, template: str | None = None
) -> Response:
    status, media, body = catalogue_of(request).call(function, request, *words)
    if status >= 400:
        return error_answer(request, _refusal(body), status)
    if wants_html(request):
        return _page(request, template or "document.html", orjson.loads(body))
    return answer(request, body, media, cache=CATALOGUE)


def _page(request: Request, template: str, document: Any) -> Response:
    return answer(request, page(template, document, request).encode(), HTML, cache=CATALOGUE)


def _refusal(body: bytes) -> Refused:
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        found = {}
    words = str(found.get("description", "the request can't be answered"))
    meaning = MEANING.get(str(found.get("code")), MEANING["NoApplicableCode"])
    return Refused(zh=f"{meaning}（{words}）", en=words)
