"""The built map page: its files, packed once, and a page that says how to build it."""

from __future__ import annotations

import gzip
import mimetypes
import re
from functools import lru_cache
from pathlib import Path

from starlette.requests import Request
from starlette.responses import Response

from gis.api.answers import CHECK_AGAIN, FOR_EVER, HTML, WORTH_PACKING, answer
from gis.api.pages import page
from gis.api.refusals import NotThere
from gis.api.service import service_of

INDEX = "index.html"
PAGES = (INDEX, "coords.html")
PACKED = (".js", ".css", ".json", ".html", ".svg", ".wasm", ".map", ".txt", ".glsl", ".xml", ".pbf")
# Vite puts a digest of the content into the names under assets/
HASHED = re.compile(r"^assets/.+-[\w-]{8}\.\w+$")
# The map may run its own scripts, workers and WebAssembly, and fetch from here: nothing else.
POLICY = (
    "default-src 'self'; script-src 'self' 'wasm-unsafe-eval' 'unsafe-eval' blob:; "
    "worker-src 'self' blob:; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; "
    "connect-src 'self' data: blob:; font-src 'self' data:; object-src 'none'; base-uri 'self'"
)
mimetypes.add_type("text/javascript", ".js")
mimetypes.add_type("application/wasm", ".wasm")
mimetypes.add_type("application/manifest+json", ".webmanifest")


def get_file(request: Request) -> Response:
    """`GET /map` and `GET /map/{path}`."""
    return send_page(request, request.path_params.get("path", "") or INDEX)


def send_page(request: Request, name: str) -> Response:
    """A built file; where a page is not built yet, one that says how to build it."""
    root = service_of(request).settings.web.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root) or "\x00" in name:
        raise _no_file(name)
    if not path.is_file():
        if name in PAGES:
            return answer(request, page("build_page.html", None, request).encode(), HTML)
        raise _no_file(name)
    return _send(request, path, name)


def _send(request: Request, path: Path, name: str) -> Response:
    found = path.stat()
    tag = f'"{found.st_mtime_ns:x}-{found.st_size:x}"'
    headers = {
        "ETag": tag,
        "Cache-Control": FOR_EVER if HASHED.match(name) else CHECK_AGAIN,
        "Vary": "Accept-Encoding",
    }
    if tag in (request.headers.get("if-none-match") or ""):
        return Response(status_code=304, headers=headers)
    media = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    if path.suffix == ".html":
        headers["Content-Security-Policy"] = POLICY
    packable = path.suffix in PACKED and found.st_size >= WORTH_PACKING
    if packable and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        body = _packed(path, found.st_mtime_ns)
    else:
        body = path.read_bytes()
    return Response(body, media_type=media, headers=headers)


@lru_cache(maxsize=256)
def _packed(path: Path, changed: int) -> bytes:
    """`changed` only makes a rebuilt file another one."""
    return gzip.compress(path.read_bytes(), 6, mtime=0)


def _no_file(name: str) -> NotThere:
    return NotThere(zh=f"地图页没有文件 {name[:80]}", en=f"the map page has no file {name[:80]!r}")
