"""Two dates made comparable: checks between the files, and the one grid all are read on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import rasterio
import shapely
from numpy.typing import NDArray
from rasterio.enums import MaskFlags, Resampling
from rasterio.errors import RasterioError
from rasterio.transform import Affine
from rasterio.vrt import WarpedVRT
from rasterio.windows import Window as RasterWindow

from gis.change.agreement import check_datum, check_frames, check_pixels
from gis.change.rasters import Raster, opened, unreadable
from gis.errors import ChangeError

Floats = NDArray[np.float32]
LEAST_PX = 32  # a smaller overlap can't tell change from noise
EPOCH_DAYS = 31  # a photo and a surface model of one epoch may lie that far apart
SAME = 1e-6
ALIGNED_PX = 0.01
# block cache of GDAL, MB: what keeps memory flat whatever the raster's size
CACHE_MB = 64
PIECE_PX = 1024  # side of what is held at once where a large place is read thinned


@dataclass(frozen=True, slots=True)
class Box:
    """Pixels of a grid: rows [top, bottom), columns [left, right)."""

    top: int
    left: int
    bottom: int
    right: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.bottom - self.top, self.right - self.left

    @property
    def empty(self) -> bool:
        return self.bottom <= self.top or self.right <= self.left

    def grown(self, px: int) -> Box:
        return Box(self.top - px, self.left - px, self.bottom + px, self.right + px)

    def times(self, step: int) -> Box:
        """The same place on a grid with `step` times as many pixels."""
        return Box(self.top * step, self.left * step, self.bottom * step, self.right * step)

    def within(self, other: Box) -> Box:
        return Box(
            max(self.top, other.top),
            max(self.left, other.left),
            min(self.bottom, other.bottom),
            min(self.right, other.right),
        )

    def inner(self, part: Box) -> tuple[slice, slice]:
        """Where `part` lies in an array read for this box."""
        return (
            slice(part.top - self.top, part.bottom - self.top),
            slice(part.left - self.left, part.right - self.left),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """North up, square pixels. west, north: outer corner of pixel (0, 0), metres."""

    west: float
    north: float
    gsd_m: float
    height: int
    width: int

    @property
    def box(self) -> Box:
        return Box(0, 0, self.height, self.width)

    @property
    def transform(self) -> Affine:
        """Pixel (column, row) -> metres (east, north)."""
        return Affine(self.gsd_m, 0.0, self.west, 0.0, -self.gsd_m, self.north)

    def thinned(self, step: int) -> Grid:
        """Every `step`-th pixel of it."""
        return Grid(
            west=self.west,
            north=self.north,
            gsd_m=self.gsd_m * step,
            height=self.height // step,
            width=self.width // step,
        )

    def box_of(self, bounds: tuple[float, float, float, float]) -> Box:
        """The pixels that west, south, east, north (metres) touch, within the grid."""
        west, south, east, north = bounds
        px = self.gsd_m
        return Box(
            int(np.floor((self.north - north) / px)),
            int(np.floor((west - self.west) / px)),
            int(np.ceil((self.north - south) / px)),
            int(np.ceil((east - self.west) / px)),
        ).within(self.box)

    def to_metres(self, geometry: NDArray[np.object_]) -> NDArray[np.object_]:
        """Geometry in pixels (column, row) -> metres (east, north)."""

        def move(xy: NDArray[np.float64]) -> NDArray[np.float64]:
            return np.column_stack(
                (self.west + xy[:, 0] * self.gsd_m, self.north - xy[:, 1] * self.gsd_m)
            )

        moved: NDArray[np.object_] = shapely.transform(geometry, move)
        return moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Rasters of two dates that may be compared, and the grid on which they are.

    before, after: photos; dsm_before, dsm_after: surface models; each None where not given.
    notes: what was handled (zh, en), such as resampling. photo_moved, dsm_moved: how far the later
    one lies off the earlier one, metres east and north; it is read as if it lay right.
    """

    before: Raster | None
    after: Raster | None
    dsm_before: Raster | None
    dsm_after: Raster | None
    grid: Grid
    notes: tuple[tuple[str, str], ...] = ()
    photo_moved: tuple[float, float] = (0.0, 0.0)
    dsm_moved: tuple[float, float] = (0.0, 0.0)

    @property
    def given(self) -> tuple[Raster, ...]:
        every = (self.before, self.after, self.dsm_before, self.dsm_after)
        return tuple(r for r in every if r is not None)

    @property
    def measured_after(self) -> Raster:
        """The file whose date the rules are judged by: the surface model, else the photo."""
        found = self.dsm_after or self.after
        assert found is not None  # checked by `pair_of`
        return found

    @property
    def measured_before(self) -> Raster:
        found = self.dsm_before or self.before
        assert found is not None
        return found


