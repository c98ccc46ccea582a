"""一次性告知: every condition that bears on a site, each with the evidence it rests on.

    check = site_check(store, registry, site, when=None, reach_m=10.0)
    check.to_json()

What is looked at follows the registry: a department's new layer is consulted from its first
delivery on. A caller who may not see a layer hands in a registry without it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from gis.analysis.conditions import BUILT_ON, TOWN, Condition, Measure, condition_of, outside_town
from gis.analysis.plane import TOUCHES_M2, Plane, PlaneRows, band_m2, read_rows
from gis.analysis.site import Site
from gis.coords import place_code
from gis.layers import Layer, Registry
from gis.store import Instant, Store
from gis.store.documents import Document
from gis.store.sites import deliveries_behind, documents_at

REACH_M, MOST_REACH_M = 10.0, 100.0
MOST_LISTED = 200  # of one layer; nearest and largest first
AROUND_M = 30.0  # of the site, on its map
DRAWN_DEG = 1e-8  # a millimetre
LINES_M = 0.01  # a line that runs on the site for less only touches it
# The order of an office's notice: what forbids, what limits, what is there already.
FIRST = (
    "red_lines", "control_plan_blocks", "land_use_plan", "planning_permits", "plan_projects",
    "parcels", "buildings", "property_units", "pipe_segments", "pipe_points", "components",
    "alerts",
)  # fmt: skip
# layers that say where a place is, or show it, and set no condition; roads do
NO_CONDITION = ("admin_areas", "place_names", "imagery")
RED_LINES, BLOCKS, PLAN = "red_lines", "control_plan_blocks", "land_use_plan"
# field of the control plan -> whether its greatest figure is the strictest, unit
LIMITS: Mapping[str, tuple[bool, str]] = {
    "far_max": (False, ""),
    "height_max_m": (False, "m"),
    "density_max": (False, "%"),
    "green_min": (True, "%"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteCheck:
    """The answer. conditions: in the order of the notice; land_use: the plan's classes on the
    site with areas; limits: the strictest figure of the control plan on it; consulted: every layer
    looked at, with how many conditions and the delivery its state comes from; more: layers of
    which only the first MOST_LISTED are listed."""

    site: Site
    as_of: datetime
    reach_m: float
    plane: str
    place_code: str
    admin: tuple[Mapping[str, Any], ...]
    conditions: tuple[Condition, ...]
    land_use: tuple[Mapping[str, Any], ...]
    limits: Mapping[str, Mapping[str, Any]]
    documents: tuple[Document, ...]
    consulted: tuple[Mapping[str, Any], ...]
    more: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """The document that the process `site-check` answers."""
        site = self.site
        centre = site.stored.centroid
        weights = [condition.weight for condition in self.conditions]
        return {
            "site": {
                "geometry": shapely.geometry.mapping(site.stored),
                "frame": site.frame,
                "accuracy_m": site.accuracy_m,
                "area_m2": round(site.area_m2, 2),
                "area_band_m2": round(site.band_m2, 2),
                "perimeter_m": round(float(site.shape.length), 2),
                "centre": [round(centre.x, 9), round(centre.y, 9)],
                "place_code": self.place_code,
                "admin": list(self.admin),
            },
            "as_of": self.as_of.isoformat(),
            "reach_m": self.reach_m,
            "areas_in": self.plane,
            "summary": {
                "conditions": len(weights),
                **{name: weights.count(name) for name in ("forbids", "limits", "notice")},
                "forbidden": "forbids" in weights,
            },
            "limits": {name: dict(limit) for name, limit in self.limits.items()},
            "land_use": [dict(row) for row in self.land_use],
            "conditions": [c.to_json(i) for i, c in enumerate(self.conditions, start=1)],
            "documents": [_document(found) for found in self.documents],
            "consulted": [dict(row) for row in self.consulted],
            "more": list(self.more),
        }


def site_check(
    store: Store,
    registry: Registry,
    site: Site,
    when: Instant | None = None,
    reach_m: float = REACH_M,
    progress: Callable[[float], None] = lambda share: None,
) -> SiteCheck:
    """Everything the layers of `registry` hold against (or about) the site as of `when`.

    reach_m: how far around lines and points are looked for. progress: is told the share done."""
    plane = Plane.of(registry.city)
    at = None if when is None else when.at
    behind = deliveries_behind(store, at)
    layers = _layers(registry)
    view = plane.stored(shapely.box(*site.shape.bounds).buffer(AROUND_M, join_style="mitre"))
    found: dict[str, PlaneRows] = {}
    conditions: list[Condition] = []
    consulted, more = [], []
    for done, layer in enumerate(layers):
        near = read_rows(store, plane, layer, when, _around(site, layer, reach_m))
        found[layer.id] = near
        line = behind.get(layer.id)
        mine = list(_conditions(near, site, reach_m, registry, view))
        if layer.id == RED_LINES and line is not None:
            mine += _outside(near, site, layer, line["id"])
        mine.sort(key=_order)
        conditions += mine[:MOST_LISTED]
        more += [layer.id] if len(mine) > MOST_LISTED else []
        consulted.append(_consulted(layer, len(mine), line))
        progress((done + 1) / (len(layers) + 1))
    centre = site.stored.centroid
    pairs = [(c.layer.id, c.id) for c in conditions if c.id is not None]
    return SiteCheck(
        site=site,
        as_of=at or datetime.now(ZoneInfo(registry.city.timezone)),
        reach_m=reach_m,
        plane=plane.name,
        place_code=place_code(centre.x, centre.y),
        admin=_admin(store, plane, site, registry, when),
        conditions=tuple(conditions),
        land_use=_land_use(found.get(PLAN), site, registry),
        limits=_limits(found.get(BLOCKS), site),
        documents=tuple(documents_at(store, site.stored, pairs, at)),
        consulted=tuple(consulted),
        more=tuple(more),
    )


def _layers(registry: Registry) -> list[Layer]:
    """The layers that may set a condition, in the order of the notice."""
    order = {name: i for i, name in enumerate(FIRST)}
    chosen = [
        layer
        for layer in registry.layers.values()
        if layer.id not in NO_CONDITION and layer.classification != "sensitive"
    ]
    return sorted(chosen, key=lambda layer: (order.get(layer.id, len(FIRST)), layer.order))


def _around(site: Site, layer: Layer, reach_m: float) -> BaseGeometry:
    """The site with what may still touch it: all within reach of lines and points, all that the
    data can't tell from touching of red lines."""
    far = site.accuracy_m
    if layer.id == RED_LINES:
        far = math.hypot(site.accuracy_m, layer.accuracy_m)
    elif "Polygon" not in layer.geometry:
        far = max(reach_m, far)
    return site.shape.buffer(far + 0.001)


