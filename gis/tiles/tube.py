"""Lines to closed tubes: pipes and shafts, all of a tile at once.

A ring of `sides` vertices a line vertex, carried along the line without twist (the smallest turn
from one direction to the next), cut in the plane that halves the bend. Where a bend is too sharp
for its pipe the tube is cut in two. The ring has the area of the circle, so that volumes are
right: its corners stand out by a twentieth of the radius (8 sides).
"""

from __future__ import annotations

import math

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.tiles.mesh import Floats, Integers, Mesh

STEEPEST = 0.95  # |up| of a direction above which its ring starts from north instead of up
SHARPEST = math.cos(math.radians(120))  # a bend beyond it is two tubes
SHORTEST_M = 1e-3  # between two vertices; below it they are one
STICKS_OUT = 2.2  # how far a tube may reach from its line, in radii (mitre at the sharpest bend)


def tube(
    lines: NDArray[np.object_], radius_m: Floats, sides: int
) -> tuple[Mesh, NDArray[np.bool_]]:
    """Tubes around lines whose coordinates are east, north, up of the tile's frame (m).

    radius_m: shape (n,). Returns the mesh, and which lines were drawn: one without two distinct
    vertices is not."""
    done = np.zeros(len(lines), bool)
    points, line, owner = _distinct(lines)
    if len(points) == 0:
        return Mesh.empty(), done
    done[owner[line]] = True
    sharp = _sharp(points, line, radius_m[owner[line]])
    # where it is cut, a vertex ends one piece and begins the next
    twice = np.repeat(np.arange(len(points)), 1 + sharp)
    begins = (np.diff(line[twice], prepend=-1) > 0) | (np.diff(twice, prepend=-1) == 0)
    points, feature, piece = points[twice], owner[line[twice]], np.cumsum(begins) - 1
    before, after = _directions(points, piece)
    side = _carried(before, piece)
    across = np.cross(before, side)
    radius = (radius_m * math.sqrt(2 * math.pi / (sides * math.sin(2 * math.pi / sides))))[feature]
    turn = 2 * np.pi * np.arange(sides) / sides
    radial = (
        np.cos(turn)[None, :, None] * side[:, None, :]
        + np.sin(turn)[None, :, None] * across[:, None, :]
    )
    # slid along the incoming direction into the plane that halves the bend
    plane = before + after
    slide = np.einsum("nsk,nk->ns", radial, plane) / np.einsum("nk,nk->n", before, plane)[:, None]
    reach = radial - slide[..., None] * before[:, None, :]
    ring = points[:, None, :] + radius[:, None, None] * reach
    outward = reach / np.linalg.norm(reach, axis=2, keepdims=True)
    return Mesh.join(_surfaces(ring, outward, before, after, piece, feature)), done


def _surfaces(
    ring: Floats, outward: Floats, before: Floats, after: Floats, piece: Integers, feature: Integers
) -> list[Mesh]:
    """The side, then the caps at both ends of every piece."""
    sides = ring.shape[1]
    next_side = (np.arange(sides) + 1) % sides
    at = np.flatnonzero(piece[1:] == piece[:-1])
    a = at[:, None] * sides + np.arange(sides)
    b = at[:, None] * sides + next_side
    faces = [np.stack([a, b, b + sides], -1), np.stack([a, b + sides, a + sides], -1)]
    side = Mesh(
        ring.reshape(-1, 3),
        outward.reshape(-1, 3),
        np.concatenate(faces, axis=1).reshape(-1, 3),
        np.repeat(feature, sides),
    )
    fan = np.stack([np.zeros(sides - 2, int), np.arange(1, sides - 1), np.arange(2, sides)], -1)
    starts = np.flatnonzero(np.diff(piece, prepend=-1))
    stops = np.flatnonzero(np.diff(piece, append=-1))
    return [
        side,
        _caps(ring[starts], -after[starts], fan[:, ::-1], feature[starts]),
        _caps(ring[stops], before[stops], fan, feature[stops]),
    ]


def _caps(ring: Floats, facing: Floats, fan: Integers, feature: Integers) -> Mesh:
    sides = ring.shape[1]
    first = (np.arange(len(ring)) * sides)[:, None, None]
    return Mesh(
        ring.reshape(-1, 3),
        np.repeat(facing, sides, axis=0),
        (first + fan).reshape(-1, 3),
        np.repeat(feature, sides),
    )


def _distinct(lines: NDArray[np.object_]) -> tuple[Floats, Integers, Integers]:
    """Vertices, the line of each, and the feature of each line (a feature may have several);
    repeated vertices dropped, and lines that are left with one."""
    parts, owner = shapely.get_parts(lines, return_index=True)
    points, line = shapely.get_coordinates(parts, include_z=True, return_index=True)
    while len(points):
        step = np.linalg.norm(np.diff(points, axis=0), axis=1)
        keep = np.append(True, (step > SHORTEST_M) | (np.diff(line) > 0))
        if keep.all():
            break
        points, line = points[keep], line[keep]
    several = np.bincount(line, minlength=len(parts))[line] > 1
    return points[several], line[several], owner


def _sharp(points: Floats, line: Integers, radius_m: Floats) -> NDArray[np.bool_]:
    """Which vertices are bends that one tube can't take: too sharp, or longer on the inside than
    half of a neighbouring segment."""
    sharp = np.zeros(len(points), bool)
    step = np.diff(points, axis=0)
    length = np.linalg.norm(step, axis=1)
    inner = np.flatnonzero((line[2:] == line[1:-1]) & (line[1:-1] == line[:-2])) + 1
    into, out = step[inner - 1], step[inner]
    shortest = np.minimum(length[inner - 1], length[inner])
    cosine = np.einsum("ij,ij->i", into, out) / (length[inner - 1] * length[inner])
    half_tangent = np.sqrt(np.maximum(1 - cosine, 0) / np.maximum(1 + cosine, 1e-12))
    sharp[inner] = (cosine < SHARPEST) | (radius_m[inner] * half_tangent > shortest / 2)
    return sharp


def _directions(points: Floats, piece: Integers) -> tuple[Floats, Floats]:
    """Unit directions into and out of each vertex; at the ends of a piece both are its only one."""
    step = np.diff(points, axis=0)
    within = piece[1:] == piece[:-1]
    step[within] /= np.linalg.norm(step[within], axis=1)[:, None]
    before, after = np.empty_like(points), np.empty_like(points)
    before[1:], after[:-1] = step, step
    first, last = np.append(True, ~within), np.append(~within, True)
    before[first], after[last] = after[first], before[last]
    return before, after


def _carried(before: Floats, piece: Integers) -> Floats:
    """A unit vector across the incoming direction at each vertex, carried without twist."""
    first = np.flatnonzero(np.diff(piece, prepend=-1))
    place = np.arange(len(piece)) - first[piece]
    side = np.empty_like(before)
    direction = before[first]
    start = np.where(np.abs(direction[:, 2:]) > STEEPEST, [[0.0, 1.0, 0.0]], [[0.0, 0.0, 1.0]])
    start = start - np.einsum("ij,ij->i", start, direction)[:, None] * direction
    side[first] = start / np.linalg.norm(start, axis=1)[:, None]
    for k in range(1, int(place.max()) + 1):
        at = np.flatnonzero(place == k)
        old, new, carried = before[at - 1], before[at], side[at - 1]
        axis = np.cross(old, new)
        turned = np.cross(axis, carried)
        cosine = np.einsum("ij,ij->i", old, new)[:, None]
        side[at] = carried + turned + np.cross(axis, turned) / (1 + cosine)
    return side
