"""3D Tiles straight from the store: what the API answers."""

from __future__ import annotations

import orjson

from gis.errors import TileError
from gis.layers import Registry
from gis.layers.model import Layer
from gis.store import Interval, LayerQuery, Store, When, rows, version_at
from gis.tiles.attributes import columns_of
from gis.tiles.glb import GlbWriter
from gis.tiles.plan import Plan, plan_of
from gis.tiles.quadtree import Node
from gis.tiles.recipe import Recipe
from gis.tiles.solids import make_solids
from gis.tiles.tileset import frame_of, node_document, root_document
from gis.tiles.writer import Writer


def tileset_json(store: Store, registry: Registry, layer: Layer, when: When = None) -> bytes:
    """`tileset.json` of the layer's state at an instant (None = now); its children's addresses
    carry the version, relative to /3dtiles/{layer}/, and a stamp of the layer's definition.

    Raises TileError where the layer has no solid form or `when` is an interval,
    NoAccurateTransform where the city states no undulation."""
    plan = plan_of(store, registry, layer, version_of(store, layer, when))
    return orjson.dumps(root_document(plan, registry, f"?c={plan.stamp}"))


def node_json(
    store: Store, registry: Registry, layer: Layer, version: int, z: int, x: int, y: int
) -> bytes:
    """The tileset below a node. Raises TileError where there is no such version or node."""
    plan = plan_of(store, registry, layer, version)
    return orjson.dumps(node_document(plan, plan.node(z, x, y), f"?c={plan.stamp}"))


def content_glb(
    store: Store, registry: Registry, layer: Layer, version: int, z: int, x: int, y: int
) -> bytes:
    """The glb of a node; an empty one where its features are gone. Raises TileError where there
    is no such version or node."""
    plan = plan_of(store, registry, layer, version)
    return content(store, plan, plan.node(z, x, y), GlbWriter())[0]


def content(store: Store, plan: Plan, node: Node, writer: Writer) -> tuple[bytes, dict[int, str]]:
    """A node's features as one file, and those that can't be drawn with the reason."""
    wanted = LayerQuery(
        layer=plan.layer,
        when=plan.instant,
        keys=tuple(node.keys.tolist()),
        fields=plan.layer.field_names,
    )
    found = rows(store, wanted)
    solids = make_solids(found, plan.recipe, frame_of(node), plan.offset)
    columns = columns_of(plan.layer, found, solids.drawn)
    return writer.write(solids.mesh, columns, plan.layer.id), solids.left_out


def version_of(store: Store, layer: Layer, when: When) -> int:
    """The version a moment shows. Raises TileError for an interval: two states of one building
    would stand in each other."""
    Recipe.of(layer)
    if isinstance(when, Interval):
        raise TileError(
            zh="三维瓦片只能显示一个时刻，不能是时间段。请给 datetime 一个日期或时间",
            en="3D Tiles show one moment, not an interval. Give datetime one date or time",
            layer=layer.id,
        )
    return version_at(store, layer, when)
