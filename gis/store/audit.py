"""The audit trail: entries in a chain, each with the digest of the one before it.

Who changes, puts in or leaves out an entry must change every one after it; who keeps the head of
the chain elsewhere (a sheet of paper will do) sees that too, and sees a chain that was cut short.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from gis.store.pool import Store
from gis.store.queries import query

START = "0" * 64  # what the first entry carries
BATCH = 5_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """Something that was done, or refused. who: as `Caller.name`; target: a layer, key or
    address; detail: values that JSON can hold."""

    who: str
    action: str
    target: str | None = None
    address: str | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    at: datetime = field(default_factory=lambda: datetime.now(UTC))


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """What a check has found. head: the last digest; broken: the first entry that does not
    follow from the one before, None = the chain is whole; holds: whether the digest asked for is
    in it, None = none was."""

    entries: int
    head: str
    broken: int | None
    holds: bool | None = None

    @property
    def whole(self) -> bool:
        return self.broken is None


def append(store: Store, entries: Sequence[Entry], algorithm: str = "sha256") -> None:
    """Add entries at the end of the chain, in their order, all or none."""
    if not entries:
        return
    with store.connection("写入审计", "write the audit trail") as conn:
        conn.execute(query("transaction_writes"))
        conn.execute(query("audit_lock"))
        last, previous = conn.execute(query("audit_last")).fetchone() or (0, START)
        rows = []
        for number, entry in enumerate(entries, last + 1):
            row = _row(number, entry, algorithm, previous)
            rows.append(row | {"detail": Jsonb(row["detail"])})
            previous = row["digest"]
        with conn.cursor() as cur:
            cur.executemany(query("audit_add"), rows)


def verify(store: Store, expect: str | None = None) -> Chain:
    """Walk the whole chain; memory does not grow with it. expect: a head kept from before."""
    entries, previous, broken = 0, START, None
    holds = None if expect is None else expect == START
    with (
        store.connection("核验审计", "verify the audit trail") as conn,
        conn.cursor("audit", row_factory=dict_row) as cur,
    ):
        cur.itersize = BATCH
        cur.execute(query("audit_all"))
        for row in cur:
            entries += 1
            follows = (
                row["id"] == entries
                and row["previous"] == previous
                and row["digest"] == _digest(row)
            )
            if not follows:
                broken = entries
                break
            previous = row["digest"]
            holds = holds or (None if expect is None else expect == previous)
    return Chain(entries=entries, head=previous, broken=broken, holds=holds)


def list_entries(
    store: Store, who: str | None = None, action: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """The newest entries first: id, at, who, address, action, target, detail."""
    asked = {"who": who, "action": action, "limit": limit}
    reading = store.reading("查询审计", "query the audit trail")
    with reading as conn, conn.cursor(row_factory=dict_row) as cur:
        return cur.execute(query("audit_list"), asked).fetchall()


def _row(number: int, entry: Entry, algorithm: str, previous: str) -> dict[str, Any]:
    row = {
        "id": number,
        "at": entry.at,
        "who": entry.who,
        "address": entry.address,
        "action": entry.action,
        "target": entry.target,
        "detail": dict(entry.detail),
        "algorithm": algorithm,
        "previous": previous,
    }
    return row | {"digest": _digest(row)}


def _digest(row: Mapping[str, Any]) -> str:
    """Of everything in the row but itself, in one spelling."""
    names = ("id", "who", "address", "action", "target", "detail", "algorithm", "previous")
    told = {name: row[name] for name in names}
    told["at"] = row["at"].astimezone(UTC).isoformat(timespec="microseconds")
    text = json.dumps(told, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return hashlib.new(row["algorithm"], text.encode()).hexdigest()
