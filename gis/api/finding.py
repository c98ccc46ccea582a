"""The search box: what was typed, read as a grid code, a coordinate, or a name or number."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from gis.api.axes import offered
from gis.api.service import Service
from gis.coords import (
    STORAGE,
    Cell,
    Frame,
    find_transformation,
    from_epsg,
    norm_frame,
    outside,
    parse_angle,
    place_code,
)
from gis.errors import CoordError
from gis.layers import City, Layer
from gis.sources import load_local_frames
from gis.store.search import Found, search

GRID_CODE = re.compile(r"[NS]\d{2}[A-V]\w{0,16}", re.IGNORECASE)
# 114.02, 114°01′19.2″E, 北纬32度58分: what one of two coordinates looks like
MARKS = "NSEW东南西北经纬度分秒°º′'’″\"”"
ONE = rf"[{MARKS}]*\s*[-+]?\d+(?:\.\d+)?(?:\s*[{MARKS}]\s*(?:\d+(?:\.\d+)?)?)*"
FRAME = r"(?P<frame>(?:[A-Za-z]{2}|[\u4e00-\u9fff]{2})\S*)"
# with a comma each side may hold blanks (114 1 12E, 32 58 48N); without one it may not
PAIRS = (
    re.compile(rf"(?P<a>[^,，;；]+)[,，;；](?P<b>[^,，;；]+?)(?:[\s,，;；]+{FRAME})?"),
    re.compile(rf"(?P<a>{ONE})\s+(?P<b>{ONE})(?:[\s,，;；]+{FRAME})?"),
)
LATITUDE, LONGITUDE = re.compile(r"[NS纬]"), re.compile(r"[EW经]")
ZONES = range(25, 46)  # 3-degree zones of China: 38502117 lies in zone 38
ZONED, ZONE_M = 4513, 1_000_000  # EPSG of zone 25, and what a zone number is worth in eastings
EACH_LAYER = 8
FIRST_THEME = "base"  # a place's own name before what is named after it


def find(service: Service, text: str, limit: int) -> dict[str, Any]:
    """`{"query", "read_as", "results"}` for what was typed; best first."""
    words = text.strip()
    found = _grid(words) or _coordinate(service, words)
    if found is not None:
        return {"query": text, **found}
    hits = [
        (hit, layer)
        for layer in service.registry.layers.values()
        for hit in search(service.store, layer, words, EACH_LAYER)
    ]
    hits.sort(key=_order)
    results = [_result(hit, layer) for hit, layer in hits[:limit]]
    return {"query": text, "read_as": None, "results": results}


def _order(pair: tuple[Found, Layer]) -> tuple[object, ...]:
    hit, layer = pair
    return (hit.rank, layer.theme != FIRST_THEME, len(hit.title), layer.order, hit.key)


def _result(hit: Found, layer: Layer) -> dict[str, Any]:
    number = "" if hit.number == hit.title else f" {hit.number}"
    return {
        "title": hit.title,
        "subtitle": {"zh": layer.title.zh + number, "en": layer.title.en + number},
        "layer": layer.id,
        "id": hit.key,
        "lon": hit.lon,
        "lat": hit.lat,
        "bbox": [hit.west, hit.south, hit.east, hit.north],
    }


def _grid(words: str) -> dict[str, Any] | None:
    if GRID_CODE.fullmatch(words) is None:
        return None
    try:
        cell = Cell.from_code(words)
    except CoordError:
        return None  # a building's number may look like one
    lon, lat = cell.centre
    label = {"zh": f"北斗网格，第 {cell.level} 级", "en": f"BeiDou grid cell, level {cell.level}"}
    return {"read_as": label, "results": [_place(cell.code, label, lon, lat, list(cell.bounds))]}


def _coordinate(service: Service, words: str) -> dict[str, Any] | None:
    """None where it is no pair of numbers, or nobody could say where it lies."""
    parts = next((found for pair in PAIRS if (found := pair.fullmatch(words))), None)
    if parts is None:
        return None
    try:
        a, b = parse_angle(parts["a"]), parse_angle(parts["b"])
        named = _named(service, parts["frame"])
    except CoordError:
        return None
    if LATITUDE.search(parts["a"]) or LONGITUDE.search(parts["b"]):
        pairs = [(b, a)]
    elif LONGITUDE.search(parts["a"]) or LATITUDE.search(parts["b"]):
        pairs = [(a, b)]
    else:
        pairs = [(a, b), (b, a)]
    frames = [named] if named else _likely(service.registry.city, a, b)
    placed = [p for frame in frames for pair in pairs if (p := _placed(pair, frame)) is not None]
    placed.sort(key=lambda p: not _inside(p, service.registry.city))  # stable: the likeliest first
    if not placed:
        return None
    lon, lat, frame = placed[0]
    code = place_code(lon, lat)
    label = {"zh": f"{frame} 坐标 · 网格 {code}", "en": f"{frame} coordinates · grid cell {code}"}
    return {"read_as": label, "results": [_place(f"{lon:.6f}, {lat:.6f}", label, lon, lat, None)]}


def _named(service: Service, text: str | None) -> Frame | None:
    if text is None:
        return None
    local: Mapping[str, Any] = {}
    if text.lower().startswith("local:"):
        local = load_local_frames(service.settings.config / "frames")
    return norm_frame(text.strip(), local)


def _likely(city: City, a: float, b: float) -> list[Frame]:
    """Frames two bare numbers may be in, the likeliest first."""
    if abs(a) <= 180 and abs(b) <= 180:
        return [STORAGE]
    zones = [int(v // ZONE_M) for v in (a, b) if int(v // ZONE_M) in ZONES]
    codes = [ZONED + zone - ZONES[0] for zone in zones]
    codes += [axes.epsg for axes in offered(city.metric_frame)]
    return [frame for code in dict.fromkeys(codes) if (frame := from_epsg(code)).unit == "metre"]


def _placed(xy: tuple[float, float], frame: Frame) -> tuple[float, float, Frame] | None:
    point = np.array([xy], dtype=np.float64)
    if outside(point, frame)[0]:
        return None
    try:
        lon, lat = find_transformation(frame, STORAGE).apply(point)[0]
        place_code(float(lon), float(lat))
    except CoordError:
        return None
    return round(float(lon), 9), round(float(lat), 9), frame


def _inside(place: tuple[float, float, Frame], city: City) -> bool:
    west, south, east, north = city.bbox
    return west <= place[0] <= east and south <= place[1] <= north


def _place(
    title: str, subtitle: dict[str, str], lon: float, lat: float, bbox: list[float] | None
) -> dict[str, Any]:
    return {
        "title": title, "subtitle": subtitle, "layer": None, "id": None,
        "lon": lon, "lat": lat, "bbox": bbox,
    }  # fmt: skip
