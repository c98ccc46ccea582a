"""One changed place in two surface models: what is measured there, and what that makes it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy import ndimage

from gis.change.engines.contract import Kind, Stage
from gis.change.filters import disk, rough_px, roughness, smooth
from gis.change.noise import NoiseModel, spread
from gis.change.pair import Box, Grid, Sheets
from gis.change.seams import box_of, filled
from gis.change.vegetation import green

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
RING_M = 20.0  # how far around a place its ground is looked for
GAP_M = 1.5  # walls are blurred: the ring begins there
SECTORS = 8
RAISED_M = 2.0  # a surface that far above ground is something that stands
# Larger places are read in steps of several pixels: their figures need no finer ones.
MOST_PX = 2048
# Stair heads and machine rooms on up to a quarter of a roof are no part of a building's height
# (GB 50352-2019, 4.5.2), so it is read where three quarters of the roof lie below.
ROOF_SHARE = 0.75
ROOF_BIAS = 0.674  # sigmas of the noise that this quantile of an even roof lies too high


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Figures of one place. Heights in metres above the ground around it; None where no ground
    was seen. Shares are of the place's pixels, 0 to 1. unrest_m: NMAD of the filtered difference
    around the place: water, glass and shadow are noisier than the rest of a surface model."""

    delta_m: float
    before_m: float | None
    after_m: float | None
    raised_share: float
    green_share: float
    rough_m: float
    missing_share: float
    unrest_m: float
    solidity: float
    width_m: float
    area_m2: float


