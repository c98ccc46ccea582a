"""GCJ-02, BD-09 and BD-09MC, the frames of Chinese map services, both ways, vectorised.

All functions take and give two float arrays of one shape, longitude (or east) first, degrees
(BD-09MC: metres). Outside China the services do not shift, so there the answer is NaN: a row
that failed, never a number that looks right.

Formulas: the public ones (semi-major axis 6378245 m, e2 0.00669342162296594323; BD offsets
0.0065 and 0.006, angular factor pi*3000/180). Inverses repeat `w = g - shift(w)` a fixed number
of times: the error falls about 250-fold a step, 4 steps leave 1.5e-11 degrees anywhere in China.
The box is tested once, on the result, never inside the repetition, where a point at the edge
would fall in and out for ever.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from gis.coords.frames import CHINA_BOX

Floats = NDArray[np.float64]
Pair = tuple[Floats, Floats]

_A = 6378245.0
_EE = 0.00669342162296594323
_X_PI = np.pi * 3000.0 / 180.0
_SIN_35, _COS_35 = np.sin(np.radians(35.0)), np.cos(np.radians(35.0))
_STEPS_GCJ, _STEPS_BD = 4, 3
_CHUNK = 8192  # numbers that stay in the processor's cache: twice the speed of one big array
_EDGE = 1e-9  # degrees; a point on the edge must come back


def gcj02_from_wgs84(lon: Floats, lat: Floats) -> Pair:
    """GCJ-02 from WGS 84, degrees. NaN outside China."""
    return _in_chunks(_forward, lon, lat)


def wgs84_from_gcj02(lon: Floats, lat: Floats) -> Pair:
    """WGS 84 from GCJ-02, degrees, exact to 1e-9 in China. NaN outside China."""
    return _in_chunks(_backward, lon, lat)


def bd09_from_gcj02(lon: Floats, lat: Floats) -> Pair:
    """BD-09 from GCJ-02, degrees. NaN where the GCJ-02 point is not in China."""
    return _in_chunks(lambda x, y: _checked(x, y, *_bd_from_gcj(x, y)), lon, lat)


def gcj02_from_bd09(lon: Floats, lat: Floats) -> Pair:
    """GCJ-02 from BD-09, degrees, exact to 1e-9 in China. NaN outside China."""
    return _in_chunks(_gcj_from_bd, lon, lat)


def bd09_from_wgs84(lon: Floats, lat: Floats) -> Pair:
    """BD-09 from WGS 84, degrees. NaN outside China."""
    return _in_chunks(lambda x, y: _bd_from_gcj(*_forward(x, y)), lon, lat)


def wgs84_from_bd09(lon: Floats, lat: Floats) -> Pair:
    """WGS 84 from BD-09, degrees, exact to 1e-9 in China. NaN outside China."""
    return _in_chunks(lambda x, y: _backward(*_gcj_from_bd(x, y)), lon, lat)


def bd09_from_bd09mc(x: Floats, y: Floats) -> Pair:
    """BD-09 in degrees from Baidu's Mercator metres (BD-09MC). NaN outside China."""
    return _in_chunks(_degrees_from_mc, x, y)


def bd09mc_from_bd09(lon: Floats, lat: Floats) -> Pair:
    """Baidu's Mercator metres (east, north) from BD-09 degrees. NaN outside China.

    Baidu's two published tables contradict each other by 13 mm; the one from metres to degrees
    is taken as the definition and inverted by Newton's method, so that round trips are exact."""
    return _in_chunks(_mc_from_degrees, lon, lat)


def in_china(lon: Floats, lat: Floats) -> NDArray[np.bool_]:
    """Whether the public formula's box holds the point (degrees, edge included)."""
    west, south, east, north = CHINA_BOX
    inside = (lon >= west - _EDGE) & (lon <= east + _EDGE)
    return np.asarray(inside & (lat >= south - _EDGE) & (lat <= north + _EDGE))


def _in_chunks(function: Callable[[Floats, Floats], Pair], x: Floats, y: Floats) -> Pair:
    x, y = np.broadcast_arrays(np.asarray(x, np.float64), np.asarray(y, np.float64))
    shape, flat_x, flat_y = x.shape, x.ravel(), y.ravel()
    out_x, out_y = np.empty(flat_x.size), np.empty(flat_x.size)
    with np.errstate(invalid="ignore", over="ignore"):
        for start in range(0, flat_x.size, _CHUNK):
            part = slice(start, start + _CHUNK)
            out_x[part], out_y[part] = function(flat_x[part], flat_y[part])
    return out_x.reshape(shape), out_y.reshape(shape)


