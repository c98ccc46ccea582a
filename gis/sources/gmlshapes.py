"""GML whose features have several geometries (an outline and the place of its label): of these
GDAL would take the last. The one the layer wants is kept, the others are left out of a copy.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO
from xml.parsers import expat

from gis.coords import Frame
from gis.errors import SourceError
from gis.layers.batch import RawBatch
from gis.layers.model import Layer
from gis.sources.archives import Unpacked
from gis.sources.delivery import Delivery, file_digest
from gis.sources.vector import open_vector

PROBE = 1 << 22  # bytes in which the geometries of a feature show
BLOCK = 1 << 20
NAMESPACE = "http://www.opengis.net/gml"
KINDS = {
    **dict.fromkeys(("Point", "MultiPoint"), "Point"),
    **dict.fromkeys(
        ("LineString", "Curve", "CompositeCurve", "OrientableCurve", "MultiLineString",
         "MultiCurve"),
        "LineString",
    ),
    **dict.fromkeys(
        ("Polygon", "Surface", "CompositeSurface", "MultiPolygon", "MultiSurface"), "Polygon"
    ),
    "MultiGeometry": "",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Held:
    """A geometry in the file: the property that holds it, its kind, and its bytes."""

    by: str
    kind: str
    start: int
    end: int


def open_gml(
    path: Path, member: str | None, *, layer: Layer, encoding: str = "auto",
    words: frozenset[str] = frozenset(), called: str,
) -> Delivery:  # fmt: skip
    """As `open_vector`; of several geometries a feature has, the property of the layer's kind
    that most of them have."""
    wanted = wanted_property(path, layer)
    if wanted is None:
        return open_vector(path, "GML", member, encoding=encoding, words=words, called=called)
    folder = Unpacked()
    copy = folder.folder / path.name
    _write_only(path, copy, wanted, called)
    for companion in path.parent.glob(f"{path.stem}.xsd"):
        shutil.copy(companion, folder.folder)
    delivery = open_vector(copy, "GML", member, encoding=encoding, words=words, called=called)

    def read(frame: Frame | None, kept: Unpacked = folder) -> Iterator[RawBatch]:
        yield from delivery.read(frame)

    evidence = (*delivery.evidence, f"{called}: {wanted}")
    return replace(
        delivery, path=path, digest=file_digest(path), read=read,
        evidence=evidence if delivery.declared else (),
    )  # fmt: skip


def wanted_property(path: Path, layer: Layer) -> str | None:
    """The property whose geometry is to be read; None where features have one, or none fits."""
    with path.open("rb") as file, suppress(expat.ExpatError):
        found = Counter((g.by, g.kind) for g in _geometries(iter([file.read(PROBE)])))
        if len({by for by, _ in found}) < 2:
            return None
        kind = layer.geometry.removeprefix("Multi").removesuffix("Z")
        return next((by for (by, k), _ in found.most_common() if k == kind), None)
    return None


def _write_only(path: Path, copy: Path, wanted: str, called: str) -> None:
    """A copy without the bytes of geometries that other properties hold."""
    try:
        with path.open("rb") as scanned, path.open("rb") as source, copy.open("wb") as out:
            for held in _geometries(iter(lambda: scanned.read(BLOCK), b"")):
                if held.by != wanted:
                    _pass_on(source, out, held.start)
                    source.seek(held.end)
            shutil.copyfileobj(source, out)
    except expat.ExpatError as exc:
        raise SourceError(
            zh=f"{called} 不是完好的 XML：{exc}。请重新导出",
            en=f"{called} is no whole XML: {exc}. Export it again",
            source=called,
        ) from exc


def _pass_on(source: IO[bytes], out: IO[bytes], until: int) -> None:
    while (left := until - source.tell()) > 0:
        out.write(source.read(min(left, BLOCK)))


@dataclass(slots=True)
class _Scan:
    """Where the parser is. `depth` of the geometry being read, 0 where none is."""

    path: list[str] = field(default_factory=list)
    depth: int = 0
    start: int = 0
    ended: bool = False
    found: list[Held] = field(default_factory=list)


def _geometries(blocks: Iterator[bytes]) -> Iterator[Held]:
    """The outermost geometries, in the file's order. The last block may end anywhere.

    Raises ExpatError where the text is no XML."""
    scan, parser = _Scan(), expat.ParserCreate(namespace_separator=" ")

    def moved_on() -> None:  # a geometry ends where the next tag begins
        if scan.ended:
            by, kind = scan.path[scan.depth - 2], KINDS[scan.path[scan.depth - 1]]
            scan.found.append(Held(by, kind, scan.start, parser.CurrentByteIndex))
            del scan.path[scan.depth - 1 :]
            scan.depth, scan.ended = 0, False

    def begin(name: str, attributes: dict[str, str]) -> None:
        moved_on()
        space, _, bare = name.rpartition(" ")
        scan.path.append(bare)
        if not scan.depth and bare in KINDS and space.startswith(NAMESPACE):
            scan.depth, scan.start = len(scan.path), parser.CurrentByteIndex

    def end(name: str) -> None:
        moved_on()
        if scan.depth and scan.depth == len(scan.path):
            scan.ended = True
        else:
            scan.path.pop()

    parser.StartElementHandler, parser.EndElementHandler = begin, end
    for block in blocks:
        parser.Parse(block)
        yield from scan.found
        scan.found.clear()
