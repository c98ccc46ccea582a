"""Where the demo city stands: its extent, its raster window, its ground, its random streams.

All geometry of this room is designed in site metres: east and north of CENTRE in the plane of
EPSG:4547, east first. Only the delivery writers add CENTRE back.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry as Shape

__all__ = [
    "CENTRE",
    "COUNTY_CODE",
    "METRIC_EPSG",
    "WHOLE",
    "Box",
    "Floats",
    "Geometries",
    "Shape",
    "Site",
    "Size",
    "ground_m",
    "to_plane",
]

Size = Literal["full", "small"]
Floats = NDArray[np.floating[Any]]
Geometries = NDArray[np.object_]

# EPSG:4547 of 114.022 E, 32.98 N (CGCS2000), rounded to the metre: (east, north)
CENTRE = (502056.0, 3650530.0)
METRIC_EPSG = 4547

COUNTY_CODE = "411702"  # 驿城区, GB/T 2260


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in site metres."""

    west: float
    south: float
    east: float
    north: float

    @property
    def polygon(self) -> shapely.Polygon:
        return shapely.box(self.west, self.south, self.east, self.north)

    def holds(self, x: Floats, y: Floats) -> NDArray[np.bool_]:
        """Which of the points (site metres) lie inside."""
        return (x >= self.west) & (x <= self.east) & (y >= self.south) & (y <= self.north)


WHOLE = Box(-4600.0, -4100.0, 4600.0, 4100.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One demo city to be generated.

    extent: what is delivered; window: what the aerial photographs and surface models show
    (on the town's edge, so that it holds town, river, farmland and villages).
    """

    seed: int
    size: Size
    extent: Box
    window: Box

    @classmethod
    def of(cls, seed: int, size: Size) -> Site:
        """The full city, or the piece of it around a smaller raster window for tests."""
        if size == "small":
            return cls(
                seed=seed,
                size=size,
                extent=Box(2420.0, -2260.0, 3600.0, -1160.0),
                window=Box(2740.0, -2060.0, 3380.0, -1420.0),
            )
        return cls(seed=seed, size=size, extent=WHOLE, window=Box(2450.0, -2400.0, 3950.0, -900.0))

    def rng(self, purpose: str) -> np.random.Generator:
        """A random stream of its own for each purpose, so that parts don't disturb each other."""
        return np.random.default_rng([self.seed, zlib.crc32(purpose.encode())])


def ground_m(x: Any, y: Any) -> Floats:
    """Ground level in metres (1985 datum) at site metres x (east), y (north): 76 to 86 m,
    falling gently to the east and south-east as the real plain does."""
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    slope = 81.0 - 0.00068 * x + 0.00022 * y
    swell = 0.75 * np.sin(x / 2100.0 + 0.7) * np.cos(y / 1700.0 - 0.4)
    ripple = 0.35 * np.sin((x + 2.0 * y) / 640.0) + 0.2 * np.sin((x - y) / 310.0 + 1.0)
    return np.asarray(slope + swell + ripple, dtype=float)


def to_plane(geometry: Geometries) -> Geometries:
    """Site metres -> EPSG:4547 metres (east first); z untouched, None stays None."""
    moved: Geometries = shapely.transform(geometry, lambda xy: xy + CENTRE)
    return moved
