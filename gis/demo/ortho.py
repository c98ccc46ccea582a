"""The aerial photograph: cover, markings, roofs, crowns and cars in the light of the day."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from gis.demo.city import City
from gis.demo.cover import ground_cover
from gis.demo.features import Features
from gis.demo.grid import PIXEL_M, Grid, Image, cloud
from gis.demo.scene import Scene
from gis.demo.site import Shape
from gis.demo.surface import box_mask, roof_frame

# azimuth the sun stands at (degrees from north, clockwise) and its height at 10:40
SUN = {"before": (146.0, 55.0), "after": (118.0, 66.0)}

ROOFS: dict[str, tuple[tuple[int, int, int], ...]] = {
    "village": ((150, 92, 74), (134, 84, 70), (168, 164, 158), (96, 126, 168), (142, 138, 132)),
    "urban_village": (
        (158, 154, 148), (146, 142, 136), (172, 168, 160), (104, 132, 170), (140, 96, 82),
    ),
    "shed": ((92, 124, 170), (184, 188, 190), (112, 140, 178), (168, 172, 176), (196, 198, 196)),
    "slab": ((156, 148, 138), (146, 112, 96), (164, 158, 150), (138, 132, 126)),
    "midrise": ((160, 150, 140), (150, 110, 92), (142, 136, 130)),
    "highrise": ((150, 144, 138), (162, 154, 144), (136, 130, 124)),
    "new": ((188, 184, 178), (178, 176, 172), (194, 188, 180)),
}  # fmt: skip
PLAIN_ROOF = ((168, 164, 158), (154, 150, 146), (178, 174, 168), (142, 140, 138))
CARS = np.array([(232, 232, 230), (40, 42, 46), (168, 170, 172), (150, 40, 36), (54, 74, 120),
                 (212, 206, 190)], dtype=np.float32)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """Heights that the light falls on: surface (metres), crown tone (0 = none), house numbers."""

    surface: Image
    crowns: Image
    ids: NDArray[np.int32]


def photograph(city: City, scene: Scene, grid: Grid, relief: Relief) -> NDArray[np.uint8]:
    """RGB bytes (3, n, n)."""
    rng = city.site.rng(f"photograph {scene.when}")
    image, water = ground_cover(city, scene, grid, relief.ids)
    _markings(city, image, grid)
    _cars(scene, image, grid, rng)
    _roofs(scene, image, grid, relief, rng)
    _crown_colours(image, relief, scene, rng)
    _light(image, relief, water, scene)
    return _sensor(image, grid, scene, rng)


def _markings(city: City, image: Image, grid: Grid) -> None:
    """Lane lines: solid in the middle, dashed between lanes, and stop lines near crossings."""
    roads = city.roads.take(
        shapely.intersects(city.roads.geometry, city.site.window.polygon)
        & (city.roads["width_m"] > 10)
    )
    solid, dashed = [], []
    for line, width in zip(roads.geometry, roads["width_m"], strict=True):
        half = width / 2 - 3.6
        if width < 30:
            solid.append(line)
        lanes = np.arange(3.4, half - 1.5, 3.4)
        dashed += [shapely.offset_curve(line, s * off) for off in lanes for s in (-1, 1)]
        solid += [shapely.offset_curve(line, s * (half - 0.5)) for s in (-1, 1)]
    crossings = _crossings(roads)
    paint = np.zeros(grid.shape, np.int32)
    grid.burn([g.difference(crossings) for g in solid], [1] * len(solid), onto=paint)
    pieces = [_dashes(g.difference(crossings)) for g in dashed]
    grid.burn(pieces, [2] * len(pieces), onto=paint)
    amount = np.array([0.0, 0.42, 0.38], dtype=np.float32)[paint][..., None]
    image += amount * (np.array((214, 212, 200), np.float32) - image)


def _crossings(roads: Features) -> Shape:
    """Where two roads meet there is no paint."""
    row, other = shapely.STRtree(roads.geometry).query(roads.geometry, predicate="intersects")
    pairs = row < other
    meet = shapely.intersection(roads.geometry[row[pairs]], roads.geometry[other[pairs]])
    reach = np.maximum(roads["width_m"][row[pairs]], roads["width_m"][other[pairs]]) / 2 + 3.0
    return shapely.union_all(shapely.buffer(meet, reach))


def _dashes(line: Shape) -> Shape:
    """4 m of paint, 6 m of none."""
    parts = [p for p in shapely.get_parts(line) if p.geom_type == "LineString" and p.length > 8]
    if not parts:
        return shapely.MultiLineString()
    out = []
    for part in parts:
        starts = np.arange(0, part.length - 4.0, 10.0)
        a = shapely.get_coordinates(shapely.line_interpolate_point(part, starts))
        b = shapely.get_coordinates(shapely.line_interpolate_point(part, starts + 4.0))
        out.append(np.stack([a, b], axis=1))
    return shapely.MultiLineString(list(np.concatenate(out)))


def _cars(scene: Scene, image: Image, grid: Grid, rng: np.random.Generator) -> None:
    for x, y, angle, length, width, _ in scene.vehicles:
        found = box_mask(grid, (x, y, angle, length, width))
        if found is None:
            continue
        window, inside = found
        image[window][inside] = CARS[rng.integers(len(CARS))]
        glass = box_mask(grid, (x, y, angle, length * 0.45, width * 0.7))
        if glass is not None:
            image[glass[0]][glass[1]] *= 0.82


def _roofs(
    scene: Scene, image: Image, grid: Grid, relief: Relief, rng: np.random.Generator
) -> None:
    houses, ids = scene.houses, relief.ids
    on = ids > 0
    colours = np.zeros((len(houses) + 1, 3), np.float32)
    for n, (look, tone) in enumerate(zip(houses["look"], houses["tone"], strict=True), start=1):
        table = ROOFS.get(look, PLAIN_ROOF)
        colours[n] = np.array(table[int(tone * 997) % len(table)]) * (0.9 + 0.2 * tone)
    u, v = roof_frame(grid, ids, houses)
    roof = colours[ids[on]]
    gabled = np.isin(houses["look"], ("village", "shed"))[ids[on] - 1]
    shed = (houses["look"] == "shed")[ids[on] - 1]
    light = np.ones(len(roof), np.float32)
    facing = np.where(v[on] < 0, 1.10, 0.86)  # the south side lies in the sun
    light = np.where(gabled, facing, light)
    ribs = np.sin(u[on] * houses["long_m"][ids[on] - 1] * (2 * np.pi / 3.0))
    light += np.where(shed, 0.035 * ribs, 0.0)
    skylight = shed & (np.abs(np.abs(v[on]) - 0.25) < 0.13) & (np.cos(
        u[on] * houses["long_m"][ids[on] - 1] * (2 * np.pi / 12.0)) > 0.93)  # fmt: skip
    roof[skylight] = (214, 220, 218)
    stains = cloud(grid.shape, 6.0, rng)[on] * 0.045 + cloud(grid.shape, 0.8, rng)[on] * 0.03
    roof *= (light + stains)[:, None]
    image[on] = roof
    _edges_and_boxes(scene, image, grid, ids, u, v)


def _edges_and_boxes(
    scene: Scene, image: Image, grid: Grid, ids: NDArray[np.int32], u: Image, v: Image
) -> None:
    """Parapets along flat roofs' edges; lift houses and air conditioners on them; solar heaters."""
    houses = scene.houses
    same = np.ones(grid.shape, bool)
    for axis in (0, 1):
        for step in (1, -1):
            same &= np.roll(ids, step, axis) == ids
    flat = np.concatenate([[False], ~np.isin(houses["look"], ("village", "shed"))])[ids]
    edge = ~same & flat
    image[edge] = image[edge] * 0.6 + 78.0
    long = np.concatenate([[1.0], houses["long_m"]]).astype(np.float32)[ids]
    short = np.concatenate([[1.0], houses["short_m"]]).astype(np.float32)[ids]
    bays = np.concatenate([[0], np.maximum(np.round(houses["long_m"] / 16.0), 1)])[ids]
    cell = (u * bays + 0.5 * (bays % 2 == 0)) % 1.0 - 0.5
    cell = np.where(cell < -0.5, cell + 1, cell)
    metres = np.abs(cell) * long / np.maximum(bays, 1)
    tall = np.concatenate([[0.0], houses["height_m"]])[ids]
    box = flat & (long > 14) & (metres < 1.9) & (np.abs(v - 0.12) * short < 2.2) & (tall > 9)
    image[box] = image[box] * 0.35 + 138.0
    rim = box & ((metres > 1.4) | (np.abs(v - 0.12) * short > 1.7))
    image[rim] *= 0.82
    heaters = flat & (tall > 12) & (tall < 24) & (np.abs(v + 0.22) * short < 0.9) & (metres > 2.6)
    heaters &= np.cos(u * long * (2 * np.pi / 2.5)) > 0.2
    image[heaters] = image[heaters] * 0.5 + (18.0, 24.0, 40.0)


