"""How far the later raster lies off the earlier one, and whether moving it back helps.

Surface models: the shift that explains the difference on slopes and walls, by least squares on
smoothed models, what changed left out (after Nuth & Kääb 2011, who do it by slope and aspect;
https://doi.org/10.5194/tc-5-271-2011). Photographs: phase correlation of their edges, many places
together. Both are applied only where the spread (NMAD) of the difference falls by it, measured
where a shift shows, on the steep pixels; else the files stay as they are, and the run says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from gis.change.pair import Box, Grid, Pair, Sheet, sheets
from gis.change.photos import spread_tiles

Floats = NDArray[np.float32]
Image = NDArray[np.float64]
NMAD = 1.4826
TILE_PX, TILES = 128, 6
PHOTO_TILE_PX = 256
REACH_PX = 4  # a surface model that lies further off is not told from another place
PHOTO_REACH_PX = 12
SMOOTH_PX = 1.5
STEEP = 0.85  # quantile of the slopes from which a shift shows
LEAST_PX = 0.25  # a smaller shift is left: resampling costs more than it gains
HELPS = {"dsm": 0.95, "photo": 0.98}  # the spread must fall below that share
FLAT_M = 0.05  # metres a pixel: without steeper slopes no shift can be told
STEPS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Shift:
    """What was found. east_m, north_m: how far the later raster lies off, None = can't be told;
    spread_before, spread_after: of the difference on the steep pixels without and with it moved
    back (metres, or grey levels of photographs). applied: it helped."""

    kind: str
    east_m: float | None = None
    north_m: float | None = None
    spread_before: float | None = None
    spread_after: float | None = None
    applied: bool = False

    def to_json(self) -> dict[str, Any]:
        """For the run's record."""
        figures = {
            name: None if (value := getattr(self, name)) is None else round(value, 3)
            for name in ("east_m", "north_m", "spread_before", "spread_after")
        }
        return {"of": self.kind, **figures, "applied": self.applied}

    def notes(self) -> list[tuple[str, str]]:
        """Said where a raster was moved."""
        if not self.applied:
            return []
        zh, en = ("高程模型", "surface model") if self.kind == "dsm" else ("影像", "photo")
        return [
            (
                f"后期{zh}偏东 {self.east_m:.2f} 米、偏北 {self.north_m:.2f} 米，已移回配准",
                f"the later {en} lay {self.east_m:.2f} m east and {self.north_m:.2f} m north of "
                f"the earlier one and was moved back",
            )
        ]


def registered_models(pair: Pair) -> tuple[Pair, Shift]:
    """The pair with the later surface model moved back where that helps."""
    with sheets(pair) as read:
        before, after = read.dsm_before, read.dsm_after
        if before is None or after is None:
            return pair, Shift(kind="dsm")
        tiles = [(before.read(b)[0], after.read(b)[0]) for b in _tiles(pair.grid, TILE_PX)]
    shift = model_shift(tiles, pair.grid)
    moved = (shift.east_m or 0.0, shift.north_m or 0.0)
    return (replace(pair, dsm_moved=moved) if shift.applied else pair), shift


def registered_photos(pair: Pair) -> tuple[Pair, Shift]:
    """The pair with the later photograph moved back where that helps."""
    with sheets(pair) as read:
        before, after = read.before, read.after
        if before is None or after is None:
            return pair, Shift(kind="photo")
        boxes = _tiles(pair.grid, PHOTO_TILE_PX)
        tiles = [(_grey(before, b), _grey(after, b)) for b in boxes]
    shift = photo_shift(tiles, pair.grid)
    moved = (shift.east_m or 0.0, shift.north_m or 0.0)
    return (replace(pair, photo_moved=moved) if shift.applied else pair), shift


def model_shift(tiles: list[tuple[Floats, Floats]], grid: Grid) -> Shift:
    """Of pieces of two surface models, metres."""
    smooth = [
        (_smoothed(a), _smoothed(b)) for a, b in tiles if _seen(a) and _seen(b) and a.shape[0] > 24
    ]
    slopes = [_slope(a) for a, _ in smooth]
    if not smooth:
        return Shift(kind="dsm")
    limit = max(float(np.quantile(np.concatenate([s.ravel() for s in slopes]), STEEP)), FLAT_M)
    steep = [_inner(s > limit) for s in slopes]
    if sum(int(s.sum()) for s in steep) < 200:
        return Shift(kind="dsm")
    found = _refined(smooth, steep, _coarse(smooth, steep))
    return _judged("dsm", found, smooth, steep, grid)


