"""A layer's 3D Tiles on disk, for publishing on any static server."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import orjson

from gis.errors import TileError
from gis.layers import Registry
from gis.store import Store, When
from gis.tiles.glb import GlbWriter
from gis.tiles.plan import Plan, plan_of
from gis.tiles.quadtree import Node
from gis.tiles.replacing import replacing
from gis.tiles.serving import content, version_of
from gis.tiles.tileset import external, node_document, root_document
from gis.tiles.writer import Writer

Format = Literal["glb", "b3dm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildReport:
    """`features` are in the tiles; `left_out`: reason -> how many are not; `examples`: reason ->
    keys of the first ten. features + left_out = rows of the layer."""

    layer: str
    version: int
    format: Format
    features: int
    left_out: dict[str, int]
    examples: dict[str, list[int]]
    tiles: int
    bytes: int
    seconds: float

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def build(store: Store, registry: Registry, layer_id: str, out: Path, when: When = None) -> int:
    """Build a layer's tiles into the folder `out`; returns how many features are in them."""
    return build_tileset(store, registry, layer_id, out, when).features


def build_tileset(
    store: Store,
    registry: Registry,
    layer_id: str,
    out: Path,
    when: When = None,
    form: Format = "glb",
    advance: Callable[[int], None] = lambda features: None,
) -> BuildReport:
    """Build a layer's tiles into the folder `out`, whole or not at all.

    An earlier tileset there is replaced. A feature that can't be made solid is counted with its
    reason. Raises TileError where `out` holds something else or can't be written, where the
    layer has no solid form or `when` is an interval."""
    started = time.monotonic()
    layer = registry.get(layer_id)
    plan = plan_of(store, registry, layer, version_of(store, layer, when))
    left_out = dict(plan.left_out)
    with _replacing(out) as folder:
        written: dict[tuple[int, int, int], str] = {}
        for node, data, lost in _contents(store, plan, _writer(form)):
            left_out |= lost
            advance(len(node.keys))
            if data:
                written[node.address] = _path(plan, node, form)
                _put(folder / written[node.address], data)
        _put_documents(folder, plan, registry, form, written)
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    features = sum(len(node.keys) for node in plan.nodes.values())
    reasons = Counter(left_out.values())
    return BuildReport(
        layer=layer.id,
        version=plan.version,
        format=form,
        features=features + len(plan.left_out) - len(left_out),
        left_out=dict(sorted(reasons.items())),
        examples={r: [k for k, v in left_out.items() if v == r][:10] for r in sorted(reasons)},
        tiles=len(written),
        bytes=size,
        seconds=round(time.monotonic() - started, 2),
    )


def _writer(form: Format) -> Writer:
    if form == "glb":
        return GlbWriter()
    from gis.tiles.legacy import B3dmWriter  # py3dtiles takes a second to import

    return B3dmWriter()


def _contents(
    store: Store, plan: Plan, writer: Writer
) -> Iterator[tuple[Node, bytes, dict[int, str]]]:
    for node in plan.nodes.values():
        data, lost = content(store, plan, node, writer)
        yield node, data, lost


def _put_documents(
    folder: Path,
    plan: Plan,
    registry: Registry,
    form: Format,
    written: dict[tuple[int, int, int], str],
) -> None:
    if form == "b3dm":
        from gis.tiles.legacy import legacy_document

        _put(folder / "tileset.json", legacy_document(plan, written))
        return
    _put(folder / "tileset.json", orjson.dumps(root_document(plan, registry)))
    for node in _with_own_file(plan):
        _put(folder / _path(plan, node, "json"), orjson.dumps(node_document(plan, node)))


def _with_own_file(plan: Plan) -> Iterator[Node]:
    """Nodes at which a file refers to the next."""
    waiting = [(plan.root, 0)] if plan.root else []
    while waiting:
        node, depth = waiting.pop()
        if external(node, depth):
            yield node
            depth = 0
        waiting += [(child, depth + 1) for child in node.children]


def _path(plan: Plan, node: Node, suffix: str) -> str:
    return f"v{plan.version}/{node.z}/{node.x}/{node.y}.{suffix}"


def _put(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


@contextmanager
def _replacing(out: Path) -> Iterator[Path]:
    """A new folder beside `out` that takes its place at the end; gone on any exception."""
    if out.exists() and not _replaceable(out):
        raise TileError(
            zh=f"{out} 已存在，且不是三维瓦片目录。请换一个目录",
            en=f"{out} exists and is not a tileset. Give another folder",
            path=str(out),
        )
    with replacing(out) as making:
        making.mkdir(parents=True)
        yield making


def _replaceable(out: Path) -> bool:
    return out.is_dir() and ((out / "tileset.json").is_file() or not any(out.iterdir()))
