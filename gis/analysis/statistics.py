"""规划统计: the plan's areas by land use class and by district, at one date or between two, held
against what stands and what is registered.

Every figure is a sum of the same cells (one class in one district, to 0.01 m²), so that classes,
districts and the whole come out even to the last digit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely.geometry.base import BaseGeometry

from gis.analysis.plane import TOUCHES_M2, Plane, PlaneRows, read_rows
from gis.errors import LayerError
from gis.layers import Registry
from gis.store import Instant, Store

PLANS = ("land_use_plan", "control_plan_blocks")
USE = "land_use"
LEVELS = {1: 2, 2: 4, 3: 6}  # level of the standard -> digits of its codes
LAND_USE = "land_use_2023"
DISTRICTS, DISTRICT_LEVEL = "admin_areas", "county"
NOWHERE = "—"  # in no district, in no plan
Cells = Counter[tuple[str, str]]  # (class, district) -> hundredths of a square metre


@dataclass(frozen=True, slots=True, kw_only=True)
class Reality:
    """What is there, by class of the plan. registered: (class of the plan, registered class) ->
    area; footprint, floor_area: of buildings; buildings: how many have most of their ground
    there. Areas in hundredths of a square metre."""

    registered: Counter[tuple[str, str]] = field(default_factory=Counter)
    footprint: Counter[str] = field(default_factory=Counter)
    floor_area: Counter[str] = field(default_factory=Counter)
    buildings: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """The answer. cells, polygons: at `as_of`; before: cells at `since`, None where one date was
    asked; moved: (class then, class now) -> area that changed; districts: code -> name."""

    plan: str
    level: int
    plane: str
    as_of: datetime
    since: datetime | None
    cells: Cells
    polygons: Counter[str]
    before: Cells | None
    moved: Counter[tuple[str, str]]
    districts: Mapping[str, str]
    titles: Mapping[str, Mapping[str, str]]
    reality: Reality

    def to_json(self) -> dict[str, Any]:
        """The document that the process `plan-statistics` answers; areas in m²."""
        total = sum(self.cells.values())
        document: dict[str, Any] = {
            "plan": self.plan,
            "level": self.level,
            "as_of": self.as_of.isoformat(),
            "since": None if self.since is None else self.since.isoformat(),
            "areas_in": self.plane,
            "total_m2": total / 100,
            "by_class": [self._class(code, total) for code in self._classes()],
            "by_district": [self._district(code) for code in self._districts()],
            "reality": self._reality(),
        }
        if self.before is not None:
            document["before_total_m2"] = sum(self.before.values()) / 100
            document["moved"] = [
                {"from": a, "to": b, "area_m2": area / 100}
                for (a, b), area in sorted(self.moved.items(), key=lambda one: (-one[1], one[0]))
            ]
        return document

    def table(self) -> Iterator[dict[str, Any]]:
        """One row a class and district, for CSV: their areas add up to the whole."""
        keys = sorted({*self.cells, *(self.before or {})})
        for code, district in keys:
            row: dict[str, Any] = {
                "class": code,
                "title_zh": self._title(code)["zh"],
                "title_en": self._title(code)["en"],
                "district": district,
                "district_name": self.districts.get(district, NOWHERE),
                "area_m2": self.cells[code, district] / 100,
            }
            if self.before is not None:
                row["before_m2"] = self.before[code, district] / 100
                row["change_m2"] = (self.cells[code, district] - self.before[code, district]) / 100
            yield row

    def _classes(self) -> list[str]:
        return sorted({code for code, _ in (*self.cells, *(self.before or {}))})

    def _districts(self) -> list[str]:
        return sorted({district for _, district in (*self.cells, *(self.before or {}))})

    def _title(self, code: str) -> Mapping[str, str]:
        return self.titles.get(code, {"zh": code, "en": code})

    def _class(self, code: str, total: int) -> dict[str, Any]:
        area = _sum(self.cells, lambda key: key[0] == code)
        found: dict[str, Any] = {
            "code": code,
            "title": dict(self._title(code)),
            "polygons": self.polygons[code],
            "area_m2": area / 100,
            "share": round(area / total, 6) if total else 0.0,
        }
        if self.before is not None:
            then = _sum(self.before, lambda key: key[0] == code)
            found |= {"before_m2": then / 100, "change_m2": (area - then) / 100}
        return found

    def _district(self, code: str) -> dict[str, Any]:
        mine = {c: area for (c, district), area in self.cells.items() if district == code}
        found: dict[str, Any] = {
            "code": None if code == NOWHERE else code,
            "name": self.districts.get(code, NOWHERE),
            "area_m2": sum(mine.values()) / 100,
            "classes": [
                {"code": c, "area_m2": area / 100} for c, area in sorted(mine.items()) if area
            ],
        }
        if self.before is not None:
            then = _sum(self.before, lambda key: key[1] == code)
            found |= {"before_m2": then / 100, "change_m2": found["area_m2"] - then / 100}
            found["change_m2"] = round(found["change_m2"], 2)
        return found

    def _reality(self) -> dict[str, Any]:
        real = self.reality
        both = sum(real.registered.values())
        agree = sum(area for (plan, now), area in real.registered.items() if plan == now)
        return {
            "agreement": round(agree / both, 6) if both else None,
            "registered_m2": both / 100,
            "registered": [
                {"plan": plan, "registered": now, "area_m2": area / 100}
                for (plan, now), area in sorted(
                    real.registered.items(), key=lambda one: (-one[1], one[0])
                )
            ],
            "buildings": [
                {
                    "code": code,
                    "title": dict(self._title(code)),
                    "buildings": real.buildings[code],
                    "footprint_m2": real.footprint[code] / 100,
                    "floor_area_m2": real.floor_area[code] / 100,
                }
                for code in sorted({*real.footprint, *real.buildings})
            ],
        }


def plan_statistics(
    store: Store,
    registry: Registry,
    *,
    plan: str = PLANS[0],
    level: int = 2,
    when: Instant | None = None,
    since: Instant | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Statistics:
    """Statistics of a plan layer as of `when` (None = now), with what changed since `since`.

    level: of the classification, 1 (two digits) to 3 (six). A code that is shorter stays as it
    is. Raises LayerError for a layer that is no plan, UnknownLayer for one that is not there."""
    layer = registry.get(plan)
    if USE not in layer.field_names or "Polygon" not in layer.geometry:
        raise LayerError(
            zh=f"图层 {plan} 没有用地分类，无法统计。可用：{'、'.join(PLANS)}",
            en=f"layer {plan} has no land use: there are {', '.join(PLANS)}",
            layer=plan,
        )
    if level not in LEVELS:
        raise LayerError(
            zh=f"级别 {level} 无效，应为 1、2、3", en=f"level {level} is not 1, 2 or 3", level=level
        )
    plane = Plane.of(registry.city)
    digits = LEVELS[level]
    now = read_rows(store, plane, layer, when, fields=(USE,))
    progress(0.2)
    districts = _Districts.read(store, plane, registry, when)
    cells = _cells(now, districts, digits)
    progress(0.5)
    reality = _reality(store, plane, registry, now, when, digits)
    progress(0.9)
    before: Cells | None = None
    moved: Counter[tuple[str, str]] = Counter()
    if since is not None:
        then = read_rows(store, plane, layer, since, fields=(USE,))
        before = _cells(then, districts, digits)
        moved = _moved(then, now, digits)
    codes = {code for code, _ in (*cells, *(before or {}))} | {
        code for pair in reality.registered for code in pair
    }
    return Statistics(
        plan=plan,
        level=level,
        plane=plane.name,
        as_of=datetime.now(ZoneInfo(registry.city.timezone)) if when is None else when.at,
        since=None if since is None else since.at,
        cells=cells,
        polygons=Counter(class_of(value, digits) for value in now.stored.columns[USE]),
        before=before,
        moved=moved,
        districts=districts.names,
        titles={code: _title(code, registry) for code in codes},
        reality=reality,
    )


def class_of(code: Any, digits: int) -> str:
    """The class of a code at a level."""
    return NOWHERE if code is None else str(code)[:digits]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Districts:
    """Counties in the plane, by code; a place in two (their outlines are generalised) counts to
    the first."""

    codes: Sequence[str]
    names: Mapping[str, str]
    shapes: NDArray[np.object_]

    @classmethod
    def read(
        cls, store: Store, plane: Plane, registry: Registry, when: Instant | None
    ) -> _Districts:
        layer = registry.layers.get(DISTRICTS)
        if layer is None:
            return cls(codes=(), names={}, shapes=np.empty(0, dtype=object))
        found = read_rows(store, plane, layer, when, fields=("code", "name", "level"))
        mine = [i for i in range(len(found)) if found.value(i, "level") == DISTRICT_LEVEL]
        mine.sort(key=lambda i: str(found.value(i, "code")))
        codes = [str(found.value(i, "code")) for i in mine]
        return cls(
            codes=codes,
            names={code: str(found.value(i, "name")) for code, i in zip(codes, mine, strict=True)},
            shapes=found.shapes[mine],
        )

    def split(self, shapes: NDArray[np.object_]) -> Iterator[tuple[int, str, float]]:
        """(row, district, area m²) of each part; of every row the areas add up to its own."""
        areas = shapely.area(shapes)
        tree = shapely.STRtree(self.shapes)
        row, of = tree.query(shapes, predicate="covered_by")
        whole: dict[int, int] = {}
        for i, j in zip(row.tolist(), of.tolist(), strict=True):
            whole[i] = min(j, whole.get(i, j))
        for i, area in enumerate(areas.tolist()):
            if i in whole:
                yield i, self.codes[whole[i]], area
            else:
                yield from self._cut(i, shapes[i], area, tree)

    def _cut(
        self, i: int, shape: BaseGeometry, area: float, tree: shapely.STRtree
    ) -> Iterator[tuple[int, str, float]]:
        rest = shape
        for j in sorted(tree.query(shape, predicate="intersects").tolist()):
            part = shapely.intersection(rest, self.shapes[j]).area
            rest = shapely.difference(rest, self.shapes[j])
            if part > 0.0:
                area -= part
                yield i, self.codes[j], part
        if not rest.is_empty:
            yield i, NOWHERE, max(area, 0.0)


def _cells(found: PlaneRows, districts: _Districts, digits: int) -> Cells:
    exact: Counter[tuple[str, str]] = Counter()
    for i, district, area in districts.split(found.shapes):
        exact[class_of(found.value(i, USE), digits), district] += area  # type: ignore[assignment]
    return Counter({key: round(area * 100) for key, area in exact.items() if area > 0})


def _reality(
    store: Store,
    plane: Plane,
    registry: Registry,
    plan: PlaneRows,
    when: Instant | None,
    digits: int,
) -> Reality:
    found = Reality()
    parcels, buildings = (registry.layers.get(name) for name in ("parcels", "buildings"))
    if parcels is not None and USE in parcels.field_names:
        rows = read_rows(store, plane, parcels, when, fields=(USE,))
        for i, j, area in _overlaps(rows.shapes, plan):
            pair = class_of(plan.value(j, USE), digits), class_of(rows.value(i, USE), digits)
            found.registered[pair] += round(area * 100)
    if buildings is not None and "storeys" in buildings.field_names:
        rows = read_rows(store, plane, buildings, when, fields=("storeys",))
        most: dict[int, tuple[float, str]] = {}
        for i, j, area in _overlaps(rows.shapes, plan):
            code = class_of(plan.value(j, USE), digits)
            found.footprint[code] += round(area * 100)
            found.floor_area[code] += round(area * 100) * (rows.value(i, "storeys") or 1)
            most[i] = max(most.get(i, (0.0, code)), (area, code))
        found.buildings.update(code for _, code in most.values())
    return found


def _overlaps(shapes: NDArray[np.object_], plan: PlaneRows) -> Iterator[tuple[int, int, float]]:
    """(row of `shapes`, row of the plan, area m²) of each overlap."""
    row, other = plan.tree.query(shapes, predicate="intersects")
    inside = shapely.covers(plan.shapes[other], shapes[row])
    areas = np.where(inside, shapely.area(shapes[row]), 0.0)
    cut = ~inside
    areas[cut] = shapely.area(shapely.intersection(shapes[row[cut]], plan.shapes[other[cut]]))
    for i, j, area in zip(row.tolist(), other.tolist(), areas.tolist(), strict=True):
        if area > TOUCHES_M2:
            yield i, j, area


def _moved(then: PlaneRows, now: PlaneRows, digits: int) -> Counter[tuple[str, str]]:
    """Area by (class then, class now), of what is not the same version on both dates."""
    same = set(then.stored.version_id.tolist()) & set(now.stored.version_id.tolist())
    old, new = (
        found.chosen(np.array([v not in same for v in found.stored.version_id.tolist()], bool))
        for found in (then, now)
    )
    moved: Counter[tuple[str, str]] = Counter()
    if not len(new):
        return moved
    for i, j, area in _overlaps(old.shapes, new):
        pair = class_of(old.value(i, USE), digits), class_of(new.value(j, USE), digits)
        if pair[0] != pair[1]:
            moved[pair] += round(area * 100)
    return moved


def _title(code: str, registry: Registry) -> Mapping[str, str]:
    if code == NOWHERE:
        return {"zh": "未分类", "en": "Unclassified"}
    codes = registry.codelists.get(LAND_USE)
    known = None if codes is None else codes.codes.get(code)
    if known is None:
        return {"zh": code, "en": code}
    return {"zh": known.title.zh, "en": known.title.en}


def _sum(cells: Cells, mine: Callable[[tuple[str, str]], bool]) -> int:
    return sum(area for key, area in cells.items() if mine(key))
