"""Which state the city is in now, asked once for all requests that wait for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from concurrent.futures import Future
from threading import Lock

Versions = Mapping[str, int]


class Newest:
    """The newest delivery of every layer, as fresh as if each request had asked by itself: an
    answer counts only for those who were there before the question went out."""

    def __init__(self, read: Callable[[], Versions]) -> None:
        self._read = read
        self._lock, self._asking = Lock(), Lock()
        self._next: Future[Versions] | None = None

    def versions(self) -> Versions:
        """Layer id -> its newest delivery in force. Raises what reading raises."""
        with self._lock:
            shared = self._next
            if shared is None:
                mine = self._next = Future()
        if shared is not None:
            return shared.result()
        with self._asking:  # one question at a time: who comes meanwhile shares the next
            with self._lock:
                self._next = None
            try:
                mine.set_result(self._read())
            except BaseException as error:
                mine.set_exception(error)
                raise
        return mine.result()