def _conditions(
    near: PlaneRows, site: Site, reach_m: float, registry: Registry, view: BaseGeometry
) -> Iterator[Condition]:
    """view: what a map of the site shows, degrees."""
    shapely.prepare(site.shape)
    seen = shapely.intersection(shapely.force_2d(near.stored.geometry), view)
    drawn = shapely.set_precision(seen, DRAWN_DEG, mode="pointwise")
    for i, shape in enumerate(near.shapes):
        measure = _measure(near, i, shape, site, reach_m)
        if measure is not None:
            yield condition_of(near, i, measure, registry, drawn[i])


def _measure(
    near: PlaneRows, i: int, shape: BaseGeometry, site: Site, reach_m: float
) -> Measure | None:
    """How one feature lies to the site; None where it does not bear on it."""
    dimension = shapely.get_dimensions(shape)
    distance = float(shapely.distance(site.shape, shape))
    if dimension < 2:
        if not distance <= max(reach_m, site.accuracy_m):
            return None
        inside = shapely.intersection(shape, site.shape).length if dimension == 1 else None
        length = inside if inside is None or inside > LINES_M else None
        return Measure(
            relation="overlaps" if distance == 0.0 else "within_reach",
            distance_m=distance,
            length_m=length,
        )
    part = shapely.intersection(shape, site.shape)
    if part.area <= TOUCHES_M2:
        kind = near.value(i, "kind") if near.layer.id == RED_LINES else None
        off = math.hypot(site.accuracy_m, near.accuracy_m(i))
        return (
            Measure(relation="may_touch", distance_m=distance)
            if kind in BUILT_ON and distance <= off
            else None
        )
    return Measure(
        relation="overlaps",
        distance_m=0.0,
        area_m2=float(part.area),
        band_m2=band_m2(part, site.shape, site.accuracy_m, near.accuracy_m(i)),
        share=float(part.area / site.area_m2),
    )


def _outside(near: PlaneRows, site: Site, layer: Layer, delivery: int) -> list[Condition]:
    """The part of the site in no town development boundary, where there is one."""
    towns = [s for i, s in enumerate(near.shapes) if near.value(i, "kind") == TOWN]
    rest = shapely.difference(site.shape, shapely.union_all(towns)) if towns else site.shape
    band = band_m2(rest, site.shape, site.accuracy_m, layer.accuracy_m)
    if rest.area <= max(TOUCHES_M2, band):
        return []
    measure = Measure(
        relation="outside",
        distance_m=0.0,
        area_m2=float(rest.area),
        band_m2=band,
        share=float(rest.area / site.area_m2),
    )
    return [outside_town(layer, measure, delivery)]


def _order(condition: Condition) -> tuple[object, ...]:
    """Within a layer: what forbids first, then the largest, then the nearest."""
    measure = condition.measure
    return (
        condition.weight != "forbids",
        -(measure.area_m2 or 0.0),
        measure.distance_m,
        -(measure.length_m or 0.0),
        condition.id or 0,
    )


