"""What the server puts on record: entries gather for a moment and go to the store together.

A request never waits for the audit trail, and a thousand tiles of a sensitive layer are one entry
with a count. Where the store can't keep up, what would have to be recorded is refused.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from threading import Lock, Timer
from typing import Any

from gis.errors import Busy, StoreError
from gis.store import Store
from gis.store.audit import Entry, append

GATHER_S = 1.0
MOST_WAITING = 10_000
LONGEST = 400
LOG = logging.getLogger(__name__)


class Trail:
    """The audit trail as one process writes it. also: what else is to be kept with it."""

    def __init__(
        self, store: Store, algorithm: str, also: Callable[[], None], wait_s: float = GATHER_S
    ) -> None:
        self._store, self._algorithm, self._also, self._wait_s = store, algorithm, also, wait_s
        self._entries: list[Entry] = []
        self._reads: Counter[tuple[str, str, str, str]] = Counter()
        self._timer: Timer | None = None
        self._lock, self._writing = Lock(), Lock()

    def note(
        self, who: str, action: str, target: str, address: str | None = None, **detail: Any
    ) -> None:
        """Record it within a second. Raises Busy where too much is waiting already."""
        entry = Entry(
            who=_plain(who),
            action=action,
            target=_plain(target),
            address=address,
            detail={k: _plain(v) if isinstance(v, str) else v for k, v in detail.items()},
            at=datetime.now(UTC),
        )
        with self._lock:
            if len(self._entries) >= MOST_WAITING:
                raise Busy(
                    zh="审计记录暂时无法写入，请稍后再试",
                    en="the audit trail can't be written at the moment. Try again later",
                )
            self._entries.append(entry)
        self.soon()

    def now(self, who: str, action: str, target: str, **detail: Any) -> None:
        """Record it before going on. Raises StoreError."""
        with self._writing:
            append(
                self._store,
                [Entry(who=_plain(who), action=action, target=_plain(target), detail=detail)],
                self._algorithm,
            )

    def count(self, who: str, action: str, target: str, address: str | None) -> None:
        """Record that it happened: how often, not each time."""
        key = (who, action, target, address or "")
        with self._lock:
            if len(self._reads) >= MOST_WAITING and key not in self._reads:
                key = (who[:20], action, "*", "")  # too many kinds: the number is what is kept
            self._reads[key] += 1
        self.soon()

    def soon(self) -> None:
        """Have what waits kept in a moment."""
        with self._lock:
            if self._timer is None:
                self._timer = Timer(self._wait_s, self._keep)
                self._timer.daemon = True
                self._timer.start()

    def flush(self) -> None:
        """Keep what waits, now. Raises StoreError; then it goes on waiting."""
        with self._writing:
            with self._lock:
                entries, self._entries = self._entries, []
                reads, self._reads = self._reads, Counter()
            counted = [
                Entry(
                    who=_plain(who), action=action, target=_plain(target),
                    address=address or None, detail={"requests": times},
                )
                for (who, action, target, address), times in sorted(reads.items())
            ]  # fmt: skip
            try:
                append(self._store, entries + counted, self._algorithm)
            except BaseException:
                with self._lock:
                    self._entries = entries + self._entries
                    self._reads.update(reads)
                raise
        self._also()

    def _keep(self) -> None:
        with self._lock:
            self._timer = None
        try:
            self.flush()
        except StoreError as error:
            LOG.warning("audit trail not written: %s", error.en)


def _plain(text: str) -> str:
    """What a client sent, as text that any store can hold."""
    shown = "".join(c if c.isprintable() else "�" for c in text[:LONGEST])
    return shown.encode("utf-8", "replace").decode("utf-8")
