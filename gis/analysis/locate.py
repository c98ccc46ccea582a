"""What is known of one point: its coordinates in every frame the city uses, its grid codes, the
heights measured there, its administrative areas, the road and the name nearest, what lies there.

A point is only as sure as the frame it came in: where its accuracy is worse than the reach asked
for, the reach grows to it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gis.analysis.frames import city_frames, title_of
from gis.analysis.nearby import Near, Nearby, Neighbour, title_of_feature
from gis.coords import (
    STORAGE,
    Cell,
    Frame,
    LocalFrame,
    find_transformation,
    norm_frame,
    outside,
    outside_error,
)
from gis.errors import CoordError, OutsideFrame
from gis.layers import Label, Layer, Registry
from gis.store import Instant, Store

REACH_M, MOST_REACH_M = 3.0, 100.0
GROUND_M = 50.0  # a ground level measured farther away says little of this place
MOST_HERE = 50  # of one layer
ADMIN, ROADS, PLACES = "admin_areas", "roads", "place_names"
GRID_LEVELS = range(1, 11)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coordinate:
    """The point in one frame, east or longitude first. `refusal`: why it can't be given in it
    (then the numbers are None)."""

    frame: Frame
    title: Label
    xy: tuple[float, float] | None
    accuracy_m: float | None
    steps: tuple[str, ...] = ()
    refusal: Label | None = None

    def to_json(self) -> dict[str, Any]:
        x, y = self.xy or (None, None)
        refusal = None if self.refusal is None else _both(self.refusal)
        return {
            "frame": self.frame.name, "title": _both(self.title), "unit": self.frame.unit,
            "x": x, "y": y, "accuracy_m": self.accuracy_m, "steps": list(self.steps),
            "refusal": refusal,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Height:
    """A stored height, metres: `ground` levels in the city's height datum, buildings above their
    ground. `source` is the feature that states it."""

    value_m: float
    source: Neighbour

    def to_json(self) -> dict[str, Any]:
        return {"value_m": self.value_m, "from": self.source.to_json()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """The answer. `lon`, `lat` in CGCS2000 degrees with `accuracy_m`, metres; `coordinates`: in
    every frame of the city; `grid`: BeiDou cells, level 1 first; `admin`: largest area first;
    `here`: what lies within `reach_m`, nearest first. None: nothing stored says it."""

    lon: float
    lat: float
    accuracy_m: float
    coordinates: tuple[Coordinate, ...]
    grid: tuple[Cell, ...]
    height_datum: str
    ground: Height | None
    building: Height | None
    admin: tuple[dict[str, Any], ...]
    road: Neighbour | None
    place: Neighbour | None
    reach_m: float
    here: tuple[Neighbour, ...]
    more_here: bool

    def to_json(self) -> dict[str, Any]:
        """The document that the process `locate` answers."""
        return {
            "lon": self.lon,
            "lat": self.lat,
            "accuracy_m": self.accuracy_m,
            "dms": {"lon": dms(self.lon, "E", "W"), "lat": dms(self.lat, "N", "S")},
            "coordinates": [c.to_json() for c in self.coordinates],
            "grid": [
                {"level": cell.level, "code": cell.code, "bbox": list(cell.bounds)}
                for cell in self.grid
            ],
            "height_datum": self.height_datum,
            "ground": _json(self.ground),
            "building": _json(self.building),
            "admin": list(self.admin),
            "road": _json(self.road),
            "place": _json(self.place),
            "reach_m": self.reach_m,
            "here": [found.to_json() for found in self.here],
            "more_here": self.more_here,
        }


def locate(
    store: Store,
    registry: Registry,
    local_frames: Mapping[str, LocalFrame],
    x: float,
    y: float,
    frame: Frame | int | str,
    when: Instant | None = None,
    reach_m: float = REACH_M,
) -> Location:
    """Everything known of the point (`x`, `y`) of `frame`, east or longitude first, as of `when`.

    Raises UnknownFrame, OutsideFrame where the pair can't be in the frame, NoAccurateTransform
    where nothing with a stated accuracy leads to CGCS2000."""
    source = norm_frame(frame, local_frames)
    pair = np.array([[x, y]], dtype=np.float64)
    if not np.isfinite(pair).all():
        raise OutsideFrame(
            zh=f"({x}, {y}) 不是坐标：应为两个有限的数",
            en=f"({x}, {y}) is no place: give two finite numbers",
            frame=source.name,
        )
    way = find_transformation(source, STORAGE)
    moved = np.full(2, np.nan) if outside(pair, source)[0] else way.apply(pair)[0]
    if not np.isfinite(moved).all():
        raise outside_error(pair[0], source, "输入", "input")
    lon, lat = (round(float(v), 9) for v in moved)
    grid = tuple(Cell.of(lon, lat, level) for level in GRID_LEVELS)
    nearby = Nearby(store, registry, lon, lat, when)
    reach_m = max(min(reach_m, MOST_REACH_M), way.accuracy_m)
    here, more = _here(nearby, registry, reach_m)
    return Location(
        lon=lon,
        lat=lat,
        accuracy_m=way.accuracy_m,
        coordinates=tuple(
            _coordinate(pair, source, target) for target in city_frames(registry.city, local_frames)
        ),
        grid=grid,
        height_datum=registry.city.height_datum,
        ground=_ground(nearby, registry),
        building=_building(nearby, registry),
        admin=_admin(nearby, registry),
        road=nearby.nearest(ROADS),
        place=nearby.nearest(PLACES),
        reach_m=reach_m,
        here=here,
        more_here=more,
    )


def dms(angle: float, positive: str, negative: str) -> str:
    """114.022 as 114°01′19.2000″E: four digits of a second are 3 mm."""
    units = round(abs(angle) * 36_000_000)
    minutes, rest = divmod(units, 600_000)
    degrees, minutes = divmod(minutes, 60)
    letter = negative if angle < 0 else positive
    return f"{degrees}°{minutes:02}′{rest / 10_000:07.4f}″{letter}"


def _coordinate(pair: NDArray[np.float64], source: Frame, target: Frame) -> Coordinate:
    title = title_of(target)
    try:
        way = find_transformation(source, target)
        moved = way.apply(pair)
        # beyond a local frame's control points a similarity still gives numbers: not for us
        if outside(moved, target)[0]:
            raise outside_error(moved[0], target, "该点", "the point")
    except CoordError as error:
        refusal = Label(zh=error.zh, en=error.en)
        return Coordinate(frame=target, title=title, xy=None, accuracy_m=None, refusal=refusal)
    digits = 9 if target.unit == "degree" else 4
    x, y = (round(float(v), digits) for v in moved[0])
    return Coordinate(
        frame=target, title=title, xy=(x, y), accuracy_m=way.accuracy_m, steps=way.steps
    )


def _here(nearby: Nearby, registry: Registry, reach_m: float) -> tuple[tuple[Neighbour, ...], bool]:
    """What lies within reach in every layer that may be shown; administrative areas apart."""
    found: list[Neighbour] = []
    more = False
    for layer in registry.layers.values():
        if layer.classification == "sensitive" or layer.id == ADMIN:
            continue
        near = nearby.within(layer, reach_m, limit=MOST_HERE + 1)
        more = more or len(near) > MOST_HERE
        found += [one.neighbour for one in near[:MOST_HERE]]
    found.sort(key=lambda n: (n.distance_m, -registry.layers[n.layer].order, n.id))
    return tuple(found), more


def _ground(nearby: Nearby, registry: Registry) -> Height | None:
    """The nearest ground level that a survey has left: at manholes, and around buildings."""
    best: Height | None = None
    for layer, name in _level_fields(registry):
        for near in nearby.within(layer, GROUND_M, fields=(name,)):
            level = near.values[name]
            if level is not None and (
                best is None or near.neighbour.distance_m < best.source.distance_m
            ):
                best = Height(value_m=float(level), source=near.neighbour)
    return best


def _level_fields(registry: Registry) -> list[tuple[Layer, str]]:
    """Fields that hold a ground level, as the layers' own 3D definitions name them."""
    kinds = (("extrude", "base_m"), ("manhole", "ground_m"))
    return [
        (layer, str(layer.solid[kind][name]))
        for kind, name in kinds
        for layer in registry.layers.values()
        if layer.solid and name in layer.solid.get(kind, {}) and layer.classification != "sensitive"
    ]


