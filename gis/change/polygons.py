"""Outlines a person would draw: pixels simplified, then made right-angled where that fits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.coords import STORAGE, Frame, normalise
from gis.errors import ChangeError

SIMPLIFY_M = 1.0
FITS = 0.85  # intersection over union with the pixels below which a drawing is not used
TURN_DEG = 30.0  # an edge within that of an axis is taken to lie along it
SHORT_M = 1.5  # a shorter edge is a step of pixels, not a wall

Floats = NDArray[np.float64]


def regularised(mask: shapely.Polygon, gsd_m: float) -> shapely.Polygon:
    """The outline (metres) drawn for people, from the polygon around the pixels (metres):
    a rectangle, else right-angled, else simplified to about a metre; whichever first covers the
    pixels well enough. Overlaps with permits are never computed on it."""
    plain = _simplified(mask, max(SIMPLIFY_M, gsd_m))
    if mask.area == 0 or plain.is_empty:
        return mask
    angle = _direction(plain)
    rectangle = _rectangle(mask, angle)
    right_angled = _right_angled(mask, angle, max(SIMPLIFY_M, gsd_m))
    if _overlap(rectangle, mask) >= 0.9:
        return rectangle
    for drawing in (right_angled, plain):
        if drawing is not None and _overlap(drawing, mask) >= FITS:
            return drawing
    return mask


def to_storage(outlines: NDArray[np.object_], frame: Frame) -> NDArray[np.object_]:
    """Outlines of `frame` as MultiPolygons of EPSG:4490, longitude first. Raises ChangeError
    where the raster's coordinates can't be in its frame."""
    done = normalise(outlines, frame, target=STORAGE)
    if done.failed.any():
        raise ChangeError(
            zh=f"影像坐标超出 {frame} 的适用范围，坐标系可能写错。请核对",
            en=f"the raster's coordinates can't lie in {frame}; it may be wrongly declared",
            problem="frame",
        )
    out = np.empty(len(done.geometry), dtype=object)
    for i, polygon in enumerate(done.geometry):
        out[i] = shapely.MultiPolygon([shapely.orient_polygons(polygon)])
    return out


def length_m(outline: shapely.Polygon) -> float:
    """Length of the walls: pixel steps would make it a quarter too long."""
    return float(outline.length)


def _simplified(mask: shapely.Polygon, tolerance: float) -> shapely.Polygon:
    """Douglas-Peucker of shell and holes; holes smaller than a tree are filled."""
    holes = [r for r in mask.interiors if shapely.Polygon(r).area > 9.0]
    plain = shapely.simplify(shapely.Polygon(mask.exterior, holes), tolerance)
    return plain if plain.is_valid else shapely.Polygon(mask.exterior, holes)


def _overlap(a: shapely.Polygon, b: shapely.Polygon) -> float:
    if not a.is_valid:
        return 0.0
    common = a.intersection(b).area
    return float(common / (a.area + b.area - common))


def _direction(outline: shapely.Polygon) -> float:
    """The walls' direction, radians: mean of the edges' angles modulo a right angle, by length."""
    edges = np.diff(shapely.get_coordinates(outline.exterior), axis=0)
    length = np.hypot(edges[:, 0], edges[:, 1])
    fourfold = np.exp(4j * np.arctan2(edges[:, 1], edges[:, 0]))
    total = (fourfold * length**2).sum()
    return float(np.angle(total) / 4.0)


def _rectangle(mask: shapely.Polygon, angle: float) -> shapely.Polygon:
    """The rectangle along the walls with the pixels' centroid and second moments' proportions."""
    centre = np.array(mask.centroid.coords[0])
    away = shapely.get_coordinates(mask.exterior) - centre
    cos, sin = np.cos(angle), np.sin(angle)
    along, across = away @ np.array([cos, sin]), away @ np.array([-sin, cos])
    west, east = np.quantile(along, [0.02, 0.98])
    south, north = np.quantile(across, [0.02, 0.98])
    if east <= west or north <= south:
        return mask
    area = shapely.Polygon(mask.exterior).area
    scale = np.sqrt(area / ((east - west) * (north - south)))  # as large as the pixels
    middle = np.array([(west + east) / 2, (south + north) / 2])
    half = np.array([(east - west) / 2, (north - south) / 2]) * scale
    corners = middle + half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    return shapely.Polygon(corners @ np.array([[cos, sin], [-sin, cos]]) + centre)


def _right_angled(mask: shapely.Polygon, angle: float, tolerance: float) -> shapely.Polygon | None:
    """Edges turned onto the two directions of the walls; None where they don't lie along them."""
    centre = np.array(mask.envelope.centroid.coords[0])
    cos, sin = np.cos(angle), np.sin(angle)
    back = np.array([[cos, sin], [-sin, cos]])
    straight = shapely.transform(mask, lambda xy: (xy - centre) @ back.T)
    straight = _simplified(straight, tolerance)
    rings = [_squared(shapely.get_coordinates(r)) for r in (straight.exterior, *straight.interiors)]
    if any(ring is None for ring in rings):
        return None
    drawn = shapely.Polygon(rings[0], rings[1:])
    placed: shapely.Polygon = shapely.transform(drawn, lambda xy: xy @ back + centre)
    return placed if placed.is_valid else None


def _squared(ring: Floats) -> Floats | None:
    """A closed ring whose edges lie roughly along x or y, with them exactly so."""
    walls = _walls(ring)
    if walls is None or len(walls) < 4 or len(walls) % 2:
        return None
    corners = []
    for i, (is_x, level, _) in enumerate(walls):
        other_is_x, other, _ = walls[(i + 1) % len(walls)]
        if is_x == other_is_x:
            return None
        corners.append((other, level) if is_x else (level, other))
    return np.array([*corners, corners[0]])


def _walls(ring: Floats) -> list[tuple[bool, float, float]] | None:
    """Runs of edges in one direction as (along x, where, length); None where an edge longer than
    a pixel step lies along neither axis."""
    runs: list[list[tuple[bool, float, float]]] = []
    for start, end in pairwise(ring):
        dx, dy = abs(end - start)
        length = float(np.hypot(dx, dy))
        if length < SHORT_M:
            continue  # its neighbours meet where they would
        slant = np.degrees(np.arctan2(min(dx, dy), max(dx, dy)))
        if slant > TURN_DEG:
            return None
        is_x = bool(dx > dy)
        level = float((start[1] + end[1]) / 2 if is_x else (start[0] + end[0]) / 2)
        if runs and runs[-1][-1][0] == is_x:
            runs[-1].append((is_x, level, length))
        else:
            runs.append([(is_x, level, length)])
    if len(runs) > 1 and runs[0][0][0] == runs[-1][0][0]:
        runs[0] = runs.pop() + runs[0]
    return [_wall(run) for run in runs]


def _wall(run: list[tuple[bool, float, float]]) -> tuple[bool, float, float]:
    total = sum(length for _, _, length in run)
    return run[0][0], sum(level * length for _, level, length in run) / total, total
