"""How fast the store takes deliveries: points and polygons, first load and repeats.

    python benchmarks/store_load.py [ROWS]

Prints rows per second of add + apply, on a throw-away embedded cluster with real durability.
"""

from __future__ import annotations

import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import shapely

from gis.layers.batch import GoodRows
from gis.layers.model import Field, GeometryType, Label, Layer
from gis.store import Cluster, DeliveryHead, Store, begin, prepare

LABEL = Label(zh="试验", en="Trial")
BATCH = 50_000


def layer_of(geometry: GeometryType) -> Layer:
    kinds = ("text", "text", "number", "integer", "code", "date", "text", "number")
    names = ("code", "name", "height_m", "storeys", "use", "built_on", "parcel", "area_m2")
    fields = tuple(Field(name=n, title=LABEL, type=k) for n, k in zip(names, kinds, strict=True))
    return Layer(
        id=f"trial_{geometry.lower()}",
        title=LABEL,
        theme="base",
        geometry=geometry,
        key=("code",),
        accuracy_m=0.5,
        classification="public",
        fields=fields,
        owner=LABEL,
    )


def rows_of(layer: Layer, n: int, *, changed: float = 0.0, digits: int | None = None) -> GoodRows:
    random = np.random.default_rng(7)
    x, y = random.uniform(113.5, 114.5, n), random.uniform(32.5, 33.5, n)
    height = random.uniform(3, 99, n)
    height[: round(n * changed)] += 1
    if layer.geometry == "Point":
        geometry = shapely.points(x, y)
    else:
        turn = np.linspace(0, 2 * np.pi, 9)[:-1]
        ring = np.stack([np.cos(turn), np.sin(turn)], -1) * 1e-4
        geometry = shapely.polygons(np.stack([x, y], -1)[:, None, :] + ring)
    if digits:
        geometry = shapely.transform(geometry, lambda xy: np.round(xy, digits))
    columns = {
        "code": np.array([f"B{i:08}" for i in range(n)], dtype=object),
        "name": np.array([f"驿城大道{i}号" if i % 3 else None for i in range(n)], dtype=object),
        "height_m": height.astype(object),
        "storeys": random.integers(1, 40, n).astype(object),
        "use": np.array(["R2"] * n, dtype=object),
        "built_on": np.array([datetime(2001, 2, 3, tzinfo=UTC).date()] * n, dtype=object),
        "parcel": np.array([f"411702001001GB{i:05}" for i in range(n)], dtype=object),
        "area_m2": random.uniform(30, 3000, n).astype(object),
    }
    return GoodRows(
        layer=layer,
        columns=columns,
        extra=np.array([{"备注": "无"} if i % 10 == 0 else None for i in range(n)], dtype=object),
        geometry=np.asarray(geometry, dtype=object),
        rows=np.arange(1, n + 1),
        accuracy_m=0.1,
    )


def part(rows: GoodRows, start: int, stop: int) -> GoodRows:
    cut = slice(start, stop)
    return GoodRows(
        layer=rows.layer,
        columns={name: column[cut] for name, column in rows.columns.items()},
        extra=rows.extra[cut],
        geometry=rows.geometry[cut],
        rows=rows.rows[cut],
        accuracy_m=rows.accuracy_m,
    )


def load(store: Store, rows: GoodRows, what: str) -> None:
    head = DeliveryHead(
        layer=rows.layer,
        source=what,
        digest="0" * 64,
        mode="full",
        frame={"name": "EPSG:4490", "how": "given", "accuracy_m": 0.1},
    )
    started = time.perf_counter()
    with begin(store, head) as loading:
        for start in range(0, len(rows), BATCH):
            loading.add(part(rows, start, start + BATCH))
        copied = time.perf_counter()
        counts = loading.apply()
    done = time.perf_counter()
    print(
        f"{rows.layer.geometry:8} {what:32} {len(rows) / (done - started):9,.0f} rows/s  "
        f"(add {copied - started:5.2f} s, apply {done - copied:5.2f} s)  "
        f"new {counts.new} changed {counts.changed} unchanged {counts.unchanged}"
    )


class Trial:
    def __init__(self, *layers: Layer) -> None:
        self.layers = {layer.id: layer for layer in layers}


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    layers = layer_of("Point"), layer_of("Polygon")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        cluster = Cluster(Path(name) / "home")
        url = cluster.start()
        prepare(url, Trial(*layers))
        try:
            with Store.open(url) as store:
                for layer in layers:
                    load(store, rows_of(layer, n), "first load")
                    load(store, rows_of(layer, n), "the same again")
                    load(store, rows_of(layer, n, changed=0.02), "2 % changed")
                    again = rows_of(layer, n, changed=0.02, digits=8)
                    load(store, again, "the same with 8 digits")
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
