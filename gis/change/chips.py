"""The pictures of an alert: the place before and after, and how its height changed, as PNG."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio.io import MemoryFile
from rasterio.transform import Affine

from gis.change.engines.contract import Candidate
from gis.change.pair import Box, Grid, Sheet, Sheets

SIDE_PX = 320  # about, of a picture
MARGIN_M = 18.0  # ground shown around a place
LEAST_RANGE_M = 5.0  # of height change, from white to full colour
OUTLINE = (255, 0, 200)  # a colour that no ground and no roof has
NO_VALUE = 60  # grey

Rgb = NDArray[np.uint8]  # (3, rows, columns)


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What a picture shows. grid, box: the pixels that are read, thinned to every `step`-th for
    large places; zoom: how many pixels of the picture a read one becomes (small places)."""

    grid: Grid
    box: Box
    step: int
    zoom: int

    @classmethod
    def of(cls, shape: shapely.Polygon, grid: Grid) -> View:
        """A square around a place (metres)."""
        across = max(grid.box_of(shape.bounds).shape) + 2 * MARGIN_M / grid.gsd_m
        step = max(1, int(across // SIDE_PX))
        thin = grid.thinned(step)
        place = thin.box_of(shape.bounds)
        side = max(place.shape) + 2 * int(np.ceil(MARGIN_M / thin.gsd_m))
        top = (place.top + place.bottom - side) // 2
        left = (place.left + place.right - side) // 2
        return cls(
            grid=thin,
            box=Box(top, left, top + side, left + side),
            step=step,
            zoom=max(1, SIDE_PX // side),
        )

    def shown(self, sheet: Sheet) -> NDArray[np.float32]:
        """(bands, rows, columns) in picture pixels; NaN where there is no value."""
        read = sheet.thinned(self.step).read(self.box)
        return read.repeat(self.zoom, axis=1).repeat(self.zoom, axis=2)

    def drawn(self, picture: Rgb, shape: shapely.Polygon) -> Rgb:
        """`picture` with the outline (metres) over it."""
        px = self.grid.gsd_m / self.zoom
        west = self.grid.west + self.box.left * self.grid.gsd_m
        north = self.grid.north - self.box.top * self.grid.gsd_m
        line = rasterio.features.rasterize(
            [(shape.boundary.buffer(px * 0.8), 1)],
            out_shape=picture.shape[1:],
            transform=Affine(px, 0.0, west, 0.0, -px, north),
            dtype=np.uint8,
        ).astype(bool)
        out = picture.copy()
        out[:, line] = np.array(OUTLINE, dtype=np.uint8)[:, None]
        return out


def chips(change: Candidate, sheets: Sheets, grid: Grid) -> dict[str, bytes]:
    """PNGs by name, `before`, `after`, `dsm`: those for which there are files, the outline drawn
    in each. The same files give the same bytes."""
    view = View.of(change.outline, grid)
    return {
        name: png(view.drawn(picture, change.outline))
        for name, picture in _pictures(change, sheets, view)
    }


def _pictures(change: Candidate, sheets: Sheets, view: View) -> Iterator[tuple[str, Rgb]]:
    for name, photo in (("before", sheets.before), ("after", sheets.after)):
        if photo is not None:
            yield name, _photo(view.shown(photo))
    if sheets.dsm_before is not None and sheets.dsm_after is not None:
        delta = view.shown(sheets.dsm_after)[0] - view.shown(sheets.dsm_before)[0]
        yield "dsm", _heights(delta, max(LEAST_RANGE_M, abs(change.delta_h_m or 0.0)))


def png(picture: Rgb) -> bytes:
    """The picture as a PNG file."""
    _, rows, columns = picture.shape
    with MemoryFile() as memory:
        with memory.open(driver="PNG", width=columns, height=rows, count=3, dtype="uint8") as out:
            out.write(picture)
        return bytes(memory.read())


def _photo(values: NDArray[np.float32]) -> Rgb:
    """Eight bits as they are; more are stretched between the 2nd and the 98th percentile."""
    colours = values if len(values) == 3 else np.repeat(values[:1], 3, axis=0)
    seen = colours[np.isfinite(colours)]
    low, high = 0.0, 255.0
    if seen.size and seen.max() > 255:
        low, high = (float(v) for v in np.quantile(seen, [0.02, 0.98]))
    scaled = (colours - low) * (255.0 / max(high - low, 1e-6))
    picture: Rgb = np.nan_to_num(scaled, nan=NO_VALUE).clip(0, 255).astype(np.uint8)
    return picture


def _heights(delta: NDArray[np.float32], most_m: float) -> Rgb:
    """White = as before, red = risen, blue = fallen, full colour at `most_m`."""
    share = np.clip(delta / most_m, -1.0, 1.0)
    fade = 1.0 - np.abs(share)
    colours = np.stack([np.where(share > 0, 1.0, fade), fade, np.where(share < 0, 1.0, fade)])
    colours[:, ~np.isfinite(delta)] = NO_VALUE / 255.0
    picture: Rgb = (colours * 255).round().astype(np.uint8)
    return picture
