"""From an ITRF at an epoch to CGCS2000, which is ITRF97 as it was at 2000.0.

Two steps: the published 14-parameter transformation to ITRF97 at the same epoch, and the motion
of the Eurasian plate back to 2000.0 (ITRF2014 plate motion model: Altamimi et al. 2017,
https://doi.org/10.1093/gji/ggx136). Eastern China is no rigid part of that plate: it moves by up to
a centimetre a year against it, and that is the accuracy stated.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pyproj import CRS, Transformer
from pyproj.enums import TransformDirection
from pyproj.transformer import TransformerGroup

from gis.errors import NoAccurateTransform

Floats = NDArray[np.float64]

CGCS2000_EPOCH = 2000.0
# Rotation of the Eurasian plate about X, Y, Z, milliarcseconds a year.
EURASIA_MAS_PER_YEAR = (-0.085, -0.531, 0.770)
RESIDUAL_M_PER_YEAR = 0.01
ITRF97_2D, ITRF97_3D = 8996, 7908
NAMES = {"itrf2020": 9990, "itrf2014": 9000, "itrf2008": 8999, "itrf2005": 8998, "itrf2000": 8997,
         "itrf97": ITRF97_2D}  # fmt: skip
_AXIS_M, _FLATTENING = 6378137.0, 1.0 / 298.257222101


@dataclass(frozen=True, slots=True, kw_only=True)
class Tie:
    """The way between a dynamic frame at an epoch and CGCS2000; both functions take and give
    longitude and latitude, degrees, shape (n, 2)."""

    text: str
    accuracy_m: float
    to_cgcs2000: Callable[[Floats], Floats]
    from_cgcs2000: Callable[[Floats], Floats]


@functools.lru_cache(maxsize=64)
def tie(epsg: int, epoch: float) -> Tie:
    """The tie of the geographic frame EPSG:`epsg` at `epoch` (decimal year).

    Raises NoAccurateTransform where nothing is published between it and ITRF97."""
    frames = _to_itrf97(epsg)
    years = epoch - CGCS2000_EPOCH
    between_m = frames.accuracy if frames is not None else 0.0
    plate_m = RESIDUAL_M_PER_YEAR * abs(years)

    def shifted(xy: Floats, direction: TransformDirection) -> Floats:
        if frames is None:
            return xy
        flat = np.zeros(len(xy))
        x, y, _, _ = frames.transform(
            xy[:, 0], xy[:, 1], flat, np.full(len(xy), epoch), direction=direction
        )
        return np.column_stack([x, y])

    return Tie(
        text=f"EPSG:{epsg} @ {epoch:g} → CGCS2000 @ {CGCS2000_EPOCH:g}: "
        f"ITRF97 ({between_m:g} m)，欧亚板块运动 {years:+g} 年 / Eurasian plate motion over "
        f"{years:+g} years ({plate_m:.2g} m)",
        accuracy_m=between_m + plate_m,
        to_cgcs2000=lambda xy: carried(shifted(xy, TransformDirection.FORWARD), -years),
        from_cgcs2000=lambda xy: shifted(carried(xy, years), TransformDirection.INVERSE),
    )


def carried(lonlat: Floats, years: float) -> Floats:
    """Where places (degrees, shape (n, 2)) are after `years` on the Eurasian plate."""
    lon, lat = np.radians(lonlat[:, 0]), np.radians(lonlat[:, 1])
    e2 = _FLATTENING * (2.0 - _FLATTENING)
    squeeze = 1.0 - e2 * np.sin(lat) ** 2
    across, along = _AXIS_M / np.sqrt(squeeze), _AXIS_M * (1.0 - e2) / squeeze**1.5
    place = np.stack(
        [
            across * np.cos(lat) * np.cos(lon),
            across * np.cos(lat) * np.sin(lon),
            across * (1.0 - e2) * np.sin(lat),
        ],
        axis=1,
    )
    turn = np.radians(np.array(EURASIA_MAS_PER_YEAR) / 3.6e6)
    moved = np.cross(turn, place) * years
    east = -np.sin(lon) * moved[:, 0] + np.cos(lon) * moved[:, 1]
    north = (
        -np.sin(lat) * (np.cos(lon) * moved[:, 0] + np.sin(lon) * moved[:, 1])
        + np.cos(lat) * moved[:, 2]
    )
    change = np.column_stack([east / (across * np.cos(lat)), north / along])
    return np.asarray(lonlat + np.degrees(change))


def _to_itrf97(epsg: int) -> Transformer | None:
    """The published way to ITRF97, the most accurate; None for ITRF97 itself."""
    if epsg == ITRF97_2D:
        return None
    group = TransformerGroup(
        CRS.from_epsg(epsg).to_3d(), CRS.from_epsg(ITRF97_3D), always_xy=True, allow_ballpark=False
    )
    stated = [t for t in group.transformers if t.accuracy >= 0 and "helmert" in t.definition]
    if not stated:
        raise NoAccurateTransform(
            zh=f"EPSG:{epsg} 与 ITRF97（CGCS2000）之间没有公布的含历元转换。"
            f"历元只可用于 {'、'.join(name.upper() for name in NAMES)}",
            en=f"no transformation with epochs is published between EPSG:{epsg} and ITRF97 "
            f"(CGCS2000). Epochs go with {', '.join(name.upper() for name in NAMES)}",
            source=f"EPSG:{epsg}",
            missing="operation",
        )
    return min(stated, key=lambda t: t.accuracy)
