"""3D Tiles 1.0 through py3dtiles: b3dm content with a batch table, boxes, one tileset.json.

For clients that know nothing of glTF metadata. py3dtiles writes the containers and the JSON; the
meshes, their placement and their ids are ours (its own `export` collapses a tile's features).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import orjson
from py3dtiles.tileset import BoundingVolumeBox, Tile, TileSet
from py3dtiles.tileset.content import B3dm
from py3dtiles.tileset.content.b3dm_feature_table import B3dmFeatureTable
from py3dtiles.tileset.content.batch_table import BatchTable
from py3dtiles.tileset.content.gltf_utils import GltfAttribute, GltfMesh, GltfPrimitive

from gis.tiles.attributes import Column
from gis.tiles.mesh import Floats, Mesh
from gis.tiles.placement import TileFrame
from gis.tiles.plan import Plan
from gis.tiles.quadtree import Node, Region
from gis.tiles.tileset import frame_of
from gis.tiles.writer import y_up

FLOAT = 5126


class B3dmWriter:
    """Batched 3D model, the features' attributes as JSON."""

    suffix = "b3dm"

    def write(self, mesh: Mesh, columns: Sequence[Column], name: str) -> bytes:
        """A b3dm; b"" without features: the format has no empty model."""
        if len(mesh.triangles) == 0:
            return b""
        features = B3dmFeatureTable()
        # without it the tables are not 8-aligned, and ids are attached to nothing
        length: Any = len(columns[0].values)
        features.header.data["BATCH_LENGTH"] = length
        table = BatchTable()
        for column in columns:
            table.add_property_as_json(column.name, _nulls(column))
        # UNSIGNED_INT, py3dtiles' own choice for ids, is not allowed for a vertex attribute
        ids = GltfAttribute("_BATCHID", "SCALAR", FLOAT, mesh.feature.astype(np.float32))
        model = GltfMesh(
            y_up(mesh.positions),
            normals=y_up(mesh.normals),
            primitives=[GltfPrimitive(triangles=mesh.triangles.astype(np.uint32))],
            additional_attributes=[ids],
        )
        tile = B3dm.from_meshes([model], batch_table=table, feature_table=features)
        return bytes(tile.to_array())


def legacy_document(plan: Plan, written: Mapping[tuple[int, int, int], str]) -> bytes:
    """`tileset.json` of the nodes that have a file: address -> its path from the tileset."""
    tileset = TileSet()
    tileset.asset.extras.pop("created_date")  # the same city gives the same bytes
    tileset.asset.tileset_version = f"{plan.layer.id} v{plan.version}"
    top = None if plan.root is None else frame_of(plan.root)
    tile = _tile(plan.root, top, written) if plan.root is not None and top is not None else None
    if tile is None or top is None:
        tile = Tile(geometric_error=0.0, bounding_volume=BoundingVolumeBox.from_list([0.0] * 12))
    else:
        tile.transform = top.matrix
    tileset.root_tile = tile
    tileset.geometric_error = tile.geometric_error
    return orjson.dumps(tileset.to_dict(), option=orjson.OPT_SERIALIZE_NUMPY)


def _tile(node: Node, top: TileFrame, written: Mapping[tuple[int, int, int], str]) -> Tile | None:
    """A node in the root's frame; its box is of its children's, which py3dtiles adds up."""
    tile = Tile(geometric_error=node.error_m, refine_mode="ADD")
    if node.address in written:
        frame = frame_of(node)
        inside = np.linalg.inv(top.matrix) @ frame.matrix
        box = BoundingVolumeBox.from_mins_maxs(_mins_maxs(node.own, frame))
        content = Tile(0.0, box, inside, "ADD", written[node.address])
        tile.add_child(content)
    for child in node.children:
        below = _tile(child, top, written)
        if below is not None:
            tile.add_child(below)
    return tile if tile.children else None


def _mins_maxs(region: Region, frame: TileFrame) -> Floats:
    """The region's box in a frame: its corners, and the middles, which bulge."""
    lon = np.array([region.west, (region.west + region.east) / 2, region.east])
    lat = np.array([region.south, (region.south + region.north) / 2, region.north])
    grid = np.meshgrid(lon, lat, np.array([region.low, region.high]))
    points = frame.of_degrees(*(axis.ravel() for axis in grid))
    return np.concatenate([points.min(axis=0), points.max(axis=0)])


def _nulls(column: Column) -> list[Any]:
    return [None if value == column.no_data else value for value in column.values]
