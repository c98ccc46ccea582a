"""Columns to the text format of COPY, a column at a time.

A driver call a value would cost more than the whole of the database's own work, and so would a
Python call a value: what the values of a column have in common is looked at once.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
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
_ALIKE = {str, bool, date, type(None)}  # of these, what is equal is written alike
_NUMBERS = ({int}, {float}, {int, type(None)}, {float, type(None)})


@dataclass(frozen=True, slots=True)
class _Column:
    """The values of a column as COPY wants them, and as members of a JSON object (`,"name":1`;
    nothing where there is no value). Without members: they depend on the rest of the row."""

    texts: list[str]
    members: list[str] | None


def good_rows(
    rows: GoodRows,
    numbers: NDArray[np.int64],
    *,
    order: NDArray[np.int64] | None = None,
    tail: str = "",
) -> bytes:
    """COPY text of one of `numbers`, `<fields>, extra, geom, content_hash, accuracy_m,
    place_code` a row; the rows in `order`, and behind each of them `tail`."""
    names = rows.layer.field_names
    columns = {name: _column(name, rows.columns[name]) for name in names}
    extra = _column(" extra", rows.extra)  # no field has a space in its name
    lines = list(
        map(
            "\t".join,
            zip(
                map(str, numbers.tolist()),
                *(columns[name].texts for name in names),
                extra.texts,
                _geometry_column(rows.geometry),
                _hashes(columns | {" extra": extra}, rows),
                repeat(repr(float(rows.accuracy_m))),
                place_codes_of(rows.geometry).tolist(),
                strict=False,  # repeat() has no end
            ),
        )
    )
    if order is not None:
        lines = [lines[i] for i in order.tolist()]
    end = tail + "\n"
    return (end.join(lines) + end).encode("utf-8", "replace") if lines else b""


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


def refuse_wrong(rows: GoodRows) -> None:
    """Raises LayerError or StoreError where the rows are not what GoodRows promises."""
    names = rows.layer.field_names
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


def place_codes_of(geometry: NDArray[np.object_]) -> NDArray[np.str_]:
    """BeiDou code, level 8, of a point on each feature."""
    if not (shapely.get_type_id(geometry) == shapely.GeometryType.POINT).all():
        if shapely.has_z(geometry).any():
            geometry = shapely.force_2d(geometry)
        geometry = shapely.point_on_surface(geometry)
    return place_codes(shapely.get_x(geometry), shapely.get_y(geometry), 8)


def key_marks(rows: GoodRows) -> NDArray[np.int64]:
    """A number for each row's business key: equal keys have equal numbers (and hardly any others
    do), as PostgreSQL compares them."""
    columns = [_as_stored(rows.columns[name].tolist()) for name in rows.layer.key]
    keys = columns[0] if len(columns) == 1 else list(zip(*columns, strict=True))
    return np.fromiter(map(hash, keys), dtype=np.int64, count=len(keys))


def _as_stored(values: list[Any]) -> list[Any]:
    """Texts as they will be in the database, which alters a few characters."""
    if set(map(type, values)) != {str} or "".join(values).isprintable():
        return values
    return [v.replace("\x00", "\ufffd").encode("utf-8", "replace") for v in values]


def _encode(lines: Iterable[tuple[str, ...]]) -> bytes:
    text = "\n".join(map("\t".join, lines))
    return (text + "\n").encode("utf-8", "replace") if text else b""


# --- columns ---------------------------------------------------------------------------


def _column(name: str, values: NDArray[np.object_]) -> _Column:
    listed = values.tolist()
    kinds = set(map(type, listed))
    head = "," + orjson.dumps(name).decode() + ":"
    if kinds == {type(None)}:
        return _Column([NULL] * len(listed), [""] * len(listed))
    if kinds in _NUMBERS and (numbers := _numbers(listed)) is not None:
        members = [head + n for n in numbers]
        if type(None) in kinds:
            members = ["" if v is None else m for v, m in zip(listed, members, strict=True)]
            numbers = [NULL if v is None else n for v, n in zip(listed, numbers, strict=True)]
        return _Column(numbers, members)
    if kinds <= _ALIKE:
        return _texts(listed, kinds, head)
    return _Column([_one(v) for v in listed], _members(listed, head))


def _numbers(listed: list[Any]) -> list[str] | None:
    """The numbers' texts (anything for None); None where some have none in JSON."""
    filled = [0 if v is None else v for v in listed] if None in listed else listed
    try:
        texts = orjson.dumps(filled)[1:-1].decode().split(",")
    except TypeError:  # more than 64 bits
        return None
    return None if "null" in texts else texts


