"""`/live`: what happens, as it happens (server-sent events): steps of alerts, new ones included.

One thread a process listens to the database while anybody watches, and hands each step to all;
whoever was away comes back with `Last-Event-ID` and gets what was missed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from threading import Event, Lock, Thread
from typing import Any, cast

import anyio
import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from gis.api.casefile import ALERTS
from gis.api.parameters import single
from gis.api.service import service_of
from gis.errors import Busy, StoreError
from gis.store import Store
from gis.store.alert_feed import MOST_STEPS, alert_steps, listening, newest_step

PING_S = 15.0  # a proxy drops what says nothing for a minute; a client that went away is found
LOOK_S = 1.0
READY_S = 5.0
MOST_WATCHERS = 200
RETRY = b"retry: 3000\n\n"
PING = b": ping\n\n"
# what a proxy is to do with it: nothing, least of all keep it until it is whole
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
Step = dict[str, Any]


@dataclass(eq=False, slots=True)
class Watcher:
    """Somebody who watches. None in the queue: they fell behind, and must come again."""

    loop: asyncio.AbstractEventLoop
    steps: asyncio.Queue[Step | None] = field(default_factory=lambda: asyncio.Queue(MOST_STEPS))

    def tell(self, steps: list[Step]) -> None:
        """From the listening thread."""
        self.loop.call_soon_threadsafe(self._put, steps)

    def _put(self, steps: list[Step]) -> None:
        for step in steps:
            if self.steps.full():
                while not self.steps.empty():
                    self.steps.get_nowait()
                self.steps.put_nowait(None)
                return
            self.steps.put_nowait(step)


class Hub:
    """Those who watch, and the thread that listens for them."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._watchers: set[Watcher] = set()
        self._lock = Lock()
        self._thread: Thread | None = None
        self._ready = Event()

    def join(self, watcher: Watcher) -> None:
        """Tell them from now on. Raises Busy where too many watch, or nobody can listen."""
        with self._lock:
            if len(self._watchers) >= MOST_WATCHERS:
                raise Busy(
                    zh=f"已有 {MOST_WATCHERS} 个连接在接收动态。请稍后再试",
                    en=f"{MOST_WATCHERS} are watching already. Try again later",
                )
            self._watchers.add(watcher)
            if self._thread is None:
                self._ready.clear()
                self._thread = Thread(target=self._listen, name="alerts", daemon=True)
                self._thread.start()
        if not self._ready.wait(READY_S):
            self.leave(watcher)
            raise Busy(
                zh="暂时收不到动态，请稍后再试", en="nothing can be followed now. Try again later"
            )

    def leave(self, watcher: Watcher) -> None:
        """Tell them no more."""
        with self._lock:
            self._watchers.discard(watcher)

    def _listen(self) -> None:
        last: int | None = None
        while True:
            try:
                with listening(self._store) as wait:
                    # what was kept while nobody listened; at the first time, nothing was missed
                    if last is None:
                        last = newest_step(self._store)
                    else:
                        last = self._tell(alert_steps(self._store, after=last), last)
                    self._ready.set()
                    while self._wanted():
                        if ids := wait(LOOK_S):
                            last = self._tell(alert_steps(self._store, ids=ids), last)
                    return
            except StoreError:
                if not self._wanted():
                    return
                time.sleep(LOOK_S)  # the database comes back, or the watchers go

    def _wanted(self) -> bool:
        with self._lock:
            if self._watchers:
                return True
            self._thread = None
            return False

    def _tell(self, steps: list[Step], last: int) -> int:
        with self._lock:
            watchers = list(self._watchers)
        for watcher in watchers:
            watcher.tell(steps)
        return max([last, *(int(step["id"]) for step in steps)])


def routes() -> list[Route]:
    """The address of this module."""
    return [Route("/live", get_live)]


async def get_live(request: Request) -> Response:
    """`GET /live`: a stream of events `alert`; empty for those who may not see alerts."""
    single(request.query_params, ())
    last = request.headers.get("last-event-id", "")
    after = int(last) if last.isascii() and last.isdigit() and len(last) < 19 else None
    service = service_of(request)
    seen = ALERTS in service.registry.layers
    hub = cast(Hub, request.app.state.hub)
    watcher = Watcher(asyncio.get_running_loop())
    await run_in_threadpool(hub.join, watcher)
    body = follow(hub, service.store, watcher, after, seen=seen)
    return StreamingResponse(body, media_type="text/event-stream", headers=HEADERS)


async def follow(
    hub: Hub, store: Store, watcher: Watcher, after: int | None, *, seen: bool
) -> AsyncIterator[bytes]:
    """The stream of one who has joined. after: the last step they have seen; seen: whether alerts
    are there for them at all."""
    try:
        yield RETRY
        told = -1
        if after is not None and seen:
            for step in await run_in_threadpool(alert_steps, store, after=after):
                told = step["id"]
                yield _event(step)
        while True:
            step_: Step | None = None
            with anyio.move_on_after(PING_S) as waiting:
                step_ = await watcher.steps.get()
            if waiting.cancelled_caught:
                yield PING
            elif step_ is None:
                return  # they come again, and say where they were
            elif seen and step_["id"] > told:
                yield _event(step_)
    finally:
        hub.leave(watcher)


def _event(step: Step) -> bytes:
    return b"id: %d\nevent: alert\ndata: %s\n\n" % (step["id"], orjson.dumps(step))
