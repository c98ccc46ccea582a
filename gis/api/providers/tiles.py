"""Vector tiles for pygeoapi, which so knows that there are some: what describes them, and they
themselves, go by our own routes."""

from __future__ import annotations

from typing import Any

from pygeoapi.provider.base_mvt import BaseMVTProvider

from gis.api.service import SERVING
from gis.layers import Layer
from gis.store import tile


class OneMapTileProvider(BaseMVTProvider):  # type: ignore[misc]  # pygeoapi ships no types
    """A layer of the registry as vector tiles of the Web Mercator grid; `data` is its id."""

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)
        self.service = SERVING.get()
        self.layer: Layer = self.service.registry.get(self.data)

    def get_layer(self) -> str:
        """Name of the layer in its tiles."""
        return self.layer.id

    def get_fields(self) -> dict[str, Any]:
        """Field name -> type, as TileJSON lists them."""
        return {f.name: f.type for f in self.layer.fields}

    def get_tiles_service(self, **given: Any) -> dict[str, Any]:
        """The links of the layer's tilesets."""
        super().get_tiles_service(**given)
        self._service_url = given["servicepath"].replace("{tileMatrixSetId}", "WebMercatorQuad")
        links: dict[str, Any] = self.get_tms_links()
        return links

    def get_tiles(self, *, z: str, y: str, x: str, **_: Any) -> bytes | None:
        """One tile; None where it is empty."""
        return tile(self.service.store, self.layer, int(z), int(x), int(y)) or None

    def __repr__(self) -> str:
        return f"<OneMapTileProvider> {self.data}"
