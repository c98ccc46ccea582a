"""Is it a plant? From the photo's colours where there is one, and from how rough it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gis.change.filters import roughness

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

GREEN = 0.06  # excess green, normalised, above which a pixel is green
CROWN_M = 0.45  # roughness of leaves above that of a roof
TALL_M = 4.0  # crops do not grow higher; a green, even, higher thing is a painted roof
BLIND_M = 0.6  # noise of one model beyond which roughness says nothing


def excess_green(colours: Floats) -> Floats:
    """(2 G - R - B) / (R + G + B), from float32 (3, rows, columns); any bit depth. NaN where the
    photo has no value or is black. (Woebbecke et al. 1995, on chromatic coordinates.)"""
    red, green_, blue = colours
    total = red + green_ + blue
    with np.errstate(invalid="ignore", divide="ignore"):
        index: Floats = (2 * green_ - red - blue) / total
    index[~(total > 0)] = np.nan
    return index


def green(colours: Floats) -> Mask:
    """Pixels that are green in a neighbourhood of 3 by 3; False where the photo has no value."""
    index = np.nan_to_num(excess_green(colours), nan=0.0)
    near: Mask = ndimage.correlate(index, np.full((3, 3), 1 / 9, np.float32)) > GREEN
    return near


def plants(colours: Floats, surface: Floats, delta: Floats, noise_m: float, window_px: int) -> Mask:
    """Pixels that changed because something grew or was cut.

    surface: the model in which the plant stands, finite, centred on zero, metres; delta: its
    difference to the other one; noise_m: noise of one model; window_px: see `rough_px`. Green and
    rough is a crown; green and lower than TALL_M a crop; green, even and higher a painted roof.
    Where the noise hides roughness, green decides.
    """
    greenish = green(colours)
    if noise_m > BLIND_M or not greenish.any():
        return greenish
    rough = roughness(surface, window_px) > np.hypot(CROWN_M, 1.2 * noise_m)
    crown: Mask = greenish & (rough | (np.abs(delta) < TALL_M))
    return crown
