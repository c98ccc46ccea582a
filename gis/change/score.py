"""How good it is: alerts and candidates against a truth kept beside the images."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.change.pipeline import Judged
from gis.coords import STORAGE, norm_frame, normalise
from gis.errors import SourceError
from gis.layers import Registry
from gis.store import Store, alert_shapes

MATCH = 0.5  # intersection over union from which a found place is the true one


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """found, true: how many places; matched: pairs of them, each used once, that overlap by at
    least MATCH (intersection over union). kinds, reasons: how many of the matched have the true
    kind, exactly the true reasons. missed: ids of true places not found."""

    found: int
    true: int
    matched: int
    kinds: int
    reasons: int
    missed: tuple[str, ...] = ()

    @property
    def precision(self) -> float:
        """Share of what was found that is true; 1 where nothing was found."""
        return self.matched / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of what is true that was found; 1 where there is nothing to find."""
        return self.matched / self.true if self.true else 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place, found or true. geometry: EPSG:4490."""

    id: str
    geometry: BaseGeometry
    kind: str
    reasons: frozenset[str]


def score_alerts(store: Store, registry: Registry, truth: Path) -> Score:
    """The store's current alerts (without the dismissed) against the illegal changes of `truth`,
    a GeoJSON in EPSG:4490 with `change_id`, `kind`, `reasons`, `illegal`. Raises SourceError."""
    found = [
        Place(
            id=str(row["key"]),
            geometry=row["geometry"],
            kind=row["kind"],
            reasons=frozenset(row["reasons"]),
        )
        for row in alert_shapes(store)
    ]
    return score(found, _true(truth, only_illegal=True), registry.city.metric_frame)


def score_candidates(items: Sequence[Judged], registry: Registry, truth: Path) -> Score:
    """A run's candidates against every change of `truth`, legal ones and demolitions included."""
    found = [
        Place(
            id=str(i),
            geometry=item.outline,
            kind=item.change.kind,
            reasons=frozenset(reason.code for reason in item.verdict.reasons),
        )
        for i, item in enumerate(items)
    ]
    return score(found, _true(truth, only_illegal=False), registry.city.metric_frame)


def score(found: Sequence[Place], true: Sequence[Place], metric_frame: str) -> Score:
    """Pair places with the truth, best overlaps first, and count."""
    pairs = _pairs(_in_metres(found, metric_frame), _in_metres(true, metric_frame))
    matched = [(found[i], true[j]) for i, j in pairs]
    hit = {j for _, j in pairs}
    return Score(
        found=len(found),
        true=len(true),
        matched=len(matched),
        kinds=sum(a.kind == b.kind for a, b in matched),
        reasons=sum(a.reasons == b.reasons for a, b in matched),
        missed=tuple(place.id for j, place in enumerate(true) if j not in hit),
    )


def _pairs(found: NDArray[np.object_], true: NDArray[np.object_]) -> list[tuple[int, int]]:
    if not (len(found) and len(true)):
        return []
    i, j = shapely.STRtree(true).query(found, predicate="intersects")
    common = shapely.area(shapely.intersection(found[i], true[j]))
    overlap = common / (shapely.area(found[i]) + shapely.area(true[j]) - common)
    pairs: list[tuple[int, int]] = []
    for n in np.argsort(-overlap, kind="stable"):
        a, b = int(i[n]), int(j[n])
        if overlap[n] >= MATCH and all(a != p and b != q for p, q in pairs):
            pairs.append((a, b))
    return pairs


def _in_metres(places: Sequence[Place], metric_frame: str) -> NDArray[np.object_]:
    shapes = np.empty(len(places), dtype=object)
    shapes[:] = [place.geometry for place in places]
    if not len(shapes):
        return shapes
    return normalise(shapes, STORAGE, target=norm_frame(metric_frame)).geometry


def _true(path: Path, *, only_illegal: bool) -> list[Place]:
    try:
        features = json.loads(path.read_text("utf-8"))["features"]
        places = [_place(feature) for feature in features]
    except (OSError, ValueError, KeyError, TypeError, shapely.errors.ShapelyError) as exc:
        raise SourceError(
            zh=f"{path.name} 不是真值文件：{exc}",
            en=f"{path.name} is no file of true changes: {exc}",
            file=path.name,
        ) from exc
    return [place for place, illegal in places if illegal or not only_illegal]


def _place(feature: dict[str, Any]) -> tuple[Place, bool]:
    properties = feature["properties"]
    place = Place(
        id=str(properties["change_id"]),
        geometry=shapely.from_geojson(json.dumps(feature["geometry"])),
        kind=properties["kind"],
        reasons=frozenset(properties["reasons"]),
    )
    return place, bool(properties["illegal"])