def photo_shift(tiles: list[tuple[Image, Image]], grid: Grid) -> Shift:
    """Of pieces of two photographs in grey."""
    pieces = [(a, b) for a, b in tiles if a.shape == b.shape and min(a.shape) >= 64]
    pieces = [(a, b) for a, b in pieces if a.shape == pieces[0][0].shape]
    pieces = [(a, b) for a, b in pieces if a.std() > 1.0 and b.std() > 1.0]
    if not pieces:
        return Shift(kind="photo")
    found = _correlated([(_edges(a), _edges(b)) for a, b in pieces])
    alike = [(_even(a), _even(b)) for a, b in pieces]
    slopes = [_slope(a) for a, _ in alike]
    limit = float(np.quantile(np.concatenate([s.ravel() for s in slopes]), STEEP))
    return _judged("photo", found, alike, [_inner(s > limit) for s in slopes], grid)


def _judged(
    kind: str,
    found: tuple[float, float],
    pieces: list[tuple[Image, Image]],
    steep: list[NDArray[np.bool_]],
    grid: Grid,
) -> Shift:
    """found: rows and columns that the later piece must be read further on to lie on the earlier
    one."""
    was, now = _spread(pieces, steep, (0.0, 0.0)), _spread(pieces, steep, found)
    return Shift(
        kind=kind,
        east_m=found[1] * grid.gsd_m,
        north_m=-found[0] * grid.gsd_m,
        spread_before=was,
        spread_after=now,
        applied=bool(np.hypot(*found) >= LEAST_PX and now < HELPS[kind] * was),
    )


# --- pieces --------------------------------------------------------------------------------


def _tiles(grid: Grid, side: int) -> list[Box]:
    return spread_tiles(grid, side, TILES)


def _grey(sheet: Sheet, box: Box) -> Image:
    values = sheet.read(box).astype(np.float64).mean(axis=0)
    seen = np.isfinite(values)
    whole: Image = np.where(seen, values, values[seen].mean() if seen.any() else 0.0)
    return whole


def _seen(piece: Floats) -> bool:
    return bool(np.isfinite(piece).mean() > 0.9)


def _smoothed(piece: Floats) -> Image:
    seen = np.isfinite(piece)
    whole = np.where(seen, piece, np.median(piece[seen])).astype(np.float64)
    done: Image = ndimage.gaussian_filter(whole, SMOOTH_PX)
    return done


def _slope(piece: Image) -> Image:
    down, across = np.gradient(piece)
    slope: Image = np.hypot(down, across)
    return slope


