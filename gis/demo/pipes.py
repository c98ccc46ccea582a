"""Pipes under the streets: a network a kind, with points, depths and falling sewers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import dijkstra

from gis.demo.features import Features, concat
from gis.demo.river import RAILWAY_HALF, railway_x, river_axis
from gis.demo.site import Floats, Geometries, Site, ground_m
from gis.demo.streets import town

OUTLET = (3400.0, -1250.0)  # the sewage works by the river


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of pipe of CJJ 61. offset_m: from the street's middle, to its left."""

    code: str
    offset_m: float
    step_m: float
    classes: tuple[str, ...]
    materials: tuple[str, ...]
    diameters: tuple[int, int, int, int]  # expressway and arterial, secondary, branch, lane
    depth_m: float
    fixtures: tuple[str, ...]
    falls: bool = False


ALL = ("expressway", "arterial", "secondary", "branch")
BIG = ("expressway", "arterial", "secondary")
KINDS = (
    Kind(code="WS", offset_m=3.2, step_m=48, classes=ALL, materials=("HNT", "PVC", "PE"),
         diameters=(600, 400, 300, 300), depth_m=1.6, fixtures=("JCJ",), falls=True),
    Kind(code="YS", offset_m=-3.2, step_m=46, classes=ALL, materials=("HNT", "HNT", "PE"),
         diameters=(800, 600, 400, 400), depth_m=1.3, fixtures=("JCJ", "YSB"), falls=True),
    Kind(code="JS", offset_m=-6.3, step_m=78, classes=ALL, materials=("ZT", "ZT", "PE"),
         diameters=(600, 300, 200, 160), depth_m=1.25, fixtures=("FMJ", "XFS", "")),
    Kind(code="TR", offset_m=6.1, step_m=95, classes=ALL, materials=("GG", "PE", "PE"),
         diameters=(315, 250, 160, 110), depth_m=1.1, fixtures=("FMJ", "", "TYX")),
    Kind(code="DL", offset_m=8.6, step_m=64, classes=BIG, materials=("TX",),
         diameters=(500, 300, 150, 150), depth_m=0.9, fixtures=("RK", "SK")),
    Kind(code="DX", offset_m=-8.8, step_m=72, classes=("expressway", "arterial"),
         materials=("PVC",), diameters=(300, 200, 100, 100), depth_m=0.8, fixtures=("RK", "SK")),
    Kind(code="RL", offset_m=-10.5, step_m=110, classes=("arterial",), materials=("GG",),
         diameters=(500, 300, 200, 200), depth_m=1.4, fixtures=("FMJ", "")),
)  # fmt: skip
MIN_FALL = {"WS": 0.0008, "YS": 0.0006}
RL_REACH = 1500.0  # heating only around the core


@dataclass(frozen=True, slots=True, kw_only=True)
class Network:
    """points: geometry PointZ at the pipe's level, columns of pipe_points; segments: LineStringZ,
    columns of pipe_segments."""

    points: Features
    segments: Features


@dataclass(frozen=True, slots=True)
class _Edges:
    """Streets between junctions: line, junction numbers at both ends, class and name."""

    line: Geometries
    ends: NDArray[np.int64]
    road: Features
    nodes: Floats


def build_pipes(site: Site, roads: Features) -> Network:
    """All kinds under the town's streets inside the site's extent (a piece keeps whole streets)."""
    rng = site.rng("pipes")
    edges = _edges(roads)
    networks = [_network(kind, edges, site, rng) for kind in KINDS]
    points = concat([n.points for n in networks])
    segments = concat([n.segments for n in networks])
    return Network(points=points, segments=segments)


def _edges(roads: Features) -> _Edges:
    noded = shapely.get_parts(shapely.union_all(roads.geometry, grid_size=0.01))
    noded = shapely.get_parts(shapely.line_merge(shapely.multilinestrings(noded)))
    noded = noded[shapely.length(noded) > 12.0]
    middle = shapely.line_interpolate_point(noded, 0.5, normalized=True)
    x, y = shapely.get_x(middle), shapely.get_y(middle)
    near = shapely.STRtree(roads.geometry).nearest(middle)
    road = roads.take(near)
    rail = np.abs(x - railway_x(y)) < RAILWAY_HALF + 12
    water = np.abs(y - river_axis(x)) < 60
    bridge = rail | water
    inside = shapely.contains_xy(town().buffer(80), x, y)
    kept = inside & ~(bridge & (road["road_class"] == "branch"))
    noded, road = noded[kept], road.take(kept)
    first, last = shapely.get_point(noded, 0), shapely.get_point(noded, -1)
    ends = np.round(shapely.get_coordinates(np.concatenate([first, last])), 1)
    nodes, number = np.unique(ends, axis=0, return_inverse=True)
    pairs = np.asarray(number).reshape(2, -1).T
    return _Edges(noded, pairs, road, nodes)


