"""A piece of town as two surface models and two photos, with planted changes and trickery."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio.enums import ColorInterp
from rasterio.transform import Affine
from scipy import ndimage

WEST, NORTH = 502_000.0, 3_651_000.0  # EPSG:4547, metres
GSD = 0.5
Floats = NDArray[np.float32]


@dataclass
class Scene:
    """Write with `write`; `truth` holds (kind, polygon in metres, height change)."""

    rng: np.random.Generator
    size: int
    before: Floats
    after: Floats
    colour_before: Floats
    colour_after: Floats
    truth: list[tuple[str, shapely.Polygon, float]] = field(default_factory=list)

    @property
    def transform(self) -> Affine:
        return Affine(GSD, 0, WEST, 0, -GSD, NORTH)

    def mask(self, shape: shapely.Polygon) -> NDArray[np.bool_]:
        drawn = rasterio.features.rasterize(
            [(shape, 1)], out_shape=(self.size, self.size), transform=self.transform
        )
        return drawn.astype(bool)


def box(x: float, y: float, w: float, h: float, turn: float = 0.0) -> shapely.Polygon:
    """x east and y south of the scene's corner to the middle; w, h sides, metres; degrees."""
    shape = shapely.box(WEST + x - w / 2, NORTH - y - h / 2, WEST + x + w / 2, NORTH - y + h / 2)
    return shapely.affinity.rotate(shape, turn)


def ground(size: int) -> Floats:
    y, x = np.mgrid[:size, :size] * GSD
    return (80 + 0.004 * x - 0.003 * y + 0.4 * np.sin(x / 90)).astype(np.float32)


def town(size: int = 800, seed: int = 7, trees: int = 60) -> Scene:
    """Buildings in rows with trees between; nothing has changed yet."""
    rng = np.random.default_rng(seed)
    earth = ground(size)
    scene = Scene(
        rng=rng,
        size=size,
        before=earth.copy(),
        after=earth.copy(),
        colour_before=np.repeat(np.full((1, size, size), 140, np.float32), 3, axis=0),
        colour_after=np.repeat(np.full((1, size, size), 150, np.float32), 3, axis=0),
    )
    for x in range(40, int(size * GSD) - 30, 80):
        for y in range(30, int(size * GSD) - 20, 60):
            stand(scene, box(x, y, 24, 12), float(rng.uniform(6, 25)), epochs="both")
    for _ in range(trees):
        x, y = rng.uniform(10, size * GSD - 10, 2)
        r = rng.uniform(1.5, 4.0)
        tree(scene, x, y, r, rng.uniform(2, 6), rng.uniform(3, 9))
    return scene


def stand(scene: Scene, shape: shapely.Polygon, height: float, epochs: str = "both") -> None:
    """Put a flat roof `height` above the ground there, in one or both epochs."""
    inside = scene.mask(shape)
    base = float(ground(scene.size)[inside].mean())
    for name in ("before", "after"):
        if epochs in ("both", name):
            getattr(scene, name)[inside] = base + height
            colours = getattr(scene, f"colour_{name}")
            colours[:, inside] = np.array([[150], [140], [140]], np.float32)


def tree(scene: Scene, x: float, y: float, r: float, was: float, grew: float) -> None:
    """A crown with leaves: heights before and after, metres."""
    size = scene.size
    rows, cols = np.mgrid[:size, :size] * GSD
    d2 = ((cols - x) ** 2 + (rows - y) ** 2) / r**2
    inside = d2 < 1
    bare = np.abs(scene.before - ground(size)) < 0.5
    inside &= bare & (np.abs(scene.after - ground(size)) < 0.5)
    for name, height in (("before", was), ("after", grew)):
        leaves = scene.rng.normal(0, 0.8, int(inside.sum()))
        dome = height * np.sqrt(1 - d2[inside]) * 0.6 + height * 0.4
        getattr(scene, name)[inside] += (dome + leaves).astype(np.float32)
        getattr(scene, f"colour_{name}")[:, inside] = np.array([[70], [105], [60]], np.float32)


def change(scene: Scene, kind: str, shape: shapely.Polygon, height: float) -> None:
    """Plant a change and write it down. height: of the construction, of what is pulled down, or
    of the storeys added (on a building of 9 m)."""
    free = shape.buffer(6)
    clear = scene.mask(free)
    earth = ground(scene.size)
    for name in ("before", "after"):
        getattr(scene, name)[clear] = earth[clear]
        getattr(scene, f"colour_{name}")[:, clear] = 145
    if kind == "construction":
        stand(scene, shape, height, "after")
    elif kind == "demolition":
        stand(scene, shape, height, "before")
    else:
        stand(scene, shape, 9.0, "before")
        stand(scene, shape, 9.0 + height, "after")
    scene.truth.append((kind, shape, -height if kind == "demolition" else height))


