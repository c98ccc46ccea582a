"""The seam between meshes and file formats."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from gis.tiles.attributes import Column
from gis.tiles.mesh import Mesh


class Writer(Protocol):
    """One format of a tile's content. Same input, same bytes."""

    suffix: str

    def write(self, mesh: Mesh, columns: Sequence[Column], name: str) -> bytes:
        """The file of a mesh whose features have these columns. `name`: of the class of
        features, an identifier."""


def y_up(enu: NDArray[np.float64]) -> NDArray[np.float32]:
    """East, north, up to glTF's right, up, back."""
    return np.stack([enu[:, 0], enu[:, 2], -enu[:, 1]], axis=-1).astype(np.float32)
