"""The frames a city uses, with names that people know them by."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from gis.coords import (
    BD09,
    BD09MC,
    GCJ02,
    STORAGE,
    WGS84,
    Area,
    Frame,
    LocalFrame,
    find_transformation,
    from_epsg,
    norm_frame,
)
from gis.coords.frames import crs_of
from gis.coords.readings import candidate_frames
from gis.errors import NoAccurateTransform
from gis.layers import City, Label

Group = Literal["city", "service", "local", "other", "old"]
# EPSG lists the 3-degree Gauss-Kruger zones twice: 4534..4554 without, 4513..4533 with the zone
# number before the easting.
PLANES, BACK_TO_ZONED = range(4534, 4555), 21
WEB_MERCATOR = 3857
OLD = (4610, 4214)  # Xian 1980 and Beijing 1954 in degrees: asked for, refused with the way forward
SHIFTED = {
    "gcj02": Label(
        zh="火星坐标（高德、腾讯、谷歌中国）", en="GCJ-02 (Amap, Tencent, Google China)"
    ),
    "bd09": Label(zh="百度经纬度", en="Baidu degrees"),
    "bd09mc": Label(zh="百度墨卡托（米）", en="Baidu metres"),
}
NAMES = {
    4490: Label(zh="CGCS2000 经纬度", en="CGCS2000 longitude, latitude"),
    4326: Label(zh="WGS 84 经纬度（GPS）", en="WGS 84 longitude, latitude (GPS)"),
    3857: Label(zh="Web 墨卡托", en="Web Mercator"),
    4610: Label(zh="西安 80 经纬度", en="Xian 1980 longitude, latitude"),
    4214: Label(zh="北京 54 经纬度", en="Beijing 1954 longitude, latitude"),
}
PATTERNS = (
    (r"CGCS2000 / 3-degree Gauss-Kruger CM (\d+)E", "CGCS2000 3 度带，中央经线 {}°，无带号"),
    (r"CGCS2000 / 3-degree Gauss-Kruger zone (\d+)", "CGCS2000 3 度带，东坐标带带号 {}"),
    (r"CGCS2000 / Gauss-Kruger CM (\d+)E", "CGCS2000 6 度带，中央经线 {}°，无带号"),
    (r"CGCS2000 / Gauss-Kruger zone (\d+)", "CGCS2000 6 度带，东坐标带带号 {}"),
    (r"WGS 84 / UTM zone (\d+N)", "WGS 84 UTM {} 带"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameChoice:
    """A frame as a person chooses it. accuracy_m: of the way to CGCS2000, metres; None = there is
    no way with a stated accuracy, until control points make one."""

    frame: Frame
    title: Label
    group: Group
    accuracy_m: float | None


def city_frames(city: City, local: Mapping[str, LocalFrame]) -> tuple[Frame, ...]:
    """The frames in which the city gives a place: CGCS2000 in degrees and in its plane without
    and with the zone number, what the web and the map services use, its local frames."""
    plane = norm_frame(city.metric_frame)
    zoned = [from_epsg(code - BACK_TO_ZONED) for code in PLANES if code == plane.epsg]
    web = (WGS84, from_epsg(WEB_MERCATOR), GCJ02, BD09, BD09MC)
    named = (norm_frame(f"local:{name}", local) for name in sorted(local))
    return tuple(dict.fromkeys((STORAGE, plane, *zoned, *web, *named)))


def frame_choices(city: City, local: Mapping[str, LocalFrame]) -> tuple[FrameChoice, ...]:
    """Every frame worth offering in this city, the most usual first."""
    usual = city_frames(city, local)
    others = candidate_frames(Area(*city.bbox), local)
    known = dict.fromkeys((*usual, *others, *map(from_epsg, OLD)))
    return tuple(_choices(known, frozenset(usual)))


def _choices(frames: Mapping[Frame, None], usual: frozenset[Frame]) -> Iterator[FrameChoice]:
    for frame in frames:
        group: Group = "city" if frame in usual else "other"
        if frame.epsg in OLD:
            group = "old"
        elif frame.kind == "local":
            group = "local"
        elif not frame.has_crs:
            group = "service"
        yield FrameChoice(
            frame=frame, title=title_of(frame), group=group, accuracy_m=_accuracy_m(frame)
        )


def title_of(frame: Frame) -> Label:
    """What people call a frame; the definition's own name where we have no other."""
    if frame.local is not None:
        made = f", {frame.local.made}" if frame.local.made else ""
        return Label(
            zh=f"地方坐标系 {frame.local.name}{made}", en=f"local frame {frame.local.name}{made}"
        )
    if frame.kind in SHIFTED:
        return SHIFTED[frame.kind]
    if frame.epsg in NAMES:
        return NAMES[frame.epsg]
    name = str(crs_of(frame).name)
    for pattern, zh in PATTERNS:
        found = re.fullmatch(pattern, name)
        if found:
            return Label(zh=zh.format(found[1]), en=name)
    return Label(zh=name, en=name)


def _accuracy_m(frame: Frame) -> float | None:
    try:
        return find_transformation(frame, STORAGE).accuracy_m
    except NoAccurateTransform:
        return None
