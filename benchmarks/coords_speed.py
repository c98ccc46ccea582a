"""Coordinates: points a second, beside the peers that are installed, in one run.

    python benchmarks/coords_speed.py [--points N] [--fetch-peers]

Figures are per second of the process's own CPU time on one core, best of three; they vary with
what else the machine does. Peers take one point a call and are timed on fewer points. Those of
PyPI (eviltransform, prcoords, coord-convert, coordTransform) are scalar Python, those of npm
(gcoord, coordtransform) JavaScript; --fetch-peers puts both into a folder of its own for this run,
at the versions below. What is not there is named as missing.
"""

from __future__ import annotations

import argparse
import importlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from gis.coords import (
    Area,
    diagnose,
    find_transformation,
    gcj02_from_bd09,
    gcj02_from_wgs84,
    normalise,
    place_codes,
    wgs84_from_bd09,
    wgs84_from_gcj02,
)

PYPI = ("eviltransform==0.1.1", "prcoords==1.0.2", "coord-convert==0.2.1", "coordTransform==0.2.1")
NPM = ("gcoord@1.0.7", "coordtransform@2.1.2")
NODE = """
const n = +process.argv[2], wgs = [];
let seed = 7;
const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
for (let i = 0; i < n; i++) wgs.push([113.2 + 2 * random(), 32.3 + 1.3 * random()]);
const best = (f, points) => {
  let cpu = Infinity;
  for (let k = 0; k < 3; k++) {
    const from = process.cpuUsage();
    for (const p of points) f(p);
    const used = process.cpuUsage(from);
    cpu = Math.min(cpu, used.user + used.system);
  }
  return points.length / cpu;
};
const gcoord = require("gcoord"), ct = require("coordtransform");
const g = gcoord.default || gcoord;
const peers = {
  gcoord: [p => g.transform(p, g.WGS84, g.GCJ02), p => g.transform(p, g.GCJ02, g.WGS84)],
  coordtransform: [p => ct.wgs84togcj02(...p), p => ct.gcj02towgs84(...p)],
};
const found = {};
for (const [name, [there, back]] of Object.entries(peers)) {
  const moved = wgs.map(p => there([...p]));
  let worst = 0;
  moved.forEach((p, i) => {
    const home = back([...p]);
    worst = Math.max(worst, Math.abs(home[0] - wgs[i][0]), Math.abs(home[1] - wgs[i][1]));
  });
  found[name] = [best(p => there([...p]), wgs), best(p => back([...p]), moved), worst];
}
console.log(JSON.stringify(found));
"""
CITY = Area(113.0, 32.2, 115.3, 33.6)
# module, its two functions, how they take a point
PEERS = {
    "eviltransform": ("eviltransform", "wgs2gcj", "gcj2wgs_exact", "lat, lon"),
    "prcoords": ("prcoords", "wgs_gcj", "gcj_wgs_bored", "(lat, lon)"),
    "coord-convert": ("coord_convert.transform", "wgs2gcj", "gcj2wgs", "lon, lat"),
    "coordTransform": (
        "coordTransform.coordTransform", "wgs84_to_gcj02", "gcj02_to_wgs84", "lon, lat"),
}  # fmt: skip


def rate(run: Callable[[], object], count: int) -> float:
    """Million a second of CPU time, best of three."""
    best = float("inf")
    for _ in range(3):
        started = time.process_time()
        run()
        best = min(best, time.process_time() - started)
    return count / best / 1e6


def ours(lon: np.ndarray, lat: np.ndarray) -> dict[str, float]:
    n = len(lon)
    gcj = gcj02_from_wgs84(lon, lat)
    lonlat = np.column_stack([lon, lat])
    plane = find_transformation(4490, 4547).apply(lonlat)
    return {
        "WGS 84 -> GCJ-02": rate(lambda: gcj02_from_wgs84(lon, lat), n),
        "GCJ-02 -> WGS 84, exact": rate(lambda: wgs84_from_gcj02(*gcj), n),
        "BD-09 -> GCJ-02, exact": rate(lambda: gcj02_from_bd09(*gcj), n),
        "BD-09 -> WGS 84, exact": rate(lambda: wgs84_from_bd09(*gcj), n),
        "4547 -> 4490": rate(lambda: find_transformation(4547, 4490).apply(plane), n),
        "4490 -> 4547": rate(lambda: find_transformation(4490, 4547).apply(lonlat), n),
        "4547 -> 4526": rate(lambda: find_transformation(4547, 4526).apply(plane), n),
        "BeiDou code, level 8": rate(lambda: place_codes(lon, lat, 8), n),
    }


def _taking(function: Callable[..., tuple[float, ...]], order: str) -> Callable[..., object]:
    return function if order.startswith("(") else lambda point: function(*point)


