"""The gate: finds who asks before anything else sees a request, and what there is for them.

Every request goes on with a `View`: the same service with the layers in its registry that the
caller may read. Until a key or an issuer exists, whoever sits at the machine sees all.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import ip_address
from threading import Lock
from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gis.api.access import NAMED, Caller, Kind
from gis.api.audit import Trail
from gis.api.failures import error_answer
from gis.api.limits import TAKING, Buckets, Meter, Taker
from gis.api.ogc import Catalogue
from gis.api.policy import ADMIN, ANONYMOUS, EVERY, Policy, load_policy
from gis.api.refusals import NotKnown, TooMany
from gis.api.service import Service, narrowed
from gis.api.tokens import Tokens
from gis.errors import OneMapError, StoreError
from gis.store.access import AccessKey, digest_of, list_keys

KEYS_HOLD_S = 3.0  # a key added or revoked counts after so long, in every process
MOST_VIEWS = 32
UNGUARDED = ("/healthz", "/readyz", "/metrics")  # say nothing of the city
KEY_HEADER = b"x-api-key"
FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-real-ip", b"via")
ASKED_BY = b"Authorization, X-API-Key, Cookie"
SIGN_IN, COOKIE = "/signin", b"gis_key"  # as in session.py
REFUSALS = (401, 403, 429)
# what answers from many layers at once
ACROSS = ("get_search", "get_timeline", "execute")


@dataclass(frozen=True, slots=True)
class View:
    """The service as one caller sees it."""

    service: Service
    catalogue: Catalogue


class Access:
    """The doors of one app: its policy, the keys in force, views, limits and the audit trail."""

    def __init__(self, service: Service, policy: Policy | None = None) -> None:
        self.service = service
        self.registry = service.registry
        settings = service.settings
        self.policy = policy or load_policy(settings.config, service.registry)
        self.tokens = None if self.policy.issuer is None else Tokens(self.policy.issuer)
        self.buckets = Buckets()
        self.meter = Meter(service.store, self.policy.area)
        self.trail = Trail(service.store, self.policy.digest, self.meter.flush)
        # a proxy's own address, or one that others reach, is nobody's seat at this machine
        self._local = is_loopback(settings.host) and settings.public_url is None
        self._keys: Mapping[str, AccessKey] = {}
        self._keys_at: float | None = None
        self._callers: dict[tuple[Kind, str, tuple[str, ...]], Caller] = {}
        self._views: dict[frozenset[str], View] = {}
        self._lock = Lock()
        self.anonymous = self._caller("anonymous", ANONYMOUS, (ANONYMOUS,))
        self.local = replace(
            self._caller("local", "local", (ADMIN,)), area_km2=None, rate_per_s=None
        )

    @property
    def stale(self) -> bool:
        """Whether the keys are to be read again."""
        return self._keys_at is None or time.monotonic() - self._keys_at > KEYS_HOLD_S

    @property
    def configured(self) -> bool:
        """Whether there is a way to say who one is."""
        return bool(self._keys) or self.tokens is not None

    def refresh(self) -> None:
        """Read the keys in force. Raises StoreError."""
        with self._lock:
            if not self.stale:
                return
            try:
                self._keys = {key.digest: key for key in list_keys(self.service.store)}
            except StoreError:
                if self._keys_at is None:
                    raise
                # what was known holds on: while no database answers there is no data to guard
            self._keys_at = time.monotonic()

    def view(self, who: Caller) -> View:
        """The service as the caller sees it."""
        found = self._views.get(who.layers)
        return self._made(who.layers) if found is None else found

    def by_key(self, secret: str) -> Caller:
        """The caller with that key. Raises NotKnown."""
        key = self._keys.get(digest_of(secret))
        if key is None or not key.opens(datetime.now(UTC)):
            raise NotKnown(
                zh="密钥无效、已过期或已撤销。请向管理员索取新密钥",
                en="the key is unknown, expired or revoked. Ask the administrator for another",
                error="invalid_token",
            )
        return self._caller("key", f"key:{key.name}", tuple(key.roles))

    def by_token(self, subject: str, roles: tuple[str, ...]) -> Caller:
        """The caller whom a token names."""
        return self._caller("token", f"token:{subject}", roles)

    def unnamed(self, scope: Scope, headers: Mapping[bytes, bytes]) -> Caller:
        """The caller who shows nothing: at this machine while nothing is configured, or anyone."""
        local = self._local and not self.configured and _at_this_machine(scope, headers)
        return self.local if local else self.anonymous

    def _caller(self, kind: Kind, name: str, roles: tuple[str, ...]) -> Caller:
        known = self._callers.get((kind, name, roles))
        if known is not None:
            return known
        # a role that the file no longer has gives nothing; everyone has what anyone has
        names = [r for r in dict.fromkeys((ANONYMOUS, *roles)) if r in self.policy.roles]
        given = [self.policy.roles[name] for name in names]
        layers = frozenset(
            layer.id
            for layer in self.registry.layers.values()
            if any(role.reads(layer) for role in given)
        )
        writes = frozenset(n for role in given for n in role.writes)
        admin = any(role.admin for role in given)
        areas = [role.area_km2 for role in given if role.area_km2 is not None]
        rates = [role.rate_per_s for role in given if role.rate_per_s is not None]
        made = Caller(
            name=name,
            kind=kind,
            roles=roles,
            classes=frozenset(n for role in given for n in role.classes),
            layers=layers,
            writes=layers if EVERY in writes else writes & layers,
            officer=admin or any(role.officer for role in given),
            admin=admin,
            area_km2=None if admin else max(areas, default=self.policy.area.limit_km2),
            rate_per_s=max(rates, default=self.policy.rate.per_s),
        )
        if len(self._callers) < 10_000:
            self._callers[kind, name, roles] = made
        return made

    def _made(self, layers: frozenset[str]) -> View:
        with self._lock:
            if layers in self._views:
                return self._views[layers]
            service = self.service
            if len(layers) < len(self.registry.layers):
                service = narrowed(service, layers)
            if len(self._views) >= MOST_VIEWS:
                self._views.clear()
            self._views[layers] = View(service, Catalogue(service))
            return self._views[layers]


class Gate:
    """ASGI: every request gets its caller and its view, or is refused here."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self.app, self.access = app, access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        access = self.access
        state = scope.setdefault("state", {})
        state["access"], state["caller"] = access, access.anonymous
        try:
            self._pace(scope, f"@{_address(scope)}", None)
            who = await self._who(scope)
            if who.kind != "anonymous":
                self._pace(scope, who.name, who.rate_per_s)
            if who.layers not in access._views:
                await run_in_threadpool(access.view, who)
        except OneMapError as error:
            state["view"] = access.view(access.anonymous)
            self._refused(scope, access.anonymous, error.http_status)
            await error_answer(Request(scope), error)(scope, receive, send)
            return
        state["caller"], state["view"] = who, access.view(who)
        await self._serve(scope, receive, send, who)

    async def _who(self, scope: Scope) -> Caller:
        """Raises NotKnown where what is shown is not good: it never makes one anonymous."""
        access = self.access
        if scope["path"] in UNGUARDED:
            return access.anonymous
        if access.stale:
            await run_in_threadpool(access.refresh)
        headers: dict[bytes, bytes] = dict(scope["headers"])
        secret = headers.get(KEY_HEADER)
        if secret is not None:
            return access.by_key(secret.decode("latin-1"))
        shown = headers.get(b"authorization")
        if shown is None:
            kept = (
                _cookie(headers) if scope["path"] != SIGN_IN or scope["method"] == "GET" else None
            )
            return access.unnamed(scope, headers) if kept is None else self._kept(scope, kept)
        scheme, _, value = shown.decode("latin-1").partition(" ")
        value = value.strip()
        if scheme.lower() != "bearer" or not value:
            raise NotKnown(
                zh="Authorization 头应为 Bearer 加密钥或令牌",
                en="the Authorization header is Bearer with a key or a token",
                error="invalid_request",
            )
        if access.tokens is None or value.count(".") != 2:
            return access.by_key(value)
        known = access.tokens.known(value)
        if known is None:
            known = await run_in_threadpool(access.tokens.read, value)
        return access.by_token(*known)

    def _kept(self, scope: Scope, key: str) -> Caller:
        """The caller whose key the browser keeps; where it is not good any more, the page that
        takes another must still be there."""
        try:
            return self.access.by_key(key)
        except NotKnown:
            if scope["path"] == SIGN_IN:
                return self.access.anonymous
            raise

    def _pace(self, scope: Scope, name: str, per_s: float | None) -> None:
        """Raises TooMany. Nobody waits at this machine itself."""
        rule = self.access.policy.rate
        if rule.per_s <= 0 or scope["path"] in UNGUARDED or is_loopback(_address(scope)):
            return
        per_s = per_s or rule.per_s
        wait_s = self.access.buckets.wait_s(name, per_s, rule.burst * per_s / rule.per_s)
        if wait_s > 0:
            seconds = math.ceil(wait_s)
            raise TooMany(
                zh=f"请求过于频繁，请 {seconds} 秒后再试",
                en=f"too many requests: come again in {seconds} s",
                retry_after_s=seconds,
            )

    async def _serve(self, scope: Scope, receive: Receive, send: Send, who: Caller) -> None:
        access = self.access
        taker = None
        if who.area_km2 is not None and who.kind != "anonymous":
            taker = Taker(access.meter, who.name, who.area_km2)
            TAKING.set(taker)
        # the one at the machine has no other caller to be kept apart from
        onward = send if not access.configured else self._kept_apart(scope, send, who, taker)
        await self.app(scope, receive, onward)
        self._record(scope, who)
        if taker is not None and access.meter.waiting:
            access.trail.soon()

    def _kept_apart(self, scope: Scope, send: Send, who: Caller, taker: Taker | None) -> Send:
        """`send`, with the headers that keep one caller's answer from another."""

        async def onward(message: Message) -> None:
            if message["type"] == "http.response.start":
                if message["status"] in REFUSALS:
                    self._refused(scope, who, message["status"])
                headers = _guarded(message.get("headers", ()), who.kind != "anonymous")
                if taker is not None and taker.told_km2 is not None:
                    headers.append((b"x-area-taken-km2", b"%.2f" % taker.told_km2))
                message = {**message, "headers": headers}
            await send(message)

        return onward

    def _record(self, scope: Scope, who: Caller) -> None:
        """Counts what was read of sensitive layers, and asked for of hidden ones."""
        id_ = scope.get("path_params", {}).get("layer")
        if id_ is None:
            endpoint = getattr(scope.get("endpoint"), "__name__", "")
            if "sensitive" in who.classes and endpoint in ACROSS:
                self.access.trail.count(who.name, "read", endpoint, _address(scope))
            return
        layer = self.access.registry.layers.get(id_)
        if layer is None:
            return
        if layer.id not in who.layers:
            self.access.trail.count(who.name, "hidden", layer.id, _address(scope))
        elif layer.classification == "sensitive":
            self.access.trail.count(who.name, "read", layer.id, _address(scope))

    def _refused(self, scope: Scope, who: Caller, status: int) -> None:
        # what a stranger tries is counted by where they are: they choose the address they ask for
        target = f"{scope['method']} {scope['path'][:200]}" if who.kind in NAMED else "*"
        self.access.trail.count(who.name, f"refused {status}", target, _address(scope))


