"""From file to store: `gis ingest` end to end, beside ogr2ogr on the same files in the same run.

    python benchmarks/ingest_files.py [POINTS]        (make bench runs it with the others)

A million points as CSV and 300,000 polygons as GeoPackage (or POINTS and 30 % of them), each twice:
the first delivery, and a second one with 2 % changed. Printed: seconds of the whole command
(Python's start included), seconds of processors (the command's and the server's), memory of the
command and its children at the highest (PSS, sampled), and how long a bbox query takes now and as
of a date between the two. ogr2ogr checks nothing, keeps no history and refuses nothing; it is the
floor.
"""

from __future__ import annotations

import contextlib
import csv
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import geopandas
import numpy as np
import shapely

from gis.layers import load_registry
from gis.store import Cluster, Instant, LayerQuery, Store, rows

PROJECT = Path(__file__).resolve().parents[1]
GIS = Path(sys.executable).with_name("gis")
FIRST, BETWEEN, SECOND = "2024-01-01", datetime(2024, 3, 1, tzinfo=UTC), "2024-06-01"
QUERIES = 200
CSV_OPTIONS = ["-oo", "X_POSSIBLE_NAMES=经度", "-oo", "Y_POSSIBLE_NAMES=纬度",
               "-a_srs", "EPSG:4490"]  # fmt: skip


def write_points(folder: Path, n: int, *, changed: int = 0) -> Path:
    """Street furniture as a city management bureau sends it: CSV in degrees. The first `changed`
    are out of order."""
    random = np.random.default_rng(3)
    path = folder / f"components_{changed}.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["标识码", "部件分类", "部件名称", "状态", "主管部门", "经度", "纬度"])
        for i, (lon, lat) in enumerate(
            zip(random.uniform(113.9, 114.1, n), random.uniform(32.9, 33.1, n), strict=True)
        ):
            code = f"4117020121{i:06d}"
            state = "破损" if i < changed else "完好"
            writer.writerow([code, "0121", "路灯", state, "城市管理局", f"{lon:.7f}", f"{lat:.7f}"])
    return path


def write_polygons(folder: Path, n: int, *, changed: int = 0) -> Path:
    """Buildings as a registry sends them: GeoPackage in the plane of EPSG:4547. The first
    `changed` have been raised."""
    random = np.random.default_rng(5)
    side = int(np.ceil(np.sqrt(n)))
    row, col = np.divmod(np.arange(n), side)
    centre = np.column_stack([500_000 + 25.0 * col, 3_645_000 + 25.0 * row])
    turn = np.linspace(0, 2 * np.pi, 9)[:-1]
    ring = np.stack([np.cos(turn), np.sin(turn)], -1) * random.uniform(4, 10, n)[:, None, None]
    frame = geopandas.GeoDataFrame(
        {
            "建筑物编号": [f"B{i:08d}" for i in range(n)],
            "层数": random.integers(1, 30, n),
            "高度": random.uniform(3, 90, n).round(1) + (np.arange(n) < changed),
            "室外地坪高程": random.uniform(70, 90, n).round(2),
            "用途": ["residential"] * n,
        },
        geometry=shapely.polygons(centre[:, None, :] + ring),
        crs="EPSG:4547",
    )
    path = folder / f"buildings_{changed}.gpkg"
    frame.to_file(path, layer="buildings", driver="GPKG")
    return path


@dataclass(frozen=True, slots=True)
class Run:
    """A command that ended: seconds, those of processors (its own and the server's), mebibytes at
    the highest, what it printed."""

    seconds: float
    cpu_s: float
    memory_mb: float
    out: str


