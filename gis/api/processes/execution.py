"""`POST /processes/{process}/execution`: the request read here, so that every refusal is worded
like all others, and nobody can have this server call other people's addresses.

At once, or as a job where `Prefer: respond-async` asks for one.
"""

from __future__ import annotations

from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from gis.api.access import caller
from gis.api.answers import base_url, json_answer
from gis.api.bodies import read_body
from gis.api.ogc import catalogue_of
from gis.api.processes import jobs
from gis.api.processes.formats import asked_format, written
from gis.api.processes.taking import count_taken
from gis.api.refusals import NotOffered, Refused, bad_value
from gis.api.service import service_of
from gis.store.jobs import add_job

MOST_BYTES = 1_000_000
MOST_WITH_FILE = 8_000_000  # a file of 5 MB in base64
WITH_FILE = ("site-check",)
MEMBERS = ("inputs", "outputs", "response")


async def execute(request: Request) -> Response:
    """The answer of a process, at once, or a job."""
    takes_file = request.path_params["process"] in WITH_FILE
    body = await read_body(request, MOST_WITH_FILE if takes_file else MOST_BYTES)
    return await run_in_threadpool(_execute, request, body)


def _execute(request: Request, body: bytes) -> Response:
    asked = _read(body)
    name = request.path_params["process"]
    inputs = asked.get("inputs", {})
    wanted = asked.get("outputs")
    catalogue = catalogue_of(request)
    catalogue.check_process(name)
    if wanted is not None and not set(wanted) <= {name}:
        raise bad_value("outputs", str(sorted(wanted)), f"只有 {name}", f"there is {name} only")
    if _prefers_job(request):
        return _started(request, name, inputs)
    format_ = asked_format(request, name)
    result = catalogue.execute(name, inputs)
    count_taken(service_of(request).registry, result)
    if asked.get("response") == "document":
        return json_answer(request, {name: result}, cache="no-store")
    return written(request, name, result, format_)


def _prefers_job(request: Request) -> bool:
    words = [w.strip().lower() for w in request.headers.get("prefer", "").split(",")]
    return "respond-async" in words


def _started(request: Request, name: str, inputs: dict[str, Any]) -> Response:
    """201 with where to ask for the job."""
    service = service_of(request)
    layers = list(service.registry.layers)
    id_ = add_job(service.store, name, inputs, caller(request).name, layers)
    jobs.runner_of(request).wake()
    found = jobs.status_of(request, jobs.known(request, str(id_)))
    where = f"{base_url(request, service.settings.public_url)}/jobs/{id_}"
    headers = {"Location": where, "Preference-Applied": "respond-async"}
    return json_answer(request, found, status=201, cache="no-store", headers=headers)


def _read(body: bytes) -> dict[str, Any]:
    """An execute request of OGC API Processes 1.0. Raises Refused."""
    try:
        asked = orjson.loads(body)
    except orjson.JSONDecodeError as exc:
        raise Refused(
            zh=f'请求体不是 JSON：{exc}。应为 {{"inputs": {{…}}}}',
            en=f'the body is not JSON: {exc}. It is {{"inputs": {{…}}}}',
        ) from exc
    if not isinstance(asked, dict) or not isinstance(asked.get("inputs", {}), dict):
        raise Refused(
            zh='请求体应为对象 {"inputs": {…}}', en='the body is an object {"inputs": {…}}'
        )
    if "subscriber" in asked:
        raise NotOffered(
            zh="不支持 subscriber：本服务器不向外发请求，结果随答复返回",
            en="subscriber is not offered: this server calls nobody, the answer holds the result",
        )
    for member in asked:
        if member not in MEMBERS:
            known = ", ".join(MEMBERS)
            raise bad_value("execute", str(member), f"可用：{known}", f"one of {known}")
    if asked.get("response", "raw") not in ("raw", "document"):
        raise bad_value("response", str(asked["response"]), "raw 或 document", "raw or document")
    if not isinstance(asked.get("outputs") or {}, dict | list):
        raise bad_value("outputs", str(asked["outputs"]), "应为对象", "it is an object")
    if b"\\u0000" in body:  # PostgreSQL keeps no such letter, and no input has one
        raise bad_value("inputs", "\\u0000", "不能含空字符", "no null letters")
    return asked
