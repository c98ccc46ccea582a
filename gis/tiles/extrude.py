"""Footprints to closed prisms: walls, roof and floor, all of a tile at once."""

from __future__ import annotations

from dataclasses import dataclass

import mapbox_earcut
import numpy as np
import shapely
from numpy.typing import NDArray

from gis.tiles.mesh import Floats, Integers, Mesh
from gis.tiles.placement import TileFrame

SMALLEST_M2 = 1e-4  # a footprint below it is a line
# A footprint whose triangles do not cover it (m² missing, relative) is not drawn: better left
# out with a reason than drawn torn.
UNCOVERED = 1e-3


@dataclass(frozen=True, slots=True)
class Rings:
    """The rings of many polygons, one vertex a row, without the closing vertex; outer rings
    counter-clockwise, holes clockwise. `at`, `after`: the vertex and the next one of its ring."""

    lonlat: Floats  # (n, 2) degrees
    after: Integers  # (n,)
    ends: Integers  # (rings,) one past the last vertex of each ring
    polygon: Integers  # (rings,) which polygon
    feature: Integers  # (polygons,) which feature


def extrude(
    footprints: NDArray[np.object_], low_m: Floats, high_m: Floats, frame: TileFrame
) -> tuple[Mesh, NDArray[np.bool_]]:
    """Prisms over polygons (degrees), from `low_m` to `high_m` (ellipsoidal metres).

    Every vertex goes through geocentric metres, so that curvature and the meridians' convergence
    are right. Returns the mesh, and which footprints were drawn whole; the vertices of the
    others are not in it."""
    rings = _rings(footprints)
    done = np.zeros(len(footprints), bool)
    if len(rings.ends) == 0:
        return Mesh.empty(), done
    triangles, polygon, covered = _triangulate(rings, frame)
    done[np.setdiff1d(rings.feature, rings.feature[~covered])] = True
    sizes = np.diff(rings.ends, prepend=0)
    owner = rings.feature[np.repeat(rings.polygon, sizes)]  # feature of each vertex
    lon, lat = rings.lonlat[:, 0], rings.lonlat[:, 1]
    low = frame.of_degrees(lon, lat, low_m[owner])
    high = frame.of_degrees(lon, lat, high_m[owner])
    kept = done[owner]
    cap = triangles[done[rings.feature[polygon]]]
    up = high - low
    up /= np.linalg.norm(up, axis=1)[:, None]
    return Mesh.join(
        [
            _cap(high, up, cap, owner, kept),
            _cap(low, -up, cap[:, ::-1], owner, kept),
            _walls(low, high, rings.after, owner, kept),
        ]
    ), done


def _walls(
    low: Floats, high: Floats, after: Integers, owner: Integers, kept: NDArray[np.bool_]
) -> Mesh:
    """Four vertices an edge, flat shaded."""
    at = np.flatnonzero(kept)
    to = after[at]
    corners = np.stack([low[at], low[to], high[to], high[at]], axis=1)
    normal = np.cross(corners[:, 1] - corners[:, 0], corners[:, 3] - corners[:, 0])
    normal /= np.linalg.norm(normal, axis=1)[:, None]
    first = np.arange(len(at), dtype=np.int64)[:, None] * 4
    quad = np.array([0, 1, 2, 0, 2, 3])
    return Mesh(
        corners.reshape(-1, 3),
        np.repeat(normal, 4, axis=0),
        (first + quad).reshape(-1, 3),
        np.repeat(owner[at], 4),
    )


def _cap(
    positions: Floats, up: Floats, cap: Integers, owner: Integers, kept: NDArray[np.bool_]
) -> Mesh:
    number = np.cumsum(kept) - 1
    return Mesh(positions[kept], up[kept], number[cap], owner[kept])


