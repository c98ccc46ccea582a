"""The officer's work on alerts over HTTP: the next state, who and by when, photos, how far all is.

A state is changed as any feature is, by a merge patch with `If-Match`; what raised the alert can't
be changed by anybody.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from gis.api.access import Caller, record, require_officer, require_write
from gis.api.answers import JSON, base_url, json_answer
from gis.api.bodies import read_body
from gis.api.casefile import ALERTS, as_seen, no_alert
from gis.api.parameters import single
from gis.api.preconditions import version_tag, wanted_versions
from gis.api.refusals import Refused, bad_value, no_feature
from gis.api.service import Service, service_of
from gis.change import RuleSet, load_rules
from gis.errors import ChangeError
from gis.store import Step, add_photo, alert_stats, take_step
from gis.store.current import Current, current
from gis.store.documents import Place, add_document, safe_name

MOST_PHOTO_BYTES = 25_000_000
LONGEST_TEXT = 4_000
CHANGEABLE = ("state", "note", "assignee", "due_on")


class NotToChange(Refused):
    """A part of an alert that is evidence, or a value that part can't have."""

    http_status = 422


def routes() -> list[Route]:
    """The addresses of this module but `PATCH /collections/alerts/items/{key}`; before those of
    one alert, whose name a number is."""
    return [
        Route("/map/alerts/stats.json", get_stats),
        Route("/collections/{layer}/items/{key}/documents", post_document, methods=["POST"]),
    ]


def patch_alert(request: Request, body: bytes) -> Response:
    """`PATCH /collections/alerts/items/{key}`: `{"properties": {"state", "note", "assignee",
    "due_on"}}`, any of them; the whole file of the alert comes back."""
    single(request.query_params, ())
    service, key = service_of(request), request.path_params["key"]
    if ALERTS not in service.registry.layers:
        service.registry.get(ALERTS)
    who = require_officer(request)
    if not _is_number(key):
        raise no_feature(ALERTS, key[:80])
    versions = wanted_versions(request)
    step = _step(body, who, versions)
    try:
        case = take_step(service.store, int(key), step, due_days(service))
    except ChangeError as error:
        if "alert" in error.facts and "state" not in error.facts:
            raise no_alert(key) from error
        raise
    record(request, "alert", case["alert_id"], state=step.state, assignee=step.assignee)
    answer = json_answer(request, as_seen(case, service.registry), cache="no-store")
    answer.headers["ETag"] = version_tag(case["version"])
    return answer


def get_stats(request: Request) -> Response:
    """`GET /map/alerts/stats.json`: found, checked, confirmed, closed, overdue, time to close: in
    all, by county, reason and month. All nought for those who may not see alerts."""
    single(request.query_params, ())
    service = service_of(request)
    service.registry.get(ALERTS)
    return json_answer(request, alert_stats(service.store, due_days=due_days(service)))


async def post_document(request: Request) -> Response:
    """`POST /collections/{layer}/items/{key}/documents?name=&title=`: a photo or paper on a
    feature, its bytes as they are; on an alert it is a step of the trail."""
    given = single(request.query_params, ("name", "title"))
    layer = service_of(request).registry.get(request.path_params["layer"])
    who = require_officer(request) if layer.id == ALERTS else require_write(request, layer)
    name = safe_name(given.get("name", ""))
    if "." not in name.strip("."):
        raise bad_value(
            "name", given.get("name", ""), "应为带扩展名的文件名", "it is a file's name with suffix"
        )
    body = await read_body(request, MOST_PHOTO_BYTES)
    return await run_in_threadpool(_kept, request, who, name, given.get("title"), body)


def due_days(service: Service) -> Mapping[str, int]:
    """Days to act by state, from the installation's rules; none where it has no rules."""
    path = service.settings.config / "rules.yml"
    if not path.is_file():
        return {}
    reasons = tuple(service.registry.codelists["alert_reason"].codes)
    return _rules_of(path, path.stat().st_mtime_ns, reasons).due_days


@lru_cache(maxsize=4)
def _rules_of(path: Path, changed: int, reasons: tuple[str, ...]) -> RuleSet:
    """`changed` only makes an edited file another one."""
    return load_rules(path, reasons=reasons)


def _kept(
    request: Request, who: Caller, name: str, title: str | None, body: bytes
) -> Response:  # fmt: skip
    service, layer = service_of(request), request.path_params["layer"]
    there = _feature(service, layer, request.path_params["key"])
    place = Place(geometry=there.geometry, layer=layer, key=there.key)
    with tempfile.TemporaryDirectory(prefix="onemap-document-") as folder:
        file = Path(folder) / name
        file.write_bytes(body)
        kept = add_document(
            service.store, service.settings.home / "documents", file, place,
            title=title, person=who.name,
        )  # fmt: skip
    if layer == ALERTS:
        add_photo(service.store, there.key, kept.id, who.name, title or name)
    record(request, "document added", str(kept.id), name=kept.name, layer=layer, key=there.key)
    href = f"{base_url(request, service.settings.public_url)}/documents/{kept.id}"
    told = {
        "id": kept.id, "name": kept.name, "title": kept.title, "type": kept.media_type,
        "bytes": kept.bytes, "sha256": kept.digest, "href": href,
    }  # fmt: skip
    headers = {"Location": href, "Cache-Control": "no-store"}
    return Response(orjson.dumps(told), status_code=201, media_type=JSON, headers=headers)


def _feature(service: Service, layer: str, key: str) -> Current:
    found = None
    if _is_number(key):
        found = current(service.store, service.registry.get(layer), int(key))
    if found is None:
        raise no_feature(layer, key[:80])
    return found


def _step(body: bytes, who: Caller, versions: frozenset[int] | None) -> Step:
    """What a merge patch asks for. Raises Refused, NotToChange."""
    try:
        patch = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise Refused(zh="请求体不是 JSON", en="the body is no JSON") from exc
    given = patch.get("properties") if isinstance(patch, dict) else None
    if not isinstance(given, dict) or set(patch) - {"type", "id", "properties"}:
        raise NotToChange(
            zh='应为 {"properties": {…}}；线索的位置由检测确定，不能修改',
            en='it is {"properties": {…}}; where an alert lies is for the detection to say',
        )
    for name, value in given.items():
        if name not in CHANGEABLE:
            raise NotToChange(
                zh=f"线索的 {name[:40]} 不能修改；可改：{'、'.join(CHANGEABLE)}",
                en=f"{name[:40]} of an alert can't be changed; these can: {', '.join(CHANGEABLE)}",
                field=name[:40],
            )
        if value is not None and (not isinstance(value, str) or not _is_text(value)):
            raise NotToChange(
                zh=f"{name} 应为不超过 {LONGEST_TEXT} 字的文本",
                en=f"{name} is a text of at most {LONGEST_TEXT} letters",
                field=name,
            )
    return Step(
        by=who.name,
        note=given.get("note") or "",
        state=given.get("state"),
        assignee=given.get("assignee"),
        due_on=_day(given.get("due_on")),
        versions=versions,
    )


def _day(text: Any) -> date | None:
    if text is None:
        return None
    try:
        return date.fromisoformat(text)
    except ValueError as exc:
        raise NotToChange(
            zh=f"期限 {text[:40]} 应为日期，如 2026-12-01",
            en=f"due_on {text[:40]} is a date, like 2026-12-01",
            field="due_on",
        ) from exc


def _is_text(text: str) -> bool:
    return len(text) <= LONGEST_TEXT and "\x00" not in text


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19
