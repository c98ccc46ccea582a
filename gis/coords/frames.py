"""`Frame`: in which coordinate frame a pair of numbers is. Values, and what EPSG knows of them.

Inside this package every pair is (x, y) = east or longitude first, whatever order the frame
itself prescribes. Frames come in six kinds: `geographic` and `projected` (EPSG or a definition
of our own with all parameters known), `gcj02`, `bd09`, `bd09mc` (the shifted frames of Chinese
map services) and `local` (a city frame tied to an EPSG plane by control points).
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from gis.coords.local import LocalFrame
from gis.errors import UnknownFrame

Kind = Literal["geographic", "projected", "gcj02", "bd09", "bd09mc", "local"]

# The shift of GCJ-02 and BD-09 is a formula that others found; the formula is inverted exactly,
# but what a map service really applies differs from it by metres.
SHIFTED_ACCURACY_M = 5.0
# Outside this box the services do not shift: longitude, then latitude, degrees.
CHINA_BOX = (72.004, 0.8293, 137.8347, 55.8271)
# A projection is exact beyond its own zone too, and cities at a zone's edge use one zone for all.
MARGIN_DEG = 2.0


@dataclass(frozen=True, slots=True)
class Area:
    """A box on the Earth in degrees, longitude -180..180."""

    west: float
    south: float
    east: float
    north: float

    def contains(self, other: Area, slack_deg: float = 0.0) -> bool:
        """Whether `other` lies in this box widened by `slack_deg`."""
        return (
            self.west - slack_deg <= other.west
            and self.south - slack_deg <= other.south
            and self.east + slack_deg >= other.east
            and self.north + slack_deg >= other.north
        )

    def intersection(self, other: Area) -> Area | None:
        """What both boxes share; None when nothing."""
        west, south = max(self.west, other.west), max(self.south, other.south)
        east, north = min(self.east, other.east), min(self.north, other.north)
        return Area(west, south, east, north) if west < east and south < north else None

    def padded(self, degrees: float) -> Area:
        """The box widened on all sides, kept on the globe."""
        return Area(
            max(self.west - degrees, -180.0),
            max(self.south - degrees, -90.0),
            min(self.east + degrees, 180.0),
            min(self.north + degrees, 90.0),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """A coordinate frame. Make one with `norm_frame` or `frame_from_prj`.

    name:        "EPSG:4526", "gcj02", "local:zmd", or the name in a definition without a code
    unit:        of both numbers: "degree", "metre", or EPSG's name of another unit
    zone_prefix: what stands before the easting (38 in 38502117), None where nothing does
    accuracy_m:  accuracy of the frame's own tie to the Earth, metres; 0 = by definition
    epoch:       decimal year at which the coordinates hold, for frames that plates move through
    definition:  WKT2 where there is no EPSG code; local: the control-point record of a local frame
    """

    name: str
    kind: Kind
    epsg: int | None = None
    unit: str = "metre"
    zone_prefix: int | None = None
    accuracy_m: float = 0.0
    epoch: float | None = None
    definition: str | None = None
    local: LocalFrame | None = None

    def __str__(self) -> str:
        return self.name

    @property
    def has_crs(self) -> bool:
        """Whether PROJ knows the frame."""
        return self.kind in ("geographic", "projected")

    @property
    def area(self) -> Area:
        """Where the frame may be used, degrees."""
        if self.local is not None:
            return from_epsg(self.local.target).area
        if not self.has_crs:
            return Area(*CHINA_BOX)
        bounds = crs_of(self).area_of_use
        return Area(*bounds.bounds) if bounds is not None else Area(-180, -90, 180, 90)


def from_epsg(code: int) -> Frame:
    """The frame with that EPSG code (of a compound one the horizontal part).

    Raises UnknownFrame where EPSG has no such code or it is not a horizontal 2D/3D frame."""
    try:
        crs = _epsg_crs(int(code))
    except CRSError as exc:
        raise UnknownFrame(
            zh=f"EPSG:{code} 不存在或无法读取。请核对代码，"
            "例如 EPSG:4547（CGCS2000 / 3 度带 114°E）",
            en=f"EPSG:{code} does not exist or can't be read. Check the code, e.g. EPSG:4547 "
            "(CGCS2000 / 3-degree Gauss-Kruger CM 114E)",
            frame=f"EPSG:{code}",
        ) from exc
    return _from_crs(crs, f"EPSG:{code}", int(code))


def from_definition(crs: CRS, name: str) -> Frame:
    """A frame whose parameters are all known but that has no EPSG code."""
    return _from_crs(crs, name, None)


@functools.lru_cache(maxsize=512)
def first_axis_is_north(epsg: int) -> bool:
    """Whether the authority's order is north (latitude) first, as OGC services must follow it.

    Raises UnknownFrame."""
    axes = _horizontal(_epsg_crs(from_epsg(epsg).epsg or epsg)).axis_info
    return axes[0].direction.lower() in ("north", "south")


@functools.lru_cache(maxsize=512)
def crs_of(frame: Frame) -> CRS:
    """pyproj's CRS of a geographic or projected frame (2D or 3D, never compound)."""
    if frame.epsg is not None:
        return _horizontal(_epsg_crs(frame.epsg))
    assert frame.definition is not None  # only frames with has_crs come here
    return CRS.from_wkt(frame.definition)