def _rings(footprints: NDArray[np.object_]) -> Rings:
    """Vertices in drawing order; rings of no area are dropped, and holes with their polygon."""
    parts, feature = shapely.get_parts(_areal(footprints), return_index=True)
    some = ~shapely.is_empty(parts)
    parts, feature = parts[some], feature[some]
    rings, polygon = shapely.get_rings(parts, return_index=True)
    lonlat, ring = shapely.get_coordinates(rings, return_index=True)
    if len(lonlat) == 0:
        none = np.empty(0, np.int64)
        return Rings(lonlat, none, none, none, none)
    # the closing vertex repeats the first: a vertex equal to the one before it goes
    keep = np.ones(len(lonlat), bool)
    keep[1:] = (lonlat[1:] != lonlat[:-1]).any(axis=1) | (ring[1:] != ring[:-1])
    last = np.flatnonzero(np.diff(ring, append=-1))
    keep[last] = False
    lonlat, ring = lonlat[keep], ring[keep]
    sizes = np.bincount(ring, minlength=len(rings))
    starts = np.cumsum(sizes) - sizes
    after = np.arange(1, len(ring) + 1)
    after[starts + sizes - 1] = starts
    outer = np.diff(polygon, prepend=-1) > 0
    wrong = (_doubled(lonlat, after, ring, len(rings)) > 0) != outer
    order = np.arange(len(ring))
    turned = 2 * starts[ring] + sizes[ring] - 1 - order
    return Rings(
        lonlat[np.where(wrong[ring], turned, order)], after, np.cumsum(sizes), polygon, feature
    )


def _doubled(lonlat: Floats, after: Integers, ring: Integers, rings: int) -> Floats:
    """Twice the signed area of each ring, square degrees, from its own first vertex."""
    first = np.zeros(rings, np.int64)
    first[ring[::-1]] = np.arange(len(ring))[::-1]
    at = lonlat - lonlat[first[ring]]
    to = at[after]
    return np.bincount(ring, _cross(at, to), rings).astype(np.float64)


def _areal(footprints: NDArray[np.object_]) -> NDArray[np.object_]:
    """Valid polygons: what crosses itself is mended by the even-odd rule, lines fall away."""
    bad = ~shapely.is_valid(footprints) & ~shapely.is_missing(footprints)
    if not bad.any():
        return footprints
    mended = footprints.copy()
    for i in np.flatnonzero(bad):
        parts = shapely.get_parts(shapely.make_valid(footprints[i]))
        inner = shapely.get_parts(parts)
        areas = inner[shapely.get_dimensions(inner) == 2]
        mended[i] = shapely.MultiPolygon(list(areas)) if len(areas) else None
    return mended


def _triangulate(rings: Rings, frame: TileFrame) -> tuple[Integers, Integers, NDArray[np.bool_]]:
    """Triangles as vertex numbers, counter-clockwise from above; the polygon of each; and which
    polygons they cover."""
    flat = frame.of_degrees(rings.lonlat[:, 0], rings.lonlat[:, 1], np.zeros(len(rings.lonlat)))
    plane = np.ascontiguousarray(flat[:, :2])
    last_ring = np.flatnonzero(np.diff(rings.polygon, append=-1))
    stops = rings.ends[last_ring]
    starts = np.concatenate([[0], stops[:-1]])
    found, sizes, ring = [], [], 0
    for start, stop, last in zip(starts.tolist(), stops.tolist(), last_ring.tolist(), strict=True):
        ends = (rings.ends[ring : last + 1] - start).astype(np.uint32)
        numbers = mapbox_earcut.triangulate_float64(plane[start:stop], ends)
        found.append(numbers)
        sizes.append(len(numbers) // 3)
        ring = last + 1
    polygon = np.repeat(np.arange(len(sizes)), sizes)
    triangles = np.concatenate(found).astype(np.int64).reshape(-1, 3) + starts[polygon][:, None]
    a, b, c = (plane[triangles[:, i]] for i in range(3))
    twice = _cross(b - a, c - a)
    triangles[twice < 0] = triangles[twice < 0][:, ::-1]
    origin = np.repeat(starts, stops - starts)
    at, to = plane - plane[origin], plane[rings.after] - plane[origin]
    wanted = np.add.reduceat(_cross(at, to), starts)
    missing = np.abs(np.bincount(polygon, np.abs(twice), len(sizes)) - wanted)
    return triangles, polygon, (wanted > 2 * SMALLEST_M2) & (missing < UNCOVERED * wanted)


def _cross(a: Floats, b: Floats) -> Floats:
    return np.asarray(a[:, 0] * b[:, 1] - b[:, 0] * a[:, 1])
