"""`/signin`: a key given to the browser once, so that the map page and our pages show its layers.

The key lies in a cookie that no script can read and no other site's page can have sent; it never
stands in an address.
"""

from __future__ import annotations

from urllib.parse import parse_qs, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from gis.api.access import caller, record
from gis.api.answers import HTML, answer
from gis.api.bodies import read_body
from gis.api.pages import page
from gis.api.parameters import single
from gis.api.refusals import Forbidden

PATH, COOKIE = "/signin", "gis_key"
MOST_BYTES = 4_000


def routes() -> list[Route]:
    """The addresses of this module."""
    return [Route(PATH, get_form), Route(PATH, post_key, methods=["POST"])]


def get_form(request: Request) -> Response:
    """`GET /signin`: who one is, and a field for a key."""
    single(request.query_params, ("f",))
    who = caller(request)
    told = {"name": who.name, "kind": who.kind, "layers": len(who.layers)}
    return answer(request, page("signin.html", told, request).encode(), HTML, cache="no-store")


async def post_key(request: Request) -> Response:
    """`POST /signin`: `key=`; without one, the browser forgets it. Raises NotKnown."""
    origin = request.headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != request.headers.get("host"):
        raise Forbidden(
            zh="登录只能从本站页面提交", en="a key is only taken from this server's own page"
        )
    body = await read_body(request, MOST_BYTES)
    key = parse_qs(body.decode("latin-1")).get("key", [""])[0].strip()
    return await run_in_threadpool(_signed, request, key)


def _signed(request: Request, key: str) -> Response:
    if not key:
        gone = RedirectResponse(PATH, status_code=303)
        gone.delete_cookie(COOKIE, path="/")
        return gone
    access = request.scope["state"]["access"]
    request.scope["state"]["caller"] = access.by_key(key)
    record(request, "signed in", request.scope["state"]["caller"].name)
    found = RedirectResponse("/map", status_code=303)
    found.set_cookie(
        COOKIE, key, path="/", httponly=True, samesite="strict",
        secure=request.url.scheme == "https",
    )  # fmt: skip
    return found
