"""Triangles of many features in one tile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Mesh:
    """`positions`, `normals`: (n, 3) east, north, up of the tile's frame, metres and unit vectors.
    `triangles`: (m, 3) vertex numbers, counter-clockwise from outside. `feature`: (n,) number of
    the feature a vertex belongs to."""

    positions: Floats
    normals: Floats
    triangles: Integers
    feature: Integers

    @classmethod
    def empty(cls) -> Mesh:
        nothing = np.empty((0, 3))
        return cls(nothing, nothing, np.empty((0, 3), np.int64), np.empty(0, np.int64))

    @classmethod
    def join(cls, parts: Sequence[Mesh]) -> Mesh:
        """One mesh of several, the vertex numbers shifted."""
        if not parts:
            return cls.empty()
        shifts = np.cumsum([0, *(len(part.positions) for part in parts[:-1])])
        return cls(
            np.concatenate([part.positions for part in parts]),
            np.concatenate([part.normals for part in parts]),
            np.concatenate([p.triangles + s for p, s in zip(parts, shifts, strict=True)]),
            np.concatenate([part.feature for part in parts]),
        )

    def volumes(self, features: int) -> Floats:
        """Signed volume (m³) of each feature: right only where its triangles close and face
        outwards, which is what a test wants to know. Shape (features,)."""
        if len(self.triangles) == 0:
            return np.zeros(features)
        owner = self.feature[self.triangles[:, 0]]
        # from a vertex of the feature itself: far from the origin the sum would lose digits
        first = np.zeros(features, np.int64)
        first[owner[::-1]] = self.triangles[::-1, 0]
        corners = self.positions[self.triangles] - self.positions[first[owner]][:, None, :]
        a, b, c = corners[:, 0], corners[:, 1], corners[:, 2]
        pieces = np.einsum("ij,ij->i", a, np.cross(b, c)) / 6
        return np.bincount(owner, pieces, features).astype(np.float64)