def peers(lon: np.ndarray, lat: np.ndarray) -> dict[str, tuple[float, float, float] | None]:
    """Forward and inverse rate, and the inverse's worst error in degrees; None = not installed."""
    found: dict[str, tuple[float, float, float] | None] = {}
    for name, (module, there, back, order) in PEERS.items():
        try:
            library = importlib.import_module(module)
        except ImportError:
            found[name] = None
            continue
        forward, inverse = (_taking(getattr(library, f), order) for f in (there, back))
        lat_first = "lat, lon" in order
        points = list(zip(*((lat, lon) if lat_first else (lon, lat)), strict=True))
        points = [(float(a), float(b)) for a, b in points]
        moved = [tuple(forward(point))[:2] for point in points]
        home = np.array([tuple(inverse(point))[:2] for point in moved])
        found[name] = (
            rate(lambda f=forward, p=points: [f(point) for point in p], len(points)),
            rate(lambda f=inverse, p=moved: [f(point) for point in p], len(points)),
            float(np.abs(home - np.array(points)).max()),
        )
    return found


def fetch(folder: Path) -> None:
    """The peers, into a folder of their own; nothing of them stays."""
    # scripts/setup.sh puts uv here where the machine has none
    uv = shutil.which("uv") or str(Path(__file__).resolve().parents[1] / ".uv" / "bin" / "uv")
    words = ["pip", "install", "--quiet", "--python", sys.executable]
    _quietly([uv, *words, "--target", str(folder / "py"), "--no-deps", *PYPI, "six"], folder)
    _quietly(["npm", "install", "--silent", "--no-audit", "--no-fund", *NPM], folder)
    sys.path.insert(0, str(folder / "py"))


def _quietly(words: list[str], folder: Path) -> None:
    try:
        subprocess.run(words, cwd=folder, check=True, timeout=120, capture_output=True)
    except (OSError, subprocess.SubprocessError) as exc:
        print(f"not fetched: {words[0]}: {exc}")


def node_peers(folder: Path, n: int) -> dict[str, tuple[float, float, float]]:
    """The same figures of the npm peers, timed inside Node."""
    script = folder / "peers.js"
    script.write_text(NODE, "utf-8")
    try:
        out = subprocess.run(
            ["node", str(script), str(n)], cwd=folder, check=True, timeout=120,
            capture_output=True, text=True,
        ).stdout  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return {}
    return {f"{name} (npm)": tuple(v) for name, v in json.loads(out).items()}


def geometries(n: int) -> tuple[float, float]:
    """normalise: million points a second as points, and as vertices of rings of five."""
    import shapely

    rng = np.random.default_rng(2)
    xy = np.column_stack([rng.uniform(4.3e5, 6.1e5, n), rng.uniform(3.58e6, 3.71e6, n)])
    points = shapely.points(xy)
    squares = shapely.box(
        xy[: n // 5, 0], xy[: n // 5, 1], xy[: n // 5, 0] + 20, xy[: n // 5, 1] + 9
    )
    return rate(lambda: normalise(points, 4547), n), rate(lambda: normalise(squares, 4547), n)


def detection(n: int) -> float:
    """Seconds to diagnose n coordinates against 20,000 streets."""
    import shapely

    rng = np.random.default_rng(3)
    start = np.column_stack([rng.uniform(113.2, 115.1, 20_000), rng.uniform(32.4, 33.5, 20_000)])
    way = rng.normal(0.0, 0.002, (20_000, 2))
    streets = shapely.linestrings(np.stack([start, start + way], axis=1))
    chosen = rng.integers(0, 20_000, n)
    places = start[chosen] + way[chosen] * rng.uniform(0, 1, (n, 1))
    columns = find_transformation(4490, 4526).apply(places + rng.normal(0, 2e-5, places.shape))
    started = time.perf_counter()
    answer = diagnose(columns[:, ::-1], area=CITY, reference=streets)
    seconds = time.perf_counter() - started
    assert answer.decision is not None
    assert answer.decision.reading.frame.name == "EPSG:4526"
    return seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=1_000_000)
    parser.add_argument("--fetch-peers", action="store_true")
    options = parser.parse_args()
    n = options.points
    rng = np.random.default_rng(1)
    lon, lat = rng.uniform(113.2, 115.2, n), rng.uniform(32.3, 33.6, n)
    for name, figure in ours(lon, lat).items():
        print(f"{name:28s} {figure:8.2f} M/s")
    as_points, as_rings = geometries(min(n, 300_000))
    print(f"{'normalise, points':28s} {as_points:8.2f} M/s")
    print(f"{'normalise, rings of 5':28s} {as_rings:8.2f} M/s")
    print(f"{'detection, 100,000 rows':28s} {detection(100_000):8.2f} s")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if options.fetch_peers:
            fetch(folder)
        found = {**peers(lon[:20_000], lat[:20_000]), **node_peers(folder, 200_000)}
    for name, figures in found.items():
        if figures is None:
            print(f"peer {name:23s} not installed")
            continue
        there, back, error = figures
        print(f"peer {name:23s} {there:8.3f} / {back:.3f} M/s, inverse off by {error:.1e} deg")


if __name__ == "__main__":
    main()
