"""Vector tiles a second, beside the ceiling: the same statement behind a bare ASGI app.

    python benchmarks/serve_tiles.py [ROWS] [TILES]

Both have two uvicorn workers on loopback and 8 connections each, and are asked by the same client
over 8 kept connections, in turns. Not kept: every tile of a level is asked once, in a shuffled
order, so that none is in the cache. Kept: one tile over and over. The ceiling does nothing but run
the statement, with its parameters ready, and hand on the bytes: no version, no ETag, no packing,
no access, no errors.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from serve import CONNECTIONS, LAYER, PROJECT, fill, free_port, running

from gis.coords.matrixsets import WEB_MERCATOR
from gis.layers import load_registry
from gis.store import Cluster

LEVELS = (14, 15, 16)
WEST, SOUTH, EAST, NORTH = 113.8, 32.8, 114.3, 33.2  # where serve.py builds its city
ROUNDS = 15  # short ones, in turns: whatever else the machine does, it does to both
KEPT = 4000


def ceiling_app() -> Any:
    """The bare app: `/z/x/y`."""
    from psycopg_pool import AsyncConnectionPool

    from gis.store.vectortiles import TileQuery, _statement

    registry = load_registry(PROJECT / "config", PROJECT / "data")
    layer = registry.get(LAYER)
    pool = AsyncConnectionPool(
        os.environ["GIS_DATABASE_URL"], min_size=8, max_size=8, open=False,
        kwargs={"autocommit": True, "options": "-c plan_cache_mode=force_custom_plan"},
    )  # fmt: skip

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await pool.open(wait=True)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await pool.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
        z, x, y = map(int, scope["path"].strip("/").split("/"))
        statement, params = _statement(TileQuery(layer=layer, z=z, x=x, y=y))
        async with pool.connection() as conn, conn.cursor(binary=True) as cur:
            await cur.execute(statement, params)
            row = await cur.fetchone()
        body = bytes(row[0] or b"") if row else b""
        length = (b"content-length", str(len(body)).encode())
        await send({"type": "http.response.start", "status": 200, "headers": [length]})
        await send({"type": "http.response.body", "body": body})

    return app


async def asked(port: int, paths: Sequence[str], *, packed: bool = False) -> tuple[float, int]:
    """Requests a second over several kept connections, and bytes."""
    waiting, size = iter(paths), 0
    accept = "Accept-Encoding: gzip\r\n" if packed else ""

    async def one() -> None:
        nonlocal size
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for path in waiting:
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{accept}\r\n".encode())
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
            if head.split(" ", 2)[1] not in ("200", "204"):
                raise SystemExit(f"{path}: {head}")
            length = head.partition("content-length: ")[2].partition("\r\n")[0]
            size += len(await reader.readexactly(int(length or 0)))
        writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    return len(paths) / (time.perf_counter() - started), size


def tiles_of(z: int, most: int) -> list[tuple[int, int, int]]:
    places = [
        (z, x, y)
        for x in range(WEB_MERCATOR.column_of(z, WEST), WEB_MERCATOR.column_of(z, EAST) + 1)
        for y in range(WEB_MERCATOR.row_of(z, NORTH), WEB_MERCATOR.row_of(z, SOUTH) + 1)
    ]
    random.Random(z).shuffle(places)
    return places[:most]


def ours_path(place: tuple[int, int, int]) -> str:
    z, x, y = place
    return f"/collections/{LAYER}/tiles/{WEB_MERCATOR.id}/{z}/{y}/{x}?f=mvt"


@contextmanager
def served(url: str, folder: Path) -> Iterator[tuple[int, int]]:
    """Ports of our server and of the ceiling, both running."""
    ports = free_port(), free_port()
    env = os.environ | {
        "GIS_DATABASE_URL": url, "GIS_CONFIG": str(PROJECT / "config"),
        "GIS_DATA": str(PROJECT / "data"), "GIS_PORT": str(ports[0]), "GIS_HOME": str(folder),
        "PYTHONPATH": str(PROJECT / "benchmarks"),
    }  # fmt: skip
    gis = [str(Path(sys.executable).with_name("gis")), "serve", "--workers", "2"]
    bare = [
        *(sys.executable, "-m", "uvicorn", "--factory", "serve_tiles:ceiling_app"),
        *("--port", str(ports[1]), "--workers", "2", "--log-level", "warning", "--no-access-log"),
    ]
    with (
        running(gis, env, ports[0], folder / "ours.log"),
        running(bare, env, ports[1], folder / "bare.log"),
    ):
        time.sleep(3)  # the second worker of each
        yield ports


def measure(ports: tuple[int, int], most: int) -> list[dict[str, Any]]:
    """A line a level: the median tiles a second of both, and of ours as a share of the
    ceiling's in the same round."""
    found = []
    for z in LEVELS:
        places = tiles_of(z, most)
        parts = [places[i::ROUNDS] for i in range(ROUNDS)]
        rates = []
        for part in parts:
            ours, _ = asyncio.run(asked(ports[0], [ours_path(p) for p in part]))
            bare, size = asyncio.run(asked(ports[1], ["/" + "/".join(map(str, p)) for p in part]))
            rates.append((ours, bare, ours / bare, size / len(part)))
        ours, bare, share, size = (median(values) for values in zip(*rates, strict=True))
        found.append(
            {"level": z, "tiles": len(places), "bytes": round(size), "ours": round(ours, 1),
             "ceiling": round(bare, 1), "share": round(share, 3)}
        )  # fmt: skip
        print(json.dumps(found[-1]), flush=True)
    return found


def measure_kept(ports: tuple[int, int]) -> float:
    path = ours_path(tiles_of(15, 1)[0])
    asyncio.run(asked(ports[0], [path] * 200, packed=True))
    rates = [asyncio.run(asked(ports[0], [path] * KEPT, packed=True))[0] for _ in range(3)]
    print(json.dumps({"kept": [round(r, 1) for r in rates]}), flush=True)
    return max(rates)


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    most = int(sys.argv[2]) if len(sys.argv) > 2 else 1500
    registry = load_registry(PROJECT / "config", PROJECT / "data")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = Cluster(folder / "home")
        try:
            url = cluster.start()
            fill(url, registry, n)
            print(f"{n:,} buildings, two workers each, {CONNECTIONS} connections", flush=True)
            with served(url, folder) as ports:
                measure(ports, most)
                measure_kept(ports)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
