"""Place names for labels on the map, and the units inside some buildings."""

from __future__ import annotations

import numpy as np
import shapely

from gis.demo.country import Country
from gis.demo.features import Features
from gis.demo.river import RIVER, Corridors, river_axis
from gis.demo.site import Site

# manner of a block -> kind of place, rank (1 = seen from afar)
PLACE = {
    "government": ("facility", 3), "station": ("facility", 2), "university": ("facility", 3),
    "hospital": ("facility", 4), "culture": ("facility", 4), "school": ("facility", 6),
    "mall": ("facility", 5), "market": ("facility", 7), "park": ("park", 4),
    "square": ("park", 5), "highrise": ("residential", 7), "midrise": ("residential", 7),
    "slab": ("residential", 8), "villa": ("residential", 8), "urban_village": ("residential", 8),
    "factory": ("facility", 8), "waterworks": ("facility", 7),
}  # fmt: skip
UNIT_BUILDINGS = 90


def place_names(
    site: Site, blocks: Features, country: Country, roads: Features, land: Corridors
) -> Features:
    """Points with `place_id`, `name`, `kind`, `rank`."""
    rows: list[tuple[str, str, int, shapely.Point]] = [
        ("驻马店市", "admin", 1, shapely.Point(0.0, 120.0)),
        ("驿城区", "admin", 2, shapely.Point(-420.0, 860.0)),
        ("产业集聚区", "admin", 3, shapely.Point(3300.0, 800.0)),
    ]
    seen: set[str] = set()
    inner = shapely.point_on_surface(blocks.geometry)
    for manner, name, point in zip(blocks["manner"], blocks["name"], inner, strict=True):
        if manner in PLACE and name and name not in seen:
            seen.add(name)
            rows.append((name, *PLACE[manner], point))
    village_points = shapely.point_on_surface(country.villages.geometry)
    rows += [
        (n, "residential", 6, p)
        for n, p in zip(country.villages["name"], village_points, strict=True)
    ]
    rows.append(("置地湖", "water", 5, shapely.centroid(land.lake)))
    rows += [
        (RIVER, "water", 3, shapely.Point(x, float(river_axis(x)))) for x in (-2600, 300, 3300)
    ]
    major = roads["road_class"] != "branch"
    for name in dict.fromkeys(roads["name"][major]):
        line = roads.geometry[(roads["name"] == name) & major][0]
        rows.append((name, "road", 6, line.interpolate(0.37, normalized=True)))
    names, kinds, ranks, points = zip(*rows, strict=True)
    features = Features(
        np.array(points, dtype=object),
        {
            "name": np.array(names, dtype=object),
            "kind": np.array(kinds, dtype=object),
            "rank": np.array(ranks),
        },
    ).inside(site.extent)
    ids = [f"411702{i:06d}" for i in range(1, len(features) + 1)]
    return features.adding(place_id=np.array(ids, dtype=object))


def property_units(site: Site, buildings: Features) -> Features:
    """Flats of some housing blocks: points in the building with `unit_code`, `building_id`,
    `floor`, `area_m2`, `use`."""
    rng = site.rng("units")
    housing = np.flatnonzero(
        (buildings["use"] == "residential") & (buildings["storeys"] >= 5)
        & (buildings["built_year"] >= 2005) & ~buildings["quarter"]
    )  # fmt: skip
    wanted = UNIT_BUILDINGS if site.size == "full" else 9
    chosen = rng.choice(housing, min(wanted, len(housing)), replace=False)
    points, codes, owners, floors, areas = [], [], [], [], []
    for n, i in enumerate(np.sort(chosen), start=1):
        a_floor = 4 if buildings["storeys"][i] > 12 else 6
        inner = shapely.centroid(buildings.geometry[i])
        net = buildings.geometry[i].area / a_floor * 0.92
        cos, sin = np.cos(buildings["angle"][i]), np.sin(buildings["angle"][i])
        for floor in range(1, int(buildings["storeys"][i]) + 1):
            for door in range(a_floor):
                along = (door + 0.5) / a_floor - 0.5
                off = along * buildings["width_m"][i] * 0.85
                points.append(shapely.Point(inner.x + off * cos, inner.y + off * sin))
                ground = buildings["parcel_code"][i][:19]
                codes.append(f"{ground}F{n:04d}{floor:02d}{door + 1:02d}")
                owners.append(buildings["building_id"][i])
                floors.append(floor)
                areas.append(round(net * float(rng.uniform(0.94, 1.06)), 2))
    return Features(
        np.array(points, dtype=object),
        {
            "unit_code": np.array(codes, dtype=object),
            "building_id": np.array(owners, dtype=object),
            "floor": np.array(floors, dtype=int),
            "area_m2": np.array(areas, dtype=float),
            "use": np.full(len(points), "residential", dtype=object),
        },
    )
