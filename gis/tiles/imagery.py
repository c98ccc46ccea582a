"""Map tiles of images: what is seen of them in one tile, newest on top, transparent elsewhere.

    drawn = draw_tile(pictures, WEB_MERCATOR, 17, 106993, 52901, "image")
    body = encoded(drawn, "webp")

Where a pixel of the tile lies in an image is found by our own transformations (the same that
placed the footprint), on a lattice of points and straight between them; the image's overview that
is just finer than the tile is read, by window, so that memory follows the tile and never the image.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio.enums import Resampling
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile
from rasterio.transform import Affine
from rasterio.windows import Window
from scipy.ndimage import map_coordinates

from gis.coords import Transformation
from gis.coords.matrixsets import METRES_A_DEGREE, PIXELS, MatrixSet
from gis.errors import TileError
from gis.sources.cogs import KeptImage

Style = Literal["image", "hillshade"]
Form = Literal["png", "webp"]
STYLES: tuple[Style, ...] = get_args(Style)
FORMS: tuple[Form, ...] = get_args(Form)
Floats = NDArray[np.float64]
Bytes = NDArray[np.uint8]

LATTICE = 16  # spans of a tile's side between which places are found straight
FINE_LATTICE = 128  # seen from so far that the Earth's curve shows within a span
CURVED_BELOW = 9  # level
NOWHERE = -1e12  # pixel of an image that is in none
SUN_AZIMUTH, SUN_ALTITUDE = math.radians(315), math.radians(45)
OPEN = {
    "GDAL_CACHEMAX": 64, "GDAL_PAM_ENABLED": "NO", "GDAL_DISABLE_READDIR_ON_OPEN": "EMPTY_DIR",
}  # fmt: skip
WRITTEN: dict[Form, dict[str, Any]] = {
    "png": {"driver": "PNG", "zlevel": 3},
    "webp": {"driver": "WEBP", "quality": 82},
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image that can be drawn. placing: from CGCS2000 degrees into its frame."""

    file: KeptImage
    placing: Transformation

    @property
    def bands(self) -> tuple[int, ...]:
        """The bands that are shown, from 1: red, green, blue; or the one there is."""
        colours = self.file.colours
        if {"red", "green", "blue"} <= set(colours):
            return tuple(colours.index(name) + 1 for name in ("red", "green", "blue"))
        return (1, 2, 3) if len(colours) >= 3 else (1,)


@dataclass(frozen=True, slots=True)
class _Frame:
    """The pixels of a tile, widened by `margin` on each side."""

    grid: MatrixSet
    z: int
    x: int
    y: int
    margin: int

    @property
    def side(self) -> int:
        return PIXELS + 2 * self.margin

    def places(self, picture: Picture) -> Floats:
        """Where the middle of each pixel lies in the image: shape (2, side, side), columns then
        rows of the image, the middle of its first pixel at 0.5."""
        spans = FINE_LATTICE if self.z < CURVED_BELOW else LATTICE
        at = np.linspace(-self.margin, PIXELS + self.margin, spans + 1, dtype=np.float64)
        lon, lat = self.grid.lonlat(self.z, self.x + at / PIXELS, self.y + at / PIXELS)
        lonlat = np.stack(np.meshgrid(lon, lat), axis=-1).reshape(-1, 2)
        xy = picture.placing.apply(lonlat)
        a, b, c, d, e, f = tuple(~Affine(*picture.file.transform))[:6]
        found = np.stack([a * xy[:, 0] + b * xy[:, 1] + c, d * xy[:, 0] + e * xy[:, 1] + f])
        knots = np.nan_to_num(found, nan=NOWHERE).reshape(2, spans + 1, spans + 1)
        middles = np.arange(self.side, dtype=np.float64) + 0.5 - self.margin
        return _straight(_straight(knots, at, middles, 1), at, middles, 2)

    @property
    def pixel_m(self) -> tuple[float, float]:
        """East-west and north-south side of a pixel in the middle of the tile, metres."""
        middle = np.array([0.5])
        _, lat = self.grid.lonlat(self.z, self.x + middle, self.y + middle)
        shrink = math.cos(math.radians(float(lat[0])))
        cell = self.grid.cell(self.z)
        if self.grid.unit == "metre":
            return cell * shrink, cell * shrink
        return cell * METRES_A_DEGREE * shrink, cell * METRES_A_DEGREE


