"""Every error as the OGC exception, in both languages; what is inside stays inside."""

from __future__ import annotations

import logging
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from gis.api.answers import HTML, JSON, answer, wants_html
from gis.api.pages import page
from gis.api.refusals import NotThere, Refused
from gis.errors import ConfigError, CoordError, LayerError, OneMapError, StoreError, UnknownLayer

LOG = logging.getLogger(__name__)
CHALLENGE = 'Bearer realm="onemap"'
WORDS = {
    404: ("没有这个地址。目录见 /collections", "there is nothing here. See /collections"),
    405: ("该地址不接受此方法", "this address does not take that method"),
    406: ("不提供这种格式", "that format is not offered"),
}


def exception(error: OneMapError) -> dict[str, Any]:
    """The OGC exception: code, description, and both languages."""
    return {
        "type": error.facts.get("type", type(error).__name__),  # OGC's own, where it has one
        "code": code_of(error),
        "description": f"{error.zh} / {error.en}",
        "zh": error.zh,
        "en": error.en,
    }


def code_of(error: OneMapError) -> str:
    """OGC's word for it."""
    if isinstance(error, NotThere | UnknownLayer):
        return "NotFound"
    if isinstance(error, LayerError | CoordError) or (
        isinstance(error, Refused) and error.http_status == 400
    ):
        return "InvalidParameterValue"
    return "NoApplicableCode"


def of_status(status: int) -> OneMapError:
    """The error a bare HTTP status stands for."""
    zh, en = WORDS.get(status, ("请求无法处理", "the request can't be answered"))
    error = NotThere(zh=zh, en=en) if status == 404 else Refused(zh=zh, en=en)
    error.facts["status"] = status
    return error


def error_answer(request: Request, error: OneMapError, status: int | None = None) -> Response:
    """Any error of ours as a response: OGC exception, or a page for a browser."""
    status = error.http_status if status is None else status
    headers = _headers(error, status)
    if wants_html(request):
        body = page("error.html", exception(error), request).encode()
        return answer(request, body, HTML, status=status, cache="no-store", headers=headers)
    body = orjson.dumps(exception(error))
    return answer(request, body, JSON, status=status, cache="no-store", headers=headers)


def _headers(error: OneMapError, status: int) -> dict[str, str]:
    """What a client is to do about it, where HTTP has a header for that."""
    if status == 401:
        shown = error.facts.get("error")
        return {"WWW-Authenticate": CHALLENGE + (f', error="{shown}"' if shown else "")}
    if status == 429:
        return {"Retry-After": str(error.facts.get("retry_after_s", 1))}
    return {"Retry-After": "2"} if isinstance(error, StoreError) and status == 503 else {}


def on_our_error(request: Request, exc: Exception) -> Response:
    """Starlette's handler for the errors of gis/errors.py."""
    assert isinstance(exc, OneMapError)
    if isinstance(exc, ConfigError):  # it names a file of this machine: for the log alone
        LOG.error("%s %s: %s", request.method, request.url.path, exc)
        return on_any_error(request, exc)
    return error_answer(request, exc)


def on_http_error(request: Request, exc: Exception) -> Response:
    """Starlette's handler for an address or method that is not there."""
    assert isinstance(exc, HTTPException)
    found = error_answer(request, of_status(exc.status_code), exc.status_code)
    found.headers.update(exc.headers or {})
    return found


def on_any_error(request: Request, exc: Exception) -> Response:
    """Starlette's handler for what nobody foresaw: the log has it, the client gets no insides."""
    error = OneMapError(
        zh="服务器内部错误，已记录。请把时间告知管理员",
        en="an internal error, on record. Tell the administrator when it happened",
    )
    return error_answer(request, error, 500)
