"""Filters over windows with a finite reach, so that a window with a halo gives the same pixels
as the whole raster would. All arrays float32 or bool, shape (rows, columns)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
ROUGH_M = 3.5  # over that much ground a surface is even or rough
SIZES = (3, 5, 9)  # of `smooth`; 9 = that of 5 twice, for noise that hangs together


def median3(values: Floats) -> Floats:
    """Separable median of 3 by 3: keeps straight edges where they are, unlike a mean."""
    return _median3(_median3(values, 0), 1)


def median5(values: Floats) -> Floats:
    """Separable median of 5 by 5."""
    return _median5(_median5(values, 0), 1)


def smooth(values: Floats, size: int) -> Floats:
    """Median of `size` (one of SIZES). The values must be finite."""
    if size == 1:
        return values
    if size == 3:
        return median3(values)
    return median5(values) if size == 5 else median5(median5(values))


def roughness(values: Floats, size: int) -> Floats:
    """Standard deviation (metres) about the plane that fits `size` by `size` pixels around each.

    Closed form: on a square grid the plane's slopes are the correlations with the offsets, and
    these are orthogonal, so the residual variance is var(z) - slope_x² var(x) - slope_y² var(y).
    `values` finite, best centred on zero (float64 inside).
    """
    z = values.astype(np.float64)
    half = size // 2
    offsets = np.arange(-half, half + 1, dtype=np.float64)
    spread = float((offsets**2).mean())
    flat = np.full(size, 1.0 / size)
    ramp = offsets / size
    mean = _box(z, flat, flat)
    slope_x = _box(z, flat, ramp) / spread
    slope_y = _box(z, ramp, flat) / spread
    variance = _box(z * z, flat, flat) - mean**2 - (slope_x**2 + slope_y**2) * spread
    rough: Floats = np.sqrt(np.maximum(variance, 0.0)).astype(np.float32)
    return rough


def rough_px(gsd_m: float) -> int:
    """Side of the roughness window for pixels of that size: ROUGH_M, odd, at least 3. So a house is
    as even at 1 m as at 0.5 m, where a window of as many pixels would reach over its walls."""
    half = round((ROUGH_M / gsd_m - 1) / 2)
    return 2 * min(max(half, 1), 7) + 1


def disk(radius_px: float) -> Mask:
    """Structuring element: pixels whose centre lies within `radius_px`."""
    reach = int(np.floor(radius_px))
    y, x = np.ogrid[-reach : reach + 1, -reach : reach + 1]
    inside: Mask = x * x + y * y <= radius_px * radius_px
    return inside


def opened(mask: Mask, radius_px: float) -> Mask:
    """Drop what is narrower than the disk; a fringe of one pixel beyond is given back, so that
    corners of what remains stay sharp."""
    core = ndimage.binary_opening(mask, disk(radius_px))
    grown = ndimage.binary_dilation(core, np.ones((3, 3), dtype=bool))
    kept: Mask = grown & mask
    return kept


def closed(mask: Mask) -> Mask:
    """Fill pinholes and one-pixel gaps."""
    filled: Mask = ndimage.binary_closing(mask, np.ones((3, 3), dtype=bool))
    return filled | mask


def _median3(v: Floats, axis: int) -> Floats:
    a, b, c = _neighbours(v, axis, 1)
    middle: Floats = np.maximum(np.minimum(a, b), np.minimum(np.maximum(a, b), c))
    return middle


def _median5(v: Floats, axis: int) -> Floats:
    a, b, c, d, e = _neighbours(v, axis, 2)
    # of four, drop least and greatest; the median of five is that of the two left and the fifth
    f = np.maximum(np.minimum(a, b), np.minimum(d, e))
    g = np.minimum(np.maximum(a, b), np.maximum(d, e))
    middle: Floats = np.maximum(np.minimum(f, g), np.minimum(np.maximum(f, g), c))
    return middle


def _neighbours(v: Floats, axis: int, reach: int) -> list[Floats]:
    pad = [(0, 0), (0, 0)]
    pad[axis] = (reach, reach)
    padded = np.pad(v, pad, mode="edge")
    n = v.shape[axis]
    parts = [slice(None), slice(None)]
    out = []
    for start in range(2 * reach + 1):
        parts[axis] = slice(start, start + n)
        out.append(padded[tuple(parts)])
    return out


def _box(
    z: NDArray[np.float64], down: NDArray[np.float64], across: NDArray[np.float64]
) -> NDArray[np.float64]:
    first = ndimage.correlate1d(z, down, axis=0, mode="nearest")
    both: NDArray[np.float64] = ndimage.correlate1d(first, across, axis=1, mode="nearest")
    return both