def _building(nearby: Nearby, registry: Registry) -> Height | None:
    """The tallest building that stands over the point."""
    best: Height | None = None
    for layer in registry.layers.values():
        extruded = (layer.solid or {}).get("extrude", {})
        if "height_m" not in extruded or layer.classification == "sensitive":
            continue
        name = str(extruded["height_m"])
        for near in nearby.within(layer, 0.0, fields=(name,)):
            height = near.values[name]
            if height is not None and (best is None or height > best.value_m):
                best = Height(value_m=float(height), source=near.neighbour)
    return best


def _admin(nearby: Nearby, registry: Registry) -> tuple[dict[str, Any], ...]:
    layer = registry.layers.get(ADMIN)
    if layer is None:
        return ()
    found = nearby.within(layer, 0.0, fields=layer.field_names)
    found.sort(key=lambda near: -near.size)
    return tuple(_area(near, layer, registry) for near in found)


def _area(near: Near, layer: Layer, registry: Registry) -> dict[str, Any]:
    """An administrative area with its code and what its level is called."""
    area: dict[str, Any] = {"id": near.neighbour.id, "title": title_of_feature(layer, near.values)}
    for name, value in near.values.items():
        codes = registry.codelist(layer.field(name))
        code = codes.find(str(value)) if codes is not None and value is not None else None
        area[name] = _both(code.title) | {"code": code.code} if code else value
    return area


def _json(value: Height | Neighbour | None) -> dict[str, Any] | None:
    return None if value is None else value.to_json()


def _both(label: Label) -> dict[str, str]:
    return {"zh": label.zh, "en": label.en}
