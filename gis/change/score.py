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
DAY = 50  # alerts an officer can drive to in a day: the most certain ones come first
LARGE_M2 = 200.0  # what must not be missed on farmland and red lines
GUARDED = frozenset({"farmland", "ecological", "town_boundary"})
Z95 = 1.959964


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """found, true: how many places; matched: pairs of them, each used once, that overlap by at
    least MATCH (intersection over union). kinds, reasons: how many of the matched have the true
    kind, exactly the true reasons. missed: ids of true places not found. best, best_of: how many
    are true of the most certain ones, at most DAY. large, large_found: true places of LARGE_M2 and
    more on farmland or across a red line."""

    found: int
    true: int
    matched: int
    kinds: int
    reasons: int
    missed: tuple[str, ...] = ()
    best: int = 0
    best_of: int = 0
    large: int = 0
    large_found: int = 0

    @property
    def precision(self) -> float:
        """Share of what was found that is true; 1 where nothing was found."""
        return self.matched / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """Share of what is true that was found; 1 where there is nothing to find."""
        return self.matched / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of the two; 0 where either is."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0

    def lines(self) -> list[tuple[str, str, int, int]]:
        """What is printed: (zh, en, how many, of how many)."""
        return [
            ("准确率", "precision", self.matched, self.found),
            ("召回率", "recall", self.matched, self.true),
            ("类型正确", "right kind", self.kinds, self.matched),
            ("理由全对", "all reasons right", self.reasons, self.matched),
            (f"最可信 {DAY} 条的准确率", f"precision@{DAY}", self.best, self.best_of),
            (f"红线内 {LARGE_M2:g} m² 以上召回率", f"recall from {LARGE_M2:g} m2 on red lines",
             self.large_found, self.large),
        ]  # fmt: skip

    def to_json(self) -> dict[str, Any]:
        """Shares with their 95 % intervals (Wilson), and F1."""
        shares = {
            en: {"count": part, "of": whole, "share": part / whole if whole else None,
                 "interval": interval(part, whole)}
            for _, en, part, whole in self.lines()
        }  # fmt: skip
        return {"f1": self.f1, "shares": shares, "missed": list(self.missed)}


def interval(part: int, whole: int) -> tuple[float, float] | None:
    """95 % interval of a share (Wilson 1927), which holds for few and for all of few; None of
    nothing."""
    if whole == 0:
        return None
    share, z2 = part / whole, Z95**2
    middle = (share + z2 / (2 * whole)) / (1 + z2 / whole)
    half = Z95 / (1 + z2 / whole) * (share * (1 - share) / whole + z2 / (4 * whole**2)) ** 0.5
    return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A place, found or true. geometry: EPSG:4490. certain: the score of one found."""

    id: str
    geometry: BaseGeometry
    kind: str
    reasons: frozenset[str]
    certain: float = 0.0


def score_alerts(store: Store, registry: Registry, truth: Path) -> Score:
    """The store's current alerts (without the dismissed) against the illegal changes of `truth`,
    a GeoJSON in EPSG:4490 with `change_id`, `kind`, `reasons`, `illegal`. Raises SourceError."""
    found = [
        Place(
            id=str(row["key"]),
            geometry=row["geometry"],
            kind=row["kind"],
            reasons=frozenset(row["reasons"]),
            certain=row["score"],
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
            certain=item.change.score,
        )
        for i, item in enumerate(items)
    ]
    return score(found, _true(truth, only_illegal=False), registry.city.metric_frame)


def score(found: Sequence[Place], true: Sequence[Place], metric_frame: str) -> Score:
    """Pair places with the truth, best overlaps first, and count."""
    shapes = _in_metres(true, metric_frame)
    pairs = _pairs(_in_metres(found, metric_frame), shapes)
    matched = [(found[i], true[j]) for i, j in pairs]
    right, hit = {i for i, _ in pairs}, {j for _, j in pairs}
    first = sorted(range(len(found)), key=lambda i: -found[i].certain)[:DAY]
    large = {
        j
        for j, place in enumerate(true)
        if place.reasons & GUARDED and shapely.area(shapes[j]) >= LARGE_M2
    }
    return Score(
        found=len(found),
        true=len(true),
        matched=len(matched),
        kinds=sum(a.kind == b.kind for a, b in matched),
        reasons=sum(a.reasons == b.reasons for a, b in matched),
        missed=tuple(place.id for j, place in enumerate(true) if j not in hit),
        best=sum(i in right for i in first),
        best_of=len(first),
        large=len(large),
        large_found=len(large & hit),
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