def _crown_colours(image: Image, relief: Relief, scene: Scene, rng: np.random.Generator) -> None:
    crown = relief.crowns > 0
    tone = relief.crowns[crown][:, None]
    if scene.when == "before":
        dark, pale = np.array((62, 80, 40), np.float32), np.array((112, 126, 74), np.float32)
    else:
        dark, pale = np.array((40, 62, 32), np.float32), np.array((82, 108, 54), np.float32)
    leaf = dark + (pale - dark) * tone
    leaf *= 1 + 0.10 * cloud(relief.crowns.shape, 0.7, rng)[crown][:, None]
    image[crown] = leaf


def _light(image: Image, relief: Relief, water: NDArray[np.bool_], scene: Scene) -> None:
    azimuth, height = SUN[scene.when]
    soft = ndimage.gaussian_filter(relief.surface, 0.7)
    north, east = np.gradient(soft, PIXEL_M)
    north = -north
    crown = relief.crowns > 0
    toward = np.radians(azimuth)
    facing = -(
        np.clip(east, -1.2, 1.2) * np.sin(toward) + np.clip(north, -1.2, 1.2) * np.cos(toward)
    )
    image[crown] *= (1 + 0.30 * np.clip(facing, -1.2, 1.2))[crown][:, None]
    shadow = cast_shadow(relief.surface, azimuth, height)
    shadow = ndimage.gaussian_filter(shadow.astype(np.float32), 0.6)
    shadow[water] *= 0.5
    shade = np.array((0.50, 0.46, 0.38), np.float32)  # sky light is blue
    image *= 1 - shadow[..., None] * shade


