"""A geoid grid that the city's surveying office supplies: undulations on a mesh of degrees.

The file itself is read by whoever has it; here come its bytes (GTX, the plain format PROJ and the
survey programs share) or a ready array (a GeoTIFF, read elsewhere).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.errors import CoordError, OutsideFrame

Floats = NDArray[np.float64]

_HEAD = struct.Struct(">4d2i")  # south, west, steps north and east (degrees); rows, columns
_NO_DATA = -88.8888
HIGHEST_M = 120.0  # on Earth the geoid lies within 110 m of the ellipsoid


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class GeoidGrid:
    """Ellipsoidal minus 1985 height, metres, on a mesh; between its points bilinear.

    values:     (rows, columns), the first row the southernmost; NaN where unknown
    west, south: degrees of values[0, 0]; east_step, north_step: degrees between points, positive
    accuracy_m: as the office states it; None = it states none
    """

    west: float
    south: float
    east_step: float
    north_step: float
    values: Floats
    accuracy_m: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        numbers = (self.west, self.south, self.east_step, self.north_step)
        good = bool(np.isfinite(numbers).all()) and self.east_step > 0 and self.north_step > 0
        good = good and self.values.ndim == 2 and min(self.values.shape) >= 2
        known = self.values[np.isfinite(self.values)] if good else np.empty(0)
        if len(known) == 0 or np.abs(known).max() > HIGHEST_M:
            raise CoordError(
                zh=f"高程异常格网 {self.source} 无效：应至少 2×2 个点，步长为正，值在 ±120 m 之内",
                en=f"the geoid grid {self.source} is wrong: it takes 2 by 2 points or more, "
                "positive steps and values within 120 m",
                source=self.source,
            )

    def undulation(self, lon: Floats, lat: Floats) -> Floats:
        """Ellipsoidal minus 1985 height at points in degrees, metres.

        Raises OutsideFrame naming the first point that the grid does not cover."""
        lon, lat = np.atleast_1d(np.asarray(lon, float)), np.atleast_1d(np.asarray(lat, float))
        rows, columns = self.values.shape
        x, y = (lon - self.west) / self.east_step, (lat - self.south) / self.north_step
        inside = (x >= 0) & (x <= columns - 1) & (y >= 0) & (y <= rows - 1)
        i = np.clip(np.floor(np.where(inside, x, 0.0)).astype(np.int64), 0, columns - 2)
        j = np.clip(np.floor(np.where(inside, y, 0.0)).astype(np.int64), 0, rows - 2)
        u, v = x - i, y - j
        grid = self.values
        below = grid[j, i] * (1.0 - u) + grid[j, i + 1] * u
        above = grid[j + 1, i] * (1.0 - u) + grid[j + 1, i + 1] * u
        found = np.where(inside, below * (1.0 - v) + above * v, np.nan)
        unknown = np.flatnonzero(~np.isfinite(found))
        if len(unknown):
            k = int(unknown[0])
            raise OutsideFrame(
                zh=f"第 {k + 1} 个点（{lon[k]:.6f}, {lat[k]:.6f}）不在高程异常格网 "
                f"{self.source} 内。请提供覆盖该处的格网",
                en=f"point {k + 1} ({lon[k]:.6f}, {lat[k]:.6f}) lies outside the geoid grid "
                f"{self.source}. Supply one that covers it",
                row=k + 1,
                source=self.source,
            )
        return np.asarray(found)


def geoid_from_gtx(data: bytes, source: str, accuracy_m: float | None = None) -> GeoidGrid:
    """The grid in the bytes of a GTX file (big-endian: 40 bytes of header, then float32 rows from
    the south). `source`: how to call it. Raises CoordError where it is cut short or none."""
    if len(data) < _HEAD.size:
        raise _damaged(source, len(data), _HEAD.size)
    south, west, north_step, east_step, rows, columns = _HEAD.unpack_from(data)
    expected = _HEAD.size + 4 * rows * columns
    if rows < 2 or columns < 2 or len(data) != expected:
        raise _damaged(source, len(data), expected)
    values = np.frombuffer(data, ">f4", offset=_HEAD.size).reshape(rows, columns)
    values = np.where(np.abs(values - _NO_DATA) < 1e-3, np.nan, values.astype(np.float64))
    return GeoidGrid(
        west=(west + 180.0) % 360.0 - 180.0,
        south=south,
        east_step=east_step,
        north_step=north_step,
        values=values,
        accuracy_m=accuracy_m,
        source=source,
    )


def _damaged(source: str, there: int, expected: int) -> CoordError:
    return CoordError(
        zh=f"{source} 不是完整的 GTX 格网：有 {there} 字节，应为 {expected}。请重新提供",
        en=f"{source} is no whole GTX grid: {there} bytes there, {expected} expected. "
        "Supply it again",
        source=source,
    )
