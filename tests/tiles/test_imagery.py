"""Map tiles of images against GDAL's own warp: the same place, to a pixel."""

from __future__ import annotations

import hashlib
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import NotGeoreferencedWarning
from rasterio.transform import from_bounds, from_origin
from rasterio.warp import reproject

from gis.coords import STORAGE, find_transformation, from_metric, norm_frame
from gis.coords.matrixsets import CGCS2000, MATRIX_SETS, WEB_MERCATOR, MatrixSet
from gis.sources.cogs import keep_image
from gis.tiles.imagery import Picture, draw_tile, encoded

WEST, NORTH, GSD, SIDE = 505_000.0, 3_652_000.0, 0.5, 1000
HALF = 20037508.342789244


def write(folder: Path, values: NDArray[Any], west: float = WEST, **profile: Any) -> Picture:
    bands, height, width = values.shape
    profile = {"crs": "EPSG:4547", "transform": from_origin(west, NORTH, GSD, GSD), **profile}
    path = folder / f"{hashlib.sha256(values.tobytes()).hexdigest()[:8]}.tif"
    with rasterio.open(
        path, "w", driver="GTiff", width=width, height=height, count=bands, dtype=values.dtype,
        **profile,
    ) as out:  # fmt: skip
        out.write(values)
    kept = keep_image(
        path, "GeoTIFF", folder / "kept", hashlib.sha256(path.read_bytes()).hexdigest()
    )
    frame = norm_frame(kept.epsg or 0)
    return Picture(file=kept, placing=find_transformation(STORAGE, frame))


@pytest.fixture(scope="module")
def ramps(tmp_path_factory: pytest.TempPathFactory) -> Picture:
    """An image whose green is its column and whose red is its row, in steps of 4 pixels."""
    rows, columns = np.mgrid[0:SIDE, 0:SIDE]
    values = np.stack([rows / 4, columns / 4, np.full((SIDE, SIDE), 7)]).astype(np.uint8)
    return write(tmp_path_factory.mktemp("ramps"), values)


def tile_bounds(grid: MatrixSet, z: int, x: int, y: int) -> tuple[float, float, float, float]:
    side = 2 * HALF / (1 << z) if grid is WEB_MERCATOR else 360 / (1 << z)
    left, top = (-HALF, HALF) if grid is WEB_MERCATOR else (-180.0, 90.0)
    return left + x * side, top - (y + 1) * side, left + (x + 1) * side, top - y * side


def warped(picture: Picture, grid: MatrixSet, z: int, x: int, y: int) -> NDArray[np.uint8]:
    """The tile as GDAL makes it: three bands and the mask."""
    out = np.zeros((4, 256, 256), dtype=np.uint8)
    with rasterio.open(picture.file.path) as image:
        sources = np.concatenate([image.read(), image.dataset_mask()[None]])
        reproject(
            sources, out, src_transform=image.transform, src_crs=image.crs,
            dst_transform=from_bounds(*tile_bounds(grid, z, x, y), 256, 256),
            dst_crs="EPSG:3857" if grid is WEB_MERCATOR else "OGC:CRS84",
            resampling=Resampling.bilinear, tolerance=0.0,
        )  # fmt: skip
    return out


@settings(max_examples=25, deadline=None)
@given(
    across=st.floats(0.02, 0.98), down=st.floats(0.02, 0.98), z=st.integers(15, 20),
    name=st.sampled_from(sorted(MATRIX_SETS)),
)  # fmt: skip
def test_it_lies_where_gdal_puts_it(
    ramps: Picture, across: float, down: float, z: int, name: str
) -> None:
    place = np.array([[WEST + across * SIDE * GSD, NORTH - down * SIDE * GSD]])
    lon, lat = from_metric(place, 4547)[0].tolist()
    grid = MATRIX_SETS[name]
    x, y = grid.column_of(z, lon), grid.row_of(z, lat)
    drawn = draw_tile([ramps], grid, z, x, y, "image")
    assert drawn is not None
    wanted = warped(ramps, grid, z, x, y)
    both = (drawn[3] == 255) & (wanted[3] == 255)
    # The ramp climbs by one in 4 pixels of the image: a pixel of the tile off would show as its
    # size in the image over 4, and rounding as one more.
    step = max(1.0, grid.cell(z) * (1.0 if grid.unit == "metre" else 111_319.5) / GSD / 4)
    off = np.abs(drawn[:2].astype(int) - wanted[:2].astype(int))[:, both]
    assert off.max(initial=0) <= step + 1
    assert np.mean(off) <= 0.3 * step
    differ = np.count_nonzero((drawn[3] == 255) != (wanted[3] == 255))
    assert differ <= 2 * 4 * 256  # a pixel along the edges


def test_a_shift_of_two_pixels_would_be_seen(ramps: Picture) -> None:
    lon, lat = from_metric(np.array([[WEST + 250, NORTH - 250]]), 4547)[0].tolist()
    x, y = WEB_MERCATOR.column_of(18, lon), WEB_MERCATOR.row_of(18, lat)
    drawn = draw_tile([ramps], WEB_MERCATOR, 18, x, y, "image")
    assert drawn is not None
    wanted = warped(ramps, WEB_MERCATOR, 18, x, y).astype(int)
    assert np.mean(np.abs(np.roll(drawn, 2, axis=2)[1].astype(int) - wanted[1])) > 0.3


