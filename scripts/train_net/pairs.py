"""Pairs to train the engine `net` on: random places painted twice, and where houses stand in each.

    python scripts/train_net/pairs.py BANK --scenes 2000 [--cities 3] [--seed 1]

Nothing here was photographed. A place is ground, roads, trees, cars and houses of random make;
between its two dates houses come and go, and so does all else that must not be taken for them:
season, light, shadow, cleared ground, trees, cars, roof paint, haze, blur, JPEG, and both are
shifted against one another. To these come cuts of the program's own generated cities. BANK is a
folder: `images.npy` (n, 2, 3, SIDE, SIDE) and `houses.npy` (n, 2, SIDE, SIDE), bytes; the same
seed gives the same bytes.
"""

from __future__ import annotations

import argparse
import io
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

SIDE = 288
FINE = 2  # painted twice as fine and averaged, so that edges are not stairs
Rng = np.random.Generator
Colours = NDArray[np.float32]  # (rows, columns, 3), 0 to 255
Points = NDArray[np.float64]  # (n, 2): x, y in pixels

GRASS = ((96, 112, 62), (120, 126, 78), (72, 92, 52), (142, 138, 96), (100, 104, 70))
SOIL = ((168, 148, 120), (150, 118, 90), (190, 176, 152), (132, 112, 92), (176, 130, 100))
PAVED = ((150, 150, 148), (120, 122, 126), (182, 180, 174), (96, 98, 102), (166, 158, 146))
WOODS = ((52, 68, 42), (64, 78, 48), (44, 60, 44), (80, 84, 54))
ROOFS = (
    (92, 90, 90), (70, 68, 70), (120, 110, 100), (142, 128, 112), (150, 92, 74), (134, 84, 70),
    (168, 164, 158), (96, 126, 168), (196, 198, 196), (212, 208, 200), (110, 84, 72),
    (84, 80, 76), (160, 152, 138), (104, 118, 126), (186, 112, 84), (230, 228, 222), (60, 92, 140),
    (128, 134, 122),
)  # fmt: skip
CARS = ((232, 232, 230), (40, 42, 46), (168, 170, 172), (150, 40, 36), (54, 74, 120))


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """parts: rectangles as (along, across) centre offsets and half sides, in pixels, about
    `middle`, turned by `angle`. stands: at (before, after)."""

    middle: Points
    angle: float
    parts: tuple[tuple[float, float, float, float], ...]
    height: float
    roof: str
    colour: tuple[int, ...]
    stands: tuple[bool, bool]

    def corners(self, part: tuple[float, float, float, float], shift: Points) -> Points:
        u, v, a, b = part
        local = np.array([(u - a, v - b), (u + a, v - b), (u + a, v + b), (u - a, v + b)])
        return self.placed(local) + shift

    def placed(self, local: Points) -> Points:
        cos, sin = np.cos(self.angle), np.sin(self.angle)
        turned: Points = local @ np.array([[cos, sin], [-sin, cos]]) + self.middle
        return turned


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What differs between the dates. sun: where shadows fall, pixels a pixel of height; lean:
    how far roofs stand off their walls, the same."""

    number: int
    sun: Points
    dark: float
    lean: Points
    greener: float
    dry: Colours


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bank", type=Path)
    parser.add_argument("--scenes", type=int, default=2000)
    parser.add_argument("--cities", type=int, default=3)
    parser.add_argument("--cuts", type=int, default=150, help="of each city")
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    asked.bank.mkdir(parents=True, exist_ok=True)
    total = asked.scenes + asked.cities * asked.cuts
    images = np.lib.format.open_memmap(
        asked.bank / "images.npy", "w+", np.uint8, (total, 2, 3, SIDE, SIDE)
    )
    houses = np.lib.format.open_memmap(
        asked.bank / "houses.npy", "w+", np.uint8, (total, 2, SIDE, SIDE)
    )
    for i in range(asked.scenes):
        images[i], houses[i] = painted(np.random.default_rng([asked.seed, i]))
    at = asked.scenes
    for number in range(asked.cities):
        rng = np.random.default_rng([asked.seed, 7, number])
        for image, standing in city_cuts(100 + number, asked.cuts, rng):
            images[at], houses[at] = image, standing
            at += 1
    (asked.bank / "bank.json").write_text(
        json.dumps({"scenes": asked.scenes, "cities": asked.cities, "seed": asked.seed})
    )


def painted(rng: Rng) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """One place at two dates: images (2, 3, SIDE, SIDE), houses (2, SIDE, SIDE)."""
    gsd = float(np.exp(rng.uniform(np.log(0.3), np.log(0.9))))
    px = FINE / gsd  # pixels a metre
    n = SIDE * FINE
    fields = _fields(rng, n)
    roads = _roads(rng, n, px)
    houses = _houses(rng, n, px, roads)
    trees = _trees(rng, n, px)
    sun = _direction(rng) * rng.uniform(0.3, 1.5)
    images, standing = [], []
    cleared = rng.random() < 0.5
    for number in (0, 1):
        if rng.random() < 0.6:
            sun = _direction(rng) * rng.uniform(0.3, 1.5)
        epoch = Epoch(
            number=number, sun=sun, dark=float(rng.uniform(0.3, 0.7)),
            lean=_direction(rng) * rng.uniform(0.0, 0.25), greener=float(rng.normal(0, 1)),
            dry=rng.normal(0, 7, 3).astype(np.float32),
        )  # fmt: skip
        image = _ground(rng, fields, epoch, n, px)
        _draw_roads(rng, image, roads, n, px)
        if cleared and number == 1:
            _clear(rng, image, houses, n)
        _yards(rng, image, houses, epoch, n, px)
        _draw_cars(rng, image, roads, n, px)
        shade, mask = _shadows_and_mask(houses, epoch, n)
        image = _draw_houses(rng, image, houses, epoch, n, px)
        image = _draw_trees(rng, image, shade, trees, epoch, n, mask)
        image *= (1.0 - epoch.dark * ndimage.gaussian_filter(shade, 1.0))[..., None]
        images.append(image)
        standing.append(mask)
    return _sensed(rng, images, standing, gsd)


# --- the place -----------------------------------------------------------------------------


def _direction(rng: Rng) -> Points:
    angle = rng.uniform(0, 2 * np.pi)
    return np.array([np.cos(angle), np.sin(angle)])


def _cloud(rng: Rng, n: int, size: float) -> NDArray[np.float32]:
    """Noise that hangs together over `size` pixels, of deviation one."""
    small = max(4, int(n / max(size, 1.0)) + 3)
    coarse = rng.normal(0, 1, (small, small)).astype(np.float32)
    if small >= n:
        return coarse[:n, :n]
    big = Image.fromarray(coarse).resize((n, n), Image.Resampling.BICUBIC)
    return np.asarray(big, dtype=np.float32)


def _fields(rng: Rng, n: int) -> list[tuple[Any, tuple[int, ...], float, float]]:
    """Covers of the ground: (mask or None for all, colour, roughness, row spacing or 0)."""
    found = []
    for i in range(int(rng.integers(2, 6))):
        kinds = (GRASS, SOIL, PAVED, WOODS)
        kind = kinds[int(rng.choice(4, p=[0.45, 0.3, 0.15, 0.1]))]
        colour = kind[int(rng.integers(len(kind)))]
        rows = float(rng.uniform(4, 14)) if rng.random() < 0.2 else 0.0
        where = None
        if i:
            if rng.random() < 0.5:
                where = _cloud(rng, n, rng.uniform(40, 300)) > rng.uniform(0.2, 1.0)
            else:
                where = _polygon_mask(n, [_box(rng, n)])
        found.append((where, colour, float(rng.uniform(2, 22)), rows))
    return found


def _box(rng: Rng, n: int) -> Points:
    half = rng.uniform(0.06, 0.4, 2) * n
    angle = rng.uniform(0, np.pi)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * half @ turn + rng.uniform(0, n, 2)


def _polygon_mask(n: int, polygons: list[Points]) -> NDArray[np.bool_]:
    drawn = Image.new("L", (n, n))
    pen = ImageDraw.Draw(drawn)
    for points in polygons:
        pen.polygon([tuple(p) for p in points], fill=1)
    return np.asarray(drawn).astype(bool)


def _roads(rng: Rng, n: int, px: float) -> list[tuple[Points, float, tuple[int, ...]]]:
    """Lines with width and colour."""
    roads = []
    for _ in range(int(rng.integers(0, 5))):
        start, way = rng.uniform(0, n, 2), rng.uniform(0, 2 * np.pi)
        bend = rng.normal(0, 0.3) if rng.random() < 0.4 else 0.0
        for sign in (1, -1):
            angle, point, points = way, start.copy(), [start.copy()]
            for _ in range(10):
                point = point + sign * np.array([np.cos(angle), np.sin(angle)]) * n / 6
                angle += bend
                points.append(point.copy())
            colour = PAVED[int(rng.integers(len(PAVED)))]
            width = float(rng.uniform(3, 14)) * px
            roads.append((np.array(points), width, colour))
            if bend:
                break
    return roads


def _houses(rng: Rng, n: int, px: float, roads: list[Any]) -> list[House]:
    """Rows along one direction, or scattered; of one style with exceptions."""
    style = str(rng.choice(["suburb", "village", "slabs", "sheds", "mixed"],
                           p=[0.35, 0.2, 0.15, 0.15, 0.15]))  # fmt: skip
    pitch = {"suburb": 24, "village": 18, "slabs": 38, "sheds": 60, "mixed": 34}[style] * px
    pitch *= rng.uniform(0.8, 1.4)
    angle = rng.uniform(0, np.pi)
    cos, sin = np.cos(angle), np.sin(angle)
    filled = rng.uniform(0.1, 0.95)
    fate = _fates(rng)
    palette = [ROOFS[int(i)] for i in rng.integers(0, len(ROOFS), int(rng.integers(1, 5)))]
    cores = [_line_mask(n, line, width + 3 * px) for line, width, _ in roads]
    street = np.any(cores, axis=0) if cores else np.zeros((n, n), bool)
    houses = []
    reach = int(n / pitch) + 2
    for i in range(-reach, reach + 1):
        for j in range(-reach, reach + 1):
            if rng.random() > filled:
                continue
            local = np.array([i * pitch, j * pitch * rng.uniform(0.9, 1.1)])
            local = local + rng.normal(0, 0.08 * pitch, 2)
            middle = local @ np.array([[cos, sin], [-sin, cos]]) + n / 2
            if not (-20 < middle[0] < n + 20 and -20 < middle[1] < n + 20):
                continue
            x, y = (int(np.clip(v, 0, n - 1)) for v in middle)
            if street[y, x]:
                continue
            turn = angle + (rng.integers(4) * np.pi / 2) + rng.normal(0, 0.05)
            if rng.random() < 0.1:
                turn = rng.uniform(0, np.pi)
            houses.append(_house(rng, middle, turn, style, pitch, px, palette, fate))
    return houses[:70]


def _fates(rng: Rng) -> NDArray[np.float64]:
    """Chances of (stands at both, comes, goes)."""
    kind = rng.random()
    if kind < 0.2:
        return np.array([1.0, 0.0, 0.0])
    if kind < 0.45:
        return np.array([0.1, 0.9, 0.0])  # a quarter is built
    if kind < 0.55:
        return np.array([0.2, 0.0, 0.8])
    return rng.dirichlet([2.0, 1.0, 0.6])


def _house(
    rng: Rng, middle: Points, angle: float, style: str, pitch: float, px: float,
    palette: list[tuple[int, ...]], fate: NDArray[np.float64],
) -> House:  # fmt: skip
    kind = style if style != "mixed" else str(rng.choice(["suburb", "slabs", "sheds"]))
    long, wide, height = {
        "suburb": (rng.uniform(5, 10), rng.uniform(4, 8), rng.uniform(3, 8)),
        "village": (rng.uniform(4, 8), rng.uniform(3.5, 6), rng.uniform(3, 12)),
        "slabs": (rng.uniform(10, 30), rng.uniform(5, 8), rng.uniform(9, 40)),
        "sheds": (rng.uniform(10, 35), rng.uniform(7, 18), rng.uniform(5, 12)),
    }[kind]
    a, b = min(long * px, pitch * 0.48), min(wide * px, pitch * 0.48)
    parts = [(0.0, 0.0, a, b)]
    if kind == "suburb" or rng.random() < 0.3:
        for _ in range(int(rng.integers(0, 3))):
            pa, pb = a * rng.uniform(0.25, 0.6), b * rng.uniform(0.4, 0.8)
            u = rng.choice([-1, 1]) * (a - pa) * rng.uniform(0.3, 1.0)
            parts.append((float(u), float(rng.choice([-1, 1]) * b * rng.uniform(0.4, 1)), pa, pb))
    roofs = {"suburb": [0.05, 0.35, 0.6], "village": [0.45, 0.45, 0.1],
             "slabs": [0.7, 0.2, 0.1], "sheds": [0.6, 0.4, 0.0]}[kind]  # fmt: skip
    comes = int(rng.choice(3, p=fate))
    return House(
        middle=middle, angle=angle, parts=tuple(parts), height=height * px,
        roof=str(rng.choice(["flat", "gable", "hip"], p=roofs)),
        colour=palette[int(rng.integers(len(palette)))],
        stands=(comes != 1, comes != 2),
    )  # fmt: skip


def _trees(rng: Rng, n: int, px: float) -> list[tuple[float, float, float, int]]:
    """x, y, radius, and at which date it stands (2 = both)."""
    many = int(rng.choice([0, 15, 60, 160]) * rng.uniform(0.4, 1.4))
    place = _cloud(rng, n, 120)
    found = []
    for _ in range(many):
        x, y = rng.uniform(0, n, 2)
        if place[int(y), int(x)] < rng.normal(0, 0.6):
            continue
        when = int(rng.choice([2, 0, 1], p=[0.6, 0.3, 0.1]))
        found.append((float(x), float(y), float(rng.uniform(1.2, 5) * px), when))
    return found


# --- painting ------------------------------------------------------------------------------


def _ground(rng: Rng, fields: list[Any], epoch: Epoch, n: int, px: float) -> Colours:
    image = np.zeros((n, n, 3), np.float32)
    fine = _cloud(rng, n, 1.0)
    middle, broad = _cloud(rng, n, rng.uniform(3, 9)), _cloud(rng, n, rng.uniform(20, 90))
    y, x = np.mgrid[:n, :n].astype(np.float32)
    for where, colour, rough, rows in fields:
        tone = np.array(colour, np.float32)
        if colour in GRASS or colour in WOODS:
            season = np.array([14.0, -4.0, 6.0], np.float32) * -epoch.greener
            tone = tone + season + epoch.dry
        else:
            tone = tone + epoch.dry * 0.6
        grain = 0.45 * fine + 0.6 * middle + 0.6 * broad
        if rows:
            grain = grain + np.sin((x * 0.8 + y * 0.6) * (2 * np.pi / (rows * px / 2)))
        patch = tone + (grain * rough)[..., None]
        if where is None:
            image[:] = patch
        else:
            image[where] = patch[where]
    return image


def _line_mask(n: int, line: Points, width: float) -> NDArray[np.bool_]:
    drawn = Image.new("L", (n, n))
    ImageDraw.Draw(drawn).line([tuple(p) for p in line], fill=1, width=max(1, int(width)),
                               joint="curve")  # fmt: skip
    return np.asarray(drawn).astype(bool)


def _draw_roads(rng: Rng, image: Colours, roads: list[Any], n: int, px: float) -> None:
    grain = _cloud(rng, n, 1.0) * 3 + _cloud(rng, n, 30) * 5
    for line, width, colour in roads:
        kerb = _line_mask(n, line, width + 3 * px)
        image[kerb] = np.array((176, 172, 164), np.float32) + grain[kerb][:, None]
        on = _line_mask(n, line, width)
        image[on] = np.array(colour, np.float32) + grain[on][:, None]
        if width > 7 * px and rng.random() < 0.5:
            image[_line_mask(n, line, max(1.0, 0.3 * px))] = 205.0


def _clear(rng: Rng, image: Colours, houses: list[House], n: int) -> None:
    """Bare ground where building goes on, also where nothing was built."""
    spots = [h.middle for h in houses if not h.stands[0]]
    spots += [rng.uniform(0, n, 2) for _ in range(int(rng.integers(0, 3)))]
    if not spots:
        return
    y, x = np.mgrid[:n, :n]
    near = np.full((n, n), np.inf, np.float32)
    for middle in spots:
        np.minimum(near, np.hypot(x - middle[0], y - middle[1]), out=near)
    bare = near < rng.uniform(15, 70) + 12 * _cloud(rng, n, 14)
    tone = np.array(SOIL[int(rng.integers(len(SOIL)))], np.float32)
    grain = _cloud(rng, n, 1.0) * 8 + _cloud(rng, n, 8) * 10
    image[bare] = tone + grain[bare][:, None]


def _yards(rng: Rng, image: Colours, houses: list[House], epoch: Epoch, n: int, px: float) -> None:
    """A drive, a slab or a lawn beside a house. Slabs without a house as well."""
    for house in houses:
        alone = not house.stands[epoch.number]
        if rng.random() > (0.15 if alone else 0.7):
            continue
        a, b = house.parts[0][2:]
        where = _polygon_mask(n, [house.corners(
            (a * rng.uniform(-1, 1), b * rng.uniform(0.6, 2.0), rng.uniform(2, 4) * px,
             rng.uniform(3, 8) * px), np.zeros(2))])  # fmt: skip
        kinds = (PAVED, PAVED, GRASS, SOIL)[int(rng.integers(4))]
        tone = np.array(kinds[int(rng.integers(len(kinds)))], np.float32)
        image[where] = tone + rng.normal(0, 4, (int(where.sum()), 1))


def _draw_cars(rng: Rng, image: Colours, roads: list[Any], n: int, px: float) -> None:
    for line, width, _ in roads:
        for _ in range(int(rng.integers(0, 8))):
            i = int(rng.integers(len(line) - 1))
            way = line[i + 1] - line[i]
            along = way / max(float(np.hypot(*way)), 1e-6)
            across = np.array([-along[1], along[0]])
            at = line[i] + way * rng.random() + across * width * rng.uniform(-0.4, 0.4)
            u, v = along * 2.3 * px, across * 0.9 * px
            car = _polygon_mask(n, [np.array([at - u - v, at + u - v, at + u + v, at - u + v])])
            image[car] = CARS[int(rng.integers(len(CARS)))]


def _shadows_and_mask(
    houses: list[House], epoch: Epoch, n: int
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Shadow on the ground (0 to 1) and the pixels of the roofs."""
    shadows, roofs = [], []
    for house in houses:
        if not house.stands[epoch.number]:
            continue
        lean = epoch.lean * house.height
        for part in house.parts:
            foot = house.corners(part, np.zeros(2))
            away = epoch.sun * house.height
            shadows += [np.array([foot[k], foot[(k + 1) % 4], foot[(k + 1) % 4] + away,
                                  foot[k] + away]) for k in range(4)]  # fmt: skip
            shadows.append(foot + away)
            roofs.append(foot + lean)
    mask = _polygon_mask(n, roofs)
    shade = (_polygon_mask(n, shadows) & ~mask).astype(np.float32)
    return shade, mask


