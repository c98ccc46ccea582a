"""Tile matrix sets (OGC 17-083r4): how the world is cut into tiles, and where a tile lies.

Two of them, side by side: the web's Mercator square, and the grid of degrees of CGCS2000 that
Tianditu and the provincial platforms serve (their matrix set `c`). At the same level both cut
the world into equally wide tiles. Rows count from the north, columns from the west.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

PIXELS = 256  # a tile's side
PIXEL_M = 0.00028  # OGC's "standardized rendering pixel"
RADIUS_M = 6378137.0  # of WGS 84 and of CGCS2000
DEEPEST = 22
HALF_WORLD_M = math.pi * RADIUS_M
METRES_A_DEGREE = HALF_WORLD_M / 180

Floats = NDArray[np.float64]
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class MatrixSet:
    """One way to cut the world. `epsg`: the system in which tiles are squares; `levels`: the
    first and the last; `unit`: of that system."""

    id: str
    epsg: int
    levels: tuple[int, int]
    unit: Literal["metre", "degree"]

    def columns(self, z: int) -> int:
        """How many tiles there are side by side."""
        return 1 << z

    def rows(self, z: int) -> int:
        """How many tiles there are one below the other."""
        return 1 << (z if self.unit == "metre" else z - 1)

    def has(self, z: int, x: int, y: int) -> bool:
        """Whether there is such a tile."""
        first, last = self.levels
        return first <= z <= last and 0 <= x < self.columns(z) and 0 <= y < self.rows(z)

    def cell(self, z: int) -> float:
        """Side of a pixel at a level, in `unit`."""
        world = 2 * HALF_WORLD_M if self.unit == "metre" else 360.0
        return world / self.columns(z) / PIXELS

    def scale(self, z: int) -> float:
        """Scale denominator of a level: metres on the ground (at the equator) a metre of map."""
        metres = 1.0 if self.unit == "metre" else METRES_A_DEGREE
        return self.cell(z) * metres / PIXEL_M

    def box(self, z: int, x: int, y: int, buffer: float = 0.0) -> Box:
        """West, south, east, north of a tile in degrees, widened by `buffer` of its side."""
        side = 360 / self.columns(z)
        west = x * side - 180
        north, south = (self._latitude(z, row) for row in (y - buffer, y + 1 + buffer))
        return west - buffer * side, south, west + side * (1 + buffer), north

    def lonlat(self, z: int, columns: Floats, rows: Floats) -> tuple[Floats, Floats]:
        """Longitudes and latitudes, degrees, of places counted in tiles from the north west corner
        of the world: 3.5 is the middle of column 3."""
        lon = columns * (360 / self.columns(z)) - 180
        if self.unit == "degree":
            return lon, 90 - rows * (360 / self.columns(z))
        return lon, np.degrees(np.arctan(np.sinh(np.pi * (1 - 2 * rows / self.columns(z)))))

    def column_of(self, z: int, lon: float) -> int:
        """The column that holds a longitude in degrees."""
        return min(self.columns(z) - 1, max(0, math.floor((lon + 180) / 360 * self.columns(z))))

    def row_of(self, z: int, lat: float) -> int:
        """The row that holds a latitude in degrees; the nearest one where none does."""
        if self.unit == "degree":
            share = (90 - lat) / 360
        else:
            share = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
        return min(self.rows(z) - 1, max(0, math.floor(share * self.columns(z))))

    def _latitude(self, z: int, row: float) -> float:
        if self.unit == "degree":
            return 90 - row * 360 / self.columns(z)
        return math.degrees(math.atan(math.sinh(math.pi * (1 - 2 * row / self.columns(z)))))


WEB_MERCATOR = MatrixSet(id="WebMercatorQuad", epsg=3857, levels=(0, DEEPEST), unit="metre")
# Level 1 is the first that has whole tiles: two of 180 degrees, as Tianditu numbers them. It is
# level 0 of OGC's WorldCRS84Quad and WGS1984Quad.
CGCS2000 = MatrixSet(id="CGCS2000Quad", epsg=4490, levels=(1, DEEPEST), unit="degree")
MATRIX_SETS = {one.id: one for one in (WEB_MERCATOR, CGCS2000)}