def _straight(knots: Floats, at: Floats, middles: Floats, axis: int) -> Floats:
    """Values at `middles` between those at `at`, along an axis. No matrix product: of this size
    its threads cost more than it does."""
    spans = (middles - at[0]) / (at[1] - at[0])
    left = np.floor(spans).astype(np.intp).clip(0, len(at) - 2)
    share = spans - left
    share = share[:, None] if axis == 1 else share
    before, after = knots.take(left, axis), knots.take(left + 1, axis)
    found: Floats = before + (after - before) * share
    return found


def draw_tile(
    pictures: Sequence[Picture], grid: MatrixSet, z: int, x: int, y: int, style: Style
) -> Bytes | None:
    """RGBA, shape (4, 256, 256); None where none of the images has anything. The first of
    `pictures` lies on top. Raises TileError where a file can't be read."""
    if style == "hillshade":
        frame = _Frame(grid, z, x, y, 1)
        heights, seen = _laid(frame, ((_values(p, frame, (1,)), 1) for p in pictures), 1)
        return _shaded(frame, heights[0], seen)
    frame = _Frame(grid, z, x, y, 0)
    colours, seen = _laid(frame, ((_colours(p, frame), 3) for p in pictures), 3)
    if not seen.any():
        return None
    drawn = np.zeros((4, PIXELS, PIXELS), dtype=np.uint8)
    drawn[:3] = np.rint(colours)
    drawn[3] = seen * np.uint8(255)
    drawn[:3, ~seen] = 0
    return drawn


def encoded(drawn: Bytes, form: Form) -> bytes:
    """A tile as a PNG or WebP file."""
    with MemoryFile() as memory:
        with memory.open(
            **WRITTEN[form],
            width=PIXELS,
            height=PIXELS,
            count=4,
            dtype="uint8",
            transform=Affine.scale(2, -2),  # without any, rasterio warns; neither format keeps it
        ) as out:
            out.write(drawn)
        return bytes(memory.read())