@functools.lru_cache(maxsize=512)
def datum_code(frame: Frame) -> int | None:
    """EPSG code of the 2D geographic frame under a frame with a CRS; None = not in EPSG."""
    geodetic = crs_of(frame).geodetic_crs
    assert geodetic is not None
    return geodetic.to_2d().to_epsg(min_confidence=70)


@functools.lru_cache(maxsize=512)
def bounds_of(frame: Frame) -> tuple[float, float, float, float]:
    """Smallest and largest x, then y (as x0, y0, x1, y1) that make sense in the frame, in its
    own units: its area of use and a margin. What lies outside has another frame, or is wrong."""
    if frame.local is not None:
        return frame.local.bounds()
    if frame.kind == "bd09mc":
        return (8_015_000.0, 92_000.0, 15_345_000.0, 7_510_000.0)  # CHINA_BOX in Baidu metres
    if not frame.has_crs:
        return CHINA_BOX
    crs = crs_of(frame)
    area = frame.area.padded(MARGIN_DEG)
    if frame.kind == "geographic":
        return (area.west, area.south, area.east, area.north)
    if frame.area.contains(Area(-179, -80, 179, 80)):
        area = frame.area
    geodetic = crs.geodetic_crs
    to_plane = Transformer.from_crs(geodetic, crs, always_xy=True)
    x0, y0, x1, y1 = to_plane.transform_bounds(area.west, area.south, area.east, area.north)
    return (x0, y0, x1, y1)


def outside(xy: NDArray[np.float64], frame: Frame) -> NDArray[np.bool_]:
    """Which rows of `xy` (shape (n, 2), x = east or longitude) can't be in `frame`.

    NaN and infinity are outside."""
    x0, y0, x1, y1 = bounds_of(frame)
    inside = (xy[:, 0] >= x0) & (xy[:, 0] <= x1) & (xy[:, 1] >= y0) & (xy[:, 1] <= y1)
    return np.asarray(~inside)


@functools.lru_cache(maxsize=512)
def _epsg_crs(code: int) -> CRS:
    return CRS.from_epsg(code)


def _horizontal(crs: CRS) -> CRS:
    return crs.sub_crs_list[0] if crs.is_compound else crs


def _from_crs(crs: CRS, name: str, code: int | None) -> Frame:
    flat = _horizontal(crs)
    if flat.is_projected:
        easting = false_easting(flat)
        prefix = (
            int(easting // 1e6) if easting >= 1e6 and math.isclose(easting % 1e6, 5e5) else None
        )
        kind: Kind = "projected"
    elif flat.is_geographic:
        prefix, kind = None, "geographic"
    else:
        raise UnknownFrame(
            zh=f"{name}（{crs.name}）不是平面或经纬度坐标系，不能用于平面位置",
            en=f"{name} ({crs.name}) is neither a plane nor a longitude/latitude frame; "
            "it can't place features",
            frame=name,
        )
    return Frame(
        name=name,
        kind=kind,
        epsg=code,
        unit=flat.axis_info[0].unit_name if flat.axis_info else "metre",
        zone_prefix=prefix,
        definition=None if code is not None else flat.to_wkt("WKT2_2019"),
    )


def false_easting(crs: CRS) -> float:
    """False easting of a projected CRS in metres; 0 where its method has none."""
    operation = crs.coordinate_operation
    for parameter in operation.params if operation is not None else ():
        if parameter.code == "8806" or "false easting" in parameter.name.lower().replace("_", " "):
            return float(parameter.value) * parameter.unit_conversion_factor
    return 0.0


STORAGE = from_epsg(4490)
WGS84 = from_epsg(4326)
GCJ02 = Frame(name="gcj02", kind="gcj02", unit="degree", accuracy_m=SHIFTED_ACCURACY_M)
BD09 = Frame(name="bd09", kind="bd09", unit="degree", accuracy_m=SHIFTED_ACCURACY_M)
BD09MC = Frame(name="bd09mc", kind="bd09mc", accuracy_m=SHIFTED_ACCURACY_M)
