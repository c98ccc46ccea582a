"""What an answer gives of large-scale layers, counted like any other way of getting it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import shapely

from gis.api.limits import counting, taken_shapes
from gis.layers import Registry

STORED_EPSG = 4490


def count_taken(registry: Registry, document: Any) -> None:
    """Count the shapes in an answer by their layers. Raises AreaSpent."""
    if not isinstance(document, Mapping):
        return
    given: dict[str, list[Any]] = {}
    for name, geometry in _shapes(document):
        given.setdefault(name, []).append(geometry)
    for name, geometries in given.items():
        layer = registry.layers.get(name)
        if layer is not None and counting(layer):
            shapes = np.array([shapely.geometry.shape(g) for g in geometries], dtype=object)
            taken_shapes(layer, shapes[~shapely.is_empty(shapes)], STORED_EPSG)


def _shapes(document: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """Layer and geometry of the conditions of a site check, and of the sides of conflicts."""
    for condition in document.get("conditions", ()):
        if condition["geometry"] is not None:
            yield condition["evidence"]["layer"], condition["geometry"]
    for feature in document.get("features", ()):
        for side in (feature["properties"]["a"], feature["properties"]["b"]):
            if side is not None:
                yield side["layer"], feature["geometry"]
