"""The plan of a layer's tiles at one version: the quadtree, and what can't be drawn."""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gis.coords.heights import HeightOffset, ellipsoidal_from_1985
from gis.errors import TileError
from gis.layers import Registry
from gis.layers.model import Layer
from gis.store import Instant, Store, instant_of, version_at
from gis.store.solids import Extents, extents
from gis.tiles.quadtree import Boxes, Node, grow
from gis.tiles.recipe import Recipe
from gis.tiles.solids import NO_SHAPE, NO_VALUE, NOT_MEANT

PLANS_KEPT = 24


@dataclass(frozen=True)
class Plan:
    """`version`: number of the delivery; `left_out`: key -> why it is in no tile."""

    layer: Layer
    recipe: Recipe
    version: int
    instant: Instant
    offset: HeightOffset | None
    root: Node | None
    left_out: dict[int, str]

    @cached_property
    def nodes(self) -> dict[tuple[int, int, int], Node]:
        """Every node by its address."""
        return {node.address: node for node in self.root.walk()} if self.root else {}

    @property
    def stamp(self) -> str:
        """Of what a tile holds besides the state of the layer: the definition and the heights.
        An address that carries it may be kept for ever, also when one of them is corrected."""
        made_of = repr((self.layer.solid, self.layer.fields, self.offset))
        return hashlib.blake2s(made_of.encode(), digest_size=4).hexdigest()

    def node(self, z: int, x: int, y: int) -> Node:
        """Raises TileError where there is no such tile."""
        if (z, x, y) not in self.nodes:
            raise TileError(
                zh=f"图层 {self.layer.id} 的版本 {self.version} 没有三维瓦片 {z}/{x}/{y}",
                en=f"version {self.version} of layer {self.layer.id} has no 3D tile {z}/{x}/{y}",
                layer=self.layer.id,
                version=self.version,
                tile=f"{z}/{x}/{y}",
            )
        return self.nodes[z, x, y]


def offset_of(registry: Registry) -> HeightOffset | None:
    """The city's undulation as it is stated; None where nobody stated it."""
    stated = registry.city.geoid_undulation_m
    return None if stated is None else HeightOffset(at_origin=stated, source="config/city.yml")


def plan_of(store: Store, registry: Registry, layer: Layer, version: int) -> Plan:
    """The plan of a version, from memory where it was made before.

    Raises TileError where the layer has no solid form or no such version, NoAccurateTransform
    where the city states no undulation."""
    recipe = Recipe.of(layer)
    instant = instant_of(store, layer, version)
    # a later delivery of the same date shows at the same instant: what is seen is its state
    seen = version_at(store, layer, instant)
    offset = offset_of(registry)
    key = (store.url, layer.id, repr(layer.solid), seen, version, offset)
    plan = PLANS.get(key)
    if plan is None:
        plan = _plan(store, layer, recipe, version, instant, offset)
        PLANS.put(key, plan)
    return plan


def _plan(
    store: Store,
    layer: Layer,
    recipe: Recipe,
    version: int,
    instant: Instant,
    offset: HeightOffset | None,
) -> Plan:
    found = extents(store, layer, instant, recipe.fields)
    boxes, left_out = _boxes(found, recipe, offset)
    return Plan(layer, recipe, version, instant, offset, grow(boxes), left_out)


def _boxes(
    found: Extents, recipe: Recipe, offset: HeightOffset | None
) -> tuple[Boxes, dict[int, str]]:
    extent = recipe.extent(found.columns, found.zmin, found.zmax)
    placed = np.isfinite(found.west)
    left_out = dict.fromkeys(found.key[~extent.known].tolist(), NO_VALUE)
    left_out |= dict.fromkeys(found.key[~placed].tolist(), NO_SHAPE)
    meant = recipe.meant(found.columns, len(found))
    left_out |= dict.fromkeys(found.key[~meant].tolist(), NOT_MEANT)
    at = np.flatnonzero(extent.known & placed & meant)
    west, south, east, north = (
        side[at] for side in (found.west, found.south, found.east, found.north)
    )
    lon, lat = (west + east) / 2, (south + north) / 2
    return Boxes(
        key=found.key[at],
        west=west,
        south=south,
        east=east,
        north=north,
        low=ellipsoidal_from_1985(extent.low_m[at], lon, lat, offset),
        high=ellipsoidal_from_1985(extent.high_m[at], lon, lat, offset),
        beyond_m=extent.beyond_m[at],
    ), left_out


class Plans:
    """The plans made last. A version never changes, so none goes stale."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.kept: OrderedDict[Hashable, Plan] = OrderedDict()

    def get(self, key: Hashable) -> Plan | None:
        with self.lock:
            if key in self.kept:
                self.kept.move_to_end(key)
            return self.kept.get(key)

    def put(self, key: Hashable, plan: Plan) -> None:
        with self.lock:
            self.kept[key] = plan
            while len(self.kept) > PLANS_KEPT:
                self.kept.popitem(last=False)


PLANS = Plans()
