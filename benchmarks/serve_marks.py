"""What we serve as a share of what the database can: the same statements behind a bare ASGI app.

    python benchmarks/serve_marks.py [ROWS] [SECONDS] [TIPG_PYTHON]

Both have two uvicorn workers on loopback and a pool of 8 connections each, and are asked by the
same client in turns, in short rounds; a share is the median of the rounds, so that whatever else
the machine does, it does to both. Every request asks for something else (a key, a box, a height),
so nothing can be remembered. The ceiling has its statement composed beforehand and hands on what
comes: no links, no count, no ETag, no access, no time, no errors.

Stock pygeoapi (as in serve.py) and tipg read a plain table of the same rows, in the same turns.
TIPG_PYTHON: the interpreter of an environment that has tipg; without it tipg is left out.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import quote

import yaml
from serve import (
    CRS,
    LAYER,
    PROJECT,
    answer,
    fill,
    free_port,
    running,
    stock_config,
    stock_needs,
)
from serve_tiles import EAST, NORTH, SOUTH, WEST

from gis.coords.matrixsets import WEB_MERCATOR
from gis.layers import load_registry
from gis.store import Cluster

ROUNDS = 9
CONNECTIONS, MANY = 8, 64
WORKERS = 2
HOT = ("items limit=10", "items limit=1000, bbox", "one item", "CQL2, limit=10", "MVT z15")
MARKS = {
    "items limit=10": 0.90, "items limit=1000, bbox": 0.90, "one item": 0.90,
    "CQL2, limit=10": 0.60, "MVT z15": 0.95,
}  # fmt: skip


# --- the ceiling -----------------------------------------------------------------------


def ceiling_app() -> Any:
    """The bare app: `/items`, `/box/w,s,e,n`, `/item/key`, `/cql/height`, `/tile/z/x/y`."""
    from psycopg_pool import AsyncConnectionPool

    from gis.store.filters_text import parse_text
    from gis.store.query import LayerQuery, items_statement
    from gis.store.vectortiles import TileQuery, _statement

    registry = load_registry(PROJECT / "config", PROJECT / "data")
    layer = registry.get(LAYER)
    pool = AsyncConnectionPool(
        os.environ["GIS_DATABASE_URL"], min_size=8, max_size=8, open=False,
        kwargs={"autocommit": True, "options": "-c plan_cache_mode=force_custom_plan"},
    )  # fmt: skip

    def said(q: LayerQuery) -> tuple[str, dict[str, Any]]:
        statement, params = items_statement(q)
        return statement.as_string(), params

    digits = 9
    page = said(LayerQuery(layer=layer, limit=10, digits=digits))
    boxed = said(LayerQuery(layer=layer, limit=1000, digits=digits, bbox=(0, 0, 1, 1)))
    one = said(LayerQuery(layer=layer, limit=1, digits=digits, keys=(1,)))
    high = parse_text(FILTER.format(60.5))
    chosen = said(LayerQuery(layer=layer, limit=10, digits=digits, filter=high))
    name = next(n for n, v in chosen[1].items() if v == 60.5)

    import shapely

    def statement(path: str) -> tuple[Any, dict[str, Any]]:
        kind, _, rest = path.strip("/").partition("/")
        if kind == "items":
            return page
        if kind == "box":
            box = shapely.to_wkb(shapely.box(*map(float, rest.split(","))))
            return boxed[0], boxed[1] | {"bbox": box}
        if kind == "item":
            return one[0], one[1] | {"keys": [int(rest)]}
        if kind == "cql":
            return chosen[0], chosen[1] | {name: float(rest)}
        z, x, y = map(int, rest.split("/"))
        return _statement(TileQuery(layer=layer, z=z, x=x, y=y))

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await pool.open(wait=True)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await pool.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        text, params = statement(scope["path"])
        tile = scope["path"].startswith("/tile")
        async with pool.connection() as conn, conn.cursor(binary=tile) as cur:
            await cur.execute(text, params)
            rows = await cur.fetchall()
        if tile:
            body = bytes(rows[0][0] or b"")
        else:
            found = ",".join([row[0] for row in rows])
            body = f'{{"type":"FeatureCollection","features":[{found}]}}'.encode()
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})

    return app


# --- what is asked ---------------------------------------------------------------------

FILTER = "height_m > {} AND storeys BETWEEN 3 AND 9"
Asked = Callable[[random.Random], tuple[Any, ...]]


def a_tile(r: random.Random, z: int = 15) -> tuple[int, int, int]:
    x = WEB_MERCATOR.column_of(z, r.uniform(WEST, EAST))
    return z, x, WEB_MERCATOR.row_of(z, r.uniform(SOUTH, NORTH))


def a_box(r: random.Random) -> tuple[str]:
    x, y = r.uniform(WEST, EAST - 0.03), r.uniform(SOUTH, NORTH - 0.03)
    return (f"{x:.6f},{y:.6f},{x + 0.03:.6f},{y + 0.03:.6f}",)


def asked(n: int) -> dict[str, Asked]:
    """What a task asks for, drawn anew for each request."""
    return {
        "items limit=10": lambda r: (),
        "items limit=1000, bbox": a_box,
        "one item": lambda r: (r.randint(1, n),),
        "CQL2, limit=10": lambda r: (round(r.uniform(55, 65), 4),),
        "MVT z15": a_tile,
    }


def encoded(text: str) -> str:
    return quote(text, safe="")


OURS: dict[str, Callable[..., str]] = {
    "items limit=10": lambda: f"/collections/{LAYER}/items?f=json&limit=10",
    "items limit=1000, bbox": lambda box: (
        f"/collections/{LAYER}/items?f=json&limit=1000&bbox={box}"
    ),
    "one item": lambda key: f"/collections/{LAYER}/items/{key}?f=json",
    "CQL2, limit=10": lambda h: (
        f"/collections/{LAYER}/items?f=json&limit=10&filter={encoded(FILTER.format(h))}"
    ),
    "MVT z15": lambda z, x, y: f"/collections/{LAYER}/tiles/{WEB_MERCATOR.id}/{z}/{y}/{x}?f=mvt",
}
BARE: dict[str, Callable[..., str]] = {
    "items limit=10": lambda: "/items",
    "items limit=1000, bbox": lambda box: f"/box/{box}",
    "one item": lambda key: f"/item/{key}",
    "CQL2, limit=10": lambda h: f"/cql/{h}",
    "MVT z15": lambda z, x, y: f"/tile/{z}/{x}/{y}",
}
TIPG: dict[str, Callable[..., str]] = {
    "items limit=10": lambda: f"/collections/public.{LAYER}/items?f=geojson&limit=10",
    "items limit=1000, bbox": lambda box: (
        f"/collections/public.{LAYER}/items?f=geojson&limit=1000&bbox={box}"
    ),
    "one item": lambda key: f"/collections/public.{LAYER}/items/{key}?f=geojson",
    "CQL2, limit=10": lambda h: (
        f"/collections/public.{LAYER}/items?f=geojson&limit=10&filter={encoded(FILTER.format(h))}"
    ),
    "MVT z15": lambda z, x, y: f"/collections/public.{LAYER}/tiles/{WEB_MERCATOR.id}/{z}/{x}/{y}",
}


# --- asking ----------------------------------------------------------------------------


async def ask(
    port: int, path: Callable[[], str], seconds: float, connections: int = CONNECTIONS
) -> tuple[float, list[float], int]:
    """Answers a second over kept connections, how long each took (s), and how many failed."""
    took: list[float] = []
    failed = 0
    started = time.perf_counter()
    end = started + seconds

    async def one() -> None:
        nonlocal failed
        while time.perf_counter() < end:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
            try:
                while (begun := time.perf_counter()) < end:
                    writer.write(f"GET {path()} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
                    status, _ = await answer(reader)
                    took.append(time.perf_counter() - begun)
                    failed += status >= 400
            except (asyncio.IncompleteReadError, ConnectionError):  # it hung up: a new connection
                took.append(time.perf_counter() - begun)
                failed += 1
            writer.close()

    await asyncio.gather(*(one() for _ in range(connections)))
    return (len(took) - failed) / (time.perf_counter() - started), took, failed


def processor_s() -> float:
    """Processor seconds that everything on this machine has used."""
    with open("/proc/stat") as file:
        fields = file.readline().split()[1:9]
    return sum(map(int, fields[:3])) / os.sysconf("SC_CLK_TCK")


def drawn(path: Callable[..., str], values: Asked, seed: int) -> Callable[[], str]:
    dice = random.Random(seed)
    return lambda: path(*values(dice))


Servers = dict[str, tuple[int, dict[str, Callable[..., str]]]]


def shares(servers: Servers, n: int, seconds: float) -> Iterator[dict[str, Any]]:
    """A line a task: the median rate of each server, and each as a share of the ceiling's in
    the same round."""
    for task, values in asked(n).items():
        rates: dict[str, list[float]] = {name: [] for name in servers}
        for round_ in range(ROUNDS + 1):
            for name, (port, paths) in servers.items():
                slow = name not in ("ours", "ceiling")
                if slow and round_ > 3:
                    continue
                path = drawn(paths[task], values, round_)
                rate, _, failed = asyncio.run(ask(port, path, seconds))
                if failed and not slow:
                    raise SystemExit(f"{name} {task}: {failed} failed")
                if round_:  # the first one warms
                    rates[name].append(rate)
        line: dict[str, Any] = {"task": task}
        line |= {name: round(median(found), 1) for name, found in rates.items()}
        each = zip(rates["ours"], rates["ceiling"], strict=True)
        line["share"] = round(median(a / b for a, b in each), 3)
        line["mark"] = MARKS[task]
        yield line


def kept_tile(port: int, seconds: float) -> float:
    """One tile over and over, as browsers take it: the best of five."""
    path = OURS["MVT z15"](*a_tile(random.Random(1)))
    return max(asyncio.run(ask(port, lambda: path, seconds))[0] for _ in range(5))


def spread(port: int, task: str, values: Asked, seconds: float) -> tuple[float, float]:
    """p50 and p99 in milliseconds over 64 connections: the median of five rounds."""
    found = []
    for round_ in range(5):
        path = drawn(OURS[task], values, round_)
        _, took, _ = asyncio.run(ask(port, path, seconds, MANY))
        took.sort()
        found.append((took[len(took) // 2] * 1e3, took[int(len(took) * 0.99)] * 1e3))
    p50, p99 = sorted(found, key=lambda pair: pair[1] / pair[0])[2]
    return round(p50, 1), round(p99, 1)


# --- the servers -----------------------------------------------------------------------


def our_env(url: str, folder: Path, port: int) -> dict[str, str]:
    return os.environ | {
        "GIS_DATABASE_URL": url, "GIS_CONFIG": str(PROJECT / "config"),
        "GIS_DATA": str(PROJECT / "data"), "GIS_PORT": str(port), "GIS_HOME": str(folder),
        "PYTHONPATH": os.pathsep.join([str(PROJECT), str(PROJECT / "benchmarks")]),
    }  # fmt: skip


def gis_words() -> list[str]:
    return [str(Path(sys.executable).with_name("gis")), "serve", "--workers", str(WORKERS)]


def uvicorn_words(app: str, port: int, python: str = sys.executable) -> list[str]:
    return [
        *(python, "-m", "uvicorn", app, "--port", str(port), "--workers", str(WORKERS)),
        *("--log-level", "critical", "--no-access-log"),
    ]


def start(stack: ExitStack, url: str, folder: Path, tipg: str | None, *, stock: bool) -> Servers:
    """Everything that is measured, running."""
    servers: Servers = {}

    def run(name: str, words: list[str], env: dict[str, str], port: int, paths: Any) -> None:
        stack.enter_context(running(words, env, port, folder / f"{name}.log"))
        servers[name] = (port, paths)

    port = free_port()
    run("ours", gis_words(), our_env(url, folder, port), port, OURS)
    port = free_port()
    words = [*uvicorn_words("serve_marks:ceiling_app", port), "--factory"]
    run("ceiling", words, our_env(url, folder, port), port, BARE)
    if stock:
        stock_needs(folder)
        (folder / "openapi.yml").write_text("openapi: 3.0.2\n", "utf-8")
        for name, count in (("pygeoapi", True), ("pygeoapi, no count", False)):
            port = free_port()
            config = folder / f"stock-{port}.yml"
            text = yaml.safe_dump(stock_config(url, port, CRS + "OGC/1.3/CRS84", count=count))
            config.write_text(text, "utf-8")
            env = os.environ | {
                "PYGEOAPI_CONFIG": str(config), "PYTHONPATH": str(folder / "needs"),
                "PYGEOAPI_OPENAPI": str(folder / "openapi.yml"),
            }  # fmt: skip
            run(name, uvicorn_words("pygeoapi.starlette_app:APP", port), env, port, OURS)
    if tipg is not None:
        port = free_port()
        env = os.environ | {"DATABASE_URL": url, "TIPG_DB_SCHEMAS": '["public"]'}
        env["TIPG_MAX_FEATURES_PER_QUERY"] = "10000"
        run("tipg", uvicorn_words("tipg.main:app", port, tipg), env, port, TIPG)
    time.sleep(4)  # the second worker of each
    return servers


def report(servers: Servers, n: int, seconds: float) -> None:
    for line in shares(servers, n, seconds):
        print(json.dumps(line), flush=True)
    port = servers["ours"][0]
    print(json.dumps({"task": "MVT z15 kept", "ours": round(kept_tile(port, seconds), 1)}))
    for task, values in asked(n).items():
        p50, p99 = spread(port, task, values, seconds)
        print(
            json.dumps({"task": task, "connections": MANY, "p50_ms": p50, "p99_ms": p99,
                        "ratio": round(p99 / p50, 2)}),
            flush=True,
        )  # fmt: skip


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 1.0
    tipg = sys.argv[3] if len(sys.argv) > 3 else None
    registry = load_registry(PROJECT / "config", PROJECT / "data")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name, ExitStack() as stack:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = Cluster(folder / "home")
        url = cluster.start()
        stack.callback(cluster.stop)
        fill(url, registry, n)
        print(f"{n:,} buildings, {WORKERS} workers each, {CONNECTIONS} connections", flush=True)
        report(start(stack, url, folder, tipg, stock=True), n, seconds)


if __name__ == "__main__":
    main()
