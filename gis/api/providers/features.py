"""Features for pygeoapi.

The request has been read at our own door (`parameters.py`) before pygeoapi sees it: pygeoapi
moves two corners of a bbox where its sides are curves, knows no valid time, and drops parameters
it does not know. So the provider answers what the door has understood, and both ways give the
same rows.
"""

from __future__ import annotations

from typing import Any

import orjson
from pygeoapi.provider.base import BaseProvider

from gis.api.features import document, fetch, fetch_one
from gis.api.service import ASKED, SERVING
from gis.layers import Registry
from gis.layers.model import Field, FieldType

TYPES: dict[FieldType, dict[str, str]] = {
    "text": {"type": "string"},
    "code": {"type": "string"},
    "integer": {"type": "integer"},
    "number": {"type": "number"},
    "boolean": {"type": "boolean"},
    "date": {"type": "string", "format": "date"},
    "datetime": {"type": "string", "format": "date-time"},
}


class OneMapProvider(BaseProvider):  # type: ignore[misc]  # pygeoapi ships no types
    """A layer of the registry; `data` is its id."""

    def __init__(self, provider_def: dict[str, Any]) -> None:
        super().__init__(provider_def)
        self.service = SERVING.get()
        self.layer = self.service.registry.get(self.data)
        self.get_fields()

    def get_fields(self) -> dict[str, dict[str, Any]]:
        """Field name -> JSON schema, with title, unit and codes."""
        registry = self.service.registry
        self._fields = {f.name: schema_of(f, registry) for f in self.layer.fields}
        return self._fields

    def query(self, **_: Any) -> dict[str, Any]:
        """The page that the request asks for, as GeoJSON values."""
        return document(fetch(self.service, ASKED.get()))

    def get(self, identifier: str, **_: Any) -> dict[str, Any]:
        """One feature as GeoJSON values. Raises NotThere."""
        feature: dict[str, Any] = orjson.loads(fetch_one(self.service, ASKED.get(), identifier))
        return feature

    def __repr__(self) -> str:
        return f"<OneMapProvider> {self.data}"


def schema_of(field: Field, registry: Registry) -> dict[str, Any]:
    """The JSON schema of a field's values."""
    schema: dict[str, Any] = {
        "title": f"{field.title.zh} / {field.title.en}",
        **TYPES[field.type],
    }
    if field.unit:
        schema["x-ogc-unit"] = field.unit
    codes = registry.codelist(field)
    if codes is not None:
        schema["enum"] = list(codes.codes)
    return schema
