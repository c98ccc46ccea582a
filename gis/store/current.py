"""One feature as it is now, for whoever edits it: whole, with the number of its version.

with begin(store, head) as loading:
    now = current_of(loading, key=5)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import shapely
from psycopg import Connection
from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier
from shapely.geometry.base import BaseGeometry

from gis.layers.model import Layer
from gis.store.deliveries import Loading
from gis.store.pool import Store
from gis.store.queries import layer_table, query


@dataclass(frozen=True, slots=True, kw_only=True)
class Current:
    """A feature's version in force. columns: its fields, typed; extra: what no field has taken;
    geometry: EPSG:4490, longitude first."""

    key: int
    version: int
    accuracy_m: float
    columns: Mapping[str, Any]
    extra: Mapping[str, Any] | None
    geometry: BaseGeometry


def current(store: Store, layer: Layer, key: int) -> Current | None:
    """The feature as it is now; None where there is none."""
    with store.reading(f"查询图层 {layer.id}", f"query layer {layer.id}") as conn:
        return _current(conn, layer, {"key": key})


def current_of(
    loading: Loading, *, key: int | None = None, named: Mapping[str, Any] | None = None
) -> Current | None:
    """The same within a delivery, by number or by the fields of its business key: while the
    delivery lasts nobody else changes the layer."""
    wanted = {"key": key} if named is None else named
    return _current(loading.connection, loading.head.layer, wanted)


def refused_in(loading: Loading) -> list[dict[str, Any]]:
    """Rows refused so far by a delivery under way: row, code, zh, en, field and more."""
    with loading.connection.cursor(row_factory=dict_row) as cur:
        params = {"delivery": loading.delivery}
        return cur.execute(query("quarantine_rows"), params).fetchall()


def _current(conn: Connection, layer: Layer, wanted: Mapping[str, Any]) -> Current | None:
    which = SQL(" AND ").join(
        SQL("{} = %s").format(Identifier("t", name)) for name in wanted
    )  # fmt: skip
    columns = SQL(", ").join(Identifier("t", name) for name in layer.field_names)
    statement = query("current", columns=columns, table=layer_table(layer.id), which=which)
    with conn.cursor(row_factory=dict_row) as cur:
        row = cur.execute(statement, list(wanted.values())).fetchone()
    if row is None:
        return None
    return Current(
        key=row["key"],
        version=row["version_id"],
        accuracy_m=row["accuracy_m"],
        columns={name: row[name] for name in layer.field_names},
        extra=row["extra"],
        geometry=_shape(row["wkb"]),
    )


def _shape(wkb: bytes) -> BaseGeometry:
    shape: BaseGeometry = shapely.from_wkb(wkb)
    return shape
