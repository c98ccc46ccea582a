"""What stands in the raster window on one of the two dates: buildings, trees, vehicles, cranes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.demo.changes import base_of
from gis.demo.city import City
from gis.demo.components import beside
from gis.demo.features import Features, concat
from gis.demo.river import BANK, river_axis
from gis.demo.site import Floats, Geometries, Shape
from gis.demo.subdivide import long_axis

When = Literal["before", "after"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """houses: geometry and columns `height_m`, `base_m`, `angle`, `long_m`, `short_m`, `look`
    (manner or use that decides the roof), `tone` (0..1, the same on both dates).
    trees: x, y, radius, height (n,4). vehicles: centre, angle, length, width, height (n,6).
    heaps: x, y, radius, height. cranes: x, y, jib angle, height.
    bare: soil that a change left."""

    when: When
    houses: Features
    trees: Floats
    vehicles: Floats
    heaps: Floats
    cranes: Floats
    bare: Geometries


def scene(city: City, when: When) -> Scene:
    """The window of `city` on one date."""
    made = city.changes.made
    houses = _houses(city, when)
    rng = city.site.rng(f"things {when}")
    sites = shapely.buffer(made.geometry, 6.0)
    return Scene(
        when=when,
        houses=houses,
        trees=_trees(city, when),
        vehicles=_vehicles(city, rng),
        heaps=_heaps(city, rng, when),
        cranes=_cranes(city, when),
        bare=sites[made["kind"] != "added_storey"] if when == "after" else sites[:0],
    )


def _houses(city: City, when: When) -> Features:
    standing, made = city.standing, city.changes.made
    height = standing["height_m"].copy()
    gone = np.zeros(len(standing), dtype=bool)
    if when == "after":
        raised, torn = made["kind"] == "added_storey", made["kind"] == "demolition"
        height[made["building"][raised]] = made["height_m"][raised]
        gone[made["building"][torn]] = True
    old = Features(
        standing.geometry,
        {"height_m": height, "base_m": standing["base_m"], "look": _looks(standing)},
    )
    view = shapely.intersects(standing.geometry, city.site.window.polygon)
    parts = [old.take(view & ~gone)]
    if when == "after":
        new = made.take(made["kind"] == "construction")
        looks = np.where(new["storeys"] > 3, "new", np.where(np.arange(len(new)) % 3 == 0, "shed",
                         "village")).astype(object)  # fmt: skip
        columns = {"height_m": new["height_m"], "base_m": base_of(new), "look": looks}
        parts.append(Features(new.geometry, columns))
    houses = concat(parts)
    centre, along, sides = long_axis(houses.geometry)
    tone = (np.abs(np.sin(centre[:, 0] * 12.9898 + centre[:, 1] * 78.233)) * 43758.5453) % 1.0
    return houses.adding(
        tone=tone, angle=np.arctan2(along[:, 1], along[:, 0]), long_m=sides[:, 0],
        short_m=sides[:, 1], x=centre[:, 0], y=centre[:, 1],
    )  # fmt: skip


def _looks(standing: Features) -> NDArray[np.object_]:
    shed = np.isin(standing["use"], ["industrial", "storage"])
    return np.where(shed, "shed", standing["manner"]).astype(object)


# manner of a block -> square metres for one tree
TREES = {"park": 55.0, "green": 60.0, "slab": 150.0, "midrise": 150.0, "highrise": 170.0,
         "villa": 110.0, "school": 220.0, "reserved": 700.0, "urban_village": 420.0,
         "oldtown": 350.0, "hospital": 230.0, "factory": 600.0}  # fmt: skip


def _trees(city: City, when: When) -> Floats:
    """The same trees on both dates, a little bigger on the second; none where building went on."""
    rng = city.site.rng("trees")
    xy = _tree_places(city, rng)
    radius = rng.uniform(1.4, 3.9, len(xy))
    height = radius * rng.uniform(1.6, 2.7, len(xy)) + rng.uniform(0.3, 1.2, len(xy))
    grown = rng.uniform(0.15, 0.85, len(xy)) if when == "after" else 0.0
    trees = np.column_stack([xy, radius + 0.12 * grown, height + grown])
    blocked = shapely.STRtree(
        np.concatenate(
            [
                shapely.buffer(_in_view(city, city.standing), 0.8),
                shapely.buffer(city.changes.made.geometry, 5.0),
            ]
        )
    )
    hit, _ = blocked.query(shapely.buffer(shapely.points(xy), radius * 0.7), "intersects")
    keep = np.ones(len(xy), dtype=bool)
    keep[hit] = False
    roads = city.roads.take(shapely.intersects(city.roads.geometry, city.site.window.polygon))
    carriage = shapely.buffer(roads.geometry, np.maximum(roads["width_m"] / 2 - 4.4, 2.4))
    hard = shapely.union_all([*carriage, city.land.river.buffer(1.5)])
    shapely.prepare(hard)
    return np.asarray(trees[keep & ~shapely.contains_xy(hard, xy[:, 0], xy[:, 1])])


def _in_view(city: City, features: Features) -> Geometries:
    shapes = features.geometry
    seen: Geometries = shapes[shapely.intersects(shapes, city.site.window.polygon.buffer(8))]
    return seen


def _tree_places(city: City, rng: np.random.Generator) -> Floats:
    view = city.site.window.polygon.buffer(8)
    near = city.blocks.take(shapely.intersects(city.blocks.geometry, view))
    places = [
        _sprinkled(shape, TREES.get(manner, 260.0), rng)
        for shape, manner in zip(near.geometry, near["manner"], strict=True)
    ]
    fields = city.country.fields.take(shapely.intersects(city.country.fields.geometry, view))
    wood = {"0301": 30.0, "0201": 42.0, "0401": 900.0}
    places += [
        _sprinkled(shape, wood[use], rng)
        for shape, use in zip(fields.geometry, fields["land_use"], strict=True)
        if use in wood
    ]
    places += [_sprinkled(v.buffer(12), 130.0, rng) for v in _in_view(city, city.country.villages)]
    roads = city.roads.take(shapely.intersects(city.roads.geometry, view))
    places.append(beside(roads.take(roads["width_m"] > 20), 8.5, 3.2, 0.8, rng))
    places.append(beside(roads.take(roads["width_m"] < 8), 11.0, -1.8, 1.5, rng))
    places.append(_on_banks(city, rng))
    xy = np.concatenate(places)
    return np.asarray(xy[shapely.contains_xy(view, xy[:, 0], xy[:, 1])])


def _sprinkled(shape: Shape, area_m2: float, rng: np.random.Generator) -> Floats:
    w, s, e, n = shape.bounds
    count = int((e - w) * (n - s) / area_m2)
    xy = np.column_stack([rng.uniform(w, e, count), rng.uniform(s, n, count)])
    return np.asarray(xy[shapely.contains_xy(shape, xy[:, 0], xy[:, 1])])


def _on_banks(city: City, rng: np.random.Generator) -> Floats:
    box = city.site.window
    count = int((box.east - box.west) * 2 * BANK / 42.0)
    x = rng.uniform(box.west, box.east, count)
    side = rng.uniform(-1, 1, count)
    # groves and clearings in turn
    clump = np.sin(x / 37.0) + np.sin(x / 13.0 + 3 * side) + rng.normal(0, 0.8, count) > -0.3
    return np.asarray(np.column_stack([x, river_axis(x) + side * (BANK - 9.0)])[clump])


def _vehicles(city: City, rng: np.random.Generator) -> Floats:
    """Cars in both directions, parked ones at kerbs, some lorries: centre x, y, angle, length,
    width, height. Other ones on each date."""
    view = city.site.window.polygon
    roads = city.roads.take(
        shapely.intersects(city.roads.geometry, view) & (city.roads["width_m"] > 10)
    )
    length = shapely.length(roads.geometry)
    count = (length * np.where(roads["width_m"] > 30, 0.030, 0.018)).astype(int)
    road = np.repeat(np.arange(len(roads)), count)
    at_m = rng.uniform(0, length[road])
    at = shapely.get_coordinates(shapely.line_interpolate_point(roads.geometry[road], at_m))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(roads.geometry[road], at_m + 2))
    way = ahead - at
    angle = np.arctan2(way[:, 1], way[:, 0])
    lane = rng.uniform(2.0, 0.30 * roads["width_m"][road]) * rng.choice([-1, 1], len(road))
    xy = at + np.column_stack([-np.sin(angle), np.cos(angle)]) * lane[:, None]
    lorry = rng.random(len(road)) < 0.1
    size = np.where(lorry[:, None], [8.6, 2.5, 3.1], [4.5, 1.85, 1.5])
    inside = city.site.window.holds(xy[:, 0], xy[:, 1])
    return np.column_stack([xy, angle, size])[inside]


def _free_spots(city: City, count: int, apart: float, rng: np.random.Generator) -> Floats:
    """Open ground in town, away from buildings and changes."""
    w = city.site.window
    tried = np.column_stack(
        [rng.uniform(w.west + 30, w.east - 30, 3000), rng.uniform(w.south + 30, w.north - 30, 3000)]
    )
    blocks = shapely.union_all(_in_view(city, city.blocks))
    busy = shapely.union_all(
        [
            *shapely.buffer(_in_view(city, city.standing), apart),
            *shapely.buffer(city.changes.made.geometry, apart + 8.0),
        ]
    )
    free = blocks.difference(busy)
    shapely.prepare(free)
    return np.asarray(tried[shapely.contains_xy(free, tried[:, 0], tried[:, 1])][:count])


def _heaps(city: City, rng: np.random.Generator, when: When) -> Floats:
    """Stacked soil and building material, less than 1.5 m high."""
    xy = _free_spots(city, 14 if when == "after" else 6, 9.0, rng)
    return np.column_stack([xy, rng.uniform(4, 9, len(xy)), rng.uniform(0.7, 1.35, len(xy))])


def _cranes(city: City, when: When) -> Floats:
    """A tower crane beside some of the tall new buildings, gone or not yet there before."""
    if when == "before":
        return np.empty((0, 4))
    made = city.changes.made
    tall = made.take((made["kind"] == "construction") & (made["storeys"] >= 9))
    centre = shapely.get_coordinates(shapely.centroid(tall.geometry))[:4]
    off = np.array([24.0, 14.0])
    rng = city.site.rng("cranes")
    return np.column_stack(
        [centre + off, rng.uniform(0, 6.28, len(centre)), tall["height_m"][:4] + 14.0]
    )
