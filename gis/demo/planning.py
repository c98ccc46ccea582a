"""The plans: land use over the whole area, control-plan blocks, and the three red lines."""

from __future__ import annotations

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.demo.country import Country
from gis.demo.features import Features, as_objects
from gis.demo.river import RIVER, Corridors
from gis.demo.site import Floats, Geometries, Shape, Site
from gis.demo.streets import surfaces, town

# manner -> floor area ratio, height limit (m), density (%), green (%)
CONTROL = {
    "highrise": (2.8, 100, 22, 35), "midrise": (2.0, 45, 26, 32), "slab": (1.6, 24, 30, 30),
    "oldtown": (1.8, 24, 45, 20), "urban_village": (1.6, 24, 48, 18), "villa": (0.9, 12, 28, 40),
    "mall": (3.0, 80, 50, 15), "market": (1.6, 24, 55, 10), "office": (3.5, 100, 42, 20),
    "government": (1.5, 50, 30, 35), "culture": (1.2, 36, 35, 35), "school": (0.9, 24, 28, 35),
    "university": (0.9, 36, 26, 38), "hospital": (1.8, 80, 32, 30), "factory": (1.2, 24, 50, 15),
    "logistics": (1.0, 18, 50, 12), "station": (0.8, 30, 40, 15), "park": (0.05, 9, 4, 80),
    "square": (0.05, 9, 4, 45), "reserved": (1.8, 60, 28, 30), "waterworks": (0.6, 15, 30, 30),
    "substation": (0.6, 15, 35, 25), "green": (0.0, 0, 0, 90),
}  # fmt: skip


def town_boundary() -> Shape:
    """The town development boundary: a little outside the ring road."""
    return town().buffer(150).buffer(-40, quad_segs=6).simplify(4.0)


def land_use_plan(
    site: Site, blocks: Features, roads: Features, country: Country, land: Corridors
) -> Features:
    """Plan polygons with `plan_id`, `land_use`, `name`, `plan_period`. They don't overlap."""
    surface = surfaces(roads)
    paved = shapely.union_all(surface)
    belt = town().buffer(45.0).difference(shapely.union_all([town(), paved, land.corridor]))
    belt = belt.difference(land.railway)
    houses = country.villages.geometry
    lanes = shapely.buffer(country.lanes.geometry, country.lanes["width_m"] / 2, quad_segs=2)
    groves = shapely.difference(
        shapely.buffer(houses, 12.0, quad_segs=3),
        shapely.union_all([*houses, *lanes, paved, land.corridor, belt]),
    )
    own_banks = land.banks.difference(paved).difference(land.railway)
    bed = land.river.difference(paved).difference(land.railway)
    parts: list[tuple[Geometries, NDArray[np.object_] | str, NDArray[np.object_] | str]] = [
        (shapely.difference(blocks.geometry, land.lake), blocks["land_use"], blocks["name"]),
        (shapely.difference(country.fields.geometry, paved), country.fields["land_use"], ""),
        (houses, "0703", country.villages["name"]),
        (as_objects([bed]), "1701", RIVER),
        (as_objects([land.lake.difference(paved)]), "1704", "置地湖"),
        (as_objects([own_banks.intersection(town().buffer(45))]), "1401", "练江河滨河绿带"),
        (as_objects([own_banks.difference(town().buffer(45))]), "1402", "练江河防护绿地"),
        (as_objects([land.railway.difference(paved)]), "1201", "京广铁路"),
        (as_objects([belt]), "1402", "环城防护绿地"),
        (groves, "0301", "村旁林地"),
        (_disjoint(surface, roads), "1207", roads["name"]),
        (
            shapely.difference(_disjoint(lanes, country.lanes), paved),
            "1207",
            country.lanes["name"],
        ),
    ]
    plan = _assembled(parts)
    plan = plan.take(shapely.intersects(plan.geometry, site.extent.polygon))
    ids = np.array([f"GH{i:06d}" for i in range(1, len(plan) + 1)], dtype=object)
    return plan.adding(plan_id=ids, plan_period=np.full(len(plan), "2021-2035", dtype=object))


def _assembled(
    parts: list[tuple[Geometries, NDArray[np.object_] | str, NDArray[np.object_] | str]],
) -> Features:
    geometry, uses, names = [], [], []
    for polygons, use, name in parts:
        # surveyed to the millimetre: slivers thinner than that would cross themselves as soon as
        # a zone number takes the last digits away
        polygons = shapely.set_precision(polygons, 0.001)
        single, which = shapely.get_parts(polygons, return_index=True)
        kept = (shapely.get_type_id(single) == 3) & (shapely.area(single) > 60.0)
        single, which = single[kept], which[kept]
        geometry.append(single)
        uses.append(np.full(len(single), use, dtype=object) if isinstance(use, str) else use[which])
        names.append(
            np.full(len(single), name, dtype=object) if isinstance(name, str) else name[which]
        )
    return Features(
        np.concatenate(geometry), {"land_use": np.concatenate(uses), "name": np.concatenate(names)}
    )


