"""What the city knows of itself, as the judge of unknown coordinates: its roads, administrative
boundaries and parcels, read from the store and kept while they stay as they are."""

from __future__ import annotations

import threading
from dataclasses import dataclass

import numpy as np

from gis.coords import Area, Reference, norm_frame
from gis.layers import Registry
from gis.store import LayerQuery, Store, rows, version_at

# best first: lines that other departments' data lie on
REFERENCE_LAYERS = ("roads", "admin_areas", "parcels")
MAX_FEATURES = 50_000  # in all: enough to decide, and read in a second


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLines:
    """The reference, and which layers it was made of (Chinese / English)."""

    reference: Reference
    text: str


def known_lines(store: Store, registry: Registry) -> KnownLines | None:
    """The city's own lines as they are now; None where it has none yet.

    Raises StoreError where the store can't be read."""
    layers = [registry.layers[name] for name in REFERENCE_LAYERS if name in registry.layers]
    versions = tuple(version_at(store, layer) for layer in layers)
    key = (store.url, registry.city.bbox, registry.city.metric_frame, versions)
    with _LOCK:
        if key not in _KEPT:
            _KEPT.clear()
            _KEPT[key] = _read(store, registry)
        return _KEPT[key]


_LOCK = threading.Lock()
_KEPT: dict[tuple[object, ...], KnownLines | None] = {}


def _read(store: Store, registry: Registry) -> KnownLines | None:
    parts, zh, en, left = [], [], [], MAX_FEATURES
    for name in REFERENCE_LAYERS:
        if name not in registry.layers or left <= 0:
            continue
        layer = registry.layers[name]
        found = rows(store, LayerQuery(layer=layer, fields=(), limit=left)).geometry
        left -= len(found)
        if len(found):
            parts.append(found)
            zh.append(f"{layer.title.zh} {len(found)}")
            en.append(f"{name} {len(found)}")
    if not parts:
        return None
    metric = norm_frame(registry.city.metric_frame).epsg
    assert metric is not None  # the registry checks it
    area = Area(*registry.city.bbox)
    return KnownLines(
        reference=Reference(np.concatenate(parts), metric, area),
        text=f"参考：{'、'.join(zh)} / reference: {', '.join(en)}",
    )