def pair_of(
    before: Raster | None, after: Raster | None, dsm_before: Raster | None, dsm_after: Raster | None
) -> Pair:
    """Check the files against one another and lay the grid.

    Raises ChangeError whose `problem` says which: missing, frame, dates, epoch, height_datum,
    pixel_size, overlap.
    """
    photos, models = (before, after), (dsm_before, dsm_after)
    if not (all(photos) or all(models)):
        raise ChangeError(
            zh="需要两期影像（--before --after）或两期高程模型（--dsm-before --dsm-after）",
            en="two dates are needed: --before and --after, or --dsm-before and --dsm-after",
            problem="missing",
        )
    pair = Pair(
        before=before,
        after=after,
        dsm_before=dsm_before,
        dsm_after=dsm_after,
        grid=Grid(west=0.0, north=0.0, gsd_m=1.0, height=0, width=0),
    )
    check_frames(pair.given)
    _check_dates(pair)
    notes = [*check_datum(dsm_before, dsm_after), *check_pixels(models)]
    grid = _grid(pair)
    notes += [
        (f"{r.name} 已重采样到 {grid.gsd_m:g} 米格网", f"{r.name} resampled to {grid.gsd_m:g} m")
        for r in pair.given
        if _offset(r, grid) is None
    ]
    return replace(pair, grid=grid, notes=tuple(notes))


