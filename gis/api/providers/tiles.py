"""Vector tiles for pygeoapi: their metadata; the tiles themselves go by the thin route."""

from __future__ import annotations

from typing import Any

from pygeoapi.provider.base_mvt import BaseMVTProvider

from gis.api.config import MVT
from gis.api.service import SERVING
from gis.layers import Layer
from gis.store import tile

SCHEME = "http://www.opengis.net/def/rel/ogc/1.0/tiling-scheme"


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

    def get_default_metadata(
        self,
        dataset: str,
        server_url: str,
        layer: str,
        tileset: str,
        title: str,
        *_: Any,
        **__: Any,
    ) -> dict[str, Any]:
        """The tileset, in the standard's own form."""
        here = f"{server_url}/collections/{dataset}/tiles/{tileset}"
        [scheme] = [s for s in self.get_tiling_schemes() if s.tileMatrixSet == tileset]
        return {
            "title": title,
            "dataType": "vector",
            "tileMatrixSetURI": scheme.tileMatrixSetURI,
            "crs": scheme.crs,
            "layers": [{"id": layer, "dataType": "vector"}],
            "links": [
                {
                    "rel": "item",
                    "type": MVT,
                    "href": f"{here}/{{tileMatrix}}/{{tileRow}}/{{tileCol}}?f=mvt",
                    "templated": True,
                },
                {
                    "rel": SCHEME,
                    "type": "application/json",
                    "href": f"{server_url}/TileMatrixSets/{tileset}?f=json",
                },
                {
                    "rel": "describedby",
                    "type": "application/json",
                    "title": "TileJSON",
                    "href": f"{here}?f=tilejson",
                },
            ],
        }

    def get_vendor_metadata(
        self,
        dataset: str,
        server_url: str,
        layer: str,
        tileset: str,
        title: str,
        description: str,
        *_: Any,
        **__: Any,
    ) -> dict[str, Any]:
        """The tileset as TileJSON 3."""
        here = f"{server_url}/collections/{dataset}/tiles/{tileset}"
        zoom = self.options["zoom"]
        return {
            "tilejson": "3.0.0",
            "name": title,
            "description": description,
            "tiles": [f"{here}/{{z}}/{{y}}/{{x}}?f=mvt"],
            "minzoom": zoom["min"],
            "maxzoom": zoom["max"],
            "bounds": list(self.service.registry.city.bbox),
            "vector_layers": [{"id": layer, "fields": self.get_fields()}],
        }

    def __repr__(self) -> str:
        return f"<OneMapTileProvider> {self.data}"