def _cookie(headers: Mapping[bytes, bytes]) -> str | None:
    """The key that the browser keeps for our own pages; of another site's page it does not count,
    whatever the browser sends."""
    sent = headers.get(b"cookie")
    if sent is None or COOKIE not in sent:
        return None
    origin = headers.get(b"origin")
    if origin is not None and origin.partition(b"://")[2] != headers.get(b"host"):
        return None
    for part in sent.split(b";"):
        name, _, value = part.strip().partition(b"=")
        if name == COOKIE:
            return value.decode("latin-1")
    return None


def _guarded(headers: list[tuple[bytes, bytes]], named: bool) -> list[tuple[bytes, bytes]]:
    """An answer's headers where callers differ: no shared cache gives one's to another."""
    found: list[tuple[bytes, bytes]] = []
    vary, cache = ASKED_BY, b"private"
    for name, value in headers:
        lower = name.lower()
        if lower == b"vary":
            vary = value + b", " + ASKED_BY
        elif lower == b"cache-control" and named:
            rest = [p for p in (part.strip() for part in value.split(b",")) if p != b"public"]
            cache = b", ".join(rest if b"private" in rest else [b"private", *rest])
        else:
            found.append((name, value))
    found.append((b"vary", vary))
    if named:
        found.append((b"cache-control", cache))
    return found


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""


@lru_cache(maxsize=4096)
def is_loopback(host: str) -> bool:
    """Whether an address, or `localhost`, is this machine as it sees itself."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _at_this_machine(scope: Scope, headers: Mapping[bytes, bytes]) -> bool:
    """Whether a person at the machine asks, and not a page of somebody else's open in their
    browser, or someone behind a proxy."""
    if not is_loopback(_address(scope)) or any(name in headers for name in FORWARDED):
        return False
    origin = headers.get(b"origin")
    if origin is not None and not _own_name(urlsplit(origin.decode("latin-1")).hostname):
        return False
    if headers.get(b"sec-fetch-site") == b"cross-site":
        return False
    host = urlsplit(f"//{headers.get(b'host', b'').decode('latin-1')}").hostname
    return _own_name(host)


@lru_cache(maxsize=256)
def _own_name(host: str | None) -> bool:
    # a page from elsewhere can point its own name at 127.0.0.1, but not one without a dot
    return host is not None and (is_loopback(host) or ("." not in host and ":" not in host))
