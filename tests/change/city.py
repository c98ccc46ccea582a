"""A store with what the rules ask for around `scene.py`'s piece of town, and its detection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import shapely
from scene import NORTH, WEST, Scene, box, change, town, write

from gis.change import DetectReport, DetectRequest, RuleSet, detect, load_rules
from gis.coords import from_epsg, normalise
from gis.layers import GoodRows, Registry
from gis.store import DeliveryHead, Store, begin

PROJECT = Path(__file__).resolve().parents[2]
ZONE = ZoneInfo("Asia/Shanghai")
PERMITTED, BARE, FIELD = box(100, 60, 20, 14), box(180, 60, 18, 12), box(100, 120, 16, 12)
HIGH = box(180, 120, 20, 16)


def day(year: int, month: int, of_month: int) -> datetime:
    return datetime(year, month, of_month, tzinfo=ZONE)


def suspects() -> Scene:
    """Four constructions: permitted, without a permit, on farmland, higher than permitted."""
    scene = town(500, trees=20)
    for shape, height in ((PERMITTED, 9.0), (BARE, 6.0), (FIELD, 4.0), (HIGH, 24.0)):
        change(scene, "construction", shape, height)
    return scene


def rules(registry: Registry) -> RuleSet:
    return load_rules(
        PROJECT / "config" / "rules.yml", reasons=list(registry.codelists["alert_reason"].codes)
    )


def request(registry: Registry, files: Mapping[str, Path], **more: Any) -> DetectRequest:
    return DetectRequest(rules=rules(registry), **files, **more)


def run(store: Store, registry: Registry, files: Mapping[str, Path], **more: Any) -> DetectReport:
    return detect(store, registry, request(registry, files, **more))


def deliver(
    store: Store,
    registry: Registry,
    layer_id: str,
    found: Sequence[tuple[shapely.Polygon, Mapping[str, Any]]],
    as_of: datetime,
    mode: Any = "full",
) -> int:
    """Store rows given as (polygon in EPSG:4547, fields); return the delivery's number."""
    layer = registry.get(layer_id)
    plane = np.array([shape for shape, _ in found], dtype=object)
    geometry = normalise(plane, from_epsg(4547)).geometry
    if layer.geometry.startswith("Multi"):
        geometry = shapely.multipolygons(geometry[:, None])
    columns = {name: np.empty(len(found), dtype=object) for name in layer.field_names}
    for i, (_, fields) in enumerate(found):
        for name in columns:
            columns[name][i] = fields.get(name)
    head = DeliveryHead(
        layer=layer,
        source=f"{layer_id}.shp",
        digest="0" * 64,
        mode=mode,
        frame={"name": "EPSG:4547", "accuracy_m": 0.1, "how": "declared"},
        as_of=as_of,
    )
    with begin(store, head) as loading:
        loading.add(
            GoodRows(
                layer=layer,
                columns=columns,
                extra=np.full(len(found), None, dtype=object),
                geometry=geometry,
                rows=np.arange(1, len(found) + 1),
                accuracy_m=0.1,
            )
        )
        loading.apply()
    return loading.delivery


def permit(no: str, shape: shapely.Polygon, height: float | None = 15.0, **more: Any) -> Any:
    fields = {
        "permit_no": no, "project": "住宅", "kind": "construction", "height_max_m": height,
        "issued_on": date(2023, 1, 5), "expires_on": date(2026, 1, 5),
    }  # fmt: skip
    return shape, fields | more


def line(no: str, kind: str, shape: shapely.Polygon) -> Any:
    return shape, {"red_line_id": no, "kind": kind}


def fill(store: Store, registry: Registry) -> dict[str, int]:
    """Permits, red lines, county and parcels of 2023; numbers of their deliveries."""
    all_of_it = shapely.box(WEST - 500, NORTH - 800, WEST + 800, NORTH + 500)
    first = day(2023, 1, 10)
    return {
        "planning_permits": deliver(
            store, registry, "planning_permits",
            [permit("建字1", PERMITTED.buffer(3)), permit("建字2", HIGH.buffer(3)),
             permit("建字3", box(60, 60, 30, 20), ends=None)],
            first,
        ),
        "red_lines": deliver(
            store, registry, "red_lines",
            [line("NT1", "farmland", FIELD.buffer(8)), line("CZ1", "town_boundary", all_of_it),
             line("ST1", "ecological", box(20, 20, 8, 8))],
            first,
        ),
        "admin_areas": deliver(
            store, registry, "admin_areas",
            [(all_of_it, {"code": "411702", "name": "驿城区", "level": "county"})],
            first,
        ),
        "parcels": deliver(
            store, registry, "parcels",
            [(BARE.buffer(10), {"unit_code": "411702001001GB00001W00000000"})],
            first,
        ),
        "land_use_plan": deliver(
            store, registry, "land_use_plan",
            [(all_of_it, {"plan_id": "GH1", "land_use": "0701"})],
            first,
        ),
    }  # fmt: skip


__all__ = [
    "BARE", "FIELD", "HIGH", "PERMITTED", "Scene", "day", "deliver", "fill", "line", "permit",
    "request", "rules", "run", "suspects", "write",
]  # fmt: skip
