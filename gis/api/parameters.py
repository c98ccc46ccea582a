"""The query string of items, one item and tiles, read once, into what the store is asked."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
import shapely
from starlette.datastructures import QueryParams

from gis.api.axes import Axes, axes_of, box_of
from gis.api.config import DEFAULT_ITEMS, MOST_ITEMS
from gis.api.filtering import FILTER, both, computed, read_filter, read_same, read_words
from gis.api.refusals import Refused, bad_value, unknown_parameter
from gis.coords import decode_place_code
from gis.layers import City, Layer, Registry
from gis.store import LayerQuery, When, parse_datetime
from gis.store.paging import Direction, Mark

ITEM = ("f", "lang", "crs", "datetime", "properties", "skipGeometry")
ITEMS = (
    *ITEM,
    *("bbox", "bbox-crs", "limit", "offset", "after", "sortby", "resulttype", "gridcode", "q"),
    "feature-id",
    *FILTER,
)
TILE = ("f", "datetime")
YES, NO = ("true", "1", "yes"), ("false", "0", "no", "")
# 9 digits of a degree are a tenth of a millimetre, 7 are a centimetre: what a layer is good for.
SURVEYED_M, FINE_DIGITS, DIGITS = 0.1, 9, 7


@dataclass(frozen=True, slots=True)
class ItemsAsked:
    """A page of items as asked for. `query.layer` in `axes`; hits: only how many there are."""

    query: LayerQuery
    axes: Axes
    hits: bool = False


def read_items(layer: Layer, params: QueryParams, registry: Registry, timezone: str) -> ItemsAsked:
    """What a request for items asks. Raises Refused, LayerError or CoordError saying which
    parameter is wrong and what would do."""
    given = single(params, (*ITEMS, *computed(layer)), layer.field_names)
    city = registry.city
    axes = axes_of("crs", given.get("crs"), city)
    where = {n: v or None for n, v in given.items() if n in layer.field_names and n not in ITEMS}
    query = LayerQuery(
        layer=layer,
        where=where,
        limit=_limit(given.get("limit")),
        offset=whole("offset", given.get("offset"), 0, 0),
        after=_after(given),
        sortby=_sorting(given.get("sortby")),
        filter=both(
            read_filter(given, city),
            read_words(given.get("q"), layer, registry),
            read_same(given, layer),
        ),
        **_area(given, city),
        **_shared(layer, given, axes, timezone),
    )
    identity = given.get("feature-id", "key")
    if identity not in ("key", "version"):
        raise bad_value("feature-id", identity, "可用：key、version", "one of key, version")
    query = replace(query, version_ids=identity == "version")
    kind = given.get("resulttype", "results")
    if kind not in ("results", "hits"):
        raise bad_value("resulttype", kind, "可用：results、hits", "one of results, hits")
    return ItemsAsked(query, axes, kind == "hits")


def read_item(layer: Layer, params: QueryParams, registry: Registry, timezone: str) -> ItemsAsked:
    """What a request for one item asks. Raises as `read_items`."""
    given = single(params, ITEM)
    axes = axes_of("crs", given.get("crs"), registry.city)
    return ItemsAsked(LayerQuery(layer=layer, **_shared(layer, given, axes, timezone)), axes)


def read_when(params: QueryParams, timezone: str, known: Iterable[str] = TILE) -> When:
    """`datetime=`, where nothing but `known` may be asked."""
    return _when(single(params, known), timezone)


def single(params: QueryParams, known: Iterable[str], fields: Iterable[str] = ()) -> dict[str, str]:
    """Name -> value: every parameter once, each one known. A name that starts with _ only keeps
    caches off."""
    known, fields = tuple(known), tuple(fields)
    found: dict[str, str] = {}
    for name, value in params.multi_items():
        if name.startswith("_"):
            continue
        if name not in known and name not in fields:
            raise unknown_parameter(name, known, fields)
        if name in found:
            raise Refused(
                zh=f"参数 {name} 出现了两次，请只给一次",
                en=f"parameter {name} is given twice. Give it once",
                parameter=name,
            )
        if "\x00" in value:  # PostgreSQL keeps no such letter, and no value has one
            raise bad_value(name, "\\x00", "不能含空字符", "no null letters")
        found[name] = value
    return found


def _shared(layer: Layer, given: Mapping[str, str], axes: Axes, timezone: str) -> dict[str, Any]:
    """What items and one item have in common: time, fields, geometry and its system."""
    names = given.get("properties")
    return {
        "when": _when(given, timezone),
        "fields": None if names is None else tuple(n.strip() for n in names.split(",") if n),
        "geometry": not truth("skipGeometry", given.get("skipGeometry", "")),
        "srid": axes.epsg,
        "digits": FINE_DIGITS if layer.accuracy_m <= SURVEYED_M else DIGITS,
    }


def _area(given: Mapping[str, str], city: City) -> dict[str, Any]:
    """`bbox` and `gridcode`: a BeiDou cell is a box of its own, and both together must hold."""
    area: dict[str, Any] = {}
    axes = axes_of("bbox-crs", given.get("bbox-crs"), city)
    if "bbox" in given:
        box = box_of(given["bbox"], axes)
        area["bbox" if isinstance(box, tuple) else "within"] = box
    elif "bbox-crs" in given:
        raise bad_value("bbox-crs", given["bbox-crs"], "没有 bbox", "there is no bbox")
    if "gridcode" in given:
        cell = decode_place_code(given["gridcode"]).bounds
        if "bbox" in area:
            area["within"] = shapely.box(*cell)
        else:
            area["bbox"] = cell
    return area


def _when(given: Mapping[str, str], timezone: str) -> When:
    text = given.get("datetime", "").strip()
    return parse_datetime(text, timezone) if text else None


def _limit(text: str | None) -> int:
    return min(whole("limit", text, DEFAULT_ITEMS, 1), MOST_ITEMS)


def mark_text(mark: Mark) -> str:
    """The mark of a row as it stands in a link."""
    return base64.urlsafe_b64encode(orjson.dumps(mark)).decode().rstrip("=")


def _after(given: Mapping[str, str]) -> Mark | None:
    text = given.get("after")
    if text is None:
        return None
    if "offset" in given:
        raise bad_value("after", text, "不能与 offset 同用", "it does not go with offset")
    try:
        values = orjson.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except ValueError:
        values = None
    plain = isinstance(values, list) and all(
        v is None or isinstance(v, str | int | float) for v in values
    )
    if not plain:
        raise bad_value(
            "after", text, "请用 next 链接原样给出的值", "it is what a next link gives, unchanged"
        )
    return tuple(values)


def whole(name: str, text: str | None, default: int, least: int) -> int:
    """A whole number not below `least`. Raises Refused."""
    if text is None:
        return default
    try:
        number = int(text) if len(text) < 20 and text.isascii() else -1
    except ValueError:
        number = -1
    if number < least:
        raise bad_value(
            name, text, f"应为不小于 {least} 的整数", f"it is a whole number from {least}"
        )
    return number


def truth(name: str, text: str) -> bool:
    """true or false. Raises Refused."""
    if text.lower() not in YES + NO:
        raise bad_value(name, text, "应为 true 或 false", "true or false")
    return text.lower() in YES


def _sorting(text: str | None) -> tuple[tuple[str, Direction], ...]:
    """`-height_m,name`; a + may arrive as the space it stands for."""
    parts = [part.strip(" +") for part in (text or "").split(",")]
    return tuple(
        (part.lstrip("-"), "desc" if part.startswith("-") else "asc") for part in parts if part
    )
