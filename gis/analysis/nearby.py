"""What lies around a point: features by their distance in metres, through the one query."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.coords import from_metric, norm_frame, outside, to_metric
from gis.layers import Label, Layer, Registry
from gis.store import Instant, LayerQuery, Store, rows

NAMES = ("name", "project", "road")  # fields that hold what people call a thing
RINGS_M = (50.0, 250.0, 1_000.0, 5_000.0)  # how far the nearest is looked for, near first
TOUCHING_M = 0.001  # nearer than a millimetre is there
SIDES = 16  # of a quarter circle


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """A feature near the point: its number, what people call it, how far, metres (0 = there)."""

    layer: str
    layer_title: Label
    id: int
    title: str
    distance_m: float

    def to_json(self) -> dict[str, Any]:
        return {
            "layer": self.layer,
            "layer_title": {"zh": self.layer_title.zh, "en": self.layer_title.en},
            "id": self.id,
            "title": self.title,
            "distance_m": self.distance_m,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A neighbour with the fields asked for, and the size of its shape in square degrees."""

    neighbour: Neighbour
    values: Mapping[str, Any]
    size: float


class Nearby:
    """Looks around one point (CGCS2000 degrees) in the store as it was at `when`."""

    def __init__(
        self, store: Store, registry: Registry, lon: float, lat: float, when: Instant | None
    ) -> None:
        self._store, self._registry, self._when = store, registry, when
        plane = norm_frame(registry.city.metric_frame)
        self._epsg = plane.epsg or 0
        self._point = shapely.Point(lon, lat)
        centre = to_metric(np.array([[lon, lat]]), self._epsg)[0]
        # a point of another zone has no place in the city's plane, and nothing is stored there
        corners = centre + np.array([[-1.0, -1.0], [1.0, 1.0]]) * 2 * RINGS_M[-1]
        self._centre = None if outside(corners, plane).any() else shapely.Point(centre)

    def within(
        self, layer: Layer, reach_m: float, fields: tuple[str, ...] = (), limit: int | None = None
    ) -> list[Near]:
        """Features of `layer` no farther than `reach_m`, nearest first; at most `limit` are read.
        `fields`: those wanted in `values`."""
        if self._centre is None:
            return []
        wanted = tuple(dict.fromkeys((*_title_fields(layer), *fields)))
        query = LayerQuery(
            layer=layer, when=self._when, within=self._circle(reach_m), fields=wanted, limit=limit
        )
        found = rows(self._store, query)
        distances = self._distances(found.geometry)
        near = []
        for i in np.argsort(distances, kind="stable").tolist():
            if distances[i] > max(reach_m, TOUCHING_M):
                break
            values = {name: found.columns[name][i] for name in wanted}
            near.append(
                Near(
                    neighbour=Neighbour(
                        layer=layer.id,
                        layer_title=layer.title,
                        id=int(found.key[i]),
                        title=title_of_feature(layer, values),
                        distance_m=round(float(distances[i]), 2),
                    ),
                    values=values,
                    size=float(shapely.area(found.geometry[i])),
                )
            )
        return near

    def nearest(self, layer_id: str) -> Neighbour | None:
        """The nearest feature of a layer; None where there is none within five kilometres."""
        layer = self._registry.layers.get(layer_id)
        if layer is None:
            return None
        for reach_m in RINGS_M:
            near = self.within(layer, reach_m)
            if near:
                return near[0].neighbour
        return None

    def _circle(self, reach_m: float) -> BaseGeometry:
        """A shape in degrees that holds every place within reach, and little more."""
        assert self._centre is not None  # asked only where there is a place in the plane
        if reach_m <= 0.0:
            return self._point
        # the corners of a polygon lie on the circle, its sides inside: widened by what they miss
        around = reach_m / math.cos(math.pi / (4 * SIDES))
        ring = self._centre.buffer(around, quad_segs=SIDES)
        circle: BaseGeometry = shapely.transform(ring, lambda xy: from_metric(xy, self._epsg))
        return circle

    def _distances(self, shapes: NDArray[np.object_]) -> NDArray[np.float64]:
        flat = shapely.transform(shapes, lambda xy: to_metric(xy, self._epsg))
        distances = np.asarray(shapely.distance(flat, self._centre), dtype=np.float64)
        distances[np.isnan(distances)] = np.inf  # an empty shape is nowhere
        # a straight edge in degrees is none in the plane: what covers the point is there
        distances[shapely.intersects(shapes, self._point)] = 0.0
        return distances


def title_of_feature(layer: Layer, values: Mapping[str, Any]) -> str:
    """What people call a feature: its name, else its number."""
    named = (values.get(name) for name in NAMES if name in layer.field_names)
    number = " ".join(str(values[name]) for name in layer.key if values.get(name) is not None)
    return next((str(name) for name in named if name), number)


def _title_fields(layer: Layer) -> tuple[str, ...]:
    texts = [f.name for f in layer.fields if f.name in NAMES and f.type == "text"]
    return (*texts, *layer.key)