def _network(kind: Kind, edges: _Edges, site: Site, rng: np.random.Generator) -> Network:
    chosen = np.isin(edges.road["road_class"], kind.classes)
    middle = shapely.line_interpolate_point(edges.line, 0.5, normalized=True)
    if kind.code == "RL":
        chosen &= np.hypot(shapely.get_x(middle), shapely.get_y(middle)) < RL_REACH
    line, pair, road = edges.line[chosen], edges.ends[chosen], edges.road.take(chosen)
    used, node = np.unique(pair, return_inverse=True)
    node = np.asarray(node).reshape(pair.shape)
    # a junction's chamber stands a little off the crossing, each kind its own way
    junction = edges.nodes[used] + 0.8 * kind.offset_m * np.array([1.0, 0.62])
    xy, chains, of_edge = _chains(line, node, junction, kind)
    a, b = chains[:, 0], chains[:, 1]
    length = np.hypot(*(xy[a] - xy[b]).T)
    ground = ground_m(xy[:, 0], xy[:, 1])
    if kind.falls:
        a, b, kept, level, order = _falling(kind, xy, ground, chains, length)
        of_edge = of_edge[kept]
    else:
        depth = kind.depth_m + rng.normal(0, 0.06, len(xy))
        level, order = ground - depth, np.zeros(len(xy))
    inside = site.extent.holds(xy[:, 0], xy[:, 1])
    crossing = inside[a] & inside[b]
    a, b, of_edge = a[crossing], b[crossing], of_edge[crossing]
    return _tables(kind, xy, ground, level, order, a, b, road.take(of_edge), rng)


def _chains(
    line: Geometries, node: NDArray[np.int64], junction: Floats, kind: Kind
) -> tuple[Floats, NDArray[np.int64], NDArray[np.int64]]:
    """Positions (junctions first), pairs of positions that a segment joins, and the edge of
    each pair."""
    length = shapely.length(line)
    inner = np.maximum(np.round(length / kind.step_m).astype(int) - 1, 0)
    edge = np.repeat(np.arange(len(line)), inner)
    place = np.arange(len(edge)) - np.repeat(np.cumsum(inner) - inner, inner) + 1
    share = place / (inner[edge] + 1)
    at = shapely.get_coordinates(shapely.line_interpolate_point(line[edge], share * length[edge]))
    ahead = shapely.get_coordinates(
        shapely.line_interpolate_point(line[edge], share * length[edge] + 1.0)
    )
    heading = ahead - at
    left = np.column_stack([-heading[:, 1], heading[:, 0]])
    # keep to one side of the street whichever way its line was drawn
    left[(heading[:, 0] + 0.3 * heading[:, 1]) < 0] *= -1
    left /= np.maximum(np.hypot(left[:, 0], left[:, 1]), 1e-6)[:, None]
    xy = np.concatenate([junction, at + kind.offset_m * left])
    number = np.arange(len(edge)) + len(junction)
    first = np.where(place == 1, node[edge, 0], number - 1)
    links = np.column_stack([first, number])
    last = np.flatnonzero(place == inner[edge])
    closing = np.column_stack([number[last], node[edge[last], 1]])
    short = np.flatnonzero(inner == 0)
    chains = np.concatenate([links, closing, node[short]])
    of_edge = np.concatenate([edge, edge[last], short])
    apart = chains[:, 0] != chains[:, 1]
    return xy, chains[apart], of_edge[apart]


