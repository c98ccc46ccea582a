"""`gis ingest` killed with signal 9, its whole process group, at random moments: everything is as
before, nothing of it is left over; then it runs.

    ONEMAP_KILLS=30 ONEMAP_ROWS=300000 python -m pytest -s tests/ingest/test_killed_ingest.py

is the long form; ONEMAP_SEED chooses other moments.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from commands import components, start
from postgis import Server
from psycopg.sql import SQL, Identifier

from gis.layers import Registry
from gis.store import LayerQuery, Store, count, list_deliveries, undo

KILLS = int(os.environ.get("ONEMAP_KILLS", "8"))
ROWS = int(os.environ.get("ONEMAP_ROWS", "12000"))
OUTSIDE = "before or after the transaction"
SEED = int(os.environ.get("ONEMAP_SEED", "5"))
OTHERS = """
    FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
    AND application_name = 'onemap'
"""
BUSY = " AND (state <> 'idle' OR pid IN (SELECT pid FROM pg_locks))"
DELIVERING = " AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory')"


def digest(store: Store) -> dict[str, str]:
    """What each table holds, whatever its order."""
    tables = (
        "SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n"
        " ON n.oid = c.relnamespace WHERE c.relkind = 'r' AND n.nspname IN ('gis', 'onemap')"
    )
    rows = SQL("SELECT coalesce(sum(hashtextextended(t::text, 0)), 0)::text, count(*) FROM {} AS t")
    with store.reading() as conn:
        return {
            ".".join(table): str(conn.execute(rows.format(Identifier(*table))).fetchone())
            for table in conn.execute(tables).fetchall()
        }


def left_over(store: Store) -> list[str]:
    """Temporary tables and locks of deliveries."""
    with store.reading() as conn:
        tables = conn.execute("SELECT relname FROM pg_class WHERE relpersistence = 't'").fetchall()
        locks = conn.execute("SELECT 'lock' FROM pg_locks WHERE locktype = 'advisory'").fetchall()
    return [row[0] for row in (*tables, *locks)]


def phase(store: Store) -> str:
    """What the delivery's transaction is at: the first line of its statement."""
    with store.reading() as conn:
        statement = "SELECT split_part(query, E'\\n', 1)" + OTHERS + DELIVERING
        row = conn.execute(statement).fetchone()
    return row[0] if row else OUTSIDE


def settle(store: Store, group: int) -> None:
    """Wait until no process of the command is left and the server has noticed."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        with store.reading() as conn:
            busy = conn.execute("SELECT count(*)" + OTHERS + BUSY).fetchone()
        if busy == (0,) and not alive(group):
            return
        time.sleep(0.05)
    pytest.fail("30 s after the kill something of the command is still there")


def alive(group: int) -> bool:
    """Whether a process of the group runs (one that nobody has waited for yet does not)."""
    states = (path.read_text() for path in stat_files())
    found = (text.rpartition(")")[2].split() for text in states)
    return any(int(fields[2]) == group and fields[0] != "Z" for fields in found)


def stat_files() -> Iterator[Path]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        if path.exists():
            yield path


def finished(store: Store, path: Path, as_of: str) -> dict:
    with start(store.url, path, as_of) as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    report: dict = json.loads(out)
    return report


def begun(store: Store, process: subprocess.Popen[str]) -> bool:
    """Wait for the delivery's transaction; False where the command ended without one in sight."""
    while process.poll() is None:
        if phase(store) != OUTSIDE:
            return True
        time.sleep(0.01)
    return False


def rehearsed(store: Store, path: Path) -> float:
    """How long the transaction takes when nothing happens to it, seconds."""
    with start(store.url, path, "2024-06-01") as process:
        assert begun(store, process)
        began = time.monotonic()
        while process.poll() is None and phase(store) != OUTSIDE:
            time.sleep(0.01)
        taken = time.monotonic() - began
        process.communicate()
    return taken


@pytest.mark.parametrize("held", [False, True], ids=["first", "later"])
def test_killed_at_random_moments(
    store: Store, server: Server, registry: Registry, tmp_path: Path, held: bool
) -> None:
    chance, kills = random.Random(SEED + held), KILLS // 2
    earlier = components(tmp_path / "earlier.csv", ROWS, "完好")
    many = components(tmp_path / "many.csv", ROWS, "破损")
    with server.copy() as url, Store.open(url, max_size=2) as rehearsal:
        for place in (rehearsal, store) if held else ():
            finished(place, earlier, "2023-06-01")
        whole_s = rehearsed(rehearsal, many)
    before, phases = digest(store), Counter[str]()
    for n in range(2 * kills):
        with start(store.url, many, "2024-06-01") as process:
            if n:  # the first is killed while it reads and checks its first rows
                assert begun(store, process)
            # one in each stretch of the time it takes
            time.sleep((n % kills + chance.random()) / kills * whole_s)
            at = phase(store)
            killed = kill(process)
            process.communicate()
        settle(store, process.pid)
        assert left_over(store) == []
        if digest(store) == before:
            phases[at] += killed
        else:  # it was faster than its rehearsal: then all of it is there
            newest = list_deliveries(store)[0]
            assert (newest["accepted"], newest["quarantined"]) == (ROWS, 1), at
            undo(store, newest["id"])
            before = digest(store)
        if sum(phases.values()) >= kills:
            break
    print(f"\n{'later' if held else 'first'}: {sum(phases.values())} kills of {ROWS} rows")
    for at, times in phases.most_common():
        print(f"  {times:3} {at}")
    assert sum(phases.values()) >= kills // 2
    report = finished(store, many, "2024-06-01")
    assert (report["accepted"], report["quarantined"]) == (ROWS, 1)
    assert (report["changed"] if held else report["new"]) == ROWS
    assert count(store, LayerQuery(layer=registry.get("components"))) == ROWS


def kill(process: subprocess.Popen[str]) -> bool:
    """Kill the command and all it started; False where it had ended."""
    if process.poll() is not None:
        return False
    os.killpg(process.pid, signal.SIGKILL)
    return process.wait() == -signal.SIGKILL
