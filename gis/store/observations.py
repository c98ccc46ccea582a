"""Readings of sensors: each stored once, the newest beside them.

with adding(store, source="levels.csv", digest="…") as box:
    box.add(readings)
    added = box.finish()
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import Connection
from psycopg.rows import dict_row

from gis.store.pool import Store
from gis.store.queries import query

AHEAD = 1  # bit of `quality`: the clock of the sensor runs ahead


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading; `row`: its line in the file (from 1), `time` aware, `quality` 0 = good."""

    row: int
    datastream: str
    time: datetime
    value: float
    quality: int = 0


@dataclass(frozen=True, slots=True)
class Refused:
    """A line that is no reading."""

    row: int
    code: str
    zh: str
    en: str
    raw: str


@dataclass(frozen=True, slots=True)
class Added:
    """What became of the readings: stored + duplicates + conflicts = those added to the box."""

    stored: int
    duplicates: int
    conflicts: int


class ReadingsBox:
    """One file of readings on its way in, in one transaction."""

    def __init__(self, conn: Connection, source: str, digest: str) -> None:
        self._conn, self._file = conn, {"source": source, "digest": digest}
        self._rows = 0
        conn.execute(query("observation_batch"))

    def add(self, readings: Sequence[Reading]) -> None:
        with self._conn.cursor() as cur, cur.copy(query("observation_copy")) as copy:
            for r in readings:
                copy.write_row((r.row, r.datastream, r.time, r.value, r.quality))
        self._rows += len(readings)

    def refuse(self, lines: Iterable[Refused]) -> None:
        for line in lines:
            said = {"row": line.row, "code": line.code, "zh": line.zh, "en": line.en}
            # PostgreSQL holds neither NUL nor half a character
            raw = line.raw.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()
            self._conn.execute(query("observation_refuse"), {**self._file, **said, "raw": raw})

    def finish(self) -> Added:
        """Store what is new and bring the latest values up to date."""
        stored = self._conn.execute(query("observation_add")).rowcount
        row = self._conn.execute(query("observation_conflicting")).fetchone()
        conflicts = int(row[0]) if row else 0
        if conflicts:
            self._conn.execute(query("observation_conflicts"), self._file)
        self._conn.execute(query("observation_latest"))
        return Added(stored, self._rows - stored - conflicts, conflicts)


@contextmanager
def adding(store: Store, *, source: str, digest: str) -> Iterator[ReadingsBox]:
    """A box for the readings of one file: all of them are stored at the end, or none."""
    with store.connection(f"写入 {source} 的读数", f"store the readings of {source}") as conn:
        yield ReadingsBox(conn, source, digest)


def readings(store: Store, datastream: str, hours: float) -> list[tuple[datetime, float]]:
    """Good readings of the last `hours` before the newest one, oldest first."""
    params = {"datastream": datastream, "seconds": hours * 3600.0}
    with store.reading("查询读数", "query readings") as conn:
        return conn.execute(query("readings"), params).fetchall()


def observation_status(store: Store) -> list[dict[str, Any]]:
    """A line a datastream: datastream, time and value of the latest reading, how many there are."""
    return _dicts(store, "observation_status", {})


def refused_readings(store: Store, limit: int = 1000) -> list[dict[str, Any]]:
    """Lines that were no readings: source, row, code, zh, en, raw, received_at."""
    return _dicts(store, "observation_refused", {"limit": limit})


def _dicts(store: Store, name: str, params: dict[str, Any]) -> list[dict[str, Any]]:
    with (
        store.reading("查询读数", "query readings") as conn,
        conn.cursor(row_factory=dict_row) as cur,
    ):
        return cur.execute(query(name), params).fetchall()