def _draw_houses(
    rng: Rng, image: Colours, houses: list[House], epoch: Epoch, n: int, px: float
) -> Colours:
    canvas = Image.fromarray(image.clip(0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(canvas)
    for house in houses:
        if not house.stands[epoch.number]:
            continue
        tone = np.array(house.colour, float)
        if rng.random() < 0.04:  # painted anew: no change of the house
            tone = np.array(ROOFS[int(rng.integers(len(ROOFS)))], float)
        for part in house.parts:
            _draw_part(rng, pen, house, part, tone * rng.uniform(0.95, 1.05), epoch, px)
    drawn = np.asarray(canvas, dtype=np.float32).copy()
    on = _shadows_and_mask(houses, epoch, n)[1]
    grain = _cloud(rng, n, 1.0) * rng.uniform(1, 6) + _cloud(rng, n, 12) * rng.uniform(1, 7)
    drawn[on] += grain[on][:, None]
    keep = ~on & (np.abs(drawn - image).max(axis=2) < 2.0)
    drawn[keep] = image[keep]
    return drawn


def _draw_part(
    rng: Rng, pen: ImageDraw.ImageDraw, house: House, part: tuple[float, float, float, float],
    tone: NDArray[np.float64], epoch: Epoch, px: float,
) -> None:  # fmt: skip
    """Walls seen aslant, then the roof: flat with boxes, two sides, or four."""
    u, v, a, b = part
    lean = epoch.lean * house.height
    foot, top = house.corners(part, np.zeros(2)), house.corners(part, lean)
    for k in range(4):
        wall = [foot[k], foot[(k + 1) % 4], top[(k + 1) % 4], top[k]]
        pen.polygon([tuple(p) for p in wall], fill=_rgb(tone * 0.75 + 20))
    if house.roof == "flat":
        pen.polygon([tuple(p) for p in top], fill=_rgb(tone), outline=_rgb(tone * 1.18 + 8))
        for _ in range(int(rng.integers(0, 5))):
            box = (u + a * rng.uniform(-0.7, 0.7), v + b * rng.uniform(-0.7, 0.7),
                   rng.uniform(0.5, 2.5) * px, rng.uniform(0.5, 2) * px)  # fmt: skip
            if box[2] < a / 2 and box[3] < b / 2:
                shade = _rgb(tone * rng.uniform(0.6, 1.4))
                pen.polygon([tuple(p) for p in house.corners(box, lean)], fill=shade)
        return
    inset = min(a, b) if house.roof == "hip" else 0.0
    along = a >= b
    ends = np.array([(u - a + inset, v), (u + a - inset, v)] if along
                    else [(u, v - b + inset), (u, v + b - inset)])  # fmt: skip
    r0, r1 = house.placed(ends) + lean
    order = [0, 1, 2, 3] if along else [3, 0, 1, 2]
    c = top[order] if along else top[[3, 0, 1, 2]]
    if not along:
        r0, r1 = r1, r0
    sides = [([c[0], c[1], r1, r0]), ([c[1], c[2], r1]), ([c[2], c[3], r0, r1]), ([c[3], c[0], r0])]
    for side in sides:
        edge = np.asarray(side[1]) - np.asarray(side[0])
        normal = np.array([edge[1], -edge[0]]) / max(float(np.hypot(*edge)), 1e-6)
        toward = -float(normal @ epoch.sun) / max(float(np.hypot(*epoch.sun)), 1e-6)
        pen.polygon([tuple(p) for p in side], fill=_rgb(tone * (1 + 0.2 * toward)))


def _rgb(tone: NDArray[np.float64]) -> tuple[int, int, int]:
    r, g, b = (int(v) for v in np.clip(tone, 0, 255))
    return r, g, b


def _draw_trees(
    rng: Rng, image: Colours, shade: NDArray[np.float32], trees: list[Any], epoch: Epoch, n: int,
    roofs: NDArray[np.bool_],
) -> Colours:  # fmt: skip
    tone = np.array(WOODS[int(rng.integers(len(WOODS)))], np.float32)
    tone = tone + np.array([10, -2, 4], np.float32) * -epoch.greener
    bumps = _cloud(rng, n, 4)
    for x, y, radius, when in trees:
        if when not in (2, epoch.number):
            continue
        r = int(radius) + 2
        top, left = max(0, int(y) - r), max(0, int(x) - r)
        rows, cols = np.mgrid[top : min(n, int(y) + r), left : min(n, int(x) + r)]
        if not rows.size:
            continue
        away = np.hypot(rows - y, cols - x) + bumps[rows, cols] * radius * 0.2
        crown = (away < radius) & ~roofs[rows, cols]
        fall = np.hypot(rows - y - epoch.sun[1] * radius, cols - x - epoch.sun[0] * radius)
        dark = (fall < radius) & ~crown & ~roofs[rows, cols]
        shade[rows[dark], cols[dark]] = 1.0
        relief = 1.0 + 0.18 * bumps[rows, cols] - 0.12 * (
            (cols - x) * epoch.sun[0] + (rows - y) * epoch.sun[1]) / radius  # fmt: skip
        painted_ = tone * relief[..., None] + rng.normal(0, 5)
        image[rows[crown], cols[crown]] = painted_[crown]
        shade[rows[crown], cols[crown]] = 0.0
    return image


# --- the camera ----------------------------------------------------------------------------


def _sensed(
    rng: Rng, images: list[Colours], houses: list[NDArray[np.bool_]], gsd: float
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    out, masks = [], []
    for number, (image, mask) in enumerate(zip(images, houses, strict=True)):
        shift = rng.normal(0, 0.6, 2) * number  # pixels of the picture
        moved = ndimage.shift(image, (*(shift * FINE), 0), order=1, mode="nearest")
        small = moved.reshape(SIDE, FINE, SIDE, FINE, 3).mean(axis=(1, 3))
        share = mask.astype(np.float32).reshape(SIDE, FINE, SIDE, FINE).mean(axis=(1, 3))
        out.append(np.ascontiguousarray(camera(rng, small).transpose(2, 0, 1)))
        masks.append((share >= 0.5).astype(np.uint8))
    return np.stack(out), np.stack(masks)


def camera(rng: Rng, image: Colours) -> NDArray[np.uint8]:
    """Colour cast, contrast, haze, blur, noise and JPEG of one photograph, bytes."""
    x = image.clip(0, 255) / 255.0
    x = x ** np.float32(np.exp(rng.normal(0, 0.25)))
    x = x * rng.normal(1.0, 0.06, 3).astype(np.float32)
    grey = x.mean(axis=2, keepdims=True)
    x = grey + (x - grey) * rng.uniform(0.4, 1.5)
    x = 0.5 + (x - 0.5) * rng.uniform(0.65, 1.4) + rng.normal(0, 0.07)
    x = x + rng.uniform(0, 0.08) * np.array([0.9, 1.0, 1.15], np.float32)
    if (blur := rng.uniform(-0.5, 1.1)) > 0.2:
        x = ndimage.gaussian_filter(x, (blur, blur, 0))
    elif blur < -0.2:
        x = x + 0.7 * (x - ndimage.gaussian_filter(x, (1, 1, 0)))
    x = x + rng.normal(0, rng.uniform(0.0, 0.025), x.shape)
    pixels = (x * 255).clip(0, 255).astype(np.uint8)
    if rng.random() < 0.6:
        memory = io.BytesIO()
        Image.fromarray(pixels).save(memory, "JPEG", quality=int(rng.integers(40, 95)))
        pixels = np.asarray(Image.open(memory))
    return pixels


def city_cuts(seed: int, cuts: int, rng: Rng) -> list[tuple[Any, Any]]:
    """Cuts of a generated city's two photographs, most of them at changes. Of the houses only
    those that changed are known here, so the others count as standing at neither date."""
    import rasterio
    import rasterio.features
    import shapely

    from gis.coords import STORAGE, norm_frame, normalise
    from gis.demo import write_city

    with tempfile.TemporaryDirectory() as folder:
        manifest = write_city(Path(folder), seed=seed, size="small")
        photos = []
        for when in ("before", "after"):
            with rasterio.open(manifest.images[f"ortho_{when}"]) as data:
                photos.append(data.read())
                transform, shape = data.transform, data.shape
        features = json.loads((manifest.truth / "changes.geojson").read_text("utf-8"))["features"]
    shapes = np.array([shapely.from_geojson(json.dumps(f["geometry"])) for f in features])
    placed = normalise(shapes, STORAGE, target=norm_frame("EPSG:4547")).geometry
    kinds = [f["properties"]["kind"] for f in features]
    masks, spots = [], []
    for kind in ("demolition", "construction"):
        chosen = [s for s, k in zip(placed, kinds, strict=True) if k == kind]
        masks.append(rasterio.features.rasterize(
            [(s, 1) for s in chosen], out_shape=shape, transform=transform, dtype=np.uint8
        ) if chosen else np.zeros(shape, np.uint8))  # fmt: skip
        spots += [~transform * s.centroid.coords[0] for s in chosen]
    found = []
    for i in range(cuts):
        x, y = spots[int(rng.integers(len(spots)))] if i % 3 else rng.uniform(0, shape, 2)
        x, y = np.array([x, y]) + rng.uniform(-SIDE / 3, SIDE / 3, 2) - SIDE / 2
        left, top = (int(np.clip(v, 0, shape[0] - SIDE)) for v in (x, y))
        cut = (slice(top, top + SIDE), slice(left, left + SIDE))
        images = [camera(rng, p[:, *cut].transpose(1, 2, 0).astype(np.float32)) for p in photos]
        found.append((np.stack([p.transpose(2, 0, 1) for p in images]),
                      np.stack([m[cut] for m in masks])))  # fmt: skip
    return found


if __name__ == "__main__":
    main()
