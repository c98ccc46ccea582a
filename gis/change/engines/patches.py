"""A search of two photographs patch by patch, for the engines that look at photographs alone.

Patches lie on a lattice from the grid's corner and each is looked at whole, with a rim, so that
what is found depends neither on how much is read at a time nor on the part that is searched.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.change.engines.contract import Candidate, Kind
from gis.change.filters import closed, opened
from gis.change.held import give_back
from gis.change.pair import Box, Grid, Sheets
from gis.change.photos import Clouds, Tones, clouds_of, tones_of
from gis.change.polygons import length_m, regularised
from gis.change.progress import Done, Journal
from gis.change.seams import box_of, filled, joined, outlines, windows

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
CORE_PX, RIM_PX = 448, 32
# how sure, 0 to 1, that something came or went, from both photographs (3, rows, columns), 0 to 255
Look = Callable[[Floats, Floats], tuple[Floats, Floats]]
# how far a patch lies from what the engine knows, None = it can't tell
Apart = Callable[[Floats], float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoLimits:
    """What counts. sure: least of `Look` for a pixel. Outlines are as good as `position_px`."""

    sure: float
    min_area_m2: float = 40.0
    min_width_m: float = 3.0
    position_px: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Part of a place, within one patch. outline: pixels of the grid."""

    came: bool
    outline: shapely.Polygon
    sure: float
    apart: float


