"""Binary glTF with EXT_mesh_features and EXT_structural_metadata: content of 3D Tiles 1.1."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from gis.tiles.attributes import Column
from gis.tiles.mesh import Mesh
from gis.tiles.writer import y_up

MAGIC, JSON_CHUNK, BIN_CHUNK = 0x46546C67, 0x4E4F534A, 0x004E4942
FLOAT, UNSIGNED_SHORT, UNSIGNED_INT = 5126, 5123, 5125
VERTICES, INDICES = 34962, 34963
COMPONENTS = {"UINT32": "<u4", "INT32": "<i4", "FLOAT64": "<f8"}
# white: the client's style multiplies by the colour of the code. Not double sided: solids close.
MATERIAL = {
    "pbrMetallicRoughness": {
        "baseColorFactor": [1.0, 1.0, 1.0, 1.0],
        "metallicFactor": 0.0,
        "roughnessFactor": 0.9,
    }
}


class GlbWriter:
    """glTF 2.0, one mesh, one property table."""

    suffix = "glb"

    def write(self, mesh: Mesh, columns: Sequence[Column], name: str) -> bytes:
        """A glb; without features an empty but valid one."""
        features = len(columns[0].values) if columns else 0
        if features == 0 or len(mesh.triangles) == 0:
            empty = {"asset": ASSET, "scene": 0, "scenes": [{}]}
            return pack(empty, b"")
        views = _Views()
        attributes = _attributes(views, mesh)
        indices = _indices(views, mesh)
        table = _property_table(views, columns, name, features)
        document: dict[str, Any] = {
            "asset": ASSET,
            "extensionsUsed": ["EXT_mesh_features", "EXT_structural_metadata"],
            "extensions": {
                "EXT_structural_metadata": {
                    "schema": {"id": name, "classes": {name: {"properties": _schema(columns)}}},
                    "propertyTables": [table],
                }
            },
            "scene": 0,
            "scenes": [{"nodes": [0]}],
            "nodes": [{"mesh": 0}],
            "meshes": [{"primitives": [_primitive(attributes, indices, features)]}],
            "materials": [MATERIAL],
            "accessors": views.accessors,
            "bufferViews": views.views,
            "buffers": [{"byteLength": views.length}],
        }
        return pack(document, b"".join(views.parts))


ASSET = {"version": "2.0", "generator": "One Map"}


def pack(document: dict[str, Any], binary: bytes) -> bytes:
    """The container: JSON padded so that BIN starts on 8 bytes, BIN padded to 4."""
    text = orjson.dumps(document)
    text += b" " * (-(len(text) + 20 + 8) % 8 if binary else -len(text) % 4)
    chunks = struct.pack("<II", len(text), JSON_CHUNK) + text
    if binary:
        binary += b"\0" * (-len(binary) % 4)
        chunks += struct.pack("<II", len(binary), BIN_CHUNK) + binary
    return struct.pack("<III", MAGIC, 2, 12 + len(chunks)) + chunks


class _Views:
    """The binary buffer as it grows: every view on 8 bytes."""

    def __init__(self) -> None:
        self.parts: list[bytes] = []
        self.length = 0
        self.views: list[dict[str, Any]] = []
        self.accessors: list[dict[str, Any]] = []

    def view(self, data: bytes, **extra: Any) -> int:
        gap = -self.length % 8
        self.parts.append(b"\0" * gap)
        self.views.append(
            {"buffer": 0, "byteOffset": self.length + gap, "byteLength": len(data), **extra}
        )
        self.parts.append(data)
        self.length += gap + len(data)
        return len(self.views) - 1

    def accessor(self, view: int, component: int, kind: str, count: int, **extra: Any) -> int:
        self.accessors.append(
            {"bufferView": view, "componentType": component, "type": kind, "count": count, **extra}
        )
        return len(self.accessors) - 1


def _attributes(views: _Views, mesh: Mesh) -> dict[str, int]:
    positions, normals = y_up(mesh.positions), y_up(mesh.normals)
    n = len(positions)
    low, high = positions.min(axis=0).tolist(), positions.max(axis=0).tolist()
    view = views.view(positions.tobytes(), target=VERTICES)
    position = views.accessor(view, FLOAT, "VEC3", n, min=low, max=high)
    view = views.view(normals.tobytes(), target=VERTICES)
    normal = views.accessor(view, FLOAT, "VEC3", n)
    ids, component = _feature_ids(mesh.feature)
    view = views.view(ids.tobytes(), target=VERTICES, byteStride=4)
    feature = views.accessor(view, component, "SCALAR", n)
    return {"POSITION": position, "NORMAL": normal, "_FEATURE_ID_0": feature}


def _feature_ids(feature: NDArray[np.int64]) -> tuple[NDArray[Any], int]:
    """Four bytes a vertex in any case: glTF aligns attributes so, and knows no UNSIGNED_INT
    among them. Shorts up to 65,535; floats are exact to 16 million."""
    if feature.max() > 0xFFFF:
        return feature.astype("<f4"), FLOAT
    return feature.astype("<u4"), UNSIGNED_SHORT  # little end first: the short, then padding


def _indices(views: _Views, mesh: Mesh) -> int:
    # 0xFFFF is the primitive restart value
    small = len(mesh.positions) <= 0xFFFF
    data = mesh.triangles.astype("<u2" if small else "<u4").tobytes()
    view = views.view(data, target=INDICES)
    return views.accessor(
        view, UNSIGNED_SHORT if small else UNSIGNED_INT, "SCALAR", mesh.triangles.size
    )


def _primitive(attributes: dict[str, int], indices: int, features: int) -> dict[str, Any]:
    ids = [{"featureCount": features, "attribute": 0, "propertyTable": 0}]
    return {
        "attributes": attributes,
        "indices": indices,
        "material": 0,
        "mode": 4,
        "extensions": {"EXT_mesh_features": {"featureIds": ids}},
    }


def _schema(columns: Sequence[Column]) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for column in columns:
        entry: dict[str, Any] = {"name": f"{column.label.zh} / {column.label.en}"}
        if column.type == "STRING":
            entry |= {"type": "STRING", "default": ""}
        else:
            entry |= {"type": "SCALAR", "componentType": column.type}
        if column.no_data is not None:
            entry["noData"] = column.no_data
        properties[column.name] = entry
    return properties


def _property_table(
    views: _Views, columns: Sequence[Column], name: str, features: int
) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for column in columns:
        if column.type != "STRING":
            values = np.array(column.values, dtype=COMPONENTS[column.type])
            properties[column.name] = {"values": views.view(values.tobytes())}
            continue
        texts = [text.encode() for text in column.values]
        if not any(texts):  # a view can't be empty; what the table lacks has the class's default
            continue
        offsets = np.cumsum([0, *map(len, texts)]).astype("<u4")
        view = views.view(b"".join(texts))
        properties[column.name] = {
            "values": view,
            "stringOffsets": views.view(offsets.tobytes()),
            "stringOffsetType": "UINT32",
        }
    return {"class": name, "count": features, "properties": properties}