def _falling(
    kind: Kind, xy: Floats, ground: Floats, chains: NDArray[np.int64], length: Floats
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64], Floats, Floats]:
    """A tree of sewers that falls to its outlets: upstream and downstream end of each segment,
    which chains are part of it, level of each point (its lowest invert), and how much sewer (m)
    drains through each point."""
    n = len(xy)
    both = np.concatenate([chains, chains[:, ::-1]])
    graph = coo_array((np.tile(length, 2), (both[:, 0], both[:, 1])), shape=(n, n)).tocsr()
    if kind.code == "WS":
        roots = np.array([int(np.hypot(*(xy - OUTLET).T).argmin())])
    else:
        roots = np.flatnonzero(np.abs(xy[:, 1] - river_axis(xy[:, 0])) < 105.0)
    reach, before, _ = dijkstra(
        graph, directed=False, indices=roots, min_only=True, return_predecessors=True
    )
    lowest = ground - kind.depth_m
    drained = np.zeros(n)
    for i in np.argsort(-np.where(np.isfinite(reach), reach, -1.0), kind="stable"):
        down = before[i]
        if down < 0 or not np.isfinite(reach[i]):
            continue
        way = reach[i] - reach[down]
        lowest[down] = min(lowest[down], lowest[i] - way * MIN_FALL[kind.code])
        drained[down] += drained[i] + way
    a, b = chains[:, 0], chains[:, 1]
    forward, backward = before[a] == b, before[b] == a
    kept = np.flatnonzero(forward | backward)
    up, down = np.where(forward, a, b)[kept], np.where(forward, b, a)[kept]
    return up, down, kept, lowest, drained


def _tables(
    kind: Kind, xy: Floats, ground: Floats, level: Floats, drained: Floats,
    a: NDArray[np.int64], b: NDArray[np.int64], road: Features, rng: np.random.Generator,
) -> Network:  # fmt: skip
    level = np.round(level, 3)
    ground = np.round(ground, 3)
    used = np.unique(np.concatenate([a, b]))
    names = np.empty(len(xy), dtype=object)
    names[used] = [f"{kind.code}{i:06d}" for i in range(1, len(used) + 1)]
    degree = np.bincount(np.concatenate([a, b]), minlength=len(xy))
    feature = np.where(degree == 1, "QD", np.where(degree == 2, "ZX", "FZ")).astype(object)
    fixture = rng.choice(np.array(kind.fixtures, dtype=object), len(xy))
    street = np.full(len(xy), "", dtype=object)
    street[a], street[b] = road["name"], road["name"]
    points = Features(
        shapely.points(np.column_stack([xy, level])[used]),
        {
            "point_id": names[used],
            "kind": np.full(len(used), kind.code, dtype=object),
            "feature": feature[used],
            "fixture": fixture[used],
            "ground_m": ground[used],
            "depth_m": np.round(ground - level, 2)[used],
            "road": street[used],
        },
    )
    coordinates = np.stack(
        [np.column_stack([xy, level])[a], np.column_stack([xy, level])[b]], axis=1
    )
    segments = Features(
        np.asarray(shapely.linestrings(coordinates)),
        {
            "pipe_id": np.array(
                [f"G{kind.code}{i:06d}" for i in range(1, len(a) + 1)], dtype=object
            ),
            "kind": np.full(len(a), kind.code, dtype=object),
            "from_point": names[a],
            "to_point": names[b],
            "diameter_mm": _diameters(kind, road, drained[a]),
            "material": _materials(kind, road, rng),
            "from_depth_m": np.round(ground - level, 2)[a],
            "to_depth_m": np.round(ground - level, 2)[b],
            "built_year": _years(road),
            "road": road["name"],
        },
    )
    return Network(points=points, segments=segments)


def _diameters(kind: Kind, road: Features, drained: Floats) -> NDArray[np.int64]:
    rank = np.array([min(ALL.index(c), 3) for c in road["road_class"]])
    rank = np.maximum(rank - 1, 0) if kind.code != "RL" else np.zeros(len(rank), dtype=int)
    size = np.array(kind.diameters)[rank]
    if kind.falls:  # as much as drains through it
        steps = np.array([300, 400, 500, 600, 800, 1000, 1200, 1500])
        grown = steps[np.searchsorted([400, 1200, 3000, 6000, 14000, 30000, 60000], drained)]
        size = np.maximum(size, grown)
    return np.asarray(size, dtype=np.int64)


def _materials(kind: Kind, road: Features, rng: np.random.Generator) -> NDArray[np.object_]:
    picks: NDArray[np.object_] = rng.choice(np.array(kind.materials, dtype=object), len(road))
    return picks


def _years(road: Features) -> NDArray[np.int64]:
    """The same year along a street: it was dug up once."""
    _, street = np.unique(road["name"].astype(str), return_inverse=True)
    return np.asarray(1988 + (np.asarray(street) * 7919) % 34, dtype=np.int64)
