"""The town's main streets: ring road, arterials, continuous secondary streets, bank roads."""

from __future__ import annotations

import numpy as np
import shapely

from gis.demo.features import Features, as_objects, concat
from gis.demo.river import BANK, river_axis
from gis.demo.site import WHOLE, Floats, Geometries, Shape

WIDTH = {"expressway": 50.0, "arterial": 40.0, "secondary": 26.0, "branch": 15.0}

# name, easting where it crosses northing 0, bend (m), phase, class
NORTH_SOUTH = (
    ("铜山大道", -2830.0, 60.0, 0.3, "arterial"),
    ("富强路", -2260.0, 50.0, 1.1, "secondary"),
    ("前进大道", -1620.0, 45.0, 0.9, "arterial"),
    ("解放路", -640.0, 30.0, 2.0, "secondary"),
    ("乐山路", -60.0, 25.0, 0.0, "arterial"),
    ("文化路", 520.0, 40.0, 0.5, "secondary"),
    ("天中山大道", 1120.0, 55.0, 0.8, "arterial"),
    ("开源大道", 2190.0, 80.0, 1.2, "arterial"),
    ("通达路", 2760.0, 70.0, 1.4, "secondary"),
)
# name, share of the way from the river's north bank to northing 2900, class
NORTH_BANK = (
    ("健康路", 0.17, "secondary"),
    ("中华大道", 0.34, "arterial"),
    ("交通路", 0.50, "secondary"),
    ("文明大道", 0.67, "arterial"),
    ("金山路", 0.86, "secondary"),
)
# name, share of the way from the south bank to northing -2950
SOUTH_BANK = (("雪松大道", 0.46, "arterial"), ("橡林路", 0.78, "secondary"))


def ring() -> shapely.Polygon:
    """The ring road's course: a rounded rectangle a planner drew and the land bent."""
    angle = np.linspace(0, 2 * np.pi, 240, endpoint=False)
    cos, sin = np.cos(angle), np.sin(angle)
    radius = (np.abs(cos / 3420.0) ** 3.4 + np.abs(sin / 2960.0) ** 3.4) ** (-1 / 3.4)
    radius *= 1 + 0.030 * np.sin(3 * angle + 1.0) + 0.014 * np.sin(5 * angle)
    radius *= 1 + 0.018 * np.sin(2 * angle + 2.4)
    return shapely.Polygon(np.column_stack([radius * cos, radius * sin - 30.0]))


def _rounded(corners: list[tuple[float, float]]) -> Shape:
    return shapely.Polygon(corners).buffer(-60).buffer(60, quad_segs=4)


def industrial_park() -> Shape:
    """The industrial district outside the ring in the east."""
    return _rounded([(3000, 1890), (4060, 1760), (4170, 900), (4090, -60), (3000, -160)])


def suburbs() -> dict[str, Shape]:
    """Districts that grew beyond the ring road, by the name of the road along their edge."""
    return {
        "工业大道": industrial_park(),
        "学府大道": _rounded([(-820, 2700), (-860, 3480), (40, 3640), (820, 3330), (800, 2700)]),
        "西平南路": _rounded(
            [(-2200, -2300), (-2120, -3330), (-2780, -3480), (-3240, -2860), (-2900, -2000)]
        ),
        "确山东路": _rounded([(1200, -2500), (1180, -3260), (1750, -3420), (2080, -2400)]),
    }


def town() -> Shape:
    """Everything inside the ring road and in the districts beyond it."""
    return shapely.union_all([ring(), *suburbs().values()])


def _north_south(x0: float, bend: float, phase: float) -> shapely.LineString:
    y = np.arange(WHOLE.south, WHOLE.north + 1, 40.0)
    fan = 1.0 + 0.00001 * y * np.sign(x0)  # streets fan out a little to the north
    x = x0 * fan + bend * np.sin(y / 1500.0 + phase) - bend * np.sin(phase)
    return shapely.LineString(np.column_stack([x, y]))