def _texts(listed: list[Any], kinds: set[type], head: str) -> _Column:
    """Texts that are mostly different all at once, others each value once."""
    unique = set(listed)
    if len(unique) * 2 > len(listed) and kinds <= {str, type(None)}:
        whole = _as_they_are(listed, head)
        if whole is not None:
            return whole
    different = list(unique)
    texts = dict(zip(different, map(_one, different), strict=True))
    made = _members(different, head)
    if made is None:
        return _Column(list(map(texts.__getitem__, listed)), None)
    members = dict(zip(different, made, strict=True))
    return _Column(list(map(texts.__getitem__, listed)), list(map(members.__getitem__, listed)))


def _as_they_are(listed: list[Any], head: str) -> _Column | None:
    """Texts that neither JSON nor COPY writes otherwise than they are; None where some are not."""
    joined = "".join(filter(None, listed))
    # what is printable holds no control characters and no halves of characters
    if not joined.isprintable() or '"' in joined or "\\" in joined:
        return None
    head += '"'
    if None in listed:
        members = ["" if v is None else f'{head}{v}"' for v in listed]
        return _Column([NULL if v is None else v for v in listed], members)
    return _Column(listed, [f'{head}{v}"' for v in listed])


def _members(values: Iterable[Any], head: str) -> list[str] | None:
    """None where some value has no JSON text of its own."""
    try:
        return [
            "" if v is None else head + orjson.dumps(v, default=str, option=_JSON).decode()
            for v in values
        ]
    except TypeError:
        return None


def _one(value: Any) -> str:
    if value is None or isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return _text(_json(value)) if value else NULL
    if isinstance(value, float):
        return repr(float(value))
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


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


def _hashes(columns: Mapping[str, _Column], rows: GoodRows) -> list[str]:
    """`content_hash` of each row."""
    names = sorted(columns)
    members = [found for name in names if (found := columns[name].members) is not None]
    if len(members) < len(names):
        values = [rows.extra if name == " extra" else rows.columns[name] for name in names]
        whole = zip(*values, strict=True)
        return ["\\\\x" + content_hash(dict(zip(names, r, strict=True))).hex() for r in whole]
    sha256 = hashlib.sha256
    objects = map("".join, zip(*members, strict=True))
    return ["\\\\x" + sha256(f"{{{o[1:]}}}".encode()).hexdigest() for o in objects]


def _geometry_column(geometry: NDArray[np.object_]) -> list[str]:
    """EWKB in hex digits. Stamping the SRID into copies of the geometries, and having GEOS write
    the digits, would each take longer than the rest of this."""
    wkb = [b.hex() for b in shapely.to_wkb(geometry, byte_order=1).tolist()]
    srid = SRID.to_bytes(4, "little").hex()
    solid = shapely.has_z(geometry)
    if solid.any() != solid.all():
        flags = ["a0" if z else "20" for z in solid.tolist()]
        return [f"{h[:8]}{flag}{srid}{h[10:]}" for h, flag in zip(wkb, flags, strict=True)]
    head = ("a0" if solid.all() else "20") + srid
    return [f"{h[:8]}{head}{h[10:]}" for h in wkb]
