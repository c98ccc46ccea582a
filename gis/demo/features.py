"""Rows with a geometry and named columns: what all parts of the demo city are made of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.demo.site import Box, Geometries


@dataclass(frozen=True, slots=True)
class Features:
    """n geometries (object array, None allowed) and columns of n values each."""

    geometry: Geometries
    columns: Mapping[str, NDArray[Any]]

    def __post_init__(self) -> None:
        wrong = [name for name, column in self.columns.items() if len(column) != len(self)]
        if wrong:
            raise ValueError(f"columns {wrong} do not have {len(self)} rows")

    def __len__(self) -> int:
        return len(self.geometry)

    def __getitem__(self, name: str) -> NDArray[Any]:
        return self.columns[name]

    def take(self, which: NDArray[Any]) -> Features:
        """The rows of a mask or index array, in its order."""
        return Features(
            self.geometry[which], {name: column[which] for name, column in self.columns.items()}
        )

    def adding(self, **columns: Any) -> Features:
        """The same rows with more (or replaced) columns; a scalar fills its column."""
        filled = {
            name: np.asarray(value) if np.ndim(value) else np.full(len(self), value)
            for name, value in columns.items()
        }
        return Features(self.geometry, {**self.columns, **filled})

    def inside(self, box: Box) -> Features:
        """The rows whose point on surface lies in `box` (site metres)."""
        points = shapely.point_on_surface(self.geometry)
        return self.take(box.holds(shapely.get_x(points), shapely.get_y(points)))


def concat(parts: Sequence[Features]) -> Features:
    """All rows one after another; the parts have the same columns."""
    names = parts[0].columns.keys()
    return Features(
        np.concatenate([part.geometry for part in parts]),
        {name: np.concatenate([part[name] for part in parts]) for name in names},
    )


def as_objects(geometries: Sequence[Any]) -> Geometries:
    """A one-dimensional object array, also for an empty sequence."""
    out = np.empty(len(geometries), dtype=object)
    out[:] = geometries
    return out
