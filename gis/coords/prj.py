"""Frames from WKT as it stands in .prj files, in the spellings found in the wild.

PROJ's own matching is trusted at its default confidence only: below it, a name that says CM 114E
with a false easting of 38,500,000 is taken for EPSG:4547, 38,000 km off. What PROJ does not
recognise is compared by parameters here, and a name that contradicts its parameters is refused.
"""

from __future__ import annotations

import functools
import math
import re
from dataclasses import dataclass
from typing import Any

from pyproj import CRS
from pyproj.exceptions import CRSError

from gis.coords.frames import Frame, false_easting, from_definition, from_epsg
from gis.errors import FrameMismatch, UnknownFrame

_DATUM_NAMES = {
    "cgcs2000": re.compile(
        r"cgcs.?_?2000|china.?_?2000|china geodetic|国家2000|2000国家|2000坐标", re.I
    ),
    "xian80": re.compile(r"xi.?an.?_?(19)?80|西安", re.I),
    "beijing54": re.compile(r"beijing.?_?(19)?54|pulkovo|北京", re.I),
}
_ELLIPSOIDS = {  # semi-major axis, metres; inverse flattening
    "cgcs2000": (6378137.0, 298.257222101),
    "xian80": (6378140.0, 298.257),
    "beijing54": (6378245.0, 298.3),
}
_GEOGRAPHIC = {"cgcs2000": 4490, "xian80": 4610, "beijing54": 4214}
# First code of each series of EPSG: (3-degree zone 25, 3-degree CM 75E, 6-degree zone 13,
# 6-degree CM 75E); the codes of a series follow each other without gaps.
_SERIES = {
    "cgcs2000": (4513, 4534, 4491, 4502),
    "xian80": (2349, 2370, 2327, 2338),
    "beijing54": (2401, 2422, 21413, 21453),
}


@dataclass(frozen=True, slots=True)
class _GaussKruger:
    datum: str
    lon0: float
    easting: float
    scale: float
    other: float  # latitude of origin and false northing, which are 0 in the national grids


@functools.lru_cache(maxsize=256)
def frame_from_prj(wkt: str) -> Frame:
    """The frame a WKT (OGC or ESRI, 1 or 2) or a PROJ text describes; cached by its text.

    A frame whose parameters are all known but that has no EPSG code (a city's own central
    meridian on CGCS2000) keeps its name. TOWGS84 is ignored: nobody states its accuracy.
    Raises UnknownFrame where the datum is not named, FrameMismatch where name and parameters
    disagree."""
    try:
        crs = CRS.from_user_input(wkt.strip().lstrip("\ufeff"))
    except CRSError as exc:
        raise UnknownFrame(
            zh="坐标系文本（.prj）无法读懂。请用 --crs EPSG:代码 说明坐标系",
            en="the frame's text (.prj) can't be read. State the frame with --crs EPSG:n",
            frame=wkt[:80],
        ) from exc
    if crs.is_bound and crs.source_crs is not None:
        crs = crs.source_crs
    _refuse_contradiction(crs)
    code = crs.to_epsg(min_confidence=70)
    if code is not None:
        return from_epsg(code)
    return _by_parameters(crs)


def projjson_of(epsg: int) -> dict[str, Any]:
    """The frame of an EPSG code as PROJJSON, for files that hold it so (GeoParquet)."""
    return CRS.from_epsg(epsg).to_json_dict()


def _by_parameters(crs: CRS) -> Frame:
    datum = _datum(crs)
    if crs.is_compound:
        return frame_from_prj(crs.sub_crs_list[0].to_wkt())
    if datum is not None and crs.is_geographic:
        return from_epsg(_GEOGRAPHIC[datum])
    grid = _gauss_kruger(crs, datum)
    if grid is not None:
        code = _national_code(grid)
        if code is not None:
            return from_epsg(code)
    base = crs.geodetic_crs
    known = base is not None and (datum == "cgcs2000" or base.to_epsg(min_confidence=70))
    if crs.is_projected and known:
        return from_definition(_on_known_datum(crs, datum), crs.name or "wkt")
    raise UnknownFrame(
        zh=f"“{crs.name}”没有说明是哪个大地基准，无法确定坐标系。请向提供单位询问，再用 --crs 说明",
        en=f"'{crs.name}' does not say on which datum it stands. Ask who delivered it, "
        "then pass --crs",
        frame=crs.name,
    )


def _on_known_datum(crs: CRS, datum: str | None) -> CRS:
    """The same projection over EPSG's own geographic frame, whatever the file calls it."""
    if datum != "cgcs2000":
        return crs
    operation = crs.coordinate_operation
    assert operation is not None  # projected
    record = crs.to_json_dict()
    record["base_crs"] = CRS.from_epsg(4490).to_json_dict()
    return CRS.from_json_dict(record)


