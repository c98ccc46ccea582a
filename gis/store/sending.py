"""Work for the database done beside the caller's own: one thread, in the order it was given.

The server stores some rows while the next ones are read and checked; both wait for each other
rather than pile up.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

AHEAD = 1  # pieces of work that may be under way before the caller waits


class Sender:
    """Whoever uses the connection otherwise calls `finish` first."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="sending")
        self._pending: deque[Future[None]] = deque()

    def send(self, work: Callable[[], None]) -> None:
        """Have `work` done soon. Raises what an earlier piece of work raised."""
        while len(self._pending) >= AHEAD:
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(work))

    def finish(self) -> None:
        """Wait until everything is done. Raises what a piece of work raised."""
        while self._pending:
            self._pending.popleft().result()

    def close(self) -> None:
        """Let what is under way end, and drop the rest."""
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._pending.clear()
