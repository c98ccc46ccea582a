"""3D Tiles: buildings a second of a whole build, one tile on the fly, beside py3dtiles' own export.

    python benchmarks/tiles3d.py [BUILDINGS]

One process, a throw-away embedded cluster. Building: query, extrude, write, on disk. py3dtiles
gets the same prisms as WKB in memory (its way from a database, less the query) on at most 2,000.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import py3dtiles
import shapely
from py3dtiles.export import wkbs_to_tileset

from gis.layers import Registry, load_registry
from gis.layers.batch import GoodRows
from gis.layers.model import Layer
from gis.store import Cluster, DeliveryHead, Store, begin, prepare
from gis.tiles import build_tileset, content_glb, tileset_json
from gis.tiles.placement import TileFrame
from gis.tiles.plan import PLANS, plan_of

PROJECT = Path(__file__).resolve().parents[1]
LON, LAT = 114.02, 32.98
A_KM2 = 1600
PEER_AT_MOST = 2000
TILES = 60


def footprints(n: int) -> np.ndarray:
    """Four to twelve corners, 10 to 40 m, one in twelve with a courtyard, 1,600 a km²."""
    random = np.random.default_rng(11)
    half = np.sqrt(n / A_KM2) / 2 / 111
    shapes = []
    for corners in random.integers(4, 13, n):
        turn = np.sort(random.uniform(0, 2 * np.pi, corners))
        turn = 2 * np.pi * (np.arange(corners) + 0.6 * turn / (2 * np.pi)) / corners
        ring = np.column_stack([np.cos(turn), np.sin(turn)]) * random.uniform(5, 20) * 1e-5
        holes = [ring[::-1] * 0.4] if random.random() < 1 / 12 else None
        at = np.array([LON, LAT]) + random.uniform(-half, half, 2)
        hole = [h + at for h in holes] if holes else None
        shapes.append(shapely.Polygon(ring + at, hole))
    return np.array(shapes, dtype=object)


def deliver(store: Store, layer: Layer, shapes: np.ndarray) -> None:
    n = len(shapes)
    random = np.random.default_rng(12)
    columns = {name: np.full(n, None, dtype=object) for name in layer.field_names}
    columns["building_id"] = np.array([f"B{i:07}" for i in range(n)], dtype=object)
    columns["name"] = np.array([f"驿城大道{i}号" for i in range(n)], dtype=object)
    columns["use"] = np.full(n, "residential", dtype=object)
    columns["height_m"] = np.round(random.uniform(3, 90, n), 1).astype(object)
    columns["base_m"] = np.round(random.uniform(70, 90, n), 2).astype(object)
    rows = GoodRows(
        layer=layer,
        columns=columns,
        extra=np.full(n, None, dtype=object),
        geometry=shapes,
        rows=np.arange(1, n + 1),
        accuracy_m=0.1,
    )
    frame = {"name": "EPSG:4490", "how": "given", "accuracy_m": 0.1}
    head = DeliveryHead(layer=layer, source="trial", digest="0" * 64, mode="full", frame=frame)
    with begin(store, head) as loading:
        loading.add(rows)
        loading.apply()


def prisms(shapes: np.ndarray) -> Iterator[bytes]:
    """The same solids as py3dtiles wants them: MultiPolygonZ in local metres, y up, ISO WKB."""
    frame = TileFrame.at(LON, LAT, 60.0)

    def at(ring: np.ndarray, height: float) -> np.ndarray:
        enu = frame.of_degrees(ring[:, 0], ring[:, 1], np.full(len(ring), height))
        return np.column_stack([enu[:, 0], enu[:, 2], -enu[:, 1]])

    for shape in shapely.orient_polygons(shapes):
        rings = [np.asarray(ring.coords) for ring in (shape.exterior, *shape.interiors)]
        faces = [shapely.Polygon(at(rings[0], 90), [at(ring, 90) for ring in rings[1:]])]
        for ring in rings:
            low, high = at(ring, 60), at(ring, 90)
            walls = np.stack([low[:-1], low[1:], high[1:], high[:-1]], axis=1)
            faces += [shapely.Polygon(wall) for wall in walls]
        yield shapely.to_wkb(shapely.MultiPolygon(faces), flavor="iso", output_dimension=3)


def ours(store: Store, registry: Registry, layer: Layer, folder: Path) -> None:
    for form in ("glb", "b3dm"):
        PLANS.kept.clear()
        report = build_tileset(store, registry, layer.id, folder / form, form=form)
        print(
            f"build {form:5} {report.features:8,} buildings  {report.tiles:5,} tiles  "
            f"{report.features / report.seconds:9,.0f} buildings/s  "
            f"{report.bytes / report.features:6,.0f} B/building"
        )
    PLANS.kept.clear()
    started = time.perf_counter()
    tileset_json(store, registry, layer)
    print(f"tileset.json, first time {1000 * (time.perf_counter() - started):8.1f} ms")
    made = plan_of(store, registry, layer, 1)
    nodes = list(made.nodes.values())
    chosen = np.random.default_rng(1).choice(len(nodes), TILES)
    taken, features = [], []
    for i in chosen.tolist():
        started = time.perf_counter()
        content_glb(store, registry, layer, 1, *nodes[i].address)
        taken.append(1000 * (time.perf_counter() - started))
        features.append(len(nodes[i].keys))
    print(
        f"one glb on the fly       {statistics.median(taken):8.1f} ms median, "
        f"{np.percentile(taken, 95):.1f} ms p95, {statistics.mean(features):.0f} buildings a tile"
    )


def peer(shapes: np.ndarray, folder: Path) -> None:
    wkbs = list(prisms(shapes))
    ids = [str(i) for i in range(len(wkbs))]
    folder.mkdir()
    with contextlib.redirect_stdout(io.StringIO()):
        started = time.perf_counter()
        wkbs_to_tileset(wkbs, ids, np.eye(4, dtype=np.float32).flatten("F"), folder)
        seconds = time.perf_counter() - started
    files = list(folder.rglob("*.b3dm"))
    size = sum(file.stat().st_size for file in files)
    print(
        f"py3dtiles {py3dtiles.__version__} {len(wkbs):8,} buildings  {len(files):5,} tiles  "
        f"{len(wkbs) / seconds:9,.0f} buildings/s  {size / len(wkbs):6,.0f} B/building"
    )


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    registry = load_registry(PROJECT / "config", PROJECT / "data")
    layer = registry.get("buildings")
    shapes = footprints(n)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        cluster = Cluster(folder / "home")
        url = cluster.start()
        prepare(url, registry)
        try:
            with Store.open(url) as store:
                deliver(store, layer, shapes)
                ours(store, registry, layer, folder)
        finally:
            cluster.stop()
        peer(shapes[:PEER_AT_MOST], folder / "peer")


if __name__ == "__main__":
    main()