def planted(size: int = 800, seed: int = 7) -> Scene:
    """A town with one of everything, and things that must not be taken for a change."""
    scene = town(size, seed)
    side = size * GSD
    kinds = ("construction", "demolition", "added_storey", "construction")
    spots = [(x, y) for x in np.arange(80, side - 60, 80) for y in np.arange(60, side - 40, 60)]
    for i, (x, y) in enumerate(spots[::2]):
        kind = kinds[i % 4]
        w, h = scene.rng.uniform(9, 30), scene.rng.uniform(8, 20)
        height = 3.1 * scene.rng.integers(1, 7)
        height = 3.1 * scene.rng.integers(1, 3) + 0.3 if kind == "added_storey" else height
        change(scene, kind, box(x, y, w, h, scene.rng.uniform(-20, 20)), float(height))
    for x, y in spots[1::6]:  # a lorry, a crane's arm
        stand(scene, box(x + 4, y, 2.4, 9.0), 3.6, "after")
        stand(scene, box(x + 20, y + 10, 45, 1.5, 33), 40.0, "after")
    return scene


def write(
    scene: Scene,
    folder: Path,
    *,
    sigma: float = 0.3,
    seed: int = 1,
    correlation_px: float = 0.0,
    offset_m: float = 0.0,
    tilt: float = 0.0,
    shift_px: int = 0,
    holes: bool = False,
    **attributes: Any,
) -> dict[str, Path]:
    """Write before, after, dsm_before, dsm_after with noise of `sigma` metres each (white, or
    correlated over `correlation_px`), the later model raised by `offset_m` and tilted."""
    rng = np.random.default_rng(seed)
    paths = {}
    for epoch, day in (("before", "20230415"), ("after", "20240610")):
        z = getattr(scene, epoch) + noise(rng, scene.size, sigma, correlation_px)
        colours = getattr(scene, f"colour_{epoch}") + rng.normal(0, 4, (3, scene.size, scene.size))
        if epoch == "after":
            z = (
                z
                + np.float32(offset_m)
                + np.float32(tilt) * np.arange(scene.size, dtype="f4") * GSD
            )
            z, colours = np.roll(z, shift_px, 1), np.roll(colours, shift_px, 2)
            if holes:
                z[:, 100:110] = -9999.0
        name = folder / f"dsm_{day}.tif"
        dsm_file(name, z.astype("f4"), scene.transform, day, **attributes)
        paths[f"dsm_{epoch}"] = name
        name = folder / f"ortho_{day}.tif"
        photo_file(name, colours.clip(1, 255).astype("u1"), scene.transform, day)
        paths[epoch] = name
    return paths


def noise(rng: np.random.Generator, size: int, sigma: float, correlation_px: float) -> Floats:
    white = rng.normal(0, 1, (size, size)).astype(np.float32)
    if correlation_px:
        white = ndimage.gaussian_filter(white, correlation_px)
        white /= white.std()
    return (sigma * white).astype(np.float32)


def dsm_file(path: Path, z: Floats, transform: Affine, day: str, **extra: Any) -> None:
    tags = {"TIFFTAG_DATETIME": f"{day[:4]}:{day[4:6]}:{day[6:]} 10:00:00"}
    tags["VERTICAL_DATUM"] = extra.pop("datum", "1985国家高程基准")
    profile = {
        "driver": "GTiff", "width": z.shape[1], "height": z.shape[0], "count": 1,
        "dtype": "float32", "crs": "EPSG:4547", "transform": transform, "nodata": -9999.0,
        "tiled": True, "blockxsize": 256, "blockysize": 256, **extra,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as data:
        data.write(z, 1)
        data.update_tags(**{k: v for k, v in tags.items() if v})


def photo_file(path: Path, colours: Any, transform: Affine, day: str, **extra: Any) -> None:
    profile = {
        "driver": "GTiff", "width": colours.shape[2], "height": colours.shape[1],
        "count": colours.shape[0], "dtype": colours.dtype, "crs": "EPSG:4547",
        "transform": transform, "tiled": True, "blockxsize": 256, "blockysize": 256, **extra,
    }  # fmt: skip
    with rasterio.open(path, "w", **profile) as data:
        data.write(colours)
        if colours.shape[0] == 3:
            data.colorinterp = [ColorInterp.red, ColorInterp.green, ColorInterp.blue]
        data.update_tags(TIFFTAG_DATETIME=f"{day[:4]}:{day[4:6]}:{day[6:]} 10:00:00")


def tally(found: list[Any], truth: list[tuple[str, shapely.Polygon, float]]) -> dict[str, Any]:
    """Matches by overlap (IoU of at least .3), each side once; kind apart."""
    hit, right, used = 0, 0, set()
    for kind, shape, _ in truth:
        best, which = 0.0, -1
        for i, c in enumerate(found):
            common = c.mask.intersection(shape).area
            iou = common / (c.mask.area + shape.area - common)
            if i not in used and iou > best:
                best, which = iou, i
        if best >= 0.3:
            used.add(which)
            hit += 1
            right += found[which].kind == kind
    precision, recall = hit / max(len(found), 1), hit / len(truth)
    f1 = 2 * precision * recall / max(precision + recall, 1e-9)
    return {"precision": precision, "recall": recall, "f1": f1, "kinds": right / max(hit, 1)}
