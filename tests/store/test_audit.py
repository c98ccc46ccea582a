"""The audit trail shows what was done to it; keys are kept as digests; area is counted once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from gis.errors import Conflict, StoreError
from gis.store import Store
from gis.store.access import (
    add_area,
    add_key,
    area_km2,
    area_of,
    cells_in,
    cells_of,
    digest_of,
    list_keys,
    revoke_key,
)
from gis.store.audit import START, Entry, append, list_entries, verify


def entry(n: int) -> Entry:
    return Entry(who=f"key:{n}", action="read", target="管线", detail={"n": n, "km2": 0.1 + n})


@pytest.mark.parametrize("algorithm", ["sha256", "sm3"])
def test_a_whole_chain(store: Store, algorithm: str) -> None:
    assert verify(store, START).holds is True
    append(store, [entry(n) for n in range(5)], algorithm)
    first = verify(store)
    append(store, [entry(n) for n in range(5, 9)], algorithm)
    found = verify(store, first.head)
    assert (found.entries, found.whole, found.holds) == (9, True, True)
    assert len(found.head) == 64
    assert found.head != first.head
    assert verify(store, "f" * 64).holds is False
    assert [line["detail"]["n"] for line in list_entries(store, limit=3)] == [8, 7, 6]


def test_writers_at_the_same_time_make_one_chain(store: Store) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: append(store, [entry(n), entry(n)]), range(12)))
    assert verify(store).whole
    assert verify(store).entries == 24


@pytest.mark.parametrize("statement", [
    "UPDATE onemap.audit SET who = 'nobody' WHERE id = 2",
    "DELETE FROM onemap.audit WHERE id = 2",
    "TRUNCATE onemap.audit",
])  # fmt: skip
def test_the_table_is_only_added_to(store: Store, statement: str) -> None:
    append(store, [entry(n) for n in range(3)])
    with (
        psycopg.connect(store.url, autocommit=True) as conn,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        conn.execute(statement)
    assert verify(store).entries == 3


@pytest.mark.parametrize(("statement", "broken"), [
    ("UPDATE onemap.audit SET who = 'nobody' WHERE id = 3", 3),
    ("UPDATE onemap.audit SET detail = '{}' WHERE id = 4", 4),
    ("UPDATE onemap.audit SET at = at + interval '1 microsecond' WHERE id = 1", 1),
    ("DELETE FROM onemap.audit WHERE id = 2", 2),
    ("INSERT INTO onemap.audit SELECT 6, at, who, address, action, target, detail, algorithm, "
     "previous, digest FROM onemap.audit WHERE id = 5", 6),
    ("UPDATE onemap.audit SET id = id + 10 WHERE id = 5", 5),
])  # fmt: skip
def test_tampering_shows(store: Store, statement: str, broken: int) -> None:
    """Done by somebody who may even take the trigger away."""
    append(store, [entry(n) for n in range(5)])
    with psycopg.connect(store.url, autocommit=True) as conn:
        conn.execute("ALTER TABLE onemap.audit DISABLE TRIGGER audit_stays")
        conn.execute(statement)  # type: ignore[call-overload]  # text of this test
    assert verify(store).broken == broken


def test_a_chain_cut_short_shows_by_its_old_head(store: Store) -> None:
    append(store, [entry(n) for n in range(5)])
    head = verify(store).head
    with psycopg.connect(store.url, autocommit=True) as conn:
        conn.execute("ALTER TABLE onemap.audit DISABLE TRIGGER audit_stays")
        conn.execute("DELETE FROM onemap.audit WHERE id > 3")
    assert verify(store).whole
    assert verify(store, head).holds is False


def test_a_key_is_kept_as_its_digest(store: Store) -> None:
    secret = add_key(store, "院", ["reader"], "李工", datetime.now(UTC) + timedelta(days=1))
    (kept,) = list_keys(store)
    assert kept.digest == digest_of(secret)
    assert secret not in str(kept)
    assert kept.opens(datetime.now(UTC))
    assert not kept.opens(datetime.now(UTC) + timedelta(days=2))
    with pytest.raises(Conflict):
        add_key(store, "院", ["reader"], "李工")
    revoke_key(store, "院", "李工")
    assert not list_keys(store)[0].opens(datetime.now(UTC))
    with pytest.raises(StoreError):
        revoke_key(store, "院", "李工")
    assert add_key(store, "院", ["reader"], "李工") != secret


def test_area_of_cells() -> None:
    """Against the sphere: a degree of latitude is 111.32 km, one of longitude less by the
    cosine."""
    box = cells_in(114.0001, 32.9801, 114.0199, 32.9999)
    assert len(box) == 100
    assert area_km2(box) == pytest.approx(0.02**2 * 111.32**2 * np.cos(np.radians(32.99)), rel=1e-3)
    points = np.array([[114.001, 32.981], [114.0011, 32.9811], [114.01, 32.99], [np.nan, 1.0]])
    assert len(cells_of(points)) == 2
    assert cells_of(points) < box


def test_area_is_counted_once(store: Store) -> None:
    cells = cells_in(114.0, 32.98, 114.01, 32.99)
    for _ in range(2):
        add_area(store, [("key:a", "pipe_segments", cell) for cell in cells])
    add_area(store, [])
    assert area_of(store, "key:a", "pipe_segments") == cells
    assert area_of(store, "key:b", "pipe_segments") == frozenset()
