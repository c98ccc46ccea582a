"""Items and one item at the database's own speed: asked from the event loop itself.

Whatever is not plain (another format or order of axes, an interval, documents, area that counts,
a wrong parameter, a broken connection) goes on to the ordinary way, which gives the same answer.
What follows from the address alone is worked out once: the parameters read, the statement
composed, the links written. Answers are never kept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from gis.api.answers import GEOJSON, answer
from gis.api.documents import has_documents
from gis.api.failures import error_answer
from gis.api.features import get_item, get_items, links_of, links_of_one, versioned
from gis.api.limits import counting
from gis.api.parameters import ItemsAsked, mark_text, read_item, read_items
from gis.api.refusals import no_feature
from gis.api.service import Service
from gis.errors import OneMapError
from gis.layers import Layer
from gis.store import Interval, ItemsPage
from gis.store.lines import LineBroken, Lines
from gis.store.swift import Swift, one, page

LINES = 6  # connections of each worker's event loop
MOST_PLANS, MOST_NAMES = 2_000, 8
LARGE = 100_000  # bytes: packing more would hold up everybody else
AFTER = ("@after@",)  # stands for the mark in links written beforehand
MARK = mark_text(AFTER).encode()
KEY = "@key@"


@dataclass(frozen=True, slots=True)
class Plan:
    """What follows from an address. named: whether it names its format; links: as JSON, by the
    name under which we were asked and whether a page goes on."""

    asked: ItemsAsked
    swift: Swift
    named: bool
    links: dict[tuple[str, str, bool], bytes] = field(default_factory=dict)


class Express:
    """ASGI, behind the gate: answers what it can, and lets the rest pass."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._plans: dict[tuple[str, bool, bytes], Plan | None] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        found = None
        if scope["type"] == "http" and scope["method"] == "GET":
            lines: Lines | None = scope["app"].state.lines
            if lines is not None:
                found = await self._answer(scope, lines)
        await (self.app if found is None else found)(scope, receive, send)

    async def _answer(self, scope: Scope, lines: Lines) -> Response | None:
        words = scope["path"].split("/")
        if len(words) not in (4, 5) or words[1] != "collections" or words[3] != "items":
            return None
        service: Service = scope["state"]["view"].service
        layer = service.registry.layers.get(words[2])
        single = len(words) == 5
        if layer is None or counting(layer) or has_documents(scope, layer):
            return None
        if single and not (words[4].isascii() and words[4].isdigit() and len(words[4]) < 19):
            return None
        plan = self._plan(scope, service, layer, single=single)
        if plan is None:
            return None
        request = Request(scope)
        try:
            found = await (
                _one(request, service, lines, plan, words[4])
                if single
                else _page(request, service, lines, plan)
            )
        except LineBroken:
            return None
        except OneMapError as error:
            found = error_answer(request, error)
        # as the router would have: who counts and records looks here
        scope["endpoint"] = get_item if single else get_items
        scope["path_params"] = {"layer": layer.id}
        return found

    def _plan(self, scope: Scope, service: Service, layer: Layer, *, single: bool) -> Plan | None:
        text: bytes = scope["query_string"]
        key = (layer.id, single, text)
        plan = self._plans.get(key)
        if plan is None and key not in self._plans:
            if len(self._plans) >= MOST_PLANS:
                self._plans.clear()
            plan = self._plans[key] = _read(service, layer, text, single=single)
        if plan is None:
            return None
        return plan if plan.named or _takes_any(scope) else None


def _takes_any(scope: Scope) -> bool:
    """Whether a request that names no format wants none in particular."""
    accepted = b",".join([value for name, value in scope["headers"] if name == b"accept"])
    return accepted in (b"", b"*/*") or accepted.startswith(
        (b"application/geo+json", b"application/json")
    )


def _read(service: Service, layer: Layer, text: bytes, *, single: bool) -> Plan | None:
    """None where the ordinary way is to answer, or to refuse."""
    params = QueryParams(text.decode("latin-1"))
    if params.get("f", "json") != "json":
        return None
    read = read_item if single else read_items
    try:
        asked = read(layer, params, service.registry, service.timezone)
        q = asked.query
        turned = asked.axes.north_first and q.geometry
        if asked.hits or turned or q.sortby or q.version_ids or isinstance(q.when, Interval):
            return None
        if single:
            return Plan(asked, Swift.one(replace(q, version_ids=True)), "f" in params)
        return Plan(asked, Swift.page(q), "f" in params)
    except OneMapError:
        return None


async def _page(request: Request, service: Service, lines: Lines, plan: Plan) -> Response:
    found = await page(lines, plan.swift)
    after = None if found.after is None else AFTER
    links = _links(
        request, plan, after is not None,
        lambda: links_of(request, service, plan.asked, ItemsPage([], None, after)),
    )  # fmt: skip
    if found.after is not None:
        links = links.replace(MARK, mark_text(found.after).encode())
    matched = b"" if found.matched is None else b',"numberMatched":%d' % found.matched
    features = ",".join(found.features).encode()
    timeless = b'{"type":"FeatureCollection","features":[%b],"numberReturned":%d,"links":%b%b}' % (
        features,
        found.returned,
        links,
        matched,
    )
    moment = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
    body = timeless[:-1] + b',"timeStamp":"' + moment + b'"}'
    return await _sent(request, plan, body, stamp=timeless)


async def _one(request: Request, service: Service, lines: Lines, plan: Plan, key: str) -> Response:
    text = await one(lines, plan.swift, int(key))
    if text is None:
        raise no_feature(plan.asked.query.layer.id, key)
    version, text = versioned(text, key)
    layer = plan.asked.query.layer
    links = _links(request, plan, False, lambda: links_of_one(request, service, layer, KEY))
    body = f'{text[:-1]},"links":'.encode() + links.replace(KEY.encode(), key.encode()) + b"}"
    return await _sent(request, plan, body, version=version)


async def _sent(request: Request, plan: Plan, body: bytes, **given: Any) -> Response:
    given["headers"] = {"Content-Crs": f"<{plan.asked.axes.uri}>"}
    if len(body) > LARGE and "gzip" in request.headers.get("accept-encoding", ""):
        return await run_in_threadpool(answer, request, body, GEOJSON, **given)
    return answer(request, body, GEOJSON, **given)


def _links(
    request: Request, plan: Plan, goes_on: bool, write: Callable[[], list[dict[str, str]]]
) -> bytes:
    """The links as JSON, written where they are not there yet."""
    name = (request.scope["scheme"], request.headers.get("host", ""), goes_on)
    made = plan.links.get(name)
    if made is None:
        if len(plan.links) >= MOST_NAMES:
            plan.links.clear()
        made = plan.links[name] = orjson.dumps(write())
    return made
