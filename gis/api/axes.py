"""The door of coordinates: names of reference systems, and the order in which they are spoken.

Inside, x is east or longitude, always. OGC asks for the authority's order where a system is
named by its EPSG code, and half of them put north first; so pairs are turned round here, both
ways, and nowhere else.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.api.refusals import bad_value
from gis.coords import bounds_of, first_axis_is_north, from_epsg, normalise
from gis.layers import City

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
STORAGE_EPSG = 4490
# Systems whose degrees are taken as those of the store: the same within the stated metre.
DEGREES = (4490, 4326)
EVERYWHERE = (4490, 4326, 3857)
# EPSG lists the 3-degree Gauss-Kruger zones twice: 4534..4554 without, 4513..4533 with the zone
# number before the easting. Departments send both.
PLANES, BACK_TO_ZONED = range(4534, 4555), 21
SIDES = 16  # a straight edge in a plane is a curve in degrees: each side becomes so many
_SHORT = re.compile(r"\[?(?:EPSG:+|urn:ogc:def:crs:EPSG:[\d.]*:)(\d{4,6})\]?", re.IGNORECASE)
_LONG = re.compile(r"https?://www\.opengis\.net/def/crs/EPSG/[\d.]+/(\d{4,6})", re.IGNORECASE)
_CRS84 = re.compile(
    r"(?:https?://www\.opengis\.net/def/crs/OGC/[\d.]+/|urn:ogc:def:crs:OGC:[\d.]*:|\[?OGC:)?"
    r"CRS84\]?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Axes:
    """A reference system as clients name it. `epsg`: the one the store reads and writes.

    north_first: pairs go out and come in as (north, east)."""

    uri: str
    epsg: int
    north_first: bool


@lru_cache
def offered(metric_frame: str) -> tuple[Axes, ...]:
    """Every system in which a city with that plane answers; the first is the default."""
    plane = int(metric_frame.rpartition(":")[2])
    zoned = [plane - BACK_TO_ZONED] if plane in PLANES else []
    codes = dict.fromkeys((*EVERYWHERE, plane, *zoned))
    named = (Axes(f"{EPSG}{code}", code, first_axis_is_north(code)) for code in codes)
    return (Axes(CRS84, STORAGE_EPSG, False), *named)


def axes_of(parameter: str, text: str | None, city: City) -> Axes:
    """The system meant by a URI, a URN, or a short name like EPSG:4547; None = the default.

    Raises Refused that lists those offered."""
    known = offered(city.metric_frame)
    if text is None:
        return known[0]
    text = text.strip()
    if _CRS84.fullmatch(text):
        return known[0]
    named = _LONG.fullmatch(text) or _SHORT.fullmatch(text)
    for axes in known[1:]:
        if named and int(named[1]) == axes.epsg:
            return axes
    choice = ", ".join(axes.uri for axes in known)
    raise bad_value(parameter, text, f"可用：{choice}", f"one of {choice}")


def box_of(text: str, axes: Axes) -> tuple[float, float, float, float] | BaseGeometry:
    """What `bbox=` asks for: west, south, east, north in degrees, or a shape in EPSG:4490 where
    the box is one of a plane. Heights in a box of six numbers are ignored. Raises Refused."""
    numbers = _numbers(text)
    if axes.north_first:
        numbers = (numbers[1], numbers[0], numbers[3], numbers[2])
    west, south, east, north = numbers
    if south > north or (west > east and axes.epsg not in DEGREES):
        raise bad_value("bbox", text, "下限大于上限", "a lower limit is above its upper limit")
    if axes.epsg in DEGREES:
        if south > 90 or north < -90:
            raise bad_value(
                "bbox", text, "纬度超出 ±90 度：坐标次序或许颠倒",
                "a latitude is beyond 90 degrees: the order may be the other way round",
            )  # fmt: skip
        return numbers
    return _shape(numbers, axes.epsg)


def flip(geometry: dict[str, Any] | None) -> None:
    """Turn round every pair of a GeoJSON geometry, in place; z stays third."""
    if geometry is None:
        return
    for part in geometry.get("geometries", ()):
        flip(part)
    if "coordinates" in geometry:
        geometry["coordinates"] = _flipped(geometry["coordinates"])


def _flipped(coordinates: list[Any]) -> list[Any]:
    if coordinates and isinstance(coordinates[0], list):
        return [_flipped(part) for part in coordinates]
    return [coordinates[1], coordinates[0], *coordinates[2:]] if coordinates else coordinates


def _numbers(text: str) -> tuple[float, float, float, float]:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) == 6:
        numbers = [numbers[0], numbers[1], numbers[3], numbers[4]]
    if len(numbers) != 4 or not all(map(math.isfinite, numbers)):
        raise bad_value(
            "bbox",
            text,
            "应为四个数（或含高程的六个数），逗号分隔，如 113.9,32.9,114.1,33.1",
            "it is four numbers (six with heights) with commas, like 113.9,32.9,114.1,33.1",
        )
    return numbers[0], numbers[1], numbers[2], numbers[3]


def _shape(box: tuple[float, float, float, float], epsg: int) -> BaseGeometry:
    """A box of a plane in degrees. What lies where the plane means nothing is cut off: clients
    ask for the whole world in any system."""
    frame = from_epsg(epsg)
    x0, y0, x1, y1 = bounds_of(frame)
    west, south = max(box[0], x0), max(box[1], y0)
    east, north = min(box[2], x1), min(box[3], y1)
    if west > east or south > north:
        return shapely.Polygon()
    plane: BaseGeometry = shapely.box(west, south, east, north)
    side = max(east - west, north - south) / SIDES
    if side > 0:
        plane = shapely.segmentize(plane, side)
    if plane.area == 0:
        plane = shapely.LineString([(west, south), (east, north)]) if side else shapely.Point(
            west, south
        )  # fmt: skip
    moved = normalise(np.array([plane], dtype=object), frame).geometry[0]
    assert isinstance(moved, BaseGeometry)  # cut to where the frame may be used
    return moved
