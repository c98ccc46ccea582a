"""Jobs of processes: asked now, run by whoever has time, kept with their result.

A job that runs is held by an advisory lock of the connection that runs it. A runner that is
killed loses the connection, and any other finds the job open again: it is run once more, and
fails after the second time, for a job that brings two servers down brings down the third.

    with claim(store) as running:
        if running is not None:
            running.end(result=b"…")
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import Connection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from gis.errors import Busy
from gis.store.pool import Store
from gis.store.queries import query

STATES = ("accepted", "running", "successful", "failed", "dismissed")
MOST_WAITING = 200
MOST_ATTEMPTS = 2
KEEP_DAYS = 30
DOING = "办理任务", "work on a job"
LOST = {
    "code": "NoApplicableCode",
    "status": 500,
    "zh": f"执行该任务的服务器进程先后 {MOST_ATTEMPTS} 次中断，不再重试。请告知管理员",
    "en": f"the server stopped {MOST_ATTEMPTS} times while it ran this job; it is not tried "
    f"again. Tell the administrator",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """A job on record. progress: 0 to 100; attempts: how often it was begun; error: of one that
    failed; layers: what it may see."""

    id: UUID
    process: str
    who: str
    layers: Sequence[str]
    state: str
    progress: int
    attempts: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    error: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A job that this process runs, and holds."""

    store: Store
    number: int
    id: UUID
    process: str
    inputs: Mapping[str, Any]
    layers: frozenset[str]

    def wanted(self, share: float) -> bool:
        """Put down how far it is (0 to 1); whether anybody still wants it."""
        done = max(0, min(99, int(share * 100)))
        with _writing(self.store) as conn:
            params = {"number": self.number, "progress": done}
            return conn.execute(query("job_progress"), params).fetchone() is not None

    def end(self, result: bytes | None = None, error: Mapping[str, Any] | None = None) -> None:
        """Put the result on record, or why there is none."""
        with _writing(self.store) as conn:
            _end(conn, self.number, result, error)


def add_job(
    store: Store, process: str, inputs: Mapping[str, Any], who: str, layers: Sequence[str]
) -> UUID:
    """Put a job on record. Raises Busy where too many wait."""
    params = {
        "process": process,
        "inputs": Jsonb(dict(inputs)),
        "who": who,
        "layers": list(layers),
        "most": MOST_WAITING,
    }
    with _writing(store) as conn:
        row = conn.execute(query("job_add"), params).fetchone()
    if row is None:
        raise Busy(
            zh=f"已有 {MOST_WAITING} 个任务在等待。请稍后再试",
            en=f"{MOST_WAITING} jobs are waiting already. Try again later",
            waiting=MOST_WAITING,
        )
    found: UUID = row[0]
    return found


def show_job(store: Store, id_: UUID) -> Job | None:
    """One job; None where there is none."""
    with store.reading(*DOING) as conn, conn.cursor(row_factory=class_row(Job)) as cur:
        return cur.execute(query("job_show"), {"id": id_}).fetchone()


def list_jobs(
    store: Store,
    who: str | None,
    *,
    process: str | None = None,
    states: Sequence[str] | None = None,
    limit: int = 100,
    offset: int = 0,
) -> list[Job]:
    """Jobs of a caller (None = all), newest first."""
    params = {
        "who": who,
        "process": process,
        "states": None if states is None else list(states),
        "limit": limit,
        "offset": offset,
    }
    with store.reading(*DOING) as conn, conn.cursor(row_factory=class_row(Job)) as cur:
        return cur.execute(query("job_list"), params).fetchall()


def job_result(store: Store, id_: UUID) -> bytes | None:
    """The document of a job that was successful; None of any other."""
    with store.reading(*DOING) as conn:
        row = conn.execute(query("job_result"), {"id": id_}).fetchone()
    return None if row is None else bytes(row[0])


def dismiss_job(store: Store, id_: UUID) -> bool:
    """End a job that nobody wants, and drop its result; whether there was one."""
    with _writing(store) as conn:
        return conn.execute(query("job_dismiss"), {"id": id_}).fetchone() is not None


@contextmanager
def claim(store: Store) -> Iterator[Running | None]:
    """The oldest job that nobody runs, held until the block ends; None where there is none.

    A job that was begun MOST_ATTEMPTS times and never ended is put down as failed on the way. A
    block that raises leaves the job open: it is claimed again, as after a crash."""
    with store.reading(*DOING) as conn:
        held = _held(conn, store)
        try:
            yield held
        finally:
            if held is not None and not conn.closed:
                conn.execute(query("job_unlock"), {"number": held.number})


def purge_jobs(store: Store) -> int:
    """Delete what ended more than KEEP_DAYS ago; how many."""
    with _writing(store) as conn:
        return conn.execute(query("job_purge"), {"days": KEEP_DAYS}).rowcount


def _held(conn: Connection, store: Store) -> Running | None:
    for (number,) in conn.execute(query("job_open")).fetchall():
        row = conn.execute(query("job_lock"), {"number": number}).fetchone()
        if row is None or not row[0]:
            continue  # somebody runs it
        begun = _begun(conn, number)
        if begun is not None:
            id_, process, inputs, layers = begun
            return Running(
                store=store, number=number, id=id_, process=process, inputs=inputs,
                layers=frozenset(layers),
            )  # fmt: skip
        conn.execute(query("job_unlock"), {"number": number})
    return None


def _begun(conn: Connection, number: int) -> tuple[UUID, str, Any, Any] | None:
    """Put the start on record; None for a job that has ended, or must not be tried again."""
    with conn.transaction():
        conn.execute(query("transaction_writes"))
        row = conn.execute(query("job_start"), {"number": number}).fetchone()
        if row is None:
            return None
        id_, process, inputs, layers, attempts = row
        if attempts > MOST_ATTEMPTS:
            _end(conn, number, None, LOST)
            return None
    return id_, process, inputs, layers


def _end(
    conn: Connection, number: int, result: bytes | None, error: Mapping[str, Any] | None
) -> None:
    params = {
        "number": number,
        "state": "successful" if error is None else "failed",
        "result": result,
        "error": None if error is None else Jsonb(dict(error)),
    }
    conn.execute(query("job_end"), params)


@contextmanager
def _writing(store: Store) -> Iterator[Connection]:
    with store.connection(*DOING) as conn:
        conn.execute(query("transaction_writes"))
        yield conn