def run(words: list[str], env: dict[str, str], server: Path | None = None) -> Run:
    before, started = _cpu_s(server), time.perf_counter()
    with subprocess.Popen(
        words, env=env, cwd=PROJECT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        highest = [0.0]
        watch = threading.Thread(target=_watch, args=(process, highest))
        watch.start()
        out, err = process.communicate()
        taken = time.perf_counter() - started
        watch.join()
    if process.returncode:
        raise SystemExit(f"{' '.join(words)}: {err}")
    time.sleep(1)  # until the server has taken note of its process
    return Run(taken, _cpu_s(server) - before, highest[0], out)


def _cpu_s(server: Path | None) -> float:
    """Seconds of processors: of our own children, and of the server's, that have ended."""
    used = os.times()
    seconds = used.children_user + used.children_system
    if server is not None:
        pid = server.read_text().split()[0]
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        seconds += sum(map(int, fields[13:15])) / os.sysconf("SC_CLK_TCK")
    return seconds


def _watch(process: subprocess.Popen[str], highest: list[float]) -> None:
    while process.poll() is None:
        highest[0] = max(highest[0], sum(map(_pss_mb, _family(process.pid))))
        time.sleep(0.1)


def _family(pid: int) -> list[int]:
    """A process and those below it."""
    found = [pid]
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            for child in (task / "children").read_text().split():
                found += _family(int(child))
    return found


def _pss_mb(pid: int) -> float:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) / 1024
    return 0.0


def bbox_ms(store: Store, layer_id: str, when: Instant | None) -> float:
    """Median time of a query for some hundred metres, milliseconds."""
    layer = load_registry(PROJECT / "config", PROJECT / "data").get(layer_id)
    some = rows(store, LayerQuery(layer=layer, limit=QUERIES)).geometry
    taken = []
    for west, south, _, _ in shapely.bounds(some).tolist():
        asked = LayerQuery(layer=layer, bbox=(west, south, west + 0.004, south + 0.004), when=when)
        started = time.perf_counter()
        rows(store, asked)
        taken.append(time.perf_counter() - started)
    return statistics.median(taken) * 1000


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        home = folder / "home"
        env = {k: v for k, v in os.environ.items() if not k.startswith("GIS_")}
        env |= {"GIS_HOME": str(home)}
        cluster = Cluster(home)
        url = cluster.start()
        try:
            run([str(GIS), "init"], env)
            print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before it begins")
            for layer, write, size in (
                ("components", write_points, n), ("buildings", write_polygons, n * 3 // 10),
            ):  # fmt: skip
                files = write(folder, size), write(folder, size, changed=size // 50)
                measure(layer, files, size, url, env)
        finally:
            cluster.stop()


def measure(layer: str, files: tuple[Path, Path], size: int, url: str, env: dict[str, str]) -> None:
    first, second = files
    server = Path(env["GIS_HOME"]) / "pg" / "data" / "postmaster.pid"
    words = [str(GIS), "ingest", "--layer", layer, "--json"]
    words += ["--crs", "EPSG:4490"] if first.suffix == ".csv" else []
    peer = ["ogr2ogr", "-f", "PostgreSQL", f"PG:{url}", str(first), "-nln", f"peer_{layer}"]
    peer += CSV_OPTIONS if first.suffix == ".csv" else ["-t_srs", "EPSG:4490"]
    floor = run(peer, {**env, "PG_USE_COPY": "YES"}, server)
    ours = run([*words, "--as-of", FIRST, str(first)], env, server)
    again = run([*words, "--as-of", SECOND, str(second)], env, server)
    report, later = json.loads(ours.out), json.loads(again.out)
    assert report["new"] == size, report
    assert (later["changed"], later["unchanged"]) == (size // 50, size - size // 50), later
    print(f"\n{size:,} {layer} ({first.suffix[1:]})")
    table = (("ogr2ogr", floor), ("gis ingest, first", ours), ("gis ingest, 2 % changed", again))
    for what, done in table:
        print(
            f"  {what:24} {done.seconds:7.2f} s {size / done.seconds:10,.0f} features/s "
            f"{done.cpu_s:7.2f} CPU s {done.memory_mb:6.0f} MiB   "
            f"{done.seconds / floor.seconds:5.2f} x ogr2ogr"
        )
    print(f"  second / first           {again.seconds / ours.seconds:7.0%}")
    with Store.open(url) as store:
        now, then = bbox_ms(store, layer, None), bbox_ms(store, layer, Instant(BETWEEN))
    print(f"  bbox now {now:.2f} ms, as of a date {then:.2f} ms: {then / now:.2f} x")


if __name__ == "__main__":
    main()
