"""Geoid grids: PROJ reads the same file and gives the same heights; what is no grid is refused."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pyproj
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis.strategies import floats
from rasterio.transform import from_origin

from gis.coords import (
    GeoidGrid,
    ellipsoidal_from_1985,
    geoid_from_gtx,
    normal_1985_from_ellipsoidal,
)
from gis.errors import CoordError, OutsideFrame

WEST, SOUTH, STEP = 113.0, 32.0, 0.25
LON, LAT = np.meshgrid(WEST + STEP * np.arange(11), SOUTH + STEP * np.arange(8))
HEIGHTS = -14.0 + 3.0 * np.sin(LON * 2.0) + 2.0 * np.cos(LAT * 3.0)


def gtx(values: np.ndarray = HEIGHTS, west: float = WEST) -> bytes:
    head = struct.pack(">4d2i", SOUTH, west, STEP, STEP, *values.shape)
    return head + values.astype(">f4").tobytes()


@pytest.fixture(scope="module")
def by_proj(tmp_path_factory: pytest.TempPathFactory) -> pyproj.Transformer:
    path = tmp_path_factory.mktemp("geoid") / "city.gtx"
    path.write_bytes(gtx())
    return pyproj.Transformer.from_pipeline(
        "+proj=pipeline +step +proj=unitconvert +xy_in=deg +xy_out=rad +step "
        f"+proj=vgridshift +grids={path} +multiplier=1 +step +proj=unitconvert +xy_in=rad "
        "+xy_out=deg"
    )


@given(lon=floats(113.0, 115.5), lat=floats(32.0, 33.75))
@settings(max_examples=200, deadline=None)
def test_proj_gives_the_same(by_proj: pyproj.Transformer, lon: float, lat: float) -> None:
    grid = geoid_from_gtx(gtx(), "city.gtx")
    assert grid.undulation(np.array([lon]), np.array([lat])) == pytest.approx(
        [by_proj.transform(lon, lat, 0.0)[2]], abs=1e-6
    )


def test_heights_there_and_back() -> None:
    grid = geoid_from_gtx(gtx(), "city.gtx", accuracy_m=0.05)
    lon, lat, height = np.array([114.02, 113.5]), np.array([32.98, 33.1]), np.array([80.0, 95.5])
    up = ellipsoidal_from_1985(height, lon, lat, grid)
    assert np.abs(up - height).min() > 5.0
    assert normal_1985_from_ellipsoidal(up, lon, lat, grid) == pytest.approx(height, abs=1e-12)
    assert grid.accuracy_m == 0.05


def test_a_geotiff_read_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "geoid.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=11, height=8, count=1, dtype="float64", crs="EPSG:4490",
        transform=from_origin(WEST - STEP / 2, SOUTH + STEP * 7.5, STEP, STEP),
    ) as file:  # fmt: skip
        file.write(HEIGHTS[::-1], 1)
    with rasterio.open(path) as file:
        values = file.read(1)[::-1]  # a raster's first row is the northernmost
        west, north = file.xy(0, 0)
    grid = GeoidGrid(west=west, south=north - 7 * STEP, east_step=STEP, north_step=STEP,
                     values=values, source=path.name)  # fmt: skip
    assert grid.undulation(LON.ravel(), LAT.ravel()) == pytest.approx(HEIGHTS.ravel(), abs=1e-12)


def test_the_first_point_outside_is_named() -> None:
    grid = geoid_from_gtx(gtx(), "city.gtx")
    with pytest.raises(OutsideFrame) as caught:
        grid.undulation(np.array([114.0, 116.0, 117.0]), np.array([33.0, 33.0, 33.0]))
    assert caught.value.row == 2
    with pytest.raises(OutsideFrame):
        grid.undulation(np.array([np.nan]), np.array([33.0]))


def test_a_hole_is_unknown_not_zero() -> None:
    holed = HEIGHTS.copy()
    holed[3, 4] = -88.8888
    grid = geoid_from_gtx(gtx(holed), "city.gtx")
    with pytest.raises(OutsideFrame):
        grid.undulation(np.array([WEST + 4.1 * STEP]), np.array([SOUTH + 3.1 * STEP]))
    assert np.isfinite(grid.undulation(np.array([113.1]), np.array([32.1]))).all()


def test_longitudes_from_zero_to_360() -> None:
    assert geoid_from_gtx(gtx(west=WEST + 360.0), "x").west == pytest.approx(WEST)


@pytest.mark.parametrize(
    "data", [b"", gtx()[:39], gtx()[:-1], gtx() + b"\0", gtx(HEIGHTS * 100), gtx(HEIGHTS[:1])]
)
def test_what_is_no_grid(data: bytes) -> None:
    with pytest.raises(CoordError):
        geoid_from_gtx(data, "bad.gtx")