def _checked(lon: Floats, lat: Floats, out_x: Floats, out_y: Floats) -> Pair:
    bad = ~in_china(lon, lat)
    if bad.any():
        out_x, out_y = np.where(bad, np.nan, out_x), np.where(bad, np.nan, out_y)
    return out_x, out_y


def _forward(lon: Floats, lat: Floats) -> Pair:
    east, north = _shift(lon, lat)
    return _checked(lon, lat, lon + east, lat + north)


def _backward(lon: Floats, lat: Floats) -> Pair:
    w_lon, w_lat = lon, lat
    for _ in range(_STEPS_GCJ):
        east, north = _shift(w_lon, w_lat)
        w_lon, w_lat = lon - east, lat - north
    return _checked(w_lon, w_lat, w_lon, w_lat)


def _double(s: Floats, c: Floats) -> Pair:
    return 2.0 * s * c, 1.0 - 2.0 * s * s


def _triple(s: Floats, c: Floats) -> Pair:
    s2 = s * s
    return s * (3.0 - 4.0 * s2), c * (1.0 - 4.0 * s2)


def _waves(s: Floats, c: Floats) -> tuple[Floats, ...]:
    """Sines of 2, 5, 20, 60, 120 and 360 times an angle, from its sine and cosine."""
    s2, c2 = _double(s, c)
    s3, c3 = _triple(s, c)
    s5, c5 = s2 * c3 + c2 * s3, c2 * c3 - s2 * s3
    s20, c20 = _double(*_double(s5, c5))
    s60, c60 = _triple(s20, c20)
    s120 = 2.0 * s60 * c60
    s360 = s120 * (3.0 - 4.0 * s120 * s120)
    return s2, s5, s20, s60, s120, s360


def _shift(lon: Floats, lat: Floats) -> Pair:
    """GCJ-02 minus WGS 84 at a WGS 84 point, degrees; smooth, without the box."""
    x, y = lon - 105.0, lat - 35.0
    # one sine and cosine an axis; every wave of the formula is a multiple of pi/60
    angle = x * (np.pi / 60.0)
    s2, s5, s20, s60, s120, s360 = _waves(np.sin(angle), np.cos(angle))
    both = 20.0 * (s360 + s120)
    root = np.sqrt(np.abs(x))
    east = 300.0 + x * (1.0 + 0.1 * (x + y)) + 2.0 * y + 0.1 * root
    east += (both + 20.0 * s60 + 40.0 * s20 + 150.0 * s5 + 300.0 * s2) * (2.0 / 3.0)
    # latitude: base angle pi/180, so that the ellipsoid's sine of latitude comes from it as well
    angle = y * (np.pi / 180.0)
    sin_y, cos_y = np.sin(angle), np.cos(angle)
    t2, t5, t20, t60, _, _ = _waves(*_triple(sin_y, cos_y))
    north = -100.0 + x * (2.0 + 0.1 * y) + y * (3.0 + 0.2 * y) + 0.2 * root
    north += (both + 20.0 * t60 + 40.0 * t20 + 160.0 * t5 + 320.0 * t2) * (2.0 / 3.0)
    sin_lat = sin_y * _COS_35 + cos_y * _SIN_35
    cos_lat = cos_y * _COS_35 - sin_y * _SIN_35
    magic = 1.0 - _EE * sin_lat * sin_lat
    sqrt_magic = np.sqrt(magic)
    north *= magic * sqrt_magic * (180.0 / (np.pi * _A * (1.0 - _EE)))
    east *= sqrt_magic / cos_lat * (180.0 / (np.pi * _A))
    return east, north


def _bd_from_gcj(lon: Floats, lat: Floats) -> Pair:
    radius = np.sqrt(lon * lon + lat * lat)
    longer = (radius + 2e-5 * np.sin(lat * _X_PI)) / radius
    turn = 3e-6 * np.cos(lon * _X_PI)  # radians; sine and cosine of it to full precision below
    cos_turn = 1.0 - 0.5 * turn * turn
    return (
        longer * (lon * cos_turn - lat * turn) + 0.0065,
        longer * (lat * cos_turn + lon * turn) + 0.006,
    )


def _gcj_from_bd(lon: Floats, lat: Floats) -> Pair:
    x, y = lon - 0.0065, lat - 0.006
    for _ in range(_STEPS_BD + 1):
        bd_lon, bd_lat = _bd_from_gcj(x, y)
        x, y = x + (lon - bd_lon), y + (lat - bd_lat)
    return _checked(x, y, x, y)