def _laid(
    frame: _Frame, found: Iterator[tuple[tuple[Floats, NDArray[np.bool_]] | None, int]], bands: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """The images one below the other; no further one is read once all is covered."""
    values = np.zeros((bands, frame.side, frame.side))
    seen = np.zeros((frame.side, frame.side), dtype=bool)
    for layer, _ in found:
        if layer is None:
            continue
        fresh = layer[1] & ~seen
        values[:, fresh] = layer[0][:, fresh]
        seen |= fresh
        if seen.all():
            break
    return values, seen


def _colours(picture: Picture, frame: _Frame) -> tuple[Floats, NDArray[np.bool_]] | None:
    """Red, green, blue from 0 to 255."""
    bands, file = picture.bands, picture.file
    found = _values(picture, frame, bands)
    if found is None:
        return None
    values, seen = found
    if file.palette is not None:
        table = np.zeros((256, 4))
        for index, rgba in file.palette.items():
            table[int(index) % 256] = rgba
        picked = table[values[0].clip(0, 255).astype(np.uint8)]
        return np.moveaxis(picked[..., :3], -1, 0), seen & (picked[..., 3] > 0)
    if file.stretch is not None:
        low, high = np.array([file.stretch[band - 1] for band in bands]).T[:, :, None, None]
        values = (values - low) * (255.0 / (high - low))
    return np.broadcast_to(values.clip(0.0, 255.0), (3, frame.side, frame.side)), seen


def _values(
    picture: Picture, frame: _Frame, bands: tuple[int, ...]
) -> tuple[Floats, NDArray[np.bool_]] | None:
    """What the image has at the pixels, between its own pixels by weight, and where it has
    something; None where nothing of it is there."""
    columns, rows = frame.places(picture)
    width, height = picture.file.size
    inside = (columns >= 0) & (columns < width) & (rows >= 0) & (rows < height)
    if not inside.any():
        return None
    values = np.zeros((len(bands), frame.side, frame.side))
    seen = np.zeros(inside.shape, dtype=bool)
    at = np.stack([columns[inside], rows[inside]])
    values[:, inside], seen[inside] = _sampled(picture.file, bands, at, _shrink(columns, rows))
    return (values, seen) if seen.any() else None


def _shrink(columns: Floats, rows: Floats) -> int:
    """How many pixels of the image there are to one of the tile along a side: the power of two
    below it, as overviews go."""
    middle = len(columns) // 2
    steps = (
        math.hypot(
            columns[middle, middle + 1] - columns[middle, middle],
            rows[middle, middle + 1] - rows[middle, middle],
        ),
        math.hypot(
            columns[middle + 1, middle] - columns[middle, middle],
            rows[middle + 1, middle] - rows[middle, middle],
        ),
    )
    # a step towards NOWHERE is no measure: the image is then far smaller than a pixel
    return 1 << max(0, math.floor(math.log2(max(1.0, min(max(steps), 1e6)))))


def _sampled(
    file: KeptImage, bands: tuple[int, ...], at: Floats, shrink: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """Values, shape (bands, n), at the places (2, n) that lie in the image, and which are valid."""
    window, shape = _window(file, at, shrink)
    try:
        with rasterio.Env(**OPEN), rasterio.open(file.path, driver="GTiff") as image:
            how = Resampling.nearest if file.palette is not None else Resampling.average
            pixels = image.read(
                bands, window=window, out_shape=(len(bands), *shape), resampling=how
            )
            valid = image.dataset_mask(window=window, out_shape=shape) != 0
    except RasterioError as exc:
        raise TileError(
            zh=f"影像文件 {file.digest[:12]} 无法读取。请重新登记：gis imagery add",
            en=f"the kept file of image {file.digest[:12]} can't be read. Register it again: "
            "gis imagery add",
            digest=file.digest,
        ) from exc
    valid &= np.isfinite(pixels).all(axis=0)
    u = (at[0] - window.col_off) * (shape[1] / window.width) - 0.5
    v = (at[1] - window.row_off) * (shape[0] / window.height) - 0.5
    if file.palette is not None:
        u, v = np.rint(u), np.rint(v)
    return _between(pixels, valid, u, v)


def _window(file: KeptImage, at: Floats, shrink: int) -> tuple[Window, tuple[int, int]]:
    """The part of the image around the places, cut where its overview has pixels, and the shape
    it is read in."""
    margin, bounds = 2 * shrink, []
    for places, size in zip(at, file.size, strict=True):
        first = max(0, (math.floor(places.min()) - margin) // shrink * shrink)
        last = min(size, -(-(math.ceil(places.max()) + margin) // shrink) * shrink)
        bounds.append((first, last - first))
    (left, width), (top, height) = bounds
    return Window(left, top, width, height), (-(-height // shrink), -(-width // shrink))


def _between(
    pixels: NDArray[Any], valid: NDArray[np.bool_], u: Floats, v: Floats
) -> tuple[Floats, NDArray[np.bool_]]:
    """By weight between the four pixels around each place, of which the valid ones count; a place
    is valid where the pixel it lies in is."""
    at = np.stack([v, u])

    def weighed(values: NDArray[Any]) -> Floats:
        found: Floats = map_coordinates(values, at, order=1, mode="nearest", output=np.float64)
        return found

    if valid.all():
        return np.stack([weighed(band) for band in pixels]), np.ones(len(u), dtype=bool)
    known = valid.astype(np.float64)
    weights = weighed(known)
    some = np.where(weights > 1e-9, weights, 1.0)
    values = np.stack([weighed(np.where(valid, band, 0)) / some for band in pixels])
    height, width = valid.shape
    nearest = (
        np.rint(v).astype(np.intp).clip(0, height - 1),
        np.rint(u).astype(np.intp).clip(0, width - 1),
    )
    return values, valid[nearest] & (weights > 1e-9)


def _shaded(frame: _Frame, heights: Floats, seen: NDArray[np.bool_]) -> Bytes | None:
    """Slopes in the light of a sun in the north west (Horn 1981); no height, nothing drawn."""
    middle, shown = heights[1:-1, 1:-1], seen[1:-1, 1:-1]
    if not shown.any():
        return None

    def beside(down: int, across: int) -> Floats:
        part = slice(1 + down, PIXELS + 1 + down), slice(1 + across, PIXELS + 1 + across)
        return np.where(seen[part], heights[part], middle)

    width_m, height_m = frame.pixel_m
    east = sum(weight * (beside(k, 1) - beside(k, -1)) for k, weight in ((-1, 1), (0, 2), (1, 1)))
    south = sum(weight * (beside(1, k) - beside(-1, k)) for k, weight in ((-1, 1), (0, 2), (1, 1)))
    dx, dy = east / (8 * width_m), -south / (8 * height_m)  # uphill to the east, to the north
    light = (
        math.sin(SUN_ALTITUDE)
        - math.cos(SUN_ALTITUDE) * (dx * math.sin(SUN_AZIMUTH) + dy * math.cos(SUN_AZIMUTH))
    ) / np.sqrt(1 + dx**2 + dy**2)
    drawn = np.zeros((4, PIXELS, PIXELS), dtype=np.uint8)
    drawn[:3] = np.where(shown, np.rint(light.clip(0.0, 1.0) * 255), 0)
    drawn[3] = shown * np.uint8(255)
    return drawn