def measure(
    outline: shapely.Polygon,
    rise: bool,
    sheets: Sheets,
    grid: Grid,
    noise: NoiseModel,
    cut_m: float,
) -> Measured:
    """Measure the place inside `outline` (pixels of the grid). `rise`: it rose, else it fell;
    `cut_m`: changes beyond it are not ground."""
    step = -(-max(box_of(outline).shape) // MOST_PX)
    if step > 1:
        thinner = shapely.transform(outline, lambda xy: xy / step)
        return measure(thinner, rise, sheets.thinned(step), grid.thinned(step), noise, cut_m)
    place = box_of(outline)
    margin = int(np.ceil((RING_M + GAP_M) / grid.gsd_m)) + 4
    box = place.grown(margin).within(grid.box)
    before, after = _read(sheets, box)
    inside = filled(outline, box)
    missing = ~(np.isfinite(before) & np.isfinite(after))
    delta = after - before - noise.trend(grid, box)
    core = _core(inside & ~missing)
    around = _ring(inside, grid.gsd_m) & ~missing
    ring = around & ~(np.abs(np.nan_to_num(delta)) > cut_m)
    before, after = (_smoothed(v, noise) for v in (before, after))
    ground_before, ground_after = (_ground(v, ring, inside) for v in (before, after))
    newer = after if rise else before
    level = ground_after if rise else ground_before
    whole = np.where(missing, np.float32(level or 0.0), newer)
    base = whole - np.float32(np.median(whole[core]))
    above_before = None if ground_before is None else before[core] - ground_before
    return Measured(
        delta_m=float(np.median(delta[core])),
        before_m=None if above_before is None else float(np.median(above_before)),
        after_m=None
        if ground_after is None
        else float(np.quantile(after[core] - ground_after, ROOF_SHARE))
        - ROOF_BIAS * noise.filtered_m,
        raised_share=0.0 if above_before is None else float((above_before > RAISED_M).mean()),
        green_share=_green_share(sheets, box, core, rise),
        rough_m=float(np.median(roughness(base, rough_px(grid.gsd_m))[core])),
        unrest_m=_unrest(delta, around, noise),
        missing_share=float(missing[box.inner(place.grown(2).within(box))].mean()),
        solidity=float(outline.area / outline.convex_hull.area),
        width_m=_width(outline) * grid.gsd_m,
        area_m2=float(outline.area) * grid.gsd_m**2,
    )


def kind_of(m: Measured, rise: bool) -> Kind:
    """Fallen: demolition. Risen: an added storey where something stood, else a construction."""
    if not rise:
        return "demolition"
    return "added_storey" if m.raised_share >= 0.5 else "construction"


def stage_of(m: Measured, kind: Kind, noise: NoiseModel) -> Stage:
    """How far the work has come, from height and evenness of the surface."""
    if kind == "demolition":
        return "demolished"
    if kind == "added_storey":
        return "added"
    height = m.after_m if m.after_m is not None else m.delta_m
    if height < 2.5:
        return "foundation" if m.rough_m <= max(0.3, 1.5 * noise.one_m) else "earthwork"
    # an even roof is finished; scaffolding, cranes and bare columns are not even
    return "built" if m.rough_m <= max(0.6, 2.0 * noise.one_m) else "building"


def _read(sheets: Sheets, box: Box) -> tuple[Floats, Floats]:
    assert sheets.dsm_before is not None  # the engine checked
    assert sheets.dsm_after is not None
    return sheets.dsm_before.read(box)[0], sheets.dsm_after.read(box)[0]


def _smoothed(values: Floats, noise: NoiseModel) -> Floats:
    """Filtered like the difference; NaN stays where it was."""
    valid = np.isfinite(values)
    level = np.float32(np.median(values[valid])) if valid.any() else np.float32(0.0)
    done = smooth(np.where(valid, values, level), noise.filter_px)
    return np.where(valid, done, np.float32(np.nan))


def _unrest(delta: Floats, around: Mask, noise: NoiseModel) -> float:
    if not around.any():
        return noise.filtered_m
    calm = smooth(np.nan_to_num(delta, nan=0.0), noise.filter_px)
    return spread(calm[around])


def _core(inside: Mask) -> Mask:
    """Without the rim, whose pixels are half wall; all of it where that leaves nothing."""
    core: Mask = ndimage.binary_erosion(inside, disk(1.5))
    return core if core.any() else inside


def _ring(inside: Mask, gsd_m: float) -> Mask:
    away = ndimage.distance_transform_edt(~inside) * gsd_m
    ring: Mask = (away > GAP_M) & (away <= RING_M)
    return ring


def _ground(values: Floats, ring: Mask, inside: Mask) -> float | None:
    """Ground level from the ring: in each of eight directions the level that a tenth of the
    pixels lie below, and of those the lower middle one. So neither neighbours' roofs on some
    sides nor a slope (one side low, the other high) decides. None where less than half of the
    directions show any ground."""
    rows, cols = np.nonzero(ring)
    if not len(rows):
        return None
    middle = np.argwhere(inside).mean(axis=0)
    angle = np.arctan2(rows - middle[0], cols - middle[1])
    sector = ((angle + np.pi) / (2 * np.pi) * SECTORS).astype(int) % SECTORS
    seen = values[rows, cols]
    lows = [float(np.quantile(seen[sector == s], 0.1)) for s in range(SECTORS)
            if (sector == s).sum() >= 12]  # fmt: skip
    if len(lows) < SECTORS // 2:
        return None
    return float(np.quantile(lows, 0.4, method="lower"))


def _green_share(sheets: Sheets, box: Box, core: Mask, rise: bool) -> float:
    photo = sheets.after if rise else sheets.before
    if photo is None:
        return 0.0
    return float(green(photo.read(box))[core].mean())


def _width(outline: shapely.Polygon) -> float:
    """Width of the long rectangle with the same area and perimeter (pixel steps taken off), but
    not above that of the box around it: steps are few where the walls run along the pixels."""
    half = outline.length / 2 * np.pi / 4
    area = outline.area
    root = half * half - 4 * area
    alike = float(half - np.sqrt(root)) / 2 if root > 0 else float(np.sqrt(area))
    corners = shapely.get_coordinates(shapely.oriented_envelope(outline))
    sides = np.hypot(*np.diff(corners[:3], axis=0).T)
    return min(alike, float(sides.min()))
