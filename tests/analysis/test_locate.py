"""`locate`: one point, everything that is known of it, each answer checked another way."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import shapely
from small_city import FIRST, SECOND, building, deliver, fill

from gis.analysis import locate
from gis.analysis.locate import dms
from gis.coords import (
    ControlPoint,
    LocalFrame,
    decode_place_code,
    find_transformation,
    fit_local,
    parse_angle,
    to_metric,
)
from gis.errors import CoordError, NoAccurateTransform, OutsideFrame, UnknownFrame
from gis.layers import Registry
from gis.store import Instant, LayerQuery, Store, rows

INSIDE = building(8)["at"].centroid  # of a building that grows between the two dates
EARTH_M = 6_371_000.0


@pytest.fixture(scope="module")
def city(server: Any, registry: Registry) -> Iterator[Store]:
    """The API tests' small city with two administrative areas, a manhole and a name."""
    with server.copy() as url, Store.open(url, max_size=2, timezone="Asia/Shanghai") as store:
        fill(store, registry)
        whole, part = shapely.box(113.9, 32.9, 114.2, 33.1), shapely.box(113.99, 32.97, 114.1, 33.0)
        areas = [
            {"code": code, "name": name, "level": level, "at": shapely.MultiPolygon([shape])}
            for code, name, level, shape in (
                ("411702", "驿城区", "county", part),
                ("411700", "驻马店市", "city", whole),
            )
        ]
        deliver(store, registry.layers["admin_areas"], areas)
        hole = {"point_id": "K1", "kind": "YS", "ground_m": 81.25, "depth_m": 2.0}
        deliver(store, registry.layers["pipe_points"], [hole | {"at": (114.006, 32.975, 79.25)}])
        name = {"place_id": "D1", "name": "人民广场", "kind": "other", "at": (114.003, 32.984)}
        deliver(store, registry.layers["place_names"], [name])
        yield store


def local_frame() -> LocalFrame:
    """A city plane turned by a degree and cut by 400 km east and 3,600 km north."""
    rng = np.random.default_rng(7)
    known = rng.uniform([496_000, 3_646_000], [508_000, 3_656_000], (8, 2))
    turned = np.radians(1.0)
    rotation = np.array([[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]])
    local = (known - known.mean(axis=0)) @ rotation + known.mean(axis=0) - [400_000, 3_600_000]
    points = [
        ControlPoint(name=f"K{i}", x=p[0], y=p[1], east=k[0], north=k[1])
        for i, (p, k) in enumerate(zip(local.tolist(), known.tolist(), strict=True))
    ]
    return fit_local(points, "zmd", target=4547)


def distance_m(one: tuple[float, float], other: tuple[float, float]) -> float:
    """On a sphere: another formula than the plane's."""
    (lon1, lat1), (lon2, lat2) = np.radians(one), np.radians(other)
    half = math.sin((lat2 - lat1) / 2) ** 2
    half += math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * EARTH_M * math.asin(math.sqrt(half))


def test_every_frame_leads_back_to_the_point(city: Store, registry: Registry) -> None:
    local = {"zmd": local_frame()}
    found = locate(city, registry, local, INSIDE.x, INSIDE.y, "EPSG:4490")
    names = [c.frame.name for c in found.coordinates]
    assert {"EPSG:4490", "EPSG:4547", "EPSG:4526", "EPSG:3857", "gcj02", "bd09", "bd09mc"} <= set(
        names
    )
    assert names[-1] == "local:zmd"
    for one in found.coordinates:
        assert one.xy is not None
        assert one.accuracy_m is not None
        back = find_transformation(one.frame, 4490).apply(np.array([one.xy]))[0]
        assert distance_m(tuple(back), (INSIDE.x, INSIDE.y)) < 0.002, one.frame
    accuracy = {c.frame.name: c.accuracy_m for c in found.coordinates}
    assert (accuracy["EPSG:4547"], accuracy["EPSG:4326"], accuracy["gcj02"]) == (0.0, 1.0, 5.0)


def test_the_same_place_from_any_frame(city: Store, registry: Registry) -> None:
    plain = locate(city, registry, {}, INSIDE.x, INSIDE.y, 4490)
    for one in plain.coordinates:
        assert one.xy is not None
        again = locate(city, registry, {}, *one.xy, one.frame)
        assert distance_m((again.lon, again.lat), (plain.lon, plain.lat)) < 0.002
        assert again.accuracy_m == one.accuracy_m
        assert again.reach_m == max(3.0, again.accuracy_m)
        assert again.building is not None


def test_grid_codes_hold_the_point_level_by_level(city: Store, registry: Registry) -> None:
    found = locate(city, registry, {}, INSIDE.x, INSIDE.y, 4490)
    assert [cell.level for cell in found.grid] == list(range(1, 11))
    for cell in found.grid:
        west, south, east, north = decode_place_code(cell.code).bounds
        assert west <= found.lon <= east
        assert south <= found.lat <= north
    for above, below in zip(found.grid, found.grid[1:], strict=False):
        assert below.code.startswith(above.code)


@pytest.mark.parametrize(
    ("angle", "text"),
    [
        (114.022, "114°01′19.2000″E"),
        (-0.5, "0°30′00.0000″W"),
        (59.99999999999, "60°00′00.0000″E"),
        (114.0, "114°00′00.0000″E"),
    ],
)
def test_degrees_minutes_seconds(angle: float, text: str) -> None:
    assert dms(angle, "E", "W") == text
    assert parse_angle(text) == pytest.approx(angle, abs=2e-8)


