"""The town's fabric: faces between main streets, cut by secondary and branch streets to blocks."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import shapely
from numpy.typing import NDArray

from gis.demo.features import Features, concat
from gis.demo.names import StreetNames
from gis.demo.river import Corridors
from gis.demo.site import Floats, Geometries, Site
from gis.demo.streets import WIDTH, industrial_park, main_streets, surfaces, town
from gis.demo.subdivide import subdivide

NODE_GRID = 0.01  # metres; ends of streets meet exactly after snapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Fabric:
    """roads: every street in town; blocks: land between them, with `zone`."""

    roads: Features
    blocks: Features


def distance_to_core(x: Floats, y: Floats) -> Floats:
    """Metres from the old town's heart."""
    return np.asarray(np.hypot(x + 150.0, (y - 150.0) * 1.1))


def zone_of(polygons: Geometries) -> NDArray[np.object_]:
    """core | inner | outer | industry, by where the polygon lies."""
    point = shapely.centroid(polygons)
    x, y = shapely.get_x(point), shapely.get_y(point)
    reach = distance_to_core(x, y)
    zone = np.where(reach < 950, "core", np.where(reach < 2050, "inner", "outer")).astype(object)
    park = industrial_park().buffer(30)
    zone[shapely.contains_xy(park, x, y) | ((x > 2250) & (y > -650) & (y < 900))] = "industry"
    zone[(x < -1250) & (x > -1600) & (y < -1500)] = "industry"  # freight yard by the railway
    return zone


BRANCH_TARGET = {"core": 26_000.0, "inner": 43_000.0, "outer": 58_000.0, "industry": 105_000.0}


def build_fabric(site: Site, land: Corridors) -> Fabric:
    """Streets and blocks of the whole town, whatever piece of it is delivered."""
    rng = site.rng("fabric")
    names = StreetNames(rng)
    streets = main_streets()
    noded = shapely.union_all(streets.geometry, grid_size=NODE_GRID)
    faces = shapely.get_parts(shapely.polygonize(shapely.get_parts(noded)))
    inner = shapely.point_on_surface(faces)
    faces = faces[shapely.contains(town(), inner)]
    keep_off = shapely.union_all([land.corridor, land.railway])
    faces = _polygons(shapely.difference(faces, keep_off), 2500.0)

    quarters = subdivide(
        faces, np.full(len(faces), 270_000.0), rng, min_side_m=260, skew_deg=3.0, ratio=(0.4, 0.6)
    )
    secondary = _streets(quarters.cut, "secondary", names)
    target = np.array([BRANCH_TARGET[z] for z in zone_of(quarters.polygon)])
    target *= rng.lognormal(0, 0.25, len(target))
    plots = subdivide(
        quarters.polygon, target, rng, min_side_m=85, skew_deg=2.5, ratio=(0.38, 0.62)
    )
    branch = _streets(plots.cut, "branch", names)
    roads = concat([streets, secondary, branch])

    blocks = _without_roads(plots.polygon, roads)
    return Fabric(roads=roads, blocks=Features(blocks, {"zone": zone_of(blocks)}))


def _streets(lines: Geometries, kind: str, names: StreetNames) -> Features:
    return Features(
        lines,
        {
            "name": names.take(len(lines), kind),
            "road_class": np.full(len(lines), kind, dtype=object),
            "width_m": np.full(len(lines), WIDTH[kind]),
        },
    )


def _without_roads(plots: Geometries, roads: Features) -> Geometries:
    """Plots less the road surfaces, with kerbs rounded where streets meet."""
    surface = surfaces(roads)
    tree = shapely.STRtree(surface)
    row, road = tree.query(plots, predicate="intersects")
    order = np.argsort(row, kind="stable")
    row, road = row[order], road[order]
    edges = np.searchsorted(row, np.arange(len(plots) + 1))
    covered = np.array(
        [shapely.union_all(surface[road[a:b]]) for a, b in pairwise(edges)],
        dtype=object,
    )
    left = shapely.difference(plots, covered)
    rounded = shapely.buffer(shapely.buffer(left, -7.0, join_style="mitre"), 7.0, quad_segs=3)
    return _polygons(rounded, 1200.0)


def _polygons(geometries: Geometries, at_least_m2: float) -> Geometries:
    parts: Geometries = shapely.get_parts(geometries)
    kept: Geometries = parts[
        (shapely.get_type_id(parts) == 3) & (shapely.area(parts) > at_least_m2)
    ]
    return kept
