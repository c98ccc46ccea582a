"""Height differencing of two surface models: the strong engine.

Two passes. The first goes window by window and marks pixels that rose or fell by more than the
noise allows and are no plants; filters have a finite reach and windows a halo, so that the marks
do not depend on the windows. The second measures each place, drops what is too small, narrow,
low or leafy, and says what it is. Memory is that of a window.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.change.coregistration import registered_models
from gis.change.engines.contract import Candidate, Candidates
from gis.change.engines.surface import Measured, kind_of, measure, stage_of
from gis.change.filters import closed, opened, rough_px, smooth
from gis.change.held import give_back
from gis.change.noise import NoiseModel, fit_noise
from gis.change.pair import Box, Grid, Pair, Sheets, sheets
from gis.change.polygons import length_m, regularised
from gis.change.progress import Done, Forgetful, Journal
from gis.change.seams import joined, outlines, windows
from gis.change.vegetation import CROWN_M, TALL_M, plants
from gis.errors import ChangeError

Mask = NDArray[np.bool_]
REACH_PX = 5  # of median and closing; roughness and opening come on top
LEAFY = 0.6  # share of green pixels that makes a place a plant
WINDOW_PX = 1024
GIVE_BACK_EACH = 50  # places measured
# What the table of docs/change.md was measured on; beyond it the run and its alerts say so.
MEASURED_NOISE_M = 1.1  # of one model
MEASURED_GSD_M = (0.2, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class DsmLimits:
    """What counts as a change.

    rise_m: least height of a construction or demolition; storey_m: of an added storey.
    mark_m: a pixel belongs to a place from that difference on, but not below `weak_sigmas` times
    the noise. sigmas: a place must stand out by so many, one of weak_area_m2 and more by
    `weak_sigmas`, as noise that hangs together makes small blots, not large ones. min_width_m:
    narrower things are cables, lorries, walls. max_slender: what rises more times its width is a
    crane or a mast, not a building. position_error_m: of an outline, None = one pixel.
    """

    rise_m: float = 2.0
    storey_m: float = 2.5
    mark_m: float = 1.5
    sigmas: float = 4.0
    weak_sigmas: float = 1.7
    weak_area_m2: float = 150.0
    min_area_m2: float = 30.0
    min_width_m: float = 3.0
    max_slender: float = 6.0
    min_solidity: float = 0.45
    max_missing: float = 0.3
    position_error_m: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DsmEngine:
    """`limits` say what counts, `window_px` how much is read at a time, `journal` what is done
    already."""

    limits: DsmLimits = field(default_factory=DsmLimits)
    window_px: int = WINDOW_PX
    journal: Journal = field(default_factory=Forgetful)

    name = "dsm"
    version = "2"

    def candidates(self, pair: Pair, window: Box | None = None) -> Candidates:
        """See `Engine`. Raises ChangeError (`problem`: missing, nodata, height_datum)."""
        if pair.dsm_before is None or pair.dsm_after is None:
            raise ChangeError(
                zh="dsm 引擎需要两期高程模型：--dsm-before 与 --dsm-after",
                en="the dsm engine needs both surface models: --dsm-before and --dsm-after",
                problem="missing",
            )
        frame = pair.dsm_after.frame
        pair, shift = registered_models(pair)
        grid = pair.grid
        box = (window or grid.box).within(grid.box)
        with sheets(pair) as open_sheets:
            noise = fit_noise(open_sheets, grid)
            work = _Search(open_sheets, grid, noise, self.limits)
            found = work.places(box, self.window_px, self.journal)
            items = sorted(work.judged(found), key=lambda c: c.mask.bounds)
        return Candidates(
            engine=self.name,
            version=self.version,
            frame=frame,
            position_error_m=work.position_error_m,
            items=tuple(items),
            searched_m2=work.searched_px * grid.gsd_m**2,
            rejected=dict(sorted(work.rejected.items())),
            model={
                "noise": noise.to_json(),
                "coregistration": shift.to_json(),
                "domain": {"inside": not _beyond(noise, grid)},
                "mark_m": round(work.mark_m, 3),
                "limits": asdict(self.limits),
            },
            notes=(*pair.notes, *shift.notes(), *work.notes()),
        )


class _Search:
    """One search: the open rasters, and counts that grow while it runs."""

    def __init__(
        self, open_sheets: Sheets, grid: Grid, noise: NoiseModel, limits: DsmLimits
    ) -> None:
        self.sheets, self.grid, self.noise, self.limits = open_sheets, grid, noise, limits
        self.mark_m = max(limits.mark_m, limits.weak_sigmas * noise.filtered_m)
        self.position_error_m = limits.position_error_m or grid.gsd_m
        self.opening_px = max(limits.min_width_m / 2 / grid.gsd_m - 0.5, 0.5)
        self.rough_px = rough_px(grid.gsd_m)
        self.halo_px = REACH_PX + self.rough_px // 2 + 2 * int(self.opening_px + 1)
        self.rejected: Counter[str] = Counter()
        self.searched_px = 0

    def notes(self) -> Iterator[tuple[str, str]]:
        if _beyond(self.noise, self.grid):
            yield (
                f"单期噪声 {self.noise.one_m:.2f} 米、像元 {self.grid.gsd_m:g} 米，"
                f"超出 dsm 引擎测评过的范围（{MEASURED_NOISE_M:g} 米，"
                f"{MEASURED_GSD_M[0]:g}–{MEASURED_GSD_M[1]:g} 米），准确度未知",
                f"noise of {self.noise.one_m:.2f} m and pixels of {self.grid.gsd_m:g} m lie beyond "
                f"what the dsm engine was measured on ({MEASURED_NOISE_M:g} m; "
                f"{MEASURED_GSD_M[0]:g} to {MEASURED_GSD_M[1]:g} m): how good it is there is "
                "not known",
            )
        if self.mark_m > self.limits.storey_m:
            yield (
                f"噪声大（滤波后 {self.noise.filtered_m:.2f} 米），"
                f"低于 {self.mark_m:.1f} 米的变化不可见",
                f"noisy ({self.noise.filtered_m:.2f} m after filtering): changes below "
                f"{self.mark_m:.1f} m can't be seen",
            )
        if self.sheets.before is None or self.sheets.after is None:
            yield (
                "没有两期彩色影像，植被只能按粗糙度剔除",
                "no colour photos of both dates: plants are told by roughness alone",
            )

    # --- first pass: pixels ----------------------------------------------------------------

    def places(
        self, box: Box, window_px: int, journal: Journal
    ) -> list[tuple[bool, shapely.Polygon]]:
        """Outlines in pixels of what rose (True) and of what fell."""
        rose, fell = [], []
        for window in windows(box, window_px):
            done = journal.known(window)
            if done is None:
                done = self._window(window)
                journal.keep(window, done)
                give_back()
            self.searched_px += int(done.figures[0])
            rose.append((window, [shape for up, shape, _ in done.places if up]))
            fell.append((window, [shape for up, shape, _ in done.places if not up]))
        return [(True, p) for p in joined(rose)] + [(False, p) for p in joined(fell)]

    def _window(self, window: Box) -> Done:
        up, down, seen = self._marks(window)
        places = [(True, shape, ()) for shape in outlines(up, window)]
        places += [(False, shape, ()) for shape in outlines(down, window)]
        return Done(places=tuple(places), figures=(float(seen),))

    def _marks(self, window: Box) -> tuple[Mask, Mask, int]:
        halo = window.grown(self.halo_px)
        assert self.sheets.dsm_before is not None  # the engine checked
        assert self.sheets.dsm_after is not None
        before = self.sheets.dsm_before.read(halo)[0]
        after = self.sheets.dsm_after.read(halo)[0]
        delta = after - before - self.noise.trend(self.grid, halo)
        valid = np.isfinite(delta)
        inner = halo.inner(window)
        delta = smooth(np.where(valid, delta, np.float32(0.0)), self.noise.filter_px)
        marks = []
        for sign, surface, photo in (
            (1, after, self.sheets.after),
            (-1, before, self.sheets.before),
        ):
            mark = (sign * delta > self.mark_m) & valid
            if mark.any() and photo is not None:
                centred = np.where(valid, surface, np.nan)
                centred = np.nan_to_num(centred - np.float32(self._level(surface)))
                mark &= ~plants(photo.read(halo), centred, delta, self.noise.one_m, self.rough_px)
            if mark.any():
                mark = opened(closed(mark), self.opening_px)
            marks.append(mark[inner])
        return marks[0], marks[1], int(valid[inner].sum())

    @staticmethod
    def _level(surface: NDArray[np.float32]) -> float:
        """A round number near the surface: roughness loses no digits to its height."""
        finite = surface[np.isfinite(surface)]
        return float(np.round(finite.mean(), -1)) if finite.size else 0.0

    # --- second pass: places ---------------------------------------------------------------

    def judged(self, found: list[tuple[bool, shapely.Polygon]]) -> Iterator[Candidate]:
        least_px = self.limits.min_area_m2 / self.grid.gsd_m**2
        for i, (rise, outline) in enumerate(found):
            if i % GIVE_BACK_EACH == 0:
                give_back()
            if outline.area < least_px:
                self.rejected["small"] += 1
                continue
            m = measure(outline, rise, self.sheets, self.grid, self.noise, self.mark_m)
            reason = self._refusal(m, rise)
            if reason is None:
                yield self._candidate(outline, m, rise)
            else:
                self.rejected[reason] += 1

    def _refusal(self, m: Measured, rise: bool) -> str | None:
        """Why a place is no candidate; None = it is one."""
        limits = self.limits
        kind = kind_of(m, rise)
        colour = (self.sheets.after if rise else self.sheets.before) is not None
        leafy = np.hypot(0.8 if not colour else CROWN_M, 1.2 * self.noise.one_m)
        # what stands now, or stood before it fell, above the ground around it
        stood = m.after_m if rise else m.before_m
        sigmas = limits.sigmas if m.area_m2 < limits.weak_area_m2 else limits.weak_sigmas
        checks = {
            "missing": m.missing_share > limits.max_missing,
            "low": abs(m.delta_m) < (limits.storey_m if kind == "added_storey" else limits.rise_m),
            "unsure": abs(m.delta_m) < sigmas * self.noise.filtered_m,
            # the same test, with the noise as it is just there
            "restless": abs(m.delta_m) < sigmas * m.unrest_m,
            # earth dug out or heaped on all around: nothing stands above its surroundings
            "ground": stood is not None and stood < limits.rise_m / 2,
            "narrow": m.width_m < limits.min_width_m,
            "slender": abs(m.delta_m) > limits.max_slender * m.width_m,
            "ragged": m.solidity < limits.min_solidity,
            "vegetation": (
                m.green_share >= LEAFY and (abs(m.delta_m) < TALL_M or m.rough_m > leafy)
            )
            or (not colour and m.rough_m > leafy and self.noise.one_m < 0.6),
        }
        return next((name for name, refused in checks.items() if refused), None)

    def _candidate(self, outline: shapely.Polygon, m: Measured, rise: bool) -> Candidate:
        kind = kind_of(m, rise)
        [mask] = self.grid.to_metres(np.array([outline], dtype=object))
        drawn = regularised(mask, self.grid.gsd_m)
        noise = self.noise
        return Candidate(
            mask=mask,
            outline=drawn,
            kind=kind,
            stage=stage_of(m, kind, noise),
            score=self._score(m),
            area_m2=m.area_m2,
            area_band_m2=length_m(drawn) * self.position_error_m,
            delta_h_m=m.delta_m,
            delta_h_band_m=2.0 * noise.filtered_m,
            height_m=m.after_m,
            # one model's noise, and the ground's: neither is averaged away, as errors of surface
            # models hang together over a roof
            height_sigma_m=float(noise.one_m * np.sqrt(2.0)),
            measures={
                **{name: round(v, 3) for name, v in asdict(m).items() if v is not None},
                "in_domain": float(not _beyond(noise, self.grid)),
            },
        )

    def _score(self, m: Measured) -> float:
        """0 to 1: the geometric mean of how far the place is beyond each limit. Not a
        probability: it ranks."""
        limits = self.limits
        parts = (
            _ramp(abs(m.delta_m), 0.5 * self.mark_m, max(2.0 * self.mark_m, 4.0)),
            _ramp(m.area_m2, 0.5 * limits.min_area_m2, 4.0 * limits.min_area_m2),
            _ramp(m.width_m, 0.5 * limits.min_width_m, 2.0 * limits.min_width_m),
            _ramp(m.solidity, 0.0, 0.8),
            1.0 - 0.8 * m.green_share,
            1.0 - m.missing_share,
        )
        return float(np.prod(parts) ** (1.0 / len(parts)))


def _beyond(noise: NoiseModel, grid: Grid) -> bool:
    """Whether the pair is noisier, or its pixels of another size, than what was measured."""
    low, high = MEASURED_GSD_M
    return noise.one_m > MEASURED_NOISE_M or not low <= grid.gsd_m <= high


def _ramp(value: float, low: float, high: float) -> float:
    return float(np.clip((value - low) / (high - low), 0.02, 1.0))
