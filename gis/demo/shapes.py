"""Footprints: unit outlines stretched, turned and moved to where a building stands."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.demo.site import Floats, Geometries

RECT, ELL, U_SHAPE, COURT, TEE, STEPPED, BUTTERFLY, PODIUM, WINGS = range(9)

# outlines in a unit square around (0, 0); v to the north. Anti-clockwise, not closed.
_OUTLINE: dict[int, list[tuple[float, float]]] = {
    RECT: [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)],
    ELL: [(-0.5, -0.5), (0.5, -0.5), (0.5, -0.08), (-0.1, -0.08), (-0.1, 0.5), (-0.5, 0.5)],
    U_SHAPE: [
        (-0.5, -0.5), (-0.22, -0.5), (-0.22, 0.1), (0.22, 0.1), (0.22, -0.5), (0.5, -0.5),
        (0.5, 0.5), (-0.5, 0.5),
    ],
    COURT: [(-0.5, -0.5), (0.5, -0.5), (0.5, 0.5), (-0.5, 0.5)],
    TEE: [
        (-0.14, -0.5), (0.14, -0.5), (0.14, 0.05), (0.5, 0.05), (0.5, 0.5), (-0.5, 0.5),
        (-0.5, 0.05), (-0.14, 0.05),
    ],
    # a housing slab: stair wells stand out to the north, balconies to the south
    STEPPED: [
        (-0.5, -0.42), (-0.34, -0.42), (-0.34, -0.5), (-0.16, -0.5), (-0.16, -0.42),
        (0.16, -0.42), (0.16, -0.5), (0.34, -0.5), (0.34, -0.42), (0.5, -0.42),
        (0.5, 0.38), (0.3, 0.38), (0.3, 0.5), (0.2, 0.5), (0.2, 0.38),
        (-0.2, 0.38), (-0.2, 0.5), (-0.3, 0.5), (-0.3, 0.38), (-0.5, 0.38),
    ],
    # a tower with light wells on the north side and a core
    BUTTERFLY: [
        (-0.5, -0.5), (-0.12, -0.5), (-0.12, -0.36), (0.12, -0.36), (0.12, -0.5), (0.5, -0.5),
        (0.5, 0.3), (0.3, 0.3), (0.3, 0.42), (0.16, 0.42), (0.16, 0.5), (-0.16, 0.5),
        (-0.16, 0.42), (-0.3, 0.42), (-0.3, 0.3), (-0.5, 0.3),
    ],
    PODIUM: [
        (-0.42, -0.5), (0.42, -0.5), (0.5, -0.38), (0.5, 0.38), (0.42, 0.5), (-0.42, 0.5),
        (-0.5, 0.38), (-0.5, -0.38),
    ],
    WINGS: [
        (-0.5, -0.5), (-0.36, -0.5), (-0.36, -0.12), (-0.12, -0.12), (-0.12, -0.34),
        (0.12, -0.34), (0.12, -0.12), (0.36, -0.12), (0.36, -0.5), (0.5, -0.5), (0.5, 0.5),
        (0.36, 0.5), (0.36, 0.2), (-0.36, 0.2), (-0.36, 0.5), (-0.5, 0.5),
    ],
}  # fmt: skip
_HOLE = {COURT: [(-0.24, -0.2), (-0.24, 0.22), (0.24, 0.22), (0.24, -0.2)]}


def footprints(
    shape: NDArray[np.int64], centre: Floats, angle: Floats, width: Floats, depth: Floats
) -> Geometries:
    """Polygons of n buildings: outline number, centre (n,2), angle of the width axis (radians,
    anti-clockwise from east), width along it and depth across it, metres."""
    out = np.empty(len(shape), dtype=object)
    for number, outline in _OUTLINE.items():
        rows = np.flatnonzero(shape == number)
        if len(rows) == 0:
            continue
        placing = (centre[rows], angle[rows], width[rows], depth[rows])
        shell = shapely.linearrings(_placed(outline, *placing))
        if number in _HOLE:
            holes = np.asarray(shapely.linearrings(_placed(_HOLE[number], *placing)))
            out[rows] = shapely.polygons(shell, holes=holes[:, None])
        else:
            out[rows] = shapely.polygons(shell)
    return out


def _placed(
    outline: list[tuple[float, float]], centre: Floats, angle: Floats, width: Floats, depth: Floats
) -> Floats:
    unit = np.array(outline)
    u, v = unit[None, :, 0] * width[:, None], unit[None, :, 1] * depth[:, None]
    cos, sin = np.cos(angle)[:, None], np.sin(angle)[:, None]
    return np.stack([centre[:, :1] + u * cos - v * sin, centre[:, 1:] + u * sin + v * cos], axis=2)
