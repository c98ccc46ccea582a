"""What an address may be asked: the formats and parameters it has; all else is refused, for a
name that nobody reads is a typing error."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

from gis.api.parameters import single
from gis.api.refusals import bad_value

Endpoint = Callable[[Request], Response]
PLAIN = ("f", "lang")


def offers(endpoint: Endpoint, *formats: str, known: Iterable[str] | None = None) -> Endpoint:
    """`endpoint`, where `f` is one of `formats` and each parameter one of `known`; `known` None:
    the endpoint looks at its parameters itself."""
    names = None if known is None else tuple(known)

    @wraps(endpoint)
    def asked(request: Request) -> Response:
        if names is not None:
            single(request.query_params, names)
        named = request.query_params.get("f")
        if named is not None and named not in formats:
            raise not_a_format(named, formats)
        return endpoint(request)

    return asked


def not_a_format(named: str, formats: Iterable[str]) -> Exception:
    """The refusal of a format that an address does not have."""
    zh, en = "、".join(formats), ", ".join(formats)
    return bad_value("f", named, f"可用：{zh}", f"one of {en}")
