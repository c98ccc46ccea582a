"""Tiles as a client meets them: the rows of items, where they are, at each date, immutable."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime

import numpy as np
import pyproj
import pytest
import shapely
from tile_trials import (
    LAT,
    LON,
    METRE,
    Fetch,
    Leaf,
    buildings,
    day,
    deliver,
    fetch_from,
    leaves,
    solid_layer,
    world,
)

from gis.errors import LayerError, NoAccurateTransform, TileError
from gis.layers import Registry
from gis.layers.model import Layer
from gis.store import Instant, Interval, LayerQuery, Store, rows, version_at
from gis.store import instant_of as instant_of_version
from gis.store.ledger import undo
from gis.store.tables import ensure_layer
from gis.tiles import content_glb, node_json, tileset_json
from gis.tiles.attributes import NO_INTEGER, NO_NUMBER
from gis.tiles.glb import GlbWriter
from gis.tiles.plan import PLANS, plan_of
from gis.tiles.quadtree import DEEPEST
from gis.tiles.reading import read_content
from gis.tiles.serving import content

UNDULATION = -14.0
pytestmark = pytest.mark.usefixtures("small_tiles")
FetchOf = Callable[..., Fetch]
TO_ECEF = pyproj.Transformer.from_crs(4979, 4978, always_xy=True)


@pytest.mark.parametrize("when", [None, Instant(day(1)), Instant(day(2)), Instant(day(3))])
def test_buildings_are_the_rows_of_items(
    city: Store, registry: Registry, fetch: FetchOf, when: Instant | None
) -> None:
    layer = registry.get("buildings")
    expected = rows(city, LayerQuery(layer=layer, when=when))
    found = list(leaves(fetch(layer, when)))
    keys = [key for leaf in found for key in leaf.content.columns["key"]]
    assert len(keys) == len(set(keys))
    assert set(keys) == set(expected.key.tolist())
    assert len(keys) == (580 if when in (None, Instant(day(3))) else 600)
    heights = {
        key: height
        for leaf in found
        for key, height in zip(
            leaf.content.columns["key"], leaf.content.columns["height_m"], strict=True
        )
    }
    assert heights == dict(zip(expected.key.tolist(), expected.columns["height_m"], strict=True))


@pytest.mark.parametrize("id", ["pipe_segments", "pipe_points"])
def test_pipes_are_the_rows_that_have_what_it_takes(
    city: Store, registry: Registry, fetch: FetchOf, id: str
) -> None:
    layer = registry.get(id)
    all_rows = rows(city, LayerQuery(layer=layer))
    needed = "diameter_mm" if id == "pipe_segments" else "depth_m"
    expected = {
        key
        for key, value in zip(all_rows.key.tolist(), all_rows.columns[needed], strict=True)
        if value is not None
    }
    keys = [key for leaf in leaves(fetch(layer)) for key in leaf.content.columns["key"]]
    assert len(keys) == len(set(keys))
    assert set(keys) == expected
    assert len(expected) == {"pipe_segments": 300, "pipe_points": 160}[id]


def test_every_corner_is_where_proj_puts_it(
    city: Store, registry: Registry, fetch: FetchOf
) -> None:
    layer = registry.get("buildings")
    by_key = {}
    found = rows(city, LayerQuery(layer=layer))
    for i, key in enumerate(found.key.tolist()):
        by_key[key] = (
            found.geometry[i], found.columns["base_m"][i], found.columns["height_m"][i]
        )  # fmt: skip
    worst = 0.0
    for leaf in leaves(fetch(layer)):
        vertices = world(leaf)
        ids = leaf.content.glb.attribute("_FEATURE_ID_0")
        for number, key in enumerate(leaf.content.columns["key"]):
            shape, base, height = by_key[key]
            lon, lat = shapely.get_coordinates(shape).T
            for level in (base + UNDULATION, base + height + UNDULATION):
                real = np.column_stack(TO_ECEF.transform(lon, lat, np.full(len(lon), level)))
                ours = vertices[ids == number]
                gap = np.linalg.norm(real[:, None] - ours[None], axis=2).min(axis=1)
                worst = max(worst, float(gap.max()))
    assert worst < 0.001
    assert worst > 0  # float32 is not exact: something was compared


def test_pipes_lie_at_their_axis(city: Store, registry: Registry, fetch: FetchOf) -> None:
    layer = registry.get("pipe_segments")
    found = rows(city, LayerQuery(layer=layer))
    at = {key: i for i, key in enumerate(found.key.tolist())}
    worst = 0.0
    for leaf in leaves(fetch(layer)):
        vertices, ids = world(leaf), leaf.content.glb.attribute("_FEATURE_ID_0")
        for number, key in enumerate(leaf.content.columns["key"]):
            lon, lat, z = shapely.get_coordinates(found.geometry[at[key]], include_z=True).T
            start, end = np.column_stack(TO_ECEF.transform(lon, lat, z + UNDULATION))[[0, -1]]
            ours = vertices[ids == number]
            for point in (start, end):  # the caps' corners lie around the ends of the axis
                near = np.linalg.norm(ours - point, axis=1)
                # each corner twice, of the side and of the cap
                worst = max(worst, np.linalg.norm(ours[np.argsort(near)[:16]].mean(axis=0) - point))
    assert worst < 0.001


def test_the_largest_show_first(fetch: FetchOf, registry: Registry) -> None:
    found = list(leaves(fetch(registry.get("buildings"))))
    for leaf in found:
        assert leaf.errors == sorted(leaf.errors, reverse=True)
        assert leaf.errors[-1] == 0
    shown_at = [(leaf.errors[-2], max(leaf.content.columns["height_m"])) for leaf in found]
    # a building's own height is a lower bound of its size: none shows later than it should
    assert all(error >= 8 * height * 0.99 for error, height in shown_at)


def test_a_tree_of_several_files(fetch: FetchOf, registry: Registry) -> None:
    get = fetch(registry.get("buildings"))
    paths = []

    def remembered(path: str) -> bytes:
        paths.append(path)
        return get(path)

    found = list(leaves(remembered))
    files = [path for path in paths if ".json" in path]
    assert len(files) > 3
    assert len(files) == len(set(files))
    assert len({leaf.path for leaf in found}) == len(found)
    assert max(leaf.content.features for leaf in found) <= 6


def test_bytes_are_the_same_each_time(city: Store, registry: Registry, fetch: FetchOf) -> None:
    layer = registry.get("buildings")

    def all_bytes() -> dict[str, bytes]:
        PLANS.kept.clear()
        get, seen = fetch(layer), {}
        for leaf in leaves(lambda path: seen.setdefault(path, get(path))):
            assert leaf.path in seen
        return seen

    assert all_bytes() == all_bytes()


def test_an_old_version_does_not_change(store: Store, registry: Registry) -> None:
    layer = registry.get("buildings")
    deliver(store, layer, buildings(40))
    before = fetch_from(store, registry, layer, Instant(day(2)))
    root = before("tileset.json")
    seen = {leaf.path: before(leaf.path) for leaf in leaves(before)}
    deliver(store, layer, buildings(50, seed=77), on=day(9))
    PLANS.kept.clear()
    assert {path: before(path) for path in seen} == seen
    assert before("tileset.json") == root
    now = fetch_from(store, registry, layer)
    assert {leaf.path for leaf in leaves(now)}.isdisjoint(seen)


def test_the_tileset_says_what_heights_it_has(fetch: FetchOf, registry: Registry) -> None:
    document = json.loads(fetch(registry.get("buildings"))("tileset.json"))
    assert document["asset"]["version"] == "1.1"
    properties = document["metadata"]["properties"]
    assert properties["geoid_undulation_m"] == UNDULATION
    assert properties["height_datum"] == "1985国家高程基准"
    assert properties["layer"] == "buildings"


def test_a_corrected_constant_gives_new_addresses(
    city: Store, registry: Registry, fetch: FetchOf
) -> None:
    layer = registry.get("buildings")
    corrected = replace(registry, city=replace(registry.city, geoid_undulation_m=-13.2))
    old = {leaf.path for leaf in leaves(fetch(layer))}
    new = {leaf.path for leaf in leaves(fetch_from(city, corrected, layer))}
    assert len(old) == len(new) > 10
    assert old.isdisjoint(new)
    assert {path.partition("?")[0] for path in old} == {path.partition("?")[0] for path in new}


def test_without_an_undulation_there_is_no_3d(city: Store, registry: Registry) -> None:
    nobody = replace(registry, city=replace(registry.city, geoid_undulation_m=None))
    with pytest.raises(NoAccurateTransform):
        tileset_json(city, nobody, registry.get("buildings"))


def test_an_interval_is_refused(city: Store, registry: Registry) -> None:
    with pytest.raises(TileError):
        tileset_json(city, registry, registry.get("buildings"), Interval(day(1), None))


def test_a_layer_without_a_solid_is_refused(city: Store, registry: Registry) -> None:
    with pytest.raises(TileError):
        tileset_json(city, registry, registry.get("roads"))
    with pytest.raises(TileError):
        content_glb(city, registry, registry.get("roads"), 1, 0, 0, 0)


def test_an_unknown_tile_is_refused(city: Store, registry: Registry) -> None:
    layer = registry.get("buildings")
    version = version_at(city, layer)
    for place in [(0, 0, 0), (-1, 0, 0), (DEEPEST + 1, 0, 0), (11, 2**30, 5), (11, -5, 2)]:
        for answer in (content_glb, node_json):
            with pytest.raises(TileError):
                answer(city, registry, layer, version, *place)


def test_a_version_that_is_undone_or_of_another_layer_is_refused(
    store: Store, registry: Registry
) -> None:
    layer = registry.get("buildings")
    deliver(store, layer, buildings(20))
    get, version = fetch_from(store, registry, layer), version_at(store, layer)
    path = next(leaves(get)).path
    assert get(path)
    with pytest.raises(TileError):
        content_glb(store, registry, registry.get("pipe_segments"), version, 0, 0, 0)
    undo(store, version)
    with pytest.raises(TileError):
        get(path)


def test_before_the_first_delivery_there_is_an_empty_city(
    registry: Registry, fetch: FetchOf
) -> None:
    get = fetch(registry.get("buildings"), Instant(datetime(1999, 1, 1, tzinfo=UTC)))
    assert list(leaves(get)) == []
    assert json.loads(get("tileset.json"))["metadata"]["properties"]["version"] == 0


def test_where_nothing_is_left_there_is_an_empty_model(city: Store, registry: Registry) -> None:
    layer = registry.get("buildings")
    plan = plan_of(city, registry, layer, version_at(city, layer))
    assert plan.root is not None
    gone = replace(plan.root, keys=np.array([10**9]))
    data, left_out = content(city, plan, gone, GlbWriter())
    found = read_content(data)
    assert (found.features, found.columns, left_out) == (0, {}, {})


def test_later_deliveries_of_the_same_date_are_seen(store: Store, registry: Registry) -> None:
    layer = registry.get("buildings")
    deliver(store, layer, buildings(20))
    version = version_at(store, layer)
    tileset_json(store, registry, layer)
    deliver(store, layer, buildings(30))
    assert instant_of_version(store, layer, version).at == day(1)
    plan = plan_of(store, registry, layer, version)
    assert sum(len(node.keys) for node in plan.nodes.values()) == 30


def test_every_type_of_value(store: Store, registry: Registry) -> None:
    layer = solid_layer()
    with store.connection() as conn:
        ensure_layer(conn, layer)
    square = shapely.box(LON, LAT, LON + 20 * METRE, LAT + 20 * METRE)
    full = {
        "a_text": "柳", "a_integer": 2**40, "a_number": 10.1, "a_boolean": True,
        "a_date": date(2020, 2, 3), "a_datetime": datetime(2024, 1, 1, tzinfo=UTC),
        "a_code": "YS", "storeys": 7, "height_m": 9.0, "at": square,
    }  # fmt: skip
    shifted = shapely.transform(square, lambda p: p + 30 * METRE)
    deliver(store, layer, [full, {"a_text": "b", "height_m": 3.0, "at": shifted}])
    [leaf] = _leaves_of(store, registry, layer)
    columns = leaf.content.columns
    assert {name: values[0] for name, values in columns.items()} == {
        "key": 1, "a_text": "柳", "a_integer": 2.0**40, "a_number": 10.1, "a_boolean": "true",
        "a_date": "2020-02-03", "a_datetime": "2024-01-01T08:00:00+08:00", "a_code": "YS",
        "storeys": 7, "height_m": 9.0,
    }  # fmt: skip
    assert {name: values[1] for name, values in columns.items()} == {
        "key": 2, "a_text": "b", "a_integer": NO_NUMBER, "a_number": NO_NUMBER, "a_boolean": "",
        "a_date": "", "a_datetime": "", "a_code": "", "storeys": NO_INTEGER, "height_m": 3.0,
    }  # fmt: skip


def test_a_column_of_nulls(store: Store, registry: Registry) -> None:
    layer = registry.get("buildings")
    plain = [b | {"name": None, "built_year": None} for b in buildings(3)]
    deliver(store, layer, plain)
    [leaf] = _leaves_of(store, registry, layer)
    assert leaf.content.columns["name"] == ["", "", ""]
    assert leaf.content.columns["built_year"] == [NO_INTEGER] * 3


def test_many_features_in_one_place(store: Store, registry: Registry) -> None:
    layer = registry.get("buildings")
    tower = buildings(1)[0]
    deliver(store, layer, [tower | {"building_id": f"S{i}"} for i in range(40)])
    [leaf] = _leaves_of(store, registry, layer)
    assert leaf.content.features == 40


def test_a_key_beyond_32_bits_is_refused(store: Store, registry: Registry) -> None:
    layer = registry.get("buildings")
    deliver(store, layer, buildings(1))
    with store.connection() as conn:
        conn.execute("UPDATE gis.buildings SET key = 2^32::bigint")
    with pytest.raises(TileError):
        _leaves_of(store, registry, layer)


@pytest.mark.parametrize("solid", [{"extrude": {"base_m": "nowhere", "height_m": 3}}])
def test_a_field_that_is_not_there_is_named(store: Store, registry: Registry, solid: dict) -> None:
    with pytest.raises(LayerError, match="nowhere"):
        tileset_json(store, registry, replace(registry.get("buildings"), solid=solid))


def _leaves_of(store: Store, registry: Registry, layer: Layer) -> list[Leaf]:
    return list(leaves(fetch_from(store, registry, layer)))
