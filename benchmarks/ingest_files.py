"""From file to store: `gis ingest` end to end, beside ogr2ogr on the same files.

    python benchmarks/ingest_files.py [ROWS]

Prints features per second of the whole command (Python's start included) on a throw-away embedded
cluster. ogr2ogr checks nothing, keeps no history and refuses nothing; it is the floor.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas
import numpy as np
import shapely

from gis.store import Cluster

PROJECT = Path(__file__).resolve().parents[1]
GIS = Path(sys.executable).with_name("gis")


def write_points(folder: Path, n: int) -> Path:
    """Street furniture as a city management bureau sends it: CSV in degrees."""
    random = np.random.default_rng(3)
    path = folder / "components.csv"
    with path.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["标识码", "部件分类", "部件名称", "状态", "主管部门", "经度", "纬度"])
        for i, (lon, lat) in enumerate(
            zip(random.uniform(113.9, 114.1, n), random.uniform(32.9, 33.1, n), strict=True)
        ):
            code = f"4117020121{i:06d}"
            writer.writerow(
                [code, "0121", "路灯", "完好", "城市管理局", f"{lon:.7f}", f"{lat:.7f}"]
            )
    return path


def write_polygons(folder: Path, n: int) -> Path:
    """Buildings as a registry sends them: GeoPackage in the plane of EPSG:4547."""
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
            "高度": random.uniform(3, 90, n).round(1),
            "室外地坪高程": random.uniform(70, 90, n).round(2),
            "用途": ["residential"] * n,
        },
        geometry=shapely.polygons(centre[:, None, :] + ring),
        crs="EPSG:4547",
    )
    path = folder / "buildings.gpkg"
    frame.to_file(path, layer="buildings", driver="GPKG")
    return path


def seconds(words: list[str], env: dict[str, str]) -> tuple[float, str]:
    started = time.perf_counter()
    done = subprocess.run(words, env=env, cwd=PROJECT, check=True, capture_output=True, text=True)
    return time.perf_counter() - started, done.stdout


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        home = folder / "home"
        env = {k: v for k, v in os.environ.items() if not k.startswith("GIS_")}
        env |= {"GIS_HOME": str(home)}
        cluster = Cluster(home)
        url = cluster.start()
        try:
            seconds([str(GIS), "init"], env)
            measure("components", write_points(folder, n), ["--crs", "EPSG:4490"], url, env)
            measure("buildings", write_polygons(folder, n // 2), [], url, env)
        finally:
            cluster.stop()


def measure(layer: str, path: Path, crs: list[str], url: str, env: dict[str, str]) -> None:
    words = [str(GIS), "ingest", str(path), "--layer", layer, *crs, "--json"]
    rows = 0
    for what in ("first delivery", "the same again"):
        taken, out = seconds(words, env)
        report = json.loads(out)
        rows = report["rows_in"]
        assert report["accepted"] == rows, report
        print(
            f"gis ingest {path.suffix:6} {what:16} {rows / taken:9,.0f} features/s ({taken:.2f} s)"
        )
    options = [
        "-oo",
        "X_POSSIBLE_NAMES=经度",
        "-oo",
        "Y_POSSIBLE_NAMES=纬度",
        "-a_srs",
        "EPSG:4490",
    ]
    more = options if path.suffix == ".csv" else ["-t_srs", "EPSG:4490"]
    peer = ["ogr2ogr", "-f", "PostgreSQL", f"PG:{url}", str(path), "-nln", f"peer_{layer}", *more]
    taken, _ = seconds(peer, {**env, "PG_USE_COPY": "YES"})
    print(f"ogr2ogr    {path.suffix:6} {'':16} {rows / taken:9,.0f} features/s ({taken:.2f} s)")


if __name__ == "__main__":
    main()
