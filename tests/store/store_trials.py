"""Small layers and deliveries, made by hand, for the tests of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.layers.batch import GoodRows
from gis.layers.model import Field, Label, Layer
from gis.store import DeliveryHead

LABEL = Label(zh="树", en="Trees")
FRAME = {"name": "EPSG:4490", "how": "given", "accuracy_m": 0.1, "evidence": [], "steps": []}


def day(n: int) -> datetime:
    """Midnight UTC of the n-th of January 2024."""
    return datetime(2024, 1, n, tzinfo=UTC)


def make_layer(**changes: Any) -> Layer:
    fields = (
        Field(name="tree_id", title=LABEL, type="text", required=True),
        Field(name="kind", title=LABEL, type="code", codelist="tree_kind"),
        Field(name="height_m", title=LABEL, type="number"),
        Field(name="rings", title=LABEL, type="integer"),
        Field(name="protected", title=LABEL, type="boolean"),
        Field(name="planted_on", title=LABEL, type="date"),
        Field(name="seen_at", title=LABEL, type="datetime"),
    )
    given: dict[str, Any] = {
        "id": "trees",
        "title": LABEL,
        "theme": "component",
        "geometry": "Point",
        "key": ("tree_id",),
        "accuracy_m": 1.0,
        "classification": "public",
        "owner": LABEL,
        "fields": fields,
        "style": {"kind": "point", "color_by": "kind"},
    }
    return Layer(**given | changes)


def make_rows(layer: Layer, trees: Sequence[Mapping[str, Any]]) -> GoodRows:
    """Rows from dicts of fields, with `at` (a geometry, or lon/lat) and perhaps `extra`, `row`."""

    def objects(values: list[Any]) -> np.ndarray:
        column = np.empty(len(values), dtype=object)
        column[:] = values
        return column

    def shape(at: Any) -> BaseGeometry:
        return at if isinstance(at, BaseGeometry) else shapely.Point(*at)

    return GoodRows(
        layer=layer,
        columns={n: objects([t.get(n) for t in trees]) for n in layer.field_names},
        extra=objects([t.get("extra") for t in trees]),
        geometry=objects([shape(t.get("at", (114.0, 33.0))) for t in trees]),
        rows=np.array([t.get("row", i) for i, t in enumerate(trees, 1)], dtype=np.int64),
        accuracy_m=0.1,
    )


def make_head(layer: Layer, **changes: Any) -> DeliveryHead:
    given: dict[str, Any] = {
        "layer": layer,
        "source": "trees.csv",
        "digest": "0" * 64,
        "mode": "full",
        "frame": FRAME,
    }
    return DeliveryHead(**given | changes)
