"""Outside the town: villages, the lanes between them, fields, ponds and woods."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from scipy.spatial import Delaunay

from gis.demo.features import Features, as_objects
from gis.demo.names import village_names
from gis.demo.river import Corridors
from gis.demo.site import WHOLE, Floats, Geometries, Shape, Site
from gis.demo.streets import surfaces, town
from gis.demo.subdivide import subdivide

LANE_WIDTH = 7.0
VILLAGES = 84


@dataclass(frozen=True, slots=True, kw_only=True)
class Country:
    """villages: `name`; lanes: like streets; fields: `land_use` (2023 codes)."""

    villages: Features
    lanes: Features
    fields: Features


def build_country(site: Site, land: Corridors, roads: Features) -> Country:
    """The land outside `town()`; `roads` are the highways that cross it."""
    rng = site.rng("country")
    rural = WHOLE.polygon.difference(
        shapely.union_all([town().buffer(45.0), land.corridor, land.railway])
    )
    highways = Features(shapely.intersection(roads.geometry, rural), roads.columns)
    highways = highways.take(~shapely.is_empty(highways.geometry))
    centres = _village_centres(rural, rng)
    lanes = _lanes(centres, rural, highways, rng)
    surface = shapely.union_all(
        [*surfaces(highways), *shapely.buffer(lanes, LANE_WIDTH / 2, quad_segs=3)]
    )
    villages = _village_shapes(centres, rural.difference(surface), rng)
    names = village_names(rng).many(len(villages))
    fields = _fields(rural, surface, shapely.union_all(villages), lanes, highways, rng)
    return Country(
        villages=Features(villages, {"name": names}),
        lanes=Features(
            lanes,
            {
                "name": _lane_names(lanes, centres, names),
                "road_class": np.full(len(lanes), "branch", dtype=object),
                "width_m": np.full(len(lanes), LANE_WIDTH),
            },
        ),
        fields=fields,
    )


def _village_centres(rural: Shape, rng: np.random.Generator) -> Floats:
    inner = rural.buffer(-210.0)
    shapely.prepare(inner)
    tried = rng.uniform((WHOLE.west, WHOLE.south), (WHOLE.east, WHOLE.north), (6000, 2))
    tried = tried[shapely.contains_xy(inner, tried[:, 0], tried[:, 1])]
    # two of them stand where the aerial photographs of either size look
    kept = [np.array([3690.0, -2120.0]), np.array([3480.0, -1745.0])]
    for point in tried:
        if len(kept) == VILLAGES:
            break
        if min(np.hypot(*(point - other)) for other in kept) > 500.0:
            kept.append(point)
    return np.array(kept)


def _lanes(
    centres: Floats, rural: Shape, highways: Features, rng: np.random.Generator
) -> Geometries:
    """Lanes between neighbouring villages (Gabriel graph) and to the nearest highway."""
    edges = Delaunay(centres).simplices[:, [0, 1, 1, 2, 2, 0]].reshape(-1, 2)
    edges = np.unique(np.sort(edges, axis=1), axis=0)
    a, b = centres[edges[:, 0]], centres[edges[:, 1]]
    middle, reach = (a + b) / 2, np.hypot(*(a - b).T) / 2
    gap = np.hypot(*(middle[:, None] - centres[None]).transpose(2, 0, 1)).min(axis=1)
    gabriel = (gap > reach - 1.0) & (reach < 900.0)
    pairs = list(zip(a[gabriel], b[gabriel], strict=True))
    highway = shapely.union_all(highways.geometry)
    for point in centres:
        near = shapely.get_coordinates(shapely.shortest_line(shapely.Point(point), highway))
        pairs.append((near[0], near[1] + (near[1] - near[0]) * 0.02))
    curves = [_bent(p, q, rng) for p, q in pairs]
    inside = shapely.intersection(as_objects(curves), rural.buffer(-4.0))
    parts: Geometries = shapely.get_parts(inside)
    return parts[shapely.length(parts) > 60.0]


def _bent(a: Floats, b: Floats, rng: np.random.Generator) -> shapely.LineString:
    t = np.linspace(0, 1, 13)[:, None]
    across = np.array([a[1] - b[1], b[0] - a[0]])
    sway = rng.normal(0, 0.07) * np.sin(np.pi * t) + rng.normal(0, 0.03) * np.sin(2 * np.pi * t)
    return shapely.LineString(a + t * (b - a) + sway * across)


def _village_shapes(centres: Floats, land: Shape, rng: np.random.Generator) -> Geometries:
    angle = np.linspace(0, 2 * np.pi, 28, endpoint=False)
    size = rng.uniform(85, 165, len(centres))[:, None]
    phase = rng.uniform(0, 6.3, (len(centres), 3))
    blob = 1 + 0.2 * np.sin(2 * angle + phase[:, :1]) + 0.09 * np.sin(5 * angle + phase[:, 1:2])
    x = centres[:, :1] + size * blob * np.cos(angle) * rng.uniform(1.0, 1.35, (len(centres), 1))
    y = centres[:, 1:] + size * blob * np.sin(angle)
    blobs = np.asarray(shapely.polygons(np.stack([x, y], axis=2)))
    whole: Geometries = shapely.intersection(blobs, land)
    return as_objects([max(shapely.get_parts(v), key=shapely.area) for v in whole])


def _fields(
    rural: Shape,
    surface: Shape,
    villages: Shape,
    lanes: Geometries,
    highways: Features,
    rng: np.random.Generator,
) -> Features:
    edges = shapely.get_parts(rural.boundary)
    noded = shapely.union_all(
        [*edges, *shapely.get_parts(highways.geometry), *lanes], grid_size=0.01
    )
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    faces = faces[shapely.contains(rural, shapely.point_on_surface(faces))]
    bare = shapely.get_parts(shapely.difference(faces, surface.union(villages.buffer(14.0))))
    bare = bare[shapely.area(bare) > 400.0]
    pieces = subdivide(
        bare, rng.uniform(18_000, 42_000, len(bare)), rng, min_side_m=50, skew_deg=1.0
    ).polygon
    pieces = shapely.get_parts(shapely.buffer(pieces, -1.5, join_style="mitre"))
    pieces = pieces[(shapely.get_type_id(pieces) == 3) & (shapely.area(pieces) > 300.0)]
    kinds = np.array(["0103", "0101", "0201", "0301", "1704", "0401"], dtype=object)
    use = rng.choice(kinds, len(pieces), p=[0.81, 0.05, 0.045, 0.045, 0.02, 0.03])
    large = shapely.area(pieces) > 22_000.0
    use[large & np.isin(use, ["1704", "0401"])] = "0103"
    return Features(pieces, {"land_use": use})


def _lane_names(lanes: Geometries, centres: Floats, names: Geometries) -> Geometries:
    middle = shapely.get_coordinates(shapely.line_interpolate_point(lanes, 0.5, normalized=True))
    near = np.hypot(*(middle[:, None] - centres[None]).transpose(2, 0, 1)).argmin(axis=1)
    return np.array([f"{names[i]}村道" for i in near], dtype=object)
