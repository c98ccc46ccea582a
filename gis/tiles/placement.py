"""Where a vertex stands: degrees and ellipsoidal heights to geocentric metres, and tile frames.

3D Tiles place everything on the WGS 84 ellipsoid (EPSG:4979 to EPSG:4978). CGCS2000 degrees are
taken as they are: the two systems agree within the metre their definitions can state.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.coords import ecef_from_lonlat

Floats = NDArray[np.float64]
SEMI_MAJOR_M = 6378137.0
FLATTENING = 1 / 298.257223563
ECCENTRICITY_2 = FLATTENING * (2 - FLATTENING)


def geocentric(lon: Floats, lat: Floats, height_m: Floats) -> Floats:
    """Geocentric x, y, z in metres, shape (n, 3), of degrees and ellipsoidal heights, on the WGS 84
    ellipsoid; equals PROJ within float64 noise."""
    return ecef_from_lonlat(lon, lat, height_m, flattening=FLATTENING)


def geodetic(xyz: Floats) -> Floats:
    """Longitude, latitude (degrees) and ellipsoidal height (m), shape (n, 3), of geocentric
    metres. Iterates to below 1e-6 m for heights within 10 km of the ellipsoid."""
    x, y, z = xyz[..., 0], xyz[..., 1], xyz[..., 2]
    across = np.hypot(x, y)
    phi = np.arctan2(z, across * (1 - ECCENTRICITY_2))
    height = np.zeros_like(across)
    for _ in range(4):
        sin_phi, cos_phi = np.sin(phi), np.cos(phi)
        normal = SEMI_MAJOR_M / np.sqrt(1 - ECCENTRICITY_2 * sin_phi**2)
        height = across * cos_phi + z * sin_phi - SEMI_MAJOR_M**2 / normal
        phi = np.arctan2(z, across * (1 - ECCENTRICITY_2 * normal / (normal + height)))
    return np.stack([np.degrees(np.arctan2(y, x)), np.degrees(phi), height], axis=-1)


@dataclass(frozen=True, slots=True)
class TileFrame:
    """East, north and up at a point: metres from `origin` (geocentric). `axes`: the three unit
    vectors as rows."""

    origin: Floats
    axes: Floats

    @classmethod
    def at(cls, lon: float, lat: float, height_m: float) -> TileFrame:
        """The frame at a point in degrees and ellipsoidal metres."""
        lam, phi = math.radians(lon), math.radians(lat)
        axes = np.array(
            [
                [-math.sin(lam), math.cos(lam), 0.0],
                [-math.sin(phi) * math.cos(lam), -math.sin(phi) * math.sin(lam), math.cos(phi)],
                [math.cos(phi) * math.cos(lam), math.cos(phi) * math.sin(lam), math.sin(phi)],
            ]
        )
        return cls(geocentric(np.array(lon), np.array(lat), np.array(height_m)), axes)

    def local(self, xyz: Floats) -> Floats:
        """East, north, up (m), shape (n, 3), of geocentric metres."""
        return np.asarray((xyz - self.origin) @ self.axes.T)

    def world(self, enu: Floats) -> Floats:
        """Geocentric metres of east, north, up."""
        return np.asarray(enu @ self.axes + self.origin)

    def of_degrees(self, lon: Floats, lat: Floats, height_m: Floats) -> Floats:
        """East, north, up (m), shape (n, 3), of degrees and ellipsoidal heights."""
        return self.local(geocentric(lon, lat, height_m))

    @property
    def matrix(self) -> Floats:
        """Local to geocentric, 4 x 4."""
        whole = np.eye(4)
        whole[:3, :3], whole[:3, 3] = self.axes.T, self.origin
        return whole