def _datum(crs: CRS) -> str | None:
    """Which Chinese datum the WKT names and whose ellipsoid it has; None if none."""
    base = crs.geodetic_crs
    if base is None:
        return None
    text = f"{base.name} {base.datum.name if base.datum else ''}"
    named = [key for key, pattern in _DATUM_NAMES.items() if pattern.search(text)]
    if len(named) != 1 or crs.ellipsoid is None:
        return None
    axis, flattening = _ELLIPSOIDS[named[0]]
    same = math.isclose(crs.ellipsoid.semi_major_metre, axis, abs_tol=0.01) and math.isclose(
        crs.ellipsoid.inverse_flattening, flattening, abs_tol=1e-6
    )
    return named[0] if same else None


def _gauss_kruger(crs: CRS, datum: str | None) -> _GaussKruger | None:
    operation = crs.coordinate_operation
    if datum is None or operation is None or "mercator" not in operation.method_name.lower():
        return None
    values = {re.sub(r"[_\s]", "", p.name.lower()): p.value for p in operation.params}

    def value(*names: str, default: float = 0.0) -> float:
        return next((float(values[name]) for name in names if name in values), default)

    return _GaussKruger(
        datum=datum,
        lon0=value("longitudeofnaturalorigin", "centralmeridian", "longitudeoforigin"),
        easting=false_easting(crs),
        scale=value("scalefactoratnaturalorigin", "scalefactor", default=1.0),
        other=abs(value("falsenorthing"))
        + abs(value("latitudeofnaturalorigin", "latitudeoforigin")),
    )


def _national_code(grid: _GaussKruger) -> int | None:
    """EPSG's code of a national 3- or 6-degree zone, with or without prefix; None if it is none.

    Central meridians that both series share (111, 117 ...) give the 3-degree code: the plane is
    the same one."""
    if grid.scale != 1.0 or grid.other != 0.0:
        return None
    zone3, cm3, zone6, _ = _SERIES[grid.datum]
    third = round(grid.lon0 / 3.0)
    if math.isclose(grid.lon0, 3.0 * third, abs_tol=1e-9) and 25 <= third <= 45:
        if grid.easting == 500_000.0:
            return cm3 + third - 25
        if grid.easting == third * 1e6 + 500_000.0:
            return zone3 + third - 25
    sixth = round((grid.lon0 + 3.0) / 6.0)
    at_sixth = math.isclose(grid.lon0, 6.0 * sixth - 3.0, abs_tol=1e-9) and 13 <= sixth <= 23
    if at_sixth and grid.easting == sixth * 1e6 + 500_000.0:
        return zone6 + sixth - 13
    return None


def _refuse_contradiction(crs: CRS) -> None:
    """Raise FrameMismatch where the frame's name says another datum, meridian or zone than its
    parameters."""
    if not crs.is_projected or not crs.name:
        return
    claims = [key for key, pattern in _DATUM_NAMES.items() if pattern.search(crs.name)]
    datum = _datum(crs)
    if len(claims) == 1 and datum is not None and claims[0] != datum:
        raise _mismatch(crs, f"{claims[0]}", f"{datum}")
    grid = _gauss_kruger(crs, datum)
    if grid is None:
        return
    meridian = re.search(r"CM[_ ](\d{2,3}(?:\.\d+)?)", crs.name, re.I)
    if meridian:
        claimed = float(meridian.group(1))
        if not math.isclose(claimed, grid.lon0, abs_tol=1e-6):
            raise _mismatch(crs, f"CM {claimed:g}", f"CM {grid.lon0:g}")
        if grid.easting >= 1e6:
            raise _mismatch(crs, f"CM {claimed:g}, 500000", f"FE {grid.easting:.0f}")
    zone = re.search(r"zone[_ ](\d{1,2})\b", crs.name, re.I)
    if zone and grid.easting >= 1e6 and int(grid.easting // 1e6) != int(zone.group(1)):
        raise _mismatch(crs, f"zone {zone.group(1)}", f"FE {grid.easting:.0f}")


def _mismatch(crs: CRS, declared: str, actual: str) -> FrameMismatch:
    return FrameMismatch(
        zh=f"坐标系文本自相矛盾：名称“{crs.name}”表示 {declared}，参数却是 {actual}。"
        "请核对后用 --crs 说明",
        en=f"the frame's text contradicts itself: its name '{crs.name}' says {declared}, its "
        f"parameters say {actual}. Check it and pass --crs",
        declared=declared,
        likely=actual,
    )
