"""Cutting land in two, again and again, until each piece has its size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.demo.site import Floats, Geometries

FAR = 6000.0  # longer than any piece of land here, metres


@dataclass(frozen=True, slots=True)
class Pieces:
    """What subdivision left.

    polygon, origin: the pieces and the row of the polygon each was cut from
    cut, cut_origin: the lines along which was cut (a street may go there)
    """

    polygon: Geometries
    origin: NDArray[np.int64]
    cut: Geometries
    cut_origin: NDArray[np.int64]


def long_axis(polygons: Geometries) -> tuple[Floats, Floats, Floats]:
    """Of each polygon's smallest rectangle: centre (n,2), unit vector along its long side
    (n,2), and both side lengths, long first (n,2). Metres."""
    ring = shapely.get_coordinates(shapely.oriented_envelope(polygons)).reshape(-1, 5, 2)
    sides = ring[:, 1:3] - ring[:, 0:2]
    length = np.hypot(sides[..., 0], sides[..., 1])
    first = length[:, 0] >= length[:, 1]
    along = np.where(first[:, None], sides[:, 0], sides[:, 1])
    along = along / np.maximum(np.hypot(along[:, 0], along[:, 1]), 1e-9)[:, None]
    return ring[:, :4].mean(axis=1), along, np.sort(length, axis=1)[:, ::-1]


def subdivide(
    polygons: Geometries,
    target_m2: Floats,
    rng: np.random.Generator,
    *,
    min_side_m: float,
    ratio: tuple[float, float] = (0.42, 0.58),
    skew_deg: float = 2.0,
    levels: int = 9,
) -> Pieces:
    """Cut each polygon across its long side until no piece is larger than 1.5 times its target
    or its halves would be narrower than `min_side_m`."""
    waiting, origin = polygons, np.arange(len(polygons))
    done, done_origin, cuts, cut_origins = [], [], [], []
    for _ in range(levels):
        if len(waiting) == 0:
            break
        centre, along, sides = long_axis(waiting)
        big = (shapely.area(waiting) > 1.5 * target_m2[origin]) & (sides[:, 0] > 2 * min_side_m)
        done.append(waiting[~big])
        done_origin.append(origin[~big])
        waiting, origin = waiting[big], origin[big]
        share = rng.uniform(*ratio, big.sum()) - 0.5
        at = centre[big] + (share * sides[big, 0])[:, None] * along[big]
        halves, cut = _halve(waiting, at, _turned(along[big], rng.normal(0, skew_deg, big.sum())))
        cuts.append(cut)
        cut_origins.append(origin)
        waiting, which = shapely.get_parts(halves, return_index=True)
        origin = np.concatenate([origin, origin])[which]
        real = (shapely.get_type_id(waiting) == 3) & (shapely.area(waiting) > 30.0)
        waiting, origin = waiting[real], origin[real]
    done.append(waiting)
    done_origin.append(origin)
    cut, which = shapely.get_parts(np.concatenate(cuts), return_index=True)
    cut_origin = np.concatenate(cut_origins)[which]
    lines = (shapely.get_type_id(cut) == 1) & (shapely.length(cut) > 1.0)
    return Pieces(np.concatenate(done), np.concatenate(done_origin), cut[lines], cut_origin[lines])


def _turned(vectors: Floats, degrees: Floats) -> Floats:
    cos, sin = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y = vectors[:, 0], vectors[:, 1]
    return np.column_stack([cos * x - sin * y, sin * x + cos * y])


def _halve(polygons: Geometries, at: Floats, along: Floats) -> tuple[Geometries, Geometries]:
    """The parts behind and before the line through `at` square to `along`, and the cut."""
    across = np.column_stack([-along[:, 1], along[:, 0]]) * FAR
    left, right = at + across, at - across
    line = shapely.linestrings(np.stack([left, right], axis=1))
    depth = along * FAR
    behind = shapely.polygons(np.stack([left, right, right - depth, left - depth], axis=1))
    before = shapely.polygons(np.stack([left, right, right + depth, left + depth], axis=1))
    halves = np.concatenate(
        [shapely.intersection(polygons, behind), shapely.intersection(polygons, before)]
    )
    return halves, shapely.intersection(polygons, line)
