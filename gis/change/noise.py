"""How much two surface models differ where nothing changed: offset, tilt and noise."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.change.filters import SIZES, smooth
from gis.change.pair import Box, Grid, Sheets
from gis.errors import ChangeError

Floats64 = NDArray[np.float64]
Tile = tuple[Box, NDArray[np.float32]]  # of the difference
NMAD = 1.4826  # of the median absolute deviation: the standard deviation of normal noise
TILE_PX = 96
TILES = 8  # in each direction, at most: a million samples, whatever the raster's size
LEAST_VALUES = 500
TILT_HELPS = 0.95  # a tilt is taken off only if the NMAD falls below that share
OFFSET_HELPS_M = 0.03
# Beyond it two height datums were mixed: the geoid stands 9 to 30 m off the ellipsoid in China.
MOST_OFFSET_M = 5.0
CALM_M = 0.3  # the smallest filter is taken that leaves no more noise than that
CLIP = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseModel:
    """after - before, where nothing changed = offset + tilt + noise.

    sigma_m:    NMAD of the raw difference; one model's own noise is sigma_m / sqrt(2)
    filter_px:  side of the median filter that this noise asks for
    filtered_m: NMAD of the filtered difference (correlated noise falls less than white noise)
    tilt:       metres a metre, east and north, from the grid's north-west corner
    """

    offset_m: float
    tilt: tuple[float, float]
    sigma_m: float
    filter_px: int
    filtered_m: float

    @property
    def one_m(self) -> float:
        """Noise of one surface model, metres."""
        return float(self.sigma_m / np.sqrt(2.0))

    def trend(self, grid: Grid, box: Box) -> NDArray[np.float32]:
        """What to take off after - before in `box`, metres."""
        if self.tilt == (0.0, 0.0):
            return np.full(box.shape, self.offset_m, dtype=np.float32)
        east = (np.arange(box.left, box.right) + 0.5) * grid.gsd_m
        north = -(np.arange(box.top, box.bottom) + 0.5) * grid.gsd_m
        plane = self.offset_m + self.tilt[0] * east[None, :] + self.tilt[1] * north[:, None]
        return np.asarray(plane, dtype=np.float32)

    def to_json(self) -> dict[str, Any]:
        return {
            "offset_m": round(self.offset_m, 3),
            "tilt_mm_per_m": [round(1000 * t, 4) for t in self.tilt],
            "sigma_m": round(self.sigma_m, 3),
            "filter_px": self.filter_px,
            "filtered_sigma_m": round(self.filtered_m, 3),
        }


def fit_noise(sheets: Sheets, grid: Grid) -> NoiseModel:
    """The noise model from small tiles spread evenly over the grid, the same whatever windows
    are read later. Robust: up to about a quarter of changed ground does not move it.

    Raises ChangeError (`problem`: height_datum, nodata).
    """
    tiles = [_difference(sheets, box) for box in _tiles(grid)]
    values = np.concatenate([d[np.isfinite(d)] for _, d in tiles])
    if values.size < LEAST_VALUES:
        raise ChangeError(
            zh="两期高程模型几乎没有共同的有效像元（多为无值）。请核对 nodata 与范围",
            en="the surface models share hardly any pixel with a value. Check nodata and extents",
            problem="nodata",
        )
    offset = float(np.median(values))
    if abs(offset) > MOST_OFFSET_M:
        raise ChangeError(
            zh=f"后期高程模型整体比前期高 {offset:.2f} 米，像是高程基准不同"
            f"（大地高与 1985 高程？）。请先统一基准",
            en=f"the later surface model lies {offset:.2f} m above the earlier one as a whole: "
            f"different height datums (ellipsoidal and 1985)? Bring them to one first",
            problem="height_datum",
            offset_m=offset,
        )
    offset = offset if abs(offset) > OFFSET_HELPS_M else 0.0
    raw = spread(values - offset)
    tilted, tilt = _tilt(tiles, grid)
    if raw > 0 and _spread_about(tiles, grid, tilted, tilt) < TILT_HELPS * raw:
        offset, sigma = tilted, _spread_about(tiles, grid, tilted, tilt)
    else:
        tilt, sigma = (0.0, 0.0), raw
    if sigma == 0.0:
        return NoiseModel(offset_m=offset, tilt=tilt, sigma_m=0.0, filter_px=1, filtered_m=0.0)
    models = (_with_filter(size, tiles, grid, offset, tilt, sigma) for size in SIZES)
    best = next(models)
    for model in models:
        if best.filtered_m <= CALM_M:
            break
        best = model
    return best


def _with_filter(
    size: int,
    tiles: list[Tile],
    grid: Grid,
    offset: float,
    tilt: tuple[float, float],
    sigma: float,
) -> NoiseModel:
    """The model with the noise that a filter of `size` leaves."""
    raw = NoiseModel(offset_m=offset, tilt=tilt, sigma_m=sigma, filter_px=size, filtered_m=sigma)
    rest = [_filtered(box, d, raw, grid) for box, d in tiles]
    return replace(raw, filtered_m=spread(np.concatenate(rest)))


def spread(values: NDArray[Any]) -> float:
    """NMAD about the median, what lies beyond three of it left out once."""
    for _ in range(2):
        centre = np.median(values)
        sigma = NMAD * float(np.median(np.abs(values - centre)))
        kept = values[np.abs(values - centre) <= CLIP * sigma]
        values = kept if kept.size >= LEAST_VALUES // 2 else values
    return sigma


def _tiles(grid: Grid) -> list[Box]:
    """Up to TILES by TILES boxes, evenly spread; the same for a grid whatever is read later."""

    def starts(length: int) -> list[int]:
        count = min(TILES, max(1, length // TILE_PX))
        step = length / count
        side = min(TILE_PX, length)
        return [int(i * step + (step - side) / 2) for i in range(count)]

    return [
        Box(top, left, min(top + TILE_PX, grid.height), min(left + TILE_PX, grid.width))
        for top in starts(grid.height)
        for left in starts(grid.width)
    ]


def _difference(sheets: Sheets, box: Box) -> tuple[Box, NDArray[np.float32]]:
    assert sheets.dsm_before is not None  # the engine checked
    assert sheets.dsm_after is not None
    return box, sheets.dsm_after.read(box)[0] - sheets.dsm_before.read(box)[0]


def _places(box: Box, grid: Grid) -> tuple[Floats64, Floats64]:
    rows, cols = np.mgrid[box.top : box.bottom, box.left : box.right]
    return (cols + 0.5) * grid.gsd_m, -(rows + 0.5) * grid.gsd_m


def _tilt(tiles: list[Tile], grid: Grid) -> tuple[float, tuple[float, float]]:
    """Plane through the tiles' medians (a change fills part of a tile, so the median stands),
    each tile a point; the worst tenth left out once."""
    points = []
    for box, d in tiles:
        good = d[np.isfinite(d)]
        if good.size >= d.size // 4:
            east, north = _places(box, grid)
            points.append((float(east.mean()), float(north.mean()), float(np.median(good))))
    if len(points) < 6:
        return 0.0, (0.0, 0.0)
    p = np.array(points)
    kept = np.ones(len(p), dtype=bool)
    for _ in range(2):
        a = np.column_stack([np.ones(kept.sum()), p[kept, 0], p[kept, 1]])
        if np.linalg.matrix_rank(a) < 3:
            return 0.0, (0.0, 0.0)
        c, *_ = np.linalg.lstsq(a, p[kept, 2], rcond=None)
        residual = np.abs(p[:, 2] - (c[0] + c[1] * p[:, 0] + c[2] * p[:, 1]))
        kept = residual <= np.quantile(residual, 0.9)
    return float(c[0]), (float(c[1]), float(c[2]))


def _spread_about(
    tiles: list[Tile],
    grid: Grid,
    offset: float,
    tilt: tuple[float, float],
) -> float:
    rest = []
    for box, d in tiles:
        east, north = _places(box, grid)
        flat = d - (offset + tilt[0] * east + tilt[1] * north)
        rest.append(flat[np.isfinite(flat)])
    return spread(np.concatenate(rest))


def _filtered(
    box: Box, d: NDArray[np.float32], model: NoiseModel, grid: Grid
) -> NDArray[np.float32]:
    flat = d - model.trend(grid, box)
    valid = np.isfinite(flat)
    smoothed = smooth(np.where(valid, flat, np.float32(0.0)), model.filter_px)
    kept: NDArray[np.float32] = smoothed[valid]
    return kept
