"""What is there to compare: surface models registered in the layer `imagery`, not yet compared.

for request in waiting(store, registry, rules, folder):
    detect(store, registry, request)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import shapely

from gis.change.known import RuleSet
from gis.change.pipeline import DetectRequest
from gis.layers import Registry
from gis.store import LayerQuery, Store, rows, run_known

OVERLAP = 0.2  # share of the smaller footprint that two dates must have in common


@dataclass(frozen=True, slots=True, kw_only=True)
class _Image:
    """One registered file."""

    kind: str
    day: date
    path: Path
    digest: str
    footprint: shapely.Polygon


def waiting(
    store: Store, registry: Registry, rules: RuleSet, folder: Path
) -> Iterator[DetectRequest]:
    """Comparisons to make, oldest first: each registered surface model with the newest earlier one
    that overlaps it, and the photos of both days, where the files lie in `folder` (the layer keeps
    their names) and no standing run has compared them. A registered model without date is none."""
    images = _registered(store, registry, folder)
    models = sorted(
        (image for image in images if image.kind == "dsm"), key=lambda i: (i.day, i.path)
    )
    photos = [image for image in images if image.kind == "ortho"]
    for after in models:
        earlier = [m for m in models if m.day < after.day and _overlap(m, after) >= OVERLAP]
        if not earlier:
            continue
        before = max(earlier, key=lambda m: (m.day, _overlap(m, after)))
        if run_known(store, before=before.digest, after=after.digest):
            continue
        pair = (_photo(photos, before), _photo(photos, after))
        both = None not in pair
        yield DetectRequest(
            rules=rules,
            before=pair[0] if both else None,
            after=pair[1] if both else None,
            dsm_before=before.path,
            dsm_after=after.path,
        )


def _registered(store: Store, registry: Registry, folder: Path) -> list[_Image]:
    found = rows(store, LayerQuery(layer=registry.get("imagery")))
    columns = (found.columns[name] for name in ("kind", "acquired_on", "path", "digest"))
    return [
        _Image(kind=kind, day=day, path=folder / Path(name).name, digest=digest, footprint=shape)
        for kind, day, name, digest, shape in zip(*columns, found.geometry, strict=True)
        if day is not None and (folder / Path(name).name).is_file()
    ]


def _overlap(a: _Image, b: _Image) -> float:
    common = a.footprint.intersection(b.footprint).area
    return float(common / min(a.footprint.area, b.footprint.area))


def _photo(photos: list[_Image], model: _Image) -> Path | None:
    """The photo of a model's day that covers most of it."""
    mine = [p for p in photos if p.day == model.day and _overlap(p, model) >= OVERLAP]
    return max(mine, key=lambda p: _overlap(p, model)).path if mine else None
