"""How many requests a second we answer, beside stock pygeoapi on the same rows in the same run.

    python benchmarks/serve.py [ROWS] [SECONDS]

Both run under uvicorn with one worker on loopback, one after the other, asked by the same client
over 8 kept connections. The stock provider gets a plain table of its own (the current rows, a
primary key, a spatial index), which is easier than the versioned one we read. It is asked three
times: with the table as what it is (EPSG:4490), called CRS84, and besides told not to count,
which is the best it can do. Its needs (GeoAlchemy2, psycopg2) go into a temporary folder.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
import shapely
import yaml

from gis.layers import Registry, load_registry
from gis.layers.batch import GoodRows
from gis.store import Cluster, DeliveryHead, Store, begin, prepare

PROJECT = Path(__file__).resolve().parents[1]
CONNECTIONS = 8
LAYER = "buildings"
FIELDS = ("building_id", "storeys", "height_m", "base_m", "use", "built_year", "parcel_code")
BOX = "114.0,32.98,114.03,33.01"
CRS = "http://www.opengis.net/def/crs/"
STOCK = (
    ("pygeoapi, EPSG:4490", CRS + "EPSG/0/4490", True),
    ("pygeoapi, called CRS84", CRS + "OGC/1.3/CRS84", True),
    ("pygeoapi, called CRS84, no count", CRS + "OGC/1.3/CRS84", False),
)
PLAIN = """
CREATE TABLE public.buildings AS
    SELECT key, building_id, storeys, height_m, base_m, use, built_year, parcel_code, geom
    FROM gis.buildings WHERE upper_inf(valid);
