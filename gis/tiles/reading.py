"""Tile contents read back, by their headers and nothing else: what the checker looks at."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import orjson
from numpy.typing import NDArray

from gis.errors import TileError
from gis.tiles.glb import BIN_CHUNK, JSON_CHUNK, MAGIC

COMPONENTS = {5120: "<i1", 5121: "<u1", 5122: "<i2", 5123: "<u2", 5125: "<u4", 5126: "<f4"}
WIDTHS = {"SCALAR": 1, "VEC2": 2, "VEC3": 3, "VEC4": 4, "MAT4": 16}
SCALARS = {"UINT32": "<u4", "INT32": "<i4", "FLOAT64": "<f8"}
B3DM_HEADER = struct.Struct("<4sIIIIII")


@dataclass(frozen=True, slots=True)
class Glb:
    """A binary glTF. Every method raises TileError where the file contradicts itself."""

    document: dict[str, Any]
    binary: bytes

    @property
    def primitive(self) -> dict[str, Any] | None:
        """The one primitive of our tiles; None in an empty one."""
        meshes = self.document.get("meshes")
        return meshes[0]["primitives"][0] if meshes else None

    def view(self, number: int) -> bytes:
        with _wrong(f"bufferViews[{number}]"):
            view = self.document["bufferViews"][number]
            start = view.get("byteOffset", 0)
            data = self.binary[start : start + view["byteLength"]]
        _need(len(data) == view["byteLength"], f"bufferViews[{number}] ends outside the buffer")
        return data

    def accessor(self, number: int) -> NDArray[Any]:
        """Its values, shape (count,) or (count, width)."""
        with _wrong(f"accessors[{number}]"):
            accessor = self.document["accessors"][number]
            kind = np.dtype(COMPONENTS[accessor["componentType"]])
            width, count = WIDTHS[accessor["type"]], accessor["count"]
            view = self.document["bufferViews"][accessor["bufferView"]]
            stride = view.get("byteStride", kind.itemsize * width)
            data = self.view(accessor["bufferView"])
            offset = accessor.get("byteOffset", 0)
            values: NDArray[Any] = np.ndarray(
                (count, width), kind, data, offset, (stride, kind.itemsize)
            )
        return values[:, 0] if width == 1 else values

    def attribute(self, name: str) -> NDArray[Any]:
        """A vertex attribute of the primitive, by name."""
        with _wrong(name):
            assert self.primitive is not None
            return self.accessor(self.primitive["attributes"][name])

    def columns(self) -> dict[str, list[Any]]:
        """The property table: numbers as they lie there (noData too), texts; the class's
        default where the table lacks a property."""
        with _wrong("EXT_structural_metadata"):
            metadata = self.document["extensions"]["EXT_structural_metadata"]
            table = metadata["propertyTables"][0]
            properties = metadata["schema"]["classes"][table["class"]]["properties"]
            return {
                name: self._column(name, entry, table["properties"].get(name), table["count"])
                for name, entry in properties.items()
            }

    def _column(
        self, name: str, entry: dict[str, Any], stored: dict[str, Any] | None, count: int
    ) -> list[Any]:
        if stored is None:
            return [entry["default"]] * count
        data = self.view(stored["values"])
        if entry["type"] == "STRING":
            offsets = np.frombuffer(self.view(stored["stringOffsets"]), "<u4")
            _need(len(offsets) == count + 1, f"{name}: {len(offsets)} offsets for {count} texts")
            _need(bool((np.diff(offsets.astype(int)) >= 0).all()), f"{name}: offsets go back")
            _need(int(offsets[-1]) == len(data), f"{name}: offsets end at {offsets[-1]}")
            ends = offsets.tolist()
            return [data[a:b].decode() for a, b in pairwise(ends)]
        kind = np.dtype(SCALARS[entry["componentType"]])
        _need(len(data) == count * kind.itemsize, f"{name}: {len(data)} bytes for {count} values")
        return list(np.frombuffer(data, kind).tolist())


@dataclass(frozen=True, slots=True)
class Content:
    """A tile's file: the model, which attribute numbers its features, and their columns."""

    glb: Glb
    ids: str
    features: int
    columns: dict[str, list[Any]] = field(default_factory=dict)


def read_content(data: bytes) -> Content:
    """From the bytes of a glb or b3dm. Raises TileError that says what is wrong."""
    if data[:4] == b"b3dm":
        return _read_b3dm(data)
    glb = read_glb(data)
    if glb.primitive is None:
        return Content(glb, "", 0)
    with _wrong("EXT_mesh_features"):
        [ids] = glb.primitive["extensions"]["EXT_mesh_features"]["featureIds"]
        return Content(glb, f"_FEATURE_ID_{ids['attribute']}", ids["featureCount"], glb.columns())


def read_glb(data: bytes) -> Glb:
    """From the bytes of a glb, its chunks aligned and of the stated length."""
    with _wrong("header"):
        magic, version, length = struct.unpack_from("<III", data)
        _need(magic == MAGIC and version == 2, "not a glb of version 2")
        _need(length == len(data), f"header says {length} bytes, there are {len(data)}")
        size, kind = struct.unpack_from("<II", data, 12)
        _need(kind == JSON_CHUNK and size % 4 == 0, "the first chunk is not aligned JSON")
        document = orjson.loads(data[20 : 20 + size])
        start = 20 + size
        if start == len(data):
            return Glb(document, b"")
        size, kind = struct.unpack_from("<II", data, start)
        _need(kind == BIN_CHUNK and size % 4 == 0, "the second chunk is not aligned BIN")
        _need(start + 8 + size == len(data), "bytes after the BIN chunk")
        return Glb(document, data[start + 8 :])


def _read_b3dm(data: bytes) -> Content:
    with _wrong("header"):
        _, version, length, *sizes = B3DM_HEADER.unpack_from(data)
        _need(version == 1 and length == len(data), f"header says {length} bytes")
        edges = np.cumsum([B3DM_HEADER.size, *sizes]).tolist()
        _need(all(edge % 8 == 4 or edge % 8 == 0 for edge in edges), "tables are not aligned")
        _need(edges[-1] % 8 == 0, "the glb does not start on 8 bytes")
        features = orjson.loads(data[edges[0] : edges[1]])["BATCH_LENGTH"]
        columns = orjson.loads(data[edges[2] : edges[3]] or b"{}")
        return Content(read_glb(data[edges[-1] :]), "_BATCHID", features, columns)


def _need(condition: bool, what: str) -> None:
    if not condition:
        raise TileError(zh=f"瓦片内容有误：{what}", en=f"tile content is wrong: {what}", rule=what)


@contextmanager
def _wrong(what: str) -> Iterator[None]:
    """What a file that contradicts itself makes of our reading, as one error."""
    try:
        yield
    except (KeyError, IndexError, ValueError, TypeError, AssertionError, struct.error) as exc:
        raise TileError(
            zh=f"瓦片内容有误：{what}（{exc}）",
            en=f"tile content is wrong: {what} ({exc})",
            rule=what,
        ) from exc
