"""Heights: normal height of the 1985 national datum and ellipsoidal height of CGCS2000.

Between the two stands the height anomaly (geoid undulation), some tens of metres, for which no
grid is public; PROJ passes heights through unchanged. Here the difference is stated by somebody,
as a constant, as a plane through levelled points or as the grid of the city's surveying office,
or the conversion is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from gis.coords.geoid import GeoidGrid
from gis.errors import CoordError, NoAccurateTransform

Floats = NDArray[np.float64]
LEVELLED_FLOOR_M = 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class HeightOffset:
    """Ellipsoidal minus 1985 height: `at_origin + east_slope*(lon-lon0) + north_slope*(lat-lat0)`,
    metres, slopes in metres a degree. `accuracy_m` None = the source of the constant states none.
    """

    at_origin: float
    lon0: float = 0.0
    lat0: float = 0.0
    east_slope: float = 0.0
    north_slope: float = 0.0
    accuracy_m: float | None = None
    source: str = ""

    def __post_init__(self) -> None:
        numbers = (self.at_origin, self.lon0, self.lat0, self.east_slope, self.north_slope)
        if not all(math.isfinite(v) for v in numbers) or abs(self.at_origin) > 120.0:
            raise CoordError(
                zh=f"高程异常 {self.at_origin} m 不合理：地球上在 ±110 m 之内",
                en=f"a height anomaly of {self.at_origin} m is wrong: on Earth it is within 110 m",
                value=self.at_origin,
            )

    def undulation(self, lon: Floats, lat: Floats) -> Floats:
        """Ellipsoidal minus 1985 height at points in degrees, metres."""
        plane = self.east_slope * (np.asarray(lon) - self.lon0)
        return np.asarray(self.at_origin + plane + self.north_slope * (np.asarray(lat) - self.lat0))


def ellipsoidal_from_1985(
    height_m: Floats, lon: Floats, lat: Floats, offset: HeightOffset | GeoidGrid | None
) -> Floats:
    """CGCS2000 ellipsoidal heights from 1985 heights, metres; points in degrees.

    Raises NoAccurateTransform where no offset is stated: they differ by tens of metres."""
    return np.asarray(height_m) + _stated(offset).undulation(lon, lat)


def normal_1985_from_ellipsoidal(
    height_m: Floats, lon: Floats, lat: Floats, offset: HeightOffset | GeoidGrid | None
) -> Floats:
    """1985 heights from CGCS2000 ellipsoidal heights, metres; points in degrees.

    Raises NoAccurateTransform where no offset is stated."""
    return np.asarray(height_m) - _stated(offset).undulation(lon, lat)


def fit_offset(
    lon: Floats, lat: Floats, ellipsoidal_m: Floats, normal_m: Floats, source: str
) -> HeightOffset:
    """A plane through points whose both heights are known; its accuracy is the leave-one-out RMS.

    Raises CoordError with fewer than four points or with points in a line."""
    lon, lat = np.asarray(lon, np.float64), np.asarray(lat, np.float64)
    known = np.asarray(ellipsoidal_m, np.float64) - np.asarray(normal_m, np.float64)
    if len(lon) < 4:
        raise CoordError(
            zh=f"高程拟合需要至少 4 个水准点，只有 {len(lon)} 个",
            en=f"fitting heights takes at least 4 levelled points, there are {len(lon)}",
            points=len(lon),
        )
    lon0, lat0 = float(lon.mean()), float(lat.mean())
    design = np.column_stack([np.ones(len(lon)), lon - lon0, lat - lat0])
    spread = np.linalg.svd(design[:, 1:], compute_uv=False)
    if spread[1] < 0.05 * spread[0]:
        raise CoordError(
            zh="水准点近于一条直线，拟合平面不可靠。请补充线外的点",
            en="the levelled points lie in a line; a plane through them means nothing. Add others",
            points=len(lon),
        )
    errors = []
    for i in range(len(lon)):
        rest = np.arange(len(lon)) != i
        plane = np.linalg.lstsq(design[rest], known[rest], rcond=None)[0]
        errors.append(float(known[i] - design[i] @ plane))
    plane = np.linalg.lstsq(design, known, rcond=None)[0]
    return HeightOffset(
        at_origin=float(plane[0]),
        lon0=lon0,
        lat0=lat0,
        east_slope=float(plane[1]),
        north_slope=float(plane[2]),
        accuracy_m=max(math.sqrt(float(np.mean(np.square(errors)))), LEVELLED_FLOOR_M),
        source=source,
    )


def _stated(offset: HeightOffset | GeoidGrid | None) -> HeightOffset | GeoidGrid:
    if offset is None:
        raise NoAccurateTransform(
            zh="1985 国家高程与椭球高相差数十米，且没有公开的高程异常格网。"
            "请在 config/city.yml 写明 geoid_undulation_m，或用水准点拟合，或提供格网（GTX）",
            en="1985 heights and ellipsoidal heights differ by tens of metres and no grid is "
            "public. State geoid_undulation_m in config/city.yml, fit it from levelled points, or "
            "supply a grid (GTX)",
            missing="geoid_undulation_m",
        )
    return offset
