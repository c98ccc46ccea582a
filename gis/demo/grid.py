"""The raster window as an array: 0.5 m pixels, row 0 in the north."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rasterio.features import rasterize
from rasterio.transform import Affine, from_origin
from scipy import ndimage

from gis.demo.site import CENTRE, Box, Geometries

PIXEL_M = 0.5
Image = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Grid:
    """n x n pixels over `box` (site metres)."""

    box: Box

    @property
    def shape(self) -> tuple[int, int]:
        return (
            round((self.box.north - self.box.south) / PIXEL_M),
            round((self.box.east - self.box.west) / PIXEL_M),
        )

    @property
    def site_transform(self) -> Affine:
        return from_origin(self.box.west, self.box.north, PIXEL_M, PIXEL_M)

    @property
    def plane_transform(self) -> Affine:
        """To EPSG:4547 metres, for files."""
        return from_origin(self.box.west + CENTRE[0], self.box.north + CENTRE[1], PIXEL_M, PIXEL_M)

    def axes(self) -> tuple[Image, Image]:
        """East (1, n) and north (n, 1) of pixel centres, site metres; they broadcast."""
        rows, columns = self.shape
        x = self.box.west + (np.arange(columns, dtype=np.float32) + 0.5) * PIXEL_M
        y = self.box.north - (np.arange(rows, dtype=np.float32) + 0.5) * PIXEL_M
        return x[None, :].astype(np.float32), y[:, None].astype(np.float32)

    def burn(
        self, shapes: Geometries | Sequence[Any], values: Sequence[int] | NDArray[Any], *,
        touched: bool = False, onto: NDArray[np.int32] | None = None,
    ) -> NDArray[np.int32]:  # fmt: skip
        """Numbers of the shapes that cover each pixel's centre, later ones on top; 0 elsewhere."""
        out = np.zeros(self.shape, dtype=np.int32) if onto is None else onto
        pairs = [(g, int(v)) for g, v in zip(shapes, values, strict=True) if not g.is_empty]
        if pairs:
            rasterize(pairs, out=out, transform=self.site_transform, all_touched=touched)
        return out


def cloud(shape: tuple[int, int], size_px: float, rng: np.random.Generator) -> Image:
    """Noise with blotches of about `size_px` pixels, mean 0, standard deviation 1."""
    step = max(1, int(size_px / 3))
    small = (shape[0] // step + 3, shape[1] // step + 3)
    noise = rng.standard_normal(small, dtype=np.float32)
    if size_px > 0.5:
        noise = ndimage.gaussian_filter(noise, size_px / step)
    noise = (noise - noise.mean()) / noise.std()
    if step > 1:
        noise = ndimage.zoom(noise, step, order=1)
    return np.ascontiguousarray(noise[: shape[0], : shape[1]], dtype=np.float32)
