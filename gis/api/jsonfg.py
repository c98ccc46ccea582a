"""Items as JSON-FG (OGC 21-045): GeoJSON that says its time, and its system where it is not
WGS 84."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from gis.api.answers import JSON_FG, answer
from gis.api.axes import CRS84
from gis.api.features import fetch, links_of
from gis.api.parameters import read_items
from gis.api.service import service_of

CONFORMS = ["http://www.opengis.net/spec/json-fg-1/0.3/conf/core"]


def get_items(request: Request) -> Response:
    """`GET /collections/{layer}/items?f=jsonfg`."""
    service = service_of(request)
    layer = service.registry.get(request.path_params["layer"])
    asked = read_items(layer, request.query_params, service.registry, service.timezone)
    page = fetch(service, asked)
    document: dict[str, Any] = {
        "type": "FeatureCollection",
        "conformsTo": CONFORMS,
        "featureType": layer.id,
        "coordRefSys": asked.axes.uri,
        "features": [_feature(orjson.loads(text), asked.axes.uri) for text in page.features],
        "numberReturned": page.returned,
        "links": links_of(request, service, asked, page, "jsonfg"),
    }
    if page.matched is not None:
        document["numberMatched"] = page.matched
    body = orjson.dumps(document)
    return answer(request, body, JSON_FG, headers={"Content-Crs": f"<{asked.axes.uri}>"})


def _feature(feature: dict[str, Any], system: str) -> dict[str, Any]:
    """`geometry` is for WGS 84 alone; in any other system the shape is the `place`."""
    shape = feature["geometry"]
    plain = system == CRS84
    return feature | {
        "time": _time(feature["properties"]),
        "geometry": shape if plain else None,
        "place": None if plain else shape,
    }


def _time(properties: dict[str, Any]) -> dict[str, list[str]] | None:
    if "valid_from" not in properties:
        return None
    ends = (properties["valid_from"], properties.get("valid_to"))
    return {"interval": [_in_utc(end) for end in ends]}


def _in_utc(text: str | None) -> str:
    if text is None:
        return ".."
    return datetime.fromisoformat(text).astimezone(UTC).isoformat().replace("+00:00", "Z")
