"""A page in a real browser, and everything about it that must not be: a console error, an uncaught
exception, a failed response, a request that leaves the server's own address."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page, Request, Response
from served import Served

SLOW_MS = 60_000  # WebGL without a graphics card, on two shared cores
FLAGS = [
    "--no-sandbox",
    "--use-gl=angle",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    "--disable-dev-shm-usage",
]


@dataclass
class Watched:
    """A page and everything about it that must not be."""

    page: Page
    served: Served
    problems: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    hook: str = "window.onemap"  # what a page offers to tests, with `idle()` at least

    def open(self, address: str = "/map") -> None:
        self.page.goto(f"{self.served.url}{address}")
        self.page.wait_for_function(self.hook)
        self.idle()

    def idle(self) -> None:
        self.page.evaluate(f"{self.hook}.idle()")

    def state(self, name: str) -> Any:
        return self.page.evaluate(f"{self.hook}.state().{name}")

    def text(self, selector: str) -> str:
        return self.page.locator(selector).first.inner_text()

    def note_request(self, request: Request) -> None:
        self.requests.append(request.url)
        parts = urlsplit(request.url)
        if (
            parts.scheme not in ("blob", "data")
            and parts.netloc != urlsplit(self.served.url).netloc
        ):
            self.problems.append(f"a request leaves the machine: {request.url}")

    def note_response(self, response: Response) -> None:
        if response.status >= 400:
            self.problems.append(f"{response.status} {response.url}")

    def note_failure(self, request: Request) -> None:
        # The page itself gives up what is no longer wanted: tiles of a place it has left.
        if request.failure != "net::ERR_ABORTED":
            self.problems.append(f"{request.failure} {request.url}")
