"""Every way in which two columns of bare numbers can be read as places in an area.

A `Reading` is a frame, an axis order, a unit and (for cut-off origins) a constant to add. Size
alone settles the order and the family of frames; it can't tell datums or GCJ-02 apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gis.coords.angles import degrees_from_packed
from gis.coords.frames import BD09, BD09MC, GCJ02, STORAGE, Area, Frame, from_epsg, outside
from gis.coords.local import LocalFrame
from gis.coords.spelling import local_frame
from gis.coords.transform import find_transformation
from gis.errors import NoAccurateTransform

Floats = NDArray[np.float64]
Unit = Literal["as stated", "mm", "km", "packed DMS", "seconds"]

POSSIBLE = 0.9  # share of rows a reading must explain; the rest may be broken or of another frame
NEAR_DEG = 0.25  # about 20 km around the area
ENOUGH_PACKED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """`north_first`: the first column is north. `shift`: added to (east, north), metres, where
    the origin was cut off. `share`: of the rows it can explain, by size."""

    frame: Frame
    north_first: bool = False
    unit: Unit = "as stated"
    shift: tuple[float, float] = (0.0, 0.0)
    share: float = 1.0

    @property
    def plain(self) -> bool:
        """Whether the numbers are the frame's own, without another unit or a cut origin."""
        return self.unit == "as stated" and self.shift == (0.0, 0.0)

    def pairs(self, columns: Floats) -> Floats:
        """The numbers as pairs of `frame`, east or longitude first, shape (n, 2)."""
        pairs = columns[:, ::-1] if self.north_first else columns
        return np.asarray(_TO_STATED[self.unit](pairs) + np.array(self.shift))

    def lonlat(self, columns: Floats) -> Floats:
        """Places in CGCS2000 degrees; NaN where a row can't be one of `frame`."""
        pairs = self.pairs(columns)
        wrong = outside(pairs, self.frame)
        places = np.full(pairs.shape, np.nan)
        if not wrong.all():
            places[~wrong] = find_transformation(self.frame, STORAGE).apply(pairs[~wrong])
        return places

    def text(self) -> str:
        """The reading in a few words."""
        order = "北在前 / north first" if self.north_first else "东在前 / east first"
        unit = "" if self.unit == "as stated" else f", {self.unit}"
        cut = "" if self.shift == (0.0, 0.0) else f", +({self.shift[0]:.0f}, {self.shift[1]:.0f})"
        return f"{order}{unit}{cut}"


_TO_STATED = {
    "as stated": lambda pairs: pairs,
    "mm": lambda pairs: pairs / 1000.0,
    "km": lambda pairs: pairs * 1000.0,
    "seconds": lambda pairs: pairs / 3600.0,
    "packed DMS": degrees_from_packed,
}


def candidate_frames(area: Area, local: Mapping[str, LocalFrame]) -> tuple[Frame, ...]:
    """Frames in which departments of the area deliver, the most usual first. Planes of central
    meridians up to 4 degrees off are among them: cities at a zone's edge use the next one."""
    lon = (area.west + area.east) / 2.0
    codes = [4490]
    thirds = sorted(
        (z for z in range(25, 46) if abs(3.0 * z - lon) <= 4.0), key=lambda z: abs(3.0 * z - lon)
    )
    sixths = [z for z in range(13, 24) if abs(6.0 * z - 3.0 - lon) <= 4.5]
    codes += [4534 + z - 25 for z in thirds] + [4513 + z - 25 for z in thirds]
    codes += [4491 + z - 13 for z in sixths] + [4502 + z - 13 for z in sixths]
    codes += [32600 + z for z in range(43, 54) if abs(6.0 * z - 183.0 - lon) <= 4.5]
    codes.append(3857)
    frames = [GCJ02, BD09, BD09MC, *(from_epsg(code) for code in codes)]
    frames.sort(key=lambda frame: frame.epsg != 4490)
    return (*frames, *(local_frame(name, local) for name in sorted(local)))