class Sheet:
    """One open raster, read on the grid: NaN where it has no value."""

    def __init__(
        self,
        raster: Raster,
        data: Any,
        offset: tuple[int, int] | None,
        step: int = 1,
        warped: Callable[[int], Any] | None = None,
    ) -> None:
        self._raster, self._data, self._offset, self._step = raster, data, offset, step
        self._warped = warped
        self._bands = raster.colour or (1,)
        flags = data.mask_flag_enums
        self._whole = all(MaskFlags.all_valid in flags[band - 1] for band in self._bands)

    def thinned(self, step: int) -> Sheet:
        """Every `step`-th pixel of it, on the grid thinned alike: for places too large to be held
        whole. What must be resampled is so to the thinned grid at once, as to do it pixel by pixel
        costs ten times as much as reading."""
        if self._warped is not None:
            return Sheet(self._raster, self._warped(step), None)
        return Sheet(self._raster, self._data, self._offset, step)

    def read(self, box: Box) -> Floats:
        """float32 (bands, rows, columns) of the grid's pixels in `box`, which may reach out."""
        step = self._step
        if step == 1:
            return self._pixels(box)
        values = np.empty((len(self._bands), *box.shape), dtype=np.float32)
        for part in _pieces(box, max(1, PIECE_PX // step)):
            # copied: a view would keep all of the piece's pixels
            values[(slice(None), *box.inner(part))] = self._pixels(part.times(step))[
                :, ::step, ::step
            ]
        return values

    def _pixels(self, box: Box) -> Floats:
        row, col = self._offset or (0, 0)
        wanted = Box(box.top + row, box.left + col, box.bottom + row, box.right + col)
        there = wanted.within(Box(0, 0, self._data.height, self._data.width))
        values = np.full((len(self._bands), *box.shape), np.nan, dtype=np.float32)
        if not there.empty:
            rows, cols = there.shape
            window = RasterWindow(there.left, there.top, cols, rows)
            try:
                read = self._values(window)
            except RasterioError as exc:  # here, as only here it is known which file it was
                raise unreadable(self._raster.path) from exc
            values[(slice(None), *wanted.inner(there))] = read
        return values

    def _values(self, window: RasterWindow) -> Floats:
        if self._whole:  # no mask to ask for: half of the work
            read: Floats = self._data.read(self._bands, window=window, out_dtype="float32")
            return read
        masked = self._data.read(self._bands, window=window, masked=True)
        filled: Floats = masked.astype(np.float32).filled(np.nan)
        return filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheets:
    """A pair, open for reading. Photos are there only where they have colour."""

    dsm_before: Sheet | None
    dsm_after: Sheet | None
    before: Sheet | None
    after: Sheet | None

    def thinned(self, step: int) -> Sheets:
        """Every `step`-th pixel of each."""
        every = (self.dsm_before, self.dsm_after, self.before, self.after)
        a, b, c, d = (None if sheet is None else sheet.thinned(step) for sheet in every)
        return Sheets(dsm_before=a, dsm_after=b, before=c, after=d)


@contextmanager
def sheets(pair: Pair, *, grey: bool = False) -> Iterator[Sheets]:
    """Open every raster of the pair on its grid. `grey` opens photos without colour as well
    (one band)."""
    with ExitStack() as stack:
        stack.enter_context(rasterio.Env(GDAL_CACHEMAX=CACHE_MB << 20))

        def sheet(raster: Raster | None, moved: tuple[float, float] = (0.0, 0.0)) -> Sheet | None:
            if raster is None or (raster.kind == "image" and not (raster.colour or grey)):
                return None
            raster = replace(raster, west=raster.west - moved[0], north=raster.north - moved[1])
            data = stack.enter_context(opened(raster.path))
            offset = _offset(raster, pair.grid)
            if offset is not None:
                return Sheet(raster, data, offset)

            @cache
            def warped(step: int) -> Any:
                return stack.enter_context(_warped(raster, data, pair.grid, step))

            return Sheet(raster, warped(1), None, warped=warped)

        yield Sheets(
            dsm_before=sheet(pair.dsm_before),
            dsm_after=sheet(pair.dsm_after, pair.dsm_moved),
            before=sheet(pair.before),
            after=sheet(pair.after, pair.photo_moved),
        )


def _pieces(box: Box, side: int) -> Iterator[Box]:
    for top in range(box.top, box.bottom, side):
        for left in range(box.left, box.right, side):
            yield Box(top, left, top + side, left + side).within(box)


def _warped(raster: Raster, data: Any, grid: Grid, step: int) -> WarpedVRT:
    """The raster on the grid's pixels, or on every `step`-th of them."""
    first = (1 - step) / 2  # a thinned pixel's middle is that of the pixel it stands for
    return WarpedVRT(
        data,
        src_transform=raster.transform,
        crs=data.crs,
        transform=grid.transform @ Affine.translation(first, first) @ Affine.scale(step),
        width=-(-grid.width // step),
        height=-(-grid.height // step),
        resampling=_resampling(raster, grid) if step == 1 else Resampling.nearest,
        add_alpha=False,
        nodata=_fill(data),
    )


def _fill(data: Any) -> float | None:
    """Where a resampled file ends there must be no value, so one without nodata is given one."""
    if data.nodata is not None:
        return float(data.nodata)
    return -9999.0 if data.dtypes[0].startswith("float") else 0.0


def _resampling(raster: Raster, grid: Grid) -> Resampling:
    return Resampling.average if raster.gsd_m < grid.gsd_m * 0.75 else Resampling.bilinear


def _offset(raster: Raster, grid: Grid) -> tuple[int, int] | None:
    """Row and column of the grid's first pixel in the raster; None where it must be resampled."""
    if abs(raster.gsd_m - grid.gsd_m) > SAME * grid.gsd_m:
        return None
    row = (raster.north - grid.north) / grid.gsd_m
    col = (grid.west - raster.west) / grid.gsd_m
    if abs(row - round(row)) > ALIGNED_PX or abs(col - round(col)) > ALIGNED_PX:
        return None
    return round(row), round(col)


def _grid(pair: Pair) -> Grid:
    """The coarser surface model's pixels (else the coarser photo's), where all files overlap."""
    main = [r for r in (pair.dsm_after, pair.dsm_before) if r is not None]
    main = main if len(main) == 2 else [r for r in (pair.after, pair.before) if r is not None]
    leader = max(main, key=lambda r: r.gsd_m)
    west, south, east, north = _overlap(pair.given)
    px = leader.gsd_m
    left = int(np.ceil((west - leader.west) / px - ALIGNED_PX))
    top = int(np.ceil((leader.north - north) / px - ALIGNED_PX))
    width = int(np.floor((east - leader.west) / px + ALIGNED_PX)) - left
    height = int(np.floor((leader.north - south) / px + ALIGNED_PX)) - top
    if min(width, height) < LEAST_PX:
        names = "、".join(r.name for r in pair.given)
        raise ChangeError(
            zh=f"影像没有足够的重叠（{max(width, 0)}×{max(height, 0)} 像元，"
            f"至少 {LEAST_PX}）：{names}",
            en=f"the rasters hardly overlap ({max(width, 0)} by {max(height, 0)} pixels, at least "
            f"{LEAST_PX} are needed): {names}",
            problem="overlap",
        )
    return Grid(
        west=leader.west + left * px, north=leader.north - top * px, gsd_m=px, height=height,
        width=width,
    )  # fmt: skip


def _overlap(rasters: tuple[Raster, ...]) -> tuple[float, float, float, float]:
    boxes = np.array([r.bounds for r in rasters])
    low, high = boxes[:, :2].max(axis=0), boxes[:, 2:].min(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])


def _check_dates(pair: Pair) -> None:
    for photo, model in ((pair.before, pair.dsm_before), (pair.after, pair.dsm_after)):
        if photo and model and abs((photo.taken_on - model.taken_on).days) > EPOCH_DAYS:
            raise ChangeError(
                zh=f"{photo.name}（{photo.taken_on}）与 {model.name}（{model.taken_on}）不是同一期",
                en=f"{photo.name} ({photo.taken_on}) and {model.name} ({model.taken_on}) are not "
                f"of one epoch (more than {EPOCH_DAYS} days apart)",
                problem="epoch",
            )
    for early, late in ((pair.before, pair.after), (pair.dsm_before, pair.dsm_after)):
        if early and late and early.taken_on >= late.taken_on:
            raise ChangeError(
                zh=f"前期 {early.name}（{early.taken_on}）不早于后期 {late.name}"
                f"（{late.taken_on}）。请对调",
                en=f"before {early.name} ({early.taken_on}) is not earlier than after {late.name} "
                f"({late.taken_on}). Swap them",
                problem="dates",
            )
