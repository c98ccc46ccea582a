"""Photographs to try the engines `net` and `screen` on: painted, as the training pairs are."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.enums import ColorInterp
from rasterio.transform import Affine

from gis.change.pair import Pair, pair_of
from gis.change.rasters import describe

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "scripts" / "train_net"))
import pairs  # the painter

GSD, WEST, NORTH = 0.5, 502_000.0, 3_651_000.0
DAYS = {"before": "20230415", "after": "20240610"}


def town(seed: int, side: int = 2) -> tuple[Any, Any]:
    """`side` by `side` painted places as one: photographs (2, 3, n, n) and houses (2, n, n)."""
    places = [[pairs.painted(np.random.default_rng([seed, i, j])) for j in range(side)]
              for i in range(side)]  # fmt: skip
    images = [np.concatenate([p[0] for p in row], axis=-1) for row in places]
    houses = [np.concatenate([p[1] for p in row], axis=-1) for row in places]
    return np.concatenate(images, axis=-2), np.concatenate(houses, axis=-2) > 0


def write(folder: Path, name: str, pixels: Any, day: str, **extra: Any) -> Path:
    """A photograph; `extra` overrides what is said of it."""
    path = folder / f"{name}_{day}.tif"
    colours = extra.pop("colours", [ColorInterp.red, ColorInterp.green, ColorInterp.blue])
    palette = extra.pop("palette", None)
    profile = {
        "driver": "GTiff", "width": pixels.shape[2], "height": pixels.shape[1],
        "count": pixels.shape[0], "dtype": pixels.dtype, "crs": "EPSG:4547",
        "transform": Affine(GSD, 0, WEST, 0, -GSD, NORTH), **extra,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as data:
        data.write(pixels)
        if palette is not None:
            data.write_colormap(1, palette)
        elif colours and pixels.shape[0] >= 3:
            data.colorinterp = (colours + [ColorInterp.undefined] * 13)[: pixels.shape[0]]
    return path


def pair_in(folder: Path, images: Any, **extra: Any) -> Pair:
    """Both photographs written, no surface models."""
    files = [write(folder, when, image, DAYS[when], **extra)
             for when, image in zip(DAYS, images, strict=True)]  # fmt: skip
    return pair_of(*(describe(f, "image") for f in files), None, None)


def overlap(places: Any, truth: Any) -> float:
    """F1 of pixels."""
    mask = drawn(places, truth.shape)
    return float(2 * (mask & truth).sum() / max(mask.sum() + truth.sum(), 1))


def drawn(places: Any, shape: tuple[int, int]) -> Any:
    """Places as pixels."""
    if not places:
        return np.zeros(shape, dtype=bool)
    where = Affine(GSD, 0, WEST, 0, -GSD, NORTH)
    shapes = [(p.mask, 1) for p in places]
    return rasterio.features.rasterize(shapes, shape, transform=where).astype(bool)
