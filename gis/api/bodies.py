"""What clients send: read up to a limit, never beyond."""

from __future__ import annotations

from starlette.requests import Request

from gis.api.refusals import TooLarge


async def read_body(request: Request, most: int) -> bytes:
    """The request's body. Raises TooLarge as soon as it is longer than `most` bytes."""
    found = bytearray()
    stated = request.headers.get("content-length", "")
    if stated.isdigit() and int(stated) > most:
        raise _too_large(most)
    async for part in request.stream():
        found += part
        if len(found) > most:
            raise _too_large(most)
    return bytes(found)


def _too_large(most: int) -> TooLarge:
    return TooLarge(
        zh=f"请求体超过 {most / 1e6:g} MB。请拆分后再发",
        en=f"the body is larger than {most / 1e6:g} MB. Send it in parts",
        limit=most,
    )
