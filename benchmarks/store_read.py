"""How fast the store answers: items, one item, a bbox, tiles, now and as of a date.

    python benchmarks/store_read.py [ROWS]

Prints milliseconds (median) of one connection on a throw-away embedded cluster.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from store_load import Trial, layer_of, load, rows_of

from gis.layers.model import Layer
from gis.store import (
    Cluster,
    Instant,
    LayerQuery,
    Store,
    item,
    items,
    list_deliveries,
    prepare,
    rows,
    tile,
)

REPEATS = 60


def median_ms(what: Callable[[], object]) -> float:
    what()
    taken = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        what()
        taken.append(time.perf_counter() - started)
    return 1000 * statistics.median(taken)


def measure(store: Store, layer: Layer) -> None:
    first = Instant(list_deliveries(store, layer.id)[-1]["as_of"])
    box = (114.0, 33.0, 114.02, 33.02)
    q = LayerQuery(layer=layer, limit=10)
    tasks: dict[str, Callable[[], object]] = {
        "items limit=10": lambda: items(store, q),
        "items limit=10, as of": lambda: items(store, replace(q, when=first)),
        "items limit=10, bbox": lambda: items(store, replace(q, bbox=box)),
        "items limit=1000, bbox": lambda: items(store, replace(q, limit=1000, bbox=box)),
        "items limit=10, where": lambda: items(store, replace(q, where={"code": "B00000123"})),
        "items limit=10, offset=10000": lambda: items(store, replace(q, offset=10_000)),
        "one item": lambda: item(store, layer, 4711),
        "rows of a bbox": lambda: rows(store, LayerQuery(layer=layer, bbox=box)),
        "rows of a bbox, as of": lambda: rows(store, LayerQuery(layer=layer, bbox=box, when=first)),
        "tile z16": lambda: tile(store, layer, 16, 53521, 26409),
        "tile z16, as of": lambda: tile(store, layer, 16, 53521, 26409, first),
        "tile z14": lambda: tile(store, layer, 14, 13380, 6602),
        "tile z10 (everything)": lambda: tile(store, layer, 10, 836, 412),
    }
    for name, task in tasks.items():
        print(f"{layer.geometry:8} {name:32} {median_ms(task):8.2f} ms")
    print(f"{layer.geometry:8} z10 tile: {len(tile(store, layer, 10, 836, 412)):,} bytes")


def main() -> None:
    n = int(sys.argv[1]) if len(sys.argv) > 1 else 200_000
    layers = [
        replace(layer_of("Point"), style={"kind": "point", "color_by": "use"}),
        replace(layer_of("Polygon"), style={"kind": "building", "color_by": "use"}),
    ]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        cluster = Cluster(Path(name) / "home")
        url = cluster.start()
        prepare(url, Trial(*layers))
        try:
            with Store.open(url) as store:
                for layer in layers:
                    load(store, rows_of(layer, n), "first load")
                    load(store, rows_of(layer, n, changed=0.02), "2 % changed")
                    measure(store, layer)
        finally:
            cluster.stop()


if __name__ == "__main__":
    main()
