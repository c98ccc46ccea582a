"""One door for every spelling of a frame."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from gis.coords import epochs
from gis.coords.frames import BD09, BD09MC, GCJ02, STORAGE, WGS84, Frame, from_epsg
from gis.coords.local import LocalFrame
from gis.coords.prj import frame_from_prj
from gis.errors import UnknownFrame

_NO_LOCAL: Mapping[str, LocalFrame] = MappingProxyType({})

_NAMES = {
    "gcj02": GCJ02, "gcj": GCJ02, "火星坐标": GCJ02, "火星坐标系": GCJ02, "国测局坐标": GCJ02,
    "高德": GCJ02, "高德坐标": GCJ02,
    "bd09": BD09, "bd09ll": BD09, "bd": BD09, "百度": BD09, "百度坐标": BD09,
    "bd09mc": BD09MC, "bd09mercator": BD09MC, "百度墨卡托": BD09MC,
    "cgcs2000": STORAGE, "2000国家大地坐标系": STORAGE, "国家2000": STORAGE,
    "wgs84": WGS84, "crs84": WGS84, "ogccrs84": WGS84,
}  # fmt: skip
_EPSG = re.compile(
    r"(?:epsg:+|urn:ogc:def:crs:epsg:[^:]*:|https?://www\.opengis\.net/(?:def/crs/epsg/[^/]+/"
    r"|gml/srs/epsg\.xml#))?(\d{4,6})",
    re.IGNORECASE,
)
_WKT = re.compile(r"\s*(PROJ|GEOG|GEOD|BOUND|COMPD|COMPOUND|ENG|LOCAL_)\w*\s*\[|\s*\+\w", re.I)


def norm_frame(spec: Frame | int | str, local: Mapping[str, LocalFrame] = _NO_LOCAL) -> Frame:
    """The frame meant by 4547, "4547", "EPSG:4547", an OGC URN or URI, "gcj02", "bd09",
    "bd09mc", "CGCS2000", "WGS84", "ITRF2014@2024.5", "local:NAME", a WKT or a PROJ text.

    `local` holds the local frames there are. Raises UnknownFrame, or FrameMismatch for a WKT
    that contradicts itself."""
    if isinstance(spec, Frame):
        return spec
    if isinstance(spec, int):
        return from_epsg(spec)
    text = spec.strip()
    if text.lower().startswith("local:"):
        return local_frame(text[6:].strip(), local)
    if "@" in text and not _WKT.match(text):
        return _at_epoch(text)
    itrf = epochs.NAMES.get(re.sub(r"[\s\-_]", "", text).lower())
    if itrf is not None:
        return from_epsg(itrf)
    named = _NAMES.get(re.sub(r"[\s\-_:/]", "", text).lower().removeprefix("urnogcdefcrsogc1.3"))
    if named is not None:
        return named
    code = _EPSG.fullmatch(text)
    # in China a bare "2000" means a datum; EPSG:2000 is a grid of Anguilla
    if code and text != "2000":
        return from_epsg(int(code.group(1)))
    if re.fullmatch(r"https?://www\.opengis\.net/def/crs/OGC/[\d.]+/CRS84h?", text, re.I):
        return WGS84
    if _WKT.match(text):
        return frame_from_prj(text)
    raise UnknownFrame(
        zh=f"不认识坐标系“{text[:80]}”。"
        "可用写法：EPSG:4547、gcj02、bd09、bd09mc、local:名称，或 WKT",
        en=f"unknown frame '{text[:80]}'. Write EPSG:4547, gcj02, bd09, bd09mc, local:NAME "
        "or a WKT",
        frame=text[:80],
    )


def _at_epoch(text: str) -> Frame:
    """FRAME@YEAR, the year with decimals: coordinates as a measurement of that day has them."""
    name, _, year = text.partition("@")
    frame = norm_frame(name)
    epoch = float(year) if re.fullmatch(r"\s*\d{4}(\.\d+)?\s*", year) else 0.0
    if not frame.has_crs or frame.epsg is None or not 1985.0 <= epoch <= 2100.0:
        raise UnknownFrame(
            zh=f"“{text[:80]}”不是带历元的坐标系。写法：ITRF2014@2024.5（年，1985–2100）",
            en=f"'{text[:80]}' is no frame at an epoch. Write ITRF2014@2024.5 (year, 1985 to 2100)",
            frame=text[:80],
        )
    return replace(frame, name=f"{frame.name}@{epoch:g}", epoch=epoch)


def local_frame(name: str, local: Mapping[str, LocalFrame]) -> Frame:
    """The fitted frame `name` as a Frame. Raises UnknownFrame that lists those there are."""
    if name not in local:
        have = "、".join(sorted(local)) or "无 / none"
        raise UnknownFrame(
            zh=f"没有名为 {name} 的地方坐标系（现有：{have}）。"
            f"用 gis coords fit 控制点.csv --name {name} 建立",
            en=f"there is no local frame {name} (there are: {have}). "
            f"Make it with gis coords fit POINTS.csv --name {name}",
            frame=f"local:{name}",
        )
    tie = local[name]
    return Frame(name=f"local:{name}", kind="local", accuracy_m=tie.accuracy_m, local=tie)
