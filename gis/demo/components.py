"""City components along the streets: lamps, trees, covers, signs, bins, stops."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely

from gis.demo.features import Features
from gis.demo.pipes import Network
from gis.demo.site import COUNTY_CODE, Floats, Geometries, Site
from gis.demo.streets import town


@dataclass(frozen=True, slots=True)
class Row:
    """Things standing at regular steps beside a street. `edge` metres inside its border."""

    code: str
    name: str
    department: str
    step_m: float
    edge: float
    classes: tuple[str, ...]
    jitter_m: float = 0.6


BIG = ("expressway", "arterial", "secondary")
ROWS = (
    Row("0121", "路灯", "市政管理处", 38, 4.2, BIG),
    Row("0121", "路灯", "市政管理处", 55, 1.6, ("branch",)),
    Row("0402", "行道树", "园林绿化中心", 17, 3.0, ("arterial", "secondary"), 0.5),
    Row("0304", "垃圾箱", "环卫处", 130, 2.0, BIG, 14.0),
    Row("0210", "交通标志牌", "公安局交警支队", 260, 3.6, BIG, 30.0),
    Row("0203", "公交站亭", "公共交通公司", 640, 2.6, ("arterial", "secondary"), 60.0),
    Row("0119", "消防栓", "消防救援支队", 150, 2.3, ("arterial", "secondary"), 12.0),
    Row("0301", "公共厕所", "环卫处", 1500, 1.5, ("arterial",), 200.0),
)  # fmt: skip
COVERS = {"JS": ("0101", "上水井盖"), "WS": ("0102", "污水井盖"), "YS": ("0103", "雨水井盖"),
          "DL": ("0105", "电力井盖"), "DX": ("0107", "通讯井盖")}  # fmt: skip
COVER_SHARE = 0.22


def build_components(site: Site, roads: Features, network: Network) -> Features:
    """Points with `component_code` (16 digits: county, class, number), `class_code`, `name`,
    `state`, `department`."""
    rng = site.rng("components")
    places, codes, names, departments = [], [], [], []

    def add(xy: Floats, code: str, name: str, department: str) -> None:
        places.append(xy)
        codes.append(np.full(len(xy), code, dtype=object))
        names.append(np.full(len(xy), name, dtype=object))
        departments.append(np.full(len(xy), department, dtype=object))

    for row in ROWS:
        chosen = roads.take(np.isin(roads["road_class"], row.classes))
        add(
            beside(chosen, row.step_m, row.edge, row.jitter_m, rng),
            row.code,
            row.name,
            row.department,
        )
    add(_lights(roads), "0211", "交通信号灯", "公安局交警支队")
    for kind, (code, name) in COVERS.items():
        mine = network.points["kind"] == kind
        xy = shapely.get_coordinates(network.points.geometry[mine])
        add(xy[rng.random(len(xy)) < COVER_SHARE], code, name, "市政管理处")
    xy = np.concatenate(places)
    kept = site.extent.holds(xy[:, 0], xy[:, 1])
    kept &= shapely.contains_xy(town().buffer(30), xy[:, 0], xy[:, 1])
    code = np.concatenate(codes)[kept]
    state = rng.choice(np.array(["ok", "damaged", "lost", "retired"], dtype=object), len(code),
                       p=[0.955, 0.03, 0.008, 0.007])  # fmt: skip
    return Features(
        np.asarray(shapely.points(xy[kept])),
        {
            "component_code": _numbered(code),
            "class_code": code,
            "name": np.concatenate(names)[kept],
            "state": state,
            "department": np.concatenate(departments)[kept],
        },
    )


def beside(
    roads: Features, step_m: float, edge: float, jitter_m: float, rng: np.random.Generator
) -> Floats:
    """Places on both sides of each road every `step_m` metres, `edge` inside its border and
    clear of junctions' middles."""
    length = shapely.length(roads.geometry)
    count = np.maximum((length / step_m).astype(int), 0)
    road = np.repeat(np.arange(len(roads)), count)
    place = np.arange(len(road)) - np.repeat(np.cumsum(count) - count, count)
    at_m = (place + 0.5) * step_m + rng.normal(0, jitter_m, len(road))
    at = shapely.get_coordinates(shapely.line_interpolate_point(roads.geometry[road], at_m))
    ahead = shapely.get_coordinates(shapely.line_interpolate_point(roads.geometry[road], at_m + 2))
    way = ahead - at
    norm = np.hypot(way[:, 0], way[:, 1])
    good = norm > 0.5
    left = np.column_stack([-way[:, 1], way[:, 0]])[good] / norm[good, None]
    off = (roads["width_m"][road] / 2 - edge)[good, None]
    both = np.concatenate([at[good] + off * left, at[good] - off * left])
    return _off_other_roads(both, np.tile(road[good], 2), roads)


def _off_other_roads(xy: Floats, own: Geometries, roads: Features) -> Floats:
    """Drops what would stand on the carriageway of a crossing road."""
    points = shapely.points(xy)
    carriageway = shapely.buffer(roads.geometry, roads["width_m"] / 2 - 4.5, quad_segs=2)
    row, other = shapely.STRtree(carriageway).query(points, predicate="intersects")
    blocked = np.unique(row[other != own[row]])
    return np.delete(xy, blocked, axis=0)


def _lights(roads: Features) -> Floats:
    """Four at each crossing of two big streets."""
    big = roads.take(np.isin(roads["road_class"], ("arterial", "secondary")))
    row, other = shapely.STRtree(big.geometry).query(big.geometry, predicate="intersects")
    pairs = row < other
    meet = shapely.get_parts(
        shapely.intersection(big.geometry[row[pairs]], big.geometry[other[pairs]])
    )
    xy = shapely.get_coordinates(meet[shapely.get_type_id(meet) == 0])
    corners = np.array([(1, 1), (1, -1), (-1, -1), (-1, 1)]) * 15.0
    return np.asarray((xy[:, None] + corners[None]).reshape(-1, 2))


def _numbered(code: Geometries) -> Geometries:
    numbers = np.empty(len(code), dtype=object)
    for c in np.unique(code.astype(str)):
        rows = np.flatnonzero(code == c)
        numbers[rows] = [f"{COUNTY_CODE}{c}{i:06d}" for i in range(1, len(rows) + 1)]
    return numbers
