"""Entity tags of features, and the promise an editor makes with them: `If-Match`.

A tag is `"VERSION.DIGEST"`: the number of the feature's version, and the answer's own digest,
which differs between systems, formats and packings. What is promised is the version alone, for
that is what an edit is made from.
"""

from __future__ import annotations

import re

from starlette.requests import Request

from gis.api.refusals import Refused

TAG = re.compile(r'\s*(W/)?"([^"]*)"\s*')
VERSION = re.compile(r"(\d{1,18})\.[\w.]*")
EDITED = "edited"  # stands where the answer is not the feature


class Missing(Refused):
    """An edit that does not say what it was made from."""

    http_status = 428


class Failed(Refused):
    """What the edit was made from is not what is there."""

    http_status = 412


def version_tag(version: int, rest: str = EDITED) -> str:
    """The tag of a feature in a version. `rest`: of the answer itself."""
    return f'"{version}.{rest}"'


def wanted_versions(request: Request) -> frozenset[int] | None:
    """The versions named by If-Match; None: any, for `*` says so. Raises Missing, Failed."""
    given = request.headers.get("if-match")
    if given is None:
        raise Missing(
            zh="请用 If-Match 带上读取该要素时得到的 ETag，以免覆盖他人的改动",
            en="send If-Match with the ETag you got with the feature, so that nobody else's "
            "change is overwritten",
        )
    if given.strip() == "*":
        return None
    known = frozenset(
        int(found[1])
        for weak, text in TAG.findall(given)
        if not weak and (found := VERSION.fullmatch(text))
    )
    if not known:
        raise Failed(
            zh=f"If-Match 的值“{given[:80]}”不是本服务给出的强 ETag。请以 f=json 重新读取该要素",
            en=f"If-Match {given[:80]!r} is no strong ETag of this server. Read the feature again "
            f"with f=json",
        )
    return known
