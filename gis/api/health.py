"""Is it alive, is it ready, what has it done: for supervisors and Prometheus."""

from __future__ import annotations

import os
import time

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Counter,
    Histogram,
    generate_latest,
    multiprocess,
)
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gis.api.service import service_of
from gis.errors import StoreError
from gis.store.migrate import pending

# what a department's file says is text stays text, whatever a browser makes of its first bytes
NO_SNIFFING = (b"x-content-type-options", b"nosniff")
BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 20)


def healthz(request: Request) -> Response:
    """The process answers."""
    return PlainTextResponse("ok\n")


def readyz(request: Request) -> Response:
    """The database answers, and is the one this program was made for. Raises StoreError."""
    store = service_of(request).store
    with store.reading("检查就绪", "check readiness") as conn:
        missing = pending(conn)
    if missing:
        raise StoreError(
            zh="数据库需要升级。请运行：gis init",
            en="the database is not up to date. Run: gis init",
        )
    return PlainTextResponse("ready\n")


class Watch:
    """ASGI: counts and times every request by route and status; HEAD loses its body, and no
    browser may guess what it got."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        # a registry of its own: several apps in one process (tests) count for themselves
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "gis_http_requests_total", "Requests", ("route", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "gis_http_seconds", "Time to the last byte", ("route",),
            buckets=BUCKETS, registry=self.registry,
        )  # fmt: skip

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        scope["gis.watch"] = self
        started, status, head = time.perf_counter(), 500, scope["method"] == "HEAD"

        async def watched(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message = {**message, "headers": [*message.get("headers", ()), NO_SNIFFING]}
            elif head and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        try:
            await self.app(scope, receive, watched)
        finally:
            route = getattr(scope.get("endpoint"), "__name__", "none")
            self.requests.labels(route, str(status)).inc()
            self.seconds.labels(route).observe(time.perf_counter() - started)


def metrics(request: Request) -> Response:
    """Prometheus text; of all workers where there are several."""
    registry: CollectorRegistry = request.scope["gis.watch"].registry
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]  # untyped there
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
