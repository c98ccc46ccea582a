"""A loading process killed with signal 9, at any point, leaves counts and ledger as before."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from store_trials import day, make_layer

from gis.store import LayerQuery, Store, count, list_deliveries, quarantine_summary
from gis.store.tables import ensure_layer

HERE = Path(__file__).parent
LOADER = """
import sys
sys.path.insert(0, sys.argv[2])
import numpy as np
from store_trials import day, make_head, make_layer, make_rows
from gis.layers.batch import Reject
from gis.store import Store, begin

layer = make_layer()
with Store.open(sys.argv[1]) as store:
    print("connected", flush=True)
    with begin(store, make_head(layer, as_of=day(2))) as loading:
        for start in range(0, 40_000, 5_000):
            trees = [{"tree_id": f"t{i}", "height_m": float(i), "at": (114 + i * 1e-5, 33)}
                     for i in range(start, start + 5_000)]
            loading.add(make_rows(layer, trees))
            loading.reject([Reject(row=start, code="bad", zh="坏", en="bad")])
            print("batch", flush=True)
        print("added", flush=True)
        loading.apply()
        print("applied", flush=True)
        sys.stdin.readline()  # the commit waits for a word from outside
    print("done", flush=True)
"""


def load(url: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", LOADER, url, str(HERE)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def everything(store: Store) -> tuple:
    layer = make_layer()
    with store.reading() as conn:
        versions = conn.execute("SELECT count(*), max(version_id) FROM gis.trees").fetchone()
    return (
        count(store, LayerQuery(layer=layer)),
        versions,
        [(d["id"], d["accepted"]) for d in list_deliveries(store)],
        quarantine_summary(store),
    )


def settle(store: Store) -> None:
    """Wait until the server has noticed that its clients are gone."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        with store.reading() as conn:
            row = conn.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() "
                "AND pid <> pg_backend_pid() AND state <> 'idle'"
            ).fetchone()
        if row == (0,):
            return
        time.sleep(0.05)
    pytest.fail("a killed client's transaction is still open")


@pytest.mark.parametrize(
    ("stage", "wait_s"),
    [("connected", 0.1), ("batch", 0.1), ("added", 0.1), ("added", 0.4), ("applied", 0.1)],
)
def test_killed_while_loading(store: Store, deliver, stage: str, wait_s: float) -> None:
    """At a random moment within `wait_s` of each stage; what follows "added" is one apply."""
    with store.connection() as conn:
        ensure_layer(conn, make_layer())
    first = [{"tree_id": f"t{i}", "height_m": 0.0, "at": (114 + i * 1e-5, 33)} for i in range(500)]
    deliver(first, as_of=day(1))
    before = everything(store)
    with load(store.url) as process:
        assert process.stdout is not None
        lines = iter(process.stdout.readline, "")
        seen = random.randrange(1, 9) if stage == "batch" else 1
        while seen:
            seen -= next(lines).strip() == stage
        wait = random.uniform(0, wait_s)
        time.sleep(wait)
        process.kill()
        assert "done" not in list(lines)
    settle(store)
    assert everything(store) == before, f"killed {wait:.3f} s after {stage}"
    with load(store.url) as process:
        assert process.communicate("commit\n")[0].split()[-2:] == ["applied", "done"]
    assert count(store, LayerQuery(layer=make_layer())) == 40_000
    assert [d["accepted"] for d in list_deliveries(store)] == [40_000, 500]
    assert quarantine_summary(store)[0]["rows"] == 8
