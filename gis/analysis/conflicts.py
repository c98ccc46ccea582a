"""多规合一: where plans contradict each other, by the rules of `config/conflicts.yml`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.analysis.conflictrules import ConflictRule, ConflictRules, Side
from gis.analysis.nearby import title_of_feature
from gis.analysis.plane import TOUCHES_M2, Plane, PlaneRows, band_m2, read_rows
from gis.layers import Registry
from gis.store import Instant, Store
from gis.store.sites import deliveries_behind


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflict:
    """One contradiction: the feature `a` against `b` (None: in no b at all). shape: where, in the
    plane, metres; figures: what the rule compared."""

    rule: ConflictRule
    a: tuple[PlaneRows, int]
    b: tuple[PlaneRows, int] | None
    shape: BaseGeometry
    band_m2: float
    figures: Mapping[str, Any]

    @property
    def area_m2(self) -> float:
        return float(self.shape.area)


@dataclass(frozen=True, slots=True, kw_only=True)
class Conflicts:
    """The answer. skipped: rules that could not be judged, by code with the layer that was not
    there (or held nothing)."""

    as_of: datetime
    version: str
    plane: Plane
    found: tuple[Conflict, ...]
    judged: tuple[str, ...]
    skipped: Mapping[str, str]

    def to_json(self) -> dict[str, Any]:
        """A GeoJSON FeatureCollection, worst first, with the sums by rule beside it."""
        return {
            "type": "FeatureCollection",
            "as_of": self.as_of.isoformat(),
            "rules_version": self.version,
            "areas_in": self.plane.name,
            "numberReturned": len(self.found),
            "rules": [self._sum(code) for code in self.judged],
            "skipped": [
                {
                    "rule": code,
                    "layer": layer,
                    "zh": f"图层 {layer} 没有数据，无法判定",
                    "en": f"layer {layer} holds nothing: can't be judged",
                }
                for code, layer in self.skipped.items()
            ],
            "features": [self._feature(i, one) for i, one in enumerate(self.found, start=1)],
        }

    def _sum(self, code: str) -> dict[str, Any]:
        mine = [one for one in self.found if one.rule.code == code]
        return {
            "rule": code,
            "conflicts": len(mine),
            "area_m2": round(sum(one.area_m2 for one in mine), 2),
        }

    def _feature(self, number: int, one: Conflict) -> dict[str, Any]:
        rule = one.rule
        return {
            "type": "Feature",
            "id": number,
            "geometry": shapely.geometry.mapping(
                shapely.set_precision(self.plane.stored(one.shape), 1e-9)
            ),
            "properties": {
                "rule": rule.code,
                "title": {"zh": rule.title.zh, "en": rule.title.en},
                "basis": {"zh": rule.basis.zh, "en": rule.basis.en},
                "area_m2": round(one.area_m2, 2) if one.shape.area else None,
                "area_band_m2": round(one.band_m2, 2) if one.shape.area else None,
                "a": _side_json(one.a, rule.fields_of("a")),
                "b": None if one.b is None else _side_json(one.b, rule.fields_of("b")),
                "figures": dict(one.figures),
            },
        }


def plan_conflicts(
    store: Store,
    registry: Registry,
    rules: ConflictRules,
    when: Instant | None = None,
    chosen: Sequence[str] | None = None,
    near: BaseGeometry | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Conflicts:
    """Every contradiction as of `when`. chosen: codes of the rules to hold (None = all); near:
    only where a feature meets this shape of the city's plane."""
    plane = Plane.of(registry.city)
    behind = deliveries_behind(store, None if when is None else when.at)
    read: dict[str, PlaneRows] = {}
    found: list[Conflict] = []
    judged: list[str] = []
    skipped: dict[str, str] = {}
    mine = [rule for rule in rules.rules if chosen is None or rule.code in chosen]
    for done, rule in enumerate(mine):
        missing = next(
            (s.layer for s in (rule.a, rule.b)
             if s.layer not in registry.layers or s.layer not in behind), None,
        )  # fmt: skip
        if missing is not None:
            skipped[rule.code] = missing
            continue
        for side in (rule.a, rule.b):
            if side.layer not in read:
                layer = registry.layers[side.layer]
                read[side.layer] = read_rows(store, plane, layer, when, near)
        judged.append(rule.code)
        found += _judge(rule, read[rule.a.layer], read[rule.b.layer])
        progress((done + 1) / len(mine))
    found.sort(key=lambda one: -one.area_m2)  # stable: by rule, then as stored
    return Conflicts(
        as_of=datetime.now(ZoneInfo(registry.city.timezone)) if when is None else when.at,
        version=rules.version,
        plane=plane,
        found=tuple(found),
        judged=tuple(judged),
        skipped=skipped,
    )