def _disjoint(surface: Geometries, roads: Features) -> Geometries:
    """Road surfaces without what a broader (or earlier) road already covers."""
    order = np.argsort(-roads["width_m"], kind="stable")
    rank = np.empty(len(order), dtype=int)
    rank[order] = np.arange(len(order))
    row, other = shapely.STRtree(surface).query(surface, predicate="intersects")
    out = surface.copy()
    for i in range(len(surface)):
        over = other[row == i]
        over = over[rank[over] < rank[i]]
        if len(over):
            out[i] = shapely.difference(surface[i], shapely.union_all(surface[over]))
    return out


def control_plan_blocks(site: Site, blocks: Features) -> Features:
    """Blocks with `block_id`, `land_use`, `far_max`, `height_max_m`, `density_max`,
    `green_min`, `unit_name`; `quarter` kept for the second delivery."""
    rng = site.rng("control")
    figures = np.array([CONTROL[m] for m in blocks["manner"]], dtype=float).reshape(-1, 4)
    far = np.round(figures[:, 0] * rng.uniform(0.85, 1.15, len(blocks)), 1)
    centre = shapely.centroid(blocks.geometry)
    x, y = shapely.get_x(centre), shapely.get_y(centre)
    unit = ((x + 4600) // 1534 + 6 * ((4100 - y) // 1367)).astype(int) + 1
    number = _numbered(unit, x, y)
    rows = zip(unit, number, strict=True)
    return Features(
        blocks.geometry,
        {
            "block_id": np.array([f"YC{u:02d}-{n:03d}" for u, n in rows], dtype=object),
            "land_use": blocks["land_use"],
            "far_max": far,
            "height_max_m": figures[:, 1],
            "density_max": figures[:, 2],
            "green_min": figures[:, 3],
            "unit_name": np.array([f"驿城{u:02d}单元" for u in unit], dtype=object),
            "quarter": blocks["quarter"],
            "manner": blocks["manner"],
        },
    )


def _numbered(group: NDArray[np.int64], x: Floats, y: Floats) -> NDArray[np.int64]:
    """1, 2, 3 … within each group, from the north-west on."""
    order = np.lexsort((x, -np.round(y / 150.0), group))
    number = np.empty(len(group), dtype=np.int64)
    starts = np.searchsorted(group[order], group[order])
    number[order] = np.arange(len(group)) - starts + 1
    return number


def red_lines(site: Site, country: Country, land: Corridors, roads: Features) -> Features:
    """Permanent farmland, ecological red line and the town development boundary, with
    `red_line_id`, `kind`, `name`, `approved_on`."""
    rng = site.rng("red lines")
    farmland = _farmland(country, rng)
    strip = land.corridor.buffer(-10.0).difference(
        shapely.union_all(surfaces(roads.take(roads["road_class"] != "branch")))
    )
    ecological = shapely.get_parts(strip)
    ecological = as_objects([*ecological[shapely.area(ecological) > 3000.0], land.lake.buffer(12)])
    kinds = (
        ("farmland", farmland, "永久基本农田", "2022-09-28"),
        ("ecological", ecological, "生态保护红线", "2022-09-28"),
        ("town_boundary", as_objects([town_boundary()]), "驿城区城镇开发边界", "2022-11-15"),
    )
    geometry = np.concatenate([polygons for _, polygons, _, _ in kinds])
    rows = [
        (f"HX{COUNT[kind]}{i:04d}", kind, f"{title}{i:03d}" if len(polygons) > 1 else title, day)
        for kind, polygons, title, day in kinds
        for i in range(1, len(polygons) + 1)
    ]
    ids, names_of_kind, titles, days = (np.array(c, dtype=object) for c in zip(*rows, strict=True))
    lines = Features(
        geometry,
        {"red_line_id": ids, "kind": names_of_kind, "name": titles, "approved_on": days},
    )
    return lines.take(shapely.intersects(geometry, site.extent.polygon))


# places in the raster window whose fields are not permanent farmland
GENERAL_FARMLAND = [(3345.0, -1990.0), (3340.0, -1560.0), (3620.0, -2010.0)]
COUNT = {"farmland": "NT", "ecological": "ST", "town_boundary": "CZ"}


def _farmland(country: Country, rng: np.random.Generator) -> Geometries:
    """Most ploughed fields outside the boundary, grown together where only a balk parts them."""
    crops = np.isin(country.fields["land_use"], ["0103", "0101"])
    outside = ~shapely.intersects(country.fields.geometry, town_boundary().buffer(10.0))
    general = shapely.intersects(country.fields.geometry, shapely.MultiPoint(GENERAL_FARMLAND))
    chosen = crops & outside & ~general & (rng.random(len(crops)) < 0.9)
    grown = shapely.union_all(
        shapely.buffer(country.fields.geometry[chosen], 1.8, join_style="mitre")
    )
    parts = shapely.get_parts(shapely.simplify(grown, 0.5))
    kept: Geometries = parts[shapely.area(parts) > 12_000.0]
    return kept
