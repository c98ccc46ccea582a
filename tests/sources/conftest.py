"""Bounds for files that mean harm: ten seconds, and a gibibyte of this process and its children."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

SECONDS, BYTES, PAGE = 10.0, 1 << 30, os.sysconf("SC_PAGE_SIZE")


@pytest.fixture
def within_bounds() -> Iterator[Callable[[], None]]:
    """To be called once the file is there: from then on time and memory count, the memory of this
    process and its children together (pages shared among them counted in each)."""
    most, begun, ended = [0], [0.0], threading.Event()
    before = resident(os.getpid())
    watching = threading.Thread(target=watch, args=(most, ended))

    def start() -> None:
        begun[0] = time.monotonic()
        watching.start()

    yield start
    ended.set()
    watching.join()
    assert time.monotonic() - begun[0] < SECONDS
    assert most[0] - before < BYTES


def watch(most: list[int], ended: threading.Event) -> None:
    while not ended.wait(0.02):
        most[0] = max(most[0], sum(resident(pid) for pid in family(os.getpid())))


def resident(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * PAGE
    except OSError:  # it has just ended
        return 0


def family(pid: int) -> list[int]:
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        children = []
    return [pid, *(p for child in children for p in family(int(child)))]
