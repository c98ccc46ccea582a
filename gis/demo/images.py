"""Photographs and surface models as GeoTIFF, with the tags that say when and in which heights."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from numpy.typing import NDArray

from gis.demo.changes import AFTER, BEFORE
from gis.demo.city import City
from gis.demo.grid import Grid
from gis.demo.ortho import Relief, photograph
from gis.demo.scene import When, scene
from gis.demo.surface import NODATA, bare_ground, plant, surface_model, true_surface

HEIGHTS = "1985国家高程基准"
DAY: dict[When, date] = {"before": BEFORE, "after": AFTER}


def write_images(city: City, folder: Path) -> dict[str, Path]:
    """The four rasters; keys ortho_before, dsm_before, ortho_after, dsm_after."""
    folder.mkdir(parents=True, exist_ok=True)
    grid = Grid(city.site.window)
    paths = {}
    for when, day in DAY.items():
        photo, model = _render(city, grid, when)
        stamp = f"{day:%Y%m%d}"
        paths[f"ortho_{when}"] = folder / f"ortho_{stamp}.tif"
        paths[f"dsm_{when}"] = folder / f"dsm_{stamp}.tif"
        _write_photo(paths[f"ortho_{when}"], photo, grid, day)
        _write_model(paths[f"dsm_{when}"], model, grid, day)
    return paths


def _render(city: City, grid: Grid, when: When) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    things = scene(city, when)
    river = grid.burn([city.land.river], [1]) > 0
    ids = grid.burn(things.houses.geometry, range(1, len(things.houses) + 1))
    surface = true_surface(grid, bare_ground(grid, river), ids, things)
    crowns = plant(grid, surface, things.trees, city.site.rng("crowns"))
    crowns[ids > 0] = 0.0
    model = surface_model(grid, surface, river, city.site.rng(f"matching {when}"))
    photo = photograph(city, things, grid, Relief(surface=surface, crowns=crowns, ids=ids))
    return photo, model


def _write_photo(path: Path, photo: NDArray[np.uint8], grid: Grid, day: date) -> None:
    profile = _profile(grid, 3, "uint8", compress="jpeg", jpeg_quality=88, photometric="ycbcr")
    with rasterio.open(path, "w", **profile, INTERLEAVE="PIXEL") as out:
        out.write(photo)
        out.update_tags(TIFFTAG_DATETIME=f"{day:%Y:%m:%d} 10:40:00", SENSOR="航空数码相机")


def _write_model(path: Path, model: NDArray[np.float32], grid: Grid, day: date) -> None:
    profile = _profile(grid, 1, "float32", compress="deflate", predictor=3, zlevel=3, nodata=NODATA)
    with rasterio.open(path, "w", **profile) as out:
        out.write(model, 1)
        out.update_tags(
            TIFFTAG_DATETIME=f"{day:%Y:%m:%d} 10:40:00",
            VERTICAL_DATUM=HEIGHTS,
            AREA_OR_POINT="Area",
        )
        out.update_tags(1, VERTICAL_DATUM=HEIGHTS)
        out.set_band_unit(1, "m")


def _profile(grid: Grid, bands: int, dtype: str, **more: Any) -> dict[str, Any]:
    rows, columns = grid.shape
    return {
        "driver": "GTiff", "height": rows, "width": columns, "count": bands, "dtype": dtype,
        "crs": "EPSG:4547", "transform": grid.plane_transform, "tiled": True, "blockxsize": 256,
        "blockysize": 256, **more,
    }  # fmt: skip
