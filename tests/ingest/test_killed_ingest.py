"""`gis ingest` killed with signal 9 at random moments: everything as before; then it runs."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from postgis import PROJECT

from gis.layers import Registry
from gis.store import LayerQuery, Store, count, list_deliveries, quarantine_summary

GIS = Path(sys.executable).with_name("gis")
ROWS = 90_000
KILLS = 5


def write(path: Path, rows: int, state: str) -> Path:
    lines = ["标识码,部件分类,状态,经度,纬度"]
    lines += [
        f"4117020121{i:06d},0121,{state},{114.0 + i * 1e-6:.7f},{32.95 + i * 1e-6:.7f}"
        for i in range(rows)
    ]
    lines.append("4117020121999999,9999,完好,114.0,33.0")  # an unknown class: quarantine
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def start(store: Store, path: Path, as_of: str) -> subprocess.Popen[str]:
    words = [str(GIS), "ingest", str(path), "--layer", "components", "--crs", "EPSG:4490"]
    env = {k: v for k, v in os.environ.items() if not k.startswith("GIS_")}
    env |= {
        "GIS_DATABASE_URL": store.url,
        "GIS_CONFIG": str(PROJECT / "config"),
        "GIS_DATA": str(PROJECT / "data"),
    }
    return subprocess.Popen(
        [*words, "--as-of", as_of, "--json"],
        env=env, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def settle(store: Store) -> None:
    """Wait until the server has noticed that its client is gone."""
    deadline = time.monotonic() + 20
    busy = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND application_name = 'onemap' AND state <> 'idle'"
    )
    while time.monotonic() < deadline:
        with store.reading() as conn:
            if conn.execute(busy).fetchone() == (0,):
                return
        time.sleep(0.05)
    pytest.fail("a killed client's transaction is still open")


def test_killed_at_random_moments(store: Store, registry: Registry, tmp_path: Path) -> None:
    layer = registry.get("components")

    def everything() -> tuple[object, ...]:
        ledger = [(d["id"], d["accepted"]) for d in list_deliveries(store)]
        return count(store, LayerQuery(layer=layer)), ledger, quarantine_summary(store)

    first = write(tmp_path / "first.csv", 2_000, "完好")
    began = time.monotonic()
    with start(store, first, "2023-06-01") as process:
        out, err = process.communicate()
    alone = time.monotonic() - began  # little but the start of the program
    assert process.returncode == 0, err
    assert json.loads(out)["accepted"] == 2_000
    before = everything()
    second = write(tmp_path / "second.csv", ROWS, "破损")
    for _ in range(KILLS):
        wait = random.uniform(0.6 * alone, alone + 1.5)
        with start(store, second, "2024-06-01") as process:
            time.sleep(wait)
            process.kill()
            process.communicate()
        assert process.returncode == -9, f"it had ended {wait:.3f} s after its start"
        settle(store)
        assert everything() == before, f"killed {wait:.3f} s after its start"
    with start(store, second, "2024-06-01") as process:
        out, err = process.communicate()
    assert process.returncode == 0, err
    report = json.loads(out)
    assert (report["accepted"], report["quarantined"]) == (ROWS, 1)
    assert count(store, LayerQuery(layer=layer)) == ROWS