def _land_use(
    plan: PlaneRows | None, site: Site, registry: Registry
) -> tuple[Mapping[str, Any], ...]:
    """The plan's classes on the site, largest first, then what no plan covers; they add up to the
    site where plan polygons do not overlap."""
    if plan is None:
        return ()
    parts = shapely.intersection(plan.shapes, site.shape)
    areas: dict[str, float] = {}
    bands: dict[str, float] = {}
    for i, part in enumerate(parts):
        code = str(plan.value(i, "land_use"))
        areas[code] = areas.get(code, 0.0) + float(part.area)
        band = band_m2(part, site.shape, site.accuracy_m, plan.accuracy_m(i))
        bands[code] = bands.get(code, 0.0) + band
    codes = registry.codelist(plan.layer.field("land_use"))
    rows: list[dict[str, Any]] = []
    for code, area in sorted(areas.items(), key=lambda pair: (-pair[1], pair[0])):
        if area <= TOUCHES_M2:
            continue
        known = None if codes is None else codes.find(code)
        title = {"zh": code, "en": code} if known is None else _both(known.title)
        rows.append(
            {
                "code": code,
                "title": title,
                "color": None if known is None else known.color,
                "area_m2": round(area, 2),
                "share": round(area / site.area_m2, 6),
                "area_band_m2": round(bands[code], 2),
                "below_accuracy": area <= bands[code],
            }
        )
    rest = shapely.difference(site.shape, shapely.union_all(parts)).area
    if rest > TOUCHES_M2:
        rows.append(
            {
                "code": None,
                "title": {"zh": "规划未覆盖", "en": "In no plan"},
                "color": None,
                "area_m2": round(rest, 2),
                "share": round(rest / site.area_m2, 6),
                "area_band_m2": None,
                "below_accuracy": False,
            }
        )
    return tuple(rows)


def _limits(blocks: PlaneRows | None, site: Site) -> dict[str, dict[str, Any]]:
    """The strictest figures of the control plan on the site, and what they allow in all. Blocks
    whose overlap is below the accuracy count for nothing."""
    if blocks is None:
        return {}
    held: list[tuple[int, float]] = []
    for i, part in enumerate(shapely.intersection(blocks.shapes, site.shape)):
        band = band_m2(part, site.shape, site.accuracy_m, blocks.accuracy_m(i))
        if part.area > max(band, TOUCHES_M2):
            held.append((i, float(part.area)))
    limits: dict[str, dict[str, Any]] = {}
    for name, (greatest, unit) in LIMITS.items():
        figures = [(blocks.value(i, name), i) for i, _ in held]
        known = [(float(value), i) for value, i in figures if value is not None]
        if known:
            value, i = max(known) if greatest else min(known)
            limits[name] = {
                "value": value,
                "unit": unit,
                "from": {"layer": BLOCKS, "id": int(blocks.stored.key[i])},
            }
    allowed = [(blocks.value(i, "far_max"), area) for i, area in held]
    if allowed and all(far is not None for far, _ in allowed):
        total = sum(float(far) * area for far, area in allowed)
        limits["floor_area_max_m2"] = {"value": round(total, 1), "unit": "m²", "from": None}
    return limits


def _admin(
    store: Store, plane: Plane, site: Site, registry: Registry, when: Instant | None
) -> tuple[Mapping[str, Any], ...]:
    """The administrative areas the site lies in, largest first."""
    layer = registry.layers.get("admin_areas")
    if layer is None:
        return ()
    near = read_rows(store, plane, layer, when, site.shape, fields=("code", "name", "level"))
    shares = shapely.area(shapely.intersection(near.shapes, site.shape)) / site.area_m2
    order = np.argsort(-shapely.area(near.shapes), kind="stable").tolist()
    return tuple(
        {
            "code": near.value(i, "code"),
            "name": near.value(i, "name"),
            "share": round(float(shares[i]), 4),
        }
        for i in order
        if shares[i] > 0.0
    )


def _consulted(layer: Layer, conditions: int, line: Mapping[str, Any] | None) -> Mapping[str, Any]:
    return {
        "layer": layer.id,
        "title": _both(layer.title),
        "department": _both(layer.owner),
        "conditions": conditions,
        "delivery": None if line is None else line["id"],
        "delivered_as_of": None if line is None else line["as_of"].isoformat(),
    }


def _document(found: Document) -> dict[str, Any]:
    return {
        "id": found.id,
        "name": found.name,
        "title": found.title,
        "added_at": found.added_at.isoformat(),
        "media_type": found.media_type,
        "layer": found.layer,
        "feature": found.key,
        "href": f"/documents/{found.id}",
    }


def _both(label: Any) -> dict[str, str]:
    return {"zh": label.zh, "en": label.en}
