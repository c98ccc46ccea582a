"""Columns to the text format of COPY, a column at a time.

A driver call a value would cost more than the whole of the database's own work.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import Any

import numpy as np
import orjson
import shapely
from numpy.typing import NDArray

from gis.coords.beidou import place_codes
from gis.errors import LayerError, StoreError
from gis.layers.batch import GoodRows, Reject, Remark

SRID = 4490
NULL = "\\N"
_JSON = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS | orjson.OPT_SERIALIZE_NUMPY
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def good_rows(rows: GoodRows) -> bytes:
    """COPY text of `n, <fields>, extra, geom, content_hash, accuracy_m, place_code`."""
    names = rows.layer.field_names
    values = [rows.columns[name] for name in names]
    _check(rows, names)
    lines = zip(
        map(str, rows.rows.tolist()),
        *(_column(column) for column in values),
        _json_column(rows.extra),
        _geometry_column(rows.geometry),
        _hash_column(names, values, rows.extra),
        repeat(repr(float(rows.accuracy_m))),
        _place_codes(rows.geometry).tolist(),
        strict=False,  # repeat() has no end
    )
    return _encode(lines)


def rejected_rows(delivery: int, rejects: Sequence[Reject]) -> bytes:
    """COPY text of `delivery, source_row, code, zh, en, field, raw, wkt`."""
    return _encode(
        (
            *(str(delivery), str(r.row), r.code, _text(r.zh), _text(r.en), _text(r.field)),
            *(_text(_json(dict(r.raw))), _text(r.wkt)),
        )
        for r in rejects
    )


def remarked_rows(remarks: Sequence[Remark]) -> bytes:
    """COPY text of `n, code, zh, en, field`."""
    return _encode((str(r.row), r.code, _text(r.zh), _text(r.en), _text(r.field)) for r in remarks)


def content_hash(row: Mapping[str, Any]) -> bytes:
    """SHA-256 of a row's attributes that have a value: a field added later changes nothing."""
    present = {name: value for name, value in row.items() if value is not None}
    return hashlib.sha256(_dump(present)).digest()


def _encode(lines: Iterable[tuple[str, ...]]) -> bytes:
    text = "\n".join(map("\t".join, lines))
    return (text + "\n").encode("utf-8", "replace") if text else b""


def _check(rows: GoodRows, names: tuple[str, ...]) -> None:
    for name in rows.layer.key:
        if any(value is None for value in rows.columns[name]):
            raise LayerError(
                zh=f"图层 {rows.layer.id} 的主键字段 {name} 有空值，不能入库",
                en=f"key field {name} of layer {rows.layer.id} is empty in some row",
                layer=rows.layer.id,
                field=name,
            )
    if unknown := sorted(set(rows.columns) - set(names)):
        raise LayerError(
            zh=f"图层 {rows.layer.id} 没有这些字段：{unknown}",
            en=f"layer {rows.layer.id} has no fields {unknown}",
            layer=rows.layer.id,
            fields=unknown,
        )
    west, south, east, north = shapely.total_bounds(rows.geometry)
    inside = west >= -180 and east <= 180 and south >= -90 and north <= 90
    srids = set(np.unique(shapely.get_srid(rows.geometry)).tolist())
    if not inside or not srids <= {0, SRID}:
        # PostGIS would stamp these with the column's SRID and say nothing.
        raise StoreError(
            zh=f"图层 {rows.layer.id} 的几何不是 EPSG:4490 经纬度，请先归一化",
            en=f"geometry for layer {rows.layer.id} is not in degrees of EPSG:4490; "
            f"normalise it first",
            layer=rows.layer.id,
        )


def _column(values: NDArray[np.object_]) -> list[str]:
    first = next((value for value in values if value is not None), None)
    if isinstance(first, str):
        return _texts([NULL if value is None else value for value in values], values)
    return [NULL if value is None else _plain(value) for value in values]


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return repr(float(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _texts(texts: list[str], values: NDArray[np.object_]) -> list[str]:
    joined = "\x1f".join(texts)
    nulls = sum(value is None for value in values)
    if not any(mark in joined for mark in "\t\n\r\x00") and joined.count("\\") == nulls:
        return texts  # nothing to escape, as nearly always
    return [_text(value) for value in values]


def _text(value: str | None) -> str:
    """One escaped text. PostgreSQL holds no NUL: U+FFFD stands for it."""
    if value is None:
        return NULL
    return value.replace("\x00", "\ufffd").translate(_ESCAPES)


def _json(value: Any) -> str:
    """JSON text that PostgreSQL takes, whatever a department's file held."""
    return _dump(value).decode().replace("\\u0000", "\ufffd")


def _dump(value: Any) -> bytes:
    try:
        return orjson.dumps(value, default=str, option=_JSON)
    except TypeError:  # numbers over 64 bits, halves of characters
        text = json.dumps(value, default=str, ensure_ascii=False, sort_keys=True)
        return text.encode("utf-8", "replace")


def _json_column(values: NDArray[np.object_]) -> list[str]:
    return [NULL if not value else _text(_json(value)) for value in values]


def _geometry_column(geometry: NDArray[np.object_]) -> list[str]:
    stamped = shapely.set_srid(geometry, SRID)
    texts: list[str] = shapely.to_wkb(stamped, hex=True, include_srid=True).tolist()
    return texts


def _hash_column(
    names: tuple[str, ...], columns: list[NDArray[np.object_]], extra: NDArray[np.object_]
) -> list[str]:
    rows = zip(*columns, extra, strict=True)
    every = (*names, " extra")  # no field has a space in its name
    return ["\\\\x" + content_hash(dict(zip(every, r, strict=True))).hex() for r in rows]


def _place_codes(geometry: NDArray[np.object_]) -> NDArray[np.str_]:
    """BeiDou code, level 8, of a point on each feature."""
    if not (shapely.get_type_id(geometry) == shapely.GeometryType.POINT).all():
        geometry = shapely.point_on_surface(shapely.force_2d(geometry))
    return place_codes(shapely.get_x(geometry), shapely.get_y(geometry), 8)
