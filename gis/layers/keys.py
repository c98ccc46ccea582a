"""The business key of a row that was refused for another reason."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gis.layers.mapping import map_columns
from gis.layers.model import Layer
from gis.layers.registry import Registry
from gis.layers.values import NotAValueError, converter


def key_of(layer: Layer, registry: Registry, raw: Mapping[str, Any]) -> tuple[Any, ...] | None:
    """Values of the layer's key fields in a row as it came (department's column names), typed;
    None where one is missing or is no value of its field."""
    mapping = map_columns(layer, raw)
    key = []
    for name in layer.key:
        value = raw.get(mapping.get(name, ""))
        if value is None:
            return None
        field = layer.field(name)
        try:
            typed = converter(field, registry.codelist(field))(value)
        except NotAValueError:
            return None
        if typed is None:
            return None
        key.append(typed)
    return tuple(key)