# Baidu's table from metres to degrees; bands by |y|, highest first. Columns: longitude = c0 +
# c1*|x|; latitude = a polynomial of degree 6 (c2..c8) in |y|/c9.
_MC_BANDS = np.array([12890594.86, 8362377.87, 5591021.0, 3481989.83, 1678043.12, 0.0])
_MC = np.array(
    [
        [1.410526172116255e-8, 8.98305509648872e-6, -1.9939833816331, 200.9824383106796,
         -187.2403703815547, 91.6087516669843, -23.38765649603339, 2.57121317296198,
         -0.03801003308653, 17337981.2],
        [-7.435856389565537e-9, 8.983055097726239e-6, -0.78625201886289, 96.32687599759846,
         -1.85204757529826, -59.36935905485877, 47.40033549296737, -16.50741931063887,
         2.28786674699375, 10260144.86],
        [-3.030883460898826e-8, 8.98305509983578e-6, 0.30071316287616, 59.74293618442277,
         7.357984074871, -25.38371002664745, 13.45380521110908, -3.29883767235584,
         0.32710905363475, 6856817.37],
        [-1.981981304930552e-8, 8.983055099779535e-6, 0.03278182852591, 40.31678527705744,
         0.65659298677277, -4.44255534477492, 0.85341911805263, 0.12923347998204,
         -0.04625736007561, 4482777.06],
        [3.09191371068437e-9, 8.983055096812155e-6, 6.995724062e-5, 23.10934304144901,
         -2.3663490511e-4, -0.6321817810242, -0.00663494467273, 0.03430082397953,
         -0.00466043876332, 2555164.4],
        [2.890871144776878e-9, 8.983055095805407e-6, -3.068298e-8, 7.47137025468032,
         -3.53937994e-6, -0.02145144861037, -1.234426596e-5, 1.0322952773e-4,
         -3.23890364e-6, 826088.5],
    ]
)  # fmt: skip


def _band(y: Floats) -> Floats:
    """Rows of the table for each |y|, shape (n, 10)."""
    which = np.clip(np.searchsorted(-_MC_BANDS, -np.abs(y), side="left"), 0, 5)
    return np.asarray(_MC[which])


def _degrees_from_mc(x: Floats, y: Floats) -> Pair:
    c = _band(y)
    lon, lat = c[:, 0] + c[:, 1] * x, _latitude(c, y)[0]
    return _checked(lon, lat, lon, lat)


def _latitude(c: Floats, y: Floats) -> Pair:
    """Latitude (degrees) and its derivative by y (degrees a metre)."""
    t = y / c[:, 9]
    value, slope = c[:, 8], np.zeros_like(t)
    for k in range(7, 1, -1):
        slope = slope * t + value
        value = value * t + c[:, k]
    return value, slope / c[:, 9]


def _off_the_seams(lat: Floats, y: Floats) -> Floats:
    """Baidu's bands do not quite meet: between two of them lie up to 1e-7 degrees (near 60 and 15
    they overlap) which no y gives. There the nearer edge stands, 5 mm off; Newton would jump from
    one band to the other for ever."""
    lost = np.abs(lat - _latitude(_band(y), y)[0]) > 1e-11
    if lost.any():
        edge = _MC_BANDS[np.argmin(np.abs(np.abs(y[lost, None]) - _MC_BANDS[:-1]), axis=1)]
        sides = np.copysign(np.stack([edge, np.nextafter(edge, 0.0)]), y[lost])
        off = np.stack([np.abs(lat[lost] - _latitude(_band(side), side)[0]) for side in sides])
        near = np.nanmin(off, axis=0, initial=np.inf) < 1e-6
        y = y.copy()
        y[lost] = np.where(near, sides[np.argmin(off, axis=0), np.arange(len(edge))], y[lost])
    return y


def _mc_from_degrees(lon: Floats, lat: Floats) -> Pair:
    # a spherical Mercator lies within some tens of kilometres, Newton does the rest
    with np.errstate(all="ignore"):
        y = 6378137.0 * np.arctanh(np.sin(np.radians(lat)))
    for _ in range(5):
        c = _band(y)
        value, slope = _latitude(c, y)
        y = y + (lat - value) / slope
    y = _off_the_seams(lat, y)
    c = _band(y)
    return _checked(lon, lat, (lon - c[:, 0]) / c[:, 1], y)