def _judge(rule: ConflictRule, all_a: PlaneRows, all_b: PlaneRows) -> Iterator[Conflict]:
    a, b = _chosen(all_a, rule.a), _chosen(all_b, rule.b)
    if rule.relation == "outside":
        yield from _outside(rule, a, b)
        return
    row, other = b.tree.query(a.shapes, predicate="intersects")
    order = np.lexsort((other, row))
    for i, j in zip(row[order].tolist(), other[order].tolist(), strict=True):
        figures = _compared(rule, a, i, b, j)
        if figures is None:
            continue
        part = shapely.intersection(a.shapes[i], b.shapes[j])
        if shapely.get_dimensions(a.shapes[i]) < 2:  # a project is a point: there, or not
            yield Conflict(rule=rule, a=(a, i), b=(b, j), shape=part, band_m2=0.0, figures=figures)
            continue
        kept = _kept(rule, a.shapes[i], part, a.accuracy_m(i), b.accuracy_m(j))
        if kept is not None:
            yield Conflict(
                rule=rule, a=(a, i), b=(b, j), shape=kept[0], band_m2=kept[1], figures=figures
            )


def _outside(rule: ConflictRule, a: PlaneRows, b: PlaneRows) -> Iterator[Conflict]:
    allowed = shapely.union_all(b.shapes)
    shapely.prepare(allowed)
    for i, shape in enumerate(a.shapes):
        if shapely.covers(allowed, shape):
            continue
        rest = shapely.difference(shape, allowed)
        kept = _kept(rule, shape, rest, a.accuracy_m(i), b.layer.accuracy_m)
        if kept is not None:
            yield Conflict(rule=rule, a=(a, i), b=None, shape=kept[0], band_m2=kept[1], figures={})


def _kept(
    rule: ConflictRule, whole: BaseGeometry, part: BaseGeometry, a_m: float, b_m: float
) -> tuple[BaseGeometry, float] | None:
    """What of an overlap is no drawing error, and its band; None where nothing is."""
    pieces = [p for p in shapely.get_parts(part) if p.area > TOUCHES_M2]
    if rule.min_width_m:
        half = -rule.min_width_m / 2
        pieces = [p for p in pieces if not shapely.buffer(p, half, join_style="mitre").is_empty]
    if not pieces:
        return None
    shape = shapely.union_all(pieces)
    band = band_m2(shape, whole, a_m, b_m)
    least = max(rule.min_area_m2, rule.min_share * whole.area, band, TOUCHES_M2)
    return (shape, band) if shape.area > least else None


def _compared(
    rule: ConflictRule, a: PlaneRows, i: int, b: PlaneRows, j: int
) -> dict[str, Any] | None:
    """The figures of a contradiction; None where a's and b's agree, or one is not stated."""
    if rule.compare is None:
        return {}
    mine, theirs = a.value(i, rule.compare.a), b.value(j, rule.compare.b)
    if mine is None or theirs is None:
        return None
    if rule.compare.kind == "differs":
        digits = int(rule.compare.figure)
        same = str(mine)[:digits] == str(theirs)[:digits]
        return None if same else {"a": mine, "b": theirs}
    value = float(mine)
    if rule.compare.kind == "far":
        ground = float(a.shapes[i].area)
        value = round(value / ground, 3) if ground else 0.0
    if value <= float(theirs) + rule.compare.figure:
        return None
    return {"a": value, "b": theirs, "excess": round(value - float(theirs), 3)}


def _chosen(found: PlaneRows, side: Side) -> PlaneRows:
    if not side.fields:
        return found
    mask = [
        side.takes({name: found.value(i, name) for name in side.fields}) for i in range(len(found))
    ]
    return found.chosen(np.array(mask, dtype=bool))


def _side_json(one: tuple[PlaneRows, int], fields: tuple[str, ...]) -> dict[str, Any]:
    found, i = one
    layer = found.layer
    values = {name: found.value(i, name) for name in layer.field_names}
    return {
        "layer": layer.id,
        "layer_title": {"zh": layer.title.zh, "en": layer.title.en},
        "id": int(found.stored.key[i]),
        "version_id": int(found.stored.version_id[i]),
        "delivery": int(found.stored.opened_by[i]),
        "title": title_of_feature(layer, values),
        "number": " ".join(str(values[name]) for name in layer.key),
        "department": {"zh": layer.owner.zh, "en": layer.owner.en},
        "values": {name: values[name] for name in fields},
    }