ALTER TABLE public.buildings ADD PRIMARY KEY (key);
CREATE INDEX ON public.buildings USING gist (geom);
ANALYZE public.buildings;
"""


def tile_path(z: int, lon: float = 114.01, lat: float = 32.99) -> str:
    n = 2**z
    row = int((1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2 * n)
    return (
        f"/collections/{LAYER}/tiles/WebMercatorQuad/{z}/{row}/{int((lon + 180) / 360 * n)}?f=mvt"
    )


TASKS = {
    "items limit=10": f"/collections/{LAYER}/items?f=json&limit=10",
    "items limit=1000, bbox": f"/collections/{LAYER}/items?f=json&limit=1000&bbox={BOX}",
    "CQL2, limit=10": f"/collections/{LAYER}/items?f=json&limit=10"
    "&filter=height_m%20%3E%2060%20AND%20storeys%20BETWEEN%203%20AND%209",
    "items offset=20000": f"/collections/{LAYER}/items?f=json&limit=10&offset=20000",
    "one item": f"/collections/{LAYER}/items/4711?f=json",
    "MVT z15": tile_path(15),
}
OURS = {  # what stock pygeoapi has not
    "items after row 20000": f"/collections/{LAYER}/items?f=json&limit=10&after=WzIwMDAwXQ",
    "CQL2 casei LIKE, limit=10": f"/collections/{LAYER}/items?f=json&limit=10"
    "&filter=casei(building_id)%20LIKE%20casei('b%251')",
    "MVT z15, filter": tile_path(15) + "&filter=height_m%20%3E%2060",
}


@dataclass(frozen=True)
class Answered:
    """What a closed loop saw."""

    per_second: float
    status: int
    size: int
    features: int | None

    def __str__(self) -> str:
        features = "" if self.features is None else f"  {self.features:>4} features"
        status = "" if self.status == 200 else f"  HTTP {self.status}"
        return f"{self.per_second:9.1f} /s  {self.size:>8,} bytes{features}{status}"


async def ask(port: int, path: str, seconds: float) -> Answered:
    """Ask for `path` over several kept connections until the time is up."""
    done, last = 0, (0, b"")
    end = time.perf_counter() + seconds

    async def one() -> None:
        nonlocal done, last
        request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        while time.perf_counter() < end:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            # a server that fails hangs up: a new connection
            with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
                while time.perf_counter() < end:
                    writer.write(request)
                    last = await answer(reader)
                    done += last[0] == 200
            writer.close()

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(CONNECTIONS)))
    rate = done / (time.perf_counter() - started)
    status, body = last
    features = len(json.loads(body)["features"]) if b'"FeatureCollection"' in body[:200] else None
    return Answered(rate, status, len(body), features)


async def answer(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    fields = dict(line.lower().split(": ", 1) for line in head.split("\r\n")[1:] if ": " in line)
    length = int(fields.get("content-length", "0"))
    return int(head.split(" ", 2)[1]), await reader.readexactly(length)


def houses(registry: Registry, n: int) -> GoodRows:
    layer = registry.get(LAYER)
    random = np.random.default_rng(5)
    x, y = random.uniform(113.8, 114.3, n), random.uniform(32.8, 33.2, n)
    turn = np.linspace(0, 2 * np.pi, 7)[:-1]
    ring = np.stack([np.cos(turn), np.sin(turn)], -1) * 1e-4
    empty = np.full(n, None, dtype=object)
    columns = dict.fromkeys(layer.field_names, empty) | {
        "building_id": np.array([f"B{i:08}" for i in range(n)], dtype=object),
        "storeys": random.integers(1, 40, n).astype(object),
        "height_m": random.uniform(3, 99, n).round(1).astype(object),
        "base_m": random.uniform(60, 90, n).round(2).astype(object),
        "use": np.array(["residential"] * n, dtype=object),
        "built_year": random.integers(1980, 2024, n).astype(object),
        "parcel_code": np.array([f"411702001001GB{i:05}" for i in range(n)], dtype=object),
    }
    return GoodRows(
        layer=layer,
        columns=columns,
        extra=empty,
        geometry=shapely.polygons(np.stack([x, y], -1)[:, None, :] + ring),
        rows=np.arange(1, n + 1),
        accuracy_m=0.1,
    )


def fill(url: str, registry: Registry, n: int) -> None:
    prepare(url, registry)
    head = DeliveryHead(
        layer=registry.get(LAYER),
        source="benchmark",
        digest="0" * 64,
        mode="full",
        frame={"name": "EPSG:4490", "how": "given", "accuracy_m": 0.1},
    )
    with Store.open(url) as store, begin(store, head) as loading:
        loading.add(houses(registry, n))
        loading.apply()
    with psycopg.connect(url, autocommit=True) as conn:
        conn.execute(PLAIN)


def stock_config(url: str, port: int, crs: str, *, count: bool) -> dict[str, Any]:
    place = psycopg.conninfo.conninfo_to_dict(url)
    provider = {
        "data": {
            "host": place["host"],
            "port": int(place.get("port") or 5432),
            "dbname": place["dbname"],
            "user": place["user"],
            "password": "",
            "search_path": ["public"],
        },
        "id_field": "key",
        "table": "buildings",
        "geom_field": "geom",
        "storage_crs": crs,
        "count": count,
    }
    tiles = {
        "options": {"zoom": {"min": 0, "max": 22}},
        "format": {"name": "pbf", "mimetype": "application/vnd.mapbox-vector-tile"},
    }
    words = {"title": "t", "description": "d", "keywords": ["k"]}
    return {
        "server": {
            "bind": {"host": "127.0.0.1", "port": port},
            "url": f"http://127.0.0.1:{port}",
            "mimetype": "application/json",
            "encoding": "utf-8",
            "languages": ["en-US"],
            "limits": {"default_items": 10, "max_items": 10000},
            "map": {"url": "", "attribution": ""},
        },
        "logging": {"level": "CRITICAL"},
        "metadata": {
            "identification": words | {"terms_of_service": "", "url": "", "keywords_type": "theme"},
            "license": {"name": "", "url": ""},
            "provider": {"name": "", "url": ""},
            "contact": {"name": "x"},
        },
        "resources": {
            LAYER: words
            | {
                "type": "collection",
                "extents": {"spatial": {"bbox": [113, 32, 115, 34]}},
                "providers": [
                    {"type": "feature", "name": "PostgreSQL"} | provider,
                    {"type": "tile", "name": "MVT-postgresql"} | provider | tiles,
                ],
            }
        },
    }


def stock_needs(folder: Path) -> Path:
    """GeoAlchemy2 and psycopg2, beside what this environment has."""
    target = folder / "needs"
    wanted = ["--target", str(target), "--no-deps", "geoalchemy2", "psycopg2-binary"]
    uv = shutil.which("uv") or str(PROJECT / ".uv" / "bin" / "uv")
    if Path(uv).exists():
        words = [uv, "pip", "install", "-q", "--python", sys.executable, *wanted]
    else:
        words = [sys.executable, "-m", "pip", "install", "-q", *wanted]
    subprocess.run(words, check=True)
    return target


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def running(
    words: list[str], env: dict[str, str], port: int, log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen(words, env=env, stdout=out, stderr=out, cwd=PROJECT)
    try:
        for _ in range(300):
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", port)) == 0:
                    break
            if process.poll() is not None:
                raise SystemExit(f"{words[:3]} stopped:\n{log.read_text()[-2000:]}")
            time.sleep(0.1)
        yield process
    finally:
        process.terminate()
        process.wait(20)


def measure(
    name: str, port: int, seconds: float, tasks: Mapping[str, str] = TASKS
) -> dict[str, Answered]:
    found = {}
    for task, path in tasks.items():
        asyncio.run(ask(port, path, 0.3))  # warm
        found[task] = asyncio.run(ask(port, path, seconds))
        print(f"{name:34} {task:24} {found[task]}", flush=True)
    return found


def ours(url: str, folder: Path, seconds: float) -> dict[str, Answered]:
    port = free_port()
    env = os.environ | {
        "GIS_DATABASE_URL": url,
        "GIS_CONFIG": str(PROJECT / "config"),
        "GIS_DATA": str(PROJECT / "data"),
        "GIS_PORT": str(port),
    }
    words = [str(Path(sys.executable).with_name("gis")), "serve"]
    with running(words, env, port, folder / "ours.log"):
        measure("One Map", port, seconds, OURS)
        return measure("One Map", port, seconds)


def stock(
    url: str, folder: Path, seconds: float, name: str, crs: str, *, count: bool
) -> dict[str, Answered]:
    port = free_port()
    config = folder / f"stock-{port}.yml"
    config.write_text(yaml.safe_dump(stock_config(url, port, crs, count=count)), "utf-8")
    document = folder / "openapi.yml"
    document.write_text("openapi: 3.0.2\n", "utf-8")
    env = os.environ | {
        "PYGEOAPI_CONFIG": str(config),
        "PYGEOAPI_OPENAPI": str(document),
        "PYTHONPATH": str(folder / "needs"),
    }
    words = [sys.executable, "-m", "uvicorn", "pygeoapi.starlette_app:APP", "--port", str(port)]
    words += ["--log-level", "critical", "--no-access-log"]
    with running(words, env, port, folder / "stock.log"):
        return measure(name, port, seconds)


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    seconds = float(sys.argv[2]) if len(sys.argv) > 2 else 4.0
    registry = load_registry(PROJECT / "config", PROJECT / "data")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = Cluster(folder / "home")
        url = cluster.start()
        try:
            fill(url, registry, n)
            stock_needs(folder)
            print(f"{n:,} buildings, {CONNECTIONS} connections, 1 worker each", flush=True)
            mine = ours(url, folder, seconds)
            theirs = {
                name: stock(url, folder, seconds, name, crs, count=count)
                for name, crs, count in STOCK
            }
        finally:
            cluster.stop()
    for name, answers in theirs.items():
        for task, answered in mine.items():
            other = answers[task]
            ratio = answered.per_second / other.per_second if other.per_second else math.nan
            failed = "" if other.per_second else f"  (it answers HTTP {other.status})"
            print(f"One Map / {name:34} {task:24} {ratio:8.1f} x{failed}")


if __name__ == "__main__":
    main()
