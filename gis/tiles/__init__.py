"""Buildings, pipes and shafts as 3D Tiles, straight from the store or built on disk."""

from gis.tiles.serving import content_glb, node_json, tileset_json
from gis.tiles.static import BuildReport, build, build_tileset

__all__ = ["tileset_json", "node_json", "content_glb", "build", "build_tileset", "BuildReport"]