def cast_shadow(surface: Image, azimuth: float, height: float) -> NDArray[np.bool_]:
    """Pixels the sun does not reach: something towards it stands above the ray."""
    toward = np.radians(azimuth)
    rise = np.tan(np.radians(height)) * PIXEL_M
    tallest = float(surface.max() - surface.min())
    shaded = np.zeros(surface.shape, bool)
    step = 1.0
    while step * rise < tallest:
        row, column = round(-np.cos(toward) * step), round(np.sin(toward) * step)
        shaded |= _moved(surface, row, column) > surface + np.float32(step * rise + 0.25)
        step += 1.0 if step < 40 else 2.0
    return shaded


def _moved(array: Image, rows: int, columns: int) -> Image:
    """array[i + rows, j + columns] at i, j; -inf outside."""
    out = np.full(array.shape, -np.inf, np.float32)
    h, w = array.shape
    a, b = max(0, -rows), min(h, h - rows)
    c, d = max(0, -columns), min(w, w - columns)
    out[a:b, c:d] = array[a + rows : b + rows, c + columns : d + columns]
    return out


def _sensor(image: Image, grid: Grid, scene: Scene, rng: np.random.Generator) -> NDArray[np.uint8]:
    """Blur of the optics, light of the day, misregistration of a strip, noise."""
    gain = np.array(
        (1.0, 0.995, 0.97) if scene.when == "before" else (1.04, 1.02, 0.98), np.float32
    )
    out = np.empty((3, *grid.shape), np.uint8)
    strip = grid.shape[1] * 2 // 3
    for band in range(3):
        plane = ndimage.gaussian_filter(image[..., band], 0.55) * gain[band]
        if scene.when == "after":  # the eastern strip of the second flight lies one pixel off
            plane[:, strip:] = np.roll(plane, (1, 1), (0, 1))[:, strip:]
        plane += rng.standard_normal(grid.shape, dtype=np.float32) * 2.2
        out[band] = np.clip(plane, 0, 255).astype(np.uint8)
    return out
