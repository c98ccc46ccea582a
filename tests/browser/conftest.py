"""One browser for a module, watched pages for a test."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, sync_playwright
from served import Served
from watched import FLAGS, SLOW_MS, Watched


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    assert program, "no chromium: apt install chromium (scripts/setup.sh does)"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def opened(browser: Browser, served_demo: Served) -> Iterator[Callable[[int, int], Watched]]:
    """Make a watched page of a width and height; at the end nothing may have gone wrong."""
    made: list[Watched] = []

    def make(width: int = 1000, height: int = 640) -> Watched:
        context = browser.new_context(
            viewport={"width": width, "height": height}, reduced_motion="reduce"
        )
        page = context.new_page()
        page.set_default_timeout(SLOW_MS)
        watched = Watched(page, served_demo)
        page.on("request", watched.note_request)
        page.on("response", watched.note_response)
        page.on("requestfailed", watched.note_failure)
        page.on("pageerror", lambda error: watched.problems.append(f"uncaught: {error}"))
        page.on(
            "console",
            lambda line: (
                watched.problems.append(f"console: {line.text}") if line.type == "error" else None
            ),
        )
        made.append(watched)
        return watched

    yield make
    for watched in made:
        watched.page.context.close()
    problems = [problem for watched in made for problem in watched.problems]
    assert problems == []
