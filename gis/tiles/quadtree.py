"""Which feature lies in which tile: a fixed quadtree over degrees, the largest features first.

Cell z/x/y is 360/2^z degrees wide and high; x counts east from 180° W, y north from 180° S (the
poles lie in the middle half). A feature belongs to the cells that hold the centre of its extent,
half open. A node takes the largest features of its cell, its children the rest by quadrant, each
in the smallest cell that holds them: every feature is in exactly one node, and from afar only
what can be seen is loaded. The same features give the same tree.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from gis.tiles.mesh import Floats, Integers

DEEPEST = 22  # cells of 10 m
A_TILE = 300  # features
UNSPLIT = 600  # up to here a node keeps all: its children would hold next to nothing
# A feature shows once it is this many times smaller than 16 pixels (CesiumJS's default error).
SHOWN_AT = 8.0
MARGIN_M = 0.05  # around every region, against rounding
METRES_A_DEGREE = 111_000.0  # a little less than the shortest: regions may be larger, not smaller
EARTH_M = 6.37e6


@dataclass(frozen=True, slots=True)
class Region:
    """Degrees and ellipsoidal metres."""

    west: float
    south: float
    east: float
    north: float
    low: float
    high: float

    def contains(self, other: Region, slack_deg: float = 0.0, slack_m: float = 0.0) -> bool:
        """Whether `other` lies inside, give or take."""
        return (
            self.west - slack_deg <= other.west
            and self.south - slack_deg <= other.south
            and other.east <= self.east + slack_deg
            and other.north <= self.north + slack_deg
            and self.low - slack_m <= other.low
            and other.high <= self.high + slack_m
        )


@dataclass(frozen=True, slots=True)
class Boxes:
    """Extents of n solids: degrees, ellipsoidal metres, and how far each may stick out (m)."""

    key: Integers
    west: Floats
    south: Floats
    east: Floats
    north: Floats
    low: Floats
    high: Floats
    beyond_m: Floats

    @property
    def size_m(self) -> Floats:
        """Diagonal of each extent."""
        along = (self.north - self.south) * METRES_A_DEGREE
        middle = np.radians((self.north + self.south) / 2)
        across = (self.east - self.west) * METRES_A_DEGREE * np.cos(middle)
        return np.asarray(np.sqrt(along**2 + across**2 + (self.high - self.low) ** 2))

    def regions(self) -> Floats:
        """West, south, east, north, low, high of each with its margin, shape (n, 6)."""
        # between two vertices a straight edge lies below the curved surface
        margin = self.beyond_m + MARGIN_M + self.size_m**2 / (8 * EARTH_M)
        north_south = margin / METRES_A_DEGREE
        east_west = north_south / np.cos(np.radians((self.north + self.south) / 2))
        return np.stack(
            [
                self.west - east_west, self.south - north_south, self.east + east_west,
                self.north + north_south, self.low - margin, self.high + margin,
            ],
            axis=1,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Node:
    """A cell: `keys` of its own content (sorted) and the region of it; `whole`: the region with
    all below. `error_m`: geometric error while it is not refined."""

    z: int
    x: int
    y: int
    keys: Integers
    own: Region
    whole: Region
    error_m: float
    children: tuple[Node, ...] = field(default=())

    @property
    def address(self) -> tuple[int, int, int]:
        return self.z, self.x, self.y

    def walk(self) -> Iterator[Node]:
        """This node and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


def grow(boxes: Boxes) -> Node | None:
    """The tree of all solids; None where there are none."""
    if len(boxes.key) == 0:
        return None
    cells = 2**DEEPEST
    scale = cells / 360
    x = np.floor(((boxes.west + boxes.east) / 2 + 180) * scale).astype(np.int64) % cells
    y = np.floor(((boxes.south + boxes.north) / 2 + 180) * scale).astype(np.int64)
    size = boxes.size_m
    order = np.lexsort([boxes.key, -size])
    return _node(_Trunk(boxes.key, x, y, size, boxes.regions()), order)


@dataclass(frozen=True, slots=True)
class _Trunk:
    key: Integers
    x: Integers
    y: Integers
    size: Floats
    regions: Floats


def _node(trunk: _Trunk, at: Integers) -> Node:
    """The node of features `at`, largest first."""
    x, y = trunk.x[at], trunk.y[at]
    differ = int((x ^ x[0]).max()) | int((y ^ y[0]).max())
    up = differ.bit_length()
    own, rest = (at, at[:0]) if len(at) <= UNSPLIT or up == 0 else (at[:A_TILE], at[A_TILE:])
    children = []
    if len(rest):
        quadrant = ((trunk.x[rest] >> (up - 1)) & 1) + 2 * ((trunk.y[rest] >> (up - 1)) & 1)
        children = [_node(trunk, rest[quadrant == q]) for q in range(4) if (quadrant == q).any()]
    own_region = _around(trunk.regions[own])
    return Node(
        z=DEEPEST - up,
        x=int(x[0]) >> up,
        y=int(y[0]) >> up,
        keys=np.sort(trunk.key[own]),
        own=own_region,
        whole=_union([own_region, *(child.whole for child in children)]),
        error_m=round(SHOWN_AT * float(trunk.size[at[0]]), 3),
        children=tuple(children),
    )


def _around(regions: Floats) -> Region:
    low, high = regions.min(axis=0).tolist(), regions.max(axis=0).tolist()
    return Region(low[0], low[1], high[2], high[3], low[4], high[5])


def _union(regions: list[Region]) -> Region:
    return Region(
        min(r.west for r in regions),
        min(r.south for r in regions),
        max(r.east for r in regions),
        max(r.north for r in regions),
        min(r.low for r in regions),
        max(r.high for r in regions),
    )
