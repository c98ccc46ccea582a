"""Extents of a layer's features for 3D, through the same conditions as items."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg.sql import SQL, Identifier

from gis.layers.model import Layer
from gis.store.pool import Store
from gis.store.queries import layer_table, query
from gis.store.query import LayerQuery, conditions
from gis.store.times import When

Floats = NDArray[np.float64]
BEFORE_FIELDS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Extents:
    """Of n features, by key: degrees (EPSG:4490), z in the city's height datum; NaN where a
    geometry is empty or has no z. `columns`: the fields asked for."""

    key: NDArray[np.int64]
    west: Floats
    south: Floats
    east: Floats
    north: Floats
    zmin: Floats
    zmax: Floats
    columns: dict[str, Sequence[Any]]

    def __len__(self) -> int:
        return len(self.key)


def extents(store: Store, layer: Layer, when: When, fields: Sequence[str]) -> Extents:
    """Of every feature of the layer at `when`, with some of its fields.

    Raises LayerError for a field the layer has not."""
    names = [layer.field(name).name for name in fields]
    where, params = conditions(LayerQuery(layer=layer, when=when))
    columns = [Identifier("t", name) for name in names]
    statement = query(
        "solids_extents",
        table=layer_table(layer.id),
        where=where,
        properties=SQL(", ").join(columns) if columns else SQL("NULL"),
    )
    doing = f"查询图层 {layer.id} 的范围", f"query extents of layer {layer.id}"
    with store.reading(*doing) as conn, conn.cursor(binary=True) as cur:
        found = cur.execute(statement, params).fetchall()
    taken = list(zip(*found, strict=True)) or [()] * (BEFORE_FIELDS + max(1, len(names)))
    west, south, east, north, zmin, zmax = (
        np.array(column, dtype=np.float64) for column in taken[1:BEFORE_FIELDS]
    )
    return Extents(
        key=np.array(taken[0], dtype=np.int64),
        west=west,
        south=south,
        east=east,
        north=north,
        zmin=zmin,
        zmax=zmax,
        columns=dict(zip(names, taken[BEFORE_FIELDS:], strict=False)),
    )
