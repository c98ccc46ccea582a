"""The attributes of a tile's features: the key and the layer's fields, as 3D Tiles know them.

integer -> INT32, or FLOAT64 where the field's limits do not say that it fits; number -> FLOAT64;
everything else -> STRING: a code as it is stored, a date as ISO text, a boolean as true or false.
Null is the class's noData for numbers and "" for strings.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

import numpy as np

from gis.errors import TileError
from gis.layers.model import Field, Label, Layer
from gis.store import FeatureRows

Type = Literal["UINT32", "INT32", "FLOAT64", "STRING"]
NO_INTEGER = -(2**31)
NO_NUMBER = -1.7976931348623157e308
LARGEST_KEY = 2**32 - 1
KEY = "key"
KEY_LABEL = Label(zh="要素号，与 /items 相同", en="feature id, as in /items")


@dataclass(frozen=True, slots=True)
class Column:
    """`values`: numbers with noData in them, or texts."""

    name: str
    label: Label
    type: Type
    values: list[Any]
    no_data: float | int | None = None


def columns_of(layer: Layer, rows: FeatureRows, drawn: np.ndarray[Any, Any]) -> list[Column]:
    """The columns of rows `drawn`, `key` first. Raises TileError for a key beyond 32 bits."""
    keys = rows.key[drawn]
    if len(keys) and int(keys.max()) > LARGEST_KEY:
        raise TileError(
            zh=f"图层 {layer.id} 的要素号超过 32 位，三维瓦片无法表示",
            en=f"a feature id of layer {layer.id} is beyond 32 bits, which 3D Tiles can't hold",
            layer=layer.id,
        )
    chosen = drawn.tolist()
    columns = [Column(KEY, KEY_LABEL, "UINT32", keys.tolist())]
    for field in layer.fields:
        if field.name != KEY:
            given = rows.columns[field.name]
            columns.append(_column(field, [given[i] for i in chosen]))
    return columns


def _column(field: Field, values: list[Any]) -> Column:
    kind = type_of(field)
    if kind == "STRING":
        return Column(field.name, field.title, kind, [_text(value) for value in values])
    none = NO_INTEGER if kind == "INT32" else NO_NUMBER
    filled = [none if value is None else value for value in values]
    return Column(field.name, field.title, kind, filled, none)


def type_of(field: Field) -> Type:
    """The type a field has in 3D Tiles."""
    if field.type == "number":
        return "FLOAT64"
    if field.type != "integer":
        return "STRING"
    fits = (
        field.min is not None
        and field.max is not None
        and field.min > -(2**31)
        and field.max < 2**31
    )
    return "INT32" if fits else "FLOAT64"


def _text(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value)
