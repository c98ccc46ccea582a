"""Photographs made comparable: bytes of any depth on one scale, where they show ground, and what
must not be taken for ground (no value, cloud)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gis.change.pair import Box, Grid, Pair, Sheet
from gis.change.rasters import Raster
from gis.errors import ChangeError

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
TILE_PX, TILES = 128, 6
LOW, HIGH = 0.02, 0.98  # quantiles that more than eight bits are stretched between
BRIGHT, PALE = 215.0, 30.0  # a cloud is that bright in each band, and no more coloured
BLOCK_PX, THIN = 32, 8  # clouds are told by whole blocks of that side, from every eighth pixel
MARGIN_PX = 1024  # how far beyond what is searched a cloud may reach to be told by its size
CLOUD_M2 = 15_000.0  # no roof is that large and white all over
LEAST_CLOUD = 0.01  # a smaller share of cloud is not told of


@dataclass(frozen=True, slots=True, kw_only=True)
class Tones:
    """How a photograph's values become 0 to 255. stretched: it has more than eight bits."""

    low: float
    high: float
    stretched: bool

    def scaled(self, values: Floats) -> Floats:
        """NaN stays NaN, and black in every band becomes it: that is how fill without a nodata
        tag comes."""
        scaled = (values - np.float32(self.low)) * np.float32(255.0 / (self.high - self.low))
        out = np.clip(scaled, 0, 255).astype(np.float32)
        out[:, (values == 0).all(axis=0) | ~np.isfinite(values).all(axis=0)] = np.nan
        return out


def tones_of(sheet: Sheet, grid: Grid) -> Tones:
    """From tiles spread evenly, the same whatever is read later. Raises ChangeError where the
    photograph holds no values."""
    samples = [sheet.read(box) for box in spread_tiles(grid)]
    seen = np.concatenate([s[:, ((s > 0).any(axis=0))].ravel() for s in samples])
    seen = seen[np.isfinite(seen)]
    if not seen.size:
        raise ChangeError(
            zh="影像没有有效像元（全为无值）。请核对 nodata 与范围",
            en="a photo holds no pixel with a value. Check nodata and extents",
            problem="nodata",
        )
    if seen.max() <= 255 and seen.max() > 1:
        return Tones(low=0.0, high=255.0, stretched=False)
    low, high = (float(v) for v in np.quantile(seen, [LOW, HIGH]))
    return Tones(low=low, high=max(high, low + 1e-6), stretched=True)


def spread_tiles(grid: Grid, side: int = TILE_PX, most: int = TILES) -> list[Box]:
    """Up to `most` by `most` boxes over the grid."""

    def starts(length: int) -> list[int]:
        count = min(most, max(1, length // side))
        step = length / count
        return [int(i * step + (step - min(side, length)) / 2) for i in range(count)]

    return [
        Box(top, left, min(top + side, grid.height), min(left + side, grid.width))
        for top in starts(grid.height)
        for left in starts(grid.width)
    ]


def coloured(pair: Pair, engine: str) -> tuple[Raster, Raster]:
    """Both photographs. Raises ChangeError (`problem`: missing, colour) where an engine that
    looks at photographs can't use them."""
    if pair.before is None or pair.after is None:
        raise ChangeError(
            zh=f"{engine} 引擎需要两期影像：--before 与 --after",
            en=f"the {engine} engine needs both photos: --before and --after",
            problem="missing",
        )
    for photo in (pair.before, pair.after):
        if photo.colour is None:
            raise ChangeError(
                zh=f"{photo.name} 没有红绿蓝波段（调色板或灰度影像），{engine} 引擎不能使用。"
                f"调色板影像请先 gdal_translate -expand rgb",
                en=f"{photo.name} has no red, green and blue band (palette or grey), which the "
                f"{engine} engine needs. A palette: gdal_translate -expand rgb",
                problem="colour",
                file=photo.path.name,
            )
    return pair.before, pair.after


@dataclass(frozen=True, slots=True, kw_only=True)
class Clouds:
    """Where a photograph is white over more ground than any roof: blocks of BLOCK_PX, the first at
    `box`'s corner."""

    box: Box
    blocks: Mask

    def within(self, box: Box) -> Mask:
        """Pixels of `box` under cloud; none beyond what was looked at."""
        rows, cols = (np.arange(a, b) for a, b in ((box.top, box.bottom), (box.left, box.right)))
        i, j = (rows - self.box.top) // BLOCK_PX, (cols - self.box.left) // BLOCK_PX
        height, width = self.blocks.shape
        known = ((i >= 0) & (i < height))[:, None] & ((j >= 0) & (j < width))[None, :]
        seen = self.blocks[np.clip(i, 0, height - 1)[:, None], np.clip(j, 0, width - 1)[None, :]]
        hidden: Mask = seen & known
        return hidden


def clouds_of(sheet: Sheet, tones: Tones, box: Box, grid: Grid) -> Clouds:
    """Look at `box` and a margin of it, every eighth pixel, in strips."""
    wide = box.grown(MARGIN_PX).within(grid.box)
    top, left = wide.top // BLOCK_PX, wide.left // BLOCK_PX
    wide = Box(top, left, -(-wide.bottom // BLOCK_PX), -(-wide.right // BLOCK_PX)).times(BLOCK_PX)
    thin, per = sheet.thinned(THIN), BLOCK_PX // THIN
    strips = []
    for top in range(wide.top // THIN, wide.bottom // THIN, 64 * per):
        strip = Box(top, wide.left // THIN, min(top + 64 * per, wide.bottom // THIN),
                    wide.right // THIN)  # fmt: skip
        known = np.nan_to_num(tones.scaled(thin.read(strip)), nan=0.0)
        white = (known.min(axis=0) > BRIGHT) & (np.ptp(known, axis=0) < PALE)
        rows, cols = (v // per for v in white.shape)
        strips.append(white.reshape(rows, per, cols, per).mean(axis=(1, 3)) > 0.9)
    label, count = ndimage.label(np.concatenate(strips))
    size = ndimage.sum_labels(np.ones_like(label), label, range(1, count + 1))
    large = [i + 1 for i, s in enumerate(size) if s * (BLOCK_PX * grid.gsd_m) ** 2 >= CLOUD_M2]
    return Clouds(
        box=wide, blocks=ndimage.binary_dilation(np.isin(label, large), np.ones((3, 3), bool))
    )


def cloud_notes(shares: Sequence[tuple[Raster, float]]) -> list[tuple[str, str]]:
    """What is said of photographs with cloud."""
    return [
        (
            f"{photo.name} 约 {100 * share:.0f}% 被云遮盖，云下不检测",
            f"{photo.name}: about {100 * share:.0f} % lies under cloud and is not searched",
        )
        for photo, share in shares
        if share >= LEAST_CLOUD
    ]
