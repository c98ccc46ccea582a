"""Polygons from window after window, joined across the seams as if there had been no windows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import rasterio.features
import shapely
from numpy.typing import NDArray
from rasterio.transform import Affine
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from shapely.geometry.base import BaseGeometry

from gis.change.pair import Box


def windows(box: Box, size_px: int, block_px: int = 256) -> Iterator[Box]:
    """`box` cut into squares of about `size_px`, their edges on multiples of `block_px` so that
    no block of the file is decoded for two of them (but for halos)."""
    step = max(block_px, size_px // block_px * block_px)
    top0, left0 = box.top // step * step, box.left // step * step
    for top in range(top0, box.bottom, step):
        for left in range(left0, box.right, step):
            yield Box(top, left, top + step, left + step).within(box)


def outlines(mask: NDArray[np.bool_], box: Box) -> list[shapely.Polygon]:
    """Polygons around the mask's pixels (neighbours share a side), in pixels of the grid:
    x = column, y = row, whole numbers. `mask` has the shape of `box`."""
    if not mask.any():
        return []
    shapes = rasterio.features.shapes(
        mask.astype(np.uint8),
        mask=mask,
        connectivity=4,
        transform=Affine.translation(box.left, box.top),
    )
    return [shapely.Polygon(g["coordinates"][0], g["coordinates"][1:]) for g, _ in shapes]


def filled(outline: BaseGeometry, box: Box) -> NDArray[np.bool_]:
    """The outline's pixels within `box`: the inverse of `outlines`."""
    drawn: NDArray[np.uint8] = rasterio.features.rasterize(
        [(outline, 1)],
        out_shape=box.shape,
        transform=Affine.translation(box.left, box.top),
        dtype=np.uint8,
    )
    return drawn.astype(bool)


def box_of(outline: BaseGeometry) -> Box:
    """The pixels an outline covers."""
    west, north, east, south = outline.bounds  # y grows downwards
    return Box(round(north), round(west), round(south), round(east))


def joined(parts: Iterable[tuple[Box, list[shapely.Polygon]]]) -> list[shapely.Polygon]:
    """Polygons of all windows, those that share a side across a seam made one.

    Sorted by place, and each drawn anew from its pixels, so the result does not know where the
    seams were.
    """
    whole: list[shapely.Polygon] = []
    cut: list[shapely.Polygon] = []
    for box, polygons in parts:
        for polygon in polygons:
            inside = box_of(polygon)
            touches = (
                inside.top == box.top
                or inside.left == box.left
                or inside.bottom == box.bottom
                or inside.right == box.right
            )
            (cut if touches else whole).append(polygon)
    for group in _groups(np.array(cut, dtype=object)):
        merged = shapely.union_all([cut[i] for i in group])
        box = box_of(merged)
        whole += outlines(filled(merged, box), box)
    return sorted(whole, key=lambda p: (box_of(p).top, box_of(p).left, p.area))


def _groups(polygons: NDArray[np.object_]) -> list[list[int]]:
    """Indices of polygons that hang together by shared sides (a shared corner is not enough)."""
    n = len(polygons)
    if n == 0:
        return []
    a, b = shapely.STRtree(polygons).query(polygons, predicate="intersects")
    a, b = a[a < b], b[a < b]
    if a.size:
        side = shapely.length(shapely.intersection(polygons[a], polygons[b])) > 0
        a, b = a[side], b[side]
    links = coo_array((np.ones(len(a)), (a, b)), shape=(n, n))
    count, label = connected_components(links, directed=False)
    groups: list[list[int]] = [[] for _ in range(count)]
    for i, g in enumerate(label):
        groups[g].append(i)
    return groups
