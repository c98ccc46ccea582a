"""Our own checker of tilesets on disk: what the formats' validators say, and what they don't:
every vertex inside its tile, every feature in one tile only.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from gis.errors import TileError
from gis.tiles.mesh import Floats
from gis.tiles.placement import geodetic
from gis.tiles.quadtree import Region
from gis.tiles.reading import Content, read_content

SLACK_DEG, SLACK_M = 1e-9, 1e-3
BOX_SLACK = 1e-6  # of a half axis


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and in which file (relative to the folder)."""

    file: str
    what: str


@dataclass(slots=True)
class CheckReport:
    """`features`: distinct keys; `files`: contents found through the JSON, in order."""

    files: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    tilesets: int = 0
    tiles: int = 0
    keys: set[int] = field(default_factory=set)

    @property
    def features(self) -> int:
        return len(self.keys)


@dataclass(frozen=True, slots=True)
class _Above:
    """What a tile inherits."""

    transform: Floats
    volume: dict[str, Any] | None
    error: float
    refine: str | None


def check_tileset(folder: Path) -> CheckReport:
    """Walk `folder/tileset.json` and everything it names. Raises TileError where there is none."""
    if not (folder / "tileset.json").is_file():
        raise TileError(
            zh=f"{folder} 中没有 tileset.json。请先运行 gis tiles build",
            en=f"there is no tileset.json in {folder}. Run gis tiles build first",
            path=str(folder),
        )
    report = CheckReport()
    _Walk(folder, report).tileset("tileset.json", _Above(np.eye(4), None, math.inf, None))
    return report


@dataclass(frozen=True, slots=True)
class _Walk:
    folder: Path
    report: CheckReport

    def tileset(self, file: str, above: _Above) -> None:
        try:
            document = orjson.loads((self.folder / file).read_bytes())
            root, error = document["root"], float(document["geometricError"])
            version = document["asset"]["version"]
        except (OSError, ValueError, KeyError, TypeError) as exc:
            self._say(file, f"is not a tileset: {type(exc).__name__} {exc}")
            return
        self.report.tilesets += 1
        if version not in ("1.0", "1.1"):
            self._say(file, f"asset.version is {version}")
        if above.refine is None and root.get("refine") not in ("ADD", "REPLACE"):
            self._say(file, "the root states no refine")
        self._tile(
            file, root, _Above(above.transform, above.volume, min(above.error, error), "ADD")
        )

    def _tile(self, file: str, tile: dict[str, Any], above: _Above) -> None:
        self.report.tiles += 1
        try:
            error = float(tile["geometricError"])
            transform = above.transform @ _matrix(tile)
            volume = _in_world(tile["boundingVolume"], transform)
        except (KeyError, ValueError, TypeError) as exc:
            self._say(file, f"a tile is malformed: {type(exc).__name__} {exc}")
            return
        if not 0 <= error <= above.error:
            self._say(file, f"geometricError grows downwards: {above.error} -> {error}")
        if above.volume is not None and not _inside(volume, above.volume):
            self._say(file, f"a tile sticks out of its parent: {tile['boundingVolume']}")
        if tile.get("refine", "ADD") not in ("ADD", "REPLACE"):
            self._say(file, f"refine is {tile['refine']}")
        below = _Above(transform, volume, error, "ADD")
        uri = tile.get("content", {}).get("uri")
        if uri is not None:
            self._content(file, uri, below)
        for child in tile.get("children", ()):
            self._tile(file, child, below)

    def _content(self, file: str, uri: str, tile: _Above) -> None:
        path = _join(file, uri)
        if path is None or not (self.folder / path).is_file():
            self._say(file, f"names {uri}, which is not there")
        elif path.endswith(".json"):
            self.tileset(path, tile)
        else:
            self.report.files.append(path)
            try:
                content = read_content((self.folder / path).read_bytes())
                for what in _complaints(content, tile):
                    self._say(path, what)
            except TileError as exc:
                self._say(path, exc.en)
                return
            self._count(path, content)

    def _count(self, path: str, content: Content) -> None:
        keys = content.columns.get("key", [])
        twice = self.report.keys.intersection(keys)
        if twice or len(set(keys)) < len(keys):
            self._say(path, f"features are in more than one place: {sorted(twice)[:5]}")
        self.report.keys.update(keys)

    def _say(self, file: str, what: str) -> None:
        self.report.problems.append(Problem(file, what))