def _inner(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Without the rim, into which a moved piece has nothing to show."""
    kept = np.zeros_like(mask)
    rim = PHOTO_REACH_PX if mask.shape[0] > TILE_PX else REACH_PX + 2
    kept[rim:-rim, rim:-rim] = mask[rim:-rim, rim:-rim]
    return kept


def _even(piece: Image) -> Image:
    """Light taken out: both dates on one scale."""
    calm = ndimage.gaussian_filter(piece, SMOOTH_PX)
    away: Image = calm - np.median(calm)
    return away / max(NMAD * float(np.median(np.abs(away))), 1e-6)


def _edges(piece: Image) -> Image:
    steep = _slope(ndimage.gaussian_filter(piece, 1.0))
    window = np.outer(np.hanning(piece.shape[0]), np.hanning(piece.shape[1]))
    edges: Image = (steep - steep.mean()) * window
    return edges


def _moved(piece: Image, shift: tuple[float, float]) -> Image:
    """Read `shift` (rows, columns) further on."""
    if shift == (0.0, 0.0):
        return piece
    out: Image = ndimage.shift(piece, (-shift[0], -shift[1]), order=1, mode="nearest")
    return out


def _spread(
    pieces: list[tuple[Image, Image]], steep: list[NDArray[np.bool_]], shift: tuple[float, float]
) -> float:
    """NMAD of the difference on the steep pixels."""
    rest = np.concatenate([
        (_moved(b, shift) - a)[where] for (a, b), where in zip(pieces, steep, strict=True)
    ])  # fmt: skip
    return NMAD * float(np.median(np.abs(rest - np.median(rest))))


# --- surface models ------------------------------------------------------------------------


def _coarse(
    pieces: list[tuple[Image, Image]], steep: list[NDArray[np.bool_]]
) -> tuple[float, float]:
    """The best whole shift, so that what remains is small enough to be linear."""
    steps = range(-REACH_PX, REACH_PX + 1)
    best = min(
        (_whole_spread(pieces, steep, (i, j)), abs(i) + abs(j), i, j) for i in steps for j in steps
    )
    return float(best[2]), float(best[3])


def _whole_spread(
    pieces: list[tuple[Image, Image]], steep: list[NDArray[np.bool_]], shift: tuple[int, int]
) -> float:
    rest = []
    for (a, b), where in zip(pieces, steep, strict=True):
        row, column = np.nonzero(where)
        rest.append(b[row + shift[0], column + shift[1]] - a[row, column])
    every = np.concatenate(rest)
    return float(np.median(np.abs(every - np.median(every))))


def _refined(
    pieces: list[tuple[Image, Image]], steep: list[NDArray[np.bool_]], begin: tuple[float, float]
) -> tuple[float, float]:
    """Least squares of the difference on the slopes, again and again, without what changed."""
    shift = begin
    for _ in range(STEPS):
        rows = []
        for (a, b), where in zip(pieces, steep, strict=True):
            moved = _moved(b, shift)
            down, across = np.gradient((moved + a) / 2)
            rows.append(np.column_stack([(moved - a)[where], down[where], across[where]]))
        table = np.concatenate(rows)
        away = table[:, 0] - np.median(table[:, 0])
        kept = np.abs(away) <= 3 * NMAD * np.median(np.abs(away)) + 1e-9
        design = np.column_stack([-table[kept, 1:], np.ones(kept.sum())])
        step, *_ = np.linalg.lstsq(design, table[kept, 0], rcond=None)
        shift = (shift[0] + float(step[0]), shift[1] + float(step[1]))
        if np.hypot(step[0], step[1]) < 0.01:
            break
    reach = REACH_PX + 1.0
    return (shift[0], shift[1]) if max(map(abs, shift)) <= reach else begin


# --- photographs ---------------------------------------------------------------------------


def _correlated(pieces: list[tuple[Image, Image]]) -> tuple[float, float]:
    """The peak of the summed phase correlation, to a twentieth of a pixel."""
    total = np.zeros(pieces[0][0].shape, dtype=np.complex128)
    for a, b in pieces:
        cross = np.fft.fft2(b) * np.conj(np.fft.fft2(a))
        total += cross / (np.abs(cross) + 1e-9)
    down = np.asarray(np.fft.fftfreq(len(total)), np.float64)
    across = np.asarray(np.fft.fftfreq(len(total.T)), np.float64)
    # only the coarse waves: the finest are noise and JPEG
    total *= np.exp(-((down[:, None] ** 2 + across[None, :] ** 2) / (2 * 0.12**2)))
    plane = np.fft.ifft2(total).real
    reach = range(-PHOTO_REACH_PX, PHOTO_REACH_PX + 1)
    row, column = max(((i, j) for i in reach for j in reach), key=lambda at: plane[at])
    return _finer(_upsampled(total, down, across), float(row), float(column))


def _upsampled(
    total: NDArray[np.complex128], down: Image, across: Image
) -> Callable[[Image, Image], Image]:
    """The correlation at any rows and columns: its Fourier sum, by two matrix products."""

    def at(rows: Image, columns: Image) -> Image:
        left = np.exp(2j * np.pi * np.outer(rows, down))
        right = np.exp(2j * np.pi * np.outer(across, columns))
        value: Image = (left @ total @ right).real
        return value

    return at


def _finer(at: Callable[[Image, Image], Image], row: float, column: float) -> tuple[float, float]:
    near = np.asarray(np.arange(-1.0, 1.01, 0.05), np.float64)
    value = at(row + near, column + near)
    i, j = np.unravel_index(int(np.argmax(value)), value.shape)
    return float(row + near[i]), float(column + near[j])
