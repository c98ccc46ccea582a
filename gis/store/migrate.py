"""Numbered migrations: `sql/schema/NNN_name.sql`, each in a transaction, each recorded.

A file that has been applied somewhere is never edited: the change goes into the next number.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.resources.abc import Traversable

import psycopg
from psycopg.sql import SQL

from gis.errors import Conflict, StoreError
from gis.store.queries import FOLDER, query

NAME = re.compile(r"(\d{3})_(\w+)\.sql")


@dataclass(frozen=True, slots=True)
class Migration:
    """One file of the schema folder; `digest` is SHA-256 of its text with LF line ends."""

    number: int
    name: str
    text: str

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()


SCHEMA_FOLDER = FOLDER.joinpath("schema")


def shipped(folder: Traversable = SCHEMA_FOLDER) -> tuple[Migration, ...]:
    """Every migration in `folder`, by number. Raises StoreError where two share one."""
    found: dict[int, Migration] = {}
    for file in folder.iterdir():
        if not (match := NAME.fullmatch(file.name)):
            continue
        number = int(match[1])
        if number in found:
            raise StoreError(
                zh=f"迁移编号重复：{file.name} 与 {found[number].name}。请改其中一个的编号",
                en=f"two migrations share a number: {file.name} and {found[number].name}. "
                f"Renumber one",
                number=number,
            )
        text = file.read_text("utf-8").replace("\r\n", "\n")
        found[number] = Migration(number, match[2], text)
    return tuple(found[number] for number in sorted(found))


def applied(conn: psycopg.Connection) -> dict[int, str]:
    """Number -> digest of what this database has; empty where it was never initialised."""
    if conn.execute(query("migration_exists")).fetchone() != (True,):
        return {}
    rows = conn.execute(query("migrations_applied")).fetchall()
    return {number: digest for number, _, digest in rows}


def pending(
    conn: psycopg.Connection, migrations: tuple[Migration, ...] | None = None
) -> tuple[Migration, ...]:
    """Migrations this database lacks. Raises Conflict where an applied file was edited since,
    or where the database is newer than this program."""
    known = shipped() if migrations is None else migrations
    done = applied(conn)
    for migration in known:
        if done.get(migration.number, migration.digest) != migration.digest:
            raise Conflict(
                zh=f"迁移 {migration.number:03}_{migration.name} 应用后被改动。"
                f"请恢复原文件，把改动写入新的编号",
                en=f"migration {migration.number:03}_{migration.name} was edited after it had "
                f"been applied. Restore it and put the change into a new number",
                number=migration.number,
            )
    if newer := sorted(set(done) - {m.number for m in known}):
        raise Conflict(
            zh=f"数据库比程序新（迁移 {newer}）。请升级程序",
            en=f"the database is newer than this program (migrations {newer}). Upgrade the program",
            numbers=newer,
        )
    return tuple(m for m in known if m.number not in done)


def migrate(
    conn: psycopg.Connection, migrations: tuple[Migration, ...] | None = None
) -> tuple[Migration, ...]:
    """Apply what is pending, each file in its own transaction; return what was applied.

    Several processes may call it at once. `conn` must be in autocommit mode.
    """
    with only_initialiser(conn):
        conn.execute(query("migration_table"))
        todo = pending(conn, migrations)
        for migration in todo:
            with conn.transaction():
                conn.execute(SQL(migration.text))
                conn.execute(
                    query("migration_record"),
                    {
                        "number": migration.number,
                        "name": migration.name,
                        "digest": migration.digest,
                    },
                )
    return todo


@contextmanager
def only_initialiser(conn: psycopg.Connection) -> Iterator[None]:
    """Hold the lock under which the schema may change. `conn` must be in autocommit mode."""
    conn.execute(query("lock_session"))
    try:
        yield
    finally:
        if not conn.closed and not conn.broken:
            conn.execute(query("unlock_session"))