@dataclass(slots=True, kw_only=True)
class Found:
    """What a search gathers. apart: of every patch that could be told; cloudy: pixels of the
    earlier and of the later photograph under cloud."""

    pieces: list[tuple[Box, list[Piece]]] = field(default_factory=list)
    searched_px: int = 0
    missing_px: int = 0
    cloudy: list[int] = field(default_factory=lambda: [0, 0])
    apart: list[float] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Two open photographs, and how they are looked at."""

    sheets: Sheets
    grid: Grid
    limits: PhotoLimits
    look: Look
    apart: Apart
    tones: tuple[Tones, Tones]
    clouds: tuple[Clouds, Clouds]

    def found(self, box: Box, journal: Journal) -> Found:
        """Go through all patches that touch `box`."""
        found = Found()
        for cell in windows(box, CORE_PX, CORE_PX):
            done = journal.known(cell)
            if done is None:
                done = self._cell(cell)
                journal.keep(cell, done)
                give_back()
            pieces = [
                Piece(came=came, outline=outline, sure=sure, apart=apart)
                for came, outline, (sure, apart) in done.places
            ]
            found.pieces.append((cell, pieces))
            searched, missing, cloud_before, cloud_after, apart = done.figures
            found.searched_px += int(searched)
            found.missing_px += int(missing)
            found.cloudy[0] += int(cloud_before)
            found.cloudy[1] += int(cloud_after)
            if apart >= 0:
                found.apart.append(apart)
        return found

    def _cell(self, cell: Box) -> Done:
        patch = _patch_of(cell)
        assert self.sheets.before is not None  # the engine checked
        assert self.sheets.after is not None
        photos = [
            tones.scaled(sheet.read(patch))
            for sheet, tones in zip(
                (self.sheets.before, self.sheets.after), self.tones, strict=True
            )
        ]
        inner = patch.inner(cell)
        hidden = [c.within(patch) for c in self.clouds]
        seen: Mask = _known(photos[0]) & _known(photos[1])
        clear = seen & ~hidden[0] & ~hidden[1]
        far = [a for p in photos if (a := self.apart(p)) is not None]
        figures = [
            float(clear[inner].sum()), float((~seen[inner]).sum()),
            float(hidden[0][inner].sum()), float(hidden[1][inner].sum()), max(far, default=-1.0),
        ]  # fmt: skip
        places: list[tuple[bool, shapely.Polygon, tuple[float, ...]]] = []
        if clear[inner].any():
            for came, sure in zip((True, False), self.look(*map(_whole, photos)), strict=True):
                mark = self._mark(sure, clear)[inner]
                places += [
                    (came, outline, (_mean(sure[inner], outline, cell), max(far, default=0.0)))
                    for outline in outlines(mark, cell)
                ]
        return Done(places=tuple(places), figures=tuple(figures))

    def _mark(self, sure: Floats, clear: Mask) -> Mask:
        mark = (sure > self.limits.sure) & clear
        radius = max(self.limits.min_width_m / 2 / self.grid.gsd_m - 0.5, 0.5)
        return opened(closed(mark), radius) if mark.any() else mark

    def places(self, found: Found) -> Iterator[tuple[bool, shapely.Polygon, float, float]]:
        """Whole places: came or went, outline in pixels, how sure, how far from what is known."""
        least_px = self.limits.min_area_m2 / self.grid.gsd_m**2
        for came in (True, False):
            parts = [(box, [p for p in ps if p.came == came]) for box, ps in found.pieces]
            pieces = [p for _, ps in parts for p in ps]
            tree = shapely.STRtree([p.outline.representative_point() for p in pieces])
            for outline in joined((box, [p.outline for p in ps]) for box, ps in parts):
                if outline.area < least_px:
                    found.rejected["small"] += 1
                    continue
                mine = [pieces[i] for i in tree.query(outline, predicate="intersects")]
                area = np.array([p.outline.area for p in mine])
                sure = float(np.average([p.sure for p in mine], weights=area))
                yield came, outline, sure, max(p.apart for p in mine)

    def candidate(
        self, outline: shapely.Polygon, kind: Kind, score: float, measures: dict[str, float]
    ) -> Candidate:
        """A place as what the rules take. It has no height."""
        [mask] = self.grid.to_metres(np.array([outline], dtype=object))
        drawn = regularised(mask, self.grid.gsd_m)
        return Candidate(
            mask=mask,
            outline=drawn,
            kind=kind,
            stage="demolished" if kind == "demolition" else None,
            score=score,
            area_m2=float(mask.area),
            area_band_m2=length_m(drawn) * self.position_error_m,
            measures={name: round(value, 3) for name, value in measures.items()},
        )

    @property
    def position_error_m(self) -> float:
        return self.limits.position_px * self.grid.gsd_m


def both_tones(sheets: Sheets, grid: Grid) -> tuple[Tones, Tones]:
    """Scales of the earlier and the later photograph."""
    assert sheets.before is not None  # the engine checked
    assert sheets.after is not None
    return tones_of(sheets.before, grid), tones_of(sheets.after, grid)


def search_of(
    sheets: Sheets, grid: Grid, box: Box, limits: PhotoLimits, tones: tuple[Tones, Tones],
    look: Look, apart: Apart,
) -> Search:  # fmt: skip
    """A search of `box`: the photographs are looked over for cloud first."""
    before, after = sheets.before, sheets.after
    assert before is not None  # the engine checked
    assert after is not None
    return Search(
        sheets=sheets,
        grid=grid,
        limits=limits,
        look=look,
        apart=apart,
        tones=tones,
        clouds=(
            clouds_of(before, tones[0], box, grid),
            clouds_of(after, tones[1], box, grid),
        ),
    )


def _patch_of(cell: Box) -> Box:
    """The lattice's patch that a cell (which may be cut) lies in."""
    top, left = cell.top // CORE_PX * CORE_PX, cell.left // CORE_PX * CORE_PX
    return Box(top, left, top + CORE_PX, left + CORE_PX).grown(RIM_PX)


def _known(photo: Floats) -> Mask:
    return np.asarray(np.isfinite(photo).all(axis=0), dtype=bool)


def _whole(photo: Floats) -> Floats:
    """Without NaN: the median of what is seen stands in."""
    seen = _known(photo)
    if seen.all():
        return photo
    level = np.median(photo[:, seen], axis=1) if seen.any() else np.full(len(photo), 127.0)
    filled: Floats = np.where(seen[None], photo, level.astype(np.float32)[:, None, None])
    return filled


def _mean(sure: Floats, outline: shapely.Polygon, cell: Box) -> float:
    cut = box_of(outline)
    return float(sure[cell.inner(cut)][filled(outline, cut)].mean())
