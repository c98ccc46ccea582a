"""What a search of STAC items asks for, from a query string or a posted document."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import shapely
from shapely.geometry.base import BaseGeometry

from gis.api.parameters import whole
from gis.api.refusals import Refused, bad_value
from gis.api.service import Service
from gis.api.shelf import LAYER, Days, Shown, days_of
from gis.store import parse_datetime

FEW, MOST = 10, 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is searched for. area: degrees, None = anywhere; token: how many came before."""

    ids: tuple[str, ...] | None
    collections: tuple[str, ...] | None
    area: BaseGeometry | None
    days: Days
    limit: int
    token: int

    def takes(self, one: Shown) -> bool:
        """Whether the image is searched for. One without a date has no place in STAC."""
        return (
            self.days.hold(one.image)
            and (self.ids is None or one.image.id in self.ids)
            and (self.collections is None or LAYER in self.collections)
            and (self.area is None or bool(self.area.intersects(one.image.outline)))
        )


def read_wanted(given: Mapping[str, Any], service: Service) -> Wanted:
    """What is searched for. Raises Refused, LayerError."""
    if given.get("bbox") is not None and given.get("intersects") is not None:
        raise bad_value("intersects", "…", "不能与 bbox 同用", "it does not go with bbox")
    when = str(given.get("datetime") or "").strip()
    days = Days()
    if when:
        days = days_of(parse_datetime(when, service.timezone), service.timezone)
        if "/" not in when:  # STAC: taken then, and not the state then
            days = Days(days.last, days.last)
    return Wanted(
        ids=_names("ids", given.get("ids")),
        collections=_names("collections", given.get("collections")),
        area=_area(given),
        days=days,
        limit=min(whole("limit", _text(given.get("limit")), FEW, 1), MOST),
        token=whole("token", _text(given.get("token")), 0, 0),
    )


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _names(name: str, value: object) -> tuple[str, ...] | None:
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise bad_value(name, str(value), "应为文字列表", "it is a list of texts")
    return tuple(value)


def _area(given: Mapping[str, Any]) -> BaseGeometry | None:
    box, shape = given.get("bbox"), given.get("intersects")
    if box is not None:
        listed = box.split(",") if isinstance(box, str) else box
        try:
            numbers = [float(one) for one in listed]
        except (TypeError, ValueError):
            numbers = []
        if len(numbers) == 6:
            numbers = [*numbers[:2], *numbers[3:5]]
        if len(numbers) != 4 or not all(map(math.isfinite, numbers)) or numbers[1] > numbers[3]:
            raise bad_value(
                "bbox", str(box), "应为 西,南,东,北（度）", "west,south,east,north in degrees"
            )
        west, south, east, north = numbers
        if west <= east:
            return shapely.box(west, south, east, north)
        return shapely.union(  # across 180 degrees
            shapely.box(west, south, 180, north), shapely.box(-180, south, east, north)
        )
    if shape is None:
        return None
    try:
        found = shapely.from_geojson(orjson.dumps(shape))
    except (shapely.GEOSException, TypeError, ValueError) as exc:
        raise _no_shape(shape) from exc
    if found is None or found.is_empty or not found.is_valid:
        raise _no_shape(shape)
    return shapely.force_2d(found)


def _no_shape(shape: object) -> Refused:
    return bad_value(
        "intersects", str(shape), "应为有效的 GeoJSON 图形", "it is a valid GeoJSON geometry"
    )


def read_json(name: str, text: str) -> Any:
    """The JSON of a parameter. Raises Refused."""
    try:
        return orjson.loads(text)
    except ValueError as exc:
        raise bad_value(name, text, "应为 JSON", "it is JSON") from exc