def test_heights_say_where_they_come_from(city: Store, registry: Registry) -> None:
    inside = locate(city, registry, {}, INSIDE.x, INSIDE.y, 4490)
    assert inside.ground is not None
    assert inside.building is not None
    assert inside.building.value_m == 99.5
    assert (inside.ground.value_m, inside.ground.source.distance_m) == (82.5, 0.0)
    # 20 m south of the manhole: its level, not that of a building 500 m off
    beside = locate(city, registry, {}, 114.006, 32.975 - 20 / 111_000, 4490)
    assert beside.building is None
    assert beside.ground is not None
    assert (beside.ground.value_m, beside.ground.source.layer) == (81.25, "pipe_points")
    assert beside.ground.source.distance_m == pytest.approx(20, abs=0.2)
    nowhere = locate(city, registry, {}, 114.05, 32.99, 4490)
    assert (nowhere.ground, nowhere.building, nowhere.here) == (None, None, ())


def test_areas_road_and_name(city: Store, registry: Registry) -> None:
    found = locate(city, registry, {}, INSIDE.x, INSIDE.y, 4490)
    assert [a["name"] for a in found.admin] == ["驻马店市", "驿城区"]
    assert found.admin[1]["level"] == {"zh": "县区", "en": "County or district", "code": "county"}
    assert found.place is not None
    assert found.place.title == "人民广场"
    assert found.place.distance_m == pytest.approx(
        distance_m((INSIDE.x, INSIDE.y), (114.003, 32.984)), rel=0.003
    )
    # every road, measured by hand
    layer = registry.layers["roads"]
    roads = rows(city, LayerQuery(layer=layer))
    point = shapely.Point(to_metric(np.array([[INSIDE.x, INSIDE.y]]), 4547)[0])
    lines = shapely.transform(roads.geometry, lambda xy: to_metric(xy, 4547))
    distances = shapely.distance(lines, point)
    nearest = int(np.argmin(distances))
    assert found.road is not None
    assert found.road.id == int(roads.key[nearest])
    assert found.road.distance_m == pytest.approx(float(distances[nearest]), abs=0.01)


def test_what_lies_there_is_what_lies_within_reach(city: Store, registry: Registry) -> None:
    corner = shapely.Point(114.0012, 32.98015)  # the north-east corner of building 1
    metres = 1 / 111_000
    names = [
        [f"{n.layer}/{n.title}" for n in locate(
            city, registry, {}, corner.x, corner.y + off * metres, 4490, reach_m=reach
        ).here]
        for off, reach in ((2.0, 3.0), (5.0, 3.0), (5.0, 6.0))
    ]  # fmt: skip
    assert ["buildings/B00001" in found for found in names] == [True, False, True]
    assert all("planning_permits/人民路小区" in found for found in names)
    assert not any(one.startswith("admin_areas") for found in names for one in found)


def test_as_of_a_date(city: Store, registry: Registry) -> None:
    def height(i: int, when: Instant | None) -> float | None:
        at = building(i)["at"].centroid
        found = locate(city, registry, {}, at.x, at.y, 4490, when).building
        return None if found is None else found.value_m

    then, later = Instant(FIRST), Instant(SECOND)
    assert [height(7, when) for when in (then, later, None)] == [
        building(7)["height_m"],
        None,
        None,
    ]
    assert [height(8, when) for when in (then, later, None)] == [27.4, 99.5, 99.5]


def test_sensitive_layers_stay_unseen(city: Store, registry: Registry) -> None:
    from dataclasses import replace

    layers = dict(registry.layers)
    layers["buildings"] = replace(layers["buildings"], classification="sensitive")
    hidden = locate(city, replace(registry, layers=layers), {}, INSIDE.x, INSIDE.y, 4490)
    assert hidden.building is None
    assert "buildings" not in str(hidden.to_json())


def test_far_away_there_are_coordinates_and_nothing_else(city: Store, registry: Registry) -> None:
    found = locate(city, registry, {"zmd": local_frame()}, 87.6, 43.8, 4490)
    by_name = {c.frame.name: c for c in found.coordinates}
    assert by_name["gcj02"].xy is not None
    for name in ("EPSG:4547", "local:zmd"):
        assert by_name[name].xy is None
        assert by_name[name].refusal is not None
    assert (found.here, found.admin, found.road, found.place) == ((), (), None, None)


@pytest.mark.parametrize(
    ("x", "y", "frame", "error"),
    [
        (3_650_530.0, 38_502_056.0, "EPSG:4526", OutsideFrame),
        (502_056.0, 3_650_530.0, "EPSG:4490", OutsideFrame),
        (float("nan"), 32.98, "EPSG:4490", OutsideFrame),
        (float("inf"), 32.98, "gcj02", OutsideFrame),
        (139.7, 35.7, "gcj02", OutsideFrame),
        (114.0, 89.0, "EPSG:4326", OutsideFrame),
        (114.0, 33.0, "EPSG:4610", NoAccurateTransform),
        (114.0, 33.0, "nowhere", UnknownFrame),
        (1.0, 2.0, "local:none", UnknownFrame),
    ],
)
def test_refusals(
    city: Store, registry: Registry, x: float, y: float, frame: str, error: type[CoordError]
) -> None:
    with pytest.raises(error) as caught:
        locate(city, registry, {}, x, y, frame)
    assert caught.value.zh
    assert caught.value.en
