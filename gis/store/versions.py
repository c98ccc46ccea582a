"""What a feature was, and which delivery a moment's state comes from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from psycopg.rows import dict_row
from psycopg.sql import SQL, Identifier

from gis.errors import TileError
from gis.layers.model import Layer
from gis.store.pool import Store
from gis.store.queries import layer_table, query
from gis.store.times import Instant, When

BEFORE_EVERYTHING = Instant(datetime(1, 1, 2, tzinfo=UTC))


def history(store: Store, layer: Layer, key: int) -> list[dict[str, Any]]:
    """Every version of a feature, newest first: version_id, valid_from, valid_to (None =
    current), opened_by, closed_by, accuracy_m, place_code, extra, content_hash, geometry
    (GeoJSON), properties. Empty where there is no such feature."""
    columns = [Identifier("t", name) for name in layer.field_names]
    statement = query("history", table=layer_table(layer.id), properties=SQL(", ").join(columns))
    doing = f"查询图层 {layer.id}", f"query layer {layer.id}"
    with store.reading(*doing) as conn, conn.cursor(row_factory=dict_row) as cur:
        return cur.execute(statement, {"key": key}).fetchall()


def version_at(store: Store, layer: Layer, when: When = None) -> int:
    """Number of the delivery that the layer's state at `when` (an Instant, or None = now) comes
    from; 0 = no delivery yet.

    The state is a pure function of it, also after an undo, so it may stand in an address that
    is cached for ever.
    """
    at = when.at if isinstance(when, Instant) else None
    with store.reading() as conn:
        row = conn.execute(query("version_at"), {"layer": layer.id, "at": at}).fetchone()
    return row[0] if row else 0


def instant_of(store: Store, layer: Layer, version: int) -> Instant:
    """A moment that shows the state after delivery `version` of the layer (0: before the first
    one, when there was nothing). Raises TileError where it is not a delivery of the layer in
    force."""
    if version == 0:
        return BEFORE_EVERYTHING
    with store.reading() as conn:
        params = {"layer": layer.id, "version": version}
        row = conn.execute(query("version_instant"), params).fetchone()
    if row is None:
        raise TileError(
            zh=f"图层 {layer.id} 没有版本 {version}",
            en=f"layer {layer.id} has no version {version}",
            layer=layer.id,
            version=version,
        )
    return Instant(row[0])
