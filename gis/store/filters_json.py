"""CQL2 JSON (OGC 21-065r2) as the same tree."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import shapely

from gis.store.filters import (
    GEOMETRIES,
    MOST_DEPTH,
    Call,
    Literal,
    Node,
    Property,
    Span,
    Values,
    bounded,
    box,
    flat,
    interval_end,
    moment,
    short_enough,
    too_deep,
    wrong,
)

LARGEST = 2**63


def parse_json(text: str) -> Node:
    """The tree of a CQL2 JSON text. Raises LayerError with the place where it is wrong."""
    try:
        document = json.loads(short_enough(text), parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        at = exc.pos + 1 if isinstance(exc, json.JSONDecodeError) else 1
        raise wrong("不是有效的 JSON", "it is no valid JSON", at) from exc
    return bounded(_node(document, "$", 0))


def _no_number(word: str) -> float:
    raise ValueError(word)


def _node(value: Any, at: str, depth: int) -> Node:
    if depth > MOST_DEPTH:
        raise too_deep(at)
    if isinstance(value, bool | str):
        return Literal(value, at)
    if isinstance(value, int | float):
        return Literal(value if abs(value) < LARGEST else float(str(value)[:400]), at)
    if isinstance(value, list):
        return Values(tuple(_node(v, f"{at}[{i}]", depth + 1) for i, v in enumerate(value)), at)
    if isinstance(value, dict):
        return _object(value, at, depth)
    raise wrong("null 不是值；用 isNull", "null is no value; use isNull", at)


def _object(value: Mapping[str, Any], at: str, depth: int) -> Node:
    if isinstance(value.get("op"), str):
        args = value.get("args")
        if not isinstance(args, list):
            raise wrong("op 应有 args 数组", "an op has an array of args", at)
        op = value["op"].lower()
        parts = [_node(v, f"{at}.args[{i}]", depth + 1) for i, v in enumerate(args)]
        return Call(op, tuple(parts), at)
    if isinstance(value.get("property"), str):
        return Property(value["property"], at)
    for word in ("date", "timestamp"):
        text = value.get(word)
        if isinstance(text, str) and (word == "date") == (len(text) == 10):
            return moment(text, at)
    if isinstance(value.get("interval"), list) and len(value["interval"]) == 2:
        start, end = (_end(part, f"{at}.interval") for part in value["interval"])
        return Span(start, end, at)
    if isinstance(value.get("bbox"), list):
        numbers = value["bbox"]
        if all(type(n) in (int, float) and abs(n) < LARGEST for n in numbers):
            return box([float(n) for n in numbers], at)
    if isinstance(value.get("type"), str):
        return _geometry(value, at)
    raise wrong(
        "这里应为 op、property、date、timestamp、interval、bbox 或 GeoJSON 几何",
        "expected op, property, date, timestamp, interval, bbox or a GeoJSON geometry",
        at,
    )


def _end(part: Any, at: str) -> Property | Literal | None:
    if isinstance(part, str):
        return interval_end(part, at)
    found = _node(part, at, 0) if isinstance(part, dict) else None
    if isinstance(found, Property | Literal):
        return found
    raise wrong(
        "区间的两端应为日期、时刻、字段或“..”",
        "an end of an interval is a date, a moment, a property or '..'",
        at,
    )


def _geometry(value: Mapping[str, Any], at: str) -> Node:
    if value["type"].lower() not in GEOMETRIES:
        raise wrong(f"没有几何类型“{value['type'][:40]}”", "no such type of geometry", at)
    try:
        shape = shapely.from_geojson(json.dumps(value))
    except (shapely.errors.ShapelyError, ValueError) as exc:
        raise wrong("不是有效的 GeoJSON 几何", "it is no valid GeoJSON geometry", at) from exc
    return flat(shape, at)
