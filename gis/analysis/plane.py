"""The city's plane: stored shapes in metres, areas that may be wrong by so much, and back again.

Areas are those of the city's metric frame (EPSG:4547), where planning offices measure: at the
city's edge they are 0.04 % larger than on the ellipsoid, and parts always add up to the whole.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.coords import STORAGE, find_transformation, from_metric, norm_frame, outside, to_metric
from gis.layers import City, Layer, Registry
from gis.layers.model import Field
from gis.store import FeatureRows, Instant, LayerQuery, Store, rows

TOUCHES_M2 = 0.01  # a smaller overlap is a shared edge


@dataclass(frozen=True, slots=True)
class Plane:
    """The plane EPSG:`epsg`, metres, east first."""

    epsg: int

    @classmethod
    def of(cls, city: City) -> Plane:
        """The city's metric frame."""
        return cls(norm_frame(city.metric_frame).epsg or 0)

    @property
    def name(self) -> str:
        return f"EPSG:{self.epsg}"

    def metric(self, shapes: NDArray[np.object_]) -> NDArray[np.object_]:
        """Shapes (CGCS2000 degrees) in metres; heights are dropped, what the transformation
        bent is made valid again."""
        flat = shapely.transform(shapely.force_2d(shapes), lambda xy: to_metric(xy, self.epsg))
        moved = np.asarray(flat, dtype=object)
        bent = ~shapely.is_valid(moved)
        if bent.any():
            moved[bent] = shapely.make_valid(moved[bent])
        return moved

    def stored(self, shape: BaseGeometry) -> BaseGeometry:
        """A shape in metres as it is stored: CGCS2000 degrees, longitude first."""
        moved: BaseGeometry = shapely.transform(shape, lambda xy: from_metric(xy, self.epsg))
        return moved

    def holds(self, shape: BaseGeometry) -> bool:
        """Whether a stored shape has a place in the plane."""
        xy = find_transformation(STORAGE, norm_frame(self.epsg)).apply(
            shapely.get_coordinates(shape)
        )
        return not outside(xy, norm_frame(self.epsg)).any()


@dataclass(frozen=True, kw_only=True)  # no slots: the tree is made when first asked for
class PlaneRows:
    """Rows of one layer at one time. shapes: in the plane, metres; stored: as the store gave
    them."""

    layer: Layer
    stored: FeatureRows
    shapes: NDArray[np.object_]

    def __len__(self) -> int:
        return len(self.shapes)

    @cached_property
    def tree(self) -> shapely.STRtree:
        return shapely.STRtree(self.shapes)

    def value(self, i: int, name: str) -> Any:
        """A field of the i-th row; None where the layer has no such field."""
        column = self.stored.columns.get(name)
        return None if column is None else column[i]

    def accuracy_m(self, i: int) -> float:
        """How far the i-th row may be off: what its layer allows, or what its delivery reached
        where that is worse."""
        return max(float(self.stored.accuracy_m[i]), self.layer.accuracy_m)

    def chosen(self, mask: NDArray[np.bool_]) -> PlaneRows:
        """Only the rows where `mask` is true."""
        kept, of = np.flatnonzero(mask).tolist(), self.stored
        return PlaneRows(
            layer=self.layer,
            shapes=self.shapes[mask],
            stored=FeatureRows(
                key=of.key[mask],
                version_id=of.version_id[mask],
                opened_by=of.opened_by[mask],
                accuracy_m=of.accuracy_m[mask],
                valid_from=[of.valid_from[i] for i in kept],
                valid_to=[of.valid_to[i] for i in kept],
                geometry=of.geometry[mask],
                columns={name: [c[i] for i in kept] for name, c in of.columns.items()},
            ),
        )


def read_rows(
    store: Store,
    plane: Plane,
    layer: Layer,
    when: Instant | None,
    near: BaseGeometry | None = None,
    fields: tuple[str, ...] | None = None,
) -> PlaneRows:
    """Rows of `layer` as of `when` (None = now). near: only those that meet this shape of the
    plane; fields: None = all."""
    within = None if near is None else plane.stored(near)
    found = rows(store, LayerQuery(layer=layer, when=when, within=within, fields=fields))
    return PlaneRows(layer=layer, stored=found, shapes=plane.metric(found.geometry))


def band_m2(part: BaseGeometry, whole: BaseGeometry, whole_m: float, other_m: float) -> float:
    """By how much the area of `part` of `whole` may be wrong: its edge inside the whole times how
    far both may be off together, its edge on the whole's own outline times the whole's accuracy.

    Both accuracies in metres. As in the rules of alerts: everything off to the same side."""
    if part.is_empty:
        return 0.0
    own = part.boundary.intersection(whole.boundary.buffer(0.001)).length
    inner = max(part.boundary.length - own, 0.0)
    return float(inner * math.hypot(whole_m, other_m) + own * whole_m)


def fact_of(field: Field, value: Any, registry: Registry) -> dict[str, Any]:
    """A field's value for people and programs: `{"name", "title", "value", "unit", "means"}`;
    `means`: what a code stands for."""
    codes = registry.codelist(field)
    code = None if codes is None or value is None else codes.find(str(value))
    return {
        "name": field.name,
        "title": {"zh": field.title.zh, "en": field.title.en},
        "value": value.isoformat() if hasattr(value, "isoformat") else value,
        "unit": field.unit,
        "means": None if code is None else {"zh": code.title.zh, "en": code.title.en},
    }
