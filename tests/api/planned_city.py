"""The API tests' small city with plans, red lines, parcels and a document on one block."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry
from small_city import deliver, fill

from gis.coords import from_metric
from gis.layers import Registry
from gis.store import Store

EAST, NORTH = 500_000.0, 3_650_000.0  # of EPSG:4547, a corner in the city
PLACE: Any = from_metric(np.array([[EAST, NORTH]]), 4547)[0]
HOLDER = "张三丰"


def degrees(shape: BaseGeometry) -> BaseGeometry:
    """A shape in metres from the corner, as it is stored."""
    moved: BaseGeometry = shapely.transform(
        shape, lambda xy: from_metric(xy + np.array([EAST, NORTH]), 4547)
    )
    return moved


def box(west: float, south: float, east: float, north: float) -> BaseGeometry:
    """A box in metres from the corner, as it is stored."""
    return degrees(shapely.box(west, south, east, north))


def plan(number: str, use: str, shape: BaseGeometry) -> dict[str, Any]:
    return {"plan_id": number, "land_use": use, "plan_period": "2021-2035", "at": shape}


def block(number: str, use: str, shape: BaseGeometry, **limits: float) -> dict[str, Any]:
    figures = {"far_max": 2.0, "height_max_m": 60.0, "density_max": 30.0, "green_min": 30.0}
    return {"block_id": number, "land_use": use, **(figures | limits), "at": shape}


def red_line(number: str, kind: str, shape: BaseGeometry) -> dict[str, Any]:
    day = date(2022, 9, 28)
    return {"red_line_id": number, "kind": kind, "name": kind, "approved_on": day, "at": shape}


def parcel(number: int, use: str, shape: BaseGeometry) -> dict[str, Any]:
    code = f"411702001001GB{number:05d}W00000000"
    return {"unit_code": code, "land_use": use, "area_ha": 1.0, "holder": HOLDER, "at": shape}


def fill_plans(store: Store, registry: Registry) -> None:
    """The small city, and about the corner: four plan polygons and two blocks of 200 m by 200 m,
    farmland to the east of x = 400, the town to the west of x = 500, a parcel, a gas pipe along
    x = 100, two manholes."""
    fill(store, registry)
    layers = registry.layers
    squares = [
        ("0701", 0, 0), ("0901", 200, 0), ("1401", 0, 200), ("0101", 200, 200),
    ]  # fmt: skip
    deliver(
        store,
        layers["land_use_plan"],
        [plan(f"G{i}", use, box(x, y, x + 200, y + 200)) for i, (use, x, y) in enumerate(squares)],
    )
    deliver(
        store,
        layers["control_plan_blocks"],
        [
            block("K1", "0701", box(0, 0, 200, 200)),
            block("K2", "0901", box(200, 0, 400, 200), far_max=3.0, height_max_m=24.0),
        ],
    )
    deliver(
        store,
        layers["red_lines"],
        [
            red_line("R1", "farmland", box(400, -500, 900, 500)),
            red_line("R2", "town_boundary", box(-900, -900, 500, 900)),
        ],
    )
    deliver(
        store,
        layers["parcels"],
        [parcel(1, "0701", box(0, 0, 100, 200)), parcel(2, "0901", box(100, 0, 200, 200))],
    )
    pipe = {
        "pipe_id": "TR1", "kind": "TR", "from_point": "A", "to_point": "B", "diameter_mm": 200,
        "material": "PE", "from_depth_m": 1.2, "to_depth_m": 1.5,
        "at": shapely.force_3d(degrees(shapely.LineString([(100, -50), (100, 250)])), 80.0),
    }  # fmt: skip
    deliver(store, layers["pipe_segments"], [pipe])
    holes = [
        {"point_id": f"J{x}", "kind": "TR", "at": shapely.force_3d(degrees(shapely.Point(x, 50)))}
        for x in (100, 230)
    ]
    deliver(store, layers["pipe_points"], holes)
