"""Tileset JSON of 3D Tiles 1.1: explicit, nested, regions as tight as the features.

A node of the quadtree is a tile without content of its own: its content hangs below it as one
more tile with the transform, because a transform is passed on to children and a region is not
moved by it. So a node's geometric error decides when its features show.
"""

from __future__ import annotations

import math
from typing import Any

from gis.layers import Registry
from gis.tiles.placement import TileFrame
from gis.tiles.plan import Plan
from gis.tiles.quadtree import Node, Region

LEVELS_A_FILE = 4
EMPTY_HEIGHTS_M = (0.0, 1.0)


def root_document(plan: Plan, registry: Registry, query: str = "") -> dict[str, Any]:
    """`tileset.json` of a version: the first levels, and where the rest is. `query`: put behind
    every address."""
    if plan.root is None:
        west, south, east, north = registry.city.bbox
        volume = volume_of(Region(west, south, east, north, *EMPTY_HEIGHTS_M))
        root = {"boundingVolume": volume, "geometricError": 0.0, "refine": "ADD"}
    else:
        root = _tile(plan.root, f"v{plan.version}/{{}}/{{}}/{{}}.{{}}{query}", 0)
    return _document(plan, root) | _metadata(plan, registry)


def node_document(plan: Plan, node: Node, query: str = "") -> dict[str, Any]:
    """The tileset below one node; addresses relative to `v{version}/{z}/{x}/`."""
    return _document(plan, _tile(node, f"../../{{}}/{{}}/{{}}.{{}}{query}", 0))


def frame_of(node: Node) -> TileFrame:
    """The frame of a node's content: the middle of its region."""
    own = node.own
    return TileFrame.at(
        (own.west + own.east) / 2, (own.south + own.north) / 2, (own.low + own.high) / 2
    )


def volume_of(region: Region) -> dict[str, Any]:
    """A `region` in radians and metres."""
    degrees = (region.west, region.south, region.east, region.north)
    return {"region": [*map(math.radians, degrees), region.low, region.high]}


def external(node: Node, depth: int) -> bool:
    """Whether a node this deep in a file goes into a file of its own."""
    return depth == LEVELS_A_FILE and bool(node.children)


def _tile(node: Node, address: str, depth: int) -> dict[str, Any]:
    """A node's tile; `address` takes z, x, y and the suffix."""
    tile: dict[str, Any] = {
        "boundingVolume": volume_of(node.whole),
        "geometricError": node.error_m,
        "refine": "ADD",
    }
    if external(node, depth):
        return tile | {"content": {"uri": address.format(*node.address, "json")}}
    content = {
        "boundingVolume": volume_of(node.own),
        "geometricError": 0.0,
        "transform": frame_of(node).matrix.flatten("F").tolist(),
        "content": {"uri": address.format(*node.address, "glb")},
    }
    below = [_tile(child, address, depth + 1) for child in node.children]
    return tile | {"children": [content, *below]}


def _document(plan: Plan, root: dict[str, Any]) -> dict[str, Any]:
    return {
        "asset": {"version": "1.1", "tilesetVersion": f"{plan.layer.id} v{plan.version}"},
        "geometricError": root["geometricError"],
        "root": root,
    }


def _metadata(plan: Plan, registry: Registry) -> dict[str, Any]:
    """What a surveyor must know of the heights, and which state of the layer it is."""
    words = {"layer": plan.layer.id, "height_datum": registry.city.height_datum}
    numbers: dict[str, Any] = {"version": plan.version}
    if plan.offset is not None:
        numbers["geoid_undulation_m"] = plan.offset.at_origin
    properties: dict[str, Any] = {name: {"type": "STRING"} for name in words}
    for name in numbers:
        kind = "UINT32" if name == "version" else "FLOAT64"
        properties[name] = {"type": "SCALAR", "componentType": kind}
    return {
        "schema": {"id": "one_map", "classes": {"tileset": {"properties": properties}}},
        "metadata": {"class": "tileset", "properties": words | numbers},
    }