def possible_readings(
    columns: Floats,
    area: Area,
    *,
    declared: Frame | None = None,
    local: Mapping[str, LocalFrame] | None = None,
    at_least: float = POSSIBLE,
) -> tuple[Reading, ...]:
    """Every reading under which most rows (`at_least`) lie in or near `area`; a declared frame
    first.

    columns: shape (n, 2), as they stand in the file. Two readings that give the same places (to
    half a metre) are one: the declared, else the one that explains more rows, else the more usual
    frame stands for both."""
    finite = columns[np.isfinite(columns).all(axis=1)]
    if len(finite) == 0:
        return ()
    sample = finite[:: max(1, len(finite) // 2000)]
    frames = candidate_frames(area, local or {})
    if declared is not None:
        frames = (declared, *(f for f in frames if f != declared))
    found: list[tuple[Reading, Floats]] = []
    for reading in _plausible(sample, frames, area):
        places = reading.lonlat(sample)
        share = float(np.mean(within(places, area)))
        if share < at_least:
            continue
        reading = replace(reading, share=share)
        same = [i for i, (_, other) in enumerate(found) if _same_places(places, other, area)]
        if not same:
            found.append((reading, places))
        elif share > found[same[0]][0].share and found[same[0]][0].frame != declared:
            # the 3-degree zone's own numbers, but reaching farther: the 6-degree zone it lies in
            found[same[0]] = (reading, places)
    return tuple(_without_false_packed([reading for reading, _ in found], sample))


def _plausible(sample: Floats, frames: tuple[Frame, ...], area: Area) -> Iterator[Reading]:
    """Readings worth a transformation, plain ones first, so that they stand for their equals."""
    units: tuple[Unit, ...] = ("as stated", "packed DMS", "seconds", "mm", "km")
    for unit in units:
        for frame, north_first in product(frames, (False, True)):
            degrees = frame.unit == "degree"
            if unit in ("packed DMS", "seconds") and not degrees:
                continue
            if unit in ("mm", "km") and (degrees or frame.kind == "local"):
                continue
            if frame.has_crs and not transformable(frame):
                continue
            yield Reading(frame=frame, north_first=north_first, unit=unit)
    yield from _cut_origins(sample, area)


def transformable(frame: Frame) -> bool:
    """Whether a way with a stated accuracy leads from the frame to storage."""
    try:
        find_transformation(frame, STORAGE)
    except NoAccurateTransform:
        return False
    return True


def _cut_origins(sample: Floats, area: Area) -> Iterator[Reading]:
    """Planes whose leading digits were cut: whole multiples of 1,000 or 100 km are missing."""
    lon = (area.west + area.east) / 2.0
    plane = from_epsg(4534 + min(max(round(lon / 3.0), 25), 45) - 25)
    corners = np.array([[area.west, area.south], [area.east, area.north]])
    corners = find_transformation(STORAGE, plane).apply(corners)
    middle = np.median(sample, axis=0)
    if np.abs(middle).max() >= 1e6 or np.abs(sample).max() < 400 or np.isnan(corners).any():
        return
    (x0, y0), (x1, y1) = corners
    for north_first in (False, True):
        east, north = middle[::-1] if north_first else middle
        for step in (1e6, 1e5):
            shifts = product(_fitting(east, x0, x1, step), _fitting(north, y0, y1, step))
            for shift in shifts:
                if shift != (0.0, 0.0):
                    yield Reading(frame=plane, north_first=north_first, shift=shift)


def _fitting(value: float, low: float, high: float, step: float) -> list[float]:
    first, last = np.ceil((low - value) / step), np.floor((high - value) / step)
    return [float(k * step) for k in np.arange(first, last + 1)]


def within(places: Floats, area: Area) -> NDArray[np.bool_]:
    """Which places (degrees, shape (n, 2)) lie in or near the area."""
    near = area.padded(NEAR_DEG)
    lon, lat = places[:, 0], places[:, 1]
    inside = (lon >= near.west) & (lon <= near.east) & (lat >= near.south) & (lat <= near.north)
    return np.asarray(inside)


def _same_places(one: Floats, other: Floats, area: Area) -> bool:
    mine, yours = within(one, area), within(other, area)
    both = mine & yours
    if both.sum() < POSSIBLE * max(mine.sum(), yours.sum()):
        return False
    return bool(np.nanmax(np.abs(one[both] - other[both])) < 5e-6)  # half a metre


def _without_false_packed(readings: list[Reading], sample: Floats) -> Iterator[Reading]:
    """Packed angles and decimal degrees look alike; but among decimal degrees every second row
    or more has sixty "minutes" or "seconds", so with enough rows only one of the two is left."""
    packed = [r for r in readings if r.unit == "packed DMS"]
    for reading in readings:
        if reading.unit == "packed DMS" and (reading.share < 1.0 or len(sample) < ENOUGH_PACKED):
            continue
        decimal = reading.unit == "as stated" and reading.frame.unit == "degree"
        if decimal and any(r.share == 1.0 for r in packed) and len(sample) >= ENOUGH_PACKED:
            continue
        yield reading
