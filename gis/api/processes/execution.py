"""`POST /processes/{process}/execution`: the request read here, so that every refusal is worded
like all others, and nobody can have this server call other people's addresses."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from gis.api.answers import json_answer
from gis.api.bodies import read_body
from gis.api.ogc import catalogue_of
from gis.api.refusals import NotOffered, Refused, bad_value

MOST_BYTES = 1_000_000
MEMBERS = ("inputs", "outputs", "response")


async def execute(request: Request) -> Response:
    """The answer of a process, at once."""
    body = await read_body(request, MOST_BYTES)
    return await run_in_threadpool(_execute, request, body)


def _execute(request: Request, body: bytes) -> Response:
    asked = _read(body)
    name = request.path_params["process"]
    result = catalogue_of(request).execute(name, asked.get("inputs", {}))
    wanted = asked.get("outputs")
    if wanted is not None and not set(wanted) <= {name}:
        raise bad_value("outputs", str(sorted(wanted)), f"只有 {name}", f"there is {name} only")
    document = {name: result} if asked.get("response") == "document" else result
    return json_answer(request, document, cache="no-store")


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
    return asked
