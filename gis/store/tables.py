"""Layer tables, made and altered from layer definitions."""

from __future__ import annotations

import psycopg
from psycopg.sql import SQL, Composed, Identifier

from gis.errors import Conflict, LayerError
from gis.layers.model import FieldType, GeometryType, Layer
from gis.store.queries import SCHEMA, layer_table, query

COLUMN_TYPES: dict[FieldType, str] = {
    "text": "text",
    "code": "text",
    "integer": "bigint",
    "number": "double precision",
    "boolean": "boolean",
    "date": "date",
    "datetime": "timestamp with time zone",
}
_TYPES = {
    "text": SQL("text"),
    "bigint": SQL("bigint"),
    "double precision": SQL("double precision"),
    "boolean": SQL("boolean"),
    "date": SQL("date"),
    "timestamp with time zone": SQL("timestamptz"),
}
_GEOMETRIES: dict[GeometryType, SQL] = {
    "Point": SQL("Point"),
    "PointZ": SQL("PointZ"),
    "LineString": SQL("LineString"),
    "LineStringZ": SQL("LineStringZ"),
    "Polygon": SQL("Polygon"),
    "MultiPolygon": SQL("MultiPolygon"),
    "MultiLineString": SQL("MultiLineString"),
}
# Columns every layer table has, and property names the API adds.
RESERVED = frozenset(
    (
        *("version_id", "key", "extra", "geom", "valid", "opened_by", "closed_by"),
        *("content_hash", "accuracy_m", "place_code"),
        *("valid_from", "valid_to", "latest_value", "latest_time"),
    )
)
LONGEST_ID = 48  # PostgreSQL cuts names at 63 bytes, and index names add to the id


def ensure_layer(conn: psycopg.Connection, layer: Layer) -> list[str]:
    """Make the layer's table, or add the fields it lacks; return what was done, in words.

    Raises Conflict where the definition no longer holds what the table does (a field or the
    geometry type or the key gone or changed): data is never dropped silently. Raises
    LayerError for a name the store needs itself. Call inside a transaction.
    """
    _check_names(layer)
    known = conn.execute(query("layer_known"), {"layer": layer.id}).fetchone()
    if known is None:
        _create(conn, layer)
        return [f"created {layer.id}"]
    geometry, key_fields = known
    if geometry != layer.geometry or tuple(key_fields) != layer.key:
        raise Conflict(
            zh=f"图层 {layer.id} 已按 {geometry}、主键 {key_fields} 建表，定义改成了 "
            f"{layer.geometry}、{list(layer.key)}。请恢复定义，或换一个图层 id",
            en=f"layer {layer.id} is stored as {geometry} with key {key_fields}; its definition "
            f"now says {layer.geometry}, {list(layer.key)}. Restore it, or use a new layer id",
            layer=layer.id,
        )
    there = {
        name: kind
        for name, kind in conn.execute(query("layer_columns"), {"table": _qualified(layer)})
        if name not in RESERVED
    }
    _refuse_loss(layer, there)
    added = [f for f in layer.fields if f.name not in there]
    for field in added:
        column = _column(field.name, field.type, required=False)
        conn.execute(query("layer_add_column", table=layer_table(layer.id), column=column))
    return [f"added {layer.id}.{field.name}" for field in added]


def ensure_indexes(conn: psycopg.Connection, layer: Layer) -> bool:
    """Make the layer's indexes and its EXCLUDE constraint if missing; True if made."""
    if conn.execute(query("layer_indexed"), {"table": _qualified(layer)}).fetchone() == (True,):
        return False
    names = ("current", "one_current", "all", "item", "business", "one_at_a_time")
    conn.execute(
        query(
            "layer_indexes",
            table=layer_table(layer.id),
            key_columns=SQL(", ").join(map(Identifier, layer.key)),
            **{name: Identifier(f"{layer.id}_{name}") for name in names},
        )
    )
    return True


def never_filled(conn: psycopg.Connection, layer: Layer) -> bool:
    """Whether the layer is as it was made: no version in it, and no indexes."""
    if conn.execute(query("layer_indexed"), {"table": _qualified(layer)}).fetchone() == (True,):
        return False
    return conn.execute(query("layer_empty", table=layer_table(layer.id))).fetchone() == (True,)


def key_sequence(layer_id: str) -> str:
    """Name of the sequence that numbers the layer's features, as `nextval` takes it."""
    return Identifier(SCHEMA, f"{layer_id}_key_seq").as_string()


def _create(conn: psycopg.Connection, layer: Layer) -> None:
    columns = [_column(f.name, f.type, required=f.name in layer.key) for f in layer.fields]
    conn.execute(
        query(
            "layer_create",
            table=layer_table(layer.id),
            columns=SQL(",\n    ").join(columns),
            geometry=_GEOMETRIES[layer.geometry],
            sequence=Identifier(SCHEMA, f"{layer.id}_key_seq"),
        )
    )
    conn.execute(
        query("layer_record"),
        {"layer": layer.id, "geometry": layer.geometry, "key": list(layer.key)},
    )


def column_type(kind: FieldType) -> SQL:
    """The column type a field of `kind` is stored in."""
    return _TYPES[COLUMN_TYPES[kind]]


def _column(name: str, kind: FieldType, *, required: bool) -> Composed:
    parts = [Identifier(name), column_type(kind)]
    return SQL(" ").join([*parts, SQL("NOT NULL")] if required else parts)


def _qualified(layer: Layer) -> str:
    return layer_table(layer.id).as_string()


def _refuse_loss(layer: Layer, there: dict[str, str]) -> None:
    wanted = {f.name: COLUMN_TYPES[f.type] for f in layer.fields}
    for name, kind in there.items():
        if wanted.get(name) == kind:
            continue
        now = wanted.get(name)
        raise Conflict(
            zh=f"图层 {layer.id} 的字段 {name} 已存为 {kind}，定义里"
            + (f"改成了 {now}" if now else "没有了")
            + "。数据不会自动删除：请恢复该字段，或换一个字段名",
            en=f"field {name} of layer {layer.id} is stored as {kind}; its definition "
            + (f"now says {now}" if now else "no longer has it")
            + ". Nothing is dropped silently: restore the field, or use another name",
            layer=layer.id,
            field=name,
        )


def _check_names(layer: Layer) -> None:
    taken = sorted(RESERVED & set(layer.field_names))
    missing = sorted(set(layer.key) - set(layer.field_names))
    if taken or missing or not layer.key or len(layer.id) > LONGEST_ID:
        raise LayerError(
            zh=f"图层 {layer.id} 不能建表：保留名 {taken}，主键字段缺失 {missing}，"
            f"id 最长 {LONGEST_ID}。请改图层定义",
            en=f"layer {layer.id} can't be stored: reserved names {taken}, key fields without "
            f"definition {missing}, ids have at most {LONGEST_ID} letters. Correct the definition",
            layer=layer.id,
            reserved=taken,
            missing=missing,
        )