@pytest.mark.parametrize("grid", MATRIX_SETS.values(), ids=lambda grid: grid.id)
def test_neighbours_join(ramps: Picture, grid: MatrixSet) -> None:
    lon, lat = from_metric(np.array([[WEST + 250, NORTH - 250]]), 4547)[0].tolist()
    x, y = grid.column_of(18, lon), grid.row_of(18, lat)
    left, right = (draw_tile([ramps], grid, 18, at, y, "image") for at in (x, x + 1))
    assert left is not None
    assert right is not None
    shown = (left[3, :, -1] == 255) & (right[3, :, 0] == 255)
    steps = np.abs(left[:2, :, -1].astype(int) - right[:2, :, 0].astype(int))[:, shown]
    assert steps.max(initial=0) <= 2


def test_outside_is_nothing(ramps: Picture) -> None:
    assert draw_tile([ramps], WEB_MERCATOR, 18, 5, 5, "image") is None
    assert draw_tile([ramps], CGCS2000, 3, 0, 3, "hillshade") is None
    assert draw_tile([], WEB_MERCATOR, 0, 0, 0, "image") is None


def test_the_newest_lies_on_top_and_the_older_shows_beside_it(
    ramps: Picture, tmp_path: Path
) -> None:
    fresh = np.full((3, SIDE, SIDE), 200, dtype=np.uint8)
    fresh[:, :, 500:] = 0
    above = write(tmp_path, fresh, nodata=0)
    lon, lat = from_metric(np.array([[WEST + 250, NORTH - 250]]), 4547)[0].tolist()
    x, y = WEB_MERCATOR.column_of(17, lon), WEB_MERCATOR.row_of(17, lat)
    drawn = draw_tile([above, ramps], WEB_MERCATOR, 17, x, y, "image")
    below = draw_tile([ramps], WEB_MERCATOR, 17, x, y, "image")
    assert drawn is not None
    assert below is not None
    newest = drawn[2] == 200
    assert 0.2 < newest.mean() < 0.8
    older = (drawn[3] == 255) & ~newest
    np.testing.assert_array_equal(drawn[:, older], below[:, older])
    assert set(np.unique(drawn[2][older])) <= {7}  # nodata has coloured nothing


def test_sixteen_bits_are_stretched(tmp_path: Path) -> None:
    values = np.linspace(300, 2300, SIDE * SIDE).reshape(1, SIDE, SIDE).astype(np.uint16)
    picture = write(tmp_path, values)
    lon, lat = from_metric(np.array([[WEST + 250, NORTH - 250]]), 4547)[0].tolist()
    drawn = draw_tile(
        [picture], WEB_MERCATOR, 16, WEB_MERCATOR.column_of(16, lon),
        WEB_MERCATOR.row_of(16, lat), "image",
    )  # fmt: skip
    assert drawn is not None
    grey = drawn[:3, drawn[3] == 255]
    assert (grey[0] == grey[1]).all()
    assert int(grey.max()) - int(grey.min()) > 100


def test_a_roof_is_light_to_the_sun_and_dark_behind(tmp_path: Path) -> None:
    rows, columns = np.mgrid[0:SIDE, 0:SIDE].astype(np.float32)
    ridge = 80 - 0.25 * np.abs(columns + rows - SIDE)  # from the south west to the north east
    picture = write(tmp_path, ridge[None].astype(np.float32))
    lon, lat = from_metric(np.array([[WEST + 250, NORTH - 250]]), 4547)[0].tolist()
    drawn = draw_tile(
        [picture], WEB_MERCATOR, 17, WEB_MERCATOR.column_of(17, lon),
        WEB_MERCATOR.row_of(17, lat), "hillshade",
    )  # fmt: skip
    assert drawn is not None
    seen = drawn[0][drawn[3] == 255]
    facing, behind = (float(np.median(seen[part])) for part in (seen > 128, seen <= 128))
    # slopes of 35.3 degrees: the sun stands 45 high, right over one side
    assert facing == pytest.approx(255 * np.cos(np.radians(45 - 35.26)), abs=2)
    assert behind == pytest.approx(255 * np.cos(np.radians(45 + 35.26)), abs=2)


@pytest.mark.parametrize("form", ["png", "webp"])
def test_a_tile_is_a_picture_with_transparency(ramps: Picture, form: Any, tmp_path: Path) -> None:
    lon, lat = from_metric(np.array([[WEST, NORTH]]), 4547)[0].tolist()
    drawn = draw_tile(
        [ramps], WEB_MERCATOR, 16, WEB_MERCATOR.column_of(16, lon),
        WEB_MERCATOR.row_of(16, lat), "image",
    )  # fmt: skip
    assert drawn is not None
    path = tmp_path / f"tile.{form}"
    path.write_bytes(encoded(drawn, form))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path) as image:
            assert image.driver == form.upper()
            assert image.count == 4
            np.testing.assert_array_equal(image.read(4), drawn[3])
            colour = image.read([1, 2, 3])[:, drawn[3] == 255].astype(int)
    assert np.mean(np.abs(colour - drawn[:3, drawn[3] == 255])) < (0.01 if form == "png" else 12)
