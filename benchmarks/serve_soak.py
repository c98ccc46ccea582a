"""Minutes of mixed load: does anything fail, does memory grow?

    python benchmarks/serve_soak.py [MINUTES] [ROWS]

Two workers, 8 connections that each ask for something else every time: pages, boxes, single
features, filters, tiles, and now and then a file, a page for a browser and a wrong request. The
resident memory of the workers is looked at every ten seconds; growth is the median of the last
third over that of the second third, when caches are warm.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from statistics import median

from serve import LAYER, PROJECT, answer, fill, free_port, running
from serve_marks import OURS, asked, gis_words, our_env

from gis.layers import load_registry
from gis.store import Cluster

CONNECTIONS, LOOK_S, PAUSE_S = 8, 10.0, 0.005
OTHERS = (
    f"/collections/{LAYER}/items?f=csv&limit=200", f"/collections/{LAYER}/items?f=html&limit=20",
    f"/collections/{LAYER}/items?limit=x", f"/collections/{LAYER}/items/99999999?f=json",
    "/collections?f=json",
)  # fmt: skip


def workers(parent: int) -> list[int]:
    """The process, and all that it started."""
    found = [parent]
    for pid in found:
        for task in Path(f"/proc/{pid}/task").glob("*/children"):
            found += [int(child) for child in task.read_text().split()]
    return found


def resident_mb(pids: list[int]) -> float:
    pages = [int(Path(f"/proc/{pid}/statm").read_text().split()[1]) for pid in pids]
    return sum(pages) * 4096 / 2**20


async def soak(port: int, parent: int, n: int, seconds: float) -> dict[str, object]:
    """Ask until the time is up."""
    statuses: Counter[str] = Counter()
    memory: list[float] = []
    end = time.monotonic() + seconds

    async def one(seed: int) -> None:
        dice, tasks = random.Random(seed), asked(n)
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
        while time.monotonic() < end:
            name = dice.choice(list(tasks))
            path = OURS[name](*tasks[name](dice))
            if dice.random() < 0.02:
                name, path = "other", dice.choice(OTHERS)
            writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            status, _ = await answer(reader)
            wanted = 404 if "99999999" in path else 400 if "limit=x" in path else 200
            fine = status == wanted or (status == 204 and "/tiles/" in path)
            statuses["as it should be" if fine else f"{path}: {status}"] += 1
            await asyncio.sleep(PAUSE_S)
        writer.close()

    async def look() -> None:
        while time.monotonic() < end:
            memory.append(round(resident_mb(workers(parent)), 1))
            await asyncio.sleep(LOOK_S)

    await asyncio.gather(look(), *(one(seed) for seed in range(CONNECTIONS)))
    third = max(1, len(memory) // 3)
    grown = median(memory[-third:]) / median(memory[third : 2 * third] or memory)
    return {
        "seconds": seconds, "answers": sum(statuses.values()), "statuses": dict(statuses),
        "resident_mb": memory, "growth": round(grown, 4),
    }  # fmt: skip


def main() -> None:
    minutes = float(sys.argv[1]) if len(sys.argv) > 1 else 10.0
    n = int(sys.argv[2]) if len(sys.argv) > 2 else 300_000
    registry = load_registry(PROJECT / "config", PROJECT / "data")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = Cluster(folder / "home")
        try:
            url = cluster.start()
            fill(url, registry, n)
            port = free_port()
            with running(gis_words(), our_env(url, folder, port), port, folder / "log") as process:
                time.sleep(3)
                found = asyncio.run(soak(port, process.pid, n, minutes * 60))
            print(json.dumps(found))
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
