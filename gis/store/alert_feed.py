"""Steps of alerts as they happen, for those who watch: also those that another process takes.

with listening(store) as wait:
    steps = alert_steps(store, ids=wait(1.0))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psycopg

from gis.store.alerts import TABLE, dicts
from gis.store.pool import Store
from gis.store.queries import query
from gis.store.translate import pg_errors

MOST_STEPS = 500
DOING = "接收线索动态", "follow alerts"


@contextmanager
def listening(store: Store) -> Iterator[Callable[[float], list[int]]]:
    """Listen on a connection of its own. What it yields waits at most so many seconds for steps
    and gives their numbers. Raises Unreachable."""
    with pg_errors(*DOING), psycopg.connect(store.url, autocommit=True) as conn:
        conn.execute(query("alert_steps_listen"))

        def wait(seconds: float) -> list[int]:
            with pg_errors(*DOING):
                # one that comes brings all that are there with it
                found = conn.notifies(timeout=seconds, stop_after=1)
                return [int(notice.payload) for notice in found]

        yield wait


def alert_steps(
    store: Store, *, after: int = 0, ids: Sequence[int] | None = None
) -> list[dict[str, Any]]:
    """Steps behind a number, or those of these numbers, oldest first, at most MOST_STEPS: id, at,
    alert_id, event, from_state, to_state, assignee, due_on, note, who; and of the alert as it is
    now (None where its run was undone) key, kind, score, reasons, lon, lat (degrees)."""
    params = {
        "after": after,
        "ids": None if ids is None else list(ids),
        "limit": MOST_STEPS if ids is None else len(ids),
    }
    with store.reading(*DOING) as conn:
        return dicts(conn, query("alert_steps_since", table=TABLE), params)


def newest_step(store: Store) -> int:
    """The number of the last step there is; 0 where there is none."""
    with store.reading(*DOING) as conn:
        row = conn.execute(query("alert_steps_newest")).fetchone()
    return int(row[0]) if row else 0
