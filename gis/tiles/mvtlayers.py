"""What the layers of a vector tile hold, in the words of TileJSON and MBTiles."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gis.layers import Layer
from gis.store.latest import FIGURES

TYPES = {"integer": "Number", "number": "Number", "boolean": "Boolean"}
# Levels worth having: deeper ones only enlarge what is known already. A unit of a tile is 12 cm
# at level 16 and 3 cm at 18.
SURVEYED_M, SURVEYED, FINE = 0.1, 18, 16


def known_fields(layer: Layer) -> tuple[str, ...]:
    """What a layer's tiles can carry."""
    return layer.field_names + (tuple(FIGURES) if layer.latest_of is not None else ())


def deepest(layer: Layer) -> int:
    """The last level that shows more of the layer than the one before."""
    return SURVEYED if layer.accuracy_m <= SURVEYED_M else FINE


def vector_layers(
    layers: Sequence[Layer],
    levels: tuple[int, int],
    fields: Sequence[str] | None = None,
    *,
    labels: bool = False,
) -> list[dict[str, Any]]:
    """`vector_layers` of TileJSON 3; `fields` as in `TileQuery`."""
    return [
        {
            "id": name,
            "description": f"{layer.title.zh} {layer.title.en}",
            "minzoom": levels[0],
            "maxzoom": levels[1],
            "fields": {
                field: _type(layer, field)
                for field in known_fields(layer)
                if fields is None or field in fields
            },
        }
        for layer in layers
        for name in ((layer.id, f"{layer.id}.labels") if labels else (layer.id,))
    ]


def _type(layer: Layer, name: str) -> str:
    if name in FIGURES:
        return "Number" if name == "latest_value" else "String"
    return TYPES.get(layer.field(name).type, "String")
