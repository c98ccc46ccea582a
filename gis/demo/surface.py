"""Heights in the window: the true surface on a date, and the surface model made of it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gis.demo.features import Features
from gis.demo.grid import PIXEL_M, Grid, Image, cloud
from gis.demo.scene import Scene
from gis.demo.site import Floats, ground_m

NODATA = -9999.0
RIVER_DEPTH_M = 2.6
GABLED = ("village", "shed", "urban_village")


def bare_ground(grid: Grid, river: NDArray[np.bool_]) -> Image:
    """Ground without anything on it: terrain, and the river's bed with sloping banks."""
    x, y = grid.axes()
    small = ground_m(x[:, ::8], y[::8])  # smooth: every eighth pixel is enough
    ground = ndimage.zoom(small.astype(np.float32), 8, order=1)[: grid.shape[0], : grid.shape[1]]
    bed = ndimage.uniform_filter(river.astype(np.float32), 13)
    return np.asarray(ground - RIVER_DEPTH_M * bed, dtype=np.float32)


def roof_frame(grid: Grid, ids: NDArray[np.int32], houses: Features) -> tuple[Image, Image]:
    """Each roof pixel's place along (u) and across (v) its house, -0.5 to 0.5; 0 off roofs.
    `ids` numbers the houses from 1."""
    u, v = np.zeros(grid.shape, np.float32), np.zeros(grid.shape, np.float32)
    on = np.flatnonzero(ids)
    number = ids.ravel()[on] - 1
    x, y = grid.axes()
    dx = x.ravel()[on % grid.shape[1]] - houses["x"][number]
    dy = y.ravel()[on // grid.shape[1]] - houses["y"][number]
    cos, sin = np.cos(houses["angle"])[number], np.sin(houses["angle"])[number]
    u.ravel()[on] = (dx * cos + dy * sin) / houses["long_m"][number]
    v.ravel()[on] = (dy * cos - dx * sin) / np.maximum(houses["short_m"], 1.0)[number]
    return u, v


def true_surface(grid: Grid, ground: Image, ids: NDArray[np.int32], scene: Scene) -> Image:
    """Ground, roofs (flat or gabled), crowns, vehicles, heaps and cranes, metres."""
    surface = ground.copy()
    houses = scene.houses
    top = np.concatenate([[0.0], houses["base_m"] + houses["height_m"]]).astype(np.float32)
    gabled = np.concatenate([[False], np.isin(houses["look"], GABLED)])
    rise = np.concatenate([[0.0], np.minimum(houses["short_m"] * 0.12, 1.4)]).astype(np.float32)
    on = ids > 0
    _, v = roof_frame(grid, ids, houses)
    slope = np.where(gabled[ids], rise[ids] * (0.5 - 2.0 * np.abs(v)), 0.0)
    surface[on] = (top[ids] + slope)[on]
    for x, y, angle, length, width, height in scene.vehicles:
        _box(grid, surface, ground, (x, y, angle, length, width), height)
    for x, y, radius, height in scene.heaps:
        _dome(grid, surface, ground, x, y, radius, height)
    for x, y, angle, height in scene.cranes:
        _box(grid, surface, ground, (x, y, angle, 2.0, 2.0), height)
        jib = (x + 18 * np.cos(angle), y + 18 * np.sin(angle), angle, 52.0, 1.5)
        _box(grid, surface, ground, jib, height)
    return surface


def plant(grid: Grid, surface: Image, trees: Floats, rng: np.random.Generator) -> Image:
    """Adds crowns to `surface` in place; returns each pixel's crown: 0 none, else 0.05 to 1."""
    tone = np.zeros(grid.shape, np.float32)
    for radius_px in range(2, 10):
        mine = trees[np.clip(np.round(trees[:, 2] / PIXEL_M).astype(int), 2, 9) == radius_px]
        domes = _crowns(radius_px, rng)
        for n, (x, y, _, height) in enumerate(mine):
            window = _window(grid, x, y, radius_px)
            if window is None:
                continue
            dome = domes[n % len(domes)]
            part = surface[window]
            crown = part.min() + height * dome
            over = (dome > 0.25) & (crown > part)
            part[over] = crown[over]
            tone[window][over] = 0.05 + 0.95 * ((n * 0.618034) % 1.0)
    return tone


def _crowns(radius_px: int, rng: np.random.Generator) -> list[Image]:
    """Some ragged domes of one size, height 1 in the middle."""
    span = np.arange(-radius_px, radius_px + 1, dtype=np.float32)
    r = np.hypot(span[:, None], span[None, :]) / (radius_px + 0.3)
    angle = np.arctan2(span[:, None], span[None, :])
    out = []
    for _ in range(6):
        edge = (
            1
            + 0.16 * np.sin(3 * angle + rng.uniform(0, 6.3))
            + 0.1 * np.sin(5 * angle + rng.uniform(0, 6.3))
        )
        dome = np.sqrt(np.clip(1 - (r / edge) ** 2, 0, None))
        ragged = dome * (1 + 0.1 * rng.standard_normal(dome.shape))
        out.append(np.clip(ragged, 0, 1.05).astype(np.float32))
    return out


def _window(grid: Grid, x: float, y: float, half: int) -> tuple[slice, slice] | None:
    column, row = int((x - grid.box.west) / PIXEL_M), int((grid.box.north - y) / PIXEL_M)
    rows, columns = grid.shape
    if not (half <= row < rows - half and half <= column < columns - half):
        return None
    return slice(row - half, row + half + 1), slice(column - half, column + half + 1)


def box_mask(
    grid: Grid, box: tuple[float, float, float, float, float]
) -> tuple[tuple[slice, slice], NDArray[np.bool_]] | None:
    """The pixels of a turned rectangle: where to cut the array, and which of the cut."""
    x, y, angle, length, width = box
    half = int(np.hypot(length, width) / 2 / PIXEL_M) + 2
    window = _window(grid, x, y, half)
    if window is None:
        return None
    span = np.arange(-half, half + 1) * PIXEL_M
    dx, dy = span[None, :], -span[:, None]
    u = dx * np.cos(angle) + dy * np.sin(angle)
    v = dy * np.cos(angle) - dx * np.sin(angle)
    return window, (np.abs(u) <= length / 2) & (np.abs(v) <= max(width / 2, 0.3))


def _box(
    grid: Grid, surface: Image, ground: Image, box: tuple[float, float, float, float, float],
    height: float,
) -> None:  # fmt: skip
    found = box_mask(grid, box)
    if found is not None:
        window, inside = found
        part = surface[window]
        part[inside] = np.maximum(part[inside], ground[window][inside] + height)


def _dome(
    grid: Grid, surface: Image, ground: Image, x: float, y: float, radius: float, height: float
) -> None:
    half = int(radius / PIXEL_M)
    window = _window(grid, x, y, half)
    if window is None:
        return
    span = np.arange(-half, half + 1) / max(half, 1)
    dome = height * np.clip(1 - span[None, :] ** 2 - span[:, None] ** 2, 0, None)
    surface[window] = np.maximum(surface[window], ground[window] + dome)


def surface_model(
    grid: Grid, surface: Image, river: NDArray[np.bool_], rng: np.random.Generator
) -> Image:
    """The surface as dense image matching gives it: edges softened, correlated noise of 0.3 m,
    worse on water, and a few specks without data."""
    shape = grid.shape
    model = ndimage.gaussian_filter(surface, 0.9)
    model += 0.22 * cloud(shape, 1.6, rng) + 0.17 * cloud(shape, 8.0, rng)
    model += 0.07 * cloud(shape, 0.4, rng) + 0.05 * cloud(shape, 260.0, rng)
    model[river] += 0.5 * cloud(shape, 4.0, rng)[river]
    speck = cloud(shape, 3.0, rng)
    missing = (speck > 4.0) | (river & (speck > 2.4))
    model = np.round(model, 2)
    model[missing] = NODATA
    return np.asarray(model, dtype=np.float32)
