"""Curves in (E)WKB as lines: shapely has no arcs, PostGIS and the Dutch and Swiss cadastres do."""

from __future__ import annotations

import math
import struct
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

STEP_DEG = 4.0  # a chord spans at most so much of its circle; GDAL's own default
DEEPEST = 8
Floats = NDArray[np.float64]
_Z, _M, _SRID = 0x80000000, 0x40000000, 0x20000000
_MULTI: dict[int, Any] = {
    4: shapely.MultiPoint,
    5: shapely.MultiLineString,
    6: shapely.MultiPolygon,
    7: shapely.GeometryCollection,
    11: shapely.MultiLineString,
    12: shapely.MultiPolygon,
}


def linear(wkb: bytes) -> shapely.Geometry:
    """The geometry of WKB or EWKB, 2D or 3D (M is left out), its arcs as lines of chords.

    Raises ValueError where the bytes are none."""
    try:
        return _Bytes(wkb).geometry(0)
    except (struct.error, shapely.errors.ShapelyError, IndexError) as exc:
        raise ValueError("WKB") from exc


class _Bytes:
    """What is left to read."""

    def __init__(self, data: bytes) -> None:
        self._data, self._at = data, 0

    def _take(self, form: str) -> tuple[int, ...]:
        values: tuple[int, ...] = struct.unpack_from(form, self._data, self._at)
        self._at += struct.calcsize(form)
        return values

    def geometry(self, depth: int) -> shapely.Geometry:
        if depth > DEEPEST:
            raise ValueError("WKB is nested too deeply")
        order = "<" if self._take("B")[0] else ">"
        [code] = self._take(order + "I")
        if code & _SRID:
            self._take(order + "I")
        kind, iso = code & 0xFFFF, (code & 0xFFFF) // 1000
        z = bool(code & _Z) or iso in (1, 3)
        width = 2 + z + (bool(code & _M) or iso in (2, 3))
        kind %= 1000
        if kind == 1:
            [point] = self._points(order, width, z, 1)
            return shapely.Point() if np.isnan(point[:2]).any() else shapely.Point(point)
        [count] = self._take(order + "I")
        if kind in (2, 8):
            points = self._points(order, width, z, count)
            return shapely.LineString(points if kind == 2 else arcs(points))
        if kind == 3:
            rings = [self._points(order, width, z, self._take(order + "I")[0])
                     for _ in range(self._bounded(count))]  # fmt: skip
            return shapely.Polygon(rings[0], rings[1:]) if rings else shapely.Polygon()
        parts = [self.geometry(depth + 1) for _ in range(self._bounded(count))]
        return _joined(kind, parts)

    def _points(self, order: str, width: int, z: bool, count: int) -> Floats:
        size = 8 * width * count
        if self._at + size > len(self._data):
            raise ValueError("WKB is cut short")
        found = np.frombuffer(self._data, order + "f8", width * count, self._at)
        self._at += size
        points: Floats = found.reshape(count, width)[:, : 2 + z].astype(np.float64)
        # PostGIS writes an unknown height as NaN
        return points[:, :2] if z and np.isnan(points[:, 2]).any() else points

    def _bounded(self, count: int) -> int:
        if count > len(self._data):
            raise ValueError("WKB is cut short")
        return count


def _joined(kind: int, parts: list[Any]) -> shapely.Geometry:
    if kind == 9:  # a compound curve: each part begins where the last one ended
        points = [shapely.get_coordinates(p, include_z=p.has_z) for p in parts]
        width = min((p.shape[1] for p in points), default=2)
        cut = [p[1 if i else 0 :, :width] for i, p in enumerate(points)]
        return shapely.LineString(np.concatenate(cut)) if cut else shapely.LineString()
    if kind == 10:
        return shapely.Polygon(parts[0], parts[1:]) if parts else shapely.Polygon()
    if kind not in _MULTI:
        raise ValueError(f"WKB of type {kind}")
    joined: shapely.Geometry = _MULTI[kind](parts)
    return joined


def arcs(points: Floats) -> Floats:
    """Chords of a circular string: points 1, 2, 3 are an arc, 3, 4, 5 the next."""
    if len(points) < 3 or len(points) % 2 == 0:
        raise ValueError("a circular string has an odd number of points")
    firsts = range(0, len(points) - 2, 2)
    chords = [_arc(*points[first : first + 3])[1:] for first in firsts]
    return np.concatenate([points[:1], *chords])


def _arc(start: Floats, through: Floats, end: Floats) -> Floats:
    centre = _centre(start[:2], through[:2], end[:2])
    if centre is None:
        return np.array([start, through, end])
    a, b, c = (math.atan2(*(p[:2] - centre)[::-1]) for p in (start, through, end))
    whole = 2 * math.pi
    turn = (c - a) % whole or whole
    if (b - a) % whole > turn:  # clockwise
        turn -= whole
    count = max(2, math.ceil(abs(turn) / math.radians(STEP_DEG)))
    angles = a + turn * np.arange(count + 1) / count
    radius = float(np.hypot(*(start[:2] - centre)))
    out: Floats = np.linspace(start, end, count + 1)  # heights between the ends
    out[1:-1, 0] = centre[0] + radius * np.cos(angles[1:-1])
    out[1:-1, 1] = centre[1] + radius * np.sin(angles[1:-1])
    return out


def _centre(p: Floats, q: Floats, r: Floats) -> Floats | None:
    """Centre of the circle through three points; None where they are on one line. A circle that
    ends where it began has its middle point opposite."""
    if np.array_equal(p, r):
        return None if np.array_equal(p, q) else np.asarray((p + q) / 2)
    u, v = q - p, r - p
    cross = 2 * float(u[0] * v[1] - u[1] * v[0])
    if abs(cross) < 1e-9 * float(np.hypot(*v)) ** 2:
        return None
    uu, vv = float(u @ u), float(v @ v)
    offset = np.array([v[1] * uu - u[1] * vv, u[0] * vv - v[0] * uu]) / cross
    return np.asarray(p + offset)
