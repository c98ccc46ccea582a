"""How every answer leaves: ETag and 304, gzip, caching."""

from __future__ import annotations

import gzip
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

JSON, GEOJSON, HTML = "application/json", "application/geo+json", "text/html; charset=utf-8"
LD_JSON, JSON_FG = "application/ld+json", "application/vnd.ogc.fg+json"
CHECK_AGAIN = "no-cache"  # keep it, but ask whether it still holds
FOR_EVER = "public, max-age=31536000, immutable"
PACKED_ALREADY = (b"\x89PNG", b"RIFF")  # how PNG and WebP begin
WORTH_PACKING = 900  # bytes; below it gzip costs more than it saves
# Our pages hold no script and load nothing: whatever a department's data says, it stays text.
POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)


@dataclass(frozen=True, slots=True)
class Packed:
    """A body ready to be sent, and kept. `body` is packed where `zipped`."""

    body: bytes
    tag: str
    zipped: bool

    def plain(self) -> bytes:
        """The body as it is."""
        return gzip.decompress(self.body) if self.zipped else self.body


def pack(body: bytes) -> Packed:
    """The body with its ETag, packed where that is worth it."""
    zipped = len(body) >= WORTH_PACKING and not body.startswith(PACKED_ALREADY)
    return Packed(gzip.compress(body, 1, mtime=0) if zipped else body, _tag(body), zipped)


def packed_answer(
    request: Request, packed: Packed, media: str, *, cache: str = CHECK_AGAIN
) -> Response:
    """As `answer`, of what is packed already."""
    fields = {"ETag": packed.tag, "Cache-Control": cache, "Vary": "Accept, Accept-Encoding"}
    if _has(request.headers.get("if-none-match"), packed.tag):
        return Response(status_code=304, headers=fields)
    if not packed.zipped:
        return Response(packed.body, media_type=media, headers=fields)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(packed.plain(), media_type=media, headers=fields)
    fields["Content-Encoding"] = "gzip"
    return Response(packed.body, media_type=media, headers=fields)


def answer(
    request: Request,
    body: bytes,
    media: str,
    *,
    status: int = 200,
    cache: str = CHECK_AGAIN,
    headers: Mapping[str, str] | None = None,
    stamp: bytes | None = None,
    version: int | None = None,
) -> Response:
    """The response: 304 where the client has it already, packed where it can unpack.

    stamp: what stands for the content where the body itself also holds the moment; version: of
    the one feature it shows, which makes the tag one that an edit can name (`preconditions.py`)."""
    tag = _tag(body if stamp is None else stamp)
    packing = len(body) >= WORTH_PACKING and "gzip" in request.headers.get("accept-encoding", "")
    if version is not None:  # a strong tag is of these bytes, packed or not
        tag = f'"{version}.{tag[3:-1]}{".gz" if packing else ""}"'
    fields = {"ETag": tag, "Cache-Control": cache, "Vary": "Accept, Accept-Encoding"}
    fields |= headers or {}
    if status == 200 and _has(request.headers.get("if-none-match"), tag):
        return Response(status_code=304, headers=fields)
    if packing:
        body = gzip.compress(body, 1, mtime=0)
        fields["Content-Encoding"] = "gzip"
    if media == HTML:
        fields["Content-Security-Policy"] = POLICY
    return Response(body, status_code=status, media_type=media, headers=fields)


def json_answer(request: Request, document: Any, **given: Any) -> Response:
    """`document` as JSON; dates in ISO 8601."""
    return answer(request, orjson.dumps(document), JSON, **given)


def wants_html(request: Request) -> bool:
    """`f=html`, or a browser that named no format."""
    format_ = request.query_params.get("f")
    if format_ is not None:
        return format_ == "html"
    accepted = request.headers.get("accept", "")
    html = accepted.find("text/html")
    return html >= 0 and "json" not in accepted[:html]


def base_url(request: Request, public_url: str | None) -> str:
    """What links begin with: the configured address, else the one the client used."""
    if public_url:
        return public_url.rstrip("/")
    return f"{request.url.scheme}://{request.url.netloc}"


def _tag(content: bytes) -> str:
    return f'W/"{hashlib.blake2b(content, digest_size=12).hexdigest()}"'


def _has(header: str | None, tag: str) -> bool:
    if header is None:
        return False
    tags = {_bare(part.strip()) for part in header.split(",")}
    return "*" in tags or _bare(tag) in tags


def _bare(tag: str) -> str:
    """A tag as it is compared: the same content, however it is packed."""
    return tag.removeprefix("W/").replace('.gz"', '"')