def _complaints(content: Content, tile: _Above) -> Iterator[str]:
    """What is wrong with a content that could be read."""
    if content.glb.primitive is None:
        return
    primitive, document = content.glb.primitive, content.glb.document
    positions = content.glb.attribute("POSITION").astype(np.float64)
    indices = content.glb.accessor(primitive["indices"])
    ids = content.glb.attribute(content.ids)
    accessor = document["accessors"][primitive["attributes"]["POSITION"]]
    for name, real in (("min", positions.min(axis=0)), ("max", positions.max(axis=0))):
        if not np.array_equal(np.float32(accessor[name]), np.float32(real)):
            yield f"POSITION {name} is {accessor[name]}, it is {real.tolist()}"
    for name in ("NORMAL", content.ids):
        if len(content.glb.attribute(name)) != len(positions):
            yield f"{name} has another length than POSITION"
    if len(indices) % 3 or int(indices.max()) >= len(positions):
        yield f"indices: {len(indices)}, up to {indices.max()}, of {len(positions)} vertices"
    if int(ids.max()) >= content.features or len(np.unique(ids)) != content.features:
        yield f"{content.ids} does not number {content.features} features"
    for name, values in content.columns.items():
        if len(values) != content.features:
            yield f"{name}: {len(values)} values for {content.features} features"
    for view in document["bufferViews"] if content.ids != "_BATCHID" else ():
        if view["byteOffset"] % 8:
            yield f"a buffer view starts at {view['byteOffset']}, not on 8 bytes"
    enu = np.stack([positions[:, 0], -positions[:, 2], positions[:, 1]], axis=-1)
    world = enu @ tile.transform[:3, :3].T + tile.transform[:3, 3]
    if tile.volume is not None and not _holds(tile.volume, world):
        yield "vertices lie outside the tile's volume"


def _matrix(tile: dict[str, Any]) -> Floats:
    if "transform" not in tile:
        return np.eye(4)
    values = np.array(tile["transform"], dtype=np.float64)
    if values.shape != (16,) or not np.isfinite(values).all():
        raise ValueError("transform is not 16 numbers")
    return values.reshape(4, 4, order="F")


def _in_world(volume: dict[str, Any], transform: Floats) -> dict[str, Any]:
    """A region as it is; a box (12 numbers) moved to the world. Raises ValueError for others."""
    if "region" in volume:
        west, south, east, north, low, high = map(float, volume["region"])
        if not (west <= east and south <= north and low <= high and abs(north) <= math.pi / 2):
            raise ValueError(f"region {volume['region']}")
        west, south, east, north = map(math.degrees, (west, south, east, north))
        return {"region": Region(west, south, east, north, low, high)}
    box = np.array(volume["box"], dtype=np.float64).reshape(4, 3)
    if not np.isfinite(box).all():
        raise ValueError("box")
    moved = box @ transform[:3, :3].T
    moved[0] += transform[:3, 3]
    return {"box": moved}


def _inside(inner: dict[str, Any], outer: dict[str, Any]) -> bool:
    if "region" in inner and "region" in outer:
        return bool(outer["region"].contains(inner["region"], SLACK_DEG, SLACK_M))
    return "box" in inner and _holds(outer, _corners(inner["box"]))


def _holds(volume: dict[str, Any], world: Floats) -> bool:
    """Whether geocentric points (n, 3) lie in a volume, give or take a millimetre."""
    if "region" in volume:
        points = geodetic(world)
        (west, south, low), (east, north, high) = points.min(axis=0), points.max(axis=0)
        found = Region(west, south, east, north, low, high)
        return bool(volume["region"].contains(found, SLACK_DEG, SLACK_M))
    centre, axes = volume["box"][0], volume["box"][1:]
    length = np.linalg.norm(axes, axis=1)
    along = np.abs((world - centre) @ axes.T) / np.maximum(length, 1e-9)
    return bool((along <= length * (1 + BOX_SLACK) + SLACK_M).all())


def _corners(box: Floats) -> Floats:
    signs = np.array([(a, b, c) for a in (-1, 1) for b in (-1, 1) for c in (-1, 1)])
    return np.asarray(box[0] + signs @ box[1:])


def _join(file: str, uri: str) -> str | None:
    """`uri` as seen from `file`; None where it leaves the folder."""
    parts: list[str] = file.split("/")[:-1]
    for part in uri.split("/"):
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def summary(report: CheckReport, more: Sequence[Problem] = ()) -> dict[str, Any]:
    """A report as JSON, with what other validators said."""
    problems = [*report.problems, *more]
    return {
        "tilesets": report.tilesets,
        "tiles": report.tiles,
        "contents": len(report.files),
        "features": report.features,
        "problems": [{"file": p.file, "what": p.what} for p in problems],
        "ok": not problems,
    }
