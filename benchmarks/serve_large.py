"""What the same page costs of 10,000,000 features, beside 100,000.

    python benchmarks/serve_large.py [LARGE] [SMALL] [SECONDS]

Both layers are as dense (the large one covers more land) and numbered block by block, as
departments number; they are filled by the database itself. One server each, asked in turns in
short rounds, so that whatever else the machine does, it does to both.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any

import psycopg
from psycopg.sql import SQL
from serve import LAYER, PROJECT, free_port, running
from serve_marks import FILTER, ask, encoded, gis_words, our_env

from gis.coords.matrixsets import WEB_MERCATOR
from gis.layers import Registry, load_registry
from gis.store import Cluster, prepare
from gis.store.tables import ensure_indexes

WEST, SOUTH, BLOCK_DEG, EACH = 112.0, 31.0, 0.0258, 1000  # a block of 2.4 km with 1000 houses
ROUNDS = 9
HOUSES = """
INSERT INTO gis.buildings (key, building_id, storeys, height_m, base_m, use, built_year,
    parcel_code, geom, valid, opened_by, content_hash, accuracy_m)
SELECT i + 1, 'B' || lpad(i::text, 8, '0'), 1 + h % 39, 3 + (h % 960) / 10.0, 60 + h % 30,
    'residential', 1980 + h % 44, '411702001001GB' || lpad((i % 100000)::text, 5, '0'),
    ST_SetSRID(ST_Translate(house.geom,
        {west} + ((i / {each}) % {side} + (h % 9973) / 9973.0) * {block},
        {south} + ((i / {each}) / {side} + (h / 9973 % 9967) / 9967.0) * {block}), 4490),
    tstzrange('2024-01-01+08', NULL), 1, decode(md5(i::text), 'hex'), 0.1
FROM generate_series({first}::bigint, {last}::bigint) AS i,
    LATERAL (SELECT hashint8(i)::bigint & 2147483647 AS h) AS r,
    (SELECT ST_GeomFromText('POLYGON((1e-4 0, 5e-5 8.7e-5, -5e-5 8.7e-5, -1e-4 0,
        -5e-5 -8.7e-5, 5e-5 -8.7e-5, 1e-4 0))') AS geom) AS house
"""
LEDGER = """
INSERT INTO onemap.delivery (layer, source, digest, mode, as_of, frame, accepted, new)
VALUES ('buildings', 'benchmark', '0', 'full', '2024-01-01+08', '{{}}', {n}, {n});
UPDATE onemap.layer SET features = {n} WHERE id = 'buildings';
VACUUM ANALYZE gis.buildings;
"""


def fill_large(url: str, registry: Registry, n: int) -> None:
    """A layer of n buildings, as one delivery would have left it."""
    prepare(url, registry)
    side = max(1, round((n / EACH) ** 0.5))
    with psycopg.connect(url, autocommit=True) as conn:
        for first in range(0, n, 500_000):
            values = {
                "west": WEST, "south": SOUTH, "block": BLOCK_DEG, "each": EACH, "side": side,
                "first": first, "last": min(n, first + 500_000) - 1,
            }  # fmt: skip
            conn.execute(SQL(HOUSES).format(**values))  # type: ignore[arg-type]
        conn.execute("SET maintenance_work_mem = '1GB'")
        ensure_indexes(conn, registry.get(LAYER))
        for statement in LEDGER.strip().split(";\n"):
            conn.execute(SQL(statement.rstrip(";")).format(n=n))  # type: ignore[arg-type]


ITEMS = f"/collections/{LAYER}/items?f=json"


def place(dice: random.Random) -> tuple[float, float]:
    """Where both layers have houses."""
    return WEST + dice.uniform(0, 0.22), SOUTH + dice.uniform(0, 0.22)


def box(dice: random.Random) -> str:
    x, y = place(dice)
    return f"{x:.6f},{y:.6f},{x + 0.02:.6f},{y + 0.02:.6f}"


def tile(dice: random.Random) -> str:
    x, y = place(dice)
    row, column = WEB_MERCATOR.row_of(15, y), WEB_MERCATOR.column_of(15, x)
    return f"/collections/{LAYER}/tiles/{WEB_MERCATOR.id}/15/{row}/{column}?f=mvt"


TASKS: dict[str, Callable[[random.Random], str]] = {
    "items limit=10": lambda dice: f"{ITEMS}&limit=10",
    "items limit=10, bbox": lambda dice: f"{ITEMS}&limit=10&bbox={box(dice)}",
    "items limit=1000, bbox": lambda dice: f"{ITEMS}&limit=1000&bbox={box(dice)}",
    "one item": lambda dice: f"/collections/{LAYER}/items/{dice.randint(1, 100_000)}?f=json",
    "CQL2, limit=10": lambda dice: (
        f"{ITEMS}&limit=10&filter={encoded(FILTER.format(round(dice.uniform(55, 65), 4)))}"
    ),
    "MVT z15": tile,
}


def costs(small: int, large: int, seconds: float) -> Iterator[dict[str, Any]]:
    """A line a task: the median rates of both ports, and how much more the large one costs."""
    for name, path in TASKS.items():
        rates: list[tuple[float, float]] = []
        for round_ in range(ROUNDS + 1):
            pair = []
            for port in (small, large):
                drawn = partial(path, random.Random(round_))
                rate, _, failed = asyncio.run(ask(port, drawn, seconds))
                if failed:
                    raise SystemExit(f"{name}: {failed} failed")
                pair.append(rate)
            if round_:  # the first one warms
                rates.append((pair[0], pair[1]))
        yield {
            "task": name, "small": round(median(a for a, _ in rates), 1),
            "large": round(median(b for _, b in rates), 1),
            "cost": round(median(a / b for a, b in rates), 2),
        }  # fmt: skip


def compare(urls: tuple[str, str], folder: Path, seconds: float) -> None:
    """Both layers, served side by side."""
    with ExitStack() as stack:
        ports = []
        for url in urls:
            port = free_port()
            log = folder / f"{port}.log"
            stack.enter_context(running(gis_words(), our_env(url, folder, port), port, log))
            ports.append(port)
        time.sleep(4)  # the second worker of each
        for line in costs(ports[0], ports[1], seconds):
            print(json.dumps(line), flush=True)


def main() -> None:
    large = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    small = int(sys.argv[2]) if len(sys.argv) > 2 else 100_000
    seconds = float(sys.argv[3]) if len(sys.argv) > 3 else 1.0
    registry = load_registry(PROJECT / "config", PROJECT / "data")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = Cluster(folder / "home")
        cluster.start()
        try:
            urls = cluster.url_of("small"), cluster.url_of("large")
            for url, n in zip(urls, (small, large), strict=True):
                with psycopg.connect(cluster.url, autocommit=True) as conn:
                    conn.execute("CREATE DATABASE " + url.split("/")[3].split("?")[0])  # type: ignore[arg-type]
                started = time.perf_counter()
                fill_large(url, registry, n)
                print(f"{n:,} buildings in {time.perf_counter() - started:.0f} s", flush=True)
            compare(urls, folder, seconds)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
