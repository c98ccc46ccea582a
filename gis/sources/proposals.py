"""What lies in a folder or an archive, and which layer each part of it would go to.

A part is opened as a delivery would be; its columns and the kind of its geometry are compared
with every layer. Nothing is stored, and nothing is decided: a person confirms.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from gis.errors import LayerError, OneMapError, SourceError
from gis.layers.batch import RawBatch
from gis.layers.mapping import map_columns
from gis.layers.model import Layer
from gis.layers.registry import Registry
from gis.sources.archives import Member, deliverable
from gis.sources.opening import open_delivery

MOST = 500  # parts of one folder that are looked at
SHOWN = 3  # layers named for a part


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A layer a part may go to: which of its fields it fills, and which required ones not."""

    layer: str
    fields: Mapping[str, str]  # field -> column
    missing: tuple[str, ...]

    @property
    def weight(self) -> tuple[bool, int, int]:
        return not self.missing, len(self.fields), -len(self.missing)


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One part: PATH, or PATH|NAME. `layer` is the best candidate where it fits without a gap;
    `refused` says why a part can't be read (Chinese / English)."""

    path: str
    format: str | None = None
    frame: str | None = None
    encoding: str | None = None
    geometry: tuple[str, ...] = ()
    rows: int = 0  # in the first batch
    columns: tuple[str, ...] = ()
    layer: str | None = None
    candidates: tuple[Candidate, ...] = ()
    refused: str | None = None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def propose(path: Path, registry: Registry) -> list[Proposal]:
    """A proposal for every delivery in the folder, archive or file `path`.

    Raises SourceError where the folder holds none, or too many."""
    parts = _parts(path) if path.is_dir() and path.suffix.lower() != ".gdb" else [path]
    if not parts or len(parts) > MOST:
        raise SourceError(
            zh=f"{path.name} 里有 {len(parts)} 份可读的文件，应为 1–{MOST} 份",
            en=f"{path.name} holds {len(parts)} files to read; 1 to {MOST} expected",
            source=path.name,
        )
    return [proposal for part in parts for proposal in _proposals(str(part), registry)]


def _parts(folder: Path) -> list[Path]:
    """The deliveries below `folder`; links are not followed."""
    files = [
        str(file.relative_to(folder).as_posix())
        for file in sorted(folder.rglob("*"))
        if file.is_file() and not file.is_symlink()
    ]
    single = [m.name for m in deliverable([Member(name, name, 0) for name in files])]
    archives = [n for n in files if PurePosixPath(n).suffix.lower() in (".zip", ".kmz", ".bz2")]
    return [folder / name for name in [*single, *archives]]


def _proposals(part: str, registry: Registry, depth: int = 0) -> Iterator[Proposal]:
    """One proposal, or one for each layer or member where it holds several."""
    try:
        yield _proposal(part, registry)
    except SourceError as exc:
        names = [n for n in str(exc.facts.get("layers") or "").split(", ") if n]
        if not names or depth > 1:
            yield Proposal(path=part, refused=f"{exc.zh} / {exc.en}")
            return
        for name in names:
            yield from _proposals(f"{part}|{name}", registry, depth + 1)
    except OneMapError as exc:
        yield Proposal(path=part, refused=f"{exc.zh} / {exc.en}")


def _proposal(part: str, registry: Registry) -> Proposal:
    """Raises SourceError where `part` can't be read for a layer of any kind of geometry."""
    refusal: SourceError | None = None
    for stand_in in _stand_ins(registry):
        try:
            delivery = open_delivery(Path(part), layer=stand_in)
            batch = next(delivery.batches(), None)
        except SourceError as exc:
            refusal = refusal or exc
            if exc.facts.get("layers"):
                raise
            continue
        kinds = _kinds(batch)
        candidates = _candidates(batch, kinds, registry)
        fits = [c for c in candidates if not c.missing]
        return Proposal(
            path=part,
            format=delivery.format,
            frame=delivery.declared.name if delivery.declared else None,
            encoding=delivery.encoding,
            geometry=kinds,
            rows=0 if batch is None else len(batch) + len(batch.rejects),
            columns=() if batch is None else tuple(batch.columns),
            layer=fits[0].layer if fits else None,
            candidates=candidates,
        )
    if refusal is None:
        raise LayerError(zh="没有定义任何图层", en="no layer is defined")
    raise refusal


def _stand_ins(registry: Registry) -> Iterator[Layer]:
    """One layer for each kind of geometry: a table is read by the kind that is asked for."""
    for kind in ("Point", "LineString", "Polygon"):
        yield from [x for x in registry.layers.values() if _kind(x.geometry) == kind][:1]


def _kinds(batch: RawBatch | None) -> tuple[str, ...]:
    shapes = () if batch is None else batch.geometry
    return tuple(sorted({_kind(shape.geom_type) for shape in shapes if shape is not None}))


def _kind(name: str) -> str:
    return name.removeprefix("Multi").removesuffix("Z")


def _candidates(
    batch: RawBatch | None, kinds: tuple[str, ...], registry: Registry
) -> tuple[Candidate, ...]:
    """Layers of a fitting geometry with a column for some field, best first."""
    found = []
    for layer in registry.layers.values():
        if batch is None or _kind(layer.geometry) not in kinds:
            continue
        fields = map_columns(layer, batch.columns)
        missing = tuple(
            f.name
            for f in layer.fields
            if (f.required or f.name in layer.key) and f.name not in fields
        )
        if fields:
            found.append(Candidate(layer=layer.id, fields=fields, missing=missing))
    return tuple(sorted(found, key=lambda c: c.weight, reverse=True)[:SHOWN])