def _east_west(y_of_x: Floats, x: Floats) -> shapely.LineString:
    return shapely.LineString(np.column_stack([x, y_of_x]))


def _named(rows: list[tuple[str, str, Shape]]) -> Features:
    names, classes, lines = zip(*rows, strict=True)
    return Features(
        as_objects(lines),
        {
            "name": np.array(names, dtype=object),
            "road_class": np.array(classes, dtype=object),
            "width_m": np.array([WIDTH[c] for c in classes]),
        },
    )


def _exploded(roads: Features) -> Features:
    parts, which = shapely.get_parts(roads.geometry, return_index=True)
    kept = (shapely.get_type_id(parts) == 1) & (shapely.length(parts) > 60.0)
    rows = roads.take(which[kept])
    return Features(parts[kept], rows.columns)


def main_streets() -> Features:
    """Named streets with class and width. Arterials and two secondary roads run on through the
    country as highways; all other streets end at the town's edge."""
    x = np.arange(WHOLE.west, WHOLE.east + 1, 40.0)
    axis = river_axis(x)
    rows: list[tuple[str, str, Shape]] = [
        (name, kind, _north_south(x0, bend, phase)) for name, x0, bend, phase, kind in NORTH_SOUTH
    ]
    north, south = axis + BANK, axis - BANK
    for name, share, kind in NORTH_BANK:
        top = 2900.0 + 60.0 * np.sin(x / 1800.0)
        rows.append((name, kind, _east_west(north + share * (top - north), x)))
    for name, share, kind in SOUTH_BANK:
        rows.append((name, kind, _east_west(south + share * (-2950.0 - south), x)))
    rows.append(("滨河北路", "secondary", _east_west(north, x)))
    rows.append(("滨河南路", "secondary", _east_west(south, x)))
    everywhere = _named(rows)
    arterial = everywhere["road_class"] == "arterial"
    inside = everywhere.take(~arterial)
    inside = Features(shapely.intersection(inside.geometry, town()), inside.columns)
    bent = shapely.LineString([(1135, 905), (1700, 1240), (2240, 1700), (2650, 2230), (2890, 2600)])
    smooth = shapely.LineString(_chaikin(shapely.get_coordinates(bent)))
    special = _named(
        [
            ("驿城大道", "arterial", smooth.intersection(ring())),
            *((name, "expressway", part) for name, part in _ring_parts()),
            *((name, "secondary", _edge(district)) for name, district in suburbs().items()),
        ]
    )
    return _exploded(concat([everywhere.take(arterial), inside, special]))


def _ring_parts() -> list[tuple[str, Shape]]:
    """The ring road in four parts, each with its name."""
    xy = shapely.get_coordinates(ring())
    quarter = len(xy) // 8  # the parts meet in the corners
    xy = np.roll(xy[:-1], quarter, axis=0)
    step = len(xy) // 4
    closed = np.concatenate([xy, xy[:1]])
    names = ("东环路", "北环路", "西环路", "南环路")
    return [
        (name, shapely.LineString(closed[i * step : (i + 1) * step + 1]))
        for i, name in enumerate(names)
    ]


def _edge(district: Shape) -> Shape:
    """A district's outer road: its edge outside the ring."""
    return shapely.line_merge(district.boundary.difference(ring()))


def _chaikin(xy: Floats, rounds: int = 3) -> Floats:
    """Corners cut off, Chaikin's algorithm."""
    for _ in range(rounds):
        a, b = xy[:-1], xy[1:]
        cut = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], axis=1).reshape(-1, 2)
        xy = np.concatenate([xy[:1], cut, xy[-1:]])
    return xy


def surfaces(roads: Features) -> Geometries:
    """The carriageway and pavements of each road: its line widened to its width."""
    surface: Geometries = shapely.buffer(
        roads.geometry, roads["width_m"] / 2, quad_segs=4, cap_style="round"
    )
    return surface
