"""Who asks, and what they may do: what an endpoint needs to know of access.

What a caller may not read needs no check at all: the gate (`gate.py`) hands every endpoint a
service whose registry holds the caller's layers alone, so that a hidden layer is in no list, and
its address answers as an unknown one does. Whoever changes something asks `require_write` and the
like.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, cast

from starlette.requests import Request
from starlette.types import Scope

from gis.api.refusals import Forbidden, NotKnown
from gis.layers import Layer, Registry

Kind = Literal["anonymous", "local", "key", "token"]
NAMED = ("key", "token")


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks. name: as the audit trail has it; layers, writes: ids; classes: of what belongs
    to no layer; area_km2: of a large-scale layer in all, None = not counted; rate_per_s: None =
    not limited."""

    name: str
    kind: Kind
    roles: tuple[str, ...]
    classes: frozenset[str]
    layers: frozenset[str]
    writes: frozenset[str]
    officer: bool
    admin: bool
    area_km2: float | None
    rate_per_s: float | None


def caller(request: Request | Scope) -> Caller:
    """Who asks, as the gate has found."""
    scope = request.scope if isinstance(request, Request) else request
    return cast(Caller, scope["state"]["caller"])


def may_read(who: Caller, layer: Layer) -> bool:
    """Whether the layer is there for the caller."""
    return layer.id in who.layers


def may_write(who: Caller, layer: Layer) -> bool:
    """Whether the caller may change features of the layer."""
    return layer.id in who.writes and layer.id in who.layers


def visible(who: Caller, registry: Registry) -> tuple[str, ...]:
    """The layers that are there for the caller, in the registry's order."""
    return tuple(id_ for id_ in registry.layers if id_ in who.layers)


def require_write(request: Request, layer: Layer) -> Caller:
    """The caller, who may change the layer. Raises NotKnown, Forbidden."""
    who = caller(request)
    if may_write(who, layer):
        return who
    raise _not_allowed(who, f"图层 {layer.id} 的编辑", f"edit layer {layer.id}")


def require_officer(request: Request) -> Caller:
    """The caller, who may work on alerts. Raises NotKnown, Forbidden."""
    who = caller(request)
    if who.officer:
        return who
    raise _not_allowed(who, "线索办理", "work on alerts")


def require_admin(request: Request) -> Caller:
    """The caller, who runs the installation. Raises NotKnown, Forbidden."""
    who = caller(request)
    if who.admin:
        return who
    raise _not_allowed(who, "系统管理", "run this installation")


def _not_allowed(who: Caller, zh: str, en: str) -> Forbidden | NotKnown:
    if who.kind == "anonymous":
        return NotKnown(
            zh=f"{zh}需要登录：请带密钥（X-API-Key）或令牌（Authorization: Bearer）",
            en=f"to {en}, say who you are: a key (X-API-Key) or a token (Authorization: Bearer)",
        )
    return Forbidden(
        zh=f"当前身份没有权限：{zh}。请向管理员申请相应角色",
        en=f"you may not {en}. Ask the administrator for the role",
    )


def sees_rows(who: Caller, layer: Layer) -> bool:
    """Whether rows of the layer may be shown where they are not the answer itself: examples in a
    report, documents. Of a sensitive layer, only to somebody with a name."""
    return may_read(who, layer) and (layer.classification != "sensitive" or who.kind in NAMED)


def record(request: Request, action: str, target: str, **detail: Any) -> None:
    """Have the audit trail say that the caller did it. Raises Busy where it can't."""
    state = request.scope["state"]
    client = request.scope.get("client")
    state["access"].trail.note(
        state["caller"].name, action, target, str(client[0]) if client else None, **detail
    )
