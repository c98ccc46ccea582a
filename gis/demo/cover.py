"""The ground's colours in the window: fields, lawns, paving, asphalt, water, soil."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from gis.demo.city import City
from gis.demo.grid import Grid, Image, cloud
from gis.demo.river import BANK
from gis.demo.scene import Scene, When
from gis.demo.site import Geometries, Shape
from gis.demo.streets import surfaces
from gis.demo.subdivide import subdivide

PLAIN, ROWS, GRASS, COURT, WATER, SOIL, ASPHALT = range(7)
Rgb = tuple[float, float, float]

# what grows in a field, by date: colours of April (wheat in ear) and of June (stubble, seedlings)
WHEAT: tuple[Rgb, ...] = ((92, 118, 58), (101, 126, 66), (84, 112, 56), (108, 128, 72))
JUNE: tuple[Rgb, ...] = (
    (188, 167, 116), (176, 155, 108), (196, 178, 130), (150, 132, 96), (122, 136, 84),
    (98, 122, 66),
)  # fmt: skip
FIELD: dict[str, tuple[Rgb, Rgb]] = {
    "0101": ((104, 116, 84), (82, 118, 64)), "0201": ((118, 124, 82), (92, 112, 62)),
    "0301": ((88, 100, 62), (62, 86, 46)), "0401": ((124, 128, 84), (108, 124, 72)),
    "1704": ((74, 92, 88), (66, 88, 78)),
}  # fmt: skip
YARD: dict[str, Rgb] = {
    "village": (158, 148, 130), "urban_village": (150, 144, 134), "oldtown": (142, 138, 130),
    "factory": (160, 158, 152), "logistics": (164, 162, 156), "mall": (166, 160, 152),
    "school": (152, 146, 136), "park": (96, 112, 66), "green": (94, 112, 64),
    "reserved": (146, 136, 96), "square": (170, 162, 150),
}  # fmt: skip
ESTATES = ("slab", "midrise", "highrise", "villa", "university", "hospital", "government")
LAWN_SHARE = {
    "park": 0.86, "green": 0.9, "slab": 0.42, "midrise": 0.5, "highrise": 0.55, "villa": 0.65,
    "school": 0.3, "reserved": 0.7, "village": 0.12, "urban_village": 0.05, "factory": 0.16,
    "hospital": 0.4, "government": 0.5, "university": 0.55, "waterworks": 0.45,
}  # fmt: skip


@dataclass(slots=True)
class _Palette:
    """Patches in painting order, each with a colour and a texture."""

    shapes: list[Shape]
    colour: list[Rgb]
    texture: list[int]
    angle: list[float]
    lawn: list[float]

    def add(
        self, shape: Shape, colour: Rgb, texture: int, angle: float = 0.0,
        lawn: float = 0.0,
    ) -> None:  # fmt: skip
        self.shapes.append(shape)
        self.colour.append(colour)
        self.texture.append(texture)
        self.angle.append(angle)
        self.lawn.append(lawn)


def ground_cover(
    city: City, scene: Scene, grid: Grid, houses: NDArray[np.int32]
) -> tuple[Image, NDArray[np.bool_]]:
    """Colours (n, n, 3) as floats 0..255, and where water is. `houses` is not 0 under roofs."""
    palette = _Palette([], [], [], [], [])
    _country(city, palette, scene.when)
    _town(city, palette)
    _waters(city, palette, scene.when)
    _roads(city, palette)
    for site in scene.bare:
        palette.add(site, (162, 138, 108), SOIL)
    for x, y, radius, _ in scene.heaps:
        palette.add(shapely.Point(x, y).buffer(radius), (150, 122, 88), SOIL)
    ids = grid.burn(palette.shapes, range(1, len(palette.shapes) + 1))
    paved = ndimage.uniform_filter((houses > 0).astype(np.float32), 11) > 0.01
    return _textured(palette, ids, grid, city.site.rng("cover"), scene.when, paved)


def _in_view(city: City, shapes: Geometries) -> NDArray[np.bool_]:
    seen: NDArray[np.bool_] = shapely.intersects(shapes, city.site.window.polygon)
    return seen


def _country(city: City, palette: _Palette, when: When) -> None:
    rng = city.site.rng("crops")
    fields = city.country.fields.take(_in_view(city, city.country.fields.geometry))
    strips = subdivide(
        fields.geometry, rng.uniform(2500, 9000, len(fields)), rng, min_side_m=11, skew_deg=0.4,
        ratio=(0.3, 0.7),
    )  # fmt: skip
    angle = rng.uniform(-0.25, 0.25, len(fields)) + rng.choice([0.0, np.pi / 2], len(fields))
    for shape, field in zip(strips.polygon, strips.origin, strict=True):
        use = fields["land_use"][field]
        crops = (WHEAT[rng.integers(len(WHEAT))], JUNE[rng.integers(len(JUNE))])
        colour = FIELD.get(use, crops)[when == "after"]
        texture = {"0103": ROWS, "0101": ROWS, "0201": ROWS, "1704": WATER}.get(use, GRASS)
        palette.add(shape, colour, texture, float(angle[field]))
    for shape in city.country.villages.geometry[_in_view(city, city.country.villages.geometry)]:
        palette.add(shape.buffer(12), (112, 116, 82), GRASS)
        palette.add(shape, YARD["village"], COURT, lawn=LAWN_SHARE["village"])


def _town(city: City, palette: _Palette) -> None:
    blocks = city.blocks.take(_in_view(city, city.blocks.geometry))
    for shape, manner in zip(blocks.geometry, blocks["manner"], strict=True):
        colour = YARD.get(manner, (164, 158, 148))
        palette.add(shape, colour, COURT, lawn=LAWN_SHARE.get(manner, 0.2))
        if manner in ESTATES:  # the drive round an estate
            drive = shape.buffer(-9.5).difference(shape.buffer(-14.0))
            palette.add(drive, (138, 136, 133), PLAIN)
        if manner == "school":
            _sports_ground(shape, palette)


def _sports_ground(block: Shape, palette: _Palette) -> None:
    w, s, e, n = block.bounds
    middle = shapely.Point(w + 0.3 * (e - w), (s + n) / 2 - 0.1 * (n - s))
    reach = min(0.17 * (e - w), 36.0)
    oval = shapely.LineString(
        [(middle.x, middle.y - 0.9 * reach), (middle.x, middle.y + 0.9 * reach)]
    ).buffer(reach)
    if block.contains(oval):
        palette.add(oval, (164, 84, 66), PLAIN)
        palette.add(oval.buffer(-0.24 * reach), (88, 132, 66), GRASS)


def _waters(city: City, palette: _Palette, when: When) -> None:
    corridor = city.land.corridor.intersection(city.site.window.polygon.buffer(BANK))
    grass = (112, 124, 70) if when == "before" else (88, 112, 58)
    palette.add(corridor, grass, GRASS)
    palette.add(city.land.river.buffer(4.0), (138, 130, 104), SOIL)
    colour = (78, 96, 88) if when == "before" else (86, 98, 78)
    palette.add(city.land.river, colour, WATER)


def _roads(city: City, palette: _Palette) -> None:
    roads = city.roads.take(_in_view(city, city.roads.geometry))
    order = np.argsort(roads["width_m"], kind="stable")
    roads = roads.take(order)
    lane = roads["width_m"] < 10
    for shape in surfaces(roads):
        palette.add(shape, (158, 153, 146), PLAIN)  # pavements
    half = np.maximum(roads["width_m"] / 2 - 3.6, 2.2)
    carriage = shapely.buffer(roads.geometry, half, quad_segs=4)
    for shape, is_lane in zip(carriage, lane, strict=True):
        palette.add(shape, (156, 152, 144) if is_lane else (104, 104, 103), ASPHALT)
    broad = roads["width_m"] > 30
    every = shapely.union_all(roads.geometry[roads["width_m"] > 10])
    for line in roads.geometry[broad]:
        others = every.difference(line.buffer(2))
        palette.add(line.buffer(1.4).difference(others.buffer(16)), (84, 108, 60), GRASS)


def _textured(
    palette: _Palette,
    ids: NDArray[np.int32],
    grid: Grid,
    rng: np.random.Generator,
    when: When,
    paved: NDArray[np.bool_],
) -> tuple[Image, NDArray[np.bool_]]:
    base = (128, 130, 88) if when == "before" else (112, 124, 74)
    colour = np.array([base, *palette.colour], dtype=np.float32)
    texture = np.array([GRASS, *palette.texture])[ids]
    fine, small, wide = (cloud(grid.shape, size, rng) for size in (0.8, 5.0, 40.0))
    image = colour[ids]
    lawn_share = np.array([0.0, *palette.lawn], dtype=np.float32)[ids]
    ragged = cloud(grid.shape, 1.8, rng)
    level = np.clip(0.5 + 0.40 * (0.72 * wide + 0.5 * small + 0.3 * ragged), 0, 1)
    lawn = (texture == COURT) & (level < lawn_share) & ~paved
    image[lawn] = (98, 116, 66) if when == "before" else (80, 106, 54)
    light = np.ones(grid.shape, np.float32)
    for kind, (a, b, c) in AMOUNT.items():
        here = (texture == kind) & ~lawn if kind == COURT else texture == kind
        light[here] += (a * fine + b * small + c * wide)[here]
    light[lawn] += (0.05 * fine + 0.05 * small)[lawn]
    rows = texture == ROWS
    x, y = grid.axes()
    angle = np.array([0.0, *palette.angle], dtype=np.float32)
    along = (x * np.cos(angle)[ids] + y * np.sin(angle)[ids])[rows]
    light[rows] += 0.035 * np.sin(along * (2 * np.pi / 2.6))
    light[rows] += 0.018 * np.sin(along * (2 * np.pi / 17.0))
    image *= light[..., None]
    return image, texture == WATER


# texture -> how much fine, small and wide noise shows
AMOUNT = {
    PLAIN: (0.02, 0.015, 0.01), ROWS: (0.03, 0.03, 0.05), GRASS: (0.06, 0.07, 0.06),
    COURT: (0.035, 0.05, 0.04), WATER: (0.012, 0.01, 0.05), SOIL: (0.05, 0.07, 0.05),
    ASPHALT: (0.025, 0.03, 0.03),
}  # fmt: skip
