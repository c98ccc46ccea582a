"""What the conformance tests share: links, parameters of the API definition, references."""

from __future__ import annotations

from typing import Any

import httpx

CRS84 = "http://www.opengis.net/def/crs/OGC/1.3/CRS84"
EPSG = "http://www.opengis.net/def/crs/EPSG/0/"
REL = "http://www.opengis.net/def/rel/ogc/1.0/"


def links(document: Any, rel: str) -> list[Any]:
    """Links of a document by relation."""
    return [link for link in document["links"] if link["rel"] == rel]


def ok(client: httpx.Client, path: str, /, **params: Any) -> Any:
    """The JSON of a request that must succeed."""
    answer = client.get(path, params=params or None)
    assert answer.status_code == 200, (path, params, answer.text[:500])
    return answer.json()


def parameters(api: Any, path: str, method: str = "get") -> dict[str, Any]:
    """Name -> parameter of an operation, references followed."""
    found = [resolved(api, p) for p in api["paths"][path][method].get("parameters", [])]
    return {p["name"]: p for p in found}


def resolved(api: Any, node: Any) -> Any:
    """`node`, or what it refers to within the document."""
    while "$ref" in node:
        place = node["$ref"].removeprefix("#/").split("/")
        node = api
        for step in place:
            node = node[step]
    return node


def every(client: httpx.Client, path: str, /, **params: Any) -> list[Any]:
    """All features, page after page by `next`."""
    page = ok(client, path, **params)
    found = list(page["features"])
    while onward := links(page, "next"):
        page = ok(client, onward[0]["href"])
        found += page["features"]
    return found


def of_layers(path: str, *layers: str) -> bool:
    """Whether a path of the API definition is of one of the layers, or of none in particular."""
    parts = path.split("/")
    one = parts[2] if parts[1] == "collections" and len(parts) > 2 else "{layer}"
    return one in (*layers, "{layer}", "catalogue")
